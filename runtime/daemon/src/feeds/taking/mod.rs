//! The loop of one feed: what settles in the folder is copied and recorded in the order of arrival, what
//! arrived is decided about in its turn, what was decided is put away.
//!
//! Nothing here waits for HR's folder while it holds up the planning of others: what is decided about
//! lies in the data folder. What was decided is known by what it looked like, so a file that cannot be
//! moved is said once, shown as a copy, and never decided about again.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::coded::chain;
use muster_core::fact::{ArrivalChange, Arrived, Fact, Outcome, Source};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::Digest;
use muster_core::subject::Subject;
use muster_intake::folder::{self, Folder, FolderEvent, ReadError};
use muster_intake::{Mistake, code};
use muster_ledger::kept::Arrival;
use tokio::sync::{Notify, watch};

use super::evidence::Evidence;
use super::held::held_file;
use super::queue::{Queue, Turn};
use super::{Decision, FOLDER, Feed, FeedError, Feeds};
use crate::clock::Moment;
use copying::{Copied, copy_all};

mod copying;
mod putting;
mod turns;

/// Most files that are copied and recorded in one go.
const BATCH_FILES_MAX: usize = 256;

/// Most bytes of them; a larger file goes alone.
const BATCH_BYTES_MAX: u64 = 64 << 20;

/// From this many files on, the disk is told once to keep everything.
const SYNC_ONE_BY_ONE_MAX: usize = 4;

/// Most files that are put away before it is looked whether something more urgent came.
const PUT_AWAY_MAX: usize = 64;

/// Most rows that are read from the ledger in one go.
const ROWS_MAX: usize = 10_000;

/// Most things that wait over all feeds. More are left in the folder, or sent again later.
pub const ARRIVALS_MAX: u64 = 100_000;

/// How often the folder is compared with what was taken.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// How many files a finding names.
const NAMED_MAX: usize = 3;

/// Between two tries at something that failed: twice as long each time, up to this.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// Takes what comes to one feed until the daemon stops.
pub async fn run(feeds: Arc<Feeds>, feed: Feed, mut stop: watch::Receiver<bool>) {
    let told = async |stop: &mut watch::Receiver<bool>| {
        while !*stop.borrow() {
            if stop.changed().await.is_err() {
                return;
            }
        }
    };
    let mut watched = stop.clone();
    let taking = async {
        let mut taking = Taking::begin(Arc::clone(&feeds), feed).await;
        taking.run(&mut stop).await;
    };
    // Whatever it waits for, a stop ends it: what was begun is found again.
    tokio::select! {
        () = taking => {}
        () = told(&mut watched) => {}
    }
}

/// The loop's state.
struct Taking {
    feeds: Arc<Feeds>,
    feed: Feed,
    folder: Folder,
    evidence: Evidence,
    queue: Queue,
    arrived: Arc<Notify>,
    /// Files that settled and are not recorded yet, by when they were written.
    settled: BTreeMap<(Timestamp, OsString), folder::Arrival>,
    decisions: BTreeMap<u64, Decision>,
    to_put_away: BTreeSet<u64>,
    /// What could not be read, and why.
    unreadable: BTreeMap<OsString, String>,
    /// Files that should be put away and are not in the folder any more.
    gone: BTreeSet<u64>,
    /// What could not be moved, and why.
    left_behind: BTreeMap<u64, String>,
    troubles: Troubles,
    held: Option<Digest>,
    sweep_at: Moment,
    /// Nothing is decided before.
    pause_until: Moment,
    pause: Duration,
}

/// What was said of this feed's troubles: each is said once, and again when it is another one.
#[derive(Default)]
struct Troubles(BTreeMap<Code, String>);

fn of_mistake(severity: Severity, subject: &Subject, mistake: &Mistake) -> Finding {
    let (code, text) = (mistake.code.clone(), mistake.text.clone());
    Finding::new(code, severity, subject.clone(), text).hint(mistake.hint.clone())
}

impl Taking {
    /// Opens the folder and the data folder; tried again until both are there.
    async fn begin(feeds: Arc<Feeds>, feed: Feed) -> Self {
        let mut said = String::new();
        loop {
            let evidence = Evidence::open(&feeds.data, feed.name());
            let folder = Folder::open(
                &feed.config.folder,
                feed.folder_options(),
                feeds.clock.for_folder(),
            );
            let subject = Subject::from(feed.name());
            let (text, hint) = match (evidence, folder) {
                (Ok(evidence), Ok(folder)) => {
                    feeds.obstacles.set(feed.name(), None);
                    // What still holds is said again.
                    let said = [
                        FOLDER,
                        code::FOLDER_IO,
                        code::NOT_KEPT,
                        code::PLACE_REFUSED,
                        code::NOT_A_FILE,
                        code::OTHER_NAME,
                        code::UNSETTLED,
                    ];
                    feeds.findings.close(subject, said).await;
                    return Self::new(feeds, feed, folder, evidence);
                }
                (Err(error), _) => (
                    format!("the data folder cannot be used: {error}"),
                    "give the daemon's user read and write access to it",
                ),
                (_, Err(error)) => (
                    format!(
                        "the folder {} cannot be used: {error}",
                        feed.config.folder.display()
                    ),
                    "give the daemon's user read and write access to it, or name another folder",
                ),
            };
            feeds.obstacles.set(feed.name(), Some(text.clone()));
            if said != text {
                said.clone_from(&text);
                let finding = Finding::new(FOLDER, Severity::Error, subject, text).hint(hint);
                feeds.findings.open(finding).await;
            }
            feeds.clock.sleep(feed.config.poll).await;
        }
    }

    fn new(feeds: Arc<Feeds>, feed: Feed, folder: Folder, evidence: Evidence) -> Self {
        let arrived = feeds.bells.arrival(feed.name());
        let now = feeds.clock.moment();
        Self {
            feeds,
            feed,
            folder,
            evidence,
            arrived,
            queue: Queue::default(),
            settled: BTreeMap::new(),
            decisions: BTreeMap::new(),
            to_put_away: BTreeSet::new(),
            unreadable: BTreeMap::new(),
            gone: BTreeSet::new(),
            left_behind: BTreeMap::new(),
            troubles: Troubles::default(),
            held: None,
            sweep_at: now,
            pause_until: now,
            pause: Duration::ZERO,
        }
    }

    async fn run(&mut self, stop: &mut watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.round().await {
                Ok(true) => {
                    self.pause = Duration::ZERO;
                    self.trouble(None);
                    continue;
                }
                Ok(false) => {}
                Err(error) => self.failed(&chain(&error)),
            }
            let mut wake_at = self.sweep_at.max(self.pause_until);
            if !self.queue.is_idle() {
                // A hold may be given up by taking its file away, which nobody announces.
                let soon = self.feeds.clock.moment()
                    + self.feed.config.quiet.max(Duration::from_millis(100));
                wake_at = wake_at.min(soon.max(self.pause_until));
            }
            let notified = Arc::clone(&self.arrived);
            tokio::select! {
                event = self.folder.next() => self.events(event).await,
                () = notified.notified() => {}
                () = self.feeds.clock.sleep_until(wake_at) => {}
            }
        }
    }

    /// Does what is next. Returns false if there is nothing to do now.
    async fn round(&mut self) -> Result<bool, FeedError> {
        if self.pause_until > self.feeds.clock.moment() {
            return Ok(false);
        }
        self.load()?;
        if self.sweep_at <= self.feeds.clock.moment() {
            self.sweep().await?;
        }
        let is_whole = !self.feed.is_partial();
        let turn = self
            .queue
            .turn(self.feeds.clock.moment(), is_whole, self.held);
        match turn {
            Some(Turn::Event(arrival)) => self.take_event(arrival).await,
            turn => {
                if self.put_away().await? {
                    return Ok(true);
                }
                // All that settled comes first: of whole files only the newest counts.
                if self.record_settled().await? {
                    return Ok(true);
                }
                match turn {
                    Some(Turn::File { seq, older }) => self.take_file(seq, older).await,
                    Some(Turn::Event(_)) | None => Ok(!self.queue.is_idle()
                        && self.held.is_some()
                        && self.is_given_up().await?),
                }
            }
        }
    }

    /// Says once that something failed, and waits longer each time.
    fn failed(&mut self, text: &str) {
        if self.trouble(Some(text)) {
            tracing::error!(feed = %self.feed.name(), error = text, "what arrived could not be worked on; it is tried again");
        }
        self.pause = (self.pause * 2).clamp(Duration::from_millis(200), PAUSE_MAX);
        self.pause_until = self.feeds.clock.moment() + self.pause;
    }

    /// Keeps what stands in the way of the feed. Returns whether it is news.
    fn trouble(&mut self, text: Option<&str>) -> bool {
        let kept = &mut self.troubles.0;
        let code = FOLDER;
        let is_news = kept.get(&code).map(String::as_str) != text;
        if is_news {
            match text {
                Some(text) => drop(kept.insert(code, text.to_owned())),
                None => drop(kept.remove(&code)),
            }
            let text = text.map(str::to_owned);
            self.feeds.obstacles.set(self.feed.name(), text);
        }
        is_news
    }

    /// Reads what the ledger has that is not in the queue yet, and what is held.
    fn load(&mut self) -> Result<(), FeedError> {
        let reader = self.feeds.ledger.read()?;
        let held = held_file(&reader, self.feed.name())?.map(|(_, file)| file.digest);
        if held != self.held {
            // Whoever approved or gave up changed what is known of it.
            self.held = held;
            let is_over = |arrival: &&Arrival| arrival.outcome == Some(Outcome::Held);
            let over: Vec<u64> = self
                .queue
                .open()
                .filter(is_over)
                .map(|arrival| arrival.seq)
                .collect();
            for seq in over {
                let rows = reader.arrivals(self.feed.name(), seq, 1)?;
                let is_there = rows.first().is_some_and(|row| row.seq == seq);
                if !is_there {
                    self.queue.end(seq);
                }
            }
        }
        loop {
            let rows = reader.arrivals(self.feed.name(), self.queue.next, ROWS_MAX)?;
            let is_all = rows.len() < ROWS_MAX;
            for row in rows {
                let (seq, is_open) = (row.seq, row.outcome.is_some() && row.stored.is_none());
                self.queue.add(&self.feed, row);
                if is_open && self.queue.get(seq).is_some() {
                    self.to_put_away.insert(seq);
                }
            }
            if is_all {
                return Ok(());
            }
        }
    }

    // What settles in the folder.

    async fn events(&mut self, first: FolderEvent) {
        let mut files = Vec::new();
        let mut next = Some(first);
        while let Some(event) = next {
            match event {
                FolderEvent::Arrived(file) => files.push(file),
                other => self.remark(other).await,
            }
            next = self.folder.next_ready();
        }
        if files.is_empty() {
            return;
        }
        let subject = self.subject();
        // Whatever hung has come to rest.
        self.feeds.findings.close(subject, [code::UNSETTLED]).await;
        files.retain(|file| {
            let is_known = self.queue.knows(file);
            if is_known {
                let seq = self.queue.seq_of(file);
                let is_decided = seq.filter(|seq| self.queue.get(*seq).is_some());
                self.to_put_away.extend(is_decided);
            }
            !is_known
        });
        for file in files {
            let key = (file.stamp.modified, file.file_name.clone());
            self.settled.insert(key, file);
        }
    }

    /// Records some of what settled, the oldest first, and by name where they are as old: so files that
    /// were dropped while nobody looked have the order in which they were written. Returns false if there is
    /// nothing to record.
    async fn record_settled(&mut self) -> Result<bool, FeedError> {
        let mut batch = Vec::new();
        let mut bytes = 0_u64;
        while let Some(first) = self.settled.first_entry() {
            let size = first.get().stamp.size;
            let is_full = batch.len() >= BATCH_FILES_MAX || bytes + size > BATCH_BYTES_MAX;
            if is_full && !batch.is_empty() {
                break;
            }
            bytes += size;
            batch.push(first.remove());
        }
        if batch.is_empty() {
            return Ok(false);
        }
        self.record(batch).await?;
        self.say_folder_troubles().await;
        Ok(true)
    }

    async fn remark(&mut self, event: FolderEvent) {
        let subject = self.subject();
        match event {
            FolderEvent::Arrived(_) => {}
            FolderEvent::Remarked(mistake) => {
                let finding = of_mistake(Severity::Warning, &subject, &mistake);
                self.feeds.findings.open(finding).await;
            }
            FolderEvent::Over(code) => {
                self.feeds.findings.close(subject, [code]).await;
            }
            FolderEvent::Closed(mistake) => {
                self.feeds
                    .obstacles
                    .set(self.feed.name(), Some(mistake.text.clone()));
                let finding = of_mistake(Severity::Error, &subject, &mistake);
                self.feeds.findings.open(finding).await;
            }
            FolderEvent::Reopened => {
                self.feeds.obstacles.set(self.feed.name(), None);
                self.troubles.0.remove(&code::FOLDER_IO);
                self.feeds.findings.close(subject, [code::FOLDER_IO]).await;
            }
        }
    }

    fn subject(&self) -> Subject {
        self.feed.name().into()
    }

    /// Copies files into the data folder and records, in one transaction, that they arrived.
    async fn record(&mut self, files: Vec<folder::Arrival>) -> Result<(), FeedError> {
        let count = self
            .feeds
            .ledger
            .read()
            .and_then(|reader| reader.arrivals_count());
        if count.is_ok_and(|count| count >= ARRIVALS_MAX) {
            self.later(&files);
            return Ok(());
        }
        let known = self.known().filter(|_| files.len() == 1);
        let (feed, evidence) = (self.feed.clone(), self.evidence.clone());
        let files = files.into_iter().map(|file| {
            let may_defer = self.folder.may_defer(&file);
            (file, may_defer)
        });
        let files = files.collect();
        let copying = move || copy_all(&feed, &evidence, files, known.as_ref());
        let Ok((copied, failed)) = tokio::task::spawn_blocking(copying).await else {
            return Ok(());
        };
        let mut kept = Vec::new();
        for copy in copied {
            self.unreadable.remove(&copy.file.file_name);
            if copy.is_growing && self.folder.defer(&copy.file) {
                continue;
            }
            kept.push(copy);
        }
        for (file, error) in failed {
            self.not_read(file, &error).await;
        }
        if kept.is_empty() {
            return Ok(());
        }
        self.close_trouble(code::NOT_KEPT).await;
        self.write_arrivals(kept).await
    }

    /// Lets files arrive again, when there is room.
    fn later(&mut self, files: &[folder::Arrival]) {
        for file in files {
            self.folder.retry(file);
        }
    }

    /// What the last accepted file said, where nothing else waits: a re-export in which nothing changed
    /// need not be copied.
    fn known(&self) -> Option<muster_core::fact::Content> {
        if self.queue.has_files() {
            return None;
        }
        super::last_said(&self.feeds, &self.feed).ok().flatten()
    }

    async fn write_arrivals(&mut self, kept: Vec<Copied>) -> Result<(), FeedError> {
        let now = self.feeds.clock.now();
        let arrived: Vec<Arrived> = kept
            .iter()
            .map(|copy| Arrived {
                feed: self.feed.name().clone(),
                name: copy.file.name.clone(),
                digest: copy.digest,
                modified: copy.file.stamp.modified.min(now),
                source: Source::Folder {
                    mark: copy.file.mark,
                },
            })
            .collect();
        let work = move |writer: &mut muster_ledger::Writer<'_>| {
            let mut rows = Vec::with_capacity(arrived.len());
            for arrived in arrived {
                let seq = writer.next_seq();
                let by = Actor::File {
                    feed: arrived.feed.clone(),
                    name: arrived.name.clone(),
                    digest: arrived.digest,
                };
                writer.acting(by, |writer| writer.record(Fact::Arrived(arrived.clone())))?;
                rows.push(Arrival {
                    seq,
                    at: writer.at(),
                    arrived,
                    outcome: None,
                    stored: None,
                });
            }
            Ok::<_, muster_ledger::Error>(rows)
        };
        let ledger = self.feeds.ledger.clone();
        let written =
            tokio::task::spawn_blocking(move || ledger.write(now, Actor::Daemon, work)).await;
        let Ok(rows) = written else {
            return Ok(());
        };
        match rows {
            Ok(rows) => {
                for (row, copy) in rows.into_iter().zip(kept) {
                    self.queue.add_file(row, copy.file, copy.opened);
                }
                Ok(())
            }
            Err(error) => {
                let files: Vec<folder::Arrival> = kept.into_iter().map(|copy| copy.file).collect();
                self.later(&files);
                Err(error.into())
            }
        }
    }

    async fn not_read(&mut self, file: folder::Arrival, error: &ReadError) {
        match error {
            ReadError::Changed { .. } => self.folder.retry(&file),
            // Said once. It arrives again by itself after a while.
            ReadError::Io { .. } => {
                self.unreadable.insert(file.file_name, chain(error));
            }
            ReadError::Keep { .. } => {
                let text = chain(error);
                let hint = "make room on the disk of the data folder; nothing is decided about the file until then";
                self.say_trouble(code::NOT_KEPT, text, hint).await;
            }
        }
    }

    /// Opens a finding where it says something new.
    async fn say_trouble(&mut self, code: Code, text: String, hint: &str) {
        if self.troubles.0.get(&code) == Some(&text) {
            return;
        }
        self.troubles.0.insert(code.clone(), text.clone());
        let finding = Finding::new(code, Severity::Error, self.subject(), text).hint(hint);
        self.feeds.findings.open(finding).await;
    }

    async fn close_trouble(&mut self, code: Code) {
        if self.troubles.0.remove(&code).is_some() {
            self.feeds.findings.close(self.subject(), [code]).await;
        }
    }

    /// Says which files can be neither read nor moved, and that they can again.
    async fn say_folder_troubles(&mut self) {
        let mut texts: Vec<&String> = self.unreadable.values().collect();
        texts.extend(self.left_behind.values().filter(|text| !text.is_empty()));
        let Some(first) = texts.first() else {
            return self.close_trouble(code::FOLDER_IO).await;
        };
        let more = texts.len().saturating_sub(NAMED_MAX);
        let mut text = texts
            .iter()
            .take(NAMED_MAX)
            .map(|text| text.as_str())
            .collect::<Vec<_>>()
            .join("; ");
        if more > 0 {
            text = format!("{text}; and {more} more like `{first}`");
        }
        let hint = "give the daemon's user read and write access to the drop folder and what is dropped; a file \
                    that was decided about and cannot be moved is not decided about again, and can be taken away";
        self.say_trouble(code::FOLDER_IO, text, hint).await;
    }

    /// Compares the folder with what was taken of it.
    async fn sweep(&mut self) -> Result<(), FeedError> {
        self.sweep_at = self.feeds.clock.moment() + SWEEP_EVERY;
        let mut ended = self.queue.forget_events(self.feeds.clock.now());
        if self.queue.open().next().is_some() || !self.unreadable.is_empty() {
            let places = self.folder.places().clone();
            let marks = tokio::task::spawn_blocking(move || Folder::marks(&places)).await;
            if let Ok(Ok((marks, names))) = marks {
                self.unreadable.retain(|name, _| names.contains(name));
                for seq in self.queue.gone(&marks) {
                    let Some(arrival) = self.queue.get(seq) else {
                        continue;
                    };
                    if arrival.stored.is_none() {
                        self.queue.not_at_hand(seq);
                        self.gone.insert(seq);
                        self.to_put_away.insert(seq);
                    } else if arrival.outcome == Some(Outcome::Held) {
                        // It is still held, and nothing is left behind.
                        self.left_behind.remove(&seq);
                    } else {
                        ended.push(seq);
                    }
                }
            }
        }
        self.end(ended).await?;
        self.look_at_places().await;
        // What HR was not shown yet is tried again.
        let unshown = self.left_behind.keys().filter(|seq| {
            let arrival = self.queue.get(**seq);
            arrival.is_some_and(|arrival| arrival.stored.is_none())
        });
        self.to_put_away.extend(unshown);
        self.say_folder_troubles().await;
        let needed = self.queue.needed();
        let now = SystemTime::from(self.feeds.clock.now());
        let evidence = self.evidence.clone();
        if let Ok(Err(error)) =
            tokio::task::spawn_blocking(move || evidence.prune(now, &needed)).await
        {
            tracing::warn!(feed = %self.feed.name(), %error, "old files in the data folder could not be removed");
        }
        Ok(())
    }

    /// Says where a subfolder cannot be used, and that all can again.
    async fn look_at_places(&mut self) {
        let places = self.folder.places().clone();
        let Ok(refused) = tokio::task::spawn_blocking(move || places.refused()).await else {
            return;
        };
        if let Some(refused) = refused {
            let text = format!(
                "{}; what would be put there stays where it is, without a report",
                chain(&refused)
            );
            let hint =
                "take away what has the name, and let Muster make the folder; look who did that";
            return self.say_trouble(code::PLACE_REFUSED, text, hint).await;
        }
        self.close_trouble(code::PLACE_REFUSED).await;
    }

    /// Forgets these: nothing has to be known of them any more.
    async fn end(&mut self, ended: Vec<u64>) -> Result<(), FeedError> {
        if ended.is_empty() {
            return Ok(());
        }
        let facts = ended
            .iter()
            .map(|seq| self.changed(*seq, ArrivalChange::Ended));
        let facts = facts.collect();
        self.feeds
            .committer
            .record(self.feeds.clock.now(), Actor::Daemon, facts)
            .await?;
        for seq in ended {
            self.queue.end(seq);
            self.left_behind.remove(&seq);
            self.gone.remove(&seq);
            self.to_put_away.remove(&seq);
            self.decisions.remove(&seq);
        }
        Ok(())
    }

    fn changed(&self, arrival: u64, change: ArrivalChange) -> Fact {
        Fact::ArrivalChanged {
            feed: self.feed.name().clone(),
            arrival,
            change,
        }
    }
}
