//! `cargo xtask test`: plugins, the daemon's binary, the services, then all tests.
//!
//! Tests are told by variables where things are: `MUSTER_BIN`, `MUSTER_DEMO_SCIM_BIN`,
//! `MUSTER_PLUGINS_DIR`, `MUSTER_TEST_VENV`, `MUSTER_TESTERS_VENV`.

use std::time::Duration;

use tokio::process::Command;

use crate::toolchain::cargo;
use crate::workspace::Workspace;
use crate::{child, plugins, say, targets};

/// How long nextest may take to say its version.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Builds what the tests need and runs them; `arguments` go to the test runner.
pub(crate) async fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let targets = targets::install(workspace).await?;
    plugins::build(workspace, &[]).await?;
    let with_paths = |command: &mut Command| {
        paths(workspace, command, "debug");
        command.env("MUSTER_TEST_VENV", &targets.services);
        command.env("MUSTER_TESTERS_VENV", &targets.testers);
    };

    // Who names packages is in a hurry: then only the programs that tests start are built besides.
    let (programs, tested): (&[&str], &[&str]) = if names_package(arguments) {
        (
            &[
                "--package",
                "muster",
                "--package",
                "muster-demo-scim",
                "--bins",
            ],
            &[],
        )
    } else {
        // Binaries and tests in one command, so that both use the same build of every dependency.
        (&["--workspace", "--bins", "--tests"], &["--workspace"])
    };
    say::build(workspace, "the daemon and the tests");
    let mut build = child::command(cargo(), workspace.root());
    child::run(
        build.args(["build", "--locked"]).args(programs),
        "building the tests",
    )
    .await?;

    let has_nextest = {
        let mut command = child::command(cargo(), workspace.root());
        child::output(command.args(["nextest", "--version"]), ANSWER_MAX)
            .await
            .is_ok()
    };
    let mut test = child::command(cargo(), workspace.root());
    if has_nextest {
        say::step("running the tests (nextest)");
        test.args(["nextest", "run", "--locked", "--no-fail-fast"]);
    } else {
        say::step("running the tests (cargo test; with cargo-nextest they would run faster)");
        test.args(["test", "--locked", "--no-fail-fast", "--bins", "--tests"]);
    }
    test.args(tested).args(arguments);
    with_paths(&mut test);
    child::run(&mut test, "the tests").await?;

    if arguments.is_empty() {
        say::step("running the examples of the documentation");
        let mut doc = child::command(cargo(), workspace.root());
        doc.args(["test", "--locked", "--workspace", "--doc", "--quiet"]);
        with_paths(&mut doc);
        child::run(&mut doc, "the examples of the documentation").await?;
    }
    Ok(())
}

/// Whether the arguments choose packages.
fn names_package(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

/// Tells a program where the built plugins and binaries are.
pub(crate) fn paths(workspace: &Workspace, command: &mut Command, profile: &str) {
    command
        .env("MUSTER_PLUGINS_DIR", workspace.target("plugins"))
        .env("MUSTER_BIN", workspace.program(profile, "muster"))
        .env(
            "MUSTER_DEMO_SCIM_BIN",
            workspace.program(profile, "muster-demo-scim"),
        );
}
