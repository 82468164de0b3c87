//! The service as a SCIM client sees it: RFC 7643 and 7644, and the cursors of RFC 9865.

mod common;

use common::{ENTERPRISE, GROUP, Running, USER};
use muster_demo_scim::Options;
use serde_json::{Value, json};

#[tokio::test]
async fn a_user_is_made_read_replaced_and_deleted() {
    let scim = Running::start(Options::default()).await;
    let sent = json!({
        "schemas": [USER, ENTERPRISE], "userName": "Zoë", "password": "secret",
        "name": {"familyName": "Quast", "givenName": "Zoë"},
        ENTERPRISE: {"department": "Sales", "employeeNumber": "00123"},
    });
    let made = scim.send("POST", "/Users", sent).await;
    assert_eq!(made.status, 201);
    let location = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(made.json()["meta"]["location"], location.as_str());
    assert_eq!(made.json()["active"], true);
    assert!(
        !made.text.contains("secret"),
        "a password is never answered"
    );

    let id = made.id();
    let read = scim.get(&format!("/Users/{id}")).await;
    assert_eq!(read.json()[ENTERPRISE]["employeeNumber"], "00123");
    assert_eq!(
        read.headers["etag"],
        read.json()["meta"]["version"].as_str().unwrap()
    );

    let replacement = json!({"schemas": [USER], "userName": "zoe", "title": "Lead"});
    let replaced = scim.send("PUT", &format!("/Users/{id}"), replacement).await;
    assert_eq!(
        (replaced.status, replaced.json()["title"].clone()),
        (200, json!("Lead"))
    );
    assert!(
        replaced.json().get(ENTERPRISE).is_none(),
        "PUT removes what is not sent"
    );

    assert_eq!(scim.delete(&format!("/Users/{id}")).await.status, 204);
    let gone = scim.get(&format!("/Users/{id}")).await;
    assert_eq!(
        (gone.status, gone.json()["status"].clone()),
        (404, json!("404"))
    );
    assert_ne!(scim.user("zoe").await, id, "an id is never used twice");
}

#[tokio::test]
async fn a_user_name_is_taken_once_whatever_its_case() {
    let scim = Running::start(Options::default()).await;
    scim.user("zoe").await;
    let other = scim.user("max").await;
    let refused = scim
        .send(
            "POST",
            "/Users",
            json!({"schemas": [USER], "userName": "ZOE"}),
        )
        .await;
    assert_eq!(
        (refused.status, refused.json()["scimType"].clone()),
        (409, json!("uniqueness"))
    );
    let rename = json!([{"op": "replace", "path": "userName", "value": "Zoe"}]);
    assert_eq!(
        scim.patch(&format!("/Users/{other}"), rename).await.status,
        409
    );
    assert_eq!(
        scim.found(r#"userName eq "max""#).await,
        ["max"],
        "nothing was changed"
    );
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let scim = Running::start(Options::default()).await;
    let zoe = scim.user("zoe").await;
    scim.user("max").await;
    scim.user("maxine").await;
    let change = json!([{"op": "add", "value": {"title": "Chief", "active": false}}]);
    scim.patch(&format!("/Users/{zoe}"), change).await;
    for (filter, expected) in [
        (r#"userName eq "MAX""#, vec!["max"]),
        (r#"externalId eq "W-max""#, vec!["max"]),
        (r#"externalId eq "w-MAX""#, vec![]),
        (&format!(r#"id eq "{zoe}""#), vec!["zoe"]),
        (r#"emails.value eq "max@example.org""#, vec!["max"]),
        (
            r#"emails[type eq "work" and value sw "max"]"#,
            vec!["max", "maxine"],
        ),
        (
            r#"userName sw "max" and not (userName ew "ine")"#,
            vec!["max"],
        ),
        (
            r#"userName co "x" or title pr"#,
            vec!["zoe", "max", "maxine"],
        ),
        ("active eq false", vec!["zoe"]),
        ("title ne \"Chief\"", vec!["max", "maxine"]),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:title eq \"chief\"",
            vec!["zoe"],
        ),
        (
            r#"meta.created gt "2020-01-01T00:00:00Z" and title pr"#,
            vec!["zoe"],
        ),
        (r#"userName eq "nobody""#, vec![]),
    ] {
        assert_eq!(scim.found(filter).await, expected, "{filter}");
    }
    let refused = scim.get("/Users?filter=shoeSize%20eq%20%2244%22").await;
    assert_eq!(
        (refused.status, refused.json()["scimType"].clone()),
        (400, json!("invalidFilter"))
    );
}

#[tokio::test]
async fn patch_changes_values_parts_and_chosen_values() {
    let scim = Running::start(Options::default()).await;
    let path = format!("/Users/{}", scim.user("zoe").await);
    let manager = format!("{ENTERPRISE}:manager");
    let changed = scim
        .patch(&path, json!([
            {"op": "Add", "path": "name.familyName", "value": "Quast"},
            {"op": "add", "path": "emails", "value": [{"value": "z@h.example", "primary": true}]},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@example.org"},
            {"op": "add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+49 1"},
            {"op": "add", "value": {"displayName": "Zoë", format!("{ENTERPRISE}:department"): "IT"}},
            {"op": "add", "path": ENTERPRISE, "value": {"costCenter": "CC1"}},
            {"op": "add", "path": manager, "value": "m-1"},
            {"op": "remove", "path": "externalId"},
        ]))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let user = changed.json();
    assert_eq!(user["name"]["familyName"], "Quast");
    assert_eq!(user["emails"][0]["value"], "new@example.org");
    assert_eq!(
        user["emails"][0]["primary"], false,
        "the new preferred address takes the mark"
    );
    assert_eq!(user["emails"][1]["primary"], true);
    assert_eq!(
        user["phoneNumbers"],
        json!([{"type": "mobile", "value": "+49 1"}])
    );
    let expected = json!({"department": "IT", "costCenter": "CC1", "manager": {"value": "m-1"}});
    assert_eq!(user[ENTERPRISE], expected);
    assert!(user.get("externalId").is_none());
}

#[tokio::test]
async fn a_patch_happens_whole_or_not_at_all() {
    let scim = Running::start(Options::default()).await;
    let zoe = scim.user("zoe").await;
    let group = scim.group("Sales", &[&zoe]).await;
    let path = format!("/Users/{zoe}");
    let before = scim.get(&path).await.text;
    for (operation, scim_type) in [
        (
            json!({"op": "replace", "path": "active", "value": "False"}),
            "invalidValue",
        ),
        (
            json!({"op": "replace", "path": "shoeSize", "value": "44"}),
            "invalidPath",
        ),
        (
            json!({"op": "replace", "path": "id", "value": "x"}),
            "mutability",
        ),
        (
            json!({"op": "replace", "path": "groups", "value": []}),
            "mutability",
        ),
        (json!({"op": "remove", "path": "userName"}), "invalidValue"),
        (json!({"op": "remove"}), "noTarget"),
        (
            json!({"op": "move", "path": "title", "value": "x"}),
            "invalidSyntax",
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"x\"].value", "value": "x"}),
            "noTarget",
        ),
    ] {
        let operations = json!([{"op": "add", "path": "title", "value": "New"}, operation]);
        let refused = scim.patch(&path, operations).await;
        assert_eq!(refused.status, 400, "{operation}");
        assert_eq!(
            refused.json()["scimType"],
            scim_type,
            "{operation}: {}",
            refused.text
        );
        assert_eq!(scim.get(&path).await.text, before, "{operation}");
    }
    let operations = json!([
        {"op": "remove", "path": "members"},
        {"op": "add", "path": "members", "value": [{"value": "nobody"}]},
    ]);
    assert_eq!(
        scim.patch(&format!("/Groups/{group}"), operations)
            .await
            .status,
        400
    );
    let members = scim.get(&format!("/Groups/{group}")).await.json()["members"].clone();
    assert_eq!(
        members[0]["value"],
        zoe.as_str(),
        "the removed member is back"
    );
}

#[tokio::test]
async fn members_are_added_and_removed_one_by_one() {
    let scim = Running::start(Options::default()).await;
    let (zoe, max) = (scim.user("zoe").await, scim.user("max").await);
    let path = format!("/Groups/{}", scim.group("Sales", &[&zoe]).await);
    let add = json!([{"op": "add", "path": "members", "value": [{"value": max}]}]);
    assert_eq!(scim.patch(&path, add.clone()).await.status, 200);
    let version = scim.get(&path).await.headers["etag"].clone();
    assert_eq!(scim.patch(&path, add).await.status, 200);
    assert_eq!(
        scim.get(&path).await.headers["etag"],
        version,
        "adding again changes nothing"
    );

    let filter = format!("/Groups?filter=members%5Bvalue%20eq%20%22{max}%22%5D");
    assert_eq!(scim.get(&filter).await.json()["totalResults"], 1);
    let user = scim.get(&format!("/Users/{max}")).await.json();
    assert_eq!(user["groups"][0]["display"], "Sales");

    let one = format!("members[value eq \"{zoe}\"]");
    assert_eq!(
        scim.patch(&path, json!([{"op": "remove", "path": one}]))
            .await
            .status,
        200
    );
    let by_value = json!([{"op": "Remove", "path": "members", "value": [{"value": zoe}]}]);
    assert_eq!(
        scim.patch(&path, by_value).await.status,
        200,
        "he is gone already"
    );
    let group = scim.get(&path).await.json();
    assert_eq!(
        group["members"].as_array().unwrap().len(),
        1,
        "only the chosen one went"
    );

    scim.delete(&format!("/Users/{max}")).await;
    assert!(
        scim.get(&path).await.json().get("members").is_none(),
        "the deleted leave groups"
    );
}

#[tokio::test]
async fn pages_by_index_and_by_cursor_give_everybody_once() {
    let scim = Running::start(Options {
        page_max: 2,
        has_cursors: true,
        ..Options::default()
    })
    .await;
    for n in 0..5 {
        scim.user(&format!("u{n}")).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let users = page["Resources"].as_array().unwrap().iter();
        users
            .map(|user| user["userName"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut by_index = Vec::new();
    for start in [1, 3, 5, 7] {
        let page = scim
            .get(&format!("/Users?startIndex={start}&count=50"))
            .await
            .json();
        assert_eq!(page["totalResults"], 5);
        by_index.extend(names(&page));
    }
    let mut by_cursor = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = scim
            .get(&format!("/Users?cursor={cursor}&count=2"))
            .await
            .json();
        by_cursor.extend(names(&page));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(by_index, ["u0", "u1", "u2", "u3", "u4"]);
    assert_eq!(by_cursor, by_index);
    assert_eq!(scim.get("/Users?count=0").await.json()["totalResults"], 5);
    let sorted = scim
        .get("/Users?sortBy=userName&sortOrder=descending")
        .await
        .json();
    assert_eq!(names(&sorted), ["u4", "u3"]);
    assert_eq!(
        scim.get("/Users?cursor=stale").await.json()["scimType"],
        "invalidCursor"
    );
}

#[tokio::test]
async fn versions_guard_changes_and_spare_reading() {
    let scim = Running::start(Options::default()).await;
    let path = format!("/Users/{}", scim.user("zoe").await);
    let version = scim.get(&path).await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let request = |method: &str, header: &str, value: &str, body: Value| {
        hyper::Request::builder()
            .method(method)
            .uri(format!("{}/scim/v2{path}", scim.origin))
            .header("authorization", "Bearer t0k")
            .header("content-type", "application/scim+json")
            .header(header, value)
            .body(http_body_util::Full::new(bytes::Bytes::from(
                body.to_string(),
            )))
            .unwrap()
    };
    let unread = request("GET", "if-none-match", &version, Value::Null);
    assert_eq!(scim.send_request(unread).await.unwrap().status, 304);
    let stale = request("PUT", "if-match", "W/\"0\"", json!({"userName": "zoe"}));
    assert_eq!(scim.send_request(stale).await.unwrap().status, 412);
    let fresh = request("PUT", "if-match", &version, json!({"userName": "zoe"}));
    assert_eq!(scim.send_request(fresh).await.unwrap().status, 200);
}

#[tokio::test]
async fn only_what_was_asked_for_is_answered() {
    let scim = Running::start(Options::default()).await;
    let id = scim.user("zoe").await;
    let asked = scim
        .get(&format!("/Users/{id}?attributes=userName,emails.value"))
        .await
        .json();
    let expected = json!({
        "schemas": [USER], "id": id, "userName": "zoe", "emails": [{"value": "zoe@example.org"}],
    });
    assert_eq!(asked, expected);
    let excluded = scim
        .get(&format!("/Users/{id}?excludedAttributes=emails,id"))
        .await
        .json();
    assert!(excluded.get("emails").is_none());
    assert_eq!(excluded["id"], id.as_str(), "the id is always answered");
}

#[tokio::test]
async fn strangers_wrong_methods_and_wrong_bodies_are_refused() {
    let scim = Running::start(Options::default()).await;
    let stranger = hyper::Request::get(format!("{}/scim/v2/Users", scim.origin))
        .body(http_body_util::Full::default())
        .unwrap();
    assert_eq!(scim.send_request(stranger).await.unwrap().status, 401);
    assert_eq!(scim.delete("/Users").await.status, 405);
    assert_eq!(scim.get("/Nothing").await.status, 404);
    assert_eq!(scim.get("/Me").await.status, 501);
    assert_eq!(
        scim.send("POST", "/Users", json!([])).await.json()["scimType"],
        "invalidSyntax"
    );
    let nameless = scim
        .send("POST", "/Groups", json!({"schemas": [GROUP]}))
        .await;
    assert_eq!(nameless.json()["scimType"], "invalidValue");
}

#[tokio::test]
async fn one_search_finds_users_and_groups() {
    let scim = Running::start(Options::default()).await;
    let zoe = scim.user("zoe").await;
    scim.group("Sales", &[&zoe]).await;
    let all = scim
        .send("POST", "/.search", json!({"count": 10}))
        .await
        .json();
    assert_eq!(all["totalResults"], 2);
    let filter = json!({"filter": "displayName eq \"sales\"", "attributes": ["displayName"]});
    let found = scim.send("POST", "/.search", filter).await.json();
    assert_eq!(found["Resources"][0]["displayName"], "Sales");
    assert!(found["Resources"][0].get("members").is_none());
    let users = scim
        .send("POST", "/Users/.search", json!({"filter": "userName pr"}))
        .await;
    assert_eq!(users.json()["totalResults"], 1);
}

#[tokio::test]
async fn a_large_group_is_not_sent_back_for_each_member_added() {
    let scim = Running::start(Options::default()).await;
    let mut ids = Vec::new();
    for n in 0..101 {
        ids.push(scim.user(&format!("u{n}")).await);
    }
    let path = format!("/Groups/{}", scim.group("All", &[]).await);
    let add = |ids: &[String]| -> Value {
        let members: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
        json!([{"op": "add", "path": "members", "value": members}])
    };
    assert_eq!(scim.patch(&path, add(&ids[..100])).await.status, 200);
    let large = scim.patch(&path, add(&ids[100..])).await;
    assert_eq!((large.status, large.text.as_str()), (204, ""));
}
