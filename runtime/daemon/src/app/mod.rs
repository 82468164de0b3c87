//! The daemon put together: what all of its parts share, and the parts that answer questions.

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

use jiff::Timestamp;
use muster_config::{Config, Environment};
use muster_core::id::TargetName;
use muster_ledger::{Committer, Ledger};

use crate::clock::Clock;
use crate::driver::Activity;
use crate::feeds::Obstacles;
use crate::findings::Findings;
use crate::planning::{Bells, KnownTargets, Planning};
use crate::plugins::Library;
use crate::policy::PolicyFiles;
use crate::replan::Deciding;
use crate::replan::waiting::Pending;
use crate::targets::Connected;

/// The daemon.
pub struct App {
    /// What is configured.
    pub config: Arc<Config>,
    /// Where secrets may be.
    pub environment: Environment,
    /// The clock.
    pub clock: Clock,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// What is said to people.
    pub findings: Findings,
    /// What makes plans, by the policy that decides.
    pub planning: Arc<Planning>,
    /// The plugins.
    pub library: Arc<Library>,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What the drivers have done.
    pub activity: BTreeMap<TargetName, Arc<Activity>>,
    /// What is known of the targets.
    pub known: Arc<KnownTargets>,
    /// The wake-ups.
    pub bells: Bells,
    /// Which policy decides.
    pub deciding: Arc<Deciding>,
    /// What else waits for a person.
    pub pending: Arc<Pending>,
    /// The files of the policy, as they were when the daemon began.
    pub policy_files: Arc<PolicyFiles>,
    /// What stands in the way of feeds.
    pub obstacles: Arc<Obstacles>,
    /// Whether the daemon is ready to take work.
    pub ready: std::sync::atomic::AtomicBool,
    /// The keys of hooks that were read last.
    pub hook_keys: Arc<keys::HookKeys>,
}
