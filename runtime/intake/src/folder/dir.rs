//! A folder by its descriptor. What is below it is reached by one name at a time, and a link is never
//! followed: whoever may write to the folder can change what a name stands for between two calls, but
//! not where the descriptor leads.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::settle::Stamp;

/// A folder of ours: everybody who may enter the folder above may look into it, we alone may write.
const FOLDER_MODE: u32 = 0o755;

/// A folder, open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dir(Arc<OwnedFd>);

impl PartialEq for Dir {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Dir {}

/// What a name stands for, as far as one can see from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// What kind of thing it is.
    pub(super) kind: FileType,
    /// Which one.
    pub(super) inode: u64,
    /// How many names it has.
    pub(super) links: u64,
    /// Who owns it.
    owner: u32,
    /// What a file looks like.
    pub(super) written: Option<Stamp>,
    /// When the file system last noted a change of it, in nanoseconds. Nobody can set it.
    changed: i128,
}

/// Why a folder below is not used.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is a link, or no folder.
    #[error("`{0}` in the drop folder is a link or no folder")]
    NotAFolder(&'static str),
    /// Somebody else made it.
    #[error("`{0}` in the drop folder belongs to another user")]
    Foreign(&'static str),
    /// The system did not let us.
    #[error("could not open or make `{0}` in the drop folder")]
    Io(&'static str, #[source] io::Error),
}

impl Seen {
    fn of(stat: &Stat) -> Self {
        let nanos =
            |seconds: i64, nanos: u64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let modified = Timestamp::from_nanosecond(nanos(stat.st_mtime, stat.st_mtime_nsec)).ok();
        let written = modified.map(|modified| Stamp {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified,
            inode: stat.st_ino,
        });
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            inode: stat.st_ino,
            links: stat.st_nlink,
            owner: stat.st_uid,
            written,
            changed: nanos(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// What a file looks like; `None` for what is no plain file under one name. A second name may lie in
    /// a folder that whoever dropped the file cannot read.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let is_plain = self.kind == FileType::RegularFile && self.links == 1;
        self.written.filter(|_| is_plain)
    }

    /// A digest of a file's name and of everything that is seen of it: the same file has the same, until
    /// anything about it changes.
    pub(super) fn mark(&self, name: &OsStr) -> u128 {
        let mut seen = name.as_bytes().to_vec();
        seen.push(0);
        seen.extend_from_slice(&self.inode.to_be_bytes());
        seen.extend_from_slice(&self.changed.to_be_bytes());
        if let Some(written) = self.written {
            seen.extend_from_slice(&written.size.to_be_bytes());
            seen.extend_from_slice(&written.modified.as_nanosecond().to_be_bytes());
        }
        xxhash_rust::xxh3::xxh3_128(&seen)
    }
}

/// What an open file looks like.
pub(super) fn seen(file: &File) -> io::Result<Seen> {
    Ok(Seen::of(&fs::fstat(file)?))
}

impl Dir {
    /// Opens a folder by its path, which is IT's and may lead over links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = fs::open(path, flags, Mode::empty())?;
        Ok(Self(Arc::new(fd)))
    }

    /// Opens a folder below, which is made where it is missing. It has to be a folder, and ours.
    pub(super) fn below(&self, name: &'static str) -> Result<Self, Refused> {
        let failed = |error: Errno| Refused::Io(name, error.into());
        let (dir, is_new) = match self.enter(name) {
            Err(Errno::NOENT) => {
                match fs::mkdirat(&*self.0, name, Mode::from_raw_mode(FOLDER_MODE)) {
                    Ok(()) => (self.enter(name), true),
                    Err(Errno::EXIST) => (self.enter(name), false),
                    Err(error) => return Err(failed(error)),
                }
            }
            entered => (entered, false),
        };
        let dir = dir.map_err(|error| match error {
            Errno::LOOP | Errno::NOTDIR => Refused::NotAFolder(name),
            error => failed(error),
        })?;
        let owner = dir.seen().map_err(|error| Refused::Io(name, error))?.owner;
        // What root made was made by whoever runs this machine.
        if owner != rustix::process::geteuid().as_raw() && owner != 0 {
            return Err(Refused::Foreign(name));
        }
        if is_new {
            // Whatever the daemon's umask: HR reads what lies here.
            fs::fchmod(&*dir.0, Mode::from_raw_mode(FOLDER_MODE)).map_err(failed)?;
        }
        Ok(dir)
    }

    fn enter(&self, name: &str) -> rustix::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&*self.0, name, flags, Mode::empty())?;
        Ok(Self(Arc::new(fd)))
    }

    /// What the folder itself looks like.
    pub(super) fn seen(&self) -> io::Result<Seen> {
        Ok(Seen::of(&fs::fstat(&*self.0)?))
    }

    /// The names in it, not more than `count_max`.
    pub(super) fn names(&self, count_max: usize) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&*self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." && names.len() < count_max {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        Ok(names)
    }

    /// What a name stands for; a link is not followed. `None` if there is nothing.
    pub(super) fn look(&self, name: &OsStr) -> io::Result<Option<Seen>> {
        match fs::statat(&*self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Seen::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file to read. It is not waited for: what is a pipe or a device by now opens at once, is
    /// seen to be none by its descriptor, and is closed.
    pub(super) fn read(&self, name: &OsStr) -> io::Result<(File, Seen)> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = fs::openat(&*self.0, name, flags, Mode::empty())?;
        let seen = Seen::of(&fs::fstat(&fd)?);
        Ok((File::from(fd), seen))
    }

    /// Makes a file that is not there yet, to write. What somebody has put under the name is not used.
    pub(super) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&*self.0, name, flags, Mode::from_raw_mode(mode))?;
        // Whatever the daemon's umask.
        fs::fchmod(&fd, Mode::from_raw_mode(mode))?;
        Ok(File::from(fd))
    }

    /// Moves what has a name to another folder, where nothing may have the new name.
    pub(super) fn rename_new(&self, name: &OsStr, to: &Dir, new: &OsStr) -> io::Result<()> {
        match fs::renameat_with(&*self.0, name, &*to.0, new, RenameFlags::NOREPLACE) {
            // A network file system that cannot promise it: the name is taken first.
            Err(Errno::INVAL | Errno::NOSYS) => {
                drop(to.create(new, 0o600)?);
                Ok(fs::renameat(&*self.0, name, &*to.0, new)?)
            }
            renamed => Ok(renamed?),
        }
    }

    /// Moves what has a name to another name, in the place of what is there.
    pub(super) fn rename(&self, name: &OsStr, new: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&*self.0, name, &*self.0, new)?)
    }

    /// Removes a file; that it is gone is as good.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::unlinkat(&*self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
