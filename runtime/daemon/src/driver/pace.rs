//! How many calls come back while a round is made durable: as many steps have to be claimed beforehand, or
//! the app waits for the disk.
//!
//! At an app that answers within 50 ms that is hardly ever one. At one that answers at once it is what the
//! processor and the disk make of it, a hundred and more, and it changes from one round to the next.

/// The most that is expected: what is claimed ahead has to be looked at after a kill.
const MAX: usize = 256;

/// The part that is forgotten with each round in which fewer came back.
const FORGOTTEN: usize = 40;

/// How many calls are expected to come back while the next round is made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace(usize);

impl Pace {
    /// How many.
    pub(super) fn expected(self) -> usize {
        self.0
    }

    /// How many steps may be claimed ahead: those that begin while a round is made, and those that it
    /// claims for the next one.
    pub(super) fn ahead(self) -> usize {
        2 * self.0
    }

    /// Takes in how many came back while a round was made. Where nothing was left to begin in the end,
    /// more would have: twice as many are expected then. Less is believed only slowly, because claiming
    /// too little leaves the app idle, and claiming too much costs nothing while all goes well.
    pub(super) fn learn(&mut self, came_back: usize, ran_dry: bool) {
        let kept = self.0 - self.0.div_ceil(FORGOTTEN);
        let expected = if ran_dry && came_back > 0 {
            2 * came_back.max(self.0)
        } else {
            // Half as many again: no two rounds take the same time.
            (came_back + came_back / 2).max(kept)
        };
        self.0 = expected.min(MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_claimed_ahead_of_an_app_that_is_slower_than_a_round() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.learn(0, true);
        }
        assert_eq!(pace.ahead(), 0);
    }

    #[test]
    fn it_grows_until_a_round_leaves_something_to_begin() {
        let mut pace = Pace::default();
        pace.learn(40, true);
        assert_eq!(pace.expected(), 80);
        pace.learn(70, true);
        assert_eq!(pace.expected(), 160);
        pace.learn(90, false);
        assert_eq!(pace.expected(), 156);
        pace.learn(120, false);
        assert_eq!(pace.expected(), 180);
    }

    #[test]
    fn it_is_bounded_and_ends_with_the_app_s_speed() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.learn(4, true);
        }
        assert_eq!(pace.expected(), MAX);
        for _ in 0..300 {
            pace.learn(0, false);
        }
        assert_eq!(pace.ahead(), 0);
    }
}
