//! The attributes of a user by name, and where each is in Google's user.
//!
//! | name | in Google's user |
//! |---|---|
//! | `primaryEmail`, `orgUnitPath`, `recoveryEmail`, ... | the field of this name |
//! | `name.givenName`, `name.familyName`, `name.displayName` | the part of `name` |
//! | `employeeId` | the entry of `externalIds` with the type `organization` |
//! | `manager` | the entry of `relations` with the type `manager`: an address |
//! | `phone.work`, `phone.mobile` | the entry of `phones` with this type |
//! | `organization.title`, `organization.department`, ... | the part of the primary entry of `organizations` |
//! | `aliases` | the field; it can be read only |
//! | `customSchemas.SCHEMA.FIELD` | the custom field; a date is text |
//!
//! A list is written whole, because Google has no other way: it is read right before, the other entries stay,
//! and the write is bound to the version that was read.

use muster_sdk::{AttributeChange, AttributeDelta, AttributeSpec, Problem, Result, Scalar};
use serde_json::{Map, Value, json};

use crate::user::User;

/// Where an attribute is.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// A text at the top.
    Text,
    /// True or false at the top.
    Flag,
    /// A part of `name`.
    Name(&'static str),
    /// The value of the entry of this list with this type.
    Entry(&'static str, &'static str),
    /// A part of the primary organisation.
    Organization(&'static str),
    /// Texts at the top that Google sets.
    Given,
    /// A field of a custom schema.
    Custom(String, String),
}

const ORGANIZATIONS: &str = "organizations";

const KNOWN: [(&str, Place); 20] = [
    ("primaryEmail", Place::Text),
    ("name.givenName", Place::Name("givenName")),
    ("name.familyName", Place::Name("familyName")),
    ("name.displayName", Place::Name("displayName")),
    ("orgUnitPath", Place::Text),
    ("employeeId", Place::Entry("externalIds", "organization")),
    ("manager", Place::Entry("relations", "manager")),
    ("organization.name", Place::Organization("name")),
    ("organization.title", Place::Organization("title")),
    ("organization.department", Place::Organization("department")),
    ("organization.costCenter", Place::Organization("costCenter")),
    (
        "organization.description",
        Place::Organization("description"),
    ),
    ("organization.location", Place::Organization("location")),
    ("phone.work", Place::Entry("phones", "work")),
    ("phone.mobile", Place::Entry("phones", "mobile")),
    ("recoveryEmail", Place::Text),
    ("recoveryPhone", Place::Text),
    ("includeInGlobalAddressList", Place::Flag),
    ("changePasswordAtNextLogin", Place::Flag),
    ("aliases", Place::Given),
];

/// A new user cannot be made without these.
const REQUIRED: [&str; 3] = ["primaryEmail", "name.givenName", "name.familyName"];

/// Addresses: the same in any case. Google writes most of them in lower case.
const CASELESS: [&str; 4] = ["primaryEmail", "manager", "recoveryEmail", "aliases"];

/// What says nothing about a person.
const IMPERSONAL: [&str; 3] = [
    "orgUnitPath",
    "includeInGlobalAddressList",
    "changePasswordAtNextLogin",
];

/// The beginning of the name of a custom field.
const CUSTOM: &str = "customSchemas";

fn place_of(name: &str) -> Option<Place> {
    if let Some((_, place)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Some(place.clone());
    }
    let rest = name.strip_prefix(CUSTOM)?.strip_prefix('.')?;
    let (schema, field) = rest.split_once('.')?;
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|char| char.is_alphanumeric() || "_-".contains(char))
    };
    (is_word(schema) && is_word(field)).then(|| Place::Custom(schema.to_owned(), field.to_owned()))
}

/// What is known about the attributes without asking.
pub(crate) fn specs() -> Vec<AttributeSpec> {
    let spec = |(name, place): &(&str, Place)| {
        let kind = if *place == Place::Flag {
            "boolean"
        } else {
            "text"
        };
        let mut spec = AttributeSpec::new(name, kind);
        spec.required = REQUIRED.contains(name);
        spec.case_exact = !CASELESS.contains(name);
        spec.personal = !IMPERSONAL.contains(name);
        if *place == Place::Given {
            spec.read_only().multiple()
        } else {
            spec
        }
    };
    KNOWN.iter().map(spec).collect()
}

/// A field of a custom schema, as `schemas.list` describes it.
pub(crate) fn custom_spec(schema: &str, field: &Value) -> Option<AttributeSpec> {
    let name = field.get("fieldName")?.as_str()?;
    let kind = match field.get("fieldType")?.as_str()? {
        "BOOL" => "boolean",
        "INT64" | "DOUBLE" => "number",
        _ => "text",
    };
    let mut spec = AttributeSpec::new(&format!("{CUSTOM}.{schema}.{name}"), kind).personal();
    if let Some(title) = field.get("displayName").and_then(Value::as_str) {
        title.clone_into(&mut spec.title);
    }
    spec.multiple = field.get("multiValued").and_then(Value::as_bool) == Some(true);
    Some(spec)
}

/// The names of all attributes of a user: the known ones and its custom fields.
pub(crate) fn names_in(user: &User) -> Vec<String> {
    let mut names: Vec<String> = KNOWN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let schemas = user
        .value(CUSTOM)
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    for (schema, fields) in schemas {
        let fields = fields.as_object().into_iter().flatten();
        names.extend(fields.map(|(field, _)| format!("{CUSTOM}.{schema}.{field}")));
    }
    names
}

/// The values of an attribute; empty if it is not set or there is no such attribute.
pub(crate) fn read(user: &User, name: &str) -> Vec<Scalar> {
    let Some(place) = place_of(name) else {
        return Vec::new();
    };
    let texts = |value: Option<&Value>| {
        let text = value
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        text.map(Scalar::from).into_iter().collect()
    };
    match place {
        Place::Text => texts(user.value(name)),
        Place::Flag => user.flag(name).map(Scalar::from).into_iter().collect(),
        Place::Name(part) => texts(user.value("name").and_then(|parts| parts.get(part))),
        Place::Entry(list, kind) => {
            let entries = user.entries(list);
            let entry = entries.iter().find(|entry| is_of_type(entry, kind));
            texts(entry.and_then(|entry| entry.get("value")))
        }
        Place::Organization(part) => {
            let entries = user.entries(ORGANIZATIONS);
            texts(primary(&entries).and_then(|at| entries[at].get(part)))
        }
        Place::Given => {
            let found = user
                .value(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            found.filter_map(Value::as_str).map(Scalar::from).collect()
        }
        Place::Custom(schema, field) => {
            let found = user
                .value(CUSTOM)
                .and_then(|all| all.get(&schema)?.get(&field));
            match found {
                Some(Value::Array(entries)) => entries
                    .iter()
                    .filter_map(|entry| scalar(entry.get("value")?))
                    .collect(),
                Some(value) => scalar(value).into_iter().collect(),
                None => Vec::new(),
            }
        }
    }
}

/// The fields to send so that a user gets these attributes; empty if it has them. A name that is none, a value
/// of another type and what Google alone sets are refused, all at once.
pub(crate) fn write(user: &User, deltas: &[AttributeDelta]) -> Result<Map<String, Value>> {
    let mut body = Map::new();
    let mut faults = Vec::new();
    for (name, values) in wanted(user, deltas) {
        let caseless = CASELESS.contains(&name.as_str());
        let held = read(user, &name);
        let is_same = held.len() == values.len()
            && held
                .iter()
                .zip(&values)
                .all(|(one, other)| is_same(one, other, caseless));
        let put = match place_of(&name) {
            Some(_) if is_same => Ok(()),
            Some(place) => put(&mut body, user, &name, place, &values),
            None => Err(("unknown-field", "Google Workspace has no such attribute")),
        };
        if let Err((rule, message)) = put {
            faults.push(muster_sdk::FieldFault::new(name, rule, message));
        }
    }
    if faults.is_empty() {
        Ok(body)
    } else {
        Err(Problem::Invalid(faults))
    }
}

/// What each attribute that is mentioned should hold at the end.
fn wanted(user: &User, deltas: &[AttributeDelta]) -> Vec<(String, Vec<Scalar>)> {
    let mut wanted: Vec<(String, Vec<Scalar>)> = Vec::new();
    for delta in deltas {
        let known = wanted.iter().position(|(name, _)| *name == delta.name);
        let at = known.unwrap_or_else(|| {
            wanted.push((delta.name.clone(), read(user, &delta.name)));
            wanted.len() - 1
        });
        let caseless = CASELESS.contains(&delta.name.as_str());
        let held = &mut wanted[at].1;
        match &delta.change {
            AttributeChange::Set(values) => held.clone_from(values),
            AttributeChange::Clear => held.clear(),
            AttributeChange::Add(values) => {
                for value in values {
                    if !held.iter().any(|known| is_same(known, value, caseless)) {
                        held.push(value.clone());
                    }
                }
            }
            AttributeChange::Remove(values) => {
                held.retain(|known| !values.iter().any(|value| is_same(known, value, caseless)));
            }
        }
    }
    wanted
}

type Refused = (&'static str, &'static str);

fn put(
    body: &mut Map<String, Value>,
    user: &User,
    name: &str,
    place: Place,
    values: &[Scalar],
) -> std::result::Result<(), Refused> {
    let text = || one_text(values);
    match place {
        Place::Text => {
            body.insert(name.to_owned(), text()?.map_or(Value::Null, Value::from));
        }
        Place::Flag => {
            let flag = match values {
                [Scalar::Boolean(flag)] => Value::Bool(*flag),
                [] => Value::Null,
                _ => return Err(("format", "one value, true or false, is expected")),
            };
            body.insert(name.to_owned(), flag);
        }
        Place::Name(part) => {
            let value = text()?.map_or(Value::Null, Value::from);
            let parts = body.entry("name").or_insert_with(|| json!({}));
            parts[part] = value;
        }
        Place::Entry(list, kind) => {
            let value = text()?;
            let mut entries = entries_of(body, user, list);
            let at = entries.iter().position(|entry| is_of_type(entry, kind));
            match (at, value) {
                (Some(at), Some(value)) => {
                    entries[at].insert("value".to_owned(), value.into());
                }
                (Some(at), None) => {
                    entries.remove(at);
                }
                (None, Some(value)) => entries.push(object(json!({"type": kind, "value": value}))),
                (None, None) => {}
            }
            put_list(body, list, entries);
        }
        Place::Organization(part) => {
            let value = text()?;
            let mut entries = entries_of(body, user, ORGANIZATIONS);
            let at = primary(&entries).unwrap_or_else(|| {
                entries.push(object(json!({"primary": true})));
                entries.len() - 1
            });
            match value {
                Some(value) => entries[at].insert(part.to_owned(), value.into()),
                None => entries[at].remove(part),
            };
            put_list(body, ORGANIZATIONS, entries);
        }
        Place::Given => return Err(("not-allowed", "Google gives it; it cannot be written")),
        Place::Custom(schema, field) => {
            let was_list = matches!(
                user.value(CUSTOM)
                    .and_then(|all| all.get(&schema)?.get(&field)),
                Some(Value::Array(_))
            );
            let value = custom_value(values, was_list)?;
            let schemas = body.entry(CUSTOM).or_insert_with(|| json!({}));
            schemas[schema][field] = value;
        }
    }
    Ok(())
}

/// The entries of a list as they will be after what is in the body already.
fn entries_of(body: &Map<String, Value>, user: &User, list: &str) -> Vec<Map<String, Value>> {
    match body.get(list) {
        Some(Value::Array(entries)) => entries
            .iter()
            .filter_map(Value::as_object)
            .cloned()
            .collect(),
        Some(_) => Vec::new(),
        None => user.entries(list),
    }
}

fn put_list(body: &mut Map<String, Value>, list: &str, entries: Vec<Map<String, Value>>) {
    let entries: Vec<Value> = entries.into_iter().map(Value::Object).collect();
    let value = if entries.is_empty() {
        Value::Null
    } else {
        Value::Array(entries)
    };
    body.insert(list.to_owned(), value);
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn is_of_type(entry: &Map<String, Value>, kind: &str) -> bool {
    entry.get("type").and_then(Value::as_str) == Some(kind)
}

/// The organisation that counts: the one that is said to be primary, or the first.
fn primary(entries: &[Map<String, Value>]) -> Option<usize> {
    let is_primary = |entry: &Map<String, Value>| entry.get("primary") == Some(&Value::Bool(true));
    let said = entries.iter().position(is_primary);
    said.or(if entries.is_empty() { None } else { Some(0) })
}

fn one_text(values: &[Scalar]) -> std::result::Result<Option<String>, Refused> {
    match values {
        [] => Ok(None),
        [Scalar::Text(text)] if text.is_empty() => Err((
            "format",
            "it is empty; an attribute without a value is cleared",
        )),
        [Scalar::Text(text) | Scalar::Day(text)] => Ok(Some(text.clone())),
        _ => Err(("format", "one text is expected")),
    }
}

fn custom_value(values: &[Scalar], is_list: bool) -> std::result::Result<Value, Refused> {
    let json = |value: &Scalar| match value {
        Scalar::Text(text) | Scalar::Day(text) => Ok(Value::from(text.as_str())),
        Scalar::Boolean(flag) => Ok(Value::from(*flag)),
        Scalar::Number(number) => Ok(whole(*number)),
        Scalar::Instant(_) | Scalar::Binary(_) | Scalar::Pointer(_) => Err((
            "format",
            "a text, a number, true, false or a day is expected",
        )),
    };
    match values {
        [] => Ok(Value::Null),
        [value] if !is_list => json(value),
        several => {
            let entries = several
                .iter()
                .map(|value| Ok(json!({"value": json(value)?})));
            entries
                .collect::<std::result::Result<_, _>>()
                .map(Value::Array)
        }
    }
}

/// A number as JSON, without `.0` where it is whole: Google takes `5.0` for no integer.
fn whole(number: f64) -> Value {
    let text = format!("{number}");
    match text.parse::<i64>() {
        Ok(whole) => Value::from(whole),
        Err(_) => Value::from(number),
    }
}

fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::String(text) => Some(Scalar::from(text.as_str())),
        Value::Bool(flag) => Some(Scalar::from(*flag)),
        Value::Number(number) => number.as_f64().map(Scalar::Number),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether two values are the same; a day is the text that Google keeps, and so may be a number.
fn is_same(one: &Scalar, other: &Scalar, caseless: bool) -> bool {
    let text = |value: &Scalar| match value {
        Scalar::Text(text) | Scalar::Day(text) => Some(text.clone()),
        Scalar::Number(number) => Some(whole(*number).to_string()),
        Scalar::Boolean(_) | Scalar::Instant(_) | Scalar::Binary(_) | Scalar::Pointer(_) => None,
    };
    match (text(one), text(other)) {
        (Some(one), Some(other)) if caseless => one.eq_ignore_ascii_case(&other),
        (Some(one), Some(other)) => one == other,
        (_, _) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use muster_sdk::DesiredAccount;

    use super::*;

    fn user() -> User {
        User::of(json!({
            "id": "1", "primaryEmail": "ann@example.com",
            "name": {"givenName": "Ann", "familyName": "Lee"},
            "externalIds": [
                {"type": "network", "value": "n1"},
                {"type": "organization", "value": "E1"},
            ],
            "organizations": [{"title": "old"}, {"primary": true, "title": "Clerk", "symbol": "X"}],
            "customSchemas": {"HR": {"grade": "5", "tags": [{"value": "a"}]}},
        }))
        .unwrap()
    }

    fn body(desired: &DesiredAccount) -> Value {
        Value::Object(write(&user(), &desired.attributes).unwrap())
    }

    #[test]
    fn what_is_so_already_is_not_sent() {
        let settled = DesiredAccount::new("user")
            .set("primaryEmail", "Ann@Example.com")
            .set("name.givenName", "Ann")
            .set("employeeId", "E1")
            .set("organization.title", "Clerk")
            .set("customSchemas.HR.grade", 5)
            .change("recoveryEmail", AttributeChange::Clear);
        assert_eq!(body(&settled), json!({}));
    }

    #[test]
    fn f7_the_other_entries_of_a_list_stay() {
        let desired = DesiredAccount::new("user")
            .set("employeeId", "E2")
            .set("organization.title", "Chief")
            .set("organization.department", "Ops");
        assert_eq!(
            body(&desired),
            json!({
                "externalIds": [
                    {"type": "network", "value": "n1"},
                    {"type": "organization", "value": "E2"},
                ],
                "organizations": [
                    {"title": "old"},
                    {"primary": true, "title": "Chief", "symbol": "X", "department": "Ops"},
                ],
            })
        );
    }

    #[test]
    fn f5_what_is_cleared_is_null_and_what_is_not_mentioned_is_not_sent() {
        let desired = DesiredAccount::new("user")
            .change("employeeId", AttributeChange::Clear)
            .change("orgUnitPath", AttributeChange::Clear)
            .change("name.displayName", AttributeChange::Set(vec!["A".into()]));
        let sent = body(&desired);
        assert_eq!(
            sent["externalIds"],
            json!([{"type": "network", "value": "n1"}])
        );
        assert_eq!(
            sent.get("orgUnitPath"),
            None,
            "it was not set, so there is nothing to clear"
        );
        assert_eq!(sent["name"], json!({"displayName": "A"}));
        let last = DesiredAccount::new("user").change("phone.work", AttributeChange::Clear);
        assert_eq!(body(&last), json!({}));
    }

    #[test]
    fn custom_fields_keep_their_shape() {
        let desired = DesiredAccount::new("user")
            .set("customSchemas.HR.grade", 6)
            .change(
                "customSchemas.HR.tags",
                AttributeChange::Add(vec!["b".into()]),
            )
            .set("customSchemas.HR.remote", true);
        assert_eq!(
            body(&desired)["customSchemas"]["HR"],
            json!({"grade": 6, "remote": true, "tags": [{"value": "a"}, {"value": "b"}]})
        );
    }

    #[test]
    fn f6_a_value_of_another_type_is_refused_with_its_name() {
        for (name, value) in [
            ("includeInGlobalAddressList", Scalar::from("true")),
            ("name.givenName", Scalar::from(1)),
            ("orgUnitPath", Scalar::from("")),
            ("aliases", Scalar::from("b@example.com")),
            ("favouriteColour", Scalar::from("red")),
            ("customSchemas.HR", Scalar::from("x")),
        ] {
            let desired = DesiredAccount::new("user").set(name, value);
            let refused = write(&user(), &desired.attributes).unwrap_err();
            assert!(
                matches!(&refused, Problem::Invalid(faults) if faults[0].field == name),
                "{name}: {refused}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_back_under_the_same_name() {
        for spec in specs().iter().filter(|spec| spec.creatable) {
            let value = match spec.value_type.as_str() {
                "boolean" => Scalar::from(true),
                _ => Scalar::from("value"),
            };
            let desired = DesiredAccount::new("user").set(&spec.name, value.clone());
            let mut fields = write(&User::none(), &desired.attributes).unwrap();
            fields.insert("id".to_owned(), "1".into());
            let user = User::of(Value::Object(fields)).unwrap();
            assert_eq!(read(&user, &spec.name), [value], "{}", spec.name);
        }
    }
}
