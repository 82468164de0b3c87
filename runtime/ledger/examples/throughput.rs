//! Measures what the ledger's layout costs: a first import against writing the same bytes to redb
//! without us, durable operations per second through the group commit, and how long it takes to open
//! the file after a stop without warning.
//!
//! `cargo run --release -p muster-ledger --example throughput -- [people] [folder]`

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that fails has nothing to say"
)]

#[path = "../tests/ledger/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{at, completed, dispatched, joiner, operation_id, policy};
use muster_core::actor::Actor;
use muster_core::fact::{Cause, Counts};
use muster_core::id::PlanId;
use muster_ledger::{Committer, Ledger, Options, check, committer};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

const TARGETS: [&str; 2] = ["crm", "mail"];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let people: u32 = arguments
        .next()
        .map_or(100_000, |text| text.parse().unwrap());
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("muster-throughput-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ledger.redb");

    let ledger = Ledger::open(&path, &Options::default()).unwrap();
    let import = import(&ledger, people);
    println!(
        "import of {people} people: {import:?}, resident {} MB",
        resident_mb()
    );
    opening("after the import", &path);
    operations(&ledger, people.min(20_000));
    opening("after the operations", &path);
    let started = Instant::now();
    let report = check::check(&ledger, |_| {}).unwrap();
    println!(
        "check: {:?}, {} entries in {} commits, clean: {}",
        started.elapsed(),
        report.entries,
        report.commits,
        report.is_clean()
    );
    drop(ledger);

    let raw = raw(&path, &folder.join("raw.redb"));
    println!(
        "the same bytes raw: {raw:?}; ratio {:.2}",
        import.as_secs_f64() / raw.as_secs_f64()
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A first import: everybody joins, two accounts and four operations each.
fn import(ledger: &Ledger, people: u32) -> Duration {
    // What the planner would hand over is made beforehand, in pieces, and not counted.
    let mut taken = Duration::ZERO;
    let started = Instant::now();
    let made = ledger.write(at(0), Actor::Daemon, |writer| {
        let plan = writer.next_plan();
        let mut counts = Counts::default();
        for number in 0..people {
            let making = Instant::now();
            let planned = joiner(plan, &format!("{number:07}"), &TARGETS, number * 4 + 1);
            counts.add(&planned);
            taken += making.elapsed();
            writer.record_planned(None, planned)?;
        }
        writer.finish_plan(Cause::Date, policy(), counts)
    });
    made.unwrap();
    started.elapsed().saturating_sub(taken)
}

/// Writes every row of the ledger to a fresh file, one table after the other, in one transaction.
fn raw(from: &Path, to: &Path) -> Duration {
    const NUMBERED: [&str; 2] = ["journal", "plans"];
    const BYTES: [&str; 2] = ["people", "links"];
    const MARKS: [&str; 2] = ["due", "timers"];
    let source = Database::open(from).unwrap();
    let read = source.begin_read().unwrap();
    let mut builder = Database::builder();
    builder.set_cache_size(Options::default().cache_bytes);
    let target = builder.create(to).unwrap();
    let mut taken = Duration::ZERO;
    let write = target.begin_write().unwrap();
    let mut bytes = 0;
    macro_rules! copy {
        ($names:expr, $key:ty, $value:ty, $size:expr) => {
            for name in $names {
                let definition: TableDefinition<'_, $key, $value> = TableDefinition::new(name);
                let table = read.open_table(definition).unwrap();
                let mut copy = write.open_table(definition).unwrap();
                let rows: Vec<_> = table.iter().unwrap().map(Result::unwrap).collect();
                let started = Instant::now();
                for (key, value) in &rows {
                    copy.insert(key.value(), value.value()).unwrap();
                }
                taken += started.elapsed();
                let stats = table.stats().unwrap();
                bytes += stats.stored_bytes();
                println!(
                    "  {name}: {} rows, {} bytes",
                    rows.len(),
                    stats.stored_bytes()
                );
            }
        };
    }
    copy!(NUMBERED, u64, &[u8], 8);
    copy!(BYTES, &[u8], &[u8], 0);
    copy!(MARKS, &[u8], (), 0);
    let started = Instant::now();
    write.commit().unwrap();
    println!("  {} MB in all", bytes / 1_000_000);
    taken + started.elapsed()
}

/// Intent and outcome of operations, each durable, from many callers at once.
fn operations(ledger: &Ledger, count: u32) {
    for callers in [8_u32, 64, 256] {
        let committer = Committer::start(ledger.clone(), committer::Options::default()).unwrap();
        let next = AtomicU32::new(0);
        let base = operations_done(ledger);
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        one(&committer, number, base);
                    }
                });
            }
        });
        let taken = started.elapsed();
        println!(
            "{callers} at once: {:.0} operations/s, intent and outcome durable",
            f64::from(count) / taken.as_secs_f64()
        );
    }
}

/// Which of a person's four operations comes next.
fn operations_done(ledger: &Ledger) -> u32 {
    let first = common::person("0000000");
    let person = ledger.read().unwrap().person(&first).unwrap().unwrap();
    let left: usize = person
        .accounts
        .values()
        .map(|account| account.operations.len())
        .sum();
    4 - u32::try_from(left).unwrap()
}

fn one(committer: &Committer, number: u32, base: u32) {
    let key = format!("{number:07}");
    let target = TARGETS[usize::try_from(base / 2).unwrap()];
    let id = operation_id(PlanId(1), number * 4 + 1 + base);
    for fact in [
        dispatched(&key, target, id),
        completed(&key, target, id, &format!("u{number}")),
    ] {
        committer
            .submit_blocking(at(1), Actor::Daemon, move |writer| writer.record(&fact))
            .unwrap();
    }
}

/// Opens a copy of the file as a `kill -9` would leave it.
fn opening(when: &str, path: &Path) {
    let copy = path.with_extension("killed");
    std::fs::copy(path, &copy).unwrap();
    let started = Instant::now();
    drop(Ledger::open(&copy, &Options::default()).unwrap());
    let taken = started.elapsed();
    let size = std::fs::metadata(&copy).unwrap().len() / 1_000_000;
    println!("opening {when}, without a clean stop: {taken:?} ({size} MB)");
    std::fs::remove_file(&copy).unwrap();
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1));
    kb.and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
