//! Secrets that an app issues: taken out of its reply before the plugin sees it, and kept until
//! somebody fetches them by their handle.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::credential::Secret;

/// Sealed secrets that are kept at a time; the oldest ones go.
const SEALED_MAX: usize = 1024;

/// The sealed secrets of one target.
#[derive(Default)]
pub(crate) struct Sealed(Mutex<Vault>);

#[derive(Default)]
struct Vault {
    by_handle: BTreeMap<String, Secret>,
    order: VecDeque<String>,
}

impl Sealed {
    /// Keeps a secret under its handle.
    pub(crate) fn keep(&self, handle: String, secret: Secret) {
        let mut vault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if vault.order.len() == SEALED_MAX
            && let Some(oldest) = vault.order.pop_front()
        {
            vault.by_handle.remove(&oldest);
        }
        vault.order.push_back(handle.clone());
        vault.by_handle.insert(handle, secret);
    }

    /// Hands a secret out, once.
    pub(crate) fn take(&self, handle: &str) -> Option<Secret> {
        let mut vault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        vault.order.retain(|kept| kept != handle);
        vault.by_handle.remove(handle)
    }
}
