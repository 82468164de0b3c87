//! Secrets: the configuration says where they are, never what they are.
//!
//! A value is read when it is used, so that a file that is replaced is taken up without a restart,
//! and it prints as dots wherever somebody prints it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use muster_core::coded::Coded;
use muster_core::finding::Code;
use toml::Spanned;
use toml::de::DeValue;

use super::document::Section;
use super::mistake::{INLINE_SECRET, SECRET_UNREADABLE, WRONG_TYPE};
use super::options::Opt;

/// Largest secret, in bytes: a private key with its chain fits.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Where a secret is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SecretSource {
    /// In a file; white space at its end does not count.
    File(PathBuf),
    /// In an environment variable of the daemon.
    Env(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "file {}", path.display()),
            SecretSource::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A secret's value. It shows itself to nobody who does not ask for it by name.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Box<str>);

impl SecretValue {
    /// Takes a value.
    pub fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that puts it into a request or checks a signature.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(...)")
    }
}

/// The environment variables that the process was started with, taken once by `main`.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes variables; a later one of the same name wins.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

/// A secret that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("could not read the secret in file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The variable is not set.
    #[error("the secret's environment variable {name} is not set")]
    Env {
        /// The variable.
        name: String,
    },
    /// There is nothing in it, or far too much.
    #[error("the secret in {place} {reason}")]
    Unusable {
        /// Where.
        place: String,
        /// Why it cannot be used.
        reason: &'static str,
    },
}

impl Coded for SecretError {
    fn code(&self) -> Code {
        SECRET_UNREADABLE
    }

    fn hint(&self) -> String {
        match self {
            SecretError::File { path, .. } => format!(
                "put the secret into {}, readable by the daemon's user only",
                path.display()
            ),
            SecretError::Env { name } => {
                format!("set {name} in the environment that `muster serve` is started with")
            }
            SecretError::Unusable { place, .. } => format!("put one secret into {place}"),
        }
    }
}

impl SecretSource {
    /// Reads the value.
    pub fn read(&self, environment: &Environment) -> Result<SecretValue, SecretError> {
        let unusable = |reason| SecretError::Unusable {
            place: self.to_string(),
            reason,
        };
        let text = match self {
            SecretSource::File(path) => {
                let failed = |source| SecretError::File {
                    path: path.clone(),
                    source,
                };
                let length = std::fs::metadata(path).map_err(failed)?.len();
                if length > SECRET_BYTES_MAX {
                    return Err(unusable("is longer than 64 KiB"));
                }
                std::fs::read_to_string(path).map_err(failed)?
            }
            SecretSource::Env(name) => environment
                .get(name)
                .ok_or_else(|| SecretError::Env { name: name.clone() })?
                .to_owned(),
        };
        let value = text.trim_end();
        if value.is_empty() {
            return Err(unusable("is empty"));
        }
        Ok(SecretValue::new(value))
    }
}

/// Where relative paths begin.
pub(super) struct Base<'b>(pub(super) &'b std::path::Path);

impl Base<'_> {
    pub(super) fn join(&self, path: &str) -> PathBuf {
        // Without `.` and doubled separators, so that folders can be compared.
        self.0.join(path).components().collect()
    }
}

impl Section<'_> {
    /// A secret's place; `None` if it is not written.
    pub(super) fn secret(&self, option: &Opt, base: &Base<'_>) -> Option<SecretSource> {
        let value = self.raw(option.key)?;
        self.secret_of(option, value, base)
    }

    /// The places of several secrets.
    pub(super) fn secrets(&self, option: &Opt, base: &Base<'_>) -> Vec<SecretSource> {
        let Some(value) = self.raw(option.key) else {
            self.missing(option);
            return Vec::new();
        };
        let items = match value.get_ref() {
            DeValue::Array(items) if !items.is_empty() => items.as_ref(),
            _ => std::slice::from_ref(value),
        };
        items
            .iter()
            .filter_map(|item| self.secret_of(option, item, base))
            .collect()
    }

    fn secret_of(
        &self,
        option: &Opt,
        value: &Spanned<DeValue<'_>>,
        base: &Base<'_>,
    ) -> Option<SecretSource> {
        let offset = value.span().start;
        let refuse = |code: Code, message: &str| {
            self.note(
                code,
                offset,
                format!("`{}` in [{}] {message}", option.key, self.path()),
                format!(
                    "put the secret into a file beside muster.toml that only the daemon's user can \
                     read, and write: {} = {}",
                    option.key, option.example
                ),
            );
        };
        let table = match value.get_ref() {
            DeValue::Table(table) => table,
            DeValue::String(_) => {
                refuse(INLINE_SECRET, "is a secret written into the file");
                return None;
            }
            _ => {
                refuse(
                    WRONG_TYPE,
                    "says where a secret is, and found something else",
                );
                return None;
            }
        };
        let mut entries = table.iter();
        let (Some((key, place)), None) = (entries.next(), entries.next()) else {
            refuse(WRONG_TYPE, "takes exactly one of `file` and `env`");
            return None;
        };
        match (key.get_ref().as_ref(), place.get_ref().as_str()) {
            ("file", Some(path)) if !path.is_empty() => Some(SecretSource::File(base.join(path))),
            ("env", Some(name)) if !name.is_empty() => Some(SecretSource::Env(name.to_owned())),
            ("file" | "env", _) => {
                refuse(WRONG_TYPE, "takes a text after `file` or `env`");
                None
            }
            _ => {
                refuse(WRONG_TYPE, "takes `file` or `env`");
                None
            }
        }
    }
}
