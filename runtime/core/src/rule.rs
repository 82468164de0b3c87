//! Expressions over a person's attributes, in CEL (<https://cel.dev>).
//!
//! The variables are the attributes that the feeds' mappings name, and `key`, `feed` and `phase`.
//! A text, and an empty cell, is a string; a day is the string `YYYY-MM-DD`, so that days compare;
//! a list is a list of strings. An expression that fails for a person is never taken as "no": the
//! person is left as they are, and a finding says which expression failed.

mod comparison;
mod cost;
mod examples;
mod never;

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::types::CelString;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Program, extensions};

use crate::connector::Scalar;
use crate::id::PersonId;
use crate::identity::{Identity, Phase, Value};
use crate::nearest::nearest;

pub use comparison::{Comparison, Literal, comparisons};
pub use cost::STEPS_MAX;
pub use examples::{Examples, Gives};

/// Variables that every expression can use besides attributes.
pub const BUILT_IN: [&str; 3] = ["key", "feed", "phase"];

/// Longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 4096;

/// An expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpression {
    /// It does not parse.
    #[error("`{source_text}` is not an expression: {reason}")]
    Syntax {
        /// The expression.
        source_text: String,
        /// What the parser says.
        reason: String,
    },
    /// It uses a name that no feed has.
    #[error("`{source_text}` uses `{name}`, which no feed's mapping has")]
    UnknownName {
        /// The expression.
        source_text: String,
        /// The name.
        name: String,
        /// The nearest name that there is.
        nearest: Option<String>,
    },
    /// It fails for everybody, whatever the values: an unknown function, or types that do not go together.
    #[error("`{}` can work for nobody: {}", .0.source_text, .0.reason)]
    NeverWorks(Failed),
    /// It is too long to be meant.
    #[error(
        "an expression of {bytes} bytes is longer than the {EXPRESSION_BYTES_MAX} that are read"
    )]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

/// An expression that failed for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}` has no value: {reason}")]
pub struct Failed {
    /// The expression.
    pub source_text: String,
    /// Why. The types involved; never a value.
    pub reason: String,
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    program: Program,
    names: BTreeSet<String>,
    /// Just one name: answered without the interpreter.
    single: Option<String>,
}

/// The language: CEL's standard library and its string functions.
#[derive(Clone)]
pub struct Language(Arc<Env>);

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Language(CEL)")
    }
}

impl Default for Language {
    fn default() -> Self {
        let mut env = Env::stdlib();
        // Adding to a fresh standard environment cannot clash; without it the string functions are
        // unknown names, which compiling reports.
        drop(env.add_extension(extensions::strings));
        Self(Arc::new(env))
    }
}

impl Language {
    /// Compiles an expression; `known` are the attribute names that it may use.
    pub fn compile(
        &self,
        source: &str,
        known: &BTreeSet<String>,
    ) -> Result<Expression, InvalidExpression> {
        if source.len() > EXPRESSION_BYTES_MAX {
            return Err(InvalidExpression::TooLong {
                bytes: source.len(),
            });
        }
        // Attributes come in composed form, so the texts that they are compared with have to, too.
        let program = self
            .0
            .compile(&crate::text::composed(source))
            .map_err(|error| InvalidExpression::Syntax {
                source_text: source.to_owned(),
                reason: first_mistake(&error),
            })?;
        let names = cost::free_names(program.expression());
        for name in &names {
            if !known.contains(name) && !BUILT_IN.contains(&name.as_str()) {
                return Err(InvalidExpression::UnknownName {
                    source_text: source.to_owned(),
                    name: name.clone(),
                    nearest: nearest(name, known.iter().map(String::as_str)).map(str::to_owned),
                });
            }
        }
        let single = names
            .iter()
            .find(|name| name.as_str() == source.trim())
            .cloned();
        Ok(Expression {
            source: source.to_owned(),
            program,
            names,
            single,
        })
    }
}

/// What the parser met first; what it says after that mostly follows from it.
fn first_mistake(errors: &cel::ParseErrors) -> String {
    let Some(error) = errors.errors.first() else {
        return one_line(&errors.to_string());
    };
    let text = one_line(&error.msg);
    let text = text.strip_prefix("Syntax error: ").unwrap_or(&text);
    match error.pos {
        (1, at) => format!("at character {at}, {text}"),
        (line, at) => format!("in line {line} at character {at}, {text}"),
    }
}

/// A message that spans lines, on one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Expression {
    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names that it uses.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The parts that all have to be true: the operands of its outermost `&&`, as written.
    pub fn conjuncts(&self) -> Vec<&str> {
        conjuncts(&self.source)
    }

    /// Its value as yes or no.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Failed> {
        self.yes_or_no(&self.resolve(scope)?)
    }

    fn yes_or_no(&self, value: &cel::Value) -> Result<bool, Failed> {
        match value {
            cel::Value::Bool(yes) => Ok(*yes),
            other => Err(self.failed(format!(
                "it gives {}, and a rule has to give true or false",
                other.type_of()
            ))),
        }
    }

    /// Its value for an app; empty if it has none.
    pub fn values(&self, scope: &Scope<'_>) -> Result<Vec<Scalar>, Failed> {
        if let Some(name) = &self.single {
            return Ok(scope.scalars(name));
        }
        let value = self.resolve(scope)?;
        self.scalars(value)
    }

    fn scalars(&self, value: cel::Value) -> Result<Vec<Scalar>, Failed> {
        Ok(match value {
            cel::Value::Null => Vec::new(),
            cel::Value::String(text) if text.is_empty() => Vec::new(),
            cel::Value::String(text) => vec![Scalar::Text(text.as_ref().clone())],
            cel::Value::Bool(yes) => vec![Scalar::Boolean(yes)],
            #[expect(
                clippy::cast_precision_loss,
                reason = "the contract's numbers are exact to 2^53, as documented"
            )]
            cel::Value::Int(number) => vec![Scalar::Number(number as f64)],
            #[expect(
                clippy::cast_precision_loss,
                reason = "the contract's numbers are exact to 2^53, as documented"
            )]
            cel::Value::UInt(number) => vec![Scalar::Number(number as f64)],
            cel::Value::Float(number) if number.is_finite() => vec![Scalar::Number(number)],
            cel::Value::List(items) => {
                let mut scalars = Vec::with_capacity(items.len());
                for item in items.iter() {
                    scalars.extend(self.scalars(item.clone())?);
                }
                scalars
            }
            other => {
                return Err(self.failed(format!(
                    "it gives {}, which no app can take",
                    other.type_of()
                )));
            }
        })
    }

    fn resolve(&self, scope: &Scope<'_>) -> Result<cel::Value, Failed> {
        let steps = cost::steps(self.program.expression(), &|name| scope.size(name));
        if steps > STEPS_MAX {
            return Err(self.failed(format!(
                "it could take {steps} steps for this person, and {STEPS_MAX} are the most"
            )));
        }
        self.execute(scope)
            .map_err(|error| self.failed(why(&error)))
    }

    fn execute(&self, scope: &Scope<'_>) -> Result<cel::Value, ExecutionError> {
        let mut context = Context::with_env(Arc::clone(&scope.language.0));
        context.set_variable_resolver(scope);
        self.program.execute(&context)
    }

    fn failed(&self, reason: String) -> Failed {
        Failed {
            source_text: self.source.clone(),
            reason,
        }
    }
}

/// Why an expression failed, without any value: what CEL says itself shows the values involved, and
/// those are personal.
fn why(error: &ExecutionError) -> String {
    let of = |value: &cel::Value| value.type_of();
    match error {
        ExecutionError::UnsupportedTargetType { target } => {
            format!("it does not work on {}", of(target))
        }
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("`{method}` does not work on {}", of(target))
        }
        ExecutionError::ValuesNotComparable(one, other) => {
            format!("{} and {} cannot be compared", of(one), of(other))
        }
        ExecutionError::UnsupportedBinaryOperator(operator, one, other) => {
            format!(
                "`{operator}` does not work on {} and {}",
                of(one),
                of(other)
            )
        }
        ExecutionError::Overflow(operator, ..) => format!("`{operator}` gives too large a number"),
        ExecutionError::FunctionError { function, .. } => {
            format!("`{function}` cannot use the value that it is given")
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero".to_owned()
        }
        ExecutionError::IndexOutOfBounds(_) => "the list has no such item".to_owned(),
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}`"),
        ExecutionError::NoSuchOverload(call) => format!(
            "`{}` does not work on {}",
            call.function().trim_matches('_'),
            call.argument_types().join(" and ")
        ),
        // These name types and names of functions only.
        ExecutionError::InvalidArgumentCount { .. }
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::MissingArgumentOrTarget => one_line(&error.to_string()),
        _ => "a value is not what it works with".to_owned(),
    }
}

/// Splits at each `&&` outside of brackets and quotes. Where an `||` or `?` stands outside of
/// brackets, it binds less than `&&`, and the whole is one part.
fn conjuncts(source: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quote) = (Vec::new(), 0, 0_u32, None);
    let bytes = source.as_bytes();
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        match (quote, byte) {
            (Some(_), b'\\') => index += 1,
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b'?' | b'|') if depth == 0 => return vec![source.trim()],
            (None, b'&') if depth == 0 && bytes.get(index + 1) == Some(&b'&') => {
                parts.extend(source.get(begin..index).map(str::trim));
                index += 1;
                begin = index + 1;
            }
            _ => {}
        }
        index += 1;
    }
    parts.extend(source.get(begin..).map(str::trim));
    parts
}

/// What an expression can see of one person. Making one costs nothing: a value is only made for CEL
/// when an expression asks for it.
pub struct Scope<'v> {
    language: &'v Language,
    names: &'v BTreeSet<String>,
    person: &'v PersonId,
    identity: &'v Identity,
    phase: Phase,
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are personal.
        f.debug_struct("Scope")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// A name's value.
enum Seen<'v> {
    Text(&'v str),
    Value(&'v Value),
}

impl<'v> Scope<'v> {
    /// A scope with these names; those that the person does not have are empty.
    pub fn new(
        language: &'v Language,
        names: &'v BTreeSet<String>,
        person: &'v PersonId,
        identity: &'v Identity,
        phase: Phase,
    ) -> Self {
        Self {
            language,
            names,
            person,
            identity,
            phase,
        }
    }

    fn seen(&self, name: &str) -> Seen<'v> {
        match name {
            "key" => Seen::Text(self.person.key.as_str()),
            "feed" => Seen::Text(self.person.feed.as_str()),
            "phase" => Seen::Text(self.phase.as_str()),
            name => match self.identity.attributes.get(name) {
                None => Seen::Text(""),
                Some(Value::Text(text)) => Seen::Text(text),
                Some(value) => Seen::Value(value),
            },
        }
    }

    /// How long a name's value is.
    fn size(&self, name: &str) -> cost::Size {
        let text = |bytes: usize| cost::Size {
            items: 0,
            bytes: bytes as u64,
        };
        match self.seen(name) {
            Seen::Text(value) => text(value.len()),
            Seen::Value(Value::Text(value)) => text(value.len()),
            Seen::Value(Value::List(items)) => cost::Size {
                items: items.len() as u64,
                bytes: items.iter().map(|item| item.len() as u64).sum(),
            },
            Seen::Value(Value::Empty | Value::Boolean(_) | Value::Integer(_) | Value::Day(_)) => {
                text(16)
            }
        }
    }

    fn scalars(&self, name: &str) -> Vec<Scalar> {
        match self.seen(name) {
            Seen::Text("") | Seen::Value(Value::Empty) => Vec::new(),
            Seen::Text(text) => vec![Scalar::Text(text.to_owned())],
            Seen::Value(Value::Text(text)) => vec![Scalar::Text(text.clone())],
            Seen::Value(Value::Boolean(yes)) => vec![Scalar::Boolean(*yes)],
            #[expect(
                clippy::cast_precision_loss,
                reason = "the contract's numbers are exact to 2^53, as documented"
            )]
            Seen::Value(Value::Integer(number)) => vec![Scalar::Number(*number as f64)],
            Seen::Value(Value::Day(day)) => vec![Scalar::Text(day.to_string())],
            Seen::Value(Value::List(items)) => items.iter().cloned().map(Scalar::Text).collect(),
        }
    }
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if !self.names.contains(variable) {
            return None;
        }
        match self.seen(variable) {
            Seen::Text(text) => Some(CowVal::owned(CelString::from(text))),
            Seen::Value(value) => cel_value(value).try_into().ok().map(CowVal::Owned),
        }
    }
}

fn cel_value(value: &Value) -> cel::Value {
    match value {
        Value::Empty => cel::Value::from(""),
        Value::Text(text) => cel::Value::from(text.as_str()),
        Value::Boolean(yes) => cel::Value::Bool(*yes),
        Value::Integer(number) => cel::Value::Int(*number),
        Value::Day(day) => cel::Value::from(day.to_string()),
        Value::List(items) => cel::Value::List(Arc::new(
            items
                .iter()
                .map(|item| cel::Value::from(item.as_str()))
                .collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Employment, Status};

    fn person(attributes: &[(&str, Value)]) -> (PersonId, Identity) {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let employment = Employment {
            status: Status::Active,
            starts_at: None,
            ends_at: None,
        };
        (
            PersonId::parse("hr:7").unwrap(),
            Identity {
                attributes,
                employment,
                dated: crate::dated::Dated::default(),
            },
        )
    }

    fn known() -> BTreeSet<String> {
        [
            "department",
            "is_manager",
            "first_name",
            "last_name",
            "hired",
            "skills",
        ]
        .map(str::to_owned)
        .into()
    }

    #[track_caller]
    fn check(source: &str, attributes: &[(&str, Value)], expected: &[Scalar]) {
        let language = Language::default();
        let expression = language.compile(source, &known()).unwrap();
        let (id, identity) = person(attributes);
        let scope = Scope::new(&language, expression.names(), &id, &identity, Phase::Active);
        assert_eq!(expression.values(&scope).unwrap(), expected, "{source}");
    }

    #[test]
    fn expressions_see_attributes_with_their_types() {
        let text = |text: &str| Value::Text(text.to_owned());
        let yes = [Scalar::Boolean(true)];
        check(
            "department == 'Sales'",
            &[("department", text("Sales"))],
            &yes,
        );
        check(
            "department in ['Sales', 'Legal']",
            &[("department", text("Legal"))],
            &yes,
        );
        check(
            "is_manager && phase == 'active'",
            &[("is_manager", Value::Boolean(true))],
            &yes,
        );
        check(
            "hired >= '2026-01-01'",
            &[("hired", Value::Day("2026-05-01".parse().unwrap()))],
            &yes,
        );
        check(
            "'rust' in skills",
            &[("skills", Value::List(vec!["rust".to_owned()]))],
            &yes,
        );
        check("department == ''", &[("department", Value::Empty)], &yes);
        check("department == ''", &[], &yes);
        check(
            "department.matches('^Sal')",
            &[("department", text("Sales"))],
            &yes,
        );
        let name = [("first_name", text("Ada")), ("last_name", text("Byron"))];
        check(
            "first_name + ' ' + last_name",
            &name,
            &[Scalar::Text("Ada Byron".to_owned())],
        );
        check(
            "first_name.lowerAscii()",
            &name,
            &[Scalar::Text("ada".to_owned())],
        );
        check("last_name", &name, &[Scalar::Text("Byron".to_owned())]);
        check("last_name", &[], &[]);
        check("key", &[], &[Scalar::Text("7".to_owned())]);
    }

    #[test]
    fn c46_names_that_macros_bind_are_no_attributes() {
        let skills = || {
            let items = ["rust", "law"].map(str::to_owned);
            [("skills", Value::List(items.into()))]
        };
        let yes = [Scalar::Boolean(true)];
        check("skills.exists(s, s == 'law')", &skills(), &yes);
        check("skills.all(s, s != '')", &skills(), &yes);
        check("skills.exists_one(s, s == 'law')", &skills(), &yes);
        check("skills.filter(s, s == 'law').size() == 1", &skills(), &yes);
        check(
            "skills.exists(a, skills.exists(b, a != b && department == ''))",
            &skills(),
            &yes,
        );
        check("skills.map(s, s + '!')[0] == 'rust!'", &skills(), &yes);
        let language = Language::default();
        for unknown in [
            "skills.exists(s, t == s)",
            "skills.exists(s, true) && s == ''",
        ] {
            let error = language.compile(unknown, &known()).unwrap_err();
            assert!(
                matches!(error, InvalidExpression::UnknownName { .. }),
                "{unknown}"
            );
        }
    }

    #[test]
    fn c46_an_expression_that_would_take_long_for_a_person_has_no_value_for_them() {
        let language = Language::default();
        let list = |items: usize| {
            let items = (0..items).map(|item| format!("skill {item}"));
            [("skills", Value::List(items.collect()))]
        };
        let nested = "skills.exists(a, skills.exists(b, skills.exists(c, a + b == c)))";
        let doubled =
            "skills.map(a, skills.map(b, a + b)).exists(x, x.exists(y, skills.exists(z, z == y)))";
        for (source, items, works) in [
            ("skills.exists(s, s == 'x')", 256, true),
            ("skills.exists(a, skills.exists(b, a + 'x' == b))", 60, true),
            (nested, 8, true),
            (nested, 256, false),
            (doubled, 256, false),
            ("skills.exists(s, s.matches('^x.*y$'))", 256, true),
        ] {
            let expression = language.compile(source, &known()).unwrap();
            let (id, identity) = person(&list(items));
            let scope = Scope::new(&language, expression.names(), &id, &identity, Phase::Active);
            let held = expression.holds(&scope);
            assert_eq!(held.is_ok(), works, "{source} over {items}: {held:?}");
        }
    }

    #[test]
    fn a_rule_is_split_into_the_parts_that_all_have_to_be_true() {
        for (source, parts) in [
            (
                "a == 'x && y' && (b || c) && d",
                vec!["a == 'x && y'", "(b || c)", "d"],
            ),
            ("a && b || c", vec!["a && b || c"]),
            ("a ? b && c : d", vec!["a ? b && c : d"]),
            ("a", vec!["a"]),
        ] {
            assert_eq!(conjuncts(source), parts);
        }
    }

    #[test]
    fn an_expression_that_fails_is_not_a_no() {
        let language = Language::default();
        let expression = language.compile("is_manager && true", &known()).unwrap();
        let (id, identity) = person(&[("is_manager", Value::Empty)]);
        let scope = Scope::new(&language, expression.names(), &id, &identity, Phase::Active);
        assert!(expression.holds(&scope).is_err());
        let expression = language.compile("department", &known()).unwrap();
        let scope = Scope::new(&language, expression.names(), &id, &identity, Phase::Active);
        assert!(
            expression
                .holds(&scope)
                .unwrap_err()
                .to_string()
                .contains("true or false")
        );
    }

    #[test]
    fn why_an_expression_failed_is_told_without_a_value() {
        let language = Language::default();
        let secret = ("department", Value::Text("Whistleblowers".to_owned()));
        let skills = Value::List(vec!["Whistleblowing".to_owned()]);
        let (id, identity) = person(&[secret, ("skills", skills)]);
        for source in [
            "int(department) > 3",
            "department > 3",
            "department - 1 == 0",
            "department && true",
            "skills[7] == ''",
            "{'a': 1}[department] == 1",
            "department.year == 1",
            "skills + 1 == 2",
            "-department == 1",
            "duration(department) == duration('1s')",
        ] {
            let Ok(expression) = language.compile(source, &known()) else {
                continue;
            };
            let scope = Scope::new(&language, expression.names(), &id, &identity, Phase::Active);
            let text = expression.holds(&scope).unwrap_err().to_string();
            assert!(!text.contains("histle"), "{source}: {text}");
        }
    }

    #[test]
    fn a_name_that_no_feed_has_is_refused_with_the_nearest() {
        let language = Language::default();
        let error = language
            .compile("departement == 'Sales'", &known())
            .unwrap_err();
        assert!(
            matches!(&error, InvalidExpression::UnknownName { nearest: Some(name), .. } if name == "department"),
            "{error:?}"
        );
        assert!(matches!(
            language.compile("department ==", &known()),
            Err(InvalidExpression::Syntax { .. })
        ));
    }
}
