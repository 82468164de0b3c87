//! The binary `muster`: takes what the process was started with, and hands it to the command line.

use std::io::{self, BufWriter, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use muster::{Looks, Printer};
use muster_config::Environment;
use muster_daemon::local::ThisProcess;

/// This process, which has plugins compiled by this very program: on Linux also where its file was replaced
/// meanwhile.
fn this_process() -> ThisProcess {
    let itself = PathBuf::from("/proc/self/exe");
    let program = if itself.exists() {
        Some(itself)
    } else {
        std::env::current_exe().ok()
    };
    program.map_or_else(ThisProcess::default, |program| {
        ThisProcess::compiling_apart(program, vec!["compile-plugin".into()])
    })
}

fn main() -> ExitCode {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment = Environment::new(variables);
    let is_plain = environment
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    let looks = Looks {
        out_colour: io::stdout().is_terminal() && !is_plain,
        err_colour: io::stderr().is_terminal() && !is_plain,
        err_terminal: io::stderr().is_terminal(),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut err = io::stderr();
    let mut printer = Printer::new(&mut out, &mut err, looks);
    ExitCode::from(muster::run(
        std::env::args_os(),
        &environment,
        &this_process(),
        &mut printer,
    ))
}
