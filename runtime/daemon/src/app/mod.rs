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

use arc_swap::ArcSwap;
use jiff::Timestamp;
use muster_config::{Config, Environment};
use muster_core::connector::{Entitlement, EntitlementKey};
use muster_core::guard::Limits;
use muster_core::id::{Digest, FeedName, TargetName};
use muster_core::plan::{Catalogue, Targets};
use muster_core::policy::Policy;
use muster_core::subject::Subject;
use muster_ledger::{Committer, Ledger};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::driver::Activity;
use crate::findings::{Findings, LookedAt};
use crate::planning::{Summary, World};
use crate::plugins::Library;
use crate::replan::waiting::Waiting;
use crate::targets::Connected;
use present::Titles;

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
    /// The ledger, to read and for plans.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// What is said to people.
    pub findings: Findings,
    /// The policy that decides; swapped when its files change.
    pub policy: ArcSwap<Policy>,
    /// What the files of the policy and the configuration looked like when the daemon began.
    pub files_seen: crate::policy::Stamps,
    /// The plugins.
    pub library: Library,
    /// The connected apps.
    pub targets: BTreeMap<TargetName, Arc<Connected>>,
    /// What the drivers have done.
    pub activity: BTreeMap<TargetName, Arc<Activity>>,
    /// What the planner knows of the targets.
    pub known: ArcSwap<Known>,
    /// Per-target wake-up: there may be something to do.
    pub wakes: BTreeMap<TargetName, Arc<Notify>>,
    /// A change of the policy that waits for a person.
    pub policy_hold: Mutex<Option<PolicyHold>>,
    /// What else waits for a person, by what it is about.
    pub waiting: Mutex<BTreeMap<Subject, Waiting>>,
    /// What stands in the way of a feed.
    pub feed_trouble: Mutex<BTreeMap<FeedName, String>>,
    /// Whether the daemon is ready to take work.
    pub ready: std::sync::atomic::AtomicBool,
    /// Plans are made one after the other.
    pub planning: tokio::sync::Mutex<()>,
    /// Per-feed wake-up: something arrived by another door than the folder.
    pub arrivals: BTreeMap<FeedName, Arc<Notify>>,
    /// Wake-up for dates: somebody's next date may have come nearer.
    pub dates: Arc<Notify>,
    /// Wake-up for references: an account was made, deleted, or is another one at the app.
    pub references: Arc<Notify>,
    /// The keys of hooks that were read last.
    pub hook_keys: Arc<keys::HookKeys>,
    /// Whether the daemon ran before in this process, and its ledger failed.
    pub is_resumed: bool,
}

/// What was last read of the targets.
#[derive(Debug, Default)]
pub struct Known {
    /// For the planner.
    pub targets: Targets,
    /// For people.
    pub titles: Titles,
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
    /// What the planner decides by, now.
    pub fn world<'a>(&self, policy: &'a Policy, known: &'a Known) -> World<'a> {
        World {
            policy,
            targets: &known.targets,
            now: self.clock.now(),
        }
    }

    /// How much goes without asking.
    pub fn limits(&self) -> Limits {
        let feeds = self.config.feeds.iter();
        let targets = self.config.targets.iter();
        Limits {
            window: self.config.daemon.budget_window,
            people_of: feeds
                .map(|(name, feed)| (name.clone(), feed.guard.people))
                .collect(),
            removals_at: targets
                .map(|(name, target)| (name.clone(), target.limits.removals))
                .collect(),
            ..Limits::default()
        }
    }

    /// Reads again from the ledger and the connectors what the planner knows of the targets.
    pub fn refresh_known(&self) -> Result<(), muster_ledger::Error> {
        let known = self.known_with(None)?;
        self.known.store(Arc::new(known));
        Ok(())
    }

    /// What the planner knows of the targets, where one of them can give this.
    pub fn known_with(
        &self,
        other: Option<(&TargetName, &[Entitlement])>,
    ) -> Result<Known, muster_ledger::Error> {
        let reader = self.ledger.read()?;
        let mut known = Known::default();
        for (name, target) in &self.targets {
            let given = match other {
                Some((target, entitlements)) if target == name => Some(entitlements.to_vec()),
                Some(_) | None => reader.catalogue(name)?.map(|kept| kept.entitlements),
            };
            if let Some(entitlements) = given {
                let titles: BTreeMap<EntitlementKey, String> = entitlements
                    .iter()
                    .map(|entitlement| {
                        (
                            EntitlementKey::of(&entitlement.object),
                            entitlement.title.clone(),
                        )
                    })
                    .collect();
                known.titles.insert(name.clone(), titles);
                known
                    .targets
                    .catalogues
                    .insert(name.clone(), Catalogue::new(&entitlements));
            }
            if let Some(descriptor) = target.descriptor() {
                known.targets.descriptors.insert(name.clone(), descriptor);
            }
        }
        Ok(known)
    }

    /// Compares what the policy asks for with what the connectors can do, and keeps what is lacking
    /// as findings.
    pub async fn check_capabilities(&self) {
        let known = self.known.load_full();
        let lacking =
            muster_core::capability::check(&self.policy.load(), &known.targets.descriptors);
        let scope = LookedAt::all(muster_core::capability::CODES);
        self.findings.settle(scope, lacking).await;
    }

    /// Wakes every driver.
    pub fn wake_all_drivers(&self) {
        self.wakes.values().for_each(|wake| wake.notify_one());
    }

    /// Wakes every driver, and whoever waits for dates or for an account that others refer to.
    pub fn wake_all(&self) {
        self.wake_all_drivers();
        self.dates.notify_one();
        self.references.notify_one();
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
