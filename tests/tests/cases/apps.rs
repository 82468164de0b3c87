//! Apps that answer other than they act: ids that change, accounts that were there before, lists that lie.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, Row, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::{Value, json};

/// A company of ten, and an app with one account that is nobody's.
fn company() -> (App, Company, Vec<Row>) {
    let app = App::start(&[]);
    let groups: Vec<Value> = GROUPS
        .iter()
        .map(|name| json!({ "displayName": name, "members": ["root@corp.example"] }))
        .collect();
    let root = json!({ "userName": "root@corp.example", "active": true,
        "emails": [{ "value": "boss@corp.example", "type": "work" }] });
    let seed = json!({ "users": [root], "groups": groups });
    app.service.seed(&seed).expect("a seed that SCIM takes");
    let company = Company::new(&app);
    (app, company, people(1, 10, &["Sales"]))
}

#[track_caller]
fn import(daemon: &Daemon<'_>, company: &Company, name: &str, rows: &[Row]) {
    company.drop_file(name, export(rows));
    let report = company.wait_for_report(name);
    assert_eq!(report.place, "processed", "{}", report.text);
    daemon.wait_until_idle();
}

/// Waits for a finding with this code about this subject.
#[track_caller]
fn finding(daemon: &Daemon<'_>, code: &str, subject: &str) -> Value {
    wait_for(&format!("{code} of {subject}"), || {
        let findings = daemon.json(&["findings"]);
        let items = findings["items"]
            .as_array()
            .or(findings.as_array())?
            .clone();
        let is_meant =
            |one: &Value| one["code"] == code && one["subject"].to_string().contains(subject);
        items.into_iter().find(is_meant)
    })
}

fn has_finding(daemon: &Daemon<'_>, code: &str) -> bool {
    daemon.json(&["findings"]).to_string().contains(code)
}

#[track_caller]
fn wait_until_closed(daemon: &Daemon<'_>, code: &str) {
    wait_for(&format!("{code} to close"), || {
        (!has_finding(daemon, code)).then_some(())
    });
}

/// The name that the ledger has for an account.
fn id_of(daemon: &Daemon<'_>, person: &str) -> String {
    let accounts = daemon.json(&["accounts"]);
    let items = accounts["items"].as_array().cloned().unwrap_or_default();
    let mine = items.iter().find(|one| one["person"] == person);
    mine.and_then(|one| one["id"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn is_root_untouched(app: &App) -> bool {
    let state = app.state();
    let users = state["users"].as_array().cloned().unwrap_or_default();
    let root = users
        .iter()
        .find(|user| user["userName"] == "root@corp.example");
    let groups = state["groups"].as_array().cloned().unwrap_or_default();
    root.is_some_and(|root| {
        let is_in = |group: &Value| {
            let members = group["members"].as_array().cloned().unwrap_or_default();
            members.iter().any(|member| member["value"] == root["id"])
        };
        root["active"] == true && groups.iter().all(is_in)
    })
}

#[test]
fn c06_a_leaver_whose_id_changed_at_the_app_is_followed_and_shut_out() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let before = id_of(&daemon, "hr:1");
    app.by_hand("p1@corp.example", "renumber");
    import(&daemon, &company, "fewer.csv", &rows[1..]);
    assert!(!app.is_active("1"), "she is out");
    assert_eq!(app.groups_of("1"), [""; 0]);
    let shown = app.user("1").map(|user| user["id"].clone());
    assert_eq!(shown, Some(json!(id_of(&daemon, "hr:1"))));
    assert_ne!(id_of(&daemon, "hr:1"), before);
    daemon.check_ledger();
}

#[test]
fn c06_an_id_that_changed_is_followed_where_nothing_is_to_be_done() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    for name in ["p1@corp.example", "p2@corp.example"] {
        app.by_hand(name, "renumber");
    }
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    for key in ["1", "2"] {
        let shown = app.user(key).map(|user| user["id"].clone());
        wait_for("the id to be followed", || {
            (shown == Some(json!(id_of(&daemon, &format!("hr:{key}"))))).then_some(())
        });
    }
    assert!(
        !has_finding(&daemon, "TGT-013"),
        "nobody is said to be gone"
    );
    daemon.check_ledger();
}

#[test]
fn c06_an_account_is_followed_by_the_keys_that_an_unanswered_call_gave_it() {
    let (app, company, mut rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    // The new name is written, nobody says so, and the account moves before it is looked at.
    app.fault(
        &json!({ "method": "PATCH", "path": "/Users", "times": 1, "apply": true,
        "answer": { "kind": "drop" } }),
    );
    app.fault(
        &json!({ "method": "GET", "path": "/Users", "times": 3, "skip": 1,
        "answer": { "kind": "status", "status": 503, "retry_after": "1" } }),
    );
    "new@corp.example".clone_into(&mut rows[0].email);
    company.drop_file("renamed.csv", export(&rows));
    wait_for("the new name to be written", || {
        let name = app.user("1").map(|user| user["userName"].clone());
        (name == Some(json!("new@corp.example"))).then_some(())
    });
    app.by_hand("new@corp.example", "renumber");
    import(&daemon, &company, "fewer.csv", &rows[1..]);
    assert!(!app.is_active("1"), "she is out");
    let shown = app.user("1").map(|user| user["id"].clone());
    assert_eq!(shown, Some(json!(id_of(&daemon, "hr:1"))));
    daemon.check_ledger();
}

#[test]
fn c06_an_account_is_not_gone_while_another_one_holds_a_part_of_its_keys() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    app.by_hand("p1@corp.example", "delete");
    let other = json!({ "users": [{ "userName": "p1@corp.example", "active": true }] });
    app.service.seed(&other).expect("a user that SCIM takes");
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    let finding = finding(&daemon, "TGT-023", "hr:1 at crm");
    assert_eq!(finding["severity"], "error");
    assert!(!has_finding(&daemon, "TGT-013"));
}

#[test]
fn c07_a_create_that_answers_with_somebody_elses_account_is_a_conflict() {
    for status in [200, 201] {
        let (app, company, mut rows) = company();
        "boss@corp.example".clone_into(&mut rows[0].email);
        let daemon = Daemon::start(&company);
        app.rules(&json!({ "answers_existing": status }));
        company.drop_file("all.csv", export(&rows));
        company.wait_for_report("all.csv");
        let halted = finding(&daemon, "OP-001", "hr:1 at crm");
        assert!(halted["text"].to_string().contains("same key"), "{halted}");
        assert_eq!(
            id_of(&daemon, "hr:1"),
            "",
            "nobody has the administrator's account"
        );
        import(&daemon, &company, "fewer.csv", &rows[1..]);
        assert!(is_root_untouched(&app), "{status}");
    }
}

#[test]
fn c21_who_loses_a_group_by_somebody_elses_change_has_it_again() {
    let (app, company, rows) = company();
    app.rules(&json!({ "replaces_members": true }));
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    let lost = finding(&daemon, "TGT-022", "target crm");
    assert_eq!(lost["severity"], "error");
    let everybody_has = || {
        let has = |row: &Row| app.groups_of(&row.id) == ["Everybody", "Sales"];
        (rows.iter().all(has) && is_root_untouched(&app)).then_some(())
    };
    wait_for("everybody to have their groups", everybody_has);
    daemon.wait_until_idle();
    everybody_has().expect("and nobody loses them again");
    // The form that takes others along is given up: the next joiner takes nobody's.
    let log = |method: &str| {
        let by = app.admin("GET", "/_log", &Value::Null)["by"].clone();
        let by = by.as_object().cloned().unwrap_or_default();
        let asked = by
            .iter()
            .filter(|(asked, _)| asked.starts_with(&format!("{method} /Groups")));
        asked.filter_map(|(_, count)| count.as_u64()).sum::<u64>()
    };
    let before = log("PATCH");
    let mut more = rows.clone();
    more.push(Row::new("11", "Sales"));
    import(&daemon, &company, "more.csv", &more);
    assert_eq!(log("PATCH"), before);
    assert_eq!(app.groups_of("11"), ["Everybody", "Sales"]);
    everybody_has().expect("and nobody lost anything by it");
    daemon.check_ledger();
}

#[test]
fn c27_one_operation_that_waits_does_not_keep_the_others_from_being_looked_at() {
    let (app, company, rows) = company();
    // The root has one of the seats.
    app.rules(&json!({ "seats": 10 }));
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    wait_for("one to be without a seat", || {
        has_finding(&daemon, "OP-005").then_some(())
    });
    assert!(daemon.stop());
    let key = rows.iter().find(|row| app.user(&row.id).is_some());
    let email = key.map(|row| row.email.clone()).unwrap_or_default();
    app.by_hand(&email, "renumber");
    let stranger = json!({ "users": [{ "userName": "stranger@corp.example", "active": false }] });
    app.service.seed(&stranger).expect("a user that SCIM takes");
    let daemon = Daemon::start(&company);
    wait_for("the stranger to be seen", || {
        let found = finding(&daemon, "TGT-012", "target crm")["text"].to_string();
        found.contains("stranger@corp.example").then_some(())
    });
    let id = key
        .and_then(|row| app.user(&row.id))
        .map(|user| user["id"].clone());
    wait_for("the new id to be followed", || {
        let person = format!("hr:{}", key.map(|row| row.id.clone())?);
        (id == Some(json!(id_of(&daemon, &person)))).then_some(())
    });
}

#[test]
fn c57_a_listing_that_loses_most_is_doubted_and_said_of_the_plugin() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    assert!(daemon.stop());
    app.rules(&json!({ "lists_at_most": 2 }));
    let daemon = Daemon::start(&company);
    let doubted = finding(&daemon, "TGT-020", "target crm");
    assert!(doubted["text"].to_string().contains("scim"), "{doubted}");
    assert!(
        !has_finding(&daemon, "TGT-013"),
        "nothing is concluded from it"
    );
    assert!(daemon.stop());
    app.rules(&json!({}));
    let daemon = Daemon::start(&company);
    wait_until_closed(&daemon, "TGT-020");
    assert!(!has_finding(&daemon, "TGT-013"));
    daemon.check_ledger();
}

#[test]
fn c57_many_accounts_that_are_really_gone_count_as_gone_once_somebody_says_so() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    assert!(daemon.stop());
    for row in &rows[..7] {
        app.by_hand(&row.email, "delete");
    }
    let daemon = Daemon::start(&company);
    finding(&daemon, "TGT-020", "target crm");
    assert!(!has_finding(&daemon, "TGT-013"));
    let believed = daemon.cli(&["accounts", "believe", "--target", "crm"]);
    assert_eq!(believed.code, 0, "{believed:?}");
    for row in &rows[..7] {
        finding(&daemon, "TGT-013", &format!("hr:{} at crm", row.id));
    }
    wait_until_closed(&daemon, "TGT-020");
}

#[test]
fn c59_an_account_that_was_said_to_be_made_and_is_not_there_is_made_again() {
    let (app, company, rows) = company();
    app.rules(&json!({ "forgets_creations": true }));
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&rows[..3]));
    company.wait_for_report("all.csv");
    wait_for("three to be said to be made", || {
        let by = app.admin("GET", "/_log", &Value::Null)["by"].clone();
        (by["POST /Users 201"].as_u64() >= Some(3)).then_some(())
    });
    app.rules(&json!({}));
    daemon.wait_until_idle();
    for row in &rows[..3] {
        assert!(app.is_active(&row.id), "{}", row.id);
        assert_eq!(app.groups_of(&row.id), ["Everybody", "Sales"]);
    }
    assert!(
        !has_finding(&daemon, "OP-00"),
        "and nobody has to do anything"
    );
    daemon.check_ledger();
}

#[test]
fn c65_a_lock_that_somebody_set_at_the_app_stays_until_a_person_decides() {
    let (app, company, mut rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    app.by_hand("p1@corp.example", "suspend");
    "Married".clone_into(&mut rows[0].last);
    import(&daemon, &company, "married.csv", &rows);
    let shown = app.user("1").map(|user| user["displayName"].clone());
    assert_eq!(shown, Some(json!("First1 Married")));
    assert!(!app.is_active("1"), "the lock is not undone in passing");
    finding(&daemon, "TGT-021", "hr:1 at crm");
    // Neither by the next change, nor by a move, nor by a start.
    "Finance".clone_into(&mut rows[0].department);
    import(&daemon, &company, "moved.csv", &rows);
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    daemon.wait_until_idle();
    assert!(!app.is_active("1"));
    let left = daemon.cli(&["accounts", "leave", "hr:1", "--target", "crm"]);
    assert_eq!(left.code, 0, "{left:?}");
    wait_until_closed(&daemon, "TGT-021");
    assert!(!app.is_active("1"));
    let restored = daemon.cli(&["accounts", "restore", "hr:1", "--target", "crm"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    wait_for("the account to be switched on", || {
        app.is_active("1").then_some(())
    });
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("1"), ["Everybody", "Finance"]);
    daemon.check_ledger();
}

#[test]
fn c65_a_leaver_whom_somebody_switched_on_again_is_shut_out_again() {
    let (app, company, rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    import(&daemon, &company, "fewer.csv", &rows[1..]);
    assert!(daemon.stop());
    app.by_hand("p1@corp.example", "activate");
    let _daemon = Daemon::start(&company);
    wait_for("the leaver to be shut out", || {
        (!app.is_active("1")).then_some(())
    });
}

#[test]
fn c68_an_account_that_was_deleted_at_the_app_is_made_again_or_let_go_by_decision() {
    let (app, company, mut rows) = company();
    let daemon = Daemon::start(&company);
    import(&daemon, &company, "all.csv", &rows);
    assert!(daemon.stop());
    for name in ["p1@corp.example", "p2@corp.example"] {
        app.by_hand(name, "delete");
    }
    let daemon = Daemon::start(&company);
    finding(&daemon, "TGT-013", "hr:1 at crm");
    finding(&daemon, "TGT-013", "hr:2 at crm");
    for row in &mut rows[..2] {
        "Married".clone_into(&mut row.last);
    }
    import(&daemon, &company, "married.csv", &rows);
    assert_eq!(app.user("1"), None, "nobody undoes it in passing");
    let restored = daemon.cli(&["accounts", "restore", "hr:1", "--target", "crm"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    wait_for("the account to be made again", || {
        (app.groups_of("1") == ["Everybody", "Sales"]).then_some(())
    });
    let left = daemon.cli(&["accounts", "leave", "hr:2", "--target", "crm"]);
    assert_eq!(left.code, 0, "{left:?}");
    wait_until_closed(&daemon, "TGT-013");
    daemon.wait_until_idle();
    assert_eq!(app.user("2"), None);
    let again = daemon.cli(&["accounts", "restore", "hr:3", "--target", "crm"]);
    assert_ne!(again.code, 0, "there is nothing to decide: {again:?}");
    daemon.check_ledger();
}
