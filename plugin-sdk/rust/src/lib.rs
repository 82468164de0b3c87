//! What a connector author imports.
//!
//! A connector is the code that speaks to one kind of app. It implements [`Connector`] and a trait for each
//! thing it can do, and ends with [`export!`]. It is a pure function of its arguments and of what the
//! [`Host`] gives it: no files, no sockets, no environment, no secret values, nothing kept between calls.
//!
//! `docs/guides/write-a-connector.md` builds one in fifty lines, with its tests. The words and the promises
//! are those of the contract, `wit/`.
//!
//! - [`Api`] and [`Path`] make requests; a reply that is no success is a [`Problem`] already.
//! - [`Page`] is a page of a listing that cannot leave out how it ends.
//! - [`Outcome`] is how a change ended; found as it should be is [`Outcome::already`].
//! - [`limits`] are what the host takes of an answer.
//! - [`FakeHost`] runs a connector in plain `cargo test`.

// The generated exports name this crate from the outside, also in here.
#[cfg(target_family = "wasm")]
extern crate self as muster_sdk;

mod account;
mod capability;
mod change;
mod describe;
pub mod dispatch;
mod entitlement;
#[cfg(not(target_family = "wasm"))]
mod fake;
mod host;
mod http;
pub mod limits;
mod object;
mod outcome;
mod page;
mod path;
mod problem;
mod seats;
mod status;
mod time;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod wasm;

pub use crate::account::{
    Account, AccountState, Attribute, AttributeChange, AttributeDelta, Completeness,
    DesiredAccount, LeavePlan, PrincipalClass,
};
#[doc(hidden)]
pub use crate::capability::Exported;
pub use crate::capability::{
    Accounts, Changes, Connector, Credentials, Entitlements, Events, Grants, Ownership, Pending,
    Rotation, capabilities,
};
pub use crate::change::{Change, ChangePage, Changed, HookMessage, Translation, signatures_match};
pub use crate::describe::{
    AccountKind, AttributeSpec, CONTRACT, Capability, ChangeFeed, ContainerRule, Descriptor,
    EntitlementKind, Function, MissingPermission, ProbeReport, RateBucket, SecretSlot, Setting,
    Support,
};
pub use crate::entitlement::{
    Credential, Entitlement, EntitlementCategory, Grant, GrantKey, GrantScope, Rotated, SeatFacts,
    UnreachedCredentials,
};
#[cfg(not(target_family = "wasm"))]
pub use crate::fake::{Answer, FakeHost, Listing, LogLine, all_pages};
pub use crate::host::{Host, HttpFault, LogLevel, Request, Response};
pub use crate::http::{Api, Call, Reply};
pub use crate::object::{Extras, ObjectRef, Scalar};
pub use crate::outcome::{OpContext, Outcome, OutcomeKind, SideEffect};
pub use crate::page::{OpenPage, Page, PageRequest};
pub use crate::path::Path;
pub use crate::problem::{
    FieldFault, GuardRefusal, MissingPermissions, Problem, Result, RetryHint,
};
pub use crate::seats::says_none_is_left;
pub use crate::time::Instant;
