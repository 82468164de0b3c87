//! What facts about people do to the tables: the person's record, and the rows that follow from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muster_core::budget::Effect;
use muster_core::connector::{AccountState, ObjectRef};
use muster_core::fact::PersonPlanned;
use muster_core::id::{FeedName, OperationId, PersonId, TargetName};
use muster_core::operation::Transition;
use muster_core::person::{Account, Person};
use muster_core::standing::Decided;
use redb::{ReadableTable, Table};

use super::{Fold, Moment};
use crate::codec::{self, v1};
use crate::error::{Error, RecordResult, StoreResult};
use crate::intents::{self, Sent};
use crate::rows::{PersonRows, Tallies, link};
use crate::{keys, lookup};

type Bytes = &'static [u8];

/// Most people that are kept aside before they are written.
const TOUCHED_MAX: usize = 4_096;

/// Most rows of other tables that are kept aside before they are written.
const ROWS_MAX: usize = 32_768;

/// People whose records are not written yet, and rows that follow from people.
#[derive(Default)]
pub(crate) struct People {
    touched: BTreeMap<Vec<u8>, Box<Touched>>,
    /// The one who was touched last, and not in `touched`: most of what is asked is about the same person again.
    current: Option<(Vec<u8>, Box<Touched>)>,
    awaited: Awaited,
    /// Who has which account, where that has changed.
    links: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    due: Marked,
    timers: Marked,
    standings: Marked,
    pub(super) tallies: Tallies,
    buffer: Vec<u8>,
    compared: Vec<u8>,
    key: Vec<u8>,
}

/// People with a call out, as their records say. What comes of the call is recorded soon, and need not
/// begin with reading them again.
pub(crate) type Awaited = BTreeMap<Vec<u8>, Box<Touched>>;

/// A person as read and changed in this transaction.
pub(crate) struct Touched {
    /// The rows that the tables still hold.
    rows: PersonRows,
    /// The accounts at apps that are the person's by now.
    links: Vec<Vec<u8>>,
    /// None: there is no such person.
    pub(super) person: Option<Person>,
    /// The person's calls that are out.
    sent: Vec<Sent>,
    /// Whether the person's record is to be written.
    is_changed: bool,
    /// Whether the row of the person's calls is to be written.
    is_sent_changed: bool,
}

/// Rows that are to be there or not, sorted before they are written; the last word on a row counts.
#[derive(Default)]
struct Marked {
    changes: Vec<(Vec<u8>, bool)>,
}

impl Marked {
    /// Notes how the rows of one person change.
    fn follow(&mut self, before: &[Vec<u8>], after: &[Vec<u8>]) {
        for row in before {
            if !after.contains(row) {
                self.changes.push((row.clone(), false));
            }
        }
        for row in after {
            if !before.contains(row) {
                self.changes.push((row.clone(), true));
            }
        }
    }

    fn write(&mut self, table: &mut Table<'_, Bytes, ()>) -> Result<(), Error> {
        const STEP: &str = "write what is due";
        // Stable, so that of several changes of one row the last one stays the last.
        self.changes.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (key, is_there) in self.changes.drain(..) {
            if is_there {
                drop(table.insert(key.as_slice(), ()).step(STEP)?);
            } else {
                drop(table.remove(key.as_slice()).step(STEP)?);
            }
        }
        Ok(())
    }
}

impl Fold<'_> {
    /// A person as this transaction sees it.
    pub(crate) fn person(&mut self, id: &PersonId) -> Result<Option<&Person>, Error> {
        // Who is looked at is mostly changed next, so the record is decoded once for both.
        self.write_when_full()?;
        let mut key = std::mem::take(&mut self.people.key);
        keys::put_person(&mut key, id);
        let touched = self.touch(&key).map(drop);
        self.people.key = key;
        touched?;
        let current = self.people.current.as_ref();
        Ok(current.and_then(|(_, touched)| touched.person.as_ref()))
    }

    /// Who has an account at an app, as this transaction sees it.
    pub(crate) fn holder(&self, link: &[u8]) -> Result<Option<PersonId>, Error> {
        if let Some(changed) = self.people.links.get(link) {
            let holder = changed.as_deref().map(keys::person_of);
            return holder.transpose().of("links");
        }
        let row = self.tables.links.get(link);
        let row = row.step("read whose account it is")?;
        row.map(|row| keys::person_of(row.value()))
            .transpose()
            .of("links")
    }

    /// Takes in what a plan says of a person.
    pub(super) fn person_planned(
        &mut self,
        planned: &PersonPlanned,
        effect: Effect,
    ) -> Result<bool, Error> {
        let key = keys::person(&planned.person);
        let before = self.touch(&key)?.person.clone();
        match Person::planned(before, planned, effect) {
            Some(after) => {
                self.keep_records(planned)?;
                self.put(&key, after).map(|()| true)
            }
            None => Ok(false),
        }
    }

    /// The same, where the caller has read the person already. Nothing is kept aside: a million of
    /// these need no more memory than one.
    pub(super) fn person_replanned(
        &mut self,
        before: Option<Person>,
        planned: &PersonPlanned,
        effect: Effect,
    ) -> Result<bool, Error> {
        let key = keys::person(&planned.person);
        self.people.awaited.remove(&key);
        // Whose calls are out is read with them.
        if self.people.has_touched(&key) || self.has_sent(&key)? {
            if self.touch(&key)?.person != before {
                return Err(outdated(&planned.person));
            }
            return self.person_planned(planned, effect);
        }
        let rows_before = before.as_ref().map(|person| PersonRows::of(person, &key));
        let rows_before = rows_before.unwrap_or_default();
        if let Some(person) = &before {
            codec::encode(&mut self.people.compared, &v1::Person::of(person));
            self.people.tallies.count(person, -1);
        }
        let was_known = before.is_some();
        let Some(after) = Person::planned(before, planned, effect) else {
            let known = self.tables.people.get(key.as_slice());
            return match known.step("read a person")? {
                Some(_) => Err(outdated(&planned.person)),
                None => Ok(false),
            };
        };
        self.keep_records(planned)?;
        let rows = PersonRows::of(&after, &key);
        self.relink(&key, &rows_before.links, &rows.links, &after)?;
        codec::encode(&mut self.people.buffer, &v1::Person::of(&after));
        let is_current = {
            let row = self.people.buffer.as_slice();
            let inserted = self.tables.people.insert(key.as_slice(), row);
            match inserted.step("write a person")? {
                Some(old) => was_known && old.value() == self.people.compared.as_slice(),
                None => !was_known,
            }
        };
        if !is_current {
            return Err(outdated(&planned.person));
        }
        self.people.tallies.count(&after, 1);
        self.people.follow(&rows_before, &rows);
        if self.people.is_full() {
            self.write_people()?;
        }
        Ok(true)
    }

    /// Takes in what happened to an operation.
    pub(super) fn operation_changed(
        &mut self,
        id: &PersonId,
        place: &Place<'_>,
        change: &Transition,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let key = keys::person(id);
        if !self.touch(&key)?.has(place) {
            return Ok(false);
        }
        let apply = |person: &mut Person| person.changed(place.target, place.operation, change, at);
        if let Transition::Dispatched { .. } = change {
            let sent = self.touch(&key)?.send(place, apply);
            self.write_when_full()?;
            return Ok(sent);
        }
        let shown = change.account().map(|account| &account.object);
        self.change(&key, place.target, shown, &apply)
    }

    /// Takes in what happened to an account beside its operations.
    pub(super) fn person_changed(
        &mut self,
        id: &PersonId,
        target: &TargetName,
        shown: Option<&ObjectRef>,
        change: &dyn Fn(&mut Person) -> bool,
    ) -> Result<bool, Error> {
        self.change(&keys::person(id), target, shown, change)
    }

    /// Takes in a decision about what a person has, beside the policy.
    pub(super) fn standing_decided(
        &mut self,
        id: &PersonId,
        decided: &Decided,
        moment: Moment<'_>,
    ) -> Result<bool, Error> {
        let key = keys::person(id);
        let Some(mut person) = self.touch(&key)?.person.clone() else {
            return Ok(false);
        };
        let is_news = person.stands(decided, moment.seq, moment.at);
        if is_news {
            self.put(&key, person)?;
        }
        Ok(is_news)
    }

    /// Takes in that a person's feed has another name. Nothing is changed where somebody is known under the
    /// new id already: two people are not made one.
    pub(super) fn person_renamed(&mut self, id: &PersonId, feed: &FeedName) -> Result<bool, Error> {
        let renamed = PersonId {
            feed: feed.clone(),
            key: id.key.clone(),
        };
        let (before, after) = (keys::person(id), keys::person(&renamed));
        if self.touch(&after)?.person.is_some() {
            return Ok(false);
        }
        let touched = self.touch(&before)?;
        let Some(mut person) = touched.person.take() else {
            return Ok(false);
        };
        touched.is_changed = true;
        let sent = std::mem::take(&mut touched.sent);
        touched.is_sent_changed |= !sent.is_empty();
        for link in std::mem::take(&mut touched.links) {
            self.people.links.insert(link, None);
        }
        person.rename(feed);
        self.records_readdressed(&person)?;
        let touched = self.touch(&after)?;
        touched.is_sent_changed |= !sent.is_empty();
        touched.sent = sent;
        self.put(&after, person).map(|()| true)
    }

    fn change(
        &mut self,
        key: &[u8],
        target: &TargetName,
        shown: Option<&ObjectRef>,
        change: &dyn Fn(&mut Person) -> bool,
    ) -> Result<bool, Error> {
        let may_clash = self.may_clash(key, target, shown)?;
        // Taken out and put back, since a copy of a person for each change is most of what a change costs.
        let Some(mut person) = self.touch(key)?.person.take() else {
            return Ok(false);
        };
        let before = may_clash.then(|| Before::of(&person, target));
        let changed = change(&mut person);
        let mut kept = Ok(());
        if changed {
            kept = self.keep_links(key, &person);
            if let (Err(_), Some(before)) = (&kept, before) {
                before.restore(&mut person, target);
            }
        }
        let touched = self.touch(key)?;
        touched.is_sent_changed |= intents::drop_ended(&mut touched.sent, &person);
        touched.person = Some(person);
        kept?;
        touched.is_changed |= changed;
        self.write_when_full()?;
        Ok(changed)
    }

    /// Whether a change that shows this account could make it a second person's.
    fn may_clash(
        &mut self,
        key: &[u8],
        target: &TargetName,
        shown: Option<&ObjectRef>,
    ) -> Result<bool, Error> {
        let touched = self.touch(key)?;
        let person = touched.person.as_ref();
        let account = person.and_then(|person| person.accounts.get(target));
        // One that was deleted is nobody's, and would be the person's again without being shown.
        if account.is_some_and(|account| account.state == Some(AccountState::Deleted)) {
            return Ok(true);
        }
        let Some(link) = shown.map(|object| keys::link(target, object)) else {
            return Ok(false);
        };
        if touched.links.contains(&link) {
            return Ok(false);
        }
        let holder = self.holder(&link)?;
        Ok(holder.is_some_and(|holder| keys::person(&holder) != key))
    }

    /// Keeps a person aside as it is now.
    pub(super) fn put(&mut self, key: &[u8], after: Person) -> Result<(), Error> {
        self.keep_links(key, &after)?;
        let touched = self.touch(key)?;
        touched.is_sent_changed |= intents::drop_ended(&mut touched.sent, &after);
        touched.person = Some(after);
        touched.is_changed = true;
        self.write_when_full()
    }

    /// Keeps aside which accounts at apps are a person's now. Where one is another person's, they stay as
    /// they were.
    fn keep_links(&mut self, key: &[u8], person: &Person) -> Result<(), Error> {
        let links = PersonRows::links_of(person);
        let before = std::mem::take(&mut self.touch(key)?.links);
        let linked = self.relink(key, &before, &links, person);
        self.touch(key)?.links = if linked.is_ok() { links } else { before };
        linked
    }

    /// Links the accounts at apps to this person, unless somebody else has one of them.
    fn relink(
        &mut self,
        key: &[u8],
        before: &[Vec<u8>],
        after: &[Vec<u8>],
        person: &Person,
    ) -> Result<(), Error> {
        for link in after.iter().filter(|link| !before.contains(link)) {
            if let Some(holder) = self.holder(link)?
                && holder != person.id
            {
                return Err(linked_twice(link, holder, person));
            }
        }
        for link in before.iter().filter(|link| !after.contains(link)) {
            self.people.links.insert(link.clone(), None);
        }
        for link in after.iter().filter(|link| !before.contains(link)) {
            let holder = Some(key.to_owned());
            self.people.links.insert(link.clone(), holder);
        }
        Ok(())
    }

    pub(super) fn touch(&mut self, key: &[u8]) -> Result<&mut Touched, Error> {
        if !self.people.is_current(key) {
            let touched = match self.people.touched.remove(key) {
                Some(touched) => touched,
                None => self.fetch(key)?,
            };
            self.people.put_current_back();
            self.people.current = Some((key.to_owned(), touched));
        }
        match &mut self.people.current {
            Some((_, touched)) => Ok(touched),
            None => Err(Error::Spoiled),
        }
    }

    /// Takes somebody up whom this transaction has not touched.
    fn fetch(&mut self, key: &[u8]) -> Result<Box<Touched>, Error> {
        let touched = match self.people.awaited.remove(key) {
            Some(touched) => touched,
            None => Box::new(self.read(key)?),
        };
        if let Some(person) = &touched.person {
            self.people.tallies.count(person, -1);
        }
        Ok(touched)
    }

    fn read(&self, key: &[u8]) -> Result<Touched, Error> {
        let mut person = lookup::recorded(&self.tables.people, key)?;
        let sent = match &mut person {
            Some(person) => lookup::sent(&self.tables.intents, key, person)?,
            None => Vec::new(),
        };
        let rows = person.as_ref().map(|person| PersonRows::of(person, key));
        let rows = rows.unwrap_or_default();
        Ok(Touched {
            links: rows.links.clone(),
            rows,
            person,
            sent,
            is_changed: false,
            is_sent_changed: false,
        })
    }

    /// Whether calls are out for somebody whom this transaction has not touched.
    fn has_sent(&self, key: &[u8]) -> Result<bool, Error> {
        let row = self.tables.intents.get(key);
        Ok(row.step("read which calls are out")?.is_some())
    }

    fn write_when_full(&mut self) -> Result<(), Error> {
        if self.people.touched.len() >= TOUCHED_MAX {
            self.write_people()?;
        }
        Ok(())
    }

    /// Writes the people that were kept aside, and the rows that follow from them.
    pub(super) fn write_people(&mut self) -> Result<(), Error> {
        self.people.put_current_back();
        for (key, mut touched) in std::mem::take(&mut self.people.touched) {
            if touched.is_sent_changed {
                self.write_sent(&key, &touched)?;
            }
            let Some(person) = &mut touched.person else {
                if touched.is_changed {
                    let removed = self.tables.people.remove(key.as_slice());
                    drop(removed.step("remove a person")?);
                    self.people.follow(&touched.rows, &PersonRows::default());
                }
                continue;
            };
            self.people.tallies.count(person, 1);
            if touched.is_changed {
                intents::swap(&mut touched.sent, person);
                codec::encode(&mut self.people.buffer, &v1::Person::of(person));
                intents::swap(&mut touched.sent, person);
                let row = self.people.buffer.as_slice();
                let inserted = self.tables.people.insert(key.as_slice(), row);
                inserted.step("write a person")?;
            }
            if touched.is_changed || touched.is_sent_changed {
                let rows = PersonRows::of(person, &key);
                self.people.follow(&touched.rows, &rows);
                touched.rows = rows;
            }
            (touched.is_changed, touched.is_sent_changed) = (false, false);
            if touched.rows.is_out {
                self.people.awaited.insert(key, touched);
            }
        }
        self.write_rows()?;
        self.write_open_operations()
    }

    /// Writes which calls are out for a person.
    fn write_sent(&mut self, key: &[u8], touched: &Touched) -> Result<(), Error> {
        const STEP: &str = "write which calls are out";
        let intents = &mut self.tables.intents;
        match &touched.person {
            Some(person) if !touched.sent.is_empty() => {
                intents::encode(&mut self.people.buffer, &touched.sent, person);
                drop(
                    intents
                        .insert(key, self.people.buffer.as_slice())
                        .step(STEP)?,
                );
            }
            _ => drop(intents.remove(key).step(STEP)?),
        }
        Ok(())
    }

    fn write_rows(&mut self) -> Result<(), Error> {
        self.people.due.write(&mut self.tables.due)?;
        self.people.timers.write(&mut self.tables.timers)?;
        self.people.standings.write(&mut self.tables.standings)?;
        for (link, holder) in std::mem::take(&mut self.people.links) {
            const STEP: &str = "write whose account it is";
            let links = &mut self.tables.links;
            match holder {
                Some(holder) => {
                    drop(
                        links
                            .insert(link.as_slice(), holder.as_slice())
                            .step(STEP)?,
                    );
                }
                None => drop(links.remove(link.as_slice()).step(STEP)?),
            }
        }
        Ok(())
    }
}

impl People {
    pub(super) fn with(awaited: Awaited) -> Self {
        People {
            awaited,
            ..People::default()
        }
    }

    pub(super) fn take_awaited(&mut self) -> Awaited {
        std::mem::take(&mut self.awaited)
    }

    fn is_current(&self, key: &[u8]) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|(current, _)| current == key)
    }

    fn has_touched(&self, key: &[u8]) -> bool {
        self.is_current(key) || self.touched.contains_key(key)
    }

    fn put_current_back(&mut self) {
        self.touched.extend(self.current.take());
    }

    fn follow(&mut self, before: &PersonRows, after: &PersonRows) {
        self.due.follow(&before.due, &after.due);
        self.timers
            .follow(before.timer.as_slice(), after.timer.as_slice());
        self.standings.follow(&before.standings, &after.standings);
    }

    fn is_full(&self) -> bool {
        let marked = self.due.changes.len() + self.timers.changes.len();
        marked + self.standings.changes.len() + self.tallies.plans() >= ROWS_MAX
    }
}

/// What a change of an operation can change of a person.
struct Before {
    account: Option<Account>,
    wake_at: Option<Timestamp>,
}

impl Before {
    fn of(person: &Person, target: &TargetName) -> Self {
        Before {
            account: person.accounts.get(target).cloned(),
            wake_at: person.wake_at,
        }
    }

    fn restore(self, person: &mut Person, target: &TargetName) {
        person.wake_at = self.wake_at;
        match self.account {
            Some(account) => drop(person.accounts.insert(target.clone(), account)),
            None => drop(person.accounts.remove(target)),
        }
    }
}

/// Where an operation is.
pub(crate) struct Place<'a> {
    pub(crate) target: &'a TargetName,
    pub(crate) operation: OperationId,
}

impl Touched {
    /// Takes in that a call leaves.
    fn send(&mut self, place: &Place<'_>, apply: impl FnOnce(&mut Person) -> bool) -> bool {
        let Some(person) = &mut self.person else {
            return false;
        };
        let before = intents::operation(person, place.operation);
        let Some(before) = before.map(|operation| operation.state.clone()) else {
            return false;
        };
        if !apply(person) {
            return false;
        }
        intents::add(&mut self.sent, place.operation, before);
        self.is_sent_changed = true;
        true
    }

    fn has(&self, place: &Place<'_>) -> bool {
        let account = self
            .person
            .as_ref()
            .and_then(|person| person.accounts.get(place.target));
        account.is_some_and(|account| {
            let mut operations = account.operations.iter();
            operations.any(|operation| operation.id == place.operation)
        })
    }
}

fn linked_twice(key: &[u8], holder: PersonId, person: &Person) -> Error {
    let mut accounts = person.accounts.iter();
    let account = accounts
        .find(|(target, account)| link(target, account).is_some_and(|own| own.as_slice() == key));
    match account.and_then(|(target, account)| Some((target, account.object.as_ref()?))) {
        Some((target, object)) => Error::LinkedTwice {
            target: target.clone(),
            object: Box::new(object.clone()),
            holder,
            person: person.id.clone(),
        },
        None => Error::Spoiled,
    }
}

fn outdated(person: &PersonId) -> Error {
    Error::Outdated {
        person: person.clone(),
    }
}
