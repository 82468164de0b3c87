//! What the ledger keeps beside people: plans, findings, feeds, deliveries, catalogues, and the
//! entries of the journal, as they are read.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use muster_core::actor::Actor;
use muster_core::connector::{AccountState, Entitlement};
use muster_core::fact::{self, Arrived, Fact, FeedFile, Outcome};
use muster_core::finding::{self, Code};
use muster_core::id::{Digest, FeedName, PersonId, PlanId, TargetName};
use muster_core::identity::Phase;
use muster_core::operation::{Operation, OperationState, Urgency};
use muster_core::policy::PolicySource;
use muster_core::question;

/// One entry of the journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was recorded, to the microsecond.
    pub at: Timestamp,
    /// Who or what did it.
    pub by: Actor,
    /// Whether it is the first of its commit.
    pub opens_commit: bool,
    /// What it says.
    pub fact: Fact,
}

/// A plan that was recorded.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The plan.
    pub plan: fact::Plan,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who or what made it take effect: whoever approved it, where it had been held.
    pub by: Actor,
    /// The journal entries that are its content.
    pub entries: Range<u64>,
    /// Whether its people stand in the order of their ids.
    pub is_sorted: bool,
    /// Whether the numbers of its operations rise from person to person.
    pub is_numbered: bool,
}

/// An operation that has not ended.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenOperation {
    /// Whose account it is.
    pub person: PersonId,
    /// Where the account is.
    pub target: TargetName,
    /// The operation.
    pub operation: Operation,
}

/// The operations of a plan that have not ended, by how far they have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OpenOperations {
    /// They wait for their turn.
    pub queued: u64,
    /// A call is out.
    pub in_flight: u64,
    /// The reply was lost.
    pub unknown: u64,
    /// They will be tried again.
    pub waiting: u64,
    /// The app goes on with them.
    pub pending: u64,
    /// They are to be read back.
    pub verifying: u64,
    /// A person has to do something.
    pub halted: u64,
}

impl OpenOperations {
    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.queued
            + self.in_flight
            + self.unknown
            + self.waiting
            + self.pending
            + self.verifying
            + self.halted
    }

    /// The same, where each number has changed by so much.
    pub(crate) fn changed(self, by: [i64; 7]) -> Self {
        let [
            queued,
            in_flight,
            unknown,
            waiting,
            pending,
            verifying,
            halted,
        ] = by;
        OpenOperations {
            queued: self.queued.saturating_add_signed(queued),
            in_flight: self.in_flight.saturating_add_signed(in_flight),
            unknown: self.unknown.saturating_add_signed(unknown),
            waiting: self.waiting.saturating_add_signed(waiting),
            pending: self.pending.saturating_add_signed(pending),
            verifying: self.verifying.saturating_add_signed(verifying),
            halted: self.halted.saturating_add_signed(halted),
        }
    }
}

/// A policy that decides, or decided.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// What it says.
    pub source: Arc<PolicySource>,
    /// Since when it decides, or decided last.
    pub at: Timestamp,
    /// Who approved it, or edited it where nobody had to approve.
    pub by: Actor,
}

/// A finding that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The finding, as it was made last.
    pub finding: finding::Finding,
    /// When it was made first.
    pub first_at: Timestamp,
    /// When it was made last.
    pub last_at: Timestamp,
}

/// What a feed brought. A file of it that is held is a hold like others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Feed {
    /// The file that was accepted last.
    pub accepted: Option<AcceptedFile>,
    /// The file that was rejected last.
    pub rejected: Option<RejectedFile>,
    /// When the newest of the accepted files was written.
    pub newest: Option<Timestamp>,
}

/// Something that arrived at a feed, until nothing has to be known of it any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Its number in the journal: its place in the order of arrival.
    pub seq: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// What it is.
    pub arrived: Arrived,
    /// What was decided about it; none while its turn has not come.
    pub outcome: Option<Outcome>,
    /// The name under which HR finds it; `None` if it was not put away.
    pub stored: Option<String>,
}

/// What was accepted before under some content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaidBefore {
    /// The name of the file that said it last.
    pub name: String,
    /// When that was accepted.
    pub at: Timestamp,
}

/// A file that was accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceptedFile {
    /// The file.
    pub file: FeedFile,
    /// The plan it led to; `None` if it changed nothing.
    pub plan: Option<PlanId>,
    /// When.
    pub at: Timestamp,
}

/// A file that was rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectedFile {
    /// The file.
    pub file: FeedFile,
    /// Why, by code.
    pub reasons: Vec<Code>,
    /// When.
    pub at: Timestamp,
}

/// A hook delivery that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The body's digest.
    pub digest: Digest,
    /// When it was taken.
    pub at: Timestamp,
}

/// What a target can give.
#[derive(Clone, PartialEq, Debug)]
pub struct Catalogue {
    /// Everything it can give.
    pub entitlements: Vec<Entitlement>,
    /// When that was read.
    pub read_at: Timestamp,
}

/// Up to where a target's changes were read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeToken {
    /// Where to go on.
    pub token: String,
    /// When it was read.
    pub read_at: Timestamp,
}

/// In which row of the driver's table an account stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// A call is out; after a restart nobody knows what became of it.
    InFlight,
    /// A step can be taken, with this urgency.
    Ready(Urgency),
}

/// What stands of a person, beside the policy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stands {
    /// Something is or will be open.
    Opening,
    /// Something is kept away.
    Block,
    /// An account had a right when it was taken over, and nobody has decided about it.
    Undecided,
    /// Such a right is kept.
    Kept,
}

/// How many there are of what, for an overview.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// People, by phase.
    pub people: BTreeMap<Phase, u64>,
    /// Accounts by target and state; those whose state is not known yet are not counted.
    pub accounts: BTreeMap<TargetName, BTreeMap<AccountState, u64>>,
    /// Operations that have not ended, by target and state.
    pub operations: BTreeMap<TargetName, BTreeMap<OperationState, u64>>,
    /// People who have not left, by feed.
    pub here: BTreeMap<FeedName, u64>,
    /// Accounts that people are to have, by target.
    pub wanted: BTreeMap<TargetName, u64>,
    /// Rights of accounts that were taken over and about which nobody has decided, by target.
    pub undecided: BTreeMap<TargetName, u64>,
    /// Findings that hold.
    pub findings: u64,
    /// Plans ever made.
    pub plans: u64,
    /// Entries of the journal.
    pub entries: u64,
}

/// A question about who somebody is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What is asked.
    pub question: question::Question,
    /// Since when.
    pub at: Timestamp,
    /// Whether somebody answered that the file is right.
    pub is_answered: bool,
}

/// What counts against budgets over a while.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// By feed.
    pub feeds: BTreeMap<FeedName, FeedSpent>,
    /// By target.
    pub targets: BTreeMap<TargetName, TargetSpent>,
}

/// What counts against the budget of a feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FeedSpent {
    /// People who left and are not back.
    pub left: u64,
    /// People whose last day was announced, or who are back.
    pub announced: u64,
    /// People who came back.
    pub back: u64,
}

/// What counts against the budget of a target: accounts that lost something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TargetSpent {
    /// Those that nobody is to have any more.
    pub gone: u64,
    /// Those that lost only a part.
    pub kept: u64,
}

/// The people of a group, and what counts against its budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupSpent {
    /// Those who are in it.
    pub here: u64,
    /// Those who lost something and are in it no longer.
    pub gone: u64,
    /// Those who lost something, or are announced to, and are in it.
    pub kept: u64,
}

/// An account that the driver has something to do for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// Where.
    pub target: TargetName,
    /// In which lane.
    pub lane: Lane,
    /// In flight: since when. Ready: from when; [`Timestamp::MIN`] is "at once".
    pub at: Timestamp,
    /// Whose account.
    pub person: PersonId,
}
