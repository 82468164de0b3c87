//! The wake-ups between the daemon's loops. Each loop reads from the ledger what there is to do, so a bell that
//! nobody hears costs a moment and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_core::fact::Cause;
use muster_core::id::{FeedName, TargetName};
use tokio::sync::Notify;

/// The wake-ups. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Bells {
    drivers: Arc<BTreeMap<TargetName, Arc<Notify>>>,
    arrivals: Arc<BTreeMap<FeedName, Arc<Notify>>>,
    dates: Arc<Notify>,
    references: Arc<Notify>,
}

impl Bells {
    /// A bell for each of these.
    pub fn new<'n>(
        targets: impl Iterator<Item = &'n TargetName>,
        feeds: impl Iterator<Item = &'n FeedName>,
    ) -> Self {
        let drivers = targets.map(|name| (name.clone(), Arc::default()));
        let arrivals = feeds.map(|name| (name.clone(), Arc::default()));
        Self {
            drivers: Arc::new(drivers.collect()),
            arrivals: Arc::new(arrivals.collect()),
            ..Self::default()
        }
    }

    /// There may be something to do at a target.
    pub fn driver(&self, target: &TargetName) -> Arc<Notify> {
        self.drivers.get(target).cloned().unwrap_or_default()
    }

    /// Something arrived at a feed by another door than its folder.
    pub fn arrival(&self, feed: &FeedName) -> Arc<Notify> {
        self.arrivals.get(feed).cloned().unwrap_or_default()
    }

    /// Somebody's next date may have come nearer.
    pub fn dates(&self) -> &Arc<Notify> {
        &self.dates
    }

    /// An account was made, deleted, or is another one at the app.
    pub fn references(&self) -> &Arc<Notify> {
        &self.references
    }

    /// Wakes every driver.
    pub fn ring_drivers(&self) {
        self.drivers.values().for_each(|bell| bell.notify_one());
    }

    /// Wakes every driver, and whoever waits for dates or for an account that others refer to.
    pub fn ring_all(&self) {
        self.ring_drivers();
        self.dates.notify_one();
        self.references.notify_one();
    }

    /// Wakes whoever has something to do after a plan. Whoever makes plans for dates and references reads by itself
    /// how far it has come: woken by its own plans, it would go in circles over people about whom nothing can be
    /// decided yet.
    pub(super) fn ring_after(&self, cause: &Cause) {
        match cause {
            Cause::Date | Cause::Reference => self.ring_drivers(),
            Cause::File { .. } | Cause::Policy | Cause::FeedRetired(_) | Cause::Operator(_) => {
                self.ring_all();
            }
        }
    }
}
