//! What HR, and whoever looks at a file before it is dropped, is told.

use muster_tests::app::App;
use muster_tests::company::{GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::{EMAIL, company, drop_and_wait, finding, has, row};

/// Whether a text has nothing in it that steers a terminal, or begins a line that is not ours.
#[track_caller]
fn is_harmless(what: &str, text: &str) {
    let steers = |char: char| {
        (char.is_control() && char != '\n') || ('\u{202a}'..='\u{202e}').contains(&char)
    };
    assert!(!text.chars().any(steers), "{what}: {text:?}");
    assert!(
        !text.lines().any(|line| line.starts_with("FORGED")),
        "{what}: {text}"
    );
}

#[test]
fn c35_two_people_with_one_address_are_named_with_their_rows() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 12, &["Sales"]);
    row(&mut rows, "4").email = "P9@corp.example".to_owned();
    row(&mut rows, "6").email = String::new();
    let file = export(&rows);
    company.write("look.csv", &file);
    let path = company.path("look.csv").display().to_string();
    let planned = daemon.cli(&["plan", &path]);
    company.drop_file("monday.csv", &file);
    let report = company.wait_for_report("monday.csv");
    for text in [&planned.out, &report.text] {
        for words in [
            "HR-055",
            "ids `4`, `9` have one value for `userName` at crm: rows 5, 10",
            "HR-056",
            "row 7",
            "there is nothing for `userName` at crm (id 6)",
        ] {
            assert!(text.contains(words), "`{words}` is missing in:\n{text}");
        }
        assert!(!text.contains("p9@corp"), "no address is named: {text}");
    }
}

#[test]
fn c36_nothing_of_a_file_is_shown_as_if_it_were_ours() {
    let app = App::start(&GROUPS);
    let company = company(&app, "manager = \"ManagerID\"", EMAIL);
    let daemon = Daemon::start(&company);
    let evil = "7\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\nFORGED HR-001\u{202e}";
    let row = |id: u32, manager: &str| {
        format!("{id},F,L,p{id}@corp.example,Sales,Active,,\"{manager}\"\n")
    };
    let mut file =
        "WorkerID,FirstName,LastName,Email,Department,WorkerStatus,TerminationDate,ManagerID\n"
            .to_owned();
    file.extend((1..=12).map(|id| row(id, "1")));
    file.push_str(&row(13, evil));
    // Not a control character, and turns the line round all the same.
    file.push_str(&row(14, "9\u{202e}kcab"));
    file.push_str("15,F,L,p15@corp.example,Sales,\"\u{202e}Quit\u{200b}\",,\n");
    let name = "monday\u{1b}[31m\nFORGED\u{202e}.csv";
    company.write("look.csv", &file);
    let path = company.path("look.csv").display().to_string();
    for arguments in [
        &["plan", &path][..],
        &["plan", &path, "--all"],
        &["plan", &path, "--json"],
    ] {
        let planned = daemon.cli(arguments);
        is_harmless("plan", &planned.out);
        assert!(planned.out.contains("HR-017"), "{}", planned.out);
    }
    company.drop_file(name, &file);
    let folder = company.path("hr/processed");
    let read = |end: &str| {
        let files = std::fs::read_dir(&folder).ok()?;
        let mut paths = files.filter_map(|file| Some(file.ok()?.path()));
        let report = paths.find(|path| path.to_string_lossy().ends_with(end))?;
        std::fs::read_to_string(report).ok()
    };
    let text = wait_for("the report", || read(".report.txt"));
    is_harmless("report", &text);
    assert!(
        text.contains("9\\u{202e}kcab") && text.contains("HR-017"),
        "{text}"
    );
    is_harmless(
        "report as JSON",
        &wait_for("the report as JSON", || read(".report.json")),
    );
    for arguments in [
        &["findings"][..],
        &["findings", "--json"],
        &["status"],
        &["status", "--json"],
    ] {
        is_harmless("the command line", &daemon.cli(arguments).out);
    }
    is_harmless("the log", &daemon.log());
}

#[test]
fn c37_a_plan_names_the_rows_that_the_report_will_name() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 60, &["Sales"]);
    for person in rows.iter_mut().skip(10).take(30) {
        person.status = "Quit".to_owned();
    }
    let file = export(&rows);
    company.write("bad.csv", &file);
    let path = company.path("bad.csv").display().to_string();
    let (short, all) = (
        daemon.cli(&["plan", &path]),
        daemon.cli(&["plan", &path, "--all"]),
    );
    let json = daemon.json(&["plan", &path]);
    let report = drop_and_wait(&company, &daemon, "bad.csv", &file);
    let named = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim);
        lines
            .filter(|line| line.starts_with("row "))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(named(&report.text).len(), 30, "{}", report.text);
    assert_eq!(named(&all.out), named(&report.text));
    assert_eq!(named(&short.out), named(&report.text)[..20]);
    assert!(short.out.contains("... and 10 more"), "{}", short.out);
    let problems = json["problems"].as_array().cloned().unwrap_or_default();
    let rows: Vec<_> = problems
        .iter()
        .filter(|problem| problem["code"] == "HR-014")
        .map(|problem| (problem["rows"][0].clone(), problem["id"].clone()))
        .collect();
    assert_eq!(rows.len(), 30);
    assert_eq!(rows[0], (serde_json::json!(12), serde_json::json!("11")));
}

#[test]
fn c62_that_nobodys_absence_counts_is_said_until_a_file_is_whole() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let rows = people(1, 20, &["Sales"]);
    let whole = export(&rows);
    drop_and_wait(&company, &daemon, "monday.csv", &whole);
    assert_eq!(finding(&daemon, "HR-029"), None);
    // A comma that nobody quoted, and two people who are gone.
    let broken = export(&rows[..18]).replacen("Last7", "Last7, Jr.", 1);
    for day in ["tuesday.csv", "wednesday.csv"] {
        let report = drop_and_wait(&company, &daemon, day, &broken);
        has(&report, &["HR-029", "HR-012", "        0  left"]);
        let said = finding(&daemon, "HR-029").expect("the finding");
        assert!(
            said.contains("nobody who is missing") && said.contains(day),
            "{said}"
        );
        assert!(app.is_active("19") && app.is_active("20"));
    }
    let report = drop_and_wait(&company, &daemon, "thursday.csv", &export(&rows[..18]));
    has(&report, &["  left: 19, 20"]);
    assert_eq!(finding(&daemon, "HR-029"), None);
    assert!(!app.is_active("19") && !app.is_active("20"));
    daemon.check_ledger();
}

#[test]
fn c74_hr_reads_who_joined_and_left_and_what_hr_can_do() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", EMAIL);
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 40, &["Sales"]);
    let report = drop_and_wait(&company, &daemon, "monday.csv", &export(&rows));
    has(&report, &["Who, by id", "  joined: 1, 10, 11,"]);
    row(&mut rows, "7").department = "Finance".to_owned();
    row(&mut rows, "8").last = "New".to_owned();
    row(&mut rows, "9").status = "Terminated".to_owned();
    rows.retain(|row| row.id != "10");
    rows.extend(people(41, 41, &["Sales"]));
    let report = drop_and_wait(&company, &daemon, "tuesday.csv", &export(&rows));
    has(
        &report,
        &[
            "  joined: 41",
            "  changed role or place: 7",
            "  changed in details: 8",
            "  left: 10, 9",
        ],
    );
    let report = drop_and_wait(&company, &daemon, "wednesday.csv", &export(&rows[..20]));
    assert_eq!(report.place, "held", "{}", report.text);
    has(&report, &["PLN-010", "tell IT", "Who, by id"]);
    for words in ["the policy", "muster.toml", "look at the preview"] {
        assert!(
            !report.text.contains(words),
            "`{words}` is for IT:\n{}",
            report.text
        );
    }
}
