//! An account as it will be once some of its operations are done.

use std::collections::BTreeSet;

use crate::connector::{AccountState, AttributeChange, EntitlementKey, RemoteAttributes};
use crate::operation::{Action, Operation};
use crate::person::Account;

/// An account as it will be.
pub(super) struct Picture {
    pub(super) exists: bool,
    pub(super) state: Option<AccountState>,
    pub(super) attributes: RemoteAttributes,
    pub(super) granted: BTreeSet<EntitlementKey>,
}

impl Picture {
    /// The account once those of its operations are done that `include` names.
    pub(super) fn of(account: &Account, include: impl Fn(&Operation) -> bool) -> Picture {
        let held = account
            .grants
            .iter()
            .filter(|(_, grant)| grant.since.is_some());
        let mut picture = Picture {
            exists: account.exists(),
            state: account.state,
            attributes: account.attributes.clone(),
            granted: held.map(|(key, _)| key.clone()).collect(),
        };
        for operation in account
            .operations
            .iter()
            .filter(|operation| include(operation))
        {
            picture.add(&operation.action);
        }
        picture
    }

    fn add(&mut self, action: &Action) {
        match action {
            Action::EnsureAccount(spec) => {
                if !self.exists {
                    self.state = Some(spec.initial_state);
                    self.attributes.clear();
                }
                self.exists = true;
                for (name, change) in &spec.attributes {
                    match change {
                        AttributeChange::Set(values) => {
                            drop(self.attributes.insert(name.clone(), values.clone()));
                        }
                        AttributeChange::Clear => drop(self.attributes.remove(name)),
                    }
                }
            }
            Action::EnsureState(state) => self.state = Some(*state),
            Action::EnsureGranted(key) => drop(self.granted.insert(key.clone())),
            Action::EnsureRevoked(key) => drop(self.granted.remove(key)),
            Action::EnsureAbsent => {
                self.exists = false;
                self.state = Some(AccountState::Deleted);
                self.attributes.clear();
                self.granted.clear();
            }
            Action::EndSessions | Action::RevokeCredentials | Action::TransferOwned(_) => {}
        }
    }

    /// Whether it is usable, or not, as wanted. An app's own lock is the app's matter.
    pub(super) fn is_in(&self, usable: bool) -> bool {
        match self.state {
            None | Some(AccountState::Locked) => usable,
            Some(state) => state.is_usable() == usable,
        }
    }

    /// Whether somebody can come in with it, or could once the app lifts its own lock.
    pub(super) fn is_open(&self) -> bool {
        self.exists
            && self
                .state
                .is_none_or(|state| state.is_usable() || state == AccountState::Locked)
    }
}
