//! Random histories: people come, change and go, the policy is edited, calls are out when anything
//! happens, replies get lost, the daemon stops. What must hold at every moment is checked by
//! [`World`]; what must hold in the end is checked here.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use muster_core::connector::Problem;
use muster_core::id::RoleName;
use muster_core::identity::Identity;
use muster_core::operation::{Action, later};
use muster_core::policy::{EntitlementName, Prehire};
use muster_core::standing::{Access, Barred, Block, BlockId, Decided, Opening, OpeningId};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use crate::app::Fault;
use crate::world::{World, operations, role, row, target};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Move {
    /// A complete HR file: a row or none for each of the people.
    Hr(Vec<Option<Row>>),
    /// A file with effective days: a line of rows for each of the people, each some hours from now; whole, or with what
    /// changed.
    Dated(Vec<Vec<(Row, i64)>>, bool),
    /// Another policy.
    Policy(u8),
    /// Something goes wrong with the next call of an app.
    Fault(usize, Fault),
    /// A step begins; the app is reached at once, or when the step ends.
    Begin(usize, bool),
    /// A step ends.
    End(usize),
    /// Steps are taken one after the other until nothing is left to do.
    Drive,
    /// The daemon stops and starts again.
    Restart,
    /// Time passes, and what falls due is planned.
    Hours(u64),
    /// Somebody asks for another attempt at what was halted.
    Retry,
    /// Somebody decides what a person has: whose, what, of which of those before, and for how many hours.
    Decide(usize, usize, u32, u64),
}

#[derive(Clone, Debug)]
struct Row {
    department: usize,
    title: usize,
    mail: usize,
    dates: usize,
    manager: usize,
}

const KEYS: [&str; 4] = ["1", "2", "3", "4"];
const APPS: [&str; 2] = ["crm", "wiki"];

fn specs() -> impl Strategy<Value = Row> {
    let row = (0..3_usize, 0..3_usize, 0..2_usize, 0..8_usize, 0..4_usize);
    row.prop_map(|(department, title, mail, dates, manager)| Row {
        department,
        title,
        mail,
        dates,
        manager,
    })
}

fn rows() -> impl Strategy<Value = Option<Row>> {
    proptest::option::weighted(0.75, specs())
}

fn lines() -> impl Strategy<Value = Vec<(Row, i64)>> {
    vec((specs(), -40..90_i64), 0..4)
}

fn faults() -> impl Strategy<Value = Fault> {
    let text = || "by chance".to_owned();
    prop_oneof![
        4 => Just(Fault::LostBefore),
        4 => Just(Fault::LostAfter),
        3 => any::<bool>().prop_map(|arrived| Fault::Cut { arrived }),
        2 => any::<bool>().prop_map(|arrived| Fault::Trap { arrived }),
        2 => any::<bool>().prop_map(|arrived| Fault::Defect { arrived }),
        3 => (1..4_u32).prop_map(|polls| Fault::Pending { polls }),
        2 => Just(Fault::Refused(Problem::Transient { text: text(), after_ms: None })),
        1 => Just(Fault::Refused(Problem::RateLimited { after_ms: Some(3000) })),
        1 => Just(Fault::Refused(Problem::Unauthenticated(text()))),
        1 => Just(Fault::Refused(Problem::NoCapacity(text()))),
        1 => Just(Fault::Refused(Problem::Stale)),
        1 => Just(Fault::Refused(Problem::Invalid(vec![(text(), text())]))),
        1 => Just(Fault::Refused(Problem::Guarded(text()))),
        1 => Just(Fault::Refused(Problem::Conflict(None))),
        1 => Just(Fault::Refused(Problem::NotFound(None))),
    ]
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => vec(rows(), KEYS.len()).prop_map(Move::Hr),
        3 => (vec(lines(), KEYS.len()), any::<bool>())
            .prop_map(|(lines, is_whole)| Move::Dated(lines, is_whole)),
        1 => (0..5_u8).prop_map(Move::Policy),
        4 => (0..APPS.len(), faults()).prop_map(|(app, fault)| Move::Fault(app, fault)),
        10 => (0..8_usize, any::<bool>()).prop_map(|(index, reaches)| Move::Begin(index, reaches)),
        8 => (0..8_usize).prop_map(Move::End),
        2 => Just(Move::Drive),
        1 => Just(Move::Restart),
        2 => (1..30_u64).prop_map(Move::Hours),
        1 => Just(Move::Retry),
        4 => (0..KEYS.len(), 0..DECISIONS, 1..5_u32, 1..90_u64)
            .prop_map(|(key, what, which, hours)| Move::Decide(key, what, which, hours)),
    ]
}

fn company() -> World {
    let mut world = World::new();
    world.connect("crm", &["sales", "finance", "all"]);
    let rules = world.rules("crm");
    rules.leaver.delete_after = Some(Duration::from_hours(24));
    rules.prehire = Prehire::Suspended;
    world.connect("wiki", &["writers", "readers"]);
    world.rules("wiki").leaver.transfer_to_manager = true;
    set_policy(&mut world, 0);
    world
}

fn set_policy(world: &mut World, number: u8) {
    let sales = "department == \"Sales\"";
    let mut roles = vec![
        role("everybody", "phase != \"leave\"", "crm", &["group:all"]),
        role("sales", sales, "crm", &["group:sales"]),
        role(
            "closers",
            "title == \"Closer\"",
            "crm",
            &["group:sales", "group:all"],
        ),
        role(
            "finance",
            "department == \"Finance\"",
            "crm",
            &["group:finance"],
        ),
        role(
            "writers",
            "title == \"Writer\"",
            "wiki",
            &["group:writers", "group:readers"],
        ),
        role("readers", sales, "wiki", &["group:readers"]),
    ];
    match number {
        1 => drop(roles.remove(0)),
        2 => drop(roles.remove(5)),
        3 => roles.push(role(
            "odd",
            "title == \"Writer\"",
            "crm",
            &["group:finance"],
        )),
        4 => roles.truncate(1),
        _ => {}
    }
    world.source.roles = roles;
}

fn identity(world: &World, key: &str, spec: &Row) -> Identity {
    let mail = format!("p{key}.{}@x.example", spec.mail);
    let soon = later(world.now, Duration::from_hours(20)).to_string();
    let later_on = later(world.now, Duration::from_hours(70)).to_string();
    let mut fields = vec![
        ("department", ["Sales", "Finance", "Legal"][spec.department]),
        ("title", ["Closer", "Writer", ""][spec.title]),
        ("email", mail.as_str()),
        ("manager", KEYS[spec.manager]),
    ];
    match spec.dates {
        1 => fields.push(("starts", soon.as_str())),
        2 => fields.push(("ends", soon.as_str())),
        3 => fields.push(("ends", later_on.as_str())),
        4 => fields.push(("status", "leave")),
        5 => fields.push(("status", "ended")),
        _ => {}
    }
    row(&fields)
}

fn play(world: &mut World, next: &Move) {
    match next {
        Move::Hr(rows) => {
            let rows = KEYS.iter().zip(rows);
            let rows: Vec<(&str, Identity)> = rows
                .filter_map(|(key, spec)| Some((*key, identity(world, key, spec.as_ref()?))))
                .collect();
            world.hr(&rows);
        }
        Move::Dated(lines, is_whole) => {
            let rows = KEYS.iter().zip(lines).flat_map(|(key, line)| {
                let mut row = |(spec, from): &(Row, i64)| {
                    let mut row = identity(world, key, spec);
                    let from = SignedDuration::from_hours(*from);
                    row.dated.since = Some(world.now.checked_add(from).unwrap());
                    (*key, row)
                };
                let mut days = BTreeSet::new();
                let once = line.iter().filter(|(_, from)| days.insert(*from));
                once.map(&mut row).collect::<Vec<_>>()
            });
            let rows: Vec<(&str, Identity)> = rows.collect();
            if *is_whole {
                world.hr(&rows);
            } else {
                world.changes(&rows);
            }
        }
        Move::Policy(number) => {
            set_policy(world, *number);
            world.replan();
        }
        Move::Fault(app, fault) => world.app(APPS[*app]).faults.push_back(fault.clone()),
        Move::Begin(index, reaches) => {
            let ready = world.ready();
            if let Some(place) = ready.get(index % ready.len().max(1)).cloned() {
                world.begin(&place, *reaches);
            }
        }
        Move::End(index) => {
            let begun = world.begun();
            if let Some(place) = begun.get(index % begun.len().max(1)).cloned() {
                world.end(&place);
            }
        }
        Move::Drive => world.drive(),
        Move::Restart => world.restart(),
        Move::Hours(hours) => {
            world.now = later(world.now, Duration::from_hours(*hours));
            world.wake();
        }
        Move::Retry => world.retry(),
        Move::Decide(key, what, which, hours) => {
            let decided = decided(world, *what, *which, *hours);
            world.decide(KEYS[*key], decided);
        }
    }
}

/// How many kinds of decisions are tried.
const DECISIONS: usize = 12;

fn decided(world: &World, what: usize, which: u32, hours: u64) -> Decided {
    let in_hours = |hours| later(world.now, Duration::from_hours(hours));
    let right = |app: &str, name: &str| {
        let name = EntitlementName::parse(&format!("group:{name}")).unwrap();
        (target(app), name)
    };
    let opened = |gives, from| {
        Decided::Opened(Opening {
            gives,
            from: in_hours(from),
            until: in_hours(from + hours),
            reason: String::new(),
        })
    };
    let blocked = |keeps_away, until| {
        Decided::Blocked(Block {
            keeps_away,
            since: world.now,
            until,
            reason: String::new(),
        })
    };
    let ends = Some(in_hours(hours));
    let [sales, finance] = ["sales", "finance"].map(|name| right("crm", name));
    match what {
        0 => opened(Access::Entitlement(finance.0, finance.1), 0),
        1 => opened(Access::Entitlement(sales.0, sales.1), u64::from(which) * 5),
        2 => opened(Access::Role(RoleName::new("writers").unwrap()), 0),
        3 => opened(Access::Account(target("wiki")), 0),
        4 => Decided::Extended {
            opening: OpeningId(which),
            until: in_hours(hours),
        },
        5 => Decided::GivenBack {
            opening: OpeningId(which),
        },
        6 => blocked(Barred::Everything, ends.filter(|_| which > 2)),
        7 => blocked(Barred::Target(target("crm")), ends),
        8 => blocked(Barred::Entitlement(sales.0, sales.1), ends),
        9 => blocked(Barred::Role(RoleName::new("closers").unwrap()), None),
        _ => Decided::Lifted {
            block: BlockId(which),
        },
    }
}

/// The faults end, everything settles, and the apps hold what people should have.
fn settle(world: &mut World) {
    for place in world.begun() {
        world.end(&place);
    }
    for app in APPS {
        world.app(app).faults.clear();
    }
    world.drive();
    let is_as_it_should_be = world.differences();
    assert_eq!(is_as_it_should_be, [""; 0], "{}", world.log.join("\n"));
    // What was halted by a fault goes through when somebody asks for another attempt, and what is
    // still to come by date comes.
    world.retry();
    world.pass(later(world.now, Duration::from_hours(24 * 10)));
    assert_eq!(world.differences(), [""; 0], "{}", world.log.join("\n"));
    // Nothing is left to do, but for what somebody has nobody to hand to.
    for person in world.people.values() {
        for (operation, _) in operations(person) {
            let is_heirless = matches!(operation.action, Action::TransferOwned(_));
            assert!(is_heirless, "{operation:?}\n{}", world.log.join("\n"));
        }
        let accounts = person.accounts.values();
        let empty = accounts
            .flat_map(|account| account.grants.values())
            .find(|grant| grant.justifications.is_empty() && grant.since.is_none());
        assert_eq!(empty, None, "a grant that is none stays on record");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_apps_end_up_with_what_people_should_have(
        history in vec(moves(), 1..60),
    ) {
        let mut world = company();
        for next in &history {
            play(&mut world, next);
        }
        settle(&mut world);
    }

    #[test]
    fn the_same_history_gives_the_same_journal(history in vec(moves(), 1..40)) {
        let run = || {
            let mut world = company();
            for next in &history {
                play(&mut world, next);
            }
            (world.log, world.people)
        };
        assert_eq!(run(), run());
    }
}
