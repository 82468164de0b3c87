//! What several records come to, and two identities that become one and two again.

use super::*;
use crate::connector::{AccountState, EntitlementKey, ObjectRef};
use crate::dated::Dated;
use crate::id::PlanId;
use crate::identity::{Employment, Status};
use crate::operation::{Action, Operation, State, Urgency};
use crate::person::Grant;
use crate::standing::{Access, Barred, Block, Decided, Opening};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

fn feed(name: &str) -> FeedName {
    FeedName::new(name).unwrap()
}

fn id(text: &str) -> PersonId {
    PersonId::parse(text).unwrap()
}

fn target(name: &str) -> TargetName {
    TargetName::new(name).unwrap()
}

fn trust() -> Vec<FeedName> {
    vec![feed("hr"), feed("contractors")]
}

fn identity(attributes: &[(&str, &str)], starts: Option<&str>, ends: Option<&str>) -> Identity {
    let value = |text: &str| match text {
        "" => Value::Empty,
        text => Value::Text(text.to_owned()),
    };
    let attributes = attributes.iter();
    Identity {
        attributes: attributes
            .map(|(name, text)| ((*name).to_owned(), value(text)))
            .collect(),
        employment: Employment {
            status: Status::Active,
            starts_at: starts.map(at),
            ends_at: ends.map(at),
        },
        dated: Dated::default(),
    }
}

fn record(identity: Identity, is_present: bool) -> Record {
    Record {
        identity,
        is_present,
        origin: Origin {
            plan: PlanId(1),
            row: Some(2),
        },
        link: Link::FirstSeen,
        came_with: None,
        brought: Brought::default(),
    }
}

fn records(of: &[(&str, Record)]) -> Records {
    let of = of.iter();
    of.map(|(text, record)| (id(text), record.clone()))
        .collect()
}

const PAST: Option<&str> = Some("2026-01-01T00:00:00Z");
const SOON: Option<&str> = Some("2026-07-01T00:00:00Z");
const LATER: Option<&str> = Some("2026-09-01T00:00:00Z");

fn phase(picture: &Picture) -> Phase {
    assert!(picture.is_present);
    picture.identity.employment.phase(now())
}

#[test]
fn an_active_contract_beats_one_that_ended_whichever_feed_is_trusted() {
    let over = identity(&[("title", "Clerk")], None, PAST);
    let active = identity(&[("title", "Adviser")], PAST, None);
    let both = records(&[
        ("contractors:7", record(active, true)),
        ("hr:1", record(over, true)),
    ]);
    let picture = picture(&both, &trust(), now()).unwrap();
    assert_eq!(phase(&picture), Phase::Active);
    assert_eq!(picture.lead, id("contractors:7"));
    assert_eq!(picture.identity.text("title"), Some("Adviser"));
}

#[test]
fn each_attribute_is_from_the_most_trusted_feed_that_has_it() {
    let hr = identity(&[("title", "Clerk"), ("phone", "")], PAST, None);
    let other = identity(
        &[
            ("title", "Adviser"),
            ("phone", "7"),
            ("agency", "Acme"),
            ("manager", "9"),
        ],
        PAST,
        SOON,
    );
    let both = records(&[
        ("contractors:7", record(other, true)),
        ("hr:1", record(hr, true)),
    ]);
    let said = |trust: &[FeedName]| {
        let picture = picture(&both, trust, now()).unwrap();
        let text = |name| picture.identity.text(name).map(str::to_owned);
        (text("title"), text("phone"), text("agency"), picture)
    };
    let (title, phone, agency, picture) = said(&trust());
    assert_eq!(title.as_deref(), Some("Clerk"));
    assert_eq!(phone.as_deref(), Some("7"), "an empty cell hides nothing");
    assert_eq!(agency.as_deref(), Some("Acme"));
    assert_eq!(picture.sources.get("agency"), Some(&id("contractors:7")));
    assert_eq!(picture.sources.get("title"), Some(&id("hr:1")));
    // The job that lasts longest leads, and managers are people of its feed.
    assert_eq!(picture.lead, id("hr:1"));
    assert_eq!(picture.identity.text("manager"), None);
    let (title, ..) = said(&[feed("contractors"), feed("hr")]);
    assert_eq!(title.as_deref(), Some("Adviser"));
}

#[test]
fn a_job_that_is_over_or_to_come_says_nothing_of_now() {
    let contract = identity(&[("project", "apollo")], PAST, SOON);
    let hired = identity(&[("department", "Sales")], LATER, None);
    let both = records(&[
        ("contractors:7", record(contract.clone(), true)),
        ("hr:1", record(hired, true)),
    ]);
    let said = |instant: &str| {
        let picture = picture(&both, &trust(), at(instant)).unwrap();
        let phase = picture.identity.employment.phase(at(instant));
        let names: Vec<String> = picture.identity.attributes.into_keys().collect();
        (phase, names)
    };
    assert_eq!(
        said("2026-06-01T00:00:00Z"),
        (Phase::Active, vec!["project".to_owned()])
    );
    assert_eq!(
        said("2026-08-01T00:00:00Z"),
        (Phase::Prehire, vec!["department".to_owned()])
    );
    assert_eq!(
        said("2026-10-01T00:00:00Z"),
        (Phase::Active, vec!["department".to_owned()])
    );
    let gone = records(&[
        ("contractors:7", record(contract.clone(), false)),
        ("contractors:8", record(contract, false)),
    ]);
    assert!(!picture(&gone, &trust(), now()).unwrap().is_present);
}

fn person(text: &str, targets: &[&str]) -> Person {
    let record = record(identity(&[("name", text)], PAST, None), true);
    let mut person = Person::new(&id(text), &record, PlanId(1));
    person.phase = Phase::Active;
    for name in targets {
        let account = Account {
            is_wanted: true,
            object: Some(ObjectRef {
                kind: "user".to_owned(),
                id: format!("{text} at {name}"),
                container: None,
                revision: None,
                name_hint: None,
            }),
            state: Some(AccountState::Active),
            ..Account::default()
        };
        person.accounts.insert(target(name), account);
    }
    person
}

fn object(person: &Person, name: &str) -> Option<String> {
    let account = person.accounts.get(&target(name))?;
    account.object.as_ref().map(|object| object.id.clone())
}

fn opening() -> Opening {
    Opening {
        gives: Access::Account(target("wiki")),
        from: now(),
        until: at("2026-06-09T12:00:00Z"),
        reason: "covers for Ann".to_owned(),
    }
}

fn blocked() -> Block {
    Block {
        keeps_away: Barred::Everything,
        since: now(),
        until: None,
        reason: "stolen laptop".to_owned(),
    }
}

#[test]
fn a_merge_takes_over_what_only_the_other_has_and_a_split_undoes_it() {
    let mut kept = person("hr:1", &["crm"]);
    let mut gone = person("contractors:7", &["crm", "wiki"]);
    kept.standing.decide(&Decided::Opened(opening()), 7);
    gone.standing.decide(&Decided::Opened(opening()), 7);
    gone.standing.decide(&Decided::Blocked(blocked()), 7);
    let wiki = gone.accounts.get_mut(&target("wiki")).unwrap();
    let right = EntitlementKey {
        kind: "group".to_owned(),
        id: "g".to_owned(),
        container: None,
    };
    let grant = Grant {
        justifications: [Justification::Opening(OpeningId(1))].into(),
        ..Grant::default()
    };
    wiki.grants.insert(right.clone(), grant);
    let (kept_before, gone_before) = (kept.clone(), gone.clone());

    kept.merge(&mut gone, now());
    assert_eq!(object(&kept, "crm").as_deref(), Some("hr:1 at crm"));
    assert_eq!(
        object(&kept, "wiki").as_deref(),
        Some("contractors:7 at wiki")
    );
    assert_eq!(
        object(&gone, "crm").as_deref(),
        Some("contractors:7 at crm")
    );
    assert_eq!(object(&gone, "wiki"), None);
    assert_eq!((kept.records.len(), gone.is_present), (2, false));
    // A block counts for the whole person, and the opening is the second one here.
    assert!(kept.standing.bars(&target("crm"), now()));
    let reasons = &kept.accounts[&target("wiki")].grants[&right].justifications;
    assert_eq!(*reasons, [Justification::Opening(OpeningId(2))].into());

    let back = kept.split(&id("contractors:7"), Some(gone), now()).unwrap();
    let awake = |mut person: Person| {
        person.wake(now());
        person
    };
    assert_eq!(back, awake(gone_before));
    let mut expected = awake(kept_before);
    // Numbers are never given twice.
    (expected.standing.opened, expected.standing.blocked) = (2, 1);
    assert_eq!(kept, expected);
}

#[test]
fn only_a_further_record_can_be_taken_out() {
    let mut kept = person("hr:1", &[]);
    kept.merge(&mut person("hr:2", &[]), now());
    assert_eq!(kept.split(&id("hr:1"), None, now()), None);
    assert_eq!(kept.split(&id("hr:3"), None, now()), None);
    let mut itself = kept.clone();
    kept.merge(&mut itself, now());
    assert_eq!(kept.records.len(), 2);
}

#[test]
fn what_came_with_a_record_goes_with_it() {
    let mut first = person("hr:1", &[]);
    let mut second = person("hr:2", &[]);
    second.merge(&mut person("hr:3", &[]), now());
    first.merge(&mut second, now());
    assert_eq!(first.records.len(), 3);
    let out = first.split(&id("hr:2"), Some(second), now()).unwrap();
    let ids: Vec<String> = out.records.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["hr:2", "hr:3"]);
    assert!(first.records.is_empty());
}

#[test]
fn an_account_with_a_call_out_stays_where_its_answer_is_recorded() {
    let mut kept = person("hr:1", &[]);
    let mut gone = person("hr:2", &["crm"]);
    let operation = Operation {
        state: State::InFlight {
            attempt: 1,
            since: now(),
        },
        ..operation()
    };
    let account = gone.accounts.get_mut(&target("crm")).unwrap();
    account.operations.push(operation);
    assert!(gone.is_busy());
    kept.merge(&mut gone, now());
    assert_eq!(object(&kept, "crm"), None);
    assert!(object(&gone, "crm").is_some());
}

fn operation() -> Operation {
    Operation {
        id: crate::id::OperationId {
            plan: PlanId(1),
            number: 1,
        },
        action: Action::EndSessions,
        urgency: Urgency::Leaver,
        state: State::Queued,
        reason: String::new(),
    }
}
