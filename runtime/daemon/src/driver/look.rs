//! Looks at an app to know whether an operation was done.
//!
//! Absence is believed only of an app that answers: a wrong address says "not found" to everything,
//! and that must never pass for a proof of removal. So where the app shows nothing, the connector's
//! own probe has to succeed before nothing counts as gone. Nor is an account gone that the app only has
//! under another key of its own: it is looked for by everything that it can be found by.

use muster_core::connector::{Problem, Read};
use muster_core::observe::{self, ReadBack, Whereabouts};
use muster_core::operation::{Action, How, Observation, State};

use super::Driver;
use super::work::Claim;
use crate::targets::{APART, DOUBT_AFTER};

/// Looks, and judges what was seen.
pub(super) async fn observe(driver: &Driver, taken: &Claim) -> Observation {
    let (action, account) = (&taken.operation.action, &taken.account);
    // What is never listed is not proven to be gone by an empty listing.
    if !driver.target.can_show(action) {
        return Observation::CannotTell;
    }
    let Some(question) = observe::question(action, account) else {
        return Observation::CannotTell;
    };
    let read_back = see(driver, action, &question).await;
    if read_back.is_ok() {
        driver.activity.answered(driver.clock.now());
    }
    match lacks(&question, &read_back, action.is_removal()) {
        Lacks::Nothing => {}
        Lacks::Account => return missing(driver, taken, &question).await,
        // What it has not may be because it is not there under this key.
        Lacks::Parts if account.exists() => {
            let Some(object) = &account.object else {
                return Observation::CannotTell;
            };
            match driver.target.read_account(object).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(Problem::NotFound(_)) => {
                    return missing(driver, taken, &question).await;
                }
                Err(problem) => return Observation::Failed(problem),
            }
        }
        Lacks::Parts => {
            if let Err(problem) = driver.target.probe().await {
                return Observation::Failed(problem);
            }
        }
    }
    if let (Action::EnsureAccount(spec), Ok(ReadBack::Accounts(found))) = (action, &read_back)
        && !spec.may_adopt
    {
        for other in found {
            if driver.target.is_stranger(&other.object).await {
                return Observation::Failed(Problem::Conflict(Some(other.object.clone())));
            }
        }
    }
    match observe::judge(action, read_back) {
        Observation::Absent if action.is_removal() => observe::proven_absent(&question, account),
        seen => seen,
    }
}

/// What an app does not show.
enum Lacks {
    Nothing,
    /// The account that was asked for.
    Account,
    /// Something of the account: all grants, all sessions.
    Parts,
}

fn lacks(question: &Read, read_back: &Result<ReadBack, Problem>, is_removal: bool) -> Lacks {
    match (question, read_back) {
        (Read::Account(_), Ok(ReadBack::Account(None)) | Err(Problem::NotFound(_))) => {
            Lacks::Account
        }
        (Read::GrantsOf(_) | Read::CredentialsOf(_), Err(Problem::NotFound(_))) => Lacks::Parts,
        (_, Ok(ReadBack::Grants(grants, true))) if is_removal && grants.is_empty() => Lacks::Parts,
        (_, Ok(ReadBack::Credentials(credentials, true)))
            if is_removal && credentials.is_empty() =>
        {
            Lacks::Parts
        }
        _ => Lacks::Nothing,
    }
}

/// The app does not show the account under its key. It may have given it another one; only where nothing
/// is found by what the account can be found by, and the right app was asked, is it gone.
async fn missing(driver: &Driver, taken: &Claim, question: &Read) -> Observation {
    let (action, account) = (&taken.operation.action, &taken.account);
    let Some(object) = account.object.clone() else {
        return Observation::Absent;
    };
    // One whose making was not read back yet may only not be shown yet.
    let is_confirmed = !account.keys.is_empty();
    let keys = match action {
        Action::EnsureAccount(spec) if !is_confirmed => &spec.match_keys,
        _ => &account.keys,
    };
    let mut found = driver.target.locate(account, keys).await;
    // An attempt that nobody answered may have given it the keys that it is to have from now on.
    if let (Ok(Whereabouts::Unclear(_) | Whereabouts::Nowhere), Action::EnsureAccount(spec)) =
        (&found, action)
        && spec.match_keys != *keys
        && let moved @ Ok(Whereabouts::Moved(_)) =
            driver.target.locate(account, &spec.match_keys).await
    {
        found = moved;
    }
    match found {
        Err(problem) => Observation::Failed(problem),
        Ok(Whereabouts::Moved(account)) => Observation::Moved(account),
        Ok(Whereabouts::Unclear(other)) => {
            driver.target.doubt(&taken.person, DOUBT_AFTER);
            let text = format!(
                "the account is not there as {} {}, and {} {} holds a part of what it is found by",
                object.kind, object.id, other.kind, other.id
            );
            let after_ms = None;
            Observation::Failed(Problem::Transient { text, after_ms })
        }
        Ok(Whereabouts::Nowhere) if !is_confirmed => Observation::Absent,
        // Of its own removal the app has just said that it did it.
        Ok(Whereabouts::Nowhere) if !was_removed(taken) && !driver.target.is_gone(&object) => {
            let text = format!(
                "the app does not find the account {} {}; it counts as gone once it is not found again",
                object.kind, object.id
            );
            let after_ms = u32::try_from(APART.as_millis()).ok();
            Observation::Failed(Problem::Transient { text, after_ms })
        }
        Ok(Whereabouts::Nowhere) if action.is_removal() && matches!(question, Read::Account(_)) => {
            observe::proven_absent(question, account)
        }
        Ok(Whereabouts::Nowhere) => {
            driver.target.doubt(&taken.person, DOUBT_AFTER);
            Observation::Gone(object)
        }
    }
}

/// Whether the app has answered that it removed the account.
fn was_removed(taken: &Claim) -> bool {
    let how = match taken.operation.state {
        State::Verifying { how, .. } => Some(how),
        _ => None,
    };
    taken.operation.action == Action::EnsureAbsent && how == Some(How::Done)
}

async fn see(driver: &Driver, action: &Action, question: &Read) -> Result<ReadBack, Problem> {
    let target = &driver.target;
    Ok(match question {
        Read::Account(object) => ReadBack::Account(target.read_account(object).await?),
        Read::AccountsByKeys(keys) => ReadBack::Accounts(target.find_accounts(keys).await?),
        Read::GrantsOf(object) => {
            let (Action::EnsureGranted(key) | Action::EnsureRevoked(key)) = action else {
                return Err(Problem::Unsupported(
                    "only a grant is looked for among grants".to_owned(),
                ));
            };
            let listing = target.grants_of(object, key).await?;
            ReadBack::Grants(listing.items, listing.is_whole)
        }
        Read::CredentialsOf(object) => {
            let listing = target.credentials_of(object).await?;
            ReadBack::Credentials(listing.items, listing.is_whole)
        }
    })
}
