//! What waits for a person beside files and the policy: dates beyond the budget, what a target can give
//! that changed too much, a clock that is far ahead. Each waits under its digest, and nothing else waits
//! for it. After a restart they are found again where they were found before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use muster_config::editor;
use muster_core::actor::{Actor, Operator};
use muster_core::connector::Entitlement;
use muster_core::fact::{Cause, Fact};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::guard;
use muster_core::id::{Digest, FeedName, PersonId, TargetName};
use muster_core::identity::Phase;
use muster_core::subject::Subject;
use muster_ledger::{Committer, Error, Ledger, Reader};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::findings::{Findings, LookedAt};
use crate::planning::{
    Bells, ChangedPerson, Consent, Failed, Maker, Order, Planning, Proposal, Scope, Summary,
};
use crate::targets::Connected;

/// What a target can give changed too much to be taken up without asking.
pub const CATALOGUE: Code = Code::new("PLN-023");

/// Something that waits for a person.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What.
    pub what: Waits,
    /// What it would do.
    pub summary: Summary,
    /// Since when.
    pub since: Timestamp,
}

/// What waits for a person.
#[derive(Clone, Debug)]
pub enum Waits {
    /// People whose date has come, and who are more than go without asking.
    Dates(Vec<PersonId>),
    /// What a target can give now. What it could give before decides until then.
    Catalogue {
        /// The target.
        target: TargetName,
        /// Everything it can give.
        entitlements: Vec<Entitlement>,
        /// What changed, for people.
        changed: String,
    },
    /// That everybody of a retired feed leaves.
    Retired(FeedName),
    /// That the clock is right.
    Clock,
}

impl Waits {
    /// What it is, in a listing of what is held.
    pub fn title(&self) -> String {
        match self {
            Waits::Dates(_) => "dates that have come".to_owned(),
            Waits::Catalogue {
                target, changed, ..
            } => format!("what {target} can give: {changed}"),
            Waits::Retired(feed) => format!("the end of feed {feed}"),
            Waits::Clock => "the clock, which is far ahead".to_owned(),
        }
    }
}

/// What waits for a person beside files and the policy, and what it takes to plan for it.
pub struct Pending {
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
    /// The connected apps.
    pub targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    /// The configuration, whose owner retires a feed.
    pub config_file: PathBuf,
    /// What waits, by what it is about.
    pub waiting: Mutex<BTreeMap<Subject, Waiting>>,
}

type Held<'a> = MutexGuard<'a, BTreeMap<Subject, Waiting>>;

fn held(pending: &Pending) -> Held<'_> {
    pending
        .waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Everything that waits.
pub fn all(pending: &Pending) -> Vec<Waiting> {
    held(pending).values().cloned().collect()
}

/// What waits under this digest.
pub fn of(pending: &Pending, digest: Digest) -> Option<Waiting> {
    let held = held(pending);
    let mut waiting = held.values();
    waiting
        .find(|waiting| waiting.summary.digest == Some(digest))
        .cloned()
}

/// Lets something wait, or goes on to.
pub(super) fn keep(pending: &Pending, subject: &Subject, what: Waits, summary: Summary) {
    let mut held = held(pending);
    let since = held.get(subject).map(|waiting| waiting.since);
    let since = since.unwrap_or_else(|| pending.clock.now());
    let waiting = Waiting {
        what,
        summary,
        since,
    };
    held.insert(subject.clone(), waiting);
}

/// Lets a plan wait, and says why. Waits for the disk.
pub(super) fn begin(pending: &Pending, subject: &Subject, what: Waits, summary: Summary) {
    let digest = summary
        .digest
        .map(crate::plugins::short)
        .unwrap_or_default();
    let hint = format!(
        "`muster apply` shows what it would do, and `muster apply {digest}` applies it; nothing else waits for it"
    );
    let mut findings: Vec<Finding> = summary.exceeded.clone();
    for finding in &mut findings {
        finding.subject = subject.clone();
    }
    if let Waits::Catalogue { changed, .. } = &what {
        let people: u32 = summary.counts.people.values().sum();
        let text = format!(
            "what it can give is other than before ({changed}), which would change {people} people; until somebody decides, it is as before"
        );
        findings.push(Finding::new(
            CATALOGUE,
            Severity::Error,
            subject.clone(),
            text,
        ));
    }
    keep(pending, subject, what, summary);
    let findings = findings.into_iter();
    let findings = findings.map(|finding| finding.hint(hint.clone())).collect();
    pending.findings.settle_blocking(of_hold(subject), findings);
}

/// What is said while something about this waits.
fn of_hold(subject: &Subject) -> LookedAt<'static> {
    let codes = guard::CODES.into_iter().chain([CATALOGUE]);
    LookedAt::of(subject.clone(), codes)
}

/// Ends the waiting about this, on a thread that may wait for the disk.
fn end_blocking(pending: &Pending, subject: &Subject) {
    held(pending).remove(subject);
    pending
        .findings
        .settle_blocking(of_hold(subject), Vec::new());
}

/// Ends the waiting about this.
pub(super) async fn end(pending: &Pending, subject: &Subject) {
    held(pending).remove(subject);
    pending.findings.settle(of_hold(subject), Vec::new()).await;
}

/// What waits while the clock is far ahead of this entry; the same until a newer one is believed.
pub(super) fn of_clock(newest: Timestamp) -> Summary {
    let mut hasher = Sha256::new();
    hasher.update(b"the clock is right after ");
    hasher.update(newest.as_microsecond().to_be_bytes());
    Summary {
        digest: Some(Digest(hasher.finalize().into())),
        ..Summary::default()
    }
}

/// The plan of something that waits; `None` for the clock, which asks for none.
pub fn order(pending: &Pending, what: &Waits) -> Result<Option<Order<'static>>, Failed> {
    static NOTHING: BTreeSet<String> = BTreeSet::new();
    let order = match what {
        Waits::Dates(people) => Order::new(Scope::People(people.clone()), Cause::Date),
        Waits::Catalogue {
            target,
            entitlements,
            ..
        } => {
            let proposal = Proposal::Catalogue {
                target: target.clone(),
                entitlements: entitlements.clone(),
            };
            Order::new(Scope::Everybody, Cause::Policy).proposing(proposal)
        }
        Waits::Retired(feed) => {
            let people = people_here(&pending.ledger.read()?, feed)?.into_iter();
            let people = people.map(|person| (person.key, ChangedPerson::Left));
            let scope = Scope::Changes {
                feed: feed.clone(),
                people: people.collect(),
                carried: &NOTHING,
            };
            Order::new(scope, Cause::FeedRetired(feed.clone()))
        }
        Waits::Clock => return Ok(None),
    };
    Ok(Some(order.by(by_itself(pending, what))))
}

/// Everybody of a feed who has not left.
fn people_here(reader: &Reader, feed: &FeedName) -> Result<Vec<PersonId>, Error> {
    let mut here = Vec::new();
    for person in reader.people(feed)? {
        let person = person?;
        if person.phase != Phase::Ended {
            here.push(person.id);
        }
    }
    Ok(here)
}

/// Who or what brings it about where nobody has to approve it.
fn by_itself(pending: &Pending, what: &Waits) -> Actor {
    match what {
        Waits::Dates(_) => Actor::Date,
        Waits::Catalogue { target, .. } => {
            let target = pending.targets.get(target);
            target.map_or(Actor::Daemon, |target| target.actor())
        }
        Waits::Retired(_) => Actor::Editor(editor::of(&pending.config_file)),
        Waits::Clock => Actor::Daemon,
    }
}

/// Approves exactly what waits under this digest. Where it came out otherwise meanwhile, that waits in
/// its place.
pub async fn approved(
    pending: &Arc<Pending>,
    waiting: Waiting,
    digest: Digest,
    by: &Operator,
) -> Result<Summary, Failed> {
    if matches!(waiting.what, Waits::Clock) {
        let confirmed = vec![Fact::ClockConfirmed];
        pending
            .committer
            .record(pending.clock.now(), by.clone(), confirmed)
            .await?;
        end(pending, &Subject::Clock).await;
        pending.bells.dates().notify_one();
        return Ok(Summary::default());
    }
    let by = Some(Actor::Operator(by.clone()));
    make(pending, waiting.what, Consent::Approved(digest), by).await
}

/// What something that waits is about; `None` for the clock, for which nothing is planned.
fn subject(what: &Waits) -> Option<Subject> {
    match what {
        Waits::Dates(_) => Some(Subject::Dates),
        Waits::Catalogue { target, .. } => Some(target.into()),
        Waits::Retired(feed) => Some(feed.into()),
        Waits::Clock => None,
    }
}

/// Makes the plan of something as far as `consent` goes, and lets it wait beyond that.
async fn make(
    pending: &Arc<Pending>,
    what: Waits,
    consent: Consent,
    by: Option<Actor>,
) -> Result<Summary, Failed> {
    let planner = Arc::clone(pending);
    let made = move |maker: &Maker<'_>| {
        let order = order(&planner, &what)?;
        let (Some(order), Some(subject)) = (order, subject(&what)) else {
            return Ok(Summary::default());
        };
        let order = match by {
            Some(by) => order.by(by),
            None => order,
        };
        let summary = maker.make(order, consent)?;
        if summary.stands() {
            end_blocking(&planner, &subject);
        } else {
            begin(&planner, &subject, what, summary.clone());
        }
        Ok(summary)
    };
    pending.planning.alone(made).await
}

/// Takes up that a target can give something else than before, and plans for everybody. Where that
/// changes too much, it waits, and what the target could give before goes on deciding: HR's files must
/// not wait for it.
pub async fn catalogue_changed(
    pending: &Arc<Pending>,
    target: &TargetName,
    before: &[Entitlement],
    entitlements: Vec<Entitlement>,
) -> Result<(), Failed> {
    let what = Waits::Catalogue {
        target: target.clone(),
        changed: changed(before, &entitlements),
        entitlements,
    };
    make(pending, what, Consent::WithinLimits, None)
        .await
        .map(drop)
}

/// Lets everybody of a feed leave that is used no more. Where these are too many, it waits for a person.
pub async fn feed_retired(pending: &Arc<Pending>, feed: &FeedName) -> Result<(), Failed> {
    let what = Waits::Retired(feed.clone());
    make(pending, what, Consent::WithinLimits, None)
        .await
        .map(drop)
}

/// A target can give again what decides already.
pub async fn catalogue_is_same(pending: &Pending, target: &TargetName) {
    let subject = Subject::from(target);
    let waits = held(pending).contains_key(&subject);
    if waits {
        end(pending, &subject).await;
    }
}

/// Most names that are said.
const NAMED_MAX: usize = 5;

/// What changed: by title, since that is what people know.
fn changed(before: &[Entitlement], now: &[Entitlement]) -> String {
    let has = |all: &[Entitlement], one: &Entitlement| {
        all.iter()
            .any(|other| other.object.same_object(&one.object) && other.title == one.title)
    };
    let gone = before.iter().filter(|one| !has(now, one));
    let new: Vec<&Entitlement> = now.iter().filter(|one| !has(before, one)).collect();
    let mut said = Vec::new();
    for one in gone {
        let name = format!("{} `{}`", one.object.kind, one.title);
        let again = |other: &&&Entitlement| {
            other.object.kind == one.object.kind && other.title == one.title
        };
        said.push(match new.iter().find(again) {
            Some(_) => format!("{name} was deleted and made again"),
            None => format!("{name} is gone"),
        });
    }
    for one in new {
        let name = format!("{} `{}`", one.object.kind, one.title);
        if !said.iter().any(|said: &String| said.starts_with(&name)) {
            said.push(format!("{name} is new"));
        }
    }
    let more = said.len().saturating_sub(NAMED_MAX);
    said.truncate(NAMED_MAX);
    if more > 0 {
        said.push(format!("and {more} more"));
    }
    if said.is_empty() {
        return "what goes with it".to_owned();
    }
    said.join(", ")
}

/// Whether two readings say the same, but for figures that move by themselves.
pub fn is_same_catalogue(one: &[Entitlement], other: &[Entitlement]) -> bool {
    let still = |entitlement: &Entitlement| Entitlement {
        seats: None,
        ..entitlement.clone()
    };
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| still(one) == still(other))
}

#[cfg(test)]
mod tests {
    use muster_core::connector::{ObjectRef, Seats};

    use super::*;

    fn licence(title: &str, consumed: u32) -> Entitlement {
        Entitlement {
            object: ObjectRef {
                kind: "license-seat".to_owned(),
                id: "e-1".to_owned(),
                container: None,
                revision: None,
                name_hint: None,
            },
            class: "license-seat".to_owned(),
            title: title.to_owned(),
            exclusion_group: None,
            requires: Vec::new(),
            seats: Some(Seats {
                sku: "E1".to_owned(),
                purchased: Some(100 + consumed),
                consumed: Some(consumed),
            }),
            is_grantable: true,
            is_revocable: true,
        }
    }

    #[test]
    fn c50_seats_that_move_make_no_other_catalogue() {
        let before = [licence("Enterprise", 7)];
        assert!(is_same_catalogue(&before, &[licence("Enterprise", 8)]));
        assert!(!is_same_catalogue(&before, &[licence("Enterprise 2", 7)]));
        assert!(!is_same_catalogue(&before, &[]));
        let mut taken_back = licence("Enterprise", 7);
        taken_back.is_grantable = false;
        assert!(!is_same_catalogue(&before, &[taken_back]));
    }
}
