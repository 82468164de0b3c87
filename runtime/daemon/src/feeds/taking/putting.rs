//! Puts away what was decided, with the reports for HR. What cannot be moved is shown as a copy, said, and
//! left where it is.

use muster_core::actor::Actor;
use muster_core::coded::chain;
use muster_core::fact::{ArrivalChange, Outcome, Source};
use muster_intake::folder;
use muster_intake::folder::place::{MoveError, Place, Places};
use muster_ledger::kept::Arrival;

use super::{Evidence, Feed, PUT_AWAY_MAX, Taking};
use crate::feeds::decide::Decision;
use crate::feeds::folders::{self, FeedFolders};
use crate::feeds::{FeedError, Feeds};

/// Something to put away.
struct Job {
    arrival: Arrival,
    outcome: Outcome,
    /// Where it lies in the drop folder; `None` if it does not, or came by another door.
    file: Option<folder::Arrival>,
    decision: Option<Decision>,
}

/// What became of it.
struct Done {
    job: Job,
    /// The name under which HR finds it.
    stored: Option<String>,
    /// Why it is not all done; empty where the subfolder cannot be used.
    trouble: Option<String>,
}

impl Taking {
    /// Puts away some of what was decided. Returns false if there is nothing to put away.
    pub(super) async fn put_away(&mut self) -> Result<bool, FeedError> {
        let jobs = self.jobs();
        if jobs.is_empty() {
            return Ok(false);
        }
        let (feed, evidence) = (self.feed.clone(), self.evidence.clone());
        let (feeds, places) = (
            std::sync::Arc::clone(&self.feeds),
            self.folder.places().clone(),
        );
        let putting = move || -> Vec<Done> {
            let at = Putting {
                feeds: &feeds,
                feed: &feed,
                places: &places,
                evidence: &evidence,
            };
            jobs.into_iter().map(|job| at.put(job)).collect()
        };
        let Ok(done) = tokio::task::spawn_blocking(putting).await else {
            return Ok(false);
        };
        let (mut facts, mut ended) = (Vec::new(), Vec::new());
        for done in done {
            let seq = done.job.arrival.seq;
            match &done.trouble {
                Some(text) => {
                    self.left_behind.insert(seq, text.clone());
                    if let Some(decision) = done.job.decision.filter(|_| done.stored.is_none()) {
                        self.decisions.insert(seq, decision);
                    }
                }
                None => drop(self.left_behind.remove(&seq)),
            }
            let is_ended = done.trouble.is_none() && done.job.outcome != Outcome::Held;
            match done.stored {
                _ if is_ended => ended.push(seq),
                Some(stored) if done.job.arrival.stored.as_ref() != Some(&stored) => {
                    let change = ArrivalChange::PutAway {
                        stored: stored.clone(),
                    };
                    facts.push(self.changed(seq, change));
                    self.queue.stored(seq, stored);
                }
                Some(_) | None => {}
            }
        }
        if !facts.is_empty() {
            let now = self.feeds.clock.now();
            self.feeds
                .committer
                .record(now, Actor::Daemon, facts)
                .await?;
        }
        self.end(ended).await?;
        if self.left_behind.values().any(String::is_empty) {
            self.look_at_places().await;
        }
        self.say_folder_troubles().await;
        Ok(true)
    }

    fn jobs(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        while jobs.len() < PUT_AWAY_MAX
            && let Some(seq) = self.to_put_away.pop_first()
        {
            let Some(arrival) = self.queue.get(seq).cloned() else {
                continue;
            };
            let file = self.queue.file(seq).cloned();
            let is_in_folder = matches!(arrival.arrived.source, Source::Folder { .. });
            // After a start it is not known yet where it lies: it is found, or missed by the next sweep.
            if is_in_folder && file.is_none() && !self.gone.remove(&seq) {
                continue;
            }
            let Some(outcome) = arrival.outcome else {
                continue;
            };
            jobs.push(Job {
                arrival,
                outcome,
                file,
                decision: self.decisions.remove(&seq),
            });
        }
        jobs
    }
}

/// Where things are put away, without waiting.
struct Putting<'a> {
    feeds: &'a Feeds,
    feed: &'a Feed,
    places: &'a Places,
    evidence: &'a Evidence,
}

impl Putting<'_> {
    fn put(&self, job: Job) -> Done {
        let place = folders::place(job.outcome);
        let before = job.arrival.stored.clone();
        let (stored, mut trouble) = match &job.file {
            Some(file) => self.put_file(&job, file, place),
            None => self.put_missing(&job, place),
        };
        if let (Some(stored), None) = (&stored, &before) {
            let folders = FeedFolders {
                feed: self.feed,
                places: self.places,
            };
            let written = match &job.decision {
                Some(decision) => {
                    folders.write_reports(stored, place, decision, self.feeds.clock.now())
                }
                None => folders.write_outcome(stored, &job.arrival, job.outcome),
            };
            if let Err(error) = written {
                let name = &job.arrival.arrived.name;
                trouble = Some(format!("could not write the report on `{name}`: {error}"));
                return Done {
                    job,
                    stored: None,
                    trouble,
                };
            }
        }
        Done {
            job,
            stored,
            trouble,
        }
    }

    /// Moves a file that lies in the drop folder; shows a copy of one that cannot be moved.
    fn put_file(
        &self,
        job: &Job,
        file: &folder::Arrival,
        place: Place,
    ) -> (Option<String>, Option<String>) {
        let moved = self
            .places
            .put_away(&file.file_name, file.stamp, place, job.arrival.at);
        match (moved, &job.arrival.stored) {
            (Ok(stored), None) => (Some(stored), None),
            (Ok(second), Some(first)) => {
                // It was shown as a copy before.
                drop(self.places.remove(&second, place));
                (Some(first.clone()), None)
            }
            // It is gone, or has changed and arrives again: this is about what it was.
            (Err(MoveError::Gone { .. } | MoveError::Replaced { .. }), _) => {
                self.put_missing(job, place)
            }
            // That is said of the folder, and not of each file.
            (Err(MoveError::Refused(_)), stored) => (stored.clone(), Some(String::new())),
            (Err(error @ MoveError::Io { .. }), Some(first)) => {
                (Some(first.clone()), Some(chain(&error)))
            }
            (Err(error @ MoveError::Io { .. }), None) => {
                let text = format!(
                    "{}; it was decided about and is left where it is",
                    chain(&error)
                );
                let (stored, failed) = self.put_copy(job, place);
                (stored, Some(failed.unwrap_or(text)))
            }
        }
    }

    /// What does not lie in the drop folder: it was moved before a stop, or is shown as a copy.
    fn put_missing(&self, job: &Job, place: Place) -> (Option<String>, Option<String>) {
        if let Some(stored) = &job.arrival.stored {
            return (Some(stored.clone()), None);
        }
        let name = &job.arrival.arrived.name;
        if let Some(stored) = self.places.find(name, place, job.arrival.at) {
            return (Some(stored), None);
        }
        self.put_copy(job, place)
    }

    fn put_copy(&self, job: &Job, place: Place) -> (Option<String>, Option<String>) {
        let arrived = &job.arrival.arrived;
        let at = job.arrival.at;
        let copied = match &arrived.source {
            Source::Event { row, .. } => {
                let name = format!("event-{}.csv", job.arrival.seq);
                self.places.put_copy(&name, row.as_slice(), place, at)
            }
            Source::Folder { .. } | Source::Delivery { .. } => {
                match self.evidence.read(arrived.digest) {
                    Ok(kept) => self.places.put_copy(&arrived.name, kept, place, at),
                    // There is no copy of what is too large, or said what the last one said.
                    Err(_) => self
                        .places
                        .put_copy(&arrived.name, std::io::empty(), place, at),
                }
            }
        };
        match copied {
            Ok(stored) => (Some(stored), None),
            Err(MoveError::Refused(_)) => (None, Some(String::new())),
            Err(error) => (None, Some(chain(&error))),
        }
    }
}
