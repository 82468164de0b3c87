//! Points in time as the contract writes them, and the two forms of `Retry-After`.
//!
//! An [`Instant`] is kept as the text that crosses the boundary. Arithmetic goes through whole seconds since
//! 1970, which is all that a connector needs: how long to wait, and whether a webhook is too old.

/// A point in time: RFC 3339 in UTC, `2026-11-22T08:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(String);

impl Instant {
    /// Reads RFC 3339 with any offset and keeps it in UTC, with its fraction of a second. `None` if it is not
    /// that.
    ///
    /// ```
    /// use muster_sdk::Instant;
    ///
    /// let at = Instant::parse("2026-11-22T09:30:00.250+01:00").unwrap();
    /// assert_eq!(at.as_str(), "2026-11-22T08:30:00.250Z");
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let separated = bytes
            .get(10)
            .is_some_and(|byte| matches!(byte, b'T' | b't' | b' '));
        let punctuated = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')]
            .iter()
            .all(|(at, mark)| bytes.get(*at) == Some(mark));
        if !separated || !punctuated {
            return None;
        }
        let year = digits(text.get(0..4)?)?;
        let (month, day) = (digits(text.get(5..7)?)?, digits(text.get(8..10)?)?);
        let (hour, minute) = (digits(text.get(11..13)?)?, digits(text.get(14..16)?)?);
        let second = digits(text.get(17..19)?)?.min(59);
        let rest = text.get(19..)?;
        let zone_at = rest.find(['Z', 'z', '+', '-'])?;
        let (fraction, zone) = rest.split_at(zone_at);
        if !fraction.is_empty() {
            let places = fraction.strip_prefix('.')?;
            digits(places)?;
            if places.len() > 9 {
                return None;
            }
        }
        let offset = offset_seconds(zone)?;
        let seconds = seconds_of(year, month, day)? + clock_seconds(hour, minute, second)? - offset;
        let whole = Self::from_unix_seconds(seconds);
        Some(Self(whole.0.replace('Z', &format!("{fraction}Z"))))
    }

    /// The point in time that many seconds after the start of 1970, UTC. Years 0 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Self {
        let (year, month, day) = civil_of(seconds.div_euclid(86_400));
        let clock = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        Self(format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        ))
    }

    /// The whole seconds since the start of 1970, UTC.
    pub fn unix_seconds(&self) -> i64 {
        let part = |range| self.0.get(range).and_then(digits).unwrap_or(0);
        let days = seconds_of(part(0..4), part(5..7), part(8..10)).unwrap_or(0);
        days + clock_seconds(part(11..13), part(14..16), part(17..19)).unwrap_or(0)
    }

    /// The text, `2026-11-22T08:00:00Z`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that the host gave, which is RFC 3339 in UTC by contract. What is not is kept as it is, so that
    /// it can be seen.
    #[cfg(target_family = "wasm")]
    pub(crate) fn from_contract(text: String) -> Self {
        Self::parse(&text).unwrap_or(Self(text))
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a `Retry-After` header asks to wait, in milliseconds: `120`, or an HTTP date against `now`. A
/// date in the past is 0. `None` if it is neither.
pub(crate) fn retry_after_ms(value: &str, now: &Instant) -> Option<u32> {
    let value = value.trim();
    let seconds = match digits(value) {
        Some(seconds) => seconds,
        None => http_date_seconds(value)?
            .saturating_sub(now.unix_seconds())
            .max(0),
    };
    Some(u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX))
}

/// The IMF-fixdate form, `Sun, 22 Nov 2026 08:00:00 GMT`: the only one a server may still send (RFC 9110).
fn http_date_seconds(value: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, date) = value.split_once(", ")?;
    let mut parts = date.split(' ');
    let day = digits(parts.next()?)?;
    let name = parts.next()?;
    let month = MONTHS.iter().zip(1..).find(|(known, _)| **known == name)?.1;
    let year = digits(parts.next()?)?;
    let mut clock = parts.next()?.split(':');
    let (hour, minute) = (digits(clock.next()?)?, digits(clock.next()?)?);
    let second = digits(clock.next()?)?;
    if parts.next()? != "GMT" {
        return None;
    }
    Some(seconds_of(year, month, day)? + clock_seconds(hour, minute, second)?)
}

/// A number written in digits only: no sign, no blank.
fn digits(text: &str) -> Option<i64> {
    let only_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if only_digits { text.parse().ok() } else { None }
}

/// `Z`, `+01:00`, `-05:30` in seconds.
fn offset_seconds(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, clock) = match zone.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hour, minute) = clock.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    Some(sign * clock_seconds(digits(hour)?, digits(minute)?, 0)?)
}

/// A time of day in seconds. A leap second counts as the second before it.
fn clock_seconds(hour: i64, minute: i64, second: i64) -> Option<i64> {
    let valid = hour < 24 && minute < 60 && second <= 60;
    valid.then(|| hour * 3600 + minute * 60 + second.min(59))
}

/// The start of a day, in seconds since 1970 (Howard Hinnant's `days_from_civil`).
fn seconds_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400)
}

/// The calendar day of a number of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_400_years_survives_the_round_trip() {
        for day in -73_000..=73_500 {
            let at = Instant::from_unix_seconds(day * 86_400 + 3661);
            assert_eq!(at.unix_seconds(), day * 86_400 + 3661, "{at}");
            assert_eq!(Instant::parse(at.as_str()).as_ref(), Some(&at));
        }
    }

    #[test]
    fn offsets_and_fractions_become_utc_and_nonsense_is_refused() {
        let read = |text| Instant::parse(text).map(|at| at.to_string());
        assert_eq!(
            read("2026-02-28T23:30:00-01:00").as_deref(),
            Some("2026-03-01T00:30:00Z")
        );
        assert_eq!(
            read("2024-02-29t12:00:00.5z").as_deref(),
            Some("2024-02-29T12:00:00.5Z")
        );
        for wrong in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0100",
            "2026-1-01T00:00:00Z",
            "äöüäöüäöüäöü",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Instant::parse("2026-11-22T08:00:00Z").unwrap();
        assert_eq!(retry_after_ms("120", &now), Some(120_000));
        assert_eq!(
            retry_after_ms(" Sun, 22 Nov 2026 08:00:30 GMT", &now),
            Some(30_000)
        );
        assert_eq!(
            retry_after_ms("Sun, 22 Nov 2026 07:00:00 GMT", &now),
            Some(0)
        );
        assert_eq!(retry_after_ms("99999999999", &now), Some(u32::MAX));
        for wrong in ["", "soon", "-1", "1.5", "Sun, 22 Now 2026 07:00:00 GMT"] {
            assert_eq!(retry_after_ms(wrong, &now), None, "{wrong}");
        }
    }
}
