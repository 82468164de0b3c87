//! From what people should have and what they have to the operations between: the planner.
//!
//! It is asked for one person after the other and answers each time with that person's part of the
//! plan, so that a plan for a million people never has to stand in memory. It compares the wish
//! with two pictures of each account: how it will be once everything queued is done (where that is
//! as wished, nothing is planned), and how it will be once only that is done which cannot be taken
//! back (from there the new operations lead to the wish).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::connector::{
    AccountState, AttributeChange, Descriptor, Entitlement, EntitlementKey, RemoteAttributes,
};
use crate::delta::{Delta, Described};
use crate::fact::{AccountPlanned, Kind, PersonPlanned};
use crate::finding::{Code, Finding, Severity};
use crate::id::{OperationId, PersonId, PersonKey, PlanId, TargetName};
use crate::operation::{AccountSpec, Action, Operation, State, Urgency, later};
use crate::person::{Account, Justification, Person};
use crate::policy::{Adopt, DesiredAccount, EntitlementName, Evaluator, LeaverRules};

/// An expression has no value for a person.
pub const RULE_FAILED: Code = Code::new("PLN-001");
/// A policy names an entitlement that the target does not have.
pub const UNKNOWN_ENTITLEMENT: Code = Code::new("PLN-002");
/// A policy gives two entitlements of which an account can have only one.
pub const EXCLUSIVE: Code = Code::new("PLN-003");
/// Somebody left and nobody is there to take over what they own.
pub const NOBODY_TO_TRANSFER_TO: Code = Code::new("PLN-004");
/// A title stands for several entitlements.
pub const AMBIGUOUS_ENTITLEMENT: Code = Code::new("PLN-005");

/// What a target can give, to be found by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    by_id: BTreeMap<(String, String), Entry>,
    by_title: BTreeMap<(String, String), Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: EntitlementKey,
    exclusion_group: Option<String>,
    /// How many others have to be held first: those without any go first.
    requires: usize,
}

impl Catalogue {
    /// A catalogue of these entitlements.
    pub fn new(entitlements: &[Entitlement]) -> Self {
        let mut catalogue = Catalogue::default();
        for entitlement in entitlements {
            let key = EntitlementKey::of(&entitlement.object);
            let entry = Entry {
                key: key.clone(),
                exclusion_group: entitlement.exclusion_group.clone(),
                requires: entitlement.requires.len(),
            };
            catalogue.by_id.insert((key.kind.clone(), key.id), entry.clone());
            catalogue.by_title.entry((key.kind, entitlement.title.clone())).or_default().push(entry);
        }
        catalogue
    }

    fn find(&self, name: &EntitlementName) -> Result<&Entry, Code> {
        let wanted = (name.kind.clone(), name.name.clone());
        if let Some(entry) = self.by_id.get(&wanted) {
            return Ok(entry);
        }
        match self.by_title.get(&wanted).map(Vec::as_slice) {
            Some([entry]) => Ok(entry),
            Some([_, ..]) => Err(AMBIGUOUS_ENTITLEMENT),
            Some([]) | None => Err(UNKNOWN_ENTITLEMENT),
        }
    }
}

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
    fn can(&self, target: &TargetName, operation: &str) -> bool {
        self.descriptors.get(target).is_none_or(|descriptor| descriptor.can(operation))
    }

    fn can_suspend(&self, target: &TargetName) -> bool {
        self.descriptors.get(target).and_then(Descriptor::people).is_none_or(|kind| {
            kind.operations.contains("ensure-state") && kind.states.contains(&AccountState::Suspended)
        })
    }

    fn keeps_grants(&self, target: &TargetName) -> bool {
        self.descriptors
            .get(target)
            .and_then(Descriptor::people)
            .is_none_or(|kind| kind.reactivation_keeps_grants)
    }
}

/// The planner's answer for one person.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Everything is as it should be, or will be once what is queued is done.
    Same,
    /// This is to be done.
    Planned(Box<PersonPlanned>),
    /// It cannot be decided what the person should have. Nothing about the person changes.
    Refused(Finding),
}

/// Makes one plan.
#[derive(Debug)]
pub struct Planner<'a> {
    evaluator: Evaluator<'a>,
    targets: &'a Targets,
    plan: PlanId,
    now: Timestamp,
    because: String,
    number: u32,
    findings: BTreeMap<(Code, String), Finding>,
}

impl<'a> Planner<'a> {
    /// A planner for the plan with this number. `because` goes into each operation's reason: ids only.
    pub fn new(evaluator: Evaluator<'a>, targets: &'a Targets, plan: PlanId, now: Timestamp, because: &str) -> Self {
        Self { evaluator, targets, plan, now, because: because.to_owned(), number: 0, findings: BTreeMap::new() }
    }

    /// What was remarked on the way, each once.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings.into_values().collect()
    }

    /// One person's part of the plan.
    pub fn person(&mut self, id: &PersonId, before: Option<&Person>, described: Described) -> Verdict {
        let Some(delta) = Delta::between(before, described, self.now) else {
            return Verdict::Same;
        };
        let desired = match self.evaluator.desired(id, &delta.identity, delta.phase) {
            Ok(desired) => desired,
            Err(failed) => {
                let finding = Finding::new(RULE_FAILED, Severity::Error, id.to_string(), failed.to_string());
                return Verdict::Refused(finding.hint("nothing about this person changes until the rule or the row is mended"));
            }
        };
        let none = BTreeMap::new();
        let accounts_before = before.map_or(&none, |person| &person.accounts);
        let names: BTreeSet<&TargetName> = accounts_before.keys().chain(desired.keys()).collect();
        let mut accounts = BTreeMap::new();
        for target in names {
            let (want, have) = (desired.get(target), accounts_before.get(target));
            let person = PersonView { id, delta: &delta };
            if let Some(planned) = self.account(&person, target, want, have) {
                accounts.insert(target.clone(), planned);
            }
        }
        self.conclude(id, before, delta, accounts)
    }

    fn conclude(
        &mut self,
        id: &PersonId,
        before: Option<&Person>,
        delta: Delta,
        mut accounts: BTreeMap<TargetName, AccountPlanned>,
    ) -> Verdict {
        let wake_at = self.wake_at(before, &delta, &accounts);
        let is_same = before.is_some_and(|person| {
            accounts.is_empty()
                && !delta.is_changed
                && person.is_present == delta.is_present
                && person.phase == delta.phase
                && person.wake_at == wake_at
        });
        if is_same {
            return Verdict::Same;
        }
        let moves = accounts.values().flat_map(|account| &account.operations).any(|operation| {
            !matches!(&operation.action, Action::EnsureAccount(_))
        });
        let kind = delta.kind(moves);
        let reason = format!("{id}: {} by {}", kind.as_str(), self.because);
        for operation in accounts.values_mut().flat_map(|account| &mut account.operations) {
            self.number += 1;
            operation.id.number = self.number;
            operation.urgency = urgency(kind, &operation.action);
            operation.reason.clone_from(&reason);
        }
        Verdict::Planned(Box::new(PersonPlanned {
            plan: self.plan,
            person: id.clone(),
            kind,
            identity: delta.is_changed.then_some(delta.identity),
            is_present: delta.is_present,
            phase: delta.phase,
            wake_at,
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
        let employment =
            delta.is_present.then(|| delta.identity.employment.changes_at(self.now)).flatten();
        let untouched = before.into_iter().flat_map(|person| &person.accounts);
        let untouched = untouched.filter(|(target, _)| !accounts.contains_key(*target));
        let deletions = untouched.filter_map(|(_, account)| account.delete_at);
        let deletions = deletions.chain(accounts.values().filter_map(|account| account.delete_at));
        // One that is due has its operation already.
        employment.into_iter().chain(deletions.filter(|at| *at > self.now)).min()
    }

    fn account(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        want: Option<&DesiredAccount>,
        have: Option<&Account>,
    ) -> Option<AccountPlanned> {
        let rules = self.evaluator.policy().targets().get(target)?;
        match (want, have) {
            (Some(want), have) => {
                let may_adopt = rules.adopt == Adopt::WhenKeysAgree && want.keys.len() >= 2;
                let empty = Account::default();
                let have = have.unwrap_or(&empty);
                let grants = self.justified(target, want, have);
                self.keep_or_make(target, want, have, Wish { grants, may_adopt })
            }
            (None, Some(have)) => self.let_go(person, target, rules.leaver, have),
            (None, None) => None,
        }
    }

    /// What the account should have, each with its reasons.
    fn justified(
        &mut self,
        target: &TargetName,
        want: &DesiredAccount,
        have: &Account,
    ) -> BTreeMap<EntitlementKey, BTreeSet<Justification>> {
        let mut grants: BTreeMap<EntitlementKey, BTreeSet<Justification>> = BTreeMap::new();
        let mut groups: BTreeMap<String, EntitlementKey> = BTreeMap::new();
        let catalogue = self.targets.catalogues.get(target);
        let policy = self.evaluator.policy().version().clone();
        for (name, roles) in &want.entitlements {
            let found = catalogue.map_or(Err(UNKNOWN_ENTITLEMENT), |catalogue| catalogue.find(name));
            let entry = match found {
                Ok(entry) => entry,
                Err(code) => {
                    // A group that was renamed at the app must not cost anybody their access: what
                    // these roles gave before stays until the name is mended.
                    keep_of_roles(&mut grants, have, roles);
                    self.remark_unresolved(target, name, code);
                    continue;
                }
            };
            if let Some(group) = &entry.exclusion_group {
                let other = groups.entry(group.clone()).or_insert_with(|| entry.key.clone());
                if *other != entry.key {
                    let text = format!("{name} and another entitlement of the group `{group}` exclude each other");
                    self.remark(EXCLUSIVE, format!("target {target}"), text, "change the roles so that nobody has both");
                    keep_of_roles(&mut grants, have, roles);
                    continue;
                }
            }
            let before = have.grants.get(&entry.key).map(|grant| &grant.justifications);
            let reasons = grants.entry(entry.key.clone()).or_default();
            for role in roles {
                let held = before.into_iter().flatten().find(
                    |reason| matches!(reason, Justification::Role { role: held, .. } if held == role),
                );
                let new = || Justification::Role { role: role.clone(), policy: policy.clone() };
                reasons.insert(held.cloned().unwrap_or_else(new));
            }
        }
        // What somebody decided to keep stays whatever the roles say.
        for (key, grant) in &have.grants {
            for reason in &grant.justifications {
                if matches!(reason, Justification::Adoption { .. }) {
                    grants.entry(key.clone()).or_default().insert(reason.clone());
                }
            }
        }
        grants
    }

    fn remark_unresolved(&mut self, target: &TargetName, name: &EntitlementName, code: Code) {
        let text = if code == AMBIGUOUS_ENTITLEMENT {
            format!("`{name}` stands for several entitlements there")
        } else {
            format!("`{name}` is not among what this target can give")
        };
        let hint = "see `muster plugin list`; make it at the app, or write its id or title as it is there";
        self.remark(code, format!("target {target}, {name}"), text, hint);
    }

    fn remark(&mut self, code: Code, subject: String, text: String, hint: &str) {
        let finding = Finding::new(code.clone(), Severity::Warning, subject.clone(), text).hint(hint);
        self.findings.entry((code, subject)).or_insert(finding);
    }

    /// The account of somebody who is to have it.
    fn keep_or_make(
        &mut self,
        target: &TargetName,
        want: &DesiredAccount,
        have: &Account,
        wish: Wish,
    ) -> Option<AccountPlanned> {
        let wanted: BTreeSet<&EntitlementKey> = wish.grants.keys().collect();
        let goal = Picture::of(have, |_| true);
        let reasons_are_same = have.grants.iter().filter(|(_, grant)| !grant.justifications.is_empty()).map(
            |(key, grant)| (key, &grant.justifications),
        ).eq(&wish.grants);
        let is_same = have.is_wanted
            && goal.exists
            && goal.is_in(want.is_usable)
            && goal.attributes == want.attributes
            && goal.granted.iter().eq(wanted.iter().copied())
            && have.delete_at.is_none()
            && reasons_are_same;
        if is_same {
            return None;
        }
        let base = Picture::of(have, Operation::has_begun);
        let mut actions = Vec::new();
        for key in base.granted.iter().filter(|key| !wanted.contains(key)) {
            actions.push(Action::EnsureRevoked(key.clone()));
        }
        let initial_state = if want.is_usable { AccountState::Active } else { AccountState::Suspended };
        let attributes = changes(if base.exists { &base.attributes } else { &EMPTY }, &want.attributes);
        if !base.exists || !attributes.is_empty() {
            actions.push(Action::EnsureAccount(AccountSpec {
                match_keys: want.keys.clone(),
                may_adopt: wish.may_adopt,
                initial_state,
                attributes,
            }));
        }
        let comes_back = base.exists && !base.is_in(want.is_usable);
        if comes_back {
            actions.push(Action::EnsureState(initial_state));
        }
        let again = !base.exists || (comes_back && want.is_usable && !self.targets.keeps_grants(target));
        for key in self.in_order(target, &wanted) {
            if again || !base.granted.contains(key) {
                actions.push(Action::EnsureGranted(key.clone()));
            }
        }
        Some(self.planned(true, wish.grants, None, actions))
    }

    /// The account of somebody who is to have it no longer.
    fn let_go(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        rules: LeaverRules,
        have: &Account,
    ) -> Option<AccountPlanned> {
        let goal = Picture::of(have, |_| true);
        let base = Picture::of(have, Operation::has_begun);
        if !base.exists {
            // Nothing was made yet, and what was only queued is dropped.
            let is_clean = !have.is_wanted && have.operations.iter().all(Operation::has_begun);
            return (!is_clean).then(|| self.planned(false, BTreeMap::new(), None, Vec::new()));
        }
        let delete_at = have.delete_at.or_else(|| rules.delete_after.map(|after| later(self.now, after)));
        let is_due = delete_at.is_some_and(|at| at <= self.now) && self.targets.can(target, "ensure-absent");
        let is_same = !have.is_wanted
            && goal.granted.is_empty()
            && (!goal.exists || (have.delete_at == delete_at && !is_due));
        if is_same {
            return None;
        }
        let was_queued = |verb: &str| {
            have.operations.iter().any(|operation| !operation.has_begun() && operation.action.verb() == verb)
        };
        let mut actions = Vec::new();
        let once = |action: Action, enabled: bool, actions: &mut Vec<Action>| {
            if enabled && (have.is_wanted || was_queued(action.verb())) {
                actions.push(action);
            }
        };
        if rules.suspend && base.is_in(true) && self.targets.can_suspend(target) {
            actions.push(Action::EnsureState(AccountState::Suspended));
        }
        once(Action::EndSessions, rules.end_sessions && self.targets.can(target, "end-sessions"), &mut actions);
        let revoke = rules.revoke_credentials && self.targets.can(target, "revoke-credentials");
        once(Action::RevokeCredentials, revoke, &mut actions);
        actions.extend(base.granted.iter().cloned().map(Action::EnsureRevoked));
        if rules.transfer_to_manager && self.targets.can(target, "transfer-owned") {
            match person.manager() {
                Some(manager) => once(Action::TransferOwned(manager), true, &mut actions),
                None => self.remark(
                    NOBODY_TO_TRANSFER_TO,
                    format!("{} at {target}", person.id),
                    "no manager is known, so what this account owns stays where it is".to_owned(),
                    "name the manager in the HR file, or hand it on at the app",
                ),
            }
        }
        if is_due {
            actions.push(Action::EnsureAbsent);
        }
        Some(self.planned(false, BTreeMap::new(), delete_at, actions))
    }

    /// Entitlements in the order in which they can be given: what others need first.
    fn in_order<'k>(&self, target: &TargetName, keys: &BTreeSet<&'k EntitlementKey>) -> Vec<&'k EntitlementKey> {
        let catalogue = self.targets.catalogues.get(target);
        let requires = |key: &EntitlementKey| {
            catalogue
                .and_then(|catalogue| catalogue.by_id.get(&(key.kind.clone(), key.id.clone())))
                .map_or(0, |entry| entry.requires)
        };
        let mut keys: Vec<&EntitlementKey> = keys.iter().copied().collect();
        keys.sort_by_cached_key(|key| requires(key));
        keys
    }

    /// Numbers and urgency are filled in once the person's kind of change is known.
    fn planned(
        &self,
        is_wanted: bool,
        grants: BTreeMap<EntitlementKey, BTreeSet<Justification>>,
        delete_at: Option<Timestamp>,
        actions: Vec<Action>,
    ) -> AccountPlanned {
        let operation = |action: Action| Operation {
            id: OperationId { plan: self.plan, number: 0 },
            action,
            urgency: Urgency::Routine,
            reason: String::new(),
            state: State::Queued,
        };
        AccountPlanned { is_wanted, grants, delete_at, operations: actions.into_iter().map(operation).collect() }
    }
}

static EMPTY: RemoteAttributes = RemoteAttributes::new();

struct Wish {
    grants: BTreeMap<EntitlementKey, BTreeSet<Justification>>,
    may_adopt: bool,
}

struct PersonView<'a> {
    id: &'a PersonId,
    delta: &'a Delta,
}

impl PersonView<'_> {
    fn manager(&self) -> Option<PersonId> {
        let key = PersonKey::new(self.delta.identity.text("manager")?).ok()?;
        (key != self.id.key).then(|| PersonId { feed: self.id.feed.clone(), key })
    }
}

fn urgency(kind: Kind, action: &Action) -> Urgency {
    match kind {
        Kind::Leaver => Urgency::Leaver,
        Kind::Mover => Urgency::Mover,
        Kind::Joiner | Kind::Rehire => Urgency::Joiner,
        Kind::Update if action.is_removal() => Urgency::Mover,
        Kind::Update => Urgency::Routine,
    }
}

/// Keeps what these roles gave before.
fn keep_of_roles(
    grants: &mut BTreeMap<EntitlementKey, BTreeSet<Justification>>,
    have: &Account,
    roles: &BTreeSet<crate::id::RoleName>,
) {
    for (key, grant) in &have.grants {
        for reason in &grant.justifications {
            if matches!(reason, Justification::Role { role, .. } if roles.contains(role)) {
                grants.entry(key.clone()).or_default().insert(reason.clone());
            }
        }
    }
}

/// What has to change for `from` to become `to`.
fn changes(from: &RemoteAttributes, to: &RemoteAttributes) -> BTreeMap<String, AttributeChange> {
    let mut changes = BTreeMap::new();
    for (name, values) in to {
        if from.get(name) != Some(values) {
            changes.insert(name.clone(), AttributeChange::Set(values.clone()));
        }
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        changes.insert(name.clone(), AttributeChange::Clear);
    }
    changes
}

/// An account as it will be once some of its operations are done.
struct Picture {
    exists: bool,
    state: Option<AccountState>,
    attributes: RemoteAttributes,
    granted: BTreeSet<EntitlementKey>,
}

impl Picture {
    fn of(account: &Account, include: impl Fn(&Operation) -> bool) -> Picture {
        let held = account.grants.iter().filter(|(_, grant)| grant.since.is_some());
        let mut picture = Picture {
            exists: account.exists(),
            state: account.state,
            attributes: account.attributes.clone(),
            granted: held.map(|(key, _)| key.clone()).collect(),
        };
        for operation in account.operations.iter().filter(|operation| include(operation)) {
            picture.add(&operation.action);
        }
        picture
    }

    fn add(&mut self, action: &Action) {
        match action {
            Action::EnsureAccount(spec) => {
                if !self.exists {
                    self.state = Some(spec.initial_state);
                    self.attributes.clear();
                }
                self.exists = true;
                for (name, change) in &spec.attributes {
                    match change {
                        AttributeChange::Set(values) => drop(self.attributes.insert(name.clone(), values.clone())),
                        AttributeChange::Clear => drop(self.attributes.remove(name)),
                    }
                }
            }
            Action::EnsureState(state) => self.state = Some(*state),
            Action::EnsureGranted(key) => drop(self.granted.insert(key.clone())),
            Action::EnsureRevoked(key) => drop(self.granted.remove(key)),
            Action::EnsureAbsent => {
                self.exists = false;
                self.state = Some(AccountState::Deleted);
                self.attributes.clear();
                self.granted.clear();
            }
            Action::EndSessions | Action::RevokeCredentials | Action::TransferOwned(_) => {}
        }
    }

    /// Whether it is usable, or not, as wanted. An app's own lock is the app's matter.
    fn is_in(&self, usable: bool) -> bool {
        match self.state {
            None | Some(AccountState::Locked) => usable,
            Some(state) => state.is_usable() == usable,
        }
    }
}
