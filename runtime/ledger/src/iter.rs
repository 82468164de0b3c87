//! Iterators over one snapshot. Each keeps the snapshot alive by itself, reads one row at a time,
//! and ends after the first error.

use std::ops::RangeBounds;

use muster_core::fact::Fact;
use muster_core::id::PersonId;
use muster_core::person::Person;
use redb::{OwnedRange, ReadOnlyTable};

use crate::codec::Unreadable;
use crate::codec::entry;
use crate::error::{Error, RecordResult, StoreResult};
use crate::kept::{self, Due};
use crate::{intents, keys, lookup};

type Bytes = &'static [u8];

const STEP: &str = "read the next row";

fn rows(
    table: &ReadOnlyTable<Bytes, Bytes>,
    from: &[u8],
    beyond: Option<&[u8]>,
) -> Result<OwnedRange<Bytes, Bytes>, Error> {
    match beyond {
        Some(beyond) => table.range_owned(from..beyond),
        None => table.range_owned(from..),
    }
    .step("begin to read rows")
}

/// People in the order of their ids.
pub struct People {
    range: OwnedRange<Bytes, Bytes>,
    intents: OwnedRange<Bytes, Bytes>,
    /// Whose calls are out next in that order, and which.
    next_out: Option<(Vec<u8>, Vec<u8>)>,
}

impl People {
    pub(crate) fn new(
        people: &ReadOnlyTable<Bytes, Bytes>,
        intents: &ReadOnlyTable<Bytes, Bytes>,
        from: &[u8],
        beyond: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let mut people = People {
            range: rows(people, from, beyond)?,
            intents: rows(intents, from, beyond)?,
            next_out: None,
        };
        people.read_next_out()?;
        Ok(people)
    }

    fn read_next_out(&mut self) -> Result<(), Error> {
        let row = self.intents.next().transpose().step(STEP)?;
        self.next_out = row.map(|(key, row)| (key.value().to_vec(), row.value().to_vec()));
        Ok(())
    }

    /// Puts the calls that are out into a person as the record has it.
    fn send(&mut self, key: &[u8], person: &mut Person) -> Result<(), Error> {
        while let Some((whose, row)) = &self.next_out
            && whose.as_slice() <= key
        {
            if whose == key {
                intents::send(person, row).of("intents")?;
            }
            self.read_next_out()?;
        }
        Ok(())
    }
}

impl Iterator for People {
    type Item = Result<Person, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (key, row) = match self.range.next()?.step(STEP) {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let person = lookup::person_of(row.value()).of("people");
        Some(person.and_then(|mut person| {
            self.send(key.value(), &mut person)?;
            Ok(person)
        }))
    }
}

/// Findings in the order of code and subject.
pub struct Findings {
    range: OwnedRange<Bytes, Bytes>,
}

impl Findings {
    pub(crate) fn new(
        table: &ReadOnlyTable<Bytes, Bytes>,
        from: &[u8],
        beyond: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let range = rows(table, from, beyond)?;
        Ok(Findings { range })
    }
}

impl Iterator for Findings {
    type Item = Result<kept::Finding, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.next()?.step(STEP);
        Some(row.and_then(|(_, row)| lookup::finding_of(row.value()).of("findings")))
    }
}

/// Accounts that there is something to do for, in one lane.
pub(crate) struct Dues {
    range: OwnedRange<Bytes, ()>,
}

impl Dues {
    pub(crate) fn new(
        table: &ReadOnlyTable<Bytes, ()>,
        from: &[u8],
        beyond: &[u8],
    ) -> Result<Self, Error> {
        let range = table.range_owned(from..beyond);
        let range = range.step("begin to read what is due")?;
        Ok(Dues { range })
    }
}

impl Iterator for Dues {
    type Item = Result<Due, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.next()?.step(STEP);
        Some(row.and_then(|(key, _)| keys::due_of(key.value()).of("due")))
    }
}

/// Plans, the newest first.
pub struct Plans {
    range: OwnedRange<u64, Bytes>,
}

impl Plans {
    pub(crate) fn new(table: &ReadOnlyTable<u64, Bytes>) -> Result<Self, Error> {
        let range = table.range_owned::<u64>(..).step("begin to read plans")?;
        Ok(Plans { range })
    }
}

impl Iterator for Plans {
    type Item = Result<kept::Plan, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.next_back()?.step(STEP);
        Some(row.and_then(|(_, row)| lookup::plan_of(row.value()).of("plans")))
    }
}

/// Entries of the journal in their order, from either end.
pub struct Journal {
    range: OwnedRange<u64, Bytes>,
}

impl Journal {
    pub(crate) fn new(
        table: &ReadOnlyTable<u64, Bytes>,
        range: impl RangeBounds<u64>,
    ) -> Result<Self, Error> {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let range = table.range_owned::<u64>(bounds);
        let range = range.step("begin to read the journal")?;
        Ok(Journal { range })
    }

    /// The entries about a person, from the end.
    pub(crate) fn about(
        self,
        person: PersonId,
    ) -> impl Iterator<Item = Result<kept::Entry, Error>> {
        let mut range = self.range;
        std::iter::from_fn(move || {
            loop {
                let (seq, row) = match range.next_back()?.step(STEP) {
                    Ok(row) => row,
                    Err(error) => return Some(Err(error)),
                };
                if !holds(row.value(), person.key.as_str()) {
                    continue;
                }
                match entry_of(seq.value(), row.value()) {
                    Ok(entry) if is_about(&entry.fact, &person) => return Some(Ok(entry)),
                    Ok(_) => {}
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }
}

/// Whether the bytes of a text stand anywhere in a row.
fn holds(row: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    let Some(first) = text.first() else {
        return true;
    };
    let mut rest = row;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.split_at(at).1;
        if rest.starts_with(text) {
            return true;
        }
        rest = rest.split_at(1).1;
    }
    false
}

pub(crate) fn is_about(fact: &Fact, person: &PersonId) -> bool {
    match fact {
        Fact::QuestionAsked(question) => question.person == *person,
        Fact::PersonPlanned(planned) => {
            let mut records = planned.records.iter();
            planned.person == *person || records.any(|planned| planned.record == *person)
        }
        Fact::IdentitiesMerged {
            person: one,
            into: other,
        }
        | Fact::RecordSplit {
            record: one,
            from: other,
        } => one == person || other == person,
        Fact::OperationChanged { person: of, .. }
        | Fact::AccountSeen { person: of, .. }
        | Fact::DriftDecided { person: of, .. }
        | Fact::StandingDecided { person: of, .. } => of == person,
        Fact::PlanMade(_)
        | Fact::FileAccepted { .. }
        | Fact::FeedRenamed { .. }
        | Fact::HoldOpened(_)
        | Fact::FileRejected { .. }
        | Fact::HoldDecided { .. }
        | Fact::PlanApproved { .. }
        | Fact::QuestionAnswered { .. }
        | Fact::QuestionEnded { .. }
        | Fact::ClockRead
        | Fact::ClockConfirmed
        | Fact::PluginTaken { .. }
        | Fact::SecretChanged { .. }
        | Fact::PolicyTaken { .. }
        | Fact::DeliveryTaken { .. }
        | Fact::Arrived(_)
        | Fact::ArrivalChanged { .. }
        | Fact::CatalogueRead { .. }
        | Fact::ChangesRead { .. } => false,
        Fact::PersonRenamed {
            person: before,
            feed,
        } => before == person || (before.key == person.key && *feed == person.feed),
        Fact::FindingOpened(finding) => finding.subject.person() == Some(person),
        Fact::FindingClosed { subject, .. } => subject.person() == Some(person),
    }
}

pub(crate) fn entry_of(seq: u64, row: &[u8]) -> Result<kept::Entry, Error> {
    let read = |row| -> Result<kept::Entry, Unreadable> {
        let entry = entry::Entry::parse(row)?;
        Ok(kept::Entry {
            seq,
            at: entry.at,
            by: entry.by()?,
            opens_commit: entry.opens_commit_on.is_some(),
            fact: entry.fact()?,
        })
    };
    read(row).of("journal")
}

impl Iterator for Journal {
    type Item = Result<kept::Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.next()?.step(STEP);
        Some(row.and_then(|(seq, row)| entry_of(seq.value(), row.value())))
    }
}

impl DoubleEndedIterator for Journal {
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.range.next_back()?.step(STEP);
        Some(row.and_then(|(seq, row)| entry_of(seq.value(), row.value())))
    }
}
