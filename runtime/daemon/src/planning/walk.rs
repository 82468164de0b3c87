//! The way through everybody whom a plan covers, person by person in the order of their keys. It can rest between two
//! people and go on with what the ledger holds by then.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter::Peekable;

use muster_core::delta::{self, Described};
use muster_core::id::{FeedName, PersonId, PersonKey, PlanId};
use muster_core::identity::Phase;
use muster_core::person::Person;
use muster_intake::{Presence, Row, Snapshot};

use super::Failed;
use super::order::Scope;
use super::run::{Pairs, Run, Seen, Told};

/// How far a plan for everybody has come.
pub(super) enum Walk<'s> {
    /// The people of a file are merged with the feed's, both in the order of their keys.
    File(Box<File<'s>>),
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
        run.seen = Seen::Feed(feed.clone());
        let proves_absence = run.proves_absence(feed, snapshot)?;
        let here = run.before.counts()?.here;
        run.has_everybody = proves_absence && here.keys().all(|other| other == feed);
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
            last: None,
        })))
    }

    /// Goes on while there is room for more. Returns whether everybody was seen.
    pub(super) fn go_on(&mut self, run: &mut Run<'_, '_>) -> Result<bool, Failed> {
        match self {
            Walk::File(file) => {
                if file.go_on(run)? {
                    let told = run.pairs(std::mem::take(&mut file.pairs));
                    *self = Walk::Pairs(told.into_iter());
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
    /// Whether what the ledger has of somebody is newer than the file.
    fn has_news(&self, run: &Run<'_, '_>, person: &Person) -> bool {
        let plan = person.origin.plan;
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
        match (row, before) {
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
                let (mut identity, row) = (read.identity, Some(read.row));
                delta::carry_over(&mut identity, before.as_ref(), self.carried);
                match before {
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
                if !is_absent {
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
