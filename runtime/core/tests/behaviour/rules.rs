//! Rules that hold for each case of something, and the corners that no scenario reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_core::adoption::AdoptionId;
use muster_core::connector::{
    AccountSpec, AccountState, EntitlementKey, OutcomeKind, Problem, Read, RemoteAccount,
    RemoteAttributes, RemoteGrant, Scalar, SideEffect,
};
use muster_core::id::{OperationId, PlanId};
use muster_core::observe::{self, ReadBack};
use muster_core::operation::{
    AccountSeen, Action, Completion, Event, How, Observation, Operation, RetryPolicy, State, Step,
    Transition, Urgency, decide, retried_by_hand, retried_by_version, step,
};
use muster_core::person::{Account, Grant, Justification, Origin, Person};

use muster_core::standing::Standing;

use crate::app::{group, outcome, user};
use crate::world::{at, person, row, target};

const NOW: &str = "2026-03-01T09:00:00Z";

pub(crate) fn sent(action: Action, attempt: u32) -> Operation {
    let since = at(NOW);
    Operation {
        id: OperationId {
            plan: PlanId(1),
            number: 1,
        },
        action,
        urgency: Urgency::Leaver,
        reason: "hr:1: leaver by file".to_owned(),
        state: State::InFlight { attempt, since },
    }
}

pub(crate) fn creation(may_adopt: bool) -> Action {
    Action::EnsureAccount(Arc::new(AccountSpec {
        match_keys: vec![("externalId".to_owned(), "1".to_owned())],
        may_adopt,
        initial_state: AccountState::Active,
        attributes: BTreeMap::new(),
    }))
}

pub(crate) fn right() -> EntitlementKey {
    EntitlementKey::of(&group("g-sales"))
}

pub(crate) fn problems() -> Vec<Problem> {
    let text = || "of the app's own words".to_owned();
    vec![
        Problem::Transient {
            text: text(),
            after_ms: Some(90_000),
        },
        Problem::RateLimited {
            after_ms: Some(90_000),
        },
        Problem::OutcomeUnknown(text()),
        Problem::CursorExpired,
        Problem::TokenExpired,
        Problem::Unauthenticated(text()),
        Problem::Forbidden(vec![text()]),
        Problem::NotFound(Some(user("u1"))),
        Problem::Conflict(None),
        Problem::Stale,
        Problem::Invalid(vec![(text(), text())]),
        Problem::NoCapacity(text()),
        Problem::Guarded(text()),
        Problem::Unsupported(text()),
        Problem::RemoteDefect(text()),
        Problem::Denied(text()),
        Problem::PluginFailed {
            text: text(),
            sent: false,
        },
        Problem::PluginFailed {
            text: text(),
            sent: true,
        },
    ]
}

pub(crate) fn actions() -> Vec<Action> {
    vec![
        creation(false),
        creation(true),
        Action::EnsureState(AccountState::Active),
        Action::EnsureState(AccountState::Suspended),
        Action::EndSessions,
        Action::RevokeCredentials,
        Action::EnsureGranted(right()),
        Action::EnsureRevoked(right()),
        Action::TransferOwned(person("2")),
        Action::EnsureAbsent,
    ]
}

#[test]
fn f14_every_problem_has_a_text_and_a_next_attempt_or_a_halt() {
    let retry = RetryPolicy::default();
    for action in actions() {
        for problem in problems() {
            for attempt in [1, 2, 5, 12, 1000] {
                let operation = sent(action.clone(), attempt);
                let text = problem.text();
                assert!(!text.is_empty() && !text.ends_with('.'), "{text:?}");
                let event = Event::Replied(Err(problem.clone()));
                let change = decide(&operation, event, at(NOW), &retry);
                let next = match &change {
                    Transition::Deferred { until, .. } => *until,
                    Transition::Lost {
                        observe_at, text, ..
                    } => {
                        assert!(!text.is_empty());
                        *observe_at
                    }
                    Transition::Halted { .. } => continue,
                    other => panic!("{problem:?} leads to {other:?}"),
                };
                let longest = retry.backoff_max.max(Duration::from_secs(90));
                assert!(
                    next <= muster_core::operation::later(at(NOW), longest),
                    "{change:?}"
                );
            }
        }
    }
}

#[test]
fn what_takes_access_away_is_never_given_up_for_want_of_attempts() {
    let retry = RetryPolicy::default();
    let text = || "503".to_owned();
    for action in actions().into_iter().filter(Action::is_removal) {
        for problem in [
            Problem::Transient {
                text: text(),
                after_ms: None,
            },
            Problem::RateLimited { after_ms: None },
            Problem::Stale,
            Problem::OutcomeUnknown(text()),
            Problem::RemoteDefect(text()),
            Problem::Unauthenticated(text()),
        ] {
            let operation = sent(action.clone(), 1_000_000);
            let event = Event::Replied(Err(problem));
            let change = decide(&operation, event, at(NOW), &retry);
            assert!(
                matches!(
                    change,
                    Transition::Deferred { .. } | Transition::Lost { .. }
                ),
                "{change:?}"
            );
        }
    }
}

#[test]
fn what_gives_access_is_halted_after_the_last_attempt() {
    let retry = RetryPolicy::default();
    let halts = |problem: Problem, attempt: u32| {
        let operation = sent(Action::EnsureGranted(right()), attempt);
        let change = decide(&operation, Event::Replied(Err(problem)), at(NOW), &retry);
        matches!(change, Transition::Halted { .. })
    };
    assert!(!halts(Problem::Stale, retry.attempts_max - 1));
    assert!(halts(Problem::Stale, retry.attempts_max));
    // An app that asks for a slower pace is not at an end.
    assert!(!halts(Problem::RateLimited { after_ms: None }, 1000));
}

#[test]
fn the_wait_grows_to_its_bound_and_is_never_less_than_the_app_asks() {
    let retry = RetryPolicy::default();
    assert_eq!(retry.backoff(1, None), Duration::from_secs(1));
    assert_eq!(retry.backoff(4, None), Duration::from_secs(8));
    assert_eq!(retry.backoff(u32::MAX, None), retry.backoff_max);
    assert_eq!(retry.backoff(1, Some(3_600_000)), Duration::from_hours(1));
}

#[test]
fn a_look_that_decides_nothing_is_followed_by_a_later_one() {
    let retry = RetryPolicy::default();
    let mut operation = sent(Action::EnsureGranted(right()), 1);
    let mut now = at(NOW);
    let mut waits = Vec::new();
    for _ in 0..14 {
        let failed = Event::Observed(Observation::Failed(Problem::OutcomeUnknown(String::new())));
        let change = decide(&operation, failed, now, &retry);
        operation.state = operation.after(&change, now).unwrap();
        let State::Unknown { observe_at, .. } = operation.state else {
            panic!("{:?}", operation.state);
        };
        waits.push(observe_at.duration_since(now).as_secs());
        now = observe_at;
    }
    assert!(waits.is_sorted(), "{waits:?}");
    assert_eq!(waits.last(), Some(&900));
}

#[test]
fn a_poll_that_fails_does_not_begin_the_thing_again() {
    let retry = RetryPolicy::default();
    let mut operation = sent(creation(false), 1);
    operation.state = State::Pending {
        attempt: 1,
        handle: "job-1".to_owned(),
        poll_at: at(NOW),
    };
    let text = || "503".to_owned();
    for event in [
        Event::Interrupted("the daemon stopped".to_owned()),
        Event::Replied(Err(Problem::Transient {
            text: text(),
            after_ms: None,
        })),
        Event::Replied(Err(Problem::RateLimited { after_ms: None })),
        Event::Replied(Err(Problem::Unauthenticated(text()))),
        Event::Replied(Err(Problem::Denied(text()))),
        Event::Replied(Err(Problem::RemoteDefect(text()))),
        Event::Replied(Err(Problem::PluginFailed {
            text: text(),
            sent: true,
        })),
    ] {
        let change = decide(&operation, event, at(NOW), &retry);
        assert!(
            matches!(&change, Transition::LeftPending { handle, poll_at, .. } if handle == "job-1" && *poll_at > at(NOW)),
            "{change:?}"
        );
    }
    // A job that the app no longer knows is as unknown as a reply that never came.
    let event = Event::Replied(Err(Problem::OutcomeUnknown(text())));
    assert!(matches!(
        decide(&operation, event, at(NOW), &retry),
        Transition::Lost { .. }
    ));
}

#[test]
fn a_creation_that_cannot_be_looked_up_is_not_sent_again() {
    let retry = RetryPolicy::default();
    let mut operation = sent(creation(false), 1);
    operation.state = State::Unknown {
        attempt: 1,
        observe_at: at(NOW),
        looks: 3,
        text: String::new(),
        by_plugin: false,
    };
    let event = Event::Observed(Observation::CannotTell);
    assert!(matches!(
        decide(&operation, event, at(NOW), &retry),
        Transition::Lost { .. }
    ));
}

#[test]
fn what_is_out_is_not_retried_by_hand() {
    let mut operation = sent(creation(false), 1);
    assert_eq!(retried_by_hand(&operation, at(NOW)), None);
    let problem = Problem::Conflict(None);
    operation.state = State::Halted {
        attempt: 12,
        since: at(NOW),
        problem,
    };
    let change = retried_by_hand(&operation, at(NOW)).unwrap();
    let state = operation.after(&change, at(NOW)).unwrap();
    assert_eq!(step(&state, at(NOW)), Step::Send(13));
}

fn read_back(account: Option<RemoteAccount>) -> ReadBack {
    ReadBack::Account(account)
}

fn shown(
    id: &str,
    state: AccountState,
    keys: &[(&str, &str)],
    attributes: &[(&str, &str)],
) -> RemoteAccount {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    RemoteAccount {
        object: user(id),
        state,
        keys: keys.iter().map(text).collect(),
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![Scalar::Text((*value).to_owned())]))
            .collect(),
        protected_reason: None,
    }
}

#[test]
fn f16_absence_is_no_proof_before_the_app_has_proven_itself() {
    let retry = RetryPolicy::default();
    let removals = [
        (
            Action::EnsureState(AccountState::Suspended),
            Ok(read_back(None)),
        ),
        (Action::EnsureAbsent, Ok(read_back(None))),
        (Action::EnsureRevoked(right()), Err(Problem::NotFound(None))),
        (Action::EndSessions, Err(Problem::NotFound(None))),
        (Action::RevokeCredentials, Err(Problem::NotFound(None))),
    ];
    for (action, seen) in removals {
        let observation = observe::judge(&action, seen);
        assert_eq!(observation, Observation::Absent, "{action:?}");
        let mut operation = sent(action, 1);
        for how in [How::Already, How::Done] {
            operation.state = State::Verifying {
                attempt: 1,
                verify_at: at(NOW),
                how,
            };
            let event = Event::Observed(observation.clone());
            let change = decide(&operation, event, at(NOW), &retry);
            // Only an app that deleted it just now has shown that it is the right one.
            let is_proof = how == How::Done && operation.action == Action::EnsureAbsent;
            assert_eq!(
                matches!(change, Transition::Completed(_)),
                is_proof,
                "{operation:?}"
            );
        }
    }
    let known = Account {
        object: Some(user("u1")),
        ..Account::default()
    };
    let gone = AccountSeen {
        object: user("u1"),
        state: AccountState::Deleted,
    };
    let absent = |read: Read| observe::proven_absent(&read, &known);
    assert_eq!(
        absent(Read::Account(user("u1"))),
        Observation::Satisfied(Some(gone))
    );
    // The right may be what is gone; the account is not taken for gone with it.
    assert_eq!(
        absent(Read::GrantsOf(user("u1"))),
        Observation::Satisfied(None)
    );
    assert_eq!(absent(Read::Account(user("u2"))), Observation::Absent);
}

#[test]
fn a_listing_that_is_not_whole_shows_no_absence() {
    let (give, take) = (
        Action::EnsureGranted(right()),
        Action::EnsureRevoked(right()),
    );
    let grant = RemoteGrant {
        principal: user("u1"),
        entitlement: group("g-sales"),
        is_direct: true,
        via: Vec::new(),
        immutable_reason: None,
    };
    let see = |grants: &[RemoteGrant], is_whole| Ok(ReadBack::Grants(grants.to_vec(), is_whole));
    for (action, grants, is_whole, expected) in [
        (
            &give,
            vec![grant.clone()],
            false,
            Observation::Satisfied(None),
        ),
        (&give, vec![], true, Observation::Unsatisfied(None)),
        (&give, vec![], false, Observation::CannotTell),
        (&take, vec![grant], false, Observation::Unsatisfied(None)),
        (&take, vec![], true, Observation::Satisfied(None)),
        (&take, vec![], false, Observation::CannotTell),
    ] {
        assert_eq!(
            observe::judge(action, see(&grants, is_whole)),
            expected,
            "{action:?}"
        );
    }
}

#[test]
fn an_account_found_by_its_keys_is_ours_only_if_it_looks_like_what_was_sent() {
    let spec = |may_adopt| {
        let Action::EnsureAccount(mut shared) = creation(may_adopt) else {
            unreachable!()
        };
        let spec = Arc::make_mut(&mut shared);
        spec.match_keys
            .push(("email".to_owned(), "Ada@X.example".to_owned()));
        let set = muster_core::connector::AttributeChange::Set;
        let value = |text: &str| set(vec![Scalar::Text(text.to_owned())]);
        spec.attributes
            .insert("userName".to_owned(), value("Ada@X.example"));
        spec.attributes.insert("title".to_owned(), value("Closer"));
        Action::EnsureAccount(shared)
    };
    let keys = [("externalId", "1"), ("email", "ada@x.example")];
    let active = AccountState::Active;
    let ours = shown(
        "u1",
        active,
        &keys,
        &[("userName", "ada@x.example"), ("title", "Closer")],
    );
    let foreign = shown(
        "u2",
        active,
        &keys,
        &[("userName", "root"), ("title", "Closer")],
    );
    let half = shown("u3", active, &keys[..1], &[("userName", "Ada@X.example")]);
    let binned = shown("u4", AccountState::Deleted, &keys, &[]);
    let mut protected = ours.clone();
    protected.protected_reason = Some("the tenant's root".to_owned());
    let seen = |account: &RemoteAccount| AccountSeen {
        object: account.object.clone(),
        state: account.state,
    };
    let conflict = |id: &str| Observation::Failed(Problem::Conflict(Some(user(id))));
    for (may_adopt, found, expected) in [
        (false, vec![], Observation::Unsatisfied(None)),
        (false, vec![binned.clone()], Observation::Unsatisfied(None)),
        // The app writes the name in its own way; it is the one that was made.
        (
            false,
            vec![ours.clone(), binned],
            Observation::Unsatisfied(Some(seen(&ours))),
        ),
        (false, vec![foreign.clone()], conflict("u2")),
        (
            true,
            vec![foreign.clone()],
            Observation::Unsatisfied(Some(seen(&foreign))),
        ),
        (true, vec![half], conflict("u3")),
        (true, vec![foreign, ours], conflict("u2")),
        (
            true,
            vec![protected],
            Observation::Failed(Problem::Guarded("the tenant's root".to_owned())),
        ),
    ] {
        let action = spec(may_adopt);
        assert_eq!(
            observe::judge(&action, Ok(ReadBack::Accounts(found))),
            expected
        );
    }
}

#[test]
fn a_connector_is_never_asked_to_take_an_account_over_by_itself() {
    let account = Account::default();
    let call = observe::call(&creation(true), &account, None).unwrap();
    let muster_core::connector::Change::EnsureAccount(desired) = call else {
        panic!("{call:?}");
    };
    assert!(!desired.may_adopt);
}

fn known_account(state: AccountState) -> Account {
    let grant = Grant {
        justifications: BTreeSet::from([Justification::Adoption(AdoptionId(1))]),
        since: Some(at(NOW)),
        plan: Some(PlanId(1)),
        was_taken_along: false,
    };
    Account {
        is_wanted: true,
        object: Some(user("u1")),
        state: Some(state),
        keys: vec![("externalId".to_owned(), "1".to_owned())],
        attributes: RemoteAttributes::new(),
        grants: [(right(), grant)].into(),
        let_go_at: None,
        delete_at: None,
        lost_at: None,
        taken: BTreeMap::new(),
        drift: None,
        operations: Vec::new(),
    }
}

/// A person with one account at the crm and this operation in flight.
fn with_operation(account: Account, operation: Operation) -> Person {
    let mut account = account;
    account.operations = vec![operation];
    Person {
        id: person("1"),
        identity: row(&[("department", "Sales")]),
        records: BTreeMap::default(),
        origin: Origin {
            plan: PlanId(1),
            row: Some(2),
        },
        is_present: true,
        phase: muster_core::identity::Phase::Active,
        wake_at: None,
        counted: None,
        lost: BTreeMap::new(),
        back_at: None,
        is_end_settled: false,
        standing: Standing::default(),
        plan: PlanId(1),
        accounts: [(target("crm"), account)].into(),
    }
}

#[test]
fn an_answer_about_another_account_is_not_taken_for_this_one() {
    let operation = sent(Action::EnsureGranted(right()), 1);
    let id = operation.id;
    let mut person = with_operation(known_account(AccountState::Active), operation.clone());
    let stranger = shown("u9", AccountState::Suspended, &[], &[]);
    let reply = Event::Replied(Ok(outcome(OutcomeKind::Done, Some(stranger))));
    let change = decide(&operation, reply, at(NOW), &RetryPolicy::default());
    assert!(person.changed(&target("crm"), id, &change, at(NOW)));
    let account = &person.accounts[&target("crm")];
    assert_eq!(account.object, Some(user("u1")));
    assert_eq!(account.state, Some(AccountState::Active));
}

#[test]
fn a_claim_of_removal_is_believed_once_it_was_read_back() {
    let operation = sent(Action::EnsureAbsent, 1);
    let id = operation.id;
    let mut account = known_account(AccountState::Suspended);
    account.is_wanted = false;
    account.grants.clear();
    let mut person = with_operation(account, operation.clone());
    let gone = shown("u1", AccountState::Deleted, &[], &[]);
    let mut said = outcome(OutcomeKind::Done, Some(gone));
    said.effects.push(SideEffect::ObjectRemoved(user("u1")));
    let retry = RetryPolicy::default();
    let change = decide(&operation, Event::Replied(Ok(said)), at(NOW), &retry);
    person.changed(&target("crm"), id, &change, at(NOW));
    let operation = person.accounts[&target("crm")].operations[0].clone();
    // Reading it back shows it alive: the deletion goes on, and nothing was believed meanwhile.
    let alive = read_back(Some(shown("u1", AccountState::Suspended, &[], &[])));
    let seen = Event::Observed(observe::judge(&operation.action, Ok(alive)));
    let change = decide(&operation, seen, at(NOW), &retry);
    person.changed(&target("crm"), id, &change, at(NOW));
    let account = &person.accounts[&target("crm")];
    assert!(account.exists());
    assert!(matches!(account.operations[0].state, State::Waiting { .. }));
}

#[test]
fn a_side_effect_is_recorded_where_the_ledger_owns_the_right_and_nowhere_else() {
    let operation = sent(Action::EnsureGranted(right()), 1);
    let id = operation.id;
    let mut person = with_operation(known_account(AccountState::Active), operation);
    let other = EntitlementKey::of(&group("g-default"));
    let change = Transition::Completed(Completion {
        how: How::Done,
        account: None,
        effects: vec![
            SideEffect::GrantAdded(user("u1"), other.clone()),
            SideEffect::GrantRemoved(user("u1"), other),
            // Somebody else's is recorded of them.
            SideEffect::GrantRemoved(user("u2"), right()),
        ],
        unreachable: Vec::new(),
        evidence: None,
    });
    person.changed(&target("crm"), id, &change, at(NOW));
    let grants: Vec<_> = person.accounts[&target("crm")]
        .grants
        .keys()
        .cloned()
        .collect();
    assert_eq!(grants, [right()]);
}

#[test]
fn a_change_of_an_operation_that_is_no_more_changes_nothing() {
    let operation = sent(creation(false), 1);
    let mut person = with_operation(known_account(AccountState::Active), operation);
    let before = person.clone();
    let id = OperationId {
        plan: PlanId(9),
        number: 9,
    };
    for place in ["crm", "wiki"] {
        let change = Transition::Dispatched { attempt: 1 };
        assert!(!person.changed(&target(place), id, &change, at(NOW)));
    }
    assert_eq!(person, before);
}

#[test]
fn c56_what_the_plugin_failed_at_keeps_its_reason_and_is_retried_by_another_version() {
    let retry = RetryPolicy::default();
    let mut operation = sent(creation(false), 12);
    let failed = Problem::PluginFailed {
        text: "it gave up".to_owned(),
        sent: true,
    };
    let lost = decide(&operation, Event::Replied(Err(failed)), at(NOW), &retry);
    operation.state = operation.after(&lost, at(NOW)).unwrap();
    let State::Unknown { by_plugin, .. } = &operation.state else {
        panic!("{:?}", operation.state);
    };
    assert!(by_plugin, "{:?}", operation.state);

    // Another version looks at once, however long the wait would have been.
    let looked = retried_by_version(&operation, at(NOW)).unwrap();
    assert!(
        matches!(&looked, Transition::Lost { observe_at, by_plugin: true, .. } if *observe_at == at(NOW)),
        "{looked:?}"
    );

    // Looking shows that nothing was done, and there is no attempt left: it was the plugin, not the app.
    let nothing = || Event::Observed(Observation::Unsatisfied(None));
    let mut halted = decide(&operation, nothing(), at(NOW), &retry);
    while matches!(halted, Transition::Lost { .. }) {
        operation.state = operation.after(&halted, at(NOW)).unwrap();
        halted = decide(&operation, nothing(), at(NOW), &retry);
    }
    let Transition::Halted { problem, .. } = &halted else {
        panic!("{halted:?}");
    };
    assert!(
        matches!(problem, Problem::PluginFailed { .. }) && problem.text().contains("it gave up"),
        "{problem:?}"
    );
    operation.state = operation.after(&halted, at(NOW)).unwrap();
    assert!(matches!(
        retried_by_version(&operation, at(NOW)),
        Some(Transition::Deferred { .. })
    ));

    // What a person or the app has to put right does not wake.
    for problem in [
        Problem::Conflict(None),
        Problem::Guarded("last-owner".to_owned()),
        Problem::NoCapacity(String::new()),
    ] {
        operation.state = State::Halted {
            attempt: 1,
            since: at(NOW),
            problem,
        };
        assert_eq!(retried_by_version(&operation, at(NOW)), None);
    }
}
