//! What the connector says about itself, its settings, and the try-out of a target.

use std::collections::BTreeSet;

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{
    Answer, Capability, Connector, FakeHost, Function, HttpFault, Problem, capabilities,
};
use serde_json::json;

use crate::checked::Checked;
use crate::discovery::Discovery;
use crate::workspace::{Fault, Workspace};

#[test]
fn every_capability_of_the_contract_is_there() {
    let named: Vec<&str> = capabilities::<Google>()
        .into_iter()
        .map(Capability::interface)
        .collect();
    for interface in [
        "accounts",
        "entitlements",
        "grants",
        "credentials",
        "ownership",
        "changes",
        "pending",
        "events",
    ] {
        assert!(named.contains(&interface), "{interface}");
    }
    assert!(capabilities::<Google>().contains(&Capability::Rotation));
    let user = Google.describe().account_kind("user").unwrap().clone();
    let operations = user.operations(&capabilities::<Google>());
    assert!(operations.contains(&Function::RotateCredential));
    assert_eq!(operations.len(), 11);
}

#[test]
fn the_scopes_that_are_asked_for_allow_every_method() {
    let described = Google.describe();
    let slot = described
        .secret_slots
        .iter()
        .find(|slot| slot.name == "service-account")
        .unwrap();
    let default = slot
        .extra
        .iter()
        .find(|(name, _)| name == "scopes")
        .unwrap();
    let mut asked: BTreeSet<String> = default.1.split(' ').map(str::to_owned).collect();
    let role = described.entitlement_kind("role").unwrap();
    asked.insert(role.required_permissions[0].1.clone());
    let discovery = Discovery::load();
    for method in discovery.methods() {
        let scopes = discovery.scopes(&method);
        assert!(
            scopes.iter().any(|scope| asked.contains(scope)),
            "{method} needs one of {scopes:?}"
        );
    }
}

#[test]
fn each_missing_permission_is_named_with_what_does_not_work() {
    let workspace = Workspace::new()
        .with("license_skus", "Google-Apps/1")
        .with("admin_roles", "true")
        .with("acting_admin", "admin@example.com");
    let whole = Google.probe(&workspace).unwrap();
    assert_eq!(
        (whole.missing.len(), whole.signed_in_as.as_deref()),
        (0, Some("admin@example.com"))
    );
    for (method, scope, operation) in [
        (
            "directory.users.list",
            "admin.directory.user",
            Function::EnsureAccount,
        ),
        (
            "directory.groups.list",
            "admin.directory.group",
            Function::EnsureGranted,
        ),
        (
            "directory.tokens.list",
            "admin.directory.user.security",
            Function::RevokeCredentials,
        ),
        (
            "directory.roles.list",
            "admin.directory.rolemanagement",
            Function::EnsureRevoked,
        ),
        (
            "licensing.licenseAssignments.get",
            "apps.licensing",
            Function::ListGrants,
        ),
        (
            "datatransfer.applications.list",
            "admin.datatransfer",
            Function::TransferOwned,
        ),
    ] {
        workspace.fail(
            method,
            Fault::Refused(403, "insufficientPermissions", "Insufficient Permission"),
        );
        let report = Google.probe(&workspace).unwrap();
        let named = report
            .missing
            .iter()
            .any(|it| it.permission.ends_with(scope) && it.operation == operation);
        assert!(named, "{method}: {report:?}");
    }
    workspace.fail("directory.users.list", Fault::Bare(401));
    assert!(matches!(
        Google.probe(&workspace),
        Err(Problem::Unauthenticated(_))
    ));
    assert_eq!(workspace.writes(), [""; 0], "nothing is changed");
}

#[test]
fn a_server_that_is_not_granted_is_no_missing_scope() {
    let denied = Answer::fault(HttpFault::DeniedByPolicy("add a line".into()));
    let host = Checked::new(FakeHost::new().answer(denied));
    let Err(Problem::Forbidden(lacks)) = Google.probe(&host) else {
        panic!()
    };
    assert_eq!(lacks.missing, ["network:admin.googleapis.com"]);
}

#[test]
fn custom_attributes_are_discovered_and_need_no_scope_for_the_rest() {
    let workspace = Workspace::new();
    workspace.change(|all| {
        all.schemas.push(json!({
            "kind": "admin#directory#schema", "schemaName": "HR",
            "fields": [
                {"fieldName": "grade", "fieldType": "INT64", "displayName": "Pay grade"},
                {"fieldName": "tags", "fieldType": "STRING", "multiValued": true},
                {"fieldName": "remote", "fieldType": "BOOL"},
            ],
        }));
    });
    let specs = Google.discover(&workspace, "user").unwrap();
    let known = |name: &str| specs.iter().find(|spec| spec.name == name).unwrap();
    assert_eq!(known("customSchemas.HR.grade").value_type, "number");
    assert_eq!(known("customSchemas.HR.grade").title, "Pay grade");
    assert!(known("customSchemas.HR.tags").multiple);
    assert_eq!(known("customSchemas.HR.remote").value_type, "boolean");
    assert!(known("primaryEmail").required && !known("primaryEmail").case_exact);
    assert!(!known("aliases").updatable);
    workspace.fail(
        "directory.schemas.list",
        Fault::Refused(403, "insufficientPermissions", "x"),
    );
    assert_eq!(
        Google.discover(&workspace, "user").unwrap().len(),
        specs.len() - 3
    );
}

#[test]
fn each_api_can_be_reached_at_another_address() {
    let host = FakeHost::new()
        .setting("directory_url", "https://proxy.example/google")
        .setting("licensing_url", "https://licences.example")
        .setting("license_skus", "Google-Apps/1")
        .answer(Answer::json(
            200,
            json!({
                "kind": "admin#directory#users",
                "users": [{"id": "1", "primaryEmail": "a@example.com"}],
            }),
        ))
        .answer(Answer::json(200, json!({"kind": "admin#directory#groups"})))
        .answer(Answer::json(
            200,
            json!({"kind": "admin#datatransfer#applicationsList"}),
        ))
        .answer(Answer::json(
            200,
            json!({"kind": "admin#directory#tokenList"}),
        ))
        .answer(Answer::json(200, json!({"skuId": "1"})));
    Google.probe(&host).unwrap();
    let servers: BTreeSet<String> = host
        .requests()
        .iter()
        .map(|request| request.server().to_owned())
        .collect();
    assert_eq!(
        servers.into_iter().collect::<Vec<_>>(),
        ["licences.example", "proxy.example"]
    );
    assert!(host.asked()[0].starts_with("GET /google/admin/directory/v1/users?"));
}

#[test]
fn settings_that_cannot_be_right_are_named() {
    let host = FakeHost::new()
        .setting("license_skus", "x")
        .setting("acting_admin", "boss");
    let faults = Google.check_settings(&host).unwrap_err();
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["license_skus", "acting_admin"]);
    assert_eq!(Google.check_settings(&FakeHost::new()), Ok(()));
}
