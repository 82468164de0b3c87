//! What counts against the budgets: who leaves, whose last day is announced, who comes back, and which
//! accounts lose something. Budgets look over days and over every door, so that forty people who go one
//! by one are as many as forty who go in one file.
//!
//! What was counted last stands on the person and on the account ([`Counted`], `lost`, `lost_at`), so the sums
//! of the ledger follow from people, and nobody is counted twice. What a person approved is not counted.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::connector::EntitlementKey;
use crate::fact::{AccountPlanned, Deletion, PersonPlanned};
use crate::group::{self, Group};
use crate::id::TargetName;
use crate::identity::{Identity, Phase};
use crate::operation::Action;
use crate::person::{Account, Justification, Person};
use crate::standing::OpeningId;

/// How long before its day a last day has to be known that came with the hire itself. One that is nearer
/// is counted on its day, because nobody had time to look at it.
const KNOWN_LONG: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How far the clock may be ahead of the newest entry of the journal. Where it is further, no time has
/// passed until somebody says that the clock is right.
pub const CLOCK_STEP_MAX: SignedDuration = SignedDuration::from_hours(72);

/// The instant by which days are judged: the clock's, unless it is implausibly far ahead of `newest`, the
/// newest entry that was believed.
pub fn believed(newest: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match newest {
        Some(newest) if now.duration_since(newest) > CLOCK_STEP_MAX => newest,
        Some(_) | None => now,
    }
}

/// When and how a plan takes effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effect {
    /// When, as far as the clock is believed.
    pub at: Timestamp,
    /// The instant under which it is counted. It never goes back, so that what was counted while the clock
    /// was behind is not forgotten when it is right again.
    pub counted_at: Timestamp,
    /// Whether a person approved it, so that it counts against no budget.
    pub is_approved: bool,
}

impl Effect {
    /// A plan that goes without asking.
    pub fn unasked(at: Timestamp) -> Self {
        Self {
            at,
            counted_at: at,
            is_approved: false,
        }
    }
}

/// How long it is remembered of whom a group lost something: longer than any budget looks back.
pub const GROUP_LOSS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// What counts against a feed's budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Move {
    /// The person left.
    Left,
    /// A last day was announced, or came nearer.
    Announced,
    /// Somebody who had left is back.
    Back,
}

/// What was counted last of a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// What.
    pub what: Move,
    /// When.
    pub at: Timestamp,
}

/// What one person's part of a plan costs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Toll {
    /// What counts against the budget of the person's feed.
    pub person: Option<Move>,
    /// The targets at which the account loses something, or is announced to.
    pub targets: Vec<TargetName>,
    /// The groups of which somebody loses something: their department, and the roles that they have no longer.
    pub groups: BTreeSet<Group>,
    /// Whether the last day that is known from now on is asked about no more when it comes.
    pub is_end_settled: bool,
}

impl Toll {
    /// What a plan that takes effect `now` costs.
    pub fn of(before: Option<&Person>, planned: &PersonPlanned, now: Timestamp) -> Self {
        let identity = planned.identity.as_ref();
        let identity = identity.or(before.map(|person| &person.identity));
        let end = identity.filter(|_| planned.is_present);
        let end = end.and_then(Identity::ends_at);
        let is_far = |end: Timestamp| end.duration_since(now) >= KNOWN_LONG;
        let Some(person) = before else {
            return Toll {
                is_end_settled: end.is_some_and(is_far),
                ..Toll::default()
            };
        };
        let end_before = person.announced_end();
        let is_here = planned.phase != Phase::Ended;
        let mut toll = Toll {
            is_end_settled: end.is_some_and(|at| {
                let is_known = person.is_end_settled && end_before.is_some_and(|known| known <= at);
                is_known || (end_before != Some(at) && is_far(at))
            }),
            ..Toll::default()
        };
        if person.phase == Phase::Ended {
            toll.person = is_here.then_some(Move::Back);
            toll.targets = losing(person, planned, now);
            return toll;
        }
        let is_day = person.is_end_settled && end_before.is_some_and(|end| end <= now);
        if !is_here && is_day {
            return toll;
        }
        toll.targets = losing(person, planned, now);
        // Back before the first day takes away like leaving.
        let steps_back = planned.phase == Phase::Prehire && person.phase != Phase::Prehire;
        let is_announced = end.is_some_and(|end| end_before.is_none_or(|known| end < known));
        if !is_here || steps_back {
            toll.person = Some(Move::Left);
        } else if is_announced {
            toll.person = Some(Move::Announced);
            toll.is_end_settled = true;
            let wanted = person.accounts.iter();
            let wanted = wanted.filter(|(_, account)| account.is_wanted);
            toll.targets
                .extend(wanted.map(|(target, _)| target.clone()));
            toll.targets.sort();
            toll.targets.dedup();
        }
        if toll.takes() {
            toll.groups = losing_groups(person, planned, toll.person.is_some());
        }
        toll
    }

    /// Whether somebody loses something, now or on a day that was announced.
    pub fn takes(&self) -> bool {
        matches!(self.person, Some(Move::Left | Move::Announced)) || !self.targets.is_empty()
    }
}

/// The groups that lose somebody, or of which somebody loses something. Whoever goes loses every role, on that day or
/// on one that was announced.
fn losing_groups(person: &Person, planned: &PersonPlanned, goes: bool) -> BTreeSet<Group> {
    let kept = person.accounts.iter();
    let kept = kept.filter(|(target, _)| !planned.accounts.contains_key(*target));
    let kept = kept.flat_map(|(_, account)| account.grants.values());
    let kept = kept.map(|grant| &grant.justifications);
    let given = planned.accounts.values();
    let given = given.flat_map(|account| account.grants.values());
    let left = group::roles(kept.chain(given));
    let had = person.accounts.values();
    let had = had.flat_map(|account| account.grants.values());
    let had = group::roles(had.map(|grant| &grant.justifications));
    let lost = had.into_iter().filter(|role| goes || !left.contains(role));
    let lost = lost.map(|role| Group::Role(role.clone()));
    lost.chain(group::department(&person.identity)).collect()
}

fn losing(person: &Person, planned: &PersonPlanned, now: Timestamp) -> Vec<TargetName> {
    let accounts = planned.accounts.iter();
    let accounts = accounts.filter(|(target, account)| {
        let had = person.accounts.get(*target);
        had.is_some_and(|had| {
            loses(had, account, now) && !is_window_end(person, target, account, now)
        })
    });
    accounts.map(|(target, _)| target.clone()).collect()
}

/// Whether a plan takes something from an account that it had. What was let go before loses nothing more,
/// unless it is deleted before the day that was said.
fn loses(had: &Account, planned: &AccountPlanned, now: Timestamp) -> bool {
    let mut actions = planned.operations.iter().map(|operation| &operation.action);
    if had.is_wanted {
        return actions.any(Action::is_removal);
    }
    let is_its_day = planned.deletion == Deletion::AsBefore
        && had.delete_at.is_some_and(|delete_at| delete_at <= now);
    !is_its_day && actions.any(|action| matches!(action, Action::EnsureAbsent))
}

/// Whether nothing is taken but what was opened or kept for a while and is over: that was known when it was decided.
fn is_window_end(
    person: &Person,
    target: &TargetName,
    planned: &AccountPlanned,
    now: Timestamp,
) -> bool {
    let Some(had) = person.accounts.get(target) else {
        return false;
    };
    let has_ended = |id: &OpeningId| {
        let opening = person.standing.openings.get(id);
        opening.is_some_and(|opening| opening.until <= now)
    };
    let is_over = |key: &EntitlementKey| {
        let grant = had.grants.get(key);
        grant.is_some_and(|grant| {
            let mut reasons = grant.justifications.iter();
            reasons.all(|reason| match reason {
                Justification::Opening(id) => has_ended(id),
                Justification::Adoption(id) => person.standing.adoptions.has_ended(*id, now),
                Justification::Role { .. } => false,
            })
        })
    };
    if !planned.is_wanted {
        // The account goes with the last thing that was open in it.
        let any = person.standing.openings.keys().any(has_ended);
        return any && had.grants.keys().all(is_over);
    }
    let mut removals = planned.operations.iter().map(|operation| &operation.action);
    removals.all(|action| match action {
        Action::EnsureRevoked(key) => is_over(key),
        action => !action.is_removal(),
    })
}
