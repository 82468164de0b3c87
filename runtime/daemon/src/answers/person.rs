//! Everything about one person, and who has a key: how `1042` is understood where `hr:1042` is meant.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::id::PersonId;
use muster_core::person::Person;

use super::asking::Part;
use super::{Answered, Listings, answered, broken, present, read};

/// `GET /v1/people/{person}`.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    Part(person): Part<PersonId>,
) -> Answered<v1::Person> {
    answered(listings, move |listings| listings.person(&person)).await
}

/// `GET /v1/keys/{key}`: people whose key is this in any feed.
pub(crate) async fn with_key(
    State(listings): State<Arc<Listings>>,
    Part(key): Part<String>,
) -> Answered<Vec<String>> {
    answered(listings, move |listings| listings.people_with_key(&key)).await
}

impl Listings {
    fn person(&self, id: &PersonId) -> Result<v1::Person, Fault> {
        let person = self.find(id)?;
        let known = self.known.load();
        let shown = present::person(
            &person,
            &self.planning.policy(),
            &known.titles,
            (self.planning.trust(), self.clock.now()),
        );
        let whose = read(&self.ledger)?.whose(&person.id);
        let whose = whose.map_err(|error| broken(&error))?;
        Ok(v1::Person {
            part_of: whose.map(|whose| whose.to_string()),
            ..shown
        })
    }

    pub(super) fn find(&self, id: &PersonId) -> Result<Person, Fault> {
        let reader = read(&self.ledger)?;
        let mut person = reader.person(id).map_err(|error| broken(&error))?;
        if person.is_none() {
            // A further record that never was an identity of its own.
            person = reader.person_of(id).map_err(|error| broken(&error))?;
        }
        person.ok_or_else(|| {
            Fault::not_found("person", &id.to_string()).hint("`muster people` lists everybody")
        })
    }

    fn people_with_key(&self, key: &str) -> Result<Vec<String>, Fault> {
        let people = read(&self.ledger)?
            .find_people(key)
            .map_err(|error| broken(&error))?;
        Ok(people
            .into_iter()
            .map(|person| person.id.to_string())
            .collect())
    }
}
