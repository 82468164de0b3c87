//! Previews, and the approval of what was held. A preview is planned like the real thing and thrown
//! away; an approval takes effect only where the plan still comes out with the digest that was shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_api::error::{API_BROKEN, API_OTHER_PLAN, API_UNUSABLE, Fault, FaultKind};
use muster_api::v1::{self, PREVIEW_PEOPLE_MAX};
use muster_config::PolicyApply;
use muster_core::actor::{Actor, Operator};
use muster_core::coded::chain;
use muster_core::fact::{Fact, Kind as PersonKind, PersonPlanned};
use muster_core::finding::Finding;
use muster_core::hold::{About, Hold, What};
use muster_core::id::{Digest, FeedName};
use muster_core::person::Person;
use muster_core::policy::Policy;
use muster_core::question::Question;
use muster_intake::FileVerdict;

use super::broken;
use super::feed;
use super::progress::ProgressSink;
use super::{Approvals, present};
use crate::feeds::{Decision, Feed, FeedError, Going, Held, Item, decide_file};
use crate::planning::{Failed, Maker, OnPerson, Summary};
use crate::policy::{known, text};
use crate::replan::{self, waiting};

fn failed(error: &FeedError) -> Fault {
    Fault::new(FaultKind::Broken, API_BROKEN, chain(error))
        .hint("nothing was changed; see the daemon's log")
}

/// What a file would lead to.
pub(super) fn preview(
    approvals: &Approvals,
    name: &FeedName,
    file: &str,
    bytes: Vec<u8>,
    progress: &ProgressSink,
) -> Result<v1::Preview, Fault> {
    let feed = feed(&approvals.config, name)?;
    progress.report("reading the file", 0, 0);
    let opened = muster_intake::open(bytes, feed.options());
    progress.report("planning", 0, 0);
    preview_of(approvals, |on_person| {
        let going = Going::Preview(&approvals.planning);
        decide_file(&feed, going, &Item::preview(file), opened, on_person)
    })
}

/// The preview of a decision, with the people it is about.
fn preview_of(
    approvals: &Approvals,
    decide: impl FnOnce(OnPerson<'_>) -> Result<Decision, FeedError>,
) -> Result<v1::Preview, Fault> {
    let (decision, people) = People::of(approvals, decide);
    let decision = decision.map_err(|error| failed(&error))?;
    Ok(of_decision(approvals, &decision, people))
}

/// The people of a preview: leavers first, and not more than fit.
#[derive(Default)]
struct People {
    by_kind: BTreeMap<u8, Vec<v1::PersonPreview>>,
    total: u32,
}

impl People {
    /// Runs `make`, and returns what it made with the people it is about.
    fn of<T>(approvals: &Approvals, make: impl FnOnce(OnPerson<'_>) -> T) -> (T, Self) {
        let mut people = Self::default();
        let known = approvals.known.load();
        let result = make(&mut |planned: &PersonPlanned, before: Option<&Person>| {
            people.add(
                present::person_preview(planned, before, &known.titles),
                planned.kind,
            );
        });
        (result, people)
    }

    fn add(&mut self, person: v1::PersonPreview, kind: PersonKind) {
        let order = match kind {
            PersonKind::Leaver => 0,
            PersonKind::Mover => 1,
            PersonKind::Rehire => 2,
            PersonKind::Joiner => 3,
            PersonKind::Update => 4,
        };
        self.total += 1;
        let of_kind = self.by_kind.entry(order).or_default();
        if of_kind.len() < PREVIEW_PEOPLE_MAX {
            of_kind.push(person);
        }
    }

    fn listed(self) -> (Vec<v1::PersonPreview>, u32) {
        let listed: Vec<v1::PersonPreview> = self
            .by_kind
            .into_values()
            .flatten()
            .take(PREVIEW_PEOPLE_MAX)
            .collect();
        let omitted = self
            .total
            .saturating_sub(u32::try_from(listed.len()).unwrap_or(u32::MAX));
        (listed, omitted)
    }
}

fn of_decision(approvals: &Approvals, decision: &Decision, people: People) -> v1::Preview {
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
        policy: approvals.planning.policy().version().to_string(),
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

/// What is held under this plan.
fn held(approvals: &Approvals, plan: Digest) -> Result<Option<(Feed, Held)>, Fault> {
    let reader = approvals.ledger.read().map_err(|error| broken(&error))?;
    for name in approvals.config.feeds.keys() {
        let held = Held::of(&reader, name, plan).map_err(|error| failed(&error))?;
        if let Some(held) = held {
            return Ok(Some((feed(&approvals.config, name)?, held)));
        }
    }
    Ok(None)
}

fn no_such_plan(plan: Digest) -> Fault {
    Fault::not_found("held plan", &plan.short()).hint("`muster apply` lists what waits")
}

/// What waits under this plan.
fn hold_of(approvals: &Approvals, plan: Digest) -> Result<Option<Hold>, Fault> {
    let hold = approvals.deciding.holds.of_plan(plan);
    hold.map_err(|error| broken(&error))
}

/// What a held plan would change.
pub(super) fn held_preview(approvals: &Approvals, plan: Digest) -> Result<v1::Preview, Fault> {
    if let Some((feed, held)) = held(approvals, plan)? {
        let going = Going::Preview(&approvals.planning);
        return preview_of(approvals, |on_person| {
            held.decide(&approvals.config.daemon.data, &feed, going, on_person)
        });
    }
    if let Some(hold) = hold_of(approvals, plan)? {
        return hold_preview(approvals, &hold);
    }
    let asked = question_of(approvals, plan)?.ok_or_else(|| no_such_plan(plan))?;
    let finding = asked.finding(&plan.short());
    Ok(v1::Preview {
        file: question_title(&asked),
        plan_digest: Some(plan.to_string()),
        policy: approvals.planning.policy().version().to_string(),
        verdict: "hold".to_owned(),
        reasons: vec![present::finding(&finding, None)],
        ..v1::Preview::default()
    })
}

/// What something that no file asks for would change, person by person.
fn hold_preview(approvals: &Approvals, hold: &Hold) -> Result<v1::Preview, Fault> {
    let (policy, (mut summary, people)) = match &hold.what {
        What::Policy(source) => {
            let policy = replan::compiled(source).map_err(|error| failed(&error.into()))?;
            let planned = policy_plan(approvals, &policy)?;
            // Operations that ended meanwhile have changed it: what is shown now is what can be approved.
            let kept = approvals.deciding.holds.shown_anew(hold, &planned.0);
            kept.map_err(|error| broken(&error))?;
            (policy, planned)
        }
        what => (approvals.planning.policy(), waiting_plan(approvals, what)?),
    };
    // The clock has no plan of its own.
    summary.digest = summary.digest.or(hold.plan);
    Ok(of_summary(hold.title(), &policy, &summary, people, "hold"))
}

/// What an edited policy would lead to, before it is in force.
pub(super) fn policy_preview(approvals: &Approvals, sent: &[u8]) -> Result<v1::Preview, Fault> {
    let unusable = |text: String| Fault::new(FaultKind::Refused, API_UNUSABLE, text);
    let policy = Arc::new(text::read(sent).map_err(|error| unusable(chain(&error)))?);
    let now = approvals.planning.policy();
    let (sent, running) = (policy.source(), now.source());
    if !sent.targets.keys().eq(running.targets.keys()) || sent.attributes != running.attributes {
        let text = "it is about other targets or attributes than the daemon runs with";
        return Err(unusable(text.to_owned())
            .hint("restart the daemon: what the new policy changes waits then, and `muster apply` shows it"));
    }
    let (summary, people) = policy_plan(approvals, &policy)?;
    let asks = approvals.config.daemon.policy_apply == PolicyApply::Ask;
    let is_edit = policy.version() != now.version();
    let verdict = match (summary.is_empty(), summary.exceeded.is_empty()) {
        (true, _) => "nothing",
        (false, true) if !(asks && is_edit) => "apply",
        (false, _) => "hold",
    };
    Ok(of_summary(
        "the policy".to_owned(),
        &policy,
        &summary,
        people,
        verdict,
    ))
}

/// What a policy asks for and neither HR's data nor the apps have, as they were read last.
pub(super) fn policy_remarks(
    approvals: &Approvals,
    sent: &[u8],
) -> Result<Vec<v1::Finding>, Fault> {
    let policy = text::read(sent).map_err(|error| {
        let text = chain(&error);
        Fault::new(FaultKind::Refused, API_UNUSABLE, text)
    })?;
    let reader = approvals.ledger.read().map_err(|error| broken(&error))?;
    let remarks = known::remarks(&policy, &reader).map_err(|error| broken(&error))?;
    let remarks = remarks.iter();
    Ok(remarks
        .map(|finding| present::finding(finding, None))
        .collect())
}

/// What a policy would do, and to whom.
fn policy_plan(approvals: &Approvals, policy: &Arc<Policy>) -> Result<(Summary, People), Fault> {
    let (summary, people) = People::of(approvals, |on_person| {
        replan::preview(&approvals.deciding, policy, on_person)
    });
    Ok((summary.map_err(|error| failed(&error.into()))?, people))
}

/// A plan that no file asks for.
fn of_summary(
    title: String,
    policy: &Policy,
    summary: &Summary,
    people: People,
    verdict: &str,
) -> v1::Preview {
    let findings = |findings: &[Finding]| {
        let findings = findings.iter();
        findings
            .map(|finding| present::finding(finding, None))
            .collect()
    };
    let (people, people_omitted) = people.listed();
    v1::Preview {
        feed: String::new(),
        file: title,
        file_digest: String::new(),
        plan_digest: summary.digest.map(|digest| digest.to_string()),
        policy: policy.version().to_string(),
        verdict: verdict.to_owned(),
        reasons: findings(&summary.exceeded),
        rows: 0,
        people_read: 0,
        quarantined: 0,
        counts: present::counts(&summary.counts),
        people,
        people_omitted,
        findings: findings(&summary.findings),
        problems: Vec::new(),
        problem_counts: Vec::new(),
    }
}

/// The open question that this digest names.
fn question_of(approvals: &Approvals, digest: Digest) -> Result<Option<Question>, Fault> {
    let reader = approvals.ledger.read().map_err(|error| broken(&error))?;
    let questions = reader.questions().map_err(|error| broken(&error))?;
    let found = questions
        .into_iter()
        .find(|(named, kept)| *named == digest && !kept.is_answered);
    Ok(found.map(|(_, kept)| kept.question))
}

/// A question in a listing of what is held.
pub(super) fn question_title(question: &Question) -> String {
    format!("a question about {} ({})", question.person, question.code())
}

/// Keeps that somebody answered a question: the file is right. It counts when the file comes again.
async fn answer(
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

/// What something else that waits would do, and to whom.
fn waiting_plan(approvals: &Approvals, what: &What) -> Result<(Summary, People), Fault> {
    let (summary, people) = People::of(approvals, |on_person| {
        let order = waiting::order(&approvals.pending, what)?;
        order.map_or_else(
            || Ok(Summary::default()),
            |order| approvals.planning.preview(order, on_person),
        )
    });
    Ok((summary.map_err(|error| failed(&error.into()))?, people))
}

/// Applies exactly the held plan with this digest, or nothing.
pub(super) async fn apply(
    approvals: &Arc<Approvals>,
    plan: Digest,
    by: Operator,
) -> Result<v1::Applied, Fault> {
    if question_of(approvals, plan)?.is_some() {
        return answer(approvals, plan, &by).await;
    }
    match hold_of(approvals, plan)?.map(|hold| hold.what) {
        None | Some(What::File(_)) => apply_file(approvals, plan, by).await,
        Some(What::Policy(_)) => {
            let summary = replan::approved(&approvals.deciding, plan, &by).await;
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
            let summary = waiting::approved(&approvals.pending, plan, &by).await;
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

async fn apply_file(
    approvals: &Arc<Approvals>,
    plan: Digest,
    by: Operator,
) -> Result<v1::Applied, Fault> {
    let (deciding, approver) = (Arc::clone(approvals), by.clone());
    let decided = move |maker: &Maker<'_>| Ok(approved(&deciding, maker, plan, &approver));
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
    approvals: &Approvals,
    maker: &Maker<'_>,
    plan: Digest,
    by: &Operator,
) -> Result<(Feed, Held, Decision), Fault> {
    let (feed, held) = held(approvals, plan)?.ok_or_else(|| no_such_plan(plan))?;
    let going = Going::Approved { maker, plan, by };
    let data = &approvals.config.daemon.data;
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
