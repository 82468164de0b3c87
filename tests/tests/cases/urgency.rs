//! Who left goes first, also at an app that has stopped answering in the middle of a large import.

use muster_tests::company::{Company, EVERYBODY, NO_BUDGETS, Row, export, feed, people, steady};
use muster_tests::daemon::Daemon;
use muster_tests::simple::SimpleApp;
use muster_tests::{plugin, wait_for};

/// Most of the people may come and go at once.
const GUARD: &str =
    "guard = { leavers_percent_max = 90, leavers_max = 1000, joiners_floor = 1000 }";

/// Calls that may be out at once.
const CALLS: usize = 32;

/// An app that can stop answering, and a company whose daemon may have some calls out there.
fn company(app: &SimpleApp) -> Company {
    let lines = format!(
        "\n[target.app.limits]\nconcurrency = {CALLS}\n\n[target.app.account.attributes]\nemail = \"email\""
    );
    let target = steady("app", app.address, &lines);
    let company = Company::configured(&format!("{}{target}{NO_BUDGETS}", feed(GUARD)), EVERYBODY);
    company.install("steady", &plugin("test/steady-v1"));
    company
}

/// Drops an import that the app carries out as fast as it can for a while, and then not at all.
fn stuck_import(app: &SimpleApp, company: &Company, rows: &[Row]) {
    let before = app.changes().len();
    app.shut_after(200);
    company.drop_file("joiners.csv", export(rows));
    company.wait_for_report("joiners.csv");
    wait_for("every call to be stuck", || {
        (app.changes().len() >= before + 200 + CALLS).then_some(())
    });
}

#[test]
fn a_leaver_waits_behind_no_joiner_that_was_claimed_ahead() {
    let app = SimpleApp::start();
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 1_000, &["Sales"]);
    company.drop_file("first.csv", export(&rows[..20]));
    company.wait_for_report("first.csv");
    daemon.wait_until_idle();
    stuck_import(&app, &company, &rows);
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

#[test]
fn who_leaves_while_the_own_account_is_claimed_ahead_never_gets_it() {
    let app = SimpleApp::start();
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let rows = people(1, 1_000, &["Sales"]);
    stuck_import(&app, &company, &rows);
    // Nobody whom the app has not seen yet starts after all.
    let changes = app.changes();
    let is_seen = |row: &Row| {
        let account = format!("/accounts/{} ", row.id);
        changes.iter().any(|change| change.starts_with(&account))
    };
    let staying: Vec<Row> = rows.into_iter().filter(is_seen).collect();
    assert_eq!(staying.len(), 200 + CALLS);
    company.drop_file("fewer.csv", export(&staying));
    assert_eq!(company.wait_for_report("fewer.csv").place, "processed");
    wait_for("nobody else to be waiting", || {
        let operations = daemon.json(&["operations"]);
        let open = operations.as_array().map_or(0, Vec::len);
        (open <= CALLS).then_some(())
    });
    app.open();
    daemon.wait_until_idle();
    assert_eq!(
        app.changes().len(),
        200 + CALLS,
        "no account was made after that"
    );
    assert!(daemon.stop());
}
