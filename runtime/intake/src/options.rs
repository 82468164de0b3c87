//! What a feed may say about its files, and the bounds on them.

use encoding_rs::Encoding;
use muster_core::guard::Share;
use muster_core::mapping::Columns;
use muster_core::text::folded;

use super::content::digest_of_options;

/// How the files of a feed are taken. The default suits a UTF-8 or Windows-1252 file with a header
/// that ends with a line break.
#[derive(Clone, Debug)]
pub struct IntakeOptions {
    /// The encoding of files without a byte order mark; none: UTF-8, else Windows-1252 with a note.
    pub encoding: Option<&'static Encoding>,
    /// What stands between cells; none: found in the header among `,` `;` tab `|`.
    pub delimiter: Option<u8>,
    /// The closing row that each file has to have.
    pub trailer: Option<Trailer>,
    /// Whether the last row has to end with a line break.
    pub last_line_break: LastLineBreak,
    /// Whether files say only what changed. Somebody who is not in such a file is none of its
    /// business, so it may be empty of rows and name managers whom it does not have. Default no.
    pub is_change_set: bool,
    /// How many rows may be set aside before the file is held. Default 10 %, floor 10.
    pub set_aside: Share,
    /// Largest file, in bytes. Default 1 GiB; at most 4 GiB - 1.
    pub bytes_max: u64,
    /// Most rows. Default 5,000,000.
    pub rows_max: u32,
    /// Longest row, in bytes. Default 1 MiB.
    pub row_bytes_max: u32,
    /// Most columns. Default 1,024.
    pub columns_max: u32,
    /// Digest of everything that decides what the cells of the feed's files mean; part of what a file
    /// says. Default 0.
    pub read_as: u128,
}

/// How rows are read by this version of Muster; to be counted up when that changes.
const READING: u32 = 1;

impl IntakeOptions {
    /// The same for a feed whose files are read by this mapping. Taken over everything that the mapping
    /// and the options have, so that nothing can be left out when one of them gets another field.
    #[must_use]
    pub fn read_by(mut self, columns: &Columns) -> Self {
        self.read_as = 0;
        let version = env!("CARGO_PKG_VERSION");
        self.read_as = digest_of_options(&format!("{version} {READING} {columns:?} {self:?}"));
        self
    }
}

impl Default for IntakeOptions {
    fn default() -> Self {
        Self {
            encoding: None,
            delimiter: None,
            trailer: None,
            last_line_break: LastLineBreak::Required,
            is_change_set: false,
            set_aside: Share {
                percent_max: 10,
                floor: 10,
            },
            bytes_max: 1 << 30,
            rows_max: 5_000_000,
            row_bytes_max: 1 << 20,
            columns_max: 1_024,
            read_as: 0,
        }
    }
}

/// Whether the last row has to end with a line break. With it, every cut inside a row is found;
/// without it, a cut inside the last cell looks like a shorter value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LastLineBreak {
    /// A file without it is held.
    Required,
    /// The feed's system leaves it out.
    Optional,
}

/// The closing row that a feed's files have, such as `Total records: {count}`: its first cell that is
/// not empty states how many rows stand above it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trailer {
    before: String,
    after: String,
}

/// Where the number stands in a trailer's pattern.
const COUNT: &str = "{count}";

/// A pattern without exactly one place for the number.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{pattern}` has to have `{COUNT}` in it once, where the number of rows stands, as in `Total records: {COUNT}`"
)]
pub struct InvalidTrailer {
    /// The pattern.
    pub pattern: String,
}

impl Trailer {
    /// Takes a pattern with `{count}` in it.
    pub fn new(pattern: &str) -> Result<Self, InvalidTrailer> {
        let invalid = || InvalidTrailer {
            pattern: pattern.to_owned(),
        };
        let (before, after) = pattern.split_once(COUNT).ok_or_else(invalid)?;
        if after.contains(COUNT) {
            return Err(invalid());
        }
        Ok(Self {
            before: folded(before),
            after: folded(after),
        })
    }

    /// The number that a cell states; `None` if the cell is no trailer. Case and spaces around the
    /// number do not count, nor do separators of thousands.
    pub(super) fn count(&self, cell: &str) -> Option<u32> {
        let cell = folded(cell);
        let inner = cell.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let digits: String = inner
            .trim()
            .chars()
            .filter(|char| !matches!(char, ',' | '.' | '\'' | ' ' | '\u{a0}' | '\u{202f}'))
            .collect();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    }
}
