//! [`Path`]: how an id gets into a URL without becoming part of its structure.
//!
//! Ids come from the app and from people. One that is empty would turn `DELETE /users/7` into
//! `DELETE /users/`, and `..` would climb out of the collection, percent-encoded or not. Such a path is
//! refused when it is used.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters is encoded, in segments as in queries.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path below an [`Api`](crate::Api)'s address, with its query.
///
/// ```
/// use muster_sdk::Path;
///
/// let path = Path::new("/Groups").push("a/b").push("members").query("filter", "id eq \"7\"");
/// assert_eq!(path.to_string(), "/Groups/a%2Fb/members?filter=id%20eq%20%227%22");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    segments: String,
    query: String,
    fault: Option<&'static str>,
}

impl Path {
    /// A fixed beginning, `/Users`. Text that is not known when the connector is compiled goes through
    /// [`push`](Self::push).
    pub fn new(fixed: &'static str) -> Self {
        let mut path = Self {
            segments: String::new(),
            query: String::new(),
            fault: None,
        };
        let trimmed = fixed.trim_matches('/');
        if !trimmed.is_empty() {
            path.segments = format!("/{trimmed}");
        }
        if fixed.contains(['?', '#']) {
            path.fault = Some("a fixed path holds no query: use `query`");
        }
        path
    }

    /// One more segment, percent-encoded. Empty, `.` and `..` are refused when the path is used.
    #[must_use]
    pub fn push(mut self, segment: impl AsRef<str>) -> Self {
        let segment = segment.as_ref();
        match segment {
            "" => self.fault = Some("a segment of the path is empty"),
            "." | ".." => self.fault = Some("a segment of the path is only dots"),
            _ => {}
        }
        self.segments.push('/');
        self.segments.extend(utf8_percent_encode(segment, ENCODED));
        self
    }

    /// A fixed ending of the last segment: `:signOut`, `.json`.
    #[must_use]
    pub fn suffix(mut self, fixed: &'static str) -> Self {
        self.segments.push_str(fixed);
        self
    }

    /// One more parameter of the query, percent-encoded.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "texts and numbers alike, without a borrow at each call"
    )]
    #[must_use]
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        self.query.extend(utf8_percent_encode(name, ENCODED));
        self.query.push('=');
        self.query
            .extend(utf8_percent_encode(&value.to_string(), ENCODED));
        self
    }

    /// One more parameter of the query, if there is a value.
    #[must_use]
    pub fn query_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Why it cannot be used, if so.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.fault
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.segments, self.query)
    }
}

impl From<&'static str> for Path {
    fn from(fixed: &'static str) -> Self {
        Self::new(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment() {
        let path = Path::new("/v1/users/").push("../admins?x=1#y").push("ä b");
        assert_eq!(
            path.to_string(),
            "/v1/users/..%2Fadmins%3Fx%3D1%23y/%C3%A4%20b"
        );
        assert_eq!(path.fault(), None);
    }

    #[test]
    fn an_id_that_would_change_the_path_is_refused() {
        for id in ["", ".", ".."] {
            assert!(Path::new("/users").push(id).fault().is_some(), "{id:?}");
        }
        assert!(Path::new("/users?active=true").fault().is_some());
    }

    #[test]
    fn values_cannot_add_parameters() {
        let path = Path::new("")
            .query("a", "1&b=2")
            .query_opt("c", None::<u32>)
            .query("d", 3);
        assert_eq!(path.to_string(), "?a=1%26b%3D2&d=3");
    }
}
