//! What happens when a plugin calls the host, for every track of the contract: requests, secrets it cannot
//! see, and what surrounds a call.

pub(crate) mod context;
mod http;
mod secrets;
