//! Layout 1 of what connectors showed: objects, values, accounts, entitlements, problems.

use muster_core::connector as core;
use serde::{Deserialize, Serialize};

use super::parts::{Bytes, Pairs};
use crate::codec::{Unreadable, instant, micros};

/// The app's key of an object.
#[derive(Serialize, Deserialize)]
pub(crate) struct ObjectRef<'a> {
    kind: &'a str,
    #[serde(borrow)]
    container: Option<&'a str>,
    id: &'a str,
    #[serde(borrow)]
    revision: Option<&'a str>,
    #[serde(borrow)]
    name_hint: Option<&'a str>,
}

impl<'a> ObjectRef<'a> {
    pub(crate) fn of(object: &'a core::ObjectRef) -> Self {
        ObjectRef {
            kind: &object.kind,
            container: object.container.as_deref(),
            id: &object.id,
            revision: object.revision.as_deref(),
            name_hint: object.name_hint.as_deref(),
        }
    }

    pub(crate) fn into_core(self) -> core::ObjectRef {
        core::ObjectRef {
            kind: self.kind.to_owned(),
            container: self.container.map(str::to_owned),
            id: self.id.to_owned(),
            revision: self.revision.map(str::to_owned),
            name_hint: self.name_hint.map(str::to_owned),
        }
    }
}

/// Key of an entitlement.
#[derive(Serialize, Deserialize)]
pub(crate) struct EntitlementKey<'a>(&'a str, #[serde(borrow)] Option<&'a str>, &'a str);

impl<'a> EntitlementKey<'a> {
    pub(crate) fn of(key: &'a core::EntitlementKey) -> Self {
        EntitlementKey(&key.kind, key.container.as_deref(), &key.id)
    }

    pub(crate) fn into_core(self) -> core::EntitlementKey {
        core::EntitlementKey {
            kind: self.0.to_owned(),
            container: self.1.map(str::to_owned),
            id: self.2.to_owned(),
        }
    }
}

/// The state of an account.
#[derive(Serialize, Deserialize)]
pub(crate) enum AccountState {
    #[serde(rename = "a")]
    Active,
    #[serde(rename = "s")]
    Suspended,
    #[serde(rename = "l")]
    Locked,
    #[serde(rename = "i")]
    Invited,
    #[serde(rename = "d")]
    Deactivated,
    #[serde(rename = "x")]
    Deleted,
}

impl AccountState {
    pub(crate) fn of(state: core::AccountState) -> Self {
        match state {
            core::AccountState::Active => AccountState::Active,
            core::AccountState::Suspended => AccountState::Suspended,
            core::AccountState::Locked => AccountState::Locked,
            core::AccountState::Invited => AccountState::Invited,
            core::AccountState::Deactivated => AccountState::Deactivated,
            core::AccountState::Deleted => AccountState::Deleted,
        }
    }

    pub(crate) fn into_core(self) -> core::AccountState {
        match self {
            AccountState::Active => core::AccountState::Active,
            AccountState::Suspended => core::AccountState::Suspended,
            AccountState::Locked => core::AccountState::Locked,
            AccountState::Invited => core::AccountState::Invited,
            AccountState::Deactivated => core::AccountState::Deactivated,
            AccountState::Deleted => core::AccountState::Deleted,
        }
    }
}

/// A value at an app.
#[derive(Serialize, Deserialize)]
pub(crate) enum Scalar<'a> {
    #[serde(rename = "t", borrow)]
    Text(&'a str),
    #[serde(rename = "b")]
    Boolean(bool),
    #[serde(rename = "n")]
    Number(f64),
    #[serde(rename = "d", borrow)]
    Day(&'a str),
    #[serde(rename = "i")]
    Instant(i64),
    #[serde(rename = "y", borrow)]
    Binary(Bytes<'a>),
    #[serde(rename = "p", borrow)]
    Pointer(ObjectRef<'a>),
}

impl<'a> Scalar<'a> {
    fn of(scalar: &'a core::Scalar) -> Self {
        match scalar {
            core::Scalar::Text(text) => Scalar::Text(text),
            core::Scalar::Boolean(is) => Scalar::Boolean(*is),
            core::Scalar::Number(number) => Scalar::Number(*number),
            core::Scalar::Day(day) => Scalar::Day(day),
            core::Scalar::Instant(at) => Scalar::Instant(micros(*at)),
            core::Scalar::Binary(bytes) => Scalar::Binary(Bytes(bytes)),
            core::Scalar::Pointer(object) => Scalar::Pointer(ObjectRef::of(object)),
        }
    }

    fn into_core(self) -> Result<core::Scalar, Unreadable> {
        Ok(match self {
            Scalar::Text(text) => core::Scalar::Text(text.to_owned()),
            Scalar::Boolean(is) => core::Scalar::Boolean(is),
            Scalar::Number(number) => core::Scalar::Number(number),
            Scalar::Day(day) => core::Scalar::Day(day.to_owned()),
            Scalar::Instant(at) => core::Scalar::Instant(instant(at)?),
            Scalar::Binary(bytes) => core::Scalar::Binary(bytes.0.to_vec()),
            Scalar::Pointer(object) => core::Scalar::Pointer(object.into_core()),
        })
    }
}

/// The values of one attribute.
pub(crate) fn scalars(values: &[core::Scalar]) -> Vec<Scalar<'_>> {
    values.iter().map(Scalar::of).collect()
}

/// The values of one attribute, back in the core's words.
pub(crate) fn scalars_into_core(values: Vec<Scalar<'_>>) -> Result<Vec<core::Scalar>, Unreadable> {
    values.into_iter().map(Scalar::into_core).collect()
}

/// Attribute values at an app.
#[derive(Serialize, Deserialize)]
pub(crate) struct Attributes<'a>(#[serde(borrow)] Pairs<&'a str, Vec<Scalar<'a>>>);

impl<'a> Attributes<'a> {
    pub(crate) fn of(attributes: &'a core::RemoteAttributes) -> Self {
        Attributes(Pairs(
            attributes
                .iter()
                .map(|(name, values)| (name.as_str(), scalars(values)))
                .collect(),
        ))
    }

    pub(crate) fn into_core(self) -> Result<core::RemoteAttributes, Unreadable> {
        let pairs = self.0.0.into_iter();
        pairs
            .map(|(name, values)| Ok((name.to_owned(), scalars_into_core(values)?)))
            .collect()
    }
}

/// An account as an app showed it.
#[derive(Serialize, Deserialize)]
pub(crate) struct RemoteAccount<'a> {
    #[serde(borrow)]
    object: ObjectRef<'a>,
    state: AccountState,
    #[serde(borrow)]
    keys: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    attributes: Attributes<'a>,
    #[serde(borrow)]
    protected_reason: Option<&'a str>,
}

impl<'a> RemoteAccount<'a> {
    pub(crate) fn of(account: &'a core::RemoteAccount) -> Self {
        RemoteAccount {
            object: ObjectRef::of(&account.object),
            state: AccountState::of(account.state),
            keys: text_pairs(&account.keys),
            attributes: Attributes::of(&account.attributes),
            protected_reason: account.protected_reason.as_deref(),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::RemoteAccount, Unreadable> {
        Ok(core::RemoteAccount {
            object: self.object.into_core(),
            state: self.state.into_core(),
            keys: text_pairs_into_core(self.keys),
            attributes: self.attributes.into_core()?,
            protected_reason: self.protected_reason.map(str::to_owned),
        })
    }
}

/// Pairs of texts whose order counts and which may repeat.
pub(crate) fn text_pairs(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(one, other)| (one.as_str(), other.as_str()))
        .collect()
}

/// Pairs of texts, back in the core's words.
pub(crate) fn text_pairs_into_core(pairs: Vec<(&str, &str)>) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|(one, other)| (one.to_owned(), other.to_owned()))
        .collect()
}

/// A right that an app can give.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entitlement<'a> {
    #[serde(borrow)]
    object: ObjectRef<'a>,
    class: &'a str,
    title: &'a str,
    #[serde(borrow)]
    exclusion_group: Option<&'a str>,
    #[serde(borrow)]
    requires: Vec<ObjectRef<'a>>,
    /// Article number, bought, used.
    #[serde(borrow)]
    seats: Option<(&'a str, Option<u32>, Option<u32>)>,
    is_grantable: bool,
    is_revocable: bool,
}

impl<'a> Entitlement<'a> {
    fn of(entitlement: &'a core::Entitlement) -> Self {
        Entitlement {
            object: ObjectRef::of(&entitlement.object),
            class: &entitlement.class,
            title: &entitlement.title,
            exclusion_group: entitlement.exclusion_group.as_deref(),
            requires: entitlement.requires.iter().map(ObjectRef::of).collect(),
            seats: entitlement
                .seats
                .as_ref()
                .map(|seats| (seats.sku.as_str(), seats.purchased, seats.consumed)),
            is_grantable: entitlement.is_grantable,
            is_revocable: entitlement.is_revocable,
        }
    }

    fn into_core(self) -> core::Entitlement {
        core::Entitlement {
            object: self.object.into_core(),
            class: self.class.to_owned(),
            title: self.title.to_owned(),
            exclusion_group: self.exclusion_group.map(str::to_owned),
            requires: self
                .requires
                .into_iter()
                .map(ObjectRef::into_core)
                .collect(),
            seats: self.seats.map(|(sku, purchased, consumed)| core::Seats {
                sku: sku.to_owned(),
                purchased,
                consumed,
            }),
            is_grantable: self.is_grantable,
            is_revocable: self.is_revocable,
        }
    }
}

/// What a target can give, and when that was read.
#[derive(Serialize, Deserialize)]
pub(crate) struct Catalogue<'a> {
    #[serde(borrow)]
    entitlements: Vec<Entitlement<'a>>,
    pub(crate) read_at: i64,
}

impl<'a> Catalogue<'a> {
    pub(crate) fn of(entitlements: &'a [core::Entitlement], read_at: i64) -> Self {
        Catalogue {
            entitlements: entitlements.iter().map(Entitlement::of).collect(),
            read_at,
        }
    }

    pub(crate) fn into_core(self) -> Vec<core::Entitlement> {
        let entitlements = self.entitlements.into_iter();
        entitlements.map(Entitlement::into_core).collect()
    }
}

/// Up to where a target's changes were read, and when.
#[derive(Serialize, Deserialize)]
pub(crate) struct Token<'a> {
    pub(crate) token: &'a str,
    pub(crate) read_at: i64,
}

/// How a call failed.
#[derive(Serialize, Deserialize)]
pub(crate) enum Problem<'a> {
    #[serde(rename = "t")]
    Transient(&'a str, Option<u32>),
    #[serde(rename = "r")]
    RateLimited(Option<u32>),
    #[serde(rename = "u", borrow)]
    OutcomeUnknown(&'a str),
    #[serde(rename = "c")]
    CursorExpired,
    #[serde(rename = "k")]
    TokenExpired,
    #[serde(rename = "a", borrow)]
    Unauthenticated(&'a str),
    #[serde(rename = "f", borrow)]
    Forbidden(Vec<&'a str>),
    #[serde(rename = "n", borrow)]
    NotFound(Option<ObjectRef<'a>>),
    #[serde(rename = "o", borrow)]
    Conflict(Option<ObjectRef<'a>>),
    #[serde(rename = "s")]
    Stale,
    #[serde(rename = "i", borrow)]
    Invalid(Vec<(&'a str, &'a str)>),
    #[serde(rename = "q", borrow)]
    NoCapacity(&'a str),
    #[serde(rename = "g", borrow)]
    Guarded(&'a str),
    #[serde(rename = "x", borrow)]
    Unsupported(&'a str),
    #[serde(rename = "d", borrow)]
    RemoteDefect(&'a str),
    #[serde(rename = "p", borrow)]
    Denied(&'a str),
    #[serde(rename = "w")]
    PluginFailed(&'a str, bool),
}

impl<'a> Problem<'a> {
    pub(crate) fn of(problem: &'a core::Problem) -> Self {
        match problem {
            core::Problem::Transient { text, after_ms } => Problem::Transient(text, *after_ms),
            core::Problem::RateLimited { after_ms } => Problem::RateLimited(*after_ms),
            core::Problem::OutcomeUnknown(text) => Problem::OutcomeUnknown(text),
            core::Problem::CursorExpired => Problem::CursorExpired,
            core::Problem::TokenExpired => Problem::TokenExpired,
            core::Problem::Unauthenticated(text) => Problem::Unauthenticated(text),
            core::Problem::Forbidden(missing) => {
                Problem::Forbidden(missing.iter().map(String::as_str).collect())
            }
            core::Problem::NotFound(object) => {
                Problem::NotFound(object.as_ref().map(ObjectRef::of))
            }
            core::Problem::Conflict(object) => {
                Problem::Conflict(object.as_ref().map(ObjectRef::of))
            }
            core::Problem::Stale => Problem::Stale,
            core::Problem::Invalid(fields) => Problem::Invalid(text_pairs(fields)),
            core::Problem::NoCapacity(text) => Problem::NoCapacity(text),
            core::Problem::Guarded(guard) => Problem::Guarded(guard),
            core::Problem::Unsupported(text) => Problem::Unsupported(text),
            core::Problem::RemoteDefect(text) => Problem::RemoteDefect(text),
            core::Problem::Denied(text) => Problem::Denied(text),
            core::Problem::PluginFailed { text, sent } => Problem::PluginFailed(text, *sent),
        }
    }

    pub(crate) fn into_core(self) -> core::Problem {
        match self {
            Problem::Transient(text, after_ms) => core::Problem::Transient {
                text: text.to_owned(),
                after_ms,
            },
            Problem::RateLimited(after_ms) => core::Problem::RateLimited { after_ms },
            Problem::OutcomeUnknown(text) => core::Problem::OutcomeUnknown(text.to_owned()),
            Problem::CursorExpired => core::Problem::CursorExpired,
            Problem::TokenExpired => core::Problem::TokenExpired,
            Problem::Unauthenticated(text) => core::Problem::Unauthenticated(text.to_owned()),
            Problem::Forbidden(missing) => {
                core::Problem::Forbidden(missing.into_iter().map(str::to_owned).collect())
            }
            Problem::NotFound(object) => core::Problem::NotFound(object.map(ObjectRef::into_core)),
            Problem::Conflict(object) => core::Problem::Conflict(object.map(ObjectRef::into_core)),
            Problem::Stale => core::Problem::Stale,
            Problem::Invalid(fields) => core::Problem::Invalid(text_pairs_into_core(fields)),
            Problem::NoCapacity(text) => core::Problem::NoCapacity(text.to_owned()),
            Problem::Guarded(guard) => core::Problem::Guarded(guard.to_owned()),
            Problem::Unsupported(text) => core::Problem::Unsupported(text.to_owned()),
            Problem::RemoteDefect(text) => core::Problem::RemoteDefect(text.to_owned()),
            Problem::Denied(text) => core::Problem::Denied(text.to_owned()),
            Problem::PluginFailed(text, sent) => core::Problem::PluginFailed {
                text: text.to_owned(),
                sent,
            },
        }
    }
}

/// What else happened because of a change.
#[derive(Serialize, Deserialize)]
pub(crate) enum SideEffect<'a> {
    #[serde(rename = "a", borrow)]
    AccountChanged(RemoteAccount<'a>),
    #[serde(rename = "g")]
    GrantAdded(
        #[serde(borrow)] ObjectRef<'a>,
        #[serde(borrow)] EntitlementKey<'a>,
    ),
    #[serde(rename = "r")]
    GrantRemoved(
        #[serde(borrow)] ObjectRef<'a>,
        #[serde(borrow)] EntitlementKey<'a>,
    ),
    #[serde(rename = "o", borrow)]
    ObjectRemoved(ObjectRef<'a>),
    #[serde(rename = "c", borrow)]
    SeatConsumed(ObjectRef<'a>),
    #[serde(rename = "f", borrow)]
    SeatReleased(ObjectRef<'a>),
}

impl<'a> SideEffect<'a> {
    pub(crate) fn of(effect: &'a core::SideEffect) -> Self {
        match effect {
            core::SideEffect::AccountChanged(account) => {
                SideEffect::AccountChanged(RemoteAccount::of(account))
            }
            core::SideEffect::GrantAdded(whose, key) => {
                SideEffect::GrantAdded(ObjectRef::of(whose), EntitlementKey::of(key))
            }
            core::SideEffect::GrantRemoved(whose, key) => {
                SideEffect::GrantRemoved(ObjectRef::of(whose), EntitlementKey::of(key))
            }
            core::SideEffect::ObjectRemoved(object) => {
                SideEffect::ObjectRemoved(ObjectRef::of(object))
            }
            core::SideEffect::SeatConsumed(object) => {
                SideEffect::SeatConsumed(ObjectRef::of(object))
            }
            core::SideEffect::SeatReleased(object) => {
                SideEffect::SeatReleased(ObjectRef::of(object))
            }
        }
    }

    pub(crate) fn into_core(self) -> Result<core::SideEffect, Unreadable> {
        Ok(match self {
            SideEffect::AccountChanged(account) => {
                core::SideEffect::AccountChanged(account.into_core()?)
            }
            SideEffect::GrantAdded(whose, key) => {
                core::SideEffect::GrantAdded(whose.into_core(), key.into_core())
            }
            SideEffect::GrantRemoved(whose, key) => {
                core::SideEffect::GrantRemoved(whose.into_core(), key.into_core())
            }
            SideEffect::ObjectRemoved(object) => {
                core::SideEffect::ObjectRemoved(object.into_core())
            }
            SideEffect::SeatConsumed(object) => core::SideEffect::SeatConsumed(object.into_core()),
            SideEffect::SeatReleased(object) => core::SideEffect::SeatReleased(object.into_core()),
        })
    }
}
