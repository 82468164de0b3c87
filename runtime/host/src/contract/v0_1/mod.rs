//! Track 0.1 of the contract. Nothing outside of this folder knows the types that wasmtime makes of it.
//!
//! `bindings` are those types, `exports` finds a plugin's functions, `calls` calls them, `import` answers
//! what a plugin calls, and `convert` stands between their words and the core's.

mod bindings;
mod calls;
mod convert;
mod exports;
mod import;

use muster_core::connector::Descriptor;
use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use self::bindings::{Connector, ConnectorPre};
use self::exports::Exports;
use crate::call::{self, CallState};
use crate::host::Inner;
use crate::load_error::LoadError;
use crate::options::CallLimits;
use crate::plugin::Details;

/// The version that is offered.
pub(super) const VERSION: &str = "0.1.0";

/// Interfaces that a plugin may import.
pub(super) const IMPORTS: [&str; 4] = ["types", "http", "secrets", "context"];

/// Interfaces that a plugin has to export.
pub(super) const EXPORTS: [&str; 9] = [
    "meta",
    "accounts",
    "entitlements",
    "grants",
    "credentials",
    "ownership",
    "changes",
    "pending",
    "events",
];

/// Offers a plugin what it may import.
pub(super) fn offer(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    Connector::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// A component that was built for this track.
pub(crate) struct Linked {
    pre: ConnectorPre<CallState>,
    exports: Exports,
}

impl Linked {
    pub(super) fn new(linker: &Linker<CallState>, component: &Component) -> wasmtime::Result<Self> {
        Ok(Self {
            pre: linker
                .instantiate_pre(component)
                .and_then(ConnectorPre::new)?,
            exports: Exports::new(component)?,
        })
    }

    pub(super) fn instance_pre(&self) -> &InstancePre<CallState> {
        self.pre.instance_pre()
    }

    pub(super) async fn describe(
        &self,
        host: &Inner,
        limits: &CallLimits,
    ) -> Result<(Descriptor, Details), LoadError> {
        let pre = self.pre.clone();
        let described = call::without_target(host, limits, move |store| {
            Box::pin(async move {
                let connector = pre.instantiate_async(&mut *store).await?;
                connector.muster_connector_meta().call_describe(store).await
            })
        });
        let description = described.await.map_err(LoadError::Describe)?;
        convert::descriptor::from_guest(description)
            .map_err(|garbage| LoadError::Description(garbage.0))
    }

    pub(super) async fn bare_check_settings(
        &self,
        store: &mut Store<CallState>,
    ) -> wasmtime::Result<()> {
        let instance = self.instance_pre().instantiate_async(&mut *store).await?;
        let function = self.exports.check_settings.of(instance);
        function.call(store, ()).await.map(drop)
    }
}
