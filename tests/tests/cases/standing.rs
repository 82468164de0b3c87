//! What somebody decides about one person, beside the policy: given for a while, kept away, shut out.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, Row, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::Value;

fn company() -> (App, Company, Vec<Row>) {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    (app, company, people(1, 4, &["Sales"]))
}

fn import(daemon: &Daemon<'_>, company: &Company, name: &str, rows: &[Row]) {
    company.drop_file(name, export(rows));
    let report = company.wait_for_report(name);
    assert_eq!(report.place, "processed", "{}", report.text);
    daemon.wait_until_idle();
}

fn wait_for_groups(app: &App, key: &str, groups: &[&str]) {
    wait_for(&format!("{key} to be in {groups:?}"), || {
        (app.groups_of(key) == groups).then_some(())
    });
}

const ROLES: [&str; 2] = ["Everybody", "Sales"];
const WITH_FINANCE: [&str; 3] = ["Everybody", "Finance", "Sales"];

#[test]
fn f13_what_is_given_for_a_while_ends_by_itself_also_where_nobody_ran() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let grant = [
        "grant",
        "hr:1",
        "crm",
        "group:Finance",
        "--for",
        "12s",
        "--reason",
        "covers for Ann",
        "--as",
        "Bob",
    ];
    let preview = daemon.cli(&[&grant[..], &["--preview"]].concat());
    assert_eq!(preview.code, 0, "{}", preview.err);
    assert!(
        preview.out.contains("crm: grant group:Finance"),
        "{}",
        preview.out
    );
    assert!(
        preview.out.contains("nothing was changed"),
        "{}",
        preview.out
    );
    assert_eq!(app.groups_of("1"), ROLES);
    let given = daemon.cli(&grant);
    assert_eq!(given.code, 0, "{}", given.err);
    wait_for_groups(&app, "1", &WITH_FINANCE);
    let why = daemon.cli(&["why", "hr:1", "crm"]);
    assert!(
        why.out
            .contains("because of opening 1: group:Finance at crm until"),
        "{}",
        why.out
    );
    assert!(why.out.contains("covers for Ann"), "{}", why.out);
    let person = daemon.json(&["people", "hr:1"]);
    assert_eq!(person["openings"][0]["opening"], 1);
    assert_eq!(person["openings"][0]["is_open"], true);
    // It is stopped while the window is open, and runs again after it has ended.
    daemon.kill();
    wait_for("the window to end", || {
        let until: jiff::Timestamp = person["openings"][0]["until"].as_str()?.parse().ok()?;
        (jiff::Timestamp::now() > until).then_some(())
    });
    let daemon = Daemon::start(&company);
    wait_for_groups(&app, "1", &ROLES);
    daemon.wait_until_idle();
    assert_eq!(
        daemon.json(&["people", "hr:1"])["openings"],
        serde_json::json!([])
    );
    let history = daemon.cli(&["history"]);
    for said in [
        "hr:1: group:Finance at crm from",
        "as Bob",
        "covers for Ann",
    ] {
        assert!(history.out.contains(said), "{}", history.out);
    }
    daemon.check_ledger();
}

#[test]
fn f11_two_windows_for_one_right_end_with_the_later_and_are_extended_and_given_back() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let done = |arguments: &[&str]| {
        let ran = daemon.cli(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran.out
    };
    let first = done(&[
        "grant",
        "hr:1",
        "crm",
        "group:Finance",
        "--for",
        "1h",
        "--reason",
        "one",
    ]);
    assert!(first.contains("opening 1"), "{first}");
    // A role is opened as well as an entitlement.
    let second = done(&[
        "grant", "hr:1", "--role", "finance", "--for", "2h", "--reason", "two",
    ]);
    assert!(second.contains("opening 2"), "{second}");
    wait_for_groups(&app, "1", &WITH_FINANCE);
    done(&["give-back", "hr:1", "1"]);
    daemon.wait_until_idle();
    assert_eq!(
        app.groups_of("1"),
        WITH_FINANCE,
        "the second window is open"
    );
    let before = daemon.json(&["people", "hr:1"])["openings"][0]["until"].clone();
    done(&["extend", "hr:1", "2", "--for", "1h"]);
    let after = daemon.json(&["people", "hr:1"])["openings"][0]["until"].clone();
    let instant = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
    };
    let (before, after) = (
        instant(&before).expect("an end"),
        instant(&after).expect("an end"),
    );
    assert_eq!(after.duration_since(before).as_secs(), 3_600);
    done(&["give-back", "hr:1", "2"]);
    wait_for_groups(&app, "1", &ROLES);
    daemon.check_ledger();
}

#[test]
fn whoever_is_shut_out_is_out_at_once_whatever_hr_says_and_comes_back_when_it_is_lifted() {
    let (app, company, mut rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let out = daemon.cli(&["out", "hr:1", "--reason", "stolen laptop"]);
    assert_eq!(out.code, 0, "{}", out.err);
    assert!(
        out.out
            .contains("everything is kept from hr:1 until somebody lifts it: block 1"),
        "{}",
        out.out
    );
    assert!(out.out.contains("crm: suspend"), "{}", out.out);
    wait_for("the account to be shut", || {
        (!app.is_active("1")).then_some(())
    });
    wait_for_groups(&app, "1", &[]);
    daemon.wait_until_idle();
    // HR knows nothing of it, and what is given now waits.
    "Moved".clone_into(&mut rows[0].last);
    import(&daemon, &company, "again.csv", &rows);
    let ran = daemon.cli(&[
        "grant",
        "hr:1",
        "crm",
        "group:Finance",
        "--for",
        "1h",
        "--reason",
        "x",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    daemon.wait_until_idle();
    assert!(!app.is_active("1") && app.groups_of("1").is_empty());
    assert!(app.is_active("2"), "nobody else is out");
    let shown = daemon.cli(&["people", "hr:1"]);
    assert!(
        shown
            .out
            .contains("block 1: everything until somebody lifts it: stolen laptop"),
        "{}",
        shown.out
    );
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    daemon.wait_until_idle();
    assert!(!app.is_active("1"), "a restart lets nobody in");
    let lifted = daemon.cli(&["lift", "hr:1", "1", "--reason", "found again"]);
    assert_eq!(lifted.code, 0, "{}", lifted.err);
    wait_for("the account to be open", || {
        app.is_active("1").then_some(())
    });
    wait_for_groups(&app, "1", &WITH_FINANCE);
    daemon.check_ledger();
}

#[test]
fn a_decision_that_cannot_be_says_why_and_changes_nothing() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let plans = || daemon.json(&["people", "hr:1"])["plan"].clone();
    let before = plans();
    for (arguments, code, says) in [
        (
            "grant hr:1 crm group:Finance --for 400d",
            "DEC-001",
            "at most 366",
        ),
        (
            "grant hr:1 crm group:Finance --for 0s",
            "DEC-001",
            "is not after",
        ),
        (
            "grant hr:1 crm group:Finance --for 8x",
            "CLI-011",
            "is no duration",
        ),
        (
            "grant hr:1 crm group:Finance --until tomorrow",
            "API-002",
            "until",
        ),
        (
            "grant hr:1 crm group:Finanse --for 8h",
            "DEC-002",
            "group:Finance",
        ),
        ("grant hr:1 crn group:Finance --for 8h", "DEC-002", "crm"),
        ("grant hr:1 --role financ --for 8h", "DEC-002", "finance"),
        ("grant hr:1 crm Finance --for 8h", "API-002", "kind:name"),
        ("grant hr:99 crm group:Finance --for 8h", "API-003", "hr:99"),
        ("extend hr:1 7 --for 1h", "DEC-001", "no opening 7"),
        ("give-back hr:1 7", "DEC-001", "no opening 7"),
        ("lift hr:1 7", "DEC-001", "no block 7"),
        (
            "block hr:1 crm group:Sales --until 2020-01-01T00:00:00Z",
            "DEC-001",
            "is not after",
        ),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let ran = daemon.cli(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(code), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
    }
    let ran = daemon.cli(&["grant", "hr:1", "crm", "group:Finance"]);
    assert!(ran.code == 2 && ran.err.contains("--for"), "{}", ran.err);
    assert_eq!(plans(), before);
    assert_eq!(app.groups_of("1"), ROLES);
    daemon.check_ledger();
}

#[test]
fn what_is_open_and_kept_away_is_listed_over_everybody_with_who_decided_it() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    for arguments in [
        "grant hr:1 crm group:Finance --for 1h --reason covers --as Bob",
        "grant hr:2 --role finance --for 30d --reason project --as Ann",
        "block hr:3 crm group:Sales --for 2h --reason dispute --as Cyd",
        "out hr:4 --reason laptop --as Dee",
    ] {
        let ran = daemon.cli(&arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{arguments}: {}", ran.err);
    }
    daemon.wait_until_idle();
    let items = |arguments: &[&str]| {
        let listed = daemon.json(arguments)["items"].clone();
        let who = |of: &Value| {
            let by = of["by"]["called"].as_str().unwrap_or_default().to_owned();
            (of["person"].as_str().unwrap_or_default().to_owned(), by)
        };
        let listed = listed.as_array().cloned().unwrap_or_default();
        listed.iter().map(who).collect::<Vec<_>>()
    };
    let said = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
            .collect()
    };
    assert_eq!(
        items(&["openings"]),
        said(&[("hr:1", "Bob"), ("hr:2", "Ann")])
    );
    assert_eq!(
        items(&["openings", "--ending", "7d"]),
        said(&[("hr:1", "Bob")])
    );
    assert_eq!(
        items(&["blocks"]),
        said(&[("hr:3", "Cyd"), ("hr:4", "Dee")])
    );
    assert_eq!(
        items(&["blocks", "--ending", "7d"]),
        said(&[("hr:3", "Cyd")])
    );
    // Page by page, and as a table.
    assert_eq!(
        items(&["openings", "--limit", "1"]),
        said(&[("hr:1", "Bob")])
    );
    let table = daemon.cli(&["openings"]).out;
    for says in ["group:Finance at crm", "role finance", "covers", "as Ann"] {
        assert!(table.contains(says), "{says}: {table}");
    }
    // An extension is somebody's, too; what is given back is listed no more.
    let extend = [
        "extend", "hr:1", "1", "--for", "1h", "--as", "Eve", "--reason", "more",
    ];
    assert_eq!(daemon.cli(&extend).code, 0);
    let back = ["give-back", "hr:2", "1", "--reason", "done"];
    assert_eq!(daemon.cli(&back).code, 0);
    assert_eq!(items(&["openings"]), said(&[("hr:1", "Eve")]));
    drop(app);
    daemon.check_ledger();
}
