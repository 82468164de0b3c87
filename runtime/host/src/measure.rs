//! What a call and a request cost without what is around them: the yardsticks of `cargo xtask bench`.
//!
//! A call: the same engine, the same component and the same interruption, and nothing of the host
//! around it: no permit, no deadline, no limits on memory, no judgement of the answer. A request: the
//! same HTTP client, and no plugin that asks for it, no permission, no credential, no pace.

use std::sync::Arc;

use muster_core::connector::Problem;
use muster_core::permission::PrivateAccess;
use wasmtime::component::Component;
use wasmtime::{Store, UpdateDeadline};

use crate::call::CallState;
use crate::failure;
use crate::host::Host;
use crate::http::client::{Allowance, Client, Departures};
use crate::http::trust::Trust;
use crate::options::CallLimits;
use crate::plugin::Plugin;

/// Calls `check-settings` on a fresh instance with wasmtime alone.
pub async fn bare_check_settings(host: &Host, plugin: &Plugin) -> Result<(), Problem> {
    let mut store = Store::new(&host.0.engine.wasmtime, CallState::bare(&host.0));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| {
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    match plugin.linked.bare_check_settings(&mut store).await {
        Ok(()) => Ok(()),
        Err(error) => Err(failure::plugin_failed(failure::sentence(&error, 0), false)),
    }
}

/// Compiles a component with wasmtime alone, and throws the code away.
///
/// # Errors
/// What wasmtime says.
pub fn bare_compile(host: &Host, bytes: &[u8]) -> Result<(), String> {
    let compiled = Component::from_binary(&host.0.engine.wasmtime, bytes);
    compiled
        .map(drop)
        .map_err(|error| failure::sentence(&error, 0))
}

/// The HTTP client of a target, and nothing around it.
#[derive(Clone)]
pub struct BareClient(Client);

impl BareClient {
    /// A client that may reach these private addresses.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(private: PrivateAccess) -> Result<Self, rustls::Error> {
        let trust = Trust {
            roots: Arc::new(rustls::RootCertStore::empty()),
            own: Vec::new(),
        };
        Client::new(Arc::new(private), trust, None).map(Self)
    }

    /// Sends a request and reads the whole reply, within the limits of an ordinary call.
    ///
    /// # Errors
    /// Why there was no whole reply.
    pub async fn send(&self, request: http::Request<bytes::Bytes>) -> Result<(), String> {
        let limits = CallLimits::default();
        let allowed = Allowance {
            time: limits.request_time,
            reply_bytes: limits.reply_bytes,
        };
        let departures = Departures::default();
        let exchanged = self.0.exchange(request, allowed, &departures);
        exchanged
            .await
            .map(drop)
            .map_err(|fault| format!("{fault:?}"))
    }
}
