//! Plans that no file asks for: the policy, the configuration or a catalogue changed, a date was reached, or
//! an account that others refer to is another one. What is too much of these waits for a person and holds up nothing else.

pub mod dates;
pub mod references;
pub mod waiting;

use std::sync::{Arc, MutexGuard, PoisonError};

use muster_config::PolicyApply;
use muster_core::actor::{Actor, Operator};
use muster_core::fact::{Cause, Fact};
use muster_core::finding::{Finding, Severity};
use muster_core::id::{Digest, PolicyVersion};
use muster_core::policy::Policy;
use muster_core::subject::Subject;

use crate::app::{App, PolicyHold};
use crate::editor;
use crate::findings::LookedAt;
use crate::planning::{self, Consent, Failed, Order, Scope, Summary};
use crate::policy::EDITED;

/// Begins where the daemon stopped: with the policy that decided then, which takes up what its files say now
/// like any other edit.
pub async fn begin(app: &Arc<App>, configured: Arc<Policy>) -> Result<(), Failed> {
    let version = configured.version().clone();
    decide_by(app, configured).await?;
    let before = app.policy.load().version().clone();
    if before != version {
        tracing::warn!(%before, %version, "the policy before decides until the new one is approved");
        everybody(app).await?;
    }
    Ok(())
}

/// Brings everybody to what the policy says now. A plan that takes too much from too many waits.
pub async fn everybody(app: &Arc<App>) -> Result<Summary, Failed> {
    decide_by(app, app.policy.load_full()).await
}

/// Brings everybody to what a policy says, and has it decide from now on. Where it is another policy and
/// changes what somebody has, or takes too much from too many, it waits for a person, and the policy before goes on deciding: a mistake in a rule must
/// not keep a leaver's file from being worked on.
pub async fn decide_by(app: &Arc<App>, policy: Arc<Policy>) -> Result<Summary, Failed> {
    let _one_at_a_time = app.planning.lock().await;
    let is_new = *policy.version() != *app.policy.load().version();
    let consent = match app.config.daemon.policy_apply {
        PolicyApply::Ask if is_new => Consent::IfNothing,
        PolicyApply::Ask | PolicyApply::WithinLimits => Consent::WithinLimits,
    };
    let summary = make(app, &policy, consent, None).await?;
    keep(app, policy, &summary).await;
    app.wake_all();
    Ok(summary)
}

/// Keeps what waits for a person, or that nothing does.
async fn keep(app: &Arc<App>, policy: Arc<Policy>, summary: &Summary) {
    let waits = summary.plan.is_none() && !summary.is_empty();
    if let Some(digest) = summary.digest.filter(|_| waits) {
        tracing::warn!(
            digest = crate::plugins::short(digest),
            "a change of the policy waits for a person"
        );
        let scope = of_hold();
        let found = held(app, &policy, summary, digest);
        app.findings.settle(scope, found).await;
        *hold(app) = Some(PolicyHold {
            policy,
            summary: summary.clone(),
            since: app.clock.now(),
        });
        return;
    }
    // Another policy that waits goes on waiting: this was the one that decides already.
    let other_waits = {
        let held = hold(app);
        let is_other = |held: &PolicyHold| held.policy.version() != policy.version();
        *app.policy.load().version() == *policy.version() && held.as_ref().is_some_and(is_other)
    };
    if other_waits {
        return;
    }
    app.policy.store(policy);
    *hold(app) = None;
    close_holds(app).await;
    app.check_capabilities().await;
}

fn hold(app: &App) -> MutexGuard<'_, Option<PolicyHold>> {
    app.policy_hold
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Forgets the policy that waits, because its files say again what decides already.
pub async fn drop_hold(app: &Arc<App>) {
    let is_other = |held: &PolicyHold| held.policy.version() != app.policy.load().version();
    if hold(app).as_ref().is_some_and(is_other) {
        *hold(app) = None;
        close_holds(app).await;
    }
}

/// Applies the change of the policy that waits, if it is still the one with this digest. If the ledger
/// moved meanwhile, what would now be done waits in its place, so that somebody can look at that.
pub async fn approved(
    app: &Arc<App>,
    held: PolicyHold,
    digest: Digest,
    by: &Operator,
) -> Result<Summary, Failed> {
    let _one_at_a_time = app.planning.lock().await;
    let summary = make(
        app,
        &held.policy,
        Consent::Approved(digest),
        Some(by.clone()),
    )
    .await?;
    // Nothing is left of what was shown: the policy decides all the same, and the record says by whom.
    if summary.is_empty() {
        let operator = Some(by.clone());
        make(app, &held.policy, Consent::IfNothing, operator).await?;
    }
    keep(app, held.policy, &summary).await;
    app.wake_all();
    Ok(summary)
}

/// What a policy would do, to be looked at. Waits for the disk.
pub fn preview(app: &App, policy: &Policy, watch: planning::Watch<'_>) -> Result<Summary, Failed> {
    let (known, limits) = (app.known.load_full(), app.limits());
    let order = Order {
        scope: Scope::Everybody,
        cause: Cause::Policy,
        consent: Consent::Preview,
        limits: &limits,
        by: Actor::Daemon,
    };
    let world = app.world(policy, &known);
    planning::make(&app.ledger, world, order, watch, &mut |_| Vec::new())
}

/// Keeps under which digest a policy that waits can be approved, where what was shown is no more.
pub fn shown_anew(app: &App, policy: &Policy, summary: &Summary) {
    if let Some(held) = hold(app).as_mut()
        && held.policy.version() == policy.version()
        && !summary.is_empty()
    {
        held.summary = summary.clone();
    }
}

async fn make(
    app: &Arc<App>,
    policy: &Arc<Policy>,
    consent: Consent,
    approver: Option<Operator>,
) -> Result<Summary, Failed> {
    let (planner, policy) = (Arc::clone(app), Arc::clone(policy));
    let made = tokio::task::spawn_blocking(move || {
        let known = planner.known.load_full();
        let limits = planner.limits();
        let in_force = planner.ledger.read()?.policy_in_force()?;
        let is_new = in_force.is_none_or(|kept| kept.source.version != *policy.version());
        let by = match approver {
            Some(operator) => Actor::Operator(operator),
            None if is_new => edited_by(&planner),
            // Nobody edited anything: the same policy is brought to what was read anew.
            None => Actor::Daemon,
        };
        let order = Order {
            scope: Scope::Everybody,
            cause: Cause::Policy,
            consent,
            limits: &limits,
            by,
        };
        let mut taken = |summary: &Summary| {
            let taken = Fact::PolicyTaken {
                source: Arc::new(policy.source().clone()),
                plan: summary.plan.as_ref().map(|plan| plan.id),
            };
            is_new.then_some(taken).into_iter().collect()
        };
        planning::make(
            &planner.ledger,
            planner.world(&policy, &known),
            order,
            &mut |_, _| {},
            &mut taken,
        )
    });
    made.await
        .unwrap_or_else(|error| Err(Failed::Row(format!("planning broke off: {error}"))))
}

/// Whoever edited the policy: the owner of its newest file.
fn edited_by(app: &App) -> Actor {
    let stamps = crate::policy::stamps(&app.config);
    let newest = stamps.into_iter().max_by_key(|(_, modified, _)| *modified);
    let file = newest.map_or_else(|| app.config.file.clone(), |(file, _, _)| file);
    Actor::Editor(editor::of(&file))
}

fn held(app: &App, policy: &Policy, summary: &Summary, digest: Digest) -> Vec<Finding> {
    let with_digest = |finding: &Finding| {
        finding.clone().hint(format!(
            "`muster apply` shows what it would do, and `muster apply {0}` applies it; or put the policy right",
            crate::plugins::short(digest)
        ))
    };
    let exceeded = summary.exceeded.iter().map(with_digest);
    let before = app.policy.load();
    let is_edit = before.version() != policy.version();
    let asked = is_edit.then(|| edited(before.version(), policy, summary, digest));
    asked.into_iter().chain(exceeded).collect()
}

/// Says that an edited policy waits, and what it would change.
fn edited(before: &PolicyVersion, policy: &Policy, summary: &Summary, digest: Digest) -> Finding {
    let counted = |count: (&str, u32)| format!("{} {}", count.0, count.1);
    let people = summary.counts.people.iter();
    let people: Vec<String> = people
        .map(|(kind, count)| counted((kind.as_str(), *count)))
        .collect();
    let operations = summary.counts.operations.iter();
    let operations = operations.filter(|(_, verbs)| !verbs.is_empty());
    let operations: Vec<String> = operations
        .map(|(target, verbs)| {
            let verbs = verbs.iter().map(|(verb, count)| counted((verb, *count)));
            format!("at {target}: {}", verbs.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let text = format!(
        "the edited policy {} changes what people have and waits for a person, policy {before} decides: \
         people: {}; {}",
        policy.version(),
        people.join(", "),
        operations.join("; ")
    );
    let hint = format!(
        "`muster apply {0} --preview` shows whom it hits, `muster apply {0}` lets it decide; or put the files back",
        crate::plugins::short(digest)
    );
    Finding::new(EDITED, Severity::Warning, Subject::Policy, text).hint(hint)
}

/// What is said while a change of the policy waits.
fn of_hold() -> LookedAt<'static> {
    let codes = muster_core::guard::CODES.into_iter().chain([EDITED]);
    LookedAt::of(Subject::Policy, codes)
}

/// Closes what was said while a change of the policy waited.
async fn close_holds(app: &App) {
    app.findings.settle(of_hold(), Vec::new()).await;
}
