//! The app's news: a feed that is pulled ([`ChangePage`]) and webhooks that are pushed ([`HookMessage`]).

use crate::account::Account;
use crate::entitlement::{Entitlement, Grant};
use crate::object::{Extras, ObjectRef};
use crate::time::Instant;

/// What changed at the app.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// This account is new or different; as it is now.
    Account(Account),
    /// This entitlement is new or different; as it is now.
    Entitlement(Entitlement),
    /// This grant is new or different; as it is now.
    Grant(Grant),
    /// This object is gone.
    ObjectRemoved(ObjectRef),
    /// This grant is gone; principal and entitlement count.
    GrantRemoved(Grant),
    /// Something about this object changed, and the app does not say what.
    LookAgain(ObjectRef),
}

/// One change of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where the feed stands after this change.
    pub token: String,
    /// What changed.
    pub changed: Changed,
    /// See [`Extras`].
    pub extra: Extras,
}

/// Some changes, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangePage {
    /// The changes.
    pub items: Vec<Change>,
    /// Where the feed stands after all of them.
    pub token: String,
    /// There are more already.
    pub more: bool,
    /// See [`Extras`].
    pub extra: Extras,
}

impl ChangePage {
    /// All there is for now; ask again from `token` another time.
    pub fn caught_up(items: Vec<Change>, token: impl Into<String>) -> Self {
        Self {
            items,
            token: token.into(),
            more: false,
            extra: Vec::new(),
        }
    }

    /// There is more from `token` on, already.
    pub fn more(items: Vec<Change>, token: impl Into<String>) -> Self {
        Self {
            items,
            token: token.into(),
            more: true,
            extra: Vec::new(),
        }
    }
}

impl Change {
    /// This changed, and the feed stands at `token` after it.
    pub fn new(token: impl Into<String>, changed: Changed) -> Self {
        Self {
            token: token.into(),
            changed,
            extra: Vec::new(),
        }
    }
}

/// A webhook as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookMessage {
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The bytes, unchanged: what the signature is over.
    pub body: Vec<u8>,
    /// When it came.
    pub received: Instant,
    /// See [`Extras`].
    pub extra: Extras,
}

impl HookMessage {
    /// A webhook with this body.
    pub fn new(body: impl Into<Vec<u8>>, received: Instant) -> Self {
        Self {
            headers: Vec::new(),
            body: body.into(),
            received,
            extra: Vec::new(),
        }
    }

    /// With this header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Translation {
    /// What changed. May be empty.
    pub changes: Vec<Changed>,
    /// The body of the answer, for apps that ask to be answered; `None`: an empty one.
    pub reply: Option<Vec<u8>>,
    /// See [`Extras`].
    pub extra: Extras,
}

/// Whether two signatures are the same, in a time that does not depend on where they differ.
pub fn signatures_match(ours: &[u8], theirs: &[u8]) -> bool {
    let differing = ours
        .iter()
        .zip(theirs)
        .fold(0, |seen, (a, b)| seen | (a ^ b));
    ours.len() == theirs.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_match_only_when_every_byte_does() {
        assert!(signatures_match(b"abc", b"abc"));
        for theirs in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert!(!signatures_match(b"abc", theirs));
        }
    }
}
