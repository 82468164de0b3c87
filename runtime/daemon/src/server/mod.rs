//! The daemon's doors: hooks, health and metrics on a TCP address, and the admin API on a unix
//! socket that only the daemon's own user can open.
//!
//! Nothing is decided here. A request is checked for form, size, signature and time, led to the
//! question that answers it ([`crate::answers`]). What waits at a door is bounded:
//! connections in all and of one address, the time of a head, a body, an answer and a whole connection,
//! and the bodies that are held in memory. Whoever does nothing makes room for whoever comes next.

pub mod admin;
mod connection;
pub mod gate;
pub mod hooks;
pub mod keys;
pub mod listen;
pub mod public;
mod room;
pub mod signature;
