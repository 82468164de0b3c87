//! Accounts that an app did not show when it was asked for them, so that one odd answer is no proof.
//!
//! An app that restarts, or reads from a copy, can answer "not found" for an account that it has. What follows from
//! an account that is gone cannot be taken back: what was still to be taken from it counts as done. So an account
//! is gone once two looks, some time apart, found it nowhere, and none between them found it.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::connector::ObjectRef;

use crate::clock::Moment;

/// The least time between the two looks.
pub const APART: Duration = Duration::from_secs(3);

/// A first look that is older than this no longer counts.
const COUNTS_FOR: Duration = Duration::from_mins(10);

/// The most accounts that are remembered; beyond it, the account missed longest ago is forgotten.
const KEPT_MAX: usize = 20_000;

/// Kind, container and id of an account at the app.
type Key = (String, Option<String>, String);

fn key(object: &ObjectRef) -> Key {
    let object = object.clone();
    (object.kind, object.container, object.id)
}

/// When each account was first found nowhere.
#[derive(Debug, Default)]
pub(super) struct Absences(BTreeMap<Key, Moment>);

impl Absences {
    /// Records that a look found the account nowhere. Returns whether it counts as gone.
    pub(super) fn missed(&mut self, object: &ObjectRef, now: Moment) -> bool {
        let age = |since: Moment| now.since(since);
        let key = key(object);
        match self.0.get(&key).map(|since| age(*since)) {
            Some(age) if age < APART => false,
            Some(age) if age <= COUNTS_FOR => {
                self.0.remove(&key);
                true
            }
            _ => {
                if self.0.len() >= KEPT_MAX {
                    let oldest = self.0.iter().min_by_key(|(_, since)| **since);
                    let oldest = oldest.map(|(key, _)| key.clone());
                    oldest.and_then(|oldest| self.0.remove(&oldest));
                }
                self.0.insert(key, now);
                false
            }
        }
    }

    /// Records that a look found the account.
    pub(super) fn found(&mut self, object: &ObjectRef) {
        if !self.0.is_empty() {
            self.0.remove(&key(object));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn account(id: &str) -> ObjectRef {
        ObjectRef {
            kind: "user".to_owned(),
            container: None,
            id: id.to_owned(),
            revision: None,
            name_hint: None,
        }
    }

    #[test]
    fn an_account_is_gone_once_two_looks_apart_found_it_nowhere() {
        let begun = Clock::of_machine().moment();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut absences = Absences::default();
        let ada = account("ada");
        assert!(!absences.missed(&ada, at(0)), "one answer is no proof");
        assert!(!absences.missed(&ada, at(2)), "the same odd moment");
        assert!(!absences.missed(&account("bob"), at(3)), "another account");
        assert!(absences.missed(&ada, at(3)));
    }

    #[test]
    fn a_look_that_finds_it_between_the_two_begins_anew() {
        let begun = Clock::of_machine().moment();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut absences = Absences::default();
        let ada = account("ada");
        assert!(!absences.missed(&ada, at(0)));
        absences.found(&ada);
        assert!(!absences.missed(&ada, at(10)));
        assert!(!absences.missed(&ada, at(1_000)), "the first is too old");
        assert!(absences.missed(&ada, at(1_004)));
    }

    #[test]
    fn as_many_are_remembered_as_there_is_room_for() {
        let begun = Clock::of_machine().moment();
        let mut absences = Absences::default();
        for number in 0..KEPT_MAX + 10 {
            let at = begun + Duration::from_nanos(number as u64);
            absences.missed(&account(&number.to_string()), at);
        }
        assert_eq!(absences.0.len(), KEPT_MAX);
        assert!(!absences.0.contains_key(&key(&account("0"))));
    }
}
