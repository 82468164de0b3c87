//! Why a call did not succeed: [`Problem`], whose case alone decides what the host does next.
//!
//! Choose the case by what should happen, not by what the app's status code is called: something that was
//! there already is no problem but `Outcome::already()`, and a lost reply to a write is
//! [`Problem::OutcomeUnknown`], never [`Problem::Transient`]. Texts are for people; no secret and no personal
//! value belongs in them.

use crate::entitlement::SeatFacts;
use crate::object::{Extras, ObjectRef};

/// What every call returns.
pub type Result<T> = core::result::Result<T, Problem>;

/// Why a call did not succeed. See `wit/types.wit` for what the host does in each case.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// Nothing was changed; the same call may work later.
    Transient(RetryHint),
    /// Nothing was changed; the app asks for a slower pace.
    RateLimited(RetryHint),
    /// It may or may not have been done. Never for reads.
    OutcomeUnknown(String),
    /// The listing cannot go on from this cursor.
    CursorExpired,
    /// The feed cannot go on from this token.
    TokenExpired,
    /// The app did not accept the credential.
    Unauthenticated(String),
    /// The credential is good and may not do this.
    Forbidden(MissingPermissions),
    /// The object is gone, or was never there.
    NotFound(Box<ObjectRef>),
    /// Another object holds the key or the name.
    Conflict(Option<Box<ObjectRef>>),
    /// The object has changed since it was read; the current revision, where known.
    Stale(Option<String>),
    /// The app will not take these values. Not empty.
    Invalid(Vec<FieldFault>),
    /// No seat or quota left. Nothing was changed.
    NoCapacity(Option<Box<SeatFacts>>),
    /// A rule of the app protects the object from this.
    Guarded(GuardRefusal),
    /// The connector does not do this.
    Unsupported(String),
    /// The app's reply made no sense.
    RemoteDefect(String),
    /// The connector itself failed.
    PluginDefect(String),
}

/// When another try makes sense.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetryHint {
    /// How long to leave the app alone, in milliseconds; `None`: it did not say.
    pub after_ms: Option<u32>,
    /// The rate bucket that is used up; `None`: the whole target.
    pub bucket: Option<String>,
    /// What happened, for people.
    pub message: String,
    /// See [`Extras`].
    pub extra: Extras,
}

/// A field that the app will not take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldFault {
    /// The attribute or setting.
    pub field: String,
    /// Which rule it breaks: `required`, `format`, `too-long`, `not-unique`, `not-allowed`, `unknown-field`,
    /// `immutable`, or the app's own word.
    pub rule: String,
    /// For people.
    pub message: String,
    /// See [`Extras`].
    pub extra: Extras,
}

impl FieldFault {
    /// This field breaks this rule.
    pub fn new(
        field: impl Into<String>,
        rule: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            rule: rule.into(),
            message: message.into(),
            extra: Vec::new(),
        }
    }
}

/// Permissions that the credential lacks at the app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MissingPermissions {
    /// Scopes or roles in the app's words; empty where it does not say.
    pub missing: Vec<String>,
    /// For people.
    pub message: String,
    /// See [`Extras`].
    pub extra: Extras,
}

/// A rule of the app that protects it from the call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardRefusal {
    /// `last-owner`, `last-admin`, `protected-account`, `legal-hold`, `externally-managed`, `self-lockout`.
    pub guard: String,
    /// For people.
    pub message: String,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Problem {
    /// Nothing was changed; the same call may work later.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient(RetryHint {
            message: message.into(),
            ..RetryHint::default()
        })
    }

    /// Nothing was changed; leave the app alone for that long.
    pub fn rate_limited(after_ms: Option<u32>, message: impl Into<String>) -> Self {
        Self::RateLimited(RetryHint {
            after_ms,
            message: message.into(),
            ..RetryHint::default()
        })
    }

    /// These permissions are missing.
    pub fn forbidden<S: Into<String>>(
        missing: impl IntoIterator<Item = S>,
        message: impl Into<String>,
    ) -> Self {
        let missing = missing.into_iter().map(Into::into).collect();
        Self::Forbidden(MissingPermissions {
            missing,
            message: message.into(),
            extra: Vec::new(),
        })
    }

    /// One field breaks a rule.
    pub fn invalid(
        field: impl Into<String>,
        rule: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::Invalid(vec![FieldFault::new(field, rule, message)])
    }

    /// This object is gone, or was never there.
    pub fn not_found(object: ObjectRef) -> Self {
        Self::NotFound(Box::new(object))
    }

    /// This object holds the key or the name.
    pub fn conflict_with(object: ObjectRef) -> Self {
        Self::Conflict(Some(Box::new(object)))
    }

    /// No seat left of these.
    pub fn no_capacity(seats: SeatFacts) -> Self {
        Self::NoCapacity(Some(Box::new(seats)))
    }

    /// No seat or quota is left, as the app says in these words.
    pub fn no_seat_left(text: impl Into<String>) -> Self {
        Self::no_capacity(SeatFacts {
            extra: vec![("message".to_owned(), text.into())],
            ..SeatFacts::default()
        })
    }

    /// The same problem of a call that takes something away. That needs no seat, whatever its refusal says, and is
    /// not to wait for one.
    #[must_use]
    pub fn of_removal(self) -> Self {
        match self {
            Self::NoCapacity(seats) => {
                let said = seats.into_iter().flat_map(|seats| seats.extra);
                let text = said
                    .filter(|(name, _)| name == "message")
                    .map(|(_, text)| text)
                    .next();
                Self::forbidden(Vec::<String>::new(), text.unwrap_or_default())
            }
            problem => problem,
        }
    }

    /// A rule of the app protects the object: `last-owner`, `legal-hold`, ...
    pub fn guarded(guard: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Guarded(GuardRefusal {
            guard: guard.into(),
            message: message.into(),
            extra: Vec::new(),
        })
    }

    /// The connector does not do this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// The app's reply made no sense.
    pub fn remote_defect(message: impl Into<String>) -> Self {
        Self::RemoteDefect(message.into())
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transient(hint) => write!(f, "not done, may work later: {}", hint.message),
            Self::RateLimited(hint) => write!(f, "not done, too many requests: {}", hint.message),
            Self::OutcomeUnknown(message) => write!(f, "may or may not be done: {message}"),
            Self::CursorExpired => f.write_str("the listing cannot go on from this cursor"),
            Self::TokenExpired => f.write_str("the feed cannot go on from this token"),
            Self::Unauthenticated(message) => write!(f, "credential not accepted: {message}"),
            Self::Forbidden(missing) => write!(f, "not permitted: {}", missing.message),
            Self::NotFound(object) => write!(f, "no {} with id {}", object.kind, object.id),
            Self::Conflict(_) => f.write_str("another object holds the key"),
            Self::Stale(_) => f.write_str("changed since it was read"),
            Self::Invalid(faults) => {
                let texts: Vec<_> = faults
                    .iter()
                    .map(|fault| format!("{}: {}", fault.field, fault.message))
                    .collect();
                write!(f, "not accepted: {}", texts.join("; "))
            }
            Self::NoCapacity(_) => f.write_str("no seat left"),
            Self::Guarded(refusal) => {
                write!(f, "protected ({}): {}", refusal.guard, refusal.message)
            }
            Self::Unsupported(message) => write!(f, "not supported: {message}"),
            Self::RemoteDefect(message) => write!(f, "the app's reply makes no sense: {message}"),
            Self::PluginDefect(message) => write!(f, "the connector failed: {message}"),
        }
    }
}

impl std::error::Error for Problem {}
