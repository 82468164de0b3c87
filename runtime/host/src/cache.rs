//! Compiled plugins on disk, so that a start or a swap does not compile again.
//!
//! An entry's name is the digest of the plugin and of everything that compiled code depends on. Its
//! last bytes are a seal made with a key of this machine: loading compiled code is running it, so a
//! file that somebody else put there is not loaded but compiled anew. Whatever is wrong with the
//! cache, the answer is to compile; nothing fails because of it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use muster_core::id::Digest;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use wasmtime::component::Component;

/// Bytes of the seal at the end of an entry.
const SEAL_BYTES: usize = 32;

/// Entries that stay; the oldest ones go first.
const ENTRIES_MAX: usize = 64;

/// The folder of compiled plugins.
pub(crate) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
    /// What compiled code depends on besides the plugin: wasmtime's version and settings.
    compatibility: u64,
}

impl Cache {
    /// Opens the folder, making it and its key where there is none.
    pub(crate) fn open(folder: &Path, engine: &wasmtime::Engine) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        let key = read_or_make_key(&folder.join("seal.key"))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder: folder.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            compatibility: hasher.finish(),
        })
    }

    /// The compiled component, if it is there and sealed by this machine.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, digest: Digest) -> Option<Component> {
        let name = self.name(digest);
        let bytes = fs::read(self.folder.join(&name)).ok()?;
        let (code, seal) = bytes.split_last_chunk::<SEAL_BYTES>()?;
        let signed = Self::signed(&name, code);
        if hmac::verify(&self.key, signed.as_ref(), seal).is_err() {
            tracing::warn!(entry = %name, "ignored a cached plugin that this machine did not compile");
            return None;
        }
        match load(engine, code) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(entry = %name, error = %error, "ignored a cached plugin that does not load");
                None
            }
        }
    }

    /// Keeps a compiled component. A failure costs a compile next time and is only logged.
    pub(crate) fn put(&self, digest: Digest, code: &[u8]) {
        let name = self.name(digest);
        if let Err(error) = self.write(&name, code) {
            tracing::warn!(entry = %name, error = %error, "could not keep a compiled plugin");
        }
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let seal = hmac::sign(&self.key, Self::signed(name, code).as_ref());
        let unfinished = unfinished(&self.folder.join(name));
        let mut file = private(&unfinished)?;
        file.write_all(code)?;
        file.write_all(seal.as_ref())?;
        file.sync_all()?;
        drop(file);
        fs::rename(&unfinished, self.folder.join(name))?;
        self.prune()
    }

    fn name(&self, digest: Digest) -> String {
        format!("{digest}-{:016x}.cwasm", self.compatibility)
    }

    /// What the seal is over: the name too, so that no entry can stand in for another one.
    fn signed(name: &str, code: &[u8]) -> ring::digest::Digest {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(name.as_bytes());
        context.update(&[0]);
        context.update(code);
        context.finish()
    }

    fn prune(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(".cwasm") {
                entries.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        entries.sort();
        let surplus = entries.len().saturating_sub(ENTRIES_MAX);
        for (_, path) in entries.into_iter().take(surplus) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[expect(
    unsafe_code,
    reason = "loading compiled code is unsafe by nature; see the comment inside"
)]
pub(crate) fn load(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` was made by wasmtime's own serialisation, by an engine with the same settings: wasmtime
    // refuses any other. Either the caller has verified the seal over exactly these bytes, and the key of
    // the seal is readable by this user alone; or they came through a pipe from a process of this very
    // program that the caller started. They are in our memory, not in a file that could change meanwhile.
    unsafe { Component::deserialize(engine, code) }
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// What a file is called while it is written: another name each time, since several hosts may use one folder.
fn unfinished(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{number}.tmp", std::process::id()));
    PathBuf::from(name)
}

fn read_key(path: &Path) -> Option<[u8; 32]> {
    <[u8; 32]>::try_from(fs::read(path).ok()?.as_slice()).ok()
}

fn read_or_make_key(path: &Path) -> io::Result<[u8; 32]> {
    if let Some(key) = read_key(path) {
        return Ok(key);
    }
    let mut key = [0; 32];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| io::Error::other("no random numbers"))?;
    let unfinished = unfinished(path);
    let mut file = private(&unfinished)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // Whoever is first has made the key of all; a link takes the place of no file, as a rename would.
    if fs::hard_link(&unfinished, path).is_ok() {
        fs::remove_file(&unfinished)?;
        return Ok(key);
    }
    if let Some(key) = read_key(path) {
        fs::remove_file(&unfinished)?;
        return Ok(key);
    }
    // What lies there is no key, or the file system has no links.
    fs::rename(&unfinished, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let make = || scope.spawn(|| read_or_make_key(&path).unwrap());
            let racing: Vec<_> = std::iter::repeat_with(make).take(16).collect();
            let keys = racing.into_iter().map(|thread| thread.join().unwrap());
            keys.collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, b"no key").unwrap();
        let made = read_or_make_key(&path).unwrap();
        assert_eq!(read_or_make_key(&path).unwrap(), made);
        assert_ne!(made, keys[0]);
    }
}
