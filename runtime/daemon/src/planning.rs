//! Makes plans: merges what a feed says with what the ledger holds, asks the planner about each
//! person, and writes the answers into one transaction that is kept or thrown away as a whole.
//!
//! A preview is the same work with the transaction thrown away, so what is shown is what would be
//! done. The guard looks at the tally when everybody was seen; a plan that takes too much from too
//! many is thrown away, too, and waits under its digest until a person approves exactly that one.

mod order;
mod run;
mod settle;

use jiff::Timestamp;
use muster_core::finding::Code;
use muster_core::plan::Targets;
use muster_core::policy::Policy;

pub use order::{Beside, ChangedPerson, Consent, Order, Scope, Summary, Watch};
pub use run::make;

/// A row that was set aside has an id that nobody known has, so nobody who is missing counts as having left.
pub const ABSENCE_DOUBTED: Code = Code::new("HR-080");

/// What the planner decides by.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// What the targets can give, and their connectors can do.
    pub targets: &'a Targets,
    /// The daemon's clock.
    pub now: Timestamp,
}

/// A plan could not be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The ledger failed.
    #[error("could not use the ledger")]
    Ledger(#[from] muster_ledger::Error),
    /// A row that was read before cannot be read again: a mistake in Muster. To leave its person out
    /// would look like a leaver.
    #[error("a row that was checked cannot be read: {0}")]
    Row(String),
}
