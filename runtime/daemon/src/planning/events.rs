//! What single events say of people, and of the records of those who have several.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::dated::{self, Silence};
use muster_core::delta::Described;
use muster_core::id::{FeedName, PersonId, PersonKey};
use muster_core::record::{Link, Said};

use super::Failed;
use super::doubts::Pairs;
use super::order::ChangedPerson;
use super::reach::Seen;
use super::records::Whose;
use super::run::Run;

impl Run<'_, '_> {
    pub(super) fn changes(
        &mut self,
        feed: &FeedName,
        people: Vec<(PersonKey, ChangedPerson)>,
        carried: &BTreeSet<String>,
    ) -> Result<(), Failed> {
        let mut seen = BTreeSet::new();
        let mut pairs = Pairs::default();
        let keys: Vec<&PersonKey> = people.iter().map(|(key, _)| key).collect();
        let new = people.iter().filter_map(|(key, changed)| match changed {
            ChangedPerson::Row { identity, .. } => Some((key, identity)),
            ChangedPerson::Left => None,
        });
        let whose = Whose::of_some(&self.before, self.correlation, (feed, &keys), new)?;
        let mut together: BTreeMap<PersonId, Vec<Said>> = BTreeMap::new();
        for (key, changed) in people {
            let id = PersonId {
                feed: feed.clone(),
                key,
            };
            seen.insert(id.clone());
            if let Some((person, link)) = whose.whose(&id.key) {
                let said = self.said(person, (&id, changed), (carried, link.clone()))?;
                together.entry(person.clone()).or_default().extend(said);
                continue;
            }
            if whose.has_further(&id) {
                let said = self.said(&id, (&id, changed), (carried, None))?;
                together.entry(id).or_default().extend(said);
                continue;
            }
            let before = self.before.person(&id)?;
            match (changed, before) {
                (ChangedPerson::Row { identity, row }, None)
                    if let Some(candidates) = whose.doubt(&id.key) =>
                {
                    self.doubt(id, (identity, row), candidates);
                }
                (ChangedPerson::Row { identity, row }, before) => {
                    let known = before.as_ref().and_then(|before| before.known_by(&id));
                    let identity = dated::taken(identity, known, event(carried), self.day);
                    match before {
                        None if pairs.has_room() => pairs.new.push((id, identity, row)),
                        before => self.row(&id, before, identity, row)?,
                    }
                }
                (ChangedPerson::Left, Some(person)) if pairs.has_room() => pairs.gone.push(person),
                (ChangedPerson::Left, before) => self.person(&id, before, Described::Absent)?,
            }
        }
        seen.extend(together.keys().cloned());
        self.seen = Seen::People(seen);
        for (id, said) in together {
            let person = self.before.person(&id)?;
            self.person(&id, person, Described::Records(said))?;
        }
        let leavers: BTreeSet<PersonId> = pairs.gone.iter().map(|one| one.id.clone()).collect();
        if !pairs.new.is_empty() {
            // Somebody who left a few days ago may be who is new today.
            for person in self.before.people(feed)? {
                let person = person?;
                if self.left_lately(&person) && !leavers.contains(&person.id) && pairs.has_room() {
                    pairs.gone.push(person);
                }
            }
        }
        for (id, before, described) in self.pairs(pairs) {
            self.person(&id, before, described)?;
        }
        Ok(())
    }

    /// What is said of a record of somebody; nothing where it has to be asked first whether it is still theirs.
    fn said(
        &mut self,
        person: &PersonId,
        (record, changed): (&PersonId, ChangedPerson),
        (carried, link): (&BTreeSet<String>, Option<Link>),
    ) -> Result<Option<Said>, Failed> {
        let row = match changed {
            ChangedPerson::Row { identity, row } => {
                let Some(person) = self.before.person(person)? else {
                    return Ok(None);
                };
                let known = person.known_by(record);
                let identity = dated::taken(identity, known, event(carried), self.day);
                if self.is_doubted(&person, record, &identity) {
                    return Ok(None);
                }
                Some((identity, row))
            }
            ChangedPerson::Left => None,
        };
        Ok(Some(Said {
            record: record.clone(),
            row,
            link,
        }))
    }
}

/// What a single event leaves to what was known: everything that it is silent about.
fn event(missing: &BTreeSet<String>) -> Silence<'_> {
    Silence {
        missing,
        withdraws: false,
    }
}
