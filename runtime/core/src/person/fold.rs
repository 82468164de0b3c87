//! How an account moves: what a plan makes of it, and what each change of an operation does to it.
//!
//! An operation that has begun outlives the plan that made it, because what it does can no longer
//! be taken back. Once it turns out not to have been done, it is only tried again if the newest plan
//! still wants what it brings about; otherwise it is dropped, and what that plan queued leads on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Account, Drift, Drifted, Justification, Sighting, Taken};
use crate::connector::{
    AccountState, AttributeChange, EntitlementKey, ObjectRef, Problem, SideEffect,
};
use crate::fact::{AccountPlanned, Deletion};
use crate::id::{OperationId, PlanId};
use crate::operation::{AccountSeen, Action, Completion, Operation, State, Transition};

impl Account {
    /// The account after a plan that names it and took effect at `at`.
    pub(super) fn planned(&mut self, planned: &AccountPlanned, plan: PlanId, at: Timestamp) {
        self.is_wanted = planned.is_wanted;
        let let_go_at = self.let_go_at.unwrap_or(at);
        let is_let_go = !self.is_wanted && planned.deletion != Deletion::Kept;
        self.let_go_at = is_let_go.then_some(let_go_at);
        if self.is_wanted {
            self.taken.clear();
        } else {
            self.drift = self.drift.and_then(drift_of_a_leaver);
        }
        self.delete_at = planned.deletion.at(self.delete_at, let_go_at);
        self.justify(&planned.grants, plan);
        // What has begun goes on; what only waited is superseded by this plan.
        self.operations.retain(Operation::has_begun);
        let begun = self.operations.len();
        self.operations.extend(planned.operations.iter().cloned());
        for index in 0..begun {
            self.look_at_unwished(index, at);
        }
        self.forget_empty_grants();
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
    }

    /// A grant that is not wanted, that the app is not known to have, and that nothing under way
    /// gives or takes, is no grant.
    fn forget_empty_grants(&mut self) {
        let operations = &self.operations;
        self.grants.retain(|key, grant| {
            grant.since.is_some()
                || !grant.justifications.is_empty()
                || operations.iter().any(|operation| match &operation.action {
                    Action::EnsureGranted(other) | Action::EnsureRevoked(other) => other == key,
                    Action::EnsureAccount(_)
                    | Action::EnsureState(_)
                    | Action::EndSessions
                    | Action::RevokeCredentials
                    | Action::TransferOwned(_)
                    | Action::EnsureAbsent => false,
                })
        });
    }

    /// The account and one of its operations as they are once a change of that operation is recorded; `None` if
    /// the operation has ended. Its other operations are left out.
    pub fn after(
        &self,
        operation: &Operation,
        change: &Transition,
        at: Timestamp,
    ) -> Option<(Account, Operation)> {
        let mut account = self.clone();
        account.operations = vec![operation.clone()];
        account.changed(operation.id, change, at);
        let operation = account.operations.pop()?;
        Some((account, operation))
    }

    /// That a call leaves changes nothing but how far its operation has come.
    fn sent(&mut self, index: usize, change: &Transition, at: Timestamp) {
        if let Some(operation) = self.operations.get_mut(index)
            && let Some(state) = operation.after(change, at)
        {
            operation.state = state;
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "what each transition does to the account, in the order of the enum"
    )]
    pub(super) fn changed(&mut self, id: OperationId, change: &Transition, at: Timestamp) -> bool {
        let mut operations = self.operations.iter();
        let Some(index) = operations.position(|operation| operation.id == id) else {
            return false;
        };
        if matches!(change, Transition::Dispatched { .. }) {
            self.sent(index, change, at);
            return true;
        }
        // Out of the list while it moves, since the account moves with it.
        let mut operation = self.operations.remove(index);
        let action = &operation.action;
        let mut state = operation.after(change, at);
        match change {
            // A look found it, under the app's own key as it is now.
            Transition::Found { account } => {
                self.object = Some(account.object.clone());
                self.seen(action, account);
            }
            Transition::LeftPending {
                account: Some(account),
                ..
            }
            | Transition::Halted {
                account: Some(account),
                ..
            } => self.seen(action, account),
            Transition::Answered { result, .. } => {
                // The state that a removal shows is believed once it was read back.
                if let (Action::EnsureAccount(_), Some(account)) = (action, &result.account) {
                    self.seen(action, account);
                }
                self.came_with(&result.effects, at);
                self.took(&operation, result, at);
            }
            Transition::Deferred {
                problem: Problem::NotFound(object),
                ..
            } if matches!(action, Action::EnsureAccount(_)) => match object {
                // Its making was answered and nothing came of it: it is made again.
                None if !self.is_confirmed() => {
                    self.object = None;
                    self.state = None;
                }
                Some(object) if self.is_own(object) => {
                    self.gone();
                    state = None;
                }
                Some(_) | None => {}
            },
            Transition::Completed(result) => {
                if let Some(account) = &result.account {
                    self.seen(action, account);
                }
                self.came_with(&result.effects, at);
                self.completed(action, result, at);
                self.took(&operation, result, at);
                if matches!(action, Action::EnsureAccount(_)) && !self.exists() {
                    // Without the app's key of it nothing can be done with the account, so the
                    // operation goes on until looking has shown it.
                    state = Some(made_and_not_shown(operation.state.attempt(), at));
                }
            }
            Transition::Dispatched { .. }
            | Transition::Lost { .. }
            | Transition::Deferred { .. }
            | Transition::Retried
            | Transition::LeftPending { account: None, .. }
            | Transition::Halted { account: None, .. } => {}
        }
        if let Some(state) = state {
            operation.state = state;
            self.operations.insert(index, operation);
        }
        self.drop_superseded(id, at);
        self.drop_what_lost_its_account();
        self.forget_empty_grants();
        true
    }

    /// Takes in an account that was shown. Where another one is known, the call was not about it.
    fn seen(&mut self, action: &Action, account: &AccountSeen) {
        let is_new = matches!(action, Action::EnsureAccount(_)) && !self.exists();
        if is_new || (self.is_own(&account.object) && moves_state(action)) {
            self.object = Some(account.object.clone());
            self.state = Some(account.state);
        } else if self.is_own(&account.object) {
            self.object = Some(account.object.clone());
            self.seen_in_passing(account.state);
        }
    }

    /// Takes in a state that something else showed. That an account which was usable is switched off is
    /// nothing that follows from a look in passing: what the app shows may be older than what was done
    /// last, and if it is not, somebody did it on purpose. See [`Sighting::InState`].
    fn seen_in_passing(&mut self, state: AccountState) {
        let was_usable = self.state.is_some_and(AccountState::is_usable);
        if state != AccountState::Deleted && !(was_usable && is_off(state)) {
            self.state = Some(state);
        }
    }

    /// Takes in what was seen beside any operation. Returns false if that is nothing new.
    pub(super) fn sighted(&mut self, sighting: &Sighting) -> bool {
        if !self.exists() {
            return false;
        }
        match sighting {
            Sighting::Moved(object) => {
                let is_news = !self.is_own(object);
                self.object = Some(object.clone());
                is_news
            }
            Sighting::Gone | Sighting::InState(AccountState::Deleted) => {
                self.gone();
                true
            }
            Sighting::InState(state) => {
                let was_usable = self.state.is_none_or(AccountState::is_usable);
                let before = (self.state, self.drift);
                if state.is_usable() {
                    self.drift = None;
                } else if self.is_wanted && was_usable && is_off(*state) {
                    self.drift = Some(drifted(Drifted::SwitchedOff));
                }
                self.state = Some(*state);
                before != (self.state, self.drift)
            }
            Sighting::Lost(key) => {
                let grant = self.grants.get_mut(key);
                let is_news = grant.is_some_and(|grant| {
                    let was_there = grant.since.take().is_some();
                    grant.was_taken_along |= was_there;
                    was_there
                });
                self.forget_empty_grants();
                is_news
            }
            // That is about the person as well: see `Person::took_over`.
            Sighting::TakenOver(_) => false,
        }
    }

    /// The app has it no longer, and no operation brought that about.
    fn gone(&mut self) {
        self.state = Some(AccountState::Deleted);
        // Whether it is made again is for a person to say: somebody deleted it on purpose.
        self.drift = self.is_wanted.then(|| drifted(Drifted::Gone));
        self.operations
            .retain(|operation| !matches!(operation.action, Action::EnsureAccount(_)));
        self.drop_what_lost_its_account();
        self.forget_empty_grants();
    }

    /// Whether it is known to have been there: its making was read back, or it was taken over.
    fn is_confirmed(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Takes in what else a call did.
    fn came_with(&mut self, effects: &[SideEffect], at: Timestamp) {
        for effect in effects {
            match effect {
                SideEffect::AccountChanged(account) => {
                    // That it is gone is for its own operation to find out.
                    if self.is_own(&account.object) {
                        self.seen_in_passing(account.state);
                    }
                }
                SideEffect::GrantRemoved(whose, key) if self.is_own(whose) => {
                    if let Some(grant) = self.grants.get_mut(key) {
                        grant.since = None;
                    }
                }
                SideEffect::GrantAdded(whose, key) if self.is_own(whose) => {
                    // What the ledger does not own is not taken in: no plan would take it away.
                    if let Some(grant) = self.grants.get_mut(key) {
                        grant.since.get_or_insert(at);
                    }
                }
                // Somebody else's is recorded of them: see [`Sighting::Lost`].
                SideEffect::GrantRemoved(..)
                | SideEffect::GrantAdded(..)
                | SideEffect::ObjectRemoved(_)
                | SideEffect::SeatConsumed(_)
                | SideEffect::SeatReleased(_) => {}
            }
        }
    }

    /// Keeps how it ended that something was taken away. Reading back does not show what was not reached, so
    /// that stays as the answer to the call said it.
    fn took(&mut self, operation: &Operation, result: &Completion, at: Timestamp) {
        let hands_on = matches!(operation.action, Action::TransferOwned(_));
        if self.is_wanted || !(operation.action.is_removal() || hands_on) {
            return;
        }
        let what = match &operation.action {
            Action::EnsureRevoked(key) => format!("revoke {}:{}", key.kind, key.id),
            action => action.verb().to_owned(),
        };
        let mut unreached = result.unreachable.clone();
        if unreached.is_empty()
            && let Some(said) = self.taken.remove(&what)
            && said.operation == operation.id
        {
            unreached = said.unreached;
        }
        // Who is gone from the app has nothing there that could go on.
        if matches!(operation.action, Action::EnsureAbsent) && result.how.is_seen() {
            self.taken
                .values_mut()
                .for_each(|taken| taken.unreached.clear());
        }
        let taken = Taken {
            operation: operation.id,
            how: result.how,
            at,
            unreached,
        };
        self.taken.insert(what, taken);
    }

    fn is_own(&self, object: &ObjectRef) -> bool {
        self.object
            .as_ref()
            .is_some_and(|own| own.same_object(object))
    }

    /// What the ledger believes once an operation has ended well.
    fn completed(&mut self, action: &Action, result: &Completion, at: Timestamp) {
        match action {
            Action::EnsureAccount(spec) => {
                self.keys.clone_from(&spec.match_keys);
                for (name, change) in &spec.attributes {
                    match change {
                        AttributeChange::Set(values) => {
                            drop(self.attributes.insert(name.clone(), values.clone()));
                        }
                        AttributeChange::Clear => drop(self.attributes.remove(name)),
                    }
                }
            }
            Action::EnsureState(state) => {
                // What the app shows counts more than what was asked for: invited, or gone.
                if result.account.is_none() {
                    self.state = Some(*state);
                }
            }
            Action::EnsureGranted(key) => {
                let grant = self.grants.entry(key.clone()).or_default();
                grant.since.get_or_insert(at);
                grant.was_taken_along = false;
            }
            Action::EnsureRevoked(key) => {
                // A plan that came meanwhile may want it again; then it stays, to be given.
                if let Some(grant) = self.grants.get_mut(key) {
                    grant.since = None;
                    grant.was_taken_along = false;
                }
            }
            Action::EnsureAbsent => self.state = Some(AccountState::Deleted),
            Action::EndSessions | Action::RevokeCredentials | Action::TransferOwned(_) => {}
        }
    }

    /// Drops an operation that has fallen back to waiting, or was refused, where the newest plan
    /// does not want what it brings about or has queued its successor.
    fn drop_superseded(&mut self, id: OperationId, at: Timestamp) {
        let Some(index) = self
            .operations
            .iter()
            .position(|operation| operation.id == id)
        else {
            return;
        };
        self.look_at_unwished(index, at);
        let Some((operation, later)) = self.from(index) else {
            return;
        };
        if operation.has_begun() || self.is_wished(&operation.action, later) {
            return;
        }
        let makes = |action: &Action| matches!(action, Action::EnsureAccount(_));
        let is_to_be_made = makes(&operation.action) && !self.exists();
        drop(self.operations.remove(index));
        if !is_to_be_made {
            return;
        }
        // What should follow it follows its successor, which therefore takes its place.
        let later = self.operations.get(index..).unwrap_or_default();
        if let Some(successor) = later.iter().position(|next| makes(&next.action)) {
            let successor = self.operations.remove(index + successor);
            self.operations.insert(index, successor);
        }
    }

    /// What may have been done, and is not wished any more, is not tried again. It is looked at: then it
    /// is dropped, or what it did is known, and what the newest plan queued against it follows.
    fn look_at_unwished(&mut self, index: usize, at: Timestamp) {
        let Some((operation, later)) = self.from(index) else {
            return;
        };
        let State::Waiting {
            attempt, problem, ..
        } = &operation.state
        else {
            return;
        };
        if !operation.has_begun() || self.is_wished(&operation.action, later) {
            return;
        }
        let state = State::Unknown {
            attempt: *attempt,
            observe_at: at,
            looks: 0,
            text: problem.text(),
            by_plugin: false,
        };
        if let Some(operation) = self.operations.get_mut(index) {
            operation.state = state;
        }
    }

    /// The operation at a place, and those after it.
    fn from(&self, index: usize) -> Option<(&Operation, &[Operation])> {
        self.operations.get(index..)?.split_first()
    }

    fn is_wished(&self, action: &Action, later: &[Operation]) -> bool {
        let is_justified = |key: &EntitlementKey| {
            self.grants
                .get(key)
                .is_some_and(|grant| !grant.justifications.is_empty())
        };
        match action {
            Action::EnsureAccount(_) => {
                let makes = |next: &Operation| matches!(next.action, Action::EnsureAccount(_));
                self.is_wanted && !later.iter().any(makes)
            }
            Action::EnsureState(state) => {
                let brings = |next: &Operation| matches!(next.action, Action::EnsureState(_));
                (self.is_wanted || !state.is_usable()) && !later.iter().any(brings)
            }
            Action::EnsureGranted(key) => is_justified(key),
            Action::EnsureRevoked(key) => !is_justified(key),
            Action::EndSessions
            | Action::RevokeCredentials
            | Action::TransferOwned(_)
            | Action::EnsureAbsent => !self.is_wanted,
        }
    }

    /// Where the account is gone, what was still to be done to it is moot. Where it was never made
    /// and will not be, what should follow is moot, too. What comes after an operation that makes
    /// the account (again) is for that one.
    fn drop_what_lost_its_account(&mut self) {
        if self.exists() {
            return;
        }
        if self.state == Some(AccountState::Deleted) {
            self.keys.clear();
            self.attributes.clear();
            for grant in self.grants.values_mut() {
                grant.since = None;
                grant.was_taken_along = false;
            }
        }
        let mut is_made = false;
        self.operations.retain(|operation| {
            is_made |= matches!(operation.action, Action::EnsureAccount(_));
            // A deletion that has begun goes on until it is proven.
            let is_deletion = matches!(operation.action, Action::EnsureAbsent);
            is_made || (is_deletion && operation.has_begun())
        });
        if !is_made {
            self.delete_at = None;
        }
    }

    /// Whether the account is not as it should be and nothing under way will change that.
    pub(super) fn is_astray(&self, wants_usable: bool) -> bool {
        let is_under_way = |changes: fn(&Action) -> bool| {
            self.operations
                .iter()
                .any(|operation| changes(&operation.action))
        };
        let makes = |action: &Action| matches!(action, Action::EnsureAccount(_));
        let moves =
            |action: &Action| matches!(action, Action::EnsureState(_) | Action::EnsureAbsent);
        // What a person has to decide about is left alone until then.
        if self.drift.is_some() && self.is_wanted {
            return false;
        }
        if !self.exists() {
            return self.is_wanted && !is_under_way(makes);
        }
        let is_usable = match self.state {
            // An app's own lock is the app's matter.
            None | Some(AccountState::Locked) => return false,
            Some(state) => state.is_usable(),
        };
        is_usable != (self.is_wanted && wants_usable) && !is_under_way(moves)
    }
}

fn made_and_not_shown(attempt: u32, at: Timestamp) -> State {
    State::Unknown {
        attempt,
        observe_at: at,
        looks: 0,
        text: "the app said that it was done and did not show the account".to_owned(),
        by_plugin: false,
    }
}

fn drifted(what: Drifted) -> Drift {
    Drift {
        what,
        is_left: false,
    }
}

/// What stays of it when the person leaves: that somebody switched the account off is asked again if the
/// person comes back; one that is gone is made anew then.
fn drift_of_a_leaver(drift: Drift) -> Option<Drift> {
    match drift.what {
        Drifted::Gone => None,
        Drifted::SwitchedOff => Some(drifted(Drifted::SwitchedOff)),
    }
}

/// Whether an action is about the state of the account, so that what it shows of it is its outcome.
fn moves_state(action: &Action) -> bool {
    match action {
        Action::EnsureState(_) | Action::EnsureAbsent => true,
        Action::EnsureAccount(_)
        | Action::EndSessions
        | Action::RevokeCredentials
        | Action::EnsureGranted(_)
        | Action::EnsureRevoked(_)
        | Action::TransferOwned(_) => false,
    }
}

/// Whether somebody switched it off. An app's own lock opens by itself, and is the app's matter.
fn is_off(state: AccountState) -> bool {
    match state {
        AccountState::Suspended | AccountState::Deactivated => true,
        AccountState::Active
        | AccountState::Invited
        | AccountState::Locked
        | AccountState::Deleted => false,
    }
}
