//! Case 14: the ledger's disk fills, and space comes back.

use muster_tests::app::App;
use muster_tests::company::{GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::disk::Disk;
use muster_tests::hook::{event, get};
use muster_tests::wait_for;
use serde_json::json;

fn upsert(key: u32) -> String {
    let row = json!({ "WorkerID": key.to_string(), "FirstName": "F".repeat(900), "LastName": "Last",
        "Email": format!("p{key}@corp.example"), "Department": "Sales", "WorkerStatus": "Active",
        "TerminationDate": "" });
    json!({ "type": "upsert", "row": row }).to_string()
}

#[test]
fn c14_a_full_disk_is_said_at_every_door_and_the_leaver_is_out_once_there_is_room() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let disk = Disk::mount(&company.path("data"), 96);
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 8, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();

    disk.fill();
    // What still finds room in the file is taken; the first that does not is given back to its sender.
    let leave = r#"{"type":"leave","row":{"WorkerID":"1"}}"#;
    let mut taken = Vec::new();
    if event(&daemon, "leave-1", leave).status == 202 {
        taken.push("leave-1".to_owned());
    }
    let mut number = 100;
    let refused = wait_for("a delivery that cannot be kept", || {
        let id = format!("msg-{number}");
        let answer = event(&daemon, &id, &upsert(number));
        number += 1;
        if answer.status == 202 {
            taken.push(id);
            return None;
        }
        Some(answer)
    });
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");

    wait_for("/readyz to say it", || {
        let answer = get(&daemon, "/readyz");
        (answer.status == 503 && answer.body.starts_with("LED-010: ")).then_some(())
    });
    // Several pauses and attempts later nothing has changed.
    for round in 0..20 {
        let answer = event(&daemon, &format!("full-{round}"), leave);
        assert_eq!(answer.status, 503, "nothing is taken meanwhile: {answer:?}");
        assert!(answer.body.contains("\"code\":\"LED-0"), "{answer:?}");
        wait_for("status and findings to say it", || {
            let trouble = daemon.json(&["status"])["trouble"]["code"] == "LED-010";
            let finding = daemon.json(&["findings"])["items"][0]["code"] == "LED-010";
            (trouble && finding).then_some(())
        });
    }
    assert_eq!(get(&daemon, "/livez").status, 200);
    let log = daemon.log();
    assert!(log.contains("No space left on device"), "the cause: {log}");
    let is_trouble = |line: &&str| line.contains("ERROR") || line.contains("WARN");
    let of_feeds = |line: &&str| line.contains("muster_daemon::feeds");
    let lines = log
        .lines()
        .filter(is_trouble)
        .filter(|line| !of_feeds(line));
    assert!(lines.count() < 20, "each cause is said once: {log}");

    disk.free();
    wait_for("the daemon to be back by itself", || {
        (get(&daemon, "/readyz").status == 200).then_some(())
    });
    for id in &taken {
        let other = event(&daemon, id, r#"{"type":"leave","row":{"WorkerID":"7"}}"#);
        assert_eq!(
            other.status, 409,
            "what was answered 202 is there: {id} {other:?}"
        );
    }
    assert_eq!(event(&daemon, "leave-1", leave).status, 202);
    wait_for("the leaver to be out", || {
        (!app.is_active("1")).then_some(())
    });
    daemon.wait_until_idle();
    daemon.check_ledger();
    let findings = daemon.json(&["findings"]).to_string();
    assert!(!findings.contains("LED-010"), "{findings}");
}

#[test]
fn c14_a_disk_that_is_full_at_the_start_is_said_with_a_code() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let disk = Disk::mount(&company.path("data"), 16);
    disk.fill();
    let ran = muster_tests::daemon::cli(&company, &["serve"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("No space left on device") && ran.err.contains("LED-003"),
        "{ran:?}"
    );
    disk.free();
    let daemon = Daemon::start(&company);
    assert_eq!(get(&daemon, "/readyz").status, 200);
}

#[test]
fn c14_a_stop_is_heard_while_the_disk_is_full() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let disk = Disk::mount(&company.path("data"), 96);
    let daemon = Daemon::start(&company);
    disk.fill();
    let mut number = 100;
    wait_for("the ledger to fail", || {
        let answer = event(&daemon, &format!("msg-{number}"), &upsert(number));
        number += 1;
        (answer.status == 503).then_some(())
    });
    assert!(daemon.stop(), "it ends well");
}

#[test]
fn c14_a_data_folder_that_is_deleted_under_the_daemon_acknowledges_nothing_and_can_be_put_back() {
    let app = App::start(&GROUPS);
    let company = super::company(&app);
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&people(1, 4, &["Sales"])));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    let (data, ledger) = (company.path("data"), company.path("data/ledger.redb"));
    std::fs::remove_dir_all(&data).expect("the data folder");

    let leave = r#"{"type":"leave","row":{"WorkerID":"1"}}"#;
    let answer = event(&daemon, "leave", leave);
    assert_eq!(answer.status, 503, "no start would find it: {answer:?}");
    wait_for("/readyz to say it", || {
        let answer = get(&daemon, "/readyz");
        (answer.status == 503 && answer.body.contains("LED-011")).then_some(())
    });
    let files = std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("its files");
    let open = files.flatten().map(|file| file.path()).find(|file| {
        let target = std::fs::read_link(file).unwrap_or_default();
        target.to_string_lossy().contains("ledger.redb")
    });
    let open = open.expect("the ledger is still open");
    std::fs::create_dir_all(&data).expect("the data folder");
    let aside = company.path("data/ledger.back");
    std::fs::copy(open, &aside).expect("the ledger to be copied back");
    std::fs::rename(aside, ledger).expect("the ledger to be put back");
    wait_for("the daemon to go on", || {
        (get(&daemon, "/readyz").status == 200).then_some(())
    });
    assert_eq!(event(&daemon, "leave", leave).status, 202);
    wait_for("the leaver to be out", || {
        (!app.is_active("1")).then_some(())
    });
}
