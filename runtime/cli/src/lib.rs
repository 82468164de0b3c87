//! What people type: `muster COMMAND`. One file per command.
//!
//! Commands ask the running daemon over its unix socket; only what has to work without it is done
//! here or by [`Local`]. Every listing has `--json`. A command ends with 0 when it is done, 1 when
//! the answer is no (a check that found something, a file that cannot be used, a plan that nobody
//! approved), and 2 when it failed.

mod accounts;
mod apply;
mod check;
mod client;
mod compile_plugin;
mod completions;
mod error;
mod explain;
mod findings;
mod history;
mod init;
mod joining;
mod leavers;
mod ledger;
mod listing;
mod operations;
mod operator;
mod people;
mod plan;
mod plugin;
mod policy;
mod printer;
mod serve;
mod show;
mod standing;
mod standings;
mod status;
mod table;
mod what_if;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use muster_config::{Config, Environment, FILE_NAME};
use muster_daemon::local::Local;

pub use error::CliError;
pub use printer::{Looks, Printer};

/// Muster turns what HR writes into the access that people have.
#[derive(Debug, Parser)]
#[command(name = "muster", version, about, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 the answer is no, 2 failed.\n\
    Start with `muster init FOLDER`, then `muster check` and `muster serve`.")]
struct Cli {
    /// The configuration; relative paths in it begin at its folder
    #[arg(long, global = true, value_name = "FILE", default_value = FILE_NAME)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented muster.toml, a first policy and the folders
    Init(init::Args),
    /// Run the daemon, in the foreground
    Serve,
    /// Check muster.toml, the policy, the secrets and the plugins
    Check(check::Args),
    /// Show what an HR file would change; changes nothing
    Plan(plan::Args),
    /// Approve what was held
    Apply(apply::Args),
    /// The daemon on one page
    Status(status::Args),
    /// List people, show everything about one, or say who is who
    People(people::Args),
    /// List accounts at the connected apps
    Accounts(accounts::Args),
    /// List what was taken from people who left: seen, only said, or still open
    Leavers(leavers::Args),
    /// List what is still to be done, or try something again
    Operations(operations::Args),
    /// List what a person should look at
    Findings(findings::Args),
    /// Why somebody has access or has not, and since when
    Why(why::Args),
    /// What somebody would have if HR said otherwise of them, or on another day
    WhatIf(what_if::Args),
    /// What the journal has about somebody, the newest first
    History(history::Args),
    /// Give a person something for a while, beside the policy
    Grant(standing::Grant),
    /// Let an opening end later
    Extend(standing::Extend),
    /// End an opening now
    GiveBack(standing::GiveBack),
    /// Keep something from a person, whatever gives it
    Block(standing::Block),
    /// End a block
    Lift(standing::Lift),
    /// Shut a person out of everything, now
    Out(standing::Out),
    /// List what is open for people beside the policy
    Openings(standings::Args),
    /// List what is kept from people
    Blocks(standings::Args),
    /// List what accounts had when they were taken over, and decide about it
    Adoptions(standings::Adoptions),
    /// Try the policy on the people of its tests
    Policy(policy::Args),
    /// List plugins, or look into one
    Plugin(plugin::Args),
    /// Check the ledger against its journal
    Ledger(ledger::Args),
    /// What an error code means and what to do
    Explain(explain::Args),
    /// Write a completion script for a shell
    Completions(completions::Args),
    /// Compile a plugin from stdin to stdout; for the daemon's own use
    #[command(hide = true)]
    CompilePlugin,
}

/// How a command ended, where it did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Done, or yes.
    Yes,
    /// No.
    No,
}

/// Exit code of a command that did what was asked.
pub const DONE: u8 = 0;
/// Exit code of a command whose answer is no.
pub const NO: u8 = 1;
/// Exit code of a command that failed.
pub const FAILED: u8 = 2;

type Ended = Result<Answer, CliError>;

/// What every command has at hand.
struct Context<'c, 'w> {
    config: PathBuf,
    environment: &'c Environment,
    local: &'c dyn Local,
    printer: &'c mut Printer<'w>,
}

impl Context<'_, '_> {
    fn load(&self) -> Result<Config, CliError> {
        Ok(Config::load(&self.config)?)
    }

    fn client(&self) -> Result<client::Client, CliError> {
        Ok(client::Client::new(&muster_config::socket(&self.config)?))
    }
}

/// Runs one command line and returns its exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    local: &dyn Local,
    printer: &mut Printer<'_>,
) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, printer),
    };
    let mut context = Context {
        config: cli.config,
        environment,
        local,
        printer,
    };
    let ended = dispatch(cli.command, &mut context);
    let flushed = context.printer.flush();
    let failed = match (ended, flushed) {
        (Ok(Answer::Yes), Ok(())) => return DONE,
        (Ok(Answer::No), Ok(())) => return NO,
        (Ok(_), Err(error)) => CliError::Output(error),
        (Err(error), _) => error,
    };
    if failed.is_broken_pipe() {
        return DONE;
    }
    // If not even stderr takes it, there is nobody left to tell.
    drop(failed.print(printer).and_then(|()| printer.flush()));
    FAILED
}

/// Help is an answer and goes to stdout; a command line that cannot be read is a failure.
fn usage(error: &clap::Error, printer: &mut Printer<'_>) -> u8 {
    let text = error.render().to_string();
    let mut lines = text.trim_end().lines();
    if error.use_stderr() {
        let written = lines.try_for_each(|line| printer.note(line));
        drop(written.and_then(|()| printer.flush()));
        FAILED
    } else {
        let written = lines.try_for_each(|line| printer.line(line));
        drop(written.and_then(|()| printer.flush()));
        DONE
    }
}

fn dispatch(command: Command, context: &mut Context<'_, '_>) -> Ended {
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Serve => serve::run(context),
        Command::Check(args) => check::run(&args, context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Completions(args) => completions::run(&args, &mut Cli::command(), context),
        Command::Policy(args) => policy::run(&args, context),
        Command::Plugin(args) => plugin::run(&args, context),
        Command::Plan(args) => wait(plan::run(&args, context)),
        Command::Apply(args) => wait(apply::run(&args, context)),
        Command::Status(args) => wait(status::run(&args, context)),
        Command::People(args) => wait(people::run(&args, context)),
        Command::Accounts(args) => wait(accounts::run(&args, context)),
        Command::Leavers(args) => wait(leavers::run(&args, context)),
        Command::Operations(args) => wait(operations::run(&args, context)),
        Command::Findings(args) => wait(findings::run(&args, context)),
        Command::Why(args) => wait(why::run(&args, context)),
        Command::WhatIf(args) => wait(what_if::run(&args, context)),
        Command::History(args) => wait(history::run(&args, context)),
        Command::Grant(args) => wait(standing::grant(&args, context)),
        Command::Extend(args) => wait(standing::extend(&args, context)),
        Command::GiveBack(args) => wait(standing::give_back(&args, context)),
        Command::Block(args) => wait(standing::block(&args, context)),
        Command::Lift(args) => wait(standing::lift(&args, context)),
        Command::Out(args) => wait(standing::out(&args, context)),
        Command::Openings(args) => wait(standings::openings(&args, context)),
        Command::Blocks(args) => wait(standings::blocks(&args, context)),
        Command::Adoptions(args) => wait(standings::adoptions(&args, context)),
        Command::Ledger(args) => ledger::run(&args, context),
        Command::CompilePlugin => compile_plugin::run(context),
    }
}

/// Runs a command that asks the daemon.
fn wait<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Output)?
        .block_on(work)
}
