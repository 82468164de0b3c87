//! Another attempt at once, when what a target is connected with is new.
//!
//! An app that refuses the credentials, and a host that refuses a permission, refuse the next attempt
//! too; so such operations wait long. A secret that was replaced, or a start with other permissions, is
//! the news they wait for: a leaver does not stay open for a quarter of an hour longer. In the same way,
//! another version of the plugin is the news for everything that may have been the plugin's doing, also
//! where that waits for a person.

use jiff::Timestamp;
use muster_core::connector::Problem;
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{Change, Operation, State, retried_by_hand, retried_by_version};
use muster_ledger::{Error, Ledger, Writer};

use super::settle::{DELAYED, HALTED, subject_of};
use super::{Driver, change_each};

/// People whose operations are changed in one transaction.
const PEOPLE_AT_ONCE: usize = 500;

/// Lets everything that was refused be tried again now.
pub(super) async fn refused(driver: &Driver) -> Result<(), Error> {
    again(driver, refused_before).await
}

/// Lets everything be tried again now that another version of the plugin may have failed at.
pub(super) async fn failed_before(driver: &Driver) -> Result<(), Error> {
    again(driver, retried_by_version).await
}

/// What becomes of an operation; none leaves it as it is.
type Retried = fn(&Operation, Timestamp) -> Option<Change>;

async fn again(driver: &Driver, retried: Retried) -> Result<(), Error> {
    let (ledger, target, now) = (
        driver.ledger.clone(),
        driver.target.name().clone(),
        driver.clock.now(),
    );
    let whose = {
        let target = target.clone();
        tokio::task::spawn_blocking(move || concerned(&ledger, &target, now, retried))
    };
    // A task that is not joined was stopped with the runtime.
    let whose = whose.await.unwrap_or_else(|_| Ok(Vec::new()))?;
    for people in whose.chunks(PEOPLE_AT_ONCE) {
        let (people, target) = (people.to_vec(), target.clone());
        driver
            .committer
            .submit(driver.clock.now(), move |writer| {
                people.iter().try_for_each(|person| {
                    close_what_is_over(writer, &target, person, retried)?;
                    change_each(writer, &target, person, retried)
                })
            })
            .await?;
    }
    Ok(())
}

/// Whose operations are concerned.
fn concerned(
    ledger: &Ledger,
    target: &TargetName,
    now: Timestamp,
    retried: Retried,
) -> Result<Vec<PersonId>, Error> {
    let reader = ledger.read()?;
    let counts = reader.counts()?;
    let open = counts.operations.get(target).into_iter().flatten();
    if open.map(|(_, count)| *count).sum::<u64>() == 0 {
        return Ok(Vec::new());
    }
    let mut people = Vec::new();
    for person in reader.people_at(target)? {
        let person = person?;
        let account = person.accounts.get(target);
        let is_concerned = account.is_some_and(|account| {
            let mut operations = account.operations.iter();
            operations.any(|operation| retried(operation, now).is_some())
        });
        if is_concerned {
            people.push(person.id);
        }
    }
    Ok(people)
}

/// What is tried again at once does not wait for a person any more, and is not late for the reason that
/// was given.
fn close_what_is_over(
    writer: &mut Writer<'_>,
    target: &TargetName,
    id: &PersonId,
    retried: Retried,
) -> Result<(), Error> {
    let now = writer.at();
    let person = writer.person(id)?;
    let account = person.and_then(|person| person.accounts.get(target));
    let operations = account.map(|account| account.operations.as_slice());
    let subjects: Vec<String> = operations
        .unwrap_or_default()
        .iter()
        .filter(|operation| retried(operation, now).is_some())
        .map(|operation| subject_of(target, id, operation.id))
        .collect();
    for subject in subjects {
        for code in [HALTED, DELAYED] {
            if writer.finding(&code, &subject)?.is_some() {
                let subject = subject.clone();
                writer.record(Fact::FindingClosed { code, subject })?;
            }
        }
    }
    Ok(())
}

fn refused_before(operation: &Operation, now: Timestamp) -> Option<Change> {
    retried_by_hand(operation, now).filter(|_| was_refused(operation))
}

fn was_refused(operation: &Operation) -> bool {
    let State::Waiting { problem, .. } = &operation.state else {
        return false;
    };
    matches!(
        problem,
        Problem::Unauthenticated(_) | Problem::Forbidden(_) | Problem::Denied(_)
    )
}
