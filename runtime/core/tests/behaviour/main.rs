//! How the core behaves as a whole: people, plans and operations against apps that exist only in
//! memory, with replies that get lost, apps that refuse, and stops at every moment.
//!
//! `scenarios` runs the texts in `tests/scenarios`, which read like prose and are reviewed as such;
//! `properties` makes up its own histories; `rules` holds what neither can say.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]
#![expect(
    clippy::result_large_err,
    reason = "a problem is as large in the core, and rare"
)]

mod app;
mod capability;
mod outcomes;
mod planning;
mod properties;
mod rules;
mod scenarios;
mod script;
mod wishes;
mod world;
