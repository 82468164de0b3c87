//! What the scripted tests share: a host with the settings of a service, and its usual answers.

#![expect(clippy::unwrap_used, reason = "test code")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part"
)]

use muster_sdk::{
    Answer, DesiredAccount, FakeHost, GrantKey, ObjectRef, OpContext, Outcome, OutcomeKind, Result,
};
use serde_json::{Value, json};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

pub(crate) fn host() -> FakeHost {
    FakeHost::new().setting("base_url", "https://acme.example/scim/v2")
}

pub(crate) fn ctx() -> OpContext {
    OpContext::first("op-1")
}

pub(crate) fn user(id: &str) -> ObjectRef {
    ObjectRef::new("user", id)
}

pub(crate) fn group(id: &str) -> ObjectRef {
    ObjectRef::new("group", id)
}

pub(crate) fn membership(member: &str) -> GrantKey {
    GrantKey::new(user(member), group("g1"))
}

pub(crate) fn list(resources: &[Value]) -> Answer {
    Answer::json(
        200,
        json!({"totalResults": resources.len(), "Resources": resources}),
    )
}

pub(crate) fn ann() -> Value {
    json!({
        "schemas": [USER], "id": "7", "userName": "ann", "externalId": "E1", "active": true,
        "meta": {"version": "W/\"1\""}, "emails": [{"type": "work", "value": "ann@x"}],
    })
}

pub(crate) fn with(mut value: Value, name: &str, new: impl Into<Value>) -> Value {
    value[name] = new.into();
    value
}

pub(crate) fn desired() -> DesiredAccount {
    DesiredAccount::new("user")
        .matched_by("externalId", "E1")
        .matched_by("userName", "ann")
        .set("userName", "ann")
        .set("externalId", "E1")
        .set("emails.work", "ann@x")
}

pub(crate) const USERS: &str = "/scim/v2/Users";
pub(crate) const ANN: &str = "/scim/v2/Users/7";
pub(crate) const GROUP: &str = "/scim/v2/Groups/g1";
pub(crate) const CONFIG: &str = "/scim/v2/ServiceProviderConfig";

pub(crate) fn nothing() -> Answer {
    list(&[])
}

pub(crate) fn config() -> Answer {
    Answer::json(
        200,
        include_str!("../rfc/rfc7643-8.5-service_provider_configuration.json"),
    )
}

pub(crate) fn operations(host: &FakeHost) -> Vec<Value> {
    let patches = host
        .requests()
        .into_iter()
        .filter(|request| request.method == "PATCH");
    patches
        .flat_map(|request| request.json()["Operations"].as_array().unwrap().clone())
        .collect()
}

/// A change that must have been carried out.
pub(crate) fn done(outcome: Result<Outcome>) {
    assert_eq!(outcome.unwrap().kind, OutcomeKind::Done);
}
