//! What becomes of what a feed brings, by whichever door: accepted, held or rejected, recorded in one
//! transaction with the plan that it led to, then put away with a report for HR.
//!
//! The order of arrival is recorded before anything is decided ([`queue`]), with the bytes in the data
//! folder ([`evidence`]); so a stop is harmless at any point, names mean nothing, and what was decided is
//! never decided again ([`taking`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use muster_config::FeedKind;
use muster_core::fact::{Content, FeedFile, Outcome, Source};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{FeedName, PersonKey};
use muster_core::identity::Status;
use muster_core::mapping::{Columns, InvalidMapping, Mapping, StatusRule};
use muster_core::subject::Subject;
use muster_intake::folder::FolderOptions;
use muster_intake::{IntakeOptions, LastLineBreak, Snapshot, Trailer};
use muster_ledger::{Committer, Ledger, Reader};

use crate::clock::Clock;
use crate::findings::Findings;
use crate::planning::{self, Bells, ChangedPerson, Planning};

mod decide;
pub mod event;
pub mod evidence;
mod folders;
pub mod former;
pub mod held;
mod keys;
pub mod queue;
pub mod taking;

pub use decide::{Decision, Event, Going, Item, decide_event, decide_file};
pub use folders::{FeedFolders, held_arrival};
pub use held::Held;
pub use taking::run;

/// A file waits for a person.
pub const HELD: Code = Code::new("FEED-001");
/// A file could not be used.
pub const REJECTED: Code = Code::new("FEED-002");

/// The folder of a feed cannot be used, so nobody's leaving is noticed.
pub const FOLDER: Code = Code::new("FEED-003");
/// A file that says only what changed waits behind one that is held.
pub const WAITS: Code = Code::new("FEED-005");
/// Rows of an accepted file were set aside, leavers' perhaps among them.
pub const ROWS_SET_ASIDE: Code = Code::new("FEED-004");

/// What was held was taken out of its folder: nothing of it happened.
pub const GIVEN_UP: Code = Code::new("FEED-010");

/// What feeds are taken with.
pub struct Feeds {
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// The clock.
    pub clock: Clock,
    /// What is said to people.
    pub findings: Findings,
    /// What makes plans.
    pub planning: Arc<Planning>,
    /// The wake-ups.
    pub bells: Bells,
    /// The data folder.
    pub data: PathBuf,
    /// What stands in the way of each.
    pub obstacles: Arc<Obstacles>,
}

/// What stands in the way of feeds.
#[derive(Debug, Default)]
pub struct Obstacles(Mutex<BTreeMap<FeedName, String>>);

impl Obstacles {
    /// Records what stands in the way of a feed; `None` if nothing does.
    pub fn set(&self, feed: &FeedName, obstacle: Option<String>) {
        let mut obstacles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match obstacle {
            Some(text) => drop(obstacles.insert(feed.clone(), text)),
            None => drop(obstacles.remove(feed)),
        }
    }

    /// What stands in the way of each feed of which something does.
    pub fn all(&self) -> BTreeMap<FeedName, String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A feed, ready to take files.
#[derive(Clone)]
pub struct Feed {
    /// As configured.
    pub config: muster_config::Feed,
    /// How its files are read.
    options: IntakeOptions,
    /// The mapping for an event, which names only the columns that changed.
    upsert_mapping: Mapping,
    /// The mapping for an event that only says who left.
    leave_mapping: Mapping,
    /// Attributes that a file may leave out, and that then stay as they were.
    pub carried: BTreeSet<String>,
}

/// A file could not be worked on; it stays where it is and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The plan could not be made or recorded.
    #[error("could not plan or record")]
    Planning(#[from] planning::Failed),
    /// The ledger failed.
    #[error("could not use the ledger")]
    Ledger(#[from] muster_ledger::Error),
    /// The bytes of a file that arrived are not in the data folder any more.
    #[error("the bytes of `{name}` cannot be read from the data folder")]
    EvidenceGone {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Feed {
    /// A feed as configured.
    pub fn new(
        config: &muster_config::Feed,
        file_bytes_max: u64,
    ) -> Result<Self, Vec<InvalidMapping>> {
        let options = IntakeOptions {
            encoding: config.csv.encoding,
            delimiter: config.csv.delimiter,
            // The configuration has checked the pattern.
            trailer: config
                .csv
                .trailer
                .as_deref()
                .and_then(|pattern| Trailer::new(pattern).ok()),
            is_change_set: config.kind == FeedKind::Changes,
            set_aside: config.guard.set_aside,
            bytes_max: file_bytes_max,
            rows_max: config.csv.rows_max,
            last_line_break: if config.csv.needs_last_line_break {
                LastLineBreak::Required
            } else {
                LastLineBreak::Optional
            },
            ..IntakeOptions::default()
        }
        .read_by(&config.columns);
        let mut columns = config.columns.clone();
        columns
            .attributes
            .values_mut()
            .for_each(|attribute| attribute.column.optional = true);
        if let Some(manager) = &mut columns.manager {
            manager.optional = true;
        }
        let mut carried: BTreeSet<String> = config
            .mapping
            .attribute_names()
            .map(str::to_owned)
            .collect();
        carried.insert(muster_core::mapping::MANAGER.to_owned());
        let leave = Columns {
            attributes: BTreeMap::new(),
            status: StatusRule::Always(Status::Ended),
            start: None,
            end: None,
            effective: None,
            manager: None,
            ..columns.clone()
        };
        Ok(Self {
            config: config.clone(),
            options,
            upsert_mapping: Mapping::new(columns)?,
            leave_mapping: Mapping::new(leave)?,
            carried,
        })
    }

    /// How files are opened.
    pub fn options(&self) -> &IntakeOptions {
        &self.options
    }

    /// What the columns of an event mean: attributes that it does not name stay as they are.
    pub fn upsert_mapping(&self) -> &Mapping {
        &self.upsert_mapping
    }

    /// What the columns of an event mean that says who left.
    pub fn leave_mapping(&self) -> &Mapping {
        &self.leave_mapping
    }

    /// Its name.
    pub fn name(&self) -> &FeedName {
        &self.config.name
    }

    fn folder_options(&self) -> FolderOptions {
        FolderOptions {
            quiet: self.config.quiet,
            rescan_every: self.config.poll,
            files: self.config.files.clone(),
            ..FolderOptions::default()
        }
    }

    /// Whether files say only what changed, and nothing about people they do not name.
    fn is_partial(&self) -> bool {
        self.config.kind == FeedKind::Changes
    }

    /// What the feed's rows say, by key; in the order of the keys.
    fn changes(
        snapshot: &Snapshot,
    ) -> Result<Vec<(muster_core::id::PersonKey, ChangedPerson)>, planning::Failed> {
        snapshot
            .people()
            .map(|person| {
                let person = person.map_err(|mistake| planning::Failed::Row(mistake.text))?;
                let (identity, row) = (person.identity, Some(person.row));
                Ok((person.key, ChangedPerson::Row { identity, row }))
            })
            .collect()
    }
}

async fn say_waits(feeds: &Feeds, feed: &Feed, name: &str, held: &FeedFile) {
    let subject = Subject::from(feed.name());
    let text = format!(
        "`{name}` and what comes after it waits until `{}`, which is held, was decided about",
        held.name
    );
    let finding = Finding::new(WAITS, Severity::Error, subject, text).hint(
        "look at the held one with `muster apply`; if it is wrong, delete it from the folder `held`",
    );
    let kept = feeds.ledger.read();
    let kept = kept.and_then(|reader| reader.finding(&WAITS, &finding.subject));
    // Said once for all that wait.
    if kept.is_ok_and(|kept| kept.is_none()) {
        feeds.findings.open(finding).await;
    }
}

/// What the last accepted file said, where another one can say the same. With it, a re-export in which
/// nothing changed is known while it is read.
fn last_said(feeds: &Feeds, feed: &Feed) -> Result<Option<Content>, FeedError> {
    let reader = feeds.ledger.read()?;
    // What was asked about its rows may have been answered since.
    let questions = reader.questions()?;
    let asks = |kept: &muster_ledger::kept::Question| kept.question.person.feed == *feed.name();
    if questions.iter().any(|(_, kept)| asks(kept)) {
        return Ok(None);
    }
    let kept = reader.feed(feed.name())?;
    let accepted = kept.and_then(|kept| kept.accepted);
    let content = accepted.map(|accepted| accepted.file.content);
    Ok(content.filter(|content| content.row_count > 0 && content.read_as != 0))
}

/// People about whom an event said something after this instant, as the ledger has it.
pub fn news_since(
    reader: &Reader,
    feed: &Feed,
    since: Timestamp,
) -> Result<BTreeSet<PersonKey>, muster_ledger::Error> {
    let arrivals = reader.arrivals(feed.name(), 0, usize::MAX)?;
    let keys = arrivals.into_iter().filter_map(|arrival| {
        let is_newer = arrival.outcome == Some(Outcome::Accepted) && arrival.at > since;
        match arrival.arrived.source {
            Source::Event { row, .. } if is_newer => event::key(feed, &row),
            _ => None,
        }
    });
    Ok(keys.collect())
}
