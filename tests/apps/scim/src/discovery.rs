//! What the service says about itself: `ServiceProviderConfig`, `ResourceTypes`, `Schemas`
//! (RFC 7643, sections 5 to 7).

use serde_json::{Value, json};

use crate::listing::Paging;
use crate::resource::ResourceType;
use crate::schema::{Attribute, Kind, Mutability};

/// The features of this service.
pub(crate) fn service_provider_config(base: &str, paging: Paging) -> Value {
    let mut config = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": paging.page_max},
        "changePassword": {"supported": true},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "The token that the service was started with.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    });
    if paging.has_cursors {
        config["pagination"] = json!({
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": paging.page_max,
            "maxPageSize": paging.page_max,
        });
    }
    config
}

/// The description of one resource type.
pub(crate) fn resource_type(resource_type: ResourceType, base: &str) -> Value {
    let name = resource_type.name();
    let extensions: Vec<Value> = resource_type
        .extension()
        .map(|extension| json!({"schema": extension.schema, "required": false}))
        .into_iter()
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": name,
        "name": name,
        "description": format!("{name}s of this service"),
        "endpoint": format!("/{}", resource_type.endpoint()),
        "schema": resource_type.schema(),
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/{name}"),
        },
    })
}

/// All schemas, each with its URN.
pub(crate) fn schemas(base: &str) -> Vec<(&'static str, Value)> {
    let mut schemas = Vec::new();
    for resource_type in ResourceType::ALL {
        let core = (
            resource_type.schema(),
            resource_type.name(),
            resource_type.attributes(),
        );
        let extension = resource_type
            .extension()
            .map(|extension| (extension.schema, "EnterpriseUser", extension.attributes));
        for (urn, name, attributes) in [Some(core), extension].into_iter().flatten() {
            let attributes: Vec<Value> = attributes.iter().map(attribute).collect();
            schemas.push((
                urn,
                json!({
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                    "id": urn,
                    "name": name,
                    "description": format!("{name} of this service"),
                    "attributes": attributes,
                    "meta": {
                        "resourceType": "Schema",
                        "location": format!("{base}/Schemas/{urn}"),
                    },
                }),
            ));
        }
    }
    schemas
}

fn attribute(attribute: &Attribute) -> Value {
    let mut described = json!({
        "name": attribute.name,
        "type": match attribute.kind {
            Kind::Text => "string",
            Kind::Boolean => "boolean",
            Kind::Instant => "dateTime",
            Kind::Reference => "reference",
            Kind::Binary => "binary",
            Kind::Complex => "complex",
        },
        "multiValued": attribute.is_multi,
        "description": attribute.description,
        "required": attribute.is_required,
        "caseExact": attribute.is_case_exact,
        "mutability": match attribute.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        },
        "returned": match (attribute.mutability, attribute.is_always_returned) {
            (Mutability::WriteOnly, _) => "never",
            (_, true) => "always",
            (_, false) => "default",
        },
        "uniqueness": if attribute.is_unique { "server" } else { "none" },
    });
    if attribute.kind == Kind::Reference {
        described["referenceTypes"] = json!(match attribute.name {
            "$ref" => vec!["User", "Group"],
            _ => vec!["external"],
        });
    }
    if !attribute.canonical.is_empty() {
        described["canonicalValues"] = json!(attribute.canonical);
    }
    if attribute.kind == Kind::Complex {
        described["subAttributes"] = attribute.subs.iter().map(self::attribute).collect();
    }
    described
}
