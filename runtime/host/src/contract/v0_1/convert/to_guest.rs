//! From the core's words to the contract's.

use std::time::Duration;

use muster_core::connector as core;

use crate::contract::v0_1::bindings::exports::muster::connector::accounts::{
    DesiredAccount, LeavePlan,
};
use crate::contract::v0_1::bindings::muster::connector::types as wit;

/// A reference to an object.
pub(crate) fn object(object: &core::ObjectRef) -> wit::ObjectRef {
    wit::ObjectRef {
        kind: object.kind.clone(),
        container: object.container.clone(),
        id: object.id.clone(),
        revision: object.revision.clone(),
        name_hint: object.name_hint.clone(),
        extra: Vec::new(),
    }
}

/// A state of an account.
pub(crate) fn state(state: core::AccountState) -> wit::AccountState {
    match state {
        core::AccountState::Active => wit::AccountState::Active,
        core::AccountState::Suspended => wit::AccountState::Suspended,
        core::AccountState::Locked => wit::AccountState::Locked,
        core::AccountState::Invited => wit::AccountState::Invited,
        core::AccountState::Deactivated => wit::AccountState::Deactivated,
        core::AccountState::Deleted => wit::AccountState::Deleted,
    }
}

fn scalar(value: &core::Scalar) -> wit::Scalar {
    match value {
        core::Scalar::Text(text) => wit::Scalar::Text(text.clone()),
        core::Scalar::Boolean(value) => wit::Scalar::Boolean(*value),
        core::Scalar::Number(value) => wit::Scalar::Number(*value),
        core::Scalar::Day(day) => wit::Scalar::Day(day.clone()),
        core::Scalar::Instant(instant) => wit::Scalar::Instant(instant.to_string()),
        core::Scalar::Binary(bytes) => wit::Scalar::Binary(bytes.clone()),
        core::Scalar::Pointer(to) => wit::Scalar::Pointer(object(to)),
    }
}

fn change(change: &core::AttributeChange) -> wit::AttributeChange {
    match change {
        core::AttributeChange::Set(values) if values.is_empty() => wit::AttributeChange::Clear,
        core::AttributeChange::Set(values) => {
            wit::AttributeChange::Set(values.iter().map(scalar).collect())
        }
        core::AttributeChange::Clear => wit::AttributeChange::Clear,
    }
}

/// An account as it should be, of the kind that people's accounts are.
pub(crate) fn desired(
    desired: &core::DesiredAccount,
    kind: &str,
    password_slot: Option<String>,
) -> DesiredAccount {
    let (target, spec) = (desired.object.as_ref(), &desired.spec);
    // A new account has nothing that could be cleared.
    let has_effect = |change: &core::AttributeChange| {
        target.is_some() || *change != core::AttributeChange::Clear
    };
    DesiredAccount {
        kind: target.map_or_else(|| kind.to_owned(), |object| object.kind.clone()),
        container: target.and_then(|object| object.container.clone()),
        target: target.map(object),
        match_keys: spec.match_keys.clone(),
        may_adopt: desired.may_adopt,
        initial_state: state(spec.initial_state),
        attributes: spec
            .attributes
            .iter()
            .filter(|(_, wanted)| has_effect(wanted))
            .map(|(name, wanted)| wit::AttributeDelta {
                name: name.clone(),
                change: change(wanted),
                extra: Vec::new(),
            })
            .collect(),
        password_slot,
        extra: Vec::new(),
    }
}

/// What becomes of what a removed account leaves: nothing that was not asked for.
pub(crate) fn leave_plan() -> LeavePlan {
    LeavePlan {
        transfer_to: None,
        keep_data: false,
        legal_hold: false,
        purge: false,
        extra: Vec::new(),
    }
}

/// What every change is told.
pub(crate) fn context(ctx: &core::CallContext, time: Duration) -> wit::OpContext {
    wit::OpContext {
        operation_id: ctx.operation.to_string(),
        attempt: ctx.attempt,
        deadline_ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX),
        reason: ctx.reason.clone(),
        extra: Vec::new(),
    }
}
