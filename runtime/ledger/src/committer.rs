//! Group commit: many small pieces of work, one disk sync.
//!
//! A durable commit costs about the same whatever is in it, so one thread takes everything that
//! waits, runs it in one transaction in the order in which it came, and answers when the commit is
//! durable. Meanwhile the next batch gathers. A piece of work that fails is taken out, and the others
//! are kept as if it had never been there.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::coded::chain;
use muster_core::fact::Fact;

use crate::error::{Error, StoreResult};
use crate::ledger::Ledger;
use crate::queue::Queue;
use crate::writer::{Handover, Writer};

/// How much is taken at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Most pieces of work that wait; who comes then waits for room.
    pub queued_max: usize,
    /// Most pieces of work in one commit.
    pub batch_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queued_max: 4_096,
            batch_max: 1_024,
        }
    }
}

/// Hands work to the thread that commits. Clones hand it to the same thread; it ends with the last.
#[derive(Clone)]
pub struct Committer {
    shared: Arc<Shared>,
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").finish_non_exhaustive()
    }
}

struct Shared {
    queue: Arc<Queue<Box<dyn Job>>>,
    ledger: Ledger,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// Starts the thread.
    pub fn start(ledger: Ledger, options: Options) -> Result<Self, Error> {
        let queue = Arc::new(Queue::new(options.queued_max));
        let worker = Worker {
            ledger: ledger.clone(),
            queue: Arc::clone(&queue),
            batch_max: options.batch_max,
            handover: Handover::default(),
        };
        let thread = std::thread::Builder::new()
            .name("ledger-commit".to_owned())
            .spawn(move || worker.run());
        let thread = thread.map_err(|source| Error::Stopped {
            reason: format!("its thread could not be started: {source}"),
        })?;
        Ok(Committer {
            shared: Arc::new(Shared {
                queue,
                ledger,
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Runs `work` in the next commit and answers once that is durable. Work is run in the order in
    /// which it is first polled here, and it may be run more than once: when another piece of the
    /// same batch fails, the batch is run again without that one. Work that was handed over is done
    /// even if nobody waits for the answer any more.
    pub async fn submit<T, E, F>(
        &self,
        at: Timestamp,
        by: impl Into<Actor>,
        work: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnMut(&mut Writer<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let on_end = move |result| drop(answer.send(result));
        let mut job: Option<Box<dyn Job>> = Some(Work::boxed((at, by.into()), work, on_end));
        let put = std::future::poll_fn(|ctx| self.shared.queue.poll_put(&mut job, ctx));
        if !put.await {
            return Err(self.shared.stopped().into());
        }
        match answered.await {
            Ok(result) => result,
            Err(oneshot::Canceled) => Err(self.shared.stopped().into()),
        }
    }

    /// The same for code that is not async. It holds up the thread.
    pub fn submit_blocking<T, E, F>(
        &self,
        at: Timestamp,
        by: impl Into<Actor>,
        work: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnMut(&mut Writer<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        let on_end = move |result| drop(answer.send(result));
        let put = self
            .shared
            .queue
            .put(Work::boxed((at, by.into()), work, on_end));
        if put.is_err() {
            return Err(self.shared.stopped().into());
        }
        match answered.recv() {
            Ok(result) => result,
            Err(mpsc::RecvError) => Err(self.shared.stopped().into()),
        }
    }

    /// Records facts in the next commit, all or none. Returns for each whether anything changed.
    pub async fn record(
        &self,
        at: Timestamp,
        by: impl Into<Actor>,
        facts: Vec<Fact>,
    ) -> Result<Vec<bool>, Error> {
        self.submit(at, by, move |writer| {
            facts.iter().map(|fact| writer.record(fact)).collect()
        })
        .await
    }

    /// Whether the ledger can still be written, without writing anything. A failed write of anybody shows
    /// here, because nothing is written after it until the file was opened anew.
    pub async fn probe(&self) -> Result<(), Error> {
        self.record(Timestamp::UNIX_EPOCH, Actor::Daemon, Vec::new())
            .await
            .map(drop)
    }

    /// Lets no more work in, and waits until what was handed over is durable.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl Shared {
    fn stopped(&self) -> Error {
        let failure = self.ledger.failure();
        Error::Stopped {
            reason: failure.map_or_else(|| "it is being closed".to_owned(), |failure| failure.text),
        }
    }

    fn stop(&self) {
        self.queue.close();
        let thread = self.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has dropped its answers, and everybody who waits has seen that.
        drop(thread.map(JoinHandle::join));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How a run of one piece of work ended.
enum Ran {
    Kept,
    Failed,
    /// Nobody knows what it left half done.
    Panicked,
}

/// One piece of work, whatever it gives.
trait Job: Send {
    fn stamp(&self) -> (Timestamp, Actor);
    fn run(&mut self, writer: &mut Writer<'_>) -> Ran;
    /// Answers: `lost` says why nothing of the batch was kept.
    fn end(self: Box<Self>, lost: Option<&str>);
}

struct Work<T, E, F, A> {
    at: Timestamp,
    by: Actor,
    call: F,
    result: Option<Result<T, E>>,
    on_end: A,
}

impl<T, E, F, A> Work<T, E, F, A>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: FnMut(&mut Writer<'_>) -> Result<T, E> + Send + 'static,
    A: FnOnce(Result<T, E>) + Send + 'static,
{
    fn boxed((at, by): (Timestamp, Actor), work: F, on_end: A) -> Box<dyn Job> {
        Box::new(Work {
            at,
            by,
            call: work,
            result: None,
            on_end,
        })
    }
}

impl<T, E, F, A> Job for Work<T, E, F, A>
where
    T: Send,
    E: From<Error> + Send,
    F: FnMut(&mut Writer<'_>) -> Result<T, E> + Send,
    A: FnOnce(Result<T, E>) + Send,
{
    fn stamp(&self) -> (Timestamp, Actor) {
        (self.at, self.by.clone())
    }

    fn run(&mut self, writer: &mut Writer<'_>) -> Ran {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let value = (self.call)(writer)?;
            writer.end_work()?;
            Ok(value)
        }));
        let (ran, result) = match ran {
            Ok(Ok(value)) => (Ran::Kept, Ok(value)),
            Ok(Err(error)) => (Ran::Failed, Err(error)),
            Err(_) => {
                let reason = "the work panicked".to_owned();
                (Ran::Panicked, Err(E::from(Error::Stopped { reason })))
            }
        };
        self.result = Some(result);
        ran
    }

    fn end(self: Box<Self>, lost: Option<&str>) {
        let stopped = |reason: &str| {
            Err(E::from(Error::Stopped {
                reason: reason.to_owned(),
            }))
        };
        let result = match (self.result, lost) {
            (Some(Ok(value)), None) => Ok(value),
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(_)) | None, Some(reason)) => stopped(reason),
            (None, None) => stopped("the work was not run"),
        };
        (self.on_end)(result);
    }
}

struct Worker {
    ledger: Ledger,
    queue: Arc<Queue<Box<dyn Job>>>,
    batch_max: usize,
    handover: Handover,
}

impl Worker {
    fn run(mut self) {
        while let Some(mut batch) = self.queue.take(self.batch_max) {
            let lost = self.commit(&mut batch).err();
            let lost = lost.map(|error| self.give_up(&error));
            for job in batch {
                job.end(lost.as_deref());
            }
            if lost.is_some() {
                break;
            }
        }
        // What came in before the queue was closed gets an answer as well.
        while let Some(batch) = self.queue.take(self.batch_max) {
            for job in batch {
                job.end(Some("an earlier commit failed"));
            }
        }
    }

    /// Runs a batch, without those that fail, until one run of the rest can be committed.
    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), Error> {
        let mut jobs: Vec<&mut Box<dyn Job>> = batch.iter_mut().collect();
        loop {
            let database = self.ledger.database()?;
            let txn = database.begin_write().step("begin to write")?;
            let handover = std::mem::take(&mut self.handover);
            let mut writer = Writer::open(
                &database,
                &txn,
                (Timestamp::UNIX_EPOCH, Actor::Daemon),
                handover,
            )?;
            let ran = run_all(&mut jobs, &mut writer)?;
            if let Some(failed) = ran.spoiled_by {
                jobs.remove(failed);
                continue;
            }
            if writer.recorded() == 0 {
                return self.ledger.check_in_place();
            }
            let handover = writer.finish()?;
            txn.commit().step("commit")?;
            self.ledger.check_in_place()?;
            self.ledger.commits().happened();
            self.handover = handover;
            return Ok(());
        }
    }

    fn give_up(&self, error: &Error) -> String {
        self.ledger.fails_with(error);
        self.queue.close();
        chain(error)
    }
}

struct AllRan {
    /// The one that failed after it had recorded something, so that the transaction is of no use.
    spoiled_by: Option<usize>,
}

fn run_all(jobs: &mut [&mut Box<dyn Job>], writer: &mut Writer<'_>) -> Result<AllRan, Error> {
    for (index, job) in jobs.iter_mut().enumerate() {
        let (at, by) = job.stamp();
        writer.set(at, by)?;
        let recorded = writer.recorded();
        match job.run(writer) {
            Ran::Kept => {}
            Ran::Failed if writer.recorded() == recorded && writer.end_work().is_ok() => {}
            Ran::Failed | Ran::Panicked => {
                return Ok(AllRan {
                    spoiled_by: Some(index),
                });
            }
        }
    }
    Ok(AllRan { spoiled_by: None })
}
