//! The only place that prints. What a command found out goes to stdout, everything else to stderr.
//!
//! Text that comes from HR's files and from apps is shown to people on terminals, so no control
//! character of it ever gets there: colour is written with marks that only this file turns into
//! escape sequences, and whatever else could steer a terminal, or begin a line of its own, is shown by
//! its number.

use std::io::{self, Write};

use muster_api::v1;
use muster_core::text::{shown_json, steers};
use serde::Serialize;

/// Ends a coloured piece of text.
const PLAIN: char = '\u{e00f}';

/// How a piece of text is shown. Never the only carrier of a meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// As it should be.
    Good,
    /// Somebody should look at it.
    Warn,
    /// Something is wrong.
    Bad,
    /// A heading.
    Strong,
    /// Less important.
    Dim,
}

impl Style {
    const ALL: [Style; 5] = [
        Style::Good,
        Style::Warn,
        Style::Bad,
        Style::Strong,
        Style::Dim,
    ];

    fn mark(self) -> char {
        match self {
            Style::Good => '\u{e000}',
            Style::Warn => '\u{e001}',
            Style::Bad => '\u{e002}',
            Style::Strong => '\u{e003}',
            Style::Dim => '\u{e004}',
        }
    }

    fn escape(self) -> &'static str {
        match self {
            Style::Good => "\u{1b}[32m",
            Style::Warn => "\u{1b}[33m",
            Style::Bad => "\u{1b}[31m",
            Style::Strong => "\u{1b}[1m",
            Style::Dim => "\u{1b}[2m",
        }
    }

    /// The text in this style.
    pub(super) fn paint(self, text: &str) -> String {
        format!("{}{text}{PLAIN}", self.mark())
    }

    /// The style that a word of the API is shown in.
    pub(super) fn of_word(word: &str) -> Option<Style> {
        match word {
            "active" | "ready" | "serving" | "accepted" | "apply" => Some(Style::Good),
            "waiting" | "warning" | "degraded" | "suspended" | "being-given" | "being-taken"
            | "hold" | "unknown" | "leave" => Some(Style::Warn),
            "halted" | "error" | "unusable" | "refused" | "rejected" | "reject" => Some(Style::Bad),
            "ended" | "deleted" | "note" | "-" => Some(Style::Dim),
            _ => None,
        }
    }
}

/// A word of the API, in its style.
pub(super) fn word(word: &str) -> String {
    match Style::of_word(word) {
        Some(style) => style.paint(word),
        None => word.to_owned(),
    }
}

fn is_mark(character: char) -> bool {
    character == PLAIN || Style::ALL.iter().any(|style| style.mark() == character)
}

/// How many columns a text takes, whatever its colour.
pub(super) fn width(text: &str) -> usize {
    text.chars()
        .filter(|character| !is_mark(*character))
        .count()
}

/// Where output goes, and what the reader can see.
pub struct Printer<'w> {
    out: &'w mut dyn Write,
    err: &'w mut dyn Write,
    looks: Looks,
    has_progress: bool,
}

/// What the reader can see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Looks {
    /// Whether stdout may have colour.
    pub out_colour: bool,
    /// Whether stderr may have colour.
    pub err_colour: bool,
    /// Whether stderr is a terminal, where a line can be written over.
    pub err_terminal: bool,
}

impl std::fmt::Debug for Printer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Printer({:?})", self.looks)
    }
}

impl<'w> Printer<'w> {
    /// A printer on these outputs.
    pub fn new(out: &'w mut dyn Write, err: &'w mut dyn Write, looks: Looks) -> Self {
        Self {
            out,
            err,
            looks,
            has_progress: false,
        }
    }

    /// Whether stderr may have colour.
    pub(super) fn has_err_colour(&self) -> bool {
        self.looks.err_colour
    }

    /// Where raw output goes, such as a completion script.
    pub fn raw(&mut self) -> &mut dyn Write {
        self.out
    }

    /// Writes one line to stdout. A line break inside of it is shown as one, for it came from outside.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        let shown = shown(text, self.looks.out_colour);
        self.out.write_all(shown.as_bytes())
    }

    /// Writes a value as JSON to stdout.
    pub fn json<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.out.write_all(shown_json(&text).as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// Writes bytes to stdout, as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Writes one line to stderr.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.end_progress()?;
        let shown = shown(text, self.looks.err_colour);
        self.err.write_all(shown.as_bytes())
    }

    /// Shows on stderr how far something has come, over what it showed before.
    pub fn progress(&mut self, progress: &v1::Progress) -> io::Result<()> {
        if !self.looks.err_terminal || progress.stage.is_empty() {
            return Ok(());
        }
        self.has_progress = true;
        let bar = bar(progress);
        let shown = shown(&bar, false);
        write!(self.err, "\r\u{1b}[K{}", shown.trim_end_matches('\n'))?;
        self.err.flush()
    }

    /// Takes the progress away again.
    pub fn end_progress(&mut self) -> io::Result<()> {
        if self.has_progress {
            self.has_progress = false;
            write!(self.err, "\r\u{1b}[K")?;
        }
        Ok(())
    }

    /// Makes sure that everything was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.end_progress()?;
        self.out.flush()?;
        self.err.flush()
    }
}

/// How wide a bar is.
const BAR_WIDTH: u64 = 24;

fn bar(progress: &v1::Progress) -> String {
    let v1::Progress { stage, done, total } = progress;
    if *total == 0 {
        return match done {
            0 => format!("{stage} ..."),
            done => format!("{stage} {done}"),
        };
    }
    let done = done.min(total);
    let filled = usize::try_from(done * BAR_WIDTH / total).unwrap_or(0);
    let empty = usize::try_from(BAR_WIDTH).unwrap_or(0) - filled;
    let percent = done * 100 / total;
    let (filled, empty) = ("#".repeat(filled), ".".repeat(empty));
    format!("[{filled}{empty}] {percent:3}% {stage} {done}/{total}")
}

/// The text as it goes to a terminal, with a line break at its end.
fn shown(text: &str, has_colour: bool) -> String {
    let mut shown = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if is_mark(character) {
            if has_colour {
                let style = Style::ALL.iter().find(|style| style.mark() == character);
                shown.push_str(style.map_or("\u{1b}[0m", |style| style.escape()));
            }
        } else if steers(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown.push('\n');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(
        looks: Looks,
        print: impl FnOnce(&mut Printer<'_>) -> io::Result<()>,
    ) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        print(&mut Printer::new(&mut out, &mut err, looks)).unwrap();
        (
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[test]
    fn colour_is_there_only_where_it_can_be_seen() {
        let text = format!("a {} b", Style::Bad.paint("halted"));
        let plain = printed(Looks::default(), |printer| printer.line(&text));
        assert_eq!(plain.0, "a halted b\n");
        let looks = Looks {
            out_colour: true,
            ..Looks::default()
        };
        let coloured = printed(looks, |printer| printer.line(&text));
        assert_eq!(coloured.0, "a \u{1b}[31mhalted\u{1b}[0m b\n");
        assert_eq!(width(&text), "a halted b".len());
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        let looks = Looks {
            out_colour: true,
            ..Looks::default()
        };
        let (out, _) = printed(looks, |printer| {
            printer.line("Ann\u{1b}[2J\rLee\u{202e}\u{7}\nerror: forged")
        });
        assert_eq!(
            out,
            "Ann\\u{1b}[2J\\u{d}Lee\\u{202e}\\u{7}\\u{a}error: forged\n"
        );
    }

    #[test]
    fn progress_is_for_terminals_and_goes_away() {
        let progress = v1::Progress {
            stage: "reading rows".to_owned(),
            done: 25,
            total: 100,
        };
        let (out, err) = printed(Looks::default(), |printer| printer.progress(&progress));
        assert_eq!((out.as_str(), err.as_str()), ("", ""));
        let looks = Looks {
            err_terminal: true,
            ..Looks::default()
        };
        let (out, err) = printed(looks, |printer| {
            printer.progress(&progress)?;
            printer.flush()
        });
        assert_eq!(out, "");
        assert_eq!(
            err,
            "\r\u{1b}[K[######..................]  25% reading rows 25/100\r\u{1b}[K"
        );
    }
}
