//! Taking a step that was claimed: a call of the app, or a look at it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use muster_core::connector::{CallContext, Change, ObjectRef, Problem};
use muster_core::id::{PersonId, PlanId};
use muster_core::observe;
use muster_core::operation::{self, Event, Observation, Operation, State, Step, Urgency};
use muster_core::person::Account;

use super::{Driver, look};

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

    pub(super) fn count(&self, change: &operation::Change) {
        use operation::Change;
        match change {
            Change::Completed(_) => Self::add(&self.completed),
            Change::Lost { .. } => Self::add(&self.lost),
            Change::Deferred { .. } => Self::add(&self.deferred),
            Change::Halted { .. } => Self::add(&self.halted),
            Change::Dispatched { .. }
            | Change::LeftPending { .. }
            | Change::Answered { .. }
            | Change::Found { .. }
            | Change::Retried { .. } => {}
        }
    }

    pub(super) fn answered(&self, at: Timestamp) {
        self.answered_at_ms.store(
            u64::try_from(at.as_millisecond()).unwrap_or(0),
            Ordering::Relaxed,
        );
    }
}

/// A step that is this driver's to take. Where it is a call, its intent is durable.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) person: PersonId,
    /// The plan that had last touched the person. After another one the step may not be wanted any more.
    pub(super) plan: PlanId,
    /// How urgent the account was when it was claimed.
    pub(super) urgency: Urgency,
    pub(super) operation: Operation,
    pub(super) step: Step,
    /// What the app calls the account and how it stands; nothing else of it is needed.
    pub(super) account: Account,
    /// The account that takes over, for a transfer.
    pub(super) heir: Option<ObjectRef>,
}

/// Takes the step and says what came of it, also where the code for it panics.
pub(super) async fn act(driver: &Driver, taken: &Claim) -> Event {
    let acting = AssertUnwindSafe(take(driver, taken)).catch_unwind();
    let Ok(event) = acting.await else {
        tracing::error!(target_name = %driver.target.name(), person = %taken.person, "a step broke off");
        let text = "the daemon's code for it broke off".to_owned();
        return match taken.step {
            Step::Observe | Step::Verify => {
                Event::Observed(Observation::Failed(Problem::Transient {
                    text,
                    after_ms: None,
                }))
            }
            _ => Event::Interrupted(text),
        };
    };
    event
}

async fn take(driver: &Driver, taken: &Claim) -> Event {
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
