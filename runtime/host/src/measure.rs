//! What a call costs without this crate: the yardstick of `cargo xtask bench`.
//!
//! The same engine, the same component and the same interruption, and nothing of the host around it:
//! no permit, no deadline, no limits on memory, no judgement of the answer.

use muster_core::connector::Problem;
use wasmtime::component::Component;
use wasmtime::{Store, UpdateDeadline};

use crate::call::CallState;
use crate::failure;
use crate::host::Host;
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
    let called = async {
        let connector = plugin.pre.instantiate_async(&mut store).await?;
        connector
            .muster_connector_meta()
            .call_check_settings(&mut store)
            .await
    };
    match called.await {
        Ok(_) => Ok(()),
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
