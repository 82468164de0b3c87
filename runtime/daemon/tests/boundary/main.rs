//! The daemon at its boundaries: the command line through its real parser and a real unix socket,
//! hooks through real HTTP, configurations as files with the exact message that each leads to, and
//! the pages and references that have to be about this version. The engine behind the doors is a
//! fake with answers made up beforehand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod cli;
mod config;
mod fake;
mod generated;
mod hooks;
mod starting;
