//! How many people have which roles, counted while they are planned for anyway: for what is remarked about a policy.
//!
//! People who agree in their roles are counted together, so that it stays small however many there are, and so that it
//! is known of any two roles whether the same people have them.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{FeedName, PersonId};

/// Most different sets of roles that are counted. Beyond it nothing is said of roles.
const GROUPS_MAX: usize = 16_384;

/// Most people of a feed that are named.
const NAMED_MAX: usize = 10;

/// Who has which roles of a policy. Roles are named by their place in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Census {
    people: u64,
    groups: BTreeMap<Box<[usize]>, u64>,
    has_room: Room,
    endless: BTreeMap<FeedName, Endless>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Room {
    #[default]
    Left,
    Exceeded,
}

/// People who should have a last day and have none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Endless {
    /// How many.
    pub people: u64,
    /// The first of them.
    pub first: Vec<PersonId>,
}

impl Census {
    /// Counts somebody who is here, with the roles that their rules give them.
    pub(super) fn add(&mut self, roles: &[usize]) {
        self.people += 1;
        if let Some(count) = self.groups.get_mut(roles) {
            *count += 1;
        } else if self.groups.len() < GROUPS_MAX {
            self.groups.insert(roles.into(), 1);
        } else {
            self.has_room = Room::Exceeded;
        }
    }

    /// Counts somebody who should have a last day and has none.
    pub(super) fn add_endless(&mut self, person: &PersonId) {
        let of_feed = self.endless.entry(person.feed.clone()).or_default();
        of_feed.people += 1;
        if of_feed.first.len() < NAMED_MAX {
            of_feed.first.push(person.clone());
        }
    }

    /// How many people were counted.
    pub fn people(&self) -> u64 {
        self.people
    }

    /// How many have a role; `None` where there were too many different sets of roles to know.
    pub fn members(&self, role: usize) -> Option<u64> {
        let groups = self.groups.iter();
        let having = groups.filter(|(roles, _)| roles.contains(&role));
        (self.has_room == Room::Left).then(|| having.map(|(_, count)| count).sum())
    }

    /// Roles that exactly the same people have, and at least so many, each with the others.
    pub fn alike(&self, members_min: u64) -> Vec<BTreeSet<usize>> {
        if self.has_room == Room::Exceeded {
            return Vec::new();
        }
        let mut groups_of: BTreeMap<usize, (Vec<usize>, u64)> = BTreeMap::new();
        for (group, (roles, count)) in self.groups.iter().enumerate() {
            for role in roles {
                let of_role = groups_of.entry(*role).or_default();
                of_role.0.push(group);
                of_role.1 += count;
            }
        }
        let mut alike: BTreeMap<Vec<usize>, BTreeSet<usize>> = BTreeMap::new();
        for (role, (groups, members)) in groups_of {
            if members >= members_min {
                alike.entry(groups).or_default().insert(role);
            }
        }
        alike
            .into_values()
            .filter(|roles| roles.len() > 1)
            .collect()
    }

    /// People who should have a last day and have none, by feed.
    pub fn endless(&self) -> &BTreeMap<FeedName, Endless> {
        &self.endless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_who_agree_in_their_roles_are_counted_together() {
        let mut census = Census::default();
        for roles in [&[0, 1][..], &[0, 1], &[0, 1, 2], &[3], &[]] {
            census.add(roles);
        }
        assert_eq!(census.people(), 5);
        let members: Vec<Option<u64>> = (0..5).map(|role| census.members(role)).collect();
        assert_eq!(members, [Some(3), Some(3), Some(1), Some(1), Some(0)]);
        assert_eq!(census.alike(2), [BTreeSet::from([0, 1])]);
        assert_eq!(census.alike(4), []);
    }

    #[test]
    fn of_too_many_sets_of_roles_nothing_is_said() {
        let mut census = Census::default();
        for role in 0..=GROUPS_MAX {
            census.add(&[role]);
        }
        assert_eq!(census.members(0), None);
        assert_eq!(census.alike(1), []);
        assert_eq!(census.people(), GROUPS_MAX as u64 + 1);
    }
}
