//! What becomes of a file that a feed brought: accepted, held or rejected, recorded in one
//! transaction with the plan that it led to, then moved away with a report beside it.
//!
//! The order makes a stop harmless at any point. Until the transaction is durable the file lies in
//! the drop folder and arrives again; afterwards it says the same as the last accepted or held file,
//! changes nothing, and is only moved.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_core::actor::Actor;
use muster_core::fact::{Content, Fact, FeedFile, HoldEnd};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::FeedName;
use muster_core::identity::Status;
use muster_core::mapping::{Columns, InvalidMapping, Mapping, StatusRule};

use crate::api::v1::HookEventKind;
use crate::app::App;
use crate::config::{self, FeedKind};
use crate::intake::folder::place::Place;
use crate::intake::folder::{self, Arrival, Folder, FolderEvent, FolderOptions, ReadError};
use crate::intake::{IntakeOptions, LastLineBreak, Problem, Snapshot, Trailer, code};
use crate::planning::{self, ChangedPerson, Consent};

mod decide;
pub mod event;
mod keys;
mod shelf;

pub use decide::{Decision, Desk};
pub use shelf::{Shelf, find_held};

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

/// A feed, ready to take files.
#[derive(Clone)]
pub struct Feed {
    /// As configured.
    pub config: config::Feed,
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
    /// A held file is not in its folder any more.
    #[error("the held file `{name}` is no longer in the folder `held`")]
    HeldFileGone {
        /// Its name.
        name: String,
    },
}

impl Feed {
    /// A feed as configured.
    pub fn new(config: &config::Feed, file_bytes_max: u64) -> Result<Self, Vec<InvalidMapping>> {
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
            attributes: std::collections::BTreeMap::new(),
            status: StatusRule::Always(Status::Ended),
            start: None,
            end: None,
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

    /// How a file of this name is opened.
    pub fn options(&self, name: &str) -> IntakeOptions {
        let is_change_set = self.options.is_change_set || event::is_event(name);
        IntakeOptions {
            is_change_set,
            ..self.options.clone()
        }
    }

    /// What the columns of an event mean: attributes that it does not name stay as they are.
    pub fn upsert_mapping(&self) -> &Mapping {
        &self.upsert_mapping
    }

    /// What the columns of a file of this name mean.
    fn mapping(&self, name: &str) -> &Mapping {
        match event::kind(name) {
            None => &self.config.mapping,
            Some(HookEventKind::Upsert) => &self.upsert_mapping,
            Some(HookEventKind::Leave) => &self.leave_mapping,
        }
    }

    /// Its name.
    pub fn name(&self) -> &FeedName {
        &self.config.name
    }

    fn folder_options(&self) -> FolderOptions {
        FolderOptions {
            quiet: self.config.quiet,
            rescan_every: self.config.poll,
            ..FolderOptions::default()
        }
    }

    /// Whether a file of this name says only what changed, and nothing of whom it does not name.
    fn is_partial(&self, name: &str) -> bool {
        self.config.kind == FeedKind::Changes || event::is_event(name)
    }

    /// What the feed's rows say, by key; in the order of the keys.
    fn changes(
        snapshot: &Snapshot,
    ) -> Result<Vec<(muster_core::id::PersonKey, ChangedPerson)>, planning::Failed> {
        snapshot
            .people()
            .map(|person| {
                let person = person.map_err(|problem| planning::Failed::Row(problem.text))?;
                let (identity, row) = (person.identity, Some(person.row));
                Ok((person.key, ChangedPerson::Row { identity, row }))
            })
            .collect()
    }
}

/// Takes the files of one feed until the daemon stops.
pub async fn run(app: Arc<App>, feed: Feed, mut stop: tokio::sync::watch::Receiver<bool>) {
    let mut folder = loop {
        match Folder::open(&feed.config.folder, feed.folder_options()) {
            Ok(folder) => break folder,
            Err(error) => {
                let text = format!(
                    "the folder {} cannot be used: {error}",
                    feed.config.folder.display()
                );
                app.set_feed_trouble(feed.name(), Some(text.clone()));
                let subject = format!("feed {}", feed.name());
                let finding = Finding::new(FOLDER, Severity::Error, subject, text).hint(
                    "give the daemon's user read and write access to it, or name another folder",
                );
                app.open_finding(finding).await;
                tokio::select! {
                    () = tokio::time::sleep(feed.config.poll) => {}
                    _ = stop.changed() => return,
                }
            }
        }
    };
    let subject = format!("feed {}", feed.name());
    app.set_feed_trouble(feed.name(), None);
    for code in [FOLDER, code::FOLDER_IO] {
        app.close_finding(code, subject.clone()).await;
    }
    while !*stop.borrow() {
        let event = tokio::select! {
            event = folder.next() => event,
            _ = stop.changed() => return,
        };
        match event {
            FolderEvent::Arrived(arrival) => {
                // Whatever hung has come to rest.
                app.close_finding(code::UNSETTLED, subject.clone()).await;
                take(&app, &feed, &mut folder, arrival).await;
            }
            FolderEvent::Remarked(problem) => {
                let finding = of_problem(Severity::Warning, &subject, &problem);
                app.open_finding(finding).await;
            }
            FolderEvent::Closed(problem) => {
                app.set_feed_trouble(feed.name(), Some(problem.text.clone()));
                let finding = of_problem(Severity::Error, &subject, &problem);
                app.open_finding(finding).await;
            }
            FolderEvent::Reopened => {
                app.set_feed_trouble(feed.name(), None);
                app.close_finding(code::FOLDER_IO, subject.clone()).await;
            }
        }
    }
}

fn of_problem(severity: Severity, subject: &str, problem: &Problem) -> Finding {
    let (code, text) = (problem.code.clone(), problem.text.clone());
    Finding::new(code, severity, subject, text).hint(problem.hint.clone())
}

async fn take(app: &Arc<App>, feed: &Feed, folder: &mut Folder, arrival: Arrival) {
    let _one_at_a_time = app.planning.lock().await;
    if has_to_wait(app, feed, &arrival.name).await {
        return folder.retry(&arrival);
    }
    let known = match last_said(app, feed, &arrival.name) {
        Ok(known) => known,
        Err(error) => {
            let text = crate::error::chain(&error);
            tracing::error!(feed = %feed.name(), error = text, "could not read what the last file said");
            app.set_feed_trouble(feed.name(), Some(text));
            return folder.retry(&arrival);
        }
    };
    let (opening, options) = (arrival.clone(), feed.options(&arrival.name));
    let reading = move || folder::open_changed(&opening, &options, known.as_ref());
    let opened = match tokio::task::spawn_blocking(reading).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(ReadError::Changed { .. })) => return folder.retry(&arrival),
        Ok(Err(error @ ReadError::Io { .. })) => {
            tracing::error!(feed = %feed.name(), error = crate::error::chain(&error), "could not read a file");
            app.set_feed_trouble(feed.name(), Some(crate::error::chain(&error)));
            return folder.retry(&arrival);
        }
        Err(error) => {
            tracing::error!(feed = %feed.name(), %error, "reading a file broke off");
            return folder.retry(&arrival);
        }
    };
    if opened.may_be_growing() && folder.defer(&arrival) {
        return;
    }
    let (planner, of_feed, name) = (Arc::clone(app), feed.clone(), arrival.name.clone());
    let decided = tokio::task::spawn_blocking(move || {
        let mut nobody = |_: &_, _: Option<&_>| {};
        let desk = Desk {
            app: &planner,
            feed: &of_feed,
            approver: None,
        };
        desk.decide(&name, opened, Consent::WithinLimits, &mut nobody)
    });
    match decided.await {
        Ok(Ok(decision)) => {
            app.set_feed_trouble(feed.name(), None);
            app.wake_all();
            let places = folder.places();
            Shelf { app, feed, places }.put_away(&arrival, &decision);
        }
        Ok(Err(error)) => {
            let text = crate::error::chain(&error);
            tracing::error!(feed = %feed.name(), error = text, "a file could not be worked on; it is tried again");
            app.set_feed_trouble(feed.name(), Some(text));
            folder.retry(&arrival);
        }
        Err(error) => {
            tracing::error!(feed = %feed.name(), %error, "working on a file broke off; it is tried again");
            folder.retry(&arrival);
        }
    }
}

/// Whether another file has to be decided about first; says so where it is.
async fn has_to_wait(app: &App, feed: &Feed, name: &str) -> bool {
    match waits_behind(app, feed, name).await {
        Ok(None) => false,
        Ok(Some(held)) => {
            say_waits(app, feed, name, &held).await;
            true
        }
        Err(error) => {
            let text = crate::error::chain(&error);
            tracing::error!(feed = %feed.name(), error = text, "could not read which file is held");
            app.set_feed_trouble(feed.name(), Some(text));
            true
        }
    }
}

/// The held file that has to be decided about first. Files that say only what changed are taken in
/// their order: one that went ahead of a held one would be undone by it, and one that took its place
/// would have the leavers of it forgotten. Whoever gives a held file up takes it out of its folder.
async fn waits_behind(
    app: &App,
    feed: &Feed,
    name: &str,
) -> Result<Option<FeedFile>, muster_ledger::Error> {
    let held = app.ledger.read()?.feed(feed.name())?;
    let held = held.and_then(|kept| kept.held).map(|held| held.file);
    let Some(held) = held.filter(|held| feed.is_partial(name) && feed.is_partial(&held.name))
    else {
        return Ok(None);
    };
    // After a stop, it may not have been moved yet.
    let is_on_its_way = held.name != name && feed.config.folder.join(&held.name).exists();
    if is_on_its_way || shelf::is_stored(feed, Place::Held, &held.name) {
        return Ok(Some(held));
    }
    tracing::info!(feed = %feed.name(), digest = crate::plugins::short(held.digest), "a held file was given up");
    let subject = format!("feed {}", feed.name());
    let closed = [HELD, WAITS].map(|code| Fact::FindingClosed {
        code,
        subject: subject.clone(),
    });
    let ended = Fact::HoldEnded {
        feed: held.feed,
        digest: held.digest,
        end: HoldEnd::GivenUp,
        by: Actor::Daemon,
    };
    app.say(closed.into_iter().chain([ended]).collect()).await;
    Ok(None)
}

async fn say_waits(app: &App, feed: &Feed, name: &str, held: &FeedFile) {
    let subject = format!("feed {}", feed.name());
    let text = format!(
        "`{name}` and what comes after it waits until `{}`, which is held, was decided about",
        held.name
    );
    let finding = Finding::new(WAITS, Severity::Error, subject, text).hint(
        "look at the held one with `muster apply`; if it is wrong, delete it from the folder `held`",
    );
    let kept = app.ledger.read();
    let kept = kept.and_then(|reader| reader.finding(&WAITS, &finding.subject));
    // Said once for all that wait.
    if kept.is_ok_and(|kept| kept.is_none()) {
        app.open_finding(finding).await;
    }
}

/// What the last accepted file said, where a file of this name can say the same. With it, a
/// re-export in which nothing changed is known while it is read.
fn last_said(app: &App, feed: &Feed, name: &str) -> Result<Option<Content>, FeedError> {
    let reader = app.ledger.read()?;
    // What was asked about its rows may have been answered since.
    let questions = reader.questions()?;
    let asks = |kept: &muster_ledger::kept::Question| kept.question.person.feed == *feed.name();
    if questions.iter().any(|(_, kept)| asks(kept)) {
        return Ok(None);
    }
    let kept = reader.feed(feed.name())?;
    let accepted = kept.and_then(|kept| kept.accepted);
    let content = accepted.map(|accepted| accepted.file.content);
    Ok(content.filter(|content| event::is_comparable(content, name)))
}
