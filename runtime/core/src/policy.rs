//! From a person's attributes to what the person should have: roles by rule, entitlements by role,
//! account attributes by expression.
//!
//! A policy is compiled once from its source; compiling finds every mistake that can be found
//! without a person. [`Evaluator`] then answers for one person after the other, and remembers the
//! roles of people who agree in everything that the rules look at.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use crate::connector::{RemoteAttributes, Scalar};
use crate::finding::{Code, Finding, Severity};
use crate::id::{PersonId, PolicyVersion, RoleName, TargetName};
use crate::identity::{Identity, Phase, Value};
use crate::rule::{Expression, Failed, InvalidExpression, Language, Scope};

/// An expression cannot be used.
pub const EXPRESSION: Code = Code::new("POL-001");
/// A role names a target that is not configured.
pub const UNKNOWN_TARGET: Code = Code::new("POL-002");
/// Two roles have one name.
pub const DOUBLE_ROLE: Code = Code::new("POL-003");
/// An entitlement is not written as `kind:name`.
pub const ENTITLEMENT_FORM: Code = Code::new("POL-004");
/// A target has no keys to recognise an account by.
pub const NO_KEYS: Code = Code::new("POL-005");

/// How many different combinations of rule inputs are remembered.
const MEMO_ENTRIES_MAX: usize = 65_536;

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
            name: name.to_owned(),
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
    /// The account's attributes: the app's name, expression.
    pub attributes: BTreeMap<String, String>,
    /// Whether an account that is there already may be taken over.
    pub adopt: Adopt,
    /// What happens to the account of somebody who is to have it no longer.
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

/// What happens to the account of somebody who is to have it no longer. Its grants always go.
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
    /// The attribute names that the feeds' mappings have.
    pub attributes: BTreeSet<String>,
    /// The roles.
    pub roles: Vec<RoleSource>,
    /// The targets.
    pub targets: BTreeMap<TargetName, TargetRules>,
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

/// A target's rules, ready to be asked.
#[derive(Debug)]
pub struct Target {
    /// Keys to recognise an account by.
    pub keys: Vec<(String, Expression)>,
    /// The account's attributes.
    pub attributes: BTreeMap<String, Expression>,
    /// Whether an account that is there already may be taken over.
    pub adopt: Adopt,
    /// What happens when the account is to be had no longer.
    pub leaver: LeaverRules,
    /// What happens before the first day.
    pub prehire: Prehire,
}

/// A policy, ready to be asked.
#[derive(Debug)]
pub struct Policy {
    version: PolicyVersion,
    language: Language,
    roles: Vec<Role>,
    targets: BTreeMap<TargetName, Target>,
    /// Every name that a role's rule looks at.
    rule_names: BTreeSet<String>,
    /// Every name that any expression looks at.
    names: BTreeSet<String>,
}

impl Policy {
    /// Compiles a policy, or says everything that is wrong with it.
    pub fn compile(source: PolicySource) -> Result<Policy, Vec<Finding>> {
        let mut compiler = Compiler {
            language: Language::default(),
            known: source.attributes,
            findings: Vec::new(),
        };
        let mut roles = Vec::with_capacity(source.roles.len());
        let mut seen = BTreeSet::new();
        for role in source.roles {
            if !seen.insert(role.name.clone()) {
                compiler.report(
                    DOUBLE_ROLE,
                    format!("role {}", role.name),
                    "two roles have this name".to_owned(),
                    "rename one of them",
                );
            }
            roles.extend(compiler.role(role, &source.targets));
        }
        let mut targets = BTreeMap::new();
        for (name, rules) in source.targets {
            let target = compiler.target(&name, &rules);
            targets.insert(name, target);
        }
        if !compiler.findings.is_empty() {
            return Err(compiler.findings);
        }
        let rule_names: BTreeSet<String> = roles
            .iter()
            .flat_map(|role| role.when.names().iter().cloned())
            .collect();
        let mut names = rule_names.clone();
        for target in targets.values() {
            let expressions = target
                .keys
                .iter()
                .map(|(_, expression)| expression)
                .chain(target.attributes.values());
            names.extend(expressions.flat_map(|expression| expression.names().iter().cloned()));
        }
        Ok(Policy {
            version: source.version,
            language: compiler.language,
            roles,
            targets,
            rule_names,
            names,
        })
    }

    /// Which version this is.
    pub fn version(&self) -> &PolicyVersion {
        &self.version
    }

    /// The roles, in the order in which they are written.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The targets' rules.
    pub fn targets(&self) -> &BTreeMap<TargetName, Target> {
        &self.targets
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
}

impl Policy {
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

struct Compiler {
    language: Language,
    known: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Compiler {
    fn report(&mut self, code: Code, subject: String, text: String, hint: &str) {
        self.findings
            .push(Finding::new(code, Severity::Error, subject, text).hint(hint));
    }

    fn expression(&mut self, subject: &str, source: &str) -> Option<Expression> {
        match self.language.compile(source, &self.known) {
            Ok(expression) => Some(expression),
            Err(error) => {
                let hint = match &error {
                    InvalidExpression::UnknownName {
                        nearest: Some(nearest),
                        ..
                    } => format!("did you mean `{nearest}`?"),
                    InvalidExpression::UnknownName { .. } => {
                        let names: Vec<&str> = self.known.iter().map(String::as_str).collect();
                        format!("the names are: key, feed, phase, {}", names.join(", "))
                    }
                    InvalidExpression::Syntax { .. } | InvalidExpression::TooLong { .. } => {
                        "an expression looks like: department == \"Sales\" && phase == \"active\""
                            .to_owned()
                    }
                };
                self.report(EXPRESSION, subject.to_owned(), error.to_string(), &hint);
                None
            }
        }
    }

    fn role(
        &mut self,
        role: RoleSource,
        targets: &BTreeMap<TargetName, TargetRules>,
    ) -> Option<Role> {
        let subject = format!("role {}", role.name);
        let when = self.expression(&subject, &role.when);
        let mut access = BTreeMap::new();
        for (target, written) in role.access {
            if !targets.contains_key(&target) {
                let known: Vec<&str> = targets.keys().map(TargetName::as_str).collect();
                let hint = format!("the targets in muster.toml are: {}", known.join(", "));
                self.report(
                    UNKNOWN_TARGET,
                    subject.clone(),
                    format!("`{target}` is no configured target"),
                    &hint,
                );
            }
            let mut names = BTreeSet::new();
            for text in written {
                match EntitlementName::parse(&text) {
                    Some(name) => drop(names.insert(name)),
                    None => self.report(
                        ENTITLEMENT_FORM,
                        subject.clone(),
                        format!("`{text}` is not written as kind:name"),
                        "write for example \"group:Sales\"",
                    ),
                }
            }
            access.insert(target, names);
        }
        Some(Role {
            name: role.name,
            description: role.description,
            when: when?,
            access,
        })
    }

    fn target(&mut self, name: &TargetName, rules: &TargetRules) -> Target {
        let subject = format!("target {name}");
        if rules.keys.is_empty() {
            self.report(
                NO_KEYS,
                subject.clone(),
                "no key says which account is whose".to_owned(),
                "give at least one under [target.NAME.account.keys], for example externalId = \"key\"",
            );
        }
        let mut keys = Vec::new();
        for (key, source) in &rules.keys {
            keys.extend(
                self.expression(&subject, source)
                    .map(|expression| (key.clone(), expression)),
            );
        }
        let mut attributes = BTreeMap::new();
        for (attribute, source) in &rules.attributes {
            attributes.extend(
                self.expression(&subject, source)
                    .map(|expression| (attribute.clone(), expression)),
            );
        }
        Target {
            keys,
            attributes,
            adopt: rules.adopt,
            leaver: rules.leaver,
            prehire: rules.prehire,
        }
    }
}

/// What a person should have at a target.
#[derive(Clone, PartialEq, Debug)]
pub struct DesiredAccount {
    /// Whether the account should be usable, or made and kept suspended (before the first day).
    pub is_usable: bool,
    /// Keys to recognise an existing account by.
    pub keys: Vec<(String, String)>,
    /// Its attributes.
    pub attributes: RemoteAttributes,
    /// What it should have, and the roles that say so.
    pub entitlements: BTreeMap<EntitlementName, BTreeSet<RoleName>>,
}

/// What a person should have, by target.
pub type Desired = BTreeMap<TargetName, DesiredAccount>;

/// Answers what people should have, one after the other.
#[derive(Debug)]
pub struct Evaluator<'p> {
    policy: &'p Policy,
    memo: BTreeMap<Vec<Value>, Rc<[usize]>>,
}

impl<'p> Evaluator<'p> {
    /// An evaluator without memory.
    pub fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            memo: BTreeMap::new(),
        }
    }

    /// The policy that it answers from.
    pub fn policy(&self) -> &'p Policy {
        self.policy
    }

    /// What the person should have. Somebody who left should have nothing.
    pub fn desired(
        &mut self,
        person: &PersonId,
        identity: &Identity,
        phase: Phase,
    ) -> Result<Desired, Failed> {
        if phase == Phase::Ended {
            return Ok(Desired::new());
        }
        let held = self.roles(person, identity, phase)?;
        let mut desired = Desired::new();
        if held.is_empty() {
            return Ok(desired);
        }
        let policy = self.policy;
        let scope = Scope::new(&policy.language, &policy.names, person, identity, phase);
        for role in held.iter().filter_map(|index| policy.roles.get(*index)) {
            for (target, names) in &role.access {
                let Some(rules) = policy.targets.get(target) else {
                    continue;
                };
                if phase == Phase::Prehire && rules.prehire == Prehire::Nothing {
                    continue;
                }
                if !desired.contains_key(target) {
                    desired.insert(target.clone(), account(rules, &scope, phase)?);
                }
                let Some(account) = desired.get_mut(target) else {
                    continue;
                };
                for name in names {
                    account
                        .entitlements
                        .entry(name.clone())
                        .or_default()
                        .insert(role.name.clone());
                }
            }
        }
        Ok(desired)
    }

    /// The indices of the roles that the person has.
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
        let roles: Rc<[usize]> = roles.into();
        // Rules that look at what differs for everybody would fill it with entries used once.
        if self.memo.len() >= MEMO_ENTRIES_MAX {
            self.memo.clear();
        }
        self.memo.insert(inputs, Rc::clone(&roles));
        Ok(roles)
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

fn account(rules: &Target, scope: &Scope<'_>, phase: Phase) -> Result<DesiredAccount, Failed> {
    let mut keys = Vec::with_capacity(rules.keys.len());
    for (key, expression) in &rules.keys {
        match expression.values(scope)?.into_iter().next() {
            Some(Scalar::Text(text)) => keys.push((key.clone(), text)),
            // A worker id that the mapping reads as a number; as text it has no fraction.
            Some(Scalar::Number(number)) => keys.push((key.clone(), number.to_string())),
            _ => {}
        }
    }
    let attributes = rules.attributes.iter();
    let attributes =
        attributes.map(|(name, expression)| Ok((name.clone(), expression.values(scope)?)));
    let has_value = |value: &Result<(String, Vec<Scalar>), Failed>| !matches!(value, Ok((_, values)) if values.is_empty());
    let attributes: RemoteAttributes = attributes.filter(has_value).collect::<Result<_, _>>()?;
    Ok(DesiredAccount {
        is_usable: phase != Phase::Prehire,
        keys,
        attributes,
        entitlements: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Employment, Status};

    fn source() -> PolicySource {
        let rules = TargetRules {
            keys: vec![("externalId".to_owned(), "key".to_owned())],
            attributes: [("userName".to_owned(), "email".to_owned())].into(),
            adopt: Adopt::Never,
            leaver: LeaverRules::default(),
            prehire: Prehire::Nothing,
        };
        let crm = TargetName::new("crm").unwrap();
        let role = |name: &str, when: &str, access: &[&str]| RoleSource {
            name: RoleName::new(name).unwrap(),
            description: String::new(),
            when: when.to_owned(),
            access: [(
                crm.clone(),
                access.iter().map(|text| (*text).to_owned()).collect(),
            )]
            .into(),
        };
        PolicySource {
            version: PolicyVersion::new("v1"),
            attributes: ["department", "title", "email"].map(str::to_owned).into(),
            roles: vec![
                role(
                    "sales",
                    "department == 'Sales'",
                    &["group:Sales", "group:All"],
                ),
                role("everybody", "phase == 'active'", &["group:All"]),
            ],
            targets: [(crm.clone(), rules)].into(),
        }
    }

    fn person(department: &str) -> (PersonId, Identity) {
        let attributes = [("department", department), ("email", "a@x.example")]
            .map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())));
        let employment = Employment {
            status: Status::Active,
            starts_at: None,
            ends_at: None,
        };
        (
            PersonId::parse("hr:7").unwrap(),
            Identity {
                attributes: attributes.into(),
                employment,
            },
        )
    }

    #[test]
    fn an_entitlement_carries_every_role_that_gives_it() {
        let policy = Policy::compile(source()).unwrap();
        let (id, identity) = person("Sales");
        let desired = Evaluator::new(&policy)
            .desired(&id, &identity, Phase::Active)
            .unwrap();
        let account = desired.values().next().unwrap();
        assert_eq!(account.keys, [("externalId".to_owned(), "7".to_owned())]);
        assert_eq!(
            account.attributes["userName"],
            [Scalar::Text("a@x.example".to_owned())]
        );
        let reasons: Vec<(String, usize)> = account
            .entitlements
            .iter()
            .map(|(name, roles)| (name.to_string(), roles.len()))
            .collect();
        assert_eq!(
            reasons,
            [("group:All".to_owned(), 2), ("group:Sales".to_owned(), 1)]
        );
    }

    #[test]
    fn a_key_that_the_mapping_reads_as_a_number_is_a_key_like_any_other() {
        let mut source = source();
        for rules in source.targets.values_mut() {
            rules.keys = vec![("externalId".to_owned(), "title".to_owned())];
        }
        let policy = Policy::compile(source).unwrap();
        let (id, mut identity) = person("Sales");
        identity
            .attributes
            .insert("title".to_owned(), Value::Integer(1042));
        let desired = Evaluator::new(&policy)
            .desired(&id, &identity, Phase::Active)
            .unwrap();
        let account = desired.values().next().unwrap();
        assert_eq!(account.keys, [("externalId".to_owned(), "1042".to_owned())]);
    }

    #[test]
    fn somebody_who_left_or_has_not_begun_should_have_nothing() {
        let policy = Policy::compile(source()).unwrap();
        let (id, identity) = person("Sales");
        let mut evaluator = Evaluator::new(&policy);
        assert!(
            evaluator
                .desired(&id, &identity, Phase::Ended)
                .unwrap()
                .is_empty()
        );
        assert!(
            evaluator
                .desired(&id, &identity, Phase::Prehire)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn every_mistake_of_a_policy_is_found_at_once() {
        let mut source = source();
        source.roles[0].when = "departmnt == 'Sales'".to_owned();
        source.roles[1].name = source.roles[0].name.clone();
        source.roles[1]
            .access
            .insert(TargetName::new("wiki").unwrap(), vec!["Writers".to_owned()]);
        source
            .targets
            .values_mut()
            .for_each(|rules| rules.keys.clear());
        let codes: Vec<Code> = Policy::compile(source)
            .unwrap_err()
            .into_iter()
            .map(|finding| finding.code)
            .collect();
        assert_eq!(
            codes,
            [
                EXPRESSION,
                DOUBLE_ROLE,
                UNKNOWN_TARGET,
                ENTITLEMENT_FORM,
                NO_KEYS
            ]
        );
    }
}
