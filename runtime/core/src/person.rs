//! A person with the accounts and grants that the ledger knows of: the state that facts add up to.
//!
//! [`Person::planned`] and [`Person::changed`] are the only ways in which this state moves. The
//! ledger applies them when a fact is written, and again when it checks itself.

mod fold;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::adoption::AdoptionId;
use crate::budget::{Counted, Effect, GROUP_LOSS_KEPT, Move, Toll};
use crate::connector::{
    AccountState, EntitlementKey, ObjectRef, Problem, RemoteAttributes, Unreached,
};
use crate::fact::PersonPlanned;
use crate::group::Group;
use crate::id::{FeedName, OperationId, PersonId, PlanId, PolicyVersion, RoleName, TargetName};
use crate::identity::{Identity, Phase};
use crate::operation::{Action, How, Operation, State, Step, Transition, Urgency, later};
use crate::record::Records;
use crate::standing::{Decided, OpeningId, Standing};

/// How long something goes on that a removal did not reach and of which nobody says until when: hardly any app
/// keeps a session for longer.
pub const UNREACHED_MAX: Duration = Duration::from_hours(30 * 24);

/// A person as the ledger knows one.
#[derive(Clone, PartialEq, Debug)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// What HR last said; where several records say it, the picture that they came to when the last plan was made.
    pub identity: Identity,
    /// What each record said, where there are several; empty where there is one.
    pub records: Records,
    /// Where HR said so.
    pub origin: Origin,
    /// Whether the feed's last complete file had the person; where there are several records, whether any feed has.
    pub is_present: bool,
    /// Where the person stood when the last plan was made.
    pub phase: Phase,
    /// When the next change comes by itself.
    pub wake_at: Option<Timestamp>,
    /// What was counted last as a loss against the feed's budget.
    pub counted: Option<Counted>,
    /// When it was counted last that the person lost something as one of these groups.
    pub lost: BTreeMap<Group, Timestamp>,
    /// When coming back was counted last.
    pub back_at: Option<Timestamp>,
    /// Whether the last day that HR announced is asked about no more when it comes: it was counted when it
    /// was announced, or was known for long.
    pub is_end_settled: bool,
    /// What people decided about the person beside the policy.
    pub standing: Standing,
    /// The plan that last touched the person.
    pub plan: PlanId,
    /// The person's accounts.
    pub accounts: BTreeMap<TargetName, Account>,
}

/// Where the last news of a person comes from: who they are, or that they are gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The plan that the file or the event led to.
    pub plan: PlanId,
    /// The row of that file, as a spreadsheet counts; `None` if no row said it.
    pub row: Option<u32>,
}

/// A person's account at one target, as far as the ledger knows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Account {
    /// Whether the person should have it, by the last plan.
    pub is_wanted: bool,
    /// The app's key of it; `None` before it is known. Stays after a deletion, as the tombstone.
    pub object: Option<ObjectRef>,
    /// Its state; `None` before it is known.
    pub state: Option<AccountState>,
    /// What it can be found by: (name of the key, value), as it was made or last changed. Empty before its
    /// making was confirmed.
    pub keys: Vec<(String, String)>,
    /// The attributes that were last written.
    pub attributes: RemoteAttributes,
    /// What it has, and what it is about to have.
    pub grants: BTreeMap<EntitlementKey, Grant>,
    /// Since when the person should no longer have it; `None` if they should.
    pub let_go_at: Option<Timestamp>,
    /// When it will be deleted.
    pub delete_at: Option<Timestamp>,
    /// When it was counted last as losing something.
    pub lost_at: Option<Timestamp>,
    /// What was taken from it since the person should no longer have it, by what it is: `suspend`,
    /// `end-sessions`, `revoke group:g-1`, `transfer`. Empty for an account that somebody should have.
    pub taken: BTreeMap<String, Taken>,
    /// What somebody did to it at the app, which a person has to decide about.
    pub drift: Option<Drift>,
    /// What is still to be done, in order.
    pub operations: Vec<Operation>,
}

/// How it ended that something was taken away. What was only answered is not what was seen.
#[derive(Clone, PartialEq, Debug)]
pub struct Taken {
    /// Which operation did it.
    pub operation: OperationId,
    /// In which way it ended; what the app said, until it has.
    pub how: How,
    /// When.
    pub at: Timestamp,
    /// What goes on all the same.
    pub unreached: Vec<Unreached>,
}

impl Taken {
    /// What goes on at `now`.
    pub fn open_at(&self, now: Timestamp) -> impl Iterator<Item = &Unreached> {
        let is_open = move |unreached: &&Unreached| self.ends(unreached) > now;
        self.unreached.iter().filter(is_open)
    }

    /// When something ends that was not reached: when the app says, or once it is taken to have ended.
    pub fn ends(&self, unreached: &Unreached) -> Timestamp {
        let taken_to_end = || later(self.at, UNREACHED_MAX);
        unreached.until.unwrap_or_else(taken_to_end)
    }
}

/// What the app shows of an account that should be usable, and that no operation brought about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drift {
    /// What it is.
    pub what: Drifted,
    /// Whether somebody decided to leave it so.
    pub is_left: bool,
}

/// In which way an account is not as it was left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Drifted {
    /// It was there, and is gone.
    Gone,
    /// It was usable, and is switched off: a security lock, perhaps.
    SwitchedOff,
}

impl Drifted {
    /// The word for it in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Drifted::Gone => "gone",
            Drifted::SwitchedOff => "switched-off",
        }
    }
}

/// What was seen of an account at the app beside any operation.
#[derive(Clone, PartialEq, Debug)]
pub enum Sighting {
    /// The app has it under another key of its own by now.
    Moved(ObjectRef),
    /// The app has it no longer: neither under its key, nor under what it can be found by.
    Gone,
    /// It is in this state.
    InState(AccountState),
    /// It no longer has this right.
    Lost(EntitlementKey),
    /// It was taken over, and these are all the rights that it has by itself.
    TakenOver(Vec<EntitlementKey>),
}

/// What a person decided about a [`Drift`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Put the account right: make it again, or switch it on again.
    Restore,
    /// It stays as the app has it, until the person leaves.
    Leave,
}

/// An entitlement of an account. It goes when its last justification has gone.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Grant {
    /// Why it is there. Empty: it is being taken away.
    pub justifications: BTreeSet<Justification>,
    /// Since when the app is known to have it; `None` while it is being given.
    pub since: Option<Timestamp>,
    /// Whether it was there, and something that was done for somebody else took it along. Such an app may put
    /// it back with the next thing that is done, so it is taken away from whoever should not have it.
    pub was_taken_along: bool,
    /// The plan that gave it.
    pub plan: Option<PlanId>,
}

/// One reason why a grant exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Justification {
    /// A role that the policy gives the person.
    Role {
        /// The role.
        role: RoleName,
        /// The version of the policy in which it first did.
        policy: PolicyVersion,
    },
    /// Somebody opened it for a while.
    Opening(OpeningId),
    /// It was there when the account was taken over: somebody decided to keep it, or nobody has decided yet.
    Adoption(AdoptionId),
}

impl Person {
    /// Renames the person's feed.
    pub fn rename(&mut self, feed: &FeedName) {
        let home = self.id.clone();
        let before = std::mem::replace(&mut self.id.feed, feed.clone());
        let renamed = self.id.clone();
        self.rename_record(&home, &renamed);
        let accounts = self.accounts.values_mut();
        for operation in accounts.flat_map(|account| &mut account.operations) {
            if let Action::TransferOwned(heir) = &mut operation.action
                && heir.feed == before
            {
                heir.feed = feed.clone();
            }
        }
    }

    /// The person after a plan that took effect.
    #[must_use]
    pub fn planned(
        before: Option<Person>,
        planned: &PersonPlanned,
        effect: Effect,
    ) -> Option<Person> {
        let at = effect.at;
        let toll = Toll::of(before.as_ref(), planned, at);
        let origin = Origin {
            plan: planned.plan,
            row: planned.row,
        };
        let mut person = match (before, &planned.identity) {
            (Some(person), _) => person,
            (None, Some(identity)) => Person {
                id: planned.person.clone(),
                identity: identity.clone(),
                records: Records::new(),
                origin,
                is_present: true,
                phase: planned.phase,
                wake_at: None,
                counted: None,
                lost: BTreeMap::new(),
                back_at: None,
                is_end_settled: false,
                standing: Standing::default(),
                plan: planned.plan,
                accounts: BTreeMap::new(),
            },
            // A plan for somebody who was never described: there is nothing to keep.
            (None, None) => return None,
        };
        person.described(planned, origin);
        person.is_end_settled = toll.is_end_settled;
        let at_counted = effect.counted_at;
        match toll.person.filter(|_| !effect.is_approved) {
            Some(Move::Back) => person.back_at = Some(at_counted),
            Some(what @ (Move::Left | Move::Announced)) => {
                person.counted = Some(Counted {
                    what,
                    at: at_counted,
                });
            }
            None => {}
        }
        person.phase = planned.phase;
        person.plan = planned.plan;
        for (target, account_planned) in &planned.accounts {
            let account = person.accounts.entry(target.clone()).or_default();
            account.planned(account_planned, planned.plan, at);
            let adoptions = &mut person.standing.adoptions;
            adoptions.follow(target, account, account_planned.deletion);
        }
        for target in toll.targets.iter().filter(|_| !effect.is_approved) {
            if let Some(account) = person.accounts.get_mut(target) {
                account.lost_at = Some(effect.counted_at);
            }
        }
        if !effect.is_approved {
            person.lost_as(toll.groups, at_counted);
        }
        person.standing.forget_ended(person.phase, at);
        let deletions = person.accounts.values();
        let deletions = deletions.filter_map(|account| account.delete_at);
        let changes = deletions.chain(person.standing.changes_at(at));
        person.wake_at = wakes_at(person.lines(), changes, at);
        person.forget_empty_accounts();
        Some(person)
    }

    /// Takes in who the person is from now on, and who said so.
    fn described(&mut self, planned: &PersonPlanned, origin: Origin) {
        // What took effect by itself was said by whoever announced it.
        let is_news = |identity| !self.identity.foretells(identity);
        let is_news = planned.identity.as_ref().is_some_and(is_news);
        // Before the picture, since what the first record said stands in it until there is a second one.
        self.take_in(&planned.records, origin);
        // That HR no longer has somebody, or has them again, is news of them, too.
        let is_said = !planned.records.is_empty() || (is_news && self.records.is_empty());
        if is_said || planned.is_present != self.is_present {
            self.origin = origin;
        }
        if let Some(identity) = &planned.identity {
            self.identity.clone_from(identity);
        }
        self.is_present = planned.is_present;
    }

    /// Counts that the person lost something as one of these groups.
    fn lost_as(&mut self, groups: BTreeSet<Group>, at: Timestamp) {
        if groups.is_empty() {
            return;
        }
        self.lost
            .retain(|_, lost| at.duration_since(*lost) < GROUP_LOSS_KEPT);
        self.lost
            .extend(groups.into_iter().map(|group| (group, at)));
    }

    /// Takes in what happened to one of the person's operations. An operation that is not there
    /// (superseded meanwhile) changes nothing and returns false.
    ///
    /// Where the account came out in another way than the plan counted on, and nothing queued will
    /// mend it, the person is woken: the next plan sees it.
    pub fn changed(
        &mut self,
        target: &TargetName,
        id: OperationId,
        change: &Transition,
        at: Timestamp,
    ) -> bool {
        let wants_usable = self.phase != Phase::Prehire;
        let Some(account) = self.accounts.get_mut(target) else {
            return false;
        };
        let was_astray = account.is_astray(wants_usable);
        let is_known = account.changed(id, change, at);
        if !was_astray && account.is_astray(wants_usable) {
            self.wake(at);
        }
        self.forget_empty_accounts();
        is_known
    }

    /// Takes in what was seen of one of the person's accounts. Returns false if that is nothing new.
    ///
    /// If it has to be put right, or asked about, the person is woken: the next plan does it.
    pub fn sighted(&mut self, target: &TargetName, sighting: &Sighting, at: Timestamp) -> bool {
        if let Sighting::TakenOver(rights) = sighting {
            let is_news = self.took_over(target, rights, at);
            if is_news {
                self.wake(at);
            }
            return is_news;
        }
        let wants_usable = self.phase != Phase::Prehire;
        let Some(account) = self.accounts.get_mut(target) else {
            return false;
        };
        let before = (account.drift, account.is_astray(wants_usable));
        let is_news = account.sighted(sighting);
        let is_to_plan = matches!(sighting, Sighting::Lost(_))
            || before != (account.drift, account.is_astray(wants_usable));
        if is_news && is_to_plan {
            self.wake(at);
        }
        self.forget_empty_accounts();
        is_news
    }

    /// Takes in what a person decided about an account. Returns false if there is nothing to decide.
    pub fn decided(&mut self, target: &TargetName, decision: Decision, at: Timestamp) -> bool {
        let Some(account) = self.accounts.get_mut(target) else {
            return false;
        };
        let Some(drift) = &mut account.drift else {
            return false;
        };
        match decision {
            Decision::Restore => account.drift = None,
            Decision::Leave => drift.is_left = true,
        }
        self.wake(at);
        true
    }

    /// Takes in a decision about what the person has, beside the policy, as an entry of the journal says it; the next
    /// plan carries it out. Returns false where what it is about is gone.
    pub fn stands(&mut self, decided: &Decided, entry: u64, at: Timestamp) -> bool {
        let is_news = self.standing.decide(decided, entry);
        if is_news {
            self.wake(at);
        }
        is_news
    }

    /// Has the next plan look at the person.
    pub(crate) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |wake_at| wake_at.min(at)));
    }

    /// An account that is not wanted and of which nothing came is no account.
    fn forget_empty_accounts(&mut self) {
        self.accounts.retain(|_, account| {
            account.is_wanted
                || account.object.is_some()
                || !account.operations.is_empty()
                || !account.grants.is_empty()
        });
    }

    /// The end that HR has announced, of somebody whom the feed has.
    pub fn announced_end(&self) -> Option<Timestamp> {
        let identity = self.is_present.then_some(&self.identity);
        identity.and_then(Identity::ends_at)
    }

    /// Whether the person has a usable account anywhere.
    pub fn has_access(&self) -> bool {
        self.accounts
            .values()
            .any(|account| account.state.is_some_and(AccountState::is_usable))
    }
}

/// When the next change after `now` comes by itself: a first day, a last day or an announced change of somebody whom a
/// feed has, the end of a grace period, of a window or of a block. A deletion that is due has its operation already.
pub(crate) fn wakes_at<'i>(
    lines: impl Iterator<Item = &'i Identity>,
    changes: impl Iterator<Item = Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    lines
        .filter_map(|line| line.changes_at(now))
        .chain(changes.filter(|at| *at > now))
        .min()
}

impl Operation {
    /// Whether a call has left and may have had its effect, so that a newer plan cannot take it back.
    ///
    /// That includes one that the app said was done while reading it back showed otherwise: what was read may
    /// be older than what was done.
    pub fn has_begun(&self) -> bool {
        match &self.state {
            State::InFlight { .. }
            | State::Unknown { .. }
            | State::Pending { .. }
            | State::Verifying { .. } => true,
            State::Waiting { problem, .. } => matches!(problem, Problem::RemoteDefect(_)),
            State::Queued | State::Halted { .. } => false,
        }
    }
}

/// What the driver can do for an account now.
#[derive(Clone, PartialEq, Debug)]
pub enum Turn<'a> {
    /// Take this step with this operation.
    Act(&'a Operation, Step),
    /// Nothing before this instant.
    WaitUntil(Timestamp, Urgency),
    /// A call is out.
    Busy,
    /// There is nothing to do.
    Idle,
}

/// When an account's turns come, whatever the time is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Turns {
    /// A call is out since this instant; nothing else can be done before it ends.
    Busy(Timestamp),
    /// The earliest instant for each urgency, the most urgent first. [`Timestamp::MIN`] is "at once".
    /// Empty: there is nothing to do.
    Ready(Vec<(Urgency, Timestamp)>),
}

impl Account {
    /// Whether the account exists at the app, as far as is known.
    pub fn exists(&self) -> bool {
        self.object.is_some()
            && self
                .state
                .is_some_and(|state| state != AccountState::Deleted)
    }

    /// Whether the account has a right that it is to have, and nothing is under way that gives or takes it.
    pub fn has_settled(&self, right: &EntitlementKey) -> bool {
        let grant = self.grants.get(right);
        let is_had =
            grant.is_some_and(|grant| grant.since.is_some() && !grant.justifications.is_empty());
        let is_about = |operation: &Operation| {
            matches!(&operation.action,
                Action::EnsureGranted(key) | Action::EnsureRevoked(key) if key == right)
        };
        is_had && !self.operations.iter().any(is_about)
    }
}
