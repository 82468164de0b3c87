//! Trying again: the pause grows from one failure to the next, and each cause is logged once.

use std::collections::BTreeSet;
use std::time::Duration;

/// Most causes that are remembered; beyond them one may be logged again.
const CAUSES_MAX: usize = 32;

/// How something stands that is tried until it succeeds.
#[derive(Debug)]
pub(crate) struct Retrying {
    pause_min: Duration,
    pause_max: Duration,
    failures: u32,
    said: BTreeSet<String>,
}

impl Retrying {
    /// Nothing has failed yet. The first pause is `pause_min`, each further one twice as long, and none
    /// longer than `pause_max`.
    pub(crate) fn new(pause_min: Duration, pause_max: Duration) -> Self {
        Self {
            pause_min,
            pause_max,
            failures: 0,
            said: BTreeSet::new(),
        }
    }

    /// Records a failure with this cause. Returns whether to log it: once for each cause.
    pub(crate) fn failed(&mut self, cause: &str) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.said.len() >= CAUSES_MAX {
            self.said.clear();
        }
        self.said.insert(cause.to_owned())
    }

    /// How long to wait before the next attempt; zero while nothing failed.
    pub(crate) fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => self
                .pause_min
                .saturating_mul(1 << (failures - 1).min(20))
                .min(self.pause_max),
        }
    }

    /// Records a success. Returns whether it had failed before.
    pub(crate) fn succeeded(&mut self) -> bool {
        self.said.clear();
        std::mem::take(&mut self.failures) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c14_pauses_grow_to_their_bound_and_each_cause_is_logged_once() {
        let mut retrying = Retrying::new(Duration::from_secs(1), Duration::from_secs(5));
        assert_eq!(retrying.pause(), Duration::ZERO);
        let mut pauses = Vec::new();
        let mut logged = Vec::new();
        for cause in ["full", "full", "gone", "full", "gone"] {
            logged.push(retrying.failed(cause));
            pauses.push(retrying.pause().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
        assert_eq!(logged, [true, false, true, false, false]);
        assert!(retrying.succeeded());
        assert!(!retrying.succeeded());
        assert!(retrying.failed("full"), "it is news again");
        assert_eq!(retrying.pause().as_secs(), 1);
    }
}
