//! Tests of the policy: `muster policy test` says what differs, and the daemon takes no policy that breaks them.

use muster_tests::app::App;
use muster_tests::daemon::{Daemon, cli};
use muster_tests::wait_for;

use super::{GROUPS, POLICY, accept, company, workers};

const TESTS: &str = r#"[[test]]
name = "a seller"
person = { department = "Sales", email = "ann@corp.example", last_name = "Lee", first_name = "Ann" }
must_have = { crm = ["group:Everyone", "group:Sales"] }
must_not_have = { crm = ["group:Extra"] }

[[test]]
name = "a supporter"
person = { department = "Support", email = "bob@corp.example", last_name = "Lee", first_name = "Bob" }
must_have = { crm = [] }
must_not_have = { crm = ["group:Sales"] }

[[test]]
name = "somebody who left"
person = { department = "Sales" }
phase = "ended"
must_not_have = { crm = [] }
"#;

fn broken(daemon: &Daemon<'_>) -> Option<String> {
    let items = daemon.json(&["findings"])["items"].clone();
    let items = items.as_array().cloned().unwrap_or_default();
    let found = items.iter().find(|finding| finding["code"] == "POL-040")?;
    Some(found["text"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_policy_that_breaks_its_tests_is_not_taken_and_the_one_before_goes_on() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "suspend = true");
    company.write("policy/tests.toml", TESTS);
    let ran = cli(&company, &["policy", "test"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("3 tests, and all hold"), "{}", ran.out);

    let edited = POLICY.replace("department == \"Sales\"", "department != \"Legal\"");
    company.write("policy/roles.toml", &edited);
    let ran = cli(&company, &["policy", "test"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let said = "a supporter (";
    assert!(ran.out.contains(said), "{}", ran.out);
    let said = "has group:Sales at crm, by role sales";
    assert!(ran.out.contains(said), "{}", ran.out);
    let ran = cli(&company, &["check"]);
    assert!(ran.out.contains("POL-040"), "{}{}", ran.out, ran.err);
    assert_ne!(ran.code, 0);

    company.write("policy/roles.toml", POLICY);
    let daemon = Daemon::start(&company);
    accept(&daemon, &company, "all.csv", &workers(1, 12));
    let version = daemon.json(&["status"])["policy"].clone();
    company.write("policy/roles.toml", &edited);
    let text = wait_for("the finding", || broken(&daemon));
    assert!(
        text.contains("breaks 1 of its 3 tests: a supporter"),
        "{text}"
    );
    let status = daemon.json(&["status"]);
    assert_eq!(status["policy"], version);
    assert_eq!(
        status["held"],
        serde_json::json!([]),
        "it is not even asked about"
    );

    // A start takes it as little as a running daemon.
    assert!(daemon.stop());
    let daemon = Daemon::start(&company);
    assert_eq!(daemon.json(&["status"])["policy"], version);
    assert!(broken(&daemon).is_some());
    accept(&daemon, &company, "more.csv", &workers(1, 13));

    // Put right, nothing is said any more.
    company.write("policy/roles.toml", POLICY);
    wait_for("the end of the finding", || {
        broken(&daemon).is_none().then_some(())
    });
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn what_would_be_is_what_the_planner_would_do_and_changes_nothing() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "suspend = true");
    let daemon = Daemon::start(&company);
    let mut rows = workers(1, 12);
    // The last one leaves in a while.
    if let Some(last) = rows.last_mut() {
        last.ends = "2090-04-30".to_owned();
    }
    accept(&daemon, &company, "all.csv", &rows);
    let entries = daemon.json(&["status"])["journal_entries"].clone();

    let moved = daemon.json(&["what-if", "1001", "--set", "department=Sales"]);
    let group = |name: &str| serde_json::json!([{ "target": "crm", "entitlement": name }]);
    assert_eq!(moved["gets"], group("group:Sales"), "{moved}");
    assert_eq!(moved["loses"], serde_json::json!([]), "{moved}");
    assert_eq!(moved["changed"][0], "department: Support -> Sales");
    let moved = daemon.json(&["what-if", "1004", "--set", "department=Legal"]);
    assert_eq!(moved["loses"], group("group:Sales"), "{moved}");
    let same = daemon.cli(&["what-if", "1001"]);
    assert!(same.out.contains("has the same as now"), "{}", same.out);

    let still = daemon.json(&["what-if", "1012", "--on", "2090-04-30"]);
    assert_eq!(still["phase"], "active", "{still}");
    let gone = daemon.json(&["what-if", "1012", "--on", "2090-05-01"]);
    assert_eq!(gone["phase"], "ended", "{gone}");
    assert_eq!(gone["loses"].as_array().map(Vec::len), Some(3), "{gone}");

    for (asked, said) in [
        (["--set", "departmnt=Sales"], "did you mean `department`?"),
        (["--on", "tomorrow"], "is a day such as 2026-05-01"),
        (["--on", "2001-01-01"], "is over"),
        (["--set", "department"], "NAME=VALUE"),
    ] {
        let ran = daemon.cli(&["what-if", "1001", asked[0], asked[1]]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    assert_eq!(daemon.json(&["status"])["journal_entries"], entries);
    assert!(daemon.stop());
}
