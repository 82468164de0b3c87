//! A resource as the contract shows it: [`account`], with every value under each name that it can be written by.
//!
//! The host compares what it wrote with what it reads to find out whether a lost write was done, so each value
//! stands under all its names: `emails`, `emails.work` and `emails[type eq "work"].value`.

use muster_sdk::{Account, AccountState, Instant, ObjectRef, Scalar};
use serde_json::Value;

use crate::USER_KIND;
use crate::name::{ENTERPRISE, Name, USER};
use crate::resource::{Fields, Resource, entries, field, manager, scalar, truth};
use crate::settings::Deprovision;

/// By which an account can be found and recognised, strongest first.
pub(crate) const MATCH_KEYS: [&str; 7] = [
    "externalId",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "userName",
    "emails.work",
    "emails[type eq \"work\"].value",
    "emails.primary",
    "emails",
];

/// What is no attribute of an account: how it is known, what it was given, and what never comes back.
const NOT_SHOWN: [&str; 7] = [
    "id",
    "meta",
    "schemas",
    "password",
    "roles",
    "entitlements",
    "groups",
];

/// Attributes of RFC 7643 in its spelling, for services that have another one.
const SPELLINGS: [&str; 22] = [
    "externalId",
    "userName",
    "name",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "active",
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "x509Certificates",
    "employeeNumber",
    "costCenter",
    "organization",
    "department",
];

/// The parts of `name`, in the spelling of RFC 7643.
const PARTS: [&str; 6] = [
    "formatted",
    "familyName",
    "givenName",
    "middleName",
    "honorificPrefix",
    "honorificSuffix",
];

/// The key of a user; `None` if the service gave no id.
pub(crate) fn user_ref(resource: &Resource) -> Option<ObjectRef> {
    let key = ObjectRef::new(USER_KIND, resource.id()?);
    let name = resource
        .text("displayName")
        .or_else(|| resource.text("userName"));
    Some(dressed(key, resource, name))
}

/// A key with the version and the name of its resource.
pub(crate) fn dressed(mut key: ObjectRef, resource: &Resource, name: Option<&str>) -> ObjectRef {
    key.revision = resource.version().map(str::to_owned);
    key.name_hint = name.map(str::to_owned);
    key
}

/// The account that a user is; `None` if the service gave no id.
pub(crate) fn account(resource: &Resource, deprovision: Deprovision) -> Option<Account> {
    let state = match (resource.is_active(), deprovision) {
        (true, _) => AccountState::Active,
        (false, Deprovision::Delete) => AccountState::Suspended,
        // Where removing means switching off, an account that is switched off is in the bin.
        (false, Deprovision::Deactivate) => AccountState::Deleted,
    };
    let mut account = Account::new(user_ref(resource)?, state);
    account.created = resource.meta("created").and_then(Instant::parse);
    account = shown(account, &resource.fields, "");
    let privileged = ["roles", "entitlements"]
        .iter()
        .any(|list| is_privileged(resource.list(list)));
    account.privileged = privileged.then_some(true);
    for key in MATCH_KEYS {
        for value in Name::parse(key)
            .map(|name| resource.values(&name))
            .unwrap_or_default()
        {
            if let Scalar::Text(value) = value {
                account = account.correlated_by(key, value);
            }
        }
    }
    Some(account)
}

/// Whether one of the values names an administrator, as the usual words have it.
fn is_privileged(list: Option<&[Value]>) -> bool {
    let names_admin = |entry: &Value| {
        crate::resource::entry_value(entry).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            ["admin", "owner", "root"]
                .iter()
                .any(|word| value.contains(word))
        })
    };
    list.unwrap_or_default().iter().any(names_admin)
}

/// The account with all that the object says; `prefix` is the URN of an extension with its colon.
fn shown(mut account: Account, fields: &Fields, prefix: &str) -> Account {
    let hidden = |name: &str| {
        prefix.is_empty()
            && NOT_SHOWN
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    };
    for (name, value) in fields.iter().filter(|(name, _)| !hidden(name)) {
        let is_extension = prefix.is_empty() && name.to_ascii_lowercase().starts_with("urn:");
        account = match value {
            Value::Object(extension) if is_extension => {
                let schema = spelled(name, &[ENTERPRISE]);
                if schema.eq_ignore_ascii_case(USER) {
                    shown(account, extension, "")
                } else {
                    shown(account, extension, &format!("{schema}:"))
                }
            }
            value => one(
                account,
                &format!("{prefix}{}", spelled(name, &SPELLINGS)),
                value,
            ),
        };
    }
    account
}

/// The account with one attribute.
fn one(mut account: Account, name: &str, value: &Value) -> Account {
    let read = Name::parse(name);
    let Ok(read) = read else { return account };
    match value {
        Value::Object(parts) => {
            if read.is_manager() {
                account = account.values(name, manager(value));
            }
            for (part, value) in parts {
                let is_boolean = part.eq_ignore_ascii_case("primary");
                if let Some(value) = scalar(value, is_boolean) {
                    account = account.value(&format!("{name}.{}", spelled(part, &PARTS)), value);
                }
            }
            account
        }
        Value::Array(list) => listed(account, name, list),
        value => account.values(name, scalar(value, read.is_boolean())),
    }
}

/// The account with a list: its values, and each entry under its type.
fn listed(mut account: Account, name: &str, list: &[Value]) -> Account {
    let value_of = |entry: &Value| match entry {
        Value::Object(parts) => field(parts, "value").and_then(|value| scalar(value, false)),
        value => scalar(value, false),
    };
    account = account.values(name, list.iter().filter_map(value_of));
    for parts in list.iter().filter_map(Value::as_object) {
        let kind = field(parts, "type")
            .and_then(Value::as_str)
            .filter(|kind| !kind.is_empty());
        let is_primary = field(parts, "primary").and_then(truth) == Some(true);
        let selectors = [
            kind.map(|kind| (kind.to_owned(), format!("type eq {}", Value::from(kind)))),
            is_primary.then(|| ("primary".to_owned(), "primary eq true".to_owned())),
        ];
        for (short, filter) in selectors.into_iter().flatten() {
            for (part, value) in parts {
                let is_selector = ["type", "primary"]
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(part));
                let Some(value) = scalar(value, false).filter(|_| !is_selector) else {
                    continue;
                };
                if part.eq_ignore_ascii_case("value") {
                    account = account.value(&format!("{name}.{short}"), value.clone());
                    account = account.value(&format!("{name}[{filter}].value"), value);
                } else {
                    account = account.value(&format!("{name}.{short}.{part}"), value.clone());
                    account = account.value(&format!("{name}[{filter}].{part}"), value);
                }
            }
        }
    }
    account
}

fn spelled(name: &str, known: &[&str]) -> String {
    let spelling = known.iter().find(|known| known.eq_ignore_ascii_case(name));
    spelling.map_or(name, |spelling| spelling).to_owned()
}

/// The ids that a list of groups or members holds.
pub(crate) fn ids(list: Option<&Value>) -> Vec<String> {
    entries(list)
        .iter()
        .filter_map(crate::resource::entry_value)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_stands_under_each_of_its_names() {
        let user = Resource::of(json!({
            "id": "1", "USERNAME": "ann", "externalId": "E1", "active": "True",
            "meta": {"version": "W/\"3\"", "created": "2026-11-22T08:00:00Z"},
            "name": {"givenName": "Ann"},
            "emails": [{"type": "work", "value": "a@x", "primary": true}],
            "addresses": [{"type": "work", "locality": "Bonn"}],
            "roles": [{"value": "org-admin"}],
            (ENTERPRISE): {"department": "Sales", "manager": {"value": "9", "displayName": "Max"}},
        }));
        let account = account(&user.unwrap(), Deprovision::Delete).unwrap();
        let expected = [
            ("userName", "ann"),
            ("name.givenName", "Ann"),
            ("emails", "a@x"),
            ("emails.work", "a@x"),
            ("emails[type eq \"work\"].value", "a@x"),
            ("emails.primary", "a@x"),
            ("addresses.work.locality", "Bonn"),
            ("addresses[type eq \"work\"].locality", "Bonn"),
        ];
        for (name, value) in expected {
            assert_eq!(account.text(name), Some(value), "{name}");
        }
        assert_eq!(
            account.text(&format!("{ENTERPRISE}:department")),
            Some("Sales")
        );
        assert_eq!(
            account.text(&format!("{ENTERPRISE}:manager.displayName")),
            Some("Max")
        );
        let manager = &account
            .attribute(&format!("{ENTERPRISE}:manager"))
            .unwrap()
            .values;
        assert_eq!(*manager, [Scalar::Pointer(ObjectRef::new("user", "9"))]);
        assert_eq!(
            account.attribute("active").unwrap().values,
            [Scalar::Boolean(true)]
        );
        assert_eq!(account.attribute("roles"), None, "roles are grants");
        assert_eq!(account.key.revision.as_deref(), Some("W/\"3\""));
        assert_eq!(account.privileged, Some(true));
        let keys = account.correlation_keys;
        assert!(keys.contains(&("externalId".into(), "E1".into())));
        assert!(keys.contains(&("emails.work".into(), "a@x".into())));
    }

    #[test]
    fn where_removing_means_switching_off_an_inactive_account_is_gone() {
        let user = Resource::of(json!({"id": "1", "active": "False"})).unwrap();
        let state = |deprovision| account(&user, deprovision).unwrap().state;
        assert_eq!(state(Deprovision::Delete), AccountState::Suspended);
        assert_eq!(state(Deprovision::Deactivate), AccountState::Deleted);
        assert_eq!(
            account(&Resource::of(json!({})).unwrap(), Deprovision::Delete),
            None
        );
    }
}
