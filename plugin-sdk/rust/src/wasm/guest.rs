//! The exported functions: lift the arguments, call the connector, lower the answer.
//!
//! What the host calls has been checked against the description by then: kind, operation, state and limit. To
//! describe the connector once more in each call would cost more than most calls do.
//!
//! They are inlined into the generated exports, so that the compiler sees which capabilities were not named and
//! leaves out the code that would lower their answers: half of a small connector's file.

use crate::capability::{Exported, capabilities};
use crate::dispatch;
use crate::entitlement::GrantKey;
use crate::page::PageRequest;
use crate::time::Instant;
use crate::wasm::bindings::exports::muster::connector as contract;
use crate::wasm::bindings::muster::connector::types as wit;
use crate::wasm::lower::all;
use crate::wasm::{Component, host, lower};

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { limit, cursor }
}

/// Calls a capability of the connector and lowers its answer. One that was not named ends the exported function; a constant says so
/// first, so that what follows is left out of the file.
macro_rules! with {
    ($constant:ident, |$capability:ident| $call:expr) => {{
        let connector = T::default();
        match connector.$capability() {
            Some($capability) if T::$constant => $call.map(Into::into).map_err(wit::Problem::from),
            _ => Err(wit::Problem::Unsupported(dispatch::UNNAMED.to_owned())),
        }
    }};
}

impl<T: Exported> contract::meta::Guest for Component<T> {
    #[inline(always)]
    fn describe() -> contract::meta::Descriptor {
        let _reports_panics = host();
        lower::descriptor(T::default().describe(), &capabilities::<T>())
    }

    #[inline(always)]
    fn check_settings() -> Result<(), Vec<wit::FieldFault>> {
        T::default().check_settings(&host()).map_err(all)
    }

    #[inline(always)]
    fn probe() -> Result<contract::meta::ProbeReport, wit::Problem> {
        let report = T::default().probe(&host());
        report.map(Into::into).map_err(Into::into)
    }

    #[inline(always)]
    fn discover(kind: String) -> Result<Vec<contract::meta::AttributeSpec>, wit::Problem> {
        T::default()
            .discover(&host(), &kind)
            .map(all)
            .map_err(Into::into)
    }
}

impl<T: Exported> contract::accounts::Guest for Component<T> {
    #[inline(always)]
    fn list_accounts(
        kind: String,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<contract::accounts::AccountPage, wit::Problem> {
        with!(ACCOUNTS, |accounts| accounts.list_accounts(
            &host(),
            &kind,
            &page(limit, cursor)
        ))
    }

    #[inline(always)]
    fn get_account(key: wit::ObjectRef) -> Result<Option<wit::Account>, wit::Problem> {
        with!(ACCOUNTS, |accounts| {
            let found = accounts.get_account(&host(), &key.into());
            found.map(|account| account.map(wit::Account::from))
        })
    }

    #[inline(always)]
    fn find_accounts(
        kind: String,
        keys: Vec<(String, String)>,
    ) -> Result<Vec<wit::Account>, wit::Problem> {
        with!(ACCOUNTS, |accounts| {
            let found = accounts.find_accounts(&host(), &kind, &keys);
            found.map(all::<_, wit::Account>)
        })
    }

    #[inline(always)]
    fn ensure_account(
        ctx: wit::OpContext,
        desired: contract::accounts::DesiredAccount,
    ) -> Result<wit::Outcome, wit::Problem> {
        with!(ACCOUNTS, |accounts| accounts.ensure_account(
            &host(),
            &ctx.into(),
            &desired.into()
        ))
    }

    #[inline(always)]
    fn ensure_state(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
        state: wit::AccountState,
    ) -> Result<wit::Outcome, wit::Problem> {
        with!(ACCOUNTS, |accounts| accounts.ensure_state(
            &host(),
            &ctx.into(),
            &target.into(),
            state.into()
        ))
    }

    #[inline(always)]
    fn ensure_absent(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
        plan: contract::accounts::LeavePlan,
    ) -> Result<wit::Outcome, wit::Problem> {
        with!(ACCOUNTS, |accounts| accounts.ensure_absent(
            &host(),
            &ctx.into(),
            &target.into(),
            &plan.into()
        ))
    }
}

impl<T: Exported> contract::entitlements::Guest for Component<T> {
    #[inline(always)]
    fn list_entitlements(
        kind: String,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<contract::entitlements::EntitlementPage, wit::Problem> {
        with!(ENTITLEMENTS, |entitlements| entitlements.list_entitlements(
            &host(),
            &kind,
            &page(limit, cursor)
        ))
    }
}

impl<T: Exported> contract::grants::Guest for Component<T> {
    #[inline(always)]
    fn list_grants(
        scope: contract::grants::GrantScope,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<contract::grants::GrantPage, wit::Problem> {
        with!(GRANTS, |grants| grants.list_grants(
            &host(),
            &scope.into(),
            &page(limit, cursor)
        ))
    }

    #[inline(always)]
    fn ensure_granted(
        ctx: wit::OpContext,
        principal: wit::ObjectRef,
        entitlement: wit::ObjectRef,
        expires: Option<String>,
    ) -> Result<wit::Outcome, wit::Problem> {
        let grant = GrantKey::new(principal.into(), entitlement.into());
        let expires = expires.map(Instant::from_contract);
        with!(GRANTS, |grants| grants.ensure_granted(
            &host(),
            &ctx.into(),
            &grant,
            expires.as_ref()
        ))
    }

    #[inline(always)]
    fn ensure_revoked(
        ctx: wit::OpContext,
        principal: wit::ObjectRef,
        entitlement: wit::ObjectRef,
    ) -> Result<wit::Outcome, wit::Problem> {
        let grant = GrantKey::new(principal.into(), entitlement.into());
        with!(GRANTS, |grants| grants.ensure_revoked(
            &host(),
            &ctx.into(),
            &grant
        ))
    }
}

impl<T: Exported> contract::credentials::Guest for Component<T> {
    #[inline(always)]
    fn list_credentials(
        owner: Option<wit::ObjectRef>,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<contract::credentials::CredentialPage, wit::Problem> {
        let owner = owner.map(Into::into);
        with!(CREDENTIALS, |credentials| credentials.list_credentials(
            &host(),
            owner.as_ref(),
            &page(limit, cursor)
        ))
    }

    #[inline(always)]
    fn end_sessions(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
    ) -> Result<wit::Outcome, wit::Problem> {
        with!(CREDENTIALS, |credentials| credentials.end_sessions(
            &host(),
            &ctx.into(),
            &target.into()
        ))
    }

    #[inline(always)]
    fn revoke_credentials(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
        categories: Vec<String>,
    ) -> Result<wit::Outcome, wit::Problem> {
        let (ctx, target) = (ctx.into(), target.into());
        with!(CREDENTIALS, |credentials| credentials.revoke_credentials(
            &host(),
            &ctx,
            &target,
            &categories
        ))
    }

    #[inline(always)]
    fn rotate_credential(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
    ) -> Result<contract::credentials::Rotated, wit::Problem> {
        with!(ROTATION, |rotation| rotation.rotate_credential(
            &host(),
            &ctx.into(),
            &target.into()
        ))
    }
}

impl<T: Exported> contract::ownership::Guest for Component<T> {
    #[inline(always)]
    fn transfer_owned(
        ctx: wit::OpContext,
        source: wit::ObjectRef,
        target: wit::ObjectRef,
    ) -> Result<wit::Outcome, wit::Problem> {
        let (ctx, source, target) = (ctx.into(), source.into(), target.into());
        with!(OWNERSHIP, |ownership| ownership.transfer_owned(
            &host(),
            &ctx,
            &source,
            &target
        ))
    }
}

impl<T: Exported> contract::changes::Guest for Component<T> {
    #[inline(always)]
    fn current_token() -> Result<String, wit::Problem> {
        with!(CHANGES, |changes| changes.current_token(&host()))
    }

    #[inline(always)]
    fn changes_since(
        token: String,
        limit: u32,
    ) -> Result<contract::changes::ChangePage, wit::Problem> {
        with!(CHANGES, |changes| changes.changes_since(
            &host(),
            &token,
            limit
        ))
    }
}

impl<T: Exported> contract::pending::Guest for Component<T> {
    #[inline(always)]
    fn poll(ctx: wit::OpContext, handle: String) -> Result<wit::Outcome, wit::Problem> {
        with!(PENDING, |pending| pending.poll(
            &host(),
            &ctx.into(),
            &handle
        ))
    }
}

impl<T: Exported> contract::events::Guest for Component<T> {
    #[inline(always)]
    fn translate(
        delivery: contract::events::Delivery,
    ) -> Result<contract::events::Translation, wit::Problem> {
        with!(EVENTS, |events| events.translate(&host(), &delivery.into()))
    }
}
