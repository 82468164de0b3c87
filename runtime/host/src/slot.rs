//! The place of a plugin that can be changed while it is in use.
//!
//! A call takes the plugin of the moment and keeps it to its end, so a swap disturbs no call: the
//! old version goes away when the last call on it has ended.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::plugin::Plugin;

/// Where the current version of a plugin stands.
pub struct Slot(ArcSwap<Plugin>);

impl Slot {
    /// A slot with its first version.
    pub fn new(plugin: Arc<Plugin>) -> Self {
        Self(ArcSwap::new(plugin))
    }

    /// The version that the next call will use.
    pub fn current(&self) -> Arc<Plugin> {
        self.0.load_full()
    }

    /// Puts another version in and returns the one that was there until now.
    #[must_use = "the old version is what to go back to when the new one disappoints"]
    pub fn swap(&self, plugin: Arc<Plugin>) -> Arc<Plugin> {
        self.0.swap(plugin)
    }
}
