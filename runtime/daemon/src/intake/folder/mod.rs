//! The drop folder: which file in it is complete, and where it goes afterwards.
//!
//! An event of the file system is a hint to look, never a proof; the folder is read again at the
//! start, after an overflow and on a slow timer, so no event is needed for correctness. What counts
//! is two looks between which nothing changed ([`settle`]), and then the content, which has to be
//! whole ([`super::open`]). A file that looks cut and was not moved into place gets more time before
//! it is rejected ([`Folder::defer`]): its writer may only be slow.
//!
//! Left to the caller: one transaction that says what became of the file, and then [`place`].

pub mod place;
mod read;
mod scan;
pub mod settle;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::code;
use super::problem::{Effect, Problem};
use place::{Place, Places};
use settle::{Decision, Hint, Look, Settling, Stamp, Waits};
use watch::Watch;

pub use read::{ReadError, open_arrival, open_changed};

/// A file that waits longer than this for its end is worth a word.
const UNSETTLED_AFTER: Duration = Duration::from_mins(10);

/// A file that still lies there so long after it arrived arrives again: whoever took it could not
/// finish, or somebody has put the same file back.
const ARRIVES_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How a drop folder is watched.
#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// How long a file has to stay unchanged after it was closed. Default 1 s.
    pub quiet: Duration,
    /// How long a file has to stay unchanged that nobody was seen to close. Default 30 s.
    pub unclosed_quiet: Duration,
    /// How long a file has to stay unchanged before a cut in it is believed, unless it was moved into
    /// place. Default 10 s.
    pub patience: Duration,
    /// How often the folder is read anew beside the events. Default 10 s.
    pub rescan_every: Duration,
    /// Reads the folder on a timer only. Needed on NFS and SMB, which send no events.
    pub poll: Option<Duration>,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(1),
            unclosed_quiet: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            rescan_every: Duration::from_secs(10),
            poll: None,
        }
    }
}

/// A file that came to rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Where it is.
    pub path: PathBuf,
    /// Its name, fit to be shown: what is no text in it is replaced.
    pub name: String,
    /// What it looked like, twice.
    pub stamp: Stamp,
    /// How long it has been unchanged.
    pub rested: Duration,
    /// Whether it was moved into place, so that nobody is writing to it.
    pub was_moved_in: bool,
}

/// What a folder has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FolderEvent {
    /// A file came to rest. It stays where it is until [`Places::put_away`].
    Arrived(Arrival),
    /// Something to tell people; nothing was touched.
    Remarked(Problem),
    /// The folder cannot be read any more: nothing that is dropped is seen.
    Closed(Problem),
    /// It can be read again.
    Reopened,
}

/// A watched drop folder.
#[derive(Debug)]
pub struct Folder {
    places: Places,
    options: FolderOptions,
    watch: Option<Watch>,
    settling: Settling,
    ready: VecDeque<FolderEvent>,
    delivered: BTreeMap<OsString, (Stamp, Duration)>,
    remarked: BTreeMap<OsString, u64>,
    /// Whether it could not be read the last time.
    is_closed: bool,
    started: Instant,
    scan_at: Duration,
}

impl Folder {
    /// Begins to watch a folder, which is made with its subfolders where it is missing. Files that
    /// are already in it arrive like any other.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(root: &Path, options: FolderOptions) -> io::Result<Self> {
        let places = Places::create(root)?;
        let waits = Waits {
            quiet: options.quiet,
            unclosed_quiet: options.unclosed_quiet,
            second_look: options.poll.unwrap_or(settle::SECOND_LOOK),
        };
        let mut folder = Self {
            watch: None,
            settling: Settling::new(waits),
            ready: VecDeque::new(),
            delivered: BTreeMap::new(),
            remarked: BTreeMap::new(),
            is_closed: false,
            started: Instant::now(),
            scan_at: Duration::ZERO,
            places,
            options,
        };
        folder.renew_watch();
        Ok(folder)
    }

    /// The folder and its subfolders.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Waits for the next file or remark. May be dropped at any await and called again: nothing is
    /// lost.
    pub async fn next(&mut self) -> FolderEvent {
        loop {
            self.take_hints();
            if self.scan_at <= self.elapsed() {
                self.scan().await;
            }
            self.look_at_due().await;
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            let next_look = self.settling.next_look().unwrap_or(Duration::MAX);
            let wake_at = self.started + next_look.min(self.scan_at);
            let hints = self.watch.as_ref().map(Watch::shared);
            let hinted = async {
                match hints {
                    Some(hints) => hints.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = hinted => {}
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// Gives a file that does not look whole more time, unless it had enough. True: it will arrive
    /// again, whole or not, and nothing is to be done now.
    pub fn defer(&mut self, arrival: &Arrival) -> bool {
        if arrival.was_moved_in || arrival.rested >= self.options.patience {
            return false;
        }
        self.deliver_again(arrival, self.options.patience);
        true
    }

    /// Lets a file arrive again, because it changed under the reader's hands or could not be read.
    pub fn retry(&mut self, arrival: &Arrival) {
        self.deliver_again(arrival, self.options.quiet);
    }

    fn deliver_again(&mut self, arrival: &Arrival, quiet: Duration) {
        let at = self.elapsed();
        if let Some(name) = arrival.path.file_name() {
            self.delivered.remove(name);
            self.settling.wait(name, quiet, at);
        }
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn take_hints(&mut self) {
        let at = self.elapsed();
        let Some(watch) = &self.watch else { return };
        let hints = watch.shared().take();
        if hints.is_overflown {
            self.scan_at = Duration::ZERO;
        }
        for (name, hint) in hints.names {
            if settle::is_final_name(&name) && !Place::is_name(&name) {
                if matches!(hint, Hint::MovedIn | Hint::Gone) {
                    // What has this name from now on is another arrival, whatever it looks like.
                    self.delivered.remove(&name);
                }
                self.settling.hint(&name, hint, at);
            }
        }
    }

    /// Reads the folder, and watches it anew where it is another one than before.
    async fn scan(&mut self) {
        let root = self.places.root().to_owned();
        let found = tokio::task::spawn_blocking(move || scan::names(&root)).await;
        let at = self.elapsed();
        self.scan_at = at + self.options.poll.unwrap_or(self.options.rescan_every);
        match found {
            Ok(Ok(names)) => {
                if std::mem::take(&mut self.is_closed) {
                    self.ready.push_back(FolderEvent::Reopened);
                }
                self.delivered.retain(|name, _| names.contains(name));
                self.remarked.retain(|name, _| names.contains(name));
                for name in names {
                    if settle::is_final_name(&name) && !Place::is_name(&name) {
                        self.settling.hint(&name, Hint::Found, at);
                    }
                }
            }
            Ok(Err(error)) => {
                let again = Places::create(self.places.root());
                let text = again.err().unwrap_or(error);
                if !std::mem::replace(&mut self.is_closed, true) {
                    let problem = folder_problem(format!(
                        "the drop folder cannot be read, so nothing that is dropped is seen: {text}"
                    ));
                    self.ready.push_back(FolderEvent::Closed(problem));
                }
            }
            // The pool of threads is gone: the daemon is stopping.
            Err(_) => {}
        }
        self.renew_watch();
    }

    /// The folder may have been removed and made again; the old watch then sees nothing.
    fn renew_watch(&mut self) {
        if self.options.poll.is_some() {
            return;
        }
        let inode = fs::metadata(self.places.root()).map(|metadata| metadata.ino());
        let is_current = match (&self.watch, &inode) {
            (Some(watch), Ok(inode)) => watch.inode() == *inode,
            _ => false,
        };
        if is_current {
            return;
        }
        self.watch = inode
            .ok()
            .and_then(|inode| Watch::new(self.places.root(), inode).ok());
        if self.watch.is_some() {
            // Between the last scan and the new watch anything may have come.
            self.scan_at = Duration::ZERO;
        }
    }

    async fn look_at_due(&mut self) {
        while let Some(name) = self.settling.due(self.elapsed()) {
            let path = self.places.root().join(&name);
            let metadata = tokio::fs::symlink_metadata(&path).await.ok();
            self.look(&name, path, metadata.as_ref());
        }
    }

    fn look(&mut self, name: &OsStr, path: PathBuf, metadata: Option<&Metadata>) {
        let at = self.elapsed();
        if let Some(metadata) = metadata
            && !metadata.is_file()
        {
            self.settling.forget(name);
            self.remark_once(name, metadata.ino(), || not_a_file(name, metadata));
            return;
        }
        let look = metadata.and_then(Look::of);
        if look.is_some_and(|look| self.has_arrived(name, look.stamp, at)) {
            self.settling.forget(name);
            return;
        }
        match self.settling.look(name, look, at) {
            Decision::Ready(ready) => {
                self.delivered.insert(name.to_owned(), (ready.stamp, at));
                self.ready.push_back(FolderEvent::Arrived(Arrival {
                    path,
                    name: shown(name),
                    stamp: ready.stamp,
                    rested: ready.rested,
                    was_moved_in: ready.was_moved_in,
                }));
            }
            Decision::Wait { waiting_for } if waiting_for >= UNSETTLED_AFTER => {
                self.remark_once(name, 1, || unsettled(name));
            }
            Decision::Wait { .. } | Decision::Gone => {}
        }
    }

    /// Whether a file has just arrived as it is, or waits to be taken.
    fn has_arrived(&self, name: &OsStr, stamp: Stamp, at: Duration) -> bool {
        let is_waiting = self.ready.iter().any(|event| match event {
            FolderEvent::Arrived(arrival) => arrival.path.file_name() == Some(name),
            FolderEvent::Remarked(_) | FolderEvent::Closed(_) | FolderEvent::Reopened => false,
        });
        let is_recent = self.delivered.get(name).is_some_and(|(delivered, then)| {
            *delivered == stamp && at.saturating_sub(*then) < ARRIVES_AGAIN_AFTER
        });
        is_waiting || is_recent
    }

    fn remark_once(&mut self, name: &OsStr, mark: u64, problem: impl FnOnce() -> Problem) {
        if self.remarked.insert(name.to_owned(), mark) != Some(mark) {
            self.ready.push_back(FolderEvent::Remarked(problem()));
        }
    }
}

/// When something was last changed, and what it is.
impl Look {
    fn of(metadata: &Metadata) -> Option<Self> {
        let modified = Timestamp::try_from(metadata.modified().ok()?).ok()?;
        let age = Timestamp::now().duration_since(modified);
        Some(Self {
            stamp: Stamp {
                size: metadata.len(),
                modified,
                inode: metadata.ino(),
            },
            // A time in the future comes from another clock and proves no age.
            age: Duration::try_from(age).unwrap_or(Duration::ZERO),
        })
    }
}

/// A name as it may be shown: a folder takes any bytes, a report takes text on one line.
fn shown(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    name.chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

fn not_a_file(name: &OsStr, metadata: &Metadata) -> Problem {
    let what = if metadata.is_symlink() {
        "a link, which could lead out of the folder"
    } else if metadata.is_dir() {
        "a folder"
    } else {
        "not a file"
    };
    let name = shown(name);
    let text = format!("`{name}` in the drop folder is {what}, and was left alone");
    Problem::of_file(code::NOT_A_FILE, Effect::Warns, text)
        .hint("put the export itself into the drop folder")
}

fn unsettled(name: &OsStr) -> Problem {
    let name = shown(name);
    let minutes = UNSETTLED_AFTER.as_secs() / 60;
    let text = format!("`{name}` has been changing for {minutes} minutes and was not read yet");
    Problem::of_file(code::UNSETTLED, Effect::Warns, text)
        .hint("look whether the export or the copy hangs")
}

fn folder_problem(text: String) -> Problem {
    Problem::of_file(code::FOLDER_IO, Effect::Warns, text)
        .hint("look at the folder's permissions and at the disk")
}
