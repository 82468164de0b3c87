//! A secret is where it has to be and nowhere else: not in a log, the ledger, a report, an answer or
//! a finding, whatever goes wrong.

use std::path::{Path, PathBuf};

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::json;

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            if entry.path().is_dir() {
                files(&entry.path())
            } else {
                vec![entry.path()]
            }
        })
        .collect()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_secret_never_shows_up_outside_its_file() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    // Everything is logged, and the app is as talkative as it can be.
    let config = std::fs::read_to_string(company.config()).expect("the configuration");
    company.write(
        "muster.toml",
        &config.replace("[daemon]", "[daemon]\nlog = \"debug,muster=trace,muster_host=trace,muster_core=trace,hyper_util=trace,hyper=trace,rustls=trace,cranelift_codegen=warn,wasmtime=info\""),
    );
    for answer in [
        json!({ "kind": "status", "status": 401, "detail": format!("bad token {}", app.token) }),
        json!({ "kind": "status", "status": 400, "detail": format!("Authorization: Bearer {}", app.token) }),
        json!({ "kind": "html" }),
        json!({ "kind": "drop" }),
        json!({ "kind": "redirect", "location": format!("https://elsewhere.example/?token={}", app.token) }),
    ] {
        app.fault(&json!({ "path": "/Users", "method": "POST", "times": 2, "answer": answer }));
    }
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 20, &["Sales"])));
    company.wait_for_report("all.csv");
    wait_for("the faults to be used up", || {
        let left = app.admin("GET", "/_faults", &serde_json::Value::Null);
        left.as_array().is_some_and(Vec::is_empty).then_some(())
    });
    wait_for("most accounts", || (app.users().len() >= 10).then_some(()));
    let mut shown = String::new();
    for command in [
        &["status"][..],
        &["operations"],
        &["findings"],
        &["people"],
        &["plugin", "list"],
        &["why", "hr:1"],
    ] {
        let ran = daemon.cli(command);
        shown.push_str(&ran.out);
        shown.push_str(&ran.err);
    }
    daemon.kill();

    let secret = app.token.as_bytes();
    assert!(
        !contains(shown.as_bytes(), secret),
        "a command shows the secret"
    );
    let mut looked = 0;
    for file in files(&company.path("")) {
        if file.ends_with("secrets/crm") {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(
            !contains(&bytes, secret),
            "{} holds the secret",
            file.display()
        );
        looked += 1;
    }
    assert!(
        looked > 5,
        "the ledger, the log, the reports and the configuration were looked at"
    );
}

#[test]
fn a_secret_that_is_replaced_is_taken_up_and_a_leaver_whose_removal_was_refused_goes() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    let rows = people(1, 8, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();

    company.write("secrets/crm", "one-that-the-app-does-not-know");
    let taken_up = |times: usize| {
        wait_for("the replaced secret to be taken up", || {
            let log = daemon.log();
            (log.matches("secrets were replaced").count() == times).then_some(())
        });
    };
    taken_up(1);
    company.drop_file("fewer.csv", export(&rows[1..]));
    company.wait_for_report("fewer.csv");
    wait_for("the refusal to be shown", || {
        let found = daemon.json(&["findings"]).to_string();
        found.contains("OP-004").then_some(())
    });
    let status = daemon.json(&["status"]).to_string();
    assert!(
        status.contains("\"degraded\"") && status.contains("OP-004"),
        "the target is not said to be ready: {status}"
    );
    assert!(app.is_active("1"), "the app refused");

    company.write("secrets/crm", &app.token);
    taken_up(2);
    daemon.wait_until_idle();
    assert!(!app.is_active("1"), "not a quarter of an hour later");
    assert!(
        !daemon.json(&["findings"]).to_string().contains("OP-004"),
        "what was refused is over"
    );
}
