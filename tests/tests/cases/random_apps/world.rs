//! One seed: its company, its app and its course, from the first file to the verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use muster_tests::app::App;
use muster_tests::company::{Company, Compiled, GROUPS, NO_BUDGETS, POLICY, feed, target};
use muster_tests::daemon::Daemon;
use muster_tests::random::Random;
use muster_tests::{hook, look_for};
use serde_json::{Value, json};

use super::conduct::Conduct;
use super::staff::Staff;
use super::verdict;

/// Nothing is held: how much goes at once is another property.
const NO_LIMITS: &str = r#"
[feed.hr.hook]
secrets = [{ file = "secrets/hook" }]

[feed.hr.guard]
leavers_percent_max = 100
leavers_floor = 1000000
leavers_max = 1000000
rehires_percent_max = 100
rehires_floor = 1000000
joiners_percent_max = 100
joiners_floor = 1000000
movers_percent_max = 100
movers_floor = 1000000
updates_percent_max = 100
updates_floor = 1000000
"#;

const LIMITS: &str =
    r#"limits = { removals_percent_max = 100, removals_floor = 1000000, compare_every = "1s" }"#;

/// Accounts at the app that are nobody's.
const UNMANAGED: [&str; 5] = [
    "root@corp.example",
    "backup@corp.example",
    "former@corp.example",
    "kiosk@corp.example",
    "p3@other.example",
];

/// Findings about the app that are over once it behaves, or once somebody answered.
const ASKED_OF_APPS: [&str; 6] = [
    "TGT-010", "TGT-011", "TGT-013", "TGT-020", "TGT-021", "TGT-023",
];

/// How long everything may take after the app behaves again.
const SETTLES_WITHIN: Duration = Duration::from_secs(45);

/// How long the misbehaviour of a turn may have its way before the next turn.
const TURN: Duration = Duration::from_millis(400);

/// How often the operator looks and has everything tried again.
const OPERATOR_EVERY: Duration = Duration::from_millis(500);

/// One seed on its way.
pub(super) struct Run<'r> {
    app: &'r App,
    company: &'r Company,
    daemon: Option<Daemon<'r>>,
    random: Random,
    staff: Staff,
    conduct: Conduct,
    /// The accounts that are nobody's, as they were before.
    unmanaged: BTreeMap<String, Value>,
    /// What the operator did, and how often.
    answers: BTreeMap<String, u32>,
    delivered: u32,
    was_killed: bool,
}

fn app() -> App {
    let app = App::start(&[]);
    let user = |name: &str, is_active: bool, address: &str| {
        json!({ "userName": name, "active": is_active,
            "emails": [{ "value": address, "type": "work" }] })
    };
    let users = [
        user("root@corp.example", true, "boss@corp.example"),
        // The address is that of somebody whom HR knows, and so is the name of the last one, nearly.
        user("backup@corp.example", true, "p2@corp.example"),
        user("former@corp.example", false, "former@corp.example"),
        user("kiosk@corp.example", true, "kiosk@corp.example"),
        user("p3@other.example", true, "p3@other.example"),
    ];
    let members: [&[&str]; 3] = [
        &["root@corp.example", "former@corp.example"],
        &["root@corp.example", "backup@corp.example"],
        &["root@corp.example", "p3@other.example"],
    ];
    let groups = GROUPS.iter().zip(members);
    let groups = groups.map(|(name, members)| json!({ "displayName": name, "members": members }));
    let seed = json!({ "users": users, "groups": groups.collect::<Vec<_>>() });
    app.service.seed(&seed).expect("a seed that SCIM takes");
    app
}

/// The plugin as one daemon has compiled it: five hundred companies need not do that again.
fn compiled() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let app = App::start(&GROUPS);
        let company = Company::new(&app);
        assert!(Daemon::start(&company).stop());
        company.compiled()
    })
}

fn company(app: &App) -> Company {
    let tables = [
        &feed(""),
        NO_LIMITS,
        NO_BUDGETS,
        &target("crm", app, LIMITS),
    ]
    .concat();
    let company = Company::configured(&tables, POLICY);
    company.write("secrets/hook", &hook::written(hook::SECRET));
    company.allow("secrets/hook", 0o600);
    company.warm(compiled());
    company
}

impl Run<'_> {
    /// Runs a seed, and tells what it was about.
    pub(super) fn of(seed: u64) -> String {
        let app = app();
        let company = company(&app);
        let mut random = Random::new(seed);
        let staff = Staff::of(&mut random);
        let conduct = Conduct::of(&mut random);
        let mut run = Run {
            app: &app,
            company: &company,
            daemon: Some(Daemon::start(&company)),
            random,
            staff,
            conduct,
            unmanaged: verdict::unmanaged(&app, &UNMANAGED),
            answers: BTreeMap::new(),
            delivered: 0,
            was_killed: false,
        };
        run.course();
        Conduct::ends(&app);
        let took = run.settle(seed);
        run.daemon().check_ledger();
        run.told(took)
    }

    fn daemon(&self) -> &Daemon<'_> {
        self.daemon.as_ref().expect("a daemon")
    }

    fn told(&self, took: Duration) -> String {
        let mut told = format!(
            "{:?}, {} people, {} turns, settled in {:.1} s",
            self.conduct.kinds,
            self.staff.here.len() + self.staff.gone.len(),
            self.delivered,
            took.as_secs_f32()
        );
        let lost: usize = self
            .unmanaged
            .iter()
            .map(|(name, before)| verdict::now(self.app, name, before).1)
            .sum();
        if lost > 0 {
            write!(
                told,
                ", {lost} members that are nobody's thrown out by the app unseen"
            )
            .expect("a string takes everything");
        }
        if !self.answers.is_empty() {
            write!(told, ", operator: {:?}", self.answers).expect("a string takes everything");
        }
        told
    }

    /// Files and events while the app misbehaves.
    fn course(&mut self) {
        self.conduct.begins(self.app);
        let is_well_at_first = self.random.percent(60);
        if !is_well_at_first {
            let names = self.staff.names();
            self.conduct.turn(self.app, &mut self.random, &names);
        }
        self.file();
        if is_well_at_first {
            self.daemon().wait_until_idle();
        }
        for _ in 0..3 + self.random.below(5) {
            let names = self.staff.names();
            self.conduct.turn(self.app, &mut self.random, &names);
            if self.random.percent(55) {
                for _ in 0..=self.random.below(4) {
                    self.staff.change(&mut self.random);
                }
                self.file();
            } else {
                for _ in 0..=self.random.below(3) {
                    self.event();
                }
            }
            self.let_it_work();
            if self.random.percent(12) {
                self.restart();
            }
        }
    }

    fn file(&mut self) {
        self.delivered += 1;
        let name = format!("staff-{}.csv", self.delivered);
        self.company.drop_file(&name, self.staff.file());
        let report = self.company.wait_for_report(&name);
        assert_eq!(report.place, "processed", "{}", report.text);
    }

    fn event(&mut self) {
        self.delivered += 1;
        let key = self.staff.change(&mut self.random);
        let id = format!("event-{}", self.delivered);
        let answer = hook::event(self.daemon(), &id, &self.staff.event(&key));
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    /// Goes on once the app was asked for a while, or was not asked any more.
    fn let_it_work(&mut self) {
        let asked = || self.app.admin("GET", "/_log", &Value::Null)["count"].as_u64();
        let before = asked().unwrap_or(0);
        let some = self.random.below(80);
        look_for(TURN, || (asked()? >= before + some).then_some(()));
    }

    fn restart(&mut self) {
        let daemon = self.daemon.take().expect("a daemon");
        if self.random.percent(60) {
            daemon.kill();
            self.was_killed = true;
        } else {
            assert!(daemon.stop());
        }
        self.daemon = Some(Daemon::start(self.company));
    }

    /// Does what an operator does until nothing is open and everything is as it should be.
    fn settle(&mut self, seed: u64) -> Duration {
        let begun = Instant::now();
        let mut looked = begun;
        loop {
            let open = self.open();
            let wrong = if open.is_empty() { self.wrong() } else { open };
            if wrong.is_empty() {
                return begun.elapsed();
            }
            if begun.elapsed() > SETTLES_WITHIN {
                let story = self.story(&wrong);
                panic!("seed {seed}, {:?}: {wrong:#?}\n{story}", self.conduct.kinds);
            }
            self.operate();
            look_for(OPERATOR_EVERY, || {
                (looked.elapsed() >= OPERATOR_EVERY).then_some(())
            });
            looked = Instant::now();
        }
    }

    /// Whether members that the app itself threw out may be out for good. Muster only ever added one; whom that
    /// threw out is known from the answer and the list, and to nobody where these did not come or the daemon was
    /// killed before it had them.
    fn hides_losses(&self) -> bool {
        self.conduct.loses_members_unseen() || (self.was_killed && self.conduct.replaces())
    }

    fn items(&self, arguments: &[&str]) -> Vec<Value> {
        let listed = self.daemon().json(arguments);
        let items = listed["items"].as_array().or(listed.as_array());
        items.cloned().unwrap_or_default()
    }

    /// What is still to be done or answered.
    fn open(&self) -> Vec<String> {
        let status = self.daemon().json(&["status"]);
        let operations = status["operations"].as_object().cloned();
        let mut open: Vec<String> = operations
            .unwrap_or_default()
            .iter()
            .filter(|(_, count)| **count != json!(0))
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        if status["held"] != json!([]) {
            open.push(format!("held: {}", status["held"]));
        }
        if open.is_empty() {
            let findings = self.items(&["findings", "--all"]);
            let is_open = |code: &str| code.starts_with("OP-") || ASKED_OF_APPS.contains(&code);
            let said = |finding: &Value| {
                let code = finding["code"].as_str().unwrap_or_default();
                is_open(code).then(|| format!("{code} {}", finding["text"]))
            };
            open.extend(findings.iter().filter_map(said));
        }
        open
    }

    /// What is not as it should be.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = verdict::unwished(self.app, &self.staff);
        let accounts = self.items(&["accounts", "--all"]);
        wrong.extend(verdict::untrue(self.app, &accounts, UNMANAGED.len()));
        for (name, before) in &self.unmanaged {
            let (now, lost) = verdict::now(self.app, name, before);
            if lost > 0 && now == *before && self.hides_losses() {
                continue;
            }
            if lost > 0 || now != *before {
                wrong.push(format!("{name} was touched: {before} is {now}"));
            }
        }
        wrong
    }

    /// What the guide tells an operator to do.
    fn operate(&mut self) {
        let open = self.items(&["operations", "--all"]);
        if !open.is_empty() {
            self.daemon()
                .json(&["operations", "retry", "--target", "crm"]);
            let halted = open.iter().filter(|one| one["state"] == json!("halted"));
            let halted = u32::try_from(halted.count()).unwrap_or(u32::MAX);
            if halted > 0 {
                self.count("retried what waited for a person", halted);
            }
        }
        for finding in self.items(&["findings", "--code", "OP-001"]) {
            self.make_room(&finding);
        }
        for account in self.items(&["accounts", "--all"]) {
            let (Some(person), Some(drift)) =
                (account["person"].as_str(), account["drift"].as_str())
            else {
                continue;
            };
            let done = self
                .daemon()
                .cli(&["accounts", "restore", person, "--target", "crm"]);
            if done.code == 0 {
                self.count(&format!("restored what was {drift}"), 1);
            }
        }
    }

    /// Deletes an account at the app that keeps a person from getting theirs, as the finding says, where it is plainly
    /// one of the person's: an earlier attempt made it, and the app denied for long that it was there.
    fn make_room(&mut self, finding: &Value) {
        let said = finding.to_string();
        if !said.contains("holds the same key already") {
            return;
        }
        let users = self.app.state()["users"].as_array().cloned();
        let held = users.unwrap_or_default().into_iter().find(|user| {
            let id = user["id"].as_str().unwrap_or_default();
            let key = user["externalId"].as_str().unwrap_or("nobody");
            said.contains(id) && said.contains(&format!("hr:{key} at crm"))
        });
        if let Some(name) = held.as_ref().and_then(|user| user["userName"].as_str()) {
            self.app.by_hand(name, "delete");
            self.count("deleted what an attempt had made", 1);
        }
    }

    fn count(&mut self, what: &str, by: u32) {
        *self.answers.entry(what.to_owned()).or_default() += by;
    }

    /// What happened to those about whom something is wrong, for whoever looks for the cause.
    fn story(&self, wrong: &[String]) -> String {
        let mut story = String::new();
        for (command, what) in [("operations", "--all"), ("findings", "--all")] {
            story += &self.daemon().cli(&[command, what]).out;
        }
        let keys = self.staff.here.keys().chain(self.staff.gone.keys());
        for key in keys {
            let is_meant = |text: &String| {
                let mut words = text.split(|char: char| !char.is_ascii_alphanumeric());
                words.any(|word| word == key)
            };
            if wrong.iter().any(is_meant) {
                let person = format!("hr:{key}");
                let history = self.daemon().cli(&["history", &person]).out;
                write!(story, "--- {person}\n{history}").expect("a string takes everything");
            }
        }
        let log = self.app.admin("GET", "/_log", &Value::Null);
        for request in log["last"].as_array().into_iter().flatten() {
            if request["method"] != json!("GET") {
                writeln!(story, "{request}").expect("a string takes everything");
            }
        }
        story
    }
}
