//! What is remarked about a policy that can be used: by the daemon once people were counted, and by `muster check`.

use muster_tests::app::App;
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::{GROUPS, accept, company, workers};

const ROLES: &str = r#"[[role]]
name = "everyone"
when = "true"
access = { crm = ["group:Everyone"] }

[[role]]
name = "sales"
when = 'department == "Sales"'
access = { crm = ["group:Sales"] }

[[role]]
name = "sellers"
when = 'department.startsWith("Sal")'
access = { crm = ["group:Sales"] }

[[role]]
name = "treasury"
when = 'department == "Treasury"'
access = { crm = ["group:Treasurers"] }

[[role]]
name = "nobody"
when = 'department == "Sales" && department == "Finance"'
access = { crm = ["group:Sales"] }
"#;

const ACCEPTED: &str = r#"[[accept]]
code = "POL-031"
role = "treasury"
reason = "the team begins in May"

[[accept]]
code = "POL-036"
target = "crm"
entitlement = "group:Treasurers"
reason = "and so does the group"

[[accept]]
code = "POL-033"
role = "sales"
reason = "it had one member once"
"#;

/// What is said of the policy, as `CODE subject severity`.
fn remarks(findings: &serde_json::Value) -> Vec<String> {
    let findings = findings.as_array().cloned().unwrap_or_default();
    let mut remarks: Vec<String> = findings
        .iter()
        .filter(|finding| {
            finding["code"]
                .as_str()
                .is_some_and(|code| code.starts_with("POL-03"))
        })
        .map(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", word("code"), word("subject"), word("severity"))
        })
        .collect();
    remarks.sort();
    remarks
}

fn wait_until(daemon: &Daemon, expected: &[&str]) {
    wait_for("the remarks", || {
        (remarks(&daemon.json(&["findings"])["items"]) == expected).then_some(())
    });
}

#[test]
fn pitfalls_of_a_policy_are_said_accepted_and_said_again_once_they_are_over() {
    let app = App::start(&GROUPS);
    let company = company(&app, "", "end_sessions = false");
    company.write("policy/roles.toml", ROLES);
    let check = |daemon: &Daemon| remarks(&daemon.json(&["check"])["findings"]);
    let daemon = Daemon::start(&company);
    assert_eq!(
        check(&daemon),
        ["POL-035 role nobody warning", "POL-037 target crm warning"],
        "what the text tells takes no people"
    );
    accept(&daemon, &company, "all.csv", &workers(1, 40));
    // What the only feed's file says of everybody is counted with its plan.
    let all = [
        "POL-031 role treasury note",
        "POL-034 role sellers note",
        "POL-035 role nobody warning",
        "POL-036 target crm, group:Treasurers warning",
        "POL-037 target crm warning",
    ];
    wait_until(&daemon, &all);
    let ending = |codes: &[&str]| {
        let kept = all
            .iter()
            .filter(|said| codes.iter().any(|code| said.starts_with(code)));
        kept.map(|said| (*said).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        check(&daemon),
        ending(&["POL-031", "POL-034", "POL-035", "POL-037"]),
        "check says the name that the app does not have as PLN-002"
    );

    company.write("policy/accepted.toml", ACCEPTED);
    wait_until(
        &daemon,
        &[
            "POL-031 role treasury note",
            "POL-034 role sellers note",
            "POL-035 role nobody warning",
            "POL-036 target crm, group:Treasurers note",
            "POL-037 target crm warning",
            "POL-039 role sales warning",
        ],
    );
    let said = daemon.cli(&["findings", "--all"]).out;
    assert!(
        said.contains("accepted (\"the team begins in May\"): nobody has it, of 40 people"),
        "{said}"
    );
    assert!(
        said.contains("accepted, and not so any more: POL-033 (\"it had one member once\")"),
        "{said}"
    );

    // Looking again and again writes nothing.
    daemon.wait_until_idle();
    let entries = daemon.json(&["status"])["journal_entries"].clone();
    let checked = daemon.json(&["check"]);
    assert_eq!(checked["is_usable"], true, "{checked}");
    assert_eq!(daemon.json(&["status"])["journal_entries"], entries);
    daemon.check_ledger();
    assert!(daemon.stop());
}
