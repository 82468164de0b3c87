//! Another attempt at once, when what a target is connected with is new, and where an instant that an operation
//! waits for is none.
//!
//! An app that refuses the credentials, and a host that refuses a permission, refuse the next attempt
//! too; so such operations wait long. A secret that was replaced, a start with other permissions, or an app that
//! accepts the credentials again, is the news they wait for: a leaver does not stay open for a quarter of an
//! hour longer. A conflict is over where IT has meanwhile allowed to take the account over. In the same way,
//! another version of the plugin is the news for everything that may have been the plugin's doing, also
//! where that waits for a person. And an instant that a clock wrote that was ahead would keep a leaver open for
//! years; it counts as reached once the clock has stepped back.

use std::time::Duration;

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::connector::Problem;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{
    Action, Operation, State, Transition, later, retried_by_hand, retried_by_version,
    waited_too_long,
};
use muster_core::subject::Subject;
use muster_ledger::{Error, Ledger, Writer};

use super::settle::subject_of;
use super::{Driver, change_each};
use crate::clock::Moment;
use crate::findings::operation::{DELAYED, HALTED};
use crate::findings::{self, LookedAt};

/// People whose operations are changed in one transaction.
const PEOPLE_AT_ONCE: usize = 500;

/// How far the clock may fall behind what has passed before that is a step back.
const DRIFT_MAX: Duration = Duration::from_secs(5);

/// Lets everything that was refused be tried again now, or of at most so many people.
pub(super) async fn refused(driver: &Driver, people_max: usize) -> Result<(), Error> {
    let may_adopt = driver.target.may_adopt();
    let retried = move |operation: &Operation, now: Timestamp| {
        let is_over = was_refused(operation) || (may_adopt && was_not_adopted(operation));
        retried_by_hand(operation, now).filter(|_| is_over)
    };
    again(driver, people_max, retried).await
}

/// Lets everything be tried again now that another version of the plugin may have failed at.
pub(super) async fn failed_before(driver: &Driver) -> Result<(), Error> {
    again(driver, usize::MAX, retried_by_version).await
}

/// Lets everything be tried now that waits for an instant farther ahead than any wait.
pub(super) async fn too_far(driver: &Driver) -> Result<(), Error> {
    let retry = driver.retry.clone();
    let retried =
        move |operation: &Operation, now: Timestamp| waited_too_long(operation, now, &retry);
    again(driver, usize::MAX, retried).await
}

/// What becomes of an operation; none leaves it as it is.
trait Retried: Fn(&Operation, Timestamp) -> Option<Transition> + Clone + Send + Sync + 'static {}

impl<F> Retried for F where
    F: Fn(&Operation, Timestamp) -> Option<Transition> + Clone + Send + Sync + 'static
{
}

async fn again(driver: &Driver, people_max: usize, retried: impl Retried) -> Result<(), Error> {
    let (ledger, target, now) = (
        driver.ledger.clone(),
        driver.target.name().clone(),
        driver.clock.now(),
    );
    let whose = {
        let (target, retried) = (target.clone(), retried.clone());
        tokio::task::spawn_blocking(move || concerned(&ledger, &target, now, &retried))
    };
    // A task that is not joined was stopped with the runtime.
    let mut whose = whose.await.unwrap_or_else(|_| Ok(Vec::new()))?;
    whose.truncate(people_max);
    for people in whose.chunks(PEOPLE_AT_ONCE) {
        let (people, target, retried) = (people.to_vec(), target.clone(), retried.clone());
        driver
            .committer
            .submit(driver.clock.now(), Actor::Daemon, move |writer| {
                people.iter().try_for_each(|person| {
                    close_what_is_over(writer, &target, person, &retried)?;
                    change_each(writer, &target, person, &retried)
                })
            })
            .await?;
    }
    Ok(())
}

/// Whose operations are concerned.
fn concerned(
    ledger: &Ledger,
    target: &TargetName,
    now: Timestamp,
    retried: &impl Retried,
) -> Result<Vec<PersonId>, Error> {
    let reader = ledger.read()?;
    let counts = reader.counts()?;
    let open = counts.operations.get(target).into_iter().flatten();
    if open.map(|(_, count)| *count).sum::<u64>() == 0 {
        return Ok(Vec::new());
    }
    let mut people = Vec::new();
    for person in reader.people_at(target)? {
        let person = person?;
        let account = person.accounts.get(target);
        let is_concerned = account.is_some_and(|account| {
            let mut operations = account.operations.iter();
            operations.any(|operation| retried(operation, now).is_some())
        });
        if is_concerned {
            people.push(person.id);
        }
    }
    Ok(people)
}

/// What is tried again at once does not wait for a person any more, and is not late for the reason that
/// was given.
fn close_what_is_over(
    writer: &mut Writer<'_>,
    target: &TargetName,
    id: &PersonId,
    retried: &impl Retried,
) -> Result<(), Error> {
    let now = writer.at();
    let person = writer.person(id)?;
    let account = person.and_then(|person| person.accounts.get(target));
    let operations = account.map(|account| account.operations.as_slice());
    let subjects: Vec<Subject> = operations
        .unwrap_or_default()
        .iter()
        .filter(|operation| retried(operation, now).is_some())
        .map(|operation| subject_of(target, id, operation.id))
        .collect();
    for subject in subjects {
        findings::settle(
            writer,
            &LookedAt::of(subject, [HALTED, DELAYED]),
            Vec::new(),
        )?;
    }
    Ok(())
}

fn was_refused(operation: &Operation) -> bool {
    let State::Waiting { problem, .. } = &operation.state else {
        return false;
    };
    matches!(
        problem,
        Problem::Unauthenticated(_) | Problem::Forbidden(_) | Problem::Denied(_)
    )
}

/// Whether an account could not be made because one is there that the configuration did not let be taken over
/// when that was planned.
fn was_not_adopted(operation: &Operation) -> bool {
    let is_forbidden = matches!(&operation.action, Action::EnsureAccount(spec) if !spec.may_adopt);
    let is_conflict = matches!(
        &operation.state,
        State::Waiting {
            problem: Problem::Conflict(_),
            ..
        } | State::Halted {
            problem: Problem::Conflict(_),
            ..
        }
    );
    is_forbidden && is_conflict
}

/// Compares the clock with the time that passes.
pub(super) struct Steps(Option<(Moment, Timestamp)>);

impl Steps {
    /// Where a daemon starts, the clock may have stepped back while none ran.
    pub(super) fn new() -> Self {
        Self(None)
    }

    /// Whether the clock has stepped back since this was asked last.
    pub(super) fn is_back(&mut self, asked_at: Moment, now: Timestamp) -> bool {
        let before = self.0.replace((asked_at, now));
        before.is_none_or(|(asked_before, was)| {
            let expected = later(was, asked_at.since(asked_before));
            later(now, DRIFT_MAX) < expected
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn c23_a_clock_that_steps_back_is_noticed_and_one_that_goes_on_is_not() {
        let now: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let moment = Clock::of_machine().moment();
        let mut steps = Steps::new();
        assert!(
            steps.is_back(moment, now),
            "nobody knows what the clock did before"
        );
        let after = |seconds| later(now, Duration::from_secs(seconds));
        assert!(!steps.is_back(moment, after(1)));
        assert!(
            !steps.is_back(moment, after(90_000)),
            "ahead is no step back"
        );
        assert!(steps.is_back(moment, after(10)));
    }
}
