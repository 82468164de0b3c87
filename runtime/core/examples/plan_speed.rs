//! How long it takes to plan for people who are all new, who all stay as they are, and who all move:
//! `cargo run --release -p muster-core --example plan_speed [PEOPLE]`.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures time"
)]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Instant;

use jiff::Timestamp;
use muster_core::budget::Effect;
use muster_core::connector::{Entitlement, ObjectRef};
use muster_core::dated::Dated;
use muster_core::delta::Described;
use muster_core::id::{FeedName, PersonId, PersonKey, PlanId, PolicyVersion, RoleName, TargetName};
use muster_core::identity::{Employment, Identity, Status, Value, ValueType};
use muster_core::person::Person;
use muster_core::plan::{Catalogue, FindAccount, Planned, Planner, Targets};
use muster_core::policy::{
    Adopt, Evaluator, LeaverRules, LintSource, Mistake, Policy, PolicySource, Prehire, RoleSource,
    TargetRules,
};

const PEOPLE: u32 = 100_000;
const DEPARTMENTS: [&str; 5] = ["Sales", "Finance", "Legal", "Support", "Engineering"];

fn main() -> anyhow::Result<()> {
    let people = std::env::args().nth(1);
    let people: u32 = people.map_or(Ok(PEOPLE), |text| text.parse())?;
    let (policy, targets) = (policy()?, targets()?);
    let now: Timestamp = "2026-03-01T09:00:00Z".parse()?;
    let mut known: BTreeMap<PersonId, Person> = BTreeMap::new();
    for (name, shift) in [
        ("everybody is new", 0),
        ("nobody changed", 0),
        ("everybody moves", 1),
    ] {
        let rows = rows(people, shift)?;
        let begin = Instant::now();
        let evaluator = Evaluator::new(&policy);
        let mut planner = Planner::new(evaluator, &targets, PlanId(1), now, "file hr.csv");
        let mut parts = Vec::new();
        for (id, identity) in rows {
            let described = Described::Row {
                identity,
                row: None,
            };
            let nobody: FindAccount<'_, Infallible> = &|_, _| Ok(None);
            let answer = planner.person(&id, known.get(&id), described, nobody)?;
            if let Planned::Part(part) = answer {
                parts.push(part);
            }
        }
        let took = begin.elapsed();
        let operations: usize = parts
            .iter()
            .flat_map(|part| part.accounts.values())
            .map(|account| account.operations.len())
            .sum();
        println!("{name}: {people} people, {operations} operations in {took:.0?}");
        for part in parts {
            let before = known.remove(&part.person);
            let after = Person::planned(before, &part, Effect::unasked(now));
            known.extend(after.map(|person| (part.person.clone(), person)));
        }
    }
    Ok(())
}

fn rows(people: u32, shift: usize) -> anyhow::Result<Vec<(PersonId, Identity)>> {
    let feed = FeedName::new("hr")?;
    let mut rows = Vec::new();
    for number in 0..people {
        let department = DEPARTMENTS[(number as usize + shift) % DEPARTMENTS.len()];
        let text = |text: String| Value::Text(text);
        let attributes = [
            ("first_name", text(format!("First{number}"))),
            ("last_name", text(format!("Last{number}"))),
            ("email", text(format!("person{number}@example.com"))),
            ("department", text(department.to_owned())),
            ("title", text(format!("Title {}", number % 40))),
            ("location", text(format!("City {}", number % 12))),
            ("phone", text(format!("+41 44 {number:07}"))),
            ("manager", text((number / 10).to_string())),
        ];
        let identity = Identity {
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            employment: Employment {
                status: Status::Active,
                starts_at: None,
                ends_at: None,
            },
            dated: Dated::default(),
        };
        let key = PersonKey::new(&format!("{number:07}"))?;
        rows.push((
            PersonId {
                feed: feed.clone(),
                key,
            },
            identity,
        ));
    }
    Ok(rows)
}

fn policy() -> anyhow::Result<Policy> {
    let target = TargetName::new("crm")?;
    let mut roles = Vec::new();
    for department in DEPARTMENTS {
        let access = [format!("group:{department}"), "group:Everybody".to_owned()];
        roles.push(RoleSource {
            name: RoleName::new(&department.to_lowercase())?,
            description: String::new(),
            when: format!("department == \"{department}\" && phase == \"active\""),
            access: [(target.clone(), access.into())].into(),
        });
    }
    let attributes = [
        ("userName", "email"),
        ("name.givenName", "first_name"),
        ("name.familyName", "last_name"),
        ("displayName", "first_name + \" \" + last_name"),
        ("title", "title"),
        ("department", "department"),
        ("phone", "phone"),
        ("location", "location == \"\" ? \"nowhere\" : location"),
    ];
    let names = [
        "first_name",
        "last_name",
        "email",
        "department",
        "title",
        "location",
        "phone",
        "manager",
    ];
    let account = TargetRules {
        keys: vec![("externalId".to_owned(), "key".to_owned())],
        attributes: attributes
            .map(|(name, source)| (name.to_owned(), source.to_owned()))
            .into(),
        adopt: Adopt::Never,
        leaver: LeaverRules::default(),
        prehire: Prehire::Nothing,
    };
    let source = PolicySource {
        version: PolicyVersion::new("v1"),
        attributes: names
            .map(|name| (name.to_owned(), Some(ValueType::Text)))
            .into(),
        roles,
        targets: [(target, account)].into(),
        lint: LintSource::default(),
    };
    let text = |mistake: Mistake| format!("{}: {}", mistake.subject, mistake.text);
    Policy::compile(source).map_err(|findings| {
        let findings: Vec<String> = findings.into_iter().map(text).collect();
        anyhow::anyhow!(findings.join("\n"))
    })
}

fn targets() -> anyhow::Result<Targets> {
    let titles = DEPARTMENTS.into_iter().chain(["Everybody"]);
    let entitlements: Vec<Entitlement> = titles
        .map(|title| Entitlement {
            object: ObjectRef {
                kind: "group".to_owned(),
                container: None,
                id: format!("id-{title}"),
                revision: None,
                name_hint: None,
            },
            class: "membership".to_owned(),
            title: title.to_owned(),
            exclusion_group: None,
            requires: Vec::new(),
            seats: None,
            is_grantable: true,
            is_revocable: true,
        })
        .collect();
    let catalogue = Catalogue::new(&entitlements);
    Ok(Targets {
        catalogues: [(TargetName::new("crm")?, catalogue)].into(),
        descriptors: BTreeMap::new(),
    })
}
