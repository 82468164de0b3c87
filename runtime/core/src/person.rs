//! A person with the accounts and grants that the ledger knows of: the state that facts add up to.
//!
//! [`Person::planned`] and [`Person::changed`] are the only ways in which this state moves. The
//! ledger applies them when a fact is written, and again when it checks itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::connector::{
    AccountState, AttributeChange, EntitlementKey, ObjectRef, RemoteAttributes, SideEffect,
};
use crate::fact::PersonPlanned;
use crate::id::{OperationId, PersonId, PlanId, PolicyVersion, RoleName, TargetName};
use crate::identity::{Identity, Phase};
use crate::operation::{
    self, AccountSeen, Action, Change, Completion, Operation, State, Step, Urgency,
};

/// A person as the ledger knows one.
#[derive(Clone, PartialEq, Debug)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// What HR last said.
    pub identity: Identity,
    /// Whether the feed's last complete file had the person.
    pub is_present: bool,
    /// Where the person stood when the last plan was made.
    pub phase: Phase,
    /// When the next change comes by itself.
    pub wake_at: Option<Timestamp>,
    /// The plan that last touched the person.
    pub plan: PlanId,
    /// The person's accounts.
    pub accounts: BTreeMap<TargetName, Account>,
}

/// A person's account at one target, as far as the ledger knows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Account {
    /// Whether the person is to have it, by the last plan.
    pub is_wanted: bool,
    /// The app's key of it; none before it is known. Stays after a deletion, as the tombstone.
    pub object: Option<ObjectRef>,
    /// Its state; none before it is known.
    pub state: Option<AccountState>,
    /// The attributes that were last written.
    pub attributes: RemoteAttributes,
    /// What it has, and what it is about to have.
    pub grants: BTreeMap<EntitlementKey, Grant>,
    /// When it is to be deleted.
    pub delete_at: Option<Timestamp>,
    /// What is still to be done, in order.
    pub operations: Vec<Operation>,
}

/// An entitlement of an account. It goes when its last justification has gone.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Grant {
    /// Why it is there. Empty: it is being taken away.
    pub justifications: BTreeSet<Justification>,
    /// Since when the app is known to have it; none while it is being given.
    pub since: Option<Timestamp>,
    /// The plan that gave it.
    pub plan: Option<PlanId>,
}

/// One reason why a grant exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Justification {
    /// A role that the policy gives the person.
    Role {
        /// The role.
        role: RoleName,
        /// The version of the policy in which it first did.
        policy: PolicyVersion,
    },
    /// It was there when the account was taken over, and somebody decided to keep it.
    Adoption {
        /// Who decided.
        by: String,
    },
}

impl Person {
    /// The person after a plan.
    #[must_use]
    pub fn planned(before: Option<Person>, planned: &PersonPlanned) -> Option<Person> {
        let mut person = match (before, &planned.identity) {
            (Some(person), _) => person,
            (None, Some(identity)) => Person {
                id: planned.person.clone(),
                identity: identity.clone(),
                is_present: true,
                phase: planned.phase,
                wake_at: None,
                plan: planned.plan,
                accounts: BTreeMap::new(),
            },
            // A plan for somebody who was never described: there is nothing to keep.
            (None, None) => return None,
        };
        if let Some(identity) = &planned.identity {
            person.identity.clone_from(identity);
        }
        person.is_present = planned.is_present;
        person.phase = planned.phase;
        person.wake_at = planned.wake_at;
        person.plan = planned.plan;
        for (target, account_planned) in &planned.accounts {
            let account = person.accounts.entry(target.clone()).or_default();
            account.is_wanted = account_planned.is_wanted;
            account.delete_at = account_planned.delete_at;
            account.justify(&account_planned.grants, planned.plan);
            // What has begun goes on; what only waited is superseded by this plan.
            account.operations.retain(Operation::has_begun);
            account
                .operations
                .extend(account_planned.operations.iter().cloned());
        }
        Some(person)
    }

    /// Takes in what happened to one of the person's operations. An operation that is not there
    /// (superseded meanwhile) changes nothing and gives false.
    pub fn changed(
        &mut self,
        target: &TargetName,
        id: OperationId,
        change: &Change,
        at: Timestamp,
    ) -> bool {
        self.accounts
            .get_mut(target)
            .is_some_and(|account| account.changed(id, change, at))
    }

    /// Whether the person has a usable account anywhere, or grants that are still to be taken away.
    pub fn has_access(&self) -> bool {
        self.accounts
            .values()
            .any(|account| account.state.is_some_and(AccountState::is_usable))
    }
}

impl Operation {
    /// Whether a call has left, so that a newer plan cannot take it back.
    pub fn has_begun(&self) -> bool {
        match self.state {
            State::InFlight { .. }
            | State::Unknown { .. }
            | State::Pending { .. }
            | State::Verifying { .. } => true,
            State::Queued | State::Waiting { .. } | State::Halted { .. } => false,
        }
    }
}

/// What the driver can do for an account now.
#[derive(Clone, PartialEq, Debug)]
pub enum Turn<'a> {
    /// Take this step with this operation.
    Act(&'a Operation, Step),
    /// Nothing before this instant.
    WaitUntil(Timestamp, Urgency),
    /// A call is out.
    Busy,
    /// Nothing is to be done.
    Idle,
}

impl Account {
    /// Whether the account exists at the app, as far as is known.
    pub fn exists(&self) -> bool {
        self.object.is_some()
            && self
                .state
                .is_some_and(|state| state != AccountState::Deleted)
    }

    /// What can be done now. One operation at a time; one that waits lets the next go first, unless
    /// the next one needs it.
    pub fn turn(&self, now: Timestamp) -> Turn<'_> {
        if self
            .operations
            .iter()
            .any(|operation| matches!(operation.state, State::InFlight { .. }))
        {
            return Turn::Busy;
        }
        let mut wait: Option<(Timestamp, Urgency)> = None;
        for (index, operation) in self.operations.iter().enumerate() {
            if self.is_blocked(index) {
                continue;
            }
            match operation::step(&operation.state, now) {
                Step::Busy => return Turn::Busy,
                Step::Halted => {}
                Step::WaitUntil(at) => {
                    let sooner = wait.is_none_or(|(until, _)| at < until);
                    if sooner {
                        wait = Some((at, operation.urgency));
                    }
                }
                step @ (Step::Send(_) | Step::Observe | Step::Verify | Step::Poll) => {
                    return Turn::Act(operation, step);
                }
            }
        }
        match wait {
            Some((at, urgency)) => Turn::WaitUntil(at, urgency),
            None => Turn::Idle,
        }
    }

    /// Whether the operation at `index` needs an earlier one that has not ended.
    fn is_blocked(&self, index: usize) -> bool {
        let (Some(operation), Some(earlier)) =
            (self.operations.get(index), self.operations.get(..index))
        else {
            return true;
        };
        if operation.has_begun() {
            return false;
        }
        let needs_account = !matches!(operation.action, Action::EnsureAccount(_));
        earlier
            .iter()
            .any(|before| match (&before.action, &operation.action) {
                (Action::EnsureAccount(_), _) if needs_account && !self.exists() => true,
                // What a person owned is handed on before the account goes.
                (Action::TransferOwned(_), Action::EnsureAbsent) => true,
                // Giving and taking of one right stay in order.
                (
                    Action::EnsureGranted(one) | Action::EnsureRevoked(one),
                    Action::EnsureGranted(other) | Action::EnsureRevoked(other),
                ) => one == other,
                (Action::EnsureState(_), Action::EnsureState(_))
                | (Action::EnsureAccount(_), Action::EnsureAccount(_)) => true,
                _ => false,
            })
    }

    /// Brings the justification sets to what a plan says. A grant that lost its last one stays,
    /// without any, until the app is known not to have it.
    fn justify(
        &mut self,
        wanted: &BTreeMap<EntitlementKey, BTreeSet<Justification>>,
        plan: PlanId,
    ) {
        for (key, grant) in &mut self.grants {
            if !wanted.contains_key(key) {
                grant.justifications.clear();
            }
        }
        for (key, justifications) in wanted {
            let grant = self.grants.entry(key.clone()).or_default();
            if grant.plan.is_none() || grant.justifications.is_empty() {
                grant.plan = Some(plan);
            }
            grant.justifications.clone_from(justifications);
        }
        // Never given, and no longer wanted: nothing to take away.
        let taking: BTreeSet<EntitlementKey> = self
            .operations
            .iter()
            .filter(|operation| operation.has_begun())
            .filter_map(|operation| match &operation.action {
                Action::EnsureGranted(key) | Action::EnsureRevoked(key) => Some(key.clone()),
                _ => None,
            })
            .collect();
        self.grants.retain(|key, grant| {
            grant.since.is_some() || !grant.justifications.is_empty() || taking.contains(key)
        });
    }

    fn changed(&mut self, id: OperationId, change: &Change, at: Timestamp) -> bool {
        let Some(index) = self
            .operations
            .iter()
            .position(|operation| operation.id == id)
        else {
            return false;
        };
        match change {
            Change::Found { account } => self.seen(account),
            Change::Answered { result, .. } => self.happened(result, at),
            Change::Completed(result) => {
                self.happened(result, at);
                if let Some(operation) = self.operations.get(index) {
                    let action = operation.action.clone();
                    self.completed(&action, at);
                }
            }
            Change::Dispatched { .. }
            | Change::Lost { .. }
            | Change::Deferred { .. }
            | Change::LeftPending { .. }
            | Change::Halted { .. } => {}
        }
        match self
            .operations
            .get(index)
            .and_then(|operation| operation.after(change, at))
        {
            Some(state) => {
                if let Some(operation) = self.operations.get_mut(index) {
                    operation.state = state;
                }
            }
            None => drop(self.operations.remove(index)),
        }
        true
    }

    fn seen(&mut self, account: &AccountSeen) {
        self.object = Some(account.object.clone());
        self.state = Some(account.state);
    }

    /// Takes in what a call showed and what else it did.
    fn happened(&mut self, result: &Completion, at: Timestamp) {
        if let Some(account) = &result.account {
            self.seen(account);
        }
        for effect in &result.effects {
            match effect {
                SideEffect::AccountChanged(account) => {
                    if self
                        .object
                        .as_ref()
                        .is_some_and(|object| object.same_object(&account.object))
                    {
                        self.state = Some(account.state);
                    }
                }
                SideEffect::GrantRemoved(key) => {
                    if let Some(grant) = self.grants.get_mut(key) {
                        grant.since = None;
                    }
                    self.grants.retain(|_, grant| {
                        grant.since.is_some() || !grant.justifications.is_empty()
                    });
                }
                SideEffect::GrantAdded(key) => {
                    // Known and nobody's wish: it is shown as such, and a later plan takes it away
                    // only where the ledger owns it.
                    if let Some(grant) = self.grants.get_mut(key) {
                        grant.since.get_or_insert(at);
                    }
                }
                SideEffect::ObjectRemoved(_)
                | SideEffect::SeatConsumed(_)
                | SideEffect::SeatReleased(_) => {}
            }
        }
    }

    /// What the ledger believes once an operation has ended well.
    fn completed(&mut self, action: &Action, at: Timestamp) {
        match action {
            Action::EnsureAccount(spec) => {
                self.state.get_or_insert(spec.initial_state);
                for (name, change) in &spec.attributes {
                    match change {
                        AttributeChange::Set(values) => {
                            drop(self.attributes.insert(name.clone(), values.clone()))
                        }
                        AttributeChange::Clear => drop(self.attributes.remove(name)),
                    };
                }
            }
            Action::EnsureState(state) => self.state = Some(*state),
            Action::EnsureGranted(key) => {
                let grant = self.grants.entry(key.clone()).or_default();
                grant.since.get_or_insert(at);
            }
            Action::EnsureRevoked(key) => {
                if let Some(grant) = self.grants.get_mut(key) {
                    grant.since = None;
                }
                // A plan that came meanwhile may want it again; then it stays, to be given.
                self.grants
                    .retain(|_, grant| grant.since.is_some() || !grant.justifications.is_empty());
            }
            Action::EnsureAbsent => {
                self.state = Some(AccountState::Deleted);
                self.grants.clear();
                self.attributes.clear();
                self.delete_at = None;
            }
            Action::EndSessions | Action::RevokeCredentials | Action::TransferOwned(_) => {}
        }
    }
}
