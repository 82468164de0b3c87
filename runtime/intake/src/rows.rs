//! Rows and cells of a text with separators, as the `csv` crate reads them: a quote opens a cell only
//! at its beginning, two quotes inside are one, `\n`, `\r` and `\r\n` end a row outside of quotes,
//! and blank lines are no rows. Splitting rows looks at line breaks and quotes only, which is several
//! times faster than parsing; cells are split when somebody asks for them.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

const QUOTE: u8 = b'"';

/// One row of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// Where it ends, in bytes, without its line break.
    pub(super) end: usize,
    /// Its number as a spreadsheet counts, blank lines included, from 1.
    pub(super) number: u32,
    /// How it ends.
    pub(super) ending: Ending,
}

/// How a row ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// With a line break.
    Break,
    /// With the text.
    Text,
    /// With the text, inside quotes.
    OpenQuote,
}

/// The rows of a text from a place on.
#[derive(Clone, Debug)]
pub(super) struct Rows<'a> {
    text: &'a [u8],
    at: usize,
    number: u32,
    delimiter: u8,
}

impl<'a> Rows<'a> {
    pub(super) fn new(text: &'a [u8], at: usize, number: u32, delimiter: u8) -> Self {
        Self {
            text,
            at,
            number,
            delimiter,
        }
    }

    /// The place behind the row that was given last.
    pub(super) fn position(&self) -> (usize, u32) {
        (self.at, self.number)
    }

    fn skip_break(&mut self) {
        let is_pair = self.text[self.at..].starts_with(b"\r\n");
        self.at += if is_pair { 2 } else { 1 };
        self.number = self.number.saturating_add(1);
    }

    /// The end of the row that begins at `self.at`.
    fn find_end(&self) -> (usize, Ending) {
        let mut from = self.at;
        loop {
            let Some(hit) = memchr3(b'\n', b'\r', QUOTE, &self.text[from..]) else {
                return (self.text.len(), Ending::Text);
            };
            let hit = from + hit;
            if self.text[hit] != QUOTE {
                return (hit, Ending::Break);
            }
            let opens = hit == self.at || self.text[hit - 1] == self.delimiter;
            if !opens {
                from = hit + 1;
                continue;
            }
            match find_closing_quote(self.text, hit + 1) {
                Some(closing) => from = closing + 1,
                None => return (self.text.len(), Ending::OpenQuote),
            }
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        while matches!(self.text.get(self.at)?, b'\n' | b'\r') {
            self.skip_break();
        }
        let (end, ending) = self.find_end();
        let span = Span {
            start: self.at,
            end,
            number: self.number,
            ending,
        };
        self.at = end;
        if ending == Ending::Break {
            self.skip_break();
        }
        Some(span)
    }
}

/// The place of the quote that closes a cell whose content begins at `from`.
fn find_closing_quote(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let hit = from + memchr(QUOTE, &text[from..])?;
        if text.get(hit + 1) != Some(&QUOTE) {
            return Some(hit);
        }
        from = hit + 2;
    }
}

/// Whether the quotes of a row are in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quoting {
    /// Each quote that opens is closed at the end of its cell.
    Sound,
    /// Something stands between a closing quote and the end of the cell, or nothing closes: rows may
    /// have been swallowed.
    Unsound,
}

/// Splits a row into its cells.
pub(super) fn split<'a>(row: &'a str, delimiter: u8, cells: &mut Vec<Cow<'a, str>>) -> Quoting {
    cells.clear();
    let bytes = row.as_bytes();
    let mut quoting = Quoting::Sound;
    let mut at = 0;
    loop {
        let end_from = |from: usize| {
            memchr(delimiter, &bytes[from..]).map_or(bytes.len(), |offset| from + offset)
        };
        let end = if bytes.get(at) == Some(&QUOTE) {
            if let Some(closing) = find_closing_quote(bytes, at + 1) {
                let end = end_from(closing + 1);
                let tail = &row[closing + 1..end];
                if !tail.is_empty() {
                    quoting = Quoting::Unsound;
                }
                cells.push(unquoted(&row[at + 1..closing], tail));
                end
            } else {
                quoting = Quoting::Unsound;
                cells.push(unquoted(&row[at + 1..], ""));
                bytes.len()
            }
        } else {
            let end = end_from(at);
            cells.push(Cow::Borrowed(&row[at..end]));
            end
        };
        if end == bytes.len() {
            return quoting;
        }
        at = end + 1;
    }
}

fn unquoted<'a>(content: &'a str, tail: &str) -> Cow<'a, str> {
    if tail.is_empty() && !content.as_bytes().contains(&QUOTE) {
        return Cow::Borrowed(content);
    }
    Cow::Owned(content.replace("\"\"", "\"") + tail)
}
