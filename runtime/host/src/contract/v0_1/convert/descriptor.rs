//! What a connector says of itself, in the core's words.

use std::collections::BTreeSet;

use muster_core::connector as core;

use super::check::{self, ENTRIES_MAX, ID_BYTES_MAX};
use super::from_guest::state;
use crate::contract::v0_1::bindings::exports::muster::connector::meta as wit;
use crate::failure::Garbage;
use crate::plugin::{ChangeFeed, Details, Setting};

/// Longest name of a connector, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Most kinds, slots, settings, hosts and the like.
const LIST_MAX: usize = 200;

/// The beginning of the name of an extra of a kind of account; the function follows, and the value is the setting.
const NEEDED_SETTING: &str = "needs-setting:";

/// Schemes of secret slots that this host knows.
const SCHEMES: [&str; 7] = [
    "bearer",
    "basic",
    "header",
    "oauth2-client-credentials",
    "jwt-bearer",
    "value",
    "signing-key",
];

/// A descriptor, checked, with what the core does not need beside it.
pub(crate) fn from_guest(
    descriptor: wit::Descriptor,
) -> Result<(core::Descriptor, Details), Garbage> {
    check_identity(&descriptor)?;
    let details = Details {
        settings: each("settings", descriptor.settings, setting)?,
        slot_defaults: descriptor
            .secret_slots
            .iter()
            .map(|slot| (slot.name.clone(), slot.extra.clone()))
            .collect(),
        change_feed: descriptor.change_feed.map(|feed| ChangeFeed {
            token_survives_ms: feed.token_survives_ms,
            has_removals: feed.removals,
            lag_ms: feed.lag_ms,
        }),
    };
    let settings = details.settings.iter().map(|setting| core::SettingSpec {
        key: setting.key.clone(),
        description: setting.description.clone(),
        is_required: setting.is_required,
    });
    let core = core::Descriptor {
        name: descriptor.name,
        version: descriptor.version,
        vendor: check::bounded("the vendor", descriptor.vendor, ID_BYTES_MAX)?,
        contract: check::named("the contract's version", descriptor.contract)?,
        app: check::named("the app's name", descriptor.app)?,
        capabilities: names("capabilities", descriptor.capabilities)?,
        account_kinds: each("kinds of account", descriptor.account_kinds, account_kind)?,
        entitlement_kinds: each(
            "kinds of entitlement",
            descriptor.entitlement_kinds,
            entitlement_kind,
        )?,
        hosts: check::few("hosts", descriptor.hosts, LIST_MAX)?,
        secret_slots: each("secret slots", descriptor.secret_slots, secret_slot)?,
        settings: settings.collect(),
        rate_buckets: each("rate buckets", descriptor.rate_buckets, |bucket| {
            Ok((
                check::named("a rate bucket", bucket.name)?,
                bucket.per_minute.max(1),
            ))
        })?,
        accepts_cursors_from: check::few(
            "accepted versions",
            descriptor.accepts_cursors_from,
            LIST_MAX,
        )?,
    };
    once(
        "kind of account",
        core.account_kinds.iter().map(|kind| &kind.name),
    )?;
    once(
        "kind of entitlement",
        core.entitlement_kinds.iter().map(|kind| &kind.name),
    )?;
    once(
        "secret slot",
        core.secret_slots.iter().map(|slot| &slot.name),
    )?;
    once("setting", core.settings.iter().map(|setting| &setting.key))?;
    Ok((core, details))
}

/// The connector's name and version are part of paths and cursors, so they have to be plain.
fn check_identity(descriptor: &wit::Descriptor) -> Result<(), Garbage> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let name = &descriptor.name;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
        return Err(Garbage::new(format_args!(
            "the connector's name `{name}` is not of 1 to {NAME_BYTES_MAX} lower case letters, digits and dashes"
        )));
    }
    match semver::Version::parse(&descriptor.version) {
        Ok(_) => Ok(()),
        Err(_) => Err(Garbage::new(format_args!(
            "the connector's version `{}` is not of the form 1.2.3",
            descriptor.version
        ))),
    }
}

/// Every item of a list, checked.
fn each<T, U>(
    what: &str,
    list: Vec<T>,
    item: impl Fn(T) -> Result<U, Garbage>,
) -> Result<Vec<U>, Garbage> {
    check::few(what, list, LIST_MAX)?
        .into_iter()
        .map(item)
        .collect()
}

fn names(what: &str, list: Vec<String>) -> Result<BTreeSet<String>, Garbage> {
    Ok(check::few(what, list, ENTRIES_MAX)?.into_iter().collect())
}

/// The names that we know. A connector may be newer than we are and name what nobody here would ask it for.
fn known<T: Ord>(
    what: &str,
    names: Vec<String>,
    parse: fn(&str) -> Option<T>,
) -> Result<BTreeSet<T>, Garbage> {
    let names = check::few(what, names, ENTRIES_MAX)?;
    Ok(names.iter().filter_map(|name| parse(name)).collect())
}

fn once<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), Garbage> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Garbage::new(format_args!(
                "the {what} `{name}` is there twice"
            )));
        }
    }
    Ok(())
}

fn account_kind(kind: wit::AccountKind) -> Result<core::AccountKind, Garbage> {
    Ok(core::AccountKind {
        name: check::named("a kind of account", kind.name)?,
        operations: known("operations", kind.operations, core::Function::parse)?,
        states: kind.states.into_iter().map(state).collect(),
        match_keys: check::few("match keys", kind.match_keys, 100)?,
        immutable_attributes: check::few(
            "immutable attributes",
            kind.immutable_attributes,
            ENTRIES_MAX,
        )?,
        credential_categories: check::few(
            "categories of credentials",
            kind.credential_categories,
            ENTRIES_MAX,
        )?
        .iter()
        .map(|category| core::CredentialClass::parse(category))
        .collect(),
        needed_settings: needed_settings(kind.extra),
        read_after_write_lag_ms: kind.read_after_write_lag_ms,
        is_id_reused: kind.id_reused_after_delete,
        reactivation_keeps_grants: kind.reactivation_keeps_grants,
        page_max: kind.max_page.max(1),
    })
}

/// Which functions do nothing without a setting. The descriptor has no field of its own for it; a host that
/// does not know the word goes on as before.
fn needed_settings(extra: Vec<(String, String)>) -> Vec<(core::Function, String)> {
    let needed = |(name, setting): (String, String)| {
        let function = core::Function::parse(name.strip_prefix(NEEDED_SETTING)?)?;
        Some((function, setting))
    };
    extra
        .into_iter()
        .filter_map(needed)
        .take(LIST_MAX)
        .collect()
}

fn entitlement_kind(kind: wit::EntitlementKind) -> Result<core::EntitlementKind, Garbage> {
    Ok(core::EntitlementKind {
        name: check::named("a kind of entitlement", kind.name)?,
        operations: known("operations", kind.operations, core::Function::parse)?,
        grant_scopes: known("grant scopes", kind.grant_scopes, core::GrantScope::parse)?,
        container_rule: match kind.container_rule.as_str() {
            "none" => core::ContainerRule::None,
            "entitlement-decides" => core::ContainerRule::EntitlementDecides,
            // Of what is not known, the strictest rule is assumed.
            _ => core::ContainerRule::MustMatch,
        },
        read_after_write_lag_ms: kind.read_after_write_lag_ms,
        page_max: kind.max_page.max(1),
    })
}

fn secret_slot(slot: wit::SecretSlot) -> Result<core::SecretSlot, Garbage> {
    let name = check::named("a secret slot", slot.name)?;
    if !slot
        .schemes
        .iter()
        .any(|scheme| SCHEMES.contains(&scheme.as_str()))
    {
        return Err(Garbage::new(format_args!(
            "the secret slot `{name}` takes {}, and this host knows {}",
            if slot.schemes.is_empty() {
                "no scheme".to_owned()
            } else {
                slot.schemes.join(", ")
            },
            SCHEMES.join(", ")
        )));
    }
    Ok(core::SecretSlot {
        name,
        description: check::bounded(
            "the description of a slot",
            slot.description,
            4 * ID_BYTES_MAX,
        )?,
        schemes: slot.schemes,
        is_required: slot.required,
    })
}

fn setting(setting: wit::Setting) -> Result<Setting, Garbage> {
    Ok(Setting {
        key: check::named("the key of a setting", setting.key)?,
        title: check::bounded("the title of a setting", setting.title, ID_BYTES_MAX)?,
        description: check::bounded(
            "the description of a setting",
            setting.description,
            4 * ID_BYTES_MAX,
        )?,
        value_type: setting.value_type,
        is_required: setting.required,
        default: setting.default_value,
        choices: check::few("choices", setting.choices, ENTRIES_MAX)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn user() -> wit::AccountKind {
        wit::AccountKind {
            name: "user".to_owned(),
            title: "User".to_owned(),
            operations: words(&["get-account", "merge-accounts", "get_account"]),
            states: Vec::new(),
            match_keys: Vec::new(),
            credential_categories: words(&["session", "passkey"]),
            required_permissions: Vec::new(),
            immutable_attributes: Vec::new(),
            create_suspended: wit::Support::None,
            revision_checked: false,
            read_after_write_lag_ms: 0,
            delete_recoverable_ms: None,
            id_reused_after_delete: false,
            reactivation_keeps_grants: false,
            reports_last_seen: false,
            max_page: 100,
            extra: vec![
                (format!("{NEEDED_SETTING}end-sessions"), "url".to_owned()),
                (format!("{NEEDED_SETTING}merge-accounts"), "url".to_owned()),
            ],
        }
    }

    fn group() -> wit::EntitlementKind {
        wit::EntitlementKind {
            name: "group".to_owned(),
            title: "Group".to_owned(),
            category: "membership".to_owned(),
            operations: words(&["list-grants", "lend-grant"]),
            grant_scopes: words(&["of-principal", "of-everything"]),
            container_rule: "none".to_owned(),
            required_permissions: Vec::new(),
            native_expiry: false,
            read_after_write_lag_ms: 0,
            max_page: 100,
            extra: Vec::new(),
        }
    }

    #[test]
    fn what_a_newer_connector_can_do_and_nobody_here_knows_is_ignored() {
        let user = account_kind(user()).unwrap();
        assert_eq!(user.operations, [core::Function::GetAccount].into());
        let needed = (core::Function::EndSessions, "url".to_owned());
        assert_eq!(user.needed_settings, [needed]);
        let group = entitlement_kind(group()).unwrap();
        assert_eq!(group.operations, [core::Function::ListGrants].into());
        assert_eq!(group.grant_scopes, [core::GrantScope::OfPrincipal].into());
    }

    #[test]
    fn a_credential_that_nobody_here_knows_lets_somebody_in_all_the_same() {
        let user = account_kind(user()).unwrap();
        let passkey = core::CredentialClass::Other("passkey".to_owned());
        assert!(passkey.is_revocable());
        assert_eq!(
            user.credential_categories,
            [core::CredentialClass::Session, passkey].into()
        );
    }
}
