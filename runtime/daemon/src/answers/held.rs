//! What waits for a person: files, an edited policy, questions, and whatever else takes no effect before somebody
//! approves of it.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_config::Config;
use muster_core::hold::Hold;
use muster_core::id::Digest;
use muster_core::question::Question;
use muster_ledger::Reader;

use super::{Answered, Waiting, answered, broken, failed, feed, present, read};
use crate::feeds::{Feed, Held};
use crate::replan::Deciding;

/// `GET /v1/held`.
pub(crate) async fn answer(State(waiting): State<Arc<Waiting>>) -> Answered<Vec<v1::Held>> {
    let held = |waiting: &Waiting| {
        let reader = read(&waiting.ledger)?;
        held(&reader, &waiting.config, &waiting.deciding)
    };
    answered(waiting, held).await
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
            file: question_title(&kept.question),
            file_digest: String::new(),
            plan_digest: Some(digest.to_string()),
            since: present::instant(kept.at),
            reasons: vec![present::finding(&finding, Some(kept.at))],
            counts: v1::Counts::default(),
        });
    }
    Ok(held)
}

/// What waits under a digest.
impl Waiting {
    /// The file, or the event, that is held under this plan.
    pub(super) fn file(&self, plan: Digest) -> Result<Option<(Feed, Held)>, Fault> {
        let reader = read(&self.ledger)?;
        for name in self.config.feeds.keys() {
            let held = Held::of(&reader, name, plan).map_err(|error| failed(&error))?;
            if let Some(held) = held {
                return Ok(Some((feed(&self.config, name)?, held)));
            }
        }
        Ok(None)
    }

    /// What waits under this plan, a file among others.
    pub(super) fn hold(&self, plan: Digest) -> Result<Option<Hold>, Fault> {
        let hold = self.deciding.holds.of_plan(plan);
        hold.map_err(|error| broken(&error))
    }

    /// The open question that this digest names.
    pub(super) fn question(&self, digest: Digest) -> Result<Option<Question>, Fault> {
        let questions = read(&self.ledger)?.questions();
        let questions = questions.map_err(|error| broken(&error))?;
        let found = questions
            .into_iter()
            .find(|(named, kept)| *named == digest && !kept.is_answered);
        Ok(found.map(|(_, kept)| kept.question))
    }
}

/// A question in a listing of what is held.
pub(super) fn question_title(question: &Question) -> String {
    format!("a question about {} ({})", question.person, question.code())
}

/// Nothing waits under this digest.
pub(super) fn no_such_plan(plan: Digest) -> Fault {
    Fault::not_found("held plan", &plan.short()).hint("`muster apply` lists what waits")
}
