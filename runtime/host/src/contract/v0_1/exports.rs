//! The functions that a plugin exports, each found by itself.
//!
//! The generated `Connector` looks up and type-checks every function of the contract, in every fresh
//! instance. It does so once, when a plugin is loaded and describes itself; a call then looks up and
//! checks the one function that it needs.

use std::marker::PhantomData;

use muster_core::connector::Function;
use wasmtime::Store;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, ComponentType, Instance, Lift, Lower,
};

use super::VERSION;
use super::bindings::exports::muster::connector::{
    accounts, changes, credentials, entitlements, events, grants, meta,
};
use super::bindings::muster::connector::types::{Account, FieldFault, Outcome, Problem};
use crate::call::CallState;
use crate::contract::PACKAGE;

/// Where a function is in a component, and what it answers.
pub(super) struct Export<R> {
    /// Which one it is.
    pub(super) function: Function,
    index: ComponentExportIndex,
    answers: PhantomData<fn() -> R>,
}

impl<R: ComponentType + Lift + Send + Sync + 'static> Export<R> {
    fn find(component: &Component, interface: &str, function: Function) -> wasmtime::Result<Self> {
        let interface = format!("{PACKAGE}{interface}@{VERSION}");
        let index = component
            .get_export_index(None, &interface)
            .and_then(|found| component.get_export_index(Some(&found), function.as_str()));
        Ok(Self {
            function,
            index: index.ok_or_else(|| {
                wasmtime::Error::msg(format!("`{interface}` has no `{function}`"))
            })?,
            answers: PhantomData,
        })
    }

    /// The function in a fresh instance.
    pub(super) fn of(&self, instance: Instance) -> Callable<R> {
        Callable {
            instance,
            index: self.index,
            answers: PhantomData,
        }
    }
}

/// A function in a fresh instance.
pub(super) struct Callable<R> {
    instance: Instance,
    index: ComponentExportIndex,
    answers: PhantomData<fn() -> R>,
}

impl<R: ComponentType + Lift + Send + Sync + 'static> Callable<R> {
    /// Calls it. Arguments that are not what the contract says are an error.
    pub(super) async fn call<P>(
        self,
        store: &mut Store<CallState>,
        arguments: P,
    ) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
    {
        let function = self
            .instance
            .get_typed_func::<P, (R,)>(&mut *store, self.index)?;
        let (answer,) = function.call_async(store, arguments).await?;
        Ok(answer)
    }
}

macro_rules! exports {
    ($($interface:ident { $($name:ident = $function:ident: $answer:ty,)+ })+) => {
        /// The functions of the contract in a component.
        pub(super) struct Exports {
            $($(pub(super) $name: Export<$answer>,)+)+
        }

        impl Exports {
            /// Finds them by their names.
            pub(super) fn new(component: &Component) -> wasmtime::Result<Self> {
                Ok(Self {
                    $($($name: Export::find(
                        component,
                        stringify!($interface),
                        Function::$function,
                    )?,)+)+
                })
            }
        }
    };
}

/// What nearly every function answers.
type Answer<T> = Result<T, Problem>;

exports! {
    meta {
        check_settings = CheckSettings: Result<(), Vec<FieldFault>>,
        probe = Probe: Answer<meta::ProbeReport>,
        discover = Discover: Answer<Vec<meta::AttributeSpec>>,
    }
    accounts {
        list_accounts = ListAccounts: Answer<accounts::AccountPage>,
        get_account = GetAccount: Answer<Option<Account>>,
        find_accounts = FindAccounts: Answer<Vec<Account>>,
        ensure_account = EnsureAccount: Answer<Outcome>,
        ensure_state = EnsureState: Answer<Outcome>,
        ensure_absent = EnsureAbsent: Answer<Outcome>,
    }
    entitlements {
        list_entitlements = ListEntitlements: Answer<entitlements::EntitlementPage>,
    }
    grants {
        list_grants = ListGrants: Answer<grants::GrantPage>,
        ensure_granted = EnsureGranted: Answer<Outcome>,
        ensure_revoked = EnsureRevoked: Answer<Outcome>,
    }
    credentials {
        list_credentials = ListCredentials: Answer<credentials::CredentialPage>,
        end_sessions = EndSessions: Answer<Outcome>,
        revoke_credentials = RevokeCredentials: Answer<Outcome>,
        rotate_credential = RotateCredential: Answer<credentials::Rotated>,
    }
    ownership {
        transfer_owned = TransferOwned: Answer<Outcome>,
    }
    changes {
        current_token = CurrentToken: Answer<String>,
        changes_since = ChangesSince: Answer<changes::ChangePage>,
    }
    pending {
        poll = Poll: Answer<Outcome>,
    }
    events {
        translate = Translate: Answer<events::Translation>,
    }
}
