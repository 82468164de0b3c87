//! What counts against budgets: by feed, by target, and by department or role.

use jiff::Timestamp;
use muster_core::budget::Move;
use muster_core::group::Group;

use crate::error::{Error, StoreResult};
use crate::kept::{Counts, FeedSpent, GroupSpent, Spent, TargetSpent};
use crate::keys::{self, Budget};
use crate::reader::Reader;
use crate::tables::{GROUPS, LOSSES};

impl Reader {
    /// What counts against budgets since then, up to any later instant: a clock that was ahead for a
    /// while forgets nothing.
    pub fn spent(&self, since: Timestamp, counts: &Counts) -> Result<Spent, Error> {
        let table = self
            .txn()
            .open_table(LOSSES)
            .step("open the table losses")?;
        let sum = |budget: Budget<'_>| -> Result<u64, Error> {
            let (from, beyond) = (
                keys::loss(budget, since),
                keys::loss(budget, Timestamp::MAX),
            );
            let range = table.range(from.as_slice()..=beyond.as_slice());
            let mut sum = 0;
            for row in range.step("read what was counted")? {
                sum += row.step("read what was counted")?.1.value();
            }
            Ok(sum)
        };
        let mut spent = Spent::default();
        for feed in self.feeds_with_people()? {
            let of_feed = FeedSpent {
                left: sum(Budget::Feed(&feed, Move::Left))?,
                announced: sum(Budget::Feed(&feed, Move::Announced))?,
                back: sum(Budget::Feed(&feed, Move::Back))?,
            };
            spent.feeds.insert(feed, of_feed);
        }
        for target in counts
            .operations
            .keys()
            .chain(counts.wanted.keys())
            .chain(counts.accounts.keys())
        {
            let of_target = TargetSpent {
                gone: sum(Budget::Target(target, false))?,
                kept: sum(Budget::Target(target, true))?,
            };
            spent.targets.insert(target.clone(), of_target);
        }
        Ok(spent)
    }

    /// How many people there are of a group, and what counts against its budget since then.
    pub fn group_spent(&self, group: &Group, since: Timestamp) -> Result<GroupSpent, Error> {
        const STEP: &str = "read what was counted of a group";
        let groups = self.txn().open_table(GROUPS).step(STEP)?;
        let here = groups.get(keys::group(group).as_slice()).step(STEP)?;
        let losses = self.txn().open_table(LOSSES).step(STEP)?;
        let sum = |is_in: bool| -> Result<u64, Error> {
            let budget = Budget::Group(group, is_in);
            let from = keys::loss(budget, since);
            let beyond = keys::loss(budget, Timestamp::MAX);
            let mut sum = 0;
            for row in losses
                .range(from.as_slice()..=beyond.as_slice())
                .step(STEP)?
            {
                sum += row.step(STEP)?.1.value();
            }
            Ok(sum)
        };
        Ok(GroupSpent {
            here: here.map_or(0, |row| row.value()),
            gone: sum(false)?,
            kept: sum(true)?,
        })
    }
}
