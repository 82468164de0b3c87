//! Apps that misbehave at random, and what must hold once they behave again.
//!
//! Each seed is a company with a daemon and an app of its own. While HR's files and events go their course, the
//! app gives accounts other ids, shows what was before, says 200 for 201, loses replies, fails after the effect,
//! replaces the members of its groups and asks for waits of a day; the daemon is stopped and killed now and then.
//! After the app behaves again and an operator did what the guide says, everybody who left is out, everybody else
//! is as HR and the policy wish, accounts that are nobody's are as they were, and the ledger says of the app what
//! the app holds.
//!
//! `MUSTER_SEEDS` says how many seeds, `MUSTER_SEED` the first one, `MUSTER_LANES` how many run side by side.

mod conduct;
mod staff;
mod verdict;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use muster_tests::random::parameter;

use world::Run;

/// Seeds that were chosen once, so that a failure in the continuous integration is one that anybody sees again.
const FIRST_SEED: u64 = 1;

#[test]
#[expect(clippy::print_stdout, reason = "each seed is to be seen")]
fn random_apps_hold_what_was_wished_once_they_behave_again() {
    let seeds = parameter("MUSTER_SEEDS", 6);
    let first = parameter("MUSTER_SEED", FIRST_SEED);
    let lanes = parameter("MUSTER_LANES", 3);
    let next = AtomicU64::new(first);
    let failed = Mutex::new(Vec::new());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let at = Instant::now();
                    let ran = catch_unwind(AssertUnwindSafe(|| Run::of(seed)));
                    let took = at.elapsed().as_secs_f32();
                    if let Ok(told) = ran {
                        println!("seed {seed} holds after {took:.1} s: {told}");
                    } else {
                        println!("seed {seed} FAILED after {took:.1} s");
                        failed.lock().expect("the seeds that failed").push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("the seeds that failed");
    let took = begun.elapsed().as_secs();
    println!(
        "{} of {seeds} seeds hold, from {first}, in {took} s; failed: {failed:?}",
        seeds - u64::try_from(failed.len()).unwrap_or(seeds)
    );
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}
