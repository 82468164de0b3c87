//! What a SCIM service answers when it refuses: status, `scimType` and a detail for people
//! (RFC 7644, section 3.12).

use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status.
    pub status: u16,
    /// The detail error keyword of RFC 7644, table 9, where one applies.
    pub scim_type: Option<&'static str>,
    /// One sentence for the person who reads the client's log.
    pub detail: String,
}

impl ScimError {
    /// 400 with a keyword of RFC 7644, table 9.
    pub(crate) fn bad(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status: 400,
            scim_type: Some(scim_type),
            detail: detail.into(),
        }
    }

    /// A refusal that has no keyword.
    pub(crate) fn plain(status: u16, detail: impl Into<String>) -> Self {
        Self {
            status,
            scim_type: None,
            detail: detail.into(),
        }
    }

    /// 404 for a resource.
    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        Self::plain(404, format!("{what} {id} not found"))
    }

    /// 409: another resource has this value.
    pub(crate) fn uniqueness(attribute: &str) -> Self {
        let detail = format!("another resource has this {attribute}");
        Self {
            status: 409,
            scim_type: Some("uniqueness"),
            detail,
        }
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let Some(scim_type) = self.scim_type {
            body["scimType"] = scim_type.into();
        }
        body
    }
}
