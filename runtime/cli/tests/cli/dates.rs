//! What dates do by themselves, with a clock that the test sets: the whole daemon runs in this process, and
//! the command line asks it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use muster_config::{Config, Environment};
use muster_daemon::clock::Clock;
use tokio::sync::watch;

const CONFIG: &str = r#"
[daemon]
listen = "off"

[feed.hr]
folder = "hr"
time_zone = "UTC"
quiet = "20ms"

[feed.hr.mapping]
key = "Id"
end_date = "End"

[feed.hr.mapping.attributes]
name = "Name"
"#;

/// As above, where each row holds from a day on.
const DATED: &str = r#"
[daemon]
listen = "off"

[feed.hr]
folder = "hr"
time_zone = "UTC"
quiet = "20ms"

[feed.hr.mapping]
key = "Id"
effective = "From"
status = { column = "Status", active = ["active"], ended = ["left"] }

[feed.hr.mapping.attributes]
name = "Name"
"#;

struct Company {
    folder: tempfile::TempDir,
    /// By how many seconds the daemon's clock is ahead of the machine's.
    ahead: Arc<AtomicI64>,
    stop: watch::Sender<bool>,
    daemon: Option<std::thread::JoinHandle<()>>,
    /// The machine's clock when the test began.
    begun: (Timestamp, Instant),
    files: u32,
}

impl Company {
    fn start() -> Self {
        Self::start_with(CONFIG)
    }

    fn start_with(text: &str) -> Self {
        let folder = tempfile::TempDir::with_prefix("muster-dates-").unwrap();
        for name in ["hr", "policy", "plugins"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let file = folder.path().join("muster.toml");
        std::fs::write(&file, text).unwrap();
        let (stop, _) = watch::channel(false);
        let mut company = Self {
            folder,
            ahead: Arc::new(AtomicI64::new(0)),
            stop,
            daemon: None,
            begun: (Timestamp::UNIX_EPOCH + now_of_machine(), Instant::now()),
            files: 0,
        };
        company.run();
        company
    }

    /// Starts the daemon on what is there.
    fn run(&mut self) {
        let config = Config::load(&self.path("muster.toml")).unwrap();
        let clock = {
            let (ahead, begun) = (Arc::clone(&self.ahead), self.begun);
            Clock::new(move || {
                let passed = SignedDuration::try_from(begun.1.elapsed()).unwrap();
                let ahead = SignedDuration::from_secs(ahead.load(Ordering::Acquire));
                begun.0 + passed + ahead
            })
        };
        let (stop, stopped) = watch::channel(false);
        self.stop = stop;
        let daemon = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let environment = Environment::default();
            let run = muster_daemon::start::run(config, environment, clock, None, stopped);
            runtime.block_on(run).unwrap();
        });
        self.daemon = Some(daemon);
        self.wait_for("the daemon to answer", |company| {
            company.cli(&["status"]).0.then_some(())
        });
    }

    /// Stops the daemon, as after an update of the machine.
    fn halt(&mut self) {
        self.stop.send_replace(true);
        self.daemon.take().unwrap().join().unwrap();
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Runs a command; returns whether it did what was asked, and what it said.
    fn cli(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_muster"))
            .arg("--config")
            .arg(self.path("muster.toml"))
            .args(arguments)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.cli(&arguments).1).unwrap()
    }

    fn wait_for<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(
                begun.elapsed() < Duration::from_mins(2),
                "waited for {what}: {} {}",
                self.cli(&["status"]).1,
                self.cli(&["findings"]).1
            );
            std::thread::yield_now();
        }
    }

    /// Drops a whole file: who there is, and the last day of each.
    fn file(&mut self, rows: &BTreeMap<u32, Option<Timestamp>>) {
        self.files += 1;
        let mut text = "Id,Name,End\n".to_owned();
        for (id, end) in rows {
            let day = end.map(|end| end.to_string()[..10].to_owned());
            // A word that is another one each time, so that no file says what one before said.
            let word = if *id == 1 { self.files } else { 0 };
            writeln!(text, "{id:04},N{word},{}", day.unwrap_or_default()).unwrap();
        }
        self.put(&text);
    }

    /// Drops a file and waits until it is decided about. Returns whether it counts.
    fn put(&mut self, text: &str) -> bool {
        let name = format!("people-{:03}.csv", self.files);
        std::fs::write(self.path(".part"), text).unwrap();
        std::fs::rename(self.path(".part"), self.path("hr").join(&name)).unwrap();
        self.wait_for("the file to be decided", |company| {
            ["processed", "held", "rejected"]
                .iter()
                .any(|place| has(&company.path("hr").join(place), &name))
                .then_some(())
        });
        let is_taken = has(&self.path("hr/processed"), &name);
        if !is_taken {
            self.told(&format!("{name} was not taken"));
        }
        is_taken
    }

    /// Says what the reports say, for whoever reads why a test failed.
    #[expect(
        clippy::print_stderr,
        reason = "a failed test is told what HR was told"
    )]
    fn told(&self, what: &str) {
        let findings = self.cli(&["findings"]).1;
        eprintln!("{what}: {findings}{}", self.cli(&["status"]).1);
    }

    /// Drops a whole file with effective days: the id, the name, the status and the day of each row.
    fn lines(&mut self, rows: &[(u32, &str, &str, Option<Timestamp>)]) -> bool {
        self.files += 1;
        let mut text = "Id,Name,Status,From\n".to_owned();
        for (id, name, status, from) in rows {
            let day = from.map(|from| from.to_string()[..10].to_owned());
            writeln!(text, "{id:04},{name},{status},{}", day.unwrap_or_default()).unwrap();
        }
        self.put(&text)
    }

    /// Sets the daemon's clock, and lets its loops notice.
    fn set_ahead(&mut self, ahead: SignedDuration, rows: &BTreeMap<u32, Option<Timestamp>>) {
        self.ahead.store(ahead.as_secs(), Ordering::Release);
        self.file(rows);
    }

    fn set_ahead_by(&mut self, ahead: SignedDuration) {
        self.ahead.store(ahead.as_secs(), Ordering::Release);
    }

    fn here(&self) -> u64 {
        let status = self.json(&["status"]);
        let people = status["people"].as_object().unwrap().iter();
        let here = people.filter(|(phase, _)| *phase != "ended");
        here.filter_map(|(_, count)| count.as_u64()).sum()
    }

    fn held(&self, what: &str) -> Option<String> {
        let held = self.json(&["status"])["held"].clone();
        let held = held.as_array().cloned().unwrap_or_default();
        let found = held
            .iter()
            .find(|held| held["file"].as_str().unwrap().contains(what))?;
        Some(found["plan_digest"].as_str()?.to_owned())
    }

    /// What whoever approved of what was held about this calls themselves, as the history has it.
    fn approver(&self, about: &str) -> String {
        let history = self.json(&["history"]);
        let mut entries = history["items"].as_array().unwrap().iter();
        let says = format!("what was held of {about} as plan ");
        let found = entries.find(|entry| {
            let text = entry["text"].as_str().unwrap();
            text.starts_with(&says) && text.ends_with("waits no longer: approved")
        });
        let found = found.unwrap_or_else(|| panic!("{history:#}"));
        found["by"]["called"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn stop(mut self) {
        self.halt();
    }
}

fn has(place: &Path, name: &str) -> bool {
    let files = std::fs::read_dir(place).into_iter().flatten().flatten();
    let end = format!("{name}.report.txt");
    let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.any(|file| file.ends_with(&end))
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are dated by the machine's clock, so the daemon begins at the same time"
)]
fn now_of_machine() -> SignedDuration {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    SignedDuration::try_from(now).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

#[test]
fn c12_a_clock_that_is_far_ahead_brings_no_day_nearer_until_somebody_says_it_is_right() {
    let mut company = Company::start();
    let now = Timestamp::UNIX_EPOCH + now_of_machine();
    // Thirty of forty have contracts that end within the year.
    let rows: BTreeMap<u32, Option<Timestamp>> = (1..=40)
        .map(|id| (id, (id > 10).then(|| now + days(60 + 10 * i64::from(id)))))
        .collect();
    company.file(&rows);
    assert_eq!(company.here(), 40);
    company.set_ahead(days(400), &rows);
    let digest = company.wait_for("the clock to be doubted", |company| company.held("clock"));
    assert_eq!(company.here(), 40);
    company.wait_for("the finding", |company| {
        company
            .cli(&["findings"])
            .1
            .contains("PLN-022")
            .then_some(())
    });

    // It is right again.
    company.set_ahead(days(0), &rows);
    company.wait_for("the doubt to end", |company| {
        company.held("clock").is_none().then_some(())
    });
    company.wait_for("the finding to close", |company| {
        (!company.cli(&["findings"]).1.contains("PLN-022")).then_some(())
    });
    assert_eq!(company.here(), 40);

    // Or it was right all along, because nothing ran for a year.
    company.set_ahead(days(400), &rows);
    let again = company.wait_for("the clock to be doubted", |company| company.held("clock"));
    assert!(!company.cli(&["apply", &digest[..6]]).0);
    let (is_kept, said) = company.cli(&["apply", &again, "--as", "Ann Lee"]);
    assert!(is_kept, "{said}");
    assert_eq!(company.approver("the clock"), "Ann Lee");
    company.wait_for("the days that have come", |company| {
        // The last of them ends today, at midnight.
        (company.here() == 10 + 7).then_some(())
    });
    assert!(company.json(&["ledger", "check"])["is_clean"] == true);
    company.stop();
}

#[test]
fn c12_days_that_were_not_counted_before_wait_beyond_the_budget_and_hide_no_other() {
    let mut company = Company::start();
    let now = Timestamp::UNIX_EPOCH + now_of_machine();
    let mut rows: BTreeMap<u32, Option<Timestamp>> = (1..=60).map(|id| (id, None)).collect();
    company.file(&rows);
    // Twenty are hired for a day, and three who are here are announced for the day after.
    rows.extend((61..=80).map(|id| (id, Some(now + days(1)))));
    for id in 1..=3 {
        rows.insert(id, Some(now + days(2)));
    }
    company.file(&rows);
    assert_eq!(company.here(), 80);
    company.set_ahead(days(2), &rows);
    let digest = company.wait_for("the others to wait", |company| company.held("dates"));
    assert_eq!(company.here(), 75, "eight may go, and three are spent");
    let findings = company.cli(&["findings"]).1;
    assert!(findings.contains("PLN-010"), "{findings}");

    company.set_ahead(days(3), &rows);
    company.wait_for("those who were announced", |company| {
        (company.here() == 72).then_some(())
    });
    let digest = company.held("dates").unwrap_or(digest);
    let (is_applied, said) = company.cli(&["apply", &digest, "--as", "Ann Lee"]);
    assert!(is_applied, "{said}");
    assert_eq!(company.approver("the dates that have come"), "Ann Lee");
    company.wait_for("the rest to go", |company| {
        (company.here() == 57).then_some(())
    });
    company.wait_for("nothing to wait", |company| {
        company.held("dates").is_none().then_some(())
    });
    company.wait_for("the finding to close", |company| {
        (!company.cli(&["findings"]).1.contains("PLN-010")).then_some(())
    });
    assert!(company.json(&["ledger", "check"])["is_clean"] == true);
    company.stop();
}

#[test]
fn f20_what_is_announced_takes_effect_on_its_day_however_often_the_daemon_stopped() {
    let mut company = Company::start_with(DATED);
    let now = Timestamp::UNIX_EPOCH + now_of_machine();
    let in_days = |count| Some(now + days(count));
    let mut rows = vec![(2, "Bo", "active", None), (3, "Cy", "active", None)];
    rows.extend((10..20).map(|id| (id, "N", "active", None)));
    rows.push((1, "Ada", "active", None));
    rows.push((1, "Ann", "active", in_days(2)));
    rows.push((2, "Bo", "left", in_days(2)));
    rows.push((4, "Di", "active", in_days(2)));
    assert!(company.lines(&rows));
    assert_eq!(company.here(), 14, "the hire is known before the first day");
    let name = |company: &Company| company.json(&["people", "0001"])["attributes"]["name"].clone();
    assert_eq!(name(&company), "Ada");
    let announced = company.json(&["people", "0001"])["announced"].clone();
    assert_eq!(
        announced[0]["changes"][0], "name: Ada -> Ann",
        "{announced}"
    );
    let said = company.cli(&["people", "0002"]).1;
    assert!(said.contains("active -> ended"), "{said}");
    assert_eq!(company.json(&["people", "0004"])["phase"], "prehire");

    company.halt();
    company.run();
    assert_eq!(name(&company), "Ada");
    company.halt();
    company.ahead.store(days(2).as_secs(), Ordering::Release);
    company.run();
    company.wait_for("the day", |company| (company.here() == 13).then_some(()));
    company.wait_for("the move", |company| (name(company) == "Ann").then_some(()));
    company.wait_for("the first day", |company| {
        (company.json(&["people", "0004"])["phase"] == "active").then_some(())
    });
    // What is in effect by now says nothing new, and the next file corrects a date that has passed.
    assert!(company.lines(&rows));
    assert_eq!(name(&company), "Ann");
    rows.retain(|row| row.0 != 3);
    rows.push((3, "Cy", "active", None));
    rows.push((3, "Cem", "active", Some(now - days(30))));
    assert!(company.lines(&rows));
    let history = company.cli(&["history", "0003"]).1;
    assert!(
        history.contains("late by 32 days: in effect since"),
        "{history}"
    );
    assert!(company.json(&["ledger", "check"])["is_clean"] == true);
    company.stop();
}

#[test]
fn f22_sixty_in_a_hundred_who_are_announced_to_leave_tomorrow_are_held_today() {
    let mut company = Company::start_with(DATED);
    let now = Timestamp::UNIX_EPOCH + now_of_machine();
    let mut rows: Vec<_> = (1..=50).map(|id| (id, "N", "active", None)).collect();
    assert!(company.lines(&rows));
    rows.extend((1..=30).map(|id| (id, "N", "left", Some(now + days(1)))));
    assert!(!company.lines(&rows), "the file is held");
    company.set_ahead_by(days(2));
    // What was held is not announced: nobody has gone.
    assert_eq!(company.here(), 50);
    rows.retain(|row| row.2 == "active" || row.0 == 1);
    assert!(company.lines(&rows));
    company.wait_for("the one of them", |company| {
        (company.here() == 49).then_some(())
    });
    company.stop();
}

#[test]
fn an_effective_date_that_is_no_date_is_said_and_nothing_is_lost() {
    let mut company = Company::start_with(DATED);
    let now = Timestamp::UNIX_EPOCH + now_of_machine();
    let mut rows: Vec<_> = (1..=20).map(|id| (id, "N", "active", None)).collect();
    rows.push((1, "M", "active", Some(now + days(2))));
    assert!(company.lines(&rows));
    company.files += 1;
    let mut text = "Id,Name,Status,From\n0001,N,active,\n0001,M,active,soon\n".to_owned();
    (2..=20).for_each(|id| writeln!(text, "{id:04},N,active,").unwrap());
    assert!(company.put(&text));
    let reports = std::fs::read_dir(company.path("hr/processed")).unwrap();
    let reports = reports.map(|file| file.unwrap().path());
    let said = reports.filter(|path| path.to_string_lossy().ends_with(".report.txt"));
    let said: Vec<String> = said
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(
        said.iter().any(
            |report| report.contains("HR-060  an effective date that is no date")
                && report.contains("HR-061")
        ),
        "{said:?}"
    );
    let announced = company.json(&["people", "0001"])["announced"].clone();
    assert_eq!(announced[0]["changes"][0], "name: N -> M", "{announced}");
    company.stop();
}
