//! Another attempt at once, when what a target is connected with is new.
//!
//! An app that refuses the credentials, and a host that refuses a permission, refuse the next attempt
//! too; so such operations wait long. A secret that was replaced, or a start with other permissions, is
//! the news they wait for: a leaver does not stay open for a quarter of an hour longer.

use muster_core::connector::Problem;
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{Operation, State, retried_by_hand};
use muster_ledger::{Error, Writer};

use super::Driver;

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
            people
                .iter()
                .try_for_each(|person| bring_forward(writer, &target, person))
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

fn bring_forward(writer: &mut Writer<'_>, target: &TargetName, id: &PersonId) -> Result<(), Error> {
    let now = writer.at();
    let person = writer.person(id)?;
    let account = person.and_then(|person| person.accounts.get(target));
    let operations = account.map(|account| account.operations.as_slice());
    let refused = operations
        .unwrap_or_default()
        .iter()
        .filter(|operation| was_refused(operation));
    let changes: Vec<_> = refused
        .filter_map(|operation| Some((operation.id, retried_by_hand(operation, now)?)))
        .collect();
    for (operation, change) in changes {
        writer.record(Fact::OperationChanged {
            person: id.clone(),
            target: target.clone(),
            operation,
            change,
        })?;
    }
    Ok(())
}
