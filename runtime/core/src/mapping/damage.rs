//! What exports write where something went wrong: a spreadsheet's error, a database's `NULL`, an id
//! that a spreadsheet shortened, letters that were read in the wrong encoding.
//!
//! Such a cell looks like a value and is none. Taken for one it becomes a user name, a group is lost
//! by it, or somebody's id is nobody's. What is damaged for certain sets the row aside; what only
//! looks so makes a person look at the file.

/// How sure it is that the letters of a text are damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// Nothing speaks for it.
    None,
    /// It looks so.
    Likely,
    /// It is: nobody writes this.
    Certain,
}

/// What databases and programs write where they have no value, as they write it. Somebody may be
/// called `Null`; nobody is called `NULL` by a system that writes other names in small letters.
const NO_VALUES: [&str; 14] = [
    "NULL",
    "null",
    "(null)",
    "(NULL)",
    "<null>",
    "<NULL>",
    "[null]",
    "[NULL]",
    "\\N",
    "NaN",
    "nan",
    "undefined",
    "#NULL",
    "[object Object]",
];

/// Errors of spreadsheets that do not end as the others do, in several languages.
const SHEET_ERRORS: [&str; 12] = [
    "#N/A",
    "#NV",
    "#N/D",
    "#N/B",
    "#I/T",
    "#YOK",
    "#Н/Д",
    "#GETTING_DATA",
    "#SPILL",
    "#CALC",
    "#REF",
    "#VALUE",
];

/// Longest error of a spreadsheet, in bytes.
const SHEET_ERROR_BYTES_MAX: usize = 40;

/// Whether a cell holds what is written where there is no value.
pub(super) fn is_no_value(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'#') => is_sheet_error(text),
        Some(b'N' | b'n' | b'(' | b'<' | b'[' | b'\\' | b'u') => NO_VALUES.contains(&text),
        // LibreOffice: `Err:502`.
        Some(b'E') => text
            .strip_prefix("Err:")
            .is_some_and(|digits| digits.len() == 3 && all_digits(digits)),
        _ => false,
    }
}

/// `#REF!`, `#NAME?`, `#DIV/0!`, `#WERT!`, `#¡VALOR!`, `#ИМЯ?`: a `#`, capitals, and `!` or `?`. A row of
/// `#` is a number that was wider than its column.
fn is_sheet_error(text: &str) -> bool {
    let is_known = SHEET_ERRORS.iter().any(|known| {
        text.eq_ignore_ascii_case(known)
            || text
                .strip_suffix(['!', '?'])
                .is_some_and(|text| text.eq_ignore_ascii_case(known))
    });
    if is_known || text == "#NULL" {
        return true;
    }
    if text.len() > SHEET_ERROR_BYTES_MAX {
        return false;
    }
    if text.len() >= 3 && text.bytes().all(|byte| byte == b'#') {
        return true;
    }
    let Some(name) = text
        .strip_prefix('#')
        .and_then(|text| text.strip_suffix(['!', '?']))
    else {
        return false;
    };
    let is_of_name = |char: char| char.is_uppercase() || "/0¡¿_".contains(char);
    name.chars().count() >= 2 && name.chars().all(is_of_name)
}

/// Whether an id is a number in the short form of a spreadsheet: `1.00045E+11`, `1,5E-3`. Programs write
/// the sign and at least two digits behind it; no id looks like that by itself.
pub(super) fn is_harmed_id(text: &str) -> bool {
    let Some((number, power)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let Some(power) = power.strip_prefix(['+', '-']) else {
        return false;
    };
    let number = number.strip_prefix('-').unwrap_or(number);
    let (whole, part) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    matches!(power.len(), 2..=3)
        && whole.len() == 1
        && [whole, part, power].into_iter().all(all_digits)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How sure it is that the letters of a text are damaged.
pub(super) fn of(text: &str) -> Damage {
    if text.is_ascii() {
        return if has_lost_letter(text) {
            Damage::Likely
        } else {
            Damage::None
        };
    }
    let stray = |char: char| char == '\u{fffd}' || matches!(char, '\u{2500}'..='\u{259f}');
    if text.contains(stray) || of_misread_utf8(text) == Damage::Certain {
        return Damage::Certain;
    }
    if of_misread_utf8(text) == Damage::Likely || has_lost_letter(text) || has_stray_sign(text) {
        return Damage::Likely;
    }
    Damage::None
}

/// UTF-8 that was read as Windows-1252 or as the Mac's old encoding: `JÃ¶rg`, `itâ€™s`, `J√∂rg`.
fn of_misread_utf8(text: &str) -> Damage {
    let chars: Vec<char> = text.chars().collect();
    let mut damage = Damage::None;
    for (index, pair) in chars.windows(2).enumerate() {
        let is_last = index + 2 == chars.len();
        let found = match (pair[0], pair[1]) {
            ('â', '€') => Damage::Certain,
            ('√', next) if !next.is_ascii() => Damage::Certain,
            ('Ã' | 'Â', next) if continues(next) => match next {
                // A word in capitals may end with these letters, and a quote or dash may follow it.
                _ if is_last && is_mark(next) && !follows_small(&chars, index) => Damage::Likely,
                '\u{a0}' => Damage::Likely,
                _ => Damage::Certain,
            },
            _ => Damage::None,
        };
        match found {
            Damage::Certain => return Damage::Certain,
            Damage::Likely => damage = Damage::Likely,
            Damage::None => {}
        }
    }
    match misread(&chars) {
        // Two letters that both fit are no accident; one may be.
        Some(Misread { signs: 1, marks: 0 } | Misread { signs: 2.., .. }) => Damage::Certain,
        Some(Misread { marks: 1.., .. }) => Damage::Likely,
        Some(_) | None => damage,
    }
}

fn follows_small(chars: &[char], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| chars.get(before));
    before.is_some_and(|char| char.is_lowercase())
}

/// A text that is UTF-8 once its letters are turned back into bytes of Windows-1252.
struct Misread {
    /// Letters of which a sign is part that stands in no word.
    signs: usize,
    /// Those where the sign is a quote or dash, as it may follow a word.
    marks: usize,
}

fn misread(chars: &[char]) -> Option<Misread> {
    let bytes: Vec<u8> = chars
        .iter()
        .map(|char| windows_1252(*char))
        .collect::<Option<_>>()?;
    let read = std::str::from_utf8(&bytes).ok()?;
    // Letters of scripts that hardly any HR system writes: a name and a dash that look like one.
    if read
        .chars()
        .any(|char| matches!(char, '\u{530}'..='\u{58f}' | '\u{700}'..='\u{1dff}'))
    {
        return None;
    }
    let (mut signs, mut marks, mut at) = (0, 0, 0);
    for char in read.chars() {
        // Every byte was one character.
        let parts = chars.get(at..at + char.len_utf8()).unwrap_or_default();
        at += char.len_utf8();
        let [_, rest @ ..] = parts else { continue };
        if rest.iter().any(|char| !char.is_alphabetic()) {
            signs += 1;
            marks += usize::from(rest.iter().all(|char| is_mark(*char)));
        }
    }
    Some(Misread { signs, marks })
}

/// Whether a character is, in Windows-1252, a byte that continues a letter of UTF-8.
fn continues(char: char) -> bool {
    windows_1252(char).is_some_and(|byte| (0x80..=0xbf).contains(&byte))
}

/// Quotes, dashes and the like, which may stand behind any word.
fn is_mark(char: char) -> bool {
    matches!(
        char,
        '»' | '«'
            | '“'
            | '”'
            | '‘'
            | '’'
            | '…'
            | '–'
            | '—'
            | '™'
            | '®'
            | '\u{a0}'
            | '·'
            | '•'
    )
}

/// `J?rg`: a letter that an encoding without it had no way to write.
fn has_lost_letter(text: &str) -> bool {
    if !text.contains('?') || text.contains(['/', '=', '@']) {
        return false;
    }
    let chars: Vec<char> = text.chars().collect();
    chars
        .windows(3)
        .any(|three| three[1] == '?' && three[0].is_alphabetic() && three[2].is_lowercase())
}

/// `J”rg`, `MŸller`: an encoding of DOS or of the Mac that was read as Windows-1252.
fn has_stray_sign(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    chars.windows(3).any(|three| {
        let is_inside = three[0].is_alphabetic() && three[2].is_lowercase();
        is_inside && matches!(three[1], '„' | '”' | '‚' | '¤' | 'Ÿ')
    })
}

/// The byte of a character in Windows-1252.
fn windows_1252(char: char) -> Option<u8> {
    const HIGH: [char; 27] = [
        '€', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 'Ž', '‘', '’', '“', '”', '•',
        '–', '—', '˜', '™', 'š', '›', 'œ', 'ž', 'Ÿ',
    ];
    const HIGH_BYTES: [u8; 27] = [
        0x80, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8e, 0x91, 0x92,
        0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9e, 0x9f,
    ];
    let high = HIGH.iter().position(|known| *known == char);
    match u8::try_from(u32::from(char)) {
        Ok(byte) => Some(byte),
        Err(_) => HIGH_BYTES.get(high?).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c30_what_an_export_writes_where_it_has_no_value_is_no_value() {
        for text in [
            "#N/A",
            "#n/a",
            "#REF!",
            "#VALUE!",
            "#NAME?",
            "#DIV/0!",
            "#NULL!",
            "#NUM!",
            "#NV",
            "#BEZUG!",
            "#WERT!",
            "#ZAHL!",
            "#N/D",
            "#¡REF!",
            "#¿NOMBRE?",
            "#VALEUR!",
            "#ССЫЛКА!",
            "#ИМЯ?",
            "#Н/Д",
            "#SPILL!",
            "#CALC!",
            "#GETTING_DATA",
            "Err:502",
            "########",
            "NULL",
            "null",
            "(null)",
            "\\N",
            "undefined",
            "NaN",
            "#NULL",
            "#ÜBERLAUF!",
            "#N/A!",
            "#DEEL/0!",
        ] {
            assert!(is_no_value(text), "{text}");
        }
        for text in [
            "",
            "#",
            "#1",
            "# 4 Team!",
            "#metoo",
            "Null",
            "Nan",
            "N/A",
            "None",
            "#TeamBlue!",
            "Err:or",
            "#1!",
            "C#",
            "NULLER",
            "Undefined behaviour",
            "#ff0000",
        ] {
            assert!(!is_no_value(text), "{text}");
        }
    }

    #[test]
    fn c30_an_id_in_the_short_form_of_a_spreadsheet_is_known() {
        for text in [
            "1.00045E+11",
            "1,00045E+11",
            "1E+11",
            "9.99e+15",
            "1.5E-05",
            "-1.2E+10",
        ] {
            assert!(is_harmed_id(text), "{text}");
        }
        for text in [
            "100045",
            "1E5",
            "12E10",
            "E+11",
            "1.5E+1",
            "AE+11",
            "10.5E+11",
            "1.5E+1000",
            "1.5E+1x",
            "7E3",
        ] {
            assert!(!is_harmed_id(text), "{text}");
        }
    }

    #[test]
    fn c31_letters_that_were_read_in_the_wrong_encoding_are_damaged() {
        for text in [
            "JÃ¶rg",
            "MÃ¼ller",
            "RenÃ©e",
            "Ãœmit",
            "GroÃŸ",
            "itâ€™s",
            "J\u{fffd}rg",
            "QualitÃ©",
            "Å‚ukasz",
            "KowaÅ‚",
            "Ð˜Ð²Ð°Ð½",
            "J├Ârg",
            "J√∂rg",
            "Â§ 5",
            "JosÃ© MarÃ\u{ad}a",
            "Ã–zil",
            "ZoÃ«",
        ] {
            assert_eq!(of(text), Damage::Certain, "{text}");
        }
        for text in [
            "J”rg",
            "MŸller",
            "J?rg",
            "Stra?e",
            "M„rz",
            "IRMÃ\u{a0}MARIA",
            "MANHÃ…",
        ] {
            assert_eq!(of(text), Damage::Likely, "{text}");
        }
        for text in [
            "Jörg",
            "SÃO PAULO",
            "IRMÃ",
            "Âge",
            "CHÂTEAU",
            "O’Brien",
            "MÍŠA",
            "KRÁTKÝ",
            "Łukasz",
            "Иван",
            "山田",
            "ÄÖÜ",
            "“Bob” Ågren",
            "Straße – Süd",
            "Café…",
            "Who? Me",
            "Ann",
            "Groß–Gerau",
            "ŠKODA",
            "Žižek",
            "McŠtefan",
            "é",
            "¿Qué?",
            "D´Angelo",
            "Ünal",
            "Ñandú",
            "5 µm",
            "№ 5",
            "a@b.example/?x=é",
        ] {
            assert_eq!(of(text), Damage::None, "{text}");
        }
    }
}
