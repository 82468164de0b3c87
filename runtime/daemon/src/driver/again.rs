//! Another attempt at once, when what a target is connected with is new.
//!
//! An app that refuses the credentials, and a host that refuses a permission, refuse the next attempt
//! too; so such operations wait long. A secret that was replaced, or a start with other permissions, is
//! the news they wait for: a leaver does not stay open for a quarter of an hour longer.

use muster_core::connector::Problem;
use muster_core::id::PersonId;
use muster_core::operation::{Operation, State, retried_by_hand};
use muster_ledger::Error;

use super::{Driver, change_each};

/// Lets everything that was refused be tried again now.
pub(super) async fn refused(driver: &Driver) -> Result<(), Error> {
    let (reader, target) = (driver.ledger.read()?, driver.target.name().clone());
    // Whatever waits is due at some time.
    let mut people: Vec<PersonId> = Vec::new();
    for due in reader.dues(&target, jiff::Timestamp::MAX)? {
        let due = due?;
        let is_refused = reader.person(&due.person)?.is_some_and(|person| {
            let account = person.accounts.get(&target);
            account.is_some_and(|account| account.operations.iter().any(was_refused))
        });
        if is_refused {
            people.push(due.person);
        }
    }
    if people.is_empty() {
        return Ok(());
    }
    driver
        .committer
        .submit(driver.clock.now(), move |writer| {
            people.iter().try_for_each(|person| {
                change_each(writer, &target, person, |operation, now| {
                    retried_by_hand(operation, now).filter(|_| was_refused(operation))
                })
            })
        })
        .await
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
