//! Operations follow the settings of now, and are tried again by what they have in common.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

use super::{findings, items, take};

/// The configuration, with this word for `adopt`.
fn tables(app: &App, adopt: &str) -> String {
    let target = target("crm", app, "").replace(
        "[target.crm.account]\n",
        &format!("[target.crm.account]\nadopt = \"{adopt}\"\n"),
    );
    assert!(target.contains(adopt), "{target}");
    format!("{}{target}", feed(""))
}

#[test]
fn c67_what_was_halted_is_taken_over_once_the_configuration_allows_it() {
    let app = App::start(&GROUPS);
    let users: Vec<Value> = (1..=6)
        .map(|key| {
            json!({ "userName": format!("p{key}@corp.example"), "externalId": key.to_string(),
                "active": true })
        })
        .collect();
    app.service
        .seed(&json!({ "users": users }))
        .expect("a seed that SCIM takes");
    let company = Company::configured(&tables(&app, "never"), POLICY);
    let rows = people(1, 6, &["Sales"]);
    let daemon = Daemon::start(&company);
    take(&company, "all.csv", &rows);
    // What follows a creation waits for it, so it is never idle.
    let halted = || items(&daemon, &["operations", "--state", "halted"]).len();
    wait_for("all to be halted", || (halted() == 6).then_some(()));
    let shown = daemon.cli(&["findings"]).out;
    assert!(shown.contains("6 operations at crm"), "{shown}");
    assert_eq!(
        shown.matches("OP-001").count(),
        2,
        "once, and in its hint: {shown}"
    );
    let retried = daemon.json(&["operations", "retry", "--target", "crm", "--halted"]);
    assert_eq!(retried["operations"], json!(6));
    wait_for("all to be halted again", || (halted() == 6).then_some(()));
    assert!(daemon.stop());

    company.configure(&tables(&app, "when-keys-agree"));
    let daemon = Daemon::start(&company);
    daemon.wait_until_idle();
    assert_eq!(findings(&daemon, "OP-001"), Vec::<Value>::new());
    assert_eq!(app.users().len(), 6, "no account was made beside them");
    for row in &rows {
        assert_eq!(app.groups_of(&row.id), ["Everybody", "Sales"]);
    }
    daemon.check_ledger();
}
