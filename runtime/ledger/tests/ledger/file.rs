//! The file: every released version opens, damage and tampering are named, and what cannot be used
//! says what to do.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::path::{Path, PathBuf};
use std::sync::Barrier;

use crate::common::{at, dispatched, every, join, operation_id, target};
use muster_core::actor::Actor;
use muster_core::coded::Coded as _;
use muster_core::fact::Fact;
use muster_core::id::PlanId;
use muster_ledger::check::{Report, check, check_file};
use muster_ledger::{Error, Ledger, Options};
use redb::{Database, ReadableTable, TableDefinition};
use tempfile::TempDir;

const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
const PEOPLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("people");
const DUE: TableDefinition<'_, &[u8], ()> = TableDefinition::new("due");
const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    (folder, path)
}

fn open(path: &Path) -> Result<Ledger, Error> {
    Ledger::open(path, &Options::default())
}

/// A ledger with two people and an operation in flight, closed again.
fn written(path: &Path) {
    let ledger = open(path).unwrap();
    let id = join(&ledger, 0, &["alice", "bob"], &["crm"]);
    let fact = dispatched("alice", "crm", operation_id(id, 1));
    ledger
        .write(at(1), Actor::Daemon, |writer| writer.record(fact))
        .unwrap();
}

/// Changes the file behind the ledger's back.
fn tamper(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let txn = database.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

fn checked(path: &Path) -> Report {
    check_file(path, &Options::default(), |_| {}).unwrap()
}

#[test]
fn every_fact_is_read_back_as_it_was_written() {
    let ledger = Ledger::in_memory().unwrap();
    for (commit, by) in every::commits()
        .into_iter()
        .zip(every::actors().into_iter().cycle())
    {
        ledger
            .write(at(1), by, |writer| {
                commit
                    .iter()
                    .try_for_each(|fact| writer.record(fact).map(drop))
            })
            .unwrap();
    }
    holds_every_fact(&ledger);
}

fn holds_every_fact(ledger: &Ledger) {
    let reader = ledger.read().unwrap();
    let entries: Vec<Fact> = reader
        .journal(..)
        .unwrap()
        .map(|entry| entry.unwrap().fact)
        .collect();
    let facts = every::facts();
    assert_eq!(entries.len(), facts.len());
    for (entry, fact) in entries.iter().zip(&facts) {
        assert_eq!(entry, fact);
    }
    for person in reader.everybody().unwrap() {
        let person = person.unwrap();
        let said = reader.planned(PlanId(1), &person.id).unwrap().unwrap();
        let Fact::PersonPlanned(planned) = said.fact else {
            panic!("{said:?}");
        };
        let crm = target("crm");
        assert_eq!(
            person.accounts[&crm].operations,
            planned.accounts[&crm].operations
        );
        assert_eq!(Some(person.identity), planned.identity);
    }
    assert_eq!(reader.plans().unwrap().count(), 6);
    let feed = reader.feed(&muster_core::id::FeedName::new("hr").unwrap());
    let feed = feed.unwrap().unwrap();
    assert!(feed.accepted.is_some() && feed.rejected.is_some());
    let holds = reader.holds().unwrap();
    let plans: Vec<Option<u8>> = holds
        .iter()
        .map(|hold| hold.plan.map(|digest| digest.0[0]))
        .collect();
    assert_eq!(plans, [None, Some(7)], "{holds:?}");
    let catalogue = reader.catalogue(&target("crm")).unwrap().unwrap();
    assert_eq!(catalogue.entitlements.len(), 1);
    let report = check(ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// A file with every fact in it.
fn write_fixture(path: &Path) {
    drop(std::fs::remove_file(path));
    let ledger = open(path).unwrap();
    for (commit, by) in every::commits()
        .into_iter()
        .zip(every::actors().into_iter().cycle())
    {
        ledger
            .write(at(1), by, |writer| {
                commit
                    .iter()
                    .try_for_each(|fact| writer.record(fact).map(drop))
            })
            .unwrap();
    }
}

#[test]
fn a_file_of_every_released_version_opens() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    // Until the first release only: afterwards a layout that changes gets a number of its own.
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        write_fixture(&fixtures.join("v1.redb"));
    }
    let (_folder, path) = folder();
    std::fs::copy(fixtures.join("v1.redb"), &path).unwrap();
    let ledger = Ledger::open_existing(&path, &Options::default()).unwrap();
    holds_every_fact(&ledger);
    // And it goes on being written to.
    let id = join(&ledger, 99, &["somebody"], &["crm"]);
    assert_eq!(id, PlanId(7));
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}

#[test]
fn a_file_from_before_the_first_release_is_refused_with_what_to_do() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let (_folder, path) = folder();
    std::fs::copy(fixtures.join("before-release.redb"), &path).unwrap();
    for _ in 0..2 {
        let error = Ledger::open_existing(&path, &Options::default()).unwrap_err();
        assert_eq!(error.code().as_str(), "LED-012");
        let said = error.to_string();
        assert!(said.contains("move the data folder aside"), "{said}");
    }
}

#[test]
fn what_was_written_is_there_after_closing_and_opening() {
    let (_folder, path) = folder();
    written(&path);
    let ledger = open(&path).unwrap();
    let reader = ledger.read().unwrap();
    assert_eq!(reader.people_count().unwrap(), 2);
    assert_eq!(reader.in_flight(&target("crm")).unwrap().len(), 1);
    drop((reader, ledger));
    let report = checked(&path);
    assert!(report.is_clean());
    assert_eq!((report.entries, report.commits, report.people), (4, 2, 2));
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "the check leaves nothing behind: {left:?}");
}

#[test]
fn a_ledger_that_is_open_says_that_the_daemon_has_it() {
    let (_folder, path) = folder();
    let _ledger = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert_eq!(error.code().as_str(), "LED-001");
    assert!(error.to_string().contains("the daemon"), "{error}");
}

#[test]
fn starts_at_the_same_moment_make_one_ledger() {
    let (_folder, path) = folder();
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                if let Err(error) = open(&path) {
                    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
                }
            });
        }
    });
    assert_eq!(open(&path).unwrap().read().unwrap().next_seq(), 1);
}

#[test]
fn a_ledger_that_is_to_exist_is_not_made() {
    let (_folder, path) = folder();
    let error = Ledger::open_existing(&path, &Options::default()).unwrap_err();
    assert_eq!(error.code().as_str(), "LED-003");
    assert!(!path.exists());
}

#[test]
fn what_is_no_ledger_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    for garbage in [
        b"id;name\n1;Alice\n".repeat(1_000),
        vec![0; 8_192],
        Vec::new(),
    ] {
        std::fs::write(&path, &garbage).unwrap();
        let error = open(&path).unwrap_err();
        assert_eq!(error.code().as_str(), "LED-002", "{error:?}");
        assert_eq!(std::fs::read(&path).unwrap(), garbage);
    }
    std::fs::remove_file(&path).unwrap();
    drop(Database::create(&path).unwrap());
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("no journal"), "{error}");
}

#[test]
fn half_a_file_is_refused() {
    let (_folder, path) = folder();
    written(&path);
    let whole = std::fs::read(&path).unwrap();
    for part in [1, 2, 3] {
        std::fs::write(&path, &whole[..whole.len() * part / 4]).unwrap();
        let error = open(&path).unwrap_err();
        assert_eq!(error.code().as_str(), "LED-002", "{error:?}");
    }
}

#[test]
fn a_file_of_another_format_and_newer_records_are_named_as_such() {
    let (_folder, path) = folder();
    written(&path);
    tamper(&path, |txn| {
        let mut journal = txn.open_table(JOURNAL).unwrap();
        let mut row = journal.get(2).unwrap().unwrap().value().to_vec();
        row[0] = 9;
        journal.insert(2, row.as_slice()).unwrap();
    });
    let ledger = open(&path).unwrap();
    let mut entries = ledger.read().unwrap().journal(2..).unwrap();
    let error = entries.next().unwrap().unwrap_err();
    assert_eq!(error.code().as_str(), "LED-004");
    assert!(check(&ledger, |_| {}).is_err());
    drop((entries, ledger));
    let others = [
        (1, "LED-012"),
        (2, "LED-012"),
        (3, "LED-012"),
        (4, "LED-012"),
        (6, "LED-004"),
    ];
    for (format, code) in others {
        tamper(&path, |txn| {
            let mut meta = txn.open_table(META).unwrap();
            let row = meta.get(b"journal".as_slice()).unwrap();
            let mut row = row.unwrap().value().to_vec();
            row[0] = format;
            meta.insert(b"journal".as_slice(), row.as_slice()).unwrap();
        });
        assert_eq!(open(&path).unwrap_err().code().as_str(), code, "{format}");
    }
}

#[test]
fn the_check_says_the_format_that_stands_in_the_file() {
    let (_folder, path) = folder();
    written(&path);
    let report = checked(&path);
    let database = Database::open(&path).unwrap();
    let txn = database.begin_write().unwrap();
    let meta = txn.open_table(META).unwrap();
    let row = meta.get(b"journal".as_slice()).unwrap().unwrap();
    assert_eq!(report.format, row.value()[0]);
    assert!(report.format > 1, "1 is from before the first release");
}

#[test]
fn flipped_bits_are_found_by_the_check_of_the_file() {
    let (_folder, path) = folder();
    written(&path);
    let whole = std::fs::read(&path).unwrap();
    let needle = b"alice@example.com";
    let places: Vec<usize> = (0..whole.len() - needle.len())
        .filter(|at| whole[*at..].starts_with(needle))
        .collect();
    assert!(
        places.len() >= 2,
        "once in the journal and once in the table"
    );
    for place in places {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        match check_file(&path, &Options::default(), |_| {}) {
            Err(error) => assert_eq!(error.code().as_str(), "LED-002", "{error:?}"),
            // Pages that are in no use any more keep their old content.
            Ok(report) => assert!(report.is_clean()),
        }
    }
}

#[test]
fn a_changed_table_is_found_and_named_by_table_and_row() {
    let (_folder, path) = folder();
    written(&path);
    tamper(&path, |txn| {
        let mut people = txn.open_table(PEOPLE).unwrap();
        let row = people
            .get(b"hr\0alice".as_slice())
            .unwrap()
            .unwrap()
            .value()
            .to_vec();
        people
            .insert(b"hr\0bob".as_slice(), row.as_slice())
            .unwrap();
        let mut due = txn.open_table(DUE).unwrap();
        let mut key = due.last().unwrap().unwrap().0.value().to_vec();
        due.remove(key.as_slice()).unwrap();
        key.push(b'x');
        due.insert(key.as_slice(), ()).unwrap();
    });
    let report = checked(&path);
    let found: Vec<(&str, &str, &str)> = report
        .differences
        .iter()
        .map(|difference| (difference.table, difference.key.as_str(), difference.what))
        .collect();
    assert_eq!(report.code().as_str(), "LED-005");
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[0],
        ("people", "hr bob", "is not what the journal says")
    );
    assert_eq!((found[1].0, found[1].2), ("due", "is missing"));
    assert!(found[1].1.starts_with("hr:bob at crm"), "{found:?}");
    assert_eq!(found[2].2, "is there and follows from nothing");
}

#[test]
fn a_changed_journal_is_found_even_where_the_tables_were_changed_with_it() {
    let (_folder, path) = folder();
    written(&path);
    // Alice becomes Alicf, in the journal and in the table alike.
    let rename = |row: &[u8]| -> Vec<u8> {
        let text = b"alice@example.com";
        let place = row.windows(text.len()).position(|part| part == text);
        let mut row = row.to_vec();
        row[place.unwrap() + 4] = b'f';
        row
    };
    tamper(&path, |txn| {
        let mut journal = txn.open_table(JOURNAL).unwrap();
        let row = rename(journal.get(1).unwrap().unwrap().value());
        journal.insert(1, row.as_slice()).unwrap();
        let mut people = txn.open_table(PEOPLE).unwrap();
        let row = rename(
            people
                .get(b"hr\0alice".as_slice())
                .unwrap()
                .unwrap()
                .value(),
        );
        people
            .insert(b"hr\0alice".as_slice(), row.as_slice())
            .unwrap();
    });
    let report = checked(&path);
    assert!(!report.is_clean());
    assert_eq!(report.differences[0].table, "journal", "{report:?}");
}

#[test]
fn an_entry_that_was_taken_out_is_found() {
    for gone in [2, 4] {
        let (_folder, path) = folder();
        written(&path);
        tamper(&path, |txn| {
            let mut journal = txn.open_table(JOURNAL).unwrap();
            assert!(journal.remove(gone).unwrap().is_some());
        });
        let report = checked(&path);
        assert!(!report.is_clean(), "entry {gone}: {report:?}");
    }
}
