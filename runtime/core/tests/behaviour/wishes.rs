//! What people are to have, worked out a second time and without the planner: from the decisions alone, reason by reason.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster_core::id::{PersonId, TargetName};
use muster_core::identity::Phase;
use muster_core::person::Person;
use muster_core::policy::{Policy, Prehire};
use muster_core::standing::{Access, Barred, Decided, Opening};

use crate::world::World;

impl World {
    /// What is open and what is kept away now, from the decisions alone.
    fn decided_of(&self, id: &PersonId) -> (Vec<&Access>, Vec<&Barred>) {
        let mut openings: Vec<(&Opening, Timestamp)> = Vec::new();
        let mut blocks: Vec<(&Barred, Option<Timestamp>)> = Vec::new();
        for (_, at, decided) in self.decisions.iter().filter(|(of, ..)| of == id) {
            match decided {
                Some(Decided::Opened(opening)) => openings.push((opening, opening.until)),
                Some(Decided::Extended { opening, until }) => {
                    openings[opening.0 as usize - 1].1 = *until;
                }
                Some(Decided::GivenBack { opening }) => openings[opening.0 as usize - 1].1 = *at,
                Some(Decided::Blocked(block)) => blocks.push((&block.keeps_away, block.until)),
                Some(Decided::Lifted { block }) => blocks[block.0 as usize - 1].1 = Some(*at),
                // Nothing is taken over in this world.
                Some(Decided::Kept { .. } | Decided::Removed { .. }) => {}
                None => {
                    for (_, until) in &mut openings {
                        *until = (*until).min(*at);
                    }
                }
            }
        }
        let is_open = |(opening, until): &(&Opening, Timestamp)| {
            opening.from <= self.now && self.now < *until
        };
        let open = openings.iter().filter(|one| is_open(one));
        let holding = blocks.iter();
        let holding = holding.filter(|(_, until)| until.is_none_or(|until| self.now < until));
        (
            open.map(|(opening, _)| &opening.gives).collect(),
            holding.map(|(barred, _)| *barred).collect(),
        )
    }

    /// What a person is to have at each target, reason by reason. `None`: shut out of it.
    pub(crate) fn wished(
        &self,
        policy: &Policy,
        (id, person): (&PersonId, &Person),
        phase: Phase,
    ) -> BTreeMap<TargetName, Option<BTreeSet<String>>> {
        let mut wished: BTreeMap<TargetName, Option<BTreeSet<String>>> = BTreeMap::new();
        if phase == Phase::Ended {
            return wished;
        }
        let (open, barred) = self.decided_of(id);
        let explained = policy.explain(id, &person.identity, phase).into_iter();
        let held = explained.filter_map(|(role, holds)| holds.unwrap().then_some(role));
        let opened = open.iter().filter_map(|access| match access {
            Access::Role(name) => policy.roles().iter().find(|role| role.name == *name),
            Access::Account(_) | Access::Entitlement(..) => None,
        });
        let is_barred = |barring: &Barred| barred.contains(&barring);
        let mut give = |target: &TargetName, name: Option<&str>| {
            let rules = &self.source.targets[target];
            if phase != Phase::Prehire || rules.prehire != Prehire::Nothing {
                let names = wished
                    .entry(target.clone())
                    .or_insert_with(|| Some(BTreeSet::new()));
                names.as_mut().unwrap().extend(name.map(str::to_owned));
            }
        };
        let roles = held.chain(opened);
        for role in roles.filter(|role| !is_barred(&Barred::Role(role.name.clone()))) {
            for (target, names) in &role.access {
                give(target, None);
                for name in names {
                    give(target, Some(&name.name));
                }
            }
        }
        for access in open {
            match access {
                Access::Role(_) => {}
                Access::Account(target) => give(target, None),
                Access::Entitlement(target, name) => give(target, Some(&name.name)),
            }
        }
        for barred in barred {
            match barred {
                Barred::Everything => {
                    wished = self
                        .apps
                        .keys()
                        .map(|target| (target.clone(), None))
                        .collect();
                }
                Barred::Target(target) => drop(wished.insert(target.clone(), None)),
                Barred::Entitlement(target, name) => {
                    if let Some(Some(names)) = wished.get_mut(target) {
                        names.remove(&name.name);
                    }
                }
                Barred::Role(_) => {}
            }
        }
        wished
    }
}
