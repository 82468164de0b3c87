//! What feeds say of one identity, record by record, and the one picture that all of it is folded into.
//!
//! A record is `feed:key`. Nearly every identity has one, which is its address as well: what that record says is the
//! identity, and nothing of this file costs anything. Where an identity has several (a contractor who was hired, a
//! second number, an HR system that was replaced), each is kept as it was said, and the picture is made of them anew
//! for each plan: where the person stands is the most here of them, and each attribute is what the most trusted feed
//! says of those that speak of the same time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::adoption::AdoptionId;
use crate::dated::Known;
use crate::id::{FeedName, PersonId, TargetName};
use crate::identity::{Attributes, Identity, Phase, Value};
use crate::mapping::MANAGER;
use crate::operation::OperationState;
use crate::person::{Account, Justification, Origin, Person};
use crate::standing::{BlockId, OpeningId};

/// The records of an identity that has more than one, its own address among them; empty for one that has one.
pub type Records = BTreeMap<PersonId, Record>;

/// What a feed says of an identity under one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What it said last.
    pub identity: Identity,
    /// Whether the feed's last complete file had it.
    pub is_present: bool,
    /// Where it said so.
    pub origin: Origin,
    /// Why it belongs to the identity.
    pub link: Link,
    /// The record with which it came, where two identities were made one.
    pub came_with: Option<PersonId>,
    /// What the identity brought that this record was the address of.
    pub brought: Brought,
}

/// Why a record belongs to an identity. Who decided it, where somebody did, is the entry's actor.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Link {
    /// The identity began with it.
    FirstSeen,
    /// These keys of the configuration agreed.
    Correlated(Vec<String>),
    /// They agreed in part, and a person said that they are one.
    Confirmed(Vec<String>),
    /// A person made two identities one.
    Merged,
}

/// What an identity brought to the one that it became part of, so that it can be taken out again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Brought {
    /// Where its account went over.
    pub targets: BTreeSet<TargetName>,
    /// Its openings, by their number now, with their number then.
    pub openings: BTreeMap<OpeningId, OpeningId>,
    /// Its blocks in the same way.
    pub blocks: BTreeMap<BlockId, BlockId>,
}

/// What is said of one record of an identity.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    /// The record.
    pub record: PersonId,
    /// What a row says, with its number; `None` where a file that is proven whole does not have it.
    pub row: Option<(Identity, Option<u32>)>,
    /// Why it belongs to the identity, where it does from now on.
    pub link: Option<Link>,
}

/// What a plan takes in of one record of an identity.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordPlanned {
    /// The record.
    pub record: PersonId,
    /// What it says, where that is new.
    pub identity: Option<Identity>,
    /// The row that it was read from, as a spreadsheet counts.
    pub row: Option<u32>,
    /// Whether the feed still has it.
    pub is_present: bool,
    /// Why it belongs to the identity, where it does from now on.
    pub link: Option<Link>,
}

/// What an identity with several records comes to.
#[derive(Clone, PartialEq, Debug)]
pub struct Picture {
    /// Who it is, and from when to when.
    pub identity: Identity,
    /// Whether any feed still has it.
    pub is_present: bool,
    /// The record that says where the person stands.
    pub lead: PersonId,
    /// Which record said each attribute.
    pub sources: BTreeMap<String, PersonId>,
}

/// How much somebody is here by one record, the most first. Work and leave are both employment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Here {
    Employed,
    ToCome,
    Ended,
    Absent,
}

fn here(record: &Record, now: Timestamp) -> Here {
    match record.identity.employment.phase(now) {
        _ if !record.is_present => Here::Absent,
        Phase::Active | Phase::Leave => Here::Employed,
        Phase::Prehire => Here::ToCome,
        Phase::Ended => Here::Ended,
    }
}

/// Folds the records of an identity into one picture. `None` where there is none.
pub fn picture(records: &Records, trust: &[FeedName], now: Timestamp) -> Option<Picture> {
    // What was announced for an instant that has come holds, whether or not a plan has taken it in.
    let mut today = records.clone();
    for record in today.values_mut() {
        record.identity.advance(now);
    }
    let (lead, leading) = today
        .iter()
        .min_by_key(|(id, record)| lead_order(id, record, trust, now))?;
    let time = here(leading, now);
    // What a job that is over, or has not begun, says of the person does not hold now.
    let mut speaking: Vec<(&PersonId, &Record)> = today
        .iter()
        .filter(|(_, record)| here(record, now) == time)
        .collect();
    speaking.sort_by_key(|(id, record)| {
        (
            trusted(&id.feed, trust),
            *id != lead,
            Reverse(record.identity.employment.starts_at),
            Reverse(record.origin.plan),
            *id,
        )
    });
    let mut attributes = Attributes::new();
    let mut sources = BTreeMap::new();
    for (id, record) in speaking {
        for (name, value) in &record.identity.attributes {
            // A key of a manager means somebody in the feed of the record that says it.
            if name == MANAGER && id != lead {
                continue;
            }
            let known = attributes.get(name);
            // An empty cell is outdone by a value, whoever has it.
            let is_news = known.is_none_or(|known| *known == Value::Empty);
            if is_news && (known.is_none() || *value != Value::Empty) {
                attributes.insert(name.clone(), value.clone());
                sources.insert(name.clone(), id.clone());
            }
        }
    }
    let Identity {
        employment, dated, ..
    } = &leading.identity;
    Some(Picture {
        identity: Identity {
            attributes,
            employment: *employment,
            dated: dated.clone(),
        },
        is_present: time != Here::Absent,
        lead: lead.clone(),
        sources,
    })
}

/// Which record says where the person stands, the first of all: whoever works beats who is away, and the job that
/// lasts longest or begins first the others.
fn lead_order<'r>(
    id: &'r PersonId,
    record: &'r Record,
    trust: &[FeedName],
    now: Timestamp,
) -> impl Ord + use<'r> {
    let employment = &record.identity.employment;
    let ends_at = employment.ends_at.unwrap_or(Timestamp::MAX);
    let here = here(record, now);
    let within = match here {
        Here::ToCome => (Phase::Prehire, employment.starts_at, Reverse(None)),
        Here::Employed | Here::Ended | Here::Absent => {
            (employment.phase(now), None, Reverse(Some(ends_at)))
        }
    };
    let feed = trusted(&id.feed, trust);
    // Where all of that is the same, the one of which HR spoke last: an old number may not be gone yet.
    let said = (Reverse(employment.starts_at), Reverse(record.origin.plan));
    (here, within, feed, said, id)
}

/// The place of a feed in the order of trust. One that is not named comes last.
fn trusted(feed: &FeedName, trust: &[FeedName]) -> usize {
    let place = trust.iter().position(|trusted| trusted == feed);
    place.unwrap_or(trust.len())
}

/// Takes in what is said of one record.
fn take(
    records: &mut Records,
    home: &PersonId,
    said: &RecordPlanned,
    origin: Origin,
) -> Option<()> {
    if !records.contains_key(&said.record) {
        let record = Record {
            identity: said.identity.clone()?,
            is_present: said.is_present,
            origin,
            link: Link::FirstSeen,
            came_with: None,
            brought: Brought::default(),
        };
        records.insert(said.record.clone(), record);
    }
    let record = records.get_mut(&said.record)?;
    if let Some(identity) = &said.identity {
        record.identity.clone_from(identity);
    }
    if let Some(link) = &said.link
        && said.record != *home
    {
        record.link = link.clone();
    }
    record.is_present = said.is_present;
    record.origin = origin;
    Some(())
}

impl Person {
    /// The records of the identity: the one where there is one.
    pub fn every_record(&self) -> Records {
        if !self.records.is_empty() {
            return self.records.clone();
        }
        let record = Record {
            identity: self.identity.clone(),
            is_present: self.is_present,
            origin: self.origin,
            link: Link::FirstSeen,
            came_with: None,
            brought: Brought::default(),
        };
        [(self.id.clone(), record)].into()
    }

    /// What HR says of the person, record by record; nothing of those that their feed no longer has.
    pub fn lines(&self) -> impl Iterator<Item = &Identity> {
        let own = self.is_present.then_some(&self.identity);
        let present = self.records.values().filter(|record| record.is_present);
        own.into_iter()
            .chain(present.map(|record| &record.identity))
    }

    /// Who rules speak of: the identity, by its own key, in the feed that says where the person stands.
    pub fn seat(&self, trust: &[FeedName], now: Timestamp) -> PersonId {
        let lead = picture(&self.records, trust, now).map(|picture| picture.lead);
        PersonId {
            feed: lead.map_or_else(|| self.id.feed.clone(), |lead| lead.feed),
            key: self.id.key.clone(),
        }
    }

    /// What one record said last, where it is one of the person's.
    pub fn said_by(&self, record: &PersonId) -> Option<&Identity> {
        match self.records.get(record) {
            Some(record) => Some(&record.identity),
            None => (self.records.is_empty() && *record == self.id).then_some(&self.identity),
        }
    }

    /// What the ledger has of one record, where it is one of the person's.
    pub fn known_by(&self, record: &PersonId) -> Option<Known<'_>> {
        let identity = self.said_by(record)?;
        let kept = self.records.get(record);
        Some(Known {
            identity,
            is_present: kept.map_or(self.is_present, |record| record.is_present),
        })
    }

    /// Takes in what a plan says of the records.
    pub(crate) fn take_in(&mut self, planned: &[RecordPlanned], origin: Origin) {
        if planned.is_empty() {
            return;
        }
        let mut records = self.every_record();
        for said in planned {
            let origin = Origin {
                row: said.row,
                ..origin
            };
            take(&mut records, &self.id, said, origin);
        }
        if records.len() > 1 {
            self.records = records;
        }
    }

    /// Takes over what is another identity's: its records, its openings and blocks, and its accounts at targets where
    /// this one has none. What is left of the other one stays under its address, without a record.
    pub fn merge(&mut self, other: &mut Person, at: Timestamp) {
        if self.id == other.id {
            return;
        }
        let mut came = other.every_record();
        for (id, record) in &mut came {
            if *id != other.id {
                record.came_with = Some(other.id.clone());
            }
        }
        let mut brought = Brought::default();
        let targets: Vec<TargetName> = other.accounts.keys().cloned().collect();
        for (id, opening) in std::mem::take(&mut other.standing.openings) {
            self.standing.opened += 1;
            let here = OpeningId(self.standing.opened);
            self.standing.openings.insert(here, opening);
            brought.openings.insert(here, id);
        }
        for (id, block) in std::mem::take(&mut other.standing.blocks) {
            self.standing.blocked += 1;
            let here = BlockId(self.standing.blocked);
            self.standing.blocks.insert(here, block);
            brought.blocks.insert(here, id);
        }
        let renumbered: BTreeMap<OpeningId, OpeningId> = brought
            .openings
            .iter()
            .map(|(here, there)| (*there, *here))
            .collect();
        for target in targets {
            if is_free(self, &target) && hand_over(other, self, &target, &renumbered) {
                brought.targets.insert(target);
            }
        }
        if let Some(home) = came.get_mut(&other.id) {
            home.link = Link::Merged;
            home.brought = brought;
        }
        let mut records = self.every_record();
        records.append(&mut came);
        self.records = records;
        other.records.clear();
        other.is_present = false;
        self.wake(at);
        other.wake(at);
    }

    /// Takes a record out of the identity, with those that came with it and what it brought. It is an identity of its
    /// own from then on: `before`, where it was one. `None` where it is no further record of this identity.
    #[must_use]
    pub fn split(
        &mut self,
        record: &PersonId,
        before: Option<Person>,
        at: Timestamp,
    ) -> Option<Person> {
        if *record == self.id {
            return None;
        }
        let mut home = self.records.remove(record)?;
        let brought = std::mem::take(&mut home.brought);
        let mut person = before.unwrap_or_else(|| Person::new(record, &home, self.plan));
        person.identity.clone_from(&home.identity);
        person.is_present = home.is_present;
        person.origin = home.origin;
        let came = self.records.iter();
        let came = came.filter(|(_, other)| other.came_with.as_ref() == Some(record));
        let came: Vec<PersonId> = came.map(|(id, _)| id.clone()).collect();
        for id in came {
            if let Some(mut other) = self.records.remove(&id) {
                other.came_with = None;
                person.records.insert(id, other);
            }
        }
        if !person.records.is_empty() {
            home.link = Link::FirstSeen;
            home.came_with = None;
            person.records.insert(record.clone(), home);
        }
        self.give_back(&mut person, &brought);
        self.forget_only_record();
        self.wake(at);
        person.wake(at);
        Some(person)
    }

    /// Renames a further record, whose feed has another name.
    pub fn rename_record(&mut self, from: &PersonId, to: &PersonId) {
        if let Some(record) = self.records.remove(from) {
            self.records.insert(to.clone(), record);
        }
        for record in self.records.values_mut() {
            if record.came_with.as_ref() == Some(from) {
                record.came_with = Some(to.clone());
            }
        }
    }

    fn give_back(&mut self, person: &mut Person, brought: &Brought) {
        for (here, there) in &brought.openings {
            if let Some(opening) = self.standing.openings.remove(here) {
                person.standing.openings.insert(*there, opening);
            }
        }
        for (here, there) in &brought.blocks {
            if let Some(block) = self.standing.blocks.remove(here) {
                person.standing.blocks.insert(*there, block);
            }
        }
        for target in &brought.targets {
            if is_free(person, target) {
                hand_over(self, person, target, &brought.openings);
            }
        }
    }

    /// One record is the identity itself.
    fn forget_only_record(&mut self) {
        if self.records.len() == 1
            && let Some(record) = self.records.remove(&self.id)
        {
            self.identity = record.identity;
            self.is_present = record.is_present;
            self.origin = record.origin;
        }
    }

    /// Whether a call is out for an account that would go over to another identity, or be left behind: what it leads
    /// to is recorded under the old one.
    pub fn is_busy(&self) -> bool {
        self.accounts.values().any(is_busy)
    }

    fn new(id: &PersonId, record: &Record, plan: crate::id::PlanId) -> Self {
        Person {
            id: id.clone(),
            identity: record.identity.clone(),
            records: Records::new(),
            origin: record.origin,
            is_present: record.is_present,
            phase: Phase::Ended,
            wake_at: None,
            counted: None,
            lost: BTreeMap::new(),
            back_at: None,
            is_end_settled: false,
            standing: crate::standing::Standing::default(),
            plan,
            accounts: BTreeMap::new(),
        }
    }
}

fn is_busy(account: &Account) -> bool {
    let mut operations = account.operations.iter();
    operations.any(|operation| operation.state.kind() == OperationState::InFlight)
}

/// Whether somebody has nothing at a target, and is to have nothing, but for the tombstone of an account.
fn is_free(person: &Person, target: &TargetName) -> bool {
    person.accounts.get(target).is_none_or(|account| {
        !account.exists() && !account.is_wanted && account.operations.is_empty()
    })
}

/// Hands somebody's account at a target to another identity. What that one has of an old account stays with the first.
fn hand_over(
    from: &mut Person,
    to: &mut Person,
    target: &TargetName,
    renumbered: &BTreeMap<OpeningId, OpeningId>,
) -> bool {
    if from.accounts.get(target).is_none_or(is_busy) {
        return false;
    }
    let Some(mut account) = from.accounts.remove(target) else {
        return false;
    };
    let adopted = adoptions_go_over(from, to, target);
    for grant in account.grants.values_mut() {
        let justifications = std::mem::take(&mut grant.justifications).into_iter();
        grant.justifications = justifications
            .map(|justification| match justification {
                Justification::Opening(id) => {
                    Justification::Opening(renumbered.get(&id).copied().unwrap_or(id))
                }
                Justification::Adoption(id) => {
                    Justification::Adoption(adopted.get(&id).copied().unwrap_or(id))
                }
                role @ Justification::Role { .. } => role,
            })
            .collect();
    }
    if let Some(old) = to.accounts.insert(target.clone(), account) {
        from.accounts.insert(target.clone(), old);
    }
    true
}

/// What was adopted with an account goes where the account goes, under numbers of its own there.
fn adoptions_go_over(
    from: &mut Person,
    to: &mut Person,
    target: &TargetName,
) -> BTreeMap<AdoptionId, AdoptionId> {
    let mut renumbered = BTreeMap::new();
    for (id, adoption) in std::mem::take(&mut from.standing.adoptions.all) {
        if adoption.target == *target {
            to.standing.adoptions.found += 1;
            let here = AdoptionId(to.standing.adoptions.found);
            to.standing.adoptions.all.insert(here, adoption);
            renumbered.insert(id, here);
        } else {
            from.standing.adoptions.all.insert(id, adoption);
        }
    }
    renumbered
}

#[cfg(test)]
mod tests;
