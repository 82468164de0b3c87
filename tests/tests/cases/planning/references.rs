//! An attribute that is somebody else's account: the manager's, at the same target.

use muster_tests::app::App;
use muster_tests::company::{Company, target};
use muster_tests::daemon::{Daemon, cli};
use muster_tests::wait_for;
use serde_json::Value;

use super::{GROUPS, POLICY, Worker, accept, csv, feed, workers};

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

/// A company whose accounts have a manager, as this expression gives it.
fn company(app: &App, expression: &str) -> Company {
    let attribute = format!("\"{MANAGER}\" = \"{expression}\"\n");
    let tables = [feed(""), target("crm", app, ""), attribute].concat();
    Company::configured(&tables, POLICY)
}

/// The app's id of the manager of somebody's account.
fn manager_of(app: &App, id: &str) -> Option<Value> {
    let user = app.user(id)?;
    let (urn, attribute) = MANAGER.rsplit_once(':')?;
    let manager = &user[urn][attribute];
    manager.get("value").or(Some(manager)).cloned()
}

fn id_of(app: &App, id: &str) -> Value {
    app.user(id).map_or(Value::Null, |user| user["id"].clone())
}

/// Waits until this person's account has that person's as its manager.
#[track_caller]
fn wait_for_manager(app: &App, id: &str, manager: &str) {
    let what = format!("{id} to have the manager {manager}");
    wait_for(&what, || {
        let wanted = id_of(app, manager);
        (!wanted.is_null() && manager_of(app, id) == Some(wanted)).then_some(())
    });
}

fn worker<'w>(rows: &'w mut [Worker], id: &str) -> &'w mut Worker {
    rows.iter_mut().find(|row| row.id == id).expect("a worker")
}

#[test]
fn c72_the_manager_is_the_managers_account_once_it_is_there() {
    let app = App::start(&GROUPS);
    let company = company(&app, "account_of(manager)");
    assert_eq!(cli(&company, &["check"]).code, 0);
    let daemon = Daemon::start(&company);
    let mut rows = workers(1, 8);
    worker(&mut rows, "1005").manager = "1099".to_owned();
    worker(&mut rows, "1006").manager.clear();
    accept(&daemon, &company, "all.csv", &rows);
    // All were made at once, so nobody's manager was there when they were.
    for id in ["1001", "1002", "1003", "1008"] {
        wait_for_manager(&app, id, "1001");
    }
    for id in ["1005", "1006"] {
        assert_eq!(manager_of(&app, id), Some(Value::Null), "{id}");
    }

    // Another manager, one who comes later, and none any more.
    worker(&mut rows, "1002").manager = "1003".to_owned();
    worker(&mut rows, "1008").manager.clear();
    rows.push(Worker {
        id: "1099".to_owned(),
        email: "late@corp.example".to_owned(),
        ..super::worker(9)
    });
    accept(&daemon, &company, "moves.csv", &rows);
    wait_for_manager(&app, "1002", "1003");
    wait_for_manager(&app, "1005", "1099");
    wait_for("1008 to have no manager", || {
        (manager_of(&app, "1008") == Some(Value::Null)).then_some(())
    });
    daemon.wait_until_idle();
    company.write("same.csv", &csv(&rows));
    let path = company.path("same.csv").display().to_string();
    let plan = daemon.json(&["plan", &path]);
    assert!(
        plan.to_string().contains("\"verdict\":\"nothing\""),
        "{plan:#}"
    );
    let history = daemon.cli(&["history", "hr:1005"]);
    assert!(
        history.out.contains("an account that others refer to"),
        "{history:?}"
    );
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn c72_hrs_key_of_the_manager_is_no_account_and_check_says_so() {
    let app = App::start(&GROUPS);
    let company = company(&app, "manager");
    let checked = cli(&company, &["check"]);
    let said = format!("{}{}", checked.out, checked.err);
    assert!(said.contains("CFG-015"), "{said}");
    assert!(said.contains("account_of(manager)"), "{said}");
    assert_eq!(checked.code, 1);
}
