//! Passwords that the host made up and an app was given: known again when they come back in a later call.
//!
//! A guest can put such a password where it may read it later, into a second attribute, say. So nothing of
//! it comes back: what is remembered are digests of pieces of it, from which nobody can make it again, and
//! every reply is searched for such pieces. They are kept in a file, because the password in the app
//! outlives the daemon, and they are kept before the password leaves.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

use super::redact::{MARK, base64_forms};

/// Characters of a piece.
const PIECE: usize = 12;

/// Characters from one piece that is remembered to the next. Any `PIECE + STEP - 1` characters in a row
/// hold a whole one.
const STEP: usize = 4;

/// Most pieces that are remembered; the oldest ones go. A password of 32 characters has about 30.
const PIECES_MAX: usize = 1 << 20;

/// Bytes of the key at the beginning of the file.
const KEY_BYTES: usize = 16;

/// The passwords that one target was given.
pub(crate) struct Remembered {
    key: [u8; KEY_BYTES],
    pieces: RwLock<Pieces>,
    /// Where they are kept; none: they go with the process. Apart from the pieces, so that no reply waits
    /// for the disk.
    file: Mutex<Option<PathBuf>>,
}

#[derive(Default)]
struct Pieces {
    known: BTreeSet<u64>,
    order: VecDeque<u64>,
}

impl Remembered {
    /// Those that are kept in this file, which is made with the first one.
    pub(crate) fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let mut pieces = Pieces::default();
        let mut known_key = None;
        if let Some(path) = &file
            && let Some(bytes) = read(path)?
            && let Some((key, rest)) = bytes.split_first_chunk::<KEY_BYTES>()
        {
            known_key = Some(*key);
            // A piece that was cut off at the end belongs to a password that never left.
            for piece in rest.chunks_exact(size_of::<u64>()) {
                pieces.add(u64::from_le_bytes(piece.try_into().unwrap_or_default()));
            }
        }
        Ok(Self {
            key: known_key.map_or_else(new_key, Ok)?,
            pieces: RwLock::new(pieces),
            file: Mutex::new(file),
        })
    }

    /// Remembers a password, durably.
    pub(crate) fn remember(&self, password: &str) -> io::Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let forms = std::iter::once(password.to_owned()).chain(base64_forms(password.as_bytes()));
        let pieces = forms.flat_map(|form| pieces_of(self.key, form.as_bytes()));
        let (new, older): (Vec<u64>, Option<Vec<u64>>) = {
            let known = self.pieces.read().unwrap_or_else(PoisonError::into_inner);
            let new: Vec<u64> = pieces
                .filter(|piece| !known.known.contains(piece))
                .collect();
            let is_full = known.order.len() + new.len() > PIECES_MAX;
            let kept = || known.order.iter().skip(PIECES_MAX / 2).copied().collect();
            (new, is_full.then(kept))
        };
        if new.is_empty() {
            return Ok(());
        }
        if let Some(path) = file.as_ref() {
            if let Some(kept) = older {
                rewrite(path, self.key, &kept)?;
            }
            append(path, self.key, &new)?;
        }
        let mut pieces = self.pieces.write().unwrap_or_else(PoisonError::into_inner);
        for piece in new {
            pieces.add(piece);
        }
        Ok(())
    }

    /// The bytes without what was remembered. What stands next to a piece in one word goes with it.
    pub(crate) fn take_out(&self, bytes: Vec<u8>) -> Vec<u8> {
        let pieces = self.pieces.read().unwrap_or_else(PoisonError::into_inner);
        if pieces.known.is_empty() {
            return bytes;
        }
        let mut clean = Vec::new();
        // Up to where `clean` has everything; nothing is copied as long as nothing is found.
        let mut done = 0;
        let mut begin = 0;
        while begin < bytes.len() {
            let word = bytes[begin..].iter().take_while(|byte| is_of_words(**byte));
            let end = begin + word.count();
            if pieces.are_in(self.key, &bytes[begin..end]) {
                clean.extend_from_slice(&bytes[done..begin]);
                clean.extend_from_slice(MARK);
                done = end;
            }
            begin = end + 1;
        }
        if done == 0 && clean.is_empty() {
            return bytes;
        }
        clean.extend_from_slice(&bytes[done..]);
        clean
    }
}

impl Pieces {
    fn add(&mut self, piece: u64) {
        if !self.known.insert(piece) {
            return;
        }
        if self.order.len() == PIECES_MAX {
            for oldest in self.order.drain(..PIECES_MAX / 2) {
                self.known.remove(&oldest);
            }
        }
        self.order.push_back(piece);
    }

    fn are_in(&self, key: [u8; KEY_BYTES], word: &[u8]) -> bool {
        word.windows(PIECE)
            .any(|piece| self.known.contains(&digest(key, piece)))
    }
}

/// The characters of generated passwords, and those of Base64.
fn is_of_words(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/')
}

fn pieces_of(key: [u8; KEY_BYTES], form: &[u8]) -> Vec<u64> {
    let last = form.len().saturating_sub(PIECE);
    let starts = (0..=last).step_by(STEP).chain([last]);
    starts
        .filter_map(|start| form.get(start..start + PIECE))
        .map(|piece| digest(key, piece))
        .collect()
}

/// Not to be turned round: with less than the whole digest, a piece could not even be told from others.
fn digest(key: [u8; KEY_BYTES], piece: &[u8]) -> u64 {
    let digest = Sha256::new_with_prefix(key).chain_update(piece).finalize();
    digest
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn new_key() -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| io::Error::other("no random numbers"))?;
    Ok(key)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match File::open(path) {
        Ok(file) => {
            let mut bytes = Vec::new();
            let limit = (KEY_BYTES + 2 * PIECES_MAX * size_of::<u64>()) as u64;
            file.take(limit).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn append(path: &Path, key: [u8; KEY_BYTES], pieces: &[u64]) -> io::Result<()> {
    if let Some(folder) = path.parent()
        && !folder.exists()
    {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(KEY_BYTES + size_of_val(pieces));
    if length == 0 {
        bytes.extend_from_slice(&key);
    } else {
        // After a write that was cut off, whole pieces go on where the next one would begin.
        let odd = (length - KEY_BYTES as u64) % size_of::<u64>() as u64;
        if odd > 0 {
            bytes.resize(size_of::<u64>() - usize::try_from(odd).unwrap_or(0), 0);
        }
    }
    bytes.extend(pieces.iter().flat_map(|piece| piece.to_le_bytes()));
    file.write_all(&bytes)?;
    file.sync_data()
}

fn rewrite(path: &Path, key: [u8; KEY_BYTES], kept: &[u64]) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    // What an earlier try left is not gone on with.
    std::fs::write(&unfinished, [])?;
    std::fs::set_permissions(&unfinished, Permissions::from_mode(0o600))?;
    append(&unfinished, key, kept)?;
    std::fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const PASSWORD: &str = "kT4pQz8-mW2xR7_vB5nJ9cHd.L3yaA2-";

    fn without(remembered: &Remembered, text: &str) -> String {
        String::from_utf8(remembered.take_out(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn c44_a_password_that_was_made_up_is_known_again_whole_or_cut_off() {
        let remembered = Remembered::open(None).unwrap();
        remembered.remember(PASSWORD).unwrap();
        for text in [
            format!(r#"{{"nickName":"{PASSWORD}"}}"#),
            format!(r#"{{"nickName":"ab{PASSWORD}cd"}}"#),
            format!(r#"{{"nickName":"{}"}}"#, &PASSWORD[..15]),
            format!(r#"{{"nickName":"{}"}}"#, &PASSWORD[9..]),
            STANDARD.encode(PASSWORD),
            STANDARD.encode(format!("ann:{PASSWORD}")),
            STANDARD.encode(format!("anna:{PASSWORD}")),
        ] {
            let clean = without(&remembered, &text);
            assert!(clean.contains("[redacted]"), "{text}: {clean}");
            assert!(!clean.contains(&PASSWORD[2..8]), "{clean}");
        }
        let ordinary = r#"{"id":"2819c223-7f76-453a-919d-413861904646","userName":"ann"}"#;
        assert_eq!(without(&remembered, ordinary), ordinary);
    }

    #[test]
    fn c44_it_is_known_again_after_a_restart_and_cannot_be_read_where_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("generated/crm");
        let open = || Remembered::open(Some(path.clone())).unwrap();
        open().remember(PASSWORD).unwrap();
        let other = PASSWORD.to_ascii_uppercase();
        // A write that was cut off spoils neither what was there before nor what comes after.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&[1, 2, 3]).unwrap();
        open().remember(&other).unwrap();
        let remembered = open();
        for password in [PASSWORD, &other] {
            assert_eq!(without(&remembered, password), "[redacted]");
        }
        let kept = std::fs::read(&path).unwrap();
        let shows = |piece: &[u8]| kept.windows(piece.len()).any(|window| window == piece);
        assert!(!shows(&PASSWORD.as_bytes()[..6]));
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
