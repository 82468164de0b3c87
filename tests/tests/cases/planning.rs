//! How much may happen without anybody having looked: what is held, what goes on meanwhile, and that
//! what was approved is what is applied.

mod budgets;
mod catalogues;
mod feeds;
mod holds;
mod lint;
mod questions;
mod references;
mod tests_of_policy;

use std::fmt::Write as _;

use muster_tests::app::App;
use muster_tests::company::{Company, EMAIL, feed_of, target};
use muster_tests::daemon::Daemon;

/// One row of HR's export, with every column that the mapping knows.
#[derive(Clone, Debug)]
struct Worker {
    id: String,
    first: String,
    last: String,
    email: String,
    department: String,
    status: String,
    hired: String,
    ends: String,
    manager: String,
}

fn worker(id: u32) -> Worker {
    Worker {
        id: format!("{:04}", 1000 + id),
        first: format!("First{id}"),
        last: format!("Last{id}"),
        email: format!("p{id}@corp.example"),
        department: if id.is_multiple_of(4) {
            "Sales"
        } else {
            "Support"
        }
        .to_owned(),
        status: "Active".to_owned(),
        hired: "2019-03-01".to_owned(),
        ends: String::new(),
        manager: "1001".to_owned(),
    }
}

fn workers(from: u32, to: u32) -> Vec<Worker> {
    (from..=to).map(worker).collect()
}

fn csv(workers: &[Worker]) -> String {
    let mut text = "WorkerID,FirstName,LastName,Email,Department,WorkerStatus,HireDate,TerminationDate,ManagerID\n".to_owned();
    for row in workers {
        writeln!(
            text,
            "{},{},{},{},{},{},{},{},{}",
            row.id,
            row.first,
            row.last,
            row.email,
            row.department,
            row.status,
            row.hired,
            row.ends,
            row.manager
        )
        .expect("a string takes everything");
    }
    text
}

/// The feed `hr` with all columns, with lines of its own after `[feed.hr]`.
fn feed(lines: &str) -> String {
    feed_of(
        lines,
        "start_date = \"HireDate\"\nmanager = \"ManagerID\"",
        EMAIL,
    )
}

const GROUPS: [&str; 3] = ["Everyone", "Sales", "Extra"];

const POLICY: &str = r#"
[[role]]
name = "everybody"
when = "true"
access = { crm = ["group:Everyone"] }

[[role]]
name = "sales"
when = 'department == "Sales"'
access = { crm = ["group:Sales"] }
"#;

/// A company whose leavers are dealt with as `leaver` says.
fn company(app: &App, lines: &str, leaver: &str) -> Company {
    let leaver = format!("[target.crm.leaver]\n{leaver}\n");
    let tables = [feed(lines), target("crm", app, ""), leaver].concat();
    Company::configured(&tables, POLICY)
}

/// Drops a whole file and waits until it is applied.
#[track_caller]
fn accept(daemon: &Daemon<'_>, company: &Company, name: &str, rows: &[Worker]) {
    company.drop_file(name, csv(rows));
    let report = company.wait_for_report(name);
    assert_eq!(report.place, "processed", "{}", report.text);
    daemon.wait_until_idle();
}

/// Drops a file that has to be held; returns the digest under which it can be approved.
#[track_caller]
fn held(daemon: &Daemon<'_>, company: &Company, name: &str, rows: &[Worker]) -> String {
    company.drop_file(name, csv(rows));
    let report = company.wait_for_report(name);
    assert_eq!(report.place, "held", "{}", report.text);
    digest_of(daemon, name)
}

/// The digest under which a held file can be approved.
#[track_caller]
fn digest_of(daemon: &Daemon<'_>, name: &str) -> String {
    let held = daemon.json(&["status"])["held"].clone();
    let held = held.as_array().cloned().unwrap_or_default();
    let found = held.iter().find(|held| held["file"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} is not held: {held:?}"));
    found["plan_digest"].as_str().unwrap_or_default().to_owned()
}

/// How many accounts are on.
fn active(app: &App) -> usize {
    let users = app.users();
    users
        .values()
        .filter(|user| user["active"] == serde_json::json!(true))
        .count()
}
