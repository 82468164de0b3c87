//! Reading back, in the same step, what an app has just answered.
//!
//! At an app that answers faster than a round is made, the look that proves an answer costs less than a round for the
//! answer and another one for the look. Both are recorded in one transaction then. Where the daemon stops in between,
//! the call counts as out, its reply as lost, and the app is looked at after the start, as after every lost reply.

use std::time::Duration;

use muster_core::operation::{Step, Transition};
use muster_core::person::Account;

use super::Driver;
use super::settle::Settled;
use super::work::{self, Claim};

/// What took longer is recorded before it is read back: a reply must not be lost for want of a look.
const FAST: Duration = Duration::from_millis(50);

/// How long an answer waits for the look. One that takes longer is given up, and taken as a step of its own.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// Takes a step that was claimed, and reads back at once what the app answered. Returns what each came to.
pub(super) async fn take(driver: &Driver, claim: Box<Claim>) -> (Settled, Option<Settled>) {
    let began = driver.clock.moment();
    let acted = work::act(driver, &claim).await;
    let settled = Settled::new(driver, claim, acted).await;
    if driver.clock.moment().since(began) > FAST {
        return (settled, None);
    }
    let Some(looking) = look_of(&settled) else {
        return (settled, None);
    };
    let looked = driver.clock.within(LOOK_MAX, look(driver, looking)).await;
    (settled, looked)
}

async fn look(driver: &Driver, claim: Box<Claim>) -> Settled {
    let acted = work::act(driver, &claim).await;
    Settled::new(driver, claim, acted).await
}

/// The look that an answer asks for; `None` if there is nothing to read back, or not yet.
fn look_of(settled: &Settled) -> Option<Box<Claim>> {
    let Transition::Answered { verify_at, .. } = &settled.change else {
        return None;
    };
    if *verify_at > settled.at {
        return None;
    }
    let claim = &settled.claim;
    let (account, operation) =
        claim
            .account
            .after(&claim.operation, &settled.change, settled.at)?;
    let step = operation.step(settled.at);
    (step == Step::Verify).then(|| {
        Box::new(Claim {
            person: claim.person.clone(),
            plan: claim.plan,
            urgency: claim.urgency,
            operation,
            step,
            account: Account {
                object: account.object,
                state: account.state,
                keys: account.keys,
                ..Account::default()
            },
            heir: None,
        })
    })
}
