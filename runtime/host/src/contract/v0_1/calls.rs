//! Calls a plugin's functions, with the core's words on this side and the contract's on the other.

use muster_core::connector::{
    CallContext, Change, Entitlement, ObjectRef, Outcome, Page, RemoteAccount, RemoteCredential,
    RemoteGrant,
};

use super::Linked;
use super::bindings::exports::muster::connector::{events, grants};
use super::bindings::muster::connector::types as wit;
use super::convert::{check, feed, from_guest, probe, problem, to_guest};
use crate::call::{Call, Called};
use crate::contract::Answer;
use crate::failure::Garbage;
use crate::read::{AttributeSpec, ChangePage, ProbeReport, Rotated, Translation, WhichGrants};

/// Most accounts that a search by key can give.
const FOUND_MAX: usize = 100;

/// Calls a function. What the arguments borrow has to be owned by the caller: the call takes it along.
macro_rules! call {
    ($linked:ident, $call:ident, $function:ident($($argument:expr),*)) => {{
        let export = &$linked.exports.$function;
        $call.run(export.function, move |instance, store| {
            let function = export.of(instance);
            Box::pin(async move { function.call(store, ($($argument,)*)).await })
        })
        .await
    }};
}

/// What a function answered, as `convert` reads it.
fn answer<R, T>(
    called: Called<Result<R, wit::Problem>>,
    convert: impl FnOnce(R) -> Result<T, Garbage>,
) -> Called<Answer<T>> {
    let sent = called.requests.has_left();
    called.map(|said| match said {
        Ok(given) => match convert(given) {
            Ok(given) => Answer::Given(given),
            Err(garbage) => Answer::Garbage(garbage),
        },
        Err(reported) => Answer::Reported(problem::reported(reported, sent)),
    })
}

impl Linked {
    pub(crate) async fn change(
        &self,
        call: Call<'_>,
        change: &Change,
        ctx: &CallContext,
    ) -> Called<Answer<Outcome>> {
        let context = &call.place.context;
        let ctx = to_guest::context(ctx, context.limits.time);
        let object = to_guest::object;
        let called = match change {
            Change::EnsureAccount(wanted) => {
                let people = call.place.plugin.descriptor().people();
                let kind = people.map_or("", |kind| kind.name.as_str());
                let desired = to_guest::desired(wanted, kind, context.password_slot.clone());
                call!(self, call, ensure_account(&ctx, &desired))
            }
            Change::EnsureState(account, state) => {
                let (account, state) = (object(account), to_guest::state(*state));
                call!(self, call, ensure_state(&ctx, &account, state))
            }
            Change::EnsureAbsent(account) => {
                let (account, plan) = (object(account), to_guest::leave_plan());
                call!(self, call, ensure_absent(&ctx, &account, &plan))
            }
            Change::EnsureGranted(account, right) => {
                let (account, right) = (object(account), object(right));
                let never = None::<wit::Instant>;
                call!(self, call, ensure_granted(&ctx, &account, &right, never))
            }
            Change::EnsureRevoked(account, right) => {
                let (account, right) = (object(account), object(right));
                call!(self, call, ensure_revoked(&ctx, &account, &right))
            }
            Change::EndSessions(account) => {
                let account = object(account);
                call!(self, call, end_sessions(&ctx, &account))
            }
            Change::RevokeCredentials(account) => {
                let (account, every) = (object(account), Vec::<String>::new());
                call!(self, call, revoke_credentials(&ctx, &account, &every))
            }
            Change::TransferOwned(from, to) => {
                let (from, to) = (object(from), object(to));
                call!(self, call, transfer_owned(&ctx, &from, &to))
            }
            Change::Poll(handle) => {
                let handle = handle.clone();
                call!(self, call, poll(&ctx, &handle))
            }
        };
        answer(called, from_guest::outcome)
    }

    pub(crate) async fn check_settings(&self, call: Call<'_>) -> Called<Vec<(String, String)>> {
        let called = call!(self, call, check_settings());
        called.map(|said| said.map_or_else(|faults| problem::fields(&faults), |()| Vec::new()))
    }

    pub(crate) async fn probe(&self, call: Call<'_>) -> Called<Answer<ProbeReport>> {
        answer(call!(self, call, probe()), probe::report)
    }

    pub(crate) async fn discover(
        &self,
        call: Call<'_>,
        kind: &str,
    ) -> Called<Answer<Vec<AttributeSpec>>> {
        let kind = kind.to_owned();
        answer(call!(self, call, discover(&kind)), probe::attribute_specs)
    }

    pub(crate) async fn get_account(
        &self,
        call: Call<'_>,
        key: &ObjectRef,
    ) -> Called<Answer<Option<RemoteAccount>>> {
        let key = to_guest::object(key);
        let called = call!(self, call, get_account(&key));
        answer(called, |found| found.map(from_guest::account).transpose())
    }

    pub(crate) async fn find_accounts(
        &self,
        call: Call<'_>,
        kind: &str,
        keys: &[(String, String)],
    ) -> Called<Answer<Vec<RemoteAccount>>> {
        let (kind, keys) = (kind.to_owned(), keys.to_vec());
        let called = call!(self, call, find_accounts(&kind, &keys));
        answer(called, |found| {
            check::few("accounts found", found, FOUND_MAX)?
                .into_iter()
                .map(from_guest::account)
                .collect()
        })
    }

    pub(crate) async fn list_accounts(
        &self,
        call: Call<'_>,
        kind: &str,
        limit: u32,
        cursor: Option<String>,
    ) -> Called<Answer<Page<RemoteAccount>>> {
        let kind = kind.to_owned();
        let called = call!(self, call, list_accounts(&kind, limit, cursor.as_ref()));
        answer(called, |page| from_guest::page(page.items, page.end, limit))
    }

    pub(crate) async fn list_entitlements(
        &self,
        call: Call<'_>,
        kind: &str,
        limit: u32,
        cursor: Option<String>,
    ) -> Called<Answer<Page<Entitlement>>> {
        let kind = kind.to_owned();
        let called = call!(self, call, list_entitlements(&kind, limit, cursor.as_ref()));
        answer(called, |page| from_guest::page(page.items, page.end, limit))
    }

    pub(crate) async fn list_grants(
        &self,
        call: Call<'_>,
        which: &WhichGrants,
        limit: u32,
        cursor: Option<String>,
    ) -> Called<Answer<Page<RemoteGrant>>> {
        let scope = match which {
            WhichGrants::OfKind(kind) => grants::GrantScope::OfKind(kind.clone()),
            WhichGrants::OfEntitlement(object) => {
                grants::GrantScope::OfEntitlement(to_guest::object(object))
            }
            WhichGrants::OfPrincipal(object) => {
                grants::GrantScope::OfPrincipal(to_guest::object(object))
            }
        };
        let called = call!(self, call, list_grants(&scope, limit, cursor.as_ref()));
        answer(called, |page| from_guest::page(page.items, page.end, limit))
    }

    pub(crate) async fn list_credentials(
        &self,
        call: Call<'_>,
        owner: Option<&ObjectRef>,
        limit: u32,
        cursor: Option<String>,
    ) -> Called<Answer<Page<RemoteCredential>>> {
        let owner = owner.map(to_guest::object);
        let called = call!(
            self,
            call,
            list_credentials(owner.as_ref(), limit, cursor.as_ref())
        );
        answer(called, |page| from_guest::page(page.items, page.end, limit))
    }

    pub(crate) async fn rotate_credential(
        &self,
        call: Call<'_>,
        key: &ObjectRef,
        ctx: &CallContext,
    ) -> Called<Answer<Rotated>> {
        let key = to_guest::object(key);
        let ctx = to_guest::context(ctx, call.place.context.limits.time);
        let called = call!(self, call, rotate_credential(&ctx, &key));
        answer(called, |rotated| {
            Ok(Rotated {
                credential: from_guest::credential(rotated.credential)?,
                handle: check::opaque("the handle of a sealed secret", rotated.sealed)?,
            })
        })
    }

    pub(crate) async fn current_token(&self, call: Call<'_>) -> Called<Answer<String>> {
        let called = call!(self, call, current_token());
        answer(called, |token| check::opaque("a change token", token))
    }

    pub(crate) async fn changes_since(
        &self,
        call: Call<'_>,
        token: &str,
        limit: u32,
    ) -> Called<Answer<ChangePage>> {
        let token = token.to_owned();
        let called = call!(self, call, changes_since(&token, limit));
        answer(called, |page| feed::change_page(page, limit))
    }

    pub(crate) async fn translate(
        &self,
        call: Call<'_>,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Called<Answer<Translation>> {
        let delivery = events::Delivery {
            headers,
            body,
            received: (call.place.context.clock)().to_string(),
            extra: Vec::new(),
        };
        answer(call!(self, call, translate(&delivery)), feed::translation)
    }
}
