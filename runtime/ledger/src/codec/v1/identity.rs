//! Layout 1 of what HR says of a person.

use muster_core::identity;
use serde::{Deserialize, Serialize};

use super::parts::{Pairs, day, day_number};
use crate::codec::{Unreadable, instant_opt, micros};

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
    status: Status,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
}

impl<'a> Identity<'a> {
    pub(crate) fn of(identity: &'a identity::Identity) -> Self {
        let attributes = &identity.attributes;
        Identity {
            attributes: Pairs(
                attributes
                    .iter()
                    .map(|(name, value)| (name.as_str(), Value::of(value)))
                    .collect(),
            ),
            status: match identity.employment.status {
                identity::Status::Active => Status::Active,
                identity::Status::Leave => Status::Leave,
                identity::Status::Ended => Status::Ended,
            },
            starts_at: identity.employment.starts_at.map(micros),
            ends_at: identity.employment.ends_at.map(micros),
        }
    }

    pub(crate) fn into_core(self) -> Result<identity::Identity, Unreadable> {
        let attributes = self.attributes.0.into_iter();
        Ok(identity::Identity {
            attributes: attributes
                .map(|(name, value)| Ok((name.to_owned(), value.into_core()?)))
                .collect::<Result<_, Unreadable>>()?,
            employment: identity::Employment {
                status: match self.status {
                    Status::Active => identity::Status::Active,
                    Status::Leave => identity::Status::Leave,
                    Status::Ended => identity::Status::Ended,
                },
                starts_at: instant_opt(self.starts_at)?,
                ends_at: instant_opt(self.ends_at)?,
            },
        })
    }
}
