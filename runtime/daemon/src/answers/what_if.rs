//! What would be if HR said otherwise of a person, or on another day. The planner answers, on the identity that is asked about
//! and at that instant, and nothing is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use muster_api::error::{API_BROKEN, Fault, FaultKind};
use muster_api::v1;
use muster_core::coded::chain;
use muster_core::connector::EntitlementKey;
use muster_core::fact::PersonPlanned;
use muster_core::id::{FeedName, PersonId, TargetName};
use muster_core::identity::{Identity, Value, ValueType};
use muster_core::nearest::nearest;
use muster_core::person::Person;
use muster_core::policy::Policy;
use serde::Deserialize;

use super::asking::{Parameters, Part, unusable};
use super::dated::differences;
use super::{Answered, Previews, answered, broken, present, read};
use crate::planning::Titles;

/// What stands after the `?`.
#[derive(Deserialize)]
pub(crate) struct Asked {
    /// Attributes as they would be: an object of texts, in JSON.
    set: Option<String>,
    /// The day or the instant.
    on: Option<String>,
}

/// `GET /v1/what-if/{person}`.
pub(crate) async fn answer(
    State(previews): State<Arc<Previews>>,
    Part(person): Part<PersonId>,
    Parameters(asked): Parameters<Asked>,
) -> Answered<v1::WhatIf> {
    answered(previews, move |previews| what_if(previews, &person, &asked)).await
}

fn what_if(previews: &Previews, id: &PersonId, asked: &Asked) -> Result<v1::WhatIf, Fault> {
    let planning = &previews.planning;
    let person = read(&previews.ledger)?.person(id);
    let person = person.map_err(|error| broken(&error))?.ok_or_else(|| {
        Fault::not_found("person", &id.to_string())
            .hint("`muster people --find TEXT` looks for one")
    })?;
    let now = planning.now();
    let at = match asked.on.as_deref() {
        None => now,
        Some(text) => instant(text, zone(previews, &id.feed))?,
    };
    if at < now {
        return Err(unusable(format!("{} is over", present::instant(at)))
            .hint("`muster history PERSON` has what was"));
    }
    let mut identity = person.identity.clone();
    if let Some(text) = asked.set.as_deref() {
        let set: BTreeMap<String, String> = serde_json::from_str(text)
            .map_err(|_| unusable("`set` is an object of texts, in JSON"))?;
        change(&planning.policy(), &mut identity, set)?;
    }
    let known = previews.known.load();
    let mut seen = None;
    let summary = planning.what_if(id, identity.clone(), at, &mut |planned, before| {
        seen = Some(Seen::of(planned, before, &known.titles));
    });
    let summary =
        summary.map_err(|error| Fault::new(FaultKind::Broken, API_BROKEN, chain(&error)))?;
    // Where the planner has nothing to do, the person stands as before.
    let seen = seen.unwrap_or_else(|| Seen {
        phase: person.phase.as_str().to_owned(),
        ..Seen::default()
    });
    let findings = summary.findings.iter();
    Ok(v1::WhatIf {
        person: id.to_string(),
        name: identity.display_name(),
        at: present::instant(at),
        phase_before: person.phase.as_str().to_owned(),
        phase: seen.phase,
        changed: differences(&person.identity, &identity),
        gets: seen.gets,
        loses: seen.loses,
        operations: seen.operations,
        findings: findings
            .map(|finding| present::finding(finding, None))
            .collect(),
    })
}

/// The zone in which a feed's days are meant where nothing else is known.
fn zone(previews: &Previews, feed: &FeedName) -> TimeZone {
    let feed = previews.config.feeds.get(feed);
    let zone = feed.and_then(|feed| TimeZone::get(&feed.columns.zone.default).ok());
    zone.unwrap_or(TimeZone::UTC)
}

/// An instant, or noon of a day: it is that day then wherever the person works, but for the ends of the world.
fn instant(text: &str, zone: TimeZone) -> Result<Timestamp, Fault> {
    let wrong = || {
        unusable(format!(
            "`on` is a day such as 2026-05-01 or an instant such as 2026-05-01T18:00:00Z, and not `{text}`"
        ))
    };
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    let noon = day.at(12, 0, 0, 0).to_zoned(zone);
    Ok(noon.map_err(|_| wrong())?.timestamp())
}

/// Has HR say these attributes.
fn change(
    policy: &Policy,
    identity: &mut Identity,
    set: BTreeMap<String, String>,
) -> Result<(), Fault> {
    let attributes = &policy.source().attributes;
    for (name, text) in set {
        let Some(wanted) = attributes.get(&name) else {
            let near = nearest(&name, attributes.keys().map(String::as_str));
            let fault = unusable(format!("no feed's mapping has `{name}`"));
            return Err(match near {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        };
        let value = value(&text, wanted.unwrap_or(ValueType::Text));
        let value =
            value.map_err(|takes| unusable(format!("`{name}` is {takes}, and not `{text}`")))?;
        identity.attributes.insert(name, value);
    }
    Ok(())
}

/// A value as the mapping would read it, or what it would have to be.
fn value(text: &str, wanted: ValueType) -> Result<Value, &'static str> {
    if text.is_empty() {
        return Ok(Value::Empty);
    }
    match wanted {
        ValueType::Text => Ok(Value::Text(text.to_owned())),
        ValueType::Boolean => match text {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err("true or false"),
        },
        ValueType::Integer => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| "a whole number"),
        ValueType::Day => text
            .parse()
            .map(Value::Day)
            .map_err(|_| "a day such as 2026-05-01"),
        ValueType::List => Ok(Value::List(
            text.split(',').map(|one| one.trim().to_owned()).collect(),
        )),
    }
}

/// What the planner says of the person.
#[derive(Default)]
struct Seen {
    phase: String,
    gets: Vec<v1::Possession>,
    loses: Vec<v1::Possession>,
    operations: Vec<v1::OperationPreview>,
}

impl Seen {
    fn of(planned: &PersonPlanned, before: Option<&Person>, titles: &Titles) -> Self {
        let mut seen = Self {
            phase: planned.phase.as_str().to_owned(),
            operations: present::person_preview(planned, before, titles).operations,
            ..Self::default()
        };
        for (target, after) in &planned.accounts {
            let account = before.and_then(|person| person.accounts.get(target));
            let account = account.filter(|account| account.is_wanted);
            let had: BTreeSet<&EntitlementKey> = account
                .into_iter()
                .flat_map(|account| &account.grants)
                .filter(|(_, grant)| !grant.justifications.is_empty())
                .map(|(key, _)| key)
                .collect();
            let has: BTreeSet<&EntitlementKey> = after.grants.keys().collect();
            let named = |key: Option<&EntitlementKey>| possession(titles, target, key);
            match (account.is_some(), after.is_wanted) {
                (false, true) => seen.gets.push(named(None)),
                (true, false) => seen.loses.push(named(None)),
                _ => {}
            }
            seen.gets
                .extend(has.difference(&had).map(|key| named(Some(key))));
            seen.loses
                .extend(had.difference(&has).map(|key| named(Some(key))));
        }
        seen
    }
}

fn possession(
    titles: &Titles,
    target: &TargetName,
    key: Option<&EntitlementKey>,
) -> v1::Possession {
    v1::Possession {
        target: target.to_string(),
        entitlement: key.map(|key| present::entitlement(titles, target, key)),
    }
}
