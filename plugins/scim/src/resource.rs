//! [`Resource`]: a user or a group as the service gave it, read with tolerance.
//!
//! Services differ: names in another case, booleans as text, no `schemas`, no `meta`, one object where a
//! list belongs. All of that is taken here, so that nobody else has to think of it. What is written is
//! strict: see `change.rs`.

use muster_sdk::{ObjectRef, Scalar};
use serde_json::{Map, Value};

use crate::name::Name;

/// The fields of a JSON object.
pub(crate) type Fields = Map<String, Value>;

/// A field by its name in any case.
pub(crate) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    let in_any_case = || {
        fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    fields
        .get(name)
        .or_else(|| in_any_case().map(|(_, value)| value))
}

/// The spelling that the object has for a field, or the one asked for.
pub(crate) fn spelling(fields: &Fields, name: &str) -> String {
    let known = fields.keys().find(|known| known.eq_ignore_ascii_case(name));
    known.cloned().unwrap_or_else(|| name.to_owned())
}

/// True or false, also where a service writes it as text.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The entries of a list; one value counts as a list of one.
pub(crate) fn entries(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(entries)) => entries,
        Some(Value::Null) | None => &[],
        Some(value) => std::slice::from_ref(value),
    }
}

/// A scalar as the contract has it; `None` for null, objects and lists.
pub(crate) fn scalar(value: &Value, is_boolean: bool) -> Option<Scalar> {
    match value {
        Value::String(_) if is_boolean => truth(value).map(Scalar::Boolean),
        // Some services show what is not set as an empty text.
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(Scalar::Text(text.clone())),
        Value::Bool(truth) => Some(Scalar::Boolean(*truth)),
        Value::Number(number) => number.as_f64().map(Scalar::Number),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A user or a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    /// Everything that the service said.
    pub(crate) fields: Fields,
}

impl Resource {
    /// What the service said, if it is an object.
    pub(crate) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self { fields }),
            _ => None,
        }
    }

    /// The service's id; numbers are taken as text.
    pub(crate) fn id(&self) -> Option<String> {
        match field(&self.fields, "id")? {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    /// The version for `If-Match`.
    pub(crate) fn version(&self) -> Option<&str> {
        self.meta("version").filter(|version| !version.is_empty())
    }

    /// A text of `meta`.
    pub(crate) fn meta(&self, name: &str) -> Option<&str> {
        field(field(&self.fields, "meta")?.as_object()?, name)?.as_str()
    }

    /// A text at the top.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        field(&self.fields, name)?.as_str()
    }

    /// Whether the account can be used; a service that does not say means that it can.
    pub(crate) fn is_active(&self) -> bool {
        field(&self.fields, "active")
            .and_then(truth)
            .unwrap_or(true)
    }

    /// Whether it says if it is active.
    pub(crate) fn shows_active(&self) -> bool {
        field(&self.fields, "active").and_then(truth).is_some()
    }

    /// The entries of a list at the top; `None` if it is not there.
    pub(crate) fn list(&self, name: &str) -> Option<&[Value]> {
        field(&self.fields, name)
            .filter(|value| !value.is_null())
            .map(|value| entries(Some(value)))
    }

    /// The values that stand under a name.
    pub(crate) fn values(&self, name: &Name) -> Vec<Scalar> {
        values(&self.fields, name)
    }

    /// Whether a value stands under a name.
    pub(crate) fn holds(&self, name: &Name, wanted: &str) -> bool {
        let same = |value: &Scalar| match value {
            Scalar::Text(text) if name.is_caseless() => text.eq_ignore_ascii_case(wanted),
            Scalar::Text(text) => text == wanted,
            Scalar::Pointer(object) => object.id == wanted,
            Scalar::Number(number) => number.to_string() == wanted,
            Scalar::Boolean(truth) => truth.to_string() == wanted,
            Scalar::Instant(_) | Scalar::Day(_) | Scalar::Binary(_) => false,
        };
        self.values(name).iter().any(same)
    }
}

/// The value of an entry of a list: an object with `value`, or the value itself.
pub(crate) fn entry_value(entry: &Value) -> Option<String> {
    let value = match entry {
        Value::Object(entry) => field(entry, "value")?,
        value => value,
    };
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The object that holds the attribute: the resource itself, or an extension.
pub(crate) fn holder<'a>(fields: &'a Fields, name: &Name) -> Option<&'a Fields> {
    match &name.schema {
        Some(schema) => field(fields, schema)?.as_object(),
        None => Some(fields),
    }
}

fn values(fields: &Fields, name: &Name) -> Vec<Scalar> {
    let Some(value) = holder(fields, name).and_then(|fields| field(fields, &name.attribute)) else {
        return Vec::new();
    };
    let is_boolean = name.is_boolean();
    let part_of = |value: &Value, part: &str| {
        let found = value.as_object().and_then(|object| field(object, part));
        found.and_then(|found| scalar(found, is_boolean))
    };
    if name.is_manager() {
        return manager(value).into_iter().collect();
    }
    match (value, &name.entry) {
        (value, Some(entry)) => {
            let fitting = entries(Some(value))
                .iter()
                .filter(|value| entry.fits(value));
            fitting
                .filter_map(|value| part_of(value, name.value_part()))
                .collect()
        }
        (Value::Array(_), None) => {
            let one = |value: &Value| match value {
                Value::Object(_) => part_of(value, name.value_part()),
                value => scalar(value, is_boolean),
            };
            entries(Some(value)).iter().filter_map(one).collect()
        }
        (Value::Object(_), None) => part_of(value, name.value_part()).into_iter().collect(),
        (value, None) if name.part.is_none() => scalar(value, is_boolean).into_iter().collect(),
        (_, None) => Vec::new(),
    }
}

/// The manager as a pointer to another user; some services give the bare id.
pub(crate) fn manager(value: &Value) -> Option<Scalar> {
    entry_value(value).map(|id| Scalar::Pointer(ObjectRef::new(crate::USER_KIND, id)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::name::ENTERPRISE;

    fn resource(value: Value) -> Resource {
        Resource::of(value).unwrap()
    }

    fn text(resource: &Resource, name: &str) -> Vec<String> {
        let values = resource.values(&Name::parse(name).unwrap());
        values.iter().map(|value| format!("{value:?}")).collect()
    }

    #[test]
    fn a_boolean_as_text_is_read_as_a_boolean() {
        for (value, active) in [
            (json!("False"), false),
            (json!("true"), true),
            (json!(false), false),
            (json!(null), true),
        ] {
            assert_eq!(resource(json!({"active": value})).is_active(), active);
        }
        let read = resource(json!({"ACTIVE": "False"}));
        assert_eq!(
            read.values(&Name::parse("active").unwrap()),
            [Scalar::Boolean(false)]
        );
    }

    #[test]
    fn values_are_found_in_any_case_and_shape() {
        let read = resource(json!({
            "ID": 7, "USERNAME": "ann", "Name": {"givenname": "Ann"},
            "emails": [{"type": "work", "value": "a@x"}, {"type": "home", "value": "b@x", "primary": "True"}],
            "phoneNumbers": {"value": "1"},
            (ENTERPRISE.to_lowercase()): {"Manager": {"value": "9"}, "department": "Sales"},
            "tags": ["a", "b"],
        }));
        assert_eq!(read.id().as_deref(), Some("7"));
        assert_eq!(text(&read, "userName"), ["Text(\"ann\")"]);
        assert_eq!(text(&read, "name.givenName"), ["Text(\"Ann\")"]);
        assert_eq!(text(&read, "emails"), ["Text(\"a@x\")", "Text(\"b@x\")"]);
        assert_eq!(text(&read, "emails.work"), ["Text(\"a@x\")"]);
        assert_eq!(text(&read, "emails.primary"), ["Text(\"b@x\")"]);
        assert_eq!(text(&read, "phoneNumbers"), ["Text(\"1\")"]);
        assert_eq!(text(&read, "tags"), ["Text(\"a\")", "Text(\"b\")"]);
        assert_eq!(
            text(&read, &format!("{ENTERPRISE}:department")),
            ["Text(\"Sales\")"]
        );
        let manager = read.values(&Name::parse(&format!("{ENTERPRISE}:manager")).unwrap());
        assert_eq!(manager, [Scalar::Pointer(ObjectRef::new("user", "9"))]);
    }
}
