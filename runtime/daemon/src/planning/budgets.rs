//! What there is of each feed, target and group, and what was counted of it within the window: what the guard judges a
//! plan by. Groups are looked up one by one, since there may be many and a plan takes something from few.

use jiff::Timestamp;
use muster_core::group::Group;
use muster_core::guard::{FeedPopulation, GroupPopulation, Population, TargetPopulation};
use muster_ledger::Reader;

use super::Failed;

/// Looks up what there is of groups, and what was counted of them since then, where that is not known yet.
pub(super) fn know_groups<'g>(
    reader: &Reader,
    since: Timestamp,
    groups: impl IntoIterator<Item = &'g Group>,
    population: &mut Population,
) -> Result<(), Failed> {
    for group in groups {
        if !population.groups.contains_key(group) {
            let spent = reader.group_spent(group, since)?;
            let of_group = GroupPopulation {
                here: narrow(spent.here),
                gone: narrow(spent.gone),
                kept: narrow(spent.kept),
            };
            population.groups.insert(group.clone(), of_group);
        }
    }
    Ok(())
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What there is, and what was counted since then.
pub(super) fn population(reader: &Reader, since: Timestamp) -> Result<Population, Failed> {
    let counts = reader.counts()?;
    let spent = reader.spent(since, &counts)?;
    let mut population = Population::default();
    for (feed, spent) in spent.feeds {
        let of_feed = FeedPopulation {
            here: narrow(counts.here.get(&feed).copied().unwrap_or(0)),
            left: narrow(spent.left),
            announced: narrow(spent.announced),
            back: narrow(spent.back),
        };
        population.feeds.insert(feed, of_feed);
    }
    for (target, spent) in spent.targets {
        let of_target = TargetPopulation {
            wanted: narrow(counts.wanted.get(&target).copied().unwrap_or(0)),
            gone: narrow(spent.gone),
            kept: narrow(spent.kept),
        };
        population.targets.insert(target, of_target);
    }
    Ok(population)
}
