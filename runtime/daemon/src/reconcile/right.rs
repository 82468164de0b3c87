//! Looks at who has a right at an app, because a call that was about one account may have taken it from others:
//! nobody answered the call, or its answer said so.
//!
//! Some services replace the members of a group by the one that is added. Whom that took out is in the answer;
//! where there is none, only the group itself says who is missing. Whoever should have the right, and about whom
//! nothing is under way, is given it again by the next plan. Accounts that are nobody's here are not
//! known to have had it, so nothing follows for them.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_core::connector::{EntitlementKey, ObjectRef, Problem};
use muster_core::fact::Fact;
use muster_core::finding::{Finding, Severity};
use muster_core::id::{PersonId, TargetName};
use muster_core::person::Sighting;
use muster_ledger::{Error, Ledger};

use super::AGAIN;
use super::Reconciling;
use crate::findings::target::TOOK_ALONG;
use crate::targets::Connected;

/// Looks at everybody who has a right, and records who lost it.
pub(super) async fn holders(
    reading: &Reconciling,
    target: &Connected,
    right: &EntitlementKey,
) -> Result<(), Error> {
    let listing = match target.holders_of(right).await {
        Ok(listing) if listing.is_whole => listing,
        // Nothing can be known of it here.
        Err(Problem::Unsupported(_) | Problem::NotFound(_)) => return Ok(()),
        Ok(_) | Err(_) => {
            let every = target.config().limits.compare_every;
            target.doubt_right(right, AGAIN.min(every));
            return Ok(());
        }
    };
    let principals = listing.items.into_iter().map(|grant| grant.principal);
    let holders: BTreeSet<(String, String)> = principals.map(id_of).collect();
    // Everybody is walked through, and this thread has others to serve meanwhile.
    let (ledger, name, of) = (reading.ledger.clone(), target.name().clone(), right.clone());
    let missing = move || missing(&ledger, &name, &of, &holders);
    let Ok(missing) = tokio::task::spawn_blocking(missing).await else {
        target.doubt_right(right, AGAIN);
        return Ok(());
    };
    let missing = missing?;
    if missing.is_empty() {
        return Ok(());
    }
    let (name, right) = (target.name().clone(), right.clone());
    let recorded = reading
        .committer
        .submit(reading.clock.now(), target.actor(), move |writer| {
            let mut lost = 0;
            for (person, object) in &missing {
                // What was done to it since it was listed counts more than the listing.
                let known = writer.person(person)?;
                let account = known.and_then(|known| known.accounts.get(&name));
                let is_as_before = account.is_some_and(|account| {
                    account.object.as_ref() == Some(object) && account.has_settled(&right)
                });
                if !is_as_before {
                    continue;
                }
                lost += 1;
                writer.record(Fact::AccountSeen {
                    person: person.clone(),
                    target: name.clone(),
                    sighting: Sighting::Lost(right.clone()),
                })?;
            }
            if lost > 0 {
                writer.record(Fact::FindingOpened(took_along(&name, &right, lost)))?;
            }
            Ok(lost)
        });
    if recorded.await? > 0 {
        target.add_side_losses(1);
        reading.bells.ring_all();
    }
    Ok(())
}

/// Has the holders of each of somebody's rights looked at.
pub(super) fn of(
    reading: &Reconciling,
    target: &Connected,
    person: &PersonId,
) -> Result<(), Error> {
    let person = reading.ledger.read()?.person(person)?;
    let account = person.and_then(|mut person| person.accounts.remove(target.name()));
    for right in account.iter().flat_map(|account| account.grants.keys()) {
        target.doubt_right(right, Duration::ZERO);
    }
    Ok(())
}

fn id_of(object: ObjectRef) -> (String, String) {
    (object.kind, object.id)
}

/// Who should have a right, has it as far as the ledger knows, and is not among those who do.
fn missing(
    ledger: &Ledger,
    target: &TargetName,
    right: &EntitlementKey,
    holders: &BTreeSet<(String, String)>,
) -> Result<Vec<(PersonId, ObjectRef)>, Error> {
    let mut missing = Vec::new();
    for person in ledger.read()?.people_at(target)? {
        let mut person = person?;
        let account = person.accounts.remove(target);
        let Some(account) = account.filter(|account| account.has_settled(right)) else {
            continue;
        };
        if let Some(object) = account.object
            && !holders.contains(&id_of(object.clone()))
        {
            missing.push((person.id, object));
        }
    }
    Ok(missing)
}

fn took_along(target: &TargetName, right: &EntitlementKey, lost: usize) -> Finding {
    let text = format!(
        "after a call about {} {} whose answer did not come, or which took others along, {lost} who are to have it are not in it any more; Muster gives it back to everybody whom it knows",
        right.kind, right.id
    );
    Finding::new(TOOK_ALONG, Severity::Error, target, text).hint(
        "see at the app that accounts which are nobody's here have it again; set members = \"put\" where the connector has this setting",
    )
}
