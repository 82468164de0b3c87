//! Rules of the planner: order, exclusion, what cannot be found, and who counts as a mover.

use jiff::Timestamp;
use muster_core::connector::{Entitlement, ObjectRef, Problem, Scalar};
use muster_core::delta::Described;
use muster_core::fact::Kind;
use muster_core::operation::Step;
use muster_core::person::{Sighting, Turn};
use muster_core::plan::Catalogue;

use crate::app::{Fault, group, user};
use crate::world::{World, person, role, row, target};

fn entitlement(id: &str, exclusion_group: Option<&str>, requires: &[&str]) -> Entitlement {
    Entitlement {
        object: group(id),
        class: "membership".to_owned(),
        title: id.to_owned(),
        exclusion_group: exclusion_group.map(str::to_owned),
        requires: requires.iter().map(|id| group(id)).collect(),
        seats: None,
        is_grantable: true,
        is_revocable: true,
    }
}

fn planned(world: &World) -> Vec<String> {
    let accounts = world
        .last
        .iter()
        .flat_map(|planned| planned.accounts.values());
    let operations = accounts.flat_map(|account| &account.operations);
    operations
        .map(|operation| crate::world::short(&operation.action))
        .collect()
}

/// A company with one app whose catalogue is this, and one role that gives these rights.
fn with_catalogue(catalogue: &[Entitlement], access: &[&str]) -> World {
    let mut world = World::new();
    let app = world.connect("crm", &[]);
    for entitlement in catalogue {
        app.groups
            .insert(entitlement.object.id.clone(), entitlement.title.clone());
    }
    world
        .targets
        .catalogues
        .insert(target("crm"), Catalogue::new(catalogue));
    world.source.roles = vec![role("all", "true", "crm", access)];
    world
}

#[test]
fn what_others_stand_on_is_given_first_and_taken_last() {
    let catalogue = [
        entitlement("a-maintainer", None, &["b-team"]),
        entitlement("b-team", None, &["c-organisation"]),
        entitlement("c-organisation", None, &[]),
    ];
    let access = ["group:a-maintainer", "group:b-team", "group:c-organisation"];
    let mut world = with_catalogue(&catalogue, &access);
    world.hr(&[("1", row(&[("department", "Sales")]))]);
    assert_eq!(
        planned(&world),
        [
            "ensure-account",
            "grant c-organisation",
            "grant b-team",
            "grant a-maintainer"
        ]
    );
    world.drive();
    world.source.roles = vec![role("all", "true", "crm", &[])];
    world.replan();
    assert_eq!(
        planned(&world),
        [
            "revoke a-maintainer",
            "revoke b-team",
            "revoke c-organisation"
        ]
    );
}

#[test]
fn c21_what_was_taken_along_is_taken_away_from_whoever_is_not_to_have_it() {
    // The app may put it back with the next thing that is done for somebody else.
    let groups = [
        entitlement("all", None, &[]),
        entitlement("sales", None, &[]),
    ];
    let taken_along = |department: &str| {
        let mut world = with_catalogue(&groups, &["group:all"]);
        let when = "department == 'Sales'";
        world
            .source
            .roles
            .push(role("sales", when, "crm", &["group:sales"]));
        world.hr(&[("1", row(&[("department", "Sales")]))]);
        world.drive();
        let (id, crm, now) = (person("1"), target("crm"), world.now);
        let one = world.people.get_mut(&id).unwrap();
        let right = one.accounts[&crm]
            .grants
            .keys()
            .find(|key| key.id == "sales");
        let lost = Sighting::Lost(right.unwrap().clone());
        assert!(one.sighted(&crm, &lost, now));
        world.hr(&[("1", row(&[("department", department)]))]);
        world
    };
    let world = taken_along("Sales");
    assert_eq!(planned(&world), ["grant sales"], "it is given again");
    let mut world = taken_along("Support");
    assert_eq!(planned(&world), ["revoke sales"]);
    world.drive();
    world.replan();
    assert_eq!(planned(&world), [""; 0], "once");
    let mut world = taken_along("Sales");
    world.hr(&[]);
    let leaves = planned(&world);
    assert!(leaves.contains(&"revoke sales".to_owned()), "{leaves:?}");
    assert!(leaves.contains(&"revoke all".to_owned()), "{leaves:?}");
    world.drive();
    assert!(world.account("1", "crm").grants.is_empty());
}

#[test]
fn entitlements_that_require_each_other_in_a_circle_are_given_in_some_order() {
    let catalogue = [
        entitlement("a", None, &["b"]),
        entitlement("b", None, &["a"]),
    ];
    let mut world = with_catalogue(&catalogue, &["group:a", "group:b"]);
    world.hr(&[("1", row(&[]))]);
    assert_eq!(planned(&world).len(), 3);
}

#[test]
fn of_rights_that_exclude_each_other_the_one_that_is_held_stays() {
    let radio = Some("plan");
    let catalogue = [
        entitlement("a-basic", radio, &[]),
        entitlement("b-premium", radio, &[]),
    ];
    let mut world = with_catalogue(&catalogue, &["group:b-premium"]);
    world.hr(&[("1", row(&[]))]);
    world.drive();
    world
        .source
        .roles
        .push(role("more", "true", "crm", &["group:a-basic"]));
    world.replan();
    assert_eq!(planned(&world), [""; 0]);
    let codes: Vec<&str> = world
        .findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    assert_eq!(codes, ["PLN-003"; 1].repeat(codes.len()));
    assert!(!codes.is_empty());
    let held: Vec<_> = world
        .account("1", "crm")
        .grants
        .keys()
        .map(|key| key.id.as_str())
        .collect();
    assert_eq!(held, ["b-premium"]);
}

#[test]
fn a_title_that_stands_for_several_rights_gives_none_and_is_named() {
    let mut twin = entitlement("sales-2", None, &[]);
    twin.title = "sales-1".to_owned();
    let mut first = entitlement("s1", None, &[]);
    first.title = "sales-1".to_owned();
    let mut world = with_catalogue(&[first, twin], &["group:sales-1"]);
    world.hr(&[("1", row(&[]))]);
    assert_eq!(planned(&world), ["ensure-account"]);
    assert_eq!(world.findings[0].code.as_str(), "PLN-005");
}

#[test]
fn f24_one_name_in_two_workspaces_gives_the_one_that_is_meant_or_none() {
    let of = |container: &str| {
        let mut entitlement = entitlement("7", None, &[]);
        entitlement.title = "Sales".to_owned();
        entitlement.object.container = Some(container.to_owned());
        entitlement
    };
    let twins = [of("east"), of("west")];
    for (name, container) in [
        ("group:Sales", None),
        ("group:7", None),
        ("group:north/Sales", None),
        ("group:east/Sales", Some("east")),
        ("group:west/7", Some("west")),
    ] {
        let mut world = with_catalogue(&twins, &[name]);
        world.hr(&[("1", row(&[]))]);
        let grants = &world.account("1", "crm").grants;
        let found: Vec<_> = grants.keys().map(|key| key.container.as_deref()).collect();
        assert_eq!(
            found,
            container.into_iter().map(Some).collect::<Vec<_>>(),
            "{name}"
        );
    }
}

#[test]
fn before_the_catalogue_was_read_nobody_loses_anything() {
    let mut world = with_catalogue(&[entitlement("sales", None, &[])], &["group:sales"]);
    world.hr(&[("1", row(&[]))]);
    world.drive();
    world.targets.catalogues.clear();
    world.replan();
    world.hr(&[("1", row(&[])), ("2", row(&[]))]);
    assert_eq!(planned(&world), ["ensure-account"]);
    assert_eq!(world.findings.last().unwrap().code.as_str(), "PLN-009");
}

#[test]
fn somebody_without_any_key_gets_no_account_that_could_not_be_found_again() {
    let mut world = with_catalogue(&[], &[]);
    world.rules("crm").keys = vec![("email".to_owned(), "email".to_owned())];
    world.hr(&[
        ("1", row(&[("email", "")])),
        ("2", row(&[("email", "b@x.example")])),
    ]);
    assert_eq!(planned(&world), ["ensure-account"]);
    assert_eq!(world.findings[0].code.as_str(), "PLN-006");
    assert_eq!(world.findings[0].subject.to_string(), "hr:1 at crm");
}

#[test]
fn an_account_at_a_target_that_is_no_longer_configured_is_reported() {
    let mut world = with_catalogue(&[], &[]);
    world.hr(&[("1", row(&[]))]);
    world.drive();
    world.source.targets.clear();
    world.source.roles.clear();
    world.hr(&[]);
    let codes: Vec<&str> = world
        .findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    assert!(codes.contains(&"PLN-008"), "{codes:?}");
}

#[test]
fn a_mover_is_who_gains_or_loses_something_and_not_whose_name_changed() {
    let mut world = World::new();
    world.connect("crm", &["sales"]);
    world.connect("wiki", &[]);
    world.source.roles = vec![
        role("sales", "department == \"Sales\"", "crm", &["group:sales"]),
        role("bosses", "title == \"Boss\"", "wiki", &[]),
    ];
    let kind = |world: &World| world.last[0].kind;
    world.hr(&[(
        "1",
        row(&[("department", "Sales"), ("email", "a@x.example")]),
    )]);
    assert_eq!(kind(&world), Kind::Joiner);
    world.drive();
    world.hr(&[(
        "1",
        row(&[("department", "Sales"), ("email", "b@x.example")]),
    )]);
    assert_eq!(kind(&world), Kind::Update);
    world.drive();
    // A bare account at another target is something, too.
    world.hr(&[("1", row(&[("department", "Sales"), ("title", "Boss")]))]);
    assert_eq!(kind(&world), Kind::Mover);
    world.drive();
    world.hr(&[("1", row(&[("department", "Legal"), ("title", "Boss")]))]);
    assert_eq!(kind(&world), Kind::Mover);
}

#[test]
fn an_attribute_that_the_app_fixes_at_creation_is_left_as_it_was_made() {
    let mut world = with_catalogue(&[], &[]);
    let mut descriptor = crate::capability::descriptor();
    descriptor.account_kinds[0].immutable_attributes = vec!["userName".to_owned()];
    world.targets.descriptors.insert(target("crm"), descriptor);
    world.hr(&[("1", row(&[("email", "a@x.example"), ("title", "Clerk")]))]);
    world.drive();
    world.hr(&[("1", row(&[("email", "b@x.example"), ("title", "Boss")]))]);
    world.drive();
    let account = world.account("1", "crm");
    assert_eq!(
        account.attributes["userName"],
        [Scalar::Text("a@x.example".to_owned())]
    );
    assert_eq!(
        account.attributes["title"],
        [Scalar::Text("Boss".to_owned())]
    );
    assert_eq!(world.findings[0].code.as_str(), "PLN-007");
}

#[test]
fn f7_two_grants_of_one_group_commute() {
    let people = [
        ("1", row(&[("department", "Sales")])),
        ("2", row(&[("department", "Sales")])),
    ];
    let mut results = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let mut world = World::new();
        let app = world.connect("crm", &["sales"]);
        for index in 0..250 {
            app.put(
                &format!("old{index}"),
                &[("externalId", &format!("x{index}"))],
                &["g-sales"],
            );
        }
        world.source.roles = vec![role("sales", "true", "crm", &["group:sales"])];
        world.hr(&people);
        // Made, and read back.
        for _ in 0..2 {
            for place in world.ready() {
                world.begin(&place, true);
                world.end(&place);
            }
        }
        // Both are out at the same time, and arrive in either order.
        let places = world.ready();
        for place in &places {
            world.begin(place, false);
        }
        for index in order {
            world.end(&places[index]);
        }
        let members = world.app("crm").accounts.values();
        results.push(
            members
                .filter(|held| held.grants.contains("g-sales"))
                .count(),
        );
    }
    assert_eq!(results, [252, 252]);
}

#[test]
fn one_operation_that_waits_lets_the_others_go_and_a_call_that_is_out_does_not() {
    let mut world = World::new();
    world.connect("crm", &["sales", "all"]);
    world.source.roles = vec![role("all", "true", "crm", &["group:sales", "group:all"])];
    world.hr(&[("1", row(&[]))]);
    let place = (person("1"), target("crm"));
    world.begin(&place, true);
    assert_eq!(world.account("1", "crm").turn(world.now), Turn::Busy);
    world.end(&place);
    // Read back.
    world.begin(&place, true);
    world.end(&place);
    world
        .app("crm")
        .faults
        .push_back(Fault::Refused(Problem::NoCapacity("none".to_owned())));
    world.begin(&place, true);
    world.end(&place);
    let turn = world.account("1", "crm").turn(world.now);
    let Turn::Act(operation, Step::Send(1)) = turn else {
        panic!("{turn:?}");
    };
    assert_eq!(crate::world::short(&operation.action), "grant g-sales");
}

#[test]
fn swapped_addresses_cost_neither_their_account() {
    let mut world = World::new();
    world.connect("crm", &[]);
    world.source.roles = vec![role("all", "true", "crm", &[])];
    let mail = |mail: &str| row(&[("email", mail)]);
    world.hr(&[("1", mail("a@x.example")), ("2", mail("b@x.example"))]);
    world.drive();
    let before = (
        world.account("1", "crm").object.clone(),
        world.account("2", "crm").object.clone(),
    );
    world.hr(&[("1", mail("b@x.example")), ("2", mail("a@x.example"))]);
    world.drive();
    let after = (
        world.account("1", "crm").object.clone(),
        world.account("2", "crm").object.clone(),
    );
    assert_eq!(before, after);
    assert_eq!(world.differences(), [""; 0]);
}

#[test]
fn nobody_unknown_is_planned_for_who_is_absent_or_has_left() {
    let mut world = World::new();
    world.connect("crm", &[]);
    world.source.roles = vec![role("all", "true", "crm", &[])];
    world.hr(&[
        ("1", row(&[("status", "ended")])),
        ("2", row(&[("ends", "2020-01-01T00:00:00Z")])),
    ]);
    assert!(world.people.is_empty());
    let delta =
        muster_core::delta::Delta::between(None, Described::Absent, (&[], Timestamp::UNIX_EPOCH));
    assert_eq!(delta, None);
}

#[test]
fn a_reference_is_the_same_whatever_its_version_and_name() {
    let mut other = user("u1");
    other.revision = Some("7".to_owned());
    other.name_hint = Some("Ada".to_owned());
    assert_eq!(user("u1"), other);
    let elsewhere = ObjectRef {
        container: Some("two".to_owned()),
        ..user("u1")
    };
    assert_ne!(user("u1"), elsewhere);
}
