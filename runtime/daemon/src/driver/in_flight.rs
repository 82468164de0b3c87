//! What the driver of one target has in flight: which accounts come next, which steps are claimed, which
//! calls are out, and what came back and is not recorded yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use muster_core::coded::chain;
use muster_core::id::PersonId;
use muster_core::operation::Urgency;
use muster_ledger::Error;
use muster_ledger::kept::Lane;
use tokio::task::JoinSet;

use super::claimed::Claimed;
use super::pace::Pace;
use super::round::{Piece, Recorded, Round};
use super::work::Claim;
use super::{Driver, LEDGER_PAUSE, LEDGER_PAUSE_MAX, SLEEP_MAX, read_back};
use crate::clock::{Moment, Retrying, until};
use crate::targets::Standing;

/// Accounts that are read ahead for each call that may be out. They are claimed in the order in which they
/// were read.
const READ_AHEAD: usize = 4;

/// How long what came back waits for more, while claimed steps keep the app busy.
const LINGER: Duration = Duration::from_millis(5);

/// How long what was read ahead counts: something more urgent may come due by itself.
const READ_EVERY: Duration = Duration::from_secs(1);

/// How many calls may be out at once.
fn calls_max(driver: &Driver) -> usize {
    match driver.target.gate().standing() {
        Standing::Open => driver.target.concurrency(),
        Standing::Ajar => 1,
        Standing::Shut(_) => 0,
    }
}

/// What a driver has in flight. An account is in it from the moment when a round is to claim its step until
/// a round has recorded what came of its last one.
pub(super) struct InFlight {
    /// Whose they are.
    busy: BTreeSet<PersonId>,
    /// Whose come next, most urgent first.
    next: VecDeque<(Urgency, PersonId)>,
    /// Steps whose intent is durable and that have not begun.
    claimed: Claimed<Box<Claim>>,
    /// Steps that are being taken.
    calls: JoinSet<Piece>,
    /// What came back.
    ended: Vec<Piece>,
    /// Since when some of that waits to be recorded.
    first_ended_at: Option<Moment>,
    /// How many have come back since the last round began.
    during: usize,
    /// How many come back while a round is made.
    pace: Pace,
    /// Whether something more urgent may have come in.
    has_news: bool,
    /// When it was last read whose accounts come next.
    read_at: Option<Moment>,
    /// Accounts that the ledger refused, and when they may be tried again.
    refused: Vec<(Moment, PersonId)>,
    /// How often the ledger refused the account of whom.
    refusals: BTreeMap<PersonId, Retrying>,
    /// How reading from the ledger stands, and what was said of it.
    ledger: Retrying,
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            busy: BTreeSet::new(),
            next: VecDeque::new(),
            claimed: Claimed::default(),
            calls: JoinSet::new(),
            ended: Vec::new(),
            first_ended_at: None,
            during: 0,
            pace: Pace::default(),
            has_news: false,
            read_at: None,
            refused: Vec::new(),
            refusals: BTreeMap::new(),
            ledger: Retrying::new(LEDGER_PAUSE, LEDGER_PAUSE_MAX),
        }
    }
}

impl InFlight {
    /// Whether nothing is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.busy.len() == self.refused.len()
    }

    /// Begins claimed steps, the most urgent first, as many as may be out at once.
    pub(super) fn start_calls(&mut self, driver: &Driver) {
        while self.calls.len() < calls_max(driver) {
            let Some(mut claim) = self.claimed.pop() else {
                return;
            };
            claim.follow_settings(&driver.target);
            let driver = driver.clone();
            self.calls.spawn(async move {
                let (settled, read_back) = read_back::take(&driver, claim).await;
                Piece::Settle(Box::new(settled), read_back.map(Box::new))
            });
        }
    }

    /// Waits until a call has ended, and takes in all that have. None: no call is out.
    pub(super) async fn call_ended(&mut self, driver: &Driver) -> Option<()> {
        let mut ended = self.calls.join_next().await;
        ended.as_ref()?;
        while let Some(call) = ended {
            self.first_ended_at
                .get_or_insert_with(|| driver.clock.moment());
            self.during += 1;
            match call {
                Ok(piece) => self.ended.push(piece),
                // A step that panics says so itself, and none is ever aborted.
                Err(error) => {
                    tracing::error!(%error, "a step was lost; it is looked at after a restart");
                }
            }
            ended = self.calls.try_join_next();
        }
        Some(())
    }

    /// Forgets what was read ahead.
    pub(super) fn read_again(&mut self) {
        self.next.clear();
        self.has_news = true;
    }

    /// What is to be recorded next: what came back and, unless the daemon stops, the steps that may be
    /// claimed. Where there is nothing, how long that stays so.
    pub(super) fn next_round(
        &mut self,
        driver: &Driver,
        is_stopping: bool,
    ) -> Result<Round, Duration> {
        if !is_stopping && let Some(wait) = self.linger(driver) {
            return Err(wait);
        }
        self.first_ended_at = None;
        let had_news = std::mem::take(&mut self.has_news);
        self.during = 0;
        let mut pieces = std::mem::take(&mut self.ended);
        let is_shut = matches!(driver.target.gate().standing(), Standing::Shut(_));
        let goes_on = !is_stopping && !is_shut && driver.target.is_usable();
        let mut wait = SLEEP_MAX;
        if is_stopping || is_shut {
            self.give_back(&mut pieces, |_| true);
        } else if had_news && let Err(error) = self.give_back_outdated(driver, &mut pieces) {
            self.unreadable(driver, &error);
            self.has_news = true;
        }
        if goes_on {
            match self.claim(driver, &mut pieces) {
                Ok(idle) => {
                    wait = idle;
                    if !self.has_news {
                        self.ledger.succeeded();
                    }
                }
                Err(error) => {
                    self.unreadable(driver, &error);
                    wait = self.ledger.pause();
                }
            }
        }
        if pieces.is_empty() {
            return Err(wait);
        }
        Ok(Round { pieces, goes_on })
    }

    /// Says, once for each cause, that the ledger could not be used.
    pub(super) fn unreadable(&mut self, driver: &Driver, error: &Error) {
        let text = chain(error);
        if self.ledger.failed(&text) {
            tracing::error!(target_name = %driver.target.name(), error = text, "could not read what is due; it is tried again");
        }
    }

    /// Returns the claimed steps to the queue that a newer plan has touched: it may not want them any more, or want
    /// something else first.
    fn give_back_outdated(
        &mut self,
        driver: &Driver,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Error> {
        let reader = driver.ledger.read()?;
        let is_current = |claim: &Claim| {
            let person = reader.person(&claim.person);
            // Whom the ledger does not show is given back as well: that can do no harm.
            person.is_ok_and(|person| person.is_some_and(|person| person.plan == claim.plan))
        };
        self.give_back(pieces, |claim| !is_current(claim));
        Ok(())
    }

    fn give_back(&mut self, pieces: &mut Vec<Piece>, is_meant: impl Fn(&Claim) -> bool) {
        let claims = self.claimed.take_out(|claim| is_meant(claim));
        pieces.extend(claims.into_iter().map(Piece::GiveBack));
    }

    /// How long the next round may wait for company: a round costs about as much for one call as for fifty,
    /// and as long as claimed steps are left the app has something to do.
    fn linger(&self, driver: &Driver) -> Option<Duration> {
        if self.claimed.len() <= self.pace.expected() || self.has_news {
            return None;
        }
        let waited = driver.clock.moment().since(self.first_ended_at?);
        LINGER.checked_sub(waited)
    }

    /// Adds the accounts whose step is to be claimed. Returns how long there is nothing to do if there
    /// is none.
    fn claim(&mut self, driver: &Driver, pieces: &mut Vec<Piece>) -> Result<Duration, Error> {
        let calls_max = calls_max(driver);
        if self.busy.is_empty() {
            self.pace = Pace::default();
        }
        let ahead = match driver.target.gate().standing() {
            Standing::Open => self.pace.ahead(),
            Standing::Ajar | Standing::Shut(_) => 0,
        };
        // A round that claims much more than it settles takes so long that the app waits for it.
        let chosen_max = calls_max + pieces.len() + pieces.len() / 2;
        let mut chosen = 0;
        let moment = driver.clock.moment();
        if self.read_at.is_none_or(|at| moment.since(at) >= READ_EVERY) {
            self.next.clear();
        }
        loop {
            let Some((urgency, person)) = self.next.pop_front() else {
                match self.read_ahead(driver)? {
                    Some(wait) => return Ok(wait),
                    None => continue,
                }
            };
            let free = calls_max.saturating_sub(self.calls.len());
            let room = self.claimed.room(urgency, free, calls_max, ahead);
            if chosen >= room.min(chosen_max) {
                self.next.push_front((urgency, person));
                return Ok(READ_EVERY);
            }
            if self.busy.insert(person.clone()) {
                pieces.push(Piece::Claim(person));
                chosen += 1;
            }
        }
    }

    /// Reads whose account has a step to be taken now. Where there is none, gives how long that
    /// stays so.
    fn read_ahead(&mut self, driver: &Driver) -> Result<Option<Duration>, Error> {
        let (reader, target) = (driver.ledger.read()?, driver.target.name());
        let now = driver.clock.now();
        let moment = driver.clock.moment();
        self.read_at = Some(moment);
        let refused = self.refused.extract_if(.., |(until, _)| *until <= moment);
        for (_, person) in refused {
            self.busy.remove(&person);
        }
        let limit = self.busy.len() + driver.target.concurrency() * READ_AHEAD;
        let due = reader.due(target, now, limit)?;
        let was_all = due.len() < limit;
        self.next
            .extend(due.into_iter().filter_map(|due| match due.lane {
                Lane::Ready(urgency) if !self.busy.contains(&due.person) => {
                    Some((urgency, due.person))
                }
                Lane::Ready(_) | Lane::InFlight => None,
            }));
        if !self.next.is_empty() {
            return Ok(None);
        }
        let next_at = if was_all {
            reader.next_due_at(target)?
        } else {
            None
        };
        // What shows as due and is busy ends by itself, which wakes the loop; it hides what comes due after it.
        let most = if self.busy.is_empty() {
            SLEEP_MAX
        } else {
            READ_EVERY
        };
        let next_at = next_at.filter(|at| *at > now || self.busy.is_empty());
        Ok(Some(next_at.map_or(most, |at| until(at, now).min(most))))
    }

    /// Takes in what a round came to.
    pub(super) fn take(&mut self, driver: &Driver, recorded: Vec<Recorded>) {
        let ran_dry = self.claimed.len() == 0;
        self.pace.learn(self.during, ran_dry);
        for recorded in recorded {
            match recorded.next {
                Some(claim) => self.claimed.push(claim.urgency, claim),
                None => {
                    if let Some(error) = recorded.refused {
                        self.refuse(driver, &recorded.person, &error);
                    } else {
                        self.refusals.remove(&recorded.person);
                        self.busy.remove(&recorded.person);
                    }
                }
            }
        }
    }

    /// Leaves an account alone that the ledger refused, the longer the more often it did.
    fn refuse(&mut self, driver: &Driver, person: &PersonId, error: &Error) {
        let text = chain(error);
        let pauses = Retrying::new(LEDGER_PAUSE, LEDGER_PAUSE_MAX);
        let refusals = self.refusals.entry(person.clone()).or_insert(pauses);
        let of_person = refusals.failed(&text);
        self.refused
            .push((driver.clock.moment() + refusals.pause(), person.clone()));
        // What no account can be recorded because of is said once, and not of each.
        let is_news = if error.is_lasting() {
            self.ledger.failed(&text)
        } else {
            of_person
        };
        if is_news {
            tracing::error!(target_name = %driver.target.name(), %person, error = text, "could not record a step; it is tried again");
        }
    }
}
