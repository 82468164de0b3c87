//! The policy that decides, kept beside the ledger.
//!
//! While the daemon runs, an edit that takes too much from too many waits for a person, and the policy before
//! goes on deciding. That must not depend on whether the files were edited while nobody ran: so a start begins
//! with the policy that decided last, and takes the files up like any other edit.
//!
//! It is kept as it was read, and compiled anew; the form is this file's own, so that nothing in the core can
//! change it by accident.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use muster_core::actor::{Actor, Operator};
use muster_core::id::{InvalidName, PolicyVersion, RoleName, TargetName};
use muster_core::identity::ValueType;
use muster_core::policy::{
    Adopt, LeaverRules, Policy, PolicySource, Prehire, RoleSource, TargetRules,
};
use serde::{Deserialize, Serialize};

use crate::durable;

/// The file in the data folder.
const NAME: &str = "policy.json";

/// The form that is written; a file of another one is left aside.
const FORM: u32 = 1;

/// Why a kept policy cannot decide.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It could not be read or written.
    #[error("the file {} cannot be used", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// It is not what this program writes.
    #[error("the file {} is not what this version writes", .0.display())]
    Form(PathBuf, #[source] serde_json::Error),
    /// Another version wrote it.
    #[error("the file {} is of form {form}, and this version reads {FORM}", file.display())]
    Other {
        /// The file.
        file: PathBuf,
        /// Its form.
        form: u32,
    },
    /// A name in it cannot be one.
    #[error("a name in it cannot be used")]
    Name(#[source] InvalidName),
    /// It no longer compiles.
    #[error("it cannot be used any more: {0}")]
    Rules(String),
}

/// The policy that decided last.
#[derive(Debug)]
pub struct Deciding {
    /// The policy.
    pub policy: Policy,
    /// Since when it decides, and who let it; none where that was not kept.
    pub taken: Option<Taken>,
}

/// Since when a policy decides, and who let it. The journal has the same, for good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Since when.
    pub at: Timestamp,
    /// A person who approved it, or the daemon where nobody had to.
    pub by: Actor,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    form: u32,
    version: String,
    #[serde(default)]
    taken_at: Option<String>,
    #[serde(default)]
    approved_by: Option<Approver>,
    attributes: BTreeMap<String, Option<Type>>,
    roles: Vec<Role>,
    targets: BTreeMap<String, Target>,
}

#[derive(Serialize, Deserialize)]
struct Approver {
    uid: Option<u32>,
    user: String,
    called: Option<String>,
    reason: Option<String>,
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

/// Keeps the policy that decides.
pub fn write(data: &Path, policy: &Policy, taken: Option<&Taken>) -> Result<(), Unusable> {
    let path = path(data);
    let text = serde_json::to_vec_pretty(&Kept::of(policy.source(), taken))
        .map_err(|error| Unusable::Form(path.clone(), error))?;
    durable::write(data, NAME, &text).map_err(|error| Unusable::File(path, error))
}

/// The policy that decided last; none where none was kept.
pub fn read(data: &Path) -> Result<Option<Deciding>, Unusable> {
    let path = path(data);
    match std::fs::read(&path) {
        Ok(text) => parse(path, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Unusable::File(path, error)),
    }
}

/// A policy as text, as it goes to the daemon to be looked at.
pub fn text(source: &PolicySource) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Kept::of(source, None))
}

/// The policy of such a text.
pub fn from_text(text: &[u8]) -> Result<Policy, Unusable> {
    parse(PathBuf::from("the policy"), text).map(|sent| sent.policy)
}

fn parse(path: PathBuf, text: &[u8]) -> Result<Deciding, Unusable> {
    let kept: Kept =
        serde_json::from_slice(text).map_err(|error| Unusable::Form(path.clone(), error))?;
    if kept.form != FORM {
        return Err(Unusable::Other {
            file: path,
            form: kept.form,
        });
    }
    let taken = kept.taken();
    let policy =
        Policy::compile(kept.into_source().map_err(Unusable::Name)?).map_err(|findings| {
            let first = findings.into_iter().next();
            Unusable::Rules(first.map(|finding| finding.text).unwrap_or_default())
        })?;
    Ok(Deciding { policy, taken })
}

fn path(data: &Path) -> PathBuf {
    data.join(NAME)
}

impl Kept {
    fn of(source: &PolicySource, taken: Option<&Taken>) -> Self {
        let approver = taken.and_then(|taken| match &taken.by {
            Actor::Operator(operator) => Some(Approver::of(operator)),
            Actor::File { .. } | Actor::Policy(_) | Actor::Date | Actor::Daemon => None,
        });
        let attributes = source.attributes.iter();
        let targets = source.targets.iter();
        Self {
            form: FORM,
            version: source.version.as_str().to_owned(),
            taken_at: taken.map(|taken| taken.at.to_string()),
            approved_by: approver,
            attributes: attributes
                .map(|(name, value_type)| (name.clone(), value_type.map(Type::of)))
                .collect(),
            roles: source.roles.iter().map(Role::of).collect(),
            targets: targets
                .map(|(name, rules)| (name.to_string(), Target::of(rules)))
                .collect(),
        }
    }

    fn taken(&self) -> Option<Taken> {
        let by = self.approved_by.as_ref();
        Some(Taken {
            at: self.taken_at.as_ref()?.parse().ok()?,
            by: by.map_or(Actor::Daemon, |by| Actor::Operator(by.to_core())),
        })
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
        })
    }
}

impl Approver {
    fn of(operator: &Operator) -> Self {
        Self {
            uid: operator.uid,
            user: operator.user.clone(),
            called: operator.called.clone(),
            reason: operator.reason.clone(),
        }
    }

    fn to_core(&self) -> Operator {
        Operator {
            uid: self.uid,
            user: self.user.clone(),
            called: self.called.clone(),
            reason: self.reason.clone(),
        }
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
            targets: [(crm, rules)].into(),
        }
    }

    #[test]
    fn what_was_kept_is_read_as_it_was() {
        let data = tempfile::tempdir().unwrap();
        assert!(read(data.path()).unwrap().is_none());
        let policy = Policy::compile(source()).unwrap();
        let by = Operator::new(Some(7), "ops".to_owned());
        let by = by.saying(Some("Ann"), Some("agreed")).unwrap();
        for by in [Actor::Daemon, Actor::Operator(by)] {
            let at = Timestamp::UNIX_EPOCH;
            let taken = Some(Taken { at, by });
            write(data.path(), &policy, taken.as_ref()).unwrap();
            let read = read(data.path()).unwrap().unwrap();
            assert_eq!(*read.policy.source(), source());
            assert_eq!(read.taken, taken);
        }
    }

    #[test]
    fn what_another_version_wrote_is_left_aside() {
        let data = tempfile::tempdir().unwrap();
        write(data.path(), &Policy::compile(source()).unwrap(), None).unwrap();
        let text = std::fs::read_to_string(path(data.path())).unwrap();
        std::fs::write(
            path(data.path()),
            text.replace("\"form\": 1", "\"form\": 2"),
        )
        .unwrap();
        assert!(matches!(
            read(data.path()),
            Err(Unusable::Other { form: 2, .. })
        ));
        std::fs::write(path(data.path()), "{").unwrap();
        assert!(matches!(read(data.path()), Err(Unusable::Form(..))));
    }
}
