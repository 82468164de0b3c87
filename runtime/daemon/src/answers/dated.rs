//! How it is said what HR says otherwise now, announced for a later day, took back, or said too late.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use muster_api::v1;
use muster_core::dated::Announced;
use muster_core::identity::{Identity, Value};
use muster_core::person::Person;

/// News that is older than this when it arrives is said to be late.
const LATE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What HR says otherwise now, line by line: the attributes, and what is announced.
pub(super) fn differences(before: &Identity, after: &Identity) -> Vec<String> {
    let mut lines = attributes(before, after);
    lines.extend(news(before, after));
    lines
}

/// The attributes that are others, line by line.
fn attributes(before: &Identity, after: &Identity) -> Vec<String> {
    let (old, new) = (&before.attributes, &after.attributes);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("(not said)".to_owned(), text);
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| {
            format!(
                "{name}: {} -> {}",
                shown(old.get(name)),
                shown(new.get(name))
            )
        })
        .collect()
}

/// A value as people read it.
fn text(value: &Value) -> String {
    match value {
        Value::Empty => "(empty)".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Day(day) => day.to_string(),
        Value::List(items) => items.join(", "),
    }
}

/// What HR has announced of a person, in order, each against what holds until then.
pub(super) fn announced(person: &Person) -> Vec<v1::Announced> {
    let identity = &person.identity;
    let announced = identity.dated.announced.iter();
    announced
        .map(|one| v1::Announced {
            at: one.at.to_string(),
            phase: one.phase().as_str().to_owned(),
            changes: changes(identity, one),
        })
        .collect()
}

/// What an announced change changes of what holds until then.
fn changes(identity: &Identity, announced: &Announced) -> Vec<String> {
    let just_before = SignedDuration::from_nanos(1);
    let until = announced
        .at
        .checked_sub(just_before)
        .unwrap_or(announced.at);
    let (before, after) = (identity.on(until), identity.on(announced.at));
    let mut lines = attributes(&before, &after);
    let phases = [before.employment.phase(until), announced.phase()];
    if phases[0] != phases[1] {
        lines.push(format!("{} -> {}", phases[0].as_str(), phases[1].as_str()));
    }
    let ends = [before.employment.ends_at, after.employment.ends_at];
    if ends[0] != ends[1] {
        let said = ends.map(|end| end.map_or_else(|| "none".to_owned(), |end| end.to_string()));
        lines.push(format!("end: {} -> {}", said[0], said[1]));
    }
    lines
}

/// What is announced now and was not, and what was announced and is not any more, line by line.
fn news(before: &Identity, after: &Identity) -> Vec<String> {
    let (old, new) = (&before.dated.announced, &after.dated.announced);
    let is_new = |one: &&Announced| !old.contains(one);
    let announced = new.iter().filter(is_new).map(|one| {
        let changes = changes(after, one).join(", ");
        let changes = if changes.is_empty() {
            "nothing else".to_owned()
        } else {
            changes
        };
        format!("announced for {}: {changes}", one.at)
    });
    let has_come = |one: &Announced| after.dated.since.is_some_and(|since| one.at <= since);
    let is_left = |one: &Announced| new.iter().any(|other| other.at == one.at);
    let withdrawn = old
        .iter()
        .filter(|one| !is_left(one) && !has_come(one))
        .map(|one| format!("withdrawn: what was announced for {}", one.at));
    announced.chain(withdrawn).collect()
}

/// That what is said now has been so for longer than a day, where it is new.
pub(super) fn late(before: &Identity, after: &Identity, at: Timestamp) -> Option<String> {
    let (old, new) = (&before.employment, &after.employment);
    let changed = |old: Option<Timestamp>, new: Option<Timestamp>| new.filter(|_| old != new);
    let days = [
        changed(before.dated.since, after.dated.since),
        changed(old.starts_at, new.starts_at),
        changed(old.ends_at, new.ends_at),
    ];
    let since = days.into_iter().flatten().filter(|day| *day <= at).max()?;
    let late = at.duration_since(since);
    (late > LATE_AFTER).then(|| {
        format!(
            "late by {} days: in effect since {}",
            late.as_hours() / 24,
            since
        )
    })
}
