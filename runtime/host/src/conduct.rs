//! How the calls of one version of a plugin went, function by function.
//!
//! A version may be good at everything but one thing, and that one may be what takes access away: so the
//! functions are not added up. And it may be good until it comes to a certain point: so only the latest
//! calls count, however many there were before.

use std::collections::BTreeMap;

use muster_core::connector::Function;

/// Calls of a function that are remembered: the latest ones.
const CALLS_MAX: u32 = 24;

/// How the calls of one version went since it was loaded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conduct(BTreeMap<Function, Record>);

/// How the latest calls of one function went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Bit by bit, the latest call last: whether the plugin failed in it.
    failed: u32,
    /// Likewise: whether it blamed the app without having asked it.
    blamed: u32,
    calls: u32,
    last_failure: Option<String>,
}

/// How one call ended, as far as it is the plugin's doing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark<'t> {
    /// As the contract has it.
    Good,
    /// The plugin failed: it trapped, met a limit, hung, gave what nobody can read, or said so itself.
    /// What the app did or did not do is no failure of the plugin.
    Failed(&'t str),
    /// It reported that something is wrong with the app or with what was asked, and no request of it had
    /// left: it cannot know that from the app.
    Blamed(&'t str),
}

impl Conduct {
    /// The functions that were called, in the contract's order.
    pub fn functions(&self) -> impl Iterator<Item = (Function, &Record)> {
        self.0.iter().map(|(function, record)| (*function, record))
    }

    /// How the calls of a function went; `None` if it was never called.
    pub fn of(&self, function: Function) -> Option<&Record> {
        self.0.get(&function)
    }

    pub(crate) fn note(&mut self, function: Function, mark: Mark<'_>) {
        self.0.entry(function).or_default().note(mark);
    }
}

impl Record {
    /// A record of so many calls, of which the last ones failed or were blamed on the app.
    pub fn of_calls(calls: u32, failed: u32, blamed: u32) -> Self {
        let mut record = Self::default();
        for number in (1..=calls).rev() {
            record.note(if number <= failed {
                Mark::Failed("it gave up")
            } else if number <= failed + blamed {
                Mark::Blamed("it is the app")
            } else {
                Mark::Good
            });
        }
        record
    }

    /// How many calls are remembered.
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// In how many of them the plugin failed.
    pub fn failures(&self) -> u32 {
        self.failed.count_ones()
    }

    /// In how many of them it failed, or blamed the app without having asked it.
    pub fn refusals(&self) -> u32 {
        (self.failed | self.blamed).count_ones()
    }

    /// How the last of those ended.
    pub fn last_failure(&self) -> Option<&str> {
        self.last_failure.as_deref()
    }

    fn note(&mut self, mark: Mark<'_>) {
        let (failed, blamed, text) = match mark {
            Mark::Good => (0, 0, None),
            Mark::Failed(text) => (1, 0, Some(text)),
            Mark::Blamed(text) => (0, 1, Some(text)),
        };
        let kept = (1 << CALLS_MAX) - 1;
        self.failed = (self.failed << 1 | failed) & kept;
        self.blamed = (self.blamed << 1 | blamed) & kept;
        self.calls = self.calls.saturating_add(1).min(CALLS_MAX);
        if let Some(text) = text {
            self.last_failure = Some(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_calls_of_a_function_count_and_no_other_function_s() {
        let mut conduct = Conduct::default();
        for _ in 0..1000 {
            conduct.note(Function::EnsureAccount, Mark::Good);
            conduct.note(Function::EnsureState, Mark::Good);
        }
        for _ in 0..4 {
            conduct.note(Function::EnsureState, Mark::Failed("it gave up"));
        }
        let state = conduct.of(Function::EnsureState).unwrap();
        assert_eq!((state.calls(), state.failures()), (CALLS_MAX, 4));
        assert_eq!(state.last_failure(), Some("it gave up"));
        assert_eq!(conduct.of(Function::EnsureAccount).unwrap().failures(), 0);
        for _ in 0..CALLS_MAX {
            conduct.note(Function::EnsureState, Mark::Good);
        }
        assert_eq!(conduct.of(Function::EnsureState).unwrap().failures(), 0);
        assert_eq!(Record::of_calls(10, 3, 2).refusals(), 5);
    }
}
