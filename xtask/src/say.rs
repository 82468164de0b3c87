//! The printer of `cargo xtask`: the only place that writes to stderr.
//!
//! One line per step, so that a person who waits knows what for. Colour only on a terminal.

use std::io::IsTerminal;

/// Says what is being done now, in the present: "building 2 plugins".
pub(crate) fn step(text: &str) {
    line("36", "xtask", text);
}

/// Says what came of a step, or what to know about it.
pub(crate) fn note(text: &str) {
    line("2", "     ", text);
}

/// Says that something was left out, and why.
pub(crate) fn skipped(text: &str) {
    line("33", "skip ", text);
}

/// Prints a whole chain of causes, once, at the edge.
pub(crate) fn error(error: &anyhow::Error) {
    line("31", "error", &format!("{error:#}"));
}

#[expect(clippy::print_stderr, reason = "this is the printer")]
fn line(colour: &str, label: &str, text: &str) {
    let indented = text.replace('\n', "\n      ");
    if std::io::stderr().is_terminal() {
        eprintln!("\x1b[{colour}m{label}\x1b[0m {indented}");
    } else {
        eprintln!("{label} {indented}");
    }
}
