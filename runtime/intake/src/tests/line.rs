//! Rows that say from which day on they hold: a line in time for each person.

use muster_core::id::PersonKey;
use muster_core::identity::Status;
use muster_core::mapping::{Columns, Mapping};

use super::{Outcome, day_column, small_columns};
use crate::{FileVerdict, IntakeOptions, Presence, code};

const HEADER: &str = "id,name,status,last day,effective\n";

fn read(rows: &str) -> Outcome {
    let mapping = Mapping::new(Columns {
        effective: Some(day_column("effective")),
        ..small_columns()
    });
    let text = format!("{HEADER}{rows}");
    Outcome::of(
        text.as_bytes(),
        &mapping.unwrap(),
        &IntakeOptions::default(),
    )
}

fn key(text: &str) -> PersonKey {
    PersonKey::new(text).unwrap()
}

#[test]
fn rows_of_one_person_with_different_days_are_a_line_in_time_whatever_their_order() {
    let outcome = read(
        "1,Ada,left,,2027-05-01\n2,Bo,active,,\n1,Ada,active,,2026-12-01\n1,Ada,active,,\n\
         1,Ada,active,,2026-12-01\n1,Ada,active,2027-01-31,2020-01-01\n",
    );
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    assert_eq!(outcome.keys(), ["1", "2"]);
    let snapshot = outcome.snapshot();
    assert!(snapshot.is_dated());
    assert_eq!(snapshot.people_count(), 2);
    assert_eq!(snapshot.presence(&key("1")), Presence::Present);
    let ada = snapshot.row(&key("1")).unwrap().read().unwrap();
    assert_eq!((ada.row, ada.identity.dated.since), (5, None));
    let announced = &ada.identity.dated.announced;
    let line: Vec<(String, Status)> = announced
        .iter()
        .map(|one| (one.at.to_string(), one.employment.status))
        .collect();
    assert_eq!(
        line,
        [
            ("2020-01-01T00:00:00Z".to_owned(), Status::Active),
            ("2026-12-01T00:00:00Z".to_owned(), Status::Active),
            ("2027-05-01T00:00:00Z".to_owned(), Status::Ended),
        ]
    );
}

#[test]
fn an_effective_date_that_is_no_date_sets_the_whole_line_aside_and_says_why() {
    let outcome =
        read("1,Ada,active,,\n1,Ada,left,,soon\n2,Bo,active,,\n3,Cy,active,,31.04.2027\n");
    assert_eq!(outcome.keys(), ["2"]);
    let snapshot = outcome.snapshot();
    assert_eq!(snapshot.set_aside_count(), 3);
    for person in ["1", "3"] {
        assert_eq!(snapshot.presence(&key(person)), Presence::SetAside);
    }
    assert_eq!(outcome.rows(&code::EFFECTIVE_UNREADABLE), 2);
    assert_eq!(outcome.rows(&code::LINE_BROKEN), 2);
}

#[test]
fn two_rows_for_one_day_that_differ_set_the_person_aside() {
    let outcome = read(
        "1,Ada,active,,2027-01-01\n1,Ada,left,,2027-01-01\n2,Bo,active,,\n2,Bo,left,,\n3,Cy,active,,\n",
    );
    assert_eq!(outcome.keys(), ["3"]);
    assert_eq!(outcome.rows(&code::LINE_BROKEN), 4);
    assert_eq!(outcome.count(&code::KEY_REPEATED), 0);
}

#[test]
fn more_than_fifty_changes_to_come_set_the_person_aside_and_the_past_has_no_bound() {
    let rows = |id: &str, year: i16, count: u32| -> String {
        let days = (0..count).map(|day| (1 + day / 28, 1 + day % 28));
        let rows =
            days.map(|(month, day)| format!("{id},Ada,active,,{year}-{month:02}-{day:02}\n"));
        rows.collect::<Vec<_>>().concat()
    };
    let outcome = read(&format!(
        "{}{}{}",
        rows("1", 2027, 51),
        rows("2", 2027, 50),
        rows("2", 2025, 200)
    ));
    assert_eq!(outcome.keys(), ["2"]);
    assert_eq!(outcome.rows(&code::LINE_BROKEN), 51);
}
