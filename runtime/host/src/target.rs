//! A connected app: a plugin's slot, its permissions and credentials, and every call on it.
//!
//! A call takes the version of the plugin that is current when it begins. Its answer comes back in
//! the core's words: an outcome, or a problem whose case says what to do next. A plugin that traps,
//! hangs or lies is a problem of that call and of nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_core::connector::{
    CallContext, Change, ContainerRule, Descriptor, ObjectRef, Outcome, Problem,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::Instant;

use crate::bindings::muster::connector::types as wit;
use crate::call::{self, Called, Place, Requests, Scope};
use crate::convert::{from_guest, problem, to_guest};
use crate::credential::redact::Redactor;
use crate::credential::{Credential, Secret, Tokens};
use crate::engine::MEMORY_BYTES_MAX;
use crate::failure::{Garbage, plugin_failed};
use crate::host::{Host, Inner};
use crate::http::address::PrivateAccess;
use crate::http::client::Client;
use crate::http::pattern::HostPattern;
use crate::plugin::{Plugin, Setting};
use crate::site::{BUCKET_OF_TARGET, Site};
use crate::slot::Slot;

/// Longest time for which an app's wish to be left alone is honoured without asking again.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// What one call of a plugin may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallLimits {
    /// Memory in bytes, at most 256 MiB. Default: 64 MiB.
    pub memory_bytes: usize,
    /// Time from begin to end, waiting for the app included. Default: 60 s.
    pub time: Duration,
    /// Processor time. Default: 5 s.
    pub cpu: Duration,
    /// Size of an answer, in bytes. Default: 16 MiB.
    pub output_bytes: usize,
    /// Requests to the app. Default: 100.
    pub requests: u32,
    /// Time for one request. Default: 30 s.
    pub request_time: Duration,
    /// Body of a request, in bytes. Default: 8 MiB.
    pub request_bytes: usize,
    /// Body of a reply, in bytes. Default: 8 MiB.
    pub reply_bytes: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            time: Duration::from_secs(60),
            cpu: Duration::from_secs(5),
            output_bytes: 16 << 20,
            requests: 100,
            request_time: Duration::from_secs(30),
            request_bytes: 8 << 20,
            reply_bytes: 8 << 20,
        }
    }
}

impl CallLimits {
    /// Most that a plugin may hand over at once: an answer, or a request with its headers.
    pub(crate) fn handover_bytes(&self) -> usize {
        self.output_bytes
            .max(self.request_bytes.saturating_add(64 << 10))
    }
}

/// How a target is set up.
#[derive(Clone, Debug, Default)]
pub struct TargetOptions {
    /// Its name.
    pub name: String,
    /// The table of `muster.toml` that it is written in, as messages should name it; none:
    /// `[target.NAME]`.
    pub table: Option<String>,
    /// The plugin's settings.
    pub settings: BTreeMap<String, String>,
    /// Servers that the plugin may talk to. Empty: none.
    pub hosts: Vec<HostPattern>,
    /// Addresses inside that it may reach.
    pub private: PrivateAccess,
    /// What fills the plugin's secret slots.
    pub credentials: BTreeMap<String, Credential>,
    /// The slot with the password of a new account; none: accounts are made without one.
    pub password_slot: Option<String>,
    /// Requests a minute, for an app whose plugin names no limit. None: no limit.
    pub requests_per_minute: Option<u32>,
    /// What one call may use.
    pub limits: CallLimits,
    /// A file with certificates in PEM that are trusted beside the machine's.
    pub ca_file: Option<PathBuf>,
}

/// A target that cannot be set up with this plugin.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A setting that the plugin does not know.
    #[error("the plugin has no setting `{key}`{}", nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    UnknownSetting {
        /// The key.
        key: String,
        /// The most similar setting that it has.
        nearest: Option<String>,
    },
    /// A setting that the plugin needs.
    #[error("the plugin needs the setting `{key}`: {description}")]
    MissingSetting {
        /// The key.
        key: String,
        /// What it means.
        description: String,
    },
    /// A setting whose value cannot be used.
    #[error("the setting `{key}` cannot be `{value}`: {reason}")]
    Setting {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Why not.
        reason: String,
    },
    /// A secret slot that the plugin does not have.
    #[error("the plugin has no secret slot `{slot}`{}", known_slots(.known))]
    UnknownSlot {
        /// The slot.
        slot: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A secret slot that has to be filled.
    #[error("the plugin needs a credential in the slot `{slot}`: {description}")]
    MissingSlot {
        /// The slot.
        slot: String,
        /// What belongs there.
        description: String,
    },
    /// A credential that cannot be used. Its value is never part of the text.
    #[error("the credential in the slot `{slot}` cannot be used: {reason}")]
    Credential {
        /// The slot.
        slot: String,
        /// Why not.
        reason: String,
    },
    /// The file of certificates cannot be used.
    #[error("could not use the certificates in {}: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// TLS could not be set up.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
    /// A limit that is too high or too low.
    #[error("the limit {name} cannot be {value}: {reason}")]
    Limit {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        reason: &'static str,
    },
}

fn known_slots(known: &[String]) -> String {
    if known.is_empty() {
        String::new()
    } else {
        format!("; it has {}", known.join(", "))
    }
}

impl TargetError {
    /// The code of its page under `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            TargetError::UnknownSetting { .. }
            | TargetError::MissingSetting { .. }
            | TargetError::Setting { .. } => "PLG-010",
            TargetError::UnknownSlot { .. }
            | TargetError::MissingSlot { .. }
            | TargetError::Credential { .. } => "PLG-011",
            TargetError::Certificates { .. } | TargetError::Tls(_) => "NET-007",
            TargetError::Limit { .. } => "PLG-012",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TargetError::UnknownSetting { .. }
            | TargetError::MissingSetting { .. }
            | TargetError::Setting { .. } => {
                "`muster plugin inspect` lists the settings of a plugin with examples"
            }
            TargetError::UnknownSlot { .. }
            | TargetError::MissingSlot { .. }
            | TargetError::Credential { .. } => {
                "`muster plugin inspect` lists the secret slots of a plugin and the schemes that each takes"
            }
            TargetError::Certificates { .. } | TargetError::Tls(_) => {
                "name a file with certificates in PEM (`-----BEGIN CERTIFICATE-----`)"
            }
            TargetError::Limit { .. } => "leave the limit out to use its default",
        }
    }
}

/// A connected app.
pub struct Target {
    pub(crate) host: Arc<Inner>,
    pub(crate) site: Arc<Site>,
    slot: Arc<Slot>,
    listings: AtomicU64,
}

impl Target {
    /// Sets a target up and checks it against the plugin in the slot.
    pub fn new(host: &Host, slot: Arc<Slot>, options: TargetOptions) -> Result<Self, TargetError> {
        check_limits(&options.limits)?;
        let roots = roots(&host.0, options.ca_file.as_deref())?;
        let private = Arc::new(options.private);
        let client = Client::new(Arc::clone(&private), roots).map_err(TargetError::Tls)?;
        let mut redactor = Redactor::default();
        for (name, credential) in &options.credentials {
            credential.scheme.check(name)?;
            for secret in credential.scheme.secrets() {
                redactor.know(&secret);
            }
        }
        let site = Site {
            table: options
                .table
                .unwrap_or_else(|| format!("[target.{}]", options.name)),
            name: options.name,
            settings: options.settings,
            hosts: options.hosts,
            private,
            tokens: Tokens::for_slots(options.credentials.keys().cloned()),
            credentials: options.credentials,
            password_slot: options.password_slot,
            per_minute: options.requests_per_minute,
            limits: options.limits,
            client,
            rates: crate::rate::Rates::default(),
            redactor,
            sealed: crate::sealed::Sealed::default(),
            scratch: crate::scratch::Scratch::default(),
            clock: Arc::clone(&host.0.clock),
        };
        let target = Self {
            host: Arc::clone(&host.0),
            site: Arc::new(site),
            slot,
            listings: AtomicU64::new(0),
        };
        target.check_fits(&target.plugin())?;
        Ok(target)
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        &self.site.name
    }

    /// The slot that its plugin is in.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// The version of the plugin that the next call uses.
    pub fn plugin(&self) -> Arc<Plugin> {
        self.slot.current()
    }

    /// What its plugin says of itself.
    pub fn descriptor(&self) -> Descriptor {
        self.plugin().descriptor().clone()
    }

    /// Whether this version of the plugin can work with the target's settings and credentials. To be
    /// asked of a new version before it is put into the slot.
    pub fn check_fits(&self, plugin: &Plugin) -> Result<(), TargetError> {
        check_settings(&self.site.settings, &plugin.details().settings)?;
        check_slots(&self.site, plugin.descriptor())
    }

    /// A secret that the app issued and the host took out of its reply. It is given once.
    pub fn take_sealed(&self, handle: &str) -> Option<Secret> {
        self.site.sealed.take(handle)
    }

    /// Brings a change about.
    pub async fn change(&self, change: &Change, ctx: &CallContext) -> Result<Outcome, Problem> {
        let plugin = self.plugin();
        check_containers(plugin.descriptor(), change)?;
        let may_adopt = match change {
            Change::EnsureAccount(desired) => desired.may_adopt,
            // Of a change that began earlier, it is not known here what it was allowed to.
            Change::Poll(_) => true,
            _ => false,
        };
        let place = Place {
            site: Arc::clone(&self.site),
            plugin,
        };
        let called = self.call_change(place, change, ctx).await;
        let (outcome, requests) = self.judge(called)?;
        let sent = requests.has_left();
        let outcome = from_guest::outcome(outcome, may_adopt)
            .map_err(|garbage| plugin_failed(garbage, sent))?;
        check_same_account(change, &outcome).map_err(|garbage| plugin_failed(garbage, sent))?;
        Ok(outcome)
    }

    async fn call_change(
        &self,
        place: Place,
        change: &Change,
        ctx: &CallContext,
    ) -> Called<Result<wit::Outcome, wit::Problem>> {
        let kind = place
            .plugin
            .descriptor()
            .people()
            .map_or_else(String::new, |kind| kind.name.clone());
        let password_slot = self.site.password_slot.clone();
        let scope = Scope::Operation(ctx.operation);
        let ctx = to_guest::context(ctx, self.site.limits.time);
        let object = to_guest::object;
        macro_rules! call {
            ($interface:ident, $function:ident $(, $argument:expr)*) => {
                call::run(&self.host, place, scope, move |connector, store| {
                    Box::pin(async move {
                        connector.$interface().$function(store, &ctx $(, $argument)*).await
                    })
                })
                .await
            };
        }
        match change {
            Change::EnsureAccount(desired) => {
                let desired = to_guest::desired(desired, &kind, password_slot);
                call!(muster_connector_accounts, call_ensure_account, &desired)
            }
            Change::EnsureState(account, state) => {
                let (account, state) = (object(account), to_guest::state(*state));
                call!(
                    muster_connector_accounts,
                    call_ensure_state,
                    &account,
                    state
                )
            }
            Change::EnsureAbsent(account) => {
                let (account, plan) = (object(account), to_guest::leave_plan());
                call!(
                    muster_connector_accounts,
                    call_ensure_absent,
                    &account,
                    &plan
                )
            }
            Change::EnsureGranted(principal, entitlement) => {
                let (principal, entitlement) = (object(principal), object(entitlement));
                call!(
                    muster_connector_grants,
                    call_ensure_granted,
                    &principal,
                    &entitlement,
                    None
                )
            }
            Change::EnsureRevoked(principal, entitlement) => {
                let (principal, entitlement) = (object(principal), object(entitlement));
                call!(
                    muster_connector_grants,
                    call_ensure_revoked,
                    &principal,
                    &entitlement
                )
            }
            Change::EndSessions(account) => {
                let account = object(account);
                call!(muster_connector_credentials, call_end_sessions, &account)
            }
            Change::RevokeCredentials(account) => {
                let account = object(account);
                call!(
                    muster_connector_credentials,
                    call_revoke_credentials,
                    &account,
                    &[]
                )
            }
            Change::TransferOwned(source, to) => {
                let (source, to) = (object(source), object(to));
                call!(
                    muster_connector_ownership,
                    call_transfer_owned,
                    &source,
                    &to
                )
            }
            Change::Poll(handle) => {
                let handle = handle.clone();
                call!(muster_connector_pending, call_poll, &handle)
            }
        }
    }

    /// What a call gave, as an answer or as a problem. What the host itself refused counts for more
    /// than what the plugin makes of it: only the host knows the line that would grant it.
    pub(crate) fn judge<R>(
        &self,
        called: Called<Result<R, wit::Problem>>,
    ) -> Result<(R, Requests), Problem> {
        let requests = called.requests;
        let sent = requests.has_left();
        let problem = match called.result {
            Ok(Ok(answer)) => return Ok((answer, requests)),
            Ok(Err(wit::Problem::RateLimited(hint))) => {
                self.slow_down(&hint);
                Problem::RateLimited {
                    after_ms: hint.after_ms,
                }
            }
            Ok(Err(reported)) => problem::from_guest(reported, sent)
                .unwrap_or_else(|garbage: Garbage| plugin_failed(garbage, sent)),
            Err(text) => plugin_failed(text, sent),
        };
        Err(self.root_cause(problem, &requests))
    }

    fn root_cause(&self, problem: Problem, requests: &Requests) -> Problem {
        let is_network =
            |missing: &[String]| missing.iter().any(|name| name.starts_with("network:"));
        let is_open = matches!(problem, Problem::OutcomeUnknown(_));
        match (problem, &requests.denial, &requests.no_credential) {
            (Problem::Forbidden(missing), Some(denial), _) if is_network(&missing) => {
                Problem::Denied(denial.clone())
            }
            (_, Some(denial), _) if !requests.has_left() && !is_open => {
                Problem::Denied(denial.clone())
            }
            (_, None, Some(refused)) if !requests.has_left() && !is_open => {
                Problem::Unauthenticated(refused.clone())
            }
            (problem, ..) => problem,
        }
    }

    fn slow_down(&self, hint: &wit::RetryHint) {
        let Some(after_ms) = hint.after_ms else {
            return;
        };
        let pause = Duration::from_millis(u64::from(after_ms)).min(PAUSE_MAX);
        let plugin = self.plugin();
        let bucket = self.site.budget(&plugin, hint.bucket.as_deref());
        self.site.rates.pause(
            bucket.as_ref().map_or(BUCKET_OF_TARGET, |(name, _)| name),
            pause,
            Instant::now(),
        );
    }

    /// A number that no other listing of this target has.
    pub(crate) fn next_listing(&self) -> Scope {
        Scope::Listing(self.listings.fetch_add(1, Ordering::Relaxed))
    }
}

/// Refuses a grant between an account and an entitlement of different places, where the connector
/// says that both have to be in the same one: the plugin is not even asked.
fn check_containers(descriptor: &Descriptor, change: &Change) -> Result<(), Problem> {
    let (principal, entitlement) = match change {
        Change::EnsureGranted(principal, entitlement)
        | Change::EnsureRevoked(principal, entitlement) => (principal, entitlement),
        _ => return Ok(()),
    };
    let rule = descriptor
        .entitlement_kind(&entitlement.kind)
        .map_or(ContainerRule::MustMatch, |kind| kind.container_rule);
    let is_fine = match rule {
        ContainerRule::None | ContainerRule::EntitlementDecides => true,
        ContainerRule::MustMatch => principal.container == entitlement.container,
    };
    if is_fine {
        return Ok(());
    }
    let place = |object: &ObjectRef| {
        object
            .container
            .clone()
            .unwrap_or_else(|| "no container".to_owned())
    };
    Err(Problem::Unsupported(format!(
        "the {} is in `{}` and the {} in `{}`; at this app both have to be in the same one (PLG-035)",
        principal.kind,
        place(principal),
        entitlement.kind,
        place(entitlement)
    )))
}

/// Refuses an answer about another account than the one that was asked for.
fn check_same_account(change: &Change, outcome: &Outcome) -> Result<(), Garbage> {
    let asked = match change {
        Change::EnsureAccount(desired) => desired.object.as_ref(),
        Change::EnsureState(account, _) => Some(account),
        _ => None,
    };
    match (asked, &outcome.account) {
        (Some(asked), Some(account)) if !is_about(asked, &account.object) => Err(Garbage::new(
            "it answers with another account than the one that was asked for",
        )),
        _ => Ok(()),
    }
}

/// Whether an object is the one that was asked for. An app may add the container that it lives in.
pub(crate) fn is_about(asked: &ObjectRef, object: &ObjectRef) -> bool {
    asked.kind == object.kind
        && asked.id == object.id
        && (asked.container.is_none() || asked.container == object.container)
}

fn check_limits(limits: &CallLimits) -> Result<(), TargetError> {
    if limits.memory_bytes > MEMORY_BYTES_MAX {
        return Err(TargetError::Limit {
            name: "memory",
            value: format!("{} MiB", limits.memory_bytes >> 20),
            reason: "256 MiB are the most",
        });
    }
    for (name, time) in [
        ("time", limits.time),
        ("cpu", limits.cpu),
        ("request-time", limits.request_time),
    ] {
        if time.is_zero() || time > Duration::from_secs(3600) {
            return Err(TargetError::Limit {
                name,
                value: format!("{} ms", time.as_millis()),
                reason: "it has to be more than nothing and at most an hour",
            });
        }
    }
    Ok(())
}

fn check_settings(given: &BTreeMap<String, String>, known: &[Setting]) -> Result<(), TargetError> {
    for key in given.keys() {
        if !known.iter().any(|setting| setting.key == *key) {
            let nearest = nearest(key, known.iter().map(|setting| setting.key.as_str()));
            return Err(TargetError::UnknownSetting {
                key: key.clone(),
                nearest,
            });
        }
    }
    for setting in known {
        match given.get(&setting.key).or(setting.default.as_ref()) {
            Some(value) => check_setting(setting, value)?,
            None if setting.is_required => {
                return Err(TargetError::MissingSetting {
                    key: setting.key.clone(),
                    description: setting.description.clone(),
                });
            }
            None => {}
        }
    }
    Ok(())
}

fn check_setting(setting: &Setting, value: &str) -> Result<(), TargetError> {
    let refuse = |reason: String| {
        Err(TargetError::Setting {
            key: setting.key.clone(),
            value: value.to_owned(),
            reason,
        })
    };
    if !setting.choices.is_empty() && !setting.choices.iter().any(|choice| choice == value) {
        return refuse(format!(
            "it has to be one of {}",
            setting.choices.join(", ")
        ));
    }
    match setting.value_type.as_str() {
        "url" if url::Url::parse(value).is_ok_and(|url| url.has_host()) => Ok(()),
        "url" => refuse("it has to be an address such as https://app.example.com".to_owned()),
        "boolean" if matches!(value, "true" | "false") => Ok(()),
        "boolean" => refuse("it has to be true or false".to_owned()),
        "number" if value.parse::<f64>().is_ok_and(f64::is_finite) => Ok(()),
        "number" => refuse("it has to be a number".to_owned()),
        "duration-ms" if value.parse::<u32>().is_ok() => Ok(()),
        "duration-ms" => refuse("it has to be a number of milliseconds".to_owned()),
        _ => Ok(()),
    }
}

fn check_slots(site: &Site, descriptor: &Descriptor) -> Result<(), TargetError> {
    for (slot, credential) in &site.credentials {
        let Some(wanted) = descriptor
            .secret_slots
            .iter()
            .find(|wanted| wanted.name == *slot)
        else {
            let known = descriptor
                .secret_slots
                .iter()
                .map(|slot| slot.name.clone())
                .collect();
            return Err(TargetError::UnknownSlot {
                slot: slot.clone(),
                known,
            });
        };
        let scheme = credential.scheme.name();
        if !wanted.schemes.iter().any(|takes| takes == scheme) {
            return Err(TargetError::Credential {
                slot: slot.clone(),
                reason: format!(
                    "the app takes {}, not `{scheme}`",
                    wanted.schemes.join(", ")
                ),
            });
        }
    }
    let missing = descriptor
        .secret_slots
        .iter()
        .find(|wanted| wanted.is_required && !site.credentials.contains_key(&wanted.name));
    match (missing, &site.password_slot) {
        (Some(slot), _) => Err(TargetError::MissingSlot {
            slot: slot.name.clone(),
            description: slot.description.clone(),
        }),
        (None, Some(slot)) if !site.credentials.contains_key(slot) => {
            Err(TargetError::MissingSlot {
                slot: slot.clone(),
                description: "the password of new accounts comes from it".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// The known name that a wrong one was probably meant to be.
fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name.to_owned())
}

/// The certificates that are trusted: the machine's, and those of the target.
fn roots(host: &Inner, ca_file: Option<&Path>) -> Result<Arc<RootCertStore>, TargetError> {
    let shared = host.roots.get_or_init(|| Arc::new(machine_roots()));
    let Some(path) = ca_file else {
        return Ok(Arc::clone(shared));
    };
    let refuse = |reason: String| TargetError::Certificates {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let mut roots = RootCertStore::clone(shared);
    let mut count = 0_u32;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| refuse(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(refuse("there is no certificate in it".to_owned()));
    }
    Ok(Arc::new(roots))
}

fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(error = %error, "could not read some of the machine's certificates");
    }
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        tracing::info!("took Mozilla's certificates, because the machine has none");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: &T) {}

    /// Calls are spawned: their futures must be able to move between threads.
    #[expect(dead_code, reason = "it is enough that it compiles")]
    fn calls_can_be_spawned(target: &Target, change: &Change, ctx: &CallContext) {
        is_send(&target.change(change, ctx));
        is_send(&target.list_accounts(None));
        is_send(&target.list_credentials(None));
        is_send(&target.probe());
    }
}
