//! What an edited policy would lead to, before it is in force.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use muster_api::error::{API_UNUSABLE, Fault, FaultKind};
use muster_api::v1;
use muster_config::PolicyApply;
use muster_core::coded::chain;

use super::super::progress::{ProgressSink, streamed};
use super::super::refusal::Refusal;
use super::super::{Previews, ask, asking};
use super::of_plan;
use crate::policy::text;

/// `POST /v1/preview/policy`: the policy comes as [`crate::policy::text`] writes it.
pub(crate) async fn answer(
    State(previews): State<Arc<Previews>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| asking::unusable(rejection.body_text()))?;
    // The plan itself tells nothing while it is made; whoever waits still hears every second that it is.
    let (sink, progress) = ProgressSink::channel();
    sink.report("planning", 0, 0);
    let work = async move {
        let preview = move |previews: &Previews| preview(previews, &body);
        ask(&previews, preview).await
    };
    Ok(streamed(work, progress))
}

fn preview(previews: &Previews, sent: &[u8]) -> Result<v1::Preview, Fault> {
    let unusable = |text: String| Fault::new(FaultKind::Refused, API_UNUSABLE, text);
    let policy = Arc::new(text::read(sent).map_err(|error| unusable(chain(&error)))?);
    let now = previews.planning.policy();
    let (sent, running) = (policy.source(), now.source());
    if !sent.targets.keys().eq(running.targets.keys()) || sent.attributes != running.attributes {
        let text = "it is about other targets or attributes than the daemon runs with";
        return Err(unusable(text.to_owned())
            .hint("restart the daemon: what the new policy changes waits then, and `muster apply` shows it"));
    }
    let (summary, people) = previews.policy(&policy)?;
    let asks = previews.config.daemon.policy_apply == PolicyApply::Ask;
    let is_edit = policy.version() != now.version();
    let verdict = match (summary.is_empty(), summary.exceeded.is_empty()) {
        (true, _) => "nothing",
        (false, true) if !(asks && is_edit) => "apply",
        (false, _) => "hold",
    };
    Ok(of_plan(
        "the policy".to_owned(),
        &policy,
        &summary,
        people,
        verdict,
    ))
}
