//! What others broke, end to end: each test carries the number of its row in
//! `docs/testing/numbers.md`.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;

use muster_core::actor::Actor;
use muster_core::fact::Fact;
use muster_ledger::Ledger;
use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY, Row, export, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

/// A company of this many that is all provisioned.
fn settled(count: u32) -> (App, Company, Vec<Row>) {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    (app, company, people(1, count, &["Sales", "Finance"]))
}

#[track_caller]
fn import(daemon: &Daemon<'_>, company: &Company, name: &str, rows: &[Row]) {
    company.drop_file(name, export(rows));
    let report = company.wait_for_report(name);
    assert_eq!(report.place, "processed", "{}", report.text);
    daemon.wait_until_idle();
}

fn writes(app: &App) -> u64 {
    let log = app.admin("GET", "/_log", &Value::Null);
    let by = log["by"].as_object().cloned().unwrap_or_default();
    by.iter()
        .filter(|(asked, _)| !asked.starts_with("GET"))
        .filter_map(|(_, count)| count.as_u64())
        .sum()
}

#[test]
fn f1_a_file_without_people_or_without_too_many_changes_nothing() {
    let (app, company, rows) = settled(100);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let before = writes(&app);

    // One after the other: of several that wait together, only the newest counts.
    for (name, content) in [("empty.csv", String::new()), ("header.csv", export(&[]))] {
        company.drop_file(name, content);
        assert_ne!(company.wait_for_report(name).place, "processed", "{name}");
    }
    company.drop_file("eleven-missing.csv", export(&rows[11..]));
    let report = company.wait_for_report("eleven-missing.csv");
    assert_eq!(report.place, "held");
    assert!(
        report.text.contains("PLN-010") && report.text.contains("muster apply"),
        "{}",
        report.text
    );
    daemon.wait_until_idle();
    assert_eq!(writes(&app), before, "nothing was written to the app");

    import(&daemon, &company, "nine-missing.csv", &rows[9..]);
    assert_eq!(
        app.users()
            .values()
            .filter(|user| user["active"] == json!(false))
            .count(),
        9
    );
    daemon.check_ledger();
}

#[test]
fn f1_a_held_file_is_applied_as_it_was_shown_or_not_at_all() {
    let (app, company, rows) = settled(40);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    company.drop_file("half.csv", export(&rows[20..]));
    assert_eq!(company.wait_for_report("half.csv").place, "held");

    let held = daemon.json(&["status"])["held"][0].clone();
    let digest = held["plan_digest"].as_str().unwrap_or_default().to_owned();
    let refused = daemon.cli(&["apply", &"0".repeat(64)]);
    assert_ne!(refused.code, 0, "{refused:?}");
    let applied = daemon.cli(&["apply", &digest, "--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert_eq!(
        app.users()
            .values()
            .filter(|user| user["active"] == json!(true))
            .count(),
        20
    );
    assert_eq!(company.wait_for_report("half.csv").place, "processed");
    let again = daemon.cli(&["apply", &digest, "--yes"]);
    assert_ne!(
        again.code, 0,
        "what was applied does not wait any more: {again:?}"
    );
}

#[test]
fn f4_an_account_that_hr_does_not_know_is_reported_and_never_touched() {
    let app = App::start(&GROUPS);
    let seed = json!({
        "users": [{ "userName": "root@corp.example", "active": true }],
        "groups": [{ "displayName": "Administrators", "members": ["root@corp.example"] }],
    });
    app.service.seed(&seed).expect("a seed that SCIM takes");
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    let rows = people(1, 10, &["Sales"]);
    import(&daemon, &company, "all.csv", &rows);
    import(&daemon, &company, "fewer.csv", &rows[2..]);
    let users = app.state()["users"].as_array().cloned().unwrap_or_default();
    let root = users
        .iter()
        .find(|user| user["userName"] == json!("root@corp.example"));
    assert_eq!(root.map(|root| root["active"].clone()), Some(json!(true)));
    // The accounts are listed once nothing is under way there, or a minute later.
    wait_for("the account to be reported", || {
        let found = daemon.json(&["findings"]).to_string();
        found.contains("TGT-012").then_some(())
    });
}

#[test]
fn f14_each_failure_is_shown_with_its_text_and_its_next_attempt_until_it_is_gone() {
    let (app, company, rows) = settled(3);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let busy = json!({ "method": "PATCH", "path": "/Users", "times": 3,
        "answer": { "kind": "status", "status": 503, "detail": "busy" } });
    app.fault(&busy);
    company.drop_file("fewer.csv", export(&rows[1..]));
    company.wait_for_report("fewer.csv");
    let open = wait_for("the failure to be shown", || {
        let open = daemon.json(&["operations"]);
        let found = open["items"]
            .as_array()
            .or(open.as_array())?
            .iter()
            .find(|one| one["state"] == "waiting")?
            .clone();
        Some(found)
    });
    assert!(
        open["next_at"].is_string() && open["text"].is_string(),
        "{open:#}"
    );
    wait_for("the exposure to be a finding", || {
        daemon
            .json(&["findings"])
            .to_string()
            .contains("OP-002")
            .then_some(())
    });
    daemon.wait_until_idle();
    assert!(!app.is_active("1"));
    assert!(
        !daemon.json(&["findings"]).to_string().contains("OP-002"),
        "closed once it is gone"
    );
}

#[test]
fn f16_an_app_that_answers_404_to_everything_has_carried_nothing_out() {
    let (app, company, rows) = settled(4);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    app.fault(
        &json!({ "path": "", "times": 100_000, "answer": { "kind": "status", "status": 404 } }),
    );
    company.drop_file("fewer.csv", export(&rows[1..]));
    company.wait_for_report("fewer.csv");
    wait_for("the leaver's operations to have been tried", || {
        let open = daemon.json(&["operations"]).to_string();
        (open.contains("\"unknown\"") || open.contains("\"waiting\"")).then_some(())
    });
    let status = daemon.json(&["status"]);
    let open: u64 = status["operations"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, count)| count.as_u64())
        .sum();
    assert!(open > 0, "nothing of it counts as done: {status:#}");
    app.admin("DELETE", "/_faults", &Value::Null);
    daemon.wait_until_idle();
    assert!(!app.is_active("1"));
}

#[test]
fn f17_a_role_that_is_edited_takes_back_what_only_it_gave() {
    let (app, company, rows) = settled(6);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    assert_eq!(app.groups_of("2"), ["Everybody", "Sales"]);

    // Edited while the daemon runs: first with a mistake in it, which changes nothing.
    company.write(
        "policy/roles.toml",
        &POLICY.replace("department ==", "departmnt =="),
    );
    wait_for("the mistake to be said", || {
        daemon
            .json(&["findings"])
            .to_string()
            .contains("POL-020")
            .then_some(())
    });
    assert_eq!(app.groups_of("2"), ["Everybody", "Sales"]);
    let edited = POLICY.replace(
        "department == \"Sales\"'",
        "department == \"Sales\" && key != \"2\"'",
    );
    company.write("policy/roles.toml", &edited);
    wait_for("the edited role to be taken up", || {
        (app.groups_of("2") == ["Everybody"]).then_some(())
    });
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("2"), ["Everybody"]);
    assert_eq!(app.groups_of("4"), ["Everybody", "Sales"]);
    let why = daemon.cli(&["why", "hr:2", "crm"]);
    assert!(
        why.out.contains("key != \"2\""),
        "why not is answered, too: {why:?}"
    );
    daemon.check_ledger();
}

#[test]
fn f17_a_change_of_the_policy_that_takes_too_much_waits_for_a_person() {
    let (app, company, rows) = settled(40);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    assert!(daemon.stop());
    company.write(
        "policy/roles.toml",
        &POLICY.replace("department == \"Sales\"", "department == \"Nobody\""),
    );
    let daemon = Daemon::start(&company);
    daemon.wait_until_idle();
    assert_eq!(
        app.groups_of("2"),
        ["Everybody", "Sales"],
        "nothing is taken before somebody looked"
    );
    let held = daemon.json(&["status"])["held"][0].clone();
    let digest = held["plan_digest"].as_str().unwrap_or_default().to_owned();
    let applied = daemon.cli(&["apply", &digest, "--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("2"), ["Everybody"]);
}

#[test]
fn f17_a_held_change_of_the_policy_can_be_approved_after_operations_ended() {
    let (app, company, mut rows) = settled(40);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let busy = json!({ "method": "POST", "path": "/Users", "times": 100_000,
        "answer": { "kind": "status", "status": 503 } });
    app.fault(&busy);
    rows.push(Row::new("41", "Sales"));
    company.drop_file("one-more.csv", export(&rows));
    company.wait_for_report("one-more.csv");
    assert!(daemon.stop());
    company.write(
        "policy/roles.toml",
        &POLICY.replace("department == \"Sales\"", "department == \"Nobody\""),
    );
    let daemon = Daemon::start(&company);
    let held = || {
        let digest = daemon.json(&["status"])["held"][0]["plan_digest"].clone();
        digest.as_str().unwrap_or_default().to_owned()
    };
    let shown = held();
    app.admin("DELETE", "/_faults", &Value::Null);
    daemon.wait_until_idle();
    assert!(app.is_active("41"));

    let refused = daemon.cli(&["apply", &shown]);
    assert_ne!(refused.code, 0, "another plan was shown: {refused:?}");
    assert_eq!(app.groups_of("2"), ["Everybody", "Sales"]);
    let now = held();
    assert_ne!(now, shown, "what would now be done waits in its place");
    let applied = daemon.cli(&["apply", &now]);
    assert_eq!(applied.code, 0, "{applied:?}");
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("2"), ["Everybody"]);
    assert!(!daemon.json(&["findings"]).to_string().contains("PLN-01"));
}

#[test]
fn f14_what_was_said_of_an_operation_is_over_when_another_takes_its_place() {
    let (app, company, rows) = settled(8);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let mut nameless = rows.clone();
    nameless[0].email = String::new();
    import(&daemon, &company, "nameless.csv", &nameless);
    let findings = daemon.json(&["findings"]).to_string();
    assert!(findings.contains("OP-001"), "{findings}");

    // Not the first file again, which would be held as a former one.
    let mut corrected = rows.clone();
    corrected[0].email = "one@corp.example".to_owned();
    import(&daemon, &company, "corrected.csv", &corrected);
    let findings = daemon.json(&["findings"]).to_string();
    assert!(!findings.contains("OP-001"), "{findings}");
    assert!(app.is_active("1"));
}

#[test]
fn f19_addresses_swapped_between_two_people_never_give_one_the_others_account() {
    let (app, company, mut rows) = settled(2);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let ids = |app: &App| ["1", "2"].map(|key| app.user(key).map(|user| user["id"].clone()));
    let before = ids(&app);
    let (first, second) = (rows[0].email.clone(), rows[1].email.clone());
    rows[0].email = second;
    rows[1].email = first;
    company.drop_file("swapped.csv", export(&rows));
    company.wait_for_report("swapped.csv");
    daemon.wait_until_idle();
    assert_eq!(
        ids(&app),
        before,
        "each keeps the account that was made for them"
    );
    assert_eq!(app.users().len(), 2);
    for (key, user) in app.users() {
        assert_eq!(
            user["name"]["familyName"],
            json!(format!("Last{key}")),
            "{user:#}"
        );
    }
}

#[test]
fn f21_the_last_owner_stays_a_person_is_asked_and_the_ledger_keeps_the_grant() {
    let app = App::start(&["Everybody", "Sales", "Finance", "Owners"]);
    let policy = format!(
        "{POLICY}\n[[role]]\nname = \"owner\"\ndescription = \"Owns it\"\nwhen = 'key == \"1\"'\naccess = {{ crm = [\"group:Owners\"] }}\n"
    );
    let company = Company::configured(&format!("{}{}", feed(""), target("crm", &app, "")), &policy);
    let daemon = Daemon::start(&company);
    let rows = people(1, 6, &["Sales"]);
    import(&daemon, &company, "all.csv", &rows);
    app.admin("PUT", "/_rules", &json!({ "last_owner_of": "Owners" }));
    import(&daemon, &company, "fewer.csv", &rows[1..]);
    assert!(app.groups_of("1").contains(&"Owners".to_owned()));
    let findings = daemon.json(&["findings"]).to_string();
    assert!(findings.contains("OP-001"), "{findings}");
    let why = daemon.json(&["why", "hr:1", "crm"]).to_string();
    assert!(
        why.contains("group:Owners"),
        "the ledger still shows it: {why}"
    );
}

#[test]
fn f24_two_tenants_with_the_same_group_name_are_never_mixed_up() {
    let (one, other) = (App::start(&GROUPS), App::start(&GROUPS));
    let policy = r#"
[[role]]
name = "one"
description = "Sales works in the first tenant"
when = 'department == "Sales"'
access = { crm = ["group:Sales"] }

[[role]]
name = "other"
description = "Finance works in the second"
when = 'department == "Finance"'
access = { other = ["group:Sales"] }
"#;
    let tables = format!(
        "{}{}{}",
        feed(""),
        target("crm", &one, ""),
        target("other", &other, "")
    );
    let company = Company::configured(&tables, policy);
    let daemon = Daemon::start(&company);
    let rows = people(1, 10, &["Sales", "Finance"]);
    import(&daemon, &company, "all.csv", &rows);
    for row in &rows {
        let (here, there) = if row.department == "Sales" {
            (&one, &other)
        } else {
            (&other, &one)
        };
        assert_eq!(here.groups_of(&row.id), ["Sales"], "{}", row.id);
        assert!(there.user(&row.id).is_none(), "{}", row.id);
    }
}

#[test]
fn f17_a_policy_that_waits_does_not_keep_a_leavers_file_from_being_worked_on() {
    let (app, company, rows) = settled(40);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    // Taken up while the daemon runs: it would take a group from half of the company.
    company.write(
        "policy/roles.toml",
        &POLICY.replace("department == \"Sales\"", "department == \"Nobody\""),
    );
    wait_for("the policy to wait", || {
        let held = daemon.json(&["status"])["held"].clone();
        held[0]["plan_digest"].is_string().then_some(())
    });
    import(&daemon, &company, "fewer.csv", &rows[1..]);
    assert!(!app.is_active("1"), "who left is out, whatever waits");
    assert_eq!(
        app.groups_of("2"),
        ["Everybody", "Sales"],
        "the policy before decides"
    );
}

#[test]
fn f17_a_policy_edited_while_the_daemon_was_stopped_waits_like_any_other() {
    let (app, company, rows) = settled(40);
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    assert!(daemon.stop());
    // It would take a group from half of the company.
    company.write(
        "policy/roles.toml",
        &POLICY.replace("department == \"Sales\"", "department == \"Nobody\""),
    );
    let waiting = |daemon: &Daemon<'_>| {
        let held = daemon.json(&["status"])["held"].clone();
        held[0]["plan_digest"].as_str().map(str::to_owned)
    };
    // However often it is started.
    let mut since = None;
    for start in 1..=2 {
        let daemon = Daemon::start(&company);
        wait_for("the policy to wait", || waiting(&daemon));
        let now = daemon.json(&["status"])["held"][0]["since"].clone();
        assert_eq!(*since.get_or_insert_with(|| now.clone()), now);
        import(
            &daemon,
            &company,
            &format!("fewer-{start}.csv"),
            &rows[start..],
        );
        assert!(!app.is_active(&start.to_string()), "who left is out");
        assert_eq!(
            app.groups_of("4"),
            ["Everybody", "Sales"],
            "the policy before decides about HR's files"
        );
        assert!(daemon.stop());
    }
    let daemon = Daemon::start(&company);
    let digest = wait_for("the policy to wait", || waiting(&daemon));
    let applied = daemon.cli(&["apply", &digest, "--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    wait_for("the policy to be carried out", || {
        (app.groups_of("4") == ["Everybody"]).then_some(())
    });
    daemon.wait_until_idle();
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    assert_eq!(waiting(&daemon), None, "it decides from now on");
}

/// What an older version would have said of everything that is open.
fn reword(company: &Company) -> usize {
    let file = company.path("data/ledger.redb");
    let ledger = Ledger::open_existing(&file, &muster_ledger::Options::default()).unwrap();
    let open = ledger.read().unwrap().findings().unwrap();
    let open: Vec<_> = open.map(|kept| kept.unwrap().finding).collect();
    let written = ledger.write(jiff::Timestamp::now(), Actor::Daemon, |writer| {
        for finding in &open {
            let mut older = finding.clone();
            older.text = format!("as an older version put it: {}", finding.text.len());
            older.hint = String::new();
            writer.record(Fact::FindingOpened(older))?;
        }
        Ok::<(), muster_ledger::Error>(())
    });
    written.unwrap();
    open.len()
}

#[test]
fn what_was_said_in_older_words_closes_once_it_is_over() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let nowhere = r#"
[[role]]
name = "nowhere"
description = "A group that the app does not have"
when = "true"
access = { crm = ["group:Nowhere"] }
"#;
    company.write("policy/roles.toml", &format!("{POLICY}{nowhere}"));
    app.fault(
        &json!({ "method": "PATCH", "path": "/Groups", "times": 1_000_000,
        "answer": { "kind": "status", "status": 403, "detail": "groups are managed elsewhere" } }),
    );
    let daemon = Daemon::start(&company);
    let codes = |daemon: &Daemon<'_>| {
        let open = daemon.json(&["findings"]);
        let open = open["items"].as_array().or(open.as_array()).cloned();
        let open = open.unwrap_or_default();
        let code = |one: &Value| one["code"].as_str().unwrap_or_default().to_owned();
        open.iter().map(code).collect::<BTreeSet<String>>()
    };
    company.drop_file("all.csv", export(&people(1, 3, &["Sales"])));
    assert_eq!(company.wait_for_report("all.csv").place, "processed");
    let said = wait_for("an entitlement and an operation to be said", || {
        let said = codes(&daemon);
        (["OP-004", "PLN-002", "TGT-005"]
            .iter()
            .all(|code| said.contains(*code)))
        .then_some(said)
    });
    assert!(daemon.stop(), "the daemon stops well");
    assert!(reword(&company) >= said.len(), "{said:?}");

    app.admin("DELETE", "/_faults", &Value::Null);
    company.write("policy/roles.toml", POLICY);
    let accepts = "[target.crm.leaver]\nrevoke_credentials = false\n";
    company.configure(&(feed("") + &target("crm", &app, "") + accepts));
    let daemon = Daemon::start(&company);
    let retried = daemon.cli(&["operations", "retry", "--target", "crm"]);
    assert_eq!(retried.code, 0, "{retried:?}");
    wait_for("everything that was said to be over", || {
        codes(&daemon).is_disjoint(&said).then_some(())
    });
}
