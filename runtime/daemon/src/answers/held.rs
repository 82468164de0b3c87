//! What waits for a person: files, an edited policy, questions, and whatever else takes no effect before somebody
//! approves of it.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::page::title_of;
use muster_api::v1;
use muster_config::Config;
use muster_core::finding::Severity;
use muster_core::subject::Subject;
use muster_ledger::Reader;

use super::{Answered, Approvals, answered, broken, present, read};
use crate::replan::Deciding;
use crate::replan::waiting::Pending;

/// `GET /v1/held`.
pub(crate) async fn answer(State(approvals): State<Arc<Approvals>>) -> Answered<Vec<v1::Held>> {
    let held = |approvals: &Approvals| {
        let Approvals {
            config,
            deciding,
            pending,
            ..
        } = approvals;
        held(&read(&approvals.ledger)?, config, deciding, pending)
    };
    answered(approvals, held).await
}

/// The files, and the change of the policy, that wait for a person.
pub(super) fn held(
    reader: &Reader,
    config: &Config,
    deciding: &Deciding,
    pending: &Pending,
) -> Result<Vec<v1::Held>, Fault> {
    let mut held = Vec::new();
    for name in config.feeds.keys() {
        let kept = reader.feed(name).map_err(|error| broken(&error))?;
        let Some(file) = kept.and_then(|kept| kept.held) else {
            continue;
        };
        let reasons = file.reasons.iter().map(|code| v1::Finding {
            code: code.to_string(),
            severity: Severity::Error.as_str().to_owned(),
            subject: Subject::from(name).to_string(),
            text: title_of(code.as_str()),
            hint: String::new(),
            since: Some(present::instant(file.at)),
        });
        held.push(v1::Held {
            feed: name.to_string(),
            file: file.file.name.clone(),
            file_digest: file.file.digest.to_string(),
            plan_digest: file.plan_digest.map(|digest| digest.to_string()),
            since: present::instant(file.at),
            reasons: reasons.collect(),
            counts: v1::Counts::default(),
        });
    }
    if let Some(hold) = deciding.held() {
        held.push(v1::Held {
            feed: String::new(),
            file: "the policy".to_owned(),
            file_digest: String::new(),
            plan_digest: hold.summary.digest.map(|digest| digest.to_string()),
            since: present::instant(hold.since),
            reasons: hold
                .summary
                .exceeded
                .iter()
                .map(|finding| present::finding(finding, None))
                .collect(),
            counts: present::counts(&hold.summary.counts),
        });
    }
    let questions = reader.questions().map_err(|error| broken(&error))?;
    for (digest, kept) in questions.into_iter().filter(|(_, kept)| !kept.is_answered) {
        let finding = kept.question.finding(&crate::plugins::short(digest));
        held.push(v1::Held {
            feed: kept.question.person.feed.to_string(),
            file: super::approval::question_title(&kept.question),
            file_digest: String::new(),
            plan_digest: Some(digest.to_string()),
            since: present::instant(kept.at),
            reasons: vec![present::finding(&finding, Some(kept.at))],
            counts: v1::Counts::default(),
        });
    }
    for waiting in crate::replan::waiting::all(pending) {
        let reasons = waiting.summary.exceeded.iter();
        held.push(v1::Held {
            feed: String::new(),
            file: waiting.what.title(),
            file_digest: String::new(),
            plan_digest: waiting.summary.digest.map(|digest| digest.to_string()),
            since: present::instant(waiting.since),
            reasons: reasons
                .map(|finding| present::finding(finding, None))
                .collect(),
            counts: present::counts(&waiting.summary.counts),
        });
    }
    Ok(held)
}
