//! What a held plan would change, person by person; of an open question, what it asks.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::hold::{Hold, What};
use muster_core::id::Digest;

use super::super::asking::Part;
use super::super::held::{no_such_plan, question_title};
use super::super::{Answered, Previews, Waiting, answered, broken, failed, present};
use super::file::of_decision;
use super::{People, of_plan};
use crate::feeds::Going;
use crate::planning::Summary;
use crate::replan;
use crate::replan::waiting::order;

/// `GET /v1/held/{digest}`.
pub(crate) async fn answer(
    State(waiting): State<Arc<Waiting>>,
    State(previews): State<Arc<Previews>>,
    Part(plan): Part<Digest>,
) -> Answered<v1::Preview> {
    answered(waiting, move |waiting| preview(waiting, &previews, plan)).await
}

fn preview(waiting: &Waiting, previews: &Previews, plan: Digest) -> Result<v1::Preview, Fault> {
    if let Some((feed, held)) = waiting.file(plan)? {
        let going = Going::Preview(&previews.planning);
        return of_decision(previews, |on_person| {
            held.decide(&waiting.config.daemon.data, &feed, going, on_person)
        });
    }
    if let Some(hold) = waiting.hold(plan)? {
        return of_hold(waiting, previews, &hold);
    }
    let asked = waiting.question(plan)?.ok_or_else(|| no_such_plan(plan))?;
    let finding = asked.finding(&plan.short());
    Ok(v1::Preview {
        file: question_title(&asked),
        plan_digest: Some(plan.to_string()),
        policy: previews.planning.policy().version().to_string(),
        verdict: "hold".to_owned(),
        reasons: vec![present::finding(&finding, None)],
        ..v1::Preview::default()
    })
}

/// What something that no file asks for would change, person by person.
fn of_hold(waiting: &Waiting, previews: &Previews, hold: &Hold) -> Result<v1::Preview, Fault> {
    let (policy, (mut summary, people)) = match &hold.what {
        What::Policy(source) => {
            let policy = replan::compiled(source).map_err(|error| failed(&error.into()))?;
            let planned = previews.policy(&policy)?;
            // Operations that ended meanwhile have changed it: what is shown now is what can be approved.
            let kept = waiting.deciding.holds.shown_anew(hold, &planned.0);
            kept.map_err(|error| broken(&error))?;
            (policy, planned)
        }
        what => (previews.planning.policy(), plan(waiting, previews, what)?),
    };
    // The clock has no plan of its own.
    summary.digest = summary.digest.or(hold.plan);
    Ok(of_plan(hold.title(), &policy, &summary, people, "hold"))
}

/// What something that waits beside files and the policy would do, and to whom.
fn plan(waiting: &Waiting, previews: &Previews, what: &What) -> Result<(Summary, People), Fault> {
    let (summary, people) = People::of(previews, |on_person| {
        let order = order(&waiting.pending, what)?;
        order.map_or_else(
            || Ok(Summary::default()),
            |order| previews.planning.preview(order, on_person),
        )
    });
    Ok((summary.map_err(|error| failed(&error.into()))?, people))
}
