//! PATCH (RFC 7644, section 3.5.2) on the attributes of a resource.
//!
//! Reading and applying are separate: an operation without a path is read as one operation for each
//! attribute it names, so that what is applied always has a path. Group members are kept apart from
//! the other attributes and changed by the store, which is why [`Place::is_members`] exists. What an
//! operation leaves behind is checked as a whole afterwards, like a resource that was sent.

use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::filter::{self, Filter, Operator};
use crate::matching::value_matches;
use crate::resource::{Document, ResourceType, is_primary};
use crate::schema::{self, Attribute, Mutability, Path};

/// How many operations one request may hold.
pub(crate) const OPERATIONS_MAX: usize = 1000;

const MESSAGE: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What is done at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Add,
    Remove,
    Replace,
}

/// The place an operation is about.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) path: Path,
    /// Which of several values: `emails[type eq "work"]`.
    pub(crate) condition: Option<Filter>,
}

impl Place {
    /// Whether this is about the members of a group.
    pub(crate) fn is_members(&self) -> bool {
        self.path.extension.is_none() && self.path.attribute.name == "members"
    }
}

/// One change.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) verb: Verb,
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// Reads the body of a PATCH request.
pub(crate) fn read(
    resource_type: ResourceType,
    body: &Document,
) -> Result<Vec<Operation>, ScimError> {
    let is_patch = get(body, "schemas")
        .and_then(Value::as_array)
        .is_some_and(|urns| urns.iter().any(|urn| urn.as_str() == Some(MESSAGE)));
    if !is_patch {
        return Err(ScimError::bad(
            "invalidValue",
            format!("schemas must hold {MESSAGE}"),
        ));
    }
    let listed = get(body, "Operations").and_then(Value::as_array);
    let listed = listed.filter(|listed| !listed.is_empty() && listed.len() <= OPERATIONS_MAX);
    let Some(listed) = listed else {
        let detail = format!("Operations must be a list of 1 to {OPERATIONS_MAX} operations");
        return Err(ScimError::bad("invalidSyntax", detail));
    };
    let mut operations = Vec::with_capacity(listed.len());
    for operation in listed {
        read_one(resource_type, operation, &mut operations)?;
    }
    Ok(operations)
}

fn read_one(
    resource_type: ResourceType,
    sent: &Value,
    operations: &mut Vec<Operation>,
) -> Result<(), ScimError> {
    let sent = sent
        .as_object()
        .ok_or_else(|| ScimError::bad("invalidSyntax", "an operation must be an object"))?;
    let op = get(sent, "op").and_then(Value::as_str).unwrap_or_default();
    let verb = match op.to_ascii_lowercase().as_str() {
        "add" => Verb::Add,
        "remove" => Verb::Remove,
        "replace" => Verb::Replace,
        _ => {
            let detail = format!("op {op:?} is none of add, remove, replace");
            return Err(ScimError::bad("invalidSyntax", detail));
        }
    };
    let value = get(sent, "value").cloned();
    if value.is_none() && verb != Verb::Remove {
        return Err(ScimError::bad(
            "invalidValue",
            format!("{op} needs a value"),
        ));
    }
    let value = value.unwrap_or(Value::Null);
    match get(sent, "path").filter(|path| !path.is_null()) {
        Some(Value::String(path)) => spread(resource_type, verb, path, value, operations),
        Some(_) => Err(ScimError::bad("invalidPath", "path must be a string")),
        None if verb == Verb::Remove => Err(ScimError::bad("noTarget", "remove needs a path")),
        None => {
            let Value::Object(attributes) = value else {
                let detail = "without a path, value must be an object of attributes";
                return Err(ScimError::bad("invalidValue", detail));
            };
            for (name, value) in attributes {
                // A client that sends back what it read also sends these.
                if !name.eq_ignore_ascii_case("schemas") {
                    spread(resource_type, verb, &name, value, operations)?;
                }
            }
            Ok(())
        }
    }
}

/// Reads one path; the URN of an extension stands for each attribute in the value.
fn spread(
    resource_type: ResourceType,
    verb: Verb,
    path: &str,
    value: Value,
    operations: &mut Vec<Operation>,
) -> Result<(), ScimError> {
    let extension = resource_type
        .extension()
        .filter(|e| e.schema.eq_ignore_ascii_case(path));
    let Some(extension) = extension else {
        let place = place(resource_type, path)?;
        check_mutability(verb, &place)?;
        operations.push(Operation { verb, place, value });
        return Ok(());
    };
    let names: Vec<(String, Value)> = match value {
        Value::Object(attributes) => attributes.into_iter().collect(),
        Value::Null if verb == Verb::Remove => extension
            .attributes
            .iter()
            .map(|a| (a.name.to_owned(), Value::Null))
            .collect(),
        _ => {
            return Err(ScimError::bad(
                "invalidValue",
                format!("{path} must be an object"),
            ));
        }
    };
    for (name, value) in names.into_iter().filter(|(name, _)| name != "schemas") {
        let path = format!("{}:{name}", extension.schema);
        let place = place(resource_type, &path)?;
        operations.push(Operation { verb, place, value });
    }
    Ok(())
}

fn place(resource_type: ResourceType, text: &str) -> Result<Place, ScimError> {
    let invalid = || ScimError::bad("invalidPath", format!("there is no attribute {text:?}"));
    if !text.contains('[') {
        let path = schema::resolve(resource_type, text).ok_or_else(invalid)?;
        return Ok(Place {
            path,
            condition: None,
        });
    }
    let (mut path, condition, rest) = filter::parse_value_path(resource_type, text)
        .map_err(|refused| ScimError::bad("invalidPath", refused.detail))?;
    if !rest.is_empty() {
        let part = rest.strip_prefix('.').ok_or_else(invalid)?;
        path.sub = Some(path.attribute.sub(part).ok_or_else(invalid)?);
    }
    Ok(Place {
        path,
        condition: Some(condition),
    })
}

fn check_mutability(verb: Verb, place: &Place) -> Result<(), ScimError> {
    let attribute = place.path.attribute;
    let part = place.path.sub.unwrap_or(attribute);
    let is_fixed = attribute.mutability == Mutability::ReadOnly
        || part.mutability == Mutability::ReadOnly
        || part.mutability == Mutability::Immutable;
    if is_fixed {
        return Err(ScimError::bad(
            "mutability",
            format!("{} cannot be changed", part.name),
        ));
    }
    if verb == Verb::Remove && part.is_required {
        return Err(ScimError::bad(
            "invalidValue",
            format!("{} is required", part.name),
        ));
    }
    Ok(())
}

/// Carries out one operation on everything but the members of a group.
pub(crate) fn apply(document: &mut Document, operation: &Operation) -> Result<(), ScimError> {
    let path = operation.place.path;
    let holder = match path.extension {
        Some(urn) => object_at(document, urn),
        None => document,
    };
    let applied = match &operation.place.condition {
        Some(condition) => apply_to_chosen(holder, operation, condition),
        None => apply_to_whole(holder, operation),
    };
    if let Some(urn) = path.extension
        && document
            .get(urn)
            .and_then(Value::as_object)
            .is_some_and(Map::is_empty)
    {
        document.remove(urn);
    }
    applied
}

fn apply_to_whole(holder: &mut Document, operation: &Operation) -> Result<(), ScimError> {
    let Path { attribute, sub, .. } = operation.place.path;
    let value = &operation.value;
    if let Some(sub) = sub {
        return apply_to_part(holder, operation, attribute, sub);
    }
    match operation.verb {
        Verb::Remove if attribute.is_multi && !value.is_null() => {
            // Some clients name the values to remove in the body instead of in the path.
            if let Some(Value::Array(kept)) = holder.get_mut(attribute.name) {
                let named = listed(value);
                kept.retain(|one| !named.iter().any(|named| is_same(one, named)));
            }
            drop_if_empty(holder, attribute);
        }
        Verb::Remove => {
            holder.remove(attribute.name);
        }
        Verb::Replace if attribute.is_multi => {
            holder.insert(
                attribute.name.to_owned(),
                Value::Array(listed(value).to_vec()),
            );
        }
        Verb::Add if attribute.is_multi => add_values(holder, attribute, listed(value)),
        Verb::Add | Verb::Replace => set(holder, attribute, value),
    }
    Ok(())
}

fn apply_to_part(
    holder: &mut Document,
    operation: &Operation,
    attribute: &'static Attribute,
    sub: &'static Attribute,
) -> Result<(), ScimError> {
    if attribute.is_multi {
        // The path names a part of every value.
        let Some(Value::Array(values)) = holder.get_mut(attribute.name) else {
            return match operation.verb {
                Verb::Remove => Ok(()),
                Verb::Add | Verb::Replace => Err(no_target(attribute)),
            };
        };
        for value in values.iter_mut().filter_map(Value::as_object_mut) {
            change_part(value, operation, sub);
        }
        return Ok(());
    }
    change_part(object_at(holder, attribute.name), operation, sub);
    if holder
        .get(attribute.name)
        .and_then(Value::as_object)
        .is_some_and(Map::is_empty)
    {
        holder.remove(attribute.name);
    }
    Ok(())
}

fn apply_to_chosen(
    holder: &mut Document,
    operation: &Operation,
    condition: &Filter,
) -> Result<(), ScimError> {
    let Path { attribute, sub, .. } = operation.place.path;
    let mut values = match holder.remove(attribute.name) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    let is_chosen = |value: &Value| value_matches(value, condition);
    match (operation.verb, sub) {
        (Verb::Remove, None) => values.retain(|value| !is_chosen(value)),
        (Verb::Remove, Some(sub)) => {
            for value in values.iter_mut().filter(|value| is_chosen(value)) {
                if let Some(parts) = value.as_object_mut() {
                    parts.remove(sub.name);
                }
            }
        }
        (Verb::Add | Verb::Replace, sub) => {
            if !values.iter().any(is_chosen) {
                if operation.verb == Verb::Replace {
                    return Err(no_target(attribute));
                }
                values.push(Value::Object(described(condition)));
            }
            let chosen: Vec<usize> = (0..values.len())
                .filter(|index| is_chosen(&values[*index]))
                .collect();
            for index in chosen {
                change_chosen(&mut values, index, operation, sub);
            }
        }
    }
    if !values.is_empty() {
        holder.insert(attribute.name.to_owned(), Value::Array(values));
    }
    Ok(())
}

fn change_chosen(
    values: &mut [Value],
    index: usize,
    operation: &Operation,
    sub: Option<&'static Attribute>,
) {
    if let Some(parts) = values[index].as_object_mut() {
        match (sub, &operation.value) {
            (Some(sub), _) => change_part(parts, operation, sub),
            (None, Value::Object(sent)) => {
                parts.extend(
                    sent.iter()
                        .map(|(name, value)| (name.clone(), value.clone())),
                );
            }
            (None, value) => {
                parts.insert("value".to_owned(), value.clone());
            }
        }
    }
    if is_primary(&values[index]) {
        demote_others(values, index);
    }
}

fn change_part(parts: &mut Document, operation: &Operation, sub: &'static Attribute) {
    match operation.verb {
        Verb::Remove => {
            parts.remove(sub.name);
        }
        Verb::Add | Verb::Replace => set(parts, sub, &operation.value),
    }
}

/// Sets a single value; the parts of a complex one that are not named stay.
fn set(holder: &mut Document, attribute: &'static Attribute, value: &Value) {
    match value {
        Value::Null => {
            holder.remove(attribute.name);
        }
        // A manager is often sent as the bare id, which Entra does.
        Value::String(_) if attribute.sub("value").is_some() => {
            object_at(holder, attribute.name).insert("value".to_owned(), value.clone());
        }
        Value::Object(sent) => {
            let parts = object_at(holder, attribute.name);
            for (name, value) in sent {
                let name = attribute.sub(name).map_or(name.as_str(), |sub| sub.name);
                parts.insert(name.to_owned(), value.clone());
            }
        }
        value => {
            holder.insert(attribute.name.to_owned(), value.clone());
        }
    }
}

fn add_values(holder: &mut Document, attribute: &'static Attribute, added: &[Value]) {
    let slot = holder
        .entry(attribute.name)
        .or_insert_with(|| Value::Array(Vec::new()));
    let Some(values) = slot.as_array_mut() else {
        return;
    };
    for value in added {
        if values.contains(value) {
            continue;
        }
        values.push(value.clone());
        if is_primary(value) {
            let preferred = values.len() - 1;
            demote_others(values, preferred);
        }
    }
}

/// RFC 7644, section 3.5.2: a new preferred value takes the mark from the old one.
fn demote_others(values: &mut [Value], preferred: usize) {
    for (index, value) in values.iter_mut().enumerate() {
        if index != preferred && is_primary(value) {
            value["primary"] = Value::Bool(false);
        }
    }
}

/// The parts that a condition of equalities describes: `type eq "work" and primary eq true`.
fn described(condition: &Filter) -> Document {
    let mut parts = Document::new();
    match condition {
        Filter::And(left, right) => {
            parts.extend(described(left));
            parts.extend(described(right));
        }
        Filter::Compare {
            path,
            operator: Operator::Equal,
            literal,
        } => {
            parts.insert(path.compared().name.to_owned(), literal.clone());
        }
        Filter::Compare { .. }
        | Filter::Or(..)
        | Filter::Not(_)
        | Filter::Present(_)
        | Filter::Within { .. } => {}
    }
    parts
}

fn is_same(one: &Value, named: &Value) -> bool {
    one == named || (one.get("value").is_some() && one.get("value") == named.get("value"))
}

/// The values in a value: the list, or the one.
pub(crate) fn listed(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

fn object_at<'holder>(holder: &'holder mut Document, name: &str) -> &'holder mut Document {
    let slot = holder
        .entry(name)
        .or_insert_with(|| Value::Object(Document::new()));
    if !slot.is_object() {
        *slot = Value::Object(Document::new());
    }
    match slot {
        Value::Object(object) => object,
        _ => unreachable!("the slot was made an object above"),
    }
}

fn drop_if_empty(holder: &mut Document, attribute: &Attribute) {
    if holder
        .get(attribute.name)
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        holder.remove(attribute.name);
    }
}

fn no_target(attribute: &Attribute) -> ScimError {
    ScimError::bad(
        "noTarget",
        format!("no value of {} meets the path", attribute.name),
    )
}

/// A part of a message, whatever the case of its name.
fn get<'body>(body: &'body Document, name: &str) -> Option<&'body Value> {
    body.iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
