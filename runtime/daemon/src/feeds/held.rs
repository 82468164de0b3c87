//! What is held: what a person looks at and approves is read from the data folder, never from the folder
//! where HR finds its copy.

use std::path::Path;

use jiff::Timestamp;
use muster_core::coded::chain;
use muster_core::fact::{Fact, FeedFile, Outcome, Source};
use muster_core::hold::{About, Hold};
use muster_core::id::{Digest, FeedName};
use muster_intake::folder;
use muster_intake::folder::place::{Place, Places};
use muster_ledger::Reader;
use muster_ledger::kept::Arrival;

use super::decide::{Decision, Event, Going, Item, decide_event, decide_file};
use super::evidence::Evidence;
use super::folders::{FeedFolders, held_arrival};
use super::{Feed, FeedError, news_since};
use crate::planning::OnPerson;

/// Something that is held.
pub struct Held {
    /// The file, or the event as one.
    pub file: FeedFile,
    arrival: Arrival,
    since: Timestamp,
}

/// The file that a feed holds, and how it waits.
pub(super) fn held_file(
    reader: &Reader,
    feed: &FeedName,
) -> Result<Option<(Hold, FeedFile)>, muster_ledger::Error> {
    let hold = reader.hold(&About::File(feed.clone()))?;
    Ok(hold.and_then(|hold| {
        let file = hold.file()?.clone();
        Some((hold, file))
    }))
}

impl Held {
    /// What a feed holds under this plan; `None` if it holds nothing, or something else.
    pub fn of(reader: &Reader, feed: &FeedName, plan: Digest) -> Result<Option<Self>, FeedError> {
        let held = held_file(reader, feed)?;
        let Some((_, file)) = held.filter(|(hold, _)| hold.plan == Some(plan)) else {
            return Ok(None);
        };
        let Some(arrival) = held_arrival(reader, &file)? else {
            let name = file.name;
            let source = std::io::ErrorKind::NotFound.into();
            return Err(FeedError::EvidenceGone { name, source });
        };
        Ok(Some(Self {
            since: arrival.at,
            file,
            arrival,
        }))
    }

    /// Decides about it again, from its bytes below the data folder: for a look, or because somebody approves of
    /// its plan.
    pub fn decide(
        &self,
        data: &Path,
        feed: &Feed,
        going: Going<'_>,
        on_person: OnPerson<'_>,
    ) -> Result<Decision, FeedError> {
        let nothing = |_: Outcome| -> Vec<Fact> { Vec::new() };
        if let Source::Event { kind, row, .. } = &self.arrival.arrived.source {
            let event = Event {
                name: &self.file.name,
                digest: self.file.digest,
                kind: *kind,
                row,
                beside: &nothing,
            };
            let decision = decide_event(feed, going, &event, on_person)?;
            // Only what is taken by itself has to wait for others.
            return decision.ok_or_else(|| self.gone(std::io::ErrorKind::NotFound.into()));
        }
        let news = news_since(&going.planning().read()?, feed, self.since)?;
        let item = Item {
            name: &self.file.name,
            modified: None,
            news: &news,
            beside: &nothing,
        };
        let kept = Evidence::open(data, feed.name())
            .and_then(|evidence| evidence.read(self.file.digest))
            .and_then(|file| folder::open_kept(&file, feed.options(), None));
        let opened = kept.map_err(|error| self.gone(error))?;
        decide_file(feed, going, &item, opened, on_person)
    }

    fn gone(&self, source: std::io::Error) -> FeedError {
        let name = self.file.name.clone();
        FeedError::EvidenceGone { name, source }
    }

    /// Moves HR's copy of what was approved from `held` to `processed`, with the report of what it changes.
    pub fn put_away(&self, feed: &Feed, decision: &Decision, now: Timestamp) {
        let Some(stored) = &self.arrival.stored else {
            return;
        };
        let moved = Places::open(&feed.config.folder).map(|places| {
            let moved = places.move_on(stored, Place::Held, Place::Processed);
            moved.map(|stored| (places, stored))
        });
        match moved {
            Ok(Ok((ref places, stored))) => {
                let folders = FeedFolders { feed, places };
                if let Err(error) = folders.write_reports(&stored, Place::Processed, decision, now)
                {
                    tracing::error!(feed = %feed.name(), %error, "could not write the report on an approved file");
                }
            }
            Ok(Err(error)) => {
                tracing::error!(feed = %feed.name(), error = chain(&error), "could not move an approved file");
            }
            Err(error) => {
                tracing::error!(feed = %feed.name(), %error, "could not move an approved file");
            }
        }
    }
}
