//! HR over HTTP: signed, durable before it is answered, taken once, and the same as a file otherwise.

#![expect(clippy::expect_used, reason = "test code")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, export, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use ring::hmac;

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

fn company(app: &App) -> Company {
    let hook = "\n[feed.hr.hook]\nsecrets = [{ file = \"secrets/hook\" }]\n";
    let company = Company::configured(
        &format!("{}{hook}{}", feed(""), target("crm", app, "")),
        POLICY,
    );
    company.write(
        "secrets/hook",
        &format!("whsec_{}", STANDARD.encode(SECRET)),
    );
    company
}

struct Answer {
    status: u16,
    body: String,
}

/// Sends a delivery, signed for this message id, `age` seconds ago.
fn deliver(daemon: &Daemon<'_>, id: &str, kind: &str, body: &str, age: i64) -> Answer {
    let at = jiff::Timestamp::now().as_second() - age;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(tag.as_ref()));
    send(
        daemon,
        &format!(
            "POST /v1/feeds/hr HTTP/1.1\r\nHost: muster\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
}

fn send(daemon: &Daemon<'_>, request: &str) -> Answer {
    let mut stream = TcpStream::connect(daemon.address()).expect("the daemon to listen");
    stream
        .write_all(request.as_bytes())
        .expect("the request to be taken");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let status = text
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = text
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default();
    Answer { status, body }
}

#[test]
fn a_signed_file_and_a_signed_event_become_access() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let rows = people(1, 10, &["Sales", "Finance"]);
    let taken = deliver(&daemon, "msg-1", "text/csv", &export(&rows), 0);
    assert_eq!(taken.status, 202, "{}", taken.body);
    wait_for("ten accounts", || (app.users().len() == 10).then_some(()));

    // A single event names only the columns that it is about; nobody else is touched.
    let event = r#"{"type":"upsert","row":{"WorkerID":"2","WorkerStatus":"Active","TerminationDate":"","Department":"Finance"}}"#;
    assert_eq!(
        deliver(&daemon, "msg-2", "application/json", event, 0).status,
        202
    );
    wait_for("the mover", || {
        (app.groups_of("2") == ["Everybody", "Finance"]).then_some(())
    });
    let name = app.user("2").map(|user| user["name"]["familyName"].clone());
    assert_eq!(
        name,
        Some(serde_json::json!("Last2")),
        "what the event does not name stays"
    );

    let event = r#"{"type":"leave","row":{"WorkerID":"1"}}"#;
    assert_eq!(
        deliver(&daemon, "msg-3", "application/json", event, 0).status,
        202
    );
    wait_for("the leaver", || (!app.is_active("1")).then_some(()));
    daemon.wait_until_idle();
    assert_eq!(
        app.users()
            .values()
            .filter(|user| user["active"] == serde_json::json!(true))
            .count(),
        9
    );
    daemon.check_ledger();
}

#[test]
fn a_delivery_that_is_not_signed_or_too_old_or_used_otherwise_is_refused() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let body = export(&people(1, 3, &["Sales"]));
    let unsigned = send(
        &daemon,
        &format!(
            "POST /v1/feeds/hr HTTP/1.1\r\nHost: muster\r\nConnection: close\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert_eq!(unsigned.status, 401, "{}", unsigned.body);
    assert!(
        unsigned.body.contains("HOOK-"),
        "a code that is explained: {}",
        unsigned.body
    );
    assert_eq!(
        deliver(&daemon, "msg-1", "text/csv", &body, 3600).status,
        401,
        "an hour old"
    );
    assert_eq!(
        deliver(&daemon, "msg-1", "text/csv", &body, -3600).status,
        401,
        "an hour ahead"
    );
    assert_eq!(deliver(&daemon, "msg-1", "text/csv", &body, 0).status, 202);
    assert_eq!(
        deliver(&daemon, "msg-1", "text/csv", &body, 0).status,
        202,
        "the same again is the same"
    );
    let other = export(&people(1, 2, &["Sales"]));
    assert_eq!(
        deliver(&daemon, "msg-1", "text/csv", &other, 0).status,
        409,
        "the same id, another body"
    );
    wait_for("three accounts", || (app.users().len() == 3).then_some(()));
    assert!(
        send(
            &daemon,
            "GET /livez HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n"
        )
        .status
            == 200
    );
    assert!(
        send(
            &daemon,
            "GET /readyz HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n"
        )
        .status
            == 200
    );
    let metrics = send(
        &daemon,
        "GET /metrics HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n",
    );
    assert!(
        metrics.body.contains("muster_operations_completed_total"),
        "{}",
        metrics.body
    );
}

#[test]
fn what_was_answered_with_202_survives_a_power_cut() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let rows = people(1, 50, &["Sales"]);
    assert_eq!(
        deliver(&daemon, "msg-1", "text/csv", &export(&rows), 0).status,
        202
    );
    daemon.kill();
    let daemon = Daemon::start(&company);
    wait_for("fifty accounts", || (app.users().len() == 50).then_some(()));
    assert_eq!(
        deliver(&daemon, "msg-1", "text/csv", &export(&rows), 0).status,
        202,
        "and is taken once"
    );
    daemon.wait_until_idle();
    daemon.check_ledger();
}

#[test]
fn f1_an_event_does_not_take_the_place_of_a_held_file() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let rows = people(1, 60, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    company.drop_file("half.csv", export(&rows[30..]));
    assert_eq!(company.wait_for_report("half.csv").place, "held");

    let event = r#"{"type":"leave","row":{"WorkerID":"60"}}"#;
    let taken = deliver(&daemon, "msg-1", "application/json", event, 0);
    assert_eq!(taken.status, 202, "{}", taken.body);
    wait_for("the leaver of the event", || {
        (!app.is_active("60")).then_some(())
    });
    let status = daemon.json(&["status"]);
    assert_eq!(
        status["held"][0]["file"], "half.csv",
        "somebody still has to look at it: {status}"
    );
    assert!(daemon.json(&["findings"]).to_string().contains("FEED-001"));
    assert!(app.is_active("1"));

    // The ledger moved, so what was shown is shown anew once; the event is newer than the file.
    let held = || {
        let digest = daemon.json(&["status"])["held"][0]["plan_digest"].clone();
        digest.as_str().unwrap_or_default().to_owned()
    };
    let applied = daemon.cli(&["apply", &held()]);
    if applied.code != 0 {
        assert_eq!(daemon.cli(&["apply", &held()]).code, 0, "{applied:?}");
    }
    daemon.wait_until_idle();
    assert!((1..=30).all(|id| !app.is_active(&id.to_string())));
    assert!((31..=59).all(|id| app.is_active(&id.to_string())));
    assert!(
        !app.is_active("60"),
        "an older file does not bring back who left since"
    );
}
