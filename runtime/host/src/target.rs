//! A connected app: a plugin's slot, its permissions and credentials, and every call on it.
//!
//! A call takes the version of the plugin that is current when it begins. Its answer comes back in
//! the core's words: an outcome, or a problem whose case says what to do next. A plugin that traps,
//! hangs or lies is a problem of that call and of nothing else. The calls themselves are in `change`
//! and `read`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use muster_core::connector::Descriptor;

use crate::call::{Call, Place, Scope};
use crate::credential::redact::Redactor;
use crate::credential::{Secret, Tokens};
use crate::host::{Host, Inner};
use crate::http::client::Client;
use crate::http::wire::{Player, Recorder, Wire};
use crate::options::TargetOptions;
use crate::plugin::Plugin;
use crate::setup;
use crate::slot::Slot;
use crate::target_context::TargetContext;
use crate::target_error::TargetError;

/// A connected app.
pub struct Target {
    pub(crate) host: Arc<Inner>,
    pub(crate) context: Arc<TargetContext>,
    slot: Arc<Slot>,
    listings: AtomicU64,
}

impl Target {
    /// Sets a target up and checks it against the plugin in the slot.
    pub fn new(host: &Host, slot: Arc<Slot>, options: TargetOptions) -> Result<Self, TargetError> {
        Self::over(host, slot, options, Wire::Live)
    }

    /// The same, and what the plugin and the app say to each other is put on a tape.
    pub fn recorded(
        host: &Host,
        slot: Arc<Slot>,
        options: TargetOptions,
        recorder: Recorder,
    ) -> Result<Self, TargetError> {
        Self::over(host, slot, options, |client| {
            Wire::Recorder(client, recorder)
        })
    }

    /// The same with a tape in the place of the app: nothing reaches the network, and what is not on the tape is
    /// refused.
    pub fn played(
        host: &Host,
        slot: Arc<Slot>,
        options: TargetOptions,
        player: Player,
    ) -> Result<Self, TargetError> {
        Self::over(host, slot, options, |_| Wire::Player(player))
    }

    fn over(
        host: &Host,
        slot: Arc<Slot>,
        options: TargetOptions,
        wire: impl FnOnce(Client) -> Wire,
    ) -> Result<Self, TargetError> {
        setup::check_limits(&options.limits)?;
        let trust = setup::trust(&host.0, options.ca_file.as_deref())?;
        let private = Arc::new(options.private);
        let client =
            Client::new(Arc::clone(&private), trust, options.proxy).map_err(TargetError::Tls)?;
        let mut redactor = Redactor::default();
        for (name, credential) in &options.credentials {
            credential.scheme.check(name)?;
            for secret in credential.scheme.secrets() {
                redactor.know(&secret);
            }
        }
        let remembered = host.0.remembered(&options.name)?;
        let context = TargetContext {
            table: options
                .table
                .unwrap_or_else(|| format!("[target.{}]", options.name)),
            name: options.name,
            settings: options.settings,
            hosts: options.hosts,
            private,
            tokens: Tokens::for_slots(options.credentials.keys().cloned()),
            credentials: options.credentials,
            password_slot: options.password_slot,
            per_minute: options.requests_per_minute,
            limits: options.limits,
            wire: wire(client),
            rates: crate::rate::Rates::default(),
            redactor,
            remembered,
            sealed: crate::sealed::Sealed::default(),
            scratch: crate::scratch::Scratch::default(),
            clock: Arc::clone(&host.0.clock),
            side_losses: AtomicU32::new(0),
        };
        let target = Self {
            host: Arc::clone(&host.0),
            context: Arc::new(context),
            slot,
            listings: AtomicU64::new(0),
        };
        setup::check_token_servers(&target.context)?;
        target.check_fits(&target.plugin())?;
        Ok(target)
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        &self.context.name
    }

    /// The slot that its plugin is in.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// The version of the plugin that the next call uses.
    pub fn plugin(&self) -> Arc<Plugin> {
        self.slot.current()
    }

    /// What its plugin says of itself.
    pub fn descriptor(&self) -> Descriptor {
        self.plugin().descriptor().clone()
    }

    /// Whether this version of the plugin can work with the target's settings and credentials. To be
    /// asked of a new version before it is put into the slot.
    pub fn check_fits(&self, plugin: &Plugin) -> Result<(), TargetError> {
        setup::check_settings(&self.context.settings, &plugin.details().settings)?;
        setup::check_slots(&self.context, plugin.descriptor())
    }

    /// Tells the connector how often a change here took along what nobody asked for.
    pub fn set_side_losses(&self, count: u32) {
        self.context.side_losses.store(count, Ordering::Relaxed);
    }

    /// A secret that the app issued and the host took out of its reply. It is handed out once.
    pub fn take_sealed(&self, handle: &str) -> Option<Secret> {
        self.context.sealed.take(handle)
    }

    /// Begins a call, with the version of the plugin that is current.
    pub(crate) fn begin(&self, scope: Scope) -> Call<'_> {
        Call {
            host: &self.host,
            place: Place {
                context: Arc::clone(&self.context),
                plugin: self.plugin(),
            },
            scope,
        }
    }

    /// A number that no other listing of this target has.
    pub(crate) fn next_listing(&self) -> Scope {
        Scope::Listing(self.listings.fetch_add(1, Ordering::Relaxed))
    }
}
