//! What an app can give changes: that waits by itself, and HR's files do not wait for it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use muster_tests::app::App;
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

use super::{GROUPS, accept, active, company, csv, workers};

/// Asks the app itself, as its administrator would.
fn ask(app: &App, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(app.address).expect("the app to listen");
    let (token, base) = (&app.token, &app.service.options().base_path);
    let request = format!(
        "{method} {base}{path} HTTP/1.1\r\nHost: app\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .expect("the app to take a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Deletes a group and makes it again under the same name.
fn make_again(app: &App, name: &str) {
    let state = app.state();
    let groups = state["groups"].as_array().cloned().unwrap_or_default();
    let group = groups.iter().find(|group| group["displayName"] == name);
    let id = group.and_then(|group| group["id"].as_str());
    let id = id.expect("the group").to_owned();
    let deleted = ask(app, "DELETE", &format!("/Groups/{id}"), "");
    assert!(deleted.starts_with("HTTP/1.1 204"), "{deleted}");
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": name,
    });
    let made = ask(app, "POST", "/Groups", &body.to_string());
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
}

#[test]
fn c64_a_group_that_was_made_again_waits_by_itself_and_leavers_go_on() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    make_again(&app, "Everyone");
    // What an app can give is read every hour, and at a start.
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    let held = wait_for("the change to wait", || {
        let held = daemon.json(&["status"])["held"].clone();
        let held = held.as_array().cloned().unwrap_or_default();
        held.into_iter().find(|held| {
            held["file"]
                .as_str()
                .is_some_and(|what| what.contains("Everyone"))
        })
    });
    let findings = daemon.json(&["findings"]).to_string();
    assert!(findings.contains("PLN-023"), "{findings}");
    assert!(
        findings.contains("group `Everyone` was deleted and made again"),
        "{findings}"
    );

    // Nobody waits for it: 1040 leaves, and 1041 is new.
    let mut rows = workers(1, 39);
    rows.push(super::worker(41));
    // What 1041 should get in the old group is tried for minutes, so nobody waits for that.
    company.drop_file("leaver.csv", csv(&rows));
    let report = company.wait_for_report("leaver.csv");
    assert_eq!(report.place, "processed", "{}", report.text);
    wait_for("the leaver to be out, and the joiner in", || {
        (!app.is_active("1040") && app.is_active("1041")).then_some(())
    });

    let digest = held["plan_digest"].as_str().unwrap_or_default();
    let shown = daemon.json(&["apply"]).to_string();
    assert!(shown.contains("Everyone"), "{shown}");
    let applied = apply_newest(&daemon, digest);
    assert_eq!(applied, 0);
    wait_for("everybody in the new group", || {
        let state = app.state();
        let groups = state["groups"].as_array().cloned().unwrap_or_default();
        let group = groups
            .iter()
            .find(|group| group["displayName"] == "Everyone")?;
        let members = group["members"].as_array().map_or(0, Vec::len);
        (members == 40).then_some(())
    });
    assert_eq!(active(&app), 40);
    assert_eq!(daemon.approver("what crm can give")["called"], "Ann Lee");
    let findings: Value = daemon.json(&["findings"]);
    assert!(!findings.to_string().contains("PLN-023"), "{findings:#}");
    assert!(daemon.stop());
}

#[test]
fn what_an_app_can_give_waits_on_over_a_restart_in_which_the_app_does_not_answer() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    make_again(&app, "Everyone");
    assert!(daemon.stop());
    let waiting = |daemon: &Daemon<'_>| {
        wait_for("the change to wait", || {
            let held = daemon.json(&["status"])["held"].clone();
            let held = held.as_array().cloned().unwrap_or_default();
            held.into_iter()
                .find(|held| held["file"].to_string().contains("Everyone"))
        })
    };
    let daemon = Daemon::start(&company);
    let before = waiting(&daemon);
    assert!(daemon.stop());
    app.fault(&json!({ "method": "GET", "path": "/Groups", "times": 1000,
        "answer": { "kind": "status", "status": 503 } }));
    let daemon = Daemon::start(&company);
    assert_eq!(waiting(&daemon), before, "the same, since the same instant");
    daemon.check_ledger();
    assert!(daemon.stop());
}

/// The leaver changed who would be moved, so the first approval may name a plan that is no more.
fn apply_newest(daemon: &Daemon<'_>, digest: &str) -> i32 {
    let first = daemon.cli(&["apply", digest, "--as", "Ann Lee"]);
    if first.code == 0 {
        return 0;
    }
    let held = daemon.json(&["status"])["held"].clone();
    let held = held.as_array().cloned().unwrap_or_default();
    let waits = held.iter().find(|held| {
        held["file"]
            .as_str()
            .is_some_and(|what| what.contains("Everyone"))
    });
    let digest = waits.and_then(|held| held["plan_digest"].as_str());
    let digest = digest.unwrap_or_default();
    daemon.cli(&["apply", digest, "--as", "Ann Lee"]).code
}
