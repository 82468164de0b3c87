//! One life of the daemon, from the opening of its ledger to the closing.
//!
//! Start: ledger, plugins, what the targets can give, a plan for everybody, then doors, drivers, dates
//! and feeds. The policy may have been edited while nobody ran: the one before decides until that may go
//! through. Stop: doors and feeds first, so that nothing new begins; the drivers wait for the calls that
//! are out; the ledger last.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_api::error::{API_BROKEN, Fault, FaultKind};
use muster_config::{Config, access};
use muster_core::coded::chain;
use muster_core::finding::{Finding, Severity};
use muster_core::policy::{Policy, trial};
use muster_core::subject::Subject;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::supervise::{self, Ended};
use super::{Parts, Setup};
use crate::answers::broken;
use crate::answers::ready::resting;
use crate::driver::sweep;
use crate::feeds::{self, Feed, former};
use crate::findings::{Findings, LookedAt};
use crate::policy;
use crate::reconcile;
use crate::replan::{self, waiting};
use crate::server::gate::Gate;
use crate::server::keys;

/// How long the first plan waits for targets to say what they can give.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the calls that are out may take at a stop; afterwards they are looked at at the next
/// start.
const LAST_CALLS: Duration = Duration::from_secs(30);

/// How long everything else that is under way may take at a stop.
const LAST_STEPS: Duration = Duration::from_secs(15);

/// How long the last write may take at a stop.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// What a daemon lives with, from the opening of its ledger to the closing. It may live several times.
pub(super) struct Life {
    pub(super) setup: Setup,
    pub(super) gate: Arc<Gate>,
}

/// What runs in a life.
#[derive(Default)]
struct Tasks {
    /// Everything but the drivers.
    loops: JoinSet<()>,
    /// They end last.
    drivers: JoinSet<()>,
}

impl Life {
    /// Lives until told to stop, or until the ledger fails. `policy` is what the files said last.
    pub(super) async fn live(
        &self,
        policy: Arc<Policy>,
        stop: &watch::Receiver<bool>,
        door: &mut JoinHandle<()>,
    ) -> Ended {
        let opened = supervise::has_room(&self.setup.config)
            .and_then(|()| close_to_others(&self.setup.config))
            .and_then(|open| Ok((open, Parts::open(&self.setup, &policy)?)));
        let (open, parts) = match opened {
            Ok((open, parts)) => (open, Arc::new(parts)),
            Err(fault) => {
                return Ended::Failed {
                    fault,
                    policy: None,
                };
            }
        };
        let (stopper, inner_stop) = watch::channel(false);
        let (mut tasks, mut stopping) = (Tasks::default(), stop.clone());
        let living = async {
            self.begin(&parts, policy, &inner_stop, &mut tasks).await?;
            say_open(&parts.findings, open).await;
            Err::<std::convert::Infallible, Fault>(
                supervise::failed(&parts.committer, &parts.ledger, &parts.clock).await,
            )
        };
        let fault = tokio::select! {
            Err(fault) = living => Some(fault),
            () = stopped(&mut stopping) => None,
        };
        let was_ready = parts.ready.swap(false, Ordering::AcqRel);
        if let Some(fault) = &fault
            && (was_ready || self.setup.is_resumed)
        {
            let resting = resting(fault);
            self.gate.shut(supervise::absent(
                &self.setup.config,
                &self.setup.clock,
                resting,
            ));
        }
        stopper.send_replace(true);
        let decided = parts.planning.policy();
        if fault.is_none() {
            // What was asked before the stop is answered while the ledger is still there.
            drop(door.await);
        }
        let closed = end(parts, tasks, &mut stopping).await;
        match (fault, closed) {
            (None, closed) => {
                if let Err(error) = closed {
                    tracing::warn!(error = chain(&error), "the ledger was not closed");
                }
                Ended::Told
            }
            (Some(fault), Ok(())) => Ended::Failed {
                fault,
                policy: was_ready.then_some(decided),
            },
            (Some(fault), Err(_)) => Ended::Stuck(resting(&fault).hint(
                "the process ends, because its ledger cannot be opened again in it; start it again",
            )),
        }
    }

    /// Brings everything up, and is back once the daemon takes work.
    async fn begin(
        &self,
        parts: &Arc<Parts>,
        policy: Arc<Policy>,
        stop: &watch::Receiver<bool>,
        tasks: &mut Tasks,
    ) -> Result<(), Fault> {
        if self.setup.is_resumed {
            let recorded = supervise::record_recovery(&parts.committer, &parts.clock).await;
            recorded.map_err(|error| broken(&error))?;
        }
        let former_feeds = parts.former_feeds();
        let renamed = former::rename(&former_feeds).await;
        renamed.map_err(|error| broken(&error))?;
        let said = parts.library.look().await;
        parts.plugin_news().take_up(said).await;
        parts.known.refresh().map_err(|error| broken(&error))?;
        self.gate
            .open(parts.answers(), Arc::new(parts.hook_secrets()));
        reconcile::first(&parts.reconciling(), PATIENCE).await;
        parts.known.refresh().map_err(|error| broken(&error))?;
        let broken_tests = trial::broken(&policy, &parts.config.tests);
        let planned = async {
            // Where it lives again, the files are read later.
            if !self.setup.is_resumed {
                replan::taken_back(&parts.deciding, &policy).await?;
            }
            if let Some(said) = &broken_tests {
                // As with an edit while the daemon runs: the policy before goes on deciding.
                tracing::warn!(version = %policy.version(), "the policy breaks its tests and is not taken");
                parts.findings.open(said.clone()).await;
                replan::everybody(&parts.deciding).await?;
            } else {
                replan::begin(&parts.deciding, policy).await?;
            }
            waiting::catalogues_again(&parts.pending).await?;
            former::settle(&former_feeds).await
        };
        if let Err(error) = planned.await {
            return Err(Fault::new(FaultKind::Broken, API_BROKEN, chain(&error))
                .hint("`muster ledger check` looks for damage"));
        }
        if !self.setup.is_resumed {
            close_of_files(&parts.findings, broken_tests.is_some()).await;
        }
        start(parts, stop, tasks)?;
        parts.ready.store(true, Ordering::Release);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), policy = %parts.planning.policy().version(), "ready");
        Ok(())
    }
}

/// Starts what runs beside each other. The drivers end last, so they are kept apart.
fn start(parts: &Arc<Parts>, stop: &watch::Receiver<bool>, tasks: &mut Tasks) -> Result<(), Fault> {
    let Tasks {
        loops: tasks,
        drivers,
    } = tasks;
    for (name, target) in parts.targets.iter() {
        drivers.spawn(parts.driver(name, target).run(stop.clone()));
        let reading = Arc::new(parts.reconciling());
        tasks.spawn(reconcile::run(reading, Arc::clone(target), stop.clone()));
    }
    let taking = Arc::new(parts.taking());
    for (name, config) in &parts.config.feeds {
        let feed = Feed::new(config, parts.config.daemon.file_bytes_max).map_err(|errors| {
            let text = errors.first().map(ToString::to_string).unwrap_or_default();
            Fault::new(
                FaultKind::Refused,
                API_BROKEN,
                format!("the mapping of feed `{name}` cannot be used: {text}"),
            )
        })?;
        tasks.spawn(feeds::run(Arc::clone(&taking), feed, stop.clone()));
    }
    tasks.spawn(policy::watch(Arc::clone(&parts.policy_files), stop.clone()));
    tasks.spawn(sweep::run(Arc::new(parts.sweep()), stop.clone()));
    tasks.spawn(replan::dates::run(Arc::new(parts.dates()), stop.clone()));
    let references = Arc::new(parts.references());
    tasks.spawn(replan::references::run(references, stop.clone()));
    tasks.spawn(keys::watch(Arc::new(parts.hook_secrets()), stop.clone()));
    // As few as plugin files and secrets that change.
    let (teller, told) = mpsc::unbounded_channel();
    tasks.spawn(parts.plugin_news().run(told));
    let (library, plugin_stop) = (Arc::clone(&parts.library), stop.clone());
    tasks.spawn(async move {
        // Nobody takes the news any more only where everything ends at once.
        let tell = move |said| drop(teller.send(said));
        library.watch(plugin_stop, tell).await;
    });
    Ok(())
}

/// Waits for what is under way, and lets go of the ledger.
async fn end(
    parts: Arc<Parts>,
    mut tasks: Tasks,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), muster_ledger::Error> {
    let ended = async { while tasks.loops.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_STEPS, ended).await.is_err() {
        tracing::warn!("something was still under way; it is done again at the next start");
    }
    let last_calls = async { while tasks.drivers.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_CALLS, last_calls).await.is_err() {
        tracing::warn!("some calls are still out; they are looked at at the next start");
    }
    drop(tasks);
    let (committer, ledger) = (parts.committer.clone(), parts.ledger.clone());
    let clock = parts.clock.clone();
    drop(parts);
    supervise::while_gone(&ledger, &clock, stop).await;
    let closing = tokio::task::spawn_blocking(move || {
        committer.stop();
        ledger.close(LAST_WRITE)
    });
    match tokio::time::timeout(LAST_WRITE * 2, closing).await {
        Ok(Ok(closed)) => closed,
        Ok(Err(_)) | Err(_) => Err(muster_ledger::Error::Stopped {
            reason: "a write is under way that does not end".to_owned(),
        }),
    }
}

/// Refuses to run on what others can write, and closes the data folder. Returns what others can only read.
fn close_to_others(config: &Config) -> Result<Vec<access::Open>, Fault> {
    let writable = access::writable_by_others(config);
    if !writable.is_empty() {
        let shown: Vec<String> = writable.iter().map(access::Open::shown).collect();
        let text = format!("others can write what decides: {}", shown.join(", "));
        return Err(Fault::new(FaultKind::Refused, access::OTHERS_WRITE, text)
            .hint("look at what is in it, then: chmod go-w, for the data folder chmod 700"));
    }
    let closed = access::close(&config.daemon.data).map_err(|error| {
        let folder = config.daemon.data.display();
        let text = format!("could not close the data folder {folder} to others: {error}");
        Fault::new(FaultKind::Broken, API_BROKEN, text)
            .hint("it has to belong to the daemon's user, with mode 0700")
    })?;
    if let Some(mode) = closed {
        let mode = format!("{mode:04o}");
        tracing::warn!(mode, "others could enter the data folder; it was closed");
    }
    Ok(access::readable_by_others(config))
}

/// Keeps as findings which secrets others can read.
async fn say_open(findings: &Findings, open: Vec<access::Open>) {
    let found = open.into_iter().map(|open| {
        let text = format!("others can read {}", open.shown());
        let subject = Subject::File(open.path.display().to_string());
        let hint = "chmod 600 it, and make another secret where somebody may have read this one";
        Finding::new(access::OTHERS_READ, Severity::Warning, subject, text).hint(hint)
    });
    let scope = LookedAt::all([access::OTHERS_READ]);
    findings.settle(scope, found.collect()).await;
}

/// Closes what was said of the files as they were before: this start has read them.
async fn close_of_files(findings: &Findings, breaks_tests: bool) {
    use crate::policy::{NEEDS_RESTART, UNUSABLE};
    let over = [NEEDS_RESTART, UNUSABLE].into_iter();
    let over = over.chain((!breaks_tests).then_some(trial::BROKEN));
    findings.close(Subject::Policy, over).await;
}

pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    while !*stop.borrow() {
        if stop.changed().await.is_err() {
            return;
        }
    }
}
