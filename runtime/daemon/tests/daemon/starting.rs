//! Opening the doors: what is in the way is said, and nobody else gets in. And the admin door, asked
//! by something else than our command line.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use muster_api::v1;
use muster_core::coded::Coded;
use muster_daemon::server::listen::{DoorError, Doors};

use crate::hooks::exchange;
use crate::open::{BODY_BYTES_MAX, Open};

fn open(address: Option<SocketAddr>, socket: &std::path::Path) -> Result<Doors, DoorError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(Doors::open(address, socket))
}

#[test]
fn only_the_owner_can_open_the_socket() {
    let doors = Open::doors();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&doors.socket), 0o600);
    assert_eq!(mode(doors.socket.parent().unwrap()), 0o700);
}

#[test]
fn a_socket_that_a_killed_daemon_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("muster.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    open(None, &socket).unwrap();
}

#[test]
fn a_second_daemon_on_the_same_folder_does_not_start() {
    let first = Open::doors();
    let error = open(None, &first.socket).unwrap_err();
    assert!(matches!(error, DoorError::Running { .. }), "{error}");
    assert_eq!(error.code().as_str(), "API-009");
}

#[test]
fn an_address_that_is_taken_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let error = open(Some(address), &folder.path().join("muster.sock")).unwrap_err();
    assert_eq!(error.code().as_str(), "API-008");
    assert_eq!(error.to_string(), format!("could not listen on {address}"));
}

#[test]
fn a_socket_that_cannot_be_made_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let too_long = folder.path().join("a".repeat(120));
    let error = open(None, &too_long).unwrap_err();
    assert_eq!(error.code().as_str(), "API-009");
    assert!(error.hint().contains("90 bytes"), "{}", error.hint());
}

#[test]
fn a_question_that_cannot_be_used_is_refused_with_a_code() {
    let open = Open::doors();
    let entries = open.entries();
    let nameless = format!("POST /v1/operations/12-4/retry?as={}", "a".repeat(65));
    let too_large = vec![b'a'; BODY_BYTES_MAX + 1];
    for (asked, body, status, code) in [
        ("GET /", b"".as_slice(), 404, "API-001"),
        ("POST /v1/status", b"", 405, "API-001"),
        ("GET /v1/people?limit=many", b"", 400, "API-002"),
        ("GET /v1/people/nobody", b"", 400, "API-002"),
        ("GET /v1/people/%ff", b"", 400, "API-002"),
        ("GET /v1/people/hr:9", b"", 404, "API-003"),
        ("GET /v1/accounts?target=A%20B", b"", 400, "API-002"),
        ("GET /v1/why/hr:1042?target=..%2F", b"", 400, "API-002"),
        ("GET /v1/operations?person=1042", b"", 400, "API-002"),
        ("POST /v1/operations/12/retry", b"", 400, "API-002"),
        (&nameless, b"", 400, "API-002"),
        ("POST /v1/held/3fa2/apply", b"", 400, "API-002"),
        ("GET /v1/held/zz", b"", 400, "API-002"),
        ("GET /v1/plans/first/follow", b"", 400, "API-002"),
        ("POST /v1/preview", b"a", 400, "API-002"),
        (
            "POST /v1/preview?feed=hr&file=a",
            &too_large,
            400,
            "API-002",
        ),
    ] {
        let stream = UnixStream::connect(&open.socket).unwrap();
        let (found, _, text) = exchange(stream, asked, &[], body);
        let error: v1::Error =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{asked}: {text}"));
        assert_eq!(
            (found, error.code.as_str()),
            (status, code),
            "{asked}: {text}"
        );
    }
    assert_eq!(open.entries(), entries);
}

#[test]
fn what_is_no_http_is_answered_or_dropped_and_others_go_on() {
    use std::io::{Read, Write};

    let open = Open::doors();
    for garbage in [
        b"\0\0\0\0\r\n\r\n".as_slice(),
        b"GET\r\n\r\n",
        &vec![0xff; 70_000],
    ] {
        let mut stream = UnixStream::connect(&open.socket).unwrap();
        // The other end may have had enough before all of it was sent.
        drop(stream.write_all(garbage));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
            "{answer:?}"
        );
    }
    let stream = UnixStream::connect(&open.socket).unwrap();
    let (status, _, body) = exchange(stream, "GET /v1/held", &[], b"");
    assert_eq!(status, 200, "{body}");
}
