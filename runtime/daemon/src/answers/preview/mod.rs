//! What would change: by a file, by an edited policy, or by what is held. Nothing is changed by asking.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use muster_api::v1;
use muster_core::id::{Digest, FeedName};
use serde::Deserialize;

use super::approval;
use super::asking::{Named as _, Parameters, Part, unusable};
use super::progress::{ProgressSink, streamed};
use super::refusal::Refusal;
use super::{Answered, Approvals, answered, ask};

#[derive(Deserialize)]
pub(crate) struct Asked {
    feed: String,
    file: String,
}

/// `POST /v1/preview`: what a file would lead to.
pub(crate) async fn of_file(
    State(approvals): State<Arc<Approvals>>,
    Parameters(asked): Parameters<Asked>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| {
        unusable(rejection.body_text()).hint("the largest file is file_max under [daemon]")
    })?;
    let Asked { feed, file } = asked;
    let feed = FeedName::named(&feed)?;
    let (sink, progress) = ProgressSink::channel();
    let work = async move {
        let preview = move |approvals: &Approvals| {
            approval::preview(approvals, &feed, &file, body.to_vec(), &sink)
        };
        ask(&approvals, preview).await
    };
    Ok(streamed(work, progress))
}

/// `POST /v1/preview/policy`: what an edited policy would lead to, as [`crate::policy::text`] writes it.
pub(crate) async fn of_policy(
    State(approvals): State<Arc<Approvals>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| unusable(rejection.body_text()))?;
    // The plan itself tells nothing while it is made; whoever waits still hears every second that it is.
    let (sink, progress) = ProgressSink::channel();
    sink.report("planning", 0, 0);
    let work = async move {
        let preview = move |approvals: &Approvals| approval::policy_preview(approvals, &body);
        ask(&approvals, preview).await
    };
    Ok(streamed(work, progress))
}

/// `GET /v1/held/{digest}`: what a held plan would change, person by person.
pub(crate) async fn of_held(
    State(approvals): State<Arc<Approvals>>,
    Part(plan): Part<Digest>,
) -> Answered<v1::Preview> {
    answered(approvals, move |approvals| {
        approval::held_preview(approvals, plan)
    })
    .await
}
