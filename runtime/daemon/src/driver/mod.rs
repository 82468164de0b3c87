//! Carries out what was planned: one loop per target, leavers first, one call per account.
//!
//! The loop is level-triggered. What is due is read from the ledger each time, so a wake-up that was
//! lost costs a moment and never an operation. Each account that is due becomes a chain:
//! claim a step (durable), take it (a call or a look at the app), settle what it led to and claim
//! the next (durable, in one transaction). The ledger's group commit makes one disk sync of all the
//! chains that settle at the same time.
//!
//! After a stop, every call that was out is recorded as interrupted before the loop begins; the
//! core then has it looked at before anything is tried again.

mod again;
mod look;
mod settle;
mod work;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{Change, Event, Operation, RetryPolicy, State, decide};
use muster_ledger::{Committer, Error, Ledger, Writer};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};

use crate::clock::Clock;
use crate::targets::Connected;

pub(crate) use settle::{REFUSED, WHILE_OPEN, is_open};
pub use work::Activity;

/// Accounts that are read ahead for each call that may be out. They are started in the order in which they were
/// read, so more of them would let those that are more urgent wait longer.
const READ_AHEAD: usize = 4;

/// How long the loop sleeps at most; a wake-up or a timer is what usually ends it.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// How long it waits after the ledger refused to be read.
const LEDGER_PAUSE: Duration = Duration::from_secs(1);

/// What a driver works with.
#[derive(Clone)]
pub struct Driver {
    /// The ledger, to read.
    pub ledger: Ledger,
    /// The ledger, to write.
    pub committer: Committer,
    /// The clock.
    pub clock: Clock,
    /// The target.
    pub target: Arc<Connected>,
    /// How often to try, and how long to wait.
    pub retry: RetryPolicy,
    /// Rung when there may be something new to do.
    pub wake: Arc<Notify>,
    /// Counts what happens.
    pub activity: Arc<Activity>,
}

/// The chains of one target.
#[derive(Default)]
struct Chains {
    running: JoinSet<PersonId>,
    /// Whose they are.
    busy: BTreeSet<PersonId>,
    /// Whose come next, most urgent first.
    ready: VecDeque<PersonId>,
}

impl Driver {
    /// Runs until `stop` says so; then waits for the calls that are out, so that their outcome is
    /// recorded.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.recover().await {
            tracing::error!(target_name = %self.target.name(), %error, "could not read which calls were out");
        }
        let mut chains = Chains::default();
        let mut connections = 0;
        while !*stop.borrow() {
            if self.target.connections() != connections {
                connections = self.target.connections();
                if let Err(error) = again::refused(&self).await {
                    tracing::error!(target_name = %self.target.name(), %error, "could not try again what was refused");
                }
            }
            let wait = self.fill(&mut chains);
            tokio::select! {
                Some(ended) = chains.running.join_next() => {
                    // One commit ends many chains, and filling up costs about the same for one of
                    // them as for all.
                    tokio::task::yield_now().await;
                    let mut next = Some(ended);
                    while let Some(ended) = next {
                        self.ended(ended, &mut chains).await;
                        next = chains.running.try_join_next();
                    }
                }
                // What is more urgent may have come in.
                () = self.wake.notified() => chains.ready.clear(),
                () = self.target.became_ready() => {}
                () = tokio::time::sleep(wait) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        while chains.running.join_next().await.is_some() {}
    }

    /// Starts a chain for each account that is due, as many as may run. Gives how long there is
    /// nothing to do.
    fn fill(&self, chains: &mut Chains) -> Duration {
        let most = self.target.concurrency();
        while self.target.is_usable() && chains.running.len() < most {
            let Some(person) = chains.ready.pop_front() else {
                match self.read_ahead(chains, most) {
                    Ok(Some(wait)) => return wait,
                    Ok(None) => continue,
                    Err(error) => {
                        tracing::error!(target_name = %self.target.name(), %error, "could not read what is due");
                        return LEDGER_PAUSE;
                    }
                }
            };
            if chains.busy.insert(person.clone()) {
                chains.running.spawn(self.clone().chain(person));
            }
        }
        SLEEP_MAX
    }

    /// Reads whose account has a step to be taken now. Where there is none, gives how long that
    /// stays so.
    fn read_ahead(&self, chains: &mut Chains, most: usize) -> Result<Option<Duration>, Error> {
        let reader = self.ledger.read()?;
        let now = self.clock.now();
        let limit = chains.busy.len() + most * READ_AHEAD;
        let due = reader.due(self.target.name(), now, limit)?;
        let was_all = due.len() < limit;
        let due = due.into_iter().map(|due| due.person);
        chains
            .ready
            .extend(due.filter(|person| !chains.busy.contains(person)));
        if !chains.ready.is_empty() {
            return Ok(None);
        }
        let next_at = if was_all {
            reader.next_due_at(self.target.name())?
        } else {
            None
        };
        // What shows as due and is busy ends by itself, which wakes the loop.
        let next_at = next_at.filter(|at| *at > now || chains.busy.is_empty());
        Ok(Some(
            next_at.map_or(SLEEP_MAX, |at| until(at, now).min(SLEEP_MAX)),
        ))
    }

    /// Takes the steps of one account until none is left to take now.
    async fn chain(self, person: PersonId) -> PersonId {
        if let Err(error) = work::chain(&self, &person).await {
            tracing::error!(target_name = %self.target.name(), %person, %error, "could not record a step");
            tokio::time::sleep(LEDGER_PAUSE).await;
        }
        person
    }

    /// Notes that a chain has ended.
    async fn ended(&self, ended: Result<PersonId, JoinError>, chains: &mut Chains) {
        match ended {
            Ok(person) => {
                chains.busy.remove(&person);
            }
            // The chain's task died, so nobody knows whose it was; the ledger does.
            Err(error) => {
                tracing::error!(target_name = %self.target.name(), %error, "a chain of steps broke off");
                while chains.running.join_next().await.is_some() {}
                chains.busy.clear();
                if let Err(error) = self.recover().await {
                    tracing::error!(target_name = %self.target.name(), %error, "could not read which calls were out");
                }
            }
        }
    }

    /// Records every call that was out when the daemon stopped as interrupted.
    async fn recover(&self) -> Result<(), Error> {
        let out = self.ledger.read()?.in_flight(self.target.name())?;
        if out.is_empty() {
            return Ok(());
        }
        tracing::info!(target_name = %self.target.name(), calls = out.len(), "calls were out at the last stop");
        let (target, retry, now) = (
            self.target.name().clone(),
            self.retry.clone(),
            self.clock.now(),
        );
        self.committer
            .submit(now, move |writer| {
                out.iter()
                    .try_for_each(|due| interrupted(writer, &target, &due.person, &retry))
            })
            .await
    }
}

fn interrupted(
    writer: &mut Writer<'_>,
    target: &TargetName,
    id: &PersonId,
    retry: &RetryPolicy,
) -> Result<(), Error> {
    change_each(writer, target, id, |operation, now| {
        let is_out = matches!(operation.state, State::InFlight { .. });
        let event = Event::Interrupted("the daemon stopped while the call was out".to_owned());
        is_out.then(|| decide(operation, event, now, retry))
    })
}

/// Records what is to happen to each operation of an account; none leaves one as it is.
fn change_each(
    writer: &mut Writer<'_>,
    target: &TargetName,
    id: &PersonId,
    change: impl Fn(&Operation, Timestamp) -> Option<Change>,
) -> Result<(), Error> {
    let now = writer.at();
    let person = writer.person(id)?;
    let account = person.and_then(|person| person.accounts.get(target));
    let operations = account.map(|account| account.operations.as_slice());
    let changes: Vec<_> = operations
        .unwrap_or_default()
        .iter()
        .filter_map(|operation| Some((operation.id, change(operation, now)?)))
        .collect();
    for (operation, change) in changes {
        writer.record(Fact::OperationChanged {
            person: id.clone(),
            target: target.clone(),
            operation,
            change,
        })?;
    }
    Ok(())
}

/// How long until an instant; nothing for one that has passed.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}
