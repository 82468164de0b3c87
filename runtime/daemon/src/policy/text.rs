//! A policy as text, as the command line sends one to the daemon to be looked at.
//!
//! The form is this file's own, so that nothing in the core can change it by accident: the daemon and the command
//! line may be of two versions.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::finding::Code;
use muster_core::id::{FeedName, InvalidName, PolicyVersion, RoleName, TargetName};
use muster_core::identity::ValueType;
use muster_core::lint::Acceptance;
use muster_core::policy::{
    Adopt, LeaverRules, LintSource, Policy, PolicySource, Prehire, RoleSource, TargetRules,
};
use muster_core::subject::Subject;
use serde::{Deserialize, Serialize};

/// The form that is written; another one is refused.
const FORM: u32 = 2;

/// Why a policy that was sent cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not what this program writes.
    #[error("the policy is not what this version writes")]
    Form(#[source] serde_json::Error),
    /// Another version wrote it.
    #[error("the policy is of form {0}, and this version reads {FORM}")]
    Other(u32),
    /// A name in it cannot be one.
    #[error("a name in it cannot be used")]
    Name(#[source] InvalidName),
    /// It does not compile.
    #[error("it cannot be used: {0}")]
    Rules(String),
}

#[derive(Serialize, Deserialize)]
struct Sent {
    form: u32,
    version: String,
    attributes: BTreeMap<String, Option<Type>>,
    roles: Vec<Role>,
    targets: BTreeMap<String, Target>,
    must_end: Option<String>,
    accepted: Vec<Accepted>,
}

#[derive(Serialize, Deserialize)]
struct Accepted {
    code: String,
    about: About,
    reason: String,
}

/// What a remark that is accepted is about.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum About {
    Policy,
    Feed(String),
    Role(String),
    Target(String),
    Entitlement(String, String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Type {
    Text,
    Boolean,
    Integer,
    Day,
    List,
}

#[derive(Serialize, Deserialize)]
struct Role {
    name: String,
    description: String,
    when: String,
    access: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize, Deserialize)]
struct Target {
    keys: Vec<(String, String)>,
    attributes: BTreeMap<String, String>,
    adopts_when_keys_agree: bool,
    makes_account_before_first_day: bool,
    leaver: Leaver,
}

#[derive(Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a line of the configuration"
)]
struct Leaver {
    suspend: bool,
    end_sessions: bool,
    revoke_credentials: bool,
    transfer_to_manager: bool,
    delete_after_seconds: Option<u64>,
}

/// Returns the policy as text.
pub fn write(source: &PolicySource) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Sent::of(source))
}

/// Returns the policy of such a text, compiled.
pub fn read(text: &[u8]) -> Result<Policy, Unusable> {
    let sent: Sent = serde_json::from_slice(text).map_err(Unusable::Form)?;
    if sent.form != FORM {
        return Err(Unusable::Other(sent.form));
    }
    Policy::compile(sent.into_source().map_err(Unusable::Name)?).map_err(|mistakes| {
        let first = mistakes.into_iter().next();
        Unusable::Rules(first.map(|mistake| mistake.text).unwrap_or_default())
    })
}

impl Sent {
    fn of(source: &PolicySource) -> Self {
        let attributes = source.attributes.iter();
        let targets = source.targets.iter();
        Self {
            form: FORM,
            version: source.version.as_str().to_owned(),
            attributes: attributes
                .map(|(name, value_type)| (name.clone(), value_type.map(Type::of)))
                .collect(),
            roles: source.roles.iter().map(Role::of).collect(),
            targets: targets
                .map(|(name, rules)| (name.to_string(), Target::of(rules)))
                .collect(),
            must_end: source.lint.must_end.clone(),
            accepted: source.lint.accepted.iter().map(Accepted::of).collect(),
        }
    }

    fn into_source(self) -> Result<PolicySource, InvalidName> {
        let attributes = self.attributes.into_iter();
        let targets = self.targets.into_iter();
        Ok(PolicySource {
            version: PolicyVersion::new(&self.version),
            attributes: attributes
                .map(|(name, value_type)| (name, value_type.map(Type::into_core)))
                .collect(),
            roles: self
                .roles
                .into_iter()
                .map(Role::into_core)
                .collect::<Result<_, _>>()?,
            targets: targets
                .map(|(name, target)| Ok((TargetName::new(&name)?, target.into_core())))
                .collect::<Result<_, InvalidName>>()?,
            lint: LintSource {
                must_end: self.must_end,
                accepted: self
                    .accepted
                    .into_iter()
                    .map(Accepted::into_core)
                    .collect::<Result<_, InvalidName>>()?,
            },
        })
    }
}

impl Accepted {
    fn of(one: &Acceptance) -> Self {
        let about = match &one.subject {
            Subject::Feed(feed) => About::Feed(feed.to_string()),
            Subject::Role(role) => About::Role(role.to_string()),
            Subject::Target(target) => About::Target(target.to_string()),
            Subject::Entitlement(target, name) => {
                About::Entitlement(target.to_string(), name.clone())
            }
            // Nothing else can be accepted.
            _ => About::Policy,
        };
        Self {
            code: one.code.to_string(),
            about,
            reason: one.reason.clone(),
        }
    }

    fn into_core(self) -> Result<Acceptance, InvalidName> {
        let subject = match self.about {
            About::Policy => Subject::Policy,
            About::Feed(feed) => Subject::Feed(FeedName::new(&feed)?),
            About::Role(role) => Subject::Role(RoleName::new(&role)?),
            About::Target(target) => Subject::Target(TargetName::new(&target)?),
            About::Entitlement(target, name) => {
                Subject::Entitlement(TargetName::new(&target)?, name)
            }
        };
        Ok(Acceptance {
            code: Code::from_record(self.code),
            subject,
            reason: self.reason,
        })
    }
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

impl Role {
    fn of(role: &RoleSource) -> Self {
        let access = role.access.iter();
        Self {
            name: role.name.to_string(),
            description: role.description.clone(),
            when: role.when.clone(),
            access: access
                .map(|(target, names)| (target.to_string(), names.clone()))
                .collect(),
        }
    }

    fn into_core(self) -> Result<RoleSource, InvalidName> {
        let access = self.access.into_iter();
        Ok(RoleSource {
            name: RoleName::new(&self.name)?,
            description: self.description,
            when: self.when,
            access: access
                .map(|(target, names)| Ok((TargetName::new(&target)?, names)))
                .collect::<Result<_, InvalidName>>()?,
        })
    }
}

impl Target {
    fn of(rules: &TargetRules) -> Self {
        let LeaverRules {
            suspend,
            end_sessions,
            revoke_credentials,
            transfer_to_manager,
            delete_after,
        } = rules.leaver;
        Self {
            keys: rules.keys.clone(),
            attributes: rules.attributes.clone(),
            adopts_when_keys_agree: rules.adopt == Adopt::WhenKeysAgree,
            makes_account_before_first_day: rules.prehire == Prehire::Suspended,
            leaver: Leaver {
                suspend,
                end_sessions,
                revoke_credentials,
                transfer_to_manager,
                delete_after_seconds: delete_after.map(|after| after.as_secs()),
            },
        }
    }

    fn into_core(self) -> TargetRules {
        TargetRules {
            keys: self.keys,
            attributes: self.attributes,
            adopt: if self.adopts_when_keys_agree {
                Adopt::WhenKeysAgree
            } else {
                Adopt::Never
            },
            prehire: if self.makes_account_before_first_day {
                Prehire::Suspended
            } else {
                Prehire::Nothing
            },
            leaver: LeaverRules {
                suspend: self.leaver.suspend,
                end_sessions: self.leaver.end_sessions,
                revoke_credentials: self.leaver.revoke_credentials,
                transfer_to_manager: self.leaver.transfer_to_manager,
                delete_after: self.leaver.delete_after_seconds.map(Duration::from_secs),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(subject: Subject) -> Acceptance {
        Acceptance {
            code: Code::new("POL-033"),
            subject,
            reason: "it is meant to be so".to_owned(),
        }
    }

    fn source() -> PolicySource {
        let crm = TargetName::new("crm").unwrap();
        let role = RoleSource {
            name: RoleName::new("sales").unwrap(),
            description: "Sells".to_owned(),
            when: "department == \"Sales\"".to_owned(),
            access: [(crm.clone(), vec!["group:Sales".to_owned()])].into(),
        };
        let rules = TargetRules {
            keys: vec![("email".to_owned(), "email".to_owned())],
            attributes: [("mail".to_owned(), "email".to_owned())].into(),
            adopt: Adopt::WhenKeysAgree,
            prehire: Prehire::Suspended,
            leaver: LeaverRules {
                transfer_to_manager: true,
                delete_after: Some(Duration::from_hours(24)),
                ..LeaverRules::default()
            },
        };
        let types = [
            ("department", Some(ValueType::Text)),
            ("email", Some(ValueType::Text)),
            ("first_day", Some(ValueType::Day)),
            ("level", Some(ValueType::Integer)),
            ("remote", Some(ValueType::Boolean)),
            ("skills", Some(ValueType::List)),
            ("differs", None),
        ];
        PolicySource {
            version: PolicyVersion::new("0123456789ab"),
            attributes: types
                .into_iter()
                .map(|(name, value_type)| (name.to_owned(), value_type))
                .collect(),
            roles: vec![role],
            lint: LintSource {
                must_end: Some("remote".to_owned()),
                accepted: vec![
                    accepted(Subject::Role(RoleName::new("sales").unwrap())),
                    accepted(Subject::Target(crm.clone())),
                    accepted(Subject::Entitlement(crm.clone(), "group:Sales".to_owned())),
                    accepted(Subject::Feed(FeedName::new("hr").unwrap())),
                ],
            },
            targets: [(crm, rules)].into(),
        }
    }

    #[test]
    fn what_was_written_is_read_as_it_was() {
        let text = write(&source()).unwrap();
        assert_eq!(*read(&text).unwrap().source(), source());
    }

    #[test]
    fn what_another_version_wrote_is_refused() {
        let text = String::from_utf8(write(&source()).unwrap()).unwrap();
        let other = text.replace("\"form\":2", "\"form\":1");
        assert!(matches!(read(other.as_bytes()), Err(Unusable::Other(1))));
        assert!(matches!(read(b"{"), Err(Unusable::Form(..))));
    }
}
