//! Bringing a change about at a target.

use muster_core::connector::{CallContext, Change, ObjectRef, Outcome, OutcomeKind, Problem};

use crate::call::Scope;
use crate::described;
use crate::failure::Garbage;
use crate::target::Target;

impl Target {
    /// Brings a change about.
    pub async fn change(&self, change: &Change, ctx: &CallContext) -> Result<Outcome, Problem> {
        let call = self.begin(Scope::Operation(ctx.operation));
        described::check_change(call.descriptor(), change)?;
        let called = call.change(change, ctx).await;
        self.judge(called.checked(|outcome| {
            check_adopted(change, outcome)?;
            check_same_account(change, outcome)
        }))
    }
}

/// Refuses an account that was taken over without leave.
fn check_adopted(change: &Change, outcome: &Outcome) -> Result<(), Garbage> {
    let may_adopt = match change {
        Change::EnsureAccount(desired) => desired.may_adopt,
        // Of a change that began earlier, it is not known here what it was allowed to.
        Change::Poll(_) => true,
        _ => false,
    };
    if outcome.kind == OutcomeKind::Adopted && !may_adopt {
        return Err(Garbage::new(
            "it took an account over, which it was not allowed to",
        ));
    }
    Ok(())
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
