//! Looks at one account at an app because something about it was odd: a listing did not show it, or showed
//! it in a state that no operation brought about.
//!
//! A listing is only ever a hint, and so is what a call shows in passing: both may be older than what was
//! done last. What follows from a look of its own is recorded as seen; the next plan puts it right, or asks
//! a person. Nothing is recorded of an account that is being worked on.

use muster_core::connector::{AccountState, ObjectRef, Problem};
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{PersonId, TargetName};
use muster_core::observe::Whereabouts;
use muster_core::operation::{Action, Operation};
use muster_core::person::{Account, Sighting};
use muster_core::subject::Subject;
use muster_ledger::Error;

use super::Reconciling;
use crate::findings::{self, LookedAt};
use crate::targets::{APART, Connected};

/// An account is not there under the app's key of it, and nobody can say which one is the person's.
pub(super) const UNCLEAR: Code = Code::new("TGT-023");

/// Whether nothing is under way that makes, moves or removes the account: what the app shows of it then is
/// its own doing.
pub(super) fn is_quiet(account: &Account) -> bool {
    let is_about_account = |operation: &Operation| {
        operation.has_begun()
            || matches!(
                operation.action,
                Action::EnsureAccount(_) | Action::EnsureState(_) | Action::EnsureAbsent
            )
    };
    account.exists() && !account.operations.iter().any(is_about_account)
}

/// Looks at somebody's account and records what differs from the ledger.
pub(super) async fn person(
    reading: &Reconciling,
    target: &Connected,
    person: &PersonId,
) -> Result<(), muster_ledger::Error> {
    let known = reading.ledger.read()?.person(person)?;
    let account = known.and_then(|mut known| known.accounts.remove(target.name()));
    let Some(account) = account.filter(is_quiet) else {
        return Ok(());
    };
    let sighting = match look(target, &account).await {
        Ok(Looked::AsKnown) => {
            let subject = subject(person, target.name());
            reading.findings.close(subject, [UNCLEAR]).await;
            return Ok(());
        }
        Ok(Looked::Otherwise(sighting)) => sighting,
        Ok(Looked::Unclear(other)) => {
            unclear(reading, target.name(), person, &other).await;
            return Ok(());
        }
        Ok(Looked::NotYetGone) => {
            target.doubt(person, APART);
            return Ok(());
        }
        // It is looked at again with the next listing.
        Err(problem) => {
            let case = problem.name();
            tracing::warn!(target_name = %target.name(), %person, case, "an account could not be looked at");
            return Ok(());
        }
    };
    record(reading, target, person, account, sighting).await
}

enum Looked {
    AsKnown,
    Otherwise(Sighting),
    Unclear(ObjectRef),
    /// It was found nowhere, for the first time.
    NotYetGone,
}

async fn look(target: &Connected, account: &Account) -> Result<Looked, Problem> {
    let Some(object) = &account.object else {
        return Ok(Looked::AsKnown);
    };
    match target.read_account(object).await {
        // An app's own lock is the app's matter.
        Ok(Some(shown))
            if shown.state == AccountState::Locked || Some(shown.state) == account.state =>
        {
            Ok(Looked::AsKnown)
        }
        Ok(Some(shown)) => Ok(Looked::Otherwise(Sighting::InState(shown.state))),
        Ok(None) | Err(Problem::NotFound(_)) => {
            Ok(match target.locate(account, &account.keys).await? {
                Whereabouts::Moved(seen) => Looked::Otherwise(Sighting::Moved(seen.object)),
                Whereabouts::Unclear(other) => Looked::Unclear(other),
                Whereabouts::Nowhere if target.is_gone(object) => Looked::Otherwise(Sighting::Gone),
                Whereabouts::Nowhere => Looked::NotYetGone,
            })
        }
        Err(problem) => Err(problem),
    }
}

/// Records what was seen, unless something was done to the account meanwhile.
async fn record(
    reading: &Reconciling,
    target: &Connected,
    person: &PersonId,
    before: Account,
    sighting: Sighting,
) -> Result<(), Error> {
    let (whose, at) = (person.clone(), target.name().clone());
    let moved = match &sighting {
        Sighting::Moved(object) => Some(object.clone()),
        _ => None,
    };
    let recorded = reading
        .committer
        .submit(reading.clock.now(), target.actor(), move |writer| {
            let known = writer.person(&whose)?;
            let account = known.and_then(|known| known.accounts.get(&at));
            let is_as_before = account.is_some_and(|account| {
                is_quiet(account)
                    && account.object == before.object
                    && account.state == before.state
            });
            if !is_as_before {
                return Ok(());
            }
            let seen = Fact::AccountSeen {
                person: whose.clone(),
                target: at.clone(),
                sighting: sighting.clone(),
            };
            writer.record(seen)?;
            let subject = subject(&whose, &at);
            findings::settle(writer, &LookedAt::of(subject, [UNCLEAR]), Vec::new())
        })
        .await;
    match (recorded, moved) {
        (Ok(()), moved) => {
            if moved.is_some() {
                target.doubt_rights_of(person);
            }
            tracing::info!(target_name = %target.name(), %person, "an account is other than it was left");
            reading.bells.ring_all();
            Ok(())
        }
        // The account that holds this person's keys belongs to another one by now.
        (Err(Error::LinkedTwice { .. }), Some(object)) => {
            unclear(reading, target.name(), person, &object).await;
            Ok(())
        }
        (Err(error), _) => Err(error),
    }
}

fn subject(person: &PersonId, target: &TargetName) -> Subject {
    Subject::Account(person.clone(), target.clone())
}

async fn unclear(reading: &Reconciling, target: &TargetName, person: &PersonId, other: &ObjectRef) {
    let text = format!(
        "the account is not there under the app's key of it, and {} {} holds what it is found by, in part or for somebody else",
        other.kind, other.id
    );
    let finding = Finding::new(UNCLEAR, Severity::Error, subject(person, target), text);
    reading.findings.open(finding.hint(
        "see at the app whose account that is; give it all of the person's keys, or none of them",
    ))
    .await;
}
