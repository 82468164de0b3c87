//! What the journal is made of. Every change of state in Muster is one of these, written once and
//! never edited; the tables of the ledger are what they add up to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::actor::{ConnectorVersion, Operator};
use crate::connector::{Entitlement, EntitlementKey};
use crate::finding::{Code, Finding};
use crate::hold::{About, End, Hold};
use crate::id::{Digest, FeedName, OperationId, PersonId, PlanId, PolicyVersion, TargetName};
use crate::identity::{Identity, Phase};
use crate::operation::{Operation, Transition, later};
use crate::person::{Decision, Justification, Sighting};
use crate::policy::PolicySource;
use crate::question::Question;
use crate::record::RecordPlanned;
use crate::standing::Decided;
use crate::subject::Subject;

/// One fact.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// A plan was made and takes effect. The [`Fact::PersonPlanned`] entries before it in the same
    /// transaction are its content: its digest and counts are known when the last one is written.
    PlanMade(Plan),
    /// What a plan says of one person.
    PersonPlanned(PersonPlanned),
    /// A person has approved the plan whose content follows in this transaction: it counts against no
    /// budget.
    PlanApproved {
        /// The plan.
        plan: PlanId,
    },
    /// A file left a question about somebody open.
    QuestionAsked(Question),
    /// Somebody answered a question: the file is right.
    QuestionAnswered {
        /// Names the question.
        digest: Digest,
    },
    /// A question is asked no more: a newer file does not raise it, or its answer was used.
    QuestionEnded {
        /// Names the question.
        digest: Digest,
    },
    /// The clock was read while nothing else happened, so that the journal shows how time went on.
    ClockRead,
    /// The clock is far ahead of the newest entry, and somebody says that it is right.
    ClockConfirmed,
    /// Something happened to an operation.
    OperationChanged {
        /// Whose account it is.
        person: PersonId,
        /// Where the account is.
        target: TargetName,
        /// Which operation.
        operation: OperationId,
        /// What happened.
        change: Transition,
    },
    /// The app showed something of an account that no operation brought about.
    AccountSeen {
        /// Whose account it is.
        person: PersonId,
        /// Where the account is.
        target: TargetName,
        /// What was seen.
        sighting: Sighting,
    },
    /// A person decided about an account that is not as it was left.
    DriftDecided {
        /// Whose account it is.
        person: PersonId,
        /// Where the account is.
        target: TargetName,
        /// What was decided.
        decision: Decision,
    },
    /// Somebody decided what a person has, beside the policy.
    StandingDecided {
        /// The person.
        person: PersonId,
        /// What was decided.
        decided: Decided,
    },
    /// Two identities are one from now on. What is left of the first one is planned for as somebody who left, in the
    /// same transaction.
    IdentitiesMerged {
        /// Whose records, openings and blocks go over, and accounts where the other one has none.
        person: PersonId,
        /// To whom.
        into: PersonId,
    },
    /// A record is an identity of its own from now on, with what it had brought.
    RecordSplit {
        /// The record.
        record: PersonId,
        /// Whose it was.
        from: PersonId,
    },
    /// The configuration names a person's feed otherwise from now on. Everything that is the person's goes
    /// along, and so do the managers that it names.
    PersonRenamed {
        /// The person, as before.
        person: PersonId,
        /// The feed's name from now on.
        feed: FeedName,
    },
    /// The configuration names a feed otherwise from now on. What arrived there, waits and was said goes
    /// along; its people do one by one, by [`Fact::PersonRenamed`].
    FeedRenamed {
        /// The name, as before.
        from: FeedName,
        /// The name from now on.
        to: FeedName,
    },
    /// A file was accepted; its people are in the plan.
    FileAccepted {
        /// The file.
        file: FeedFile,
        /// The plan that it led to; `None` if it changed nothing.
        plan: Option<PlanId>,
    },
    /// Something came to wait for a person, or would lead to another plan by now than when it came to wait. It takes
    /// the place of whatever waited about the same.
    HoldOpened(Hold),
    /// A file was rejected: it cannot be used at all.
    FileRejected {
        /// The file.
        file: FeedFile,
        /// Why, by code.
        reasons: Vec<Code>,
    },
    /// What was held waits no longer. Who decided that is the entry's actor.
    HoldDecided {
        /// What it was about.
        about: About,
        /// The digest of the plan that it would have led to. Where another one waits by now, that goes on waiting.
        plan: Option<Digest>,
        /// What became of it.
        end: End,
    },
    /// Another policy decides from now on. Who approved it is the entry's actor, where it had been held; whoever
    /// edited it, where that was within the limits.
    PolicyTaken {
        /// What it says.
        source: Arc<PolicySource>,
        /// The plan that it led to; `None` if it changes nothing for anybody.
        plan: Option<PlanId>,
    },
    /// A plugin file came into service.
    PluginTaken {
        /// Which, and which version.
        plugin: ConnectorVersion,
        /// The version that served before, where one did.
        before: Option<ConnectorVersion>,
    },
    /// A target is called with another secret from now on. Never the secret itself.
    SecretChanged {
        /// The target.
        target: TargetName,
        /// The slot that it is for.
        slot: String,
    },
    /// A hook delivery was taken: the same key is answered the same, and not taken again.
    DeliveryTaken {
        /// The feed.
        feed: FeedName,
        /// The sender's message id.
        key: String,
        /// The body's digest.
        digest: Digest,
    },
    /// Something arrived at a feed. Its number in the journal is its place in the order of arrival, for
    /// files and deliveries alike, whatever they are called.
    Arrived(Arrived),
    /// Something became of what had arrived.
    ArrivalChanged {
        /// The feed.
        feed: FeedName,
        /// The number of the [`Fact::Arrived`].
        arrival: u64,
        /// What became of it.
        change: ArrivalChange,
    },
    /// The entitlements of a target were read, whole.
    CatalogueRead {
        /// The target.
        target: TargetName,
        /// Everything it can give.
        entitlements: Vec<Entitlement>,
    },
    /// The app's changes were read up to here; what they said is in the same transaction.
    ChangesRead {
        /// The target.
        target: TargetName,
        /// Where to go on.
        token: String,
    },
    /// A finding was made. One with the same code and subject takes the place of the older one.
    FindingOpened(Finding),
    /// A finding no longer holds.
    FindingClosed {
        /// Its code.
        code: Code,
        /// Its subject.
        subject: Subject,
    },
}

/// Something that arrived at a feed: it is durable, and its turn comes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// The feed.
    pub feed: FeedName,
    /// What it is called, fit to be shown.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// When it was written, as far as that is known; never later than when it arrived.
    pub modified: Timestamp,
    /// Through which door it came.
    pub source: Source,
}

/// Through which door something came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A file in the drop folder. Its bytes are kept under their digest.
    Folder {
        /// A digest of its name and of what it looked like from outside: a file that looks like this was
        /// taken already.
        mark: u128,
    },
    /// A whole file over the hook. Its bytes are kept under their digest.
    Delivery {
        /// The sender's message id.
        id: String,
    },
    /// A single event over the hook.
    Event {
        /// The sender's message id.
        id: String,
        /// What happened to the person.
        kind: EventKind,
        /// A header and a row, as a file would have them.
        row: Vec<u8>,
    },
}

/// What happened to the person of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// New or changed.
    Upsert,
    /// The person left.
    Leave,
}

/// What became of something that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArrivalChange {
    /// It was decided about, and never is again.
    Decided(Outcome),
    /// It was put away under this name, where HR finds it.
    PutAway {
        /// The name.
        stored: String,
    },
    /// Nothing has to be known of it any more.
    Ended,
}

/// What was decided about something that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It counts.
    Accepted,
    /// It waits for a person.
    Held,
    /// It cannot be used.
    Rejected,
    /// Something newer says it all.
    Replaced,
}

/// A file that a feed brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedFile {
    /// The feed.
    pub feed: FeedName,
    /// Its name in the folder.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// A digest of its content that does not depend on the order of rows: header, rows, how many.
    pub content: Content,
}

/// What a file says, whatever the order of its rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// Digest of the header row.
    pub header: u128,
    /// Sum of the digests of the rows, modulo 2^128.
    pub rows: u128,
    /// How many rows there are.
    pub row_count: u32,
    /// Digest of everything that decides what its cells mean: the same cells under another mapping say
    /// something else. Zero if there were remarks about its rows; then it is read anew
    /// whenever it comes, and equals no other.
    pub read_as: u128,
}

/// What led to a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A file.
    File {
        /// The feed.
        feed: FeedName,
        /// The file's name.
        name: String,
        /// SHA-256 of its bytes.
        digest: Digest,
    },
    /// Another version of the policy or of the targets' rules.
    Policy,
    /// A date was reached.
    Date,
    /// An account to which other accounts refer came, went, or is another one at the app.
    Reference,
    /// The configuration says that a feed is used no more, so its people have left.
    FeedRetired(FeedName),
    /// Somebody asked for it.
    Operator(Operator),
}

/// A plan: an immutable list of operations under one number, made from one input.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Its number.
    pub id: PlanId,
    /// What led to it.
    pub cause: Cause,
    /// The policy that decided.
    pub policy: PolicyVersion,
    /// SHA-256 over its content: what was previewed is what is applied.
    pub digest: Digest,
    /// How many people and operations.
    pub counts: Counts,
    /// Which part of a plan for many people this is, where it is one.
    pub part: Option<Part>,
}

/// The place of a part in a plan for many people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The number of the first part; the first one names itself.
    pub first: PlanId,
    /// Whether no part follows.
    pub is_last: bool,
}

/// How many people a plan touches, and in which way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// People by kind of change.
    pub people: BTreeMap<Kind, u32>,
    /// Operations by target and verb.
    pub operations: BTreeMap<TargetName, BTreeMap<String, u32>>,
}

impl Counts {
    /// People with this kind of change.
    pub fn of(&self, kind: Kind) -> u32 {
        self.people.get(&kind).copied().unwrap_or(0)
    }

    /// Operations in all.
    pub fn operations_total(&self) -> u32 {
        self.operations.values().flat_map(BTreeMap::values).sum()
    }

    /// Counts one person's part of a plan.
    pub fn add(&mut self, planned: &PersonPlanned) {
        *self.people.entry(planned.kind).or_default() += 1;
        for (target, account) in &planned.accounts {
            let verbs = self.operations.entry(target.clone()).or_default();
            for operation in &account.operations {
                let verb = operation.action.verb();
                match verbs.get_mut(verb) {
                    Some(count) => *count += 1,
                    None => drop(verbs.insert(verb.to_owned(), 1)),
                }
            }
        }
    }
}

/// How a person changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Not known before, or known and the first day has come.
    Joiner,
    /// Known, had left, and is back under the same key.
    Rehire,
    /// What the person should have changed.
    Mover,
    /// No longer employed, or no longer in a complete file.
    Leaver,
    /// Attributes changed, and nothing that follows from them but attributes.
    Update,
}

impl Kind {
    /// The word for it in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Joiner => "joiner",
            Kind::Rehire => "rehire",
            Kind::Mover => "mover",
            Kind::Leaver => "leaver",
            Kind::Update => "update",
        }
    }
}

/// What a plan says of one person: the identity from now on, and the operations at each target.
///
/// No instant stands here that comes from the clock. A plan that waits for a person is computed again
/// when it is approved, and has to come out the same however much time has passed: instants are made
/// from that of the journal entry, when the plan takes effect.
#[derive(Clone, PartialEq, Debug)]
pub struct PersonPlanned {
    /// The plan.
    pub plan: PlanId,
    /// The person.
    pub person: PersonId,
    /// How the person changed.
    pub kind: Kind,
    /// The identity, where it is new or changed; of several records, the picture that they come to.
    pub identity: Option<Identity>,
    /// What is new of single records, of an identity that has several or is to have.
    pub records: Vec<RecordPlanned>,
    /// The row of the plan's file that the identity was read from, as a spreadsheet counts; `None`
    /// if there is no new identity or no row.
    pub row: Option<u32>,
    /// Whether the feed still has the person.
    pub is_present: bool,
    /// Where the person stands from now on.
    pub phase: Phase,
    /// What will happen at each target. Targets that are not named are left as they are.
    pub accounts: BTreeMap<TargetName, AccountPlanned>,
}

/// What a plan says of one account.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AccountPlanned {
    /// Whether the person should have the account.
    pub is_wanted: bool,
    /// What the account should have from now on, each with its reasons.
    pub grants: BTreeMap<EntitlementKey, BTreeSet<Justification>>,
    /// When the account will be deleted, for somebody who left.
    pub deletion: Deletion,
    /// The operations, in order. What was queued before and not begun is superseded.
    pub operations: Vec<Operation>,
}

/// When the account of somebody who left will be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Deletion {
    /// Not by itself.
    #[default]
    Never,
    /// Not at all: the person is only shut out of it, and has not lost it.
    Kept,
    /// So long after the account was let go: by an earlier plan, or by this one when it takes effect.
    After(Duration),
    /// When an earlier plan said.
    AsBefore,
}

impl Deletion {
    /// The instant, for an account that was let go at `let_go_at` and of which `before` was said.
    pub fn at(self, before: Option<Timestamp>, let_go_at: Timestamp) -> Option<Timestamp> {
        match self {
            Deletion::Never | Deletion::Kept => None,
            Deletion::After(grace) => Some(later(let_go_at, grace)),
            Deletion::AsBefore => before,
        }
    }
}
