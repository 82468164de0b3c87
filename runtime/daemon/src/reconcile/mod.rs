//! Reads what the targets really hold: what they can give, and whose accounts are there.
//!
//! A listing counts only where it is proven whole, and one that lacks much of what is known is doubted
//! even then. What a listing shows otherwise than the ledger has it is looked at one by one (`inspect`)
//! before anything follows. Accounts that are being worked on are left out, and the rest is compared all
//! the same. Accounts that nobody here owns are reported and never touched.

mod inspect;
mod right;
mod taken_over;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_core::coded::chain;
use muster_core::connector::{
    AccountState, Entitlement, ObjectRef, Problem, RemoteAccount, Scalar,
};
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{Action, later};
use muster_core::person::Account;
use muster_core::redact;
use muster_core::subject::Subject;
use muster_ledger::{Committer, Ledger};
use tokio::sync::watch;

use crate::clock::{Clock, Moment};
use crate::findings::target::{ORPHANS, REFUSED, TOOK_ALONG};
use crate::findings::{Findings, LookedAt};
use crate::planning::{Bells, KnownTargets, Planning};
use crate::replan::holds::is_same_catalogue;
use crate::replan::waiting::Pending;
use crate::replan::{self, Deciding, waiting};
use crate::targets::{Connected, DOUBT_AFTER, Doubt};

/// A target could not be read.
pub const UNREADABLE: Code = Code::new("TGT-010");
/// A listing was not whole, so nothing follows from what is not in it.
pub const NOT_WHOLE: Code = Code::new("TGT-011");
/// A listing lacks most of what is known to be there, so nothing follows from it.
pub const DOUBTED: Code = Code::new("TGT-020");

/// How often it is read what each target can give.
const EVERY: Duration = Duration::from_hours(1);

/// As many missing accounts as this are never too many to be true.
const MISSING_FLOOR: usize = 5;

/// Missing accounts, in a hundred of those that are known, from which on a listing is doubted.
const MISSING_PERCENT_MAX: usize = 20;

/// How many of the accounts that a doubted listing lacks are asked for one by one.
const SAMPLE: usize = 5;

/// Most accounts that are looked at one by one after a listing; the others after the next one.
const LOOKS_MAX: usize = 1_000;

/// How long the finding stays that a change took rights from others, after it last happened.
const SIDE_LOSS_KEPT: Duration = Duration::from_hours(24 * 7);

/// How soon a target that could not be read is read again.
const AGAIN: Duration = Duration::from_mins(1);

/// Most ids that a finding names.
const NAMED_MAX: usize = 20;

/// What targets are read with.
pub struct Reconciling {
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
    /// What is known of them.
    pub known: Arc<KnownTargets>,
    /// Which policy decides.
    pub deciding: Arc<Deciding>,
    /// What waits for a person.
    pub pending: Arc<Pending>,
}

/// Reads what every target can give, so that the first plan knows it. A target that does not answer
/// in time is read later.
pub async fn first(reading: &Reconciling, patience: Duration) {
    let asked = reading
        .targets
        .values()
        .filter(|target| target.is_usable())
        .map(|target| catalogue(reading, target));
    let all = futures_util::future::join_all(asked);
    if reading.clock.within(patience, all).await.is_none() {
        tracing::warn!("some targets have not yet said what they can give");
    }
}

/// When a target is read next.
struct Schedule {
    catalogue: Moment,
    accounts: Moment,
}

impl Schedule {
    fn next(&self, now: Moment) -> Duration {
        let next = self.catalogue.min(self.accounts);
        next.since(now)
    }
}

/// Reads one target again and again until the daemon stops.
pub async fn run(
    reading: Arc<Reconciling>,
    target: Arc<Connected>,
    mut stop: watch::Receiver<bool>,
) {
    remember_side_losses(&reading, &target);
    if let Err(error) = taken_over::remember(&reading, &target) {
        tracing::error!(%error, "could not read which accounts were taken over");
    }
    let mut schedule = Schedule {
        catalogue: reading.clock.moment(),
        accounts: reading.clock.moment(),
    };
    let mut versions = target.versions();
    while !*stop.borrow() {
        // What another version read may have been wrong, or not whole.
        if std::mem::replace(&mut versions, target.versions()) != target.versions() {
            schedule.catalogue = reading.clock.moment();
            schedule.accounts = reading.clock.moment();
        }
        let (doubts, next_doubt) = target.take_doubts();
        for doubt in doubts {
            look_at(&reading, &target, doubt).await;
        }
        let wait = schedule
            .next(reading.clock.moment())
            .min(next_doubt.unwrap_or(Duration::MAX));
        tokio::select! {
            () = reading.clock.sleep(wait) => {}
            () = target.doubted() => continue,
            () = target.became_ready() => {
                schedule.catalogue = reading.clock.moment();
                schedule.accounts = reading.clock.moment();
            }
            changed = stop.changed() => if changed.is_err() { return },
        }
        if !target.is_usable() {
            schedule.catalogue = reading.clock.moment() + EVERY;
            schedule.accounts = reading.clock.moment() + EVERY;
            continue;
        }
        read(&reading, &target, &mut schedule).await;
    }
}

/// Looks at what is in doubt.
async fn look_at(reading: &Reconciling, target: &Connected, doubt: Doubt) {
    let looked = match &doubt {
        Doubt::Of(person) => inspect::person(reading, target, person).await,
        Doubt::About(right) => right::holders(reading, target, right).await,
        Doubt::RightsOf(person) => right::of(reading, target, person),
        Doubt::TakenOver(person) => taken_over::read(reading, target, person).await,
    };
    if let Err(error) = looked {
        tracing::error!(%error, "could not record what was seen at a target");
    }
}

/// Reads what is due of a target. One that could not be read is read again soon.
async fn read(reading: &Reconciling, target: &Connected, schedule: &mut Schedule) {
    if schedule.catalogue <= reading.clock.moment() {
        let read = catalogue(reading, target).await;
        if read == Some(true)
            && let Err(error) = replan::everybody(&reading.deciding).await
        {
            tracing::error!(
                error = chain(&error),
                "could not plan after a target was read for the first time"
            );
        }
        schedule.catalogue = reading.clock.moment() + read.map_or(AGAIN, |_| EVERY);
        if read.is_none() {
            // Of an app that cannot be read it is not known who is there, either.
            target.know_strangers(None::<std::iter::Empty<&ObjectRef>>);
            return;
        }
    }
    if schedule.accounts <= reading.clock.moment() {
        let is_read = accounts(reading, target).await;
        let every = target.config().limits.compare_every;
        schedule.accounts = reading.clock.moment() + if is_read { every } else { AGAIN.min(every) };
    }
}

/// Reads what a target can give. Returns whether that is known for the first time; `None` if it could not be
/// read.
async fn catalogue(reading: &Reconciling, target: &Connected) -> Option<bool> {
    let name = target.name();
    let mut listing = match target.entitlements().await {
        Ok(listing) => listing,
        Err(problem) => {
            unreadable(reading, name, "what it can give", &problem).await;
            return None;
        }
    };
    if !listing.is_whole {
        not_whole(
            reading,
            name,
            "what it can give",
            listing.why_not.as_deref(),
        )
        .await;
        return None;
    }
    let sort_key = |entitlement: &Entitlement| {
        (
            entitlement.object.kind.clone(),
            entitlement.object.id.clone(),
        )
    };
    listing.items.sort_by_key(sort_key);
    let before = reading
        .ledger
        .read()
        .and_then(|reader| reader.catalogue(name))
        .ok()
        .flatten();
    let before = before.map(|kept| kept.entitlements);
    let is_same = before
        .as_ref()
        .is_some_and(|before| is_same_catalogue(before, &listing.items));
    // A connector that has nothing to list has asked the app nothing.
    let accepted = (!listing.items.is_empty()).then_some(REFUSED);
    let codes = [UNREADABLE, NOT_WHOLE].into_iter().chain(accepted);
    reading.findings.close(name, codes).await;
    if before.is_none() {
        let read = Fact::CatalogueRead {
            target: name.clone(),
            entitlements: listing.items.clone(),
        };
        let now = reading.clock.now();
        let recorded = reading.committer.record(now, target.actor(), vec![read]);
        if let Err(error) = recorded.await {
            tracing::error!(%error, "could not record what a target can give");
            return None;
        }
    }
    if let Some(before) = &before {
        let taken = if is_same {
            waiting::catalogue_is_same(&reading.pending, target).await
        } else {
            waiting::catalogue_changed(&reading.pending, name, before, listing.items).await
        };
        if let Err(error) = taken {
            tracing::error!(
                error = chain(&error),
                "could not plan after a target was read for the first time"
            );
        }
        return Some(false);
    }
    if let Err(error) = reading.known.refresh() {
        tracing::error!(%error, "could not read what the targets can give");
    }
    Some(true)
}

/// Compares the accounts at a target with those that the ledger knows of. Returns false if it has to be done
/// again soon.
async fn accounts(reading: &Reconciling, target: &Connected) -> bool {
    let name = target.name();
    let listing = match target.accounts().await {
        Ok(listing) => listing,
        Err(problem) => {
            target.know_strangers(None::<std::iter::Empty<&ObjectRef>>);
            if matches!(problem, Problem::Unsupported(_)) {
                return true;
            }
            unreadable(reading, name, "its accounts", &problem).await;
            return false;
        }
    };
    let compared = match compare(reading, name, &listing.items) {
        Ok(compared) => compared,
        Err(error) => {
            tracing::error!(%error, "could not compare a listing with the ledger");
            return false;
        }
    };
    target.know_strangers(Some(
        compared.strangers.iter().map(|account| &account.object),
    ));
    let mut looked_for = vec![ORPHANS];
    let mut found: Vec<Finding> = orphans(reading, name, &compared.strangers)
        .into_iter()
        .collect();
    let mut odd = compared.otherwise;
    if listing.is_whole {
        looked_for.extend([NOT_WHOLE, UNREADABLE, REFUSED, DOUBTED]);
        if is_doubtful(compared.missing.len(), compared.known) && !target.takes_belief() {
            found.push(doubted(target, &compared.missing, compared.known).await);
        } else {
            odd.extend(compared.missing.into_iter().map(|(person, _)| person));
        }
    }
    if is_side_loss_over(reading, name) {
        looked_for.push(TOOK_ALONG);
    }
    let scope = LookedAt::of(name, looked_for);
    reading.findings.settle(scope, found).await;
    for person in odd.into_iter().take(LOOKS_MAX) {
        target.doubt(&person, DOUBT_AFTER);
    }
    if !listing.is_whole {
        not_whole(reading, name, "its accounts", listing.why_not.as_deref()).await;
    }
    true
}

/// Kind, container and id of the accounts that a listing shows.
type Listed<'l> = BTreeMap<(&'l str, &'l str), Vec<&'l RemoteAccount>>;

/// How a listing compares with the ledger.
struct Compared<'l> {
    /// How many accounts were compared.
    known: usize,
    /// Accounts that are nobody's.
    strangers: Vec<&'l RemoteAccount>,
    /// Whose account is listed otherwise than the ledger has it.
    otherwise: Vec<PersonId>,
    /// Whose account is not listed.
    missing: Vec<(PersonId, ObjectRef)>,
}

fn compare<'l>(
    reading: &Reconciling,
    target: &TargetName,
    listed: &'l [RemoteAccount],
) -> Result<Compared<'l>, muster_ledger::Error> {
    let reader = reading.ledger.read()?;
    let mut by_id = Listed::new();
    for account in listed {
        let key = (account.object.kind.as_str(), account.object.id.as_str());
        by_id.entry(key).or_default().push(account);
    }
    let mut compared = Compared {
        known: 0,
        strangers: Vec::new(),
        otherwise: Vec::new(),
        missing: Vec::new(),
    };
    let mut coming: BTreeSet<(String, String)> = BTreeSet::new();
    for person in reader.people_at(target)? {
        let person = person?;
        let Some(account) = person.accounts.get(target) else {
            continue;
        };
        coming.extend(keys_of_making(account));
        let Some(object) = account
            .object
            .as_ref()
            .filter(|_| inspect::is_quiet(account))
        else {
            continue;
        };
        compared.known += 1;
        let found = by_id.get(&(object.kind.as_str(), object.id.as_str()));
        // An app may name the container only in listings.
        let mut found = found.into_iter().flatten().filter(|found| {
            object.container.is_none() || found.object.container == object.container
        });
        match found.next() {
            None => compared.missing.push((person.id, object.clone())),
            Some(found) if is_otherwise(account, found) => compared.otherwise.push(person.id),
            Some(_) => {}
        }
    }
    for account in listed {
        let is_open = account.state != AccountState::Deleted;
        // One that is just being made looks like nobody's.
        let is_coming = account.keys.iter().any(|key| coming.contains(key));
        if is_open && !is_coming && reader.linked(target, &account.object)?.is_none() {
            compared.strangers.push(account);
        }
    }
    Ok(compared)
}

/// What an account that is being made can be found by.
fn keys_of_making(account: &Account) -> Vec<(String, String)> {
    let making = account.operations.iter().filter_map(|operation| {
        let Action::EnsureAccount(spec) = &operation.action else {
            return None;
        };
        operation.has_begun().then(|| spec.match_keys.clone())
    });
    making.flatten().collect()
}

fn is_otherwise(account: &Account, found: &RemoteAccount) -> bool {
    found.state != AccountState::Locked && Some(found.state) != account.state
}

/// Whether a listing lacks so much that it is rather the listing that is wrong.
fn is_doubtful(missing: usize, known: usize) -> bool {
    missing > MISSING_FLOOR && missing * 100 > known * MISSING_PERCENT_MAX
}

/// What is said of a listing that lacks most of what is known to be there: some of that is asked for, to
/// tell a version of the plugin that leaves it out from an app that has lost it.
async fn doubted(target: &Connected, missing: &[(PersonId, ObjectRef)], known: usize) -> Finding {
    let mut there = 0;
    let sample = missing.iter().step_by((missing.len() / SAMPLE).max(1));
    let sample: Vec<_> = sample.take(SAMPLE).collect();
    for (_, object) in &sample {
        let found = target.read_account(object).await;
        there += usize::from(matches!(found, Ok(Some(_))));
    }
    let plugin = target.descriptor().map_or_else(
        || "its plugin".to_owned(),
        |descriptor| format!("plugin {} {}", descriptor.name, descriptor.version),
    );
    let text = format!(
        "{plugin} calls its listing whole, and {} of {known} accounts that are known are not in it; of {} that were asked for one by one, {there} are there. Nothing is concluded from this listing",
        missing.len(),
        sample.len(),
    );
    let hint = if there > 0 {
        "the plugin leaves accounts out: put the version before back, or a mended one"
    } else {
        "see at the app whether they are really gone, and whether it is the right app; where they are, `muster accounts believe --target TARGET` has the next listing believed"
    };
    let subject = Subject::from(target.name());
    Finding::new(DOUBTED, Severity::Error, subject, text).hint(hint)
}

/// What is said of accounts that are nobody's.
fn orphans(
    reading: &Reconciling,
    target: &TargetName,
    strangers: &[&RemoteAccount],
) -> Option<Finding> {
    if strangers.is_empty() {
        return None;
    }
    let policy = reading.planning.policy();
    let keys: Vec<&str> = policy
        .targets()
        .get(target)
        .into_iter()
        .flat_map(|rules| rules.keys.iter().map(|(name, _)| name.as_str()))
        .collect();
    let named = strangers.iter().take(NAMED_MAX);
    let named: Vec<String> = named.map(|account| called(account, &keys)).collect();
    let more = match strangers.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!(
        "accounts that belong to nobody whom a feed describes ({}): {}{more}",
        strangers.len(),
        named.join(", ")
    );
    let finding = Finding::new(ORPHANS, Severity::Warning, target, text);
    Some(finding.hint("see at the app whose they are; Muster does not touch them"))
}

/// An account as people find it at the app: by its keys, with its id behind them.
fn called(account: &RemoteAccount, keys: &[&str]) -> String {
    let id = &account.object.id;
    let listed = account.keys.iter();
    let listed = listed.map(|(_, value)| value.clone());
    let shown = keys
        .iter()
        .filter_map(|name| match account.attributes.get(*name)?.first()? {
            Scalar::Text(text) => Some(text.clone()),
            _ => None,
        });
    let mut names: Vec<String> = Vec::new();
    for name in listed.chain(shown) {
        let name = name.trim().to_owned();
        if !name.is_empty() && name != *id && !names.contains(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => id.clone(),
        names => format!("{} (id {id})", names.join(" / ")),
    }
}

/// That changes took rights from others is remembered over a restart: the connector goes the other way from
/// the start.
fn remember_side_losses(reading: &Reconciling, target: &Connected) {
    let subject = Subject::from(target.name());
    let known = reading
        .ledger
        .read()
        .and_then(|reader| reader.finding(&TOOK_ALONG, &subject));
    if known.is_ok_and(|known| known.is_some()) {
        target.add_side_losses(2);
    }
}

/// Whether what was said of a change that took rights from others is long ago.
fn is_side_loss_over(reading: &Reconciling, target: &TargetName) -> bool {
    let kept = reading.ledger.read();
    let kept = kept.and_then(|reader| reader.finding(&TOOK_ALONG, &target.into()));
    kept.is_ok_and(|kept| {
        kept.is_some_and(|kept| later(kept.last_at, SIDE_LOSS_KEPT) <= reading.clock.now())
    })
}

async fn unreadable(reading: &Reconciling, target: &TargetName, what: &str, problem: &Problem) {
    let text = format!(
        "could not read {what}: {}",
        redact::without_people(&problem.text())
    );
    let finding = Finding::new(UNREADABLE, Severity::Warning, target, text);
    reading
        .findings
        .open(
            finding.hint(
                "see whether the app can be reached with these credentials; it is tried again",
            ),
        )
        .await;
}

async fn not_whole(reading: &Reconciling, target: &TargetName, what: &str, why: Option<&str>) {
    let text = format!(
        "the listing of {what} is not whole: {}",
        redact::without_people(why.unwrap_or("the connector does not say why"))
    );
    let finding = Finding::new(NOT_WHOLE, Severity::Warning, target, text);
    reading
        .findings
        .open(finding.hint("nothing is concluded from what is missing in it; it is read again"))
        .await;
}
