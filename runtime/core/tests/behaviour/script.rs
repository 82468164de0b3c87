//! The language of `tests/scenarios`: one command per line, rows of an HR file indented below `hr`,
//! and below each command, after `>`, what came of it. A text is right when running it gives the
//! same text again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::connector::Problem;
use muster_core::id::RoleName;
use muster_core::person::{Grant, Justification};
use muster_core::policy::{Adopt, EntitlementName, Prehire};
use muster_core::standing::{Access, Barred, Block, BlockId, Decided, Opening, OpeningId};

use crate::app::{App, Fault};
use crate::world::{World, at, operations, person, role, row, short, target};

/// Runs a text and gives it back with what came of each command.
pub(crate) fn run(text: &str) -> String {
    let mut script = Script {
        world: World::new(),
        told: 0,
    };
    let mut output = String::new();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('>')).collect();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        index += 1;
        writeln!(output, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut rows = Vec::new();
        while let Some(row) = lines.get(index).filter(|line| line.starts_with("  ")) {
            writeln!(output, "{row}").unwrap();
            rows.push(row.trim());
            index += 1;
        }
        for told in script.command(line, &rows) {
            writeln!(output, "> {told}").unwrap();
        }
    }
    output
}

struct Script {
    world: World,
    told: usize,
}

impl Script {
    fn command(&mut self, line: &str, rows: &[&str]) -> Vec<String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let before = self.world.log.len();
        let company = &mut self.world;
        match word {
            "target" => connect(company, rest),
            "role" => add_role(company, rest),
            "drop-role" => company
                .source
                .roles
                .retain(|role| role.name.as_str() != rest),
            "hr" | "changes" => {
                let rows: Vec<_> = rows.iter().map(|text| parse_row(text)).collect();
                let rows: Vec<_> = rows.iter().map(|(key, row)| (*key, row.clone())).collect();
                match word {
                    "hr" => company.hr(&rows),
                    _ => company.changes(&rows),
                }
            }
            "replan" => company.replan(),
            "drive" => company.drive(),
            "begin" => match company.ready().first().cloned() {
                Some(place) => company.begin(&place, rest != "late"),
                None => return vec!["nothing to begin".to_owned()],
            },
            "end" => match company.begun().first().cloned() {
                Some(place) => company.end(&place),
                None => return vec!["nothing to end".to_owned()],
            },
            "clock" => {
                company.now = at(rest);
                company.wake();
            }
            "decide" => {
                let (key, what) = rest.split_once(' ').unwrap();
                let decided = parse_decided(company.now, what);
                company.decide(key, decided);
            }
            "restart" => company.restart(),
            "pass" => company.pass(at(rest)),
            "retry" => company.retry(),
            "quietly" => {
                drop(self.command(rest, rows));
                let lines = &self.world.log[before..];
                let ends = [
                    ": done",
                    ": already",
                    ": observed",
                    ": verified",
                    ": adopted",
                ];
                let said = lines
                    .iter()
                    .filter(|line| ends.iter().any(|end| line.ends_with(end)));
                let told: Vec<String> = said.cloned().collect();
                return if told.is_empty() {
                    vec!["nothing was done".to_owned()]
                } else {
                    told
                };
            }
            "app" => change_app(company, rest),
            "show" => return show(company, rest),
            other => panic!("no such command: {other}"),
        }
        let told = self.world.log[self.told..].to_vec();
        self.told = self.world.log.len();
        told
    }
}

fn parse_row(text: &str) -> (&str, muster_core::identity::Identity) {
    let mut words = text.split_whitespace();
    let key = words.next().unwrap();
    let fields: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap()).collect();
    (key, row(&fields))
}

/// `target crm groups=sales,all delete-after=30d prehire adopt transfer`
fn connect(world: &mut World, text: &str) {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap();
    let options: BTreeMap<&str, &str> = words
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .collect();
    let groups: Vec<&str> = options["groups"].split(',').collect();
    world.connect(name, &groups);
    let rules = world.rules(name);
    for (option, value) in options {
        match option {
            "groups" => {}
            "delete-after" => {
                let days: u64 = value.trim_end_matches('d').parse().unwrap();
                rules.leaver.delete_after = Some(Duration::from_hours(24 * days));
            }
            "prehire" => rules.prehire = Prehire::Suspended,
            "transfer" => rules.leaver.transfer_to_manager = true,
            "adopt" => {
                rules.adopt = Adopt::WhenKeysAgree;
                rules.keys.push(("email".to_owned(), "email".to_owned()));
            }
            other => panic!("no such option: {other}"),
        }
    }
}

/// `role sales crm group:sales group:all when department == "Sales"`
fn add_role(world: &mut World, text: &str) {
    let (head, when) = text.split_once(" when ").unwrap();
    let words: Vec<&str> = head.split_whitespace().collect();
    let (name, app, access) = (words[0], words[1], &words[2..]);
    world.source.roles.retain(|role| role.name.as_str() != name);
    world.source.roles.push(role(name, when, app, access));
}

/// `open crm group:sales 8h`, `open role sales 8h from 2h`, `extend 1 to 9h`, `give-back 1`, `block everything`,
/// `block crm group:sales 8h`, `block role sales`, `lift 1`; hours are counted from now.
fn parse_decided(now: Timestamp, text: &str) -> Decided {
    let hours = |text: &str| {
        let hours: u64 = text.trim_end_matches('h').parse().unwrap();
        muster_core::operation::later(now, Duration::from_hours(hours))
    };
    let name = |text: &str| EntitlementName::parse(text).unwrap();
    let role = |text: &str| RoleName::new(text).unwrap();
    let opened = |gives, from, until| {
        Decided::Opened(Opening {
            gives,
            from,
            until,
            reason: "because".to_owned(),
        })
    };
    let blocked = |keeps_away, until| {
        Decided::Blocked(Block {
            keeps_away,
            since: now,
            until,
            reason: "because".to_owned(),
        })
    };
    let opening = |text: &str| OpeningId(text.parse().unwrap());
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["open", "role", of, until] => opened(Access::Role(role(of)), now, hours(until)),
        ["open", app, "account", until] => opened(Access::Account(target(app)), now, hours(until)),
        ["open", app, right, until] => opened(
            Access::Entitlement(target(app), name(right)),
            now,
            hours(until),
        ),
        ["open", app, right, until, "from", from] => opened(
            Access::Entitlement(target(app), name(right)),
            hours(from),
            hours(until),
        ),
        ["extend", id, "to", until] => Decided::Extended {
            opening: opening(id),
            until: hours(until),
        },
        ["give-back", id] => Decided::GivenBack {
            opening: opening(id),
        },
        ["block", "everything"] => blocked(Barred::Everything, None),
        ["block", "role", of] => blocked(Barred::Role(role(of)), None),
        ["block", app, "account"] => blocked(Barred::Target(target(app)), None),
        ["block", app, right] => blocked(Barred::Entitlement(target(app), name(right)), None),
        ["block", app, right, until] => blocked(
            Barred::Entitlement(target(app), name(right)),
            Some(hours(until)),
        ),
        ["lift", id] => Decided::Lifted {
            block: BlockId(id.parse().unwrap()),
        },
        _ => panic!("no such decision: {text}"),
    }
}

/// `app crm fault lost-after`, `app crm elsewhere on`, ...
fn change_app(world: &mut World, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let app = world.app(words[0]);
    match words[1..] {
        ["fault", fault] => app.faults.push_back(parse_fault(fault)),
        ["elsewhere", on] => app.is_elsewhere = on == "on",
        ["terse"] => app.is_terse = true,
        ["invites"] => app.invites = true,
        ["guard", group] => drop(app.guarded.insert(group.to_owned())),
        ["seats", count] => app.seats = Some(count.parse().unwrap()),
        ["rename", id, title] => drop(app.groups.insert(id.to_owned(), title.to_owned())),
        ["lose", id] => drop(app.accounts.remove(id)),
        ["suspend", id] => {
            app.accounts.get_mut(id).unwrap().state =
                muster_core::connector::AccountState::Suspended;
        }
        ["put", id, keys, ref groups @ ..] => {
            let keys: Vec<(&str, &str)> = keys
                .split(',')
                .map(|key| key.split_once('=').unwrap())
                .collect();
            app.put(id, &keys, groups);
        }
        _ => panic!("no such change of an app: {text}"),
    }
    world.read_catalogues();
}

fn parse_fault(word: &str) -> Fault {
    let transient = || Problem::Transient {
        text: "503".to_owned(),
        after_ms: None,
    };
    match word {
        "lost-before" => Fault::LostBefore,
        "lost-after" => Fault::LostAfter,
        "cut-before" => Fault::Cut { arrived: false },
        "cut-after" => Fault::Cut { arrived: true },
        "pending" => Fault::Pending { polls: 2 },
        "transient" => Fault::Refused(transient()),
        "rate-limited" => Fault::Refused(Problem::RateLimited {
            after_ms: Some(5000),
        }),
        "unauthenticated" => Fault::Refused(Problem::Unauthenticated("401".to_owned())),
        "invalid" => Fault::Refused(Problem::Invalid(vec![(
            "title".to_owned(),
            "is too long".to_owned(),
        )])),
        other => panic!("no such fault: {other}"),
    }
}

fn show(world: &World, text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["app", name] => show_app(&world.apps[&target(name)]),
        ["operations"] => world
            .people
            .values()
            .flat_map(|person| operations(person).into_iter().map(move |one| (person, one)))
            .map(|(person, (operation, target))| {
                let (key, action) = (&person.id.key, short(&operation.action));
                format!(
                    "{key} {target} {action}: {}",
                    operation.state.kind().as_str()
                )
            })
            .collect(),
        ["why", key, name] => {
            let account = &world.people[&person(key)].accounts[&target(name)];
            let grants = account.grants.iter();
            grants
                .map(|(key, grant)| format!("{}: {}", key.id, reasons(grant)))
                .collect()
        }
        ["findings"] => {
            let findings = world.findings.iter();
            let mut lines: Vec<String> = findings
                .map(|finding| format!("{} {}: {}", finding.code, finding.subject, finding.text))
                .collect();
            lines.dedup();
            lines
        }
        ["differences"] => world.differences(),
        ["time"] => vec![world.now.to_string()],
        _ => panic!("nothing to show: {text}"),
    }
}

fn reasons(grant: &Grant) -> String {
    let reasons = grant.justifications.iter().map(|reason| match reason {
        Justification::Role { role, policy } => format!("role {role} of {policy}"),
        Justification::Opening(id) => format!("opening {}", id.0),
        Justification::Adoption(id) => format!("adoption {}", id.0),
    });
    let reasons: Vec<String> = reasons.collect();
    let held = if grant.since.is_some() {
        "has"
    } else {
        "will have"
    };
    match reasons.as_slice() {
        [] => "to be taken away".to_owned(),
        reasons => format!("{held}, by {}", reasons.join(" and ")),
    }
}

fn show_app(app: &App) -> Vec<String> {
    let accounts = app.accounts.iter();
    accounts
        .map(|(id, held)| {
            let keys: Vec<&str> = held.keys.iter().map(|(_, value)| value.as_str()).collect();
            let grants: Vec<&str> = held.grants.iter().map(String::as_str).collect();
            let state = held.state.as_str();
            let live = format!("{} sessions, {} tokens", held.sessions, held.tokens);
            format!(
                "{id} ({}) {state}; {}; {live}",
                keys.join(" "),
                grants.join(" ")
            )
        })
        .collect()
}
