//! What a policy asks for and neither HR's data nor the apps have, as they were read last.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;

use super::approval;
use super::asking::unusable;
use super::progress::{ProgressSink, streamed};
use super::refusal::Refusal;
use super::{Approvals, ask};

/// `POST /v1/remarks/policy`.
pub(crate) async fn answer(
    State(approvals): State<Arc<Approvals>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| unusable(rejection.body_text()))?;
    let (_, progress) = ProgressSink::channel();
    let work = async move {
        let remarks = move |approvals: &Approvals| approval::policy_remarks(approvals, &body);
        ask(&approvals, remarks).await
    };
    Ok(streamed(work, progress))
}
