//! What waits for a person: one thing about each matter, until it is decided about, and over a restart.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::common::{at, person, target};
use muster_core::actor::{Actor, Operator};
use muster_core::fact::{Content, Counts, Fact, FeedFile, Kind};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::hold::{About, End, Hold, What};
use muster_core::id::{Digest, FeedName, PolicyVersion};
use muster_core::policy::LintSource;
use muster_core::policy::PolicySource;
use muster_core::subject::Subject;
use muster_ledger::check::check_file;
use muster_ledger::{Ledger, Options};

fn hr() -> FeedName {
    FeedName::new("hr").unwrap()
}

/// One of each that can wait; `number` names the plans.
fn every(number: u8) -> Vec<Hold> {
    let whats = [
        What::File(FeedFile {
            feed: hr(),
            name: format!("{number}.csv"),
            digest: Digest([number; 32]),
            content: Content::default(),
        }),
        What::Policy(Arc::new(PolicySource {
            version: PolicyVersion::new("v2"),
            attributes: BTreeMap::new(),
            roles: Vec::new(),
            targets: BTreeMap::new(),
            lint: LintSource::default(),
        })),
        What::Dates(vec![person("alice")]),
        What::Clock,
        What::Retired(FeedName::new("old").unwrap()),
        What::Catalogue {
            target: target("crm"),
            entitlements: Vec::new(),
            changed: "group `Sales` is gone".to_owned(),
        },
    ];
    let holds = whats.into_iter().enumerate().map(|(place, what)| Hold {
        what,
        plan: Some(Digest([number + u8::try_from(place).unwrap(); 32])),
        reasons: vec![Finding::new(
            Code::new("PLN-010"),
            Severity::Error,
            Subject::Policy,
            "too many leave",
        )],
        counts: Counts {
            people: BTreeMap::from([(Kind::Leaver, 9)]),
            operations: BTreeMap::new(),
        },
        since: at(5),
    });
    holds.collect()
}

fn opened(holds: Vec<Hold>) -> Vec<Fact> {
    holds.into_iter().map(Fact::HoldOpened).collect()
}

fn approved(holds: &[Hold]) -> Vec<Fact> {
    let decided = holds.iter().map(|hold| hold.decided(End::Approved));
    decided.collect()
}

fn record(path: &Path, by: Actor, facts: &[Fact]) -> Vec<bool> {
    let ledger = Ledger::open(path, &Options::default()).unwrap();
    let recorded = ledger.write(at(9), by, |writer| {
        let recorded = facts.iter().map(|fact| writer.record(fact));
        recorded.collect::<Result<Vec<bool>, muster_ledger::Error>>()
    });
    recorded.unwrap()
}

/// What waits after the file was opened again.
fn waiting(path: &Path) -> Vec<Hold> {
    let ledger = Ledger::open_existing(path, &Options::default()).unwrap();
    ledger.read().unwrap().holds().unwrap()
}

#[test]
fn what_waits_is_there_after_a_restart_until_it_is_decided_about() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    record(&path, Actor::Daemon, &opened(every(10)));
    assert_eq!(waiting(&path), every(10));

    // The same matter again takes the place of what waits, whatever it was.
    record(&path, Actor::Daemon, &opened(every(100)));
    assert_eq!(waiting(&path), every(100));

    // Who decides about what was shown before decides about nothing.
    let operator = Actor::Operator(Operator::new(Some(1000), "ops".to_owned()));
    assert_eq!(
        record(&path, operator.clone(), &approved(&every(10))),
        [false; 6]
    );
    assert_eq!(waiting(&path), every(100));
    assert_eq!(
        record(&path, operator.clone(), &approved(&every(100))),
        [true; 6]
    );
    assert_eq!(waiting(&path), []);

    // Who decided, and when something came to wait, are among what was decided.
    let ledger = Ledger::open_existing(&path, &Options::default()).unwrap();
    let reader = ledger.read().unwrap();
    let decisions = reader.decisions_before(u64::MAX).unwrap();
    let by: Vec<Actor> = decisions.map(|entry| entry.unwrap().by).collect();
    assert_eq!(by.len(), 24);
    assert!(by[..12].iter().all(|by| *by == operator), "{by:?}");
    drop((reader, ledger));
    let report = check_file(&path, &Options::default(), |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_hold_is_found_by_what_it_is_about() {
    let ledger = Ledger::in_memory().unwrap();
    let holds = every(10);
    ledger
        .write(at(9), Actor::Daemon, |writer| {
            for hold in &holds {
                writer.record(Fact::HoldOpened(hold.clone()))?;
                assert_eq!(writer.hold(&hold.about())?.as_ref(), Some(hold));
            }
            Ok::<_, muster_ledger::Error>(())
        })
        .unwrap();
    let reader = ledger.read().unwrap();
    for hold in &holds {
        assert_eq!(reader.hold(&hold.about()).unwrap().as_ref(), Some(hold));
    }
    let other = About::File(FeedName::new("staff").unwrap());
    assert_eq!(reader.hold(&other).unwrap(), None);
}

#[test]
fn c22_a_held_file_goes_along_when_the_feed_is_renamed_unless_one_is_held_there() {
    let staff = FeedName::new("staff").unwrap();
    let renamed = Fact::FeedRenamed {
        from: hr(),
        to: staff.clone(),
    };
    let hold = |feed: &FeedName, number: u8| {
        let mut hold = every(number).remove(0);
        hold.reasons[0].subject = Subject::Feed(hr());
        hold.of_renamed_feed(&hr(), feed)
    };
    let about = |feed: &FeedName| About::File(feed.clone());
    for (there, left) in [
        (None, None),
        (Some(hold(&staff, 20)), Some(hold(&hr(), 10))),
    ] {
        let ledger = Ledger::in_memory().unwrap();
        let opened = there.iter().cloned().chain([hold(&hr(), 10)]);
        let facts = opened.map(Fact::HoldOpened).chain([renamed.clone()]);
        ledger
            .write(at(9), Actor::Daemon, |writer| {
                facts
                    .into_iter()
                    .try_for_each(|fact| writer.record(fact).map(drop))
            })
            .unwrap();
        let reader = ledger.read().unwrap();
        let kept = reader.hold(&about(&staff)).unwrap();
        assert_eq!(kept, Some(there.unwrap_or_else(|| hold(&staff, 10))));
        assert_eq!(reader.hold(&about(&hr())).unwrap(), left);
        let report = muster_ledger::check::check(&ledger, |_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}
