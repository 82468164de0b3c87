//! A company in memory: what HR says, the people that the ledger would know, and the apps. It plans
//! and drives as the daemon does, one transaction after the other, and checks on the way what must
//! hold at every moment.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::budget::Effect;
use muster_core::connector::{AccountState, Change as Call, Problem, Read};
use muster_core::dated::{self, Dated, Silence};
use muster_core::delta::Described;
use muster_core::fact::PersonPlanned;
use muster_core::finding::Finding;
use muster_core::id::{OperationId, PersonId, PlanId, PolicyVersion, RoleName, TargetName};
use muster_core::identity::{Employment, Identity, Phase, Status, Value, ValueType};
use muster_core::observe::{self, ReadBack, Whereabouts};
use muster_core::operation::{
    Action, Event, Observation, Operation, RetryPolicy, State, Step, Transition, decide,
    retried_by_hand,
};
use muster_core::person::{Account, Person, Turn, Turns};
use muster_core::plan::{Catalogue, FindAccount, Planned, Planner, Targets};
use muster_core::policy::{
    Adopt, Evaluator, LeaverRules, LintSource, Policy, PolicySource, Prehire, RoleSource,
    TargetRules,
};
use muster_core::standing::Decided;

use crate::app::App;

/// How long a drive waits for something to become due before it counts as idle.
const PATIENCE: Duration = Duration::from_hours(2);

/// More steps than any scenario needs: a drive that takes more goes round in circles.
const STEPS_MAX: u32 = 20_000;

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) source: PolicySource,
    pub(crate) apps: BTreeMap<TargetName, App>,
    pub(crate) targets: Targets,
    pub(crate) people: BTreeMap<PersonId, Person>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) log: Vec<String>,
    pub(crate) last: Vec<PersonPlanned>,
    pub(crate) retry: RetryPolicy,
    plans: u64,
    policies: u32,
    out: BTreeMap<(PersonId, TargetName), Out>,
    operations: BTreeMap<OperationId, (PersonId, Action)>,
    attempts: BTreeMap<OperationId, u32>,
    /// What was decided about whom beside the policy, and when; `None`: they were planned for as somebody who left.
    pub(crate) decisions: Vec<(PersonId, Timestamp, Option<Decided>)>,
}

/// A step that was begun.
struct Out {
    operation: Operation,
    account: Account,
    step: Step,
    /// What came back, where the app was reached at once. Otherwise it is reached at the end.
    event: Option<Event>,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn person(key: &str) -> PersonId {
    PersonId::parse(&format!("hr:{key}")).unwrap()
}

pub(crate) fn target(name: &str) -> TargetName {
    TargetName::new(name).unwrap()
}

pub(crate) fn role(name: &str, when: &str, target: &str, access: &[&str]) -> RoleSource {
    let access = access.iter().map(|name| (*name).to_owned()).collect();
    RoleSource {
        name: RoleName::new(name).unwrap(),
        description: String::new(),
        when: when.to_owned(),
        access: [(self::target(target), access)].into(),
    }
}

/// A row of the HR file: `department=Sales`; `status`, `starts` and `ends` are the employment, and it holds `from` an
/// instant on.
pub(crate) fn row(fields: &[(&str, &str)]) -> Identity {
    let mut employment = Employment {
        status: Status::Active,
        starts_at: None,
        ends_at: None,
    };
    let mut since = None;
    let mut attributes = BTreeMap::new();
    for (name, value) in fields {
        match *name {
            "starts" => employment.starts_at = Some(at(value)),
            "ends" => employment.ends_at = Some(at(value)),
            "from" => since = Some(at(value)),
            "status" => {
                employment.status = match *value {
                    "ended" => Status::Ended,
                    "leave" => Status::Leave,
                    _ => Status::Active,
                }
            }
            name => drop(attributes.insert(name.to_owned(), value_of(value))),
        }
    }
    Identity {
        attributes,
        employment,
        dated: Dated {
            since,
            announced: Vec::new(),
        },
    }
}

fn value_of(text: &str) -> Value {
    if text.is_empty() {
        Value::Empty
    } else {
        Value::Text(text.to_owned())
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: at("2026-03-01T09:00:00Z"),
            source: PolicySource {
                version: PolicyVersion::new("v0"),
                attributes: ["department", "title", "email", "manager", "grade"]
                    .map(|name| (name.to_owned(), Some(ValueType::Text)))
                    .into(),
                roles: Vec::new(),
                targets: BTreeMap::new(),
                lint: LintSource::default(),
            },
            apps: BTreeMap::new(),
            targets: Targets::default(),
            people: BTreeMap::new(),
            findings: Vec::new(),
            log: Vec::new(),
            last: Vec::new(),
            retry: RetryPolicy::default(),
            plans: 0,
            policies: 0,
            out: BTreeMap::new(),
            operations: BTreeMap::new(),
            attempts: BTreeMap::new(),
            decisions: Vec::new(),
        }
    }

    /// Connects an app with these groups: each has its name as title, and `g-` before it as id.
    pub(crate) fn connect(&mut self, name: &str, groups: &[&str]) -> &mut App {
        let rules = TargetRules {
            keys: vec![("externalId".to_owned(), "key".to_owned())],
            attributes: [("userName", "email"), ("title", "title")]
                .map(|(name, source)| (name.to_owned(), source.to_owned()))
                .into(),
            adopt: Adopt::Never,
            leaver: LeaverRules::default(),
            prehire: Prehire::Nothing,
        };
        self.source.targets.insert(target(name), rules);
        let mut app = App::default();
        for group in groups {
            app.groups.insert(format!("g-{group}"), (*group).to_owned());
        }
        self.apps.insert(target(name), app);
        self.read_catalogues();
        self.apps.get_mut(&target(name)).unwrap()
    }

    pub(crate) fn rules(&mut self, name: &str) -> &mut TargetRules {
        self.source.targets.get_mut(&target(name)).unwrap()
    }

    pub(crate) fn app(&mut self, name: &str) -> &mut App {
        self.apps.get_mut(&target(name)).unwrap()
    }

    pub(crate) fn read_catalogues(&mut self) {
        for (target, app) in &self.apps {
            let catalogue = Catalogue::new(&app.entitlements());
            self.targets.catalogues.insert(target.clone(), catalogue);
        }
    }

    /// A complete HR file.
    pub(crate) fn hr(&mut self, rows: &[(&str, Identity)]) {
        let mut described: BTreeMap<PersonId, Described> = BTreeMap::new();
        for id in self.people.keys() {
            described.insert(id.clone(), Described::Absent);
        }
        described.extend(self.lines(rows, true));
        self.plan(&described, "file hr.csv");
    }

    /// An HR file that says only what changed.
    pub(crate) fn changes(&mut self, rows: &[(&str, Identity)]) {
        let described = self.lines(rows, false);
        self.plan(&described, "file changes.csv");
    }

    fn lines(&self, rows: &[(&str, Identity)], withdraws: bool) -> BTreeMap<PersonId, Described> {
        let mut lines: BTreeMap<PersonId, Vec<Identity>> = BTreeMap::new();
        for (key, identity) in rows {
            lines.entry(person(key)).or_default().push(identity.clone());
        }
        let missing = BTreeSet::new();
        let silence = Silence {
            missing: &missing,
            withdraws,
        };
        let lines = lines.into_iter().map(|(id, statements)| {
            let line = Identity::line(statements).unwrap();
            let person = self.people.get(&id);
            let known = person.and_then(|person| person.known_by(&id));
            let identity = dated::taken(line, known, silence, self.now);
            let row = None;
            (id, Described::Row { identity, row })
        });
        lines.collect()
    }

    /// Another policy, or another catalogue.
    pub(crate) fn replan(&mut self) {
        self.policies += 1;
        self.source.version = PolicyVersion::new(&format!("v{}", self.policies));
        let ids = self.people.keys().cloned();
        let described = ids.map(|id| (id, Described::AsBefore)).collect();
        self.plan(&described, "policy");
    }

    /// Somebody decides what a person has, beside the policy.
    pub(crate) fn decide(&mut self, key: &str, decided: Decided) {
        let id = person(key);
        let Some(known) = self.people.get_mut(&id) else {
            self.log.push("nobody is there".to_owned());
            return;
        };
        if let Err(refused) = known.standing.check(&decided, known.phase, self.now) {
            self.log.push(format!("refused: {refused}"));
            return;
        }
        assert!(known.stands(&decided, 1, self.now));
        self.decisions.push((id.clone(), self.now, Some(decided)));
        self.plan(&[(id, Described::AsBefore)].into(), "order");
    }

    fn plan(&mut self, described: &BTreeMap<PersonId, Described>, because: &str) {
        let policy = Policy::compile(self.source.clone()).unwrap();
        let id = PlanId(self.plans + 1);
        let (planned, findings) = self.ask(&policy, id, described, because);
        let again = self.ask(&policy, id, described, because);
        assert_eq!(
            (&planned, &findings),
            (&again.0, &again.1),
            "not the same twice"
        );
        self.findings.extend(findings);
        self.last.clone_from(&planned);
        if planned.is_empty() {
            self.log.push("plan: nothing".to_owned());
            return;
        }
        self.plans += 1;
        for planned in planned {
            self.check_owned(&planned);
            if planned.phase == Phase::Ended {
                self.decisions
                    .push((planned.person.clone(), self.now, None));
            }
            let before = self.people.remove(&planned.person);
            let after = Person::planned(before, &planned, Effect::unasked(self.now)).unwrap();
            self.log.push(describe(&planned, &after));
            for (operation, _) in operations(&after) {
                let known = (after.id.clone(), operation.action.clone());
                let entry = self.operations.entry(operation.id);
                assert_eq!(
                    *entry.or_insert(known.clone()),
                    known,
                    "an id stands for two operations"
                );
            }
            self.people.insert(planned.person.clone(), after);
        }
        let settled = described.keys().filter(|id| self.people.contains_key(id));
        let settled = settled
            .cloned()
            .map(|id| (id, Described::AsBefore))
            .collect();
        let (planned, _) = self.ask(&policy, PlanId(self.plans + 1), &settled, because);
        assert_eq!(
            planned,
            [],
            "planning again right after planned something: {}\n{:#?}",
            self.tail(),
            self.people
        );
    }

    fn ask(
        &self,
        policy: &Policy,
        id: PlanId,
        described: &BTreeMap<PersonId, Described>,
        because: &str,
    ) -> (Vec<PersonPlanned>, Vec<Finding>) {
        let mut planner =
            Planner::new(Evaluator::new(policy), &self.targets, id, self.now, because);
        let mut parts = Vec::new();
        let mut findings = Vec::new();
        for (person, described) in described {
            let find: FindAccount<'_, Infallible> = &|id, target| {
                let account = self
                    .people
                    .get(id)
                    .and_then(|person| person.accounts.get(target));
                let there = account.filter(|account| account.exists());
                Ok(there.and_then(|account| account.object.clone()))
            };
            let before = self.people.get(person);
            let Ok(answer) = planner.person(person, before, described.clone(), find);
            match answer {
                Planned::Same => {}
                Planned::Part(part) => parts.push(*part),
                Planned::Refused(finding) => findings.push(finding),
            }
        }
        findings.extend(planner.into_findings());
        (parts, findings)
    }

    /// F4: nothing is taken away that the ledger does not own.
    fn check_owned(&self, planned: &PersonPlanned) {
        let before = self.people.get(&planned.person);
        for (target, account) in &planned.accounts {
            let owned = before.and_then(|person| person.accounts.get(target));
            for operation in &account.operations {
                if let Action::EnsureRevoked(key) = &operation.action {
                    assert!(
                        owned.unwrap().grants.contains_key(key),
                        "{key:?} is not owned"
                    );
                }
            }
        }
    }

    /// The accounts with something to do now and no step begun, most urgent first.
    pub(crate) fn ready(&self) -> Vec<(PersonId, TargetName)> {
        let mut ready = Vec::new();
        for (id, person) in &self.people {
            for (target, account) in &person.accounts {
                let place = (id.clone(), target.clone());
                if let Turn::Act(operation, _) = account.turn(self.now)
                    && !self.out.contains_key(&place)
                {
                    ready.push((operation.urgency, place));
                }
                check_turns(account, self.now);
            }
        }
        ready.sort();
        ready.into_iter().map(|(_, place)| place).collect()
    }

    /// The places where a step was begun.
    pub(crate) fn begun(&self) -> Vec<(PersonId, TargetName)> {
        self.out.keys().cloned().collect()
    }

    /// Begins the step that an account is ready for. `reaches` says whether the app is reached now
    /// or when the step ends.
    pub(crate) fn begin(&mut self, place: &(PersonId, TargetName), reaches: bool) {
        let (id, target) = place;
        let account = self.people[id].accounts[target].clone();
        let Turn::Act(operation, step) = account.turn(self.now) else {
            return;
        };
        let mut operation = operation.clone();
        if let Step::Send(attempt) = step {
            let before = self.attempts.insert(operation.id, attempt);
            assert_eq!(attempt, before.unwrap_or(0) + 1, "an attempt was left out");
            let change = Transition::Dispatched { attempt };
            self.change(place, operation.id, &change);
            let since = self.now;
            operation.state = State::InFlight { attempt, since };
        }
        let mut out = Out {
            operation,
            account,
            step,
            event: None,
        };
        if reaches {
            out.event = Some(self.act(target, &out));
        }
        let none = self.out.insert(place.clone(), out);
        assert!(none.is_none(), "two steps for one account");
    }

    /// Ends a step: what came back is judged and recorded.
    pub(crate) fn end(&mut self, place: &(PersonId, TargetName)) {
        let Some(mut out) = self.out.remove(place) else {
            return;
        };
        let event = match out.event.take() {
            Some(event) => event,
            None => self.act(&place.1, &out),
        };
        let change = decide(&out.operation, event, self.now, &self.retry);
        self.change(place, out.operation.id, &change);
    }

    /// The daemon stops and starts again. What was begun and had not reached the app never does.
    pub(crate) fn restart(&mut self) {
        for ((_, target), out) in std::mem::take(&mut self.out) {
            if let Some(Event::Replied(Ok(answer)) | Event::Created(answer)) = out.event {
                self.apps.get_mut(&target).unwrap().lost(&answer);
            }
        }
        self.log.push("restart".to_owned());
        let mut cut = Vec::new();
        for (id, person) in &self.people {
            for (target, account) in &person.accounts {
                let operations = account.operations.iter();
                let out = operations.filter(|one| matches!(one.state, State::InFlight { .. }));
                cut.extend(out.map(|one| ((id.clone(), target.clone()), one.clone())));
            }
        }
        for (place, operation) in cut {
            let event = Event::Interrupted("the daemon stopped".to_owned());
            let change = decide(&operation, event, self.now, &self.retry);
            self.change(&place, operation.id, &change);
        }
    }

    fn act(&mut self, target: &TargetName, out: &Out) -> Event {
        let heir = self.heir(&out.operation.action, target);
        let app = self.apps.get_mut(target).unwrap();
        let action = &out.operation.action;
        let call = match (&out.step, &out.operation.state) {
            (Step::Send(_), _) => observe::call(action, &out.account, heir.as_ref()),
            (_, State::Pending { handle, .. }) => Some(Call::Poll(handle.clone())),
            (_, _) => {
                let Some(question) = observe::question(action, &out.account) else {
                    return Event::Observed(Observation::CannotTell);
                };
                let read_back = app.read(&question);
                if is_missing(&question, &read_back) && out.account.exists() && !app.is_elsewhere {
                    return Event::Observed(missing(app, &question, out));
                }
                let seen = observe::judge(action, read_back);
                // The connector's probe shows whether it is the right app.
                return Event::Observed(match seen {
                    Observation::Absent if !app.is_elsewhere && action.is_removal() => {
                        observe::proven_absent(&question, &out.account)
                    }
                    seen => seen,
                });
            }
        };
        let Some(call) = call else {
            return Event::Replied(Err(observe::missing(action, &out.account)));
        };
        let reply = app.change(&call);
        app.check();
        match reply {
            Some(Ok(outcome)) if makes(action) && !out.account.exists() => Event::Created(outcome),
            Some(reply) => Event::Replied(reply),
            None => Event::Interrupted("the daemon stopped".to_owned()),
        }
    }

    fn heir(
        &self,
        action: &Action,
        target: &TargetName,
    ) -> Option<muster_core::connector::ObjectRef> {
        let Action::TransferOwned(heir) = action else {
            return None;
        };
        let account = self.people.get(heir)?.accounts.get(target)?;
        account.object.clone().filter(|_| account.exists())
    }

    fn change(&mut self, place: &(PersonId, TargetName), id: OperationId, change: &Transition) {
        let person = self.people.get_mut(&place.0).unwrap();
        let action = &self.operations[&id].1;
        let name = format!("{} {} {}", place.0.key, place.1, short(action));
        let is_known = person.changed(&place.1, id, change, self.now);
        if let Some(what) = happened(change) {
            let note = if is_known { "" } else { " (superseded)" };
            self.log.push(format!("{name}: {what}{note}"));
        }
    }

    /// Somebody asks for another attempt at everything that waits for a person.
    pub(crate) fn retry(&mut self) {
        let mut halted = Vec::new();
        for (id, person) in &self.people {
            for (operation, target) in operations(person) {
                if matches!(operation.state, State::Halted { .. }) {
                    let change = retried_by_hand(operation, self.now).unwrap();
                    halted.push(((id.clone(), target.clone()), operation.id, change));
                }
            }
        }
        for (place, id, change) in halted {
            self.change(&place, id, &change);
        }
    }

    /// Plans for everybody whose date has come.
    pub(crate) fn wake(&mut self) -> bool {
        let due = self.people.iter();
        let due = due.filter(|(_, person)| person.wake_at.is_some_and(|at| at <= self.now));
        let described: BTreeMap<PersonId, Described> = due
            .map(|(id, _)| (id.clone(), Described::AsBefore))
            .collect();
        let is_due = !described.is_empty();
        if is_due {
            self.plan(&described, "date");
        }
        is_due && !self.last.is_empty()
    }

    /// Takes every step that can be taken, waiting where that helps, until nothing is left to do.
    pub(crate) fn drive(&mut self) {
        let patience = muster_core::operation::later(self.now, PATIENCE);
        for _ in 0..STEPS_MAX {
            if let Some(place) = self.ready().first().cloned() {
                self.begin(&place, true);
                self.end(&place);
            } else if let Some(place) = self.begun().first().cloned() {
                self.end(&place);
            } else if !self.wake() {
                match self.next_wait().filter(|at| *at <= patience) {
                    Some(at) => self.now = self.now.max(at),
                    None => return,
                }
            }
        }
        panic!("it does not come to rest:\n{}", self.tail());
    }

    fn tail(&self) -> String {
        let from = self.log.len().saturating_sub(60);
        self.log[from..].join("\n")
    }

    fn next_wait(&self) -> Option<Timestamp> {
        let accounts = self
            .people
            .values()
            .flat_map(|person| person.accounts.values());
        let waits = accounts.filter_map(|account| match account.turn(self.now) {
            Turn::WaitUntil(at, _) => Some(at),
            Turn::Act(..) | Turn::Busy | Turn::Idle => None,
        });
        waits.min()
    }

    /// Lets time pass until an instant, with everything that falls due on the way.
    pub(crate) fn pass(&mut self, until: Timestamp) {
        loop {
            self.drive();
            let dates = self.people.values().filter_map(|person| person.wake_at);
            let next = dates
                .chain(self.next_wait())
                .filter(|at| *at > self.now)
                .min();
            match next.filter(|at| *at <= until) {
                Some(at) => self.now = at,
                None => break,
            }
        }
        self.now = self.now.max(until);
        self.drive();
    }

    pub(crate) fn account(&self, key: &str, name: &str) -> &Account {
        &self.people[&person(key)].accounts[&target(name)]
    }

    /// Whether something of this account waits for a person.
    pub(crate) fn is_halted(&self, id: &PersonId, target: &TargetName) -> bool {
        let account = self.people[id].accounts.get(target);
        account.is_some_and(|account| {
            let mut operations = account.operations.iter();
            operations.any(|operation| matches!(operation.state, State::Halted { .. }))
        })
    }

    /// What differs between what people should have and what the apps hold. Accounts that wait for a
    /// person are left out.
    pub(crate) fn differences(&self) -> Vec<String> {
        let policy = Policy::compile(self.source.clone()).unwrap();
        let mut evaluator = Evaluator::new(&policy);
        let mut differences = Vec::new();
        for (id, person) in &self.people {
            let phase = if person.is_present {
                person.identity.employment.phase(self.now)
            } else {
                Phase::Ended
            };
            let standing = (&person.standing, self.now);
            let desired = evaluator.desired(id, &person.identity, phase, standing);
            let desired = desired.unwrap();
            let wished = self.wished(&policy, (id, person), phase);
            for (target, app) in &self.apps {
                let found = app.of_key(id.key.as_str());
                let name = format!("{} at {target}", id.key);
                if found.len() > 1 {
                    differences.push(format!("{name}: {} accounts", found.len()));
                }
                if self.is_halted(id, target) {
                    continue;
                }
                let Some(Some(wanted)) = wished.get(target) else {
                    let rules = match wished.get(target) {
                        Some(None) => LeaverRules::default(),
                        _ => self.source.targets[target].leaver,
                    };
                    differences.extend(found.iter().filter_map(|held| left(&name, held, rules)));
                    continue;
                };
                let Some(want) = desired.get(target) else {
                    differences.push(format!(
                        "{name}: not decided to have it, by {:?}",
                        person.standing
                    ));
                    continue;
                };
                let titles = wanted.iter().map(String::as_str);
                let ids = app
                    .groups
                    .iter()
                    .map(|(id, title)| (title.as_str(), id.clone()));
                let ids: BTreeMap<&str, String> = ids.collect();
                let wanted: BTreeSet<String> =
                    titles.filter_map(|title| ids.get(title).cloned()).collect();
                match found.first() {
                    None => differences.push(format!("{name}: no account")),
                    Some(held) if held.state.is_usable() != want.is_usable => {
                        differences.push(format!("{name}: {:?}", held.state));
                    }
                    Some(held) if held.attributes != want.attributes => {
                        differences.push(format!("{name}: {:?}", held.attributes));
                    }
                    Some(held) if held.grants != wanted => {
                        differences.push(format!("{name}: {:?}, not {wanted:?}", held.grants));
                    }
                    Some(_) => {}
                }
            }
        }
        differences
    }
}

fn makes(action: &Action) -> bool {
    matches!(action, Action::EnsureAccount(_))
}

fn is_missing(question: &Read, read_back: &Result<ReadBack, Problem>) -> bool {
    matches!(
        (question, read_back),
        (
            Read::Account(_),
            Ok(ReadBack::Account(None)) | Err(Problem::NotFound(_))
        )
    )
}

/// The app does not have the account under its key: it is looked for by what it can be found by.
fn missing(app: &App, question: &Read, out: &Out) -> Observation {
    let (action, account) = (&out.operation.action, &out.account);
    let is_confirmed = !account.keys.is_empty();
    let keys = match action {
        Action::EnsureAccount(spec) if !is_confirmed => &spec.match_keys,
        _ => &account.keys,
    };
    let found = match app.read(&Read::AccountsByKeys(keys.clone())) {
        Ok(ReadBack::Accounts(found)) => found,
        _ => Vec::new(),
    };
    match observe::whereabouts(account, keys, &found) {
        Whereabouts::Moved(seen) => Observation::Moved(seen),
        Whereabouts::Unclear(_) => Observation::Failed(Problem::Stale),
        Whereabouts::Nowhere if !is_confirmed => Observation::Absent,
        Whereabouts::Nowhere if action.is_removal() => observe::proven_absent(question, account),
        Whereabouts::Nowhere => Observation::Gone(account.object.clone().unwrap()),
    }
}

fn left(name: &str, held: &crate::app::Held, rules: LeaverRules) -> Option<String> {
    let is_open = rules.suspend && held.state != AccountState::Suspended;
    let lives = rules.end_sessions && held.sessions > 0;
    let is_keyed = rules.revoke_credentials && held.tokens > 0;
    (is_open || lives || is_keyed || !held.grants.is_empty())
        .then(|| format!("{name}: still {held:?}"))
}

/// The ledger's index and the driver's question have to agree on when there is something to do.
fn check_turns(account: &Account, now: Timestamp) {
    let is_due = match account.turns() {
        Turns::Busy(_) => {
            assert_eq!(account.turn(now), Turn::Busy);
            return;
        }
        Turns::Ready(ready) => ready.iter().any(|(_, at)| *at <= now),
    };
    let acts = matches!(account.turn(now), Turn::Act(..));
    assert_eq!(is_due, acts, "{account:?}");
}

pub(crate) fn operations(person: &Person) -> Vec<(&Operation, &TargetName)> {
    let accounts = person.accounts.iter();
    let each = accounts.flat_map(|(target, account)| {
        account
            .operations
            .iter()
            .map(move |operation| (operation, target))
    });
    each.collect()
}

fn describe(planned: &PersonPlanned, after: &Person) -> String {
    let mut parts = Vec::new();
    for (target, account) in &planned.accounts {
        let operations = account.operations.iter();
        let operations: Vec<String> = operations.map(|one| short(&one.action)).collect();
        let mut text = format!("{target}: {}", operations.join(", "));
        if operations.is_empty() {
            text = format!("{target}: nothing to do");
        }
        if let Some(at) = after
            .accounts
            .get(target)
            .and_then(|account| account.delete_at)
        {
            text = format!("{text} (delete at {at})");
        }
        parts.push(text);
    }
    let mut line = format!(
        "plan {}: {} {}",
        planned.plan,
        planned.person.key,
        planned.kind.as_str()
    );
    if !parts.is_empty() {
        line = format!("{line}: {}", parts.join("; "));
    }
    if let Some(at) = after.wake_at {
        line = format!("{line}; wakes at {at}");
    }
    line
}

pub(crate) fn short(action: &Action) -> String {
    match action {
        Action::EnsureGranted(key) => format!("grant {}", key.id),
        Action::EnsureRevoked(key) => format!("revoke {}", key.id),
        Action::TransferOwned(heir) => format!("transfer to {}", heir.key),
        other => other.verb().to_owned(),
    }
}

/// What a change is worth telling; sending is told from the second attempt on.
fn happened(change: &Transition) -> Option<String> {
    Some(match change {
        Transition::Dispatched { attempt: 1 } => return None,
        Transition::Dispatched { attempt } => format!("attempt {attempt}"),
        Transition::Lost { text, .. } => format!("unknown ({text})"),
        Transition::Deferred { problem, .. } => format!("again later: {}", problem.text()),
        Transition::Retried => "retried".to_owned(),
        Transition::LeftPending { .. } => "pending".to_owned(),
        Transition::Answered { result, .. } => format!("{}, to be verified", result.how.as_str()),
        Transition::Found { .. } => "found, not complete".to_owned(),
        Transition::Completed(result) => result.how.as_str().to_owned(),
        Transition::Halted { problem, .. } => format!("halted: {}", problem_text(problem)),
    })
}

fn problem_text(problem: &Problem) -> String {
    problem.text()
}
