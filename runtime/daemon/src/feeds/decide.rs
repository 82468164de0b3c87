//! What becomes of a file: accepted, held or rejected, recorded in one transaction with the plan that
//! it led to. Nothing is moved here.

use std::collections::BTreeSet;

use jiff::Timestamp;
use muster_api::page::title_of;
use muster_core::actor::{Actor, Operator};
use muster_core::fact::{
    ArrivalChange, Cause, Content, EventKind, Fact, FeedFile, Outcome, PersonPlanned,
};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::hold::{End, Hold, What};
use muster_core::id::{Digest, PersonKey, PlanId};
use muster_core::person::Person;
use muster_core::subject::Subject;
use muster_intake::folder::place::Place;
use muster_intake::report::{Changed, People};
use muster_intake::{Effect, FileVerdict, Mistake, Mistakes, Opened, Snapshot, code};

use super::folders::{held_arrival, is_stored};
use super::held::held_file;
use super::{Feed, FeedError, GIVEN_UP, HELD, REJECTED, ROWS_SET_ASIDE, WAITS, event, keys};
use crate::findings::{LookedAt, changes};
use crate::planning::{
    ChangedPerson, Consent, Failed, Maker, OnPerson, Order, Planning, Scope, Summary,
};

/// A file to decide about.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it was written; `None` if that does not count, as in a preview.
    pub modified: Option<Timestamp>,
    /// People about whom an event said something since: that counts, and not this file.
    pub news: &'a BTreeSet<PersonKey>,
    /// What is recorded together with what is decided.
    pub beside: &'a dyn Fn(Outcome) -> Vec<Fact>,
}

impl<'a> Item<'a> {
    /// A file that is only looked at.
    pub fn preview(name: &'a str) -> Self {
        static NOBODY: BTreeSet<PersonKey> = BTreeSet::new();
        Self {
            name,
            modified: None,
            news: &NOBODY,
            beside: &|_| Vec::new(),
        }
    }
}

/// An event to decide about.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// What it is called: never what it means.
    pub name: &'a str,
    /// The digest of its delivery.
    pub digest: Digest,
    /// What happened.
    pub kind: EventKind,
    /// The row that says so.
    pub row: &'a [u8],
    /// What is recorded together with what is decided.
    pub beside: &'a dyn Fn(Outcome) -> Vec<Fact>,
}

/// What was decided about a file.
#[derive(Debug)]
pub struct Decision {
    /// What became of it.
    pub verdict: FileVerdict,
    /// The file.
    pub file: FeedFile,
    /// The remarks about its rows.
    pub mistakes: Mistakes,
    /// Its people, where they could be read.
    pub people: Option<People>,
    /// What it changes, or would change.
    pub summary: Option<Summary>,
    /// The people it changes, or would change.
    pub changed: Changed,
}

/// How far a decision goes.
#[derive(Clone, Copy)]
pub enum Going<'a> {
    /// It is looked at what it would be, and nothing is recorded.
    Preview(&'a Planning),
    /// It came by itself: it takes effect, is held or is rejected.
    ByItself(&'a Maker<'a>),
    /// Somebody approves of what was held: exactly this plan takes effect, or nothing does.
    Approved {
        /// What makes it.
        maker: &'a Maker<'a>,
        /// The digest of the plan.
        plan: Digest,
        /// Who.
        by: &'a Operator,
    },
}

impl<'a> Going<'a> {
    /// Whose plans these are.
    pub fn planning(self) -> &'a Planning {
        match self {
            Going::Preview(planning) => planning,
            Going::ByItself(maker) | Going::Approved { maker, .. } => maker.planning(),
        }
    }

    /// What makes plans, where nobody has approved of this one.
    fn by_itself(self) -> Option<&'a Maker<'a>> {
        match self {
            Going::ByItself(maker) => Some(maker),
            Going::Preview(_) | Going::Approved { .. } => None,
        }
    }

    /// Makes a plan as far as the decision goes.
    fn plan(self, order: Order<'_>, on_person: OnPerson<'_>) -> Result<Summary, Failed> {
        match self {
            Going::Preview(planning) => planning.preview(order, on_person),
            Going::ByItself(maker) => maker.make_told(order, Consent::WithinLimits, on_person),
            Going::Approved { maker, plan, .. } => {
                maker.make_told(order, Consent::Approved(plan), on_person)
            }
        }
    }

    /// Does something that takes long and that no plan can change. Where somebody approves of what is held, nothing goes
    /// first: what takes its place in the meantime would end the hold.
    fn aside<T>(self, work: impl FnOnce() -> T) -> T {
        match self {
            Going::ByItself(maker) => maker.aside(work),
            Going::Preview(_) | Going::Approved { .. } => work(),
        }
    }

    fn approver(self) -> Option<&'a Operator> {
        match self {
            Going::Approved { by, .. } => Some(by),
            Going::Preview(_) | Going::ByItself(_) => None,
        }
    }
}

/// Decides about a file, and records it as far as the decision goes. Nothing is moved.
pub fn decide_file(
    feed: &Feed,
    going: Going<'_>,
    item: &Item<'_>,
    opened: Opened,
    on_person: OnPerson<'_>,
) -> Result<Decision, FeedError> {
    FeedDecider { feed, going }.file(item, opened, on_person)
}

/// Decides about an event, and records it as far as the decision goes. `None` if it has to wait: it
/// takes too much from too many to go on by itself, and something else is held already.
pub fn decide_event(
    feed: &Feed,
    going: Going<'_>,
    event: &Event<'_>,
    on_person: OnPerson<'_>,
) -> Result<Option<Decision>, FeedError> {
    FeedDecider { feed, going }.event(event, on_person)
}

/// What a decision is made with.
#[derive(Clone, Copy)]
struct FeedDecider<'a> {
    feed: &'a Feed,
    going: Going<'a>,
}

impl FeedDecider<'_> {
    fn file(
        &self,
        item: &Item<'_>,
        opened: Opened,
        on_person: OnPerson<'_>,
    ) -> Result<Decision, FeedError> {
        let mut file = FeedFile {
            feed: self.feed.name().clone(),
            name: item.name.to_owned(),
            digest: opened.digest,
            content: opened.content,
        };
        let planning = self.going.planning();
        if let Some(maker) = self.going.by_itself()
            && is_unchanged(planning, &file, &opened)?
        {
            return self.repeated(maker, file, opened.mistakes, item);
        }
        if opened.sheet.is_none() && opened.mistakes.verdict() == FileVerdict::Accepted {
            // It said what the last one said when it was read, and something else counts by now.
            let name = item.name.to_owned();
            let source = std::io::ErrorKind::NotFound.into();
            return Err(FeedError::EvidenceGone { name, source });
        }
        let (mut mistakes, snapshot) = self.going.aside(|| self.read(opened));
        if mistakes.sets_aside() {
            // A row that did not count may count when it comes again: the words or the dates may be mended. A
            // warning costs nobody the short way, since hardly a company is without one.
            file.content.read_as = 0;
        }
        for mistake in old_statement(planning, &file, item)? {
            mistakes.push(mistake);
        }
        let people = snapshot.as_ref().map(People::of);
        let verdict = mistakes.verdict();
        let mut changed = Changed::default();
        let summary = match &snapshot {
            Some(snapshot) if verdict != FileVerdict::Rejected => {
                // A file that is held for its content is planned, too: to show what approving it means.
                let going = match (verdict, self.going) {
                    (FileVerdict::Held, Going::ByItself(_)) => Going::Preview(planning),
                    (_, going) => going,
                };
                let mut on_person = |planned: &PersonPlanned, before: Option<&Person>| {
                    changed.add(planned);
                    on_person(planned, before);
                };
                let order = self.order(&file, snapshot, item)?;
                Some(going.plan(order, &mut on_person)?)
            }
            Some(_) | None => None,
        };
        let mut decision = Decision {
            verdict,
            file,
            mistakes,
            people,
            summary,
            changed,
        };
        if let Some(maker) = self.going.by_itself() {
            let is_partial = self.feed.is_partial();
            record_refusal(maker, is_partial, &mut decision, item.beside)?;
        }
        Ok(decision)
    }

    /// Whoever approved what is decided; what arrived, where nobody had to.
    fn by(&self, file: &FeedFile) -> Actor {
        let approver = self.going.approver().cloned();
        approver.map_or_else(|| of_file(file), Actor::Operator)
    }

    /// Accepts a file that says what the last one said: nothing is planned.
    fn repeated(
        &self,
        maker: &Maker<'_>,
        file: FeedFile,
        mistakes: Mistakes,
        item: &Item<'_>,
    ) -> Result<Decision, FeedError> {
        let mut facts = accepted(self, &file, !self.feed.is_partial())?;
        facts.extend((item.beside)(Outcome::Accepted));
        maker.record(self.by(&file), &facts)?;
        Ok(Decision {
            verdict: FileVerdict::Accepted,
            file,
            mistakes,
            people: None,
            summary: Some(Summary::default()),
            changed: Changed::default(),
        })
    }

    /// Reads the rows: the remarks about them, and the people if they could be read.
    fn read(&self, opened: Opened) -> (Mistakes, Option<Snapshot>) {
        let mut mistakes = opened.mistakes;
        let Some(sheet) = opened.sheet else {
            return (mistakes, None);
        };
        let planning = self.going.planning();
        let (mapping, now) = (&self.feed.config.mapping, planning.now());
        let reading = Snapshot::read(sheet, mapping, self.feed.options(), now);
        mistakes.merge(reading.mistakes);
        if let Some(snapshot) = &reading.snapshot {
            let policy = planning.policy();
            mistakes.merge(keys::remarks(&policy, self.feed.name(), snapshot, now));
        }
        (mistakes, reading.snapshot)
    }

    fn event(
        &self,
        event: &Event<'_>,
        on_person: OnPerson<'_>,
    ) -> Result<Option<Decision>, FeedError> {
        let file = FeedFile {
            feed: self.feed.name().clone(),
            name: event.name.to_owned(),
            digest: event.digest,
            // It says nothing about the order of rows, so it is never taken for a file seen before.
            content: Content::default(),
        };
        let mut decision = Decision {
            verdict: FileVerdict::Accepted,
            file,
            mistakes: Mistakes::default(),
            people: None,
            summary: None,
            changed: Changed::default(),
        };
        match event::read(self.feed, event.kind, event.row) {
            Ok(said) => {
                let people = vec![(said.key, said.changed)];
                let mut changed = Changed::default();
                let mut on_person = |planned: &PersonPlanned, before: Option<&Person>| {
                    changed.add(planned);
                    on_person(planned, before);
                };
                let order = self.order_of_event(&decision.file, people, event)?;
                decision.summary = Some(self.going.plan(order, &mut on_person)?);
                decision.changed = changed;
            }
            Err(text) => {
                let mistake = Mistake::of_file(event::UNREADABLE, Effect::Rejects, text)
                    .hint("put the mapping right, and have the event sent again");
                decision.mistakes.push(mistake);
                decision.verdict = FileVerdict::Rejected;
            }
        }
        let Some(maker) = self.going.by_itself() else {
            return Ok(Some(decision));
        };
        let exceeds = decision
            .summary
            .as_ref()
            .is_some_and(|summary| !summary.exceeded.is_empty());
        if exceeds && self.other_is_held(event.digest)? {
            return Ok(None);
        }
        record_refusal(maker, true, &mut decision, event.beside)?;
        Ok(Some(decision))
    }

    fn other_is_held(&self, digest: Digest) -> Result<bool, FeedError> {
        let held = held_file(&self.going.planning().read()?, self.feed.name())?;
        Ok(held.is_some_and(|(_, file)| file.digest != digest))
    }

    /// The plan of an event.
    fn order_of_event(
        &self,
        file: &FeedFile,
        people: Vec<(PersonKey, ChangedPerson)>,
        event: &Event<'_>,
    ) -> Result<Order<'_>, FeedError> {
        let scope = Scope::Changes {
            feed: self.feed.name().clone(),
            people,
            carried: &self.feed.carried,
        };
        let mut facts = accepted(self, file, false)?;
        facts.extend((event.beside)(Outcome::Accepted));
        Ok(self.order_of(file, scope, facts))
    }

    /// The plan of a file.
    fn order<'o>(
        &'o self,
        file: &FeedFile,
        snapshot: &'o Snapshot,
        item: &Item<'o>,
    ) -> Result<Order<'o>, FeedError> {
        let Self { feed, going } = *self;
        let planning = going.planning();
        let scope = if feed.is_partial() {
            let mut people = Feed::changes(snapshot)?;
            people.retain(|(key, _)| !item.news.contains(key));
            Scope::Changes {
                feed: feed.name().clone(),
                people,
                carried: &feed.carried,
            }
        } else {
            Scope::File {
                feed: feed.name(),
                snapshot,
                carried: &feed.carried,
                since: newest_before(planning, file)?,
                news: item.news,
            }
        };
        // Read before the plan's transaction begins: a hold only ends while no plan is made.
        let mut facts = accepted(self, file, !feed.is_partial())?;
        facts.extend(of_rows(planning, feed, file, snapshot)?);
        facts.extend((item.beside)(Outcome::Accepted));
        Ok(self.order_of(file, scope, facts))
    }

    fn order_of<'o>(&self, file: &FeedFile, scope: Scope<'o>, facts: Vec<Fact>) -> Order<'o> {
        let cause = Cause::File {
            feed: file.feed.clone(),
            name: file.name.clone(),
            digest: file.digest,
        };
        Order::new(scope, cause).with(facts).by(self.by(file))
    }
}

/// What is kept open of the rows of an accepted file that do not count: HR reads of it in the report,
/// and IT has to know that a leaver may be among them, for as long as no file is whole.
fn of_rows(
    planning: &Planning,
    feed: &Feed,
    file: &FeedFile,
    snapshot: &Snapshot,
) -> Result<Vec<Fact>, FeedError> {
    let subject = Subject::from(&file.feed);
    let (set_aside, anybodys) = (snapshot.set_aside_count(), snapshot.unattributed_count());
    let aside = || {
        let text = format!(
            "rows of `{}` that were set aside: {set_aside}; these people stay as they are, whoever left among them, too",
            file.name
        );
        Finding::new(ROWS_SET_ASIDE, Severity::Warning, subject.clone(), text).hint(
            "the report beside the file names each row; have HR mend them and drop the file again",
        )
    };
    let unproven = || {
        let text = format!(
            "nobody who is missing from `{}` is taken as having left: {anybodys} of its rows could be theirs",
            file.name
        );
        Finding::new(
            code::ABSENCE_UNPROVEN,
            Severity::Error,
            subject.clone(),
            text,
        )
        .hint("have HR mend the rows that the report beside the file names, and drop it again; until then take the access of whoever left away at the app")
    };
    let is_whole = !feed.is_partial();
    let found = (set_aside > 0)
        .then(aside)
        .into_iter()
        .chain((is_whole && anybodys > 0).then(unproven));
    let scope = LookedAt::of(&file.feed, [ROWS_SET_ASIDE, code::ABSENCE_UNPROVEN]);
    Ok(changes(&planning.read()?, &scope, found.collect())?)
}

/// Why a file may be an old statement: it says what an older file said that was replaced since, or it
/// was written before the one that was accepted last.
fn old_statement(
    planning: &Planning,
    file: &FeedFile,
    item: &Item<'_>,
) -> Result<Vec<Mistake>, FeedError> {
    let reader = planning.read()?;
    let kept = reader.feed(&file.feed)?.unwrap_or_default();
    let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let hint = "if somebody dropped an old file by mistake, drop the newest one; if it is right, IT applies it";
    let mut mistakes = Vec::new();
    let is_last = kept.accepted.as_ref().is_some_and(|accepted| {
        // In whichever way it is read by now.
        let (last, this) = (accepted.file.content, file.content);
        last.header == this.header && last.rows == this.rows && last.row_count == this.row_count
    });
    if file.content.row_count > 0
        && !is_last
        && let Some(before) = reader.said_before(&file.feed, &file.content)?
    {
        let text = format!(
            "this is the file of {}, `{}`, again: it says what that one said, and something newer was accepted \
             since",
            day(before.at),
            before.name
        );
        mistakes.push(Mistake::of_file(code::SAID_BEFORE, Effect::Holds, text).hint(hint));
    }
    if let (Some(modified), Some(newest)) = (item.modified, kept.newest)
        && modified < newest
    {
        let text = format!(
            "the file was written on {}, before the one that was accepted last, of {}",
            day(modified),
            day(newest)
        );
        mistakes.push(Mistake::of_file(code::OLDER, Effect::Holds, text).hint(hint));
    }
    Ok(mistakes)
}

/// Whether a file says what the last accepted one said, in whichever order.
fn is_unchanged(planning: &Planning, file: &FeedFile, opened: &Opened) -> Result<bool, FeedError> {
    if opened.mistakes.verdict() != FileVerdict::Accepted
        || file.content.row_count == 0
        || file.content.read_as == 0
    {
        return Ok(false);
    }
    let reader = planning.read()?;
    // What was asked about its rows may have been answered since.
    let questions = reader.questions()?;
    if questions
        .iter()
        .any(|(_, kept)| kept.question.person.feed == file.feed)
    {
        return Ok(false);
    }
    let kept = reader.feed(&file.feed)?;
    Ok(kept
        .and_then(|kept| kept.accepted)
        .is_some_and(|accepted| accepted.file.content == file.content))
}

/// For a file that is held, the newest plan that was made before it was.
fn newest_before(planning: &Planning, file: &FeedFile) -> Result<Option<PlanId>, FeedError> {
    let reader = planning.read()?;
    let waiting = held_file(&reader, &file.feed)?;
    let Some((hold, _)) = waiting.filter(|(_, held)| held.digest == file.digest) else {
        return Ok(None);
    };
    for kept in reader.plans()? {
        let kept = kept?;
        if kept.at <= hold.since {
            return Ok(Some(kept.plan.id));
        }
    }
    Ok(Some(PlanId(0)))
}

/// What is recorded of an accepted file: itself, and that a file that was held has been approved or, by
/// a file with everybody, overtaken. One that says only what changed overtakes nothing.
fn accepted(
    decider: &FeedDecider<'_>,
    file: &FeedFile,
    is_whole: bool,
) -> Result<Vec<Fact>, FeedError> {
    let FeedDecider { feed, going } = *decider;
    let mut facts = vec![Fact::FileAccepted {
        file: file.clone(),
        plan: None,
    }];
    let reader = going.planning().read()?;
    let kept = reader.feed(&file.feed)?.unwrap_or_default();
    let held =
        held_file(&reader, &file.feed)?.filter(|(_, held)| is_whole || held.digest == file.digest);
    // What only a rejected file said is missing until it comes again, or somebody took the file away.
    let is_made_good = is_whole
        || kept.rejected.is_none_or(|rejected| {
            let name = &rejected.file.name;
            *name == file.name || !is_stored(feed, Place::Rejected, name)
        });
    if is_whole {
        // Whoever is not in it by now is nobody to worry about.
        let of_feed = |subject: &Subject| subject.feed() == Some(&file.feed);
        let scope = LookedAt::those([event::NOBODY], of_feed);
        facts.extend(changes(&reader, &scope, Vec::new())?);
    }
    let subject = Subject::from(&file.feed);
    let of_hold = held.iter().flat_map(|_| [HELD, WAITS]);
    let given_up = reader.finding(&GIVEN_UP, &subject)?;
    let is_up_again = given_up
        .is_some_and(|kept| is_whole || kept.finding.text.contains(&format!("`{}`", file.name)));
    let over = of_hold
        .chain(is_made_good.then_some(REJECTED))
        .chain(is_up_again.then_some(GIVEN_UP));
    facts.extend(changes(&reader, &LookedAt::of(subject, over), Vec::new())?);
    if let Some((hold, waiting)) = held {
        if let Some(arrival) = held_arrival(&reader, &waiting)? {
            facts.push(Fact::ArrivalChanged {
                feed: file.feed.clone(),
                arrival: arrival.seq,
                change: ArrivalChange::Ended,
            });
        }
        // The same file may have come again, and within the limits this time: nobody approved that.
        let end = if going.approver().is_some() {
            End::Approved
        } else {
            End::Replaced
        };
        facts.push(hold.decided(end));
    }
    Ok(facts)
}

pub(super) fn of_file(file: &FeedFile) -> Actor {
    Actor::File {
        feed: file.feed.clone(),
        name: file.name.clone(),
        digest: file.digest,
    }
}

/// Records that a file was held or rejected; turns an accepted one into a held one where the plan
/// takes too much.
fn record_refusal(
    maker: &Maker<'_>,
    is_partial: bool,
    decision: &mut Decision,
    beside: &dyn Fn(Outcome) -> Vec<Fact>,
) -> Result<(), FeedError> {
    let exceeded = decision
        .summary
        .as_ref()
        .map(|summary| summary.exceeded.clone())
        .unwrap_or_default();
    if decision.verdict == FileVerdict::Accepted && !exceeded.is_empty() {
        decision.verdict = FileVerdict::Held;
    }
    let mut reasons: Vec<Code> = decision.mistakes.reasons();
    reasons.extend(exceeded.iter().map(|finding| finding.code.clone()));
    reasons.sort();
    reasons.dedup();
    let file = decision.file.clone();
    let said = refusal_finding(is_partial, decision.verdict, &file, &reasons);
    let (fact, outcome) = match decision.verdict {
        FileVerdict::Accepted => return Ok(()),
        FileVerdict::Held => {
            let hold = hold_of(decision, &reasons, maker.planning().now());
            (Fact::HoldOpened(hold), Outcome::Held)
        }
        FileVerdict::Rejected => (Fact::FileRejected { file, reasons }, Outcome::Rejected),
    };
    let mut facts = vec![fact];
    facts.extend(beside(outcome));
    facts.push(Fact::FindingOpened(said));
    maker.record(of_file(&decision.file), &facts)?;
    Ok(())
}

/// How a file waits from now on. Of its reasons stands the code, and what that means: the report beside the file says
/// which rows they are about.
fn hold_of(decision: &Decision, reasons: &[Code], since: Timestamp) -> Hold {
    let reasons = reasons.iter().map(|code| {
        let (feed, text) = (&decision.file.feed, title_of(code.as_str()));
        Finding::new(code.clone(), Severity::Error, feed, text)
    });
    let summary = decision.summary.as_ref();
    Hold {
        what: What::File(decision.file.clone()),
        plan: summary.and_then(|summary| summary.digest),
        reasons: reasons.collect(),
        counts: summary
            .map(|summary| summary.counts.clone())
            .unwrap_or_default(),
        since,
    }
}

fn refusal_finding(
    is_partial: bool,
    verdict: FileVerdict,
    file: &FeedFile,
    reasons: &[Code],
) -> Finding {
    let codes: Vec<&str> = reasons.iter().map(Code::as_str).collect();
    let (code, hint) = match verdict {
        FileVerdict::Rejected => (REJECTED, "mend the file and drop it again"),
        FileVerdict::Held | FileVerdict::Accepted if is_partial => (
            HELD,
            "look at it with `muster apply`; if it is wrong, delete it from the folder `held`",
        ),
        FileVerdict::Held | FileVerdict::Accepted => (
            HELD,
            "look at it with `muster apply`, or drop the right file",
        ),
    };
    let text = format!(
        "`{}` is {}: {}; the report beside the file says why",
        file.name,
        verdict.as_str(),
        codes.join(", ")
    );
    let subject = Subject::from(&file.feed);
    Finding::new(code, Severity::Error, subject, text).hint(hint)
}
