//! Who else on the machine may write what decides, or read what is secret.

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, POLICY};
use muster_tests::daemon::{Daemon, cli};
use muster_tests::wait_for;
use serde_json::Value;

fn mode(company: &Company, below: &str) -> u32 {
    let metadata = std::fs::metadata(company.path(below)).expect("it is there");
    std::os::unix::fs::MetadataExt::mode(&metadata) & 0o7777
}

#[test]
fn c45_the_daemon_does_not_start_on_what_others_can_write() {
    let app = App::start(&GROUPS);
    for (below, mode) in [
        ("policy", 0o777),
        ("policy/roles.toml", 0o666),
        ("policy/roles.toml", 0o664),
        ("plugins", 0o775),
        ("plugins/scim.wasm", 0o646),
        ("muster.toml", 0o622),
        ("data", 0o777),
        ("", 0o777),
    ] {
        let company = Company::new(&app);
        std::fs::create_dir(company.path("data")).expect("a data folder");
        company.allow(below, mode);
        if below == "policy" {
            let checked = cli(&company, &["check"]);
            assert_eq!(checked.code, 1, "{below}: {checked:?}");
            assert!(checked.out.contains("CFG-012"), "{below}: {checked:?}");
        }
        let served = cli(&company, &["serve"]);
        assert_eq!(served.code, 2, "{below}: {served:?}");
        assert!(served.err.contains("CFG-012"), "{below}: {served:?}");
        company.allow("", 0o700);
    }
}

#[test]
fn c45_a_data_folder_that_others_could_enter_is_closed() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    std::fs::create_dir(company.path("data")).expect("a data folder");
    company.allow("data", 0o755);
    let daemon = Daemon::start(&company);
    assert_eq!(mode(&company, "data"), 0o700);
    assert!(daemon.log().contains("others could enter the data folder"));
}

#[test]
fn c45_secrets_that_others_can_read_are_said_and_an_open_policy_is_not_taken_up() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    company.allow("secrets/crm", 0o644);
    let checked = cli(&company, &["check"]);
    assert!(
        checked.out.contains("CFG-013") && checked.out.contains("0644"),
        "{checked:?}"
    );
    assert!(!checked.out.contains("in order"), "{checked:?}");
    let daemon = Daemon::start(&company);
    let open = |code: &str| {
        daemon.json(&["findings", "--code", code])["items"]
            .get(0)
            .cloned()
    };
    wait_for("the open secret to be said", || open("CFG-013"));
    let before = daemon.json(&["status"])["policy"].clone();
    company.write(
        "policy/roles.toml",
        &POLICY.replace("Whoever sells", "Who sells"),
    );
    company.allow("policy/roles.toml", 0o666);
    let said = wait_for("the open policy to be said", || open("POL-020"));
    assert!(
        said["text"]
            .as_str()
            .unwrap_or_default()
            .contains("CFG-012"),
        "{said}"
    );
    assert_eq!(daemon.json(&["status"])["policy"], before);
    assert!(daemon.stop());
    company.write("policy/roles.toml", POLICY);
    company.allow("policy/roles.toml", 0o644);
    company.allow("secrets/crm", 0o600);
    let daemon = Daemon::start(&company);
    let findings = daemon.json(&["findings", "--code", "CFG-013"]);
    assert_eq!(findings["items"].get(0), None::<&Value>);
}
