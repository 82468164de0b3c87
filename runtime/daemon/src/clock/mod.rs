//! The daemon's clock: the one place where time enters. It says what time it is, measures how much time passes,
//! and waits for a moment. Every loop takes it as an argument and asks nobody else, so that a test can hand out
//! a clock that moves only when it is told: a day of the daemon passes in milliseconds then.
//!
//! What time it is and how much time passes are two things: somebody may set the machine's clock, and no pause gets
//! shorter or longer by that.
//!
//! Left out are the bounds of I/O at the doors, at a stop and of what the command line asks in its own process: a
//! client that sends nothing is not waited for, whatever the clock shows.

mod retrying;

use std::fmt;
use std::ops::Add;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::operation::later;
use muster_intake::folder::time::{MachineTime, Time};
use tokio::sync::watch;

pub(crate) use retrying::Retrying;

/// A point in the time that passes, by one clock. Says nothing of the time of day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment(Duration);

impl Moment {
    /// How much time has passed since an earlier moment; nothing since a later one.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, more: Duration) -> Moment {
        Moment(self.0.saturating_add(more))
    }
}

/// How long until an instant; nothing for one that has passed.
pub fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// Tells the time, and waits for it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Arc<dyn Time>);

impl Clock {
    /// The machine's clock.
    pub fn of_machine() -> Self {
        Self(Arc::new(MachineTime::begin()))
    }

    /// A clock that asks this for the time of day. What passes is the machine's time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(Showing {
            now: Box::new(now),
            passing: MachineTime::begin(),
        }))
    }

    /// A clock that shows this time until it is moved, and whoever moves it.
    pub fn given(now: Timestamp) -> (Self, GivenClock) {
        let given = GivenClock(Arc::new(watch::Sender::new(Given {
            now,
            passed: Duration::ZERO,
        })));
        (Self(Arc::new(given.clone())), given)
    }

    /// The time, to the microsecond: what the ledger keeps of it.
    pub fn now(&self) -> Timestamp {
        let now = self.0.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// This moment, to measure from.
    pub fn moment(&self) -> Moment {
        Moment(self.0.passed())
    }

    /// Waits for a moment.
    pub async fn sleep_until(&self, moment: Moment) {
        self.0.until(moment.0).await;
    }

    /// Waits until this much time has passed.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.moment() + duration).await;
    }

    /// Waits for something, but not longer than this; `None` if that was not long enough.
    pub async fn within<T>(&self, most: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.sleep(most) => None,
        }
    }

    /// The clock as the plugin host takes it.
    pub fn for_host(&self) -> muster_host::Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.now())
    }

    /// The clock as a drop folder takes it.
    pub fn for_folder(&self) -> Arc<dyn Time> {
        Arc::clone(&self.0)
    }
}

/// A time of day that somebody else knows.
struct Showing {
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    passing: MachineTime,
}

impl fmt::Debug for Showing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Showing")
    }
}

impl Time for Showing {
    fn now(&self) -> Timestamp {
        (self.now)()
    }

    fn passed(&self) -> Duration {
        self.passing.passed()
    }

    fn until(&self, passed: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.passing.until(passed)
    }
}

/// Moves a clock that was handed out with [`Clock::given`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GivenClock(Arc<watch::Sender<Given>>);

#[derive(Clone, Copy, Debug)]
struct Given {
    now: Timestamp,
    passed: Duration,
}

impl GivenClock {
    /// Lets time pass. Whoever waited for less is woken.
    pub fn pass(&self, time: Duration) {
        self.0.send_modify(|given| {
            given.now = later(given.now, time);
            given.passed = given.passed.saturating_add(time);
        });
    }
}

impl Time for GivenClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn passed(&self) -> Duration {
        self.0.borrow().passed
    }

    fn until(&self, passed: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut moved = self.0.subscribe();
        Box::pin(async move {
            // The clock outlives this borrow of it, so the channel is open.
            drop(moved.wait_for(|given| given.passed >= passed).await);
        })
    }
}
