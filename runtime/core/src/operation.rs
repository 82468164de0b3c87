//! One change at one target, from intent to proof.
//!
//! An operation is made by a plan and never edited. What happens to it is a sequence of
//! [`Transition`]s: it is dispatched, it may be lost, deferred or left pending, and it ends completed
//! or halted. [`decide()`] chooses the next change from what came back; [`step`] says what the driver
//! has to do now. Neither does anything itself.
//!
//! Two rules carry the weight. A reply that was lost leads to [`State::Unknown`], and from there
//! only an observation of the app leads on. And what takes access away is never given up: it is
//! tried again for ever, with a finding open, unless a person is needed.

mod decide;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::connector::{
    AccountSpec, AccountState, EntitlementKey, ObjectRef, Outcome, Problem, SideEffect, Unreached,
};
use crate::id::{OperationId, PersonId};

/// What an operation brings about. Every action can be carried out twice with the effect of once.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// The account exists with these attributes. Shared, because each step of the operation takes it along.
    EnsureAccount(Arc<AccountSpec>),
    /// The account is in this state.
    EnsureState(AccountState),
    /// No session is alive.
    EndSessions,
    /// No token, key, app password or consent is alive.
    RevokeCredentials,
    /// The account has this entitlement.
    EnsureGranted(EntitlementKey),
    /// The account does not have this entitlement.
    EnsureRevoked(EntitlementKey),
    /// What the account owned belongs to this person's account at the same target.
    TransferOwned(PersonId),
    /// The account is deleted.
    EnsureAbsent,
}

impl Action {
    /// The word for it in tables, reports and answers.
    pub fn verb(&self) -> &'static str {
        match self {
            Action::EnsureAccount(_) | Action::EndSessions | Action::RevokeCredentials => {
                self.function().as_str()
            }
            Action::EnsureState(AccountState::Active) => "activate",
            Action::EnsureState(AccountState::Suspended) => "suspend",
            Action::EnsureState(_) => "set-state",
            Action::EnsureGranted(_) => "grant",
            Action::EnsureRevoked(_) => "revoke",
            Action::TransferOwned(_) => "transfer",
            Action::EnsureAbsent => "delete",
        }
    }

    /// The entitlement that it gives or takes away, where it does.
    pub fn entitlement(&self) -> Option<&EntitlementKey> {
        match self {
            Action::EnsureGranted(key) | Action::EnsureRevoked(key) => Some(key),
            Action::EnsureAccount(_)
            | Action::EnsureState(_)
            | Action::EndSessions
            | Action::RevokeCredentials
            | Action::TransferOwned(_)
            | Action::EnsureAbsent => None,
        }
    }

    /// Whether it takes access away. Such an operation is proven by reading it back, and not given up.
    pub fn is_removal(&self) -> bool {
        match self {
            Action::EnsureState(state) => !state.is_usable(),
            Action::EndSessions
            | Action::RevokeCredentials
            | Action::EnsureRevoked(_)
            | Action::EnsureAbsent => true,
            Action::EnsureAccount(_) | Action::EnsureGranted(_) | Action::TransferOwned(_) => false,
        }
    }
}

/// Which operations go first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Urgency {
    /// Somebody left.
    Leaver,
    /// Somebody changed place: what only the old place justified goes.
    Mover,
    /// Somebody came.
    Joiner,
    /// Attributes follow.
    Routine,
}

/// One change at one target.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    /// The same for every attempt.
    pub id: OperationId,
    /// What it brings about.
    pub action: Action,
    /// How soon its turn comes.
    pub urgency: Urgency,
    /// Why, as a sentence that may be handed to the app's audit log. Ids only.
    pub reason: String,
    /// How far it has come.
    pub state: State,
}

/// How far an operation has come. There is no state for the end: what has ended is in the journal.
#[derive(Clone, PartialEq, Debug)]
pub enum State {
    /// It waits for its turn. From here: dispatched.
    Queued,
    /// A call is out. From here: anything.
    InFlight {
        /// From 1.
        attempt: u32,
        /// Since when.
        since: Timestamp,
    },
    /// The reply was lost. From here only an observation leads on.
    Unknown {
        /// The attempt whose reply was lost.
        attempt: u32,
        /// When to look at the app.
        observe_at: Timestamp,
        /// How often looking failed or showed nothing that decides.
        looks: u32,
        /// How it was lost.
        text: String,
        /// Whether it was the plugin that failed, and not the way to the app.
        by_plugin: bool,
    },
    /// It will be tried again. From here: dispatched.
    Waiting {
        /// The last attempt.
        attempt: u32,
        /// When.
        until: Timestamp,
        /// Why it has to wait.
        problem: Problem,
    },
    /// The app goes on with it. From here: completed, pending again, or any failure.
    Pending {
        /// The attempt that began it.
        attempt: u32,
        /// What to ask with.
        handle: String,
        /// When to ask.
        poll_at: Timestamp,
    },
    /// The app says it is done; reading it back is the proof. From here: completed, or waiting.
    Verifying {
        /// The attempt that was answered.
        attempt: u32,
        /// When to look; not before the app's own lag has passed.
        verify_at: Timestamp,
        /// What the app said: done by this call, or so before.
        how: How,
    },
    /// A person has to do something. From here: superseded by a new plan, or retried by hand; what takes
    /// access away is also tried again by itself, because what the person does is seen in no other way.
    Halted {
        /// The last attempt.
        attempt: u32,
        /// Since when.
        since: Timestamp,
        /// Why.
        problem: Problem,
    },
}

/// What happened to an operation. This is what the journal keeps; the state follows from it.
#[derive(Clone, PartialEq, Debug)]
pub enum Transition {
    /// Intent: durable before the call leaves.
    Dispatched {
        /// From 1.
        attempt: u32,
    },
    /// The reply was lost.
    Lost {
        /// When to look at the app.
        observe_at: Timestamp,
        /// How it was lost.
        text: String,
        /// Whether it was the plugin that failed, and not the way to the app.
        by_plugin: bool,
    },
    /// It will be tried again.
    Deferred {
        /// When.
        until: Timestamp,
        /// Why.
        problem: Problem,
    },
    /// Somebody asked for another attempt, at once.
    Retried,
    /// The app goes on with it.
    LeftPending {
        /// What to ask with.
        handle: String,
        /// When to ask.
        poll_at: Timestamp,
        /// The account, where the answer showed it: an invitation that can still be taken back.
        account: Option<AccountSeen>,
    },
    /// The app says it is done.
    Answered {
        /// When to read it back.
        verify_at: Timestamp,
        /// What the answer showed.
        result: Completion,
    },
    /// An observation found the account, and it is not yet as it should be.
    Found {
        /// The account.
        account: AccountSeen,
    },
    /// It ended well.
    Completed(Completion),
    /// A person has to do something.
    Halted {
        /// Why.
        problem: Problem,
        /// The account, where the answer or a look at the app showed it.
        account: Option<AccountSeen>,
    },
}

impl Transition {
    /// The account that came with it.
    pub fn account(&self) -> Option<&AccountSeen> {
        match self {
            Transition::Answered { result, .. } | Transition::Completed(result) => {
                result.account.as_ref()
            }
            Transition::LeftPending { account, .. } | Transition::Halted { account, .. } => {
                account.as_ref()
            }
            Transition::Found { account } => Some(account),
            Transition::Dispatched { .. }
            | Transition::Lost { .. }
            | Transition::Deferred { .. }
            | Transition::Retried => None,
        }
    }
}

/// How an operation ended well.
#[derive(Clone, PartialEq, Debug)]
pub struct Completion {
    /// In which way.
    pub how: How,
    /// The account afterwards, where it was shown.
    pub account: Option<AccountSeen>,
    /// What else happened.
    pub effects: Vec<SideEffect>,
    /// What could not be reached: tokens that live until they expire.
    pub unreachable: Vec<Unreached>,
    /// The app's own id of the request.
    pub evidence: Option<String>,
}

impl Completion {
    /// One that says no more than in which way, and what the account was seen to be.
    pub fn of(how: How, account: Option<AccountSeen>) -> Self {
        Self {
            how,
            account,
            effects: Vec::new(),
            unreachable: Vec::new(),
            evidence: None,
        }
    }
}

/// In which way an operation ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// It was done.
    Done,
    /// It was so before.
    Already,
    /// An existing account was taken over.
    Adopted,
    /// The reply was lost, and looking showed that it is so.
    Observed,
    /// It was done, and reading it back proved it.
    Verified,
}

impl How {
    /// The word for it in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Done => "done",
            How::Already => "already",
            How::Adopted => "adopted",
            How::Observed => "observed",
            How::Verified => "verified",
        }
    }

    /// Whether the app was looked at afterwards and showed it. Otherwise its answer is all there is.
    pub fn is_seen(self) -> bool {
        match self {
            How::Observed | How::Verified => true,
            How::Done | How::Already | How::Adopted => false,
        }
    }
}

/// What the ledger keeps of an account that was seen.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountSeen {
    /// Its key.
    pub object: ObjectRef,
    /// Its state.
    pub state: AccountState,
}

/// What came back, or did not.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The connector answered.
    Replied(Result<Outcome, Problem>),
    /// The connector answered that an account is there which was not known before. That it was made is
    /// believed once it was read back.
    Created(Outcome),
    /// The daemon stopped, or the call was cut off, and nobody knows what became of it.
    Interrupted(String),
    /// The app was looked at.
    Observed(Observation),
}

/// What looking at the app showed. [`crate::observe::judge`] makes it of what was read.
#[derive(Clone, PartialEq, Debug)]
pub enum Observation {
    /// It is as the operation wants it.
    Satisfied(Option<AccountSeen>),
    /// It is not, and this is the account.
    Unsatisfied(Option<AccountSeen>),
    /// The app shows no such account, or does not know it. A wrong address answers so to everything:
    /// what [`crate::observe::proven_absent`] says takes its place once the app has proven itself.
    Absent,
    /// The account is there, and the app has it under another key of its own by now.
    Moved(AccountSeen),
    /// The account that was known is nowhere to be found, at the right app: neither under its key, nor
    /// under what it can be found by.
    Gone(ObjectRef),
    /// The connector cannot show it; sending again is the only way to know.
    CannotTell,
    /// Looking failed.
    Failed(Problem),
}

/// How long to wait, and how often to try.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Wait after the first failure; doubled with each further one.
    pub backoff_min: Duration,
    /// Longest wait.
    pub backoff_max: Duration,
    /// Attempts before a person is asked; removals are not given up.
    pub attempts_max: u32,
    /// How long after an answer a change can be read back.
    pub lag: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_mins(15),
            attempts_max: 12,
            lag: Duration::ZERO,
        }
    }
}

/// The longest wait that an app can ask for. What takes access away does not even wait that long.
const ASKED_MAX: Duration = Duration::from_hours(1);

impl RetryPolicy {
    /// The wait after attempt number `attempt`, at least what the app asked for.
    pub fn backoff(&self, attempt: u32, asked_ms: Option<u32>) -> Duration {
        let doubled = self
            .backoff_min
            .saturating_mul(1 << attempt.saturating_sub(1).min(20));
        let asked = Duration::from_millis(u64::from(asked_ms.unwrap_or(0)));
        doubled.min(self.backoff_max).max(asked.min(ASKED_MAX))
    }

    /// The wait before an action is tried, asked for or looked at again. An app that asks for a day, or a
    /// connector that names one, does not keep a leaver's access open for a day.
    pub fn wait(&self, action: &Action, attempt: u32, asked_ms: Option<u32>) -> Duration {
        self.backoff(attempt, asked_ms).min(self.wait_max(action))
    }

    /// The longest wait of an action. An instant that lies farther ahead was written by a clock that was
    /// ahead itself.
    pub fn wait_max(&self, action: &Action) -> Duration {
        let longest = if action.is_removal() {
            self.backoff_max
        } else {
            self.backoff_max.max(ASKED_MAX)
        };
        longest.max(self.lag)
    }
}

/// An instant later by a duration, or the last instant there is.
pub fn later(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| now.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// What the driver has to do with an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Send it, as this attempt.
    Send(u32),
    /// Look at the app.
    Observe,
    /// Read back what was done.
    Verify,
    /// Ask how it went on.
    Poll,
    /// Nothing before this instant.
    WaitUntil(Timestamp),
    /// Nothing: a call is out.
    Busy,
    /// Nothing: a person has to do something.
    Halted,
}

/// What has to be done with an operation in this state at `now`; [`Operation::step`] knows what is tried again
/// although it was halted.
pub fn step(state: &State, now: Timestamp) -> Step {
    let due = |at: Timestamp, step: Step| if at <= now { step } else { Step::WaitUntil(at) };
    match state {
        State::Queued => Step::Send(1),
        State::InFlight { .. } => Step::Busy,
        State::Unknown { observe_at, .. } => due(*observe_at, Step::Observe),
        State::Waiting { attempt, until, .. } => due(*until, Step::Send(attempt.saturating_add(1))),
        State::Pending { poll_at, .. } => due(*poll_at, Step::Poll),
        State::Verifying { verify_at, .. } => due(*verify_at, Step::Verify),
        State::Halted { .. } => Step::Halted,
    }
}

impl State {
    /// The last attempt that was made; 0 before the first.
    pub fn attempt(&self) -> u32 {
        match self {
            State::Queued => 0,
            State::InFlight { attempt, .. }
            | State::Unknown { attempt, .. }
            | State::Waiting { attempt, .. }
            | State::Pending { attempt, .. }
            | State::Verifying { attempt, .. }
            | State::Halted { attempt, .. } => *attempt,
        }
    }

    /// Which one it is, without what is in it.
    pub fn kind(&self) -> OperationState {
        match self {
            State::Queued => OperationState::Queued,
            State::InFlight { .. } => OperationState::InFlight,
            State::Unknown { .. } => OperationState::Unknown,
            State::Waiting { .. } => OperationState::Waiting,
            State::Pending { .. } => OperationState::Pending,
            State::Verifying { .. } => OperationState::Verifying,
            State::Halted { .. } => OperationState::Halted,
        }
    }
}

/// How far an open operation has come: a [`State`] as it is counted, listed and asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OperationState {
    /// [`State::Queued`]
    Queued,
    /// [`State::InFlight`]
    InFlight,
    /// [`State::Unknown`]
    Unknown,
    /// [`State::Waiting`]
    Waiting,
    /// [`State::Pending`]
    Pending,
    /// [`State::Verifying`]
    Verifying,
    /// [`State::Halted`]
    Halted,
}

impl OperationState {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::InFlight,
        Self::Unknown,
        Self::Waiting,
        Self::Pending,
        Self::Verifying,
        Self::Halted,
    ];

    /// The word for it in tables, answers and the ledger's counts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight => "in-flight",
            Self::Unknown => "unknown",
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Verifying => "verifying",
            Self::Halted => "halted",
        }
    }

    /// The one that this word is for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl std::fmt::Display for OperationState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Chooses what an event leads to.
pub fn decide(
    operation: &Operation,
    event: Event,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Transition {
    decide::decide(operation, event, now, retry)
}

/// Moves the next step to now, because somebody asks for it: what waits or was halted is
/// sent, what is unknown is looked at, what the app goes on with is asked for. `None` if that is so already.
pub fn retried_by_hand(operation: &Operation, now: Timestamp) -> Option<Transition> {
    match &operation.state {
        State::Halted { problem, .. } => Some(Transition::Deferred {
            until: now,
            problem: problem.clone(),
        }),
        State::Waiting { .. }
        | State::Unknown { .. }
        | State::Pending { .. }
        | State::Verifying { .. } => due_now(&operation.state, now),
        State::Queued | State::InFlight { .. } => None,
    }
}

/// What puts an operation right that waits for an instant farther ahead than any wait: the clock was ahead
/// when it was written, and the operation would wait until the clock is there again.
pub fn waited_too_long(
    operation: &Operation,
    now: Timestamp,
    retry: &RetryPolicy,
) -> Option<Transition> {
    let longest = later(now, retry.wait_max(&operation.action));
    match operation.step(now) {
        Step::WaitUntil(at) if at > longest => match &operation.state {
            State::Halted { .. } => retried_by_hand(operation, now),
            state => due_now(state, now),
        },
        _ => None,
    }
}

/// The same state, with its next step at once.
fn due_now(state: &State, now: Timestamp) -> Option<Transition> {
    match state {
        State::Waiting { problem, .. } => Some(Transition::Deferred {
            until: now,
            problem: problem.clone(),
        }),
        State::Unknown {
            text, by_plugin, ..
        } => Some(Transition::Lost {
            observe_at: now,
            text: text.clone(),
            by_plugin: *by_plugin,
        }),
        State::Pending { handle, .. } => Some(Transition::LeftPending {
            handle: handle.clone(),
            poll_at: now,
            account: None,
        }),
        State::Verifying { how, .. } => Some(Transition::Answered {
            verify_at: now,
            result: Completion::of(*how, None),
        }),
        State::Queued | State::InFlight { .. } | State::Halted { .. } => None,
    }
}

/// Another attempt because another version of the plugin serves: at once, for what may have been that
/// plugin's doing. What is unknown or pending is looked at and asked for at once. None for what is the
/// app's or a person's to put right.
pub fn retried_by_version(operation: &Operation, now: Timestamp) -> Option<Transition> {
    match &operation.state {
        State::Waiting { problem, .. } | State::Halted { problem, .. }
            if problem.may_be_the_plugins() =>
        {
            Some(Transition::Deferred {
                until: now,
                problem: problem.clone(),
            })
        }
        State::Unknown {
            observe_at,
            text,
            by_plugin,
            ..
        } if *observe_at > now => Some(Transition::Lost {
            observe_at: now,
            text: text.clone(),
            by_plugin: *by_plugin,
        }),
        State::Pending {
            handle, poll_at, ..
        } if *poll_at > now => Some(Transition::LeftPending {
            handle: handle.clone(),
            poll_at: now,
            account: None,
        }),
        State::Queued
        | State::InFlight { .. }
        | State::Unknown { .. }
        | State::Waiting { .. }
        | State::Pending { .. }
        | State::Verifying { .. }
        | State::Halted { .. } => None,
    }
}

/// The same, as an entry of its own: its actor is whoever asks.
pub fn retried(operation: &Operation, now: Timestamp) -> Option<Transition> {
    retried_by_hand(operation, now).map(|_| Transition::Retried)
}

/// What becomes of an operation whose intent is durable and whose call has not left: it may be tried at
/// once, and is dropped where a newer plan does not want it.
pub fn given_back(now: Timestamp) -> Transition {
    Transition::Deferred {
        until: now,
        problem: Problem::Transient {
            text: "it had not left yet".to_owned(),
            after_ms: None,
        },
    }
}

impl Operation {
    /// What has to be done with it at `now`.
    pub fn step(&self, now: Timestamp) -> Step {
        match self.again_at() {
            Some(at) if at <= now => Step::Send(self.state.attempt().saturating_add(1)),
            Some(at) => Step::WaitUntil(at),
            None => step(&self.state, now),
        }
    }

    /// When it is tried again although it waits for a person: nobody tells Muster that the successor was
    /// named or the hold was lifted, and a leaver must not stay in for want of a command.
    pub fn again_at(&self) -> Option<Timestamp> {
        match &self.state {
            State::Halted { attempt, since, .. } if self.action.is_removal() => {
                let pause = RetryPolicy::default().wait(&self.action, *attempt, None);
                Some(later(*since, pause))
            }
            _ => None,
        }
    }

    /// The state that a change leads to; `None` if the operation has ended.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each change, in the order of the enum"
    )]
    pub fn after(&self, change: &Transition, at: Timestamp) -> Option<State> {
        let attempt = self.state.attempt();
        match change {
            Transition::Dispatched { attempt } => Some(State::InFlight {
                attempt: *attempt,
                since: at,
            }),
            Transition::Lost {
                observe_at,
                text,
                by_plugin,
            } => Some(State::Unknown {
                attempt,
                observe_at: *observe_at,
                looks: match self.state {
                    State::Unknown { looks, .. } => looks.saturating_add(1),
                    _ => 0,
                },
                text: text.clone(),
                by_plugin: *by_plugin,
            }),
            Transition::Deferred { until, problem } => Some(State::Waiting {
                attempt,
                until: *until,
                problem: problem.clone(),
            }),
            Transition::Retried => Some(match &self.state {
                State::Waiting { problem, .. } | State::Halted { problem, .. } => State::Waiting {
                    attempt,
                    until: at,
                    problem: problem.clone(),
                },
                // Here the next step does not send it, but looks, or to ask how it goes on.
                State::Unknown {
                    attempt,
                    looks,
                    text,
                    by_plugin,
                    ..
                } => State::Unknown {
                    attempt: *attempt,
                    observe_at: at,
                    looks: *looks,
                    text: text.clone(),
                    by_plugin: *by_plugin,
                },
                State::Pending {
                    attempt, handle, ..
                } => State::Pending {
                    attempt: *attempt,
                    handle: handle.clone(),
                    poll_at: at,
                },
                State::Verifying { attempt, how, .. } => State::Verifying {
                    attempt: *attempt,
                    verify_at: at,
                    how: *how,
                },
                // Meanwhile it went on: what is out has to be looked at first.
                other @ (State::Queued | State::InFlight { .. }) => other.clone(),
            }),
            Transition::LeftPending {
                handle, poll_at, ..
            } => Some(State::Pending {
                attempt,
                handle: handle.clone(),
                poll_at: *poll_at,
            }),
            Transition::Answered { verify_at, result } => Some(State::Verifying {
                attempt,
                verify_at: *verify_at,
                how: result.how,
            }),
            Transition::Found { .. } => {
                let problem =
                    Problem::OutcomeUnknown("the account is there and not yet complete".to_owned());
                Some(State::Waiting {
                    attempt,
                    until: at,
                    problem,
                })
            }
            Transition::Halted { problem, .. } => Some(State::Halted {
                attempt,
                since: at,
                problem: problem.clone(),
            }),
            Transition::Completed(_) => None,
        }
    }
}
