//! Layout 1 of what HR says of a person.

use muster_core::{dated, identity};
use serde::{Deserialize, Serialize};

use super::parts::{Pairs, day, day_number};
use crate::codec::{Unreadable, instant, instant_opt, micros};

/// An attribute's value.
#[derive(Serialize, Deserialize)]
pub(crate) enum Value<'a> {
    #[serde(rename = "e")]
    Empty,
    #[serde(rename = "t", borrow)]
    Text(&'a str),
    #[serde(rename = "b")]
    Boolean(bool),
    #[serde(rename = "i")]
    Integer(i64),
    #[serde(rename = "d")]
    Day(i32),
    #[serde(rename = "l", borrow)]
    List(Vec<&'a str>),
}

impl<'a> Value<'a> {
    fn of(value: &'a identity::Value) -> Self {
        match value {
            identity::Value::Empty => Value::Empty,
            identity::Value::Text(text) => Value::Text(text),
            identity::Value::Boolean(is) => Value::Boolean(*is),
            identity::Value::Integer(number) => Value::Integer(*number),
            identity::Value::Day(day) => Value::Day(day_number(*day)),
            identity::Value::List(texts) => Value::List(texts.iter().map(String::as_str).collect()),
        }
    }

    fn into_core(self) -> Result<identity::Value, Unreadable> {
        Ok(match self {
            Value::Empty => identity::Value::Empty,
            Value::Text(text) => identity::Value::Text(text.to_owned()),
            Value::Boolean(is) => identity::Value::Boolean(is),
            Value::Integer(number) => identity::Value::Integer(number),
            Value::Day(number) => identity::Value::Day(day(number)?),
            Value::List(texts) => {
                identity::Value::List(texts.into_iter().map(str::to_owned).collect())
            }
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Status {
    #[serde(rename = "a")]
    Active,
    #[serde(rename = "l")]
    Leave,
    #[serde(rename = "e")]
    Ended,
}

/// Where a person stands.
#[derive(Serialize, Deserialize)]
pub(crate) enum Phase {
    #[serde(rename = "p")]
    Prehire,
    #[serde(rename = "a")]
    Active,
    #[serde(rename = "l")]
    Leave,
    #[serde(rename = "e")]
    Ended,
}

impl Phase {
    pub(crate) fn of(phase: identity::Phase) -> Self {
        match phase {
            identity::Phase::Prehire => Phase::Prehire,
            identity::Phase::Active => Phase::Active,
            identity::Phase::Leave => Phase::Leave,
            identity::Phase::Ended => Phase::Ended,
        }
    }

    pub(crate) fn into_core(self) -> identity::Phase {
        match self {
            Phase::Prehire => identity::Phase::Prehire,
            Phase::Active => identity::Phase::Active,
            Phase::Leave => identity::Phase::Leave,
            Phase::Ended => identity::Phase::Ended,
        }
    }
}

/// An identity.
#[derive(Serialize, Deserialize)]
pub(crate) struct Identity<'a> {
    #[serde(borrow)]
    attributes: Pairs<&'a str, Value<'a>>,
    employment: Employment,
    #[serde(borrow)]
    dated: Option<Dated<'a>>,
}

/// The status, the first instant and the first one after the last.
#[derive(Serialize, Deserialize)]
struct Employment(Status, Option<i64>, Option<i64>);

/// Since when it holds, and what is announced.
#[derive(Serialize, Deserialize)]
struct Dated<'a>(Option<i64>, #[serde(borrow)] Vec<Announced<'a>>);

/// From when on, and what is said then.
#[derive(Serialize, Deserialize)]
struct Announced<'a>(i64, #[serde(borrow)] Pairs<&'a str, Value<'a>>, Employment);

fn attributes(attributes: &identity::Attributes) -> Pairs<&str, Value<'_>> {
    let attributes = attributes.iter();
    Pairs(
        attributes
            .map(|(name, value)| (name.as_str(), Value::of(value)))
            .collect(),
    )
}

fn attributes_into_core(
    attributes: Pairs<&str, Value<'_>>,
) -> Result<identity::Attributes, Unreadable> {
    let attributes = attributes.0.into_iter();
    attributes
        .map(|(name, value)| Ok((name.to_owned(), value.into_core()?)))
        .collect()
}

impl Employment {
    fn of(employment: &identity::Employment) -> Self {
        let status = match employment.status {
            identity::Status::Active => Status::Active,
            identity::Status::Leave => Status::Leave,
            identity::Status::Ended => Status::Ended,
        };
        let instant = |at: Option<jiff::Timestamp>| at.map(micros);
        Employment(
            status,
            instant(employment.starts_at),
            instant(employment.ends_at),
        )
    }

    fn into_core(self) -> Result<identity::Employment, Unreadable> {
        Ok(identity::Employment {
            status: match self.0 {
                Status::Active => identity::Status::Active,
                Status::Leave => identity::Status::Leave,
                Status::Ended => identity::Status::Ended,
            },
            starts_at: instant_opt(self.1)?,
            ends_at: instant_opt(self.2)?,
        })
    }
}

impl<'a> Dated<'a> {
    /// Of nearly everybody nothing is known of it.
    fn of(dated: &'a dated::Dated) -> Option<Self> {
        if *dated == dated::Dated::default() {
            return None;
        }
        let announced = dated.announced.iter().map(|one| {
            let employment = Employment::of(&one.employment);
            Announced(micros(one.at), attributes(&one.attributes), employment)
        });
        Some(Dated(dated.since.map(micros), announced.collect()))
    }

    fn into_core(self) -> Result<dated::Dated, Unreadable> {
        let announced = self.1.into_iter().map(|Announced(at, said, employment)| {
            Ok(dated::Announced {
                at: instant(at)?,
                attributes: attributes_into_core(said)?,
                employment: employment.into_core()?,
            })
        });
        Ok(dated::Dated {
            since: instant_opt(self.0)?,
            announced: announced.collect::<Result<_, Unreadable>>()?,
        })
    }
}

impl<'a> Identity<'a> {
    pub(crate) fn of(identity: &'a identity::Identity) -> Self {
        Identity {
            attributes: attributes(&identity.attributes),
            employment: Employment::of(&identity.employment),
            dated: Dated::of(&identity.dated),
        }
    }

    pub(crate) fn into_core(self) -> Result<identity::Identity, Unreadable> {
        let dated = self.dated.map(Dated::into_core).transpose()?;
        Ok(identity::Identity {
            attributes: attributes_into_core(self.attributes)?,
            employment: self.employment.into_core()?,
            dated: dated.unwrap_or_default(),
        })
    }
}
