//! The checker can fail: each rule has a request that breaks it.

use muster_sdk::Request;
use serde_json::{Value, json};

use crate::discovery::Discovery;

const USERS: &str = "https://admin.googleapis.com/admin/directory/v1/users";

fn request(method: &str, url: &str, body: Option<Value>) -> Request {
    Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.map(|body| body.to_string().into_bytes()),
        credential: Some("service-account".to_owned()),
        ..Request::default()
    }
}

fn check(method: &str, url: &str, body: Option<Value>) -> Result<String, String> {
    Discovery::load()
        .read(&request(method, url, body))
        .map(|asked| asked.method)
}

fn new_user() -> Value {
    json!({
        "primaryEmail": "a@example.com", "password": "p",
        "name": {"givenName": "A", "familyName": "B"},
    })
}

fn insert(change: impl FnOnce(&mut Value)) -> Result<String, String> {
    let mut user = new_user();
    change(&mut user);
    check("POST", USERS, Some(user))
}

#[test]
fn what_google_describes_passes() {
    let one = format!("{USERS}/a%2Fb");
    for (method, url, body, id) in [
        (
            "POST",
            USERS.to_owned(),
            Some(new_user()),
            "directory.users.insert",
        ),
        ("GET", one.clone(), None, "directory.users.get"),
        (
            "PATCH",
            one.clone(),
            Some(json!({"externalIds": null})),
            "directory.users.patch",
        ),
        (
            "POST",
            format!("{one}/signOut"),
            None,
            "directory.users.signOut",
        ),
        (
            "GET",
            format!("{USERS}?customer=c&maxResults=500&fields=kind,users(id,name(givenName))"),
            None,
            "directory.users.list",
        ),
    ] {
        assert_eq!(check(method, &url, body).as_deref(), Ok(id));
    }
}

#[test]
fn another_method_or_path_is_refused() {
    let refused = |method: &str, url: &str| check(method, url, None).unwrap_err();
    assert!(refused("PUT", USERS).ends_with("no such method at this path"));
    assert!(
        refused(
            "GET",
            "https://admin.googleapis.com/admin/directory/v2/users"
        )
        .ends_with("no such path")
    );
    assert!(
        refused("GET", "https://www.googleapis.com/admin/directory/v1/users")
            .ends_with("no such path")
    );
    assert!(refused("DELETE", &format!("{USERS}/")).ends_with("no such path"));
    assert!(refused("GET", &format!("{USERS}/a/b")).ends_with("no such path"));
}

#[test]
fn a_path_parameter_keeps_to_its_pattern_and_choices() {
    let activities = |name: &str| {
        let root = "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications";
        check("GET", &format!("{root}/{name}"), None)
    };
    assert!(activities("admin").is_ok());
    assert!(
        activities("admins")
            .unwrap_err()
            .contains("applicationName")
    );
}

#[test]
fn a_query_is_known_typed_in_range_and_said_once() {
    for (query, what) in [
        ("colour=red", "no parameter `colour`"),
        ("userKey=1", "no parameter `userKey`"),
        ("maxResults=many", "no integer"),
        ("maxResults=501", "out of range"),
        ("maxResults=0", "out of range"),
        ("projection=all", "none of the choices"),
        ("customer=a&customer=b", "twice"),
        ("fields=kind,users(colour)", "`colour`"),
        ("fields=kind(id)", "in no object"),
        ("fields=users(id", "open"),
    ] {
        let refused = check("GET", &format!("{USERS}?{query}"), None).unwrap_err();
        assert!(refused.contains(what), "{query}: {refused}");
    }
    let group = "https://admin.googleapis.com/admin/directory/v1/groups/g/members";
    let refused = check(
        "GET",
        &format!("{group}?includeDerivedMembership=yes"),
        None,
    );
    assert!(refused.unwrap_err().contains("no boolean"));
    let seats = "https://licensing.googleapis.com/apps/licensing/v1/product/p/sku/s/users";
    assert!(
        check("GET", seats, None)
            .unwrap_err()
            .contains("`customerId` is required")
    );
    let log = "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/admin";
    let refused = check("GET", &format!("{log}?startTime=yesterday"), None).unwrap_err();
    assert!(refused.contains("not of the pattern"), "{refused}");
}

#[test]
fn a_body_is_known_typed_writable_and_complete() {
    for (change, what) in [
        (json!({"colour": "red"}), "body.colour is not known"),
        (
            json!({"suspended": "true"}),
            "body.suspended is not a boolean",
        ),
        (
            json!({"name": {"nick": "A"}}),
            "body.name.nick is not known",
        ),
        (
            json!({"name": {"givenName": "A"}}),
            "body.name.familyName is required",
        ),
        (
            json!({"primaryEmail": 7}),
            "body.primaryEmail is not a string",
        ),
        (
            json!({"aliases": ["b@example.com"]}),
            "body.aliases can only be read",
        ),
        (json!({"isAdmin": true}), "body.isAdmin can only be read"),
        (
            json!({"externalIds": {"type": "x"}}),
            "body.externalIds is no list",
        ),
        (
            json!({"externalIds": [{"kind": "x"}]}),
            "body.externalIds[0].kind is not known",
        ),
        (
            json!({"organizations": [{"primary": "yes"}]}),
            "not a boolean",
        ),
        (json!({"recoveryEmail": null}), "body.recoveryEmail is null"),
    ] {
        let refused = insert(|user| {
            for (name, value) in change.as_object().unwrap() {
                user[name] = value.clone();
            }
        })
        .unwrap_err();
        assert!(refused.contains(what), "{change}: {refused}");
    }
    let missing = insert(|user| {
        user.as_object_mut().unwrap().remove("password");
    });
    assert!(missing.unwrap_err().contains("body.password is required"));
}

#[test]
fn a_body_is_there_where_one_is_taken_and_nowhere_else() {
    assert!(
        check("POST", USERS, None)
            .unwrap_err()
            .contains("takes a body")
    );
    let sign_out = format!("{USERS}/1/signOut");
    assert!(
        check("POST", &sign_out, Some(json!({})))
            .unwrap_err()
            .contains("takes no body")
    );
    let mut form = request("POST", USERS, Some(new_user()));
    form.headers = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
    assert!(
        Discovery::load()
            .read(&form)
            .unwrap_err()
            .contains("not said to be JSON")
    );
    form.body = Some(b"{".to_vec());
    form.headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    assert!(
        Discovery::load()
            .read(&form)
            .unwrap_err()
            .contains("no JSON")
    );
    form.credential = None;
    assert!(
        Discovery::load()
            .read(&form)
            .unwrap_err()
            .contains("service account")
    );
}

#[test]
fn formats_are_kept_to() {
    let transfers = "https://admin.googleapis.com/admin/datatransfer/v1/transfers";
    let transfer = |id: &str| {
        check(
            "POST",
            transfers,
            Some(json!({"applicationDataTransfers": [{"applicationId": id}]})),
        )
    };
    assert!(transfer("55656082996").is_ok());
    assert!(
        transfer("drive")
            .unwrap_err()
            .contains("applicationId is not a string")
    );
    let begun = check("POST", transfers, Some(json!({"id": "1"}))).unwrap_err();
    assert!(
        begun.contains("can only be read"),
        "what only its text calls read-only: {begun}"
    );
}

#[test]
fn a_reply_is_checked_too() {
    let discovery = Discovery::load();
    let users =
        |entry: Value| discovery.check_reply("directory.users.list", &json!({"users": [entry]}));
    assert_eq!(users(json!({"id": "1", "isAdmin": true})), Ok(()));
    assert!(users(json!({"id": 1})).unwrap_err().contains("users[0].id"));
    assert!(users(json!({"creationTime": "today"})).is_err());
    assert!(
        discovery
            .check_reply("directory.users.delete", &json!({}))
            .is_err()
    );
}
