//! The secrets of hooks. While one is being replaced its file may be missing, half written or unreadable
//! for a moment: the key that was read last goes on working then, and a finding says so until it can be
//! read again. After a while it counts no longer, because a secret may also have been withdrawn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_config::{Config, Environment, HookSource};
use muster_core::coded::{Coded as _, chain};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::FeedName;
use muster_core::mapping::Mapping;
use muster_core::subject::Subject;
use tokio::sync::watch;

use super::signature::HookKey;
use crate::answers::feed;
use crate::clock::{Clock, Moment};
use crate::findings::Findings;

/// A secret of a hook cannot be read.
pub const UNREADABLE: Code = super::hooks::NO_SECRET;

/// How long a key goes on working whose secret cannot be read any more.
const KEPT_MAX: Duration = Duration::from_mins(15);

/// How often the secrets are looked at, so that somebody is told before a delivery comes.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A feed's hook with its secrets read.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Any of these may have signed.
    pub keys: Vec<HookKey>,
    /// Whether these are the keys of all configured secrets. Where one is missing, who signed with it
    /// cannot be told from somebody who has none.
    pub is_whole: bool,
    /// How far a delivery's time may be from the clock.
    pub tolerance: Duration,
    /// What the columns of an event mean that says what changed.
    pub mapping: Mapping,
    /// What the columns of an event mean that says who left.
    pub leave: Mapping,
}

/// The keys that were read last.
#[derive(Debug, Default)]
pub struct HookKeys(Mutex<BTreeMap<FeedName, Vec<Option<Kept>>>>);

#[derive(Clone, Debug)]
struct Kept {
    key: HookKey,
    read_at: Moment,
}

/// What came of reading the secrets of a hook.
struct Looked {
    keys: Vec<HookKey>,
    /// Whether each secret gave a key, if only the one before.
    is_whole: bool,
    /// Each secret that cannot be read, with what helps.
    trouble: Vec<(String, String)>,
}

impl HookKeys {
    fn look(
        &self,
        feed: &FeedName,
        source: &HookSource,
        environment: &Environment,
        clock: &Clock,
    ) -> Looked {
        let now = clock.moment();
        let read = HookKey::read(source, environment);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(feed.clone()).or_default();
        kept.resize_with(read.len(), || None);
        let mut trouble = Vec::new();
        for (kept, read) in kept.iter_mut().zip(read) {
            match read {
                Ok(key) => {
                    let read_at = now;
                    *kept = Some(Kept { key, read_at });
                }
                Err(error) => {
                    trouble.push((chain(&error), error.hint()));
                    if kept
                        .as_ref()
                        .is_some_and(|kept| now.since(kept.read_at) > KEPT_MAX)
                    {
                        *kept = None;
                    }
                }
            }
        }
        let keys: Vec<HookKey> = kept.iter().flatten().map(|kept| kept.key.clone()).collect();
        Looked {
            is_whole: keys.len() == kept.len(),
            keys,
            trouble,
        }
    }
}

/// The secrets of hooks, and what is said of them.
pub struct HookSecrets {
    /// What is configured.
    pub config: Arc<Config>,
    /// Where secrets may be.
    pub environment: Environment,
    /// The keys that were read last.
    pub keys: Arc<HookKeys>,
    /// The clock.
    pub clock: Clock,
    /// What is said to people.
    pub findings: Findings,
}

impl HookSecrets {
    /// The hook of a feed, with the keys that work now; `None` if the feed has no hook or does not exist.
    pub fn hook(&self, name: &FeedName) -> Option<Hook> {
        let source = self.config.feeds.get(name)?.hook.as_ref()?;
        let feed = feed(&self.config, name).ok()?;
        let looked = self.keys.look(name, source, &self.environment, &self.clock);
        // An event names only what changed.
        Some(Hook {
            keys: looked.keys,
            is_whole: looked.is_whole,
            tolerance: source.tolerance,
            mapping: feed.upsert_mapping().clone(),
            leave: feed.leave_mapping().clone(),
        })
    }
}

/// Says which secrets cannot be read, until they can be, and remembers those that can.
pub async fn watch(secrets: Arc<HookSecrets>, mut stop: watch::Receiver<bool>) {
    let hooks = secrets.config.feeds.iter();
    let hooks: Vec<(FeedName, HookSource)> = hooks
        .filter_map(|(name, feed)| Some((name.clone(), feed.hook.clone()?)))
        .collect();
    while !*stop.borrow() && !hooks.is_empty() {
        for (feed, source) in &hooks {
            say(
                &secrets,
                feed,
                secrets
                    .keys
                    .look(feed, source, &secrets.environment, &secrets.clock),
            )
            .await;
        }
        tokio::select! {
            () = secrets.clock.sleep(LOOK_EVERY) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

async fn say(secrets: &HookSecrets, feed: &FeedName, looked: Looked) {
    let subject = Subject::from(feed);
    let Some((_, hint)) = looked.trouble.first() else {
        return secrets.findings.close(subject, [UNREADABLE]).await;
    };
    let texts: Vec<&str> = looked
        .trouble
        .iter()
        .map(|(text, _)| text.as_str())
        .collect();
    let until = if looked.is_whole {
        "the key that was read before goes on working for a quarter of an hour"
    } else {
        "deliveries that it signed are not taken"
    };
    let text = format!("{}; {until}", texts.join("; "));
    let finding = Finding::new(UNREADABLE, Severity::Error, subject, text).hint(hint.clone());
    secrets.findings.open(finding).await;
}
