//! The simple app of the guest `steady`: it keeps nothing, answers everything well, notes what it was
//! asked to change, and can let changes wait.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// An app on the loopback. It ends with the test's process.
#[derive(Debug)]
pub struct SimpleApp {
    /// Where it listens.
    pub address: SocketAddr,
    door: Arc<Door>,
}

#[derive(Debug, Default)]
struct Door {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The changes that came in, each as its path and its body.
    changes: Vec<String>,
    /// Changes beyond this number wait.
    open_for: Option<usize>,
}

impl SimpleApp {
    /// Starts it on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let door = Arc::new(Door::default());
        let at_door = Arc::clone(&door);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let door = Arc::clone(&at_door);
                thread::spawn(move || drop(serve(stream, &door)));
            }
        });
        Self { address, door }
    }

    /// Lets so many more changes be answered; those after them wait.
    pub fn shut_after(&self, changes: usize) {
        let mut state = self.door.state();
        state.open_for = Some(state.changes.len() + changes);
    }

    /// Lets every change be answered.
    pub fn open(&self) {
        self.door.state().open_for = None;
        self.door.opened.notify_all();
    }

    /// The changes that came in so far, each as its path and its body.
    pub fn changes(&self) -> Vec<String> {
        self.door.state().changes.clone()
    }
}

impl Door {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account as it was asked for last.
    fn account(&self, key: &str) -> String {
        let (account, state_of) = (
            format!("/accounts/{key} "),
            format!("/accounts/{key}/state "),
        );
        let state = self.state();
        let mut changes = state.changes.iter().rev();
        let is_about =
            |change: &&String| change.starts_with(&account) || change.starts_with(&state_of);
        let last = changes.find(is_about);
        let is_suspended = last.is_some_and(|change| change.contains("\"suspended\""));
        let word = if is_suspended { "suspended" } else { "active" };
        format!(r#"{{"key":"{key}","state":"{word}","attributes":{{}}}}"#)
    }

    /// Notes a change, and waits until it may be answered.
    fn pass(&self, change: String) {
        let mut state = self.state();
        state.changes.push(change);
        let number = state.changes.len();
        while state.open_for.is_some_and(|open_for| number > open_for) {
            let waited = self.opened.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn serve(stream: TcpStream, door: &Door) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            let lower = line.to_ascii_lowercase();
            if let Some(bytes) = lower.strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap_or(0);
            }
        }
        let mut body = String::new();
        reader.by_ref().take(length).read_to_string(&mut body)?;
        let path = first.split(' ').nth(1).unwrap_or_default();
        if first.starts_with("PUT ") {
            door.pass(format!("{path} {body}"));
        }
        let answer = match path.strip_prefix("/accounts/") {
            Some(key) if first.starts_with("GET ") => door.account(key),
            None if path.starts_with("/accounts?") => r#"{"accounts":[],"total":0}"#.to_owned(),
            _ => String::new(),
        };
        let length = answer.len();
        write!(
            writer,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}"
        )?;
    }
}
