//! Looks at an app to know whether an operation was done.
//!
//! Absence is believed only of an app that answers: a wrong address says "not found" to everything,
//! and that must never pass for a proof of removal. So where the app shows nothing, the connector's
//! own probe has to succeed before nothing counts as gone.

use muster_core::connector::{Problem, Read};
use muster_core::observe::{self, Sight};
use muster_core::operation::{Action, Observation};

use super::Driver;
use super::work::Claim;

/// Looks, and judges what was seen.
pub(super) async fn observe(driver: &Driver, taken: &Claim) -> Observation {
    let action = &taken.operation.action;
    // What is never listed is not proven to be gone by an empty listing.
    if !driver.target.can_show(action) {
        return Observation::CannotTell;
    }
    let Some(question) = observe::question(action, &taken.account) else {
        return Observation::CannotTell;
    };
    let sight = see(driver, action, &question).await;
    let is_removal = action.is_removal();
    if is_removal
        && shows_nothing(&sight)
        && let Err(problem) = driver.target.probe().await
    {
        return Observation::Failed(problem);
    }
    if sight.is_ok() {
        driver.activity.answered(driver.clock.now());
    }
    match observe::judge(action, sight) {
        Observation::Absent if is_removal => observe::proven_absent(&question, &taken.account),
        seen => seen,
    }
}

async fn see(driver: &Driver, action: &Action, question: &Read) -> Result<Sight, Problem> {
    let target = &driver.target;
    Ok(match question {
        Read::Account(object) => Sight::Account(target.read_account(object).await?),
        Read::AccountsByKeys(keys) => Sight::Accounts(target.find_accounts(keys).await?),
        Read::GrantsOf(object) => {
            let (Action::EnsureGranted(key) | Action::EnsureRevoked(key)) = action else {
                return Err(Problem::Unsupported(
                    "only a grant is looked for among grants".to_owned(),
                ));
            };
            let listing = target.grants_of(object, key).await?;
            Sight::Grants(listing.items, listing.is_whole)
        }
        Read::CredentialsOf(object) => {
            let listing = target.credentials_of(object).await?;
            Sight::Credentials(listing.items, listing.is_whole)
        }
    })
}

/// Whether the app shows that there is nothing.
fn shows_nothing(sight: &Result<Sight, Problem>) -> bool {
    match sight {
        Ok(Sight::Account(found)) => found.is_none(),
        Ok(Sight::Accounts(found)) => found.is_empty(),
        Ok(Sight::Grants(grants, is_whole)) => grants.is_empty() && *is_whole,
        Ok(Sight::Credentials(credentials, is_whole)) => credentials.is_empty() && *is_whole,
        Err(Problem::NotFound(_)) => true,
        Err(_) => false,
    }
}
