//! Where files go when they are done with: `processed`, `rejected` and `held` below the drop folder.
//!
//! A file is moved after the ledger has recorded what became of it. A stop in between leaves it where
//! it was; it is then known by what was recorded, and moved. Nothing is ever overwritten, and a file
//! that took the place of the one that was read stays where it is. What cannot be moved is shown to HR
//! as a copy.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::dir::{Dir, Refused};
use super::settle::Stamp;
use super::shown;

/// Most tries to find a name that is not taken.
const NAME_TRIES_MAX: u32 = 1_000;

/// Longest name under which a file is put away, in bytes: with what is added for its reports it is
/// still one that every file system takes.
const STORED_BYTES_MAX: usize = 200;

/// Longest end of a name, such as `.csv`, that is kept when the name is shortened.
const END_BYTES_MAX: usize = 16;

/// What a report is called: the name of its file and one of these.
pub const REPORT_ENDS: [&str; 2] = [".report.txt", ".report.json"];

/// Files for HR: whoever may enter the drop folder may read them.
const FILE_MODE: u32 = 0o644;

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
    #[error("`{name}` is another file now and was left where it is")]
    Replaced {
        /// Its name.
        name: String,
    },
    /// It is not there.
    #[error("`{name}` is gone")]
    Gone {
        /// Its name.
        name: String,
    },
    /// The folder for it cannot be used.
    #[error("nothing can be put away")]
    Refused(#[from] Refused),
    /// The system did not let us.
    #[error("could not move `{name}` to `{}`", place.as_str())]
    Io {
        /// Its name.
        name: String,
        /// To where.
        place: Place,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A drop folder with its subfolders, opened once.
#[derive(Clone, Debug)]
pub struct Places {
    root: PathBuf,
    dir: Dir,
}

impl Places {
    /// Opens a drop folder, which is made where it is missing, and makes its subfolders. One that cannot
    /// be used is no error here: files are read all the same, see [`Places::refused`].
    ///
    /// # Errors
    /// The folder cannot be made or opened.
    pub fn open(root: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let places = Self {
            root: root.to_owned(),
            dir: Dir::open(root)?,
        };
        drop(places.refused());
        Ok(places)
    }

    /// The first subfolder that cannot be used, if there is one. Missing ones are made.
    pub fn refused(&self) -> Option<Refused> {
        Place::ALL
            .into_iter()
            .find_map(|place| self.place(place).err())
    }

    /// The drop folder's path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }

    fn place(&self, place: Place) -> Result<Dir, Refused> {
        self.dir.below(place.as_str())
    }

    /// Moves a file that was done with from the drop folder to a place, under its name with the time
    /// before it. Returns the name.
    ///
    /// # Errors
    /// It is gone, or another file now, or the system did not let us.
    pub fn put_away(
        &self,
        name: &OsStr,
        stamp: Stamp,
        place: Place,
        at: Timestamp,
    ) -> Result<String, MoveError> {
        let replaced = || MoveError::Replaced { name: shown(name) };
        let failed = |source| MoveError::Io {
            name: shown(name),
            place,
            source,
        };
        match self.dir.look(name).map_err(failed)? {
            None => return Err(MoveError::Gone { name: shown(name) }),
            Some(seen) if seen.stamp() == Some(stamp) => {}
            Some(_) => return Err(replaced()),
        }
        let to = self.place(place)?;
        let shown_name = shown(name);
        let stored = first_free(
            |stored| self.dir.rename_new(name, &to, stored.as_ref()),
            |attempt| stored_name(&shown_name, at, attempt),
        );
        let stored = stored.map_err(failed)?;
        let moved = to.look(stored.as_ref()).map_err(failed)?;
        if moved.is_some_and(|seen| seen.stamp() == Some(stamp)) {
            return Ok(stored);
        }
        // Somebody put another file there between the look and the move: it goes back, unless yet
        // another one has come, and then nothing of either is lost.
        drop(to.rename_new(stored.as_ref(), &self.dir, name));
        Err(replaced())
    }

    /// Puts a copy of a file into a place: of one that cannot be moved, or that came by another door.
    /// Returns its name.
    ///
    /// # Errors
    /// The folder cannot be used, or the disk is full.
    pub fn put_copy(
        &self,
        name: &str,
        mut content: impl io::Read,
        place: Place,
        at: Timestamp,
    ) -> Result<String, MoveError> {
        let failed = |source| MoveError::Io {
            name: name.to_owned(),
            place,
            source,
        };
        let to = self.place(place)?;
        let mut file: Option<File> = None;
        let make = |stored: &str| {
            to.create(stored.as_ref(), FILE_MODE)
                .map(|made| file = Some(made))
        };
        let stored = first_free(make, |attempt| stored_name(name, at, attempt)).map_err(failed)?;
        if let Some(file) = &mut file
            && let Err(error) = io::copy(&mut content, file)
        {
            drop(to.remove(stored.as_ref()));
            return Err(failed(error));
        }
        Ok(stored)
    }

    /// Moves a stored file from one place to another, under the same name, and takes away the reports
    /// beside it. Returns its name there.
    ///
    /// # Errors
    /// It is gone, or the system did not let us.
    pub fn move_on(&self, stored: &str, from: Place, to: Place) -> Result<String, MoveError> {
        let failed = |source| MoveError::Io {
            name: stored.to_owned(),
            place: to,
            source,
        };
        let (source, target) = (self.place(from)?, self.place(to)?);
        let plain = |dir: &Dir, name: &str| {
            let seen = dir.look(name.as_ref()).map_err(failed)?;
            Ok::<_, MoveError>(seen.is_some_and(|seen| seen.stamp().is_some()))
        };
        if !plain(&source, stored)? {
            return if plain(&target, stored)? {
                Ok(stored.to_owned())
            } else {
                Err(MoveError::Gone {
                    name: stored.to_owned(),
                })
            };
        }
        let moved = first_free(
            |name| source.rename_new(stored.as_ref(), &target, name.as_ref()),
            |attempt| numbered(stored, attempt),
        );
        let moved = moved.map_err(failed)?;
        // The report of the hold makes room for the one about what happened then.
        self.remove_reports(stored, from)?;
        Ok(moved)
    }

    /// Takes away a stored file.
    ///
    /// # Errors
    /// The system did not let us.
    pub fn remove(&self, stored: &str, place: Place) -> Result<(), MoveError> {
        let removed = self.place(place)?.remove(stored.as_ref());
        removed.map_err(|source| MoveError::Io {
            name: stored.to_owned(),
            place,
            source,
        })
    }

    /// Takes away the reports beside a stored file.
    ///
    /// # Errors
    /// The system did not let us.
    pub fn remove_reports(&self, stored: &str, place: Place) -> Result<(), MoveError> {
        let dir = self.place(place)?;
        for end in REPORT_ENDS {
            let removed = dir.remove(format!("{stored}{end}").as_ref());
            removed.map_err(|source| MoveError::Io {
                name: stored.to_owned(),
                place,
                source,
            })?;
        }
        Ok(())
    }

    /// Writes something beside a stored file, whole or not at all.
    ///
    /// # Errors
    /// The system did not let us.
    pub fn write_beside(
        &self,
        stored: &str,
        place: Place,
        end: &str,
        content: &str,
    ) -> io::Result<()> {
        let dir = self.place(place).map_err(io::Error::other)?;
        let name = format!("{stored}{end}");
        let part = format!(".{name}.part");
        // Left by a stop, or planted: whatever it is, it is not written to.
        dir.remove(part.as_ref())?;
        let mut file = dir.create(part.as_ref(), FILE_MODE)?;
        file.write_all(content.as_bytes())?;
        dir.rename(part.as_ref(), name.as_ref())
    }

    /// Whether a file still lies where it was put away.
    ///
    /// # Errors
    /// Nobody can tell: the folder cannot be used.
    pub fn has(&self, stored: &str, place: Place) -> Result<bool, Refused> {
        let dir = self.place(place)?;
        let seen = dir.look(stored.as_ref());
        let seen = seen.map_err(|error| Refused::Io(place.as_str(), error))?;
        Ok(seen.is_some())
    }

    /// The name under which a file was put away that arrived at `at` under `name`; `None` if it was not.
    pub fn find(&self, name: &str, place: Place, at: Timestamp) -> Option<String> {
        let dir = self.place(place).ok()?;
        let stored = stored_name(name, at, 0);
        let seen = dir.look(stored.as_ref()).ok()?;
        seen.is_some().then_some(stored)
    }

    /// Whether any file was put away there under this name and still lies there; also where nobody can
    /// tell. Cheap: no file is read.
    pub fn has_named(&self, name: &str, place: Place) -> bool {
        let Ok(dir) = self.place(place) else {
            return true;
        };
        let end = format!("-{}", bounded(name));
        let Ok(names) = dir.names(usize::MAX) else {
            return true;
        };
        names
            .iter()
            .any(|stored| stored.to_string_lossy().ends_with(&end))
    }
}

/// Tries one name after the other until one is not taken.
fn first_free(
    mut attempt: impl FnMut(&str) -> io::Result<()>,
    name: impl Fn(u32) -> String,
) -> io::Result<String> {
    for number in 0..NAME_TRIES_MAX {
        let name = name(number);
        match attempt(&name) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `20261122T090312Z-workers.csv`, or with a number behind the time.
fn stored_name(name: &str, at: Timestamp, attempt: u32) -> String {
    let at = at.strftime("%Y%m%dT%H%M%SZ-");
    let name = bounded(name);
    if attempt == 0 {
        format!("{at}{name}")
    } else {
        format!("{at}{attempt}-{name}")
    }
}

/// A name that is short enough for what is added to it. One that is shortened keeps its end, and gets a
/// digest of what was left out.
fn bounded(name: &str) -> String {
    if name.len() <= STORED_BYTES_MAX {
        return name.to_owned();
    }
    let end = Path::new(name).extension().and_then(OsStr::to_str);
    let end = end.filter(|end| end.len() < END_BYTES_MAX);
    let end = end.map_or_else(String::new, |end| format!(".{end}"));
    let digest = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
    let mut kept = STORED_BYTES_MAX - end.len() - 17;
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    let (start, _) = name.split_at(kept);
    format!("{start}~{digest:016x}{end}")
}

fn numbered(stored: &str, attempt: u32) -> String {
    if attempt == 0 {
        return stored.to_owned();
    }
    format!("{attempt}-{stored}")
}
