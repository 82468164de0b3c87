//! Makes one plan: goes through the people that it covers, asks the planner about each, and writes the answers
//! into one transaction that is kept or thrown away as a whole.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster_core::budget::Toll;
use muster_core::delta::{self, Described};
use muster_core::fact::{Cause, Counts, Fact, PersonPlanned};
use muster_core::finding::{Finding, Severity};
use muster_core::guard::{FeedPopulation, Limits, Population, Tally, TargetPopulation};
use muster_core::id::{Digest, FeedName, PersonId, PersonKey, PlanId, TargetName};
use muster_core::identity::{Identity, Phase};
use muster_core::person::{Account, Person};
use muster_core::plan::{Planner, Targets, Verdict};
use muster_core::policy::{Evaluator, Policy};
use muster_core::question::{self, Doubt, Question, Traits};
use muster_core::subject::Subject;
use muster_intake::{Presence, Snapshot};
use muster_ledger::{Ledger, Reader, Writer};
use sha2::{Digest as _, Sha256};

use super::order::{ChangedPerson, Consent, Order, Scope, Summary, Watch};
use super::settle::{Settled, settle_findings, settle_questions};
use super::{ABSENCE_DOUBTED, Failed};

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
    /// The daemon's clock.
    pub(super) now: Timestamp,
}

/// Makes a plan, and records it as far as `consent` goes; nothing is recorded of one that is only looked at.
pub(super) fn run(
    ledger: &Ledger,
    basis: Basis<'_>,
    order: Order<'_>,
    consent: Option<Consent>,
    watch: Watch<'_>,
) -> Result<Summary, Failed> {
    let Order {
        scope,
        cause,
        proposal: _,
        with,
        by,
    } = order;
    let made = ledger.write(basis.now, by, |writer| {
        let is_complete = matches!(scope, Scope::File { .. } | Scope::Everybody);
        // The policy and dates say nothing of who somebody is.
        let is_of_feed = matches!(scope, Scope::File { .. } | Scope::Changes { .. });
        let rules = Rules {
            subject: subject(&cause),
            is_of_dates: matches!(cause, Cause::Date),
            consent,
            limits: basis.limits,
        };
        let mut run = Run::new(writer, basis, &because(&cause), rules, watch)?;
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
        let settled = Settled {
            seen: &seen,
            is_complete,
            is_of_feed,
        };
        settle_findings(writer, &summary.findings, &settled)?;
        if is_of_feed {
            settle_questions(writer, &summary, &seen)?;
        }
        let plan = summary.plan.as_ref().map(|plan| plan.id);
        for fact in with {
            writer.record(led_to(fact, plan))?;
        }
        Ok(summary)
    });
    match made {
        Ok(summary) => Ok(summary),
        Err(Dropped::Unrecorded(summary)) => Ok(*summary),
        Err(Dropped::Failed(error)) => Err(error),
    }
}

fn may_stand(summary: &Summary, consent: Option<Consent>) -> bool {
    match consent {
        None => false,
        Some(Consent::IfNothing) => summary.is_empty(),
        Some(Consent::WithinLimits) => summary.exceeded.is_empty(),
        Some(Consent::Approved(digest)) => summary.digest == Some(digest) || summary.is_empty(),
        Some(Consent::AsFarAsItGoes) => true,
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
fn subject(cause: &Cause) -> Subject {
    match cause {
        Cause::File { feed, .. } | Cause::FeedRetired(feed) => feed.into(),
        Cause::Policy => Subject::Policy,
        Cause::Date => Subject::Dates,
        Cause::Reference => Subject::References,
        Cause::Operator(_) => Subject::Operator,
    }
}

/// The words that go into each operation's reason. Names of files and ids only.
fn because(cause: &Cause) -> String {
    match cause {
        Cause::File { feed, name, .. } => format!("file {name} of feed {feed}"),
        Cause::Policy => "a change of the policy".to_owned(),
        Cause::Date => "a date that was reached".to_owned(),
        Cause::Reference => "an account that others refer to".to_owned(),
        Cause::FeedRetired(feed) => format!("the end of feed {feed}"),
        Cause::Operator(name) => format!("order of {name}"),
    }
}

/// Everybody who was looked at, to know which of their findings no longer hold.
pub(super) enum Seen {
    Everybody,
    Feed(FeedName),
    People(BTreeSet<PersonId>),
}

impl Seen {
    pub(super) fn has(&self, subject: &Subject) -> bool {
        match self {
            Seen::Everybody => true,
            Seen::Feed(feed) => subject.feed() == Some(feed),
            // What is said of a target is only known to be over when everybody was looked at.
            Seen::People(people) => subject
                .person()
                .is_some_and(|person| people.contains(person)),
        }
    }
}

/// What is too much for a plan, and what is done then.
struct Rules<'a> {
    subject: Subject,
    is_of_dates: bool,
    consent: Option<Consent>,
    limits: &'a Limits,
}

/// Who is new and who is gone, kept until everybody was seen.
#[derive(Default)]
struct Pairs {
    new: Vec<(PersonId, Identity, Option<u32>)>,
    gone: Vec<Person>,
}

impl Pairs {
    /// A file with more of them than this is held for its size.
    const PEOPLE_MAX: usize = 20_000;

    fn has_room(&self) -> bool {
        self.new.len() + self.gone.len() < Self::PEOPLE_MAX
    }
}

struct Run<'a, 'txn> {
    writer: &'a mut Writer<'txn>,
    before: Reader,
    planner: Planner<'a>,
    watch: Watch<'a>,
    rules: Rules<'a>,
    /// The instant by which days are judged.
    day: Timestamp,
    /// From when on what was counted counts together with this plan.
    since: Timestamp,
    tally: Tally,
    counts: Counts,
    population: Population,
    left_out: Vec<PersonId>,
    refused: Vec<Finding>,
    seen: Seen,
    /// What was answered, and how it is named.
    answered: BTreeMap<Question, Digest>,
    used: Vec<Digest>,
    questions: Vec<Question>,
    absence_doubt: Option<Finding>,
}

impl<'a, 'txn> Run<'a, 'txn> {
    fn new(
        writer: &'a mut Writer<'txn>,
        basis: Basis<'a>,
        because: &str,
        rules: Rules<'a>,
        watch: Watch<'a>,
    ) -> Result<Self, Failed> {
        let before = writer.before()?;
        let day = writer.day()?;
        let since = rules.limits.since(writer.counts_at()?);
        let evaluator = Evaluator::new(basis.policy);
        let planner = Planner::new(evaluator, basis.targets, writer.next_plan(), day, because);
        let population = population(&before, since)?;
        let answered = before.questions()?.into_iter();
        let answered = answered
            .filter(|(_, kept)| kept.is_answered)
            .map(|(digest, kept)| (kept.question, digest))
            .collect();
        Ok(Self {
            writer,
            before,
            planner,
            watch,
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
            absence_doubt: None,
            refused: Vec::new(),
            seen: Seen::Everybody,
        })
    }

    fn everybody_in(&mut self, scope: Scope<'_>) -> Result<(), Failed> {
        match scope {
            Scope::File {
                feed,
                snapshot,
                carried,
                since,
                news,
            } => {
                self.seen = Seen::Feed(feed.clone());
                let has_news = |person: &Person| {
                    since.is_some_and(|since| person.origin.plan > since)
                        || news.contains(&person.id.key)
                };
                self.file(feed, snapshot, carried, &has_news)
            }
            Scope::Changes {
                feed,
                people,
                carried,
            } => self.changes(&feed, people, carried),
            Scope::Everybody => {
                for person in self.before.everybody()? {
                    let person = person?;
                    self.person(&person.id.clone(), Some(person), Described::AsBefore)?;
                }
                Ok(())
            }
            Scope::People(people) => {
                self.seen = Seen::People(people.iter().cloned().collect());
                for id in people {
                    let person = self.before.person(&id)?;
                    self.person(&id, person, Described::AsBefore)?;
                }
                Ok(())
            }
        }
    }

    /// Merges the people of a complete file with the feed's people, both in the order of their keys. Who is
    /// new and who is gone comes last, because they may be the same people.
    fn file(
        &mut self,
        feed: &FeedName,
        snapshot: &Snapshot,
        carried: &BTreeSet<String>,
        has_news: &dyn Fn(&Person) -> bool,
    ) -> Result<(), Failed> {
        let proves_absence = self.proves_absence(feed, snapshot)?;
        let mut rows = snapshot.rows().peekable();
        let mut known = self.before.people(feed)?.peekable();
        // The first file has nobody to be taken for somebody else.
        let is_first = known.peek().is_none();
        let mut pairs = Pairs::default();
        loop {
            let order = match (rows.peek(), known.peek()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (Some(row), Some(Ok(person))) => row.key().cmp(person.id.key.as_str()),
                // An error is met where it is read.
                (None, Some(_)) | (Some(_), Some(Err(_))) => std::cmp::Ordering::Greater,
            };
            let row = if order.is_le() { rows.next() } else { None };
            let before = if order.is_ge() {
                known.next().transpose()?
            } else {
                None
            };
            match (row, before) {
                (_, Some(person)) if has_news(&person) => {
                    self.person(&person.id.clone(), Some(person), Described::AsBefore)?;
                }
                (Some(row), before) => {
                    let read = row
                        .read()
                        .map_err(|problem| Failed::Row(problem.code.to_string()))?;
                    let id = PersonId {
                        feed: feed.clone(),
                        key: read.key,
                    };
                    let (mut identity, row) = (read.identity, Some(read.row));
                    delta::carry_over(&mut identity, before.as_ref(), carried);
                    match before {
                        None if !is_first && pairs.has_room() => {
                            pairs.new.push((id, identity, row));
                        }
                        before => self.row(&id, before, identity, row)?,
                    }
                }
                (None, Some(person)) => {
                    // Set aside, or perhaps behind a row that nobody can read: not proven absent.
                    let is_absent =
                        proves_absence && snapshot.presence(&person.id.key) == Presence::Absent;
                    if !is_absent {
                        continue;
                    }
                    let left_lately = self.left_lately(&person);
                    if (person.phase != Phase::Ended || left_lately) && pairs.has_room() {
                        pairs.gone.push(person);
                    } else {
                        self.person(&person.id.clone(), Some(person), Described::Absent)?;
                    }
                }
                (None, None) => {}
            }
        }
        self.pairs(pairs)
    }

    /// Whether who is missing from a file has left: not while a row that was set aside may be theirs, under
    /// an id that nobody known has.
    fn proves_absence(&mut self, feed: &FeedName, snapshot: &Snapshot) -> Result<bool, Failed> {
        if !snapshot.proves_absence() {
            return Ok(false);
        }
        let mut unknown = 0_u32;
        for key in snapshot.quarantined() {
            let id = PersonKey::new(key).map(|key| PersonId {
                feed: feed.clone(),
                key,
            });
            let is_known = match &id {
                Ok(id) => self.before.person(id)?.is_some(),
                Err(_) => false,
            };
            unknown += u32::from(!is_known);
        }
        if unknown > 0 {
            let text = format!(
                "ids that nobody known has, in rows that were set aside: {unknown}; they may be somebody's who seems to be missing, so nobody who is missing counts as having left"
            );
            self.absence_doubt = Some(
                Finding::new(ABSENCE_DOUBTED, Severity::Error, feed, text)
                    .hint("the report beside the file names the rows; have HR mend them and drop the file again"),
            );
        }
        Ok(unknown == 0)
    }

    fn left_lately(&self, person: &Person) -> bool {
        let counted = person.counted.filter(|counted| counted.at >= self.since);
        person.phase == Phase::Ended && counted.is_some()
    }

    /// Plans for who is new and who is gone, unless one looks like the other under another id.
    fn pairs(&mut self, pairs: Pairs) -> Result<(), Failed> {
        let Pairs { new, gone } = pairs;
        let traits: Vec<Traits> = gone.iter().map(|one| Traits::of(&one.identity)).collect();
        let mut asked = BTreeSet::new();
        for (id, identity, row) in new {
            let is = Traits::of(&identity);
            let alike = gone
                .iter()
                .zip(&traits)
                .filter(|(_, was)| was.look_like(&is));
            let mut is_asked = false;
            for (person, _) in alike {
                let question = Question {
                    person: person.id.clone(),
                    doubt: Doubt::SamePerson(id.clone()),
                };
                if self.is_open(question) {
                    is_asked = true;
                    asked.insert(person.id.clone());
                }
            }
            if !is_asked {
                self.person(&id, None, Described::Row { identity, row })?;
            }
        }
        for person in gone {
            if !asked.contains(&person.id) {
                self.person(&person.id.clone(), Some(person), Described::Absent)?;
            }
        }
        Ok(())
    }

    /// Plans what a row says, unless it has to be asked first who it is about.
    fn row(
        &mut self,
        id: &PersonId,
        before: Option<Person>,
        identity: Identity,
        row: Option<u32>,
    ) -> Result<(), Failed> {
        let question = before.as_ref().and_then(|before| {
            question::about_row(before, &identity, self.day, |text| {
                let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
                Digest(digest).to_string()
            })
        });
        if question.is_some_and(|question| self.is_open(question)) {
            return Ok(());
        }
        self.person(id, before, Described::Row { identity, row })
    }

    /// Whether a question is not answered; then it is asked.
    fn is_open(&mut self, question: Question) -> bool {
        if let Some(digest) = self.answered.get(&question) {
            self.used.push(*digest);
            false
        } else {
            self.questions.push(question);
            true
        }
    }

    fn changes(
        &mut self,
        feed: &FeedName,
        people: Vec<(PersonKey, ChangedPerson)>,
        carried: &BTreeSet<String>,
    ) -> Result<(), Failed> {
        let mut seen = BTreeSet::new();
        let mut pairs = Pairs::default();
        for (key, changed) in people {
            let id = PersonId {
                feed: feed.clone(),
                key,
            };
            seen.insert(id.clone());
            let before = self.before.person(&id)?;
            match (changed, before) {
                (ChangedPerson::Row { mut identity, row }, before) => {
                    delta::carry_over(&mut identity, before.as_ref(), carried);
                    match before {
                        None if pairs.has_room() => pairs.new.push((id, identity, row)),
                        before => self.row(&id, before, identity, row)?,
                    }
                }
                (ChangedPerson::Left, Some(person)) if pairs.has_room() => pairs.gone.push(person),
                (ChangedPerson::Left, before) => self.person(&id, before, Described::Absent)?,
            }
        }
        self.seen = Seen::People(seen);
        let leavers: BTreeSet<PersonId> = pairs.gone.iter().map(|one| one.id.clone()).collect();
        if !pairs.new.is_empty() {
            // Somebody who left a few days ago may be who is new today.
            for person in self.before.people(feed)? {
                let person = person?;
                if self.left_lately(&person) && !leavers.contains(&person.id) && pairs.has_room() {
                    pairs.gone.push(person);
                }
            }
        }
        self.pairs(pairs)
    }

    fn person(
        &mut self,
        id: &PersonId,
        before: Option<Person>,
        described: Described,
    ) -> Result<(), Failed> {
        let ledger = &self.before;
        let find = |id: &PersonId, target: &TargetName| -> Result<_, Failed> {
            let person = ledger.person(id)?;
            let account = person.and_then(|mut person| person.accounts.remove(target));
            Ok(account
                .filter(Account::exists)
                .and_then(|account| account.object))
        };
        match self.planner.person(id, before.as_ref(), described, &find)? {
            Verdict::Same => {}
            Verdict::Refused(finding) => self.refused.push(finding),
            Verdict::Planned(planned) => {
                if self.is_left_to_dates(&planned, before.as_ref()) {
                    return Ok(());
                }
                let toll = Toll::of(before.as_ref(), &planned, self.day);
                if self.is_beyond(&planned, before.as_ref(), &toll) {
                    self.left_out.push(id.clone());
                    return Ok(());
                }
                (self.watch)(&planned, before.as_ref());
                self.tally.add(&planned, before.as_ref(), &toll, self.since);
                if self.is_empty() && matches!(self.rules.consent, Some(Consent::Approved(_))) {
                    let plan = planned.plan;
                    self.writer.record(Fact::PlanApproved { plan })?;
                }
                self.counts.add(&planned);
                self.writer.record_planned(before, *planned)?;
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.counts.people.is_empty()
    }

    /// Whether all that is new about somebody is that their last day has come, without having been counted.
    /// Dates plan for them, as far as the budget goes; a file or a policy must not wait for it.
    fn is_left_to_dates(&self, planned: &PersonPlanned, before: Option<&Person>) -> bool {
        let Some(before) = before.filter(|_| !self.rules.is_of_dates) else {
            return false;
        };
        let has_come = before.announced_end().is_some_and(|end| end <= self.day);
        let says_nothing = planned.identity.is_none() && planned.is_present;
        has_come && says_nothing && before.phase != Phase::Ended && !before.is_end_settled
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

    fn finish(self) -> (Summary, Seen) {
        let Rules {
            subject, limits, ..
        } = &self.rules;
        let exceeded = self.tally.exceeded(subject, &self.population, limits);
        let is_empty = self.counts.people.is_empty();
        let mut findings = self.planner.into_findings();
        findings.extend(self.refused);
        let asked = self.questions.iter();
        findings.extend(asked.map(|question| {
            let digest = muster_ledger::of_question(question);
            question.finding(&crate::plugins::short(digest))
        }));
        findings.extend(self.absence_doubt.clone());
        let digest = (!is_empty).then(|| self.writer.plan_digest());
        (
            Summary {
                digest,
                counts: self.counts,
                exceeded,
                findings,
                questions: self.questions,
                used: self.used,
                absence_doubt: self.absence_doubt,
                left_out: self.left_out,
                plan: None,
            },
            self.seen,
        )
    }
}

/// What there is, and what was counted since then.
fn population(reader: &Reader, since: Timestamp) -> Result<Population, Failed> {
    let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let counts = reader.counts()?;
    let spent = reader.spent(since, &counts)?;
    let mut population = Population::default();
    for (feed, spent) in spent.feeds {
        let of_feed = FeedPopulation {
            here: narrow(counts.here.get(&feed).copied().unwrap_or(0)),
            left: narrow(spent.left),
            announced: narrow(spent.announced),
            back: narrow(spent.back),
        };
        population.feeds.insert(feed, of_feed);
    }
    for (target, spent) in spent.targets {
        let of_target = TargetPopulation {
            wanted: narrow(counts.wanted.get(&target).copied().unwrap_or(0)),
            gone: narrow(spent.gone),
            kept: narrow(spent.kept),
        };
        population.targets.insert(target, of_target);
    }
    Ok(population)
}
