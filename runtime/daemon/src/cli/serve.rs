//! `muster serve`: the daemon, in the foreground.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use super::{Answer, Context, Ended};
use crate::config::{Daemon, LogFormat};

pub(super) fn run(context: &mut Context<'_, '_>) -> Ended {
    let config = context.load()?;
    log(&config.daemon, context.printer.has_err_colour());
    for remark in &config.remarks {
        tracing::warn!(remark, "the configuration can be used, but look at it");
    }
    context.local.serve(config, context.environment.clone())?;
    Ok(Answer::Yes)
}

/// Logs go to stderr; stdout stays empty, as for every command.
fn log(daemon: &Daemon, has_colour: bool) {
    // The configuration was checked with the same parser.
    let levels: Targets = daemon.log.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(has_colour);
    let lines = match daemon.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // Somebody who runs the daemon inside another program may have one set already.
    drop(
        tracing_subscriber::registry()
            .with(lines.with_filter(levels))
            .try_init(),
    );
}
