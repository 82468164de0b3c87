//! Each function of the contract, for a connector type, as the host calls it: so that a test sees a connector
//! as it will be used.
//!
//! A capability that was not named, a kind that is not described, a function that a kind is without and a
//! limit that is out of range never reach a connector. It is the host that sees to that, before it makes an
//! instance; in a test, these functions do.

use crate::account::{Account, AccountState, DesiredAccount, LeavePlan};
use crate::capability::{Exported, capabilities};
use crate::change::{ChangePage, HookMessage, Translation};
use crate::describe::Function;
use crate::entitlement::{Credential, Entitlement, Grant, GrantKey, GrantScope, Rotated};
use crate::host::Host;
use crate::limits::CHANGES_MAX;
use crate::object::ObjectRef;
use crate::outcome::{OpContext, Outcome};
use crate::page::{Page, PageRequest};
use crate::problem::{Problem, Result};
use crate::time::Instant;

/// What a function of a capability answers that was not named.
pub(crate) const UNNAMED: &str = "this connector does not have this capability";

fn unnamed() -> Problem {
    Problem::unsupported(UNNAMED)
}

/// Refuses what does not work on accounts of this kind.
fn account_function<T: Exported>(kind: &str, function: Function) -> Result<u32> {
    match T::default().describe().account_kind(kind) {
        Some(known) if known.operations(&capabilities::<T>()).contains(&function) => {
            Ok(known.max_page)
        }
        Some(_) => Err(without(kind, function)),
        None => Err(Problem::unsupported(format!(
            "there is no kind of account `{kind}`"
        ))),
    }
}

/// Refuses what does not work on entitlements of this kind.
fn entitlement_function<T: Exported>(kind: &str, function: Function) -> Result<u32> {
    match T::default().describe().entitlement_kind(kind) {
        Some(known) if known.operations(&capabilities::<T>()).contains(&function) => {
            Ok(known.max_page)
        }
        Some(_) => Err(without(kind, function)),
        None => Err(Problem::unsupported(format!(
            "there is no kind of entitlement `{kind}`"
        ))),
    }
}

fn without(kind: &str, function: Function) -> Problem {
    Problem::unsupported(format!(
        "`{}` does not exist for `{kind}`",
        function.as_str()
    ))
}

/// The page asked for, within what the kind allows.
fn within(page: &PageRequest, max: u32) -> PageRequest {
    PageRequest {
        limit: page.limit.clamp(1, max.max(1)),
        cursor: page.cursor.clone(),
    }
}

/// `accounts.list-accounts`.
pub fn list_accounts<T: Exported>(
    host: &dyn Host,
    kind: &str,
    page: &PageRequest,
) -> Result<Page<Account>> {
    let connector = T::default();
    let accounts = connector.accounts().ok_or_else(unnamed)?;
    let max = account_function::<T>(kind, Function::ListAccounts)?;
    accounts.list_accounts(host, kind, &within(page, max))
}

/// `accounts.get-account`.
pub fn get_account<T: Exported>(host: &dyn Host, key: &ObjectRef) -> Result<Option<Account>> {
    let connector = T::default();
    let accounts = connector.accounts().ok_or_else(unnamed)?;
    account_function::<T>(&key.kind, Function::GetAccount)?;
    accounts.get_account(host, key)
}

/// `accounts.find-accounts`.
pub fn find_accounts<T: Exported>(
    host: &dyn Host,
    kind: &str,
    keys: &[(String, String)],
) -> Result<Vec<Account>> {
    let connector = T::default();
    let accounts = connector.accounts().ok_or_else(unnamed)?;
    account_function::<T>(kind, Function::FindAccounts)?;
    accounts.find_accounts(host, kind, keys)
}

/// `accounts.ensure-account`.
pub fn ensure_account<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    desired: &DesiredAccount,
) -> Result<Outcome> {
    let connector = T::default();
    let accounts = connector.accounts().ok_or_else(unnamed)?;
    account_function::<T>(&desired.kind, Function::EnsureAccount)?;
    accounts.ensure_account(host, ctx, desired)
}

/// `accounts.ensure-state`.
pub fn ensure_state<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    target: &ObjectRef,
    state: AccountState,
) -> Result<Outcome> {
    let connector = T::default();
    let accounts = connector.accounts().ok_or_else(unnamed)?;
    account_function::<T>(&target.kind, Function::EnsureState)?;
    let described = connector.describe();
    let kind = described.account_kind(&target.kind);
    if !kind.is_some_and(|kind| kind.states.contains(&state)) {
        return Err(Problem::unsupported(format!(
            "`{}` cannot be made {state:?}",
            target.kind
        )));
    }
    accounts.ensure_state(host, ctx, target, state)
}

/// `accounts.ensure-absent`.
pub fn ensure_absent<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    target: &ObjectRef,
    plan: &LeavePlan,
) -> Result<Outcome> {
    let connector = T::default();
    let accounts = connector.accounts().ok_or_else(unnamed)?;
    account_function::<T>(&target.kind, Function::EnsureAbsent)?;
    accounts.ensure_absent(host, ctx, target, plan)
}

/// `entitlements.list-entitlements`.
pub fn list_entitlements<T: Exported>(
    host: &dyn Host,
    kind: &str,
    page: &PageRequest,
) -> Result<Page<Entitlement>> {
    let connector = T::default();
    let entitlements = connector.entitlements().ok_or_else(unnamed)?;
    let max = entitlement_function::<T>(kind, Function::ListEntitlements)?;
    entitlements.list_entitlements(host, kind, &within(page, max))
}

/// `grants.list-grants`.
pub fn list_grants<T: Exported>(
    host: &dyn Host,
    scope: &GrantScope,
    page: &PageRequest,
) -> Result<Page<Grant>> {
    let connector = T::default();
    let grants = connector.grants().ok_or_else(unnamed)?;
    let (kind, word) = match scope {
        GrantScope::OfKind(kind) => (Some(kind), "of-kind"),
        GrantScope::OfEntitlement(entitlement) => (Some(&entitlement.kind), "of-entitlement"),
        // The grants of one account can be of any kind that can be listed so.
        GrantScope::OfPrincipal(_) => (None, "of-principal"),
    };
    let described = connector.describe();
    let mut kinds = described.entitlement_kinds.iter();
    let named = capabilities::<T>();
    let max = kinds.find_map(|known| {
        let meant = kind.is_none_or(|kind| known.name == *kind)
            && known.grant_scopes.iter().any(|scope| scope == word)
            && known.operations(&named).contains(&Function::ListGrants);
        meant.then_some(known.max_page)
    });
    let max = max.ok_or_else(|| {
        Problem::unsupported(format!(
            "grants cannot be listed `{word}` {}",
            kind.map_or("", |k| k)
        ))
    })?;
    grants.list_grants(host, scope, &within(page, max))
}

/// `grants.ensure-granted`.
pub fn ensure_granted<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    grant: &GrantKey,
    expires: Option<&Instant>,
) -> Result<Outcome> {
    let connector = T::default();
    let grants = connector.grants().ok_or_else(unnamed)?;
    entitlement_function::<T>(&grant.entitlement.kind, Function::EnsureGranted)?;
    grants.ensure_granted(host, ctx, grant, expires)
}

/// `grants.ensure-revoked`.
pub fn ensure_revoked<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    grant: &GrantKey,
) -> Result<Outcome> {
    let connector = T::default();
    let grants = connector.grants().ok_or_else(unnamed)?;
    entitlement_function::<T>(&grant.entitlement.kind, Function::EnsureRevoked)?;
    grants.ensure_revoked(host, ctx, grant)
}

/// `credentials.list-credentials`.
pub fn list_credentials<T: Exported>(
    host: &dyn Host,
    owner: Option<&ObjectRef>,
    page: &PageRequest,
) -> Result<Page<Credential>> {
    let connector = T::default();
    let credentials = connector.credentials().ok_or_else(unnamed)?;
    let page = match owner {
        Some(owner) => within(
            page,
            account_function::<T>(&owner.kind, Function::ListCredentials)?,
        ),
        None => page.clone(),
    };
    credentials.list_credentials(host, owner, &page)
}

/// `credentials.end-sessions`.
pub fn end_sessions<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    target: &ObjectRef,
) -> Result<Outcome> {
    let connector = T::default();
    let credentials = connector.credentials().ok_or_else(unnamed)?;
    account_function::<T>(&target.kind, Function::EndSessions)?;
    credentials.end_sessions(host, ctx, target)
}

/// `credentials.revoke-credentials`.
pub fn revoke_credentials<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    target: &ObjectRef,
    categories: &[String],
) -> Result<Outcome> {
    let connector = T::default();
    let credentials = connector.credentials().ok_or_else(unnamed)?;
    account_function::<T>(&target.kind, Function::RevokeCredentials)?;
    credentials.revoke_credentials(host, ctx, target, categories)
}

/// `credentials.rotate-credential`.
pub fn rotate_credential<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    target: &ObjectRef,
) -> Result<Rotated> {
    let connector = T::default();
    let rotation = connector.rotation().ok_or_else(unnamed)?;
    rotation.rotate_credential(host, ctx, target)
}

/// `ownership.transfer-owned`.
pub fn transfer_owned<T: Exported>(
    host: &dyn Host,
    ctx: &OpContext,
    source: &ObjectRef,
    target: &ObjectRef,
) -> Result<Outcome> {
    let connector = T::default();
    let ownership = connector.ownership().ok_or_else(unnamed)?;
    account_function::<T>(&source.kind, Function::TransferOwned)?;
    ownership.transfer_owned(host, ctx, source, target)
}

/// `changes.current-token`.
pub fn current_token<T: Exported>(host: &dyn Host) -> Result<String> {
    let connector = T::default();
    connector.changes().ok_or_else(unnamed)?.current_token(host)
}

/// `changes.changes-since`.
pub fn changes_since<T: Exported>(host: &dyn Host, token: &str, limit: u32) -> Result<ChangePage> {
    let connector = T::default();
    let changes = connector.changes().ok_or_else(unnamed)?;
    changes.changes_since(host, token, limit.clamp(1, CHANGES_MAX))
}

/// `pending.poll`.
pub fn poll<T: Exported>(host: &dyn Host, ctx: &OpContext, handle: &str) -> Result<Outcome> {
    let connector = T::default();
    connector
        .pending()
        .ok_or_else(unnamed)?
        .poll(host, ctx, handle)
}

/// `events.translate`.
pub fn translate<T: Exported>(host: &dyn Host, message: &HookMessage) -> Result<Translation> {
    let connector = T::default();
    connector
        .events()
        .ok_or_else(unnamed)?
        .translate(host, message)
}
