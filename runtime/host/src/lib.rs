//! Runs plugins: loads, limits and calls WebAssembly connectors.
//!
//! A [`Host`] turns a file into a [`Plugin`]; a [`Slot`] holds the version that serves and can be
//! changed under load; a [`Target`] is a connected app with its permissions and credentials, and
//! every call goes through it. The only crate that knows wasmtime, and the only one that holds
//! secret values: a plugin gets neither files nor sockets nor secrets, and HTTP is made for it.
//!
//! It translates between the core's words and the contract in `wit/`, and decides nothing: what a
//! problem leads to is for the core.

#![expect(
    clippy::result_large_err,
    reason = "the core's Problem is handed on as it is, once per call"
)]

mod admission;
mod cache;
mod call;
mod change;
mod compile;
mod conduct;
mod contract;
mod credential;
mod described;
mod engine;
mod failure;
mod host;
mod http;
mod import;
mod judge;
mod listing;
mod load_error;
#[doc(hidden)]
pub mod measure;
mod options;
mod plugin;
mod rate;
mod read;
mod scratch;
mod sealed;
mod setup;
mod slot;
mod target;
mod target_context;
mod target_error;
mod wasi;

pub use compile::{COMPILE_CPU_MAX, COMPILE_MEMORY_MAX, Compiler, compile};
pub use conduct::{Conduct, Record};
pub use contract::CONTRACT_VERSION;
pub use credential::redact::SECRET_BYTES_MIN;
pub use credential::{
    ClientAuth, ClientCredentials, Credential, JwtBearer, NotAServiceAccount, Scheme, Secret,
};
pub use host::{Clock, FILE_BYTES_MAX, Host, HostError, HostOptions};
pub use http::wire::{Player, Recorder, TAPE_BYTES_MAX, TapeError};
pub use listing::{ITEMS_MAX, Listing, PAGE_MAX, PAGES_MAX};
pub use load_error::LoadError;
pub use muster_core::permission::{HostPattern, PrivateAccess, PrivateGrant, Proxy};
pub use options::{CallLimits, TargetOptions};
pub use plugin::{ChangeFeed, Details, Plugin, Setting};
pub use read::{
    AttributeSpec, CHANGES_MAX, ChangePage, Changed, DELIVERY_BYTES_MAX, MissingPermission,
    ProbeReport, Rotated, Translation, WhichGrants,
};
pub use slot::Slot;
pub use target::Target;
pub use target_error::TargetError;
