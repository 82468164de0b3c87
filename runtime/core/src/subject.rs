//! What a finding is about, as a type: a person, an account, a file, a target, ...
//!
//! A finding is the same one as before if its code and its subject are. So what a subject is stands in its
//! fields, which are stored and compared; its text is for people only, and may be worded anew at any time.

use std::fmt;

use crate::id::{FeedName, OperationId, PersonId, RoleName, TargetName};

/// What a finding is about. Names and ids only, no personal values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// The policy as a whole.
    Policy,
    /// The days that come: first days, last days, deletions.
    Dates,
    /// Accounts that others refer to.
    References,
    /// What an operator asked for.
    Operator,
    /// The machine's clock.
    Clock,
    /// The ledger.
    Ledger,
    /// A feed.
    Feed(FeedName),
    /// A target.
    Target(TargetName),
    /// An entitlement at a target, or a group of entitlements that exclude each other, as the policy writes it.
    Entitlement(TargetName, String),
    /// A plugin, by the name of its file without the ending.
    Plugin(String),
    /// A role.
    Role(RoleName),
    /// A file of the configuration, a secret or a key, by its path.
    File(String),
    /// A person.
    Person(PersonId),
    /// A person's account at a target.
    Account(PersonId, TargetName),
    /// One operation on a person's account at a target.
    Operation(PersonId, TargetName, OperationId),
}

impl Subject {
    /// The person it is about, if it is about one.
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Subject::Person(person)
            | Subject::Account(person, _)
            | Subject::Operation(person, _, _) => Some(person),
            _ => None,
        }
    }

    /// Which feed it is about, itself or through a person of it.
    pub fn feed(&self) -> Option<&FeedName> {
        match self {
            Subject::Feed(feed) => Some(feed),
            _ => self.person().map(|person| &person.feed),
        }
    }

    /// The same subject once a feed has another name. `None` if it is not about that feed.
    pub fn of_renamed_feed(&self, from: &FeedName, to: &FeedName) -> Option<Self> {
        if self.feed() != Some(from) {
            return None;
        }
        let renamed = |person: &PersonId| PersonId {
            feed: to.clone(),
            key: person.key.clone(),
        };
        Some(match self {
            Subject::Person(person) => Subject::Person(renamed(person)),
            Subject::Account(person, target) => Subject::Account(renamed(person), target.clone()),
            Subject::Operation(person, target, id) => {
                Subject::Operation(renamed(person), target.clone(), *id)
            }
            _ => Subject::Feed(to.clone()),
        })
    }
}

impl From<&FeedName> for Subject {
    fn from(feed: &FeedName) -> Self {
        Subject::Feed(feed.clone())
    }
}

impl From<&TargetName> for Subject {
    fn from(target: &TargetName) -> Self {
        Subject::Target(target.clone())
    }
}

impl From<&PersonId> for Subject {
    fn from(person: &PersonId) -> Self {
        Subject::Person(person.clone())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Policy => f.write_str("policy"),
            Subject::Dates => f.write_str("dates"),
            Subject::References => f.write_str("references"),
            Subject::Operator => f.write_str("operator"),
            Subject::Clock => f.write_str("clock"),
            Subject::Ledger => f.write_str("ledger"),
            Subject::Feed(feed) => write!(f, "feed {feed}"),
            Subject::Target(target) => write!(f, "target {target}"),
            Subject::Entitlement(target, name) => write!(f, "target {target}, {name}"),
            Subject::Plugin(name) => write!(f, "plugin {name}"),
            Subject::Role(role) => write!(f, "role {role}"),
            Subject::File(path) => write!(f, "file {path}"),
            Subject::Person(person) => write!(f, "{person}"),
            Subject::Account(person, target) => write!(f, "{person} at {target}"),
            Subject::Operation(person, target, operation) => {
                write!(f, "{person} at {target}, operation {operation}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{PersonKey, PlanId};

    fn feed(name: &str) -> FeedName {
        FeedName::new(name).unwrap()
    }

    fn person(feed_name: &str) -> PersonId {
        PersonId {
            feed: feed(feed_name),
            key: PersonKey::new("10, operation 3 at crm").unwrap(),
        }
    }

    fn every(feed_name: &str) -> [Subject; 4] {
        let crm = TargetName::new("crm").unwrap();
        let operation = OperationId {
            plan: PlanId(1),
            number: 2,
        };
        [
            Subject::Feed(feed(feed_name)),
            Subject::Person(person(feed_name)),
            Subject::Account(person(feed_name), crm.clone()),
            Subject::Operation(person(feed_name), crm, operation),
        ]
    }

    #[test]
    fn c22_a_renamed_feed_takes_its_subjects_along_and_no_others() {
        for (before, after) in every("hr").into_iter().zip(every("people")) {
            let renamed = before.of_renamed_feed(&feed("hr"), &feed("people"));
            assert_eq!(renamed, Some(after));
            let other = before.of_renamed_feed(&feed("h"), &feed("people"));
            assert_eq!(other, None);
        }
        let target = Subject::Target(TargetName::new("hr").unwrap());
        assert_eq!(target.of_renamed_feed(&feed("hr"), &feed("people")), None);
    }
}
