//! The boundary: the contract's generated bindings, and [`Component`], which gives a connector type to them.
//!
//! Only for WebAssembly. Generated types stay in here; `lift` turns what the host gives into the SDK's own
//! types and `lower` turns answers back, so that a change of the generator never reaches a connector. A panic
//! is logged with its message before the instance traps: a bare trap says nothing to anybody.

mod guest;
mod lift;
mod lower;
mod memory;

use std::cell::OnceCell;
use std::marker::PhantomData;

use bindings::muster::connector::{context, http, secrets};

use crate::host::{Host, HttpFault, LogLevel, Request, Response};
use crate::time::Instant;

/// What `wit_bindgen` makes of `wit/`. The folder is a link in the repository and a copy in the package.
#[expect(missing_docs, reason = "generated; the words are in `wit/`")]
pub mod bindings {
    wit_bindgen::generate!({
        world: "connector",
        path: "wit",
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "::muster_sdk::wasm::bindings",
        runtime_path: "::muster_sdk::wasm::wit_bindgen::rt",
    });
}

pub use bindings::export_component;
pub use wit_bindgen;

/// The exports of a connector type.
#[derive(Debug)]
pub struct Component<T>(PhantomData<T>);

/// The real host, for one call.
struct Boundary {
    /// The settings, once one was asked for: they do not change during a call.
    settings: OnceCell<Vec<(String, String)>>,
}

impl Host for Boundary {
    fn send(&self, request: Request) -> Result<Response, HttpFault> {
        let sent = http::Request {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            credential: request.credential,
            bucket: request.bucket,
            timeout_ms: request.timeout_ms,
            seal: request.seal,
            extra: request.extra,
        };
        let http::Response {
            status,
            headers,
            body,
            extra,
        } = http::send(&sent).map_err(|fault| match fault {
            http::HttpFault::DeniedByPolicy(text) => HttpFault::DeniedByPolicy(text),
            http::HttpFault::NotSent(text) => HttpFault::NotSent(text),
            http::HttpFault::SentNoReply(text) => HttpFault::SentNoReply(text),
            http::HttpFault::TooLarge(text) => HttpFault::TooLarge(text),
            http::HttpFault::BudgetSpent(text) => HttpFault::BudgetSpent(text),
        })?;
        Ok(Response {
            status,
            headers,
            body,
            extra,
        })
    }

    fn placeholder(&self, slot: &str) -> Result<String, String> {
        secrets::placeholder(slot)
    }

    fn sign(&self, slot: &str, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, String> {
        secrets::sign(slot, algorithm, data)
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.settings.get_or_init(context::settings).clone()
    }

    fn setting(&self, key: &str) -> Option<String> {
        let settings = self.settings.get_or_init(context::settings);
        let found = settings.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }

    fn now(&self) -> Instant {
        Instant::from_contract(context::now())
    }

    fn random(&self, count: u32) -> Vec<u8> {
        context::random(count)
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, &str)]) {
        let level = match level {
            LogLevel::Debug => context::LogLevel::Debug,
            LogLevel::Info => context::LogLevel::Info,
            LogLevel::Warn => context::LogLevel::Warn,
            LogLevel::Error => context::LogLevel::Error,
        };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let fields: Vec<_> = fields.iter().map(owned).collect();
        context::log(level, message, &fields);
    }

    fn scratch_get(&self, key: &str) -> Option<Vec<u8>> {
        context::scratch_get(key)
    }

    fn scratch_set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        context::scratch_set(key, value)
    }
}

/// The host, with panics reported to it. An instance lives for one call, so this runs once.
fn host() -> Boundary {
    let boundary = || Boundary {
        settings: OnceCell::new(),
    };
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic
            .payload_as_str()
            .unwrap_or("a panic without a message");
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        boundary().log(
            LogLevel::Error,
            message,
            &[("event", "panic"), ("place", &place)],
        );
    }));
    boundary()
}
