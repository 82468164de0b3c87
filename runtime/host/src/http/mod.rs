//! HTTP for plugins: made by the host, to servers that IT granted, with credentials that only the
//! host holds.
//!
//! `pattern` says which servers are granted, `address` which addresses are never reached by
//! accident, `connect` joins the two at the moment of connecting, `client` exchanges one request
//! for one reply, `send` is what a plugin's request goes through, and `wire` what it goes over: the
//! network, or a tape.

pub(crate) mod address;
pub(crate) mod client;
mod connect;
mod encoded;
pub(crate) mod pattern;
pub(crate) mod proxy;
pub(crate) mod send;
mod substitute;
pub(crate) mod trust;
pub(crate) mod wire;
