//! Calls that are out, beside the people whose they are.
//!
//! An intent is durable before its call leaves, and what came of the call is recorded soon after. So that one call
//! does not rewrite its person twice, the intent is a row of its own, and few such rows are there at a time. The
//! person's record says meanwhile how the operation stood before; whoever reads a person reads both.

use muster_core::id::OperationId;
use muster_core::operation::{Operation, State};
use muster_core::person::Person;

use crate::codec::{self, Unreadable, v1};

/// An operation whose call is out.
pub(crate) struct Sent {
    pub(crate) operation: OperationId,
    /// How the operation stands in the person's record; while that is in the person itself, how it stands in
    /// memory.
    other: State,
}

/// An operation of a person.
pub(crate) fn operation(person: &Person, id: OperationId) -> Option<&Operation> {
    let accounts = person.accounts.values();
    let mut operations = accounts.flat_map(|account| &account.operations);
    operations.find(|operation| operation.id == id)
}

fn operation_mut(person: &mut Person, id: OperationId) -> Option<&mut Operation> {
    let accounts = person.accounts.values_mut();
    let mut operations = accounts.flat_map(|account| &mut account.operations);
    operations.find(|operation| operation.id == id)
}

/// The calls of a row.
pub(crate) fn read(row: &[u8]) -> Result<Vec<(OperationId, State)>, Unreadable> {
    let intents: Vec<v1::Intent> = codec::decode(row)?;
    intents.into_iter().map(v1::Intent::into_core).collect()
}

/// Puts the calls of a row into the person, as the record has it.
pub(crate) fn send(person: &mut Person, row: &[u8]) -> Result<Vec<Sent>, Unreadable> {
    read(row)?
        .into_iter()
        .map(|(id, state)| {
            let operation = operation_mut(person, id);
            let operation = operation.ok_or(Unreadable::Value("a call of no operation"))?;
            Ok(Sent {
                operation: id,
                other: std::mem::replace(&mut operation.state, state),
            })
        })
        .collect()
}

/// Notes that a call is out for an operation that stood like this before.
pub(crate) fn add(sent: &mut Vec<Sent>, operation: OperationId, before: State) {
    if !sent.iter().any(|sent| sent.operation == operation) {
        let other = before;
        sent.push(Sent { operation, other });
    }
}

/// Drops the calls that are not out any more, or whose operation is gone. Returns whether there were any.
pub(crate) fn drop_ended(sent: &mut Vec<Sent>, person: &Person) -> bool {
    let before = sent.len();
    sent.retain(|sent| {
        let operation = operation(person, sent.operation);
        operation.is_some_and(|operation| matches!(operation.state, State::InFlight { .. }))
    });
    sent.len() < before
}

/// Makes of the person in memory the one of the record, and the other way round.
pub(crate) fn swap(sent: &mut [Sent], person: &mut Person) {
    for sent in sent {
        if let Some(operation) = operation_mut(person, sent.operation) {
            std::mem::swap(&mut operation.state, &mut sent.other);
        }
    }
}

/// Writes the row of a person's calls.
pub(crate) fn encode(buffer: &mut Vec<u8>, sent: &[Sent], person: &Person) {
    let intents = sent.iter().filter_map(|sent| {
        let operation = operation(person, sent.operation)?;
        v1::Intent::of(sent.operation, &operation.state)
    });
    codec::encode(buffer, &intents.collect::<Vec<_>>());
}
