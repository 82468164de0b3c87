//! Putting secrets in the place of their placeholders, in headers and bodies, escaped as the body
//! needs it.

use url::form_urlencoded::byte_serialize;

use crate::credential::Placeholder;
use crate::credential::redact::escaped;

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writing {
    Json,
    Form,
    Plain,
}

impl Writing {
    /// The writing of a body with this content type.
    pub(crate) fn of(content_type: Option<&str>) -> Self {
        let kind = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        let kind = kind.to_ascii_lowercase();
        if kind == "application/json" || kind.ends_with("+json") {
            Writing::Json
        } else if kind == "application/x-www-form-urlencoded" {
            Writing::Form
        } else {
            Writing::Plain
        }
    }
}

/// The placeholders that occur in these bytes.
pub(crate) fn used<'a>(bytes: &[u8], placeholders: &'a [Placeholder]) -> Vec<&'a Placeholder> {
    placeholders
        .iter()
        .filter(|placeholder| memchr::memmem::find(bytes, placeholder.word.as_bytes()).is_some())
        .collect()
}

/// The bytes with each of these placeholders replaced by its secret.
pub(crate) fn put_in(
    mut bytes: Vec<u8>,
    placeholders: &[&Placeholder],
    writing: Writing,
) -> Vec<u8> {
    for placeholder in placeholders {
        let value = placeholder.value.expose();
        let value = match writing {
            Writing::Json => escaped(value),
            Writing::Form => byte_serialize(value.as_bytes()).collect(),
            Writing::Plain => value.to_owned(),
        };
        bytes = replace(&bytes, placeholder.word.as_bytes(), value.as_bytes());
    }
    bytes
}

fn replace(bytes: &[u8], word: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + value.len());
    let mut rest = bytes;
    while let Some(found) = memchr::memmem::find(rest, word) {
        out.extend_from_slice(&rest[..found]);
        out.extend_from_slice(value);
        rest = &rest[found + word.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Secret;

    #[test]
    fn a_secret_is_escaped_as_the_body_needs_it() {
        let placeholder = Placeholder {
            word: "mstr01".to_owned(),
            slot: "p".to_owned(),
            value: Secret::new("a\"b&\\c"),
            forms: Vec::new(),
        };
        let with = |writing| {
            let body = put_in(b"<mstr01>".to_vec(), &[&placeholder], writing);
            String::from_utf8(body).unwrap()
        };
        assert_eq!(
            with(Writing::of(Some("application/scim+json; charset=utf-8"))),
            r#"<a\"b&\\c>"#
        );
        assert_eq!(
            with(Writing::of(Some("application/x-www-form-urlencoded"))),
            "<a%22b%26%5Cc>"
        );
        assert_eq!(with(Writing::of(None)), "<a\"b&\\c>");
    }
}
