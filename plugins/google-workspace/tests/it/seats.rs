//! Licences as seats.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{ObjectRef, OutcomeKind, Problem, SideEffect, all_pages, dispatch};

use crate::setup::{done, grant, holders, remove, revoke};
use crate::workspace::{Fault, Workspace, users::user};

fn workspace() -> Workspace {
    Workspace::new().with(
        "license_skus",
        "Google-Apps/1=2, Google-Apps/2, Google-Vault/V",
    )
}

fn seat(id: &str) -> ObjectRef {
    ObjectRef::new("license-seat", id)
}

#[test]
fn a_seat_is_given_and_taken_once() {
    let workspace = workspace();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let of = seat("Google-Apps/1");
    let given = grant(&workspace, &ann, &of).unwrap();
    assert_eq!(given.effects, [SideEffect::SeatConsumed(of.clone())]);
    assert_eq!(
        grant(&workspace, &ann, &of).unwrap().kind,
        OutcomeKind::Already
    );
    let taken = revoke(&workspace, &ann, &of).unwrap();
    assert_eq!(taken.effects, [SideEffect::SeatReleased(of.clone())]);
    assert_eq!(
        revoke(&workspace, &ann, &of).unwrap().kind,
        OutcomeKind::Already
    );
    let writes = [
        "licensing.licenseAssignments.insert",
        "licensing.licenseAssignments.delete",
    ];
    assert_eq!(workspace.writes(), writes);
}

#[test]
fn f15_the_second_of_two_joiners_for_one_seat_waits_for_capacity() {
    let workspace = workspace();
    workspace.change(|all| all.purchased.insert("Google-Apps/1".into(), 1));
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let bob = user(&workspace.user("bob@example.com", "E2"));
    let of = seat("Google-Apps/1");
    done(grant(&workspace, &ann, &of));
    let full = grant(&workspace, &bob, &of).unwrap_err();
    let Problem::NoCapacity(Some(facts)) = full else {
        panic!("{full}")
    };
    assert_eq!(
        (facts.sku.as_str(), facts.purchased),
        ("Google-Apps/1", Some(2))
    );
    done(revoke(&workspace, &ann, &of));
    assert_eq!(
        grant(&workspace, &bob, &of).unwrap().kind,
        OutcomeKind::Done
    );
}

#[test]
fn another_sku_of_a_product_moves_the_user_over_in_one_step() {
    let workspace = workspace();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let (one, two) = (seat("Google-Apps/1"), seat("Google-Apps/2"));
    done(grant(&workspace, &ann, &one));
    workspace.writes();
    let moved = grant(&workspace, &ann, &two).unwrap();
    assert_eq!(workspace.writes(), ["licensing.licenseAssignments.patch"]);
    let has_left = |effect: &SideEffect| matches!(effect, SideEffect::GrantRemoved(grant) if grant.entitlement == one);
    assert!(moved.effects.iter().any(has_left), "{moved:?}");
    assert!(moved.effects.contains(&SideEffect::SeatReleased(one)));
    assert_eq!(holders(&workspace, &two).unwrap().items.len(), 1);
    assert_eq!(
        grant(&workspace, &ann, &seat("Google-Vault/V"))
            .unwrap()
            .kind,
        OutcomeKind::Done
    );
}

#[test]
fn f4_a_licence_that_is_not_in_the_settings_is_left_alone() {
    let workspace = workspace();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let foreign = seat("Google-Apps/9");
    assert_eq!(
        grant(&workspace, &ann, &foreign),
        Err(Problem::not_found(foreign.clone()))
    );
    workspace.change(|all| {
        all.seats
            .push(("Google-Apps".into(), "9".into(), "ann@example.com".into()));
    });
    assert_eq!(
        grant(&workspace, &ann, &seat("Google-Apps/1")),
        Err(Problem::Conflict(None))
    );
    assert_eq!(workspace.change(|all| all.seats.len()), 1);
}

#[test]
fn seats_are_told_by_the_users_id_although_google_tells_addresses() {
    let workspace = workspace();
    let of = seat("Google-Apps/2");
    let mut ids: Vec<String> = (0..5)
        .map(|number| {
            let ann = workspace.user(&format!("u{number}@example.com"), "E");
            done(grant(&workspace, &user(&ann), &of));
            ann
        })
        .collect();
    ids.sort();
    for page_max in [1, 2, 3, 100] {
        workspace.change(|all| all.page_max = Some(page_max));
        let listing = holders(&workspace, &of).unwrap();
        let mut told: Vec<String> = listing
            .items
            .into_iter()
            .map(|it| it.principal.id)
            .collect();
        told.sort();
        assert_eq!(
            (told, listing.whole),
            (ids.clone(), true),
            "pages of {page_max}"
        );
    }
}

#[test]
fn a_holder_whom_google_does_not_know_makes_the_listing_partial() {
    let workspace = workspace();
    workspace.change(|all| {
        all.seats
            .push(("Google-Apps".into(), "1".into(), "gone@example.com".into()));
    });
    let listing = holders(&workspace, &seat("Google-Apps/1")).unwrap();
    assert!(!listing.whole);
}

#[test]
fn licences_are_listed_with_what_was_bought_and_what_is_taken() {
    let workspace = workspace();
    for number in 0..5 {
        let ann = user(&workspace.user(&format!("u{number}@example.com"), "E"));
        done(grant(&workspace, &ann, &seat("Google-Apps/1")));
    }
    workspace.change(|all| all.page_max = Some(2));
    let listing = all_pages(50, |page| {
        dispatch::list_entitlements::<Google>(&workspace, "license-seat", page)
    })
    .unwrap();
    assert!(listing.whole);
    let told: Vec<_> = listing
        .items
        .iter()
        .map(|it| {
            let seats = it.seats.as_ref().unwrap();
            (
                it.key.id.as_str(),
                seats.purchased,
                seats.consumed,
                it.exclusion_group.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Google-Apps/1", Some(2), Some(5), Some("Google-Apps")),
            ("Google-Apps/2", None, Some(0), Some("Google-Apps")),
            ("Google-Vault/V", None, Some(0), Some("Google-Vault")),
        ]
    );
    assert_eq!(listing.items[0].title, "Google-Apps/1");
    assert_eq!(listing.items[0].description.as_deref(), Some("Plan 1"));
    assert_eq!(listing.items[1].description, None);
}

#[test]
fn a_user_who_is_gone_has_no_seat() {
    let workspace = workspace();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let of = seat("Google-Apps/1");
    done(grant(&workspace, &ann, &of));
    done(remove(&workspace, &ann, &muster_sdk::LeavePlan::default()));
    assert_eq!(
        revoke(&workspace, &ann, &of).unwrap().kind,
        OutcomeKind::Already
    );
    assert_eq!(grant(&workspace, &ann, &of), Err(Problem::not_found(ann)));
}

#[test]
fn a_lost_reply_is_settled_by_the_next_look() {
    let workspace = workspace();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let of = seat("Google-Apps/1");
    workspace.fail("licensing.licenseAssignments.insert", Fault::LostReply);
    assert!(matches!(
        grant(&workspace, &ann, &of),
        Err(Problem::OutcomeUnknown(_))
    ));
    assert_eq!(
        grant(&workspace, &ann, &of).unwrap().kind,
        OutcomeKind::Already
    );
    workspace.fail(
        "licensing.licenseAssignments.get",
        Fault::Refused(403, "rateLimitExceeded", "x"),
    );
    let fast = grant(&workspace, &ann, &of).unwrap_err();
    assert!(
        matches!(&fast, Problem::RateLimited(hint) if hint.bucket.as_deref() == Some("licensing"))
    );
}

#[test]
fn without_licences_in_the_settings_there_are_none() {
    let workspace = Workspace::new();
    let page = muster_sdk::PageRequest::first(50);
    let listing = dispatch::list_entitlements::<Google>(&workspace, "license-seat", &page).unwrap();
    assert!(listing.items().is_empty() && listing.is_last());
}
