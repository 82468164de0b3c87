//! The drop folder: which file in it is complete, and where it goes afterwards.
//!
//! People who are trusted with HR's files, and with nothing else, may write to this folder. It promises:
//!
//! 1. It is opened once. What is in it is reached by one name below that descriptor, and no link is ever
//!    followed ([`dir`]). Its own path is IT's.
//! 2. A file is read only where it is a plain file with one name, by the descriptor that was looked at;
//!    opening waits for nothing. Links, hard links, pipes, devices, sockets and folders are left alone
//!    and said.
//! 3. `processed`, `held` and `rejected` have to be folders of ours; they are made where they are
//!    missing. What else has such a name is not used, and said. Nothing in them is overwritten, and
//!    nothing that lies in them is ever read again: what is decided about is a copy in the data folder.
//! 4. Names that are not a finished export's, or not what the feed takes, are not read. A name is shown
//!    on one line, without characters that a terminal obeys, and is stored shortened.
//! 5. The work is linear in the number of files, and what is kept of them is bounded.
//!
//! An event of the file system is a hint to look, never a proof; the folder is read again at the
//! start, after an overflow and on a slow timer, so no event is needed for correctness. What counts
//! is two looks between which nothing changed ([`settle`]), and then the content, which has to be
//! whole ([`super::open`]). A file that looks cut and was not moved into place gets more time before
//! it is rejected ([`Folder::defer`]): its writer may only be slow.
//!
//! Left to the caller: what became of a file, recorded, and then [`place`].

pub mod dir;
mod pattern;
pub mod place;
mod read;
mod scan;
pub mod settle;
pub mod time;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::finding::Code;
use rustix::fs::FileType;

use super::code;
use super::mistake::{Effect, Mistake};
use dir::{Dir, Seen};
use place::{Place, Places};
use settle::{Decision, Hint, Look, Settling, Stamp, Waits};
use time::Time;
use watch::Watch;

pub use pattern::Pattern;
pub use read::{ReadError, copy, open_arrival, open_changed, open_kept, same};

/// A file that waits longer than this for its end is worth a word.
const UNSETTLED_AFTER: Duration = Duration::from_mins(10);

/// A file that still lies there this long after it arrived arrives again: whoever took it could not
/// finish, or somebody has put the same file back.
const ARRIVES_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Most names of which is remembered that something was said of them.
const REMARKED_MAX: usize = 10_000;

/// Most remarks of one kind that are told while others of it still hold.
const REMARKS_SAID_MAX: u32 = 16;

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
    /// Which names are taken. Default all.
    pub files: Pattern,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(1),
            unclosed_quiet: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            rescan_every: Duration::from_secs(10),
            poll: None,
            files: Pattern::all(),
        }
    }
}

/// A file that came to rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Where it is.
    pub dir: Dir,
    /// Its name there.
    pub file_name: OsString,
    /// Its name, fit to be shown: what is no text in it is replaced.
    pub name: String,
    /// What it looked like, twice.
    pub stamp: Stamp,
    /// A digest of its name and of all that is seen of it.
    pub mark: u128,
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
    Remarked(Mistake),
    /// What was told of this kind is over.
    Over(Code),
    /// The folder cannot be read any more: nothing that is dropped is seen.
    Closed(Mistake),
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
    /// The names of those that wait in `ready`.
    ready_names: BTreeSet<OsString>,
    delivered: BTreeMap<OsString, (Stamp, Duration)>,
    remarked: BTreeMap<OsString, (u64, Code)>,
    /// How many remarks of each kind there were since the last time that there was none.
    said: BTreeMap<Code, u32>,
    /// Whether it could not be read the last time.
    is_closed: bool,
    time: Arc<dyn Time>,
    started: Duration,
    scan_at: Duration,
}

impl Folder {
    /// Begins to watch a folder, which is made with its subfolders where it is missing. Files that
    /// are already in it arrive like any other.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(root: &Path, options: FolderOptions, time: Arc<dyn Time>) -> io::Result<Self> {
        let places = Places::open(root)?;
        let waits = Waits {
            quiet: options.quiet,
            unclosed_quiet: options.unclosed_quiet,
            second_look: options.poll.unwrap_or(settle::SECOND_LOOK),
        };
        let mut folder = Self {
            watch: None,
            settling: Settling::new(waits),
            ready: VecDeque::new(),
            ready_names: BTreeSet::new(),
            delivered: BTreeMap::new(),
            remarked: BTreeMap::new(),
            said: BTreeMap::new(),
            is_closed: false,
            started: time.passed(),
            time,
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
            if let Some(event) = self.next_ready() {
                return event;
            }
            let next_look = self.settling.next_look().unwrap_or(Duration::MAX);
            let wake_at = self.started.saturating_add(next_look.min(self.scan_at));
            let time = Arc::clone(&self.time);
            let hints = self.watch.as_ref().map(Watch::shared);
            let hinted = async {
                match hints {
                    Some(hints) => hints.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = hinted => {}
                () = time.until(wake_at) => {}
            }
        }
    }

    /// The next file or remark that is there already; `None` if one would have to wait.
    pub fn next_ready(&mut self) -> Option<FolderEvent> {
        let event = self.ready.pop_front()?;
        if let FolderEvent::Arrived(arrival) = &event {
            self.ready_names.remove(&arrival.file_name);
        }
        Some(event)
    }

    /// The marks and names of what is in the folder now.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn marks(places: &Places) -> io::Result<(BTreeSet<u128>, BTreeSet<OsString>)> {
        let names = places.dir().names(scan::NAMES_MAX)?;
        let looks = scan::looks(places.dir(), names);
        let there = looks
            .into_iter()
            .filter_map(|(name, seen)| Some((seen?.mark(&name), name)));
        Ok(there.unzip())
    }

    /// Allows a file that does not look whole more time, unless it had enough. True: it will arrive
    /// again, whole or not, and there is nothing to do now.
    pub fn defer(&mut self, arrival: &Arrival) -> bool {
        if !self.may_defer(arrival) {
            return false;
        }
        self.deliver_again(arrival, self.options.patience);
        true
    }

    /// Whether [`Folder::defer`] would give a file more time.
    pub fn may_defer(&self, arrival: &Arrival) -> bool {
        !arrival.was_moved_in && arrival.rested < self.options.patience
    }

    /// Lets a file arrive again, because it changed under the reader's hands or could not be read.
    pub fn retry(&mut self, arrival: &Arrival) {
        self.deliver_again(arrival, self.options.quiet);
    }

    fn deliver_again(&mut self, arrival: &Arrival, quiet: Duration) {
        let at = self.elapsed();
        self.delivered.remove(&arrival.file_name);
        self.settling.wait(&arrival.file_name, quiet, at);
    }

    fn elapsed(&self) -> Duration {
        self.time.passed().saturating_sub(self.started)
    }

    /// How long ago something was written; nothing for a time in the future, which proves no age.
    fn age(&self, modified: Timestamp) -> Duration {
        let age = self.time.now().duration_since(modified);
        Duration::try_from(age).unwrap_or_default()
    }

    fn take_hints(&mut self) {
        let at = self.elapsed();
        let Some(watch) = &self.watch else { return };
        let hints = watch.shared().take();
        if hints.is_overflown {
            self.scan_at = Duration::ZERO;
        }
        for (name, hint) in hints.names {
            if self.is_taken(&name) {
                if matches!(hint, Hint::MovedIn | Hint::Gone) {
                    // What has this name from now on is another arrival, whatever it looks like.
                    self.delivered.remove(&name);
                }
                self.settling.hint(&name, hint, at);
            }
        }
    }

    /// Whether a name is one that the feed takes.
    fn is_taken(&self, name: &OsStr) -> bool {
        settle::is_final_name(name) && !Place::is_name(name) && self.options.files.fits(name)
    }

    /// Reads the folder, and opens and watches it anew where its path leads to another one than before.
    async fn scan(&mut self) {
        let places = self.places.clone();
        let found = tokio::task::spawn_blocking(move || {
            let (places, is_new) = current(places)?;
            Ok::<_, io::Error>((scan::names(places.dir())?, places, is_new))
        });
        let found = found.await;
        let at = self.elapsed();
        self.scan_at = at + self.options.poll.unwrap_or(self.options.rescan_every);
        match found {
            Ok(Ok((names, places, is_new))) => {
                self.places = places;
                if is_new {
                    self.watch = None;
                }
                if std::mem::take(&mut self.is_closed) {
                    self.ready.push_back(FolderEvent::Reopened);
                }
                self.delivered.retain(|name, _| names.contains(name));
                self.forget_remarks(&names);
                for name in names {
                    if self.is_taken(&name) {
                        self.settling.hint(&name, Hint::Found, at);
                    } else if settle::is_final_name(&name) && !Place::is_name(&name) {
                        self.remark_once(&name, 2, || other_name(&name));
                    }
                }
            }
            Ok(Err(error)) => {
                if !std::mem::replace(&mut self.is_closed, true) {
                    let mistake = folder_mistake(format!(
                        "the drop folder cannot be read, so nothing that is dropped is seen: {error}"
                    ));
                    self.ready.push_back(FolderEvent::Closed(mistake));
                }
            }
            // The pool of threads is gone: the daemon is stopping.
            Err(_) => {}
        }
        self.renew_watch();
    }

    /// Ends the remarks about names that are gone; a code is over once the last of its names is gone.
    fn forget_remarks(&mut self, names: &BTreeSet<OsString>) {
        self.remarked.retain(|name, _| names.contains(name));
        let left: BTreeSet<&Code> = self.remarked.values().map(|(_, code)| code).collect();
        let over: Vec<Code> = self
            .said
            .keys()
            .filter(|code| !left.contains(code))
            .cloned()
            .collect();
        for code in over {
            self.said.remove(&code);
            self.ready.push_back(FolderEvent::Over(code));
        }
    }

    /// The folder may have been removed and made again; the old watch then sees nothing.
    fn renew_watch(&mut self) {
        if self.options.poll.is_some() {
            return;
        }
        let inode = self.places.dir().seen().map(|seen| seen.inode);
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
        loop {
            let due = self.settling.due(self.elapsed(), scan::LOOKS_MAX);
            if due.is_empty() {
                return;
            }
            let dir = self.places.dir().clone();
            let looks = tokio::task::spawn_blocking(move || scan::looks(&dir, due));
            // Without the pool of threads the daemon is stopping.
            let Ok(looks) = looks.await else { return };
            for (name, seen) in looks {
                self.look(&name, seen);
            }
        }
    }

    fn look(&mut self, name: &OsStr, seen: Option<Seen>) {
        let at = self.elapsed();
        if let Some(seen) = seen
            && seen.stamp().is_none()
        {
            self.settling.forget(name);
            self.remark_once(name, seen.inode, || not_a_file(name, &seen));
            return;
        }
        let look = seen.and_then(|seen| seen.written).map(|stamp| Look {
            stamp,
            age: self.age(stamp.modified),
        });
        if look.is_some_and(|look| self.has_arrived(name, look.stamp, at)) {
            self.settling.forget(name);
            return;
        }
        match self.settling.look(name, look, at) {
            Decision::Ready(ready) => {
                self.delivered.insert(name.to_owned(), (ready.stamp, at));
                self.ready_names.insert(name.to_owned());
                self.ready.push_back(FolderEvent::Arrived(Arrival {
                    dir: self.places.dir().clone(),
                    file_name: name.to_owned(),
                    name: shown(name),
                    stamp: ready.stamp,
                    mark: seen.map_or(0, |seen| seen.mark(name)),
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
        let is_recent = self.delivered.get(name).is_some_and(|(delivered, then)| {
            *delivered == stamp && at.saturating_sub(*then) < ARRIVES_AGAIN_AFTER
        });
        is_recent || self.ready_names.contains(name)
    }

    fn remark_once(&mut self, name: &OsStr, mark: u64, mistake: impl FnOnce() -> Mistake) {
        if self.remarked.len() >= REMARKED_MAX
            || self
                .remarked
                .get(name)
                .is_some_and(|(before, _)| *before == mark)
        {
            return;
        }
        let mistake = mistake();
        let code = mistake.code.clone();
        let said = self.said.entry(code.clone()).or_default();
        *said += 1;
        // A thousand links are not a thousand remarks.
        if *said <= REMARKS_SAID_MAX {
            self.ready.push_back(FolderEvent::Remarked(mistake));
        }
        self.remarked.insert(name.to_owned(), (mark, code));
    }
}

/// The folder that the path leads to now, opened anew where it is another one.
fn current(places: Places) -> io::Result<(Places, bool)> {
    use std::os::unix::fs::MetadataExt;
    let here = std::fs::metadata(places.root());
    let is_same = here.is_ok_and(|here| {
        let seen = places.dir().seen();
        seen.is_ok_and(|seen| seen.inode == here.ino())
    });
    if is_same {
        return Ok((places, false));
    }
    Ok((Places::open(places.root())?, true))
}

/// A name as it may be shown: a folder takes any bytes, a report takes text on one line, and a terminal
/// obeys some characters and hides others.
fn shown(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    let plain = |char: char| {
        let is_odd = char.is_control()
            || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if is_odd { '\u{fffd}' } else { char }
    };
    name.chars().map(plain).collect()
}

fn other_name(name: &OsStr) -> Mistake {
    let name = shown(name);
    let text = format!(
        "`{name}` in the drop folder has not the name that this feed takes, and was left alone"
    );
    Mistake::of_file(code::OTHER_NAME, Effect::Warns, text)
        .hint("take it away, or give it a name that fits `files` of the feed in muster.toml")
}

fn not_a_file(name: &OsStr, seen: &Seen) -> Mistake {
    let what = match seen.kind {
        FileType::Symlink => "a link, which could lead out of the folder",
        FileType::Directory => "a folder",
        FileType::RegularFile => "a file with a second name, which could lie out of the folder",
        _ => "not a file",
    };
    let name = shown(name);
    let text = format!("`{name}` in the drop folder is {what}, and was left alone");
    Mistake::of_file(code::NOT_A_FILE, Effect::Warns, text)
        .hint("put the export itself into the drop folder")
}

fn unsettled(name: &OsStr) -> Mistake {
    let name = shown(name);
    let minutes = UNSETTLED_AFTER.as_secs() / 60;
    let text = format!("`{name}` has been changing for {minutes} minutes and was not read yet");
    Mistake::of_file(code::UNSETTLED, Effect::Warns, text)
        .hint("look whether the export or the copy hangs")
}

fn folder_mistake(text: String) -> Mistake {
    Mistake::of_file(code::FOLDER_IO, Effect::Warns, text)
        .hint("look at the folder's permissions and at the disk")
}
