//! The approval of what is held: exactly the plan with this digest takes effect, or nothing does. It takes effect only
//! where the plan still comes out with the digest that was shown.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::error::{API_OTHER_PLAN, Fault, FaultKind};
use muster_api::v1;
use muster_core::actor::{Actor, Operator};
use muster_core::fact::Fact;
use muster_core::hold::{About, Hold, What};
use muster_core::id::Digest;
use muster_intake::FileVerdict;

use super::asking::Part;
use super::held::no_such_plan;
use super::operator::By;
use super::{Answered, Approvals, Waiting, broken, failed, present};
use crate::feeds::{Decision, Feed, Going, Held};
use crate::planning::{Failed, Maker, Summary};
use crate::replan;

/// `POST /v1/held/{digest}/apply`.
pub(crate) async fn answer(
    State(waiting): State<Arc<Waiting>>,
    State(approvals): State<Arc<Approvals>>,
    Part(plan): Part<Digest>,
    By(by): By,
) -> Answered<v1::Applied> {
    Ok(Json(apply(&waiting, &approvals, plan, by).await?))
}

async fn apply(
    waiting: &Arc<Waiting>,
    approvals: &Approvals,
    plan: Digest,
    by: Operator,
) -> Result<v1::Applied, Fault> {
    if waiting.question(plan)?.is_some() {
        return answer_question(approvals, plan, &by).await;
    }
    match waiting.hold(plan)?.map(|hold| hold.what) {
        None | Some(What::File(_)) => apply_file(waiting, approvals, plan, by).await,
        Some(What::Policy(_)) => {
            let summary = replan::approved(&waiting.deciding, plan, &by).await;
            let summary = summary.map_err(|error| failed(&error.into()))?;
            let summary = summary.ok_or_else(|| no_such_plan(plan))?;
            let hint = if summary.is_empty() {
                "nothing of what it changed is left to do; the policy decides from now on"
            } else {
                "operations that ended meanwhile changed it; look at `muster apply` and approve the new one"
            };
            applied(summary, plan, &by, hint)
        }
        Some(what) => {
            let summary = replan::waiting::approved(&waiting.pending, plan, &by).await;
            let summary = summary.map_err(|error| failed(&error.into()))?;
            let summary = summary.ok_or_else(|| no_such_plan(plan))?;
            if what == What::Clock {
                return Ok(v1::Applied {
                    plan: 0,
                    digest: plan.to_string(),
                    counts: v1::Counts::default(),
                    approved_by: Some(present::operator(&by)),
                });
            }
            let hint =
                "what went on meanwhile changed it; look at `muster apply` and approve the new one";
            applied(summary, plan, &by, hint)
        }
    }
}

/// Keeps that somebody answered a question: the file is right. It counts when the file comes again.
async fn answer_question(
    approvals: &Approvals,
    digest: Digest,
    by: &Operator,
) -> Result<v1::Applied, Fault> {
    let fact = Fact::QuestionAnswered { digest };
    let now = approvals.clock.now();
    let recorded = approvals
        .committer
        .record(now, by.clone(), vec![fact])
        .await;
    recorded.map_err(|error| broken(&error))?;
    Ok(v1::Applied {
        plan: 0,
        digest: digest.to_string(),
        counts: v1::Counts::default(),
        approved_by: Some(present::operator(by)),
    })
}

async fn apply_file(
    waiting: &Arc<Waiting>,
    approvals: &Approvals,
    plan: Digest,
    by: Operator,
) -> Result<v1::Applied, Fault> {
    let (waiting, approver) = (Arc::clone(waiting), by.clone());
    let decided = move |maker: &Maker<'_>| Ok(approved(&waiting, maker, plan, &approver));
    let decided = approvals.planning.alone(decided).await;
    let (feed, held, decision) = decided.map_err(|error: Failed| failed(&error.into()))??;
    if decision.verdict == FileVerdict::Accepted {
        tracing::info!(feed = %feed.name(), uid = by.uid, plan = plan.short(), "held plan approved");
        held.put_away(&feed, &decision, approvals.clock.now());
        approvals.bells.arrival(feed.name()).notify_one();
    }
    let hint = if decision.verdict == FileVerdict::Accepted {
        "what the file says is so already; it was put into `processed`"
    } else {
        "what went on meanwhile changed it, and the file is still held; look at `muster apply` and approve the new one"
    };
    applied(decision.summary.unwrap_or_default(), plan, &by, hint)
}

/// Decides about what is held under this plan, because somebody approves of it.
fn approved(
    waiting: &Waiting,
    maker: &Maker<'_>,
    plan: Digest,
    by: &Operator,
) -> Result<(Feed, Held, Decision), Fault> {
    let (feed, held) = waiting.file(plan)?.ok_or_else(|| no_such_plan(plan))?;
    let going = Going::Approved { maker, plan, by };
    let data = &waiting.config.daemon.data;
    let decided = held.decide(data, &feed, going, &mut |_, _| {});
    let mut decision = decided.map_err(|error| failed(&error))?;
    // The verdict on its rows is not that it was applied: only what stands in the ledger is.
    if decision.summary.as_ref().is_some_and(Summary::stands) {
        decision.verdict = FileVerdict::Accepted;
    } else {
        decision.verdict = FileVerdict::Held;
        replanned(maker, &decision)?;
    }
    Ok((feed, held, decision))
}

/// Keeps under which digest a held file can be approved from now on, since what was shown is no more.
fn replanned(maker: &Maker<'_>, decision: &Decision) -> Result<(), Fault> {
    let Some(summary) = decision.summary.as_ref().filter(|one| one.digest.is_some()) else {
        return Ok(());
    };
    let held = maker
        .planning()
        .read()
        .and_then(|reader| reader.hold(&About::File(decision.file.feed.clone())));
    let held = held.map_err(|error| broken(&error))?;
    let is_that = |hold: &Hold| hold.file().map(|file| file.digest) == Some(decision.file.digest);
    let Some(held) = held.filter(is_that) else {
        return Ok(());
    };
    let now = Hold {
        plan: summary.digest,
        counts: summary.counts.clone(),
        ..held
    };
    let recorded = maker.record(Actor::Daemon, &[Fact::HoldOpened(now)]);
    recorded.map_err(|error| broken(&error))
}

fn applied(
    summary: Summary,
    wanted: Digest,
    by: &Operator,
    hint: &str,
) -> Result<v1::Applied, Fault> {
    if let Some(plan) = summary.plan {
        return Ok(v1::Applied {
            plan: plan.id.0,
            digest: plan.digest.to_string(),
            counts: present::counts(&plan.counts),
            approved_by: Some(present::operator(by)),
        });
    }
    let now = summary.digest.map_or_else(
        || "there is nothing left to do".to_owned(),
        |digest| format!("it would now be {}", digest.short()),
    );
    let text = format!("the plan is no longer {}: {now}", wanted.short());
    Err(Fault::new(FaultKind::Conflict, API_OTHER_PLAN, text).hint(hint))
}
