//! The interfaces that a plugin exports, each found by itself.
//!
//! The generated `Connector` looks up and type-checks every function of the contract, in every fresh
//! instance. It does so once, when a plugin is loaded and describes itself; a call then looks up the
//! one interface that it needs.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::exports::muster::connector::{
    accounts, changes, credentials, entitlements, events, grants, meta, ownership, pending,
};
use crate::call::CallState;

/// Finds one interface in a fresh instance.
pub(crate) type Interface<G> =
    fn(&Exports, &mut Store<CallState>, &Instance) -> wasmtime::Result<G>;

macro_rules! exports {
    ($($interface:ident),*) => {
        /// Where the functions of each interface are in a component.
        pub(crate) struct Exports {
            $($interface: $interface::GuestIndices,)*
        }

        impl Exports {
            /// Finds the functions by their names.
            pub(crate) fn new(pre: &InstancePre<CallState>) -> wasmtime::Result<Self> {
                Ok(Self {
                    $($interface: $interface::GuestIndices::new(pre)?,)*
                })
            }

            $(
                pub(crate) fn $interface(
                    &self,
                    store: &mut Store<CallState>,
                    instance: &Instance,
                ) -> wasmtime::Result<$interface::Guest> {
                    self.$interface.load(store, instance)
                }
            )*
        }
    };
}

exports!(
    accounts,
    changes,
    credentials,
    entitlements,
    events,
    grants,
    meta,
    ownership,
    pending
);
