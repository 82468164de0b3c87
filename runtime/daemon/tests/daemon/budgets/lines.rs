//! Slow leaks and small groups, each as it would come: what is held, on which day, by which limit, and with whom.

use muster_core::finding::Code;
use muster_core::guard::{DEPARTMENT, LEAVERS, REMOVALS, ROLE};

use super::*;

/// Midnight after so many days.
fn midnight(company: &Company, days: i64) -> Timestamp {
    let day = company.time.as_second().div_euclid(86_400) + days;
    Timestamp::from_second(day * 86_400).unwrap()
}

fn leave(company: &mut Company, people: &[u64]) {
    for person in people {
        company.rows.get_mut(person).unwrap().is_listed = false;
    }
}

fn codes(summary: &Summary) -> BTreeSet<Code> {
    summary
        .exceeded
        .iter()
        .map(|one| one.code.clone())
        .collect()
}

/// A policy that takes the team from some people.
fn without_team(people: &[u64]) -> Order<'static> {
    let teamless = people.iter().copied().collect();
    let edited = Arc::new(policy_with(&BTreeSet::new(), &teamless));
    Order::new(Scope::Everybody, Cause::Policy).proposing(Proposal::Policy(edited))
}

/// What it would do, and to whom.
fn look(company: &Company, order: Order<'_>) -> (Summary, BTreeSet<u64>) {
    let mut whom = BTreeSet::new();
    let looked = company.planning.preview(order, &mut |planned, _| {
        whom.insert(planned.person.key.as_str().parse().unwrap());
    });
    (looked.unwrap(), whom)
}

/// Strict for groups, as wide as ever for feeds and targets.
fn strict_for_groups() -> Limits {
    let limits = GroupLimits {
        percent_max: 10,
        floor: 3,
        at_most: None,
    };
    Limits {
        department: limits,
        role: limits,
        ..Limits::default()
    }
}

#[test]
fn f22_sixty_percent_announced_for_tomorrow_are_held_today() {
    let mut company = Company::new(50, 1_000);
    let tomorrow = midnight(&company, 1);
    for person in 1..=30 {
        company.rows.get_mut(&person).unwrap().ends_at = Some(tomorrow);
    }
    company.file();
    assert_eq!((company.held, company.ends().len()), (1, 0));
    company.time = tomorrow;
    company.dates();
    assert_eq!(
        company.on().len(),
        50,
        "nobody goes by a day that nobody knows"
    );
}

#[test]
fn f22_nine_percent_a_day_are_held_on_the_second_day_in_files_and_in_events() {
    for by_events in [false, true] {
        let mut company = Company::new(200, 1_000);
        for day in 0..10 {
            let people: Vec<u64> = (1 + day * 18..=18 + day * 18).collect();
            leave(&mut company, &people);
            if by_events {
                company.events(&people);
            } else {
                company.file();
            }
            let here = company.on().len();
            match (day, by_events) {
                (0, _) => assert_eq!((here, company.held), (182, 0), "the first day"),
                (1, false) => assert_eq!((here, company.held), (182, 1), "held whole"),
                (1, true) => assert_eq!((here, company.held), (180, 16), "all but two"),
                _ => {}
            }
            company.check(0);
            company.time += SignedDuration::from_hours(24);
            company.dates();
        }
        assert!(company.on().len() >= 160, "{}", company.on().len());
    }
}

#[test]
fn f22_a_policy_that_takes_a_right_from_thirty_percent_is_held_with_its_people() {
    let mut company = Company::new(100, 1_000);
    let people: Vec<u64> = (1..=30).collect();
    let held = company.make("policy", {
        let order = without_team(&people);
        move |maker| maker.make(order, Consent::WithinLimits)
    });
    assert!(held.plan.is_none());
    assert!(codes(&held).contains(&REMOVALS), "{:?}", held.exceeded);
    let (looked, whom) = look(&company, without_team(&people));
    assert_eq!(whom, people.iter().copied().collect());
    assert_eq!(looked.digest, held.digest);
    // Once somebody approved, it counts against nothing, and is asked no more.
    let consent = Consent::Approved(held.digest.unwrap());
    let order = without_team(&people);
    let made = company.make("policy", move |maker| maker.make(order, consent));
    assert!(made.plan.is_some());
    let order = without_team(&(1..=36).collect::<Vec<u64>>());
    let made = company.make("policy", move |maker| {
        maker.make(order, Consent::WithinLimits)
    });
    assert!(made.plan.is_some(), "{:?}", made.exceeded);
    let report = check(&company.ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn f22_a_department_that_empties_is_held_where_the_company_would_not_notice() {
    // A hundred in each department: thirty may leave the company, and ten a department.
    let mut company = Company::limited(300, 1_000, strict_for_groups());
    let of_one = |count: u64| (0..count).map(|number| 3 + number * DEPARTMENTS).collect();
    let eleven: Vec<u64> = of_one(11);
    leave(&mut company, &eleven);
    let (digest, snapshot) = company.snapshot().unwrap();
    let held = company.make("file", move |maker| of_file(maker, digest, &snapshot));
    assert_eq!(codes(&held), [DEPARTMENT].into(), "{:?}", held.exceeded);
    let text = &held.exceeded[0].text;
    assert!(text.contains("11 of 100 people of department D0"), "{text}");
    // Ten go, and the last days of as many of another department are announced.
    company.rows.get_mut(&eleven[10]).unwrap().is_listed = true;
    company.file();
    let end = midnight(&company, 3);
    for number in 0..10 {
        let person = 1 + number * DEPARTMENTS;
        company.rows.get_mut(&person).unwrap().ends_at = Some(end);
    }
    company.file();
    assert_eq!((company.held, company.ends().len()), (1, 10));
    // One more of either is held, by whichever door; of the third department they still may.
    for person in [eleven[10], 1 + 10 * DEPARTMENTS] {
        leave(&mut company, &[person]);
        company.events(&[person]);
        company.rows.get_mut(&person).unwrap().is_listed = true;
    }
    assert_eq!(company.held, 3);
    leave(&mut company, &[2]);
    company.events(&[2]);
    assert_eq!(company.held, 3);
    // What was announced within the budget is not asked again on its day.
    company.time = end;
    company.dates();
    assert_eq!((company.held, company.on().len()), (3, 300 - 21));
    let report = check(&company.ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn f22_a_role_that_many_lose_is_held_where_the_target_would_not_notice() {
    // Two hundred have the role: twenty may lose it, and eighty accounts may lose something.
    let mut company = Company::limited(400, 1_000, strict_for_groups());
    let even = |count: u64| (1..=count).map(|number| number * 2).collect::<Vec<u64>>();
    let order = without_team(&even(21));
    let held = company.make("policy", move |maker| {
        maker.make(order, Consent::WithinLimits)
    });
    assert!(codes(&held).contains(&ROLE), "{:?}", held.exceeded);
    assert!(!codes(&held).contains(&REMOVALS), "{:?}", held.exceeded);
    let of_role = held.exceeded.iter().find(|one| one.code == ROLE).unwrap();
    let says = "21 of 200 people who have role even would lose it";
    assert!(of_role.text.contains(says), "{}", of_role.text);
    let (_, whom) = look(&company, without_team(&even(21)));
    assert_eq!(whom, even(21).into_iter().collect());
    // Half by a policy, then the rest one by one by events: the budget is one.
    let order = without_team(&even(14));
    let made = company.make("policy", move |maker| {
        maker.make(order, Consent::WithinLimits)
    });
    assert!(made.plan.is_some(), "{:?}", made.exceeded);
    let held = company.held;
    let rest: Vec<u64> = (15..=21).map(|number| number * 2).collect();
    leave(&mut company, &rest);
    company.events(&rest);
    assert_eq!(company.held, held + 1, "the last of them");
    let last = company.held;
    for _ in 0..8 {
        company.time += SignedDuration::from_hours(24);
        company.dates();
    }
    company.events(&rest[6..]);
    assert_eq!(company.held, last, "the week is over");
    assert!(!codes(&made).contains(&LEAVERS));
    let report = check(&company.ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}
