//! The breaker: a plan that takes access from too many people, by itself or with what went before it,
//! waits for a person.
//!
//! A file that lost half of its rows looks like half of the company leaving, and so do ten files that
//! each lost a few. No rule about one person can see that; these look at the whole plan, and at what was
//! counted over a while ([`crate::budget`]), whatever the door. Each limit is a share of what there is,
//! with a floor so that a small company can still let somebody go without asking.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::budget::{Move, Toll};
use crate::fact::{Kind, PersonPlanned};
use crate::finding::{Code, Finding, Severity};
use crate::group::Group;
use crate::id::{FeedName, TargetName};
use crate::person::Person;
use crate::subject::Subject;

/// Too many people would leave.
pub const LEAVERS: Code = Code::new("PLN-010");
/// Too many people would lose access at a target.
pub const REMOVALS: Code = Code::new("PLN-011");
/// Too many people would change place.
pub const MOVERS: Code = Code::new("PLN-012");
/// Too many people would change at all.
pub const UPDATES: Code = Code::new("PLN-013");
/// Too many people would be new.
pub const JOINERS: Code = Code::new("PLN-020");
/// Too many people who had left would come back.
pub const REHIRES: Code = Code::new("PLN-021");

/// Too many people of a department would lose something.
pub const DEPARTMENT: Code = Code::new("PLN-014");
/// Too many people who have a role would lose it.
pub const ROLE: Code = Code::new("PLN-015");

/// Every code that holds a plan.
pub const CODES: [Code; 8] = [
    LEAVERS, REMOVALS, MOVERS, UPDATES, DEPARTMENT, ROLE, JOINERS, REHIRES,
];

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

    /// How many new ones are allowed where there are `total`. Before there is anybody, there is nothing
    /// to compare with.
    pub fn allowed_new(self, total: u32) -> u32 {
        if total == 0 {
            return u32::MAX;
        }
        let share = u64::from(total) * u64::from(self.percent_max) / 100;
        u32::try_from(share).unwrap_or(u32::MAX).max(self.floor)
    }
}

/// How much of a feed's people may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeopleLimits {
    /// People who leave, or are announced to, of those who are here; over the window.
    pub leavers: Share,
    /// People who leave, whatever the share.
    pub leavers_max: u32,
    /// People who had left and come back, of those who are here; over the window.
    pub rehires: Share,
    /// New people, of those who are here; by one plan.
    pub joiners: Share,
    /// People who change place, of those who are here; by one plan.
    pub movers: Share,
    /// People about whom anything changes, of those who are here; by one plan.
    pub updates: Share,
}

impl Default for PeopleLimits {
    fn default() -> Self {
        let share = |percent_max, floor| Share { percent_max, floor };
        Self {
            leavers: share(10, 5),
            leavers_max: 500,
            rehires: share(10, 5),
            joiners: share(50, 50),
            movers: share(30, 10),
            updates: share(60, 20),
        }
    }
}

/// How many people of one group may lose something, over the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupLimits {
    /// Percent of the group, 0 to 100.
    pub percent_max: u8,
    /// As many as this are always allowed, however small the group is: it is one of many, and what is beyond the
    /// budget of the feed or of the target waits all the same.
    pub floor: u32,
    /// Never more than this, however large the group is; `None`: no such limit.
    pub at_most: Option<u32>,
}

impl GroupLimits {
    /// How many of `total` are allowed.
    pub fn allowed(self, total: u32) -> u32 {
        let share = u64::from(total) * u64::from(self.percent_max) / 100;
        let share = u32::try_from(share).unwrap_or(u32::MAX).max(self.floor);
        share.min(self.at_most.unwrap_or(u32::MAX))
    }
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            percent_max: 30,
            floor: 10,
            at_most: None,
        }
    }
}

/// How much goes without asking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Over how long what is lost is counted.
    pub window: Duration,
    /// For people of a feed that `people_of` does not name.
    pub people: PeopleLimits,
    /// For the people of some feeds.
    pub people_of: BTreeMap<FeedName, PeopleLimits>,
    /// Accounts that lose something, of those at the target; over the window.
    pub removals: Share,
    /// Another share for some targets.
    pub removals_at: BTreeMap<TargetName, Share>,
    /// People of a department who lose something; over the window.
    pub department: GroupLimits,
    /// People who have a role and lose it; over the window.
    pub role: GroupLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Duration::from_hours(24 * 7),
            people: PeopleLimits::default(),
            people_of: BTreeMap::new(),
            removals: Share {
                percent_max: 20,
                floor: 5,
            },
            removals_at: BTreeMap::new(),
            department: GroupLimits::default(),
            role: GroupLimits::default(),
        }
    }
}

impl Limits {
    /// What is counted from here on counts together with a plan that is made `now`.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        let window = SignedDuration::try_from(self.window);
        let since = window.ok().and_then(|window| now.checked_sub(window).ok());
        since.unwrap_or(Timestamp::MIN)
    }
}

/// What there is before the plan, and what was counted within the window.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Population {
    /// By feed.
    pub feeds: BTreeMap<FeedName, FeedPopulation>,
    /// By target.
    pub targets: BTreeMap<TargetName, TargetPopulation>,
    /// By group, of those that a plan takes something from.
    pub groups: BTreeMap<Group, GroupPopulation>,
}

/// The people of a feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FeedPopulation {
    /// Those who have not left.
    pub here: u32,
    /// Those who left within the window.
    pub left: u32,
    /// Those who are here, and whose last day was announced, or who had left, within the window.
    pub announced: u32,
    /// Those who came back within the window.
    pub back: u32,
}

/// The accounts at a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TargetPopulation {
    /// Those that people should have.
    pub wanted: u32,
    /// Those that were let go within the window.
    pub gone: u32,
    /// Those that lost a part within the window.
    pub kept: u32,
}

/// The people of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupPopulation {
    /// Those who are in it.
    pub here: u32,
    /// Those who lost something within the window and are in it no longer.
    pub gone: u32,
    /// Those who lost something within the window, or are announced to, and are in it.
    pub kept: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct FeedTally {
    leavers: u32,
    rehires: u32,
    joiners: u32,
    movers: u32,
    updates: u32,
}

/// Counts a plan while it is made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    feeds: BTreeMap<FeedName, FeedTally>,
    losing: BTreeMap<TargetName, u32>,
    groups: BTreeMap<Group, u32>,
}

impl Tally {
    /// The groups that lose somebody: what there is of them is looked up for these only.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.keys()
    }

    /// Counts one person's part, which costs `toll`. Who was counted `since` then is not counted again.
    pub fn add(
        &mut self,
        planned: &PersonPlanned,
        before: Option<&Person>,
        toll: &Toll,
        since: Timestamp,
    ) {
        let feed = self.feeds.entry(planned.person.feed.clone()).or_default();
        // Somebody of whom HR says nothing new, and who only gains, is no sign of a wrong file: an app
        // that could not be read before, or a role that gives more than it did.
        let only_gains = planned.identity.is_none() && toll.targets.is_empty();
        match planned.kind {
            Kind::Mover | Kind::Update if only_gains => {}
            Kind::Mover => feed.movers += 1,
            Kind::Update => feed.updates += 1,
            Kind::Joiner if before.is_none() => feed.joiners += 1,
            Kind::Joiner | Kind::Rehire | Kind::Leaver => {}
        }
        let is_within = |at: Option<Timestamp>| at.is_some_and(|at| at >= since);
        let counted = before.and_then(|person| person.counted);
        let back_at = before.and_then(|person| person.back_at);
        match toll.person {
            Some(Move::Left | Move::Announced) => {
                let is_counted = is_within(counted.map(|counted| counted.at));
                feed.leavers += u32::from(!is_counted);
            }
            Some(Move::Back) => feed.rehires += u32::from(!is_within(back_at)),
            None => {}
        }
        for target in &toll.targets {
            let account = before.and_then(|person| person.accounts.get(target));
            let lost_at = account.and_then(|account| account.lost_at);
            if lost_at.is_none_or(|lost_at| lost_at < since) {
                *self.losing.entry(target.clone()).or_default() += 1;
            }
        }
        for group in &toll.groups {
            let lost_at = before.and_then(|person| person.lost.get(group));
            if !is_within(lost_at.copied()) {
                *self.groups.entry(group.clone()).or_default() += 1;
            }
        }
    }

    /// What a plan still takes of the budgets once this part of it is recorded, and so counted by the ledger. How many
    /// joiners, movers and updates there are is no budget over days: that was judged with the whole plan.
    #[must_use]
    pub fn budgeted_after(&self, recorded: &Tally) -> Self {
        let mut rest = Self::default();
        for (feed, tally) in &self.feeds {
            let done = recorded.feeds.get(feed).cloned().unwrap_or_default();
            let left = FeedTally {
                leavers: tally.leavers.saturating_sub(done.leavers),
                rehires: tally.rehires.saturating_sub(done.rehires),
                ..FeedTally::default()
            };
            rest.feeds.insert(feed.clone(), left);
        }
        for (target, losing) in &self.losing {
            let done = recorded.losing.get(target).copied().unwrap_or(0);
            let left = losing.saturating_sub(done);
            rest.losing.insert(target.clone(), left);
        }
        for (group, losing) in &self.groups {
            let done = recorded.groups.get(group).copied().unwrap_or(0);
            let left = losing.saturating_sub(done);
            rest.groups.insert(group.clone(), left);
        }
        rest
    }

    /// Why the plan has to wait; empty where it may go on.
    pub fn exceeded(
        &self,
        subject: &Subject,
        population: &Population,
        limits: &Limits,
    ) -> Vec<Finding> {
        let mut check = Check {
            subject,
            window: limits.window,
            findings: Vec::new(),
        };
        for (feed, tally) in &self.feeds {
            let of_feed = population.feeds.get(feed).copied().unwrap_or_default();
            let limits = limits.people_of.get(feed).unwrap_or(&limits.people);
            check.feed(feed, tally, of_feed, limits);
        }
        for (target, losing) in &self.losing {
            let at = population.targets.get(target).copied().unwrap_or_default();
            let total = at.wanted + at.gone;
            let share = limits.removals_at.get(target);
            let allowed = share.unwrap_or(&limits.removals).allowed(total);
            let what = format!("accounts at {target} would lose something");
            check.over(
                REMOVALS,
                &what,
                (*losing, at.gone + at.kept),
                (allowed, total),
            );
        }
        for (group, losing) in &self.groups {
            if let Some(people) = population.groups.get(group) {
                check.group(group, *losing, *people, limits);
            }
        }
        check.findings
    }
}

struct Check<'a> {
    subject: &'a Subject,
    window: Duration,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn feed(
        &mut self,
        feed: &FeedName,
        tally: &FeedTally,
        people: FeedPopulation,
        limits: &PeopleLimits,
    ) {
        let is_of_feed = *self.subject == Subject::Feed(feed.clone());
        let of = |what: &str| {
            if is_of_feed {
                what.to_owned()
            } else {
                format!("people of feed {feed}{}", what.trim_start_matches("people"))
            }
        };
        let here = people.here;
        // Those who left are of the company that the share is taken of.
        let total = here + people.left;
        let allowed = limits.leavers.allowed(total).min(limits.leavers_max);
        let spent = people.left + people.announced;
        let what = of("people would leave, or have their last day announced");
        self.over(LEAVERS, &what, (tally.leavers, spent), (allowed, total));
        let allowed = limits.rehires.allowed(here);
        let what = of("people who had left would come back");
        self.over(
            REHIRES,
            &what,
            (tally.rehires, people.back),
            (allowed, here),
        );
        let allowed = limits.joiners.allowed_new(here);
        let what = of("people would be new");
        self.over(JOINERS, &what, (tally.joiners, 0), (allowed, here));
        let allowed = limits.movers.allowed(here);
        let what = of("people would change place");
        self.over(MOVERS, &what, (tally.movers, 0), (allowed, here));
        let allowed = limits.updates.allowed(here);
        let what = of("people would change");
        let touched = tally.updates + tally.movers;
        self.over(UPDATES, &what, (touched, 0), (allowed, here));
    }

    fn group(&mut self, group: &Group, losing: u32, people: GroupPopulation, limits: &Limits) {
        let total = people.here + people.gone;
        let (code, what, limits) = match group {
            Group::Department(_) => {
                let what =
                    format!("people of {group} would lose something, now or on an announced day");
                (DEPARTMENT, what, limits.department)
            }
            Group::Role(_) => {
                let what =
                    format!("people who have {group} would lose it, now or on an announced day");
                (ROLE, what, limits.role)
            }
        };
        let spent = people.gone + people.kept;
        self.over(code, &what, (losing, spent), (limits.allowed(total), total));
    }

    /// Remarks where this plan's part, with what was counted before, is more than is allowed. A plan that
    /// adds nothing has nothing to wait for.
    fn over(
        &mut self,
        code: Code,
        what: &str,
        (found, spent): (u32, u32),
        (allowed, total): (u32, u32),
    ) {
        if found == 0 || found.saturating_add(spent) <= allowed {
            return;
        }
        let of_total = if code == JOINERS {
            format!("{found} {what}, where {total} are here")
        } else {
            format!("{found} of {total} {what}")
        };
        let text = if spent == 0 {
            format!("{of_total}; at most {allowed} go without asking")
        } else {
            let days = self.window.as_secs().div_ceil(86_400);
            format!(
                "{of_total}, after {spent} within {days} days; at most {allowed} go without asking"
            )
        };
        let finding = Finding::new(code, Severity::Error, self.subject.clone(), text).hint(
            "look at the preview; if it is right, apply it with `muster apply`; if not, put the file or the policy right",
        );
        self.findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(leavers: u32, people: u32, passes: bool) {
        check_after(leavers, 0, people, passes);
    }

    #[track_caller]
    fn check_after(leavers: u32, left: u32, here: u32, passes: bool) {
        let hr = FeedName::new("hr").unwrap();
        let subject = Subject::from(&hr);
        let of_feed = FeedTally {
            leavers,
            ..FeedTally::default()
        };
        let tally = Tally {
            feeds: [(hr.clone(), of_feed)].into(),
            ..Tally::default()
        };
        let people = FeedPopulation {
            here,
            left,
            ..FeedPopulation::default()
        };
        let population = Population {
            feeds: [(hr, people)].into(),
            ..Population::default()
        };
        let findings = tally.exceeded(&subject, &population, &Limits::default());
        assert_eq!(
            findings.is_empty(),
            passes,
            "{leavers} of {here} after {left}: {findings:?}"
        );
    }

    #[test]
    fn f22_what_left_before_counts_against_the_same_budget() {
        check_after(4, 1, 39, true);
        check_after(1, 5, 35, false);
        check_after(40, 60, 940, true);
        check_after(41, 60, 940, false);
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
    fn f22_a_group_loses_its_share_or_the_floor_and_never_more_than_is_said() {
        let limits = GroupLimits {
            percent_max: 30,
            floor: 10,
            at_most: Some(50),
        };
        let allowed = [0, 1, 12, 33, 100, 1_000].map(|total| limits.allowed(total));
        assert_eq!(allowed, [10, 10, 10, 10, 30, 50]);
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
