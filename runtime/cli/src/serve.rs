//! `muster serve`: the daemon, in the foreground.

use std::io;

use muster_config::{Daemon, LogFormat};
use muster_core::text::{shown, shown_json};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use super::{Answer, Context, Ended};

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
    let format = daemon.log_format;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || Lines {
            format,
            has_colour,
            out: std::io::stderr(),
        })
        .with_ansi(has_colour);
    let lines = match format {
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

/// Lines of a log. What comes from files and apps, such as a file's name, can neither begin a line of
/// its own nor steer whatever shows the log. Each event is written at once, with its line break.
struct Lines<W> {
    format: LogFormat,
    has_colour: bool,
    out: W,
}

impl<W: io::Write> io::Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let shown = match self.format {
            LogFormat::Json => shown_json(line),
            // Colours are ours: the layer has taken those of others out of every value.
            LogFormat::Text if self.has_colour => {
                let parts: Vec<_> = line.split('\u{1b}').map(shown).collect();
                parts.join("\u{1b}").into()
            }
            LogFormat::Text => shown(line),
        };
        self.out.write_all(shown.as_bytes())?;
        if line.len() < text.len() {
            self.out.write_all(b"\n")?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn c36_a_log_line_stays_one_line() {
        let logged = |format, has_colour, text: &str| {
            let mut lines = Lines {
                format,
                has_colour,
                out: Vec::new(),
            };
            lines.write_all(text.as_bytes()).unwrap();
            String::from_utf8(lines.out).unwrap()
        };
        let event = "ERROR `a\nINFO forged\u{9b}2J` \u{1b}[31mx\n";
        assert_eq!(
            logged(LogFormat::Text, false, event),
            "ERROR `a\\u{a}INFO forged\\u{9b}2J` \\u{1b}[31mx\n"
        );
        assert_eq!(
            logged(LogFormat::Text, true, event),
            "ERROR `a\\u{a}INFO forged\\u{9b}2J` \u{1b}[31mx\n"
        );
        assert_eq!(
            logged(LogFormat::Json, false, "{\"a\":\"\u{9b}\"}\n"),
            "{\"a\":\"\\u009b\"}\n"
        );
    }
}
