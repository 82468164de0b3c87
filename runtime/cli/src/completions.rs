//! `muster completions SHELL`: a script that completes commands and options.

use clap_complete::Shell;

use super::{Answer, Context, Ended};

#[derive(Debug, clap::Args)]
#[command(after_help = "For example: muster completions bash > \
    ~/.local/share/bash-completion/completions/muster")]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(
    args: &Args,
    command: &mut clap::Command,
    context: &mut Context<'_, '_>,
) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "muster", &mut script);
    context.printer.raw().write_all(&script)?;
    Ok(Answer::Yes)
}
