//! Plans for people whose date has come: first days, last days, deletions.
//!
//! Promises: everybody whose date has come is looked at in each round, however many of them cannot be
//! decided about; what would be too much waits for a person, and the others go on; a clock that is
//! implausibly far ahead of the journal brings no date nearer before somebody says that it is right.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muster_core::actor::Actor;
use muster_core::coded::chain;
use muster_core::fact::{Cause, Fact};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::hold::{About, End, What};
use muster_core::id::{Digest, PersonId};
use muster_core::subject::Subject;
use muster_ledger::{Committer, Ledger};
use tokio::sync::watch;

use super::waiting::{self, Pending};
use crate::clock::{Clock, Retrying, until};
use crate::findings::Findings;
use crate::planning::{Bells, Consent, Failed, Maker, Order, Planning, Scope};

/// The clock is far ahead of the journal.
pub const CLOCK: Code = Code::new("PLN-022");

/// Most people of one plan that a date leads to; the rest follow in the next one.
const PEOPLE_MAX: usize = 10_000;

/// How long the loop sleeps at most, so that a clock that was set is noticed.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// How long whoever could not be decided about is left alone. The policy, a catalogue or HR may change
/// that, and each of them plans for the person by itself.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// How much earlier than the last round dates are looked at again: what was recorded while it ran.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// How long nothing may be recorded before the clock is, so that a quiet week looks like no jump.
const READ_EVERY: SignedDuration = SignedDuration::from_hours(12);

/// The pause after a plan for a date failed: the first one, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));

/// Up to where dates were looked at.
#[derive(Default)]
struct Looked {
    /// Who stays due up to here was looked at.
    until: Option<Timestamp>,
    /// When they are looked at again.
    again_at: Option<Timestamp>,
}

/// What is planned with.
pub struct Dates {
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
    /// Who wakes this, and whom.
    pub bells: Bells,
    /// What waits for a person.
    pub pending: Arc<Pending>,
}

/// Plans for people whose date has come, until the daemon stops.
pub async fn run(dates: Arc<Dates>, mut stop: watch::Receiver<bool>) {
    let mut looked = Looked::default();
    let mut retrying = Retrying::new(AGAIN.0, AGAIN.1);
    while !*stop.borrow() {
        let wait = match round(&dates, &mut looked).await {
            Ok(next_at) => {
                retrying.succeeded();
                next_at.map_or(SLEEP_MAX, |at| until(at, dates.clock.now()).min(SLEEP_MAX))
            }
            Err(error) => {
                let error = chain(&error);
                if retrying.failed(&error) {
                    tracing::error!(
                        error,
                        "could not plan what a date asks for; it is tried again"
                    );
                }
                retrying.pause()
            }
        };
        let has_failed = !retrying.pause().is_zero();
        tokio::select! {
            () = dates.clock.sleep(wait) => {}
            // After a failure the pause is kept, however much else goes on.
            () = dates.bells.dates().notified(), if !has_failed => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// Plans for everybody whose date has come; returns the next date.
async fn round(dates: &Arc<Dates>, looked: &mut Looked) -> Result<Option<Timestamp>, Failed> {
    let day = read_clock(dates).await?;
    let is_again = looked.again_at.is_none_or(|at| at <= day);
    // A clock that was set back begins anew.
    let from = looked.until.filter(|until| !is_again && *until <= day);
    let mut after = from
        .and_then(|until| until.checked_sub(OVERLAP).ok())
        .map(first_at);
    let mut left_out = BTreeSet::new();
    loop {
        let due = dates
            .ledger
            .read()?
            .timers_due(day, after.as_ref(), PEOPLE_MAX)?;
        let Some(last) = due.last().cloned() else {
            break;
        };
        let people: Vec<PersonId> = due.into_iter().map(|(_, person)| person).collect();
        tracing::info!(people = people.len(), "dates were reached");
        let summary = dates
            .planning
            .make(of_dates(people), Consent::AsFarAsItGoes)
            .await?;
        left_out.extend(summary.left_out);
        after = Some((last.0, Some(last.1)));
    }
    if is_again {
        looked.again_at = day.checked_add(AGAIN_AFTER).ok();
    }
    looked.until = Some(day);
    if is_again || !left_out.is_empty() {
        hold(dates, left_out).await?;
    }
    let next = dates
        .ledger
        .read()?
        .timers_due(Timestamp::MAX, Some(&first_at(day)), 1)?;
    let next = next.into_iter().next().map(|(at, _)| at);
    Ok(next.into_iter().chain(looked.again_at).min())
}

/// Before every timer of this instant.
fn first_at(at: Timestamp) -> (Timestamp, Option<PersonId>) {
    (at, None)
}

/// The plan for people whose date has come.
fn of_dates(people: Vec<PersonId>) -> Order<'static> {
    Order::new(Scope::People(people), Cause::Date)
}

/// Keeps who was left out as a plan of its own that waits for a person.
async fn hold(dates: &Arc<Dates>, left_out: BTreeSet<PersonId>) -> Result<(), Failed> {
    let nobody = left_out.is_empty();
    let holding = Arc::clone(dates);
    let held = move |maker: &Maker<'_>| {
        let people: Vec<PersonId> = left_out.into_iter().collect();
        let summary = maker
            .planning()
            .preview(of_dates(people.clone()), &mut |_, _| {})?;
        if summary.is_empty() {
            return Ok(false);
        }
        let what = What::Dates(people);
        waiting::begin(&holding.pending, maker, (what, &summary), Actor::Date)?;
        Ok::<_, Failed>(true)
    };
    if nobody || !dates.planning.alone(held).await? {
        waiting::end(&dates.pending, &About::Dates, End::Over, Actor::Date).await?;
    }
    Ok(())
}

/// The instant by which dates are judged. Where the clock is implausibly far ahead of the journal, that
/// is said, and waits for somebody to say that it is right.
async fn read_clock(dates: &Arc<Dates>) -> Result<Timestamp, Failed> {
    let now = dates.clock.now();
    let reader = dates.ledger.read()?;
    let (day, newest) = (reader.day(now)?, reader.newest_at()?);
    let Some(newest) = newest else {
        return Ok(day);
    };
    if day == now {
        if now.duration_since(newest) > READ_EVERY {
            let read = vec![Fact::ClockRead];
            dates.committer.record(now, Actor::Daemon, read).await?;
        }
        waiting::end(&dates.pending, &About::Clock, End::Over, Actor::Daemon).await?;
        dates.findings.close(Subject::Clock, [CLOCK]).await;
        return Ok(day);
    }
    let hold = waiting::of_clock(newest, now);
    let digest = hold.plan.map(Digest::short).unwrap_or_default();
    let text = format!(
        "the clock is implausibly far ahead: the newest entry of the ledger is of {newest:.0}, and no day after that is acted on"
    );
    let hint = format!(
        "set the clock right; if it is right, because nothing ran for long, say so with `muster apply {digest}`"
    );
    let finding = Finding::new(CLOCK, Severity::Error, Subject::Clock, text).hint(hint);
    dates.findings.open(finding).await;
    dates.pending.holds.open(hold, Actor::Daemon).await?;
    Ok(day)
}
