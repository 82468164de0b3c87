//! Whose a record is: linked by a plan, brought by a merge, taken out again, and under the new name of its feed. What the
//! check rebuilds is what was written.

#![expect(clippy::unwrap_used, reason = "test code")]

use crate::common::{self, at, identity, person, plan};
use muster_core::actor::Actor;
use muster_core::fact::{Fact, Kind, PersonPlanned};
use muster_core::id::{FeedName, PersonId, PlanId, TargetName};
use muster_core::identity::Phase;
use muster_core::record::{Link, RecordPlanned};
use muster_ledger::Ledger;
use muster_ledger::check::check;

fn ledger() -> Ledger {
    let ledger = Ledger::in_memory().unwrap();
    write(&ledger, |writer| {
        let people = [("a", 1), ("b", 5)];
        let people = people
            .map(|(key, number)| common::joiner(writer.next_plan(), key, &[key, "crm"], number));
        plan(writer, people).map(drop)
    });
    ledger
}

fn write(
    ledger: &Ledger,
    work: impl FnOnce(&mut muster_ledger::Writer<'_>) -> Result<(), muster_ledger::Error>,
) {
    ledger.write(at(9), Actor::Daemon, work).unwrap();
    assert!(check(ledger, |_| {}).unwrap().is_clean());
}

fn whose(ledger: &Ledger, record: &PersonId) -> Option<PersonId> {
    ledger.read().unwrap().whose(record).unwrap()
}

fn merged() -> Fact {
    Fact::IdentitiesMerged {
        person: person("b"),
        into: person("a"),
    }
}

fn linked(plan: PlanId) -> PersonPlanned {
    PersonPlanned {
        plan,
        person: person("a"),
        kind: Kind::Update,
        identity: None,
        records: vec![RecordPlanned {
            record: person("new"),
            identity: Some(identity("new", "Sales")),
            row: Some(7),
            is_present: true,
            link: Some(Link::Correlated(vec!["number".to_owned()])),
        }],
        row: None,
        is_present: true,
        phase: Phase::Active,
        accounts: std::collections::BTreeMap::new(),
    }
}

#[test]
fn a_merge_moves_records_and_accounts_and_a_split_gives_them_back() {
    let ledger = ledger();
    write(&ledger, |writer| writer.record(merged()).map(drop));
    let reader = ledger.read().unwrap();
    let kept = reader.person(&person("a")).unwrap().unwrap();
    let targets: Vec<&str> = kept.accounts.keys().map(TargetName::as_str).collect();
    assert_eq!(targets, ["a", "b", "crm"]);
    assert_eq!(reader.whose(&person("b")).unwrap(), Some(person("a")));
    assert!(reader.whose(&person("a")).unwrap().is_none());
    let gone = reader.person(&person("b")).unwrap().unwrap();
    assert_eq!(gone.accounts.len(), 1);
    assert_eq!(
        reader.person_of(&person("b")).unwrap().unwrap().id,
        person("a")
    );
    write(&ledger, |writer| {
        // Twice is once, and with themselves is nothing.
        assert!(!writer.record(Fact::IdentitiesMerged {
            person: person("a"),
            into: person("a"),
        })?);
        let split = Fact::RecordSplit {
            record: person("b"),
            from: person("a"),
        };
        assert!(writer.record(&split)?);
        assert!(!writer.record(&split)?);
        Ok(())
    });
    let reader = ledger.read().unwrap();
    assert_eq!(
        reader.person(&person("b")).unwrap().unwrap().accounts.len(),
        2
    );
    assert!(!reader.has_further_records().unwrap());
}

#[test]
fn a_plan_links_a_record_that_is_found_under_either_id() {
    let ledger = ledger();
    write(&ledger, |writer| {
        let planned = linked(writer.next_plan());
        plan(writer, [planned]).map(drop)
    });
    assert_eq!(whose(&ledger, &person("new")), Some(person("a")));
    let found = ledger.read().unwrap().find_people("new").unwrap();
    let ids: Vec<String> = found.iter().map(|person| person.id.to_string()).collect();
    assert_eq!(ids, ["hr:a"]);
    assert_eq!(found[0].records.len(), 2);
    let history = ledger
        .read()
        .unwrap()
        .history(&person("new"))
        .unwrap()
        .count();
    assert_eq!(history, 1);
}

#[test]
fn c22_a_renamed_feed_takes_its_records_along() {
    let ledger = ledger();
    write(&ledger, |writer| {
        let planned = linked(writer.next_plan());
        plan(writer, [planned])?;
        writer.record(merged()).map(drop)
    });
    let (from, to) = (
        FeedName::new("hr").unwrap(),
        FeedName::new("people").unwrap(),
    );
    write(&ledger, |writer| {
        for key in ["a", "b"] {
            let (person, feed) = (person(key), to.clone());
            assert!(writer.record(Fact::PersonRenamed { person, feed })?);
        }
        let (from, to) = (from.clone(), to.clone());
        writer.record(Fact::FeedRenamed { from, to }).map(drop)
    });
    let id = |key: &str| PersonId::parse(&format!("people:{key}")).unwrap();
    for record in ["b", "new"] {
        assert_eq!(whose(&ledger, &id(record)), Some(id("a")));
        assert_eq!(whose(&ledger, &person(record)), None);
    }
    let kept = ledger.read().unwrap().person(&id("a")).unwrap().unwrap();
    let records: Vec<String> = kept.records.keys().map(ToString::to_string).collect();
    assert_eq!(records, ["people:a", "people:b", "people:new"]);
}
