//! One supervised writer: where the ledger fails for good, everything stops and begins again from what is
//! durable.
//!
//! After a failed write nobody knows what the disk holds until the file was opened anew, and what the
//! drivers believe may not have been kept. So the daemon begins again in the same process as it would
//! after a power cut: calls that are out get time to end, the file is closed, and after a pause that grows
//! it is opened again. It counts as back only after a write of its own was durable. Meanwhile the doors
//! stay open and say one and the same reason (LED-010), and nothing is taken. Where the file cannot even
//! be closed, the process ends, and whoever watches it starts it again.

use std::sync::Arc;
use std::time::Duration;

use muster_api::error::{API_NOT_READY, Fault, FaultKind};
use muster_api::v1;
use muster_config::{Config, Environment};
use muster_core::actor::Actor;
use muster_core::fact::Fact;
use muster_core::finding::{Finding, Severity};
use muster_core::policy::Policy;
use muster_core::subject::Subject;
use muster_host::Compiler;
use muster_ledger::{Committer, Ledger};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::life::{Life, stopped};
use super::{Setup, compile, durable};
use crate::answers::ready::{RESTING, resting};
use crate::answers::{broken, present};
use crate::clock::{Clock, Retrying};
use crate::server::gate::{Absent, Gate};
use crate::server::listen::Doors;

/// The pause before the ledger is opened again: the first one, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// A daemon that was up for this long has recovered: the next pause is the first one again.
const RECOVERED_AFTER: Duration = Duration::from_mins(5);

/// How often is looked whether the ledger can still be written.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Room that the data folder must have before the ledger is opened, in bytes: what a commit or two need.
const ROOM_BYTES: usize = 1 << 20;

/// What failures of the ledger are about.
const SUBJECT: Subject = Subject::Ledger;

/// How one life of the daemon ended.
pub(super) enum Ended {
    /// It was told to stop.
    Told,
    /// The ledger failed, or what it needs is not there.
    Failed {
        /// Why.
        fault: Fault,
        /// The policy that decided, where it came so far.
        policy: Option<Arc<Policy>>,
    },
    /// The ledger failed and cannot be let go of.
    Stuck(Fault),
}

/// Runs the daemon until `stop` turns true.
pub(super) async fn run(
    config: Config,
    environment: Environment,
    clock: Clock,
    compiler: Option<Compiler>,
    stop: watch::Receiver<bool>,
) -> Result<(), Fault> {
    let doors = Doors::open(config.daemon.listen, &config.daemon.socket()).await;
    let doors = doors.map_err(|error| Fault::of(FaultKind::Broken, &error))?;
    let configured = Arc::new(compile(&config)?);
    if let Some(address) = doors.address() {
        tracing::info!(%address, "listening");
    }
    let gate = Arc::new(starting(&config, &clock));
    let serving = Arc::clone(&gate);
    let door_stop = stop.clone();
    let mut door = tokio::spawn(async move { doors.serve(serving, door_stop).await });
    let setup = Setup {
        config: Arc::new(config),
        environment,
        clock,
        compiler,
        hook_keys: Arc::default(),
        is_resumed: false,
    };
    let life = Life { setup, gate };
    let lived = again_and_again(life, configured, &stop, &mut door).await;
    if lived.is_err() {
        // Nobody should wait for open answers on the way out of a failure.
        door.abort();
    } else if !door.is_finished() {
        drop(door.await);
    }
    lived
}

/// The gate as it is until the daemon answers.
pub(super) fn starting(config: &Config, clock: &Clock) -> Gate {
    let starting = Fault::new(
        FaultKind::Unavailable,
        API_NOT_READY,
        "the daemon is starting",
    );
    Gate::new(
        config.daemon.file_bytes_max,
        absent(config, clock, starting),
    )
}

/// Lives until it is told to stop, or cannot go on in this process.
async fn again_and_again(
    mut life: Life,
    mut policy: Arc<Policy>,
    stop: &watch::Receiver<bool>,
    door: &mut JoinHandle<()>,
) -> Result<(), Fault> {
    let mut retrying = Retrying::new(PAUSE.0, PAUSE.1);
    loop {
        let begun = life.setup.clock.moment();
        let fault = match life.live(Arc::clone(&policy), stop, door).await {
            Ended::Told => return Ok(()),
            Ended::Stuck(fault) => return Err(fault),
            // A daemon that never ran has somebody before it who reads why.
            Ended::Failed {
                policy: None,
                fault,
            } if !life.setup.is_resumed => return Err(fault),
            Ended::Failed {
                fault,
                policy: decided,
            } => {
                policy = decided.unwrap_or(policy);
                fault
            }
        };
        life.setup.is_resumed = true;
        if life.setup.clock.moment().since(begun) >= RECOVERED_AFTER {
            retrying.succeeded();
        }
        let is_news = retrying.failed(&fault.message);
        let resting = resting(&fault);
        if is_news {
            tracing::error!(code = %resting.code, error = resting.message, "everything stops and begins again");
        }
        life.gate
            .shut(absent(&life.setup.config, &life.setup.clock, resting));
        let mut stopping = stop.clone();
        tokio::select! {
            () = life.setup.clock.sleep(retrying.pause()) => {}
            () = stopped(&mut stopping) => return Ok(()),
        }
    }
}

/// What the doors answer while there is no daemon behind them.
pub(super) fn absent(config: &Config, clock: &Clock, fault: Fault) -> Absent {
    let now = present::instant(clock.now());
    let trouble = v1::Finding {
        code: fault.code.to_string(),
        severity: Severity::Error.as_str().to_owned(),
        subject: SUBJECT.to_string(),
        text: fault.message.clone(),
        hint: fault.hint.clone(),
        since: Some(now.clone()),
    };
    let status = v1::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now.clone(),
        now,
        config: config.file.display().to_string(),
        trouble: Some(trouble),
        ..v1::Status::default()
    };
    Absent { fault, status }
}

/// Waits until the ledger cannot be written any more.
pub(super) async fn failed(committer: &Committer, ledger: &Ledger, clock: &Clock) -> Fault {
    loop {
        clock.sleep(PROBE_EVERY).await;
        let probed = committer.probe().await;
        if let Some(failure) = ledger.failure() {
            return Fault::new(FaultKind::Unavailable, failure.code, failure.text);
        }
        if let Err(error) = probed {
            return broken(&error);
        }
    }
}

/// Waits as long as there is no file where the ledger was: closed, what it holds would be lost for good.
/// Until then it can be copied back from this process, as LED-011 says.
pub(super) async fn while_gone(ledger: &Ledger, clock: &Clock, stop: &mut watch::Receiver<bool>) {
    let mut retrying = Retrying::new(PAUSE.0, PAUSE.1);
    while ledger.check_in_place().is_err() && ledger.file().is_some_and(|path| !path.exists()) {
        if retrying.failed("gone") {
            let process = std::process::id();
            tracing::error!(code = %muster_ledger::error::GONE, process, "the ledger's file is gone, and its content is kept open in this process");
        }
        tokio::select! {
            () = clock.sleep(retrying.pause()) => {}
            () = stopped(stop) => return,
        }
    }
}

/// Whether the data folder takes what a commit needs. A ledger that is opened without room for it only
/// fails again, in the middle of something.
pub(super) fn has_room(config: &Config) -> Result<(), Fault> {
    const NAME: &str = "room";
    let data = &config.daemon.data;
    let tried = durable::write(data, NAME, &vec![0; ROOM_BYTES]);
    // Half of it may be there, too.
    for name in [NAME.to_owned(), durable::part_of(NAME)] {
        drop(std::fs::remove_file(data.join(name)));
    }
    tried.map_err(|error| {
        let message = format!("the data folder {} takes no more: {error}", data.display());
        Fault::new(FaultKind::Unavailable, muster_ledger::error::DISK, message)
            .hint("make room, or put the permissions right; then start the daemon again")
    })
}

/// Records that the ledger failed and was opened again: the record has it, and a write was durable.
pub(super) async fn record_recovery(
    committer: &Committer,
    clock: &Clock,
) -> Result<(), muster_ledger::Error> {
    let text = "the ledger could not be written for a while, and was opened again";
    let finding = Finding::new(RESTING, Severity::Note, SUBJECT, text);
    let closed = Fact::FindingClosed {
        code: RESTING,
        subject: SUBJECT,
    };
    let facts = vec![Fact::FindingOpened(finding), closed];
    committer
        .record(clock.now(), Actor::Daemon, facts)
        .await
        .map(drop)
}
