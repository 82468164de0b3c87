//! Every case of what an operation is, asks for and leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_core::connector::{
    AccountSpec, AccountState, AttributeChange, EntitlementKey, ObjectRef, Problem, RemoteAccount,
    Scalar, SideEffect, Unreached,
};
use muster_core::operation::{AccountSeen, Action, Completion, How, State, Transition};

use super::{at, person};

pub(super) const HOWS: [How; 5] = [
    How::Done,
    How::Already,
    How::Adopted,
    How::Observed,
    How::Verified,
];

pub(super) const ACCOUNT_STATES: [AccountState; 6] = [
    AccountState::Active,
    AccountState::Suspended,
    AccountState::Locked,
    AccountState::Invited,
    AccountState::Deactivated,
    AccountState::Deleted,
];

pub(super) fn object() -> ObjectRef {
    ObjectRef {
        kind: "user".to_owned(),
        container: Some("workspace-1".to_owned()),
        id: "2819c223-7f76-453a-919d-413861904646".to_owned(),
        revision: Some("W/\"3694e05e9dff590\"".to_owned()),
        name_hint: Some("Babs Jensen".to_owned()),
    }
}

pub(super) fn bare_object() -> ObjectRef {
    ObjectRef {
        kind: "seat".to_owned(),
        container: None,
        id: "1".to_owned(),
        revision: None,
        name_hint: None,
    }
}

pub(super) fn key(name: &str) -> EntitlementKey {
    EntitlementKey {
        kind: "role".to_owned(),
        container: Some("workspace-1".to_owned()),
        id: name.to_owned(),
    }
}

pub(super) fn scalars() -> Vec<Scalar> {
    vec![
        Scalar::Text("Zoë".to_owned()),
        Scalar::Boolean(false),
        Scalar::Number(12.5),
        Scalar::Day("2026-06-01".to_owned()),
        Scalar::Instant(at(7)),
        Scalar::Binary(vec![0, 255, 1]),
        Scalar::Pointer(object()),
    ]
}

pub(super) fn problems() -> Vec<Problem> {
    let text = || "in words".to_owned();
    vec![
        Problem::Transient {
            text: text(),
            after_ms: Some(1_500),
        },
        Problem::RateLimited { after_ms: None },
        Problem::OutcomeUnknown(text()),
        Problem::CursorExpired,
        Problem::TokenExpired,
        Problem::Unauthenticated(text()),
        Problem::Forbidden(vec!["users:write".to_owned()]),
        Problem::NotFound(Some(object())),
        Problem::NotFound(None),
        Problem::Conflict(Some(bare_object())),
        Problem::Conflict(None),
        Problem::Stale,
        Problem::Invalid(vec![("userName".to_owned(), "is taken".to_owned())]),
        Problem::NoCapacity(text()),
        Problem::Guarded("last-owner".to_owned()),
        Problem::Unsupported(text()),
        Problem::RemoteDefect(text()),
        Problem::Denied(text()),
        Problem::PluginFailed {
            text: text(),
            sent: true,
        },
    ]
}

pub(super) fn states() -> Vec<State> {
    let mut states = vec![
        State::Queued,
        State::InFlight {
            attempt: 1,
            since: at(1),
        },
        State::Unknown {
            attempt: 2,
            observe_at: at(2),
            looks: 3,
            text: "connection reset".to_owned(),
            by_plugin: true,
        },
        State::Pending {
            attempt: 3,
            handle: "job-7".to_owned(),
            poll_at: at(3),
        },
    ];
    states.extend(HOWS.map(|how| State::Verifying {
        attempt: 4,
        verify_at: at(4),
        how,
    }));
    for problem in problems() {
        states.push(State::Waiting {
            attempt: 5,
            until: at(5),
            problem: problem.clone(),
        });
        states.push(State::Halted {
            attempt: 6,
            since: at(6),
            problem,
        });
    }
    states
}

pub(super) fn actions() -> Vec<Action> {
    let set = ("emails".to_owned(), AttributeChange::Set(scalars()));
    let clear = ("nickName".to_owned(), AttributeChange::Clear);
    let mut actions = vec![
        Action::EnsureAccount(Arc::new(AccountSpec {
            match_keys: vec![("employee-id".to_owned(), "00042".to_owned())],
            may_adopt: true,
            initial_state: AccountState::Invited,
            attributes: BTreeMap::from([set, clear]),
        })),
        Action::EndSessions,
        Action::RevokeCredentials,
        Action::EnsureGranted(key("admin")),
        Action::EnsureRevoked(super::group("staff")),
        Action::TransferOwned(person("boss")),
        Action::EnsureAbsent,
    ];
    actions.extend(ACCOUNT_STATES.map(Action::EnsureState));
    actions
}

pub(super) fn completion(how: How, state: AccountState) -> Completion {
    let account = RemoteAccount {
        object: object(),
        state,
        keys: vec![("email".to_owned(), "babs@example.com".to_owned())],
        attributes: BTreeMap::from([("all".to_owned(), scalars()), ("none".to_owned(), vec![])]),
        protected_reason: Some("break-glass".to_owned()),
    };
    Completion {
        how,
        account: Some(AccountSeen {
            object: object(),
            state,
        }),
        effects: vec![
            SideEffect::AccountChanged(account),
            SideEffect::GrantAdded(object(), key("admin")),
            SideEffect::GrantRemoved(bare_object(), super::group("staff")),
            SideEffect::ObjectRemoved(bare_object()),
            SideEffect::SeatConsumed(bare_object()),
            SideEffect::SeatReleased(bare_object()),
        ],
        unreachable: vec![
            Unreached {
                text: "refresh tokens".to_owned(),
                until: Some(at(90)),
            },
            Unreached {
                text: "sessions".to_owned(),
                until: None,
            },
        ],
        evidence: Some("req-1".to_owned()),
    }
}

pub(super) fn changes() -> Vec<Transition> {
    let seen = || AccountSeen {
        object: bare_object(),
        state: AccountState::Active,
    };
    let mut changes = vec![
        Transition::Dispatched { attempt: u32::MAX },
        Transition::Lost {
            observe_at: at(1),
            text: String::new(),
            by_plugin: false,
        },
        Transition::LeftPending {
            handle: "job-7".to_owned(),
            poll_at: at(2),
            account: Some(seen()),
        },
        Transition::LeftPending {
            handle: "job-8".to_owned(),
            poll_at: at(-60_000_000_000),
            account: None,
        },
        Transition::Answered {
            verify_at: jiff::Timestamp::UNIX_EPOCH,
            result: completion(How::Done, AccountState::Suspended),
        },
        Transition::Found { account: seen() },
        Transition::Retried,
    ];
    for (how, state) in HOWS.into_iter().zip(ACCOUNT_STATES) {
        changes.push(Transition::Completed(completion(how, state)));
    }
    for problem in problems() {
        changes.push(Transition::Deferred {
            until: at(9),
            problem: problem.clone(),
        });
        changes.push(Transition::Halted {
            account: Some(seen()),
            problem,
        });
    }
    changes
}
