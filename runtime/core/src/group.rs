//! The groups of people that have a budget of their own: departments and roles. A mass change that is a small part of
//! everybody can be all of one of these.

use std::collections::BTreeSet;
use std::fmt;

use crate::id::RoleName;
use crate::identity::{Identity, Phase};
use crate::person::{Justification, Person};

/// The attribute that names somebody's department.
pub const DEPARTMENT: &str = "department";

/// A group of people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// Whom HR has in this department, in whichever feed.
    Department(String),
    /// Who has a right because of this role.
    Role(RoleName),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Department(name) => write!(f, "department {name}"),
            Group::Role(name) => write!(f, "role {name}"),
        }
    }
}

impl Group {
    /// The groups that somebody is in; nobody who has left is in any.
    pub fn of(person: &Person) -> BTreeSet<Group> {
        if person.phase == Phase::Ended {
            return BTreeSet::new();
        }
        let accounts = person.accounts.values();
        let grants = accounts.flat_map(|account| account.grants.values());
        let roles = roles(grants.map(|grant| &grant.justifications)).into_iter();
        let roles = roles.map(|role| Group::Role(role.clone()));
        let department = department(&person.identity).into_iter();
        department.chain(roles).collect()
    }
}

/// The department that HR names.
pub(crate) fn department(identity: &Identity) -> Option<Group> {
    let name = identity.text(DEPARTMENT)?.trim();
    (!name.is_empty()).then(|| Group::Department(name.to_owned()))
}

/// The roles on which rights stand.
pub(crate) fn roles<'a>(
    reasons: impl Iterator<Item = &'a BTreeSet<Justification>>,
) -> BTreeSet<&'a RoleName> {
    let reasons = reasons.flatten();
    let roles = reasons.filter_map(|reason| match reason {
        Justification::Role { role, .. } => Some(role),
        Justification::Opening(_) | Justification::Adoption(_) => None,
    });
    roles.collect()
}
