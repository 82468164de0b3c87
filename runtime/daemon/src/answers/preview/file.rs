//! What a file would lead to.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::id::FeedName;
use muster_intake::FileVerdict;
use serde::Deserialize;

use super::super::asking::{Named as _, Parameters, unusable};
use super::super::progress::{ProgressSink, streamed};
use super::super::refusal::Refusal;
use super::super::{Previews, ask, failed, feed, present};
use super::People;
use crate::feeds::{Decision, FeedError, Going, Item, decide_file};
use crate::planning::{OnPerson, Summary};

#[derive(Deserialize)]
pub(crate) struct Asked {
    feed: String,
    file: String,
}

/// `POST /v1/preview`.
pub(crate) async fn answer(
    State(previews): State<Arc<Previews>>,
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
        let preview =
            move |previews: &Previews| preview(previews, &feed, (&file, body.to_vec()), &sink);
        ask(&previews, preview).await
    };
    Ok(streamed(work, progress))
}

fn preview(
    previews: &Previews,
    name: &FeedName,
    (file, bytes): (&str, Vec<u8>),
    progress: &ProgressSink,
) -> Result<v1::Preview, Fault> {
    let feed = feed(&previews.config, name)?;
    progress.report("reading the file", 0, 0);
    let opened = muster_intake::open(bytes, feed.options());
    progress.report("planning", 0, 0);
    of_decision(previews, |on_person| {
        let going = Going::Preview(&previews.planning);
        decide_file(&feed, going, &Item::preview(file), opened, on_person)
    })
}

/// The preview of a decision, with the people it is about.
pub(super) fn of_decision(
    previews: &Previews,
    decide: impl FnOnce(OnPerson<'_>) -> Result<Decision, FeedError>,
) -> Result<v1::Preview, Fault> {
    let (decision, people) = People::of(previews, decide);
    let decision = decision.map_err(|error| failed(&error))?;
    Ok(presented(previews, &decision, people))
}

fn presented(previews: &Previews, decision: &Decision, people: People) -> v1::Preview {
    let empty = Summary::default();
    let summary = decision.summary.as_ref().unwrap_or(&empty);
    let (mut reasons, mut findings) = (Vec::new(), Vec::new());
    let holding = decision.mistakes.reasons();
    for finding in decision.mistakes.findings(&decision.file.feed) {
        let list = if holding.contains(&finding.code) {
            &mut reasons
        } else {
            &mut findings
        };
        list.push(present::finding(&finding, None));
    }
    reasons.extend(
        summary
            .exceeded
            .iter()
            .map(|finding| present::finding(finding, None)),
    );
    findings.extend(
        summary
            .findings
            .iter()
            .map(|finding| present::finding(finding, None)),
    );
    let verdict = match decision.verdict {
        FileVerdict::Rejected => "reject",
        FileVerdict::Held => "hold",
        FileVerdict::Accepted if !summary.exceeded.is_empty() => "hold",
        FileVerdict::Accepted if summary.is_empty() => "nothing",
        FileVerdict::Accepted => "apply",
    };
    let (people, people_omitted) = people.listed();
    v1::Preview {
        feed: decision.file.feed.to_string(),
        file: decision.file.name.clone(),
        file_digest: decision.file.digest.to_string(),
        plan_digest: summary.digest.map(|digest| digest.to_string()),
        policy: previews.planning.policy().version().to_string(),
        verdict: verdict.to_owned(),
        reasons,
        rows: decision
            .people
            .map_or(decision.file.content.row_count, |people| people.rows),
        people_read: decision.people.map_or(0, |people| people.people),
        quarantined: decision.people.map_or(0, |people| people.set_aside),
        counts: present::counts(&summary.counts),
        people,
        people_omitted,
        findings,
        problems: decision
            .mistakes
            .listed()
            .iter()
            .map(present::row_problem)
            .collect(),
        problem_counts: decision
            .mistakes
            .counts()
            .map(|(code, mistakes, rows)| v1::ProblemCount {
                code: code.to_string(),
                problems: u64::try_from(mistakes).unwrap_or(u64::MAX),
                rows,
            })
            .collect(),
    }
}
