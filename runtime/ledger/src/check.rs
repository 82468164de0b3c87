//! Proves a ledger against itself: the journal's hash chain is followed, and every table is built
//! again from the journal and compared, byte for byte.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use redb::{
    Database, Durability, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    Value,
};

use crate::codec::Unreadable;
use crate::codec::entry::{Entry, HEAD_EMPTY, head_after};
use crate::create;
use crate::error::{DIFFERS, Error, StoreResult};
use crate::fold::{Fold, FoldVersion, Moment};
use crate::keys;
use crate::ledger::{Ledger, Options};
use crate::reader::Reader;
use crate::tables::{self, JOURNAL, Meta};

/// Most differences that are listed.
pub const DIFFERENCES_MAX: usize = 100;

/// Entries that are replayed before they are written to the tables that are compared.
const REPLAY_BATCH: u64 = 20_000;

/// How far a check has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Entries that were replayed.
    pub done: u64,
    /// Entries in all.
    pub total: u64,
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The file's format, as the file names it.
    pub format: u8,
    /// Entries of the journal.
    pub entries: u64,
    /// Commits in which they were written.
    pub commits: u64,
    /// People.
    pub people: u64,
    /// What does not agree, at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
    /// How many there are in all.
    pub differences_total: u64,
}

/// One thing that does not agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The row: ids only.
    pub key: String,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Report {
    /// Whether everything agrees.
    pub fn is_clean(&self) -> bool {
        self.differences_total == 0
    }

    /// The code that explains what to do where it does not.
    pub fn code(&self) -> muster_core::finding::Code {
        DIFFERS
    }

    fn differs(&mut self, table: &'static str, key: String, what: &'static str) {
        self.differences_total += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(Difference { table, key, what });
        }
    }
}

/// Checks the file of a daemon that is stopped. The store's own checksums are verified as well.
pub fn check_file(
    path: &Path,
    options: &Options,
    progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    let ledger = Ledger::open_verified(path, *options)?;
    check(&ledger, progress)
}

/// Checks an open ledger on one snapshot; it can be written to meanwhile.
pub fn check(ledger: &Ledger, progress: impl FnMut(Progress)) -> Result<Report, Error> {
    let stored = ledger.read()?;
    let scratch = Scratch::beside(ledger)?;
    let mut report = Report {
        format: Meta::format_of(stored.txn())?,
        people: stored.people_count()?,
        ..Report::default()
    };
    if replay(&stored, &scratch.database, &mut report, progress)? {
        let rebuilt = scratch.database.begin_read().step("begin to read")?;
        compare_all(&rebuilt, stored.txn(), &mut report)?;
    }
    Ok(report)
}

/// The tables that are built again. The file is removed when the check ends.
struct Scratch {
    database: Database,
    /// Declared after the database, so that the file is closed before it is removed.
    _file: Option<ScratchFile>,
}

struct ScratchFile(PathBuf);

impl Drop for ScratchFile {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next check.
        drop(std::fs::remove_file(&self.0));
    }
}

impl Scratch {
    fn beside(ledger: &Ledger) -> Result<Self, Error> {
        let options = Options::default();
        let Some(path) = ledger.file() else {
            let backend = redb::backends::InMemoryBackend::new();
            return Ok(Scratch {
                database: create::on_backend(backend, options)?,
                _file: None,
            });
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".check");
        let file = ScratchFile(path.with_file_name(name));
        drop(std::fs::remove_file(&file.0));
        Ok(Scratch {
            database: create::scratch(&file.0, options)?,
            _file: Some(file),
        })
    }
}

/// Follows the chain and replays the facts. Returns false if the journal cannot be read to its end,
/// so that comparing the tables would say nothing.
fn replay(
    stored: &Reader,
    scratch: &Database,
    report: &mut Report,
    mut progress: impl FnMut(Progress),
) -> Result<bool, Error> {
    let journal = stored.txn().open_table(JOURNAL).step("open the journal")?;
    let total = stored.next_seq() - 1;
    let mut rows = journal.iter().step("read the journal")?.peekable();
    let mut meta = Meta::EMPTY;
    while rows.peek().is_some() {
        progress(Progress {
            done: meta.next_seq - 1,
            total,
        });
        let mut txn = scratch.begin_write().step("begin to write")?;
        txn.set_durability(Durability::None)
            .step("begin to write")?;
        let mut fold = Fold::open(&txn)?;
        let batch_end = meta.next_seq + REPLAY_BATCH;
        while let Some(row) = rows.peek() {
            let Ok((seq, row)) = row else {
                break;
            };
            let broken = match step(&mut fold, &mut meta, seq.value(), row.value(), batch_end) {
                Ok(Step::Taken { opens_commit }) => {
                    report.commits += u64::from(opens_commit);
                    drop(rows.next());
                    continue;
                }
                Ok(Step::BatchEnds) => break,
                Err(broken) => broken,
            };
            report.differs("journal", seq.value().to_string(), broken.what);
            return match broken.error {
                Some(error @ (Error::Store { .. } | Error::Newer { .. })) => Err(error),
                _ => Ok(false),
            };
        }
        if let Some(Err(_)) = rows.peek() {
            let failed = rows.next().transpose();
            failed.step("read the journal")?;
        }
        fold.finish()?;
        drop(fold);
        txn.commit().step("commit")?;
    }
    report.entries = meta.next_seq - 1;
    progress(Progress {
        done: report.entries,
        total,
    });
    if meta != *stored.meta() {
        report.differs(
            "meta",
            "journal".to_owned(),
            "says another end of the journal than the journal has",
        );
    }
    Ok(true)
}

enum Step {
    Taken { opens_commit: bool },
    BatchEnds,
}

struct Broken {
    what: &'static str,
    error: Option<Error>,
}

impl Broken {
    fn because(what: &'static str) -> Self {
        Broken { what, error: None }
    }
}

impl From<Unreadable> for Broken {
    fn from(unreadable: Unreadable) -> Self {
        Broken {
            what: "cannot be read",
            error: Some(Error::unreadable("journal", &unreadable)),
        }
    }
}

/// Takes in one entry, unless the batch is full and a commit begins with it.
fn step(
    fold: &mut Fold<'_>,
    meta: &mut Meta,
    seq: u64,
    row: &[u8],
    batch_end: u64,
) -> Result<Step, Broken> {
    if seq != meta.next_seq {
        return Err(Broken::because("follows a gap"));
    }
    let entry = Entry::parse(row)?;
    match &entry.opens_commit_on {
        Some(_) if seq >= batch_end => return Ok(Step::BatchEnds),
        Some(head) if *head != meta.head => {
            return Err(Broken::because(
                "does not follow from the entries before it: one of the commit before was changed",
            ));
        }
        None if meta.head == HEAD_EMPTY => {
            return Err(Broken::because("is the first and begins no commit"));
        }
        Some(_) | None => {}
    }
    let (fact, by) = (entry.fact()?, entry.by()?);
    if let Some(operations) = entry.operations_before()
        && operations != fold.content.operations()
    {
        return Err(Broken::because(
            "says that its plan gave other operations before it",
        ));
    }
    // There is one fold so far; a second one is chosen here, by the entry's version.
    let FoldVersion::One = entry.fold;
    let moment = Moment {
        seq,
        at: entry.at,
        by: &by,
        day: meta.believed(entry.at)?,
        counted_at: meta.counts_at(entry.at)?,
    };
    let applied = fold.apply(moment, &fact, entry.body());
    applied.map_err(|error| Broken {
        what: "contradicts the entries before it",
        error: Some(error),
    })?;
    meta.head = head_after(&meta.head, seq, row);
    meta.next_seq += 1;
    meta.read_clock(entry.at, &fact)?;
    if let muster_core::fact::Fact::PlanMade(plan) = &fact {
        meta.next_plan = plan.id.0 + 1;
    }
    Ok(Step::Taken {
        opens_commit: entry.opens_commit_on.is_some(),
    })
}

fn compare_all(
    rebuilt: &ReadTransaction,
    stored: &ReadTransaction,
    report: &mut Report,
) -> Result<(), Error> {
    let mut compare = Compare {
        rebuilt,
        stored,
        report,
    };
    compare.table("people", tables::PEOPLE, keys::shown)?;
    compare.table("intents", tables::INTENTS, keys::shown)?;
    compare.table("due", tables::DUE, |key| match keys::due_of(key) {
        Ok(due) => format!(
            "{} at {} ({:?}, {})",
            due.person, due.target, due.lane, due.at
        ),
        Err(_) => keys::shown(key),
    })?;
    compare.table("timers", tables::TIMERS, |key| match keys::timer_of(key) {
        Ok((at, person)) => format!("{person} at {at}"),
        Err(_) => keys::shown(key),
    })?;
    compare.table("standings", tables::STANDINGS, keys::shown)?;
    compare.table("records", tables::RECORDS, keys::shown)?;
    compare.table("links", tables::LINKS, keys::shown)?;
    compare.table("tallies", tables::TALLIES, keys::shown)?;
    compare.table("losses", tables::LOSSES, keys::shown)?;
    compare.table("groups", tables::GROUPS, keys::shown)?;
    compare.table("plans", tables::PLANS, shown_number)?;
    compare.table("open-operations", tables::OPEN_OPERATIONS, shown_number)?;
    compare.table("decisions", tables::DECISIONS, shown_number)?;
    compare.table("unfinished", tables::UNFINISHED, shown_number)?;
    compare.table("findings", tables::FINDINGS, keys::shown)?;
    compare.table("holds", tables::HOLDS, keys::shown)?;
    compare.table("feeds", tables::FEEDS, keys::shown)?;
    compare.table("arrivals", tables::ARRIVALS, keys::shown)?;
    compare.table("contents", tables::CONTENTS, keys::shown)?;
    compare.table("content-ages", tables::CONTENT_AGES, shown_number)?;
    compare.table("policies", tables::POLICIES, keys::shown)?;
    compare.table("plugins", tables::PLUGINS, keys::shown)?;
    compare.table("questions", tables::QUESTIONS, shown_digest)?;
    compare.table("catalogues", tables::CATALOGUES, keys::shown)?;
    compare.table("tokens", tables::TOKENS, keys::shown)?;
    compare.table("deliveries", tables::DELIVERIES, keys::shown)?;
    compare.table("delivery-ages", tables::DELIVERY_AGES, shown_number)
}

fn shown_digest(key: &[u8]) -> String {
    let mut shown = String::with_capacity(16);
    for byte in key.iter().take(8) {
        let _infallible = write!(shown, "{byte:02x}");
    }
    shown
}

fn shown_number(key: &[u8]) -> String {
    <[u8; 8]>::try_from(key).map_or_else(
        |_| keys::shown(key),
        |bytes| u64::from_le_bytes(bytes).to_string(),
    )
}

struct Compare<'a> {
    rebuilt: &'a ReadTransaction,
    stored: &'a ReadTransaction,
    report: &'a mut Report,
}

impl Compare<'_> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        name: &'static str,
        definition: TableDefinition<'static, K, V>,
        shown: fn(&[u8]) -> String,
    ) -> Result<(), Error> {
        const STEP: &str = "compare the tables";
        let rebuilt = self.rebuilt.open_table(definition).step(STEP)?;
        let stored = self.stored.open_table(definition).step(STEP)?;
        let mut wanted = rebuilt.iter().step(STEP)?;
        let mut found = stored.iter().step(STEP)?;
        let mut next_wanted = next_row(&mut wanted)?;
        let mut next_found = next_row(&mut found)?;
        loop {
            let order = match (&next_wanted, &next_found) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((one, _)), Some((other, _))) => K::compare(one, other),
            };
            let (key, what) = match (order, &next_wanted, &next_found) {
                (Ordering::Equal, Some((key, one)), Some((_, other))) => (
                    key,
                    (one != other).then_some("is not what the journal says"),
                ),
                (Ordering::Less, Some((key, _)), _) => (key, Some("is missing")),
                (_, _, Some((key, _))) => (key, Some("is there and follows from nothing")),
                (_, _, None) => return Ok(()),
            };
            if let Some(what) = what {
                self.report.differs(name, shown(key), what);
            }
            if order != Ordering::Greater {
                next_wanted = next_row(&mut wanted)?;
            }
            if order != Ordering::Less {
                next_found = next_row(&mut found)?;
            }
        }
    }
}

type Row = (Vec<u8>, Vec<u8>);

fn next_row<K: Key + 'static, V: Value + 'static>(
    rows: &mut redb::Range<'_, K, V>,
) -> Result<Option<Row>, Error> {
    let Some(row) = rows.next() else {
        return Ok(None);
    };
    let (key, value) = row.step("compare the tables")?;
    Ok(Some((
        K::as_bytes(&key.value()).as_ref().to_vec(),
        V::as_bytes(&value.value()).as_ref().to_vec(),
    )))
}
