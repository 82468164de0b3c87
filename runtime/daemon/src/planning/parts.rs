//! A plan for many people: looked at whole, and recorded in parts.
//!
//! A plan for a million people takes the better part of a minute. Made in one transaction it would have everybody who
//! writes wait for so long: a leaver of another feed, and every outcome of a call. So it is worked out first with
//! nothing but a snapshot, and judged whole; only then is it recorded, some thousand people at a time, each part a plan
//! with a number of its own and the same cause. Between two parts others write, and small plans are made.
//!
//! What others did meanwhile counts: whoever was planned for since is left as they are by that, whoever stands otherwise
//! is planned for anew, and where others have used up what the rest of this plan would need, or what was approved of is
//! another thing by now, it is looked at again from the beginning, and what is left of it then waits for a person. After a
//! stop between two parts the same cause leads to a plan for the rest, which goes on by itself within the budgets: how many
//! come was judged with the whole. What was ordered with the plan is recorded with its last part, so until then it is not
//! said to be done.

use jiff::Timestamp;
use muster_core::fact::{self, Counts, Fact, Part, PersonPlanned};
use muster_core::guard::Tally;
use muster_core::id::{FeedName, OperationId, PlanId};
use muster_core::person::Person;
use muster_ledger::{Ledger, Reader, Writer};

use super::Failed;
use super::budgets;
use super::order::{Consent, OnPerson, Order, Scope, Summary};
use super::reach::Reach;
use super::run::{self, Basis, Ink, Looked, Name, Rules, Run};
use super::walk::Walk;

/// How a plan for many people is recorded.
pub(super) struct Parts<'a> {
    /// Most people of a part.
    pub(super) people: usize,
    /// What time it is.
    pub(super) clock: &'a dyn Fn() -> Timestamp,
    /// Lets others make plans for few people.
    pub(super) leave: &'a dyn Fn(),
    /// Waits until those who came before have made theirs, and lets nobody make any until it is left.
    pub(super) enter: &'a dyn Fn(),
}

/// Whether a plan has to go through more people than these.
pub(super) fn are_many(reader: &Reader, scope: &Scope<'_>, most: usize) -> Result<bool, Failed> {
    match scope {
        Scope::File { feed, snapshot, .. } => {
            Ok(is_large(reader, feed, snapshot.rows().count(), most)?)
        }
        Scope::Everybody => Ok(reader.people_count()? > most as u64),
        Scope::Changes { .. } | Scope::People(_) | Scope::Decided { .. } | Scope::Joined(_) => {
            Ok(false)
        }
    }
}

/// Whether a file of so many rows, or the feed that it is for, has more people than these.
pub(super) fn is_large(
    reader: &Reader,
    feed: &FeedName,
    rows: usize,
    most: usize,
) -> Result<bool, muster_ledger::Error> {
    if rows > most {
        return Ok(true);
    }
    let most = most as u64;
    if reader.people_count()? <= most {
        return Ok(false);
    }
    // How many are here is kept; how many there are with those who left takes a walk.
    let here = reader.counts()?.here.get(feed).copied().unwrap_or(0);
    Ok(here > most || reader.people_count_of(feed)? > most)
}

/// How a part went.
enum Recorded<'a> {
    /// There is more.
    Part(Box<Run<'a, 'a>>),
    /// It was the last.
    All(Box<Summary>),
}

/// A transaction that is thrown away.
enum Dropped {
    /// Others have used up what the rest would need.
    Overtaken,
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

/// What is recorded, and why.
struct Plan<'a> {
    ledger: &'a Ledger,
    basis: Basis<'a>,
    order: &'a Order<'a>,
    consent: Consent,
    looked: &'a Looked,
}

/// Makes a plan for many people, and records it as far as `consent` goes.
pub(super) fn make(
    ledger: &Ledger,
    basis: Basis<'_>,
    (order, consent): (&Order<'_>, Consent),
    on_person: OnPerson<'_>,
    parts: &Parts<'_>,
) -> Result<Summary, Failed> {
    let mut on_person = Some(on_person);
    loop {
        (parts.leave)();
        let scope = order.scope.of_many();
        // Everybody is told once.
        let mut nobody = |_: &PersonPlanned, _: Option<&Person>| {};
        let on_person = on_person.take().unwrap_or(&mut nobody);
        let name = match consent {
            Consent::Approved(_) => Name::Given,
            _ => Name::Spared,
        };
        let mut looked = run::look(ledger, basis, (scope, &order.cause), name, on_person);
        if let (Ok(unnamed), Name::Spared) = (&looked, name)
            && !run::may_stand(&unnamed.summary, consent)
        {
            // Whoever approves of it names it.
            let scope = order.scope.of_many();
            looked = run::look(
                ledger,
                basis,
                (scope, &order.cause),
                Name::Given,
                &mut nobody,
            );
        }
        (parts.enter)();
        let looked = looked?;
        if !run::may_stand(&looked.summary, consent) {
            return Ok(looked.summary);
        }
        let plan = Plan {
            ledger,
            basis,
            order,
            consent,
            looked: &looked,
        };
        match plan.record(parts) {
            Ok(recorded) => {
                let digest = looked.summary.digest.or(recorded.digest);
                // Who was planned for twice was counted twice.
                let census = looked.summary.census;
                return Ok(Summary {
                    digest,
                    census,
                    ..recorded
                });
            }
            Err(Dropped::Overtaken) => {
                tracing::info!(
                    "others used up what the rest of a plan needs; it is looked at again"
                );
            }
            Err(Dropped::Failed(error)) => return Err(error),
        }
    }
}

impl Plan<'_> {
    fn record(&self, parts: &Parts<'_>) -> Result<Summary, Dropped> {
        let because = run::because(&self.order.cause);
        let mut rules = Rules::of(&self.order.cause, Some(self.consent), self.basis.limits);
        rules.is_rest = self.looked.rest_of.is_some();
        let ink = Ink::Keep(Vec::new(), parts.people);
        let before = self.ledger.read()?;
        let mut nobody = |_: &PersonPlanned, _: Option<&Person>| {};
        let mut run = Box::new(Run::new(
            before,
            self.basis,
            &because,
            &mut nobody,
            (rules, ink),
        )?);
        run.begun_with = self.looked.begun_with;
        let mut walk = Walk::of(&mut run, &self.order.scope)?;
        let mut recorded = Tally::default();
        // What was begun before is brought to its end.
        let mut last_plan = self.looked.rest_of.clone();
        loop {
            let is_last = loop {
                if walk.go_on(&mut run)? {
                    break true;
                }
                if !run.has_room() {
                    break false;
                }
            };
            let so_far = run.tally.clone();
            let by = self.order.by.clone();
            let written = self.ledger.write((parts.clock)(), by, |writer| {
                self.part(writer, run, (&recorded, &so_far), (is_last, &mut last_plan))
            })?;
            run = match written {
                Recorded::All(summary) => return Ok(*summary),
                Recorded::Part(run) => run,
            };
            recorded = so_far;
            (parts.leave)();
            (parts.enter)();
            run.go_on(self.ledger.read()?);
        }
    }

    /// Records one part, and with the last one what was ordered with the plan.
    fn part<'a>(
        &self,
        writer: &mut Writer<'_>,
        mut run: Box<Run<'a, 'a>>,
        (recorded, so_far): (&Tally, &Tally),
        (is_last, last_plan): (bool, &mut Option<fact::Plan>),
    ) -> Result<Recorded<'a>, Dropped> {
        let now = writer.before()?;
        let part = run.take_part();
        let is_overtaken = match self.consent {
            Consent::IfNothing => !part.is_empty(),
            Consent::WithinLimits => {
                let mut population = budgets::population(&now, run.since)?;
                let subject = run::subject(&self.order.cause);
                let rest = self.looked.tally.budgeted_after(recorded);
                // Of those who were planned for meanwhile, more may be taken than when it was looked at.
                let this = so_far.budgeted_after(recorded);
                let limits = self.basis.limits;
                for tally in [&rest, &this] {
                    budgets::know_groups(&now, run.since, tally.groups(), &mut population)?;
                }
                [rest, this]
                    .iter()
                    .any(|tally| !tally.exceeded(&subject, &population, limits).is_empty())
            }
            Consent::Approved(_) | Consent::Ordered | Consent::AsFarAsItGoes => false,
        };
        if is_overtaken {
            return Err(Dropped::Overtaken);
        }
        let mut counts = Counts::default();
        for (before, planned) in part {
            let person = now.person(&planned.person)?;
            let planned = if person == before {
                Some(planned)
            } else {
                let content = content_of(&planned);
                let anew = run.anew(planned, person.as_ref())?;
                // Nobody has approved of anything else.
                let is_other = anew.as_ref().map(content_of) != Some(content);
                if is_other && matches!(self.consent, Consent::Approved(_)) {
                    return Err(Dropped::Overtaken);
                }
                anew
            };
            let Some(planned) = planned else {
                continue;
            };
            if counts.people.is_empty() && self.consent.is_given() {
                let plan = planned.plan;
                writer.record(Fact::PlanApproved { plan })?;
            }
            counts.add(&planned);
            run.counts.add(&planned);
            writer.record_planned(person, planned)?;
        }
        // The last part ends what was begun, also where it has nobody.
        if !counts.people.is_empty() || (is_last && last_plan.is_some()) {
            let begun = last_plan.as_ref().and_then(|plan| plan.part);
            let first = begun.map_or(writer.next_plan(), |part| part.first);
            let policy = self.basis.policy.version().clone();
            let (cause, part) = (self.order.cause.clone(), Part { first, is_last });
            *last_plan = Some(writer.finish_part(cause, policy, counts, part)?);
        }
        if !is_last {
            return Ok(Recorded::Part(run));
        }
        let reach = Reach::of(&self.order.scope);
        let (mut summary, seen) = run.finish();
        summary.plan = last_plan.take();
        summary.digest = summary.plan.as_ref().map(|plan| plan.digest);
        reach.settle(writer, &summary, &seen)?;
        run::record_with(writer, self.order.with.clone(), &summary)?;
        Ok(Recorded::All(Box::new(summary)))
    }
}

/// What a person's part of a plan says, whatever its numbers.
fn content_of(planned: &PersonPlanned) -> PersonPlanned {
    let mut content = planned.clone();
    content.plan = PlanId(0);
    let accounts = content.accounts.values_mut();
    for operation in accounts.flat_map(|account| &mut account.operations) {
        let (plan, number) = (PlanId(0), 0);
        operation.id = OperationId { plan, number };
    }
    content
}

impl Scope<'_> {
    /// The same people once more, where they are many: those of a file, or everybody.
    fn of_many(&self) -> Scope<'_> {
        match self {
            Scope::File {
                feed,
                snapshot,
                carried,
                since,
                news,
            } => Scope::File {
                feed,
                snapshot,
                carried,
                since: *since,
                news,
            },
            Scope::Everybody
            | Scope::Changes { .. }
            | Scope::People(_)
            | Scope::Decided { .. }
            | Scope::Joined(_) => Scope::Everybody,
        }
    }
}
