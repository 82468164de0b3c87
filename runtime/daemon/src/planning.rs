//! Makes plans: merges what a feed says with what the ledger holds, asks the planner about each
//! person, and writes the answers into one transaction that is kept or thrown away as a whole.
//!
//! A preview is the same work with the transaction thrown away, so what is shown is what would be
//! done. The guard looks at the tally when everybody was seen; a plan that takes too much from too
//! many is thrown away, too, and waits under its digest until a person approves exactly that one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster_core::actor::Operator;
use muster_core::delta::{self, Described};
use muster_core::fact::{Cause, Counts, Fact, Plan};
use muster_core::finding::{Code, Finding};
use muster_core::guard::{Limits, Population, Tally};
use muster_core::id::{Digest, FeedName, PersonId, PersonKey, PlanId};
use muster_core::identity::{Identity, Phase};
use muster_core::person::Person;
use muster_core::plan::{self, Planner, Targets, Verdict};
use muster_core::policy::{Evaluator, Policy};
use muster_ledger::{Ledger, Reader, Writer};

use crate::driver;
use crate::intake::{Presence, Snapshot};

/// What the planner decides by.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// What the targets can give, and their connectors can do.
    pub targets: &'a Targets,
    /// The daemon's clock.
    pub now: Timestamp,
}

/// Whom a plan is about.
pub enum Scope<'a> {
    /// Everybody of a feed: a complete file.
    File {
        /// The feed.
        feed: &'a FeedName,
        /// The file.
        snapshot: &'a Snapshot,
        /// Attributes that a file may leave out, and that then stay as they were.
        carried: &'a BTreeSet<String>,
        /// For a file that was held: the newest plan before it. Of whom there was news since, that
        /// counts, and not the older file.
        since: Option<PlanId>,
        /// Of whom an event said something that is newer than the file: that counts, too.
        news: &'a BTreeSet<PersonKey>,
    },
    /// Some people of a feed: a file or a delivery that says only what changed.
    Changes {
        /// The feed.
        feed: &'a FeedName,
        /// What it says of whom.
        people: Vec<(PersonKey, ChangedPerson)>,
        /// As for a file.
        carried: &'a BTreeSet<String>,
    },
    /// Everybody of every feed: the policy, the configuration or a catalogue changed.
    Everybody,
    /// These people: a date was reached.
    People(Vec<PersonId>),
}

/// What a change set says of a person.
pub enum ChangedPerson {
    /// As the row has it.
    Row {
        /// What it says.
        identity: Identity,
        /// Its number, as a spreadsheet counts; none where there are no rows.
        row: Option<u32>,
    },
    /// The person left.
    Left,
}

/// What a plan would be, or is.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Names the content.
    pub digest: Option<Digest>,
    /// In numbers.
    pub counts: Counts,
    /// Why it has to wait; empty where it may go on.
    pub exceeded: Vec<Finding>,
    /// What was remarked on the way.
    pub findings: Vec<Finding>,
    /// The recorded plan; none where nothing was to be done, or nothing was recorded.
    pub plan: Option<Plan>,
}

impl Summary {
    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.counts.people.is_empty()
    }
}

/// When a plan may be recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consent {
    /// Never: it is looked at.
    Preview,
    /// Where nothing is to be done: whatever else it is, a person looks at it first.
    IfNothing,
    /// Where no limit is exceeded.
    WithinLimits,
    /// Where it is exactly this one, whatever the limits.
    Approved(Digest),
    /// Whatever the limits: what was announced before takes effect.
    Announced,
}

/// What is to be recorded beside the plan, in the same transaction. It is asked once the plan is
/// known to stand, with the plan where there is one.
pub type Beside<'a> = &'a mut dyn FnMut(&Summary) -> Vec<Fact>;

/// Sees each person's part of a plan while it is made, with the person as the ledger had it.
pub type Watch<'a> = &'a mut dyn FnMut(&muster_core::fact::PersonPlanned, Option<&Person>);

/// What a plan is made with.
pub struct Order<'a> {
    /// Whom it is about.
    pub scope: Scope<'a>,
    /// What led to it.
    pub cause: Cause,
    /// When it may be recorded.
    pub consent: Consent,
    /// What is too much at once.
    pub limits: &'a Limits,
    /// Who approved it, where it had been held; recorded with the plan.
    pub approved_by: Option<&'a Operator>,
}

/// A plan could not be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The ledger failed.
    #[error("could not use the ledger")]
    Ledger(#[from] muster_ledger::Error),
    /// A row that was read before cannot be read again: a mistake in Muster. To leave its person out
    /// would look like a leaver.
    #[error("a row that was checked cannot be read: {0}")]
    Row(String),
}

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

/// Makes a plan, and records it where it may be recorded. [`Summary::plan`] and what `beside` gave
/// are then durable; otherwise nothing was changed.
pub fn make(
    ledger: &Ledger,
    world: World<'_>,
    order: Order<'_>,
    watch: Watch<'_>,
    beside: Beside<'_>,
) -> Result<Summary, Failed> {
    let made = ledger.write(world.now, |writer| {
        let Order {
            scope,
            cause,
            consent,
            limits,
            approved_by,
        } = order;
        let subject = subject(&cause);
        let is_complete = matches!(scope, Scope::File { .. } | Scope::Everybody);
        let mut run = Run::new(writer, world, &cause, watch)?;
        run.everybody_in(scope)?;
        let (mut summary, seen) = run.finish(&subject, limits);
        let may_stand = match consent {
            Consent::Preview => false,
            Consent::IfNothing => summary.is_empty(),
            Consent::WithinLimits => summary.exceeded.is_empty(),
            // Where nothing is left to do, what was approved is so already.
            Consent::Approved(digest) => summary.digest == Some(digest) || summary.is_empty(),
            Consent::Announced => true,
        };
        if !may_stand {
            return Err(Dropped::Unrecorded(Box::new(summary)));
        }
        if !summary.is_empty() {
            let policy = world.policy.version().clone();
            let approved_by = approved_by.cloned();
            let plan = writer.finish_plan(cause, policy, summary.counts.clone(), approved_by)?;
            summary.plan = Some(plan);
        }
        settle_findings(writer, &summary.findings, &seen, is_complete)?;
        for fact in beside(&summary) {
            writer.record(fact)?;
        }
        Ok(summary)
    });
    match made {
        Ok(summary) => Ok(summary),
        Err(Dropped::Unrecorded(summary)) => Ok(*summary),
        Err(Dropped::Failed(error)) => Err(error),
    }
}

/// What a plan is about, for findings.
fn subject(cause: &Cause) -> String {
    match cause {
        Cause::File { feed, .. } => format!("feed {feed}"),
        Cause::Policy => "policy".to_owned(),
        Cause::Date => "dates".to_owned(),
        Cause::Operator(_) => "operator".to_owned(),
    }
}

/// The words that go into each operation's reason. Names of files and ids only.
fn because(cause: &Cause) -> String {
    match cause {
        Cause::File { feed, name, .. } => format!("file {name} of feed {feed}"),
        Cause::Policy => "a change of the policy".to_owned(),
        Cause::Date => "a date that was reached".to_owned(),
        Cause::Operator(name) => format!("order of {name}"),
    }
}

/// Everybody who was looked at, to know which of their findings no longer hold.
enum Seen {
    Everybody,
    Feed(FeedName),
    People(BTreeSet<PersonId>),
}

impl Seen {
    fn has(&self, subject: &str) -> bool {
        // `hr:1042`, or `hr:1042 at crm`; a key may have spaces in it.
        let id = subject.rsplit_once(" at ").map_or(subject, |(id, _)| id);
        let person = PersonId::parse(id).ok();
        match (self, person) {
            (Seen::Everybody, _) => true,
            (Seen::Feed(feed), Some(person)) => person.feed == *feed,
            (Seen::People(people), Some(person)) => people.contains(&person),
            // What is said of a target is only known to be over when everybody was looked at.
            (Seen::Feed(_) | Seen::People(_), None) => false,
        }
    }
}

struct Run<'a, 'txn> {
    writer: &'a mut Writer<'txn>,
    before: Reader,
    planner: Planner<'a>,
    watch: Watch<'a>,
    tally: Tally,
    counts: Counts,
    population: Population,
    refused: Vec<Finding>,
    seen: Seen,
}

impl<'a, 'txn> Run<'a, 'txn> {
    fn new(
        writer: &'a mut Writer<'txn>,
        world: World<'a>,
        cause: &Cause,
        watch: Watch<'a>,
    ) -> Result<Self, Failed> {
        let before = writer.before()?;
        let evaluator = Evaluator::new(world.policy);
        let planner = Planner::new(
            evaluator,
            world.targets,
            writer.next_plan(),
            world.now,
            &because(cause),
        );
        Ok(Self {
            writer,
            before,
            planner,
            watch,
            tally: Tally::default(),
            counts: Counts::default(),
            population: Population::default(),
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
            } => {
                self.population = self.population_of_all()?;
                self.changes(feed, people, carried)
            }
            Scope::Everybody => {
                for person in self.before.everybody()? {
                    let person = person?;
                    self.count(&person);
                    self.person(&person.id.clone(), Some(person), Described::AsBefore)?;
                }
                Ok(())
            }
            Scope::People(people) => {
                self.population = self.population_of_all()?;
                self.seen = Seen::People(people.iter().cloned().collect());
                for id in people {
                    let person = self.before.person(&id)?;
                    self.person(&id, person, Described::AsBefore)?;
                }
                Ok(())
            }
        }
    }

    /// Merges the people of a complete file with the feed's people, both in the order of their keys.
    fn file(
        &mut self,
        feed: &FeedName,
        snapshot: &Snapshot,
        carried: &BTreeSet<String>,
        has_news: &dyn Fn(&Person) -> bool,
    ) -> Result<(), Failed> {
        let proves_absence = snapshot.proves_absence();
        let mut rows = snapshot.rows().peekable();
        let mut known = self.before.people(feed)?.peekable();
        loop {
            let order = match (rows.peek(), known.peek()) {
                (None, None) => return Ok(()),
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
            if let Some(person) = &before {
                self.count(person);
            }
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
                    self.person(&id, before, Described::Row { identity, row })?;
                }
                (None, Some(person)) => {
                    // Set aside, or perhaps behind a row that nobody can read: not proven absent.
                    let is_absent =
                        proves_absence && snapshot.presence(&person.id.key) == Presence::Absent;
                    if is_absent {
                        self.person(&person.id.clone(), Some(person), Described::Absent)?;
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn changes(
        &mut self,
        feed: &FeedName,
        people: Vec<(PersonKey, ChangedPerson)>,
        carried: &BTreeSet<String>,
    ) -> Result<(), Failed> {
        let mut seen = BTreeSet::new();
        for (key, changed) in people {
            let id = PersonId {
                feed: feed.clone(),
                key,
            };
            seen.insert(id.clone());
            let before = self.before.person(&id)?;
            let described = match changed {
                ChangedPerson::Row { mut identity, row } => {
                    delta::carry_over(&mut identity, before.as_ref(), carried);
                    Described::Row { identity, row }
                }
                ChangedPerson::Left => Described::Absent,
            };
            self.person(&id, before, described)?;
        }
        self.seen = Seen::People(seen);
        Ok(())
    }

    fn person(
        &mut self,
        id: &PersonId,
        before: Option<Person>,
        described: Described,
    ) -> Result<(), Failed> {
        match self.planner.person(id, before.as_ref(), described) {
            Verdict::Same => {}
            Verdict::Refused(finding) => self.refused.push(finding),
            Verdict::Planned(planned) => {
                (self.watch)(&planned, before.as_ref());
                self.tally.add(&planned);
                self.counts.add(&planned);
                self.writer.record_planned(before, *planned)?;
            }
        }
        Ok(())
    }

    /// Counts somebody as one of those of whom the plan may take a share.
    fn count(&mut self, person: &Person) {
        if person.phase != Phase::Ended {
            self.population.people += 1;
        }
        for (target, _) in person
            .accounts
            .iter()
            .filter(|(_, account)| account.is_wanted)
        {
            *self.population.accounts.entry(target.clone()).or_default() += 1;
        }
    }

    fn population_of_all(&self) -> Result<Population, Failed> {
        let counts = self.before.counts()?;
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let here = counts
            .people
            .iter()
            .filter(|(phase, _)| **phase != Phase::Ended)
            .map(|(_, count)| count);
        let accounts = counts.accounts.iter().map(|(target, states)| {
            let usable = states
                .iter()
                .filter(|(state, _)| state.is_usable())
                .map(|(_, count)| count);
            (target.clone(), narrow(usable.sum()))
        });
        Ok(Population {
            people: narrow(here.sum()),
            accounts: accounts.collect(),
        })
    }

    fn finish(self, subject: &str, limits: &Limits) -> (Summary, Seen) {
        let exceeded = self.tally.exceeded(subject, &self.population, limits);
        let is_empty = self.counts.people.is_empty();
        let mut findings = self.planner.into_findings();
        findings.extend(self.refused);
        let digest = (!is_empty).then(|| self.writer.plan_digest());
        (
            Summary {
                digest,
                counts: self.counts,
                exceeded,
                findings,
                plan: None,
            },
            self.seen,
        )
    }
}

/// Opens what was found, and closes what was found before and no longer holds.
fn settle_findings(
    writer: &mut Writer<'_>,
    findings: &[Finding],
    seen: &Seen,
    is_complete: bool,
) -> Result<(), Failed> {
    let before = writer.before()?;
    let mut open: BTreeMap<(&Code, &str), &Finding> = BTreeMap::new();
    for finding in findings {
        open.insert((&finding.code, finding.subject.as_str()), finding);
    }
    for code in &plan::CODES {
        for kept in before.findings_of(code)? {
            let kept = kept?.finding;
            let still_holds = open.contains_key(&(&kept.code, kept.subject.as_str()));
            let is_of_target = kept.subject.starts_with("target ");
            let was_looked_at = if is_of_target {
                is_complete
            } else {
                seen.has(&kept.subject)
            };
            if !still_holds && was_looked_at {
                writer.record(Fact::FindingClosed {
                    code: kept.code,
                    subject: kept.subject,
                })?;
            }
        }
    }
    for finding in open.into_values() {
        let is_known = before
            .finding(&finding.code, &finding.subject)?
            .is_some_and(|kept| kept.finding == *finding);
        if !is_known {
            writer.record(Fact::FindingOpened(finding.clone()))?;
        }
    }
    close_replaced(writer, &before, seen)
}

/// Closes what was said of operations that this plan replaced: nobody will take them any more.
fn close_replaced(writer: &mut Writer<'_>, before: &Reader, seen: &Seen) -> Result<(), Failed> {
    for code in driver::WHILE_OPEN {
        for kept in before.findings_of(&code)? {
            let subject = kept?.finding.subject;
            if seen.has(&subject) && !driver::is_open(writer, &subject)? {
                writer.record(Fact::FindingClosed {
                    code: code.clone(),
                    subject,
                })?;
            }
        }
    }
    Ok(())
}
