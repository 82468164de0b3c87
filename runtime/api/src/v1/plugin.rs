//! Plugins, and what they say of themselves.

use serde::{Deserialize, Serialize};

/// A plugin: `GET /v1/plugins`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PluginRow {
    /// Its name: the file's name without `.wasm`.
    pub name: String,
    /// `serving`, `refused` or `unused`.
    pub state: String,
    /// The connector's version; `None` if it never loaded.
    pub version: Option<String>,
    /// Contract version that it was written for.
    pub contract: Option<String>,
    /// First 12 digits of the file's SHA-256.
    pub digest: String,
    /// Since when this version serves.
    pub since: Option<String>,
    /// Targets that use it.
    pub targets: Vec<String>,
    /// Why the newest file does not serve.
    pub trouble: Option<String>,
}

/// Everything that a plugin says of itself and asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plugin {
    /// The connector's name.
    pub name: String,
    /// The connector's version.
    pub version: String,
    /// Who wrote it.
    pub vendor: String,
    /// Contract version that it was written for.
    pub contract: String,
    /// The app it speaks to.
    pub app: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// What it can do: `accounts`, `grants`, ...
    pub capabilities: Vec<String>,
    /// What it imports; anything beyond the contract is said here.
    pub imports: Vec<String>,
    /// What works on which kind of account or entitlement: `user: ensure-account, ...`.
    pub kinds: Vec<PluginKind>,
    /// Hosts that it will ask for.
    pub hosts: Vec<String>,
    /// Secrets that it will ask for.
    pub secrets: Vec<PluginSlot>,
    /// Settings that it knows.
    pub settings: Vec<PluginSetting>,
    /// Why it would not be used; empty where it would be.
    pub refusals: Vec<String>,
}

/// A kind of account or entitlement that a plugin knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PluginKind {
    /// `account` or `entitlement`.
    pub of: String,
    /// The kind's name: `user`, `group`.
    pub name: String,
    /// What works on it.
    pub operations: Vec<String>,
}

/// A secret that a plugin asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PluginSlot {
    /// The slot's name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Schemes that it may be configured with.
    pub schemes: Vec<String>,
    /// Whether it must be configured.
    pub is_required: bool,
}

/// A setting that a plugin knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PluginSetting {
    /// Its name.
    pub key: String,
    /// What it means.
    pub description: String,
    /// Whether it must be given.
    pub is_required: bool,
}
