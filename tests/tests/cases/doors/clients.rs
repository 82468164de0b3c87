//! Case 40: clients that do not read, do not send, or never end.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::hook::{self, deliver, event, get, head};
use muster_tests::wait_for;

/// A signature that could be one, so that only the whole body tells that it is not.
const WRONG: &str = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const LEAVE: &str = r#"{"type":"leave","row":{"WorkerID":"1"}}"#;

/// How long a stop may take with everybody hanging at the doors, in seconds: well below what systemd allows.
const STOP_MAX: u64 = 60;

fn settled(app: &App, company: &Company) {
    company.drop_file("all.csv", export(&people(1, 8, &["Sales"])));
    company.wait_for_report("all.csv");
    wait_for("the accounts", || (app.users().len() == 8).then_some(()));
}

#[test]
fn c40_clients_that_ask_and_never_read_neither_shut_the_door_nor_hold_up_a_stop() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let daemon = Daemon::start(&company);
    settled(&app, &company);
    let hanging: Vec<TcpStream> = (0..200).map(|_| pipelining(&daemon)).collect();
    wait_for("a delivery to be taken all the same", || {
        (event(&daemon, "leave", LEAVE).status == 202).then_some(())
    });
    wait_for("the leaver to be out", || {
        (!app.is_active("1")).then_some(())
    });
    let hanging: Vec<TcpStream> = hanging
        .into_iter()
        .chain((0..200).map(|_| pipelining(&daemon)))
        .collect();
    let told = Instant::now();
    assert!(daemon.stop());
    assert!(told.elapsed().as_secs() < STOP_MAX, "{:?}", told.elapsed());
    drop(hanging);
}

/// Asks as long as the daemon takes questions, and reads no answer.
fn pipelining(daemon: &Daemon<'_>) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.address()).expect("the daemon listens");
    stream
        .set_nonblocking(true)
        .expect("a socket that does not wait");
    let asked = "GET /metrics HTTP/1.1\r\nHost: muster\r\n\r\n".repeat(500);
    for _ in 0..20 {
        match stream.write(asked.as_bytes()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // It was shown the door already.
            Err(_) => break,
        }
    }
    stream
}

#[test]
fn c40_deliveries_that_announce_much_and_send_nothing_take_no_room_from_others() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let daemon = Daemon::start(&company);
    settled(&app, &company);
    let at = jiff::Timestamp::now().as_second();
    let unsigned = |bytes: usize| head("big", "text/csv", at, WRONG, bytes);
    let mut hanging: Vec<TcpStream> = Vec::new();
    for _ in 0..8 {
        hanging.push(begun(&daemon, &unsigned(67_108_864)));
    }
    for _ in 0..8 {
        // Enough to be a large one, and not the rest.
        let request = format!("{}{}", unsigned(67_108_864), "a".repeat(70_000));
        hanging.push(begun(&daemon, &request));
    }
    wait_for("the room for large ones to be taken", || {
        hanging.iter().any(is_answered).then_some(())
    });
    let taken = event(&daemon, "leave", LEAVE);
    assert_eq!(
        taken.status, 202,
        "a small one finds room at once: {taken:?}"
    );
    wait_for("the leaver to be out", || {
        (!app.is_active("1")).then_some(())
    });
    let mut file = export(&people(2, 8, &["Sales"]));
    while file.len() < 200_000 {
        file.push('\n');
    }
    wait_for(
        "a large one to find room, once those who sent nothing were cut off",
        || {
            let taken = deliver(&daemon, hook::SECRET, "file", "text/csv", &file);
            (taken.status == 202).then_some(())
        },
    );
    drop(hanging);
}

/// Whether something came back.
fn is_answered(stream: &TcpStream) -> bool {
    stream
        .set_nonblocking(true)
        .expect("a socket that does not wait");
    stream.peek(&mut [0]).is_ok_and(|bytes| bytes > 0)
}

fn begun(daemon: &Daemon<'_>, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.address()).expect("the daemon listens");
    // It may have been refused before all of it was sent.
    drop(stream.write_all(request.as_bytes()));
    stream
}

#[test]
fn c40_a_body_that_stops_or_never_ends_is_cut_off() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let daemon = Daemon::start(&company);
    let at = jiff::Timestamp::now().as_second();
    let whole = head("a", "text/csv", at, WRONG, 5);
    let chunked = whole.replace("Content-Length: 5", "Transfer-Encoding: chunked");
    let mut stopped = begun(&daemon, &format!("{whole}ab"));
    let mut open = begun(&daemon, &format!("{chunked}2\r\nab\r\n"));
    let begun_at = Instant::now();
    for stream in [&mut stopped, &mut open] {
        let answer = hook::read(stream).expect("an answer");
        assert_eq!(answer.status, 408, "{answer:?}");
        assert!(answer.body.contains("HOOK-010"), "{answer:?}");
    }
    assert!(
        begun_at.elapsed().as_secs() < 40,
        "{:?}",
        begun_at.elapsed()
    );
    assert_eq!(get(&daemon, "/livez").status, 200);
    assert!(daemon.stop());
}
