//! The daemon's doors: hooks through real HTTP, and the admin door through a real unix socket, on a ledger in memory.
//! The budgets, on a real ledger. And a day of the whole daemon, on a clock that the test moves.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod budgets;
mod day;
mod hooks;
mod open;
mod starting;
