//! Taking secrets out of what a plugin, a log or an error gets to see.
//!
//! Apps echo what they were sent: in error pages, in `debug` fields, in headers. Whatever comes back
//! is searched for every secret of the target, as it is and as it looks in JSON, in an address, in HTML, in
//! Base64 wherever it begins, in hexadecimal digits and in UTF-16.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;

/// Shorter values are not searched for: they would be found in ordinary words.
pub const SECRET_BYTES_MIN: usize = 6;

/// What stands in the place of a secret.
pub(super) const MARK: &[u8] = b"[redacted]";

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

    /// The bytes without secrets; `of_call` are forms of those that belong to this call alone.
    pub(crate) fn bytes(&self, bytes: Vec<u8>, of_call: &[Finder<'static>]) -> Vec<u8> {
        let bytes = self.fixed.iter().fold(bytes, without);
        let bytes = of_call.iter().fold(bytes, without);
        self.sealed.take_out(self.tokens.take_out(bytes))
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: String, of_call: &[Finder<'static>]) -> String {
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
    let address: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut texts = vec![
        secret.to_owned(),
        // Some languages write a slash as `\/`, and some what HTML knows as `\u003c`.
        json.replace('/', "\\/"),
        json.replace('&', "\\u0026")
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('\'', "\\u0027"),
        escaped(&json),
        json,
        address.replace('+', "%20"),
        lower_case_percents(&address.replace('+', "%20")),
        percents(secret),
        lower_case_percents(&percents(secret)),
        address,
        html(secret, "&quot;", "&#39;"),
        html(secret, "&#34;", "&#x27;"),
        html(secret, "&quot;", "&apos;"),
        STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(secret),
        hex(secret),
        hex(secret).to_ascii_uppercase(),
    ];
    texts.extend(base64_forms(secret.as_bytes()));
    let wide = |bytes_of: fn(u16) -> [u8; 2]| secret.encode_utf16().flat_map(bytes_of).collect();
    let mut forms: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    forms.extend([wide(u16::to_le_bytes), wide(u16::to_be_bytes)]);
    forms.sort();
    forms.dedup();
    forms
        .iter()
        .map(|form| Finder::new(form).into_owned())
        .collect()
}

/// What of a text does not depend on what stands around it, in Base64 of both alphabets, wherever it begins.
pub(super) fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut shifted = vec![0; before];
        shifted.extend_from_slice(bytes);
        // The first characters hold bits of what stands before, and the last one may of what follows.
        let cut_in_front = [0, 2, 3][before];
        let cut_behind = usize::from(!shifted.len().is_multiple_of(3));
        for text in [
            STANDARD.encode(&shifted).trim_end_matches('=').to_owned(),
            URL_SAFE_NO_PAD.encode(&shifted),
        ] {
            let end = text.len().saturating_sub(cut_behind);
            if let Some(form) = text.get(cut_in_front..end)
                && form.len() >= SECRET_BYTES_MIN
            {
                forms.push(form.to_owned());
            }
        }
    }
    forms
}

/// A text with everything in `%XX` that may be.
fn percents(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

/// `%2F` as `%2f`.
fn lower_case_percents(text: &str) -> String {
    let mut digits = 0;
    let lower = |char: char| {
        if char == '%' {
            digits = 2;
        } else if digits > 0 {
            digits -= 1;
            return char.to_ascii_lowercase();
        }
        char
    };
    text.chars().map(lower).collect()
}

fn html(text: &str, quote: &str, apostrophe: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', quote)
        .replace('\'', apostrophe)
}

fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    let mut shown = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        let _infallible = write!(shown, "{byte:02x}");
    }
    shown
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
            &format!("Basic {}", STANDARD.encode("ann:s3cr\"et/+ word")),
            &format!("Basic {}", STANDARD.encode("anna:s3cr\"et/+ word!")),
            "?token=s3cr%22et%2f%2b%20word&",
            "<b>s3cr&quot;et/+ word</b>",
            "<b>s3cr&#34;et/+ word</b>",
            "733363722265742f2b20776f7264",
        ] {
            let clean = redactor.text(text.to_owned(), &[]);
            assert!(
                clean.contains("[redacted]") && !clean.contains("s3cr"),
                "{text} became {clean}"
            );
        }
        let wide: Vec<u8> = "x s3cr\"et/+ word"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let clean = redactor.bytes(wide, &[]);
        assert!(memchr::memmem::find(&clean, b"[redacted]").is_some());
        assert!(memchr::memmem::find(&clean, b"s\x003\0").is_none());
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
