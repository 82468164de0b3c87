//! What a plugin describes is all that it is asked for: a kind, an operation or a state that its
//! description does not name, or a grant between places that do not go together, is refused before there is
//! an instance.

use muster_core::connector::{
    AccountKind, AccountState, Change, ContainerRule, Descriptor, EntitlementKind, ObjectRef,
    Problem,
};

use crate::read::GrantScope;

/// Refuses a change that the plugin does not describe.
pub(crate) fn check_change(descriptor: &Descriptor, change: &Change) -> Result<(), Problem> {
    match change {
        Change::EnsureAccount(desired) => {
            let kind = match &desired.object {
                Some(account) => Some(account.kind.as_str()),
                None => descriptor.people().map(|kind| kind.name.as_str()),
            };
            let kind = kind.unwrap_or_default();
            check_account(descriptor, kind, "ensure-account").map(drop)
        }
        Change::EnsureState(account, state) => {
            let kind = check_account(descriptor, &account.kind, "ensure-state")?;
            check_state(descriptor, kind, *state)
        }
        Change::EnsureAbsent(account) => {
            check_account(descriptor, &account.kind, "ensure-absent").map(drop)
        }
        Change::EndSessions(account) => {
            check_account(descriptor, &account.kind, "end-sessions").map(drop)
        }
        Change::RevokeCredentials(account) => {
            check_account(descriptor, &account.kind, "revoke-credentials").map(drop)
        }
        Change::TransferOwned(from, _) => {
            check_account(descriptor, &from.kind, "transfer-owned").map(drop)
        }
        Change::EnsureGranted(account, right) => {
            let kind = check_entitlement(descriptor, &right.kind, "ensure-granted")?;
            check_containers(kind, account, right)
        }
        Change::EnsureRevoked(account, right) => {
            let kind = check_entitlement(descriptor, &right.kind, "ensure-revoked")?;
            check_containers(kind, account, right)
        }
        Change::Poll(_) => Ok(()),
    }
}

/// Refuses what does not work on accounts of this kind.
pub(crate) fn check_account<'d>(
    descriptor: &'d Descriptor,
    kind: &str,
    operation: &str,
) -> Result<&'d AccountKind, Problem> {
    match descriptor.account_kind(kind) {
        Some(known) if known.operations.contains(operation) => Ok(known),
        Some(_) => Err(without(descriptor, kind, operation)),
        None => Err(undescribed(descriptor, &format!("account `{kind}`"))),
    }
}

/// Refuses what does not work on entitlements of this kind.
pub(crate) fn check_entitlement<'d>(
    descriptor: &'d Descriptor,
    kind: &str,
    operation: &str,
) -> Result<&'d EntitlementKind, Problem> {
    match descriptor.entitlement_kind(kind) {
        Some(known) if known.operations.contains(operation) => Ok(known),
        Some(_) => Err(without(descriptor, kind, operation)),
        None => Err(undescribed(descriptor, &format!("entitlement `{kind}`"))),
    }
}

/// Refuses a listing of grants that no kind of entitlement offers.
pub(crate) fn check_scope(descriptor: &Descriptor, scope: &GrantScope) -> Result<(), Problem> {
    let (word, of) = match scope {
        GrantScope::OfKind(kind) => ("of-kind", Some(kind)),
        GrantScope::OfEntitlement(right) => ("of-entitlement", Some(&right.kind)),
        // The grants of one account can be of any kind that can be listed so.
        GrantScope::OfPrincipal(_) => ("of-principal", None),
    };
    let offers = |known: &EntitlementKind| {
        of.is_none_or(|of| known.name == *of)
            && known.grant_scopes.contains(word)
            && known.operations.contains("list-grants")
    };
    if descriptor.entitlement_kinds.iter().any(offers) {
        return Ok(());
    }
    let of = of.map_or_else(String::new, |kind| format!(" for `{kind}`"));
    Err(undescribed(
        descriptor,
        &format!("listing of grants `{word}`{of}"),
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

fn without(descriptor: &Descriptor, kind: &str, operation: &str) -> Problem {
    Problem::Unsupported(format!(
        "the connector {} has no `{operation}` for `{kind}` (PLG-038)",
        descriptor.name
    ))
}

fn undescribed(descriptor: &Descriptor, what: &str) -> Problem {
    Problem::Unsupported(format!(
        "the connector {} knows no {what} (PLG-038)",
        descriptor.name
    ))
}
