//! From a policy as it is written to one that can be asked, or to everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AttributeRule, EntitlementName, Mistake, Policy, PolicySource, Role, RoleSource, Target,
    TargetRules,
};
use crate::finding::Code;
use crate::id::TargetName;
use crate::identity::{Phase, ValueType};
use crate::rule::{
    BUILT_IN, Comparison, Examples, Expression, Gives, InvalidExpression, Language, Literal,
    comparisons,
};
use crate::subject::Subject;

/// An expression cannot be used.
pub const EXPRESSION: Code = Code::new("POL-001");
/// A role names a target that is not configured.
pub const UNKNOWN_TARGET: Code = Code::new("POL-002");
/// Two roles have one name.
pub const DOUBLE_ROLE: Code = Code::new("POL-003");
/// An entitlement is not written as `kind:name`.
pub const ENTITLEMENT_FORM: Code = Code::new("POL-004");
/// A comparison in a rule can hold for nobody.
pub const NEVER_HOLDS: Code = Code::new("POL-023");
/// A target has no keys to recognise an account by.
pub const NO_KEYS: Code = Code::new("POL-005");

impl Policy {
    /// Compiles a policy, or says everything that is wrong with it.
    pub fn compile(source: PolicySource) -> Result<Policy, Vec<Mistake>> {
        Self::compile_with(source, Names::Known)
    }

    fn compile_with(source: PolicySource, names: Names) -> Result<Policy, Vec<Mistake>> {
        let mut compiler = Compiler {
            language: Language::default(),
            known: source.attributes.keys().cloned().collect(),
            types: source.attributes.clone(),
            names,
            examples: Examples::of(&source.attributes),
            mistakes: Vec::new(),
        };
        let mut roles = Vec::with_capacity(source.roles.len());
        let mut seen = BTreeSet::new();
        for role in source.roles.iter().cloned() {
            if !seen.insert(role.name.clone()) {
                compiler.report(
                    DOUBLE_ROLE,
                    (&Subject::Role(role.name.clone()), None),
                    "two roles have this name".to_owned(),
                    "rename one of them",
                );
            }
            roles.extend(compiler.role(role, &source.targets));
        }
        let mut targets = BTreeMap::new();
        for (name, rules) in &source.targets {
            let target = compiler.target(name, rules);
            targets.insert(name.clone(), target);
        }
        let written = source.lint.must_end.clone();
        let must_end = written.or_else(|| super::contractors(&source.attributes));
        let must_end = must_end
            .and_then(|rule| compiler.expression((&Subject::Policy, &rule), &rule, Gives::YesOrNo));
        if !compiler.mistakes.is_empty() {
            return Err(compiler.mistakes);
        }
        let rule_names: BTreeSet<String> = roles
            .iter()
            .map(|role| &role.when)
            .chain(&must_end)
            .flat_map(|rule| rule.names().iter().cloned())
            .collect();
        let mut names = rule_names.clone();
        for target in targets.values() {
            let expressions = target
                .keys
                .iter()
                .map(|(_, expression)| expression)
                .chain(target.attributes.values().map(AttributeRule::expression));
            names.extend(expressions.flat_map(|expression| expression.names().iter().cloned()));
        }
        Ok(Policy {
            source,
            language: compiler.language,
            roles,
            targets,
            must_end,
            rule_names,
            names,
        })
    }
}

/// Everything that is wrong with a policy but names that no feed has: for a configuration whose feeds could not
/// be read, where those names follow from that and say nothing new.
pub fn mistakes_besides_names(source: PolicySource) -> Vec<Mistake> {
    Policy::compile_with(source, Names::NotRead)
        .err()
        .unwrap_or_default()
}

/// Whether the names that feeds have are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Known,
    NotRead,
}

struct Compiler {
    language: Language,
    known: BTreeSet<String>,
    types: BTreeMap<String, Option<ValueType>>,
    names: Names,
    examples: Examples,
    mistakes: Vec<Mistake>,
}

impl Compiler {
    fn report(
        &mut self,
        code: Code,
        (subject, part): (&Subject, Option<&str>),
        text: String,
        hint: &str,
    ) {
        self.mistakes.push(Mistake {
            code,
            subject: subject.clone(),
            part: part.map(str::to_owned),
            text,
            hint: hint.to_owned(),
        });
    }

    /// Compiles an expression, which is a part of what is written at `at`.
    fn expression(
        &mut self,
        at: (&Subject, &str),
        source: &str,
        gives: Gives,
    ) -> Option<Expression> {
        let compiled = self.language.compile(source, &self.known);
        let tried = compiled.and_then(|expression| {
            self.examples
                .try_out(&self.language, &expression, gives)
                .map(|()| expression)
        });
        match tried {
            Ok(expression) => {
                self.compare(at, source);
                Some(expression)
            }
            Err(InvalidExpression::UnknownName { .. }) if self.names == Names::NotRead => None,
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
                    InvalidExpression::NeverWorks(_) if source.contains("account_of") => {
                        "`account_of(manager)` is the whole of an account's attribute: not a part of another expression, and no key or rule".to_owned()
                    }
                    InvalidExpression::NeverWorks(_) => {
                        "functions are for example contains, startsWith, endsWith, matches, lowerAscii, trim, split, size and int (https://cel.dev); types are those of the feed's mapping".to_owned()
                    }
                    InvalidExpression::Syntax { .. } | InvalidExpression::TooLong { .. } => {
                        "an expression looks like: department == \"Sales\" && phase == \"active\""
                            .to_owned()
                    }
                };
                self.report(EXPRESSION, (at.0, Some(at.1)), error.to_string(), &hint);
                None
            }
        }
    }

    /// Reports comparisons that can hold for nobody, which CEL answers with no and without a word.
    fn compare(&mut self, at: (&Subject, &str), source: &str) {
        for comparison in comparisons(source) {
            let is_built_in = BUILT_IN.contains(&comparison.name.as_str());
            let value_type = if is_built_in {
                Some(ValueType::Text)
            } else {
                self.types.get(&comparison.name).copied().flatten()
            };
            let never = value_type.and_then(|value_type| comparison.never_holds(value_type));
            let never = never.or_else(|| no_such_phase(&comparison));
            if let Some(text) = never {
                let hint = "types are those of the feed's mapping; see `type` under [feed.NAME.mapping.attributes]";
                self.report(NEVER_HOLDS, (at.0, Some(at.1)), text, hint);
            }
        }
    }

    fn role(
        &mut self,
        role: RoleSource,
        targets: &BTreeMap<TargetName, TargetRules>,
    ) -> Option<Role> {
        let subject = Subject::Role(role.name.clone());
        let when = self.expression((&subject, &role.when), &role.when, Gives::YesOrNo);
        let mut access = BTreeMap::new();
        for (target, written) in role.access {
            if !targets.contains_key(&target) {
                let known: Vec<&str> = targets.keys().map(TargetName::as_str).collect();
                let hint = format!("the targets in muster.toml are: {}", known.join(", "));
                self.report(
                    UNKNOWN_TARGET,
                    (&subject, Some(target.as_str())),
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
                        (&subject, Some(&text)),
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
        let subject = Subject::from(name);
        if rules.keys.is_empty() {
            self.report(
                NO_KEYS,
                (&subject, None),
                "no key says which account is whose".to_owned(),
                "give at least one under [target.NAME.account.keys], for example externalId = \"key\"",
            );
        }
        let mut keys = Vec::new();
        for (key, source) in &rules.keys {
            keys.extend(
                self.expression((&subject, source), source, Gives::Values)
                    .map(|expression| (key.clone(), expression)),
            );
        }
        let mut attributes = BTreeMap::new();
        for (attribute, source) in &rules.attributes {
            let rule = match AttributeRule::reference(source) {
                Some(inside) => self
                    .expression((&subject, source), inside, Gives::Values)
                    .map(AttributeRule::AccountOf),
                None => self
                    .expression((&subject, source), source, Gives::Values)
                    .map(AttributeRule::Value),
            };
            attributes.extend(rule.map(|rule| (attribute.clone(), rule)));
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

/// Why a comparison with the phase can hold for nobody.
fn no_such_phase(comparison: &Comparison) -> Option<String> {
    let phases = [Phase::Prehire, Phase::Active, Phase::Leave, Phase::Ended].map(Phase::as_str);
    match &comparison.literal {
        Literal::Text(text) if comparison.name == "phase" && !phases.contains(&text.as_str()) => {
            Some(format!(
                "`{}` can never hold: a phase is one of {}",
                comparison.shown,
                phases.join(", ")
            ))
        }
        Literal::Text(_) | Literal::Number(_) | Literal::Boolean(_) => None,
    }
}
