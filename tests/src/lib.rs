//! The harness: a company in a folder of its own, a daemon that really runs, and an app to provision.
//!
//! Tests speak to Muster as its users do: they drop files, type commands and read reports; and they
//! look at the app itself to see what really happened there. Everything waits on a condition with a
//! limit; nothing has a fixed port; processes are stopped by their id.

#![expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a test ends where something is not as it should be"
)]

pub mod app;
pub mod company;
pub mod daemon;
pub mod disk;
pub mod hook;
pub mod random;
pub mod simple;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a condition may take to come true. Generous: the machine is shared, and only a failure
/// ever waits this long. `MUSTER_PATIENCE` says it in seconds, where failures are what is looked for.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test waits is a parameter"
)]
pub fn patience() -> Duration {
    let asked = std::env::var("MUSTER_PATIENCE").ok();
    let asked = asked.map(|text| text.parse().expect("MUSTER_PATIENCE in seconds"));
    asked.map_or(Duration::from_mins(3), Duration::from_secs)
}

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Waits until `look` returns something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let (begun, patience) = (Instant::now(), patience());
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < patience, "waited {patience:?} for {what}");
        pause();
    }
}

/// Waits until `look` returns something, or until it has looked for that long.
pub fn look_for<T>(at_most: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begun.elapsed() >= at_most {
            return found;
        }
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two looks at a condition"
)]
pub(crate) fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// The folder of built plugins.
pub fn plugins() -> PathBuf {
    let named = std::env::var_os("MUSTER_PLUGINS_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| root().join("target").join("plugins"))
}

/// A built plugin by its name: `scim`, `test/steady-v1`.
pub fn plugin(name: &str) -> PathBuf {
    let path = plugins().join(format!("{name}.wasm"));
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask plugins` first",
        path.display()
    );
    path
}

/// The binary `muster`.
pub fn muster() -> PathBuf {
    let named = std::env::var_os("MUSTER_BIN").map(PathBuf::from);
    let path = named.unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap_or_default();
        let built = test
            .ancestors()
            .nth(2)
            .map(PathBuf::from)
            .unwrap_or_default();
        built.join("muster")
    });
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p muster` first",
        path.display()
    );
    path
}
