//! A file as text with a header, proven whole as far as its content can prove it.
//!
//! Shown by the content: an end inside a character, a quote or a row, a last row without its line
//! break, a closing row that is missing or counts otherwise. Not shown by it: an end exactly between
//! two rows, where no closing row is configured; see the module above.

use std::borrow::Cow;
use std::thread;

use muster_core::fact::Content;
use muster_core::id::Digest;

use super::code;
use super::content::{self, Survey};
use super::decode::{Decoded, Text, decode};
use super::mistake::{Effect, Mistake, Mistakes};
use super::options::{IntakeOptions, LastLineBreak};
use super::rows::{Ending, Rows, Span, split};

/// What stands between cells, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Files above this size have their two digests taken on two threads.
const PARALLEL_BYTES_MIN: usize = 1 << 20;

/// How far into a text the header is looked at for what stands between cells. A header whose quotes
/// do not match would otherwise be as long as the file.
const HEADER_SCAN_BYTES_MAX: usize = 1 << 16;

/// In a header of this many columns, a last row with one cell that is not empty is no person.
const ODD_ROW_WIDTH_MIN: usize = 3;

/// A file whose bytes were looked at. Its verdict so far is in `mistakes`.
#[derive(Debug)]
pub struct Opened {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The order-free digest of what it says; all zero where it could not be read.
    pub content: Content,
    /// The remarks so far.
    pub mistakes: Mistakes,
    /// The text; `None` if the file is rejected, or is held and has nothing to go on with.
    pub sheet: Option<Sheet>,
}

/// A decoded file: its header, and rows that nobody has parsed yet.
#[derive(Debug)]
pub struct Sheet {
    pub(super) text: String,
    pub(super) delimiter: u8,
    header: Vec<String>,
    header_row: String,
    body: (usize, u32),
    rows_end: usize,
    rows: u32,
    odd_row: Option<u32>,
}

impl Opened {
    /// A file that is not read at all.
    pub(super) fn refused(digest: Digest, mistake: Mistake) -> Self {
        let mut mistakes = Mistakes::default();
        mistakes.push(mistake);
        Self {
            digest,
            content: Content::default(),
            mistakes,
            sheet: None,
        }
    }

    /// Whether what is wrong with the file would go away if somebody were still writing it.
    pub fn may_be_growing(&self) -> bool {
        let signs = [
            code::EMPTY,
            code::HEADER_ONLY,
            code::CUT,
            code::LAST_LINE_BREAK,
            code::LAST_ROW_ODD,
            code::TRAILER_MISSING,
        ];
        signs.iter().any(|sign| self.mistakes.count(sign) > 0)
    }
}

impl Sheet {
    /// How many lines it has: at least as many as rows.
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// The names in the header, as written.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// What stands between cells.
    pub fn delimiter(&self) -> char {
        char::from(self.delimiter)
    }

    /// How many rows there are below the header, blank lines and the closing row not counted.
    pub fn row_count(&self) -> u32 {
        self.rows
    }

    /// The number of a last row that does not look like a person.
    pub(super) fn odd_row(&self) -> Option<u32> {
        self.odd_row
    }

    /// The rows below the header and above the closing row.
    pub(super) fn spans(&self) -> Rows<'_> {
        let (at, number) = self.body;
        Rows::new(
            &self.text.as_bytes()[..self.rows_end],
            at,
            number,
            self.delimiter,
        )
    }
}

/// Decodes a file, takes its digests and proves it whole as far as content can. Cells are not parsed.
pub fn open(bytes: Vec<u8>, options: &IntakeOptions) -> Opened {
    let mut opened = Opened {
        digest: Digest([0; 32]),
        content: Content::default(),
        mistakes: Mistakes::default(),
        sheet: None,
    };
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if let Some(mistake) = check_size(size, options) {
        return Opened::refused(content::sha256(&bytes), mistake);
    }
    let Decoded { text, raw } = decode(bytes, options.encoding);
    let mut text = match text {
        Ok(text) => text,
        Err(mistake) => {
            return Opened::refused(
                content::sha256(raw.as_deref().unwrap_or_default()),
                *mistake,
            );
        }
    };
    opened.mistakes.extend(text.note.take());
    let surveyed = with_digest(&text, raw.as_deref(), &mut opened.digest, || {
        survey(&text, options)
    });
    match surveyed {
        Ok(surveyed) => {
            opened.content = surveyed.survey.content;
            opened.sheet = conclude(text.content, surveyed, options, &mut opened.mistakes);
        }
        Err(mistake) => opened.mistakes.push(*mistake),
    }
    opened
}

/// What is wrong with the size of a file.
pub(super) fn check_size(size: u64, options: &IntakeOptions) -> Option<Mistake> {
    // Rows are found by 32-bit offsets.
    let max = options.bytes_max.min(u64::from(u32::MAX));
    if size == 0 {
        return Some(empty());
    }
    (size > max).then(|| {
        Mistake::of_file(
            code::TOO_LARGE,
            Effect::Rejects,
            format!("the file has {size} bytes, {max} are allowed"),
        )
        .hint("an export of people is not this large; look at what the export takes in")
    })
}

fn empty() -> Mistake {
    Mistake::of_file(code::EMPTY, Effect::Rejects, "the file is empty")
        .hint("the export failed; run it again and drop the new file")
}

/// Does some work while the digest of the bytes is taken, on another thread where that pays.
fn with_digest<T>(
    text: &Text,
    raw: Option<&[u8]>,
    digest: &mut Digest,
    work: impl FnOnce() -> T,
) -> T {
    let bytes = raw.unwrap_or(text.content.as_bytes());
    if bytes.len() < PARALLEL_BYTES_MIN {
        *digest = content::sha256(bytes);
        return work();
    }
    thread::scope(|scope| {
        scope.spawn(|| *digest = content::sha256(bytes));
        work()
    })
}

/// What one pass over the text found.
struct Surveyed {
    survey: Survey,
    delimiter: u8,
    header: Vec<String>,
    header_row: String,
    body: (usize, u32),
}

fn survey(text: &Text, options: &IntakeOptions) -> Result<Surveyed, Box<Mistake>> {
    let head =
        head(text.content.as_bytes(), text.starts_at, options).ok_or_else(|| Box::new(empty()))?;
    let (delimiter, header_span) = (head.delimiter, head.header);
    if header_span.ending == Ending::OpenQuote {
        return Err(Box::new(cut(
            "the file ends inside the quotes of its header",
        )));
    }
    let header_row = &text.content[header_span.start..header_span.end];
    let header = cells_of(header_row, delimiter);
    let columns_max = usize::try_from(options.columns_max).unwrap_or(usize::MAX);
    if header.len() > columns_max {
        let columns = header.len();
        let text = format!("the header has {columns} columns, {columns_max} are allowed");
        return Err(Box::new(bound(text)));
    }
    let header = header.into_iter().map(Cow::into_owned).collect();
    let body = head.rows.position();
    let survey = content::survey(&text.content, &head, options);
    Ok(Surveyed {
        survey,
        delimiter,
        header,
        header_row: header_row.to_owned(),
        body,
    })
}

/// The beginning of a text: what stands between cells, the header, and the rows behind it.
pub(super) struct Head<'a> {
    pub(super) delimiter: u8,
    /// Whether the delimiter would be the same if more text followed.
    pub(super) is_sure: bool,
    pub(super) header: Span,
    pub(super) rows: Rows<'a>,
}

/// Finds the header of a text that begins at `starts_at`.
pub(super) fn head<'a>(
    text: &'a [u8],
    starts_at: usize,
    options: &IntakeOptions,
) -> Option<Head<'a>> {
    let content = text[starts_at..].trim_ascii_start();
    if content.is_empty() {
        return None;
    }
    let told = separator_line(content);
    let named = match told {
        Some(SeparatorLine {
            delimiter,
            is_believed: true,
            ..
        }) => Some(delimiter),
        Some(_) | None => None,
    };
    let below = told.map_or(content, |line| &content[line.bytes..]);
    let (delimiter, is_sure) = named
        .or(options.delimiter)
        .map_or_else(|| find_delimiter(below), |delimiter| (delimiter, true));
    let mut rows = Rows::new(text, starts_at, 1, delimiter);
    if told.is_some() {
        rows.next();
    }
    let header = rows.next()?;
    Some(Head {
        delimiter,
        is_sure,
        header,
        rows,
    })
}

/// A line above the header that says what stands between cells.
#[derive(Clone, Copy)]
struct SeparatorLine {
    delimiter: u8,
    /// Whether it still says so: a program that wrote it as a cell of its own wrote the rows, too.
    is_believed: bool,
    bytes: usize,
}

/// Excel's own way to say what stands between cells: a line `sep=;` above the header. Another program
/// that saves the file again puts it in quotes, or adds separators of its own behind it.
fn separator_line(content: &[u8]) -> Option<SeparatorLine> {
    let end = content
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let line = content[..end].trim_ascii();
    let bare = line.strip_prefix(b"\"").unwrap_or(line);
    let [s, e, p, b'=', delimiter, rest @ ..] = bare else {
        return None;
    };
    let is_word = [*s, *e, *p].eq_ignore_ascii_case(b"sep");
    let is_rest = |byte: &u8| *byte == b'"' || DELIMITERS.contains(byte);
    (is_word && rest.iter().all(is_rest)).then_some(SeparatorLine {
        delimiter: *delimiter,
        is_believed: line == bare && rest.is_empty(),
        bytes: end,
    })
}

/// The likeliest of the delimiters: the one that stands most often in the header, outside of quotes.
/// Also says whether more text could not change the answer.
fn find_delimiter(content: &[u8]) -> (u8, bool) {
    let content = content.trim_ascii_start();
    let mut counts = [0_u32; DELIMITERS.len()];
    let mut is_quoted = false;
    let mut is_sure = content.len() >= HEADER_SCAN_BYTES_MAX;
    for byte in content.iter().take(HEADER_SCAN_BYTES_MAX) {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => {
                is_sure = true;
                break;
            }
            _ if is_quoted => {}
            _ => {
                if let Some(index) = DELIMITERS.iter().position(|known| known == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    // The first of equals: `max_by_key` would take the last.
    let mut best = 0;
    for index in 1..DELIMITERS.len() {
        if counts[index] > counts[best] {
            best = index;
        }
    }
    (DELIMITERS[best], is_sure)
}

/// The header, parted at each of the other delimiters.
pub(super) fn split_otherwise(sheet: &Sheet) -> impl Iterator<Item = (u8, Vec<String>)> {
    let others = DELIMITERS.into_iter();
    others
        .filter(|delimiter| *delimiter != sheet.delimiter)
        .map(|delimiter| {
            let cells = cells_of(&sheet.header_row, delimiter);
            (delimiter, cells.into_iter().map(Cow::into_owned).collect())
        })
}

fn cells_of(row: &str, delimiter: u8) -> Vec<Cow<'_, str>> {
    let mut cells = Vec::new();
    split(row, delimiter, &mut cells);
    cells
}

/// Judges what the pass found. The text becomes a sheet where there is something to go on with.
fn conclude(
    text: String,
    surveyed: Surveyed,
    options: &IntakeOptions,
    mistakes: &mut Mistakes,
) -> Option<Sheet> {
    let survey = surveyed.survey;
    let mut sheet = Sheet {
        rows_end: text.len(),
        text,
        delimiter: surveyed.delimiter,
        header: surveyed.header,
        header_row: surveyed.header_row,
        body: surveyed.body,
        rows: survey.content.row_count,
        odd_row: None,
    };
    let Some(last) = survey.last else {
        if options.is_change_set {
            return Some(sheet);
        }
        mistakes.push(
            Mistake::of_file(
                code::HEADER_ONLY,
                Effect::Holds,
                "the file has a header and no rows",
            )
            .hint("the export found nobody; check its filter, export again and drop the new file"),
        );
        return None;
    };
    let rejection =
        check_last_row(&sheet, last, options).or_else(|| check_bounds(&survey, options));
    if let Some(rejection) = rejection {
        mistakes.push(rejection);
        return None;
    }
    judge_end(&mut sheet, last, options, mistakes);
    Some(sheet)
}

/// What shows that the file was cut.
fn check_last_row(sheet: &Sheet, last: Span, options: &IntakeOptions) -> Option<Mistake> {
    match last.ending {
        Ending::OpenQuote => Some(cut("the file ends inside the quotes of its last row")),
        Ending::Break => None,
        Ending::Text => {
            let cells = cells_of(&sheet.text[last.start..last.end], sheet.delimiter);
            let is_trailer = stated_count(&cells, options).is_some();
            let width = sheet.header.len();
            (cells.len() < width && !is_trailer).then(|| {
                cut(format!(
                    "the file ends in the middle of its last row: it has {} of {width} cells",
                    cells.len()
                ))
            })
        }
    }
    .map(|mistake| mistake.row(last.number))
}

fn check_bounds(survey: &Survey, options: &IntakeOptions) -> Option<Mistake> {
    if survey.content.row_count > options.rows_max {
        let text = format!("the file has more than {} rows", options.rows_max);
        return Some(bound(text).hint(
            "look for a quote that is never closed; if there are really so many rows, ask IT to \
             raise `rows_max` in the feed's `csv` section",
        ));
    }
    let (row, bytes) = survey.longest;
    let bytes_max = usize::try_from(options.row_bytes_max).unwrap_or(usize::MAX);
    (bytes > bytes_max)
        .then(|| bound(format!("a row has {bytes} bytes, {bytes_max} are allowed")).row(row))
}

/// Looks for the closing row, and for other signs that the file has no proper end.
fn judge_end(sheet: &mut Sheet, last: Span, options: &IntakeOptions, mistakes: &mut Mistakes) {
    let cells = cells_of(&sheet.text[last.start..last.end], sheet.delimiter);
    let width = sheet.header.len();
    let filled = cells.iter().filter(|cell| !cell.trim().is_empty()).count();
    if options.trailer.is_some() {
        let Some(stated) = stated_count(&cells, options) else {
            mistakes.push(trailer_missing(last.number));
            return;
        };
        sheet.rows -= 1;
        sheet.rows_end = last.start;
        if stated != count_filled(sheet) {
            mistakes.push(count_differs(stated, count_filled(sheet), last.number));
        }
        // A closing row that counts right is a better proof than a line break.
        return;
    }
    let is_single = filled == 1 && width >= ODD_ROW_WIDTH_MIN;
    let is_short = cells.len() < width && filled > 0;
    if is_single || is_short {
        sheet.odd_row = Some(last.number);
        mistakes.push(odd_row(last.number));
    }
    if last.ending == Ending::Text && options.last_line_break == LastLineBreak::Required {
        mistakes.push(
            Mistake::of_file(
                code::LAST_LINE_BREAK,
                Effect::Holds,
                "the last row has no line break, so it may be cut",
            )
            .row(last.number)
            .hint(
                "look whether the last row is whole; if HR's system never writes the last line \
                 break, ask IT to set `last_line_break = false` in the feed's `csv` section",
            ),
        );
    }
}

/// The number that the closing row states, where the feed has one and this is it.
fn stated_count(cells: &[Cow<'_, str>], options: &IntakeOptions) -> Option<u32> {
    let first = cells.iter().find(|cell| !cell.trim().is_empty())?;
    options.trailer.as_ref()?.count(first)
}

/// Rows with something in them: systems that count leave out the rows that a spreadsheet adds.
fn count_filled(sheet: &Sheet) -> u32 {
    let blank = sheet.spans().filter(|span| is_blank(sheet, *span)).count();
    sheet.rows - u32::try_from(blank).unwrap_or(sheet.rows)
}

/// Whether a row has nothing in any cell.
pub(super) fn is_blank(sheet: &Sheet, span: Span) -> bool {
    let row = &sheet.text.as_bytes()[span.start..span.end];
    row.iter()
        .all(|byte| *byte == sheet.delimiter || *byte == b'"' || byte.is_ascii_whitespace())
}

fn cut(text: impl Into<String>) -> Mistake {
    Mistake::of_file(code::CUT, Effect::Rejects, text)
        .hint("the file is not whole; export it again and drop the new file")
}

fn bound(text: String) -> Mistake {
    Mistake::of_file(code::BOUND, Effect::Rejects, text)
        .hint("look for a quote that is never closed, and export the file again")
}

fn trailer_missing(row: u32) -> Mistake {
    Mistake::of_file(
        code::TRAILER_MISSING,
        Effect::Holds,
        "the last row is not the closing row that the files of this feed have",
    )
    .row(row)
    .hint("the file is probably not whole; export it again and drop the new file")
}

fn count_differs(stated: u32, found: u32, row: u32) -> Mistake {
    Mistake::of_file(
        code::ROW_COUNT,
        Effect::Holds,
        format!("the closing row says {stated} rows, the file has {found}"),
    )
    .row(row)
    .hint("the file is probably not whole; export it again and drop the new file")
}

fn odd_row(row: u32) -> Mistake {
    Mistake::of_file(
        code::LAST_ROW_ODD,
        Effect::Holds,
        "the last row does not look like a person: it may be a total, or a row that was cut",
    )
    .row(row)
    .hint(
        "if every file ends with a total, ask IT to set it in the feed's `csv` section, such as \
         `trailer = \"Total records: {count}\"`; otherwise export again",
    )
}
