//! Layout 1 of operations: what they bring about, how far they have come, and what happened to them.
//!
//! An operation's plan is stored as a distance from the plan of the record around it: nearly always
//! zero, and so the same content gives the same bytes whatever number its plan has.

use std::sync::Arc;

use muster_core::connector::{self, AttributeChange};
use muster_core::id::{OperationId, PlanId};
use muster_core::operation as core;
use serde::{Deserialize, Serialize};

use super::connector::{
    AccountState, EntitlementKey, ObjectRef, Problem, Scalar, SideEffect, scalars,
    scalars_into_core, text_pairs, text_pairs_into_core,
};
use super::parts::{Pairs, Who};
use crate::codec::{Unreadable, instant, instant_opt, micros};
use crate::kept;

/// The operations of a plan that have not ended, by state.
#[derive(Serialize, Deserialize)]
pub(crate) struct OpenOperations {
    queued: u64,
    in_flight: u64,
    unknown: u64,
    waiting: u64,
    pending: u64,
    verifying: u64,
    halted: u64,
}

impl OpenOperations {
    pub(crate) fn of(open: &kept::OpenOperations) -> Self {
        OpenOperations {
            queued: open.queued,
            in_flight: open.in_flight,
            unknown: open.unknown,
            waiting: open.waiting,
            pending: open.pending,
            verifying: open.verifying,
            halted: open.halted,
        }
    }

    pub(crate) fn into_core(self) -> kept::OpenOperations {
        kept::OpenOperations {
            queued: self.queued,
            in_flight: self.in_flight,
            unknown: self.unknown,
            waiting: self.waiting,
            pending: self.pending,
            verifying: self.verifying,
            halted: self.halted,
        }
    }
}

/// What an account should be.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccountSpec<'a> {
    #[serde(borrow)]
    match_keys: Vec<(&'a str, &'a str)>,
    may_adopt: bool,
    initial_state: AccountState,
    /// None clears the attribute.
    #[serde(borrow)]
    attributes: Pairs<&'a str, Option<Vec<Scalar<'a>>>>,
}

impl<'a> AccountSpec<'a> {
    fn of(spec: &'a connector::AccountSpec) -> Self {
        let attributes = spec.attributes.iter();
        AccountSpec {
            match_keys: text_pairs(&spec.match_keys),
            may_adopt: spec.may_adopt,
            initial_state: AccountState::of(spec.initial_state),
            attributes: Pairs(
                attributes
                    .map(|(name, change)| match change {
                        AttributeChange::Set(values) => (name.as_str(), Some(scalars(values))),
                        AttributeChange::Clear => (name.as_str(), None),
                    })
                    .collect(),
            ),
        }
    }

    fn into_core(self) -> Result<Arc<connector::AccountSpec>, Unreadable> {
        let attributes = self.attributes.0.into_iter();
        Ok(Arc::new(connector::AccountSpec {
            match_keys: text_pairs_into_core(self.match_keys),
            may_adopt: self.may_adopt,
            initial_state: self.initial_state.into_core(),
            attributes: attributes
                .map(|(name, values)| {
                    let change = match values {
                        Some(values) => AttributeChange::Set(scalars_into_core(values)?),
                        None => AttributeChange::Clear,
                    };
                    Ok((name.to_owned(), change))
                })
                .collect::<Result<_, Unreadable>>()?,
        }))
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Action<'a> {
    #[serde(rename = "c", borrow)]
    EnsureAccount(AccountSpec<'a>),
    #[serde(rename = "s")]
    EnsureState(AccountState),
    #[serde(rename = "e")]
    EndSessions,
    #[serde(rename = "k")]
    RevokeCredentials,
    #[serde(rename = "g", borrow)]
    EnsureGranted(EntitlementKey<'a>),
    #[serde(rename = "r", borrow)]
    EnsureRevoked(EntitlementKey<'a>),
    #[serde(rename = "t", borrow)]
    TransferOwned(Who<'a>),
    #[serde(rename = "x")]
    EnsureAbsent,
}

impl<'a> Action<'a> {
    fn of(action: &'a core::Action) -> Self {
        match action {
            core::Action::EnsureAccount(spec) => Action::EnsureAccount(AccountSpec::of(spec)),
            core::Action::EnsureState(state) => Action::EnsureState(AccountState::of(*state)),
            core::Action::EndSessions => Action::EndSessions,
            core::Action::RevokeCredentials => Action::RevokeCredentials,
            core::Action::EnsureGranted(key) => Action::EnsureGranted(EntitlementKey::of(key)),
            core::Action::EnsureRevoked(key) => Action::EnsureRevoked(EntitlementKey::of(key)),
            core::Action::TransferOwned(to) => Action::TransferOwned(Who::of(to)),
            core::Action::EnsureAbsent => Action::EnsureAbsent,
        }
    }

    fn into_core(self) -> Result<core::Action, Unreadable> {
        Ok(match self {
            Action::EnsureAccount(spec) => core::Action::EnsureAccount(spec.into_core()?),
            Action::EnsureState(state) => core::Action::EnsureState(state.into_core()),
            Action::EndSessions => core::Action::EndSessions,
            Action::RevokeCredentials => core::Action::RevokeCredentials,
            Action::EnsureGranted(key) => core::Action::EnsureGranted(key.into_core()),
            Action::EnsureRevoked(key) => core::Action::EnsureRevoked(key.into_core()),
            Action::TransferOwned(to) => core::Action::TransferOwned(to.into_core()?),
            Action::EnsureAbsent => core::Action::EnsureAbsent,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Urgency {
    #[serde(rename = "l")]
    Leaver,
    #[serde(rename = "m")]
    Mover,
    #[serde(rename = "j")]
    Joiner,
    #[serde(rename = "r")]
    Routine,
}

/// How far an operation has come. Attempt first, then the instant, then the rest.
#[derive(Serialize, Deserialize)]
pub(crate) enum State<'a> {
    #[serde(rename = "q")]
    Queued,
    #[serde(rename = "f")]
    InFlight(u32, i64),
    #[serde(rename = "u")]
    Unknown(u32, i64, u32, &'a str, bool),
    #[serde(rename = "w")]
    Waiting(u32, i64, #[serde(borrow)] Problem<'a>),
    #[serde(rename = "p")]
    Pending(u32, i64, &'a str),
    #[serde(rename = "v")]
    Verifying(u32, i64, How),
    #[serde(rename = "h")]
    Halted(u32, i64, #[serde(borrow)] Problem<'a>),
}

impl<'a> State<'a> {
    fn of(state: &'a core::State) -> Self {
        match state {
            core::State::Queued => State::Queued,
            core::State::InFlight { attempt, since } => State::InFlight(*attempt, micros(*since)),
            core::State::Unknown {
                attempt,
                observe_at,
                looks,
                text,
                by_plugin,
            } => State::Unknown(*attempt, micros(*observe_at), *looks, text, *by_plugin),
            core::State::Waiting {
                attempt,
                until,
                problem,
            } => State::Waiting(*attempt, micros(*until), Problem::of(problem)),
            core::State::Pending {
                attempt,
                handle,
                poll_at,
            } => State::Pending(*attempt, micros(*poll_at), handle),
            core::State::Verifying {
                attempt,
                verify_at,
                how,
            } => State::Verifying(*attempt, micros(*verify_at), How::of(*how)),
            core::State::Halted {
                attempt,
                since,
                problem,
            } => State::Halted(*attempt, micros(*since), Problem::of(problem)),
        }
    }

    fn into_core(self) -> Result<core::State, Unreadable> {
        Ok(match self {
            State::Queued => core::State::Queued,
            State::InFlight(attempt, since) => core::State::InFlight {
                attempt,
                since: instant(since)?,
            },
            State::Unknown(attempt, observe_at, looks, text, by_plugin) => core::State::Unknown {
                attempt,
                observe_at: instant(observe_at)?,
                looks,
                text: text.to_owned(),
                by_plugin,
            },
            State::Waiting(attempt, until, problem) => core::State::Waiting {
                attempt,
                until: instant(until)?,
                problem: problem.into_core(),
            },
            State::Pending(attempt, poll_at, handle) => core::State::Pending {
                attempt,
                handle: handle.to_owned(),
                poll_at: instant(poll_at)?,
            },
            State::Verifying(attempt, verify_at, how) => core::State::Verifying {
                attempt,
                verify_at: instant(verify_at)?,
                how: how.into_core(),
            },
            State::Halted(attempt, since, problem) => core::State::Halted {
                attempt,
                since: instant(since)?,
                problem: problem.into_core(),
            },
        })
    }
}

/// One operation.
#[derive(Serialize, Deserialize)]
pub(crate) struct Operation<'a> {
    /// How many plans before the one of the record around it.
    plans_back: u64,
    number: u32,
    #[serde(borrow)]
    action: Action<'a>,
    urgency: Urgency,
    reason: &'a str,
    #[serde(borrow)]
    state: State<'a>,
}

impl<'a> Operation<'a> {
    pub(crate) fn of(operation: &'a core::Operation, plan: PlanId) -> Self {
        Operation {
            plans_back: plan.0.wrapping_sub(operation.id.plan.0),
            number: operation.id.number,
            action: Action::of(&operation.action),
            urgency: match operation.urgency {
                core::Urgency::Leaver => Urgency::Leaver,
                core::Urgency::Mover => Urgency::Mover,
                core::Urgency::Joiner => Urgency::Joiner,
                core::Urgency::Routine => Urgency::Routine,
            },
            reason: &operation.reason,
            state: State::of(&operation.state),
        }
    }

    pub(crate) fn into_core(self, plan: PlanId) -> Result<core::Operation, Unreadable> {
        Ok(core::Operation {
            id: OperationId {
                plan: PlanId(plan.0.wrapping_sub(self.plans_back)),
                number: self.number,
            },
            action: self.action.into_core()?,
            urgency: match self.urgency {
                Urgency::Leaver => core::Urgency::Leaver,
                Urgency::Mover => core::Urgency::Mover,
                Urgency::Joiner => core::Urgency::Joiner,
                Urgency::Routine => core::Urgency::Routine,
            },
            reason: self.reason.to_owned(),
            state: self.state.into_core()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) enum How {
    #[serde(rename = "d")]
    Done,
    #[serde(rename = "a")]
    Already,
    #[serde(rename = "t")]
    Adopted,
    #[serde(rename = "o")]
    Observed,
    #[serde(rename = "v")]
    Verified,
}

impl How {
    pub(crate) fn of(how: core::How) -> Self {
        match how {
            core::How::Done => How::Done,
            core::How::Already => How::Already,
            core::How::Adopted => How::Adopted,
            core::How::Observed => How::Observed,
            core::How::Verified => How::Verified,
        }
    }

    pub(crate) fn into_core(self) -> core::How {
        match self {
            How::Done => core::How::Done,
            How::Already => core::How::Already,
            How::Adopted => core::How::Adopted,
            How::Observed => core::How::Observed,
            How::Verified => core::How::Verified,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AccountSeen<'a>(#[serde(borrow)] ObjectRef<'a>, AccountState);

impl<'a> AccountSeen<'a> {
    fn of(account: &'a core::AccountSeen) -> Self {
        AccountSeen(
            ObjectRef::of(&account.object),
            AccountState::of(account.state),
        )
    }

    fn into_core(self) -> core::AccountSeen {
        core::AccountSeen {
            object: self.0.into_core(),
            state: self.1.into_core(),
        }
    }
}

/// What was not reached, and until when it goes on.
#[derive(Serialize, Deserialize)]
pub(crate) struct Unreached<'a>(&'a str, Option<i64>);

impl<'a> Unreached<'a> {
    pub(crate) fn of(unreached: &'a connector::Unreached) -> Self {
        Unreached(&unreached.text, unreached.until.map(micros))
    }
}

pub(crate) fn unreached_into_core(
    unreached: Vec<Unreached<'_>>,
) -> Result<Vec<connector::Unreached>, Unreadable> {
    let one = |unreached: Unreached<'_>| {
        Ok(connector::Unreached {
            text: unreached.0.to_owned(),
            until: instant_opt(unreached.1)?,
        })
    };
    unreached.into_iter().map(one).collect()
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Completion<'a> {
    how: How,
    #[serde(borrow)]
    account: Option<AccountSeen<'a>>,
    #[serde(borrow)]
    effects: Vec<SideEffect<'a>>,
    #[serde(borrow)]
    unreachable: Vec<Unreached<'a>>,
    #[serde(borrow)]
    evidence: Option<&'a str>,
}

impl<'a> Completion<'a> {
    fn of(completion: &'a core::Completion) -> Self {
        Completion {
            how: How::of(completion.how),
            account: completion.account.as_ref().map(AccountSeen::of),
            effects: completion.effects.iter().map(SideEffect::of).collect(),
            unreachable: completion.unreachable.iter().map(Unreached::of).collect(),
            evidence: completion.evidence.as_deref(),
        }
    }

    fn into_core(self) -> Result<core::Completion, Unreadable> {
        let effects = self.effects.into_iter().map(SideEffect::into_core);
        Ok(core::Completion {
            how: self.how.into_core(),
            account: self.account.map(AccountSeen::into_core),
            effects: effects.collect::<Result<_, Unreadable>>()?,
            unreachable: unreached_into_core(self.unreachable)?,
            evidence: self.evidence.map(str::to_owned),
        })
    }
}

/// What happened to an operation.
#[derive(Serialize, Deserialize)]
pub(crate) enum Transition<'a> {
    #[serde(rename = "d")]
    Dispatched(u32),
    #[serde(rename = "l")]
    Lost(i64, &'a str, bool),
    #[serde(rename = "w")]
    Deferred(i64, #[serde(borrow)] Problem<'a>),
    #[serde(rename = "r")]
    Retried,
    #[serde(rename = "p")]
    LeftPending(i64, &'a str, #[serde(borrow)] Option<AccountSeen<'a>>),
    #[serde(rename = "a")]
    Answered(i64, #[serde(borrow)] Completion<'a>),
    #[serde(rename = "f", borrow)]
    Found(AccountSeen<'a>),
    #[serde(rename = "c", borrow)]
    Completed(Completion<'a>),
    #[serde(rename = "h")]
    Halted(
        #[serde(borrow)] Problem<'a>,
        #[serde(borrow)] Option<AccountSeen<'a>>,
    ),
}

impl<'a> Transition<'a> {
    pub(crate) fn of(change: &'a core::Transition) -> Self {
        match change {
            core::Transition::Dispatched { attempt } => Transition::Dispatched(*attempt),
            core::Transition::Lost {
                observe_at,
                text,
                by_plugin,
            } => Transition::Lost(micros(*observe_at), text, *by_plugin),
            core::Transition::Deferred { until, problem } => {
                Transition::Deferred(micros(*until), Problem::of(problem))
            }
            core::Transition::Retried => Transition::Retried,
            core::Transition::LeftPending {
                handle,
                poll_at,
                account,
            } => Transition::LeftPending(
                micros(*poll_at),
                handle,
                account.as_ref().map(AccountSeen::of),
            ),
            core::Transition::Answered { verify_at, result } => {
                Transition::Answered(micros(*verify_at), Completion::of(result))
            }
            core::Transition::Found { account } => Transition::Found(AccountSeen::of(account)),
            core::Transition::Completed(result) => Transition::Completed(Completion::of(result)),
            core::Transition::Halted { problem, account } => {
                Transition::Halted(Problem::of(problem), account.as_ref().map(AccountSeen::of))
            }
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Transition, Unreadable> {
        Ok(match self {
            Transition::Dispatched(attempt) => core::Transition::Dispatched { attempt },
            Transition::Lost(observe_at, text, by_plugin) => core::Transition::Lost {
                observe_at: instant(observe_at)?,
                text: text.to_owned(),
                by_plugin,
            },
            Transition::Deferred(until, problem) => core::Transition::Deferred {
                until: instant(until)?,
                problem: problem.into_core(),
            },
            Transition::Retried => core::Transition::Retried,
            Transition::LeftPending(poll_at, handle, account) => core::Transition::LeftPending {
                handle: handle.to_owned(),
                poll_at: instant(poll_at)?,
                account: account.map(AccountSeen::into_core),
            },
            Transition::Answered(verify_at, result) => core::Transition::Answered {
                verify_at: instant(verify_at)?,
                result: result.into_core()?,
            },
            Transition::Found(account) => core::Transition::Found {
                account: account.into_core(),
            },
            Transition::Completed(result) => core::Transition::Completed(result.into_core()?),
            Transition::Halted(problem, account) => core::Transition::Halted {
                problem: problem.into_core(),
                account: account.map(AccountSeen::into_core),
            },
        })
    }
}
