//! From what the ledger knows to what the API answers. Pure: nothing is read here.

use jiff::Timestamp;
use muster_api::v1;
use muster_core::actor::{Actor, Operator};
use muster_core::connector::{AttributeChange, EntitlementKey};
use muster_core::fact::{Counts, Kind, PersonPlanned};
use muster_core::finding::Finding;
use muster_core::hold::Hold;
use muster_core::id::{FeedName, TargetName};
use muster_core::identity::{Identity, Phase, Value};
use muster_core::operation::{self, Action, How, Operation, Step, Urgency};
use muster_core::person::{Account, Grant, Justification, Person};
use muster_core::policy::Policy;
use muster_core::record::{Link, picture};
use muster_intake::Mistake;
use muster_ledger::{Reader, kept};
use serde_json::json;

use super::dated;
use crate::planning::Titles;
use muster_core::standing::{Access, Barred, Block, BlockId, Opening, OpeningId};

/// An instant as the API writes it.
pub fn instant(at: Timestamp) -> String {
    at.to_string()
}

/// `kind:title`, or the id where no title is known.
pub fn entitlement(titles: &Titles, target: &TargetName, key: &EntitlementKey) -> String {
    let title = titles.get(target).and_then(|titles| titles.get(key));
    format!("{}:{}", key.kind, title.unwrap_or(&key.id))
}

/// A finding; `since` where it is kept.
pub fn finding(finding: &Finding, since: Option<Timestamp>) -> v1::Finding {
    v1::Finding {
        code: finding.code.to_string(),
        severity: finding.severity.as_str().to_owned(),
        subject: finding.subject.to_string(),
        text: finding.text.clone(),
        hint: finding.hint.clone(),
        since: since.map(instant),
    }
}

/// Something that waits for a person.
pub fn held(hold: &Hold) -> v1::Held {
    let file = hold.file();
    let reasons = hold.reasons.iter();
    v1::Held {
        feed: file.map(|file| file.feed.to_string()).unwrap_or_default(),
        file: hold.title(),
        file_digest: file.map(|file| file.digest.to_string()).unwrap_or_default(),
        plan_digest: hold.plan.map(|digest| digest.to_string()),
        since: instant(hold.since),
        reasons: reasons
            .map(|reason| finding(reason, Some(hold.since)))
            .collect(),
        counts: counts(&hold.counts),
    }
}

/// Somebody at the command line.
pub fn operator(operator: &Operator) -> v1::Actor {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    v1::Actor {
        kind: "operator".to_owned(),
        name: operator.to_string(),
        uid: operator.uid,
        user: said(&operator.user),
        called: operator.called.clone(),
        reason: operator.reason.clone(),
    }
}

/// Who approved something, where somebody did.
pub fn approver(by: &Actor) -> Option<v1::Actor> {
    by.operator().map(operator)
}

/// Who or what did something.
pub fn actor(actor: &Actor) -> v1::Actor {
    let kind = match actor {
        Actor::Operator(somebody) => return operator(somebody),
        Actor::Editor(editor) => {
            return v1::Actor {
                kind: "editor".to_owned(),
                name: actor.to_string(),
                uid: editor.uid,
                user: (!editor.user.is_empty()).then(|| editor.user.clone()),
                called: None,
                reason: None,
            };
        }
        Actor::Connector(_) => "connector",
        Actor::File { .. } => "file",
        Actor::Policy(_) => "policy",
        Actor::Date => "date",
        Actor::Daemon => "daemon",
    };
    v1::Actor {
        kind: kind.to_owned(),
        name: actor.to_string(),
        uid: None,
        user: None,
        called: None,
        reason: None,
    }
}

/// What is said of rows of a file.
pub fn row_problem(mistake: &Mistake) -> v1::RowProblem {
    v1::RowProblem {
        code: mistake.code.to_string(),
        effect: mistake.effect.as_str().to_owned(),
        rows: mistake.rows.clone(),
        row_count: mistake.row_count,
        column: mistake.column.clone(),
        id: mistake.key.clone(),
        text: mistake.text.clone(),
        hint: mistake.hint.clone(),
    }
}

/// An attribute's value.
pub fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Empty => json!(""),
        Value::Text(text) => json!(text),
        Value::Boolean(yes) => json!(yes),
        Value::Integer(number) => json!(number),
        Value::Day(day) => json!(day.to_string()),
        Value::List(items) => json!(items),
    }
}

/// A count of people and operations.
pub fn counts(counts: &Counts) -> v1::Counts {
    v1::Counts {
        people: counts
            .people
            .iter()
            .map(|(kind, count)| (kind.as_str().to_owned(), *count))
            .collect(),
        operations: counts
            .operations
            .iter()
            .map(|(target, verbs)| (target.to_string(), verbs.clone()))
            .collect(),
    }
}

/// A person in a listing.
pub fn person_row(person: &Person) -> v1::PersonRow {
    let state = |account: &Account| account.state.map_or("-", |state| state.as_str()).to_owned();
    let open: usize = person
        .accounts
        .values()
        .map(|account| account.operations.len())
        .sum();
    v1::PersonRow {
        person: person.id.to_string(),
        name: person.identity.display_name(),
        phase: person.phase.as_str().to_owned(),
        accounts: person
            .accounts
            .iter()
            .map(|(target, account)| (target.to_string(), state(account)))
            .collect(),
        operations_open: u32::try_from(open).unwrap_or(u32::MAX),
    }
}

/// The records of a person who has several.
fn records(person: &Person, trust: &[FeedName], now: Timestamp) -> Vec<v1::Record> {
    let Some(picture) = picture(&person.records, trust, now) else {
        return Vec::new();
    };
    let records = person.records.iter().map(|(id, record)| {
        let says = picture.sources.iter().filter(|(_, source)| *source == id);
        let phase = if record.is_present {
            record.identity.employment.phase(now)
        } else {
            Phase::Ended
        };
        v1::Record {
            record: id.to_string(),
            phase: phase.as_str().to_owned(),
            is_present: record.is_present,
            leads: *id == picture.lead,
            because: because(&record.link),
            says: says.map(|(name, _)| name.clone()).collect(),
        }
    });
    records.collect()
}

/// Why a record is a person's.
pub(super) fn because(link: &Link) -> String {
    match link {
        Link::FirstSeen => "first seen".to_owned(),
        Link::Correlated(keys) => format!("{} agreed", keys.join(", ")),
        Link::Confirmed(keys) if keys.is_empty() => "a person said so".to_owned(),
        Link::Confirmed(keys) => format!("{} agreed, and a person said so", keys.join(", ")),
        Link::Merged => "a person made two identities one".to_owned(),
    }
}

/// Everything about a person.
pub fn person(
    person: &Person,
    policy: &Policy,
    titles: &Titles,
    (trust, now): (&[FeedName], Timestamp),
) -> v1::Person {
    let held = policy.explain(&person.seat(trust, now), &person.identity, person.phase);
    let is_here = person.phase != Phase::Ended;
    let roles = held
        .iter()
        .filter(|(_, holds)| is_here && matches!(holds, Ok(true)));
    v1::Person {
        person: person.id.to_string(),
        name: person.identity.display_name(),
        phase: person.phase.as_str().to_owned(),
        is_present: person.is_present,
        starts_at: person.identity.employment.starts_at.map(instant),
        ends_at: person.identity.employment.ends_at.map(instant),
        wake_at: person.wake_at.map(instant),
        announced: dated::announced(person),
        attributes: person
            .identity
            .attributes
            .iter()
            .map(|(name, held)| (name.clone(), value(held)))
            .collect(),
        roles: roles.map(|(role, _)| role.name.to_string()).collect(),
        openings: openings(person, now).map(|(_, opening)| opening).collect(),
        blocks: blocks(person, now).map(|(_, block)| block).collect(),
        adoptions: adoptions(person, titles, now).map(|(_, one)| one).collect(),
        records: records(person, trust, now),
        part_of: None,
        plan: person.plan.0,
        accounts: person
            .accounts
            .keys()
            .filter_map(|target| account(person, target, titles, now))
            .collect(),
    }
}

/// What is or will be open for a person, each with the entry that says so.
pub fn openings(
    person: &Person,
    now: Timestamp,
) -> impl Iterator<Item = (Option<u64>, v1::Opening)> {
    let openings = person.standing.openings.iter();
    let openings = openings.filter(move |(_, opening)| opening.until > now);
    openings.map(move |(id, noted)| (Some(noted.entry), opening(*id, noted, now)))
}

/// One opening.
pub fn opening(id: OpeningId, opening: &Opening, now: Timestamp) -> v1::Opening {
    let (role, target, entitlement) = match &opening.gives {
        Access::Role(role) => (Some(role.to_string()), None, None),
        Access::Account(target) => (None, Some(target.to_string()), None),
        Access::Entitlement(target, name) => {
            (None, Some(target.to_string()), Some(name.to_string()))
        }
    };
    v1::Opening {
        opening: id.0,
        role,
        target,
        entitlement,
        from: instant(opening.from),
        until: instant(opening.until),
        is_open: opening.is_open(now),
        reason: opening.reason.clone(),
    }
}

/// What is kept from a person, each with the entry that says so.
pub fn blocks(person: &Person, now: Timestamp) -> impl Iterator<Item = (Option<u64>, v1::Block)> {
    let blocks = person.standing.blocks.iter();
    let blocks = blocks.filter(move |(_, block)| block.holds(now));
    blocks.map(|(id, noted)| (Some(noted.entry), block(*id, noted)))
}

fn block(id: BlockId, block: &Block) -> v1::Block {
    let (role, target, entitlement) = match &block.keeps_away {
        Barred::Everything => (None, None, None),
        Barred::Target(target) => (None, Some(target.to_string()), None),
        Barred::Role(role) => (Some(role.to_string()), None, None),
        Barred::Entitlement(target, name) => {
            (None, Some(target.to_string()), Some(name.to_string()))
        }
    };
    v1::Block {
        block: id.0,
        is_of_everything: block.keeps_away == Barred::Everything,
        role,
        target,
        entitlement,
        since: instant(block.since),
        until: block.until.map(instant),
        reason: block.reason.clone(),
    }
}

/// What a person's accounts had when they were taken over, each with the entry that says that it is kept.
pub fn adoptions(
    person: &Person,
    titles: &Titles,
    now: Timestamp,
) -> impl Iterator<Item = (Option<u64>, v1::Adoption)> {
    let all = person.standing.adoptions.all.iter();
    let all = all.filter(move |(_, adoption)| adoption.gives(now));
    all.map(|(id, adoption)| {
        let shown = v1::Adoption {
            adoption: id.0,
            target: adoption.target.to_string(),
            entitlement: entitlement(titles, &adoption.target, &adoption.right),
            found_at: instant(adoption.found_at),
            is_kept: adoption.kept.is_some(),
            until: adoption.end().map(instant),
        };
        (adoption.kept.map(|kept| kept.entry), shown)
    })
}

/// An entry of the journal, by its number.
pub fn entry(reader: &Reader, number: u64) -> Result<Option<kept::Entry>, muster_ledger::Error> {
    reader.journal(number..=number)?.next().transpose()
}

/// A person's account at a target; `None` if the ledger knows of none.
pub fn account(
    person: &Person,
    target: &TargetName,
    titles: &Titles,
    now: Timestamp,
) -> Option<v1::Account> {
    let account = person.accounts.get(target)?;
    Some(v1::Account {
        person: person.id.to_string(),
        name: person.identity.display_name(),
        target: target.to_string(),
        id: account.object.as_ref().map(|object| object.id.clone()),
        state: account.state.map(|state| state.as_str().to_owned()),
        drift: account.drift.map(|drift| drift.what.as_str().to_owned()),
        delete_at: account.delete_at.map(instant),
        grants: account
            .grants
            .iter()
            .map(|(key, held)| grant(titles, target, key, held))
            .collect(),
        taken: taken(account, now),
        operations: operations(person, target, titles, now),
    })
}

/// What was taken from an account, each with how it ended.
pub fn taken(account: &Account, now: Timestamp) -> Vec<v1::Removed> {
    let taken = account.taken.iter().map(|(what, taken)| v1::Removed {
        what: what.clone(),
        outcome: outcome(taken.how).to_owned(),
        is_verified: taken.how.is_seen(),
        at: instant(taken.at),
        operation: taken.operation.to_string(),
        goes_on: taken
            .open_at(now)
            .map(|unreached| v1::GoesOn {
                text: unreached.text.clone(),
                until: unreached.until.map(instant),
            })
            .collect(),
    });
    taken.collect()
}

/// How a removal ended, in two words that are never mixed up: it was seen, or it was only said.
fn outcome(how: How) -> &'static str {
    if how.is_seen() { "verified" } else { "done" }
}

/// How far a grant has come.
pub fn grant_state(grant: &Grant) -> &'static str {
    match (grant.justifications.is_empty(), grant.since) {
        (true, _) => "being-taken",
        (false, None) => "being-given",
        (false, Some(_)) => "held",
    }
}

fn grant(titles: &Titles, target: &TargetName, key: &EntitlementKey, grant: &Grant) -> v1::Grant {
    v1::Grant {
        entitlement: entitlement(titles, target, key),
        id: key.id.clone(),
        state: grant_state(grant).to_owned(),
        since: grant.since.map(instant),
        reasons: grant.justifications.iter().map(reason).collect(),
        plan: grant.plan.map(|plan| plan.0),
    }
}

fn reason(justification: &Justification) -> v1::Reason {
    match justification {
        Justification::Role { role, policy } => v1::Reason {
            kind: "role".to_owned(),
            opening: None,
            role: Some(role.to_string()),
            policy: Some(policy.to_string()),
            adoption: None,
        },
        Justification::Opening(id) => v1::Reason {
            kind: "opening".to_owned(),
            opening: Some(id.0),
            role: None,
            policy: None,
            adoption: None,
        },
        Justification::Adoption(id) => v1::Reason {
            kind: "adoption".to_owned(),
            opening: None,
            role: None,
            policy: None,
            adoption: Some(id.0),
        },
    }
}

/// The operations of an account that have not ended, in order.
pub fn operations(
    person: &Person,
    target: &TargetName,
    titles: &Titles,
    now: Timestamp,
) -> Vec<v1::Operation> {
    let operations = person
        .accounts
        .get(target)
        .into_iter()
        .flat_map(|account| &account.operations);
    operations
        .map(|open| operation(person, target, open, titles, now))
        .collect()
}

/// One operation that has not ended.
pub fn operation(
    person: &Person,
    target: &TargetName,
    open: &Operation,
    titles: &Titles,
    now: Timestamp,
) -> v1::Operation {
    use operation::State;
    let next_at = match open.step(now) {
        Step::WaitUntil(at) => Some(instant(at)),
        Step::Send(_) | Step::Observe | Step::Verify | Step::Poll | Step::Busy | Step::Halted => {
            None
        }
    };
    let (problem, text) = match &open.state {
        State::Waiting { problem, .. } | State::Halted { problem, .. } => {
            (Some(problem.name().to_owned()), Some(problem.text()))
        }
        State::Unknown {
            text, by_plugin, ..
        } => {
            let problem = if *by_plugin {
                "plugin-failed"
            } else {
                "outcome-unknown"
            };
            (Some(problem.to_owned()), Some(text.clone()))
        }
        State::Queued
        | State::InFlight { .. }
        | State::Pending { .. }
        | State::Verifying { .. } => (None, None),
    };
    v1::Operation {
        id: open.id.to_string(),
        person: person.id.to_string(),
        target: target.to_string(),
        verb: open.action.verb().to_owned(),
        object: object(titles, target, &open.action),
        urgency: urgency(open.urgency).to_owned(),
        state: open.state.kind().to_string(),
        attempt: open.state.attempt(),
        next_at,
        reason: open.reason.clone(),
        problem,
        text,
    }
}

/// The word for an urgency.
pub fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Leaver => "leaver",
        Urgency::Mover => "mover",
        Urgency::Joiner => "joiner",
        Urgency::Routine => "routine",
    }
}

/// What an action is done with; empty where the account itself is meant.
pub fn object(titles: &Titles, target: &TargetName, action: &Action) -> String {
    match action {
        Action::EnsureGranted(key) | Action::EnsureRevoked(key) => entitlement(titles, target, key),
        Action::TransferOwned(heir) => heir.to_string(),
        Action::EnsureAccount(spec) => {
            let names: Vec<&str> = spec
                .attributes
                .iter()
                .map(|(name, change)| match change {
                    AttributeChange::Set(_) | AttributeChange::Clear => name.as_str(),
                })
                .collect();
            names.join(", ")
        }
        Action::EnsureState(_)
        | Action::EndSessions
        | Action::RevokeCredentials
        | Action::EnsureAbsent => String::new(),
    }
}

/// What a plan would do for a person.
pub fn person_preview(
    planned: &PersonPlanned,
    before: Option<&Person>,
    titles: &Titles,
) -> v1::PersonPreview {
    let identity = planned
        .identity
        .as_ref()
        .or(before.map(|person| &person.identity));
    let operations = planned.accounts.iter().flat_map(|(target, account)| {
        account
            .operations
            .iter()
            .map(move |operation| v1::OperationPreview {
                target: target.to_string(),
                verb: operation.action.verb().to_owned(),
                object: object(titles, target, &operation.action),
                reason: operation.reason.clone(),
            })
    });
    v1::PersonPreview {
        person: planned.person.to_string(),
        name: identity.map(Identity::display_name).unwrap_or_default(),
        kind: planned.kind.as_str().to_owned(),
        changed: changed(planned, before),
        effective_at: first_day(planned, identity).map(instant),
        operations: operations.collect(),
    }
}

/// The first day of somebody who has not begun. Everything else takes effect at once.
fn first_day(planned: &PersonPlanned, identity: Option<&Identity>) -> Option<Timestamp> {
    let is_ahead = planned.phase == Phase::Prehire;
    identity.filter(|_| is_ahead)?.employment.starts_at
}

/// What HR changed, attribute by attribute; only for somebody who was known.
fn changed(planned: &PersonPlanned, before: Option<&Person>) -> Vec<String> {
    let (Some(after), Some(before)) = (&planned.identity, before) else {
        return match planned.kind {
            Kind::Leaver if !planned.is_present => vec!["no longer in the file".to_owned()],
            _ => Vec::new(),
        };
    };
    let mut lines = dated::differences(&before.identity, after);
    if before.phase != planned.phase {
        lines.push(format!(
            "{} -> {}",
            before.phase.as_str(),
            planned.phase.as_str()
        ));
    }
    lines
}
