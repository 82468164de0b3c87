//! To the boundary: what a connector answers, in the contract's types.

use crate::account::{Account, AccountState, Attribute, Completeness};
use crate::change::{Change, ChangePage, Changed, Translation};
use crate::describe::{
    AccountKind, AttributeSpec, CONTRACT, Capability, Descriptor, EntitlementKind, Function,
    MissingPermission, ProbeReport, Support,
};
use crate::entitlement::{
    Credential, Entitlement, Grant, Rotated, SeatFacts, UnreachedCredentials,
};
use crate::object::{ObjectRef, Scalar};
use crate::outcome::{Outcome, OutcomeKind, SideEffect};
use crate::page::Page;
use crate::problem::{FieldFault, GuardRefusal, MissingPermissions, Problem, RetryHint};
use crate::time::Instant;
use crate::wasm::bindings::exports::muster::connector::{
    accounts, changes, credentials, entitlements, events, grants, meta,
};
use crate::wasm::bindings::muster::connector::types as wit;

/// Each of them.
pub(super) fn all<T, W: From<T>>(from: Vec<T>) -> Vec<W> {
    from.into_iter().map(W::from).collect()
}

fn instant(at: Option<Instant>) -> Option<String> {
    at.map(|at| at.as_str().to_owned())
}

impl From<ObjectRef> for wit::ObjectRef {
    fn from(from: ObjectRef) -> Self {
        let ObjectRef {
            kind,
            container,
            id,
            revision,
            name_hint,
            extra,
        } = from;
        Self {
            kind,
            container,
            id,
            revision,
            name_hint,
            extra,
        }
    }
}

impl From<Scalar> for wit::Scalar {
    fn from(from: Scalar) -> Self {
        match from {
            Scalar::Text(text) => Self::Text(text),
            Scalar::Boolean(value) => Self::Boolean(value),
            Scalar::Number(value) => Self::Number(value),
            Scalar::Instant(at) => Self::Instant(at.as_str().to_owned()),
            Scalar::Day(day) => Self::Day(day),
            Scalar::Binary(bytes) => Self::Binary(bytes),
            Scalar::Pointer(object) => Self::Pointer(object.into()),
        }
    }
}

impl From<Attribute> for wit::Attribute {
    fn from(from: Attribute) -> Self {
        let Attribute {
            name,
            values,
            completeness,
            extra,
        } = from;
        let completeness = match completeness {
            Completeness::Whole => wit::Completeness::Whole,
            Completeness::Partial => wit::Completeness::Partial,
            Completeness::Unavailable => wit::Completeness::Unavailable,
        };
        Self {
            name,
            values: all(values),
            completeness,
            extra,
        }
    }
}

impl From<AccountState> for wit::AccountState {
    fn from(from: AccountState) -> Self {
        match from {
            AccountState::Active => Self::Active,
            AccountState::Suspended => Self::Suspended,
            AccountState::Locked => Self::Locked,
            AccountState::Invited => Self::Invited,
            AccountState::Deactivated => Self::Deactivated,
            AccountState::Deleted => Self::Deleted,
        }
    }
}

impl From<Account> for wit::Account {
    fn from(from: Account) -> Self {
        Self {
            key: from.key.into(),
            state: from.state.into(),
            principal_class: from.principal_class.as_str().to_owned(),
            correlation_keys: from.correlation_keys,
            attributes: all(from.attributes),
            created: instant(from.created),
            last_seen: instant(from.last_seen),
            last_seen_source: from.last_seen_source,
            mfa_enrolled: from.mfa_enrolled,
            privileged: from.privileged,
            owners: all(from.owners),
            protected_reason: from.protected_reason,
            extra: from.extra,
        }
    }
}

impl From<SeatFacts> for wit::SeatFacts {
    fn from(from: SeatFacts) -> Self {
        let SeatFacts {
            sku,
            purchased,
            consumed,
            unit_cost_minor,
            currency,
            period,
            extra,
        } = from;
        Self {
            sku,
            purchased,
            consumed,
            unit_cost_minor,
            currency,
            period,
            extra,
        }
    }
}

impl From<Entitlement> for wit::Entitlement {
    fn from(from: Entitlement) -> Self {
        Self {
            key: from.key.into(),
            category: from.category.as_str().to_owned(),
            title: from.title,
            description: from.description,
            risk: from.risk,
            exclusion_group: from.exclusion_group,
            exclusion_default: from.exclusion_default,
            requires: all(from.requires),
            grantable_to: from.grantable_to,
            seats: from.seats.map(Into::into),
            grantable: from.grantable,
            revocable: from.revocable,
            extra: from.extra,
        }
    }
}

impl From<Grant> for wit::Grant {
    fn from(from: Grant) -> Self {
        Self {
            principal: from.principal.into(),
            entitlement: from.entitlement.into(),
            direct: from.direct,
            via: all(from.via),
            immutable_reason: from.immutable_reason,
            expires: instant(from.expires),
            granted: instant(from.granted),
            last_used: instant(from.last_used),
            extra: from.extra,
        }
    }
}

impl From<Credential> for wit::Credential {
    fn from(from: Credential) -> Self {
        Self {
            key: from.key.into(),
            category: from.category,
            owner: from.owner.into(),
            created: instant(from.created),
            last_used: instant(from.last_used),
            expires: instant(from.expires),
            scopes: from.scopes,
            extra: from.extra,
        }
    }
}

impl From<Rotated> for credentials::Rotated {
    fn from(from: Rotated) -> Self {
        let Rotated {
            credential,
            sealed,
            effects,
            extra,
        } = from;
        Self {
            credential: credential.into(),
            sealed,
            effects: all(effects),
            extra,
        }
    }
}

impl From<UnreachedCredentials> for wit::UnreachedCredentials {
    fn from(from: UnreachedCredentials) -> Self {
        let UnreachedCredentials {
            category,
            count,
            until,
            reason,
            extra,
        } = from;
        Self {
            category,
            count,
            until: instant(until),
            reason,
            extra,
        }
    }
}

impl From<SideEffect> for wit::SideEffect {
    fn from(from: SideEffect) -> Self {
        match from {
            SideEffect::AccountChanged(account) => Self::AccountChanged(account.into()),
            SideEffect::GrantAdded(grant) => Self::GrantAdded(grant.into()),
            SideEffect::GrantRemoved(grant) => Self::GrantRemoved(grant.into()),
            SideEffect::ObjectRemoved(object) => Self::ObjectRemoved(object.into()),
            SideEffect::SeatConsumed(object) => Self::SeatConsumed(object.into()),
            SideEffect::SeatReleased(object) => Self::SeatReleased(object.into()),
            SideEffect::CredentialEnded(credential) => Self::CredentialEnded(credential.into()),
            SideEffect::CredentialsUnreached(what) => Self::CredentialsUnreached(what.into()),
            SideEffect::Noted(text) => Self::Noted(text),
        }
    }
}

impl From<Outcome> for wit::Outcome {
    fn from(from: Outcome) -> Self {
        let kind = match from.kind {
            OutcomeKind::Done => wit::OutcomeKind::Done,
            OutcomeKind::Already => wit::OutcomeKind::Already,
            OutcomeKind::Adopted => wit::OutcomeKind::Adopted,
            OutcomeKind::Pending => wit::OutcomeKind::Pending,
            OutcomeKind::NeedsHuman => wit::OutcomeKind::NeedsHuman,
        };
        Self {
            kind,
            account: from.account.map(Into::into),
            effects: all(from.effects),
            poll: from.poll,
            poll_after_ms: from.poll_after_ms,
            expires: instant(from.expires),
            instructions: from.instructions,
            evidence: from.evidence,
            extra: from.extra,
        }
    }
}

impl From<RetryHint> for wit::RetryHint {
    fn from(from: RetryHint) -> Self {
        let RetryHint {
            after_ms,
            bucket,
            message,
            extra,
        } = from;
        Self {
            after_ms,
            bucket,
            message,
            extra,
        }
    }
}

impl From<FieldFault> for wit::FieldFault {
    fn from(from: FieldFault) -> Self {
        let FieldFault {
            field,
            rule,
            message,
            extra,
        } = from;
        Self {
            field,
            rule,
            message,
            extra,
        }
    }
}

impl From<Problem> for wit::Problem {
    fn from(from: Problem) -> Self {
        match from {
            Problem::Transient(hint) => Self::Transient(hint.into()),
            Problem::RateLimited(hint) => Self::RateLimited(hint.into()),
            Problem::OutcomeUnknown(text) => Self::OutcomeUnknown(text),
            Problem::CursorExpired => Self::CursorExpired,
            Problem::TokenExpired => Self::TokenExpired,
            Problem::Unauthenticated(text) => Self::Unauthenticated(text),
            Problem::Forbidden(MissingPermissions {
                missing,
                message,
                extra,
            }) => Self::Forbidden(wit::MissingPermissions {
                missing,
                message,
                extra,
            }),
            Problem::NotFound(object) => Self::NotFound((*object).into()),
            Problem::Conflict(object) => Self::Conflict(object.map(|object| (*object).into())),
            Problem::Stale(revision) => Self::Stale(revision),
            Problem::Invalid(faults) => Self::Invalid(all(faults)),
            Problem::NoCapacity(seats) => Self::NoCapacity(seats.map(|seats| (*seats).into())),
            Problem::Guarded(GuardRefusal {
                guard,
                message,
                extra,
            }) => Self::Guarded(wit::GuardRefusal {
                guard,
                message,
                extra,
            }),
            Problem::Unsupported(text) => Self::Unsupported(text),
            Problem::RemoteDefect(text) => Self::RemoteDefect(text),
            Problem::PluginDefect(text) => Self::PluginDefect(text),
        }
    }
}

/// The items of a page and its end.
fn page<T, W: From<T>>(page: Page<T>) -> (Vec<W>, wit::PageEnd) {
    let end = wit::PageEnd {
        next: page.next().map(str::to_owned),
        last: page.is_last(),
        whole: page.is_whole(),
        skipped: page.skipped().to_vec(),
        estimated_total: page.estimated_total(),
        extra: page.extra.clone(),
    };
    (all(page.into_items()), end)
}

impl From<Page<Account>> for accounts::AccountPage {
    fn from(from: Page<Account>) -> Self {
        let (items, end) = page(from);
        Self {
            items,
            end,
            extra: Vec::new(),
        }
    }
}

impl From<Page<Entitlement>> for entitlements::EntitlementPage {
    fn from(from: Page<Entitlement>) -> Self {
        let (items, end) = page(from);
        Self {
            items,
            end,
            extra: Vec::new(),
        }
    }
}

impl From<Page<Grant>> for grants::GrantPage {
    fn from(from: Page<Grant>) -> Self {
        let (items, end) = page(from);
        Self {
            items,
            end,
            extra: Vec::new(),
        }
    }
}

impl From<Page<Credential>> for credentials::CredentialPage {
    fn from(from: Page<Credential>) -> Self {
        let (items, end) = page(from);
        Self {
            items,
            end,
            extra: Vec::new(),
        }
    }
}

impl From<Changed> for wit::Changed {
    fn from(from: Changed) -> Self {
        match from {
            Changed::Account(account) => Self::Account(account.into()),
            Changed::Entitlement(entitlement) => Self::Entitlement(entitlement.into()),
            Changed::Grant(grant) => Self::Grant(grant.into()),
            Changed::ObjectRemoved(object) => Self::ObjectRemoved(object.into()),
            Changed::GrantRemoved(grant) => Self::GrantRemoved(grant.into()),
            Changed::LookAgain(object) => Self::LookAgain(object.into()),
        }
    }
}

impl From<Change> for changes::Change {
    fn from(from: Change) -> Self {
        Self {
            token: from.token,
            changed: from.changed.into(),
            extra: from.extra,
        }
    }
}

impl From<ChangePage> for changes::ChangePage {
    fn from(from: ChangePage) -> Self {
        let ChangePage {
            items,
            token,
            more,
            extra,
        } = from;
        Self {
            items: all(items),
            token,
            more,
            extra,
        }
    }
}

impl From<Translation> for events::Translation {
    fn from(from: Translation) -> Self {
        let Translation {
            changes,
            reply,
            extra,
        } = from;
        Self {
            changes: all(changes),
            reply,
            extra,
        }
    }
}

fn support(from: Support) -> meta::Support {
    match from {
        Support::None => meta::Support::None,
        Support::Native => meta::Support::Native,
        Support::Emulated => meta::Support::Emulated,
    }
}

fn names(functions: Vec<Function>) -> Vec<String> {
    functions
        .into_iter()
        .map(|function| function.as_str().to_owned())
        .collect()
}

fn account_kind(from: AccountKind, capabilities: &[Capability]) -> meta::AccountKind {
    meta::AccountKind {
        operations: names(from.operations(capabilities)),
        name: from.name,
        title: from.title,
        states: all(from.states),
        match_keys: from.match_keys,
        credential_categories: from.credential_categories,
        required_permissions: from.required_permissions,
        immutable_attributes: from.immutable_attributes,
        create_suspended: support(from.create_suspended),
        revision_checked: from.revision_checked,
        read_after_write_lag_ms: from.read_after_write_lag_ms,
        delete_recoverable_ms: from.delete_recoverable_ms,
        id_reused_after_delete: from.id_reused_after_delete,
        reactivation_keeps_grants: from.reactivation_keeps_grants,
        reports_last_seen: from.reports_last_seen,
        max_page: from.max_page,
        extra: from.extra,
    }
}

fn entitlement_kind(from: EntitlementKind, capabilities: &[Capability]) -> meta::EntitlementKind {
    meta::EntitlementKind {
        operations: names(from.operations(capabilities)),
        name: from.name,
        title: from.title,
        category: from.category.as_str().to_owned(),
        grant_scopes: from.grant_scopes,
        container_rule: from.container_rule.as_str().to_owned(),
        required_permissions: from.required_permissions,
        native_expiry: from.native_expiry,
        read_after_write_lag_ms: from.read_after_write_lag_ms,
        max_page: from.max_page,
        extra: from.extra,
    }
}

impl From<crate::describe::SecretSlot> for meta::SecretSlot {
    fn from(from: crate::describe::SecretSlot) -> Self {
        let crate::describe::SecretSlot {
            name,
            description,
            schemes,
            required,
            extra,
        } = from;
        Self {
            name,
            description,
            schemes,
            required,
            extra,
        }
    }
}

impl From<crate::describe::RateBucket> for meta::RateBucket {
    fn from(from: crate::describe::RateBucket) -> Self {
        Self {
            name: from.name,
            per_minute: from.per_minute,
            extra: from.extra,
        }
    }
}

impl From<crate::describe::Setting> for meta::Setting {
    fn from(from: crate::describe::Setting) -> Self {
        Self {
            key: from.key,
            title: from.title,
            description: from.description,
            value_type: from.value_type,
            required: from.required,
            default_value: from.default_value,
            choices: from.choices,
            extra: from.extra,
        }
    }
}

/// What the author wrote, with what follows from the traits that were named.
pub(super) fn descriptor(from: Descriptor, capabilities: &[Capability]) -> meta::Descriptor {
    let mut interfaces: Vec<_> = capabilities
        .iter()
        .map(|capability| capability.interface().to_owned())
        .collect();
    interfaces.dedup();
    let account_kinds = from.account_kinds.into_iter();
    let entitlement_kinds = from.entitlement_kinds.into_iter();
    meta::Descriptor {
        name: from.name,
        version: from.version,
        vendor: from.vendor,
        contract: CONTRACT.to_owned(),
        app: from.app,
        capabilities: interfaces,
        account_kinds: account_kinds
            .map(|kind| account_kind(kind, capabilities))
            .collect(),
        entitlement_kinds: entitlement_kinds
            .map(|kind| entitlement_kind(kind, capabilities))
            .collect(),
        change_feed: from.change_feed.map(|feed| meta::ChangeFeed {
            token_survives_ms: feed.token_survives_ms,
            removals: feed.removals,
            lag_ms: feed.lag_ms,
            extra: feed.extra,
        }),
        hosts: from.hosts,
        secret_slots: all(from.secret_slots),
        rate_buckets: all(from.rate_buckets),
        settings: all(from.settings),
        accepts_cursors_from: from.accepts_cursors_from,
        extra: from.extra,
    }
}

impl From<MissingPermission> for meta::MissingPermission {
    fn from(from: MissingPermission) -> Self {
        let MissingPermission {
            kind,
            operation,
            permission,
            extra,
        } = from;
        Self {
            kind,
            operation: operation.as_str().to_owned(),
            permission,
            extra,
        }
    }
}

impl From<ProbeReport> for meta::ProbeReport {
    fn from(from: ProbeReport) -> Self {
        let ProbeReport {
            missing,
            signed_in_as,
            app_version,
            extra,
        } = from;
        Self {
            missing: all(missing),
            signed_in_as,
            app_version,
            extra,
        }
    }
}

impl From<AttributeSpec> for meta::AttributeSpec {
    fn from(from: AttributeSpec) -> Self {
        Self {
            name: from.name,
            title: from.title,
            value_type: from.value_type,
            required: from.required,
            multiple: from.multiple,
            creatable: from.creatable,
            updatable: from.updatable,
            readable: from.readable,
            returned_by_default: from.returned_by_default,
            case_exact: from.case_exact,
            personal: from.personal,
            choices: from.choices,
            extra: from.extra,
        }
    }
}
