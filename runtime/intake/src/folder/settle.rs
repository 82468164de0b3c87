//! When a file is complete, as a pure function of what was seen and when.
//!
//! A file that was moved into place is whole at once, so two looks close together are enough. One
//! that was closed after writing may be opened again, so it has to rest. One that nobody was seen to
//! close has to rest longer. Anything that changes begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use jiff::Timestamp;

/// Between the two looks at a file for which no rest is needed.
pub const SECOND_LOOK: Duration = Duration::from_millis(2);

/// Most files that are waited for at once; more are found when the folder is read the next time.
const WAITING_MAX: usize = 100_000;

/// Beginnings of names that are not final.
const TEMPORARY_STARTS: [&str; 3] = [".", "~", "#"];

/// Ends of names that are not final, of what editors keep beside a file, and of what proves or signs
/// one; in lower case.
const TEMPORARY_ENDS: [&str; 26] = [
    ".part",
    ".partial",
    ".tmp",
    ".temp",
    ".filepart",
    ".crdownload",
    ".download",
    ".swp",
    ".lock",
    ".writing",
    "~",
    ".bak",
    ".backup",
    ".old",
    ".orig",
    ".save",
    ".swo",
    ".md5",
    ".sha1",
    ".sha256",
    ".sha512",
    ".crc",
    ".asc",
    ".sig",
    ".done",
    ".rej",
];

/// Names that systems put into every folder.
const NOISE: [&str; 3] = ["desktop.ini", "thumbs.db", "lost+found"];

/// Whether a name is one that a finished export may have.
pub fn is_final_name(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    !(TEMPORARY_STARTS.iter().any(|start| name.starts_with(start))
        || TEMPORARY_ENDS.iter().any(|end| name.ends_with(end))
        || NOISE.contains(&name.as_str()))
}

/// What a file looks like from outside. Equal twice means that nothing was written in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// When it was last written to.
    pub modified: Timestamp,
    /// Which file it is.
    pub inode: u64,
}

/// One look at a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// What it looks like.
    pub stamp: Stamp,
    /// How long ago it was last written to, by the clock; zero where that is not known.
    pub age: Duration,
}

/// Why somebody should look at a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// It was found on reading the folder.
    Found,
    /// It was made or written to, and not closed yet.
    Opened,
    /// It was closed after writing.
    Closed,
    /// It was moved into place.
    MovedIn,
    /// It was removed or moved away.
    Gone,
}

/// How long files have to rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waits {
    /// After closing.
    pub quiet: Duration,
    /// Without closing.
    pub unclosed_quiet: Duration,
    /// Between two looks in any case.
    pub second_look: Duration,
}

/// What a look leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It is complete, as far as one can see from outside.
    Ready(Ready),
    /// It has to be looked at again; it has been waited for this long.
    Wait {
        /// Since the first hint.
        waiting_for: Duration,
    },
    /// It is not there.
    Gone,
}

/// A file that came to rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// What it looked like, twice.
    pub stamp: Stamp,
    /// How long it has been unchanged.
    pub rested: Duration,
    /// Whether it was moved into place.
    pub was_moved_in: bool,
}

/// The files that are waited for. Times are durations since some beginning.
#[derive(Debug)]
pub struct Settling {
    waits: Waits,
    files: BTreeMap<OsString, Waiting>,
    /// The same files by when they have to be looked at.
    turns: BTreeSet<(Duration, OsString)>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    first_seen_at: Duration,
    /// The last look, and since when nothing else was seen.
    seen: Option<(Stamp, Duration)>,
    hint: Hint,
    /// A rest that somebody asked for.
    quiet_min: Duration,
    look_at: Duration,
}

impl Settling {
    /// Waits for nothing yet.
    pub fn new(waits: Waits) -> Self {
        Self {
            waits,
            files: BTreeMap::new(),
            turns: BTreeSet::new(),
        }
    }

    /// Records a hint that somebody should look at a file.
    pub fn hint(&mut self, name: &OsStr, hint: Hint, at: Duration) {
        if let Some(waiting) = self.files.get_mut(name) {
            // Finding it again says nothing new about how it came.
            if hint != Hint::Found {
                waiting.hint = hint;
                let before = std::mem::replace(&mut waiting.look_at, at);
                self.turns.remove(&(before, name.to_owned()));
                self.turns.insert((at, name.to_owned()));
            }
        } else if hint != Hint::Gone && self.files.len() < WAITING_MAX {
            self.put(name, Waiting::new(hint, at));
        }
    }

    /// Waits for a file that has to rest for at least this long, whatever is seen of it.
    pub fn wait(&mut self, name: &OsStr, quiet_min: Duration, at: Duration) {
        let mut waiting = Waiting::new(Hint::Found, at);
        waiting.quiet_min = quiet_min;
        self.put(name, waiting);
    }

    /// Stops waiting for a file.
    pub fn forget(&mut self, name: &OsStr) {
        if let Some(waiting) = self.files.remove(name) {
            self.turns.remove(&(waiting.look_at, name.to_owned()));
        }
    }

    fn put(&mut self, name: &OsStr, waiting: Waiting) {
        self.forget(name);
        self.turns.insert((waiting.look_at, name.to_owned()));
        self.files.insert(name.to_owned(), waiting);
    }

    /// Files that have to be looked at now, not more than `count_max`.
    pub fn due(&self, at: Duration, count_max: usize) -> Vec<OsString> {
        let due = self.turns.iter().take_while(|(look_at, _)| *look_at <= at);
        due.take(count_max).map(|(_, name)| name.clone()).collect()
    }

    /// When the next look is due.
    pub fn next_look(&self) -> Option<Duration> {
        self.turns.first().map(|(look_at, _)| *look_at)
    }

    /// Takes a look at a file into account; `None` if it is not there.
    pub fn look(&mut self, name: &OsStr, look: Option<Look>, at: Duration) -> Decision {
        let Some(look) = look else {
            self.forget(name);
            return Decision::Gone;
        };
        let waits = self.waits;
        let Some(mut waiting) = self.files.get(name).copied() else {
            return Decision::Gone;
        };
        let since = match waiting.seen {
            Some((stamp, since)) if stamp == look.stamp => since,
            Some(_) => {
                // Whatever brought it here, somebody is writing to it.
                if waiting.hint == Hint::MovedIn {
                    waiting.hint = Hint::Closed;
                }
                at
            }
            None => at,
        };
        let is_second = waiting.seen.is_some() && since < at;
        waiting.seen = Some((look.stamp, since));
        let watched = at.saturating_sub(since);
        let rested = watched.max(look.age);
        let needed = waiting.needed(&waits);
        if is_second && watched >= waits.second_look && rested >= needed {
            let was_moved_in = waiting.hint == Hint::MovedIn;
            self.forget(name);
            return Decision::Ready(Ready {
                stamp: look.stamp,
                rested,
                was_moved_in,
            });
        }
        let missing = needed.saturating_sub(rested);
        let to_second = waits.second_look.saturating_sub(watched);
        let look_at = at + missing.max(to_second).max(Duration::from_millis(1));
        self.put(name, Waiting { look_at, ..waiting });
        Decision::Wait {
            waiting_for: at.saturating_sub(waiting.first_seen_at),
        }
    }
}

impl Waiting {
    fn new(hint: Hint, at: Duration) -> Self {
        Self {
            first_seen_at: at,
            seen: None,
            hint,
            quiet_min: Duration::ZERO,
            look_at: at,
        }
    }

    fn needed(&self, waits: &Waits) -> Duration {
        let by_hint = match self.hint {
            Hint::MovedIn => Duration::ZERO,
            Hint::Closed | Hint::Found | Hint::Gone => waits.quiet,
            Hint::Opened => waits.unclosed_quiet,
        };
        by_hint.max(self.quiet_min)
    }
}
