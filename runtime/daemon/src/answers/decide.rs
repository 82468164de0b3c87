//! What somebody decides about one person, beside the policy: openings, blocks, and what an account had when it was
//! taken over. The decision and the plan that
//! carries it out are one transaction; a look is the same with nothing recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use muster_api::error::{API_BROKEN, DECISION_ABOUT_NOTHING, DECISION_REFUSED, Fault, FaultKind};
use muster_api::v1;
use muster_core::actor::{Actor, Operator};
use muster_core::adoption::AdoptionId;
use muster_core::coded::chain;
use muster_core::fact::{Cause, PersonPlanned};
use muster_core::id::{PersonId, RoleName, TargetName};
use muster_core::nearest::nearest;
use muster_core::operation::later;
use muster_core::person::Person;
use muster_core::plan::Targets;
use muster_core::policy::{EntitlementName, Policy};
use muster_core::standing::{Access, Barred, Block, BlockId, Decided, Opening, OpeningId};

use serde::Deserialize;

use super::asking::{Named as _, Parameters, named, unusable};
use super::operator::By;
use super::{Answered, Standings, answered, present};
use crate::planning::{Consent, Failed, Known, Maker, Order, Scope, Summary};

/// `GET /v1/people/{person}/{verb}`: what the decision would lead to. Changes nothing.
pub(crate) async fn look(
    State(standings): State<Arc<Standings>>,
    named: Result<Path<(String, String)>, PathRejection>,
    Parameters(said): Parameters<Said>,
    By(by): By,
) -> Answered<v1::Decided> {
    let (person, asked) = asked(named, &said)?;
    answered(standings, move |standings| {
        preview(standings, &person, &asked, &by)
    })
    .await
}

/// `POST /v1/people/{person}/{verb}`: decides, and has it carried out.
pub(crate) async fn answer(
    State(standings): State<Arc<Standings>>,
    named: Result<Path<(String, String)>, PathRejection>,
    Parameters(said): Parameters<Said>,
    By(by): By,
) -> Answered<v1::Decided> {
    let (person, asked) = asked(named, &said)?;
    Ok(Json(decide(&standings, person, asked, by).await?))
}

/// What stands after the `?`.
#[derive(Deserialize)]
pub(crate) struct Said {
    target: Option<String>,
    entitlement: Option<String>,
    role: Option<String>,
    opening: Option<u32>,
    block: Option<u32>,
    adoption: Option<u32>,
    from: Option<String>,
    /// In seconds.
    r#for: Option<u32>,
    until: Option<String>,
}

impl Said {
    fn what(&self) -> Result<Option<What>, Fault> {
        let role = |text: &str| RoleName::new(text).map_err(|error| unusable(error.to_string()));
        let role = self.role.as_deref().map(role).transpose()?;
        let target = named::<TargetName>(self.target.as_deref())?;
        Ok(match (role, target, self.entitlement.as_deref()) {
            (Some(role), None, None) => Some(What::Role(role)),
            (None, Some(target), None) => Some(What::Account(target)),
            (None, Some(target), Some(text)) => {
                let name = EntitlementName::parse(text);
                let name = name.ok_or_else(|| {
                    unusable(format!(
                        "`{text}` is no entitlement: it is written kind:name"
                    ))
                })?;
                Some(What::Entitlement(target, name))
            }
            (None, None, None) => None,
            _ => return Err(unusable("either a role or something at a target is meant")),
        })
    }

    fn end(&self) -> Result<Option<End>, Fault> {
        Ok(
            match (self.r#for, instant("until", self.until.as_deref())?) {
                (None, None) => None,
                (Some(seconds), None) => {
                    Some(End::After(SignedDuration::from_secs(seconds.into())))
                }
                (None, Some(until)) => Some(End::At(until)),
                (Some(_), Some(_)) => {
                    return Err(unusable("either `for` or `until` says when it ends"));
                }
            },
        )
    }
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    let parse = |text: &str| {
        text.parse().map_err(|_| {
            unusable(format!(
                "`{name}` is an instant such as 2026-05-01T18:00:00Z, and not `{text}`"
            ))
        })
    };
    text.map(parse).transpose()
}

/// What is asked for, of whom.
fn asked(
    named: Result<Path<(String, String)>, PathRejection>,
    said: &Said,
) -> Result<(PersonId, Asked), Fault> {
    let Path((person, verb)) = named.map_err(|rejection| unusable(rejection.body_text()))?;
    let end = said.end()?;
    let ends = || end.ok_or_else(|| unusable("`for` or `until` says when it ends"));
    let opening = || {
        let opening = said.opening.map(OpeningId);
        opening.ok_or_else(|| unusable("`opening` says which is meant"))
    };
    let adoption = || {
        let adoption = said.adoption.map(AdoptionId);
        adoption.ok_or_else(|| unusable("`adoption` says which is meant"))
    };
    let asked = match verb.as_str() {
        "open" => {
            let what = said.what()?;
            let what = what.ok_or_else(|| unusable("a role or a target says what is given"))?;
            Asked::Open(what, instant("from", said.from.as_deref())?, ends()?)
        }
        "extend" => Asked::Extend(opening()?, ends()?),
        "give-back" => Asked::GiveBack(opening()?),
        "block" => Asked::Block(said.what()?, end),
        "lift" => {
            let block = said.block.map(BlockId);
            Asked::Lift(block.ok_or_else(|| unusable("`block` says which is meant"))?)
        }
        "keep" => Asked::Keep(adoption()?, end),
        "remove" => Asked::Remove(adoption()?),
        _ => {
            let text = "of a person something is opened, extended, given back, blocked, lifted, kept or removed";
            return Err(unusable(text));
        }
    };
    Ok((PersonId::named(&person)?, asked))
}

/// What is to be decided, as it was asked for.
#[derive(Clone, Debug)]
enum Asked {
    /// Something is given for a while, at once or from an instant on.
    Open(What, Option<Timestamp>, End),
    /// An opening ends later.
    Extend(OpeningId, End),
    /// An opening ends now.
    GiveBack(OpeningId),
    /// Something is kept away; everything, where nothing is named. Without an end it is until somebody lifts it.
    Block(Option<What>, Option<End>),
    /// A block ends now.
    Lift(BlockId),
    /// What an account had when it was taken over stays; without an end as long as the person is to have the account.
    Keep(AdoptionId, Option<End>),
    /// What an account had when it was taken over goes.
    Remove(AdoptionId),
}

/// What is given or kept away.
#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    /// What a role gives.
    Role(RoleName),
    /// An account.
    Account(TargetName),
    /// An entitlement.
    Entitlement(TargetName, EntitlementName),
}

/// When something ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// So long after it begins; of an extension, after it would have ended.
    After(SignedDuration),
    /// At this instant.
    At(Timestamp),
}

impl End {
    fn at(self, from: Timestamp) -> Timestamp {
        match self {
            End::After(duration) => later(from, duration.unsigned_abs()),
            End::At(until) => until,
        }
    }
}

/// Why a decision was not taken.
enum Refusal {
    Fault(Fault),
    Failed(Failed),
}

impl From<Failed> for Refusal {
    fn from(error: Failed) -> Self {
        Refusal::Failed(error)
    }
}

impl From<muster_ledger::Error> for Refusal {
    fn from(error: muster_ledger::Error) -> Self {
        Refusal::Failed(Failed::Ledger(error))
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal::Fault(fault)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fault(fault) => fault,
            Refusal::Failed(error) => failed(&error),
        }
    }
}

fn failed(error: &Failed) -> Fault {
    Fault::new(FaultKind::Broken, API_BROKEN, chain(error))
        .hint("nothing was changed; see the daemon's log")
}

fn preview(
    standings: &Standings,
    person: &PersonId,
    asked: &Asked,
    by: &Operator,
) -> Result<v1::Decided, Fault> {
    let planning = &standings.planning;
    let reader = planning.read().map_err(|error| super::broken(&error))?;
    let now = reader
        .day(planning.now())
        .map_err(|error| super::broken(&error))?;
    let known = reader
        .person(person)
        .map_err(|error| super::broken(&error))?;
    let (before, decided) = decided(standings, person, known, (asked, by, now))?;
    let mut seen = Seen::default();
    let order = order(person, &decided, by);
    let summary = planning.preview(order, &mut |planned, before| {
        seen.note(standings, planned, before);
    });
    let summary = summary.map_err(|error| failed(&error))?;
    Ok(seen.answer(&before, &decided, &summary))
}

async fn decide(
    standings: &Arc<Standings>,
    person: PersonId,
    asked: Asked,
    by: Operator,
) -> Result<v1::Decided, Fault> {
    let planning = Arc::clone(&standings.planning);
    let standings = Arc::clone(standings);
    let work = move |maker: &Maker<'_>| -> Result<v1::Decided, Refusal> {
        let reader = maker.planning().read()?;
        let now = reader.day(maker.planning().now())?;
        let known = reader.person(&person)?;
        let (before, decided) = decided(&standings, &person, known, (&asked, &by, now))?;
        let mut seen = Seen::default();
        let order = order(&person, &decided, &by);
        let summary = maker.make_told(order, Consent::Ordered, &mut |planned, before| {
            seen.note(&standings, planned, before);
        })?;
        tracing::info!(%person, %by, "somebody decided about a person");
        Ok(seen.answer(&before, &decided, &summary))
    };
    planning.briefly(work).await.map_err(Fault::from)
}

fn order(person: &PersonId, decided: &Decided, by: &Operator) -> Order<'static> {
    let scope = Scope::Decided {
        person: person.clone(),
        decided: decided.clone(),
    };
    Order::new(scope, Cause::Operator(by.clone())).by(Actor::Operator(by.clone()))
}

/// The decision that was asked for, with the person whom it is about, where it can stand.
fn decided(
    standings: &Standings,
    id: &PersonId,
    person: Option<Person>,
    (asked, by, now): (&Asked, &Operator, Timestamp),
) -> Result<(Person, Decided), Fault> {
    let person = person.ok_or_else(|| {
        Fault::not_found("person", &id.to_string())
            .hint("`muster people --find TEXT` looks for one")
    })?;
    let (policy, known) = (standings.planning.policy(), standings.known.load());
    let reason = by.reason.clone().unwrap_or_default();
    let decided = match asked {
        Asked::Open(what, from, end) => {
            let from = from.map_or(now, |from| from.max(now));
            Decided::Opened(Opening {
                gives: there_is(&policy, &known, what)?,
                from,
                until: end.at(from),
                reason,
            })
        }
        Asked::Extend(opening, end) => {
            let ends = person.standing.openings.get(opening);
            let ends = ends.map_or(now, |opening| opening.until);
            Decided::Extended {
                opening: *opening,
                until: end.at(ends),
            }
        }
        Asked::GiveBack(opening) => Decided::GivenBack { opening: *opening },
        Asked::Block(what, end) => Decided::Blocked(Block {
            keeps_away: match what {
                None => Barred::Everything,
                Some(what) => match there_is(&policy, &known, what)? {
                    Access::Role(role) => Barred::Role(role),
                    Access::Account(target) => Barred::Target(target),
                    Access::Entitlement(target, name) => Barred::Entitlement(target, name),
                },
            },
            since: now,
            until: end.map(|end| end.at(now)),
            reason,
        }),
        Asked::Lift(block) => Decided::Lifted { block: *block },
        Asked::Keep(adoption, end) => Decided::Kept {
            adoption: *adoption,
            until: end.map(|end| end.at(now)),
        },
        Asked::Remove(adoption) => Decided::Removed {
            adoption: *adoption,
        },
    };
    let checked = person.standing.check(&decided, person.phase, now);
    checked.map_err(|refused| {
        Fault::new(
            FaultKind::Refused,
            DECISION_REFUSED,
            format!("{id}: {refused}"),
        )
        .hint("`muster people PERSON` lists the openings, blocks and adoptions of a person")
    })?;
    Ok((person, decided))
}

/// What is named, where the policy and the apps have it.
fn there_is(policy: &Policy, known: &Known, what: &What) -> Result<Access, Fault> {
    let nothing = |kind: &str, name: &str, nearest: Option<&str>| {
        let hint = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "look at the name; `muster explain DEC-002` says more".to_owned(),
        };
        let text = format!("there is no {kind} `{name}`");
        Fault::new(FaultKind::Refused, DECISION_ABOUT_NOTHING, text).hint(hint)
    };
    let is_target = |target: &TargetName| {
        let targets = policy.targets();
        if targets.contains_key(target) {
            return Ok(());
        }
        let near = nearest(target.as_str(), targets.keys().map(TargetName::as_str));
        Err(nothing("target", target.as_str(), near))
    };
    match what {
        What::Role(role) => {
            let mut roles = policy.roles().iter().map(|role| role.name.as_str());
            if roles.clone().any(|name| name == role.as_str()) {
                return Ok(Access::Role(role.clone()));
            }
            Err(nothing(
                "role",
                role.as_str(),
                nearest(role.as_str(), &mut roles),
            ))
        }
        What::Account(target) => {
            is_target(target)?;
            Ok(Access::Account(target.clone()))
        }
        What::Entitlement(target, name) => {
            is_target(target)?;
            let Targets { catalogues, .. } = &known.targets;
            // What was not read yet is not known to be missing.
            let why_not = catalogues.get(target).and_then(|known| known.why_not(name));
            if why_not.is_some() {
                let titles = known.titles.get(target);
                let titles = titles.into_iter().flat_map(BTreeMap::iter);
                let titles = titles.filter(|(key, _)| key.kind == name.kind);
                let near = nearest(&name.name, titles.map(|(_, title)| title.as_str()));
                let near = near.map(|near| format!("{}:{near}", name.kind));
                let what = format!("{name} at {target}");
                return Err(nothing("entitlement", &what, near.as_deref()));
            }
            Ok(Access::Entitlement(target.clone(), name.clone()))
        }
    }
}

/// What a plan does for the person whom it is about.
#[derive(Default)]
struct Seen(Vec<v1::OperationPreview>);

impl Seen {
    fn note(&mut self, standings: &Standings, planned: &PersonPlanned, before: Option<&Person>) {
        let known = standings.known.load();
        self.0 = present::person_preview(planned, before, &known.titles).operations;
    }

    fn answer(self, before: &Person, decided: &Decided, summary: &Summary) -> v1::Decided {
        let (opening, block, adoption) = match decided {
            Decided::Opened(_) => (Some(before.standing.opened + 1), None, None),
            Decided::Extended { opening, .. } | Decided::GivenBack { opening } => {
                (Some(opening.0), None, None)
            }
            Decided::Blocked(_) => (None, Some(before.standing.blocked + 1), None),
            Decided::Lifted { block } => (None, Some(block.0), None),
            Decided::Kept { adoption, .. } | Decided::Removed { adoption } => {
                (None, None, Some(adoption.0))
            }
        };
        let findings = summary.findings.iter();
        v1::Decided {
            person: before.id.to_string(),
            text: text(before, decided),
            opening,
            block,
            adoption,
            plan: summary.plan.as_ref().map(|plan| plan.id.0),
            operations: self.0,
            findings: findings
                .map(|finding| present::finding(finding, None))
                .collect(),
        }
    }
}

/// A decision as a sentence.
fn text(before: &Person, decided: &Decided) -> String {
    let id = &before.id;
    match decided {
        Decided::Opened(opening) => format!(
            "{id} has {} from {} until {}: opening {}",
            opening.gives,
            present::instant(opening.from),
            present::instant(opening.until),
            before.standing.opened + 1
        ),
        Decided::Extended { opening, until } => {
            let until = present::instant(*until);
            format!("opening {} of {id} ends at {until}", opening.0)
        }
        Decided::GivenBack { opening } => format!("opening {} of {id} is given back", opening.0),
        Decided::Blocked(block) => {
            let until = match block.until {
                Some(until) => format!("until {}", present::instant(until)),
                None => "until somebody lifts it".to_owned(),
            };
            let number = before.standing.blocked + 1;
            format!(
                "{} is kept from {id} {until}: block {number}",
                block.keeps_away
            )
        }
        Decided::Lifted { block } => format!("block {} of {id} is lifted", block.0),
        Decided::Kept { adoption, until } => {
            let until = match until {
                Some(until) => format!("until {}", present::instant(*until)),
                None => "as long as they are to have the account".to_owned(),
            };
            format!("adoption {} of {id} is kept {until}", adoption.0)
        }
        Decided::Removed { adoption } => {
            format!("adoption {} of {id} is taken away", adoption.0)
        }
    }
}
