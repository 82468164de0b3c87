//! What a service says about itself: which attributes its users have ([`discover`]), and whether the credential
//! may read them ([`probe`]).

use muster_sdk::{
    AttributeSpec, Function, MissingPermission, PageRequest, ProbeReport, Problem, Result,
};
use serde_json::Value;

use crate::listing::{self, Ask, Take};
use crate::name::{ENTERPRISE, Name, USER};
use crate::resource::{Fields, Resource, entries, field, truth};
use crate::service::{Collection, Service};
use crate::{GROUP_KIND, USER_KIND};

/// Attributes without a second level that any service has; what `discover` answers where there are no schemas.
pub(crate) fn usual() -> Vec<AttributeSpec> {
    let text = |name: &str| AttributeSpec::text(name).personal();
    vec![
        AttributeSpec {
            case_exact: false,
            ..text("userName").required()
        },
        text("externalId"),
        text("name.formatted"),
        text("name.givenName"),
        text("name.familyName"),
        text("displayName"),
        text("title"),
        AttributeSpec {
            case_exact: false,
            ..text("emails").multiple()
        },
        AttributeSpec {
            case_exact: false,
            ..text("emails.work")
        },
        text("phoneNumbers").multiple(),
        text("phoneNumbers.work"),
        AttributeSpec::new("active", "boolean"),
        text(&format!("{ENTERPRISE}:employeeNumber")),
        text(&format!("{ENTERPRISE}:department")),
        AttributeSpec::new(&format!("{ENTERPRISE}:manager"), "pointer").personal(),
    ]
}

/// The attributes that users have here, by the schemas of the service.
pub(crate) fn discover(service: &Service<'_>) -> Result<Vec<AttributeSpec>> {
    let found = match service.api.get("/Schemas").find_json::<Value>(service.host) {
        Ok(found) => found,
        Err(Problem::Unsupported(_) | Problem::RemoteDefect(_)) => None,
        Err(problem) => return Err(problem),
    };
    // A list, or, at some services, the bare array.
    let schemas = match found {
        Some(Value::Object(list)) => entries(field(&list, "Resources")).to_vec(),
        Some(Value::Array(schemas)) => schemas,
        Some(_) | None => return Ok(usual()),
    };
    let schemas: Vec<_> = schemas.into_iter().filter_map(Resource::of).collect();
    let is_user = |schema: &Resource| schema.id().is_some_and(|id| id.eq_ignore_ascii_case(USER));
    if !schemas.iter().any(is_user) {
        return Ok(usual());
    }
    let extensions = extensions(service, &schemas);
    let mut specs = Vec::new();
    for schema in &schemas {
        let id = schema.id().unwrap_or_default();
        if is_user(schema) {
            attributes(&mut specs, "", &schema.fields);
        } else if extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&id))
        {
            attributes(&mut specs, &format!("{id}:"), &schema.fields);
        }
    }
    if !specs.iter().any(|spec| spec.name == "externalId") {
        specs.push(AttributeSpec::text("externalId").personal());
    }
    Ok(specs)
}

/// The schemas that extend users: as the resource types say, or else those that look like it.
fn extensions(service: &Service<'_>, schemas: &[Resource]) -> Vec<String> {
    let types = service
        .api
        .get("/ResourceTypes")
        .send_json::<Value>(service.host)
        .ok();
    let types = match types {
        Some(Value::Object(list)) => entries(field(&list, "Resources")).to_vec(),
        Some(Value::Array(types)) => types,
        Some(_) | None => Vec::new(),
    };
    let users = types.iter().filter_map(Value::as_object).find(|kind| {
        let schema = field(kind, "schema")
            .and_then(Value::as_str)
            .unwrap_or_default();
        schema.eq_ignore_ascii_case(USER)
    });
    let Some(users) = users else {
        let ids = schemas.iter().filter_map(Resource::id);
        return ids
            .filter(|id| id.contains("extension") && id.ends_with(":User"))
            .collect();
    };
    let listed = entries(field(users, "schemaExtensions"))
        .iter()
        .filter_map(Value::as_object);
    listed
        .filter_map(|entry| field(entry, "schema")?.as_str().map(str::to_owned))
        .collect()
}

fn attributes(specs: &mut Vec<AttributeSpec>, prefix: &str, schema: &Fields) {
    for attribute in entries(field(schema, "attributes"))
        .iter()
        .filter_map(Value::as_object)
    {
        let Some(name) = field(attribute, "name").and_then(Value::as_str) else {
            continue;
        };
        let full = format!("{prefix}{name}");
        let Ok(read) = Name::parse(&full) else {
            continue;
        };
        if read.not_writable().is_some() {
            continue;
        }
        let parts = entries(field(attribute, "subAttributes"));
        let is_multi = field(attribute, "multiValued").and_then(truth) == Some(true);
        if read.is_manager() {
            specs.push(AttributeSpec {
                value_type: "pointer".to_owned(),
                ..spec(&full, attribute)
            });
        } else if is_multi {
            specs.push(AttributeSpec {
                required: false,
                ..spec(&full, attribute).multiple()
            });
            for kind in kinds(parts) {
                specs.push(AttributeSpec {
                    required: false,
                    ..spec(&format!("{full}.{kind}"), attribute)
                });
            }
        } else if parts.is_empty() {
            specs.push(spec(&full, attribute));
        } else {
            for part in parts.iter().filter_map(Value::as_object) {
                let Some(name) = field(part, "name").and_then(Value::as_str) else {
                    continue;
                };
                specs.push(spec(&format!("{full}.{name}"), part));
            }
        }
    }
}

/// The usual types of the entries of a list, as the schema names them.
fn kinds(parts: &[Value]) -> Vec<String> {
    let kind = parts.iter().filter_map(Value::as_object).find(|part| {
        field(part, "name")
            .and_then(Value::as_str)
            .is_some_and(|name| name.eq_ignore_ascii_case("type"))
    });
    let values = kind.and_then(|kind| field(kind, "canonicalValues"));
    entries(values)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn spec(name: &str, attribute: &Fields) -> AttributeSpec {
    let text = |key: &str| {
        field(attribute, key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let is = |key: &str| field(attribute, key).and_then(truth) == Some(true);
    let value_type = match text("type") {
        "boolean" => "boolean",
        "decimal" | "integer" => "number",
        _ => "text",
    };
    let mutability = text("mutability");
    let returned = text("returned");
    let choices = entries(field(attribute, "canonicalValues")).iter();
    AttributeSpec {
        required: is("required"),
        creatable: mutability != "readOnly",
        updatable: !matches!(mutability, "readOnly" | "immutable"),
        readable: mutability != "writeOnly" && returned != "never",
        returned_by_default: !matches!(returned, "never" | "request"),
        case_exact: is("caseExact"),
        choices: choices
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        ..AttributeSpec::new(name, value_type).personal()
    }
}

/// Tries the target out: one user and one group are read.
pub(crate) fn probe(service: &Service<'_>) -> Result<ProbeReport> {
    let reads = [
        (
            Collection::Users,
            USER_KIND,
            Function::ListAccounts,
            "read users",
        ),
        (
            Collection::Groups,
            GROUP_KIND,
            Function::ListEntitlements,
            "read groups",
        ),
    ];
    let mut report = ProbeReport::default();
    for (collection, kind, operation, permission) in reads {
        let ask = Ask {
            collection,
            is_part: false,
            without: None,
        };
        let read = listing::page(service, ask, &PageRequest::first(1), |_| {
            Ok(Take::<()>::Nothing)
        });
        match read {
            Ok(_) => {}
            Err(Problem::Forbidden(missing)) => {
                let named = missing.missing.first().cloned();
                report.missing.push(MissingPermission {
                    kind: Some(kind.to_owned()),
                    operation,
                    permission: named.unwrap_or_else(|| permission.to_owned()),
                    extra: Vec::new(),
                });
            }
            // A service may have no groups; users it must have.
            Err(Problem::RemoteDefect(_) | Problem::Unsupported(_))
                if collection == Collection::Groups =>
            {
                report.missing.push(MissingPermission {
                    kind: Some(kind.to_owned()),
                    operation,
                    permission: "the service shows no groups".to_owned(),
                    extra: Vec::new(),
                });
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(report)
}
