//! The rows of one id in a file whose rows say from which day on they hold: a line in time.
//!
//! They count together or not at all. Where one of them cannot be read, or two hold from the same day on and differ,
//! nobody can say what the line is, so all are set aside: the person stays as they are, with what was announced.

use jiff::Timestamp;
use muster_core::dated::ANNOUNCED_MAX;
use muster_core::identity::Identity;
use muster_core::question::Traits;

use super::read::read_entry;
use super::{Bound, Effect, Entry, Mistake, Sheet, State, code};

/// Why rows are no line in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// One of them was set aside.
    Unread,
    /// Two hold from the same day on, and say different things.
    SameDay,
    /// Under another name it is another person, and an id is nobody's who shares it.
    OtherPerson,
    /// More is announced than is kept.
    TooMany,
}

/// Puts the rows of one id in the order of their days: the first is the good one, and those that hold after it follow.
pub(super) fn put_in_order(
    sheet: &Sheet,
    bound: &Bound,
    run: &mut [Entry],
    now: Timestamp,
) -> Result<(), Broken> {
    let read = |entry: &Entry| Some((read_entry(sheet, bound, entry)?, *entry));
    let rows = run.iter().map(read).collect::<Option<Vec<_>>>();
    let mut rows = rows.ok_or(Broken::Unread)?;
    rows.sort_by_key(|(statement, entry)| (statement.dated.since, entry.number));
    let mut line: Vec<(Identity, Entry)> = Vec::with_capacity(rows.len());
    let mut copies = Vec::new();
    for (statement, mut entry) in rows {
        match line.last() {
            Some((before, _)) if *before == statement => {
                entry.state = State::Copy;
                copies.push(entry);
                continue;
            }
            Some((before, _)) if before.dated.since == statement.dated.since => {
                return Err(Broken::SameDay);
            }
            Some((before, _)) if Traits::of(before).is_unlike(&Traits::of(&statement)) => {
                return Err(Broken::OtherPerson);
            }
            Some(_) => entry.state = State::Later,
            None => {}
        }
        line.push((statement, entry));
    }
    let announced = line.iter();
    let announced = announced.filter(|(statement, _)| statement.dated.since > Some(now));
    if announced.count() > ANNOUNCED_MAX {
        return Err(Broken::TooMany);
    }
    let ordered = line.into_iter().map(|(_, entry)| entry).chain(copies);
    for (place, entry) in run.iter_mut().zip(ordered) {
        *place = entry;
    }
    Ok(())
}

impl Broken {
    /// What is said of it; the rows are added.
    pub(super) fn mistake(self, key: &str, rows: usize) -> Mistake {
        let (text, hint) = match self {
            Broken::Unread => (
                format!(
                    "one of the {rows} rows of id `{key}` was set aside, so none of them counts"
                ),
                "correct the row that this report names, and export again",
            ),
            Broken::SameDay => (
                format!("rows of id `{key}` hold from the same day on and differ"),
                "leave one row of each person for each effective date, and export again",
            ),
            Broken::OtherPerson => (
                format!("rows of id `{key}` have different names, addresses and first days"),
                "give each person an id of their own, and export again",
            ),
            Broken::TooMany => (
                format!(
                    "more than {ANNOUNCED_MAX} rows of id `{key}` have an effective date to come"
                ),
                "export the changes of the next years only",
            ),
        };
        Mistake::of_file(code::LINE_BROKEN, Effect::SetsAside, text)
            .key(key)
            .hint(hint)
    }
}
