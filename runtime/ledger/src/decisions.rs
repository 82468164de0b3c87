//! What somebody may ask about without asking about a person: what was decided and by whom, what files led to, and
//! what plugins, secrets and policies were put in place. A table names those entries, since they are few among the
//! millions of what happened to operations.

use std::ops::RangeBounds;

use muster_core::fact::Fact;
use muster_core::operation::Transition;
use redb::{OwnedRange, ReadOnlyTable};

use crate::error::{Error, StoreResult};
use crate::iter::entry_of;
use crate::kept;

/// Whether an entry with this fact is one of them.
pub(crate) fn is_decision(fact: &Fact) -> bool {
    match fact {
        Fact::OperationChanged { change, .. } => *change == Transition::Retried,
        // Of a plan that is made in parts, the first says that it was made.
        Fact::PlanMade(plan) => plan.part.is_none_or(|part| part.first == plan.id),
        Fact::DriftDecided { .. }
        | Fact::StandingDecided { .. }
        | Fact::IdentitiesMerged { .. }
        | Fact::RecordSplit { .. }
        | Fact::FileAccepted { .. }
        | Fact::FeedRenamed { .. }
        | Fact::HoldOpened(_)
        | Fact::FileRejected { .. }
        | Fact::HoldDecided { .. }
        | Fact::QuestionAnswered { .. }
        | Fact::ClockConfirmed
        | Fact::PluginTaken { .. }
        | Fact::SecretChanged { .. }
        | Fact::PolicyTaken { .. } => true,
        Fact::PersonPlanned(_)
        | Fact::PlanApproved { .. }
        | Fact::AccountSeen { .. }
        | Fact::PersonRenamed { .. }
        | Fact::QuestionAsked(_)
        | Fact::QuestionEnded { .. }
        | Fact::ClockRead
        | Fact::DeliveryTaken { .. }
        | Fact::Arrived(_)
        | Fact::ArrivalChanged { .. }
        | Fact::CatalogueRead { .. }
        | Fact::ChangesRead { .. }
        | Fact::FindingOpened(_)
        | Fact::FindingClosed { .. } => false,
    }
}

/// The entries that decide something, the newest first.
pub(crate) struct Decisions {
    range: OwnedRange<u64, ()>,
    journal: ReadOnlyTable<u64, &'static [u8]>,
}

impl Decisions {
    pub(crate) fn new(
        table: &ReadOnlyTable<u64, ()>,
        journal: ReadOnlyTable<u64, &'static [u8]>,
        range: impl RangeBounds<u64>,
    ) -> Result<Self, Error> {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let range = table.range_owned::<u64>(bounds);
        let range = range.step("begin to read what was decided")?;
        Ok(Decisions { range, journal })
    }

    fn entry(&self, seq: u64) -> Result<Option<kept::Entry>, Error> {
        let row = self.journal.get(seq).step("read a journal entry")?;
        row.map(|row| entry_of(seq, row.value())).transpose()
    }
}

impl Iterator for Decisions {
    type Item = Result<kept::Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.next_back()?.step("read what was decided");
        row.and_then(|(seq, _)| self.entry(seq.value())).transpose()
    }
}
