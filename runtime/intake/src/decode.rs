//! Bytes to text, in composed form (NFC): the same letters are the same characters from here on,
//! whichever system wrote them. A byte order mark is believed; without one the feed's encoding counts, else UTF-8,
//! else Windows-1252 where nothing speaks against it. What ends in the middle of a character is not
//! whole, and what is no text at all is named by what it is.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use muster_core::text::composed;

use super::code;
use super::mistake::{Effect, Mistake};

pub(super) const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";

/// The bytes that Windows-1252 leaves open. A text that has them is in another encoding.
const WINDOWS_1252_UNDEFINED: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];

/// Beginnings of files that people drop by mistake, with their names.
const MAGIC: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip file or an Excel workbook (.xlsx)"),
    (b"PK\x05\x06", "an empty zip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF-", "a PDF document"),
    (b"\xfd7zXZ", "an xz file"),
];

/// A text, where its content begins behind a byte order mark, and how it came to be if that is worth
/// a word.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) content: String,
    pub(super) starts_at: usize,
    pub(super) note: Option<Mistake>,
}

/// What came of a file's bytes, which are kept where the text is not made of them.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: Result<Text, Box<Mistake>>,
    pub(super) raw: Option<Vec<u8>>,
}

impl Decoded {
    fn of_bytes(text: Result<Text, Box<Mistake>>, raw: Vec<u8>) -> Self {
        Self {
            text,
            raw: Some(raw),
        }
    }

    fn of_text(text: String, starts_at: usize) -> Self {
        if memchr::memchr(0, text.as_bytes()).is_some() {
            return Self::of_bytes(Err(has_nul()), text.into_bytes());
        }
        // Digests are of the bytes as they came.
        let (content, raw) = match composed(&text) {
            Cow::Borrowed(_) => (text, None),
            Cow::Owned(composed) => (composed, Some(text.into_bytes())),
        };
        let text = Text {
            content,
            starts_at,
            note: None,
        };
        Self {
            text: Ok(text),
            raw,
        }
    }
}

/// The encoding of a name such as `windows-1250` or `utf-16le`; `None` if it is not known.
pub fn encoding_named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes())
}

/// Decodes a file.
pub(super) fn decode(bytes: Vec<u8>, configured: Option<&'static Encoding>) -> Decoded {
    if let Some(mistake) = not_csv(&bytes) {
        return Decoded::of_bytes(Err(mistake), bytes);
    }
    let (encoding, mark) = match Encoding::for_bom(&bytes) {
        Some((encoding, mark)) => (Some(encoding), mark),
        None => (configured, 0),
    };
    match encoding {
        Some(encoding) if encoding != UTF_8 => {
            let text = other(&bytes[mark..], encoding);
            Decoded::of_bytes(text, bytes)
        }
        Some(_) => match utf8(bytes) {
            Ok(text) => Decoded::of_text(text, mark),
            Err(error) => Decoded::of_bytes(Err(error.mistake()), error.bytes),
        },
        None => match utf8(bytes) {
            Ok(text) => Decoded::of_text(text, 0),
            Err(error) => Decoded::of_bytes(fallback(&error), error.bytes),
        },
    }
}

pub(super) fn not_csv(bytes: &[u8]) -> Option<Box<Mistake>> {
    let start = bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes);
    let magic = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    let what = match magic {
        Some((_, what)) => what,
        // An export that failed is often the error page of the system that should have made it.
        None => match start.iter().find(|byte| !byte.is_ascii_whitespace())? {
            b'<' => "a web page or XML",
            b'{' | b'[' => "JSON",
            _ => return None,
        },
    };
    let text = format!("the file is {what}, not CSV");
    let hint = "open it and save it as CSV (in Excel: \"CSV UTF-8\"), and drop that file";
    let mistake = Mistake::of_file(code::NOT_CSV, Effect::Rejects, text);
    Some(Box::new(mistake.hint(hint)))
}

/// Bytes that are not UTF-8, with where it shows.
struct NotUtf8 {
    bytes: Vec<u8>,
    valid_up_to: usize,
    is_cut: bool,
}

impl NotUtf8 {
    fn mistake(&self) -> Box<Mistake> {
        if self.is_cut {
            cut("the file ends in the middle of a character")
        } else {
            unreadable("the file is not UTF-8, although it should be")
        }
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    String::from_utf8(bytes).map_err(|error| {
        let (valid_up_to, is_cut) = {
            let error = error.utf8_error();
            (error.valid_up_to(), error.error_len().is_none())
        };
        NotUtf8 {
            bytes: error.into_bytes(),
            valid_up_to,
            is_cut,
        }
    })
}

/// Reads as Windows-1252 what is no UTF-8, where nothing speaks against it.
fn fallback(error: &NotUtf8) -> Result<Text, Box<Mistake>> {
    if error.bytes.contains(&0) {
        return Err(has_nul());
    }
    // UTF-8 with one damaged byte, read as Windows-1252, would spoil the names of everybody. So one
    // sound character of UTF-8 beyond ASCII is enough to say that this is damaged UTF-8.
    let is_damaged_utf8 = !error.bytes[..error.valid_up_to].is_ascii() || has_utf8_character(error);
    if is_damaged_utf8 || error.is_cut {
        return Err(error.mistake());
    }
    let is_undefined = |byte: &u8| WINDOWS_1252_UNDEFINED.contains(byte);
    if error.bytes.iter().any(is_undefined) {
        return Err(unreadable("the file is neither UTF-8 nor Windows-1252"));
    }
    let note = Mistake::of_file(
        code::FALLBACK_ENCODING,
        Effect::Warns,
        "the file is not UTF-8 and was read as Windows-1252",
    )
    .hint(
        "look at a name with an accent; if it is wrong, export as UTF-8, or ask IT to set \
         `encoding` in the feed's `csv` section",
    );
    let text = other(&error.bytes, WINDOWS_1252)?;
    Ok(Text {
        note: Some(note),
        ..text
    })
}

/// Whether sound UTF-8 beyond ASCII follows the first fault.
fn has_utf8_character(error: &NotUtf8) -> bool {
    error.bytes[error.valid_up_to..]
        .utf8_chunks()
        .any(|chunk| !chunk.valid().is_ascii())
}

fn other(bytes: &[u8], encoding: &'static Encoding) -> Result<Text, Box<Mistake>> {
    let is_utf16 = encoding == UTF_16LE || encoding == UTF_16BE;
    if is_utf16 && (bytes.len() % 2 == 1 || ends_in_half_a_pair(bytes, encoding)) {
        return Err(cut("the file ends in the middle of a character"));
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    let Some(text) = text else {
        return Err(unreadable(format!("the file is not {}", encoding.name())));
    };
    if text.as_bytes().contains(&0) {
        return Err(has_nul());
    }
    Ok(Text {
        content: composed(&text).into_owned(),
        starts_at: 0,
        note: None,
    })
}

/// A character beyond the first 65,536 takes two units; the first of them cannot be the last.
fn ends_in_half_a_pair(bytes: &[u8], encoding: &'static Encoding) -> bool {
    let Some([first, second]) = bytes.last_chunk::<2>() else {
        return false;
    };
    let high = if encoding == UTF_16LE { second } else { first };
    (0xd8..0xdc).contains(high)
}

fn cut(text: &str) -> Box<Mistake> {
    let mistake = Mistake::of_file(code::CUT, Effect::Rejects, text);
    Box::new(mistake.hint("the file is not whole; export it again and drop the new file"))
}

fn unreadable(text: impl Into<String>) -> Box<Mistake> {
    let mistake = Mistake::of_file(code::ENCODING, Effect::Rejects, text);
    let hint = "export as UTF-8, or ask IT to set `encoding` in the feed's `csv` section";
    Box::new(mistake.hint(hint))
}

fn has_nul() -> Box<Mistake> {
    unreadable("the file has zero bytes in it, as UTF-16 without a byte order mark has")
}
