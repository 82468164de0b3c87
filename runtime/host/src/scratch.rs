//! What one call puts aside for the next one of the same operation or listing. Kept in memory, and
//! given up at any time: the contract promises a plugin no more.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::call::Scope;

/// Most bytes that one operation or listing can put aside, names included.
const BYTES_MAX: usize = 256 << 10;

/// Operations and listings that have something put aside at a time; the oldest ones lose theirs.
const SCOPES_MAX: usize = 256;

/// The scratch space of one target.
#[derive(Default)]
pub(crate) struct Scratch(Mutex<Shelves>);

#[derive(Default)]
struct Shelves {
    by_scope: BTreeMap<Scope, BTreeMap<String, Vec<u8>>>,
    order: VecDeque<Scope>,
}

impl Scratch {
    pub(crate) fn get(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        let shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.by_scope.get(&scope)?.get(key).cloned()
    }

    pub(crate) fn set(&self, scope: Scope, key: String, value: Vec<u8>) -> Result<(), String> {
        if scope == Scope::None {
            return Err("this call belongs to no operation and no listing".to_owned());
        }
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others: usize = shelves.by_scope.get(&scope).map_or(0, |shelf| {
            shelf
                .iter()
                .filter(|(name, _)| **name != key)
                .map(|(name, value)| name.len() + value.len())
                .sum()
        });
        if others + key.len() + value.len() > BYTES_MAX {
            return Err(format!(
                "more than {} KiB cannot be put aside",
                BYTES_MAX >> 10
            ));
        }
        if !shelves.by_scope.contains_key(&scope) {
            if shelves.order.len() == SCOPES_MAX
                && let Some(oldest) = shelves.order.pop_front()
            {
                shelves.by_scope.remove(&oldest);
            }
            shelves.order.push_back(scope);
        }
        shelves
            .by_scope
            .entry(scope)
            .or_default()
            .insert(key, value);
        Ok(())
    }

    /// Forgets what belongs to a listing that has ended.
    pub(crate) fn forget(&self, scope: Scope) {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.by_scope.remove(&scope).is_some() {
            shelves.order.retain(|kept| *kept != scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_belongs_to_its_listing_and_is_bounded() {
        let scratch = Scratch::default();
        scratch
            .set(Scope::Listing(1), "k".to_owned(), vec![1])
            .unwrap();
        assert_eq!(scratch.get(Scope::Listing(1), "k"), Some(vec![1]));
        assert_eq!(scratch.get(Scope::Listing(2), "k"), None);
        assert!(
            scratch
                .set(Scope::Listing(1), "l".to_owned(), vec![0; BYTES_MAX])
                .is_err()
        );
        scratch
            .set(Scope::Listing(1), "k".to_owned(), vec![0; BYTES_MAX - 1])
            .unwrap();
        for number in 2..u64::try_from(SCOPES_MAX).unwrap() + 2 {
            scratch
                .set(Scope::Listing(number), "k".to_owned(), vec![2])
                .unwrap();
        }
        assert_eq!(scratch.get(Scope::Listing(1), "k"), None);
        assert!(scratch.set(Scope::None, "k".to_owned(), vec![]).is_err());
    }
}
