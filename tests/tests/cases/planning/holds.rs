//! What is held can be approved however much time has passed, and a try that fails leaves no trace.

use muster_tests::app::App;
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::{GROUPS, accept, active, company, digest_of, held, workers};

/// Every setting that puts an instant into what a plan leads to.
const LEAVERS: [&str; 4] = [
    "delete_after = \"30d\"",
    "delete_after = \"0s\"",
    "delete_after = \"1h\"\ntransfer_to = \"manager\"",
    "suspend = true",
];

#[test]
fn c61_a_held_file_with_leavers_is_approved_under_the_digest_that_was_shown() {
    for leaver in LEAVERS {
        let app = App::start(&GROUPS);
        let company = company(&app, "", leaver);
        let daemon = Daemon::start(&company);
        accept(&daemon, &company, "all.csv", &workers(1, 40));
        let mut rest = workers(1, 20);
        // Days to come are instants, too.
        rest[18].ends = "2099-01-31".to_owned();
        let digest = held(&daemon, &company, "fewer.csv", &rest);
        assert_eq!(active(&app), 40, "{leaver}: nothing is taken before");

        let applied = daemon.cli(&["apply", &digest]);
        assert_eq!(applied.code, 0, "{leaver}: {applied:?}");
        daemon.wait_until_idle();
        assert_eq!(active(&app), 20, "{leaver}");
        assert_eq!(company.wait_for_report("fewer.csv").place, "processed");
        daemon.check_ledger();
        assert!(daemon.stop());
    }
}

#[test]
fn c61_a_held_policy_that_takes_accounts_is_approved_under_the_digest_that_was_shown() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "delete_after = \"30d\"");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    company.write(
        "policy/roles.toml",
        "[[role]]\nname = \"sales\"\nwhen = 'department == \"Sales\"'\naccess = { crm = [\"group:Sales\"] }\n",
    );
    let digest = wait_for("the policy to be held", || {
        let held = daemon.json(&["status"])["held"][0].clone();
        held["plan_digest"].as_str().map(str::to_owned)
    });
    assert_eq!(active(&app), 40);
    let applied = daemon.cli(&["apply", &digest]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert_eq!(active(&app), 10);
    assert!(daemon.stop());
}

#[test]
fn c61_an_approval_that_comes_too_late_moves_and_reports_nothing_and_names_the_new_plan() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "delete_after = \"30d\"");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    let shown = held(&daemon, &company, "fewer.csv", &workers(1, 20));
    let report = company.wait_for_report("fewer.csv");

    // Everybody is given one more group, so that each leaver has one more to lose.
    let more =
        "\n[[role]]\nname = \"extra\"\nwhen = \"true\"\naccess = { crm = [\"group:Extra\"] }\n";
    company.write("policy/roles.toml", &format!("{}{more}", super::POLICY));
    wait_for("the policy to decide", || {
        (app.groups_of("1040").len() == 3).then_some(())
    });
    daemon.wait_until_idle();

    let refused = daemon.cli(&["apply", &shown]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.err.contains("API-004"), "{refused:?}");
    let after = company.wait_for_report("fewer.csv");
    assert_eq!((after.place, after.text), (report.place, report.text));
    assert_eq!(active(&app), 40, "nothing of it took effect");

    let now = digest_of(&daemon, "fewer.csv");
    assert_ne!(now, shown);
    let applied = daemon.cli(&["apply", &now]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert_eq!(active(&app), 20);
    assert_eq!(company.wait_for_report("fewer.csv").place, "processed");
    daemon.check_ledger();
    assert!(daemon.stop());
}
