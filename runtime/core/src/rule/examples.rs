//! What can work for nobody, found before anybody is there: an expression is tried on two made-up people
//! whose attributes have the types that the mappings give them.
//!
//! A function that does not exist, types that do not go together and a rule that gives no yes or no fail
//! for everybody alike. What fails because of a value (`int(level)` of a text without digits) is not
//! looked at: it may be right for the people there are.

use std::collections::{BTreeMap, BTreeSet};

use cel::ExecutionError;

use super::{Expression, InvalidExpression, Language, Scope, conjuncts, why};
use crate::dated::Dated;
use crate::id::{FeedName, PersonId, PersonKey};
use crate::identity::{Employment, Identity, Phase, Status, Value, ValueType};

/// What an expression has to give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gives {
    /// Yes or no: a role's rule.
    YesOrNo,
    /// Values for an app: a key or an attribute of an account.
    Values,
}

/// The made-up people.
#[derive(Debug)]
pub struct Examples {
    person: Option<PersonId>,
    identities: [Identity; 2],
    names: BTreeSet<String>,
    /// Attributes whose type differs between feeds: what uses them is not tried.
    unclear: BTreeSet<String>,
}

impl Examples {
    /// People with these attributes.
    pub fn of(attributes: &BTreeMap<String, Option<ValueType>>) -> Self {
        let identity = |yes: bool| Identity {
            attributes: attributes
                .iter()
                .filter_map(|(name, value_type)| Some((name.clone(), value((*value_type)?, yes))))
                .collect(),
            employment: Employment {
                status: Status::Active,
                starts_at: None,
                ends_at: None,
            },
            dated: Dated::default(),
        };
        let unclear = attributes.iter().filter(|(_, known)| known.is_none());
        let built_in = super::BUILT_IN.map(str::to_owned);
        Self {
            person: example_person(),
            identities: [identity(true), identity(false)],
            names: attributes.keys().cloned().chain(built_in).collect(),
            unclear: unclear.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Tries an expression, and each part that has to be true by itself.
    ///
    /// # Errors
    /// Where it can work for nobody.
    pub fn try_out(
        &self,
        language: &Language,
        expression: &Expression,
        gives: Gives,
    ) -> Result<(), InvalidExpression> {
        let Some(person) = &self.person else {
            return Ok(());
        };
        if expression
            .names
            .iter()
            .any(|name| self.unclear.contains(name))
        {
            return Ok(());
        }
        let never = |reason: String| InvalidExpression::NeverWorks(expression.failed(reason));
        for identity in &self.identities {
            let scope = Scope::new(language, &self.names, person, identity, Phase::Active);
            match (gives, expression.execute(&scope)) {
                (_, Err(error)) if is_for_everybody(&error) => return Err(never(why(&error))),
                (_, Err(_)) => {}
                (Gives::YesOrNo, Ok(value)) => drop(
                    expression
                        .yes_or_no(&value)
                        .map_err(InvalidExpression::NeverWorks)?,
                ),
                (Gives::Values, Ok(value)) => drop(
                    expression
                        .scalars(value)
                        .map_err(InvalidExpression::NeverWorks)?,
                ),
            }
            // The first part that is false hides what is wrong with the others.
            if gives == Gives::YesOrNo {
                for part in conjuncts(&expression.source) {
                    let Ok(part) = language.compile(part, &self.names) else {
                        continue;
                    };
                    if let Err(error) = part.execute(&scope)
                        && is_for_everybody(&error)
                    {
                        return Err(InvalidExpression::NeverWorks(part.failed(why(&error))));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether another value of the same type would have failed as well.
fn is_for_everybody(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::UnsupportedTargetType { .. }
            | ExecutionError::NotSupportedAsMethod { .. }
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::InvalidArgumentCount { .. }
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::NoSuchOverload(_)
            | ExecutionError::UndeclaredReference(_)
            | ExecutionError::MissingArgumentOrTarget
    )
}

fn value(value_type: ValueType, yes: bool) -> Value {
    match value_type {
        ValueType::Text => Value::Text("1".to_owned()),
        ValueType::Boolean => Value::Boolean(yes),
        ValueType::Integer => Value::Integer(1),
        ValueType::Day => Value::Day(jiff::civil::date(2026, 1, 1)),
        ValueType::List => Value::List(vec!["1".to_owned(); 8]),
    }
}

fn example_person() -> Option<PersonId> {
    Some(PersonId {
        feed: FeedName::new("example").ok()?,
        key: PersonKey::new("1").ok()?,
    })
}
