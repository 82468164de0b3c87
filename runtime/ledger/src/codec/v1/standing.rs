//! Layout 1 of what people decided about a person beside the policy.

use std::collections::BTreeMap;

use muster_core::policy::EntitlementName;
use muster_core::standing as core;
use serde::{Deserialize, Serialize};

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
        })
    }
}

/// What counts of a person's, each by its number, and how many there ever were.
#[derive(Serialize, Deserialize)]
pub(crate) struct Standing<'a> {
    #[serde(borrow)]
    openings: Vec<(u32, Opening<'a>)>,
    #[serde(borrow)]
    blocks: Vec<(u32, Block<'a>)>,
    opened: u32,
    blocked: u32,
}

impl<'a> Standing<'a> {
    /// Of nearly everybody nothing was ever decided.
    pub(crate) fn of(standing: &'a core::Standing) -> Option<Self> {
        if *standing == core::Standing::default() {
            return None;
        }
        let openings = standing.openings.iter();
        let blocks = standing.blocks.iter();
        Some(Standing {
            openings: openings
                .map(|(id, opening)| (id.0, Opening::of(opening)))
                .collect(),
            blocks: blocks.map(|(id, block)| (id.0, Block::of(block))).collect(),
            opened: standing.opened,
            blocked: standing.blocked,
        })
    }

    pub(crate) fn into_core(self) -> Result<core::Standing, Unreadable> {
        let (openings, blocks) = (self.openings.into_iter(), self.blocks.into_iter());
        let openings = openings.map(|(id, one)| Ok((core::OpeningId(id), one.into_core()?)));
        let blocks = blocks.map(|(id, one)| Ok((core::BlockId(id), one.into_core()?)));
        Ok(core::Standing {
            openings: openings.collect::<Result<BTreeMap<_, _>, Unreadable>>()?,
            blocks: blocks.collect::<Result<BTreeMap<_, _>, Unreadable>>()?,
            opened: self.opened,
            blocked: self.blocked,
        })
    }
}
