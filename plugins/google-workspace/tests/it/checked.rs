//! [`Checked`]: a host with prepared answers that lets no request through that Google would not understand.

use muster_sdk::{Answer, FakeHost, Host, HttpFault, Instant, LogLevel, Request, Response};
use serde_json::{Value, json};

use crate::discovery::Discovery;

/// A host with prepared answers.
pub(crate) struct Checked {
    pub(crate) fake: FakeHost,
    discovery: Discovery,
}

impl Checked {
    pub(crate) fn new(fake: FakeHost) -> Self {
        Self {
            fake,
            discovery: Discovery::load(),
        }
    }

    /// Google's names of the methods that were asked for, in order.
    pub(crate) fn methods(&self) -> Vec<String> {
        let requests = self.fake.requests();
        requests
            .iter()
            .map(|request| self.discovery.read(request).unwrap().method)
            .collect()
    }
}

impl Host for Checked {
    fn send(&self, request: Request) -> Result<Response, HttpFault> {
        if let Err(text) = self.discovery.read(&request) {
            panic!("Google would not understand this: {text}");
        }
        self.fake.send(request)
    }

    fn placeholder(&self, slot: &str) -> Result<String, String> {
        self.fake.placeholder(slot)
    }

    fn sign(&self, slot: &str, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, String> {
        self.fake.sign(slot, algorithm, data)
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.fake.settings()
    }

    fn now(&self) -> Instant {
        self.fake.now()
    }

    fn random(&self, count: u32) -> Vec<u8> {
        self.fake.random(count)
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, &str)]) {
        self.fake.log(level, message, fields);
    }

    fn scratch_get(&self, key: &str) -> Option<Vec<u8>> {
        self.fake.scratch_get(key)
    }

    fn scratch_set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.fake.scratch_set(key, value)
    }
}

/// An answer in Google's form for what is no success.
pub(crate) fn refusal(status: u16, reason: &str, message: &str) -> Answer {
    Answer::json(status, refusal_body(status, reason, message))
}

/// The body of such an answer.
pub(crate) fn refusal_body(status: u16, reason: &str, message: &str) -> Value {
    let errors = json!([{"domain": "global", "reason": reason, "message": message}]);
    json!({"error": {"code": status, "message": message, "errors": errors}})
}
