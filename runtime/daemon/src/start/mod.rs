//! `muster serve`: builds everything, and runs it until told to stop.
//!
//! Here stands what a daemon is made of, and what each loop and each question is given of it. `life` brings it up and
//! takes it down again in the right order, and `supervise` decides what happens when the ledger fails.

mod durable;
mod life;
mod memory;
mod plugin_news;
pub(crate) mod supervise;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use muster_api::error::{API_BROKEN, Fault, FaultKind};
use muster_config::{Config, Environment};
use muster_core::guard::Limits;
use muster_core::id::TargetName;
use muster_core::operation::RetryPolicy;
use muster_core::policy::trial::{self, Trial};
use muster_core::policy::{Policy, PolicySource};
use muster_host::{Compiler, Host, HostOptions};
use muster_ledger::{Committer, Ledger, committer};
use tokio::sync::watch;

use crate::answers::broken;
use crate::answers::{
    Answers, Approvals, Deliveries, Health, Listings, Orders, Previews, Standings, Waiting,
};
use crate::clock::Clock;
use crate::driver::sweep::Sweep;
use crate::driver::{Activity, Driver, Recent};
use crate::feeds::former::FormerFeeds;
use crate::feeds::{Feeds, Obstacles};
use crate::findings::Findings;
use crate::planning::{Bells, KnownTargets, Planning};
use crate::plugins::Library;
use crate::policy::PolicyFiles;
use crate::reconcile::Reconciling;
use crate::replan::Deciding;
use crate::replan::dates::Dates;
use crate::replan::holds::Holds;
use crate::replan::references::References;
use crate::replan::waiting::Pending;
use crate::server::gate::Gate;
use crate::server::keys::{HookKeys, HookSecrets};
use crate::targets::Connected;
use plugin_news::PluginNews;

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

/// The doors' gate to a daemon on this ledger of which no loop runs: it answers, and takes deliveries. The tests of the
/// doors open it.
pub fn gate_to(
    ledger: Ledger,
    config: Config,
    environment: Environment,
    clock: Clock,
) -> Result<Gate, Fault> {
    let configured = Arc::new(compile(&config)?);
    let setup = Setup {
        config: Arc::new(config),
        environment,
        clock,
        compiler: None,
        hook_keys: Arc::default(),
        is_resumed: false,
    };
    let parts = Parts::on(ledger, &setup, &configured)?;
    parts.ready.store(true, Ordering::Release);
    let gate = supervise::starting(&setup.config, &setup.clock);
    gate.open(parts.answers(), Arc::new(parts.hook_secrets()));
    Ok(gate)
}

/// What a life is built from.
struct Setup {
    config: Arc<Config>,
    environment: Environment,
    clock: Clock,
    /// What compiles plugins apart.
    compiler: Option<Compiler>,
    hook_keys: Arc<HookKeys>,
    /// Whether the daemon lived before, and its ledger failed.
    is_resumed: bool,
}

/// A loop or a question: first the handles that it names, each a clone of the part of that name, then what is made for
/// it alone. Without `self`, the parts are variables.
macro_rules! given {
    ($what:ident [$($handle:ident),*] $($own:ident: $made:expr,)*) => {
        $what { $($handle: $handle.clone(),)* $($own: $made,)* }
    };
    ($parts:ident, $what:ident [$($handle:ident),*] $($own:ident: $made:expr,)*) => {
        $what { $($handle: $parts.$handle.clone(),)* $($own: $made,)* }
    };
}

/// What a life is made of. It stays in here: each loop and each question is given the handles that it needs.
struct Parts {
    config: Arc<Config>,
    environment: Environment,
    clock: Clock,
    started_at: Timestamp,
    /// Whether the daemon is ready to take work.
    ready: Arc<AtomicBool>,
    ledger: Ledger,
    committer: Committer,
    findings: Findings,
    planning: Arc<Planning>,
    library: Arc<Library>,
    targets: Arc<BTreeMap<TargetName, Arc<Connected>>>,
    activity: Arc<BTreeMap<TargetName, Arc<Activity>>>,
    known: Arc<KnownTargets>,
    bells: Bells,
    deciding: Arc<Deciding>,
    pending: Arc<Pending>,
    policy_files: Arc<PolicyFiles>,
    obstacles: Arc<Obstacles>,
    hook_keys: Arc<HookKeys>,
}

impl Parts {
    /// Opens the ledger and everything on it; `configured` is what the files of the policy say.
    fn open(setup: &Setup, configured: &Arc<Policy>) -> Result<Self, Fault> {
        make_folders(&setup.config)?;
        let path = setup.config.daemon.ledger();
        let ledger = Ledger::open(&path, &muster_ledger::Options::default());
        Self::on(ledger.map_err(|error| broken(&error))?, setup, configured)
    }

    /// Builds everything on this ledger.
    fn on(ledger: Ledger, setup: &Setup, configured: &Arc<Policy>) -> Result<Self, Fault> {
        let (config, clock) = (&setup.config, &setup.clock);
        let committer = Committer::start(ledger.clone(), committer::Options::default())
            .map_err(|error| broken(&error))?;
        let policy = deciding(&ledger, configured, &config.tests)?;
        let targets = connected(setup);
        let library = Arc::new(library(setup, &targets)?);
        let known = Arc::new(KnownTargets::new(ledger.clone(), Arc::clone(&targets)));
        let bells = Bells::new(targets.keys(), config.feeds.keys());
        let planning = Planning::new(
            ledger.clone(),
            clock.clone(),
            policy,
            Arc::clone(&known),
            bells.clone(),
        );
        let planning = planning.correlating(Arc::new(config.correlation.clone()));
        let planning = Arc::new(planning.limited_by(limits(config)));
        let findings = Findings::new(ledger.clone(), committer.clone(), clock.clone());
        let holds = Holds::new(ledger.clone(), committer.clone(), clock.clone());
        let holds = Arc::new(holds);
        let deciding = Arc::new(given!(Deciding [config, clock, findings, planning, known, holds]));
        let pending = given!(
            Pending [ledger, committer, clock, findings, planning, bells, targets, holds]
            config_file: config.file.clone(),
        );
        let policy_files = given!(
            PolicyFiles [config, clock, findings, planning, deciding]
            seen: muster_config::stamps::of(config),
            is_resumed: setup.is_resumed,
        );
        let activity = targets.keys().map(|name| (name.clone(), Arc::default()));
        Ok(Self {
            config: Arc::clone(config),
            environment: setup.environment.clone(),
            clock: clock.clone(),
            started_at: clock.now(),
            ready: Arc::default(),
            activity: Arc::new(activity.collect()),
            pending: Arc::new(pending),
            policy_files: Arc::new(policy_files),
            obstacles: Arc::default(),
            hook_keys: Arc::clone(&setup.hook_keys),
            ledger,
            committer,
            findings,
            planning,
            library,
            targets,
            known,
            bells,
            deciding,
        })
    }
}

/// What each loop is given.
impl Parts {
    fn driver(&self, name: &TargetName, target: &Arc<Connected>) -> Driver {
        given!(
            self, Driver [ledger, committer, clock]
            target: Arc::clone(target),
            retry: RetryPolicy {
                attempts_max: target.config().limits.attempts_max,
                ..RetryPolicy::default()
            },
            wake: self.bells.driver(name),
            dates: Arc::clone(self.bells.dates()),
            references: Arc::clone(self.bells.references()),
            activity: self
                .activity
                .get(name)
                .cloned()
                .unwrap_or_else(|| Arc::new(Activity::default())),
            recent: Arc::new(Recent::new(self.clock.moment())),
            members: Arc::default(),
        )
    }

    fn former_feeds(&self) -> FormerFeeds {
        given!(self, FormerFeeds [config, ledger, committer, clock, findings, pending])
    }

    fn reconciling(&self) -> Reconciling {
        given!(
            self, Reconciling [
                ledger, committer, clock, findings, planning, bells, targets, known, deciding,
                pending
            ]
        )
    }

    fn taking(&self) -> Feeds {
        given!(
            self, Feeds [ledger, committer, clock, findings, planning, bells, obstacles]
            data: self.config.daemon.data.clone(),
        )
    }

    fn sweep(&self) -> Sweep {
        given!(self, Sweep [ledger, clock, findings])
    }

    fn dates(&self) -> Dates {
        given!(self, Dates [ledger, committer, clock, findings, planning, bells, pending])
    }

    fn references(&self) -> References {
        given!(self, References [ledger, clock, planning, bells])
    }

    fn hook_secrets(&self) -> HookSecrets {
        given!(
            self, HookSecrets [config, environment, clock, findings]
            keys: Arc::clone(&self.hook_keys),
        )
    }

    fn plugin_news(&self) -> PluginNews {
        given!(self, PluginNews [ledger, committer, clock, findings, known, deciding, bells])
    }
}

/// What each question is given.
impl Parts {
    fn answers(&self) -> Answers {
        Answers {
            health: Arc::new(self.health()),
            listings: Arc::new(self.listings()),
            previews: Arc::new(self.previews()),
            waiting: Arc::new(self.waiting()),
            approvals: Arc::new(self.approvals()),
            standings: Arc::new(self.standings()),
            orders: Arc::new(self.orders()),
            deliveries: Arc::new(self.deliveries()),
        }
    }

    fn health(&self) -> Health {
        given!(
            self, Health [
                ready, config, clock, ledger, planning, deciding, pending, obstacles, targets,
                activity, library
            ]
            started_at: self.started_at,
        )
    }

    fn listings(&self) -> Listings {
        given!(self, Listings [ledger, clock, planning, targets, known])
    }

    fn previews(&self) -> Previews {
        given!(self, Previews [ledger, config, planning, known, deciding])
    }

    fn waiting(&self) -> Waiting {
        given!(self, Waiting [config, ledger, deciding, pending])
    }

    fn approvals(&self) -> Approvals {
        given!(self, Approvals [clock, committer, planning, bells])
    }

    fn standings(&self) -> Standings {
        given!(self, Standings [planning, known])
    }

    fn orders(&self) -> Orders {
        given!(self, Orders [clock, ledger, committer, bells, targets, known])
    }

    fn deliveries(&self) -> Deliveries {
        given!(self, Deliveries [config, clock, ledger, committer, bells])
    }
}

/// The configured targets, to which nothing is connected yet.
fn connected(setup: &Setup) -> Arc<BTreeMap<TargetName, Arc<Connected>>> {
    let targets = setup.config.targets.iter().map(|(name, target)| {
        let connected = Connected::new(target.clone(), setup.clock.clone());
        (name.clone(), Arc::new(connected))
    });
    Arc::new(targets.collect())
}

fn library(
    setup: &Setup,
    targets: &BTreeMap<TargetName, Arc<Connected>>,
) -> Result<Library, Fault> {
    let host = host(&setup.config, &setup.clock, setup.compiler.clone())?;
    let connected: Vec<Arc<Connected>> = targets.values().cloned().collect();
    Ok(Library::new(
        host,
        &setup.config.daemon.plugins,
        setup.clock.clone(),
        setup.environment.clone(),
        &connected,
    ))
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
///
/// One that breaks its tests decides only where it did before.
fn deciding(
    ledger: &Ledger,
    configured: &Arc<Policy>,
    tests: &[Trial],
) -> Result<Arc<Policy>, Fault> {
    let refused = || match trial::broken(configured, tests) {
        Some(said) => Err(Fault::new(FaultKind::Refused, said.code, said.text).hint(said.hint)),
        None => Ok(Arc::clone(configured)),
    };
    let kept = ledger.read().and_then(|reader| reader.policy_in_force());
    let Some(kept) = kept.map_err(|error| broken(&error))? else {
        return refused();
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
    refused()
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
        department: config.budgets.department,
        role: config.budgets.role,
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
