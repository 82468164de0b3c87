//! What becomes of a file that a feed brought: accepted, held or rejected, recorded in one
//! transaction with the plan that it led to, then moved away with a report beside it.
//!
//! The order makes a stop harmless at any point. Until the transaction is durable the file lies in
//! the drop folder and arrives again; afterwards it says the same as the last accepted or held file,
//! changes nothing, and is only moved.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use muster_core::fact::{Cause, Content, Counts, Fact, FeedFile};
use muster_core::finding::{Code, Finding};
use muster_core::id::{Digest, FeedName};
use muster_core::identity::Status;
use muster_core::mapping::{Columns, InvalidMapping, Mapping, StatusRule};

use crate::api::v1::HookEventKind;
use crate::app::App;
use crate::config::{self, FeedKind};
use crate::intake::folder::place::{MoveError, Place, Places};
use crate::intake::folder::{self, Arrival, Folder, FolderEvent, FolderOptions, ReadError};
use crate::intake::report::{People, Reason, Report};
use crate::intake::{
    IntakeOptions, LastLineBreak, Opened, Problem, Problems, Reading, Snapshot, Trailer, Verdict,
};
use crate::planning::{self, ChangedPerson, Consent, Order, Scope, Summary};

pub mod event;

/// A file waits for a person.
pub const HELD: Code = Code::new("FEED-001");
/// A file could not be used.
pub const REJECTED: Code = Code::new("FEED-002");

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

/// What was decided about a file.
#[derive(Debug)]
pub struct Decision {
    /// What became of it.
    pub verdict: Verdict,
    /// The file.
    pub file: FeedFile,
    /// What is to be said about its rows.
    pub problems: Problems,
    /// Its people, where they could be read.
    pub people: Option<People>,
    /// What it changes, or would change.
    pub summary: Option<Summary>,
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
        };
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
        IntakeOptions { is_change_set, ..self.options.clone() }
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

    /// What the feed's rows say, by key; in the order of the keys.
    fn changes(
        snapshot: &Snapshot,
    ) -> Result<Vec<(muster_core::id::PersonKey, ChangedPerson)>, planning::Failed> {
        snapshot
            .people()
            .map(|person| {
                let person = person.map_err(|problem| planning::Failed::Row(problem.text))?;
                Ok((person.key, ChangedPerson::Row(person.identity)))
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
                app.set_feed_trouble(feed.name(), Some(text));
                tokio::select! {
                    () = tokio::time::sleep(feed.config.poll) => {}
                    _ = stop.changed() => return,
                }
            }
        }
    };
    app.set_feed_trouble(feed.name(), None);
    while !*stop.borrow() {
        let event = tokio::select! {
            event = folder.next() => event,
            _ = stop.changed() => return,
        };
        match event {
            FolderEvent::Arrived(arrival) => take(&app, &feed, &mut folder, arrival).await,
            FolderEvent::Remarked(problem) => {
                let subject = format!("feed {}", feed.name());
                app.open_finding(of_problem(&subject, &problem)).await;
            }
        }
    }
}

fn of_problem(subject: &str, problem: &Problem) -> Finding {
    Finding::new(
        problem.code.clone(),
        muster_core::finding::Severity::Warning,
        subject,
        problem.text.clone(),
    )
    .hint(problem.hint.clone())
}

async fn take(app: &Arc<App>, feed: &Feed, folder: &mut Folder, arrival: Arrival) {
    let _one_at_a_time = app.planning.lock().await;
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
        decide(
            &planner,
            &of_feed,
            &name,
            opened,
            Consent::WithinLimits,
            &mut nobody,
        )
    });
    match decided.await {
        Ok(Ok(decision)) => {
            app.set_feed_trouble(feed.name(), None);
            app.wake_all();
            put_away(app, feed, folder.places(), &arrival, &decision).await;
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

/// Decides about a file and records it, as far as `consent` goes. Nothing is moved.
pub fn decide(
    app: &App,
    feed: &Feed,
    name: &str,
    opened: Opened,
    consent: Consent,
    watch: planning::Watch<'_>,
) -> Result<Decision, FeedError> {
    let file = FeedFile {
        feed: feed.name().clone(),
        name: name.to_owned(),
        digest: opened.digest,
        content: opened.content,
    };
    if consent == Consent::WithinLimits && is_unchanged(app, &file, &opened)? {
        let facts = accepted(app, &file, None)?;
        app.ledger.write(app.clock.now(), |writer| {
            facts
                .iter()
                .try_for_each(|fact| writer.record(fact).map(drop))
        })?;
        let summary = Some(Summary::default());
        return Ok(Decision {
            verdict: Verdict::Accepted,
            file,
            problems: opened.problems,
            people: None,
            summary,
        });
    }
    let mut problems = opened.problems;
    let snapshot = match opened.sheet {
        None => None,
        Some(sheet) => {
            let Reading {
                problems: of_rows,
                snapshot,
            } = Snapshot::read(sheet, feed.mapping(name), &feed.options(name));
            problems.merge(of_rows);
            snapshot
        }
    };
    let people = snapshot.as_ref().map(People::of);
    let verdict = problems.verdict();
    let summary = match &snapshot {
        Some(snapshot) if verdict != Verdict::Rejected => {
            // A file that is held for its content is planned, too: to show what approving it means.
            let consent = match (verdict, consent) {
                (Verdict::Held, Consent::WithinLimits) => Consent::Preview,
                (_, consent) => consent,
            };
            Some(plan(app, feed, &file, snapshot, consent, watch)?)
        }
        Some(_) | None => None,
    };
    let mut decision = Decision {
        verdict,
        file,
        problems,
        people,
        summary,
    };
    if consent == Consent::WithinLimits {
        record_refusal(app, &mut decision)?;
    }
    Ok(decision)
}

/// What the last accepted file said, where a file of this name can say the same. With it, a
/// re-export in which nothing changed is known while it is read.
fn last_said(app: &App, feed: &Feed, name: &str) -> Result<Option<Content>, FeedError> {
    let kept = app.ledger.read()?.feed(feed.name())?;
    let accepted = kept.and_then(|kept| kept.accepted);
    let content = accepted.map(|accepted| accepted.file.content);
    Ok(content.filter(|content| event::is_comparable(content, name)))
}

/// Whether a file says what the last accepted one said, in whichever order.
fn is_unchanged(app: &App, file: &FeedFile, opened: &Opened) -> Result<bool, FeedError> {
    if opened.problems.verdict() != Verdict::Accepted
        || !event::is_comparable(&file.content, &file.name)
    {
        return Ok(false);
    }
    let kept = app.ledger.read()?.feed(&file.feed)?;
    Ok(kept
        .and_then(|kept| kept.accepted)
        .is_some_and(|accepted| accepted.file.content == file.content))
}

/// What is recorded of an accepted file: itself, and that a file that was held has been overtaken.
fn accepted(
    app: &App,
    file: &FeedFile,
    plan: Option<muster_core::id::PlanId>,
) -> Result<Vec<Fact>, FeedError> {
    let mut facts = vec![Fact::FileAccepted {
        file: file.clone(),
        plan,
    }];
    let reader = app.ledger.read()?;
    let subject = format!("feed {}", file.feed);
    for code in [HELD, REJECTED] {
        if reader.finding(&code, &subject)?.is_some() {
            let subject = subject.clone();
            facts.push(Fact::FindingClosed { code, subject });
        }
    }
    if let Some(held) = reader.feed(&file.feed)?.and_then(|kept| kept.held) {
        let by = if held.file.digest == file.digest {
            "approval"
        } else {
            "a newer file"
        };
        facts.push(Fact::HoldEnded {
            feed: file.feed.clone(),
            digest: held.file.digest,
            by: by.to_owned(),
        });
    }
    Ok(facts)
}

fn plan(
    app: &App,
    feed: &Feed,
    file: &FeedFile,
    snapshot: &Snapshot,
    consent: Consent,
    watch: planning::Watch<'_>,
) -> Result<Summary, FeedError> {
    let known = app.known.load_full();
    let limits = app.limits(Some(feed.name()));
    let is_partial = feed.config.kind == FeedKind::Changes || event::is_event(&file.name);
    let scope = if is_partial {
        let mut people = Feed::changes(snapshot)?;
        event::mark_leavers(&file.name, &mut people);
        Scope::Changes {
            feed: feed.name(),
            people,
            carried: &feed.carried,
        }
    } else {
        Scope::File {
            feed: feed.name(),
            snapshot,
            carried: &feed.carried,
        }
    };
    let cause = Cause::File {
        feed: feed.name().clone(),
        name: file.name.clone(),
        digest: file.digest,
    };
    let order = Order {
        scope,
        cause,
        consent,
        limits: &limits,
    };
    // Read before the plan's transaction begins: a hold only ends through the lock that we hold.
    let facts = accepted(app, file, None)?;
    let mut beside = |summary: &Summary| {
        let plan = summary.plan.as_ref().map(|plan| plan.id);
        let of_file = |fact: &Fact| match fact {
            Fact::FileAccepted { file, .. } => Fact::FileAccepted {
                file: file.clone(),
                plan,
            },
            other => other.clone(),
        };
        facts.iter().map(of_file).collect()
    };
    Ok(planning::make(
        &app.ledger,
        app.world(&known),
        order,
        watch,
        &mut beside,
    )?)
}

/// Records that a file was held or rejected; turns an accepted one into a held one where the plan
/// takes too much.
fn record_refusal(app: &App, decision: &mut Decision) -> Result<(), FeedError> {
    let exceeded = decision
        .summary
        .as_ref()
        .map(|summary| summary.exceeded.clone())
        .unwrap_or_default();
    if decision.verdict == Verdict::Accepted && !exceeded.is_empty() {
        decision.verdict = Verdict::Held;
    }
    let mut reasons: Vec<Code> = decision.problems.reasons();
    reasons.extend(exceeded.iter().map(|finding| finding.code.clone()));
    reasons.sort();
    reasons.dedup();
    let file = decision.file.clone();
    let said = refusal_finding(decision.verdict, &file, &reasons);
    let fact = match decision.verdict {
        Verdict::Accepted => return Ok(()),
        Verdict::Held => {
            let plan_digest = decision.summary.as_ref().and_then(|summary| summary.digest);
            Fact::FileHeld {
                file,
                plan_digest,
                reasons,
            }
        }
        Verdict::Rejected => Fact::FileRejected { file, reasons },
    };
    app.ledger.write(app.clock.now(), |writer| {
        writer.record(&fact)?;
        writer.record(Fact::FindingOpened(said))
    })?;
    Ok(())
}

fn refusal_finding(verdict: Verdict, file: &FeedFile, reasons: &[Code]) -> Finding {
    let codes: Vec<&str> = reasons.iter().map(Code::as_str).collect();
    let (code, hint) = match verdict {
        Verdict::Rejected => (REJECTED, "mend the file and drop it again"),
        Verdict::Held | Verdict::Accepted => (
            HELD,
            "look at it with `muster apply`, or drop the right file",
        ),
    };
    let text = format!(
        "`{}` is {}: {}; the report beside the file says why",
        file.name,
        verdict.as_str(),
        codes.join(", ")
    );
    let subject = format!("feed {}", file.feed);
    Finding::new(code, muster_core::finding::Severity::Error, subject, text).hint(hint)
}

/// Moves a file that was decided about to its place, with the reports beside it.
async fn put_away(app: &App, feed: &Feed, places: &Places, arrival: &Arrival, decision: &Decision) {
    let place = match decision.verdict {
        Verdict::Accepted => Place::Processed,
        Verdict::Held => Place::Held,
        Verdict::Rejected => Place::Rejected,
    };
    let at = app.clock.now();
    let name = arrival
        .path
        .file_name()
        .unwrap_or_else(|| OsStr::new("file"));
    tracing::info!(
        feed = %feed.name(),
        verdict = decision.verdict.as_str(),
        digest = crate::plugins::short(decision.file.digest),
        people = decision.people.map_or(0, |people| people.people),
        "file decided"
    );
    match places.put_away(name, arrival.stamp, place, at) {
        Ok(stored) => write_reports(app, feed, places, &stored, decision, at).await,
        // Another file of the same name took its place meanwhile: it arrives by itself.
        Err(MoveError::Replaced { .. }) => {}
        Err(error) => {
            let text = crate::error::chain(&error);
            tracing::error!(feed = %feed.name(), error = text, "could not move a file");
            app.set_feed_trouble(feed.name(), Some(text));
        }
    }
}

/// Writes the reports beside a stored file.
pub async fn write_reports(
    app: &App,
    feed: &Feed,
    places: &Places,
    stored: &Path,
    decision: &Decision,
    at: Timestamp,
) {
    let exceeded = decision
        .summary
        .iter()
        .flat_map(|summary| &summary.exceeded);
    let reasons: Vec<Reason> = exceeded
        .map(|finding| Reason {
            code: finding.code.clone(),
            text: finding.text.clone(),
            hint: finding.hint.clone(),
        })
        .collect();
    let next = next_step(decision);
    let counts: Option<&Counts> = decision.summary.as_ref().map(|summary| &summary.counts);
    let report = Report {
        feed: feed.name().as_str(),
        file: &decision.file.name,
        at,
        verdict: decision.verdict,
        digest: decision.file.digest,
        content: decision.file.content,
        problems: &decision.problems,
        people: decision.people,
        counts,
        reasons: &reasons,
        next: &next,
    };
    for (end, text) in [
        (".report.txt", report.text()),
        (".report.json", report.json()),
    ] {
        if let Err(error) = places.write_beside(stored, end, &text) {
            tracing::error!(feed = %feed.name(), %error, "could not write a report");
            app.set_feed_trouble(
                feed.name(),
                Some(format!("could not write a report: {error}")),
            );
        }
    }
}

fn next_step(decision: &Decision) -> String {
    let digest = decision.summary.as_ref().and_then(|summary| summary.digest);
    match (decision.verdict, digest) {
        (Verdict::Held, Some(digest)) => format!(
            "if the file is right, IT applies exactly this with: muster apply {}; if not, drop the right file",
            crate::plugins::short(digest)
        ),
        (Verdict::Held, None) | (Verdict::Rejected, _) => {
            "mend the file and drop it again".to_owned()
        }
        (Verdict::Accepted, _) => String::new(),
    }
}

/// The held file with this digest, wherever it lies in the folder `held`.
pub fn find_held(feed: &Feed, digest: Digest, name: &str) -> Result<PathBuf, FeedError> {
    let gone = || FeedError::HeldFileGone {
        name: name.to_owned(),
    };
    let folder = Places::create(&feed.config.folder)
        .map_err(|_| gone())?
        .path(Place::Held);
    let files = std::fs::read_dir(folder).map_err(|_| gone())?;
    let mut candidates: Vec<PathBuf> = files
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| {
            path.is_file()
                && path
                    .file_name()
                    .is_some_and(|stored| stored.to_string_lossy().ends_with(name))
        })
        .collect();
    candidates.sort();
    candidates
        .into_iter()
        .rev()
        .find(|path| sha256_of(path) == Some(digest))
        .ok_or_else(gone)
}

fn sha256_of(path: &Path) -> Option<Digest> {
    use sha2::{Digest as _, Sha256};
    let bytes = std::fs::read(path).ok()?;
    Some(Digest(Sha256::digest(&bytes).into()))
}
