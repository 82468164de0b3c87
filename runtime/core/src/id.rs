//! The names of things. Each is a type of its own, so that a target's name can never be passed
//! where a feed's name is meant, and each is checked once, where it enters.

use std::fmt;

/// Longest name of a feed, target or role, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Longest key of a person in an HR file, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// A name that cannot be used, with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a usable name: {reason}")]
pub struct InvalidName {
    /// What was given.
    pub name: String,
    /// Why it cannot be used.
    pub reason: &'static str,
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return Err("it is longer than 64 bytes");
    }
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !name
        .bytes()
        .all(|byte| lower(byte) || byte == b'-' || byte == b'_')
    {
        return Err("only a-z, 0-9, `-` and `_` may stand in it");
    }
    if !name.bytes().next().is_some_and(lower) {
        return Err("it has to begin with a letter or digit");
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), &'static str> {
    if key.is_empty() {
        return Err("it is empty");
    }
    if key.len() > KEY_BYTES_MAX {
        return Err("it is longer than 256 bytes");
    }
    if key.chars().any(char::is_control) {
        return Err("it has a control character in it");
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Box<str>);

        impl $type {
            /// Checks and takes a name.
            pub fn new(name: &str) -> Result<Self, InvalidName> {
                match $check(name) {
                    Ok(()) => Ok(Self(name.into())),
                    Err(reason) => Err(InvalidName { name: name.to_owned(), reason }),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}

name!(
    /// The name of a configured HR source.
    FeedName,
    check_name
);
name!(
    /// The name of a connected app.
    TargetName,
    check_name
);
name!(
    /// The name of one of our roles.
    RoleName,
    check_name
);
name!(
    /// The key that HR gives a person: the worker id. Taken as written; leading zeros count.
    PersonKey,
    check_key
);

/// A person for ever: the feed that describes the person and the key there. Never reused, never
/// taken from a name or an e-mail address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PersonId {
    /// The feed that describes this person.
    pub feed: FeedName,
    /// The person's key in that feed.
    pub key: PersonKey,
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.feed, self.key)
    }
}

impl PersonId {
    /// Reads the form that `Display` writes: `feed:key`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let Some((feed, key)) = text.split_once(':') else {
            return Err(InvalidName {
                name: text.to_owned(),
                reason: "a person is written as feed:key",
            });
        };
        Ok(Self {
            feed: FeedName::new(feed)?,
            key: PersonKey::new(key)?,
        })
    }
}

/// The number of a plan; rises by one with each plan that was recorded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PlanId(pub u64);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One operation for ever: every attempt carries the same id, and connectors hand it on as the
/// idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OperationId {
    /// The plan that holds the operation.
    pub plan: PlanId,
    /// The operation's number in that plan, from 1.
    pub number: u32,
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.plan, self.number)
    }
}

/// The version of the policy that decided: the first 12 hexadecimal digits of its digest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PolicyVersion(Box<str>);

impl PolicyVersion {
    /// Takes the digest's text.
    pub fn new(digest: &str) -> Self {
        Self(digest.into())
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Its first 12 digits, as people see it.
    pub fn short(self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_enter() {
        for (name, usable) in [
            ("crm", true),
            ("google-workspace_2", true),
            ("", false),
            ("CRM", false),
            ("-crm", false),
            ("a b", false),
            ("a:b", false),
        ] {
            assert_eq!(TargetName::new(name).is_ok(), usable, "{name:?}");
        }
        assert!(TargetName::new(&"a".repeat(NAME_BYTES_MAX)).is_ok());
        assert!(TargetName::new(&"a".repeat(NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_person_is_read_as_it_is_written() {
        let id = PersonId::parse("hr:00:42").unwrap();
        assert_eq!((id.feed.as_str(), id.key.as_str()), ("hr", "00:42"));
        assert_eq!(PersonId::parse(&id.to_string()).unwrap(), id);
        assert!(PersonId::parse("nobody").is_err());
        assert!(PersonId::parse("hr:").is_err());
    }
}
