//! What a connector says about itself: [`Descriptor`], with its kinds, settings, secrets and rate limits.
//!
//! Two things an author does not write down, so that they cannot be wrong: the capabilities, which are the
//! traits named in [`export!`](crate::export), and the functions of a kind, which follow from them, less those
//! it is said to be [`without`](AccountKind::without). What a kind is without, the SDK refuses by itself.

use crate::account::AccountState;
use crate::object::Extras;

/// The contract that this SDK speaks.
pub const CONTRACT: &str = "0.1.0";

/// A group of functions that a connector implements: one trait each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Capability {
    /// [`Accounts`](crate::Accounts).
    Accounts,
    /// [`Entitlements`](crate::Entitlements).
    Entitlements,
    /// [`Grants`](crate::Grants).
    Grants,
    /// [`Credentials`](crate::Credentials).
    Credentials,
    /// [`Rotation`](crate::Rotation): the part of `credentials` that issues them anew.
    Rotation,
    /// [`Ownership`](crate::Ownership).
    Ownership,
    /// [`Changes`](crate::Changes).
    Changes,
    /// [`Pending`](crate::Pending).
    Pending,
    /// [`Events`](crate::Events).
    Events,
}

impl Capability {
    /// The interface of the contract.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Entitlements => "entitlements",
            Self::Grants => "grants",
            Self::Credentials | Self::Rotation => "credentials",
            Self::Ownership => "ownership",
            Self::Changes => "changes",
            Self::Pending => "pending",
            Self::Events => "events",
        }
    }
}

/// A function of the contract that works on a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "each is the function of the contract with this name"
)]
pub enum Function {
    ListAccounts,
    GetAccount,
    FindAccounts,
    EnsureAccount,
    EnsureState,
    EnsureAbsent,
    ListEntitlements,
    ListGrants,
    EnsureGranted,
    EnsureRevoked,
    ListCredentials,
    EndSessions,
    RevokeCredentials,
    RotateCredential,
    TransferOwned,
}

impl Function {
    const ON_ACCOUNTS: [Self; 11] = [
        Self::ListAccounts,
        Self::GetAccount,
        Self::FindAccounts,
        Self::EnsureAccount,
        Self::EnsureState,
        Self::EnsureAbsent,
        Self::ListCredentials,
        Self::EndSessions,
        Self::RevokeCredentials,
        Self::RotateCredential,
        Self::TransferOwned,
    ];
    const ON_ENTITLEMENTS: [Self; 4] = [
        Self::ListEntitlements,
        Self::ListGrants,
        Self::EnsureGranted,
        Self::EnsureRevoked,
    ];

    /// The name of the function.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListAccounts => "list-accounts",
            Self::GetAccount => "get-account",
            Self::FindAccounts => "find-accounts",
            Self::EnsureAccount => "ensure-account",
            Self::EnsureState => "ensure-state",
            Self::EnsureAbsent => "ensure-absent",
            Self::ListEntitlements => "list-entitlements",
            Self::ListGrants => "list-grants",
            Self::EnsureGranted => "ensure-granted",
            Self::EnsureRevoked => "ensure-revoked",
            Self::ListCredentials => "list-credentials",
            Self::EndSessions => "end-sessions",
            Self::RevokeCredentials => "revoke-credentials",
            Self::RotateCredential => "rotate-credential",
            Self::TransferOwned => "transfer-owned",
        }
    }

    fn capability(self) -> Capability {
        match self {
            Self::ListAccounts
            | Self::GetAccount
            | Self::FindAccounts
            | Self::EnsureAccount
            | Self::EnsureState
            | Self::EnsureAbsent => Capability::Accounts,
            Self::ListEntitlements => Capability::Entitlements,
            Self::ListGrants | Self::EnsureGranted | Self::EnsureRevoked => Capability::Grants,
            Self::ListCredentials | Self::EndSessions | Self::RevokeCredentials => {
                Capability::Credentials
            }
            Self::RotateCredential => Capability::Rotation,
            Self::TransferOwned => Capability::Ownership,
        }
    }
}

/// Whether, and how, something is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Support {
    /// Not possible.
    #[default]
    None,
    /// The app does it in one step.
    Native,
    /// The connector does it in several steps.
    Emulated,
}

/// The rule for the containers of principal and entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ContainerRule {
    /// The app has one container.
    #[default]
    None,
    /// Both are in the same one; the host refuses other pairs.
    MustMatch,
    /// A principal of another container may be given it.
    EntitlementDecides,
}

impl ContainerRule {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::MustMatch => "must-match",
            Self::EntitlementDecides => "entitlement-decides",
        }
    }
}

/// A kind of account.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, as in the contract"
)]
pub struct AccountKind {
    /// The word in [`ObjectRef::kind`](crate::ObjectRef).
    pub name: String,
    /// For people.
    pub title: String,
    /// Which states `ensure_state` can bring about.
    pub states: Vec<AccountState>,
    /// Which keys `find_accounts` understands, strongest first.
    pub match_keys: Vec<String>,
    /// Which credentials can be listed or revoked.
    pub credential_categories: Vec<String>,
    /// Which permission each function needs: (function, permission).
    pub required_permissions: Vec<(String, String)>,
    /// Attributes that are fixed at creation.
    pub immutable_attributes: Vec<String>,
    /// Creating an account that cannot be used yet.
    pub create_suspended: Support,
    /// Writes are checked against the revision.
    pub revision_checked: bool,
    /// How long after a write a read may show the old state, in milliseconds.
    pub read_after_write_lag_ms: u32,
    /// How long a deleted account can be brought back, in milliseconds.
    pub delete_recoverable_ms: Option<u32>,
    /// The app may give the id of a deleted account to another one.
    pub id_reused_after_delete: bool,
    /// An account that is switched on again has its grants still.
    pub reactivation_keeps_grants: bool,
    /// `Account::last_seen` is filled in.
    pub reports_last_seen: bool,
    /// The largest page of a listing.
    pub max_page: u32,
    /// Attributes that need no asking: the answer to `discover` where the connector does not ask the app.
    pub attributes: Vec<AttributeSpec>,
    /// See [`Extras`].
    pub extra: Extras,
    pub(crate) without: Vec<Function>,
}

impl AccountKind {
    /// A kind of account in pages of 100 of which nothing else is known.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            states: Vec::new(),
            match_keys: Vec::new(),
            credential_categories: Vec::new(),
            required_permissions: Vec::new(),
            immutable_attributes: Vec::new(),
            create_suspended: Support::None,
            revision_checked: false,
            read_after_write_lag_ms: 0,
            delete_recoverable_ms: None,
            id_reused_after_delete: false,
            reactivation_keeps_grants: true,
            reports_last_seen: false,
            max_page: 100,
            attributes: Vec::new(),
            extra: Vec::new(),
            without: Vec::new(),
        }
    }

    /// `ensure_state` can bring these about.
    #[must_use]
    pub fn states(mut self, states: impl IntoIterator<Item = AccountState>) -> Self {
        self.states.extend(states);
        self
    }

    /// `find_accounts` understands this key; the strongest is said first.
    #[must_use]
    pub fn match_key(mut self, key: impl Into<String>) -> Self {
        self.match_keys.push(key.into());
        self
    }

    /// Accounts have this attribute.
    #[must_use]
    pub fn attribute(mut self, spec: AttributeSpec) -> Self {
        self.attributes.push(spec);
        self
    }

    /// This function does not exist for this kind: the host does not call it.
    #[must_use]
    pub fn without(mut self, function: Function) -> Self {
        self.without.push(function);
        self
    }

    /// This function does nothing unless this setting is given. `muster check` says so, instead of a finding on
    /// the day on which somebody leaves.
    #[must_use]
    pub fn needs_setting(mut self, function: Function, setting: &str) -> Self {
        let name = format!("needs-setting:{}", function.as_str());
        self.extra.push((name, setting.to_owned()));
        self
    }

    /// What works on it with these capabilities.
    pub fn operations(&self, capabilities: &[Capability]) -> Vec<Function> {
        operations(&Function::ON_ACCOUNTS, &self.without, capabilities)
    }
}

/// A kind of entitlement.
#[derive(Debug, Clone, PartialEq)]
pub struct EntitlementKind {
    /// The word in [`ObjectRef::kind`](crate::ObjectRef).
    pub name: String,
    /// For people.
    pub title: String,
    /// What its entitlements are.
    pub category: crate::EntitlementCategory,
    /// By what grants can be listed: `of-kind`, `of-entitlement`, `of-principal`.
    pub grant_scopes: Vec<String>,
    /// The rule for containers.
    pub container_rule: ContainerRule,
    /// Which permission each function needs: (function, permission).
    pub required_permissions: Vec<(String, String)>,
    /// The app itself takes a grant away at its expiry.
    pub native_expiry: bool,
    /// How long after a write a read may show the old state, in milliseconds.
    pub read_after_write_lag_ms: u32,
    /// The largest page of a listing.
    pub max_page: u32,
    /// See [`Extras`].
    pub extra: Extras,
    pub(crate) without: Vec<Function>,
}

impl EntitlementKind {
    /// A kind of entitlement in pages of 100 whose grants are listed by entitlement.
    pub fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        category: crate::EntitlementCategory,
    ) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            category,
            grant_scopes: vec!["of-entitlement".to_owned()],
            container_rule: ContainerRule::None,
            required_permissions: Vec::new(),
            native_expiry: false,
            read_after_write_lag_ms: 0,
            max_page: 100,
            extra: Vec::new(),
            without: Vec::new(),
        }
    }

    /// Grants can be listed by these: `of-kind`, `of-entitlement`, `of-principal`.
    #[must_use]
    pub fn grant_scopes(mut self, scopes: &[&str]) -> Self {
        self.grant_scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self
    }

    /// With this rule for containers.
    #[must_use]
    pub fn containers(mut self, rule: ContainerRule) -> Self {
        self.container_rule = rule;
        self
    }

    /// This function does not exist for this kind: the host does not call it.
    #[must_use]
    pub fn without(mut self, function: Function) -> Self {
        self.without.push(function);
        self
    }

    /// What works on it with these capabilities.
    pub fn operations(&self, capabilities: &[Capability]) -> Vec<Function> {
        operations(&Function::ON_ENTITLEMENTS, &self.without, capabilities)
    }
}

fn operations(of: &[Function], without: &[Function], capabilities: &[Capability]) -> Vec<Function> {
    let possible = of
        .iter()
        .filter(|function| capabilities.contains(&function.capability()));
    possible
        .filter(|function| !without.contains(function))
        .copied()
        .collect()
}

/// What the app's feed of changes is worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeFeed {
    /// How long a token can be used, in milliseconds; `None`: not known.
    pub token_survives_ms: Option<u32>,
    /// Removals are in the feed.
    pub removals: bool,
    /// How long after a change it appears, in milliseconds.
    pub lag_ms: u32,
    /// See [`Extras`].
    pub extra: Extras,
}

/// A setting that IT fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its dotted name.
    pub key: String,
    /// For people.
    pub title: String,
    /// For people, with an example.
    pub description: String,
    /// `text`, `url`, `boolean`, `number`, `duration-ms`.
    pub value_type: String,
    /// There must be a value.
    pub required: bool,
    /// What holds without one.
    pub default_value: Option<String>,
    /// The allowed values; empty: any.
    pub choices: Vec<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Setting {
    fn new(key: &str, description: &str, value_type: &str) -> Self {
        Self {
            key: key.to_owned(),
            title: key.to_owned(),
            description: description.to_owned(),
            value_type: value_type.to_owned(),
            required: false,
            default_value: None,
            choices: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// A setting of this type (`text`, `url`, `boolean`, `number`, `duration-ms`) that must have a value.
    pub fn required(key: &str, value_type: &str, description: &str) -> Self {
        Self {
            required: true,
            ..Self::new(key, description, value_type)
        }
    }

    /// A setting of this type that may be left out.
    pub fn optional(key: &str, value_type: &str, description: &str) -> Self {
        Self::new(key, description, value_type)
    }

    /// A setting of this type that has this value if IT says nothing.
    pub fn with_default(key: &str, value_type: &str, default: &str, description: &str) -> Self {
        Self {
            default_value: Some(default.to_owned()),
            ..Self::new(key, description, value_type)
        }
    }

    /// Only these values.
    #[must_use]
    pub fn choices(mut self, choices: &[&str]) -> Self {
        self.choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        self
    }
}

/// A place for a secret, which IT fills and the host keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSlot {
    /// Its name.
    pub name: String,
    /// For people: what to get from the app, and where.
    pub description: String,
    /// Schemes that the app takes: `bearer`, `basic`, `header`, `oauth2-client-credentials`, `jwt-bearer`; `value`
    /// and `signing-key` for placeholders and signatures.
    pub schemes: Vec<String>,
    /// The target does not work without it.
    pub required: bool,
    /// Defaults for IT: `header-name`, `token-url`, `scopes`, `audience`.
    pub extra: Extras,
}

impl SecretSlot {
    /// A secret that must be there, for one of these schemes.
    pub fn required(name: &str, schemes: &[&str], description: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            schemes: schemes.iter().map(|scheme| (*scheme).to_owned()).collect(),
            required: true,
            extra: Vec::new(),
        }
    }

    /// A secret that may be left out.
    pub fn optional(name: &str, schemes: &[&str], description: &str) -> Self {
        Self {
            required: false,
            ..Self::required(name, schemes, description)
        }
    }

    /// A default for IT: `token-url`, `scopes`, ...
    #[must_use]
    pub fn default(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A rate limit of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateBucket {
    /// Its name.
    pub name: String,
    /// Requests in a minute.
    pub per_minute: u32,
    /// See [`Extras`].
    pub extra: Extras,
}

/// An attribute that accounts of a kind can have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, as in the contract"
)]
pub struct AttributeSpec {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// `text`, `boolean`, `number`, `instant`, `day`, `binary`, `pointer`.
    pub value_type: String,
    /// An account cannot be created without it.
    pub required: bool,
    /// It can have more than one value.
    pub multiple: bool,
    /// It can be set at creation.
    pub creatable: bool,
    /// It can be changed later.
    pub updatable: bool,
    /// It can be read.
    pub readable: bool,
    /// It comes with a listing.
    pub returned_by_default: bool,
    /// `a` and `A` are different values.
    pub case_exact: bool,
    /// It says something about a person.
    pub personal: bool,
    /// The allowed values; empty: any.
    pub choices: Vec<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl AttributeSpec {
    /// An optional attribute of this type with one value that can be read and written and comes with a listing.
    pub fn new(name: &str, value_type: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            value_type: value_type.to_owned(),
            required: false,
            multiple: false,
            creatable: true,
            updatable: true,
            readable: true,
            returned_by_default: true,
            case_exact: true,
            personal: false,
            choices: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// An optional text.
    pub fn text(name: &str) -> Self {
        Self::new(name, "text")
    }

    /// An account cannot be created without it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// It can have more than one value.
    #[must_use]
    pub fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// It is fixed at creation.
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.updatable = false;
        self
    }

    /// The app sets it; it cannot be written.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.creatable = false;
        self.updatable = false;
        self
    }

    /// It says something about a person.
    #[must_use]
    pub fn personal(mut self) -> Self {
        self.personal = true;
        self
    }
}

/// What a connector says about itself. Makes no request; the same in every call.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    /// The connector's name: lower case letters, digits, dashes.
    pub name: String,
    /// Its version, semver.
    pub version: String,
    /// Who makes it.
    pub vendor: String,
    /// The app, for people.
    pub app: String,
    /// Kinds of account.
    pub account_kinds: Vec<AccountKind>,
    /// Kinds of entitlement.
    pub entitlement_kinds: Vec<EntitlementKind>,
    /// The feed of changes.
    pub change_feed: Option<ChangeFeed>,
    /// Servers that it must reach: `api.example.com`, `*.example.com`, `{setting}`.
    pub hosts: Vec<String>,
    /// Secrets that it uses.
    pub secret_slots: Vec<SecretSlot>,
    /// Rate limits that the host keeps to.
    pub rate_buckets: Vec<RateBucket>,
    /// Settings that it reads.
    pub settings: Vec<Setting>,
    /// Older versions whose cursors and tokens it understands, as semver requirements.
    pub accepts_cursors_from: Vec<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Descriptor {
    /// A connector by name, version (`env!("CARGO_PKG_VERSION")`) and app.
    pub fn new(name: &str, version: &str, app: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            vendor: String::new(),
            app: app.to_owned(),
            account_kinds: Vec::new(),
            entitlement_kinds: Vec::new(),
            change_feed: None,
            hosts: Vec::new(),
            secret_slots: Vec::new(),
            rate_buckets: Vec::new(),
            settings: Vec::new(),
            accepts_cursors_from: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Made by them.
    #[must_use]
    pub fn vendor(mut self, vendor: &str) -> Self {
        vendor.clone_into(&mut self.vendor);
        self
    }

    /// With this kind of account.
    #[must_use]
    pub fn accounts(mut self, kind: AccountKind) -> Self {
        self.account_kinds.push(kind);
        self
    }

    /// With this kind of entitlement.
    #[must_use]
    pub fn entitlements(mut self, kind: EntitlementKind) -> Self {
        self.entitlement_kinds.push(kind);
        self
    }

    /// With this feed of changes.
    #[must_use]
    pub fn feed(mut self, feed: ChangeFeed) -> Self {
        self.change_feed = Some(feed);
        self
    }

    /// It must reach this server: `api.example.com`, `*.example.com`, `{setting}`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.hosts.push(host.to_owned());
        self
    }

    /// It uses this secret.
    #[must_use]
    pub fn secret(mut self, slot: SecretSlot) -> Self {
        self.secret_slots.push(slot);
        self
    }

    /// It reads this setting.
    #[must_use]
    pub fn setting(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }

    /// The app allows that many requests of this bucket in a minute.
    #[must_use]
    pub fn rate(mut self, bucket: &str, per_minute: u32) -> Self {
        self.rate_buckets.push(RateBucket {
            name: bucket.to_owned(),
            per_minute,
            extra: Vec::new(),
        });
        self
    }

    /// The kind of account of this name.
    pub fn account_kind(&self, name: &str) -> Option<&AccountKind> {
        self.account_kinds.iter().find(|kind| kind.name == name)
    }

    /// The kind of entitlement of this name.
    pub fn entitlement_kind(&self, name: &str) -> Option<&EntitlementKind> {
        self.entitlement_kinds.iter().find(|kind| kind.name == name)
    }
}

/// A permission that is missing at the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPermission {
    /// The kind of account or entitlement; `None`: all.
    pub kind: Option<String>,
    /// The function that will not work.
    pub operation: Function,
    /// What it needs, in the app's words.
    pub permission: String,
    /// See [`Extras`].
    pub extra: Extras,
}

/// What a try-out of the target showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeReport {
    /// Permissions that are missing. Empty: all there.
    pub missing: Vec<MissingPermission>,
    /// As whom the app sees the host, for people.
    pub signed_in_as: Option<String>,
    /// Version or edition of the app.
    pub app_version: Option<String>,
    /// See [`Extras`].
    pub extra: Extras,
}
