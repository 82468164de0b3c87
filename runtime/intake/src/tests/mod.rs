//! Intake, tested at its boundary: bytes in, verdict, people and report out.

mod csv;
mod failures;
mod files;
mod folder;
mod line;
mod pages;
mod report;
mod settle;
mod snapshot;

use std::collections::BTreeMap;

use muster_core::finding::Code;
use muster_core::identity::Status;
use muster_core::mapping::{
    Attribute, Column, Columns, DayColumn, DayForms, Form, Mapping, StatusRule, ZoneRule,
};

use super::{FileVerdict, IntakeOptions, Mistakes, Snapshot, open};

/// When the files of these tests are read.
fn now() -> jiff::Timestamp {
    "2026-11-22T09:03:12Z".parse().unwrap()
}

/// What became of some bytes.
struct Outcome {
    mistakes: Mistakes,
    snapshot: Option<Snapshot>,
}

impl Outcome {
    fn of(bytes: &[u8], mapping: &Mapping, options: &IntakeOptions) -> Self {
        let opened = open(bytes.to_vec(), options);
        let mut mistakes = opened.mistakes;
        let snapshot = opened.sheet.and_then(|sheet| {
            let reading = Snapshot::read(sheet, mapping, options, now());
            mistakes.merge(reading.mistakes);
            reading.snapshot
        });
        Self { mistakes, snapshot }
    }

    fn verdict(&self) -> FileVerdict {
        self.mistakes.verdict()
    }

    fn snapshot(&self) -> &Snapshot {
        self.snapshot.as_ref().expect("the file has people")
    }

    fn count(&self, code: &Code) -> usize {
        self.mistakes.count(code)
    }

    fn rows(&self, code: &Code) -> u32 {
        let mut counts = self.mistakes.counts();
        counts
            .find(|(counted, ..)| *counted == code)
            .map_or(0, |(_, _, rows)| rows)
    }

    fn keys(&self) -> Vec<String> {
        self.snapshot()
            .rows()
            .map(|row| row.key().to_owned())
            .collect()
    }
}

fn attribute(name: &str, form: Form) -> Attribute {
    Attribute {
        column: Column::named(name),
        form,
    }
}

fn day_column(name: &str) -> DayColumn {
    DayColumn {
        column: Column::named(name),
        forms: DayForms::default(),
    }
}

/// The columns of the file with 1,000 records.
fn entra_columns() -> Columns {
    let texts = [
        ("user_name", "UserID"),
        ("first_name", "FirstName"),
        ("last_name", "LastName"),
        ("display_name", "FullName"),
        ("department", "Department"),
        ("title", "JobTitle"),
        ("street", "StreetAddress"),
        ("zip", "ZipCode"),
    ];
    let mut attributes: BTreeMap<String, Attribute> = texts
        .iter()
        .map(|(name, column)| ((*name).to_owned(), attribute(column, Form::Text)))
        .collect();
    let on_leave = Form::Boolean {
        yes: vec!["True".to_owned()],
        no: vec!["False".to_owned()],
    };
    attributes.insert("on_leave".to_owned(), attribute("OnLeave", on_leave));
    Columns {
        key: Column::named("WorkerID"),
        attributes,
        status: StatusRule::Column {
            column: Column::named("WorkerStatus"),
            values: BTreeMap::from([
                ("Active".to_owned(), Status::Active),
                ("Inactive".to_owned(), Status::Ended),
            ]),
        },
        start: Some(day_column("HireDate")),
        end: None,
        zone: ZoneRule {
            default: "Europe/Berlin".to_owned(),
            column: None,
        },
        effective: None,
        manager: Some(Column::named("ManagerID")),
    }
}

fn entra() -> Mapping {
    Mapping::new(entra_columns()).unwrap()
}

/// A small mapping: `id`, `name`, `status`, `last day`, and an optional `city`.
fn small_columns() -> Columns {
    let mut city = attribute("city", Form::Text);
    city.column.optional = true;
    Columns {
        key: Column::named("id"),
        attributes: BTreeMap::from([
            ("name".to_owned(), attribute("name", Form::Text)),
            ("city".to_owned(), city),
        ]),
        status: StatusRule::Column {
            column: Column::named("status"),
            values: BTreeMap::from([
                ("active".to_owned(), Status::Active),
                ("left".to_owned(), Status::Ended),
            ]),
        },
        start: None,
        end: Some(day_column("last day")),
        zone: ZoneRule {
            default: "UTC".to_owned(),
            column: None,
        },
        effective: None,
        manager: None,
    }
}

fn small() -> Mapping {
    Mapping::new(small_columns()).unwrap()
}

/// Reads a text by the small mapping.
fn read_small(text: &str) -> Outcome {
    Outcome::of(text.as_bytes(), &small(), &IntakeOptions::default())
}

/// Rows made from numbers.
fn rows(ids: std::ops::Range<u32>, row: impl Fn(u32) -> String) -> String {
    ids.map(row).collect()
}
