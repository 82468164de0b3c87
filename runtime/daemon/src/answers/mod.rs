//! What the daemon is asked, and how it answers: one file a question, with its route, what it is asked by, where the answer
//! comes from, and how it is shown. [`present`] turns the core's types into those of the API. Which route leads to which
//! file stands in the tables of the doors: [`crate::server::admin`] and [`crate::server::public`].
//!
//! Each question is given the handles that it needs, and nothing else; the structs here say which there are. Answers
//! come from one snapshot, so that they belong together, on threads that may wait for the disk. Only these change
//! anything: `delivery`, `apply`, `retry`, `decide`, `join` and `drift`, each of which answers when the change is durable; and `believe`,
//! which is forgotten at a stop.

pub(crate) mod accounts;
pub(crate) mod apply;
pub(crate) mod asking;
pub(crate) mod believe;
mod dated;
pub(crate) mod decide;
pub(crate) mod decisions;
pub(crate) mod delivery;
pub(crate) mod drift;
pub(crate) mod findings;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod join;
pub(crate) mod ledger;
pub(crate) mod metrics;
pub(crate) mod operations;
pub(crate) mod operator;
pub(crate) mod people;
pub(crate) mod person;
pub(crate) mod plans;
pub(crate) mod plugins;
pub mod present;
pub(crate) mod preview;
pub(crate) mod progress;
pub(crate) mod ready;
pub(crate) mod refusal;
pub(crate) mod remarks;
pub(crate) mod retry;
pub(crate) mod standings;
pub(crate) mod status;
pub(crate) mod what_if;
pub(crate) mod why;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Json;
use axum::extract::FromRef;
use jiff::Timestamp;
use muster_api::error::{API_BROKEN, API_UNUSABLE, Fault, FaultKind};
use muster_api::v1;
use muster_config::Config;
use muster_core::coded::chain;
use muster_core::id::{FeedName, PersonId, TargetName};
use muster_core::person::Person;
use muster_ledger::{Committer, Ledger, Reader};

use crate::clock::Clock;
use crate::driver::Activity;
use crate::feeds::{Feed, FeedError, Obstacles};
use crate::planning::{Bells, KnownTargets, Planning};
use crate::plugins::Library;
use crate::replan::Deciding;
use crate::replan::waiting::Pending;
use crate::targets::Connected;
use asking::ListPage;
use refusal::Refusal;

/// What a question is answered with.
pub(crate) type Answered<T> = Result<Json<T>, Refusal>;

/// What the doors lead to: every question finds its handles in here. Cheap to clone.
#[derive(Clone)]
pub struct Answers {
    /// How the daemon stands.
    pub health: Arc<Health>,
    /// What the ledger has.
    pub listings: Arc<Listings>,
    /// What would change.
    pub previews: Arc<Previews>,
    /// What waits for a person.
    pub waiting: Arc<Waiting>,
    /// What a person approves.
    pub approvals: Arc<Approvals>,
    /// What somebody decides about a person.
    pub standings: Arc<Standings>,
    /// What a person has done at once.
    pub orders: Arc<Orders>,
    /// What hooks bring.
    pub deliveries: Arc<Deliveries>,
}

/// How the daemon stands: its feeds and targets, what it counts, and whether it takes work.
pub struct Health {
    /// When the daemon started.
    pub started_at: Timestamp,
    /// Whether the daemon is ready to take work.
    pub ready: Arc<AtomicBool>,
    /// What is configured.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The policy that decides.
    pub planning: Arc<Planning>,
    /// Which edited policy waits.
    pub deciding: Arc<Deciding>,
    /// What else waits for a person.
    pub pending: Arc<Pending>,
    /// What stands in the way of feeds.
    pub obstacles: Arc<Obstacles>,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What the drivers have done.
    pub activity: Arc<BTreeMap<TargetName, Arc<Activity>>>,
    /// The plugins.
    pub library: Arc<Library>,
}

/// What the ledger has, told with the names that people know.
pub struct Listings {
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The clock.
    pub clock: Clock,
    /// The policy that decides.
    pub planning: Arc<Planning>,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What is known of them.
    pub known: Arc<KnownTargets>,
}

/// What would change.
pub struct Previews {
    /// The ledger, to read.
    pub ledger: Ledger,
    /// What is configured.
    pub config: Arc<Config>,
    /// What plans are previewed by.
    pub planning: Arc<Planning>,
    /// What is known of the targets.
    pub known: Arc<KnownTargets>,
    /// Which policy decides.
    pub deciding: Arc<Deciding>,
}

/// What waits for a person.
pub struct Waiting {
    /// What is configured.
    pub config: Arc<Config>,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// What waits, an edited policy among it.
    pub deciding: Arc<Deciding>,
    /// What waits beside files and the policy.
    pub pending: Arc<Pending>,
}

/// What it takes to have something that waits take effect.
pub struct Approvals {
    /// The clock.
    pub clock: Clock,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// What makes plans.
    pub planning: Arc<Planning>,
    /// The wake-ups.
    pub bells: Bells,
}

/// What it takes to decide about a person, beside the policy.
pub struct Standings {
    /// What makes plans, by the policy that decides.
    pub planning: Arc<Planning>,
    /// What is known of the targets.
    pub known: Arc<KnownTargets>,
}

/// What a person has done at once: another attempt, an account put right, a listing believed.
pub struct Orders {
    /// The clock.
    pub clock: Clock,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// The wake-ups.
    pub bells: Bells,
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// What is known of them.
    pub known: Arc<KnownTargets>,
}

/// What hooks bring.
pub struct Deliveries {
    /// What is configured.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, for everything small.
    pub committer: Committer,
    /// The wake-ups.
    pub bells: Bells,
}

impl FromRef<Answers> for Arc<Health> {
    fn from_ref(answers: &Answers) -> Self {
        Arc::clone(&answers.health)
    }
}

impl FromRef<Answers> for Arc<Listings> {
    fn from_ref(answers: &Answers) -> Self {
        Arc::clone(&answers.listings)
    }
}

impl FromRef<Answers> for Arc<Previews> {
    fn from_ref(answers: &Answers) -> Self {
        Arc::clone(&answers.previews)
    }
}

impl FromRef<Answers> for Arc<Waiting> {
    fn from_ref(answers: &Answers) -> Self {
        Arc::clone(&answers.waiting)
    }
}

impl FromRef<Answers> for Arc<Approvals> {
    fn from_ref(answers: &Answers) -> Self {
        Arc::clone(&answers.approvals)
    }
}

impl FromRef<Answers> for Arc<Standings> {
    fn from_ref(answers: &Answers) -> Self {
        Arc::clone(&answers.standings)
    }
}

impl FromRef<Answers> for Arc<Orders> {
    fn from_ref(answers: &Answers) -> Self {
        Arc::clone(&answers.orders)
    }
}

/// Asks on a thread that may wait for the disk.
async fn ask<H: Send + Sync + 'static, T: Send + 'static>(
    handles: &Arc<H>,
    question: impl FnOnce(&H) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let handles = Arc::clone(handles);
    tokio::task::spawn_blocking(move || question(&handles))
        .await
        .unwrap_or_else(|error| {
            Err(Fault::new(
                FaultKind::Broken,
                API_BROKEN,
                format!("the answer broke off: {error}"),
            ))
        })
}

/// The same, as the answer to a request.
async fn answered<H: Send + Sync + 'static, T: Send + 'static>(
    handles: Arc<H>,
    question: impl FnOnce(&H) -> Result<T, Fault> + Send + 'static,
) -> Answered<T> {
    Ok(Json(ask(&handles, question).await?))
}

/// The ledger's failure as an answer.
pub(crate) fn broken(error: &muster_ledger::Error) -> Fault {
    // After a lasting error the ledger is opened again: whoever asks later may have an answer.
    let kind = if error.is_lasting() {
        FaultKind::Unavailable
    } else {
        FaultKind::Broken
    };
    Fault::of(kind, error)
}

/// What a file or a plan led to instead of an answer.
fn failed(error: &FeedError) -> Fault {
    Fault::new(FaultKind::Broken, API_BROKEN, chain(error))
        .hint("nothing was changed; see the daemon's log")
}

fn read(ledger: &Ledger) -> Result<Reader, Fault> {
    ledger.read().map_err(|error| broken(&error))
}

/// A feed as configured.
pub(crate) fn feed(config: &Config, name: &FeedName) -> Result<Feed, Fault> {
    let feed = config.feeds.get(name).ok_or_else(|| {
        Fault::not_found("feed", name.as_str()).hint("`muster status` lists the feeds")
    })?;
    Feed::new(feed, config.daemon.file_bytes_max).map_err(|errors| {
        let text = errors.first().map(ToString::to_string).unwrap_or_default();
        Fault::new(
            FaultKind::Broken,
            API_BROKEN,
            format!("the mapping of feed `{name}` cannot be used: {text}"),
        )
    })
}

/// Walks everybody from the cursor on until the page is full. The cursor is the last person, so a
/// page may have a few items more than its limit: one person's items are never parted.
fn page_of_people<T>(
    reader: &Reader,
    page: &ListPage,
    mut collect: impl FnMut(&Person, &mut Vec<T>),
) -> Result<v1::Page<T>, Fault> {
    let after = page
        .cursor
        .as_deref()
        .map(PersonId::parse)
        .transpose()
        .map_err(|error| {
            Fault::new(
                FaultKind::Refused,
                API_UNUSABLE,
                format!("the cursor is unusable: {error}"),
            )
        })?;
    let mut items = Vec::new();
    let people = reader
        .everybody_after(after.as_ref())
        .map_err(|error| broken(&error))?;
    for person in people {
        let person = person.map_err(|error| broken(&error))?;
        collect(&person, &mut items);
        if items.len() >= page.limit {
            return Ok(v1::Page {
                items,
                next: Some(person.id.to_string()),
            });
        }
    }
    Ok(v1::Page { items, next: None })
}
