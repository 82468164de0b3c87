//! Connector for Google Workspace: users, groups, licences, administrator roles, credentials, data transfer, the
//! log of changes and push notifications.
//!
//! A file for each: `account.rs` (users), `group.rs`, `seat.rs` (licences) and `role.rs` behind `grants.rs`,
//! `credential.rs` with `rotation.rs`, `transfer.rs`, `feed.rs`, `notification.rs`. They speak to Google through
//! `service.rs`; what a refusal means is said in `refusal.rs`, and where an attribute is in `attribute.rs`.
//!
//! docs/guides/connector-google-workspace.md tells IT how to set it up.

mod account;
mod attribute;
mod credential;
mod describe;
mod feed;
mod find;
mod grants;
mod group;
mod notification;
mod probe;
mod refusal;
mod role;
mod rotation;
mod seat;
mod service;
mod settings;
mod transfer;
mod user;

use muster_sdk::{
    AttributeSpec, Connector, Descriptor, FieldFault, Host, LogLevel, ProbeReport, Problem, Result,
};
use serde_json::Value;

use crate::service::{Google, USER, text};
use crate::settings::Settings;

/// The connector.
#[derive(Default)]
pub struct GoogleWorkspace;

impl Connector for GoogleWorkspace {
    fn describe(&self) -> Descriptor {
        describe::descriptor()
    }

    fn check_settings(&self, host: &dyn Host) -> std::result::Result<(), Vec<FieldFault>> {
        match Settings::of(host) {
            Ok(_) => Ok(()),
            Err(Problem::Invalid(faults)) => Err(faults),
            Err(other) => Err(vec![FieldFault::new("", "rejected", other.to_string())]),
        }
    }

    fn probe(&self, host: &dyn Host) -> Result<ProbeReport> {
        Google::of(host)?.probe()
    }

    fn discover(&self, host: &dyn Host, kind: &str) -> Result<Vec<AttributeSpec>> {
        if kind != USER {
            return Err(Problem::unsupported(format!(
                "there is no kind of account `{kind}`"
            )));
        }
        let google = Google::of(host)?;
        let mut specs = attribute::specs();
        let path = google.customer_path().push("schemas");
        match google.list(
            google.directory.get(path),
            "admin#directory#schemas",
            "schemas",
        ) {
            Ok(list) => {
                for schema in &list.entries {
                    let name = text(schema, "schemaName").unwrap_or_default();
                    let fields = schema.get("fields").and_then(Value::as_array);
                    let fields = fields.into_iter().flatten();
                    specs.extend(fields.filter_map(|field| attribute::custom_spec(name, field)));
                }
            }
            // The rest of the attributes need no permission of their own.
            Err(Problem::Forbidden(_)) => {
                let text = "custom attributes are not known: the scope for schemas is missing";
                host.log(LogLevel::Warn, text, &[("scope", describe::scope::SCHEMAS)]);
            }
            Err(problem) => return Err(problem),
        }
        Ok(specs)
    }
}

muster_sdk::export!(
    GoogleWorkspace: Accounts,
    Entitlements,
    Grants,
    Credentials,
    Rotation,
    Ownership,
    Changes,
    Pending,
    Events,
);
