//! One cell: what it says by the type of its attribute, or why it says nothing.

use jiff::civil::Date;

use super::{CELL_BYTES_MAX, Code, Form, InvalidMapping, LIST_ITEMS_MAX, code, day};
use crate::identity::{Value, ValueType};

/// Values by the text that stands for them, whatever its case.
#[derive(Clone, Debug)]
pub(super) struct Table<T>(Vec<(String, T)>);

impl<T: Clone> Table<T> {
    pub(super) fn new(
        what: &str,
        values: impl IntoIterator<Item = (String, T)>,
        errors: &mut Vec<InvalidMapping>,
    ) -> Self {
        let mut table: Vec<(String, T)> = Vec::new();
        for (text, value) in values {
            let folded = fold(&text);
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
        let folded = fold(text);
        let hit = self.0.iter().find(|(known, _)| *known == folded);
        hit.map(|(_, value)| value)
    }
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// How the cells of one attribute are read.
#[derive(Clone, Debug)]
pub(super) enum Reader {
    Text,
    Boolean(Table<bool>),
    Integer,
    Day(Vec<String>),
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
    Unknown,
    NotADay,
    NotANumber,
    TooManyItems,
}

impl Reader {
    /// What its values are.
    pub(super) fn value_type(&self) -> ValueType {
        match self {
            Reader::Text => ValueType::Text,
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
            Form::Integer => Reader::Integer,
            Form::Boolean { yes, no } => {
                if yes.is_empty() || no.is_empty() {
                    errors.push(InvalidMapping::ValuesMissing { what: what() });
                }
                let yes = yes.into_iter().map(|text| (text, true));
                let no = no.into_iter().map(|text| (text, false));
                Reader::Boolean(Table::new(&what(), yes.chain(no), errors))
            }
            Form::Day { formats } => {
                day::check_formats(&what(), &formats, errors);
                Reader::Day(formats)
            }
            Form::List { separator } if separator.is_empty() => {
                errors.push(InvalidMapping::SeparatorMissing { what: what() });
                return None;
            }
            Form::List { separator } => Reader::List(separator),
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
        match self {
            Reader::Text => Ok(Said::Text(text)),
            Reader::Boolean(_) => Err(Fault::Unknown),
            Reader::Integer => text
                .parse()
                .map(Said::Integer)
                .map_err(|_| Fault::NotANumber),
            Reader::Day(formats) => day::read(text, formats)
                .map(Said::Day)
                .ok_or(Fault::NotADay),
            Reader::List(separator) => {
                if text.split(separator.as_str()).nth(LIST_ITEMS_MAX).is_some() {
                    return Err(Fault::TooManyItems);
                }
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
            Fault::Unknown => code::VALUE_UNKNOWN,
            Fault::NotADay => code::DAY_UNREADABLE,
            Fault::NotANumber | Fault::TooManyItems => code::VALUE_UNFIT,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Fault::Control => "the cell has a control character in it".to_owned(),
            Fault::TooLong => format!("the cell is longer than {CELL_BYTES_MAX} bytes"),
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
