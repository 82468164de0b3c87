//! What the cells of HR's file say, and what HR is told about them.

mod cells;
mod told;

use muster_tests::app::App;
use muster_tests::company::{Company, EMAIL, POLICY, Report, Row, feed_of, target};
use muster_tests::daemon::Daemon;

/// The feed `hr`, with lines of its own in `[feed.hr.mapping]` and in its attributes.
fn feed(mapping: &str, attributes: &str) -> String {
    feed_of("", mapping, attributes)
}

/// A company whose feed has these lines.
fn company(app: &App, mapping: &str, attributes: &str) -> Company {
    let tables = format!("{}{}", feed(mapping, attributes), target("crm", app, ""));
    Company::configured(&tables, POLICY)
}

/// Drops a file, waits until it was decided about and everything is done, and returns its report.
#[track_caller]
fn drop_and_wait(company: &Company, daemon: &Daemon<'_>, name: &str, text: &str) -> Report {
    company.drop_file(name, text);
    let report = company.wait_for_report(name);
    daemon.wait_until_idle();
    report
}

#[track_caller]
fn has(report: &Report, words: &[&str]) {
    for words in words {
        assert!(
            report.text.contains(words),
            "`{words}` is missing in:\n{}",
            report.text
        );
    }
}

/// The row of somebody, by id.
fn row<'r>(rows: &'r mut [Row], id: &str) -> &'r mut Row {
    rows.iter_mut().find(|row| row.id == id).expect("somebody")
}

/// Whether a finding with this code is open, and its text.
fn finding(daemon: &Daemon<'_>, code: &str) -> Option<String> {
    let found = daemon.json(&["findings"]);
    let items = found["items"].as_array().cloned().unwrap_or_default();
    let one = items.into_iter().find(|one| one["code"] == code)?;
    Some(one["text"].as_str().unwrap_or_default().to_owned())
}
