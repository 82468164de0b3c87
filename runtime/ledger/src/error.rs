//! What can go wrong with the ledger, with the codes that are explained under `docs/errors/`.

use std::path::PathBuf;

use muster_core::coded::Coded;
use muster_core::connector::ObjectRef;
use muster_core::finding::Code;
use muster_core::id::{PersonId, PlanId, TargetName};

use crate::codec::Unreadable;

/// Another program has the ledger open.
pub const LOCKED: Code = Code::new("LED-001");
/// The file is damaged, or not a ledger.
pub const DAMAGED: Code = Code::new("LED-002");
/// The disk could not be read or written.
pub const DISK: Code = Code::new("LED-003");
/// A newer Muster wrote the file.
pub const NEWER: Code = Code::new("LED-004");
/// A Muster from before the first release wrote the file.
pub const OLDER: Code = Code::new("LED-012");
/// The tables are not what the journal adds up to, or the journal was changed.
pub const DIFFERS: Code = Code::new("LED-005");
/// One account at an app would belong to two people.
pub const LINKED_TWICE: Code = Code::new("LED-006");
/// The ledger takes no more writes until the daemon is started again.
pub const STOPPED: Code = Code::new("LED-007");
/// The file is not where it was.
pub const GONE: Code = Code::new("LED-011");
/// A fact contradicts what the ledger holds: a mistake in Muster.
pub const CONTRADICTION: Code = Code::new("LED-008");

/// Why the ledger could not do something. What the caller does next decides the case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else has the file open. Ask the daemon, or stop it.
    #[error("the ledger {path} is open in another program, which is most likely the daemon")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is no ledger, or damaged. A person has to bring back a copy.
    #[error("the ledger {path} is damaged or not a ledger: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file or folder could not be used.
    #[error("could not {step} {path}")]
    File {
        /// What was tried.
        step: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The open file is not the one that the path leads to. What was written is lost with the process, so
    /// nothing of it counts.
    #[error("the ledger {path} was removed, moved or replaced while it was open")]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// The store failed. Nothing of the transaction was kept.
    #[error("could not {step} in the ledger")]
    Store {
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: Box<redb::Error>,
    },
    /// A newer program wrote it.
    #[error("the ledger was written by a newer Muster: its {table} are of version {version}")]
    Newer {
        /// Which records.
        table: &'static str,
        /// Their version.
        version: u8,
    },
    /// A build from before the first release wrote it, whose records name nobody.
    #[error(
        "the ledger was written by a Muster from before the first release (format {version}), which this one does not read: move the data folder aside, and start anew with the newest HR file"
    )]
    Older {
        /// The format of the file.
        version: u8,
    },
    /// A record cannot be read.
    #[error("a record of the ledger's {table} cannot be read: {what}")]
    Record {
        /// In which table.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The app's account belongs to another person already. Nothing of this fact was kept.
    #[error("{} {} at {target} belongs to {holder} and cannot also belong to {person}", object.kind, object.id)]
    LinkedTwice {
        /// Where.
        target: TargetName,
        /// The account.
        object: Box<ObjectRef>,
        /// Who has it.
        holder: PersonId,
        /// Who was to have it, too.
        person: PersonId,
    },
    /// The person changed since the caller read what it based its plan on.
    #[error("the plan for {person} was made from an older state than the ledger holds")]
    Outdated {
        /// Who.
        person: PersonId,
    },
    /// The plan's number, digest or content does not fit.
    #[error("plan {plan} cannot be recorded: {what}")]
    BadPlan {
        /// The plan.
        plan: PlanId,
        /// What does not fit.
        what: &'static str,
    },
    /// An earlier failure in the same transaction left it half done; it can only be given up.
    #[error("the transaction failed before and cannot be kept")]
    Spoiled,
    /// The group commit has ended, or failed.
    #[error("the ledger takes no more writes: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

impl Coded for Error {
    fn code(&self) -> Code {
        match self {
            Error::Locked { .. } => LOCKED,
            Error::Damaged { .. } | Error::Record { .. } => DAMAGED,
            Error::File { .. } => DISK,
            Error::Gone { .. } => GONE,
            Error::Store { source, .. } => match source.as_ref() {
                redb::Error::Corrupted(_) => DAMAGED,
                redb::Error::PreviousIo | redb::Error::DatabaseClosed => STOPPED,
                _ => DISK,
            },
            Error::Newer { .. } => NEWER,
            Error::Older { .. } => OLDER,
            Error::LinkedTwice { .. } => LINKED_TWICE,
            Error::Stopped { .. } => STOPPED,
            Error::Outdated { .. } | Error::BadPlan { .. } | Error::Spoiled => CONTRADICTION,
        }
    }

    fn hint(&self) -> String {
        format!("`muster explain {}` says what to do", self.code())
    }
}

impl Error {
    /// Whether later writes will fail as well, so that the daemon should stop and be started again.
    pub fn is_lasting(&self) -> bool {
        !matches!(
            self,
            Error::LinkedTwice { .. }
                | Error::Outdated { .. }
                | Error::BadPlan { .. }
                | Error::Spoiled
        )
    }

    pub(crate) fn unreadable(table: &'static str, unreadable: &Unreadable) -> Self {
        match unreadable {
            Unreadable::Older(version) => Error::Older { version: *version },
            Unreadable::Version(version) | Unreadable::Fold(version) => Error::Newer {
                table,
                version: *version,
            },
            Unreadable::Layout(source) => Error::Record {
                table,
                // The decoder's words name types and positions, never values.
                what: format!("{unreadable}: {source}"),
            },
            Unreadable::Value(_) => Error::Record {
                table,
                what: unreadable.to_string(),
            },
        }
    }
}

/// Turns the store's errors into ours, with the step that failed.
pub(crate) trait StoreResult<T> {
    fn step(self, step: &'static str) -> Result<T, Error>;
}

impl<T, E: Into<redb::Error>> StoreResult<T> for Result<T, E> {
    fn step(self, step: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Store {
            step,
            source: Box::new(source.into()),
        })
    }
}

/// Names the table of a record that could not be read.
pub(crate) trait RecordResult<T> {
    fn of(self, table: &'static str) -> Result<T, Error>;
}

impl<T> RecordResult<T> for Result<T, Unreadable> {
    fn of(self, table: &'static str) -> Result<T, Error> {
        self.map_err(|unreadable| Error::unreadable(table, &unreadable))
    }
}
