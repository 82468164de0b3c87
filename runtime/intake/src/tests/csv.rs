//! Rows and cells are those of the `csv` crate, and the content digest knows no order.

use proptest::prelude::*;

use super::super::rows::{Ending, Quoting, Rows, split};
use super::super::stream::{CannotSay, ContentStream};
use crate::{FileVerdict, IntakeOptions, open};

/// The records of a text, by us.
fn ours(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut cells = Vec::new();
    Rows::new(text.as_bytes(), 0, 1, delimiter)
        .map(|span| {
            split(&text[span.start..span.end], delimiter, &mut cells);
            cells.iter().map(|cell| cell.clone().into_owned()).collect()
        })
        .collect()
}

/// The records of a text, by the `csv` crate.
fn theirs(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let records = reader.records().map(|record| record.unwrap());
    records
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_has_the_records_that_the_csv_crate_finds(text in "[ab,;\"\n\r \u{e4}]{0,40}") {
        for delimiter in [b',', b';'] {
            prop_assert_eq!(ours(&text, delimiter), theirs(&text, delimiter), "{:?}", text);
        }
    }

    #[test]
    fn what_is_written_as_csv_is_read_back(
        rows in prop::collection::vec(prop::collection::vec("[a-c,\"\n\r;\t \u{e4}]{0,6}", 2), 1..8),
    ) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        prop_assert_eq!(ours(&text, b','), rows);
    }

    #[test]
    fn the_order_of_rows_never_matters(
        rows in prop::collection::vec("[a-c\"]{1,4}", 1..12).prop_flat_map(|rows| {
            (Just(rows.clone()), Just(rows).prop_shuffle())
        }),
        ending in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let text = |rows: &[String], ending: &str| {
            let row = |row: &String| format!("x,\"{}\"{ending}", row.replace('"', "\"\""));
            format!("h1,h2{ending}{}", rows.iter().map(row).collect::<String>())
        };
        let (rows, shuffled) = rows;
        let one = open(text(&rows, "\n").into_bytes(), &IntakeOptions::default());
        let other = open(text(&shuffled, ending).into_bytes(), &IntakeOptions::default());
        prop_assert_eq!(one.content, other.content);
        let mut longer = rows.clone();
        longer.push(rows[0].clone());
        let longer = open(text(&longer, "\n").into_bytes(), &IntakeOptions::default());
        prop_assert_ne!(one.content.rows, longer.content.rows);
    }
}

#[test]
fn a_quote_that_is_closed_too_early_is_not_sound() {
    let mut cells = Vec::new();
    for (row, quoting) in [
        ("a,b", Quoting::Sound),
        ("\"a\",\"b\"", Quoting::Sound),
        ("5\" pipe,b", Quoting::Sound),
        ("\"a\"b,c", Quoting::Unsound),
        ("\"a,b", Quoting::Unsound),
    ] {
        assert_eq!(split(row, b',', &mut cells), quoting, "{row}");
    }
}

#[test]
fn rows_are_numbered_as_a_spreadsheet_numbers_them() {
    let text = "h\n\n\"a\nb\"\r\n\r\nc\rd";
    let spans: Vec<_> = Rows::new(text.as_bytes(), 0, 1, b',').collect();
    let numbers: Vec<u32> = spans.iter().map(|span| span.number).collect();
    assert_eq!(numbers, [1, 3, 5, 6]);
    assert_eq!(spans[3].ending, Ending::Text);
}

#[test]
fn two_changes_that_cancel_each_other_are_not_overlooked() {
    // Swapping a cell between two rows keeps the bytes of the file, and says something else.
    let content = |text: &str| open(text.as_bytes().to_vec(), &IntakeOptions::default()).content;
    let before = content("id,dept\n1,Sales\n2,Legal\n");
    assert_ne!(before, content("id,dept\n1,Legal\n2,Sales\n"));
    assert_ne!(before, content("id,team\n1,Sales\n2,Legal\n"));
    assert_eq!(before, content("id,dept\r\n2,Legal\r\n\r\n1,Sales\r\n"));
}

#[test]
fn a_line_that_names_the_separator_is_believed() {
    let opened = open(
        b"sep=;\nid;a,b,c\n1;2,3,4\n".to_vec(),
        &IntakeOptions::default(),
    );
    let sheet = opened.sheet.unwrap();
    assert_eq!(sheet.header(), ["id", "a,b,c"]);
}

#[test]
fn every_bound_on_a_file_is_kept() {
    let small = IntakeOptions {
        bytes_max: 100,
        rows_max: 3,
        row_bytes_max: 20,
        columns_max: 4,
        ..IntakeOptions::default()
    };
    for (text, code) in [
        ("a,b\n".to_owned() + &"1,2\n".repeat(30), "HR-003"),
        ("a,b\n".to_owned() + &"1,2\n".repeat(4), "HR-027"),
        ("a,b\n1,".to_owned() + &"x".repeat(20) + "\n", "HR-027"),
        ("a,b,c,d,e\n1,2,3,4,5\n".to_owned(), "HR-027"),
    ] {
        let opened = open(text.clone().into_bytes(), &small);
        assert_eq!(opened.mistakes.verdict(), FileVerdict::Rejected, "{text}");
        assert_eq!(opened.mistakes.reasons()[0].as_str(), code, "{text}");
    }
    let within = "a,b\n".to_owned() + &"1,2\n".repeat(3);
    let opened = open(within.into_bytes(), &small);
    assert_eq!(opened.mistakes.verdict(), FileVerdict::Accepted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_file_read_in_pieces_says_what_it_says_in_one(
        text in prop_oneof![
            "(sep=;\n)?[abc,;]{1,6}\n([ab,;\"\n\r\u{e4}]{0,6}[\n\r]){0,8}[ab]{0,2}",
            "\u{feff}?[ab,;\"\n\r \u{e4}]{0,40}",
        ],
        piece in 1_usize..20,
    ) {
        let options = IntakeOptions::default();
        let mut stream = ContentStream::new(&options);
        let fed = text.as_bytes().chunks(piece).try_for_each(|piece| stream.feed(piece));
        let streamed = fed.and_then(|()| stream.finish());
        if let Ok(content) = streamed {
            prop_assert_eq!(content, open(text.clone().into_bytes(), &options).content, "{:?}", text);
        }
    }
}

#[test]
fn a_file_read_in_pieces_is_digested_unless_it_is_out_of_the_ordinary() {
    let thousand = super::files::THOUSAND;
    let options = IntakeOptions::default();
    let stream = |bytes: &[u8], options: &IntakeOptions| {
        let mut stream = ContentStream::new(options);
        let fed = bytes.chunks(1_000).try_for_each(|piece| stream.feed(piece));
        fed.and_then(|()| stream.finish())
    };
    assert_eq!(
        stream(thousand, &options),
        Ok(open(thousand.to_vec(), &options).content)
    );
    let narrow = IntakeOptions {
        row_bytes_max: 100,
        ..IntakeOptions::default()
    };
    for (bytes, options) in [
        (&b"a,b\n1,\xff\n"[..], &options),
        (b"a,b\n1,\0\n", &options),
        (b"a,b\n1,\"2", &options),
        (b"\xff\xfea\0\n\0", &options),
        (b"PK\x03\x04\n1", &options),
        (b"", &options),
        (thousand, &narrow),
    ] {
        assert_eq!(stream(bytes, options), Err(CannotSay));
    }
}
