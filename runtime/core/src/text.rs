//! Text from outside: when two texts are the same, and how one is shown.
//!
//! Systems write the same letters in different ways: composed or not (a Mac's `é` is an `e` and an
//! accent), in capitals or not, with invisible characters between them. [`composed`] and [`folded`]
//! take those differences away, so that nobody gains or loses anything by them. And whoever writes a
//! file or an app's answer must not be able to write into a report, a terminal or a log what only
//! looks like Muster's own words: [`shown`] and [`shown_json`] leave no character that could.

use std::borrow::Cow;
use std::fmt::Write as _;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// The Greek question mark, which composing turns into a semicolon: in a file it would become a
/// separator between cells.
const GREEK_QUESTION_MARK: char = '\u{37e}';

/// The accent that a small dotted capital `İ` leaves behind.
const DOT_ABOVE: char = '\u{307}';

/// The text in composed form (NFC): the same letters are the same characters.
pub fn composed(text: &str) -> Cow<'_, str> {
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    if !text.contains(GREEK_QUESTION_MARK) {
        return normalizer.normalize(text);
    }
    let parts: Vec<Cow<'_, str>> = text
        .split(GREEK_QUESTION_MARK)
        .map(|part| normalizer.normalize(part))
        .collect();
    Cow::Owned(parts.join("\u{37e}"))
}

/// Whether a text is in composed form.
pub fn is_composed(text: &str) -> bool {
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    text.is_ascii()
        || text
            .split(GREEK_QUESTION_MARK)
            .all(|part| normalizer.is_normalized(part))
}

/// The text as it is compared where case does not count: `STRASSE` is `straße`, and every `i` is one,
/// with or without its dot, because only the Turkish keyboard of whoever wrote it decides which.
pub fn folded(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Up and down again takes away what has two small or two capital forms: `ß` and `ẞ`, `σ` and `ς`.
    let apart = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let lower = apart.chars().flat_map(char::to_lowercase);
    let upper = lower.flat_map(char::to_uppercase);
    let mut folded = String::with_capacity(text.len());
    for char in upper.flat_map(char::to_lowercase) {
        if !(char == DOT_ABOVE && folded.ends_with('i')) {
            folded.push(char);
        }
    }
    composed(&folded).into_owned()
}

/// A column's name as it is compared: as [`folded`], without what nobody sees in it, and with one
/// space where there are several or a line break.
pub fn folded_name(name: &str) -> String {
    let visible: String = name.chars().filter(|char| !is_invisible(*char)).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    folded(&words.join(" "))
}

/// The text as it can be shown anywhere: on one line, without a character that steers a terminal,
/// turns the direction of reading or is not seen. Such a one is shown by its number: `\u{1b}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_hidden(char) {
            // Writing to a string cannot fail.
            write!(shown, "{}", char.escape_unicode()).unwrap_or_default();
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// JSON in which such characters stand as escapes: whoever reads it as JSON reads the same.
pub fn shown_json(json: &str) -> Cow<'_, str> {
    // Outside of its strings JSON has line breaks; inside of them it has escaped them already.
    let is_to_escape = |char: char| char != '\n' && is_hidden(char);
    if !json.chars().any(is_to_escape) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for char in json.chars() {
        if is_to_escape(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(shown, "\\u{unit:04x}").unwrap_or_default();
            }
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character would not be seen as what it is.
fn is_hidden(char: char) -> bool {
    steers(char) || is_invisible(char)
}

/// Whether a character could make a terminal or a page show something else than what is written.
pub fn steers(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            // Lines and paragraphs, direction of reading, tags, annotations, and the private use
            // that our own printer marks its colours with.
            '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}'
                | '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
                | '\u{e000}'..='\u{f8ff}'
        )
}

/// Whether a character takes no room, so that nobody sees that it is there.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c34_letters_that_differ_in_case_only_are_the_same() {
        for (one, other) in [
            ("AKTİF", "Aktif"),
            ("AKTIF", "aktif"),
            ("AYRILDI", "Ayrıldı"),
            ("STRASSE", "straße"),
            ("STRAẞE", "Straße"),
            ("ΟΔΟΣ", "οδος"),
            ("οδός", "ΟΔΌΣ"),
            ("Qualite\u{301}", "QUALITÉ"),
            ("I\u{307}zin", "izin"),
            ("\u{212b}re", "åre"),
            ("ﬁrma", "FIRMA"),
            ("Ǆ", "ǆ"),
            ("\u{a0}Active ", "ACTIVE"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in [("aktif", "aktiv"), ("ö", "o"), ("é", "è"), ("n", "ñ")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn folding_and_composing_twice_is_once() {
        for char in '\u{0}'..='\u{2ffff}' {
            let text = format!("a{char}");
            let once = folded(&text);
            assert_eq!(folded(&once), once, "{char:?}");
            let once = composed(&text).into_owned();
            assert!(is_composed(&once), "{char:?}");
        }
    }

    #[test]
    fn c29_the_greek_question_mark_does_not_become_a_separator() {
        assert_eq!(composed("e\u{301}\u{37e}e\u{301}"), "é\u{37e}é");
        assert!(is_composed("é\u{37e}é"));
    }

    #[test]
    fn c33_what_nobody_sees_in_a_name_does_not_count() {
        for name in [
            "\u{feff}WorkerID",
            "Worker\u{200b}ID\u{a0}",
            " \u{2060}WORKERİD\u{ad}",
        ] {
            assert_eq!(folded_name(name), folded_name("workerid"), "{name:?}");
        }
        assert_eq!(folded_name("Last\r\n Name"), "last name");
        assert_ne!(folded_name("W\u{43e}rkerID"), "workerid");
    }

    #[test]
    fn c36_nothing_shown_can_be_taken_for_something_else() {
        assert_eq!(shown("Zoë 山田 \u{1f600}"), "Zoë 山田 \u{1f600}");
        assert_eq!(
            shown("7\u{1b}[2J\r\nHR-001"),
            "7\\u{1b}[2J\\u{d}\\u{a}HR-001"
        );
        assert_eq!(
            shown("a\u{202e}b\u{9b}c\u{2028}"),
            "a\\u{202e}b\\u{9b}c\\u{2028}"
        );
        let json = "{\n  \"a\": \"x\u{9b}y\u{202e}\u{e0041}é\"\n}\n";
        let read = |text: &str| {
            text.replace("\\u009b", "\u{9b}")
                .replace("\\u202e", "\u{202e}")
                .replace("\\udb40\\udc41", "\u{e0041}")
        };
        assert_eq!(read(&shown_json(json)), json);
        assert!(
            !shown_json(json)
                .chars()
                .any(|char| char != '\n' && is_hidden(char))
        );
    }
}
