//! Days as HR systems write them. The shapes that can be read in one way only are always read; all
//! others need a format, and formats that disagree about one text are refused before any file is
//! read, so that no row is ever read by the second-best guess.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{DayForms, FORMATS_MAX, InvalidMapping};

/// Years outside are typing errors, or two-digit years read by a four-digit format.
const YEARS: std::ops::RangeInclusive<i16> = 1800..=9999;

/// Systems that need a last day write one in this year to say that there is none.
pub(super) const OPEN_END_YEAR: i16 = 9999;

/// Nobody's employment began or ended before: such a day stands for something else.
pub(super) const EMPLOYMENT_YEAR_MIN: i16 = 1902;

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
pub(super) fn read(text: &str, forms: &DayForms) -> Option<Date> {
    let by_format = |format: &String| by_format(text, format, forms.two_digit_years);
    iso(text)
        .or_else(|| milliseconds(text))
        .or_else(|| forms.formats.iter().find_map(by_format))
}

/// Whether a text says that there is no day, with a time of midnight behind it or without.
pub(super) fn says_none(text: &str, forms: &DayForms) -> bool {
    forms.no_date.iter().any(|word| {
        let word = word.trim();
        let rest = text.get(word.len()..);
        let begins = text.get(..word.len());
        !word.is_empty()
            && begins.is_some_and(|begins| begins.eq_ignore_ascii_case(word))
            && rest.is_some_and(|rest| is_midnight_or_zone(rest.as_bytes()))
    })
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
pub(super) fn check_formats(what: &str, forms: &DayForms, errors: &mut Vec<InvalidMapping>) {
    let formats = &forms.formats;
    if formats.len() > FORMATS_MAX {
        errors.push(InvalidMapping::FormatsTooMany {
            what: what.to_owned(),
        });
        return;
    }
    for (index, format) in formats.iter().enumerate() {
        if has_two_digits(format) && forms.two_digit_years.is_none() {
            errors.push(InvalidMapping::CenturyMissing {
                what: what.to_owned(),
                format: format.clone(),
            });
        } else if !reads_what_it_writes(format, forms.two_digit_years) {
            errors.push(InvalidMapping::FormatUnusable {
                what: what.to_owned(),
                format: format.clone(),
            });
        } else if let Some(error) = disagreement(what, format, &formats[index + 1..], forms) {
            errors.push(error);
        }
    }
}

/// Whether a format writes years that are a hundred years apart in one way, and others in another.
fn has_two_digits(format: &str) -> bool {
    let written = [1965, 2065, 1966].map(|year| write(Date::constant(year, 4, 5), format));
    written[0].is_some() && written[0] == written[1] && written[0] != written[2]
}

fn reads_what_it_writes(format: &str, from: Option<i16>) -> bool {
    let reads = |day: Date| {
        write(day, format).is_some_and(|text| by_format(&text, format, from) == Some(day))
    };
    let is_short = has_two_digits(format);
    PROBES.into_iter().all(|day| match from {
        // The probe's year, in the hundred years that are meant.
        Some(from) if is_short => in_hundred(day, from).is_some_and(reads),
        _ => reads(day),
    })
}

fn disagreement(
    what: &str,
    format: &str,
    others: &[String],
    forms: &DayForms,
) -> Option<InvalidMapping> {
    let from = forms.two_digit_years;
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
        let Some(read) = by_format(&text, format, from) else {
            continue;
        };
        if let Some(other) = iso(&text).filter(|other| *other != read) {
            return ambiguous("%Y-%m-%d", text, (read, other));
        }
        for second in others {
            if let Some(other) = by_format(&text, second, from).filter(|other| *other != read) {
                return ambiguous(second, text, (read, other));
            }
            // The other way round too: a format may read what another writes, and not the reverse.
            let reverse = write(day, second).unwrap_or_default();
            let (one, other) = (
                by_format(&reverse, format, from),
                by_format(&reverse, second, from),
            );
            if let (Some(one), Some(other)) = (one, other)
                && one != other
            {
                return ambiguous(second, reverse, (one, other));
            }
        }
    }
    None
}

fn write(day: Date, format: &str) -> Option<String> {
    strtime::format(format, day.to_datetime(Time::midnight())).ok()
}

fn by_format(text: &str, format: &str, two_digit_years: Option<i16>) -> Option<Date> {
    let day = strtime::parse(format, text).ok()?.to_date().ok()?;
    let day = match two_digit_years {
        Some(from) if has_two_digits(format) => in_hundred(day, from)?,
        _ => day,
    };
    YEARS.contains(&day.year()).then_some(day)
}

/// The same day of the year that ends with the same two digits, among the hundred years from `from`.
fn in_hundred(day: Date, from: i16) -> Option<Date> {
    let year = from + (day.year() - from).rem_euclid(100);
    Date::new(year, day.month(), day.day()).ok()
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
