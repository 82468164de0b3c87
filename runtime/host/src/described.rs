//! What a plugin describes is all that it is asked for: a kind, a function or a state that its
//! description does not name, or a grant between places that do not go together, is refused before there is
//! an instance.

use muster_core::connector::{
    AccountKind, AccountState, Change, ContainerRule, Descriptor, EntitlementKind, Function,
    ObjectRef, Problem,
};

use crate::read::WhichGrants;

/// Refuses a change that the plugin does not describe.
pub(crate) fn check_change(descriptor: &Descriptor, change: &Change) -> Result<(), Problem> {
    let function = change.function();
    match change {
        Change::EnsureAccount(desired) => {
            let kind = match &desired.object {
                Some(account) => Some(account.kind.as_str()),
                None => descriptor.people().map(|kind| kind.name.as_str()),
            };
            check_account(descriptor, kind.unwrap_or_default(), function).map(drop)
        }
        Change::EnsureState(account, state) => {
            let kind = check_account(descriptor, &account.kind, function)?;
            check_state(descriptor, kind, *state)
        }
        Change::EnsureAbsent(account)
        | Change::EndSessions(account)
        | Change::RevokeCredentials(account)
        | Change::TransferOwned(account, _) => {
            check_account(descriptor, &account.kind, function).map(drop)
        }
        Change::EnsureGranted(account, right) | Change::EnsureRevoked(account, right) => {
            let kind = check_entitlement(descriptor, &right.kind, function)?;
            check_containers(kind, account, right)
        }
        Change::Poll(_) => Ok(()),
    }
}

/// Refuses what does not work on accounts of this kind.
pub(crate) fn check_account<'d>(
    descriptor: &'d Descriptor,
    kind: &str,
    function: Function,
) -> Result<&'d AccountKind, Problem> {
    match descriptor.account_kind(kind) {
        Some(known) if known.can(function) => Ok(known),
        Some(_) => Err(without(descriptor, kind, function)),
        None => Err(undescribed(descriptor, &format!("account `{kind}`"))),
    }
}

/// Refuses what does not work on entitlements of this kind.
pub(crate) fn check_entitlement<'d>(
    descriptor: &'d Descriptor,
    kind: &str,
    function: Function,
) -> Result<&'d EntitlementKind, Problem> {
    match descriptor.entitlement_kind(kind) {
        Some(known) if known.can(function) => Ok(known),
        Some(_) => Err(without(descriptor, kind, function)),
        None => Err(undescribed(descriptor, &format!("entitlement `{kind}`"))),
    }
}

/// Refuses a listing of grants that no kind of entitlement offers.
pub(crate) fn check_grants(descriptor: &Descriptor, which: &WhichGrants) -> Result<(), Problem> {
    // The grants of one account can be of any kind that can be listed so.
    let (scope, of) = (which.scope(), which.kind());
    let offers = |known: &EntitlementKind| {
        of.is_none_or(|of| known.name == of)
            && known.grant_scopes.contains(&scope)
            && known.can(Function::ListGrants)
    };
    if descriptor.entitlement_kinds.iter().any(offers) {
        return Ok(());
    }
    let of = of.map_or_else(String::new, |kind| format!(" for `{kind}`"));
    Err(undescribed(
        descriptor,
        &format!("listing of grants `{scope}`{of}"),
    ))
}

fn check_state(
    descriptor: &Descriptor,
    kind: &AccountKind,
    state: AccountState,
) -> Result<(), Problem> {
    if kind.states.contains(&state) {
        return Ok(());
    }
    Err(Problem::Unsupported(format!(
        "the connector {} cannot make `{}` {} (PLG-038)",
        descriptor.name,
        kind.name,
        state.as_str()
    )))
}

/// Refuses a grant between an account and an entitlement of different places, where the connector
/// says that both have to be in the same one.
fn check_containers(
    kind: &EntitlementKind,
    principal: &ObjectRef,
    entitlement: &ObjectRef,
) -> Result<(), Problem> {
    let is_fine = match kind.container_rule {
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

fn without(descriptor: &Descriptor, kind: &str, function: Function) -> Problem {
    Problem::Unsupported(format!(
        "the connector {} has no `{function}` for `{kind}` (PLG-038)",
        descriptor.name
    ))
}

fn undescribed(descriptor: &Descriptor, what: &str) -> Problem {
    Problem::Unsupported(format!(
        "the connector {} knows no {what} (PLG-038)",
        descriptor.name
    ))
}
