//! Questions that could not be answered. A [`Fault`] is a coded error that crosses from the engine to
//! whoever asked.

use std::fmt;

use muster_core::coded::{Coded, chain};
use muster_core::finding::Code;

/// Why a question could not be answered. What the asker does next decides the kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// There is nothing of that name.
    NotFound,
    /// It does not fit what is there: another digest, a state that has moved on.
    Conflict,
    /// The question itself cannot be used.
    Refused,
    /// Not now; asking again later may work.
    Unavailable,
    /// Muster failed; asking again does not help.
    Broken,
}

/// A question that could not be answered, in words for the person who asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What the asker can do about it.
    pub kind: FaultKind,
    /// The code.
    pub code: Code,
    /// What happened, as a sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl Fault {
    /// A fault of this kind and code.
    pub fn new(kind: FaultKind, code: Code, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            hint: String::new(),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// An error that has a code and a hint, with its causes in one sentence.
    pub fn of(kind: FaultKind, error: &impl Coded) -> Self {
        Self::new(kind, error.code(), chain(error)).hint(error.hint())
    }

    /// There is no `what` called `name`.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(
            FaultKind::NotFound,
            API_NOT_FOUND,
            format!("there is no {what} `{name}`"),
        )
    }

    /// Muster itself failed; the chain of causes is put into one sentence.
    pub fn broken(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(FaultKind::Broken, API_BROKEN, chain(error))
            .hint("look at the daemon's log; nothing was changed by this question")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Coded for Fault {
    fn code(&self) -> Code {
        self.code.clone()
    }

    fn hint(&self) -> String {
        self.hint.clone()
    }
}

/// The HTTP route does not exist.
pub const API_NO_ROUTE: Code = Code::new("API-001");
/// The question cannot be used.
pub const API_UNUSABLE: Code = Code::new("API-002");
/// There is nothing of that name.
pub const API_NOT_FOUND: Code = Code::new("API-003");
/// The held plan is not the one that was approved.
pub const API_OTHER_PLAN: Code = Code::new("API-004");
/// Muster itself failed.
pub const API_BROKEN: Code = Code::new("API-005");
/// The daemon is starting or stopping.
pub const API_NOT_READY: Code = Code::new("API-006");
/// A decision about a person that cannot stand.
pub const DECISION_REFUSED: Code = Code::new("DEC-001");
/// A decision about something that there is not.
pub const DECISION_ABOUT_NOTHING: Code = Code::new("DEC-002");
/// Two identities cannot be made one, or a record cannot be taken out.
pub const JOINING_REFUSED: Code = Code::new("WHO-004");
/// Nobody is asked any more whose a record is.
pub const NOT_ASKED: Code = Code::new("WHO-005");
/// The plan of a decision about who is who is another one than was shown.
pub const JOINING_DIFFERS: Code = Code::new("WHO-006");
/// There is nothing to decide about an account.
pub const NOTHING_TO_DECIDE: Code = Code::new("TGT-024");
/// The operation is not in a state that can be retried.
pub const API_NOT_HALTED: Code = Code::new("API-007");
