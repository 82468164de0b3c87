//! Files that say only what changed: one that is held is neither forgotten nor overtaken, so that nobody
//! keeps access because the file that named them waited.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, Row, export, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

/// A company of 60 whose HR sends only what changed.
fn company(app: &App) -> Company {
    let tables = [feed("kind = \"changes\""), target("crm", app, "")].concat();
    Company::configured(&tables, POLICY)
}

/// Drops a file in which ten leave, which is too many to go without asking, and then one in which one
/// person moves. Returns the digest of what is held.
fn ten_leave_and_one_moves(daemon: &Daemon<'_>, company: &Company) -> String {
    company.drop_file("all.csv", export(&people(1, 60, &["Sales"])));
    assert_eq!(company.wait_for_report("all.csv").place, "processed");
    daemon.wait_until_idle();
    let leavers = people(1, 10, &["Sales"]);
    let leavers: Vec<Row> = leavers
        .into_iter()
        .map(|row| row.status("Terminated"))
        .collect();
    company.drop_file("leavers.csv", export(&leavers));
    let report = company.wait_for_report("leavers.csv");
    assert_eq!(report.place, "held", "{}", report.text);
    assert!(
        report.text.contains("delete it from this folder"),
        "{}",
        report.text
    );
    company.drop_file("mover.csv", export(&people(60, 60, &["Finance"])));
    wait_for("the second file to wait", || {
        let findings = daemon.json(&["findings"]).to_string();
        findings.contains("FEED-005").then_some(())
    });
    assert!(company.path("hr/mover.csv").exists());
    let held = daemon.json(&["status"])["held"][0]["plan_digest"].clone();
    held.as_str().unwrap_or_default().to_owned()
}

#[test]
fn f1_a_held_file_of_changes_is_applied_before_what_came_after_it() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let digest = ten_leave_and_one_moves(&daemon, &company);
    assert!(
        app.is_active("1"),
        "nothing is taken before somebody looked"
    );
    assert_eq!(app.groups_of("60"), ["Everybody", "Sales"]);

    let applied = daemon.cli(&["apply", &digest]);
    assert_eq!(applied.code, 0, "{applied:?}");
    assert_eq!(company.wait_for_report("mover.csv").place, "processed");
    daemon.wait_until_idle();
    assert!((1..=10).all(|id| !app.is_active(&id.to_string())));
    assert_eq!(app.groups_of("60"), ["Everybody", "Finance"]);
    assert!(!daemon.json(&["findings"]).to_string().contains("FEED-00"));
    assert!(daemon.stop());
}

#[test]
fn a_held_file_of_changes_is_given_up_by_taking_it_out_of_its_folder() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    ten_leave_and_one_moves(&daemon, &company);
    std::fs::remove_dir_all(company.path("hr/held")).unwrap();
    assert_eq!(company.wait_for_report("mover.csv").place, "processed");
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("60"), ["Everybody", "Finance"]);
    assert!(app.is_active("1"), "what was given up did not happen");
    let status = daemon.json(&["status"]);
    assert_eq!(status["held"], serde_json::json!([]));
    assert!(!daemon.json(&["findings"]).to_string().contains("FEED-00"));
    assert!(daemon.stop());
}

#[test]
fn what_only_a_rejected_file_said_is_missing_until_it_comes_again() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 60, &["Sales"])));
    company.wait_for_report("all.csv");
    let leaver = export(&[Row::new("1", "Sales").status("Terminated")]);
    company.drop_file("leaver.csv", b"PK\x03\x04 a spreadsheet, not its export");
    assert_eq!(company.wait_for_report("leaver.csv").place, "rejected");
    company.drop_file("mover.csv", export(&people(60, 60, &["Finance"])));
    assert_eq!(company.wait_for_report("mover.csv").place, "processed");
    let says = || daemon.json(&["findings"]).to_string().contains("FEED-002");
    assert!(says(), "another file does not make it good");

    company.drop_file("leaver.csv", &leaver);
    wait_for("the file that came again", || (!says()).then_some(()));
    daemon.wait_until_idle();
    assert!(!app.is_active("1"));
    assert!(daemon.stop());
}
