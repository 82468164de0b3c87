//! The authored stage: a TOML file as somebody wrote it, with the place of every key and value.
//!
//! A [`Section`] is asked for its options one by one. It never stops at a mistake: it notes it,
//! answers with something harmless, and goes on, so that one run names every mistake. Whoever
//! reads a document looks at the [`Notes`] before using what was read. Keys that nobody asked for
//! are unknown, and are compared with those that were asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_core::finding::Code;
use muster_core::nearest::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{
    ConfigError, MISSING_KEY, Mistake, NOT_TOML, Position, UNKNOWN_KEY, UNREADABLE, UNUSABLE_VALUE,
    WRONG_TYPE,
};
use super::options::{Default, Opt, Takes};
use super::value;

/// Largest configuration or policy file, in bytes.
pub(super) const DOCUMENT_BYTES_MAX: u64 = 4 << 20;

/// The text of one file.
#[derive(Debug)]
pub(super) struct Document {
    file: PathBuf,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// What is wrong so far, over all files.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<Vec<Mistake>>);

impl Notes {
    pub(super) fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// How many things were noted so far.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    pub(super) fn add(&self, mistake: Mistake) {
        self.0.borrow_mut().push(mistake);
    }

    /// Nothing, or everything that was noted, in the order of files and lines.
    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        let mut mistakes = self.0.into_inner();
        mistakes.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { mistakes })
        }
    }
}

impl Document {
    /// Reads a file; `shown` is how it is called in messages.
    pub(super) fn read(path: &Path, shown: &Path) -> Result<Self, ConfigError> {
        let too_large = std::fs::metadata(path).is_ok_and(|meta| meta.len() > DOCUMENT_BYTES_MAX);
        if too_large {
            let message = format!("it is larger than the {DOCUMENT_BYTES_MAX} bytes that are read");
            return Err(ConfigError::of_file(UNREADABLE, shown, message, ""));
        }
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let ends = text.match_indices('\n').map(|(end, _)| end + 1);
                let lines = std::iter::once(0).chain(ends).collect();
                Ok(Self {
                    file: shown.to_owned(),
                    text,
                    lines,
                })
            }
            Err(error) => Err(ConfigError::of_file(
                UNREADABLE,
                shown,
                format!("could not be read: {error}"),
                "name the file with --config, or make one with `muster init`",
            )),
        }
    }

    /// Takes the TOML apart.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        DeTable::parse(&self.text).map_err(|error| {
            // The parser's own rendering repeats the line, which may hold a secret.
            let position = error.span().map(|span| self.position(span.start));
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            ConfigError {
                mistakes: vec![Mistake {
                    code: NOT_TOML,
                    file: self.file.clone(),
                    position,
                    message: format!("this is not TOML: {message}"),
                    hint: "texts stand in quotes, tables begin with [name], lists stand in [ ]"
                        .to_owned(),
                }],
            }
        })
    }

    /// The section of the whole file.
    pub(super) fn root<'a>(
        &'a self,
        table: &'a Spanned<DeTable<'a>>,
        notes: &'a Notes,
    ) -> Section<'a> {
        Section {
            document: self,
            notes,
            path: String::new(),
            offset: 0,
            table: Some(table.get_ref()),
            known: RefCell::new(Vec::new()),
        }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied();
        let before = self.text.get(start.unwrap_or(0)..offset).unwrap_or("");
        Position {
            line: line.max(1),
            column: before.chars().count() + 1,
        }
    }
}

/// A value and the place where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    /// Byte offset in the document.
    pub(super) offset: usize,
}

/// One table of a document.
#[derive(Debug)]
pub(super) struct Section<'a> {
    document: &'a Document,
    notes: &'a Notes,
    path: String,
    offset: usize,
    /// `None` for a table that was not written: every option of it has its default.
    table: Option<&'a DeTable<'a>>,
    known: RefCell<Vec<&'static str>>,
}

/// A table and its name, in a table of tables.
pub(super) struct Named<'a> {
    pub(super) name: Placed<String>,
    pub(super) section: Section<'a>,
}

impl<'a> Section<'a> {
    /// How the section is written: `feed.hr.guard`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// Notes a mistake at a place of this document.
    pub(super) fn note(&self, code: Code, offset: usize, message: String, hint: String) {
        self.notes.add(Mistake {
            code,
            file: self.document.file.clone(),
            position: Some(self.document.position(offset)),
            message,
            hint,
        });
    }

    /// The mistake that a later stage may find with something at this place.
    pub(super) fn mistake_at(&self, offset: usize) -> (PathBuf, Position) {
        (self.document.file.clone(), self.document.position(offset))
    }

    /// Whether something is written under a key.
    pub(super) fn is_written_at(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// A text as it is written, or its default, without noting anything: how a folder is shown.
    pub(super) fn text_shown(&self, option: &Opt) -> String {
        let written = self.table.and_then(|table| table.get(option.key));
        match (
            written.and_then(|value| value.get_ref().as_str()),
            option.default,
        ) {
            (Some(text), _) | (None, Default::Is(text)) => text.to_owned(),
            (None, Default::Required | Default::None(_)) => String::new(),
        }
    }

    /// Every text in the table at a path below this one, with its place; notes nothing.
    pub(super) fn texts_below(&self, path: &[&str]) -> Vec<(String, usize)> {
        let mut table = self.table;
        for key in path {
            table = table
                .and_then(|table| table.get(*key))
                .and_then(|value| value.get_ref().as_table());
        }
        let values = table.into_iter().flat_map(toml::map::Map::values);
        values
            .filter_map(|value| Some((value.get_ref().as_str()?.to_owned(), value.span().start)))
            .collect()
    }

    fn label(&self, key: &str) -> String {
        if self.path.is_empty() {
            format!("`{key}`")
        } else {
            format!("`{key}` in [{}]", self.path)
        }
    }

    fn child_path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of a key, which is known from now on.
    pub(super) fn raw(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.table.and_then(|table| table.get(key))
    }

    fn wrong(&self, option: &Opt, value: &Spanned<DeValue<'_>>) {
        self.note(
            WRONG_TYPE,
            value.span().start,
            format!(
                "{} takes {}, and found {}",
                self.label(option.key),
                option.takes.words(),
                found(value.get_ref())
            ),
            format!("write for example: {} = {}", option.key, option.example),
        );
    }

    fn unusable(&self, option: &Opt, offset: usize, reason: &str) {
        let takes = match option.takes {
            Takes::Text => String::new(),
            other => format!(" takes {}", other.words()),
        };
        self.note(
            UNUSABLE_VALUE,
            offset,
            format!("{}{takes}: {reason}", self.label(option.key)),
            format!("write for example: {} = {}", option.key, option.example),
        );
    }

    /// Notes that an option is missing that has to be there.
    pub(super) fn missing(&self, option: &Opt) {
        let place = if self.path.is_empty() {
            String::new()
        } else {
            format!(" in [{}]", self.path)
        };
        self.note(
            MISSING_KEY,
            self.offset,
            format!("`{}` is missing{place}", option.key),
            format!("write for example: {} = {}", option.key, option.example),
        );
    }

    /// A text where one was written; the default otherwise.
    fn text_at(&self, option: &Opt) -> Option<Placed<String>> {
        if let Some(value) = self.raw(option.key) {
            let text = value.get_ref().as_str().map(|text| Placed {
                value: text.to_owned(),
                offset: value.span().start,
            });
            if text.is_none() {
                self.wrong(option, value);
            }
            return text;
        }
        match option.default {
            Default::Is(text) => Some(Placed {
                value: text.to_owned(),
                offset: self.offset,
            }),
            Default::Required => {
                self.missing(option);
                None
            }
            Default::None(_) => None,
        }
    }

    /// A text; `None` if it is not written and has no default.
    pub(super) fn text(&self, option: &Opt) -> Option<Placed<String>> {
        let text = self.text_at(option)?;
        if text.value.is_empty() && !matches!(option.default, Default::Is("")) {
            self.unusable(option, text.offset, "it is empty");
            return None;
        }
        Some(text)
    }

    /// A text that `parse` turns into something; its error is the reason shown.
    pub(super) fn parsed<T>(
        &self,
        option: &Opt,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let text = self.text(option)?;
        match parse(&text.value) {
            Ok(value) => Some(Placed {
                value,
                offset: text.offset,
            }),
            Err(reason) => {
                self.unusable(option, text.offset, &reason);
                None
            }
        }
    }

    /// A duration; `None` if it is not written and has no default.
    pub(super) fn duration(&self, option: &Opt) -> Option<Duration> {
        let parse = |text: &str| value::duration(text).ok_or_else(|| format!("found \"{text}\""));
        self.parsed(option, parse).map(|placed| placed.value)
    }

    /// A size in bytes.
    pub(super) fn size(&self, option: &Opt) -> u64 {
        let parse = |text: &str| value::size(text).ok_or_else(|| format!("found \"{text}\""));
        self.parsed(option, parse).map_or(0, |placed| placed.value)
    }

    /// One of the words that the option names; `None` if something else is written.
    pub(super) fn word(&self, option: &Opt) -> Option<&'static str> {
        let Takes::Choice(words) = option.takes else {
            return None;
        };
        let choose = |text: &str| {
            let word = words.iter().find(|word| **word == text);
            word.copied()
                .ok_or_else(|| match nearest(text, words.iter().copied()) {
                    Some(near) => format!("found \"{text}\"; did you mean \"{near}\"?"),
                    None => format!("found \"{text}\""),
                })
        };
        self.parsed(option, choose).map(|placed| placed.value)
    }

    /// One of the words that the option names.
    pub(super) fn choice(&self, option: &Opt) -> &'static str {
        self.word(option).unwrap_or("")
    }

    /// Yes or no.
    pub(super) fn boolean(&self, option: &Opt) -> bool {
        let Some(value) = self.raw(option.key) else {
            return matches!(option.default, Default::Is("true"));
        };
        let yes = value.get_ref().as_bool();
        if yes.is_none() {
            self.wrong(option, value);
        }
        yes.unwrap_or(false)
    }

    /// A whole number between the option's limits; `None` if it is not written and has no default.
    pub(super) fn number(&self, option: &Opt) -> Option<u32> {
        let Some(value) = self.raw(option.key) else {
            return match option.default {
                Default::Is(text) => text.parse().ok(),
                Default::Required => {
                    self.missing(option);
                    None
                }
                Default::None(_) => None,
            };
        };
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong(option, value);
            return None;
        };
        let (min, max) = match option.takes {
            Takes::Number(min, max) => (min, max),
            _ => (0, u32::MAX),
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            _ => {
                let reason = format!("found {integer}");
                self.unusable(option, value.span().start, &reason);
                None
            }
        }
    }

    /// A number of a hundred.
    pub(super) fn percent(&self, option: &Opt) -> Option<u8> {
        self.number(option)
            .and_then(|number| u8::try_from(number).ok())
    }

    /// Texts; the default counts as one. A single text is taken for a list of one where the option
    /// takes columns.
    pub(super) fn texts(&self, option: &Opt) -> Vec<Placed<String>> {
        let Some(value) = self.raw(option.key) else {
            match option.default {
                Default::Is(text) => {
                    return vec![Placed {
                        value: text.to_owned(),
                        offset: self.offset,
                    }];
                }
                Default::Required => self.missing(option),
                Default::None(_) => {}
            }
            return Vec::new();
        };
        self.texts_of(option, value)
    }

    /// Texts in a value that is at hand.
    pub(super) fn texts_of(
        &self,
        option: &Opt,
        value: &Spanned<DeValue<'_>>,
    ) -> Vec<Placed<String>> {
        let single = std::slice::from_ref(value);
        let items = match value.get_ref() {
            DeValue::Array(items) => items.as_ref(),
            DeValue::String(_) if option.takes == Takes::Columns => single,
            _ => {
                self.wrong(option, value);
                return Vec::new();
            }
        };
        if items.is_empty() && option.default == Default::Required {
            self.unusable(option, value.span().start, "the list is empty");
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref().as_str() {
                Some("") => self.unusable(option, item.span().start, "a text in it is empty"),
                Some(text) => texts.push(Placed {
                    value: text.to_owned(),
                    offset: item.span().start,
                }),
                None => self.wrong(option, item),
            }
        }
        texts
    }

    /// A table of texts, such as the settings of a plugin.
    pub(super) fn text_table(&self, option: &Opt) -> Vec<(Placed<String>, Placed<String>)> {
        let Some(value) = self.raw(option.key) else {
            if option.default == Default::Required {
                self.missing(option);
            }
            return Vec::new();
        };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(option, value);
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            match value.get_ref().as_str() {
                Some(text) => entries.push((
                    Placed {
                        value: key.get_ref().to_string(),
                        offset: key.span().start,
                    },
                    Placed {
                        value: text.to_owned(),
                        offset: value.span().start,
                    },
                )),
                None => self.note(
                    WRONG_TYPE,
                    value.span().start,
                    format!(
                        "`{}` in [{}] takes a text, and found {}",
                        key.get_ref(),
                        self.child_path(option.key),
                        found(value.get_ref())
                    ),
                    format!(
                        "put it in quotes; for example: {} = {}",
                        option.key, option.example
                    ),
                ),
            }
        }
        entries
    }

    /// The table under a key; one without anything written where it is missing.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let mut section = Section {
            document: self.document,
            notes: self.notes,
            path: self.child_path(key),
            offset: self.offset,
            table: None,
            known: RefCell::new(Vec::new()),
        };
        if let Some(value) = self.raw(key) {
            section.offset = value.span().start;
            section.table = self.table_of(key, value);
        }
        section
    }

    fn table_of(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<&'a DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.note(
                WRONG_TYPE,
                value.span().start,
                format!(
                    "{} is a table, and found {}",
                    self.label(key),
                    found(value.get_ref())
                ),
                format!("write a table: [{}]", self.child_path(key)),
            );
        }
        table
    }

    /// The tables under a key whose names the user chose: `[feed.NAME]`.
    pub(super) fn named(&self, key: &'static str) -> Vec<Named<'a>> {
        let parent = self.section(key);
        let Some(table) = parent.table else {
            return Vec::new();
        };
        table
            .iter()
            .filter_map(|(name, value)| {
                parent.table_of(name.get_ref(), value).map(|table| Named {
                    name: Placed {
                        value: name.get_ref().to_string(),
                        offset: name.span().start,
                    },
                    section: parent.below(name.get_ref(), name.span().start, table),
                })
            })
            .collect()
    }

    /// The tables of an array of tables: `[[role]]`.
    pub(super) fn list(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.raw(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.note(
                WRONG_TYPE,
                value.span().start,
                format!(
                    "{} stands in double brackets, and found {}",
                    self.label(key),
                    found(value.get_ref())
                ),
                format!("write: [[{}]]", self.child_path(key)),
            );
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                let table = self.table_of(key, item)?;
                Some(self.below(key, item.span().start, table))
            })
            .collect()
    }

    /// A table that is at hand, as a section of this one.
    pub(super) fn below(&self, key: &str, offset: usize, table: &'a DeTable<'a>) -> Section<'a> {
        Section {
            document: self.document,
            notes: self.notes,
            path: self.child_path(key),
            offset,
            table: Some(table),
            known: RefCell::new(Vec::new()),
        }
    }

    /// The entries of a table whose keys the user chose.
    pub(super) fn entries(&self) -> Vec<(Placed<String>, &'a Spanned<DeValue<'a>>)> {
        let Some(table) = self.table else {
            return Vec::new();
        };
        table
            .iter()
            .map(|(key, value)| {
                let placed = Placed {
                    value: key.get_ref().to_string(),
                    offset: key.span().start,
                };
                (placed, value)
            })
            .collect()
    }

    /// Ends the reading of a section: keys that nobody asked for are unknown.
    pub(super) fn finish(&self) {
        let Some(table) = self.table else {
            return;
        };
        let known = self.known.borrow();
        for key in table.keys() {
            if known.contains(&key.get_ref().as_ref()) {
                continue;
            }
            let hint = match nearest(key.get_ref(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys here are: {}", sorted(&known)),
            };
            let message = format!("unknown key {}", self.label(key.get_ref()));
            self.note(UNKNOWN_KEY, key.span().start, message, hint);
        }
    }
}

/// A table of texts without the places.
pub(super) fn plain_table(
    entries: Vec<(Placed<String>, Placed<String>)>,
) -> BTreeMap<String, String> {
    entries
        .into_iter()
        .map(|(key, value)| (key.value, value.value))
        .collect()
}

fn sorted(known: &[&str]) -> String {
    let mut known = known.to_vec();
    known.sort_unstable();
    known.dedup();
    known.join(", ")
}

/// What was found where something else was meant. Never the value: it may be a secret.
fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
