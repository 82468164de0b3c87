//! The drop folder belongs to somebody who is trusted with HR's files and with nothing else. Where the tests
//! are root, that is another user; otherwise it is the same one, and what root could forbid is forbidden
//! by the modes of the folder.

#![expect(clippy::disallowed_methods, reason = "files have dates")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, Row, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

/// Somebody who is neither root nor the daemon's user.
pub(super) const OTHER: u32 = 65_534;

pub(super) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

pub(super) fn mode(path: impl AsRef<Path>, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode to set");
}

pub(super) fn give(path: impl AsRef<Path>, user: u32) {
    if is_root() {
        chown(path, Some(user), Some(user)).expect("an owner to set");
    }
}

/// The drop folder is the other user's from now on.
pub(super) fn give_folder_away(company: &Company) {
    mode(company.path(""), 0o755);
    give(company.path("hr"), OTHER);
}

/// Runs a script in the drop folder as the user whose folder it is.
pub(super) fn begin_as_hr(company: &Company, script: &str) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .current_dir(company.path("hr"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if is_root() {
        command.uid(OTHER).gid(OTHER);
    }
    command.spawn().expect("a shell")
}

fn as_hr(company: &Company, script: &str) {
    let ended = begin_as_hr(company, script).wait();
    assert!(ended.is_ok_and(|ended| ended.success()), "{script}");
}

fn names(path: impl AsRef<Path>) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn wait_for_finding(daemon: &Daemon<'_>, code: &str, is_there: bool) {
    wait_for(&format!("the finding {code}: {is_there}"), || {
        let findings = daemon.json(&["findings"]).to_string();
        (findings.contains(code) == is_there).then_some(())
    });
}

const ROLE: &str =
    "[[role]]\nname = \"mine\"\nwhen = \"true\"\naccess = { crm = [\"group:Finance\"] }\n";

#[test]
fn c01_a_subfolder_that_is_a_link_leads_nowhere() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    give_folder_away(&company);
    let daemon = Daemon::start(&company);
    let policy = company.path("policy");
    as_hr(
        &company,
        &format!(
            "mv rejected before && ln -s '{}' rejected",
            policy.display()
        ),
    );
    company.write("mine.toml", ROLE);
    as_hr(
        &company,
        "cat ../mine.toml > .mine.part && mv .mine.part mine.toml",
    );
    wait_for("the file to be rejected", || {
        assert_eq!(
            names(&policy),
            ["roles.toml"],
            "a file of HR's decides who has what"
        );
        let findings = daemon.json(&["findings"]).to_string();
        (findings.contains("HR-040") && findings.contains("FEED-002")).then_some(())
    });
    company.drop_file("all.csv", export(&people(1, 3, &["Sales"])));
    assert_eq!(
        company.wait_for_report("all.csv").place,
        "processed",
        "the others go on"
    );
    assert_eq!(names(&policy), ["roles.toml"]);
    assert!(company.path("hr/mine.toml").exists());
    daemon.wait_until_idle();
    assert_eq!(app.groups_of("1"), ["Everybody", "Sales"]);

    // The link is taken away: what waits is put away.
    as_hr(&company, "rm rejected");
    assert_eq!(company.wait_for_report("mine.toml").place, "rejected");
    wait_for_finding(&daemon, "HR-040", false);
    assert!(!company.path("hr/mine.toml").exists());
    assert!(daemon.stop());
}

#[test]
fn c01_a_subfolder_of_somebody_else_s_is_not_written_to() {
    if !is_root() {
        // Nobody else is there to make one.
        return;
    }
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    give_folder_away(&company);
    let daemon = Daemon::start(&company);
    let config = std::fs::read_to_string(company.config()).expect("the configuration");
    // For each second of the next minute, where the first version wrote its report: over muster.toml. The daemon may
    // make its folder again between the two commands; then once more.
    let script = format!(
        "for n in $(seq 1 50); do mv processed before$n && mkdir processed && break; done && cd processed && \
         now=$(date +%s) && for s in $(seq 0 60); do \
         t=$(date -u -d @$((now + s)) +%Y%m%dT%H%M%SZ); ln -s '{}' .$t-all.csv.report.txt.part; done",
        company.config().display()
    );
    as_hr(&company, &script);
    company.drop_file("all.csv", export(&people(1, 3, &["Sales"])));
    wait_for("the accounts", || (app.users().len() == 3).then_some(()));
    wait_for_finding(&daemon, "HR-040", true);
    let now = std::fs::read_to_string(company.config()).expect("the configuration");
    assert_eq!(now, config);
    let written = names(company.path("hr/processed"));
    assert!(
        written
            .iter()
            .all(|name| name.to_ascii_lowercase().ends_with(".part")),
        "{written:?}"
    );
    assert!(daemon.stop());
}

#[test]
fn c01_hard_links_are_not_read() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let daemon = Daemon::start(&company);
    company.write("secret.csv", &export(&people(1, 3, &["Sales"])));
    std::fs::hard_link(company.path("secret.csv"), company.path("hr/linked.csv")).expect("a link");
    symlink(company.path("secret.csv"), company.path("hr/soft.csv")).expect("a link");
    wait_for_finding(&daemon, "HR-030", true);
    company.drop_file("all.csv", export(&people(10, 12, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    assert_eq!(app.users().len(), 3);
    assert!(app.user("1").is_none());
    assert!(daemon.stop());
}

#[test]
fn c39_a_file_that_becomes_a_pipe_stops_nobody() {
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    give_folder_away(&company);
    let daemon = Daemon::start(&company);
    // Settled, and exchanged before or while it is opened: some of these are met in between.
    let script = "for i in $(seq 1 40); do cp ../one.csv .part; mv .part swap.csv; rm -f swap.csv; mkfifo swap.csv; \
                  rm -f swap.csv; ln -s /dev/zero swap.csv; rm -f swap.csv; done; mkfifo swap.csv";
    company.write("one.csv", &export(&people(1, 1, &["Sales"])));
    as_hr(&company, script);
    company.drop_file("all.csv", export(&people(1, 12, &["Sales"])));
    company.wait_for_report("all.csv");
    wait_for_finding(&daemon, "HR-030", true);
    daemon.wait_until_idle();
    assert_eq!(app.users().len(), 12);
    assert!(daemon.stop(), "SIGTERM ends it");
}

/// A company whose daemon may read what is dropped, and not move it.
fn sticky(app: &App) -> Company {
    let company = Company::new(app);
    if is_root() {
        for path in ["", "secrets", "secrets/crm"] {
            give(company.path(path), OTHER);
        }
        mode(company.path("hr"), 0o1777);
    } else {
        for place in ["processed", "held", "rejected"] {
            std::fs::create_dir(company.path("hr").join(place)).expect("a folder");
        }
    }
    mode(company.path("secrets/crm"), 0o600);
    company
}

/// Drops a file that the daemon may not move.
fn drop_stuck(company: &Company, name: &str, rows: &[Row]) {
    mode(company.path("hr"), if is_root() { 0o1777 } else { 0o755 });
    company.drop_file(name, export(rows));
    mode(company.path("hr"), if is_root() { 0o1777 } else { 0o555 });
}

#[test]
fn c05_what_was_decided_and_cannot_be_moved_is_not_decided_again() {
    let app = App::start(&GROUPS);
    let company = sticky(&app);
    let daemon = Daemon::start_as(&company, OTHER);
    let mut rows = people(1, 12, &["Sales"]);
    drop_stuck(&company, "a-monday.csv", &rows);
    assert_eq!(company.wait_for_report("a-monday.csv").place, "processed");
    rows.remove(2);
    rows.push(Row::new("13", "Sales"));
    drop_stuck(&company, "b-tuesday.csv", &rows);
    assert_eq!(company.wait_for_report("b-tuesday.csv").place, "processed");
    daemon.wait_until_idle();
    wait_for_finding(&daemon, "HR-033", true);
    let errors = daemon
        .json(&["findings", "--severity", "error"])
        .to_string();
    assert!(
        errors.contains("a-monday.csv"),
        "an error, and at once: {errors}"
    );

    // Both still lie there. The old one is not taken again: not after a start, not when it is touched.
    daemon.kill();
    let daemon = Daemon::start_as(&company, OTHER);
    rows.push(Row::new("14", "Sales"));
    drop_stuck(&company, "c-wednesday.csv", &rows);
    company.wait_for_report("c-wednesday.csv");
    daemon.wait_until_idle();
    assert!(!app.is_active("3") && app.is_active("13") && app.is_active("14"));
    let stored = names(company.path("hr/processed"));
    let of = |name: &str| {
        stored
            .iter()
            .filter(|stored| stored.ends_with(name))
            .count()
    };
    assert_eq!(of("a-monday.csv"), 1, "{stored:?}");
    assert_eq!(of("b-tuesday.csv"), 1, "{stored:?}");
    let log = daemon.log();
    assert_eq!(log.matches(": decided feed=").count(), 3, "{log}");
    let path = company.path("hr/a-monday.csv");
    let file = std::fs::File::options()
        .append(true)
        .open(path)
        .expect("the file");
    file.set_modified(std::time::SystemTime::now())
        .expect("a time");
    wait_for("the touched file to be held", || {
        company.report_in("held", "a-monday.csv")
    });
    assert!(!app.is_active("3"));

    // Whoever takes them away has heard.
    mode(company.path("hr"), 0o1777);
    for name in ["a-monday.csv", "b-tuesday.csv", "c-wednesday.csv"] {
        std::fs::remove_file(company.path("hr").join(name)).expect("a file to remove");
    }
    wait_for_finding(&daemon, "HR-033", false);
    daemon.check_ledger();
    assert!(daemon.stop());
}

#[test]
fn c73_a_file_that_cannot_be_read_is_said_once() {
    let app = App::start(&GROUPS);
    let company = sticky(&app);
    let daemon = Daemon::start_as(&company, OTHER);
    company.write("hr/.all.part", &export(&people(1, 3, &["Sales"])));
    mode(company.path("hr/.all.part"), 0o000);
    std::fs::rename(company.path("hr/.all.part"), company.path("hr/all.csv")).expect("a file");
    wait_for_finding(&daemon, "HR-033", true);
    let findings = daemon
        .json(&["findings", "--severity", "error"])
        .to_string();
    assert!(findings.contains("all.csv"), "{findings}");
    company.drop_file("ten.csv", export(&people(10, 12, &["Sales"])));
    company.wait_for_report("ten.csv");
    let said = daemon.log().matches("all.csv").count();
    assert!(said <= 2, "{said} lines: {}", daemon.log());
    mode(company.path("hr/all.csv"), 0o644);
    std::fs::rename(company.path("hr/all.csv"), company.path("hr/again.csv")).expect("a file");
    company.wait_for_report("again.csv");
    assert!(daemon.stop());
}
