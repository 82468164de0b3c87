//! Groups and administrator roles: who is in, who gets in, who cannot be taken out here.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{
    Answer, FakeHost, GrantScope, ObjectRef, OutcomeKind, Problem, all_pages, dispatch,
};

use crate::checked::Checked;
use crate::setup::{done, grant, held, holders, revoke};
use crate::workspace::{Fault, Workspace, users::user};

#[test]
fn a_member_is_added_and_taken_out_once() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("all@example.com");
    let join = || grant(&workspace, &ann, &group).unwrap().kind;
    assert_eq!([join(), join()], [OutcomeKind::Done, OutcomeKind::Already]);
    let leave = || revoke(&workspace, &ann, &group).unwrap().kind;
    assert_eq!(
        [leave(), leave()],
        [OutcomeKind::Done, OutcomeKind::Already]
    );
    assert_eq!(
        workspace.writes(),
        ["directory.members.insert", "directory.members.delete"]
    );
}

#[test]
fn f7_two_grants_at_once_keep_both_and_a_large_group_loses_nobody() {
    let workspace = Workspace::new();
    let group = workspace.group("all@example.com");
    for number in 0..250 {
        workspace.member(&group, "USER", &format!("m{number}"), "MEMBER");
    }
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let bob = user(&workspace.user("bob@example.com", "E2"));
    done(grant(&workspace, &ann, &group));
    done(grant(&workspace, &bob, &group));
    done(revoke(&workspace, &ann, &group));
    let members = workspace.members_of(&group);
    assert_eq!(members.len(), 251);
    assert!(members.contains(&bob.id) && !members.contains(&ann.id));
    let listing = holders(&workspace, &group).unwrap();
    assert_eq!((listing.items.len(), listing.whole), (251, true));
}

#[test]
fn somebody_who_was_faster_is_no_error() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("all@example.com");
    workspace.fail(
        "directory.members.insert",
        Fault::Refused(409, "duplicate", "Member already exists."),
    );
    assert_eq!(
        grant(&workspace, &ann, &group).unwrap().kind,
        OutcomeKind::Already
    );
    workspace.member(&group, "USER", &ann.id, "MEMBER");
    workspace.fail(
        "directory.members.delete",
        Fault::Refused(404, "notFound", "memberKey"),
    );
    assert_eq!(
        revoke(&workspace, &ann, &group).unwrap().kind,
        OutcomeKind::Already
    );
}

#[test]
fn a_new_user_whom_groups_do_not_know_yet_is_tried_again() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("all@example.com");
    workspace.change(|all| all.unsettled.insert(ann.id.clone()));
    let early = grant(&workspace, &ann, &group).unwrap_err();
    assert!(
        matches!(&early, Problem::Transient(hint) if hint.after_ms.is_some()),
        "{early}"
    );
    workspace.change(|all| all.unsettled.clear());
    assert_eq!(
        grant(&workspace, &ann, &group).unwrap().kind,
        OutcomeKind::Done
    );
}

#[test]
fn which_of_the_two_is_gone_is_said() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("all@example.com");
    let gone = ObjectRef::new("group", "g9");
    assert_eq!(
        grant(&workspace, &ann, &gone),
        Err(Problem::not_found(gone.clone()))
    );
    assert_eq!(
        grant(&workspace, &user("9"), &group),
        Err(Problem::not_found(user("9")))
    );
    assert_eq!(
        revoke(&workspace, &ann, &gone).unwrap().kind,
        OutcomeKind::Already
    );
    assert_eq!(
        revoke(&workspace, &user("9"), &group).unwrap().kind,
        OutcomeKind::Already
    );
    assert_eq!(
        holders(&workspace, &gone),
        Err(Problem::not_found(gone.clone()))
    );
}

#[test]
fn f14_a_lost_reply_leaves_it_open_and_the_next_look_settles_it() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("all@example.com");
    for (fault, then) in [
        (Fault::LostReply, OutcomeKind::Already),
        (Fault::LostRequest, OutcomeKind::Done),
    ] {
        workspace.fail("directory.members.insert", fault);
        assert!(matches!(
            grant(&workspace, &ann, &group),
            Err(Problem::OutcomeUnknown(_))
        ));
        assert_eq!(grant(&workspace, &ann, &group).unwrap().kind, then);
        done(revoke(&workspace, &ann, &group));
    }
}

#[test]
fn f21_the_only_owner_of_a_group_stays() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("all@example.com");
    workspace.member(&group, "USER", &ann.id, "OWNER");
    assert_eq!(
        grant(&workspace, &ann, &group).unwrap().kind,
        OutcomeKind::Already
    );
    let refused = revoke(&workspace, &ann, &group).unwrap_err();
    assert!(matches!(&refused, Problem::Guarded(it) if it.guard == "last-owner"));
    assert_eq!(workspace.members_of(&group), [ann.id.as_str()]);
    workspace.member(&group, "USER", "other", "OWNER");
    assert_eq!(
        revoke(&workspace, &ann, &group).unwrap().kind,
        OutcomeKind::Done
    );
}

#[test]
fn who_is_in_through_another_group_cannot_be_taken_out_here() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let (outer, inner) = (
        workspace.group("outer@example.com"),
        workspace.group("inner@example.com"),
    );
    done(grant(&workspace, &inner, &outer));
    done(grant(&workspace, &ann, &inner));
    let refused = revoke(&workspace, &ann, &outer).unwrap_err();
    assert!(matches!(&refused, Problem::Guarded(it) if it.guard == "externally-managed"));
    assert_eq!(
        revoke(&workspace, &ann, &inner).unwrap().kind,
        OutcomeKind::Done
    );
    assert_eq!(
        revoke(&workspace, &ann, &outer).unwrap().kind,
        OutcomeKind::Already
    );
}

#[test]
fn members_through_groups_name_the_group_at_every_page_size() {
    let workspace = Workspace::new();
    let outer = workspace.group("outer@example.com");
    let inner = [
        workspace.group("a@example.com"),
        workspace.group("b@example.com"),
    ];
    let deep = workspace.group("deep@example.com");
    for (at, group) in inner.iter().enumerate() {
        workspace.member(&outer, "USER", &format!("own{at}"), "MEMBER");
        workspace.member(&outer, "GROUP", &group.id, "MEMBER");
        for number in 0..3 {
            workspace.member(group, "USER", &format!("in{at}-{number}"), "MEMBER");
        }
    }
    workspace.member(&inner[0], "GROUP", &deep.id, "MEMBER");
    workspace.member(&deep, "USER", "deep", "MEMBER");
    let scope = GrantScope::OfEntitlement(outer.clone());
    let list = |limit| {
        let listing = all_pages(limit, |page| {
            dispatch::list_grants::<Google>(&workspace, &scope, page)
        })
        .unwrap();
        assert!(listing.whole);
        let told = listing.items.into_iter().map(|grant| {
            assert_eq!(grant.direct, grant.via.is_empty());
            let via = grant.via.first().map(|via| via.id.clone());
            (grant.principal.kind, grant.principal.id, via)
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    };
    let all = list(200);
    assert_eq!(all.len(), 4 + 3 + 3 + 2);
    let deep = (
        "user".to_owned(),
        "deep".to_owned(),
        Some(inner[0].id.clone()),
    );
    assert!(all.contains(&deep), "{all:?}");
    for limit in 1..8 {
        assert_eq!(list(limit), all, "pages of {limit}");
    }
}

#[test]
fn a_group_of_somebody_else_within_a_group_makes_the_listing_partial() {
    let workspace = Workspace::new();
    let outer = workspace.group("outer@example.com");
    let inner = workspace.group("inner@example.com");
    workspace.member(&outer, "GROUP", "elsewhere", "MEMBER");
    workspace.member(&outer, "GROUP", &inner.id, "MEMBER");
    workspace.member(&inner, "USER", "u1", "MEMBER");
    let listing = holders(&workspace, &outer).unwrap();
    assert!(!listing.whole);
    let has = |id: &str| listing.items.iter().any(|grant| grant.principal.id == id);
    assert!(has("elsewhere") && has("u1"), "the rest is still told");
}

#[test]
fn members_from_outside_are_told_apart() {
    let workspace = Workspace::new();
    let group = workspace.group("all@example.com");
    workspace.member(&group, "EXTERNAL", "x1", "MEMBER");
    workspace.member(&group, "CUSTOMER", "C01", "MEMBER");
    workspace.member(&group, "USER", "u1", "MANAGER");
    let listing = holders(&workspace, &group).unwrap();
    let kinds: Vec<&str> = listing
        .items
        .iter()
        .map(|it| it.principal.kind.as_str())
        .collect();
    assert_eq!(kinds, ["external", "customer", "user"]);
    assert_eq!(
        listing.items[2].extra,
        [("x-role".to_owned(), "MANAGER".to_owned())]
    );
}

#[test]
fn f2_a_failure_on_any_page_of_members_is_never_a_short_listing() {
    let workspace = Workspace::new();
    let group = workspace.group("all@example.com");
    for number in 0..5 {
        workspace.member(&group, "USER", &format!("m{number}"), "MEMBER");
    }
    let scope = GrantScope::OfEntitlement(group);
    for fault in [Fault::Html, Fault::Cut, Fault::Bare(302), Fault::Bare(500)] {
        for page in 0..3 {
            let mut turned = 0;
            let listing = all_pages(2, |request| {
                if turned == page {
                    workspace.fail("directory.members.list", fault.clone());
                }
                turned += 1;
                dispatch::list_grants::<Google>(&workspace, &scope, request)
            });
            assert!(listing.is_err(), "{fault:?} on page {page}");
        }
    }
}

#[test]
fn f2_an_answer_that_is_no_list_is_never_an_empty_one() {
    let group = ObjectRef::new("group", "g1");
    for body in [
        "{}",
        r#"{"kind": "admin#directory#users"}"#,
        "[]",
        "null",
        r#""""#,
    ] {
        let answer = || Answer::json(200, body);
        let host = Checked::new(
            FakeHost::new()
                .answer(answer())
                .answer(answer())
                .answer(answer()),
        );
        let page = muster_sdk::PageRequest::first(100);
        let groups = dispatch::list_entitlements::<Google>(&host, "group", &page);
        assert!(
            matches!(groups, Err(Problem::RemoteDefect(_))),
            "{body}: {groups:?}"
        );
        for listing in [holders(&host, &group), held(&host, &user("1"))] {
            assert!(
                matches!(listing, Err(Problem::RemoteDefect(_))),
                "{body}: {listing:?}"
            );
        }
    }
}

#[test]
fn all_that_somebody_has_is_of_every_kind() {
    let workspace = Workspace::new()
        .with(
            "license_skus",
            "Google-Apps/1010020020, Google-Vault/Google-Vault",
        )
        .with("admin_roles", "true");
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let groups: Vec<ObjectRef> = (0..3)
        .map(|number| workspace.group(&format!("g{number}@example.com")))
        .collect();
    let role = workspace.role("Help desk", false);
    let seat = ObjectRef::new("license-seat", "Google-Apps/1010020020");
    for of in groups.iter().chain([&role, &seat]) {
        done(grant(&workspace, &ann, of));
    }
    workspace.change(|all| all.page_max = Some(2));
    let listing = held(&workspace, &ann).unwrap();
    assert!(listing.whole && listing.items.iter().all(|grant| grant.direct));
    let mut of: Vec<String> = listing
        .items
        .into_iter()
        .map(|it| it.entitlement.id)
        .collect();
    of.sort();
    let mut expected: Vec<String> = groups
        .iter()
        .chain([&role, &seat])
        .map(|it| it.id.clone())
        .collect();
    expected.sort();
    assert_eq!(of, expected);
    assert_eq!(
        held(&workspace, &user("9")),
        Err(Problem::not_found(user("9")))
    );
}

#[test]
fn a_role_is_given_and_taken_once_for_the_whole_organisation() {
    let workspace = Workspace::new().with("admin_roles", "true");
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let role = workspace.role("Help desk", false);
    workspace.assigned(&role, &ann.id, "user", "ORG_UNIT");
    workspace.assigned(&role, &ann.id, "user", "CUSTOMER");
    workspace.change(|all| all.assignments[1]["condition"] = "only security groups".into());
    let give = || grant(&workspace, &ann, &role).unwrap().kind;
    assert_eq!([give(), give()], [OutcomeKind::Done, OutcomeKind::Already]);
    let grants = holders(&workspace, &role).unwrap().items;
    let is_left: Vec<bool> = grants
        .iter()
        .map(|it| it.immutable_reason.is_some())
        .collect();
    assert_eq!(is_left, [true, true, false]);
    let take = || revoke(&workspace, &ann, &role).unwrap().kind;
    assert_eq!([take(), take()], [OutcomeKind::Done, OutcomeKind::Already]);
    let left = workspace.change(|all| all.assignments.clone());
    assert_eq!(left.len(), 2, "what is limited was not Muster's");
}

#[test]
fn f21_super_administrators_are_made_by_hand() {
    let workspace = Workspace::new().with("admin_roles", "true");
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let role = workspace.role("Super Admin", true);
    for refused in [
        grant(&workspace, &ann, &role),
        revoke(&workspace, &ann, &role),
    ] {
        assert!(matches!(refused, Err(Problem::Guarded(it)) if it.guard == "protected-account"));
    }
    let page = muster_sdk::PageRequest::first(100);
    let listing = dispatch::list_entitlements::<Google>(&workspace, "role", &page).unwrap();
    assert!(!listing.items()[0].grantable && listing.items()[0].risk == Some(100));
}

#[test]
fn a_role_through_a_group_is_shown_with_the_group_and_stays() {
    let workspace = Workspace::new().with("admin_roles", "true");
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let group = workspace.group("desk@example.com");
    done(grant(&workspace, &ann, &group));
    let role = workspace.role("Help desk", false);
    workspace.assigned(&role, &group.id, "group", "CUSTOMER");
    let listing = held(&workspace, &ann).unwrap();
    let inherited = listing
        .items
        .iter()
        .find(|grant| grant.entitlement == role)
        .unwrap();
    assert_eq!((inherited.direct, &inherited.via), (false, &vec![group]));
    let refused = revoke(&workspace, &ann, &role).unwrap_err();
    assert!(matches!(&refused, Problem::Guarded(it) if it.guard == "externally-managed"));
}

#[test]
fn roles_are_no_entitlements_unless_it_says_so() {
    let workspace = Workspace::new();
    let ann = user(&workspace.user("ann@example.com", "E1"));
    let role = workspace.role("Help desk", false);
    let page = muster_sdk::PageRequest::first(100);
    let listing = dispatch::list_entitlements::<Google>(&workspace, "role", &page).unwrap();
    assert!(listing.items().is_empty() && listing.is_last());
    assert!(matches!(
        grant(&workspace, &ann, &role),
        Err(Problem::Unsupported(_))
    ));
    assert_eq!(held(&workspace, &ann).unwrap().items, []);
    let asked = workspace.change(|all| std::mem::take(&mut all.asked));
    assert!(
        asked.iter().all(|asked| !asked.method.contains("role")),
        "{asked:?}"
    );
}

#[test]
fn groups_are_listed_whole_at_every_page_size() {
    let workspace = Workspace::new();
    for number in 0..5 {
        workspace.group(&format!("g{number}@example.com"));
    }
    for limit in 1..7 {
        let listing = all_pages(limit, |page| {
            dispatch::list_entitlements::<Google>(&workspace, "group", page)
        })
        .unwrap();
        assert_eq!((listing.items.len(), listing.whole), (5, true));
        assert_eq!(listing.items[0].title, "g0@example.com");
        assert_eq!(
            listing.items[0].key.name_hint.as_deref(),
            Some("g0@example.com")
        );
    }
}
