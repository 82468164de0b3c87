//! What arrived at a feed and is not done with, in the order of arrival: a picture of the ledger's rows.
//!
//! Whose turn it is:
//!
//! - Events and files are taken in the order in which they arrived, over restarts, too. Of several whole
//!   files without an event between them only the newest counts.
//! - Somebody's leaving does not wait behind files. A file that arrived before it and is taken after it says
//!   nothing of that person any more ([`Queue::news`]).
//! - An event that waits for a decision holds up what came after it about the same person, but not that
//!   person's leaving, and files that say only what changed; nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use muster_core::fact::{EventKind, Outcome, Source};
use muster_core::id::{Digest, PersonKey};
use muster_intake::{Opened, folder};
use muster_ledger::kept::Arrival;

use super::{Feed, event};
use crate::clock::Moment;

/// Events that were taken are remembered for this long, for files that were written before them.
pub const EVENTS_KEPT: Duration = Duration::from_hours(24);

/// Most events that are remembered.
pub const EVENTS_KEPT_MAX: usize = 10_000;

/// An event that is held up is tried again after this, because limits that count over time may let it
/// go on by then.
const TRIED_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// An event that waits.
#[derive(Debug)]
struct Waiting {
    arrival: Arrival,
    kind: EventKind,
    /// The person it is about; `None` if nobody can tell any more.
    key: Option<PersonKey>,
    /// Since when it waits for a person, and for the decision about what.
    blocked: Option<(Moment, Option<Digest>)>,
    /// Nobody is known under the id yet; a file before it may bring somebody.
    is_after_files: bool,
}

/// A file that waits.
#[derive(Debug)]
pub struct WaitingFile {
    /// What arrived.
    pub arrival: Arrival,
    /// Its content, where it is at hand.
    pub opened: Option<Opened>,
}

/// Whose turn it is.
#[derive(Debug)]
pub enum Turn {
    /// An event's.
    Event(Arrival),
    /// A file's, by its number; the older ones need not be read where it can be used.
    File {
        /// Its number.
        seq: u64,
        /// The older ones.
        older: Vec<u64>,
    },
}

/// What arrived at a feed.
#[derive(Debug, Default)]
pub struct Queue {
    events: BTreeMap<u64, Waiting>,
    files: BTreeMap<u64, WaitingFile>,
    /// Decided, and not done with: to be put away, left where it cannot be moved, or held.
    decided: BTreeMap<u64, Arrival>,
    /// The people that held events are about.
    holding: BTreeMap<u64, PersonKey>,
    /// Events that were taken, with the people they are about.
    taken: BTreeMap<u64, (PersonKey, Timestamp)>,
    /// Files in the folder, by what they look like.
    marks: HashMap<u128, u64>,
    /// The same files, to be moved.
    at_hand: BTreeMap<u64, folder::Arrival>,
    /// The first number that was not read yet.
    pub next: u64,
}

impl Queue {
    /// Takes in what the ledger has.
    pub fn add(&mut self, feed: &Feed, arrival: Arrival) {
        let seq = arrival.seq;
        self.next = self.next.max(seq + 1);
        // Recorded by ourselves just now.
        if self.files.contains_key(&seq) || self.decided.contains_key(&seq) {
            return;
        }
        if let Source::Folder { mark } = &arrival.arrived.source {
            self.marks.insert(*mark, seq);
        }
        match (&arrival.arrived.source, arrival.outcome) {
            (Source::Event { row, .. }, Some(Outcome::Accepted)) => {
                if let Some(key) = event::key(feed, row) {
                    self.taken.insert(seq, (key, arrival.at));
                }
            }
            (_, Some(_)) => self.keep_decided(feed, arrival),
            (Source::Event { kind, row, .. }, None) => {
                let waiting = Waiting {
                    kind: *kind,
                    key: event::key(feed, row),
                    blocked: None,
                    is_after_files: false,
                    arrival,
                };
                self.events.insert(seq, waiting);
            }
            (Source::Folder { .. } | Source::Delivery { .. }, None) => {
                let opened = None;
                self.files.insert(seq, WaitingFile { arrival, opened });
            }
        }
    }

    fn keep_decided(&mut self, feed: &Feed, arrival: Arrival) {
        if let (Source::Event { row, .. }, Some(Outcome::Held)) =
            (&arrival.arrived.source, arrival.outcome)
            && let Some(key) = event::key(feed, row)
        {
            self.holding.insert(arrival.seq, key);
        }
        self.decided.insert(arrival.seq, arrival);
    }

    /// Takes in a file that was just recorded. Deliveries before it may not have been read yet, so what is
    /// read next stays what it was.
    pub fn add_file(&mut self, arrival: Arrival, file: folder::Arrival, opened: Option<Opened>) {
        let seq = arrival.seq;
        self.marks.insert(file.mark, seq);
        self.at_hand.insert(seq, file);
        self.files.insert(seq, WaitingFile { arrival, opened });
    }

    /// Whether a file that looks like this was taken before. It can be moved from now on.
    pub fn knows(&mut self, file: &folder::Arrival) -> bool {
        let Some(seq) = self.marks.get(&file.mark) else {
            return false;
        };
        self.at_hand.insert(*seq, file.clone());
        true
    }

    /// The number of a file that was taken before.
    pub fn seq_of(&self, file: &folder::Arrival) -> Option<u64> {
        self.marks.get(&file.mark).copied()
    }

    /// Records that a file is not in the folder any more, or is another one.
    pub fn not_at_hand(&mut self, seq: u64) {
        self.at_hand.remove(&seq);
    }

    /// Lets what looks like this arrive again.
    pub fn forget_mark(&mut self, arrival: &Arrival) {
        if let Source::Folder { mark } = &arrival.arrived.source {
            self.marks.remove(mark);
        }
    }

    /// What is held about a person.
    pub fn held_about(&self, key: &PersonKey) -> Option<u64> {
        let mut held = self.holding.iter().filter(|(_, about)| *about == key);
        held.next().map(|(seq, _)| *seq)
    }

    /// The name of a file that waits.
    pub fn file_name(&self, seq: u64) -> Option<String> {
        Some(self.files.get(&seq)?.arrival.arrived.name.clone())
    }

    /// Whether nothing waits.
    pub fn is_idle(&self) -> bool {
        self.events.is_empty() && self.files.is_empty()
    }

    /// Whether something waits that is not an event which a person has to decide about.
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Whose turn it is; `None` if everything waits for a person. `held` is what is held.
    pub fn turn(&mut self, now: Moment, is_whole: bool, held: Option<Digest>) -> Option<Turn> {
        let first_file = self.files.keys().next().copied().unwrap_or(u64::MAX);
        let mut ahead: BTreeSet<&PersonKey> = self.holding.values().collect();
        let mut is_held_up = false;
        let mut event = None;
        for (seq, waiting) in &mut self.events {
            let is_over = waiting
                .blocked
                .as_ref()
                .is_some_and(|(since, by)| *by != held || now.since(*since) >= TRIED_AGAIN_AFTER);
            if is_over {
                waiting.blocked = None;
            }
            let is_before_files = *seq < first_file;
            let may_go =
                is_before_files || (waiting.kind == EventKind::Leave && !waiting.is_after_files);
            // Somebody's leaving waits for nobody's decision: what it overtakes says nothing any more.
            let is_behind = waiting.kind == EventKind::Upsert
                && waiting.key.as_ref().is_some_and(|key| ahead.contains(key));
            if waiting.blocked.is_none() && may_go && !is_behind {
                event = Some(waiting.arrival.clone());
                break;
            }
            is_held_up |= is_before_files;
            ahead.extend(&waiting.key);
        }
        if let Some(event) = event {
            return Some(Turn::Event(event));
        }
        if first_file == u64::MAX || (is_held_up && !is_whole) {
            return None;
        }
        if !is_whole {
            let older = Vec::new();
            return Some(Turn::File {
                seq: first_file,
                older,
            });
        }
        // Up to the next event that is not held up: it counts after the files before it.
        let until = self
            .events
            .iter()
            .find(|(seq, waiting)| **seq > first_file && waiting.blocked.is_none())
            .map_or(u64::MAX, |(seq, _)| *seq);
        let mut run: Vec<u64> = self.files.range(..until).map(|(seq, _)| *seq).collect();
        let seq = run.pop()?;
        Some(Turn::File { seq, older: run })
    }

    /// Events before a file that wait for a person: a file with everybody says it all.
    pub fn events_before(&self, seq: u64) -> Vec<u64> {
        self.events.range(..seq).map(|(seq, _)| *seq).collect()
    }

    /// Lets an event wait for a person, or for the decision about what is held.
    pub fn block(&mut self, now: Moment, seq: u64, held: Option<Digest>) {
        if let Some(waiting) = self.events.get_mut(&seq) {
            waiting.blocked = Some((now, held));
        }
    }

    /// Lets an event wait for the files before it. Returns false if there are none.
    pub fn after_files(&mut self, seq: u64) -> bool {
        let is_behind = self.files.keys().next().is_some_and(|first| *first < seq);
        if let Some(waiting) = self.events.get_mut(&seq) {
            waiting.is_after_files = true;
        }
        is_behind
    }

    /// Takes out a file that waits; [`Queue::give_back`] puts it back if nothing was decided.
    pub fn take_file(&mut self, seq: u64) -> Option<WaitingFile> {
        self.files.remove(&seq)
    }

    /// Puts back a file about which nothing was decided.
    pub fn give_back(&mut self, file: WaitingFile) {
        self.files.insert(file.arrival.seq, file);
    }

    /// Records that something was decided about what arrived. Returns whether it has to be put away.
    pub fn decided(&mut self, feed: &Feed, mut arrival: Arrival, outcome: Outcome) -> bool {
        let seq = arrival.seq;
        self.files.remove(&seq);
        self.events.remove(&seq);
        arrival.outcome = Some(outcome);
        if let Source::Event { row, .. } = &arrival.arrived.source
            && outcome == Outcome::Accepted
        {
            if let Some(key) = event::key(feed, row) {
                self.taken.insert(seq, (key, arrival.at));
            }
            return false;
        }
        self.keep_decided(feed, arrival);
        true
    }

    /// Takes what was replaced out of those that wait.
    pub fn take(&mut self, seq: u64) -> Option<Arrival> {
        let file = self.files.remove(&seq).map(|file| file.arrival);
        file.or_else(|| self.events.remove(&seq).map(|waiting| waiting.arrival))
    }

    /// Forgets what arrived: nothing has to be known of it any more.
    pub fn end(&mut self, seq: u64) {
        self.files.remove(&seq);
        self.at_hand.remove(&seq);
        self.holding.remove(&seq);
        if let Some(arrival) = self.decided.remove(&seq)
            && let Source::Folder { mark } = arrival.arrived.source
        {
            self.marks.remove(&mark);
        }
    }

    /// What was decided and is not done with.
    pub fn open(&self) -> impl DoubleEndedIterator<Item = &Arrival> {
        self.decided.values()
    }

    /// One of those.
    pub fn get(&self, seq: u64) -> Option<&Arrival> {
        self.decided.get(&seq)
    }

    /// Where a file lies in the folder, if it was seen there.
    pub fn file(&self, seq: u64) -> Option<&folder::Arrival> {
        self.at_hand.get(&seq)
    }

    /// Records that it was put away under this name.
    pub fn stored(&mut self, seq: u64, stored: String) {
        if let Some(arrival) = self.decided.get_mut(&seq) {
            arrival.stored = Some(stored);
        }
    }

    /// The people about whom an event said something after this instant.
    pub fn news(&self, since: Timestamp) -> BTreeSet<PersonKey> {
        let newer = self.taken.values().filter(|(_, at)| *at > since);
        newer.map(|(key, _)| key.clone()).collect()
    }

    /// Takes out the events that need not be remembered any more. None as long as they are few.
    pub fn forget_events(&mut self, now: Timestamp) -> Vec<u64> {
        let until = now.checked_sub(EVENTS_KEPT).unwrap_or(Timestamp::MIN);
        let held = self.decided.values();
        let held = held.filter(|arrival| arrival.outcome == Some(Outcome::Held));
        let until = held.map(|arrival| arrival.at).fold(until, Timestamp::min);
        let surplus = self.taken.len().saturating_sub(EVENTS_KEPT_MAX);
        let surplus = if surplus > EVENTS_KEPT_MAX / 20 {
            surplus
        } else {
            0
        };
        let old = self
            .taken
            .iter()
            .enumerate()
            .take_while(|(index, (_, (_, at)))| *index < surplus || *at < until);
        let old: Vec<u64> = old.map(|(_, (seq, _))| *seq).collect();
        for seq in &old {
            self.taken.remove(seq);
        }
        old
    }

    /// The digests whose bytes are still needed.
    pub fn needed(&self) -> BTreeSet<Digest> {
        let files = self.files.values().map(|file| &file.arrival);
        let open = files.chain(self.decided.values());
        open.map(|arrival| arrival.arrived.digest).collect()
    }

    /// Files that were taken and whose mark is not among these: they are no longer in the folder, or
    /// not as they were.
    pub fn gone(&self, marks: &BTreeSet<u128>) -> Vec<u64> {
        let gone = self.decided.values().filter(|arrival| {
            matches!(&arrival.arrived.source, Source::Folder { mark } if !marks.contains(mark))
        });
        gone.map(|arrival| arrival.seq).collect()
    }
}
