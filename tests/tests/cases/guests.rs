//! Plugins that misbehave, and what becomes of a version that is wrong.

use muster_tests::app::App;
use muster_tests::company::{Company, EVERYBODY, GROUPS, Row, export, feed, people};
use muster_tests::daemon::{Daemon, cli};
use muster_tests::simple::SimpleApp;
use muster_tests::{plugin, wait_for};

/// A company with one app, whose plugin is the guest `steady`. Its version 3 does this deed.
fn company(app: &SimpleApp, deed: &str, limits: &str) -> Company {
    let address = app.address;
    let target = format!(
        r#"
[target.app]
plugin = "steady"
settings = {{ url = "http://{address}", in-version-3 = "{deed}" }}
hosts = ["http://{address}"]
allow_private = ["127.0.0.1"]

[target.app.limits]
{limits}

[target.app.account]
keys = {{ employee-id = "key" }}
attributes = {{ email = "email" }}
"#
    );
    // Many joiners at once are what these tests are about.
    let guard = "[feed.hr.guard]\njoiners_floor = 1000\n";
    Company::configured(&format!("{}{guard}{target}", feed("")), EVERYBODY)
}

fn version(daemon: &Daemon<'_>) -> String {
    let rows = daemon.json(&["plugin", "list"]);
    rows[0]["version"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn wait_for_version(daemon: &Daemon<'_>, wanted: &str) {
    wait_for(&format!("version {wanted} to serve"), || {
        (version(daemon) == wanted).then_some(())
    });
}

fn install(company: &Company, version: &str) {
    company.install("steady", &plugin(&format!("test/steady-{version}")));
}

#[track_caller]
fn import(company: &Company, name: &str, rows: &[Row]) {
    company.drop_file(name, export(rows));
    assert_eq!(company.wait_for_report(name).place, "processed");
}

fn active(daemon: &Daemon<'_>) -> usize {
    let accounts = daemon.json(&["accounts"]).to_string();
    accounts.matches("\"active\"").count()
}

/// A version that does this in every call is taken back, and nothing is lost by it.
#[track_caller]
fn is_taken_back(deed: &str, limits: &str, says: &str) {
    let app = SimpleApp::start();
    let company = company(&app, deed, limits);
    install(&company, "v1");
    let daemon = Daemon::start(&company);
    let rows = people(1, 20, &["Sales"]);
    import(&company, "ten.csv", &rows[..10]);
    daemon.wait_until_idle();

    install(&company, "v3");
    wait_for_version(&daemon, "3.0.0");
    import(&company, "twenty.csv", &rows);
    wait_for_version(&daemon, "1.0.0");
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("PLG-037") && findings.contains(says),
        "{findings}"
    );
    daemon.wait_until_idle();
    assert_eq!(active(&daemon), 20);
    assert!(daemon.stop());
}

#[test]
fn c43_a_version_that_says_itself_that_it_failed_is_taken_back() {
    is_taken_back("defect", "", "this version gives up");
}

#[test]
fn c43_a_version_that_answers_garbage_is_taken_back() {
    is_taken_back("garbage", "", "breaks the contract");
}

#[test]
fn c43_a_version_that_hangs_is_taken_back() {
    is_taken_back(
        "loop",
        "call_time = \"1s\"",
        "did not answer within 1000 ms",
    );
}

#[test]
fn c43_a_version_that_blames_the_app_without_asking_it_is_taken_back() {
    is_taken_back("blame", "", "the app is said to be away");
}

#[test]
fn c55_a_version_that_fails_only_where_it_takes_access_away_is_taken_back() {
    let app = SimpleApp::start();
    let company = company(&app, "panic-in-state", "");
    install(&company, "v1");
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 90, &["Sales"]);
    import(&company, "few.csv", &rows[..10]);
    daemon.wait_until_idle();

    install(&company, "v3");
    wait_for_version(&daemon, "3.0.0");
    import(&company, "joiners.csv", &rows);
    daemon.wait_until_idle();
    assert_eq!(active(&daemon), 90, "it is good at everything else");
    assert_eq!(version(&daemon), "3.0.0");

    for row in &mut rows[..4] {
        row.status = "Terminated".to_owned();
    }
    import(&company, "leavers.csv", &rows);
    wait_for_version(&daemon, "1.0.0");
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("PLG-037") && findings.contains("calls of ensure-state"),
        "{findings}"
    );
    daemon.wait_until_idle();
    let suspended = app
        .changes()
        .iter()
        .filter(|change| change.contains("\"suspended\""))
        .count();
    assert_eq!(suspended, 4, "{:?}", app.changes());
    assert!(daemon.stop());
}

#[test]
fn c56_a_new_version_does_what_the_old_one_failed_at_and_closes_what_it_caused() {
    let app = SimpleApp::start();
    let company = company(&app, "defect", "attempts_max = 2");
    install(&company, "v3");
    let daemon = Daemon::start(&company);
    import(&company, "all.csv", &people(1, 20, &["Sales"]));
    wait_for("everything to wait for a person", || {
        (daemon.json(&["status"])["operations"]["halted"] == 20).then_some(())
    });
    let operations = daemon.json(&["operations"]).to_string();
    assert!(
        operations.contains("this version gives up") && !operations.contains("the app could not"),
        "{operations}"
    );
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("OP-001") && findings.contains("TGT-010"),
        "{findings}"
    );

    install(&company, "v2");
    wait_for_version(&daemon, "2.0.0");
    wait_for("everything to be done", || {
        (active(&daemon) == 20).then_some(())
    });
    wait_for("what was said to be over", || {
        let findings = daemon.json(&["findings"]).to_string();
        let is_over = !["OP-0", "TGT-010", "PLG-"]
            .iter()
            .any(|code| findings.contains(code));
        is_over.then_some(())
    });
    daemon.check_ledger();
    assert!(daemon.stop());
}

/// A plugin with a function more that takes gigabytes and minutes to compile, and that nobody calls.
fn hard_to_compile(plugin: Vec<u8>, bytes: usize) -> Vec<u8> {
    let number = |mut value: usize| {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                bytes.push(low);
                return bytes;
            }
            bytes.push(low | 0x80);
        }
    };
    let section = |id: u8, content: Vec<u8>| [vec![id], number(content.len()), content].concat();
    // (block (br_if 0 (local.get 0)) (local.set 0 (i32.mul (local.get 0) (i32.const 3)))), again and again.
    let step = [
        0x02, 0x40, 0x20, 0, 0x0d, 0, 0x20, 0, 0x41, 3, 0x6c, 0x21, 0, 0x0b,
    ];
    let body = [vec![0], step.repeat(bytes / step.len()), vec![0x0b]].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, vec![1, 0x60, 1, 0x7f, 0]),
        section(3, vec![1, 0]),
        section(10, [vec![1], number(body.len()), body].concat()),
    ]
    .concat();
    [plugin, section(1, module)].concat()
}

/// The most memory that a process has had, in MiB.
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.expect("the process to run") >> 10
}

/// Whether a process has a child.
fn has_child(id: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{id}/task"));
    threads.into_iter().flatten().flatten().any(|thread| {
        let children = std::fs::read_to_string(thread.path().join("children"));
        children.is_ok_and(|children| !children.trim().is_empty())
    })
}

#[test]
fn c42_a_plugin_that_is_hard_to_compile_costs_the_daemon_nothing_and_does_not_hold_up_a_stop() {
    let app = SimpleApp::start();
    let company = company(&app, "panic", "");
    install(&company, "v1");
    let daemon = Daemon::start(&company);
    let bad = company.path("bad.wasm");
    let file = plugin("test/steady-v2");
    let good = std::fs::read(file).expect("a plugin");
    std::fs::write(&bad, hard_to_compile(good, 7 << 20)).expect("a plugin");
    company.install("steady", &bad);
    wait_for("the file to be compiled by a process of its own", || {
        has_child(daemon.id()).then_some(())
    });
    // Meanwhile everything goes on.
    import(&company, "ten.csv", &people(1, 10, &["Sales"]));
    daemon.wait_until_idle();
    assert_eq!(active(&daemon), 10);
    assert!(has_child(daemon.id()), "it takes minutes");
    let peak = peak(daemon.id());
    assert!(peak < 600, "the daemon itself took {peak} MiB");
    let begun = std::time::Instant::now();
    assert!(daemon.stop());
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());

    // And so it does where that is what it starts with.
    let daemon = Daemon::spawn(&company);
    wait_for("the file to be compiled at the start", || {
        has_child(daemon.id()).then_some(())
    });
    let begun = std::time::Instant::now();
    assert!(daemon.stop());
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}

#[test]
fn c48_a_token_server_that_is_not_granted_is_found_by_check() {
    let app = SimpleApp::start();
    let company = company(&app, "panic", "");
    install(&company, "v1");
    let config = std::fs::read_to_string(company.config()).expect("the configuration");
    let slot = r#"
[target.app.secrets.api]
scheme = "oauth2-client-credentials"
token_url = "https://login.example.com/token"
client_id = "muster"
client_secret = { file = "secrets/crm" }
"#;
    company.write("muster.toml", &format!("{config}{slot}"));
    let checked = cli(&company, &["check"]);
    let said = format!("{}{}", checked.out, checked.err);
    let line = format!(
        r#"hosts = ["http://{}", "https://login.example.com"]"#,
        app.address
    );
    assert_eq!(checked.code, 1, "{said}");
    assert!(said.contains("token_url") && said.contains(&line), "{said}");
}

#[test]
fn c73_a_plugin_file_that_is_taken_away_is_said_once_and_its_version_serves_on() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    let says = || daemon.json(&["findings"]).to_string().contains("PLG-043");
    let file = company.path("plugins/scim.wasm");
    std::fs::rename(&file, company.path("scim.away")).expect("a plugin to take away");
    wait_for("what is missing to be said", || says().then_some(()));
    company.drop_file("all.csv", export(&people(1, 3, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    assert_eq!(app.users().len(), 3, "what is loaded serves");
    let lines = daemon.log().matches("PLG-043").count();
    assert_eq!(lines, 1, "{}", daemon.log());

    // The very same file again.
    std::fs::rename(company.path("scim.away"), &file).expect("a plugin to put back");
    wait_for("it to be over", || (!says()).then_some(()));
    assert!(daemon.stop());

    // Without it at a start, that is said, once as well.
    std::fs::remove_file(&file).expect("a plugin to remove");
    let daemon = Daemon::start(&company);
    let findings = daemon.json(&["findings"]).to_string();
    assert!(findings.contains("PLG-036"), "{findings}");
    assert!(daemon.stop());
}
