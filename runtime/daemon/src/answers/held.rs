//! What waits for a person: files, an edited policy, questions, and whatever else takes no effect before somebody
//! approves of it.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_config::Config;
use muster_core::hold::Hold;
use muster_ledger::Reader;

use super::{Answered, Approvals, answered, broken, present, read};
use crate::replan::Deciding;

/// `GET /v1/held`.
pub(crate) async fn answer(State(approvals): State<Arc<Approvals>>) -> Answered<Vec<v1::Held>> {
    let held = |approvals: &Approvals| {
        let Approvals {
            config, deciding, ..
        } = approvals;
        held(&read(&approvals.ledger)?, config, deciding)
    };
    answered(approvals, held).await
}

/// Everything that waits for a person.
pub(super) fn held(
    reader: &Reader,
    config: &Config,
    deciding: &Deciding,
) -> Result<Vec<v1::Held>, Fault> {
    let holds = deciding.holds.all(reader);
    let holds = holds.map_err(|error| broken(&error))?;
    let is_here = |hold: &&Hold| {
        let of = hold.file().map(|file| &file.feed);
        of.is_none_or(|feed| config.feeds.contains_key(feed))
    };
    let mut held: Vec<v1::Held> = holds.iter().filter(is_here).map(present::held).collect();
    let questions = reader.questions().map_err(|error| broken(&error))?;
    for (digest, kept) in questions.into_iter().filter(|(_, kept)| !kept.is_answered) {
        let finding = kept.question.finding(&digest.short());
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
    Ok(held)
}
