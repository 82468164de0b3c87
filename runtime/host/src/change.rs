//! Bringing a change about at a target.

use std::sync::Arc;

use muster_core::connector::{CallContext, Change, ObjectRef, Outcome, Problem};

use crate::call::{self, Called, Place, Scope};
use crate::contract::v0_1::bindings::muster::connector::types as wit;
use crate::contract::v0_1::convert::{from_guest, to_guest};
use crate::described;
use crate::failure::Garbage;
use crate::target::Target;

impl Target {
    /// Brings a change about.
    pub async fn change(&self, change: &Change, ctx: &CallContext) -> Result<Outcome, Problem> {
        let plugin = self.plugin();
        described::check_change(plugin.descriptor(), change)?;
        let may_adopt = match change {
            Change::EnsureAccount(desired) => desired.may_adopt,
            // Of a change that began earlier, it is not known here what it was allowed to.
            Change::Poll(_) => true,
            _ => false,
        };
        let place = Place {
            site: Arc::clone(&self.site),
            plugin,
        };
        let called = self.call_change(place, change, ctx).await;
        self.judge(called, |outcome| {
            let outcome = from_guest::outcome(outcome, may_adopt)?;
            check_same_account(change, &outcome)?;
            Ok(outcome)
        })
    }

    async fn call_change(
        &self,
        place: Place,
        change: &Change,
        ctx: &CallContext,
    ) -> Called<Result<wit::Outcome, wit::Problem>> {
        let people = place.plugin.descriptor().people();
        let kind = people.map_or_else(String::new, |kind| kind.name.clone());
        let password_slot = self.site.password_slot.clone();
        let scope = Scope::Operation(ctx.operation);
        let ctx = to_guest::context(ctx, self.site.limits.time);
        let object = to_guest::object;
        macro_rules! call {
            ($function:ident($($name:ident = $value:expr),*; $($argument:expr),*)) => {{
                $(let $name = $value;)*
                call::run(&self.host, place, scope, |exports| &exports.$function, move |function, store| {
                    Box::pin(async move { function.call(store, (&ctx $(, $argument)*)).await })
                })
                .await
            }};
        }
        match change {
            Change::EnsureAccount(wanted) => call!(ensure_account(
                desired = to_guest::desired(wanted, &kind, password_slot); &desired
            )),
            Change::EnsureState(account, state) => {
                call!(ensure_state(
                    account = object(account), state = to_guest::state(*state); &account, state
                ))
            }
            Change::EnsureAbsent(account) => call!(ensure_absent(
                account = object(account), plan = to_guest::leave_plan(); &account, &plan
            )),
            Change::EnsureGranted(account, right) => {
                call!(ensure_granted(
                    account = object(account), right = object(right); &account, &right, None::<wit::Instant>
                ))
            }
            Change::EnsureRevoked(account, right) => {
                call!(ensure_revoked(
                    account = object(account), right = object(right); &account, &right
                ))
            }
            Change::EndSessions(account) => call!(end_sessions(
                account = object(account); &account
            )),
            Change::RevokeCredentials(account) => {
                call!(revoke_credentials(
                    account = object(account), every = Vec::<String>::new(); &account, &every
                ))
            }
            Change::TransferOwned(from, to) => {
                call!(transfer_owned(
                    from = object(from), to = object(to); &from, &to
                ))
            }
            Change::Poll(handle) => call!(poll(
                handle = handle.clone(); &handle
            )),
        }
    }
}

/// Refuses an answer about another account than the one that was asked for.
fn check_same_account(change: &Change, outcome: &Outcome) -> Result<(), Garbage> {
    let asked = match change {
        Change::EnsureAccount(desired) => desired.object.as_ref(),
        Change::EnsureState(account, _) => Some(account),
        _ => None,
    };
    match (asked, &outcome.account) {
        (Some(asked), Some(account)) if !is_about(asked, &account.object) => Err(Garbage::new(
            "it answers with another account than the one that was asked for",
        )),
        _ => Ok(()),
    }
}

/// Whether an object is the one that was asked for. An app may add the container that it lives in.
pub(crate) fn is_about(asked: &ObjectRef, object: &ObjectRef) -> bool {
    asked.kind == object.kind
        && asked.id == object.id
        && (asked.container.is_none() || asked.container == object.container)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: &T) {}

    /// Calls are spawned: their futures must be able to move between threads.
    #[expect(dead_code, reason = "it is enough that it compiles")]
    fn calls_can_be_spawned(target: &Target, change: &Change, ctx: &CallContext) {
        is_send(&target.change(change, ctx));
        is_send(&target.list_accounts(None));
        is_send(&target.list_credentials(None));
        is_send(&target.probe());
    }
}
