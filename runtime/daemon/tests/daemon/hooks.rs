//! `POST /v1/feeds/NAME` over real HTTP.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use muster_api::error::{API_NOT_READY, Fault, FaultKind};
use muster_api::v1;
use muster_config::SecretValue;
use muster_daemon::server::gate::Absent;
use muster_daemon::server::signature::HookKey;

use crate::open::{BODY_BYTES_MAX, NEWER_SECRET, Open, SECRET};

/// The published example of a signature.
#[derive(serde::Deserialize)]
struct Vector {
    scheme: String,
    secret: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    timestamp: String,
    body: String,
    signature: String,
}

fn vector() -> Vector {
    let all = include_str!("fixtures/webhooks.json");
    let all: Vec<Vector> = serde_json::from_str(all).unwrap();
    let mut ours = all
        .into_iter()
        .filter(|vector| vector.scheme == "standard-webhooks v1");
    ours.next().unwrap()
}

/// A delivery as a sender makes one; each test changes what it is about.
struct Sent {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// When the daemon's clock stands still.
const NOW: i64 = 1_649_367_553;

const CSV: &[u8] = b"WorkerID,Department\n1042,Sales\n";

impl Sent {
    fn signed(id: &str, timestamp: i64, kind: &str, body: &[u8]) -> Self {
        let signature = HookKey::new(SECRET).unwrap().sign(id, timestamp, body);
        Self {
            path: "/v1/feeds/hr".to_owned(),
            headers: vec![
                ("content-type", kind.to_owned()),
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", timestamp.to_string()),
                ("webhook-signature", signature),
            ],
            body: body.to_vec(),
        }
    }

    fn csv(id: &str) -> Self {
        Self::signed(id, NOW, "text/csv", CSV)
    }

    fn header(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        if let Some(value) = value {
            self.headers
                .push((name.to_owned().leak(), value.to_owned()));
        }
        self
    }

    fn to(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    fn post(&self, open: &Open) -> (u16, String, String) {
        request(open, "POST", &self.path, &self.headers, &self.body)
    }
}

fn get(open: &Open, path: &str) -> (u16, String) {
    let (status, _, body) = request(open, "GET", path, &[], b"");
    (status, body)
}

/// One request at the TCP address. Returns status, headers and body.
fn request(
    open: &Open,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> (u16, String, String) {
    let stream = TcpStream::connect(open.address).unwrap();
    exchange(stream, &format!("{method} {path}"), headers, body)
}

/// One request with nothing between the test and the wire. Returns status, headers and body.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    asked: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> (u16, String, String) {
    let mut text = format!("{asked} HTTP/1.1\r\nhost: muster\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    write!(text, "content-length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    // A refusal may come before the body was read, and then nobody takes the rest of it.
    drop(stream.write_all(body));
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

#[track_caller]
fn check_refused(sent: &Sent, status: u16, code: &str) {
    let open = Open::doors();
    let (found, _, body) = sent.post(&open);
    let error: v1::Error = serde_json::from_str(&body).unwrap();
    assert_eq!((found, error.code.as_str()), (status, code), "{body}");
    assert!(!error.hint.is_empty(), "{body}");
    assert_eq!(error.page, format!("docs/errors/{code}.md"));
    assert_eq!(open.arrivals(), 0);
}

#[test]
fn the_published_vector_is_signed_the_same_and_accepted() {
    let vector = vector();
    let timestamp: i64 = vector.timestamp.parse().unwrap();
    let key = HookKey::new(&vector.secret).unwrap();
    let signature = key.sign(&vector.id, timestamp, vector.body.as_bytes());
    assert_eq!(signature, vector.signature);
    // Its body is no event of ours: the signature is accepted, and then the body refused.
    let sent = Sent::signed(
        &vector.id,
        timestamp,
        "application/json",
        vector.body.as_bytes(),
    );
    check_refused(&sent, 400, "HOOK-008");
    let mut body = vector.body.clone();
    body.push(' ');
    let tampered = Sent {
        body: body.into_bytes(),
        ..sent
    };
    check_refused(&tampered, 401, "HOOK-002");
}

#[test]
fn a_file_and_an_event_are_taken_and_answered_202() {
    let open = Open::doors();
    let (status, _, body) = Sent::csv("msg_1").post(&open);
    assert_eq!(status, 202, "{body}");
    let taken: v1::Taken = serde_json::from_str(&body).unwrap();
    assert_eq!((taken.feed.as_str(), taken.id.as_str()), ("hr", "msg_1"));
    let event = br#"{"type": "leave", "row": {"WorkerID": "1042", "Note": null}}"#;
    let event = Sent::signed("msg_2", NOW, "application/json; charset=utf-8", event);
    assert_eq!(event.post(&open).0, 202);
    let event = br#"{"type": "upsert", "row": {"workerid": "7", "Department": "", "End": "", "More": true}}"#;
    let event = Sent::signed("msg_3", NOW, "application/json", event);
    assert_eq!(event.post(&open).0, 202);
    assert!(
        ["msg_1", "msg_2", "msg_3"]
            .iter()
            .all(|id| open.has_taken(id))
    );
    assert_eq!(open.arrivals(), 3);
}

#[test]
fn the_same_delivery_again_is_answered_the_same_and_another_body_is_a_conflict() {
    let open = Open::doors();
    let first = Sent::csv("msg_1").post(&open);
    let again = Sent::csv("msg_1").post(&open);
    assert_eq!((first.0, &first.2), (again.0, &again.2));
    let other = Sent::signed("msg_1", NOW, "text/csv", b"WorkerID\n7\n").post(&open);
    let error: v1::Error = serde_json::from_str(&other.2).unwrap();
    assert_eq!((other.0, error.code.as_str()), (409, "HOOK-004"));
}

#[test]
fn any_of_several_secrets_and_any_of_several_signatures_will_do() {
    let newer = HookKey::new(NEWER_SECRET).unwrap();
    let open = Open::doors();
    assert_eq!(Sent::csv("by_the_older").post(&open).0, 202);
    let signatures = format!("v1a,c29tZXRoaW5n v1,AAAA {}", newer.sign("both", NOW, CSV));
    let sent = Sent::csv("both").header("webhook-signature", Some(&signatures));
    assert_eq!(sent.post(&open).0, 202);
}

#[test]
fn an_unsigned_delivery_is_refused() {
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        check_refused(&Sent::csv("a").header(header, None), 401, "HOOK-001");
    }
    check_refused(
        &Sent::csv("a").header("webhook-signature", Some("v1a,AAAA")),
        401,
        "HOOK-001",
    );
    check_refused(
        &Sent::csv("a").header("webhook-timestamp", Some("soon")),
        401,
        "HOOK-001",
    );
    check_refused(&Sent::csv(&"a".repeat(257)), 401, "HOOK-001");
}

#[test]
fn a_signature_is_over_the_id_the_time_and_the_body() {
    check_refused(
        &Sent::csv("a").header("webhook-id", Some("b")),
        401,
        "HOOK-002",
    );
    let later = (NOW + 1).to_string();
    check_refused(
        &Sent::csv("a").header("webhook-timestamp", Some(&later)),
        401,
        "HOOK-002",
    );
    let mut cut = Sent::csv("a");
    cut.body.pop();
    check_refused(&cut, 401, "HOOK-002");
}

#[test]
fn a_delivery_from_long_ago_or_from_the_future_is_refused() {
    for seconds in [-301, 301, -NOW, i64::MAX - NOW, i64::MIN] {
        let timestamp = NOW.saturating_add(seconds);
        check_refused(
            &Sent::signed("a", timestamp, "text/csv", CSV),
            401,
            "HOOK-003",
        );
    }
    for seconds in [-300, 300] {
        let open = Open::doors();
        let sent = Sent::signed("a", NOW + seconds, "text/csv", CSV);
        assert_eq!(sent.post(&open).0, 202, "{seconds}");
    }
}

#[test]
fn a_feed_that_takes_no_deliveries_is_not_there() {
    for path in [
        "/v1/feeds/other",
        "/v1/feeds/HR",
        "/v1/feeds/%2e%2e",
        "/v1/feeds/%ff",
    ] {
        check_refused(&Sent::csv("a").to(path), 404, "HOOK-005");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let body = vec![b'a'; BODY_BYTES_MAX + 1];
    check_refused(&Sent::signed("a", NOW, "text/csv", &body), 413, "HOOK-006");
    let open = Open::doors();
    let sent = Sent::signed("a", NOW, "text/csv", &body[1..]);
    assert_eq!(sent.post(&open).0, 202);
}

#[test]
fn a_body_of_another_kind_is_refused() {
    check_refused(&Sent::signed("a", NOW, "text/plain", CSV), 415, "HOOK-007");
    check_refused(
        &Sent::csv("a").header("content-type", None),
        415,
        "HOOK-007",
    );
}

#[test]
fn an_event_that_cannot_be_read_is_refused_before_it_is_taken() {
    for body in [
        "",
        "[]",
        "{\"type\": \"upsert\"}",
        "{\"type\": \"rename\", \"row\": {\"a\": \"b\"}}",
        "{\"type\": \"upsert\", \"row\": {}}",
        "{\"type\": \"leave\", \"row\": {}}",
        "{\"type\": \"upsert\", \"row\": {\"WorkerID\": \"1042\"}}",
        "{\"type\": \"upsert\", \"row\": {\"a\": [1]}}",
        "{\"type\": \"upsert\", \"row\": {\"a\": \"b\"}, \"more\": 1}",
    ] {
        let sent = Sent::signed("a", NOW, "application/json", body.as_bytes());
        check_refused(&sent, 400, "HOOK-008");
    }
}

#[test]
fn only_so_many_deliveries_are_read_at_once_and_the_next_is_to_be_sent_again() {
    let open = Open::doors();
    // Each sends its head and keeps its body back.
    let waiting: Vec<TcpStream> = (0..32).map(|_| begin(&open)).collect();
    let mut refused = None;
    // The heads may still be on their way: ask until they have all arrived.
    for number in 0..1_000 {
        let answer = Sent::csv(&format!("next_{number}")).post(&open);
        if answer.0 != 202 {
            refused = Some(answer);
            break;
        }
    }
    let (status, head, body) = refused.unwrap();
    let error: v1::Error = serde_json::from_str(&body).unwrap();
    assert_eq!((status, error.code.as_str()), (503, "HOOK-009"));
    assert!(head.contains("\r\nretry-after: 5\r\n"), "{head}");
    // One that hangs up makes room, and was not taken.
    drop(waiting);
    let taken = (0..1_000).any(|_| Sent::csv("again").post(&open).0 == 202);
    assert!(taken);
    assert!(!open.has_taken("slow"));
}

/// Sends the head of a delivery, and not its body.
fn begin(open: &Open) -> TcpStream {
    let mut stream = TcpStream::connect(open.address).unwrap();
    let sent = Sent::csv("slow");
    let mut text = format!("POST {} HTTP/1.1\r\nhost: muster\r\n", sent.path);
    for (name, value) in &sent.headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    write!(text, "content-length: {}\r\n\r\n", sent.body.len()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

#[test]
fn health_and_metrics_are_answered() {
    let open = Open::doors();
    assert_eq!(get(&open, "/livez"), (200, "live\n".to_owned()));
    assert_eq!(get(&open, "/readyz"), (200, "ready\n".to_owned()));
    let (status, metrics) = get(&open, "/metrics");
    assert_eq!(status, 200);
    assert!(
        metrics.contains("muster_ready 1\n") && metrics.contains("\nmuster_journal_entries "),
        "{metrics}"
    );
    let reason = "the ledger is being opened";
    open.gate.shut(Absent {
        fault: Fault::new(FaultKind::Unavailable, API_NOT_READY, reason),
        status: v1::Status::default(),
    });
    assert_eq!(get(&open, "/livez").0, 200);
    let not_ready = (503, format!("{API_NOT_READY}: {reason}\n"));
    assert_eq!(get(&open, "/readyz"), not_ready);
}

#[test]
fn what_is_not_there_says_so_in_the_same_form() {
    let open = Open::doors();
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v1/status", 404),
        ("GET", "/v1/feeds/hr", 405),
        ("DELETE", "/metrics", 405),
    ] {
        let (found, _, body) = request(&open, method, path, &[], b"");
        let error: v1::Error = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (found, error.code.as_str()),
            (status, "API-001"),
            "{method} {path}"
        );
    }
}

#[test]
fn a_connection_that_says_nothing_does_not_keep_the_doors_from_closing() {
    let mut open = Open::doors();
    let _silent = TcpStream::connect(open.address).unwrap();
    assert_eq!(get(&open, "/livez").0, 200);
    open.close();
    assert!(!open.socket.exists());
}

/// A secret's value cannot be seen by printing what holds it.
#[test]
fn secrets_do_not_show_when_printed() {
    let value = SecretValue::new(SECRET);
    let key = HookKey::new(SECRET).unwrap();
    let shown = format!("{value:?} {key:?}");
    assert!(!shown.contains("C2FVs"), "{shown}");
}
