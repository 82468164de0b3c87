//! What the command line does in its own process: run the daemon, look into plugin files, and check
//! the ledger of a daemon that is stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_core::capability;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::policy::Policy;
use muster_host::{Host, HostOptions, Plugin, Slot};

use crate::api::v1;
use crate::app::{present, queries, serve};
use crate::cli::Local;
use crate::clock::Clock;
use crate::config::{Config, Environment};
use crate::error::{API_BROKEN, Fault, FaultKind, chain};
use crate::server::engine::ProgressSink;
use crate::targets::Connected;

/// This process.
#[derive(Clone, Copy, Debug)]
pub struct ThisProcess;

impl Local for ThisProcess {
    fn serve(&self, config: Config, environment: Environment) -> Result<(), Fault> {
        runtime()?.block_on(serve::serve(config, environment, Clock::of_machine()))
    }

    fn check_plugins(&self, config: &Config) -> Result<Vec<v1::Finding>, Fault> {
        runtime()?.block_on(check_plugins(config))
    }

    fn inspect_plugin(&self, bytes: Vec<u8>) -> Result<v1::Plugin, Fault> {
        runtime()?.block_on(async {
            let size = bytes.len() as u64;
            let plugin = host(None)?.load_bytes(bytes).await.map_err(|error| {
                Fault::new(FaultKind::Refused, Code::new(error.code()), chain(&error))
                    .hint(error.hint())
            })?;
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
            .map(|report| queries::ledger_check(&report))
            .map_err(|error| queries::broken(&error))
    }
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

fn host(cache: Option<std::path::PathBuf>) -> Result<Host, Fault> {
    Host::new(HostOptions {
        cache,
        ..HostOptions::default()
    })
    .map_err(|error| {
        Fault::new(FaultKind::Broken, Code::new(error.code()), chain(&error)).hint(error.hint())
    })
}

/// Loads the plugin of every target and compares it with the target's settings and secrets.
async fn check_plugins(config: &Config) -> Result<Vec<v1::Finding>, Fault> {
    let host = host(None)?;
    let environment =
        Environment::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
    let mut findings = Vec::new();
    let mut descriptors = BTreeMap::new();
    let mut found = |target: &str, code: &str, text: &str, hint: &str| {
        let code = Code::from_record(code.to_owned());
        let finding =
            Finding::new(code, Severity::Error, format!("target {target}"), text).hint(hint);
        findings.push(present::finding(&finding, None));
    };
    for (name, target) in &config.targets {
        let path = config
            .daemon
            .plugins
            .join(format!("{}.wasm", target.plugin));
        match host.load(&path).await {
            Ok(plugin) => {
                descriptors.insert(name.clone(), plugin.descriptor().clone());
                let connected = Connected::new(target.clone());
                if let Err(trouble) =
                    connected.connect(&host, &Arc::new(Slot::new(plugin)), &environment)
                {
                    found(name.as_str(), &trouble.code, &trouble.text, &trouble.hint);
                }
            }
            Err(error) => found(name.as_str(), error.code(), &chain(&error), error.hint()),
        }
    }
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
        operations: kind.operations.iter().cloned().collect(),
    });
    let entitlements = descriptor
        .entitlement_kinds
        .iter()
        .map(|kind| v1::PluginKind {
            of: "entitlement".to_owned(),
            name: kind.name.clone(),
            operations: kind.operations.iter().cloned().collect(),
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
