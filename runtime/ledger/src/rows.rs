//! The rows that follow from one person: where the driver finds the person's accounts, when the
//! person changes by itself, which accounts at apps belong to the person, and what is counted.

use std::collections::BTreeMap;

use muster_core::budget::Move;
use muster_core::connector::AccountState;
use muster_core::group::Group;
use muster_core::id::{FeedName, PlanId, TargetName};
use muster_core::identity::Phase;
use muster_core::operation::{OperationState, State};
use muster_core::person::{Account, Person, Turns};
use muster_core::standing::Standing;

use crate::kept::{Lane, Stands};
use crate::keys::{self, Budget};

/// The keys of a person's rows in the other tables.
#[derive(Default)]
pub(crate) struct PersonRows {
    pub(crate) due: Vec<Vec<u8>>,
    pub(crate) timer: Option<Vec<u8>>,
    pub(crate) standings: Vec<Vec<u8>>,
    pub(crate) links: Vec<Vec<u8>>,
    /// Whether a call is out for one of the accounts.
    pub(crate) is_out: bool,
}

impl PersonRows {
    /// The rows of a person whose key is `key`.
    pub(crate) fn of(person: &Person, key: &[u8]) -> Self {
        let mut rows = PersonRows {
            due: Vec::new(),
            timer: person.wake_at.map(|at| keys::timer(at, key)),
            standings: standings_of(person, key),
            links: Self::links_of(person),
            is_out: false,
        };
        for (target, account) in &person.accounts {
            match account.turns() {
                // Nothing can be done for it before the call ends, and that the call is out is an intent.
                Turns::Busy(_) => rows.is_out = true,
                Turns::Ready(turns) => rows.due.extend(
                    turns
                        .into_iter()
                        .map(|(urgency, at)| keys::due(target, Lane::Ready(urgency), at, key)),
                ),
            }
        }
        rows
    }

    /// The keys of the accounts at apps that are a person's.
    pub(crate) fn links_of(person: &Person) -> Vec<Vec<u8>> {
        let accounts = person.accounts.iter();
        accounts
            .filter_map(|(target, account)| link(target, account))
            .collect()
    }
}

fn standings_of(person: &Person, key: &[u8]) -> Vec<Vec<u8>> {
    let standing = &person.standing;
    // Of nearly everybody nothing was ever decided.
    if *standing == Standing::default() {
        return Vec::new();
    }
    let adoptions = &standing.adoptions;
    let kept = adoptions
        .all
        .values()
        .any(|adoption| adoption.kept.is_some());
    let all = [
        (Stands::Opening, !standing.openings.is_empty()),
        (Stands::Block, !standing.blocks.is_empty()),
        (Stands::Undecided, adoptions.undecided().next().is_some()),
        (Stands::Kept, kept),
    ];
    let there = all.into_iter().filter(|(_, is_there)| *is_there);
    there.map(|(what, _)| keys::standing(what, key)).collect()
}

/// The key under which an account at an app belongs to somebody. What was deleted belongs to nobody:
/// an app may give the id to a new account, and only looking at it can tell.
pub(crate) fn link(target: &TargetName, account: &Account) -> Option<Vec<u8>> {
    if account.state == Some(AccountState::Deleted) {
        return None;
    }
    let object = account.object.as_ref()?;
    Some(keys::link(target, object))
}

const PHASES: [Phase; 4] = [Phase::Prehire, Phase::Active, Phase::Leave, Phase::Ended];
const ACCOUNT_STATES: [AccountState; 6] = [
    AccountState::Active,
    AccountState::Suspended,
    AccountState::Locked,
    AccountState::Invited,
    AccountState::Deactivated,
    AccountState::Deleted,
];
fn phase_index(phase: Phase) -> usize {
    match phase {
        Phase::Prehire => 0,
        Phase::Active => 1,
        Phase::Leave => 2,
        Phase::Ended => 3,
    }
}

fn account_index(state: AccountState) -> usize {
    match state {
        AccountState::Active => 0,
        AccountState::Suspended => 1,
        AccountState::Locked => 2,
        AccountState::Invited => 3,
        AccountState::Deactivated => 4,
        AccountState::Deleted => 5,
    }
}

fn operation_index(state: &State) -> usize {
    match state.kind() {
        OperationState::Queued => 0,
        OperationState::InFlight => 1,
        OperationState::Unknown => 2,
        OperationState::Waiting => 3,
        OperationState::Pending => 4,
        OperationState::Verifying => 5,
        OperationState::Halted => 6,
    }
}

/// Operations by state, in the order of [`OperationState::ALL`].
type OperationTally = [i64; 7];

#[derive(Default)]
struct TargetTally {
    accounts: [i64; 6],
    operations: OperationTally,
    wanted: i64,
    undecided: i64,
}

/// By how much the counts have changed since they were last written.
#[derive(Default)]
pub(crate) struct Tallies {
    phases: [i64; 4],
    here: BTreeMap<FeedName, i64>,
    targets: BTreeMap<TargetName, TargetTally>,
    plans: BTreeMap<PlanId, OperationTally>,
    losses: BTreeMap<Vec<u8>, i64>,
    groups: BTreeMap<Vec<u8>, i64>,
}

/// Which count a row of the table is.
pub(crate) enum Tally {
    Phase(Phase),
    /// People of a feed who have not left.
    Here(FeedName),
    /// Accounts that people are to have.
    Wanted(TargetName),
    /// Rights about which nobody has decided.
    Undecided(TargetName),
    Account(TargetName, AccountState),
    Operation(TargetName, OperationState),
}

impl Tallies {
    /// Counts a person in (`by` 1) or out (`by` -1).
    pub(crate) fn count(&mut self, person: &Person, by: i64) {
        self.phases[phase_index(person.phase)] += by;
        if person.phase != Phase::Ended {
            match self.here.get_mut(&person.id.feed) {
                Some(here) => *here += by,
                None => drop(self.here.insert(person.id.feed.clone(), by)),
            }
        }
        // Who is here again, or still, is among those whom the share is taken of already.
        let what = if person.phase == Phase::Ended {
            Move::Left
        } else {
            Move::Announced
        };
        let lost = person.counted.map(|counted| (what, counted.at));
        let back = person.back_at.map(|at| (Move::Back, at));
        for (what, at) in lost.into_iter().chain(back) {
            let key = keys::loss(Budget::Feed(&person.id.feed, what), at);
            *self.losses.entry(key).or_default() += by;
        }
        let groups = Group::of(person);
        for group in &groups {
            *self.groups.entry(keys::group(group)).or_default() += by;
        }
        for (group, at) in &person.lost {
            let key = keys::loss(Budget::Group(group, groups.contains(group)), *at);
            *self.losses.entry(key).or_default() += by;
        }
        for (_, adoption) in person.standing.adoptions.undecided() {
            self.targets
                .entry(adoption.target.clone())
                .or_default()
                .undecided += by;
        }
        for (target, account) in &person.accounts {
            if !self.targets.contains_key(target) {
                self.targets.insert(target.clone(), TargetTally::default());
            }
            let Some(tally) = self.targets.get_mut(target) else {
                continue;
            };
            tally.wanted += if account.is_wanted { by } else { 0 };
            if let Some(at) = account.lost_at {
                let key = keys::loss(Budget::Target(target, account.is_wanted), at);
                *self.losses.entry(key).or_default() += by;
            }
            if let Some(state) = account.state {
                tally.accounts[account_index(state)] += by;
            }
            for operation in &account.operations {
                let index = operation_index(&operation.state);
                tally.operations[index] += by;
                self.plans.entry(operation.id.plan).or_default()[index] += by;
            }
        }
    }

    /// The rows of the budgets that have changed, and by how much.
    pub(crate) fn take_losses(&mut self) -> BTreeMap<Vec<u8>, i64> {
        std::mem::take(&mut self.losses)
    }

    /// The groups whose people have changed, and by how many.
    pub(crate) fn take_groups(&mut self) -> BTreeMap<Vec<u8>, i64> {
        std::mem::take(&mut self.groups)
    }

    /// The plans whose operations have changed, and by how much.
    pub(crate) fn take_plans(&mut self) -> BTreeMap<PlanId, OperationTally> {
        std::mem::take(&mut self.plans)
    }

    /// How many plans have operations that have changed.
    pub(crate) fn plans(&self) -> usize {
        self.plans.len()
    }

    /// The rows that have changed, and by how much; all counts begin at nothing again.
    pub(crate) fn take(&mut self) -> Vec<(String, i64)> {
        let (losses, plans, groups) = (self.take_losses(), self.take_plans(), self.take_groups());
        let taken = std::mem::take(self);
        (self.losses, self.plans, self.groups) = (losses, plans, groups);
        let phases = PHASES
            .iter()
            .zip(taken.phases)
            .map(|(phase, by)| (format!("people/{}", phase.as_str()), by));
        let mut rows: Vec<(String, i64)> = phases.collect();
        let here = taken.here.into_iter();
        rows.extend(here.map(|(feed, by)| (format!("here/{feed}"), by)));
        for (target, tally) in taken.targets {
            let states = ACCOUNT_STATES.iter().zip(tally.accounts);
            rows.push((format!("wanted/{target}"), tally.wanted));
            rows.push((format!("undecided/{target}"), tally.undecided));
            let states_of = OperationState::ALL.iter().zip(tally.operations);
            rows.extend(
                states.map(|(state, by)| (format!("accounts/{target}/{}", state.as_str()), by)),
            );
            rows.extend(states_of.map(|(state, by)| (format!("operations/{target}/{state}"), by)));
        }
        rows.retain(|(_, by)| *by != 0);
        rows
    }
}

impl Tally {
    /// Which count the row with this key is; none for a key that means nothing.
    pub(crate) fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('/');
        let tally = match (parts.next()?, parts.next()?, parts.next()) {
            ("people", name, None) => {
                Tally::Phase(*PHASES.iter().find(|phase| phase.as_str() == name)?)
            }
            ("here", feed, None) => Tally::Here(FeedName::new(feed).ok()?),
            ("undecided", target, None) => Tally::Undecided(TargetName::new(target).ok()?),
            ("wanted", target, None) => Tally::Wanted(TargetName::new(target).ok()?),
            ("accounts", target, Some(name)) => Tally::Account(
                TargetName::new(target).ok()?,
                *ACCOUNT_STATES.iter().find(|state| state.as_str() == name)?,
            ),
            ("operations", target, Some(name)) => {
                Tally::Operation(TargetName::new(target).ok()?, OperationState::parse(name)?)
            }
            _ => return None,
        };
        Some(tally)
    }
}
