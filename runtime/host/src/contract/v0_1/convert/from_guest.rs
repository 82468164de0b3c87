//! From the contract's words to the core's, checked.

use muster_core::connector as core;

use super::check::{self, ATTRIBUTES_MAX, ENTRIES_MAX, ID_BYTES_MAX, VALUE_BYTES_MAX};
use crate::contract::v0_1::bindings::muster::connector::types as wit;
use crate::failure::{Garbage, cut, cut_to};

/// As much of a name as is kept to be read, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// A reference to an object.
pub(crate) fn object(object: wit::ObjectRef) -> Result<core::ObjectRef, Garbage> {
    let optional = |what: &str, text: Option<String>| {
        text.map(|text| check::bounded(what, text, ID_BYTES_MAX))
            .transpose()
    };
    Ok(core::ObjectRef {
        kind: check::named("the kind of an object", object.kind)?,
        // "In an empty container" and "in none" must not be two keys of one object.
        container: optional("a container", object.container)?
            .filter(|container| !container.is_empty()),
        id: check::named("the id of an object", object.id)?,
        revision: optional("a revision", object.revision)?,
        // For people only, and not worth losing an answer for: people have names of 3,000 characters.
        name_hint: object.name_hint.map(|name| cut_to(&name, NAME_BYTES_MAX)),
    })
}

pub(crate) fn objects(
    what: &str,
    objects: Vec<wit::ObjectRef>,
) -> Result<Vec<core::ObjectRef>, Garbage> {
    check::few(what, objects, ENTRIES_MAX)?
        .into_iter()
        .map(object)
        .collect()
}

/// A state of an account.
pub(crate) fn state(state: wit::AccountState) -> core::AccountState {
    match state {
        wit::AccountState::Active => core::AccountState::Active,
        wit::AccountState::Suspended => core::AccountState::Suspended,
        wit::AccountState::Locked => core::AccountState::Locked,
        wit::AccountState::Invited => core::AccountState::Invited,
        wit::AccountState::Deactivated => core::AccountState::Deactivated,
        wit::AccountState::Deleted => core::AccountState::Deleted,
    }
}

fn scalar(name: &str, value: wit::Scalar) -> Result<core::Scalar, Garbage> {
    Ok(match value {
        wit::Scalar::Text(text) => core::Scalar::Text(check::bounded(name, text, VALUE_BYTES_MAX)?),
        wit::Scalar::Boolean(value) => core::Scalar::Boolean(value),
        wit::Scalar::Number(value) if value.is_finite() => core::Scalar::Number(value),
        wit::Scalar::Number(value) => {
            return Err(Garbage::new(format_args!(
                "{name} is {value}, and no number"
            )));
        }
        wit::Scalar::Instant(text) => core::Scalar::Instant(check::instant(name, &text)?),
        wit::Scalar::Day(text) => core::Scalar::Day(check::day(name, text)?),
        wit::Scalar::Binary(bytes) => core::Scalar::Binary(bytes),
        wit::Scalar::Pointer(to) => core::Scalar::Pointer(object(to)?),
    })
}

/// The attributes whose values are all known. Of the others nothing follows, so they are as if the
/// app had not shown them.
fn attributes(list: Vec<wit::Attribute>) -> Result<core::RemoteAttributes, Garbage> {
    let list = check::few("attributes", list, ATTRIBUTES_MAX)?;
    let mut names = std::collections::BTreeSet::new();
    let mut attributes = core::RemoteAttributes::new();
    for attribute in list {
        let name = check::named("the name of an attribute", attribute.name)?;
        if !names.insert(name.clone()) {
            return Err(Garbage::new(format_args!(
                "the attribute `{name}` is there twice"
            )));
        }
        let values = check::few("values of an attribute", attribute.values, ENTRIES_MAX)?;
        let label = format!("a value of `{name}`");
        let values = values
            .into_iter()
            .map(|value| scalar(&label, value))
            .collect::<Result<_, _>>()?;
        match attribute.completeness {
            wit::Completeness::Whole => {
                attributes.insert(name, values);
            }
            wit::Completeness::Partial | wit::Completeness::Unavailable => {}
        }
    }
    Ok(attributes)
}

/// An account.
pub(crate) fn account(account: wit::Account) -> Result<core::RemoteAccount, Garbage> {
    let keys = check::few("keys", account.correlation_keys, ENTRIES_MAX)?;
    for (name, value) in &keys {
        if name.is_empty() || value.is_empty() || name.len() + value.len() > ID_BYTES_MAX {
            return Err(Garbage::new(
                "a key to find an account by is empty or too long",
            ));
        }
    }
    Ok(core::RemoteAccount {
        object: object(account.key)?,
        state: state(account.state),
        keys,
        attributes: attributes(account.attributes)?,
        protected_reason: account.protected_reason.map(|reason| cut(&reason)),
    })
}

fn seats(seats: wit::SeatFacts) -> Result<core::Seats, Garbage> {
    Ok(core::Seats {
        sku: check::bounded("an article number", seats.sku, ID_BYTES_MAX)?,
        purchased: seats.purchased,
        consumed: seats.consumed,
    })
}

/// What an entitlement can be; any other word counts as `permission`.
fn class(category: String) -> String {
    match category.as_str() {
        "membership" | "role" | "permission" | "license-seat" | "ownership" | "app-access" => {
            category
        }
        _ => "permission".to_owned(),
    }
}

/// An entitlement.
pub(crate) fn entitlement(entitlement: wit::Entitlement) -> Result<core::Entitlement, Garbage> {
    Ok(core::Entitlement {
        object: object(entitlement.key)?,
        class: class(entitlement.category),
        title: check::bounded("a title", entitlement.title, ID_BYTES_MAX)?,
        exclusion_group: entitlement
            .exclusion_group
            .map(|group| check::named("an exclusion group", group))
            .transpose()?,
        requires: objects("required entitlements", entitlement.requires)?,
        seats: entitlement.seats.map(seats).transpose()?,
        is_grantable: entitlement.grantable,
        is_revocable: entitlement.revocable,
    })
}

/// A grant.
pub(crate) fn grant(grant: wit::Grant) -> Result<core::RemoteGrant, Garbage> {
    Ok(core::RemoteGrant {
        principal: object(grant.principal)?,
        entitlement: object(grant.entitlement)?,
        is_direct: grant.direct,
        via: objects("objects that a grant comes through", grant.via)?,
        immutable_reason: grant.immutable_reason.map(|reason| cut(&reason)),
    })
}

/// A credential.
pub(crate) fn credential(credential: wit::Credential) -> Result<core::RemoteCredential, Garbage> {
    let category = check::named("the category of a credential", credential.category)?;
    Ok(core::RemoteCredential {
        object: object(credential.key)?,
        class: core::CredentialClass::parse(&category),
        owner: object(credential.owner)?,
    })
}

/// What a page is made of, in the contract's words.
pub(crate) trait Item: Sized {
    /// The same in the core's words.
    type Core;

    /// The app's id of it, to name it by.
    fn id(&self) -> &str;

    /// Checks it and takes it over.
    fn checked(self) -> Result<Self::Core, Garbage>;
}

macro_rules! item {
    ($item:ty, $core:ty, $checked:path, $($id:ident).+) => {
        impl Item for $item {
            type Core = $core;

            fn id(&self) -> &str {
                &self.$($id).+
            }

            fn checked(self) -> Result<Self::Core, Garbage> {
                $checked(self)
            }
        }
    };
}

item!(wit::Account, core::RemoteAccount, account, key.id);
item!(wit::Entitlement, core::Entitlement, entitlement, key.id);
item!(wit::Grant, core::RemoteGrant, grant, principal.id);
item!(wit::Credential, core::RemoteCredential, credential, key.id);

/// A page, with its end checked against what was asked for. An item that breaks a limit of the contract is
/// left out and named, and the page is not whole: one odd account of an app costs only itself.
pub(crate) fn page<T: Item>(
    items: Vec<T>,
    end: wit::PageEnd,
    limit: u32,
) -> Result<core::Page<T::Core>, Garbage> {
    if items.len() > limit as usize {
        return Err(Garbage::new(format_args!(
            "a page has {} items, and {limit} were asked for",
            items.len()
        )));
    }
    let next = end
        .next
        .map(|next| check::opaque("a cursor", next))
        .transpose()?;
    if end.last && next.is_some() {
        return Err(Garbage::new("a page is the last one and names a next one"));
    }
    let mut skipped = check::few("skipped items", end.skipped, ENTRIES_MAX)?
        .into_iter()
        .map(|(id, reason)| (cut(&id), cut(&reason)))
        .collect::<Vec<_>>();
    let mut taken = Vec::with_capacity(items.len());
    for item in items {
        let id = cut(item.id());
        match item.checked() {
            Ok(item) => taken.push(item),
            Err(garbage) => skipped.push((id, garbage.0)),
        }
    }
    Ok(core::Page {
        items: taken,
        next,
        is_last: end.last,
        is_whole: end.whole && skipped.is_empty(),
        skipped,
        total: end.estimated_total,
    })
}

/// The answer to a change.
pub(crate) fn outcome(outcome: wit::Outcome) -> Result<core::Outcome, Garbage> {
    let kind = match outcome.kind {
        wit::OutcomeKind::Done => core::OutcomeKind::Done,
        wit::OutcomeKind::Already => core::OutcomeKind::Already,
        wit::OutcomeKind::Adopted => core::OutcomeKind::Adopted,
        wit::OutcomeKind::Pending => {
            let Some(handle) = outcome.poll else {
                return Err(Garbage::new(
                    "it is pending, and there is no handle to ask with",
                ));
            };
            core::OutcomeKind::Pending {
                handle: check::opaque("a poll handle", handle)?,
                poll_after_ms: outcome.poll_after_ms.unwrap_or(0),
            }
        }
        wit::OutcomeKind::NeedsHuman => {
            let instructions = outcome.instructions.unwrap_or_default();
            if instructions.trim().is_empty() {
                return Err(Garbage::new(
                    "a person has to do something, and it does not say what",
                ));
            }
            core::OutcomeKind::NeedsHuman {
                instructions: cut(&instructions),
            }
        }
    };
    let mut effects = Vec::new();
    let mut unreachable = Vec::new();
    for effect in check::few("side effects", outcome.effects, ENTRIES_MAX)? {
        match effect {
            wit::SideEffect::CredentialsUnreached(unreached) => {
                unreachable.push(still_good(&unreached)?);
            }
            other => effects.extend(side_effect(other)?),
        }
    }
    Ok(core::Outcome {
        kind,
        account: outcome.account.map(account).transpose()?,
        effects,
        unreachable,
        evidence: outcome.evidence.map(|evidence| cut(&evidence)),
    })
}

/// A side effect that the core keeps. What ended and what was only noted changes nothing there.
fn side_effect(effect: wit::SideEffect) -> Result<Option<core::SideEffect>, Garbage> {
    let grant = |grant: wit::Grant| -> Result<(core::ObjectRef, core::EntitlementKey), Garbage> {
        let right = core::EntitlementKey::of(&object(grant.entitlement)?);
        Ok((object(grant.principal)?, right))
    };
    Ok(Some(match effect {
        wit::SideEffect::AccountChanged(changed) => {
            core::SideEffect::AccountChanged(account(changed)?)
        }
        wit::SideEffect::GrantAdded(added) => {
            let (whose, right) = grant(added)?;
            core::SideEffect::GrantAdded(whose, right)
        }
        wit::SideEffect::GrantRemoved(removed) => {
            let (whose, right) = grant(removed)?;
            core::SideEffect::GrantRemoved(whose, right)
        }
        wit::SideEffect::ObjectRemoved(removed) => {
            core::SideEffect::ObjectRemoved(object(removed)?)
        }
        wit::SideEffect::SeatConsumed(seat) => core::SideEffect::SeatConsumed(object(seat)?),
        wit::SideEffect::SeatReleased(seat) => core::SideEffect::SeatReleased(object(seat)?),
        wit::SideEffect::CredentialEnded(_)
        | wit::SideEffect::CredentialsUnreached(_)
        | wit::SideEffect::Noted(_) => return Ok(None),
    }))
}

/// Credentials that still work, as a sentence, with the instant when they end by themselves.
fn still_good(unreached: &wit::UnreachedCredentials) -> Result<core::Unreached, Garbage> {
    let count = unreached
        .count
        .map_or_else(String::new, |count| format!("{count} "));
    let until = unreached.until.as_ref();
    let until = until.map(|until| check::instant("the end of credentials", until));
    Ok(core::Unreached {
        text: cut(&format!(
            "{count}{}: {}",
            unreached.category, unreached.reason
        )),
        until: until.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: &str, address: &str) -> wit::Account {
        wit::Account {
            key: wit::ObjectRef {
                kind: "user".to_owned(),
                container: None,
                id: id.to_owned(),
                revision: None,
                name_hint: None,
                extra: Vec::new(),
            },
            state: wit::AccountState::Active,
            principal_class: "human".to_owned(),
            correlation_keys: vec![("email".to_owned(), address.to_owned())],
            attributes: Vec::new(),
            created: None,
            last_seen: None,
            last_seen_source: None,
            mfa_enrolled: None,
            privileged: None,
            owners: Vec::new(),
            protected_reason: None,
            extra: Vec::new(),
        }
    }

    #[test]
    fn c60_one_odd_item_of_a_page_is_left_out_and_named() {
        let items = vec![
            listed("1", "ann@x.example"),
            listed("2", ""),
            listed("3", "b@x"),
        ];
        let end = wit::PageEnd {
            next: None,
            last: true,
            whole: true,
            skipped: Vec::new(),
            estimated_total: Some(3),
            extra: Vec::new(),
        };
        let page = page(items, end, 10).unwrap();
        let ids: Vec<&str> = page
            .items
            .iter()
            .map(|account| account.object.id.as_str())
            .collect();
        assert_eq!(ids, ["1", "3"]);
        assert!(!page.is_whole, "so nobody's absence follows from it");
        let (id, reason) = &page.skipped[0];
        assert_eq!(id, "2");
        assert!(reason.contains("key"), "{reason}");
    }
}
