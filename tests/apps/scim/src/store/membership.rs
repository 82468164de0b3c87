//! Who is in which group: the members of a group and, the other way round, the groups of a member.
//!
//! Both are kept, so that a search by member and the `groups` of a user cost nothing extra.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Number, Store, number_of};
use crate::error::ScimError;
use crate::filter::{Filter, Operator};
use crate::matching::value_matches;
use crate::patch::{Operation, Verb, listed};
use crate::resource::ResourceType;

impl Store {
    /// Changes the set of members; `undo` gets each that changed and whether it was in before.
    pub(super) fn patch_members(
        &self,
        operation: &Operation,
        members: &mut BTreeSet<Number>,
        undo: &mut Vec<(Number, bool)>,
    ) -> Result<(), ScimError> {
        let (added, removed) = match (operation.verb, &operation.place.condition) {
            (Verb::Remove, Some(condition)) => {
                (BTreeSet::new(), self.chosen_members(members, condition))
            }
            (Verb::Remove, None) if operation.value.is_null() => (BTreeSet::new(), members.clone()),
            // Some clients name the members to remove in the body. Who is gone is removed already.
            (Verb::Remove, None) => (BTreeSet::new(), named(&operation.value).collect()),
            (Verb::Add, None) => {
                let wanted = self.members_in(Some(&operation.value))?;
                let gone = if self.rules.replaces_members {
                    members.difference(&wanted).copied().collect()
                } else {
                    BTreeSet::new()
                };
                (wanted, gone)
            }
            (Verb::Replace, None) => {
                let wanted = self.members_in(Some(&operation.value))?;
                let gone = members.difference(&wanted).copied().collect();
                (wanted, gone)
            }
            (Verb::Add | Verb::Replace, Some(_)) => {
                let detail = "members are added and replaced without a filter in the path";
                return Err(ScimError::bad("invalidPath", detail));
            }
        };
        undo.extend(
            removed
                .iter()
                .filter(|m| members.remove(m))
                .map(|m| (*m, true)),
        );
        undo.extend(
            added
                .iter()
                .filter(|m| members.insert(**m))
                .map(|m| (*m, false)),
        );
        Ok(())
    }

    fn chosen_members(&self, members: &BTreeSet<Number>, condition: &Filter) -> BTreeSet<Number> {
        if let Filter::Compare {
            path,
            operator: Operator::Equal,
            literal,
        } = condition
            && path.compared().name == "value"
        {
            let number = literal.as_str().and_then(number_of);
            return number
                .filter(|number| members.contains(number))
                .into_iter()
                .collect();
        }
        let is_chosen =
            |number: &&Number| value_matches(&crate::view::member(self, **number, ""), condition);
        members.iter().filter(is_chosen).copied().collect()
    }

    /// The members that a client named, each of which must exist.
    pub(super) fn members_in(&self, value: Option<&Value>) -> Result<BTreeSet<Number>, ScimError> {
        let mut members = BTreeSet::new();
        for member in value.map(listed).unwrap_or_default() {
            let id = member_id(member);
            let known = number_of(id).filter(|number| self.by_number(*number).is_some());
            let number = known.ok_or_else(|| {
                ScimError::bad("invalidValue", format!("member {id:?} does not exist"))
            })?;
            members.insert(number);
        }
        Ok(members)
    }

    pub(super) fn set_members(&mut self, group: Number, members: &BTreeSet<Number>) {
        let Some(record) = self.records.get_mut(&(ResourceType::Group, group)) else {
            return;
        };
        let old = std::mem::replace(&mut record.members, members.clone());
        let mut undo: Vec<(Number, bool)> = old
            .difference(members)
            .map(|member| (*member, true))
            .collect();
        undo.extend(members.difference(&old).map(|member| (*member, false)));
        self.update_memberships(group, &undo);
    }

    pub(super) fn update_memberships(&mut self, group: Number, undo: &[(Number, bool)]) {
        for (member, was_in) in undo {
            if *was_in {
                if let Some(groups) = self.memberships.get_mut(member) {
                    groups.remove(&group);
                }
            } else {
                self.memberships.entry(*member).or_default().insert(group);
            }
        }
    }
}

/// The members that a value names, as far as such ids were ever given out.
fn named(value: &Value) -> impl Iterator<Item = Number> {
    listed(value)
        .iter()
        .filter_map(|member| number_of(member_id(member)))
}

fn member_id(member: &Value) -> &str {
    member
        .get("value")
        .unwrap_or(member)
        .as_str()
        .unwrap_or_default()
}
