//! What a person decides about accounts that are other than they were left, and about listings.

use muster_api::error::{Fault, FaultKind, NOTHING_TO_DECIDE};
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::fact::Fact;
use muster_core::id::TargetName;

use super::broken;
use super::{Orders, present};
use crate::server::engine::DriftedAccount;

/// Records the decision. The next plan acts on it, which is made at once.
pub(super) fn decide(
    orders: &Orders,
    account: &DriftedAccount,
    by: &Operator,
) -> Result<v1::Account, Fault> {
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

/// Has the next listing believed, and taken at once.
pub(super) fn believe(
    orders: &Orders,
    target: &TargetName,
    by: &Operator,
) -> Result<v1::Believed, Fault> {
    let connected = orders.targets.get(target).ok_or_else(|| {
        Fault::not_found("target", target.as_str()).hint("`muster status` lists the targets")
    })?;
    tracing::warn!(target_name = %target, %by, "the next listing is believed, whatever it lacks");
    connected.believe_next_listing();
    Ok(v1::Believed {
        target: target.to_string(),
    })
}
