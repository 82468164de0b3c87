//! Accounts that were there before Muster and are taken over: what they may do, and no rule explains, is decided about.

use muster_tests::app::App;
use muster_tests::company::{Company, POLICY, Row, export, feed, people, target};
use muster_tests::daemon::Daemon;
use muster_tests::hook::get;
use muster_tests::wait_for;
use serde_json::{Value, json};

/// What the first person had before Muster came, and no role gives.
const FIVE: [&str; 5] = ["Admins", "Lunch", "Old", "Printers", "Vpn"];

/// An app with accounts of these people, of whom the first is in groups of old.
fn app() -> App {
    let app = App::start(&[]);
    let users: Vec<Value> = (1..=4)
        .map(|key| {
            json!({ "userName": format!("p{key}@corp.example"), "externalId": key.to_string(),
                "active": true })
        })
        .collect();
    let old = FIVE.map(|name| json!({ "displayName": name, "members": ["p1@corp.example"] }));
    let ours = ["Everybody", "Sales", "Finance"].map(|name| json!({ "displayName": name }));
    let groups: Vec<Value> = old.into_iter().chain(ours).collect();
    app.service
        .seed(&json!({ "users": users, "groups": groups }))
        .expect("a seed that SCIM takes");
    app
}

fn company(app: &App) -> Company {
    let target = target("crm", app, "").replace(
        "[target.crm.account]\n",
        "[target.crm.account]\nadopt = \"when-keys-agree\"\n",
    );
    Company::configured(&format!("{}{target}", feed("")), POLICY)
}

#[track_caller]
fn take(company: &Company, name: &str, rows: &[Row]) {
    company.drop_file(name, export(rows));
    let report = company.wait_for_report(name);
    assert_eq!(report.place, "processed", "{}", report.text);
}

fn items(daemon: &Daemon<'_>, arguments: &[&str]) -> Vec<Value> {
    let listed = daemon.json(arguments);
    let items = listed["items"].as_array().or(listed.as_array());
    items.cloned().unwrap_or_default()
}

#[track_caller]
fn wait_for_adoptions(daemon: &Daemon<'_>, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} adoptions"), || {
        let items = items(daemon, &["adoptions"]);
        (items.len() == count).then_some(items)
    })
}

/// The number of an adoption, by the group.
fn number(adoptions: &[Value], group: &str) -> String {
    let found = adoptions
        .iter()
        .find(|one| one["entitlement"] == json!(format!("group:{group}")));
    let found = found.unwrap_or_else(|| panic!("{group} in {adoptions:?}"));
    found["adoption"].to_string()
}

#[track_caller]
fn done(daemon: &Daemon<'_>, arguments: &[&str]) -> String {
    let ran = daemon.cli(arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran.out
}

#[track_caller]
fn wait_for_groups(app: &App, groups: &[&str]) {
    wait_for(&format!("1 to be in {groups:?}"), || {
        (app.groups_of("1") == groups).then_some(())
    });
}

#[test]
fn an_account_taken_over_with_five_rights_that_no_rule_explains_is_five_decisions() {
    let app = app();
    let company = company(&app);
    let mut rows = people(1, 4, &["Support", "Sales"]);
    let daemon = Daemon::start(&company);
    take(&company, "all.csv", &rows);
    let adoptions = wait_for_adoptions(&daemon, 5);
    daemon.wait_until_idle();
    assert!(
        adoptions
            .iter()
            .all(|one| one["person"] == "hr:1" && one["is_kept"] == false)
    );
    is_asked_about(&app, &daemon);
    let of = |group: &str| number(&adoptions, group);
    some_are_decided(&app, &daemon, &of);

    // What is kept, and what nobody has decided, stays whatever the policy comes to say, and through a stop.
    let edited = POLICY.replace("group:Sales", "group:Finance");
    company.write("policy/roles.toml", &edited);
    wait_for_groups(&app, &["Admins", "Everybody", "Finance", "Lunch", "Old"]);
    daemon.kill();
    let daemon = Daemon::start(&company);
    daemon.wait_until_idle();
    wait_for_groups(&app, &["Admins", "Everybody", "Finance", "Lunch", "Old"]);
    wait_for_adoptions(&daemon, 2);
    refuses(&daemon, &of("Printers"));

    // On the last day all of it goes.
    "Terminated".clone_into(&mut rows[0].status);
    take(&company, "left.csv", &rows);
    wait_for_groups(&app, &[]);
    daemon.wait_until_idle();
    wait_for_adoptions(&daemon, 0);
    assert_eq!(
        items(&daemon, &["adoptions", "--kept"]),
        Vec::<Value>::new()
    );
    assert_eq!(
        items(&daemon, &["findings", "--code", "TGT-030"]),
        Vec::<Value>::new()
    );
    daemon.check_ledger();
}

/// The five are listed, counted, shown and said, and nothing of them was touched.
#[track_caller]
fn is_asked_about(app: &App, daemon: &Daemon<'_>) {
    let everything = [
        "Admins",
        "Everybody",
        "Lunch",
        "Old",
        "Printers",
        "Sales",
        "Vpn",
    ];
    assert_eq!(app.groups_of("1"), everything, "nobody has decided");
    let status = daemon.json(&["status"]);
    assert_eq!(status["targets"][0]["undecided"], 5, "{status}");
    let metrics = get(daemon, "/metrics").body;
    let counted = "muster_adoptions_undecided{target=\"crm\"} 5";
    assert!(metrics.contains(counted), "{metrics}");
    let finding = wait_for("TGT-030", || {
        items(daemon, &["findings", "--code", "TGT-030"]).pop()
    });
    assert!(
        finding["text"].to_string().contains("5 rights"),
        "{finding}"
    );
    assert_eq!(
        items(daemon, &["findings", "--code", "TGT-031"]),
        Vec::<Value>::new()
    );
    let shown = done(daemon, &["people", "hr:1"]);
    assert!(
        shown.contains("group:Admins at crm: nobody has decided about it"),
        "{shown}"
    );
}

/// One is kept, one is removed and proven gone, one is kept until its day; two are left.
#[track_caller]
fn some_are_decided(app: &App, daemon: &Daemon<'_>, of: &dyn Fn(&str) -> String) {
    let keep = [
        "adoptions",
        "keep",
        "hr:1",
        &of("Admins"),
        "--reason",
        "on call",
        "--as",
        "Bob",
    ];
    let preview = done(daemon, &[&keep[..], &["--preview"]].concat());
    assert!(preview.contains("nothing was changed"), "{preview}");
    done(daemon, &keep);
    let removed = done(
        daemon,
        &[
            "adoptions",
            "remove",
            "hr:1",
            &of("Printers"),
            "--reason",
            "x",
        ],
    );
    assert!(removed.contains("crm: revoke group:Printers"), "{removed}");
    wait_for_groups(
        app,
        &["Admins", "Everybody", "Lunch", "Old", "Sales", "Vpn"],
    );
    daemon.wait_until_idle();
    let history = done(daemon, &["history", "hr:1"]);
    let proven = history
        .lines()
        .any(|line| line.contains("Printers") && line.contains("verified"));
    assert!(proven, "it was read back: {history}");
    done(
        daemon,
        &[
            "adoptions",
            "keep",
            "hr:1",
            &of("Vpn"),
            "--for",
            "6s",
            "--reason",
            "y",
        ],
    );
    wait_for_groups(app, &["Admins", "Everybody", "Lunch", "Old", "Sales"]);
    let kept = items(daemon, &["adoptions", "--kept"]);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0]["by"]["called"], "Bob", "{kept:?}");
    let why = done(daemon, &["why", "hr:1", "crm"]);
    for says in ["as Bob: on call", "nobody has decided about it"] {
        assert!(why.contains(says), "{says}: {why}");
    }
    wait_for_adoptions(daemon, 2);
}

/// What cannot be decided says why.
#[track_caller]
fn refuses(daemon: &Daemon<'_>, removed: &str) {
    for (arguments, code, says) in [
        (
            format!("adoptions keep hr:1 {removed}"),
            "DEC-001",
            "there is no adoption",
        ),
        (
            format!("adoptions remove hr:1 {removed}"),
            "DEC-001",
            "there is no adoption",
        ),
        (
            "adoptions keep hr:1 1 --for 8x".to_owned(),
            "CLI-011",
            "is no duration",
        ),
        (
            "adoptions keep hr:1 1 --until 2020-01-01T00:00:00Z".to_owned(),
            "DEC-001",
            "is not after",
        ),
        ("adoptions keep hr:99 1".to_owned(), "API-003", "hr:99"),
        (
            "adoptions --ending soon".to_owned(),
            "CLI-011",
            "is no duration",
        ),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let ran = daemon.cli(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains(code) && ran.err.contains(says),
            "{arguments:?}: {}",
            ran.err
        );
    }
}

#[test]
fn what_an_account_had_is_read_also_where_the_app_could_not_say_it_at_first() {
    let app = app();
    let company = company(&app);
    let mut rows = people(1, 4, &["Sales"]);
    // No account is shown by itself, for as long as nobody mends it.
    let broken = json!({ "method": "GET", "path": "/Users/", "times": 1_000_000,
        "answer": { "kind": "status", "status": 503, "detail": "down" } });
    let daemon = Daemon::start(&company);
    app.fault(&broken);
    take(&company, "all.csv", &rows);
    let unread = || items(&daemon, &["findings", "--code", "TGT-031"]);
    wait_for("the accounts to be taken over", || {
        (unread().len() == 4).then_some(())
    });
    daemon.kill();
    let daemon = Daemon::start(&company);
    // Whoever leaves meanwhile keeps nothing, either.
    "Terminated".clone_into(&mut rows[0].status);
    take(&company, "left.csv", &rows);
    let phase = || daemon.json(&["people", "hr:1"])["phase"].clone();
    wait_for("the person to have left", || {
        (phase() == "ended").then_some(())
    });
    app.admin("DELETE", "/_faults", &Value::Null);
    wait_for_groups(&app, &[]);
    wait_for("all to be read", || {
        items(&daemon, &["findings", "--code", "TGT-031"])
            .is_empty()
            .then_some(())
    });
    wait_for_adoptions(&daemon, 0);
    daemon.check_ledger();
}
