//! What the product once got wrong about the answers of apps: waits, refusals, and what counts as seen.

use std::time::Duration;

use jiff::SignedDuration;
use muster_core::connector::{AccountState, OutcomeKind, Problem, Unreached};
use muster_core::operation::{
    AccountSeen, Action, Completion, Event, How, Observation, RetryPolicy, State, Step, Transition,
    decide, retried_by_hand, waited_too_long,
};

use crate::app::{Fault, outcome, user};
use crate::rules::{actions, creation, problems, right, sent};
use crate::world::{World, at, role, row};

const NOW: &str = "2026-03-01T09:00:00Z";

/// A company of one person with an account and a group, whose app answers the next changes with these.
fn leaver_at_an_app_that_answers(faults: Vec<Fault>) -> World {
    let mut world = World::new();
    world.connect("crm", &["Sales"]);
    world.source.roles = vec![role("sales", "true", "crm", &["group:Sales"])];
    world.hr(&[(
        "1",
        row(&[("department", "Sales"), ("email", "a@x.example")]),
    )]);
    world.drive();
    world.app("crm").faults.extend(faults);
    world.hr(&[(
        "2",
        row(&[("department", "Sales"), ("email", "b@x.example")]),
    )]);
    world
}

#[test]
fn c17_a_removal_is_tried_again_whatever_the_app_answers() {
    for problem in problems() {
        let mut world = leaver_at_an_app_that_answers(vec![
            Fault::Refused(problem.clone()),
            Fault::Refused(problem.clone()),
        ]);
        world.drive();
        assert_eq!(
            world.account("1", "crm").state,
            Some(AccountState::Suspended),
            "after {problem:?}\n{}",
            world.log.join("\n")
        );
        assert!(
            world.account("1", "crm").operations.is_empty(),
            "{problem:?}"
        );
    }
}

#[test]
fn c17_the_pauses_between_attempts_at_a_removal_grow_from_a_second_to_their_bound() {
    let retry = RetryPolicy::default();
    for problem in [
        Problem::Forbidden(Vec::new()),
        Problem::Invalid(Vec::new()),
        Problem::Guarded("self-lockout".to_owned()),
    ] {
        let mut operation = sent(Action::EnsureState(AccountState::Suspended), 1);
        let (mut now, mut waits) = (at(NOW), Vec::new());
        for attempt in 1..=14 {
            let since = now;
            operation.state = State::InFlight { attempt, since };
            let change = decide(
                &operation,
                Event::Replied(Err(problem.clone())),
                now,
                &retry,
            );
            operation.state = operation.after(&change, now).unwrap();
            let Step::WaitUntil(next) = operation.step(now) else {
                panic!("{operation:?}")
            };
            waits.push(next.duration_since(now).as_secs());
            assert_eq!(operation.step(next), Step::Send(attempt + 1));
            now = next;
        }
        assert_eq!(&waits[..4], [1, 2, 4, 8], "{problem:?}");
        assert_eq!(waits.last(), Some(&900), "{problem:?}");
    }
}

#[test]
fn c18_no_app_makes_a_removal_wait_longer_than_a_quarter_of_an_hour() {
    let retry = RetryPolicy::default();
    let day = Some(86_400_000);
    let longest = SignedDuration::from_mins(15);
    for action in actions() {
        let bound = if action.is_removal() {
            longest
        } else {
            SignedDuration::from_hours(1)
        };
        let limited = || Problem::RateLimited { after_ms: day };
        let pending = OutcomeKind::Pending {
            handle: "job-1".to_owned(),
            poll_after_ms: u32::MAX,
        };
        let mut unknown = sent(action.clone(), 1);
        unknown.state = State::Unknown {
            attempt: 1,
            observe_at: at(NOW),
            looks: 0,
            text: String::new(),
            by_plugin: false,
        };
        for (operation, event) in [
            (sent(action.clone(), 1), Event::Replied(Err(limited()))),
            (
                sent(action.clone(), 1),
                Event::Replied(Ok(outcome(pending, None))),
            ),
            (unknown, Event::Observed(Observation::Failed(limited()))),
        ] {
            let change = decide(&operation, event, at(NOW), &retry);
            let (Transition::Deferred { until, .. }
            | Transition::LeftPending { poll_at: until, .. }
            | Transition::Lost {
                observe_at: until, ..
            }) = change
            else {
                panic!("{change:?}")
            };
            assert!(
                until.duration_since(at(NOW)) <= bound,
                "{action:?}: {until}"
            );
        }
    }
}

#[test]
fn c18_somebody_who_asks_has_the_next_step_taken_at_once() {
    let later = at("2026-03-02T09:00:00Z");
    let (attempt, text) = (1, String::new());
    for (state, step) in [
        (
            State::Waiting {
                attempt,
                until: later,
                problem: Problem::Stale,
            },
            Step::Send(2),
        ),
        (
            State::Unknown {
                attempt,
                observe_at: later,
                looks: 3,
                text,
                by_plugin: false,
            },
            Step::Observe,
        ),
        (
            State::Pending {
                attempt,
                handle: "job-1".to_owned(),
                poll_at: later,
            },
            Step::Poll,
        ),
        (
            State::Halted {
                attempt,
                since: later,
                problem: Problem::Stale,
            },
            Step::Send(2),
        ),
    ] {
        let mut operation = sent(Action::EndSessions, 1);
        operation.state = state;
        let change = retried_by_hand(&operation, at(NOW)).unwrap();
        operation.state = operation.after(&change, at(NOW)).unwrap();
        assert_eq!(operation.step(at(NOW)), step);
    }
}

#[test]
fn c19_an_account_whose_making_was_not_answered_is_looked_for_until_reads_have_caught_up() {
    let retry = RetryPolicy::default();
    let mut operation = sent(creation(false), 1);
    let mut now = at(NOW);
    let lost = Event::Replied(Err(Problem::OutcomeUnknown("503".to_owned())));
    let change = decide(&operation, lost, now, &retry);
    operation.state = operation.after(&change, now).unwrap();
    while let State::Unknown { observe_at, .. } = operation.state {
        now = observe_at;
        let nothing = Event::Observed(Observation::Unsatisfied(None));
        let change = decide(&operation, nothing, now, &retry);
        operation.state = operation.after(&change, now).unwrap();
    }
    // Only then is it made, for the second time perhaps.
    assert!(matches!(operation.state, State::Waiting { .. }));
    assert!(now.duration_since(at(NOW)) >= SignedDuration::from_secs(3));
}

#[test]
fn c20_what_is_not_found_yet_is_tried_again_for_minutes() {
    let retry = RetryPolicy::default();
    for action in [
        Action::EnsureGranted(right()),
        Action::EnsureState(AccountState::Active),
    ] {
        let (mut now, mut attempt) = (at(NOW), 1);
        loop {
            let not_found = Event::Replied(Err(Problem::NotFound(Some(user("u1")))));
            let mut operation = sent(action.clone(), attempt);
            let change = decide(&operation, not_found, now, &retry);
            // It is looked at first: the account may be there under another key.
            let change = match change {
                Transition::Lost { observe_at, .. } => {
                    now = observe_at;
                    operation.state = operation.after(&change, now).unwrap();
                    let nothing = Event::Observed(Observation::Unsatisfied(None));
                    decide(&operation, nothing, now, &retry)
                }
                other => other,
            };
            match change {
                Transition::Deferred { until, .. } => (now, attempt) = (until, attempt + 1),
                Transition::Halted { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        let waited = now.duration_since(at(NOW));
        assert!(
            waited > SignedDuration::from_mins(4),
            "{action:?}: {waited}"
        );
        assert!(
            waited < SignedDuration::from_mins(15),
            "{action:?}: {waited}"
        );
    }
}

#[test]
fn c23_an_instant_that_a_clock_wrote_that_was_ahead_counts_as_due() {
    let retry = RetryPolicy {
        lag: Duration::from_secs(30),
        ..RetryPolicy::default()
    };
    let ahead = at("2028-03-01T09:00:00Z");
    let (attempt, how, problem) = (2, How::Done, || Problem::Stale);
    let states = |until| {
        [
            State::Waiting {
                attempt,
                until,
                problem: problem(),
            },
            State::Unknown {
                attempt,
                observe_at: until,
                looks: 1,
                text: String::new(),
                by_plugin: false,
            },
            State::Pending {
                attempt,
                handle: "job-1".to_owned(),
                poll_at: until,
            },
            State::Verifying {
                attempt,
                verify_at: until,
                how,
            },
            State::Halted {
                attempt,
                since: until,
                problem: problem(),
            },
        ]
    };
    for action in [Action::EndSessions, Action::EnsureRevoked(right())] {
        for state in states(ahead) {
            let mut operation = sent(action.clone(), attempt);
            operation.state = state;
            let change = waited_too_long(&operation, at(NOW), &retry).unwrap();
            operation.state = operation.after(&change, at(NOW)).unwrap();
            assert!(
                !matches!(operation.step(at(NOW)), Step::WaitUntil(_)),
                "{operation:?}"
            );
        }
        for state in states(at("2026-03-01T09:14:00Z")) {
            let mut operation = sent(action.clone(), attempt);
            operation.state = state;
            assert_eq!(waited_too_long(&operation, at(NOW), &retry), None);
        }
    }
}

#[test]
fn c26_what_cannot_be_read_back_ends_as_it_was_answered_and_keeps_what_goes_on() {
    let retry = RetryPolicy::default();
    let mut world = leaver_at_an_app_that_answers(Vec::new());
    let person = world.people.values_mut().find(|person| !person.is_present);
    let person = person.unwrap();
    let target = crate::world::target("crm");
    let find = |person: &muster_core::person::Person| {
        let mut open = person.accounts[&target].operations.iter();
        open.find(|open| open.action == Action::EndSessions)
            .cloned()
    };
    let mut operation = find(person).unwrap();
    let (id, since) = (operation.id, at(NOW));
    person.changed(&target, id, &Transition::Dispatched { attempt: 1 }, since);
    operation.state = State::InFlight { attempt: 1, since };
    let unreached = Unreached {
        text: "access-token: works for an hour".to_owned(),
        until: Some(at("2026-03-01T10:00:00Z")),
    };
    let mut answer = outcome(OutcomeKind::Done, None);
    answer.unreachable.push(unreached.clone());
    let change = decide(&operation, Event::Replied(Ok(answer)), at(NOW), &retry);
    person.changed(&target, id, &change, at(NOW));
    let operation = find(person).unwrap();
    let change = decide(
        &operation,
        Event::Observed(Observation::CannotTell),
        at(NOW),
        &retry,
    );
    person.changed(&target, id, &change, at(NOW));
    let taken = &person.accounts[&target].taken["end-sessions"];
    assert_eq!(taken.how, How::Done);
    assert!(!taken.how.is_seen());
    assert_eq!(taken.unreached, [unreached]);
    assert_eq!(taken.open_at(at("2026-03-01T09:59:59Z")).count(), 1);
    assert_eq!(taken.open_at(at("2026-03-01T10:00:00Z")).count(), 0);
}

#[test]
fn c67_the_grace_and_the_keys_of_now_count_and_not_those_of_the_day_of_the_plan() {
    let days = |days: u64| Some(Duration::from_hours(24 * days));
    let mut world = World::new();
    world.connect("crm", &[]);
    world.source.roles = vec![role("all", "true", "crm", &[])];
    world.rules("crm").leaver.delete_after = days(30);
    let ann = ("1", row(&[("email", "a@x.example")]));
    let bob = ("2", row(&[("email", "b@x.example")]));
    world.hr(&[ann.clone(), bob.clone()]);
    world.drive();
    let left_at = world.now;
    world.hr(std::slice::from_ref(&bob));
    world.drive();
    let deleted_after = |world: &World| {
        let at = world.account("1", "crm").delete_at?;
        Some(at.duration_since(left_at).as_hours() / 24)
    };
    assert_eq!(deleted_after(&world), Some(30));
    world.pass(left_at + SignedDuration::from_hours(48));
    for grace in [7, 60] {
        world.rules("crm").leaver.delete_after = days(grace);
        world.replan();
        assert_eq!(deleted_after(&world), i64::try_from(grace).ok());
    }
    world.rules("crm").leaver.delete_after = None;
    world.replan();
    assert_eq!(deleted_after(&world), None);
    world.rules("crm").leaver.delete_after = days(1);
    world.replan();
    world.drive();
    assert_eq!(
        world.account("1", "crm").state,
        Some(AccountState::Deleted),
        "its day has passed"
    );

    // Somebody who cannot be made because another has the address.
    let refused = || Fault::Refused(Problem::Conflict(None));
    world
        .app("crm")
        .faults
        .extend([refused(), refused(), refused(), refused()]);
    world.hr(&[bob.clone(), ("3", row(&[("email", "c@x.example")]))]);
    world.drive();
    world.rules("crm").keys = vec![("userName".to_owned(), "email".to_owned())];
    world.replan();
    world.drive();
    let account = world.account("3", "crm");
    assert!(account.operations.is_empty(), "{account:#?}");
    let made = world.app("crm").accounts.values();
    let keys: Vec<_> = made.flat_map(|held| held.keys.clone()).collect();
    assert!(keys.contains(&("userName".to_owned(), "c@x.example".to_owned())));
}

/// What happened to the first operation of this kind at the only app of somebody, one change after the other.
fn happens(world: &mut World, key: &str, is_meant: fn(&Action) -> bool, changes: Vec<Transition>) {
    let target = crate::world::target("crm");
    let person = world.people.get_mut(&crate::world::person(key)).unwrap();
    let mut operations = person.accounts[&target].operations.iter();
    let id = operations.find(|one| is_meant(&one.action)).unwrap().id;
    for change in changes {
        person.changed(&target, id, &change, at(NOW));
    }
}

fn completion(how: How) -> Completion {
    Completion::of(how, None)
}

#[test]
fn what_an_app_shows_as_not_done_may_be_done_when_somebody_is_back() {
    let mut world = leaver_at_an_app_that_answers(Vec::new());
    let contradicted = || {
        let problem = Problem::RemoteDefect("it said done, and shows otherwise".to_owned());
        let (until, result) = (at("2026-03-01T12:00:00Z"), completion(How::Done));
        vec![
            Transition::Dispatched { attempt: 1 },
            Transition::Answered {
                verify_at: at(NOW),
                result,
            },
            Transition::Deferred { until, problem },
        ]
    };
    let is_suspension = |action: &Action| *action == Action::EnsureState(AccountState::Suspended);
    let is_revocation = |action: &Action| matches!(action, Action::EnsureRevoked(_));
    happens(&mut world, "1", is_suspension, contradicted());
    happens(&mut world, "1", is_revocation, contradicted());
    // It was done all the same: only the reads were behind.
    for held in world.app("crm").accounts.values_mut() {
        if held.keys.iter().any(|(_, value)| value == "1") {
            held.state = AccountState::Suspended;
            held.grants.clear();
        }
    }
    world.hr(&[
        (
            "1",
            row(&[("department", "Sales"), ("email", "a@x.example")]),
        ),
        (
            "2",
            row(&[("department", "Sales"), ("email", "b@x.example")]),
        ),
    ]);
    let open = &world.account("1", "crm").operations;
    for taken in open.iter().filter(|open| open.action.is_removal()) {
        assert!(
            matches!(taken.state, State::Unknown { .. }),
            "it is looked at and not sent again: {taken:?}"
        );
    }
    world.drive();
    assert_eq!(world.differences(), [""; 0], "{}", world.log.join("\n"));
    let account = world.account("1", "crm");
    assert_eq!(account.state, Some(AccountState::Active));
    assert!(account.grants.values().all(|grant| grant.since.is_some()));
}

#[test]
fn what_was_to_follow_an_account_that_was_never_made_follows_the_next_one() {
    let mut world = World::new();
    world.connect("crm", &["Sales"]);
    world.source.roles = vec![role("sales", "true", "crm", &["group:Sales"])];
    let described = |email: &str| [("1", row(&[("department", "Sales"), ("email", email)]))];
    world.hr(&described("a@x.example"));
    let makes = |action: &Action| matches!(action, Action::EnsureAccount(_));
    let gives = |action: &Action| matches!(action, Action::EnsureGranted(_));
    let mut said = completion(How::Done);
    said.account = Some(AccountSeen {
        object: user("u77"),
        state: AccountState::Active,
    });
    let lost = || Transition::Lost {
        observe_at: at(NOW),
        text: "there is no such user".to_owned(),
        by_plugin: false,
    };
    let answered = Transition::Answered {
        verify_at: at(NOW),
        result: said,
    };
    let sent = || Transition::Dispatched { attempt: 1 };
    happens(&mut world, "1", makes, vec![sent(), answered, lost()]);
    happens(&mut world, "1", gives, vec![sent(), lost()]);
    // While both are looked for, something else changes.
    world.hr(&described("new@x.example"));
    let never_made = Transition::Deferred {
        until: at(NOW),
        problem: Problem::NotFound(None),
    };
    happens(&mut world, "1", makes, vec![never_made]);
    let open = &world.account("1", "crm").operations;
    let order: Vec<&str> = open.iter().map(|open| open.action.verb()).collect();
    assert_eq!(order, ["ensure-account", "grant"]);
}
