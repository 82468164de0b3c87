//! What changed about a person: what HR says now against what the ledger knows.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::fact::Kind;
use crate::identity::{Identity, Phase};
use crate::person::Person;

/// What a feed says of a person now.
#[derive(Clone, PartialEq, Debug)]
pub enum Described {
    /// A row.
    Row {
        /// What it says.
        identity: Identity,
        /// Its number, as a spreadsheet counts; `None` if there are no rows.
        row: Option<u32>,
    },
    /// A file that is proven whole does not have the person.
    Absent,
    /// Nothing new; the policy, the catalogue or the date changed.
    AsBefore,
}

/// What changed about a person.
#[derive(Clone, PartialEq, Debug)]
pub struct Delta {
    /// The identity from now on.
    pub identity: Identity,
    /// Whether it is new or changed.
    pub is_changed: bool,
    /// The row that it was read from.
    pub row: Option<u32>,
    /// Whether the feed has the person.
    pub is_present: bool,
    /// Where the person stands from now on.
    pub phase: Phase,
    /// Where the person stood; `None` for somebody new.
    pub phase_before: Option<Phase>,
}

impl Delta {
    /// Compares what the ledger has with what HR says. `None` if there is nobody to speak of: somebody unknown
    /// who is absent, or whom HR lists as having left before Muster ever knew of them.
    pub fn between(before: Option<&Person>, described: Described, now: Timestamp) -> Option<Delta> {
        let (identity, row, is_present) = match (described, before) {
            (Described::Row { identity, row }, _) => (identity, row, true),
            (Described::Absent, Some(person)) => (person.identity.clone(), None, false),
            (Described::AsBefore, Some(person)) => {
                (person.identity.clone(), None, person.is_present)
            }
            (Described::Absent | Described::AsBefore, None) => return None,
        };
        let phase = if is_present {
            identity.employment.phase(now)
        } else {
            Phase::Ended
        };
        if before.is_none() && phase == Phase::Ended {
            return None;
        }
        let is_changed = before.is_none_or(|person| person.identity != identity);
        Some(Delta {
            identity,
            is_changed,
            row,
            is_present,
            phase,
            phase_before: before.map(|person| person.phase),
        })
    }

    /// The kind of change, where `moves` says whether anything but attributes follows from it.
    pub fn kind(&self, moves: bool) -> Kind {
        match (self.phase_before, self.phase) {
            (None, _) | (Some(Phase::Prehire), Phase::Active | Phase::Leave) => Kind::Joiner,
            (Some(Phase::Ended), Phase::Ended) => Kind::Update,
            (Some(_), Phase::Ended) => Kind::Leaver,
            (Some(Phase::Ended), _) => Kind::Rehire,
            (Some(_), _) if moves => Kind::Mover,
            (Some(_), _) => Kind::Update,
        }
    }
}

/// Fills in what a file does not say: a column that may be missing, and is, leaves the attribute as
/// it was.
pub fn carry_over(identity: &mut Identity, before: Option<&Person>, missing: &BTreeSet<String>) {
    let Some(before) = before else { return };
    for name in missing {
        if let Some(value) = before.identity.attributes.get(name) {
            identity
                .attributes
                .entry(name.clone())
                .or_insert_with(|| value.clone());
        }
    }
}
