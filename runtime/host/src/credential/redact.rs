//! Taking secrets out of what a plugin, a log or an error gets to see.
//!
//! Apps echo what they were sent: in error pages, in `debug` fields, in headers. Whatever comes back
//! is searched for every secret of the target, as it is and as it looks in JSON, in an address and
//! in Base64.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;

use super::Placeholder;

/// Shorter values are not searched for: they would be found in ordinary words.
pub const SECRET_BYTES_MIN: usize = 6;

/// What stands in the place of a secret.
const MARK: &[u8] = b"[redacted]";

/// Forms of secrets that came up while running and are searched for, of each origin.
const FRESH_MAX: usize = 64;

/// Knows the secrets of one target.
#[derive(Default)]
pub(crate) struct Redactor {
    fixed: Vec<Finder<'static>>,
    /// Tokens that were fetched. Apart from the others, so that a run of new keys cannot push the
    /// token out that every request carries.
    tokens: Fresh,
    /// Secrets that the app issued and the host took out of a reply.
    sealed: Fresh,
}

/// The forms of the latest secrets of one origin.
#[derive(Default)]
struct Fresh(RwLock<VecDeque<Finder<'static>>>);

impl Fresh {
    fn learn(&self, secret: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms(secret) {
            if known.iter().any(|known| known.needle() == form.needle()) {
                continue;
            }
            if known.len() == FRESH_MAX {
                known.pop_front();
            }
            known.push_back(form);
        }
    }

    fn take_out(&self, bytes: Vec<u8>) -> Vec<u8> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(bytes, without)
    }
}

impl Redactor {
    /// Adds secrets that hold as long as the target does.
    pub(crate) fn know(&mut self, secret: &str) {
        self.fixed.extend(forms(secret));
        // The longest first, so that a form within another one does not leave the rest standing.
        self.fixed
            .sort_by_key(|finder| std::cmp::Reverse(finder.needle().len()));
    }

    /// Adds a token that was fetched.
    pub(crate) fn learn_token(&self, token: &str) {
        self.tokens.learn(token);
    }

    /// Adds a secret that the app issued.
    pub(crate) fn learn_sealed(&self, secret: &str) {
        self.sealed.learn(secret);
    }

    /// The bytes without secrets; `of_call` are those that belong to this call alone.
    pub(crate) fn bytes(&self, bytes: Vec<u8>, of_call: &[Placeholder]) -> Vec<u8> {
        let bytes = self.fixed.iter().fold(bytes, without);
        let bytes = of_call
            .iter()
            .flat_map(|placeholder| &placeholder.forms)
            .fold(bytes, without);
        self.sealed.take_out(self.tokens.take_out(bytes))
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: String, of_call: &[Placeholder]) -> String {
        let bytes = self.bytes(text.into_bytes(), of_call);
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// The forms in which a secret may come back.
pub(crate) fn forms(secret: &str) -> Vec<Finder<'static>> {
    if secret.len() < SECRET_BYTES_MIN {
        return Vec::new();
    }
    // In JSON, and in JSON within JSON: an error report that quotes the request.
    let json = escaped(secret);
    let quoted = escaped(&json);
    let address: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms = vec![
        secret.to_owned(),
        // Some languages write a slash as `\/`.
        json.replace('/', "\\/"),
        json,
        quoted,
        address.replace('+', "%20"),
        address,
        STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    forms.sort();
    forms.dedup();
    forms
        .iter()
        .map(|form| Finder::new(form.as_bytes()).into_owned())
        .collect()
}

/// A text as it stands between the quotes of JSON.
pub(crate) fn escaped(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

fn without(bytes: Vec<u8>, finder: &Finder<'static>) -> Vec<u8> {
    let Some(first) = finder.find(&bytes) else {
        return bytes;
    };
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    let mut at = Some(first);
    while let Some(found) = at {
        clean.extend_from_slice(&rest[..found]);
        clean.extend_from_slice(MARK);
        rest = &rest[found + finder.needle().len()..];
        at = finder.find(rest);
    }
    clean.extend_from_slice(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_in_every_form() {
        let mut redactor = Redactor::default();
        redactor.know("s3cr\"et/+ word");
        for text in [
            "x s3cr\"et/+ word y",
            r#"{"echo":"s3cr\"et/+ word"}"#,
            r#"{"echo":"s3cr\"et\/+ word"}"#,
            r#"{"echo":"{\"body\":\"s3cr\\\"et/+ word\"}"}"#,
            "?token=s3cr%22et%2F%2B+word&",
            "?token=s3cr%22et%2F%2B%20word&",
            &format!("Basic {}", STANDARD.encode("s3cr\"et/+ word")),
        ] {
            let clean = redactor.text(text.to_owned(), &[]);
            assert!(
                clean.contains("[redacted]") && !clean.contains("s3cr"),
                "{text} became {clean}"
            );
        }
    }

    #[test]
    fn an_ordinary_text_stays_as_it_is() {
        let mut redactor = Redactor::default();
        redactor.know("abc");
        redactor.learn_token("a-long-secret");
        assert_eq!(redactor.text("abc abcd".to_owned(), &[]), "abc abcd");
        assert_eq!(redactor.text("a-long-secret".to_owned(), &[]), "[redacted]");
        assert_eq!(redactor.bytes(vec![0xff, b'x'], &[]), vec![0xff, b'x']);
    }
}
