//! What a plugin can call: requests, secrets it cannot see, and what surrounds a call.
//!
//! Beside the contract there is WASI, with nothing behind it, for components whose toolchain cannot
//! do without.

mod context;
mod http;
mod secrets;

use wasmtime::component::{HasSelf, Linker};

use crate::call::CallState;
use crate::contract::v0_1::bindings::{Connector, muster};

/// Everything that a plugin may import.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    Connector::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

impl muster::connector::types::Host for CallState {}
