//! Rate budgets: so many requests a minute per bucket of a target.
//!
//! A bucket lets a short burst through and then paces. Whoever would have to wait longer than the
//! call has time is told so at once, and has sent nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The part of a minute's requests that may go at once.
const BURST_PART: f64 = 1.0 / 12.0;

/// The budgets of one target, by bucket.
#[derive(Default)]
pub(crate) struct Rates(Mutex<BTreeMap<String, Bucket>>);

struct Bucket {
    /// Requests that may go now; negative where some are already waiting.
    left: f64,
    filled: Instant,
    paused_until: Option<Instant>,
}

impl Rates {
    /// Takes one request out of a bucket: how long to wait for it, or `None` if that is longer
    /// than `wait_max`.
    pub(crate) fn take(
        &self,
        bucket: &str,
        per_minute: u32,
        wait_max: Duration,
        now: Instant,
    ) -> Option<Duration> {
        let per_second = f64::from(per_minute.max(1)) / 60.0;
        let burst = (f64::from(per_minute) * BURST_PART).max(1.0);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(bucket.to_owned()).or_insert_with(|| Bucket {
            left: burst,
            filled: now,
            paused_until: None,
        });
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.left = (bucket.left + since * per_second).min(burst);
        bucket.filled = now;
        let pause = bucket
            .paused_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let short = (1.0 - bucket.left).max(0.0) / per_second;
        let wait = Duration::try_from_secs_f64(short)
            .unwrap_or(Duration::MAX)
            .max(pause);
        if wait > wait_max {
            return None;
        }
        bucket.left -= 1.0;
        Some(wait)
    }

    /// Lets nothing out of a bucket for a while, because the app asked for it.
    pub(crate) fn pause(&self, bucket: &str, pause: Duration, now: Instant) {
        let Some(until) = now.checked_add(pause) else {
            return;
        };
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(bucket.to_owned()).or_insert_with(|| Bucket {
            left: 1.0,
            filled: now,
            paused_until: None,
        });
        bucket.paused_until = bucket.paused_until.max(Some(until));
    }

    /// Ends every pause: somebody asks for it.
    pub(crate) fn resume(&self) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets
            .values_mut()
            .for_each(|bucket| bucket.paused_until = None);
    }

    /// What is left of a pause.
    pub(crate) fn paused(&self, bucket: &str, now: Instant) -> Option<Duration> {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = buckets.get(bucket)?.paused_until?;
        let left = until.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_a_burst_through_and_then_paces() {
        let (rates, now) = (Rates::default(), Instant::now());
        let long = Duration::from_mins(1);
        let waits: Vec<_> = (0..7)
            .map(|_| rates.take("api", 60, long, now).unwrap())
            .collect();
        assert!(waits[..5].iter().all(Duration::is_zero), "{waits:?}");
        assert!(
            waits[5] > Duration::from_millis(900) && waits[6] > waits[5],
            "{waits:?}"
        );
        assert_eq!(
            rates.take("api", 60, long, now + long),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn what_cannot_wait_that_long_is_told_at_once() {
        let (rates, now) = (Rates::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(rates.take("api", 1, second, now), Some(Duration::ZERO));
        assert_eq!(rates.take("api", 1, second, now), None);
        rates.pause("other", 10 * second, now);
        assert_eq!(rates.take("other", 6000, second, now), None);
        assert_eq!(
            rates.take("other", 6000, 20 * second, now),
            Some(10 * second)
        );
        assert_eq!(rates.paused("other", now + 20 * second), None);
        rates.pause("other", 60 * second, now);
        rates.resume();
        assert_eq!(rates.paused("other", now), None, "somebody asked for it");
    }
}
