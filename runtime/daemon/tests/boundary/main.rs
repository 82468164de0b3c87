//! The daemon at its boundaries: the command line through its real parser and a real unix socket,
//! and hooks through real HTTP. The engine behind the doors is a fake with answers made up beforehand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod cli;
mod fake;
mod hooks;
mod starting;
