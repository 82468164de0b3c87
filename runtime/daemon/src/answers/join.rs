//! What somebody decides about who is who: two identities are one, a record is an identity of its own, a record that was
//! asked about is this person's or nobody's who was known. The plan is shown first, and applied by its digest.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::error::{
    API_BROKEN, Fault, FaultKind, JOINING_DIFFERS, JOINING_REFUSED, NOT_ASKED,
};
use muster_api::v1;
use muster_core::actor::{Actor, Operator};
use muster_core::coded::chain;
use muster_core::correlation::Candidate;
use muster_core::fact::{Cause, Fact, PersonPlanned};
use muster_core::hold::{About, End, What};
use muster_core::id::{Digest, PersonId};
use muster_core::person::Person;
use muster_core::subject::Subject;
use muster_ledger::Reader;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::asking::{Parameters, Part, named, unusable};
use super::operator::By;
use super::{Answered, Standings, answered, present};
use crate::planning::{Consent, DOUBTFUL, Failed, Joining, Maker, Order, Scope, Summary};

/// Shortest beginning of a digest that names a plan.
const DIGITS_MIN: usize = 8;

/// What stands after the `?`.
#[derive(Deserialize)]
pub(crate) struct Said {
    into: Option<String>,
    person: Option<String>,
    new: Option<bool>,
    plan: Option<String>,
}

/// `GET /v1/people/{person}/merge`: what would follow. Changes nothing.
pub(crate) async fn look_at_merge(
    State(standings): State<Arc<Standings>>,
    Part(person): Part<PersonId>,
    Parameters(said): Parameters<Said>,
    By(by): By,
) -> Answered<v1::Joined> {
    let asked = merge(person, &said)?;
    answered(standings, move |standings| preview(standings, &asked, &by)).await
}

/// `POST /v1/people/{person}/merge`: makes two identities one.
pub(crate) async fn do_merge(
    State(standings): State<Arc<Standings>>,
    Part(person): Part<PersonId>,
    Parameters(said): Parameters<Said>,
    By(by): By,
) -> Answered<v1::Joined> {
    let asked = merge(person, &said)?;
    Ok(Json(decide(&standings, asked, &said, by).await?))
}

/// `GET /v1/records/{record}/split`: what would follow. Changes nothing.
pub(crate) async fn look_at_split(
    State(standings): State<Arc<Standings>>,
    Part(record): Part<PersonId>,
    By(by): By,
) -> Answered<v1::Joined> {
    let asked = Asked::Split(record);
    answered(standings, move |standings| preview(standings, &asked, &by)).await
}

/// `POST /v1/records/{record}/split`: makes a record an identity of its own.
pub(crate) async fn do_split(
    State(standings): State<Arc<Standings>>,
    Part(record): Part<PersonId>,
    Parameters(said): Parameters<Said>,
    By(by): By,
) -> Answered<v1::Joined> {
    let asked = Asked::Split(record);
    Ok(Json(decide(&standings, asked, &said, by).await?))
}

/// `GET /v1/records/{record}/link`: what would follow. Changes nothing.
pub(crate) async fn look_at_link(
    State(standings): State<Arc<Standings>>,
    Part(record): Part<PersonId>,
    Parameters(said): Parameters<Said>,
    By(by): By,
) -> Answered<v1::Joined> {
    let asked = link(record, &said)?;
    answered(standings, move |standings| preview(standings, &asked, &by)).await
}

/// `POST /v1/records/{record}/link`: says whose a record is.
pub(crate) async fn do_link(
    State(standings): State<Arc<Standings>>,
    Part(record): Part<PersonId>,
    Parameters(said): Parameters<Said>,
    By(by): By,
) -> Answered<v1::Joined> {
    let asked = link(record, &said)?;
    Ok(Json(decide(&standings, asked, &said, by).await?))
}

/// What is to be decided, as it was asked for.
#[derive(Clone, Debug)]
enum Asked {
    Merge(PersonId, PersonId),
    Split(PersonId),
    /// Whose a record is; nobody's who is known, where nobody is named.
    Link(PersonId, Option<PersonId>),
}

fn merge(person: PersonId, said: &Said) -> Result<Asked, Fault> {
    let into: Option<PersonId> = named(said.into.as_deref())?;
    let into = into.ok_or_else(|| unusable("`into` says with whom it becomes one"))?;
    Ok(Asked::Merge(person, into))
}

fn link(record: PersonId, said: &Said) -> Result<Asked, Fault> {
    let person: Option<PersonId> = named(said.person.as_deref())?;
    if person.is_some() == said.new.unwrap_or(false) {
        return Err(unusable(
            "either `person` says whose it is, or `new` that it is somebody new",
        ));
    }
    Ok(Asked::Link(record, person))
}

/// A decision that can stand.
struct Standing {
    joining: Joining,
    text: String,
    with: Vec<Fact>,
}

fn failed(error: &Failed) -> Fault {
    Fault::new(FaultKind::Broken, API_BROKEN, chain(error))
        .hint("nothing was changed; see the daemon's log")
}

fn broken(error: &muster_ledger::Error) -> Fault {
    super::broken(error)
}

fn refused(text: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Refused, JOINING_REFUSED, text).hint(hint)
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

/// The decision that was asked for, where it can stand.
fn standing(reader: &Reader, asked: &Asked) -> Result<Standing, Fault> {
    match asked {
        Asked::Merge(person, into) => of_merge(reader, person, into),
        Asked::Split(record) => of_split(reader, record),
        Asked::Link(record, person) => of_link(reader, record, person.as_ref()),
    }
}

fn of_merge(reader: &Reader, person: &PersonId, into: &PersonId) -> Result<Standing, Fault> {
    let hint = "`muster people PERSON` shows whose records there are";
    if let Some(whose) = reader.whose(person).map_err(|error| broken(&error))? {
        let text = format!("{person} is a record of {whose} already");
        return Err(refused(text, hint));
    }
    let kept = known(reader, into)?;
    let other = known(reader, person)?;
    if kept.id == other.id {
        let text = format!("{person} cannot be made one with {into}: they are the same person");
        return Err(refused(text, hint));
    }
    is_quiet(&other)?;
    let text = format!(
        "{person} becomes part of {}: its records, openings and blocks go over, and its accounts where {} has none",
        kept.id, kept.id
    );
    let (person, into) = (other.id, kept.id);
    Ok(Standing {
        joining: Joining::Merge { person, into },
        text,
        with: Vec::new(),
    })
}

fn of_split(reader: &Reader, record: &PersonId) -> Result<Standing, Fault> {
    let whose = reader.whose(record).map_err(|error| broken(&error))?;
    let Some(from) = whose else {
        let person = known(reader, record)?;
        let others: Vec<String> = person
            .records
            .keys()
            .filter(|other| *other != record)
            .map(ToString::to_string)
            .collect();
        return Err(if others.is_empty() {
            let text = format!("{record} is the only record of this person");
            refused(text, "there is nothing to take apart")
        } else {
            let text = format!("{record} is the record that the person is named after");
            let hint = format!("take the others out instead: {}", others.join(", "));
            refused(text, hint)
        });
    };
    is_quiet(&known(reader, &from)?)?;
    let text = format!(
        "record {record} becomes a person of its own, apart from {from}, with what it had brought"
    );
    let record = record.clone();
    Ok(Standing {
        joining: Joining::Split { record, from },
        text,
        with: Vec::new(),
    })
}

fn of_link(
    reader: &Reader,
    record: &PersonId,
    person: Option<&PersonId>,
) -> Result<Standing, Fault> {
    let about = About::Record(record.clone());
    let hold = reader.hold(&about).map_err(|error| broken(&error))?;
    let Some(hold) = hold else {
        let text = format!("nobody is asked whose record {record} is");
        return Err(Fault::new(FaultKind::Conflict, NOT_ASKED, text).hint(
            "somebody has decided, or a newer file has; `muster findings` lists what is asked",
        ));
    };
    let with = vec![
        hold.decided(End::Approved),
        Fact::FindingClosed {
            code: DOUBTFUL,
            subject: Subject::Person(record.clone()),
        },
    ];
    let What::Record(doubtful) = hold.what else {
        return Err(Fault::not_found(
            "question about record",
            &record.to_string(),
        ));
    };
    let Some(person) = person else {
        return Ok(Standing {
            text: format!("record {record} is somebody new"),
            joining: Joining::New(doubtful),
            with,
        });
    };
    let person = known(reader, person)?.id;
    let mut candidates = doubtful.candidates.iter();
    let candidate = candidates.find(|candidate| candidate.person == person);
    // HR may know better than any key.
    let candidate = candidate.cloned().unwrap_or(Candidate {
        person: person.clone(),
        keys: Vec::new(),
    });
    Ok(Standing {
        text: format!("record {record} is {person}'s"),
        joining: Joining::Link(doubtful, candidate),
        with,
    })
}

/// The person whom a record belongs to.
fn known(reader: &Reader, record: &PersonId) -> Result<Person, Fault> {
    let person = reader.person_of(record).map_err(|error| broken(&error))?;
    person.ok_or_else(|| {
        Fault::not_found("person", &record.to_string())
            .hint("`muster people --find TEXT` looks for one")
    })
}

/// What a call that is out leads to is recorded of the person for whom it left.
fn is_quiet(person: &Person) -> Result<(), Fault> {
    if !person.is_busy() {
        return Ok(());
    }
    let text = format!("a call for an account of {} is out", person.id);
    Err(Fault::new(FaultKind::Unavailable, JOINING_REFUSED, text)
        .hint("ask again in a moment; `muster operations` shows how it goes"))
}

fn order(standing: &Standing, by: &Operator) -> Order<'static> {
    Order::new(
        Scope::Joined(standing.joining.clone()),
        Cause::Operator(by.clone()),
    )
    .with(standing.with.clone())
    .by(Actor::Operator(by.clone()))
}

fn preview(standings: &Standings, asked: &Asked, by: &Operator) -> Result<v1::Joined, Fault> {
    let planning = &standings.planning;
    let reader = planning.read().map_err(|error| broken(&error))?;
    let standing = standing(&reader, asked)?;
    let mut seen = Seen::default();
    let summary = planning.preview(order(&standing, by), &mut |planned, before| {
        seen.note(standings, planned, before);
    });
    let summary = summary.map_err(|error| failed(&error))?;
    Ok(seen.answer(&standing, &summary))
}

async fn decide(
    standings: &Arc<Standings>,
    asked: Asked,
    said: &Said,
    by: Operator,
) -> Result<v1::Joined, Fault> {
    let shown = said.plan.clone().unwrap_or_default();
    if shown.len() < DIGITS_MIN {
        return Err(unusable(format!(
            "`plan` names the plan that was shown, by {DIGITS_MIN} digits of its digest or more"
        )));
    }
    let planning = Arc::clone(&standings.planning);
    let standings = Arc::clone(standings);
    let work = move |maker: &Maker<'_>| -> Result<v1::Joined, Refusal> {
        // Nobody else plans meanwhile; a reply that comes in between may change the plan, and then it differs.
        let reader = maker.planning().read().map_err(|error| broken(&error))?;
        let standing = standing(&reader, &asked)?;
        let looked = maker
            .planning()
            .preview(order(&standing, &by), &mut |_, _| {})?;
        let differs = || {
            let text = "the plan is another one than was shown";
            Fault::new(FaultKind::Conflict, JOINING_DIFFERS, text)
                .hint("look at it again, without `--plan`; nothing was changed")
        };
        if !digest_of(&standing.text, &looked)
            .to_string()
            .starts_with(&shown)
        {
            return Err(differs().into());
        }
        let consent = looked.digest.map_or(Consent::IfNothing, Consent::Approved);
        let mut seen = Seen::default();
        let summary = maker.make_told(order(&standing, &by), consent, &mut |planned, before| {
            seen.note(&standings, planned, before);
        })?;
        if !summary.stands() || summary.digest != looked.digest {
            return Err(differs().into());
        }
        tracing::info!(%by, "somebody decided who is who");
        Ok(seen.answer(&standing, &summary))
    };
    planning.briefly(work).await.map_err(Fault::from)
}

/// Names a decision with the plan that follows from it.
fn digest_of(text: &str, summary: &Summary) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(text.as_bytes());
    hasher.update([0]);
    if let Some(Digest(plan)) = &summary.digest {
        hasher.update(plan);
    }
    Digest(hasher.finalize().into())
}

/// What a plan does for the people whom it is about.
#[derive(Default)]
struct Seen(Vec<v1::PersonPreview>);

impl Seen {
    fn note(&mut self, standings: &Standings, planned: &PersonPlanned, before: Option<&Person>) {
        let known = standings.known.load();
        self.0
            .push(present::person_preview(planned, before, &known.titles));
    }

    fn answer(self, standing: &Standing, summary: &Summary) -> v1::Joined {
        let findings = summary.findings.iter();
        v1::Joined {
            text: standing.text.clone(),
            digest: digest_of(&standing.text, summary).to_string(),
            plan: summary.plan.as_ref().map(|plan| plan.id.0),
            people: self.0,
            findings: findings
                .map(|finding| present::finding(finding, None))
                .collect(),
        }
    }
}
