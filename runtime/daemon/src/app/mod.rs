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
pub mod serve;
mod supervise;
pub mod why;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use muster_config::{Config, Environment};
use muster_core::finding::Finding;
use muster_core::id::{Digest, FeedName, TargetName};
use muster_core::policy::Policy;
use muster_core::subject::Subject;
use muster_ledger::{Committer, Ledger};

use crate::clock::Clock;
use crate::driver::Activity;
use crate::findings::{Findings, LookedAt};
use crate::planning::{Bells, KnownTargets, Planning, Summary};
use crate::plugins::Library;
use crate::replan::waiting::Waiting;
use crate::targets::Connected;

/// The daemon.
pub struct App {
    /// What is configured.
    pub config: Config,
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
    /// What the files of the policy and the configuration looked like when the daemon began.
    pub files_seen: crate::policy::Stamps,
    /// The plugins.
    pub library: Library,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What the drivers have done.
    pub activity: BTreeMap<TargetName, Arc<Activity>>,
    /// What is known of the targets.
    pub known: Arc<KnownTargets>,
    /// The wake-ups.
    pub bells: Bells,
    /// A change of the policy that waits for a person.
    pub policy_hold: Mutex<Option<PolicyHold>>,
    /// What else waits for a person, by what it is about.
    pub waiting: Mutex<BTreeMap<Subject, Waiting>>,
    /// What stands in the way of a feed.
    pub feed_trouble: Mutex<BTreeMap<FeedName, String>>,
    /// Whether the daemon is ready to take work.
    pub ready: std::sync::atomic::AtomicBool,
    /// The keys of hooks that were read last.
    pub hook_keys: Arc<keys::HookKeys>,
    /// Whether the daemon ran before in this process, and its ledger failed.
    pub is_resumed: bool,
}

/// A change of the policy that takes too much from too many to go on by itself.
#[derive(Clone, Debug)]
pub struct PolicyHold {
    /// The policy that waits. Until it is approved the one before decides, about HR's files, too.
    pub policy: Arc<Policy>,
    /// What it would do.
    pub summary: Summary,
    /// Since when it waits.
    pub since: Timestamp,
}

impl App {
    /// What the policy asks for and the connectors cannot do, to be kept as findings.
    pub fn capabilities(&self) -> (LookedAt<'static>, Vec<Finding>) {
        let (policy, known) = (self.planning.policy(), self.known.load());
        let lacking = muster_core::capability::check(&policy, &known.targets.descriptors);
        (LookedAt::all(muster_core::capability::CODES), lacking)
    }

    /// Keeps as findings what the policy asks for and the connectors cannot do.
    pub async fn check_capabilities(&self) {
        let (scope, lacking) = self.capabilities();
        self.findings.settle(scope, lacking).await;
    }

    /// Records what stands in the way of a feed; `None` if nothing does.
    pub fn set_feed_trouble(&self, feed: &FeedName, trouble: Option<String>) {
        let mut troubles = self
            .feed_trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(text) => drop(troubles.insert(feed.clone(), text)),
            None => drop(troubles.remove(feed)),
        }
    }

    /// The change of the policy that waits, if its plan has this digest.
    pub fn policy_hold_of(&self, digest: Digest) -> Option<PolicyHold> {
        let hold = self
            .policy_hold
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        hold.filter(|hold| hold.summary.digest == Some(digest))
    }
}
