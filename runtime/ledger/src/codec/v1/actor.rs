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

/// The owner of a file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Editor<'a> {
    file: &'a str,
    uid: Option<u32>,
    user: &'a str,
}

/// Which connector.
#[derive(Serialize, Deserialize)]
pub(crate) struct ConnectorVersion<'a> {
    plugin: &'a str,
    version: &'a str,
    digest: Fixed<32>,
}

impl<'a> ConnectorVersion<'a> {
    pub(crate) fn of(connector: &'a core::ConnectorVersion) -> Self {
        ConnectorVersion {
            plugin: &connector.plugin,
            version: &connector.version,
            digest: connector.digest.into(),
        }
    }

    pub(crate) fn into_core(self) -> core::ConnectorVersion {
        core::ConnectorVersion {
            plugin: self.plugin.to_owned(),
            version: self.version.to_owned(),
            digest: self.digest.into(),
        }
    }
}

/// Who or what did something.
#[derive(Serialize, Deserialize)]
pub(crate) enum Actor<'a> {
    #[serde(rename = "o", borrow)]
    Operator(Operator<'a>),
    #[serde(rename = "f")]
    File(&'a str, &'a str, Fixed<32>),
    #[serde(rename = "p")]
    Policy(&'a str),
    #[serde(rename = "e", borrow)]
    Editor(Editor<'a>),
    #[serde(rename = "c", borrow)]
    Connector(ConnectorVersion<'a>),
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
            core::Actor::Editor(editor) => Actor::Editor(Editor {
                file: &editor.file,
                uid: editor.uid,
                user: &editor.user,
            }),
            core::Actor::Connector(connector) => Actor::Connector(ConnectorVersion::of(connector)),
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
            Actor::Editor(editor) => core::Actor::Editor(core::Editor {
                file: editor.file.to_owned(),
                uid: editor.uid,
                user: editor.user.to_owned(),
            }),
            Actor::Connector(connector) => core::Actor::Connector(connector.into_core()),
            Actor::Date => core::Actor::Date,
            Actor::Daemon => core::Actor::Daemon,
        })
    }
}
