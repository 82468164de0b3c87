//! The command line through its real parser, asking over a real unix socket.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod answers;
mod asking;
mod daemon;
mod dates;
mod listings;
mod local;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use muster::{Looks, Printer};
use muster_api::error::{Fault, FaultKind};
use muster_api::v1;
use muster_config::{Config, Environment};
use muster_core::finding::Code;
use muster_daemon::local::{Local, ProgressSink};

use crate::daemon::Daemon;

/// What is done in the process itself, with answers made up beforehand.
#[derive(Default)]
pub(crate) struct FakeLocal {
    pub(crate) served: Mutex<Vec<PathBuf>>,
    pub(crate) plugin_findings: Vec<v1::Finding>,
    pub(crate) has_differences: bool,
}

impl Local for FakeLocal {
    fn serve(&self, config: Config, _: Environment) -> Result<(), Fault> {
        self.served.lock().unwrap().push(config.file);
        Ok(())
    }

    fn check_plugins(&self, _: &Config) -> Result<Vec<v1::Finding>, Fault> {
        Ok(self.plugin_findings.clone())
    }

    fn ledger_remarks(&self, _: &Config) -> Result<Vec<v1::Finding>, Fault> {
        Ok(Vec::new())
    }

    fn inspect_plugin(&self, bytes: Vec<u8>) -> Result<v1::Plugin, Fault> {
        if bytes.is_empty() {
            let code = Code::new("PLG-001");
            return Err(Fault::new(FaultKind::Refused, code, "it is no component"));
        }
        Ok(answers::plugin())
    }

    fn check_ledger(&self, _: &Config, _: ProgressSink) -> Result<v1::LedgerCheck, Fault> {
        let mut check = answers::ledger_check();
        if self.has_differences {
            check.is_clean = false;
            check.differences = vec!["person hr:7: phase differs".to_owned()];
        }
        Ok(check)
    }
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `muster` with these arguments, separated by spaces, in a folder.
pub(crate) fn muster(folder: &Path, local: &FakeLocal, arguments: &str) -> Ran {
    let config = folder.join("muster.toml");
    let mut line: Vec<OsString> = vec!["muster".into(), "--config".into(), config.into()];
    line.extend(arguments.split_whitespace().map(OsString::from));
    run(line, local, Looks::default())
}

pub(crate) fn run(line: Vec<OsString>, local: &FakeLocal, looks: Looks) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let environment = Environment::new([("USER".to_owned(), "pat".to_owned())]);
    let mut printer = Printer::new(&mut out, &mut err, looks);
    let code = muster::run(line, &environment, local, &mut printer);
    Ran {
        code,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

/// A configuration that works: one feed, no targets.
const CONFIG: &str = r#"
[feed.hr]
folder = "feeds/hr"
time_zone = "UTC"
[feed.hr.mapping]
key = "WorkerID"
attributes = { department = "Department" }
"#;

/// A running daemon with a configuration beside it.
pub(crate) fn world() -> Daemon {
    let daemon = Daemon::start();
    configure(daemon.folder.path());
    daemon
}

/// Writes the configuration that works.
pub(crate) fn configure(folder: &Path) {
    std::fs::write(folder.join("muster.toml"), CONFIG).unwrap();
    std::fs::create_dir_all(folder.join("policy")).unwrap();
}

impl Daemon {
    pub(crate) fn muster(&self, arguments: &str) -> Ran {
        muster(self.folder.path(), &FakeLocal::default(), arguments)
    }
}

/// Compares what a command printed, and that nothing went to stderr.
#[track_caller]
pub(crate) fn check(ran: &Ran, code: u8, expected: &str) {
    assert_eq!(ran.err, "");
    assert_eq!(ran.out, expected.trim_start_matches('\n'), "\n{}", ran.out);
    assert_eq!(ran.code, code);
}

/// Checks that a command failed, and how it said so.
#[track_caller]
pub(crate) fn check_failed(ran: &Ran, expected: &str) {
    assert_eq!(ran.out, "");
    assert_eq!(ran.err, expected.trim_start_matches('\n'), "\n{}", ran.err);
    assert_eq!(ran.code, muster::FAILED);
}
