//! What can be given: groups as the service lists them, roles and entitlements as the settings and the schema
//! name them. SCIM has no list of roles.

use muster_sdk::{Entitlement, EntitlementCategory, ObjectRef, Page, PageRequest, Problem, Result};
use serde_json::Value;

use crate::grant::LISTS;
use crate::listing::{self, Ask, Take};
use crate::name::USER;
use crate::resource::{Resource, entries, field};
use crate::service::{Collection, Service};
use crate::view;
use crate::{GROUP_KIND, USER_KIND};

/// One page of the entitlements of a kind.
pub(crate) fn list(
    service: &Service<'_>,
    kind: &str,
    request: &PageRequest,
) -> Result<Page<Entitlement>> {
    match LISTS.iter().find(|(known, _)| *known == kind) {
        Some((kind, list)) => values(service, kind, list, request),
        None => groups(service, request),
    }
}

fn groups(service: &Service<'_>, request: &PageRequest) -> Result<Page<Entitlement>> {
    let ask = Ask {
        collection: Collection::Groups,
        is_part: false,
        without: Some("members"),
    };
    listing::page(service, ask, request, |group| {
        let Some(id) = group.id() else {
            return Ok(Take::Unreadable(String::new(), "a group without an id"));
        };
        let title = group.text("displayName").unwrap_or(&id).to_owned();
        let key = view::dressed(ObjectRef::new(GROUP_KIND, id), &group, Some(&title));
        let entitlement = Entitlement::new(key, EntitlementCategory::Membership, title);
        Ok(Take::Item(
            entitlement.grantable_to(USER_KIND).grantable_to(GROUP_KIND),
        ))
    })
}

/// The values that IT named, and those that the service's schema names.
fn values(
    service: &Service<'_>,
    kind: &str,
    list: &str,
    request: &PageRequest,
) -> Result<Page<Entitlement>> {
    let mut values: Vec<String> = service.settings.values_of(list).to_vec();
    values.extend(canonical(service, list)?);
    let category = match kind {
        "role" => EntitlementCategory::Role,
        _ => EntitlementCategory::Permission,
    };
    let items = values.into_iter().map(|value| {
        let key = ObjectRef::new(kind, value.as_str()).named(value.as_str());
        (
            value.clone(),
            Entitlement::new(key, category, value).grantable_to(USER_KIND),
        )
    });
    listing::sorted(items.collect(), request)
}

/// `canonicalValues` of the list in the schema of users. A service without schemas names none.
fn canonical(service: &Service<'_>, list: &str) -> Result<Vec<String>> {
    let schema = muster_sdk::Path::new("/Schemas").push(USER);
    let found = match service.api.get(schema).find_json::<Value>(service.host) {
        Ok(found) => found,
        Err(problem @ (Problem::Unauthenticated(_) | Problem::RateLimited(_))) => {
            return Err(problem);
        }
        Err(_) => None,
    };
    let Some(schema) = found.and_then(Resource::of) else {
        return Ok(Vec::new());
    };
    let attribute = entries(field(&schema.fields, "attributes"))
        .iter()
        .find(|spec| named(spec, list));
    let parts = attribute
        .and_then(Value::as_object)
        .and_then(|spec| field(spec, "subAttributes"));
    let value = entries(parts)
        .iter()
        .find(|part| named(part, "value"))
        .and_then(Value::as_object);
    let values = entries(value.and_then(|value| field(value, "canonicalValues"))).iter();
    Ok(values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect())
}

fn named(spec: &Value, name: &str) -> bool {
    let known = spec
        .as_object()
        .and_then(|spec| field(spec, "name"))
        .and_then(Value::as_str);
    known.is_some_and(|known| known.eq_ignore_ascii_case(name))
}
