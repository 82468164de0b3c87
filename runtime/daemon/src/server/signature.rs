//! Signatures of deliveries, as Standard Webhooks (<https://www.standardwebhooks.com>) defines them:
//! HMAC-SHA256 over `id.timestamp.body`, in base64, one or several in a header.
//!
//! The comparison takes the same time whatever is compared, and every key is tried, so that the
//! time of an answer says nothing about a secret. Time has to be near the daemon's clock to both
//! sides: an old delivery cannot be played back, and none can be prepared for later.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use muster_config::{Environment, HookSource, SecretError, SecretSource};
use ring::hmac;

/// Longest message id, in bytes.
pub const ID_BYTES_MAX: usize = 256;

/// Most signatures in one header.
pub const SIGNATURES_MAX: usize = 16;

/// Shortest and longest secret, in bytes, as the specification has them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret, ready to check signatures with.
#[derive(Clone)]
pub struct HookKey(hmac::Key);

/// Why a text is no secret. Never says the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the secret {0}")]
pub struct InvalidHookKey(pub &'static str);

impl HookKey {
    /// Reads the secrets of a hook, each for itself, in the order in which they are configured.
    pub fn read(source: &HookSource, environment: &Environment) -> Vec<Result<Self, SecretError>> {
        let read = |source: &SecretSource| {
            let secret = source.read(environment)?;
            Self::new(secret.reveal()).map_err(|invalid| SecretError::Unusable {
                place: source.to_string(),
                reason: invalid.0,
            })
        };
        source.secrets.iter().map(read).collect()
    }

    /// Takes a secret as it is handed out: `whsec_` and base64, or base64 alone.
    pub fn new(secret: &str) -> Result<Self, InvalidHookKey> {
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| InvalidHookKey("is not written as `whsec_` and base64"))?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(InvalidHookKey("does not have 24 to 64 bytes"));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Signs as a sender does: the value of the header `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(tag(&self.0, id, timestamp, body)))
    }
}

fn tag(key: &hmac::Key, id: &str, timestamp: i64, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    context.sign()
}

impl fmt::Debug for HookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookKey(...)")
    }
}

/// What the headers of a delivery say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The sender's message id.
    pub id: String,
    /// When it was sent, in seconds since 1970.
    timestamp: i64,
    /// The signatures of version 1, decoded.
    signatures: Vec<Vec<u8>>,
}

/// Why a delivery is not taken for genuine.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// A header is missing or cannot be read.
    #[error("the header {header} {reason}")]
    Header {
        /// Which.
        header: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Too old, or from the future.
    #[error("the delivery's time is {seconds} s {side}, and at most {tolerance} s are allowed")]
    Time {
        /// How far.
        seconds: u64,
        /// To which side.
        side: &'static str,
        /// How far it may be.
        tolerance: u64,
    },
    /// No key made any of the signatures.
    #[error("no configured secret made the signature")]
    Signature,
}

/// The headers' names.
pub const ID_HEADER: &str = "webhook-id";
/// Seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// `v1,BASE64`, several with spaces between them.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

impl Signed {
    /// Reads the headers.
    pub fn read(headers: &http::HeaderMap) -> Result<Self, Refused> {
        let header = |header: &'static str| {
            let mut values = headers.get_all(header).iter();
            let reason = match (values.next(), values.next()) {
                (Some(value), None) => match value.to_str() {
                    Ok(text) => return Ok(text),
                    Err(_) => "is not plain text",
                },
                (Some(_), Some(_)) => "is there twice",
                (None, _) => "is missing",
            };
            Err(Refused::Header { header, reason })
        };
        let id = header(ID_HEADER)?;
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err(Refused::Header {
                header: ID_HEADER,
                reason: "does not have 1 to 256 bytes",
            });
        }
        let timestamp = header(TIMESTAMP_HEADER)?;
        let timestamp = timestamp.parse::<i64>().map_err(|_| Refused::Header {
            header: TIMESTAMP_HEADER,
            reason: "is not a number of seconds since 1970",
        })?;
        let signatures: Vec<Vec<u8>> = header(SIGNATURE_HEADER)?
            .split_ascii_whitespace()
            .take(SIGNATURES_MAX)
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|signature| STANDARD.decode(signature).ok())
            .collect();
        if signatures.is_empty() {
            return Err(Refused::Header {
                header: SIGNATURE_HEADER,
                reason: "has no signature of version 1, written `v1,BASE64`",
            });
        }
        Ok(Self {
            id: id.to_owned(),
            timestamp,
            signatures,
        })
    }

    /// Whether the delivery's time is near enough to now.
    pub fn check_time(&self, now: Timestamp, tolerance: Duration) -> Result<(), Refused> {
        let away = SignedDuration::from_secs(self.timestamp.saturating_sub(now.as_second()));
        if away.unsigned_abs() <= tolerance {
            return Ok(());
        }
        Err(Refused::Time {
            seconds: away.unsigned_abs().as_secs(),
            side: if away.is_negative() {
                "old"
            } else {
                "in the future"
            },
            tolerance: tolerance.as_secs(),
        })
    }

    /// Whether one of the keys made one of the signatures over this body.
    pub fn check_signature(&self, keys: &[HookKey], body: &[u8]) -> Result<(), Refused> {
        let mut is_genuine = false;
        for HookKey(key) in keys {
            let made = tag(key, &self.id, self.timestamp, body);
            // A tag over the tag, so that the body is not copied and the comparison is the library's,
            // which takes the same time whatever differs.
            let over_made = hmac::sign(key, made.as_ref());
            for signature in &self.signatures {
                is_genuine |= hmac::verify(key, signature, over_made.as_ref()).is_ok();
            }
        }
        if is_genuine {
            Ok(())
        } else {
            Err(Refused::Signature)
        }
    }
}
