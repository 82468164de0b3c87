//! What each reply, loss or look at the app leads to.
//!
//! The case of a problem decides, never its text. Whoever reads this file reads the whole policy:
//! what is tried again and when, what has to be looked at first, and what needs a person.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    AccountSeen, Action, Completion, Event, How, Observation, Operation, RetryPolicy, State,
    Transition, later,
};
use crate::connector::{AccountState, ObjectRef, Outcome, OutcomeKind, Problem};

/// Attempts while something else holds a key. Whoever holds it may be about to give it up in the
/// same plan (two people who swap a name); after that a person is asked.
const CONFLICT_ATTEMPTS_MAX: u32 = 4;

/// Attempts while the app does not know what was named. An account, or a right, that was made just now is
/// not yet shown everywhere; with the pauses between them these take about eight minutes.
const NOT_FOUND_ATTEMPTS_MAX: u32 = 9;

/// Looks that have to show no account before it is made a second time: the one that was made may not be
/// shown yet. They take three seconds.
const CREATION_LOOKS: u32 = 2;

/// How many doublings a poll that failed waits at least: asking is never urgent.
const POLL_PATIENCE: u32 = 4;

/// Looks for an account that the app said it made, before it counts as never made. With the waits between
/// them that is half a minute.
const LOOKS_FOR_MADE_MAX: u32 = 5;

pub(super) fn decide(
    operation: &Operation,
    event: Event,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let pending = match &operation.state {
        State::Pending { handle, .. } => Some(handle),
        _ => None,
    };
    match (event, pending) {
        (Event::Interrupted(_), Some(handle)) => poll_again(operation, handle, None, now, retry),
        (Event::Interrupted(text), None) => lost(operation, text, now, retry),
        (Event::Replied(Ok(outcome)), _) => replied(operation, outcome, now, retry),
        (Event::Created(outcome), _) => created(operation, outcome, now, retry),
        (Event::Replied(Err(problem)), Some(handle)) => {
            poll_failed(operation, handle, problem, now, retry)
        }
        (Event::Replied(Err(problem)), None) => failed(operation, problem, now, retry),
        (Event::Observed(observation), _) => observed(operation, observation, now, retry),
    }
}

fn replied(
    operation: &Operation,
    outcome: Outcome,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let account = outcome.account.map(|account| AccountSeen {
        object: account.object,
        state: account.state,
    });
    let how = match outcome.kind {
        OutcomeKind::Done => How::Done,
        OutcomeKind::Already => How::Already,
        OutcomeKind::Adopted => How::Adopted,
        OutcomeKind::Pending {
            handle,
            poll_after_ms,
        } => {
            let wait = Duration::from_millis(u64::from(poll_after_ms)).max(retry.backoff_min);
            let poll_at = later(now, wait.min(retry.wait_max(&operation.action)));
            return Transition::LeftPending {
                handle,
                poll_at,
                account,
            };
        }
        OutcomeKind::NeedsHuman { instructions } => {
            let problem = Problem::Guarded(instructions);
            return Transition::Halted { problem, account };
        }
    };
    if let (Action::EnsureState(wanted), Some(seen)) = (&operation.action, &account)
        && wanted.is_usable()
        && !seen.state.is_usable()
        && seen.state != AccountState::Locked
    {
        let text = format!(
            "it said {} and shows the account {}",
            how.as_str(),
            seen.state.as_str()
        );
        return again_or_halt(operation, Problem::RemoteDefect(text), None, now, retry);
    }
    let result = Completion {
        how,
        account,
        effects: outcome.effects,
        unreachable: outcome.unreachable,
        evidence: outcome.evidence,
    };
    if operation.action.is_removal() {
        let verify_at = later(now, retry.lag);
        return Transition::Answered { verify_at, result };
    }
    Transition::Completed(result)
}

/// The app said that it made an account. Some say so and make none, so it is read back.
fn created(
    operation: &Operation,
    outcome: Outcome,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    match replied(operation, outcome, now, retry) {
        Transition::Completed(result) => Transition::Answered {
            verify_at: later(now, retry.lag),
            result,
        },
        other => other,
    }
}

/// Nobody knows what became of a call: the app is looked at before anything else.
fn lost(operation: &Operation, text: String, now: Timestamp, retry: &RetryPolicy) -> Transition {
    // The first look comes soon; an app that keeps losing replies is looked at less and less often.
    let attempt = operation.state.attempt();
    let wait = if attempt <= 1 {
        retry.lag
    } else {
        retry
            .wait(&operation.action, attempt - 1, None)
            .max(retry.lag)
    };
    let observe_at = later(now, wait);
    Transition::Lost {
        observe_at,
        text,
        by_plugin: false,
    }
}

/// The same change, where it was the plugin's doing.
fn by_plugin(change: Transition) -> Transition {
    match change {
        Transition::Lost {
            observe_at, text, ..
        } => Transition::Lost {
            observe_at,
            text,
            by_plugin: true,
        },
        other => other,
    }
}

/// How often looking decided nothing.
fn looks(operation: &Operation) -> u32 {
    match operation.state {
        State::Unknown { looks, .. } => looks,
        _ => 0,
    }
}

/// Looking did not decide it. The next look comes after a longer wait. It was the plugin where looking
/// failed because of it, and where nothing is known since it failed.
fn look_again(
    operation: &Operation,
    text: String,
    asked_ms: Option<u32>,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let by_plugin = matches!(
        operation.state,
        State::Unknown {
            by_plugin: true,
            ..
        }
    );
    let wait = retry
        .wait(
            &operation.action,
            looks(operation).saturating_add(1),
            asked_ms,
        )
        .max(retry.lag);
    Transition::Lost {
        observe_at: later(now, wait),
        text,
        by_plugin,
    }
}

fn halt(problem: Problem) -> Transition {
    Transition::Halted {
        problem,
        account: None,
    }
}

/// Tries again later, or asks a person after the last attempt. What takes access away has no last
/// attempt.
fn again_or_halt(
    operation: &Operation,
    problem: Problem,
    asked_ms: Option<u32>,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let attempt = operation.state.attempt();
    if attempt >= retry.attempts_max && !operation.action.is_removal() {
        return halt(problem);
    }
    let until = later(now, retry.wait(&operation.action, attempt, asked_ms));
    Transition::Deferred { until, problem }
}

/// Something else holds the key.
fn conflict(
    operation: &Operation,
    problem: Problem,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let attempt = operation.state.attempt();
    if attempt >= CONFLICT_ATTEMPTS_MAX.min(retry.attempts_max) {
        return halt(problem);
    }
    let until = later(now, retry.backoff(attempt.saturating_add(1), None));
    Transition::Deferred { until, problem }
}

/// What a failed call leads to. The case alone decides.
#[expect(
    clippy::match_wildcard_for_single_variants,
    reason = "whatever else a removal is answered leads to the same"
)]
fn failed(
    operation: &Operation,
    problem: Problem,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let look = |text: String| lost(operation, text, now, retry);
    let attempt = operation.state.attempt();
    let is_of_account = matches!(operation.action, Action::EnsureAccount(_));
    match problem {
        Problem::Transient { after_ms, .. } => {
            again_or_halt(operation, problem, after_ms, now, retry)
        }
        // The app is busy, with us more than with anybody. That is no reason to give up.
        Problem::RateLimited { after_ms } => Transition::Deferred {
            until: later(now, retry.wait(&operation.action, attempt, after_ms)),
            problem,
        },
        Problem::OutcomeUnknown(text) => look(text),
        // The answer made no sense, so what was done is as open as after no answer.
        Problem::RemoteDefect(text) => look(format!("the answer made no sense: {text}")),
        Problem::PluginFailed { text, sent: true } => by_plugin(look(format!(
            "the plugin failed after a request had left: {text}"
        ))),
        // A person has to act, and nobody else can say when that has happened: see `Operation::again_at`.
        Problem::Guarded(_) => halt(problem),
        problem if operation.action.is_removal() => removal_failed(operation, problem, now, retry),
        // A wrong address answers "not found" to everything, apps give accounts other ids, and show what
        // is new a moment later: absence is looked at before it is believed.
        Problem::NotFound(_) if is_of_account || attempt < NOT_FOUND_ATTEMPTS_MAX => {
            look(problem.text())
        }
        // Whether an account that holds a key may be taken over is decided here, from all of its
        // keys, and not by the connector, which stops at the first.
        Problem::Conflict(_) if may_adopt(operation, retry) => look(problem.text()),
        // What an earlier attempt made is shown late by some apps, and then holds the key.
        Problem::Conflict(_) if is_made_again(operation) => look(problem.text()),
        Problem::Conflict(_) => conflict(operation, problem, now, retry),
        // These are mended at the target, not at the operation: it waits, however long that takes.
        Problem::Unauthenticated(_)
        | Problem::Forbidden(_)
        | Problem::Denied(_)
        | Problem::NoCapacity(_) => Transition::Deferred {
            until: later(now, retry.backoff_max),
            problem,
        },
        // An expired cursor or token on a change is the connector's mistake, and may pass.
        Problem::Stale
        | Problem::PluginFailed { sent: false, .. }
        | Problem::CursorExpired
        | Problem::TokenExpired => again_or_halt(operation, problem, None, now, retry),
        Problem::NotFound(_) | Problem::Invalid(_) | Problem::Unsupported(_) => halt(problem),
    }
}

/// What takes access away is tried again whatever the app says: a refusal may pass, and may have been read
/// wrongly. The pauses grow to their bound, and a finding is open all the while.
fn removal_failed(
    operation: &Operation,
    problem: Problem,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    match problem {
        // A wrong address answers "not found" to everything, so absence is looked at before it is
        // believed.
        Problem::NotFound(_) => lost(operation, problem.text(), now, retry),
        // At a target that does not accept the credentials, the target is tried and not each operation.
        Problem::Unauthenticated(_) => Transition::Deferred {
            until: later(now, retry.backoff_max),
            problem,
        },
        problem => again_or_halt(operation, problem, None, now, retry),
    }
}

fn is_made_again(operation: &Operation) -> bool {
    let attempt = operation.state.attempt();
    let is_later = attempt > 1 && attempt < CONFLICT_ATTEMPTS_MAX;
    is_later && matches!(operation.action, Action::EnsureAccount(_))
}

fn may_adopt(operation: &Operation, retry: &RetryPolicy) -> bool {
    let attempts_left = operation.state.attempt() < retry.attempts_max;
    attempts_left && matches!(&operation.action, Action::EnsureAccount(spec) if spec.may_adopt)
}

/// Asking how something goes on failed. That says nothing about the thing itself, which is not
/// begun a second time: only an answer that ends it, or its being unknown, leads elsewhere.
fn poll_failed(
    operation: &Operation,
    handle: &str,
    problem: Problem,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    match problem {
        Problem::Transient { after_ms, .. } | Problem::RateLimited { after_ms } => {
            poll_again(operation, handle, after_ms, now, retry)
        }
        Problem::Unauthenticated(_)
        | Problem::Forbidden(_)
        | Problem::Denied(_)
        | Problem::Stale
        | Problem::CursorExpired
        | Problem::TokenExpired
        | Problem::RemoteDefect(_)
        | Problem::PluginFailed { .. } => poll_again(operation, handle, None, now, retry),
        Problem::OutcomeUnknown(_) | Problem::NotFound(_) => {
            lost(operation, problem.text(), now, retry)
        }
        Problem::NoCapacity(_)
        | Problem::Conflict(_)
        | Problem::Invalid(_)
        | Problem::Guarded(_)
        | Problem::Unsupported(_) => failed(operation, problem, now, retry),
    }
}

fn poll_again(
    operation: &Operation,
    handle: &str,
    asked_ms: Option<u32>,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let attempt = operation.state.attempt();
    let wait = retry.wait(
        &operation.action,
        attempt.saturating_add(POLL_PATIENCE),
        asked_ms,
    );
    Transition::LeftPending {
        handle: handle.to_owned(),
        poll_at: later(now, wait),
        account: None,
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each thing that can be seen, in the order of the enum"
)]
fn observed(
    operation: &Operation,
    observation: Observation,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let verifying = match operation.state {
        State::Verifying { how, .. } => Some(how),
        _ => None,
    };
    let makes_account = matches!(operation.action, Action::EnsureAccount(_));
    match observation {
        Observation::Satisfied(account) => completed(verifying, account),
        Observation::Moved(account) => Transition::Found { account },
        Observation::Gone(object) => gone(operation, verifying, object, now, retry),
        Observation::Absent if makes_account && looks(operation) < LOOKS_FOR_MADE_MAX => {
            let text = "the app said that it made the account, and does not show it".to_owned();
            look_again(operation, text, None, now, retry)
        }
        Observation::Absent if makes_account => Transition::Deferred {
            until: now,
            problem: Problem::NotFound(None),
        },
        Observation::Absent => absent(operation, verifying, now, retry),
        // What it shows of the attributes is written in the app's own way; that it is there is the proof.
        Observation::Unsatisfied(Some(account)) if makes_account && verifying.is_some() => {
            completed(verifying, Some(account))
        }
        // The app answered the call, and cannot show the result: its answer is all there is.
        Observation::CannotTell if verifying.is_some() => {
            Transition::Completed(Completion::of(verifying.unwrap_or(How::Done), None))
        }
        // Sending again might make a second account, so this waits until the connector can look.
        Observation::CannotTell if makes_account => {
            let text = "the connector cannot show whether the account was made".to_owned();
            look_again(operation, text, None, now, retry)
        }
        Observation::Unsatisfied(_) if verifying.is_some() => {
            let text = "it said that it was done, and reading it back shows that it is not";
            again_or_halt(
                operation,
                Problem::RemoteDefect(text.to_owned()),
                None,
                now,
                retry,
            )
        }
        Observation::Unsatisfied(Some(account)) if makes_account => {
            if operation.state.attempt() < retry.attempts_max {
                return Transition::Found { account };
            }
            let text = "the account is there, and does not become as it should be".to_owned();
            Transition::Halted {
                problem: Problem::RemoteDefect(text),
                account: Some(account),
            }
        }
        Observation::Unsatisfied(None) if makes_account && looks(operation) < CREATION_LOOKS => {
            let text = match &operation.state {
                // Why it was lost counts, and not that it is not shown yet.
                State::Unknown { text, .. } => text.clone(),
                _ => "the app does not show the account yet".to_owned(),
            };
            look_again(operation, text, None, now, retry)
        }
        Observation::Unsatisfied(_) | Observation::CannotTell => not_done(operation, now, retry),
        // Looking found what a person has to decide.
        Observation::Failed(problem @ Problem::Conflict(_)) => {
            conflict(operation, problem, now, retry)
        }
        Observation::Failed(problem @ Problem::Guarded(_)) => halt(problem),
        // Looking failed: the operation is as unknown as before, and is looked at again later.
        Observation::Failed(problem) => {
            let asked_ms = match &problem {
                Problem::Transient { after_ms, .. } | Problem::RateLimited { after_ms } => {
                    *after_ms
                }
                _ => None,
            };
            let again = look_again(operation, problem.text(), asked_ms, now, retry);
            if matches!(problem, Problem::PluginFailed { .. }) {
                return by_plugin(again);
            }
            again
        }
    }
}

/// It is as it should be: seen after a lost reply, or read back as the proof.
fn completed(verifying: Option<How>, account: Option<AccountSeen>) -> Transition {
    let how = if verifying.is_some() {
        How::Verified
    } else {
        How::Observed
    };
    Transition::Completed(Completion::of(how, account))
}

/// The account is nowhere at the app. What should be taken from it is moot; what should be done to it
/// waits until that is recorded of the account itself, and is dropped then.
fn gone(
    operation: &Operation,
    verifying: Option<How>,
    object: ObjectRef,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    let attempt = operation.state.attempt();
    let problem = Problem::NotFound(Some(object.clone()));
    match &operation.action {
        action if action.is_removal() => {
            let state = AccountState::Deleted;
            completed(verifying, Some(AccountSeen { object, state }))
        }
        Action::EnsureAccount(_) => Transition::Deferred {
            until: now,
            problem,
        },
        _ => Transition::Deferred {
            until: later(now, retry.wait(&operation.action, attempt, None)),
            problem,
        },
    }
}

/// The app does not show the account at all.
fn absent(
    operation: &Operation,
    verifying: Option<How>,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    match (&operation.action, verifying) {
        // The app itself said that this call removed it: it is the app that held it.
        (Action::EnsureAbsent, Some(How::Done)) => completed(verifying, None),
        (action, _) if action.is_removal() => {
            let text = "the app does not show the account, and nothing proves yet that it is the \
                        right app that was asked";
            look_again(operation, text.to_owned(), None, now, retry)
        }
        _ => not_done(operation, now, retry),
    }
}

/// Why it is not done, where looking showed that it is not: the reason for which it was lost is kept.
fn not_done_because(state: &State) -> Problem {
    match state {
        State::Unknown {
            text,
            by_plugin: true,
            ..
        } => Problem::PluginFailed {
            text: format!("{text}; looking showed that it was not done"),
            sent: true,
        },
        // Why it was looked at says more than that it was.
        State::Unknown { text, looks: 0, .. } => Problem::Transient {
            text: format!("{text}; looking showed that it was not done"),
            after_ms: None,
        },
        _ => Problem::Transient {
            text: "the reply was lost, and looking showed that it was not done".to_owned(),
            after_ms: None,
        },
    }
}

/// Looking showed that the call did nothing, or only sending again can tell.
fn not_done(operation: &Operation, now: Timestamp, retry: &RetryPolicy) -> Transition {
    let attempt = operation.state.attempt();
    let problem = not_done_because(&operation.state);
    if attempt >= retry.attempts_max && !operation.action.is_removal() {
        return halt(problem);
    }
    let wait = if attempt <= 1 {
        Duration::ZERO
    } else {
        retry.wait(&operation.action, attempt - 1, None)
    };
    let until = later(now, wait);
    Transition::Deferred { until, problem }
}
