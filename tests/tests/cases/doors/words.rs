//! Case 47: an app that names people in its errors. And `muster history`, which tells what was recorded.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::hook::get;
use muster_tests::wait_for;
use serde_json::{Value, json};

/// What the app says of somebody, and nobody else may repeat.
const WORDS: &str = "cannot touch First2 Last2 <p2@corp.example>, see Carol.Boss@corp.example";

fn is_silent(text: &str) -> bool {
    ["First2", "Last2", "p2@corp", "Carol.Boss"]
        .iter()
        .all(|word| !text.contains(word))
}

#[test]
fn c47_what_an_app_says_of_a_person_is_in_no_log_and_no_metric_and_not_recorded_by_name() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 12, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();

    // A leaver whose suspension fails, and listings that fail.
    let failing = |path: &str, method: &str, detail: &str| {
        let answer = json!({ "kind": "status", "status": 503, "detail": detail });
        app.fault(&json!({ "method": method, "path": path, "times": 100_000, "answer": answer }));
    };
    failing("/Users", "PATCH", WORDS);
    // About nobody in particular: an address is known by its form, the name of anybody is not.
    failing("/Groups", "GET", "see Carol.Boss@corp.example");
    rows.remove(1);
    company.drop_file("fewer.csv", export(&rows));
    company.wait_for_report("fewer.csv");
    wait_for("the exposure to be a finding", || {
        let found = daemon.json(&["findings"]).to_string();
        found.contains("OP-002").then_some(())
    });
    let restarted = {
        assert!(daemon.stop());
        Daemon::start(&company)
    };
    wait_for("the listing to have failed, too", || {
        let found = restarted.json(&["findings"]).to_string();
        found.contains("TGT-010").then_some(())
    });

    let operations = restarted.json(&["operations"]).to_string();
    assert!(operations.contains("[address]"), "{operations}");
    for (what, text) in [
        ("the log", restarted.log()),
        ("the metrics", get(&restarted, "/metrics").body),
        ("findings", restarted.json(&["findings"]).to_string()),
        ("operations", operations.clone()),
        (
            "the history",
            without_hr(&restarted.json(&["history", "2", "--all"])),
        ),
    ] {
        assert!(is_silent(&text), "{what}: {text}");
    }
    app.admin("DELETE", "/_faults", &Value::Null);
    wait_for("the leaver to be out", || {
        (!app.is_active("2")).then_some(())
    });
    restarted.check_ledger();
}

/// The history without what HR's own file said.
fn without_hr(history: &Value) -> String {
    let items = history["items"].as_array().cloned().unwrap_or_default();
    let told = items.iter().filter(|entry| entry["kind"] != "plan");
    told.map(Value::to_string).collect()
}

#[test]
fn history_tells_what_was_recorded_about_a_person_the_newest_first_and_page_by_page() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 12, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    rows[0].department = "Finance".to_owned();
    company.drop_file("moved.csv", export(&rows));
    company.wait_for_report("moved.csv");
    daemon.wait_until_idle();
    company.drop_file("fewer.csv", export(&rows[1..]));
    company.wait_for_report("fewer.csv");
    daemon.wait_until_idle();

    let whole = daemon.json(&["history", "1", "--all"]);
    let items = whole["items"].as_array().cloned().unwrap_or_default();
    let numbers: Vec<u64> = items
        .iter()
        .filter_map(|entry| entry["seq"].as_u64())
        .collect();
    assert!(
        numbers.is_sorted_by(|a, b| a > b),
        "the newest first: {numbers:?}"
    );
    let plans: Vec<String> = items
        .iter()
        .filter(|entry| entry["kind"] == "plan")
        .map(|entry| entry["text"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(plans.len(), 3, "{plans:?}");
    assert!(plans[0].starts_with("leaver, ended"), "{plans:?}");
    assert!(plans[2].starts_with("joiner, active"), "{plans:?}");
    let text = daemon.cli(&["history", "hr:1"]);
    assert_eq!(text.code, 0, "{text:?}");
    for part in [
        "department: Sales -> Finance",
        "moved.csv (feed hr",
        "crm: suspend: verified",
        "crm: grant group:Finance: ",
        "no longer in the file",
    ] {
        assert!(text.out.contains(part), "{part}: {}", text.out);
    }
    assert!(!text.out.contains("hr:11"), "{}", text.out);

    // Page by page it is the same.
    let first = daemon.json(&["history", "1", "--limit", "3"]);
    assert_eq!(first["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(first["items"][2], items[2]);
    assert_eq!(first["next"], json!(numbers[2].to_string()));
    let nobody = daemon.cli(&["history", "hr:99"]);
    assert_eq!(nobody.code, 2, "{nobody:?}");
    assert!(nobody.err.contains("API-003"), "{nobody:?}");
}
