//! Budgets over days and doors: forty who go one by one are as many as forty who go in one file.

use muster_tests::app::App;
use muster_tests::company::Company;
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::{GROUPS, Worker, accept, active, company, csv, digest_of, held, workers};

/// Waits until a file lies in `processed` or `held`, and returns whether it counted.
#[track_caller]
fn counts(daemon: &Daemon<'_>, company: &Company, name: &str, rows: &[Worker]) -> bool {
    company.drop_file(name, csv(rows));
    let report = company.wait_for_report(name);
    daemon.wait_until_idle();
    match report.place.as_str() {
        "processed" => true,
        "held" => {
            assert!(report.text.contains("PLN-0"), "{}", report.text);
            false
        }
        place => panic!("{name} is in {place}: {}", report.text),
    }
}

#[test]
fn c12_whole_files_that_each_have_a_few_people_fewer_stop_at_the_budget() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    // Two fewer, and the same two fewer, and four fewer, and six: that is one too many within a week.
    assert!(counts(&daemon, &company, "a.csv", &workers(1, 38)));
    assert!(counts(&daemon, &company, "b.csv", &workers(1, 36)));
    assert!(!counts(&daemon, &company, "c.csv", &workers(1, 34)));
    assert!(!counts(&daemon, &company, "d.csv", &workers(1, 32)));
    assert_eq!(active(&app), 36);
    assert!(counts(&daemon, &company, "e.csv", &workers(1, 35)));
    assert_eq!(active(&app), 35, "one more is within the budget");

    // What a person approves does not count, and goes exactly as it was shown.
    let digest = held(&daemon, &company, "f.csv", &workers(1, 25));
    assert_eq!(daemon.cli(&["apply", &digest]).code, 0);
    daemon.wait_until_idle();
    assert_eq!(active(&app), 25);
    daemon.check_ledger();
    assert!(daemon.stop());

    // A restart forgets nothing.
    let daemon = Daemon::start(&company);
    assert!(!counts(&daemon, &company, "g.csv", &workers(1, 23)));
    assert_eq!(active(&app), 25);
    assert!(daemon.stop());
}

#[test]
fn c12_single_leavers_one_after_the_other_stop_at_the_budget() {
    let app = App::start(&GROUPS);
    let company = company(&app, "kind = \"changes\"", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    for (index, mut leaver) in workers(1, 12).into_iter().enumerate() {
        leaver.status = "Terminated".to_owned();
        company.drop_file(&format!("leaver-{index:02}.csv"), csv(&[leaver]));
    }
    wait_for("a leaver to be held", || {
        let held = daemon.json(&["status"])["held"].to_string();
        held.contains("leaver-").then_some(())
    });
    daemon.wait_until_idle();
    assert_eq!(active(&app), 35, "five of forty within a week");
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn c12_a_last_day_counts_when_it_is_announced() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let day = day.to_string()[..10].to_owned();
    let ending = |count: usize| {
        let mut rows = workers(1, 40);
        for row in &mut rows[..count] {
            row.ends.clone_from(&day);
        }
        rows
    };
    assert!(!counts(&daemon, &company, "many.csv", &ending(22)));
    let findings = daemon.json(&["findings"]).to_string();
    assert!(findings.contains("FEED-001"), "{findings}");
    assert!(counts(&daemon, &company, "few.csv", &ending(5)));
    // The five are spent, although nobody has left yet.
    let mut rows = ending(5);
    rows.pop();
    assert!(!counts(&daemon, &company, "fewer.csv", &rows));
    assert_eq!(active(&app), 40);
    assert!(daemon.stop());
}

#[test]
fn c12_edits_of_the_policy_one_after_the_other_stop_at_the_budget_of_the_target() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    let policy = |left: u32| {
        let keys: Vec<String> = (1..=left).map(|id| format!("'{:04}'", 1000 + id)).collect();
        format!(
            "[[role]]\nname = \"everybody\"\nwhen = \"!(key in [{}])\"\naccess = {{ crm = [\"group:Everyone\"] }}\n",
            keys.join(", ")
        )
    };
    // Nobody is in Sales any more: ten lose a group, which is more than eight.
    company.write("policy/roles.toml", &policy(0));
    wait_for("the edit to be held", || {
        let held = daemon.json(&["status"])["held"].to_string();
        held.contains("PLN-011").then_some(())
    });
    let digest = daemon.json(&["status"])["held"][0]["plan_digest"].clone();
    let applied = daemon.cli(&["apply", digest.as_str().unwrap_or_default()]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    for (left, on) in [(5, 35), (8, 32), (11, 32), (40, 32)] {
        company.write("policy/roles.toml", &policy(left));
        wait_for("the edit to be looked at", || {
            let is_held = daemon.json(&["status"])["held"]
                .to_string()
                .contains("PLN-011");
            let is_taken = left <= 8 && active(&app) == on;
            ((left > 8 && is_held) || is_taken).then_some(())
        });
        daemon.wait_until_idle();
        assert_eq!(active(&app), on, "after {left}");
    }
    assert!(daemon.stop());
}

#[test]
fn c13_last_months_file_does_not_bring_back_who_left_since() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    let digest = held(&daemon, &company, "fewer.csv", &workers(1, 20));
    assert_eq!(daemon.cli(&["apply", &digest]).code, 0);
    daemon.wait_until_idle();
    assert_eq!(active(&app), 20);
    // The same people, and one word of somebody else is new, so that it is no file of before.
    let mut back = workers(1, 40);
    back[0].last = "Newname".to_owned();
    held(&daemon, &company, "back.csv", &back);
    assert!(company.wait_for_report("back.csv").text.contains("PLN-021"));
    assert_eq!(active(&app), 20);
    // Two by two they come no further, either.
    let mut rows = workers(1, 20);
    for (name, until) in [("b.csv", 22), ("c.csv", 24), ("d.csv", 26)] {
        rows = workers(1, until);
        company.drop_file(name, csv(&rows));
        company.wait_for_report(name);
    }
    assert_eq!(rows.len(), 26);
    daemon.wait_until_idle();
    assert_eq!(active(&app), 24);
    assert_eq!(digest_of(&daemon, "d.csv").len(), 64);
    assert!(daemon.stop());
}

#[test]
fn c13_many_new_people_at_once_wait_and_the_first_file_does_not() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    held(&daemon, &company, "many.csv", &workers(1, 840));
    let report = company.wait_for_report("many.csv");
    assert!(report.text.contains("PLN-020"), "{}", report.text);
    assert_eq!(app.users().len(), 40);
    accept(&daemon, &company, "some.csv", &workers(1, 60));
    assert_eq!(app.users().len(), 60);
    assert!(daemon.stop());
}
