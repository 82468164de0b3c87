//! What a plan said, found again among its entries of the journal. They follow each other there, people and
//! operations mostly in order, so a few heads are looked at and nothing has to be written down beside them.

use muster_core::fact::{Fact, PersonPlanned};
use muster_core::id::PersonId;
use redb::ReadOnlyTable;

use crate::codec::entry;
use crate::error::{Error, RecordResult, StoreResult};
use crate::iter::{entry_of, is_about};
use crate::kept;

/// The entries of one plan.
pub(crate) struct Planned<'a> {
    journal: ReadOnlyTable<u64, &'static [u8]>,
    plan: &'a kept::Plan,
}

impl<'a> Planned<'a> {
    pub(crate) fn new(journal: ReadOnlyTable<u64, &'static [u8]>, plan: &'a kept::Plan) -> Self {
        Planned { journal, plan }
    }

    /// What the plan said of a person: by halving where its people are in order, as those of files always are, and
    /// one by one otherwise.
    pub(crate) fn of_person(&self, person: &PersonId) -> Result<Option<kept::Entry>, Error> {
        let (mut from, mut beyond) = (self.plan.entries.start, self.plan.entries.end);
        while self.plan.is_sorted && beyond - from > 1 {
            let middle = from + (beyond - from) / 2;
            match self.entry(middle)?.map(|entry| entry.fact) {
                Some(Fact::PersonPlanned(planned)) if planned.person <= *person => from = middle,
                // Something else stands among them: they are looked through one by one below.
                Some(Fact::PersonPlanned(_)) => beyond = middle,
                _ => break,
            }
        }
        for seq in from..beyond {
            if let Some(entry) = self.entry(seq)?
                && is_about(&entry.fact, person)
                && matches!(entry.fact, Fact::PersonPlanned(_))
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// What the plan said of the person with this operation, found in the same way. Whoever has none stands before
    /// somebody under the same number, so the last one with fewer operations before is the one.
    pub(crate) fn of_operation(&self, number: u32) -> Result<Option<PersonPlanned>, Error> {
        let (mut from, mut beyond) = (self.plan.entries.start, self.plan.entries.end);
        while self.plan.is_numbered && beyond - from > 1 {
            let middle = from + (beyond - from) / 2;
            match self.operations_before(middle)? {
                Some(before) if before < number => from = middle,
                Some(_) => beyond = middle,
                // Something else stands among them: they are looked through one by one below.
                None => break,
            }
        }
        for seq in from..beyond {
            if let Some(Fact::PersonPlanned(planned)) = self.entry(seq)?.map(|entry| entry.fact)
                && has(&planned, number)
            {
                return Ok(Some(planned));
            }
        }
        Ok(None)
    }

    fn entry(&self, seq: u64) -> Result<Option<kept::Entry>, Error> {
        let row = self.journal.get(seq).step("read a journal entry")?;
        row.map(|row| entry_of(seq, row.value())).transpose()
    }

    fn operations_before(&self, seq: u64) -> Result<Option<u32>, Error> {
        let row = self.journal.get(seq).step("read a journal entry")?;
        let head = row.map(|row| {
            let entry = entry::Entry::parse(row.value())?;
            Ok(entry.operations_before())
        });
        Ok(head.transpose().of("journal")?.flatten())
    }
}

fn has(planned: &PersonPlanned, number: u32) -> bool {
    let accounts = planned.accounts.values();
    let mut operations = accounts.flat_map(|account| &account.operations);
    operations.any(|operation| operation.id.number == number)
}
