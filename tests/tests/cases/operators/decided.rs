//! Who approved a held file or policy, who retried, swapped a plugin or replaced a secret: said by the record,
//! wherever it is looked at.

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

/// The entry of the history without a person that says this.
#[track_caller]
fn entry(daemon: &Daemon<'_>, kind: &str, says: &str) -> Value {
    wait_for(&format!("{kind} entry: {says}"), || {
        let page = daemon.json(&["history"]);
        let entries = page["items"].as_array()?.clone();
        entries.into_iter().find(|entry| {
            entry["kind"] == kind
                && entry["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(says))
        })
    })
}

#[track_caller]
fn is_owner(company: &Company, by: &Value, file: &str) {
    assert_eq!(by["kind"], "editor", "{by}");
    assert_eq!(by["uid"], uid(company), "{by}");
    assert!(by["name"].to_string().contains(file), "{by}");
}

/// Somebody has a leaver's removal tried again that the app has put off.
fn retried(app: &App, company: &Company, daemon: &Daemon<'_>) {
    app.fault(&json!({ "method": "PATCH", "path": "/Users", "times": 1,
        "answer": { "kind": "status", "status": 429, "retry_after": "86400" } }));
    company.drop_file("day3.csv", export(&people(1, 11, &["Sales", "Finance"])));
    wait_for("the leaver to wait", || {
        let open = daemon.json(&["operations"]);
        let open = open["items"].as_array()?;
        let waits = |one: &Value| one["verb"] == "suspend" && one["next_at"].is_string();
        open.iter().any(waits).then_some(())
    });
    let retry = ["operations", "retry", "--target", "crm"];
    let by = ["--as", "Ann Lee", "--reason", "now"];
    let ran = daemon.cli(&[retry.as_slice(), &by].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    is_ann(
        company,
        &entry(daemon, "operation", "another attempt")["by"],
        "now",
    );
}

#[test]
fn the_history_names_who_did_what_by_which_door_and_in_which_words() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = settled(&company);
    is_owner(
        &company,
        &entry(&daemon, "policy", "decides from now on")["by"],
        "roles.toml",
    );
    is_owner(
        &company,
        &entry(&daemon, "plugin", "connector scim")["by"],
        "scim.wasm",
    );
    let first = entry(&daemon, "file", "`day1.csv` of feed hr was accepted");
    assert_eq!(first["by"]["kind"], "file", "{first}");

    company.drop_file("day2.csv", export(&people(1, 12, &["Sales", "Finance"])));
    company.wait_for_report("day2.csv");
    let digest = held(&daemon);
    let ran = daemon.cli(&["apply", &digest, "--as", "Ann Lee", "--reason", "closing"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    is_ann(&company, &daemon.approver("feed hr"), "closing");
    daemon.wait_until_idle();

    let edited = muster_tests::company::POLICY
        .replace("when = \"true\"", "when = 'department == \"Sales\"'");
    company.write("policy/roles.toml", &edited);
    let digest = held(&daemon);
    let ran = daemon.cli(&["apply", &digest, "--preview"]);
    assert!(ran.out.contains("hr:"), "whom it touches: {ran:?}");
    let ran = daemon.cli(&["apply", &digest, "--as", "Ann Lee", "--reason", "audit 7"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    is_ann(
        &company,
        &entry(&daemon, "policy", "decides from now on")["by"],
        "audit 7",
    );
    is_ann(&company, &daemon.approver("the policy"), "audit 7");
    daemon.wait_until_idle();

    let mut plugin = std::fs::read(company.path("plugins/scim.wasm")).expect("the plugin");
    // A section that means nothing: another file, the same connector.
    plugin.extend_from_slice(&[0, 3, 1, b'x', 0]);
    let other = company.path("other.wasm");
    std::fs::write(&other, plugin).expect("another file");
    company.install("scim", &other);
    let swapped = entry(&daemon, "plugin", "in place of connector scim");
    is_owner(&company, &swapped["by"], "scim.wasm");

    retried(&app, &company, &daemon);
    company.write("secrets/crm", "one-that-the-app-does-not-know");
    let replaced = entry(&daemon, "secret", "`api` of target crm was replaced");
    is_owner(&company, &replaced["by"], "secrets/crm");
    let ran = daemon.cli(&["history"]);
    assert!(
        ran.out.contains("as Ann Lee") && ran.out.contains("because: now"),
        "{ran:?}"
    );
    daemon.check_ledger();
}

#[test]
fn why_shows_the_rule_as_it_stood_when_it_gave_the_access_and_todays_beside_it() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = settled(&company);
    let before = daemon.json(&["status"])["policy"].clone();
    let edited = muster_tests::company::POLICY.replace(
        "when = \"true\"",
        "when = 'true || department == \"Sales\"'",
    );
    company.write("policy/roles.toml", &edited);
    wait_for("the other policy", || {
        (daemon.json(&["status"])["policy"] != before).then_some(())
    });
    daemon.wait_until_idle();
    let ran = daemon.cli(&["why", "hr:1"]);
    let (then, today) = ("rule   true\n", "today  true || department == \"Sales\"\n");
    assert!(
        ran.out.contains(then) && ran.out.contains(today),
        "{}",
        ran.out
    );
    daemon.check_ledger();
}

#[test]
fn what_is_read_again_and_is_the_same_appends_nothing_to_the_journal() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = settled(&company);
    let entries = |daemon: &Daemon<'_>| daemon.json(&["status"])["journal_entries"].as_u64();
    let settled = entries(&daemon);
    // The same policy, as an editor writes it again; a start reads everything anew.
    company.write("policy/roles.toml", muster_tests::company::POLICY);
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    daemon.wait_until_idle();
    assert_eq!(entries(&daemon), settled);
    daemon.check_ledger();
}
