//! Writes the ledger that is kept in `tests/fixtures` for the record version of today. Run it once
//! when a version is released, and never again for that version:
//!
//! `cargo run -p muster-ledger --example make_fixture -- runtime/ledger/tests/fixtures/v1.redb`

#![expect(clippy::unwrap_used, reason = "run by hand, and watched")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;

use muster_core::actor::Actor;
use muster_ledger::{Ledger, Options};

fn main() {
    let path: PathBuf = std::env::args_os().nth(1).unwrap().into();
    assert!(!path.exists(), "a released fixture is never written again");
    let ledger = Ledger::open(&path, &Options::default()).unwrap();
    for (seconds, fact) in (0..).zip(common::every::commits()) {
        let written = ledger.write(common::at(seconds), Actor::Daemon, |writer| {
            fact.iter()
                .try_for_each(|fact| writer.record(fact).map(drop))
        });
        written.unwrap();
    }
}
