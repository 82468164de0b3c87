//! What changed about a person: what HR says now against what the ledger knows.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::fact::Kind;
use crate::id::{FeedName, PersonId, PlanId};
use crate::identity::{Identity, Phase};
use crate::person::{Origin, Person};
use crate::record::{RecordPlanned, Said, picture};

/// What a feed says of a person now.
#[derive(Clone, PartialEq, Debug)]
pub enum Described {
    /// A row.
    Row {
        /// What it says, as [`taken`](crate::dated::taken).
        identity: Identity,
        /// Its number, as a spreadsheet counts; `None` if there are no rows.
        row: Option<u32>,
    },
    /// A file that is proven whole does not have the person.
    Absent,
    /// Nothing new; the policy, the catalogue or the date changed. What was announced for an instant that has come
    /// takes effect.
    AsBefore,
    /// Something of an identity that has several records, or is to have: nothing of those that are not named.
    Records(Vec<Said>),
}

/// What changed about a person.
#[derive(Clone, PartialEq, Debug)]
pub struct Delta {
    /// The identity from now on.
    pub identity: Identity,
    /// Whether it is new or changed.
    pub is_changed: bool,
    /// The row that it was read from.
    pub row: Option<u32>,
    /// Whether the feed has the person.
    pub is_present: bool,
    /// Where the person stands from now on.
    pub phase: Phase,
    /// Where the person stood; `None` for somebody new.
    pub phase_before: Option<Phase>,
    /// What is new of single records, where there are several.
    pub records: Vec<RecordPlanned>,
    /// What each record says that a feed has, where there are several.
    pub of_records: Vec<Identity>,
    /// The record that says where the person stands, where there are several.
    pub lead: Option<PersonId>,
}

impl Delta {
    /// Compares what the ledger has with what HR says. `None` if there is nobody to speak of: somebody unknown
    /// who is absent, or whom HR lists as having left before Muster ever knew of them.
    pub fn between(
        before: Option<&Person>,
        described: Described,
        (trust, now): (&[FeedName], Timestamp),
    ) -> Option<Delta> {
        if let Some(person) = before
            && (!person.records.is_empty() || matches!(described, Described::Records(_)))
        {
            return Self::of_records(person, described, (trust, now));
        }
        let (mut identity, row, is_present) = match (described, before) {
            (Described::Row { identity, row }, _) => (identity, row, true),
            (Described::Absent, Some(person)) => {
                // Whoever is gone has nothing before them.
                let mut identity = person.identity.clone();
                identity.dated.announced.clear();
                (identity, None, false)
            }
            (Described::AsBefore, Some(person)) => {
                (person.identity.clone(), None, person.is_present)
            }
            (Described::Absent | Described::AsBefore | Described::Records(_), _) => return None,
        };
        identity.advance(now);
        let phase = if is_present {
            identity.employment.phase(now)
        } else {
            Phase::Ended
        };
        if before.is_none() && phase == Phase::Ended {
            return None;
        }
        let is_changed = before.is_none_or(|person| person.identity != identity);
        Some(Delta {
            is_changed,
            row,
            is_present,
            phase,
            phase_before: before.map(|person| person.phase),
            records: Vec::new(),
            of_records: Vec::new(),
            lead: None,
            identity,
        })
    }

    /// The same of an identity with several records, whose picture is made anew: time alone may have changed it.
    fn of_records(
        person: &Person,
        described: Described,
        (trust, now): (&[FeedName], Timestamp),
    ) -> Option<Delta> {
        let home = |row| Said {
            record: person.id.clone(),
            row,
            link: None,
        };
        let said = match described {
            Described::Records(said) => said,
            Described::Row { identity, row } => vec![home(Some((identity, row)))],
            Described::Absent => vec![home(None)],
            Described::AsBefore => Vec::new(),
        };
        let records: Vec<RecordPlanned> = said
            .into_iter()
            .filter_map(|said| news_of(person, said))
            .collect();
        let mut after = person.clone();
        // What is said now is said last, whatever number the plan has.
        let origin = Origin {
            plan: PlanId(u64::MAX),
            row: None,
        };
        after.take_in(&records, origin);
        let every = after.every_record();
        let picture = picture(&every, trust, now)?;
        let phase = if picture.is_present {
            picture.identity.employment.phase(now)
        } else {
            Phase::Ended
        };
        let present = every.values().filter(|record| record.is_present);
        Some(Delta {
            is_changed: person.identity != picture.identity,
            identity: picture.identity,
            row: None,
            is_present: picture.is_present,
            phase,
            phase_before: Some(person.phase),
            records,
            of_records: present.map(|record| record.identity.clone()).collect(),
            lead: Some(picture.lead),
        })
    }

    /// Who rules speak of: the identity, by its own key, in the feed that says where the person stands.
    pub fn seat<'i>(&self, id: &'i PersonId) -> Cow<'i, PersonId> {
        match &self.lead {
            Some(lead) if lead.feed != id.feed => Cow::Owned(PersonId {
                feed: lead.feed.clone(),
                key: id.key.clone(),
            }),
            Some(_) | None => Cow::Borrowed(id),
        }
    }

    /// What every record says that a feed has from now on.
    pub fn lines(&self) -> impl Iterator<Item = &Identity> {
        let own = self.is_present.then_some(&self.identity);
        own.into_iter().chain(&self.of_records)
    }

    /// The kind of change, where `moves` says whether anything but attributes follows from it.
    pub fn kind(&self, moves: bool) -> Kind {
        match (self.phase_before, self.phase) {
            (None, _) | (Some(Phase::Prehire), Phase::Active | Phase::Leave) => Kind::Joiner,
            (Some(Phase::Ended), Phase::Ended) => Kind::Update,
            (Some(_), Phase::Ended) => Kind::Leaver,
            (Some(Phase::Ended), _) => Kind::Rehire,
            (Some(_), _) if moves => Kind::Mover,
            (Some(_), _) => Kind::Update,
        }
    }
}

/// What of what is said of a record the ledger does not have. A row of a record that it does not have says who it
/// belongs to.
fn news_of(person: &Person, said: Said) -> Option<RecordPlanned> {
    let known = person.said_by(&said.record);
    let was_present = match person.records.get(&said.record) {
        Some(record) => record.is_present,
        None => known.is_some() && person.is_present,
    };
    let is_present = said.row.is_some();
    let (identity, row) = match said.row {
        Some((identity, _)) if known == Some(&identity) => (None, None),
        Some((identity, row)) => (Some(identity), row),
        None => (None, None),
    };
    let is_news = identity.is_some() || is_present != was_present || said.link.is_some();
    let is_nothing = known.is_none() && identity.is_none();
    (is_news && !is_nothing).then_some(RecordPlanned {
        record: said.record,
        identity,
        row,
        is_present,
        link: said.link,
    })
}
