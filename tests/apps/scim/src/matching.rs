//! Whether a resource, or one of several values, meets a filter.
//!
//! Strings compare without regard to case unless the attribute is case exact; a list matches when one
//! of its values does (RFC 7644, section 3.4.2.2).

use std::borrow::Cow;

use serde_json::Value;

use crate::filter::{Filter, Operator};
use crate::schema::{Attribute, Kind, Path};

/// Looks up the value of an attribute, kept or made on the spot.
pub(crate) trait Attributes {
    /// The value of the whole attribute, if it has one.
    fn attribute(&self, path: Path) -> Option<Cow<'_, Value>>;
}

/// Whether a resource meets a filter.
pub(crate) fn matches(resource: &impl Attributes, filter: &Filter) -> bool {
    match filter {
        Filter::And(left, right) => matches(resource, left) && matches(resource, right),
        Filter::Or(left, right) => matches(resource, left) || matches(resource, right),
        Filter::Not(inner) => !matches(resource, inner),
        Filter::Present(path) => any_scalar(resource, *path, is_present),
        Filter::Compare {
            path,
            operator,
            literal,
        } => {
            let attribute = path.compared();
            let equal = |value: &Value| compare(attribute, value, Operator::Equal, literal);
            match operator {
                // No value is equal, which also holds where there is no value.
                Operator::NotEqual => !any_scalar(resource, *path, equal) && !literal.is_null(),
                Operator::Equal if literal.is_null() => !any_scalar(resource, *path, is_present),
                operator => any_scalar(resource, *path, |value| {
                    compare(attribute, value, *operator, literal)
                }),
            }
        }
        Filter::Within { path, condition } => resource.attribute(*path).is_some_and(|values| {
            elements(&values)
                .iter()
                .any(|value| value_matches(value, condition))
        }),
    }
}

/// Whether one value of a list of complex values meets the condition in brackets.
pub(crate) fn value_matches(value: &Value, condition: &Filter) -> bool {
    matches(&OneValue(value), condition)
}

/// One value of a list; its "attributes" are its parts.
struct OneValue<'value>(&'value Value);

impl Attributes for OneValue<'_> {
    fn attribute(&self, _: Path) -> Option<Cow<'_, Value>> {
        Some(Cow::Borrowed(self.0))
    }
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

fn any_scalar(resource: &impl Attributes, path: Path, holds: impl Fn(&Value) -> bool) -> bool {
    let Some(value) = resource.attribute(path) else {
        return false;
    };
    let part = path.compared();
    elements(&value).iter().any(|value| match value {
        // A complex attribute that is asked for as a whole, in `name pr`.
        Value::Object(parts) if path.sub.is_none() && !parts.contains_key(part.name) => {
            holds(value)
        }
        Value::Object(parts) => parts.get(part.name).is_some_and(&holds),
        scalar => holds(scalar),
    })
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(parts) => !parts.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn compare(attribute: &Attribute, value: &Value, operator: Operator, literal: &Value) -> bool {
    let (Some(value), Some(literal)) = (value.as_str(), literal.as_str()) else {
        // Booleans and numbers have no order here and no parts.
        return operator == Operator::Equal && value == literal;
    };
    if attribute.kind == Kind::Instant
        && let (Ok(value), Ok(literal)) = (
            value.parse::<jiff::Timestamp>(),
            literal.parse::<jiff::Timestamp>(),
        )
    {
        return compare_ordered(&value, operator, &literal);
    }
    let (value, literal) = if attribute.is_case_exact {
        (Cow::Borrowed(value), Cow::Borrowed(literal))
    } else {
        (
            Cow::Owned(value.to_lowercase()),
            Cow::Owned(literal.to_lowercase()),
        )
    };
    match operator {
        Operator::Contains => value.contains(literal.as_ref()),
        Operator::StartsWith => value.starts_with(literal.as_ref()),
        Operator::EndsWith => value.ends_with(literal.as_ref()),
        operator => compare_ordered(&value, operator, &literal),
    }
}

fn compare_ordered<T: Ord>(value: &T, operator: Operator, literal: &T) -> bool {
    match operator {
        Operator::Equal => value == literal,
        Operator::NotEqual => value != literal,
        Operator::Greater => value > literal,
        Operator::GreaterOrEqual => value >= literal,
        Operator::Less => value < literal,
        Operator::LessOrEqual => value <= literal,
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}
