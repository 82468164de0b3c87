//! The traits that a connector implements: [`Connector`] always, and one for each capability.
//!
//! A connector is a type with [`Default`]; each call gets a new one. The host is a parameter, so a test calls
//! the same functions with a [`FakeHost`](crate::FakeHost). What each function promises is said in
//! `wit/capabilities.wit`; the rule that matters most: `ensure_*` twice does the same as once, and says
//! `Outcome::already()` the second time without writing.

use crate::account::{Account, AccountState, DesiredAccount, LeavePlan};
use crate::change::{ChangePage, HookMessage, Translation};
use crate::describe::{AttributeSpec, Capability, Descriptor, ProbeReport};
use crate::entitlement::{Credential, Entitlement, Grant, GrantKey, GrantScope, Rotated};
use crate::host::Host;
use crate::object::ObjectRef;
use crate::outcome::{OpContext, Outcome};
use crate::page::{Page, PageRequest};
use crate::problem::{FieldFault, Problem, Result};
use crate::time::Instant;

/// What every connector is.
pub trait Connector: Default {
    /// What it is and can do. Makes no request and reads no setting.
    fn describe(&self) -> Descriptor;

    /// Checks the settings against each other; the host has checked each one by its declaration. Makes no
    /// request.
    ///
    /// # Errors
    ///
    /// What is wrong, for each setting.
    fn check_settings(&self, host: &dyn Host) -> core::result::Result<(), Vec<FieldFault>> {
        let _ = host;
        Ok(())
    }

    /// Tries the target out, changing nothing.
    fn probe(&self, host: &dyn Host) -> Result<ProbeReport>;

    /// Which attributes accounts of this kind have here. Without an implementation: those of the descriptor.
    fn discover(&self, host: &dyn Host, kind: &str) -> Result<Vec<AttributeSpec>> {
        let _ = host;
        match self.describe().account_kind(kind) {
            Some(known) => Ok(known.attributes.clone()),
            None => Err(Problem::unsupported(format!(
                "there is no kind of account `{kind}`"
            ))),
        }
    }
}

/// Accounts: read, created, changed, suspended, removed.
pub trait Accounts {
    /// One page of the accounts of this kind.
    fn list_accounts(
        &self,
        host: &dyn Host,
        kind: &str,
        page: &PageRequest,
    ) -> Result<Page<Account>>;

    /// One account; `None` if there is none with this key.
    fn get_account(&self, host: &dyn Host, key: &ObjectRef) -> Result<Option<Account>>;

    /// All accounts of this kind that hold at least one of the keys, each once.
    fn find_accounts(
        &self,
        host: &dyn Host,
        kind: &str,
        keys: &[(String, String)],
    ) -> Result<Vec<Account>>;

    /// Makes an account be as it should be: finds, creates, changes.
    fn ensure_account(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        desired: &DesiredAccount,
    ) -> Result<Outcome>;

    /// Brings an account into a state.
    fn ensure_state(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        target: &ObjectRef,
        state: AccountState,
    ) -> Result<Outcome>;

    /// Removes an account. One that is not there is `already`.
    fn ensure_absent(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        target: &ObjectRef,
        plan: &LeavePlan,
    ) -> Result<Outcome>;
}

/// What can be given to accounts.
pub trait Entitlements {
    /// One page of the entitlements of this kind.
    fn list_entitlements(
        &self,
        host: &dyn Host,
        kind: &str,
        page: &PageRequest,
    ) -> Result<Page<Entitlement>>;
}

/// Who has what; giving and taking it.
pub trait Grants {
    /// One page of grants.
    fn list_grants(
        &self,
        host: &dyn Host,
        scope: &GrantScope,
        page: &PageRequest,
    ) -> Result<Page<Grant>>;

    /// Grants an entitlement to a principal, until `expires` where the kind says `native_expiry`.
    fn ensure_granted(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        grant: &GrantKey,
        expires: Option<&Instant>,
    ) -> Result<Outcome>;

    /// Takes an entitlement away from a principal. One that does not have it, or is gone, is `already`.
    fn ensure_revoked(&self, host: &dyn Host, ctx: &OpContext, grant: &GrantKey)
    -> Result<Outcome>;
}

/// Sessions, tokens, keys and passwords.
pub trait Credentials {
    /// One page of the credentials of one owner, or of all.
    fn list_credentials(
        &self,
        host: &dyn Host,
        owner: Option<&ObjectRef>,
        page: &PageRequest,
    ) -> Result<Page<Credential>>;

    /// Ends all sessions of an account; what goes on is in the effects.
    fn end_sessions(&self, host: &dyn Host, ctx: &OpContext, target: &ObjectRef)
    -> Result<Outcome>;

    /// Revokes the credentials of an account of these categories; none: all that the descriptor names.
    fn revoke_credentials(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        target: &ObjectRef,
        categories: &[String],
    ) -> Result<Outcome>;
}

/// Issuing a credential anew: the part of `credentials` that few apps have.
pub trait Rotation: Credentials {
    /// Issues a credential anew; the secret goes to the host by [`Call::seal`](crate::Call::seal).
    fn rotate_credential(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        target: &ObjectRef,
    ) -> Result<Rotated>;
}

/// What somebody owns, when they leave.
pub trait Ownership {
    /// Transfers what one account owns to another one.
    fn transfer_owned(
        &self,
        host: &dyn Host,
        ctx: &OpContext,
        source: &ObjectRef,
        target: &ObjectRef,
    ) -> Result<Outcome>;
}

/// The app's own feed of changes.
pub trait Changes {
    /// Where the feed stands now.
    fn current_token(&self, host: &dyn Host) -> Result<String>;

    /// What changed since then, at most `limit` changes.
    fn changes_since(&self, host: &dyn Host, token: &str, limit: u32) -> Result<ChangePage>;
}

/// Work that the app finishes later.
pub trait Pending {
    /// How something stands that was `Outcome::pending`.
    fn poll(&self, host: &dyn Host, ctx: &OpContext, handle: &str) -> Result<Outcome>;
}

/// Webhooks of the app.
pub trait Events {
    /// Checks the signature with [`Host::sign`] and says what changed.
    fn translate(&self, host: &dyn Host, message: &HookMessage) -> Result<Translation>;
}

/// A connector with the capabilities that [`export!`](crate::export) named. Implemented by that macro only. The
/// constants let the compiler leave out the boundary's code for capabilities that were not named.
#[doc(hidden)]
pub trait Exported: Connector {
    const ACCOUNTS: bool = false;
    fn accounts(&self) -> Option<&dyn Accounts> {
        None
    }
    const ENTITLEMENTS: bool = false;
    fn entitlements(&self) -> Option<&dyn Entitlements> {
        None
    }
    const GRANTS: bool = false;
    fn grants(&self) -> Option<&dyn Grants> {
        None
    }
    const CREDENTIALS: bool = false;
    fn credentials(&self) -> Option<&dyn Credentials> {
        None
    }
    const ROTATION: bool = false;
    fn rotation(&self) -> Option<&dyn Rotation> {
        None
    }
    const OWNERSHIP: bool = false;
    fn ownership(&self) -> Option<&dyn Ownership> {
        None
    }
    const CHANGES: bool = false;
    fn changes(&self) -> Option<&dyn Changes> {
        None
    }
    const PENDING: bool = false;
    fn pending(&self) -> Option<&dyn Pending> {
        None
    }
    const EVENTS: bool = false;
    fn events(&self) -> Option<&dyn Events> {
        None
    }
}

/// The capabilities of a connector, which are those that [`export!`](crate::export) named.
pub fn capabilities<T: Exported>() -> Vec<Capability> {
    let named = [
        (Capability::Accounts, T::ACCOUNTS),
        (Capability::Entitlements, T::ENTITLEMENTS),
        (Capability::Grants, T::GRANTS),
        (Capability::Credentials, T::CREDENTIALS),
        (Capability::Rotation, T::ROTATION),
        (Capability::Ownership, T::OWNERSHIP),
        (Capability::Changes, T::CHANGES),
        (Capability::Pending, T::PENDING),
        (Capability::Events, T::EVENTS),
    ];
    named
        .into_iter()
        .filter(|(_, named)| *named)
        .map(|(capability, _)| capability)
        .collect()
}

/// Makes a type the connector of this file, with the capabilities that are named.
///
/// ```
/// # use muster_sdk::{ChangePage, Changes, Connector, Descriptor, Host, ProbeReport, Result};
/// #[derive(Default)]
/// struct Acme;
///
/// impl Connector for Acme {
///     fn describe(&self) -> Descriptor {
///         Descriptor::new("acme", "1.0.0", "Acme")
///     }
///     fn probe(&self, _: &dyn Host) -> Result<ProbeReport> {
///         Ok(ProbeReport::default())
///     }
/// }
///
/// impl Changes for Acme {
///     fn current_token(&self, _: &dyn Host) -> Result<String> {
///         Ok("0".into())
///     }
///     fn changes_since(&self, _: &dyn Host, token: &str, _: u32) -> Result<ChangePage> {
///         Ok(ChangePage::caught_up(vec![], token))
///     }
/// }
///
/// muster_sdk::export!(Acme: Changes);
/// # fn main() {}
/// ```
///
/// To name a capability that is not implemented does not compile: the trait bound `Acme: Grants` is not
/// satisfied.
///
/// ```compile_fail,E0277
/// # use muster_sdk::{Connector, Descriptor, Host, ProbeReport, Result};
/// #[derive(Default)]
/// struct Acme;
///
/// impl Connector for Acme {
///     fn describe(&self) -> Descriptor {
///         Descriptor::new("acme", "1.0.0", "Acme")
///     }
///     fn probe(&self, _: &dyn Host) -> Result<ProbeReport> {
///         Ok(ProbeReport::default())
///     }
/// }
///
/// muster_sdk::export!(Acme: Grants);
/// # fn main() {}
/// ```
///
/// Functions of capabilities that are not named answer `Unsupported` by themselves.
///
/// The exports themselves are made only for WebAssembly; the check is made everywhere. Give the crate
/// `crate-type = ["cdylib", "rlib"]`, so that `cargo test` can link it.
#[macro_export]
macro_rules! export {
    ($connector:ident : $($capability:ident),+ $(,)?) => {
        impl $crate::Exported for $connector {
            $($crate::__capability!($capability);)+
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            type MusterComponent = $crate::wasm::Component<$connector>;
            $crate::wasm::export_component!(MusterComponent with_types_in $crate::wasm::bindings);
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __capability {
    (Accounts) => {
        const ACCOUNTS: bool = true;
        fn accounts(&self) -> Option<&dyn $crate::Accounts> {
            Some(self)
        }
    };
    (Entitlements) => {
        const ENTITLEMENTS: bool = true;
        fn entitlements(&self) -> Option<&dyn $crate::Entitlements> {
            Some(self)
        }
    };
    (Grants) => {
        const GRANTS: bool = true;
        fn grants(&self) -> Option<&dyn $crate::Grants> {
            Some(self)
        }
    };
    (Credentials) => {
        const CREDENTIALS: bool = true;
        fn credentials(&self) -> Option<&dyn $crate::Credentials> {
            Some(self)
        }
    };
    (Rotation) => {
        const ROTATION: bool = true;
        fn rotation(&self) -> Option<&dyn $crate::Rotation> {
            Some(self)
        }
    };
    (Ownership) => {
        const OWNERSHIP: bool = true;
        fn ownership(&self) -> Option<&dyn $crate::Ownership> {
            Some(self)
        }
    };
    (Changes) => {
        const CHANGES: bool = true;
        fn changes(&self) -> Option<&dyn $crate::Changes> {
            Some(self)
        }
    };
    (Pending) => {
        const PENDING: bool = true;
        fn pending(&self) -> Option<&dyn $crate::Pending> {
            Some(self)
        }
    };
    (Events) => {
        const EVENTS: bool = true;
        fn events(&self) -> Option<&dyn $crate::Events> {
            Some(self)
        }
    };
    ($other:ident) => {
        compile_error!(concat!(
            "there is no capability `",
            stringify!($other),
            "`; there are Accounts, Entitlements, Grants, Credentials, Rotation, Ownership, Changes, ",
            "Pending and Events"
        ));
    };
}
