//! What is said of an operation until it is done. Its driver says it; a plan that takes the operation's place, and
//! whoever sees that it is gone, closes it.

use muster_core::finding::Code;
use muster_core::id::{OperationId, PersonId, TargetName};
use muster_core::subject::Subject;
use muster_ledger::{Error, Writer};

use super::target::REFUSED;

/// An operation waits for a person.
pub(crate) const HALTED: Code = Code::new("OP-001");
/// What takes access away has not succeeded yet, and is tried again.
pub(crate) const EXPOSED: Code = Code::new("OP-002");
/// What gives access has not succeeded after several attempts, and is tried again.
pub(crate) const DELAYED: Code = Code::new("OP-003");
/// No seat or quota is left.
pub(crate) const NO_CAPACITY: Code = Code::new("OP-005");
/// Something could not be reached and lives until it expires.
pub(crate) const UNREACHABLE: Code = Code::new("OP-006");
/// One account at an app would belong to two people.
pub(crate) const CLAIMED_TWICE: Code = Code::new("OP-007");

/// What is said of an operation until it is done; none of it holds once another plan has taken its
/// place.
pub(crate) const WHILE_OPEN: [Code; 6] = [
    HALTED,
    EXPOSED,
    DELAYED,
    REFUSED,
    NO_CAPACITY,
    CLAIMED_TWICE,
];

/// Whether the operation that a finding is about is still to be done. True where the subject names
/// none.
pub(crate) fn is_open(writer: &mut Writer<'_>, subject: &Subject) -> Result<bool, Error> {
    let Subject::Operation(person, target, id) = subject else {
        return Ok(true);
    };
    let open = open(writer, target, person)?;
    Ok(open.contains(id))
}

/// The operations of somebody at a target that are still to be done.
pub(crate) fn open(
    writer: &mut Writer<'_>,
    target: &TargetName,
    person: &PersonId,
) -> Result<Vec<OperationId>, Error> {
    let person = writer.person(person)?;
    let account = person.and_then(|person| person.accounts.get(target));
    let operations = account.map_or(&[][..], |account| &account.operations);
    Ok(operations.iter().map(|operation| operation.id).collect())
}
