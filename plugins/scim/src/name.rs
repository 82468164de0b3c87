//! [`Name`]: how the core names an attribute of a SCIM resource, and where that is in the resource.
//!
//! | name | means |
//! |---|---|
//! | `userName` | an attribute |
//! | `name.givenName` | a part of an attribute |
//! | `emails` | the values of a list |
//! | `emails.work`, `emails[type eq "work"].value` | the value of the entry of a list with this type |
//! | `emails.primary`, `addresses.work.locality` | the preferred entry; another part of an entry |
//! | `urn:...:User:department` | an attribute of an extension |
//!
//! Names are compared without regard to case, as RFC 7643 says.

use muster_sdk::{Problem, Result};
use serde_json::Value;

/// The core schema of users; its attributes stand at the top of a resource.
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The enterprise extension of users.
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Lists of RFC 7643 whose entries are objects with `value` (or the parts of an address).
const LISTS: [&str; 9] = [
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "x509Certificates",
    "roles",
    "entitlements",
    "groups",
];

/// Attributes that are given and taken as grants, never written as a list.
const GRANTED: [&str; 3] = ["roles", "entitlements", "groups"];

/// Attributes that the service sets.
const READ_ONLY: [&str; 3] = ["id", "meta", "schemas"];

/// Attributes whose value is true or false.
const BOOLEANS: [&str; 2] = ["active", "primary"];

/// Attributes whose values are the same in any case.
const CASELESS: [&str; 2] = ["userName", "emails"];

/// Which entries of a list are meant: `type eq "work"`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The part that is compared.
    pub(crate) key: String,
    /// What it is compared with.
    pub(crate) value: Value,
}

impl Entry {
    /// Whether an entry of a list is meant.
    pub(crate) fn fits(&self, entry: &Value) -> bool {
        let found = entry
            .as_object()
            .and_then(|entry| crate::resource::field(entry, &self.key));
        match (found, &self.value) {
            (Some(Value::String(found)), Value::String(wanted)) => {
                found.eq_ignore_ascii_case(wanted)
            }
            (Some(found), Value::Bool(wanted)) => crate::resource::truth(found) == Some(*wanted),
            (Some(found), wanted) => found == wanted,
            (None, _) => false,
        }
    }

    /// As a filter of RFC 7644: `type eq "work"`.
    pub(crate) fn filter(&self) -> String {
        format!("{} eq {}", self.key, self.value)
    }
}

/// The name of an attribute, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    /// The extension that it belongs to; `None`: the core schema.
    pub(crate) schema: Option<String>,
    /// The attribute.
    pub(crate) attribute: String,
    /// Which entries, if it is a list and not all are meant.
    pub(crate) entry: Option<Entry>,
    /// Which part of the attribute or of its entries; `None`: its value.
    pub(crate) part: Option<String>,
}

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// `Invalid` with the rule `unknown-field` if it is none.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| {
            let how = "write attribute, attribute.part, list.type or list[type eq \"work\"].part, \
                       with URN: before it for an extension";
            Problem::invalid(
                text,
                "unknown-field",
                format!("this is no SCIM attribute; {how}"),
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (schema, rest) = split_schema(text);
        let schema = schema
            .filter(|schema| !schema.eq_ignore_ascii_case(USER))
            .map(str::to_owned);
        let (attribute, entry, part) = match rest.split_once('[') {
            Some((attribute, rest)) => {
                let (filter, part) = rest.split_once(']')?;
                let part = match part {
                    "" => None,
                    part => Some(part.strip_prefix('.')?),
                };
                (attribute, Some(read_entry(filter)?), part)
            }
            None => read_dotted(rest)?,
        };
        let part = part.filter(|part| !part.eq_ignore_ascii_case("value") || !is_list(attribute));
        let plain = |word: &str| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|char| char.is_ascii_alphanumeric() || "$-_".contains(char))
        };
        if !plain(attribute) || !part.is_none_or(plain) {
            return None;
        }
        Some(Self {
            schema,
            attribute: attribute.to_owned(),
            entry,
            part: part.map(str::to_owned),
        })
    }

    /// Why it cannot be written, if so.
    pub(crate) fn not_writable(&self) -> Option<&'static str> {
        let is = |names: &[&str]| {
            self.schema.is_none()
                && names
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&self.attribute))
        };
        if is(&GRANTED) {
            return Some("it is given and taken as a grant, one value at a time");
        }
        is(&READ_ONLY).then_some("the service gives it")
    }

    /// Whether the attribute holds a list of objects by RFC 7643.
    pub(crate) fn is_list(&self) -> bool {
        self.schema.is_none() && is_list(&self.attribute)
    }

    /// Whether its value is true or false.
    pub(crate) fn is_boolean(&self) -> bool {
        let last = self.part.as_deref().unwrap_or(&self.attribute);
        BOOLEANS.iter().any(|name| name.eq_ignore_ascii_case(last))
    }

    /// Whether its values are the same in any case.
    pub(crate) fn is_caseless(&self) -> bool {
        self.schema.is_none()
            && self.part.is_none()
            && CASELESS
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&self.attribute))
    }

    /// Whether it is the manager of the enterprise extension, which is an object with the id of another user.
    pub(crate) fn is_manager(&self) -> bool {
        self.part.is_none()
            && self.attribute.eq_ignore_ascii_case("manager")
            && self
                .schema
                .as_deref()
                .is_some_and(|schema| schema.eq_ignore_ascii_case(ENTERPRISE))
    }

    /// The part of an entry that holds its value.
    pub(crate) fn value_part(&self) -> &str {
        self.part.as_deref().unwrap_or("value")
    }

    /// The attribute as a path of RFC 7644, without entry and part.
    pub(crate) fn attribute_path(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}:{}", self.attribute),
            None => self.attribute.clone(),
        }
    }

    /// As a path of RFC 7644 for PATCH: `emails[type eq "work"].value`.
    pub(crate) fn path(&self) -> String {
        let attribute = self.attribute_path();
        match (&self.entry, &self.part) {
            (Some(entry), _) => format!("{attribute}[{}].{}", entry.filter(), self.value_part()),
            (None, Some(part)) => format!("{attribute}.{part}"),
            (None, None) => attribute,
        }
    }

    /// As the attribute of a filter. An entry is left to the check of what was found: fewer services
    /// understand a filter within a list than the values of the list.
    pub(crate) fn filter_path(&self) -> String {
        match &self.part {
            Some(part) => format!("{}.{part}", self.attribute_path()),
            None if self.is_list() => format!("{}.value", self.attribute_path()),
            None => self.attribute_path(),
        }
    }
}

fn is_list(attribute: &str) -> bool {
    LISTS
        .iter()
        .any(|name| name.eq_ignore_ascii_case(attribute))
}

/// The URN before the last colon that is not within brackets, and the rest.
fn split_schema(text: &str) -> (Option<&str>, &str) {
    let is_urn = text
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case("urn:"));
    let plain = text.split('[').next().unwrap_or(text);
    match plain.rfind(':') {
        Some(at) if is_urn => (Some(&text[..at]), &text[at + 1..]),
        Some(_) | None => (None, text),
    }
}

type Parts<'a> = (&'a str, Option<Entry>, Option<&'a str>);

/// `attribute`, `attribute.part`, `list.type`, `list.type.part`.
fn read_dotted(text: &str) -> Option<Parts<'_>> {
    let mut words = text.split('.');
    let (attribute, second, third) = (words.next()?, words.next(), words.next());
    if words.next().is_some() {
        return None;
    }
    match (second, third) {
        (Some(second), part) if is_list(attribute) && !second.eq_ignore_ascii_case("value") => {
            let primary = second.eq_ignore_ascii_case("primary");
            let (key, value) = if primary {
                ("primary", Value::Bool(true))
            } else {
                ("type", Value::String(second.to_owned()))
            };
            (!second.is_empty()).then_some(())?;
            Some((
                attribute,
                Some(Entry {
                    key: key.to_owned(),
                    value,
                }),
                part,
            ))
        }
        (part, None) => Some((attribute, None, part)),
        (_, Some(_)) => None,
    }
}

/// `type eq "work"`, `primary eq true`.
fn read_entry(filter: &str) -> Option<Entry> {
    let mut words = filter.trim().splitn(3, ' ');
    let (key, operator, value) = (words.next()?, words.next()?, words.next()?);
    if !operator.eq_ignore_ascii_case("eq") || key.is_empty() {
        return None;
    }
    let value: Value = serde_json::from_str(value.trim()).ok()?;
    (value.is_string() || value.is_boolean()).then(|| Entry {
        key: key.to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_place_in_a_list_are_one_name() {
        let short = Name::parse("emails.work").unwrap();
        assert_eq!(
            short,
            Name::parse("emails[type eq \"work\"].value").unwrap()
        );
        assert_eq!(short.path(), "emails[type eq \"work\"].value");
        assert_eq!(
            Name::parse("emails.value").unwrap(),
            Name::parse("emails").unwrap()
        );
        let primary = Name::parse("emails.primary").unwrap();
        assert_eq!(primary.path(), "emails[primary eq true].value");
        let town = Name::parse("addresses.work.locality").unwrap();
        assert_eq!(town.path(), "addresses[type eq \"work\"].locality");
    }

    #[test]
    fn the_urn_of_an_extension_may_hold_dots_and_the_core_one_is_none() {
        let department = Name::parse(&format!("{ENTERPRISE}:department")).unwrap();
        assert_eq!(department.schema.as_deref(), Some(ENTERPRISE));
        assert_eq!(department.path(), format!("{ENTERPRISE}:department"));
        assert!(
            Name::parse(&format!("{ENTERPRISE}:manager"))
                .unwrap()
                .is_manager()
        );
        assert_eq!(
            Name::parse(&format!("{USER}:userName")).unwrap().path(),
            "userName"
        );
        let colon = Name::parse("emails[type eq \"a:b\"].value").unwrap();
        assert_eq!(colon.attribute, "emails");
    }

    #[test]
    fn what_is_no_attribute_is_refused_and_never_becomes_a_path() {
        for text in [
            "",
            ".",
            "a b",
            "name.a.b",
            "emails[type eq work]",
            "emails[",
            "a/b",
            "x.\"",
            "emails.",
        ] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists_that_are_grants_are_not_written_whole() {
        for text in ["roles", "groups", "entitlements.work", "id", "meta.version"] {
            assert!(
                Name::parse(text).unwrap().not_writable().is_some(),
                "{text}"
            );
        }
        assert_eq!(Name::parse("title").unwrap().not_writable(), None);
    }
}
