//! A real export, with everything that is wrong with it: 265 ids stand for more than one person, and
//! 366 rows name a manager who is not in the file.

use std::collections::{BTreeMap, BTreeSet};

use muster_tests::app::App;
use muster_tests::company::Company;
use muster_tests::daemon::Daemon;
use muster_tests::root;

const POLICY: &str = r#"
[[role]]
name = "everybody"
description = "Whoever works here"
when = "true"
access = { crm = [] }
"#;

fn tables(app: &App) -> String {
    format!(
        r#"
[feed.hr]
folder = "hr"
time_zone = "UTC"

[feed.hr.csv]
last_line_break = false

[feed.hr.mapping]
key = "WorkerID"
start_date = "HireDate"
date_formats = ["%m/%d/%Y"]
manager = "ManagerID"

[feed.hr.mapping.status]
column = "WorkerStatus"
active = ["Active"]
ended = ["Inactive"]

[feed.hr.mapping.attributes]
first_name = "FirstName"
last_name = "LastName"
user = "UserID"

[target.crm]
plugin = "scim"
settings = {{ base_url = "{}" }}
hosts = ["http://{}"]
allow_private = ["127.0.0.1"]

[target.crm.secrets.api]
scheme = "bearer"
token = {{ file = "secrets/crm" }}

[target.crm.account]
keys = {{ externalId = "key" }}

[target.crm.account.attributes]
userName = "'u' + key"
externalId = "key"
"name.givenName" = "first_name"
"name.familyName" = "last_name"
"#,
        app.base_url(),
        app.address
    )
}

#[test]
fn the_report_on_a_real_file_can_be_acted_on_and_nobody_gets_somebody_elses_id() {
    let file = root().join("tests/fixtures/hr/csv-with-1000-records.csv");
    let text = std::fs::read_to_string(&file).expect("the file");
    let app = App::start(&[]);
    let company = Company::configured(&tables(&app), POLICY);
    let daemon = Daemon::start(&company);
    company.drop_file("workers.csv", &text);
    let report = company.wait_for_report("workers.csv");
    assert_eq!(report.place, "held", "{}", report.text);
    for words in ["HR-020", "HR-022", "265", "muster apply"] {
        assert!(
            report.text.contains(words),
            "{words} is missing in:\n{}",
            report.text
        );
    }
    daemon.wait_until_idle();
    assert!(
        app.users().is_empty(),
        "nothing happens before somebody looked"
    );

    // IT takes the good rows; the others stay out until HR has mended them.
    let held = daemon.json(&["status"])["held"][0].clone();
    let digest = held["plan_digest"].as_str().unwrap_or_default().to_owned();
    let applied = daemon.cli(&["apply", &digest, "--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();

    let mut names: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| {
        header
            .iter()
            .position(|cell| cell.trim_start_matches('\u{feff}') == name)
            .unwrap_or(0)
    };
    let (id, first, last) = (column("WorkerID"), column("FirstName"), column("LastName"));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        names
            .entry(cells[id].to_owned())
            .or_default()
            .insert((cells[first].to_owned(), cells[last].to_owned()));
    }
    let users = app.users();
    assert!(users.len() > 100, "{} accounts", users.len());
    for (key, user) in users {
        let people = &names[&key];
        assert_eq!(people.len(), 1, "{key} stands for several people");
        let (_, family) = people.iter().next().expect("one");
        assert_eq!(
            user["name"]["familyName"],
            serde_json::json!(family),
            "{key}"
        );
    }
    daemon.check_ledger();
}
