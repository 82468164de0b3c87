//! Builds plugins: `target/plugins/<name>.wasm` for connectors, `target/plugins/test/` for the
//! guests of the tests.
//!
//! A plugin is a workspace member below `plugins/` or `tests/guests/` with a `cdylib`; its name is
//! the name of its folder. cargo judges what must be compiled. Encoding a core module as a
//! component takes milliseconds, so it is done each time, and a file is replaced, in one rename,
//! only if its bytes changed: a daemon that watches the folder sees new versions and nothing else.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use wit_component::ComponentEncoder;

use crate::answers::without_freeing;
use crate::toolchain::{self, TARGET, Toolchain};
use crate::workspace::{Workspace, environment, write_atomically};
use crate::{child, say};

/// Stack of a guest in bytes. The linker's default of 1 MiB makes each fresh instance reset 17
/// pages of memory instead of 3.
const STACK_BYTES: u32 = 131_072;

/// A plugin of the workspace.
#[derive(Debug, PartialEq, Eq)]
struct Plugin {
    /// The name of its folder, which is the name people use for it.
    name: String,
    package: String,
    /// File name of the core module that cargo makes.
    core_module: String,
    is_test_guest: bool,
}

/// Builds the named plugins, or all if none is named.
pub(crate) async fn build(workspace: &Workspace, names: &[String]) -> anyhow::Result<()> {
    let plugins = select(find(workspace).await?, names)?;
    let toolchain = toolchain::find(workspace).await?;
    let listed: Vec<&str> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    say::step(&format!(
        "building plugins for WebAssembly: {}",
        listed.join(", ")
    ));
    compile(workspace, &toolchain, &plugins).await?;
    for plugin in &plugins {
        encode(workspace, plugin)
            .with_context(|| format!("could not make a component of plugin {}", plugin.name))?;
    }
    Ok(())
}

async fn find(workspace: &Workspace) -> anyhow::Result<Vec<Plugin>> {
    let mut command = child::command(toolchain::cargo(), workspace.root());
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let printed = child::output(&mut command, std::time::Duration::from_mins(1)).await?;
    let metadata: Metadata = serde_json::from_str(&printed).context("could not read metadata")?;
    Ok(metadata
        .packages
        .iter()
        .filter_map(|package| plugin_of(workspace, package))
        .collect())
}

fn plugin_of(workspace: &Workspace, package: &Package) -> Option<Plugin> {
    let folder = package.manifest_path.parent()?;
    let above = folder.parent()?;
    let is_test_guest = above == workspace.root().join("tests/guests");
    if !is_test_guest && above != workspace.root().join("plugins") {
        return None;
    }
    let library = package.targets.iter().find(|target| {
        target
            .crate_types
            .iter()
            .any(|crate_type| crate_type == "cdylib")
    })?;
    Some(Plugin {
        name: folder.file_name()?.to_string_lossy().into_owned(),
        package: package.name.clone(),
        core_module: format!("{}.wasm", library.name.replace('-', "_")),
        is_test_guest,
    })
}

fn select(plugins: Vec<Plugin>, names: &[String]) -> anyhow::Result<Vec<Plugin>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| plugins.iter().all(|p| p.name != **name))
    {
        let known: Vec<&str> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        bail!(
            "there is no plugin {unknown}; known plugins: {}",
            known.join(", ")
        );
    }
    let wanted = |plugin: &Plugin| names.is_empty() || names.contains(&plugin.name);
    Ok(plugins.into_iter().filter(wanted).collect())
}

async fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    plugins: &[Plugin],
) -> anyhow::Result<()> {
    let mut command = toolchain.cargo_build(workspace);
    command.arg("--target-dir").arg(workspace.target("wasm"));
    for plugin in plugins {
        command.args(["--package", &plugin.package]);
    }
    // Said here and not in Cargo.toml: these are settings of guests, and a profile there would
    // be one more set of dependencies to build for the daemon.
    command
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
        .env("CARGO_PROFILE_RELEASE_LTO", "true")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        // Function names stay: they are what a trap's backtrace shows.
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            rust_flags(workspace).join("\x1f"),
        )
        .env_remove("RUSTFLAGS");
    child::run(&mut command, "building plugins").await
}

/// Flags of the compiler: the guest's stack, and no path of this machine in a plugin, so that the
/// same source gives the same digest wherever it is built.
fn rust_flags(workspace: &Workspace) -> Vec<String> {
    let mut flags = vec![
        format!("-Clink-arg=-zstack-size={STACK_BYTES}"),
        format!("--remap-path-prefix={}=muster", workspace.root().display()),
    ];
    let home = environment("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    if let Some(cargo_home) = environment("CARGO_HOME").map(PathBuf::from).or(home) {
        flags.push(format!(
            "--remap-path-prefix={}=cargo",
            cargo_home.display()
        ));
    }
    flags
}

fn encode(workspace: &Workspace, plugin: &Plugin) -> anyhow::Result<()> {
    let core_module = workspace.target("wasm").join(TARGET).join("release");
    let core_module = core_module.join(&plugin.core_module);
    let bytes = std::fs::read(&core_module)
        .with_context(|| format!("could not read {}", core_module.display()))?;
    ensure!(
        has_contract(&bytes),
        "it exports nothing of the contract; its library must call `muster_sdk::export!`"
    );
    let module = without_freeing(&bytes)?;
    let mut encoder = ComponentEncoder::default();
    encoder
        .validate(true)
        .module(&module)
        .context("its core module was refused")?;
    let component = encoder
        .encode()
        .context("its core module does not fit the contract")?;

    let folder = if plugin.is_test_guest {
        "plugins/test"
    } else {
        "plugins"
    };
    let path = workspace
        .target(folder)
        .join(format!("{}.wasm", plugin.name));
    report(workspace, &path, &component)
}

fn report(workspace: &Workspace, path: &Path, component: &[u8]) -> anyhow::Result<()> {
    let shown = path
        .strip_prefix(workspace.root())
        .unwrap_or(path)
        .display()
        .to_string();
    if std::fs::read(path).is_ok_and(|old| old == component) {
        say::note(&format!("{shown} is up to date"));
        return Ok(());
    }
    write_atomically(path, component)?;
    say::note(&format!(
        "{shown} written ({} kB)",
        component.len().div_ceil(1000)
    ));
    Ok(())
}

/// Whether a core module carries the description of a component's imports and exports, which
/// wit-bindgen leaves in a custom section of this name.
fn has_contract(core_module: &[u8]) -> bool {
    let name = b"component-type";
    core_module.windows(name.len()).any(|window| window == name)
}

/// The part of `cargo metadata` that is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<CargoTarget>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
    crate_types: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::{Plugin, find, select};
    use crate::workspace::Workspace;

    fn plugin(name: &str) -> Plugin {
        Plugin {
            name: name.to_owned(),
            package: format!("muster-plugin-{name}"),
            core_module: format!("muster_plugin_{name}.wasm"),
            is_test_guest: false,
        }
    }

    #[tokio::test]
    async fn the_plugins_are_the_folders_of_plugins() {
        let workspace = Workspace::find().unwrap();
        let found = find(&workspace).await.unwrap();
        let scim = found.iter().find(|plugin| plugin.name == "scim").unwrap();
        assert_eq!(*scim, plugin("scim"));
        assert!(found.iter().any(|plugin| plugin.name == "google-workspace"));
    }

    #[test]
    fn a_name_that_is_no_plugin_is_refused_with_those_that_are() {
        let error = select(vec![plugin("scim")], &["skim".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("no plugin skim") && error.contains("known plugins: scim"));
    }
}
