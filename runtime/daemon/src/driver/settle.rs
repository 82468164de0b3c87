//! What a step led to: decided where the step ends, recorded in a round, with the findings that go with it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muster_core::actor::Actor;
use muster_core::connector::{EntitlementKey, ObjectRef, OutcomeKind, Problem, SideEffect};
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{OperationId, PersonId, TargetName};
use muster_core::operation::{
    Action, Event, How, Observation, Operation, RetryPolicy, State, Step, Transition, decide, later,
};
use muster_core::person::Sighting;
use muster_core::redact;
use muster_core::subject::Subject;
use muster_ledger::{Error, Writer};

use super::work::{Acted, Claim};
use super::{Driver, holder};
use crate::findings::operation::{
    CLAIMED_TWICE, DELAYED, EXPOSED, HALTED, NO_CAPACITY, UNREACHABLE, WHILE_OPEN,
};
use crate::findings::target::{REFUSED, TOOK_ALONG, UNREAD};
use crate::findings::{self, LookedAt};

const CORRECT_IT: &str = "correct the target's credentials or permissions; it goes on by itself";

/// Why what an app shows is not believed yet.
const MAY_BE_OLD: &str =
    "the app shows it as done, which may be from before another change of a moment ago";

/// Why it is not believed yet that an app did not do what it said.
const MAY_BE_DONE: &str = "it said that it was done, and what it shows may be from before that";

/// Attempts after which giving access is late enough to say so.
const DELAYED_ATTEMPTS: u32 = 3;

/// A wait after which somebody should know, although it is the first.
const LONG_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// A step that was taken.
pub(super) struct Settled {
    pub(super) claim: Box<Claim>,
    /// What it led to.
    pub(super) change: Transition,
    /// When that was decided.
    pub(super) at: Timestamp,
    /// Whether it was said meanwhile that there is no answer.
    has_hung: bool,
    /// What is known of the account that holds the key, where one does.
    holder: Option<String>,
}

impl Settled {
    /// Decides what the step leads to.
    pub(super) async fn new(driver: &Driver, claim: Box<Claim>, acted: Acted) -> Self {
        let operation = &claim.operation;
        let retry = RetryPolicy {
            // What the connector declares for what the action touches, which is another number from outside.
            lag: driver
                .target
                .lag(&operation.action)
                .min(driver.retry.backoff_max),
            ..driver.retry.clone()
        };
        let at = driver.clock.now();
        let change = match too_early(&claim, &acted, at) {
            Some(looked_at_again) => looked_at_again,
            None => decide(operation, acted.event, at, &retry),
        };
        let holder = match &change {
            Transition::Halted {
                problem: Problem::Conflict(object),
                ..
            } => holder::known(driver, &claim, object.clone()).await,
            _ => None,
        };
        Self {
            claim,
            change,
            at,
            has_hung: acted.has_hung,
            holder,
        }
    }
}

/// What follows where the app shows something that may be what was before a write of a moment ago, by another
/// operation or by this one: it is looked at once that is over.
fn too_early(claim: &Claim, acted: &Acted, now: Timestamp) -> Option<Transition> {
    if !claim.account.exists() {
        return None;
    }
    let makes_account = matches!(claim.operation.action, Action::EnsureAccount(_));
    let (wait, text) = match &acted.event {
        Event::Replied(Ok(outcome)) if outcome.kind == OutcomeKind::Already => {
            let takes = matches!(claim.operation.action, Action::EnsureRevoked(_));
            let contested = if takes {
                acted.freshness.contested
            } else {
                Duration::ZERO
            };
            (acted.freshness.unsettled.max(contested), MAY_BE_OLD)
        }
        Event::Observed(Observation::Satisfied(_)) => (acted.freshness.unsettled, MAY_BE_OLD),
        Event::Observed(Observation::Unsatisfied(_)) if !makes_account => {
            (acted.freshness.unshown, MAY_BE_DONE)
        }
        _ => return None,
    };
    let (text, by_plugin) = match &claim.operation.state {
        // Why it was lost counts still.
        State::Unknown {
            text, by_plugin, ..
        } => (text.clone(), *by_plugin),
        // Reading back what was done shows it, however old the state that is shown.
        State::Verifying { .. }
            if matches!(acted.event, Event::Observed(Observation::Satisfied(_))) =>
        {
            return None;
        }
        _ => (text.to_owned(), false),
    };
    let wait = Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(0));
    (!wait.is_zero()).then(|| Transition::Lost {
        observe_at: later(now, wait),
        text,
        by_plugin,
    })
}

/// Records what a step led to. Returns whether it took rights along that others should have.
pub(super) fn record(
    writer: &mut Writer<'_>,
    target: &TargetName,
    settled: &Settled,
) -> Result<bool, Error> {
    let claim = &settled.claim;
    let operation = &claim.operation;
    let fact = |change: Transition| Fact::OperationChanged {
        person: claim.person.clone(),
        target: target.clone(),
        operation: operation.id,
        change,
    };
    let without_people = without_people(writer, settled)?;
    let settled = without_people.as_ref().unwrap_or(settled);
    let before = findings::operation::open(writer, target, &claim.person)?;
    match writer.record(fact(settled.change.clone())) {
        Ok(_) => {}
        // The app's account is another person's. Nobody gets it a second time; a person decides.
        Err(Error::LinkedTwice { holder, .. }) => {
            let problem = Problem::Conflict(None);
            let text = format!("the account that the app gave belongs to {holder} already");
            writer.record(fact(Transition::Halted {
                problem,
                account: None,
            }))?;
            let subject = subject_of(target, &claim.person, operation.id);
            let finding = Finding::new(CLAIMED_TWICE, Severity::Error, subject, text)
                .hint("see at the app whose account it is; correct the keys, or the account there");
            writer.record(Fact::FindingOpened(finding))?;
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    if is_taken_over(settled) {
        writer.record(Fact::FindingOpened(unread(&claim.person, target)))?;
    }
    let subject = subject_of(target, &claim.person, operation.id);
    if let Some(finding) = unreached(&subject, settled) {
        writer.record(Fact::FindingOpened(finding))?;
    }
    let said = finding(&subject, settled);
    if said.is_some() || !is_clean(settled) {
        // One thing is said of an operation at a time, and nothing of one that has ended.
        let scope = LookedAt::of(subject, WHILE_OPEN);
        findings::settle(writer, &scope, said.into_iter().collect())?;
    }
    // Where the account is gone, or a newer plan counts, others went with it; so does what was said of them.
    let after = findings::operation::open(writer, target, &claim.person)?;
    for gone in before.iter().filter(|id| !after.contains(id)) {
        if *gone != operation.id {
            let subject = subject_of(target, &claim.person, *gone);
            findings::settle(writer, &LookedAt::of(subject, WHILE_OPEN), Vec::new())?;
        }
    }
    took_along(writer, target, settled)
}

/// Whether a step showed that the account was there: it was not made before our eyes, and may be taken over. What it
/// has by itself is read then, whatever becomes of the step.
pub(super) fn is_taken_over(settled: &Settled) -> bool {
    let claim = &settled.claim;
    let Action::EnsureAccount(spec) = &claim.operation.action else {
        return false;
    };
    let is_found = match &settled.change {
        Transition::Found { .. } => true,
        Transition::Completed(result) => matches!(result.how, How::Observed | How::Adopted),
        _ => false,
    };
    let was_looked_for = matches!(claim.operation.state, State::Unknown { .. });
    spec.may_adopt && is_found && was_looked_for && !claim.account.exists()
}

/// It stands until the rights are read, so that a stop in between does not lose them.
fn unread(person: &PersonId, target: &TargetName) -> Finding {
    let subject = Subject::Account(person.clone(), target.clone());
    let text = "the account was there and was taken over; which rights it has is read next";
    Finding::new(UNREAD, Severity::Note, subject, text.to_owned())
        .hint("there is nothing to do, unless the target cannot be read")
}

/// Records what reading back at once showed, unless the answer was recorded as something that is not to be read
/// back: the account that came with it is another person's.
pub(super) fn record_read_back(
    writer: &mut Writer<'_>,
    target: &TargetName,
    settled: &Settled,
) -> Result<bool, Error> {
    let claim = &settled.claim;
    let person = writer.person(&claim.person)?;
    let account = person.and_then(|person| person.accounts.get(target));
    let is_answered = account.is_some_and(|account| {
        account.operations.iter().any(|operation| {
            operation.id == claim.operation.id && matches!(operation.state, State::Verifying { .. })
        })
    });
    if !is_answered {
        return Ok(false);
    }
    record(writer, target, settled)
}

/// The rights that others than a change was about had before it and have no longer.
fn side_losses(settled: &Settled) -> impl Iterator<Item = (&ObjectRef, &EntitlementKey)> {
    let result = match &settled.change {
        Transition::Completed(result) | Transition::Answered { result, .. } => Some(result),
        _ => None,
    };
    let effects = result.map_or(&[][..], |result| &result.effects);
    losses_of_others(effects, settled.claim.account.object.as_ref())
}

/// Of what came with a change of one account: who else lost which right.
pub(super) fn losses_of_others<'a>(
    effects: &'a [SideEffect],
    own: Option<&'a ObjectRef>,
) -> impl Iterator<Item = (&'a ObjectRef, &'a EntitlementKey)> {
    effects.iter().filter_map(move |effect| match effect {
        SideEffect::GrantRemoved(whose, right) => {
            let is_own = own.is_some_and(|own| own.same_object(whose));
            (!is_own).then_some((whose, right))
        }
        _ => None,
    })
}

/// Records who lost a right by a change that was about somebody else: the next plan gives it to them again.
/// Calls run side by side, so whoever is to lose it, or whose right is being worked on, lost it to another call.
fn took_along(
    writer: &mut Writer<'_>,
    target: &TargetName,
    settled: &Settled,
) -> Result<bool, Error> {
    let mut lost: BTreeMap<&EntitlementKey, (usize, usize)> = BTreeMap::new();
    for (whose, right) in side_losses(settled) {
        let Some(person) = writer.linked(target, whose)? else {
            let counts = lost.entry(right).or_default();
            *counts = (counts.0 + 1, counts.1 + 1);
            continue;
        };
        if !is_settled(writer, target, &person, right)? {
            continue;
        }
        lost.entry(right).or_default().0 += 1;
        writer.record(Fact::AccountSeen {
            person,
            target: target.clone(),
            sighting: Sighting::Lost(right.clone()),
        })?;
    }
    let any = !lost.is_empty();
    for (right, (all, unmanaged)) in lost {
        let verb = settled.claim.operation.action.verb();
        let text = format!(
            "{verb} of one account at {} {} took {all} others out of it, {unmanaged} of them accounts that are nobody's here; Muster gives it back to everybody whom it knows",
            right.kind, right.id
        );
        let finding = Finding::new(TOOK_ALONG, Severity::Error, target, text);
        writer.record(Fact::FindingOpened(finding.hint(
            "see at the app that the others have it again; set members = \"put\" where the connector has this setting",
        )))?;
    }
    Ok(any)
}

/// Whether somebody has a right that they are to have, and nothing is under way that gives or takes it.
fn is_settled(
    writer: &mut Writer<'_>,
    target: &TargetName,
    person: &PersonId,
    right: &EntitlementKey,
) -> Result<bool, Error> {
    let person = writer.person(person)?;
    let account = person.and_then(|person| person.accounts.get(target));
    Ok(account.is_some_and(|account| account.has_settled(right)))
}

/// The right of which nobody knows who else lost it by a step: its answer did not come, or it says that somebody
/// did.
pub(super) fn right_in_doubt(settled: &Settled) -> Option<&EntitlementKey> {
    let (Action::EnsureGranted(right) | Action::EnsureRevoked(right)) =
        &settled.claim.operation.action
    else {
        return None;
    };
    let is_open = match &settled.change {
        Transition::Lost { .. } => matches!(settled.claim.step, Step::Send(_)),
        Transition::Completed(result) if result.how == How::Observed => true,
        _ => side_losses(settled).next().is_some(),
    };
    is_open.then_some(right)
}

/// Whether the app has the account under another id than before.
pub(super) fn is_moved(settled: &Settled) -> bool {
    let before = settled.claim.account.object.as_ref();
    matches!(&settled.change, Transition::Found { account }
        if before.is_some_and(|before| !before.same_object(&account.object)))
}

/// A step as it may be recorded, where the app said something about the person: without the person in it.
fn without_people(writer: &mut Writer<'_>, settled: &Settled) -> Result<Option<Settled>, Error> {
    let claim = &settled.claim;
    let (has_words, evidence) = match &settled.change {
        Transition::Lost { .. } | Transition::Deferred { .. } | Transition::Halted { .. } => {
            (true, None)
        }
        Transition::Answered { result, .. } | Transition::Completed(result) => {
            (!result.unreachable.is_empty(), result.evidence.as_deref())
        }
        Transition::Dispatched { .. }
        | Transition::Retried
        | Transition::LeftPending { .. }
        | Transition::Found { .. } => (false, None),
    };
    // The number of a request is nearly always all there is, and says nothing of anybody.
    if !has_words && evidence.is_none_or(|evidence| redact::without_people(evidence) == evidence) {
        return Ok(None);
    }
    let person = writer.person(&claim.person)?;
    let values = person.map(|person| {
        let key = &claim.person.key;
        redact::Values::of(key, &person.identity, &claim.operation.action)
    });
    let change = values.unwrap_or_default().redacted_change(&settled.change);
    Ok(Some(Settled {
        claim: claim.clone(),
        change,
        at: settled.at,
        has_hung: settled.has_hung,
        holder: settled.holder.clone(),
    }))
}

/// Says of a removal that there is no answer, while there is none.
pub(super) async fn say_it_hangs(driver: &Driver, claim: &Claim) {
    let operation = &claim.operation;
    if !operation.action.is_removal() {
        return;
    }
    let subject = subject_of(driver.target.name(), &claim.person, operation.id);
    let text = format!(
        "{}, attempt {}: the app has not answered yet",
        operation.action.verb(),
        operation.state.attempt()
    );
    let finding = Finding::new(EXPOSED, Severity::Error, subject, text)
        .hint("see whether the app can be reached and answers; it goes on by itself");
    let now = driver.clock.now();
    let said = vec![Fact::FindingOpened(finding)];
    if let Err(error) = driver.committer.record(now, Actor::Daemon, said).await {
        tracing::error!(target_name = %driver.target.name(), %error, "could not say that a call hangs");
    }
}

/// Credentials that a target does not accept are one finding about the target, however many operations
/// meet that. It holds until one succeeds, or reading the target does. `changes` are those of a round.
pub(super) fn record_refusal<'c>(
    writer: &mut Writer<'_>,
    target: &TargetName,
    changes: impl Iterator<Item = &'c Transition>,
) -> Result<(), Error> {
    let (mut refused, mut is_accepted) = (None, false);
    for change in changes {
        match change {
            Transition::Deferred {
                problem: problem @ Problem::Unauthenticated(_),
                ..
            } => refused = Some(problem),
            Transition::Completed(_) => is_accepted = true,
            _ => {}
        }
    }
    if refused.is_none() && !is_accepted {
        return Ok(());
    }
    let subject = Subject::from(target);
    match refused {
        Some(problem) => say_it_is_refused(writer, target, problem),
        None if writer.finding(&REFUSED, &subject)?.is_some() => {
            let code = REFUSED;
            let closed = Fact::FindingClosed { code, subject };
            writer.record(closed).map(drop)
        }
        None => Ok(()),
    }
}

/// Says of a target that its credentials are not accepted, where that is not said yet.
pub(super) fn say_it_is_refused(
    writer: &mut Writer<'_>,
    target: &TargetName,
    problem: &Problem,
) -> Result<(), Error> {
    let subject = Subject::from(target);
    let is_refusal = matches!(problem, Problem::Unauthenticated(_));
    if !is_refusal || writer.finding(&REFUSED, &subject)?.is_some() {
        return Ok(());
    }
    let text = format!(
        "{}; everything that is to be done there waits, what takes access away as well",
        redact::without_people(&problem.text())
    );
    let finding = Finding::new(REFUSED, Severity::Error, subject, text).hint(CORRECT_IT);
    writer.record(Fact::FindingOpened(finding)).map(drop)
}

/// The subject of findings about an operation.
pub(super) fn subject_of(
    target: &TargetName,
    person: &PersonId,
    operation: OperationId,
) -> Subject {
    Subject::Operation(person.clone(), target.clone(), operation)
}

/// What a removal did not reach; one finding for the operation.
fn unreached(subject: &Subject, settled: &Settled) -> Option<Finding> {
    let (Transition::Completed(result) | Transition::Answered { result, .. }) = &settled.change
    else {
        return None;
    };
    let texts: Vec<String> = result
        .unreachable
        .iter()
        .map(|unreached| match unreached.until {
            Some(until) => format!("{} (until {until})", unreached.text),
            None => unreached.text.clone(),
        })
        .collect();
    (!texts.is_empty()).then(|| {
        let verb = settled.claim.operation.action.verb();
        let text = format!("{verb} could not reach {}", texts.join("; "));
        Finding::new(UNREACHABLE, Severity::Warning, subject.clone(), text)
            .hint("it ends by itself, and so does this finding; where that is too late, end it at the app")
    })
}

/// What is said of an operation after a change; `None` if there is nothing to say.
fn finding(subject: &Subject, settled: &Settled) -> Option<Finding> {
    let operation = &settled.claim.operation;
    let (verb, attempt) = (operation.action.verb(), operation.state.attempt());
    let is_removal = operation.action.is_removal();
    let (code, text, hint) = match &settled.change {
        Transition::Halted { problem, .. } => {
            let known = settled.holder.as_ref();
            let known = known.map_or_else(String::new, |known| format!("; {known}"));
            let text = format!("{verb} waits for a person: {}{known}", problem.text());
            (HALTED, text, halted_hint(problem, is_removal))
        }
        Transition::Deferred { until, problem } => {
            let text = format!(
                "{verb}, attempt {attempt}: {}; next attempt at {until}",
                problem.text()
            );
            let (code, hint) = of_deferral(problem, *until, settled)?;
            (code, text, hint)
        }
        Transition::Lost {
            observe_at, text, ..
        } => {
            let is_late = attempt >= DELAYED_ATTEMPTS || looks(operation) >= DELAYED_ATTEMPTS;
            let code = match (is_removal, is_late) {
                (true, _) => EXPOSED,
                (false, true) => DELAYED,
                (false, false) => return None,
            };
            let text = format!(
                "{verb}, attempt {attempt}: {text}; the app is looked at again at {observe_at}"
            );
            (code, text, "see whether the app can be reached and answers")
        }
        // That the app goes on with it is said once it was asked and still does.
        Transition::LeftPending { poll_at, .. }
            if is_removal && matches!(operation.state, State::Pending { .. }) =>
        {
            let text = format!(
                "{verb}: the app has taken it and is not done yet; it is asked again at {poll_at}"
            );
            (
                EXPOSED,
                text,
                "see at the app what it waits for; it goes on by itself",
            )
        }
        Transition::LeftPending { .. }
        | Transition::Answered { .. }
        | Transition::Completed(_)
        | Transition::Dispatched { .. }
        | Transition::Found { .. }
        | Transition::Retried => return None,
    };
    let severity = if code == DELAYED || code == NO_CAPACITY {
        Severity::Warning
    } else {
        Severity::Error
    };
    Some(Finding::new(code, severity, subject.clone(), text).hint(hint))
}

/// How often looking decided nothing.
fn looks(operation: &Operation) -> u32 {
    match operation.state {
        State::Unknown { looks, .. } => looks,
        _ => 0,
    }
}

/// Which finding a deferral is worth; none while it is only a matter of a moment.
fn of_deferral(
    problem: &Problem,
    until: Timestamp,
    settled: &Settled,
) -> Option<(Code, &'static str)> {
    let operation = &settled.claim.operation;
    let attempt = operation.state.attempt();
    if operation.action.is_removal() {
        // What was done a moment ago may not be shown yet; everything else is open access.
        let may_lag = matches!(operation.state, State::Verifying { .. }) && attempt <= 1;
        return (!may_lag).then(|| (EXPOSED, what_to_do(problem)));
    }
    let is_late = attempt >= DELAYED_ATTEMPTS || until.duration_since(settled.at) > LONG_WAIT;
    match problem {
        // It is said of the target, once.
        Problem::Unauthenticated(_) => None,
        Problem::Forbidden(_) | Problem::Denied(_) => Some((REFUSED, CORRECT_IT)),
        Problem::NoCapacity(_) => Some((NO_CAPACITY, "buy or free a seat; it goes on by itself")),
        _ => is_late.then(|| (DELAYED, what_to_do(problem))),
    }
}

/// What helps an operation that is tried again by itself.
fn what_to_do(problem: &Problem) -> &'static str {
    match problem {
        Problem::Conflict(_) => {
            "see at the app who holds the key; correct the key in HR's data, or the account there"
        }
        Problem::Invalid(_) => "correct the value in HR's data or in the target's attributes",
        Problem::Unauthenticated(_) | Problem::Forbidden(_) | Problem::Denied(_) => CORRECT_IT,
        Problem::PluginFailed { .. } | Problem::RemoteDefect(_) | Problem::Unsupported(_) => {
            "the plugin's vendor has to see this; `muster plugin inspect` names the version"
        }
        Problem::RateLimited { .. } => {
            "it goes on by itself; `muster operations retry` does not wait"
        }
        _ => "see whether the app can be reached and answers; it goes on by itself",
    }
}

/// What a person has to do for an operation that waits for one.
fn halted_hint(problem: &Problem, is_removal: bool) -> &'static str {
    match (problem, is_removal) {
        (_, true) => {
            "do at the app what it asks for, or take the access away there; it is tried again by itself"
        }
        (Problem::Conflict(_), false) => {
            "rename or delete that account at the app, correct the key in HR's data, or set `adopt`; \
             then `muster operations retry`"
        }
        (_, false) => "put it right at the app or in the policy, then `muster operations retry`",
    }
}

/// Whether nothing can have been said of the operation that has ended: a first attempt that succeeds, and
/// that is nearly every one.
fn is_clean(settled: &Settled) -> bool {
    let operation = &settled.claim.operation;
    let is_first = operation.state.attempt() <= 1
        && matches!(
            operation.state,
            State::InFlight { .. } | State::Verifying { .. }
        );
    let has_gone_on = matches!(
        settled.change,
        Transition::Completed(_) | Transition::Answered { .. } | Transition::LeftPending { .. }
    );
    is_first && has_gone_on && !settled.has_hung
}
