//! The daemon's doors and its one writer: full disks, clients that hang, secrets that are rotated.

mod clients;
mod full_disk;
mod rotation;
mod words;

use muster_tests::app::App;
use muster_tests::company::{Company, POLICY, feed, target};
use muster_tests::hook;

/// A company whose feed has a hook.
fn company(app: &App) -> Company {
    let lines = "\n[feed.hr.hook]\nsecrets = [{ file = \"secrets/hook\" }]\n";
    let tables = format!("{}{lines}{}", feed(""), target("crm", app, ""));
    let company = Company::configured(&tables, POLICY);
    company.write("secrets/hook", &hook::written(hook::SECRET));
    company
}
