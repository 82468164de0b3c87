//! Layout 1 of what a finding is about.

use muster_core::id::{OperationId, PlanId};
use muster_core::subject as core;
use serde::{Deserialize, Serialize};

use super::parts::{Who, feed, role, target};
use crate::codec::Unreadable;

/// What a finding is about. Encoded, it is also the second half of a finding's key.
#[derive(Serialize, Deserialize)]
pub(crate) enum Subject<'a> {
    #[serde(rename = "p")]
    Policy,
    #[serde(rename = "d")]
    Dates,
    #[serde(rename = "r")]
    References,
    #[serde(rename = "o")]
    Operator,
    #[serde(rename = "c")]
    Clock,
    #[serde(rename = "l")]
    Ledger,
    #[serde(rename = "f")]
    Feed(&'a str),
    #[serde(rename = "t")]
    Target(&'a str),
    #[serde(rename = "te")]
    Entitlement(&'a str, &'a str),
    #[serde(rename = "pl")]
    Plugin(&'a str),
    #[serde(rename = "ro")]
    Role(&'a str),
    #[serde(rename = "fi")]
    File(&'a str),
    #[serde(rename = "w", borrow)]
    Person(Who<'a>),
    #[serde(rename = "wa")]
    Account(#[serde(borrow)] Who<'a>, &'a str),
    #[serde(rename = "wo")]
    Operation(#[serde(borrow)] Who<'a>, &'a str, u64, u32),
}

impl<'a> Subject<'a> {
    pub(crate) fn of(subject: &'a core::Subject) -> Self {
        match subject {
            core::Subject::Policy => Subject::Policy,
            core::Subject::Dates => Subject::Dates,
            core::Subject::References => Subject::References,
            core::Subject::Operator => Subject::Operator,
            core::Subject::Clock => Subject::Clock,
            core::Subject::Ledger => Subject::Ledger,
            core::Subject::Feed(feed) => Subject::Feed(feed.as_str()),
            core::Subject::Target(target) => Subject::Target(target.as_str()),
            core::Subject::Entitlement(target, name) => Subject::Entitlement(target.as_str(), name),
            core::Subject::Plugin(name) => Subject::Plugin(name),
            core::Subject::Role(role) => Subject::Role(role.as_str()),
            core::Subject::File(path) => Subject::File(path),
            core::Subject::Person(person) => Subject::Person(Who::of(person)),
            core::Subject::Account(person, target) => {
                Subject::Account(Who::of(person), target.as_str())
            }
            core::Subject::Operation(person, target, id) => {
                Subject::Operation(Who::of(person), target.as_str(), id.plan.0, id.number)
            }
        }
    }

    pub(crate) fn into_core(self) -> Result<core::Subject, Unreadable> {
        Ok(match self {
            Subject::Policy => core::Subject::Policy,
            Subject::Dates => core::Subject::Dates,
            Subject::References => core::Subject::References,
            Subject::Operator => core::Subject::Operator,
            Subject::Clock => core::Subject::Clock,
            Subject::Ledger => core::Subject::Ledger,
            Subject::Feed(name) => core::Subject::Feed(feed(name)?),
            Subject::Target(name) => core::Subject::Target(target(name)?),
            Subject::Entitlement(at, name) => {
                core::Subject::Entitlement(target(at)?, name.to_owned())
            }
            Subject::Plugin(name) => core::Subject::Plugin(name.to_owned()),
            Subject::Role(name) => core::Subject::Role(role(name)?),
            Subject::File(path) => core::Subject::File(path.to_owned()),
            Subject::Person(who) => core::Subject::Person(who.into_core()?),
            Subject::Account(who, at) => core::Subject::Account(who.into_core()?, target(at)?),
            Subject::Operation(who, at, plan, number) => {
                let plan = PlanId(plan);
                let operation = OperationId { plan, number };
                core::Subject::Operation(who.into_core()?, target(at)?, operation)
            }
        })
    }
}
