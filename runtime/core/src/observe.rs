//! What to ask an app to carry an operation out, and what to look at to know whether it was done.
//!
//! A lost reply and a removal both end here: the app is read again, and what it shows decides. An
//! answer that is not proven whole never shows that something is gone, and neither does "not found"
//! from an app that has not just shown another account: a wrong address finds nothing at all.

use std::sync::Arc;

use crate::connector::{
    AccountSpec, AccountState, AttributeChange, Change, CredentialClass, Descriptor,
    DesiredAccount, EntitlementKey, EntitlementKind, ObjectRef, Problem, Read, RemoteAccount,
    RemoteCredential, RemoteGrant, Scalar,
};
use crate::needs::Proof;
use crate::operation::{AccountSeen, Action, Observation};
use crate::person::Account;

/// What was read back of an app: what it showed when it was asked.
#[derive(Clone, PartialEq, Debug)]
pub enum ReadBack {
    /// The account that was asked for, or none.
    Account(Option<RemoteAccount>),
    /// The accounts that hold one of the keys.
    Accounts(Vec<RemoteAccount>),
    /// What the account holds, and whether that is all.
    Grants(Vec<RemoteGrant>, bool),
    /// The account's credentials, and whether those are all.
    Credentials(Vec<RemoteCredential>, bool),
}

/// The call that carries an action out; `None` while something it needs is not known, which
/// [`missing`] then says. `heir` is the account that takes over, for a transfer.
///
/// Whether an account that is there already is taken over is never left to the connector: it is
/// asked not to, and its `conflict` leads to a look at the account and to [`judge`].
pub fn call(action: &Action, account: &Account, heir: Option<&ObjectRef>) -> Option<Change> {
    let object = account.object.clone().filter(|_| account.exists());
    Some(match action {
        Action::EnsureAccount(spec) => Change::EnsureAccount(DesiredAccount {
            object,
            may_adopt: false,
            spec: Arc::clone(spec),
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

/// Why there is no [`call`] for an action: to be handed to the operation as the reply.
pub fn missing(action: &Action, account: &Account) -> Problem {
    match action {
        Action::TransferOwned(heir) if account.exists() => {
            Problem::Guarded(format!("{heir}, who takes over, has no account here"))
        }
        _ => Problem::Guarded("the account is not known to be there".to_owned()),
    }
}

/// What to read to know whether an action was done; `None` if nothing can show it.
pub fn question(action: &Action, account: &Account) -> Option<Read> {
    let object = account.object.clone().filter(|_| account.exists());
    match action {
        Action::EnsureAccount(spec) => match object {
            Some(object) => Some(Read::Account(object)),
            None if spec.match_keys.is_empty() => None,
            None => Some(Read::AccountsByKeys(spec.match_keys.clone())),
        },
        Action::EnsureState(_) => object.map(Read::Account),
        // Its state may already prove it.
        Action::EnsureAbsent => account.object.clone().map(Read::Account),
        Action::EnsureGranted(_) | Action::EnsureRevoked(_) => object.map(Read::GrantsOf),
        Action::EndSessions | Action::RevokeCredentials => object.map(Read::CredentialsOf),
        Action::TransferOwned(_) => None,
    }
}

/// Whether a connector that says this of itself can show that an action was done. One that never lists
/// sessions answers with no session before they were ended and afterwards: that proves nothing.
pub fn can_be_seen(action: &Action, descriptor: &Descriptor) -> bool {
    let lists = |is_meant: fn(&CredentialClass) -> bool| {
        let people = descriptor.people();
        people.is_some_and(|kind| kind.lists_credentials(is_meant))
    };
    match action.function().proof() {
        Proof::Account => true,
        Proof::Sessions => lists(CredentialClass::is_session),
        Proof::Credentials => lists(CredentialClass::is_revocable),
        Proof::Grants => action
            .entitlement()
            .and_then(|key| descriptor.entitlement_kind(&key.kind))
            .is_some_and(EntitlementKind::lists_grants),
        Proof::Nothing => false,
    }
}

/// What [`Observation::Absent`] means once it is proven that the right app was asked, because its own
/// probe succeeded or it showed another account.
///
/// Where the account itself was asked for, it is gone: everything that was still to be taken from it
/// is moot, and its tombstone stays. Where something about the account was asked for, that is gone
/// - it may have been the right that no longer exists - and the account is left as it is known.
pub fn proven_absent(question: &Read, account: &Account) -> Observation {
    match (question, &account.object) {
        (Read::Account(asked), Some(object)) if asked.same_object(object) => {
            Observation::Satisfied(Some(AccountSeen {
                object: object.clone(),
                state: AccountState::Deleted,
            }))
        }
        (Read::GrantsOf(_) | Read::CredentialsOf(_), _) => Observation::Satisfied(None),
        (Read::Account(_) | Read::AccountsByKeys(_), _) => Observation::Absent,
    }
}

/// Where an account is that the app does not have under its key any more.
#[derive(Clone, PartialEq, Debug)]
pub enum Whereabouts {
    /// Here: one account holds everything that it can be found by.
    Moved(AccountSeen),
    /// Something holds a part of that, or several do: a person has to say whose it is.
    Unclear(ObjectRef),
    /// Nothing holds any of it.
    Nowhere,
}

/// Where an account is, by what was found under its keys. An app that changed the ids of its accounts has
/// not deleted them.
pub fn whereabouts(
    account: &Account,
    keys: &[(String, String)],
    found: &[RemoteAccount],
) -> Whereabouts {
    let alive = |found: &&RemoteAccount| found.state != AccountState::Deleted;
    let own = account.object.as_ref();
    let is_own = |found: &&RemoteAccount| own.is_some_and(|own| own.same_object(&found.object));
    let mut agreeing = found
        .iter()
        .filter(alive)
        .filter(|found| agrees(found, keys) && found.protected_reason.is_none());
    match (agreeing.next(), agreeing.next()) {
        // What is found under the key that was not there a moment ago is not settled yet.
        (Some(only), None) if !is_own(&only) => Whereabouts::Moved(seen(only)),
        _ => match found.iter().find(alive) {
            Some(other) => Whereabouts::Unclear(other.object.clone()),
            None => Whereabouts::Nowhere,
        },
    }
}

/// Whether the account that a call says it made is somebody else's: it does not hold what it should be
/// found by, or was there before. Such an answer is a conflict, and no account of the person's.
pub fn is_mistaken(spec: &AccountSpec, account: &RemoteAccount, was_there_before: bool) -> bool {
    let differs = |(name, value): &(String, String)| {
        let mut held = account.keys.iter().filter(|(held, _)| held == name);
        // An app that does not show a key at all says nothing about it.
        let is_shown = held.clone().next().is_some();
        is_shown && !held.any(|(_, with)| is_alike(with, value))
    };
    was_there_before || spec.match_keys.iter().any(differs)
}

/// Whether what was seen is as the action wants it.
pub fn judge(action: &Action, read_back: Result<ReadBack, Problem>) -> Observation {
    let read_back = match read_back {
        Ok(read_back) => read_back,
        Err(Problem::Unsupported(_)) => return Observation::CannotTell,
        Err(Problem::NotFound(_)) => return Observation::Absent,
        Err(problem) => return Observation::Failed(problem),
    };
    match (action, read_back) {
        (Action::EnsureAccount(spec), ReadBack::Account(found)) => match found {
            Some(account) => account_seen(spec, &account),
            None => Observation::Absent,
        },
        (Action::EnsureAccount(spec), ReadBack::Accounts(found)) => accounts_seen(spec, &found),
        (Action::EnsureState(wanted), ReadBack::Account(found)) => match found {
            Some(account) => state_seen(*wanted, &account),
            None => Observation::Absent,
        },
        (Action::EnsureAbsent, ReadBack::Account(found)) => match found {
            None => Observation::Absent,
            // In the app's bin: it knows the account and says that it is gone.
            Some(account) if account.state == AccountState::Deleted => {
                Observation::Satisfied(Some(seen(&account)))
            }
            Some(account) => Observation::Unsatisfied(Some(seen(&account))),
        },
        (Action::EnsureGranted(key), ReadBack::Grants(grants, is_whole)) => {
            told(holds(&grants, key), true, is_whole)
        }
        (Action::EnsureRevoked(key), ReadBack::Grants(grants, is_whole)) => {
            told(holds(&grants, key), false, is_whole)
        }
        (Action::EndSessions, ReadBack::Credentials(credentials, is_whole)) => {
            let lives = |credential: &RemoteCredential| credential.class.is_session();
            told(credentials.iter().any(lives), false, is_whole)
        }
        (Action::RevokeCredentials, ReadBack::Credentials(credentials, is_whole)) => {
            let lives = |credential: &RemoteCredential| credential.class.is_revocable();
            told(credentials.iter().any(lives), false, is_whole)
        }
        // Any other pair was not what was asked for.
        (
            _,
            ReadBack::Account(_)
            | ReadBack::Accounts(_)
            | ReadBack::Grants(..)
            | ReadBack::Credentials(..),
        ) => Observation::CannotTell,
    }
}

/// What follows from something being there or not, when a listing that is not whole says nothing
/// about what it does not show.
fn told(is_there: bool, is_wanted: bool, is_whole: bool) -> Observation {
    match (is_there == is_wanted, is_there || is_whole) {
        (_, false) => Observation::CannotTell,
        (true, true) => Observation::Satisfied(None),
        (false, true) => Observation::Unsatisfied(None),
    }
}

fn seen(account: &RemoteAccount) -> AccountSeen {
    AccountSeen {
        object: account.object.clone(),
        state: account.state,
    }
}

fn holds(grants: &[RemoteGrant], key: &EntitlementKey) -> bool {
    grants
        .iter()
        .any(|grant| grant.is_direct && EntitlementKey::of(&grant.entitlement) == *key)
}

/// An account that was looked for by its keys, because its own key is not known.
fn accounts_seen(spec: &AccountSpec, found: &[RemoteAccount]) -> Observation {
    // What lies in the bin is not there.
    let mut alive = found
        .iter()
        .filter(|account| account.state != AccountState::Deleted);
    let Some(first) = alive.clone().next() else {
        return Observation::Unsatisfied(None);
    };
    let mut agreeing = alive
        .by_ref()
        .filter(|account| agrees(account, &spec.match_keys));
    // Somebody holds a key and not all of them, or several hold all: whose it is, a person says.
    let (Some(account), None) = (agreeing.next(), agreeing.next()) else {
        return Observation::Failed(Problem::Conflict(Some(first.object.clone())));
    };
    if let Some(reason) = &account.protected_reason {
        return Observation::Failed(Problem::Guarded(reason.clone()));
    }
    // It is the one whose making was not answered, or one that was there before. The second may
    // only be taken over where the configuration allows it.
    if !spec.may_adopt && !resembles(account, spec) {
        return Observation::Failed(Problem::Conflict(Some(account.object.clone())));
    }
    account_seen(spec, account)
}

/// Whether an account holds every one of the keys.
fn agrees(account: &RemoteAccount, keys: &[(String, String)]) -> bool {
    let holds = |(name, value): &(String, String)| {
        account
            .keys
            .iter()
            .any(|(held, with)| held == name && is_alike(with, value))
    };
    !keys.is_empty() && keys.iter().all(holds)
}

/// Whether an account could have been made from the specification: what both name is alike, and
/// they have something in common. Apps write some values in their own way, and do not show every
/// attribute.
fn resembles(account: &RemoteAccount, spec: &AccountSpec) -> bool {
    let mut is_alike_in_any = false;
    for (name, change) in &spec.attributes {
        if let (AttributeChange::Set(wanted), Some(held)) = (change, account.attributes.get(name)) {
            let is_held = |value: &Scalar| held.iter().any(|other| is_same_value(value, other));
            if !wanted.iter().all(is_held) {
                return false;
            }
            is_alike_in_any = true;
        }
    }
    is_alike_in_any || spec.attributes.is_empty()
}

fn is_same_value(one: &Scalar, other: &Scalar) -> bool {
    match (one, other) {
        (Scalar::Text(one), Scalar::Text(other)) => is_alike(one, other),
        (one, other) => one == other,
    }
}

fn is_alike(one: &str, other: &str) -> bool {
    let plain = |text: &str| crate::text::composed(text.trim()).to_lowercase();
    one == other || plain(one) == plain(other)
}

fn account_seen(spec: &AccountSpec, account: &RemoteAccount) -> Observation {
    let is_as_wanted = spec.attributes.iter().all(|(name, change)| match change {
        AttributeChange::Set(values) => account.attributes.get(name) == Some(values),
        AttributeChange::Clear => account.attributes.get(name).is_none_or(Vec::is_empty),
    });
    match (account.state, is_as_wanted) {
        (AccountState::Deleted, _) => Observation::Unsatisfied(None),
        (_, true) => Observation::Satisfied(Some(seen(account))),
        (_, false) => Observation::Unsatisfied(Some(seen(account))),
    }
}

fn state_seen(wanted: AccountState, account: &RemoteAccount) -> Observation {
    let is_as_wanted = if wanted.is_usable() {
        // An app's own lock is the app's matter.
        account.state.is_usable() || account.state == AccountState::Locked
    } else {
        is_shut(account.state)
    };
    if is_as_wanted {
        Observation::Satisfied(Some(seen(account)))
    } else {
        Observation::Unsatisfied(Some(seen(account)))
    }
}

/// Whether nobody can come in, in whichever way. A lock opens by itself, so it does not count.
fn is_shut(state: AccountState) -> bool {
    match state {
        AccountState::Suspended | AccountState::Deactivated | AccountState::Deleted => true,
        AccountState::Active | AccountState::Invited | AccountState::Locked => false,
    }
}
