//! Whatever happens in whatever order: the tables are what the facts add up to. Random facts are
//! folded in memory by the core alone, and the ledger has to give the same answers; then it checks
//! itself.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};

use crate::common;
use crate::common::{at, joiner, leaver, policy, target};
use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::budget::Effect;
use muster_core::connector::{AccountState, Problem, SideEffect, Unreached};
use muster_core::fact::{Cause, Counts, Fact, PersonPlanned};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};
use muster_core::operation::{AccountSeen, Completion, How, OperationState, Transition};
use muster_core::person::{Person, Turn, Turns};
use muster_core::subject::Subject;
use muster_ledger::check::check;
use muster_ledger::kept::{Due, Lane, OpenOperation, OpenOperations};
use muster_ledger::{Error, Ledger, Reader, Writer};
use proptest::prelude::*;

const TARGETS: [&str; 2] = ["crm", "mail"];
const PEOPLE: u16 = 9;
/// So few accounts at the apps that people get into each other's way.
const OBJECTS: u16 = 12;

/// What the facts add up to, as the core folds them.
#[derive(Clone, Default)]
struct Model {
    people: BTreeMap<PersonId, Person>,
    findings: BTreeMap<(String, Subject), Finding>,
    deliveries: BTreeMap<String, Digest>,
    entries: u64,
    plans: u64,
}

/// One random step: which kind, and three numbers that choose the rest.
type Dice = (u8, u16, u16, u16);

impl Model {
    fn holder(&self, name: &TargetName, id: &str) -> Option<&PersonId> {
        let mut people = self.people.values();
        let holder = people.find(|person| {
            person.accounts.get(name).is_some_and(|account| {
                account.state != Some(AccountState::Deleted)
                    && account
                        .object
                        .as_ref()
                        .is_some_and(|object| object.id == id)
            })
        });
        holder.map(|person| &person.id)
    }

    /// Some operation that has not ended.
    fn operation(&self, dice: u16) -> Option<(PersonId, TargetName, OperationId)> {
        let all: Vec<_> = self
            .people
            .values()
            .flat_map(|person| {
                person.accounts.iter().flat_map(|(target, account)| {
                    let operations = account.operations.iter();
                    operations.map(|operation| (person.id.clone(), target.clone(), operation.id))
                })
            })
            .collect();
        (!all.is_empty()).then(|| all[usize::from(dice) % all.len()].clone())
    }

    fn dues(&self) -> BTreeSet<(TargetName, Lane, Timestamp, PersonId)> {
        let mut dues = BTreeSet::new();
        for person in self.people.values() {
            for (target, account) in &person.accounts {
                let mut add = |lane, at| dues.insert((target.clone(), lane, at, person.id.clone()));
                match account.turns() {
                    Turns::Busy(since) => drop(add(Lane::InFlight, since)),
                    Turns::Ready(turns) => {
                        for (urgency, at) in turns {
                            add(Lane::Ready(urgency), at);
                        }
                    }
                }
            }
        }
        dues
    }
}

fn change(kind: u16, object: u16, seconds: i64) -> Transition {
    let seen = AccountSeen {
        object: common::user(&format!("u{}", object % OBJECTS)),
        state: [
            AccountState::Active,
            AccountState::Suspended,
            AccountState::Deleted,
        ][usize::from(object) % 3],
    };
    let result = Completion {
        how: How::Done,
        account: Some(seen.clone()),
        effects: vec![SideEffect::GrantAdded(
            common::user("u1"),
            common::group("staff"),
        )],
        unreachable: vec![Unreached {
            text: "refresh tokens".to_owned(),
            until: Some(at(90)),
        }],
        evidence: None,
    };
    let text = "connection reset".to_owned();
    let problem = Problem::Transient {
        text: text.clone(),
        after_ms: Some(5),
    };
    let later = at(seconds + i64::from(object));
    match kind % 10 {
        0 | 1 => Transition::Dispatched { attempt: 1 },
        2 => Transition::Lost {
            observe_at: later,
            text,
            by_plugin: object.is_multiple_of(2),
        },
        3 => Transition::Deferred {
            until: later,
            problem,
        },
        4 => Transition::LeftPending {
            handle: "job-1".to_owned(),
            poll_at: later,
            account: Some(seen),
        },
        5 => Transition::Answered {
            verify_at: later,
            result,
        },
        6 => Transition::Found { account: seen },
        9 => Transition::Retried,
        7 => Transition::Completed(result),
        _ => Transition::Halted {
            problem,
            account: None,
        },
    }
}

/// Takes one step in the ledger and in the model.
fn step(writer: &mut Writer<'_>, model: &mut Model, dice: Dice) -> Result<(), Error> {
    let (kind, one, two, three) = dice;
    let seconds = writer.at().duration_since(at(0)).as_secs();
    match kind % 8 {
        0 | 1 => return plan(writer, model, dice),
        2..=4 => {
            let Some((id, name, operation)) = model.operation(one) else {
                return Ok(());
            };
            // Now and then one that no longer is.
            let number = operation.number + u32::from(two % 7 == 0) * 1_000;
            let operation = OperationId {
                number,
                ..operation
            };
            let change = change(two, three, seconds);
            return operation_changed(writer, model, (id, name, operation), change);
        }
        5 => {
            let finding = Finding::new(
                Code::new("OPS-001"),
                Severity::Warning,
                Subject::File(format!("subject {}", one % 4)),
                format!("text {two}"),
            );
            let key = (finding.code.to_string(), finding.subject.clone());
            writer.record(Fact::FindingOpened(finding.clone()))?;
            model.findings.insert(key, finding);
        }
        6 => {
            let subject = Subject::File(format!("subject {}", one % 4));
            let code = Code::new("OPS-001");
            let key = (code.to_string(), subject.clone());
            let applied = writer.record(Fact::FindingClosed { code, subject })?;
            assert_eq!(applied, model.findings.remove(&key).is_some());
        }
        _ => {
            let key = format!("message {}", one % 5);
            let digest = Digest([u8::try_from(two % 251).unwrap(); 32]);
            let applied = writer.record(Fact::DeliveryTaken {
                feed: FeedName::new("hr").unwrap(),
                key: key.clone(),
                digest,
            })?;
            assert_eq!(applied, !model.deliveries.contains_key(&key));
            model.deliveries.entry(key).or_insert(digest);
        }
    }
    model.entries += 1;
    Ok(())
}

fn operation_changed(
    writer: &mut Writer<'_>,
    model: &mut Model,
    (id, name, operation): (PersonId, TargetName, OperationId),
    change: Transition,
) -> Result<(), Error> {
    let mut after = model.people[&id].clone();
    let applied = after.changed(&name, operation, &change, writer.at());
    let account = after.accounts.get(&name);
    let taken = account
        .filter(|account| account.state != Some(AccountState::Deleted))
        .and_then(|account| account.object.as_ref())
        .and_then(|object| model.holder(&name, &object.id))
        .is_some_and(|holder| *holder != id);
    let recorded = writer.record(Fact::OperationChanged {
        person: id.clone(),
        target: name,
        operation,
        change,
    });
    match recorded {
        Ok(recorded) => {
            assert!(!taken, "an account belongs to two people");
            assert_eq!(recorded, applied);
            if applied {
                model.people.insert(id, after);
            }
            model.entries += 1;
            Ok(())
        }
        Err(Error::LinkedTwice { .. }) => {
            assert!(taken, "refused without a reason");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn plan(writer: &mut Writer<'_>, model: &mut Model, dice: Dice) -> Result<(), Error> {
    let (kind, one, two, three) = dice;
    let id = writer.next_plan();
    assert_eq!(id, PlanId(model.plans + 1));
    let mut counts = Counts::default();
    let mut number = 1;
    for index in 0..PEOPLE {
        if (one >> index) & 1 == 0 {
            continue;
        }
        let key = format!("p{index}");
        let targets = &TARGETS[..=usize::from(two >> index) % 2];
        let planned = if (three >> index) & 1 == 0 {
            joiner(id, &key, targets, number)
        } else {
            leaver(id, &key, targets, number)
        };
        number += 8;
        counts.add(&planned);
        planned_person(writer, model, planned, kind % 2 == 0)?;
    }
    writer.finish_plan(Cause::Policy, policy(), counts)?;
    model.plans += 1;
    model.entries += 1;
    Ok(())
}

/// Records a person's part of a plan by either way; both have to come to the same.
fn planned_person(
    writer: &mut Writer<'_>,
    model: &mut Model,
    planned: PersonPlanned,
    is_read_before: bool,
) -> Result<(), Error> {
    let before = model.people.remove(&planned.person);
    let after = Person::planned(
        before.clone(),
        &planned,
        Effect {
            at: writer.day()?,
            counted_at: writer.counts_at()?,
            is_approved: false,
        },
    );
    assert_eq!(writer.person(&planned.person)?, before.as_ref());
    let applied = if is_read_before {
        writer.record_planned(before, planned)?
    } else {
        writer.record(Fact::PersonPlanned(planned))?
    };
    assert_eq!(applied, after.is_some());
    model
        .people
        .extend(after.map(|person| (person.id.clone(), person)));
    model.entries += 1;
    Ok(())
}

fn compare(reader: &Reader, model: &Model) {
    let people: Vec<Person> = reader.everybody().unwrap().map(Result::unwrap).collect();
    assert_eq!(people, model.people.values().cloned().collect::<Vec<_>>());
    let mut dues = BTreeSet::new();
    for name in TARGETS.map(target) {
        let ready = reader.dues(&name, Timestamp::MAX).unwrap();
        let in_flight = reader.in_flight(&name).unwrap();
        for due in ready.map(Result::unwrap).chain(in_flight) {
            let Due {
                target,
                lane,
                at,
                person,
            } = due;
            assert!(dues.insert((target, lane, at, person)));
        }
    }
    assert_eq!(dues, model.dues());
    rows_agree_with_turns(model);
    let timers: BTreeSet<_> = model
        .people
        .values()
        .filter_map(|person| Some((person.wake_at?, person.id.clone())))
        .collect();
    let kept = reader.timers_due(Timestamp::MAX, None, 1_000).unwrap();
    assert_eq!(kept, timers.into_iter().collect::<Vec<_>>());
    let findings: Vec<Finding> = reader
        .findings()
        .unwrap()
        .map(|kept| kept.unwrap().finding)
        .collect();
    assert_eq!(
        findings,
        model.findings.values().cloned().collect::<Vec<_>>()
    );
    let feed = FeedName::new("hr").unwrap();
    for (key, digest) in &model.deliveries {
        let kept = reader.delivery(&feed, key).unwrap().unwrap();
        assert_eq!(kept.digest, *digest);
    }
    compare_counts(reader, model);
    compare_plans(reader, model);
    for name in TARGETS.map(target) {
        for object in 0..OBJECTS {
            let id = format!("u{object}");
            let holder = reader.linked(&name, &common::user(&id)).unwrap();
            assert_eq!(holder.as_ref(), model.holder(&name, &id));
        }
    }
}

/// A row is reached exactly when the core finds something to do.
fn rows_agree_with_turns(model: &Model) {
    let accounts = model
        .people
        .values()
        .flat_map(|person| person.accounts.values());
    for account in accounts {
        for seconds in [-1_000_000, 0, 3, 10, 1_000, 70_000] {
            let now = at(seconds);
            let is_reached = match account.turns() {
                Turns::Busy(_) => false,
                Turns::Ready(turns) => turns.iter().any(|(_, at)| *at <= now),
            };
            let acts = matches!(account.turn(now), Turn::Act(..));
            assert_eq!(is_reached, acts, "{account:?}");
        }
    }
}

fn compare_counts(reader: &Reader, model: &Model) {
    let counts = reader.counts().unwrap();
    assert_eq!((counts.entries, counts.plans), (model.entries, model.plans));
    assert_eq!(counts.findings, model.findings.len() as u64);
    let mut phases = BTreeMap::new();
    let mut accounts: BTreeMap<TargetName, BTreeMap<AccountState, u64>> = BTreeMap::new();
    let mut operations: BTreeMap<TargetName, BTreeMap<OperationState, u64>> = BTreeMap::new();
    for person in model.people.values() {
        *phases.entry(person.phase).or_insert(0) += 1;
        for (name, account) in &person.accounts {
            if let Some(state) = account.state {
                let states = accounts.entry(name.clone()).or_default();
                *states.entry(state).or_insert(0) += 1;
            }
            for operation in &account.operations {
                let names = operations.entry(name.clone()).or_default();
                *names.entry(operation.state.kind()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(counts.people, phases);
    assert_eq!(counts.accounts, accounts);
    assert_eq!(counts.operations, operations);
}

fn compare_plans(reader: &Reader, model: &Model) {
    let mut plans: BTreeMap<PlanId, BTreeMap<&str, u64>> = BTreeMap::new();
    for person in model.people.values() {
        for (target, account) in &person.accounts {
            for operation in &account.operations {
                let open = OpenOperation {
                    person: person.id.clone(),
                    target: target.clone(),
                    operation: operation.clone(),
                };
                let found = reader.open_operation(operation.id).unwrap();
                assert_eq!(found, Some(open));
                let states = plans.entry(operation.id.plan).or_default();
                *states.entry(operation.state.kind().as_str()).or_default() += 1;
            }
        }
    }
    for plan in (1..=model.plans).map(PlanId) {
        let mut states = plans.remove(&plan).unwrap_or_default();
        let mut take = |state| states.remove(state).unwrap_or(0);
        let open = OpenOperations {
            queued: take("queued"),
            in_flight: take("in-flight"),
            unknown: take("unknown"),
            waiting: take("waiting"),
            pending: take("pending"),
            verifying: take("verifying"),
            halted: take("halted"),
        };
        assert_eq!(reader.open_operations(plan).unwrap(), open);
    }
}

fn dice() -> impl Strategy<Value = Dice> {
    (any::<u8>(), any::<u16>(), any::<u16>(), any::<u16>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_tables_are_what_the_facts_add_up_to(
        commits in prop::collection::vec((any::<bool>(), prop::collection::vec(dice(), 1..12)), 1..10)
    ) {
        let ledger = Ledger::in_memory().unwrap();
        let mut model = Model::default();
        for (index, (is_given_up, steps)) in commits.into_iter().enumerate() {
            let mut after = model.clone();
            let seconds = i64::try_from(index).unwrap();
            let written = ledger.write(at(seconds), Actor::Daemon, |writer| {
                for dice in steps {
                    step(writer, &mut after, dice)?;
                }
                // A transaction that is given up leaves nothing behind.
                if is_given_up { Err(Error::Spoiled) } else { Ok(()) }
            });
            match written {
                Ok(()) => model = after,
                Err(Error::Spoiled) if is_given_up => {}
                Err(error) => panic!("{error:?}"),
            }
            compare(&ledger.read().unwrap(), &model);
        }
        let report = check(&ledger, |_| {}).unwrap();
        prop_assert!(report.is_clean(), "{report:?}");
        prop_assert_eq!(report.entries, model.entries);
    }
}
