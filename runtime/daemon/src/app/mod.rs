//! What the daemon is asked, and how it answers. Each question is given the handles that it needs, and nothing else.

mod approval;
mod delivery;
mod drift;
pub mod engine;
mod history;
pub mod keys;
mod metrics;
pub mod present;
pub(crate) mod queries;
pub(crate) mod ready;
pub mod why;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use muster_config::Config;
use muster_core::id::TargetName;
use muster_ledger::{Committer, Ledger};

use crate::clock::Clock;
use crate::driver::Activity;
use crate::feeds::Obstacles;
use crate::planning::{Bells, KnownTargets, Planning};
use crate::plugins::Library;
use crate::replan::Deciding;
use crate::replan::waiting::Pending;
use crate::targets::Connected;

/// How the daemon stands: its feeds and targets, what it counts, and whether it takes work.
pub struct Standing {
    /// When the daemon started.
    pub started_at: Timestamp,
    /// Whether the daemon is ready to take work.
    pub ready: Arc<AtomicBool>,
    /// What is configured.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The policy that decides.
    pub planning: Arc<Planning>,
    /// Which edited policy waits.
    pub deciding: Arc<Deciding>,
    /// What else waits for a person.
    pub pending: Arc<Pending>,
    /// What stands in the way of feeds.
    pub obstacles: Arc<Obstacles>,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What the drivers have done.
    pub activity: Arc<BTreeMap<TargetName, Arc<Activity>>>,
    /// The plugins.
    pub library: Arc<Library>,
}

/// What the ledger has, told with the names that people know.
pub struct Listings {
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The clock.
    pub clock: Clock,
    /// The policy that decides.
    pub planning: Arc<Planning>,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What is known of them.
    pub known: Arc<KnownTargets>,
}

/// What would change, what waits for a person, and their approval.
pub struct Approvals {
    /// What is configured.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// What makes plans, by the policy that decides.
    pub planning: Arc<Planning>,
    /// What is known of the targets.
    pub known: Arc<KnownTargets>,
    /// The wake-ups.
    pub bells: Bells,
    /// Which policy decides.
    pub deciding: Arc<Deciding>,
    /// What else waits for a person.
    pub pending: Arc<Pending>,
}

/// What a person has done at once: another attempt, an account put right, a listing believed.
pub struct Orders {
    /// The clock.
    pub clock: Clock,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// The wake-ups.
    pub bells: Bells,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What is known of them.
    pub known: Arc<KnownTargets>,
}

/// What hooks bring.
pub struct Deliveries {
    /// What is configured.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// The wake-ups.
    pub bells: Bells,
}
