//! End to end: the daemon as its users meet it, in the folder, at the door, on the command line, at the app.
//!
//! `c01_` to `c75_` are what the product once got wrong when it was tried (`README.md` has them): a file, a delivery,
//! an app or a plugin that hurt somebody, or that nobody was told of. `f1_` and on are what others got wrong.
//! All of it is one binary, since linking the daemon's libraries costs more than most tests.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a test ends where something is not as it should be"
)]

mod adoptions;
mod apps;
mod arrival;
mod content;
mod doors;
mod failures;
mod guests;
mod held_changes;
mod hooks;
mod main_job;
mod operators;
mod outcomes;
mod planning;
mod power;
mod random_apps;
mod real_file;
mod rollback;
mod secrets;
mod standing;
mod urgency;
mod who;
