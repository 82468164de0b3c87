//! What a cell says, however it is written.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, Row, export, people, target};
use muster_tests::daemon::{Daemon, cli};

use super::{EMAIL, company, drop_and_wait, feed, finding, has, row};

#[test]
fn c15_the_same_file_says_something_else_once_it_knows_more_words() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 20, &["Sales"]);
    drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    *row(&mut rows, "3") = Row::new("3", "Sales").status("Quit");
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    has(&report, &["HR-014", "`Quit`"]);
    assert!(app.is_active("3"));

    // The same bytes again: what was set aside is said again.
    let report = drop_and_wait(&company, &daemon, "wednesday.csv", &export(&rows));
    has(&report, &["HR-014", "`Quit`"]);

    assert!(daemon.stop());
    let words = feed("", EMAIL).replace("\"Terminated\"", "\"Terminated\", \"Quit\"");
    company.configure(&format!("{words}{}", target("crm", &app, "")));
    let daemon = Daemon::start(&company);
    let report = drop_and_wait(&company, &daemon, "thursday.csv", &export(&rows));
    has(&report, &["        1  left", "  left: 3"]);
    assert!(!app.is_active("3"));
    assert_eq!(finding(&daemon, "FEED-004"), None);
    daemon.check_ledger();
}

#[test]
fn c15_another_mapping_reads_the_same_file_anew() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let file = export(&people(1, 12, &["Sales"]));
    drop_and_wait(&company, &daemon, "monday.csv", &file);
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &file);
    has(&report, &["nothing changed since the last file"]);
    assert!(daemon.stop());
    let other = feed("", EMAIL).replace("\"LastName\"", "\"FirstName\"");
    company.configure(&format!("{other}{}", target("crm", &app, "")));
    let daemon = Daemon::start(&company);
    let report = drop_and_wait(&company, &daemon, "wednesday.csv", &file);
    has(&report, &["       12  changed in details"]);
}

const QUALITY: &str = r#"
[[role]]
name = "everybody"
when = "true"
access = { crm = ["group:Everybody"] }

[[role]]
name = "quality"
when = 'department == "Qualité"'
access = { crm = ["group:Qualité"] }
"#;

#[test]
fn c29_the_same_letters_are_the_same_whichever_system_composed_them() {
    let apart = |text: &str| text.replace('é', "e\u{301}");
    // The app and the policy write it in one way each.
    let app = App::start(&["Everybody", &apart("Qualité")]);
    let tables = format!("{}{}", feed("", EMAIL), target("crm", &app, ""));
    let tables = tables.replace("\"Department\"", &format!("\"{}\"", apart("Unité")));
    let company = Company::configured(&tables, &apart(QUALITY));
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 8, &["Qualité"]);
    rows.push(Row::new("é9", "Sales"));
    let text = |rows: &[Row]| export(rows).replace("Department", "Unité");
    drop_and_wait(&company, &daemon, "linux.csv", &text(&rows));
    let of_group = || {
        (1..=8)
            .filter(|id| app.groups_of(&id.to_string()).len() == 2)
            .count()
    };
    assert_eq!(of_group(), 8, "the rule holds for all of them");

    let report = drop_and_wait(&company, &daemon, "mac.csv", &apart(&text(&rows)));
    has(&report, &["nothing changed since the last file"]);
    row(&mut rows, "2").last = "Noé".to_owned();
    let report = drop_and_wait(&company, &daemon, "mac-2.csv", &apart(&text(&rows)));
    has(
        &report,
        &[
            "        0  left",
            "        1  changed in details",
            "        0  joined",
        ],
    );
    assert_eq!(of_group(), 8);
    let name = app.user("2").expect("an account")["name"]["familyName"].clone();
    assert_eq!(name, serde_json::json!("Noé"));
    daemon.check_ledger();
}

#[test]
fn c30_what_a_spreadsheet_writes_for_nothing_changes_nobody() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 40, &["Sales"]);
    drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    for (id, cell) in [
        ("1", "#N/A"),
        ("2", "#REF!"),
        ("3", "NULL"),
        ("4", "#NV"),
        ("5", "(null)"),
    ] {
        row(&mut rows, id).department = cell.to_owned();
    }
    row(&mut rows, "6").last = "#NAME?".to_owned();
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    assert_eq!(report.place, "processed", "{}", report.text);
    has(&report, &["of which 6 were set aside", "HR-050", "(id 3)"]);
    for id in 1..=6 {
        let groups = app.groups_of(&id.to_string());
        assert!(groups.contains(&"Sales".to_owned()), "{id}");
    }
    let name = app.user("6").expect("an account")["name"]["familyName"].clone();
    assert_eq!(name, serde_json::json!("Last6"));
}

#[test]
fn c30_what_is_not_one_address_is_nobodys_user_name() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", r#"email = { column = "Email", type = "email" }"#);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 12, &["Sales"]);
    drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    row(&mut rows, "6").email = "cid may@x.example".to_owned();
    row(&mut rows, "7").email = "dee@x.example; d@y.example".to_owned();
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    has(&report, &["of which 2 were set aside", "HR-053", "(id 7)"]);
    for id in ["6", "7"] {
        let name = app.user(id).expect("an account")["userName"].clone();
        assert_eq!(name, serde_json::json!(format!("p{id}@corp.example")));
    }
}

#[test]
fn c30_an_id_that_a_spreadsheet_shortened_is_nobodys_and_nobody_leaves_by_it() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 40, &["Sales"]);
    drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    for id in 10..15 {
        row(&mut rows, &id.to_string()).id = "1.00045E+11".to_owned();
    }
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    has(
        &report,
        &[
            "HR-052",
            "HR-029",
            "of which 5 were set aside",
            "        0  left",
        ],
    );
    for id in 10..15 {
        assert!(app.is_active(&id.to_string()), "{id}");
    }
    assert_eq!(app.users().len(), 40);
}

#[test]
fn c31_damaged_letters_reach_no_app() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 20, &["Sales"]);
    row(&mut rows, "1").first = "Jörg".to_owned();
    drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    row(&mut rows, "1").first = "JÃ¶rg".to_owned();
    row(&mut rows, "2").last = "M\u{fffd}ller".to_owned();
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    has(&report, &["HR-051", "of which 2 were set aside"]);
    let name = |id: &str| app.user(id).expect("an account")["name"]["givenName"].clone();
    assert_eq!(name("1"), serde_json::json!("Jörg"));

    row(&mut rows, "1").first = "J?rg".to_owned();
    row(&mut rows, "2").last = "Müller".to_owned();
    let report = drop_and_wait(&company, &daemon, "wednesday.csv", &export(&rows));
    assert_eq!(report.place, "held", "{}", report.text);
    has(&report, &["HR-054", "FirstName", "row 2"]);
    assert_eq!(name("1"), serde_json::json!("Jörg"));
}

#[test]
fn c32_no_date_is_no_date_and_two_digits_are_not_guessed() {
    let app = App::start(&GROUPS);
    let company = company(&app, "date_formats = [\"%d.%m.%Y\"]", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 12, &["Sales"]);
    for (id, cell) in [
        ("1", "00.00.0000"),
        ("2", "0000-00-00"),
        ("3", "01.01.1753"),
        ("4", "1753-01-01 00:00:00"),
        ("5", "0001-01-01T00:00:00"),
    ] {
        row(&mut rows, id).last_day = cell.to_owned();
    }
    let report = drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    assert_eq!(report.place, "processed", "{}", report.text);
    has(&report, &["of which 0 were set aside", "       12  joined"]);
    assert!(app.is_active("1") && app.is_active("5"));
    row(&mut rows, "6").last_day = "01.01.1900".to_owned();
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    has(&report, &["HR-015", "too long ago"]);
    assert!(app.is_active("6"), "a day that nobody left on ends nothing");
    assert!(daemon.stop());

    let check = |mapping: &str| {
        company.configure(&format!(
            "{}{}",
            feed(mapping, EMAIL),
            target("crm", &app, "")
        ));
        cli(&company, &["check"])
    };
    let refused = check("date_formats = [\"%d.%m.%y\"]");
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.err.contains("two_digit_years"), "{refused:?}");
    let taken =
        check("date_formats = [\"%d.%m.%y\"]\ntwo_digit_years = 1950\nno_date = [\"01.01.00\"]");
    assert_eq!(taken.code, 0, "{taken:?}");
}

#[test]
fn c33_what_nobody_sees_in_a_header_does_not_count_and_what_is_odd_is_shown() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let file = export(&people(1, 12, &["Sales"])).replace(',', ";");
    let odd = file.replacen("WorkerID", "\u{200b}Worker\u{ad}ID\u{a0}", 1);
    let saved_again = format!("\"sep=;\"\r\n{odd}");
    let report = drop_and_wait(&company, &daemon, "odd.csv", &saved_again);
    assert_eq!(report.place, "processed", "{}", report.text);
    has(&report, &["       12  joined"]);

    // A letter of another alphabet that looks the same.
    let report = drop_and_wait(
        &company,
        &daemon,
        "alike.csv",
        &file.replacen("Worker", "W\u{43e}rker", 1),
    );
    assert_eq!(report.place, "held", "{}", report.text);
    has(&report, &["HR-010", "`W\\u{43e}rkerID`", "parted at `;`"]);

    // More commas than semicolons.
    let commas = file.replacen(
        "TerminationDate",
        "TerminationDate;\"a\"b, c, d, e, f, g, h, i, j",
        1,
    );
    let report = drop_and_wait(&company, &daemon, "commas.csv", &commas);
    assert_eq!(report.place, "held", "{}", report.text);
    has(
        &report,
        &[
            "parted at `,`",
            "parted at `;`, every column would be found",
            "`delimiter`",
        ],
    );
}

#[test]
fn c34_a_word_in_capitals_is_the_word_in_any_language() {
    let app = App::start(&GROUPS);
    let words = feed("", EMAIL)
        .replace("[\"Active\"]", "[\"Aktif\", \"tätig\"]")
        .replace("\"Terminated\"", "\"Ayrıldı\", \"Straße\"");
    let company = Company::configured(
        &format!("{words}{}", target("crm", &app, "")),
        super::POLICY,
    );
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 10, &["Sales"]);
    for (row, word) in rows.iter_mut().zip(
        ["AKTİF", "AKTIF", "aktif", "TÄTIG", "TA\u{308}TIG"]
            .iter()
            .cycle(),
    ) {
        (*word).clone_into(&mut row.status);
    }
    let report = drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    has(&report, &["of which 0 were set aside", "       10  joined"]);
    row(&mut rows, "1").status = "AYRILDI".to_owned();
    row(&mut rows, "2").status = "STRASSE".to_owned();
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    has(&report, &["        2  left"]);
    assert!(!app.is_active("1") && !app.is_active("2") && app.is_active("3"));
}

#[test]
fn c63_rows_of_one_person_that_say_the_same_are_one() {
    let app = App::start(&GROUPS);
    let company = company(&app, "start_date = \"HireDate\"", EMAIL);
    let daemon = Daemon::start(&company);
    let header = "WorkerID,FirstName,LastName,Email,Department,WorkerStatus,HireDate,TerminationDate,Title\n";
    let line = |id: u32, rest: &str| format!("{id},F{id},L{id},p{id}@corp.example,{rest}\n");
    let plain: String = (1..=20)
        .map(|id| line(id, "Sales,Active,2020-01-01,,Rep"))
        .collect();
    drop_and_wait(&company, &daemon, "monday.csv", &format!("{header}{plain}"));
    let others: String = (6..=20)
        .map(|id| line(id, "Sales,Active,2020-01-01,,Rep"))
        .collect();
    let rows = [
        // Every row says that the person has left.
        line(1, "Sales,Terminated,2020-01-01,2024-01-31,Rep"),
        line(1, "Finance,Terminated,2021-01-01,2025-01-31,Clerk"),
        line(2, "Sales,Terminated,2020-01-01,,Rep"),
        line(2, "Finance,Inactive,2020-01-01,,Rep"),
        // They differ in a column that nobody reads.
        line(3, "Sales,Active,2020-01-01,,Rep"),
        line(3, "Sales,Active,2020-01-01,,Second job"),
        // An employment that was over, and another.
        line(4, "Sales,Terminated,2015-01-01,2019-06-30,Rep"),
        line(4, "Finance,Active,2020-01-01,,Clerk"),
        // Over and not over at once: nobody can say which.
        line(5, "Sales,Terminated,2015-01-01,2024-06-30,Rep"),
        line(5, "Finance,Active,2020-01-01,,Clerk"),
    ];
    let report = drop_and_wait(
        &company,
        &daemon,
        "tuesday.csv",
        &format!("{header}{}{others}", rows.concat()),
    );
    has(
        &report,
        &[
            "        2  left",
            "  left: 1, 2",
            "of which 2 were set aside",
            "HR-057",
            "HR-021",
            "HR-020",
        ],
    );
    assert!(!app.is_active("1") && !app.is_active("2"));
    assert!(app.is_active("3") && app.is_active("4") && app.is_active("5"));
    assert!(app.groups_of("4").contains(&"Finance".to_owned()));
    assert!(
        app.groups_of("5").contains(&"Sales".to_owned()),
        "as before"
    );
}
