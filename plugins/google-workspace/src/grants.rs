//! What can be given: groups, licences, administrator roles, and who has them.
//!
//! All that one principal has is listed kind by kind: the cursor says which kind, and where in it.

use muster_sdk::{
    Entitlement, Entitlements, Grant, GrantKey, GrantScope, Grants, Host, Instant, ObjectRef,
    OpContext, Outcome, Page, PageRequest, Problem, Result,
};

use crate::GoogleWorkspace;
use crate::group::GROUP;
use crate::role::{self, ROLE};
use crate::seat::SEAT;
use crate::service::{Google, USER};

impl Entitlements for GoogleWorkspace {
    fn list_entitlements(
        &self,
        host: &dyn Host,
        kind: &str,
        page: &PageRequest,
    ) -> Result<Page<Entitlement>> {
        let google = Google::of(host)?;
        match kind {
            GROUP => google.groups(page),
            SEAT => google.seats(page),
            ROLE => google.roles(page),
            _ => Err(no_such_kind(kind)),
        }
    }
}

impl Grants for GoogleWorkspace {
    fn list_grants(
        &self,
        host: &dyn Host,
        scope: &GrantScope,
        page: &PageRequest,
    ) -> Result<Page<Grant>> {
        let google = Google::of(host)?;
        match scope {
            GrantScope::OfPrincipal(principal) => google.all_of(principal, page),
            GrantScope::OfEntitlement(entitlement) => match entitlement.kind.as_str() {
                GROUP => google.members(entitlement, page),
                SEAT => google.seated(entitlement, page),
                ROLE => google.holders(entitlement, page),
                kind => Err(no_such_kind(kind)),
            },
            GrantScope::OfKind(_) => Err(Problem::unsupported(
                "grants are listed by entitlement or by principal",
            )),
        }
    }

    fn ensure_granted(
        &self,
        host: &dyn Host,
        _: &OpContext,
        grant: &GrantKey,
        _: Option<&Instant>,
    ) -> Result<Outcome> {
        let google = Google::of(host)?;
        may_hold(grant)?;
        match grant.entitlement.kind.as_str() {
            GROUP => google.join(grant),
            SEAT => google.seat_user(grant),
            ROLE => google.assign(grant),
            kind => Err(no_such_kind(kind)),
        }
    }

    fn ensure_revoked(&self, host: &dyn Host, _: &OpContext, grant: &GrantKey) -> Result<Outcome> {
        let google = Google::of(host)?;
        may_hold(grant)?;
        match grant.entitlement.kind.as_str() {
            GROUP => google.leave(grant),
            SEAT => google.unseat_user(grant),
            ROLE => google.unassign(grant),
            kind => Err(no_such_kind(kind)),
        }
    }
}

impl Google<'_> {
    /// One page of all that a principal has.
    fn all_of(&self, principal: &ObjectRef, page: &PageRequest) -> Result<Page<Grant>> {
        let (phase, token) = match page.cursor() {
            None => (GROUP, None),
            Some(cursor) => match cursor.split_once(' ') {
                Some((phase, "")) => (phase, None),
                Some((phase, token)) => (phase, Some(token)),
                None => return Err(Problem::CursorExpired),
            },
        };
        let part = |max: u32| PageRequest {
            limit: page.limit.min(max),
            cursor: token.map(str::to_owned),
        };
        let is_user = principal.kind == USER;
        let (grants, next) = match phase {
            GROUP => self.groups_of(principal, &part(crate::group::PAGE_MAX))?,
            SEAT if is_user => (self.seats_of(principal)?, None),
            ROLE => self.roles_of(principal, &part(role::PAGE_MAX))?,
            _ => return Err(Problem::CursorExpired),
        };
        let after = match (phase, next) {
            (phase, Some(next)) => Some(format!("{phase} {next}")),
            (GROUP, None) if is_user && !self.settings.skus.is_empty() => Some(format!("{SEAT} ")),
            (GROUP | SEAT, None) if self.settings.has_roles => Some(format!("{ROLE} ")),
            (_, None) => None,
        };
        Ok(Page::of(grants).next_or_last(after))
    }
}

/// Refuses principals that cannot have such an entitlement.
fn may_hold(grant: &GrantKey) -> Result<()> {
    match (
        grant.principal.kind.as_str(),
        grant.entitlement.kind.as_str(),
    ) {
        (USER, _) | (GROUP, GROUP | ROLE) => Ok(()),
        (kind, of) => Err(Problem::unsupported(format!(
            "`{kind}` cannot have a `{of}`"
        ))),
    }
}

fn no_such_kind(kind: &str) -> Problem {
    Problem::unsupported(format!("there is no kind of entitlement `{kind}`"))
}
