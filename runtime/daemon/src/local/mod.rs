//! What the command line does in its own process: run the daemon, look into plugin files, and check
//! the ledger of a daemon that is stopped. Nothing else of the daemon is known to the command line.

mod compile;
mod reach;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_api::error::{API_BROKEN, Fault, FaultKind};
use muster_api::v1;
use muster_config::{Config, Environment, HookSource, SecretError};
use muster_core::capability;
use muster_core::finding::{Finding, Severity};
use muster_core::id::{FeedName, TargetName};
use muster_core::lint::Lint;
use muster_core::policy::{Policy, PolicySource, trial};
use muster_host::{Compiler, Host, HostOptions, Plugin, Slot};

use crate::answers::{broken, ledger, present};
use crate::clock::Clock;
use crate::feeds::former;
use crate::policy::{known, text};
use crate::server::signature::HookKey;
use crate::start;
use crate::targets::{Connected, Trouble};

pub use crate::answers::progress::ProgressSink;
pub use compile::compile_plugin;

/// How long threads may take to end when the daemon has stopped.
const LAST_THREADS: Duration = Duration::from_secs(3);

/// What a command does in this process and not by asking the daemon.
pub trait Local: Sync {
    /// Runs the daemon until it is told to stop.
    fn serve(&self, config: Config, environment: Environment) -> Result<(), Fault>;

    /// Looks at what only the plugin files can tell: whether each target's plugin loads, knows the
    /// settings, and has the secrets that it asks for.
    fn check_plugins(&self, config: &Config) -> Result<Vec<v1::Finding>, Fault>;

    /// What the policy asks for and the ledger of a daemon that is not running does not have, and what it has of
    /// feeds that the configuration does not; empty if there is no ledger yet.
    fn ledger_remarks(&self, config: &Config) -> Result<Vec<v1::Finding>, Fault>;

    /// Everything that a plugin file says of itself.
    fn inspect_plugin(&self, bytes: Vec<u8>) -> Result<v1::Plugin, Fault>;

    /// Checks the ledger of a daemon that is not running, by opening its file.
    fn check_ledger(
        &self,
        config: &Config,
        progress: ProgressSink,
    ) -> Result<v1::LedgerCheck, Fault>;
}

/// This process.
#[derive(Clone, Debug, Default)]
pub struct ThisProcess {
    /// What compiles plugins apart; none: this process does.
    compiler: Option<Compiler>,
}

impl ThisProcess {
    /// This process, and a program that compiles plugins apart, as [`compile_plugin`] does.
    pub fn compiling_apart(program: PathBuf, arguments: Vec<OsString>) -> Self {
        let compiler = Compiler { program, arguments };
        Self {
            compiler: Some(compiler),
        }
    }
}

impl Local for ThisProcess {
    fn serve(&self, config: Config, environment: Environment) -> Result<(), Fault> {
        let runtime = runtime()?;
        let served = runtime.block_on(start::serve(
            config,
            environment,
            Clock::of_machine(),
            self.compiler.clone(),
        ));
        // A thread that hangs at a file or in a plugin is not waited for.
        runtime.shutdown_timeout(LAST_THREADS);
        served
    }

    fn check_plugins(&self, config: &Config) -> Result<Vec<v1::Finding>, Fault> {
        runtime()?.block_on(check_plugins(config, self.compiler.clone()))
    }

    fn ledger_remarks(&self, config: &Config) -> Result<Vec<v1::Finding>, Fault> {
        let (path, options) = (config.daemon.ledger(), muster_ledger::Options::default());
        let Ok(policy) = Policy::compile(config.policy.clone()) else {
            return Ok(Vec::new());
        };
        if !path.exists() {
            return Ok(Vec::new());
        }
        let ledger = muster_ledger::Ledger::open_existing(&path, &options);
        let remarks = ledger
            .and_then(|ledger| {
                let reader = ledger.read()?;
                let mut remarks = known::remarks(&policy, &reader)?;
                remarks.extend(former::remarks(&reader.counts()?.here, config));
                Ok(remarks)
            })
            .map_err(|error| broken(&error))?;
        let remarks = remarks.iter();
        Ok(remarks
            .map(|finding| present::finding(finding, None))
            .collect())
    }

    fn inspect_plugin(&self, bytes: Vec<u8>) -> Result<v1::Plugin, Fault> {
        runtime()?.block_on(async {
            let size = bytes.len() as u64;
            let plugin = host(self.compiler.clone())?
                .load_bytes(bytes)
                .await
                .map_err(|error| Fault::of(FaultKind::Refused, &error))?;
            Ok(inspected(&plugin, size))
        })
    }

    fn check_ledger(
        &self,
        config: &Config,
        progress: ProgressSink,
    ) -> Result<v1::LedgerCheck, Fault> {
        let path = config.daemon.ledger();
        let told = |at: muster_ledger::check::Progress| {
            progress.report("checking the journal", at.done, at.total);
        };
        muster_ledger::check::check_file(&path, &muster_ledger::Options::default(), told)
            .map(|report| ledger::ledger_check(&report))
            .map_err(|error| broken(&error))
    }
}

/// Whether the secrets of a hook can be used, each for itself, in the order in which they are configured.
pub fn hook_secrets(
    hook: &HookSource,
    environment: &Environment,
) -> impl Iterator<Item = Result<(), SecretError>> {
    let read = HookKey::read(hook, environment).into_iter();
    read.map(|read| read.map(drop))
}

/// A policy as text, as the daemon takes it to say what it would change.
pub fn policy_text(policy: &PolicySource) -> io::Result<Vec<u8>> {
    Ok(text::write(policy)?)
}

/// What is remarked about the policy from its text and the configuration alone.
pub fn lint(config: &Config) -> Vec<v1::Finding> {
    let Ok(policy) = Policy::compile(config.policy.clone()) else {
        return Vec::new();
    };
    let lint = Lint::of(&policy).with_text(config.remarks_on_feeds());
    let findings = lint.findings();
    let findings = findings.iter();
    findings
        .map(|finding| present::finding(finding, None))
        .collect()
}

/// What each test of a policy shows, and that the policy breaks some.
pub fn policy_tests(config: &Config) -> (Vec<v1::PolicyTest>, Option<v1::Finding>) {
    let Ok(policy) = Policy::compile(config.policy.clone()) else {
        return (Vec::new(), None);
    };
    let tried = trial::tried(&policy, &config.tests).into_iter();
    let tests = tried.map(|tried| v1::PolicyTest {
        name: tried.trial.name.clone(),
        place: tried.trial.place.clone(),
        differs: tried.differs,
    });
    let broken = trial::broken(&policy, &config.tests);
    let broken = broken.map(|finding| present::finding(&finding, None));
    (tests.collect(), broken)
}

/// Remarks about feeds that the configuration does not have, where `here` is how many people have not
/// left, by feed.
pub fn former_feeds(here: &BTreeMap<FeedName, u64>, config: &Config) -> Vec<v1::Finding> {
    let remarks = former::remarks(here, config);
    let remarks = remarks.iter();
    remarks
        .map(|finding| present::finding(finding, None))
        .collect()
}

fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Fault::new(
                FaultKind::Broken,
                API_BROKEN,
                format!("could not start threads: {error}"),
            )
        })
}

fn host(compiler: Option<Compiler>) -> Result<Host, Fault> {
    Host::new(HostOptions {
        compiler,
        ..HostOptions::default()
    })
    .map_err(|error| Fault::of(FaultKind::Broken, &error))
}

/// Loads the plugin of every target and compares it with the target's settings and secrets.
async fn check_plugins(
    config: &Config,
    compiler: Option<Compiler>,
) -> Result<Vec<v1::Finding>, Fault> {
    let host = host(compiler)?;
    let clock = Clock::of_machine();
    let environment =
        Environment::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
    let mut findings = Vec::new();
    let mut descriptors = BTreeMap::new();
    let mut said = Vec::new();
    let mut found = |target: &TargetName, trouble: Trouble| {
        let finding =
            Finding::new(trouble.code, Severity::Error, target, trouble.text).hint(trouble.hint);
        findings.push(present::finding(&finding, None));
    };
    for (name, target) in &config.targets {
        let path = config
            .daemon
            .plugins
            .join(format!("{}.wasm", target.plugin));
        match host.load(&path).await {
            Ok(plugin) => {
                let descriptor = plugin.descriptor().clone();
                let descriptor = descriptor.with_settings(|key| target.settings.contains_key(key));
                descriptors.insert(name.clone(), descriptor);
                let connected = Connected::new(target.clone(), clock.clone());
                let slot = Arc::new(Slot::new(plugin));
                if let Err(trouble) = connected.connect(&host, &slot, &environment) {
                    found(name, trouble);
                    continue;
                }
                let hosts = reach::hosts(target);
                // Where the address is wrong, nobody can know what the app has.
                if hosts.is_empty() {
                    said.extend(reach::attributes(&connected).await);
                }
                said.extend(hosts);
            }
            Err(error) => found(name, Trouble::of(&error)),
        }
    }
    findings.extend(said.iter().map(|finding| present::finding(finding, None)));
    // What a rule asks for and no connector can do is said now, and not when somebody leaves.
    if let Ok(policy) = Policy::compile(config.policy.clone()) {
        let said = capability::check(&policy, &descriptors);
        findings.extend(said.iter().map(|finding| present::finding(finding, None)));
    }
    Ok(findings)
}

fn inspected(plugin: &Plugin, bytes: u64) -> v1::Plugin {
    let descriptor = plugin.descriptor();
    let accounts = descriptor.account_kinds.iter().map(|kind| v1::PluginKind {
        of: "account".to_owned(),
        name: kind.name.clone(),
        operations: kind.operations.iter().map(ToString::to_string).collect(),
    });
    let entitlements = descriptor
        .entitlement_kinds
        .iter()
        .map(|kind| v1::PluginKind {
            of: "entitlement".to_owned(),
            name: kind.name.clone(),
            operations: kind.operations.iter().map(ToString::to_string).collect(),
        });
    let slot = |slot: &muster_core::connector::SecretSlot| v1::PluginSlot {
        name: slot.name.clone(),
        description: slot.description.clone(),
        schemes: slot.schemes.clone(),
        is_required: slot.is_required,
    };
    let setting = |setting: &muster_core::connector::SettingSpec| v1::PluginSetting {
        key: setting.key.clone(),
        description: setting.description.clone(),
        is_required: setting.is_required,
    };
    v1::Plugin {
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        vendor: descriptor.vendor.clone(),
        contract: descriptor.contract.clone(),
        app: descriptor.app.clone(),
        digest: plugin.digest().to_string(),
        bytes,
        capabilities: descriptor.capabilities.iter().cloned().collect(),
        imports: Vec::new(),
        kinds: accounts.chain(entitlements).collect(),
        hosts: descriptor.hosts.clone(),
        secrets: descriptor.secret_slots.iter().map(slot).collect(),
        settings: descriptor.settings.iter().map(setting).collect(),
        refusals: Vec::new(),
    }
}
