//! One entry of the journal: a short head, then the fact.
//!
//! The head says when the fact was recorded and by whom, by which fold it was taken in, and whether the entry is
//! the first of its commit. The first one also carries the journal's hash as it was before, so that damage is
//! found between two commits and not just somewhere in the file.
//!
//! ```text
//! version u8 | fold u8 | kind u8 (bit 7: first of a commit) | [hash 32] | at i64 | actor length u32, actor
//!            | [plan u64, operations u32] | fact
//! ```
//!
//! What a plan says of one person begins with the plan and with the highest number of an operation that it gave
//! before. So one of a million operations is found by looking at the heads of twenty entries, and no operation needs
//! a row of its own.

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::fact;
use muster_core::id::PlanId;
use sha2::{Digest as _, Sha256};

use super::{Unreadable, VERSION, append, decode_body, instant, micros, v1};
use crate::fold::FoldVersion;

/// The journal's hash up to an entry.
pub(crate) type Head = [u8; 32];

/// The hash of a journal without entries.
pub(crate) const HEAD_EMPTY: Head = [0; 32];

const KIND_FACT: u8 = b'f';
const KIND_PERSON_PLANNED: u8 = b'p';
const FIRST_OF_COMMIT: u8 = 0x80;

/// Clears `buffer` and writes an entry; `operations_before` is the highest number of an operation that the plan at
/// work gave to others before. Returns the place where the fact's body begins.
pub(crate) fn encode(
    buffer: &mut Vec<u8>,
    opens_commit_on: Option<&Head>,
    (at, by): (Timestamp, &Actor),
    fact: &fact::Fact,
    operations_before: u32,
) -> usize {
    buffer.clear();
    let plan = match fact {
        fact::Fact::PersonPlanned(planned) => Some(planned.plan),
        _ => None,
    };
    let kind = if plan.is_some() {
        KIND_PERSON_PLANNED
    } else {
        KIND_FACT
    };
    buffer.push(VERSION);
    buffer.push(FoldVersion::CURRENT.number());
    match opens_commit_on {
        Some(head) => {
            buffer.push(kind | FIRST_OF_COMMIT);
            buffer.extend_from_slice(head);
        }
        None => buffer.push(kind),
    }
    buffer.extend_from_slice(&micros(at).to_be_bytes());
    let length_at = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    append(buffer, &v1::Actor::of(by));
    let length = buffer.len() - length_at - 4;
    // Wide enough for any text that memory holds: a version is as long as a plugin's author made it.
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(place) = buffer.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&length);
    }
    if let Some(plan) = plan {
        buffer.extend_from_slice(&plan.0.to_be_bytes());
        buffer.extend_from_slice(&operations_before.to_be_bytes());
    }
    let body_at = buffer.len();
    v1::fact_body(buffer, fact);
    body_at
}

/// The journal's hash after an entry.
pub(crate) fn head_after(head: &Head, seq: u64, entry: &[u8]) -> Head {
    let mut hasher = Sha256::new();
    hasher.update(head);
    hasher.update(seq.to_be_bytes());
    hasher.update(entry);
    hasher.finalize().into()
}

/// An entry whose fact is not read yet.
pub(crate) struct Entry<'a> {
    /// The hash before it, where it is the first of a commit.
    pub(crate) opens_commit_on: Option<Head>,
    /// When it was recorded.
    pub(crate) at: Timestamp,
    /// The fold that took it in.
    pub(crate) fold: FoldVersion,
    by: &'a [u8],
    planned: Option<PlannedHead>,
    body: &'a [u8],
}

/// What stands before what a plan says of one person.
#[derive(Clone, Copy)]
struct PlannedHead {
    plan: PlanId,
    operations_before: u32,
}

impl<'a> Entry<'a> {
    /// Reads the head of an entry.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        const SHORT: Unreadable = Unreadable::Value("half an entry");
        let ([version], rest) = bytes.split_first_chunk().ok_or(SHORT)?;
        if *version != VERSION {
            return Err(Unreadable::Version(*version));
        }
        let ([fold, kind], mut rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let mut opens_commit_on = None;
        if kind & FIRST_OF_COMMIT != 0 {
            let (head, after) = rest.split_first_chunk::<32>().ok_or(SHORT)?;
            (opens_commit_on, rest) = (Some(*head), after);
        }
        let (at, rest) = rest.split_first_chunk::<8>().ok_or(SHORT)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| SHORT)?;
        let (by, mut rest) = rest.split_at_checked(length).ok_or(SHORT)?;
        let planned = match kind & !FIRST_OF_COMMIT {
            KIND_FACT => None,
            KIND_PERSON_PLANNED => {
                let (plan, after) = rest.split_first_chunk::<8>().ok_or(SHORT)?;
                let (operations, after) = after.split_first_chunk::<4>().ok_or(SHORT)?;
                rest = after;
                Some(PlannedHead {
                    plan: PlanId(u64::from_be_bytes(*plan)),
                    operations_before: u32::from_be_bytes(*operations),
                })
            }
            _ => return Err(Unreadable::Value("an entry of an unknown kind")),
        };
        Ok(Entry {
            opens_commit_on,
            at: instant(i64::from_be_bytes(*at))?,
            fold: FoldVersion::of(*fold)?,
            by,
            planned,
            body: rest,
        })
    }

    /// Reads who or what did it.
    pub(crate) fn by(&self) -> Result<Actor, Unreadable> {
        decode_body::<v1::Actor<'_>>(self.by)?.into_core()
    }

    /// The fact as it is stored.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The highest number of an operation that the plan gave before it came to this person; none for an entry that
    /// is not what a plan says of somebody.
    pub(crate) fn operations_before(&self) -> Option<u32> {
        self.planned.map(|planned| planned.operations_before)
    }

    /// Reads the fact.
    pub(crate) fn fact(&self) -> Result<fact::Fact, Unreadable> {
        match self.planned {
            Some(head) => {
                let planned: v1::PersonPlanned<'_> = decode_body(self.body)?;
                Ok(fact::Fact::PersonPlanned(planned.into_core(head.plan)?))
            }
            None => decode_body::<v1::Fact<'_>>(self.body)?.into_core(),
        }
    }
}
