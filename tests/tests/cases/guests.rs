//! Plugins that misbehave, and what becomes of a version that is wrong.

use muster_tests::company::{Company, EVERYBODY, Row, export, feed, people};
use muster_tests::daemon::Daemon;
use muster_tests::simple::SimpleApp;
use muster_tests::{plugin, wait_for};

/// A company with one app, whose plugin is the guest `steady`. Its version 3 does this deed.
fn company(app: &SimpleApp, deed: &str, limits: &str) -> Company {
    let address = app.address;
    let target = format!(
        r#"
[target.app]
plugin = "steady"
settings = {{ url = "http://{address}", in-version-3 = "{deed}" }}
hosts = ["http://{address}"]
allow_private = ["127.0.0.1"]

[target.app.limits]
{limits}

[target.app.account]
keys = {{ employee-id = "key" }}
attributes = {{ email = "email" }}
"#
    );
    Company::configured(&format!("{}{target}", feed("")), EVERYBODY)
}

fn version(daemon: &Daemon<'_>) -> String {
    let rows = daemon.json(&["plugin", "list"]);
    rows[0]["version"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn wait_for_version(daemon: &Daemon<'_>, wanted: &str) {
    wait_for(&format!("version {wanted} to serve"), || {
        (version(daemon) == wanted).then_some(())
    });
}

fn install(company: &Company, version: &str) {
    company.install("steady", &plugin(&format!("test/steady-{version}")));
}

#[track_caller]
fn import(company: &Company, name: &str, rows: &[Row]) {
    company.drop_file(name, export(rows));
    assert_eq!(company.wait_for_report(name).place, "processed");
}

fn active(daemon: &Daemon<'_>) -> usize {
    let accounts = daemon.json(&["accounts"]).to_string();
    accounts.matches("\"active\"").count()
}

/// A version that does this in every call is taken back, and nothing is lost by it.
#[track_caller]
fn is_taken_back(deed: &str, limits: &str, says: &str) {
    let app = SimpleApp::start();
    let company = company(&app, deed, limits);
    install(&company, "v1");
    let daemon = Daemon::start(&company);
    let rows = people(1, 20, &["Sales"]);
    import(&company, "ten.csv", &rows[..10]);
    daemon.wait_until_idle();

    install(&company, "v3");
    wait_for_version(&daemon, "3.0.0");
    import(&company, "twenty.csv", &rows);
    wait_for_version(&daemon, "1.0.0");
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("PLG-037") && findings.contains(says),
        "{findings}"
    );
    daemon.wait_until_idle();
    assert_eq!(active(&daemon), 20);
    assert!(daemon.stop());
}

#[test]
fn c43_a_version_that_says_itself_that_it_failed_is_taken_back() {
    is_taken_back("defect", "", "this version gives up");
}

#[test]
fn c43_a_version_that_answers_garbage_is_taken_back() {
    is_taken_back("garbage", "", "breaks the contract");
}

#[test]
fn c43_a_version_that_hangs_is_taken_back() {
    is_taken_back(
        "loop",
        "call_time = \"1s\"",
        "did not answer within 1000 ms",
    );
}

#[test]
fn c43_a_version_that_blames_the_app_without_asking_it_is_taken_back() {
    is_taken_back("blame", "", "the app is said to be away");
}

#[test]
fn c55_a_version_that_fails_only_where_it_takes_access_away_is_taken_back() {
    let app = SimpleApp::start();
    let company = company(&app, "panic-in-state", "");
    install(&company, "v1");
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 90, &["Sales"]);
    import(&company, "few.csv", &rows[..10]);
    daemon.wait_until_idle();

    install(&company, "v3");
    wait_for_version(&daemon, "3.0.0");
    import(&company, "joiners.csv", &rows);
    daemon.wait_until_idle();
    assert_eq!(active(&daemon), 90, "it is good at everything else");
    assert_eq!(version(&daemon), "3.0.0");

    for row in &mut rows[..4] {
        row.status = "Terminated".to_owned();
    }
    import(&company, "leavers.csv", &rows);
    wait_for_version(&daemon, "1.0.0");
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("PLG-037") && findings.contains("calls of ensure-state"),
        "{findings}"
    );
    daemon.wait_until_idle();
    let suspended = app
        .changes()
        .iter()
        .filter(|change| change.contains("\"suspended\""))
        .count();
    assert_eq!(suspended, 4, "{:?}", app.changes());
    assert!(daemon.stop());
}

#[test]
fn c56_a_new_version_does_what_the_old_one_failed_at_and_closes_what_it_caused() {
    let app = SimpleApp::start();
    let company = company(&app, "defect", "attempts_max = 2");
    install(&company, "v3");
    let daemon = Daemon::start(&company);
    import(&company, "all.csv", &people(1, 20, &["Sales"]));
    wait_for("everything to wait for a person", || {
        (daemon.json(&["status"])["operations"]["halted"] == 20).then_some(())
    });
    let operations = daemon.json(&["operations"]).to_string();
    assert!(
        operations.contains("this version gives up") && !operations.contains("the app could not"),
        "{operations}"
    );
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("OP-001") && findings.contains("TGT-010"),
        "{findings}"
    );

    install(&company, "v2");
    wait_for_version(&daemon, "2.0.0");
    wait_for("everything to be done", || {
        (active(&daemon) == 20).then_some(())
    });
    wait_for("what was said to be over", || {
        let findings = daemon.json(&["findings"]).to_string();
        let is_over = !["OP-0", "TGT-010", "PLG-"]
            .iter()
            .any(|code| findings.contains(code));
        is_over.then_some(())
    });
    daemon.check_ledger();
    assert!(daemon.stop());
}
