//! Commands that ask the daemon to look at something or to do something.

use std::io;

use muster::{Looks, Printer};
use muster_config::Environment;

use super::{FakeLocal, Ran, check, check_failed, muster, world};
use crate::daemon::{Daemon, HELD};

/// The preview that the daemon answers with, for a file that would be held.
const PREVIEW: &str = "
workers.csv of feed hr: would be held until a person approves it
  89 rows, 88 people read, 1 row set aside
  plan 3fa2b1c0d9e8, policy 1a2b3c4d5e6f
  people  joiner 1, leaver 30
  at crm  end-sessions 30, suspend 30

why
  error PLN-010 feed hr: 30 of 118 people would leave; at most 11 go without asking
      look at the preview; if it is right, apply it with `muster apply`

people
  leaver Ann \\u{1b}[31mLee (hr:1042), on 2026-12-01 00:00:00Z
      status: Active -> Ended
    crm: suspend  left
  joiner hr:2001
    crm: grant group:Sales  role sales
  and 29 more: --all

remarks on the file
  warning HR-014 row 17: `Maybe` is no known status
";

fn plan(open: &Daemon, name: &str, flags: &str) -> Ran {
    let file = open.folder.path().join(name);
    std::fs::write(&file, "WorkerID\n1\n").unwrap();
    open.muster(&format!("plan {} {flags}", file.display()))
}

#[test]
fn a_plan_shows_what_a_file_would_change_and_what_of_it_stops() {
    let open = world();
    check(&plan(&open, "workers.csv", ""), 0, PREVIEW);
    assert_eq!(
        open.was_asked(),
        ["POST /v1/preview?feed=hr&file=workers.csv with 11 bytes"]
    );
}

#[test]
fn a_file_that_would_be_rejected_is_a_no() {
    let ran = plan(&world(), "broken.csv", "");
    assert_eq!(ran.code, muster::NO);
    assert!(
        ran.out
            .starts_with("broken.csv of feed hr: would be rejected\n"),
        "{}",
        ran.out
    );
}

#[test]
fn a_plan_of_a_file_that_is_not_there_says_so() {
    let open = world();
    let file = open.folder.path().join("none.csv");
    let ran = open.muster(&format!("plan {}", file.display()));
    let expected = format!(
        "error: could not read {}: No such file or directory (os error 2)\n\n\
         hint: look at the path and at who may read the file\n\
         more: `muster explain CLI-007`\n",
        file.display()
    );
    check_failed(&ran, &expected);
}

#[test]
fn the_feed_of_a_file_is_never_guessed() {
    let open = world();
    let config = open.folder.path().join("muster.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("[feed.agency]\nfolder = \"feeds/agency\"\ntime_zone = \"UTC\"\n");
    text.push_str("[feed.agency.mapping]\nkey = \"Id\"\n");
    std::fs::write(&config, text).unwrap();
    let expected = "
error: it is not clear which feed the file belongs to: there are agency, hr

hint: name it: --feed NAME
more: `muster explain CLI-008`
";
    check_failed(&plan(&open, "workers.csv", ""), expected);
    assert_eq!(plan(&open, "workers.csv", "--feed agency").code, 0);
    std::fs::create_dir_all(open.folder.path().join("feeds/agency")).unwrap();
    assert_eq!(plan(&open, "feeds/agency/people.csv", "").code, 0);
    let asked = open.was_asked();
    let expected = [
        "POST /v1/preview?feed=agency&file=workers.csv with 11 bytes",
        "POST /v1/preview?feed=agency&file=people.csv with 11 bytes",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn apply_without_a_word_shows_what_is_held_and_changes_nothing() {
    let open = world();
    let expected =
        format!("{PREVIEW}\nnothing was changed; to approve it: muster apply 3fa2b1c0d9e8\n");
    check(&open.muster("apply"), muster::NO, &expected);
    assert_eq!(open.was_asked(), Vec::<String>::new());
}

#[test]
fn apply_with_the_digest_or_with_yes_lets_exactly_that_plan_take_effect() {
    let by = "approved by ops (uid 1000) as Ann Lee: HR confirmed it";
    for (arguments, said) in [
        ("apply 3fa2b1c0", ""),
        (
            "apply --yes --as pat --reason agreed",
            "?as=pat&reason=agreed",
        ),
    ] {
        let open = world();
        let expected = format!("{PREVIEW}\nplan 13 takes effect\n{by}\n");
        check(&open.muster(arguments), 0, &expected);
        let expected = format!("POST /v1/held/{HELD}/apply{said}");
        assert_eq!(open.was_asked(), [expected]);
    }
}

#[test]
fn apply_and_wait_is_a_no_where_something_waits_for_a_person() {
    let ran = world().muster("apply 3fa2b1c0 --wait --json");
    let status: muster_api::v1::PlanStatus = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, status.halted), (muster::NO, 1));
}

#[test]
fn a_digest_that_nothing_held_has_is_an_error() {
    for (arguments, reason) in [
        ("apply 00000000", "no held plan begins with `00000000`"),
        ("apply 3fa2", "`3fa2` is too short: 8 digits at least"),
    ] {
        let expected = format!(
            "error: {reason}\n\nhint: `muster apply` without a digest lists what is held\n\
             more: `muster explain CLI-006`\n"
        );
        check_failed(&world().muster(arguments), &expected);
    }
}

#[test]
fn several_held_files_are_listed_and_yes_is_not_enough() {
    let open = world();
    let mut held = super::answers::held();
    let mut second = super::answers::held().swap_remove(0);
    second.plan_digest = None;
    second.file = "other.csv".to_owned();
    held.push(second);
    open.hold(held);
    let expected = "
PLAN          FEED  FILE         SINCE                 PEOPLE
3fa2b1c0d9e8  hr    workers.csv  2026-11-22 09:00:00Z  joiner 1, leaver 30
-             hr    other.csv    2026-11-22 09:00:00Z  joiner 1, leaver 30

other.csv cannot be approved as it is:
  error PLN-010 feed hr: 30 of 118 people would leave; at most 11 go without asking
      look at the preview; if it is right, apply it with `muster apply`
3fa2b1c0d9e8 workers.csv
  leaver Ann \\u{1b}[31mLee (hr:1042)  crm: suspend
  joiner hr:2001  crm: grant group:Sales
  and 26 more

`muster apply PLAN --preview` shows one of them whole, `muster apply PLAN` lets it take effect
";
    check(&open.muster("apply"), muster::NO, expected);
    assert_eq!(open.muster("apply --yes").code, muster::FAILED);
    assert_eq!(open.was_asked(), Vec::<String>::new());
    open.hold(Vec::new());
    check(&open.muster("apply"), 0, "nothing is held\n");
}

#[test]
fn c71_a_held_plan_is_looked_at_without_approving_it() {
    let open = world();
    let expected =
        format!("{PREVIEW}\nnothing was changed; to approve it: muster apply 3fa2b1c0d9e8\n");
    check(
        &open.muster("apply 3fa2b1c0 --preview"),
        muster::NO,
        &expected,
    );
    let ran = open.muster("apply 3fa2b1c0 --preview --json");
    let preview: muster_api::v1::Preview = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, preview.people.len()), (muster::NO, 2));
    assert_eq!(
        open.muster("apply 3fa2b1c0 --preview --yes").code,
        muster::FAILED
    );
    assert_eq!(open.was_asked(), Vec::<String>::new());
}

#[test]
fn c71_an_edited_policy_is_shown_before_it_is_in_force() {
    let open = world();
    let draft = open.folder.path().join("draft");
    std::fs::create_dir(&draft).unwrap();
    let role = "[[role]]\nname = \"staff\"\nwhen = \"true\"\n";
    std::fs::write(draft.join("roles.toml"), role).unwrap();
    let ran = open.muster(&format!("plan --policy {}", draft.display()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.starts_with("the policy: would be held"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("  leaver Ann"), "{}", ran.out);
    assert_eq!(open.muster("plan --policy").code, 0);
    let asked = open.was_asked();
    assert_eq!(
        asked,
        [
            "POST /v1/preview/policy with 1 roles",
            "POST /v1/preview/policy with 0 roles"
        ]
    );
    std::fs::write(draft.join("roles.toml"), "[[role]]\nname = 7\n").unwrap();
    assert_eq!(
        open.muster(&format!("plan --policy {}", draft.display()))
            .code,
        muster::FAILED
    );
    assert_eq!(open.muster("plan").code, muster::FAILED);
    assert_eq!(open.muster("plan some.csv --policy").code, muster::FAILED);
}

#[test]
fn an_operation_that_waits_for_a_person_is_retried() {
    let open = world();
    let expected = "
12-4 grant license-seat:Max - queued
    no seat or quota is left: Pro
it is tried now; `muster operations` shows what came of it
";
    check(
        &open.muster("operations retry 12-4 --as pat --reason seats"),
        0,
        expected,
    );
    assert_eq!(
        open.was_asked(),
        ["POST /v1/operations/12-4/retry?as=pat&reason=seats"]
    );
    let refused = "
error: operation 12-5 does not wait
more: `muster explain API-007`
";
    check_failed(&open.muster("operations retry 12-5"), refused);
    let unreadable = "
error: an operation is named PLAN-NUMBER, such as 12-3

hint: `muster help` shows what can be asked, and how
more: `muster explain API-002`
";
    check_failed(&open.muster("operations retry twelve"), unreadable);
}

#[test]
fn a_person_that_is_not_there_or_not_the_only_one_is_said() {
    let open = world();
    let nobody = "
error: there is no person `hr:9`

hint: `muster people` lists them
more: `muster explain API-003`
";
    check_failed(&open.muster("people hr:9"), nobody);
    let unknown_key = "
error: nobody has the key `9`

hint: `muster people --find TEXT` looks for names; leading zeros count
more: `muster explain API-003`
";
    check_failed(&open.muster("why 9 crm"), unknown_key);
    let two = "
error: 2 people have the key `7`

hint: write one of them in full: agency:7, hr:7
more: `muster explain CLI-009`
";
    check_failed(&open.muster("why 7"), two);
}

#[test]
fn a_daemon_that_is_not_running_is_said_with_what_to_do() {
    let mut open = world();
    open.close();
    for arguments in [
        "status",
        "people",
        "findings --json",
        "plugin list",
        "apply --yes",
    ] {
        let expected = format!(
            "error: the daemon is not running: nobody answers at {}: No such file or directory (os error 2)\n\n\
             hint: start it with `muster serve`; another muster.toml than the one here is named with --config\n\
             more: `muster explain CLI-001`\n",
            open.socket.display()
        );
        check_failed(&open.muster(arguments), &expected);
    }
}

#[test]
fn something_else_at_the_socket_is_no_answer() {
    let mut open = world();
    open.close();
    let listener = std::os::unix::net::UnixListener::bind(&open.socket).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = io::Read::read(&mut stream, &mut request).unwrap();
        assert!(length > 0);
        io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH\r\n").unwrap();
    });
    let ran = open.muster("status");
    other.join().unwrap();
    assert_eq!(ran.code, muster::FAILED);
    assert!(
        ran.err
            .starts_with("error: could not read the daemon's answer to GET /v1/status"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.ends_with("more: `muster explain CLI-002`\n"),
        "{}",
        ran.err
    );
}

#[test]
fn the_ledger_is_checked_by_the_daemon_or_by_opening_the_file() {
    let mut open = world();
    let clean = "clean: the tables are what the journal adds up to; 4711 journal entries, 122 people, file format 1\n";
    check(&open.muster("ledger check"), 0, clean);
    open.close();
    check(&open.muster("ledger check"), 0, clean);
    let local = FakeLocal {
        has_differences: true,
        ..FakeLocal::default()
    };
    let expected = "
not clean: tables and journal differ; 4711 journal entries, 122 people, file format 1
  person hr:7: phase differs
`muster explain LED-005` says what to do
";
    check(
        &muster(open.folder.path(), &local, "ledger check"),
        muster::NO,
        expected,
    );
}

/// A reader that hangs up after some bytes, as `head` does.
struct Hangs(usize);

impl io::Write for Hangs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        let length = bytes.len().min(self.0);
        self.0 -= length;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_hangs_up_has_read_enough() {
    let open = world();
    let config = open.folder.path().join("muster.toml");
    let line = [
        "muster".into(),
        "--config".into(),
        config.into(),
        "status".into(),
    ];
    let (mut out, mut err) = (Hangs(100), Vec::new());
    let mut printer = Printer::new(&mut out, &mut err, Looks::default());
    let code = muster::run(
        line,
        &Environment::default(),
        &FakeLocal::default(),
        &mut printer,
    );
    assert_eq!((code, err.as_slice()), (muster::DONE, b"".as_slice()));
}

#[test]
fn progress_is_shown_on_a_terminal_and_goes_away() {
    let open = world();
    let file = open.folder.path().join("workers.csv");
    std::fs::write(&file, "WorkerID\n1\n").unwrap();
    let config = open.folder.path().join("muster.toml");
    let line = vec![
        "muster".into(),
        "--config".into(),
        config.into(),
        "plan".into(),
        file.into(),
    ];
    let looks = Looks {
        err_terminal: true,
        ..Looks::default()
    };
    let ran = super::run(line, &FakeLocal::default(), looks);
    assert!(
        ran.err
            .contains("[############............]  50% reading rows 1/2"),
        "{:?}",
        ran.err
    );
    assert!(ran.err.ends_with("\r\u{1b}[K"), "{:?}", ran.err);
    assert_eq!(ran.out, PREVIEW.trim_start());
}
