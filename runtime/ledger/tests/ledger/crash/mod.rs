//! The power is cut at every sync of the store, with writes lost, torn and reordered. Whatever is left
//! opens, holds exactly the commits up to some point, none that was acknowledged is missing, and the
//! tables are what the journal says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod power;

use crate::common;
use crate::common::{
    at, changed, completed, dispatched, joiner, leaver, operation_id, person, plan, target,
};
use muster_core::actor::Actor;
use muster_core::fact::{Content, Counts, Fact, FeedFile, PersonPlanned};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::hold::{Hold, What};
use muster_core::id::{Digest, FeedName, PlanId};
use muster_core::operation::Transition;
use muster_core::subject::Subject;
use muster_ledger::check::check;
use muster_ledger::kept::Entry;
use muster_ledger::{Ledger, Options, Writer};
use power::{Cut, Disk};

const SEED: u64 = 0x006d_7573_7465_7231;

/// Images for each sync: nothing lost, all lost, and as many again with random losses.
const VARIANTS: u32 = 8;

fn write(disk: &Disk, ledger: &Ledger, seconds: i64, work: impl FnOnce(&mut Writer<'_>)) {
    ledger
        .write(at(seconds), Actor::Daemon, |writer| {
            work(writer);
            Ok::<(), muster_ledger::Error>(())
        })
        .unwrap();
    disk.acknowledge();
}

fn people(id: PlanId, from: u32, count: u32) -> Vec<PersonPlanned> {
    (from..from + count)
        .map(|number| {
            joiner(
                id,
                &format!("p{number:04}"),
                &["crm", "mail"],
                number * 4 + 1,
            )
        })
        .collect()
}

fn file(number: u8) -> FeedFile {
    FeedFile {
        feed: FeedName::new("hr").unwrap(),
        name: format!("people-{number}.csv"),
        digest: Digest([number; 32]),
        content: Content {
            header: 1,
            rows: u128::from(number),
            row_count: 60,
            read_as: 2,
        },
    }
}

/// A working day in small: imports, operations with every kind of outcome, leavers, a held file,
/// deliveries, findings.
fn day(disk: &Disk, ledger: &Ledger) {
    for round in 0..2_u8 {
        let first = u32::from(round) * 60;
        let seconds = i64::from(round) * 1_000;
        write(disk, ledger, seconds, |writer| {
            let id = plan(writer, people(writer.next_plan(), first, 60)).unwrap();
            let accepted = Fact::FileAccepted {
                file: file(round),
                plan: Some(id),
            };
            writer.record(accepted).unwrap();
        });
        let id = PlanId(u64::from(round) * 2 + 1);
        for step in 0..6 {
            let number = first + step;
            let key = format!("p{number:04}");
            write(disk, ledger, seconds + i64::from(step), |writer| {
                let operation = operation_id(id, number * 4 + 1);
                writer.record(dispatched(&key, "crm", operation)).unwrap();
            });
            write(disk, ledger, seconds + i64::from(step) + 1, |writer| {
                let operation = operation_id(id, number * 4 + 1);
                let fact = if step % 3 == 0 {
                    let observe_at = at(seconds + 60);
                    let text = "connection reset".to_owned();
                    let by_plugin = false;
                    let lost = Transition::Lost {
                        observe_at,
                        text,
                        by_plugin,
                    };
                    changed(&key, "crm", operation, lost)
                } else {
                    completed(&key, "crm", operation, &format!("u{number}"))
                };
                writer.record(fact).unwrap();
                let delivery = Fact::DeliveryTaken {
                    feed: FeedName::new("hr").unwrap(),
                    key: format!("msg-{number}"),
                    digest: Digest([round; 32]),
                };
                writer.record(delivery).unwrap();
            });
        }
        write(disk, ledger, seconds + 20, |writer| {
            let id = writer.next_plan();
            let gone = (first..first + 20).map(|number| {
                let key = format!("p{number:04}");
                leaver(id, &key, &["crm", "mail"], number * 6 + 1)
            });
            plan(writer, gone).unwrap();
            let held = Hold {
                what: What::File(file(100 + round)),
                plan: None,
                reasons: Vec::new(),
                counts: Counts::default(),
                since: writer.at(),
            };
            writer.record(Fact::HoldOpened(held)).unwrap();
        });
    }
}

/// Runs `work` on a fresh disk and gives what the ledger holds in the end.
fn run(disk: &Disk, work: impl FnOnce(&Disk, &Ledger)) -> Vec<Entry> {
    let ledger = Ledger::on_backend(disk.clone(), &Options::default()).unwrap();
    // Making the tables was the first commit.
    disk.acknowledge();
    work(disk, &ledger);
    entries(&ledger)
}

fn entries(ledger: &Ledger) -> Vec<Entry> {
    let reader = ledger.read().unwrap();
    reader.journal(..).unwrap().map(Result::unwrap).collect()
}

/// The ledger that a cut left, once it is proven to be a prefix of the whole.
fn opened(cut: &Cut, image: Vec<u8>, whole: &[Entry]) -> Ledger {
    let ledger = Ledger::on_backend(Disk::holding(image), &Options::default())
        .unwrap_or_else(|error| panic!("{cut} left a file that does not open: {error:?}"));
    let left = entries(&ledger);
    assert_eq!(left, whole[..left.len()], "{cut}: not a prefix");
    let is_whole_commits = whole.get(left.len()).is_none_or(|next| next.opens_commit);
    assert!(is_whole_commits, "{cut}: half a commit is there");
    let commits = left.iter().filter(|entry| entry.opens_commit).count();
    let promised = cut.acknowledged.saturating_sub(1);
    assert!(
        (promised..=promised + 1).contains(&commits),
        "{cut}: {commits} commits are there"
    );
    ledger
}

#[test]
fn a_cut_at_any_sync_leaves_what_was_acknowledged_and_whole_commits_only() {
    let disk = Disk::default();
    let whole = run(&disk, day);
    let mut cuts = 0;
    disk.cuts(SEED, VARIANTS, |cut, image| {
        if cut.acknowledged == 0 {
            return; // While the file is made: the next test.
        }
        let ledger = opened(cut, image, &whole);
        let report = check(&ledger, |_| {}).unwrap();
        assert!(report.is_clean(), "{cut}: {report:?}");
        // Life goes on from there.
        let next = write_more(&ledger);
        assert_eq!(next, report.entries + 1, "{cut}");
        cuts += 1;
    });
    assert!(cuts > 25 * VARIANTS, "only {cuts} images, seed {SEED:#x}");
}

fn write_more(ledger: &Ledger) -> u64 {
    let finding = Finding::new(
        Code::new("OPS-001"),
        Severity::Note,
        Subject::Ledger,
        "the power came back",
    );
    ledger
        .write(at(9_999), Actor::Daemon, |writer| {
            let seq = writer.next_seq();
            writer.record(Fact::FindingOpened(finding))?;
            Ok::<u64, muster_ledger::Error>(seq)
        })
        .unwrap()
}

#[test]
fn a_cut_while_the_file_is_made_does_not_block_the_next_start() {
    let disk = Disk::default();
    run(&disk, |_, _| {});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    let mut cuts = 0;
    disk.cuts(SEED, VARIANTS, |cut, image| {
        std::fs::write(folder.path().join("ledger.redb.new"), image).unwrap();
        let ledger = Ledger::open(&path, &Options::default())
            .unwrap_or_else(|error| panic!("{cut} blocks the next start: {error:?}"));
        assert_eq!(write_more(&ledger), 1);
        drop(ledger);
        assert!(!folder.path().join("ledger.redb.new").exists());
        std::fs::remove_file(&path).unwrap();
        cuts += 1;
    });
    assert!(cuts >= VARIANTS, "only {cuts} images");
}

#[test]
fn f8_a_change_token_never_moves_without_the_rows_it_covers() {
    const PAGES: i64 = 12;
    let row = |page: i64| {
        Finding::new(
            Code::new("DRI-001"),
            Severity::Warning,
            Subject::Account(common::person(&format!("{page}")), target("crm")),
            "somebody changed the account at the app",
        )
    };
    let disk = Disk::default();
    let whole = run(&disk, |disk, ledger| {
        for page in 1..=PAGES {
            write(disk, ledger, page, |writer| {
                let token = Fact::ChangesRead {
                    target: target("crm"),
                    token: format!("{page}"),
                };
                // The token first: its place in the transaction must not matter.
                writer.record(token).unwrap();
                writer.record(Fact::FindingOpened(row(page))).unwrap();
            });
        }
    });
    let mut seen = std::collections::BTreeSet::new();
    disk.cuts(SEED, VARIANTS * 2, |cut, image| {
        if cut.acknowledged == 0 {
            return;
        }
        let ledger = opened(cut, image, &whole);
        let reader = ledger.read().unwrap();
        let token = reader.change_token(&target("crm")).unwrap();
        let token = token.map_or(0, |token| token.token.parse::<i64>().unwrap());
        let rows: Vec<Finding> = reader
            .findings()
            .unwrap()
            .map(|kept| kept.unwrap().finding)
            .collect();
        assert_eq!(rows.len(), usize::try_from(token).unwrap(), "{cut}");
        assert!((1..=token).all(|page| rows.contains(&row(page))), "{cut}");
        seen.insert(token);
    });
    assert_eq!(seen.len(), usize::try_from(PAGES + 1).unwrap());
}

#[test]
fn what_was_in_flight_when_the_power_went_is_in_flight_when_it_comes_back() {
    let disk = Disk::default();
    let whole = run(&disk, |disk, ledger| {
        write(disk, ledger, 0, |writer| {
            plan(writer, people(writer.next_plan(), 0, 3)).unwrap();
        });
        write(disk, ledger, 1, |writer| {
            let fact = dispatched("p0001", "crm", operation_id(PlanId(1), 5));
            writer.record(fact).unwrap();
        });
    });
    disk.cuts(SEED, VARIANTS, |cut, image| {
        // Two commits and the making of the file were acknowledged.
        if cut.acknowledged < 3 {
            return;
        }
        let ledger = opened(cut, image, &whole);
        let in_flight = ledger.read().unwrap().in_flight(&target("crm")).unwrap();
        assert_eq!(in_flight.len(), 1, "{cut}");
        assert_eq!(in_flight[0].person, person("p0001"));
    });
}
