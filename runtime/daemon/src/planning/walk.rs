//! The way through everybody whom a plan covers, person by person in the order of their keys. It can rest between two
//! people and go on with what the ledger holds by then.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter::Peekable;

use muster_core::dated::{self, Silence};
use muster_core::delta::Described;
use muster_core::id::{FeedName, PersonId, PersonKey, PlanId};
use muster_core::identity::Phase;
use muster_core::person::Person;
use muster_intake::{Presence, Row, Snapshot};

use super::Failed;
use super::doubts::{Pairs, Told};
use super::order::Scope;
use super::reach::Seen;
use super::records::{Statement, Whose};
use super::run::Run;

/// How far a plan for everybody has come.
pub(super) enum Walk<'s> {
    /// The people of a file are merged with the feed's, both in the order of their keys.
    File(Box<File<'s>>),
    /// People of other feeds who have records of this one.
    Elsewhere(
        Box<File<'s>>,
        std::collections::btree_set::IntoIter<PersonId>,
    ),
    /// Who is new in a file and who is gone comes last, because they may be the same people.
    Pairs(std::vec::IntoIter<Told>),
    /// Everybody of every feed, after this person.
    Everybody(Option<PersonId>),
}

/// How far the merge of a file with its feed has come.
pub(super) struct File<'s> {
    feed: &'s FeedName,
    snapshot: &'s Snapshot,
    carried: &'s BTreeSet<String>,
    since: Option<PlanId>,
    news: &'s BTreeSet<PersonKey>,
    rows: Peekable<Box<dyn Iterator<Item = Row<'s>> + 's>>,
    proves_absence: bool,
    /// The first file has nobody to be taken for somebody else.
    is_first: bool,
    pairs: Pairs,
    /// Whose the records are that are not the address of their identity.
    whose: Whose,
    /// Who was looked at last.
    last: Option<PersonKey>,
}

impl<'s> Walk<'s> {
    /// The beginning of a file, or of everybody. Some people that are named are no walk.
    pub(super) fn of(run: &mut Run<'_, '_>, scope: &Scope<'s>) -> Result<Self, Failed> {
        let Scope::File {
            feed,
            snapshot,
            carried,
            since,
            news,
        } = *scope
        else {
            return Ok(Walk::Everybody(None));
        };
        let proves_absence = run.proves_absence(feed, snapshot)?;
        let here = run.before.counts()?.here;
        run.has_everybody = proves_absence && here.keys().all(|other| other == feed);
        let whose = Whose::of_file(&run.before, run.correlation, (feed, snapshot))?;
        let elsewhere = whose.elsewhere(feed);
        run.seen = if elsewhere.is_empty() {
            Seen::Feed(feed.clone())
        } else {
            Seen::FeedAnd(feed.clone(), elsewhere)
        };
        let rows: Box<dyn Iterator<Item = Row<'s>> + 's> = Box::new(snapshot.rows());
        Ok(Walk::File(Box::new(File {
            feed,
            snapshot,
            carried,
            since,
            news,
            rows: rows.peekable(),
            proves_absence,
            is_first: run.before.people(feed)?.next().is_none(),
            pairs: Pairs::default(),
            whose,
            last: None,
        })))
    }

    /// Goes on while there is room for more. Returns whether everybody was seen.
    pub(super) fn go_on(&mut self, run: &mut Run<'_, '_>) -> Result<bool, Failed> {
        match self {
            Walk::File(file) => {
                if file.go_on(run)? {
                    let elsewhere = file.whose.elsewhere(file.feed).into_iter();
                    // Taken out of the box that is given up with this step.
                    let taken = std::mem::replace(self, Walk::Everybody(None));
                    if let Walk::File(file) = taken {
                        *self = Walk::Elsewhere(file, elsewhere);
                    }
                }
                Ok(false)
            }
            Walk::Elsewhere(file, people) => {
                while run.has_room() {
                    let Some(id) = people.next() else {
                        let told = run.pairs(std::mem::take(&mut file.pairs));
                        *self = Walk::Pairs(told.into_iter());
                        return Ok(false);
                    };
                    if let Some(person) = run.before.person(&id)? {
                        file.together(run, person)?;
                    }
                }
                Ok(false)
            }
            Walk::Pairs(told) => {
                while run.has_room() {
                    let Some((id, before, described)) = told.next() else {
                        return Ok(true);
                    };
                    // Where the way has rested, the person may be another by now.
                    let now = run.before.person(&id)?;
                    let described = if now == before {
                        described
                    } else {
                        run.heeding_news(now.as_ref(), described)
                    };
                    run.person(&id, now, described)?;
                }
                Ok(false)
            }
            Walk::Everybody(last) => {
                for person in run.before.everybody_after(last.as_ref())? {
                    if !run.has_room() {
                        return Ok(false);
                    }
                    let person = person?;
                    let id = person.id.clone();
                    run.person(&id, Some(person), Described::AsBefore)?;
                    *last = Some(id);
                }
                Ok(true)
            }
        }
    }
}

impl File<'_> {
    /// Plans what the file says of all records of somebody.
    fn together(&self, run: &mut Run<'_, '_>, person: Person) -> Result<(), Failed> {
        let statement = Statement {
            feed: self.feed,
            snapshot: self.snapshot,
            carried: self.carried,
            proves_absence: self.proves_absence,
        };
        let begun_with = run.begun_with;
        let has_news = |key: &PersonKey, person: &Person| {
            let record = PersonId {
                feed: self.feed.clone(),
                key: key.clone(),
            };
            let known = person.records.get(&record).map(|record| record.origin);
            let own = (record == person.id).then_some(person.origin);
            let is_newer =
                |plan: PlanId| self.since.is_some_and(|since| plan > since) || plan >= begun_with;
            self.news.contains(key) || known.or(own).is_some_and(|origin| is_newer(origin.plan))
        };
        statement.together(run, &self.whose, (person, &has_news))
    }

    /// Whether what the ledger has of somebody is newer than the file.
    fn has_news(&self, run: &Run<'_, '_>, person: &Person) -> bool {
        let kept = person.records.get(&person.id);
        let plan = kept.map_or(person.origin, |kept| kept.origin).plan;
        self.since.is_some_and(|since| plan > since)
            || plan >= run.begun_with
            || self.news.contains(&person.id.key)
    }

    fn go_on(&mut self, run: &mut Run<'_, '_>) -> Result<bool, Failed> {
        let known = match &self.last {
            None => run.before.people(self.feed)?,
            Some(last) => run.before.people_after(self.feed, last)?,
        };
        let mut known = known.peekable();
        while run.has_room() {
            let order = match (self.rows.peek(), known.peek()) {
                (None, None) => return Ok(true),
                (Some(_), None) => Ordering::Less,
                (Some(row), Some(Ok(person))) => row.key().cmp(person.id.key.as_str()),
                // An error is met where it is read.
                (None, Some(_)) | (Some(_), Some(Err(_))) => Ordering::Greater,
            };
            let row = if order.is_le() {
                self.rows.next()
            } else {
                None
            };
            let before = if order.is_ge() {
                known.next().transpose()?
            } else {
                None
            };
            self.one(run, row, before)?;
        }
        Ok(false)
    }

    fn one(
        &mut self,
        run: &mut Run<'_, '_>,
        row: Option<Row<'_>>,
        before: Option<Person>,
    ) -> Result<(), Failed> {
        let is_plain = self.whose.is_empty();
        match (row, before) {
            (None, Some(person)) if !is_plain && self.whose.whose(&person.id.key).is_some() => {
                self.last = Some(person.id.key);
                Ok(())
            }
            (_, Some(person)) if !is_plain && self.whose.has_further(&person.id) => {
                self.last = Some(person.id.key.clone());
                self.together(run, person)
            }
            (_, Some(person)) if self.has_news(run, &person) => {
                let id = person.id.clone();
                self.last = Some(id.key.clone());
                run.person(&id, Some(person), Described::AsBefore)
            }
            (Some(row), before) => {
                let read = row
                    .read()
                    .map_err(|mistake| Failed::Row(mistake.code.to_string()))?;
                let id = PersonId {
                    feed: self.feed.clone(),
                    key: read.key,
                };
                self.last = Some(id.key.clone());
                let (identity, row) = (read.identity, Some(read.row));
                // It is planned for where the person is whose it is.
                if !is_plain && self.whose.whose(&id.key).is_some() {
                    return Ok(());
                }
                let silence = Silence {
                    missing: self.carried,
                    withdraws: self.snapshot.is_dated(),
                };
                let known = before.as_ref().and_then(|before| before.known_by(&id));
                let identity = dated::taken(identity, known, silence, run.day);
                match before {
                    None if let Some(candidates) = self.whose.doubt(&id.key) => {
                        run.doubt(id, (identity, row), candidates);
                        Ok(())
                    }
                    None if !self.is_first && self.pairs.has_room() => {
                        self.pairs.new.push((id, identity, row));
                        Ok(())
                    }
                    before => run.row(&id, before, identity, row),
                }
            }
            (None, Some(person)) => {
                let id = person.id.clone();
                self.last = Some(id.key.clone());
                // Set aside, or perhaps behind a row that nobody can read: not proven absent.
                let is_absent =
                    self.proves_absence && self.snapshot.presence(&id.key) == Presence::Absent;
                if !is_absent || self.whose.may_be(&id) {
                    return Ok(());
                }
                let left_lately = run.left_lately(&person);
                if (person.phase != Phase::Ended || left_lately) && self.pairs.has_room() {
                    self.pairs.gone.push(person);
                    return Ok(());
                }
                run.person(&id, Some(person), Described::Absent)
            }
            (None, None) => Ok(()),
        }
    }
}
