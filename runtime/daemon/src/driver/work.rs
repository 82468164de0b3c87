//! The steps of one account, one after the other: claim, act, settle.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use muster_core::connector::{CallContext, Change, ObjectRef, Problem};
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::observe;
use muster_core::operation::{self, Action, Event, Operation, RetryPolicy, State, Step};
use muster_core::person::{Account, Turn};
use muster_ledger::{Error, Writer};

use super::{Driver, look, settle};

/// What the drivers have done, for the metrics. Names only.
#[derive(Debug, Default)]
pub struct Activity {
    /// Calls that left.
    pub calls: AtomicU64,
    /// Operations that ended well.
    pub completed: AtomicU64,
    /// Calls whose reply was lost.
    pub lost: AtomicU64,
    /// Attempts that have to wait for another.
    pub deferred: AtomicU64,
    /// Operations that wait for a person.
    pub halted: AtomicU64,
    /// When the app last answered, in milliseconds since 1970; 0 is never.
    pub answered_at_ms: AtomicU64,
}

impl Activity {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self, change: &operation::Change) {
        use operation::Change;
        match change {
            Change::Completed(_) => Self::add(&self.completed),
            Change::Lost { .. } => Self::add(&self.lost),
            Change::Deferred { .. } => Self::add(&self.deferred),
            Change::Halted { .. } => Self::add(&self.halted),
            Change::Dispatched { .. }
            | Change::LeftPending { .. }
            | Change::Answered { .. }
            | Change::Found { .. } => {}
        }
    }

    pub(super) fn answered(&self, at: Timestamp) {
        self.answered_at_ms.store(
            u64::try_from(at.as_millisecond()).unwrap_or(0),
            Ordering::Relaxed,
        );
    }
}

/// A step that is this chain's to take. Its intent is durable.
pub(super) struct Claim {
    pub(super) operation: Operation,
    pub(super) step: Step,
    pub(super) account: Account,
    /// The account that takes over, for a transfer.
    pub(super) heir: Option<ObjectRef>,
}

/// Takes steps until none can be taken now.
pub(super) async fn chain(driver: &Driver, person: &PersonId) -> Result<(), Error> {
    let (target, id) = (driver.target.name().clone(), person.clone());
    let first = driver.committer.submit(driver.clock.now(), move |writer| {
        claim(writer, &target, &id)
    });
    let mut next = first.await?;
    while let Some(taken) = next {
        let event = act(driver, &taken).await;
        if !driver.target.is_usable() {
            // The plugin went away meanwhile: what came back is recorded, and nothing more begins.
            return settle(driver, person, taken, event, false).await.map(drop);
        }
        next = settle(driver, person, taken, event, true).await?;
    }
    Ok(())
}

/// Records what an event led to and, in the same transaction, claims the next step.
async fn settle(
    driver: &Driver,
    person: &PersonId,
    taken: Claim,
    event: Event,
    goes_on: bool,
) -> Result<Option<Claim>, Error> {
    let (target, id, retry) = (
        driver.target.name().clone(),
        person.clone(),
        retry(driver, &taken.operation.action),
    );
    let settling = driver.committer.submit(driver.clock.now(), move |writer| {
        let settled = settle::Settled {
            person: &id,
            target: &target,
            taken: &taken,
            event: &event,
            retry: &retry,
        };
        let change = settle::record(writer, &settled)?;
        let next = if goes_on {
            claim(writer, &target, &id)?
        } else {
            None
        };
        Ok::<_, Error>((change, next))
    });
    let (change, next) = settling.await?;
    driver.activity.count(&change);
    Ok(next)
}

/// The retry policy, with the lag that the connector declares for what the action touches.
fn retry(driver: &Driver, action: &Action) -> RetryPolicy {
    RetryPolicy {
        lag: driver.target.lag(action),
        ..driver.retry.clone()
    }
}

/// Finds the step that can be taken now, and records the intent where it is a call.
fn claim(
    writer: &mut Writer<'_>,
    target: &TargetName,
    id: &PersonId,
) -> Result<Option<Claim>, Error> {
    let now = writer.at();
    let Some(person) = writer.person(id)? else {
        return Ok(None);
    };
    let Some(account) = person.accounts.get(target) else {
        return Ok(None);
    };
    let Turn::Act(operation, step) = account.turn(now) else {
        return Ok(None);
    };
    let (operation, account) = (operation.clone(), account.clone());
    let heir = match &operation.action {
        Action::TransferOwned(heir) => writer
            .person(heir)?
            .and_then(|heir| heir.accounts.get(target))
            .filter(|account| account.exists())
            .and_then(|account| account.object.clone()),
        _ => None,
    };
    let mut claimed = Claim {
        operation,
        step,
        account,
        heir,
    };
    if let Step::Send(attempt) = claimed.step {
        let change = operation::Change::Dispatched { attempt };
        claimed.operation.state = State::InFlight {
            attempt,
            since: now,
        };
        writer.record(Fact::OperationChanged {
            person: id.clone(),
            target: target.clone(),
            operation: claimed.operation.id,
            change,
        })?;
    }
    Ok(Some(claimed))
}

/// Takes the step and says what came of it.
async fn act(driver: &Driver, taken: &Claim) -> Event {
    match &taken.step {
        Step::Send(attempt) => send(driver, taken, *attempt).await,
        Step::Observe | Step::Verify => Event::Observed(look::observe(driver, taken).await),
        Step::Poll => match &taken.operation.state {
            State::Pending {
                handle, attempt, ..
            } => call(driver, taken, &Change::Poll(handle.clone()), *attempt).await,
            _ => Event::Interrupted("there was nothing to ask for".to_owned()),
        },
        Step::WaitUntil(_) | Step::Busy | Step::Halted => {
            Event::Interrupted("there was no step to take".to_owned())
        }
    }
}

async fn send(driver: &Driver, taken: &Claim, attempt: u32) -> Event {
    match observe::call(&taken.operation.action, &taken.account, taken.heir.as_ref()) {
        Some(change) => call(driver, taken, &change, attempt).await,
        // Only a transfer can lack something here: the account of the person who takes over.
        None => Event::Replied(Err(Problem::Guarded(
            "the person who is to take over has no account here; hand it on at the app".to_owned(),
        ))),
    }
}

async fn call(driver: &Driver, taken: &Claim, change: &Change, attempt: u32) -> Event {
    let context = CallContext {
        operation: taken.operation.id,
        attempt,
        reason: taken.operation.reason.clone(),
    };
    Activity::add(&driver.activity.calls);
    let reply = driver.target.change(change, &context).await;
    if reply.is_ok() {
        driver.activity.answered(driver.clock.now());
    }
    Event::Replied(reply)
}
