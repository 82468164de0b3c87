//! Reads which rights an account has that was taken over, so that somebody decides about what no rule explains.
//!
//! The finding that opened with the taking stands until this is recorded, whole; a stop, an app that does not answer
//! and a listing that is not whole only make it later. It is read also of somebody who has left meanwhile: what the
//! account still has is taken away then.

use muster_core::adoption::PER_ACCOUNT_MAX;
use muster_core::connector::{EntitlementKey, ObjectRef};
use muster_core::fact::Fact;
use muster_core::finding::{Finding, Severity};
use muster_core::id::{PersonId, TargetName};
use muster_core::person::{Account, Sighting};
use muster_core::redact;
use muster_core::subject::Subject;
use muster_ledger::Error;

use super::{AGAIN, Reconciling};
use crate::findings::target::UNREAD;
use crate::findings::{self, LookedAt};
use crate::targets::Connected;

/// Schedules reading what a stop left unread.
pub(super) fn remember(reading: &Reconciling, target: &Connected) -> Result<(), Error> {
    for kept in reading.ledger.read()?.findings_of(&UNREAD)? {
        if let Subject::Account(person, at) = kept?.finding.subject
            && at == *target.name()
        {
            target.doubt_taken_over(&person);
        }
    }
    Ok(())
}

/// Reads the rights of somebody's account, and records them.
pub(super) async fn read(
    reading: &Reconciling,
    target: &Connected,
    person: &PersonId,
) -> Result<(), Error> {
    let name = target.name();
    let subject = Subject::Account(person.clone(), name.clone());
    let (whose, object, offered) = {
        let reader = reading.ledger.read()?;
        if reader.finding(&UNREAD, &subject)?.is_none() {
            return Ok(());
        }
        // Where the feed was renamed meanwhile, they stand under the new name, with the same key.
        let known = match reader.person(person)? {
            Some(known) => vec![known],
            None => reader.find_people(person.key.as_str())?,
        };
        let known = known.into_iter().find_map(|mut known| {
            let account = known.accounts.remove(name).filter(Account::exists)?;
            Some((known.id, account.object?))
        });
        let Some((whose, object)) = known else {
            reading.findings.close(subject, [UNREAD]).await;
            return Ok(());
        };
        let offered = reader.catalogue(name)?.map(|kept| kept.entitlements);
        let offered = offered.unwrap_or_default();
        let offered: Vec<EntitlementKey> = offered
            .iter()
            .map(|one| EntitlementKey::of(&one.object))
            .collect();
        (whose, object, offered)
    };
    let why_not = match target.rights_of(&object, &offered).await {
        Ok(listing) if listing.items.len() > PER_ACCOUNT_MAX => {
            let many = listing.items.len();
            format!("it has {many} rights, and of one account {PER_ACCOUNT_MAX} are decided about")
        }
        Ok(listing) if listing.is_whole => {
            return record(reading, target, (subject, whose, object), listing.items).await;
        }
        Ok(listing) => listing
            .why_not
            .unwrap_or_else(|| "the listing is not whole".to_owned()),
        Err(problem) => problem.text(),
    };
    let text = format!(
        "the account was taken over, and which rights it has could not be read: {}",
        redact::without_people(&why_not)
    );
    let finding = Finding::new(UNREAD, Severity::Warning, subject, text);
    let hint = "it is read again; see at the app meanwhile what the account may do";
    reading.findings.open(finding.hint(hint)).await;
    let every = target.config().limits.compare_every;
    target.read_rights_later(person, AGAIN.min(every));
    Ok(())
}

async fn record(
    reading: &Reconciling,
    target: &Connected,
    (subject, whose, object): (Subject, PersonId, ObjectRef),
    rights: Vec<EntitlementKey>,
) -> Result<(), Error> {
    let name: TargetName = target.name().clone();
    let recorded = reading
        .committer
        .submit(reading.clock.now(), target.actor(), move |writer| {
            // What was read is of this account and no other.
            let known = writer.person(&whose)?;
            let account = known.and_then(|known| known.accounts.get(&name));
            if account.is_some_and(|account| account.object.as_ref() == Some(&object)) {
                writer.record(Fact::AccountSeen {
                    person: whose.clone(),
                    target: name.clone(),
                    sighting: Sighting::TakenOver(rights.clone()),
                })?;
            }
            findings::settle(writer, &LookedAt::of(subject.clone(), [UNREAD]), Vec::new())
        });
    recorded.await?;
    reading.bells.ring_all();
    Ok(())
}
