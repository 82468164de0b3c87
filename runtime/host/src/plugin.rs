//! One version of a plugin, ready to be called.
//!
//! A plugin never changes: another version is another [`Plugin`]. It is known by the digest of its
//! file, and what it says of itself was asked once, when it was loaded.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use muster_core::connector::{Descriptor, Function};
use muster_core::id::Digest;

use crate::admission::Interfaces;
use crate::conduct::{Conduct, Mark};
use crate::contract::Linked;
use crate::load_error::LoadError;

/// A plugin that is loaded.
pub struct Plugin {
    digest: Digest,
    interfaces: Interfaces,
    pub(crate) linked: Linked,
    descriptor: Descriptor,
    details: Details,
    cursors: Vec<semver::VersionReq>,
    conduct: Mutex<Conduct>,
}

/// What a descriptor says beyond what the core needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    /// The settings with their types and defaults.
    pub settings: Vec<Setting>,
    /// Defaults of secret slots: (slot, [(name, value)]), such as a token URL.
    pub slot_defaults: Vec<(String, Vec<(String, String)>)>,
    /// The feed of changes, where there is one.
    pub change_feed: Option<ChangeFeed>,
}

/// A setting that IT fills in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Its dotted name.
    pub key: String,
    /// For people.
    pub title: String,
    /// For people, with an example.
    pub description: String,
    /// `text`, `url`, `boolean`, `number` or `duration-ms`; anything else counts as `text`.
    pub value_type: String,
    /// Whether there must be a value.
    pub is_required: bool,
    /// What holds without one.
    pub default: Option<String>,
    /// The values that are allowed; empty: any.
    pub choices: Vec<String>,
}

/// What an app's feed of changes is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeFeed {
    /// How long a token can be used, in milliseconds; `None` if nobody knows.
    pub token_survives_ms: Option<u32>,
    /// Whether removals are in the feed.
    pub has_removals: bool,
    /// How long after a change it appears, in milliseconds.
    pub lag_ms: u32,
}

impl Plugin {
    pub(crate) fn new(
        digest: Digest,
        interfaces: Interfaces,
        linked: Linked,
        (descriptor, details): (Descriptor, Details),
    ) -> Result<Self, LoadError> {
        let cursors = descriptor
            .accepts_cursors_from
            .iter()
            .map(|requirement| semver::VersionReq::parse(requirement))
            .collect::<Result<_, _>>()
            .map_err(|error| {
                LoadError::Description(format!(
                    "`accepts-cursors-from` is no version requirement: {error}"
                ))
            })?;
        Ok(Self {
            digest,
            interfaces,
            linked,
            descriptor,
            details,
            cursors,
            conduct: Mutex::default(),
        })
    }

    /// How its calls went.
    pub fn conduct(&self) -> Conduct {
        self.lock_conduct().clone()
    }

    /// Notes how a call of a function ended.
    pub(crate) fn note(&self, function: Function, mark: Mark<'_>) {
        self.lock_conduct().note(function, mark);
    }

    fn lock_conduct(&self) -> std::sync::MutexGuard<'_, Conduct> {
        self.conduct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digest of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The version of an interface of the contract that the file was built with: `accounts` has
    /// `0.1.0`. `None` for an interface that it does not have, which later versions of 0.1 may bring: a
    /// caller asks before it calls a function of one.
    pub fn interface(&self, name: &str) -> Option<&str> {
        self.interfaces.get(name).map(String::as_str)
    }

    /// What the plugin says of itself.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What it says beyond the descriptor of the core.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Whether cursors and change tokens of that version of the same connector can be given to this
    /// one. Otherwise a listing starts again, and a feed with a full listing.
    pub fn accepts_cursors_of(&self, version: &str) -> bool {
        if version == self.descriptor.version {
            return true;
        }
        let Ok(version) = semver::Version::parse(version) else {
            return false;
        };
        self.cursors
            .iter()
            .any(|requirement| requirement.matches(&version))
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.descriptor.name)
            .field("version", &self.descriptor.version)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
