//! Plans for people whose accounts refer to somebody else's account, as `account_of(manager)` does, when that
//! account was made, deleted, or is another one at the app.
//!
//! Promises: whoever refers to an account gets the key that it has now, however many accounts are made at
//! once; a reference that was missed while nothing ran is found by the plan for everybody at the start.

use std::sync::Arc;
use std::time::Duration;

use muster_core::coded::chain;
use muster_core::connector::Scalar;
use muster_core::fact::Cause;
use muster_core::id::{PersonId, TargetName};
use muster_core::person::{Account, Person};
use muster_core::policy::Policy;
use muster_ledger::{Ledger, Reader};
use tokio::sync::watch;

use crate::clock::{Clock, Retrying};
use crate::planning::{Bells, Consent, Failed, Order, Planning, Scope};

/// How long is waited before everybody is looked at, so that a thousand new accounts cost one look.
const GATHER: Duration = Duration::from_secs(2);

/// Most people of one plan.
const PEOPLE_MAX: usize = 10_000;

/// The pause after it failed: the first one, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));

/// What is planned with.
pub struct References {
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The clock.
    pub clock: Clock,
    /// What makes plans.
    pub planning: Arc<Planning>,
    /// Who wakes this, and whom.
    pub bells: Bells,
}

/// Looks after references at each wake-up for them, until the daemon stops.
pub async fn run(references: Arc<References>, mut stop: watch::Receiver<bool>) {
    let mut retrying = Retrying::new(AGAIN.0, AGAIN.1);
    while !*stop.borrow() {
        if retrying.pause().is_zero() {
            tokio::select! {
                () = references.bells.references().notified() => {}
                changed = stop.changed() => if changed.is_err() { return } else { continue },
            }
        }
        tokio::select! {
            () = references.clock.sleep(GATHER.max(retrying.pause())) => {}
            changed = stop.changed() => if changed.is_err() { return } else { continue },
        }
        match round(&references).await {
            Ok(()) => drop(retrying.succeeded()),
            Err(error) => {
                let error = chain(&error);
                if retrying.failed(&error) {
                    tracing::error!(
                        error,
                        "could not plan for whoever refers to an account; it is tried again"
                    );
                }
            }
        }
    }
}

async fn round(references: &Arc<References>) -> Result<(), Failed> {
    let policy = references.planning.policy();
    let targets: Vec<TargetName> = policy.targets().keys().cloned().collect();
    let targets = targets.into_iter();
    let targets: Vec<TargetName> = targets.filter(|name| policy.has_references(name)).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let ledger = references.ledger.clone();
    let found = tokio::task::spawn_blocking(move || outdated(&ledger.read()?, &policy, &targets));
    let people = found
        .await
        .unwrap_or_else(|error| Err(Failed::Row(format!("looking broke off: {error}"))))?;
    for people in people.chunks(PEOPLE_MAX) {
        tracing::info!(
            people = people.len(),
            "accounts that others refer to changed"
        );
        // What is due to some of them for another reason, and would be too much, waits as it did.
        let order = Order::new(Scope::People(people.to_vec()), Cause::Reference);
        references
            .planning
            .make(order, Consent::AsFarAsItGoes)
            .await?;
    }
    Ok(())
}

/// Everybody whose account does not refer to what it should. The planner decides what follows: it may be on
/// its way already.
fn outdated(
    reader: &Reader,
    policy: &Policy,
    targets: &[TargetName],
) -> Result<Vec<PersonId>, Failed> {
    let mut people = Vec::new();
    for person in reader.everybody()? {
        let person = person?;
        for target in targets {
            if is_outdated(reader, policy, &person, target)? {
                people.push(person.id);
                break;
            }
        }
    }
    Ok(people)
}

fn is_outdated(
    reader: &Reader,
    policy: &Policy,
    person: &Person,
    target: &TargetName,
) -> Result<bool, Failed> {
    let account = person.accounts.get(target);
    let Some(account) = account.filter(|account| account.is_wanted) else {
        return Ok(false);
    };
    // A rule that fails for somebody is said when they are planned for.
    let references = policy.references(target, &person.id, &person.identity, person.phase);
    for (name, of) in references.unwrap_or_default() {
        let written = match account.attributes.get(&name).map(Vec::as_slice) {
            Some([Scalar::Pointer(object)]) => Some(object),
            _ => None,
        };
        let there = reader.person(&of)?;
        let there = there.as_ref().and_then(|of| of.accounts.get(target));
        let there = there.filter(|account| Account::exists(account));
        if written != there.and_then(|account| account.object.as_ref()) {
            return Ok(true);
        }
    }
    Ok(false)
}
