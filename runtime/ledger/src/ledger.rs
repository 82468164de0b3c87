//! The ledger: one file that one program has open. Many read at once, one writes at a time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, StorageBackend};

use crate::create;
use crate::error::{Error, StoreResult};
use crate::reader::Reader;
use crate::writer::{Left, Writer};

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

/// An open ledger. Clones are the same ledger; the file is closed with the last one.
#[derive(Clone)]
pub struct Ledger {
    database: Arc<Database>,
    /// None: it is in memory.
    path: Option<PathBuf>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.path)
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
            database: Arc::new(database),
            path: path.map(Path::to_owned),
        }
    }

    /// The file; none for a ledger in memory.
    pub fn file(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// A snapshot of what is durable now.
    pub fn read(&self) -> Result<Reader, Error> {
        Reader::new(self.database.begin_read().step("begin to read")?)
    }

    /// Writes in one transaction. It waits for a transaction of another thread to end, and gives an
    /// answer only once everything is durable. Where `work` fails, nothing is written; where it
    /// records nothing, the disk is not touched.
    pub fn write<T, E: From<Error>>(
        &self,
        at: Timestamp,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let txn = self.database.begin_write().step("begin to write")?;
        let mut writer = Writer::open(&self.database, &txn, at, Left::default())?;
        let value = work(&mut writer)?;
        writer.end_work()?;
        if writer.recorded() == 0 {
            return Ok(value);
        }
        drop(writer.finish()?);
        txn.commit().step("commit").map_err(E::from)?;
        Ok(value)
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }
}
