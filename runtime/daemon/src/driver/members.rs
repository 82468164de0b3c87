//! Who changes the members of a right at the same time.
//!
//! Some apps replace all members of a group by the one that is added. The connector puts back whom it saw before, but of
//! two such calls at the same time, the second sees what the first has left, and whoever is nobody's here is lost. So a
//! change of a right has it to itself until one was seen to leave the others alone; from then on they go side by side,
//! for a while. A change that took somebody along ends that at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_core::connector::{EntitlementKey, ObjectRef, OutcomeKind};
use muster_core::operation::{Action, Event, Step};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::settle;
use crate::clock::{Clock, Moment};

/// How long an app that left the others alone is trusted to go on so: an app may be exchanged for another version.
const TRUSTED_FOR: Duration = Duration::from_mins(1);

/// The rights of a target whose members were changed.
#[derive(Debug, Default)]
pub struct Members {
    rights: Mutex<HashMap<EntitlementKey, Arc<Right>>>,
}

#[derive(Debug, Default)]
struct Right {
    /// Shared by changes that may go side by side.
    changing: Arc<RwLock<()>>,
    trusted_since: Mutex<Option<Moment>>,
}

/// A change of a right's members that may leave.
pub(super) struct Changing {
    right: Arc<Right>,
    lock: Lock,
}

/// Whether other changes of the right may be out at the same time; held until the change is over.
enum Lock {
    Shared { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

impl Members {
    /// Waits until a step may leave beside what else changes the same right. Returns `None` for a step that changes
    /// nobody's rights.
    pub(super) async fn change(
        &self,
        action: &Action,
        step: &Step,
        clock: &Clock,
    ) -> Option<Changing> {
        let (Action::EnsureGranted(key) | Action::EnsureRevoked(key)) = action else {
            return None;
        };
        if !matches!(step, Step::Send(_)) {
            return None;
        }
        let right = {
            let mut rights = self.rights.lock().unwrap_or_else(PoisonError::into_inner);
            match rights.get(key) {
                Some(right) => Arc::clone(right),
                None => Arc::clone(rights.entry(key.clone()).or_default()),
            }
        };
        let changing = Arc::clone(&right.changing);
        let lock = if right.is_trusted(clock) {
            Lock::shared(changing.read_owned().await)
        } else {
            let alone = changing.write_owned().await;
            // What was waited for may have been the proof.
            if right.is_trusted(clock) {
                Lock::shared(alone.downgrade())
            } else {
                Lock::Alone { _guard: alone }
            }
        };
        Some(Changing { right, lock })
    }
}

impl Lock {
    fn shared(guard: OwnedRwLockReadGuard<()>) -> Self {
        Lock::Shared { _guard: guard }
    }
}

impl Right {
    fn trusted_since(&self) -> MutexGuard<'_, Option<Moment>> {
        let since = self.trusted_since.lock();
        since.unwrap_or_else(PoisonError::into_inner)
    }

    fn is_trusted(&self, clock: &Clock) -> bool {
        let now = clock.moment();
        let since = *self.trusted_since();
        since.is_some_and(|since| now.since(since) < TRUSTED_FOR)
    }
}

impl Changing {
    /// Learns from what came of the change of this account.
    pub(super) fn ended(self, own: Option<&ObjectRef>, event: &Event, clock: &Clock) {
        let Event::Replied(Ok(outcome)) = event else {
            return;
        };
        let mut trusted_since = self.right.trusted_since();
        if settle::losses_of_others(&outcome.effects, own)
            .next()
            .is_some()
        {
            *trusted_since = None;
        } else if outcome.kind == OutcomeKind::Done && matches!(self.lock, Lock::Alone { .. }) {
            *trusted_since = Some(clock.moment());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use muster_core::connector::{Outcome, SideEffect};

    use super::*;

    fn key(id: &str) -> EntitlementKey {
        EntitlementKey {
            kind: "group".to_owned(),
            container: None,
            id: id.to_owned(),
        }
    }

    fn account(id: &str) -> ObjectRef {
        ObjectRef {
            kind: "user".to_owned(),
            container: None,
            id: id.to_owned(),
            revision: None,
            name_hint: None,
        }
    }

    struct App {
        members: Members,
        clock: Clock,
    }

    impl App {
        fn new() -> Self {
            Self {
                members: Members::default(),
                clock: Clock::of_machine(),
            }
        }

        /// Whether a change of a right may leave now.
        fn leaves(&self, action: &Action) -> Option<Changing> {
            let step = Step::Send(1);
            let changing = self.members.change(action, &step, &self.clock);
            changing
                .now_or_never()
                .map(|changing| changing.expect("of a right"))
        }

        fn ends(&self, changing: Changing, kind: OutcomeKind, lost: &[&str]) {
            let effects = lost
                .iter()
                .map(|id| SideEffect::GrantRemoved(account(id), key("1")));
            let outcome = Outcome {
                kind,
                account: None,
                effects: effects.collect(),
                unreachable: Vec::new(),
                evidence: None,
            };
            changing.ended(
                Some(&account("me")),
                &Event::Replied(Ok(outcome)),
                &self.clock,
            );
        }
    }

    #[test]
    fn c21_changes_of_one_right_wait_until_one_left_the_others_alone() {
        let app = App::new();
        let (grant, revoke) = (
            Action::EnsureGranted(key("1")),
            Action::EnsureRevoked(key("1")),
        );
        let first = app.leaves(&grant).expect("nobody is there");
        assert!(app.leaves(&revoke).is_none());
        assert!(
            app.leaves(&Action::EnsureGranted(key("2"))).is_some(),
            "another right"
        );
        app.ends(first, OutcomeKind::Already, &[]);
        let second = app.leaves(&grant).expect("the first is over");
        assert!(
            app.leaves(&grant).is_none(),
            "nothing was changed, and nothing shown"
        );
        app.ends(second, OutcomeKind::Done, &["me"]);
        let (third, fourth) = (app.leaves(&grant), app.leaves(&revoke));
        let (third, fourth) = (third.expect("trusted"), fourth.expect("side by side"));
        app.ends(third, OutcomeKind::Done, &["other"]);
        assert!(app.leaves(&grant).is_none(), "the fourth is still out");
        app.ends(fourth, OutcomeKind::Done, &[]);
        let fifth = app.leaves(&grant).expect("alone again");
        assert!(
            app.leaves(&grant).is_none(),
            "what was seen beside others proves nothing"
        );
        drop(fifth);
        assert!(
            app.leaves(&grant).is_some(),
            "a step that broke off lets the next one go"
        );
    }

    #[test]
    fn c21_an_app_is_not_trusted_for_ever() {
        let (clock, hands) = Clock::given("2026-03-02T08:00:00Z".parse().expect("an instant"));
        let app = App {
            members: Members::default(),
            clock,
        };
        let grant = Action::EnsureGranted(key("1"));
        let first = app.leaves(&grant).expect("nobody is there");
        app.ends(first, OutcomeKind::Done, &[]);
        let one = app.leaves(&grant);
        assert!(app.leaves(&grant).is_some());
        drop(one);
        hands.pass(TRUSTED_FOR);
        let one = app.leaves(&grant);
        assert!(one.is_some() && app.leaves(&grant).is_none());
    }
}
