//! Whether the version that serves stays there. Pure: how its latest calls went is compared with how those
//! of the version before it went, function by function and for as long as it serves.
//!
//! What takes access away weighs most: while that fails, people who have left can come in, so a version
//! goes back for less there.

use muster_core::connector::Function;
use muster_host::{Conduct, Record};

/// Failures that are no accident any more.
const FAILURES_MIN: u32 = 3;

/// Likewise in what takes access away.
const FAILURES_MIN_IN_REMOVALS: u32 = 2;

/// A version goes back that fails in one of so many calls of a function.
const PART: u32 = 2;

/// Likewise in what takes access away.
const PART_IN_REMOVALS: u32 = 4;

/// Calls of a function that tell something where the version before failed in it, too: what is tried
/// again first is what that one failed at.
const CALLS_MIN: u32 = 12;

/// Calls after which a version is one to go back to.
const CALLS_PROVEN: u32 = 20;

/// What takes access away, or can: suspending is a state like any other.
const REMOVALS: [Function; 5] = [
    Function::EnsureState,
    Function::EnsureAbsent,
    Function::EnsureRevoked,
    Function::EndSessions,
    Function::RevokeCredentials,
];

/// The function for which a version goes back to the one before, with how it went; `None` if it stays.
pub(super) fn judge<'c>(new: &'c Conduct, before: &Conduct) -> Option<(Function, &'c Record)> {
    let mut functions: Vec<_> = new.functions().collect();
    functions.sort_by_key(|(function, _)| !REMOVALS.contains(function));
    functions
        .into_iter()
        .find(|(function, record)| fails(*function, record, before.of(*function)))
}

/// Whether a version has shown by its calls that it is one to go back to.
pub(super) fn is_proven(conduct: &Conduct) -> bool {
    let calls: u32 = conduct.functions().map(|(_, record)| record.calls()).sum();
    calls >= CALLS_PROVEN
}

fn fails(function: Function, new: &Record, before: Option<&Record>) -> bool {
    let (failures_min, part) = if REMOVALS.contains(&function) {
        (FAILURES_MIN_IN_REMOVALS, PART_IN_REMOVALS)
    } else {
        (FAILURES_MIN, PART)
    };
    let is_worse = |count: fn(&Record) -> u32| match before {
        None => true,
        Some(before) if count(before) > 0 && new.calls() < CALLS_MIN => false,
        Some(before) => count(new) * before.calls() > count(before) * new.calls(),
    };
    let failures = new.failures();
    if failures >= failures_min && failures * part >= new.calls() && is_worse(Record::failures) {
        return true;
    }
    // Where it says of every call that the app or the data is to blame, and never asks the app, that tells
    // something only if the version before found it otherwise.
    let refusals = new.refusals();
    let is_known = before.is_some_and(|before| before.calls() >= FAILURES_MIN);
    is_known && refusals >= FAILURES_MIN && refusals == new.calls() && is_worse(Record::refusals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_in(function: Function, new: (u32, u32), before: Option<(u32, u32)>) -> bool {
        let record = |(calls, failed)| Record::of_calls(calls, failed, 0);
        fails(function, &record(new), before.map(record).as_ref())
    }

    #[test]
    fn c55_a_function_is_judged_by_its_own_calls() {
        for (new, before, goes_back) in [
            ((2, 2), Some((20, 0)), false),
            ((3, 3), Some((20, 0)), true),
            ((6, 3), Some((20, 4)), false),
            ((12, 6), Some((20, 4)), true),
            ((7, 3), Some((20, 0)), false),
            ((3, 3), None, true),
            // The one before was no better: going back would help nobody.
            ((24, 24), Some((20, 20)), false),
            // What the one before failed at comes first.
            ((3, 3), Some((20, 1)), false),
        ] {
            assert_eq!(
                fails_in(Function::EnsureAccount, new, before),
                goes_back,
                "{new:?} after {before:?}"
            );
        }
    }

    #[test]
    fn c55_what_takes_access_away_weighs_most() {
        for (new, goes_back) in [
            ((1, 1), false),
            ((2, 2), true),
            ((8, 2), true),
            ((9, 2), false),
            ((24, 6), true),
        ] {
            assert_eq!(
                fails_in(Function::EnsureState, new, Some((20, 0))),
                goes_back,
                "{new:?}"
            );
        }
    }

    #[test]
    fn c43_a_version_that_blames_the_app_and_never_asks_it_is_worse_than_one_that_asked() {
        let blames = Record::of_calls(4, 0, 4);
        let good = Record::of_calls(20, 0, 0);
        assert!(fails(Function::EnsureAccount, &blames, Some(&good)));
        assert!(
            !fails(Function::EnsureAccount, &blames, None),
            "it may be the data, and nobody knows better"
        );
        let sometimes = Record::of_calls(5, 0, 4);
        assert!(!fails(Function::EnsureAccount, &sometimes, Some(&good)));
    }
}
