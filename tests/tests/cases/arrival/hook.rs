//! Deliveries over HTTP, signed as a sender signs them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_tests::app::App;
use muster_tests::company::{Company, POLICY, feed, target};
use muster_tests::daemon::Daemon;
use ring::hmac;

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

/// A company whose feed takes deliveries, with lines of its own after `[feed.hr]`.
pub(super) fn company(app: &App, lines: &str, below: &str) -> Company {
    let hook = "\n[feed.hr.hook]\nsecrets = [{ file = \"secrets/hook\" }]\n";
    // Many moves are what these tests are about, and no limit on them.
    let limits = "limits = { removals_percent_max = 100, removals_floor = 1000000 }";
    let tables = [&feed(lines), hook, below, &target("crm", app, limits)].concat();
    let company = Company::configured(&tables, POLICY);
    let secret = format!("whsec_{}", STANDARD.encode(SECRET));
    company.write("secrets/hook", &secret);
    company
}

/// Sends a delivery. Returns the status and the body of the answer.
pub(super) fn deliver(daemon: &Daemon<'_>, id: &str, kind: &str, body: &str) -> (u16, String) {
    send(&daemon.address(), id, kind, body).expect("an answer")
}

/// The same to an address; `None` if nobody answered.
pub(super) fn send(address: &str, id: &str, kind: &str, body: &str) -> Option<(u16, String)> {
    let at = jiff::Timestamp::now().as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(tag.as_ref()));
    let request = format!(
        "POST /v1/feeds/hr HTTP/1.1\r\nHost: muster\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split_whitespace().nth(1)?.parse().ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

/// Sends an event that must be taken.
#[track_caller]
pub(super) fn event(daemon: &Daemon<'_>, id: &str, body: &str) {
    let (status, answer) = deliver(daemon, id, "application/json", body);
    assert_eq!(status, 202, "{answer}");
}

/// That somebody is in a department.
pub(super) fn upsert(key: &str, department: &str) -> String {
    format!(
        r#"{{"type":"upsert","row":{{"WorkerID":"{key}","WorkerStatus":"Active","TerminationDate":"","Department":"{department}"}}}}"#
    )
}

/// That somebody left.
pub(super) fn leave(key: &str) -> String {
    format!(r#"{{"type":"leave","row":{{"WorkerID":"{key}"}}}}"#)
}
