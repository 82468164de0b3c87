//! What a step led to: decided where the step ends, recorded in a round, with the findings that go with it.

use muster_core::connector::Problem;
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{OperationId, PersonId, TargetName};
use muster_core::operation::{Change, Event, Operation, RetryPolicy, State, decide};
use muster_core::redact;
use muster_ledger::{Error, Writer};

use super::Driver;
use super::work::Claim;

/// An operation waits for a person.
pub(crate) const HALTED: Code = Code::new("OP-001");
/// What takes access away has not succeeded yet, and is tried again.
pub(crate) const EXPOSED: Code = Code::new("OP-002");
/// What gives access has not succeeded after several attempts, and is tried again.
pub(crate) const DELAYED: Code = Code::new("OP-003");
/// A target does not accept the credentials, or has not been granted what it needs.
pub(crate) const REFUSED: Code = Code::new("OP-004");
/// No seat or quota is left.
pub(crate) const NO_CAPACITY: Code = Code::new("OP-005");
/// Something could not be reached and lives until it expires.
pub(crate) const UNREACHABLE: Code = Code::new("OP-006");
/// One account at an app would belong to two people.
pub(crate) const CLAIMED_TWICE: Code = Code::new("OP-007");

const CORRECT_IT: &str = "correct the target's credentials or permissions; it goes on by itself";

/// What is said of an operation until it is done; none of it holds once another plan has taken its
/// place.
pub(crate) const WHILE_OPEN: [Code; 6] = [
    HALTED,
    EXPOSED,
    DELAYED,
    REFUSED,
    NO_CAPACITY,
    CLAIMED_TWICE,
];

/// Attempts after which giving access is late enough to say so.
const DELAYED_ATTEMPTS: u32 = 3;

/// A step that was taken.
pub(super) struct Settled {
    pub(super) claim: Box<Claim>,
    /// What it led to.
    pub(super) change: Change,
}

impl Settled {
    /// Decides what the step leads to.
    pub(super) fn new(driver: &Driver, claim: Box<Claim>, event: Event) -> Self {
        let operation = &claim.operation;
        let retry = RetryPolicy {
            // What the connector declares for what the action touches.
            lag: driver.target.lag(&operation.action),
            ..driver.retry.clone()
        };
        let change = decide(operation, event, driver.clock.now(), &retry);
        Self { claim, change }
    }
}

/// Records what a step led to.
pub(super) fn record(
    writer: &mut Writer<'_>,
    target: &TargetName,
    settled: &Settled,
) -> Result<(), Error> {
    let operation = &settled.claim.operation;
    let fact = |change: Change| Fact::OperationChanged {
        person: settled.claim.person.clone(),
        target: target.clone(),
        operation: operation.id,
        change,
    };
    let without_people = without_people(writer, settled)?;
    let settled = without_people.as_ref().unwrap_or(settled);
    match writer.record(fact(settled.change.clone())) {
        Ok(_) => {}
        // The app's account is another person's. Nobody gets it a second time; a person decides.
        Err(Error::LinkedTwice { holder, .. }) => {
            let problem = Problem::Conflict(None);
            let text = format!("the account that the app gave belongs to {holder} already");
            writer.record(fact(Change::Halted {
                problem,
                account: None,
            }))?;
            let subject = subject(target, &settled.claim);
            let finding = Finding::new(CLAIMED_TWICE, Severity::Error, subject, text)
                .hint("see at the app whose account it is; correct the keys, or the account there");
            return writer.record(Fact::FindingOpened(finding)).map(drop);
        }
        Err(error) => return Err(error),
    }
    for fact in findings(target, settled) {
        writer.record(fact)?;
    }
    Ok(())
}

/// A step as it may be recorded, where the app said something about the person: without the person in it.
fn without_people(writer: &mut Writer<'_>, settled: &Settled) -> Result<Option<Settled>, Error> {
    let claim = &settled.claim;
    let (has_words, evidence) = match &settled.change {
        Change::Lost { .. } | Change::Deferred { .. } | Change::Halted { .. } => (true, None),
        Change::Answered { result, .. } | Change::Completed(result) => {
            (!result.unreachable.is_empty(), result.evidence.as_deref())
        }
        Change::Dispatched { .. }
        | Change::Retried { .. }
        | Change::LeftPending { .. }
        | Change::Found { .. } => (false, None),
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
    }))
}

/// Credentials that a target does not accept are one finding about the target, however many operations
/// meet that. It holds until one succeeds, or reading the target does. `changes` are those of a round.
pub(super) fn record_refusal<'c>(
    writer: &mut Writer<'_>,
    target: &TargetName,
    changes: impl Iterator<Item = &'c Change>,
) -> Result<(), Error> {
    let (mut refused, mut is_accepted) = (None, false);
    for change in changes {
        match change {
            Change::Deferred {
                problem: problem @ Problem::Unauthenticated(_),
                ..
            } => refused = Some(problem),
            Change::Completed(_) => is_accepted = true,
            _ => {}
        }
    }
    if refused.is_none() && !is_accepted {
        return Ok(());
    }
    let subject = format!("target {target}");
    let is_open = writer.finding(&REFUSED, &subject)?.is_some();
    match refused {
        Some(problem) if !is_open => {
            let text = format!(
                "{}; everything that is to be done there waits",
                redact::without_people(&problem.text())
            );
            let finding = Finding::new(REFUSED, Severity::Error, subject, text).hint(CORRECT_IT);
            writer.record(Fact::FindingOpened(finding)).map(drop)
        }
        None if is_open => {
            let code = REFUSED;
            let closed = Fact::FindingClosed { code, subject };
            writer.record(closed).map(drop)
        }
        Some(_) | None => Ok(()),
    }
}

fn subject(target: &TargetName, claim: &Claim) -> String {
    subject_of(target, &claim.person, claim.operation.id)
}

/// The subject of findings about an operation.
pub(super) fn subject_of(target: &TargetName, person: &PersonId, operation: OperationId) -> String {
    format!("{person} at {target}, operation {operation}")
}

/// Whether the operation that a finding is about is still to be done. True where the subject names
/// none.
pub(crate) fn is_open(writer: &mut Writer<'_>, subject: &str) -> Result<bool, Error> {
    let named = subject.rsplit_once(", operation ").and_then(|(whose, id)| {
        let (person, target) = whose.rsplit_once(" at ")?;
        Some((PersonId::parse(person).ok()?, target, id))
    });
    let Some((person, target, id)) = named else {
        return Ok(true);
    };
    Ok(writer.person(&person)?.is_some_and(|person| {
        person
            .accounts
            .iter()
            .filter(|(name, _)| name.as_str() == target)
            .flat_map(|(_, account)| &account.operations)
            .any(|operation| operation.id.to_string() == id)
    }))
}

/// The findings that a change opens and closes.
fn findings(target: &TargetName, settled: &Settled) -> Vec<Fact> {
    let (operation, change) = (&settled.claim.operation, &settled.change);
    let subject = subject(target, &settled.claim);
    let opened = |code: Code, severity: Severity, text: String, hint: &str| {
        Fact::FindingOpened(Finding::new(code, severity, subject.clone(), text).hint(hint))
    };
    let verb = operation.action.verb();
    let unreached = |text: &String| {
        let hint = "it ends by itself; where that is too late, end it at the app";
        opened(
            UNREACHABLE,
            Severity::Warning,
            format!("{verb} could not reach {text}"),
            hint,
        )
    };
    let attempt = operation.state.attempt();
    match change {
        Change::Halted { problem, .. } => {
            let hint = "put it right at the app or in the policy, then `muster operations retry`";
            vec![opened(
                HALTED,
                Severity::Error,
                format!("{verb} waits for a person: {}", problem.text()),
                hint,
            )]
        }
        Change::Deferred { until, problem } => {
            let text = format!(
                "{verb}, attempt {attempt}: {}; next attempt at {until}",
                problem.text()
            );
            match of_deferral(problem, operation, attempt) {
                Some((code, severity, hint)) => vec![opened(code, severity, text, hint)],
                None => Vec::new(),
            }
        }
        Change::Lost {
            observe_at, text, ..
        } if attempt >= DELAYED_ATTEMPTS => {
            let (code, severity) = if operation.action.is_removal() {
                (EXPOSED, Severity::Error)
            } else {
                (DELAYED, Severity::Warning)
            };
            let text = format!(
                "{verb}, attempt {attempt}: {text}; the app is looked at again at {observe_at}"
            );
            vec![opened(
                code,
                severity,
                text,
                "see whether the app can be reached and answers",
            )]
        }
        Change::Completed(result) => {
            let mut facts = closed(operation, &subject, attempt);
            facts.extend(result.unreachable.iter().map(unreached));
            facts
        }
        Change::Answered { result, .. } => result.unreachable.iter().map(unreached).collect(),
        Change::Lost { .. }
        | Change::Dispatched { .. }
        | Change::LeftPending { .. }
        | Change::Found { .. }
        | Change::Retried { .. } => Vec::new(),
    }
}

/// Which finding a deferral is worth; none while it is only a matter of a moment.
fn of_deferral(
    problem: &Problem,
    operation: &Operation,
    attempt: u32,
) -> Option<(Code, Severity, &'static str)> {
    match problem {
        // It is said of the target, once; of access that stays open, of each.
        Problem::Unauthenticated(_) if !operation.action.is_removal() => None,
        Problem::Forbidden(_) | Problem::Denied(_) => Some((REFUSED, Severity::Error, CORRECT_IT)),
        Problem::NoCapacity(_) => Some((
            NO_CAPACITY,
            Severity::Warning,
            "buy or free a seat; it goes on by itself",
        )),
        _ if operation.action.is_removal() && attempt > 1 => {
            Some((EXPOSED, Severity::Error, what_to_do(problem)))
        }
        _ if attempt >= DELAYED_ATTEMPTS => Some((DELAYED, Severity::Warning, what_to_do(problem))),
        _ => None,
    }
}

/// What helps an operation that is tried again by itself.
fn what_to_do(problem: &Problem) -> &'static str {
    match problem {
        Problem::Conflict(_) => {
            "see at the app who holds the key; correct the key in HR's data, or the account there"
        }
        Problem::Invalid(_) => "correct the value in HR's data or in the target's attributes",
        Problem::PluginFailed { .. } | Problem::RemoteDefect(_) | Problem::Unsupported(_) => {
            "the plugin's vendor has to see this; `muster plugin inspect` names the version"
        }
        _ => "see whether the app can be reached and answers; it goes on by itself",
    }
}

/// Closes what was said of the operation while it did not succeed.
fn closed(operation: &Operation, subject: &str, attempt: u32) -> Vec<Fact> {
    // A first attempt that succeeds has left no finding behind, and that is nearly every one.
    let is_clean = attempt <= 1
        && matches!(
            operation.state,
            State::InFlight { .. } | State::Verifying { .. }
        );
    if is_clean {
        return Vec::new();
    }
    WHILE_OPEN
        .into_iter()
        .map(|code| Fact::FindingClosed {
            code,
            subject: subject.to_owned(),
        })
        .collect()
}
