//! Puts exchanges on a tape.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::tape::{self, Asked, Said, TAPE_BYTES_MAX, TapeError};

/// A tape that exchanges are put on. It is written as they happen, so that a crash loses none that a plugin
/// has seen.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    tape: Mutex<Tape>,
}

#[derive(Debug)]
struct Tape {
    file: File,
    /// How much more it has room for.
    room: u64,
}

impl Recorder {
    /// Makes a tape, which only the user may read: it has the personal data of the app in it.
    ///
    /// # Errors
    ///
    /// Where there is such a file already, or none can be made.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, TapeError> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let head = tape::head();
        let made = options.open(path).and_then(|mut file| {
            file.write_all(head.as_bytes())?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                tape: Mutex::new(Tape {
                    file,
                    room: TAPE_BYTES_MAX - head.len() as u64,
                }),
            }),
            Err(source) => Err(TapeError::Create {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Puts an exchange on the tape; an error is why it is not there.
    pub(super) fn put(&self, asked: &Asked, said: &Said) -> Result<(), String> {
        let line = tape::print(asked, said);
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let room = tape.room.checked_sub(line.len() as u64);
        let Some(room) = room else {
            // What came after a hole would be played in the place of what is missing.
            tape.room = 0;
            return Err(format!(
                "the tape {} is full: {} MiB are the most",
                self.path.display(),
                TAPE_BYTES_MAX >> 20
            ));
        };
        tape.room = room;
        tape.file.write_all(line.as_bytes()).map_err(|error| {
            tape.room = 0;
            format!(
                "the tape {} cannot be written: {error}",
                self.path.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            method: "GET".to_owned(),
            url: "https://crm.example.com/users".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            credential: None,
        }
    }

    #[test]
    fn a_tape_has_an_end_and_nothing_comes_after_a_hole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crm.tape");
        let recorder = Recorder::create(&path).unwrap();
        let short = Said::NotSent("no".to_owned());
        recorder.put(&asked(), &short).unwrap();
        let length = tape::print(&asked(), &short).len() as u64;
        recorder.tape.lock().unwrap().room = 2 * length;
        let long = Said::NotSent("n".repeat(1000));
        assert!(recorder.put(&asked(), &long).unwrap_err().contains("full"));
        assert!(recorder.put(&asked(), &short).unwrap_err().contains("full"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(tape::parse(&text).unwrap().len(), 1);
    }

    #[test]
    fn a_tape_is_never_overwritten_and_is_the_user_s_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crm.tape");
        drop(Recorder::create(&path).unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            Recorder::create(&path),
            Err(TapeError::Create { .. })
        ));
    }
}
