//! `cargo xtask bench`: builds everything for release and runs the package `muster-bench`.
//!
//! What is measured, and its bounds, live there; this only gives it the plugins and the binaries of
//! the same build and the path of its report in `MUSTER_BENCH_REPORT`.

use anyhow::Context;

use crate::toolchain::cargo;
use crate::workspace::Workspace;
use crate::{child, plugins, say, suite};

/// The package that measures.
const PACKAGE: &str = "muster-bench";

/// Builds and runs the measurements; `arguments` go to the bench program.
pub(crate) async fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    plugins::build(workspace, &[]).await?;
    say::step("building the daemon for release (the first time takes minutes: wasmtime)");
    let mut build = child::command(cargo(), workspace.root());
    build.args(["build", "--release", "--locked", "--bins"]);
    for package in ["muster", "muster-demo-scim", PACKAGE] {
        build.args(["--package", package]);
    }
    child::run(&mut build, "building for release").await?;

    let report = workspace.target("bench/latest.json");
    let folder = report.parent().context("a report needs a folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    say::step("measuring");
    let mut bench = child::command(workspace.program("release", PACKAGE), workspace.root());
    bench.args(arguments).env("MUSTER_BENCH_REPORT", &report);
    suite::paths(workspace, &mut bench, "release");
    child::run(&mut bench, "the measurement").await
}
