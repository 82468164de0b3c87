//! The real files and their quirks, each with what has to become of it.

use muster_core::id::PersonKey;
use muster_core::identity::Value;
use muster_core::mapping::Mapping;

use super::{Outcome, entra, entra_columns};
use crate::{FileVerdict, IntakeOptions, LastLineBreak, Trailer, code, open};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/fixtures/hr/", $name)).as_slice()
    };
}

pub(super) const THOUSAND: &[u8] = file!("csv-with-1000-records.csv");

fn take(bytes: &[u8]) -> Outcome {
    Outcome::of(bytes, &entra(), &IntakeOptions::default())
}

#[test]
fn nobody_is_provisioned_under_an_id_that_stands_for_two_people() {
    let outcome = take(THOUSAND);
    assert_eq!(outcome.verdict(), FileVerdict::Held);
    // The real file ends without a line break, too.
    let reasons = [code::LAST_LINE_BREAK, code::TOO_MANY_SET_ASIDE];
    assert_eq!(outcome.mistakes.reasons(), reasons);
    assert_eq!(outcome.count(&code::KEY_REPEATED), 265);
    assert_eq!(outcome.rows(&code::KEY_REPEATED), 641);
    assert_eq!(outcome.rows(&code::MANAGER_MISSING), 366);
    assert_eq!(outcome.rows(&code::MANAGER_SELF), 1);
    let snapshot = outcome.snapshot();
    assert_eq!(snapshot.row_count(), 1_000);
    assert_eq!(snapshot.people_count(), 359);
    assert_eq!(snapshot.quarantined().count(), 265);
    let lines = std::str::from_utf8(THOUSAND).unwrap().lines().skip(1);
    let mut keys: Vec<&str> = lines.map(|line| line.split(',').next().unwrap()).collect();
    keys.sort_unstable();
    let once: Vec<&str> = keys
        .chunk_by(|one, other| one == other)
        .filter(|run| run.len() == 1)
        .map(|run| run[0])
        .collect();
    assert_eq!(outcome.keys(), once);
    for key in snapshot.quarantined() {
        assert!(snapshot.is_quarantined(&PersonKey::new(key).unwrap()));
    }
}

#[test]
fn an_encoding_or_line_ending_does_not_change_what_a_file_says() {
    let plain = open(THOUSAND.to_vec(), &IntakeOptions::default());
    for bytes in [file!("utf16le-bom.csv"), file!("utf8-bom-crlf.csv")] {
        let other = open(bytes.to_vec(), &IntakeOptions::default());
        assert!(other.sheet.is_some());
        assert_eq!(other.mistakes.reasons(), plain.mistakes.reasons());
        assert_eq!(other.content, plain.content);
        assert_ne!(other.digest, plain.digest);
    }
    assert_eq!(plain.content.row_count, 1_000);
}

#[test]
fn accents_of_windows_1252_are_read_and_remarked() {
    let outcome = take(file!("windows1252-semicolon.csv"));
    assert_eq!(outcome.count(&code::FALLBACK_ENCODING), 1);
    let person = outcome
        .snapshot()
        .row(&PersonKey::new("1895").unwrap())
        .map(|row| row.read().unwrap())
        .expect("1895 stands once");
    assert_eq!(person.identity.text("first_name"), Some("S\u{f8}r\u{e9}n"));
}

#[test]
fn a_line_break_inside_quotes_belongs_to_the_cell() {
    let outcome = take(file!("quoted-newlines.csv"));
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    let person = outcome.snapshot().people().next().unwrap().unwrap();
    let street = person.identity.text("street").unwrap();
    assert!(street.starts_with("Attn: HR\n") && street.ends_with("2nd floor, \"East\" wing"));
    assert!(!street.contains('\r'));
}

#[test]
fn tabs_are_found_in_the_header() {
    let opened = open(file!("tab.tsv").to_vec(), &IntakeOptions::default());
    let sheet = opened.sheet.unwrap();
    assert_eq!(sheet.delimiter(), '\t');
    assert_eq!((sheet.header().len(), sheet.row_count()), (24, 99));
}

#[test]
fn dates_in_seven_shapes_are_not_guessed() {
    let outcome = take(file!("mixed-dates.csv"));
    assert_eq!(outcome.verdict(), FileVerdict::Held);
    assert_eq!(outcome.mistakes.reasons(), [code::TOO_MANY_SET_ASIDE]);
    // One row in seven has an ISO day at midnight; the others have to wait for a format.
    assert_eq!(outcome.rows(&code::DAY_UNREADABLE), 52);
    let mut columns = entra_columns();
    let start = columns.start.as_mut().unwrap();
    start.forms.formats = vec![
        "%d.%m.%Y".to_owned(),
        "%Y%m%d".to_owned(),
        "%d-%b-%Y".to_owned(),
    ];
    let mapping = Mapping::new(columns).unwrap();
    let outcome = Outcome::of(
        file!("mixed-dates.csv"),
        &mapping,
        &IntakeOptions::default(),
    );
    assert!(outcome.rows(&code::DAY_UNREADABLE) < 35);
    let mut columns = entra_columns();
    let start = columns.start.as_mut().unwrap();
    start.forms.formats = vec!["%m/%d/%Y".to_owned(), "%d/%m/%Y".to_owned()];
    assert!(
        Mapping::new(columns).is_err(),
        "two ways to read 03/09/2017"
    );
}

#[test]
fn files_that_are_cut_are_rejected() {
    for bytes in [
        file!("truncated-mid-row.csv"),
        file!("truncated-mid-utf16.csv"),
    ] {
        let outcome = take(bytes);
        assert_eq!(outcome.verdict(), FileVerdict::Rejected);
        assert_eq!(outcome.mistakes.reasons(), [code::CUT]);
        assert!(outcome.snapshot.is_none());
    }
}

#[test]
fn half_of_the_population_missing_is_for_the_guards_to_see() {
    let opened = open(
        file!("half-population.csv").to_vec(),
        &IntakeOptions::default(),
    );
    assert_eq!(opened.mistakes.verdict(), FileVerdict::Accepted);
    assert_eq!(opened.content.row_count, 500);
}

#[test]
fn a_total_at_the_end_is_no_person() {
    let bytes = file!("trailing-total-row.csv");
    let outcome = take(bytes);
    assert_eq!(outcome.verdict(), FileVerdict::Held);
    assert_eq!(outcome.mistakes.reasons(), [code::LAST_ROW_ODD]);
    assert_eq!(
        outcome.count(&code::VALUE_UNKNOWN),
        0,
        "it is explained once"
    );
    assert!(outcome.keys().iter().all(|key| !key.starts_with("Total")));
    let with_trailer = |pattern: &str| IntakeOptions {
        trailer: Some(Trailer::new(pattern).unwrap()),
        ..IntakeOptions::default()
    };
    let options = with_trailer("total records: {count}");
    let outcome = Outcome::of(bytes, &entra(), &options);
    assert_eq!(outcome.verdict(), FileVerdict::Accepted);
    assert_eq!(outcome.snapshot().row_count(), 49);
    let one_row_less = remove_line(bytes, 5);
    let outcome = Outcome::of(&one_row_less, &entra(), &options);
    assert_eq!(outcome.mistakes.reasons(), [code::ROW_COUNT]);
    let outcome = Outcome::of(bytes, &entra(), &with_trailer("Summe: {count}"));
    assert_eq!(outcome.mistakes.reasons(), [code::TRAILER_MISSING]);
}

fn remove_line(bytes: &[u8], index: usize) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
    let others = lines.filter(|(at, _)| *at != index);
    others.flat_map(|(_, line)| line.iter().copied()).collect()
}

#[test]
fn what_is_no_csv_is_called_by_its_name() {
    for (bytes, name) in [
        (file!("export.csv.gz"), "gzip"),
        (file!("export.zip"), "zip"),
        (file!("zipslip.zip"), "zip"),
        (file!("workers.xlsx"), "Excel"),
        (file!("odata-v2-sample.json"), "JSON"),
        (b"<!doctype html><title>502</title>".as_slice(), "web page"),
        (b"\xef\xbb\xbf <html></html>".as_slice(), "web page"),
        (b"%PDF-1.7".as_slice(), "PDF"),
    ] {
        let outcome = take(bytes);
        assert_eq!(outcome.verdict(), FileVerdict::Rejected);
        assert_eq!(outcome.mistakes.reasons(), [code::NOT_CSV]);
        let mistake = &outcome.mistakes.listed()[0];
        assert!(mistake.text.contains(name), "{}", mistake.text);
        assert!(mistake.hint.contains("save it as CSV"));
    }
}

#[test]
fn damaged_utf8_is_not_taken_for_windows_1252() {
    let header = "id,name,status,last day\n";
    let outcome = |rows: &[u8]| take(&[header.as_bytes(), rows].concat());
    let damaged = outcome(b"1,J\xc3\xbcrgen,active,\n2,Zo\xff,active,\n");
    assert_eq!(damaged.mistakes.reasons(), [code::ENCODING]);
    let zeros = outcome(b"1,a\0b,active,\n");
    assert_eq!(zeros.mistakes.reasons(), [code::ENCODING]);
    let undefined = outcome(b"1,Zo\xeb\x81,active,\n");
    assert_eq!(undefined.mistakes.reasons(), [code::ENCODING]);
}

#[test]
fn a_configured_encoding_counts_and_a_mark_counts_more() {
    let options = IntakeOptions {
        encoding: crate::encoding_named("windows-1250"),
        last_line_break: LastLineBreak::Optional,
        ..IntakeOptions::default()
    };
    let text = |bytes: &[u8]| {
        let outcome = Outcome::of(bytes, &super::small(), &options);
        let person = outcome.snapshot().people().next().unwrap().unwrap();
        person.identity.attributes["name"].clone()
    };
    let polish = text(b"id,name,status,last day\n1,\xa3ukasz,active,");
    assert_eq!(polish, Value::Text("\u{141}ukasz".to_owned()));
    let marked = text(b"\xef\xbb\xbfid,name,status,last day\n1,\xc5\x81ukasz,active,");
    assert_eq!(marked, polish);
}
