//! What a plan looks at, and so which findings, questions and holds it can find to be over.

use std::collections::BTreeSet;

use muster_core::id::{FeedName, PersonId};
use muster_core::subject::Subject;
use muster_ledger::Writer;

use super::Failed;
use super::order::{Scope, Summary};
use super::settle::{Settled, settle_findings, settle_questions, settle_records};

/// Everybody who was looked at, to know which of their findings no longer hold.
pub(super) enum Seen {
    Everybody,
    Feed(FeedName),
    /// A feed, and those of others who have records of it.
    FeedAnd(FeedName, BTreeSet<PersonId>),
    People(BTreeSet<PersonId>),
}

impl Seen {
    pub(super) fn has(&self, subject: &Subject) -> bool {
        match self {
            Seen::Everybody => true,
            Seen::Feed(feed) => subject.feed() == Some(feed),
            Seen::FeedAnd(feed, people) => {
                let mut of_people = subject.person().into_iter();
                subject.feed() == Some(feed) || of_people.any(|person| people.contains(person))
            }
            // What is said of a target is only known to be over when everybody was looked at.
            Seen::People(people) => subject
                .person()
                .is_some_and(|person| people.contains(person)),
        }
    }
}

/// What a plan looks at, and so what it can find to be over.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    is_complete: bool,
    is_of_feed: bool,
}

impl Reach {
    pub(super) fn of(scope: &Scope<'_>) -> Self {
        Self {
            is_complete: matches!(scope, Scope::File { .. } | Scope::Everybody),
            // The policy and dates say nothing of who somebody is.
            is_of_feed: matches!(scope, Scope::File { .. } | Scope::Changes { .. }),
        }
    }

    /// Opens and closes what was remarked and asked.
    pub(super) fn settle(
        self,
        writer: &mut Writer<'_>,
        summary: &Summary,
        seen: &Seen,
    ) -> Result<(), Failed> {
        let settled = Settled {
            seen,
            is_complete: self.is_complete,
            is_of_feed: self.is_of_feed,
        };
        settle_findings(writer, &summary.findings, &settled)?;
        if self.is_of_feed {
            settle_questions(writer, summary, seen)?;
            settle_records(writer, summary, seen)?;
        }
        Ok(())
    }
}
