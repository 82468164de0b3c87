//! Who left goes first, also at an app that has stopped answering in the middle of a large import.

use muster_tests::company::{Company, Row, export, feed, people, steady};
use muster_tests::daemon::Daemon;
use muster_tests::simple::SimpleApp;
use muster_tests::{plugin, wait_for};

const POLICY: &str = r#"
[[role]]
name = "everybody"
when = "true"
access = { app = [] }
"#;

/// Calls that may be out at once.
const CALLS: usize = 4;

#[test]
fn a_leaver_waits_behind_no_joiner_that_was_claimed_ahead() {
    let app = SimpleApp::start();
    let lines = format!(
        "\n[target.app.limits]\nconcurrency = {CALLS}\n\n[target.app.account.attributes]\nemail = \"email\""
    );
    let target = steady("app", app.address, &lines);
    let company = Company::configured(&format!("{}{target}", feed("")), POLICY);
    company.install("steady", &plugin("test/steady-v1"));
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 400, &["Sales"]);
    company.drop_file("first.csv", export(&rows[..20]));
    company.wait_for_report("first.csv");
    daemon.wait_until_idle();

    // The app answers as fast as it can for a while, and then not at all.
    app.shut_after(200);
    company.drop_file("joiners.csv", export(&rows));
    company.wait_for_report("joiners.csv");
    wait_for("every call to be stuck", || {
        (app.changes().len() >= 20 + 200 + CALLS).then_some(())
    });
    rows[0] = Row::new("1", "Sales").status("Terminated");
    company.drop_file("leaver.csv", export(&rows));
    company.wait_for_report("leaver.csv");
    let stuck = app.changes().len();
    app.open();
    daemon.wait_until_idle();

    let changes = app.changes();
    let is_leavers = |change: &String| change.starts_with("/accounts/1/state ");
    let later = changes.get(stuck..).unwrap_or_default();
    let place = later.iter().position(is_leavers);
    // A call that was stuck may have come back, and let the next one go, before the ledger knew.
    assert!(
        place.is_some_and(|place| place <= CALLS),
        "the leaver came as number {place:?} of {}: {:?}",
        later.len(),
        later.first()
    );
    assert!(daemon.stop());
}
