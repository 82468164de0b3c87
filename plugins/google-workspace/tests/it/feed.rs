//! The feed of changes from the log of what administrators did.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{Change, Changed, Instant, LeavePlan, Problem, dispatch};
use serde_json::{Value, json};

use crate::setup::{done, grant, remove};
use crate::workspace::{Fault, Workspace, users::user};

const START: &str = "2026-11-22T08:00:00Z";

fn at(workspace: &Workspace, time: &str) {
    *workspace.now.borrow_mut() = Instant::parse(time).unwrap();
}

fn event(name: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters: Vec<Value> = parameters
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({"type": "USER_SETTINGS", "name": name, "parameters": parameters})
}

fn log(workspace: &Workspace, time: &str, number: u32, events: &[Value]) {
    workspace.change(|all| {
        all.activities.push(json!({
            "kind": "admin#reports#activity",
            "id": {"time": time, "uniqueQualifier": number.to_string(), "applicationName": "admin"},
            "events": events,
        }));
    });
}

/// Follows the feed to its end as the host does; also where it stands then.
fn follow(workspace: &Workspace, token: &str, limit: u32) -> (Vec<Change>, String) {
    let mut token = token.to_owned();
    let mut all = Vec::new();
    for _ in 0..1000 {
        let page = dispatch::changes_since::<Google>(workspace, &token, limit).unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        all.extend(page.items);
        token = page.token;
        if !page.more {
            return (all, token);
        }
    }
    panic!("the feed does not end");
}

fn begin(workspace: &Workspace) -> String {
    dispatch::current_token::<Google>(workspace).unwrap()
}

#[test]
fn what_administrators_did_is_told_oldest_first_as_it_is_now() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("all@example.com");
    done(grant(&workspace, &ann, &group));
    let bob = user(&workspace.user("bob@example.com", "E2"));
    let gone = user(&workspace.user("gone@example.com", "E3"));
    let token = begin(&workspace);
    done(remove(&workspace, &gone, &LeavePlan::default()));
    let of = |name, user: &str| event(name, &[("USER_EMAIL", user)]);
    let member = |name, user: &str| {
        event(
            name,
            &[("USER_EMAIL", user), ("GROUP_EMAIL", "all@example.com")],
        )
    };
    let by_group = event("CHANGE_GROUP_NAME", &[("GROUP_EMAIL", "all@example.com")]);
    let (bob_left, ann_joined) = (
        member("REMOVE_GROUP_MEMBER", "bob@example.com"),
        member("ADD_GROUP_MEMBER", "ann@example.com"),
    );
    for (second, events) in [
        (3, vec![bob_left]),
        (1, vec![of("CREATE_USER", "ann@example.com"), ann_joined]),
        (2, vec![of("DELETE_USER", "gone@example.com")]),
        (4, vec![by_group]),
        (5, vec![of("DELETE_USER", "never@example.com")]),
        (6, vec![event("CHANGE_LOGO", &[])]),
    ] {
        log(
            &workspace,
            &format!("2026-11-22T08:00:0{second}.000Z"),
            second,
            &events,
        );
    }
    at(&workspace, "2026-11-22T09:00:00Z");
    let (told, _) = follow(&workspace, &token, 100);
    let changed: Vec<&Changed> = told.iter().map(|change| &change.changed).collect();
    assert!(matches!(changed[0], Changed::Account(account) if account.key == ann));
    assert!(
        matches!(changed[1], Changed::Grant(it) if it.principal == ann && it.entitlement == group)
    );
    assert!(matches!(changed[2], Changed::ObjectRemoved(key) if *key == gone));
    assert!(
        matches!(changed[3], Changed::GrantRemoved(it) if it.principal == bob && it.entitlement == group)
    );
    assert!(matches!(changed[4], Changed::Entitlement(it) if it.key == group));
    assert_eq!(changed.len(), 5);
    let logged = workspace.change(|all| all.logged.join("\n"));
    assert!(
        logged.contains("full listing") && !logged.contains("never@"),
        "{logged}"
    );
}

#[test]
fn f8_each_token_goes_on_exactly_after_its_change() {
    let workspace = Workspace::new();
    let users: Vec<String> = (0..7)
        .map(|number| format!("u{number}@example.com"))
        .collect();
    for address in &users {
        workspace.user(address, "E");
    }
    let token = begin(&workspace);
    for (number, pair) in users.chunks(2).enumerate() {
        // Several in the same second, with several events each.
        let events: Vec<Value> = pair
            .iter()
            .map(|it| event("CHANGE_LAST_NAME", &[("USER_EMAIL", it)]))
            .collect();
        let time = format!("2026-11-22T08:00:0{}.500Z", number / 2);
        log(&workspace, &time, u32::try_from(number).unwrap(), &events);
    }
    at(&workspace, "2026-11-22T09:00:00Z");
    let (whole, end) = follow(&workspace, &token, 100);
    assert_eq!(whole.len(), 7);
    for limit in 1..8 {
        assert_eq!(
            follow(&workspace, &token, limit).0,
            whole,
            "at most {limit} at once"
        );
    }
    for (at, change) in whole.iter().enumerate() {
        let (rest, _) = follow(&workspace, &change.token, 100);
        assert_eq!(rest, whole[at + 1..], "after change {at}");
    }
    assert_eq!(follow(&workspace, &end, 100).0, []);
}

#[test]
fn a_page_that_is_full_is_read_in_smaller_stretches() {
    let workspace = Workspace::new();
    workspace.user("ann@example.com", "E1");
    let token = begin(&workspace);
    for number in 0..9 {
        let events = [event(
            "CHANGE_LAST_NAME",
            &[("USER_EMAIL", "ann@example.com")],
        )];
        log(
            &workspace,
            &format!("2026-11-22T08:0{number}:00.000Z"),
            number,
            &events,
        );
    }
    at(&workspace, "2026-11-22T12:00:00Z");
    let whole = follow(&workspace, &token, 100).0;
    assert_eq!(whole.len(), 9);
    workspace.change(|all| all.page_max = Some(2));
    let places = |changes: &[Change]| {
        changes
            .iter()
            .map(|it| it.token.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(places(&follow(&workspace, &token, 100).0), places(&whole));
}

#[test]
fn what_may_still_arrive_late_is_not_passed_over() {
    let workspace = Workspace::new();
    workspace.user("ann@example.com", "E1");
    let token = begin(&workspace);
    let change = || {
        vec![event(
            "CHANGE_LAST_NAME",
            &[("USER_EMAIL", "ann@example.com")],
        )]
    };
    log(&workspace, "2026-11-22T08:09:00.000Z", 1, &change());
    at(&workspace, "2026-11-22T08:10:00Z");
    let (early, token) = follow(&workspace, &token, 100);
    assert_eq!(early, [], "the log may be behind");
    log(&workspace, "2026-11-22T08:08:00.000Z", 2, &change());
    at(&workspace, "2026-11-22T08:30:00Z");
    assert_eq!(follow(&workspace, &token, 100).0.len(), 2);
}

#[test]
fn what_happened_where_one_stretch_ends_is_told_once() {
    let workspace = Workspace::new();
    workspace.user("ann@example.com", "E1");
    let token = begin(&workspace);
    let change = [event(
        "CHANGE_LAST_NAME",
        &[("USER_EMAIL", "ann@example.com")],
    )];
    for (number, time) in [
        "08:08:59.900",
        "08:09:00.000",
        "08:09:00.100",
        "08:09:01.000",
    ]
    .iter()
    .enumerate()
    {
        log(
            &workspace,
            &format!("2026-11-22T{time}Z"),
            u32::try_from(number).unwrap(),
            &change,
        );
    }
    at(&workspace, "2026-11-22T08:19:00Z");
    let (before, token) = follow(&workspace, &token, 100);
    at(&workspace, "2026-11-22T08:30:00Z");
    let (after, _) = follow(&workspace, &token, 100);
    assert_eq!((before.len(), after.len()), (1, 3));
}

#[test]
fn a_token_that_is_too_old_or_foreign_asks_for_a_full_listing() {
    let workspace = Workspace::new();
    let token = begin(&workspace);
    at(&workspace, "2027-11-22T08:00:00Z");
    for token in [token.as_str(), "yesterday", ""] {
        let expired = dispatch::changes_since::<Google>(&workspace, token, 100);
        assert_eq!(expired, Err(Problem::TokenExpired));
    }
}

#[test]
fn f8_a_failure_never_moves_the_token() {
    let workspace = Workspace::new();
    workspace.user("ann@example.com", "E1");
    workspace.user("bob@example.com", "E2");
    let token = begin(&workspace);
    let of = |user: &str| event("CHANGE_LAST_NAME", &[("USER_EMAIL", user)]);
    log(
        &workspace,
        "2026-11-22T08:00:01.000Z",
        1,
        &[of("ann@example.com"), of("bob@example.com")],
    );
    at(&workspace, "2026-11-22T09:00:00Z");
    for fault in [Fault::Html, Fault::Bare(503), Fault::Cut] {
        workspace.fail("reports.activities.list", fault.clone());
        assert!(
            dispatch::changes_since::<Google>(&workspace, &token, 100).is_err(),
            "{fault:?}"
        );
    }
    workspace.fail("directory.users.get", Fault::Bare(503));
    assert!(dispatch::changes_since::<Google>(&workspace, &token, 100).is_err());
    // The second look-up fails: what the first one found is told, and the rest comes next.
    workspace.change(|all| all.unsettled.clear());
    let (whole, _) = follow(&workspace, &token, 100);
    assert_eq!(whole.len(), 2);
    let page = dispatch::changes_since::<Google>(&workspace, &token, 1).unwrap();
    assert!(page.more && page.items.len() == 1);
    workspace.fail("directory.users.get", Fault::Bare(503));
    assert!(dispatch::changes_since::<Google>(&workspace, &page.token, 1).is_err());
    assert_eq!(follow(&workspace, &page.token, 1).0, whole[1..]);
}

#[test]
fn a_missing_permission_shows_when_the_feed_begins() {
    let workspace = Workspace::new();
    at(&workspace, START);
    workspace.fail(
        "reports.activities.list",
        Fault::Refused(403, "insufficientPermissions", "x"),
    );
    assert!(matches!(
        dispatch::current_token::<Google>(&workspace),
        Err(Problem::Forbidden(_))
    ));
}
