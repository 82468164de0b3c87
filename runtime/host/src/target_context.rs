//! What a target has of its own: its permissions, credentials, budgets and connections. It outlives
//! every version of the plugin.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use muster_core::permission::{HostPattern, PrivateAccess};
use url::Url;

use crate::credential::redact::Redactor;
use crate::credential::remembered::Remembered;
use crate::credential::{Credential, Tokens};
use crate::host::Clock;
use crate::http::wire::Wire;
use crate::options::CallLimits;
use crate::plugin::Plugin;
use crate::rate::Rates;
use crate::scratch::Scratch;
use crate::sealed::Sealed;

/// The bucket of requests that name none.
const BUCKET_OF_TARGET: &str = "";

/// What belongs to a target and not to a call.
pub(crate) struct TargetContext {
    pub(crate) name: String,
    /// The table of `muster.toml` that this target is written in, for messages.
    pub(crate) table: String,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) private: Arc<PrivateAccess>,
    pub(crate) credentials: BTreeMap<String, Credential>,
    pub(crate) password_slot: Option<String>,
    pub(crate) per_minute: Option<u32>,
    pub(crate) limits: CallLimits,
    pub(crate) wire: Wire,
    pub(crate) tokens: Tokens,
    pub(crate) rates: Rates,
    pub(crate) redactor: Redactor,
    /// Passwords that the app was given and nobody may read again.
    pub(crate) remembered: Arc<Remembered>,
    pub(crate) sealed: Sealed,
    pub(crate) scratch: Scratch,
    pub(crate) clock: Clock,
    /// How often a change here took along what nobody asked for: see `SIDE_LOSSES`.
    pub(crate) side_losses: AtomicU32,
}

/// The setting in which a connector reads how often a change at its target took rights from others than it
/// was about: it had better go another way then. Not there where it never did.
const SIDE_LOSSES: &str = "host.side-losses";

impl TargetContext {
    /// The settings as this version of the plugin sees them: what IT gave, else the default.
    pub(crate) fn settings(&self, plugin: &Plugin) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = plugin
            .details()
            .settings
            .iter()
            .filter_map(|setting| {
                let given = self
                    .settings
                    .get(&setting.key)
                    .or(setting.default.as_ref())?;
                Some((setting.key.clone(), given.clone()))
            })
            .collect();
        let losses = self.side_losses.load(Ordering::Relaxed);
        if losses > 0 {
            settings.push((SIDE_LOSSES.to_owned(), losses.to_string()));
        }
        settings.sort();
        settings
    }

    /// The budgets that a request counts for, with the requests a minute where there is a limit: the
    /// bucket that the plugin names and describes, and the target as a whole.
    pub(crate) fn budgets(
        &self,
        plugin: &Plugin,
        bucket: Option<&str>,
    ) -> Vec<(String, Option<u32>)> {
        let known = &plugin.descriptor().rate_buckets;
        let named = bucket.and_then(|wanted| known.iter().find(|(name, _)| name == wanted));
        named
            .map(|(name, per_minute)| (name.clone(), Some(*per_minute)))
            .into_iter()
            .chain([(BUCKET_OF_TARGET.to_owned(), self.per_minute)])
            .collect()
    }

    /// Whether requests may go to this server.
    pub(crate) fn grants(&self, url: &Url) -> bool {
        self.hosts.iter().any(|granted| granted.matches(url))
    }

    /// Whether this slot's secret may go to this server.
    pub(crate) fn credential_goes_to(&self, slot: &str, url: &Url) -> bool {
        self.credentials.get(slot).is_some_and(|credential| {
            credential.hosts.is_empty()
                || credential.hosts.iter().any(|granted| granted.matches(url))
        })
    }

    /// The refusal of a server, with the line that would grant it.
    pub(crate) fn denied_host(&self, url: &Url) -> String {
        let Some(wanted) = HostPattern::of(url) else {
            return format!(
                "a plugin may only ask for https and http addresses, not `{}:` (NET-003)",
                url.scheme()
            );
        };
        let hosts = self
            .hosts
            .iter()
            .map(ToString::to_string)
            .chain([wanted.to_string()]);
        format!(
            "{wanted} is not granted to the target `{}` (NET-001); to grant it, write in muster.toml under {}: hosts = {}",
            self.name,
            self.table,
            list(hosts)
        )
    }

    /// The refusal of an address inside, with the line that would grant it.
    pub(crate) fn denied_private(&self, host: &str, text: &str) -> String {
        let private = self.private.lines().chain([host.to_owned()]);
        format!(
            "{text}, and the target `{}` may not reach addresses inside (NET-002); to grant it, write in \
             muster.toml under {}: allow_private = {}",
            self.name,
            self.table,
            list(private)
        )
    }

    /// What is wrong with a server's certificate, with the line that would have it trusted.
    pub(crate) fn untrusted(&self, text: &str, is_unknown: bool) -> String {
        if !is_unknown {
            return format!("{text} (NET-021)");
        }
        format!(
            "{text} (NET-021); if it is the right server, put its certificate or that of your authority into a file, and write in \
             muster.toml under {}: ca_file = \"ca.pem\"",
            self.table
        )
    }

    /// The refusal of a secret slot.
    pub(crate) fn denied_slot(&self, slot: &str, text: &str) -> String {
        let table = self.table.trim_matches(['[', ']']);
        format!(
            "{text} (NET-004); the target `{}` has it in muster.toml under [{table}.secrets.{slot}]",
            self.name
        )
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.map(|item| format!("{item:?}")).collect();
    items.dedup();
    format!("[{}]", items.join(", "))
}
