//! Connector for any SCIM 2.0 service (RFC 7643, 7644; cursors of RFC 9865).
//!
//! Users are accounts, groups are entitlements with a grant for each member, and the values of the user's `roles`
//! and `entitlements` are entitlements too. No two services agree on SCIM: what they do differently is taken in
//! here, so that the core never sees it. `docs/guides/connector-scim.md` lists it, with the settings.
//!
//! - `name.rs`, `resource.rs`, `view.rs`, `change.rs`: attributes, read with tolerance and written strictly.
//! - `service.rs`, `refusal.rs`: requests, and what refusals mean.
//! - `listing.rs`, `find.rs`: what proves that nothing is missing, and that nobody else is meant.
//! - `user.rs`, `grant.rs`, `spot.rs`, `entitlement.rs`, `session.rs`, `schema.rs`: the functions of the contract.

mod change;
#[cfg(test)]
mod change_tests;
mod describe;
mod entitlement;
mod find;
mod grant;
mod listing;
mod name;
mod refusal;
mod resource;
mod schema;
mod service;
mod session;
mod settings;
mod spot;
mod user;
mod view;

use muster_sdk::{
    Account, AccountState, Accounts, AttributeSpec, Connector, Credential, Credentials, Descriptor,
    DesiredAccount, Entitlement, Entitlements, FieldFault, Grant, GrantKey, GrantScope, Grants,
    Host, Instant, LeavePlan, ObjectRef, OpContext, Outcome, Page, PageRequest, ProbeReport,
    Problem, Result,
};

use crate::service::{Collection, Service};

/// The kind of accounts.
pub(crate) const USER_KIND: &str = "user";

/// The kind of entitlement that has members.
pub(crate) const GROUP_KIND: &str = "group";

/// The connector.
#[derive(Debug, Default, Clone, Copy)]
pub struct Scim;

muster_sdk::export!(Scim: Accounts, Entitlements, Grants, Credentials);

impl Connector for Scim {
    fn describe(&self) -> Descriptor {
        describe::descriptor()
    }

    fn check_settings(&self, host: &dyn Host) -> core::result::Result<(), Vec<FieldFault>> {
        settings::check(host)
    }

    fn probe(&self, host: &dyn Host) -> Result<ProbeReport> {
        schema::probe(&Service::of(host)?)
    }

    fn discover(&self, host: &dyn Host, kind: &str) -> Result<Vec<AttributeSpec>> {
        if kind != USER_KIND {
            return Err(Problem::unsupported(format!(
                "there is no kind of account `{kind}`"
            )));
        }
        schema::discover(&Service::of(host)?)
    }
}

impl Accounts for Scim {
    fn list_accounts(&self, host: &dyn Host, _: &str, page: &PageRequest) -> Result<Page<Account>> {
        let service = Service::of(host)?;
        let ask = listing::Ask {
            collection: Collection::Users,
            is_part: false,
            without: None,
        };
        listing::page(&service, ask, page, |user| {
            let account = view::account(&user, service.settings.deprovision);
            let unreadable = listing::Take::Unreadable(String::new(), "a user without an id");
            Ok(account.map_or(unreadable, listing::Take::Item))
        })
    }

    fn get_account(&self, host: &dyn Host, key: &ObjectRef) -> Result<Option<Account>> {
        let service = Service::of(host)?;
        if key.container.is_some() {
            return Ok(None);
        }
        let user = service.find(Collection::Users, &key.id)?;
        if let Some(user) = &user {
            user::check_shown(&service, user)?;
        }
        Ok(user.and_then(|user| view::account(&user, service.settings.deprovision)))
    }

    fn find_accounts(
        &self,
        host: &dyn Host,
        _: &str,
        keys: &[(String, String)],
    ) -> Result<Vec<Account>> {
        find::accounts(&Service::of(host)?, keys)
    }

    fn ensure_account(
        &self,
        host: &dyn Host,
        _: &OpContext,
        desired: &DesiredAccount,
    ) -> Result<Outcome> {
        let service = Service::of(host)?;
        service.told(user::ensure(&service, desired))
    }

    fn ensure_state(
        &self,
        host: &dyn Host,
        _: &OpContext,
        target: &ObjectRef,
        state: AccountState,
    ) -> Result<Outcome> {
        let service = Service::of(host)?;
        let done = service.told(user::ensure_state(&service, target, state));
        if state == AccountState::Active {
            return done;
        }
        done.map_err(Problem::of_removal)
    }

    fn ensure_absent(
        &self,
        host: &dyn Host,
        _: &OpContext,
        target: &ObjectRef,
        plan: &LeavePlan,
    ) -> Result<Outcome> {
        let service = Service::of(host)?;
        let done = service.told(user::ensure_absent(&service, target, plan));
        done.map_err(Problem::of_removal)
    }
}

impl Entitlements for Scim {
    fn list_entitlements(
        &self,
        host: &dyn Host,
        kind: &str,
        page: &PageRequest,
    ) -> Result<Page<Entitlement>> {
        entitlement::list(&Service::of(host)?, kind, page)
    }
}

impl Grants for Scim {
    fn list_grants(
        &self,
        host: &dyn Host,
        scope: &GrantScope,
        page: &PageRequest,
    ) -> Result<Page<Grant>> {
        grant::list(&Service::of(host)?, scope, page)
    }

    fn ensure_granted(
        &self,
        host: &dyn Host,
        _: &OpContext,
        grant: &GrantKey,
        _: Option<&Instant>,
    ) -> Result<Outcome> {
        let service = Service::of(host)?;
        service.told(grant::ensure_granted(&service, grant))
    }

    fn ensure_revoked(&self, host: &dyn Host, _: &OpContext, grant: &GrantKey) -> Result<Outcome> {
        let service = Service::of(host)?;
        let done = service.told(grant::ensure_revoked(&service, grant));
        done.map_err(Problem::of_removal)
    }
}

impl Credentials for Scim {
    fn list_credentials(
        &self,
        host: &dyn Host,
        owner: Option<&ObjectRef>,
        page: &PageRequest,
    ) -> Result<Page<Credential>> {
        session::list(&Service::of(host)?, owner, page)
    }

    fn end_sessions(&self, host: &dyn Host, _: &OpContext, target: &ObjectRef) -> Result<Outcome> {
        session::end(&Service::of(host)?, target).map_err(Problem::of_removal)
    }

    fn revoke_credentials(
        &self,
        _: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: &[String],
    ) -> Result<Outcome> {
        Err(Problem::unsupported(
            "SCIM knows no credentials but the password, and cannot revoke it",
        ))
    }
}
