//! Group commit: the order is kept, an answer means durable, and who fails fails alone.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::common::{at, completed, dispatched, join, leaver, operation_id, person, plan, target};
use muster_core::actor::Actor;
use muster_core::coded::Coded as _;
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::subject::Subject;
use muster_ledger::check::check;
use muster_ledger::committer::Options;
use muster_ledger::{Committer, Error, Ledger, Writer};

/// Waits for a future without a runtime: the committer must not need one.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut ctx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut ctx) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn note(number: u32) -> Fact {
    Fact::FindingOpened(Finding::new(
        Code::new("OPS-001"),
        Severity::Note,
        Subject::File(format!("number {number:06}")),
        "it was counted",
    ))
}

/// Holds the committer's thread inside a piece of work until the returned barrier is met, so that
/// what is handed over meanwhile becomes one batch.
fn held(committer: &Committer) -> (Arc<Barrier>, thread::JoinHandle<Result<(), Error>>) {
    let begun = Arc::new(Barrier::new(2));
    let release = Arc::new(Barrier::new(2));
    let (inside, go) = (Arc::clone(&begun), Arc::clone(&release));
    let committer = committer.clone();
    let handle = thread::spawn(move || {
        committer.submit_blocking(at(0), Actor::Daemon, move |_| {
            inside.wait();
            go.wait();
            Ok(())
        })
    });
    begun.wait();
    (release, handle)
}

fn subjects(ledger: &Ledger) -> Vec<String> {
    let reader = ledger.read().unwrap();
    let entries = reader.journal(..).unwrap();
    entries
        .filter_map(|entry| match entry.unwrap().fact {
            Fact::FindingOpened(finding) => match finding.subject {
                Subject::File(name) => Some(name),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

#[test]
fn an_answer_means_that_it_is_durable_and_visible() {
    let ledger = Ledger::in_memory().unwrap();
    let committer = Committer::start(ledger.clone(), Options::default()).unwrap();
    let id = join(&ledger, 0, &["alice"], &["crm"]);
    let facts = vec![
        dispatched("alice", "crm", operation_id(id, 1)),
        dispatched("alice", "crm", operation_id(id, 99)),
    ];
    assert_eq!(
        wait(committer.record(at(1), Actor::Daemon, facts)).unwrap(),
        [true, false]
    );
    let in_flight = ledger.read().unwrap().in_flight(&target("crm")).unwrap();
    assert_eq!(in_flight[0].person, person("alice"));
}

#[test]
fn what_waits_becomes_one_commit_in_the_order_of_its_coming() {
    let ledger = Ledger::in_memory().unwrap();
    let committer = Committer::start(ledger.clone(), Options::default()).unwrap();
    let (release, holding) = held(&committer);
    let mut futures: Vec<_> = (0..50)
        .map(|number| {
            Box::pin(committer.record(at(i64::from(number)), Actor::Daemon, vec![note(number)]))
        })
        .collect();
    // Handing over happens at the first poll, in this order.
    let mut ctx = Context::from_waker(Waker::noop());
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut ctx).is_pending());
    }
    release.wait();
    holding.join().unwrap().unwrap();
    for future in futures {
        wait(future).unwrap();
    }
    let expected: Vec<String> = (0..50)
        .map(|number| format!("number {number:06}"))
        .collect();
    assert_eq!(subjects(&ledger), expected);
    let reader = ledger.read().unwrap();
    let entries: Vec<_> = reader.journal(..).unwrap().map(Result::unwrap).collect();
    let commits = entries.iter().filter(|entry| entry.opens_commit).count();
    assert_eq!(commits, 1);
    assert_eq!(entries[7].at, at(7), "each keeps its own instant");
}

#[test]
fn an_error_in_one_submission_leaves_the_others() {
    let ledger = Ledger::in_memory().unwrap();
    let committer = Committer::start(ledger.clone(), Options::default()).unwrap();
    let id = join(&ledger, 0, &["alice", "bob"], &["crm"]);
    let (release, holding) = held(&committer);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let mut futures: Vec<_> = vec![
        Box::pin(committer.record(at(1), Actor::Daemon, vec![note(1)])),
        // The second fact takes alice's account away, so the first one must not stay either.
        Box::pin(committer.record(
            at(2),
            Actor::Daemon,
            vec![note(2), completed("bob", "crm", operation_id(id, 3), "u1")],
        )),
        Box::pin(committer.record(at(3), Actor::Daemon, vec![note(3)])),
    ];
    let first = committer.record(
        at(1),
        Actor::Daemon,
        vec![completed("alice", "crm", operation_id(id, 1), "u1")],
    );
    let mut first = Box::pin(first);
    let mut panicking = Box::pin(committer.submit(at(4), Actor::Daemon, move |writer| {
        writer.record(note(4))?;
        assert_eq!(
            counted.fetch_add(1, Ordering::Relaxed),
            u32::MAX,
            "on purpose"
        );
        Ok::<(), Error>(())
    }));
    let mut ctx = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut ctx).is_pending());
    assert!(panicking.as_mut().poll(&mut ctx).is_pending());
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut ctx).is_pending());
    }
    release.wait();
    holding.join().unwrap().unwrap();
    assert!(wait(first).is_ok());
    let stopped = wait(panicking).unwrap_err();
    assert!(matches!(stopped, Error::Stopped { .. }), "{stopped}");
    let results: Vec<_> = futures.into_iter().map(wait).collect();
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(
        matches!(results[1], Err(Error::LinkedTwice { .. })),
        "{results:?}"
    );
    assert_eq!(subjects(&ledger), ["number 000001", "number 000003"]);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}

#[test]
fn who_finds_the_queue_full_waits_and_is_not_lost() {
    let ledger = Ledger::in_memory().unwrap();
    let options = Options {
        queued_max: 2,
        batch_max: 2,
    };
    let committer = Committer::start(ledger.clone(), options).unwrap();
    thread::scope(|scope| {
        for caller in 0..8 {
            let committer = &committer;
            scope.spawn(move || {
                for number in 0..20 {
                    let fact = note(caller * 100 + number);
                    if caller % 2 == 0 {
                        wait(committer.record(at(0), Actor::Daemon, vec![fact])).unwrap();
                    } else {
                        let work = move |writer: &mut muster_ledger::Writer<'_>| {
                            writer.record(&fact).map(drop)
                        };
                        committer
                            .submit_blocking(at(0), Actor::Daemon, work)
                            .unwrap();
                    }
                }
            });
        }
    });
    let mut seen = subjects(&ledger);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 160);
}

#[test]
fn what_was_handed_over_is_durable_when_the_committer_has_stopped() {
    let ledger = Ledger::in_memory().unwrap();
    let committer = Committer::start(ledger.clone(), Options::default()).unwrap();
    let (release, holding) = held(&committer);
    let mut ctx = Context::from_waker(Waker::noop());
    let mut future = Box::pin(committer.record(at(1), Actor::Daemon, vec![note(1)]));
    assert!(future.as_mut().poll(&mut ctx).is_pending());
    drop(future); // Nobody waits for it any more.
    release.wait();
    committer.stop();
    holding.join().unwrap().unwrap();
    assert_eq!(subjects(&ledger), ["number 000001"]);
    let error = wait(committer.record(at(2), Actor::Daemon, vec![note(2)])).unwrap_err();
    assert_eq!(error.code().as_str(), "LED-007");
    let late = committer.submit_blocking(at(2), Actor::Daemon, |_| Ok::<(), Error>(()));
    assert!(matches!(late, Err(Error::Stopped { .. })));
}

/// The committer keeps people with a call out in memory. What somebody else writes meanwhile, and what
/// was given up, must never be covered by that.
#[test]
fn people_with_a_call_out_are_as_the_ledger_has_them() {
    let ledger = Ledger::in_memory().unwrap();
    let first = join(&ledger, 0, &["1", "2"], &["crm"]);
    let committer = Committer::start(ledger.clone(), Options::default()).unwrap();
    let record = |fact: Fact| wait(committer.record(at(1), Actor::Daemon, vec![fact]));
    let made = |key, number, object| completed(key, "crm", operation_id(first, number), object);
    record(dispatched("1", "crm", operation_id(first, 1))).unwrap();
    record(dispatched("2", "crm", operation_id(first, 3))).unwrap();

    // A plan past the committer: everybody has left.
    let leaving = ledger.write(at(2), Actor::Daemon, |writer| {
        let id = writer.next_plan();
        let people = [("1", 1), ("2", 11)].map(|(key, number)| leaver(id, key, &["crm"], number));
        plan(writer, people)
    });
    let leaving = leaving.unwrap();
    record(made("1", 1, "u1")).unwrap();
    let found = ledger.read().unwrap().person(&person("1")).unwrap();
    assert_eq!(found.unwrap().plan, leaving);

    // An outcome that is refused, because the account is another person's, leaves no trace.
    let refused = record(made("2", 3, "u1")).unwrap_err();
    assert!(matches!(refused, Error::LinkedTwice { .. }), "{refused}");
    record(made("2", 3, "u2")).unwrap();
    let found = ledger
        .read()
        .unwrap()
        .person(&person("2"))
        .unwrap()
        .unwrap();
    assert_eq!(found.plan, leaving);
    assert_eq!(
        found.accounts[&target("crm")].object.as_ref().unwrap().id,
        "u2"
    );
    assert!(check(&ledger, |_| {}).unwrap().is_clean());
}

#[test]
fn whoever_follows_the_journal_gets_each_entry_once_and_is_woken_by_each_commit() {
    let ledger = Ledger::in_memory().unwrap();
    join(&ledger, 0, &["alice"], &["crm"]);
    let committer = Committer::start(ledger.clone(), Options::default()).unwrap();
    let first = ledger.read().unwrap().next_seq();
    let mut tail = ledger.tail(0);
    let (tell, told) = mpsc::channel();
    let follower = thread::spawn(move || {
        loop {
            match wait(tail.next()) {
                Ok(entries) => entries
                    .iter()
                    .for_each(|entry| tell.send(entry.seq).unwrap()),
                Err(error) => return error,
            }
        }
    });
    for number in 0..300 {
        let work = move |writer: &mut Writer<'_>| writer.record(note(number)).map(drop);
        if number % 2 == 0 {
            ledger.write(at(1), Actor::Daemon, work).unwrap();
        } else {
            committer
                .submit_blocking(at(1), Actor::Daemon, work)
                .unwrap();
        }
    }
    let next = ledger.read().unwrap().next_seq();
    assert_eq!(next, first + 300);
    // Whoever begins where another one ended gets the rest, and waits for what is not there yet.
    let mut late = ledger.tail(next - 1);
    assert_eq!(wait(late.next()).unwrap().len(), 1);
    assert_eq!(late.next_seq(), next);
    let waiting = thread::spawn(move || wait(late.next()));
    ledger
        .write(at(2), Actor::Daemon, |writer| {
            writer.record(note(300)).map(drop)
        })
        .unwrap();
    assert_eq!(waiting.join().unwrap().unwrap().len(), 1);
    // The last entry is committed, and whoever follows gets there before the ledger closes.
    let mut got: Vec<u64> = Vec::new();
    while got.last() != Some(&next) {
        got.push(told.recv_timeout(Duration::from_mins(1)).unwrap());
    }
    let all: Vec<u64> = (got[0]..=next).collect();
    assert_eq!(got, all, "each once and in its order");
    let mut last = ledger.tail(next + 1);
    let waiting = thread::spawn(move || wait(last.next()).err());
    committer.stop();
    drop(committer);
    ledger.close(Duration::from_mins(1)).unwrap();
    let stopped = waiting.join().unwrap();
    assert!(
        matches!(stopped, Some(Error::Stopped { .. })),
        "{stopped:?}"
    );
    let stopped = follower.join().unwrap();
    assert!(matches!(stopped, Error::Stopped { .. }), "{stopped:?}");
    assert_eq!(told.iter().next(), None, "nothing twice");
}
