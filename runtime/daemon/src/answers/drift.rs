//! What a person decides about an account that is not as it was left: it is put right, or stays as the app has it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use muster_api::error::{Fault, FaultKind, NOTHING_TO_DECIDE};
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::fact::Fact;
use muster_core::id::{PersonId, TargetName};
use muster_core::person::Decision;

use super::asking::{Named as _, unusable};
use super::operator::By;
use super::{Answered, Orders, answered, broken, present};

/// An account that a person decides about.
struct Drifted {
    /// Whose.
    person: PersonId,
    /// Where.
    target: TargetName,
    /// What happens to it.
    decision: Decision,
}

/// `POST /v1/accounts/{target}/{person}/{decision}`.
pub(crate) async fn answer(
    State(orders): State<Arc<Orders>>,
    account: Result<Path<(String, String, String)>, PathRejection>,
    By(by): By,
) -> Answered<v1::Account> {
    let Path((target, person, decision)) =
        account.map_err(|rejection| unusable(rejection.body_text()))?;
    let decision = match decision.as_str() {
        "restore" => Decision::Restore,
        "leave" => Decision::Leave,
        _ => return Err(unusable("an account is restored or left as it is").into()),
    };
    let account = Drifted {
        person: PersonId::named(&person)?,
        target: TargetName::named(&target)?,
        decision,
    };
    answered(orders, move |orders| decide(orders, &account, &by)).await
}

/// Records the decision. The next plan acts on it, which is made at once.
fn decide(orders: &Orders, account: &Drifted, by: &Operator) -> Result<v1::Account, Fault> {
    let decided = Fact::DriftDecided {
        person: account.person.clone(),
        target: account.target.clone(),
        decision: account.decision,
    };
    let is_decided = orders
        .committer
        .submit_blocking(orders.clock.now(), by.clone(), move |writer| {
            writer.record(&decided)
        })
        .map_err(|error| broken(&error))?;
    if !is_decided {
        let text = format!(
            "there is nothing to decide about the account of {} at {}",
            account.person, account.target
        );
        return Err(Fault::new(FaultKind::Conflict, NOTHING_TO_DECIDE, text)
            .hint("`muster findings` shows the accounts that somebody changed at an app"));
    }
    tracing::info!(person = %account.person, target_name = %account.target, %by, "somebody decided about an account");
    orders.bells.ring_all();
    let reader = orders.ledger.read().map_err(|error| broken(&error))?;
    let person = reader
        .person(&account.person)
        .map_err(|error| broken(&error))?;
    let known = orders.known.load();
    let shown = person.as_ref().and_then(|person| {
        present::account(person, &account.target, &known.titles, orders.clock.now())
    });
    shown.ok_or_else(|| Fault::not_found("account", &account.person.to_string()))
}
