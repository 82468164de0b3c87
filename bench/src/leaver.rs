//! How long a leaver of one feed stays in while a plan for a million people of another is made, against two seconds.
//!
//! The file with the million is dropped first. Then, one after the other until it is put away, people of the small feed
//! are said to have left by a file of theirs, and the time is taken from the rename of that file to the request at the
//! app that shuts the account. The longest counts.

use std::time::{Duration, Instant};

use muster_tests::app::App;
use muster_tests::company::{self, Company};
use muster_tests::daemon::Daemon;

use crate::Scale;
use crate::export::Order;
use crate::figure::{Better, Figure};
use crate::operations;
use crate::place::{self, FEED, GROUPS, ROLES, Waiting, pause};

const PEOPLE: u32 = 1_000_000;
const LIMIT: Duration = Duration::from_hours(1);
const LEAVER_MAX: Duration = Duration::from_secs(2);

/// People of the small feed: so many that some may leave without asking.
const GUESTS: u32 = 400;
/// How many of them leave at most, within their budget.
const LEAVERS: u32 = 12;
/// Between two of them.
const BETWEEN: Duration = Duration::from_millis(2_500);

const GUEST_ROLE: &str = r#"
[[role]]
name = "guests"
description = "Whoever visits"
when = 'employment_type == "Guest"'
access = { door = [] }
"#;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let people = scale.of(PEOPLE);
    let app = App::start(&GROUPS);
    let door = operations::App::start()?;
    let company = place::company(&app);
    company.install("steady", &muster_tests::plugin("test/steady-v1"));
    let targets = [place::target("crm", &app), place::target("wiki", &app)];
    let door_target = company::steady("door", door.address, "");
    let guest_feed = FEED
        .replace("feed.hr", "feed.guests")
        .replace("\"hr\"", "\"guests\"");
    company.configure(&[FEED, &guest_feed, &targets.concat(), &door_target].concat());
    company.write("policy/roles.toml", &[ROLES, GUEST_ROLE].concat());
    std::fs::create_dir_all(company.path("guests"))?;
    let daemon = Daemon::start(&company);
    guests(&company, "guests-0.csv", 0)?;
    door.seen.reset(GUESTS);
    door.seen.wait()?;
    daemon.wait_until_idle();

    let file = Waiting::write(&company, "million.csv", people, Order(1))?;
    let times = std::thread::scope(|scope| {
        let large = scope.spawn(|| file.drop_and_wait(LIMIT));
        let mut times = Vec::new();
        for leaver in 1..=LEAVERS {
            pause(BETWEEN);
            if large.is_finished() {
                break;
            }
            let began = Instant::now();
            guests(&company, &format!("guests-{leaver}.csv"), leaver)?;
            while !door.seen.has_stated(&key(leaver)) {
                anyhow::ensure!(began.elapsed() < LIMIT, "guest {leaver} is still in");
                pause(Duration::from_millis(1));
            }
            if !large.is_finished() {
                times.push(began.elapsed());
            }
        }
        let taken = large
            .join()
            .map_err(|_| anyhow::anyhow!("the large file"))??;
        anyhow::Ok((times, taken))
    });
    let (times, taken) = times?;
    daemon.kill();
    let longest = times.iter().max().copied().unwrap_or(LIMIT);
    Ok(vec![Figure {
        name: "leaver_beside_large_plan",
        ratio: longest.as_secs_f64() / LEAVER_MAX.as_secs_f64(),
        bound: 1.0,
        better: Better::Lower,
        detail: format!(
            "{} ms at most of {} ms for {} leavers while a plan for {people} people was made in {:.0} s",
            longest.as_millis(),
            LEAVER_MAX.as_millis(),
            times.len(),
            taken.as_secs_f64()
        ),
    }])
}

fn key(guest: u32) -> String {
    format!("G{guest:04}")
}

/// Drops the small feed's file, in which the first so many have left.
fn guests(company: &Company, name: &str, left: u32) -> anyhow::Result<()> {
    use std::fmt::Write as _;
    let mut text = "WorkerID,FirstName,LastName,Email,Department,JobTitle,Location,EmploymentType,CostCenter,ManagerID,HireDate,TerminationDate,WorkerStatus\n".to_owned();
    for guest in 1..=GUESTS {
        let status = if guest <= left {
            "Terminated"
        } else {
            "Active"
        };
        let key = key(guest);
        writeln!(
            text,
            "{key},Given{guest},Guest{guest},{key}@guests.example,Visits,Guest,Berlin,Guest,0,,,,{status}"
        )?;
    }
    let part = company.path(&format!("guests/.{name}.part"));
    std::fs::write(&part, text)?;
    std::fs::rename(&part, company.path(&format!("guests/{name}")))?;
    Ok(())
}
