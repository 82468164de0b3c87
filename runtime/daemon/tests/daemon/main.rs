//! The daemon's doors: hooks through real HTTP, and the admin door through a real unix socket. The engine
//! behind them is a fake with answers made up beforehand. The budgets, on a real ledger. And a day of the whole
//! daemon, on a clock that the test moves.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[expect(dead_code, reason = "the tests of the command line have it, too")]
mod answers;
mod budgets;
mod day;
#[expect(dead_code, reason = "the tests of the command line have it, too")]
mod fake;
mod hooks;
mod starting;
