//! Whether an app accepts a target's credentials. Where it does not, the fault is one, and so is the attempt:
//! the target is tried now and then, and whatever is to be done there waits without a bad login of its own.
//!
//! Credentials are refused by the first call that says so. From then on no call leaves but the connector's
//! probe, after pauses that grow. Where that succeeds, one operation is let through at a time, because some
//! apps let a probe pass without looking at the credentials; the first that succeeds opens it for all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_core::connector::Problem;

use crate::clock::{Clock, Moment};

/// The pause after the first refusal; doubled with each further one.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(15);

/// The longest pause while somebody waits who was not there when it began: a leaver, say.
const PAUSE_WITH_NEWS: Duration = Duration::from_mins(1);

/// Whether calls may leave.
pub struct Gate {
    clock: Clock,
    refused: Mutex<Option<Refused>>,
}

struct Refused {
    text: String,
    times: u32,
    tried_at: Moment,
    next_at: Moment,
    is_ajar: bool,
}

/// Which calls may leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// All.
    Open,
    /// One at a time: the probe succeeded, and nothing else has yet.
    Ajar,
    /// None but the probe, and that after this long.
    Shut(Duration),
}

impl Gate {
    /// All calls may leave.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            refused: Mutex::default(),
        }
    }

    /// Which calls may leave now.
    pub fn standing(&self) -> Standing {
        match &*self.lock() {
            None => Standing::Open,
            Some(refused) if refused.is_ajar => Standing::Ajar,
            Some(refused) => Standing::Shut(refused.next_at.since(self.clock.moment())),
        }
    }

    /// What a call that may not leave is answered with.
    pub fn refusal(&self) -> Option<Problem> {
        let refused = self.lock();
        let shut = refused.as_ref().filter(|refused| !refused.is_ajar)?;
        Some(Problem::Unauthenticated(shut.text.clone()))
    }

    /// Takes in what came of a call that is not the probe. `has_asked`: an answer shows that the app was asked.
    pub fn learn(&self, failed: Option<&Problem>, has_asked: bool) {
        match failed {
            Some(Problem::Unauthenticated(text)) => self.refuse(text),
            None if has_asked => *self.lock() = None,
            // The app knows whom it refuses this.
            Some(
                Problem::Forbidden(_)
                | Problem::Conflict(_)
                | Problem::Stale
                | Problem::Invalid(_)
                | Problem::NoCapacity(_)
                | Problem::Guarded(_),
            ) => *self.lock() = None,
            _ => {}
        }
    }

    /// Takes in what came of the probe.
    pub fn probed(&self, failed: Option<&Problem>) {
        match failed {
            Some(Problem::Unauthenticated(text)) => self.refuse(text),
            None => self.set_ajar(),
            // It says nothing of the credentials; it is tried again as late as if it had refused them.
            Some(_) => {
                if let Some(refused) = &mut *self.lock() {
                    refused.again(self.clock.moment());
                }
            }
        }
    }

    /// Lets the next call leave, because somebody asks for it.
    pub fn set_ajar(&self) {
        if let Some(refused) = &mut *self.lock() {
            refused.is_ajar = true;
        }
    }

    /// Forgets what was refused: the credentials are others.
    pub fn reset(&self) {
        *self.lock() = None;
    }

    /// There is something new to do: the next attempt does not wait for the whole of a long pause.
    pub fn has_news(&self) {
        if let Some(refused) = &mut *self.lock() {
            refused.next_at = refused.next_at.min(refused.tried_at + PAUSE_WITH_NEWS);
        }
    }

    fn refuse(&self, text: &str) {
        let now = self.clock.moment();
        let mut refused = self.lock();
        match &mut *refused {
            // Calls that were out when the first was refused say nothing new.
            Some(before) if !before.is_ajar && now < before.next_at => {}
            Some(before) => {
                text.clone_into(&mut before.text);
                before.again(now);
            }
            None => {
                *refused = Some(Refused {
                    text: text.to_owned(),
                    times: 1,
                    tried_at: now,
                    next_at: now + PAUSE_MIN,
                    is_ajar: false,
                });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    /// Waits for the next attempt, longer than for the last one.
    fn again(&mut self, now: Moment) {
        let pause = PAUSE_MIN
            .saturating_mul(1 << self.times.min(20))
            .min(PAUSE_MAX);
        self.times = self.times.saturating_add(1);
        self.tried_at = now;
        self.next_at = self.tried_at + pause;
        self.is_ajar = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Problem {
        Problem::Unauthenticated("401".to_owned())
    }

    fn pause(gate: &Gate) -> Duration {
        match gate.standing() {
            Standing::Shut(pause) => pause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn c25_refused_credentials_are_tried_after_pauses_that_grow() {
        let gate = Gate::new(Clock::of_machine());
        gate.learn(Some(&refused()), true);
        assert!(gate.refusal().is_some());
        assert!(pause(&gate) <= PAUSE_MIN);
        let mut before = Duration::ZERO;
        for _ in 0..10 {
            gate.probed(Some(&refused()));
            gate.probed(None);
            assert_eq!(gate.standing(), Standing::Ajar);
            gate.learn(Some(&refused()), true);
            assert!(pause(&gate) > before, "although the probe succeeds");
            before = pause(&gate).saturating_sub(Duration::from_millis(100));
            if before > Duration::from_mins(14) {
                break;
            }
        }
        assert!(before <= PAUSE_MAX);
        gate.has_news();
        assert!(pause(&gate) <= PAUSE_WITH_NEWS);
        gate.set_ajar();
        gate.learn(None, true);
        assert_eq!(gate.standing(), Standing::Open);
    }

    #[test]
    fn c25_what_says_nothing_of_the_credentials_opens_nothing() {
        let gate = Gate::new(Clock::of_machine());
        gate.learn(Some(&refused()), true);
        let transient = Problem::Transient {
            text: String::new(),
            after_ms: None,
        };
        gate.learn(Some(&transient), true);
        gate.learn(None, false);
        gate.probed(Some(&transient));
        assert!(matches!(gate.standing(), Standing::Shut(_)));
        gate.learn(Some(&Problem::Conflict(None)), true);
        assert_eq!(gate.standing(), Standing::Open);
    }
}
