//! What a person should have, asked for one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;

use crate::connector::{RemoteAttributes, Scalar};
use crate::id::{PersonId, PersonKey, RoleName, TargetName};
use crate::identity::{Identity, Phase, Value};
use crate::rule::{Failed, Scope};
use crate::standing::{Access, OpeningId, Standing};

use super::census::Census;
use super::{AttributeRule, EntitlementName, Policy, Prehire, Role, Target};

/// How many different combinations of rule inputs are remembered.
const MEMO_ENTRIES_MAX: usize = 65_536;

/// What a person should have at a target.
#[derive(Clone, PartialEq, Debug)]
pub struct DesiredAccount {
    /// Whether the account should be usable, or made and kept suspended (before the first day).
    pub is_usable: bool,
    /// Keys to recognise an existing account by.
    pub keys: Vec<(String, String)>,
    /// Its attributes.
    pub attributes: RemoteAttributes,
    /// The attributes that are somebody's account at the same target, and whose.
    pub references: BTreeMap<String, PersonId>,
    /// What it should have, and because of what.
    pub entitlements: BTreeMap<EntitlementName, BTreeSet<Reason>>,
}

/// Why somebody should have something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A role that the rules give.
    Role(RoleName),
    /// An opening.
    Opening(OpeningId),
}

/// What a person should have, by target.
pub type Desired = BTreeMap<TargetName, DesiredAccount>;

/// Answers what people should have, one after the other.
#[derive(Debug)]
pub struct Evaluator<'p> {
    policy: &'p Policy,
    memo: BTreeMap<Vec<Value>, Rc<[usize]>>,
    census: Census,
}

impl<'p> Evaluator<'p> {
    /// An evaluator without memory.
    pub fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            memo: BTreeMap::new(),
            census: Census::default(),
        }
    }

    /// Who was asked about so far, each time that they were, and which roles they have.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// The policy that it answers from.
    pub fn policy(&self) -> &'p Policy {
        self.policy
    }

    /// What the person should have at an instant, but for what blocks keep away at a target. Somebody who left should
    /// have nothing.
    pub fn desired(
        &mut self,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
        (standing, now): (&Standing, Timestamp),
    ) -> Result<Desired, Failed> {
        if phase == Phase::Ended {
            return Ok(Desired::new());
        }
        let held = self.counted(person, identity, phase)?;
        let mut wishes = Wishes {
            policy: self.policy,
            person,
            identity,
            phase,
            scope: None,
            desired: Desired::new(),
        };
        for role in held
            .iter()
            .filter_map(|index| self.policy.roles.get(*index))
        {
            if !standing.bars_role(&role.name, now) {
                wishes.add_role(role, &Reason::Role(role.name.clone()))?;
            }
        }
        for (id, opening) in standing.open(now) {
            let reason = Reason::Opening(id);
            match &opening.gives {
                Access::Role(name) if standing.bars_role(name, now) => {}
                Access::Role(name) => {
                    let mut roles = self.policy.roles.iter();
                    if let Some(role) = roles.find(|role| role.name == *name) {
                        wishes.add_role(role, &reason)?;
                    }
                }
                Access::Account(target) => wishes.add(target, [], &reason)?,
                Access::Entitlement(target, name) => wishes.add(target, [name], &reason)?,
            }
        }
        Ok(wishes.desired)
    }

    /// Counts somebody without asking what they should have.
    pub fn count(&mut self, person: &PersonId, identity: &Identity, phase: Phase) {
        if phase != Phase::Ended {
            // Of whom a rule fails, nothing is known.
            self.counted(person, identity, phase).ok();
        }
    }

    fn counted(
        &mut self,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
    ) -> Result<Rc<[usize]>, Failed> {
        let held = self.roles(person, identity, phase)?;
        self.census.add(&held);
        let must_end = held.last() == Some(&self.policy.roles.len());
        if must_end && identity.employment.ends_at.is_none() {
            self.census.add_endless(person);
        }
        Ok(held)
    }

    /// The indices of the roles that the person has; one more than there are roles where they have to have a last day.
    fn roles(
        &mut self,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
    ) -> Result<Rc<[usize]>, Failed> {
        let inputs: Vec<Value> = self
            .policy
            .rule_names
            .iter()
            .map(|name| input(name, person, identity, phase))
            .collect();
        if let Some(roles) = self.memo.get(&inputs) {
            return Ok(Rc::clone(roles));
        }
        let policy = self.policy;
        let scope = Scope::new(
            &policy.language,
            &policy.rule_names,
            person,
            identity,
            phase,
        );
        let mut roles = Vec::new();
        for (index, role) in policy.roles.iter().enumerate() {
            if role.when.holds(&scope)? {
                roles.push(index);
            }
        }
        // It gives nobody anything, so it must not keep anybody from anything by failing.
        if matches!(
            policy.must_end.as_ref().map(|rule| rule.holds(&scope)),
            Some(Ok(true))
        ) {
            roles.push(policy.roles.len());
        }
        let roles: Rc<[usize]> = roles.into();
        // Rules that look at what differs for everybody would fill it with entries used once.
        if self.memo.len() >= MEMO_ENTRIES_MAX {
            self.memo.clear();
        }
        self.memo.insert(inputs, Rc::clone(&roles));
        Ok(roles)
    }
}

/// What a person should have, as it is added up.
struct Wishes<'a> {
    policy: &'a Policy,
    person: &'a PersonId,
    identity: &'a Identity,
    phase: Phase,
    /// What expressions look at; made once something is wished for.
    scope: Option<Scope<'a>>,
    desired: Desired,
}

impl Wishes<'_> {
    fn add_role(&mut self, role: &Role, reason: &Reason) -> Result<(), Failed> {
        let mut access = role.access.iter();
        access.try_for_each(|(target, names)| self.add(target, names, reason))
    }

    fn add<'n>(
        &mut self,
        target: &TargetName,
        names: impl IntoIterator<Item = &'n EntitlementName>,
        reason: &Reason,
    ) -> Result<(), Failed> {
        let Self {
            policy,
            person,
            identity,
            phase,
            ..
        } = *self;
        let Some(rules) = policy.targets.get(target) else {
            return Ok(());
        };
        if phase == Phase::Prehire && rules.prehire == Prehire::Nothing {
            return Ok(());
        }
        if !self.desired.contains_key(target) {
            let scope = self.scope.get_or_insert_with(|| {
                Scope::new(&policy.language, &policy.names, person, identity, phase)
            });
            let account = account(rules, scope, person, phase)?;
            self.desired.insert(target.clone(), account);
        }
        if let Some(account) = self.desired.get_mut(target) {
            for name in names {
                let reasons = account.entitlements.entry(name.clone()).or_default();
                reasons.insert(reason.clone());
            }
        }
        Ok(())
    }
}

fn input(name: &str, person: &PersonId, identity: &Identity, phase: Phase) -> Value {
    match name {
        "key" => Value::Text(person.key.as_str().to_owned()),
        "feed" => Value::Text(person.feed.as_str().to_owned()),
        "phase" => Value::Text(phase.as_str().to_owned()),
        name => identity
            .attributes
            .get(name)
            .cloned()
            .unwrap_or(Value::Empty),
    }
}

/// What is compared with an account's key; `None` if an expression returns nothing that can be one.
pub(super) fn key_text(values: Vec<Scalar>) -> Option<String> {
    match values.into_iter().next() {
        Some(Scalar::Text(text)) => Some(text),
        // A worker id that the mapping reads as a number; as text it has no fraction.
        Some(Scalar::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// Whose accounts an account refers to, by attribute; the same feed's people, as HR knows managers.
pub(super) fn references(
    rules: &Target,
    scope: &Scope<'_>,
    person: &PersonId,
) -> Result<BTreeMap<String, PersonId>, Failed> {
    let mut references = BTreeMap::new();
    for (name, rule) in &rules.attributes {
        let AttributeRule::AccountOf(expression) = rule else {
            continue;
        };
        let key = key_text(expression.values(scope)?);
        if let Some(Ok(key)) = key.as_deref().map(PersonKey::new) {
            let feed = person.feed.clone();
            references.insert(name.clone(), PersonId { feed, key });
        }
    }
    Ok(references)
}

fn account(
    rules: &Target,
    scope: &Scope<'_>,
    person: &PersonId,
    phase: Phase,
) -> Result<DesiredAccount, Failed> {
    let mut keys = Vec::with_capacity(rules.keys.len());
    for (key, expression) in &rules.keys {
        if let Some(text) = key_text(expression.values(scope)?) {
            keys.push((key.clone(), text));
        }
    }
    let attributes = rules
        .attributes
        .iter()
        .filter_map(|(name, rule)| match rule {
            AttributeRule::Value(expression) => Some((name, expression)),
            AttributeRule::AccountOf(_) => None,
        });
    let attributes =
        attributes.map(|(name, expression)| Ok((name.clone(), expression.values(scope)?)));
    let has_value = |value: &Result<(String, Vec<Scalar>), Failed>| !matches!(value, Ok((_, values)) if values.is_empty());
    let attributes: RemoteAttributes = attributes.filter(has_value).collect::<Result<_, _>>()?;
    Ok(DesiredAccount {
        is_usable: phase != Phase::Prehire,
        keys,
        attributes,
        references: references(rules, scope, person)?,
        entitlements: BTreeMap::new(),
    })
}
