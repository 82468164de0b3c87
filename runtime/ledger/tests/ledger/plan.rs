//! Plans: recorded whole or not at all, the same content has the same digest, and what a caller read
//! too early is refused.

#![expect(clippy::unwrap_used, reason = "test code")]

use crate::common;
use crate::common::{at, dispatched, join, joiner, leaver, operation_id, person, policy, target};
use muster_core::actor::Actor;
use muster_core::coded::Coded as _;
use muster_core::connector::Problem;
use muster_core::fact::{Cause, Counts, Fact, PersonPlanned, Plan};
use muster_core::id::{Digest, FeedName, PersonId, PlanId};
use muster_core::operation::{Completion, How, Transition};
use muster_core::person::Person;
use muster_ledger::check::check;
use muster_ledger::kept::OpenOperations;
use muster_ledger::{Error, Ledger, PlanDigest};

fn people(plan: PlanId, count: u32) -> Vec<PersonPlanned> {
    (0..count)
        .map(|number| {
            joiner(
                plan,
                &format!("p{number:04}"),
                &["crm", "mail"],
                number * 4 + 1,
            )
        })
        .collect()
}

/// Records people and their plan by the way that reads nobody again.
fn plan_quickly(ledger: &Ledger, make: impl Fn(PlanId, Option<&Person>) -> PersonPlanned) -> Plan {
    ledger
        .write(at(5), Actor::Daemon, |writer| {
            let id = writer.next_plan();
            for known in writer.before()?.everybody()? {
                let known = known?;
                let planned = make(id, Some(&known));
                writer.record_planned(Some(known), planned)?;
            }
            writer.finish_plan(Cause::Date, policy(), Counts::default())
        })
        .unwrap()
}

#[test]
fn the_same_content_has_the_same_digest_whatever_the_number_of_the_plan() {
    let ledger = Ledger::in_memory().unwrap();
    let mut preview = PlanDigest::new();
    for planned in &people(PlanId(1_000), 20) {
        preview.add(planned);
    }
    for _ in 0..2 {
        let made = ledger.write(at(0), Actor::Daemon, |writer| {
            for planned in people(writer.next_plan(), 20) {
                writer.record(Fact::PersonPlanned(planned))?;
            }
            assert_eq!(writer.plan_digest(), preview.finish());
            writer.finish_plan(Cause::Policy, policy(), Counts::default())
        });
        assert_eq!(made.unwrap().digest, preview.finish());
    }
    let mut other = PlanDigest::new();
    for planned in &people(PlanId(1_000), 19) {
        other.add(planned);
    }
    assert_ne!(other.finish(), preview.finish());
}

#[test]
fn a_plan_under_another_number_or_digest_is_refused_whole() {
    let ledger = Ledger::in_memory().unwrap();
    let digest = PlanDigest::new().finish();
    for (id, digest, number) in [
        (PlanId(2), digest, 1),
        (PlanId(1), Digest([1; 32]), 1),
        (PlanId(1), digest, 2),
    ] {
        let written = ledger.write(at(0), Actor::Daemon, |writer| {
            if number == 2 {
                writer.record(Fact::PersonPlanned(joiner(PlanId(1), "alice", &["crm"], 1)))?;
            }
            writer.record(Fact::PlanMade(Plan {
                id,
                cause: Cause::Policy,
                policy: policy(),
                digest,
                counts: Counts::default(),
                part: None,
            }))
        });
        let error = written.unwrap_err();
        assert_eq!(error.code().as_str(), "LED-008", "{error}");
    }
    assert_eq!(ledger.read().unwrap().next_seq(), 1);
}

#[test]
fn people_without_their_plan_are_refused() {
    let ledger = Ledger::in_memory().unwrap();
    let written = ledger.write(at(0), Actor::Daemon, |writer| {
        writer.record(Fact::PersonPlanned(joiner(PlanId(1), "alice", &["crm"], 1)))
    });
    assert!(matches!(written, Err(Error::BadPlan { .. })), "{written:?}");
    assert_eq!(ledger.read().unwrap().people_count().unwrap(), 0);
}

#[test]
fn a_plan_made_from_an_older_state_is_refused() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice"], &["crm"]);
    let early = ledger.read().unwrap().person(&person("alice")).unwrap();
    let fact = dispatched("alice", "crm", operation_id(id, 1));
    ledger
        .write(at(1), Actor::Daemon, |writer| writer.record(fact))
        .unwrap();
    for before in [early, None] {
        let written = ledger.write(at(2), Actor::Daemon, |writer| {
            let id = writer.next_plan();
            // A caller that goes on after the refusal must not get it committed either.
            let refused = writer.record_planned(before, leaver(id, "alice", &["crm"], 1));
            assert!(
                matches!(refused, Err(Error::Outdated { .. })),
                "{refused:?}"
            );
            Ok::<(), Error>(())
        });
        assert!(
            matches!(written, Ok(()) | Err(Error::Spoiled)),
            "{written:?}"
        );
    }
    let reader = ledger.read().unwrap();
    assert_eq!(reader.next_plan(), PlanId(2));
    assert_eq!(reader.in_flight(&target("crm")).unwrap().len(), 1);
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}

#[test]
fn both_ways_to_record_a_plan_lead_to_the_same_ledger() {
    let quick = Ledger::in_memory().unwrap();
    let slow = Ledger::in_memory().unwrap();
    for ledger in [&quick, &slow] {
        join(ledger, 0, &["alice", "bob", "carol"], &["crm"]);
    }
    plan_quickly(&quick, |id, known| {
        leaver(id, known.unwrap().id.key.as_str(), &["crm"], 1)
    });
    slow.write(at(5), Actor::Daemon, |writer| {
        let id = writer.next_plan();
        for key in ["alice", "bob", "carol"] {
            writer.record(Fact::PersonPlanned(leaver(id, key, &["crm"], 1)))?;
        }
        writer.finish_plan(Cause::Date, policy(), Counts::default())
    })
    .unwrap();
    let journal = |ledger: &Ledger| {
        let reader = ledger.read().unwrap();
        let entries = reader.journal(..).unwrap();
        entries.map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(journal(&quick), journal(&slow));
    let everybody = |ledger: &Ledger| {
        let reader = ledger.read().unwrap();
        let people = reader.everybody().unwrap();
        people.map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(everybody(&quick), everybody(&slow));
    for ledger in [&quick, &slow] {
        assert!(check(ledger, |_| {}).unwrap().is_clean());
    }
}

#[test]
fn what_a_plan_said_of_a_person_is_found_in_and_out_of_order() {
    let ledger = Ledger::in_memory().unwrap();
    let sorted = join(&ledger, 0, &["a", "b", "c", "d", "e"], &["crm"]);
    let unsorted = join(&ledger, 1, &["e", "a", "d"], &["crm"]);
    let reader = ledger.read().unwrap();
    for (plan, keys) in [
        (sorted, ["a", "b", "c", "d", "e"].as_slice()),
        (unsorted, ["a", "d", "e"].as_slice()),
    ] {
        for key in keys {
            let entry = reader.planned(plan, &person(key)).unwrap().unwrap();
            let Fact::PersonPlanned(planned) = entry.fact else {
                unreachable!("{:?}", entry.fact);
            };
            assert_eq!((planned.plan, planned.person), (plan, person(key)));
        }
        assert_eq!(reader.planned(plan, &person("nobody")).unwrap(), None);
    }
    assert_eq!(reader.planned(PlanId(9), &person("a")).unwrap(), None);
    let newest: Vec<PlanId> = reader
        .plans()
        .unwrap()
        .map(|kept| kept.unwrap().plan.id)
        .collect();
    assert_eq!(newest, [unsorted, sorted]);
}

#[test]
fn the_history_of_a_person_is_the_newest_first_and_about_nobody_else() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["p1", "p11"], &["crm"]);
    for (number, key) in [(1, "p1"), (3, "p11"), (2, "p1")] {
        let lost = Transition::Lost {
            observe_at: at(9),
            text: "p1 and p11 stand in this text".to_owned(),
            by_plugin: false,
        };
        let fact = common::changed(key, "crm", operation_id(id, number), lost);
        ledger
            .write(at(i64::from(number)), Actor::Daemon, |writer| {
                writer.record(fact)
            })
            .unwrap();
    }
    let reader = ledger.read().unwrap();
    let history: Vec<u64> = reader
        .history(&person("p1"))
        .unwrap()
        .map(|entry| entry.unwrap().seq)
        .collect();
    assert_eq!(history, [6, 4, 1]);
}

#[test]
fn people_are_found_by_key_and_read_page_by_page() {
    let ledger = Ledger::in_memory().unwrap();
    join(&ledger, 0, &["00042", "42", "7"], &["crm"]);
    let reader = ledger.read().unwrap();
    for (text, found) in [
        ("42", 1),
        ("hr:42", 1),
        ("00042", 1),
        ("4", 0),
        ("other:42", 0),
    ] {
        assert_eq!(reader.find_people(text).unwrap().len(), found, "{text}");
    }
    let id = person("00042");
    let page = reader.people_after(&id.feed, &id.key).unwrap();
    let keys: Vec<String> = page
        .map(|person| person.unwrap().id.key.to_string())
        .collect();
    assert_eq!(keys, ["42", "7"]);
    assert_eq!(reader.feeds_with_people().unwrap(), [id.feed]);
    assert_eq!(reader.people_at(&target("crm")).unwrap().count(), 3);
    assert_eq!(reader.people_at(&target("mail")).unwrap().count(), 0);
}

/// Who has an open operation.
fn holder(ledger: &Ledger, plan: PlanId, number: u32) -> Option<PersonId> {
    let reader = ledger.read().unwrap();
    let open = reader.open_operation(operation_id(plan, number)).unwrap();
    open.map(|open| {
        assert_eq!(open.operation.id, operation_id(plan, number));
        assert_eq!(open.target, target("crm"));
        open.person
    })
}

/// Plans these people, each with so many operations from that number on.
fn plan_numbered(ledger: &Ledger, people: &[(&str, u32)]) -> PlanId {
    let made = ledger.write(at(0), Actor::Daemon, |writer| {
        let id = writer.next_plan();
        let people: Vec<PersonPlanned> = people
            .iter()
            .map(|(key, number)| {
                let mut planned = joiner(id, key, &["crm"], *number);
                if *number == 0 {
                    planned.accounts.clear();
                }
                planned
            })
            .collect();
        common::plan(writer, people)
    });
    made.unwrap()
}

#[test]
fn an_open_operation_is_found_by_its_number() {
    let ledger = Ledger::in_memory().unwrap();
    // Most people of a plan may have nothing to do at any target.
    let rising = [
        ("a", 0),
        ("b", 1),
        ("c", 0),
        ("d", 0),
        ("e", 3),
        ("f", 5),
        ("g", 0),
    ];
    let falling = [("b", 5), ("e", 3), ("f", 1)];
    for people in [&rising[..], &falling[..]] {
        let plan = plan_numbered(&ledger, people);
        let kept = ledger.read().unwrap().plan(plan).unwrap().unwrap();
        assert_eq!(kept.is_numbered, people.len() == rising.len());
        for (key, number) in people.iter().filter(|(_, number)| *number > 0) {
            for number in [*number, *number + 1] {
                assert_eq!(holder(&ledger, plan, number), Some(person(key)));
            }
        }
        for number in [0, 7, 8] {
            assert_eq!(holder(&ledger, plan, number), None);
        }
    }
    // The second plan took the place of what the first one had queued.
    assert_eq!(holder(&ledger, PlanId(1), 1), None);
    assert_eq!(holder(&ledger, PlanId(3), 1), None);
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}

#[test]
fn an_operation_that_has_ended_is_not_open_and_one_of_a_renamed_feed_is() {
    let ledger = Ledger::in_memory().unwrap();
    let plan = join(&ledger, 0, &["a", "b"], &["crm"]);
    let ended = common::completed("a", "crm", operation_id(plan, 1), "u1");
    let feed = FeedName::new("staff").unwrap();
    let renamed = ["a", "b"].map(|key| Fact::PersonRenamed {
        person: person(key),
        feed: feed.clone(),
    });
    ledger
        .write(at(1), Actor::Daemon, |writer| {
            writer.record(ended)?;
            renamed
                .iter()
                .try_for_each(|fact| writer.record(fact).map(drop))
        })
        .unwrap();
    let staff = |key: &str| PersonId {
        feed: feed.clone(),
        ..person(key)
    };
    assert_eq!(holder(&ledger, plan, 1), None);
    assert_eq!(holder(&ledger, plan, 2), Some(staff("a")));
    assert_eq!(holder(&ledger, plan, 3), Some(staff("b")));
    let open = OpenOperations {
        queued: 3,
        ..OpenOperations::default()
    };
    let reader = ledger.read().unwrap();
    assert_eq!(reader.open_operations(plan).unwrap(), open);
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}

#[test]
fn what_is_open_of_a_plan_is_counted_until_nothing_is() {
    let ledger = Ledger::in_memory().unwrap();
    let plan = join(&ledger, 0, &["a"], &["crm"]);
    let (first, second) = (operation_id(plan, 1), operation_id(plan, 2));
    let halted = Transition::Halted {
        problem: Problem::NoCapacity("no seat is left".to_owned()),
        account: None,
    };
    let counts = |queued, in_flight, halted| OpenOperations {
        queued,
        in_flight,
        halted,
        ..OpenOperations::default()
    };
    let completed = common::changed(
        "a",
        "crm",
        second,
        Transition::Completed(Completion::of(How::Done, None)),
    );
    for (fact, open) in [
        (dispatched("a", "crm", first), counts(1, 1, 0)),
        (common::completed("a", "crm", first, "u1"), counts(1, 0, 0)),
        (common::changed("a", "crm", second, halted), counts(0, 0, 1)),
        (completed, counts(0, 0, 0)),
    ] {
        ledger
            .write(at(1), Actor::Daemon, |writer| writer.record(fact))
            .unwrap();
        let reader = ledger.read().unwrap();
        assert_eq!(reader.open_operations(plan).unwrap(), open);
    }
    assert_eq!(counts(1, 1, 1).total(), 3);
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}

#[test]
fn what_was_decided_is_read_page_by_page_without_the_rest() {
    let ledger = Ledger::in_memory().unwrap();
    let plan = join(&ledger, 0, &["a", "b"], &["crm"]);
    let retried = common::changed("a", "crm", operation_id(plan, 1), Transition::Retried);
    for fact in [
        dispatched("a", "crm", operation_id(plan, 1)),
        Fact::ClockRead,
        retried,
        Fact::ClockConfirmed,
    ] {
        ledger
            .write(at(1), Actor::Daemon, |writer| writer.record(fact))
            .unwrap();
    }
    let reader = ledger.read().unwrap();
    let seqs = |before| -> Vec<u64> {
        let entries = reader.decisions_before(before).unwrap();
        entries.map(|entry| entry.unwrap().seq).collect()
    };
    assert_eq!(seqs(u64::MAX), [7, 6, 3]);
    assert_eq!(seqs(6), [3]);
    assert_eq!(seqs(3), [0; 0]);
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}
