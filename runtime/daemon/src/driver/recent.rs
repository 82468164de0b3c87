//! What was written at a target a moment ago, so that what the app shows of it may be what was before.
//!
//! An app that reads from a copy of what it writes shows for a moment the state before the last write. Where the
//! connector says for how long, every look waits for that. Where it says nothing, a look can be wrong in one way
//! that nobody would notice: it shows the state that an earlier call ended and that a later one is to bring about
//! again. So "it is so already", and a look that is to say what became of a call, are believed of one and the
//! same thing only once the last write to it by another operation is a few seconds old. In the same way, that a
//! call did nothing is believed once the call itself is that old: until then a newer plan has to reckon with it.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_core::connector::EntitlementKey;
use muster_core::id::{OperationId, PersonId};
use muster_core::operation::Action;

use crate::clock::Moment;

/// How old a write is that every look shows, where the connector says nothing.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// The most writes that are kept; the oldest go first.
const KEPT_MAX: usize = 20_000;

/// What of an account a write is about.
#[derive(Clone, Copy, Hash)]
enum Subject<'a> {
    Attributes,
    State,
    Right(&'a EntitlementKey),
}

impl<'a> Subject<'a> {
    fn of(action: &'a Action) -> Option<Self> {
        match action {
            Action::EnsureAccount(_) => Some(Self::Attributes),
            Action::EnsureState(_) => Some(Self::State),
            Action::EnsureGranted(key) | Action::EnsureRevoked(key) => Some(Self::Right(key)),
            // Nothing brings back what these end.
            Action::EndSessions
            | Action::RevokeCredentials
            | Action::TransferOwned(_)
            | Action::EnsureAbsent => None,
        }
    }
}

/// The digest of whose, and what; nobody's is a right, whoever was given it or lost it. Two things with one digest
/// would wait for each other for a moment, which harms neither.
type Thing = u64;

#[derive(Clone, Copy, Debug)]
struct Last {
    by: OperationId,
    at: Moment,
    /// When another operation wrote last before that one.
    other: Option<Moment>,
}

#[derive(Debug, Default)]
struct Writes {
    last: HashMap<Thing, Last>,
    order: VecDeque<(Moment, Thing)>,
}

/// When what was last written to at a target.
#[derive(Debug)]
pub struct Recent {
    /// Of what was written before, nothing is known.
    since: Moment,
    digests: RandomState,
    writes: Mutex<Writes>,
}

/// How long what the app shows may be older than what was done, each from one instant on.
#[derive(Clone, Copy, Default)]
pub(super) struct Freshness {
    /// How long it may still be from before another operation wrote it.
    pub(super) unsettled: Duration,
    /// How long it may be from before this operation wrote it.
    pub(super) unshown: Duration,
    /// How long it may be that who has a right is shown without somebody who has it: at services that replace
    /// members, a call about somebody else throws everybody out and puts them back a moment later.
    pub(super) contested: Duration,
}

impl Recent {
    /// Nothing is known from before this instant.
    pub fn new(since: Moment) -> Self {
        Self {
            since,
            digests: RandomState::new(),
            writes: Mutex::default(),
        }
    }

    fn writes(&self) -> MutexGuard<'_, Writes> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thing(&self, person: Option<&PersonId>, subject: Subject<'_>) -> Thing {
        self.digests.hash_one((person, subject))
    }

    /// A call of this operation left, and may have been carried out until now.
    pub(super) fn wrote(&self, person: &PersonId, by: OperationId, action: &Action, now: Moment) {
        let Some(subject) = Subject::of(action) else {
            return;
        };
        let mut writes = self.writes();
        writes.forget(now);
        if let Subject::Right(_) = subject {
            writes.add(self.thing(None, subject), by, now);
        }
        writes.add(self.thing(Some(person), subject), by, now);
    }

    /// How fresh it is what the app shows of what an operation is about.
    pub(super) fn freshness(
        &self,
        person: &PersonId,
        by: OperationId,
        action: &Action,
        now: Moment,
    ) -> Freshness {
        let Some(subject) = Subject::of(action) else {
            return Freshness::default();
        };
        let writes = self.writes();
        let last_of = |person| writes.last.get(&self.thing(person, subject)).copied();
        let last = last_of(Some(person));
        let by_another =
            |last: Option<Last>| self.until_settled(last.and_then(|last| last.before(by)), now);
        // An attempt of before the start may be the last thing that was done there.
        let own = last.filter(|last| last.by == by).map(|last| last.at);
        Freshness {
            unsettled: by_another(last),
            unshown: self.until_settled(own, now),
            contested: match subject {
                Subject::Right(_) => by_another(last_of(None)),
                Subject::Attributes | Subject::State => Duration::ZERO,
            },
        }
    }

    /// How long a write may not be shown yet. One that is not known may have been done until the start.
    fn until_settled(&self, at: Option<Moment>, now: Moment) -> Duration {
        let age = now.since(at.unwrap_or(self.since));
        SETTLED_AFTER.saturating_sub(age)
    }
}

impl Last {
    /// When another operation than this one wrote last.
    fn before(self, by: OperationId) -> Option<Moment> {
        if self.by == by {
            self.other
        } else {
            Some(self.at)
        }
    }
}

impl Writes {
    fn add(&mut self, thing: Thing, by: OperationId, now: Moment) {
        let other = self.last.get(&thing).and_then(|last| last.before(by));
        self.last.insert(thing, Last { by, at: now, other });
        self.order.push_back((now, thing));
    }

    /// Forgets what every look shows by now, and what is too much.
    fn forget(&mut self, now: Moment) {
        while let Some((at, _)) = self.order.front() {
            let is_old = now.since(*at) >= SETTLED_AFTER;
            if !is_old && self.order.len() < KEPT_MAX {
                return;
            }
            let Some((at, thing)) = self.order.pop_front() else {
                return;
            };
            if self.last.get(&thing).is_some_and(|last| last.at == at) {
                self.last.remove(&thing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_core::connector::AccountState;
    use muster_core::id::{FeedName, PersonKey, PlanId};

    use super::*;
    use crate::clock::Clock;

    fn person(key: &str) -> PersonId {
        PersonId {
            feed: FeedName::new("hr").unwrap(),
            key: PersonKey::new(key).unwrap(),
        }
    }

    fn operation(number: u32) -> OperationId {
        OperationId {
            plan: PlanId(1),
            number,
        }
    }

    const OFF: Action = Action::EnsureState(AccountState::Suspended);

    #[test]
    fn what_another_operation_wrote_a_moment_ago_is_not_believed_yet() {
        let person = person("1");
        let begun = Clock::of_machine().moment();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let recent = Recent::new(begun);
        let unsettled = |by, seconds| {
            let fresh = recent.freshness(&person, operation(by), &OFF, at(seconds));
            fresh.unsettled.as_secs()
        };
        assert_eq!(unsettled(1, 1), 2, "nobody knows what was before the start");
        assert_eq!(unsettled(1, 3), 0);
        recent.wrote(&person, operation(1), &OFF, at(10));
        assert_eq!(unsettled(1, 10), 0, "its own call is what it asks about");
        assert_eq!(unsettled(2, 11), 2);
        recent.wrote(&person, operation(2), &OFF, at(12));
        recent.wrote(&person, operation(2), &OFF, at(12));
        assert_eq!(unsettled(2, 12), 1, "the one before counts still");
        let fresh = recent.freshness(&person, operation(2), &OFF, at(13));
        let unshown = fresh.unshown.as_secs();
        assert_eq!(unshown, 2, "its own call may not be shown yet");
        let sessions = recent.freshness(&person, operation(3), &Action::EndSessions, at(12));
        assert_eq!(sessions.unsettled, Duration::ZERO);
    }

    #[test]
    fn a_right_that_a_call_about_somebody_else_wrote_is_contested() {
        let right = EntitlementKey {
            kind: "group".to_owned(),
            container: None,
            id: "sales".to_owned(),
        };
        let begun = Clock::of_machine().moment();
        let later = begun + Duration::from_secs(10);
        let recent = Recent::new(begun);
        let gives = Action::EnsureGranted(right.clone());
        recent.wrote(&person("1"), operation(1), &gives, later);
        let takes = Action::EnsureRevoked(right);
        let fresh = recent.freshness(&person("2"), operation(2), &takes, later);
        assert!(!fresh.contested.is_zero());
        assert_eq!(fresh.unsettled, Duration::ZERO, "nobody wrote hers");
    }

    #[test]
    fn as_much_is_kept_as_there_is_room_for() {
        let begun = Clock::of_machine().moment();
        let recent = Recent::new(begun);
        for key in 0..KEPT_MAX + 500 {
            let person = person(&key.to_string());
            recent.wrote(&person, operation(1), &OFF, begun);
        }
        let writes = recent.writes();
        assert_eq!(
            (writes.last.len(), writes.order.len()),
            (KEPT_MAX, KEPT_MAX)
        );
    }
}
