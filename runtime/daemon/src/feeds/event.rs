//! A single event of a hook as a file: a header and one row, under a name that says what happened.
//!
//! So an event goes the way of every file: it is durable once it lies in the drop folder, arrives
//! again after a stop, is set aside or held by the same rules, and is kept with a report.

use muster_core::fact::Content;
use muster_core::id::{Digest, PersonKey};

use crate::api::v1::{HookEvent, HookEventKind};
use crate::planning::ChangedPerson;

/// How names of files that a hook brought begin.
const PREFIX: &str = "hook-";

/// Longest part of a sender's message id that goes into a file's name.
const ID_CHARS_MAX: usize = 64;

fn end(kind: HookEventKind) -> &'static str {
    match kind {
        HookEventKind::Upsert => ".upsert.csv",
        HookEventKind::Leave => ".leave.csv",
    }
}

/// What a file of this name says happened; none for a file that is no event.
pub fn kind(name: &str) -> Option<HookEventKind> {
    let kinds = [HookEventKind::Upsert, HookEventKind::Leave];
    kinds
        .into_iter()
        .find(|kind| name.starts_with(PREFIX) && name.ends_with(end(*kind)))
}

/// Whether a file of this name is a single event.
pub fn is_event(name: &str) -> bool {
    kind(name).is_some()
}

/// The name of the file that a delivery becomes; the same for the same delivery.
pub fn file_name(id: &str, digest: Digest, kind: Option<HookEventKind>) -> String {
    let plain = |char: char| {
        if char.is_ascii_alphanumeric() || char == '-' {
            char
        } else {
            '_'
        }
    };
    let id: String = id.chars().take(ID_CHARS_MAX).map(plain).collect();
    let digest = crate::plugins::short(digest);
    format!("{PREFIX}{id}-{digest}{}", kind.map_or(".csv", end))
}

/// The event as a file with one row, in the feed's delimiter and UTF-8.
pub fn file(event: &HookEvent, delimiter: Option<u8>) -> Result<Vec<u8>, String> {
    let cells = event.cells()?;
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .from_writer(Vec::new());
    let written = writer
        .write_record(cells.keys())
        .and_then(|()| writer.write_record(cells.values()));
    written.map_err(|error| error.to_string())?;
    writer.into_inner().map_err(|error| error.to_string())
}

/// An event says nothing about the order of rows, so it is never taken for a file seen before; nor is
/// a file of whose rows something had to be said.
pub fn is_comparable(content: &Content, name: &str) -> bool {
    !is_event(name) && content.row_count > 0 && content.read_as != 0
}

/// In the file of somebody who left, the row only says who.
pub fn mark_leavers(name: &str, people: &mut [(PersonKey, ChangedPerson)]) {
    if kind(name) == Some(HookEventKind::Leave) {
        for (_, changed) in people {
            *changed = ChangedPerson::Left;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_by_its_name_and_no_file_of_hrs_is() {
        let name = file_name("msg/1 ä", Digest([1; 32]), Some(HookEventKind::Leave));
        assert_eq!(name, "hook-msg_1__-010101010101.leave.csv");
        assert_eq!(kind(&name), Some(HookEventKind::Leave));
        assert!(!is_event("people-on.leave.csv"));
        assert!(!is_event(&file_name("m", Digest([1; 32]), None)));
    }

    #[test]
    fn an_event_becomes_a_header_and_a_row() {
        let row = [
            ("Name".to_owned(), serde_json::json!("A, B")),
            ("Id".to_owned(), serde_json::json!(7)),
        ];
        let event = HookEvent {
            kind: HookEventKind::Upsert,
            row: row.into(),
        };
        assert_eq!(file(&event, Some(b';')).unwrap(), b"Id;Name\n7;A, B\n");
        assert_eq!(file(&event, None).unwrap(), b"Id,Name\n7,\"A, B\"\n");
    }
}
