//! The rules of `change.rs`, with examples of RFC 7643 and 7644.

use muster_sdk::{AttributeChange, AttributeDelta, ObjectRef, Problem, Scalar};
use serde_json::{Value, json};

use crate::change::Change;
use crate::name::ENTERPRISE;
use crate::resource::Resource;

fn change(name: &str, change: AttributeChange) -> Change {
    Change::of(&AttributeDelta {
        name: name.into(),
        change,
        extra: Vec::new(),
    })
    .unwrap()
}

fn set(name: &str, value: impl Into<Scalar>) -> Change {
    change(name, AttributeChange::Set(vec![value.into()]))
}

fn resource(value: Value) -> Resource {
    Resource::of(value).unwrap()
}

/// The user of RFC 7643, section 8.2.
fn barbara() -> Resource {
    let text = include_str!("../tests/rfc/rfc7643-8.2-user-full.json");
    resource(serde_json::from_str(text).unwrap())
}

fn apply(change: &Change, mut to: Resource) -> Value {
    change.apply(&mut to);
    assert!(change.holds_in(&to), "an applied change holds: {change:?}");
    Value::Object(to.fields)
}

#[test]
fn what_is_so_already_is_no_change_in_any_order_or_case() {
    let user = resource(json!({"userName": "Ann", "emails": [{"value": "B@x"}, {"value": "a@x"}]}));
    assert!(set("userName", "ann").holds_in(&user));
    let both = AttributeChange::Set(vec!["a@x".into(), "b@x".into()]);
    assert!(change("emails", both).holds_in(&user));
    assert!(change("title", AttributeChange::Clear).holds_in(&user));
    assert!(change("emails", AttributeChange::Remove(vec!["c@x".into()])).holds_in(&user));
    assert!(!set("emails", "a@x").holds_in(&user));
    assert!(!set("title", "Boss").holds_in(&user));
}

#[test]
fn a_single_attribute_is_replaced_added_or_removed_by_path() {
    let user = barbara();
    assert_eq!(
        set("name.givenName", "Babs").operations(&user),
        [json!({"op": "replace", "path": "name.givenName", "value": "Babs"})]
    );
    let department = format!("{ENTERPRISE}:department");
    assert_eq!(
        set(&department, "Sales").operations(&user),
        [json!({"op": "add", "path": department, "value": "Sales"})]
    );
    assert_eq!(
        change("title", AttributeChange::Clear).operations(&user),
        [json!({"op": "remove", "path": "title"})]
    );
    let manager = format!("{ENTERPRISE}:manager");
    assert_eq!(
        set(&manager, ObjectRef::new("user", "26")).operations(&user),
        [json!({"op": "add", "path": manager, "value": {"value": "26"}})]
    );
}

#[test]
fn an_entry_of_a_list_is_changed_in_place_or_added_and_the_others_stay() {
    let user = barbara();
    assert_eq!(
        set("emails.work", "babs@example.com").operations(&user),
        [json!({
            "op": "replace", "path": "emails[type eq \"work\"].value", "value": "babs@example.com"
        })]
    );
    assert_eq!(
        set("emails.other", "o@example.com").operations(&user),
        [json!({
            "op": "add", "path": "emails", "value": [{"value": "o@example.com", "type": "other"}]
        })]
    );
    assert_eq!(
        change("emails.home", AttributeChange::Clear).operations(&user),
        [json!({"op": "remove", "path": "emails[type eq \"home\"]"})]
    );
    let put = apply(&set("emails.work", "babs@example.com"), user);
    assert_eq!(
        put["emails"],
        json!([
            {"value": "babs@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"},
        ])
    );
}

#[test]
fn values_are_added_to_and_removed_from_a_list_without_replacing_it() {
    let user = barbara();
    assert_eq!(
        change("emails", AttributeChange::Add(vec!["new@x".into()])).operations(&user),
        [json!({"op": "add", "path": "emails", "value": [{"value": "new@x"}]})]
    );
    assert_eq!(
        change(
            "emails",
            AttributeChange::Remove(vec!["babs@jensen.org".into()])
        )
        .operations(&user),
        [json!({"op": "remove", "path": "emails[value eq \"babs@jensen.org\"]"})]
    );
}

#[test]
fn a_put_keeps_what_nobody_named() {
    let before = Value::Object(barbara().fields);
    let mut expected = before.clone();
    let put = apply(&set("title", "Boss"), barbara());
    expected["title"] = json!("Boss");
    assert_eq!(put, expected);
    let department = apply(
        &set(&format!("{ENTERPRISE}:department"), "Sales"),
        barbara(),
    );
    assert_eq!(department[ENTERPRISE], json!({"department": "Sales"}));
    assert!(
        department["schemas"]
            .as_array()
            .unwrap()
            .contains(&json!(ENTERPRISE))
    );
    let cleared = apply(
        &change("name.middleName", AttributeChange::Clear),
        barbara(),
    );
    assert_eq!(cleared["name"]["familyName"], "Jensen");
    assert_eq!(cleared["name"].get("middleName"), None);
}

#[test]
fn f6_a_boolean_is_written_as_a_boolean_and_other_words_are_refused() {
    let user = resource(json!({"id": "1"}));
    for (given, written) in [("False", false), ("TRUE", true)] {
        assert_eq!(
            set("active", given).operations(&user),
            [json!({"op": "add", "path": "active", "value": written})]
        );
    }
    for given in ["0", "n", "nein", ""] {
        let delta = AttributeDelta {
            name: "active".into(),
            change: AttributeChange::Set(vec![given.into()]),
            extra: Vec::new(),
        };
        assert!(
            matches!(Change::of(&delta), Err(Problem::Invalid(_))),
            "{given:?}"
        );
    }
}

#[test]
fn a_value_cannot_break_out_of_a_path() {
    let user = resource(json!({"id": "1", "emails": [{"value": "a\"] or x[y"}]}));
    let removed = change(
        "emails",
        AttributeChange::Remove(vec!["a\"] or x[y".into()]),
    );
    let user2 = resource(json!({"id": "1", "emails": [{"value": "a\"] or x[y"}, {"value": "b"}]}));
    assert_eq!(
        removed.operations(&user),
        [json!({"op": "remove", "path": "emails"})]
    );
    assert_eq!(
        removed.operations(&user2),
        [json!({"op": "remove", "path": "emails[value eq \"a\\\"] or x[y\"]"})]
    );
}

#[test]
fn a_list_of_plain_texts_stays_one() {
    let user = resource(json!({"id": "1", "tags": ["a", "b"]}));
    let added = apply(
        &change("tags", AttributeChange::Add(vec!["c".into()])),
        user.clone(),
    );
    assert_eq!(added["tags"], json!(["a", "b", "c"]));
    assert_eq!(
        change("tags", AttributeChange::Remove(vec!["a".into()])).operations(&user),
        [json!({"op": "replace", "path": "tags", "value": ["b"]})]
    );
}
