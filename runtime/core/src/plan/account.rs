//! What has to happen at one target for one person: the wish, its reasons, and the operations that
//! lead there from what cannot be taken back any more.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::catalogue::{Catalogue, Entry};
use super::picture::Picture;
use super::{
    AMBIGUOUS_ENTITLEMENT, EXCLUSIVE, GONE, IMMUTABLE_ATTRIBUTE, NO_KEY_VALUE,
    NOBODY_TO_TRANSFER_TO, PersonView, Planner, SWITCHED_OFF, UNCONFIGURED_TARGET, UNDECIDED,
    UNREAD_CATALOGUE,
};
use crate::adoption::is_role_given;
use crate::connector::{
    AccountSpec, AccountState, AttributeChange, EntitlementKey, Function, RemoteAttributes,
};
use crate::fact::{AccountPlanned, Deletion};
use crate::finding::{Code, Finding, Severity};
use crate::id::{OperationId, TargetName};
use crate::identity::Phase;
use crate::operation::{Action, Operation, State, Urgency};
use crate::person::{Account, Drifted, Justification};
use crate::policy::{Adopt, DesiredAccount, EntitlementName, LeaverRules, Reason};
use crate::standing::OpeningId;
use crate::subject::Subject;

/// Why somebody should no longer use an account.
#[derive(Clone, Copy)]
enum Loss {
    /// They should not have it: these rules say what happens to it.
    LetGo(LeaverRules),
    /// They are shut out, and it is theirs again when the block ends: nothing happens that could not be taken back.
    ShutOut,
}

impl Loss {
    fn rules(self) -> LeaverRules {
        match self {
            Loss::LetGo(rules) => rules,
            Loss::ShutOut => LeaverRules {
                suspend: true,
                end_sessions: true,
                revoke_credentials: true,
                transfer_to_manager: false,
                delete_after: None,
            },
        }
    }

    fn deletion(self) -> Deletion {
        match self {
            Loss::LetGo(rules) => rules.delete_after.map_or(Deletion::Never, Deletion::After),
            Loss::ShutOut => Deletion::Kept,
        }
    }
}

/// What an account should have, each with its reasons.
type Reasons = BTreeMap<EntitlementKey, BTreeSet<Justification>>;

/// An account that somebody should have.
struct Wish<'w> {
    account: &'w DesiredAccount,
    attributes: Cow<'w, RemoteAttributes>,
    grants: Reasons,
    may_adopt: bool,
}

impl Planner<'_> {
    /// One account's part of the plan; `None` if it is, or is becoming, as it should be.
    pub(super) fn account(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        want: Option<&DesiredAccount>,
        have: Option<&Account>,
    ) -> Option<AccountPlanned> {
        let Some(rules) = self.evaluator.policy().targets().get(target) else {
            self.remark_unconfigured(person, target, have);
            return None;
        };
        if person.delta.phase != Phase::Ended && person.standing.bars(target, self.now) {
            return self.let_go(person, target, Loss::ShutOut, have?);
        }
        match (want, have) {
            (Some(want), have) => {
                let empty = Account::default();
                let have = have.unwrap_or(&empty);
                let wish = Wish {
                    account: want,
                    attributes: self.settable(person, target, want, have),
                    grants: self.justified(person, target, want, have),
                    may_adopt: rules.adopt == Adopt::WhenKeysAgree && want.keys.len() >= 2,
                };
                self.keep_or_make(person, target, have, wish)
            }
            (None, Some(have)) => self.let_go(person, target, Loss::LetGo(rules.leaver), have),
            (None, None) => None,
        }
    }

    /// The account of somebody of whom the rules do not say what they should have: it stays, without what was opened
    /// and is over, and without what is kept away.
    pub(super) fn left_as_it_is(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        have: &Account,
    ) -> Option<AccountPlanned> {
        if person.standing.bars(target, self.now) {
            return self.account(person, target, None, Some(have));
        }
        let had = have.grants.values().map(|grant| &grant.justifications);
        self.ask_about_adopted(person, target, had);
        let (targets, now) = (self.targets, self.now);
        let catalogue = targets.catalogues.get(target);
        let barred = person.standing.barred_at(target, now);
        let barred: BTreeSet<&EntitlementKey> = barred
            .filter_map(|name| find(catalogue, name).ok().map(|entry| &entry.key))
            .collect();
        let open: BTreeSet<OpeningId> = person.standing.open(self.now).map(|(id, _)| id).collect();
        let holds = |reason: &&Justification| match reason {
            Justification::Opening(id) => open.contains(id),
            Justification::Adoption(id) => {
                let adoption = person.standing.adoptions.all.get(id);
                adoption.is_some_and(|adoption| adoption.gives(now))
            }
            Justification::Role { .. } => true,
        };
        let mut grants = Reasons::new();
        let mut lost = Vec::new();
        let mut is_same = true;
        let had = have.grants.iter();
        for (key, grant) in had.filter(|(_, grant)| !grant.justifications.is_empty()) {
            let left = grant.justifications.iter().filter(holds).cloned();
            let left: BTreeSet<Justification> = left.collect();
            is_same &= left == grant.justifications && !barred.contains(key);
            if left.is_empty() || barred.contains(key) {
                lost.push(key);
            } else {
                grants.insert(key.clone(), left);
            }
        }
        if is_same {
            return None;
        }
        let is_lost =
            |action: &Action| matches!(action, Action::EnsureGranted(key) if lost.contains(&key));
        let waiting = have.operations.iter().filter(|open| !open.has_begun());
        let waiting = waiting.map(|operation| &operation.action);
        let mut actions: Vec<Action> = waiting.filter(|action| !is_lost(action)).cloned().collect();
        let lost = self.in_order(target, lost).into_iter().rev();
        actions.extend(lost.map(|key| Action::EnsureRevoked(key.clone())));
        Some(self.planned(have.is_wanted, grants, Deletion::AsBefore, actions))
    }

    /// The attributes that the account should have, where one that is fixed at creation stays as it
    /// was made.
    fn settable<'w>(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        want: &'w DesiredAccount,
        have: &Account,
    ) -> Cow<'w, RemoteAttributes> {
        let mut attributes = Cow::Borrowed(&want.attributes);
        let targets = self.targets;
        let Some(kind) = targets.people(target).filter(|_| have.exists()) else {
            return attributes;
        };
        for name in &kind.immutable_attributes {
            let (made, wanted) = (have.attributes.get(name), attributes.get(name));
            if made == wanted {
                continue;
            }
            match made {
                Some(values) => drop(attributes.to_mut().insert(name.clone(), values.clone())),
                None => drop(attributes.to_mut().remove(name)),
            }
            self.remark(
                IMMUTABLE_ATTRIBUTE,
                Subject::Account(person.id.clone(), target.clone()),
                format!("`{name}` would have to change, and this app fixes it at creation"),
                "change it at the app if it can be, or leave it out of the target's attributes",
            );
        }
        attributes
    }

    /// What the account should have, each with its reasons.
    fn justified(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        want: &DesiredAccount,
        have: &Account,
    ) -> Reasons {
        let targets = self.targets;
        let catalogue = targets.catalogues.get(target);
        let mut grants = Reasons::new();
        let mut found: Vec<(&Entry, &BTreeSet<Reason>)> = Vec::new();
        let barred: BTreeSet<&EntitlementName> =
            person.standing.barred_at(target, self.now).collect();
        let wanted = want.entitlements.iter();
        for (name, reasons) in wanted.filter(|(name, _)| !barred.contains(name)) {
            match find(catalogue, name) {
                Ok(entry) => found.push((entry, reasons)),
                Err(code) => {
                    // A group that was renamed at the app must not cost anybody their access: what
                    // these reasons gave before stays until the name is mended.
                    keep_of(&mut grants, have, reasons);
                    self.remark_unresolved(target, name, &code);
                }
            }
        }
        let winners = winners(&found, have);
        let policy = self.evaluator.policy().version().clone();
        for (entry, wishes) in found {
            if let Some(group) = &entry.exclusion_group
                && winners.get(group) != Some(&&entry.key)
            {
                self.remark_exclusive(person, target, entry, group);
                continue;
            }
            let before = have.grants.get(&entry.key);
            let reasons = grants.entry(entry.key.clone()).or_default();
            for wish in wishes {
                let held = before
                    .into_iter()
                    .flat_map(|grant| &grant.justifications)
                    .find(|reason| is_of(reason, wish));
                let new = || match wish {
                    Reason::Role(role) => Justification::Role {
                        role: role.clone(),
                        policy: policy.clone(),
                    },
                    Reason::Opening(id) => Justification::Opening(*id),
                };
                reasons.insert(held.cloned().unwrap_or_else(new));
            }
        }
        // What somebody decided to keep stays whatever the roles say; what a role has come to give need not be
        // decided about.
        for (id, adoption) in person.standing.adoptions.at(target, self.now) {
            let reasons = grants.entry(adoption.right.clone()).or_default();
            if adoption.kept.is_some() || !is_role_given(reasons.iter()) {
                reasons.insert(Justification::Adoption(id));
            }
        }
        // Whatever gives it, and by whatever name.
        for name in barred {
            if let Ok(entry) = find(catalogue, name) {
                grants.remove(&entry.key);
            }
        }
        grants
    }

    /// The account of somebody who should have it.
    fn keep_or_make(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        have: &Account,
        wish: Wish<'_>,
    ) -> Option<AccountPlanned> {
        self.ask_about_adopted(person, target, wish.grants.values());
        let drifted = have.drift.filter(|_| have.is_wanted);
        if let Some(drift) = drifted.filter(|drift| !drift.is_left) {
            self.ask_about(person, target, drift.what);
        }
        let drifted = drifted.map(|drift| drift.what);
        let is_left_off = drifted == Some(Drifted::SwitchedOff) && wish.account.is_usable;
        if drifted == Some(Drifted::Gone) || is_as_wished(have, &wish, is_left_off) {
            return None;
        }
        let known = Picture::of(have, |_| false);
        let base = Picture::of(have, Operation::has_begun);
        let is_usable = wish.account.is_usable;
        if !base.exists && wish.account.keys.is_empty() {
            self.remark(
                NO_KEY_VALUE,
                Subject::Account(person.id.clone(), target.clone()),
                "none of the account's keys has a value, so it could not be found again".to_owned(),
                "fill in the column that the key is made of, or use another key",
            );
            return None;
        }
        let mut actions = Vec::new();
        // An account whose deletion has begun still has what it had, if that comes to nothing.
        let held = if base.exists {
            &base.granted
        } else {
            &known.granted
        };
        let lost: BTreeSet<&EntitlementKey> = held
            .iter()
            .copied()
            .chain(taken_along(have))
            .filter(|key| !wish.grants.contains_key(*key))
            .collect();
        let lost = lost.into_iter().collect();
        for key in self.in_order(target, lost).into_iter().rev() {
            actions.push(Action::EnsureRevoked(key.clone()));
        }
        let initial_state = if is_usable {
            AccountState::Active
        } else {
            AccountState::Suspended
        };
        let attributes = attribute_changes(&known, &base, &wish.attributes);
        if !base.exists || !attributes.is_empty() {
            actions.push(Action::EnsureAccount(Arc::new(AccountSpec {
                match_keys: wish.account.keys.clone(),
                may_adopt: wish.may_adopt,
                initial_state,
                attributes,
            })));
        }
        let comes_back = if base.exists {
            !base.is_in(is_usable)
        } else {
            known.exists && !known.is_in(is_usable)
        };
        let comes_back = comes_back && !is_left_off;
        if comes_back {
            actions.push(Action::EnsureState(initial_state));
        }
        let again = !base.exists || (comes_back && is_usable && !self.targets.keeps_grants(target));
        let wanted = wish.grants.keys();
        let given = wanted.filter(|key| again || !base.granted.contains(*key));
        for key in self.in_order(target, given.collect()) {
            actions.push(Action::EnsureGranted(key.clone()));
        }
        Some(self.planned(true, wish.grants, Deletion::Never, actions))
    }

    /// The account of somebody who should no longer have it.
    fn let_go(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        why: Loss,
        have: &Account,
    ) -> Option<AccountPlanned> {
        let rules = why.rules();
        let goal = Picture::of(have, |_| true);
        let base = Picture::of(have, Operation::has_begun);
        if !base.exists {
            // Nothing was made yet or its deletion has begun, and what was only queued is dropped.
            let is_clean = !have.is_wanted && have.operations.iter().all(Operation::has_begun);
            return (!is_clean)
                .then(|| self.planned(false, Reasons::new(), Deletion::Never, Vec::new()));
        }
        // The rule of now counts, also for an account that was let go under another.
        let deletion = why.deletion();
        let let_go_at = have.let_go_at.unwrap_or(self.now);
        let delete_at = deletion.at(have.delete_at, let_go_at);
        let hands_on =
            rules.transfer_to_manager && self.targets.can(target, Function::TransferOwned);
        let is_due = delete_at.is_some_and(|at| at <= self.now)
            && self.targets.can(target, Function::EnsureAbsent)
            && (!hands_on || self.knows_heir(person, target));
        let suspends = rules.suspend && self.targets.can_suspend(target);
        // Whoever was shut out before they left, or whose heir was not known then, still has it all.
        let is_left_to_hand_on = hands_on
            && person.manager().is_some_and(|heir| {
                let handing_on = Action::TransferOwned(heir);
                let is_open = |open: &Operation| open.action.verb() == handing_on.verb();
                !have.taken.contains_key(handing_on.verb()) && !have.operations.iter().any(is_open)
            });
        let is_open_still = suspends && goal.is_open();
        let is_same = !(have.is_wanted || is_left_to_hand_on || is_open_still)
            && goal.granted.is_empty()
            && (!goal.exists || (have.delete_at == delete_at && !is_due));
        if is_same {
            return None;
        }
        let mut actions = Vec::new();
        // Where the app opened it again, somebody may have come in meanwhile.
        let is_open = suspends && base.is_open();
        let once = |action: Action, actions: &mut Vec<Action>| {
            if have.is_wanted || is_open || is_queued(have, &action) {
                actions.push(action);
            }
        };
        if is_open {
            actions.push(Action::EnsureState(AccountState::Suspended));
        }
        if rules.end_sessions && self.targets.can(target, Function::EndSessions) {
            once(Action::EndSessions, &mut actions);
        }
        if rules.revoke_credentials && self.targets.can(target, Function::RevokeCredentials) {
            once(Action::RevokeCredentials, &mut actions);
        }
        let lost = base.granted.iter().copied().chain(taken_along(have));
        let lost: BTreeSet<&EntitlementKey> = lost.collect();
        let lost = lost.into_iter().collect();
        for key in self.in_order(target, lost).into_iter().rev() {
            actions.push(Action::EnsureRevoked(key.clone()));
        }
        if hands_on
            && self.knows_heir(person, target)
            && let Some(heir) = person.manager()
        {
            let handing_on = Action::TransferOwned(heir);
            if is_left_to_hand_on {
                actions.push(handing_on);
            } else {
                once(handing_on, &mut actions);
            }
        }
        if is_due {
            actions.push(Action::EnsureAbsent);
        }
        Some(self.planned(false, Reasons::new(), deletion, actions))
    }

    /// Whether somebody is there to take over what a leaver owns. Where nobody is, the account is
    /// not deleted, because that would destroy it.
    fn knows_heir(&mut self, person: &PersonView<'_>, target: &TargetName) -> bool {
        let is_known = person.manager().is_some();
        if !is_known {
            self.remark(
                NOBODY_TO_TRANSFER_TO,
                Subject::Account(person.id.clone(), target.clone()),
                "no manager is known, so what this account owns stays where it is, and it is not deleted"
                    .to_owned(),
                "name the manager in the HR file, or hand it on at the app and delete the account there",
            );
        }
        is_known
    }

    /// Entitlements in the order in which they can be given: what others need first.
    fn in_order<'k>(
        &self,
        target: &TargetName,
        mut keys: Vec<&'k EntitlementKey>,
    ) -> Vec<&'k EntitlementKey> {
        if let Some(catalogue) = self.targets.catalogues.get(target) {
            keys.sort_by_cached_key(|key| catalogue.depth(key));
        }
        keys
    }

    /// Numbers and urgency are filled in once the person's kind of change is known.
    fn planned(
        &self,
        is_wanted: bool,
        grants: BTreeMap<EntitlementKey, BTreeSet<Justification>>,
        deletion: Deletion,
        actions: Vec<Action>,
    ) -> AccountPlanned {
        let operation = |action: Action| Operation {
            id: OperationId {
                plan: self.plan,
                number: 0,
            },
            action,
            urgency: Urgency::Routine,
            reason: String::new(),
            state: State::Queued,
        };
        AccountPlanned {
            is_wanted,
            grants,
            deletion,
            operations: actions.into_iter().map(operation).collect(),
        }
    }
}

/// What cannot be decided here is said once for each target, not for each person.
impl Planner<'_> {
    fn remark_unconfigured(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        have: Option<&Account>,
    ) {
        let is_open = have.is_some_and(|account| Picture::of(account, |_| false).is_open());
        if is_open {
            self.remark(
                UNCONFIGURED_TARGET,
                Subject::from(target),
                format!(
                    "{} and perhaps others have accounts here, and it is not configured",
                    person.id
                ),
                "configure it again, or see to the accounts at the app: nothing here will",
            );
        }
    }

    /// What somebody did to an account at the app is for a person to undo, or to leave so.
    fn ask_about(&mut self, person: &PersonView<'_>, target: &TargetName, what: Drifted) {
        let id = person.id;
        let (code, text, restored) = match what {
            Drifted::Gone => (
                GONE,
                "the account was deleted at the app, and not by Muster; it is not made again by itself",
                "makes it again",
            ),
            Drifted::SwitchedOff => (
                SWITCHED_OFF,
                "the account was switched off at the app, and not by Muster; it stays so",
                "switches it on again",
            ),
        };
        self.remark(
            code,
            Subject::Account(id.clone(), target.clone()),
            text.to_owned(),
            &format!(
                "`muster accounts restore {id} --target {target}` {restored}, `muster accounts leave {id} --target {target}` leaves it so"
            ),
        );
    }

    /// What an account had when it was taken over, and no rule explains, is for a person to decide about.
    fn ask_about_adopted<'g>(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        held: impl Iterator<Item = &'g BTreeSet<Justification>>,
    ) {
        let adoptions = &person.standing.adoptions.all;
        let is_open = |reason: &Justification| match reason {
            Justification::Adoption(id) => adoptions.get(id).is_some_and(|one| one.kept.is_none()),
            Justification::Role { .. } | Justification::Opening(_) => false,
        };
        let open = held.filter(|reasons| reasons.iter().any(is_open)).count();
        if open == 0 {
            return;
        }
        let id = person.id;
        self.remark(
            UNDECIDED,
            Subject::Account(id.clone(), target.clone()),
            format!("the account was taken over with {open} rights that no rule explains, and nobody has decided about them"),
            &format!(
                "`muster people {id}` lists them; `muster adoptions keep {id} NUMBER` keeps one, `muster adoptions remove {id} NUMBER` takes it away"
            ),
        );
    }

    fn remark_unresolved(&mut self, target: &TargetName, name: &EntitlementName, code: &Code) {
        let catalogue = self.targets.catalogues.get(target);
        let why_not = catalogue.and_then(|catalogue| catalogue.why_not(name));
        let text = why_not.map_or_else(
            || format!("what this target can give was not read yet, `{name}` among it"),
            |(_, text)| text,
        );
        let hint = if *code == AMBIGUOUS_ENTITLEMENT {
            "write its id, or the container before the name: group:CONTAINER/NAME"
        } else if *code == UNREAD_CATALOGUE {
            "it is read as soon as the target answers; until then everybody keeps what they have"
        } else {
            "make it at the app, or write its id or title as it is there"
        };
        // One target that was not read is one finding, whatever the roles name.
        let subject = if *code == UNREAD_CATALOGUE {
            Subject::from(target)
        } else {
            Subject::Entitlement(target.clone(), name.to_string())
        };
        self.remark(code.clone(), subject, text, hint);
    }

    fn remark_exclusive(
        &mut self,
        person: &PersonView<'_>,
        target: &TargetName,
        entry: &Entry,
        group: &str,
    ) {
        self.remark(
            EXCLUSIVE,
            Subject::Entitlement(target.clone(), group.to_owned()),
            format!(
                "the roles of {} give {} and another entitlement of `{group}`, of which an account can have one",
                person.id, entry.key.id
            ),
            "change the roles so that nobody has both",
        );
    }

    fn remark(&mut self, code: Code, subject: Subject, text: String, hint: &str) {
        let finding =
            || Finding::new(code.clone(), Severity::Warning, subject.clone(), text).hint(hint);
        if !self.findings.contains_key(&(code.clone(), subject.clone())) {
            let finding = finding();
            self.findings.insert((code, subject), finding);
        }
    }
}

/// Whether the account is as wished, or will be once everything that is queued is done.
fn is_as_wished(have: &Account, wish: &Wish<'_>, is_left_off: bool) -> bool {
    if !have.is_wanted || have.delete_at.is_some() {
        return false;
    }
    if have
        .operations
        .iter()
        .any(|open| is_made_otherwise(open, wish))
    {
        return false;
    }
    let goal = Picture::of(have, |_| true);
    let grants = have.grants.iter();
    let justified = grants.filter(|(_, grant)| !grant.justifications.is_empty());
    let reasons = justified.map(|(key, grant)| (key, &grant.justifications));
    goal.exists
        && (is_left_off || goal.is_in(wish.account.is_usable))
        && goal.attributes == wish.attributes
        && goal.granted.into_iter().eq(wish.grants.keys())
        && reasons.eq(&wish.grants)
}

/// Whether an operation that has not begun would make the account under keys that are not those of now.
fn is_made_otherwise(open: &Operation, wish: &Wish<'_>) -> bool {
    let Action::EnsureAccount(spec) = &open.action else {
        return false;
    };
    !open.has_begun() && spec.match_keys != wish.account.keys
}

/// What something that was done for somebody else took along, and may have put back since.
fn taken_along(have: &Account) -> impl Iterator<Item = &EntitlementKey> {
    let grants = have.grants.iter();
    grants
        .filter(|(_, grant)| grant.was_taken_along)
        .map(|(key, _)| key)
}

/// Whether such an action waits and is about to be superseded.
fn is_queued(have: &Account, action: &Action) -> bool {
    have.operations
        .iter()
        .any(|operation| !operation.has_begun() && operation.action.verb() == action.verb())
}

fn find<'c>(catalogue: Option<&'c Catalogue>, name: &EntitlementName) -> Result<&'c Entry, Code> {
    match catalogue {
        Some(catalogue) => catalogue.find(name),
        None => Err(UNREAD_CATALOGUE),
    }
}

/// Of each group of entitlements that exclude each other, the one that the account gets: the one it
/// has, so that a new role costs nobody what they have; else the first.
fn winners<'c>(
    found: &[(&'c Entry, &BTreeSet<Reason>)],
    have: &Account,
) -> BTreeMap<&'c String, &'c EntitlementKey> {
    let mut winners: BTreeMap<&String, &EntitlementKey> = BTreeMap::new();
    let holds = |key: &EntitlementKey| {
        let grant = have.grants.get(key);
        grant.is_some_and(|grant| !grant.justifications.is_empty())
    };
    for (entry, _) in found {
        if let Some(group) = &entry.exclusion_group {
            let winner = winners.entry(group).or_insert(&entry.key);
            if !holds(winner) && holds(&entry.key) {
                *winner = &entry.key;
            }
        }
    }
    winners
}

fn is_of(justification: &Justification, wish: &Reason) -> bool {
    match (justification, wish) {
        (Justification::Role { role, .. }, Reason::Role(name)) => role == name,
        (Justification::Opening(opening), Reason::Opening(id)) => opening == id,
        _ => false,
    }
}

/// Keeps what was given before because of these.
fn keep_of(grants: &mut Reasons, have: &Account, wishes: &BTreeSet<Reason>) {
    for (key, grant) in &have.grants {
        for reason in &grant.justifications {
            if wishes.iter().any(|wish| is_of(reason, wish)) {
                let reasons = grants.entry(key.clone()).or_default();
                reasons.insert(reason.clone());
            }
        }
    }
}

/// What has to change for the attributes to become as wished. Where anything has to, it is said
/// from what is known, too, so that it suffices if what has begun comes to nothing.
fn attribute_changes(
    known: &Picture<'_>,
    base: &Picture<'_>,
    to: &RemoteAttributes,
) -> BTreeMap<String, AttributeChange> {
    let empty = RemoteAttributes::new();
    let from = |picture: &Picture<'_>| {
        let attributes = if picture.exists {
            picture.attributes.as_ref()
        } else {
            &empty
        };
        changes(attributes, to)
    };
    let mut needed = from(base);
    let is_known_otherwise = known.exists || base.exists;
    if is_known_otherwise && (!base.exists || !needed.is_empty()) {
        needed.extend(from(known));
    }
    needed
}

/// What has to change for `from` to become `to`.
fn changes(from: &RemoteAttributes, to: &RemoteAttributes) -> BTreeMap<String, AttributeChange> {
    let set = to
        .iter()
        .filter(|(name, values)| from.get(*name) != Some(values));
    let set = set.map(|(name, values)| (name.clone(), AttributeChange::Set(values.clone())));
    let clear = from.keys().filter(|name| !to.contains_key(*name));
    let clear = clear.map(|name| (name.clone(), AttributeChange::Clear));
    set.chain(clear).collect()
}
