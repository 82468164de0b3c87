//! The conversation with a connector in the core's own words: what can be asked, what can come
//! back, and what a connector says it can do. The host crate translates to and from the contract
//! in `wit/`; nothing here knows how a plugin is run.

mod credential;
mod function;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::id::OperationId;

pub use credential::{CredentialClass, RemoteCredential};
pub use function::{Function, GrantScope};

/// A value on the wire to an app. Text stays text and yes stays yes: never `"True"`.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// Yes or no.
    Boolean(bool),
    /// A number; whole up to 2^53.
    Number(f64),
    /// A calendar day, `YYYY-MM-DD`.
    Day(String),
    /// An instant.
    Instant(Timestamp),
    /// Bytes.
    Binary(Vec<u8>),
    /// Another object at the app: a manager, an owner.
    Pointer(ObjectRef),
}

/// The app's own immutable key of an object. `container` (workspace, organisation, domain) is part
/// of the key; the hint is for people and never compared.
#[derive(Clone, Debug)]
pub struct ObjectRef {
    /// `user`, `group`, `role`, `seat`, ... as the connector names it.
    pub kind: String,
    /// Where the object lives, for apps with several places.
    pub container: Option<String>,
    /// The app's id, never changed and never derived from a name.
    pub id: String,
    /// The version that was seen, for optimistic concurrency.
    pub revision: Option<String>,
    /// A name for people to read.
    pub name_hint: Option<String>,
}

impl ObjectRef {
    /// Whether both mean the same object, whatever its version or name.
    pub fn same_object(&self, other: &ObjectRef) -> bool {
        self.kind == other.kind && self.container == other.container && self.id == other.id
    }
}

impl PartialEq for ObjectRef {
    fn eq(&self, other: &Self) -> bool {
        self.same_object(other)
    }
}

impl Eq for ObjectRef {}

/// Key of an entitlement at a target: the object key without hints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntitlementKey {
    /// `group`, `role`, `license-seat`, ...
    pub kind: String,
    /// The place it lives in, for apps with several.
    pub container: Option<String>,
    /// The app's id of it.
    pub id: String,
}

impl EntitlementKey {
    /// The reference that a connector is given.
    pub fn object(&self, name_hint: Option<String>) -> ObjectRef {
        ObjectRef {
            kind: self.kind.clone(),
            container: self.container.clone(),
            id: self.id.clone(),
            revision: None,
            name_hint,
        }
    }

    /// The key in a reference that a connector gave.
    pub fn of(object: &ObjectRef) -> Self {
        Self {
            kind: object.kind.clone(),
            container: object.container.clone(),
            id: object.id.clone(),
        }
    }
}

/// What an account can be. Disabling is not deleting, and deleting is not unassigning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AccountState {
    /// Can be used.
    Active,
    /// Switched off, everything kept.
    Suspended,
    /// Locked by the app itself.
    Locked,
    /// Invited and not yet accepted.
    Invited,
    /// Switched off in the app's stronger form.
    Deactivated,
    /// Gone, or in the app's bin.
    Deleted,
}

impl AccountState {
    /// The word for it in answers and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountState::Active => "active",
            AccountState::Suspended => "suspended",
            AccountState::Locked => "locked",
            AccountState::Invited => "invited",
            AccountState::Deactivated => "deactivated",
            AccountState::Deleted => "deleted",
        }
    }

    /// Whether somebody can come in with it.
    pub fn is_usable(self) -> bool {
        matches!(self, AccountState::Active | AccountState::Invited)
    }
}

/// Attribute values at an app, by the app's attribute name.
pub type RemoteAttributes = BTreeMap<String, Vec<Scalar>>;

/// One change of one attribute. An attribute that is not named is left alone.
#[derive(Clone, PartialEq, Debug)]
pub enum AttributeChange {
    /// These values and no others.
    Set(Vec<Scalar>),
    /// No value.
    Clear,
}

/// An account as an app shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct RemoteAccount {
    /// Its key.
    pub object: ObjectRef,
    /// Its state.
    pub state: AccountState,
    /// Keys to find the person by: (`employee-id`, `E1`), (`email`, ...), as the connector names them.
    pub keys: Vec<(String, String)>,
    /// What the app shows of it.
    pub attributes: RemoteAttributes,
    /// Why nobody but the app's own administrators should touch it.
    pub protected_reason: Option<String>,
}

/// A right that an app can give.
#[derive(Clone, PartialEq, Debug)]
pub struct Entitlement {
    /// Its key.
    pub object: ObjectRef,
    /// `membership`, `role`, `license-seat`, ...
    pub class: String,
    /// Its name, for people and for policy files.
    pub title: String,
    /// At most one of a group can be held by an account.
    pub exclusion_group: Option<String>,
    /// What has to be held first.
    pub requires: Vec<ObjectRef>,
    /// Seats bought and used, where it is a licence.
    pub seats: Option<Seats>,
    /// Whether it can be given through the app's interface.
    pub is_grantable: bool,
    /// Whether it can be taken away through the app's interface.
    pub is_revocable: bool,
}

/// Seats of a licence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seats {
    /// The vendor's article number.
    pub sku: String,
    /// Bought; `None` if the app does not say.
    pub purchased: Option<u32>,
    /// In use; `None` if the app does not say.
    pub consumed: Option<u32>,
}

/// A grant as an app shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct RemoteGrant {
    /// Who holds it.
    pub principal: ObjectRef,
    /// What is held.
    pub entitlement: ObjectRef,
    /// False if it comes through another object, named in `via`.
    pub is_direct: bool,
    /// Through what it is held.
    pub via: Vec<ObjectRef>,
    /// Why it cannot be changed.
    pub immutable_reason: Option<String>,
}

/// One page of a listing, with the connector's word on how whole it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
    /// True on the last page.
    pub is_last: bool,
    /// True if nothing of this page was left out.
    pub is_whole: bool,
    /// What was left out, and why.
    pub skipped: Vec<(String, String)>,
    /// How many there are in all, if the app says.
    pub total: Option<u32>,
}

/// What goes with every call that changes something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallContext {
    /// The same for every attempt.
    pub operation: OperationId,
    /// From 1.
    pub attempt: u32,
    /// A sentence for the app's own audit log.
    pub reason: String,
}

/// The account that an `ensure-account` call should lead to.
#[derive(Clone, PartialEq, Debug)]
pub struct DesiredAccount {
    /// The account's key, once it is known.
    pub object: Option<ObjectRef>,
    /// Whether an existing account that matches may be taken over. The connector is never left to decide that
    /// by what the policy allows: see [`crate::observe::call`].
    pub may_adopt: bool,
    /// How the account should be.
    pub spec: Arc<AccountSpec>,
}

/// What an account should be when it is made or updated.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountSpec {
    /// Keys to find an existing account by.
    pub match_keys: Vec<(String, String)>,
    /// Whether an existing account that agrees in every key may be taken over.
    pub may_adopt: bool,
    /// The state to create it in.
    pub initial_state: AccountState,
    /// What to change.
    pub attributes: BTreeMap<String, AttributeChange>,
}

/// What is asked of a connector to change.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// Create or update the account.
    EnsureAccount(DesiredAccount),
    /// Bring the account into a state.
    EnsureState(ObjectRef, AccountState),
    /// Delete the account.
    EnsureAbsent(ObjectRef),
    /// Give a right.
    EnsureGranted(ObjectRef, ObjectRef),
    /// Take a right away.
    EnsureRevoked(ObjectRef, ObjectRef),
    /// End every session.
    EndSessions(ObjectRef),
    /// End tokens, keys, app passwords and consents.
    RevokeCredentials(ObjectRef),
    /// Hand what the first owns to the second.
    TransferOwned(ObjectRef, ObjectRef),
    /// Ask how a pending change went on.
    Poll(String),
}

/// What is asked of a connector to read.
#[derive(Clone, PartialEq, Debug)]
pub enum Read {
    /// One account by its key.
    Account(ObjectRef),
    /// Accounts by keys; each has to agree.
    AccountsByKeys(Vec<(String, String)>),
    /// What an account holds.
    GrantsOf(ObjectRef),
    /// Which sessions, tokens and keys an account has.
    CredentialsOf(ObjectRef),
}

/// How a change ended, where it did not fail.
#[derive(Clone, PartialEq, Debug)]
pub enum OutcomeKind {
    /// It was done now.
    Done,
    /// It was so before.
    Already,
    /// An existing account was taken over.
    Adopted,
    /// The app goes on with it; ask again.
    Pending {
        /// What to ask with.
        handle: String,
        /// How long to wait first, in milliseconds.
        poll_after_ms: u32,
    },
    /// A person has to do something at the app.
    NeedsHuman {
        /// What to do.
        instructions: String,
    },
}

/// What else happened because of a change.
#[derive(Clone, PartialEq, Debug)]
pub enum SideEffect {
    /// The account changed in another way, too.
    AccountChanged(RemoteAccount),
    /// A grant came with it: whose, and what.
    GrantAdded(ObjectRef, EntitlementKey),
    /// A grant went with it: whose, and what. It may be somebody else's than the change was about.
    GrantRemoved(ObjectRef, EntitlementKey),
    /// Something was removed.
    ObjectRemoved(ObjectRef),
    /// A seat was taken.
    SeatConsumed(ObjectRef),
    /// A seat became free.
    SeatReleased(ObjectRef),
}

/// Something that lets somebody in and that a removal did not reach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreached {
    /// What it is and why it could not be reached.
    pub text: String,
    /// When it ends by itself; `None` if nobody knows.
    pub until: Option<Timestamp>,
}

/// The answer to a change that did not fail.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// How it ended.
    pub kind: OutcomeKind,
    /// The account afterwards, where the call shows it.
    pub account: Option<RemoteAccount>,
    /// What else happened.
    pub effects: Vec<SideEffect>,
    /// What could not be reached: tokens that live until they expire.
    pub unreachable: Vec<Unreached>,
    /// The app's own id of the request, for its audit log.
    pub evidence: Option<String>,
}

/// Every failure is exactly one of these; what happens next follows from the case alone.
#[derive(Clone, PartialEq, Debug)]
pub enum Problem {
    /// Nothing was changed; try again.
    Transient {
        /// What happened.
        text: String,
        /// How long the app asks to wait, in milliseconds.
        after_ms: Option<u32>,
    },
    /// Nothing was changed; the app asks to slow down.
    RateLimited {
        /// How long the app asks to wait, in milliseconds.
        after_ms: Option<u32>,
    },
    /// It may or may not have been done: look before trying again.
    OutcomeUnknown(String),
    /// Begin the listing again.
    CursorExpired,
    /// Take a full listing; the change token is of no use.
    TokenExpired,
    /// The app does not accept the credentials.
    Unauthenticated(String),
    /// The credentials lack these permissions.
    Forbidden(Vec<String>),
    /// The app does not have this object.
    NotFound(Option<ObjectRef>),
    /// Another object holds the key.
    Conflict(Option<ObjectRef>),
    /// The object changed since it was read.
    Stale,
    /// The app refuses these fields: (field, what is wrong).
    Invalid(Vec<(String, String)>),
    /// No seat or quota is left.
    NoCapacity(String),
    /// The app protects this: `last-owner`, `last-admin`, `legal-hold`, ...
    Guarded(String),
    /// The connector or the app cannot do this.
    Unsupported(String),
    /// The answer made no sense.
    RemoteDefect(String),
    /// IT has not permitted the plugin this host or secret.
    Denied(String),
    /// The plugin failed: trap, limit, garbage. Whether it reached the app is in `sent`.
    PluginFailed {
        /// What happened.
        text: String,
        /// Whether a request had left before the failure.
        sent: bool,
    },
}

impl Problem {
    /// Whether another version of the plugin may fare better: it failed, could not do it, could not make
    /// sense of an answer, or wrote what the app refused.
    pub fn may_be_the_plugins(&self) -> bool {
        matches!(
            self,
            Problem::PluginFailed { .. }
                | Problem::Unsupported(_)
                | Problem::RemoteDefect(_)
                | Problem::Invalid(_)
                | Problem::CursorExpired
                | Problem::TokenExpired
        )
    }

    /// A short name for tables and counters.
    pub fn name(&self) -> &'static str {
        match self {
            Problem::Transient { .. } => "transient",
            Problem::RateLimited { .. } => "rate-limited",
            Problem::OutcomeUnknown(_) => "outcome-unknown",
            Problem::CursorExpired => "cursor-expired",
            Problem::TokenExpired => "token-expired",
            Problem::Unauthenticated(_) => "unauthenticated",
            Problem::Forbidden(_) => "forbidden",
            Problem::NotFound(_) => "not-found",
            Problem::Conflict(_) => "conflict",
            Problem::Stale => "stale",
            Problem::Invalid(_) => "invalid",
            Problem::NoCapacity(_) => "no-capacity",
            Problem::Guarded(_) => "guarded",
            Problem::Unsupported(_) => "unsupported",
            Problem::RemoteDefect(_) => "remote-defect",
            Problem::Denied(_) => "denied",
            Problem::PluginFailed { .. } => "plugin-failed",
        }
    }

    /// The failure as a sentence without a full stop.
    pub fn text(&self) -> String {
        match self {
            Problem::Transient { text, .. } => format!("the app could not be used now: {text}"),
            Problem::RateLimited { .. } => "the app asks to slow down".to_owned(),
            Problem::OutcomeUnknown(text) => {
                format!("no answer came back, so it may or may not be done: {text}")
            }
            Problem::CursorExpired => "the listing has to begin again".to_owned(),
            Problem::TokenExpired => "the change token is too old".to_owned(),
            Problem::Unauthenticated(text) => {
                format!("the app does not accept the credentials: {text}")
            }
            Problem::Forbidden(missing) if missing.is_empty() => {
                "the credentials do not allow this".to_owned()
            }
            Problem::Forbidden(missing) => format!("the credentials lack {}", missing.join(", ")),
            Problem::NotFound(Some(object)) => {
                format!("the app has no {} {}", object.kind, object.id)
            }
            Problem::NotFound(None) => "the app does not have this".to_owned(),
            Problem::Conflict(Some(object)) => {
                format!("{} {} holds the same key already", object.kind, object.id)
            }
            Problem::Conflict(None) => {
                "something else at the app holds the same key already".to_owned()
            }
            Problem::Stale => "it changed at the app meanwhile".to_owned(),
            Problem::Invalid(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(field, text)| match field.as_str() {
                        "" => text.clone(),
                        field => format!("{field}: {text}"),
                    })
                    .collect();
                format!("the app refuses the values: {}", fields.join("; "))
            }
            Problem::NoCapacity(text) => format!("no seat or quota is left: {text}"),
            Problem::Guarded(guard) => format!("the app protects this ({guard})"),
            Problem::Unsupported(text) => format!("not supported: {text}"),
            Problem::RemoteDefect(text) => format!("the app's answer made no sense: {text}"),
            Problem::Denied(text) => text.clone(),
            Problem::PluginFailed { text, .. } => format!("the plugin failed: {text}"),
        }
    }
}

/// What a connector says of one kind of account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountKind {
    /// The kind: `user`.
    pub name: String,
    /// The functions that work on it.
    pub operations: BTreeSet<Function>,
    /// The states that exist.
    pub states: BTreeSet<AccountState>,
    /// Keys that accounts can be found by.
    pub match_keys: Vec<String>,
    /// Attributes that cannot be changed once set.
    pub immutable_attributes: Vec<String>,
    /// Which credentials can be listed and revoked. What is not here was never seen, however empty a listing
    /// is.
    pub credential_categories: BTreeSet<CredentialClass>,
    /// Settings without which a function does nothing, and that are not known to be given: (function,
    /// setting).
    pub needed_settings: Vec<(Function, String)>,
    /// How long a change may take to be seen, in milliseconds.
    pub read_after_write_lag_ms: u32,
    /// Whether an id can come back for another object after a deletion.
    pub is_id_reused: bool,
    /// Whether an account that is reactivated still has its grants.
    pub reactivation_keeps_grants: bool,
    /// Most items on a page.
    pub page_max: u32,
}

impl AccountKind {
    /// Whether a function works on accounts of this kind.
    pub fn can(&self, function: Function) -> bool {
        self.operations.contains(&function)
    }

    /// Whether accounts of this kind can be brought into a state.
    pub fn can_become(&self, state: AccountState) -> bool {
        self.can(Function::EnsureState) && self.states.contains(&state)
    }

    /// Whether a listing shows credentials of one of these classes.
    pub fn lists_credentials(&self, is_meant: fn(&CredentialClass) -> bool) -> bool {
        self.can(Function::ListCredentials) && self.credential_categories.iter().any(is_meant)
    }
}

/// Which containers an account and an entitlement may have for a grant between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContainerRule {
    /// The app has no containers.
    None,
    /// Both have to be in the same one; the host refuses any other call.
    MustMatch,
    /// The entitlement's container decides.
    EntitlementDecides,
}

/// What a connector says of one kind of entitlement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntitlementKind {
    /// The kind: `group`.
    pub name: String,
    /// The functions that work on it.
    pub operations: BTreeSet<Function>,
    /// By what its grants can be listed.
    pub grant_scopes: BTreeSet<GrantScope>,
    /// Which containers go together.
    pub container_rule: ContainerRule,
    /// How long a change may take to be seen, in milliseconds.
    pub read_after_write_lag_ms: u32,
    /// Most items on a page.
    pub page_max: u32,
}

impl EntitlementKind {
    /// Whether a function works on entitlements of this kind.
    pub fn can(&self, function: Function) -> bool {
        self.operations.contains(&function)
    }

    /// Whether it can be read who has which entitlement of this kind, in whichever way.
    pub fn lists_grants(&self) -> bool {
        self.can(Function::ListGrants) && !self.grant_scopes.is_empty()
    }
}

/// A setting that a connector knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingSpec {
    /// Its name.
    pub key: String,
    /// What it means.
    pub description: String,
    /// Whether it must be given.
    pub is_required: bool,
}

/// A secret that a connector asks for. It only ever learns the slot's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretSlot {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Schemes that it may be configured with: `bearer`, `basic`, ...
    pub schemes: Vec<String>,
    /// Whether it must be configured.
    pub is_required: bool,
}

/// What a connector says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The connector's name: `scim`.
    pub name: String,
    /// The connector's version.
    pub version: String,
    /// Who wrote it.
    pub vendor: String,
    /// The contract version it was written for.
    pub contract: String,
    /// The app it speaks to.
    pub app: String,
    /// The contract's interfaces that it really implements: `accounts`, `grants`, ...
    pub capabilities: BTreeSet<String>,
    /// Kinds of account.
    pub account_kinds: Vec<AccountKind>,
    /// Kinds of entitlement.
    pub entitlement_kinds: Vec<EntitlementKind>,
    /// Hosts that it will ask for.
    pub hosts: Vec<String>,
    /// Secrets that it will ask for.
    pub secret_slots: Vec<SecretSlot>,
    /// Settings that it knows.
    pub settings: Vec<SettingSpec>,
    /// Rate limits of the app: (bucket, requests per minute).
    pub rate_buckets: Vec<(String, u32)>,
    /// Versions whose cursors it takes over.
    pub accepts_cursors_from: Vec<String>,
}

impl Descriptor {
    /// The same for a target at which these settings are given: what they stand for can be done.
    #[must_use]
    pub fn with_settings(mut self, is_given: impl Fn(&str) -> bool) -> Self {
        for kind in &mut self.account_kinds {
            kind.needed_settings
                .retain(|(_, setting)| !is_given(setting));
        }
        self
    }

    /// The kind of people's accounts: `user`, else the first.
    pub fn people(&self) -> Option<&AccountKind> {
        self.account_kinds
            .iter()
            .find(|kind| kind.name == "user")
            .or_else(|| self.account_kinds.first())
    }

    /// Whether the connector says it can do this with people's accounts.
    pub fn can(&self, function: Function) -> bool {
        self.people().is_some_and(|kind| kind.can(function))
    }

    /// A kind of account by its name.
    pub fn account_kind(&self, name: &str) -> Option<&AccountKind> {
        self.account_kinds.iter().find(|kind| kind.name == name)
    }

    /// A kind of entitlement by its name.
    pub fn entitlement_kind(&self, name: &str) -> Option<&EntitlementKind> {
        self.entitlement_kinds.iter().find(|kind| kind.name == name)
    }
}
