//! Where things are: the root of the workspace, and the folders in `target/` that others rely on.
//!
//! `target/` here is the one of the workspace even where `CARGO_TARGET_DIR` moves cargo's own
//! artefacts, because tests and the daemon's demo look for plugins and services below it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// The workspace that this `xtask` was compiled in.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the workspace from where this program was compiled.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here
            .parent()
            .context("xtask has no folder above it")?
            .to_path_buf();
        ensure!(
            root.join("Cargo.lock").is_file(),
            "{} is no longer the workspace; run `cargo xtask` from the clone it was built in",
            root.display()
        );
        Ok(Self { root })
    }

    /// The root of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below `target/` of the workspace.
    pub(crate) fn target(&self, path: &str) -> PathBuf {
        self.root.join("target").join(path)
    }

    /// Where cargo puts what it builds for this machine: `CARGO_TARGET_DIR` or `target/`.
    pub(crate) fn cargo_target(&self) -> PathBuf {
        environment("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// A program that cargo built, in the given profile folder (`debug` or `release`).
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.cargo_target().join(profile).join(name)
    }
}

/// A variable of the environment, if it is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask is started by people and reads their shell"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Writes a file so that a reader sees the old or the new content, never a part.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a file needs a folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    // The leading dot keeps a half-written plugin from the eyes of a daemon that watches the folder.
    let name = path
        .file_name()
        .context("a file needs a name")?
        .to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&temporary, bytes)
        .with_context(|| format!("could not write {}", temporary.display()))?;
    std::fs::rename(&temporary, path)
        .with_context(|| format!("could not rename {} into place", temporary.display()))
}

#[cfg(test)]
mod tests {
    use super::write_atomically;

    #[test]
    fn a_replaced_file_leaves_no_temporary_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file.txt");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
