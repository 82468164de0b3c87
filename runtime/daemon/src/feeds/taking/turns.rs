//! Takes what is next: an event, or a file, or what a person gave up.

use muster_core::actor::Actor;
use muster_core::fact::{ArrivalChange, EventKind, Fact, Outcome, Source};
use muster_core::finding::{Finding, Severity};
use muster_core::hold::{About, End, Hold};
use muster_core::id::{PersonId, PersonKey};
use muster_intake::{FileVerdict, Opened, Sheet, code, folder};
use muster_ledger::Writer;
use muster_ledger::kept::Arrival;

use super::Taking;
use crate::feeds::decide::{Decision, Event, Going, Item, decide_event, decide_file};
use crate::feeds::held::held_file;
use crate::feeds::queue::WaitingFile;
use crate::feeds::{FeedError, GIVEN_UP, HELD, WAITS, event, folders, last_said};
use crate::planning::Maker;

impl Taking {
    pub(super) async fn take_event(&mut self, arrival: Arrival) -> Result<bool, FeedError> {
        let seq = arrival.seq;
        let Source::Event { id, kind, row } = arrival.arrived.source.clone() else {
            return Ok(false);
        };
        let key = event::key(&self.feed, &row);
        if let Some(key) = &key {
            if self.queue.news(arrival.at).contains(key) {
                // Somebody's leaving overtook it.
                self.queue.take(seq);
                self.end(vec![seq]).await?;
                return Ok(true);
            }
            if kind == EventKind::Leave && !self.is_known(key)? {
                return self.leave_of_nobody(&arrival, key, &id).await;
            }
        }
        let feed = self.feed.clone();
        let name = format!("event-{seq}.csv");
        let digest = arrival.arrived.digest;
        let deciding = move |maker: &Maker<'_>| {
            let changed = |outcome| {
                vec![Fact::ArrivalChanged {
                    feed: feed.name().clone(),
                    arrival: seq,
                    change: ArrivalChange::Decided(outcome),
                }]
            };
            let event = Event {
                name: &name,
                digest,
                kind,
                row: &row,
                beside: &changed,
            };
            decide_event(&feed, Going::ByItself(maker), &event, &mut |_, _| {})
        };
        match self.feeds.planning.briefly(deciding).await? {
            None => {
                self.queue.block(self.feeds.clock.moment(), seq, self.held);
                let name = format!(
                    "an event about `{}`",
                    key.as_ref().map_or("?", PersonKey::as_str)
                );
                self.say_waits(&name).await?;
            }
            Some(decision) => {
                if decision.verdict == FileVerdict::Accepted && kind == EventKind::Leave {
                    self.end_hold_about(key.as_ref()).await?;
                }
                self.decided(arrival, decision).await?;
            }
        }
        Ok(true)
    }

    fn is_known(&self, key: &PersonKey) -> Result<bool, FeedError> {
        let id = PersonId {
            feed: self.feed.name().clone(),
            key: key.clone(),
        };
        Ok(self.feeds.ledger.read()?.person(&id)?.is_some())
    }

    /// A leave event about nobody: perhaps a file before it brings them. Otherwise somebody has to know.
    async fn leave_of_nobody(
        &mut self,
        arrival: &Arrival,
        key: &PersonKey,
        id: &str,
    ) -> Result<bool, FeedError> {
        let seq = arrival.seq;
        if self.queue.after_files(seq) {
            return Ok(true);
        }
        let finding = event::nobody(&self.feed, key, id);
        tracing::error!(feed = %self.feed.name(), subject = %finding.subject, code = %finding.code, "an event is about nobody");
        let facts = vec![
            Fact::FindingOpened(finding),
            self.changed(seq, ArrivalChange::Ended),
        ];
        let now = self.feeds.clock.now();
        self.feeds
            .committer
            .record(now, Actor::Daemon, facts)
            .await?;
        self.queue.take(seq);
        Ok(true)
    }

    /// What is held about somebody who has left since says nothing any more.
    async fn end_hold_about(&mut self, key: Option<&PersonKey>) -> Result<(), FeedError> {
        let Some(seq) = key.and_then(|key| self.queue.held_about(key)) else {
            return Ok(());
        };
        let Some(held) = self.queue.get(seq).cloned() else {
            return Ok(());
        };
        self.end_hold(&held, End::Replaced).await
    }

    /// Ends the hold of what arrived so. Whether it is still held, and as which plan, is known once nobody else
    /// writes.
    async fn end_hold(&mut self, held: &Arrival, end: End) -> Result<(), FeedError> {
        let subject = self.subject();
        let closed = [HELD, WAITS].map(|code| Fact::FindingClosed {
            code,
            subject: subject.clone(),
        });
        let arrival = self.changed(held.seq, ArrivalChange::Ended);
        let (about, digest) = (About::File(self.feed.name().clone()), held.arrived.digest);
        let work = move |writer: &mut Writer<'_>| {
            let waits = writer.hold(&about)?;
            let is_that = |hold: &Hold| hold.file().is_some_and(|file| file.digest == digest);
            let decided = waits.filter(is_that).map(|hold| hold.decided(end));
            for fact in closed.iter().chain(&decided).chain([&arrival]) {
                writer.record(fact)?;
            }
            Ok::<_, muster_ledger::Error>(())
        };
        let now = self.feeds.clock.now();
        self.feeds
            .committer
            .submit(now, Actor::Daemon, work)
            .await?;
        self.queue.end(held.seq);
        Ok(())
    }

    /// Looks whether what is held was given up: whoever gives it up takes it out of the folder `held`.
    /// Returns whether it was.
    pub(super) async fn is_given_up(&mut self) -> Result<bool, FeedError> {
        let held = self.queue.open().rev().find(|arrival| {
            arrival.outcome == Some(Outcome::Held) && Some(arrival.arrived.digest) == self.held
        });
        let Some(held) = held.cloned() else {
            return Ok(false);
        };
        let is_event = matches!(held.arrived.source, Source::Event { .. });
        if !(is_event || self.feed.is_partial()) || !folders::is_given_up(&self.feed, &held) {
            return Ok(false);
        }
        tracing::info!(feed = %self.feed.name(), digest = held.arrived.digest.short(), "what was held was given up");
        self.say_given_up(&held).await;
        self.end_hold(&held, End::GivenUp).await?;
        Ok(true)
    }

    /// Whoever gave it up is not told what it said: somebody has to know that it did not happen.
    async fn say_given_up(&self, held: &Arrival) {
        let name = &held.arrived.name;
        let text = format!(
            "what was held of `{name}` was taken out of the folder `held` and did not happen: who was to leave in \
             it is still in"
        );
        let hint = "if it was given up by mistake, drop it again; this closes when a file of that name, or one \
                    with everybody, is accepted";
        let finding = Finding::new(GIVEN_UP, Severity::Error, self.subject(), text).hint(hint);
        self.feeds.findings.open(finding).await;
    }

    async fn say_waits(&mut self, name: &str) -> Result<(), FeedError> {
        let held = held_file(&self.feeds.ledger.read()?, self.feed.name())?;
        if let Some((_, held)) = held {
            crate::feeds::say_waits(&self.feeds, &self.feed, name, &held).await;
        }
        Ok(())
    }

    pub(super) async fn take_file(&mut self, seq: u64, older: Vec<u64>) -> Result<bool, FeedError> {
        let is_whole = !self.feed.is_partial();
        if !is_whole && self.held.is_some() {
            if self.is_given_up().await? {
                return Ok(true);
            }
            // One that went ahead of a held one would be undone by it, and one that took its place would
            // have the leavers of it forgotten.
            let name = self.queue.file_name(seq).unwrap_or_default();
            self.say_waits(&name).await?;
            return Ok(false);
        }
        let Some(mut file) = self.queue.take_file(seq) else {
            return Ok(false);
        };
        let opened = match file.opened.take() {
            Some(opened) => opened,
            None => match self.open(&file.arrival).await {
                Ok(opened) => opened,
                Err(error) => return self.without_bytes(file, error).await,
            },
        };
        let events = if is_whole {
            self.queue.events_before(seq)
        } else {
            Vec::new()
        };
        let taken = self
            .decide_file(&file.arrival, opened, &older, &events)
            .await;
        let decision = match taken {
            Ok(decision) => decision,
            Err(error) => {
                self.queue.give_back(file);
                return Err(error);
            }
        };
        if decision.verdict != FileVerdict::Rejected {
            for seq in older {
                if let Some(arrival) = self.queue.take(seq) {
                    self.queue.decided(&self.feed, arrival, Outcome::Replaced);
                    self.to_put_away.insert(seq);
                }
            }
        }
        if decision.verdict == FileVerdict::Accepted {
            for seq in events {
                self.queue.take(seq);
            }
        }
        self.decided(file.arrival, decision).await?;
        Ok(true)
    }

    async fn open(&self, arrival: &Arrival) -> std::io::Result<Opened> {
        let known = last_said(&self.feeds, &self.feed).ok().flatten();
        let (evidence, digest) = (self.evidence.clone(), arrival.arrived.digest);
        let feed = self.feed.clone();
        let opening = move || {
            let file = evidence.read(digest)?;
            folder::open_kept(&file, feed.options(), known.as_ref())
        };
        tokio::task::spawn_blocking(opening)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::other("reading broke off")))
    }

    /// The bytes are not there: a file in the folder arrives again, a delivery has to be sent again.
    async fn without_bytes(
        &mut self,
        file: WaitingFile,
        error: std::io::Error,
    ) -> Result<bool, FeedError> {
        let name = file.arrival.arrived.name.clone();
        if error.kind() != std::io::ErrorKind::NotFound {
            self.queue.give_back(file);
            let source = error;
            return Err(FeedError::EvidenceGone { name, source });
        }
        if let Some(file) = self.queue.file(file.arrival.seq).cloned() {
            self.folder.retry(&file);
        }
        if matches!(file.arrival.arrived.source, Source::Delivery { .. }) {
            let text = format!("the bytes of the delivery `{name}` are gone from the data folder");
            let hint = "have it sent again, under another message id";
            self.say_trouble(code::NOT_KEPT, text, hint).await;
        }
        let seq = file.arrival.seq;
        self.queue.forget_mark(&file.arrival);
        self.end(vec![seq]).await?;
        Ok(true)
    }

    async fn decide_file(
        &mut self,
        arrival: &Arrival,
        opened: Opened,
        older: &[u64],
        events: &[u64],
    ) -> Result<Decision, FeedError> {
        let feed = self.feed.clone();
        let (arrival, older, events) = (arrival.clone(), older.to_vec(), events.to_vec());
        let news = self.queue.news(arrival.arrived.modified);
        let rows = opened.sheet.as_ref().map_or(0, Sheet::lines);
        let of = feed.name().clone();
        let deciding = move |maker: &Maker<'_>| {
            let changed = |arrival: u64, change: ArrivalChange| Fact::ArrivalChanged {
                feed: feed.name().clone(),
                arrival,
                change,
            };
            let beside = |outcome: Outcome| {
                let mut facts = vec![changed(arrival.seq, ArrivalChange::Decided(outcome))];
                if outcome != Outcome::Rejected {
                    let replaced = ArrivalChange::Decided(Outcome::Replaced);
                    facts.extend(older.iter().map(|seq| changed(*seq, replaced.clone())));
                }
                if outcome == Outcome::Accepted {
                    facts.extend(events.iter().map(|seq| changed(*seq, ArrivalChange::Ended)));
                }
                facts
            };
            let item = Item {
                name: &arrival.arrived.name,
                modified: Some(arrival.arrived.modified),
                news: &news,
                beside: &beside,
            };
            decide_file(&feed, Going::ByItself(maker), &item, opened, &mut |_, _| {})
        };
        self.feeds.planning.of_file(&of, rows, deciding).await
    }

    /// What was decided about what arrived is remembered, and put away.
    async fn decided(&mut self, arrival: Arrival, decision: Decision) -> Result<(), FeedError> {
        let seq = arrival.seq;
        let outcome = match decision.verdict {
            FileVerdict::Accepted => Outcome::Accepted,
            FileVerdict::Held => Outcome::Held,
            FileVerdict::Rejected => Outcome::Rejected,
        };
        tracing::info!(
            feed = %self.feed.name(),
            verdict = decision.verdict.as_str(),
            digest = decision.file.digest.short(),
            people = decision.people.map_or(0, |people| people.people),
            arrival = seq,
            "decided"
        );
        if self.queue.decided(&self.feed, arrival, outcome) {
            self.to_put_away.insert(seq);
            self.decisions.insert(seq, decision);
        }
        if outcome == Outcome::Held {
            self.end_other_holds(seq).await?;
        }
        Ok(())
    }

    /// One thing is held at a time. An event that was is not forgotten: its turn comes again.
    async fn end_other_holds(&mut self, seq: u64) -> Result<(), FeedError> {
        let others = self
            .queue
            .open()
            .filter(|other| other.seq != seq && other.outcome == Some(Outcome::Held));
        let others: Vec<Arrival> = others.cloned().collect();
        let mut facts = Vec::new();
        for other in &others {
            facts.push(self.changed(other.seq, ArrivalChange::Ended));
            if matches!(other.arrived.source, Source::Event { .. }) {
                facts.push(Fact::Arrived(other.arrived.clone()));
            }
        }
        if facts.is_empty() {
            return Ok(());
        }
        let now = self.feeds.clock.now();
        self.feeds
            .committer
            .record(now, Actor::Daemon, facts)
            .await?;
        for other in others {
            self.queue.end(other.seq);
        }
        Ok(())
    }
}
