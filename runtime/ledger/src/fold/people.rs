//! What facts about people do to the tables: the person's record, and the rows that follow from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muster_core::fact::PersonPlanned;
use muster_core::id::{OperationId, PersonId, TargetName};
use muster_core::operation::Change;
use muster_core::person::{Account, Person};
use redb::{ReadableTable, Table};

use super::Fold;
use crate::codec::{self, v1};
use crate::error::{Error, RecordResult, StoreResult};
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
    touched: BTreeMap<Vec<u8>, Touched>,
    /// Who has which account, where that has changed.
    links: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    due: Marked,
    timers: Marked,
    tallies: Tallies,
    buffer: Vec<u8>,
    compared: Vec<u8>,
}

/// A person as read and changed in this transaction.
struct Touched {
    /// The rows that the tables still hold.
    rows: PersonRows,
    /// None: there is no such person.
    person: Option<Person>,
    is_changed: bool,
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
        self.changes.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut changes = self.changes.drain(..).peekable();
        while let Some((key, is_there)) = changes.next() {
            if changes.peek().is_some_and(|(next, _)| *next == key) {
                continue;
            }
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
    pub(crate) fn person(&mut self, id: &PersonId) -> Result<Option<Person>, Error> {
        let key = keys::person(id);
        match self.people.touched.get(&key) {
            Some(touched) => Ok(touched.person.clone()),
            None => lookup::person(&self.tables.people, &key),
        }
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
    pub(super) fn person_planned(&mut self, planned: &PersonPlanned) -> Result<bool, Error> {
        let key = keys::person(&planned.person);
        let touched = self.touch(&key)?;
        let Some(after) = Person::planned(touched.person.take(), planned) else {
            return Ok(false);
        };
        touched.person = Some(after);
        touched.is_changed = true;
        self.write_when_full()?;
        Ok(true)
    }

    /// The same, where the caller has read the person already. Nothing is kept aside: a million of
    /// these need no more memory than one.
    pub(super) fn person_replanned(
        &mut self,
        before: Option<Person>,
        planned: &PersonPlanned,
    ) -> Result<bool, Error> {
        let key = keys::person(&planned.person);
        if let Some(touched) = self.people.touched.get(&key) {
            if touched.person != before {
                return Err(outdated(&planned.person));
            }
            return self.person_planned(planned);
        }
        let rows_before = before.as_ref().map(|person| PersonRows::of(person, &key));
        if let Some(person) = &before {
            codec::encode(&mut self.people.compared, &v1::Person::of(person));
            self.people.tallies.count(person, -1);
        }
        let was_known = before.is_some();
        let Some(after) = Person::planned(before, planned) else {
            return Ok(false);
        };
        codec::encode(&mut self.people.buffer, &v1::Person::of(&after));
        let stored = {
            let row = self.people.buffer.as_slice();
            let inserted = self.tables.people.insert(key.as_slice(), row);
            let old = inserted.step("write a person")?;
            match old {
                Some(old) => was_known && old.value() == self.people.compared.as_slice(),
                None => !was_known,
            }
        };
        if !stored {
            return Err(outdated(&planned.person));
        }
        self.people.tallies.count(&after, 1);
        let rows = PersonRows::of(&after, &key);
        self.people.follow(&rows_before.unwrap_or_default(), &rows);
        if self.people.is_full() {
            self.write_rows()?;
        }
        Ok(true)
    }

    /// Takes in what happened to an operation.
    pub(super) fn operation_changed(
        &mut self,
        id: &PersonId,
        at: &Place<'_>,
        change: &Change,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let key = keys::person(id);
        let touched = self.touch(&key)?;
        if !touched.has(at) {
            return Ok(false);
        }
        let Some(person) = &mut touched.person else {
            return Ok(false);
        };
        if may_link(change) {
            let mut after = person.clone();
            after.changed(at.target, at.operation, change, now);
            let before = person.accounts.get(at.target).cloned();
            self.relink(&key, at.target, before.as_ref(), &after)?;
            let touched = self.touch(&key)?;
            touched.person = Some(after);
            touched.is_changed = true;
        } else {
            person.changed(at.target, at.operation, change, now);
            touched.is_changed = true;
        }
        self.write_when_full()?;
        Ok(true)
    }

    /// Gives the account at the app to this person, unless somebody else has it.
    fn relink(
        &mut self,
        key: &[u8],
        target: &TargetName,
        before: Option<&Account>,
        after: &Person,
    ) -> Result<(), Error> {
        let after_account = after.accounts.get(target);
        let link_before = before.and_then(|account| link(target, account));
        let link_after = after_account.and_then(|account| link(target, account));
        if link_before == link_after {
            return Ok(());
        }
        let object = after_account.and_then(|account| account.object.as_ref());
        if let (Some(link), Some(object)) = (&link_after, object)
            && let Some(holder) = self.holder(link)?
            && holder != after.id
        {
            return Err(Error::LinkedTwice {
                target: target.clone(),
                object: Box::new(object.clone()),
                holder,
                person: after.id.clone(),
            });
        }
        if let Some(link) = link_before {
            self.people.links.insert(link, None);
        }
        if let Some(link) = link_after {
            self.people.links.insert(link, Some(key.to_owned()));
        }
        Ok(())
    }

    fn touch(&mut self, key: &[u8]) -> Result<&mut Touched, Error> {
        if !self.people.touched.contains_key(key) {
            let person = lookup::person(&self.tables.people, key)?;
            let rows = person.as_ref().map(|person| PersonRows::of(person, key));
            if let Some(person) = &person {
                self.people.tallies.count(person, -1);
            }
            let touched = Touched {
                rows: rows.unwrap_or_default(),
                person,
                is_changed: false,
            };
            self.people.touched.insert(key.to_owned(), touched);
        }
        self.people.touched.get_mut(key).ok_or(Error::Spoiled)
    }

    fn write_when_full(&mut self) -> Result<(), Error> {
        if self.people.touched.len() >= TOUCHED_MAX {
            self.write_people()?;
        }
        Ok(())
    }

    /// Writes the people that were kept aside, and the rows that follow from them.
    pub(super) fn write_people(&mut self) -> Result<(), Error> {
        for (key, touched) in std::mem::take(&mut self.people.touched) {
            let Some(person) = &touched.person else {
                continue;
            };
            self.people.tallies.count(person, 1);
            if !touched.is_changed {
                continue;
            }
            codec::encode(&mut self.people.buffer, &v1::Person::of(person));
            let row = self.people.buffer.as_slice();
            let inserted = self.tables.people.insert(key.as_slice(), row);
            inserted.step("write a person")?;
            let rows = PersonRows::of(person, &key);
            self.people.follow(&touched.rows, &rows);
        }
        self.write_rows()
    }

    fn write_rows(&mut self) -> Result<(), Error> {
        self.people.due.write(&mut self.tables.due)?;
        self.people.timers.write(&mut self.tables.timers)?;
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

    /// Writes how many there are of what.
    pub(super) fn write_tallies(&mut self) -> Result<(), Error> {
        const STEP: &str = "write the counts";
        for (key, by) in self.people.tallies.take() {
            let tallies = &mut self.tables.tallies;
            let before = tallies.get(key.as_str()).step(STEP)?;
            let before = before.map_or(0, |row| row.value());
            let after = before.saturating_add_signed(by);
            if after == 0 {
                tallies.remove(key.as_str()).step(STEP)?;
            } else {
                tallies.insert(key.as_str(), after).step(STEP)?;
            }
        }
        Ok(())
    }
}

impl People {
    fn follow(&mut self, before: &PersonRows, after: &PersonRows) {
        self.due.follow(&before.due, &after.due);
        self.timers
            .follow(before.timer.as_slice(), after.timer.as_slice());
    }

    fn is_full(&self) -> bool {
        self.due.changes.len() + self.timers.changes.len() >= ROWS_MAX
    }
}

/// Where an operation is.
pub(crate) struct Place<'a> {
    pub(crate) target: &'a TargetName,
    pub(crate) operation: OperationId,
}

impl Touched {
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

/// Whether a change can say which account at the app is the person's.
fn may_link(change: &Change) -> bool {
    match change {
        Change::Found { .. }
        | Change::Answered { .. }
        | Change::Completed(_)
        | Change::LeftPending { .. }
        | Change::Halted { .. } => true,
        Change::Dispatched { .. } | Change::Lost { .. } | Change::Deferred { .. } => false,
    }
}

fn outdated(person: &PersonId) -> Error {
    Error::Outdated {
        person: person.clone(),
    }
}
