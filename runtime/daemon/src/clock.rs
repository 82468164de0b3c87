//! The daemon's clock: the one place where the time of day enters.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time. Cheap to clone; tests bring their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn of_machine() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that asks this.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time, to the microsecond: what the ledger keeps of it.
    pub fn now(&self) -> Timestamp {
        let now = (self.0)();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// The clock as the plugin host takes it.
    pub fn for_host(&self) -> muster_host::Clock {
        Arc::clone(&self.0)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
