//! One transaction that writes: facts go to the journal and into the tables, together or not at all.

use std::borrow::Borrow;

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::connector::ObjectRef;
use muster_core::fact::{Cause, Counts, Fact, Part, PersonPlanned, Plan};
use muster_core::finding::Code;
use muster_core::hold::{About, Hold};
use muster_core::id::{Digest, FeedName, PersonId, PlanId, PolicyVersion, TargetName};
use muster_core::person::Person;
use muster_core::subject::Subject;
use redb::{ReadableDatabase, ReadableTable, WriteTransaction};

use crate::codec::entry::{self, Head};
use crate::codec::{instant, micros};
use crate::error::{Error, RecordResult, StoreResult};
use crate::fold::{Awaited, Fold, Moment};
use crate::reader::Reader;
use crate::tables::{Log, Meta};
use crate::{kept, keys, lookup};

/// Records facts and reads what they have led to so far. What is recorded becomes visible to others,
/// and durable, when the transaction is committed; a closure that fails leaves no trace.
pub struct Writer<'txn> {
    database: &'txn redb::Database,
    fold: Fold<'txn>,
    log: Log<'txn>,
    meta: Meta,
    /// The hash before the transaction, until its first entry has taken it along.
    opens_commit_on: Option<Head>,
    first_seq: u64,
    at: Timestamp,
    by: Actor,
    is_spoiled: bool,
    buffer: Vec<u8>,
}

/// What one transaction hands over to the next one: people who need not be read again.
#[derive(Default)]
pub(crate) struct Handover {
    /// The number of the next journal entry. Where it is another one, somebody else has written since.
    next_seq: u64,
    awaited: Awaited,
}

impl<'txn> Writer<'txn> {
    pub(crate) fn open(
        database: &'txn redb::Database,
        txn: &'txn WriteTransaction,
        (at, by): (Timestamp, Actor),
        handover: Handover,
    ) -> Result<Self, Error> {
        let (log, meta) = Log::open(txn)?;
        let is_current = handover.next_seq == meta.next_seq;
        let awaited = if is_current {
            handover.awaited
        } else {
            Awaited::default()
        };
        let mut writer = Writer {
            database,
            fold: Fold::open_with(txn, awaited)?,
            log,
            meta,
            opens_commit_on: Some(meta.head),
            first_seq: meta.next_seq,
            at,
            by,
            is_spoiled: false,
            buffer: Vec::new(),
        };
        let by = writer.by.clone();
        writer.set(at, by)?;
        Ok(writer)
    }

    /// When and by whom the facts are recorded from now on; the instant is cut to the microsecond that the journal
    /// keeps.
    pub(crate) fn set(&mut self, at: Timestamp, by: Actor) -> Result<(), Error> {
        self.at = instant(micros(at)).of("journal")?;
        self.by = by;
        Ok(())
    }

    /// Has what `work` records stand under another actor.
    pub fn acting<T>(&mut self, by: Actor, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.by, by);
        let value = work(self);
        self.by = before;
        value
    }

    /// The instant that goes with the facts.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The instant by which the days of a plan are judged: that of the facts, unless the clock is
    /// implausibly far ahead of the journal.
    pub fn day(&self) -> Result<Timestamp, Error> {
        self.meta.believed(self.at).of("meta")
    }

    /// The instant under which a plan is counted. It never goes back.
    pub fn counts_at(&self) -> Result<Timestamp, Error> {
        self.meta.counts_at(self.at).of("meta")
    }

    /// Records a fact. Returns whether anything changed: what happened to an operation that was
    /// superseded meanwhile, or the end of a hold that has ended, is recorded and changes nothing.
    ///
    /// # Errors
    /// [`Error::LinkedTwice`] where an account at an app would come to belong to a second person;
    /// the fact is not recorded and the transaction can go on. After any other error it can only be
    /// given up.
    pub fn record(&mut self, fact: impl Borrow<Fact>) -> Result<bool, Error> {
        let fact = fact.borrow();
        self.append(fact, |fold, moment, body| fold.apply(moment, fact, body))
    }

    /// Records what a plan says of a person whom the caller has read already, from
    /// [`Writer::before`]. Fast where people come in the order of their ids, and no person is kept
    /// in memory.
    ///
    /// # Errors
    /// [`Error::Outdated`] where `before` is not what the ledger holds.
    pub fn record_planned(
        &mut self,
        before: Option<Person>,
        planned: PersonPlanned,
    ) -> Result<bool, Error> {
        let fact = Fact::PersonPlanned(planned);
        self.append(&fact, |fold, moment, body| match &fact {
            Fact::PersonPlanned(planned) => fold.replanned(moment, before, planned, body),
            _ => Ok(false),
        })
    }

    /// Ends a plan: its people were recorded before in this transaction, under
    /// [`Writer::next_plan`]. The digest is that of its content.
    pub fn finish_plan(
        &mut self,
        cause: Cause,
        policy: PolicyVersion,
        counts: Counts,
    ) -> Result<Plan, Error> {
        self.make(cause, policy, counts, None)
    }

    /// The same for a part of a plan for many people. Where nobody is left to be planned for, the last part has nobody.
    pub fn finish_part(
        &mut self,
        cause: Cause,
        policy: PolicyVersion,
        counts: Counts,
        part: Part,
    ) -> Result<Plan, Error> {
        self.make(cause, policy, counts, Some(part))
    }

    fn make(
        &mut self,
        cause: Cause,
        policy: PolicyVersion,
        counts: Counts,
        part: Option<Part>,
    ) -> Result<Plan, Error> {
        let plan = Plan {
            id: self.next_plan(),
            cause,
            policy,
            digest: self.plan_digest(),
            counts,
            part,
        };
        self.record(Fact::PlanMade(plan.clone()))?;
        Ok(plan)
    }

    /// The number that the next plan has to have.
    pub fn next_plan(&self) -> PlanId {
        PlanId(self.meta.next_plan)
    }

    /// The digest of the people that were planned and whose plan is not recorded yet.
    pub fn plan_digest(&self) -> Digest {
        self.fold.content.digest()
    }

    /// The number of the next journal entry.
    pub fn next_seq(&self) -> u64 {
        self.meta.next_seq
    }

    /// The ledger as it was before this transaction. Nobody else can write meanwhile, so what is
    /// read here stays true until something is recorded.
    pub fn before(&self) -> Result<Reader, Error> {
        let txn = self.database.begin_read();
        Reader::new(txn.step("begin to read")?)
    }

    /// A person, with everything that was recorded so far.
    pub fn person(&mut self, id: &PersonId) -> Result<Option<&Person>, Error> {
        self.fold.person(id)
    }

    /// Who has an account at an app.
    pub fn linked(
        &self,
        target: &TargetName,
        object: &ObjectRef,
    ) -> Result<Option<PersonId>, Error> {
        self.fold.holder(&keys::link(target, object))
    }

    /// What a feed brought.
    pub fn feed(&self, name: &FeedName) -> Result<Option<kept::Feed>, Error> {
        lookup::feed(&self.fold.tables.feeds, name)
    }

    /// What waits for a person about this, as this transaction sees it.
    pub fn hold(&self, about: &About) -> Result<Option<Hold>, Error> {
        lookup::hold(&self.fold.tables.holds, about)
    }

    /// A finding that holds, as this transaction sees it.
    pub fn finding(&self, code: &Code, subject: &Subject) -> Result<Option<kept::Finding>, Error> {
        lookup::finding(&self.fold.tables.findings, code, subject)
    }

    /// The findings of one code that hold, as this transaction sees them.
    pub fn findings_of(&self, code: &Code) -> Result<Vec<kept::Finding>, Error> {
        let (from, beyond) = keys::under(code.as_str());
        let rows = self
            .fold
            .tables
            .findings
            .range(from.as_slice()..beyond.as_slice())
            .step("read findings")?;
        rows.map(|row| {
            let (_, row) = row.step("read a finding")?;
            lookup::finding_of(row.value()).of("findings")
        })
        .collect()
    }

    /// A hook delivery that was taken before.
    pub fn delivery(&self, feed: &FeedName, key: &str) -> Result<Option<kept::Delivery>, Error> {
        self.fold.delivery(feed, key)
    }

    /// Up to where a target's changes were read.
    pub fn change_token(&self, target: &TargetName) -> Result<Option<kept::ChangeToken>, Error> {
        lookup::change_token(&self.fold.tables.tokens, target)
    }

    /// How many facts were recorded so far.
    pub(crate) fn recorded(&self) -> u64 {
        self.meta.next_seq - self.first_seq
    }

    /// Refuses what one piece of work left half done.
    pub(crate) fn end_work(&self) -> Result<(), Error> {
        if self.is_spoiled {
            return Err(Error::Spoiled);
        }
        self.fold.content.check_finished()
    }

    /// Writes what was kept aside. The transaction can be committed afterwards.
    pub(crate) fn finish(mut self) -> Result<Handover, Error> {
        self.end_work()?;
        let awaited = self.fold.finish()?;
        self.log.set_meta(&self.meta)?;
        Ok(Handover {
            next_seq: self.meta.next_seq,
            awaited,
        })
    }

    fn append(
        &mut self,
        fact: &Fact,
        apply: impl FnOnce(&mut Fold<'txn>, Moment<'_>, &[u8]) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        if self.is_spoiled {
            return Err(Error::Spoiled);
        }
        let appended = self.try_append(fact, apply);
        if let Err(error) = &appended {
            self.is_spoiled = !matches!(error, Error::LinkedTwice { .. });
        }
        appended
    }

    fn try_append(
        &mut self,
        fact: &Fact,
        apply: impl FnOnce(&mut Fold<'txn>, Moment<'_>, &[u8]) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let seq = self.meta.next_seq;
        if let Fact::PlanMade(plan) = fact
            && plan.id != self.next_plan()
        {
            return Err(Error::BadPlan {
                plan: plan.id,
                what: "its number is not the next one",
            });
        }
        let opens_commit_on = self.opens_commit_on.as_ref();
        let operations_before = self.fold.content.operations();
        let stamp = (self.at, &self.by);
        let body_at = entry::encode(
            &mut self.buffer,
            opens_commit_on,
            stamp,
            fact,
            operations_before,
        );
        let body = self.buffer.get(body_at..).unwrap_or_default();
        let moment = Moment {
            seq,
            at: self.at,
            by: &self.by,
            day: self.meta.believed(self.at).of("meta")?,
            counted_at: self.meta.counts_at(self.at).of("meta")?,
        };
        let applied = apply(&mut self.fold, moment, body)?;
        self.log.append(seq, &self.buffer)?;
        self.opens_commit_on = None;
        self.meta.head = entry::head_after(&self.meta.head, seq, &self.buffer);
        self.meta.next_seq += 1;
        self.meta.read_clock(self.at, fact).of("meta")?;
        if let Fact::PlanMade(plan) = fact {
            self.meta.next_plan = plan.id.0 + 1;
        }
        Ok(applied)
    }
}
