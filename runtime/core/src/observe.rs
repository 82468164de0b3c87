//! What to ask an app to carry an operation out, and what to look at to know whether it was done.
//!
//! A lost reply and a removal both end here: the app is read again, and what it shows decides. An
//! answer that is not proven whole never shows that something is gone.

use crate::connector::{
    AccountState, AttributeChange, Change, DesiredAccount, EntitlementKey, ObjectRef, Problem, Read, RemoteAccount,
    RemoteCredential, RemoteGrant,
};
use crate::operation::{AccountSeen, AccountSpec, Action, Observation};
use crate::person::Account;

/// What an app showed.
#[derive(Clone, PartialEq, Debug)]
pub enum Sight {
    /// The account that was asked for, or none.
    Account(Option<RemoteAccount>),
    /// The accounts that hold one of the keys.
    Accounts(Vec<RemoteAccount>),
    /// What the account holds, and whether that is all.
    Grants(Vec<RemoteGrant>, bool),
    /// The account's credentials, and whether those are all.
    Credentials(Vec<RemoteCredential>, bool),
}

/// The call that carries an action out; none while the account it needs is not known.
/// `heir` is the account that takes over, for a transfer.
pub fn call(action: &Action, account: &Account, heir: Option<&ObjectRef>) -> Option<Change> {
    let object = account.object.clone();
    Some(match action {
        Action::EnsureAccount(spec) => Change::EnsureAccount(DesiredAccount {
            object: object.filter(|_| account.exists()),
            match_keys: spec.match_keys.clone(),
            may_adopt: spec.may_adopt,
            initial_state: spec.initial_state,
            attributes: spec.attributes.clone(),
        }),
        Action::EnsureState(state) => Change::EnsureState(object?, *state),
        Action::EndSessions => Change::EndSessions(object?),
        Action::RevokeCredentials => Change::RevokeCredentials(object?),
        Action::EnsureGranted(key) => Change::EnsureGranted(object?, key.object(None)),
        Action::EnsureRevoked(key) => Change::EnsureRevoked(object?, key.object(None)),
        Action::TransferOwned(_) => Change::TransferOwned(object?, heir?.clone()),
        Action::EnsureAbsent => Change::EnsureAbsent(object?),
    })
}

/// What to read to know whether an action was done; none where nothing can show it.
pub fn question(action: &Action, account: &Account) -> Option<Read> {
    let object = account.object.clone().filter(|_| account.exists());
    match action {
        Action::EnsureAccount(spec) => match object {
            Some(object) => Some(Read::Account(object)),
            None if spec.match_keys.is_empty() => None,
            None => Some(Read::AccountsByKeys(spec.match_keys.clone())),
        },
        Action::EnsureState(_) | Action::EnsureAbsent => object.map(Read::Account),
        Action::EnsureGranted(_) | Action::EnsureRevoked(_) => object.map(Read::GrantsOf),
        Action::EndSessions | Action::RevokeCredentials => object.map(Read::CredentialsOf),
        Action::TransferOwned(_) => None,
    }
}

/// Whether what was seen is as the action wants it.
pub fn judge(action: &Action, sight: Result<Sight, Problem>) -> Observation {
    let sight = match sight {
        Ok(sight) => sight,
        Err(Problem::Unsupported(_)) => return Observation::CannotTell,
        Err(problem) => return Observation::Failed(problem),
    };
    match (action, sight) {
        (Action::EnsureAccount(spec), Sight::Account(found)) => account_seen(spec, found),
        (Action::EnsureAccount(spec), Sight::Accounts(found)) => {
            let mut agreeing = found.into_iter().filter(|account| agrees(account, &spec.match_keys));
            match (agreeing.next(), agreeing.next()) {
                (Some(account), None) => account_seen(spec, Some(account)),
                // Two that agree in every key are a question for a person; sending again asks it.
                (Some(_), Some(_)) | (None, _) => Observation::Unsatisfied(None),
            }
        }
        (Action::EnsureState(wanted), Sight::Account(found)) => state_seen(*wanted, found.as_ref()),
        (Action::EnsureAbsent, Sight::Account(found)) => match found {
            None => Observation::Satisfied(None),
            Some(account) if account.state == AccountState::Deleted => Observation::Satisfied(None),
            Some(account) => Observation::Unsatisfied(Some(seen(&account))),
        },
        (Action::EnsureGranted(key), Sight::Grants(grants, is_whole)) => match holds(&grants, key) {
            true => Observation::Satisfied(None),
            false if is_whole => Observation::Unsatisfied(None),
            false => Observation::CannotTell,
        },
        (Action::EnsureRevoked(key), Sight::Grants(grants, is_whole)) => match holds(&grants, key) {
            true => Observation::Unsatisfied(None),
            false if is_whole => Observation::Satisfied(None),
            false => Observation::CannotTell,
        },
        (Action::EndSessions, Sight::Credentials(credentials, is_whole)) => {
            ended(credentials.iter().any(|credential| credential.class == "session"), is_whole)
        }
        (Action::RevokeCredentials, Sight::Credentials(credentials, is_whole)) => {
            // A password of a suspended account opens nothing; sessions have their own operation.
            let lives = |credential: &RemoteCredential| !matches!(credential.class.as_str(), "session" | "password");
            ended(credentials.iter().any(lives), is_whole)
        }
        // Any other pair was not what was asked for.
        (_, Sight::Account(_) | Sight::Accounts(_) | Sight::Grants(..) | Sight::Credentials(..)) => {
            Observation::CannotTell
        }
    }
}

fn ended(any_alive: bool, is_whole: bool) -> Observation {
    if any_alive {
        Observation::Unsatisfied(None)
    } else if is_whole {
        Observation::Satisfied(None)
    } else {
        Observation::CannotTell
    }
}

fn seen(account: &RemoteAccount) -> AccountSeen {
    AccountSeen { object: account.object.clone(), state: account.state }
}

fn holds(grants: &[RemoteGrant], key: &EntitlementKey) -> bool {
    grants.iter().any(|grant| grant.is_direct && EntitlementKey::of(&grant.entitlement) == *key)
}

/// Whether an account holds every one of the keys.
fn agrees(account: &RemoteAccount, keys: &[(String, String)]) -> bool {
    !keys.is_empty() && keys.iter().all(|key| account.keys.contains(key))
}

fn account_seen(spec: &AccountSpec, found: Option<RemoteAccount>) -> Observation {
    let Some(account) = found else {
        return Observation::Unsatisfied(None);
    };
    let is_as_wanted = spec.attributes.iter().all(|(name, change)| match change {
        AttributeChange::Set(values) => account.attributes.get(name) == Some(values),
        AttributeChange::Clear => account.attributes.get(name).is_none_or(Vec::is_empty),
    });
    if is_as_wanted {
        Observation::Satisfied(Some(seen(&account)))
    } else {
        Observation::Unsatisfied(Some(seen(&account)))
    }
}

fn state_seen(wanted: AccountState, found: Option<&RemoteAccount>) -> Observation {
    match found {
        // Whoever is gone cannot come in.
        None if !wanted.is_usable() => Observation::Satisfied(None),
        None => Observation::Unsatisfied(None),
        Some(account) if account.state == wanted => Observation::Satisfied(Some(seen(account))),
        Some(account) if !wanted.is_usable() && is_shut(account.state) => Observation::Satisfied(Some(seen(account))),
        Some(account) => Observation::Unsatisfied(Some(seen(account))),
    }
}

/// Whether nobody can come in, in whichever way. A lock opens by itself, so it does not count.
fn is_shut(state: AccountState) -> bool {
    match state {
        AccountState::Suspended | AccountState::Deactivated | AccountState::Deleted => true,
        AccountState::Active | AccountState::Invited | AccountState::Locked => false,
    }
}
