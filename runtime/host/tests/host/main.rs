//! The host at its boundary: real guests, a real socket, the promises one by one.
//!
//! One binary, because linking wasmtime takes longer than all of these tests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod contract;
mod credentials;
mod faults;
mod listing;
mod loading;
mod network;
mod support;
mod swap;
mod tape;
mod tls;
mod unruly;
mod wasi;
