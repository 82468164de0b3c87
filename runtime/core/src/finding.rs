//! A typed, coded remark for a person: a row was set aside, a limit was reached, an app refuses.
//! Findings are data, not errors of our code; each code has a page under `docs/errors/`.

use std::fmt;

use crate::subject::Subject;

/// The code of a finding or error: letters, a dash, three digits. `docs/errors/<CODE>.md` explains it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(std::borrow::Cow<'static, str>);

impl Code {
    /// A code written in our source.
    pub const fn new(code: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(code))
    }

    /// A code read from a record.
    pub fn from_record(code: String) -> Self {
        Self(std::borrow::Cow::Owned(code))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Somebody should look at it.
    Warning,
    /// Something was not done and waits for a person.
    Error,
}

impl Severity {
    /// The word for it in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One remark about one subject. A code and a subject name a finding: seen again, it is the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which kind of remark.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What happened, as a sentence without a full stop.
    pub text: String,
    /// What to do next; empty where nothing has to be done.
    pub hint: String,
}

impl Finding {
    /// A finding without a hint.
    pub fn new(
        code: Code,
        severity: Severity,
        subject: impl Into<Subject>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            subject: subject.into(),
            text: text.into(),
            hint: String::new(),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}
