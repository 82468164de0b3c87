//! What the service does for tests beside SCIM: faults, rules, sessions, the record of requests.

mod common;

use common::{Running, USER};
use muster_demo_scim::Options;
use serde_json::{Value, json};

async fn fault(scim: &Running, fault: Value) {
    assert_eq!(scim.send("POST", "/_faults", fault).await.status, 200);
}

#[tokio::test]
async fn a_reply_can_be_lost_after_the_request_was_carried_out() {
    let scim = Running::start(Options::default()).await;
    let lost =
        json!({"method": "POST", "path": "/Users", "apply": true, "answer": {"kind": "drop"}});
    fault(&scim, lost).await;
    let user = json!({"schemas": [USER], "userName": "zoe", "externalId": "W1"});
    assert!(scim.try_send("POST", "/Users", &user).await.is_none());
    assert_eq!(scim.found(r#"externalId eq "W1""#).await, ["zoe"]);

    let log = scim.get("/_log").await.json();
    assert_eq!(log["by"]["POST /Users dropped"], 1);
    assert_eq!(log["last"][0]["applied"], true);
    assert_eq!(
        scim.get("/_state").await.json()["created"]["users"]["total"],
        1
    );
}

#[tokio::test]
async fn a_request_can_be_lost_before_it_was_carried_out() {
    let scim = Running::start(Options::default()).await;
    fault(&scim, json!({"method": "POST", "answer": {"kind": "drop"}})).await;
    let user = json!({"schemas": [USER], "userName": "zoe"});
    assert!(scim.try_send("POST", "/Users", &user).await.is_none());
    assert!(scim.found("userName pr").await.is_empty());
}

#[tokio::test]
async fn every_wrong_answer_can_be_asked_for() {
    let scim = Running::start(Options::default()).await;
    scim.user("zoe").await;
    let faults = json!([
        {"answer": {"kind": "status", "status": 429, "retry_after": "7", "detail": "slow down"}},
        {"answer": {"kind": "redirect", "location": "http://elsewhere.example/"}},
        {"answer": {"kind": "html"}},
        {"answer": {"kind": "empty"}},
        {"answer": {"kind": "cut"}},
        {"delay_ms": 1, "answer": {"kind": "normal"}},
    ]);
    fault(&scim, faults).await;
    let limited = scim.get("/Users").await;
    assert_eq!(
        (
            limited.status,
            limited.headers["retry-after"].to_str().unwrap()
        ),
        (429, "7")
    );
    let moved = scim.get("/Users").await;
    assert_eq!(
        (moved.status, moved.headers.contains_key("location")),
        (302, true)
    );
    assert!(scim.get("/Users").await.text.contains("<!doctype html>"));
    assert!(scim.get("/Users").await.text.is_empty());
    let cut = scim.get("/Users").await;
    assert!(
        cut.text.starts_with('{') && !cut.text.ends_with('}'),
        "{}",
        cut.text
    );
    assert_eq!(scim.get("/Users").await.json()["totalResults"], 1);
    assert_eq!(
        scim.get("/_faults").await.json(),
        json!([]),
        "all are used up"
    );
}

#[tokio::test]
async fn a_seat_limit_refuses_the_one_too_many_and_a_suspended_user_frees_a_seat() {
    let scim = Running::start(Options::default()).await;
    let zoe = scim.user("zoe").await;
    scim.send("PUT", "/_rules", json!({"seats": 1})).await;
    let max = json!({"schemas": [USER], "userName": "max"});
    let refused = scim.send("POST", "/Users", max.clone()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("seat limit reached: 1 of 1"));
    let suspend = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(
        scim.patch(&format!("/Users/{zoe}"), suspend).await.status,
        200
    );
    assert_eq!(scim.send("POST", "/Users", max).await.status, 201);
    let back = json!([{"op": "replace", "path": "active", "value": true}]);
    assert_eq!(scim.patch(&format!("/Users/{zoe}"), back).await.status, 403);
}

#[tokio::test]
async fn the_last_owner_can_neither_leave_nor_be_suspended_nor_deleted() {
    let scim = Running::start(Options::default()).await;
    let (zoe, max) = (scim.user("zoe").await, scim.user("max").await);
    let group = scim.group("Owners", &[&zoe, &max]).await;
    scim.send("PUT", "/_rules", json!({"last_owner_of": "Owners"}))
        .await;
    let suspend = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(
        scim.patch(&format!("/Users/{max}"), suspend.clone())
            .await
            .status,
        200
    );
    assert_eq!(
        scim.patch(&format!("/Users/{zoe}"), suspend).await.status,
        403
    );
    assert_eq!(scim.delete(&format!("/Users/{zoe}")).await.status, 403);
    let remove = json!([{"op": "remove", "path": "members"}]);
    assert_eq!(
        scim.patch(&format!("/Groups/{group}"), remove).await.status,
        403
    );
    let members = scim.get(&format!("/Groups/{group}")).await.json()["members"].clone();
    assert_eq!(
        members.as_array().unwrap().len(),
        2,
        "the refused change left no trace"
    );
}

#[tokio::test]
async fn sessions_outlive_the_account_until_they_are_ended() {
    let scim = Running::start(Options::default()).await;
    let zoe = scim.user("zoe").await;
    for sessions in 1..=2 {
        let signed_in = scim
            .send("POST", "/_sessions", json!({"userName": "zoe"}))
            .await;
        assert_eq!(signed_in.json()["sessions"], sessions);
    }
    let suspend = json!([{"op": "replace", "path": "active", "value": false}]);
    scim.patch(&format!("/Users/{zoe}"), suspend).await;
    assert_eq!(scim.get("/_sessions").await.json()[0]["sessions"], 2);
    let refused = scim
        .send("POST", "/_sessions", json!({"userName": "zoe"}))
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        scim.delete(&format!("/Users/{zoe}/sessions")).await.json()["ended"],
        2
    );
    assert_eq!(
        scim.get(&format!("/Users/{zoe}/sessions")).await.json()["totalResults"],
        0
    );
    assert_eq!(scim.get("/_sessions").await.json(), json!([]));
}

#[tokio::test]
async fn what_was_made_twice_is_named_even_after_it_is_gone() {
    let scim = Running::start(Options::default()).await;
    let zoe = scim.user("zoe").await;
    scim.delete(&format!("/Users/{zoe}")).await;
    assert_eq!(
        scim.get("/_state").await.json()["created"]["users"]["twice"],
        json!([])
    );
    scim.user("zoe").await;
    assert_eq!(
        scim.get("/_state").await.json()["created"]["users"]["twice"],
        json!(["W-zoe"])
    );
}

#[tokio::test]
async fn the_page_says_who_has_what() {
    let scim = Running::start(Options::default()).await;
    let seed = json!({
        "users": [{"userName": "zoe", "displayName": "Zoë Quast", "title": "Lead"}],
        "groups": [{"displayName": "Sales", "members": ["zoe"]}, {"displayName": "Empty"}],
    });
    scim.service.seed(&seed).unwrap();
    let page = scim.get("/").await.text;
    assert!(page.contains("1 accounts (1 active), 2 groups"), "{page}");
    let row = page.lines().find(|line| line.starts_with("zoe")).unwrap();
    assert!(
        row.contains("Zoë Quast") && row.contains("active") && row.contains("Sales"),
        "{row}"
    );
}
