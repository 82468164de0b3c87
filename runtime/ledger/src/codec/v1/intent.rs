//! Layout 1 of the calls that are out for one person.

use muster_core::id::{OperationId, PlanId};
use muster_core::operation::State;
use serde::{Deserialize, Serialize};

use crate::codec::{Unreadable, instant, micros};

/// One call: plan and number of its operation, the attempt, and since when it is out.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Intent(u64, u32, u32, i64);

impl Intent {
    /// None for an operation of which no call is out.
    pub(crate) fn of(operation: OperationId, state: &State) -> Option<Self> {
        let State::InFlight { attempt, since } = state else {
            return None;
        };
        let (plan, number) = (operation.plan.0, operation.number);
        Some(Intent(plan, number, *attempt, micros(*since)))
    }

    pub(crate) fn into_core(self) -> Result<(OperationId, State), Unreadable> {
        let Intent(plan, number, attempt, since) = self;
        let operation = OperationId {
            plan: PlanId(plan),
            number,
        };
        let since = instant(since)?;
        Ok((operation, State::InFlight { attempt, since }))
    }
}
