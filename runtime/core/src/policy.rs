//! From a person's attributes to what the person should have: roles by rule, entitlements by role,
//! account attributes by expression.
//!
//! A policy is compiled once from its source; compiling finds every mistake that can be found
//! without a person. [`Evaluator`] then answers for one person after the other, and remembers the
//! roles of people who agree in everything that the rules look at.

mod census;
mod compile;
mod evaluate;
#[cfg(test)]
mod tests;
pub mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::finding::Code;
use crate::id::{PersonId, PolicyVersion, RoleName, TargetName};
use crate::identity::{Identity, Phase, ValueType};
use crate::lint::Acceptance;
use crate::rule::{BUILT_IN, Expression, Failed, Language, Scope};
use crate::subject::Subject;

pub use census::{Census, Endless};
pub use compile::{
    DOUBLE_ROLE, ENTITLEMENT_FORM, EXPRESSION, NEVER_HOLDS, NO_KEYS, UNKNOWN_TARGET,
    mistakes_besides_names,
};
pub use evaluate::{Desired, DesiredAccount, Evaluator, Reason};

/// Something that is wrong with a policy as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Which kind of mistake.
    pub code: Code,
    /// The role or target that it is in.
    pub subject: Subject,
    /// The expression or name in it that is wrong, as it is written. `None` if it is the role or target itself.
    pub part: Option<String>,
    /// What is wrong, as a sentence without a full stop.
    pub text: String,
    /// What to do.
    pub hint: String,
}

/// An entitlement as a policy names it: by its kind, and by its title or id at the app.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntitlementName {
    /// `group`, `role`, `license-seat`, ...
    pub kind: String,
    /// Its title there, or its id.
    pub name: String,
}

impl EntitlementName {
    /// Reads the written form, `kind:name`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        let (kind, name) = (kind.trim(), name.trim());
        (!kind.is_empty() && !name.is_empty()).then(|| Self {
            kind: kind.to_owned(),
            name: crate::text::composed(name).into_owned(),
        })
    }
}

impl std::fmt::Display for EntitlementName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// A role as it is written in a policy file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoleSource {
    /// Its name.
    pub name: RoleName,
    /// What it is, for people.
    pub description: String,
    /// Who has it: an expression that gives true or false.
    pub when: String,
    /// What it gives at each target, written `kind:name`. A target without any gives just the account.
    pub access: BTreeMap<TargetName, Vec<String>>,
}

/// What the configuration says of accounts at a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetRules {
    /// Keys to recognise a person's account by: (the app's name of the key, expression).
    pub keys: Vec<(String, String)>,
    /// The account's attributes: the app's name, and an expression or `account_of(expression)`.
    pub attributes: BTreeMap<String, String>,
    /// Whether an account that is there already may be taken over.
    pub adopt: Adopt,
    /// What happens to the account of somebody who should no longer have it.
    pub leaver: LeaverRules,
    /// What happens before the first day.
    pub prehire: Prehire,
}

/// Whether an account that is there already may be taken over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adopt {
    /// Never; a person decides.
    Never,
    /// Where at least two keys are configured and every one of them agrees.
    WhenKeysAgree,
}

/// What happens before the first day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prehire {
    /// Nothing.
    Nothing,
    /// The account is made, suspended.
    Suspended,
}

/// What happens to the account of somebody who should no longer have it. Its grants always go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a line of the configuration, and they combine freely"
)]
pub struct LeaverRules {
    /// It is suspended.
    pub suspend: bool,
    /// Its sessions are ended.
    pub end_sessions: bool,
    /// Its tokens, keys and consents are ended.
    pub revoke_credentials: bool,
    /// What it owns goes to the manager's account.
    pub transfer_to_manager: bool,
    /// It is deleted after this long; none: never.
    pub delete_after: Option<Duration>,
}

impl Default for LeaverRules {
    fn default() -> Self {
        Self {
            suspend: true,
            end_sessions: true,
            revoke_credentials: true,
            transfer_to_manager: false,
            delete_after: None,
        }
    }
}

/// A policy as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicySource {
    /// The digest of all of it.
    pub version: PolicyVersion,
    /// The attributes that the feeds' mappings have; without a type where feeds differ in it.
    pub attributes: BTreeMap<String, Option<ValueType>>,
    /// The roles.
    pub roles: Vec<RoleSource>,
    /// The targets.
    pub targets: BTreeMap<TargetName, TargetRules>,
    /// What is remarked about it, and what is meant to be so.
    pub lint: LintSource,
}

/// What the policy says about remarks on itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LintSource {
    /// Who has to have a last day: an expression that gives true or false. `None`: [`contractors`] says who.
    pub must_end: Option<String>,
    /// What is meant to be so.
    pub accepted: Vec<Acceptance>,
}

/// Names of attributes that commonly say what kind of worker somebody is.
const KINDS_OF_WORKERS: [&str; 8] = [
    "category",
    "class",
    "contract_type",
    "employee_type",
    "employment_type",
    "kind",
    "person_type",
    "worker_type",
];

/// What is commonly written there of people whose work has an end, in lower case.
const CONTRACTORS: [&str; 11] = [
    "agency worker",
    "contingent",
    "contingent worker",
    "contractor",
    "external",
    "freelance",
    "freelancer",
    "intern",
    "temp",
    "temporary",
    "temporary worker",
];

/// Who has to have a last day where the policy does not say it: whoever HR calls a contractor or the like, in an
/// attribute whose name says that it is about that. `None` if no feed has one.
pub fn contractors(attributes: &BTreeMap<String, Option<ValueType>>) -> Option<String> {
    let is_kind = |name: &&String| {
        KINDS_OF_WORKERS.contains(&name.as_str())
            && attributes.get(*name) == Some(&Some(ValueType::Text))
    };
    let words = CONTRACTORS.map(|word| format!("\"{word}\"")).join(", ");
    let found: Vec<String> = attributes
        .keys()
        .filter(is_kind)
        .map(|name| format!("{name}.lowerAscii() in [{words}]"))
        .collect();
    (!found.is_empty()).then(|| found.join(" || "))
}

/// A role, ready to be asked.
#[derive(Debug)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// What it is, for people.
    pub description: String,
    /// Who has it.
    pub when: Expression,
    /// What it gives.
    pub access: BTreeMap<TargetName, BTreeSet<EntitlementName>>,
}

/// How an attribute of an account is made.
#[derive(Debug)]
pub enum AttributeRule {
    /// It is what an expression gives.
    Value(Expression),
    /// It is the account, at the same target, of the person whose key in the same feed an expression
    /// gives; nothing while there is none. Written `account_of(manager)`.
    AccountOf(Expression),
}

impl AttributeRule {
    /// Of the form `account_of(expression)`, the expression.
    pub fn reference(source: &str) -> Option<&str> {
        let inside = source.trim().strip_prefix("account_of")?.trim_start();
        inside.strip_prefix('(')?.strip_suffix(')')
    }

    /// The expression in it.
    pub fn expression(&self) -> &Expression {
        match self {
            AttributeRule::Value(expression) | AttributeRule::AccountOf(expression) => expression,
        }
    }
}

/// A target's rules, ready to be asked.
#[derive(Debug)]
pub struct Target {
    /// Keys to recognise an account by.
    pub keys: Vec<(String, Expression)>,
    /// The account's attributes.
    pub attributes: BTreeMap<String, AttributeRule>,
    /// Whether an account that is there already may be taken over.
    pub adopt: Adopt,
    /// What happens when the person loses the account.
    pub leaver: LeaverRules,
    /// What happens before the first day.
    pub prehire: Prehire,
}

/// A policy, ready to be asked.
#[derive(Debug)]
pub struct Policy {
    source: PolicySource,
    language: Language,
    roles: Vec<Role>,
    targets: BTreeMap<TargetName, Target>,
    /// Who has to have a last day.
    must_end: Option<Expression>,
    /// Every name that a role's rule looks at, and the rule about last days.
    rule_names: BTreeSet<String>,
    /// Every name that any expression looks at.
    names: BTreeSet<String>,
}

impl Policy {
    /// Which version this is.
    pub fn version(&self) -> &PolicyVersion {
        &self.source.version
    }

    /// What it was compiled from.
    pub fn source(&self) -> &PolicySource {
        &self.source
    }

    /// The roles, in the order in which they are written.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The targets' rules.
    pub fn targets(&self) -> &BTreeMap<TargetName, Target> {
        &self.targets
    }

    /// Who has to have a last day; `None` where nothing tells.
    pub fn must_end(&self) -> Option<&Expression> {
        self.must_end.as_ref()
    }

    /// Whether accounts at this target refer to accounts of others.
    pub fn has_references(&self, target: &TargetName) -> bool {
        let is_reference = |rule: &AttributeRule| matches!(rule, AttributeRule::AccountOf(_));
        let rules = self.targets.get(target);
        rules.is_some_and(|rules| rules.attributes.values().any(is_reference))
    }

    /// Whose accounts a person's account at this target refers to, by attribute.
    pub fn references(
        &self,
        target: &TargetName,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
    ) -> Result<BTreeMap<String, PersonId>, Failed> {
        let scope = Scope::new(&self.language, &self.names, person, identity, phase);
        match self.targets.get(target) {
            Some(rules) => evaluate::references(rules, &scope, person),
            None => Ok(BTreeMap::new()),
        }
    }

    /// The value for a person of an expression that some target has as a key; `None` if no target has it, or
    /// nothing is known of a name in it.
    pub fn key_value(
        &self,
        source: &str,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
    ) -> Option<Result<Option<String>, Failed>> {
        let mut keys = self.targets.values().flat_map(|rules| &rules.keys);
        let (_, expression) = keys.find(|(_, expression)| expression.source() == source)?;
        let is_known = |name: &String| {
            BUILT_IN.contains(&name.as_str()) || identity.attributes.contains_key(name)
        };
        if !expression.names().iter().all(is_known) {
            return None;
        }
        let scope = Scope::new(&self.language, &self.names, person, identity, phase);
        Some(expression.values(&scope).map(evaluate::key_text))
    }

    /// For each role whether the person has it: for `why` and `why not`.
    pub fn explain(
        &self,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
    ) -> Vec<(&Role, Result<bool, Failed>)> {
        let scope = Scope::new(&self.language, &self.rule_names, person, identity, phase);
        self.roles
            .iter()
            .map(|role| (role, role.when.holds(&scope)))
            .collect()
    }

    /// The parts of a role's rule that keep a person from having it; empty where the person has it.
    pub fn missing(
        &self,
        role: &Role,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
    ) -> Vec<String> {
        let scope = Scope::new(&self.language, &self.rule_names, person, identity, phase);
        let mut missing = Vec::new();
        for part in role.when.conjuncts() {
            match self
                .language
                .compile(part, &self.rule_names)
                .map(|part| part.holds(&scope))
            {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => missing.push(part.to_owned()),
                Ok(Err(failed)) => missing.push(failed.to_string()),
                // A part that is no expression by itself: the rule as a whole is the answer.
                Err(_) => return vec![role.when.source().to_owned()],
            }
        }
        missing
    }
}
