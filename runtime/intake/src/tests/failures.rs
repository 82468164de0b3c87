//! What went wrong elsewhere and must not go wrong here. The numbers are those of the list of
//! failures: an empty file (F1), a half-written one (F3), a column that is gone (F5), `"False"` that
//! is taken for yes (F6).

use std::collections::BTreeMap;

use muster_core::id::{FeedName, PersonKey};
use muster_core::identity::{Status, Value};
use muster_core::mapping::{Form, Mapping, StatusRule};
use proptest::prelude::*;

use super::files::THOUSAND;
use super::{Outcome, attribute, entra, read_small, small, small_columns};
use crate::{FileVerdict, IntakeOptions, LastLineBreak, Presence, code, open};

const HEADER: &str = "id,name,status,last day\n";

#[test]
fn f1_a_file_without_people_has_nothing_to_plan_from() {
    for (text, verdict, reason) in [
        ("", FileVerdict::Rejected, code::EMPTY),
        ("\u{feff}", FileVerdict::Rejected, code::EMPTY),
        ("\n \r\n\n", FileVerdict::Rejected, code::EMPTY),
        (HEADER, FileVerdict::Held, code::HEADER_ONLY),
        (HEADER.trim_end(), FileVerdict::Held, code::HEADER_ONLY),
    ] {
        let outcome = read_small(text);
        assert_eq!(outcome.verdict(), verdict, "{text:?}");
        assert_eq!(outcome.mistakes.reasons(), [reason], "{text:?}");
        assert!(outcome.snapshot.is_none(), "{text:?}");
    }
    let blank = read_small(&format!("{HEADER},,,\n,,,\n"));
    assert_eq!(blank.verdict(), FileVerdict::Held);
    assert_eq!(blank.snapshot().people_count(), 0);
}

#[test]
fn f1_rows_of_which_none_can_be_read_hold_the_file() {
    let outcome = read_small(&format!("{HEADER}1,Ada,unknown,\n"));
    assert_eq!(outcome.verdict(), FileVerdict::Held);
    assert_eq!(outcome.mistakes.reasons(), [code::TOO_MANY_SET_ASIDE]);
}

#[test]
fn f3_a_file_cut_inside_a_row_a_quote_or_a_character_is_rejected() {
    let whole = format!(
        "{HEADER}1,\"Ada \"\"the\"\" first\nof her name\",active,\n2,Zo\u{eb},active,2030-01-31\n"
    );
    assert_eq!(read_small(&whole).verdict(), FileVerdict::Accepted);
    let cut_behind = |piece: &str| whole.find(piece).unwrap() + piece.len();
    let mid_quote = read_small(&whole[..cut_behind("first\nof")]);
    let mid_row = read_small(&whole[..cut_behind("2,Zo\u{eb},act")]);
    let mid_character = &whole.as_bytes()[..cut_behind("2,Zo\u{eb}") - 1];
    let mid_character = Outcome::of(mid_character, &small(), &IntakeOptions::default());
    for outcome in [mid_quote, mid_row, mid_character] {
        assert_eq!(outcome.verdict(), FileVerdict::Rejected);
        assert_eq!(outcome.mistakes.reasons(), [code::CUT]);
    }
    let mid_last_cell = read_small(&whole[..cut_behind("2030-01-3")]);
    assert_eq!(mid_last_cell.verdict(), FileVerdict::Held);
    assert!(
        mid_last_cell
            .mistakes
            .reasons()
            .contains(&code::LAST_LINE_BREAK)
    );
}

#[test]
fn f3_no_cut_of_a_file_passes_unless_it_is_between_two_rows() {
    // The first rows of the real file, with its own accents and quotes made harder.
    let text = std::str::from_utf8(THOUSAND).unwrap();
    let end = text.match_indices('\n').nth(4).unwrap().0 + 1;
    let text = text[..end].replace("303 Mansion Ct", "\"303 \u{fc} \"\"Mansion\"\"\nCt\"");
    let mut boundaries: Vec<usize> = Vec::new();
    let mut is_quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => boundaries.push(at + 1),
            _ => {}
        }
    }
    for cut in 0..=text.len() {
        let opened = open(text.as_bytes()[..cut].to_vec(), &IntakeOptions::default());
        let is_accepted = opened.mistakes.verdict() == FileVerdict::Accepted;
        let is_boundary = boundaries.iter().skip(1).any(|boundary| *boundary == cut);
        assert_eq!(is_accepted, is_boundary, "cut behind byte {cut}");
        assert_eq!(
            opened.may_be_growing(),
            !is_accepted,
            "cut behind byte {cut}"
        );
    }
}

#[test]
fn f3_a_cut_between_two_rows_is_found_by_a_closing_row() {
    let options = IntakeOptions {
        trailer: Some(crate::Trailer::new("Rows: {count}").unwrap()),
        ..IntakeOptions::default()
    };
    let verdict = |text: &str| {
        let outcome = Outcome::of(text.as_bytes(), &small(), &options);
        (outcome.verdict(), outcome.mistakes.reasons())
    };
    let rows = format!("{HEADER}1,Ada,active,\n2,Bo,active,\n");
    assert_eq!(
        verdict(&format!("{rows}Rows: 2,,,\n")),
        (FileVerdict::Accepted, vec![])
    );
    assert_eq!(
        verdict(&format!("{rows}Rows: 2")),
        (FileVerdict::Accepted, vec![])
    );
    assert_eq!(
        verdict(&format!("{rows}\"rows: 1,002\",,,\n")).1,
        [code::ROW_COUNT]
    );
    assert_eq!(
        verdict(&rows),
        (FileVerdict::Held, vec![code::TRAILER_MISSING])
    );
}

#[test]
fn f3_a_feed_may_leave_out_the_last_line_break() {
    let options = IntakeOptions {
        last_line_break: LastLineBreak::Optional,
        ..IntakeOptions::default()
    };
    let text = format!("{HEADER}1,Ada,active,\n2,Bo,active,2030-01-31");
    let outcome = Outcome::of(text.as_bytes(), &small(), &options);
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    assert_eq!(outcome.keys(), ["1", "2"]);
}

#[test]
fn f5_a_column_that_is_gone_changes_nobody() {
    let text = std::str::from_utf8(THOUSAND).unwrap();
    let columns: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let mapped = [
        "WorkerID",
        "WorkerStatus",
        "UserID",
        "FirstName",
        "LastName",
        "FullName",
        "ManagerID",
        "HireDate",
        "OnLeave",
        "Department",
        "JobTitle",
        "StreetAddress",
        "ZipCode",
    ];
    for (index, column) in columns.iter().enumerate() {
        let without = without_column(text, index);
        let outcome = Outcome::of(without.as_bytes(), &entra(), &IntakeOptions::default());
        if mapped.contains(column) {
            assert_eq!(outcome.verdict(), FileVerdict::Held, "{column}");
            assert_eq!(
                outcome.mistakes.reasons(),
                [code::COLUMN_MISSING],
                "{column}"
            );
            assert!(
                outcome.snapshot.is_none(),
                "{column}: there is nothing to plan from"
            );
            let finding = &outcome.mistakes.findings(&FeedName::new("hr").unwrap())[0];
            assert!(finding.text.contains(column), "{}", finding.text);
        } else {
            assert_eq!(outcome.snapshot().people_count(), 359, "{column}");
        }
    }
}

fn without_column(text: &str, index: usize) -> String {
    let line = |line: &str| {
        let cells = line.split(',').enumerate();
        let kept: Vec<&str> = cells
            .filter(|(at, _)| *at != index)
            .map(|(_, cell)| cell)
            .collect();
        kept.join(",") + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn f5_absent_and_empty_and_a_value_are_three_things() {
    let city = |text: &str| {
        let outcome = read_small(text);
        let person = outcome.snapshot().people().next().unwrap().unwrap();
        person.identity.attributes.get("city").cloned()
    };
    assert_eq!(city("id,name,status,last day\n1,Ada,active,\n"), None);
    assert_eq!(
        city("id,name,status,last day,city\n1,Ada,active,,\n"),
        Some(Value::Empty)
    );
    assert_eq!(
        city("city,id,status,last day,name\nBonn,1,active,,Ada\n"),
        Some(Value::Text("Bonn".to_owned()))
    );
}

#[test]
fn f5_a_column_that_is_there_twice_holds_the_file() {
    let outcome = read_small("id,name,status,last day,NAME \n1,Ada,active,,Eve\n");
    assert_eq!(outcome.mistakes.reasons(), [code::COLUMN_AMBIGUOUS]);
    assert!(outcome.snapshot.is_none());
}

#[test]
fn f5_a_file_without_a_header_is_held_and_no_cell_of_it_is_quoted() {
    let outcome = read_small("1,Ada Lovelace,active,\n2,Bo,active,\n");
    assert_eq!(outcome.mistakes.reasons(), [code::COLUMN_MISSING]);
    let all = format!("{:?}", outcome.mistakes);
    assert!(all.contains("the first row is not a header"));
    assert!(!all.contains("Lovelace"), "{all}");
}

#[test]
fn f6_a_yes_or_no_is_what_the_table_says_and_nothing_else() {
    let table = |yes: &[&str], no: &[&str]| {
        let own = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let mut columns = small_columns();
        let form = Form::Boolean {
            yes: own(yes),
            no: own(no),
        };
        columns.attributes = BTreeMap::from([("badge".to_owned(), attribute("badge", form))]);
        Mapping::new(columns).unwrap()
    };
    let read = |mapping: &Mapping, value: &str| {
        let text = format!("id,badge,status,last day\n1,{value},active,\n2,True,active,\n");
        let outcome = Outcome::of(text.as_bytes(), mapping, &IntakeOptions::default());
        let key = PersonKey::new("1").unwrap();
        match outcome.snapshot().presence(&key) {
            Presence::Present => {
                let person = outcome.snapshot().row(&key).unwrap().read().unwrap();
                Ok(person.identity.attributes["badge"].clone())
            }
            Presence::SetAside => Err(outcome.mistakes.listed()[0].code.clone()),
            Presence::Absent => panic!("the row is there"),
        }
    };
    let narrow = table(&["True"], &["False"]);
    assert_eq!(read(&narrow, "FALSE"), Ok(Value::Boolean(false)));
    assert_eq!(read(&narrow, "true"), Ok(Value::Boolean(true)));
    assert_eq!(read(&narrow, ""), Ok(Value::Empty));
    for value in ["0", "1", "n", "nein", "no", "falsch", "F"] {
        assert_eq!(read(&narrow, value), Err(code::VALUE_UNKNOWN), "{value:?}");
    }
    let wide = table(&["True", "ja"], &["False", "0", "n", "nein", ""]);
    for value in ["FALSE", "0", "n", "nein", ""] {
        assert_eq!(read(&wide, value), Ok(Value::Boolean(false)), "{value:?}");
    }
}

#[test]
fn f6_an_unknown_status_sets_the_row_aside() {
    for value in ["FALSE", "0", "n", "nein", ""] {
        let outcome = read_small(&format!("{HEADER}1,Ada,{value},\n2,Bo,active,\n"));
        assert_eq!(outcome.rows(&code::VALUE_UNKNOWN), 1, "{value:?}");
        assert_eq!(outcome.keys(), ["2"], "{value:?}");
        assert!(
            outcome
                .snapshot()
                .is_quarantined(&PersonKey::new("1").unwrap())
        );
        assert!(
            outcome.snapshot().proves_absence(),
            "the row is known to be 1's"
        );
    }
    let mut columns = small_columns();
    columns.status = StatusRule::Always(Status::Active);
    let mapping = Mapping::new(columns).unwrap();
    let text = format!("{HEADER}1,Ada,nein,\n");
    let outcome = Outcome::of(text.as_bytes(), &mapping, &IntakeOptions::default());
    assert_eq!(outcome.keys(), ["1"]);
}

proptest! {
    #[test]
    fn f3_a_prefix_of_a_file_is_refused_or_a_smaller_file(
        cut in 0.0_f64..1.0,
        rows in prop::collection::vec("[a-z\u{e4}\u{6f22}\", \n]{0,12}", 1..12),
    ) {
        let quote = |(index, name): (usize, &String)| {
            format!("{index},\"{}\",active,\"2030-01-31\"\r\n", name.replace('"', "\"\""))
        };
        let body: String = rows.iter().enumerate().map(quote).collect();
        let whole = format!("{HEADER}{body}");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a place in a short text")]
        let at = (whole.len() as f64 * cut) as usize;
        let full = open(whole.clone().into_bytes(), &IntakeOptions::default());
        let part = open(whole.as_bytes()[..at].to_vec(), &IntakeOptions::default());
        prop_assert_eq!(full.mistakes.verdict(), FileVerdict::Accepted);
        if part.mistakes.verdict() == FileVerdict::Accepted {
            prop_assert!(part.content.row_count < full.content.row_count || part.content == full.content);
            let end = &whole.as_bytes()[..at];
            prop_assert!(end.ends_with(b"\"2030-01-31\"\r\n") || end.ends_with(b"\"2030-01-31\"\r"));
        }
    }
}
