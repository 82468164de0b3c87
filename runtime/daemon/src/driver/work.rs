//! Taking a step that was claimed: a call of the app, or a look at it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use muster_core::connector::{
    AccountSpec, AccountState, CallContext, Change, ObjectRef, Outcome, OutcomeKind, Problem,
};
use muster_core::id::{PersonId, PlanId};
use muster_core::observe;
use muster_core::operation::{self, Action, Event, Observation, Operation, State, Step, Urgency};
use muster_core::person::Account;

use super::recent::Freshness;
use super::settle::{self, Settled};
use super::{Driver, look};
use crate::targets::{Connected, DOUBT_AFTER};

/// How long a step takes before that is said: of a removal as access that is open, and of the target.
const HANGS_AFTER: Duration = Duration::from_secs(10);

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
    /// Removals that ended and that the app was seen to have carried out.
    pub removals_verified: AtomicU64,
    /// Removals that ended with the app's answer and nothing else.
    pub removals_unseen: AtomicU64,
    /// When the app last answered, in milliseconds since 1970; 0 is never.
    pub answered_at_ms: AtomicU64,
    failing: Mutex<Option<Failing>>,
}

/// Since when nothing has succeeded at a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failing {
    /// When the first attempt failed of those that failed since.
    pub since: Timestamp,
    /// How many have failed.
    pub attempts: u32,
    /// What came of the last one.
    pub text: String,
}

/// Attempts that have to fail one after the other before it is said of the target.
const FAILING_ATTEMPTS: u32 = 3;

impl Activity {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What stands in the way of everything at the target; none while anything succeeds there.
    pub fn failing(&self) -> Option<Failing> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing
            .clone()
            .filter(|failing| failing.attempts >= FAILING_ATTEMPTS)
    }

    fn failed(&self, at: Timestamp, text: String) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = failing.as_ref().map_or(0, |failing| failing.attempts);
        let since = failing.as_ref().map_or(at, |failing| failing.since);
        *failing = Some(Failing {
            since,
            attempts: attempts.saturating_add(1),
            text,
        });
    }

    fn succeeded(&self) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn count(&self, settled: &Settled) {
        use operation::Transition;
        match &settled.change {
            Transition::Completed(result) => {
                Self::add(&self.completed);
                self.succeeded();
                if settled.claim.operation.action.is_removal() {
                    Self::add(if result.how.is_seen() {
                        &self.removals_verified
                    } else {
                        &self.removals_unseen
                    });
                }
            }
            Transition::Lost { text, .. } => {
                Self::add(&self.lost);
                self.failed(settled.at, text.clone());
            }
            Transition::Deferred { problem, .. } => {
                Self::add(&self.deferred);
                if is_of_target(problem) {
                    self.failed(settled.at, problem.text());
                }
            }
            Transition::Halted { .. } => Self::add(&self.halted),
            Transition::Dispatched { .. }
            | Transition::LeftPending { .. }
            | Transition::Answered { .. }
            | Transition::Found { .. }
            | Transition::Retried => {}
        }
    }

    pub(super) fn answered(&self, at: Timestamp) {
        self.answered_at_ms.store(
            u64::try_from(at.as_millisecond()).unwrap_or(0),
            Ordering::Relaxed,
        );
    }
}

/// Whether a problem says something of the app, and not only of the account or right that was named.
fn is_of_target(problem: &Problem) -> bool {
    match problem {
        Problem::Transient { .. }
        | Problem::RateLimited { .. }
        | Problem::OutcomeUnknown(_)
        | Problem::CursorExpired
        | Problem::TokenExpired
        | Problem::Unauthenticated(_)
        | Problem::Forbidden(_)
        | Problem::RemoteDefect(_)
        | Problem::Denied(_)
        | Problem::PluginFailed { .. } => true,
        Problem::NotFound(_)
        | Problem::Conflict(_)
        | Problem::Stale
        | Problem::Invalid(_)
        | Problem::NoCapacity(_)
        | Problem::Guarded(_)
        | Problem::Unsupported(_) => false,
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

impl Claim {
    /// Whether an account may be taken over is decided by the configuration of now, and not by that of the day on
    /// which the operation was planned.
    pub(super) fn follow_settings(&mut self, target: &Connected) {
        let may_adopt = target.may_adopt();
        if let Action::EnsureAccount(spec) = &mut self.operation.action
            && spec.may_adopt != may_adopt
        {
            Arc::make_mut(spec).may_adopt = may_adopt;
        }
    }
}

/// What came of a step.
pub(super) struct Acted {
    pub(super) event: Event,
    /// Whether it took so long that this was said while it did.
    pub(super) has_hung: bool,
    /// How fresh it was what the app showed when it began.
    pub(super) freshness: Freshness,
}

/// Takes the step and says what came of it, also where the code for it panics.
pub(super) async fn act(driver: &Driver, taken: &Claim) -> Acted {
    let (action, clock) = (&taken.operation.action, &driver.clock);
    let changing = driver.members.change(action, &taken.step, clock).await;
    // Of an account that is not there yet, nothing older can be shown.
    let freshness = if taken.account.exists() {
        let (id, action) = (taken.operation.id, &taken.operation.action);
        let recent = &driver.recent;
        recent.freshness(&taken.person, id, action, driver.clock.moment())
    } else {
        Freshness::default()
    };
    let mut acting = Box::pin(AssertUnwindSafe(take(driver, taken)).catch_unwind());
    let mut has_hung = false;
    let acted = tokio::select! {
        acted = &mut acting => acted,
        () = driver.clock.sleep(HANGS_AFTER) => {
            has_hung = true;
            driver.activity.failed(
                driver.clock.now(),
                format!("no answer for {} s", HANGS_AFTER.as_secs()),
            );
            settle::say_it_hangs(driver, taken).await;
            acting.await
        }
    };
    let event = acted.unwrap_or_else(|_| {
        tracing::error!(target_name = %driver.target.name(), person = %taken.person, "a step broke off");
        let text = "the daemon's code for it broke off".to_owned();
        match taken.step {
            Step::Observe | Step::Verify => {
                Event::Observed(Observation::Failed(Problem::Transient {
                    text,
                    after_ms: None,
                }))
            }
            _ => Event::Interrupted(text),
        }
    });
    if let Some(changing) = changing {
        changing.ended(taken.account.object.as_ref(), &event, &driver.clock);
    }
    Acted {
        event,
        has_hung,
        freshness,
    }
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
    let is_unsent = matches!(&reply, Ok(outcome) if outcome.kind == OutcomeKind::Already);
    if !is_unsent {
        let (id, action) = (taken.operation.id, &taken.operation.action);
        driver
            .recent
            .wrote(&taken.person, id, action, driver.clock.moment());
    }
    if reply.is_ok() {
        driver.activity.answered(driver.clock.now());
    }
    match (&taken.operation.action, reply) {
        (Action::EnsureAccount(spec), Ok(outcome)) if !taken.account.exists() => {
            created(driver, spec, outcome, attempt).await
        }
        (_, reply) => {
            if let Ok(outcome) = &reply {
                doubt_what_is_off(driver, taken, outcome);
            }
            Event::Replied(reply)
        }
    }
}

/// The app says that the account is there. What it shows is compared with what was asked for and with what
/// was there before: an answer with somebody else's account makes it nobody's.
async fn created(driver: &Driver, spec: &AccountSpec, outcome: Outcome, attempt: u32) -> Event {
    if matches!(outcome.kind, OutcomeKind::Adopted) {
        return Event::Replied(Ok(outcome));
    }
    let Some(account) = &outcome.account else {
        return Event::Created(outcome);
    };
    // Of a later attempt, what is there already may be what an earlier one made.
    let was_there = attempt <= 1 && outcome.kind == OutcomeKind::Already;
    let was_there = was_there || driver.target.is_stranger(&account.object).await;
    if observe::is_mistaken(spec, account, was_there) {
        let other = account.object.clone();
        return Event::Replied(Err(Problem::Conflict(Some(other))));
    }
    Event::Created(outcome)
}

/// That an account which is to be usable is shown switched off follows from no change of ours: it is looked
/// at once more, and asked about if it is so.
fn doubt_what_is_off(driver: &Driver, taken: &Claim, outcome: &Outcome) {
    let is_usable = taken.account.state.is_some_and(AccountState::is_usable);
    let is_off = outcome
        .account
        .as_ref()
        .is_some_and(|account| !account.state.is_usable());
    let is_about_state = matches!(
        taken.operation.action,
        Action::EnsureState(_) | Action::EnsureAbsent
    );
    if is_usable && is_off && !is_about_state {
        let lag = driver.target.lag(&taken.operation.action);
        driver.target.doubt(&taken.person, lag + DOUBT_AFTER);
    }
}
