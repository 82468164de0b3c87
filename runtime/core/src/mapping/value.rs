//! One cell: what it says by the type of its attribute, or why it says nothing.

use jiff::civil::Date;

use super::damage::{self, Damage};
use super::{CELL_BYTES_MAX, Code, DayForms, Form, InvalidMapping, LIST_ITEMS_MAX, code, day};
use crate::identity::{Value, ValueType};
use crate::text::{composed, folded};

/// Values by the text that stands for them, whatever its case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Table<T>(Vec<(String, T)>);

impl<T: Clone> Table<T> {
    pub(super) fn new(
        what: &str,
        values: impl IntoIterator<Item = (String, T)>,
        errors: &mut Vec<InvalidMapping>,
    ) -> Self {
        let mut table: Vec<(String, T)> = Vec::new();
        for (text, value) in values {
            let folded = folded(&text);
            if table.iter().any(|(known, _)| *known == folded) {
                errors.push(InvalidMapping::ValueTwice {
                    what: what.to_owned(),
                    value: text,
                });
            } else {
                table.push((folded, value));
            }
        }
        Self(table)
    }

    pub(super) fn get(&self, text: &str) -> Option<&T> {
        // Nearly every value is plain and short, and a feed has a million of them: compare without
        // building a lower-case copy, and build one only where letters beyond ASCII may differ.
        let plain = self
            .0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(text));
        if plain.is_some() || text.is_ascii() {
            return plain.map(|(_, value)| value);
        }
        let folded = folded(text);
        let hit = self.0.iter().find(|(known, _)| *known == folded);
        hit.map(|(_, value)| value)
    }
}

/// How the cells of one attribute are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reader {
    Text,
    Verbatim,
    Email,
    Boolean(Table<bool>),
    Integer,
    Day(DayForms),
    List(String),
}

/// What a cell says, still borrowed from the row: checking a million rows allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said<'a> {
    Empty,
    Text(&'a str),
    Boolean(bool),
    Integer(i64),
    Day(Date),
    List(&'a str, &'a str),
}

/// Why a cell says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Control,
    TooLong,
    NoValue,
    Damaged,
    Unknown,
    NotADay,
    NotAnAddress,
    NotANumber,
    TooManyItems,
}

impl Reader {
    /// What its values are.
    pub(super) fn value_type(&self) -> ValueType {
        match self {
            Reader::Text | Reader::Verbatim | Reader::Email => ValueType::Text,
            Reader::Boolean(_) => ValueType::Boolean,
            Reader::Integer => ValueType::Integer,
            Reader::Day(_) => ValueType::Day,
            Reader::List(_) => ValueType::List,
        }
    }

    pub(super) fn new(what: &str, form: Form, errors: &mut Vec<InvalidMapping>) -> Option<Self> {
        let what = || what.to_owned();
        Some(match form {
            Form::Text => Reader::Text,
            Form::Verbatim => Reader::Verbatim,
            Form::Email => Reader::Email,
            Form::Integer => Reader::Integer,
            Form::Boolean { yes, no } => {
                if yes.is_empty() || no.is_empty() {
                    errors.push(InvalidMapping::ValuesMissing { what: what() });
                }
                let yes = yes.into_iter().map(|text| (text, true));
                let no = no.into_iter().map(|text| (text, false));
                Reader::Boolean(Table::new(&what(), yes.chain(no), errors))
            }
            Form::Day(forms) => {
                day::check_formats(&what(), &forms, errors);
                Reader::Day(forms)
            }
            Form::List { separator } if separator.is_empty() => {
                errors.push(InvalidMapping::SeparatorMissing { what: what() });
                return None;
            }
            Form::List { separator } => Reader::List(composed(&separator).into_owned()),
        })
    }

    pub(super) fn read<'a>(&'a self, cell: &'a str) -> Result<Said<'a>, Fault> {
        let text = checked(cell)?;
        // An empty value that the table names is a value; anywhere else the cell is empty.
        if let Reader::Boolean(table) = self
            && let Some(value) = table.get(text)
        {
            return Ok(Said::Boolean(*value));
        }
        if text.is_empty() {
            return Ok(Said::Empty);
        }
        if let Reader::Day(forms) = self
            && day::says_none(text, forms)
        {
            return Ok(Said::Empty);
        }
        if !matches!(self, Reader::Verbatim) {
            sound(text)?;
        }
        match self {
            Reader::Text | Reader::Verbatim => Ok(Said::Text(text)),
            Reader::Email if is_address(text) => Ok(Said::Text(text)),
            Reader::Email => Err(Fault::NotAnAddress),
            Reader::Boolean(_) => Err(Fault::Unknown),
            Reader::Integer => text
                .parse()
                .map(Said::Integer)
                .map_err(|_| Fault::NotANumber),
            Reader::Day(forms) => day::read(text, forms).map(Said::Day).ok_or(Fault::NotADay),
            Reader::List(separator) => {
                if text.split(separator.as_str()).nth(LIST_ITEMS_MAX).is_some() {
                    return Err(Fault::TooManyItems);
                }
                text.split(separator.as_str())
                    .try_for_each(|item| sound(item.trim()))?;
                Ok(Said::List(text, separator))
            }
        }
    }
}

impl Said<'_> {
    pub(super) fn value(self) -> Value {
        match self {
            Said::Empty => Value::Empty,
            Said::Text(text) => Value::Text(with_plain_line_breaks(text)),
            Said::Boolean(value) => Value::Boolean(value),
            Said::Integer(value) => Value::Integer(value),
            Said::Day(day) => Value::Day(day),
            Said::List(text, separator) => {
                let items = text.split(separator).map(str::trim);
                Value::List(
                    items
                        .filter(|item| !item.is_empty())
                        .map(with_plain_line_breaks)
                        .collect(),
                )
            }
        }
    }
}

impl Fault {
    pub(super) fn code(self) -> Code {
        match self {
            Fault::Control => code::CONTROL_CHARACTER,
            Fault::TooLong => code::CELL_TOO_LONG,
            Fault::NoValue => code::NO_VALUE,
            Fault::Damaged => code::DAMAGED,
            Fault::NotAnAddress => code::NOT_AN_ADDRESS,
            Fault::Unknown => code::VALUE_UNKNOWN,
            Fault::NotADay => code::DAY_UNREADABLE,
            Fault::NotANumber | Fault::TooManyItems => code::VALUE_UNFIT,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Fault::Control => "the cell has a control character in it".to_owned(),
            Fault::TooLong => format!("the cell is longer than {CELL_BYTES_MAX} bytes"),
            Fault::NoValue => {
                "the cell has what a spreadsheet or database writes where it has no value"
                    .to_owned()
            }
            Fault::Damaged => {
                "letters of the cell are damaged, as where UTF-8 was read as something else"
                    .to_owned()
            }
            Fault::NotAnAddress => "the cell is not one e-mail address".to_owned(),
            Fault::Unknown => "the value stands in no value table of this column".to_owned(),
            Fault::NotADay => "the cell is not a day in any format of this column".to_owned(),
            Fault::NotANumber => "the cell is not a whole number".to_owned(),
            Fault::TooManyItems => format!("the list has more than {LIST_ITEMS_MAX} items"),
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Fault::Control => "remove the character in HR's system and export again",
            Fault::TooLong => "shorten the text in HR's system and export again",
            Fault::NoValue => {
                "correct the cell in HR's system, or leave it empty, and export again"
            }
            Fault::Damaged => "export again as UTF-8, straight from HR's system",
            Fault::NotAnAddress => {
                "write one address, without a name, space or second address beside it"
            }
            Fault::Unknown => {
                "correct the cell, or ask IT to add the word to the column's lists in muster.toml"
            }
            Fault::NotADay => {
                "correct the cell, or ask IT to add the format to the feed's `date_formats` in muster.toml"
            }
            Fault::NotANumber => "correct the cell",
            Fault::TooManyItems => "shorten the list",
        }
    }
}

/// Whether a text says something: it is not what an export writes where it has no value, and its
/// letters are whole.
pub(super) fn sound(text: &str) -> Result<(), Fault> {
    if damage::is_no_value(text) {
        return Err(Fault::NoValue);
    }
    match damage::of(text) {
        Damage::Certain => Err(Fault::Damaged),
        Damage::Likely | Damage::None => Ok(()),
    }
}

/// Longest e-mail address, and longest part of it before the `@`, in bytes (RFC 5321).
const ADDRESS_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;

/// Whether a text is one e-mail address, as an app would take it for a user's name. Narrower than the
/// standard: quotes and comments are legal in an address and nobody has them.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_odd =
        |char: char| char.is_whitespace() || char.is_control() || "\"(),:;<>[]\\@".contains(char);
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|char| char.is_alphanumeric() || char == '-')
    };
    text.len() <= ADDRESS_BYTES_MAX
        && local.len() <= LOCAL_BYTES_MAX
        && !local.chars().any(is_odd)
        && local.split('.').all(|part| !part.is_empty())
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// The text of a cell without surrounding white space, if nothing is wrong with it. Line breaks and
/// tabs may stand in a text, such as an address.
pub(super) fn checked(cell: &str) -> Result<&str, Fault> {
    let text = trimmed(cell);
    if text.len() > CELL_BYTES_MAX {
        return Err(Fault::TooLong);
    }
    if is_plain(text) {
        return Ok(text);
    }
    let is_break = |char: char| matches!(char, '\n' | '\r' | '\t');
    if text
        .chars()
        .any(|char| char.is_control() && !is_break(char))
    {
        return Err(Fault::Control);
    }
    Ok(text)
}

/// The text without white space around it. Most cells have none, which two bytes show.
pub(super) fn trimmed(cell: &str) -> &str {
    match cell.as_bytes() {
        [] => cell,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => cell,
        _ => cell.trim(),
    }
}

/// Whether a text is printable ASCII. Without an early exit it is done many bytes at a time.
pub(super) fn is_plain(text: &str) -> bool {
    let odd = |byte: u8| u8::from(!(0x20..0x7f).contains(&byte));
    text.bytes().fold(0, |found, byte| found | odd(byte)) == 0
}

fn with_plain_line_breaks(text: &str) -> String {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    }
}
