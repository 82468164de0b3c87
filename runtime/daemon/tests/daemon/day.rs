//! A day of the whole daemon on a clock that only the test moves: feeds, planning, dates, the driver with a real
//! plugin, and the app. Nothing in here waits for the machine's clock, so the day passes in milliseconds.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use muster_config::{Config, Environment};
use muster_daemon::clock::{Clock, GivenClock};
use muster_daemon::start;
use tokio::sync::watch;

use crate::hooks::exchange;

/// No wait takes longer, or the test fails.
const LIMIT: Duration = Duration::from_mins(2);

/// A day on the given clock takes a fraction of a second; what takes this long waits for the machine's clock
/// somewhere. The machine may be busy with other tests.
const DAY_MAX: Duration = Duration::from_mins(1);

const ROLES: &str = r#"
[[role]]
name = "everybody"
description = "Whoever works here"
when = "true"
access = { app = [] }
"#;

fn config(app: SocketAddr) -> String {
    format!(
        r#"
[daemon]
listen = "off"

[feed.hr]
folder = "hr"
time_zone = "UTC"

[feed.hr.mapping]
key = "Id"
end_date = "End"

[feed.hr.mapping.attributes]
name = "Name"

[target.app]
plugin = "steady"
settings = {{ url = "http://{app}" }}
hosts = ["http://{app}"]
allow_private = ["127.0.0.1"]

[target.app.account]
keys = {{ employee-id = "key" }}
"#
    )
}

/// What the app was asked to change, each as its path and its body. It ends with the test's process.
#[derive(Clone, Default)]
struct App(Arc<Mutex<Vec<String>>>);

impl App {
    fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let app = Self::default();
        let serving = app.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let app = serving.clone();
                thread::spawn(move || drop(app.serve(stream)));
            }
        });
        (app, address)
    }

    fn changes(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Whom it was asked to suspend.
    fn suspended(&self) -> Vec<String> {
        let changes = self.changes().into_iter();
        let mut suspended: Vec<String> = changes
            .filter(|change| change.contains("\"suspended\""))
            .filter_map(|change| change.split('/').nth(2).map(str::to_owned))
            .collect();
        suspended.dedup();
        suspended
    }

    /// The account as it was asked for last.
    fn account(&self, key: &str) -> Option<String> {
        let of_account = |change: &String| change.split(['/', ' ']).nth(2) == Some(key);
        let changes = self.changes();
        let last = changes.iter().rev().find(|change| of_account(change))?;
        let word = if last.contains("\"suspended\"") {
            "suspended"
        } else {
            "active"
        };
        Some(format!(
            r#"{{"key":"{key}","state":"{word}","attributes":{{}}}}"#
        ))
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
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
                self.0.lock().unwrap().push(format!("{path} {body}"));
            }
            let (status, answer) = match path.strip_prefix("/accounts/") {
                Some(key) if first.starts_with("GET ") => self
                    .account(key)
                    .map_or(("404 Not Found", String::new()), |found| ("200 OK", found)),
                None if path.starts_with("/accounts?") => {
                    ("200 OK", r#"{"accounts":[],"total":0}"#.to_owned())
                }
                _ => ("200 OK", String::new()),
            };
            write!(
                writer,
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            )?;
        }
    }
}

/// The daemon, the folder that it works in, and what moves its clock.
struct Company {
    folder: tempfile::TempDir,
    clock: Clock,
    time: GivenClock,
    stop: watch::Sender<bool>,
    daemon: Option<thread::JoinHandle<()>>,
}

impl Company {
    fn start(now: Timestamp, app: SocketAddr) -> Self {
        let folder = tempfile::TempDir::with_prefix("muster-day-").unwrap();
        for name in ["hr", "policy", "plugins"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::copy(steady(), folder.path().join("plugins/steady.wasm")).unwrap();
        fs::write(folder.path().join("policy/roles.toml"), ROLES).unwrap();
        let file = folder.path().join("muster.toml");
        fs::write(&file, config(app)).unwrap();
        let config = Config::load(&file).unwrap();
        let (clock, time) = Clock::given(now);
        let (stop, stopped) = watch::channel(false);
        let daemons = clock.clone();
        let daemon = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let run = start::run(config, Environment::default(), daemons, None, stopped);
            runtime.block_on(run).unwrap();
        });
        Self {
            folder,
            clock,
            time,
            stop,
            daemon: Some(daemon),
        }
    }

    fn place(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Drops a whole file, written just now by the given clock: who there is, and the last day of each.
    fn drop_file(&self, name: &str, people: &[(&str, &str)]) {
        let mut text = "Id,Name,End\n".to_owned();
        for (id, end) in people {
            writeln!(text, "{id},N{id},{end}").unwrap();
        }
        let part = self.place(".part");
        fs::write(&part, text).unwrap();
        let written = File::options().write(true).open(&part).unwrap();
        written
            .set_modified(SystemTime::from(self.clock.now()))
            .unwrap();
        fs::rename(part, self.place("hr").join(name)).unwrap();
    }

    /// Waits until the daemon takes work. No time passes for it, however long the machine takes.
    fn wait_until_ready(&self) {
        let begun = Instant::now();
        let socket = self.place("data/muster.sock");
        let is_ready = || {
            let stream = UnixStream::connect(&socket).ok()?;
            let (status, _, body) = exchange(stream, "GET /v1/status", &[], b"");
            let is_decided = body.contains("\"policy_since\":\"");
            (status == 200 && is_decided).then_some(())
        };
        while is_ready().is_none() {
            assert!(begun.elapsed() < LIMIT, "waited for the daemon to be ready");
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Lets so much time pass, a little at a time, so that what waits for any of it comes to its turn.
    fn pass(&self, mut time: Duration) {
        const STEP: Duration = Duration::from_mins(10);
        while !time.is_zero() {
            let step = time.min(STEP);
            self.time.pass(step);
            thread::park_timeout(Duration::from_millis(2));
            time -= step;
        }
    }

    /// Lets time pass, by seconds, until something holds.
    fn pass_until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < LIMIT, "waited for {what}");
            let is_over = self
                .daemon
                .as_ref()
                .is_none_or(thread::JoinHandle::is_finished);
            assert!(!is_over, "the daemon ended, waiting for {what}");
            self.time.pass(Duration::from_secs(1));
            // Where the machine is slow, the clock must not run so far ahead that the daemon doubts it.
            thread::park_timeout(Duration::from_millis(2));
        }
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(daemon) = self.daemon.take() {
            let ended = daemon.join();
            assert!(ended.is_ok() || thread::panicking(), "the daemon failed");
        }
    }
}

/// The plugin of a simple app.
fn steady() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(
        clippy::disallowed_methods,
        reason = "where the plugins are is the environment's to say"
    )]
    let plugins =
        std::env::var("MUSTER_PLUGINS_DIR").map_or(workspace.join("target/plugins"), PathBuf::from);
    let path = plugins.join("test/steady-v1.wasm");
    assert!(
        path.exists(),
        "there is no steady-v1.wasm: run `cargo xtask plugins` first"
    );
    path
}

#[test]
fn a_day_passes_in_milliseconds_and_a_leaver_is_switched_off_when_it_is_over() {
    let (app, address) = App::start();
    let company = Company::start("2026-03-02T17:00:00Z".parse().unwrap(), address);
    let people = [("1", ""), ("2", "2026-03-03"), ("3", ""), ("4", "")];
    company.drop_file("people.csv", &people);
    company.wait_until_ready();
    company.pass_until("everybody's account", || {
        app.changes().len() == people.len()
    });
    assert_eq!(app.suspended(), Vec::<String>::new());

    let begun = Instant::now();
    // Until shortly before the end of the leaver's last day.
    company.pass(Duration::from_hours(30));
    assert_eq!(app.suspended(), Vec::<String>::new(), "the day is not over");
    company.pass(Duration::from_hours(2));
    company.pass_until("the leaver's account to be off", || {
        app.suspended() == ["2"]
    });
    let took = begun.elapsed();
    assert!(took < DAY_MAX, "a day took {took:?}");
}
