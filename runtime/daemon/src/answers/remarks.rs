//! What a policy asks for and neither HR's data nor the apps have, as they were read last.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use muster_api::error::{API_UNUSABLE, Fault, FaultKind};
use muster_api::v1;
use muster_core::coded::chain;

use super::asking::unusable;
use super::progress::{ProgressSink, streamed};
use super::refusal::Refusal;
use super::{Listings, ask, broken, present, read};
use crate::policy::{known, text};

/// `POST /v1/remarks/policy`.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| unusable(rejection.body_text()))?;
    let (_, progress) = ProgressSink::channel();
    let work = async move {
        let remarks = move |listings: &Listings| listings.policy_remarks(&body);
        ask(&listings, remarks).await
    };
    Ok(streamed(work, progress))
}

impl Listings {
    fn policy_remarks(&self, sent: &[u8]) -> Result<Vec<v1::Finding>, Fault> {
        let policy = text::read(sent).map_err(|error| {
            let text = chain(&error);
            Fault::new(FaultKind::Refused, API_UNUSABLE, text)
        })?;
        let reader = read(&self.ledger)?;
        let remarks = known::remarks(&policy, &reader).map_err(|error| broken(&error))?;
        let remarks = remarks.iter();
        Ok(remarks
            .map(|finding| present::finding(finding, None))
            .collect())
    }
}
