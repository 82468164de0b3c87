//! The daemon's doors: hooks, health and metrics on a TCP address, and the admin API on a unix
//! socket that only the daemon's own user can open.
//!
//! Nothing is decided here. A request is checked for form, size, signature and time, turned into a
//! call of the [`Engine`], and the answer is written down as JSON. What waits at a door is bounded:
//! connections, header time, body size, and the time that an answer may take.

pub mod admin;
pub mod answer;
pub mod engine;
pub mod hooks;
pub mod listen;
pub mod metrics;
mod peer;
pub mod public;
pub mod signature;

pub use engine::{
    AccountFilter, Answer, Delivery, Engine, FindingFilter, ListPage, OperationFilter,
    PersonFilter, ProgressSink,
};
