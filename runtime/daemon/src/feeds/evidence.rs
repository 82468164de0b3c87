//! The bytes of the files that arrived, in the data folder: what is decided about, previewed and
//! approved. Nobody but the daemon's own user reaches it, so a file that HR's folder shows by now says
//! nothing about what was decided.
//!
//! A file is kept under its digest, so the same file is kept once. What waits or is held is kept as long
//! as it does; of the others the newest, up to a number and a size.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muster_core::id::{Digest, FeedName};

/// Most files of a feed that are kept beyond what waits or is held.
const FILES_MAX: usize = 1_000;

/// Most bytes of them: 4 GiB.
const BYTES_MAX: u64 = 4 << 30;

/// What is being written for longer than this was left by a stop.
const PART_AGE_MAX: Duration = Duration::from_hours(1);

/// The kept files of one feed.
#[derive(Clone, Debug)]
pub struct Evidence {
    folder: PathBuf,
}

/// A copy that is being written. It is removed with this value unless it is kept.
pub struct Copying {
    /// Where it is written.
    pub file: File,
    part: PathBuf,
    folder: PathBuf,
}

impl Evidence {
    /// The kept files of a feed, below the data folder; the folder is made where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(data: &Path, feed: &FeedName) -> io::Result<Self> {
        let folder = data.join("evidence").join(feed.as_str());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        Ok(Self { folder })
    }

    /// Brings what is kept of a feed under another name of it.
    ///
    /// # Errors
    /// It cannot be moved; what was moved before stays moved.
    pub fn rename(data: &Path, from: &FeedName, to: &FeedName) -> io::Result<()> {
        let before = data.join("evidence").join(from.as_str());
        if !before.try_exists()? {
            return Ok(());
        }
        let after = Self::open(data, to)?;
        for entry in fs::read_dir(&before)? {
            let entry = entry?;
            fs::rename(entry.path(), after.folder.join(entry.file_name()))?;
        }
        fs::remove_dir(&before)?;
        after.sync()
    }

    /// Begins a copy.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(&self) -> io::Result<Copying> {
        let mut random = [0; 8];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random)
            .map_err(|_| io::Error::other("no random numbers"))?;
        let name = format!(".{:016x}.part", u64::from_be_bytes(random));
        let part = self.folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        Ok(Copying {
            file,
            part,
            folder: self.folder.clone(),
        })
    }

    /// Keeps these bytes, durably.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn keep(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        let mut copying = self.begin()?;
        copying.file.write_all(bytes)?;
        copying.file.sync_all()?;
        copying.keep(digest)?;
        self.sync()
    }

    /// Syncs what was kept so far to the disk. One call for many files.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// Syncs everything that was written to the disk, in one go.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync_many(&self) -> io::Result<()> {
        let folder = File::open(&self.folder)?;
        Ok(rustix::fs::syncfs(&folder)?)
    }

    /// A kept file.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn read(&self, digest: Digest) -> io::Result<File> {
        File::open(self.path(digest))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// Removes the oldest beyond the bounds, none of those that are needed.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn prune(&self, now: SystemTime, needed: &BTreeSet<Digest>) -> io::Result<()> {
        let needed: BTreeSet<String> = needed.iter().map(ToString::to_string).collect();
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for file in fs::read_dir(&self.folder)?.flatten() {
            let name = file.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                // Being written, or left by a stop.
                let age = now.duration_since(file.metadata()?.modified()?);
                if age.is_ok_and(|age| age > PART_AGE_MAX) {
                    fs::remove_file(file.path())?;
                }
                continue;
            }
            if name.to_str().is_some_and(|name| !needed.contains(name)) {
                let metadata = file.metadata()?;
                kept.push((metadata.modified()?, metadata.len(), file.path()));
            }
        }
        kept.sort();
        let (mut count, mut bytes) = (0, 0_u64);
        for (_, size, path) in kept.into_iter().rev() {
            count += 1;
            bytes = bytes.saturating_add(size);
            if count > FILES_MAX || bytes > BYTES_MAX {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Copying {
    /// Keeps it under its digest.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn keep(self, digest: Digest) -> io::Result<()> {
        fs::rename(&self.part, self.folder.join(digest.to_string()))
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        // Gone where it was kept.
        drop(fs::remove_file(&self.part));
    }
}
