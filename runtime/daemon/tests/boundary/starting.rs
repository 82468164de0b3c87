//! Opening the doors: what is in the way is said, and nobody else gets in.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;

use muster::error::Coded;
use muster::server::listen::{DoorError, Doors};

use crate::fake::{Fake, Open};

fn open(address: Option<SocketAddr>, socket: &std::path::Path) -> Result<Doors, DoorError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(Doors::open(address, socket))
}

#[test]
fn only_the_owner_can_open_the_socket() {
    let doors = Open::before(Fake::default());
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
    let first = Open::before(Fake::default());
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
