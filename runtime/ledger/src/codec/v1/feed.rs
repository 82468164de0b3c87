//! Layout 1 of what feeds brought: files accepted and rejected, what arrived, and hook deliveries.

use muster_core::fact as core;
use muster_core::finding::Code;
use muster_core::id::PlanId;
use serde::{Deserialize, Serialize};

use super::parts::{Bytes, Fixed, feed};
use crate::codec::{Unreadable, instant, instant_opt, micros};
use crate::kept;

/// A file that a feed brought.
#[derive(Serialize, Deserialize)]
pub(crate) struct FeedFile<'a> {
    feed: &'a str,
    name: &'a str,
    digest: Fixed<32>,
    header: Fixed<16>,
    rows: Fixed<16>,
    row_count: u32,
    read_as: Fixed<16>,
}

impl<'a> FeedFile<'a> {
    pub(crate) fn of(file: &'a core::FeedFile) -> Self {
        FeedFile {
            feed: file.feed.as_str(),
            name: &file.name,
            digest: file.digest.into(),
            header: file.content.header.into(),
            rows: file.content.rows.into(),
            row_count: file.content.row_count,
            read_as: file.content.read_as.into(),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::FeedFile, Unreadable> {
        Ok(core::FeedFile {
            feed: feed(self.feed)?,
            name: self.name.to_owned(),
            digest: self.digest.into(),
            content: core::Content {
                header: self.header.into(),
                rows: self.rows.into(),
                row_count: self.row_count,
                read_as: self.read_as.into(),
            },
        })
    }
}

/// Codes as texts.
pub(crate) fn codes(reasons: &[Code]) -> Vec<&str> {
    reasons.iter().map(Code::as_str).collect()
}

/// Texts as codes.
pub(crate) fn codes_into_core(reasons: Vec<&str>) -> Vec<Code> {
    let reasons = reasons.into_iter();
    reasons
        .map(|code| Code::from_record(code.to_owned()))
        .collect()
}

/// The file that was accepted last.
#[derive(Serialize, Deserialize)]
pub(crate) struct Accepted<'a> {
    #[serde(borrow)]
    file: FeedFile<'a>,
    plan: Option<u64>,
    at: i64,
}

/// The file that was rejected last.
#[derive(Serialize, Deserialize)]
pub(crate) struct Rejected<'a> {
    #[serde(borrow)]
    file: FeedFile<'a>,
    #[serde(borrow)]
    reasons: Vec<&'a str>,
    at: i64,
}

/// What the ledger keeps of a feed.
#[derive(Serialize, Deserialize)]
pub(crate) struct FeedKept<'a> {
    #[serde(borrow)]
    accepted: Option<Accepted<'a>>,
    #[serde(borrow)]
    rejected: Option<Rejected<'a>>,
    newest: Option<i64>,
}

impl<'a> FeedKept<'a> {
    pub(crate) fn of(feed: &'a kept::Feed) -> Self {
        FeedKept {
            accepted: feed.accepted.as_ref().map(|accepted| Accepted {
                file: FeedFile::of(&accepted.file),
                plan: accepted.plan.map(|plan| plan.0),
                at: accepted.at.as_microsecond(),
            }),
            rejected: feed.rejected.as_ref().map(|rejected| Rejected {
                file: FeedFile::of(&rejected.file),
                reasons: codes(&rejected.reasons),
                at: rejected.at.as_microsecond(),
            }),
            newest: feed.newest.map(micros),
        }
    }

    pub(crate) fn into_core(self) -> Result<kept::Feed, Unreadable> {
        let accepted = self.accepted.map(|accepted| {
            Ok::<_, Unreadable>(kept::AcceptedFile {
                file: accepted.file.into_core()?,
                plan: accepted.plan.map(PlanId),
                at: instant(accepted.at)?,
            })
        });
        let rejected = self.rejected.map(|rejected| {
            Ok::<_, Unreadable>(kept::RejectedFile {
                file: rejected.file.into_core()?,
                reasons: codes_into_core(rejected.reasons),
                at: instant(rejected.at)?,
            })
        });
        Ok(kept::Feed {
            accepted: accepted.transpose()?,
            rejected: rejected.transpose()?,
            newest: instant_opt(self.newest)?,
        })
    }
}

/// A hook delivery that was taken.
#[derive(Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) digest: Fixed<32>,
    pub(crate) at: i64,
    /// The journal entry, by which the oldest are found.
    pub(crate) seq: u64,
}

/// Through which door something came.
#[derive(Serialize, Deserialize)]
pub(crate) enum Source<'a> {
    #[serde(rename = "f")]
    Folder(Fixed<16>),
    #[serde(rename = "d", borrow)]
    Delivery(&'a str),
    #[serde(rename = "u")]
    Upsert(&'a str, #[serde(borrow)] Bytes<'a>),
    #[serde(rename = "l")]
    Leave(&'a str, #[serde(borrow)] Bytes<'a>),
}

impl<'a> Source<'a> {
    fn of(source: &'a core::Source) -> Self {
        match source {
            core::Source::Folder { mark } => Source::Folder((*mark).into()),
            core::Source::Delivery { id } => Source::Delivery(id),
            core::Source::Event { id, kind, row } => match kind {
                core::EventKind::Upsert => Source::Upsert(id, Bytes(row)),
                core::EventKind::Leave => Source::Leave(id, Bytes(row)),
            },
        }
    }

    fn into_core(self) -> core::Source {
        let event = |id: &str, kind, row: Bytes<'_>| core::Source::Event {
            id: id.to_owned(),
            kind,
            row: row.0.to_vec(),
        };
        match self {
            Source::Folder(mark) => core::Source::Folder { mark: mark.into() },
            Source::Delivery(id) => core::Source::Delivery { id: id.to_owned() },
            Source::Upsert(id, row) => event(id, core::EventKind::Upsert, row),
            Source::Leave(id, row) => event(id, core::EventKind::Leave, row),
        }
    }
}

/// Something that arrived at a feed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Arrived<'a> {
    feed: &'a str,
    name: &'a str,
    digest: Fixed<32>,
    modified: i64,
    #[serde(borrow)]
    source: Source<'a>,
}

impl<'a> Arrived<'a> {
    pub(crate) fn of(arrived: &'a core::Arrived) -> Self {
        Arrived {
            feed: arrived.feed.as_str(),
            name: &arrived.name,
            digest: arrived.digest.into(),
            modified: micros(arrived.modified),
            source: Source::of(&arrived.source),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Arrived, Unreadable> {
        Ok(core::Arrived {
            feed: feed(self.feed)?,
            name: self.name.to_owned(),
            digest: self.digest.into(),
            modified: instant(self.modified)?,
            source: self.source.into_core(),
        })
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Outcome {
    #[serde(rename = "a")]
    Accepted,
    #[serde(rename = "h")]
    Held,
    #[serde(rename = "r")]
    Rejected,
    #[serde(rename = "p")]
    Replaced,
}

impl Outcome {
    fn of(outcome: core::Outcome) -> Self {
        match outcome {
            core::Outcome::Accepted => Outcome::Accepted,
            core::Outcome::Held => Outcome::Held,
            core::Outcome::Rejected => Outcome::Rejected,
            core::Outcome::Replaced => Outcome::Replaced,
        }
    }

    fn into_core(self) -> core::Outcome {
        match self {
            Outcome::Accepted => core::Outcome::Accepted,
            Outcome::Held => core::Outcome::Held,
            Outcome::Rejected => core::Outcome::Rejected,
            Outcome::Replaced => core::Outcome::Replaced,
        }
    }
}

/// What became of something that arrived.
#[derive(Serialize, Deserialize)]
pub(crate) enum ArrivalChange<'a> {
    #[serde(rename = "d")]
    Decided(Outcome),
    #[serde(rename = "p", borrow)]
    PutAway(&'a str),
    #[serde(rename = "e")]
    Ended,
}

impl<'a> ArrivalChange<'a> {
    pub(crate) fn of(change: &'a core::ArrivalChange) -> Self {
        match change {
            core::ArrivalChange::Decided(outcome) => ArrivalChange::Decided(Outcome::of(*outcome)),
            core::ArrivalChange::PutAway { stored } => ArrivalChange::PutAway(stored),
            core::ArrivalChange::Ended => ArrivalChange::Ended,
        }
    }

    pub(crate) fn into_core(self) -> core::ArrivalChange {
        match self {
            ArrivalChange::Decided(outcome) => core::ArrivalChange::Decided(outcome.into_core()),
            ArrivalChange::PutAway(stored) => core::ArrivalChange::PutAway {
                stored: stored.to_owned(),
            },
            ArrivalChange::Ended => core::ArrivalChange::Ended,
        }
    }
}

/// Something that arrived, with what became of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct ArrivalKept<'a> {
    seq: u64,
    at: i64,
    #[serde(borrow)]
    arrived: Arrived<'a>,
    outcome: Option<Outcome>,
    stored: Option<&'a str>,
}

impl<'a> ArrivalKept<'a> {
    pub(crate) fn of(arrival: &'a kept::Arrival) -> Self {
        ArrivalKept {
            seq: arrival.seq,
            at: micros(arrival.at),
            arrived: Arrived::of(&arrival.arrived),
            outcome: arrival.outcome.map(Outcome::of),
            stored: arrival.stored.as_deref(),
        }
    }

    pub(crate) fn into_core(self) -> Result<kept::Arrival, Unreadable> {
        Ok(kept::Arrival {
            seq: self.seq,
            at: instant(self.at)?,
            arrived: self.arrived.into_core()?,
            outcome: self.outcome.map(Outcome::into_core),
            stored: self.stored.map(str::to_owned),
        })
    }
}

/// What an accepted file said.
#[derive(Serialize, Deserialize)]
pub(crate) struct ContentKept<'a> {
    pub(crate) name: &'a str,
    pub(crate) at: i64,
    /// The journal entry, by which the oldest are found.
    pub(crate) seq: u64,
}
