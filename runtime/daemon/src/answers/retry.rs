//! Another attempt, now, at what waits for a person or for its time.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::{API_NOT_HALTED, Fault, FaultKind};
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::fact::Fact;
use muster_core::id::{OperationId, PersonId, TargetName};
use muster_core::operation::{self, retried, retried_by_hand};
use muster_ledger::{Error, Ledger};

use super::asking::Part;
use super::operations::Filter;
use super::operator::By;
use super::{Answered, Orders, answered, broken, present, read};

/// `POST /v1/operations/{operation}/retry`: of one operation.
pub(crate) async fn one(
    State(orders): State<Arc<Orders>>,
    Part(operation): Part<OperationId>,
    By(by): By,
) -> Answered<v1::Operation> {
    answered(orders, move |orders| retry(orders, operation, &by)).await
}

/// `POST /v1/operations/retry`: of all that the filter names.
pub(crate) async fn all(
    State(orders): State<Arc<Orders>>,
    filter: Filter,
    By(by): By,
) -> Answered<v1::Retried> {
    answered(orders, move |orders| retry_all(orders, &filter, &by)).await
}

/// People whose operations are tried again in one transaction.
const RETRIED_AT_ONCE: usize = 500;

/// Takes the next step now of everything that waits and that the filter names.
fn retry_all(orders: &Orders, filter: &Filter, by: &Operator) -> Result<v1::Retried, Fault> {
    let reader = orders.ledger.read().map_err(|error| broken(&error))?;
    let now = orders.clock.now();
    let mut waiting = Vec::new();
    for (name, target) in orders.targets.iter() {
        if filter.target.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let before = waiting.len();
        for person in reader.people_at(name).map_err(|error| broken(&error))? {
            let person = person.map_err(|error| broken(&error))?;
            if filter.person.as_ref().is_some_and(|id| *id != person.id) {
                continue;
            }
            let account = person.accounts.get(name);
            for open in account.into_iter().flat_map(|account| &account.operations) {
                let is_meant = filter.state.is_none_or(|state| state == open.state.kind());
                if is_meant && retried_by_hand(open, now).is_some() {
                    waiting.push((person.id.clone(), name.clone(), open.id));
                }
            }
        }
        if waiting.len() > before {
            target.try_at_once();
        }
    }
    let operations = waiting.len() as u64;
    for some in waiting.chunks(RETRIED_AT_ONCE) {
        let some = some.to_vec();
        orders
            .committer
            .submit_blocking(now, by.clone(), move |writer| {
                some.iter()
                    .try_for_each(|(person, target, id)| retry_one(writer, (person, target), *id))
            })
            .map_err(|error: Error| broken(&error))?;
    }
    orders.bells.ring_all();
    Ok(v1::Retried { operations })
}

/// Records that somebody wants an operation tried again, unless it went on meanwhile: what is out has to be looked
/// at first.
fn retry_one(
    writer: &mut muster_ledger::Writer<'_>,
    (person, target): (&PersonId, &TargetName),
    operation: OperationId,
) -> Result<(), Error> {
    let now = writer.at();
    let kept = writer.person(person)?;
    let account = kept.and_then(|kept| kept.accounts.get(target));
    let mut open = account.into_iter().flat_map(|account| &account.operations);
    let open = open.find(|open| open.id == operation);
    let Some(change) = open.and_then(|open| retried(open, now)) else {
        return Ok(());
    };
    let fact = Fact::OperationChanged {
        person: person.clone(),
        target: target.clone(),
        operation,
        change,
    };
    writer.record(&fact).map(drop)
}

fn retry(orders: &Orders, id: OperationId, by: &Operator) -> Result<v1::Operation, Fault> {
    let (person, target) = locate(&orders.ledger, id)?;
    let now = orders.clock.now();
    if let Some(target) = orders.targets.get(&target) {
        target.try_at_once();
    }
    let (owner, at) = (person.clone(), target.clone());
    orders
        .committer
        .submit_blocking(now, by.clone(), move |writer| {
            retry_one(writer, (&owner, &at), id)
        })
        .map_err(|error: Error| broken(&error))?;
    orders.bells.ring_all();
    let found = orders
        .ledger
        .read()
        .and_then(|reader| reader.person(&person))
        .map_err(|error| broken(&error))?;
    let known = orders.known.load();
    let shown = found.as_ref().and_then(|person| {
        let account = person.accounts.get(&target)?;
        let open = account
            .operations
            .iter()
            .find(|operation| operation.id == id)?;
        Some(present::operation(
            person,
            &target,
            open,
            &known.titles,
            now,
        ))
    });
    shown.ok_or_else(|| Fault::not_found("open operation", &id.to_string()))
}

/// Where an operation stands: whose it is, and at which target.
fn locate(ledger: &Ledger, id: OperationId) -> Result<(PersonId, TargetName), Fault> {
    let reader = read(ledger)?;
    let open = reader.open_operation(id).map_err(|error| broken(&error))?;
    let open = open.ok_or_else(|| {
        Fault::not_found("open operation", &id.to_string())
            .hint("`muster operations` lists those that are open")
    })?;
    match open.operation.state {
        operation::State::Waiting { .. }
        | operation::State::Halted { .. }
        | operation::State::Unknown { .. }
        | operation::State::Pending { .. } => Ok((open.person, open.target)),
        state @ (operation::State::Queued
        | operation::State::InFlight { .. }
        | operation::State::Verifying { .. }) => {
            let message = format!("operation {id} is {} and goes on by itself", state.kind());
            Err(Fault::new(FaultKind::Conflict, API_NOT_HALTED, message))
        }
    }
}
