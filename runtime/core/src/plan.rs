//! From what people should have and what they have to the operations between: the planner.
//!
//! It is asked for one person after the other and answers each time with that person's part of the
//! plan, so that a plan for a million people never has to stand in memory. It compares the wish
//! with two pictures of each account: how it will be once everything queued is done (where that is
//! as wished, nothing is planned), and how it will be once only that is done which cannot be taken
//! back (from there the new operations lead to the wish).

mod account;
mod catalogue;
mod picture;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::connector::{AccountKind, AccountState, Descriptor, Function, ObjectRef, Scalar};
use crate::delta::{Delta, Described};
use crate::fact::{AccountPlanned, Kind, PersonPlanned};
use crate::finding::{Code, Finding, Severity};
use crate::id::{FeedName, PersonId, PersonKey, PlanId, TargetName};
use crate::identity::Phase;
use crate::operation::{Action, Urgency};
use crate::person::{Person, wakes_at};
use crate::policy::{Census, Desired, Evaluator};
use crate::rule::Failed;
use crate::standing::Standing;
use crate::subject::Subject;

pub use catalogue::Catalogue;

/// An expression has no value for a person.
pub const RULE_FAILED: Code = Code::new("PLN-001");
/// A policy names an entitlement that the target does not have.
pub const UNKNOWN_ENTITLEMENT: Code = Code::new("PLN-002");
/// A policy grants two entitlements of which an account can have only one.
pub const EXCLUSIVE: Code = Code::new("PLN-003");
/// Somebody left and nobody is there to take over what they own.
pub const NOBODY_TO_TRANSFER_TO: Code = Code::new("PLN-004");
/// A title stands for several entitlements.
pub const AMBIGUOUS_ENTITLEMENT: Code = Code::new("PLN-005");
/// Nothing says which account would be a person's: every key is empty.
pub const NO_KEY_VALUE: Code = Code::new("PLN-006");
/// An attribute that is fixed at creation would have to change.
pub const IMMUTABLE_ATTRIBUTE: Code = Code::new("PLN-007");
/// Somebody has an account at a target that is no longer configured.
pub const UNCONFIGURED_TARGET: Code = Code::new("PLN-008");
/// What a target can give was not read yet.
pub const UNREAD_CATALOGUE: Code = Code::new("PLN-009");

/// Somebody deleted an account at the app that a person should have.
pub const GONE: Code = Code::new("TGT-013");
/// Somebody switched an account off at the app that a person should be able to use.
pub const SWITCHED_OFF: Code = Code::new("TGT-021");
/// An account that was taken over has rights that no rule explains, and nobody has decided about them.
pub const UNDECIDED: Code = Code::new("TGT-030");

/// Every code that the planner remarks with: what no longer holds after a plan is closed by these.
pub const CODES: [Code; 12] = [
    GONE,
    SWITCHED_OFF,
    UNDECIDED,
    RULE_FAILED,
    UNKNOWN_ENTITLEMENT,
    EXCLUSIVE,
    NOBODY_TO_TRANSFER_TO,
    AMBIGUOUS_ENTITLEMENT,
    NO_KEY_VALUE,
    IMMUTABLE_ATTRIBUTE,
    UNCONFIGURED_TARGET,
    UNREAD_CATALOGUE,
];

/// What the planner knows of the targets.
#[derive(Debug, Default)]
pub struct Targets {
    /// What each can give. A target that was never read is not here.
    pub catalogues: BTreeMap<TargetName, Catalogue>,
    /// What each connector can do. A connector that is not loaded is not here, and is taken to be
    /// able to do everything: its operations wait until it is.
    pub descriptors: BTreeMap<TargetName, Descriptor>,
}

impl Targets {
    fn can(&self, target: &TargetName, function: Function) -> bool {
        self.descriptors
            .get(target)
            .is_none_or(|descriptor| descriptor.can(function))
    }

    fn can_suspend(&self, target: &TargetName) -> bool {
        self.people(target)
            .is_none_or(|kind| kind.can_become(AccountState::Suspended))
    }

    fn keeps_grants(&self, target: &TargetName) -> bool {
        self.people(target)
            .is_none_or(|kind| kind.reactivation_keeps_grants)
    }

    fn people(&self, target: &TargetName) -> Option<&AccountKind> {
        self.descriptors.get(target).and_then(Descriptor::people)
    }
}

/// The planner's answer for one person.
#[derive(Clone, PartialEq, Debug)]
pub enum Planned {
    /// Everything is as it should be, or will be once what is queued is done.
    Same,
    /// There is something to do: the person's part of the plan.
    Part(Box<PersonPlanned>),
    /// It cannot be decided what the person should have, and HR says nothing new: nothing changes. Where
    /// HR does, the row is planned without anything at the targets, and the finding is among
    /// [`Planner::into_findings`].
    Refused(Finding),
}

/// Looks up the app's key of somebody's account; `None` if there is no account now.
pub type FindAccount<'a, E> = &'a dyn Fn(&PersonId, &TargetName) -> Result<Option<ObjectRef>, E>;

/// Makes one plan.
#[derive(Debug)]
pub struct Planner<'a> {
    evaluator: Evaluator<'a>,
    targets: &'a Targets,
    plan: PlanId,
    now: Timestamp,
    because: String,
    trust: Vec<FeedName>,
    number: u32,
    findings: BTreeMap<(Code, Subject), Finding>,
}

impl<'a> Planner<'a> {
    /// A planner for the plan with this number. `because` goes into each operation's reason: ids only.
    pub fn new(
        evaluator: Evaluator<'a>,
        targets: &'a Targets,
        plan: PlanId,
        now: Timestamp,
        because: &str,
    ) -> Self {
        Self {
            evaluator,
            targets,
            plan,
            now,
            because: because.to_owned(),
            trust: Vec::new(),
            number: 0,
            findings: BTreeMap::new(),
        }
    }

    /// Has feeds believed in this order, where several of them speak of one person.
    #[must_use]
    pub fn trusting(self, trust: Vec<FeedName>) -> Self {
        Self { trust, ..self }
    }

    /// Goes on under the number of another plan.
    pub fn go_on(&mut self, plan: PlanId) {
        if self.plan != plan {
            self.plan = plan;
            self.number = 0;
        }
    }

    /// Who was planned for so far, and which roles they have.
    pub fn census(&self) -> &Census {
        self.evaluator.census()
    }

    /// What was remarked on the way, each once.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings.into_values().collect()
    }

    /// One person's part of the plan. The error is that of `find`.
    pub fn person<E>(
        &mut self,
        id: &PersonId,
        before: Option<&Person>,
        described: Described,
        find: FindAccount<'_, E>,
    ) -> Result<Planned, E> {
        let times = (self.trust.as_slice(), self.now);
        let Some(delta) = Delta::between(before, described, times) else {
            return Ok(Planned::Same);
        };
        let nothing = Standing::default();
        let standing = before.map_or(&nothing, |person| &person.standing);
        let decided = (standing, self.now);
        let desired =
            self.evaluator
                .desired(&delta.seat(id), &delta.identity, delta.phase, decided);
        let mut desired = match desired {
            Ok(desired) => desired,
            Err(failed) => return Ok(self.undecided(id, before, delta, &failed)),
        };
        refer(&mut desired, find)?;
        let none = BTreeMap::new();
        let accounts_before = before.map_or(&none, |person| &person.accounts);
        let names: BTreeSet<&TargetName> = accounts_before.keys().chain(desired.keys()).collect();
        let mut accounts = BTreeMap::new();
        for target in names {
            let (want, have) = (desired.get(target), accounts_before.get(target));
            let person = PersonView {
                id,
                delta: &delta,
                standing,
            };
            if let Some(planned) = self.account(&person, target, want, have) {
                accounts.insert(target.clone(), planned);
            }
        }
        Ok(self.conclude(id, before, delta, accounts))
    }

    /// A rule failed: the accounts are left as they are, but for what blocks keep away and what openings that are over
    /// had given. What HR says is taken in all the same, so that an announced last day counts, and the mended rule
    /// meets the newest row.
    fn undecided(
        &mut self,
        id: &PersonId,
        before: Option<&Person>,
        delta: Delta,
        failed: &Failed,
    ) -> Planned {
        let subject = Subject::from(id);
        let finding = Finding::new(
            RULE_FAILED,
            Severity::Error,
            subject.clone(),
            failed.to_string(),
        )
        .hint("the accounts of this person stay as they are until the rule or the row is mended");
        let mut accounts = BTreeMap::new();
        if let Some(before) = before {
            let person = PersonView {
                id,
                delta: &delta,
                standing: &before.standing,
            };
            for (target, have) in &before.accounts {
                if let Some(planned) = self.left_as_it_is(&person, target, have) {
                    accounts.insert(target.clone(), planned);
                }
            }
        }
        match self.conclude(id, before, delta, accounts) {
            Planned::Part(planned) => {
                self.findings.insert((RULE_FAILED, subject), finding);
                Planned::Part(planned)
            }
            Planned::Same | Planned::Refused(_) => Planned::Refused(finding),
        }
    }

    fn conclude(
        &mut self,
        id: &PersonId,
        before: Option<&Person>,
        delta: Delta,
        mut accounts: BTreeMap<TargetName, AccountPlanned>,
    ) -> Planned {
        let wake_at = self.wake_at(before, &delta, &accounts);
        let is_same = before.is_some_and(|person| {
            accounts.is_empty()
                && !delta.is_changed
                && delta.records.is_empty()
                && person.is_present == delta.is_present
                && person.phase == delta.phase
                && person.wake_at == wake_at
        });
        if is_same {
            return Planned::Same;
        }
        let kind = delta.kind(moves(before, &accounts));
        let reason = format!("{id}: {} by {}", kind.as_str(), self.because);
        for (target, account) in &mut accounts {
            let is_barred = before.is_some_and(|person| person.standing.bars(target, self.now));
            for operation in &mut account.operations {
                self.number += 1;
                operation.id.number = self.number;
                operation.urgency = match urgency(kind, &operation.action) {
                    // Whoever is shut out is shut out like a leaver.
                    _ if is_barred && operation.action.is_removal() => Urgency::Leaver,
                    urgency => urgency,
                };
                operation.reason.clone_from(&reason);
            }
        }
        Planned::Part(Box::new(PersonPlanned {
            plan: self.plan,
            person: id.clone(),
            kind,
            identity: delta.is_changed.then_some(delta.identity),
            records: delta.records,
            row: delta.row.filter(|_| delta.is_changed),
            is_present: delta.is_present,
            phase: delta.phase,
            accounts,
        }))
    }

    /// When the next change comes by itself.
    fn wake_at(
        &self,
        before: Option<&Person>,
        delta: &Delta,
        accounts: &BTreeMap<TargetName, AccountPlanned>,
    ) -> Option<Timestamp> {
        let untouched = before.into_iter().flat_map(|person| &person.accounts);
        let untouched = untouched.filter(|(target, _)| !accounts.contains_key(*target));
        let untouched = untouched.filter_map(|(_, account)| account.delete_at);
        let planned = accounts.iter().filter_map(|(target, planned)| {
            let known = before.and_then(|person| person.accounts.get(target));
            let said = known.and_then(|account| account.delete_at);
            let let_go_at = known.and_then(|account| account.let_go_at);
            planned.deletion.at(said, let_go_at.unwrap_or(self.now))
        });
        let standing = before.and_then(|person| {
            let mut standing = Cow::Borrowed(&person.standing);
            let has_any = !(standing.openings.is_empty() && standing.adoptions.all.is_empty());
            if delta.phase == Phase::Ended && has_any {
                standing.to_mut().forget_ended(delta.phase, self.now);
            }
            standing.changes_at(self.now)
        });
        wakes_at(
            delta.lines(),
            untouched.chain(planned).chain(standing),
            self.now,
        )
    }
}

/// Fills in the app's key for the attributes that are somebody's account. One that is not there yet is left
/// out: whoever refers to it is planned for again once it is.
fn refer<E>(desired: &mut Desired, find: FindAccount<'_, E>) -> Result<(), E> {
    for (target, account) in desired {
        for (name, of) in std::mem::take(&mut account.references) {
            if let Some(object) = find(&of, target)? {
                account
                    .attributes
                    .insert(name, vec![Scalar::Pointer(object)]);
            }
        }
    }
    Ok(())
}

/// Whether anything but attributes follows from a change: an account or a right comes or goes.
fn moves(before: Option<&Person>, accounts: &BTreeMap<TargetName, AccountPlanned>) -> bool {
    accounts.iter().any(|(target, planned)| {
        let had = before.and_then(|person| person.accounts.get(target));
        let is_attribute = |action: &Action| matches!(action, Action::EnsureAccount(_));
        had.is_some_and(|account| account.is_wanted) != planned.is_wanted
            || planned
                .operations
                .iter()
                .any(|operation| !is_attribute(&operation.action))
    })
}

struct PersonView<'a> {
    id: &'a PersonId,
    delta: &'a Delta,
    standing: &'a Standing,
}

impl PersonView<'_> {
    fn manager(&self) -> Option<PersonId> {
        let key = PersonKey::new(self.delta.identity.text("manager")?).ok()?;
        let PersonId { feed, key: own } = self.delta.lead.as_ref().unwrap_or(self.id);
        (key != *own).then(|| PersonId {
            feed: feed.clone(),
            key,
        })
    }
}

fn urgency(kind: Kind, action: &Action) -> Urgency {
    match kind {
        Kind::Leaver => Urgency::Leaver,
        Kind::Mover => Urgency::Mover,
        Kind::Joiner | Kind::Rehire => Urgency::Joiner,
        // Somebody who left before, and something is still open.
        Kind::Update if action.is_removal() => Urgency::Leaver,
        Kind::Update => Urgency::Routine,
    }
}
