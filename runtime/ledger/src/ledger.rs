//! The ledger: one file that one program has open. Many read at once, one writes at a time.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::coded::{Coded as _, chain};
use muster_core::finding::Code;
use redb::{Database, ReadableDatabase, StorageBackend};

use crate::create;
use crate::error::{Error, StoreResult};
use crate::reader::Reader;
use crate::tail::{Commits, Tail};
use crate::writer::{Handover, Writer};

/// How the ledger is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Memory for pages that were read or are being written, in bytes.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Why nothing is written to a ledger any more, until its file was opened anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The code of the first error.
    pub code: Code,
    /// The error with its causes, as one text.
    pub text: String,
}

/// How often is looked whether the last writer has let go of a ledger that is being closed.
const LET_GO_EVERY: Duration = Duration::from_millis(20);

/// An open ledger. Clones are the same ledger; the file is closed with the last one, or by
/// [`Ledger::close`].
#[derive(Clone)]
pub struct Ledger {
    /// None: it was closed.
    database: Arc<RwLock<Option<Arc<Database>>>>,
    failure: Arc<OnceLock<Failure>>,
    commits: Arc<Commits>,
    /// None: it is in memory.
    place: Option<Arc<Place>>,
}

/// Where the file is, and which one it is.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// Device and number; `None` if that could not be read.
    file: Option<(u64, u64)>,
}

/// Which file a path leads to; `None` if there is none.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.file())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger at `path`, and makes it where there is none.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let database = create::open_or_create(path, *options)?;
        Ok(Self::of(database, Some(path)))
    }

    /// Opens the ledger at `path`, which has to exist.
    pub fn open_existing(path: &Path, options: &Options) -> Result<Self, Error> {
        let database = create::open_existing(path, *options)?;
        Ok(Self::of(database, Some(path)))
    }

    /// A ledger on another kind of storage: in memory, or one that tests cut the power of.
    pub fn on_backend(backend: impl StorageBackend, options: &Options) -> Result<Self, Error> {
        let database = create::on_backend(backend, *options)?;
        Ok(Self::of(database, None))
    }

    /// A ledger in memory, for tests.
    pub fn in_memory() -> Result<Self, Error> {
        Self::on_backend(redb::backends::InMemoryBackend::new(), &Options::default())
    }

    /// Opens the ledger at `path` after every checksum in it was verified.
    pub(crate) fn open_verified(path: &Path, options: Options) -> Result<Self, Error> {
        let database = create::open_verified(path, options)?;
        Ok(Self::of(database, Some(path)))
    }

    fn of(database: Database, path: Option<&Path>) -> Self {
        Ledger {
            database: Arc::new(RwLock::new(Some(Arc::new(database)))),
            failure: Arc::default(),
            commits: Arc::default(),
            place: path.map(|path| {
                Arc::new(Place {
                    path: path.to_owned(),
                    file: file_at(path),
                })
            }),
        }
    }

    /// The file; none for a ledger in memory.
    pub fn file(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| place.path.as_path())
    }

    /// Whether the open file is the one that the next start will find.
    ///
    /// # Errors
    /// [`Error::Gone`] where it was removed, moved or replaced. What is written then is written, and lost
    /// with this process.
    pub fn check_in_place(&self) -> Result<(), Error> {
        match &self.place {
            Some(place) if place.file.is_some() && file_at(&place.path) != place.file => {
                Err(Error::Gone {
                    path: place.path.clone(),
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A snapshot of what is durable now.
    pub fn read(&self) -> Result<Reader, Error> {
        Reader::new(self.database()?.begin_read().step("begin to read")?)
    }

    /// Writes in one transaction, on behalf of somebody or something. It waits for a transaction of another thread to end, and gives an
    /// answer only once everything is durable. Where `work` fails, nothing is written; where it
    /// records nothing, the disk is not touched.
    pub fn write<T, E: From<Error>>(
        &self,
        at: Timestamp,
        by: impl Into<Actor>,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let database = self.database()?;
        let txn = database.begin_write().step("begin to write");
        let txn = txn.inspect_err(|error| self.fails_with(error))?;
        let mut writer = Writer::open(&database, &txn, (at, by.into()), Handover::default())?;
        let value = work(&mut writer)?;
        writer.end_work()?;
        if writer.recorded() == 0 {
            return Ok(value);
        }
        let written = writer
            .finish()
            .and_then(|_| txn.commit().step("commit"))
            .and_then(|()| self.check_in_place());
        written.inspect_err(|error| self.fails_with(error))?;
        self.commits.happened();
        Ok(value)
    }

    /// Follows the journal from an entry on: those that are there, and each that is committed from then on.
    pub fn tail(&self, from: u64) -> Tail {
        Tail::new(self.clone(), from)
    }

    pub(crate) fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Why nothing is written any more; none while it can be.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.get().cloned()
    }

    /// Remembers why nothing can be written any more. The first error names the cause; those after it only
    /// say that there was one.
    pub(crate) fn fails_with(&self, error: &Error) {
        if error.is_lasting() {
            self.failure.get_or_init(|| Failure {
                code: error.code(),
                text: chain(error),
            });
        }
    }

    /// Lets go of the file, so that it can be opened anew: after a failed write nothing else shows what
    /// the disk holds. Whoever still has this ledger or a [`Reader`] of it gets [`Error::Stopped`] or an
    /// error of the store from now on.
    ///
    /// # Errors
    /// [`Error::Stopped`] where a write is under way that does not end within `patience`. It holds up the
    /// thread for so long.
    pub fn close(&self, patience: Duration) -> Result<(), Error> {
        let taken = self.database.write();
        let taken = taken.unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut database) = taken else {
            return Ok(());
        };
        let mut waited = Duration::ZERO;
        loop {
            match Arc::try_unwrap(database) {
                Ok(alone) => {
                    // What could not be written is not there when the file is opened again.
                    drop(alone);
                    self.commits.happened();
                    return Ok(());
                }
                Err(shared) if waited >= patience => {
                    // Given back, it closes with whoever holds it.
                    drop(shared);
                    self.commits.happened();
                    return Err(Error::Stopped {
                        reason: "a write is under way that does not end".to_owned(),
                    });
                }
                Err(shared) => database = shared,
            }
            std::thread::park_timeout(LET_GO_EVERY);
            waited += LET_GO_EVERY;
        }
    }

    pub(crate) fn database(&self) -> Result<Arc<Database>, Error> {
        let database = self.database.read();
        let database = database.unwrap_or_else(PoisonError::into_inner).clone();
        database.ok_or_else(|| Error::Stopped {
            reason: "it was closed".to_owned(),
        })
    }
}
