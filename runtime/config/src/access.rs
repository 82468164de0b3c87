//! Who else on this machine can change what decides, or read what is secret.
//!
//! Whoever can write a policy file, a plugin or `muster.toml` decides about everybody's access, so the daemon
//! does not start on such files. What others could only read is said, and the daemon's own folder is closed.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use muster_core::finding::Code;

use super::{Config, SecretSource};

/// Others can write what decides about access.
pub const OTHERS_WRITE: Code = Code::new("CFG-012");
/// Others can read what is for the daemon only.
pub const OTHERS_READ: Code = Code::new("CFG-013");

/// Group and everybody may write.
const WRITE: u32 = 0o022;
/// Group and everybody may do anything.
const ANYTHING: u32 = 0o077;
/// In such a folder, nobody replaces or removes what is another's.
const STICKY: u32 = 0o1000;
/// The daemon's own folder: nobody else enters.
const OWN: u32 = 0o700;

/// A file or folder that is open to others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// What is open.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

impl Open {
    /// In words: `/etc/muster/policy (mode 0777)`.
    pub fn shown(&self) -> String {
        format!("{} (mode {:04o})", self.path.display(), self.mode)
    }
}

/// What others can write of what decides: the configuration, policy and plugins with their folders, and the
/// data folder. What is not there is not open.
pub fn writable_by_others(config: &Config) -> Vec<Open> {
    let daemon = &config.daemon;
    let mut open = Vec::new();
    if let Some(folder) = config.file.parent() {
        // Others may have files of their own beside it, as in /tmp, where they cannot replace ours.
        let is_shared = |mode: u32| mode & WRITE != 0 && mode & STICKY == 0;
        open.extend(found(folder, is_shared));
    }
    let is_writable = |mode: u32| mode & WRITE != 0;
    open.extend(found(&config.file, is_writable));
    for (folder, ending) in [(&daemon.policy, "toml"), (&daemon.plugins, "wasm")] {
        open.extend(found(folder, is_writable));
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|found| found == ending))
            .collect();
        files.sort_unstable();
        open.extend(files.iter().filter_map(|path| found(path, is_writable)));
    }
    open.extend(found(&daemon.data, is_writable));
    open.extend(found(&daemon.ledger(), is_writable));
    open.sort_by(|one, other| one.path.cmp(&other.path));
    open.dedup_by(|one, other| one.path == other.path);
    open
}

/// What others can read of what is secret: the files of secrets. The data folder is closed by the daemon.
pub fn readable_by_others(config: &Config) -> Vec<Open> {
    let credentials = config
        .targets
        .values()
        .flat_map(|target| target.secrets.values());
    let hooks = config.feeds.values().filter_map(|feed| feed.hook.as_ref());
    let sources = credentials
        .filter_map(|credential| credential.secret())
        .chain(hooks.flat_map(|hook| hook.secrets.iter()));
    let mut open: Vec<Open> = sources
        .filter_map(|source| match source {
            SecretSource::File(path) => found(path, |mode| mode & ANYTHING != 0),
            SecretSource::Env(_) => None,
        })
        .collect();
    open.extend(found(&config.daemon.data, |mode| mode & ANYTHING != 0));
    open.sort_by(|one, other| one.path.cmp(&other.path));
    open.dedup_by(|one, other| one.path == other.path);
    open
}

/// Closes a folder of the daemon to everybody else; makes it where it is missing. Returns the mode that it had
/// where that was wider.
pub fn close(folder: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(OWN)
        .create(folder)?;
    let mode = mode_of(&std::fs::metadata(folder)?);
    if mode & ANYTHING == 0 {
        return Ok(None);
    }
    std::fs::set_permissions(folder, Permissions::from_mode(mode & OWN))?;
    Ok(Some(mode))
}

fn found(path: &Path, is_open: impl Fn(u32) -> bool) -> Option<Open> {
    // A link leads to what is used; its own bits mean nothing.
    let mode = mode_of(&std::fs::metadata(path).ok()?);
    is_open(mode).then(|| Open {
        path: path.to_owned(),
        mode,
    })
}

fn mode_of(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o7777
}
