//! People out of a file: which rows count, which are set aside, and what absence proves.

use muster_core::guard::Share;
use muster_core::id::PersonKey;
use muster_core::identity::Status;

use super::{Outcome, read_small, small};
use crate::{FileVerdict, IntakeOptions, Presence, code};

const HEADER: &str = "id,name,status,last day\n";

fn key(text: &str) -> PersonKey {
    PersonKey::new(text).unwrap()
}

#[test]
fn people_come_in_the_order_of_their_keys_and_any_order_of_columns_will_do() {
    let outcome = read_small(
        "\u{feff}  LAST DAY ;Status;unused;\"ID\";name\n\
         ;active;x;10;Bo\n2030-06-30;LEFT;y;9;Ada\n;active;z;0010;Cy\n",
    );
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    assert_eq!(outcome.keys(), ["0010", "10", "9"]);
    let people: Vec<_> = outcome.snapshot().people().map(Result::unwrap).collect();
    assert_eq!(people[2].row, 3);
    let employment = people[2].identity.employment;
    assert_eq!(employment.status, Status::Ended);
    assert_eq!(
        employment.ends_at,
        Some("2030-07-01T00:00:00Z".parse().unwrap())
    );
}

#[test]
fn rows_that_differ_under_one_id_are_all_set_aside() {
    let outcome = read_small(&format!(
        "{HEADER}1,Ada,active,\n2,Bo,active,\n1,Eve,active,\n\"1\",Ada,active,\n"
    ));
    assert_eq!(outcome.keys(), ["2"]);
    let snapshot = outcome.snapshot();
    assert_eq!(snapshot.presence(&key("1")), Presence::SetAside);
    assert_eq!(snapshot.presence(&key("2")), Presence::Present);
    assert_eq!(snapshot.presence(&key("3")), Presence::Absent);
    assert!(snapshot.proves_absence(), "every row is somebody's");
    let mistake = &outcome.mistakes.listed()[0];
    assert_eq!(mistake.code, code::KEY_REPEATED);
    assert_eq!(
        (mistake.key.as_deref(), mistake.rows.as_slice()),
        (Some("1"), &[2, 4, 5][..])
    );
    assert!(!mistake.text.contains("Ada") && !mistake.hint.contains("Ada"));
}

#[test]
fn a_good_row_does_not_count_beside_one_that_cannot_be_read() {
    let outcome = read_small(&format!("{HEADER}1,Ada,active,\n2,Bo,active,\n1,Ada,??,\n"));
    assert_eq!(outcome.keys(), ["2"]);
    assert_eq!(outcome.snapshot().presence(&key("1")), Presence::SetAside);
    assert_eq!(outcome.snapshot().set_aside_count(), 2);
}

#[test]
fn the_same_row_twice_is_one_person() {
    let outcome = read_small(&format!(
        "{HEADER}1,Ada,active,\r\n2,Bo,active,\n1,Ada,active,\n"
    ));
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    assert_eq!(outcome.keys(), ["1", "2"]);
    assert_eq!(outcome.count(&code::ROW_REPEATED), 1);
    assert_eq!(outcome.snapshot().presence(&key("1")), Presence::Present);
}

#[test]
fn as_long_as_one_row_could_be_anybodys_absence_proves_nothing() {
    for (row, code) in [
        ("3,Smith, Jo,active,\n", code::CELL_COUNT),
        ("3,Jo\n", code::CELL_COUNT),
        (",Jo,active,\n", code::KEY_UNUSABLE),
        ("3\u{1},Jo,active,\n", code::KEY_UNUSABLE),
        ("3,\"Jo\" Smith,active,\n", code::QUOTES),
    ] {
        let outcome = read_small(&format!("{HEADER}1,Ada,active,\n{row}2,Bo,active,\n"));
        assert_eq!(outcome.count(&code), 1, "{row}");
        assert_eq!(outcome.keys(), ["1", "2"], "{row}");
        assert!(!outcome.snapshot().proves_absence(), "{row}");
        assert_eq!(outcome.count(&code::ABSENCE_UNPROVEN), 1, "{row}");
        assert_eq!(outcome.verdict(), FileVerdict::Accepted, "{row}");
    }
}

#[test]
fn a_quote_that_swallows_rows_does_not_hide_anybody() {
    // As a parser sees it, Bo's row is inside Ada's name, and the number of cells is right.
    let outcome = read_small(&format!(
        "{HEADER}1,\"Ada,active,\n2,\"Bo,active,\n3,Cy,active,\n"
    ));
    assert_eq!(outcome.keys(), ["3"]);
    assert!(!outcome.snapshot().proves_absence());
}

#[test]
fn blank_rows_are_nobody() {
    let outcome = read_small(&format!(
        "{HEADER}1,Ada,active,\n,,,\n\"\",,,\n ,,, \n\n2,Bo,active,\n,,,\n"
    ));
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    assert_eq!(outcome.count(&code::BLANK_ROWS), 1);
    assert!(outcome.snapshot().proves_absence());
    assert_eq!(outcome.keys(), ["1", "2"]);
}

#[test]
fn cells_that_cannot_be_taken_set_their_row_aside() {
    let long = "x".repeat(muster_core::mapping::CELL_BYTES_MAX + 1);
    for (row, code) in [
        ("9,A\u{7}da,active,".to_owned(), code::CONTROL_CHARACTER),
        (format!("9,{long},active,"), code::CELL_TOO_LONG),
        ("9,Ada,active,31.12.2030".to_owned(), code::DAY_UNREADABLE),
    ] {
        let outcome = read_small(&format!("{HEADER}1,Bo,active,\n{row}\n"));
        assert_eq!(outcome.rows(&code), 1);
        assert!(outcome.snapshot().is_quarantined(&key("9")));
        let all = format!("{:?}", outcome.mistakes);
        assert!(!all.contains("Ada") && !all.contains("xxx"), "{all}");
    }
}

#[test]
fn a_file_with_too_many_rows_set_aside_is_held() {
    let rows = |good: u32, bad: u32| {
        let good: String = super::rows(0..good, |id| format!("{id},Ada,active,\n"));
        let bad: String = super::rows(0..bad, |id| format!("b{id},Ada,perhaps,\n"));
        read_small(&format!("{HEADER}{good}{bad}"))
    };
    for (good, bad, verdict) in [
        (90, 10, FileVerdict::Accepted),
        (900, 100, FileVerdict::Accepted),
        (899, 101, FileVerdict::Held),
        (30, 10, FileVerdict::Accepted),
        (30, 11, FileVerdict::Held),
        (3, 3, FileVerdict::Accepted),
        (2, 4, FileVerdict::Held),
    ] {
        assert_eq!(rows(good, bad).verdict(), verdict, "{good} good, {bad} bad");
    }
    let strict = IntakeOptions {
        set_aside: Share {
            percent_max: 0,
            floor: 1,
        },
        ..IntakeOptions::default()
    };
    let text = format!("{HEADER}1,Ada,active,\n2,Bo,?,\n3,Cy,?,\n4,Di,active,\n");
    let outcome = Outcome::of(text.as_bytes(), &small(), &strict);
    assert_eq!(outcome.verdict(), FileVerdict::Held);
    assert_eq!(
        outcome.rows(&code::VALUE_UNKNOWN),
        2,
        "everything is named all the same"
    );
}

#[test]
fn a_change_set_may_be_empty_and_names_whom_it_likes() {
    let options = IntakeOptions {
        is_change_set: true,
        ..IntakeOptions::default()
    };
    let outcome = Outcome::of(HEADER.as_bytes(), &small(), &options);
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    assert_eq!(outcome.snapshot().people_count(), 0);
    let managed = Outcome::of(super::files::THOUSAND, &super::entra(), &options);
    assert_eq!(managed.count(&code::MANAGER_MISSING), 0);
}

#[test]
fn keys_with_quotes_in_them_are_keys_like_others() {
    let outcome = read_small(&format!(
        "{HEADER}\"a\"\"1\",Ada,active,\n\"a,2\",Bo,active,\nb,Cy,active,\n"
    ));
    assert_eq!(outcome.keys(), ["a\"1", "a,2", "b"]);
    assert_eq!(outcome.snapshot().presence(&key("a\"1")), Presence::Present);
}

#[test]
fn what_is_listed_is_bounded_and_what_is_counted_is_exact() {
    let rows: String = super::rows(0..3_000, |id| format!("{id},Ada,?,\n"));
    let outcome = read_small(&format!("{HEADER}{rows}"));
    assert_eq!(outcome.count(&code::VALUE_UNKNOWN), 3_000);
    assert_eq!(outcome.rows(&code::VALUE_UNKNOWN), 3_000);
    assert!(outcome.mistakes.listed().len() < 1_100);
    assert_eq!(outcome.verdict(), FileVerdict::Held);
    let copies = read_small(&format!("{HEADER}{}", "1,Ada,active,\n".repeat(200)));
    let mistake = &copies.mistakes.listed()[0];
    assert_eq!((mistake.rows.len(), mistake.row_count), (50, 200));
}
