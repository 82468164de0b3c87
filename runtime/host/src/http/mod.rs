//! HTTP for plugins: made by the host, to servers that IT granted, with credentials that only the
//! host holds.
//!
//! The core says which servers are granted and which addresses are never reached by accident
//! (`permission`), `connect` joins the two at the moment of connecting, `client` exchanges one
//! request for one reply, `send` is what a plugin's request goes through, and `wire` what it goes
//! over: the network, or a tape.

pub(crate) mod client;
mod connect;
mod encoded;
mod proxy;
pub(crate) mod send;
mod substitute;
pub(crate) mod trust;
pub(crate) mod wire;
