//! What a record is recognised by, and what is not enough.

use super::*;
use crate::budget::Effect;
use crate::dated::Dated;
use crate::fact::{Kind, PersonPlanned};
use crate::id::{PersonKey, PlanId};
use crate::identity::{Employment, Phase, Status};

fn id(text: &str) -> PersonId {
    PersonId::parse(text).unwrap()
}

fn identity(attributes: &[(&str, &str)]) -> Identity {
    let attributes = attributes.iter();
    Identity {
        attributes: attributes
            .map(|(name, text)| ((*name).to_owned(), Value::Text((*text).to_owned())))
            .collect(),
        employment: Employment {
            status: Status::Active,
            starts_at: None,
            ends_at: None,
        },
        dated: Dated::default(),
    }
}

fn person(text: &str, attributes: &[(&str, &str)]) -> Person {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let planned = PersonPlanned {
        plan: PlanId(1),
        person: id(text),
        kind: Kind::Joiner,
        identity: Some(identity(attributes)),
        records: Vec::new(),
        row: None,
        is_present: true,
        phase: Phase::Active,
        accounts: BTreeMap::new(),
    };
    Person::planned(None, &planned, Effect::unasked(now)).unwrap()
}

fn key(name: &str, attributes: &[&str], weight: u32) -> Key {
    Key {
        name: name.to_owned(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        weight,
        number_of: None,
    }
}

fn correlation() -> Correlation {
    let earlier = Key {
        number_of: Some(FeedName::new("hr").unwrap()),
        ..key("earlier", &["earlier"], 100)
    };
    Correlation {
        trust: Vec::new(),
        keys: vec![
            key("personal_number", &["personal_number"], 100),
            key("name_and_birth", &["name", "born"], 60),
            // Whatever the configuration lets through, an address is an address.
            key("home", &["home"], 1_000),
            earlier,
        ],
        link_at: 100,
        ask_at: 50,
    }
}

#[track_caller]
fn check(known: &[Person], new: &[(&str, &str)], verdict: &Verdict) {
    let correlation = correlation();
    let mut newcomers = Newcomers::new(&correlation);
    newcomers.add(id("new:9"), &identity(new));
    for person in known {
        newcomers.meet(person);
    }
    assert_eq!(
        newcomers.judge().remove(&id("new:9")).as_ref(),
        Some(verdict)
    );
}

fn candidate(person: &str, keys: &[&str]) -> Candidate {
    Candidate {
        person: id(person),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    }
}

#[test]
fn one_who_is_sure_is_linked_one_who_may_be_is_asked_about_and_the_rest_is_new() {
    let ada = person(
        "hr:1",
        &[
            ("personal_number", "12-34"),
            ("name", "Ada"),
            ("born", "1990-01-02"),
        ],
    );
    let sure = Verdict::Sure(candidate("hr:1", &["personal_number"]));
    let known = [ada, person("hr:2", &[("name", "Bob")])];
    check(&known, &[("personal_number", "1234")], &sure);
    let ask = Verdict::Ask(vec![candidate("hr:1", &["name_and_birth"])]);
    check(&known, &[("name", "ADA"), ("born", "1990-01-02")], &ask);
    check(&known, &[("name", "Ada")], &Verdict::New);
    check(&known, &[("personal_number", "")], &Verdict::New);
}

#[test]
fn two_who_could_be_meant_are_asked_about_and_a_placeholder_means_nobody() {
    let same = |number: usize| person(&format!("hr:{number}"), &[("personal_number", "0")]);
    let two: Vec<Person> = (1..=2).map(same).collect();
    let ask = Verdict::Ask(vec![
        candidate("hr:1", &["personal_number"]),
        candidate("hr:2", &["personal_number"]),
    ]);
    let correlation = correlation();
    let mut newcomers = Newcomers::new(&correlation);
    newcomers.add(id("new:9"), &identity(&[("personal_number", "0")]));
    for person in &two {
        newcomers.meet(person);
    }
    let Some(Verdict::Ask(mut found)) = newcomers.judge().remove(&id("new:9")) else {
        panic!("two people have it");
    };
    found.sort();
    assert_eq!(Verdict::Ask(found), ask);
    let many: Vec<Person> = (1..=ALIKE_MAX + 1).map(same).collect();
    check(&many, &[("personal_number", "0")], &Verdict::New);
}

#[test]
fn a_column_of_zeros_in_a_file_makes_nobody_of_many_one_person() {
    let known = person("hr:1", &[("personal_number", "0")]);
    let correlation = correlation();
    for (count, is_asked) in [
        (1, false),
        (2, true),
        (ALIKE_MAX, true),
        (ALIKE_MAX + 1, false),
    ] {
        let mut newcomers = Newcomers::new(&correlation);
        for number in 0..count {
            let new = identity(&[("personal_number", "0")]);
            newcomers.add(id(&format!("new:{number}")), &new);
        }
        newcomers.meet(&known);
        let verdicts = newcomers.judge();
        assert_eq!(verdicts.len(), count);
        for verdict in verdicts.values() {
            match (count, verdict) {
                (1, Verdict::Sure(_)) => {}
                (_, Verdict::Ask(_)) => assert!(is_asked, "{count}"),
                (_, Verdict::New) => assert!(count > ALIKE_MAX, "{count}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_key_that_would_be_enough_and_says_otherwise_is_asked_about() {
    let known = [person(
        "hr:1",
        &[
            ("personal_number", "1"),
            ("name", "Ada"),
            ("born", "x"),
            ("home", "a@b.c"),
        ],
    )];
    let new = [
        ("personal_number", "2"),
        ("name", "Ada"),
        ("born", "x"),
        ("home", "a@b.c"),
    ];
    let keys = ["name_and_birth", "home"];
    check(&known, &new, &Verdict::Ask(vec![candidate("hr:1", &keys)]));
}

#[test]
fn f19_an_address_alone_never_links_whatever_it_weighs() {
    let known = [person("hr:1", &[("home", "ada@example.org")])];
    let ask = Verdict::Ask(vec![candidate("hr:1", &["home"])]);
    check(&known, &[("home", "Ada@example.org")], &ask);
}

#[test]
fn an_earlier_number_is_compared_with_the_keys_of_its_feed() {
    let known = [person("hr:0042", &[]), person("other:7", &[])];
    let sure = Verdict::Sure(candidate("hr:0042", &["earlier"]));
    check(&known, &[("earlier", "0042")], &sure);
    check(&known, &[("earlier", "7")], &Verdict::New);
    // The number of any record counts.
    let mut merged = person("other:7", &[]);
    merged.merge(&mut person("hr:5", &[]), jiff::Timestamp::UNIX_EPOCH);
    let sure = Verdict::Sure(candidate("other:7", &["earlier"]));
    check(&[merged], &[("earlier", "5")], &sure);
    assert!(PersonKey::new("5").is_ok());
}
