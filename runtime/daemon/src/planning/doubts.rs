//! What a feed says of somebody, where it is asked first whether it can be so: whether who is new and who is gone are
//! one person, whether an id is somebody else's by now, whose a new record is, whether so many are really gone.

use std::collections::BTreeSet;

use muster_core::correlation::{Candidate, Doubtful};
use muster_core::delta::Described;
use muster_core::finding::{Finding, Severity};
use muster_core::id::{Digest, FeedName, PersonId, PersonKey};
use muster_core::identity::{Identity, Phase};
use muster_core::person::Person;
use muster_core::question::{self, Doubt, Question, Traits};
use muster_intake::Snapshot;
use sha2::{Digest as _, Sha256};

use super::run::Run;
use super::{ABSENCE_DOUBTED, Failed};

/// What is said of somebody, with the person as the ledger had it.
pub(super) type Told = (PersonId, Option<Person>, Described);

/// Who is new and who is gone, kept until everybody was seen.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) new: Vec<(PersonId, Identity, Option<u32>)>,
    pub(super) gone: Vec<Person>,
}

impl Pairs {
    /// A file with more of them than this is held for its size.
    const PEOPLE_MAX: usize = 20_000;

    pub(super) fn has_room(&self) -> bool {
        self.new.len() + self.gone.len() < Self::PEOPLE_MAX
    }
}

impl Run<'_, '_> {
    /// Whether who is missing from a file has left: not while a row that was set aside may be theirs, under
    /// an id that nobody known has.
    pub(super) fn proves_absence(
        &mut self,
        feed: &FeedName,
        snapshot: &Snapshot,
    ) -> Result<bool, Failed> {
        if !snapshot.proves_absence() {
            return Ok(false);
        }
        let mut unknown = 0_u32;
        for key in snapshot.quarantined() {
            let id = PersonKey::new(key).map(|key| PersonId {
                feed: feed.clone(),
                key,
            });
            let is_known = match &id {
                Ok(id) => self.before.knows(id)?,
                Err(_) => false,
            };
            unknown += u32::from(!is_known);
        }
        if unknown > 0 {
            let text = format!(
                "ids that nobody known has, in rows that were set aside: {unknown}; they may be somebody's who seems to be missing, so nobody who is missing counts as having left"
            );
            self.absence_doubt = Some(
                Finding::new(ABSENCE_DOUBTED, Severity::Error, feed, text)
                    .hint("the report beside the file names the rows; have HR mend them and drop the file again"),
            );
        }
        Ok(unknown == 0)
    }

    pub(super) fn left_lately(&self, person: &Person) -> bool {
        let counted = person.counted.filter(|counted| counted.at >= self.since);
        person.phase == Phase::Ended && counted.is_some()
    }

    /// Who is new and who is gone, but for those of whom one looks like the other under another id: they are asked
    /// about.
    pub(super) fn pairs(&mut self, pairs: Pairs) -> Vec<Told> {
        let Pairs { new, gone } = pairs;
        let mut told = Vec::new();
        let traits: Vec<Traits> = gone.iter().map(|one| Traits::of(&one.identity)).collect();
        let mut asked = BTreeSet::new();
        for (id, identity, row) in new {
            let is = Traits::of(&identity);
            let alike = gone
                .iter()
                .zip(&traits)
                .filter(|(_, was)| was.look_like(&is));
            let mut is_asked = false;
            for (person, _) in alike {
                let question = Question {
                    person: person.id.clone(),
                    doubt: Doubt::SamePerson(id.clone()),
                };
                if self.is_open(question) {
                    is_asked = true;
                    asked.insert(person.id.clone());
                }
            }
            if !is_asked {
                told.push((id, None, Described::Row { identity, row }));
            }
        }
        let gone = gone
            .into_iter()
            .filter(|person| !asked.contains(&person.id));
        told.extend(gone.map(|person| (person.id.clone(), Some(person), Described::Absent)));
        told
    }

    /// Plans what a row says, unless it has to be asked first who it is about.
    pub(super) fn row(
        &mut self,
        id: &PersonId,
        before: Option<Person>,
        identity: Identity,
        row: Option<u32>,
    ) -> Result<(), Failed> {
        if let Some(before) = &before
            && self.is_doubted(before, id, &identity)
        {
            return Ok(());
        }
        self.person(id, before, Described::Row { identity, row })
    }

    /// Whether it has to be asked first whether a further record is still the person's.
    pub(super) fn is_doubted(
        &mut self,
        person: &Person,
        record: &PersonId,
        identity: &Identity,
    ) -> bool {
        if person.records.is_empty() {
            return self.question_about(person, identity);
        }
        let Some(said) = person.said_by(record) else {
            return false;
        };
        let before = Person {
            id: record.clone(),
            identity: said.clone(),
            phase: said.on(self.day).employment.phase(self.day),
            ..person.clone()
        };
        self.question_about(&before, identity)
    }

    fn question_about(&mut self, before: &Person, identity: &Identity) -> bool {
        let question = question::about_row(before, identity, self.day, |text| {
            let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
            Digest(digest).to_string()
        });
        question.is_some_and(|question| self.is_open(question))
    }

    /// Has a record wait of which it is not known whose it is.
    pub(super) fn doubt(
        &mut self,
        record: PersonId,
        (identity, row): (Identity, Option<u32>),
        candidates: &[Candidate],
    ) {
        // Somebody who had left before anybody knew of them is nobody to ask about.
        if identity.employment.phase(self.day) == Phase::Ended {
            return;
        }
        self.doubtful.push(Doubtful {
            record,
            identity,
            row,
            candidates: candidates.to_vec(),
        });
    }

    /// Whether a question is not answered; then it is asked.
    fn is_open(&mut self, question: Question) -> bool {
        if let Some(digest) = self.answered.get(&question) {
            self.used.push(*digest);
            false
        } else {
            self.questions.push(question);
            true
        }
    }
}
