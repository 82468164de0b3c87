//! What accounts can be given ([`Entitlement`]), that they have it ([`Grant`]), and what lets them in
//! ([`Credential`]).

use crate::object::{Extras, ObjectRef};
use crate::outcome::SideEffect;
use crate::problem::{Problem, Result};
use crate::time::Instant;

/// What an entitlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntitlementCategory {
    /// Being a member of something.
    Membership,
    /// A role of the app.
    Role,
    /// A single permission.
    Permission,
    /// A paid seat.
    LicenseSeat,
    /// Owning something.
    Ownership,
    /// Access to the app as such.
    AppAccess,
}

impl EntitlementCategory {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Role => "role",
            Self::Permission => "permission",
            Self::LicenseSeat => "license-seat",
            Self::Ownership => "ownership",
            Self::AppAccess => "app-access",
        }
    }
}

/// Seats of a licence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeatFacts {
    /// The app's id of what is bought.
    pub sku: String,
    /// How many there are.
    pub purchased: Option<u32>,
    /// How many are taken.
    pub consumed: Option<u32>,
    /// The price of one seat for one `period`, in the currency's smallest unit.
    pub unit_cost_minor: Option<u32>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// `month` or `year`.
    pub period: Option<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

/// Something at the app that an account can be given.
#[derive(Debug, Clone, PartialEq)]
pub struct Entitlement {
    /// Its key.
    pub key: ObjectRef,
    /// What it is.
    pub category: EntitlementCategory,
    /// Its name for people.
    pub title: String,
    /// What it allows, for people.
    pub description: Option<String>,
    /// The app's view of its risk, 0 to 100.
    pub risk: Option<u8>,
    /// An account has at most one entitlement of such a group.
    pub exclusion_group: Option<String>,
    /// Taking another one of the group away falls back to this one.
    pub exclusion_default: bool,
    /// What an account must have first.
    pub requires: Vec<ObjectRef>,
    /// Kinds of object that can have it.
    pub grantable_to: Vec<String>,
    /// Seats, with [`EntitlementCategory::LicenseSeat`].
    pub seats: Option<SeatFacts>,
    /// Whether it can be given through the connector.
    pub grantable: bool,
    /// Whether it can be taken away through the connector.
    pub revocable: bool,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Entitlement {
    /// An entitlement that can be given and taken away.
    pub fn new(key: ObjectRef, category: EntitlementCategory, title: impl Into<String>) -> Self {
        Self {
            key,
            category,
            title: title.into(),
            description: None,
            risk: None,
            exclusion_group: None,
            exclusion_default: false,
            requires: Vec::new(),
            grantable_to: Vec::new(),
            seats: None,
            grantable: true,
            revocable: true,
            extra: Vec::new(),
        }
    }

    /// This kind of object can have it.
    #[must_use]
    pub fn grantable_to(mut self, kind: impl Into<String>) -> Self {
        self.grantable_to.push(kind.into());
        self
    }

    /// An account must have this one first.
    #[must_use]
    pub fn requires(mut self, entitlement: ObjectRef) -> Self {
        self.requires.push(entitlement);
        self
    }

    /// With seats.
    #[must_use]
    pub fn seats(mut self, seats: SeatFacts) -> Self {
        self.seats = Some(seats);
        self
    }
}

/// The fact that a principal has an entitlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who has it.
    pub principal: ObjectRef,
    /// What they have.
    pub entitlement: ObjectRef,
    /// Given to this principal itself.
    pub direct: bool,
    /// Through what it comes, if not.
    pub via: Vec<ObjectRef>,
    /// Why it cannot be taken away here, if so.
    pub immutable_reason: Option<String>,
    /// When the app itself will take it away.
    pub expires: Option<Instant>,
    /// When it was given.
    pub granted: Option<Instant>,
    /// When it was last used.
    pub last_used: Option<Instant>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Grant {
    /// A grant that was given directly.
    pub fn direct(principal: ObjectRef, entitlement: ObjectRef) -> Self {
        Self {
            principal,
            entitlement,
            direct: true,
            via: Vec::new(),
            immutable_reason: None,
            expires: None,
            granted: None,
            last_used: None,
            extra: Vec::new(),
        }
    }

    /// A grant that comes through a group or role.
    pub fn inherited(principal: ObjectRef, entitlement: ObjectRef, via: ObjectRef) -> Self {
        Self {
            direct: false,
            via: vec![via],
            ..Self::direct(principal, entitlement)
        }
    }

    /// It cannot be taken away here, for this reason.
    #[must_use]
    pub fn immutable(mut self, reason: impl Into<String>) -> Self {
        self.immutable_reason = Some(reason.into());
        self
    }
}

/// A principal and an entitlement: what to give, or to take away.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrantKey {
    /// Who.
    pub principal: ObjectRef,
    /// What.
    pub entitlement: ObjectRef,
}

impl GrantKey {
    /// This entitlement for this principal.
    pub fn new(principal: ObjectRef, entitlement: ObjectRef) -> Self {
        Self {
            principal,
            entitlement,
        }
    }
}

/// Which grants to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantScope {
    /// All grants of all entitlements of this kind.
    OfKind(String),
    /// All who have this entitlement.
    OfEntitlement(ObjectRef),
    /// All that this principal has.
    OfPrincipal(ObjectRef),
}

impl GrantScope {
    /// The entitlement, for a connector that lists grants in no other way.
    ///
    /// # Errors
    ///
    /// [`Problem::Unsupported`] for the other scopes.
    pub fn entitlement(&self) -> Result<&ObjectRef> {
        match self {
            Self::OfEntitlement(entitlement) => Ok(entitlement),
            Self::OfKind(_) | Self::OfPrincipal(_) => {
                Err(Problem::unsupported("grants are listed by entitlement"))
            }
        }
    }
}

/// Something that lets in whoever holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its key; the id is never the secret itself.
    pub key: ObjectRef,
    /// `session`, `refresh-token`, `api-key`, `personal-access-token`, `ssh-key`, `oauth-consent`, `password`,
    /// `app-password`, `certificate`, `webhook-secret`.
    pub category: String,
    /// Whose it is.
    pub owner: ObjectRef,
    /// When it was created.
    pub created: Option<Instant>,
    /// When it was last used; `None` is "not known".
    pub last_used: Option<Instant>,
    /// When it stops working by itself; `None` is "not known".
    pub expires: Option<Instant>,
    /// What it allows, in the app's words.
    pub scopes: Vec<String>,
    /// See [`Extras`].
    pub extra: Extras,
}

impl Credential {
    /// A credential of which nothing more is known.
    pub fn new(key: ObjectRef, category: impl Into<String>, owner: ObjectRef) -> Self {
        Self {
            key,
            category: category.into(),
            owner,
            created: None,
            last_used: None,
            expires: None,
            scopes: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// Credentials that still work after a call that should have ended them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnreachedCredentials {
    /// What they are, as in [`Credential::category`].
    pub category: String,
    /// How many, if known.
    pub count: Option<u32>,
    /// When the last of them stops working by itself, if known.
    pub until: Option<Instant>,
    /// Why they could not be ended, for people.
    pub reason: String,
    /// See [`Extras`].
    pub extra: Extras,
}

/// A credential that was issued anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotated {
    /// The new one.
    pub credential: Credential,
    /// The handle that stood in the reply where [`Call::seal`](crate::Call::seal) pointed.
    pub sealed: String,
    /// What else changed.
    pub effects: Vec<SideEffect>,
    /// See [`Extras`].
    pub extra: Extras,
}
