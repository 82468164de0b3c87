//! Why a plugin file was not loaded. Each case has a page under `docs/errors/`.

use std::path::PathBuf;

use muster_core::coded::Coded;
use muster_core::finding::Code;

/// A file that did not become a plugin. What served before goes on serving.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("could not read the plugin file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is no WebAssembly component.
    #[error("the file is no plugin: {0}")]
    NotAComponent(String),
    /// It imports what the runtime does not have.
    #[error("the plugin asks for something that is not there: {0}")]
    Import(String),
    /// It was built against another contract, or for something else.
    #[error("the plugin does not fit the contract: {0}")]
    Contract(String),
    /// The compiler refused it.
    #[error("the plugin could not be compiled: {0}")]
    Compile(String),
    /// Compiling it takes more than it may.
    #[error("the plugin takes too much to compile: {0}")]
    TooCostly(String),
    /// It failed when it was asked what it is.
    #[error("the plugin could not say what it is: {0}")]
    Describe(String),
    /// What it says of itself cannot be used.
    #[error("what the plugin says of itself cannot be used: {0}")]
    Description(String),
    /// The file is too large.
    #[error("the plugin file is larger than {} MiB", bytes_max >> 20)]
    TooLarge {
        /// The largest size that is taken, in bytes.
        bytes_max: u64,
    },
}

impl Coded for LoadError {
    fn code(&self) -> Code {
        Code::new(match self {
            LoadError::Read { .. } => "PLG-001",
            LoadError::NotAComponent(_) => "PLG-002",
            LoadError::Import(_) => "PLG-003",
            LoadError::Contract(_) => "PLG-004",
            LoadError::Compile(_) => "PLG-005",
            LoadError::TooCostly(_) => "PLG-041",
            LoadError::Describe(_) => "PLG-006",
            LoadError::Description(_) => "PLG-007",
            LoadError::TooLarge { .. } => "PLG-008",
        })
    }

    fn hint(&self) -> String {
        let hint = match self {
            LoadError::Read { .. } => {
                "check that the file is there and that the daemon's user may read it"
            }
            LoadError::NotAComponent(_) => {
                "copy the plugin again, or build it with `cargo xtask plugins`"
            }
            LoadError::Import(_) => "ask the plugin's vendor for a build without that import",
            LoadError::Contract(_) => {
                "use a build of the plugin for contract 0.1, or another version of Muster"
            }
            LoadError::Compile(_) => {
                "copy the plugin again; if that changes nothing, ask its vendor"
            }
            LoadError::TooCostly(_) => {
                "ask the plugin's vendor: a single function of several megabytes is the usual reason"
            }
            LoadError::Describe(_) | LoadError::Description(_) => {
                "ask the plugin's vendor: `describe` has to work without settings and network"
            }
            LoadError::TooLarge { .. } => {
                "build the plugin without debug information, or with a smaller engine"
            }
        };
        hint.to_owned()
    }
}
