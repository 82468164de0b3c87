//! From the boundary: what the host gives, in the SDK's own types.

use crate::account::{AccountState, AttributeChange, AttributeDelta, DesiredAccount, LeavePlan};
use crate::change::HookMessage;
use crate::entitlement::GrantScope;
use crate::object::{ObjectRef, Scalar};
use crate::outcome::OpContext;
use crate::time::Instant;
use crate::wasm::bindings::exports::muster::connector::{accounts, events, grants};
use crate::wasm::bindings::muster::connector::types as wit;

impl From<wit::ObjectRef> for ObjectRef {
    fn from(from: wit::ObjectRef) -> Self {
        let wit::ObjectRef {
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

impl From<wit::Scalar> for Scalar {
    fn from(from: wit::Scalar) -> Self {
        match from {
            wit::Scalar::Text(text) => Self::Text(text),
            wit::Scalar::Boolean(value) => Self::Boolean(value),
            wit::Scalar::Number(value) => Self::Number(value),
            wit::Scalar::Instant(at) => Self::Instant(Instant::from_contract(at)),
            wit::Scalar::Day(day) => Self::Day(day),
            wit::Scalar::Binary(bytes) => Self::Binary(bytes),
            wit::Scalar::Pointer(object) => Self::Pointer(object.into()),
        }
    }
}

fn scalars(from: Vec<wit::Scalar>) -> Vec<Scalar> {
    from.into_iter().map(Into::into).collect()
}

impl From<wit::AttributeDelta> for AttributeDelta {
    fn from(from: wit::AttributeDelta) -> Self {
        let wit::AttributeDelta {
            name,
            change,
            extra,
        } = from;
        let change = match change {
            wit::AttributeChange::Set(values) => AttributeChange::Set(scalars(values)),
            wit::AttributeChange::Clear => AttributeChange::Clear,
            wit::AttributeChange::Add(values) => AttributeChange::Add(scalars(values)),
            wit::AttributeChange::Remove(values) => AttributeChange::Remove(scalars(values)),
        };
        Self {
            name,
            change,
            extra,
        }
    }
}

impl From<wit::AccountState> for AccountState {
    fn from(from: wit::AccountState) -> Self {
        match from {
            wit::AccountState::Active => Self::Active,
            wit::AccountState::Suspended => Self::Suspended,
            wit::AccountState::Locked => Self::Locked,
            wit::AccountState::Invited => Self::Invited,
            wit::AccountState::Deactivated => Self::Deactivated,
            wit::AccountState::Deleted => Self::Deleted,
        }
    }
}

impl From<wit::OpContext> for OpContext {
    fn from(from: wit::OpContext) -> Self {
        let wit::OpContext {
            operation_id,
            attempt,
            deadline_ms,
            reason,
            extra,
        } = from;
        Self {
            operation_id,
            attempt,
            deadline_ms,
            reason,
            extra,
        }
    }
}

impl From<accounts::DesiredAccount> for DesiredAccount {
    fn from(from: accounts::DesiredAccount) -> Self {
        Self {
            target: from.target.map(Into::into),
            kind: from.kind,
            container: from.container,
            match_keys: from.match_keys,
            may_adopt: from.may_adopt,
            initial_state: from.initial_state.into(),
            attributes: from.attributes.into_iter().map(Into::into).collect(),
            password_slot: from.password_slot,
            extra: from.extra,
        }
    }
}

impl From<accounts::LeavePlan> for LeavePlan {
    fn from(from: accounts::LeavePlan) -> Self {
        let accounts::LeavePlan {
            transfer_to,
            keep_data,
            legal_hold,
            purge,
            extra,
        } = from;
        Self {
            transfer_to: transfer_to.map(Into::into),
            keep_data,
            legal_hold,
            purge,
            extra,
        }
    }
}

impl From<grants::GrantScope> for GrantScope {
    fn from(from: grants::GrantScope) -> Self {
        match from {
            grants::GrantScope::OfKind(kind) => Self::OfKind(kind),
            grants::GrantScope::OfEntitlement(object) => Self::OfEntitlement(object.into()),
            grants::GrantScope::OfPrincipal(object) => Self::OfPrincipal(object.into()),
        }
    }
}

impl From<events::Delivery> for HookMessage {
    fn from(from: events::Delivery) -> Self {
        let events::Delivery {
            headers,
            body,
            received,
            extra,
        } = from;
        Self {
            headers,
            body,
            received: Instant::from_contract(received),
            extra,
        }
    }
}
