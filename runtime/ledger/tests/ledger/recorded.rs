//! What is written can be read, in the order in which the driver and people need it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common;
use crate::common::{
    at, changed, completed, dispatched, join, joiner, leaver, operation_id, person, plan, target,
    user,
};
use jiff::Timestamp;
use muster_core::actor::{Actor, ConnectorVersion};
use muster_core::coded::Coded as _;
use muster_core::connector::AccountState;
use muster_core::fact::{ArrivalChange, Arrived, Cause, Content, Fact, FeedFile, Outcome, Source};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{Digest, FeedName, PlanId, PolicyVersion, RoleName};
use muster_core::identity::Phase;
use muster_core::operation::{OperationState, Transition, Urgency};
use muster_core::policy::{LintSource, PolicySource, RoleSource};
use muster_core::subject::Subject;
use muster_ledger::kept::Lane;
use muster_ledger::{CONTENTS_MAX, DELIVERIES_MAX, Error, Ledger};

#[test]
fn a_plan_is_read_back_as_it_was_recorded() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice", "bob"], &["crm", "mail"]);
    let reader = ledger.read().unwrap();
    assert_eq!(id, PlanId(1));
    assert_eq!(reader.people_count().unwrap(), 2);
    let alice = reader.person(&person("alice")).unwrap().unwrap();
    assert_eq!(alice.accounts.len(), 2);
    assert_eq!(alice.identity, common::identity("alice", "Sales"));
    let kept = reader.plan(id).unwrap().unwrap();
    assert_eq!((kept.at, kept.entries.clone()), (at(0), 1..3));
    let said = reader.planned(id, &person("bob")).unwrap().unwrap();
    assert_eq!(
        said.fact,
        Fact::PersonPlanned(joiner(id, "bob", &["crm", "mail"], 5))
    );
    let counts = reader.counts().unwrap();
    assert_eq!(counts.people[&Phase::Active], 2);
    assert_eq!(
        counts.operations[&target("crm")][&OperationState::Queued],
        4
    );
    assert_eq!(counts.entries, 3);
}

#[test]
fn leavers_go_before_joiners_however_late_they_came() {
    let ledger = Ledger::in_memory().unwrap();
    let first = join(&ledger, 0, &["alice"], &["crm"]);
    for fact in [
        dispatched("alice", "crm", operation_id(first, 1)),
        completed("alice", "crm", operation_id(first, 1), "u1"),
        dispatched("alice", "crm", operation_id(first, 2)),
        completed("alice", "crm", operation_id(first, 2), "u1"),
    ] {
        ledger
            .write(at(1), Actor::Daemon, |writer| writer.record(fact).map(drop))
            .unwrap();
    }
    join(&ledger, 2, &["bob", "carol", "dave"], &["crm"]);
    ledger
        .write(at(3), Actor::Daemon, |writer| {
            let id = writer.next_plan();
            plan(writer, [leaver(id, "alice", &["crm"], 1)])
        })
        .unwrap();
    let reader = ledger.read().unwrap();
    let due = reader.due(&target("crm"), at(4), 2).unwrap();
    let order: Vec<(Lane, &str)> = due
        .iter()
        .map(|due| (due.lane, due.person.key.as_str()))
        .collect();
    assert_eq!(
        order,
        [
            (Lane::Ready(Urgency::Leaver), "alice"),
            (Lane::Ready(Urgency::Joiner), "bob")
        ]
    );
    assert_eq!(
        reader.next_due_at(&target("crm")).unwrap(),
        Some(Timestamp::MIN)
    );
    assert_eq!(
        reader.timers_due(at(86_400 * 31), None, 10).unwrap(),
        [(at(86_400 * 30 + 3), person("alice"))]
    );
    assert_eq!(reader.next_timer().unwrap(), Some(at(86_400 * 30 + 3)));
}

#[test]
fn what_was_in_flight_is_found_after_a_restart() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice", "bob"], &["crm"]);
    let fact = dispatched("bob", "crm", operation_id(id, 3));
    assert!(
        ledger
            .write(at(1), Actor::Daemon, |writer| writer.record(fact))
            .unwrap()
    );
    let reader = ledger.read().unwrap();
    let in_flight = reader.in_flight(&target("crm")).unwrap();
    assert_eq!(in_flight.len(), 1);
    assert_eq!(
        (&in_flight[0].person, in_flight[0].at),
        (&person("bob"), at(1))
    );
    let due = reader.due(&target("crm"), at(2), 10).unwrap();
    assert_eq!(due.len(), 1, "an account with a call out is not due");
}

#[test]
fn what_waits_is_due_at_its_instant_and_not_before() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice"], &["crm"]);
    let lost = Transition::Lost {
        observe_at: at(60),
        text: "connection reset".to_owned(),
        by_plugin: false,
    };
    ledger
        .write(at(1), Actor::Daemon, |writer| {
            writer.record(dispatched("alice", "crm", operation_id(id, 1)))?;
            writer.record(changed("alice", "crm", operation_id(id, 1), lost))
        })
        .unwrap();
    let reader = ledger.read().unwrap();
    let crm = target("crm");
    assert_eq!(reader.due(&crm, at(59), 10).unwrap(), []);
    assert_eq!(reader.due(&crm, at(60), 10).unwrap().len(), 1);
    assert_eq!(reader.next_due_at(&crm).unwrap(), Some(at(60)));
    assert_eq!(reader.in_flight(&crm).unwrap(), []);
}

#[test]
fn one_account_at_an_app_never_belongs_to_two_people() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice", "bob", "carol"], &["crm"]);
    let error = ledger
        .write(at(1), Actor::Daemon, |writer| {
            writer.record(completed("alice", "crm", operation_id(id, 1), "u1"))?;
            let error = writer
                .record(completed("bob", "crm", operation_id(id, 3), "u1"))
                .unwrap_err();
            // The transaction goes on without it.
            writer.record(completed("bob", "crm", operation_id(id, 3), "u2"))?;
            Ok::<Error, Error>(error)
        })
        .unwrap();
    assert_eq!(error.code().as_str(), "LED-006");
    let reader = ledger.read().unwrap();
    let crm = target("crm");
    assert_eq!(
        reader.linked(&crm, &user("u1")).unwrap(),
        Some(person("alice"))
    );
    assert_eq!(
        reader.linked(&crm, &user("u2")).unwrap(),
        Some(person("bob"))
    );
    let error = ledger
        .write(at(2), Actor::Daemon, |writer| {
            writer.record(completed("carol", "crm", operation_id(id, 5), "u1"))
        })
        .unwrap_err();
    assert!(matches!(error, Error::LinkedTwice { .. }), "{error}");
    let after = ledger.read().unwrap();
    assert_eq!(after.counts().unwrap(), reader.counts().unwrap());
}

#[test]
fn c49_who_stays_due_hides_nobody_whose_date_came_later() {
    let ledger = Ledger::in_memory().unwrap();
    let keys = ["anna", "bert", "cleo", "dora", "emil"];
    ledger
        .write(at(0), Actor::Daemon, |writer| {
            let id = writer.next_plan();
            for (number, key) in (1..).zip(keys) {
                let mut planned = joiner(id, key, &[], number);
                if let Some(identity) = &mut planned.identity {
                    // Three at one instant, and two after it.
                    let ends = at(100 + i64::from(number).max(3));
                    identity.employment.ends_at = Some(ends);
                }
                writer.record(Fact::PersonPlanned(planned))?;
            }
            let counts = muster_core::fact::Counts::default();
            writer.finish_plan(Cause::Date, common::policy(), counts)
        })
        .unwrap();
    // Nobody's date is dealt with, as where a rule fails for all of them: each page goes on all the same.
    let reader = ledger.read().unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = reader.timers_due(at(200), after.as_ref(), 2).unwrap();
        let Some((last, person)) = page.last().cloned() else {
            break;
        };
        after = Some((last, Some(person)));
        seen.extend(page.into_iter().map(|(_, person)| person));
    }
    assert_eq!(seen, keys.map(person));
}

#[test]
fn c22_everything_of_a_person_goes_along_when_the_feed_is_renamed() {
    let ledger = Ledger::in_memory().unwrap();
    let first = join(&ledger, 0, &["alice", "bob"], &["crm"]);
    let (crm, staff) = (target("crm"), FeedName::new("staff").unwrap());
    let write = |facts: Vec<Fact>| {
        ledger
            .write(at(1), Actor::Daemon, |writer| {
                let recorded = facts.iter().map(|fact| writer.record(fact));
                recorded.collect::<Result<Vec<bool>, Error>>()
            })
            .unwrap()
    };
    write(vec![
        dispatched("alice", "crm", operation_id(first, 1)),
        completed("alice", "crm", operation_id(first, 1), "u1"),
    ]);
    let renamed = |key: &str| Fact::PersonRenamed {
        person: person(key),
        feed: staff.clone(),
    };
    assert_eq!(
        write(vec![renamed("alice"), renamed("nobody")]),
        [true, false]
    );
    let alice = muster_core::id::PersonId {
        feed: staff.clone(),
        key: person("alice").key,
    };
    let reader = ledger.read().unwrap();
    assert_eq!(reader.person(&person("alice")).unwrap(), None);
    let kept = reader.person(&alice).unwrap().unwrap();
    assert_eq!(kept.accounts[&crm].object, Some(user("u1")));
    let due = reader.due(&crm, at(1), 10).unwrap();
    let whose: Vec<_> = due.iter().map(|due| &due.person).collect();
    assert!(whose.contains(&&alice), "what is open is hers: {whose:?}");
    assert!(!whose.contains(&&person("alice")), "{whose:?}");
    assert_eq!(
        reader.linked(&crm, &user("u1")).unwrap(),
        Some(alice.clone())
    );
    let here = reader.counts().unwrap().here;
    assert_eq!((here[&staff], here[&person("bob").feed]), (1, 1));

    // What comes of the open operation is hers, and nobody is made one with somebody else.
    let back = Fact::PersonRenamed {
        person: alice.clone(),
        feed: person("bob").feed,
    };
    assert_eq!(write(vec![back, renamed("alice")]), [true, true]);
    join(&ledger, 2, &["alice"], &["mail"]);
    let onto = Fact::PersonRenamed {
        person: alice,
        feed: person("bob").feed,
    };
    assert_eq!(write(vec![onto]), [false]);
    let report = muster_ledger::check::check(&ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn c22_what_waits_and_was_said_goes_along_when_the_feed_is_renamed() {
    let ledger = Ledger::in_memory().unwrap();
    let feed = |name: &str| FeedName::new(name).unwrap();
    let (hr, staff) = (feed("hr"), feed("staff"));
    let content = Content {
        row_count: 7,
        ..Content::default()
    };
    let file = |name: &str, number: u8| FeedFile {
        feed: feed("hr"),
        name: name.to_owned(),
        digest: Digest([number; 32]),
        content,
    };
    let arrived = Arrived {
        feed: hr.clone(),
        name: "leave".to_owned(),
        digest: Digest([3; 32]),
        modified: at(2),
        source: Source::Folder { mark: 7 },
    };
    let delivery = Fact::DeliveryTaken {
        feed: hr.clone(),
        key: "msg-1".to_owned(),
        digest: Digest([4; 32]),
    };
    let facts = [
        Fact::FileAccepted {
            file: file("all.csv", 1),
            plan: None,
        },
        Fact::Arrived(arrived),
        delivery,
        Fact::FeedRenamed {
            from: hr.clone(),
            to: staff.clone(),
        },
    ];
    let recorded = ledger.write(at(1), Actor::Daemon, |writer| {
        let recorded = facts.iter().map(|fact| writer.record(fact));
        recorded.collect::<Result<Vec<bool>, Error>>()
    });
    assert_eq!(recorded.unwrap(), [true; 4]);
    let reader = ledger.read().unwrap();
    assert_eq!(reader.feed(&hr).unwrap(), None);
    let kept = reader.feed(&staff).unwrap().unwrap();
    assert_eq!(kept.accepted.unwrap().file.feed, staff);
    assert_eq!(reader.arrivals(&hr, 0, 9).unwrap(), []);
    let waiting = reader.arrivals(&staff, 0, 9).unwrap();
    assert_eq!((waiting.len(), &waiting[0].arrived.feed), (1, &staff));
    assert!(reader.delivery(&staff, "msg-1").unwrap().is_some());
    assert!(reader.delivery(&hr, "msg-1").unwrap().is_none());
    assert!(reader.said_before(&staff, &content).unwrap().is_some());
    assert!(reader.said_before(&hr, &content).unwrap().is_none());
    drop(reader);
    let report = muster_ledger::check::check(&ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");

    // Where there is nothing, nothing is changed.
    let again = Fact::FeedRenamed {
        from: hr,
        to: staff,
    };
    let recorded = ledger.write(at(2), Actor::Daemon, |writer| writer.record(&again));
    assert!(!recorded.unwrap());
}

#[test]
fn what_happens_to_a_superseded_operation_is_recorded_and_changes_nothing() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice"], &["crm"]);
    let before = ledger.read().unwrap().person(&person("alice")).unwrap();
    let fact = dispatched("alice", "crm", operation_id(id, 77));
    let applied = ledger
        .write(at(1), Actor::Daemon, |writer| writer.record(&fact))
        .unwrap();
    assert!(!applied);
    let reader = ledger.read().unwrap();
    assert_eq!(reader.person(&person("alice")).unwrap(), before);
    let last = reader.journal(..).unwrap().next_back().unwrap().unwrap();
    assert_eq!(last.fact, fact);
}

#[test]
fn work_that_fails_leaves_no_trace() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice"], &["crm"]);
    let failed: Result<(), Error> = ledger.write(at(1), Actor::Daemon, |writer| {
        writer.record(dispatched("alice", "crm", operation_id(id, 1)))?;
        Err(Error::Spoiled)
    });
    assert!(failed.is_err());
    let reader = ledger.read().unwrap();
    assert_eq!(reader.next_seq(), 3);
    assert_eq!(reader.in_flight(&target("crm")).unwrap(), []);
    assert_eq!(
        reader.counts().unwrap().accounts.get(&target("crm")),
        None::<&std::collections::BTreeMap<AccountState, u64>>
    );
}

#[test]
fn what_a_leaver_waits_for_goes_as_early_as_the_leaver() {
    let ledger = Ledger::in_memory().unwrap();
    let id = join(&ledger, 0, &["alice", "bob"], &["crm"]);
    // Alice's account is being made when she leaves: finding out about it is as urgent as she is.
    let lost = Transition::Lost {
        observe_at: at(5),
        text: "connection reset".to_owned(),
        by_plugin: false,
    };
    ledger
        .write(at(1), Actor::Daemon, |writer| {
            writer.record(dispatched("alice", "crm", operation_id(id, 1)))?;
            writer.record(changed("alice", "crm", operation_id(id, 1), lost))?;
            let id = writer.next_plan();
            plan(writer, [leaver(id, "alice", &["crm"], 1)])
        })
        .unwrap();
    let due = ledger
        .read()
        .unwrap()
        .due(&target("crm"), at(5), 10)
        .unwrap();
    let order: Vec<(Lane, &str)> = due
        .iter()
        .map(|due| (due.lane, due.person.key.as_str()))
        .collect();
    assert_eq!(
        order,
        [
            (Lane::Ready(Urgency::Leaver), "alice"),
            (Lane::Ready(Urgency::Joiner), "bob")
        ]
    );
}

#[test]
fn a_delivery_is_taken_once_and_the_oldest_are_forgotten_at_the_bound() {
    let ledger = Ledger::in_memory().unwrap();
    let feed = FeedName::new("hr").unwrap();
    let take = |number: u64, digest: u8| Fact::DeliveryTaken {
        feed: FeedName::new("hr").unwrap(),
        key: format!("msg-{number}"),
        digest: Digest([digest; 32]),
    };
    ledger
        .write(at(0), Actor::Daemon, |writer| {
            assert!(writer.record(take(0, 1))?);
            assert!(writer.delivery(&feed, "msg-0")?.is_some());
            assert!(!writer.record(take(0, 2))?);
            for number in 1..=DELIVERIES_MAX {
                assert!(writer.record(take(number, 1))?);
            }
            Ok::<(), Error>(())
        })
        .unwrap();
    let reader = ledger.read().unwrap();
    assert_eq!(reader.delivery(&feed, "msg-0").unwrap(), None);
    let kept = reader.delivery(&feed, "msg-1").unwrap().unwrap();
    assert_eq!((kept.digest, kept.at), (Digest([1; 32]), at(0)));
}

#[test]
fn what_arrived_is_read_in_its_order_until_it_is_ended() {
    let ledger = Ledger::in_memory().unwrap();
    let feed = FeedName::new("hr").unwrap();
    let arrived = |name: &str, seconds: i64| {
        Fact::Arrived(Arrived {
            feed: FeedName::new("hr").unwrap(),
            name: name.to_owned(),
            digest: Digest([1; 32]),
            modified: at(seconds),
            source: Source::Folder { mark: 7 },
        })
    };
    let changed = |arrival, change| Fact::ArrivalChanged {
        feed: FeedName::new("hr").unwrap(),
        arrival,
        change,
    };
    ledger
        .write(at(9), Actor::Daemon, |writer| {
            for (name, seconds) in [("z.csv", 3), ("a.csv", 1), ("b.csv", 2)] {
                assert!(writer.record(arrived(name, seconds))?);
            }
            assert!(writer.record(changed(1, ArrivalChange::Decided(Outcome::Accepted)))?);
            assert!(writer.record(changed(2, ArrivalChange::Decided(Outcome::Accepted)))?);
            assert!(writer.record(changed(2, ArrivalChange::Ended))?);
            let late = changed(2, ArrivalChange::Decided(Outcome::Held));
            assert!(!writer.record(late)?, "what was ended stays so");
            Ok::<(), Error>(())
        })
        .unwrap();
    let reader = ledger.read().unwrap();
    let arrivals = reader.arrivals(&feed, 0, 10).unwrap();
    let names: Vec<&str> = arrivals
        .iter()
        .map(|kept| kept.arrived.name.as_str())
        .collect();
    assert_eq!(names, ["z.csv", "b.csv"]);
    assert_eq!(arrivals[0].outcome, Some(Outcome::Accepted));
    assert_eq!(reader.arrivals(&feed, 2, 10).unwrap().len(), 1);
    assert_eq!(reader.arrivals_count().unwrap(), 2);
    let kept = reader.feed(&feed).unwrap().unwrap();
    assert_eq!(kept.newest, Some(at(3)), "of the accepted, the newest");
}

#[test]
fn what_a_file_said_is_remembered_and_the_oldest_is_forgotten() {
    let ledger = Ledger::in_memory().unwrap();
    let feed = FeedName::new("hr").unwrap();
    let content = |rows: u64| Content {
        header: 1,
        rows: u128::from(rows),
        row_count: 2,
        read_as: 0,
    };
    let accepted = |rows: u64| Fact::FileAccepted {
        file: FeedFile {
            feed: FeedName::new("hr").unwrap(),
            name: format!("{rows}.csv"),
            digest: Digest([1; 32]),
            content: content(rows),
        },
        plan: None,
    };
    ledger
        .write(at(5), Actor::Daemon, |writer| {
            writer.record(accepted(0))?;
            writer.record(accepted(1))?;
            writer.record(accepted(0))?;
            for rows in 2..=CONTENTS_MAX {
                writer.record(accepted(rows))?;
            }
            Ok::<(), Error>(())
        })
        .unwrap();
    let reader = ledger.read().unwrap();
    let said = |rows| reader.said_before(&feed, &content(rows)).unwrap();
    assert_eq!(said(1), None, "the oldest");
    let first = said(0).unwrap();
    assert_eq!((first.name.as_str(), first.at), ("0.csv", at(5)));
    assert!(said(CONTENTS_MAX).is_some());
}

#[test]
fn a_finding_made_again_keeps_its_first_instant() {
    let ledger = Ledger::in_memory().unwrap();
    let code = Code::new("HR-004");
    for (seconds, text) in [(1, "first"), (2, "second")] {
        let finding = Finding::new(code.clone(), Severity::Warning, Subject::Ledger, text);
        ledger
            .write(at(seconds), Actor::Daemon, |writer| {
                writer.record(Fact::FindingOpened(finding))
            })
            .unwrap();
    }
    let reader = ledger.read().unwrap();
    let kept = reader.finding(&code, &Subject::Ledger).unwrap().unwrap();
    assert_eq!((kept.first_at, kept.last_at), (at(1), at(2)));
    assert_eq!(kept.finding.text, "second");
    assert_eq!(reader.findings_of(&code).unwrap().count(), 1);
    assert_eq!(reader.findings_of(&Code::new("HR-00")).unwrap().count(), 0);
}

#[test]
fn every_entry_names_who_or_what_did_it() {
    let ledger = Ledger::in_memory().unwrap();
    for by in common::every::actors() {
        ledger
            .write(at(1), by, |writer| writer.record(Fact::ClockRead))
            .unwrap();
    }
    let mut expected: Vec<Actor> = common::every::actors().into();
    // Nobody bounds what a plugin's author calls a version.
    let long = Actor::Connector(ConnectorVersion {
        plugin: "scim".to_owned(),
        version: "1".repeat(100_000),
        digest: Digest([1; 32]),
    });
    let written = ledger.write(at(2), long.clone(), |writer| writer.record(Fact::ClockRead));
    written.unwrap();
    expected.push(long);
    let by = |entry: Result<muster_ledger::kept::Entry, _>| entry.unwrap().by;
    let reader = ledger.read().unwrap();
    let found: Vec<Actor> = reader.journal(..).unwrap().map(by).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_policy_that_decided_is_found_by_its_version() {
    let ledger = Ledger::in_memory().unwrap();
    let source = |version: &str, when: &str| {
        Arc::new(PolicySource {
            version: PolicyVersion::new(version),
            attributes: BTreeMap::new(),
            roles: vec![RoleSource {
                name: RoleName::new("seller").unwrap(),
                description: String::new(),
                when: when.to_owned(),
                access: BTreeMap::new(),
            }],
            targets: BTreeMap::new(),
            lint: LintSource::default(),
        })
    };
    assert_eq!(ledger.read().unwrap().policy_in_force().unwrap(), None);
    for (seconds, version, when) in [(1, "first", "true"), (2, "second", "false")] {
        let taken = Fact::PolicyTaken {
            source: source(version, when),
            plan: None,
        };
        let now = at(seconds);
        ledger
            .write(now, Actor::Date, |writer| writer.record(taken))
            .unwrap();
    }
    let reader = ledger.read().unwrap();
    let now = reader.policy_in_force().unwrap().unwrap();
    assert_eq!(
        (now.source, now.at, now.by),
        (source("second", "false"), at(2), Actor::Date)
    );
    let before = reader
        .policy(&PolicyVersion::new("first"))
        .unwrap()
        .unwrap();
    assert_eq!((before.source, before.at), (source("first", "true"), at(1)));
    assert_eq!(reader.policy(&PolicyVersion::new("third")).unwrap(), None);
}
