//! `cargo xtask`: everything a developer, a visitor and the continuous integration run.
//!
//! Each subcommand installs what it needs, says on stderr what it is doing, and never waits without
//! a limit for something that may never come. stdout carries only what the started programs print.
//! What is built lands in `target/` of the workspace, where tests and the demo look for it.

mod answers;
mod apt;
mod bench;
mod child;
mod demo;
mod lint;
mod make;
mod new_connector;
mod new_error_code;
mod plugins;
mod say;
mod stage;
mod suite;
mod targets;
mod toolchain;
mod update;
mod words;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Build, show, test and measure Muster",
    version
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build every plugin for WebAssembly and make components of them in target/plugins
    Plugins {
        /// Only the plugins whose folder has this name; all if none is named
        names: Vec<String>,
        /// Look for a way to build for WebAssembly again, whatever was remembered
        #[arg(long)]
        forget: bool,
    },
    /// Show the main job: an HR file dropped in a folder becomes access in an app
    Demo {
        /// Leave the daemon and the app running until Ctrl-C
        #[arg(long)]
        keep: bool,
    },
    /// Build plugins and daemon, install what the tests need, run all tests
    Test {
        /// Passed on to nextest, or to cargo test where there is no nextest
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Install the services that the tests provision (Python environments in target/)
    Targets,
    /// Measure, as ratios of the same run; also written to target/bench/latest.json
    Bench {
        /// Passed on to the bench program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Make plugins/NAME: a small connector that works, to be changed into the one that is wanted
    NewConnector {
        /// What the plugin is called, such as acme-chat
        name: String,
    },
    /// Take the next error code of an area and begin its page
    NewErrorCode {
        /// The letters before the number, such as HR
        area: String,
        /// What happened, in a few words: the first line of the page
        title: String,
    },
    /// Write anew every file that is made from another one, and say which changed
    Update,
    /// Words, format, clippy, documentation, dependencies: all but the tests
    Lint,
    /// What `.ci/run` runs: lint, then test; each check once
    Ci {
        /// Passed on as by `test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let builds_daemon = matches!(
        command,
        Command::Demo { .. }
            | Command::Test { .. }
            | Command::Bench { .. }
            | Command::Lint
            | Command::Ci { .. }
    );
    if builds_daemon {
        make::ensure(&workspace).await?;
    }
    match command {
        Command::Plugins { names, forget } => {
            if forget {
                toolchain::forget(&workspace)?;
            }
            plugins::build(&workspace, &names).await
        }
        Command::Demo { keep } => demo::run(&workspace, keep).await,
        Command::Test { arguments } => suite::run(&workspace, &arguments).await,
        Command::Targets => targets::install(&workspace).await.map(drop),
        Command::Bench { arguments } => bench::run(&workspace, &arguments).await,
        Command::NewConnector { name } => new_connector::run(&workspace, &name).await,
        Command::NewErrorCode { area, title } => new_error_code::run(&workspace, &area, &title),
        Command::Update => update::run(&workspace).await,
        Command::Lint => lint::run(&workspace).await,
        Command::Ci { arguments } => {
            lint::run(&workspace).await?;
            suite::run(&workspace, &arguments).await
        }
    }
}
