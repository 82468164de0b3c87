//! Makes one plan: goes through the people that it covers, and asks the planner about each. The answers are only counted,
//! or go into one transaction that is kept or thrown away as a whole, or are kept for the part that is recorded next.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use muster_core::budget::Toll;
use muster_core::correlation::{Correlation, Doubtful};
use muster_core::delta::Described;
use muster_core::fact::{Cause, Counts, Fact, PersonPlanned, Plan};
use muster_core::finding::Finding;
use muster_core::guard::{Limits, Population, Tally};
use muster_core::id::{Digest, PersonId, PlanId, TargetName};
use muster_core::identity::{Identity, Phase, Value};
use muster_core::person::{Account, Person};
use muster_core::plan::{Planned, Planner, Targets};
use muster_core::policy::{Evaluator, Policy};
use muster_core::question::Question;
use muster_core::record::Said;
use muster_core::standing::Decided;
use muster_core::subject::Subject;
use muster_ledger::{Ledger, PlanDigest, Reader, Writer};

use super::Failed;
use super::budgets::{know_groups, population};
use super::order::{Consent, OnPerson, Order, Scope, Summary};
use super::reach::{Reach, Seen};
use super::records;
use super::walk::Walk;

/// A transaction that is thrown away: with what was found, or with what went wrong.
enum Dropped {
    Unrecorded(Box<Summary>),
    Failed(Failed),
}

impl From<Failed> for Dropped {
    fn from(error: Failed) -> Self {
        Dropped::Failed(error)
    }
}

impl From<muster_ledger::Error> for Dropped {
    fn from(error: muster_ledger::Error) -> Self {
        Dropped::Failed(Failed::Ledger(error))
    }
}

/// What the planner decides by, and what is too much at once.
#[derive(Clone, Copy)]
pub(super) struct Basis<'a> {
    /// The policy.
    pub(super) policy: &'a Policy,
    /// What the targets can give, and their connectors can do.
    pub(super) targets: &'a Targets,
    /// What is too much at once.
    pub(super) limits: &'a Limits,
    /// How records are compared, and whom to believe.
    pub(super) correlation: &'a Correlation,
    /// The daemon's clock.
    pub(super) now: Timestamp,
    /// The instant that somebody asks about; `None`: the plan is for now. It is no clock that could be wrong, so
    /// days are judged by it however far away it is.
    pub(super) asked_about: Option<Timestamp>,
}

/// Makes a plan for few people, and records it as far as `consent` goes: it is worked out within the transaction that is
/// kept or thrown away.
pub(super) fn at_once(
    ledger: &Ledger,
    basis: Basis<'_>,
    order: Order<'_>,
    consent: Consent,
    on_person: OnPerson<'_>,
) -> Result<Summary, Failed> {
    let Order {
        scope,
        cause,
        proposal: _,
        with,
        by,
    } = order;
    let made = ledger.write(basis.now, by, |writer| {
        let reach = Reach::of(&scope);
        let rules = Rules::of(&cause, Some(consent), basis.limits);
        let (before, because) = (writer.before()?, because(&cause));
        let mut run = Run::new(
            before,
            basis,
            &because,
            on_person,
            (rules, Ink::Record(&mut *writer)),
        )?;
        run.everybody_in(scope)?;
        let (mut summary, seen) = run.finish();
        if !may_stand(&summary, consent) {
            return Err(Dropped::Unrecorded(Box::new(summary)));
        }
        if !summary.is_empty() {
            let policy = basis.policy.version().clone();
            let plan = writer.finish_plan(cause, policy, summary.counts.clone())?;
            summary.plan = Some(plan);
        }
        reach.settle(writer, &summary, &seen)?;
        record_with(writer, with, &summary)?;
        Ok(summary)
    });
    match made {
        Ok(summary) => Ok(summary),
        Err(Dropped::Unrecorded(summary)) => Ok(*summary),
        Err(Dropped::Failed(error)) => Err(error),
    }
}

/// A plan that was worked out and not recorded.
pub(super) struct Looked {
    pub(super) summary: Summary,
    /// What it would count for the guard.
    pub(super) tally: Tally,
    /// The number of the next plan when it was begun.
    pub(super) begun_with: PlanId,
    /// The newest part that is recorded, where this is the rest of a plan that was judged whole.
    pub(super) rest_of: Option<Plan>,
}

/// Whether a plan is named by the digest of its content: that costs as much as a part of planning it.
#[derive(Clone, Copy)]
pub(super) enum Name {
    Given,
    Spared,
}

/// Works out what a plan would be, and counts it. Nobody who writes waits for it.
pub(super) fn look(
    ledger: &Ledger,
    basis: Basis<'_>,
    (scope, cause): (Scope<'_>, &Cause),
    name: Name,
    on_person: OnPerson<'_>,
) -> Result<Looked, Failed> {
    let (before, because) = (ledger.read()?, because(cause));
    let rest_of = before.unfinished(cause, basis.policy.version())?;
    let mut rules = Rules::of(cause, None, basis.limits);
    rules.is_rest = rest_of.is_some();
    let ink = Ink::Look(matches!(name, Name::Given).then(PlanDigest::new));
    let mut run = Run::new(before, basis, &because, on_person, (rules, ink))?;
    run.everybody_in(scope)?;
    Ok(Looked {
        tally: run.tally.clone(),
        begun_with: run.begun_with,
        rest_of,
        summary: run.finish().0,
    })
}

/// Works out what would be done for somebody whom HR described so.
pub(super) fn what_if(
    ledger: &Ledger,
    basis: Basis<'_>,
    (id, identity): (&PersonId, Identity),
    on_person: OnPerson<'_>,
) -> Result<Summary, Failed> {
    let before = ledger.read()?;
    let person = before.person(id)?;
    let described = match &person {
        // Nothing is known to be said of somebody by asking about another day.
        Some(person) if person.identity == identity => Described::AsBefore,
        Some(person) if !person.records.is_empty() => {
            Described::Records(said_by_all(person, &identity))
        }
        _ => Described::Row {
            identity,
            row: None,
        },
    };
    // Dates, too, that would be reached by then.
    let rules = Rules::of(&Cause::Date, None, basis.limits);
    let look = (rules, Ink::Look(None));
    let mut run = Run::new(before, basis, "what was asked about", on_person, look)?;
    run.seen = Seen::People([id.clone()].into());
    run.person(id, person, described)?;
    Ok(run.finish().0)
}

/// Records what was ordered with a plan.
pub(super) fn record_with(
    writer: &mut Writer<'_>,
    with: Vec<Fact>,
    summary: &Summary,
) -> Result<(), muster_ledger::Error> {
    let plan = summary.plan.as_ref().map(|plan| plan.id);
    with.into_iter()
        .try_for_each(|fact| writer.record(led_to(fact, plan)).map(drop))
}

pub(super) fn may_stand(summary: &Summary, consent: Consent) -> bool {
    match consent {
        Consent::IfNothing => summary.is_empty(),
        Consent::WithinLimits => summary.exceeded.is_empty(),
        Consent::Approved(digest) => summary.digest == Some(digest) || summary.is_empty(),
        Consent::Ordered | Consent::AsFarAsItGoes => true,
    }
}

/// Names the plan in a fact that says what it led to.
fn led_to(fact: Fact, plan: Option<PlanId>) -> Fact {
    match fact {
        Fact::FileAccepted { file, .. } => Fact::FileAccepted { file, plan },
        Fact::PolicyTaken { source, .. } => Fact::PolicyTaken { source, plan },
        other => other,
    }
}

/// What a plan is about, for findings.
pub(super) fn subject(cause: &Cause) -> Subject {
    match cause {
        Cause::File { feed, .. } | Cause::FeedRetired(feed) => feed.into(),
        Cause::Policy => Subject::Policy,
        Cause::Date => Subject::Dates,
        Cause::Reference => Subject::References,
        Cause::Operator(_) => Subject::Operator,
    }
}

/// The words that go into each operation's reason. Names of files and ids only.
pub(super) fn because(cause: &Cause) -> String {
    match cause {
        Cause::File { feed, name, .. } => format!("file {name} of feed {feed}"),
        Cause::Policy => "a change of the policy".to_owned(),
        Cause::Date => "a date that was reached".to_owned(),
        Cause::Reference => "an account that others refer to".to_owned(),
        Cause::FeedRetired(feed) => format!("the end of feed {feed}"),
        Cause::Operator(name) => format!("order of {name}"),
    }
}

/// What is too much for a plan, and what is done then.
pub(super) struct Rules<'a> {
    pub(super) subject: Subject,
    is_of_dates: bool,
    /// Whether the plan is the rest of one that was judged whole, and of which parts are recorded. What the budgets over
    /// days say counts for it; how many joiners there are was judged, and nobody is a joiner of the first file twice.
    pub(super) is_rest: bool,
    consent: Option<Consent>,
    pub(super) limits: &'a Limits,
}

impl<'a> Rules<'a> {
    pub(super) fn of(cause: &Cause, consent: Option<Consent>, limits: &'a Limits) -> Self {
        Self {
            subject: subject(cause),
            is_of_dates: matches!(cause, Cause::Date),
            is_rest: false,
            consent,
            limits,
        }
    }
}

/// What becomes of each person's part of a plan.
pub(super) enum Ink<'a, 'txn> {
    /// It is counted, and the whole is named where somebody may have to approve of it.
    Look(Option<PlanDigest>),
    /// It is recorded.
    Record(&'a mut Writer<'txn>),
    /// It is kept until so many are there, each with the person as the ledger had it.
    Keep(Vec<(Option<Person>, PersonPlanned)>, usize),
}

pub(super) struct Run<'a, 'txn> {
    pub(super) ink: Ink<'a, 'txn>,
    pub(super) before: Reader,
    /// A person for whom there is a plan with this number, or a later one, was planned for meanwhile.
    pub(super) begun_with: PlanId,
    pub(super) planner: Planner<'a>,
    pub(super) correlation: &'a Correlation,
    /// Whether any identity has several records.
    pub(super) has_further: bool,
    pub(super) on_person: OnPerson<'a>,
    pub(super) rules: Rules<'a>,
    /// The instant by which days are judged.
    pub(super) day: Timestamp,
    /// From when on what was counted counts together with this plan.
    pub(super) since: Timestamp,
    pub(super) tally: Tally,
    pub(super) counts: Counts,
    pub(super) population: Population,
    pub(super) left_out: Vec<PersonId>,
    pub(super) refused: Vec<Finding>,
    pub(super) seen: Seen,
    /// Whether who was looked at is everybody that there is.
    pub(super) has_everybody: bool,
    /// What was answered, and how it is named.
    pub(super) answered: BTreeMap<Question, Digest>,
    pub(super) used: Vec<Digest>,
    pub(super) questions: Vec<Question>,
    pub(super) doubtful: Vec<Doubtful>,
    pub(super) absence_doubt: Option<Finding>,
}

impl<'a, 'txn> Run<'a, 'txn> {
    pub(super) fn new(
        before: Reader,
        basis: Basis<'a>,
        because: &str,
        on_person: OnPerson<'a>,
        (rules, ink): (Rules<'a>, Ink<'a, 'txn>),
    ) -> Result<Self, Failed> {
        let day = match basis.asked_about {
            Some(at) => at,
            None => before.day(basis.now)?,
        };
        let since = rules.limits.since(before.counts_at(basis.now)?);
        let evaluator = Evaluator::new(basis.policy);
        let begun_with = before.next_plan();
        let planner = Planner::new(evaluator, basis.targets, begun_with, day, because)
            .trusting(basis.correlation.trust.clone());
        let has_further = before.has_further_records()?;
        let population = population(&before, since)?;
        let answered = before.questions()?.into_iter();
        let answered = answered
            .filter(|(_, kept)| kept.is_answered)
            .map(|(digest, kept)| (kept.question, digest))
            .collect();
        Ok(Self {
            ink,
            before,
            begun_with,
            planner,
            correlation: basis.correlation,
            has_further,
            on_person,
            rules,
            day,
            since,
            tally: Tally::default(),
            counts: Counts::default(),
            population,
            left_out: Vec::new(),
            answered,
            used: Vec::new(),
            questions: Vec::new(),
            doubtful: Vec::new(),
            absence_doubt: None,
            refused: Vec::new(),
            seen: Seen::Everybody,
            has_everybody: false,
        })
    }

    /// Plans for the people of a scope, one after the other.
    pub(super) fn everybody_in(&mut self, scope: Scope<'_>) -> Result<(), Failed> {
        match scope {
            Scope::File { .. } | Scope::Everybody => {
                let mut walk = Walk::of(self, &scope)?;
                while !walk.go_on(self)? {}
                Ok(())
            }
            Scope::Changes {
                feed,
                people,
                carried,
            } => self.changes(&feed, people, carried),
            Scope::People(people) => {
                self.seen = Seen::People(people.iter().cloned().collect());
                for id in people {
                    let person = self.before.person(&id)?;
                    self.person(&id, person, Described::AsBefore)?;
                }
                Ok(())
            }
            Scope::Decided { person, decided } => self.decided(&person, decided),
            Scope::Joined(joining) => self.joined(joining),
        }
    }

    /// Plans for somebody as they stand after a decision.
    fn decided(&mut self, id: &PersonId, decided: Decided) -> Result<(), Failed> {
        let mut person = self.before.person(id)?;
        match (&mut self.ink, &mut person) {
            (_, None) => {}
            (Ink::Record(writer), Some(_)) => {
                let person = id.clone();
                writer.record(Fact::StandingDecided { person, decided })?;
            }
            (Ink::Look(_) | Ink::Keep(..), Some(person)) => {
                let entry = self.before.next_seq();
                person.stands(&decided, entry, self.day);
            }
        }
        if let Ink::Record(writer) = &mut self.ink {
            person = writer.person(id)?.cloned();
        }
        self.seen = Seen::People([id.clone()].into());
        self.person(id, person, Described::AsBefore)
    }

    /// Records a decision, where anything is recorded.
    pub(super) fn decide(&mut self, fact: &Fact) -> Result<bool, Failed> {
        match &mut self.ink {
            Ink::Record(writer) => {
                writer.record(fact)?;
                Ok(true)
            }
            Ink::Look(_) | Ink::Keep(..) => Ok(false),
        }
    }

    /// Somebody as they stand after a decision that was recorded.
    pub(super) fn decided_person(&mut self, id: &PersonId) -> Result<Option<Person>, Failed> {
        match &mut self.ink {
            Ink::Record(writer) => Ok(writer.person(id)?.cloned()),
            Ink::Look(_) | Ink::Keep(..) => Ok(self.before.person(id)?),
        }
    }

    /// Whether there is room for another person's part.
    pub(super) fn has_room(&self) -> bool {
        match &self.ink {
            Ink::Look(_) | Ink::Record(_) => true,
            Ink::Keep(part, most) => part.len() < *most,
        }
    }

    /// Goes on with what the ledger holds by now, under the number of the next plan.
    pub(super) fn go_on(&mut self, before: Reader) {
        self.planner.go_on(before.next_plan());
        self.before = before;
    }

    /// What was kept since the last time.
    pub(super) fn take_part(&mut self) -> Vec<(Option<Person>, PersonPlanned)> {
        match &mut self.ink {
            Ink::Keep(part, _) => std::mem::take(part),
            Ink::Look(_) | Ink::Record(_) => Vec::new(),
        }
    }

    /// What the planner says of somebody whom the ledger holds otherwise by now than when they were planned for. None
    /// where there is nothing to do any more.
    pub(super) fn anew(
        &mut self,
        planned: PersonPlanned,
        now: Option<&Person>,
    ) -> Result<Option<PersonPlanned>, Failed> {
        let described = match planned.identity {
            _ if !planned.records.is_empty() => Described::Records(said_again(&planned, now)),
            Some(_) if now.is_some_and(|person| !person.records.is_empty()) => Described::AsBefore,
            Some(identity) => Described::Row {
                identity,
                row: planned.row,
            },
            None if planned.is_present => Described::AsBefore,
            None => Described::Absent,
        };
        let described = self.heeding_news(now, described);
        match self.ask(&planned.person, now, described)? {
            Planned::Part(planned) => Ok(Some(*planned)),
            Planned::Same => Ok(None),
            Planned::Refused(finding) => {
                self.refused.push(finding);
                Ok(None)
            }
        }
    }

    /// What is said of somebody, unless there was news of them since this plan was begun.
    pub(super) fn heeding_news(&self, now: Option<&Person>, described: Described) -> Described {
        let Some(person) = now else {
            return described;
        };
        let is_newer = |record: &PersonId| {
            let kept = person.records.get(record).map(|kept| kept.origin);
            let own = (*record == person.id).then_some(person.origin);
            let plan = kept.or(own).map(|origin| origin.plan);
            plan.is_some_and(|plan| plan >= self.begun_with)
        };
        match described {
            Described::Records(mut said) => {
                said.retain(|said| !is_newer(&said.record));
                Described::Records(said)
            }
            _ if is_newer(&person.id) => Described::AsBefore,
            described => described,
        }
    }

    fn ask(
        &mut self,
        id: &PersonId,
        before: Option<&Person>,
        described: Described,
    ) -> Result<Planned, Failed> {
        let (ledger, has_further) = (&self.before, self.has_further);
        let find = |id: &PersonId, target: &TargetName| -> Result<_, Failed> {
            let person = if has_further {
                ledger.person_of(id)?
            } else {
                ledger.person(id)?
            };
            let account = person.and_then(|mut person| person.accounts.remove(target));
            Ok(account
                .filter(Account::exists)
                .and_then(|account| account.object))
        };
        self.planner.person(id, before, described, &find)
    }

    pub(super) fn person(
        &mut self,
        id: &PersonId,
        before: Option<Person>,
        described: Described,
    ) -> Result<(), Failed> {
        match self.ask(id, before.as_ref(), described)? {
            Planned::Same => {}
            Planned::Refused(finding) => self.refused.push(finding),
            Planned::Part(planned) => {
                if self.is_left_to_dates(&planned, before.as_ref()) {
                    return Ok(());
                }
                let toll = Toll::of(before.as_ref(), &planned, self.day);
                // Of a part that is kept it was judged with the whole plan, and is once more when it is recorded.
                if !matches!(self.ink, Ink::Keep(..)) {
                    know_groups(&self.before, self.since, &toll.groups, &mut self.population)?;
                }
                if self.is_beyond(&planned, before.as_ref(), &toll) {
                    self.left_out.push(id.clone());
                    return Ok(());
                }
                (self.on_person)(&planned, before.as_ref());
                self.tally.add(&planned, before.as_ref(), &toll, self.since);
                let is_first = self.is_empty();
                match &mut self.ink {
                    Ink::Look(None) => {}
                    Ink::Look(Some(digest)) => digest.add(&planned),
                    Ink::Record(writer) => {
                        if is_first && self.rules.consent.is_some_and(Consent::is_given) {
                            let plan = planned.plan;
                            writer.record(Fact::PlanApproved { plan })?;
                        }
                        self.counts.add(&planned);
                        writer.record_planned(before, *planned)?;
                        return Ok(());
                    }
                    // It is counted once it is recorded.
                    Ink::Keep(part, _) => {
                        part.push((before, *planned));
                        return Ok(());
                    }
                }
                self.counts.add(&planned);
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.counts.people.is_empty()
    }

    /// Whether all that is new about somebody is that a day has come: a last day that was not counted, or that of an
    /// announced change. Dates plan for them, as far as the budget goes; a file or a policy must not wait for it.
    fn is_left_to_dates(&self, planned: &PersonPlanned, before: Option<&Person>) -> bool {
        let Some(before) = before.filter(|_| !self.rules.is_of_dates) else {
            return false;
        };
        let has_ended = before.announced_end().is_some_and(|end| end <= self.day)
            && before.phase != Phase::Ended
            && !before.is_end_settled;
        planned.is_present
            && match &planned.identity {
                None => has_ended,
                Some(identity) => before.identity.foretells(identity),
            }
    }

    /// Whether this person has to be left out, since with them it would be too many.
    fn is_beyond(&self, planned: &PersonPlanned, before: Option<&Person>, toll: &Toll) -> bool {
        let Rules {
            subject,
            consent,
            limits,
            ..
        } = &self.rules;
        if *consent != Some(Consent::AsFarAsItGoes) || !toll.takes() {
            return false;
        }
        let mut tally = self.tally.clone();
        tally.add(planned, before, toll, self.since);
        !tally.exceeded(subject, &self.population, limits).is_empty()
    }

    pub(super) fn finish(self) -> (Summary, Seen) {
        let Rules {
            subject,
            limits,
            is_rest,
            ..
        } = &self.rules;
        let judged = if *is_rest {
            self.tally.budgeted_after(&Tally::default())
        } else {
            self.tally
        };
        let exceeded = judged.exceeded(subject, &self.population, limits);
        let is_empty = self.counts.people.is_empty();
        // Of whom is asked first, it is not known what they have.
        let is_whole = match self.seen {
            Seen::Everybody => true,
            Seen::Feed(_) => {
                self.has_everybody && self.questions.is_empty() && self.doubtful.is_empty()
            }
            Seen::FeedAnd(..) | Seen::People(_) => false,
        };
        let census = is_whole.then(|| Arc::new(self.planner.census().clone()));
        let mut findings = self.planner.into_findings();
        findings.extend(self.refused);
        let asked = self.questions.iter();
        findings.extend(asked.map(|question| {
            let digest = muster_ledger::of_question(question);
            question.finding(&digest.short())
        }));
        findings.extend(self.absence_doubt.clone());
        let doubtful = self.doubtful.iter();
        findings.extend(
            doubtful.map(|doubtful| records::finding(&doubtful.record, &doubtful.candidates)),
        );
        let digest = match &self.ink {
            Ink::Look(digest) => digest.as_ref().map(PlanDigest::finish),
            Ink::Record(writer) => Some(writer.plan_digest()),
            Ink::Keep(..) => None,
        };
        let digest = digest.filter(|_| !is_empty);
        (
            Summary {
                digest,
                counts: self.counts,
                exceeded,
                findings,
                questions: self.questions,
                doubtful: self.doubtful,
                used: self.used,
                absence_doubt: self.absence_doubt,
                left_out: self.left_out,
                is_rest: *is_rest,
                census,
                plan: None,
            },
            self.seen,
        )
    }
}

/// What every record of somebody would say, so that it holds whichever of them is believed.
fn said_by_all(person: &Person, identity: &Identity) -> Vec<Said> {
    let is_news = |(name, value): &(&String, &Value)| {
        person.identity.attributes.get(name.as_str()) != Some(*value)
    };
    let records = person.records.iter();
    records
        .map(|(record, kept)| {
            let mut line = kept.identity.clone();
            let news = identity.attributes.iter().filter(is_news);
            line.attributes
                .extend(news.map(|(name, value)| (name.clone(), value.clone())));
            Said {
                record: record.clone(),
                row: kept.is_present.then_some((line, None)),
                link: None,
            }
        })
        .collect()
}

/// What was said of records, told once more of a person who is another by now.
fn said_again(planned: &PersonPlanned, now: Option<&Person>) -> Vec<Said> {
    let said = planned.records.iter().map(|planned| {
        let known = now.and_then(|person| person.said_by(&planned.record));
        let identity = planned.identity.as_ref().or(known).cloned();
        let row = identity.filter(|_| planned.is_present);
        Said {
            record: planned.record.clone(),
            row: row.map(|identity| (identity, planned.row)),
            link: planned.link.clone(),
        }
    });
    said.collect()
}
