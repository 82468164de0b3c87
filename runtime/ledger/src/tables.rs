//! The tables of the file. `journal` is the truth; every other table is what it adds up to.
//!
//! Keys and values are bytes whose layout is said in `keys` and `codec`. Tables whose rows change
//! together are few on purpose: the store pays for each page that a commit touches.

use jiff::Timestamp;
use muster_core::budget;
use muster_core::fact::Fact;
use redb::{ReadTransaction, Table, TableDefinition, WriteTransaction};

use crate::codec::entry::{HEAD_EMPTY, Head};
use crate::codec::{Unreadable, instant, micros};
use crate::error::{Error, StoreResult};

type Bytes = &'static [u8];

/// A table from bytes to bytes.
pub(crate) type Rows = TableDefinition<'static, Bytes, Bytes>;
/// A table whose keys say it all.
pub(crate) type Marks = TableDefinition<'static, Bytes, ()>;
/// A table by number.
pub(crate) type Numbered = TableDefinition<'static, u64, Bytes>;

/// Facts by their number.
pub(crate) const JOURNAL: Numbered = TableDefinition::new("journal");
/// People with their accounts, by feed and key.
pub(crate) const PEOPLE: Rows = TableDefinition::new("people");
/// Calls that are out, by person.
pub(crate) const INTENTS: Rows = TableDefinition::new("intents");
/// Accounts that the driver has something to do for: target, lane, instant, person.
pub(crate) const DUE: Marks = TableDefinition::new("due");
/// People who change by themselves: instant, person.
pub(crate) const TIMERS: Marks = TableDefinition::new("timers");
/// People of whom something was decided, or is to be, beside the policy: what, person.
pub(crate) const STANDINGS: Marks = TableDefinition::new("standings");
/// Records that are not the address of their identity, with the identity each belongs to.
pub(crate) const RECORDS: Rows = TableDefinition::new("records");
/// Accounts at apps, with the person each belongs to.
pub(crate) const LINKS: Rows = TableDefinition::new("links");
/// How many there are of what.
pub(crate) const TALLIES: TableDefinition<'static, &'static str, u64> =
    TableDefinition::new("tallies");
/// What counts against budgets: whose, what, in which hour, and how many.
pub(crate) const LOSSES: TableDefinition<'static, Bytes, u64> = TableDefinition::new("losses");
/// How many people there are of each department and each role.
pub(crate) const GROUPS: TableDefinition<'static, Bytes, u64> = TableDefinition::new("groups");
/// Plans by their number.
pub(crate) const PLANS: Numbered = TableDefinition::new("plans");
/// How many operations of each plan have not ended.
pub(crate) const OPEN_OPERATIONS: Numbered = TableDefinition::new("open-operations");
/// The entries that decide something or put something in place.
pub(crate) const DECISIONS: TableDefinition<'static, u64, ()> = TableDefinition::new("decisions");
/// Plans for many people that were begun and not brought to their end: the number of the first part to that of the
/// newest one.
pub(crate) const UNFINISHED: TableDefinition<'static, u64, u64> =
    TableDefinition::new("unfinished");
/// Findings that hold, by code and subject.
pub(crate) const FINDINGS: Rows = TableDefinition::new("findings");
/// What waits for a person, by what it is about.
pub(crate) const HOLDS: Rows = TableDefinition::new("holds");
/// What each feed brought.
pub(crate) const FEEDS: Rows = TableDefinition::new("feeds");
/// What arrived at each feed, in the order of arrival.
pub(crate) const ARRIVALS: Rows = TableDefinition::new("arrivals");
/// What accepted files said, by feed and content.
pub(crate) const CONTENTS: Rows = TableDefinition::new("contents");
/// The same contents, oldest first.
pub(crate) const CONTENT_AGES: Numbered = TableDefinition::new("content-ages");
/// Policies that decide or decided, by version; which one decides is under the empty key.
pub(crate) const POLICIES: Rows = TableDefinition::new("policies");
/// The plugin versions in service, by the plugin's name.
pub(crate) const PLUGINS: Rows = TableDefinition::new("plugins");
/// Questions about who somebody is, by digest.
pub(crate) const QUESTIONS: Rows = TableDefinition::new("questions");
/// What each target can give.
pub(crate) const CATALOGUES: Rows = TableDefinition::new("catalogues");
/// Up to where each target's changes were read.
pub(crate) const TOKENS: Rows = TableDefinition::new("tokens");
/// Hook deliveries, by feed and the sender's id.
pub(crate) const DELIVERIES: Rows = TableDefinition::new("deliveries");
/// The same deliveries, oldest first.
pub(crate) const DELIVERY_AGES: Numbered = TableDefinition::new("delivery-ages");
/// The one row that says where the journal ends.
pub(crate) const META: Rows = TableDefinition::new("meta");

const META_KEY: &[u8] = b"journal";
/// Version of the whole file: which tables there are and how their keys are laid out.
/// Versions 1 to 4 were written by builds before the first release: the entries of 1 name no actor, 2 has no table of
/// decisions, 3 has holds of files only, in the rows of their feeds, and 4 has no table of what stands of people, each of
/// whom is one record for ever.
pub(crate) const FORMAT: u8 = 5;

/// Where the journal ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Meta {
    /// The number of the next entry, from 1.
    pub(crate) next_seq: u64,
    /// The number of the next plan, from 1.
    pub(crate) next_plan: u64,
    /// The hash over all entries.
    pub(crate) head: Head,
    /// The newest instant of an entry that was believed, in microseconds; none before the first entry.
    pub(crate) newest: Option<i64>,
}

impl Meta {
    /// Before the first entry.
    pub(crate) const EMPTY: Meta = Meta {
        next_seq: 1,
        next_plan: 1,
        head: HEAD_EMPTY,
        newest: None,
    };

    /// The instant by which an entry's days are judged.
    pub(crate) fn believed(&self, at: Timestamp) -> Result<Timestamp, Unreadable> {
        let newest = self.newest.map(instant).transpose()?;
        Ok(budget::believed(newest, at))
    }

    /// The instant under which something is counted that is written at `at`.
    pub(crate) fn counts_at(&self, at: Timestamp) -> Result<Timestamp, Unreadable> {
        let believed = self.believed(at)?;
        let newest = self.newest.map(instant).transpose()?;
        Ok(newest.map_or(believed, |newest| newest.max(believed)))
    }

    /// Takes in that an entry was written at `at`.
    pub(crate) fn read_clock(&mut self, at: Timestamp, fact: &Fact) -> Result<(), Unreadable> {
        let is_confirmed = matches!(fact, Fact::ClockConfirmed);
        let at_micros = micros(at);
        if is_confirmed {
            self.newest = Some(at_micros);
        } else if self.believed(at)? == at {
            self.newest = self.newest.max(Some(at_micros));
        }
        Ok(())
    }

    fn bytes(&self) -> [u8; 57] {
        let mut bytes = [FORMAT; 57];
        bytes[1..9].copy_from_slice(&self.next_seq.to_be_bytes());
        bytes[9..17].copy_from_slice(&self.next_plan.to_be_bytes());
        bytes[17..49].copy_from_slice(&self.head);
        bytes[49..].copy_from_slice(&self.newest.unwrap_or(i64::MIN).to_be_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        const SHORT: Unreadable = Unreadable::Value("half a row");
        let ([version], rest) = bytes.split_first_chunk().ok_or(SHORT)?;
        if *version < FORMAT {
            return Err(Unreadable::Older(*version));
        }
        if *version > FORMAT {
            return Err(Unreadable::Version(*version));
        }
        let (next_seq, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let (next_plan, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let (head, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let newest = i64::from_be_bytes(rest.try_into().map_err(|_| SHORT)?);
        Ok(Meta {
            next_seq: u64::from_be_bytes(*next_seq),
            next_plan: u64::from_be_bytes(*next_plan),
            head: *head,
            newest: (newest != i64::MIN).then_some(newest),
        })
    }

    /// Reads the row; none in a file that was never written to.
    pub(crate) fn read(
        table: &impl redb::ReadableTable<Bytes, Bytes>,
    ) -> Result<Option<Self>, Error> {
        let row = table.get(META_KEY).step("read the end of the journal")?;
        row.map(|row| Meta::parse(row.value()))
            .transpose()
            .map_err(|unreadable| Error::unreadable("meta", &unreadable))
    }

    /// The format that the row of a snapshot names; the one that is written now where nothing was written yet.
    pub(crate) fn format_of(txn: &ReadTransaction) -> Result<u8, Error> {
        let table = txn.open_table(META).step("open the table meta")?;
        let row = table.get(META_KEY).step("read the end of the journal")?;
        let format = row.and_then(|row| row.value().first().copied());
        Ok(format.unwrap_or(FORMAT))
    }

    /// Reads the row of a snapshot.
    pub(crate) fn of_snapshot(txn: &ReadTransaction) -> Result<Self, Error> {
        let table = txn.open_table(META).step("open the table meta")?;
        Ok(Meta::read(&table)?.unwrap_or(Meta::EMPTY))
    }
}

/// Every table but the journal, open for writing.
pub(crate) struct Tables<'txn> {
    pub(crate) people: Table<'txn, Bytes, Bytes>,
    pub(crate) intents: Table<'txn, Bytes, Bytes>,
    pub(crate) due: Table<'txn, Bytes, ()>,
    pub(crate) timers: Table<'txn, Bytes, ()>,
    pub(crate) standings: Table<'txn, Bytes, ()>,
    pub(crate) records: Table<'txn, Bytes, Bytes>,
    pub(crate) links: Table<'txn, Bytes, Bytes>,
    pub(crate) tallies: Table<'txn, &'static str, u64>,
    pub(crate) losses: Table<'txn, Bytes, u64>,
    pub(crate) groups: Table<'txn, Bytes, u64>,
    pub(crate) plans: Table<'txn, u64, Bytes>,
    pub(crate) open_operations: Table<'txn, u64, Bytes>,
    pub(crate) decisions: Table<'txn, u64, ()>,
    pub(crate) unfinished: Table<'txn, u64, u64>,
    pub(crate) findings: Table<'txn, Bytes, Bytes>,
    pub(crate) holds: Table<'txn, Bytes, Bytes>,
    pub(crate) feeds: Table<'txn, Bytes, Bytes>,
    pub(crate) arrivals: Table<'txn, Bytes, Bytes>,
    pub(crate) contents: Table<'txn, Bytes, Bytes>,
    pub(crate) content_ages: Table<'txn, u64, Bytes>,
    pub(crate) policies: Table<'txn, Bytes, Bytes>,
    pub(crate) plugins: Table<'txn, Bytes, Bytes>,
    pub(crate) questions: Table<'txn, Bytes, Bytes>,
    pub(crate) catalogues: Table<'txn, Bytes, Bytes>,
    pub(crate) tokens: Table<'txn, Bytes, Bytes>,
    pub(crate) deliveries: Table<'txn, Bytes, Bytes>,
    pub(crate) delivery_ages: Table<'txn, u64, Bytes>,
}

impl<'txn> Tables<'txn> {
    /// Opens the tables, and makes them where the file is new.
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Error> {
        const STEP: &str = "open the tables";
        Ok(Tables {
            people: txn.open_table(PEOPLE).step(STEP)?,
            intents: txn.open_table(INTENTS).step(STEP)?,
            due: txn.open_table(DUE).step(STEP)?,
            timers: txn.open_table(TIMERS).step(STEP)?,
            standings: txn.open_table(STANDINGS).step(STEP)?,
            records: txn.open_table(RECORDS).step(STEP)?,
            links: txn.open_table(LINKS).step(STEP)?,
            tallies: txn.open_table(TALLIES).step(STEP)?,
            losses: txn.open_table(LOSSES).step(STEP)?,
            groups: txn.open_table(GROUPS).step(STEP)?,
            plans: txn.open_table(PLANS).step(STEP)?,
            open_operations: txn.open_table(OPEN_OPERATIONS).step(STEP)?,
            decisions: txn.open_table(DECISIONS).step(STEP)?,
            unfinished: txn.open_table(UNFINISHED).step(STEP)?,
            findings: txn.open_table(FINDINGS).step(STEP)?,
            holds: txn.open_table(HOLDS).step(STEP)?,
            feeds: txn.open_table(FEEDS).step(STEP)?,
            arrivals: txn.open_table(ARRIVALS).step(STEP)?,
            contents: txn.open_table(CONTENTS).step(STEP)?,
            content_ages: txn.open_table(CONTENT_AGES).step(STEP)?,
            policies: txn.open_table(POLICIES).step(STEP)?,
            plugins: txn.open_table(PLUGINS).step(STEP)?,
            questions: txn.open_table(QUESTIONS).step(STEP)?,
            catalogues: txn.open_table(CATALOGUES).step(STEP)?,
            tokens: txn.open_table(TOKENS).step(STEP)?,
            deliveries: txn.open_table(DELIVERIES).step(STEP)?,
            delivery_ages: txn.open_table(DELIVERY_AGES).step(STEP)?,
        })
    }
}

/// The journal, open for writing.
pub(crate) struct Log<'txn> {
    journal: Table<'txn, u64, Bytes>,
    meta: Table<'txn, Bytes, Bytes>,
}

impl<'txn> Log<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<(Self, Meta), Error> {
        let log = Log {
            journal: txn.open_table(JOURNAL).step("open the journal")?,
            meta: txn.open_table(META).step("open the table meta")?,
        };
        let meta = Meta::read(&log.meta)?.unwrap_or(Meta::EMPTY);
        Ok((log, meta))
    }

    pub(crate) fn append(&mut self, seq: u64, entry: &[u8]) -> Result<(), Error> {
        let inserted = self.journal.insert(seq, entry);
        inserted.step("append to the journal").map(drop)
    }

    pub(crate) fn set_meta(&mut self, meta: &Meta) -> Result<(), Error> {
        let inserted = self.meta.insert(META_KEY, meta.bytes().as_slice());
        inserted.step("move the end of the journal").map(drop)
    }
}
