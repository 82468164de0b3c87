//! A single event of a hook: what happened to one person.
//!
//! It is kept in the ledger under its place in the order of arrival, and never lies in a folder where
//! its name could be made up. It is understood before it is taken: a column that is missing, a cell that
//! cannot be read or an id that is no text is answered while the sender is there to be told.

use std::io::Read;

use muster_api::v1::{HookEvent, HookEventKind};
use muster_core::fact::EventKind;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{PersonId, PersonKey};
use muster_core::mapping::{Mapping, Mistake};
use muster_core::subject::Subject;

use super::Feed;
use crate::planning::ChangedPerson;

/// An event says that somebody whom nobody knows has left.
pub const NOBODY: Code = Code::new("HOOK-011");
/// An event that was taken can no longer be read, because the mapping is another one now.
pub const UNREADABLE: Code = Code::new("HOOK-012");

/// What an event says, read.
pub struct Said {
    /// The person it is about.
    pub key: PersonKey,
    /// What.
    pub changed: ChangedPerson,
}

/// The kind as the ledger has it.
pub fn kind(event: &HookEvent) -> EventKind {
    match event.kind {
        HookEventKind::Upsert => EventKind::Upsert,
        HookEventKind::Leave => EventKind::Leave,
    }
}

/// The event as a header and a row; the name of a column that no cell can hold otherwise.
pub fn row(event: &HookEvent) -> Result<Vec<u8>, String> {
    let cells = event.cells()?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer
        .write_record(cells.keys())
        .and_then(|()| writer.write_record(cells.values()));
    written.map_err(|error| error.to_string())?;
    writer.into_inner().map_err(|error| error.to_string())
}

/// Why an event cannot be taken, as a sentence for its sender; `None` if it can. What changed is read by
/// `upsert`, and who left by `leave`.
pub fn refusal(event: &HookEvent, upsert: &Mapping, leave: &Mapping) -> Option<String> {
    let cells = match event.cells() {
        Ok(cells) => cells,
        Err(column) => return Some(format!("`{column}` is a list or an object")),
    };
    let (columns, values): (Vec<&String>, Vec<&String>) = cells.iter().unzip();
    let bound = match event.kind {
        HookEventKind::Upsert => upsert.bind(&columns),
        HookEventKind::Leave => leave.bind(&columns),
    };
    let bound = match bound {
        Ok(bound) => bound,
        Err(mistakes) => return Some(texts(&mistakes)),
    };
    // 42 is not 0042: who writes an id as a number has lost what stood before it.
    let ids = [
        columns.get(bound.key_index()).map(|name| name.as_str()),
        bound.manager_column(),
    ];
    for column in ids.into_iter().flatten() {
        let is_text = event.row.iter().all(|(name, value)| {
            !name.trim().eq_ignore_ascii_case(column.trim()) || value.is_string() || value.is_null()
        });
        if !is_text {
            return Some(format!(
                "`{column}` is not a text; write ids in quotes, as HR has them"
            ));
        }
    }
    bound.row(&values, 1).err().map(|mistake| texts(&[mistake]))
}

fn texts(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes
        .iter()
        .map(|mistake| match &mistake.column {
            Some(column) if !mistake.text.contains(column.as_str()) => {
                format!("`{column}`: {}", mistake.text)
            }
            _ => mistake.text.clone(),
        })
        .collect();
    texts.join("; ")
}

/// Reads an event that was taken.
pub fn read(feed: &Feed, kind: EventKind, row: &[u8]) -> Result<Said, String> {
    let (mapping, is_leave) = match kind {
        EventKind::Upsert => (feed.upsert_mapping(), false),
        EventKind::Leave => (feed.leave_mapping(), true),
    };
    let (key, identity) = parse(mapping, row)?;
    let changed = if is_leave {
        ChangedPerson::Left
    } else {
        ChangedPerson::Row {
            identity,
            row: None,
        }
    };
    Ok(Said { key, changed })
}

/// The key of the person an event is about; `None` if nobody can tell any more.
pub fn key(feed: &Feed, row: &[u8]) -> Option<PersonKey> {
    parse(feed.leave_mapping(), row).ok().map(|(key, _)| key)
}

fn parse(
    mapping: &Mapping,
    row: impl Read,
) -> Result<(PersonKey, muster_core::identity::Identity), String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(row);
    let mut next = || -> Result<csv::StringRecord, String> {
        let record = reader.records().next();
        record
            .ok_or_else(|| "it has no row".to_owned())?
            .map_err(|error| error.to_string())
    };
    let (header, cells) = (next()?, next()?);
    let header: Vec<&str> = header.iter().collect();
    let cells: Vec<&str> = cells.iter().collect();
    let bound = mapping.bind(&header).map_err(|mistakes| texts(&mistakes))?;
    bound.row(&cells, 1).map_err(|mistake| texts(&[mistake]))
}

/// That a leave event is about nobody.
pub fn nobody(feed: &Feed, key: &PersonKey, id: &str) -> Finding {
    let subject = Subject::Person(PersonId {
        feed: feed.name().clone(),
        key: key.clone(),
    });
    let text = format!(
        "the event `{id}` says that `{}` left, and nobody is known under that id: if it is misspelt, \
         somebody who left is still in",
        key.as_str()
    );
    Finding::new(NOBODY, Severity::Error, subject, text).hint(
        "look who is meant, and have HR's system send the id exactly as the file has it; the next whole \
         file closes this",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_a_header_and_a_row() {
        let cells = [
            ("Name".to_owned(), serde_json::json!("A, B")),
            ("Id".to_owned(), serde_json::json!("7")),
        ];
        let event = HookEvent {
            kind: HookEventKind::Upsert,
            row: cells.into(),
        };
        assert_eq!(row(&event).unwrap(), b"Id,Name\n7,\"A, B\"\n");
    }
}
