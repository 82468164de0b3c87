//! What is known of the connected apps: what each can give, as it was read last, and what its connector can do.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use muster_core::connector::{Entitlement, EntitlementKey};
use muster_core::id::TargetName;
use muster_core::plan::{Catalogue, Targets};
use muster_ledger::{Error, Ledger};

use crate::targets::Connected;

/// Titles of entitlements by target: what policies and people call them.
pub type Titles = BTreeMap<TargetName, BTreeMap<EntitlementKey, String>>;

/// What was last read of the targets.
#[derive(Debug, Default)]
pub struct Known {
    /// For the planner.
    pub targets: Targets,
    /// For people.
    pub titles: Titles,
}

/// What is known of the targets, swapped whole when something was read anew.
pub struct KnownTargets {
    ledger: Ledger,
    connected: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    known: ArcSwap<Known>,
}

impl KnownTargets {
    /// Nothing is known of these targets yet.
    pub fn new(ledger: Ledger, connected: Arc<BTreeMap<TargetName, Arc<Connected>>>) -> Self {
        Self {
            ledger,
            connected,
            known: ArcSwap::from_pointee(Known::default()),
        }
    }

    /// Begins with what was known before.
    #[must_use]
    pub fn knowing(self, known: Known) -> Self {
        self.known.store(Arc::new(known));
        self
    }

    /// What is known now.
    pub fn load(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// Reads it again from the ledger and the connectors.
    pub fn refresh(&self) -> Result<(), Error> {
        let known = self.read(None)?;
        self.known.store(Arc::new(known));
        Ok(())
    }

    /// What would be known if a target could give this.
    pub fn with(&self, target: &TargetName, entitlements: &[Entitlement]) -> Result<Known, Error> {
        self.read(Some((target, entitlements)))
    }

    fn read(&self, other: Option<(&TargetName, &[Entitlement])>) -> Result<Known, Error> {
        let reader = self.ledger.read()?;
        let mut known = Known::default();
        for (name, target) in self.connected.iter() {
            let given = match other {
                Some((target, entitlements)) if target == name => Some(entitlements.to_vec()),
                Some(_) | None => reader.catalogue(name)?.map(|kept| kept.entitlements),
            };
            if let Some(entitlements) = given {
                let titles = entitlements.iter().map(|entitlement| {
                    let key = EntitlementKey::of(&entitlement.object);
                    (key, entitlement.title.clone())
                });
                known.titles.insert(name.clone(), titles.collect());
                let catalogues = &mut known.targets.catalogues;
                catalogues.insert(name.clone(), Catalogue::new(&entitlements));
            }
            if let Some(descriptor) = target.descriptor() {
                known.targets.descriptors.insert(name.clone(), descriptor);
            }
        }
        Ok(known)
    }
}
