//! Layout 1 of what feeds brought: files accepted, held and rejected, and hook deliveries.

use muster_core::fact as core;
use muster_core::finding::Code;
use muster_core::id::PlanId;
use serde::{Deserialize, Serialize};

use super::parts::{Fixed, feed};
use crate::codec::{Unreadable, instant};
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

/// The file that is held.
#[derive(Serialize, Deserialize)]
pub(crate) struct Held<'a> {
    #[serde(borrow)]
    file: FeedFile<'a>,
    plan_digest: Option<Fixed<32>>,
    #[serde(borrow)]
    reasons: Vec<&'a str>,
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
    held: Option<Held<'a>>,
    #[serde(borrow)]
    rejected: Option<Rejected<'a>>,
}

impl<'a> FeedKept<'a> {
    pub(crate) fn of(feed: &'a kept::Feed) -> Self {
        FeedKept {
            accepted: feed.accepted.as_ref().map(|accepted| Accepted {
                file: FeedFile::of(&accepted.file),
                plan: accepted.plan.map(|plan| plan.0),
                at: accepted.at.as_microsecond(),
            }),
            held: feed.held.as_ref().map(|held| Held {
                file: FeedFile::of(&held.file),
                plan_digest: held.plan_digest.map(Fixed::from),
                reasons: codes(&held.reasons),
                at: held.at.as_microsecond(),
            }),
            rejected: feed.rejected.as_ref().map(|rejected| Rejected {
                file: FeedFile::of(&rejected.file),
                reasons: codes(&rejected.reasons),
                at: rejected.at.as_microsecond(),
            }),
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
        let held = self.held.map(|held| {
            Ok::<_, Unreadable>(kept::HeldFile {
                file: held.file.into_core()?,
                plan_digest: held.plan_digest.map(Into::into),
                reasons: codes_into_core(held.reasons),
                at: instant(held.at)?,
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
            held: held.transpose()?,
            rejected: rejected.transpose()?,
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
