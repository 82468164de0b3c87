//! The daemon as a process, and the command line.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::company::Company;
use crate::{muster, patience, pause, wait_for};

/// A daemon that runs. It is killed with this value, by its id.
pub struct Daemon<'c> {
    company: &'c Company,
    child: Child,
    log: PathBuf,
    /// Where this process begins in the log.
    begins: usize,
}

impl<'c> Daemon<'c> {
    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(company: &'c Company) -> Self {
        Self::spawn(company).ready()
    }

    /// Starts it as this user, where the tests may, and waits until it is ready.
    #[track_caller]
    pub fn start_as(company: &'c Company, user: u32) -> Self {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if !is_root {
            return Self::start(company);
        }
        // The build's folder may be closed to others.
        let binary = company.path("muster");
        if !binary.exists() {
            std::fs::copy(muster(), &binary).expect("the daemon's binary to copy");
        }
        let mut command = Command::new(binary);
        command.uid(user).gid(user);
        Self::spawn_by(company, command).ready()
    }

    #[track_caller]
    fn ready(mut self) -> Self {
        let daemon = &mut self;
        wait_for("the daemon to be ready", || {
            if let Some(status) = daemon.child.try_wait().ok().flatten() {
                panic!("the daemon ended ({status}):\n{}", daemon.log());
            }
            daemon.log_since_start().contains(" ready ").then_some(())
        });
        self
    }

    /// Starts it and does not wait.
    #[track_caller]
    pub fn spawn(company: &'c Company) -> Self {
        Self::spawn_by(company, Command::new(muster()))
    }

    #[track_caller]
    fn spawn_by(company: &'c Company, mut command: Command) -> Self {
        let log = company.path("daemon.log");
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the daemon's log");
        // A daemon that is quick writes its first lines before anybody can write behind it.
        append(&log, "--- another start\n");
        let begins = std::fs::metadata(&log).map_or(0, |log| log.len());
        let child = command
            .arg("--config")
            .arg(company.config())
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out)
            .env("NO_COLOR", "1")
            .spawn()
            .expect("the daemon to start");
        Self {
            company,
            child,
            log,
            begins: usize::try_from(begins).unwrap_or(0),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it, and those before it in this company, logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where hooks, health and metrics are, as the daemon says.
    #[track_caller]
    pub fn address(&self) -> String {
        wait_for("the daemon to say where it listens", || {
            let log = self.log_since_start();
            let (_, rest) = log.split_once("listening address=")?;
            rest.split_whitespace().next().map(str::to_owned)
        })
    }

    fn log_since_start(&self) -> String {
        let log = self.log();
        log.get(self.begins..).unwrap_or_default().to_owned()
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub fn kill(mut self) {
        // Already gone is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Stops it as an administrator would, and returns whether it ended well.
    #[track_caller]
    pub fn stop(mut self) -> bool {
        let id = self.child.id().to_string();
        let told = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("kill to run");
        assert!(told.success(), "could not tell the daemon to stop");
        wait_for("the daemon to stop", || {
            self.child.try_wait().ok().flatten()
        })
        .success()
    }

    /// Runs a command and returns what it printed.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> Ran {
        cli(self.company, arguments)
    }

    /// Runs a command with `--json` and returns what it printed.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let ran = self.cli(&arguments);
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error} in {ran:?}"))
    }

    /// Who approved of what was held about this, as the history has it.
    #[track_caller]
    pub fn approver(&self, about: &str) -> Value {
        let history = self.json(&["history"]);
        let mut entries = history["items"].as_array().into_iter().flatten();
        let says = format!("what was held of {about} as plan ");
        let found = entries.find(|entry| {
            let text = entry["text"].as_str().unwrap_or_default();
            text.starts_with(&says) && text.ends_with("waits no longer: approved")
        });
        let found = found.unwrap_or_else(|| panic!("nobody approved of {about}: {history:#}"));
        found["by"].clone()
    }

    /// Waits until no operation is left but those that wait for a person. It may take as long as it
    /// needs, as long as something moves.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        let mut moved = (Value::Null, Instant::now());
        loop {
            let status = self.json(&["status"]);
            let open = status["operations"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            if open
                .iter()
                .all(|(state, count)| state == "halted" || count == 0)
            {
                return;
            }
            if status["journal_entries"] != moved.0 {
                moved = (status["journal_entries"].clone(), Instant::now());
            }
            assert!(
                moved.1.elapsed() < patience(),
                "nothing moves any more: {open:?}"
            );
            pause();
        }
    }

    /// Checks the ledger and wants it clean.
    #[track_caller]
    pub fn check_ledger(&self) {
        let check = self.json(&["ledger", "check"]);
        assert_eq!(check["is_clean"], Value::Bool(true), "{check:#}");
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let left = [&["operations"][..], &["findings"]].map(|arguments| self.cli(arguments));
            eprint_end(&self.log(), &left);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a failed test shows what the daemon said"
)]
fn eprint_end(log: &str, left: &[Ran]) {
    for ran in left {
        eprintln!("{}{}", ran.out, ran.err);
    }
    let lines: Vec<&str> = log.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(60)..)
        .unwrap_or_default();
    eprintln!("--- the daemon's log, its end\n{}", tail.join("\n"));
}

fn append(log: &PathBuf, text: &str) {
    use std::io::Write as _;
    let mut file = File::options()
        .append(true)
        .open(log)
        .expect("the daemon's log");
    file.write_all(text.as_bytes()).expect("the daemon's log");
}

/// What a command printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

/// Runs a command in a company, whether its daemon runs or not.
#[track_caller]
pub fn cli(company: &Company, arguments: &[&str]) -> Ran {
    let output: Output = Command::new(muster())
        .arg("--config")
        .arg(company.config())
        .args(arguments)
        .stdin(Stdio::null())
        .env("NO_COLOR", "1")
        .output()
        .expect("the command line to run");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
