//! Which rights one account has: however a connector lists grants.

use muster_core::connector::{
    EntitlementKey, Function, GrantScope, ObjectRef, Problem, RemoteGrant,
};
use muster_host::{Listing, WhichGrants};

use super::Connected;

impl Connected {
    /// All rights that an account has by itself and that can be taken away, of every kind; whole only where every
    /// kind was read whole. `offered` is what the target can give: a connector that lists holders only is asked for
    /// each of it.
    pub async fn rights_of(
        &self,
        account: &ObjectRef,
        offered: &[EntitlementKey],
    ) -> Result<Listing<EntitlementKey>, Problem> {
        let target = self.admitted()?;
        let plugin = target.plugin();
        let mut asked: Vec<WhichGrants> = Vec::new();
        let mut unlisted: Option<String> = None;
        for kind in &plugin.descriptor().entitlement_kinds {
            let lists = |scope| kind.lists_grants() && kind.grant_scopes.contains(&scope);
            if lists(GrantScope::OfPrincipal) {
                asked.push(WhichGrants::OfPrincipal(account.clone()));
            } else if lists(GrantScope::OfKind) {
                asked.push(WhichGrants::OfKind(kind.name.clone()));
            } else if lists(GrantScope::OfEntitlement) {
                let of_kind = offered.iter().filter(|key| key.kind == kind.name);
                asked.extend(of_kind.map(|key| WhichGrants::OfEntitlement(key.object(None))));
            } else if kind.can(Function::EnsureGranted) {
                unlisted = Some(format!("who has a {} cannot be listed", kind.name));
            }
        }
        asked.dedup();
        let mut all = Listing {
            items: Vec::new(),
            is_whole: unlisted.is_none(),
            why_not: unlisted,
        };
        for which in asked {
            let listing = self.learned(target.list_grants(&which).await)?;
            all.is_whole &= listing.is_whole;
            all.why_not = all.why_not.or(listing.why_not);
            let own = listing
                .items
                .into_iter()
                .filter(|grant| is_own(grant, account));
            all.items
                .extend(own.map(|grant| EntitlementKey::of(&grant.entitlement)));
        }
        all.items.sort();
        all.items.dedup();
        Ok(all)
    }
}

/// What comes through something else, or cannot be changed, is nothing that could be taken away here.
fn is_own(grant: &RemoteGrant, account: &ObjectRef) -> bool {
    grant.is_direct && grant.immutable_reason.is_none() && grant.principal.same_object(account)
}
