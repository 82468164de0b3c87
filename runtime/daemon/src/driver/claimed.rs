//! Steps that are claimed and have not begun: the most urgent first, and among those of one urgency the
//! one that was claimed first.

use std::collections::{BTreeMap, VecDeque};

use muster_core::operation::Urgency;

/// Claimed steps.
pub(super) struct Claimed<T>(BTreeMap<Urgency, VecDeque<T>>);

impl<T> Default for Claimed<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Claimed<T> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(VecDeque::len).sum()
    }

    /// Adds one.
    pub(super) fn push(&mut self, urgency: Urgency, step: T) {
        self.0.entry(urgency).or_default().push_back(step);
    }

    /// Takes the one that goes next.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut first = self.0.first_entry()?;
        let step = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        step
    }

    /// Takes those out of which `is_meant` is true.
    pub(super) fn take_out(&mut self, mut is_meant: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        for steps in self.0.values_mut() {
            for step in std::mem::take(steps) {
                if is_meant(&step) {
                    taken.push(step);
                } else {
                    steps.push_back(step);
                }
            }
        }
        self.0.retain(|_, steps| !steps.is_empty());
        taken
    }

    /// How many more of an urgency may be claimed, with `free` calls that could begin at once, of at most
    /// `calls_max`, and `ahead` that may wait. What is less urgent is overtaken: it takes no room away, and
    /// where it fills what is in flight, as many as may be called at once are claimed all the same.
    pub(super) fn room(
        &self,
        urgency: Urgency,
        free: usize,
        calls_max: usize,
        ahead: usize,
    ) -> usize {
        let before: usize = self.0.range(..=urgency).map(|(_, steps)| steps.len()).sum();
        let overtakes = self.0.keys().any(|claimed| *claimed > urgency);
        let room = free + ahead;
        let room = if overtakes { room.max(calls_max) } else { room };
        room.saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_goes_first_and_among_equals_the_first() {
        let mut claimed = Claimed::default();
        claimed.push(Urgency::Joiner, "joiner 1");
        claimed.push(Urgency::Routine, "routine");
        claimed.push(Urgency::Joiner, "joiner 2");
        claimed.push(Urgency::Leaver, "leaver");
        assert_eq!(claimed.len(), 4);
        let order: Vec<_> = std::iter::from_fn(|| claimed.pop()).collect();
        assert_eq!(order, ["leaver", "joiner 1", "joiner 2", "routine"]);
        assert_eq!(claimed.len(), 0);
    }

    #[test]
    fn what_is_taken_out_leaves_the_others_in_their_order() {
        let mut claimed = Claimed::default();
        for number in 1..=6 {
            let urgency = if number % 2 == 0 {
                Urgency::Mover
            } else {
                Urgency::Joiner
            };
            claimed.push(urgency, number);
        }
        assert_eq!(
            claimed.take_out(|number| *number == 2 || *number > 4),
            [2, 6, 5]
        );
        let order: Vec<_> = std::iter::from_fn(|| claimed.pop()).collect();
        assert_eq!(order, [4, 1, 3]);
    }

    #[test]
    fn nothing_is_claimed_ahead_of_a_slow_app() {
        let claimed: Claimed<()> = Claimed::default();
        assert_eq!(claimed.room(Urgency::Joiner, 4, 4, 0), 4);
        assert_eq!(claimed.room(Urgency::Joiner, 1, 4, 0), 1);
        assert_eq!(
            claimed.room(Urgency::Leaver, 0, 4, 0),
            0,
            "it could not begin"
        );
    }

    #[test]
    fn a_leaver_has_room_however_many_joiners_are_claimed() {
        let mut claimed = Claimed::default();
        for joiner in 0..16 {
            claimed.push(Urgency::Joiner, joiner);
        }
        // The app has stopped answering: every call is out, and nothing comes back.
        assert_eq!(claimed.room(Urgency::Joiner, 0, 4, 16), 0);
        assert_eq!(claimed.room(Urgency::Leaver, 0, 4, 0), 4);
        claimed.push(Urgency::Leaver, 99);
        assert_eq!(claimed.room(Urgency::Leaver, 0, 4, 0), 3);
        assert_eq!(claimed.pop(), Some(99));
    }
}
