//! An edited policy: seen with its people before it decides, and what is said of edits is true.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, export, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::Value;

/// A company as the product comes: an edited policy waits.
fn asking(app: &App) -> Company {
    let company = Company::new(app);
    company.configure_asking(&format!("{}{}", feed(""), target("crm", app, "")));
    company
}

fn settled(company: &Company) -> Daemon<'_> {
    let daemon = Daemon::start(company);
    company.drop_file("day1.csv", export(&people(1, 20, &["Sales", "Finance"])));
    company.wait_for_report("day1.csv");
    daemon.wait_until_idle();
    daemon
}

/// Person 1, who counts, sells as well.
fn one_more() -> String {
    POLICY.replace(
        "department == \"Sales\"",
        "department == \"Sales\" || key == \"1\"",
    )
}

fn held(daemon: &Daemon<'_>) -> Vec<Value> {
    let held = daemon.json(&["apply"]);
    held.as_array().cloned().unwrap_or_default()
}

fn finding(daemon: &Daemon<'_>, code: &str) -> Option<Value> {
    let findings = daemon.json(&["findings", "--code", code]);
    findings["items"].get(0).cloned()
}

#[test]
fn c71_an_edited_policy_waits_until_somebody_has_seen_whom_it_hits() {
    let app = App::start(&GROUPS);
    let company = asking(&app);
    let daemon = settled(&company);
    std::fs::create_dir(company.path("draft")).expect("a folder for the draft");
    company.write("draft/roles.toml", &one_more());
    let draft = company.path("draft").display().to_string();
    let shown = daemon.json(&["plan", "--policy", &draft]);
    assert_eq!(shown["verdict"], "hold", "{shown:#}");
    assert_eq!(shown["people"][0]["person"], "hr:1", "{shown:#}");
    assert_eq!(
        shown["people"].as_array().map(Vec::len),
        Some(1),
        "{shown:#}"
    );

    company.write("policy/roles.toml", &one_more());
    let held = wait_for("the edit to wait", || held(&daemon).pop());
    let digest = held["plan_digest"].as_str().expect("a digest").to_owned();
    assert_eq!(
        shown["plan_digest"], digest,
        "what was previewed is what waits"
    );
    let said = finding(&daemon, "POL-022").expect("a finding");
    let text = said["text"].as_str().unwrap_or_default();
    assert!(text.contains("grant 1"), "{said:#}");
    assert!(
        said["hint"]
            .as_str()
            .unwrap_or_default()
            .contains("muster apply"),
        "{said:#}"
    );
    for _ in 0..2 {
        let ran = daemon.cli(&["apply", &digest, "--preview"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.out.contains("hr:1)") && ran.out.contains("grant group:Sales"),
            "{ran:?}"
        );
    }
    assert_eq!(
        app.groups_of("1"),
        ["Everybody", "Finance"],
        "looking changes nothing"
    );

    let ran = daemon.cli(&["apply", &digest]);
    assert_eq!(ran.code, 0, "{ran:?}");
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("1"), ["Everybody", "Finance", "Sales"]);
    assert_eq!(finding(&daemon, "POL-022"), None);
    daemon.check_ledger();
}

#[test]
fn c71_two_things_that_wait_are_each_shown_with_digest_counts_and_people() {
    let app = App::start(&GROUPS);
    let company = asking(&app);
    let daemon = settled(&company);
    company.write("policy/roles.toml", &one_more());
    company.drop_file("day2.csv", export(&people(1, 12, &["Sales", "Finance"])));
    let both = wait_for("both to wait", || {
        let held = held(&daemon);
        (held.len() == 2).then_some(held)
    });
    for held in &both {
        assert!(held["plan_digest"].is_string(), "{held:#}");
        assert_ne!(held["counts"]["people"], serde_json::json!({}), "{held:#}");
    }
    let listed = daemon.cli(&["apply"]);
    assert_eq!(listed.code, 1);
    for held in &both {
        let digest = held["plan_digest"].as_str().unwrap_or_default();
        assert!(listed.out.contains(&digest[..12]), "{}", listed.out);
        let shown = daemon.cli(&["apply", digest, "--preview"]);
        assert_eq!(shown.code, 1, "{shown:?}");
    }
    assert!(
        listed.out.contains("joiner") || listed.out.contains("mover"),
        "{}",
        listed.out
    );
    assert!(
        listed.out.contains("(hr:1)") && listed.out.contains("(hr:13)"),
        "{}",
        listed.out
    );
    assert_eq!(held(&daemon).len(), 2, "looking changes nothing");
}

#[test]
fn c71_an_edit_that_changes_nothing_for_anybody_decides_at_once() {
    let app = App::start(&GROUPS);
    let company = asking(&app);
    let daemon = settled(&company);
    let before = daemon.json(&["status"])["policy"].clone();
    company.write(
        "policy/roles.toml",
        &POLICY.replace("Whoever sells", "Who sells"),
    );
    wait_for("the edit to be taken up", || {
        (daemon.json(&["status"])["policy"] != before).then_some(())
    });
    assert!(held(&daemon).is_empty());
    assert_eq!(finding(&daemon, "POL-022"), None);
}

#[test]
fn c71_an_edit_made_while_nobody_ran_waits_also_where_an_app_is_new() {
    let (app, other) = (App::start(&GROUPS), App::start(&["Readers"]));
    let company = asking(&app);
    assert!(settled(&company).stop());
    let both = [
        feed(""),
        target("crm", &app, ""),
        target("wiki", &other, ""),
    ]
    .concat();
    company.configure_asking(&both);
    let edited = POLICY.replace(
        "crm = [\"group:Finance\"]",
        "crm = [\"group:Finance\"], wiki = [\"group:Readers\"]",
    );
    company.write("policy/roles.toml", &edited);
    let daemon = Daemon::start(&company);
    let waits = wait_for("the edit to wait", || held(&daemon).pop());
    assert!(other.users().is_empty(), "nobody has seen whom it hits");
    let digest = waits["plan_digest"].as_str().expect("a digest").to_owned();
    // HR's files go on meanwhile, by the policy before.
    company.drop_file("day2.csv", export(&people(1, 21, &["Sales", "Finance"])));
    assert_eq!(company.wait_for_report("day2.csv").place, "processed");
    daemon.wait_until_idle();
    assert!(other.users().is_empty() && app.is_active("21"));
    // What was shown is no more: the new plan is shown, and is the one that can be approved.
    assert_eq!(daemon.cli(&["apply", &digest]).code, 2);
    let waits = wait_for("the new plan to wait", || held(&daemon).pop());
    let digest = waits["plan_digest"].as_str().expect("a digest").to_owned();
    assert_eq!(daemon.cli(&["apply", &digest]).code, 0);
    daemon.wait_until_idle();
    assert_eq!(other.users().len(), 11);
}

#[test]
fn c69_what_a_restart_puts_right_is_not_said_after_it() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    let slower = [feed("poll = \"20s\""), target("crm", &app, "")].concat();
    company.configure(&slower);
    wait_for("the restart to be asked for", || {
        finding(&daemon, "POL-021")
    });
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    assert_eq!(finding(&daemon, "POL-021"), None);
    // An edit that cannot be used, put right while nobody ran.
    company.write("policy/roles.toml", "[[role]]\n");
    wait_for("the mistake to be said", || finding(&daemon, "POL-020"));
    assert!(daemon.stop());
    company.write("policy/roles.toml", POLICY);
    let daemon = Daemon::start(&company);
    assert_eq!(finding(&daemon, "POL-020"), None);
}
