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

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{Event, RetryPolicy, decide};
use muster_ledger::{Committer, Error, Ledger, Writer};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};

use crate::clock::Clock;
use crate::targets::Connected;

pub(crate) use settle::{WHILE_OPEN, is_open};
pub use work::Activity;

/// How many accounts are read ahead for each call that may be out.
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

impl Driver {
    /// Runs until `stop` says so; then waits for the calls that are out, so that their outcome is
    /// recorded.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.recover().await {
            tracing::error!(target_name = %self.target.name(), %error, "could not read which calls were out");
        }
        let mut chains: JoinSet<PersonId> = JoinSet::new();
        let mut busy: BTreeSet<PersonId> = BTreeSet::new();
        let mut connections = 0;
        while !*stop.borrow() {
            if self.target.connections() != connections {
                connections = self.target.connections();
                if let Err(error) = again::refused(&self).await {
                    tracing::error!(target_name = %self.target.name(), %error, "could not try again what was refused");
                }
            }
            let wait = self.fill(&mut chains, &mut busy);
            tokio::select! {
                Some(ended) = chains.join_next() => {
                    // One commit ends many chains, and reading what is due costs about the same for
                    // one of them as for all.
                    tokio::task::yield_now().await;
                    let mut next = Some(ended);
                    while let Some(ended) = next {
                        busy = self.ended(ended, &mut chains, busy).await;
                        next = chains.try_join_next();
                    }
                }
                () = self.wake.notified() => {}
                () = self.target.became_ready() => {}
                () = tokio::time::sleep(wait) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        while chains.join_next().await.is_some() {}
    }

    /// Starts a chain for each account that is due, as many as may run. Gives how long there is
    /// nothing to do.
    fn fill(&self, chains: &mut JoinSet<PersonId>, busy: &mut BTreeSet<PersonId>) -> Duration {
        if !self.target.is_usable() {
            return SLEEP_MAX;
        }
        let room = self.target.concurrency().saturating_sub(chains.len());
        if room == 0 {
            return SLEEP_MAX;
        }
        match self.due(room, busy) {
            Ok((people, next_at)) => {
                for person in people {
                    busy.insert(person.clone());
                    chains.spawn(self.clone().chain(person));
                }
                next_at.map_or(SLEEP_MAX, |at| until(at, self.clock.now()).min(SLEEP_MAX))
            }
            Err(error) => {
                tracing::error!(target_name = %self.target.name(), %error, "could not read what is due");
                LEDGER_PAUSE
            }
        }
    }

    /// People whose account has a step to be taken now, and when the next one comes.
    fn due(
        &self,
        room: usize,
        busy: &BTreeSet<PersonId>,
    ) -> Result<(Vec<PersonId>, Option<Timestamp>), Error> {
        let reader = self.ledger.read()?;
        let now = self.clock.now();
        let limit = busy.len() + room * READ_AHEAD;
        let due = reader.due(self.target.name(), now, limit)?;
        let was_all = due.len() < limit;
        let free = due
            .into_iter()
            .map(|due| due.person)
            .filter(|person| !busy.contains(person));
        let people: Vec<PersonId> = free.take(room).collect();
        let next_at = if was_all {
            reader.next_due_at(self.target.name())?
        } else {
            None
        };
        // What shows as due and is busy ends by itself, which wakes the loop.
        let next_at = next_at.filter(|at| *at > now || busy.is_empty());
        Ok((people, next_at))
    }

    /// Takes the steps of one account until none is left to take now.
    async fn chain(self, person: PersonId) -> PersonId {
        if let Err(error) = work::chain(&self, &person).await {
            tracing::error!(target_name = %self.target.name(), %person, %error, "could not record a step");
            tokio::time::sleep(LEDGER_PAUSE).await;
        }
        person
    }

    /// Notes that a chain has ended, and gives whose chains still run.
    async fn ended(
        &self,
        ended: Result<PersonId, JoinError>,
        chains: &mut JoinSet<PersonId>,
        mut busy: BTreeSet<PersonId>,
    ) -> BTreeSet<PersonId> {
        match ended {
            Ok(person) => {
                busy.remove(&person);
                busy
            }
            // The chain's task died, so nobody knows whose it was; the ledger does.
            Err(error) => {
                tracing::error!(target_name = %self.target.name(), %error, "a chain of steps broke off");
                self.recover_after(chains, busy).await
            }
        }
    }

    async fn recover_after(
        &self,
        chains: &mut JoinSet<PersonId>,
        mut busy: BTreeSet<PersonId>,
    ) -> BTreeSet<PersonId> {
        while let Some(ended) = chains.join_next().await {
            if let Ok(person) = ended {
                busy.remove(&person);
            }
        }
        if let Err(error) = self.recover().await {
            tracing::error!(target_name = %self.target.name(), %error, "could not read which calls were out");
        }
        BTreeSet::new()
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
    use muster_core::operation::State;
    let Some(person) = writer.person(id)? else {
        return Ok(());
    };
    let Some(account) = person.accounts.get(target) else {
        return Ok(());
    };
    for operation in &account.operations {
        if matches!(operation.state, State::InFlight { .. }) {
            let event = Event::Interrupted("the daemon stopped while the call was out".to_owned());
            let change = decide(operation, event, writer.at(), retry);
            writer.record(Fact::OperationChanged {
                person: id.clone(),
                target: target.clone(),
                operation: operation.id,
                change,
            })?;
        }
    }
    Ok(())
}

/// How long until an instant; nothing for one that has passed.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}
