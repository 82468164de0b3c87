//! What takes access away: never given up, never waiting for long, said at once while it is open.

use std::time::Duration;

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, Row, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

use super::{answer, company, findings, items, settle, status, take, wait_for_finding, wait_of};

#[test]
fn c17_a_removal_goes_on_after_every_refusal_and_is_said_to_be_open_meanwhile() {
    let (app, company, rows) = company(8);
    let daemon = Daemon::start(&company);
    settle(&daemon, &company, "all.csv", &rows);
    for (left, (code, words)) in [
        (403, "The current user is not allowed to do this"),
        (400, "the value of active is not accepted"),
        (409, "the user is being changed"),
        (403, "You cannot deactivate yourself"),
    ]
    .into_iter()
    .enumerate()
    {
        app.fault(&answer("PATCH", "/Users", 3, &status(code, words)));
        take(&company, &format!("fewer-{left}.csv"), &rows[left + 1..]);
        wait_for("the open access to be said", || {
            let open = ["OP-001", "OP-002"].map(|code| findings(&daemon, code));
            open.iter().any(|found| !found.is_empty()).then_some(())
        });
        let key = (left + 1).to_string();
        wait_for("the leaver to be out by itself", || {
            (!app.is_active(&key)).then_some(())
        });
        daemon.wait_until_idle();
        wait_for("nothing to be said any more", || {
            let open = ["OP-001", "OP-002"].map(|code| findings(&daemon, code));
            open.iter().all(Vec::is_empty).then_some(())
        });
    }
    daemon.check_ledger();
}

#[test]
fn c18_a_day_that_an_app_asks_for_is_a_quarter_of_an_hour_and_a_persons_retry_is_sent() {
    let (app, company, rows) = company(6);
    let daemon = Daemon::start(&company);
    settle(&daemon, &company, "all.csv", &rows);
    app.fault(&json!({ "method": "PATCH", "path": "/Users", "times": 1,
        "answer": { "kind": "status", "status": 429, "retry_after": "86400" } }));
    take(&company, "fewer.csv", &rows[1..]);
    let open = wait_for_finding(&daemon, "OP-002");
    assert!(open.to_string().contains("slow down"), "{open:#}");
    let waiting = wait_for("the leaver to wait", || {
        let open = items(&daemon, &["operations"]);
        open.into_iter()
            .find(|one| one["verb"] == json!("suspend") && one["next_at"].is_string())
    });
    let wait = wait_of(&waiting).unwrap_or_default();
    assert!(wait <= Duration::from_mins(15), "{waiting:#}");
    assert!(app.is_active("1"));

    let id = waiting["id"].as_str().unwrap_or_default().to_owned();
    let retried = daemon.cli(&["operations", "retry", &id]);
    assert_eq!(retried.code, 0, "{retried:?}");
    let retried = daemon.json(&["operations", "retry", "--target", "crm"]);
    assert!(retried["operations"].is_number(), "{retried}");
    daemon.wait_until_idle();
    assert!(!app.is_active("1"));
}

/// A SCIM app at which nothing ends sessions.
fn without_sessions(app: &App) -> String {
    let target = target("crm", app, "");
    let (before, rest) = target.split_once(", sessions_url").expect("the setting");
    let (_, after) = rest.split_once(" }").expect("the end of the settings");
    format!("{before} }}{after}")
}

#[test]
fn c26_what_was_only_answered_is_done_and_what_was_seen_is_verified() {
    let app = App::start(&GROUPS);
    let tables = format!("{}{}", feed(""), without_sessions(&app));
    let company = Company::configured(&tables, POLICY);
    let daemon = Daemon::start(&company);
    let rows = people(1, 6, &["Sales"]);
    settle(&daemon, &company, "all.csv", &rows);
    settle(&daemon, &company, "fewer.csv", &rows[1..]);
    let left = items(&daemon, &["leavers"]);
    let taken = left.first().map(|account| account["taken"].clone());
    let taken = taken
        .and_then(|taken| taken.as_array().cloned())
        .unwrap_or_default();
    let of = |what: &str| {
        let mut found = taken.iter();
        let found = found.find(|one| one["what"].as_str().is_some_and(|it| it.starts_with(what)));
        found.cloned().unwrap_or_default()
    };
    assert_eq!(of("suspend")["outcome"], json!("verified"), "{left:#?}");
    assert_eq!(
        of("revoke group")["outcome"],
        json!("verified"),
        "{left:#?}"
    );
    assert_eq!(of("end-sessions")["outcome"], json!("done"), "{left:#?}");
    assert!(
        of("end-sessions")["goes_on"]
            .to_string()
            .contains("session"),
        "{left:#?}"
    );
    let shown = daemon.cli(&["leavers"]).out;
    assert!(shown.contains("done, not seen"), "{shown}");
    let why = daemon.cli(&["why", "hr:1", "crm"]).out;
    assert!(why.contains("done, not seen end-sessions"), "{why}");
    daemon.check_ledger();
}

#[test]
fn c28_sessions_that_nothing_ends_are_said_by_check_and_not_for_each_leaver_for_ever() {
    let app = App::start(&GROUPS);
    let tables = format!("{}{}", feed(""), without_sessions(&app));
    let company = Company::configured(&tables, POLICY);
    let check = muster_tests::daemon::cli(&company, &["check"]);
    assert!(
        check.out.contains("TGT-004") && check.out.contains("sessions_url"),
        "{check:?}"
    );
    let daemon = Daemon::start(&company);
    let rows = people(1, 6, &["Sales"]);
    settle(&daemon, &company, "all.csv", &rows);
    settle(&daemon, &company, "fewer.csv", &rows[1..]);
    wait_for_finding(&daemon, "OP-006");
    // Who is back has nothing that could go on.
    // Another file than the first, which would be an old one.
    let mut back = rows.clone();
    "Married".clone_into(&mut back[1].last);
    settle(&daemon, &company, "back.csv", &back);
    wait_for("the finding to be over", || {
        findings(&daemon, "OP-006").is_empty().then_some(())
    });
}

#[test]
fn c66_a_removal_without_an_answer_is_said_to_be_open_at_once() {
    let (app, company, rows) = company(12);
    let daemon = Daemon::start(&company);
    settle(&daemon, &company, "all.csv", &rows);
    app.fault(&json!({ "path": "/Users", "times": 3, "delay_ms": 20_000,
        "answer": { "kind": "normal" } }));
    take(&company, "fewer.csv", &rows[3..]);
    wait_for("each to be said to be open", || {
        (findings(&daemon, "OP-002").len() >= 3).then_some(())
    });
    let left = ["1", "2", "3"];
    assert!(left.iter().all(|key| app.is_active(key)), "they hang still");
    let target = daemon.json(&["status"])["targets"][0].clone();
    assert_eq!(target["state"], json!("degraded"), "{target:#}");
    assert!(
        target["trouble"].to_string().contains("OP-010"),
        "{target:#}"
    );
    daemon.wait_until_idle();
    assert!(left.iter().all(|key| !app.is_active(key)));
    assert_eq!(findings(&daemon, "OP-002"), Vec::<Value>::new());
    let target = daemon.json(&["status"])["targets"][0].clone();
    assert_eq!(target["state"], json!("ready"), "{target:#}");
}

#[test]
fn c66_lost_replies_of_a_removal_are_said_at_once() {
    let (app, company, rows) = company(6);
    let daemon = Daemon::start(&company);
    settle(&daemon, &company, "all.csv", &rows);
    app.fault(&json!({ "path": "/Users", "times": 1_000_000, "answer": { "kind": "drop" } }));
    take(&company, "fewer.csv", &rows[1..]);
    wait_for_finding(&daemon, "OP-002");
    wait_for("the target not to be ready", || {
        let state = daemon.json(&["status"])["targets"][0]["state"].clone();
        (state == json!("degraded")).then_some(())
    });
    app.admin("DELETE", "/_faults", &Value::Null);
    daemon.wait_until_idle();
    assert!(!app.is_active("1"));
}

#[test]
fn c66_somebody_with_a_name_of_3000_characters_is_out_like_anybody() {
    let (app, company, mut rows) = company(6);
    rows[0].first = "x".repeat(3_000);
    let daemon = Daemon::start(&company);
    settle(&daemon, &company, "all.csv", &rows);
    assert!(app.is_active("1"));
    settle(&daemon, &company, "fewer.csv", &rows[1..]);
    assert!(!app.is_active("1"));
    let rows: Vec<Row> = rows.split_off(1);
    assert!(rows.iter().all(|row| app.is_active(&row.id)));
}
