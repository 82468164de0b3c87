//! A connected app as the rest of the daemon sees it: calls, what it can do, and whether it can be
//! used just now. A target whose plugin does not load, or whose settings do not fit, is not an error
//! of the daemon: its operations wait, and the others go on.

mod absences;
mod gate;
mod rights;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use muster_config::editor;
use muster_config::mistake::UNUSABLE_VALUE;
use muster_core::actor::{Actor, ConnectorVersion};
use muster_core::coded::{Coded, chain};
use muster_core::connector::{
    CallContext, Change, Descriptor, Entitlement, EntitlementKey, GrantScope, ObjectRef, Outcome,
    Problem, RemoteAccount, RemoteCredential, RemoteGrant,
};
use muster_core::finding::Code;
use muster_core::id::{PersonId, TargetName};
use muster_core::observe::{self, Whereabouts};
use muster_core::operation::Action;
use muster_core::person::Account;
use muster_core::policy::Adopt;
use muster_host::{
    CallLimits, ClientAuth, ClientCredentials, Host, HostPattern, JwtBearer, Listing,
    NotAServiceAccount, PrivateAccess, PrivateGrant, Scheme, Secret, Slot, Target, TargetOptions,
    WhichGrants,
};
use tokio::sync::Notify;

use self::absences::Absences;
use crate::clock::{Clock, Moment};

pub use self::absences::APART;
pub use self::gate::{Gate, Standing};

/// A connected app.
pub struct Connected {
    config: muster_config::Target,
    clock: Clock,
    /// `None` while there is no plugin that fits.
    target: ArcSwapOption<Target>,
    trouble: Mutex<Option<Trouble>>,
    ready: Notify,
    /// The secrets that it was connected with last, to see that one was replaced.
    secrets: Mutex<Option<Secrets>>,
    /// How often it was connected.
    connections: AtomicU64,
    /// How often another version of its plugin came into service.
    versions: AtomicU64,
    gate: Gate,
    /// How often a change here took along what nobody asked for; the connector is told.
    side_losses: AtomicU32,
    /// What is known of the accounts there that are nobody's.
    strangers: Strangers,
    /// What to look at by itself, and from when on.
    doubts: Mutex<BTreeMap<Doubt, Moment>>,
    doubted: Notify,
    absences: Mutex<Absences>,
    /// Whether somebody said that the next listing should be believed, however much it lacks.
    believes: AtomicBool,
}

/// Something of which the app may hold other than the ledger says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Doubt {
    /// Somebody's account.
    Of(PersonId),
    /// Who has a right: a call about one account may have taken it from others.
    About(EntitlementKey),
    /// Which rights somebody has: their account has another id at the app by now, and whoever lost a right under
    /// that id was nobody's.
    RightsOf(PersonId),
    /// Which rights somebody's account has by itself: it was taken over.
    TakenOver(PersonId),
}

/// How long after an app showed something odd it is looked at again: some show what was before, for a
/// moment.
pub(crate) const DOUBT_AFTER: Duration = Duration::from_secs(3);

/// The accounts at an app that were there before and belong to nobody: what a call says it made cannot be
/// one of them.
#[derive(Default)]
struct Strangers {
    /// Digests of their keys, since an app may have a million of them. None before the first listing.
    known: Mutex<Option<HashSet<u64>>>,
    listed: Notify,
}

/// How long the making of an account waits for the first listing after a start.
const FIRST_LISTING_PATIENCE: Duration = Duration::from_secs(20);

/// The secrets of a target by their slots; none in a slot whose scheme has no secret.
type Secrets = BTreeMap<String, Option<muster_config::SecretValue>>;

/// Slots whose secret was replaced, and who did it.
type Replaced = Vec<(String, Actor)>;

/// Why a target cannot be used, or cannot use the newest plugin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// The code of its page.
    pub code: Code,
    /// What is wrong, as a sentence without a full stop.
    pub text: String,
    /// What to do.
    pub hint: String,
}

impl Connected {
    /// A target that has no plugin yet.
    pub fn new(config: muster_config::Target, clock: Clock) -> Self {
        Self {
            gate: Gate::new(clock.clone()),
            config,
            clock,
            target: ArcSwapOption::empty(),
            trouble: Mutex::new(None),
            ready: Notify::new(),
            secrets: Mutex::new(None),
            connections: AtomicU64::new(0),
            versions: AtomicU64::new(0),
            side_losses: AtomicU32::new(0),
            strangers: Strangers::default(),
            doubts: Mutex::default(),
            doubted: Notify::new(),
            absences: Mutex::default(),
            believes: AtomicBool::new(false),
        }
    }

    /// Keeps which accounts there are nobody's, or that a listing could not be had.
    pub fn know_strangers<'o>(&self, strangers: Option<impl Iterator<Item = &'o ObjectRef>>) {
        let mut known = lock(&self.strangers.known);
        match strangers {
            Some(strangers) => *known = Some(strangers.map(digest).collect()),
            None => drop(known.get_or_insert_default()),
        }
        drop(known);
        self.strangers.listed.notify_waiters();
    }

    /// Whether an account was there before, and belonged to nobody. Waits for the first listing after a
    /// start, for a while.
    pub async fn is_stranger(&self, object: &ObjectRef) -> bool {
        let listed = self.strangers.listed.notified();
        let is_listed = || lock(&self.strangers.known).is_some();
        if !is_listed() {
            // Without a listing nothing speaks against what the app says it made.
            self.clock.within(FIRST_LISTING_PATIENCE, listed).await;
        }
        let known = lock(&self.strangers.known);
        known
            .as_ref()
            .is_some_and(|known| known.contains(&digest(object)))
    }

    /// Schedules a look at somebody's account once `after` has passed: what the app shows of it just now may be
    /// older than what was done last.
    pub fn doubt(&self, person: &PersonId, after: Duration) {
        lock(&self.doubts)
            .entry(Doubt::Of(person.clone()))
            .or_insert_with(|| self.clock.moment() + after);
        self.doubted.notify_one();
    }

    /// Schedules a look at somebody's rights: their account has another id at the app.
    pub fn doubt_rights_of(&self, person: &PersonId) {
        let now = self.clock.moment();
        lock(&self.doubts).insert(Doubt::RightsOf(person.clone()), now);
        self.doubted.notify_one();
    }

    /// Schedules reading the rights of an account that was taken over.
    pub fn doubt_taken_over(&self, person: &PersonId) {
        self.read_rights_later(person, Duration::ZERO);
    }

    /// The same, once `after` has passed.
    pub fn read_rights_later(&self, person: &PersonId, after: Duration) {
        let at = self.clock.moment() + after;
        lock(&self.doubts).insert(Doubt::TakenOver(person.clone()), at);
        self.doubted.notify_one();
    }

    /// Schedules a look at who has a right, once `after` has passed since this was last asked for.
    pub fn doubt_right(&self, right: &EntitlementKey, after: Duration) {
        let at = self.clock.moment() + after;
        lock(&self.doubts).insert(Doubt::About(right.clone()), at);
        self.doubted.notify_one();
    }

    /// Records that an account was found nowhere at the app. Returns whether it counts as gone: it does once a look
    /// [`APART`] before this one found it nowhere, too.
    pub fn is_gone(&self, object: &ObjectRef) -> bool {
        lock(&self.absences).missed(object, self.clock.moment())
    }

    /// Waits until there may be somebody to look at.
    pub async fn doubted(&self) {
        self.doubted.notified().await;
    }

    /// What has to be looked at now, and how long until the next one is due.
    pub fn take_doubts(&self) -> (Vec<Doubt>, Option<Duration>) {
        let mut doubts = lock(&self.doubts);
        let now = self.clock.moment();
        let due = doubts
            .extract_if(.., |_, at| *at <= now)
            .map(|(doubt, _)| doubt)
            .collect();
        let next = doubts.values().min();
        (due, next.map(|at| at.since(now)))
    }

    /// Has the next listing believed, whatever it lacks; it is taken at once.
    pub fn believe_next_listing(&self) {
        self.believes.store(true, Ordering::Release);
        self.ready.notify_waiters();
    }

    /// Returns whether this listing should be believed, whatever it lacks. True once.
    pub fn takes_belief(&self) -> bool {
        self.believes.swap(false, Ordering::AcqRel)
    }

    /// Counts that a change here took along what nobody asked for, and tells the connector.
    pub fn add_side_losses(&self, count: u32) -> u32 {
        let losses = self.side_losses.fetch_add(count, Ordering::AcqRel) + count;
        if let Some(target) = self.target.load().as_ref() {
            target.set_side_losses(losses);
        }
        losses
    }

    /// Its name.
    pub fn name(&self) -> &TargetName {
        &self.config.name
    }

    /// How it is configured.
    pub fn config(&self) -> &muster_config::Target {
        &self.config
    }

    /// How many calls may be out at once.
    pub fn concurrency(&self) -> usize {
        self.config.limits.concurrency as usize
    }

    /// Puts the plugin in a slot to use, with the secrets read now.
    pub fn connect(
        &self,
        host: &Host,
        slot: &Arc<Slot>,
        environment: &muster_config::Environment,
    ) -> Result<(), Trouble> {
        let made = secrets(&self.config, environment).and_then(|secrets| {
            let options = options(&self.config, &secrets);
            *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = Some(secrets);
            Target::new(host, Arc::clone(slot), options?).map_err(|error| Trouble::of(&error))
        });
        match made {
            Ok(target) => {
                target.set_side_losses(self.side_losses.load(Ordering::Acquire));
                self.target.store(Some(Arc::new(target)));
                self.set_trouble(None);
                self.gate.reset();
                self.connections.fetch_add(1, Ordering::Release);
                self.ready.notify_waiters();
                Ok(())
            }
            Err(trouble) => {
                self.set_trouble(Some(trouble.clone()));
                Err(trouble)
            }
        }
    }

    /// Connects anew if a secret was replaced since. Returns which were, and who replaced them. `None` if none
    /// was, and also where one cannot be read just now.
    pub fn renew(
        &self,
        host: &Host,
        slot: &Arc<Slot>,
        environment: &muster_config::Environment,
    ) -> Option<(Replaced, Result<(), Trouble>)> {
        let found = secrets(&self.config, environment).ok()?;
        let used = self.secrets.lock();
        let used = used.unwrap_or_else(PoisonError::into_inner).clone();
        if used.as_ref() == Some(&found) {
            return None;
        }
        let replaced = used.map_or_else(Replaced::new, |used| {
            let is_other = |slot: &&String| used.get(*slot) != found.get(*slot);
            let slots = found.keys().filter(is_other).cloned();
            slots
                .map(|slot| (slot.clone(), self.replaced_by(&slot)))
                .collect()
        });
        Some((replaced, self.connect(host, slot, environment)))
    }

    /// Who replaced the secret in a slot: the owner of its file.
    fn replaced_by(&self, slot: &str) -> Actor {
        let credential = self.config.secrets.get(slot);
        match credential.and_then(muster_config::Credential::secret) {
            Some(muster_config::SecretSource::File(file)) => Actor::Editor(editor::of(file)),
            Some(muster_config::SecretSource::Env(_)) | None => Actor::Daemon,
        }
    }

    /// How often it was connected. A new number means new secrets or, after a start, perhaps new
    /// permissions.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    /// How often another version of its plugin came into service. A new number means that what the one
    /// before failed at may succeed, and that what it read may have been wrong.
    pub fn versions(&self) -> u64 {
        self.versions.load(Ordering::Acquire)
    }

    /// Says that another version of its plugin serves.
    pub fn version_changed(&self) {
        self.versions.fetch_add(1, Ordering::Release);
        self.ready.notify_waiters();
    }

    /// Whether a version of the plugin can work with this target's settings and credentials.
    pub fn check_fits(&self, plugin: &muster_host::Plugin) -> Result<(), Trouble> {
        match self.target.load().as_ref() {
            None => Ok(()),
            Some(target) => target
                .check_fits(plugin)
                .map_err(|error| Trouble::of(&error)),
        }
    }

    /// Records what stands in the way; `None` if nothing does.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What stands in the way.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether calls can be made.
    pub fn is_usable(&self) -> bool {
        self.target.load().is_some()
    }

    /// Waits until calls can be made again. May not be woken for a target that is usable already.
    pub async fn became_ready(&self) {
        self.ready.notified().await;
    }

    /// What its connector says of itself.
    pub fn descriptor(&self) -> Option<Descriptor> {
        self.target.load().as_ref().map(|target| {
            target
                .descriptor()
                .with_settings(|name| self.config.settings.contains_key(name))
        })
    }

    /// The connector that is called, as the actor of what is done and seen there.
    pub fn actor(&self) -> Actor {
        let target = self.target.load();
        target.as_ref().map_or(Actor::Daemon, |target| {
            Actor::Connector(ConnectorVersion {
                plugin: self.config.plugin.clone(),
                version: target.descriptor().version.clone(),
                digest: target.plugin().digest(),
            })
        })
    }

    /// Whether the app accepts the credentials, and which calls may leave.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Lets calls leave at once, whatever the app asked for and whatever it refused: a person asks for one.
    pub fn try_at_once(&self) {
        self.gate.set_ajar();
        if let Some(target) = self.target.load().as_ref() {
            target.resume();
        }
    }

    /// Whether an account that is there may be taken over, by the configuration of now.
    pub fn may_adopt(&self) -> bool {
        let rules = &self.config.rules;
        rules.adopt == Adopt::WhenKeysAgree && rules.keys.len() >= 2
    }

    /// Whether the connector can show that an action was done.
    pub fn can_show(&self, action: &Action) -> bool {
        let target = self.target.load_full();
        target.is_some_and(|target| observe::can_be_seen(action, target.plugin().descriptor()))
    }

    /// How long after an answer an action can be read back.
    pub fn lag(&self, action: &Action) -> Duration {
        let Some(target) = self.target.load_full() else {
            return Duration::ZERO;
        };
        let plugin = target.plugin();
        let descriptor = plugin.descriptor();
        let lag_ms = match action {
            Action::EnsureGranted(key) | Action::EnsureRevoked(key) => descriptor
                .entitlement_kind(&key.kind)
                .map(|kind| kind.read_after_write_lag_ms),
            Action::EnsureAccount(_)
            | Action::EnsureState(_)
            | Action::EndSessions
            | Action::RevokeCredentials
            | Action::TransferOwned(_)
            | Action::EnsureAbsent => descriptor.people().map(|kind| kind.read_after_write_lag_ms),
        };
        Duration::from_millis(u64::from(lag_ms.unwrap_or(0)))
    }

    /// Brings a change about.
    pub async fn change(&self, change: &Change, context: &CallContext) -> Result<Outcome, Problem> {
        let reply = self.admitted()?.change(change, context).await;
        self.learned(reply)
    }

    /// One account.
    pub async fn read_account(&self, object: &ObjectRef) -> Result<Option<RemoteAccount>, Problem> {
        let reply = self.admitted()?.read_account(object).await;
        if let Ok(Some(_)) = &reply {
            lock(&self.absences).found(object);
        }
        self.learned(reply)
    }

    /// People's accounts that hold one of the keys.
    pub async fn find_accounts(
        &self,
        keys: &[(String, String)],
    ) -> Result<Vec<RemoteAccount>, Problem> {
        let reply = self.admitted()?.find_accounts(None, keys).await;
        self.learned(reply)
    }

    /// Where an account is that the app does not show under its key.
    pub async fn locate(
        &self,
        account: &Account,
        keys: &[(String, String)],
    ) -> Result<Whereabouts, Problem> {
        if !keys.is_empty() {
            match self.find_accounts(keys).await {
                Ok(found) => match observe::whereabouts(account, keys, &found) {
                    Whereabouts::Nowhere => {}
                    found => return Ok(found),
                },
                Err(Problem::Unsupported(_)) => {}
                Err(problem) => return Err(problem),
            }
        }
        // A wrong address finds nothing at all.
        self.probe().await?;
        Ok(Whereabouts::Nowhere)
    }

    /// Grants among which the one of this account and this entitlement has to be, if there is one.
    pub async fn grants_of(
        &self,
        account: &ObjectRef,
        key: &EntitlementKey,
    ) -> Result<Listing<RemoteGrant>, Problem> {
        let target = self.admitted()?;
        let plugin = target.plugin();
        let by_principal = plugin
            .descriptor()
            .entitlement_kind(&key.kind)
            .is_some_and(|kind| kind.grant_scopes.contains(&GrantScope::OfPrincipal));
        if by_principal {
            let which = WhichGrants::OfPrincipal(account.clone());
            return self.learned(target.list_grants(&which).await);
        }
        let which = WhichGrants::OfEntitlement(key.object(None));
        let mut listing = self.learned(target.list_grants(&which).await)?;
        listing
            .items
            .retain(|grant| grant.principal.same_object(account));
        Ok(listing)
    }

    /// Everybody who has an entitlement.
    pub async fn holders_of(&self, key: &EntitlementKey) -> Result<Listing<RemoteGrant>, Problem> {
        let target = self.admitted()?;
        let plugin = target.plugin();
        let is_offered = plugin
            .descriptor()
            .entitlement_kind(&key.kind)
            .is_some_and(|kind| kind.grant_scopes.contains(&GrantScope::OfEntitlement));
        if !is_offered {
            let text = "who has an entitlement cannot be listed";
            return Err(Problem::Unsupported(text.to_owned()));
        }
        let which = WhichGrants::OfEntitlement(key.object(None));
        self.learned(target.list_grants(&which).await)
    }

    /// An account's sessions, tokens and keys.
    pub async fn credentials_of(
        &self,
        account: &ObjectRef,
    ) -> Result<Listing<RemoteCredential>, Problem> {
        let reply = self.admitted()?.list_credentials(Some(account)).await;
        self.learned(reply)
    }

    /// Everything that the target can give. Whole only where every kind was read whole.
    pub async fn entitlements(&self) -> Result<Listing<Entitlement>, Problem> {
        let target = self.admitted()?;
        let plugin = target.plugin();
        let mut all = Listing {
            items: Vec::new(),
            is_whole: true,
            why_not: None,
        };
        for kind in &plugin.descriptor().entitlement_kinds {
            let listing = target.list_entitlements(&kind.name).await;
            // A connector that has nothing to list has asked the app nothing.
            let has_asked = listing
                .as_ref()
                .is_ok_and(|listing| !listing.items.is_empty());
            self.gate.learn(listing.as_ref().err(), has_asked);
            let listing = listing?;
            all.items.extend(listing.items);
            all.is_whole &= listing.is_whole;
            all.why_not = all.why_not.or(listing.why_not);
        }
        Ok(all)
    }

    /// Everybody's accounts there.
    pub async fn accounts(&self) -> Result<Listing<RemoteAccount>, Problem> {
        let reply = self.admitted()?.list_accounts(None).await;
        self.learned(reply)
    }

    /// The attributes that people's accounts can have there.
    pub async fn attributes(&self) -> Result<Vec<muster_host::AttributeSpec>, Problem> {
        self.admitted()?.discover(None).await
    }

    /// Tries the target out, changing nothing. This call leaves also where the credentials were refused.
    pub async fn probe(&self) -> Result<(), Problem> {
        let reply = self.usable()?.probe().await.map(drop);
        self.gate.probed(reply.as_ref().err());
        reply
    }

    #[expect(
        clippy::result_large_err,
        reason = "a problem is what every call gives; boxing it here alone helps nobody"
    )]
    fn learned<T>(&self, reply: Result<T, Problem>) -> Result<T, Problem> {
        self.gate.learn(reply.as_ref().err(), true);
        reply
    }

    #[expect(
        clippy::result_large_err,
        reason = "a problem is what every call gives; boxing it here alone helps nobody"
    )]
    fn admitted(&self) -> Result<Arc<Target>, Problem> {
        match self.gate.refusal() {
            Some(refusal) => Err(refusal),
            None => self.usable(),
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "a problem is what every call gives; boxing it here alone helps nobody"
    )]
    fn usable(&self) -> Result<Arc<Target>, Problem> {
        self.target
            .load_full()
            .ok_or_else(|| Problem::PluginFailed {
                text: self
                    .trouble()
                    .map_or_else(|| "it is not loaded yet".to_owned(), |trouble| trouble.text),
                sent: false,
            })
    }
}

impl Trouble {
    /// A trouble with a page.
    pub fn new(code: Code, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            hint: hint.into(),
        }
    }

    /// What an error says.
    pub fn of(error: &impl Coded) -> Self {
        Self::new(error.code(), chain(error), error.hint())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands for the app's key of an account.
fn digest(object: &ObjectRef) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&object.kind, &object.container, &object.id).hash(&mut hasher);
    hasher.finish()
}

/// The secrets as they are now.
fn secrets(
    config: &muster_config::Target,
    environment: &muster_config::Environment,
) -> Result<Secrets, Trouble> {
    let read = |(slot, credential): (&String, &muster_config::Credential)| {
        let source = credential.secret();
        let secret = source
            .map(|source| source.read(environment))
            .transpose()
            .map_err(|error| Trouble::of(&error))?;
        Ok((slot.clone(), secret))
    };
    config.secrets.iter().map(read).collect()
}

/// The target as the host takes it.
fn options(config: &muster_config::Target, secrets: &Secrets) -> Result<TargetOptions, Trouble> {
    let unusable = |text: String, hint: &str| Trouble::new(UNUSABLE_VALUE, text, hint);
    let mut hosts = Vec::new();
    for text in &config.hosts {
        let hint = "a host is written as https://crm.example.com or https://*.example.com";
        hosts.push(HostPattern::parse(text).map_err(|error| unusable(error.to_string(), hint))?);
    }
    let mut private = Vec::new();
    for text in &config.allow_private {
        let hint =
            "write an address such as 10.1.2.3, a network such as 10.0.0.0/8, or a host's name";
        private.push(
            text.parse::<PrivateGrant>()
                .map_err(|error| unusable(error.to_string(), hint))?,
        );
    }
    let mut credentials = BTreeMap::new();
    for (slot, credential) in &config.secrets {
        let secret = secrets.get(slot).and_then(Option::as_ref);
        let secret = Secret::new(secret.map_or("", muster_config::SecretValue::reveal));
        let filled = filled(credential, secret).map_err(|error| {
            let hint = "hand over the JSON file that Google made for the service account";
            unusable(format!("secret {slot}: {error}"), hint)
        })?;
        credentials.insert(slot.clone(), filled);
    }
    let limits = &config.limits;
    let small = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Ok(TargetOptions {
        name: config.name.to_string(),
        table: Some(format!("[target.{}]", config.name)),
        settings: config.settings.clone(),
        hosts,
        private: PrivateAccess::only(private),
        credentials,
        password_slot: config.password_slot.clone(),
        requests_per_minute: limits.requests_per_minute,
        limits: CallLimits {
            memory_bytes: small(limits.memory_bytes_max),
            time: limits.call_time_max,
            reply_bytes: small(limits.answer_bytes_max),
            listing_bytes: small(limits.listing_bytes_max),
            ..CallLimits::default()
        },
        proxy: config.proxy.clone(),
        ca_file: config.ca_file.clone(),
    })
}

/// What fills a secret slot: the secret, used as the configuration says.
fn filled(
    credential: &muster_config::Credential,
    secret: Secret,
) -> Result<muster_host::Credential, NotAServiceAccount> {
    use muster_config::Credential;
    let scheme = match credential {
        Credential::Bearer { .. } => Scheme::Bearer { token: secret },
        Credential::Basic { user, .. } => Scheme::Basic {
            username: user.clone(),
            password: secret,
        },
        Credential::Header { header, prefix, .. } => Scheme::Header {
            name: header.clone(),
            value: Secret::new(format!("{prefix}{}", secret.expose())),
        },
        Credential::OAuth2 {
            token_url,
            client_id,
            in_body,
            scopes,
            audience,
            ..
        } => Scheme::Oauth2ClientCredentials(ClientCredentials {
            token_url: token_url.clone(),
            client_id: client_id.clone(),
            client_secret: secret,
            scopes: scopes.clone(),
            audience: audience.clone(),
            client_auth: if *in_body {
                ClientAuth::Form
            } else {
                ClientAuth::Basic
            },
        }),
        Credential::JwtBearer {
            token_url,
            issuer,
            subject,
            audience,
            scopes,
            key_id,
            ..
        } => Scheme::JwtBearer(JwtBearer {
            token_url: token_url.clone(),
            issuer: issuer.clone(),
            subject: subject.clone(),
            audience: audience.clone(),
            scopes: scopes.clone(),
            private_key: secret,
            key_id: key_id.clone(),
        }),
        Credential::ServiceAccount {
            subject, scopes, ..
        } => {
            let (subject, scopes) = (subject.clone(), scopes.clone());
            return muster_host::Credential::google_service_account(
                secret.expose(),
                subject,
                scopes,
            );
        }
        Credential::Value { .. } => Scheme::Value { value: secret },
        Credential::Generated { length } => Scheme::Generated {
            length: usize::try_from(*length).unwrap_or(usize::MAX),
        },
        Credential::SigningKey { .. } => Scheme::SigningKey { key: secret },
    };
    Ok(muster_host::Credential::new(scheme))
}
