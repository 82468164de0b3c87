//! What people decided about a person beside the policy, and what still counts of it.
//!
//! ```text
//! desired = (policy + openings) - blocks
//! ```
//!
//! An **opening** gives a person something within a window; it is one more reason for a grant, so that of two windows
//! that overlap neither takes anything early. A **block** keeps something from a person, whatever else gives it, until
//! a date or until somebody lifts it. An **adoption** is a right that an account had when it was taken over
//! ([`crate::adoption`]). All stand in the person's row, so that no end of a window is lost by a stop.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::adoption::{Adoption, AdoptionId, Adoptions, Kept};
use crate::id::{RoleName, TargetName};
use crate::identity::Phase;
use crate::policy::EntitlementName;

/// The longest window of an opening, from its beginning: what is needed for longer is a role's to give.
pub const OPEN_MAX: Duration = Duration::from_hours(24 * 366);

/// Most openings and blocks that a person may have at a time, each.
pub const AT_ONCE_MAX: usize = 100;

/// Names an opening among those of one person; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpeningId(pub u32);

/// Names a block among those of one person; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlockId(pub u32);

/// What an opening gives.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Access {
    /// All that a role gives.
    Role(RoleName),
    /// An account, with nothing in it.
    Account(TargetName),
    /// An entitlement, and the account that has it.
    Entitlement(TargetName, EntitlementName),
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Access::Role(role) => write!(f, "role {role}"),
            Access::Account(target) => write!(f, "an account at {target}"),
            Access::Entitlement(target, name) => write!(f, "{name} at {target}"),
        }
    }
}

/// Something that a person has for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// What it gives.
    pub gives: Access,
    /// From when on.
    pub from: Timestamp,
    /// The first instant at which it gives nothing any more.
    pub until: Timestamp,
    /// Why, in the words of whoever opened it.
    pub reason: String,
}

impl Opening {
    /// Whether it gives anything at an instant.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// What a block keeps away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Barred {
    /// Everything, everywhere: the person is shut out.
    Everything,
    /// A whole account.
    Target(TargetName),
    /// What a role gives and nothing else does.
    Role(RoleName),
    /// An entitlement, whatever gives it.
    Entitlement(TargetName, EntitlementName),
}

impl std::fmt::Display for Barred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Barred::Everything => f.write_str("everything"),
            Barred::Target(target) => write!(f, "the account at {target}"),
            Barred::Role(role) => write!(f, "role {role}"),
            Barred::Entitlement(target, name) => write!(f, "{name} at {target}"),
        }
    }
}

/// Something that a person is not to have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// What it keeps away.
    pub keeps_away: Barred,
    /// Since when.
    pub since: Timestamp,
    /// The first instant at which it keeps nothing away any more; `None`: until somebody lifts it.
    pub until: Option<Timestamp>,
    /// Why, in the words of whoever set it.
    pub reason: String,
}

impl Block {
    /// Whether it keeps anything away at an instant.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// A decision about what a person has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decided {
    /// Something was opened.
    Opened(Opening),
    /// An opening ends later than it did.
    Extended {
        /// Which.
        opening: OpeningId,
        /// Its new end.
        until: Timestamp,
    },
    /// An opening ended before its window did.
    GivenBack {
        /// Which.
        opening: OpeningId,
    },
    /// Something is kept away.
    Blocked(Block),
    /// A block was lifted.
    Lifted {
        /// Which.
        block: BlockId,
    },
    /// A right that an account had when it was taken over stays.
    Kept {
        /// Which.
        adoption: AdoptionId,
        /// The first instant at which it stays no longer; `None`: as long as the person is to have the account.
        until: Option<Timestamp>,
    },
    /// A right that an account had when it was taken over goes.
    Removed {
        /// Which.
        adoption: AdoptionId,
    },
}

/// Something that was decided and counts, with the entry of the journal that says so, and who did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noted<T> {
    /// What.
    pub what: T,
    /// The number of the entry; of what was extended, that of the extension.
    pub entry: u64,
}

impl<T> std::ops::Deref for Noted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.what
    }
}

/// Why a decision cannot stand.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// A window that ends before it begins, or has passed.
    #[error("it would end at {until}, which is not after {from}")]
    EndsBeforeItBegins {
        /// When it would begin; now, if that is later.
        from: Timestamp,
        /// When it would end.
        until: Timestamp,
    },
    /// A window that is longer than any may be.
    #[error("it would be open for {} days, and at most {} are possible", .0.as_hours() / 24, OPEN_MAX.as_secs() / 86_400)]
    TooLong(SignedDuration),
    /// An extension to before the end.
    #[error("it is open until {until} already")]
    NoExtension {
        /// Its end.
        until: Timestamp,
    },
    /// An opening that is not there, or is over.
    #[error("there is no opening {} any more, or there never was", .0.0)]
    NoOpening(OpeningId),
    /// A block that is not there, or is over.
    #[error("there is no block {} any more, or there never was", .0.0)]
    NoBlock(BlockId),
    /// An adoption that is not there, or is over.
    #[error("there is no adoption {} any more, or there never was", .0.0)]
    NoAdoption(AdoptionId),
    /// Nothing can be opened for somebody who does not work here.
    #[error("no employment is known that has not ended")]
    HasLeft,
    /// More than a person may have.
    #[error("{AT_ONCE_MAX} are there already, and no person may have more")]
    TooMany,
}

/// What counts, beside the policy, of what was decided about a person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// What is or will be open.
    pub openings: BTreeMap<OpeningId, Noted<Opening>>,
    /// What is kept away.
    pub blocks: BTreeMap<BlockId, Noted<Block>>,
    /// What accounts had when they were taken over.
    pub adoptions: Adoptions,
    /// How many openings there ever were.
    pub opened: u32,
    /// How many blocks there ever were.
    pub blocked: u32,
}

impl Standing {
    /// Whether a decision can stand.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self, decided: &Decided, phase: Phase, now: Timestamp) -> Result<(), Refused> {
        match decided {
            Decided::Opened(_) if phase == Phase::Ended => Err(Refused::HasLeft),
            Decided::Opened(_) if self.openings.len() >= AT_ONCE_MAX => Err(Refused::TooMany),
            Decided::Opened(opening) => is_window(opening.from, opening.until, now),
            Decided::Extended { opening, until } => {
                let opening = self.running(*opening, now)?;
                if *until <= opening.until {
                    let until = opening.until;
                    return Err(Refused::NoExtension { until });
                }
                is_window(opening.from, *until, now)
            }
            Decided::GivenBack { opening } => self.running(*opening, now).map(drop),
            // Somebody can always be shut out.
            Decided::Blocked(block)
                if self.blocks.len() >= AT_ONCE_MAX && block.keeps_away != Barred::Everything =>
            {
                Err(Refused::TooMany)
            }
            Decided::Blocked(block) => match block.until {
                Some(until) => is_ahead(until, now),
                None => Ok(()),
            },
            Decided::Lifted { block: id } => match self.blocks.get(id) {
                Some(block) if block.holds(now) => Ok(()),
                Some(_) | None => Err(Refused::NoBlock(*id)),
            },
            Decided::Kept { adoption, until } => {
                self.adopted(*adoption, now)?;
                match until {
                    Some(until) => is_ahead(*until, now),
                    None => Ok(()),
                }
            }
            Decided::Removed { adoption } => self.adopted(*adoption, now),
        }
    }

    fn adopted(&self, id: AdoptionId, now: Timestamp) -> Result<(), Refused> {
        match self.adoptions.all.get(&id) {
            Some(adoption) if adoption.gives(now) => Ok(()),
            Some(_) | None => Err(Refused::NoAdoption(id)),
        }
    }

    fn running(&self, id: OpeningId, now: Timestamp) -> Result<&Opening, Refused> {
        let opening = self.openings.get(&id).filter(|opening| now < opening.until);
        let opening = opening.map(|opening| &opening.what);
        opening.ok_or(Refused::NoOpening(id))
    }

    /// Takes in a decision that was checked, and in which entry of the journal it stands. Returns false where what it
    /// is about is gone.
    pub fn decide(&mut self, decided: &Decided, entry: u64) -> bool {
        match decided {
            Decided::Opened(opening) => {
                self.opened += 1;
                let what = opening.clone();
                let noted = Noted { what, entry };
                self.openings.insert(OpeningId(self.opened), noted);
                true
            }
            Decided::Extended { opening, until } => {
                let Some(noted) = self.openings.get_mut(opening) else {
                    return false;
                };
                noted.what.until = *until;
                noted.entry = entry;
                true
            }
            Decided::GivenBack { opening } => self.openings.remove(opening).is_some(),
            Decided::Blocked(block) => {
                self.blocked += 1;
                let what = block.clone();
                let noted = Noted { what, entry };
                self.blocks.insert(BlockId(self.blocked), noted);
                true
            }
            Decided::Lifted { block } => self.blocks.remove(block).is_some(),
            Decided::Kept { adoption, until } => {
                let until = *until;
                self.adoptions.keep(*adoption, Kept { until, entry })
            }
            Decided::Removed { adoption } => self.adoptions.all.remove(adoption).is_some(),
        }
    }

    /// What is open at an instant.
    pub fn open(&self, at: Timestamp) -> impl Iterator<Item = (OpeningId, &Opening)> {
        let openings = self.openings.iter();
        let openings = openings.map(|(id, opening)| (*id, &opening.what));
        openings.filter(move |(_, opening)| opening.is_open(at))
    }

    /// The blocks that hold at an instant.
    pub fn holding(&self, at: Timestamp) -> impl Iterator<Item = (BlockId, &Block)> {
        let blocks = self.blocks.iter().map(|(id, block)| (*id, &block.what));
        blocks.filter(move |(_, block)| block.holds(at))
    }

    /// Whether a person's account at a target is kept away at an instant.
    pub fn bars(&self, target: &TargetName, at: Timestamp) -> bool {
        self.holding(at).any(|(_, block)| match &block.keeps_away {
            Barred::Everything => true,
            Barred::Target(barred) => barred == target,
            Barred::Role(_) | Barred::Entitlement(..) => false,
        })
    }

    /// Whether what a role gives is kept away at an instant.
    pub fn bars_role(&self, role: &RoleName, at: Timestamp) -> bool {
        self.holding(at)
            .any(|(_, block)| block.keeps_away == Barred::Role(role.clone()))
    }

    /// The entitlements of a target that are kept away at an instant.
    pub fn barred_at(
        &self,
        target: &TargetName,
        at: Timestamp,
    ) -> impl Iterator<Item = &EntitlementName> {
        self.holding(at)
            .filter_map(move |(_, block)| match &block.keeps_away {
                Barred::Entitlement(barred, name) if barred == target => Some(name),
                _ => None,
            })
    }

    /// When something begins or ends by itself next.
    pub fn changes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let openings = self.openings.values();
        let openings = openings.flat_map(|opening| [opening.from, opening.until]);
        let blocks = self.blocks.values().filter_map(|block| block.until);
        let adoptions = self.adoptions.all.values();
        let adoptions = adoptions.filter_map(Adoption::end);
        let ends = openings.chain(blocks).chain(adoptions);
        ends.filter(|at| *at > now).min()
    }

    /// Forgets what is over. Openings and adoptions end with the employment; a block does not.
    pub(crate) fn forget_ended(&mut self, phase: Phase, now: Timestamp) {
        let is_here = phase != Phase::Ended;
        self.openings
            .retain(|_, opening| is_here && opening.until > now);
        self.blocks.retain(|_, block| block.holds(now));
        self.adoptions.forget_ended(phase, now);
    }
}

fn is_ahead(until: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if until <= now {
        return Err(Refused::EndsBeforeItBegins { from: now, until });
    }
    Ok(())
}

fn is_window(from: Timestamp, until: Timestamp, now: Timestamp) -> Result<(), Refused> {
    let begins = from.max(now);
    if until <= begins {
        return Err(Refused::EndsBeforeItBegins {
            from: begins,
            until,
        });
    }
    let open = until.duration_since(from);
    if open.unsigned_abs() > OPEN_MAX {
        return Err(Refused::TooLong(open));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
    }

    fn opening(from: i64, until: i64) -> Opening {
        Opening {
            gives: Access::Account(TargetName::new("crm").unwrap()),
            from: at(from),
            until: at(until),
            reason: "covers for Ann".to_owned(),
        }
    }

    fn standing(openings: &[(i64, i64)]) -> Standing {
        let mut standing = Standing::default();
        for (from, until) in openings {
            assert!(standing.decide(&Decided::Opened(opening(*from, *until)), 1));
        }
        standing
    }

    #[test]
    fn a_window_begins_with_its_first_instant_and_its_last_is_before_its_end() {
        let standing = standing(&[(2, 5), (4, 9)]);
        let open = |hour| {
            let open = standing.open(at(hour)).map(|(id, _)| id.0);
            open.collect::<Vec<_>>()
        };
        assert_eq!(open(1), []);
        assert_eq!((open(2), open(4), open(5)), (vec![1], vec![1, 2], vec![2]));
        assert_eq!(open(9), []);
        let changes = [1, 2, 4, 5, 9].map(|hour| standing.changes_at(at(hour)));
        let next = [2, 4, 5, 9].map(|hour| Some(at(hour)));
        assert_eq!(changes[..4], next);
        assert_eq!(changes[4], None);
    }

    #[test]
    fn what_cannot_stand_is_refused_with_its_reason() {
        let standing = standing(&[(2, 5)]);
        let check = |decided, hour| standing.check(&decided, Phase::Active, at(hour));
        let opened = |from, until| Decided::Opened(opening(from, until));
        let ends = |from, until| Refused::EndsBeforeItBegins {
            from: at(from),
            until: at(until),
        };
        assert_eq!(check(opened(4, 4), 1), Err(ends(4, 4)));
        assert_eq!(check(opened(1, 3), 3), Err(ends(3, 3)), "it has passed");
        let long = 367 * 24;
        let too_long = Refused::TooLong(SignedDuration::from_hours(long));
        assert_eq!(check(opened(1, 1 + long), 0), Err(too_long));
        let left = standing.check(&opened(1, 2), Phase::Ended, at(0));
        assert_eq!(left, Err(Refused::HasLeft));
        let extended = |until| Decided::Extended {
            opening: OpeningId(1),
            until: at(until),
        };
        assert_eq!(check(extended(6), 3), Ok(()));
        let no = Refused::NoExtension { until: at(5) };
        assert_eq!(check(extended(4), 3), Err(no));
        assert!(matches!(
            check(extended(3 + long), 3),
            Err(Refused::TooLong(_))
        ));
        let gone = Refused::NoOpening(OpeningId(1));
        assert_eq!(check(extended(9), 5), Err(gone.clone()), "it is over");
        let closed = Decided::GivenBack {
            opening: OpeningId(1),
        };
        assert_eq!(
            (check(closed.clone(), 4), check(closed, 5)),
            (Ok(()), Err(gone))
        );
        let lifted = Decided::Lifted { block: BlockId(1) };
        assert_eq!(check(lifted, 1), Err(Refused::NoBlock(BlockId(1))));
    }

    #[test]
    fn openings_end_with_the_employment_and_blocks_do_not() {
        let mut standing = standing(&[(2, 50)]);
        standing.decide(
            &Decided::Blocked(Block {
                keeps_away: Barred::Everything,
                since: at(3),
                until: None,
                reason: "stolen laptop".to_owned(),
            }),
            2,
        );
        standing.forget_ended(Phase::Ended, at(4));
        assert!(standing.openings.is_empty());
        assert!(standing.bars(&TargetName::new("crm").unwrap(), at(1_000_000)));
        standing.decide(&Decided::Opened(opening(5, 9)), 3);
        let ids: Vec<_> = standing.openings.keys().collect();
        assert_eq!(ids, [&OpeningId(2)], "no number is used twice");
    }
}
