//! How this machine builds for `wasm32-unknown-unknown`: found out once, then remembered.
//!
//! Three routes, in this order: the compiler in use has the target; rustup adds it; Debian's own
//! Rust builds the standard library from its source package. The answer is kept in
//! `target/xtask/wasm-toolchain.json` beside the version of the compiler it was found with, and
//! looked for again when that changes or what it names is gone. A failure is never remembered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::child::{self, Ended};
use crate::workspace::{Workspace, environment, write_atomically};
use crate::{apt, say};

/// The target that plugins are built for: no WASI, so a connector imports only the contract.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// How long rustup may take to add the target. Where it cannot download it hangs, it does not fail.
const RUSTUP_MAX: Duration = Duration::from_secs(20);
/// How long a compiler may take to say its version.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Debian's Rust, the source of its standard library, and a linker.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Set to `rustup` or `debian` to take that route and no other (the tests of the routes do).
const ROUTE_VARIABLE: &str = "MUSTER_WASM_ROUTE";

/// A way to build for [`TARGET`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "route", rename_all = "snake_case")]
pub(crate) enum Toolchain {
    /// The compiler that cargo uses here has the target.
    Installed,
    /// Debian's compiler builds the standard library on the way.
    Debian {
        /// Links the core module: `rust-lld` or `wasm-ld`.
        linker: PathBuf,
    },
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    /// What `rustc -vV` printed when this was found out.
    rustc: String,
    toolchain: Toolchain,
}

/// The way to build here; finds it out, and installs what it needs, the first time.
pub(crate) async fn find(workspace: &Workspace) -> anyhow::Result<Toolchain> {
    let mut version = child::command(rustc(), workspace.root());
    let rustc = child::output(version.arg("-vV"), ANSWER_MAX).await?;
    let forced = environment(ROUTE_VARIABLE);
    if forced.is_none()
        && let Some(toolchain) = remembered(workspace, &rustc).await
    {
        return Ok(toolchain);
    }
    let toolchain = match forced.as_deref() {
        None => search(workspace).await?,
        Some("rustup") => match installed(workspace).await? {
            Some(toolchain) => toolchain,
            None => by_rustup(workspace)
                .await?
                .context("rustup could not add the target")?,
        },
        Some("debian") => by_debian(workspace)
            .await?
            .context("this is no Debian with apt-get")?,
        Some(other) => bail!("{ROUTE_VARIABLE}={other}: known routes are rustup and debian"),
    };
    if forced.is_none() {
        let answer = Remembered {
            rustc,
            toolchain: toolchain.clone(),
        };
        write_atomically(&memory(workspace), &serde_json::to_vec_pretty(&answer)?)?;
    }
    Ok(toolchain)
}

/// Forgets what was found out, so that [`find`] looks again.
pub(crate) fn forget(workspace: &Workspace) -> anyhow::Result<()> {
    match std::fs::remove_file(memory(workspace)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("could not remove the remembered toolchain")
        }
        _ => Ok(()),
    }
}

impl Toolchain {
    /// `cargo build` for the target, ready for packages and flags.
    pub(crate) fn cargo_build(&self, workspace: &Workspace) -> Command {
        let mut command = match self {
            Self::Installed => child::command(cargo(), workspace.root()),
            Self::Debian { linker } => debian_cargo(workspace, linker),
        };
        command.args(["build", "--release", "--locked", "--target", TARGET]);
        if let Self::Debian { .. } = self {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }
}

/// Debian's cargo with Debian's compiler, whatever rustup put in the environment of this process.
fn debian_cargo(workspace: &Workspace, linker: &Path) -> Command {
    let mut command = child::command(DEBIAN_CARGO, workspace.root());
    // A process that rustup's cargo started carries its choice of toolchain in the environment.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    command
        .env("RUSTC", DEBIAN_RUSTC)
        // -Zbuild-std is not stable; this lets a released compiler take it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    command
}

fn memory(workspace: &Workspace) -> PathBuf {
    workspace.target("xtask/wasm-toolchain.json")
}

async fn remembered(workspace: &Workspace, rustc: &str) -> Option<Toolchain> {
    let bytes = std::fs::read(memory(workspace)).ok()?;
    let answer: Remembered = serde_json::from_slice(&bytes).ok()?;
    let holds = match &answer.toolchain {
        Toolchain::Installed => installed(workspace).await.ok()?.is_some(),
        Toolchain::Debian { linker } => debian_is_complete() && linker.is_file(),
    };
    (answer.rustc == rustc && holds).then_some(answer.toolchain)
}

async fn search(workspace: &Workspace) -> anyhow::Result<Toolchain> {
    say::step(&format!(
        "looking for a way to build for {TARGET} (once; then it is remembered)"
    ));
    if let Some(toolchain) = installed(workspace).await? {
        say::note("the compiler in use has the target");
        return Ok(toolchain);
    }
    if let Some(toolchain) = by_rustup(workspace).await? {
        return Ok(toolchain);
    }
    if let Some(toolchain) = by_debian(workspace).await? {
        return Ok(toolchain);
    }
    bail!(
        "this machine cannot build for {TARGET}\n\
         rustup did not add the target, and this is no Debian or Ubuntu where apt-get could be \
         used as root\n\
         what to do: run `rustup target add {TARGET}` where the network allows it, or as root \
         `apt-get install --no-install-recommends {}`, then run this again",
        DEBIAN_PACKAGES.join(" ")
    )
}

/// The route of a usual machine: the standard library for the target lies in the sysroot.
async fn installed(workspace: &Workspace) -> anyhow::Result<Option<Toolchain>> {
    let libraries = sysroot(workspace)
        .await?
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib");
    let has_std = std::fs::read_dir(libraries).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    });
    Ok(has_std.then_some(Toolchain::Installed))
}

async fn by_rustup(workspace: &Workspace) -> anyhow::Result<Option<Toolchain>> {
    let limit_s = RUSTUP_MAX.as_secs();
    say::step(&format!("rustup target add {TARGET} (at most {limit_s} s)"));
    let mut command = child::command("rustup", workspace.root());
    let ended = child::run_within(command.args(["target", "add", TARGET]), RUSTUP_MAX).await;
    match ended {
        Ok(Ended::Exited(status)) if status.success() => return installed(workspace).await,
        Ok(Ended::Exited(status)) => say::note(&format!("rustup could not add it ({status})")),
        Ok(Ended::TimedOut) => {
            say::note(&format!(
                "rustup was not done after {limit_s} s and was ended"
            ));
        }
        Err(error) => say::note(&format!("{error:#}")),
    }
    Ok(None)
}

async fn by_debian(workspace: &Workspace) -> anyhow::Result<Option<Toolchain>> {
    if !debian_is_complete() || linker(workspace).await?.is_none() {
        if !apt::is_usable() {
            return Ok(None);
        }
        let what = "Debian's Rust with the source of its standard library, 110 MB";
        apt::install(workspace, &DEBIAN_PACKAGES, what).await?;
    }
    let linker = linker(workspace)
        .await?
        .context("no linker for wasm was installed")?;
    say::note("Debian's Rust builds the standard library for the target");
    Ok(Some(Toolchain::Debian { linker }))
}

fn debian_is_complete() -> bool {
    let std_source = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
    let std_source_web = "/usr/share/rust/src/library/std/Cargo.toml";
    Path::new(DEBIAN_RUSTC).is_file()
        && Path::new(DEBIAN_CARGO).is_file()
        && [std_source, std_source_web]
            .iter()
            .any(|path| Path::new(path).is_file())
}

/// A linker for wasm: the one that comes with the compiler in use, or Debian's.
async fn linker(workspace: &Workspace) -> anyhow::Result<Option<PathBuf>> {
    let host = format!(
        "lib/rustlib/{}-unknown-linux-gnu/bin/rust-lld",
        std::env::consts::ARCH
    );
    let candidates = [
        sysroot(workspace).await?.join(host),
        PathBuf::from("/usr/bin/wasm-ld-19"),
    ];
    Ok(candidates.into_iter().find(|path| path.is_file()))
}

async fn sysroot(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let mut command = child::command(rustc(), workspace.root());
    let printed = child::output(command.args(["--print", "sysroot"]), ANSWER_MAX).await?;
    Ok(PathBuf::from(printed.trim()))
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> String {
    environment("CARGO").unwrap_or_else(|| "cargo".to_owned())
}

fn rustc() -> String {
    environment("RUSTC").unwrap_or_else(|| "rustc".to_owned())
}
