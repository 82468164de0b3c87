//! Opening and making the file.
//!
//! A power cut while a file of the store is being made leaves one that the store refuses for ever. So
//! a new ledger is made under another name, closed, renamed, and the folder is synced; what a cut
//! left behind under that other name is thrown away by the next start.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, StorageBackend, StorageError};

use crate::error::{Error, StoreResult};
use crate::ledger::Options;
use crate::tables::{Log, Meta, Tables};

pub(crate) fn open_or_create(path: &Path, options: Options) -> Result<Database, Error> {
    if !exists(path)? {
        create(path, options)?;
    }
    open_existing(path, options)
}

pub(crate) fn open_existing(path: &Path, options: Options) -> Result<Database, Error> {
    open_with(&builder(options), path)
}

/// Opens a file after every checksum in it was verified.
pub(crate) fn open_verified(path: &Path, options: Options) -> Result<Database, Error> {
    let mut builder = builder(options);
    builder.set_check_integrity_on_open(true);
    open_with(&builder, path)
}

/// A file for tables that are thrown away again.
pub(crate) fn scratch(path: &Path, options: Options) -> Result<Database, Error> {
    let database = builder(options).create(path);
    let database = database.map_err(|error| named(path, error))?;
    lay_out(&database)?;
    Ok(database)
}

fn open_with(builder: &Builder, path: &Path) -> Result<Database, Error> {
    // The store trusts what it finds in the file, and some damage makes it panic.
    let opened = catch_unwind(AssertUnwindSafe(|| builder.open(path)));
    let database = match opened {
        Ok(opened) => opened.map_err(|error| named(path, error))?,
        Err(_) => {
            return Err(Error::Damaged {
                path: path.to_owned(),
                what: "the store could not make sense of its pages".to_owned(),
            });
        }
    };
    check_format(&database, path)?;
    Ok(database)
}

pub(crate) fn on_backend(
    backend: impl StorageBackend,
    options: Options,
) -> Result<Database, Error> {
    let place = Path::new("(memory)");
    let database = builder(options).create_with_backend(backend);
    let database = database.map_err(|error| named(place, error))?;
    lay_out(&database)?;
    check_format(&database, place)?;
    Ok(database)
}

fn builder(options: Options) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
}

/// Makes the tables where they are missing.
fn lay_out(database: &Database) -> Result<(), Error> {
    let txn = database.begin_write().step("begin to write")?;
    {
        let (mut log, meta) = Log::open(&txn)?;
        if meta != Meta::EMPTY {
            return Ok(());
        }
        drop(Tables::open(&txn)?);
        log.set_meta(&Meta::EMPTY)?;
    }
    txn.commit().step("commit")
}

/// Refuses a store that is no ledger, and one of a newer Muster.
fn check_format(database: &Database, path: &Path) -> Result<(), Error> {
    use redb::ReadableDatabase;

    let txn = database.begin_read().step("begin to read")?;
    match txn.open_table(crate::tables::META) {
        Ok(table) => match Meta::read(&table)? {
            Some(_) => Ok(()),
            None => Err(not_a_ledger(path)),
        },
        Err(redb::TableError::Storage(source)) => Err(source).step("open the table meta"),
        Err(_) => Err(not_a_ledger(path)),
    }
}

fn not_a_ledger(path: &Path) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        what: "it has no journal".to_owned(),
    }
}

fn named(path: &Path, error: DatabaseError) -> Error {
    let damaged = |what: String| Error::Damaged {
        path: path.to_owned(),
        what,
    };
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Error::Locked {
            path: path.to_owned(),
        },
        DatabaseError::Storage(StorageError::Corrupted(what)) => damaged(what),
        DatabaseError::RepairAborted => damaged("its repair was broken off".to_owned()),
        DatabaseError::UpgradeRequired(version) => {
            damaged(format!("it is of the store's old format {version}"))
        }
        DatabaseError::Storage(StorageError::Io(source))
            if matches!(
                source.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            ) =>
        {
            damaged(source.to_string())
        }
        DatabaseError::Storage(StorageError::Io(source)) => Error::File {
            step: "open",
            path: path.to_owned(),
            source,
        },
        error => Error::Store {
            step: "open the file",
            source: Box::new(error.into()),
        },
    }
}

fn exists(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::File {
        step: "look for",
        path: path.to_owned(),
        source,
    })
}

/// The name under which a ledger is made.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn create(path: &Path, options: Options) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |step: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { step, path, source }
    };
    // Two programs that start at once make the file one after the other.
    let folder_file = File::open(folder).map_err(failed("open the folder", folder))?;
    folder_file
        .lock()
        .map_err(failed("lock the folder", folder))?;
    if exists(path)? {
        return Ok(());
    }
    let temporary = temporary(path);
    match fs::remove_file(&temporary) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(failed("remove", &temporary)(source)),
    }
    let database = builder(options).create(&temporary);
    let database = database.map_err(|error| named(&temporary, error))?;
    lay_out(&database)?;
    drop(database);
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(&temporary)
        .and_then(|file| file.sync_all())
        .map_err(failed("sync", &temporary))?;
    fs::rename(&temporary, path).map_err(failed("rename", &temporary))?;
    folder_file
        .sync_all()
        .map_err(failed("sync the folder", folder))
}
