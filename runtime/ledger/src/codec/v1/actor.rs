//! Layout 1 of who decided.

use muster_core::actor as core;
use serde::{Deserialize, Serialize};

use super::parts::{Fixed, feed, policy};
use crate::codec::Unreadable;

/// Somebody at the command line.
#[derive(Serialize, Deserialize)]
pub(crate) struct Operator<'a> {
    uid: Option<u32>,
    user: &'a str,
    #[serde(borrow)]
    called: Option<&'a str>,
    #[serde(borrow)]
    reason: Option<&'a str>,
}

impl<'a> Operator<'a> {
    pub(crate) fn of(operator: &'a core::Operator) -> Self {
        Operator {
            uid: operator.uid,
            user: &operator.user,
            called: operator.called.as_deref(),
            reason: operator.reason.as_deref(),
        }
    }

    pub(crate) fn into_core(self) -> core::Operator {
        core::Operator {
            uid: self.uid,
            user: self.user.to_owned(),
            called: self.called.map(str::to_owned),
            reason: self.reason.map(str::to_owned),
        }
    }
}

/// Who or what decided.
#[derive(Serialize, Deserialize)]
pub(crate) enum Actor<'a> {
    #[serde(rename = "o", borrow)]
    Operator(Operator<'a>),
    #[serde(rename = "f")]
    File(&'a str, &'a str, Fixed<32>),
    #[serde(rename = "p")]
    Policy(&'a str),
    #[serde(rename = "d")]
    Date,
    #[serde(rename = "m")]
    Daemon,
}

impl<'a> Actor<'a> {
    pub(crate) fn of(actor: &'a core::Actor) -> Self {
        match actor {
            core::Actor::Operator(operator) => Actor::Operator(Operator::of(operator)),
            core::Actor::File { feed, name, digest } => {
                Actor::File(feed.as_str(), name, (*digest).into())
            }
            core::Actor::Policy(version) => Actor::Policy(version.as_str()),
            core::Actor::Date => Actor::Date,
            core::Actor::Daemon => Actor::Daemon,
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Actor, Unreadable> {
        Ok(match self {
            Actor::Operator(operator) => core::Actor::Operator(operator.into_core()),
            Actor::File(name, file, digest) => core::Actor::File {
                feed: feed(name)?,
                name: file.to_owned(),
                digest: digest.into(),
            },
            Actor::Policy(version) => core::Actor::Policy(policy(version)),
            Actor::Date => core::Actor::Date,
            Actor::Daemon => core::Actor::Daemon,
        })
    }
}
