//! Licences as seats. Google knows which user has which, by address, and not how many were bought: that is a
//! setting. A user has at most one SKU of a product, so the SKUs of a product exclude each other, and giving
//! another one moves the user over in one step, without a moment in between that would cost a mailbox.

use muster_sdk::{
    Entitlement, EntitlementCategory, Grant, GrantKey, ObjectRef, Outcome, Page, PageRequest, Path,
    Problem, Result, SeatFacts, SideEffect,
};
use serde_json::json;

use crate::service::{Google, USER, paged, required, text, users};
use crate::settings::Sku;
use crate::user::User;

/// The kind of entitlement.
pub(crate) const SEAT: &str = "license-seat";

/// Seats on a page: Google names users by address, and each has to be looked up.
pub(crate) const PAGE_MAX: u32 = 50;

/// Seats that are read at once to be counted.
const COUNTED_AT_ONCE: u32 = 1000;

/// How often, at most: beyond that, how many are taken is not known.
const COUNTS_MAX: usize = 50;

impl Google<'_> {
    /// One page of the licences: one licence, because its seats have to be counted.
    pub(crate) fn seats(&self, page: &PageRequest) -> Result<Page<Entitlement>> {
        let skus = &self.settings.skus;
        let at = match page.cursor() {
            None => 0,
            Some(id) => {
                let known = skus.iter().position(|sku| sku.name() == id);
                known.ok_or(Problem::CursorExpired)?
            }
        };
        let Some(sku) = skus.get(at) else {
            return Ok(Page::of([]).last());
        };
        let next = skus.get(at + 1).map(Sku::name);
        Ok(Page::of([self.seat(sku)?]).next_or_last(next))
    }

    fn seat(&self, sku: &Sku) -> Result<Entitlement> {
        let (consumed, name) = self.taken_seats(sku)?;
        // What Google calls it shows only when somebody has it, so a policy names the id.
        let mut seat = Entitlement::new(key_of(sku), EntitlementCategory::LicenseSeat, sku.name())
            .grantable_to(USER)
            .seats(SeatFacts {
                consumed,
                ..facts(sku)
            });
        seat.description = name;
        seat.exclusion_group = Some(sku.product.clone());
        Ok(seat)
    }

    /// How many seats are taken, and what Google calls the licence.
    fn taken_seats(&self, sku: &Sku) -> Result<(Option<u32>, Option<String>)> {
        let mut page = PageRequest::first(COUNTED_AT_ONCE);
        let (mut taken, mut name) = (0, None);
        let customer = self.customer()?;
        for _ in 0..COUNTS_MAX {
            let path = paged(sku_path(sku).push("users"), &page)
                .query("customerId", &customer)
                .query("fields", "kind,nextPageToken,items(skuId,skuName)");
            let call = self.licensing.get(path).about(&key_of(sku));
            let list = self.list(call, "licensing#licenseAssignmentList", "items")?;
            let first = list
                .entries
                .first()
                .and_then(|entry| text(entry, "skuName"));
            name = name.or_else(|| first.map(str::to_owned));
            taken += u32::try_from(list.entries.len()).unwrap_or(u32::MAX);
            match list.next {
                Some(next) => page = PageRequest::from_cursor(COUNTED_AT_ONCE, next),
                None => return Ok((Some(taken), name)),
            }
        }
        Ok((None, name))
    }

    /// One page of who has a licence.
    pub(crate) fn seated(&self, seat: &ObjectRef, page: &PageRequest) -> Result<Page<Grant>> {
        let sku = self.sku(seat)?;
        let limit = page.limit.min(PAGE_MAX);
        let page = PageRequest {
            limit,
            cursor: page.cursor.clone(),
        };
        let path = paged(sku_path(sku).push("users"), &page).query("customerId", self.customer()?);
        let call = self.licensing.get(path).about(seat);
        let list = self.list(call, "licensing#licenseAssignmentList", "items")?;
        let mut grants = Vec::new();
        let mut unknown = Vec::new();
        for (number, entry) in list.entries.iter().enumerate() {
            match self.user_by(required(entry, "userId")?)? {
                Some(user) => grants.push(Grant::direct(user.key(), seat.clone())),
                // The address is left out: it would end up in a log.
                None => unknown.push(format!("seat {} of the page", number + 1)),
            }
        }
        let reason = "Google names a user whom it does not know, or not yet, by this address";
        let open = unknown
            .into_iter()
            .fold(Page::of(grants), |open, id| open.skipping(id, reason));
        Ok(open.next_or_last(list.next))
    }

    /// The licences that a user has, of those in the settings.
    pub(crate) fn seats_of(&self, principal: &ObjectRef) -> Result<Vec<Grant>> {
        if self.settings.skus.is_empty() {
            return Ok(Vec::new());
        }
        let user = self.user_of(principal)?;
        let mut grants = Vec::new();
        for sku in &self.settings.skus {
            if self.has_seat(sku, &user)? {
                grants.push(Grant::direct(principal.clone(), key_of(sku)));
            }
        }
        Ok(grants)
    }

    fn has_seat(&self, sku: &Sku, user: &User) -> Result<bool> {
        let found = self.find(self.licensing.get(seat_path(sku, user)))?;
        // Where the user has another SKU of the product, that one may come back.
        Ok(found.is_some_and(|found| text(&found, "skuId") == Some(sku.id.as_str())))
    }

    /// Assigns a licence to a user.
    pub(crate) fn seat_user(&self, grant: &GrantKey) -> Result<Outcome> {
        let sku = self.sku(&grant.entitlement)?;
        let user = self.user_of(&grant.principal)?;
        if self.has_seat(sku, &user)? {
            return Ok(Outcome::already());
        }
        let mut other = None;
        for known in &self.settings.skus {
            if known.product == sku.product && known.id != sku.id && self.has_seat(known, &user)? {
                other = Some(known);
            }
        }
        let call = if let Some(other) = other {
            let body = json!({"productId": sku.product, "skuId": sku.id});
            self.licensing.patch(seat_path(other, &user)).json(&body)
        } else {
            let body = json!({"userId": user.email()});
            self.licensing.post(sku_path(sku).push("user")).json(&body)
        };
        let reply = match self.write_told(call) {
            Ok(Some(reply)) => reply,
            Ok(None) => {
                return Err(Problem::transient(
                    "the licences do not know the new user yet",
                ));
            }
            Err(Problem::NoCapacity(_)) => return Err(Problem::no_capacity(facts(sku))),
            // A licence of the product that is not in the settings is in the way.
            Err(Problem::Stale(_)) => return Err(Problem::Conflict(None)),
            Err(problem) => return Err(problem),
        };
        let outcome = Outcome::done()
            .effect(SideEffect::SeatConsumed(grant.entitlement.clone()))
            .evidence(reply.request_id());
        Ok(match other.map(key_of) {
            Some(left) => outcome
                .effect(SideEffect::GrantRemoved(Grant::direct(
                    grant.principal.clone(),
                    left.clone(),
                )))
                .effect(SideEffect::SeatReleased(left)),
            None => outcome,
        })
    }

    /// Takes a licence from a user.
    pub(crate) fn unseat_user(&self, grant: &GrantKey) -> Result<Outcome> {
        let sku = self.sku(&grant.entitlement)?;
        let Some(user) = self.user(&grant.principal.id)? else {
            return Ok(Outcome::already());
        };
        if !self.has_seat(sku, &user)? {
            return Ok(Outcome::already());
        }
        match self.write(self.licensing.delete(seat_path(sku, &user)))? {
            Some(reply) => Ok(Outcome::done()
                .effect(SideEffect::SeatReleased(grant.entitlement.clone()))
                .evidence(reply.request_id())),
            None => Ok(Outcome::already()),
        }
    }

    /// The licence of an entitlement; what is not in the settings is not Muster's.
    fn sku(&self, seat: &ObjectRef) -> Result<&Sku> {
        let known = self.settings.skus.iter().find(|sku| sku.name() == seat.id);
        known.ok_or_else(|| Problem::not_found(seat.clone()))
    }

    /// The customer's own id: licences take no other name. It stands in every user.
    fn customer(&self) -> Result<String> {
        if let Some(id) = self.settings.customer_id() {
            return Ok(id.to_owned());
        }
        let path = users()
            .query("customer", &self.settings.customer)
            .query("maxResults", 1)
            .query("fields", "kind,users(customerId)");
        let list = self.list(self.directory.get(path), "admin#directory#users", "users")?;
        let first = list.entries.first();
        let first = first.ok_or_else(|| Problem::remote_defect("Google shows no user at all"))?;
        required(first, "customerId").map(str::to_owned)
    }
}

fn facts(sku: &Sku) -> SeatFacts {
    SeatFacts {
        sku: sku.name(),
        purchased: sku.purchased,
        ..SeatFacts::default()
    }
}

fn key_of(sku: &Sku) -> ObjectRef {
    ObjectRef::new(SEAT, sku.name())
}

fn sku_path(sku: &Sku) -> Path {
    Path::new("/apps/licensing/v1/product")
        .push(&sku.product)
        .push("sku")
        .push(&sku.id)
}

fn seat_path(sku: &Sku, user: &User) -> Path {
    sku_path(sku).push("user").push(user.email())
}
