//! [`Change`]: what an attribute should be, against what it is; as a PATCH and as an edit of a whole resource.
//!
//! Only what differs is written, and only the attributes that are named: what a service holds beside them stays
//! as it is, also in a PUT. Booleans are written as booleans, lists as lists.

use muster_sdk::{AttributeChange, AttributeDelta, Problem, Result, Scalar};
use serde_json::{Value, json};

use crate::name::Name;
use crate::resource::{Fields, Resource, entries, field, spelling};

/// What one attribute should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// Which attribute.
    pub(crate) name: Name,
    change: AttributeChange,
}

impl Change {
    /// Reads a delta of the contract. An `add` and a `remove` of one attribute are two changes.
    ///
    /// # Errors
    ///
    /// `Invalid` for a name or value that no SCIM service can take.
    pub(crate) fn of(delta: &AttributeDelta) -> Result<Self> {
        let name = Name::parse(&delta.name)?;
        if let Some(reason) = name.not_writable() {
            return Err(Problem::invalid(&delta.name, "not-allowed", reason));
        }
        let typed = |values: &[Scalar]| -> Result<Vec<Scalar>> {
            values
                .iter()
                .map(|value| typed(&name, &delta.name, value))
                .collect()
        };
        let change = match &delta.change {
            AttributeChange::Set(values) => match typed(values)? {
                values if values.iter().all(is_empty) => AttributeChange::Clear,
                values => AttributeChange::Set(values),
            },
            AttributeChange::Clear => AttributeChange::Clear,
            AttributeChange::Add(values) => AttributeChange::Add(typed(values)?),
            AttributeChange::Remove(values) => AttributeChange::Remove(typed(values)?),
        };
        Ok(Self { name, change })
    }

    /// This one value and no other.
    pub(crate) fn set(name: Name, value: impl Into<Scalar>) -> Self {
        Self {
            name,
            change: AttributeChange::Set(vec![value.into()]),
        }
    }

    /// The values that should be there, given those that are.
    fn wanted(&self, present: &[Scalar]) -> Vec<Scalar> {
        let has =
            |values: &[Scalar], value: &Scalar| values.iter().any(|known| self.same(known, value));
        match &self.change {
            AttributeChange::Set(values) => values.clone(),
            AttributeChange::Clear => Vec::new(),
            AttributeChange::Add(values) => {
                let missing = values.iter().filter(|value| !has(present, value));
                present.iter().chain(missing).cloned().collect()
            }
            AttributeChange::Remove(values) => present
                .iter()
                .filter(|value| !has(values, value))
                .cloned()
                .collect(),
        }
    }

    fn same(&self, one: &Scalar, other: &Scalar) -> bool {
        match (one, other) {
            (Scalar::Text(one), Scalar::Text(other)) if self.name.is_caseless() => {
                one.eq_ignore_ascii_case(other)
            }
            (Scalar::Pointer(object), Scalar::Text(id))
            | (Scalar::Text(id), Scalar::Pointer(object)) => object.id == *id,
            _ => one == other,
        }
    }

    /// Whether the resource is so already. The order of values does not count: services keep their own.
    pub(crate) fn holds_in(&self, resource: &Resource) -> bool {
        let present = resource.values(&self.name);
        let wanted = self.wanted(&present);
        let all_in = |some: &[Scalar], others: &[Scalar]| {
            some.iter()
                .all(|value| others.iter().any(|other| self.same(value, other)))
        };
        present.len() == wanted.len() && all_in(&present, &wanted) && all_in(&wanted, &present)
    }

    /// Makes it so in a whole resource, for POST and PUT.
    pub(crate) fn apply(&self, resource: &mut Resource) {
        let wanted = self.wanted(&resource.values(&self.name));
        let fields = &mut resource.fields;
        match &self.name.schema {
            None => edit(fields, &self.name, &wanted),
            Some(schema) => {
                let schema = spelling(fields, schema);
                let extension = fields.entry(schema.clone()).or_insert_with(|| json!({}));
                if !extension.is_object() {
                    *extension = json!({});
                }
                if let Value::Object(extension) = extension {
                    edit(extension, &self.name, &wanted);
                }
                if fields
                    .get(&schema)
                    .and_then(Value::as_object)
                    .is_some_and(Fields::is_empty)
                {
                    fields.remove(&schema);
                } else {
                    name_schema(fields, &schema);
                }
            }
        }
    }

    /// The operations of a PATCH that make it so.
    pub(crate) fn operations(&self, resource: &Resource) -> Vec<Value> {
        let present = resource.values(&self.name);
        let wanted = self.wanted(&present);
        let is_list = match crate::resource::holder(&resource.fields, &self.name)
            .and_then(|fields| field(fields, &self.name.attribute))
        {
            Some(value) => value.is_array(),
            None => self.name.is_list() || wanted.len() > 1,
        };
        if self.name.entry.is_some() {
            return self.entry_operations(&present, &wanted);
        }
        if is_list && self.name.part.is_none() {
            return self.list_operations(resource, &wanted);
        }
        let path = self.name.path();
        match wanted.first() {
            Some(value) if self.name.is_manager() => {
                vec![operation(
                    is_there(&present),
                    &path,
                    &json!({"value": plain(value)}),
                )]
            }
            Some(value) => vec![operation(is_there(&present), &path, &plain(value))],
            None => vec![json!({"op": "remove", "path": path})],
        }
    }

    /// For the values of entries of a list that a type names.
    fn entry_operations(&self, present: &[Scalar], wanted: &[Scalar]) -> Vec<Value> {
        let Some(entry) = &self.name.entry else {
            return Vec::new();
        };
        let attribute = self.name.attribute_path();
        let part = self.name.value_part();
        if let ([_], [value]) = (present, wanted) {
            return vec![json!({"op": "replace", "path": self.name.path(), "value": plain(value)})];
        }
        let mut operations = Vec::new();
        if !present.is_empty() {
            let all = format!("{attribute}[{}]", entry.filter());
            let path = if part == "value" {
                all
            } else {
                format!("{all}.{part}")
            };
            operations.push(json!({"op": "remove", "path": path}));
        }
        for value in wanted {
            let new = json!([{part: plain(value), entry.key.as_str(): entry.value}]);
            operations.push(json!({"op": "add", "path": attribute, "value": new}));
        }
        operations
    }

    /// For the values of a whole list.
    fn list_operations(&self, resource: &Resource, wanted: &[Scalar]) -> Vec<Value> {
        let path = self.name.attribute_path();
        let mut edited = resource.clone();
        self.apply(&mut edited);
        let list = crate::resource::holder(&edited.fields, &self.name)
            .and_then(|fields| field(fields, &self.name.attribute))
            .cloned()
            .unwrap_or_else(|| json!([]));
        let of_objects = entries(Some(&list)).iter().all(Value::is_object);
        match &self.change {
            _ if wanted.is_empty() => vec![json!({"op": "remove", "path": path})],
            AttributeChange::Add(values) => {
                let known = resource.values(&self.name);
                let is_new = |value: &&Scalar| !known.iter().any(|known| self.same(known, value));
                let new = values.iter().filter(is_new).map(|value| {
                    if of_objects {
                        json!({"value": plain(value)})
                    } else {
                        plain(value)
                    }
                });
                vec![json!({"op": "add", "path": path, "value": new.collect::<Vec<_>>()})]
            }
            AttributeChange::Remove(values) if of_objects => {
                let one = |value: &Scalar| json!({"op": "remove", "path": format!("{path}[value eq {}]", plain(value))});
                values.iter().map(one).collect()
            }
            AttributeChange::Set(_) | AttributeChange::Clear | AttributeChange::Remove(_) => {
                vec![json!({"op": "replace", "path": path, "value": list})]
            }
        }
    }
}

/// One operation that sets a single attribute to its value.
fn operation(is_there: bool, path: &str, value: &Value) -> Value {
    json!({"op": if is_there { "replace" } else { "add" }, "path": path, "value": value})
}

/// An empty text cannot be told from no value when it is read back.
fn is_empty(value: &Scalar) -> bool {
    value.as_text() == Some("")
}

fn is_there(present: &[Scalar]) -> bool {
    !present.is_empty()
}

/// The value with the type that the attribute has: `"True"` for `active` is a boolean that lost its type.
fn typed(name: &Name, field: &str, value: &Scalar) -> Result<Scalar> {
    match value {
        Scalar::Text(text) if name.is_boolean() => {
            let truth = crate::resource::truth(&Value::String(text.clone()));
            let refused = || Problem::invalid(field, "format", "true or false is expected");
            truth.map(Scalar::Boolean).ok_or_else(refused)
        }
        Scalar::Boolean(_) => Ok(value.clone()),
        _ if name.is_boolean() => Err(Problem::invalid(
            field,
            "format",
            "true or false is expected",
        )),
        Scalar::Binary(_) => Err(Problem::invalid(
            field,
            "not-allowed",
            "bytes cannot be written",
        )),
        Scalar::Instant(instant) => Ok(Scalar::Text(instant.as_str().to_owned())),
        Scalar::Day(day) => Ok(Scalar::Text(day.clone())),
        Scalar::Pointer(object) if !name.is_manager() => Ok(Scalar::Text(object.id.clone())),
        Scalar::Text(id) if name.is_manager() => Ok(Scalar::Pointer(muster_sdk::ObjectRef::new(
            crate::USER_KIND,
            id.clone(),
        ))),
        Scalar::Text(_) | Scalar::Number(_) | Scalar::Pointer(_) => Ok(value.clone()),
    }
}

/// A value as JSON.
fn plain(value: &Scalar) -> Value {
    match value {
        Scalar::Text(text) | Scalar::Day(text) => Value::String(text.clone()),
        Scalar::Boolean(truth) => Value::Bool(*truth),
        Scalar::Number(number) if number.fract() == 0.0 => format!("{number:.0}")
            .parse::<i64>()
            .map_or_else(|_| json!(number), Value::from),
        Scalar::Number(number) => json!(number),
        Scalar::Instant(instant) => Value::String(instant.as_str().to_owned()),
        Scalar::Pointer(object) => Value::String(object.id.clone()),
        Scalar::Binary(_) => Value::Null,
    }
}

/// Makes the values of a name these, within the object that holds the attribute.
fn edit(fields: &mut Fields, name: &Name, wanted: &[Scalar]) {
    let key = spelling(fields, &name.attribute);
    let present = fields.remove(&key).unwrap_or(Value::Null);
    let edited = match (&name.entry, &name.part) {
        (Some(entry), _) => {
            let part = name.value_part();
            edit_entries(entries(Some(&present)).to_vec(), entry, part, wanted)
        }
        (None, Some(part)) => edit_part(present, part, wanted.first()),
        (None, None) if name.is_manager() => match wanted.first() {
            Some(manager) => json!({"value": plain(manager)}),
            None => Value::Null,
        },
        (None, None) if name.is_list() || present.is_array() || wanted.len() > 1 => {
            edit_list(name, &present, wanted)
        }
        (None, None) => wanted.first().map_or(Value::Null, plain),
    };
    let is_empty = match &edited {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        _ => false,
    };
    if !is_empty {
        fields.insert(key, edited);
    }
}

fn edit_entries(
    list: Vec<Value>,
    entry: &crate::name::Entry,
    part: &str,
    wanted: &[Scalar],
) -> Value {
    let mut wanted = wanted.iter();
    let mut edited: Vec<Value> = Vec::new();
    for mut value in list {
        if let (true, Value::Object(parts)) = (entry.fits(&value), &mut value) {
            let key = spelling(parts, part);
            match wanted.next() {
                Some(new) => {
                    parts.insert(key, plain(new));
                }
                None if part == "value" => continue,
                None => {
                    parts.remove(&key);
                }
            }
        }
        edited.push(value);
    }
    edited.extend(wanted.map(|new| json!({part: plain(new), entry.key.as_str(): entry.value})));
    Value::Array(edited)
}

fn edit_part(present: Value, part: &str, wanted: Option<&Scalar>) -> Value {
    let mut parts = match present {
        Value::Object(parts) => parts,
        _ => Fields::new(),
    };
    let key = spelling(&parts, part);
    match wanted {
        Some(value) => parts.insert(key, plain(value)),
        None => parts.remove(&key),
    };
    Value::Object(parts)
}

/// Entries that stay keep what else they hold: their type, their label.
fn edit_list(name: &Name, present: &Value, wanted: &[Scalar]) -> Value {
    let present = entries(Some(present));
    let as_objects = present.first().map_or(name.is_list(), Value::is_object);
    let kept = |value: &Scalar| {
        let text = plain(value);
        let same = |entry: &&Value| match entry {
            Value::Object(parts) => field(parts, "value") == Some(&text),
            entry => **entry == text,
        };
        present.iter().find(same).cloned()
    };
    let entry = |value: &Scalar| {
        kept(value).unwrap_or_else(|| {
            if as_objects {
                json!({"value": plain(value)})
            } else {
                plain(value)
            }
        })
    };
    Value::Array(wanted.iter().map(entry).collect())
}

/// Adds a schema to `schemas`, if it is not there.
pub(crate) fn name_schema(fields: &mut Fields, schema: &str) {
    let key = spelling(fields, "schemas");
    let list = fields.entry(key).or_insert_with(|| json!([]));
    if let Value::Array(list) = list {
        let known = |value: &Value| {
            value
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case(schema))
        };
        if !list.iter().any(known) {
            list.push(Value::String(schema.to_owned()));
        }
    }
}

/// Says of everything that was there before and is not in the new form that it is not set: in a PUT, some
/// services keep what is merely left out.
pub(crate) fn name_the_cleared(before: &Fields, after: &mut Fields) {
    for (name, old) in before {
        match (old, after.get_mut(name)) {
            (Value::Null, _) => {}
            (Value::Array(_), None) => {
                after.insert(name.clone(), json!([]));
            }
            (_, None) => {
                after.insert(name.clone(), Value::Null);
            }
            (Value::Object(old), Some(Value::Object(new))) => name_the_cleared(old, new),
            (_, Some(_)) => {}
        }
    }
}
