//! `muster ledger check`: whether the tables are what the journal adds up to. An open ledger is
//! locked, so a running daemon is asked; without one, the file itself is opened.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use bytes::Bytes;
use clap::Subcommand;
use http::Method;
use muster_api::error::Fault;
use muster_api::v1;
use muster_config::Config;
use muster_daemon::local::ProgressSink;

use super::client::{Client, Route};
use super::error::CliError;
use super::printer::{Printer, Style};
use super::show::plural;
use super::{Answer, Context, Ended, wait};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Rebuild the tables from the journal, aside, and compare
    Check {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// How many differences are shown; `--json` has all.
const DIFFERENCES_SHOWN: usize = 20;

/// How often is shown how far the check has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

pub(super) fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let Action::Check { json } = args.action;
    let config = context.load()?;
    let client = Client::new(&config.daemon.socket());
    let route = Route::new("/v1/ledger/check");
    let asked = wait(client.work(Method::GET, route, Bytes::new(), context.printer));
    let check: v1::LedgerCheck = match asked {
        Err(CliError::NotRunning { .. }) => check_file(&config, context)?,
        asked => asked?,
    };
    if json {
        context.printer.json(&check)?;
    } else {
        print(&check, context.printer)?;
    }
    Ok(if check.is_clean {
        Answer::Yes
    } else {
        Answer::No
    })
}

/// Works in a thread of its own while this one shows how far it has come.
fn check_file(config: &Config, context: &mut Context<'_, '_>) -> Result<v1::LedgerCheck, CliError> {
    let (sink, told) = ProgressSink::channel();
    let (sender, ended) = mpsc::channel();
    let local = context.local;
    std::thread::scope(|scope| {
        scope.spawn(move || sender.send(local.check_ledger(config, sink)));
        loop {
            match ended.recv_timeout(PROGRESS_EVERY) {
                Ok(checked) => {
                    context.printer.end_progress()?;
                    return Ok(checked?);
                }
                Err(RecvTimeoutError::Timeout) => context.printer.progress(&told.borrow())?,
                Err(RecvTimeoutError::Disconnected) => {
                    let error = io::Error::other("the check ended without an answer");
                    return Err(CliError::Local(Fault::broken(&error)));
                }
            }
        }
    })
}

fn print(check: &v1::LedgerCheck, printer: &mut Printer<'_>) -> io::Result<()> {
    let size = format!(
        "{}, {}, file format {}",
        plural(check.journal_entries, "journal entry").replace("entrys", "entries"),
        plural(check.people, "person").replace("persons", "people"),
        check.format
    );
    if check.is_clean {
        let clean = Style::Good.paint("clean:");
        return printer.line(&format!(
            "{clean} the tables are what the journal adds up to; {size}"
        ));
    }
    let differ = Style::Bad.paint("not clean:");
    printer.line(&format!("{differ} tables and journal differ; {size}"))?;
    for difference in check.differences.iter().take(DIFFERENCES_SHOWN) {
        printer.line(&format!("  {difference}"))?;
    }
    let hidden = check.differences.len().saturating_sub(DIFFERENCES_SHOWN);
    if hidden > 0 {
        printer.line(&format!("  and {hidden} more: --json"))?;
    }
    printer.line("`muster explain LED-005` says what to do")
}
