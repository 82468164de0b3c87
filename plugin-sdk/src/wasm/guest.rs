//! The exported functions: lift the arguments, dispatch, lower the answer.
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

/// Ends an exported function whose capability was not named. A constant says so, here and not in `dispatch`.
macro_rules! named {
    ($capability:ident) => {
        if !T::$capability {
            return Err(wit::Problem::Unsupported(dispatch::UNNAMED.to_owned()));
        }
    };
}

/// Turns an answer into what crosses the boundary.
fn answer<T, W: From<T>>(result: crate::Result<T>) -> Result<W, wit::Problem> {
    result.map(W::from).map_err(wit::Problem::from)
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
        answer(T::default().probe(&host()))
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
        named!(ACCOUNTS);
        answer(dispatch::list_accounts::<T>(
            &host(),
            &kind,
            &page(limit, cursor),
        ))
    }

    #[inline(always)]
    fn get_account(key: wit::ObjectRef) -> Result<Option<wit::Account>, wit::Problem> {
        named!(ACCOUNTS);
        let found = dispatch::get_account::<T>(&host(), &key.into());
        found
            .map(|account| account.map(Into::into))
            .map_err(Into::into)
    }

    #[inline(always)]
    fn find_accounts(
        kind: String,
        keys: Vec<(String, String)>,
    ) -> Result<Vec<wit::Account>, wit::Problem> {
        named!(ACCOUNTS);
        dispatch::find_accounts::<T>(&host(), &kind, &keys)
            .map(all)
            .map_err(Into::into)
    }

    #[inline(always)]
    fn ensure_account(
        ctx: wit::OpContext,
        desired: contract::accounts::DesiredAccount,
    ) -> Result<wit::Outcome, wit::Problem> {
        named!(ACCOUNTS);
        answer(dispatch::ensure_account::<T>(
            &host(),
            &ctx.into(),
            &desired.into(),
        ))
    }

    #[inline(always)]
    fn ensure_state(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
        state: wit::AccountState,
    ) -> Result<wit::Outcome, wit::Problem> {
        named!(ACCOUNTS);
        answer(dispatch::ensure_state::<T>(
            &host(),
            &ctx.into(),
            &target.into(),
            state.into(),
        ))
    }

    #[inline(always)]
    fn ensure_absent(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
        plan: contract::accounts::LeavePlan,
    ) -> Result<wit::Outcome, wit::Problem> {
        named!(ACCOUNTS);
        answer(dispatch::ensure_absent::<T>(
            &host(),
            &ctx.into(),
            &target.into(),
            &plan.into(),
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
        named!(ENTITLEMENTS);
        answer(dispatch::list_entitlements::<T>(
            &host(),
            &kind,
            &page(limit, cursor),
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
        named!(GRANTS);
        answer(dispatch::list_grants::<T>(
            &host(),
            &scope.into(),
            &page(limit, cursor),
        ))
    }

    #[inline(always)]
    fn ensure_granted(
        ctx: wit::OpContext,
        principal: wit::ObjectRef,
        entitlement: wit::ObjectRef,
        expires: Option<String>,
    ) -> Result<wit::Outcome, wit::Problem> {
        named!(GRANTS);
        let grant = GrantKey::new(principal.into(), entitlement.into());
        let expires = expires.map(Instant::from_contract);
        answer(dispatch::ensure_granted::<T>(
            &host(),
            &ctx.into(),
            &grant,
            expires.as_ref(),
        ))
    }

    #[inline(always)]
    fn ensure_revoked(
        ctx: wit::OpContext,
        principal: wit::ObjectRef,
        entitlement: wit::ObjectRef,
    ) -> Result<wit::Outcome, wit::Problem> {
        named!(GRANTS);
        let grant = GrantKey::new(principal.into(), entitlement.into());
        answer(dispatch::ensure_revoked::<T>(&host(), &ctx.into(), &grant))
    }
}

impl<T: Exported> contract::credentials::Guest for Component<T> {
    #[inline(always)]
    fn list_credentials(
        owner: Option<wit::ObjectRef>,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<contract::credentials::CredentialPage, wit::Problem> {
        named!(CREDENTIALS);
        let owner = owner.map(Into::into);
        answer(dispatch::list_credentials::<T>(
            &host(),
            owner.as_ref(),
            &page(limit, cursor),
        ))
    }

    #[inline(always)]
    fn end_sessions(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
    ) -> Result<wit::Outcome, wit::Problem> {
        named!(CREDENTIALS);
        answer(dispatch::end_sessions::<T>(
            &host(),
            &ctx.into(),
            &target.into(),
        ))
    }

    #[inline(always)]
    fn revoke_credentials(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
        categories: Vec<String>,
    ) -> Result<wit::Outcome, wit::Problem> {
        named!(CREDENTIALS);
        let (ctx, target) = (ctx.into(), target.into());
        answer(dispatch::revoke_credentials::<T>(
            &host(),
            &ctx,
            &target,
            &categories,
        ))
    }

    #[inline(always)]
    fn rotate_credential(
        ctx: wit::OpContext,
        target: wit::ObjectRef,
    ) -> Result<contract::credentials::Rotated, wit::Problem> {
        named!(ROTATION);
        answer(dispatch::rotate_credential::<T>(
            &host(),
            &ctx.into(),
            &target.into(),
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
        named!(OWNERSHIP);
        let (ctx, source, target) = (ctx.into(), source.into(), target.into());
        answer(dispatch::transfer_owned::<T>(
            &host(),
            &ctx,
            &source,
            &target,
        ))
    }
}

impl<T: Exported> contract::changes::Guest for Component<T> {
    #[inline(always)]
    fn current_token() -> Result<String, wit::Problem> {
        named!(CHANGES);
        answer(dispatch::current_token::<T>(&host()))
    }

    #[inline(always)]
    fn changes_since(
        token: String,
        limit: u32,
    ) -> Result<contract::changes::ChangePage, wit::Problem> {
        named!(CHANGES);
        answer(dispatch::changes_since::<T>(&host(), &token, limit))
    }
}

impl<T: Exported> contract::pending::Guest for Component<T> {
    #[inline(always)]
    fn poll(ctx: wit::OpContext, handle: String) -> Result<wit::Outcome, wit::Problem> {
        named!(PENDING);
        answer(dispatch::poll::<T>(&host(), &ctx.into(), &handle))
    }
}

impl<T: Exported> contract::events::Guest for Component<T> {
    #[inline(always)]
    fn translate(
        delivery: contract::events::Delivery,
    ) -> Result<contract::events::Translation, wit::Problem> {
        named!(EVENTS);
        answer(dispatch::translate::<T>(&host(), &delivery.into()))
    }
}
