//! The time as a drop folder takes it: whoever watches the folder brings it, and the folder asks nobody else.

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What time it is, and how much of it passes. The two are apart: somebody may set the machine's clock, and no rest
/// gets shorter or longer by that.
pub trait Time: Send + Sync + fmt::Debug {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// How much time has passed since some beginning.
    fn passed(&self) -> Duration;
    /// Waits until that much has passed since the same beginning.
    fn until(&self, passed: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The time of this machine.
#[derive(Debug)]
pub struct MachineTime {
    begun: Instant,
}

impl MachineTime {
    /// Begins to measure now.
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
        }
    }
}

impl Time for MachineTime {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn passed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn until(&self, passed: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let rest = passed.saturating_sub(self.passed());
        Box::pin(tokio::time::sleep(rest))
    }
}
