//! Much at once, and much one after the other.
//!
//! `MUSTER_DELIVERIES` says how many things arrive, `MUSTER_FILES` how many files lie there at once, and
//! `MUSTER_SEED` which ones; few where they are not set.

#![expect(
    clippy::disallowed_methods,
    reason = "how much arrives is a parameter, and files have dates"
)]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, NO_BUDGETS, Row, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::random::{Random, parameter};
use muster_tests::wait_for;

use super::hook::{company, deliver, event, leave, send, upsert};

const NO_LIMITS: &str = r"
[feed.hr.guard]
leavers_percent_max = 100
leavers_floor = 1000000
leavers_max = 1000000
movers_percent_max = 100
movers_floor = 1000000
updates_percent_max = 100
updates_floor = 1000000
";

/// Drops a file whose time is later than everything before it, whatever the file system's ticks.
fn drop_later(company: &Company, name: &str, content: &str, newest: &mut SystemTime) {
    let part = company.path(&format!("hr/.{name}.part"));
    let begun = SystemTime::now();
    loop {
        std::fs::write(&part, content).expect("a file to drop");
        let written = std::fs::metadata(&part).and_then(|file| file.modified());
        let written = written.expect("its time");
        if written > *newest && written >= begun {
            *newest = written;
            break;
        }
    }
    std::fs::rename(&part, company.path(&format!("hr/{name}"))).expect("a file to drop");
}

fn waiting(company: &Company) -> usize {
    let files = std::fs::read_dir(company.path("hr"))
        .expect("the folder")
        .flatten();
    files.filter(|file| file.path().is_file()).count()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a story, told from beginning to end")]
fn c02_the_end_state_is_that_of_the_order_of_arrival() {
    let count = parameter("MUSTER_DELIVERIES", 300);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(7, |since| since.subsec_nanos());
    let seed = parameter("MUSTER_SEED", u64::from(now));
    let shown = format!("MUSTER_SEED={seed}");
    let mut random = Random::new(seed);
    let app = App::start(&GROUPS);
    let company = company(&app, "", &[NO_LIMITS, NO_BUDGETS].concat());
    let mut rows = people(1, 25, &["Sales"]);
    let mut daemon = Some(Daemon::start(&company));
    let running = |daemon: &Option<Daemon<'_>>| daemon.as_ref().expect("a daemon").address();
    let mut address = running(&daemon);
    let mut newest = SystemTime::UNIX_EPOCH;
    drop_later(&company, "all.csv", &export(&rows), &mut newest);
    wait_for("the first file", || (waiting(&company) == 0).then_some(()));
    let department =
        |random: &mut Random| ["Sales", "Finance"][usize::try_from(random.below(2)).unwrap_or(0)];
    let mut done = 0;
    while done < count {
        let name = random.draw();
        if random.below(10) < 8 {
            let at = usize::try_from(random.below(25)).unwrap_or(0);
            let to = department(&mut random);
            to.clone_into(&mut rows[at].department);
            let body = upsert(&rows[at].id, to);
            let answer = send(&address, &format!("{name:x}"), "application/json", &body);
            assert_eq!(answer.map(|(status, _)| status), Some(202), "{shown}");
            done += 1;
        } else {
            // One or more files; the last one counts.
            for _ in 0..=random.below(3) {
                for _ in 0..3 {
                    let at = usize::try_from(random.below(25)).unwrap_or(0);
                    department(&mut random).clone_into(&mut rows[at].department);
                }
                let name = format!("{:x}.csv", random.draw());
                // The row that makes each file another one: a name that nobody has twice.
                rows[0].first = format!("F{done}");
                drop_later(&company, &name, &export(&rows), &mut newest);
                done += 1;
            }
            if random.below(4) == 0 {
                daemon.take().expect("a daemon").kill();
                daemon = Some(Daemon::start(&company));
                address = running(&daemon);
            }
            wait_for(&format!("the files to be taken, {shown}"), || {
                (waiting(&company) == 0).then_some(())
            });
        }
        if random.below(100) == 0 {
            daemon.take().expect("a daemon").kill();
            daemon = Some(Daemon::start(&company));
            address = running(&daemon);
        }
    }
    let daemon = daemon.expect("a daemon");
    event(&daemon, "the last one", &upsert("25", "Finance"));
    "Finance".clone_into(&mut rows[24].department);
    let wanted: BTreeMap<&str, &str> = rows
        .iter()
        .map(|row: &Row| (row.id.as_str(), row.department.as_str()))
        .collect();
    wait_for(&format!("the end state, {shown}"), || {
        wanted
            .iter()
            .all(|(id, department)| {
                let groups = app.groups_of(id);
                groups.contains(&"Everybody".to_owned())
                    && groups.contains(&(*department).to_owned())
                    && groups.len() == 2
            })
            .then_some(())
    });
    daemon.check_ledger();
    assert!(daemon.stop(), "{shown}");
}

#[test]
fn c38_an_event_does_not_wait_behind_thousands_of_files() {
    let count = parameter("MUSTER_FILES", 1_500);
    let app = App::start(&GROUPS);
    let company = company(&app, "", &[NO_LIMITS, NO_BUDGETS].concat());
    let daemon = Daemon::start(&company);
    let mut rows = people(1, 12, &["Sales"]);
    company.drop_file("all.csv", export(&rows));
    company.wait_for_report("all.csv");
    daemon.wait_until_idle();
    std::fs::create_dir(company.path("many")).expect("a folder");
    let begun = SystemTime::now();
    for number in 0..count {
        rows[0].first = format!("F{number}");
        let path = company.path(&format!("many/{:05}.csv", count - number));
        std::fs::write(&path, export(&rows)).expect("a file");
        let file = std::fs::File::options().append(true).open(&path);
        let written = begun - Duration::from_millis(count - number);
        let aged = file.and_then(|file| file.set_modified(written));
        aged.expect("a file with a time");
    }
    for file in std::fs::read_dir(company.path("many"))
        .expect("the folder")
        .flatten()
    {
        let to = company.path("hr").join(file.file_name());
        std::fs::rename(file.path(), to).expect("a file to move");
    }
    event(&daemon, "m-1", &leave("12"));
    wait_for("the leaver", || (!app.is_active("12")).then_some(()));
    let left = waiting(&company);
    assert!(left > 0, "the files did not come first");
    wait_for("all files to be put away", || {
        (waiting(&company) == 0).then_some(())
    });
    daemon.wait_until_idle();
    assert!(
        !app.is_active("12"),
        "files from before do not bring anybody back"
    );
    assert_eq!(
        app.user("1").map(|user| user["name"]["givenName"].clone()),
        Some(serde_json::json!(format!("F{}", count - 1)))
    );
    let (status, answer) = deliver(&daemon, "m-1", "application/json", &leave("12"));
    assert_eq!(status, 202, "the same again is the same: {answer}");
    assert!(daemon.stop());
}
