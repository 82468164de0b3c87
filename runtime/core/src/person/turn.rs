//! What can be done for an account now, and when: one call at a time, in an order that never takes
//! a step before the one it stands on.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Account, Turn, Turns};
use crate::operation::{Action, Operation, State, Step, Urgency};

impl Account {
    /// What can be done now. One operation at a time; one that waits lets the next go first, unless
    /// the next one needs it.
    pub fn turn(&self, now: Timestamp) -> Turn<'_> {
        if self
            .operations
            .iter()
            .any(|operation| matches!(operation.state, State::InFlight { .. }))
        {
            return Turn::Busy;
        }
        let mut wait: Option<(Timestamp, Urgency)> = None;
        for (index, operation) in self.operations.iter().enumerate() {
            if self.is_blocked(index) {
                continue;
            }
            match operation.step(now) {
                Step::Busy => return Turn::Busy,
                Step::Halted => {}
                Step::WaitUntil(at) => {
                    let sooner = wait.is_none_or(|(until, _)| at < until);
                    if sooner {
                        wait = Some((at, operation.urgency));
                    }
                }
                step @ (Step::Send(_) | Step::Observe | Step::Verify | Step::Poll) => {
                    return Turn::Act(operation, step);
                }
            }
        }
        match wait {
            Some((at, urgency)) => Turn::WaitUntil(at, urgency),
            None => Turn::Idle,
        }
    }

    /// When the account's turns come. An instant has been reached exactly when [`Account::turn`]
    /// finds something to do. What others wait for is as urgent as the most urgent that waits.
    pub fn turns(&self) -> Turns {
        let mut ready: BTreeMap<Urgency, Timestamp> = BTreeMap::new();
        let mut most_urgent_blocked: Option<Urgency> = None;
        for (index, operation) in self.operations.iter().enumerate() {
            let at = match &operation.state {
                State::InFlight { since, .. } => return Turns::Busy(*since),
                State::Halted { .. } => match operation.again_at() {
                    Some(at) => at,
                    None => continue,
                },
                State::Queued => Timestamp::MIN,
                State::Unknown { observe_at: at, .. }
                | State::Waiting { until: at, .. }
                | State::Pending { poll_at: at, .. }
                | State::Verifying { verify_at: at, .. } => *at,
            };
            if self.is_blocked(index) {
                let urgency = operation.urgency;
                most_urgent_blocked =
                    Some(most_urgent_blocked.map_or(urgency, |most| most.min(urgency)));
                continue;
            }
            let earliest = ready.entry(operation.urgency).or_insert(at);
            *earliest = at.min(*earliest);
        }
        if let (Some(urgency), Some(at)) = (most_urgent_blocked, ready.values().min().copied()) {
            let earliest = ready.entry(urgency).or_insert(at);
            *earliest = at.min(*earliest);
        }
        Turns::Ready(ready.into_iter().collect())
    }

    /// Whether the operation at `index` needs an earlier one that has not ended.
    fn is_blocked(&self, index: usize) -> bool {
        let (Some(operation), Some(earlier)) =
            (self.operations.get(index), self.operations.get(..index))
        else {
            return true;
        };
        !operation.has_begun()
            && earlier
                .iter()
                .any(|before| self.holds_up(before, &operation.action))
    }

    /// Whether an action has to wait for an operation before it.
    fn holds_up(&self, before: &Operation, action: &Action) -> bool {
        match (&before.action, action) {
            (Action::EnsureAccount(_), Action::EnsureAccount(_))
            | (Action::EnsureState(_), Action::EnsureState(_))
            // What a person owned is handed on before the account goes.
            | (Action::TransferOwned(_), Action::EnsureAbsent)
            // Nothing is done to an account that is being deleted; what follows is for the next one.
            | (Action::EnsureAbsent, _) => true,
            // Everything else needs the account to be there.
            (Action::EnsureAccount(_), _) => !self.exists(),
            // Giving and taking of one right stay in order.
            (
                Action::EnsureGranted(one) | Action::EnsureRevoked(one),
                Action::EnsureGranted(other) | Action::EnsureRevoked(other),
            ) => one == other,
            // Some apps give nothing to an account that is switched off.
            (Action::EnsureState(state), Action::EnsureGranted(_)) => state.is_usable(),
            (
                Action::EnsureState(_)
                | Action::EndSessions
                | Action::RevokeCredentials
                | Action::EnsureGranted(_)
                | Action::EnsureRevoked(_)
                | Action::TransferOwned(_),
                _,
            ) => false,
        }
    }
}
