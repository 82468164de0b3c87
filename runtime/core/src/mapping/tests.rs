//! What a mapping takes, refuses and reads.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Attribute, Column, Columns, DayColumn, DayForms, Form, InvalidMapping, Mapping, Mistake,
    StatusRule, ZoneColumn, ZoneRule, code,
};
use crate::identity::{Identity, Status, Value};

fn columns() -> Columns {
    Columns {
        key: Column::named("id"),
        attributes: BTreeMap::new(),
        status: StatusRule::Always(Status::Active),
        start: Some(days(&[])),
        end: Some(DayColumn {
            column: Column::named("end"),
            ..days(&[])
        }),
        zone: ZoneRule {
            default: "Europe/Berlin".to_owned(),
            column: None,
        },
        effective: None,
        manager: None,
    }
}

fn days(formats: &[&str]) -> DayColumn {
    DayColumn {
        column: Column::named("start"),
        forms: forms(formats),
    }
}

/// Two digits stand for the years from 1950 on.
fn forms(formats: &[&str]) -> DayForms {
    DayForms {
        formats: formats.iter().map(|format| (*format).to_owned()).collect(),
        two_digit_years: Some(1950),
        ..DayForms::default()
    }
}

fn with_formats(formats: &[&str]) -> Result<Mapping, Vec<InvalidMapping>> {
    Mapping::new(Columns {
        start: Some(days(formats)),
        ..columns()
    })
}

fn with_attribute(form: Form) -> Mapping {
    let attribute = Attribute {
        column: Column::named("cell"),
        form,
    };
    Mapping::new(Columns {
        attributes: BTreeMap::from([("it".to_owned(), attribute)]),
        ..columns()
    })
    .unwrap()
}

/// Reads one row below a header.
fn row(mapping: &Mapping, header: &[&str], cells: &[&str]) -> Result<Identity, Mistake> {
    let bound = mapping.bind(header).unwrap();
    let read = bound.row(cells, 2);
    assert_eq!(
        bound.check(cells, 2),
        read.clone().map(drop),
        "checking is reading"
    );
    read.map(|(_, identity)| identity)
}

fn cell(mapping: &Mapping, cell: &str) -> Result<Value, String> {
    row(
        mapping,
        &["id", "start", "end", "cell"],
        &["1", "", "", cell],
    )
    .map(|identity| identity.attributes["it"].clone())
    .map_err(|mistake| mistake.code.to_string())
}

/// The instants of a first and a last day.
fn instants(mapping: &Mapping, start: &str, end: &str) -> Result<[Option<Timestamp>; 2], Mistake> {
    row(mapping, &["id", "start", "end"], &["1", start, end])
        .map(|identity| [identity.employment.starts_at, identity.employment.ends_at])
}

fn start_day(mapping: &Mapping, text: &str) -> Option<String> {
    let zone = jiff::tz::TimeZoneDatabase::bundled()
        .get("Europe/Berlin")
        .unwrap();
    let [start, _] = instants(mapping, text, "").ok()?;
    Some(start?.to_zoned(zone).date().to_string())
}

#[test]
fn days_that_can_be_read_in_one_way_only_are_always_read() {
    let mapping = with_formats(&[]).unwrap();
    for (text, day) in [
        ("2020-03-23", Some("2020-03-23")),
        (" 2020-03-23 ", Some("2020-03-23")),
        ("2020-03-23T00:00:00-07:00", Some("2020-03-23")),
        ("2020-03-23T00:00:00.000Z", Some("2020-03-23")),
        ("2020-03-23 00:00", Some("2020-03-23")),
        ("1960-01-01-07:00", Some("1960-01-01")),
        ("1960-01-01+0530", Some("1960-01-01")),
        ("/Date(1583107200000)/", Some("2020-03-02")),
        ("/Date(1583107200000+0000)/", Some("2020-03-02")),
        ("/Date(-315619200000)/", Some("1960-01-01")),
        // A time of day: which day that is depends on a zone that nobody wrote down.
        ("2020-03-22T23:00:00Z", None),
        ("/Date(1618796144000+0000)/", None),
        ("2020-02-30", None),
        ("2020-3-23", None),
        ("0020-03-23", None),
        ("20200323", None),
        ("03/09/2017", None),
        ("2020-03-23 07:00", None),
        ("2020-03-23x", None),
        ("202\u{e9}-03-23", None),
    ] {
        assert_eq!(start_day(&mapping, text).as_deref(), day, "{text}");
    }
}

#[test]
fn the_configured_format_decides_between_day_and_month() {
    let day = |format: &str, text: &str| start_day(&with_formats(&[format]).unwrap(), text);
    let is = |day: &str| Some(day.to_owned());
    assert_eq!(day("%m/%d/%Y", "03/09/2017"), is("2017-03-09"));
    assert_eq!(day("%d/%m/%Y", "03/09/2017"), is("2017-09-03"));
    assert_eq!(day("%d/%m/%Y", "3/9/2017"), is("2017-09-03"));
    assert_eq!(
        day("%m/%d/%Y", "14/09/2019"),
        None,
        "it is not tried the other way round"
    );
    assert_eq!(
        day("%m/%d/%Y", "11/17/18"),
        None,
        "the year 18 is a typing error"
    );
    assert_eq!(day("%m/%d/%y", "11/17/18"), is("2018-11-17"));
    assert_eq!(day("%Y%m%d", "20170821"), is("2017-08-21"));
    assert_eq!(day("%d-%b-%Y", "03-Jul-2019"), is("2019-07-03"));
    assert_eq!(day("%d.%m.%Y", "10.07.2010"), is("2010-07-10"));
    assert_eq!(day("%d.%m.%Y", "10.07.2010 x"), None);
    assert_eq!(
        day("%d.%m.%Y", "2010-07-10"),
        is("2010-07-10"),
        "ISO in any case"
    );
}

#[test]
fn formats_that_contradict_each_other_are_refused() {
    for formats in [
        &["%m/%d/%Y", "%d/%m/%Y"][..],
        &["%d.%m.%Y", "%Y%m%d", "%m.%d.%Y"],
        &["%y/%m/%d", "%d/%m/%y"],
        &["%Y-%d-%m"],
    ] {
        let errors = with_formats(formats).unwrap_err();
        assert!(
            matches!(errors[..], [InvalidMapping::FormatsAmbiguous { .. }]),
            "{formats:?}: {errors:?}"
        );
    }
    for formats in [&["%m/%Y"][..], &["no day"], &["%Y-%m-%"], &[""]] {
        let errors = with_formats(formats).unwrap_err();
        assert!(
            matches!(errors[..], [InvalidMapping::FormatUnusable { .. }]),
            "{formats:?}: {errors:?}"
        );
    }
    assert!(with_formats(&["%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y", "%Y%m%d", "%d-%b-%Y"]).is_ok());
    assert!(with_formats(&["%d.%m.%Y"; super::FORMATS_MAX + 1]).is_err());
}

#[test]
fn a_day_begins_and_ends_where_the_person_works() {
    let places = ZoneColumn {
        column: Column::named("place"),
        values: BTreeMap::from([("Melbourne".to_owned(), "Australia/Melbourne".to_owned())]),
    };
    let mut columns = columns();
    columns.zone.column = Some(places);
    let mapping = Mapping::new(columns).unwrap();
    let end = |place: &str, day: &str| {
        row(
            &mapping,
            &["id", "start", "end", "place"],
            &["1", "", day, place],
        )
        .map(|identity| identity.employment.ends_at.unwrap().to_string())
        .map_err(|mistake| mistake.code)
    };
    let is = |instant: &str| Ok(instant.to_owned());
    assert_eq!(end("MELBOURNE", "2026-11-20"), is("2026-11-20T13:00:00Z"));
    assert_eq!(end("", "2026-11-20"), is("2026-11-20T23:00:00Z"));
    assert_eq!(end("Asia/Tokyo", "2026-11-20"), is("2026-11-20T15:00:00Z"));
    assert_eq!(end("Atlantis", "2026-11-20"), Err(code::ZONE_UNKNOWN));
    // The last day is the one on which the clocks change: it has 23 or 25 hours.
    assert_eq!(end("", "2026-03-29"), is("2026-03-29T22:00:00Z"));
    assert_eq!(end("", "2026-10-25"), is("2026-10-25T23:00:00Z"));
    // Midnight is skipped (Beirut) or comes twice (Havana): the first instant of the day counts.
    assert_eq!(end("Asia/Beirut", "2026-03-28"), is("2026-03-28T22:00:00Z"));
    assert_eq!(
        end("America/Havana", "2026-10-31"),
        is("2026-11-01T04:00:00Z")
    );
    // A day that was left out altogether.
    assert_eq!(
        end("Pacific/Apia", "2011-12-29"),
        is("2011-12-30T10:00:00Z")
    );
}

#[test]
fn a_last_day_in_the_year_9999_is_no_end() {
    let mapping = with_formats(&[]).unwrap();
    assert_eq!(instants(&mapping, "", "9999-12-31").unwrap(), [None, None]);
    assert!(instants(&mapping, "", "2999-12-31").unwrap()[1].is_some());
    let mistake = instants(&mapping, "2026-05-02", "2026-05-01").unwrap_err();
    assert_eq!(mistake.code, code::END_BEFORE_START);
    assert!(
        instants(&mapping, "2026-05-01", "2026-05-01").is_ok(),
        "one day is an employment"
    );
}

#[test]
fn a_cell_is_what_its_form_says() {
    let text = with_attribute(Form::Text);
    assert_eq!(cell(&text, "  007 "), Ok(Value::Text("007".to_owned())));
    assert_eq!(cell(&text, "\u{a0}\t"), Ok(Value::Empty));
    assert_eq!(cell(&text, "a\r\nb"), Ok(Value::Text("a\nb".to_owned())));
    assert_eq!(cell(&text, "a\u{1b}[2Jb"), Err("HR-017".to_owned()));
    assert_eq!(cell(&text, "a\u{85}b"), Err("HR-017".to_owned()));
    assert_eq!(
        cell(&text, &"x".repeat(super::CELL_BYTES_MAX + 1)),
        Err("HR-018".to_owned())
    );
    let number = with_attribute(Form::Integer);
    assert_eq!(cell(&number, "-12"), Ok(Value::Integer(-12)));
    assert_eq!(cell(&number, "1,000"), Err("HR-019".to_owned()));
    let list = with_attribute(Form::List {
        separator: ";".to_owned(),
    });
    let items = ["a", "b"].map(str::to_owned).to_vec();
    assert_eq!(cell(&list, "a; b;;"), Ok(Value::List(items)));
    assert_eq!(
        cell(&list, &"x;".repeat(super::LIST_ITEMS_MAX)),
        Err("HR-019".to_owned())
    );
    let day = with_attribute(Form::Day(DayForms::default()));
    assert!(matches!(cell(&day, "2020-03-23"), Ok(Value::Day(_))));
    assert_eq!(cell(&day, ""), Ok(Value::Empty));
    assert_eq!(cell(&day, "soon"), Err("HR-015".to_owned()));
}

#[test]
fn a_mistake_quotes_days_and_status_and_nothing_that_could_be_a_name() {
    let mapping = with_formats(&[]).unwrap();
    let mistake = instants(&mapping, "31.12.2026", "").unwrap_err();
    assert!(mistake.text.contains("`31.12.2026`"), "{}", mistake.text);
    let mistake = instants(&mapping, "Ada Lovelace", "").unwrap_err();
    assert!(!mistake.text.contains("Ada"), "{}", mistake.text);
    assert_eq!(
        (mistake.row, mistake.column.as_deref()),
        (Some(2), Some("start"))
    );
    let long = instants(&mapping, &"9".repeat(100), "").unwrap_err();
    assert!(long.text.len() < 120, "{}", long.text);
}

#[test]
fn columns_are_found_by_any_of_their_names_and_only_once() {
    let mut columns = columns();
    columns.key.names = vec!["WorkerID".to_owned(), "Employee Number".to_owned()];
    columns.manager = Some(Column {
        names: vec!["Boss".to_owned()],
        optional: true,
    });
    let mapping = Mapping::new(columns).unwrap();
    let codes = |header: &[&str]| match mapping.bind(header) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.into_iter().map(|mistake| mistake.code).collect(),
    };
    assert_eq!(codes(&[" END", "start ", "employee number"]), []);
    assert_eq!(codes(&["workerid", "start", "end", "", ""]), []);
    assert_eq!(codes(&["workerid", "start"]), [code::COLUMN_MISSING]);
    assert_eq!(
        codes(&["WorkerID", "Employee Number", "start", "end"]),
        [code::COLUMN_AMBIGUOUS]
    );
    assert_eq!(
        codes(&["WorkerID", "boss", "BOSS", "start", "end"]),
        [code::COLUMN_AMBIGUOUS]
    );
    assert_eq!(
        codes(&["1", "2"]).len(),
        4,
        "no header at all is said once more"
    );
}

#[test]
fn a_manager_is_an_attribute_and_absent_where_the_column_is() {
    let mut columns = columns();
    columns.manager = Some(Column {
        names: vec!["boss".to_owned()],
        optional: true,
    });
    let mapping = Mapping::new(columns).unwrap();
    let manager = |header: &[&str], cells: &[&str]| {
        row(&mapping, header, cells)
            .unwrap()
            .attributes
            .get(super::MANAGER)
            .cloned()
    };
    let header = ["id", "start", "end", "boss"];
    assert_eq!(
        manager(&header, &["1", "", "", " 7 "]),
        Some(Value::Text("7".to_owned()))
    );
    assert_eq!(manager(&header, &["1", "", "", ""]), Some(Value::Empty));
    assert_eq!(manager(&header[..3], &["1", "", ""]), None);
}

#[test]
fn columns_that_could_hurt_are_refused_all_at_once() {
    let mut columns = columns();
    columns.key.optional = true;
    columns.end.as_mut().unwrap().column.optional = true;
    columns.zone.default = "Europe/Atlantis".to_owned();
    columns.manager = Some(Column::named(" "));
    columns.status = StatusRule::Column {
        column: Column::named("status"),
        values: BTreeMap::from([
            ("Active".to_owned(), Status::Active),
            ("ACTIVE ".to_owned(), Status::Ended),
        ]),
    };
    let attribute = |form| Attribute {
        column: Column::named("x"),
        form,
    };
    columns.attributes = BTreeMap::from([
        ("Upper".to_owned(), attribute(Form::Text)),
        ("manager".to_owned(), attribute(Form::Text)),
        (
            "flag".to_owned(),
            attribute(Form::Boolean {
                yes: vec!["x".to_owned()],
                no: vec![],
            }),
        ),
        (
            "list".to_owned(),
            attribute(Form::List {
                separator: String::new(),
            }),
        ),
    ]);
    let errors = Mapping::new(columns).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for piece in [
        "`key` cannot be optional",
        "`end` cannot be optional",
        "`Europe/Atlantis` is not an IANA time zone",
        "`manager` needs the name of a column",
        "`status` gives the value `Active` two meanings",
        "`Upper` is not a usable attribute name",
        "comes from the manager column",
        "`flag` needs a value table",
        "`list` needs a separator",
    ] {
        assert!(
            said.iter().any(|error| error.contains(piece)),
            "{piece}: {said:#?}"
        );
    }
    assert_eq!(errors.len(), 9, "{said:#?}");
}

#[test]
fn c32_what_systems_write_where_there_is_no_day_is_no_day() {
    let mapping = with_formats(&["%d.%m.%Y"]).unwrap();
    for text in [
        "00.00.0000",
        "0000-00-00",
        "0000-00-00 00:00:00",
        "01.01.1753",
        "1753-01-01T00:00:00.000",
        "0001-01-01T00:00:00Z",
        "00000000",
    ] {
        assert_eq!(
            instants(&mapping, text, text).unwrap(),
            [None, None],
            "{text}"
        );
    }
    // What may be a day, and what nobody's employment is from, is not guessed.
    for text in [
        "01.01.1900",
        "1900-01-01",
        "30.12.1899",
        "00.00.2020",
        "0000-00-00x",
        "-",
    ] {
        let mistake = instants(&mapping, "", text).unwrap_err();
        assert_eq!(mistake.code, code::DAY_UNREADABLE, "{text}");
    }
    let mut own = columns();
    let words = ["01.01.1900", "-"].map(str::to_owned).to_vec();
    own.end.as_mut().unwrap().forms = DayForms {
        no_date: words,
        ..forms(&["%d.%m.%Y"])
    };
    let own = Mapping::new(own).unwrap();
    assert_eq!(instants(&own, "", "-").unwrap(), [None, None]);
    assert_eq!(instants(&own, "", "01.01.1900").unwrap(), [None, None]);
    assert!(
        instants(&own, "", "00.00.0000").is_err(),
        "the list is IT's own now"
    );
    // An open end is none; a first day that never comes is not "at once".
    assert!(instants(&mapping, "9999-12-31", "").is_err());
}

#[test]
fn c32_two_digits_for_a_year_need_a_hundred_years() {
    let with = |from: Option<i16>, format: &str| {
        let mut columns = columns();
        columns.start.as_mut().unwrap().forms = DayForms {
            two_digit_years: from,
            ..forms(&[format])
        };
        Mapping::new(columns)
    };
    for format in ["%d.%m.%y", "%D", "%y%m%d"] {
        let refused = with(None, format).unwrap_err();
        assert!(
            matches!(&refused[..], [InvalidMapping::CenturyMissing { .. }]),
            "{format}: {refused:?}"
        );
    }
    let year = |from: i16, text: &str| start_day(&with(Some(from), "%d.%m.%y").unwrap(), text);
    assert_eq!(year(1950, "01.02.65").as_deref(), Some("1965-02-01"));
    assert_eq!(year(1950, "01.02.49").as_deref(), Some("2049-02-01"));
    assert_eq!(year(1970, "01.02.65").as_deref(), Some("2065-02-01"));
    assert_eq!(year(1950, "29.02.00").as_deref(), Some("2000-02-29"));
    assert!(with(None, "%d.%m.%Y").is_ok());
}

#[test]
fn c30_what_is_no_value_sets_the_row_aside_in_any_mapped_column() {
    let mut columns = columns();
    columns.status = StatusRule::Column {
        column: Column::named("status"),
        values: BTreeMap::from([
            ("Active".to_owned(), Status::Active),
            ("NULL".to_owned(), Status::Ended),
        ]),
    };
    columns.manager = Some(Column::named("boss"));
    columns.zone.column = Some(ZoneColumn {
        column: Column::named("place"),
        values: BTreeMap::new(),
    });
    let list = Form::List {
        separator: ";".to_owned(),
    };
    let attribute = |column: &str, form| Attribute {
        column: Column::named(column),
        form,
    };
    columns.attributes = BTreeMap::from([
        ("text".to_owned(), attribute("text", Form::Text)),
        ("list".to_owned(), attribute("list", list)),
        ("number".to_owned(), attribute("number", Form::Integer)),
        ("as_is".to_owned(), attribute("as is", Form::Verbatim)),
    ]);
    let mapping = Mapping::new(columns).unwrap();
    let header = [
        "id", "status", "start", "end", "boss", "place", "text", "list", "number", "as is",
    ];
    let good = ["7", "Active", "", "", "8", "", "a", "b;c", "3", "NULL"];
    let bound = mapping.bind(&header).unwrap();
    assert!(bound.row(&good, 2).is_ok());
    for (index, column) in header.iter().enumerate().take(9) {
        for text in ["#N/A", "#REF!", "(null)", "J\u{fffd}rg", "MÃ¼ller"] {
            let mut cells = good;
            cells[index] = text;
            let mistake = bound.row(&cells, 2).unwrap_err();
            let expected = if text.is_ascii() {
                code::NO_VALUE
            } else {
                code::DAMAGED
            };
            assert_eq!(mistake.code, expected, "{column} {text}");
            assert_eq!(mistake.column.as_deref(), Some(*column));
            assert_eq!(bound.check(&cells, 2).unwrap_err(), mistake);
        }
    }
    let mut named = good;
    named[1] = "null";
    assert!(bound.row(&named, 2).is_ok(), "a word of the table counts");
    named[7] = "b; #N/A";
    assert_eq!(bound.row(&named, 2).unwrap_err().code, code::NO_VALUE);
    for index in [0, 4] {
        let mut harmed = good;
        harmed[index] = "1.00045E+11";
        assert_eq!(bound.row(&harmed, 2).unwrap_err().code, code::KEY_HARMED);
    }
    let mut doubtful = good;
    doubtful[6] = "J?rg";
    assert!(bound.row(&doubtful, 2).is_ok());
    assert_eq!(bound.doubt(&doubtful, 2).unwrap().code, code::DOUBTFUL);
    assert_eq!(bound.doubt(&good, 2), None);
}

#[test]
fn c30_an_address_is_one_address() {
    let email = with_attribute(Form::Email);
    for text in [
        "cid@corp.example",
        "O'Neil+x@corp.example",
        "jörg@köln.example",
        "",
    ] {
        assert!(cell(&email, text).is_ok(), "{text}");
    }
    for text in [
        "cid may@x.example",
        "dee@x.example; d@y.example",
        "dee@x.example,d@y.example",
        "<dee@x.example>",
        "Dee <dee@x.example>",
        "dee@@x.example",
        "dee",
        "@x.example",
        "dee@",
        "dee@x",
        "dee.@x.example",
        "a..b@x.example",
        "dee@x..example",
        "dee@-x.example",
        "mailto:dee@x.example",
    ] {
        assert_eq!(cell(&email, text), Err("HR-053".to_owned()), "{text}");
    }
}

#[test]
fn c33_a_header_that_is_not_found_is_shown_beside_the_nearest_one() {
    let mut columns = columns();
    columns.key = Column::named("WorkerID");
    let mapping = Mapping::new(columns).unwrap();
    for header in [
        "\u{feff}WorkerID",
        "Worker\u{200b}ID",
        "worker\u{ad}id\u{a0}",
        "WORKERİD",
    ] {
        assert!(
            mapping.bind(&[header, "start", "end"]).is_ok(),
            "{header:?}"
        );
    }
    let refused = |header: &str| mapping.bind(&[header, "start", "end"]).unwrap_err();
    let text = &refused("W\u{43e}rkerID")[0].text;
    assert!(
        text.ends_with("; the nearest there is `W\\u{43e}rkerID`"),
        "{text}"
    );
    let text = &refused("Worker\u{1b}[2JID")[0].text;
    assert!(!text.contains('\u{1b}'), "{text}");
    let text = &refused("Salary")[0].text;
    assert!(!text.contains("nearest"), "{text}");
}

#[test]
fn f20_a_row_holds_from_its_day_on_where_the_row_has_the_person_work() {
    let place = |value: &str, zone: &str| (value.to_owned(), zone.to_owned());
    let mapping = Mapping::new(Columns {
        effective: Some(DayColumn {
            column: Column::named("effective"),
            ..days(&["%d.%m.%Y"])
        }),
        zone: ZoneRule {
            default: "Europe/Berlin".to_owned(),
            column: Some(ZoneColumn {
                column: Column::named("place"),
                values: [place("Melbourne", "Australia/Melbourne")].into(),
            }),
        },
        ..columns()
    })
    .unwrap();
    assert!(mapping.is_dated());
    let since = |effective: &str, place: &str| {
        let header = ["id", "start", "end", "effective", "place"];
        let read = row(&mapping, &header, &["1", "", "", effective, place]);
        read.map(|identity| identity.dated.since.map(|at| at.to_string()))
            .map_err(|problem| problem.code.to_string())
    };
    for (effective, place, instant) in [
        ("", "Melbourne", None),
        ("2026-05-01", "Melbourne", Some("2026-04-30T14:00:00Z")),
        ("01.05.2026", "", Some("2026-04-30T22:00:00Z")),
        // The clock goes back in the night of that day, and the day begins before it does.
        ("2026-10-25", "", Some("2026-10-24T22:00:00Z")),
        ("2026-10-26", "", Some("2026-10-25T23:00:00Z")),
        ("2026-04-05", "Melbourne", Some("2026-04-04T13:00:00Z")),
        ("2026-04-06", "Melbourne", Some("2026-04-05T14:00:00Z")),
        ("2028-02-29", "", Some("2028-02-28T23:00:00Z")),
        // The clocks skip midnight: the day begins when they do.
        (
            "2018-11-04",
            "America/Sao_Paulo",
            Some("2018-11-04T03:00:00Z"),
        ),
    ] {
        assert_eq!(
            since(effective, place),
            Ok(instant.map(str::to_owned)),
            "{effective} {place}"
        );
    }
    for effective in [
        "soon",
        "2027-02-29",
        "31.04.2026",
        "9999-12-31",
        "1066-10-14",
    ] {
        assert_eq!(
            since(effective, ""),
            Err("HR-060".to_owned()),
            "{effective}"
        );
    }
}
