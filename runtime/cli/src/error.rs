//! What can go wrong with a command, and how it is said: the chain of causes, a blank line, what to
//! do, and where the code is explained.

use std::io;
use std::path::PathBuf;

use muster_api::error::{API_NOT_FOUND, Fault};
use muster_api::v1;
use muster_config::{ConfigError, SecretError};
use muster_core::coded::{Coded, chain};
use muster_core::finding::Code;

use super::printer::{Printer, Style};

/// The daemon is not running.
pub(super) const NOT_RUNNING: Code = Code::new("CLI-001");
/// The daemon's answer cannot be read, or it broke off.
pub(super) const NO_ANSWER: Code = Code::new("CLI-002");
/// `init` would write over something.
pub(super) const EXISTS: Code = Code::new("CLI-003");
/// A file or folder cannot be written.
pub(super) const NOT_WRITABLE: Code = Code::new("CLI-004");
/// No such code.
pub(super) const NO_CODE: Code = Code::new("CLI-005");
/// Nothing held has that digest, or several have.
pub(super) const WHICH_PLAN: Code = Code::new("CLI-006");
/// A file that was named cannot be read.
pub(super) const NOT_READABLE: Code = Code::new("CLI-007");
/// It is not clear which feed is meant.
pub(super) const WHICH_FEED: Code = Code::new("CLI-008");
/// It is not clear which person is meant.
pub(super) const WHICH_PERSON: Code = Code::new("CLI-009");
/// A duration that cannot be read.
pub(super) const NO_DURATION: Code = Code::new("CLI-011");
/// Nothing can be printed.
pub(super) const NO_OUTPUT: Code = Code::new("CLI-010");

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Nobody answers at the socket.
    #[error("the daemon is not running: nobody answers at {socket}")]
    NotRunning {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The answer cannot be read.
    #[error("could not read the daemon's answer to {question}: {reason}")]
    NoAnswer {
        /// What was asked.
        question: String,
        /// What is wrong.
        reason: String,
    },
    /// The daemon refused, with its own code and hint.
    #[error("{}", .0.message)]
    Refused(v1::Error),
    /// What was done without the daemon failed.
    #[error(transparent)]
    Local(Fault),
    /// `init` would write over something.
    #[error("{path} is there already")]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Something cannot be written.
    #[error("could not write {path}")]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A duration that cannot be read.
    #[error("`{text}` is no duration")]
    NoDuration {
        /// What was given.
        text: String,
    },
    /// No such code.
    #[error("there is no code `{code}`")]
    NoCode {
        /// What was asked for.
        code: String,
        /// The code that was probably meant.
        nearest: Option<&'static str>,
    },
    /// Nothing held has that digest, or several have.
    #[error("{reason}")]
    WhichPlan {
        /// In words.
        reason: String,
    },
    /// A file cannot be read.
    #[error("could not read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not clear which feed is meant.
    #[error("it is not clear which feed the file belongs to: {reason}")]
    WhichFeed {
        /// In words.
        reason: String,
    },
    /// It is not clear which person is meant.
    #[error("{} people have the key `{key}`", people.len())]
    WhichPerson {
        /// The key.
        key: String,
        /// Who has it.
        people: Vec<String>,
    },
    /// Nobody has the key that was typed.
    #[error("nobody has the key `{key}`")]
    Nobody {
        /// The key.
        key: String,
    },
    /// Nothing can be printed.
    #[error("could not write the output")]
    Output(#[from] io::Error),
}

impl From<Fault> for CliError {
    fn from(fault: Fault) -> Self {
        CliError::Local(fault)
    }
}

impl CliError {
    /// Whether whoever reads our output has hung up: then everything that was wanted was printed.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, CliError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Says it on stderr.
    pub fn print(&self, printer: &mut Printer<'_>) -> io::Result<()> {
        if let CliError::Config(error) = self {
            return print_config(error, printer);
        }
        printer.note(&format!("{} {}", Style::Bad.paint("error:"), chain(self)))?;
        print_hint(&self.hint(), printer)?;
        printer.note(&explain_line(&[self.code().to_string()]))
    }
}

/// Every mistake of a configuration, each with its own hint.
pub(super) fn print_config(error: &ConfigError, printer: &mut Printer<'_>) -> io::Result<()> {
    let mut codes: Vec<String> = Vec::new();
    for mistake in &error.mistakes {
        printer.note(&format!("{} {mistake}", Style::Bad.paint("error:")))?;
        print_hint(&mistake.hint, printer)?;
        printer.note("")?;
        if !codes.contains(&mistake.code.to_string()) {
            codes.push(mistake.code.to_string());
        }
    }
    printer.note(&explain_line(&codes))
}

fn print_hint(hint: &str, printer: &mut Printer<'_>) -> io::Result<()> {
    if hint.is_empty() {
        return Ok(());
    }
    printer.note("")?;
    // Several hints are one to a line.
    let mut lines = hint.lines();
    let first = lines.next().unwrap_or_default();
    printer.note(&format!("{} {first}", Style::Strong.paint("hint:")))?;
    lines.try_for_each(|line| printer.note(line))
}

fn explain_line(codes: &[String]) -> String {
    let commands: Vec<String> = codes
        .iter()
        .map(|code| format!("`muster explain {code}`"))
        .collect();
    format!("more: {}", commands.join(", "))
}

impl Coded for CliError {
    fn code(&self) -> Code {
        match self {
            CliError::Config(error) => error.code(),
            CliError::Secret(error) => error.code(),
            CliError::NotRunning { .. } => NOT_RUNNING,
            CliError::NoAnswer { .. } => NO_ANSWER,
            CliError::Refused(error) => Code::from_record(error.code.clone()),
            CliError::Local(fault) => fault.code(),
            CliError::Exists { .. } => EXISTS,
            CliError::Write { .. } => NOT_WRITABLE,
            CliError::NoDuration { .. } => NO_DURATION,
            CliError::NoCode { .. } => NO_CODE,
            CliError::WhichPlan { .. } => WHICH_PLAN,
            CliError::Read { .. } => NOT_READABLE,
            CliError::WhichFeed { .. } => WHICH_FEED,
            CliError::WhichPerson { .. } => WHICH_PERSON,
            CliError::Nobody { .. } => API_NOT_FOUND,
            CliError::Output(_) => NO_OUTPUT,
        }
    }

    fn hint(&self) -> String {
        match self {
            CliError::Config(error) => error.hint(),
            CliError::Secret(error) => error.hint(),
            CliError::NotRunning { .. } => {
                "start it with `muster serve`; another muster.toml than \
                                            the one here is named with --config"
                    .to_owned()
            }
            CliError::NoAnswer { .. } => "look at the daemon's log; after an upgrade, restart the \
                                          daemon so that both are of one version"
                .to_owned(),
            CliError::Refused(error) => error.hint.clone(),
            CliError::Local(fault) => fault.hint(),
            CliError::Exists { .. } => {
                "nothing was written; name an empty folder: `muster init FOLDER`".to_owned()
            }
            CliError::Write { .. } => "look at the folder's owner and free space".to_owned(),
            CliError::NoDuration { .. } => {
                "write a whole number and a unit: 30m, 8h, 5d".to_owned()
            }
            CliError::NoCode { nearest, .. } => match nearest {
                Some(code) => format!("did you mean {code}? `muster explain` lists all codes"),
                None => "`muster explain` lists all codes".to_owned(),
            },
            CliError::WhichPlan { .. } => {
                "`muster apply` without a digest lists what is held".to_owned()
            }
            CliError::Read { .. } => "look at the path and at who may read the file".to_owned(),
            CliError::WhichFeed { .. } => "name it: --feed NAME".to_owned(),
            CliError::WhichPerson { people, .. } => {
                format!("write one of them in full: {}", people.join(", "))
            }
            CliError::Nobody { .. } => {
                "`muster people --find TEXT` looks for names; leading zeros count".to_owned()
            }
            CliError::Output(_) => "look at where the output goes".to_owned(),
        }
    }
}
