//! Layout 1 of a person with accounts, grants and what is still to be done.

use jiff::Timestamp;
use muster_core::adoption::AdoptionId;
use muster_core::budget;
use muster_core::group;
use muster_core::id::{OperationId, PlanId, TargetName};
use muster_core::person as core;
use muster_core::standing::OpeningId;
use serde::{Deserialize, Serialize};

use super::connector::{
    AccountState, Attributes, EntitlementKey, ObjectRef, text_pairs, text_pairs_into_core,
};
use super::identity::{Identity, Phase};
use super::operation::{How, Operation, Unreached, unreached_into_core};
use super::parts::{Pairs, Who, policy, role, target};
use super::record::Records;
use super::standing::Standing;
use crate::codec::{Unreadable, instant, instant_opt, micros};

/// One reason why a grant exists.
#[derive(Serialize, Deserialize)]
pub(crate) enum Justification<'a> {
    #[serde(rename = "r")]
    Role(&'a str, &'a str),
    #[serde(rename = "a")]
    Adoption(u32),
    #[serde(rename = "o")]
    Opening(u32),
}

/// The reasons why a grant exists, in their order.
#[derive(Serialize, Deserialize)]
pub(crate) struct Justifications<'a>(#[serde(borrow)] Vec<Justification<'a>>);

impl<'a> Justifications<'a> {
    pub(crate) fn of(justifications: &'a std::collections::BTreeSet<core::Justification>) -> Self {
        let justifications = justifications.iter();
        Justifications(
            justifications
                .map(|justification| match justification {
                    core::Justification::Role { role, policy } => {
                        Justification::Role(role.as_str(), policy.as_str())
                    }
                    core::Justification::Adoption(id) => Justification::Adoption(id.0),
                    core::Justification::Opening(id) => Justification::Opening(id.0),
                })
                .collect(),
        )
    }

    pub(crate) fn into_core(
        self,
    ) -> Result<std::collections::BTreeSet<core::Justification>, Unreadable> {
        let justifications = self.0.into_iter();
        justifications
            .map(|justification| {
                Ok(match justification {
                    Justification::Role(name, version) => core::Justification::Role {
                        role: role(name)?,
                        policy: policy(version),
                    },
                    Justification::Adoption(id) => core::Justification::Adoption(AdoptionId(id)),
                    Justification::Opening(id) => core::Justification::Opening(OpeningId(id)),
                })
            })
            .collect()
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Grant<'a> {
    #[serde(borrow)]
    justifications: Justifications<'a>,
    since: Option<i64>,
    plan: Option<u64>,
    was_taken_along: bool,
}

impl<'a> Grant<'a> {
    fn of(grant: &'a core::Grant) -> Self {
        Grant {
            justifications: Justifications::of(&grant.justifications),
            since: grant.since.map(micros),
            plan: grant.plan.map(|plan| plan.0),
            was_taken_along: grant.was_taken_along,
        }
    }

    fn into_core(self) -> Result<core::Grant, Unreadable> {
        Ok(core::Grant {
            justifications: self.justifications.into_core()?,
            since: instant_opt(self.since)?,
            plan: self.plan.map(PlanId),
            was_taken_along: self.was_taken_along,
        })
    }
}

/// In which way an account is other than it was left.
#[derive(Serialize, Deserialize)]
pub(crate) enum Drifted {
    #[serde(rename = "g")]
    Gone,
    #[serde(rename = "o")]
    SwitchedOff,
}

impl Drifted {
    fn of(what: core::Drifted) -> Self {
        match what {
            core::Drifted::Gone => Drifted::Gone,
            core::Drifted::SwitchedOff => Drifted::SwitchedOff,
        }
    }

    fn into_core(self) -> core::Drifted {
        match self {
            Drifted::Gone => core::Drifted::Gone,
            Drifted::SwitchedOff => core::Drifted::SwitchedOff,
        }
    }
}

/// What was seen of an account beside any operation.
#[derive(Serialize, Deserialize)]
pub(crate) enum Sighting<'a> {
    #[serde(rename = "m", borrow)]
    Moved(ObjectRef<'a>),
    #[serde(rename = "g")]
    Gone,
    #[serde(rename = "s")]
    InState(AccountState),
    #[serde(rename = "l", borrow)]
    Lost(EntitlementKey<'a>),
    #[serde(rename = "t", borrow)]
    TakenOver(Vec<EntitlementKey<'a>>),
}

impl<'a> Sighting<'a> {
    pub(crate) fn of(sighting: &'a core::Sighting) -> Self {
        match sighting {
            core::Sighting::Moved(object) => Sighting::Moved(ObjectRef::of(object)),
            core::Sighting::Gone => Sighting::Gone,
            core::Sighting::InState(state) => Sighting::InState(AccountState::of(*state)),
            core::Sighting::Lost(key) => Sighting::Lost(EntitlementKey::of(key)),
            core::Sighting::TakenOver(rights) => {
                Sighting::TakenOver(rights.iter().map(EntitlementKey::of).collect())
            }
        }
    }

    pub(crate) fn into_core(self) -> core::Sighting {
        match self {
            Sighting::Moved(object) => core::Sighting::Moved(object.into_core()),
            Sighting::Gone => core::Sighting::Gone,
            Sighting::InState(state) => core::Sighting::InState(state.into_core()),
            Sighting::Lost(key) => core::Sighting::Lost(key.into_core()),
            Sighting::TakenOver(rights) => {
                let rights = rights.into_iter().map(EntitlementKey::into_core);
                core::Sighting::TakenOver(rights.collect())
            }
        }
    }
}

/// What a person decided about an account.
#[derive(Serialize, Deserialize)]
pub(crate) enum Decision {
    #[serde(rename = "r")]
    Restore,
    #[serde(rename = "l")]
    Leave,
}

impl Decision {
    pub(crate) fn of(decision: core::Decision) -> Self {
        match decision {
            core::Decision::Restore => Decision::Restore,
            core::Decision::Leave => Decision::Leave,
        }
    }

    pub(crate) fn into_core(self) -> core::Decision {
        match self {
            Decision::Restore => core::Decision::Restore,
            Decision::Leave => core::Decision::Leave,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Account<'a> {
    is_wanted: bool,
    #[serde(borrow)]
    object: Option<ObjectRef<'a>>,
    state: Option<AccountState>,
    #[serde(borrow)]
    keys: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    attributes: Attributes<'a>,
    #[serde(borrow)]
    grants: Pairs<EntitlementKey<'a>, Grant<'a>>,
    let_go_at: Option<i64>,
    delete_at: Option<i64>,
    lost_at: Option<i64>,
    /// In which way it is other than it was left, and whether somebody decided to leave it so.
    drift: Option<(Drifted, bool)>,
    #[serde(borrow)]
    taken: Pairs<&'a str, Taken<'a>>,
    #[serde(borrow)]
    operations: Vec<Operation<'a>>,
}

/// How it ended that something was taken away. The plan of its operation is stored as in [`Operation`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Taken<'a> {
    plans_back: u64,
    number: u32,
    how: How,
    at: i64,
    #[serde(borrow)]
    unreached: Vec<Unreached<'a>>,
}

impl<'a> Taken<'a> {
    fn of(taken: &'a core::Taken, plan: PlanId) -> Self {
        Taken {
            plans_back: plan.0.wrapping_sub(taken.operation.plan.0),
            number: taken.operation.number,
            how: How::of(taken.how),
            at: micros(taken.at),
            unreached: taken.unreached.iter().map(Unreached::of).collect(),
        }
    }

    fn into_core(self, plan: PlanId) -> Result<core::Taken, Unreadable> {
        Ok(core::Taken {
            operation: OperationId {
                plan: PlanId(plan.0.wrapping_sub(self.plans_back)),
                number: self.number,
            },
            how: self.how.into_core(),
            at: instant(self.at)?,
            unreached: unreached_into_core(self.unreached)?,
        })
    }
}

impl<'a> Account<'a> {
    fn of(account: &'a core::Account, plan: PlanId) -> Self {
        let grants = account.grants.iter();
        let operations = account.operations.iter();
        Account {
            is_wanted: account.is_wanted,
            object: account.object.as_ref().map(ObjectRef::of),
            state: account.state.map(AccountState::of),
            keys: text_pairs(&account.keys),
            attributes: Attributes::of(&account.attributes),
            grants: Pairs(
                grants
                    .map(|(key, grant)| (EntitlementKey::of(key), Grant::of(grant)))
                    .collect(),
            ),
            let_go_at: account.let_go_at.map(micros),
            delete_at: account.delete_at.map(micros),
            lost_at: account.lost_at.map(micros),
            taken: Pairs(
                account
                    .taken
                    .iter()
                    .map(|(what, taken)| (what.as_str(), Taken::of(taken, plan)))
                    .collect(),
            ),
            drift: account
                .drift
                .map(|drift| (Drifted::of(drift.what), drift.is_left)),
            operations: operations
                .map(|operation| Operation::of(operation, plan))
                .collect(),
        }
    }

    fn into_core(self, plan: PlanId) -> Result<core::Account, Unreadable> {
        let grants = self.grants.0.into_iter();
        let operations = self.operations.into_iter();
        Ok(core::Account {
            is_wanted: self.is_wanted,
            object: self.object.map(ObjectRef::into_core),
            state: self.state.map(AccountState::into_core),
            keys: text_pairs_into_core(self.keys),
            attributes: self.attributes.into_core()?,
            grants: grants
                .map(|(key, grant)| Ok((key.into_core(), grant.into_core()?)))
                .collect::<Result<_, Unreadable>>()?,
            let_go_at: instant_opt(self.let_go_at)?,
            delete_at: instant_opt(self.delete_at)?,
            lost_at: instant_opt(self.lost_at)?,
            taken: self
                .taken
                .0
                .into_iter()
                .map(|(what, taken)| Ok((what.to_owned(), taken.into_core(plan)?)))
                .collect::<Result<_, Unreadable>>()?,
            drift: self.drift.map(|(what, is_left)| core::Drift {
                what: what.into_core(),
                is_left,
            }),
            operations: operations
                .map(|operation| operation.into_core(plan))
                .collect::<Result<_, Unreadable>>()?,
        })
    }
}

/// What counts against a feed's budget.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Move {
    #[serde(rename = "l")]
    Left,
    #[serde(rename = "a")]
    Announced,
    #[serde(rename = "b")]
    Back,
}

impl Move {
    fn of(what: budget::Move) -> Self {
        match what {
            budget::Move::Left => Move::Left,
            budget::Move::Announced => Move::Announced,
            budget::Move::Back => Move::Back,
        }
    }

    fn into_core(self) -> budget::Move {
        match self {
            Move::Left => budget::Move::Left,
            Move::Announced => budget::Move::Announced,
            Move::Back => budget::Move::Back,
        }
    }
}

fn counted((what, at): (Move, i64)) -> Result<budget::Counted, Unreadable> {
    Ok(budget::Counted {
        what: what.into_core(),
        at: instant(at)?,
    })
}

/// A group of people.
#[derive(Serialize, Deserialize)]
pub(crate) enum Group<'a> {
    #[serde(rename = "d")]
    Department(&'a str),
    #[serde(rename = "r")]
    Role(&'a str),
}

/// When somebody lost something as one of a group.
#[derive(Serialize, Deserialize)]
pub(crate) struct Lost<'a>(#[serde(borrow)] Group<'a>, i64);

impl<'a> Lost<'a> {
    fn of((group, at): (&'a group::Group, &Timestamp)) -> Self {
        let group = match group {
            group::Group::Department(name) => Group::Department(name),
            group::Group::Role(name) => Group::Role(name.as_str()),
        };
        Lost(group, micros(*at))
    }

    fn into_core(self) -> Result<(group::Group, Timestamp), Unreadable> {
        let group = match self.0 {
            Group::Department(name) => group::Group::Department(name.to_owned()),
            Group::Role(name) => group::Group::Role(role(name)?),
        };
        Ok((group, instant(self.1)?))
    }
}

/// A person.
#[derive(Serialize, Deserialize)]
pub(crate) struct Person<'a> {
    #[serde(borrow)]
    id: Who<'a>,
    #[serde(borrow)]
    identity: Identity<'a>,
    #[serde(borrow)]
    records: Option<Records<'a>>,
    origin_plan: u64,
    origin_row: Option<u32>,
    is_present: bool,
    phase: Phase,
    wake_at: Option<i64>,
    counted: Option<(Move, i64)>,
    #[serde(borrow)]
    lost: Vec<Lost<'a>>,
    back_at: Option<i64>,
    is_end_settled: bool,
    #[serde(borrow)]
    standing: Option<Standing<'a>>,
    plan: u64,
    #[serde(borrow)]
    accounts: Pairs<&'a str, Account<'a>>,
}

impl<'a> Person<'a> {
    pub(crate) fn of(person: &'a core::Person) -> Self {
        let accounts = person.accounts.iter();
        Person {
            id: Who::of(&person.id),
            identity: Identity::of(&person.identity),
            records: Records::of(&person.records),
            origin_plan: person.origin.plan.0,
            origin_row: person.origin.row,
            is_present: person.is_present,
            phase: Phase::of(person.phase),
            wake_at: person.wake_at.map(micros),
            counted: person
                .counted
                .map(|counted| (Move::of(counted.what), micros(counted.at))),
            lost: person.lost.iter().map(Lost::of).collect(),
            back_at: person.back_at.map(micros),
            is_end_settled: person.is_end_settled,
            standing: Standing::of(&person.standing),
            plan: person.plan.0,
            accounts: Pairs(
                accounts
                    .map(|(target, account)| (target.as_str(), Account::of(account, person.plan)))
                    .collect(),
            ),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Person, Unreadable> {
        let plan = PlanId(self.plan);
        let accounts = self.accounts.0.into_iter();
        let standing = self.standing.map(Standing::into_core).transpose()?;
        Ok(core::Person {
            id: self.id.into_core()?,
            identity: self.identity.into_core()?,
            records: self
                .records
                .map(Records::into_core)
                .transpose()?
                .unwrap_or_default(),
            origin: core::Origin {
                plan: PlanId(self.origin_plan),
                row: self.origin_row,
            },
            is_present: self.is_present,
            phase: self.phase.into_core(),
            wake_at: instant_opt(self.wake_at)?,
            counted: self.counted.map(counted).transpose()?,
            lost: self
                .lost
                .into_iter()
                .map(Lost::into_core)
                .collect::<Result<_, Unreadable>>()?,
            back_at: instant_opt(self.back_at)?,
            is_end_settled: self.is_end_settled,
            standing: standing.unwrap_or_default(),
            plan,
            accounts: accounts
                .map(|(name, account)| Ok((target(name)?, account.into_core(plan)?)))
                .collect::<Result<std::collections::BTreeMap<TargetName, _>, Unreadable>>()?,
        })
    }
}
