//! `muster compile-plugin`, which nobody types: the daemon starts it to compile a plugin in a process of its
//! own.

use std::io;

use muster_daemon::local;

use super::error::CliError;
use super::{Answer, Context, Ended};

pub(super) fn run(context: &mut Context<'_, '_>) -> Ended {
    match local::compile_plugin(io::stdin().lock()).map_err(CliError::Output)? {
        Ok(code) => {
            context.printer.bytes(&code)?;
            Ok(Answer::Yes)
        }
        Err(reason) => {
            context.printer.note(&reason)?;
            Ok(Answer::No)
        }
    }
}
