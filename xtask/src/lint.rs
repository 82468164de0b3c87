//! `cargo xtask lint`: words, format, clippy, documentation, dependencies; quickest first.
//!
//! `cargo deny` is used where it is installed. Its advisories need a database from the network: when
//! that cannot be had, the rest of its checks still run and a line says what was left out.

use std::time::Duration;

use crate::child::{self, Ended};
use crate::say;
use crate::toolchain::cargo;
use crate::words;
use crate::workspace::Workspace;

/// How long `cargo deny` may take to say its version.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long fetching the database of advisories may take.
const DATABASE_MAX: Duration = Duration::from_mins(1);

const CLIPPY: [&str; 7] = [
    "clippy",
    "--locked",
    "--workspace",
    "--all-targets",
    "--",
    "-D",
    "warnings",
];

/// Runs every check but the tests; the first that fails ends it.
pub(crate) async fn run(workspace: &Workspace) -> anyhow::Result<()> {
    say::step("words");
    words::check(workspace.root())?;
    step(workspace, "format", &["fmt", "--all", "--", "--check"]).await?;
    step(workspace, "clippy", &CLIPPY).await?;
    say::step("documentation");
    let mut doc = child::command(cargo(), workspace.root());
    doc.args([
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    child::run(doc.env("RUSTDOCFLAGS", "-D warnings"), "documentation").await?;
    dependencies(workspace).await
}

async fn step(workspace: &Workspace, what: &str, arguments: &[&str]) -> anyhow::Result<()> {
    say::step(what);
    child::run(
        child::command(cargo(), workspace.root()).args(arguments),
        what,
    )
    .await
}

async fn dependencies(workspace: &Workspace) -> anyhow::Result<()> {
    let mut version = child::command(cargo(), workspace.root());
    if child::output(version.args(["deny", "--version"]), ANSWER_MAX)
        .await
        .is_err()
    {
        say::skipped("cargo deny: not installed (cargo install --locked cargo-deny)");
        return Ok(());
    }
    step(
        workspace,
        "dependencies",
        &["deny", "check", "bans", "licenses", "sources"],
    )
    .await?;
    say::step("fetching the database of advisories");
    let mut fetch = child::command(cargo(), workspace.root());
    fetch.args(["deny", "fetch", "db"]);
    match child::run_within(&mut fetch, DATABASE_MAX).await? {
        ended if ended.is_success() => {
            let arguments = ["deny", "check", "--disable-fetch", "advisories"];
            step(workspace, "advisories", &arguments).await
        }
        Ended::Exited(_) | Ended::TimedOut => {
            say::skipped("advisories: their database could not be had from here");
            Ok(())
        }
    }
}
