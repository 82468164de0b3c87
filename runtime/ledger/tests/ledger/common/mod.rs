//! What the tests of the ledger share: people, plans, operations and what happens to them, in few words.

#![expect(clippy::unwrap_used, reason = "test code")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each example uses its part of this"
)]

mod decided;
pub(crate) mod every;
mod every_operation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muster_core::actor::Actor;
use muster_core::connector::{
    AccountSpec, AccountState, AttributeChange, EntitlementKey, ObjectRef, Scalar,
};
use muster_core::dated::Dated;
use muster_core::fact::{AccountPlanned, Cause, Counts, Deletion, Fact, Kind, PersonPlanned};
use muster_core::id::{OperationId, PersonId, PlanId, PolicyVersion, RoleName, TargetName};
use muster_core::identity::{Employment, Identity, Phase, Status, Value};
use muster_core::operation::{
    AccountSeen, Action, Completion, How, Operation, State, Transition, Urgency,
};
use muster_core::person::Justification;
use muster_ledger::{Error, Ledger, Writer};

/// The first instant of the tests, plus seconds.
pub(crate) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-06-01T08:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

pub(crate) fn person(key: &str) -> PersonId {
    PersonId::parse(&format!("hr:{key}")).unwrap()
}

pub(crate) fn target(name: &str) -> TargetName {
    TargetName::new(name).unwrap()
}

pub(crate) fn policy() -> PolicyVersion {
    PolicyVersion::new("0123456789ab")
}

pub(crate) fn group(name: &str) -> EntitlementKey {
    EntitlementKey {
        kind: "group".to_owned(),
        container: None,
        id: name.to_owned(),
    }
}

pub(crate) fn user(id: &str) -> ObjectRef {
    ObjectRef {
        kind: "user".to_owned(),
        container: None,
        id: id.to_owned(),
        revision: Some("W/1".to_owned()),
        name_hint: None,
    }
}

pub(crate) fn identity(key: &str, department: &str) -> Identity {
    let attributes = [
        ("display_name", format!("Person {key}")),
        ("first_name", "Person".to_owned()),
        ("last_name", key.to_owned()),
        ("email", format!("{key}@example.com")),
        ("department", department.to_owned()),
        ("title", "Engineer".to_owned()),
        ("location", "Berlin".to_owned()),
        ("cost_center", "4711".to_owned()),
    ];
    Identity {
        attributes: attributes
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Value::Text(text)))
            .collect(),
        employment: Employment {
            status: Status::Active,
            starts_at: Some(at(-86_400)),
            ends_at: None,
        },
        dated: Dated::default(),
    }
}

/// An operation of a plan that waits for its turn.
pub(crate) fn operation(plan: PlanId, number: u32, action: Action, urgency: Urgency) -> Operation {
    Operation {
        id: OperationId { plan, number },
        action,
        urgency,
        reason: "role staff at policy 0123456789ab".to_owned(),
        state: State::Queued,
    }
}

pub(crate) fn account_spec(key: &str) -> Arc<AccountSpec> {
    let set = |text: String| AttributeChange::Set(vec![Scalar::Text(text)]);
    Arc::new(AccountSpec {
        match_keys: vec![("employee-id".to_owned(), key.to_owned())],
        may_adopt: true,
        initial_state: AccountState::Active,
        attributes: BTreeMap::from([
            ("userName".to_owned(), set(format!("{key}@example.com"))),
            ("displayName".to_owned(), set(format!("Person {key}"))),
            (
                "active".to_owned(),
                AttributeChange::Set(vec![Scalar::Boolean(true)]),
            ),
        ]),
    })
}

pub(crate) fn justification(role: &str) -> Justification {
    Justification::Role {
        role: RoleName::new(role).unwrap(),
        policy: policy(),
    }
}

/// Somebody who came: an account at each target, and a group there. Operations are numbered from
/// `number` on.
pub(crate) fn joiner(plan: PlanId, key: &str, targets: &[&str], number: u32) -> PersonPlanned {
    let mut number = number;
    let mut accounts = BTreeMap::new();
    for name in targets {
        let account = Action::EnsureAccount(account_spec(key));
        let grant = Action::EnsureGranted(group("staff"));
        let operations = vec![
            operation(plan, number, account, Urgency::Joiner),
            operation(plan, number + 1, grant, Urgency::Joiner),
        ];
        number += 2;
        let planned = AccountPlanned {
            is_wanted: true,
            grants: BTreeMap::from([(group("staff"), BTreeSet::from([justification("staff")]))]),
            deletion: Deletion::Never,
            operations,
        };
        accounts.insert(target(name), planned);
    }
    PersonPlanned {
        plan,
        person: person(key),
        kind: Kind::Joiner,
        identity: Some(identity(key, "Sales")),
        records: Vec::new(),
        row: Some(number + 2),
        is_present: true,
        phase: Phase::Active,
        accounts,
    }
}

/// Somebody who left: the account is suspended, its sessions ended and the group taken away.
pub(crate) fn leaver(plan: PlanId, key: &str, targets: &[&str], number: u32) -> PersonPlanned {
    let mut number = number;
    let mut accounts = BTreeMap::new();
    for name in targets {
        let actions = [
            Action::EnsureState(AccountState::Suspended),
            Action::EndSessions,
            Action::EnsureRevoked(group("staff")),
        ];
        let mut operations = Vec::new();
        for action in actions {
            operations.push(operation(plan, number, action, Urgency::Leaver));
            number += 1;
        }
        let planned = AccountPlanned {
            is_wanted: false,
            grants: BTreeMap::new(),
            deletion: Deletion::After(Duration::from_hours(24 * 30)),
            operations,
        };
        accounts.insert(target(name), planned);
    }
    PersonPlanned {
        plan,
        person: person(key),
        kind: Kind::Leaver,
        identity: None,
        records: Vec::new(),
        row: None,
        is_present: false,
        phase: Phase::Ended,
        accounts,
    }
}

/// Records a whole plan in the writer's transaction.
pub(crate) fn plan(
    writer: &mut Writer<'_>,
    people: impl IntoIterator<Item = PersonPlanned>,
) -> Result<PlanId, Error> {
    let mut counts = Counts::default();
    for planned in people {
        counts.add(&planned);
        writer.record(Fact::PersonPlanned(planned))?;
    }
    let plan = writer.finish_plan(Cause::Date, policy(), counts)?;
    Ok(plan.id)
}

/// A plan of joiners, in a transaction of its own.
pub(crate) fn join(ledger: &Ledger, seconds: i64, keys: &[&str], targets: &[&str]) -> PlanId {
    ledger
        .write(at(seconds), Actor::Daemon, |writer| {
            let id = writer.next_plan();
            let mut number = 1;
            let people: Vec<PersonPlanned> = keys
                .iter()
                .map(|key| {
                    let planned = joiner(id, key, targets, number);
                    number += 2 * u32::try_from(targets.len()).unwrap();
                    planned
                })
                .collect();
            plan(writer, people)
        })
        .unwrap()
}

pub(crate) fn changed(key: &str, name: &str, operation: OperationId, change: Transition) -> Fact {
    Fact::OperationChanged {
        person: person(key),
        target: target(name),
        operation,
        change,
    }
}

pub(crate) fn dispatched(key: &str, name: &str, operation: OperationId) -> Fact {
    changed(key, name, operation, Transition::Dispatched { attempt: 1 })
}

/// It was done, and the account that was shown is this one.
pub(crate) fn completed(key: &str, name: &str, operation: OperationId, object: &str) -> Fact {
    let result = Completion {
        how: How::Done,
        account: Some(AccountSeen {
            object: user(object),
            state: AccountState::Active,
        }),
        effects: Vec::new(),
        unreachable: Vec::new(),
        evidence: Some(format!("request-{object}")),
    };
    changed(key, name, operation, Transition::Completed(result))
}

pub(crate) fn operation_id(plan: PlanId, number: u32) -> OperationId {
    OperationId { plan, number }
}
