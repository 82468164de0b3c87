//! Somebody with write access to the drop folder and nothing else does what they can, for a while.
//!
//! `MUSTER_HOSTILE_SECONDS` says how long; a few seconds where it is not set.

#![expect(clippy::disallowed_methods, reason = "how long it runs is a parameter")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_tests::app::App;
use muster_tests::company::{GROUPS, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;

use super::hook::{company, event, upsert};
use super::other_user::{begin_as_hr, give_folder_away, mode};

/// Plants links, pipes, hard links, folders and sockets under names of exports; exchanges files, folders
/// and subfolders while they are looked at; uses names as long as they may be, and odd ones. `$1` is the
/// company's folder, `$2` how many seconds.
const SCRIPT: &str = r#"
long=$(printf 'x%.0s' $(seq 1 251)).csv
odd=$(printf 'a\n\033[31mb\342\200\256.csv')
end=$(($(date +%s) + $2)); i=0
while [ "$(date +%s)" -lt $end ]; do
  i=$((i + 1))
  ln -s "$1/secret/people.csv" link.csv; ln "$1/secret/people.csv" hard.csv; ln "$1/muster.toml" conf.csv
  mkfifo pipe.csv; mkdir folder.csv; ln -s /dev/zero zero.csv; ln -s . loop.csv
  truncate -s 4T sparse.csv; cp "$1/one.csv" "$long"; cp "$1/one.csv" "$odd"; cp "$1/mine.toml" mine-$i.toml
  cp "$1/one.csv" .swap; mv .swap swap.csv; mkfifo .pipe; mv .pipe swap.csv
  cp "$1/one.csv" .swap; mv .swap swap.csv; ln -s "$1/secret/people.csv" .link; mv .link swap.csv
  for place in processed held rejected; do mv $place .$place && ln -s "$1/policy" $place; done
  cp "$1/one.csv" .swap; mv .swap swap-$i.csv; cp "$1/mine.toml" .swap; mv .swap mine.toml
  for place in processed held rejected; do rm -f $place; ln -s "$1" $place; rm -f $place; mkdir $place; done
  true > processed/x; ln -s "$1/muster.toml" rejected/.mine.toml.report.txt.part
  for place in processed held rejected; do rm -rf $place; mv .$place $place; done
  rm -rf link.csv hard.csv conf.csv pipe.csv folder.csv zero.csv loop.csv sparse.csv swap.csv
done
find . -maxdepth 1 -mindepth 1 ! -name processed ! -name held ! -name rejected -exec rm -rf {} +
"#;

fn seconds() -> u32 {
    let said = std::env::var("MUSTER_HOSTILE_SECONDS").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(5)
}

/// Everything that the other user has no business with, with its content.
fn outside(company: &muster_tests::company::Company) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for below in ["policy", "plugins", "secrets", "secret"] {
        for file in std::fs::read_dir(company.path(below))
            .expect("a folder")
            .flatten()
        {
            let content = std::fs::read(file.path()).expect("a file");
            files.insert(file.path(), content);
        }
    }
    for file in ["muster.toml", "one.csv", "mine.toml"] {
        let path = company.path(file);
        let content = std::fs::read(&path).expect("a file");
        files.insert(path, content);
    }
    files
}

/// What the daemon has in memory, in MiB.
fn memory(daemon: &Daemon<'_>) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

#[test]
fn c01_whoever_may_write_to_the_drop_folder_reaches_nothing_else() {
    let app = App::start(&GROUPS);
    let company = company(&app, "files = \"*\"", "");
    std::fs::create_dir(company.path("secret")).expect("a folder");
    mode(company.path("secret"), 0o700);
    let rows = people(1, 12, &["Sales"]);
    company.write("secret/people.csv", &export(&people(90, 102, &["Sales"])));
    company.write("one.csv", &export(&rows));
    company.write(
        "mine.toml",
        "[[role]]\nname = \"mine\"\nwhen = \"true\"\naccess = { crm = [\"group:Finance\"] }\n",
    );
    give_folder_away(&company);
    let daemon = Daemon::start(&company);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    let before = outside(&company);
    let script = format!(
        "set -- '{}' {}\n{SCRIPT}",
        company.path("").display(),
        seconds()
    );
    let mut hostile = begin_as_hr(&company, &script);

    // Planning goes on meanwhile.
    let (mut number, mut at_first) = (0, 0);
    while hostile.try_wait().expect("the script").is_none() {
        number += 1;
        let department = ["Finance", "Sales"][number % 2];
        event(&daemon, &format!("m-{number}"), &upsert("1", department));
        wait_for("an event to go on", || {
            (app.groups_of("1").last()?.as_str() == department.max("Everybody")).then_some(())
        });
        if number == 20 {
            at_first = memory(&daemon);
        }
        assert!(
            outside(&company) == before,
            "something outside the folder was changed"
        );
    }
    let at_last = memory(&daemon);
    assert!(
        at_first == 0 || at_last < at_first + 192,
        "{at_first} MiB after a moment, {at_last} MiB in the end"
    );
    assert!(
        outside(&company) == before,
        "something outside the folder was changed"
    );
    let ids: Vec<String> = (90..=102).map(|id: u32| id.to_string()).collect();
    assert!(
        ids.iter().all(|id| app.user(id).is_none()),
        "what the user cannot read was read"
    );

    // It is a drop folder again.
    let mut moved = rows;
    moved[11].department = "Finance".to_owned();
    company.drop_file("after.csv", export(&moved));
    wait_for("the file after all of it", || {
        (app.groups_of("12") == ["Everybody", "Finance"]).then_some(())
    });
    daemon.wait_until_idle();
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    daemon.check_ledger();
    assert!(daemon.stop());
}
