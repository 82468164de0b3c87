//! Layout 1 of a policy as it is written, and of who had it decide since when.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::finding::Code;
use muster_core::identity::ValueType;
use muster_core::lint;
use muster_core::policy as core;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::parts::{Pairs, policy, role, target};
use super::subject::Subject;
use crate::codec::{Unreadable, instant, micros};
use crate::kept;

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Type {
    #[serde(rename = "t")]
    Text,
    #[serde(rename = "b")]
    Boolean,
    #[serde(rename = "i")]
    Integer,
    #[serde(rename = "d")]
    Day,
    #[serde(rename = "l")]
    List,
}

impl Type {
    fn of(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Text => Type::Text,
            ValueType::Boolean => Type::Boolean,
            ValueType::Integer => Type::Integer,
            ValueType::Day => Type::Day,
            ValueType::List => Type::List,
        }
    }

    fn into_core(self) -> ValueType {
        match self {
            Type::Text => ValueType::Text,
            Type::Boolean => ValueType::Boolean,
            Type::Integer => ValueType::Integer,
            Type::Day => ValueType::Day,
            Type::List => ValueType::List,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Role<'a> {
    name: &'a str,
    description: &'a str,
    when: &'a str,
    #[serde(borrow)]
    access: Pairs<&'a str, Vec<&'a str>>,
}

impl<'a> Role<'a> {
    fn of(role: &'a core::RoleSource) -> Self {
        let access = role.access.iter();
        Role {
            name: role.name.as_str(),
            description: &role.description,
            when: &role.when,
            access: Pairs(
                access
                    .map(|(target, names)| {
                        let names = names.iter().map(String::as_str).collect();
                        (target.as_str(), names)
                    })
                    .collect(),
            ),
        }
    }

    fn into_core(self) -> Result<core::RoleSource, Unreadable> {
        let access = self.access.0.into_iter();
        Ok(core::RoleSource {
            name: role(self.name)?,
            description: self.description.to_owned(),
            when: self.when.to_owned(),
            access: access
                .map(|(name, written)| {
                    let written = written.into_iter().map(str::to_owned).collect();
                    Ok((target(name)?, written))
                })
                .collect::<Result<_, Unreadable>>()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a line of the configuration"
)]
struct Target<'a> {
    #[serde(borrow)]
    keys: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    attributes: Pairs<&'a str, &'a str>,
    adopts_when_keys_agree: bool,
    makes_suspended_before_first_day: bool,
    suspend: bool,
    end_sessions: bool,
    revoke_credentials: bool,
    transfer_to_manager: bool,
    delete_after_s: Option<u64>,
}

impl<'a> Target<'a> {
    fn of(rules: &'a core::TargetRules) -> Self {
        let pair =
            |(name, expression): (&'a String, &'a String)| (name.as_str(), expression.as_str());
        Target {
            keys: rules
                .keys
                .iter()
                .map(|(name, expression)| (name.as_str(), expression.as_str()))
                .collect(),
            attributes: Pairs(rules.attributes.iter().map(pair).collect()),
            adopts_when_keys_agree: rules.adopt == core::Adopt::WhenKeysAgree,
            makes_suspended_before_first_day: rules.prehire == core::Prehire::Suspended,
            suspend: rules.leaver.suspend,
            end_sessions: rules.leaver.end_sessions,
            revoke_credentials: rules.leaver.revoke_credentials,
            transfer_to_manager: rules.leaver.transfer_to_manager,
            delete_after_s: rules.leaver.delete_after.map(|after| after.as_secs()),
        }
    }

    fn into_core(self) -> core::TargetRules {
        let owned = |(name, expression): (&str, &str)| (name.to_owned(), expression.to_owned());
        core::TargetRules {
            keys: self.keys.into_iter().map(owned).collect(),
            attributes: self.attributes.0.into_iter().map(owned).collect(),
            adopt: if self.adopts_when_keys_agree {
                core::Adopt::WhenKeysAgree
            } else {
                core::Adopt::Never
            },
            prehire: if self.makes_suspended_before_first_day {
                core::Prehire::Suspended
            } else {
                core::Prehire::Nothing
            },
            leaver: core::LeaverRules {
                suspend: self.suspend,
                end_sessions: self.end_sessions,
                revoke_credentials: self.revoke_credentials,
                transfer_to_manager: self.transfer_to_manager,
                delete_after: self.delete_after_s.map(Duration::from_secs),
            },
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Acceptance<'a> {
    code: &'a str,
    #[serde(borrow)]
    subject: Subject<'a>,
    reason: &'a str,
}

impl<'a> Acceptance<'a> {
    fn of(one: &'a lint::Acceptance) -> Self {
        Acceptance {
            code: one.code.as_str(),
            subject: Subject::of(&one.subject),
            reason: &one.reason,
        }
    }

    fn into_core(self) -> Result<lint::Acceptance, Unreadable> {
        Ok(lint::Acceptance {
            code: Code::from_record(self.code.to_owned()),
            subject: self.subject.into_core()?,
            reason: self.reason.to_owned(),
        })
    }
}

/// A policy as it is written.
#[derive(Serialize, Deserialize)]
pub(crate) struct PolicySource<'a> {
    version: &'a str,
    #[serde(borrow)]
    attributes: Pairs<&'a str, Option<Type>>,
    #[serde(borrow)]
    roles: Vec<Role<'a>>,
    #[serde(borrow)]
    targets: Pairs<&'a str, Target<'a>>,
    must_end: Option<&'a str>,
    #[serde(borrow)]
    accepted: Vec<Acceptance<'a>>,
}

impl<'a> PolicySource<'a> {
    pub(crate) fn of(source: &'a core::PolicySource) -> Self {
        let attributes = source.attributes.iter();
        let targets = source.targets.iter();
        PolicySource {
            version: source.version.as_str(),
            attributes: Pairs(
                attributes
                    .map(|(name, value_type)| (name.as_str(), value_type.map(Type::of)))
                    .collect(),
            ),
            roles: source.roles.iter().map(Role::of).collect(),
            targets: Pairs(
                targets
                    .map(|(name, rules)| (name.as_str(), Target::of(rules)))
                    .collect(),
            ),
            must_end: source.lint.must_end.as_deref(),
            accepted: source.lint.accepted.iter().map(Acceptance::of).collect(),
        }
    }

    pub(crate) fn into_core(self) -> Result<core::PolicySource, Unreadable> {
        let attributes = self.attributes.0.into_iter();
        let targets = self.targets.0.into_iter();
        let attributes: BTreeMap<_, _> = attributes
            .map(|(name, value_type)| (name.to_owned(), value_type.map(Type::into_core)))
            .collect();
        Ok(core::PolicySource {
            version: policy(self.version),
            attributes,
            roles: self
                .roles
                .into_iter()
                .map(Role::into_core)
                .collect::<Result<_, Unreadable>>()?,
            targets: targets
                .map(|(name, rules)| Ok((target(name)?, rules.into_core())))
                .collect::<Result<_, Unreadable>>()?,
            lint: core::LintSource {
                must_end: self.must_end.map(str::to_owned),
                accepted: self
                    .accepted
                    .into_iter()
                    .map(Acceptance::into_core)
                    .collect::<Result<_, Unreadable>>()?,
            },
        })
    }
}

/// A policy that decided, or decides.
#[derive(Serialize, Deserialize)]
pub(crate) struct PolicyKept<'a> {
    #[serde(borrow)]
    source: PolicySource<'a>,
    at: i64,
    #[serde(borrow)]
    by: Actor<'a>,
}

impl<'a> PolicyKept<'a> {
    pub(crate) fn of(kept: &'a kept::Policy) -> Self {
        PolicyKept {
            source: PolicySource::of(&kept.source),
            at: micros(kept.at),
            by: Actor::of(&kept.by),
        }
    }

    pub(crate) fn into_core(self) -> Result<kept::Policy, Unreadable> {
        Ok(kept::Policy {
            source: self.source.into_core()?.into(),
            at: instant(self.at)?,
            by: self.by.into_core()?,
        })
    }
}
