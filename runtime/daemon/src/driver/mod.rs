//! Carries out what was planned: one loop per target, leavers first, one call per account.
//!
//! The loop is level-triggered. What is due is read from the ledger each time, so a wake-up that was
//! lost costs a moment and never an operation. It works in rounds (`round`). One round is one durable
//! transaction: it records what the calls that came back led to, and claims the steps that are taken
//! next. The calls themselves (`work`) are out meanwhile, as many as the target may have.
//!
//! Where calls come back while a round is made, steps are claimed ahead (`pace` says how many), so that the
//! next calls do not wait for the disk. Whatever is claimed leaves in the order of its urgency (`claimed`),
//! and what a newer plan has touched meanwhile is given back before it leaves.
//!
//! After a stop, every call that was out is recorded as interrupted before the loop begins; the
//! core then has it looked at before anything is tried again.

mod again;
mod claimed;
mod holder;
mod in_flight;
mod look;
mod members;
mod pace;
mod read_back;
mod recent;
mod round;
mod settle;
pub(crate) mod sweep;
mod work;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::{Event, Operation, RetryPolicy, State, Transition, decide};
use muster_ledger::{Committer, Error, Ledger, Writer};
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::targets::{Connected, Standing};

use in_flight::InFlight;
use round::Recorded;

pub use members::Members;
pub use recent::Recent;
pub use work::Activity;

/// How long the loop sleeps at most; a wake-up or a timer is what usually ends it.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// How long it waits after the ledger refused to be read or written, at first and at most.
const LEDGER_PAUSE: Duration = Duration::from_secs(1);
const LEDGER_PAUSE_MAX: Duration = Duration::from_mins(5);

/// An attempt at the target whose credentials were refused.
type Trying = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What was last heeded.
struct News {
    connections: u64,
    versions: u64,
    standing: Standing,
    steps: again::Steps,
}

impl News {
    fn new(target: &Connected) -> Self {
        Self {
            connections: 0,
            versions: target.versions(),
            standing: Standing::Open,
            steps: again::Steps::new(),
        }
    }
}

/// A round that is being made durable.
type Recording = Pin<Box<dyn Future<Output = Vec<Recorded>> + Send>>;

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
    /// To be rung when somebody is to be planned for.
    pub dates: Arc<Notify>,
    /// To be rung when an account came or went: others may refer to it.
    pub references: Arc<Notify>,
    /// Counts what happens.
    pub activity: Arc<Activity>,
    /// What was written a moment ago.
    pub recent: Arc<Recent>,
    /// Who changes the members of a right at the same time.
    pub members: Arc<Members>,
}

impl Driver {
    /// Runs until `stop` says so; then waits for the calls that are out, so that their outcome is
    /// recorded.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.recover().await {
            tracing::error!(target_name = %self.target.name(), %error, "could not read which calls were out");
        }
        let mut in_flight = InFlight::default();
        let mut recording: Option<Recording> = None;
        let mut trying: Option<Trying> = None;
        let mut news = News::new(&self.target);
        let mut is_stopping = *stop.borrow();
        loop {
            if let Err(error) = self.heed(&mut news).await {
                // Tried again in the next round.
                in_flight.unreadable(&self, &error);
            }
            if !is_stopping {
                in_flight.start_calls(&self);
            }
            let mut wait = SLEEP_MAX;
            if recording.is_none() {
                match in_flight.next_round(&self, is_stopping) {
                    Ok(round) => recording = Some(Box::pin(self.clone().record(round))),
                    Err(idle) => wait = idle,
                }
            }
            if is_stopping && recording.is_none() && in_flight.is_empty() {
                break;
            }
            if let Standing::Shut(pause) = self.target.gate().standing()
                && trying.is_none()
                && self.target.is_usable()
            {
                if pause.is_zero() {
                    trying = Some(Box::pin(self.clone().try_credentials()));
                } else {
                    wait = wait.min(pause);
                }
            }
            tokio::select! {
                Some(()) = in_flight.call_ended(&self) => {}
                recorded = recorded(&mut recording), if recording.is_some() => {
                    recording = None;
                    in_flight.take(&self, recorded);
                }
                () = tried(&mut trying), if trying.is_some() => trying = None,
                // What is more urgent may have come in.
                () = self.wake.notified() => {
                    self.target.gate().has_news();
                    in_flight.read_again();
                }
                () = self.target.became_ready() => {}
                () = self.clock.sleep(wait) => {}
                changed = stop.changed(), if !is_stopping => {
                    is_stopping = changed.is_err() || *stop.borrow();
                }
            }
        }
    }

    /// Does what news ask for: new credentials, credentials that are accepted again, another version of the
    /// plugin, a clock that stepped back.
    async fn heed(&self, news: &mut News) -> Result<(), Error> {
        if news.steps.is_back(self.clock.moment(), self.clock.now()) {
            again::too_far(self).await?;
        }
        let connections = self.target.connections();
        let standing = match self.target.gate().standing() {
            Standing::Shut(_) => Standing::Shut(Duration::ZERO),
            standing => standing,
        };
        if connections != news.connections || standing != news.standing {
            let is_opened = connections != news.connections || standing == Standing::Open;
            match standing {
                Standing::Shut(_) => {}
                _ if is_opened => again::refused(self, usize::MAX).await?,
                _ => again::refused(self, 1).await?,
            }
            (news.connections, news.standing) = (connections, standing);
        }
        let versions = self.target.versions();
        if versions != news.versions {
            again::failed_before(self).await?;
            news.versions = versions;
        }
        Ok(())
    }

    /// Tries whether the app accepts the credentials again. What came of it, the gate knows.
    async fn try_credentials(self) {
        let Err(problem) = self.target.probe().await else {
            return;
        };
        let case = problem.name();
        tracing::info!(target_name = %self.target.name(), case, "the target was tried and is not yet accepted");
        let target = self.target.name().clone();
        let said = self
            .committer
            .submit(self.clock.now(), self.target.actor(), move |writer| {
                settle::say_it_is_refused(writer, &target, &problem)
            });
        if let Err(error) = said.await {
            tracing::error!(target_name = %self.target.name(), %error, "could not say that the credentials are refused");
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
            .submit(now, Actor::Daemon, move |writer| {
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
    change: impl Fn(&Operation, Timestamp) -> Option<Transition>,
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

/// Waits for the round that is being made, where there is one.
async fn recorded(recording: &mut Option<Recording>) -> Vec<Recorded> {
    match recording {
        Some(recording) => recording.await,
        None => std::future::pending().await,
    }
}

/// Waits for the attempt that is being made, where there is one.
async fn tried(trying: &mut Option<Trying>) {
    match trying {
        Some(trying) => trying.await,
        None => std::future::pending().await,
    }
}
