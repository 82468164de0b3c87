//! Resident memory of the daemon: idle with two plugins, and after an import of a million people.
//!
//! Ratios are against the bounds themselves, in MB of 1,000,000 bytes. The import has roles at two
//! apps, so that the ledger holds people, accounts, operations and a plan for everybody.

use std::time::Duration;

use anyhow::Context as _;
use muster_tests::app::App;
use muster_tests::company;
use muster_tests::daemon::Daemon;

use crate::Scale;
use crate::export::Order;
use crate::figure::{Better, Figure};
use crate::place::{self, FEED, GROUPS, ROLES, Waiting, pause};
use crate::rounds::median;

const PEOPLE: u32 = 1_000_000;
const IDLE_MB_MAX: f64 = 60.0;
const IMPORTED_MB_MAX: f64 = 400.0;
const LIMIT: Duration = Duration::from_hours(1);

/// Looks at the memory, and the time between them.
const LOOKS: usize = 20;
const BETWEEN: Duration = Duration::from_millis(250);

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let people = scale.of(PEOPLE);
    let app = App::start(&GROUPS);
    let silent = crate::operations::App::start()?;
    let company = place::company(&app);
    company.install("steady", &muster_tests::plugin("test/steady-v1"));
    let steady = company::steady("steady", silent.address, "");
    let targets = [place::target("crm", &app), place::target("wiki", &app)];
    company.configure(&[FEED, &targets.concat(), &steady].concat());
    company.write("policy/roles.toml", ROLES);
    // The first start compiles both plugins; every later one finds them in the cache.
    let daemon = Daemon::start(&company);
    let compiled = resident(daemon.id());
    anyhow::ensure!(daemon.stop(), "the daemon did not stop well");
    let daemon = Daemon::start(&company);
    let idle = resident(daemon.id());
    let file = Waiting::write(&company, "million.csv", people, Order(1))?;
    let taken = file.drop_and_wait(LIMIT)?;
    let imported = resident(daemon.id());
    let peak = most(daemon.id());
    daemon.kill();
    let figure = |name, mb: f64, bound: f64, detail| Figure {
        name,
        ratio: mb / bound,
        bound: 1.0,
        better: Better::Lower,
        detail,
    };
    Ok(vec![
        figure(
            "memory_idle",
            idle,
            IDLE_MB_MAX,
            format!(
                "{idle:.0} MB of {IDLE_MB_MAX} MB with the plugins scim and steady; {compiled:.0} MB after the one start that had to compile them"
            ),
        ),
        figure(
            "memory_imported",
            imported,
            IMPORTED_MB_MAX,
            format!(
                "{imported:.0} MB of {IMPORTED_MB_MAX} MB after a first import of {people} people in {:.0} s, {peak:.0} MB at most while it was made",
                taken.as_secs_f64()
            ),
        ),
    ])
}

/// The median of several looks.
fn resident(process: u32) -> f64 {
    let looks = (0..LOOKS).map(|_| {
        pause(BETWEEN);
        status(process, "VmRSS:")
    });
    median(looks.collect())
}

/// Forgets how much the process took at most until now.
pub(crate) fn forget_the_most(process: u32) -> anyhow::Result<()> {
    // "5" resets the peak: proc_pid_clear_refs(5).
    std::fs::write(format!("/proc/{process}/clear_refs"), "5").context("could not reset the peak")
}

/// How much the process took at most, in MB.
pub(crate) fn most(process: u32) -> f64 {
    status(process, "VmHWM:")
}

/// A line of the process's status, in MB; infinite where it cannot be read, so that no bound holds.
fn status(process: u32, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kb = line.and_then(|line| line.split_whitespace().next());
    let kb = kb.and_then(|kb| kb.parse::<f64>().ok());
    kb.map_or(f64::INFINITY, |kb| kb * 1024.0 / 1e6)
}
