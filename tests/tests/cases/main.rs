//! What the product once got wrong when it was tried, each as a test under its number: `c01_` to `c75_`.
//!
//! A case is a file, a delivery, an app or a plugin that hurt somebody, or that nobody was told of. The
//! tests look where the user would: in the folder, at the door, on the command line, at the app.

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
mod guests;
mod operators;
mod outcomes;
mod planning;
mod random_apps;
mod standing;
