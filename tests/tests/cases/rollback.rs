//! A version of a plugin that loads and then fails takes itself back, and nothing is lost by it.

use muster_tests::company::{Company, EVERYBODY, export, feed, people, steady};
use muster_tests::daemon::Daemon;
use muster_tests::simple::SimpleApp;
use muster_tests::{plugin, wait_for};

#[test]
fn a_version_that_fails_at_every_change_goes_back_by_itself() {
    let attributes = "\n[target.app.account.attributes]\nemail = \"email\"";
    let app = SimpleApp::start();
    let target = steady("app", app.address, attributes);
    let company = Company::configured(&format!("{}{target}", feed("")), EVERYBODY);
    company.install("steady", &plugin("test/steady-v1"));
    let daemon = Daemon::start(&company);
    let version = || {
        let rows = daemon.json(&["plugin", "list"]);
        rows[0]["version"].as_str().unwrap_or_default().to_owned()
    };
    let serves = |wanted: &str| {
        wait_for(&format!("version {wanted} to serve"), || {
            (version() == wanted).then_some(())
        });
    };
    let rows = people(1, 20, &["Sales"]);
    company.drop_file("ten.csv", export(&rows[..10]));
    company.wait_for_report("ten.csv");
    daemon.wait_until_idle();
    assert_eq!(version(), "1.0.0");

    company.install("steady", &plugin("test/steady-v3"));
    serves("3.0.0");
    company.drop_file("twenty.csv", export(&rows));
    company.wait_for_report("twenty.csv");
    serves("1.0.0");
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("PLG-037") && findings.contains("this version never works"),
        "{findings}"
    );
    daemon.wait_until_idle();
    let accounts = daemon.json(&["accounts"]).to_string();
    assert_eq!(
        accounts.matches("\"active\"").count(),
        20,
        "whom the bad version could not serve is served by the other: {accounts}"
    );

    company.install("steady", &plugin("test/steady-v2"));
    serves("2.0.0");
    wait_for("the finding to be over", || {
        let findings = daemon.json(&["findings"]).to_string();
        (!findings.contains("PLG-03")).then_some(())
    });
    assert!(daemon.stop());
}
