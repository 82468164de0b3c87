//! What an app's answer leads to: retried, awaited, looked at, asked; done, and seen to be done.

mod removals;
mod settings;

use std::time::Duration;

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, Row, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

/// A company of this many.
fn company(count: u32) -> (App, Company, Vec<Row>) {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    (app, company, people(1, count, &["Sales", "Finance"]))
}

/// Drops a file and waits until it was taken.
#[track_caller]
fn take(company: &Company, name: &str, rows: &[Row]) {
    company.drop_file(name, export(rows));
    let report = company.wait_for_report(name);
    assert_eq!(report.place, "processed", "{}", report.text);
}

/// The same, and waits until nothing is left to do.
#[track_caller]
fn settle(daemon: &Daemon<'_>, company: &Company, name: &str, rows: &[Row]) {
    take(company, name, rows);
    daemon.wait_until_idle();
}

/// What is listed.
fn items(daemon: &Daemon<'_>, arguments: &[&str]) -> Vec<Value> {
    let listed = daemon.json(arguments);
    let items = listed["items"].as_array().or(listed.as_array());
    items.cloned().unwrap_or_default()
}

/// The open findings with this code.
fn findings(daemon: &Daemon<'_>, code: &str) -> Vec<Value> {
    items(daemon, &["findings", "--code", code])
}

#[track_caller]
fn wait_for_finding(daemon: &Daemon<'_>, code: &str) -> Value {
    wait_for(code, || findings(daemon, code).into_iter().next())
}

fn answer(method: &str, path: &str, times: u32, answer: &Value) -> Value {
    json!({ "method": method, "path": path, "times": times, "answer": answer })
}

fn status(status: u16, detail: &str) -> Value {
    json!({ "kind": "status", "status": status, "detail": detail })
}

/// The instant at which an operation goes on, as far from now.
fn wait_of(operation: &Value) -> Option<Duration> {
    let at: jiff::Timestamp = operation["next_at"].as_str()?.parse().ok()?;
    Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
}

#[test]
fn c19_a_creation_that_failed_after_it_was_done_is_found_and_not_made_again() {
    let (app, company, rows) = company(6);
    let daemon = Daemon::start(&company);
    for retry_after in [json!("2"), Value::Null] {
        app.fault(&json!({ "method": "POST", "path": "/Users", "apply": true,
            "answer": { "kind": "status", "status": 503, "retry_after": retry_after } }));
    }
    settle(&daemon, &company, "all.csv", &rows);
    assert_eq!(findings(&daemon, "OP-001"), Vec::<Value>::new());
    assert_eq!(app.users().len(), 6, "each has one account");
    settle(&daemon, &company, "fewer.csv", &rows[2..]);
    assert!(
        !app.is_active("1") && !app.is_active("2"),
        "who leaves is out"
    );
    assert!(app.is_active("3"));
    daemon.check_ledger();
}

#[test]
fn c20_a_right_that_is_not_found_yet_is_given_later() {
    let (app, company, rows) = company(2);
    let daemon = Daemon::start(&company);
    app.fault(&answer("PATCH", "/Groups", 5, &status(404, "no such user")));
    settle(&daemon, &company, "all.csv", &rows);
    assert_eq!(findings(&daemon, "OP-001"), Vec::<Value>::new());
    for row in &rows {
        assert_eq!(
            app.groups_of(&row.id),
            ["Everybody", row.department.as_str()]
        );
    }
}

#[test]
fn c25_at_a_target_that_refuses_the_credentials_one_attempt_is_made_for_all() {
    let (app, company, rows) = company(100);
    let daemon = Daemon::start(&company);
    wait_for("the target to be read", || {
        let log = app.admin("GET", "/_log", &Value::Null);
        log["by"].to_string().contains("/Users").then_some(())
    });
    let total = || {
        let log = app.admin("GET", "/_log", &Value::Null);
        let by = log["by"].as_object().cloned().unwrap_or_default();
        by.values().filter_map(Value::as_u64).sum::<u64>()
    };
    let entries = || {
        daemon.json(&["status"])["journal_entries"]
            .as_u64()
            .unwrap_or(0)
    };
    app.fault(&json!({ "path": "", "times": 1_000_000,
        "answer": { "kind": "status", "status": 401 } }));
    take(&company, "all.csv", &rows);
    let refused = wait_for_finding(&daemon, "OP-004");
    assert!(refused["subject"] == json!("target crm"), "{refused:#}");
    let (asked, written) = (total(), entries());
    // It is tried again, and more and more seldom.
    wait_for("more attempts", || (total() >= asked + 4).then_some(()));
    assert!(
        entries() <= written + 12,
        "{written} entries became {}",
        entries()
    );
    assert!(
        total() <= 60,
        "{} requests with refused credentials",
        total()
    );
    app.admin("DELETE", "/_faults", &Value::Null);
    daemon.wait_until_idle();
    assert_eq!(findings(&daemon, "OP-004"), Vec::<Value>::new());
    assert!(rows.iter().all(|row| app.is_active(&row.id)));
    daemon.check_ledger();
}

#[test]
fn c52_what_only_speaks_of_a_subscription_is_no_missing_seat_and_keeps_its_words() {
    let (app, company, rows) = company(6);
    let daemon = Daemon::start(&company);
    settle(&daemon, &company, "all.csv", &rows);
    let words = "This is not available on your current subscription";
    app.fault(&answer("PATCH", "/Users", 2, &status(403, words)));
    take(&company, "fewer.csv", &rows[1..]);
    let open = wait_for_finding(&daemon, "OP-002");
    assert!(open.to_string().contains(words), "{open:#}");
    assert_eq!(findings(&daemon, "OP-005"), Vec::<Value>::new());
    daemon.wait_until_idle();
    assert!(!app.is_active("1"), "a removal waits for no seat");

    app.fault(&answer(
        "POST",
        "/Users",
        1,
        &status(400, "license must be one of full, limited"),
    ));
    let mut more = rows.clone();
    more[0] = Row::new("7", "Sales");
    take(&company, "more.csv", &more);
    let halted = wait_for_finding(&daemon, "OP-001");
    assert!(
        halted.to_string().contains("one of full, limited"),
        "{halted:#}"
    );
}

#[test]
fn c53_a_conflict_says_which_account_it_is_since_when_and_what_to_do() {
    let app = App::start(&GROUPS);
    let seed = json!({ "users": [{ "userName": "p1@corp.example", "active": true }] });
    app.service.seed(&seed).expect("a seed that SCIM takes");
    let lines = "[target.crm.leaver]\ndelete_after = \"0s\"\n";
    let tables = format!(
        "{}{}",
        muster_tests::company::feed(""),
        muster_tests::company::target("crm", &app, "") + lines
    );
    let company = Company::configured(&tables, muster_tests::company::POLICY);
    let daemon = Daemon::start(&company);
    wait_for_finding(&daemon, "TGT-012");
    let rows = people(1, 4, &["Sales"]);
    take(&company, "all.csv", &rows);
    let users = app.state()["users"].clone();
    let holder = users.as_array().into_iter().flatten();
    let holder = holder
        .filter(|user| user["externalId"].is_null())
        .find_map(|user| user["id"].as_str().map(str::to_owned))
        .unwrap_or_default();
    let halted = wait_for_finding(&daemon, "OP-001").to_string();
    assert!(
        halted.contains(&holder) && halted.contains("since 20"),
        "{halted}"
    );
    assert!(halted.contains("rename or delete that account"), "{halted}");

    // Whom Muster deleted itself, and whose name the app still keeps.
    take(&company, "fewer.csv", &rows[..3]);
    wait_for("the account to be deleted", || {
        let people = items(&daemon, &["leavers"]);
        let is_it = |account: &Value| account["state"] == json!("deleted");
        people.iter().any(is_it).then_some(())
    });
    app.fault(&answer(
        "POST",
        "/Users",
        100,
        &json!({ "kind": "status", "status": 409 }),
    ));
    // Another file than the first, which would be an old one.
    let mut back = rows.clone();
    "Married".clone_into(&mut back[1].last);
    take(&company, "back.csv", &back);
    wait_for("what holds the key to be said", || {
        let halted = findings(&daemon, "OP-001");
        let mut of_four = halted
            .iter()
            .filter(|one| one["subject"].to_string().contains("hr:4"));
        let text = of_four.next()?.to_string();
        text.contains("Muster deleted the account").then_some(())
    });
}

#[test]
fn c58_what_is_said_of_an_operation_goes_with_it() {
    let app = App::start(&GROUPS);
    let lines = "[target.crm.leaver]\ndelete_after = \"0s\"\n";
    let tables = format!(
        "{}{}",
        muster_tests::company::feed(""),
        muster_tests::company::target("crm", &app, "") + lines
    );
    let company = Company::configured(&tables, muster_tests::company::POLICY);
    let rows = people(1, 6, &["Sales"]);
    let daemon = Daemon::start(&company);
    settle(&daemon, &company, "all.csv", &rows);
    app.fault(&answer(
        "PATCH",
        "/Groups",
        1_000_000,
        &status(403, "groups are managed elsewhere"),
    ));
    app.fault(&answer("DELETE", "/Users/", 3, &status(403, "not now")));
    take(&company, "fewer.csv", &rows[1..]);
    wait_for("the groups to be said to be open", || {
        let open = findings(&daemon, "OP-002");
        open.iter()
            .any(|one| one.to_string().contains("revoke"))
            .then_some(())
    });
    daemon.wait_until_idle();
    assert!(
        app.user("1").is_none(),
        "the account is gone, and its groups with it"
    );
    wait_for("what was said to be over", || {
        findings(&daemon, "OP-002").is_empty().then_some(())
    });
}
