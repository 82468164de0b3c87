//! Users: made, read, found, changed, suspended, removed.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{
    AccountState, Answer, AttributeChange, DesiredAccount, FakeHost, LeavePlan, OutcomeKind,
    Problem, Scalar, SideEffect, all_pages, dispatch,
};
use serde_json::{Value, json};

use crate::checked::{Checked, refusal};
use crate::setup::{ann, ctx, done, ensure, read, remove, state};
use crate::workspace::{Fault, Workspace, users::user};

fn made(workspace: &Workspace) -> muster_sdk::ObjectRef {
    let outcome = ensure(workspace, &ann()).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Done);
    outcome.account.unwrap().key
}

#[test]
fn a_user_is_made_in_its_state_with_one_write() {
    let workspace = Workspace::new();
    let desired = ann().starting(AccountState::Suspended);
    let outcome = ensure(&workspace, &desired).unwrap();
    assert_eq!(workspace.writes(), ["directory.users.insert"]);
    let account = outcome.account.unwrap();
    assert_eq!(account.state, AccountState::Suspended);
    let stored = workspace.stored(&account.key.id);
    assert_eq!(stored["suspended"], true);
    assert_eq!(stored["changePasswordAtNextLogin"], true);
    assert_eq!(
        stored["password"].as_str().unwrap().len(),
        40,
        "one that nobody knows"
    );
}

#[test]
fn the_first_password_is_the_hosts_placeholder() {
    let workspace = Workspace::new();
    let mut desired = ann();
    desired.password_slot = Some("initial-password".into());
    let account = ensure(&workspace, &desired).unwrap().account.unwrap();
    let stored = workspace.stored(&account.key.id);
    assert_eq!(stored["password"], "placeholder-initial-password");
    assert!(!format!("{account:?}").contains("placeholder"));
}

#[test]
fn what_was_written_is_read_back_under_the_same_names() {
    let workspace = Workspace::new();
    let desired = ann()
        .set("orgUnitPath", "/Sales")
        .set("phone.work", "+49 30 1")
        .set("phone.mobile", "+49 170 1")
        .set("recoveryEmail", "ann@home.example")
        .set("organization.department", "Ops")
        .set("includeInGlobalAddressList", false)
        .set("customSchemas.HR.grade", 5)
        .set("customSchemas.HR.remote", true);
    let key = ensure(&workspace, &desired).unwrap().account.unwrap().key;
    let account = read(&workspace, &key).unwrap();
    for delta in &desired.attributes {
        let AttributeChange::Set(values) = &delta.change else {
            panic!("{delta:?}")
        };
        let held = &account.attribute(&delta.name).unwrap().values;
        match (delta.name.as_str(), values.as_slice()) {
            ("primaryEmail", _) => assert_eq!(held, &[Scalar::from("ann@example.com")]),
            (_, values) => assert_eq!(held, values, "{}", delta.name),
        }
    }
    for (key, value) in &desired.match_keys {
        assert!(
            account
                .correlation_keys
                .contains(&(key.clone(), value.clone())),
            "{key}"
        );
    }
}

#[test]
fn the_second_time_it_is_so_already_and_nothing_is_written() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    workspace.writes();
    let again = ensure(&workspace, &ann().for_target(key.clone())).unwrap();
    assert_eq!(again.kind, OutcomeKind::Already);
    let suspend = || {
        state(&workspace, &key, AccountState::Suspended)
            .unwrap()
            .kind
    };
    assert_eq!(
        [suspend(), suspend()],
        [OutcomeKind::Done, OutcomeKind::Already]
    );
    let wake = || state(&workspace, &key, AccountState::Active).unwrap().kind;
    assert_eq!([wake(), wake()], [OutcomeKind::Done, OutcomeKind::Already]);
    let leave = || {
        remove(&workspace, &key, &LeavePlan::default())
            .unwrap()
            .kind
    };
    assert_eq!(
        [leave(), leave()],
        [OutcomeKind::Done, OutcomeKind::Already]
    );
    let writes = [
        "directory.users.patch",
        "directory.users.patch",
        "directory.users.delete",
    ];
    assert_eq!(workspace.writes(), writes);
}

#[test]
fn to_suspend_is_a_patch_of_suspended_and_of_nothing_else() {
    let ann = json!({"kind": "admin#directory#user", "id": "1", "primaryEmail": "ann@example.com"});
    let host = Checked::new(
        FakeHost::new()
            .answer(Answer::json(200, &ann))
            .answer(Answer::json(200, json!({"id": "1", "suspended": true}))),
    );
    let outcome = state(&host, &user("1"), AccountState::Suspended).unwrap();
    assert_eq!(outcome.account.unwrap().state, AccountState::Suspended);
    let patch = &host.fake.requests()[1];
    assert_eq!(patch.json(), json!({"suspended": true}));
    assert_eq!(
        host.methods(),
        ["directory.users.get", "directory.users.patch"]
    );
}

#[test]
fn a_rename_keeps_the_id_and_the_old_address_as_alias() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    let renamed = ann().for_target(key.clone());
    let mut renamed = renamed;
    renamed
        .attributes
        .retain(|delta| delta.name != "primaryEmail");
    let outcome = ensure(
        &workspace,
        &renamed.set("primaryEmail", "ann.doe@example.com"),
    )
    .unwrap();
    let account = outcome.account.unwrap();
    assert_eq!(account.key, key);
    assert_eq!(account.text("aliases"), Some("ann@example.com"));
    let keys = [("email".into(), "ann@example.com".into())];
    let found = dispatch::find_accounts::<Google>(&workspace, "user", &keys).unwrap();
    assert_eq!(found[0].key, key, "the old address still finds her");
}

#[test]
fn f7_a_list_is_written_bound_to_the_version_that_was_read() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    workspace.change(|all| {
        let at = all.find_user(&key.id).unwrap();
        let ids = all.users[at]["externalIds"].as_array_mut().unwrap();
        ids.push(json!({"type": "network", "value": "n1"}));
    });
    workspace.fail(
        "directory.users.patch",
        Fault::Refused(412, "conditionNotMet", "Precondition Failed"),
    );
    let desired = ann()
        .for_target(key.clone())
        .change("employeeId", AttributeChange::Set(vec!["E2".into()]));
    let mut desired = desired;
    desired.attributes.retain(|delta| {
        delta.name != "employeeId" || delta.change == AttributeChange::Set(vec!["E2".into()])
    });
    assert_eq!(ensure(&workspace, &desired), Err(Problem::Stale(None)));
    done(ensure(&workspace, &desired));
    let ids = workspace.stored(&key.id)["externalIds"].clone();
    let expected = json!([
        {"type": "organization", "value": "E2"},
        {"type": "network", "value": "n1"},
    ]);
    assert_eq!(ids, expected, "what is not Muster's stays");
}

#[test]
fn only_a_write_that_replaces_a_list_is_bound_to_a_version() {
    let shown = json!({
        "id": "1", "etag": "\"v7\"", "primaryEmail": "ann@example.com",
        "externalIds": [{"type": "organization", "value": "E1"}],
    });
    let change = |name: &str, value: &str| {
        let host = Checked::new(
            FakeHost::new()
                .answer(Answer::json(200, &shown))
                .answer(Answer::json(200, &shown)),
        );
        let desired = DesiredAccount::new("user").for_target(user("1"));
        done(ensure(&host, &desired.set(name, value)));
        let requests = host.fake.requests();
        requests[1].header("if-match").map(str::to_owned)
    };
    assert_eq!(change("employeeId", "E2").as_deref(), Some("\"v7\""));
    assert_eq!(change("orgUnitPath", "/Sales"), None);
}

#[test]
fn f4_f19_an_account_that_is_found_is_taken_over_only_where_that_is_allowed() {
    let workspace = Workspace::new();
    let known = workspace.user("ann@example.com", "E1");
    workspace.writes();
    let refused = ensure(&workspace, &ann()).unwrap_err();
    assert!(matches!(&refused, Problem::Conflict(Some(held)) if held.id == known));
    assert_eq!(workspace.writes(), [""; 0]);
    let outcome = ensure(&workspace, &ann().adopting()).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Adopted);
    assert_eq!(outcome.account.unwrap().key.id, known);
    assert_eq!(workspace.stored(&known)["name"]["givenName"], "Ann");
}

#[test]
fn f19_several_who_hold_the_key_are_a_conflict() {
    let workspace = Workspace::new();
    workspace.user("one@example.com", "E1");
    workspace.user("two@example.com", "E1");
    assert_eq!(
        ensure(&workspace, &ann().adopting()),
        Err(Problem::Conflict(None))
    );
}

#[test]
fn f4_only_the_keys_attribute_is_a_match_and_not_what_begins_like_it() {
    let workspace = Workspace::new();
    workspace.user("other@example.com", "E10");
    workspace.user("ann@example.com.example.com", "X");
    let keys = [
        ("employee-id".into(), "E1".into()),
        ("email".into(), "ann@example.com".into()),
    ];
    let found = dispatch::find_accounts::<Google>(&workspace, "user", &keys).unwrap();
    assert_eq!(found, []);
    assert_eq!(ensure(&workspace, &ann()).unwrap().kind, OutcomeKind::Done);
}

#[test]
fn an_address_of_somebody_elses_domain_is_searched_for() {
    let workspace = Workspace::new();
    let keys = [("email".into(), "ann@elsewhere.org".into())];
    let found = dispatch::find_accounts::<Google>(&workspace, "user", &keys).unwrap();
    assert_eq!(found, []);
}

#[test]
fn a_lost_reply_leaves_it_open_and_the_account_is_there_to_be_found() {
    let workspace = Workspace::new();
    workspace.fail("directory.users.insert", Fault::LostReply);
    assert!(matches!(
        ensure(&workspace, &ann()),
        Err(Problem::OutcomeUnknown(_))
    ));
    let found = dispatch::find_accounts::<Google>(&workspace, "user", &ann().match_keys).unwrap();
    assert_eq!(found.len(), 1);
    for delta in &ann().attributes {
        let values = &found[0].attribute(&delta.name).unwrap().values;
        assert_eq!(
            values.len(),
            1,
            "{}: what was written is to be seen",
            delta.name
        );
    }
    let again = ensure(&workspace, &ann()).unwrap_err();
    assert!(matches!(&again, Problem::Conflict(Some(held)) if *held.as_ref() == found[0].key));
    assert_eq!(
        workspace.change(|all| all.users.len()),
        2,
        "the administrator and Ann, once"
    );
}

#[test]
fn searches_that_are_behind_do_not_make_a_user_twice() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    workspace.change(|all| all.unsettled.insert(key.id.clone()));
    let mut desired = ann();
    desired.match_keys.truncate(1);
    let refused = ensure(&workspace, &desired).unwrap_err();
    assert!(
        matches!(&refused, Problem::Conflict(Some(held)) if **held == key),
        "{refused}"
    );
    assert_eq!(
        ensure(&workspace, &desired.adopting()).unwrap().kind,
        OutcomeKind::Adopted
    );
}

#[test]
fn an_address_that_a_group_has_is_a_conflict_with_nobody_named() {
    let workspace = Workspace::new();
    workspace.group("ann@example.com");
    assert_eq!(ensure(&workspace, &ann()), Err(Problem::Conflict(None)));
}

#[test]
fn all_that_is_missing_for_a_new_user_is_said_at_once() {
    let workspace = Workspace::new();
    let desired = DesiredAccount::new("user").set("name.givenName", "Ann");
    let Err(Problem::Invalid(faults)) = ensure(&workspace, &desired) else {
        panic!()
    };
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["primaryEmail", "name.familyName"]);
}

#[test]
fn what_went_wrong_decides_what_happens_next() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    let suspend = |fault: Fault| {
        workspace.fail("directory.users.patch", fault);
        state(&workspace, &key, AccountState::Suspended).unwrap_err()
    };
    assert!(matches!(
        suspend(Fault::Bare(503)),
        Problem::OutcomeUnknown(_)
    ));
    assert!(matches!(
        suspend(Fault::Refused(503, "backendError", "x")),
        Problem::OutcomeUnknown(_)
    ));
    assert!(matches!(
        suspend(Fault::LostRequest),
        Problem::OutcomeUnknown(_)
    ));
    assert!(matches!(suspend(Fault::Html), Problem::OutcomeUnknown(_)));
    assert!(matches!(suspend(Fault::NotSent), Problem::Transient(_)));
    assert!(matches!(
        suspend(Fault::Refused(404, "notFound", "x")),
        Problem::Transient(_)
    ));
    let fast = suspend(Fault::Refused(403, "quotaExceeded", "slow down"));
    assert!(
        matches!(&fast, Problem::RateLimited(hint) if hint.bucket.as_deref() == Some("directory"))
    );
    assert!(matches!(
        suspend(Fault::Refused(429, "rateLimitExceeded", "x")),
        Problem::RateLimited(_)
    ));
    assert!(matches!(
        suspend(Fault::Bare(401)),
        Problem::Unauthenticated(_)
    ));
    assert!(matches!(
        suspend(Fault::Refused(403, "forbidden", "x")),
        Problem::Forbidden(_)
    ));
    assert!(
        matches!(suspend(Fault::Bare(404)), Problem::RemoteDefect(_)),
        "not Google's 404"
    );
    assert!(workspace.change(|all| all.faults.is_empty()));
    workspace.fail("directory.users.patch", Fault::LostReply);
    assert!(matches!(
        state(&workspace, &key, AccountState::Suspended),
        Err(Problem::OutcomeUnknown(_))
    ));
    let after = state(&workspace, &key, AccountState::Suspended).unwrap();
    assert_eq!(after.kind, OutcomeKind::Already, "it had been done");
}

#[test]
fn f16_a_404_that_is_not_googles_is_never_taken_for_a_user_who_is_gone() {
    let page = || Answer::text(404, "text/html", "<html>Not Found</html>");
    let host = Checked::new(FakeHost::new().answer(page()).answer(page()));
    let gone = remove(&host, &user("1"), &LeavePlan::default());
    assert!(matches!(gone, Err(Problem::RemoteDefect(_))));
    let read = dispatch::get_account::<Google>(&host, &user("1"));
    assert!(matches!(read, Err(Problem::RemoteDefect(_))));
}

#[test]
fn an_id_that_google_takes_for_an_address_finds_nobody() {
    let workspace = Workspace::new();
    workspace.user("ann@example.com", "E1");
    assert_eq!(read(&workspace, &user("ann@example.com")), None);
}

#[test]
fn a_removed_user_is_in_the_bin_and_can_be_brought_back() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    let outcome = remove(
        &workspace,
        &key,
        &LeavePlan {
            purge: true,
            ..LeavePlan::default()
        },
    )
    .unwrap();
    assert!(matches!(&outcome.effects[0], SideEffect::Noted(text) if text.contains("20 days")));
    assert_eq!(read(&workspace, &key).unwrap().state, AccountState::Deleted);
    let back = state(&workspace, &key, AccountState::Active).unwrap();
    assert_eq!(back.kind, OutcomeKind::Done);
    assert_eq!(read(&workspace, &key).unwrap().state, AccountState::Active);
    assert_eq!(read(&workspace, &user("9")), None);
}

#[test]
fn what_must_be_kept_is_not_destroyed() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    workspace.writes();
    let hold = LeavePlan {
        legal_hold: true,
        ..LeavePlan::default()
    };
    let refused = remove(&workspace, &key, &hold).unwrap_err();
    assert!(matches!(&refused, Problem::Guarded(rule) if rule.guard == "legal-hold"));
    let keep = LeavePlan {
        keep_data: true,
        ..LeavePlan::default()
    };
    assert!(matches!(
        remove(&workspace, &key, &keep),
        Err(Problem::Guarded(_))
    ));
    assert_eq!(workspace.writes(), [""; 0]);
}

#[test]
fn a_user_whose_files_are_on_their_way_is_not_removed_yet() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    let heir = user(&workspace.user("heir@example.com", "E2"));
    done(dispatch::transfer_owned::<Google>(
        &workspace,
        &ctx(),
        &key,
        &heir,
    ));
    let plan = LeavePlan {
        transfer_to: Some(heir),
        ..LeavePlan::default()
    };
    assert!(matches!(
        remove(&workspace, &key, &plan),
        Err(Problem::Transient(_))
    ));
    workspace.change(|all| all.transfers[0]["overallTransferStatusCode"] = "completed".into());
    assert_eq!(
        remove(&workspace, &key, &plan).unwrap().kind,
        OutcomeKind::Done
    );
}

#[test]
fn f21_the_last_administrator_is_never_shut_out() {
    let workspace = Workspace::new();
    let first = workspace.change(|all| user(all.users[0]["id"].as_str().unwrap()));
    workspace.writes();
    let refused = state(&workspace, &first, AccountState::Suspended).unwrap_err();
    assert!(matches!(&refused, Problem::Guarded(rule) if rule.guard == "last-admin"));
    assert!(matches!(
        remove(&workspace, &first, &LeavePlan::default()),
        Err(Problem::Guarded(_))
    ));
    assert_eq!(workspace.writes(), [""; 0]);
    let second = workspace.user("second@example.com", "A1");
    workspace.change(|all| {
        let at = all.find_user(&second).unwrap();
        all.users[at]["isAdmin"] = true.into();
    });
    done(state(&workspace, &first, AccountState::Suspended));
}

#[test]
fn the_administrator_for_whom_muster_acts_is_never_shut_out() {
    let workspace = Workspace::new().with("acting_admin", "Boss@example.com");
    let boss = user(&workspace.user("boss@example.com", "B"));
    let refused = state(&workspace, &boss, AccountState::Suspended).unwrap_err();
    assert!(matches!(&refused, Problem::Guarded(rule) if rule.guard == "self-lockout"));
}

#[test]
fn archived_is_deactivated_and_without_a_licence_for_it_waits_for_capacity() {
    let workspace = Workspace::new();
    let key = made(&workspace);
    workspace.fail(
        "directory.users.patch",
        Fault::Refused(
            412,
            "conditionNotMet",
            "Insufficient archived user licenses",
        ),
    );
    let archive = || state(&workspace, &key, AccountState::Deactivated);
    let refused = archive().unwrap_err();
    assert!(
        matches!(&refused, Problem::NoCapacity(Some(seats))
            if seats.extra == [("message".to_owned(), "Insufficient archived user licenses".to_owned())]),
        "{refused:?}"
    );
    assert_eq!(
        archive().unwrap().account.unwrap().state,
        AccountState::Deactivated
    );
    let back = state(&workspace, &key, AccountState::Active).unwrap();
    assert_eq!(back.account.unwrap().state, AccountState::Active);
}

fn listed(
    workspace: &Workspace,
    limit: u32,
) -> muster_sdk::Result<muster_sdk::Listing<muster_sdk::Account>> {
    all_pages(limit, |page| {
        dispatch::list_accounts::<Google>(workspace, "user", page)
    })
}

#[test]
fn every_page_size_gives_the_same_whole_listing() {
    let workspace = Workspace::new();
    for number in 0..7 {
        workspace.user(&format!("u{number}@example.com"), &format!("E{number}"));
    }
    let whole = listed(&workspace, 500).unwrap();
    assert_eq!((whole.items.len(), whole.whole), (8, true));
    for limit in 1..=8 {
        assert_eq!(
            listed(&workspace, limit).unwrap(),
            whole,
            "pages of {limit}"
        );
        workspace.change(|all| all.page_max = Some(usize::try_from(limit).unwrap()));
        assert_eq!(
            listed(&workspace, 500).unwrap(),
            whole,
            "Google's own pages of {limit}"
        );
        workspace.change(|all| all.page_max = None);
    }
}

#[test]
fn f2_a_failure_on_any_page_is_never_a_short_listing() {
    let workspace = Workspace::new();
    for number in 0..5 {
        workspace.user(&format!("u{number}@example.com"), "E");
    }
    for fault in [
        Fault::Html,
        Fault::Cut,
        Fault::Bare(200),
        Fault::Bare(302),
        Fault::Bare(404),
        Fault::Bare(503),
        Fault::LostReply,
        Fault::Refused(404, "notFound", "Domain not found."),
    ] {
        for page in 0..3 {
            let mut turned = 0;
            let listing = all_pages(2, |request| {
                if turned == page {
                    workspace.fail("directory.users.list", fault.clone());
                }
                turned += 1;
                dispatch::list_accounts::<Google>(&workspace, "user", request)
            });
            assert!(listing.is_err(), "{fault:?} on page {page}: {listing:?}");
        }
    }
}

#[test]
fn f1_f2_an_answer_that_is_no_list_or_shows_nobody_is_a_defect() {
    for body in [
        json!({}),
        json!({"kind": "admin#directory#users"}),
        json!({"kind": "admin#directory#groups", "users": []}),
        json!({"kind": "admin#directory#users", "users": {}}),
        json!({"kind": "admin#directory#users", "users": ["ann"]}),
        Value::Null,
    ] {
        let host = Checked::new(FakeHost::new().answer(Answer::json(200, &body)));
        let page = muster_sdk::PageRequest::first(100);
        let listing = dispatch::list_accounts::<Google>(&host, "user", &page);
        assert!(
            matches!(listing, Err(Problem::RemoteDefect(_))),
            "{body}: {listing:?}"
        );
    }
}

#[test]
fn a_user_that_cannot_be_read_makes_the_page_partial() {
    let body =
        json!({"kind": "admin#directory#users", "users": [{"id": "1"}, {"primaryEmail": "x"}]});
    let host = Checked::new(FakeHost::new().answer(Answer::json(200, body)));
    let page = muster_sdk::PageRequest::first(100);
    let listing = dispatch::list_accounts::<Google>(&host, "user", &page).unwrap();
    assert!(!listing.is_whole() && listing.items().len() == 1);
}

#[test]
fn a_page_token_that_is_too_old_starts_the_listing_again() {
    let answer = refusal(400, "invalid", "Invalid Input: pageToken");
    let host = Checked::new(FakeHost::new().answer(answer));
    let page = muster_sdk::PageRequest::from_cursor(100, "old");
    let listing = dispatch::list_accounts::<Google>(&host, "user", &page);
    assert_eq!(listing, Err(Problem::CursorExpired));
}

#[test]
fn only_one_domain_is_listed_where_it_says_so() {
    let workspace = Workspace::new().with("domain", "sub.example.com");
    workspace.user("ann@sub.example.com", "E1");
    assert_eq!(listed(&workspace, 100).unwrap().items.len(), 1);
}
