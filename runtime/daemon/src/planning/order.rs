//! What a plan is asked for with, and what it is told in return.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_core::actor::Actor;
use muster_core::connector::Entitlement;
use muster_core::correlation::Doubtful;
use muster_core::fact::{Cause, Counts, Fact, PersonPlanned, Plan};
use muster_core::finding::Finding;
use muster_core::id::{Digest, FeedName, PersonId, PersonKey, PlanId, TargetName};
use muster_core::identity::Identity;
use muster_core::person::Person;
use muster_core::policy::{Census, Policy};
use muster_core::question::Question;
use muster_core::standing::Decided;
use muster_intake::Snapshot;

use super::joining::Joining;

/// The people a plan covers.
pub enum Scope<'a> {
    /// Everybody of a feed: a complete file.
    File {
        /// The feed.
        feed: &'a FeedName,
        /// The file.
        snapshot: &'a Snapshot,
        /// Attributes that a file may leave out, and that then stay as they were.
        carried: &'a BTreeSet<String>,
        /// For a file that was held: the newest plan before it. For people of whom there was news since,
        /// the news counts, and not the older file.
        since: Option<PlanId>,
        /// People about whom an event said something that is newer than the file: that counts, too.
        news: &'a BTreeSet<PersonKey>,
    },
    /// Some people of a feed: a file or a delivery that says only what changed.
    Changes {
        /// The feed.
        feed: FeedName,
        /// What it says, by person.
        people: Vec<(PersonKey, ChangedPerson)>,
        /// As for a file.
        carried: &'a BTreeSet<String>,
    },
    /// Everybody of every feed: the policy, the configuration or a catalogue changed.
    Everybody,
    /// These people: a date was reached, or an account that theirs refer to is another one.
    People(Vec<PersonId>),
    /// Somebody of whom is decided what they have, beside the policy. The decision is recorded with the plan.
    Decided {
        /// Who.
        person: PersonId,
        /// What was decided.
        decided: Decided,
    },
    /// Everybody of whom is decided who is who. The decision is recorded with the plan.
    Joined(Joining),
}

/// What a change set says of a person.
pub enum ChangedPerson {
    /// As the row has it.
    Row {
        /// What it says.
        identity: Identity,
        /// Its number, as a spreadsheet counts; `None` if there are no rows.
        row: Option<u32>,
    },
    /// The person left.
    Left,
}

/// What a plan would be, or is.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Names the content.
    pub digest: Option<Digest>,
    /// In numbers.
    pub counts: Counts,
    /// Why it has to wait; empty where it may go on.
    pub exceeded: Vec<Finding>,
    /// What was remarked on the way.
    pub findings: Vec<Finding>,
    /// What has to be asked about people who were left alone.
    pub questions: Vec<Question>,
    /// Records of which it is not known whose they are.
    pub doubtful: Vec<Doubtful>,
    /// The answers that were used.
    pub used: Vec<Digest>,
    /// Why nobody who is missing counts as having left, where that is so although each row is somebody's.
    pub absence_doubt: Option<Finding>,
    /// Who was left out, since more would have been too many.
    pub left_out: Vec<PersonId>,
    /// Whether this is the rest of a plan for many people, of which parts took effect before.
    pub is_rest: bool,
    /// Who has which roles, where everybody was planned for.
    pub census: Option<Arc<Census>>,
    /// The recorded plan; `None` if there was nothing to do, or nothing was recorded.
    pub plan: Option<Plan>,
}

impl Summary {
    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.counts.people.is_empty()
    }

    /// Whether what was ordered is so now, because the plan is recorded or because there was nothing to do. What does
    /// not stand waits for a person.
    pub fn stands(&self) -> bool {
        self.plan.is_some() || self.is_empty()
    }
}

/// When a plan may be recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consent {
    /// If there is nothing to do: whatever else it is, a person looks at it first.
    IfNothing,
    /// If no limit is exceeded.
    WithinLimits,
    /// If it is exactly this one, whatever the limits. Where nothing is left to do, what was approved is so already.
    Approved(Digest),
    /// Whatever the limits: somebody ordered just this of somebody.
    Ordered,
    /// As far as the limits go: of those who would lose something, whoever is beyond them is left out, and
    /// stands in [`Summary::left_out`].
    AsFarAsItGoes,
}

impl Consent {
    /// Whether somebody said so, whatever the limits: it counts against no budget.
    pub(super) fn is_given(self) -> bool {
        matches!(self, Consent::Approved(_) | Consent::Ordered)
    }
}

/// Called with each person's part of a plan while it is made, and the person as the ledger had it.
pub type OnPerson<'a> = &'a mut dyn FnMut(&PersonPlanned, Option<&Person>);

/// What would decide in place of what does. It takes effect with the plan that was made by it.
#[derive(Clone, Debug)]
pub enum Proposal {
    /// This policy.
    Policy(Arc<Policy>),
    /// That a target can give this.
    Catalogue {
        /// The target.
        target: TargetName,
        /// Everything it can give.
        entitlements: Vec<Entitlement>,
    },
}

/// What a plan is made of, for a look and in earnest alike.
pub struct Order<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) cause: Cause,
    pub(super) proposal: Option<Proposal>,
    pub(super) with: Vec<Fact>,
    pub(super) by: Actor,
}

impl<'a> Order<'a> {
    /// A plan for these people, because of this.
    pub fn new(scope: Scope<'a>, cause: Cause) -> Self {
        let by = match cause {
            Cause::Date => Actor::Date,
            Cause::File { .. }
            | Cause::Policy
            | Cause::Reference
            | Cause::FeedRetired(_)
            | Cause::Operator(_) => Actor::Daemon,
        };
        Self {
            scope,
            cause,
            proposal: None,
            with: Vec::new(),
            by,
        }
    }

    /// Decides by what is proposed.
    #[must_use]
    pub fn proposing(self, proposal: Proposal) -> Self {
        let proposal = Some(proposal);
        Self { proposal, ..self }
    }

    /// Records these facts with the plan, in its transaction. What names the plan that it led to names this one.
    #[must_use]
    pub fn with(self, with: Vec<Fact>) -> Self {
        Self { with, ..self }
    }

    /// Says who or what makes the plan take effect: whoever approved it, where it had been held.
    #[must_use]
    pub fn by(self, by: impl Into<Actor>) -> Self {
        let by = by.into();
        Self { by, ..self }
    }
}
