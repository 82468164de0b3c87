//! What is wrong with a configuration: the file, the line, the column, what was found there, and
//! what to write instead. Everything that is wrong is said at once, not one thing per attempt.

use std::fmt;
use std::path::{Path, PathBuf};

use muster_core::coded::Coded;
use muster_core::finding::Code;

/// A file or folder of the configuration cannot be read.
pub const UNREADABLE: Code = Code::new("CFG-001");
/// A file is not TOML.
pub const NOT_TOML: Code = Code::new("CFG-002");
/// A key that Muster does not know.
pub const UNKNOWN_KEY: Code = Code::new("CFG-003");
/// A value of another type than the key takes.
pub const WRONG_TYPE: Code = Code::new("CFG-004");
/// A value of the right type that cannot be used.
pub const UNUSABLE_VALUE: Code = Code::new("CFG-005");
/// A key that has to be there is missing.
pub const MISSING_KEY: Code = Code::new("CFG-006");
/// A secret is written into the file.
pub const INLINE_SECRET: Code = Code::new("CFG-007");
/// A secret cannot be read from where the configuration says it is.
pub const SECRET_UNREADABLE: Code = Code::new("CFG-008");
/// Two folders of the configuration get in each other's way.
pub const FOLDERS_CLASH: Code = Code::new("CFG-009");
/// It can be used, but may not be what was meant.
pub const LOOK: Code = Code::new("CFG-010");

/// A place in a file, for people: both numbers begin at 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Which kind of mistake.
    pub code: Code,
    /// The file, as it is shown.
    pub file: PathBuf,
    /// Where in the file; `None` if the file itself is meant.
    pub position: Option<Position>,
    /// What is wrong, as a sentence without a full stop. Never a secret's value.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// At least one, in the order of files and lines.
    pub mistakes: Vec<Mistake>,
}

impl ConfigError {
    /// An error of one mistake with a file itself.
    pub(super) fn of_file(code: Code, file: &Path, message: String, hint: &str) -> Self {
        Self {
            mistakes: vec![Mistake {
                code,
                file: file.to_owned(),
                position: None,
                message,
                hint: hint.to_owned(),
            }],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.as_slice() {
            [] => f.write_str("the configuration cannot be used"),
            [only] => fmt::Display::fmt(only, f),
            many => {
                write!(f, "{} things are wrong with the configuration", many.len())?;
                many.iter()
                    .try_for_each(|mistake| write!(f, "\n  [{}] {mistake}", mistake.code))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl Coded for ConfigError {
    fn code(&self) -> Code {
        self.mistakes
            .first()
            .map_or(UNREADABLE, |mistake| mistake.code.clone())
    }

    fn hint(&self) -> String {
        let mut hints: Vec<&str> = Vec::new();
        for mistake in &self.mistakes {
            if !mistake.hint.is_empty() && !hints.contains(&mistake.hint.as_str()) {
                hints.push(&mistake.hint);
            }
        }
        hints.join("\n")
    }
}
