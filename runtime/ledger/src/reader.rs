//! Typed reads on one snapshot. Whatever is written meanwhile, everything that one [`Reader`] gives
//! belongs together; it does not hold up writers.

use std::ops::RangeBounds;

use jiff::Timestamp;
use muster_core::actor::ConnectorVersion;
use muster_core::connector::ObjectRef;
use muster_core::fact::{Cause, Content, Plan};
use muster_core::hold::{About, Hold};
use muster_core::id::{
    Digest, FeedName, OperationId, PersonId, PersonKey, PlanId, PolicyVersion, TargetName,
};
use muster_core::person::{Account, Person, Turns};
use muster_core::subject::Subject;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use crate::codec::{self, Unreadable, v1};
use crate::decisions::Decisions;
use crate::error::{Error, RecordResult, StoreResult};
use crate::iter::{Dues, Findings, Journal, People, Plans};
use crate::kept::{self, Counts, Due, Lane, OpenOperation, OpenOperations, Stands};
use crate::planned::Planned;
use crate::rows::Tally;
use crate::tables::{
    self, ARRIVALS, CATALOGUES, CONTENTS, DECISIONS, DELIVERIES, DUE, FEEDS, FINDINGS, HOLDS,
    INTENTS, JOURNAL, LINKS, Meta, OPEN_OPERATIONS, PEOPLE, PLANS, PLUGINS, POLICIES, QUESTIONS,
    RECORDS, STANDINGS, TALLIES, TIMERS, TOKENS, UNFINISHED,
};
use crate::{intents, keys, lookup};

/// One snapshot of the ledger.
pub struct Reader {
    txn: ReadTransaction,
    meta: Meta,
}

impl Reader {
    pub(crate) fn new(txn: ReadTransaction) -> Result<Self, Error> {
        let meta = Meta::of_snapshot(&txn)?;
        Ok(Reader { txn, meta })
    }

    pub(crate) fn txn(&self) -> &ReadTransaction {
        &self.txn
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    fn rows(
        &self,
        table: tables::Rows,
    ) -> Result<redb::ReadOnlyTable<&'static [u8], &'static [u8]>, Error> {
        self.txn.open_table(table).step("open a table")
    }

    /// The number that the next plan will have if nothing is written meanwhile.
    pub fn next_plan(&self) -> PlanId {
        PlanId(self.meta.next_plan)
    }

    /// The number that the next journal entry will have if nothing is written meanwhile.
    pub fn next_seq(&self) -> u64 {
        self.meta.next_seq
    }

    // People.

    /// A person.
    pub fn person(&self, id: &PersonId) -> Result<Option<Person>, Error> {
        let (people, intents) = (self.rows(PEOPLE)?, self.rows(INTENTS)?);
        lookup::person(&people, &intents, &keys::person(id))
    }

    /// Whose a record is that is not the address of its identity; `None` for every other one.
    pub fn whose(&self, record: &PersonId) -> Result<Option<PersonId>, Error> {
        let row = self.rows(RECORDS)?;
        let row = row.get(keys::person(record).as_slice());
        let row = row.step("read whose record it is")?;
        row.map(|row| keys::person_of(row.value()))
            .transpose()
            .of("records")
    }

    /// The person whom a record belongs to, whichever of the identity's it is.
    pub fn person_of(&self, record: &PersonId) -> Result<Option<Person>, Error> {
        match self.whose(record)? {
            Some(whose) => self.person(&whose),
            None => self.person(record),
        }
    }

    /// Whether a record is known, as the address of an identity or as a further one. Reads no person.
    pub fn knows(&self, record: &PersonId) -> Result<bool, Error> {
        let key = keys::person(record);
        let is_known = |table: tables::Rows| -> Result<bool, Error> {
            let table = self.rows(table)?;
            let row = table
                .get(key.as_slice())
                .step("read whether a record is known")?;
            Ok(row.is_some())
        };
        Ok(is_known(PEOPLE)? || is_known(RECORDS)?)
    }

    /// Whether any identity has more than one record.
    pub fn has_further_records(&self) -> Result<bool, Error> {
        let any = self.rows(RECORDS)?.is_empty();
        any.map(|is_empty| !is_empty).step("count records")
    }

    /// The records of a feed that are not the address of their identity, each with its identity.
    pub fn further_records(
        &self,
        feed: &FeedName,
    ) -> Result<impl Iterator<Item = Result<(PersonId, PersonId), Error>> + use<>, Error> {
        const STEP: &str = "read whose records there are";
        let (from, beyond) = keys::under(feed.as_str());
        let rows = self.rows(RECORDS)?;
        let rows = rows.range(from.as_slice()..beyond.as_slice()).step(STEP)?;
        let rows: Vec<_> = rows
            .map(|row| {
                let (key, row) = row.step(STEP)?;
                let record = keys::person_of(key.value()).of("records")?;
                Ok((record, keys::person_of(row.value()).of("records")?))
            })
            .collect();
        Ok(rows.into_iter())
    }

    /// A feed's people in the order of their keys, one at a time.
    pub fn people(&self, feed: &FeedName) -> Result<People, Error> {
        let (from, beyond) = keys::under(feed.as_str());
        self.people_in(&from, Some(&beyond))
    }

    /// A feed's people whose keys come after `key`, for reading page by page.
    pub fn people_after(&self, feed: &FeedName, key: &PersonKey) -> Result<People, Error> {
        let mut from = keys::person_text(feed, key.as_str());
        from.push(0);
        let (_, beyond) = keys::under(feed.as_str());
        self.people_in(&from, Some(&beyond))
    }

    /// Everybody, feed by feed.
    pub fn everybody(&self) -> Result<People, Error> {
        self.people_in(&[], None)
    }

    /// Everybody after a person, feed by feed, for reading page by page; everybody where none is named.
    pub fn everybody_after(&self, after: Option<&PersonId>) -> Result<People, Error> {
        let mut from = after.map(keys::person).unwrap_or_default();
        if after.is_some() {
            from.push(0);
        }
        self.people_in(&from, None)
    }

    /// The people of whom something of this kind stands, after a person, in the order of their ids. Costs as much as
    /// there are of them.
    pub fn people_with(
        &self,
        what: Stands,
        after: Option<&PersonId>,
    ) -> Result<impl Iterator<Item = Result<PersonId, Error>> + use<>, Error> {
        const STEP: &str = "read of whom something stands";
        let table = self.txn.open_table(STANDINGS).step(STEP)?;
        let mut from = keys::standing(what, &after.map(keys::person).unwrap_or_default());
        if after.is_some() {
            from.push(0);
        }
        let beyond = keys::standings_beyond(what);
        let rows = table.range_owned(from.as_slice()..beyond.as_slice());
        Ok(rows.step(STEP)?.map(|row| {
            let (key, ()) = row.step(STEP).map(|(key, _)| (key, ()))?;
            keys::standing_of(key.value()).of("standings")
        }))
    }

    fn people_in(&self, from: &[u8], beyond: Option<&[u8]>) -> Result<People, Error> {
        People::new(&self.rows(PEOPLE)?, &self.rows(INTENTS)?, from, beyond)
    }

    /// How many people a feed describes. Walks their keys.
    pub fn people_count_of(&self, feed: &FeedName) -> Result<u64, Error> {
        let (from, beyond) = keys::under(feed.as_str());
        let table = self.rows(PEOPLE)?;
        let range = table
            .range(from.as_slice()..beyond.as_slice())
            .step("count people")?;
        let mut count = 0;
        for row in range {
            row.step("count people")?;
            count += 1;
        }
        Ok(count)
    }

    /// Everybody who has, had or is to have an account at a target.
    pub fn people_at(
        &self,
        target: &TargetName,
    ) -> Result<impl Iterator<Item = Result<Person, Error>> + use<>, Error> {
        let target = target.clone();
        Ok(self.everybody()?.filter(move |person| {
            person
                .as_ref()
                .map_or(true, |person| person.accounts.contains_key(&target))
        }))
    }

    /// How many people there are, over all feeds.
    pub fn people_count(&self) -> Result<u64, Error> {
        self.rows(PEOPLE)?.len().step("count people")
    }

    /// The people whom a text can mean: `feed:key`, or a key alone in any feed.
    pub fn find_people(&self, text: &str) -> Result<Vec<Person>, Error> {
        let (table, intents) = (self.rows(PEOPLE)?, self.rows(INTENTS)?);
        let mut people = Vec::new();
        if let Ok(id) = PersonId::parse(text) {
            people.extend(lookup::person(&table, &intents, &keys::person(&id))?);
        }
        let mut feeds = self.feeds_with_people()?;
        for feed in &feeds {
            let key = keys::person_text(feed, text);
            people.extend(lookup::person(&table, &intents, &key)?);
        }
        if people.is_empty() && self.has_further_records()? {
            feeds.extend(self.feeds_with_records()?);
            let keys = feeds.into_iter().filter_map(|feed| {
                let key = PersonKey::new(text).ok()?;
                Some(PersonId { feed, key })
            });
            let mut whose = std::collections::BTreeSet::new();
            for id in keys.chain(PersonId::parse(text)) {
                whose.extend(self.whose(&id)?);
            }
            for id in whose {
                people.extend(lookup::person(&table, &intents, &keys::person(&id))?);
            }
        }
        Ok(people)
    }

    /// The feeds that people came from.
    pub fn feeds_with_people(&self) -> Result<Vec<FeedName>, Error> {
        self.feeds_in(PEOPLE)
    }

    fn feeds_with_records(&self) -> Result<Vec<FeedName>, Error> {
        self.feeds_in(RECORDS)
    }

    fn feeds_in(&self, table: tables::Rows) -> Result<Vec<FeedName>, Error> {
        let table = self.rows(table)?;
        let mut feeds: Vec<FeedName> = Vec::new();
        let mut from = Vec::new();
        loop {
            let mut range = table.range(from.as_slice()..).step("read people")?;
            let Some(row) = range.next() else {
                return Ok(feeds);
            };
            let (key, _) = row.step("read people")?;
            let feed = keys::person_of(key.value()).of("people")?.feed;
            (_, from) = keys::under(feed.as_str());
            feeds.push(feed);
        }
    }

    /// Who has an account at an app.
    pub fn linked(
        &self,
        target: &TargetName,
        object: &ObjectRef,
    ) -> Result<Option<PersonId>, Error> {
        lookup::holder(&self.rows(LINKS)?, target, object)
    }

    // What is to be done.

    /// The accounts at a target for which a step can be taken now: leavers first, then movers, joiners
    /// and the rest, each by how long they wait. An account comes once.
    pub fn due(
        &self,
        target: &TargetName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        let mut dues: Vec<Due> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for due in self.dues(target, now)? {
            if dues.len() >= limit {
                break;
            }
            let due = due?;
            if seen.insert(due.person.clone()) {
                dues.push(due);
            }
        }
        Ok(dues)
    }

    /// The same, one at a time and without a limit. An account with operations of two urgencies may
    /// come twice.
    pub fn dues(
        &self,
        target: &TargetName,
        now: Timestamp,
    ) -> Result<impl Iterator<Item = Result<Due, Error>> + use<>, Error> {
        let table = self.txn.open_table(DUE).step("open the table due")?;
        let mut lanes = Vec::new();
        for lane in keys::LANES_READY {
            let (from, beyond) = keys::due_until(target, lane, now);
            lanes.push(Dues::new(&table, &from, &beyond)?);
        }
        Ok(lanes.into_iter().flatten())
    }

    /// The accounts at a target for which a call was out when this snapshot was written.
    pub fn in_flight(&self, target: &TargetName) -> Result<Vec<Due>, Error> {
        const STEP: &str = "read which calls are out";
        let people = self.rows(PEOPLE)?;
        let mut out = Vec::new();
        for row in self.rows(INTENTS)?.iter().step(STEP)? {
            let (key, row) = row.step(STEP)?;
            let Some(mut person) = lookup::recorded(&people, key.value())? else {
                continue;
            };
            intents::send(&mut person, row.value()).of("intents")?;
            let account = person.accounts.get(target);
            if let Some(Turns::Busy(at)) = account.map(Account::turns) {
                let (target, lane) = (target.clone(), Lane::InFlight);
                let person = person.id;
                out.push(Due {
                    target,
                    lane,
                    at,
                    person,
                });
            }
        }
        Ok(out)
    }

    /// When the next step at a target can be taken; [`Timestamp::MIN`] is "now", none is "never, as
    /// it stands".
    pub fn next_due_at(&self, target: &TargetName) -> Result<Option<Timestamp>, Error> {
        let table = self.txn.open_table(DUE).step("open the table due")?;
        let mut earliest: Option<Timestamp> = None;
        for lane in keys::LANES_READY {
            let (from, beyond) = keys::lane(target, lane);
            if let Some(due) = Dues::new(&table, &from, &beyond)?.next() {
                let at = due?.at;
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
            }
        }
        Ok(earliest)
    }

    /// The people who change by themselves up to and at `now`, the earliest first; for reading page by page,
    /// those after `after`, which is an instant or a person at it.
    pub fn timers_due(
        &self,
        now: Timestamp,
        after: Option<&(Timestamp, Option<PersonId>)>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, PersonId)>, Error> {
        let table = self.txn.open_table(TIMERS).step("open the table timers")?;
        let beyond = keys::timers_until(now);
        let from = after.map(|(at, person)| {
            let Some(person) = person else {
                return keys::timer(*at, &[]);
            };
            let mut key = keys::timer(*at, &keys::person(person));
            key.push(0);
            key
        });
        let from = from.unwrap_or_default();
        if from > beyond {
            return Ok(Vec::new());
        }
        let range = table
            .range(from.as_slice()..beyond.as_slice())
            .step("read timers")?;
        range
            .take(limit)
            .map(|row| {
                let (key, ()) = row.step("read timers").map(|(key, _)| (key, ()))?;
                keys::timer_of(key.value()).of("timers")
            })
            .collect()
    }

    /// When the next person changes by itself.
    pub fn next_timer(&self) -> Result<Option<Timestamp>, Error> {
        let table = self.txn.open_table(TIMERS).step("open the table timers")?;
        let first = table.first().step("read timers")?;
        first
            .map(|(key, _)| Ok(keys::timer_of(key.value()).of("timers")?.0))
            .transpose()
    }

    // Plans and the journal.

    /// A plan.
    pub fn plan(&self, id: PlanId) -> Result<Option<kept::Plan>, Error> {
        let table = self.txn.open_table(PLANS).step("open the table plans")?;
        let row = table.get(id.0).step("read a plan")?;
        row.map(|row| lookup::plan_of(row.value()))
            .transpose()
            .of("plans")
    }

    /// Plans, the newest first.
    pub fn plans(&self) -> Result<Plans, Error> {
        Plans::new(&self.txn.open_table(PLANS).step("open the table plans")?)
    }

    /// The newest part of a plan for many people that was begun because of this and not brought to its end: the daemon
    /// stopped between two parts, or others used up what the rest needed. A plan for a file is brought to its end by any
    /// policy, and never once another file of the feed was accepted.
    pub fn unfinished(&self, cause: &Cause, policy: &PolicyVersion) -> Result<Option<Plan>, Error> {
        const STEP: &str = "read which plans are unfinished";
        let table = self.txn.open_table(UNFINISHED).step(STEP)?;
        for row in table.iter().step(STEP)?.rev() {
            let (_, newest) = row.step(STEP)?;
            let Some(kept) = self.plan(PlanId(newest.value()))? else {
                continue;
            };
            let is_over = match cause {
                Cause::File { feed, .. } => {
                    let accepted = self.feed(feed)?.and_then(|feed| feed.accepted);
                    accepted.is_some_and(|file| {
                        file.at > kept.at || file.plan.is_some_and(|plan| plan >= kept.plan.id)
                    })
                }
                _ => kept.plan.policy != *policy,
            };
            if kept.plan.cause == *cause && !is_over {
                return Ok(Some(kept.plan));
            }
        }
        Ok(None)
    }

    /// Entries of the journal, by number. Read from the end with [`Iterator::rev`].
    pub fn journal(&self, range: impl RangeBounds<u64>) -> Result<Journal, Error> {
        Journal::new(&self.journal_table()?, range)
    }

    /// What a plan said of a person.
    pub fn planned(&self, plan: PlanId, person: &PersonId) -> Result<Option<kept::Entry>, Error> {
        let Some(plan) = self.plan(plan)? else {
            return Ok(None);
        };
        Planned::new(self.journal_table()?, &plan).of_person(person)
    }

    /// An operation that has not ended, and whose it is. Costs about the same however many there are.
    pub fn open_operation(&self, id: OperationId) -> Result<Option<OpenOperation>, Error> {
        let Some(plan) = self.plan(id.plan)? else {
            return Ok(None);
        };
        let planned = Planned::new(self.journal_table()?, &plan).of_operation(id.number)?;
        let Some(planned) = planned else {
            return Ok(None);
        };
        let said = self.person(&planned.person)?;
        if let Some(found) = said.and_then(|person| operation_of(person, id)) {
            return Ok(Some(found));
        }
        // Their account may have gone over to another identity since.
        let whose = self.whose(&planned.person)?;
        let whose = whose.map(|whose| self.person(&whose)).transpose()?;
        if let Some(found) = whose.flatten().and_then(|person| operation_of(person, id)) {
            return Ok(Some(found));
        }
        // Where the feed was renamed since, they stand under the new name, with the same key.
        let (people, intents) = (self.rows(PEOPLE)?, self.rows(INTENTS)?);
        for feed in self.feeds_with_people()? {
            let key = keys::person_text(&feed, planned.person.key.as_str());
            let person = lookup::person(&people, &intents, &key)?;
            if let Some(found) = person.and_then(|person| operation_of(person, id)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// How many operations of a plan have not ended, by how far they have come.
    pub fn open_operations(&self, plan: PlanId) -> Result<OpenOperations, Error> {
        const STEP: &str = "read what is open of a plan";
        let table = self.txn.open_table(OPEN_OPERATIONS).step(STEP)?;
        let row = table.get(plan.0).step(STEP)?;
        let row = row.map(|row| codec::decode::<v1::OpenOperations>(row.value()));
        let open = row.transpose().of("open-operations")?;
        Ok(open.map(v1::OpenOperations::into_core).unwrap_or_default())
    }

    fn journal_table(&self) -> Result<redb::ReadOnlyTable<u64, &'static [u8]>, Error> {
        self.txn.open_table(JOURNAL).step("open the journal")
    }

    /// The entries about a person, the newest first. The whole journal is looked through, without
    /// reading entries in which the person does not stand.
    pub fn history(
        &self,
        person: &PersonId,
    ) -> Result<impl Iterator<Item = Result<kept::Entry, Error>> + use<>, Error> {
        self.history_before(person, u64::MAX)
    }

    /// The same, from before an entry on, for reading page by page.
    pub fn history_before(
        &self,
        person: &PersonId,
        before: u64,
    ) -> Result<impl Iterator<Item = Result<kept::Entry, Error>> + use<>, Error> {
        Ok(self.journal(..before)?.about(person.clone()))
    }

    /// What was decided and put in place, and by whom, from before an entry on; the newest first.
    pub fn decisions_before(
        &self,
        before: u64,
    ) -> Result<impl Iterator<Item = Result<kept::Entry, Error>> + use<>, Error> {
        let table = self.txn.open_table(DECISIONS);
        let table = table.step("open the table decisions")?;
        Decisions::new(&table, self.journal_table()?, ..before)
    }

    // Feeds, targets, findings, counts.

    /// What a feed brought.
    pub fn feed(&self, name: &FeedName) -> Result<Option<kept::Feed>, Error> {
        lookup::feed(&self.rows(FEEDS)?, name)
    }

    /// What waits for a person about this.
    pub fn hold(&self, about: &About) -> Result<Option<Hold>, Error> {
        lookup::hold(&self.rows(HOLDS)?, about)
    }

    /// Everything that waits for a person, in the order of what it is about.
    pub fn holds(&self) -> Result<Vec<Hold>, Error> {
        const STEP: &str = "read what waits";
        let table = self.rows(HOLDS)?;
        let rows = table.iter().step(STEP)?.map(|row| {
            let (_, row) = row.step(STEP)?;
            lookup::hold_of(row.value()).of("holds")
        });
        let mut holds = rows.collect::<Result<Vec<Hold>, Error>>()?;
        holds.sort_by_key(Hold::about);
        Ok(holds)
    }

    /// A hook delivery that was taken before.
    pub fn delivery(&self, feed: &FeedName, key: &str) -> Result<Option<kept::Delivery>, Error> {
        let table = self.rows(DELIVERIES)?;
        let row = table.get(keys::person_text(feed, key).as_slice());
        let row = row.step("read a delivery")?;
        row.map(|row| lookup::delivery_of(row.value()))
            .transpose()
            .of("deliveries")
    }

    /// What arrived at a feed from this number on and is not ended, in the order of arrival; not more than
    /// `count_max`.
    pub fn arrivals(
        &self,
        feed: &FeedName,
        from: u64,
        count_max: usize,
    ) -> Result<Vec<kept::Arrival>, Error> {
        const STEP: &str = "read what arrived";
        let (first, beyond) = (keys::arrival(feed, from), keys::under(feed.as_str()).1);
        let rows = self.rows(ARRIVALS)?;
        let rows = rows.range(first.as_slice()..beyond.as_slice()).step(STEP)?;
        rows.take(count_max)
            .map(|row| {
                let (_, row) = row.step(STEP)?;
                lookup::arrival_of(row.value()).of("arrivals")
            })
            .collect()
    }

    /// How many things arrived, over all feeds, that are not ended.
    pub fn arrivals_count(&self) -> Result<u64, Error> {
        self.rows(ARRIVALS)?.len().step("count what arrived")
    }

    /// The accepted file that last said exactly this, if one did.
    pub fn said_before(
        &self,
        feed: &FeedName,
        content: &Content,
    ) -> Result<Option<kept::SaidBefore>, Error> {
        let table = self.rows(CONTENTS)?;
        let row = table.get(keys::content(feed, content).as_slice());
        let row = row.step("read what was said before")?;
        row.map(|row| lookup::said_before_of(row.value()))
            .transpose()
            .of("contents")
    }

    /// The questions about who somebody is, answered ones that were not used yet among them.
    pub fn questions(&self) -> Result<Vec<(Digest, kept::Question)>, Error> {
        const STEP: &str = "read questions";
        let table = self.rows(QUESTIONS)?;
        let rows = table.iter().step(STEP)?;
        rows.map(|row| {
            let (key, row) = row.step(STEP)?;
            let digest = <[u8; 32]>::try_from(key.value());
            let digest = digest.map_err(|_| Unreadable::Value("an impossible key"));
            let kept = lookup::question_of(row.value()).of("questions")?;
            Ok((Digest(digest.of("questions")?), kept))
        })
        .collect()
    }

    /// What a target can give, as it was read last.
    pub fn catalogue(&self, target: &TargetName) -> Result<Option<kept::Catalogue>, Error> {
        lookup::catalogue(&self.rows(CATALOGUES)?, target)
    }

    /// Up to where a target's changes were read.
    pub fn change_token(&self, target: &TargetName) -> Result<Option<kept::ChangeToken>, Error> {
        lookup::change_token(&self.rows(TOKENS)?, target)
    }

    /// The policy that decides; none before the first one did.
    pub fn policy_in_force(&self) -> Result<Option<kept::Policy>, Error> {
        let policies = self.rows(POLICIES)?;
        let version = policies.get(keys::POLICY_IN_FORCE);
        match version.step("read which policy decides")? {
            Some(version) => lookup::policy(&policies, version.value()),
            None => Ok(None),
        }
    }

    /// A policy that decides, or decided, by its version.
    pub fn policy(&self, version: &PolicyVersion) -> Result<Option<kept::Policy>, Error> {
        lookup::policy(&self.rows(POLICIES)?, version.as_str().as_bytes())
    }

    /// The version of a plugin that came into service last.
    pub fn plugin(&self, name: &str) -> Result<Option<ConnectorVersion>, Error> {
        lookup::plugin(&self.rows(PLUGINS)?, name)
    }

    /// The findings that hold, by code and subject.
    pub fn findings(&self) -> Result<Findings, Error> {
        Findings::new(&self.rows(FINDINGS)?, &[], None)
    }

    /// The findings of one code, by subject.
    pub fn findings_of(&self, code: &muster_core::finding::Code) -> Result<Findings, Error> {
        let (from, beyond) = keys::under(code.as_str());
        Findings::new(&self.rows(FINDINGS)?, &from, Some(&beyond))
    }

    /// One finding.
    pub fn finding(
        &self,
        code: &muster_core::finding::Code,
        subject: &Subject,
    ) -> Result<Option<kept::Finding>, Error> {
        lookup::finding(&self.rows(FINDINGS)?, code, subject)
    }

    /// The newest instant of an entry that was believed.
    pub fn newest_at(&self) -> Result<Option<Timestamp>, Error> {
        let newest = self.meta.newest.map(crate::codec::instant);
        newest.transpose().of("meta")
    }

    /// The instant by which days are judged, where the clock says `now`.
    pub fn day(&self, now: Timestamp) -> Result<Timestamp, Error> {
        self.meta.believed(now).of("meta")
    }

    /// The instant under which a plan is counted that is made now, where the clock says `now`. It never goes back.
    pub fn counts_at(&self, now: Timestamp) -> Result<Timestamp, Error> {
        self.meta.counts_at(now).of("meta")
    }

    /// How many there are of what. Costs the same however many there are.
    pub fn counts(&self) -> Result<Counts, Error> {
        const STEP: &str = "count";
        let mut counts = Counts {
            findings: self.rows(FINDINGS)?.len().step(STEP)?,
            plans: self.meta.next_plan - 1,
            entries: self.meta.next_seq - 1,
            ..Counts::default()
        };
        let table = self
            .txn
            .open_table(TALLIES)
            .step("open the table tallies")?;
        for row in table.iter().step(STEP)? {
            let (key, count) = row.step(STEP)?;
            let count = count.value();
            match Tally::parse(key.value()) {
                Some(Tally::Phase(phase)) => drop(counts.people.insert(phase, count)),
                Some(Tally::Here(feed)) => drop(counts.here.insert(feed, count)),
                Some(Tally::Undecided(target)) => drop(counts.undecided.insert(target, count)),
                Some(Tally::Wanted(target)) => drop(counts.wanted.insert(target, count)),
                Some(Tally::Account(target, state)) => {
                    counts
                        .accounts
                        .entry(target)
                        .or_default()
                        .insert(state, count);
                }
                Some(Tally::Operation(target, state)) => {
                    counts
                        .operations
                        .entry(target)
                        .or_default()
                        .insert(state, count);
                }
                None => {
                    return Err(Error::Record {
                        table: "tallies",
                        what: format!("the row {} means nothing", key.value()),
                    });
                }
            }
        }
        Ok(counts)
    }
}

/// An operation of a person, while it is open.
fn operation_of(person: Person, id: OperationId) -> Option<OpenOperation> {
    let Person {
        id: owner,
        accounts,
        ..
    } = person;
    accounts.into_iter().find_map(|(target, account)| {
        let mut operations = account.operations.into_iter();
        let operation = operations.find(|operation| operation.id == id)?;
        Some(OpenOperation {
            person: owner.clone(),
            target,
            operation,
        })
    })
}
