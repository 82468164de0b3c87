//! The next listing of a target's accounts is believed, however much it lacks: somebody says that it is right. It is
//! forgotten at a stop.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::id::TargetName;

use super::asking::Part;
use super::operator::By;
use super::{Answered, Orders, answered};

/// `POST /v1/targets/{target}/believe`.
pub(crate) async fn answer(
    State(orders): State<Arc<Orders>>,
    Part(target): Part<TargetName>,
    By(by): By,
) -> Answered<v1::Believed> {
    answered(orders, move |orders| believe(orders, &target, &by)).await
}

/// Has the next listing believed, and taken at once.
fn believe(orders: &Orders, target: &TargetName, by: &Operator) -> Result<v1::Believed, Fault> {
    let connected = orders.targets.get(target).ok_or_else(|| {
        Fault::not_found("target", target.as_str()).hint("`muster status` lists the targets")
    })?;
    tracing::warn!(target_name = %target, %by, "the next listing is believed, whatever it lacks");
    connected.believe_next_listing();
    Ok(v1::Believed {
        target: target.to_string(),
    })
}
