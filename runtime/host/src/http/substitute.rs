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

/// The bytes with each of these placeholders replaced by its secret; `None` if they would become more
/// than `bytes_max`. A placeholder is short and can stand there often, and a secret can be long: how large
/// it all becomes is known before any of it is made.
pub(crate) fn put_in(
    mut bytes: Vec<u8>,
    placeholders: &[&Placeholder],
    writing: Writing,
    bytes_max: usize,
) -> Option<Vec<u8>> {
    for placeholder in placeholders {
        let value = placeholder.value.expose();
        let value = match writing {
            Writing::Json => escaped(value),
            Writing::Form => byte_serialize(value.as_bytes()).collect(),
            Writing::Plain => value.to_owned(),
        };
        let word = placeholder.word.as_bytes();
        let count = memchr::memmem::find_iter(&bytes, word).count();
        let grown = count.saturating_mul(value.len());
        let size = bytes.len().saturating_sub(count * word.len());
        if size.saturating_add(grown) > bytes_max {
            return None;
        }
        bytes = replace(&bytes, word, value.as_bytes());
    }
    Some(bytes)
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
            is_generated: false,
        };
        let with = |writing| {
            let body = put_in(b"<mstr01>".to_vec(), &[&placeholder], writing, 100);
            String::from_utf8(body.unwrap()).unwrap()
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

    #[test]
    fn c42_what_would_become_too_large_with_its_secrets_is_never_made() {
        let placeholder = Placeholder {
            word: "mstr01".to_owned(),
            slot: "p".to_owned(),
            value: Secret::new("x".repeat(30 << 10)),
            forms: Vec::new(),
            is_generated: false,
        };
        let (often, limit) = (b"mstr01".repeat(200_000), 8 << 20);
        assert_eq!(put_in(often, &[&placeholder], Writing::Plain, limit), None);
        let few = put_in(
            b"mstr01".repeat(200),
            &[&placeholder],
            Writing::Plain,
            limit,
        );
        assert_eq!(few.map(|body| body.len()), Some(200 * (30 << 10)));
    }
}
