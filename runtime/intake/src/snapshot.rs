//! One complete file as people, in the order of their keys.
//!
//! The text of the file is kept, with 24 bytes for each row; an identity is built when somebody asks
//! for it. So a million people take little more room than their file. A row that cannot be read
//! without doubt is set aside: its person is neither changed nor removed. Where nobody can say whose
//! row it is, absence proves nothing, and [`Snapshot::proves_absence`] says so.

use std::borrow::Cow;

use jiff::Timestamp;
use muster_core::dated::Announced;
use muster_core::id::PersonKey;
use muster_core::identity::Identity;
use muster_core::mapping::{self, Bound, Mapping};

use super::code;
use super::mistake::{Effect, Mistake, Mistakes};
use super::options::IntakeOptions;
use super::rows::split;
use super::sheet::Sheet;

mod line;
mod read;

/// What came of reading a sheet.
#[derive(Debug)]
pub struct Reading {
    /// The remarks; together with those of [`super::open`] they decide about the file.
    pub mistakes: Mistakes,
    /// The people; `None` if the columns were not found.
    pub snapshot: Option<Snapshot>,
}

/// The people of one file.
#[derive(Debug)]
pub struct Snapshot {
    sheet: Sheet,
    bound: Bound,
    /// Rows with a readable key, by key.
    entries: Vec<Entry>,
    /// Keys that are not a plain piece of the text.
    unescaped: Vec<Box<str>>,
    people: u32,
    set_aside: u32,
    unattributed: u32,
}

/// Where a row and its key are in the text. Offsets are 32-bit, since files are smaller than 4 GiB.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    end: u32,
    number: u32,
    key: Piece,
    state: State,
}

/// A piece of the text, or one of `unescaped`.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u32,
    bytes: u16,
    is_unescaped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Counts.
    Good,
    /// Set aside; the person stays as they are.
    SetAside,
    /// Another row says all that there is to say of the person.
    Copy,
    /// Counts, together with the good row before it: what that says holds until this one does.
    Later,
}

/// A person and the row that says so; the first of them, where each holds from a day on.
#[derive(Clone, PartialEq, Debug)]
pub struct Person {
    /// The person's key.
    pub key: PersonKey,
    /// What the rows say, as a line in time.
    pub identity: Identity,
    /// The row's number, as a spreadsheet counts.
    pub row: u32,
}

/// A person's row, not parsed yet, with those that hold after it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    snapshot: &'a Snapshot,
    /// Its place among the entries.
    at: usize,
    entry: Entry,
}

/// Whether a file has somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// There is a row, and it counts.
    Present,
    /// There are rows, and they were set aside: the person stays as they are.
    SetAside,
    /// There is no row. It means something only where [`Snapshot::proves_absence`].
    Absent,
}

impl Snapshot {
    /// Reads every row of a sheet by a mapping.
    ///
    /// `now` decides which of several employments of one person is over.
    pub fn read(
        sheet: Sheet,
        mapping: &Mapping,
        options: &IntakeOptions,
        now: Timestamp,
    ) -> Reading {
        read::read(sheet, mapping, options, now)
    }

    /// How many people there are whose row counts.
    pub fn people_count(&self) -> u32 {
        self.people
    }

    /// How many rows there are, blank lines and the closing row not counted.
    pub fn row_count(&self) -> u32 {
        self.sheet.row_count()
    }

    /// How many rows were set aside.
    pub fn set_aside_count(&self) -> u32 {
        self.set_aside
    }

    /// How many of these rows could belong to anybody.
    pub fn unattributed_count(&self) -> u32 {
        self.unattributed
    }

    /// Whether somebody who is not in the file has left. False as long as there is a row of which
    /// nobody can say whose it is: it may be theirs.
    pub fn proves_absence(&self) -> bool {
        self.unattributed == 0
    }

    /// Whether each row says from which day on it holds, so that the file says all that is announced.
    pub fn is_dated(&self) -> bool {
        self.bound.is_dated()
    }

    /// The rows that count, one per person, in the order of the keys.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let entries = self.entries.iter().enumerate();
        let good = entries.filter(|(_, entry)| entry.state == State::Good);
        good.map(|(at, entry)| Row {
            snapshot: self,
            at,
            entry: *entry,
        })
    }

    /// The people, in the order of their keys, each built when it is its turn.
    ///
    /// # Errors
    /// Every row was checked when the snapshot was read, so an error is a bug of ours; go no further,
    /// because leaving the person out would look like a leaver.
    pub fn people(&self) -> impl Iterator<Item = Result<Person, mapping::Mistake>> {
        self.rows().map(|row| row.read())
    }

    /// The row of somebody, if it counts.
    pub fn row(&self, key: &PersonKey) -> Option<Row<'_>> {
        let at = self.find(key.as_str())?;
        let entry = *self.entries.get(at)?;
        (entry.state == State::Good).then_some(Row {
            snapshot: self,
            at,
            entry,
        })
    }

    /// Whether the file has somebody.
    pub fn presence(&self, key: &PersonKey) -> Presence {
        let entry = self.find(key.as_str()).and_then(|at| self.entries.get(at));
        match entry.map(|entry| entry.state) {
            Some(State::Good | State::Copy | State::Later) => Presence::Present,
            Some(State::SetAside) => Presence::SetAside,
            None => Presence::Absent,
        }
    }

    /// Whether somebody's rows were set aside: the person must be neither changed nor removed.
    pub fn is_quarantined(&self, key: &PersonKey) -> bool {
        self.presence(key) == Presence::SetAside
    }

    /// The keys whose rows were set aside, in order, each once.
    pub fn quarantined(&self) -> impl Iterator<Item = &str> {
        let mut before = None;
        let aside = self
            .entries
            .iter()
            .filter(|entry| entry.state == State::SetAside);
        aside
            .map(|entry| self.key_of(entry))
            .filter(move |key| before.replace(*key) != Some(*key))
    }

    fn key_of(&self, entry: &Entry) -> &str {
        piece(&self.sheet.text, &self.unescaped, entry.key)
    }

    /// The place of the first row with a key.
    fn find(&self, key: &str) -> Option<usize> {
        let first = self
            .entries
            .partition_point(|entry| self.key_of(entry) < key);
        let entry = self.entries.get(first)?;
        (self.key_of(entry) == key).then_some(first)
    }

    fn text_of(&self, entry: Entry) -> &str {
        &self.sheet.text[offset(entry.start)..offset(entry.end)]
    }
}

impl<'a> Row<'a> {
    /// The person's key, as text.
    pub fn key(&self) -> &'a str {
        self.snapshot.key_of(&self.entry)
    }

    /// The row's number, as a spreadsheet counts.
    pub fn number(&self) -> u32 {
        self.entry.number
    }

    /// Parses the row, and those that hold after it.
    ///
    /// # Errors
    /// As [`Snapshot::people`].
    pub fn read(&self) -> Result<Person, mapping::Mistake> {
        let (key, first) = self.parse(self.entry)?;
        let mut identity = first;
        for later in self.later() {
            let (_, later) = self.parse(later)?;
            // Its day was read when the file was.
            if let Some(at) = later.dated.since {
                identity.dated.announced.push(Announced {
                    at,
                    attributes: later.attributes,
                    employment: later.employment,
                });
            }
        }
        Ok(Person {
            key,
            identity,
            row: self.entry.number,
        })
    }

    fn parse(&self, entry: Entry) -> Result<(PersonKey, Identity), mapping::Mistake> {
        let mut cells: Vec<Cow<'a, str>> = Vec::with_capacity(self.snapshot.bound.width());
        let text = self.snapshot.text_of(entry);
        split(text, self.snapshot.sheet.delimiter, &mut cells);
        self.snapshot.bound.row(&cells, entry.number)
    }

    /// The rows of the same person that hold after this one, in their order.
    fn later(&self) -> impl Iterator<Item = Entry> + '_ {
        let after = self.snapshot.entries.get(self.at + 1..).unwrap_or_default();
        let same = after.iter().take_while(|entry| entry.state == State::Later);
        same.copied()
    }
}

fn piece<'a>(text: &'a str, unescaped: &'a [Box<str>], piece: Piece) -> &'a str {
    let at = offset(piece.at);
    if piece.is_unescaped {
        &unescaped[at]
    } else {
        &text[at..at + usize::from(piece.bytes)]
    }
}

fn offset(at: u32) -> usize {
    // Lossless: the targets of this program have at least 32 bits.
    at as usize
}
