//! What a person has at each target and because of what, what not and why not.
//!
//! What is asked of the ledger is put together at the top; the answer is made from it without reading anything more.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::actor::Actor;
use muster_core::adoption::AdoptionId;
use muster_core::connector::{AccountState, EntitlementKey};
use muster_core::id::{FeedName, PersonId, PlanId, PolicyVersion, RoleName, TargetName};
use muster_core::identity::{Phase, Value};
use muster_core::operation;
use muster_core::person::{Account, Grant, Justification, Person};
use muster_core::plan::Catalogue;
use muster_core::plan::UNREAD_CATALOGUE;
use muster_core::policy::{Policy, Role};
use muster_core::record::picture;
use muster_core::rule::Failed;
use serde::Deserialize;

use super::asking::{Parameters, Part, named};
use super::plans::source_of;
use super::{Answered, Listings, answered, present, read};
use crate::planning::Titles;

#[derive(Deserialize)]
pub(crate) struct Asked {
    target: Option<String>,
}

/// `GET /v1/why/{person}`: at every target where none is named.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    Part(person): Part<PersonId>,
    Parameters(asked): Parameters<Asked>,
) -> Answered<v1::Why> {
    let target: Option<TargetName> = named(asked.target.as_deref())?;
    answered(listings, move |listings| {
        listings.why(&person, target.as_ref())
    })
    .await
}

impl Listings {
    fn why(&self, id: &PersonId, target: Option<&TargetName>) -> Result<v1::Why, Fault> {
        let person = self.find(id)?;
        if let Some(target) = target
            && !self.targets.contains_key(target)
            && !person.accounts.contains_key(target)
        {
            return Err(Fault::not_found("target", target.as_str())
                .hint("`muster status` lists the targets"));
        }
        let reader = read(&self.ledger)?;
        let known = self.known.load();
        let source = |plan: PlanId| source_of(&reader, plan);
        let policy = self.planning.policy();
        let rule_then = |version: &PolicyVersion, role: &RoleName| {
            let kept = reader.policy(version).ok().flatten()?;
            let mut roles = kept.source.roles.iter();
            let found = roles.find(|found| found.name == *role)?;
            Some(found.when.clone())
        };
        let decided_by = |entry: u64| {
            let entry = present::entry(&reader, entry).ok().flatten()?;
            Some(match entry.by {
                Actor::Operator(by) => match &by.reason {
                    Some(reason) => format!("{by}: {reason}"),
                    None => by.to_string(),
                },
                by => by.to_string(),
            })
        };
        let asked = Known {
            person: &person,
            policy: &policy,
            titles: &known.titles,
            catalogues: &known.targets.catalogues,
            trust: self.planning.trust(),
            now: self.clock.now(),
            source: &source,
            rule_then: &rule_then,
            decided_by: &decided_by,
        };
        Ok(why(&asked, target))
    }
}

/// What the answer is made from.
struct Known<'a> {
    /// The person.
    person: &'a Person,
    /// The policy that decides now.
    policy: &'a Policy,
    /// What entitlements are called.
    titles: &'a Titles,
    /// What each target can give, as it was read last.
    catalogues: &'a BTreeMap<TargetName, Catalogue>,
    /// The feeds, the most trusted first.
    trust: &'a [FeedName],
    /// The daemon's clock.
    now: Timestamp,
    /// Where a plan came from.
    source: &'a dyn Fn(PlanId) -> Option<v1::Source>,
    /// The rule of a role as it stood in a version of the policy.
    rule_then: &'a dyn Fn(&PolicyVersion, &RoleName) -> Option<String>,
    /// Who an entry of the journal says decided something, and why.
    decided_by: &'a dyn Fn(u64) -> Option<String>,
}

impl Known<'_> {
    /// Where a plan came from, with the person's row where it was read from that plan's file.
    fn source(&self, plan: PlanId) -> Option<v1::Source> {
        let origin = self.person.origin;
        let row = origin.row.filter(|_| origin.plan == plan);
        (self.source)(plan).map(|source| v1::Source { row, ..source })
    }
}

/// Answers for one target, or for every one that the policy or the ledger knows of.
fn why(known: &Known<'_>, target: Option<&TargetName>) -> v1::Why {
    let person = known.person;
    let all = person.accounts.keys().chain(known.policy.targets().keys());
    let names: std::collections::BTreeSet<&TargetName> = all
        .filter(|name| target.is_none_or(|wanted| wanted == *name))
        .collect();
    v1::Why {
        person: person.id.to_string(),
        name: person.identity.display_name(),
        phase: person.phase.as_str().to_owned(),
        phase_because: phase_because(known),
        policy: known.policy.version().to_string(),
        source: known.source(person.origin.plan),
        targets: names
            .into_iter()
            .map(|name| at_target(known, name))
            .collect(),
    }
}

fn phase_because(known: &Known<'_>) -> String {
    let because = phase_said(known.person);
    match picture(&known.person.records, known.trust, known.now) {
        Some(picture) => format!("{because}, by record {}", picture.lead),
        None => because,
    }
}

fn phase_said(person: &Person) -> String {
    let employment = &person.identity.employment;
    let date = |at: Option<Timestamp>| at.map_or("no date".to_owned(), |at| at.to_string());
    match person.phase {
        Phase::Prehire => format!("the first day begins at {}", date(employment.starts_at)),
        Phase::Active | Phase::Leave => match employment.ends_at {
            Some(end) => format!("employed; the last day ends at {end}"),
            None => "employed; HR names no last day".to_owned(),
        },
        Phase::Ended if !person.is_present => {
            "the last complete file no longer has this person".to_owned()
        }
        Phase::Ended => match employment.ends_at {
            Some(end) => format!("the last day ended at {end}"),
            None => "HR says that the employment has ended".to_owned(),
        },
    }
}

fn at_target(known: &Known<'_>, target: &TargetName) -> v1::WhyTarget {
    let person = known.person;
    let none = Account::default();
    let account = person.accounts.get(target).unwrap_or(&none);
    let seat = person.seat(known.trust, known.now);
    let roles = known.policy.explain(&seat, &person.identity, person.phase);
    let is_here = person.phase != Phase::Ended;
    let mut has = Vec::new();
    let mut has_not = Vec::new();
    let mut for_account = Vec::new();
    for (role, holds) in roles
        .iter()
        .filter(|(role, _)| role.access.contains_key(target))
    {
        if is_here && matches!(holds, Ok(true)) {
            for_account.push(because(known, role));
            has_not.extend(cannot_be_given(known, target, role));
        } else {
            has_not.push(why_not(known, target, role, is_here.then_some(holds)));
        }
    }
    if account.is_wanted || account.exists() {
        has.push(v1::WhyGrant {
            entitlement: "account".to_owned(),
            state: account_state(account).to_owned(),
            since: None,
            because: for_account,
            source: known.source(person.plan),
        });
    }
    has.extend(
        account
            .grants
            .iter()
            .map(|(key, grant)| why_grant(known, target, key, grant)),
    );
    v1::WhyTarget {
        target: target.to_string(),
        account: account.object.as_ref().map(|object| object.id.clone()),
        state: account.state.map(|state| state.as_str().to_owned()),
        summary: summary(account),
        has,
        has_not,
        taken: present::taken(account, known.now),
        pending: present::operations(person, target, known.titles, known.now),
    }
}

fn account_state(account: &Account) -> &'static str {
    match (account.is_wanted, account.exists()) {
        (true, true) => "held",
        (true, false) => "being-given",
        (false, _) => "being-taken",
    }
}

fn summary(account: &Account) -> String {
    let halted = account
        .operations
        .iter()
        .filter(|open| matches!(open.state, operation::State::Halted { .. }))
        .count();
    let open = account.operations.len();
    let state = match (account.exists(), account.is_wanted, account.state) {
        (false, true, _) => "no account yet; one is to be made".to_owned(),
        (false, false, Some(AccountState::Deleted)) => "the account was deleted".to_owned(),
        (false, false, _) => "no account, and none is to be had".to_owned(),
        (true, true, state) => format!(
            "has the account ({})",
            state.map_or("-", AccountState::as_str)
        ),
        (true, false, state) => {
            format!(
                "is to have the account no longer ({})",
                state.map_or("-", AccountState::as_str)
            )
        }
    };
    let deletion = account
        .delete_at
        .map_or(String::new(), |at| format!("; to be deleted at {at}"));
    match (open, halted) {
        (0, _) => format!("{state}{deletion}"),
        (open, 0) => format!("{state}{deletion}; still to do: {open}"),
        (open, halted) => {
            format!("{state}{deletion}; still to do: {open}, of which for a person: {halted}")
        }
    }
}

fn why_grant(
    known: &Known<'_>,
    target: &TargetName,
    key: &EntitlementKey,
    grant: &Grant,
) -> v1::WhyGrant {
    let reasons = grant
        .justifications
        .iter()
        .map(|justification| match justification {
            Justification::Role { role, policy } => by_role(known, role, policy),
            Justification::Opening(id) => {
                let opening = known.person.standing.openings.get(id);
                v1::Because {
                    role: None,
                    opening: opening.map(|opening| present::opening(*id, opening, known.now)),
                    description: String::new(),
                    rule: None,
                    policy: None,
                    rule_now: None,
                    values: BTreeMap::new(),
                }
            }
            Justification::Adoption(id) => v1::Because {
                role: None,
                opening: None,
                description: adopted(known, *id),
                rule: None,
                policy: None,
                rule_now: None,
                values: BTreeMap::new(),
            },
        });
    v1::WhyGrant {
        entitlement: present::entitlement(known.titles, target, key),
        state: present::grant_state(grant).to_owned(),
        since: grant.since.map(present::instant),
        because: reasons.collect(),
        source: grant.plan.and_then(|plan| known.source(plan)),
    }
}

/// What is said of a right that the account had when it was taken over.
fn adopted(known: &Known<'_>, id: AdoptionId) -> String {
    let had = format!("{}, which the account had when it was taken over", id.0);
    let adoption = known.person.standing.adoptions.all.get(&id);
    let Some(kept) = adoption.and_then(|adoption| adoption.kept) else {
        return format!("{had}; nobody has decided about it");
    };
    let until = kept
        .until
        .map(|until| format!(" until {}", present::instant(until)));
    let by = (known.decided_by)(kept.entry);
    let by = by.map(|by| format!(" by {by}"));
    format!(
        "{had}; kept{}{}",
        until.unwrap_or_default(),
        by.unwrap_or_default()
    )
}

/// A role as a reason, with its rule as it stood in the policy by which it first gave something.
fn by_role(known: &Known<'_>, name: &RoleName, version: &PolicyVersion) -> v1::Because {
    let mut roles = known.policy.roles().iter();
    let today = roles.find(|candidate| candidate.name == *name);
    let then = (known.rule_then)(version, name);
    let mut reason = today.map_or_else(
        || v1::Because {
            role: Some(name.to_string()),
            opening: None,
            description: "the policy no longer has this role".to_owned(),
            rule: None,
            policy: None,
            rule_now: None,
            values: BTreeMap::new(),
        },
        |role| because(known, role),
    );
    reason.policy = Some(version.to_string());
    if then.is_some() && then != reason.rule {
        reason.rule_now = std::mem::replace(&mut reason.rule, then);
    }
    reason
}

fn because(known: &Known<'_>, role: &Role) -> v1::Because {
    v1::Because {
        opening: None,
        role: Some(role.name.to_string()),
        description: role.description.clone(),
        rule: Some(role.when.source().to_owned()),
        policy: Some(known.policy.version().to_string()),
        rule_now: None,
        values: values(known, role),
    }
}

/// What a role of this person gives and nobody can: a name that the target does not know.
fn cannot_be_given(known: &Known<'_>, target: &TargetName, role: &Role) -> Vec<v1::WhyNot> {
    let names = role.access.get(target).into_iter().flatten();
    let unresolved = names.filter_map(|name| {
        let (code, text) = match known.catalogues.get(target) {
            Some(catalogue) => catalogue.why_not(name)?,
            None => (
                UNREAD_CATALOGUE,
                "what this target can give was not read yet".to_owned(),
            ),
        };
        Some(v1::WhyNot {
            role: role.name.to_string(),
            description: role.description.clone(),
            gives: vec![name.to_string()],
            rule: role.when.source().to_owned(),
            failed: Vec::new(),
            undecided: None,
            unresolved: Some(format!("{text} ({code})")),
            values: values(known, role),
        })
    });
    unresolved.collect()
}

/// Why a role grants nothing; `holds` is how its rule came out, for somebody who is employed.
fn why_not(
    known: &Known<'_>,
    target: &TargetName,
    role: &Role,
    holds: Option<&Result<bool, Failed>>,
) -> v1::WhyNot {
    let person = known.person;
    let (failed, undecided) = match holds {
        Some(Ok(_)) => {
            let missing = known
                .policy
                .missing(role, &person.id, &person.identity, person.phase);
            (missing, None)
        }
        Some(Err(failed)) => (Vec::new(), Some(failed.to_string())),
        None => (
            vec!["the employment has ended, so no role applies".to_owned()],
            None,
        ),
    };
    let gives = role
        .access
        .get(target)
        .into_iter()
        .flatten()
        .map(ToString::to_string);
    v1::WhyNot {
        role: role.name.to_string(),
        description: role.description.clone(),
        gives: gives.collect(),
        rule: role.when.source().to_owned(),
        failed,
        undecided,
        unresolved: None,
        values: values(known, role),
    }
}

/// The values that a rule looks at; `null` where HR says nothing.
fn values(known: &Known<'_>, role: &Role) -> BTreeMap<String, serde_json::Value> {
    let person = known.person;
    let value = |name: &str| match name {
        "key" => Some(Value::Text(person.id.key.to_string())),
        "feed" => Some(Value::Text(person.id.feed.to_string())),
        "phase" => Some(Value::Text(person.phase.as_str().to_owned())),
        name => person.identity.attributes.get(name).cloned(),
    };
    let shown =
        |name: &str| value(name).map_or(serde_json::Value::Null, |held| present::value(&held));
    role.when
        .names()
        .iter()
        .map(|name| (name.clone(), shown(name)))
        .collect()
}
