//! What arrived first counts first, whatever it is called; and an old statement is not a new one.

#![expect(clippy::disallowed_methods, reason = "files have dates")]

use std::fs::File;
use std::time::{Duration, SystemTime};

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, Row, export, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::hook::{company, event, leave, upsert};

/// Drops a file that was written so long ago.
fn drop_aged(company: &Company, name: &str, rows: &[Row], age: Duration) {
    let path = company.path("hr").join(name);
    std::fs::write(&path, export(rows)).expect("a file to drop");
    let file = File::options().append(true).open(&path);
    let written = SystemTime::now() - age;
    let aged = file.and_then(|file| file.set_modified(written));
    aged.expect("a file with a time");
}

fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

fn without(rows: &[Row], id: &str) -> Vec<Row> {
    rows.iter().filter(|row| row.id != id).cloned().collect()
}

#[track_caller]
fn wait_for_finding(daemon: &Daemon<'_>, code: &str) {
    wait_for(&format!("the finding {code}"), || {
        let findings = daemon.json(&["findings"]).to_string();
        findings.contains(code).then_some(())
    });
}

#[test]
fn c02_events_count_in_the_order_in_which_they_were_answered() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 60, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    // Each of five is said to be active and then to have left; by the order of the ids it is the other way.
    for number in 1..=5 {
        let key = number.to_string();
        event(&daemon, &format!("z-{number}"), &upsert(&key, "Finance"));
        event(&daemon, &format!("a-{number}"), &leave(&key));
    }
    // The same over a restart in between.
    daemon.kill();
    let daemon = Daemon::start(&company);
    event(&daemon, "b-6", &upsert("6", "Finance"));
    event(&daemon, "a-6", &upsert("6", "Sales"));
    event(&daemon, "last", &upsert("7", "Finance"));
    wait_for("the last event", || {
        (app.groups_of("7") == ["Everybody", "Finance"]).then_some(())
    });
    daemon.wait_until_idle();
    for number in 1..=5 {
        assert!(!app.is_active(&number.to_string()), "{number} left last");
    }
    assert_eq!(app.groups_of("6"), ["Everybody", "Sales"]);
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn c02_a_file_that_was_written_before_an_event_does_not_undo_it() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    let rows = people(1, 20, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    // HR's system wrote the night's export, then somebody left, then the export arrived.
    let mut night = rows.clone();
    night[4].department = "Finance".to_owned();
    company.write("night.csv", &export(&night));
    event(&daemon, "m-1", &leave("20"));
    wait_for("the leaver", || (!app.is_active("20")).then_some(()));
    std::fs::rename(company.path("night.csv"), company.path("hr/night.csv"))
        .expect("a file to move");
    company.wait_for_report("night.csv");
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("5"), ["Everybody", "Finance"]);
    assert!(!app.is_active("20"), "who left since stays out");
    assert!(daemon.stop());
}

#[test]
fn c03_of_files_that_waited_the_newest_counts_and_not_the_last_by_name() {
    for [older, newer] in [
        ["workers_9.csv", "workers_10.csv"],
        ["Export_30.11.csv", "Export_01.12.csv"],
    ] {
        let app = App::start(&GROUPS);
        let company = Company::new(&app);
        let rows = people(1, 12, &["Sales"]);
        drop_aged(&company, older, &rows, days(2));
        drop_aged(&company, newer, &without(&rows, "12"), days(1));
        let daemon = Daemon::start(&company);
        assert_eq!(company.wait_for_report(newer).place, "processed");
        let replaced = company.wait_for_report(older);
        daemon.wait_until_idle();
        assert!(
            app.user("12").is_none_or(|_| !app.is_active("12")),
            "{older} came last"
        );
        assert_eq!(replaced.place, "processed");
        assert!(replaced.text.contains("REPLACED"), "{}", replaced.text);
        assert!(daemon.stop());
    }
}

#[test]
fn c03_a_newest_file_that_cannot_be_used_does_not_hide_the_one_before() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    drop_aged(&company, "z.csv", &people(1, 3, &["Sales"]), days(2));
    company.drop_file("a.csv", b"PK\x03\x04 a spreadsheet, not its export");
    let daemon = Daemon::start(&company);
    assert_eq!(company.wait_for_report("a.csv").place, "rejected");
    assert_eq!(company.wait_for_report("z.csv").place, "processed");
    daemon.wait_until_idle();
    assert_eq!(app.users().len(), 3);
    assert!(daemon.stop());
}

#[test]
fn c04_a_file_of_before_is_held_when_it_comes_again() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    let rows = people(1, 12, &["Sales"]);
    company.drop_file("monday.csv", export(&rows));
    company.wait_for_report("monday.csv");
    company.drop_file("tuesday.csv", export(&without(&rows, "12")));
    company.wait_for_report("tuesday.csv");
    daemon.wait_until_idle();
    assert!(!app.is_active("12"));

    // The same bytes; the same in another order; and both under another name.
    company.drop_file("again.csv", export(&rows));
    let report = company.wait_for_report("again.csv");
    let mut turned = rows.clone();
    turned.reverse();
    company.drop_file("turned.csv", export(&turned));
    let turned = company.wait_for_report("turned.csv");
    for report in [report, turned] {
        assert_eq!(report.place, "held", "{}", report.text);
        assert!(report.text.contains("HR-042"), "{}", report.text);
        assert!(report.text.contains("monday.csv"), "{}", report.text);
    }
    // Another content, but written before what was accepted last.
    let mut older = rows.clone();
    older[0].department = "Finance".to_owned();
    drop_aged(&company, "older.csv", &older, days(30));
    let report = company.wait_for_report("older.csv");
    assert_eq!(report.place, "held", "{}", report.text);
    assert!(report.text.contains("HR-043"), "{}", report.text);
    daemon.wait_until_idle();
    assert!(!app.is_active("12"), "nobody is switched on by an old file");

    // A person may still want it.
    let held = daemon.json(&["status"])["held"][0]["plan_digest"].clone();
    let applied = daemon.cli(&["apply", held.as_str().unwrap_or_default()]);
    assert_eq!(applied.code, 0, "{applied:?}");
    wait_for("the rehire", || app.is_active("12").then_some(()));
    assert!(daemon.stop());
}

#[test]
fn c04_files_with_other_names_are_not_read() {
    let app = App::start(&GROUPS);
    let tables = [feed("files = \"workers*.csv\""), target("crm", &app, "")].concat();
    let company = Company::configured(&tables, POLICY);
    let daemon = Daemon::start(&company);
    for name in [
        "workers.csv.bak",
        "workers.csv~",
        "#workers.csv#",
        "workers.csv.sha256",
        "workers.csv.orig",
        "old-people.csv",
    ] {
        company.write(&format!("hr/{name}"), &export(&people(50, 53, &["Sales"])));
    }
    company.drop_file("workers.csv", export(&people(1, 3, &["Sales"])));
    company.wait_for_report("workers.csv");
    wait_for_finding(&daemon, "HR-041");
    daemon.wait_until_idle();
    assert_eq!(app.users().len(), 3);
    std::fs::remove_file(company.path("hr/old-people.csv")).expect("a file to remove");
    wait_for("the finding to close", || {
        (!daemon.json(&["findings"]).to_string().contains("HR-041")).then_some(())
    });
    assert!(daemon.stop());
}

#[test]
fn c24_what_is_given_up_is_said_and_a_name_with_control_characters_is_not_forgotten() {
    let app = App::start(&GROUPS);
    let tables = [feed("kind = \"changes\""), target("crm", &app, "")].concat();
    let company = Company::configured(&tables, POLICY);
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 60, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    let leavers: Vec<Row> = people(1, 14, &["Sales"])
        .into_iter()
        .map(|row| row.status("Terminated"))
        .collect();
    company.drop_file("leavers\n\u{1b}[31m\u{202e}.csv", export(&leavers));
    let held = || {
        let held = daemon.json(&["status"])["held"][0]["plan_digest"].clone();
        held.as_str().map(str::to_owned)
    };
    wait_for("the file to be held", held);
    company.drop_file("mover.csv", export(&people(60, 60, &["Finance"])));
    wait_for_finding(&daemon, "FEED-005");
    daemon.kill();
    let daemon = Daemon::start(&company);
    wait_for_finding(&daemon, "FEED-005");
    assert_eq!(app.groups_of("60"), ["Everybody", "Sales"]);
    assert_eq!(
        daemon.json(&["status"])["held"][0]["file"],
        "leavers\u{fffd}\u{fffd}[31m\u{fffd}.csv"
    );

    std::fs::remove_dir_all(company.path("hr/held")).expect("the held file to be given up");
    company.wait_for_report("mover.csv");
    wait_for_finding(&daemon, "FEED-010");
    assert!(app.is_active("1"));
    assert!(daemon.stop());
}

#[test]
fn c24_what_was_held_is_applied_from_the_data_folder_and_not_from_what_lies_in_hr_s() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 60, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    company.drop_file("half.csv", export(&people(1, 40, &["Sales"])));
    assert_eq!(company.wait_for_report("half.csv").place, "held");
    // Whoever may write there makes another file of it.
    for file in std::fs::read_dir(company.path("hr/held"))
        .expect("the folder")
        .flatten()
    {
        if file.file_name().to_string_lossy().ends_with(".csv") {
            std::fs::write(file.path(), export(&people(1, 60, &["Finance"]))).expect("a file");
        }
    }
    let digest = daemon.json(&["status"])["held"][0]["plan_digest"].clone();
    let applied = daemon.cli(&["apply", digest.as_str().unwrap_or_default()]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert!((41..=60).all(|id| !app.is_active(&id.to_string())));
    assert_eq!(app.groups_of("1"), ["Everybody", "Sales"]);
    assert!(daemon.stop());
}
