//! Sessions, apps that were let in, app passwords, backup codes.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{
    Credential, Listing, ObjectRef, Outcome, OutcomeKind, Problem, Result, SideEffect, all_pages,
    dispatch,
};
use serde_json::json;

use crate::setup::{ctx, done};
use crate::workspace::{Fault, Workspace, users::user};

/// Somebody with two apps, two app passwords and ten backup codes.
fn ann(workspace: &Workspace) -> ObjectRef {
    let id = workspace.user("ann@example.com", "E1");
    workspace.change(|all| {
        let app = |number: u32| {
            json!({
                "kind": "admin#directory#token", "userKey": id, "clientId": format!("{number}.apps"),
                "displayText": "Chat", "scopes": ["https://mail.google.com/"],
            })
        };
        all.tokens.insert(id.clone(), vec![app(1), app(2)]);
        let code = |number: u32| {
            json!({
                "kind": "admin#directory#asp", "userKey": id, "codeId": number, "name": "Mail",
                "creationTime": "1700000000", "lastTimeUsed": "0",
            })
        };
        all.app_passwords.insert(id.clone(), vec![code(7), code(8)]);
        all.codes.insert(id.clone(), (0..10).map(|number| format!("canary-{number}")).collect());
    });
    user(&id)
}

fn list(workspace: &Workspace, owner: &ObjectRef, limit: u32) -> Listing<Credential> {
    all_pages(limit, |page| {
        dispatch::list_credentials::<Google>(workspace, Some(owner), page)
    })
    .unwrap()
}

fn revoke(workspace: &Workspace, owner: &ObjectRef, categories: &[&str]) -> Result<Outcome> {
    let categories: Vec<String> = categories.iter().map(|it| (*it).to_owned()).collect();
    dispatch::revoke_credentials::<Google>(workspace, &ctx(), owner, &categories)
}

fn unreached(outcome: &Outcome) -> Vec<(&str, Option<u32>, bool)> {
    let told = outcome.effects.iter().filter_map(|effect| match effect {
        SideEffect::CredentialsUnreached(it) => {
            Some((it.category.as_str(), it.count, it.until.is_some()))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn f10_each_credential_of_somebody_is_listed_and_never_a_secret() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    let whole = list(&workspace, &ann, 100);
    let categories: Vec<&str> = whole.items.iter().map(|it| it.category.as_str()).collect();
    let expected = [
        "app-password",
        "app-password",
        "backup-codes",
        "oauth-consent",
        "oauth-consent",
    ];
    assert_eq!(categories, expected);
    assert_eq!(
        whole.items[2].extra,
        [("x-count".to_owned(), "10".to_owned())]
    );
    assert_eq!(
        whole.items[0].created.as_ref().unwrap().as_str(),
        "2023-11-14T22:13:20Z"
    );
    assert_eq!(
        whole.items[0].last_used, None,
        "zero is not known, not 1970"
    );
    assert!(!format!("{whole:?}").contains("canary"));
    for limit in 1..6 {
        assert_eq!(list(&workspace, &ann, limit), whole, "pages of {limit}");
    }
    let asked = workspace.change(|all| std::mem::take(&mut all.asked));
    let codes = asked
        .iter()
        .find(|it| it.method == "directory.verificationCodes.list")
        .unwrap();
    assert_eq!(
        codes.query("fields"),
        Some("kind,items(userId)"),
        "the codes are not asked for"
    );
}

#[test]
fn f10_all_are_ended_and_what_goes_on_is_told() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    let outcome = revoke(&workspace, &ann, &[]).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Done);
    assert_eq!(unreached(&outcome), [("access-token", None, true)]);
    let ended = outcome
        .effects
        .iter()
        .filter(|it| matches!(it, SideEffect::CredentialEnded(_)));
    assert_eq!(ended.count(), 5);
    assert_eq!(list(&workspace, &ann, 100).items, []);
    assert_eq!(
        revoke(&workspace, &ann, &[]).unwrap().kind,
        OutcomeKind::Already
    );
}

#[test]
fn only_the_categories_that_are_meant_are_ended() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    done(revoke(&workspace, &ann, &["app-password"]));
    assert_eq!(list(&workspace, &ann, 100).items.len(), 3);
    assert!(matches!(
        revoke(&workspace, &ann, &["ssh-key"]),
        Err(Problem::Unsupported(_))
    ));
}

#[test]
fn f9_the_sessions_end_and_what_is_no_session_is_told_with_its_number() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    let end = || dispatch::end_sessions::<Google>(&workspace, &ctx(), &ann).unwrap();
    let outcome = end();
    assert_eq!(workspace.change(|all| all.sessions[&ann.id]), 0);
    let expected = [
        ("access-token", None, true),
        ("oauth-consent", Some(2), false),
        ("app-password", Some(2), false),
    ];
    assert_eq!(unreached(&outcome), expected);
    done(revoke(&workspace, &ann, &[]));
    assert_eq!(unreached(&end()), [("access-token", None, true)]);
}

#[test]
fn f9_what_cannot_be_counted_is_still_told() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    workspace.fail(
        "directory.tokens.list",
        Fault::Refused(403, "forbidden", "no"),
    );
    let outcome = dispatch::end_sessions::<Google>(&workspace, &ctx(), &ann).unwrap();
    assert!(unreached(&outcome).contains(&("oauth-consent", None, false)));
}

#[test]
fn somebody_who_is_not_there_has_no_sessions_to_end() {
    let workspace = Workspace::new();
    let gone = dispatch::end_sessions::<Google>(&workspace, &ctx(), &user("9"));
    assert_eq!(gone, Err(Problem::not_found(user("9"))));
}

#[test]
fn a_failure_in_the_middle_is_told_and_the_next_call_ends_the_rest() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    workspace.fail("directory.tokens.delete", Fault::LostReply);
    assert!(matches!(
        revoke(&workspace, &ann, &[]),
        Err(Problem::OutcomeUnknown(_))
    ));
    workspace.fail(
        "directory.tokens.delete",
        Fault::Refused(404, "notFound", "x"),
    );
    assert_eq!(
        revoke(&workspace, &ann, &[]).unwrap().kind,
        OutcomeKind::Done
    );
}

#[test]
fn more_than_one_call_can_end_go_on_with_poll() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    workspace.change(|all| {
        let apps = (0..150).map(
            |number| json!({"kind": "admin#directory#token", "clientId": format!("c{number:03}")}),
        );
        all.tokens.insert(ann.id.clone(), apps.collect());
    });
    let mut outcome = revoke(&workspace, &ann, &[]).unwrap();
    let mut calls = 1;
    while outcome.kind == OutcomeKind::Pending {
        let asked = workspace.change(|all| std::mem::take(&mut all.asked).len());
        assert!(
            asked <= 100,
            "the host allows 100 requests a call, and these were {asked}"
        );
        let handle = outcome.poll.clone().unwrap();
        outcome = dispatch::poll::<Google>(&workspace, &ctx(), &handle).unwrap();
        calls += 1;
    }
    assert_eq!((outcome.kind, calls), (OutcomeKind::Done, 3));
    assert_eq!(list(&workspace, &ann, 100).items, []);
}

#[test]
fn new_backup_codes_go_to_the_host_and_never_come_here() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    let rotated = dispatch::rotate_credential::<Google>(&workspace, &ctx(), &ann).unwrap();
    assert_eq!(rotated.sealed, "sealed-0");
    assert_eq!(rotated.extra.len(), 9);
    assert_eq!(
        rotated.extra[8],
        ("x-sealed-10".to_owned(), "sealed-9".to_owned())
    );
    assert_eq!(rotated.credential.category, "backup-codes");
    assert!(matches!(
        &rotated.effects[0],
        SideEffect::CredentialEnded(_)
    ));
    let told = format!("{rotated:?}");
    assert!(!told.contains("canary"), "{told}");
    let all = workspace.change(|all| all.codes[&ann.id].clone());
    assert!(
        all.iter()
            .all(|code| code.starts_with("canary-") && code.len() > 8),
        "they are new"
    );
}

#[test]
fn new_backup_codes_that_nobody_read_leave_it_open() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    let rotate = || dispatch::rotate_credential::<Google>(&workspace, &ctx(), &ann).unwrap_err();
    for (method, fault) in [
        ("directory.verificationCodes.generate", Fault::LostReply),
        ("directory.verificationCodes.list", Fault::LostReply),
        ("directory.verificationCodes.list", Fault::Bare(503)),
        (
            "directory.verificationCodes.list",
            Fault::Refused(403, "quotaExceeded", "x"),
        ),
    ] {
        workspace.fail(method, fault);
        assert!(matches!(rotate(), Problem::OutcomeUnknown(_)), "{method}");
    }
    workspace.fail("directory.verificationCodes.generate", Fault::NotSent);
    assert!(
        matches!(rotate(), Problem::Transient(_)),
        "nothing was changed"
    );
}

#[test]
fn whoever_cannot_have_backup_codes_has_none() {
    let workspace = Workspace::new();
    let ann = ann(&workspace);
    workspace.fail(
        "directory.verificationCodes.list",
        Fault::Refused(400, "invalid", "Invalid Input"),
    );
    assert_eq!(list(&workspace, &ann, 100).items.len(), 4);
}

#[test]
fn credentials_of_everybody_are_not_listed() {
    let workspace = Workspace::new();
    let page = muster_sdk::PageRequest::first(100);
    let all = dispatch::list_credentials::<Google>(&workspace, None, &page);
    assert!(matches!(all, Err(Problem::Unsupported(_))));
}
