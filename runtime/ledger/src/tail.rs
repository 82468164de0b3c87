//! Following the journal: what is committed from a number on, in its order and each entry once.
//!
//! A follower is only woken by a commit; what it is given is read from the journal. So nothing is lost to one that is
//! slow, or that begins where another process ended, and a writer never waits for one.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::Error;
use crate::kept;
use crate::ledger::Ledger;

/// Most entries that are handed over at once.
const AT_ONCE: usize = 256;

/// Counts the commits of an open ledger, and wakes whoever waits for the next one.
#[derive(Debug, Default)]
pub(crate) struct Commits(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    count: u64,
    waiting: Vec<Waker>,
}

impl Commits {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something became durable, or nothing ever will again.
    pub(crate) fn happened(&self) {
        let waiting = {
            let mut counted = self.counted();
            counted.count += 1;
            std::mem::take(&mut counted.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll_beyond(&self, seen: u64, context: &Context<'_>) -> Poll<()> {
        let mut counted = self.counted();
        if counted.count != seen {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !counted
            .waiting
            .iter()
            .any(|waiting| waiting.will_wake(waker))
        {
            counted.waiting.push(waker.clone());
        }
        Poll::Pending
    }
}

/// Follows the journal of an open ledger.
#[derive(Debug)]
pub struct Tail {
    ledger: Ledger,
    next: u64,
}

impl Tail {
    pub(crate) fn new(ledger: Ledger, from: u64) -> Self {
        Self { ledger, next: from }
    }

    /// The number of the entry that is handed over next.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Waits until there are entries, and returns them, at most 256. Nothing is lost where this is given up while it
    /// waits.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the ledger was closed; otherwise what reading led to.
    pub async fn next(&mut self) -> Result<Vec<kept::Entry>, Error> {
        loop {
            // Counted before it is read, so that a commit in between is no reason to wait.
            let seen = self.ledger.commits().counted().count;
            let journal = self.ledger.read()?.journal(self.next..)?;
            let entries: Vec<kept::Entry> = journal.take(AT_ONCE).collect::<Result<_, _>>()?;
            if let Some(last) = entries.last() {
                self.next = last.seq + 1;
                return Ok(entries);
            }
            let commits = self.ledger.commits();
            poll_fn(|context| commits.poll_beyond(seen, context)).await;
        }
    }
}
