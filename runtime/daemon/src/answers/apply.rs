//! The approval of what is held: exactly the plan with this digest takes effect, or nothing does.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::v1;
use muster_core::id::Digest;

use super::asking::Part;
use super::operator::By;
use super::{Answered, Approvals, approval};

/// `POST /v1/held/{digest}/apply`.
pub(crate) async fn answer(
    State(approvals): State<Arc<Approvals>>,
    Part(plan): Part<Digest>,
    By(by): By,
) -> Answered<v1::Applied> {
    Ok(Json(approval::apply(&approvals, plan, by).await?))
}
