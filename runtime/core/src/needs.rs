//! What it takes to bring something about: the function of the contract that is called for it, and what shows
//! afterwards that it was done.
//!
//! One table for everybody who asks: the check of a policy against its connectors, the planner, whoever reads
//! an action back, and the host, which calls nothing that a connector does not describe.

use crate::connector::{Change, Function};
use crate::operation::Action;

/// What shows that a function has done what it was called for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// The account, as the app shows it.
    Account,
    /// A listing of grants.
    Grants,
    /// A listing of credentials that would show sessions.
    Sessions,
    /// A listing of credentials that would show tokens, keys, app passwords or consents.
    Credentials,
    /// Nothing: the app's answer is all there is.
    Nothing,
}

/// What every account takes: to be made, to be read, and to be found again.
pub const OF_EVERY_ACCOUNT: [Function; 3] = [
    Function::EnsureAccount,
    Function::GetAccount,
    Function::FindAccounts,
];

impl Action {
    /// The function that brings it about.
    pub fn function(&self) -> Function {
        match self {
            Action::EnsureAccount(_) => Function::EnsureAccount,
            Action::EnsureState(_) => Function::EnsureState,
            Action::EndSessions => Function::EndSessions,
            Action::RevokeCredentials => Function::RevokeCredentials,
            Action::EnsureGranted(_) => Function::EnsureGranted,
            Action::EnsureRevoked(_) => Function::EnsureRevoked,
            Action::TransferOwned(_) => Function::TransferOwned,
            Action::EnsureAbsent => Function::EnsureAbsent,
        }
    }
}

impl Change {
    /// The function that is called for it.
    pub fn function(&self) -> Function {
        match self {
            Change::EnsureAccount(_) => Function::EnsureAccount,
            Change::EnsureState(..) => Function::EnsureState,
            Change::EndSessions(_) => Function::EndSessions,
            Change::RevokeCredentials(_) => Function::RevokeCredentials,
            Change::EnsureGranted(..) => Function::EnsureGranted,
            Change::EnsureRevoked(..) => Function::EnsureRevoked,
            Change::TransferOwned(..) => Function::TransferOwned,
            Change::EnsureAbsent(_) => Function::EnsureAbsent,
            Change::Poll(_) => Function::Poll,
        }
    }
}

impl Function {
    /// What shows that it has done what it was called for.
    pub fn proof(self) -> Proof {
        match self {
            Function::EnsureAccount | Function::EnsureState | Function::EnsureAbsent => {
                Proof::Account
            }
            Function::EnsureGranted | Function::EnsureRevoked => Proof::Grants,
            Function::EndSessions => Proof::Sessions,
            Function::RevokeCredentials => Proof::Credentials,
            Function::TransferOwned
            // What a pending change has come to is for whoever began it to prove.
            | Function::Poll
            | Function::RotateCredential
            | Function::Describe
            | Function::CheckSettings
            | Function::Probe
            | Function::Discover
            | Function::ListAccounts
            | Function::GetAccount
            | Function::FindAccounts
            | Function::ListEntitlements
            | Function::ListGrants
            | Function::ListCredentials
            | Function::CurrentToken
            | Function::ChangesSince
            | Function::Translate => Proof::Nothing,
        }
    }
}
