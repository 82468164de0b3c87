//! The content of a plan while it is being recorded: people first, the plan itself last, because
//! its digest is known only then.

use std::cmp::Ordering;
use std::ops::Range;

use muster_core::budget::Effect;
use muster_core::fact::{PersonPlanned, Plan};
use muster_core::id::{Digest, PersonId, PlanId};

use crate::digest::PlanDigest;
use crate::error::Error;
use crate::fold::Moment;

/// People that were planned, and whose plan is not recorded yet.
#[derive(Default)]
pub(crate) struct Content {
    begun: Option<Begun>,
    /// The plan that a person has approved. Its number is given to no other.
    approved: Option<PlanId>,
}

struct Begun {
    plan: PlanId,
    first: u64,
    digest: PlanDigest,
    last: PersonId,
    is_sorted: bool,
    /// The highest number of an operation so far.
    operations: u32,
    is_numbered: bool,
}

/// A plan's place in the journal.
pub(crate) struct Finished {
    pub(crate) entries: Range<u64>,
    pub(crate) is_sorted: bool,
    pub(crate) is_numbered: bool,
}

impl Content {
    /// Takes in one person's part, stored as `body`.
    pub(crate) fn add(
        &mut self,
        seq: u64,
        planned: &PersonPlanned,
        body: &[u8],
    ) -> Result<(), Error> {
        let Some(begun) = &mut self.begun else {
            let mut digest = PlanDigest::new();
            digest.add_body(body);
            let mut begun = Begun {
                plan: planned.plan,
                first: seq,
                digest,
                last: planned.person.clone(),
                is_sorted: true,
                operations: 0,
                is_numbered: true,
            };
            begun.number(planned);
            self.begun = Some(begun);
            return Ok(());
        };
        if begun.plan != planned.plan {
            return Err(Error::BadPlan {
                plan: planned.plan,
                what: "another plan has begun and is not recorded yet",
            });
        }
        begun.digest.add_body(body);
        begun.is_sorted &= begun.last.cmp(&planned.person) == Ordering::Less;
        begun.last.clone_from(&planned.person);
        begun.number(planned);
        Ok(())
    }

    /// The highest number of an operation that the plan at work has given so far.
    pub(crate) fn operations(&self) -> u32 {
        self.begun.as_ref().map_or(0, |begun| begun.operations)
    }

    /// Takes in that a person has approved the plan that follows.
    pub(crate) fn approve(&mut self, plan: PlanId) {
        self.approved = Some(plan);
    }

    /// How a plan takes effect.
    pub(crate) fn effect(&self, plan: PlanId, moment: Moment) -> Effect {
        Effect {
            at: moment.day,
            counted_at: moment.counted_at,
            is_approved: self.approved == Some(plan),
        }
    }

    /// The digest of what was taken in so far.
    pub(crate) fn digest(&self) -> Digest {
        match &self.begun {
            Some(begun) => begun.digest.finish(),
            None => PlanDigest::new().finish(),
        }
    }

    /// Refuses people without the plan that they belong to.
    pub(crate) fn check_finished(&self) -> Result<(), Error> {
        match &self.begun {
            Some(begun) => Err(Error::BadPlan {
                plan: begun.plan,
                what: "people were planned and the plan itself was not recorded",
            }),
            None => Ok(()),
        }
    }

    /// Ends the content with the plan itself, whose entry is `seq`.
    pub(crate) fn finish(&mut self, seq: u64, plan: &Plan) -> Result<Finished, Error> {
        let bad = |what: &'static str| Error::BadPlan {
            plan: plan.id,
            what,
        };
        if plan.digest != self.digest() {
            return Err(bad("its digest is not that of its content"));
        }
        if self
            .begun
            .as_ref()
            .is_some_and(|begun| begun.plan != plan.id)
        {
            return Err(bad("its people were planned under another number"));
        }
        let Some(begun) = self.begun.take() else {
            return Ok(Finished {
                entries: seq..seq,
                is_sorted: true,
                is_numbered: true,
            });
        };
        Ok(Finished {
            entries: begun.first..seq,
            is_sorted: begun.is_sorted,
            is_numbered: begun.is_numbered,
        })
    }
}

impl Begun {
    /// Takes in the numbers of one person's operations.
    fn number(&mut self, planned: &PersonPlanned) {
        let before = self.operations;
        let accounts = planned.accounts.values();
        for operation in accounts.flat_map(|account| &account.operations) {
            self.is_numbered &= operation.id.number > before;
            self.operations = self.operations.max(operation.id.number);
        }
    }
}
