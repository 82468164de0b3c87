//! What a connector is given: the [`Host`]. Everything that is not a pure function of the arguments goes
//! through it, so that a connector can be tested without an app ([`FakeHost`](crate::FakeHost)) and a call can
//! be replayed.

use crate::object::Extras;
use crate::problem::{Problem, Result};
use crate::time::Instant;

/// The runtime, seen from a connector.
pub trait Host {
    /// Sends a request and waits for its reply. [`Api`](crate::Api) is the comfortable way.
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    fn send(&self, request: Request) -> core::result::Result<Response, HttpFault>;

    /// A random word that stands for the secret in this slot, in a header or body of a request.
    ///
    /// # Errors
    ///
    /// A text for people: no such slot, or not allowed here.
    fn placeholder(&self, slot: &str) -> core::result::Result<String, String>;

    /// Signs with the key in this slot: `hmac-sha256`, `hmac-sha1`, `rs256`, `es256`, `ed25519`.
    ///
    /// # Errors
    ///
    /// A text for people: no such slot, unknown algorithm.
    fn sign(
        &self,
        slot: &str,
        algorithm: &str,
        data: &[u8],
    ) -> core::result::Result<Vec<u8>, String>;

    /// The target's settings, in order of name.
    fn settings(&self) -> Vec<(String, String)>;

    /// The time of this call.
    fn now(&self) -> Instant;

    /// Random bytes fit for keys, 1 to 4096.
    fn random(&self, count: u32) -> Vec<u8>;

    /// A remark for the log. No personal value.
    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, &str)]);

    /// What an earlier call of the same listing or operation put there, unless it is gone.
    fn scratch_get(&self, key: &str) -> Option<Vec<u8>>;

    /// Puts something there for the next call of this listing or operation.
    ///
    /// # Errors
    ///
    /// A text for people: 256 KiB are used up.
    fn scratch_set(&self, key: &str, value: &[u8]) -> core::result::Result<(), String>;

    /// One setting.
    fn setting(&self, key: &str) -> Option<String> {
        self.settings()
            .into_iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// A setting that is declared as required or with a default, and therefore always there.
    ///
    /// # Errors
    ///
    /// [`Problem::Invalid`] if it is not there, which means that the descriptor does not say so.
    fn required_setting(&self, key: &str) -> Result<String> {
        let absent = || Problem::invalid(key, "required", "this setting has no value");
        self.setting(key).ok_or_else(absent)
    }
}

/// How loud a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For whoever writes the connector.
    Debug,
    /// Worth knowing.
    Info,
    /// Not as it should be, and dealt with.
    Warn,
    /// Not as it should be.
    Error,
}

/// A request with its whole body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The secret slot that the host applies.
    pub credential: Option<String>,
    /// The rate bucket it counts for.
    pub bucket: Option<String>,
    /// How long to wait for the reply, in milliseconds.
    pub timeout_ms: Option<u32>,
    /// JSON Pointers to secrets in the reply that the host keeps.
    pub seal: Vec<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Request {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The server of the URL, with its port if it says one.
    pub fn server(&self) -> &str {
        self.split().0
    }

    /// Path and query: what follows the server in the URL.
    pub fn path(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        let rest = self
            .url
            .split_once("://")
            .map_or(self.url.as_str(), |(_, rest)| rest);
        match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
            Some(parts) => parts,
            None => (rest, "/"),
        }
    }

    /// The body as JSON; null if there is none or it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        let body = self.body.as_deref().unwrap_or_default();
        serde_json::from_slice(body).unwrap_or_default()
    }
}

/// A reply with its whole body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// See [`Extras`].
    pub extra: Extras,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpFault {
    /// The host does not allow this request. It was not sent.
    DeniedByPolicy(String),
    /// The request did not reach the app.
    NotSent(String),
    /// It was sent, and no whole reply came.
    SentNoReply(String),
    /// The reply is larger than allowed; the app has acted on the request.
    TooLarge(String),
    /// This call's number of requests, or the rate budget, is used up. It was not sent.
    BudgetSpent(String),
}
