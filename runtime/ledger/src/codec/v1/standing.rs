//! Layout 1 of what people decided about a person beside the policy.

use std::collections::BTreeMap;

use muster_core::adoption;
use muster_core::policy::EntitlementName;
use muster_core::standing as core;
use serde::{Deserialize, Serialize};

use super::connector::EntitlementKey;
use super::parts::{role, target};
use crate::codec::{Unreadable, instant, instant_opt, micros};

/// An entitlement as it was named: its kind, and its title or id.
#[derive(Serialize, Deserialize)]
struct Named<'a>(&'a str, &'a str);

impl<'a> Named<'a> {
    fn of(name: &'a EntitlementName) -> Self {
        Named(&name.kind, &name.name)
    }

    fn into_core(self) -> EntitlementName {
        EntitlementName {
            kind: self.0.to_owned(),
            name: self.1.to_owned(),
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Access<'a> {
    #[serde(rename = "r")]
    Role(&'a str),
    #[serde(rename = "a")]
    Account(&'a str),
    #[serde(rename = "e")]
    Entitlement(&'a str, #[serde(borrow)] Named<'a>),
}

/// What it gives, from and until when, and why.
#[derive(Serialize, Deserialize)]
pub(crate) struct Opening<'a>(#[serde(borrow)] Access<'a>, i64, i64, &'a str);

impl<'a> Opening<'a> {
    fn of(opening: &'a core::Opening) -> Self {
        let gives = match &opening.gives {
            core::Access::Role(role) => Access::Role(role.as_str()),
            core::Access::Account(target) => Access::Account(target.as_str()),
            core::Access::Entitlement(target, name) => {
                Access::Entitlement(target.as_str(), Named::of(name))
            }
        };
        let (from, until) = (micros(opening.from), micros(opening.until));
        Opening(gives, from, until, &opening.reason)
    }

    fn into_core(self) -> Result<core::Opening, Unreadable> {
        Ok(core::Opening {
            gives: match self.0 {
                Access::Role(name) => core::Access::Role(role(name)?),
                Access::Account(name) => core::Access::Account(target(name)?),
                Access::Entitlement(at, name) => {
                    core::Access::Entitlement(target(at)?, name.into_core())
                }
            },
            from: instant(self.1)?,
            until: instant(self.2)?,
            reason: self.3.to_owned(),
        })
    }
}

#[derive(Serialize, Deserialize)]
enum Barred<'a> {
    #[serde(rename = "x")]
    Everything,
    #[serde(rename = "t")]
    Target(&'a str),
    #[serde(rename = "r")]
    Role(&'a str),
    #[serde(rename = "e")]
    Entitlement(&'a str, #[serde(borrow)] Named<'a>),
}

/// What it keeps away, since and until when, and why.
#[derive(Serialize, Deserialize)]
pub(crate) struct Block<'a>(#[serde(borrow)] Barred<'a>, i64, Option<i64>, &'a str);

impl<'a> Block<'a> {
    fn of(block: &'a core::Block) -> Self {
        let keeps_away = match &block.keeps_away {
            core::Barred::Everything => Barred::Everything,
            core::Barred::Target(target) => Barred::Target(target.as_str()),
            core::Barred::Role(role) => Barred::Role(role.as_str()),
            core::Barred::Entitlement(target, name) => {
                Barred::Entitlement(target.as_str(), Named::of(name))
            }
        };
        let (since, until) = (micros(block.since), block.until.map(micros));
        Block(keeps_away, since, until, &block.reason)
    }

    fn into_core(self) -> Result<core::Block, Unreadable> {
        Ok(core::Block {
            keeps_away: match self.0 {
                Barred::Everything => core::Barred::Everything,
                Barred::Target(name) => core::Barred::Target(target(name)?),
                Barred::Role(name) => core::Barred::Role(role(name)?),
                Barred::Entitlement(at, name) => {
                    core::Barred::Entitlement(target(at)?, name.into_core())
                }
            },
            since: instant(self.1)?,
            until: instant_opt(self.2)?,
            reason: self.3.to_owned(),
        })
    }
}

/// What an account had when it was taken over: where, what, since when that is known; until when it is kept, and the
/// entry that says so, once somebody decided.
#[derive(Serialize, Deserialize)]
pub(crate) struct Adoption<'a>(
    &'a str,
    #[serde(borrow)] EntitlementKey<'a>,
    i64,
    Option<(Option<i64>, u64)>,
);

impl<'a> Adoption<'a> {
    fn of(adoption: &'a adoption::Adoption) -> Self {
        let kept = adoption.kept;
        Adoption(
            adoption.target.as_str(),
            EntitlementKey::of(&adoption.right),
            micros(adoption.found_at),
            kept.map(|kept| (kept.until.map(micros), kept.entry)),
        )
    }

    fn into_core(self) -> Result<adoption::Adoption, Unreadable> {
        let kept = self.3.map(|(until, entry)| {
            let until = instant_opt(until)?;
            Ok(adoption::Kept { until, entry })
        });
        Ok(adoption::Adoption {
            target: target(self.0)?,
            right: self.1.into_core(),
            found_at: instant(self.2)?,
            kept: kept.transpose()?,
        })
    }
}

/// A decision.
#[derive(Serialize, Deserialize)]
pub(crate) enum Decided<'a> {
    #[serde(rename = "o", borrow)]
    Opened(Opening<'a>),
    #[serde(rename = "e")]
    Extended(u32, i64),
    #[serde(rename = "g")]
    GivenBack(u32),
    #[serde(rename = "b", borrow)]
    Blocked(Block<'a>),
    #[serde(rename = "l")]
    Lifted(u32),
    #[serde(rename = "k")]
    Kept(u32, Option<i64>),
    #[serde(rename = "r")]
    Removed(u32),
}

impl<'a> Decided<'a> {
    pub(crate) fn of(decided: &'a core::Decided) -> Self {
        match decided {
            core::Decided::Opened(opening) => Decided::Opened(Opening::of(opening)),
            core::Decided::Extended { opening, until } => {
                Decided::Extended(opening.0, micros(*until))
            }
            core::Decided::GivenBack { opening } => Decided::GivenBack(opening.0),
            core::Decided::Blocked(block) => Decided::Blocked(Block::of(block)),
            core::Decided::Lifted { block } => Decided::Lifted(block.0),
            core::Decided::Kept { adoption, until } => Decided::Kept(adoption.0, until.map(micros)),
            core::Decided::Removed { adoption } => Decided::Removed(adoption.0),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Decided, Unreadable> {
        Ok(match self {
            Decided::Opened(opening) => core::Decided::Opened(opening.into_core()?),
            Decided::Extended(opening, until) => core::Decided::Extended {
                opening: core::OpeningId(opening),
                until: instant(until)?,
            },
            Decided::GivenBack(opening) => core::Decided::GivenBack {
                opening: core::OpeningId(opening),
            },
            Decided::Blocked(block) => core::Decided::Blocked(block.into_core()?),
            Decided::Lifted(block) => core::Decided::Lifted {
                block: core::BlockId(block),
            },
            Decided::Kept(id, until) => core::Decided::Kept {
                adoption: adoption::AdoptionId(id),
                until: instant_opt(until)?,
            },
            Decided::Removed(id) => core::Decided::Removed {
                adoption: adoption::AdoptionId(id),
            },
        })
    }
}

/// What counts of a person's, each by its number and with the entry that says so, and how many there ever were.
#[derive(Serialize, Deserialize)]
pub(crate) struct Standing<'a> {
    #[serde(borrow)]
    openings: Vec<(u32, u64, Opening<'a>)>,
    #[serde(borrow)]
    blocks: Vec<(u32, u64, Block<'a>)>,
    #[serde(borrow)]
    adoptions: Vec<(u32, Adoption<'a>)>,
    opened: u32,
    blocked: u32,
    adopted: u32,
}

impl<'a> Standing<'a> {
    /// Of nearly everybody nothing was ever decided.
    pub(crate) fn of(standing: &'a core::Standing) -> Option<Self> {
        if *standing == core::Standing::default() {
            return None;
        }
        let openings = standing.openings.iter();
        let blocks = standing.blocks.iter();
        let adoptions = standing.adoptions.all.iter();
        Some(Standing {
            openings: openings
                .map(|(id, noted)| (id.0, noted.entry, Opening::of(noted)))
                .collect(),
            blocks: blocks
                .map(|(id, noted)| (id.0, noted.entry, Block::of(noted)))
                .collect(),
            adoptions: adoptions
                .map(|(id, adoption)| (id.0, Adoption::of(adoption)))
                .collect(),
            opened: standing.opened,
            blocked: standing.blocked,
            adopted: standing.adoptions.found,
        })
    }

    pub(crate) fn into_core(self) -> Result<core::Standing, Unreadable> {
        let (openings, blocks) = (self.openings.into_iter(), self.blocks.into_iter());
        let openings = openings.map(|(id, entry, one)| {
            let what = one.into_core()?;
            Ok((core::OpeningId(id), core::Noted { what, entry }))
        });
        let blocks = blocks.map(|(id, entry, one)| {
            let what = one.into_core()?;
            Ok((core::BlockId(id), core::Noted { what, entry }))
        });
        let adoptions = self.adoptions.into_iter();
        let adoptions = adoptions.map(|(id, one)| Ok((adoption::AdoptionId(id), one.into_core()?)));
        let adoptions = adoption::Adoptions {
            all: adoptions.collect::<Result<BTreeMap<_, _>, Unreadable>>()?,
            found: self.adopted,
        };
        Ok(core::Standing {
            openings: openings.collect::<Result<BTreeMap<_, _>, Unreadable>>()?,
            blocks: blocks.collect::<Result<BTreeMap<_, _>, Unreadable>>()?,
            adoptions,
            opened: self.opened,
            blocked: self.blocked,
        })
    }
}
