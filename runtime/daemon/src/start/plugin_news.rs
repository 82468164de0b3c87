//! What becomes of what the plugins' library says: findings, entries in the journal of what came into service and
//! of secrets that changed, and news for the planner of what connectors can do.

use std::sync::Arc;

use muster_core::actor::{Actor, ConnectorVersion};
use muster_core::fact::Fact;
use muster_core::subject::Subject;
use muster_ledger::{Committer, Ledger};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::findings::Findings;
use crate::planning::{Bells, KnownTargets};
use crate::plugins::Said;
use crate::replan::Deciding;

/// Takes up what the library says.
pub(super) struct PluginNews {
    pub(super) ledger: Ledger,
    pub(super) committer: Committer,
    pub(super) clock: Clock,
    pub(super) findings: Findings,
    pub(super) known: Arc<KnownTargets>,
    pub(super) deciding: Arc<Deciding>,
    pub(super) bells: Bells,
}

impl PluginNews {
    /// Takes up what comes, until the library is watched no more.
    pub(super) async fn run(self, mut told: mpsc::UnboundedReceiver<Vec<(String, Said)>>) {
        while let Some(said) = told.recv().await {
            self.take_up(said).await;
        }
    }

    /// Keeps what the library said as findings, and lets the planner know of new descriptors.
    pub(super) async fn take_up(&self, said: Vec<(String, Said)>) {
        // A version that was taken back can do other things as well.
        if let Err(error) = self.known.refresh() {
            tracing::error!(%error, "could not read what the targets can give");
        }
        for (name, said) in said {
            match said {
                Said::Opened(finding) => self.findings.open(finding).await,
                Said::Closed(code) => self.findings.close(Subject::Plugin(name), [code]).await,
                Said::Serves { plugin, by } => self.record_plugin(plugin, by).await,
                Said::SecretChanged { target, slot, by } => {
                    let changed = Fact::SecretChanged { target, slot };
                    self.record(by, changed).await;
                }
            }
        }
        self.deciding.check_capabilities().await;
        self.bells.ring_all();
    }

    /// Records that a version of a plugin came into service, unless it is the one that served last.
    async fn record_plugin(&self, plugin: ConnectorVersion, by: Actor) {
        let before = self.ledger.read();
        let before = before.and_then(|reader| reader.plugin(&plugin.plugin));
        let Ok(before) = before.inspect_err(
            |error| tracing::error!(%error, "could not read which version of a plugin served last"),
        ) else {
            return;
        };
        if before.as_ref() != Some(&plugin) {
            self.record(by, Fact::PluginTaken { plugin, before }).await;
        }
    }

    /// Records what was done already, so that a failure can only be logged.
    async fn record(&self, by: Actor, fact: Fact) {
        let recorded = self.committer.record(self.clock.now(), by, vec![fact]);
        if let Err(error) = recorded.await {
            tracing::error!(%error, "could not record that a plugin or a secret is another one");
        }
    }
}
