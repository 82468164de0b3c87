//! Who is who: one person in two files, under two numbers, in two jobs, is one identity with one account; and never
//! because of an e-mail address alone.

use std::fmt::Write as _;

use jiff::{ToSpan as _, Zoned, tz::TimeZone};
use muster_tests::app::App;
use muster_tests::company::{Company, target};
use muster_tests::daemon::{Daemon, Ran};
use muster_tests::wait_for;
use serde_json::{Value, json};

const GROUPS: [&str; 3] = ["Everyone", "Sales", "Apollo"];

const POLICY: &str = r#"
[[role]]
name = "everybody"
when = "true"
access = { crm = ["group:Everyone"] }

[[role]]
name = "sales"
when = 'department == "Sales"'
access = { crm = ["group:Sales"] }

[[role]]
name = "apollo"
when = 'project == "Apollo"'
access = { crm = ["group:Apollo"] }
"#;

const CORRELATION: &str = r#"
[correlation]
link_at = 100
ask_at = 50
trust = ["hr", "contractors"]

[correlation.key.personal_number]
attributes = ["personal_number"]
weight = 100

[correlation.key.name_and_birth]
attributes = ["first_name", "last_name", "born"]
weight = 60

[correlation.key.mail]
attributes = ["email"]
weight = 60

[correlation.key.earlier]
attributes = ["earlier"]
number_of = "hr"
weight = 100
"#;

fn feed(name: &str) -> String {
    format!(
        r#"
[feed.{name}]
folder = "{name}"
time_zone = "UTC"
quiet = "100ms"

[feed.{name}.guard]
leavers_percent_max = 50
joiners_percent_max = 100
updates_percent_max = 100
movers_percent_max = 100

[feed.{name}.mapping]
key = "Id"
start_date = "Starts"
end_date = "Ends"

[feed.{name}.mapping.attributes]
first_name = "First"
last_name = "Last"
email = {{ column = "Email", type = "email" }}
department = "Department"
project = "Project"
personal_number = "Number"
born = "Born"
earlier = "Earlier"
"#
    )
}

#[derive(Clone, Debug, Default)]
struct Row {
    id: String,
    first: String,
    email: String,
    department: String,
    project: String,
    number: String,
    born: String,
    earlier: String,
    starts: String,
    ends: String,
}

fn row(id: &str) -> Row {
    Row {
        id: id.to_owned(),
        first: format!("First{id}"),
        email: format!("p{id}@corp.example"),
        department: "Support".to_owned(),
        number: format!("N-{id}"),
        born: "1990-01-01".to_owned(),
        starts: "2020-01-01".to_owned(),
        ..Row::default()
    }
}

fn rows(from: u32, to: u32) -> Vec<Row> {
    (from..=to).map(|number| row(&number.to_string())).collect()
}

fn csv(rows: &[Row]) -> String {
    let mut text =
        "Id,First,Last,Email,Department,Project,Number,Born,Earlier,Starts,Ends\n".to_owned();
    for row in rows {
        let Row {
            id,
            first,
            email,
            department,
            project,
            number,
            born,
            earlier,
            starts,
            ends,
        } = row;
        writeln!(
            text,
            "{id},{first},Lee,{email},{department},{project},{number},{born},{earlier},{starts},{ends}"
        )
        .expect("a string takes everything");
    }
    text
}

/// The day so many days from now.
fn day(days: i64) -> String {
    let today = Zoned::now().with_time_zone(TimeZone::UTC).date();
    let day = today.checked_add(days.days()).expect("a day");
    day.to_string()
}

fn company(app: &App) -> Company {
    let tables = [feed("hr"), feed("contractors"), target("crm", app, "")].concat();
    let company = Company::configured(&format!("{tables}{CORRELATION}"), POLICY);
    std::fs::create_dir(company.path("contractors")).expect("a folder");
    company
}

/// Drops a whole file into a feed's folder and waits until it is applied.
#[track_caller]
fn accept(daemon: &Daemon<'_>, company: &Company, feed: &str, name: &str, rows: &[Row]) {
    let part = company.path(&format!("{feed}/.{name}.part"));
    std::fs::write(&part, csv(rows)).expect("a file to drop");
    let path = company.path(&format!("{feed}/{name}"));
    std::fs::rename(&part, path).expect("a file to drop");
    let report = wait_for(&format!("the report on {name}"), || {
        ["processed", "held", "rejected"]
            .into_iter()
            .find_map(|place| {
                let files = std::fs::read_dir(company.path(&format!("{feed}/{place}"))).ok()?;
                let found = files.filter_map(Result::ok).map(|file| file.path());
                let end = format!("{name}.report.txt");
                let mut found = found.filter(|path| path.to_string_lossy().ends_with(&end));
                let text = std::fs::read_to_string(found.next()?).ok()?;
                Some((place, text))
            })
    });
    assert_eq!(report.0, "processed", "{}", report.1);
    daemon.wait_until_idle();
}

fn person(daemon: &Daemon<'_>, id: &str) -> Value {
    daemon.json(&["people", id])
}

fn records(person: &Value) -> Vec<String> {
    let records = person["records"].as_array().cloned().unwrap_or_default();
    let records = records.into_iter();
    records
        .filter_map(|record| record["record"].as_str().map(str::to_owned))
        .collect()
}

fn findings(daemon: &Daemon<'_>) -> String {
    daemon.json(&["findings"]).to_string()
}

/// Shows what a decision would do, and does exactly that.
#[track_caller]
fn decided(daemon: &Daemon<'_>, arguments: &[&str]) -> Value {
    let shown = daemon.cli(&[arguments, &["--json"]].concat());
    assert_eq!(shown.code, 1, "{}", shown.err);
    let shown: Value = serde_json::from_str(&shown.out).expect("what it would do");
    let digest = shown["digest"].as_str().unwrap_or_default();
    let done = daemon.cli(&[arguments, &["--plan", digest, "--json"]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let done: Value = serde_json::from_str(&done.out).expect("what it did");
    assert_eq!(
        done["people"], shown["people"],
        "what is shown is what is done"
    );
    daemon.wait_until_idle();
    done
}

#[track_caller]
fn refused(ran: &Ran, code: &str) {
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains(code), "{}", ran.err);
}

#[test]
fn f18_a_contractor_who_is_hired_after_a_week_has_one_account_all_along() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let mut contractor = row("C7");
    contractor.project = "Apollo".to_owned();
    let mut others: Vec<Row> = ["C1", "C2", "C3"].map(row).into();
    accept(&daemon, &company, "hr", "hr1.csv", &rows(1, 4));
    let mut file = others.clone();
    file.push(contractor.clone());
    accept(&daemon, &company, "contractors", "c1.csv", &file);
    assert!(app.is_active("C7"));
    assert_eq!(app.groups_of("C7"), ["Apollo", "Everyone"]);

    // The contract ends, and the employment begins in a week.
    contractor.ends = day(-1);
    others.push(contractor);
    accept(&daemon, &company, "contractors", "c2.csv", &others);
    assert!(!app.is_active("C7"));
    let mut hired = row("77");
    hired.number = "N-C7".to_owned();
    hired.email = "hired@corp.example".to_owned();
    hired.department = "Sales".to_owned();
    hired.starts = day(7);
    let mut file = rows(1, 4);
    file.push(hired.clone());
    accept(&daemon, &company, "hr", "hr2.csv", &file);
    let known = person(&daemon, "hr:77");
    assert_eq!(known["person"], "contractors:C7");
    assert_eq!(known["phase"], "prehire");
    assert_eq!(records(&known), ["contractors:C7", "hr:77"]);
    assert!(!app.is_active("C7"));
    assert_eq!(app.users().len(), 8, "nobody has two");

    // The day comes.
    file[4].starts = day(0);
    accept(&daemon, &company, "hr", "hr3.csv", &file);
    assert!(app.is_active("C7"), "the same account is switched on again");
    assert_eq!(app.users().len(), 8);
    assert_eq!(
        app.groups_of("C7"),
        ["Everyone", "Sales"],
        "what the contract gave is gone"
    );
    let user = app.user("C7").expect("the account");
    assert_eq!(user["userName"], "hired@corp.example");
    let shown = daemon.cli(&["people", "contractors:C7"]);
    assert!(shown.out.contains("\"Sales\" (hr:77)"), "{}", shown.out);
    let why = daemon.cli(&["why", "contractors:C7", "crm"]);
    assert!(why.out.contains("by record hr:77"), "{}", why.out);

    // Whichever record is believed, what would be otherwise is asked of the person.
    let moved = daemon.json(&["what-if", "contractors:C7", "--set", "department=Support"]);
    assert_eq!(moved["loses"][0]["entitlement"], "group:Sales", "{moved}");

    // The agency's file forgets the contract: it is the record that ends, and not the person.
    others.pop();
    accept(&daemon, &company, "contractors", "c3.csv", &others);
    assert!(app.is_active("C7"));
    assert_eq!(person(&daemon, "contractors:C7")["phase"], "active");
    // And once HR has her no longer either, she has left.
    file.pop();
    // Not what an older file said, which would be held.
    file[0].department = "Sales".to_owned();
    accept(&daemon, &company, "hr", "hr4.csv", &file);
    assert!(!app.is_active("C7"));
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn f18_a_rehire_under_another_number_is_the_same_person() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "hr", "all.csv", &rows(1, 8));
    accept(&daemon, &company, "hr", "left.csv", &rows(1, 7));
    assert!(!app.is_active("8"));
    let mut back = row("88");
    back.number = "n8".to_owned();
    let mut file = rows(1, 7);
    file.push(back);
    accept(&daemon, &company, "hr", "back.csv", &file);
    assert!(app.is_active("8"));
    assert_eq!(app.users().len(), 8);
    assert_eq!(records(&person(&daemon, "hr:8")), ["hr:8", "hr:88"]);
    let history = daemon.cli(&["history", "hr:8"]);
    assert!(
        history
            .out
            .contains("record hr:88 is the person's: personal_number agreed"),
        "{}",
        history.out
    );
    // Nothing new is nothing to do, in whichever order the rows stand.
    file.reverse();
    file[0].department = "Sales".to_owned();
    accept(&daemon, &company, "hr", "again.csv", &file);
    assert_eq!(app.groups_of("8"), ["Everyone", "Sales"]);
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn f18_hr_replaces_its_system_and_every_number_changes_at_once() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "hr", "old.csv", &rows(1, 30));
    let mut new = rows(1, 30);
    for row in &mut new {
        row.earlier.clone_from(&row.id);
        row.id = format!("W{}", row.id);
        row.number.clear();
    }
    accept(&daemon, &company, "hr", "new.csv", &new);
    assert_eq!(app.users().len(), 30);
    let active = app
        .users()
        .values()
        .filter(|user| user["active"] == json!(true))
        .count();
    assert_eq!(active, 30, "nobody left, and nobody came");
    assert_eq!(person(&daemon, "hr:W9")["person"], "hr:9");
    // From then on the new number is the person's.
    new.retain(|row| row.id != "W9");
    accept(&daemon, &company, "hr", "next.csv", &new);
    assert!(!app.is_active("9"));
    assert!(app.is_active("8"));
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn f18_where_no_key_is_sure_each_doubtful_record_is_one_question() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "hr", "old.csv", &rows(1, 12));
    // All numbers change; of two, the personal number is missing.
    let mut new = rows(1, 12);
    for row in &mut new {
        row.id = format!("W{}", row.id);
        if row.id == "W3" || row.id == "W4" {
            row.number.clear();
            row.email = format!("new{}@corp.example", row.id);
        }
    }
    accept(&daemon, &company, "hr", "new.csv", &new);
    assert_eq!(app.users().len(), 12);
    let active = || {
        app.users()
            .values()
            .filter(|user| user["active"] == json!(true))
            .count()
    };
    assert_eq!(
        active(),
        12,
        "who may be meant is left alone until somebody decides"
    );
    let said = findings(&daemon);
    for text in [
        "WHO-003",
        "hr:W3 is new",
        "hr:3 (name_and_birth)",
        "hr:W4 is new",
    ] {
        assert!(said.contains(text), "{said}");
    }
    let held = daemon.json(&["status"])["held"].to_string();
    assert!(held.contains("whose record hr:W3 is"), "{held}");

    decided(&daemon, &["people", "link", "hr:W3", "hr:3"]);
    assert_eq!(records(&person(&daemon, "hr:3")), ["hr:3", "hr:W3"]);
    assert_eq!((app.users().len(), active()), (12, 12));
    let why = app.user("3").expect("the account");
    assert_eq!(why["userName"], "newW3@corp.example");
    decided(&daemon, &["people", "link", "hr:W4", "--new"]);
    assert!(app.is_active("W4"), "somebody new has an account");
    assert!(
        !findings(&daemon).contains("WHO-003"),
        "{}",
        findings(&daemon)
    );
    assert_eq!(daemon.json(&["status"])["held"], json!([]));
    refused(
        &daemon.cli(&["people", "link", "hr:W4", "--new"]),
        "WHO-005",
    );

    // The next file says nothing of the old number, so that one leaves.
    new[0].department = "Sales".to_owned();
    accept(&daemon, &company, "hr", "next.csv", &new);
    assert!(!app.is_active("4"));
    assert!(app.is_active("3") && app.is_active("W4"));
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn f19_nobody_is_linked_by_an_address_and_swapped_addresses_cost_nobody_anything() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "hr", "all.csv", &rows(1, 6));
    let before = ["1", "2"].map(|key| app.user(key).map(|user| user["id"].clone()));
    let mut swapped = rows(1, 6);
    (swapped[0].email, swapped[1].email) = (swapped[1].email.clone(), swapped[0].email.clone());
    accept(&daemon, &company, "hr", "swapped.csv", &swapped);
    // This app lets nobody have a name that is taken, so a person has to look; nobody loses anything.
    assert_eq!(app.users().len(), 6);
    let ids = |key: &str| app.user(key).map(|user| user["id"].clone());
    assert_eq!((ids("1"), ids("2")), (before[0].clone(), before[1].clone()));
    assert!(app.is_active("1") && app.is_active("2"));
    assert!(records(&person(&daemon, "hr:1")).is_empty());
    // Somebody new with the address of somebody else gets nothing of theirs.
    let mut other = row("C9");
    other.email = "p1@corp.example".to_owned();
    accept(
        &daemon,
        &company,
        "contractors",
        "c.csv",
        &[row("C1"), other],
    );
    assert!(records(&person(&daemon, "hr:2")).is_empty());
    assert!(findings(&daemon).contains("WHO-003"));
    assert_eq!(
        app.users().len(),
        7,
        "and has nothing until somebody decides"
    );
    daemon.check_ledger();
    assert!(daemon.stop());

    // Whatever an address weighs.
    let heavy = CORRELATION.replace(
        "attributes = [\"email\"]\nweight = 60",
        "attributes = [\"email\"]\nweight = 100",
    );
    let tables = [feed("hr"), feed("contractors"), target("crm", &app, "")].concat();
    company.configure(&format!("{tables}{heavy}"));
    let checked = muster_tests::daemon::cli(&company, &["check"]);
    assert!(checked.code != 0, "{}", checked.out);
    let said = [checked.out, checked.err].concat();
    assert!(said.contains("WHO-002"), "{said}");
}

#[test]
fn f18_a_merge_shows_its_plan_does_just_that_and_is_undone_by_a_split() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "hr", "all.csv", &rows(1, 6));
    let mut contractor = row("C7");
    contractor.project = "Apollo".to_owned();
    accept(
        &daemon,
        &company,
        "contractors",
        "c.csv",
        &[row("C1"), contractor.clone()],
    );
    assert_eq!(app.users().len(), 8);

    let merge = ["people", "merge", "contractors:C7", "hr:6"];
    let looked = daemon.cli(&merge);
    assert_eq!(looked.code, 1);
    for text in [
        "contractors:C7 becomes part of hr:6",
        "crm: suspend",
        "crm: grant group:Apollo",
    ] {
        assert!(looked.out.contains(text), "{}", looked.out);
    }
    assert!(app.is_active("C7"), "nothing was changed");
    let other = ["--plan", "0123456789ab"];
    refused(&daemon.cli(&[&merge[..], &other].concat()), "WHO-006");
    decided(&daemon, &merge);
    assert!(
        !app.is_active("C7"),
        "the surplus account goes as that of a leaver"
    );
    assert_eq!(app.groups_of("6"), ["Apollo", "Everyone"]);
    let gone = person(&daemon, "contractors:C7");
    assert_eq!(
        (&gone["phase"], &gone["part_of"]),
        (&json!("ended"), &json!("hr:6"))
    );
    // A file of either feed changes nothing about that.
    contractor.department = "Sales".to_owned();
    accept(
        &daemon,
        &company,
        "contractors",
        "c2.csv",
        &[row("C1"), contractor],
    );
    assert!(!app.is_active("C7"));
    assert_eq!(
        records(&person(&daemon, "hr:6")),
        ["contractors:C7", "hr:6"]
    );

    mistakes_are_named(&daemon);

    decided(&daemon, &["people", "split", "contractors:C7"]);
    assert!(app.is_active("C7"), "it is switched on again");
    assert_eq!(app.groups_of("C7"), ["Apollo", "Everyone", "Sales"]);
    assert_eq!(app.groups_of("6"), ["Everyone"]);
    let history = daemon.cli(&["history"]);
    for text in [
        "contractors:C7 became part of hr:6",
        "record contractors:C7 was taken out of hr:6",
    ] {
        assert!(history.out.contains(text), "{}", history.out);
    }
    assert_eq!(app.users().len(), 8);
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn f18_of_two_jobs_at_once_the_one_that_ends_takes_only_its_own() {
    let app = App::start(&GROUPS);
    let company = company(&app);
    let daemon = Daemon::start(&company);
    let mut employee = row("6");
    employee.department = "Sales".to_owned();
    let mut file = rows(1, 5);
    file.push(employee);
    accept(&daemon, &company, "hr", "all.csv", &file);
    let mut second = row("C7");
    second.number = "N-6".to_owned();
    second.project = "Apollo".to_owned();
    let mut others = vec![row("C1"), row("C2"), second];
    accept(&daemon, &company, "contractors", "c.csv", &others);
    assert_eq!(
        app.groups_of("6"),
        ["Apollo", "Everyone", "Sales"],
        "what either gives"
    );
    assert_eq!(app.users().len(), 8);
    others[2].ends = day(-1);
    accept(&daemon, &company, "contractors", "c2.csv", &others);
    assert!(app.is_active("6"));
    assert_eq!(app.groups_of("6"), ["Everyone", "Sales"]);
    daemon.check_ledger();
    assert!(daemon.stop());
}

/// What cannot be decided of a merged and an unmerged person.
#[track_caller]
fn mistakes_are_named(daemon: &Daemon<'_>) {
    for (mistake, code) in [
        (vec!["people", "merge", "hr:6", "hr:6"], "WHO-004"),
        (vec!["people", "merge", "contractors:C7", "hr:5"], "WHO-004"),
        (vec!["people", "merge", "hr:99", "hr:5"], "API-003"),
        (vec!["people", "split", "hr:6"], "WHO-004"),
        (vec!["people", "split", "hr:5"], "WHO-004"),
        (vec!["people", "split", "hr:99"], "API-003"),
        (vec!["people", "link", "hr:99", "hr:5"], "WHO-005"),
    ] {
        refused(&daemon.cli(&mistake), code);
    }
}
