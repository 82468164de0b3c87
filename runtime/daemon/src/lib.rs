//! Acts: everything of Muster that touches the world. `muster serve` runs it, and the same binary is
//! the command line that talks to it.
//!
//! The core decides, the ledger remembers, the host runs plugins; this crate alone joins them.
//! [`config`] says what is wanted, [`server`] holds the doors, [`cli`] is what people type, and
//! [`api`] is what the doors and the command line say to each other.

pub mod api;
pub mod cli;
pub mod config;
pub mod error;
pub mod server;
