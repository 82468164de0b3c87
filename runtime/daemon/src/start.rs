//! `muster serve`: opens everything, runs until told to stop, and closes in the right order. What happens
//! when the ledger fails is decided in `supervise`.
//!
//! Start: ledger, plugins, what the targets can give, a plan for everybody, then doors, drivers, dates
//! and feeds. The policy may have been edited while nobody ran: the one before decides until that may go
//! through. Stop: doors and feeds first, so that nothing new begins; the drivers wait for the calls that
//! are out; the ledger last.

mod durable;
mod memory;
mod plugin_news;
pub(crate) mod supervise;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_api::error::{API_BROKEN, Fault, FaultKind};
use muster_config::{Config, Environment, access};
use muster_core::coded::chain;
use muster_core::finding::{Finding, Severity};
use muster_core::guard::Limits;
use muster_core::id::TargetName;
use muster_core::operation::RetryPolicy;
use muster_core::policy::{Policy, PolicySource};
use muster_core::subject::Subject;
use muster_host::{Compiler, Host, HostOptions};
use muster_ledger::{Committer, Ledger, committer};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::app::App;
use crate::app::engine::Daemon;
use crate::app::keys::{self, HookKeys, HookSecrets};
use crate::app::queries::broken;
use crate::app::ready::resting;
use crate::clock::Clock;
use crate::driver::sweep::{self, Sweep};
use crate::driver::{Activity, Driver, Recent};
use crate::feeds::former::{self, FormerFeeds};
use crate::feeds::{self, Feed, Feeds};
use crate::findings::{Findings, LookedAt};
use crate::planning::{Bells, KnownTargets, Planning};
use crate::plugins::Library;
use crate::policy::{self, PolicyFiles};
use crate::reconcile::{self, Reconciling};
use crate::replan::dates::Dates;
use crate::replan::references::References;
use crate::replan::waiting::Pending;
use crate::replan::{self, Deciding};
use crate::server::gate::Gate;
use crate::targets::Connected;
use plugin_news::PluginNews;
use supervise::Ended;

/// How long the first plan waits for targets to say what they can give.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the calls that are out may take at a stop; afterwards they are looked at at the next
/// start.
const LAST_CALLS: Duration = Duration::from_secs(30);

/// How long everything else that is under way may take at a stop.
const LAST_STEPS: Duration = Duration::from_secs(15);

/// How long the last write may take at a stop.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// Runs the daemon until SIGTERM, SIGINT or `stop`.
pub async fn serve(
    config: Config,
    environment: Environment,
    clock: Clock,
    compiler: Option<Compiler>,
) -> Result<(), Fault> {
    let (stopper, stop) = watch::channel(false);
    let signals = tokio::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping");
        stopper.send_replace(true);
        // Keeps the channel open: a closed one would end the loops at once.
        stopper.closed().await;
    });
    let served = run(config, environment, clock, compiler, stop).await;
    signals.abort();
    served
}

/// Runs the daemon until `stop` turns true.
pub async fn run(
    config: Config,
    environment: Environment,
    clock: Clock,
    compiler: Option<Compiler>,
    stop: watch::Receiver<bool>,
) -> Result<(), Fault> {
    supervise::run(config, environment, clock, compiler, stop).await
}

/// What a daemon lives with, from the opening of its ledger to the closing. It may live several times.
struct Life {
    config: Config,
    environment: Environment,
    clock: Clock,
    /// What compiles plugins apart.
    compiler: Option<Compiler>,
    gate: Arc<Gate>,
    hook_keys: Arc<HookKeys>,
    /// Whether it lived before, and its ledger failed.
    is_resumed: bool,
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
    async fn live(
        &self,
        policy: Arc<Policy>,
        stop: &watch::Receiver<bool>,
        door: &mut JoinHandle<()>,
    ) -> Ended {
        let opened = supervise::has_room(&self.config)
            .and_then(|()| close_to_others(&self.config))
            .and_then(|open| Ok((open, self.assemble(&policy)?)));
        let (open, app) = match opened {
            Ok((open, app)) => (open, Arc::new(app)),
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
            self.begin(&app, policy, &inner_stop, &mut tasks).await?;
            say_open(&app.findings, open).await;
            Err::<std::convert::Infallible, Fault>(
                supervise::failed(&app.committer, &app.ledger, &app.clock).await,
            )
        };
        let fault = tokio::select! {
            Err(fault) = living => Some(fault),
            () = stopped(&mut stopping) => None,
        };
        let was_ready = app.ready.swap(false, Ordering::AcqRel);
        if let Some(fault) = &fault
            && (was_ready || self.is_resumed)
        {
            let resting = resting(fault);
            self.gate
                .shut(supervise::absent(&self.config, &self.clock, resting));
        }
        stopper.send_replace(true);
        let decided = app.planning.policy();
        if fault.is_none() {
            // What was asked before the stop is answered while the ledger is still there.
            drop(door.await);
        }
        let closed = end(app, tasks, &mut stopping).await;
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
        app: &Arc<App>,
        policy: Arc<Policy>,
        stop: &watch::Receiver<bool>,
        tasks: &mut Tasks,
    ) -> Result<(), Fault> {
        if self.is_resumed {
            let recorded = supervise::record_recovery(&app.committer, &app.clock).await;
            recorded.map_err(|error| broken(&error))?;
        }
        let former_feeds = former_feeds(app);
        let renamed = former::rename(&former_feeds).await;
        renamed.map_err(|error| broken(&error))?;
        let said = app.library.look().await;
        plugin_news(app).take_up(said).await;
        app.known.refresh().map_err(|error| broken(&error))?;
        self.gate.open(Arc::new(Daemon(Arc::clone(app))));
        reconcile::first(&reconciling(app), PATIENCE).await;
        app.known.refresh().map_err(|error| broken(&error))?;
        let planned = async {
            replan::begin(&app.deciding, policy).await?;
            former::settle(&former_feeds).await
        };
        if let Err(error) = planned.await {
            return Err(Fault::new(FaultKind::Broken, API_BROKEN, chain(&error))
                .hint("`muster ledger check` looks for damage"));
        }
        if !self.is_resumed {
            close_of_files(&app.findings).await;
        }
        start(app, stop, tasks)?;
        app.ready.store(true, Ordering::Release);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), policy = %app.planning.policy().version(), "ready");
        Ok(())
    }
}

/// Waits for what is under way, and lets go of the ledger.
async fn end(
    app: Arc<App>,
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
    let (committer, ledger) = (app.committer.clone(), app.ledger.clone());
    let clock = app.clock.clone();
    drop(app);
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
async fn close_of_files(findings: &Findings) {
    use crate::policy::{NEEDS_RESTART, UNUSABLE};
    findings
        .close(Subject::Policy, [NEEDS_RESTART, UNUSABLE])
        .await;
}

fn compile(config: &Config) -> Result<Policy, Fault> {
    Policy::compile(config.policy.clone()).map_err(|findings| {
        let first = findings.into_iter().next();
        first.map_or_else(
            || Fault::new(FaultKind::Refused, API_BROKEN, "the policy cannot be used"),
            |finding| Fault::new(FaultKind::Refused, finding.code, finding.text).hint(finding.hint),
        )
    })
}

/// The policy to begin with: the one that decided last, so that an edit made while nobody ran waits like any
/// other. Where it cannot be asked about today's targets and attributes, what the files say decides at once.
fn deciding(ledger: &Ledger, configured: &Arc<Policy>) -> Result<Arc<Policy>, Fault> {
    let kept = ledger.read().and_then(|reader| reader.policy_in_force());
    let Some(kept) = kept.map_err(|error| broken(&error))? else {
        return Ok(Arc::clone(configured));
    };
    if kept.source.version == *configured.version() {
        return Ok(Arc::clone(configured));
    }
    let source = PolicySource::clone(&kept.source);
    if let Some(policy) = fitted(source, configured) {
        return Ok(Arc::new(policy));
    }
    tracing::warn!(
        "the policy that decided last cannot be asked about today's targets and attributes; what the files say decides at once"
    );
    Ok(Arc::clone(configured))
}

/// The policy that decided last, for the targets and attributes of now: a target that is new is given by no
/// role yet, and one that is gone is given by none any more.
fn fitted(mut source: PolicySource, configured: &Policy) -> Option<Policy> {
    let now = configured.source();
    let is_same =
        source.targets.keys().eq(now.targets.keys()) && source.attributes == now.attributes;
    if is_same {
        return Policy::compile(source).ok();
    }
    source.attributes.clone_from(&now.attributes);
    let of_now = now.targets.iter().map(|(name, rules)| {
        let rules = source.targets.get(name).unwrap_or(rules);
        (name.clone(), rules.clone())
    });
    source.targets = of_now.collect();
    for role in &mut source.roles {
        role.access.retain(|name, _| now.targets.contains_key(name));
    }
    Policy::compile(source).ok()
}

/// What a life begins with.
struct Opened {
    ledger: Ledger,
    committer: Committer,
    /// The policy to begin with.
    policy: Arc<Policy>,
    library: Library,
    targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
}

impl Life {
    /// Opens the ledger and the plugins; `configured` is what the files of the policy say.
    fn open(&self, configured: &Arc<Policy>) -> Result<Opened, Fault> {
        let (config, environment, clock) = (
            self.config.clone(),
            self.environment.clone(),
            self.clock.clone(),
        );
        make_folders(&config)?;
        let ledger = Ledger::open(&config.daemon.ledger(), &muster_ledger::Options::default())
            .map_err(|error| broken(&error))?;
        let committer = Committer::start(ledger.clone(), committer::Options::default())
            .map_err(|error| broken(&error))?;
        let policy = deciding(&ledger, configured)?;
        let host = host(&config, &clock, self.compiler.clone())?;
        let targets: BTreeMap<TargetName, Arc<Connected>> = config
            .targets
            .iter()
            .map(|(name, target)| {
                let connected = Connected::new(target.clone(), clock.clone());
                (name.clone(), Arc::new(connected))
            })
            .collect();
        let connected: Vec<Arc<Connected>> = targets.values().cloned().collect();
        let library = Library::new(
            host,
            &config.daemon.plugins,
            clock.clone(),
            environment.clone(),
            &connected,
        );
        let targets = Arc::new(targets);
        Ok(Opened {
            ledger,
            committer,
            policy,
            library,
            targets,
        })
    }

    fn planning(
        &self,
        ledger: &Ledger,
        policy: Arc<Policy>,
        known: &Arc<KnownTargets>,
        bells: &Bells,
    ) -> Arc<Planning> {
        let planning = Planning::new(
            ledger.clone(),
            self.clock.clone(),
            policy,
            Arc::clone(known),
            bells.clone(),
        );
        Arc::new(planning.limited_by(limits(&self.config)))
    }

    fn assemble(&self, configured: &Arc<Policy>) -> Result<App, Fault> {
        let (config, clock) = (self.config.clone(), self.clock.clone());
        let Opened {
            ledger,
            committer,
            policy,
            library,
            targets,
        } = self.open(configured)?;
        let known = Arc::new(KnownTargets::new(ledger.clone(), Arc::clone(&targets)));
        let bells = Bells::new(targets.keys(), config.feeds.keys());
        let planning = self.planning(&ledger, policy, &known, &bells);
        let findings = Findings::new(ledger.clone(), committer.clone(), clock.clone());
        let config = Arc::new(config);
        let deciding = Deciding {
            config: Arc::clone(&config),
            clock: clock.clone(),
            findings: findings.clone(),
            planning: Arc::clone(&planning),
            known: Arc::clone(&known),
            hold: Mutex::default(),
        };
        let pending = Pending {
            ledger: ledger.clone(),
            committer: committer.clone(),
            clock: clock.clone(),
            findings: findings.clone(),
            planning: Arc::clone(&planning),
            bells: bells.clone(),
            targets: Arc::clone(&targets),
            config_file: config.file.clone(),
            waiting: Mutex::default(),
        };
        let deciding = Arc::new(deciding);
        let policy_files = PolicyFiles {
            seen: muster_config::stamps::of(&config),
            config: Arc::clone(&config),
            is_resumed: self.is_resumed,
            clock: clock.clone(),
            findings: findings.clone(),
            planning: Arc::clone(&planning),
            deciding: Arc::clone(&deciding),
        };
        Ok(App {
            started_at: clock.now(),
            findings,
            activity: targets
                .keys()
                .map(|name| (name.clone(), Arc::default()))
                .collect(),
            planning,
            config,
            environment: self.environment.clone(),
            clock,
            ledger,
            committer,
            library: Arc::new(library),
            targets,
            known,
            bells,
            deciding,
            policy_files: Arc::new(policy_files),
            pending: Arc::new(pending),
            obstacles: Arc::default(),
            ready: AtomicBool::new(false),
            hook_keys: Arc::clone(&self.hook_keys),
        })
    }
}

/// How much goes without asking.
fn limits(config: &Config) -> Limits {
    let feeds = config.feeds.iter();
    let targets = config.targets.iter();
    Limits {
        window: config.daemon.budget_window,
        people_of: feeds
            .map(|(name, feed)| (name.clone(), feed.guard.people))
            .collect(),
        removals_at: targets
            .map(|(name, target)| (name.clone(), target.limits.removals))
            .collect(),
        ..Limits::default()
    }
}

fn make_folders(config: &Config) -> Result<(), Fault> {
    for folder in [&config.daemon.data, &config.daemon.plugins] {
        std::fs::create_dir_all(folder).map_err(|error| {
            Fault::new(
                FaultKind::Broken,
                API_BROKEN,
                format!("could not make the folder {}: {error}", folder.display()),
            )
            .hint("make it, or name another one in muster.toml")
        })?;
    }
    Ok(())
}

fn host(config: &Config, clock: &Clock, compiler: Option<Compiler>) -> Result<Host, Fault> {
    let options = HostOptions {
        cache: Some(config.daemon.plugin_cache()),
        clock: clock.for_host(),
        compiler,
        generated: Some(config.daemon.data.join("generated")),
        ..HostOptions::default()
    };
    Host::new(options).map_err(|error| Fault::of(FaultKind::Broken, &error))
}

/// Starts what runs beside each other. The drivers end last, so they are kept apart.
fn start(app: &Arc<App>, stop: &watch::Receiver<bool>, tasks: &mut Tasks) -> Result<(), Fault> {
    let Tasks {
        loops: tasks,
        drivers,
    } = tasks;
    for (name, target) in app.targets.iter() {
        let driver = Driver {
            ledger: app.ledger.clone(),
            committer: app.committer.clone(),
            clock: app.clock.clone(),
            target: Arc::clone(target),
            retry: RetryPolicy {
                attempts_max: target.config().limits.attempts_max,
                ..RetryPolicy::default()
            },
            wake: app.bells.driver(name),
            dates: Arc::clone(app.bells.dates()),
            references: Arc::clone(app.bells.references()),
            activity: app
                .activity
                .get(name)
                .cloned()
                .unwrap_or_else(|| Arc::new(Activity::default())),
            recent: Arc::new(Recent::new(app.clock.moment())),
            members: Arc::default(),
        };
        drivers.spawn(driver.run(stop.clone()));
        let reading = Arc::new(reconciling(app));
        tasks.spawn(reconcile::run(reading, Arc::clone(target), stop.clone()));
    }
    let taking = Arc::new(taking(app));
    for (name, config) in &app.config.feeds {
        let feed = Feed::new(config, app.config.daemon.file_bytes_max).map_err(|errors| {
            let text = errors.first().map(ToString::to_string).unwrap_or_default();
            Fault::new(
                FaultKind::Refused,
                API_BROKEN,
                format!("the mapping of feed `{name}` cannot be used: {text}"),
            )
        })?;
        tasks.spawn(feeds::run(Arc::clone(&taking), feed, stop.clone()));
    }
    tasks.spawn(policy::watch(Arc::clone(&app.policy_files), stop.clone()));
    tasks.spawn(sweep::run(Arc::new(sweep(app)), stop.clone()));
    tasks.spawn(replan::dates::run(Arc::new(dates(app)), stop.clone()));
    let references = Arc::new(references(app));
    tasks.spawn(replan::references::run(references, stop.clone()));
    tasks.spawn(keys::watch(Arc::new(hook_secrets(app)), stop.clone()));
    // As few as plugin files and secrets that change.
    let (teller, told) = mpsc::unbounded_channel();
    tasks.spawn(plugin_news(app).run(told));
    let (library, plugin_stop) = (Arc::clone(&app.library), stop.clone());
    tasks.spawn(async move {
        // Nobody takes the news any more only where everything ends at once.
        let tell = move |said| drop(teller.send(said));
        library.watch(plugin_stop, tell).await;
    });
    Ok(())
}

fn former_feeds(app: &App) -> FormerFeeds {
    FormerFeeds {
        config: Arc::clone(&app.config),
        ledger: app.ledger.clone(),
        committer: app.committer.clone(),
        clock: app.clock.clone(),
        findings: app.findings.clone(),
        pending: Arc::clone(&app.pending),
    }
}

fn reconciling(app: &App) -> Reconciling {
    Reconciling {
        ledger: app.ledger.clone(),
        committer: app.committer.clone(),
        clock: app.clock.clone(),
        findings: app.findings.clone(),
        planning: Arc::clone(&app.planning),
        bells: app.bells.clone(),
        targets: Arc::clone(&app.targets),
        known: Arc::clone(&app.known),
        deciding: Arc::clone(&app.deciding),
        pending: Arc::clone(&app.pending),
    }
}

fn taking(app: &App) -> Feeds {
    Feeds {
        ledger: app.ledger.clone(),
        committer: app.committer.clone(),
        clock: app.clock.clone(),
        findings: app.findings.clone(),
        planning: Arc::clone(&app.planning),
        bells: app.bells.clone(),
        data: app.config.daemon.data.clone(),
        obstacles: Arc::clone(&app.obstacles),
    }
}

fn sweep(app: &App) -> Sweep {
    Sweep {
        ledger: app.ledger.clone(),
        clock: app.clock.clone(),
        findings: app.findings.clone(),
    }
}

fn dates(app: &App) -> Dates {
    Dates {
        ledger: app.ledger.clone(),
        committer: app.committer.clone(),
        clock: app.clock.clone(),
        findings: app.findings.clone(),
        planning: Arc::clone(&app.planning),
        bells: app.bells.clone(),
        pending: Arc::clone(&app.pending),
    }
}

fn references(app: &App) -> References {
    References {
        ledger: app.ledger.clone(),
        clock: app.clock.clone(),
        planning: Arc::clone(&app.planning),
        bells: app.bells.clone(),
    }
}

fn hook_secrets(app: &App) -> HookSecrets {
    HookSecrets {
        config: Arc::clone(&app.config),
        environment: app.environment.clone(),
        keys: Arc::clone(&app.hook_keys),
        clock: app.clock.clone(),
        findings: app.findings.clone(),
    }
}

fn plugin_news(app: &App) -> PluginNews {
    PluginNews {
        ledger: app.ledger.clone(),
        committer: app.committer.clone(),
        clock: app.clock.clone(),
        findings: app.findings.clone(),
        known: Arc::clone(&app.known),
        deciding: Arc::clone(&app.deciding),
        bells: app.bells.clone(),
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    while !*stop.borrow() {
        if stop.changed().await.is_err() {
            return;
        }
    }
}

/// Waits for SIGTERM or SIGINT.
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!(
            "signals cannot be waited for; stop the daemon with SIGKILL, nothing is lost"
        );
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
