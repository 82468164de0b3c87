//! Closes what is said of operations and does not hold any more: what a removal did not reach ends by itself, and an
//! operation can go in other ways than by ending.
//!
//! Level-triggered like everything here: all that is open is looked at again and again, so a way that nobody
//! thought of costs a minute and leaves no finding behind.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::finding::Code;
use muster_core::subject::Subject;
use muster_ledger::{Error, Ledger, Reader};
use tokio::sync::watch;

use crate::clock::{Clock, until};
use crate::findings::Findings;
use crate::findings::operation::{UNREACHABLE, WHILE_OPEN};

/// How long it sleeps at most.
const SLEEP_MAX: Duration = Duration::from_secs(10);

/// How long it sleeps at least, so that an instant that is just not reached is not asked for in circles.
const SLEEP_MIN: Duration = Duration::from_millis(200);

/// What is looked with.
pub(crate) struct Sweep {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) findings: Findings,
}

/// Looks again and again until the daemon stops.
pub(crate) async fn run(sweep: Arc<Sweep>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let looking = Arc::clone(&sweep);
        let looked = tokio::task::spawn_blocking(move || over(&looking)).await;
        let mut wait = SLEEP_MAX;
        match looked {
            Ok(Ok(over)) => {
                if let Some(at) = over.next_at {
                    wait = until(at, sweep.clock.now()).clamp(SLEEP_MIN, SLEEP_MAX);
                }
                for (subject, code) in over.closed {
                    sweep.findings.close(subject, [code]).await;
                }
            }
            Ok(Err(error)) => tracing::error!(%error, "could not see which findings are over"),
            Err(error) => tracing::error!(%error, "seeing which findings are over broke off"),
        }
        tokio::select! {
            () = sweep.clock.sleep(wait) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// What is over, and when the next will be.
#[derive(Default)]
struct Over {
    closed: Vec<(Subject, Code)>,
    next_at: Option<Timestamp>,
}

impl Over {
    fn close(&mut self, code: &Code, subject: Subject) {
        self.closed.push((subject, code.clone()));
    }
}

fn over(sweep: &Sweep) -> Result<Over, Error> {
    let (reader, now) = (sweep.ledger.read()?, sweep.clock.now());
    let mut over = Over::default();
    for code in &WHILE_OPEN {
        for kept in reader.findings_of(code)? {
            let subject = kept?.finding.subject;
            if let Some(false) = is_to_be_done(&reader, &subject)? {
                over.close(code, subject);
            }
        }
    }
    for kept in reader.findings_of(&UNREACHABLE)? {
        let subject = kept?.finding.subject;
        match goes_on_until(&reader, &subject, now)? {
            Some(at) => over.next_at = Some(over.next_at.map_or(at, |next_at| next_at.min(at))),
            None => over.close(&UNREACHABLE, subject),
        }
    }
    Ok(over)
}

/// Whether the operation that a finding is about has not ended; `None` if it is about no operation.
fn is_to_be_done(reader: &Reader, subject: &Subject) -> Result<Option<bool>, Error> {
    let Subject::Operation(person, target, id) = subject else {
        return Ok(None);
    };
    let person = reader.person(person)?;
    let account = person.and_then(|mut person| person.accounts.remove(target));
    let mut operations = account.iter().flat_map(|account| &account.operations);
    Ok(Some(operations.any(|open| open.id == *id)))
}

/// Until when something goes on that a removal did not reach; `None` once nothing does.
fn goes_on_until(
    reader: &Reader,
    subject: &Subject,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let Subject::Operation(person, target, id) = subject else {
        return Ok(None);
    };
    let person = reader.person(person)?;
    let account = person.and_then(|mut person| person.accounts.remove(target));
    let taken = account.iter().flat_map(|account| account.taken.values());
    let taken = taken.filter(|taken| taken.operation == *id);
    let ends = taken.flat_map(|taken| taken.open_at(now).map(|unreached| taken.ends(unreached)));
    Ok(ends.max())
}
