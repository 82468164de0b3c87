//! Rounds in which ours and the peer take turns.

use std::time::{Duration, Instant};

/// What the rounds took.
#[derive(Default)]
pub(crate) struct Rounds {
    ours: Vec<Duration>,
    peers: Vec<Duration>,
}

impl Rounds {
    /// Adds a round.
    pub(crate) fn add(&mut self, ours: Duration, peer: Duration) {
        self.ours.push(ours);
        self.peers.push(peer);
    }

    /// The median of the rounds' ratios. Both sides of a round met the same neighbours, which the
    /// two medians need not have.
    pub(crate) fn ratio(&self) -> f64 {
        let pairs = self.ours.iter().zip(&self.peers);
        let ratios = pairs.map(|(ours, peer)| ours.as_secs_f64() / peer.as_secs_f64());
        median(ratios.collect())
    }

    /// Our median.
    pub(crate) fn ours(&self) -> Duration {
        median_of(&self.ours)
    }

    /// The peer's median.
    pub(crate) fn peer(&self) -> Duration {
        median_of(&self.peers)
    }

    /// How many rounds there were.
    pub(crate) fn count(&self) -> usize {
        self.ours.len()
    }
}

/// The middle one; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn median_of(times: &[Duration]) -> Duration {
    Duration::from_secs_f64(median(times.iter().map(Duration::as_secs_f64).collect()))
}

/// How long a piece of work takes, and what it returns.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let made = work();
    (began.elapsed(), made)
}

/// Milliseconds, to be read.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
