//! Google's descriptions, trimmed to what the connector uses: `tests/fixtures/`. Where the originals are beside
//! the repository, they are trimmed again and compared, or with `cargo xtask update` written anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

/// Each API with the methods that are kept.
const USED: [(&str, &[&str]); 4] = [
    (
        "admin.directory_v1",
        &[
            "directory.asps.delete",
            "directory.asps.list",
            "directory.groups.get",
            "directory.groups.list",
            "directory.members.delete",
            "directory.members.get",
            "directory.members.hasMember",
            "directory.members.insert",
            "directory.members.list",
            "directory.roleAssignments.delete",
            "directory.roleAssignments.insert",
            "directory.roleAssignments.list",
            "directory.roles.get",
            "directory.roles.list",
            "directory.schemas.list",
            "directory.tokens.delete",
            "directory.tokens.list",
            "directory.users.delete",
            "directory.users.get",
            "directory.users.insert",
            "directory.users.list",
            "directory.users.patch",
            "directory.users.signOut",
            "directory.users.undelete",
            "directory.verificationCodes.generate",
            "directory.verificationCodes.invalidate",
            "directory.verificationCodes.list",
        ],
    ),
    (
        "licensing.v1",
        &[
            "licensing.licenseAssignments.delete",
            "licensing.licenseAssignments.get",
            "licensing.licenseAssignments.insert",
            "licensing.licenseAssignments.listForProductAndSku",
            "licensing.licenseAssignments.patch",
        ],
    ),
    (
        "admin.datatransfer_v1",
        &[
            "datatransfer.applications.list",
            "datatransfer.transfers.get",
            "datatransfer.transfers.insert",
            "datatransfer.transfers.list",
        ],
    ),
    ("admin.reports_v1", &["reports.activities.list"]),
];

/// Schemas of entries of open lists, which nothing refers to.
const OPEN: [&str; 6] = [
    "UserAddress",
    "UserEmail",
    "UserExternalId",
    "UserOrganization",
    "UserPhone",
    "UserRelation",
];

/// The descriptions, as they are in the repository.
pub(crate) fn all() -> Vec<Value> {
    USED.iter().map(|(name, _)| read(name)).collect()
}

#[test]
fn the_vendored_descriptions_are_the_originals_trimmed() {
    for (name, _) in USED {
        let Some(trimmed) = trimmed(name) else { return };
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            let text = serde_json::to_string_pretty(&trimmed).unwrap();
            std::fs::write(fixture(name), text + "\n").unwrap();
        }
        assert!(
            read(name) == trimmed,
            "{name} is out of date; write it anew with: cargo xtask update"
        );
    }
}

fn fixture(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join(format!("{name}.json"))
}

fn read(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

/// An original, trimmed; `None` if there are no originals.
fn trimmed(name: &str) -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/google");
    let original = std::fs::read(folder.join(format!("{name}.json"))).ok()?;
    let original: Value = serde_json::from_slice(&original).unwrap();
    let (_, used) = USED.iter().find(|(known, _)| *known == name).unwrap();
    let mut methods = Map::new();
    gather(&original["resources"], used, &mut methods);
    assert_eq!(
        methods.len(),
        used.len(),
        "{name}: a method is not in the original"
    );
    let mut wanted = BTreeSet::new();
    refer(
        &Value::Object(methods.clone()),
        &original["schemas"],
        &mut wanted,
    );
    for schema in OPEN
        .iter()
        .filter(|schema| original["schemas"].get(schema).is_some())
    {
        wanted.insert((*schema).to_owned());
    }
    let schemas: Map<String, Value> = wanted
        .into_iter()
        .map(|name| (name.clone(), plain(&original["schemas"][&name])))
        .collect();
    Some(json!({
        "name": original["name"],
        "version": original["version"],
        "revision": original["revision"],
        "rootUrl": original["rootUrl"],
        "servicePath": original["servicePath"],
        "parameters": plain(&original["parameters"]),
        "methods": plain(&Value::Object(methods)),
        "schemas": schemas,
    }))
}

fn gather(resources: &Value, used: &[&str], methods: &mut Map<String, Value>) {
    for resource in resources
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, it)| it)
    {
        for method in resource["methods"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, it)| it)
        {
            let id = method["id"].as_str().unwrap();
            if used.contains(&id) {
                let mut kept = Map::new();
                for part in [
                    "id",
                    "httpMethod",
                    "path",
                    "parameters",
                    "request",
                    "response",
                    "scopes",
                ] {
                    if let Some(value) = method.get(part) {
                        kept.insert(part.to_owned(), value.clone());
                    }
                }
                methods.insert(id.to_owned(), Value::Object(kept));
            }
        }
        gather(&resource["resources"], used, methods);
    }
}

/// The schemas that something refers to, and those that these refer to.
fn refer(value: &Value, schemas: &Value, wanted: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(name)) = fields.get("$ref")
                && wanted.insert(name.clone())
            {
                refer(&schemas[name], schemas, wanted);
            }
            fields
                .values()
                .for_each(|field| refer(field, schemas, wanted));
        }
        Value::Array(entries) => entries
            .iter()
            .for_each(|entry| refer(entry, schemas, wanted)),
        _ => {}
    }
}

/// Without texts for people; what they call read-only is marked so.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut kept: Map<String, Value> = fields
                .iter()
                .filter(|(name, value)| {
                    let is_text = matches!(name.as_str(), "description" | "enumDescriptions");
                    // A field of a schema may be called so, and is an object.
                    !is_text || value.is_object()
                })
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect();
            let text = fields
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if text.starts_with("Read-only") || text.starts_with("Output only") {
                kept.insert("readOnly".to_owned(), true.into());
            }
            Value::Object(kept)
        }
        Value::Array(entries) => entries.iter().map(plain).collect(),
        other => other.clone(),
    }
}
