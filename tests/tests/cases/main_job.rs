//! The main job, whole: an HR file dropped into a folder becomes access in an app.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, Row, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

#[test]
fn a_dropped_file_becomes_access_and_the_next_one_moves_and_removes_it() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);

    let mut rows = people(1, 20, &["Sales", "Finance"]);
    company.drop_file("day-1.csv", export(&rows));
    assert_eq!(company.wait_for_report("day-1.csv").place, "processed");
    daemon.wait_until_idle();
    assert_eq!(app.users().len(), 20);
    assert_eq!(app.groups_of("1"), ["Everybody", "Finance"]);
    assert_eq!(app.groups_of("2"), ["Everybody", "Sales"]);

    // 1 moves, 2 leaves by status, 3 is no longer in the file, 21 joins.
    app.admin(
        "POST",
        "/_sessions",
        &json!({ "userName": "p2@corp.example" }),
    );
    rows[0].department = "Sales".to_owned();
    rows[1] = rows[1].clone().status("Terminated");
    rows.remove(2);
    rows.push(Row::new("21", "Sales"));
    company.drop_file("day-2.csv", export(&rows));
    assert_eq!(company.wait_for_report("day-2.csv").place, "processed");
    wait_for("the mover, the leavers and the joiner", || {
        (app.is_active("21") && !app.is_active("2") && !app.is_active("3")).then_some(())
    });
    daemon.wait_until_idle();
    assert_eq!(
        app.groups_of("1"),
        ["Everybody", "Sales"],
        "what only the old place justified is gone"
    );
    assert!(app.groups_of("2").is_empty() && app.groups_of("3").is_empty());
    assert_eq!(
        app.admin("GET", "/_sessions", &Value::Null),
        json!([]),
        "no session of a leaver is alive"
    );
    assert_eq!(app.users().len(), 21, "leavers are suspended, not deleted");

    let why = daemon.cli(&["why", "hr:1", "crm"]);
    assert!(
        why.out.contains("sales") && why.out.contains("group:Sales"),
        "{why:?}"
    );
    assert!(why.out.contains("as HR says in row "), "{why:?}");
    daemon.check_ledger();
    assert!(daemon.stop());
}
