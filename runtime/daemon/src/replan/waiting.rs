//! Plans for what waits for a person beside files and the policy: dates beyond the budget, what a target can give
//! that changed too much, a feed that is used no more. A clock that is far ahead waits, too, and asks for no plan. Each
//! waits under its digest, and nothing else waits for it. After a restart they are judged anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use muster_config::editor;
use muster_core::actor::{Actor, Operator};
use muster_core::connector::Entitlement;
use muster_core::fact::{Cause, Fact};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::guard;
use muster_core::hold::{About, End, Hold, What};
use muster_core::id::{Digest, FeedName, PersonId, TargetName};
use muster_core::identity::Phase;
use muster_core::subject::Subject;
use muster_ledger::{Committer, Error, Ledger, Reader};
use sha2::{Digest as _, Sha256};

use super::holds::{self, Holds, ended};
use crate::clock::Clock;
use crate::findings::{Findings, LookedAt};
use crate::planning::{
    Bells, ChangedPerson, Consent, Failed, Maker, Order, Planning, Proposal, Scope, Summary,
};
use crate::targets::Connected;

/// What a target can give changed too much to be taken up without asking.
pub const CATALOGUE: Code = Code::new("PLN-023");

/// What it takes to plan for what waits beside files and the policy.
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
    /// What waits for a person.
    pub holds: Arc<Holds>,
}

/// What is said of something that waits is about this.
fn subject(about: &About) -> Subject {
    match about {
        About::File(feed) | About::Retired(feed) => feed.into(),
        About::Policy => Subject::Policy,
        About::Dates => Subject::Dates,
        About::Clock => Subject::Clock,
        About::Catalogue(target) => target.into(),
        About::Record(record) => record.into(),
    }
}

/// Lets a plan wait, and says why. Waits for the disk.
pub(super) fn begin(
    pending: &Pending,
    maker: &Maker<'_>,
    (what, summary): (What, &Summary),
    by: Actor,
) -> Result<(), Failed> {
    let (about, findings) = (what.about(), said(&what, summary));
    let hold = pending.holds.about(&about)?;
    let now = holds::of_plan(what, summary, pending.clock.now());
    if let Some(opened) = holds::opened(hold.as_ref(), now) {
        maker.record(by, &[opened])?;
    }
    let scope = of_hold(&about);
    pending.holds.judge(about);
    pending.findings.settle_blocking(scope, findings);
    Ok(())
}

/// Why a plan waits, for people.
fn said(what: &What, summary: &Summary) -> Vec<Finding> {
    let digest = summary.digest.map(Digest::short).unwrap_or_default();
    let hint = format!(
        "`muster apply` shows what it would do, and `muster apply {digest}` applies it; nothing else waits for it"
    );
    let subject = subject(&what.about());
    let mut findings: Vec<Finding> = summary.exceeded.clone();
    for finding in &mut findings {
        finding.subject = subject.clone();
    }
    if let What::Catalogue { changed, .. } = what {
        let people: u32 = summary.counts.people.values().sum();
        let text = format!(
            "what it can give is other than before ({changed}), which would change {people} people; until somebody decides, it is as before"
        );
        findings.push(Finding::new(CATALOGUE, Severity::Error, subject, text));
    }
    let findings = findings.into_iter();
    findings.map(|finding| finding.hint(hint.clone())).collect()
}

/// What is said while something about this waits.
fn of_hold(about: &About) -> LookedAt<'static> {
    let codes = guard::CODES.into_iter().chain([CATALOGUE]);
    LookedAt::of(subject(about), codes)
}

/// Ends the waiting about this: nothing is left to decide, or it was taken back.
pub async fn end(
    pending: &Pending,
    about: &About,
    end: End,
    by: Actor,
) -> Result<(), muster_ledger::Error> {
    pending.holds.end(about, end, by).await?;
    pending.findings.settle(of_hold(about), Vec::new()).await;
    Ok(())
}

/// What waits while the clock is far ahead of this entry; the same until a newer one is believed.
pub(super) fn of_clock(newest: Timestamp, since: Timestamp) -> Hold {
    let mut hasher = Sha256::new();
    hasher.update(b"the clock is right after ");
    hasher.update(newest.as_microsecond().to_be_bytes());
    let summary = Summary {
        digest: Some(Digest(hasher.finalize().into())),
        ..Summary::default()
    };
    holds::of_plan(What::Clock, &summary, since)
}

/// The plan of something that waits; `None` for the clock, which asks for none, and for files policies and records,
/// which are decided about elsewhere.
pub fn order(pending: &Pending, what: &What) -> Result<Option<Order<'static>>, Failed> {
    static NOTHING: BTreeSet<String> = BTreeSet::new();
    let order = match what {
        What::Dates(people) => Order::new(Scope::People(people.clone()), Cause::Date),
        What::Catalogue {
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
        What::Retired(feed) => {
            let people = people_here(&pending.ledger.read()?, feed)?.into_iter();
            let people = people.map(|person| (person.key, ChangedPerson::Left));
            let scope = Scope::Changes {
                feed: feed.clone(),
                people: people.collect(),
                carried: &NOTHING,
            };
            Order::new(scope, Cause::FeedRetired(feed.clone()))
        }
        What::Clock | What::File(_) | What::Policy(_) | What::Record(_) => return Ok(None),
    };
    Ok(Some(order.by(by_itself(pending, what))))
}

/// The records of everybody of a feed who has not left.
fn people_here(reader: &Reader, feed: &FeedName) -> Result<Vec<PersonId>, Error> {
    let mut here = Vec::new();
    for person in reader.people(feed)? {
        let person = person?;
        if person.phase != Phase::Ended {
            here.push(person.id);
        }
    }
    // Whoever has a record of another feed, too, goes on being here by that.
    for row in reader.further_records(feed)? {
        let (record, whose) = row?;
        let person = reader.person(&whose)?;
        let record_kept = person.and_then(|mut person| person.records.remove(&record));
        if record_kept.is_some_and(|kept| kept.is_present) && !here.contains(&record) {
            here.push(record);
        }
    }
    Ok(here)
}

/// Who or what brings it about where nobody has to approve it.
fn by_itself(pending: &Pending, what: &What) -> Actor {
    match what {
        What::Dates(_) => Actor::Date,
        What::Catalogue { target, .. } => {
            let target = pending.targets.get(target);
            target.map_or(Actor::Daemon, |target| target.actor())
        }
        What::Retired(_) => Actor::Editor(editor::of(&pending.config_file)),
        What::Clock | What::File(_) | What::Policy(_) | What::Record(_) => Actor::Daemon,
    }
}

/// Approves exactly what waits under this digest. Where it came out otherwise meanwhile, that waits in
/// its place. `None` if nothing waits under this digest any more.
pub async fn approved(
    pending: &Arc<Pending>,
    digest: Digest,
    by: &Operator,
) -> Result<Option<Summary>, Failed> {
    let clock = pending.holds.of_plan(digest)?;
    if let Some(hold) = clock.filter(|hold| hold.what == What::Clock) {
        let confirmed = vec![Fact::ClockConfirmed, hold.decided(End::Approved)];
        let recorded = pending
            .committer
            .record(pending.clock.now(), by.clone(), confirmed);
        recorded.await?;
        pending.bells.dates().notify_one();
        return Ok(Some(Summary::default()));
    }
    let (planner, by) = (Arc::clone(pending), by.clone());
    let approved = move |maker: &Maker<'_>| {
        let Some(hold) = planner.holds.of_plan(digest)? else {
            return Ok(None);
        };
        let consent = Consent::Approved(digest);
        take(&planner, maker, hold.what, consent, Some(by.into())).map(Some)
    };
    pending.planning.alone(approved).await
}

/// Makes the plan of something as far as it goes without asking, and lets it wait beyond that.
async fn make(pending: &Arc<Pending>, what: What) -> Result<Summary, Failed> {
    let planner = Arc::clone(pending);
    let made = move |maker: &Maker<'_>| take(&planner, maker, what, Consent::WithinLimits, None);
    pending.planning.alone(made).await
}

/// Makes the plan of something as far as `consent` goes, and lets it wait beyond that. `by` has approved it.
fn take(
    pending: &Pending,
    maker: &Maker<'_>,
    what: What,
    consent: Consent,
    by: Option<Actor>,
) -> Result<Summary, Failed> {
    let Some(order) = order(pending, &what)? else {
        return Ok(Summary::default());
    };
    let about = what.about();
    let hold = pending.holds.about(&about)?;
    let itself = by_itself(pending, &what);
    let (by, end, opener) = match by {
        // Whoever approved of something else has not asked for this.
        Some(by) => (by, End::Approved, Actor::Daemon),
        None => (itself.clone(), End::Over, itself),
    };
    let over = ended(hold.as_ref(), end).into_iter().collect();
    let summary = maker.make(order.with(over).by(by.clone()), consent)?;
    if summary.stands() {
        pending.holds.end_rest(maker, (&about, end), by)?;
        let scope = of_hold(&about);
        pending.findings.settle_blocking(scope, Vec::new());
    } else {
        begin(pending, maker, (what, &summary), opener)?;
    }
    Ok(summary)
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
    let what = What::Catalogue {
        target: target.clone(),
        changed: changed(before, &entitlements),
        entitlements,
    };
    make(pending, what).await.map(drop)
}

/// Lets everybody of a feed leave that is used no more. Where these are too many, it waits for a person.
pub async fn feed_retired(pending: &Arc<Pending>, feed: &FeedName) -> Result<(), Failed> {
    make(pending, What::Retired(feed.clone())).await.map(drop)
}

/// A target can give again what decides already.
pub async fn catalogue_is_same(pending: &Pending, target: &Connected) -> Result<(), Failed> {
    let about = About::Catalogue(target.name().clone());
    if pending.holds.about(&about)?.is_some() {
        end(pending, &about, End::Over, target.actor()).await?;
    }
    Ok(())
}

/// Judges what waited of catalogues when the daemon stopped and was not read again since: their targets may not
/// answer yet.
pub async fn catalogues_again(pending: &Arc<Pending>) -> Result<(), Failed> {
    let holds = pending.ledger.read()?.holds()?;
    for hold in holds {
        let about = hold.about();
        let What::Catalogue { target, .. } = &hold.what else {
            continue;
        };
        if pending.holds.is_judged(&about) {
            continue;
        }
        if pending.targets.contains_key(target) {
            make(pending, hold.what).await?;
        } else {
            let by = Actor::Editor(editor::of(&pending.config_file));
            end(pending, &about, End::GivenUp, by).await?;
        }
    }
    Ok(())
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
