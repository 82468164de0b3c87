//! What a file says, learned while it is read, without keeping it.
//!
//! A re-export in which nothing changed is the everyday case. Its digest is taken piece by piece, so
//! that it costs no memory and hardly more than reading. This is a short cut, never a judgement: for
//! anything out of the ordinary it answers that it cannot say, and the file is opened in full.

use encoding_rs::{Encoding, UTF_8};
use muster_core::fact::Content;

use muster_core::text::is_composed;

use super::content::{add_row, header_digest};
use super::decode::{UTF8_BOM, not_csv};
use super::options::IntakeOptions;
use super::rows::{Ending, Rows};
use super::sheet::{Head, head};

/// Takes the pieces of a file in order.
#[derive(Debug)]
pub(super) struct ContentStream<'a> {
    options: &'a IntakeOptions,
    /// What came and is not counted yet: the beginning of a row.
    window: Vec<u8>,
    /// What stands between cells, once the header was seen.
    delimiter: Option<u8>,
    content: Content,
}

/// The file cannot be digested in this way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CannotSay;

impl<'a> ContentStream<'a> {
    pub(super) fn new(options: &'a IntakeOptions) -> Self {
        Self {
            options,
            window: Vec::new(),
            delimiter: None,
            content: Content::default(),
        }
    }

    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(), CannotSay> {
        self.window.extend_from_slice(piece);
        let counted = self.count(false)?;
        let rest = self.window.len() - counted;
        if rest > usize::try_from(self.options.row_bytes_max).unwrap_or(usize::MAX) {
            return Err(CannotSay);
        }
        self.window.copy_within(counted.., 0);
        self.window.truncate(rest);
        Ok(())
    }

    /// What the file says, now that it has ended.
    pub(super) fn finish(mut self) -> Result<Content, CannotSay> {
        self.count(true)?;
        // Without a header there is no content that could be the same as another.
        self.delimiter.map(|_| self.content).ok_or(CannotSay)
    }

    /// Counts the rows that are complete in the window, and returns where they end. A row is complete
    /// when its line break is there, or when nothing follows.
    fn count(&mut self, is_last: bool) -> Result<usize, CannotSay> {
        let is_complete = |ending: Ending| match ending {
            Ending::Break => Ok(true),
            Ending::Text => Ok(is_last),
            Ending::OpenQuote if is_last => Err(CannotSay),
            Ending::OpenQuote => Ok(false),
        };
        let rows = if let Some(delimiter) = self.delimiter {
            Rows::new(&self.window, 0, 1, delimiter)
        } else {
            let starts_at = check_start(&self.window, self.options)?;
            let Some(Head {
                delimiter,
                is_sure,
                header,
                rows,
            }) = head(&self.window, starts_at, self.options)
            else {
                return Ok(0);
            };
            if !(is_sure || is_last) || !is_complete(header.ending)? {
                return Ok(0);
            }
            self.delimiter = Some(delimiter);
            let header = &self.window[header.start..header.end];
            self.content.header = header_digest(header, delimiter);
            self.content.read_as = self.options.read_as;
            rows
        };
        let mut counted = 0;
        let mut rest = rows.clone();
        while let Some(span) = rest.next() {
            if !is_complete(span.ending)? {
                break;
            }
            add_row(&mut self.content, &self.window[span.start..span.end]);
            counted = rest.position().0;
        }
        let counted = counted.max(rows.position().0);
        // The text of another encoding, or in another form, has another digest.
        let is_text = std::str::from_utf8(&self.window[..counted]).is_ok_and(is_composed)
            && memchr::memchr(0, &self.window[..counted]).is_none();
        if !is_text || self.content.row_count > self.options.rows_max {
            return Err(CannotSay);
        }
        Ok(counted)
    }
}

/// Where the text begins, if it is UTF-8 as far as its beginning and the feed's options say.
fn check_start(window: &[u8], options: &IntakeOptions) -> Result<usize, CannotSay> {
    let marked = Encoding::for_bom(window).map(|(encoding, _)| encoding);
    let encoding = marked.or(options.encoding).unwrap_or(UTF_8);
    if encoding != UTF_8 || not_csv(window).is_some() {
        return Err(CannotSay);
    }
    Ok(if marked.is_some() { UTF8_BOM.len() } else { 0 })
}
