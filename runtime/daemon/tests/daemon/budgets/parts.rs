//! Plans that are recorded in parts: others go between them, and one that breaks off is brought to its end.

use super::*;

/// Numbers and sizes of the plans that there are.
fn plans(company: &Company) -> Vec<(u64, u32)> {
    let reader = company.ledger.read().unwrap();
    let plans = (1..reader.next_plan().0).map(|number| {
        let kept = reader.plan(PlanId(number)).unwrap().unwrap();
        let part = kept.plan.part.unwrap();
        assert_eq!(part.first, PlanId(1));
        assert_eq!(part.is_last, number + 1 == reader.next_plan().0);
        (number, kept.plan.counts.people.values().sum())
    });
    plans.collect()
}

#[test]
fn between_two_parts_of_a_plan_for_everybody_a_plan_for_one_person_is_made() {
    let company = Company::new(300, 10);
    let first = plans(&company).into_iter().map(|(_, people)| people);
    let first: Vec<u32> = first.collect();
    let (end, parts) = first.split_last().unwrap();
    assert_eq!(parts, [10; 30], "a part is a plan of its own");
    assert_eq!(*end, 0, "nobody was left for the last one, which ends it");
    let planning = Arc::clone(&company.planning);
    let of_date = |person: u64| {
        let id = PersonId {
            feed: hr(),
            key: key(person),
        };
        Order::new(Scope::People(vec![id]), Cause::Date)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async {
        let looked = planning.preview(shutting_out(1..=300), &mut |_, _| {});
        let consent = Consent::Approved(looked.unwrap().digest.unwrap());
        let maker = Arc::clone(&planning);
        let all = tokio::spawn(async move { maker.make(shutting_out(1..=300), consent).await });
        // Whoever waits for their turn gets it before the next part.
        let mut between = 0;
        while !all.is_finished() {
            if planning.read().unwrap().next_plan().0 > 32 {
                let one = planning.make(of_date(300), Consent::AsFarAsItGoes).await;
                assert!(one.unwrap().stands());
                between += 1;
            }
            tokio::task::yield_now().await;
        }
        assert!(all.await.unwrap().unwrap().plan.is_some());
        assert!(between > 1, "{between} were made while the large one was");
    });
    assert!(company.on().iter().all(|(_, is_on)| !is_on));
}

/// Makes plans in parts of ten for a company, by a clock that ends with the number of reads that it is given: it is read once
/// for a plan, and once for each of its parts.
fn planning_that_breaks_off(company: &Company) -> (Planning, Arc<AtomicU32>) {
    let left = Arc::new(AtomicU32::new(u32::MAX));
    let (reads, time) = (Arc::clone(&left), company.time);
    let clock = Clock::new(move || {
        assert!(reads.fetch_sub(1, Ordering::SeqCst) > 0, "the power is cut");
        time
    });
    let known = KnownTargets::new(company.ledger.clone(), Arc::default()).knowing(known());
    let known = Arc::new(known);
    let before = Arc::new(policy(&BTreeSet::new()));
    let ledger = company.ledger.clone();
    let planning = Planning::new(ledger, clock, before, known, Bells::default());
    (planning.in_parts_of(10), left)
}

#[test]
fn a_plan_that_breaks_off_between_two_parts_is_made_to_its_end_by_the_same_order() {
    let company = Company::new(200, 10);
    let (planning, left) = planning_that_breaks_off(&company);
    let planning = Arc::new(planning);
    let make = |reads: u32| {
        let looked = planning.preview(shutting_out(1..=200), &mut |_, _| {});
        let consent = Consent::Approved(looked.unwrap().digest.unwrap());
        left.store(reads, Ordering::SeqCst);
        let made = planning.make(shutting_out(1..=200), consent);
        let made = company.runtime.block_on(made);
        left.store(u32::MAX, Ordering::SeqCst);
        made
    };
    let on = || company.on().iter().filter(|(_, is_on)| *is_on).count();
    assert!(make(5).is_err(), "it breaks off");
    assert_eq!(on(), 160, "four parts of ten are recorded");
    assert!(make(u32::MAX).unwrap().plan.is_some());
    assert_eq!(on(), 0);
    let report = check(&company.ledger, |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_first_file_that_breaks_off_between_two_parts_is_taken_to_its_end_by_itself() {
    for parts in [1, 3, 20] {
        let company = Company::before_its_first_file(200, 10, Limits::default());
        let (planning, left) = planning_that_breaks_off(&company);
        let planning = Arc::new(planning);
        let make = |reads: u32| {
            let (digest, snapshot) = company.snapshot().unwrap();
            left.store(reads, Ordering::SeqCst);
            let made = planning.alone(move |maker| of_file(maker, digest, &snapshot));
            let made = company.runtime.block_on(made);
            left.store(u32::MAX, Ordering::SeqCst);
            made
        };
        assert!(make(1 + parts).is_err(), "it breaks off");
        assert_eq!(company.on().len(), 10 * parts as usize);
        // More joiners than may come to so few people without a look: those of the first file were judged.
        let rest = make(u32::MAX).unwrap();
        assert!(rest.is_rest && rest.plan.is_some(), "{:?}", rest.exceeded);
        assert_eq!(company.on().len(), 200);
        plans(&company);
        // That was the end of it: what comes next is judged whole.
        assert!(!make(u32::MAX).unwrap().is_rest);
        let report = check(&company.ledger, |_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}
