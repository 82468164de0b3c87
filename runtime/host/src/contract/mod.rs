//! The fence around the contract: what this crate asks of a plugin and what comes back, in the core's words.
//!
//! Each track of the contract that was released has a folder, and only that folder knows the types that
//! wasmtime makes of its `wit/` files. A plugin is linked with the track that it was built for; whoever calls
//! it uses [`Call`] and does not learn which one that is. Another track is another folder, one more case of
//! [`Version`] and [`Linked`], and one more line wherever the compiler then asks for it.

mod v0_1;

use std::sync::Arc;

use muster_core::connector::{
    CallContext, Change, Descriptor, Entitlement, ObjectRef, Outcome, Page, Problem, RemoteAccount,
    RemoteCredential, RemoteGrant,
};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store};

use crate::call::{Call, CallState, Called};
use crate::failure::Garbage;
use crate::host::Inner;
use crate::load_error::LoadError;
use crate::options::CallLimits;
use crate::plugin::Details;
use crate::read::{AttributeSpec, ChangePage, ProbeReport, Rotated, Translation, WhichGrants};

/// Where the contract's names begin.
pub(crate) const PACKAGE: &str = "muster:connector/";

/// The newest version of the contract that this runtime offers. Versions that differ in the third place
/// only are of one track: what was built for one of them runs with another, if it finds all it needs.
pub const CONTRACT_VERSION: &str = v0_1::VERSION;

/// A track of the contract that this runtime offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    /// 0.1.
    V0_1,
}

impl Version {
    /// Every track, the newest last.
    const ALL: [Self; 1] = [Self::V0_1];

    /// The track of this version; `None` if it is not offered.
    pub(crate) fn of(version: &str) -> Option<Self> {
        let wanted = track(version)?;
        let offers = |offered: &Self| track(offered.number()).as_ref() == Some(&wanted);
        Self::ALL.into_iter().find(offers)
    }

    /// The version of the track that is offered.
    fn number(self) -> &'static str {
        match self {
            Self::V0_1 => v0_1::VERSION,
        }
    }

    /// The interfaces that a plugin may import.
    pub(crate) fn imports(self) -> &'static [&'static str] {
        match self {
            Self::V0_1 => &v0_1::IMPORTS,
        }
    }

    /// The interfaces that a plugin has to export.
    pub(crate) fn exports(self) -> &'static [&'static str] {
        match self {
            Self::V0_1 => &v0_1::EXPORTS,
        }
    }
}

/// The part of a version that decides what goes together: `0.1` of `0.1.7`, `1` of `1.4.2`.
pub(crate) fn track(version: &str) -> Option<String> {
    let version = semver::Version::parse(version).ok()?;
    if !version.pre.is_empty() {
        return None;
    }
    Some(match (version.major, version.minor, version.patch) {
        (0, 0, patch) => format!("0.0.{patch}"),
        (0, minor, _) => format!("0.{minor}"),
        (major, ..) => major.to_string(),
    })
}

/// Everything that a plugin may import: the interfaces of every track, which have the version in their
/// names, and WASI with nothing behind it, for components whose toolchain cannot do without.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    v0_1::offer(&mut linker)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// A component that is linked with the track it was built for: an instance of it is a matter of
/// microseconds.
pub(crate) enum Linked {
    V0_1(v0_1::Linked),
}

impl Linked {
    /// Links a component, and finds the functions that it exports.
    pub(crate) fn new(
        version: Version,
        linker: &Linker<CallState>,
        component: &Component,
    ) -> Result<Self, LoadError> {
        let made = match version {
            Version::V0_1 => v0_1::Linked::new(linker, component).map(Self::V0_1),
        };
        made.map_err(|error| LoadError::Contract(crate::failure::cut(&format!("{error:#}"))))
    }

    /// What a fresh instance is made from.
    pub(crate) fn instance_pre(&self) -> &InstancePre<CallState> {
        match self {
            Self::V0_1(linked) => linked.instance_pre(),
        }
    }

    /// Asks the plugin what it is. Every function of the contract is type-checked on the way.
    pub(crate) async fn describe(
        &self,
        host: &Inner,
        limits: &CallLimits,
    ) -> Result<(Descriptor, Details), LoadError> {
        match self {
            Self::V0_1(linked) => linked.describe(host, limits).await,
        }
    }

    /// Calls `check-settings` on a fresh instance with wasmtime alone, to measure by.
    pub(crate) async fn bare_check_settings(
        &self,
        store: &mut Store<CallState>,
    ) -> wasmtime::Result<()> {
        match self {
            Self::V0_1(linked) => linked.bare_check_settings(store).await,
        }
    }
}

/// What a plugin answered.
pub(crate) enum Answer<T> {
    /// What it was asked for.
    Given(T),
    /// Why it could not be done, as the plugin has it.
    Reported(Reported),
    /// Something that breaks the contract.
    Garbage(Garbage),
}

/// A problem that a plugin reported.
pub(crate) struct Reported {
    pub(crate) problem: Problem,
    /// The rate bucket that is used up, with a problem of the pace.
    pub(crate) bucket: Option<String>,
}

impl<T> Called<Answer<T>> {
    /// Holds an answer against what was asked: one that does not go with it breaks the contract.
    pub(crate) fn checked(self, check: impl FnOnce(&T) -> Result<(), Garbage>) -> Self {
        self.map(|answer| match answer {
            Answer::Given(given) => match check(&given) {
                Ok(()) => Answer::Given(given),
                Err(garbage) => Answer::Garbage(garbage),
            },
            Answer::Reported(_) | Answer::Garbage(_) => answer,
        })
    }
}

/// The functions of the contract, as each track has them.
macro_rules! functions {
    ($($(#[$doc:meta])* $function:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        impl Call<'_> {
            $($(#[$doc])*
            pub(crate) async fn $function(self $(, $argument: $type)*) -> Called<$answer> {
                let plugin = Arc::clone(&self.place.plugin);
                match &plugin.linked {
                    Linked::V0_1(linked) => linked.$function(self $(, $argument)*).await,
                }
            })+
        }
    };
}

functions! {
    /// Brings a change about.
    change(change: &Change, ctx: &CallContext) -> Answer<Outcome>;
    /// The settings that do not go together, each with the reason.
    check_settings() -> Vec<(String, String)>;
    /// Tries the target out, changing nothing.
    probe() -> Answer<ProbeReport>;
    /// Which attributes accounts of a kind have.
    discover(kind: &str) -> Answer<Vec<AttributeSpec>>;
    /// One account; `None` if the app has none with this key.
    get_account(key: &ObjectRef) -> Answer<Option<RemoteAccount>>;
    /// The accounts of a kind that hold at least one of the keys.
    find_accounts(kind: &str, keys: &[(String, String)]) -> Answer<Vec<RemoteAccount>>;
    /// One page of the accounts of a kind.
    list_accounts(kind: &str, limit: u32, cursor: Option<String>) -> Answer<Page<RemoteAccount>>;
    /// One page of the entitlements of a kind.
    list_entitlements(kind: &str, limit: u32, cursor: Option<String>) -> Answer<Page<Entitlement>>;
    /// One page of grants.
    list_grants(which: &WhichGrants, limit: u32, cursor: Option<String>) -> Answer<Page<RemoteGrant>>;
    /// One page of the credentials of an owner, or of all.
    list_credentials(owner: Option<&ObjectRef>, limit: u32, cursor: Option<String>) -> Answer<Page<RemoteCredential>>;
    /// Issues a credential anew.
    rotate_credential(key: &ObjectRef, ctx: &CallContext) -> Answer<Rotated>;
    /// Where the app's feed of changes stands.
    current_token() -> Answer<String>;
    /// What changed since then.
    changes_since(token: &str, limit: u32) -> Answer<ChangePage>;
    /// What a webhook of the app means.
    translate(headers: Vec<(String, String)>, body: Vec<u8>) -> Answer<Translation>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_together_by_track() {
        for (version, offered) in [
            ("0.1.0", Some(Version::V0_1)),
            ("0.1.7", Some(Version::V0_1)),
            ("0.2.0", None),
            ("1.0.0", None),
            ("0.1.0-rc1", None),
        ] {
            assert_eq!(Version::of(version), offered, "{version}");
        }
        assert_eq!(Version::of(CONTRACT_VERSION), Version::ALL.last().copied());
    }
}
