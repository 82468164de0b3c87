//! Where files go when they are done with: `processed`, `rejected` and `held` below the drop folder.
//!
//! A file is moved after the ledger has recorded what became of it. A stop in between leaves it where
//! it was; it is then found again, recognised by its digest, and moved. Nothing is ever overwritten,
//! and a file that took the place of the one that was read stays where it is.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::settle::{Look, Stamp};

/// Most tries to find a name that is not taken.
const NAME_TRIES_MAX: u32 = 1_000;

/// What a report is called: the name of its file and one of these.
pub const REPORT_ENDS: [&str; 2] = [".report.txt", ".report.json"];

/// A subfolder of the drop folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Accepted files.
    Processed,
    /// Files that could not be used.
    Rejected,
    /// Files that wait for a person.
    Held,
}

impl Place {
    /// The name of the subfolder.
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Processed => "processed",
            Place::Rejected => "rejected",
            Place::Held => "held",
        }
    }

    /// Whether a name in the drop folder is that of a subfolder.
    pub(super) fn is_name(name: &OsStr) -> bool {
        Place::ALL.iter().any(|place| name == place.as_str())
    }

    /// All of them.
    pub const ALL: [Place; 3] = [Place::Processed, Place::Rejected, Place::Held];
}

/// Why a file could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// Another file has the name now. It will arrive by itself.
    #[error("`{}` is another file now and was left where it is", path.display())]
    Replaced {
        /// Where it is.
        path: PathBuf,
    },
    /// The system did not let us.
    #[error("could not move `{}` to `{}`", path.display(), to.display())]
    Io {
        /// From where.
        path: PathBuf,
        /// To where.
        to: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A drop folder with its subfolders.
#[derive(Clone, Debug)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// Makes what is missing of a drop folder.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn create(root: &Path) -> io::Result<Self> {
        for place in Place::ALL {
            fs::create_dir_all(root.join(place.as_str()))?;
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The drop folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A subfolder.
    pub fn path(&self, place: Place) -> PathBuf {
        self.root.join(place.as_str())
    }

    /// Moves a file that was done with from the drop folder to a place, under its name with the time
    /// before it. Called again after a stop, with the same arguments, it does what is left to do.
    ///
    /// # Errors
    /// It is another file now, or the system did not let us.
    pub fn put_away(
        &self,
        name: &OsStr,
        stamp: Stamp,
        place: Place,
        at: Timestamp,
    ) -> Result<PathBuf, MoveError> {
        let from = self.root.join(name);
        let failed = |to: &Path, source| MoveError::Io {
            path: from.clone(),
            to: to.to_owned(),
            source,
        };
        let first = self.path(place).join(stored_name(name, at, 0));
        match stamp_of(&from) {
            Ok(found) if found == Some(stamp) => {}
            Ok(_) => return Err(MoveError::Replaced { path: from }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self
                    .find_stored(name, stamp, place, at)
                    .ok_or_else(|| failed(&first, error));
            }
            Err(error) => return Err(failed(&first, error)),
        }
        let to = self
            .reserve(place, |attempt| stored_name(name, at, attempt))
            .map_err(|error| failed(&first, error))?;
        fs::rename(&from, &to).map_err(|error| failed(&to, error))?;
        match stamp_of(&to) {
            // Somebody put another file there between the look and the move: it goes back, unless
            // yet another one has come, and then nothing of either is lost.
            Ok(found) if found != Some(stamp) => {
                let back = fs::hard_link(&to, &from).and_then(|()| fs::remove_file(&to));
                drop(back);
                Err(MoveError::Replaced { path: from })
            }
            Ok(_) | Err(_) => Ok(to),
        }
    }

    /// Moves a stored file with its reports from one place to another, under the same name.
    ///
    /// # Errors
    /// The system did not let us.
    pub fn move_on(&self, stored: &OsStr, from: Place, to: Place) -> Result<PathBuf, MoveError> {
        let source = self.path(from).join(stored);
        let target = self.path(to).join(stored);
        let failed = |error| MoveError::Io {
            path: source.clone(),
            to: target.clone(),
            source: error,
        };
        if !source.exists() && target.exists() {
            return Ok(target);
        }
        let reserved = self
            .reserve(to, |attempt| numbered(stored, attempt))
            .map_err(failed)?;
        fs::rename(&source, &reserved).map_err(failed)?;
        for end in REPORT_ENDS {
            let old = self.path(from).join(with_end(stored, end));
            // The report of the hold makes room for the one about what happened then.
            match fs::remove_file(&old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(reserved)
    }

    /// Writes something beside a stored file, whole or not at all.
    ///
    /// # Errors
    /// The system did not let us.
    pub fn write_beside(&self, stored: &Path, end: &str, content: &str) -> io::Result<PathBuf> {
        let name = stored.file_name().unwrap_or_default();
        let path = stored.with_file_name(with_end(name, end));
        let mut hidden = OsString::from(".");
        hidden.push(with_end(name, end));
        hidden.push(".part");
        let part = stored.with_file_name(hidden);
        let mut file = File::create(&part)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        Ok(path)
    }

    /// Takes a name that nobody has. An empty file is the reservation: it is ours, from this call or
    /// from one that was stopped.
    fn reserve(&self, place: Place, name: impl Fn(u32) -> OsString) -> io::Result<PathBuf> {
        for attempt in 0..NAME_TRIES_MAX {
            let to = self.path(place).join(name(attempt));
            match OpenOptions::new().write(true).create_new(true).open(&to) {
                Ok(_) => return Ok(to),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if fs::symlink_metadata(&to)
                        .is_ok_and(|found| found.is_file() && found.len() == 0)
                    {
                        return Ok(to);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The file that an earlier call has moved.
    fn find_stored(
        &self,
        name: &OsStr,
        stamp: Stamp,
        place: Place,
        at: Timestamp,
    ) -> Option<PathBuf> {
        (0..NAME_TRIES_MAX)
            .map(|attempt| self.path(place).join(stored_name(name, at, attempt)))
            .take_while(|path| path.exists())
            .find(|path| stamp_of(path).is_ok_and(|found| found == Some(stamp)))
    }
}

fn stamp_of(path: &Path) -> io::Result<Option<Stamp>> {
    let metadata = fs::symlink_metadata(path)?;
    let look = metadata.is_file().then(|| Look::of(&metadata)).flatten();
    Ok(look.map(|look| look.stamp))
}

/// `20261122T090312Z-workers.csv`, or with a number behind the time.
fn stored_name(name: &OsStr, at: Timestamp, attempt: u32) -> OsString {
    let mut stored = OsString::from(at.strftime("%Y%m%dT%H%M%SZ-").to_string());
    if attempt > 0 {
        stored.push(format!("{attempt}-"));
    }
    stored.push(name);
    stored
}

fn numbered(stored: &OsStr, attempt: u32) -> OsString {
    if attempt == 0 {
        return stored.to_owned();
    }
    let mut name = OsString::from(format!("{attempt}-"));
    name.push(stored);
    name
}

fn with_end(name: &OsStr, end: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(end);
    name
}
