//! Durable operations a second with a million identities in the ledger, against the same with a hundred thousand.
//!
//! Two companies, each with a daemon of its own, take turns. In each round HR's file makes ten thousand of their people
//! permanent, spread evenly over all keys, so that operations touch the whole tree of people and not one end of it. Each
//! of them gets an account at the app that answers at once, and the rate is taken there.

use std::time::Duration;

use muster_tests::company::Company;
use muster_tests::daemon::Daemon;

use crate::Scale;
use crate::export::Order;
use crate::figure::{Better, Figure};
use crate::operations::{AT_ONCE, App, GUARD, target};
use crate::place::{FEED, Waiting};
use crate::rounds::Rounds;

const MANY: u32 = 1_000_000;
const FEW: u32 = 100_000;
/// People who get an account in a round.
const PEOPLE: u32 = 10_000;
const ROUNDS: u32 = 5;
const LIMIT: Duration = Duration::from_mins(30);

const PERMANENT: &str = r#"
[[role]]
name = "permanent"
description = "Whoever works here for good"
when = 'employment_type == "Permanent"'
access = { app = [] }
"#;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let hired = scale.of(PEOPLE);
    let apps = (App::start()?, App::start()?);
    let companies = (company(&apps.0), company(&apps.1));
    let many = Crowd::start(&companies.0, &apps.0, scale.of(MANY), hired)?;
    let few = Crowd::start(&companies.1, &apps.1, scale.of(FEW), hired)?;
    let mut rounds = Rounds::default();
    for round in 1..=ROUNDS {
        rounds.add(many.hire(round)?, few.hire(round)?);
    }
    let rate = |time: Duration| f64::from(hired) / time.as_secs_f64();
    let detail = format!(
        "{:.0} operations/s with {} identities, {:.0} with {}; {AT_ONCE} at once, {hired} in each of {} rounds",
        rate(rounds.ours()),
        many.people,
        rate(rounds.peer()),
        few.people,
        rounds.count()
    );
    for crowd in [many, few] {
        anyhow::ensure!(crowd.daemon.stop(), "a daemon did not stop well");
    }
    Ok(vec![Figure {
        name: "crowd_operations",
        ratio: 1.0 / rounds.ratio(),
        bound: 0.8,
        better: Better::Higher,
        detail,
    }])
}

fn company(app: &App) -> Company {
    let tables = [FEED, GUARD, &target(app.address)].concat();
    let company = Company::configured(&tables, PERMANENT);
    company.install("steady", &muster_tests::plugin("test/steady-v1"));
    company
}

/// A company of so many people, whose daemon runs.
struct Crowd<'c> {
    people: u32,
    /// Of how many neighbours one is made permanent in a round.
    one_of: u32,
    app: &'c App,
    company: &'c Company,
    daemon: Daemon<'c>,
}

impl<'c> Crowd<'c> {
    /// Everybody is known, and nobody has an account.
    fn start(company: &'c Company, app: &'c App, people: u32, hired: u32) -> anyhow::Result<Self> {
        let crowd = Self {
            people,
            one_of: people / hired,
            app,
            company,
            daemon: Daemon::start(company),
        };
        crowd.file("everybody.csv", 0)?.drop_and_wait(LIMIT)?;
        crowd.daemon.wait_until_idle();
        Ok(crowd)
    }

    /// The file in which those of the first `rounds` rounds are permanent.
    fn file(&self, name: &str, rounds: u32) -> anyhow::Result<Waiting<'_>> {
        let (one_of, rounds) = (u64::from(self.one_of), u64::from(rounds));
        Waiting::write_staff(self.company, name, self.people, Order(0), |number| {
            number % one_of < rounds
        })
    }

    /// Makes the people of a round permanent. Returns the time from their first change at the app to their last.
    fn hire(&self, round: u32) -> anyhow::Result<Duration> {
        let file = self.file(&format!("round-{round}.csv"), round)?;
        self.app.seen.reset(self.people / self.one_of);
        file.drop_and_wait(LIMIT)?;
        let time = self.app.seen.wait()?;
        self.daemon.wait_until_idle();
        Ok(time)
    }
}
