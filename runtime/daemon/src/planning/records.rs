//! Which records a file or an event speaks of, and whose they are: further records of identities that have several,
//! and new ones, which are compared with everybody who is known before anything is planned.
//!
//! Where nothing is compared and every identity has one record, nothing of this costs anything.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::correlation::{Candidate, Correlation, Newcomers, Verdict};
use muster_core::dated::{self, Silence};
use muster_core::delta::Described;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{FeedName, PersonId, PersonKey};
use muster_core::identity::Identity;
use muster_core::person::Person;
use muster_core::record::{Link, Said};
use muster_intake::{Presence, Snapshot};
use muster_ledger::Reader;

use super::Failed;
use super::run::Run;

/// It is not known whose a record is.
pub const DOUBTFUL: Code = Code::new("WHO-003");

/// Whose the records of a feed are, but for those that are the address of their identity.
#[derive(Default)]
pub(super) struct Whose {
    /// The identity of each, and why it is that one's where it was not before.
    of: BTreeMap<PersonKey, (PersonId, Option<Link>)>,
    /// The same the other way round.
    records: BTreeMap<PersonId, Vec<PersonKey>>,
    /// Of which it has to be asked.
    doubtful: BTreeMap<PersonKey, Vec<Candidate>>,
    /// Who may be meant by those.
    candidates: BTreeSet<PersonId>,
}

impl Whose {
    /// Those of a whole file: every further record that is known of the feed, and those that are new in the file.
    pub(super) fn of_file(
        before: &Reader,
        correlation: &Correlation,
        (feed, snapshot): (&FeedName, &Snapshot),
    ) -> Result<Self, Failed> {
        let mut whose = Whose::default();
        for row in before.further_records(feed)? {
            let (record, person) = row?;
            whose.belongs(record.key, (person, None));
        }
        if correlation.is_configured() {
            let mut newcomers = Newcomers::new(correlation);
            for row in snapshot.rows() {
                let Ok(key) = PersonKey::new(row.key()) else {
                    continue;
                };
                let id = PersonId {
                    feed: feed.clone(),
                    key,
                };
                if !before.knows(&id)? {
                    let read = row.read();
                    let read = read.map_err(|problem| Failed::Row(problem.code.to_string()))?;
                    newcomers.add(id, &read.identity);
                }
            }
            whose.compare(before, newcomers)?;
        }
        Ok(whose)
    }

    /// Those of some people of a feed, where `new` says what is new.
    pub(super) fn of_some<'i>(
        before: &Reader,
        correlation: &Correlation,
        (feed, keys): (&FeedName, &[&PersonKey]),
        new: impl Iterator<Item = (&'i PersonKey, &'i Identity)>,
    ) -> Result<Self, Failed> {
        let mut whose = Whose::default();
        let id = |key: &PersonKey| PersonId {
            feed: feed.clone(),
            key: key.clone(),
        };
        if before.has_further_records()? {
            for key in keys {
                if let Some(person) = before.whose(&id(key))? {
                    whose.belongs((*key).clone(), (person, None));
                }
            }
        }
        if correlation.is_configured() {
            let mut newcomers = Newcomers::new(correlation);
            for (key, identity) in new {
                if !before.knows(&id(key))? {
                    newcomers.add(id(key), identity);
                }
            }
            whose.compare(before, newcomers)?;
        }
        Ok(whose)
    }

    fn compare(&mut self, before: &Reader, mut newcomers: Newcomers<'_>) -> Result<(), Failed> {
        if newcomers.is_empty() {
            return Ok(());
        }
        let has_further = before.has_further_records()?;
        for person in before.everybody()? {
            let person = person?;
            // What was left of an identity that became part of another one is nobody.
            if !has_further || before.whose(&person.id)?.is_none() {
                newcomers.meet(&person);
            }
        }
        for (record, verdict) in newcomers.judge() {
            match verdict {
                Verdict::Sure(candidate) => {
                    let link = Some(Link::Correlated(candidate.keys));
                    self.belongs(record.key, (candidate.person, link));
                }
                Verdict::Ask(candidates) => {
                    let people = candidates.iter().map(|candidate| candidate.person.clone());
                    self.candidates.extend(people);
                    self.doubtful.insert(record.key, candidates);
                }
                Verdict::New => {}
            }
        }
        Ok(())
    }

    fn belongs(&mut self, key: PersonKey, whose: (PersonId, Option<Link>)) {
        let records = self.records.entry(whose.0.clone()).or_default();
        records.push(key.clone());
        self.of.insert(key, whose);
    }

    /// Whether every record that is spoken of is the address of its identity, and certain.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty() && self.doubtful.is_empty()
    }

    /// Whose a record is, where it is not its own identity's address.
    pub(super) fn whose(&self, key: &PersonKey) -> Option<&(PersonId, Option<Link>)> {
        self.of.get(key)
    }

    /// Whose a record may be, where that has to be asked.
    pub(super) fn doubt(&self, key: &PersonKey) -> Option<&Vec<Candidate>> {
        self.doubtful.get(key)
    }

    /// Whether somebody may be the person of a record that is asked about: they do not leave meanwhile.
    pub(super) fn may_be(&self, person: &PersonId) -> bool {
        self.candidates.contains(person)
    }

    /// Whether somebody has further records of the feed.
    pub(super) fn has_further(&self, person: &PersonId) -> bool {
        self.records.contains_key(person)
    }

    /// Everybody of another feed who has records of this one.
    pub(super) fn elsewhere(&self, feed: &FeedName) -> BTreeSet<PersonId> {
        let people = self.records.keys().filter(|person| person.feed != *feed);
        people.cloned().collect()
    }
}

/// Whether there is news of a record of somebody, which counts and not the file.
pub(super) type HasNews<'a> = &'a dyn Fn(&PersonKey, &Person) -> bool;

/// What a whole file says of a feed's records.
pub(super) struct Statement<'s> {
    pub(super) feed: &'s FeedName,
    pub(super) snapshot: &'s Snapshot,
    pub(super) carried: &'s BTreeSet<String>,
    pub(super) proves_absence: bool,
}

impl Statement<'_> {
    /// Plans what the file says of all records of somebody, but for those of which there is news.
    pub(super) fn together(
        &self,
        run: &mut Run<'_, '_>,
        whose: &Whose,
        (person, has_news): (Person, HasNews<'_>),
    ) -> Result<(), Failed> {
        let own = (person.id.feed == *self.feed).then_some(&person.id.key);
        let further = whose.records.get(&person.id).into_iter().flatten();
        let keys: BTreeSet<&PersonKey> = own.into_iter().chain(further).collect();
        let mut said = Vec::new();
        for key in keys {
            if has_news(key, &person) {
                continue;
            }
            let record = PersonId {
                feed: self.feed.clone(),
                key: key.clone(),
            };
            let link = whose.whose(key).and_then(|(_, link)| link.clone());
            if let Some(row) = self.snapshot.row(key) {
                let read = row.read();
                let read = read.map_err(|problem| Failed::Row(problem.code.to_string()))?;
                let silence = Silence {
                    missing: self.carried,
                    withdraws: self.snapshot.is_dated(),
                };
                let known = person.known_by(&record);
                let identity = dated::taken(read.identity, known, silence, run.day);
                if !run.is_doubted(&person, &record, &identity) {
                    let row = Some((identity, Some(read.row)));
                    said.push(Said { record, row, link });
                }
                continue;
            }
            // Set aside, or perhaps behind a row that nobody can read: not proven absent.
            let is_absent = self.proves_absence && self.snapshot.presence(key) == Presence::Absent;
            if is_absent && !whose.may_be(&person.id) {
                said.push(Said {
                    record,
                    row: None,
                    link: None,
                });
            }
        }
        let id = person.id.clone();
        let described = if said.is_empty() {
            Described::AsBefore
        } else {
            Described::Records(said)
        };
        run.person(&id, Some(person), described)
    }
}

/// That it is not known whose a record is, for people.
pub(super) fn finding(record: &PersonId, candidates: &[Candidate]) -> Finding {
    let people: Vec<String> = candidates
        .iter()
        .map(|candidate| format!("{} ({})", candidate.person, candidate.keys.join(", ")))
        .collect();
    let text = format!(
        "{record} is new, and may be somebody who is known: {}; nothing is done for {record} until a person decides",
        people.join(", ")
    );
    let hint = format!(
        "ask HR; then `muster people link {record} PERSON` says whose it is, or `muster people link {record} --new` that it is somebody new"
    );
    Finding::new(DOUBTFUL, Severity::Error, record, text).hint(hint)
}
