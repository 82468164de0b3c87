//! What a plugin calls, in this track's words. What happens then is in `import`, for every track.

use std::time::Duration;

use super::bindings::muster::connector::http::{HttpFault, Request, Response};
use super::bindings::muster::connector::{context, http, secrets, types};
use crate::call::CallState;
use crate::http::send::{Incoming, Outgoing, Refusal};
use crate::import::context::Level;

impl types::Host for CallState {}

impl http::Host for CallState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpFault>> {
        let answered = self.request(outgoing(request)).await?;
        Ok(answered.map(response).map_err(fault))
    }
}

fn outgoing(request: Request) -> Outgoing {
    Outgoing {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        credential: request.credential,
        bucket: request.bucket,
        timeout: request
            .timeout_ms
            .map(|ms| Duration::from_millis(u64::from(ms))),
        seal: request.seal,
    }
}

fn response(incoming: Incoming) -> Response {
    Response {
        status: incoming.status,
        headers: incoming.headers,
        body: incoming.body,
        extra: Vec::new(),
    }
}

fn fault(refusal: Refusal) -> HttpFault {
    match refusal {
        Refusal::Denied(text) => HttpFault::DeniedByPolicy(text),
        Refusal::NotSent(text) | Refusal::NoCredential(text) => HttpFault::NotSent(text),
        Refusal::SentNoReply(text) => HttpFault::SentNoReply(text),
        Refusal::TooLarge(text) => HttpFault::TooLarge(text),
        Refusal::BudgetSpent(text) => HttpFault::BudgetSpent(text),
    }
}

impl secrets::Host for CallState {
    fn placeholder(&mut self, slot: String) -> wasmtime::Result<Result<String, String>> {
        self.stand_in_for(&slot)
    }

    fn sign(
        &mut self,
        slot: String,
        algorithm: String,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        self.sign_with(&slot, &algorithm, &data)
    }
}

impl context::Host for CallState {
    fn settings(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.given_settings())
    }

    fn now(&mut self) -> wasmtime::Result<String> {
        Ok(self.now.to_string())
    }

    fn random(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.random_for_guest(count)
    }

    fn log(
        &mut self,
        level: context::LogLevel,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            context::LogLevel::Debug => Level::Debug,
            context::LogLevel::Info => Level::Info,
            context::LogLevel::Warn => Level::Warn,
            context::LogLevel::Error => Level::Error,
        };
        self.remark(level, &message, &fields)
    }

    fn scratch_get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.was_put_aside(&key)
    }

    fn scratch_set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        self.put_aside(key, value)
    }
}
