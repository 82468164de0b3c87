//! How a change ended: [`Outcome`] with its [`SideEffect`]s, and [`OpContext`], which every change is told.

use crate::account::Account;
use crate::entitlement::{Credential, Grant, UnreachedCredentials};
use crate::object::{Extras, ObjectRef};
use crate::time::Instant;

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Done by this call.
    Done,
    /// It was so before; nothing was written.
    Already,
    /// An account that was there is now the one meant.
    Adopted,
    /// The app goes on with it.
    Pending,
    /// A person must do something at the app.
    NeedsHuman,
}

/// What else a call changed at the app.
#[derive(Debug, Clone, PartialEq)]
pub enum SideEffect {
    /// An account is different from what was asked for, or another one changed too.
    AccountChanged(Account),
    /// A grant nobody asked for here.
    GrantAdded(Grant),
    /// A grant that went with it.
    GrantRemoved(Grant),
    /// An object that is gone.
    ObjectRemoved(ObjectRef),
    /// A seat of this entitlement was taken.
    SeatConsumed(ObjectRef),
    /// A seat of this entitlement became free.
    SeatReleased(ObjectRef),
    /// A credential that no longer works.
    CredentialEnded(Credential),
    /// Credentials that still do.
    CredentialsUnreached(UnreachedCredentials),
    /// Anything else, for the record.
    Noted(String),
}

/// The result of a change.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Outcome {
    /// How it ended.
    pub kind: OutcomeKind,
    /// The account as it is now, if the call was about one and the app said.
    pub account: Option<Account>,
    /// What else changed.
    pub effects: Vec<SideEffect>,
    /// With `Pending`: what to poll with.
    pub poll: Option<String>,
    /// With `Pending`: when to ask, at the earliest, in milliseconds.
    pub poll_after_ms: Option<u32>,
    /// When an invitation or approval lapses.
    pub expires: Option<Instant>,
    /// With `NeedsHuman`: what to do and where.
    pub instructions: Option<String>,
    /// What the app calls this request.
    pub evidence: Option<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Outcome {
    fn of(kind: OutcomeKind) -> Self {
        Self {
            kind,
            account: None,
            effects: Vec::new(),
            poll: None,
            poll_after_ms: None,
            expires: None,
            instructions: None,
            evidence: None,
            extra: Vec::new(),
        }
    }

    /// Done by this call.
    pub fn done() -> Self {
        Self::of(OutcomeKind::Done)
    }

    /// It was so before; nothing was written.
    pub fn already() -> Self {
        Self::of(OutcomeKind::Already)
    }

    /// This account was there and is now the one meant.
    pub fn adopted(account: Account) -> Self {
        Self::of(OutcomeKind::Adopted).account(account)
    }

    /// The app goes on with it; ask with this handle, not before that many milliseconds.
    pub fn pending(handle: impl Into<String>, after_ms: u32) -> Self {
        Self {
            poll: Some(handle.into()),
            poll_after_ms: Some(after_ms),
            ..Self::of(OutcomeKind::Pending)
        }
    }

    /// A person must do this at the app.
    pub fn needs_human(instructions: impl Into<String>) -> Self {
        Self {
            instructions: Some(instructions.into()),
            ..Self::of(OutcomeKind::NeedsHuman)
        }
    }

    /// The account as it is now.
    pub fn account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }

    /// This changed as well.
    pub fn effect(mut self, effect: SideEffect) -> Self {
        self.effects.push(effect);
        self
    }

    /// An invitation or approval that lapses then.
    pub fn expires(mut self, at: Instant) -> Self {
        self.expires = Some(at);
        self
    }

    /// What the app calls this request, if it said ([`Reply::request_id`](crate::Reply::request_id)).
    pub fn evidence(mut self, id: Option<impl Into<String>>) -> Self {
        self.evidence = id.map(Into::into);
        self
    }
}

/// What every change is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpContext {
    /// The same for every attempt at one operation: an idempotency key where the app has one.
    pub operation_id: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How long this call may take, in milliseconds.
    pub deadline_ms: u32,
    /// Why, for the app's audit log.
    pub reason: String,
    /// See [`Extras`].
    pub extra: Extras,
}

impl OpContext {
    /// A first attempt with 30 seconds, for tests.
    pub fn first(operation_id: impl Into<String>) -> Self {
        Self {
            operation_id: operation_id.into(),
            attempt: 1,
            deadline_ms: 30_000,
            ..Self::default()
        }
    }
}
