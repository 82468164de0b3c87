//! Plans for what a person decides about who is who: two identities that become one, a record that is taken out of one,
//! and whose a record is that was asked about. The decision and the plan that follows from it are one transaction; a look
//! is the same with nothing recorded.

use muster_core::correlation::{Candidate, Doubtful};
use muster_core::delta::Described;
use muster_core::fact::Fact;
use muster_core::id::PersonId;
use muster_core::person::Person;
use muster_core::record::{Link, Said};

use super::Failed;
use super::reach::Seen;
use super::run::Run;

/// What is decided about who is who.
#[derive(Clone, Debug)]
pub enum Joining {
    /// Two identities are one.
    Merge {
        /// Whose records go over.
        person: PersonId,
        /// To whom.
        into: PersonId,
    },
    /// A record is an identity of its own.
    Split {
        /// The record.
        record: PersonId,
        /// Whose it was.
        from: PersonId,
    },
    /// A record that was asked about is this person's.
    Link(Doubtful, Candidate),
    /// A record that was asked about is somebody's who was not known.
    New(Doubtful),
}

impl Run<'_, '_> {
    /// Plans for everybody whom a decision is about, as they stand after it.
    pub(super) fn joined(&mut self, joining: Joining) -> Result<(), Failed> {
        match joining {
            Joining::Merge { person, into } => {
                self.seen = Seen::People([person.clone(), into.clone()].into());
                let (other, kept) = self.merged(&person, &into)?;
                self.person(&into, kept, Described::AsBefore)?;
                self.person(&person, other, Described::AsBefore)
            }
            Joining::Split { record, from } => {
                self.seen = Seen::People([record.clone(), from.clone()].into());
                let (kept, out) = self.split(&record, &from)?;
                self.person(&from, kept, Described::AsBefore)?;
                self.person(&record, out, Described::AsBefore)
            }
            Joining::Link(doubtful, candidate) => {
                let Candidate { person: id, keys } = candidate;
                self.seen = Seen::People([id.clone()].into());
                let said = Said {
                    record: doubtful.record,
                    row: Some((doubtful.identity, doubtful.row)),
                    link: Some(Link::Confirmed(keys)),
                };
                let person = self.before.person(&id)?;
                self.person(&id, person, Described::Records(vec![said]))
            }
            Joining::New(doubtful) => {
                let Doubtful {
                    record: id,
                    identity,
                    row,
                    ..
                } = doubtful;
                self.seen = Seen::People([id.clone()].into());
                self.person(&id, None, Described::Row { identity, row })
            }
        }
    }

    fn merged(
        &mut self,
        person: &PersonId,
        into: &PersonId,
    ) -> Result<(Option<Person>, Option<Person>), Failed> {
        if self.decide(&Fact::IdentitiesMerged {
            person: person.clone(),
            into: into.clone(),
        })? {
            return Ok((self.decided_person(person)?, self.decided_person(into)?));
        }
        let (mut other, mut kept) = (self.before.person(person)?, self.before.person(into)?);
        if let (Some(other), Some(kept)) = (&mut other, &mut kept) {
            kept.merge(other, self.day);
        }
        Ok((other, kept))
    }

    fn split(
        &mut self,
        record: &PersonId,
        from: &PersonId,
    ) -> Result<(Option<Person>, Option<Person>), Failed> {
        if self.decide(&Fact::RecordSplit {
            record: record.clone(),
            from: from.clone(),
        })? {
            return Ok((self.decided_person(from)?, self.decided_person(record)?));
        }
        let (mut kept, before) = (self.before.person(from)?, self.before.person(record)?);
        let out = kept
            .as_mut()
            .and_then(|kept| kept.split(record, before, self.day));
        Ok((kept, out))
    }
}
