//! Whether a version that was just put into service stays there. Pure: how its calls went is compared
//! with how those of the version before it went.

use muster_host::Conduct;

/// Failures that are no accident any more.
const FAILURES_MIN: u64 = 3;

/// Calls after which a version has shown what it can.
const CALLS_MIN: u64 = 100;

/// What is to become of a new version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It has not made enough calls to tell.
    Open,
    /// It stays; the version before it is not needed any more.
    Stays,
    /// It fails in half of its calls or more, and more often than the one before: that one comes back.
    GoesBack,
}

/// Judges a new version by its calls and those of the version before.
pub(super) fn judge(new: &Conduct, before: &Conduct) -> Verdict {
    let is_worse = before.calls == 0
        || u128::from(new.failures) * u128::from(before.calls)
            > u128::from(before.failures) * u128::from(new.calls);
    if new.failures >= FAILURES_MIN && new.failures * 2 >= new.calls && is_worse {
        return Verdict::GoesBack;
    }
    if new.calls >= CALLS_MIN {
        return Verdict::Stays;
    }
    Verdict::Open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conduct(calls: u64, failures: u64) -> Conduct {
        Conduct {
            calls,
            failures,
            last_failure: None,
        }
    }

    #[test]
    fn a_version_goes_back_where_it_fails_often_and_more_often_than_the_one_before() {
        for (new, before, verdict) in [
            ((0, 0), (50, 0), Verdict::Open),
            ((2, 2), (50, 0), Verdict::Open),
            ((3, 3), (50, 0), Verdict::GoesBack),
            ((6, 3), (50, 10), Verdict::GoesBack),
            ((7, 3), (50, 0), Verdict::Open),
            ((3, 3), (0, 0), Verdict::GoesBack),
            // The one before was no better: going back would help nobody.
            ((3, 3), (50, 50), Verdict::Open),
            ((100, 3), (50, 0), Verdict::Stays),
            ((100, 100), (50, 50), Verdict::Stays),
        ] {
            let judged = judge(&conduct(new.0, new.1), &conduct(before.0, before.1));
            assert_eq!(judged, verdict, "{new:?} after {before:?}");
        }
    }
}
