//! An account as it will be once some of its operations are done.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::connector::{AccountState, AttributeChange, EntitlementKey, RemoteAttributes};
use crate::operation::{Action, Operation};
use crate::person::Account;

/// An account as it will be. It borrows what stays as it is, which is nearly everything: pictures are
/// taken of everybody in every file.
pub(super) struct Picture<'a> {
    pub(super) exists: bool,
    pub(super) state: Option<AccountState>,
    pub(super) attributes: Cow<'a, RemoteAttributes>,
    pub(super) granted: BTreeSet<&'a EntitlementKey>,
}

impl<'a> Picture<'a> {
    /// The account once those of its operations are done that `include` names.
    pub(super) fn of(account: &'a Account, include: impl Fn(&Operation) -> bool) -> Self {
        let held = account
            .grants
            .iter()
            .filter(|(_, grant)| grant.since.is_some());
        let mut picture = Picture {
            exists: account.exists(),
            state: account.state,
            attributes: Cow::Borrowed(&account.attributes),
            granted: held.map(|(key, _)| key).collect(),
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

    fn add(&mut self, action: &'a Action) {
        match action {
            Action::EnsureAccount(spec) => {
                if !self.exists {
                    self.state = Some(spec.initial_state);
                    self.attributes = Cow::default();
                }
                self.exists = true;
                for (name, change) in &spec.attributes {
                    let attributes = self.attributes.to_mut();
                    match change {
                        AttributeChange::Set(values) => {
                            drop(attributes.insert(name.clone(), values.clone()));
                        }
                        AttributeChange::Clear => drop(attributes.remove(name)),
                    }
                }
            }
            Action::EnsureState(state) => self.state = Some(*state),
            Action::EnsureGranted(key) => drop(self.granted.insert(key)),
            Action::EnsureRevoked(key) => drop(self.granted.remove(key)),
            Action::EnsureAbsent => {
                self.exists = false;
                self.state = Some(AccountState::Deleted);
                self.attributes = Cow::default();
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
