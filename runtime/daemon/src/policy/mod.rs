//! Takes up a policy that was edited, without a restart: the files are read and checked whole, and
//! only then does the new policy decide. A mistake in them leaves the old one in force and is said.
//!
//! The rules for accounts stand in `muster.toml` and belong to the policy. Which feeds and targets
//! there are does not: that takes a restart, and is said, too.

pub mod known;
pub mod text;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_config::stamps::{self, Stamps};
use muster_config::{Config, Target, access};
use muster_core::coded::chain;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::policy::{Policy, trial};
use muster_core::subject::Subject;
use tokio::sync::watch;

use crate::clock::{Clock, Retrying};
use crate::findings::{Findings, LookedAt};
use crate::planning::{Failed, Planning};
use crate::replan::{self, Deciding};

/// An edited policy or configuration cannot be used; the one before goes on deciding.
pub const UNUSABLE: Code = Code::new("POL-020");
/// An edited configuration has other feeds or targets, which takes a restart.
pub const NEEDS_RESTART: Code = Code::new("POL-021");

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often planning for an edited policy is tried again at least.
const AGAIN_MAX: Duration = Duration::from_mins(5);

/// The files, and what is done with what they say.
pub struct PolicyFiles {
    /// What the daemon runs with.
    pub config: Arc<Config>,
    /// What the files looked like when the daemon began.
    pub seen: Stamps,
    /// Whether the daemon ran before in this process, and its ledger failed.
    pub is_resumed: bool,
    /// The clock.
    pub clock: Clock,
    /// What is said to people.
    pub findings: Findings,
    /// What makes plans, by the policy that decides.
    pub planning: Arc<Planning>,
    /// Which policy decides.
    pub deciding: Arc<Deciding>,
}

/// Looks at the files until the daemon stops, beginning with what they looked like when it began: an edit made
/// while it started is noticed.
pub async fn watch(files: Arc<PolicyFiles>, mut stop: watch::Receiver<bool>) {
    let mut taken = files.seen.clone();
    let mut seen = taken.clone();
    if files.is_resumed {
        // What was edited while the ledger could not be written was seen by nobody.
        taken.clear();
    }
    let mut counted = None;
    let mut retrying = Retrying::new(LOOK_EVERY, AGAIN_MAX);
    while !*stop.borrow() {
        tokio::select! {
            () = files.clock.sleep(LOOK_EVERY.max(retrying.pause())) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
        // Also what else everybody was planned for may have changed who has what.
        let census = files.planning.census();
        if census.as_ref().map(Arc::as_ptr) != counted.as_ref().map(Arc::as_ptr) {
            files.deciding.check_lint().await;
            counted = census;
        }
        let now = stamps::of(&files.config);
        // Two looks that agree: an editor that writes several files is let finish.
        if now != taken && now == seen {
            let edited = stamps::edited(&taken, &now).unwrap_or_else(|| files.config.file.clone());
            match take_up(&files, &edited).await {
                Ok(()) => {
                    retrying.succeeded();
                    taken.clone_from(&now);
                }
                // The files stay news until somebody could plan for them.
                Err(error) => {
                    let error = chain(&error);
                    if retrying.failed(&error) {
                        tracing::error!(
                            error,
                            "could not plan for the new policy; it is tried again"
                        );
                    }
                }
            }
        }
        seen = now;
    }
}

/// Reads the files, and has the new policy decide where they can be used. `edited` is the file whose owner edited it.
async fn take_up(files: &Arc<PolicyFiles>, edited: &Path) -> Result<(), Failed> {
    let file = files.config.file.clone();
    let loaded = tokio::task::spawn_blocking(move || Config::load(&file)).await;
    let config = match loaded {
        Ok(Ok(config)) => config,
        Ok(Err(error)) => {
            refuse(files, chain(&error)).await;
            return Ok(());
        }
        Err(error) => {
            refuse(files, format!("reading broke off: {error}")).await;
            return Ok(());
        }
    };
    let writable = access::writable_by_others(&config);
    if let Some(open) = writable.first() {
        let text = format!(
            "others can write {} ({})",
            open.shown(),
            access::OTHERS_WRITE
        );
        refuse(files, text).await;
        return Ok(());
    }
    if !has_same_parts(&files.config, &config) {
        let text = "muster.toml has other feeds, targets or connections than the daemon runs with";
        let finding = Finding::new(NEEDS_RESTART, Severity::Warning, Subject::Policy, text)
            .hint("restart the daemon; it takes up exactly where it was");
        files.findings.settle(of_files(), vec![finding]).await;
        return Ok(());
    }
    let policy = match Policy::compile(config.policy) {
        Ok(policy) => policy,
        Err(findings) => {
            let first = findings.into_iter().next().map(|finding| finding.text);
            refuse(files, first.unwrap_or_default()).await;
            return Ok(());
        }
    };
    let broken = trial::broken(&policy, &config.tests);
    let is_broken = broken.is_some();
    files
        .findings
        .settle(of_files(), broken.into_iter().collect())
        .await;
    if is_broken {
        tracing::warn!(version = %policy.version(), "the policy breaks its tests and is not taken");
        return Ok(());
    }
    let before = files.planning.policy().version().clone();
    if *policy.version() == before {
        // The edit that waited was taken back.
        replan::drop_hold(&files.deciding, edited).await?;
        return Ok(());
    }
    let version = policy.version().clone();
    replan::decide_by(&files.deciding, Arc::new(policy), edited).await?;
    if *files.planning.policy().version() == version {
        tracing::info!(from = %before, to = %version, "policy taken up");
    } else {
        tracing::warn!(%before, %version, "the policy before decides until the new one is approved");
    }
    Ok(())
}

/// Whether two configurations differ in nothing but the policy. What the daemon runs with was read at
/// its start: feeds are watched and targets connected as they were then.
fn has_same_parts(running: &Config, read: &Config) -> bool {
    let targets = |config: &Config| -> Vec<Target> {
        let targets = config.targets.values().cloned();
        let without_rules = targets.map(|mut target| {
            target.rules.attributes.clear();
            target.rules.keys.clear();
            target
        });
        without_rules.collect()
    };
    running.daemon == read.daemon
        && running.feeds == read.feeds
        && targets(running) == targets(read)
}

/// What is said of the files.
fn of_files() -> LookedAt<'static> {
    LookedAt::of(Subject::Policy, [UNUSABLE, NEEDS_RESTART, trial::BROKEN])
}

async fn refuse(files: &PolicyFiles, text: String) {
    let finding = Finding::new(UNUSABLE, Severity::Error, Subject::Policy, text)
        .hint("`muster check` says everything that is wrong; until it is mended, the policy before decides");
    files.findings.open(finding).await;
}
