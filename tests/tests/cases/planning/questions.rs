//! Who somebody is: what a file cannot answer is asked, and nobody is touched meanwhile.

use muster_tests::app::App;
use muster_tests::company::Company;
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::{GROUPS, Worker, accept, active, company, worker, workers};

/// The digest of the question about somebody, once it is asked.
#[track_caller]
fn question(daemon: &Daemon<'_>, person: &str, code: &str) -> String {
    let asked = wait_for("the question", || {
        let held = daemon.json(&["status"])["held"].clone();
        let held = held.as_array().cloned().unwrap_or_default();
        held.into_iter().find(|held| {
            let what = held["file"].as_str().unwrap_or_default();
            what.contains(person) && what.contains(code)
        })
    });
    let findings = daemon.json(&["findings"]).to_string();
    assert!(findings.contains(code), "{findings}");
    asked["plan_digest"].as_str().unwrap_or_default().to_owned()
}

/// Answers that the file is right.
#[track_caller]
fn answer(daemon: &Daemon<'_>, digest: &str) {
    let answered = daemon.cli(&["apply", digest]);
    assert_eq!(answered.code, 0, "{answered:?}");
}

fn start(company: &Company) -> Daemon<'_> {
    let daemon = Daemon::start(company);
    accept(&daemon, company, "all.csv", &workers(1, 40));
    daemon
}

/// The forty, with somebody changed.
fn with(person: u32, change: impl Fn(&mut Worker)) -> Vec<Worker> {
    let mut rows = workers(1, 40);
    for row in &mut rows {
        if row.id == worker(person).id {
            change(row);
        }
    }
    rows
}

#[test]
fn c08_an_id_that_nobody_has_in_a_row_set_aside_lets_nobody_leave() {
    // As a spreadsheet writes long ids, and as a fill-down writes them; and 1040 is gone.
    for (id, code) in [("1.00045E+11", "HR-029"), ("990099", "HR-080")] {
        let app = App::start(&GROUPS);
        let company = company(&app, "", "");
        let daemon = start(&company);
        let mut rows = workers(1, 39);
        for row in &mut rows[9..14] {
            id.clone_into(&mut row.id);
        }
        rows[0].last = "Newname".to_owned();
        accept(&daemon, &company, "damaged.csv", &rows);
        assert_eq!(active(&app), 40, "nobody missing counts as having left");
        let findings = daemon.json(&["findings"]).to_string();
        assert!(findings.contains(code), "{id}: {findings}");
        let name = app
            .user("1001")
            .map(|user| user["name"]["familyName"].clone());
        assert_eq!(name, Some(serde_json::json!("Newname")), "the rest counts");

        accept(&daemon, &company, "mended.csv", &workers(1, 39));
        assert_eq!(active(&app), 39);
        let findings = daemon.json(&["findings"]).to_string();
        assert!(!findings.contains(code), "{findings}");
        assert!(daemon.stop());
    }
}

#[test]
fn c08_a_row_set_aside_of_somebody_known_keeps_nobody_else_in() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = start(&company);
    let mut rows = workers(1, 39);
    rows[4].status = "Quit".to_owned();
    accept(&daemon, &company, "word.csv", &rows);
    assert!(app.is_active("1005"));
    assert!(!app.is_active("1040"), "who is missing has left");
    assert!(daemon.stop());
}

#[test]
fn c09_one_person_under_a_new_id_is_asked_about_and_the_rest_goes_on() {
    let new_ids: [fn(&mut Worker); 3] = [
        // Another number, and all else the same.
        |row| row.id = "77001".to_owned(),
        // Leading zeros lost, and the address was mended, too.
        |row| {
            row.id = "107".to_owned();
            row.email = "other@corp.example".to_owned();
        },
        // Married: the address is the same.
        |row| {
            row.id = "77002".to_owned();
            row.last = "Married".to_owned();
            row.hired = "2020-01-01".to_owned();
        },
    ];
    for change in new_ids {
        let app = App::start(&GROUPS);
        let company = company(&app, "", "");
        let daemon = start(&company);
        let mut rows = with(7, change);
        rows.pop();
        accept(&daemon, &company, "ids.csv", &rows);
        assert!(app.is_active("1007"), "neither is touched");
        assert_eq!(app.users().len(), 40, "and nobody is new");
        assert!(!app.is_active("1040"), "somebody else left all the same");
        let digest = question(&daemon, "hr:1007", "HR-081");

        // They are two, says a person; then the file counts as it stands.
        answer(&daemon, &digest);
        company.drop_file("again.csv", super::csv(&rows));
        company.wait_for_report("again.csv");
        // Where both have one address, the app refuses the second account; that is another matter.
        wait_for("the question to end", || {
            let findings = daemon.json(&["findings"]).to_string();
            (!app.is_active("1007") && !findings.contains("HR-081")).then_some(())
        });
        daemon.check_ledger();
        assert!(daemon.stop());
    }
}

#[test]
fn c09_the_old_id_in_the_next_file_ends_the_question() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = start(&company);
    let rows = with(7, |row| row.id = "77001".to_owned());
    accept(&daemon, &company, "ids.csv", &rows);
    question(&daemon, "hr:1007", "HR-081");
    accept(
        &daemon,
        &company,
        "mended.csv",
        &with(7, |row| row.last = "Mended".to_owned()),
    );
    assert_eq!(active(&app), 40);
    assert_eq!(daemon.json(&["status"])["held"], serde_json::json!([]));
    let findings = daemon.json(&["findings"]).to_string();
    assert!(!findings.contains("HR-081"), "{findings}");
    assert!(daemon.stop());
}

#[test]
fn c09_a_leaver_of_today_who_is_new_tomorrow_is_asked_about() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = start(&company);
    accept(&daemon, &company, "today.csv", &workers(1, 39));
    assert!(!app.is_active("1040"));
    let mut rows = workers(1, 39);
    let mut back = worker(40);
    back.id = "88040".to_owned();
    rows.push(back);
    accept(&daemon, &company, "tomorrow.csv", &rows);
    assert_eq!(app.users().len(), 40, "no second account");
    question(&daemon, "hr:1040", "HR-081");
    assert!(daemon.stop());
}

#[test]
fn c10_an_id_that_is_somebody_elses_now_is_asked_about() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = start(&company);
    let mut rows = with(7, |row| {
        row.first = "Max".to_owned();
        row.last = "Fox".to_owned();
        row.email = "max.fox@corp.example".to_owned();
        row.hired = "2026-11-01".to_owned();
    });
    rows.pop();
    accept(&daemon, &company, "other.csv", &rows);
    let name = |app: &App| app.user("1007").map(|user| user["userName"].clone());
    assert_eq!(name(&app), Some(serde_json::json!("p7@corp.example")));
    assert!(!app.is_active("1040"), "the rest goes on");
    let digest = question(&daemon, "hr:1007", "HR-082");
    answer(&daemon, &digest);
    company.drop_file("again.csv", super::csv(&rows));
    wait_for("the row to count", || {
        (name(&app) == Some(serde_json::json!("max.fox@corp.example"))).then_some(())
    });
    assert!(daemon.stop());
}

#[test]
fn c10_a_new_name_and_address_with_the_old_first_day_is_the_same_person() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = start(&company);
    let rows = with(7, |row| {
        row.last = "Married".to_owned();
        row.email = "married@corp.example".to_owned();
    });
    accept(&daemon, &company, "married.csv", &rows);
    let name = app.user("1007").map(|user| user["userName"].clone());
    assert_eq!(name, Some(serde_json::json!("married@corp.example")));
    assert!(daemon.stop());
}

#[test]
fn c11_somebody_who_works_here_is_not_suspended_by_a_first_day_to_come() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "");
    let daemon = start(&company);
    let rows = with(7, |row| row.hired = "2099-01-01".to_owned());
    accept(&daemon, &company, "later.csv", &rows);
    assert_eq!(active(&app), 40);
    let digest = question(&daemon, "hr:1007", "HR-083");
    answer(&daemon, &digest);
    company.drop_file("again.csv", super::csv(&rows));
    wait_for("the account to be suspended", || {
        (!app.is_active("1007")).then_some(())
    });
    daemon.wait_until_idle();

    // Six of them would be too many leavers, each of them answered or not.
    let mut many = rows.clone();
    for row in &mut many[20..26] {
        row.hired = "2099-01-01".to_owned();
    }
    accept(&daemon, &company, "many.csv", &many);
    assert_eq!(active(&app), 39);
    for person in 21..=26 {
        let digest = question(&daemon, &format!("hr:{}", 1000 + person), "HR-083");
        answer(&daemon, &digest);
    }
    company.drop_file("many-again.csv", super::csv(&many));
    assert_eq!(company.wait_for_report("many-again.csv").place, "held");
    assert_eq!(active(&app), 39);
    assert!(daemon.stop());
}
