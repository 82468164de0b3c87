//! The printer of `cargo xtask`: the only place that writes to the terminal.
//!
//! What is being done goes to stderr, one line per step, so that a person who waits knows what for. What the
//! demo shows goes to stdout. Colour only on a terminal.

use std::io::IsTerminal;

use crate::workspace::Workspace;

/// Says what is being done now, in the present: "building 2 plugins".
pub(crate) fn step(text: &str) {
    line("36", "xtask", text);
}

/// Says that this is built, and what to expect of it where it never was.
pub(crate) fn build(workspace: &Workspace, what: &str) {
    step(&format!("building {what}"));
    if !workspace.program("debug", "muster").exists() {
        // Measured; see `docs/design/performance.md`, "The first build".
        note(
            "for the first time: some 25 minutes of processor time, a quarter of an hour on two idle cores",
        );
        note(
            "almost all of it compiles dependencies, wasmtime above all; the next build takes seconds",
        );
    }
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

/// Begins a part of the demo.
pub(crate) fn chapter(number: u32, title: &str) {
    let title = format!("{number}. {title}");
    if std::io::stdout().is_terminal() {
        show(&format!("\n\x1b[1m{title}\x1b[0m\n"));
    } else {
        show(&format!(
            "\n{title}\n{}\n",
            "=".repeat(title.chars().count())
        ));
    }
}

/// Shows what another program said, set off from what the demo says.
pub(crate) fn quote(text: &str) {
    for line in text.trim_end().lines() {
        show(format!("    {line}").trim_end());
    }
    show("");
}

/// Shows a text of the demo.
#[expect(clippy::print_stdout, reason = "this is the printer")]
pub(crate) fn show(text: &str) {
    println!("{text}");
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
