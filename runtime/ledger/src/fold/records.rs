//! What facts about records do to the tables: whose each of them is, and two identities that become one.

use jiff::Timestamp;
use muster_core::fact::PersonPlanned;
use muster_core::id::{FeedName, PersonId};
use muster_core::person::Person;

use super::Fold;
use super::feeds::rows_under;
use crate::error::{Error, RecordResult, StoreResult};
use crate::keys;

const STEP: &str = "write whose record it is";

impl Fold<'_> {
    /// Notes whose the records are that a plan links.
    pub(super) fn keep_records(&mut self, planned: &PersonPlanned) -> Result<(), Error> {
        let linked = planned.records.iter();
        for record in linked.filter(|planned| planned.link.is_some()) {
            self.belongs(&record.record, &planned.person)?;
        }
        Ok(())
    }

    /// Makes two identities one. Nothing happens where one of them is not known.
    pub(super) fn identities_merged(
        &mut self,
        id: &PersonId,
        into: &PersonId,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let (key, into_key) = (keys::person(id), keys::person(into));
        let other = self.touch(&key)?.person.clone();
        let person = self.touch(&into_key)?.person.clone();
        let (Some(mut other), Some(mut person)) = (other, person) else {
            return Ok(false);
        };
        if id == into {
            return Ok(false);
        }
        person.merge(&mut other, at);
        for record in person.records.keys().filter(|record| *record != into) {
            self.belongs(record, into)?;
        }
        // Whoever gives an account away lets go of it first.
        self.put(&key, other)?;
        self.put(&into_key, person)?;
        Ok(true)
    }

    /// Makes a record an identity of its own. Nothing happens where it is no further record of that identity.
    pub(super) fn record_split(
        &mut self,
        record: &PersonId,
        from: &PersonId,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let (key, from_key) = (keys::person(record), keys::person(from));
        let before = self.touch(&key)?.person.clone();
        let Some(mut person) = self.touch(&from_key)?.person.clone() else {
            return Ok(false);
        };
        let Some(split) = person.split(record, before, at) else {
            return Ok(false);
        };
        let removed = self.tables.records.remove(key.as_slice());
        drop(removed.step(STEP)?);
        for other in split.records.keys().filter(|other| *other != record) {
            self.belongs(other, record)?;
        }
        self.put(&from_key, person)?;
        self.put(&key, split)?;
        Ok(true)
    }

    /// Notes that an identity has another address: its further records lead there.
    pub(super) fn records_readdressed(&mut self, person: &Person) -> Result<(), Error> {
        for record in person.records.keys().filter(|id| **id != person.id) {
            self.belongs(record, &person.id)?;
        }
        Ok(())
    }

    /// Brings the further records of a feed under another name.
    pub(super) fn records_renamed(
        &mut self,
        from: &FeedName,
        to: &FeedName,
    ) -> Result<bool, Error> {
        let rows = rows_under(&self.tables.records, from)?;
        let has_any = !rows.is_empty();
        for (key, row) in rows {
            let record = keys::person_of(&key).of("records")?;
            let whose = keys::person_of(&row).of("records")?;
            let removed = self.tables.records.remove(key.as_slice());
            drop(removed.step(STEP)?);
            let renamed = PersonId {
                feed: to.clone(),
                key: record.key.clone(),
            };
            self.belongs(&renamed, &whose)?;
            if let Some(mut person) = self.touch(&row)?.person.clone() {
                person.rename_record(&record, &renamed);
                self.put(&row, person)?;
            }
        }
        Ok(has_any)
    }

    fn belongs(&mut self, record: &PersonId, person: &PersonId) -> Result<(), Error> {
        let (key, row) = (keys::person(record), keys::person(person));
        let inserted = self.tables.records.insert(key.as_slice(), row.as_slice());
        inserted.step(STEP).map(drop)
    }
}
