//! What the tests have in common: the connector's functions as the host calls them, and a new user.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{
    Account, AccountState, DesiredAccount, Grant, GrantKey, GrantScope, Host, LeavePlan, Listing,
    ObjectRef, OpContext, Outcome, OutcomeKind, Result, all_pages, dispatch,
};

/// A change that was carried out, or that the app goes on with.
pub(crate) fn done(outcome: Result<Outcome>) {
    let kind = outcome.unwrap().kind;
    assert!(
        matches!(kind, OutcomeKind::Done | OutcomeKind::Pending),
        "{kind:?}"
    );
}

pub(crate) fn ctx() -> OpContext {
    OpContext::first("op-1")
}

/// Ann, as HR knows her.
pub(crate) fn ann() -> DesiredAccount {
    DesiredAccount::new("user")
        .matched_by("employee-id", "E1")
        .matched_by("email", "ann@example.com")
        .set("primaryEmail", "Ann@Example.com")
        .set("name.givenName", "Ann")
        .set("name.familyName", "Lee")
        .set("employeeId", "E1")
        .set("organization.title", "Clerk")
        .set("manager", "boss@example.com")
}

pub(crate) fn ensure(host: &dyn Host, desired: &DesiredAccount) -> Result<Outcome> {
    dispatch::ensure_account::<Google>(host, &ctx(), desired)
}

pub(crate) fn state(host: &dyn Host, user: &ObjectRef, state: AccountState) -> Result<Outcome> {
    dispatch::ensure_state::<Google>(host, &ctx(), user, state)
}

pub(crate) fn remove(host: &dyn Host, user: &ObjectRef, plan: &LeavePlan) -> Result<Outcome> {
    dispatch::ensure_absent::<Google>(host, &ctx(), user, plan)
}

pub(crate) fn read(host: &dyn Host, user: &ObjectRef) -> Option<Account> {
    dispatch::get_account::<Google>(host, user).unwrap()
}

pub(crate) fn grant(host: &dyn Host, user: &ObjectRef, of: &ObjectRef) -> Result<Outcome> {
    let key = GrantKey::new(user.clone(), of.clone());
    dispatch::ensure_granted::<Google>(host, &ctx(), &key, None)
}

pub(crate) fn revoke(host: &dyn Host, user: &ObjectRef, of: &ObjectRef) -> Result<Outcome> {
    let key = GrantKey::new(user.clone(), of.clone());
    dispatch::ensure_revoked::<Google>(host, &ctx(), &key)
}

/// All grants of an entitlement.
pub(crate) fn holders(host: &dyn Host, of: &ObjectRef) -> Result<Listing<Grant>> {
    let scope = GrantScope::OfEntitlement(of.clone());
    all_pages(200, |page| {
        dispatch::list_grants::<Google>(host, &scope, page)
    })
}

/// All that a principal has.
pub(crate) fn held(host: &dyn Host, by: &ObjectRef) -> Result<Listing<Grant>> {
    let scope = GrantScope::OfPrincipal(by.clone());
    all_pages(200, |page| {
        dispatch::list_grants::<Google>(host, &scope, page)
    })
}
