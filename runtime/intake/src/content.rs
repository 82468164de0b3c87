//! Digests of a file: of its bytes, and of what it says whatever the order of its rows. Both are taken
//! without parsing a cell, at a fraction of the time of a parse, so a re-export in which nothing
//! changed costs hardly more than reading it.

use muster_core::fact::Content;
use muster_core::id::Digest;
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use super::options::IntakeOptions;
use super::rows::Span;
use super::sheet::Head;

/// The digest of a file's bytes.
pub(super) fn sha256(bytes: &[u8]) -> Digest {
    digest(ring::digest::digest(&ring::digest::SHA256, bytes))
}

/// A SHA-256 digest as ours.
pub(super) fn digest(digest: ring::digest::Digest) -> Digest {
    let mut array = [0; 32];
    array.copy_from_slice(digest.as_ref());
    Digest(array)
}

/// What the pass over the rows found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Survey {
    /// The order-free digest of the content.
    pub(super) content: Content,
    /// The last row below the header.
    pub(super) last: Option<Span>,
    /// The number and length in bytes of the longest row.
    pub(super) longest: (u32, usize),
}

/// The digest of a header row, and of what parts it and the rows below it into cells.
pub(super) fn header_digest(header: &[u8], delimiter: u8) -> u128 {
    xxh3_128_with_seed(header, delimiter.into())
}

/// The digest of what decides how a file is read, as text.
pub(super) fn digest_of_options(options: &str) -> u128 {
    xxh3_128(options.as_bytes())
}

/// Adds a row to what a file says.
pub(super) fn add_row(content: &mut Content, row: &[u8]) {
    // A sum does not depend on the order, and counts a row that is there twice twice, which an
    // exclusive or would not.
    content.rows = content.rows.wrapping_add(xxh3_128(row));
    content.row_count += 1;
}

/// Passes over all rows below the header, at most `rows_max` and one.
pub(super) fn survey(text: &str, head: &Head<'_>, options: &IntakeOptions) -> Survey {
    let rows_max = options.rows_max;
    let mut survey = Survey::default();
    let header = &text.as_bytes()[head.header.start..head.header.end];
    survey.content.header = header_digest(header, head.delimiter);
    survey.content.read_as = options.read_as;
    let rows = head.rows.clone();
    for span in rows {
        let row = &text.as_bytes()[span.start..span.end];
        add_row(&mut survey.content, row);
        if row.len() > survey.longest.1 {
            survey.longest = (span.number, row.len());
        }
        survey.last = Some(span);
        if survey.content.row_count > rows_max {
            break;
        }
    }
    survey
}
