//! A feed that muster.toml names otherwise, or no longer: its people are never forgotten.

use muster_tests::app::App;
use muster_tests::company::{Company, target};
use muster_tests::daemon::{Daemon, cli};
use muster_tests::wait_for;

use super::{GROUPS, accept, active, company, digest_of, feed, held, workers};

/// The configuration with another section in the place of `[feed.hr]`, which has these lines.
fn configure(company: &Company, app: &App, name: &str, lines: &str, more: &str) {
    let feed = feed(lines).replace("[feed.hr", &format!("[feed.{name}"));
    company.configure(&[&feed, more, &target("crm", app, "")].concat());
}

/// A company with 20 people under `[feed.hr]`, whose daemon was stopped.
fn settled(app: &App) -> Company {
    let company = company(app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 20));
    assert!(daemon.stop());
    company
}

fn findings(daemon: &Daemon<'_>) -> String {
    daemon.json(&["findings"]).to_string()
}

#[test]
fn c22_a_feed_that_is_taken_out_is_an_error_with_the_number_of_its_people() {
    let app = App::start(&GROUPS);
    let company = settled(&app);
    configure(&company, &app, "staff", "", "");
    let says = |text: &str| {
        assert!(text.contains("FEED-020"), "{text}");
        assert!(text.contains("20 people of feed `hr`"), "{text}");
        assert!(
            text.contains("renamed_from") && text.contains("retired"),
            "{text}"
        );
    };
    // Before the restart as after it, with the daemon and without.
    let checked = cli(&company, &["check"]);
    says(&format!("{}{}", checked.out, checked.err));
    assert_eq!(checked.code, 1);
    let daemon = Daemon::start(&company);
    says(&findings(&daemon));
    says(&daemon.cli(&["check"]).out);
    assert!(daemon.stop());

    // The old name again is an answer, too.
    configure(&company, &app, "hr", "", "");
    let daemon = Daemon::start(&company);
    assert!(!findings(&daemon).contains("FEED-020"));
    assert_eq!(active(&app), 20);
    assert!(daemon.stop());
}

#[test]
fn c22_a_renamed_feed_keeps_its_people_and_the_next_leaver_leaves() {
    let app = App::start(&GROUPS);
    let company = settled(&app);
    let users = app.users();
    configure(&company, &app, "staff", "renamed_from = [\"hr\"]", "");
    assert_eq!(cli(&company, &["check"]).code, 0);
    let daemon = Daemon::start(&company);
    assert!(!findings(&daemon).contains("FEED-020"));
    daemon.wait_until_idle();
    assert_eq!(app.users(), users, "nobody's account was touched");
    let history = daemon.cli(&["history", "staff:1007"]);
    assert!(
        history.out.contains("staff:1007 from now on"),
        "{history:?}"
    );
    let why = daemon.cli(&["why", "staff:1007", "crm"]);
    assert_eq!(why.code, 0, "{why:?}");
    assert!(daemon.stop());

    // It stays written there: the second start finds nothing to do.
    let daemon = Daemon::start(&company);
    let rows = workers(1, 19);
    company.drop_file("friday.csv", super::csv(&rows));
    let report = company.wait_for_report("friday.csv");
    assert_eq!(report.place, "processed", "{}", report.text);
    daemon.wait_until_idle();
    assert!(!app.is_active("1020"));
    assert_eq!(active(&app), 19);
    let leavers = daemon.cli(&["leavers"]);
    assert!(leavers.out.contains("staff:1020"), "{leavers:?}");
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn c22_what_waited_under_the_old_name_is_approved_under_the_new_one() {
    let app = App::start(&GROUPS);
    let company = settled(&app);
    let daemon = Daemon::start(&company);
    let digest = held(&daemon, &company, "few.csv", &workers(1, 8));
    assert!(daemon.stop());
    configure(&company, &app, "staff", "renamed_from = [\"hr\"]", "");
    let daemon = Daemon::start(&company);
    assert!(
        findings(&daemon).contains("feed staff"),
        "what is held is said"
    );
    // Its people have other names, so what was shown before is another plan now.
    let refused = daemon.cli(&["apply", &digest]);
    assert_ne!(refused.code, 0, "{refused:?}");
    let now = digest_of(&daemon, "few.csv");
    assert_ne!(now, digest);
    let applied = daemon.cli(&["apply", &now]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert_eq!(active(&app), 8);
    // The file of before is one of before under this name, too.
    company.drop_file("again.csv", super::csv(&workers(1, 20)));
    let report = company.wait_for_report("again.csv");
    assert_eq!(report.place, "held", "{}", report.text);
    assert!(report.text.contains("HR-042"), "{}", report.text);
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn c22_the_people_of_a_retired_feed_leave_once_a_person_has_seen_whom_it_hits() {
    let app = App::start(&GROUPS);
    let company = settled(&app);
    configure(&company, &app, "staff", "", "[feed.hr]\nretired = true\n");
    assert_eq!(cli(&company, &["check"]).code, 0);
    let daemon = Daemon::start(&company);
    assert!(!findings(&daemon).contains("FEED-020"));
    assert_eq!(active(&app), 20, "twenty are more than go without asking");
    let held = wait_for("the end of the feed to wait", || {
        let held = daemon.json(&["status"])["held"].clone();
        let held = held.as_array().cloned().unwrap_or_default();
        let what = |held: &serde_json::Value| held["file"].as_str().map(str::to_owned);
        held.into_iter()
            .find(|held| what(held).is_some_and(|what| what.contains("the end of feed hr")))
    });
    let digest = held["plan_digest"].as_str().unwrap_or_default().to_owned();
    let applied = daemon.cli(&["apply", &digest, "--as", "Ann Lee"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert_eq!(active(&app), 0);
    assert_eq!(daemon.approver("the end of feed hr")["called"], "Ann Lee");
    let findings = findings(&daemon);
    assert!(!findings.contains("PLN-01"), "{findings}");
    daemon.check_ledger();
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    assert_eq!(daemon.json(&["status"])["held"], serde_json::json!([]));
    assert!(daemon.stop());
}

#[test]
fn c22_a_former_name_that_is_another_feeds_is_refused() {
    let app = App::start(&GROUPS);
    let company = settled(&app);
    configure(
        &company,
        &app,
        "staff",
        "renamed_from = [\"hr\"]",
        "[feed.hr]\nretired = true\n",
    );
    let checked = cli(&company, &["check"]);
    assert!(
        checked.err.contains("`hr` is named elsewhere, too"),
        "{checked:?}"
    );
    assert_ne!(checked.code, 0);
}
