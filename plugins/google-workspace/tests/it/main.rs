//! The connector against Google's own descriptions of its APIs.
//!
//! Every request that a test makes is checked against these descriptions (`discovery.rs`), also where an answer
//! is prepared by hand (`checked.rs`). The life of an account runs against a small Google Workspace in memory
//! (`workspace.rs`), whose replies are checked too.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod accounts;
mod checked;
mod checker;
mod credentials;
mod describe;
mod discovery;
mod events;
mod feed;
mod grants;
mod life;
mod seats;

mod setup;
mod transfer;
mod vendored;
mod workspace;
