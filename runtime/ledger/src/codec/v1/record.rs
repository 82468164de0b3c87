//! Layout 1 of the records of an identity that has several.

use muster_core::id::{PersonId, PlanId, TargetName};
use muster_core::person::Origin;
use muster_core::record as core;
use muster_core::standing::{BlockId, OpeningId};
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::parts::{Who, target};
use crate::codec::Unreadable;

/// Why a record belongs to an identity.
#[derive(Serialize, Deserialize)]
enum Link<'a> {
    #[serde(rename = "f")]
    FirstSeen,
    #[serde(rename = "c", borrow)]
    Correlated(Vec<&'a str>),
    #[serde(rename = "y", borrow)]
    Confirmed(Vec<&'a str>),
    #[serde(rename = "m")]
    Merged,
}

impl<'a> Link<'a> {
    fn of(link: &'a core::Link) -> Self {
        let names = |keys: &'a [String]| keys.iter().map(String::as_str).collect();
        match link {
            core::Link::FirstSeen => Link::FirstSeen,
            core::Link::Correlated(keys) => Link::Correlated(names(keys)),
            core::Link::Confirmed(keys) => Link::Confirmed(names(keys)),
            core::Link::Merged => Link::Merged,
        }
    }

    fn into_core(self) -> core::Link {
        let names = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect();
        match self {
            Link::FirstSeen => core::Link::FirstSeen,
            Link::Correlated(keys) => core::Link::Correlated(names(keys)),
            Link::Confirmed(keys) => core::Link::Confirmed(names(keys)),
            Link::Merged => core::Link::Merged,
        }
    }
}

/// What an identity brought: targets, openings and blocks, each with its number then.
#[derive(Serialize, Deserialize)]
struct Brought<'a>(
    #[serde(borrow)] Vec<&'a str>,
    Vec<(u32, u32)>,
    Vec<(u32, u32)>,
);

impl<'a> Brought<'a> {
    /// Hardly any record was an identity of its own.
    fn of(brought: &'a core::Brought) -> Option<Self> {
        if *brought == core::Brought::default() {
            return None;
        }
        let openings = brought.openings.iter().map(|(now, then)| (now.0, then.0));
        let blocks = brought.blocks.iter().map(|(now, then)| (now.0, then.0));
        Some(Brought(
            brought.targets.iter().map(TargetName::as_str).collect(),
            openings.collect(),
            blocks.collect(),
        ))
    }

    fn into_core(self) -> Result<core::Brought, Unreadable> {
        let Brought(targets, openings, blocks) = self;
        let openings = openings.into_iter();
        let blocks = blocks.into_iter();
        Ok(core::Brought {
            targets: targets.into_iter().map(target).collect::<Result<_, _>>()?,
            openings: openings
                .map(|(now, then)| (OpeningId(now), OpeningId(then)))
                .collect(),
            blocks: blocks
                .map(|(now, then)| (BlockId(now), BlockId(then)))
                .collect(),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    id: Who<'a>,
    #[serde(borrow)]
    identity: Identity<'a>,
    is_present: bool,
    origin_plan: u64,
    origin_row: Option<u32>,
    #[serde(borrow)]
    link: Link<'a>,
    #[serde(borrow)]
    came_with: Option<Who<'a>>,
    #[serde(borrow)]
    brought: Option<Brought<'a>>,
}

/// The records of an identity, in the order of their ids.
#[derive(Serialize, Deserialize)]
pub(crate) struct Records<'a>(#[serde(borrow)] Vec<Record<'a>>);

impl<'a> Records<'a> {
    /// Nearly every identity has one record, which is not stored twice.
    pub(crate) fn of(records: &'a core::Records) -> Option<Self> {
        if records.is_empty() {
            return None;
        }
        let records = records.iter().map(|(id, record)| Record {
            id: Who::of(id),
            identity: Identity::of(&record.identity),
            is_present: record.is_present,
            origin_plan: record.origin.plan.0,
            origin_row: record.origin.row,
            link: Link::of(&record.link),
            came_with: record.came_with.as_ref().map(Who::of),
            brought: Brought::of(&record.brought),
        });
        Some(Records(records.collect()))
    }

    pub(crate) fn into_core(self) -> Result<core::Records, Unreadable> {
        let records = self.0.into_iter();
        records
            .map(|record| {
                let brought = record.brought.map(Brought::into_core).transpose()?;
                let kept = core::Record {
                    identity: record.identity.into_core()?,
                    is_present: record.is_present,
                    origin: Origin {
                        plan: PlanId(record.origin_plan),
                        row: record.origin_row,
                    },
                    link: record.link.into_core(),
                    came_with: record.came_with.map(Who::into_core).transpose()?,
                    brought: brought.unwrap_or_default(),
                };
                Ok((record.id.into_core()?, kept))
            })
            .collect::<Result<std::collections::BTreeMap<PersonId, _>, Unreadable>>()
    }
}

#[derive(Serialize, Deserialize)]
struct RecordPlanned<'a> {
    #[serde(borrow)]
    record: Who<'a>,
    #[serde(borrow)]
    identity: Option<Identity<'a>>,
    row: Option<u32>,
    is_present: bool,
    #[serde(borrow)]
    link: Option<Link<'a>>,
}

/// What a plan takes in of single records.
#[derive(Serialize, Deserialize)]
pub(crate) struct RecordsPlanned<'a>(#[serde(borrow)] Vec<RecordPlanned<'a>>);

impl<'a> RecordsPlanned<'a> {
    pub(crate) fn of(planned: &'a [core::RecordPlanned]) -> Option<Self> {
        if planned.is_empty() {
            return None;
        }
        let planned = planned.iter().map(|planned| RecordPlanned {
            record: Who::of(&planned.record),
            identity: planned.identity.as_ref().map(Identity::of),
            row: planned.row,
            is_present: planned.is_present,
            link: planned.link.as_ref().map(Link::of),
        });
        Some(RecordsPlanned(planned.collect()))
    }

    pub(crate) fn into_core(self) -> Result<Vec<core::RecordPlanned>, Unreadable> {
        let planned = self.0.into_iter();
        planned
            .map(|planned| {
                Ok(core::RecordPlanned {
                    record: planned.record.into_core()?,
                    identity: planned.identity.map(Identity::into_core).transpose()?,
                    row: planned.row,
                    is_present: planned.is_present,
                    link: planned.link.map(Link::into_core),
                })
            })
            .collect()
    }
}
