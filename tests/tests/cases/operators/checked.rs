//! `muster check` finds what it called "in order", and says one cause once; what it finds is also said where
//! the product meets it later.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, export, feed, people, target};
use muster_tests::daemon::{Daemon, Ran, cli};
use muster_tests::wait_for;
use serde_json::json;

fn company(app: &App) -> Company {
    Company::new(app)
}

#[track_caller]
fn finds(checked: &Ran, code: &str, parts: &[&str]) {
    let all = format!("{}{}", checked.out, checked.err);
    assert!(all.contains(code), "{code}: {all}");
    for part in parts {
        assert!(all.contains(part), "{code}: {part}: {all}");
    }
    assert!(!all.contains("in order"), "{all}");
}

#[test]
fn c70_a_setting_on_a_host_that_is_not_granted_is_found() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let granted = format!("hosts = [\"http://{}\"]", app.address);
    let tables = [
        feed(""),
        target("crm", &app, "").replace(&granted, "hosts = [\"https://crm.example\"]"),
    ]
    .concat();
    company.configure(&tables.replace("allow_private = [\"127.0.0.1\"]\n", ""));
    let checked = cli(&company, &["check"]);
    finds(
        &checked,
        "CFG-011",
        &["base_url", &format!("http://{}", app.address)],
    );
    assert_eq!(checked.code, 1);
}

#[test]
fn c70_an_attribute_that_the_app_does_not_have_is_found_with_the_nearest() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let tables = [feed(""), target("crm", &app, "")].concat();
    company.configure(&tables.replace("displayName = ", "displayNam = "));
    let checked = cli(&company, &["check"]);
    finds(
        &checked,
        "CFG-014",
        &["displayNam", "did you mean `displayName`?"],
    );
    assert_eq!(checked.code, 1);
}

#[test]
fn c70_a_comparison_of_two_types_is_found() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    company.write(
        "policy/roles.toml",
        &POLICY.replace("department == \"Sales\"", "department == 5"),
    );
    let checked = cli(&company, &["check"]);
    finds(
        &checked,
        "POL-023",
        &["department == 5", "department == \"5\"", "roles.toml:"],
    );
}

#[test]
fn c70_words_that_nobody_has_and_rights_that_nobody_gives_are_found() {
    let app = App::start(&["Everybody", "Sales", "Finance", "Support"]);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    company.drop_file("day1.csv", export(&people(1, 6, &["Sales", "Finance"])));
    company.wait_for_report("day1.csv");
    daemon.wait_until_idle();
    let edited = POLICY
        .replace("department == \"Sales\"", "department == \"sales\"")
        .replace("group:Finance", "group:Suport");
    let check = || {
        company.write("policy/roles.toml", &edited);
        let checked = cli(&company, &["check"]);
        finds(
            &checked,
            "POL-024",
            &["\"sales\"", "did you mean \"Sales\"?"],
        );
        finds(
            &checked,
            "PLN-002",
            &["group:Suport", "did you mean `group:Support`?"],
        );
        checked
    };
    // By asking the daemon, and by its ledger while it is stopped.
    assert_eq!(check().code, 1);
    assert!(daemon.stop());
    assert_eq!(check().code, 1);
}

#[test]
fn c70_one_cause_is_said_once_and_what_follows_from_it_is_not() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let formats = feed("").replace(
        "[feed.hr.mapping]\n",
        "[feed.hr.mapping]\ndate_formats = [\"%d/%m/%Y\", \"%m/%d/%Y\"]\n",
    );
    company.configure(&[formats, target("crm", &app, "")].concat());
    let checked = cli(&company, &["check", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&checked.out).expect("json");
    let findings = checked["findings"].as_array().cloned().unwrap_or_default();
    assert_eq!(findings.len(), 1, "{findings:#?}");
}

#[test]
fn c75_why_shows_a_right_that_cannot_be_given_with_the_reason() {
    let app = App::start(&["Everybody", "Support", "Finance"]);
    let company = company(&app);
    company.write(
        "policy/roles.toml",
        &POLICY.replace("group:Sales", "group:Suport"),
    );
    let daemon = Daemon::start(&company);
    company.drop_file("day1.csv", export(&people(1, 4, &["Sales", "Finance"])));
    company.wait_for_report("day1.csv");
    daemon.wait_until_idle();
    let why = daemon.cli(&["why", "hr:2", "crm"]);
    for part in [
        "has not group:Suport",
        "cannot be given",
        "PLN-002",
        "`group:Support`",
    ] {
        assert!(why.out.contains(part), "{part}: {}", why.out);
    }
    let why = daemon.json(&["why", "hr:2", "crm"]);
    let not = why["targets"][0]["has_not"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(
        not.iter().any(|not| not["unresolved"].is_string()),
        "{why:#}"
    );
}

#[test]
fn c75_accounts_of_nobody_are_named_and_the_metric_has_the_severity() {
    let app = App::start(&GROUPS);
    app.service
        .seed(&json!({ "users": [{ "userName": "old.admin@corp.example", "active": true }] }))
        .expect("a user that SCIM takes");
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let said = wait_for("the account of nobody to be said", || {
        daemon.json(&["findings", "--code", "TGT-012"])["items"]
            .get(0)
            .cloned()
    });
    assert!(
        said["text"]
            .as_str()
            .unwrap_or_default()
            .contains("old.admin@corp.example"),
        "{said}"
    );
    let metrics = fetch(&daemon.address(), "/metrics");
    for line in [
        "muster_findings_open{severity=\"note\"}",
        "muster_findings_open{severity=\"warning\"}",
        "muster_findings_open{severity=\"error\"}",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// What a page of the public door says.
fn fetch(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("the door is open");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: muster\r\nconnection: close\r\n\r\n"
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
