//! Days as HR systems write them. The shapes that can be read in one way only are always read; all
//! others need a format, and formats that disagree about one text are refused before any file is
//! read, so that no row is ever read by the second-best guess.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{FORMATS_MAX, InvalidMapping};

/// Years outside are typing errors, or two-digit years read by a four-digit format.
const YEARS: std::ops::RangeInclusive<i16> = 1800..=9999;

/// Systems that need a last day write one in this year to say that there is none.
pub(super) const OPEN_END_YEAR: i16 = 9999;

const DAY_MS: i64 = 86_400_000;

/// Days whose parts can be taken for each other: formats that disagree do so on one of these.
const PROBES: [Date; 5] = [
    Date::constant(2003, 4, 5),
    Date::constant(2010, 11, 12),
    Date::constant(2012, 10, 9),
    Date::constant(2001, 2, 3),
    Date::constant(2025, 6, 7),
];

/// Reads a day: an ISO day, `SuccessFactors`' `/Date(ms)/`, or one of the formats.
pub(super) fn read(text: &str, formats: &[String]) -> Option<Date> {
    iso(text)
        .or_else(|| milliseconds(text))
        .or_else(|| formats.iter().find_map(|format| by_format(text, format)))
}

/// The first instant of a day in a zone: midnight, or where the clocks skip it, the instant at which
/// they do.
pub(super) fn first_instant(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let midnight = day.to_datetime(Time::midnight());
    match zone.to_ambiguous_timestamp(midnight).offset() {
        AmbiguousOffset::Gap { after, .. } => {
            let before_gap = after.to_timestamp(midnight).ok()?;
            zone.following(before_gap)
                .next()
                .map(|transition| transition.timestamp())
        }
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(midnight).ok()
        }
    }
}

/// The first instant after a last day; `Ok(None)` where the day says that there is no end.
pub(super) fn first_instant_after(day: Date, zone: &TimeZone) -> Result<Option<Timestamp>, ()> {
    if day.year() >= OPEN_END_YEAR {
        return Ok(None);
    }
    let next = day.tomorrow().map_err(drop)?;
    first_instant(next, zone).map(Some).ok_or(())
}

/// Checks that each format reads whole days and that no two of them, nor one and ISO, read one text
/// as two days.
pub(super) fn check_formats(what: &str, formats: &[String], errors: &mut Vec<InvalidMapping>) {
    if formats.len() > FORMATS_MAX {
        errors.push(InvalidMapping::FormatsTooMany {
            what: what.to_owned(),
        });
        return;
    }
    for (index, format) in formats.iter().enumerate() {
        if !reads_what_it_writes(format) {
            errors.push(InvalidMapping::FormatUnusable {
                what: what.to_owned(),
                format: format.clone(),
            });
        } else if let Some(error) = disagreement(what, format, &formats[index + 1..]) {
            errors.push(error);
        }
    }
}

fn reads_what_it_writes(format: &str) -> bool {
    PROBES
        .iter()
        .all(|day| write(*day, format).is_some_and(|text| by_format(&text, format) == Some(*day)))
}

fn disagreement(what: &str, format: &str, others: &[String]) -> Option<InvalidMapping> {
    let ambiguous = |second: &str, example: String, days: (Date, Date)| {
        Some(InvalidMapping::FormatsAmbiguous {
            what: what.to_owned(),
            first: format.to_owned(),
            second: second.to_owned(),
            example,
            first_day: days.0,
            second_day: days.1,
        })
    };
    for day in PROBES {
        let text = write(day, format)?;
        if let Some(other) = iso(&text).filter(|other| *other != day) {
            return ambiguous("%Y-%m-%d", text, (day, other));
        }
        for second in others {
            if let Some(other) = by_format(&text, second).filter(|other| *other != day) {
                return ambiguous(second, text, (day, other));
            }
            // The other way round too: a format may read what another writes, and not the reverse.
            let reverse = write(day, second).unwrap_or_default();
            if let Some(other) = by_format(&reverse, format).filter(|other| *other != day) {
                return ambiguous(second, reverse, (other, day));
            }
        }
    }
    None
}

fn write(day: Date, format: &str) -> Option<String> {
    strtime::format(format, day.to_datetime(Time::midnight())).ok()
}

fn by_format(text: &str, format: &str) -> Option<Date> {
    let day = strtime::parse(format, text).ok()?.to_date().ok()?;
    YEARS.contains(&day.year()).then_some(day)
}

/// `2026-11-22`, also with a zone (`2026-11-22-08:00`, Workday) or at midnight
/// (`2026-11-22T00:00:00Z`). The day is the one that is written: a zone behind it does not move it,
/// and a time of day other than midnight is not a day.
fn iso(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let (head, rest) = bytes.split_at_checked(10)?;
    if head[4] != b'-' || head[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        head[range].iter().try_fold(0_i16, |value, byte| {
            byte.is_ascii_digit()
                .then(|| value * 10 + i16::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if !YEARS.contains(&year) || !is_midnight_or_zone(rest) {
        return None;
    }
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn is_midnight_or_zone(rest: &[u8]) -> bool {
    let zone = match rest.split_first() {
        Some((b'T' | b't' | b' ', time)) => {
            let Some(mut after) = time.strip_prefix(b"00:00") else {
                return false;
            };
            if let Some(seconds) = after.strip_prefix(b":00") {
                after = seconds;
                if let Some(fraction) = after.strip_prefix(b".") {
                    let zeros = fraction.iter().take_while(|byte| **byte == b'0').count();
                    after = &fraction[zeros..];
                }
            }
            after
        }
        _ => rest,
    };
    match zone {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', a, b, b':', c, d] | [b'+' | b'-', a, b, c, d] => {
            [a, b, c, d].iter().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

/// `/Date(1583107200000)/` and `/Date(1583107200000+0000)/`: milliseconds since 1970 in UTC. Only a
/// whole day counts.
fn milliseconds(text: &str) -> Option<Date> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let digits = inner.strip_suffix("+0000").unwrap_or(inner);
    let ms: i64 = digits.parse().ok()?;
    if ms % DAY_MS != 0 {
        return None;
    }
    let day = Offset::UTC
        .to_datetime(Timestamp::from_millisecond(ms).ok()?)
        .date();
    YEARS.contains(&day.year()).then_some(day)
}
