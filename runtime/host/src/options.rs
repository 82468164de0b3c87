//! How a target is set up: its permissions, its credentials, and what one call may use.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use muster_core::permission::{HostPattern, PrivateAccess, Proxy};

use crate::credential::Credential;

/// What one call of a plugin may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallLimits {
    /// Memory in bytes, at most 256 MiB. Default: 64 MiB.
    pub memory_bytes: usize,
    /// Time from begin to end, waiting for the app included. Default: 60 s.
    pub time: Duration,
    /// Processor time. Default: 5 s.
    pub cpu: Duration,
    /// Size of an answer, in bytes. Default: 16 MiB.
    pub output_bytes: usize,
    /// Requests to the app. Default: 100.
    pub requests: u32,
    /// Time for one request. Default: 30 s.
    pub request_time: Duration,
    /// Body of a request, in bytes. Default: 8 MiB.
    pub request_bytes: usize,
    /// Body of a reply, in bytes. Default: 8 MiB.
    pub reply_bytes: usize,
    /// All items of one listing, in bytes, over all its calls. Default: 256 MiB.
    pub listing_bytes: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            time: Duration::from_mins(1),
            cpu: Duration::from_secs(5),
            output_bytes: 16 << 20,
            requests: 100,
            request_time: Duration::from_secs(30),
            request_bytes: 8 << 20,
            reply_bytes: 8 << 20,
            listing_bytes: 256 << 20,
        }
    }
}

impl CallLimits {
    /// Most that a plugin may hand over at once: an answer, or a request with its headers.
    pub(crate) fn handover_bytes(&self) -> usize {
        self.output_bytes
            .max(self.request_bytes.saturating_add(64 << 10))
    }
}

/// How a target is set up.
#[derive(Clone, Debug, Default)]
pub struct TargetOptions {
    /// Its name.
    pub name: String,
    /// The table of `muster.toml` that it is written in, as messages should name it; none:
    /// `[target.NAME]`.
    pub table: Option<String>,
    /// The plugin's settings.
    pub settings: BTreeMap<String, String>,
    /// Servers that the plugin may talk to. Empty: none.
    pub hosts: Vec<HostPattern>,
    /// Addresses inside that it may reach.
    pub private: PrivateAccess,
    /// What fills the plugin's secret slots.
    pub credentials: BTreeMap<String, Credential>,
    /// The slot with the password of a new account; none: accounts are made without one.
    pub password_slot: Option<String>,
    /// Requests a minute, for an app whose plugin names no limit. None: no limit.
    pub requests_per_minute: Option<u32>,
    /// What one call may use.
    pub limits: CallLimits,
    /// The proxy that leads to its servers. None: connections are made directly.
    pub proxy: Option<Proxy>,
    /// A file with certificates in PEM that are trusted beside the machine's.
    pub ca_file: Option<PathBuf>,
}
