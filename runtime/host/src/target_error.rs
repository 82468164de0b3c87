//! Why a target cannot be set up with a plugin. Each case has a page under `docs/errors/`.

use std::path::PathBuf;

use muster_core::coded::Coded;
use muster_core::finding::Code;

/// A target that cannot be set up with this plugin.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A setting that the plugin does not know.
    #[error("the plugin has no setting `{key}`{}", nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    UnknownSetting {
        /// The key.
        key: String,
        /// The most similar setting that it has.
        nearest: Option<String>,
    },
    /// A setting that the plugin needs.
    #[error("the plugin needs the setting `{key}`: {description}")]
    MissingSetting {
        /// The key.
        key: String,
        /// What it means.
        description: String,
    },
    /// A setting whose value cannot be used.
    #[error("the setting `{key}` cannot be `{value}`: {reason}")]
    Setting {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Why not.
        reason: String,
    },
    /// A secret slot that the plugin does not have.
    #[error("the plugin has no secret slot `{slot}`{}", known_slots(.known))]
    UnknownSlot {
        /// The slot.
        slot: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A secret slot that has to be filled.
    #[error("the plugin needs a credential in the slot `{slot}`: {description}")]
    MissingSlot {
        /// The slot.
        slot: String,
        /// What belongs there.
        description: String,
    },
    /// A credential that cannot be used. Its value is never part of the text.
    #[error("the credential in the slot `{slot}` cannot be used: {reason}")]
    Credential {
        /// The slot.
        slot: String,
        /// Why not.
        reason: String,
    },
    /// The tokens of a credential are issued by a server that is not granted.
    #[error(
        "the credential in the slot `{slot}` has its tokens from a server that is not granted: {text}"
    )]
    TokenServer {
        /// The slot.
        slot: String,
        /// Which server, and the line that grants it.
        text: String,
    },
    /// The file of certificates cannot be used.
    #[error("could not use the certificates in {}: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// What it was given before cannot be read, so that it would not be known again.
    #[error("could not read which passwords were made up for it")]
    Remembered(#[source] std::io::Error),
    /// TLS could not be set up.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
    /// A limit that is too high or too low.
    #[error("the limit {name} cannot be {value}: {reason}")]
    Limit {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        reason: &'static str,
    },
}

fn known_slots(known: &[String]) -> String {
    if known.is_empty() {
        String::new()
    } else {
        format!("; it has {}", known.join(", "))
    }
}

impl Coded for TargetError {
    fn code(&self) -> Code {
        Code::new(match self {
            TargetError::UnknownSetting { .. }
            | TargetError::MissingSetting { .. }
            | TargetError::Setting { .. } => "PLG-010",
            TargetError::UnknownSlot { .. }
            | TargetError::MissingSlot { .. }
            | TargetError::Credential { .. } => "PLG-011",
            TargetError::TokenServer { .. } => "NET-001",
            TargetError::Remembered(_) => "PLG-040",
            TargetError::Certificates { .. } | TargetError::Tls(_) => "NET-007",
            TargetError::Limit { .. } => "PLG-012",
        })
    }

    fn hint(&self) -> String {
        let hint = match self {
            TargetError::UnknownSetting { .. }
            | TargetError::MissingSetting { .. }
            | TargetError::Setting { .. } => {
                "`muster plugin inspect` lists the settings of a plugin with examples"
            }
            TargetError::UnknownSlot { .. }
            | TargetError::MissingSlot { .. }
            | TargetError::Credential { .. } => {
                "`muster plugin inspect` lists the secret slots of a plugin and the schemes that each takes"
            }
            TargetError::TokenServer { .. } => {
                "add the token server to `hosts` if it is the right one; nothing is sent to it before"
            }
            TargetError::Certificates { .. } | TargetError::Tls(_) => {
                "name a file with certificates in PEM (`-----BEGIN CERTIFICATE-----`)"
            }
            TargetError::Remembered(_) => {
                "make the folder `generated` in the data folder one that the daemon's user may read and write"
            }
            TargetError::Limit { .. } => "leave the limit out to use its default",
        };
        hint.to_owned()
    }
}
