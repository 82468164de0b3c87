//! Why a call ended without an answer, as sentences.
//!
//! A trap, a limit and a nonsensical answer all become [`Problem::PluginFailed`] with a text that
//! names the cause, the code of its page under `docs/errors/`, and where in the plugin it was.

use std::fmt;
use std::time::Duration;

use muster_core::connector::Problem;
use wasmtime::{Trap, WasmBacktrace};

/// Longest text about a failure, in bytes; a guest's own words are cut to this.
pub(crate) const TEXT_BYTES_MAX: usize = 2048;

/// A limit of the host that a guest ran into.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum LimitReached {
    #[error("it used up its processor time of {} ms (PLG-031)", .0.as_millis())]
    Processor(Duration),
    #[error("it did not answer within {} ms (PLG-031)", .0.as_millis())]
    Time(Duration),
    #[error("the app had not answered when the call's time of {} ms was up (PLG-031)", .0.as_millis())]
    Kept(Duration),
    #[error("it asked for {asked} MiB of memory and may use {} MiB (PLG-032)", limit >> 20)]
    Memory { asked: usize, limit: usize },
    #[error("it asked for a table of {asked} entries and may use {limit} (PLG-032)")]
    Table { asked: usize, limit: usize },
    #[error("no room was free for one more call within {} ms (PLG-031)", .0.as_millis())]
    Room(Duration),
}

/// An answer of a guest that breaks the contract.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("its answer breaks the contract: {0} (PLG-034)")]
pub(crate) struct Garbage(pub(crate) String);

impl Garbage {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(cut(&text.to_string()))
    }
}

/// The sentence for an error that wasmtime returned.
pub(crate) fn sentence(error: &wasmtime::Error, output_max: usize) -> String {
    if let Some(limit) = error.downcast_ref::<LimitReached>() {
        return limit.to_string();
    }
    let place = place(error);
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return format!("{}{place} (PLG-030)", trap_words(*trap));
    }
    let text = format!("{:#}", error.root_cause());
    if text.contains("hostcall fuel") || text.contains("fuel allocated for hostcalls") {
        return format!(
            "it handed over more than {} KiB at once{place} (PLG-033)",
            output_max >> 10
        );
    }
    cut(&format!("it was stopped: {text}{place} (PLG-030)"))
}

fn trap_words(trap: Trap) -> String {
    match trap {
        Trap::UnreachableCodeReached => "it gave up (a panic or an uncaught exception)".to_owned(),
        Trap::StackOverflow => "it ran out of stack".to_owned(),
        Trap::MemoryOutOfBounds => "it reached outside of its memory".to_owned(),
        Trap::IntegerDivisionByZero => "it divided by zero".to_owned(),
        other => format!("it trapped: {other}"),
    }
}

/// Where in the plugin it was, by the name of the innermost function that has one.
fn place(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    match trace
        .frames()
        .iter()
        .find_map(wasmtime::FrameInfo::func_name)
    {
        Some(name) => format!(" in `{}`", cut_to(name, 120)),
        None => String::new(),
    }
}

/// What the caller is told of a failure of the plugin.
pub(crate) fn plugin_failed(text: impl fmt::Display, sent: bool) -> Problem {
    Problem::PluginFailed {
        text: cut(&text.to_string()),
        sent,
    }
}

/// A text of a guest, cut to what may be kept of it, without control characters.
pub(crate) fn cut(text: &str) -> String {
    cut_to(text, TEXT_BYTES_MAX)
}

pub(crate) fn cut_to(text: &str, bytes_max: usize) -> String {
    let clean = |text: &str| {
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>()
    };
    if text.len() <= bytes_max {
        return clean(text);
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = clean(&text[..end]);
    short.push('…');
    short
}
