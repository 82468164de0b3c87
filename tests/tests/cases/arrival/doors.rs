//! An event is understood before it is taken, and holds nobody up who is not in it.

use muster_tests::app::App;
use muster_tests::company::{GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::hook::{company, deliver, event, leave, upsert};

#[test]
fn c16_an_event_that_is_not_understood_is_refused_with_the_column() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    let rows = people(1, 12, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    let refused = [
        (r#"{"type":"leave","row":{"EmployeeID":"5"}}"#, "WorkerID"),
        (r#"{"type":"leave","row":{"WorkerID":5}}"#, "WorkerID"),
        (r#"{"type":"leave","row":{"WorkerID":""}}"#, "id"),
        (r#"{"type":"leave","row":{"WorkerID":null}}"#, "id"),
        (
            r#"{"type":"leave","row":{"WorkerID":"5","workerid ":"6"}}"#,
            "WorkerID",
        ),
        (
            r#"{"type":"upsert","row":{"WorkerID":"5"}}"#,
            "WorkerStatus",
        ),
        (
            r#"{"type":"upsert","row":{"WorkerID":"5","WorkerStatus":"Quit","TerminationDate":""}}"#,
            "WorkerStatus",
        ),
        (
            r#"{"type":"upsert","row":{"WorkerID":"5","WorkerStatus":"Active","TerminationDate":"soon"}}"#,
            "TerminationDate",
        ),
    ];
    for (number, (body, column)) in refused.into_iter().enumerate() {
        let (status, answer) = deliver(&daemon, &format!("r-{number}"), "application/json", body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer.contains(column), "{body}: {answer}");
    }
    // A leave for nobody is taken, and somebody is told.
    event(&daemon, "nobody", &leave("9999"));
    wait_for("the finding", || {
        let findings = daemon.json(&["findings"]).to_string();
        (findings.contains("HOOK-011") && findings.contains("9999")).then_some(())
    });
    event(&daemon, "somebody", &leave("12"));
    wait_for("the leaver", || (!app.is_active("12")).then_some(()));
    company.drop_file("next.csv", export(&people(1, 11, &["Sales"])));
    company.wait_for_report("next.csv");
    wait_for("the finding to close", || {
        (!daemon.json(&["findings"]).to_string().contains("HOOK-011")).then_some(())
    });
    assert!((1..=11).all(|id| app.is_active(&id.to_string())));
    assert!(daemon.stop());
}

#[test]
fn c16_an_event_that_is_held_holds_up_nobody_else() {
    let app = App::start(&GROUPS);
    let guard = "\n[feed.hr.guard]\nleavers_max = 0\n";
    let company = company(&app, "", guard);
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 12, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    event(&daemon, "m-1", &leave("1"));
    wait_for("the event to be held", || {
        let status = daemon.json(&["status"]);
        status["held"][0]["plan_digest"].as_str().map(str::to_owned)
    });
    // About the same person: waits. Another leaver: waits to be asked about. Somebody else: goes on.
    event(&daemon, "m-2", &upsert("1", "Finance"));
    event(&daemon, "m-3", &leave("2"));
    event(&daemon, "m-4", &upsert("3", "Finance"));
    wait_for("the mover", || {
        (app.groups_of("3") == ["Everybody", "Finance"]).then_some(())
    });
    assert_eq!(app.groups_of("1"), ["Everybody", "Sales"]);
    assert!(app.is_active("1") && app.is_active("2"));
    // Over a restart, too.
    daemon.kill();
    let daemon = Daemon::start(&company);
    for leaver in ["1", "2"] {
        let digest = wait_for("a hold", || {
            let status = daemon.json(&["status"]);
            status["held"][0]["plan_digest"].as_str().map(str::to_owned)
        });
        let applied = daemon.cli(&["apply", &digest]);
        assert_eq!(applied.code, 0, "{applied:?}");
        if leaver == "2" {
            wait_for("the leaver", || (!app.is_active("2")).then_some(()));
        }
    }
    // What came after the leaving of the same person counts after it.
    wait_for("the rehire", || {
        (app.groups_of("1") == ["Everybody", "Finance"]).then_some(())
    });
    daemon.wait_until_idle();
    assert!(app.is_active("1"));
    assert_eq!(daemon.json(&["status"])["held"], serde_json::json!([]));
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn c16_what_hr_calls_like_an_event_is_a_file() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    let rows = people(1, 12, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    let mut moved = rows.clone();
    moved[0].department = "Finance".to_owned();
    company.drop_file("hook-1-0123456789ab.leave.csv", export(&moved));
    company.wait_for_report("hook-1-0123456789ab.leave.csv");
    daemon.wait_until_idle();
    assert!(
        (1..=12).all(|id| app.is_active(&id.to_string())),
        "nobody left"
    );
    assert_eq!(app.groups_of("1"), ["Everybody", "Finance"]);
    assert!(daemon.stop());
}

#[test]
fn c12_forty_single_leave_events_stop_at_the_budget() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 40, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    for number in 1..=40 {
        event(
            &daemon,
            &format!("leave-{number}"),
            &leave(&number.to_string()),
        );
    }
    let held = || daemon.json(&["status"])["held"].clone();
    wait_for("an event to be held", || {
        held()
            .as_array()
            .is_some_and(|held| !held.is_empty())
            .then_some(())
    });
    daemon.wait_until_idle();
    let active = || {
        app.users()
            .values()
            .filter(|user| user["active"] == true)
            .count()
    };
    assert_eq!(active(), 35, "five of forty within a week");

    // Whoever has looked lets them go, one after the other.
    let mut approved = 0;
    while active() > 0 {
        let held = wait_for("the next one to be held", || {
            let held = held();
            let first = held.as_array()?.first()?.clone();
            first["plan_digest"].as_str().map(str::to_owned)
        });
        let applied = daemon.cli(&["apply", &held]);
        assert_eq!(applied.code, 0, "{applied:?}");
        approved += 1;
        assert!(
            approved <= 35,
            "{approved} approvals, {} are active",
            active()
        );
        daemon.wait_until_idle();
    }
    assert_eq!(held(), serde_json::json!([]));
    daemon.check_ledger();
    assert!(daemon.stop());
}
