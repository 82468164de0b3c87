//! Everything about one person, and who has a key: how `1042` is understood where `hr:1042` is meant.

use muster_api::error::Fault;
use muster_api::v1;
use muster_core::id::PersonId;
use muster_core::person::Person;

use super::{Listings, broken, present, read};

impl Listings {
    pub(super) fn person_now(&self, id: &PersonId) -> Result<v1::Person, Fault> {
        let person = self.find(id)?;
        let known = self.known.load();
        Ok(present::person(
            &person,
            &self.planning.policy(),
            &known.titles,
            self.clock.now(),
        ))
    }

    pub(super) fn find(&self, id: &PersonId) -> Result<Person, Fault> {
        read(&self.ledger)?
            .person(id)
            .map_err(|error| broken(&error))?
            .ok_or_else(|| {
                Fault::not_found("person", &id.to_string()).hint("`muster people` lists everybody")
            })
    }

    pub(super) fn people_with_key_now(&self, key: &str) -> Result<Vec<PersonId>, Fault> {
        let people = read(&self.ledger)?
            .find_people(key)
            .map_err(|error| broken(&error))?;
        Ok(people.into_iter().map(|person| person.id).collect())
    }
}
