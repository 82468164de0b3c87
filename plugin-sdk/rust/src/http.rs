//! Typed requests to the app: an [`Api`] knows the address and the credential, a [`Call`] is one request, a
//! [`Reply`] its answer.
//!
//! ```
//! use muster_sdk::{Answer, Api, FakeHost, Path, Result};
//!
//! #[derive(serde::Deserialize)]
//! struct User {
//!     id: String,
//! }
//!
//! let host = FakeHost::new().answer(Answer::json(200, r#"{"id": "7"}"#));
//! let api = Api::at("https://api.acme.example/v1").credential("api");
//! let user: User = api.get(Path::new("/users").push("7")).send_json(&host)?;
//! assert_eq!(user.id, "7");
//! # muster_sdk::Result::Ok(())
//! ```
//!
//! What is not a success becomes a [`Problem`] as `status.rs` says. An app that says more than its status does
//! is given a function with [`Api::explained_by`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::{Host, Request, Response};
use crate::object::ObjectRef;
use crate::outcome::{OpContext, Outcome};
use crate::path::Path;
use crate::problem::{Problem, Result};
use crate::status::{self, Effect};
use crate::time::Instant;

/// The header with which an app asks to be left alone for a while.
const RETRY_AFTER: &str = "retry-after";

/// Where the app is and how to get in. Made anew in each call; it costs nothing.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    credential: Option<String>,
    bucket: Option<String>,
    headers: Vec<(String, String)>,
    explain: Option<fn(&Reply) -> Option<Problem>>,
    fault: Option<String>,
}

impl Api {
    /// An app at this address, `https://api.acme.example/v1`, with or without a path. An address that is not
    /// one is [`Problem::Invalid`] when it is used.
    pub fn at(base: impl Into<String>) -> Self {
        let base = base.into().trim_end_matches('/').to_owned();
        let server = base
            .strip_prefix("https://")
            .or_else(|| base.strip_prefix("http://"));
        let valid = server.is_some_and(|server| {
            !server.is_empty() && !server.starts_with('/') && !server.contains(['?', '#', '@', ' '])
        });
        let fault = (!valid).then(|| format!("`{base}` is not the address of an app"));
        Self {
            base,
            credential: None,
            bucket: None,
            headers: Vec::new(),
            explain: None,
            fault,
        }
    }

    /// The host applies the secret in this slot.
    #[must_use]
    pub fn credential(mut self, slot: impl Into<String>) -> Self {
        self.credential = Some(slot.into());
        self
    }

    /// Requests count for this rate bucket.
    #[must_use]
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.bucket = Some(name.into());
        self
    }

    /// Every request carries this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// What this app means by a reply that is not a success. It is asked first; `None` leaves it to the status.
    #[must_use]
    pub fn explained_by(mut self, explain: fn(&Reply) -> Option<Problem>) -> Self {
        self.explain = Some(explain);
        self
    }

    /// A `GET`.
    pub fn get(&self, path: impl Into<Path>) -> Call {
        self.call("GET", &path.into())
    }

    /// A `POST`.
    pub fn post(&self, path: impl Into<Path>) -> Call {
        self.call("POST", &path.into())
    }

    /// A `PUT`.
    pub fn put(&self, path: impl Into<Path>) -> Call {
        self.call("PUT", &path.into())
    }

    /// A `PATCH`.
    pub fn patch(&self, path: impl Into<Path>) -> Call {
        self.call("PATCH", &path.into())
    }

    /// A `DELETE`.
    pub fn delete(&self, path: impl Into<Path>) -> Call {
        self.call("DELETE", &path.into())
    }

    fn call(&self, method: &str, path: &Path) -> Call {
        let path_fault = path.fault().map(str::to_owned);
        let fault = self.fault.clone().or(path_fault);
        let request = Request {
            method: method.to_owned(),
            url: format!("{}{path}", self.base),
            headers: self.headers.clone(),
            credential: self.credential.clone(),
            bucket: self.bucket.clone(),
            ..Request::default()
        };
        let effect = if method == "GET" {
            Effect::Reads
        } else {
            Effect::Writes
        };
        Call {
            request,
            effect,
            accepted: Vec::new(),
            already: Vec::new(),
            about: None,
            explain: self.explain,
            fault,
        }
    }
}

/// One request. Nothing happens until one of the `send` functions.
#[derive(Debug)]
#[must_use = "nothing is sent until `send`, `send_json` or `find_json`"]
pub struct Call {
    request: Request,
    effect: Effect,
    accepted: Vec<u16>,
    already: Vec<u16>,
    about: Option<ObjectRef>,
    explain: Option<fn(&Reply) -> Option<Problem>>,
    fault: Option<String>,
}

impl Call {
    /// With this header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The host applies the secret in this slot instead of the `Api`'s.
    pub fn credential(mut self, slot: impl Into<String>) -> Self {
        self.request.credential = Some(slot.into());
        self
    }

    /// It counts for this rate bucket.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.request.bucket = Some(name.into());
        self
    }

    /// The reply must come within that many milliseconds.
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.request.timeout_ms = Some(timeout_ms);
        self
    }

    /// With this body as `application/json`, or as the type that a `content-type` header said before.
    pub fn json<B: Serialize + ?Sized>(mut self, body: &B) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.request.body = Some(bytes),
            Err(error) => {
                self.fault = Some(format!("the request cannot be written as JSON: {error}"));
            }
        }
        self.content_type("application/json")
    }

    /// With these fields as `application/x-www-form-urlencoded`.
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let encoded = fields
            .iter()
            .fold(Path::new(""), |path, (name, value)| path.query(name, value));
        self.request.body = Some(encoded.to_string().trim_start_matches('?').into());
        self.content_type("application/x-www-form-urlencoded")
    }

    /// With these bytes.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.request.body = Some(bytes.into());
        self.content_type(content_type)
    }

    fn content_type(self, content_type: &str) -> Self {
        match self.request.header("content-type") {
            Some(_) => self,
            None => self.header("content-type", content_type),
        }
    }

    /// It changes nothing, although it is a `POST`: a search. A lost reply is then [`Problem::Transient`].
    pub fn reads(mut self) -> Self {
        self.effect = Effect::Reads;
        self
    }

    /// With the operation's id as `Idempotency-Key`, for apps that then do it once however often it is sent.
    pub fn idempotent(self, ctx: &OpContext) -> Self {
        self.header("idempotency-key", ctx.operation_id.clone())
    }

    /// It is about this object: what the app does not find is [`Problem::NotFound`] of it. Without this, a 404
    /// says that the address is wrong ([`Problem::RemoteDefect`]).
    pub fn about(mut self, object: &ObjectRef) -> Self {
        self.about = Some(object.clone());
        self
    }

    /// Only if the object is still at its revision (`If-Match`); nothing is added if it has none.
    pub fn if_unchanged(self, object: &ObjectRef) -> Self {
        match &object.revision {
            Some(revision) => self.header("if-match", revision.clone()),
            None => self,
        }
    }

    /// This status is an answer too: the connector looks at [`Reply::status`].
    pub fn accept(mut self, status: u16) -> Self {
        self.accepted.push(status);
        self
    }

    /// This status says that it was so before: [`ensure`](Self::ensure) makes it `Outcome::already()`.
    pub fn already_if(mut self, status: u16) -> Self {
        self.accepted.push(status);
        self.already.push(status);
        self
    }

    /// The host keeps the secret at this JSON Pointer of the reply and leaves a handle in its place.
    pub fn seal(mut self, pointer: impl Into<String>) -> Self {
        self.request.seal.push(pointer.into());
        self
    }

    /// Sends it. A 2xx or accepted status is a reply.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that says what it means that there is no such reply.
    pub fn send(self, host: &dyn Host) -> Result<Reply> {
        if let Some(fault) = self.fault {
            return Err(Problem::invalid("", "not-allowed", fault));
        }
        let bucket = self.request.bucket.clone();
        let server = self.request.server().to_owned();
        let response = match host.send(self.request) {
            Ok(response) => response,
            Err(fault) => return Err(status::of_fault(fault, self.effect, &server, bucket)),
        };
        let mut reply = Reply {
            response,
            effect: self.effect,
            bucket,
            received: None,
        };
        // Only a day and time to wait for has to be compared with the time of the call.
        if reply.header(RETRY_AFTER).is_some() {
            reply.received = Some(host.now());
        }
        let status = reply.status();
        if (200..300).contains(&status) || self.accepted.contains(&status) {
            return Ok(reply);
        }
        let explained = self.explain.and_then(|explain| explain(&reply));
        Err(explained.unwrap_or_else(|| status::of_reply(&reply, self.about)))
    }

    /// Sends a change and says how it ended: `already` with a status of [`already_if`](Self::already_if), else
    /// `done`, with the app's request id as evidence.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn ensure(self, host: &dyn Host) -> Result<Outcome> {
        let already = self.already.clone();
        let reply = self.send(host)?;
        let outcome = if already.contains(&reply.status()) {
            Outcome::already()
        } else {
            Outcome::done()
        };
        Ok(outcome.evidence(reply.request_id()))
    }

    /// Sends it and reads the JSON of the reply.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`Reply::json`].
    pub fn send_json<T: DeserializeOwned>(self, host: &dyn Host) -> Result<T> {
        self.send(host)?.json()
    }

    /// Sends it and reads the JSON of the reply; `None` if the app answers 404 or 410.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`Reply::json`].
    pub fn find_json<T: DeserializeOwned>(self, host: &dyn Host) -> Result<Option<T>> {
        let reply = self.accept(404).accept(410).send(host)?;
        match reply.status() {
            404 | 410 => Ok(None),
            _ => reply.json().map(Some),
        }
    }
}

/// An answer of the app.
#[derive(Debug, Clone)]
pub struct Reply {
    response: Response,
    effect: Effect,
    bucket: Option<String>,
    /// The time of the call, where the app asks to wait.
    received: Option<Instant>,
}

impl Reply {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.response.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.response.body
    }

    /// What the app calls the request, for [`Outcome::evidence`](crate::Outcome::evidence).
    pub fn request_id(&self) -> Option<&str> {
        let names = [
            "x-request-id",
            "request-id",
            "x-correlation-id",
            "x-amzn-requestid",
            "x-goog-request-id",
        ];
        names.iter().find_map(|name| self.header(name))
    }

    /// How long a `Retry-After` header asks to wait, in milliseconds.
    pub fn retry_after_ms(&self) -> Option<u32> {
        crate::time::retry_after_ms(self.header(RETRY_AFTER)?, self.received.as_ref()?)
    }

    /// Reads its JSON. A body that is empty, HTML or something else makes a read a
    /// [`Problem::RemoteDefect`]; for a write, which the app has carried out by all appearances, it is
    /// [`Problem::OutcomeUnknown`]. Where an empty body is normal, ask [`body`](Self::body) first.
    ///
    /// # Errors
    ///
    /// As said. The text names the place in the JSON, never its content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.body()).map_err(|error| {
            let message = format!("{}, JSON expected: {}", self.described(), place(&error));
            match self.effect {
                Effect::Reads => Problem::RemoteDefect(message),
                Effect::Writes => Problem::OutcomeUnknown(message),
            }
        })
    }

    /// What came, in words without content: `200 with HTML`.
    pub(crate) fn described(&self) -> String {
        let html = self
            .header("content-type")
            .is_some_and(|value| value.contains("html"))
            || self.body().trim_ascii_start().starts_with(b"<");
        let what = match self.body() {
            [] => "without a body",
            _ if html => "with HTML or XML",
            _ => "with a body",
        };
        format!("the app answered {} {what}", self.status())
    }

    pub(crate) fn effect(&self) -> Effect {
        self.effect
    }

    pub(crate) fn bucket(&self) -> Option<String> {
        self.bucket.clone()
    }
}

/// What is wrong with JSON, and where, without quoting it: values may be personal.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data | serde_json::error::Category::Io => {
            "a field is missing or has another type"
        }
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}
