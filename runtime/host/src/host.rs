//! The host: one engine, one cache, and the way from a file to a plugin that serves.
//!
//! A plugin file is read once; what was read is what is checked, compiled and named by its digest.
//! Compiling happens one at a time and away from the threads that serve calls.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use muster_core::coded::Coded;
use muster_core::finding::Code;
use muster_core::id::Digest;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use wasmtime::component::{Component, Linker};

use crate::admission::{self, Admitted, Refusal};
use crate::cache::Cache;
use crate::call::CallState;
use crate::compile::{self, Compiler};
use crate::contract::{self, Linked};
use crate::credential::remembered::Remembered;
use crate::engine::Engine;
use crate::load_error::LoadError;
use crate::options::CallLimits;
use crate::plugin::Plugin;
use crate::target_error::TargetError;

/// Largest plugin file, in bytes. Interpreters packed as components are about 20 MB.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// How long a plugin may take to describe itself.
const DESCRIBE_TIME: Duration = Duration::from_secs(10);

/// Where the host gets the time of a call from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a host is set up.
pub struct HostOptions {
    /// Folder for compiled plugins, made where it is missing and closed to other users. None: every
    /// load compiles.
    pub cache: Option<PathBuf>,
    /// Folder for what is remembered of the passwords that were made up, a file for each target. None: it
    /// goes with the process.
    pub generated: Option<PathBuf>,
    /// What compiles plugins in a process of its own. None: they are compiled in this one.
    pub compiler: Option<Compiler>,
    /// Calls that can run at a time, 1 or more. None: 200.
    pub calls_max: Option<u32>,
    /// The clock. Default: the machine's.
    pub clock: Clock,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            cache: None,
            generated: None,
            compiler: None,
            calls_max: None,
            clock: Arc::new(Timestamp::now),
        }
    }
}

/// The host could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// wasmtime does not run on this machine as it is set up.
    #[error("could not set up the WebAssembly engine")]
    Engine(#[source] wasmtime::Error),
    /// The cache folder cannot be used.
    #[error("could not use the cache folder {}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
}

impl Coded for HostError {
    fn code(&self) -> Code {
        Code::new(match self {
            HostError::Engine(_) => "PLG-020",
            HostError::Cache { .. } => "PLG-021",
        })
    }

    fn hint(&self) -> String {
        let hint = match self {
            HostError::Engine(_) => {
                "give the daemon more address space (`ulimit -v unlimited`), or lower the number of calls at a time"
            }
            HostError::Cache { .. } => {
                "make the folder one that the daemon's user may write to, or name another one"
            }
        };
        hint.to_owned()
    }
}

/// Runs plugins. Cheap to clone; all clones are one host.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<CallState>,
    pub(crate) clock: Clock,
    /// The machine's certificates, read when the first target needs them.
    pub(crate) roots: OnceLock<Arc<rustls::RootCertStore>>,
    cache: Option<Cache>,
    compiling: Mutex<()>,
    compiler: Option<Compiler>,
    generated: Option<PathBuf>,
    /// By target: a target that is connected anew goes on with what it was given before.
    remembered: std::sync::Mutex<BTreeMap<String, Arc<Remembered>>>,
}

impl Host {
    /// Sets a host up.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let engine = Engine::new(options.calls_max).map_err(|error| HostError::Engine(error.0))?;
        let linker = contract::linker(&engine.wasmtime).map_err(HostError::Engine)?;
        let cache = match options.cache {
            None => None,
            Some(path) => match Cache::open(&path, &engine.wasmtime) {
                Ok(cache) => Some(cache),
                Err(source) => return Err(HostError::Cache { path, source }),
            },
        };
        Ok(Self(Arc::new(Inner {
            engine,
            linker,
            clock: options.clock,
            roots: OnceLock::new(),
            cache,
            compiling: Mutex::new(()),
            compiler: options.compiler,
            generated: options.generated,
            remembered: std::sync::Mutex::default(),
        })))
    }

    /// Loads a plugin from its file.
    pub async fn load(&self, path: impl AsRef<Path>) -> Result<Arc<Plugin>, LoadError> {
        let path = path.as_ref().to_owned();
        let reading = path.clone();
        let bytes = tokio::task::spawn_blocking(move || read(&reading))
            .await
            .map_err(|_| LoadError::Compile("the compiler stopped".to_owned()))?
            .map_err(|source| LoadError::Read { path, source })?;
        self.load_bytes(bytes).await
    }

    /// Loads a plugin from its bytes: checks, compiles or takes from the cache, and asks what it is.
    pub async fn load_bytes(&self, bytes: Vec<u8>) -> Result<Arc<Plugin>, LoadError> {
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(LoadError::TooLarge {
                bytes_max: FILE_BYTES_MAX,
            });
        }
        let Prepared {
            digest,
            admitted,
            component,
        } = {
            let _one_at_a_time = self.0.compiling.lock().await;
            self.prepare(bytes.into()).await?
        };
        let linked = Linked::new(admitted.version, &self.0.linker, &component)?;
        let limits = CallLimits {
            time: DESCRIBE_TIME,
            ..CallLimits::default()
        };
        let description = linked.describe(&self.0, &limits).await?;
        let plugin = Plugin::new(digest, admitted.interfaces, linked, description)?;
        Ok(Arc::new(plugin))
    }
}

impl Host {
    /// The part of loading that takes a processor for a while, away from the threads that serve calls.
    async fn prepare(&self, bytes: Arc<[u8]>) -> Result<Prepared, LoadError> {
        let (inner, checked) = (Arc::clone(&self.0), Arc::clone(&bytes));
        let (digest, admitted, kept) = blocking(move || inner.check(&checked)).await?;
        let inner = Arc::clone(&self.0);
        let component = match (kept, &self.0.compiler) {
            (Some(component), _) => component,
            (None, Some(compiler)) => {
                let code = compile::apart(compiler, bytes).await?;
                blocking(move || inner.take(digest, &code)).await?
            }
            (None, None) => blocking(move || inner.compile(digest, &bytes)).await?,
        };
        Ok(Prepared {
            digest,
            admitted,
            component,
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| LoadError::Compile("the compiler stopped".to_owned()))?
}

/// A component that was checked and compiled.
struct Prepared {
    digest: Digest,
    admitted: Admitted,
    component: Component,
}

impl Inner {
    /// What is remembered of the passwords that were made up for a target.
    pub(crate) fn remembered(&self, target: &str) -> Result<Arc<Remembered>, TargetError> {
        let mut all = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(target) {
            return Ok(Arc::clone(known));
        }
        let file = self.generated.as_ref().map(|folder| folder.join(target));
        let opened = Arc::new(Remembered::open(file).map_err(TargetError::Remembered)?);
        all.insert(target.to_owned(), Arc::clone(&opened));
        Ok(opened)
    }

    /// Checks a file, and takes its code from the cache where it is there.
    fn check(&self, bytes: &[u8]) -> Result<(Digest, Admitted, Option<Component>), LoadError> {
        let digest = Digest(Sha256::digest(bytes).into());
        let admitted = admission::check(bytes).map_err(|refusal| match refusal {
            Refusal::NotAComponent(text) => LoadError::NotAComponent(text),
            Refusal::Import(text) => LoadError::Import(text),
            Refusal::Contract(text) => LoadError::Contract(text),
        })?;
        let cache = self.cache.as_ref();
        let kept = cache.and_then(|cache| cache.get(&self.engine.wasmtime, digest));
        Ok((digest, admitted, kept))
    }

    /// Takes code that was compiled apart.
    fn take(&self, digest: Digest, code: &[u8]) -> Result<Component, LoadError> {
        let component =
            crate::cache::load(&self.engine.wasmtime, code).map_err(|error| uncompiled(&error))?;
        if let Some(cache) = &self.cache {
            cache.put(digest, code);
        }
        Ok(component)
    }

    /// Compiles in this process.
    fn compile(&self, digest: Digest, bytes: &[u8]) -> Result<Component, LoadError> {
        let component = Component::from_binary(&self.engine.wasmtime, bytes)
            .map_err(|error| uncompiled(&error))?;
        if let Some(cache) = &self.cache {
            match component.serialize() {
                Ok(code) => cache.put(digest, &code),
                Err(error) => tracing::warn!(%error, "could not keep a compiled plugin"),
            }
        }
        Ok(component)
    }
}

fn uncompiled(error: &wasmtime::Error) -> LoadError {
    LoadError::Compile(crate::failure::cut(&format!("{error:#}")))
}

/// Reads a file whole, but not more than a plugin may have.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
