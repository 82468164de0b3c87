//! The property of budgets: however a mass change is split over files, events, dates, edits of the policy
//! and clocks, no more people lose access within the window than the budget says without a hold.
//!
//! Real plans on a real ledger in memory. `MUSTER_SEEDS` says how many random splits are tried, and
//! `MUSTER_SEED` where they begin; a failure names its seed.

#![expect(clippy::print_stderr, reason = "a failed split is told step by step")]

mod lines;
mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use muster_core::actor::{Actor, Operator};
use muster_core::connector::{AccountState, Entitlement, EntitlementKey, ObjectRef};
use muster_core::dated::Dated;
use muster_core::fact::{Cause, Fact};
use muster_core::guard::{GroupLimits, Limits};
use muster_core::id::{
    Digest, FeedName, PersonId, PersonKey, PlanId, PolicyVersion, RoleName, TargetName,
};
use muster_core::identity::{Employment, Identity, Phase, Status, Value, ValueType};
use muster_core::mapping::{
    Attribute, Column, Columns, DayColumn, DayForms, Form, Mapping, StatusRule, ZoneRule,
};
use muster_core::operation::{AccountSeen, Action, Completion, How, Transition};
use muster_core::plan::Catalogue;
use muster_core::policy::{
    Adopt, LeaverRules, LintSource, Policy, PolicySource, Prehire, RoleSource, TargetRules,
};
use muster_core::standing::{Access, Decided, Opening};
use muster_daemon::clock::Clock;
use muster_daemon::planning::{
    Bells, ChangedPerson, Consent, Failed, Known, KnownTargets, Maker, Order, Planning, Proposal,
    Scope, Summary,
};
use muster_intake::{IntakeOptions, Snapshot};
use muster_ledger::Ledger;
use muster_ledger::check::check;
use sha2::{Digest as _, Sha256};

/// Numbers that look random and are the same for a seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn hours(&mut self, from: i64, to: i64) -> SignedDuration {
        let span = u64::try_from(to - from).unwrap();
        let more = i64::try_from(self.below(span + 1)).unwrap();
        SignedDuration::from_hours(from + more)
    }
}

/// What HR would write of a person.
#[derive(Clone)]
struct Row {
    is_listed: bool,
    is_ended: bool,
    ends_at: Option<Timestamp>,
}

/// Somebody lost something without a hold.
struct Loss {
    at: Timestamp,
    person: u64,
    /// The whole employment, and not only the account.
    left: bool,
    /// Whether they had an account, and so a team.
    had: bool,
}

struct Company {
    ledger: Ledger,
    planning: Arc<Planning>,
    /// What the daemon's clock shows.
    shown: Arc<Mutex<Timestamp>>,
    runtime: tokio::runtime::Runtime,
    limits: Limits,
    size: u64,
    rows: BTreeMap<u64, Row>,
    shut_out: BTreeSet<u64>,
    /// What time it really is, and by how much the daemon's clock is wrong.
    time: Timestamp,
    skew: SignedDuration,
    losses: Vec<Loss>,
    held: u32,
    log: Vec<String>,
}

fn hr() -> FeedName {
    FeedName::new("hr").unwrap()
}

fn crm() -> TargetName {
    TargetName::new("crm").unwrap()
}

fn key(person: u64) -> PersonKey {
    PersonKey::new(&format!("{person:05}")).unwrap()
}

/// In how many departments the people are.
const DEPARTMENTS: u64 = 3;

fn department(person: u64) -> String {
    format!("D{}", person % DEPARTMENTS)
}

/// The groups at the app, one for each team.
const TEAMS: [&str; 2] = ["even", "odd"];

fn team(person: u64) -> &'static str {
    TEAMS[usize::from(!person.is_multiple_of(2))]
}

/// What is known of the app.
fn known() -> Known {
    let groups = TEAMS.map(|name| Entitlement {
        object: EntitlementKey {
            kind: "group".to_owned(),
            container: None,
            id: name.to_owned(),
        }
        .object(None),
        class: "membership".to_owned(),
        title: name.to_owned(),
        exclusion_group: None,
        requires: Vec::new(),
        seats: None,
        is_grantable: true,
        is_revocable: true,
    });
    let mut known = Known::default();
    let catalogues = &mut known.targets.catalogues;
    catalogues.insert(crm(), Catalogue::new(&groups));
    known
}

/// Everybody has an account, and the group of their team, but for those who are shut out.
fn policy(shut_out: &BTreeSet<u64>) -> Policy {
    policy_with(shut_out, shut_out)
}

/// The same, where some have no team.
fn policy_with(shut_out: &BTreeSet<u64>, teamless: &BTreeSet<u64>) -> Policy {
    let listed = |people: &BTreeSet<u64>| {
        let keys = people.iter().map(|person| format!("'{}'", key(*person)));
        keys.collect::<Vec<String>>().join(", ")
    };
    let role = |name: &str, when: String, groups: Vec<String>| RoleSource {
        name: RoleName::new(name).unwrap(),
        description: String::new(),
        when,
        access: [(crm(), groups)].into(),
    };
    let (shut_out, teamless) = (listed(shut_out), listed(teamless));
    let everybody = role("everybody", format!("!(key in [{shut_out}])"), Vec::new());
    let teams = TEAMS.map(|team| {
        let when = format!("team == '{team}' && !(key in [{teamless}])");
        role(team, when, vec![format!("group:{team}")])
    });
    let roles = std::iter::once(everybody).chain(teams).collect();
    let attributes = ["name", "department", "team"];
    let attributes = attributes.map(|name| (name.to_owned(), Some(ValueType::Text)));
    let target = TargetRules {
        keys: vec![("externalId".to_owned(), "key".to_owned())],
        attributes: BTreeMap::new(),
        adopt: Adopt::Never,
        leaver: LeaverRules {
            delete_after: Some(std::time::Duration::from_hours(240)),
            ..LeaverRules::default()
        },
        prehire: Prehire::Nothing,
    };
    let source = PolicySource {
        version: PolicyVersion::new(&format!("v{shut_out}-{teamless}")),
        attributes: attributes.into(),
        roles,
        targets: [(crm(), target)].into(),
        lint: LintSource::default(),
    };
    Policy::compile(source).unwrap()
}

fn mapping() -> Mapping {
    let status = [("on", Status::Active), ("off", Status::Ended)];
    let attributes = [("name", "Name"), ("department", "Dept"), ("team", "Team")];
    let attributes = attributes.map(|(name, column)| {
        let attribute = Attribute {
            column: Column::named(column),
            form: Form::Text,
        };
        (name.to_owned(), attribute)
    });
    let columns = Columns {
        key: Column::named("Id"),
        attributes: attributes.into(),
        status: StatusRule::Column {
            column: Column::named("Status"),
            values: status
                .map(|(word, status)| (word.to_owned(), status))
                .into(),
        },
        start: None,
        end: Some(DayColumn {
            column: Column::named("End"),
            forms: DayForms {
                formats: Vec::new(),
                two_digit_years: None,
                no_date: Vec::new(),
            },
        }),
        zone: ZoneRule {
            default: "UTC".to_owned(),
            column: None,
        },
        effective: None,
        manager: None,
    };
    Mapping::new(columns).unwrap()
}

impl Company {
    /// Plans for more than `part` people are recorded in parts.
    fn new(size: u64, part: usize) -> Self {
        Self::limited(size, part, Limits::default())
    }

    fn limited(size: u64, part: usize, limits: Limits) -> Self {
        let mut company = Self::before_its_first_file(size, part, limits);
        company.file();
        assert_eq!(company.on().len() as u64, size, "the first file counts");
        company
    }

    fn before_its_first_file(size: u64, part: usize, limits: Limits) -> Self {
        let row = Row {
            is_listed: true,
            is_ended: false,
            ends_at: None,
        };
        let ledger = Ledger::in_memory().unwrap();
        let time: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let shown = Arc::new(Mutex::new(time));
        let clock = Arc::clone(&shown);
        let planning = Planning::new(
            ledger.clone(),
            Clock::new(move || *clock.lock().unwrap()),
            Arc::new(policy(&BTreeSet::new())),
            Arc::new(KnownTargets::new(ledger.clone(), Arc::default()).knowing(known())),
            Bells::default(),
        )
        .limited_by(limits.clone())
        .in_parts_of(part);
        Company {
            ledger,
            planning: Arc::new(planning),
            shown,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            limits,
            size,
            rows: (1..=size).map(|person| (person, row.clone())).collect(),
            shut_out: BTreeSet::new(),
            time,
            skew: SignedDuration::ZERO,
            losses: Vec::new(),
            held: 0,
            log: Vec::new(),
        }
    }

    fn clock(&self) -> Timestamp {
        self.time + self.skew
    }

    /// Who has access, and who is employed.
    fn on(&self) -> BTreeSet<(u64, bool)> {
        let reader = self.ledger.read().unwrap();
        let people = reader.everybody().unwrap().map(Result::unwrap);
        let people = people.filter(|person| person.phase != Phase::Ended);
        people
            .map(|person| {
                let has = |account: &muster_core::person::Account| account.is_wanted;
                let is_on = person.accounts.get(&crm()).is_some_and(has);
                (person.id.key.as_str().parse().unwrap(), is_on)
            })
            .collect()
    }

    /// The last days that are known.
    fn ends(&self) -> BTreeMap<u64, Timestamp> {
        let reader = self.ledger.read().unwrap();
        let people = reader.everybody().unwrap().map(Result::unwrap);
        people
            .filter_map(|person| {
                let end = person.announced_end()?;
                Some((person.id.key.as_str().parse().unwrap(), end))
            })
            .collect()
    }

    fn make(
        &mut self,
        what: &str,
        work: impl FnOnce(&Maker<'_>) -> Result<Summary, Failed> + Send + 'static,
    ) -> Summary {
        let (on, ends) = (self.on(), self.ends());
        *self.shown.lock().unwrap() = self.clock();
        let made = self.runtime.block_on(self.planning.alone(work));
        let summary = made.unwrap();
        let is_held = summary.plan.is_none() && !summary.is_empty();
        self.held += u32::from(is_held || !summary.left_out.is_empty());
        self.log.push(format!(
            "{} (clock {}): {what}: {}",
            self.time,
            self.clock(),
            match (&summary.plan, is_held) {
                (Some(plan), _) => format!("{:?}", plan.counts.people),
                (None, true) => "held".to_owned(),
                (None, false) => "nothing".to_owned(),
            }
        ));
        self.see(&on, &ends);
        self.carry_out();
        summary
    }

    /// Notes who lost what without a hold: at once, or by a day that is known from now on.
    fn see(&mut self, on: &BTreeSet<(u64, bool)>, ends: &BTreeMap<u64, Timestamp>) {
        let now = self.on();
        let here: BTreeSet<u64> = now.iter().map(|(person, _)| *person).collect();
        let with: BTreeSet<u64> = now
            .iter()
            .filter(|(_, on)| *on)
            .map(|(one, _)| *one)
            .collect();
        let at = self.time;
        for (person, was_on) in on {
            let left = !here.contains(person);
            // Those for whom it was announced were counted on that day.
            let is_known = self
                .losses
                .iter()
                .any(|loss| loss.person == *person && loss.left);
            let has_come = |end: &Timestamp| *end <= self.time.max(self.clock());
            let is_day = is_known && ends.get(person).is_some_and(has_come);
            if (left && !is_day) || (*was_on && !with.contains(person) && !is_day) {
                let person = *person;
                let had = *was_on;
                self.losses.push(Loss {
                    at,
                    person,
                    left,
                    had,
                });
            }
        }
        for (person, end) in self.ends() {
            let is_nearer = ends.get(&person).is_none_or(|known| end < *known);
            if here.contains(&person) && is_nearer {
                let (left, had) = (true, with.contains(&person));
                self.losses.push(Loss {
                    at,
                    person,
                    left,
                    had,
                });
            }
        }
    }

    /// The app does what is asked, at once.
    fn carry_out(&self) {
        let reader = self.ledger.read().unwrap();
        let mut facts = Vec::new();
        for person in reader.everybody().unwrap().map(Result::unwrap) {
            for (target, account) in &person.accounts {
                for operation in &account.operations {
                    let seen = |state| {
                        Some(AccountSeen {
                            object: ObjectRef {
                                kind: "user".to_owned(),
                                container: None,
                                id: person.id.key.to_string(),
                                revision: None,
                                name_hint: None,
                            },
                            state,
                        })
                    };
                    let account = match &operation.action {
                        Action::EnsureAccount(spec) => seen(spec.initial_state),
                        Action::EnsureState(state) => seen(*state),
                        Action::EnsureAbsent => seen(AccountState::Deleted),
                        _ => None,
                    };
                    let done = Completion {
                        how: How::Done,
                        account,
                        effects: Vec::new(),
                        unreachable: Vec::new(),
                        evidence: None,
                    };
                    for change in [
                        Transition::Dispatched { attempt: 1 },
                        Transition::Completed(done),
                    ] {
                        facts.push(Fact::OperationChanged {
                            person: person.id.clone(),
                            target: target.clone(),
                            operation: operation.id,
                            change,
                        });
                    }
                }
            }
        }
        drop(reader);
        let written = self.ledger.write(self.clock(), Actor::Daemon, |writer| {
            facts
                .iter()
                .try_for_each(|fact| writer.record(fact).map(drop))
        });
        let written: Result<(), muster_ledger::Error> = written;
        written.unwrap();
    }

    /// What HR writes.
    fn snapshot(&self) -> Option<(Digest, Snapshot)> {
        use std::fmt::Write as _;
        let mut text = "Id,Name,Status,End,Dept,Team\n".to_owned();
        for (person, row) in self.rows.iter().filter(|(_, row)| row.is_listed) {
            let status = if row.is_ended { "off" } else { "on" };
            // The first instant after the last day.
            let last_day = row.ends_at.map(|end| end - SignedDuration::from_secs(1));
            let last_day = last_day.map(|day| day.to_string()[..10].to_owned());
            let last_day = last_day.unwrap_or_default();
            let (id, department, team) = (key(*person), department(*person), team(*person));
            writeln!(
                text,
                "{id},N{person},{status},{last_day},{department},{team}"
            )
            .unwrap();
        }
        let options = IntakeOptions::default();
        let digest = Digest(Sha256::digest(&text).into());
        let opened = muster_intake::open(text.into_bytes(), &options);
        let reading = Snapshot::read(opened.sheet?, &mapping(), &options, self.clock());
        Some((digest, reading.snapshot?))
    }

    fn file(&mut self) {
        // A file with nobody in it is rejected before anything is planned.
        if let Some((digest, snapshot)) = self.snapshot() {
            self.make("file", move |maker| of_file(maker, digest, &snapshot));
        }
    }

    fn changed(&self, person: u64) -> ChangedPerson {
        let Some(row) = self.rows.get(&person).filter(|row| row.is_listed) else {
            return ChangedPerson::Left;
        };
        ChangedPerson::Row {
            identity: Identity {
                attributes: [
                    ("name", format!("N{person}")),
                    ("department", department(person)),
                    ("team", team(person).to_owned()),
                ]
                .map(|(name, text)| (name.to_owned(), Value::Text(text)))
                .into(),
                employment: Employment {
                    status: if row.is_ended {
                        Status::Ended
                    } else {
                        Status::Active
                    },
                    starts_at: None,
                    ends_at: row.ends_at,
                },
                dated: Dated::default(),
            },
            row: None,
        }
    }

    fn events(&mut self, people: &[u64]) {
        for person in people {
            let people = vec![(key(*person), self.changed(*person))];
            self.make("event", move |maker| {
                let carried = BTreeSet::new();
                let scope = Scope::Changes {
                    feed: hr(),
                    people,
                    carried: &carried,
                };
                let cause = Cause::File {
                    feed: hr(),
                    name: "event".to_owned(),
                    digest: Digest([1; 32]),
                };
                maker.make(Order::new(scope, cause), Consent::WithinLimits)
            });
        }
    }

    fn edit(&mut self, people: &[u64]) {
        let before = self.shut_out.clone();
        self.shut_out.extend(people);
        let edited = Proposal::Policy(Arc::new(policy(&self.shut_out)));
        let order = Order::new(Scope::Everybody, Cause::Policy).proposing(edited);
        let summary = self.make("policy", |maker| maker.make(order, Consent::WithinLimits));
        if summary.plan.is_none() && !summary.is_empty() {
            self.shut_out = before;
        }
    }

    /// What the loop of dates does: it reads the clock, and plans for whose day has come.
    fn dates(&mut self) {
        let now = self.clock();
        let reader = self.ledger.read().unwrap();
        let day = reader.day(now).unwrap();
        if day == now {
            let read: Result<bool, muster_ledger::Error> =
                self.ledger
                    .write(now, Actor::Daemon, |writer| writer.record(Fact::ClockRead));
            read.unwrap();
        }
        let due = reader.timers_due(day, None, 10_000).unwrap();
        drop(reader);
        if !due.is_empty() {
            let people = due.into_iter().map(|(_, person)| person).collect();
            let order = Order::new(Scope::People(people), Cause::Date);
            self.make("dates", |maker| maker.make(order, Consent::AsFarAsItGoes));
        }
    }

    /// Looks back from now: who lost something within the window.
    fn check(&self, seed: u64) {
        let since = self.time - SignedDuration::from_hours(24 * 7);
        let lost_by = |counts: &dyn Fn(&Loss) -> bool| {
            let losses = self.losses.iter().filter(|loss| loss.at > since);
            let losses = losses.filter(|loss| counts(loss));
            losses.map(|loss| loss.person).collect::<BTreeSet<u64>>()
        };
        let lost = |left: bool| lost_by(&|loss| loss.left || !left);
        let size = u32::try_from(self.size).unwrap();
        let people = self.limits.people.leavers.allowed(size) as usize;
        let accounts = self.limits.removals.allowed(size) as usize;
        let (left, any) = (lost(true), lost(false));
        let in_group = |is_in: &dyn Fn(u64) -> bool| {
            let all = (1..=self.size).filter(|person| is_in(*person)).count();
            u32::try_from(all).unwrap()
        };
        let mut groups = Vec::new();
        for number in 0..DEPARTMENTS {
            let is_in = |person: u64| person % DEPARTMENTS == number;
            let allowed = self.limits.department.allowed(in_group(&is_in));
            let lost = lost_by(&|loss| is_in(loss.person)).len();
            groups.push((format!("D{number}"), lost, allowed as usize));
        }
        for name in TEAMS {
            let is_in = |person: u64| team(person) == name;
            let allowed = self.limits.role.allowed(in_group(&is_in));
            let lost = lost_by(&|loss| loss.had && is_in(loss.person)).len();
            groups.push((name.to_owned(), lost, allowed as usize));
        }
        let beyond = groups.iter().find(|(_, lost, allowed)| lost > allowed);
        if left.len() > people || any.len() > accounts || beyond.is_some() {
            for line in &self.log {
                eprintln!("{line}");
            }
            panic!(
                "seed {seed}: of {size}, {} left ({people} may) and {} lost something ({accounts} may); beyond: {beyond:?}",
                left.len(),
                any.len()
            );
        }
    }
}

/// Makes the plan for a file.
fn of_file(maker: &Maker<'_>, digest: Digest, snapshot: &Snapshot) -> Result<Summary, Failed> {
    let (feed, carried, news) = (hr(), BTreeSet::new(), BTreeSet::new());
    let scope = Scope::File {
        feed: &feed,
        snapshot,
        carried: &carried,
        since: None,
        news: &news,
    };
    let cause = Cause::File {
        feed: hr(),
        name: "people.csv".to_owned(),
        digest,
    };
    maker.make(Order::new(scope, cause), Consent::WithinLimits)
}

/// One mass change, split at random. Returns how many lost something, and how often something was held.
fn split(seed: u64, part: impl Fn(u64) -> u64) -> Company {
    let mut dice = Dice(seed);
    let size = 12 + dice.below(120);
    let strict = |percent_max, floor| GroupLimits {
        percent_max,
        floor,
        at_most: None,
    };
    let limits = Limits {
        department: strict(15, 2),
        role: strict(12, 3),
        ..Limits::default()
    };
    let part = usize::try_from(part(size)).unwrap();
    let mut company = Company::limited(size, part, limits);
    let mut victims: Vec<u64> = (1..=size).collect();
    for _ in 0..(8 + dice.below(24)) {
        let many = if dice.below(4) == 0 { size } else { 6 };
        let count = usize::try_from(1 + dice.below(many)).unwrap();
        let some: Vec<u64> = (0..count)
            .map(|_| victims[usize::try_from(dice.below(victims.len() as u64)).unwrap()])
            .collect();
        // What is little of the company may be all of a department.
        let of_one = department(some[0]);
        let is_of_one = dice.below(2) == 0;
        let some: Vec<u64> = some
            .into_iter()
            .filter(|person| !is_of_one || department(*person) == of_one)
            .collect();
        step(&mut company, &mut dice, &some);
        company.dates();
        company.check(seed);
        victims.rotate_left(1);
    }
    let report = check(&company.ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "seed {seed}: {report:?}");
    company
}

fn step(company: &mut Company, dice: &mut Dice, some: &[u64]) {
    match dice.below(9) {
        0 => company.edit(some),
        1 | 2 => {
            for person in some {
                let row = company.rows.get_mut(person).unwrap();
                match dice.below(2) {
                    0 => row.is_listed = false,
                    _ => row.is_ended = true,
                }
            }
            company.file();
        }
        3 => {
            for person in some {
                company.rows.get_mut(person).unwrap().is_listed = false;
            }
            company.events(some);
        }
        4 | 5 => {
            // Midnight after a day to come, as a file can say it.
            let day = company.time.as_second().div_euclid(86_400) + 1;
            for person in some {
                let more = i64::try_from(dice.below(12)).unwrap();
                let end = Timestamp::from_second((day + more) * 86_400).unwrap();
                company.rows.get_mut(person).unwrap().ends_at = Some(end);
            }
            if dice.below(2) == 0 {
                company.file();
            } else {
                company.events(some);
            }
        }
        6 => {
            // The file of before, or some of it.
            for person in some {
                let row = company.rows.get_mut(person).unwrap();
                (row.is_listed, row.is_ended, row.ends_at) = (true, false, None);
            }
            company.file();
        }
        7 => company.time += dice.hours(0, 40),
        _ => {
            company.skew = match dice.below(4) {
                // Further ahead than any pause: that is seen.
                0 => dice.hours(24 * 15, 24 * 800),
                1 => -dice.hours(1, 24 * 30),
                _ => SignedDuration::ZERO,
            };
        }
    }
}

#[test]
fn f22_however_a_mass_change_is_split_no_more_lose_access_than_the_budget_says() {
    let number = |name: &str| {
        let text = std::env::vars().find(|(variable, _)| variable == name);
        text.and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let first = number("MUSTER_SEED").unwrap_or(1);
    let seeds = number("MUSTER_SEEDS").unwrap_or(12);
    let (mut lost, mut held) = (0, 0);
    for seed in first..first + seeds {
        // However it is recorded: at once, or some people at a time.
        let company = split(seed, |size| match seed % 4 {
            0 => size * 10,
            parts => 1 + size / (2 * parts),
        });
        lost += company.losses.len();
        held += company.held;
    }
    // Neither is everything held, nor nothing.
    assert!(
        seeds < 10 || (lost > 0 && held > 0),
        "{lost} lost, {held} held"
    );
}

#[test]
fn a_plan_in_parts_does_what_one_made_at_once_does() {
    for seed in 101..106 {
        let at_once = split(seed, |size| size * 10);
        for people in [1, 7] {
            let in_parts = split(seed, |_| people);
            assert_eq!(at_once.on(), in_parts.on(), "seed {seed}, {people}");
            assert_eq!(at_once.ends(), in_parts.ends(), "seed {seed}, {people}");
            assert_eq!(at_once.held, in_parts.held, "seed {seed}, {people}");
        }
    }
}

/// An order that opens an account for somebody, for so many hours.
fn opening_for(company: &Company, person: u64, hours: i64) -> Order<'static> {
    let decided = Decided::Opened(Opening {
        gives: Access::Account(crm()),
        from: company.time,
        until: company.time + SignedDuration::from_hours(hours),
        reason: String::new(),
    });
    let person = PersonId {
        feed: hr(),
        key: key(person),
    };
    let by = Operator::new(None, String::new());
    Order::new(Scope::Decided { person, decided }, Cause::Operator(by))
}

#[test]
fn what_was_opened_for_many_ends_for_all_of_them_on_its_day() {
    let mut company = Company::new(40, 1_000);
    let looked = company
        .planning
        .preview(shutting_out(1..=40), &mut |_, _| {});
    let consent = Consent::Approved(looked.unwrap().digest.unwrap());
    company.make("policy", move |maker| {
        maker.make(shutting_out(1..=40), consent)
    });
    for person in 1..=30 {
        let order = opening_for(&company, person, 8);
        company.make("opening", |maker| maker.make(order, Consent::Ordered));
    }
    let on = |company: &Company| company.on().iter().filter(|(_, is_on)| *is_on).count();
    assert_eq!(on(&company), 30);
    let held = company.held;
    company.time += SignedDuration::from_hours(9);
    company.dates();
    assert_eq!(
        (on(&company), company.held),
        (0, held),
        "nobody is left out"
    );
    let report = check(&company.ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// Plans that shut these people out of the app.
fn shutting_out(people: std::ops::RangeInclusive<u64>) -> Order<'static> {
    let without = Arc::new(policy(&people.collect()));
    Order::new(Scope::Everybody, Cause::Policy).proposing(Proposal::Policy(without))
}
