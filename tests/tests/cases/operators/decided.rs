//! Who approved a held file, a held policy, a retry: said by the record, wherever it is looked at.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

/// Twenty people at an app, all settled.
fn settled(company: &Company) -> Daemon<'_> {
    let daemon = Daemon::start(company);
    company.drop_file("day1.csv", export(&people(1, 20, &["Sales", "Finance"])));
    company.wait_for_report("day1.csv");
    daemon.wait_until_idle();
    daemon
}

/// The user that runs the tests, as the owner of a file that it made.
fn uid(company: &Company) -> u32 {
    let made = std::fs::metadata(company.config()).expect("a file of ours");
    std::os::unix::fs::MetadataExt::uid(&made)
}

/// The plan digest of what is held, once there is something.
fn held(daemon: &Daemon<'_>) -> String {
    wait_for("something to be held", || {
        let held = daemon.json(&["apply"]);
        Some(held.get(0)?.get("plan_digest")?.as_str()?.to_owned())
    })
}

#[track_caller]
fn is_ann(company: &Company, by: &Value, reason: &str) {
    assert_eq!(by["kind"], "operator", "{by}");
    assert_eq!(by["uid"], uid(company), "{by}");
    assert_eq!(by["called"], "Ann Lee", "{by}");
    assert_eq!(by["reason"], reason, "{by}");
}

#[test]
fn c51_the_record_names_who_approved_a_held_file_and_why() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = settled(&company);
    company.drop_file("day2.csv", export(&people(1, 12, &["Sales", "Finance"])));
    assert_eq!(company.wait_for_report("day2.csv").place, "held");
    let digest = held(&daemon);
    let reason = "HR confirmed the closing of the Bonn office";
    let ran = daemon.cli(&["apply", &digest, "--as", "Ann Lee", "--reason", reason]);
    assert_eq!(ran.code, 0, "{ran:?}");
    daemon.wait_until_idle();
    let status = daemon.json(&["status"]);
    is_ann(
        &company,
        &status["feeds"][0]["last_file"]["approved_by"],
        reason,
    );
    let why = daemon.json(&["why", "hr:15"]);
    is_ann(&company, &why["source"]["approved_by"], reason);
    for command in [&["status"][..], &["why", "hr:15"]] {
        let ran = daemon.cli(command);
        let said = format!("(uid {}) as Ann Lee: {reason}", uid(&company));
        assert!(ran.out.contains(&said), "{command:?}: {}", ran.out);
    }
    // Nobody approved the first file: nothing is made up.
    assert_eq!(
        daemon.json(&["why", "hr:1"])["source"]["approved_by"],
        Value::Null
    );
    daemon.check_ledger();
}

#[test]
fn c51_the_record_names_who_let_a_held_policy_decide_also_after_a_restart() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = settled(&company);
    let edited = muster_tests::company::POLICY
        .replace("when = \"true\"", "when = 'department == \"Sales\"'");
    company.write("policy/roles.toml", &edited);
    let digest = held(&daemon);
    let ran = daemon.cli(&["apply", &digest, "--as", "Ann Lee", "--reason", "audit 7"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    daemon.wait_until_idle();
    is_ann(&company, &daemon.json(&["status"])["policy_by"], "audit 7");
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    let status = daemon.json(&["status"]);
    is_ann(&company, &status["policy_by"], "audit 7");
    daemon.check_ledger();
}

#[test]
fn c51_a_name_or_reason_that_cannot_be_kept_is_refused_and_nothing_happens() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = settled(&company);
    company.drop_file("day2.csv", export(&people(1, 12, &["Sales", "Finance"])));
    company.wait_for_report("day2.csv");
    let digest = held(&daemon);
    for said in [
        ["--as", "a\u{1b}[2Jb"],
        ["--reason", "a\nb"],
        ["--as", &"x".repeat(65)],
    ] {
        let ran = daemon.cli(&["apply", &digest, said[0], said[1]]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("API-002"), "{ran:?}");
    }
    assert_eq!(
        daemon.json(&["status"])["held"].as_array().map(Vec::len),
        Some(1)
    );
    assert!(app.is_active("15"), "{:?}", json!(app.user("15")));
}
