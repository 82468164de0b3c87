//! A first import with roles at two apps, to a durable plan, against writing the same bytes to redb.
//!
//! Ours begins with the rename into the folder of a running daemon and ends when the file was moved
//! away: people, plan and journal are durable then. The daemon is killed there, and every row of its
//! ledger is written to a fresh file by redb alone, one table after the other, in the order of the
//! keys, in one durable transaction, with the same cache.

use std::path::Path;
use std::time::{Duration, Instant};

use muster_tests::app::App;
use muster_tests::daemon::Daemon;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::Scale;
use crate::export::Order;
use crate::figure::{Better, Figure};
use crate::place::{self, GROUPS, Waiting};
use crate::rounds::Rounds;

const PEOPLE: u32 = 100_000;
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_mins(10);
/// The ledger's own.
const CACHE_BYTES: usize = 64 << 20;

const NUMBERED: [&str; 2] = ["journal", "plans"];
const ROWS: [&str; 5] = ["people", "links", "findings", "feeds", "catalogues"];
const MARKS: [&str; 2] = ["due", "timers"];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let people = scale.of(PEOPLE);
    let (mut rounds, mut bytes) = (Rounds::default(), 0);
    for _ in 0..ROUNDS {
        let app = App::start(&GROUPS);
        let company = place::company(&app);
        let daemon = Daemon::start(&company);
        let file = Waiting::write(&company, "first.csv", people, Order(1))?;
        let ours = file.drop_and_wait(LIMIT)?;
        daemon.kill();
        let (peer, written) = raw(&company.path("data/ledger.redb"), &company.path("raw.redb"))?;
        bytes = written;
        rounds.add(ours, peer);
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(people);
    let detail = format!(
        "{people} people, 5 roles, 2 targets: {:.2} s ({:.0} us a person) to a durable plan, redb alone {:.2} s ({:.0} us) for the same {} MB; {} rounds",
        rounds.ours().as_secs_f64(),
        each(rounds.ours()),
        rounds.peer().as_secs_f64(),
        each(rounds.peer()),
        bytes / 1_000_000,
        rounds.count()
    );
    Ok(vec![Figure {
        name: "import_first",
        ratio: rounds.ratio(),
        bound: 4.0,
        better: Better::Lower,
        detail,
    }])
}

/// Writes every row of a ledger to a fresh file. Returns the time of writing, without that of reading,
/// and the bytes of keys and values.
fn raw(from: &Path, to: &Path) -> anyhow::Result<(Duration, usize)> {
    let source = Database::open(from)?;
    let read = source.begin_read()?;
    let target = Database::builder().set_cache_size(CACHE_BYTES).create(to)?;
    let write = target.begin_write()?;
    let (mut taken, mut bytes) = (Duration::ZERO, 0);
    for name in NUMBERED {
        let table: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(name);
        let rows: Vec<(u64, Vec<u8>)> = read
            .open_table(table)?
            .iter()?
            .map(|row| row.map(|(key, value)| (key.value(), value.value().to_vec())))
            .collect::<Result<_, _>>()?;
        bytes += rows.iter().map(|(_, value)| 8 + value.len()).sum::<usize>();
        let began = Instant::now();
        let mut copy = write.open_table(table)?;
        for (key, value) in &rows {
            copy.insert(key, value.as_slice())?;
        }
        taken += began.elapsed();
    }
    for name in ROWS {
        let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(name);
        let rows: Vec<(Vec<u8>, Vec<u8>)> = read
            .open_table(table)?
            .iter()?
            .map(|row| row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
            .collect::<Result<_, _>>()?;
        bytes += rows
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>();
        let began = Instant::now();
        let mut copy = write.open_table(table)?;
        for (key, value) in &rows {
            copy.insert(key.as_slice(), value.as_slice())?;
        }
        taken += began.elapsed();
    }
    for name in MARKS {
        let table: TableDefinition<'_, &[u8], ()> = TableDefinition::new(name);
        let rows: Vec<Vec<u8>> = read
            .open_table(table)?
            .iter()?
            .map(|row| row.map(|(key, _)| key.value().to_vec()))
            .collect::<Result<_, _>>()?;
        bytes += rows.iter().map(Vec::len).sum::<usize>();
        let began = Instant::now();
        let mut copy = write.open_table(table)?;
        for key in &rows {
            copy.insert(key.as_slice(), ())?;
        }
        taken += began.elapsed();
    }
    let began = Instant::now();
    write.commit()?;
    Ok((taken + began.elapsed(), bytes))
}
