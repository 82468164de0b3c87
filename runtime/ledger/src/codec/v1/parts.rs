//! Small pieces that the records of layout 1 share: names, digests, days, and ordered pairs that
//! are stored as one sequence.

use std::fmt;
use std::marker::PhantomData;

use jiff::civil::Date;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use muster_core::id::{
    Digest, FeedName, InvalidName, PersonId, PersonKey, PolicyVersion, RoleName, TargetName,
};

use crate::codec::Unreadable;

/// Most pairs for which room is made before they are read.
const PAIRS_RESERVED_MAX: usize = 256;

/// Pairs in their order, stored as a `MessagePack` map.
pub(crate) struct Pairs<K, V>(pub(crate) Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Pairs<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

struct PairsVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<K, V> {
    type Value = Pairs<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let reserved = map.size_hint().unwrap_or(0).min(PAIRS_RESERVED_MAX);
        let mut pairs = Vec::with_capacity(reserved);
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Pairs<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

/// Bytes, stored as such and not as a sequence of numbers.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Bytes)
    }
}

/// A fixed number of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Fixed<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let fixed = <[u8; N]>::try_from(bytes);
        fixed
            .map(Fixed)
            .map_err(|_| D::Error::invalid_length(bytes.len(), &"another number of bytes"))
    }
}

impl From<Digest> for Fixed<32> {
    fn from(digest: Digest) -> Self {
        Fixed(digest.0)
    }
}

impl From<Fixed<32>> for Digest {
    fn from(fixed: Fixed<32>) -> Self {
        Digest(fixed.0)
    }
}

impl From<u128> for Fixed<16> {
    fn from(number: u128) -> Self {
        Fixed(number.to_be_bytes())
    }
}

impl From<Fixed<16>> for u128 {
    fn from(fixed: Fixed<16>) -> Self {
        u128::from_be_bytes(fixed.0)
    }
}

/// A day as the number `YYYYMMDD`.
pub(crate) fn day_number(day: Date) -> i32 {
    (i32::from(day.year()) * 100 + i32::from(day.month())) * 100 + i32::from(day.day())
}

/// The day of such a number.
pub(crate) fn day(number: i32) -> Result<Date, Unreadable> {
    let part = |number: i32| i8::try_from(number.rem_euclid(100)).ok();
    let year = i16::try_from(number.div_euclid(10_000)).ok();
    match (year, part(number.div_euclid(100)), part(number)) {
        (Some(year), Some(month), Some(day)) => Date::new(year, month, day).ok(),
        _ => None,
    }
    .ok_or(Unreadable::Value("an impossible day"))
}

fn usable<T>(name: Result<T, InvalidName>) -> Result<T, Unreadable> {
    name.map_err(|_| Unreadable::Value("an unusable name"))
}

/// The name of a feed.
pub(crate) fn feed(name: &str) -> Result<FeedName, Unreadable> {
    usable(FeedName::new(name))
}

/// The name of a target.
pub(crate) fn target(name: &str) -> Result<TargetName, Unreadable> {
    usable(TargetName::new(name))
}

/// The name of a role.
pub(crate) fn role(name: &str) -> Result<RoleName, Unreadable> {
    usable(RoleName::new(name))
}

/// A version of the policy.
pub(crate) fn policy(digest: &str) -> PolicyVersion {
    PolicyVersion::new(digest)
}

/// A person's id.
#[derive(Serialize, Deserialize)]
pub(crate) struct Who<'a>(&'a str, &'a str);

impl<'a> Who<'a> {
    pub(crate) fn of(id: &'a PersonId) -> Self {
        Who(id.feed.as_str(), id.key.as_str())
    }

    pub(crate) fn into_core(self) -> Result<PersonId, Unreadable> {
        Ok(PersonId {
            feed: feed(self.0)?,
            key: usable(PersonKey::new(self.1))?,
        })
    }
}
