//! The power is cut again and again while 2,500 people come, move and leave: at the end the
//! app holds exactly what it should, nothing was made twice, and the ledger is clean.
//!
//! `MUSTER_KILLS` says how often (20 where it is not set), `MUSTER_SEED` at which moments.

use std::time::{Duration, Instant};

use muster_tests::app::App;
use muster_tests::company::{Company, GROUPS, Row, export, people};
use muster_tests::daemon::Daemon;
use muster_tests::wait_for;
use serde_json::json;

/// So many that their plans are recorded in parts, and cut between two of them.
const PEOPLE: u32 = 2_500;

/// A small generator, so that a run can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long to run is said in the environment"
)]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// A company of 2,500 that changes from one file to the next: every tenth person moves, every
/// twentieth leaves, and as many come.
fn files() -> Vec<(String, Vec<Row>)> {
    let first = people(1, PEOPLE, &["Sales", "Finance"]);
    let mut second = first.clone();
    for (index, row) in second.iter_mut().enumerate() {
        if index % 10 == 3 {
            let other = row.department == "Sales";
            (if other { "Finance" } else { "Sales" }).clone_into(&mut row.department);
        }
        if index % 20 == 7 {
            "Terminated".clone_into(&mut row.status);
        }
    }
    second.extend(people(PEOPLE + 1, PEOPLE + 100, &["Sales"]));
    vec![
        ("first.csv".to_owned(), first),
        ("second.csv".to_owned(), second),
    ]
}

#[test]
fn whatever_moment_the_power_is_cut_nothing_is_lost_and_nothing_is_done_twice() {
    let (kills, seed) = (
        setting("MUSTER_KILLS", 20),
        setting("MUSTER_SEED", 0x6d75_7374_6572),
    );
    let mut dice = Dice(seed);
    let app = App::start(&GROUPS);
    let company = Company::new(&app);
    let files = files();
    let mut waiting = files.iter();
    let mut daemon = Daemon::start(&company);
    for kill in 0..kills {
        // The files come early on, so that most cuts hit the work that follows from them.
        if kill % 5 == 0
            && let Some((name, rows)) = waiting.next()
        {
            company.drop_file(name, export(rows));
        }
        // From before the daemon has begun until it has done a few hundred operations.
        let alive = Duration::from_millis(dice.below(700));
        let begun = Instant::now();
        wait_for("the moment to cut the power", || {
            (begun.elapsed() >= alive).then_some(())
        });
        daemon.kill();
        daemon = Daemon::spawn(&company);
    }
    for (name, rows) in waiting {
        company.drop_file(name, export(rows));
    }
    drop(daemon);
    let daemon = Daemon::start(&company);
    assert_eq!(
        company.wait_for_report("second.csv").place,
        "processed",
        "seed {seed}"
    );
    daemon.wait_until_idle();
    check(&app, &files.last().expect("a last file").1, seed);
    daemon.check_ledger();
    assert!(daemon.stop(), "seed {seed}");
}

/// The app holds exactly what the last file says, and made nobody twice. Who left before the account
/// was made never got one.
fn check(app: &App, rows: &[Row], seed: u64) {
    let users = app.users();
    let state = app.state();
    let made = json!({ "total": users.len(), "twice": [] });
    assert_eq!(
        state["created"]["users"], made,
        "an account was made twice; seed {seed}"
    );
    let known = rows
        .iter()
        .filter(|row| users.contains_key(&row.id))
        .count();
    assert_eq!(users.len(), known, "an account is nobody's; seed {seed}");
    let groups = members(&state);
    for row in rows {
        let is_here = row.status == "Active";
        let Some(user) = users.get(&row.id) else {
            assert!(!is_here, "{} has no account; seed {seed}", row.id);
            continue;
        };
        assert_eq!(user["active"], json!(is_here), "{}; seed {seed}", row.id);
        let wanted: Vec<&str> = if is_here {
            vec!["Everybody", &row.department]
        } else {
            Vec::new()
        };
        let id = user["id"].as_str().unwrap_or_default();
        let held: Vec<&str> = GROUPS_SORTED
            .into_iter()
            .filter(|name| {
                groups
                    .get(*name)
                    .is_some_and(|members| members.contains(id))
            })
            .collect();
        assert_eq!(held, wanted, "{}; seed {seed}", row.id);
    }
}

const GROUPS_SORTED: [&str; 3] = ["Everybody", "Finance", "Sales"];

/// The members of each group, by id.
fn members(
    state: &serde_json::Value,
) -> std::collections::BTreeMap<String, std::collections::BTreeSet<String>> {
    let groups = state["groups"].as_array().into_iter().flatten();
    groups
        .map(|group| {
            let members = group["members"].as_array().into_iter().flatten();
            let ids = members.filter_map(|member| member["value"].as_str().map(str::to_owned));
            (
                group["displayName"].as_str().unwrap_or_default().to_owned(),
                ids.collect(),
            )
        })
        .collect()
}
