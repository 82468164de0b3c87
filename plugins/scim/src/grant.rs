//! Grants: being a member of a group, having a role or an entitlement.
//!
//! Groups list their members; `roles` and `entitlements` are lists of the user. What an account has is read from
//! the user, and its groups from the groups themselves where the user does not name them.

use muster_sdk::{
    Grant, GrantKey, GrantScope, ObjectRef, Outcome, Page, PageRequest, Problem, Result,
};
use serde_json::Value;

use crate::listing::{self, Ask, Take};
use crate::resource::{Fields, Resource, entries, entry_value, field};
use crate::service::{Collection, Service, is_ours, lists};
use crate::settings::AtUser;
use crate::spot::{Member, Others, Spot};
use crate::view;
use crate::{GROUP_KIND, USER_KIND};

/// How many groups are looked at to find a member to try out.
const TRIED_OUT: usize = 3;

/// Kinds of entitlement that are lists of the user, and their lists.
pub(crate) const LISTS: [(&str, &str); 2] = [("role", "roles"), ("entitlement", "entitlements")];

/// Marks the cursor of the second part of a listing by principal: the groups.
const GROUPS: &str = "g|";

/// The most groups that are looked at one by one in a call, because the list does not show their members.
const LOOKED_AT_MAX: usize = 50;

/// Grants.
pub(crate) fn ensure_granted(service: &Service<'_>, key: &GrantKey) -> Result<Outcome> {
    change(service, key, Way::Give)
}

/// Takes away.
pub(crate) fn ensure_revoked(service: &Service<'_>, key: &GrantKey) -> Result<Outcome> {
    change(service, key, Way::Take)
}

/// Which way a grant goes.
#[derive(Debug, Clone, Copy)]
enum Way {
    Give,
    Take,
}

impl Way {
    fn go(self, spot: &Spot<'_>, member: &Member<'_>) -> Result<Outcome> {
        match self {
            Self::Give => spot.add(member),
            Self::Take => spot.remove(member),
        }
    }
}

fn change(service: &Service<'_>, key: &GrantKey, way: Way) -> Result<Outcome> {
    let GrantKey {
        principal,
        entitlement,
    } = key;
    is_ours(principal)?;
    is_ours(entitlement)?;
    if let Some((kind, list)) = LISTS.iter().find(|(kind, _)| *kind == entitlement.kind) {
        let grant = |value: &str| Grant::direct(principal.clone(), ObjectRef::new(*kind, value));
        let collection = Collection::Users;
        let spot = Spot {
            service,
            collection,
            holder: principal,
            list,
            grant: &grant,
        };
        let others = || Ok(Others::default());
        return way.go(
            &spot,
            &Member {
                value: &entitlement.id,
                reference: None,
                others: &others,
            },
        );
    }
    let grant = |value: &str| Grant::direct(ObjectRef::new(USER_KIND, value), entitlement.clone());
    let collection = Collection::Groups;
    let spot = Spot {
        service,
        collection,
        holder: entitlement,
        list: "members",
        grant: &grant,
    };
    let others = || others(service, principal, &entitlement.id, way);
    let reference = Some(service.address_of(collection_of(principal), &principal.id));
    way.go(
        &spot,
        &Member {
            value: &principal.id,
            reference,
            others: &others,
        },
    )
}

fn collection_of(principal: &ObjectRef) -> Collection {
    if principal.kind == GROUP_KIND {
        Collection::Groups
    } else {
        Collection::Users
    }
}

/// How a service may show a user among the members of a group, and whether the user says that they are one.
fn others(service: &Service<'_>, principal: &ObjectRef, group: &str, way: Way) -> Result<Others> {
    if principal.kind != USER_KIND {
        return Ok(Others::default());
    }
    let user = match (service.find(Collection::Users, &principal.id)?, way) {
        (Some(user), _) => user,
        // Some services take a member that is nobody.
        (None, Way::Give) => return Err(Problem::not_found(principal.clone())),
        (None, Way::Take) => return Ok(Others::default()),
    };
    let groups = entries(field(&user.fields, "groups"));
    let is_meant = |entry: &&Value| entry_value(entry).as_deref() == Some(group);
    Ok(Others {
        names: user
            .text("userName")
            .map(str::to_owned)
            .into_iter()
            .collect(),
        is_listed: groups
            .iter()
            .filter(is_meant)
            .any(|entry| !is_indirect(entry)),
        shows: service.settings.groups_at_user == AtUser::Yes || !groups.is_empty(),
    })
}

fn is_indirect(entry: &Value) -> bool {
    let kind = entry
        .as_object()
        .and_then(|entry| field(entry, "type"))
        .and_then(Value::as_str);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("indirect"))
}

/// One page of grants.
pub(crate) fn list(
    service: &Service<'_>,
    scope: &GrantScope,
    request: &PageRequest,
) -> Result<Page<Grant>> {
    match scope {
        GrantScope::OfPrincipal(principal) => of_principal(service, principal, request),
        GrantScope::OfEntitlement(entitlement) => {
            is_ours(entitlement)?;
            match LISTS.iter().find(|(kind, _)| *kind == entitlement.kind) {
                Some((_, list)) => of_value(service, entitlement, list, request),
                None => of_group(service, entitlement, request),
            }
        }
        GrantScope::OfKind(kind) => Err(Problem::unsupported(format!(
            "grants of all `{kind}` at once cannot be listed"
        ))),
    }
}

/// Who has a role.
fn of_value(
    service: &Service<'_>,
    entitlement: &ObjectRef,
    list: &str,
    request: &PageRequest,
) -> Result<Page<Grant>> {
    let ask = Ask {
        collection: Collection::Users,
        is_part: true,
        without: None,
    };
    listing::page(service, ask, request, |user| {
        let Some(key) = view::user_ref(&user) else {
            return Ok(Take::Unreadable(String::new(), "a user without an id"));
        };
        Ok(if lists(&user, list, &entitlement.id) {
            Take::Item(Grant::direct(key, entitlement.clone()))
        } else {
            Take::Nothing
        })
    })
}

/// The members of a group.
fn of_group(
    service: &Service<'_>,
    entitlement: &ObjectRef,
    request: &PageRequest,
) -> Result<Page<Grant>> {
    let group = service.get(Collection::Groups, entitlement)?;
    let key = view::dressed(entitlement.clone(), &group, group.text("displayName"));
    let members = entries(field(&group.fields, "members"));
    let named = names_users(service, members)?;
    let mut grants = Vec::new();
    let mut unreadable = 0_usize;
    for entry in members {
        match member(service, entry, named)? {
            Some(principal) => {
                grants.push((principal.id.clone(), Grant::direct(principal, key.clone())));
            }
            None => unreadable += 1,
        }
    }
    if unreadable > 0 {
        let text = format!("{unreadable} members that no user has the name of");
        return Ok(Page::of(
            grants
                .into_iter()
                .map(|(_, grant)| grant)
                .take(limit(request)),
        )
        .broken_off(text));
    }
    listing::sorted(grants, request)
}

fn limit(request: &PageRequest) -> usize {
    usize::try_from(request.limit).unwrap_or(usize::MAX)
}

/// Whether the members of groups are shown by user name: the first one leads to a user with another id.
fn names_users(service: &Service<'_>, members: &[Value]) -> Result<bool> {
    let Some(first) = members
        .iter()
        .find(|entry| !is_group(entry))
        .and_then(entry_value)
    else {
        return Ok(false);
    };
    // Ids of this form are ids; asking would only cost.
    let looks_like_id = first.len() >= 16
        && first
            .chars()
            .all(|char| char.is_ascii_hexdigit() || char == '-')
        || first.chars().all(|char| char.is_ascii_digit());
    if looks_like_id {
        return Ok(false);
    }
    let path = Collection::Users.path().push(&first);
    let found = service
        .api
        .get(path)
        .find_json::<Value>(service.host)?
        .and_then(Resource::of);
    Ok(found
        .and_then(|user| user.id())
        .is_some_and(|id| id != first))
}

/// The principal that an entry of `members` is; `None` if it cannot be found out.
fn member(service: &Service<'_>, entry: &Value, is_named: bool) -> Result<Option<ObjectRef>> {
    let Some(value) = entry_value(entry) else {
        return Ok(None);
    };
    let kind = if is_group(entry) {
        GROUP_KIND
    } else {
        USER_KIND
    };
    let display = entry
        .as_object()
        .and_then(|entry| field(entry, "display"))
        .and_then(Value::as_str);
    let mut key = ObjectRef::new(kind, value.as_str());
    key.name_hint = display.map(str::to_owned);
    if !is_named || kind == GROUP_KIND {
        return Ok(Some(key));
    }
    let path = Collection::Users.path().push(&value);
    let found = service
        .api
        .get(path)
        .find_json::<Value>(service.host)?
        .and_then(Resource::of);
    Ok(found
        .filter(|user| user.text("userName") == Some(&value))
        .and_then(|user| view::user_ref(&user)))
}

/// Whether an entry of `members` is a group: it says so, or its address does.
fn is_group(entry: &Value) -> bool {
    let text = |name: &str| {
        let found = entry
            .as_object()
            .and_then(|entry: &Fields| field(entry, name));
        found
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    text("type") == "group" || text("$ref").contains("/groups/")
}

/// What an account has.
fn of_principal(
    service: &Service<'_>,
    principal: &ObjectRef,
    request: &PageRequest,
) -> Result<Page<Grant>> {
    if let Some(cursor) = request
        .cursor()
        .and_then(|cursor| cursor.strip_prefix(GROUPS))
    {
        let cursor = Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty());
        let request = PageRequest {
            limit: request.limit,
            cursor,
        };
        return groups_of(service, principal, &request);
    }
    let user = service.get(Collection::Users, principal)?;
    let mut grants = Vec::new();
    for (kind, list) in LISTS {
        for value in view::ids(field(&user.fields, list)) {
            let entitlement = ObjectRef::new(kind, value.as_str());
            grants.push((
                format!("{kind} {value}"),
                Grant::direct(principal.clone(), entitlement),
            ));
        }
    }
    let groups = match service.settings.groups_at_user {
        AtUser::No => &[],
        AtUser::Auto | AtUser::Yes => entries(field(&user.fields, "groups")),
    };
    for entry in groups {
        let Some(id) = entry_value(entry) else {
            continue;
        };
        let mut group = ObjectRef::new(GROUP_KIND, id.as_str());
        let display = entry.as_object().and_then(|entry| field(entry, "display"));
        group.name_hint = display.and_then(Value::as_str).map(str::to_owned);
        let grant = Grant::direct(principal.clone(), group);
        grants.push((
            format!("{GROUP_KIND} {id}"),
            Grant {
                direct: !is_indirect(entry),
                ..grant
            },
        ));
    }
    let page = listing::sorted(grants, request)?;
    if !groups.is_empty() || !page.is_last() || shows_groups(service, principal) {
        return Ok(page);
    }
    // A user that names no groups may be in none, or at a service that does not say.
    Ok(Page::of(page.into_items()).next(GROUPS))
}

/// Whether the service shows the groups of a user at the user, tried out on a member of some group. It saves
/// reading all groups with all their members for everybody who is in none.
fn shows_groups(service: &Service<'_>, principal: &ObjectRef) -> bool {
    match service.settings.groups_at_user {
        AtUser::Yes => return true,
        AtUser::No => return false,
        AtUser::Auto => {}
    }
    let path = Collection::Groups
        .path()
        .query("startIndex", 1)
        .query("count", TRIED_OUT);
    let Ok(list) = service.list(path) else {
        return false;
    };
    let known = list.resources.iter().take(TRIED_OUT).find_map(|group| {
        let mut members = entries(field(&group.fields, "members"))
            .iter()
            .filter(|entry| !is_group(entry));
        let member =
            members.find_map(|entry| entry_value(entry).filter(|id| *id != principal.id))?;
        Some((group.id()?, member))
    });
    let Some((group, member)) = known else {
        return false;
    };
    let user = service.find(Collection::Users, &member);
    matches!(user, Ok(Some(user)) if lists(&user, "groups", &group))
}

/// The groups that have this member, asked of the groups.
fn groups_of(
    service: &Service<'_>,
    principal: &ObjectRef,
    request: &PageRequest,
) -> Result<Page<Grant>> {
    let ask = Ask {
        collection: Collection::Groups,
        is_part: true,
        without: None,
    };
    let mut looked_at = 0;
    let page = listing::page(service, ask, request, |group| {
        let Some(id) = group.id() else {
            return Ok(Take::Unreadable(String::new(), "a group without an id"));
        };
        let has = match group.list("members") {
            Some(_) => lists(&group, "members", &principal.id),
            None if looked_at == LOOKED_AT_MAX => {
                return Ok(Take::Unreadable(
                    id,
                    "its members are not shown in a listing",
                ));
            }
            None => {
                looked_at += 1;
                let group = service.find(Collection::Groups, &id)?;
                group.is_some_and(|group| lists(&group, "members", &principal.id))
            }
        };
        let key = ObjectRef::new(GROUP_KIND, id);
        let key = view::dressed(key, &group, group.text("displayName"));
        Ok(if has {
            Take::Item(Grant::direct(principal.clone(), key))
        } else {
            Take::Nothing
        })
    })?;
    Ok(behind(page))
}

/// The same page with its cursor marked as one of the second part.
fn behind(page: Page<Grant>) -> Page<Grant> {
    let next = page.next().map(|cursor| format!("{GROUPS}{cursor}"));
    let (is_last, skipped) = (page.is_last(), page.skipped().to_vec());
    let mut open = Page::of(page.into_items());
    for (id, reason) in skipped {
        open = open.skipping(id, reason);
    }
    match next {
        Some(next) => open.next(next),
        None if is_last => open.last(),
        None => open.broken_off("the groups could not be listed to their end"),
    }
}
