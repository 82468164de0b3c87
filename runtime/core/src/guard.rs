//! The breaker: a plan that takes access from too many people at once waits for a person.
//!
//! A file that lost half of its rows looks like half of the company leaving. No rule about one
//! person can see that; these look at the whole plan. Each limit is a share of what there is, with
//! a floor so that a small company can still let somebody go without asking.

use std::collections::BTreeMap;

use crate::fact::{AccountPlanned, Kind, PersonPlanned};
use crate::finding::{Code, Finding, Severity};
use crate::id::TargetName;

/// Too many people would leave.
pub const LEAVERS: Code = Code::new("PLN-010");
/// Too many people would lose access at a target.
pub const REMOVALS: Code = Code::new("PLN-011");
/// Too many people would change place.
pub const MOVERS: Code = Code::new("PLN-012");
/// Too many people would change at all.
pub const UPDATES: Code = Code::new("PLN-013");

/// A share of what there is, with a floor below which nothing is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Percent, 0 to 100.
    pub percent_max: u8,
    /// As many as this are always allowed, but never more than half.
    pub floor: u32,
}

impl Share {
    /// How many of `total` are allowed.
    pub fn allowed(self, total: u32) -> u32 {
        let share = u64::from(total) * u64::from(self.percent_max) / 100;
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        share.max(self.floor.min(total / 2).max(1))
    }
}

/// The limits for one plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// People who leave, of those who are here.
    pub leavers: Share,
    /// People who leave, whatever the share.
    pub leavers_max: u32,
    /// People who change place, of those who are here.
    pub movers: Share,
    /// People about whom anything changes, of those who are here.
    pub updates: Share,
    /// Accounts that lose something, of those at the target.
    pub removals: Share,
    /// Another share for some targets.
    pub removals_at: BTreeMap<TargetName, Share>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leavers: Share {
                percent_max: 10,
                floor: 5,
            },
            leavers_max: 500,
            movers: Share {
                percent_max: 30,
                floor: 10,
            },
            updates: Share {
                percent_max: 60,
                floor: 20,
            },
            removals: Share {
                percent_max: 20,
                floor: 5,
            },
            removals_at: BTreeMap::new(),
        }
    }
}

/// What there is before the plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Population {
    /// People of the feed (or of all feeds, for a plan that has none) who have not left.
    pub people: u32,
    /// Accounts that people are to have, by target.
    pub accounts: BTreeMap<TargetName, u32>,
}

/// Counts a plan while it is made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    leavers: u32,
    movers: u32,
    updates: u32,
    losing: BTreeMap<TargetName, u32>,
}

impl Tally {
    /// Counts one person's part.
    pub fn add(&mut self, planned: &PersonPlanned) {
        let loses = |account: &AccountPlanned| {
            let mut operations = account.operations.iter();
            operations.any(|operation| operation.action.is_removal())
        };
        // Somebody of whom HR says nothing new, and who only gains, is no sign of a wrong file: an app
        // that could not be read before, or a role that gives more than it did.
        let only_gains = planned.identity.is_none() && !planned.accounts.values().any(loses);
        match planned.kind {
            Kind::Leaver => self.leavers += 1,
            Kind::Mover | Kind::Update if only_gains => {}
            Kind::Mover => self.movers += 1,
            Kind::Update => self.updates += 1,
            Kind::Joiner | Kind::Rehire => {}
        }
        for (target, account) in &planned.accounts {
            if loses(account) {
                *self.losing.entry(target.clone()).or_default() += 1;
            }
        }
    }

    /// Why the plan has to wait; empty where it may go on.
    pub fn exceeded(
        &self,
        subject: &str,
        population: &Population,
        limits: &Limits,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut check = |code: Code, what: &str, found: u32, allowed: u32, total: u32| {
            if found > allowed {
                let text =
                    format!("{found} of {total} {what}; at most {allowed} go without asking");
                findings.push(Finding::new(code, Severity::Error, subject, text).hint(
                    "look at the preview; if it is right, apply it with `muster apply`; if not, put the file or the policy right",
                ));
            }
        };
        let people = population.people;
        let leavers_allowed = limits.leavers.allowed(people).min(limits.leavers_max);
        check(
            LEAVERS,
            "people would leave",
            self.leavers,
            leavers_allowed,
            people,
        );
        check(
            MOVERS,
            "people would change place",
            self.movers,
            limits.movers.allowed(people),
            people,
        );
        let touched = self.updates + self.movers;
        check(
            UPDATES,
            "people would change",
            touched,
            limits.updates.allowed(people),
            people,
        );
        for (target, losing) in &self.losing {
            let total = population.accounts.get(target).copied().unwrap_or(0);
            let share = limits
                .removals_at
                .get(target)
                .copied()
                .unwrap_or(limits.removals);
            let what = format!("accounts at {target} would lose something");
            check(REMOVALS, &what, *losing, share.allowed(total), total);
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(leavers: u32, people: u32, passes: bool) {
        let tally = Tally {
            leavers,
            ..Tally::default()
        };
        let population = Population {
            people,
            accounts: BTreeMap::new(),
        };
        let findings = tally.exceeded("feed hr", &population, &Limits::default());
        assert_eq!(
            findings.is_empty(),
            passes,
            "{leavers} of {people}: {findings:?}"
        );
    }

    #[test]
    fn f1_nine_percent_leave_and_eleven_percent_wait() {
        check(90, 1000, true);
        check(100, 1000, true);
        check(110, 1000, false);
        check(1000, 1000, false);
        check(501, 100_000, false);
    }

    #[test]
    fn f1_a_small_company_lets_some_go_and_never_half() {
        check(5, 20, true);
        check(6, 20, false);
        check(3, 6, true);
        check(4, 6, false);
        check(1, 2, true);
        check(2, 2, false);
        check(1, 1, true);
    }
}
