//! How a plan stands, whole or made in parts, and the words for what led to it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::fact::{Cause, Part, Plan};
use muster_core::id::PlanId;
use muster_ledger::Reader;

use super::asking;
use super::progress::{ProgressSink, streamed};
use super::{Listings, ask, broken, present, read};

/// How often a plan that is followed is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// `GET /v1/plans/{plan}/follow`: waits until nothing of a plan is left but what waits for a person or for a later
/// attempt.
pub(crate) async fn follow(
    State(listings): State<Arc<Listings>>,
    asking::Part(plan): asking::Part<PlanId>,
) -> Response {
    let (sink, progress) = ProgressSink::channel();
    let work = async move {
        loop {
            let status = ask(&listings, move |listings| listings.plan_status(plan)).await?;
            sink.report("operations", status.done, status.operations);
            if status.done + status.waiting + status.halted >= status.operations {
                return Ok(status);
            }
            listings.clock.sleep(FOLLOW_EVERY).await;
        }
    };
    streamed(work, progress)
}

impl Listings {
    /// How a plan stands.
    fn plan_status(&self, id: PlanId) -> Result<v1::PlanStatus, Fault> {
        let reader = read(&self.ledger)?;
        let kept = reader.plan(id).map_err(|error| broken(&error))?;
        let kept = kept.ok_or_else(|| Fault::not_found("plan", &id.to_string()))?;
        let (mut total, mut open, mut waiting, mut halted) = (0_u64, 0_u64, 0_u64, 0_u64);
        for part in parts(&reader, &kept.plan).map_err(|error| broken(&error))? {
            total += u64::from(part.counts.operations_total());
            let left = reader.open_operations(part.id);
            let left = left.map_err(|error| broken(&error))?;
            open += left.total();
            waiting += left.waiting + left.pending;
            halted += left.halted;
        }
        Ok(v1::PlanStatus {
            plan: id.0,
            cause: cause(&kept.plan.cause),
            made_at: present::instant(kept.at),
            operations: total,
            done: total.saturating_sub(open),
            waiting,
            halted,
            approved_by: present::approver(&kept.by),
        })
    }
}

/// What led to a plan, in words.
pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::File { feed, name, .. } => format!("file {name} of feed {feed}"),
        Cause::Policy => "a change of the policy or of what the targets can give".to_owned(),
        Cause::Date => "a date that was reached".to_owned(),
        Cause::Reference => "an account that others refer to".to_owned(),
        Cause::FeedRetired(feed) => format!("feed {feed} is retired"),
        Cause::Operator(name) => format!("order of {name}"),
    }
}

/// The file that a plan came from; `None` for plans that no file asked for.
pub(super) fn source_of(reader: &Reader, plan: PlanId) -> Option<v1::Source> {
    let kept = reader.plan(plan).ok().flatten()?;
    let approved_by = present::approver(&kept.by);
    let Cause::File { feed, name, digest } = &kept.plan.cause else {
        return Some(v1::Source {
            feed: String::new(),
            file: cause(&kept.plan.cause),
            digest: String::new(),
            row: None,
            plan: plan.0,
            at: present::instant(kept.at),
            approved_by,
        });
    };
    Some(v1::Source {
        feed: feed.to_string(),
        file: name.clone(),
        digest: digest.to_string(),
        row: None,
        plan: plan.0,
        at: present::instant(kept.at),
        approved_by,
    })
}

/// All parts of a plan that was made in parts; otherwise the plan.
fn parts(reader: &Reader, plan: &Plan) -> Result<Vec<Plan>, muster_ledger::Error> {
    let Some(Part { first, .. }) = plan.part else {
        return Ok(vec![plan.clone()]);
    };
    let mut parts = Vec::new();
    for number in first.0..reader.next_plan().0 {
        let Some(kept) = reader.plan(PlanId(number))? else {
            continue;
        };
        let Some(part) = kept.plan.part.filter(|part| part.first == first) else {
            continue;
        };
        parts.push(kept.plan);
        if part.is_last {
            break;
        }
    }
    Ok(parts)
}
