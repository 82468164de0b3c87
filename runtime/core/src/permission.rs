//! What IT lets a plugin reach: which servers, which addresses inside, and the proxy that leads there.
//!
//! They are read once, when the configuration is, and the host asks the same values about each request and each
//! connection. So what `muster check` finds in order cannot be understood otherwise later.

mod address;
mod pattern;
mod proxy;

pub use address::{InvalidPrivateGrant, PrivateAccess, PrivateGrant};
pub use pattern::{HostPattern, InvalidHostPattern};
pub use proxy::{InvalidProxy, Proxy};
