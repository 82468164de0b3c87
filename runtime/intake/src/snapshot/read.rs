//! Reading a sheet: every row is checked once, in the order of the file; then the rows are sorted by
//! key, so that rows that claim the same person stand together.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use muster_core::id::KEY_BYTES_MAX;
use muster_core::identity::{Identity, Phase};
use muster_core::text::folded;

use super::super::rows::{Quoting, Span};
use super::super::sheet::{is_blank, split_otherwise};
use super::line;
use super::{
    Bound, Effect, Entry, IntakeOptions, Mapping, Mistake, Mistakes, Piece, Reading, Sheet,
    Snapshot, State, code, offset, piece, split,
};

/// Reads every row.
pub(super) fn read(
    sheet: Sheet,
    mapping: &Mapping,
    options: &IntakeOptions,
    now: Timestamp,
) -> Reading {
    let mut mistakes = Mistakes::default();
    let bound = match mapping.bind(sheet.header()) {
        Ok(bound) => bound,
        Err(missing) => {
            let held = |mistake| Mistake::of_mapping(mistake, Effect::Holds);
            mistakes.extend(missing.into_iter().map(held));
            mistakes.push(how_it_was_split(&sheet, mapping));
            return Reading {
                mistakes,
                snapshot: None,
            };
        }
    };
    let mut pass = Pass::new(&sheet, &bound);
    let mut cells = Vec::with_capacity(bound.width());
    for span in sheet.spans() {
        pass.row(span, &mut cells, &mut mistakes);
    }
    pass.sort();
    pass.resolve_repeated(now, &mut mistakes);
    mistakes.extend(std::mem::take(&mut pass.doubtful).into_values());
    if !options.is_change_set {
        pass.report_managers(&mut mistakes);
    }
    let people = pass.judge(options, &mut mistakes);
    let Pass {
        entries,
        unescaped,
        tally,
        ..
    } = pass;
    let snapshot = Snapshot {
        entries,
        unescaped,
        people,
        set_aside: tally.set_aside,
        unattributed: tally.unattributed,
        bound,
        sheet,
    };
    Reading {
        mistakes,
        snapshot: Some(snapshot),
    }
}

/// What the pass counts.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    set_aside: u32,
    unattributed: u32,
    blank: u32,
}

/// A row that names a manager.
#[derive(Clone, Copy, Debug)]
struct Managed {
    manager: Piece,
    number: u32,
}

/// One pass over the rows in the order of the file, and what follows from all of them together.
struct Pass<'a> {
    sheet: &'a Sheet,
    bound: &'a Bound,
    entries: Vec<Entry>,
    unescaped: Vec<Box<str>>,
    managed: Vec<Managed>,
    self_managed: Vec<u32>,
    /// What looks damaged, by column.
    doubtful: BTreeMap<Option<String>, Mistake>,
    tally: Tally,
}

impl<'a> Pass<'a> {
    fn new(sheet: &'a Sheet, bound: &'a Bound) -> Self {
        Self {
            sheet,
            bound,
            entries: Vec::with_capacity(offset(sheet.row_count())),
            unescaped: Vec::new(),
            managed: Vec::new(),
            self_managed: Vec::new(),
            doubtful: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    fn row(&mut self, span: Span, cells: &mut Vec<Cow<'a, str>>, mistakes: &mut Mistakes) {
        if is_blank(self.sheet, span) {
            self.tally.blank += 1;
            return;
        }
        let text = &self.sheet.text[span.start..span.end];
        if split(text, self.sheet.delimiter, cells) == Quoting::Unsound {
            mistakes.push(unsound_quotes(span.number));
            self.unattributed();
            return;
        }
        let key = match self.bound.key(cells, span.number) {
            Ok(key) => key,
            Err(mistake) => {
                mistakes.push(Mistake::of_mapping(mistake, Effect::SetsAside));
                self.unattributed();
                return;
            }
        };
        let checked = self.bound.check(cells, span.number);
        let is_odd = self.sheet.odd_row() == Some(span.number);
        let state = if checked.is_err() || is_odd {
            self.tally.set_aside += 1;
            State::SetAside
        } else {
            State::Good
        };
        // What a row that was set aside says of a manager counts no more than the rest of it.
        if state == State::Good {
            if let Some(manager) = self.bound.manager(cells) {
                self.manager(manager, key, span.number);
            }
            self.doubt(text, cells, span.number);
        }
        let entry = Entry {
            start: offset32(span.start),
            end: offset32(span.end),
            number: span.number,
            key: self.piece(key),
            state,
        };
        self.entries.push(entry);
        if let Err(mistake) = checked
            && !is_odd
        {
            mistakes.push(Mistake::of_mapping(mistake, Effect::SetsAside).key(key));
        }
    }

    /// Remembers what looks damaged. Nearly all rows have plain letters only, which one look shows.
    fn doubt(&mut self, text: &str, cells: &[Cow<'_, str>], number: u32) {
        if text.is_ascii() && !text.contains('?') {
            return;
        }
        if let Some(found) = self.bound.doubt(cells, number) {
            let column = found.column.clone();
            let mistake = Mistake::of_mapping(found, Effect::Holds);
            match self.doubtful.get_mut(&column) {
                Some(known) => known.add_row(number),
                None => drop(self.doubtful.insert(column, mistake)),
            }
        }
    }

    fn unattributed(&mut self) {
        self.tally.set_aside += 1;
        self.tally.unattributed += 1;
    }

    fn manager(&mut self, manager: &str, key: &str, number: u32) {
        if manager == key {
            self.self_managed.push(number);
        } else if manager.len() <= KEY_BYTES_MAX {
            let manager = self.piece(manager);
            self.managed.push(Managed { manager, number });
        }
        // A longer text is nobody's id; `Bound::check` says what is wrong with an endless cell.
    }

    /// Remembers a piece of the row: by its place in the text, or, where quotes were taken out of it
    /// and it is not in the text as such, by itself.
    fn piece(&mut self, part: &str) -> Piece {
        let text = self.sheet.text.as_str();
        let at = part.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        let bytes = u16::try_from(part.len()).unwrap_or(u16::MAX);
        if text.get(at..at.wrapping_add(part.len())) == Some(part) {
            return Piece {
                at: offset32(at),
                bytes,
                is_unescaped: false,
            };
        }
        self.unescaped.push(part.into());
        Piece {
            at: offset32(self.unescaped.len() - 1),
            bytes,
            is_unescaped: true,
        }
    }

    /// By key, and rows with the same key in the order of the file.
    fn sort(&mut self) {
        let (text, unescaped) = (self.sheet.text.as_str(), &self.unescaped);
        let key = |entry: &Entry| piece(text, unescaped, entry.key);
        self.entries.sort_unstable_by(|one, other| {
            let by_key = key(one).cmp(key(other));
            by_key.then_with(|| one.number.cmp(&other.number))
        });
    }

    /// Rows that claim the same person. Rows that say the same are one. Where each row says from which day on it
    /// holds, they are a line in time. Of several employments the
    /// present one counts where the others were over before it began, and where all are over the person
    /// has left. Other rows are all set aside, because nobody may be given what belongs to somebody else.
    fn resolve_repeated(&mut self, now: Timestamp, mistakes: &mut Mistakes) {
        let (text, unescaped) = (self.sheet.text.as_str(), &self.unescaped);
        let (sheet, bound) = (self.sheet, self.bound);
        let key = |entry: &Entry| piece(text, unescaped, entry.key);
        let row = |entry: &Entry| &text[offset(entry.start)..offset(entry.end)];
        let same_key = |one: &Entry, other: &Entry| key(one) == key(other);
        for run in self.entries.chunk_by_mut(same_key) {
            let [first, others @ ..] = &*run else {
                continue;
            };
            if others.is_empty() {
                continue;
            }
            let key = key(first);
            let is_same = others.iter().all(|other| row(other) == row(first));
            if bound.is_dated() && !is_same {
                if let Err(broken) = line::put_in_order(sheet, bound, run, now) {
                    let rows = run.iter().map(|entry| entry.number);
                    let mistake = broken.mistake(key, run.len());
                    mistakes.push(rows.fold(mistake, Mistake::row));
                    self.tally.set_aside += set_aside(run);
                }
                continue;
            }
            let several = if is_same {
                Several::Same
            } else {
                Several::of(sheet, bound, run, now)
            };
            let mut mistake = match several {
                Several::Same => repeated_row(key),
                Several::Agree => repeated_person(key),
                Several::Present(_) => earlier_employment(key),
                Several::Over(_) => all_over(key),
                Several::Differ => repeated_key(key, run.len()),
            };
            for entry in &*run {
                mistake.add_row(entry.number);
            }
            mistakes.push(mistake);
            let counts = match several {
                Several::Same | Several::Agree => Some(0),
                Several::Present(index) | Several::Over(index) => Some(index),
                Several::Differ => None,
            };
            for (index, entry) in run.iter_mut().enumerate() {
                // Copies of a row that was set aside were set aside with it, for the same reason.
                if entry.state != State::Good || counts == Some(index) {
                    continue;
                }
                if counts.is_some() {
                    entry.state = State::Copy;
                } else {
                    entry.state = State::SetAside;
                    self.tally.set_aside += 1;
                }
            }
        }
    }

    fn report_managers(&self, mistakes: &mut Mistakes) {
        let text = self.sheet.text.as_str();
        let is_known = |manager: &str| {
            let order = |entry: &Entry| piece(text, &self.unescaped, entry.key).cmp(manager);
            self.entries.binary_search_by(order).is_ok()
        };
        let manager = |managed: &Managed| piece(text, &self.unescaped, managed.manager);
        let mut known: HashMap<&str, bool> = HashMap::new();
        let mut missing: Vec<Managed> = Vec::new();
        for managed in &self.managed {
            let key = manager(managed);
            if !*known.entry(key).or_insert_with(|| is_known(key)) {
                missing.push(*managed);
            }
        }
        missing.sort_unstable_by_key(|managed| (manager(managed), managed.number));
        for run in missing.chunk_by(|one, other| manager(one) == manager(other)) {
            let mut mistake = missing_manager(manager(&run[0]), self.bound.manager_column());
            for managed in run {
                mistake.add_row(managed.number);
            }
            mistakes.push(mistake);
        }
        if !self.self_managed.is_empty() {
            let mut mistake = self_managed();
            self.self_managed
                .iter()
                .for_each(|row| mistake.add_row(*row));
            mistakes.push(mistake);
        }
    }

    /// What follows for the file as a whole. Returns how many people there are whose row counts.
    fn judge(&self, options: &IntakeOptions, mistakes: &mut Mistakes) -> u32 {
        let Tally {
            set_aside,
            unattributed,
            blank,
        } = self.tally;
        if blank > 0 {
            mistakes.push(Mistake::of_file(
                code::BLANK_ROWS,
                Effect::Notes,
                format!("{blank} rows have nothing in any cell and were left out"),
            ));
        }
        if unattributed > 0 && !options.is_change_set {
            mistakes.push(absence_unproven(unattributed));
        }
        let good = self.entries.iter();
        let good = good.filter(|entry| entry.state == State::Good).count();
        let rows = self.sheet.row_count() - blank;
        let allowed = options.set_aside.allowed(rows);
        // With nobody left, the file would say that there is nobody, whatever is allowed.
        if set_aside > allowed || (set_aside > 0 && good == 0) {
            mistakes.push(too_many_set_aside(set_aside, rows, allowed, good));
        } else if good == 0 && !options.is_change_set {
            mistakes.push(nobody());
        }
        offset32(good)
    }
}

/// What several rows with one key, not all the same, are together.
#[derive(Clone, Copy)]
enum Several {
    /// The same, byte by byte.
    Same,
    /// The same in everything that is mapped.
    Agree,
    /// An employment that is not over, with its row, and others that were over before it began.
    Present(usize),
    /// Employments that are all over, with the row of the last one.
    Over(usize),
    /// Something else: nobody can say which row is right.
    Differ,
}

impl Several {
    fn of(sheet: &Sheet, bound: &Bound, run: &[Entry], now: Timestamp) -> Self {
        let identities = run.iter().map(|entry| read_entry(sheet, bound, entry));
        let Some(identities) = identities.collect::<Option<Vec<Identity>>>() else {
            return Several::Differ;
        };
        if identities.iter().all(|one| *one == identities[0]) {
            return Several::Agree;
        }
        // Under another name it is another person, and an id is nobody's who shares it.
        let name = folded(&identities[0].display_name());
        if identities
            .iter()
            .any(|one| folded(&one.display_name()) != name)
        {
            return Several::Differ;
        }
        let is_over = |identity: &Identity| identity.employment.phase(now) == Phase::Ended;
        let Some(here) = identities.iter().position(|one| !is_over(one)) else {
            // Where a row does not say since when, another one that does is the better statement.
            let last = (0..identities.len()).rev();
            let last = last.max_by_key(|index| identities[*index].employment.ends_at);
            return last.map_or(Several::Differ, Several::Over);
        };
        let present = &identities[here];
        let begins = present.employment.starts_at;
        let is_before = |other: &Identity| match (other.employment.ends_at, begins) {
            (Some(end), Some(begin)) => is_over(other) && end <= begin,
            _ => false,
        };
        let mut others = identities.iter();
        if others.all(|other| other == present || is_before(other)) {
            Several::Present(here)
        } else {
            Several::Differ
        }
    }
}

/// Sets rows aside that were good. Returns how many.
fn set_aside(run: &mut [Entry]) -> u32 {
    let good = run.iter_mut().filter(|entry| entry.state == State::Good);
    good.map(|entry| entry.state = State::SetAside)
        .fold(0, |count, ()| count + 1)
}

/// What a row says; `None` for one that was set aside.
pub(super) fn read_entry(sheet: &Sheet, bound: &Bound, entry: &Entry) -> Option<Identity> {
    if entry.state != State::Good {
        return None;
    }
    let mut cells = Vec::with_capacity(bound.width());
    let row = &sheet.text[offset(entry.start)..offset(entry.end)];
    split(row, sheet.delimiter, &mut cells);
    bound
        .row(&cells, entry.number)
        .ok()
        .map(|(_, identity)| identity)
}

/// Where a column is missing, HR sees it in the file all the same when the header was parted elsewhere.
fn how_it_was_split(sheet: &Sheet, mapping: &Mapping) -> Mistake {
    let header = sheet.header();
    let named = |delimiter: u8| match delimiter {
        b'\t' => "a tab".to_owned(),
        other => format!("`{}`", char::from(other)),
    };
    let columns = header.len();
    let text = format!(
        "cells were parted at {}, which gives {columns} column{}",
        named(sheet.delimiter),
        if columns == 1 { "" } else { "s" }
    );
    let better = split_otherwise(sheet).find(|(_, header)| mapping.bind(header).is_ok());
    let mistake = Mistake::of_file(code::SEPARATOR, Effect::Warns, text);
    match better {
        Some((delimiter, _)) => mistake.hint(format!(
            "parted at {}, every column would be found: ask IT to set it as `delimiter` in the feed's \
             `csv` section, or take the other sign out of the names of the columns",
            named(delimiter)
        )),
        None => mistake.hint("look whether that is what parts the columns of the file"),
    }
}

fn unsound_quotes(row: u32) -> Mistake {
    Mistake::of_file(
        code::QUOTES,
        Effect::SetsAside,
        "the quotes of this row do not match, so other rows may be hidden in one of its cells",
    )
    .row(row)
    .hint("a quote inside a text has to be written twice; correct the text and export again")
}

fn repeated_row(key: &str) -> Mistake {
    let text = format!("the row of id `{key}` is in the file more than once");
    Mistake::of_file(code::ROW_REPEATED, Effect::Notes, text).key(key)
}

fn repeated_person(key: &str) -> Mistake {
    let text = format!("the rows of id `{key}` say the same in every column that Muster reads");
    Mistake::of_file(code::ROW_REPEATED, Effect::Notes, text).key(key)
}

fn earlier_employment(key: &str) -> Mistake {
    let text = format!("id `{key}` has an employment that was over before the present one began");
    Mistake::of_file(code::EMPLOYMENTS, Effect::Notes, text).key(key)
}

fn all_over(key: &str) -> Mistake {
    let text = format!("id `{key}` has several employments, and all are over");
    Mistake::of_file(code::EMPLOYMENTS, Effect::Notes, text).key(key)
}

fn repeated_key(key: &str, rows: usize) -> Mistake {
    Mistake::of_file(
        code::KEY_REPEATED,
        Effect::SetsAside,
        format!("the id `{key}` stands on {rows} rows that differ"),
    )
    .key(key)
    .hint("give each person an id of their own, and leave one row for each person")
}

fn missing_manager(manager: &str, column: Option<&str>) -> Mistake {
    let mut mistake = Mistake::of_file(
        code::MANAGER_MISSING,
        Effect::Warns,
        format!("the manager `{manager}` is not in the file"),
    )
    .key(manager)
    .hint("correct the manager's id, or export the manager too");
    mistake.column = column.map(str::to_owned);
    mistake
}

fn self_managed() -> Mistake {
    Mistake::of_file(
        code::MANAGER_SELF,
        Effect::Warns,
        "the row names the person as their own manager",
    )
    .hint("correct the manager's id, or leave it empty for somebody without a manager")
}

fn absence_unproven(rows: u32) -> Mistake {
    Mistake::of_file(
        code::ABSENCE_UNPROVEN,
        Effect::Warns,
        format!(
            "{rows} rows could belong to anybody, so nobody who is not in the file is taken as \
             having left"
        ),
    )
    .hint("correct these rows and export again; people whose row says that they left are handled")
}

fn too_many_set_aside(set_aside: u32, rows: u32, allowed: u32, good: usize) -> Mistake {
    Mistake::of_file(
        code::TOO_MANY_SET_ASIDE,
        Effect::Holds,
        format!("{set_aside} of {rows} rows were set aside, {allowed} are allowed"),
    )
    .hint(match good {
        0 => "correct the rows that this report names and drop the new file",
        _ => {
            "correct the rows that this report names and drop the new file; or let IT apply the \
             rest as it is"
        }
    })
}

fn nobody() -> Mistake {
    Mistake::of_file(
        code::HEADER_ONLY,
        Effect::Holds,
        "every row of the file is blank",
    )
    .hint("the export found nobody; check its filter, export again and drop the new file")
}

/// Files are smaller than 4 GiB, so this never saturates.
fn offset32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
