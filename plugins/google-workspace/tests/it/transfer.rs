//! What a leaver owned goes to somebody else.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{Instant, ObjectRef, Outcome, OutcomeKind, Problem, Result, dispatch};
use serde_json::json;

use crate::setup::{ctx, done};
use crate::workspace::{Fault, Workspace, users::user};

fn two(workspace: &Workspace) -> (ObjectRef, ObjectRef) {
    let ann = workspace.user("ann@example.com", "E1");
    (user(&ann), user(&workspace.user("heir@example.com", "E2")))
}

fn transfer(workspace: &Workspace, (from, to): &(ObjectRef, ObjectRef)) -> Result<Outcome> {
    dispatch::transfer_owned::<Google>(workspace, &ctx(), from, to)
}

fn poll(workspace: &Workspace, outcome: &Outcome) -> Result<Outcome> {
    dispatch::poll::<Google>(workspace, &ctx(), outcome.poll.as_ref().unwrap())
}

fn becomes(workspace: &Workspace, status: &str) {
    workspace.change(|all| all.transfers[0]["overallTransferStatusCode"] = status.into());
}

#[test]
fn a_transfer_goes_on_until_google_says_that_it_is_complete() {
    let workspace = Workspace::new();
    let pair = two(&workspace);
    let begun = transfer(&workspace, &pair).unwrap();
    assert_eq!(begun.kind, OutcomeKind::Pending);
    assert_eq!(poll(&workspace, &begun).unwrap().kind, OutcomeKind::Pending);
    becomes(&workspace, "completed");
    assert_eq!(poll(&workspace, &begun).unwrap().kind, OutcomeKind::Done);
    let sent = workspace.change(|all| all.transfers[0].clone());
    assert_eq!(sent["oldOwnerUserId"], pair.0.id.as_str());
    assert_eq!(
        sent["applicationDataTransfers"],
        json!([
            {"applicationId": "55656082996", "applicationTransferParams": [
                {"key": "PRIVACY_LEVEL", "value": ["PRIVATE", "SHARED"]},
            ]},
            {"applicationId": "435070579839", "applicationTransferParams": []},
        ])
    );
}

#[test]
fn one_that_runs_is_joined_and_one_that_just_ended_counts() {
    let workspace = Workspace::new();
    let pair = two(&workspace);
    let first = transfer(&workspace, &pair).unwrap();
    let second = transfer(&workspace, &pair).unwrap();
    assert_eq!(second.poll, first.poll);
    becomes(&workspace, "completed");
    assert_eq!(
        transfer(&workspace, &pair).unwrap().kind,
        OutcomeKind::Already
    );
    assert_eq!(workspace.writes(), ["datatransfer.transfers.insert"]);
    *workspace.now.borrow_mut() = Instant::parse("2026-11-24T08:00:00Z").unwrap();
    let anew = transfer(&workspace, &pair).unwrap();
    assert_eq!(
        anew.kind,
        OutcomeKind::Pending,
        "there may be new files since"
    );
    assert_ne!(anew.poll, first.poll);
}

#[test]
fn a_lost_reply_does_not_begin_it_twice() {
    let workspace = Workspace::new();
    let pair = two(&workspace);
    workspace.fail("datatransfer.transfers.insert", Fault::LostReply);
    assert!(matches!(
        transfer(&workspace, &pair),
        Err(Problem::OutcomeUnknown(_))
    ));
    assert_eq!(
        transfer(&workspace, &pair).unwrap().kind,
        OutcomeKind::Pending
    );
    assert_eq!(workspace.change(|all| all.transfers.len()), 1);
}

#[test]
fn what_google_could_not_transfer_is_for_a_person_and_can_be_begun_anew() {
    let workspace = Workspace::new();
    let pair = two(&workspace);
    let begun = transfer(&workspace, &pair).unwrap();
    becomes(&workspace, "failed");
    let outcome = poll(&workspace, &begun).unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman);
    assert!(outcome.instructions.unwrap().contains("Admin console"));
    assert_eq!(
        transfer(&workspace, &pair).unwrap().kind,
        OutcomeKind::Pending
    );
    assert_eq!(workspace.change(|all| all.transfers.len()), 2);
}

#[test]
fn a_transfer_of_another_pair_is_none_of_this_one() {
    let workspace = Workspace::new();
    let (ann, heir) = two(&workspace);
    let other = user(&workspace.user("other@example.com", "E3"));
    done(transfer(&workspace, &(ann.clone(), other)));
    done(transfer(&workspace, &(ann, heir)));
    assert_eq!(workspace.change(|all| all.transfers.len()), 2);
}

#[test]
fn a_poll_that_fails_begins_nothing_and_an_unknown_handle_is_open() {
    let workspace = Workspace::new();
    let begun = transfer(&workspace, &two(&workspace)).unwrap();
    workspace.fail("datatransfer.transfers.get", Fault::Bare(503));
    assert!(matches!(
        poll(&workspace, &begun),
        Err(Problem::Transient(_))
    ));
    for handle in ["transfer/T999", "transfer", "x/y", "", "revoke/1/passwords"] {
        let unknown = dispatch::poll::<Google>(&workspace, &ctx(), handle);
        assert!(
            matches!(unknown, Err(Problem::OutcomeUnknown(_))),
            "{handle}"
        );
    }
}

#[test]
fn only_the_applications_of_the_settings_are_transferred() {
    let workspace = Workspace::new().with("transfer_apps", "calendar");
    done(transfer(&workspace, &two(&workspace)));
    let sent = workspace.change(|all| all.transfers[0].clone());
    assert_eq!(
        sent["applicationDataTransfers"].as_array().unwrap().len(),
        1
    );
    let workspace = Workspace::new().with("transfer_apps", "Maps");
    let refused = transfer(&workspace, &two(&workspace)).unwrap_err();
    assert!(matches!(&refused, Problem::Invalid(faults) if faults[0].field == "transfer_apps"));
}

#[test]
fn whoever_is_not_there_neither_gives_nor_gets() {
    let workspace = Workspace::new();
    let (ann, _) = two(&workspace);
    assert_eq!(
        transfer(&workspace, &(ann.clone(), user("9"))),
        Err(Problem::not_found(user("9")))
    );
    assert_eq!(
        transfer(&workspace, &(user("9"), ann.clone())),
        Err(Problem::not_found(user("9")))
    );
    assert!(matches!(
        transfer(&workspace, &(ann.clone(), ann)),
        Err(Problem::Invalid(_))
    ));
}
