//! Resource types, and the written form of a resource: checked, and in the service's own spelling.
//!
//! [`checked`] is the one way in. What it lets through has known attributes with values of the right
//! type, no nulls and no empty lists; what the client may not set is left out, as RFC 7644, section
//! 3.3 asks; everything else is refused with the reason.

use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::schema::{self, Attribute, Kind, Mutability};

/// The attributes of one resource.
pub(crate) type Document = Map<String, Value>;

/// The kinds of resource that this service keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResourceType {
    User,
    Group,
}

/// A schema that extends another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extension {
    pub(crate) schema: &'static str,
    pub(crate) attributes: &'static [Attribute],
}

impl ResourceType {
    /// All of them, in the order of the discovery documents.
    pub(crate) const ALL: [Self; 2] = [Self::User, Self::Group];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The path below the base address.
    pub(crate) fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::User => "urn:ietf:params:scim:schemas:core:2.0:User",
            Self::Group => "urn:ietf:params:scim:schemas:core:2.0:Group",
        }
    }

    pub(crate) fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::User => schema::USER,
            Self::Group => schema::GROUP,
        }
    }

    pub(crate) fn extension(self) -> Option<Extension> {
        match self {
            Self::User => Some(Extension {
                schema: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                attributes: schema::ENTERPRISE,
            }),
            Self::Group => None,
        }
    }
}

/// Checks what a client sent and brings it into the service's own spelling.
pub(crate) fn checked(resource_type: ResourceType, sent: &Document) -> Result<Document, ScimError> {
    let mut document = Document::new();
    for (name, value) in sent {
        if name.eq_ignore_ascii_case("schemas") {
            check_schemas(resource_type, value)?;
            continue;
        }
        if let Some(extension) = resource_type
            .extension()
            .filter(|found| found.schema.eq_ignore_ascii_case(name))
        {
            let parts = checked_object(extension.attributes, value, extension.schema)?;
            if !parts.is_empty() {
                document.insert(extension.schema.to_owned(), Value::Object(parts));
            }
            continue;
        }
        let attribute = schema::find(schema::COMMON, name)
            .or_else(|| schema::find(resource_type.attributes(), name))
            .ok_or_else(|| unknown(resource_type.name(), name))?;
        if let Some(value) = checked_attribute(attribute, value)? {
            document.insert(attribute.name.to_owned(), value);
        }
    }
    for attribute in resource_type
        .attributes()
        .iter()
        .filter(|attribute| attribute.is_required)
    {
        let is_blank = document
            .get(attribute.name)
            .is_none_or(|value| value.as_str().is_some_and(|text| text.trim().is_empty()));
        if is_blank {
            return Err(ScimError::bad(
                "invalidValue",
                format!("{} is required and must not be blank", attribute.name),
            ));
        }
    }
    Ok(document)
}

fn check_schemas(resource_type: ResourceType, value: &Value) -> Result<(), ScimError> {
    let known = |urn: &str| {
        urn.eq_ignore_ascii_case(resource_type.schema())
            || resource_type
                .extension()
                .is_some_and(|extension| urn.eq_ignore_ascii_case(extension.schema))
    };
    let Some(urns) = value.as_array().filter(|urns| !urns.is_empty()) else {
        return Err(ScimError::bad(
            "invalidValue",
            "schemas must be a list of URNs",
        ));
    };
    match urns.iter().find(|urn| !urn.as_str().is_some_and(known)) {
        Some(urn) => Err(ScimError::bad(
            "invalidValue",
            format!("{urn} is no schema of a {}", resource_type.name()),
        )),
        None => Ok(()),
    }
}

fn unknown(holder: &str, name: &str) -> ScimError {
    ScimError::bad("invalidSyntax", format!("{holder} has no attribute {name}"))
}

/// The checked value of an attribute; `None` if there is nothing to keep.
fn checked_attribute(
    attribute: &'static Attribute,
    value: &Value,
) -> Result<Option<Value>, ScimError> {
    if attribute.mutability == Mutability::ReadOnly || value.is_null() {
        return Ok(None);
    }
    if !attribute.is_multi {
        return checked_value(attribute, value);
    }
    let Some(values) = value.as_array() else {
        return Err(wrong_type(attribute, "a list"));
    };
    let mut kept: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if let Some(value) = checked_value(attribute, value)? {
            kept.push(value);
        }
    }
    if kept.iter().filter(|value| is_primary(value)).count() > 1 {
        return Err(ScimError::bad(
            "invalidValue",
            format!("only one of {} can be primary", attribute.name),
        ));
    }
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

/// Whether one of several values is marked as the preferred one.
pub(crate) fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

fn checked_value(attribute: &'static Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    let fits = match attribute.kind {
        Kind::Text | Kind::Reference | Kind::Binary => value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Instant => value
            .as_str()
            .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        Kind::Complex => {
            let parts = checked_object(attribute.subs, value, attribute.name)?;
            return Ok((!parts.is_empty()).then_some(Value::Object(parts)));
        }
    };
    if fits {
        return Ok(Some(value.clone()));
    }
    Err(match attribute.kind {
        Kind::Boolean => wrong_type(attribute, "true or false, without quotes"),
        Kind::Instant => wrong_type(attribute, "an instant such as 2011-08-01T21:32:44Z"),
        Kind::Text | Kind::Reference | Kind::Binary | Kind::Complex => {
            wrong_type(attribute, "a string")
        }
    })
}

fn checked_object(
    attributes: &'static [Attribute],
    value: &Value,
    holder: &str,
) -> Result<Document, ScimError> {
    let Some(sent) = value.as_object() else {
        return Err(ScimError::bad(
            "invalidValue",
            format!("{holder} must be an object"),
        ));
    };
    let mut parts = Document::new();
    // Some clients repeat the schemas inside an extension; no attribute has this name.
    for (name, value) in sent.iter().filter(|(name, _)| *name != "schemas") {
        let attribute = schema::find(attributes, name).ok_or_else(|| unknown(holder, name))?;
        if let Some(value) = checked_attribute(attribute, value)? {
            parts.insert(attribute.name.to_owned(), value);
        }
    }
    Ok(parts)
}

fn wrong_type(attribute: &Attribute, wanted: &str) -> ScimError {
    ScimError::bad(
        "invalidValue",
        format!("{} must be {wanted}", attribute.name),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Document, ResourceType, checked};

    fn object(value: &Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_the_client_may_not_set_is_left_out_and_names_get_their_spelling() {
        let sent = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "USERNAME": "zoe", "id": "mine", "meta": {}, "groups": [{"value": "1"}],
            "nickName": null, "emails": [],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"Department": "Sales"},
        });
        let document = checked(ResourceType::User, &object(&sent)).unwrap();
        let expected = json!({
            "userName": "zoe",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"},
        });
        assert_eq!(Value::Object(document), expected);
    }

    #[test]
    fn wrong_values_are_refused_with_the_reason() {
        let refused = |sent: Value| {
            checked(ResourceType::User, &object(&sent))
                .unwrap_err()
                .detail
        };
        assert!(refused(json!({"userName": "z", "active": "True"})).contains("without quotes"));
        assert!(refused(json!({"userName": "z", "emails": {"value": "a"}})).contains("a list"));
        assert!(refused(json!({"userName": "z", "shoeSize": "44"})).contains("shoeSize"));
        assert!(refused(json!({"userName": " "})).contains("userName is required"));
        assert!(refused(json!({"userName": "z", "schemas": ["urn:x"]})).contains("urn:x"));
        let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
        assert!(refused(json!({"userName": "z", "emails": two})).contains("primary"));
    }
}
