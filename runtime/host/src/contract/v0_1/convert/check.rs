//! The bounds of what a plugin may say. Each has a name, and going past it refuses the answer.

use jiff::Timestamp;

use crate::failure::Garbage;

/// Longest id, kind, container or name, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 2048;

/// Longest text value of an attribute, in bytes.
pub(crate) const VALUE_BYTES_MAX: usize = 1 << 20;

/// Longest cursor, change token or poll handle, in bytes.
pub(crate) const CURSOR_BYTES_MAX: usize = 4096;

/// Most attributes of an account, values of an attribute, keys, effects and the like.
pub(crate) const ENTRIES_MAX: usize = 10_000;

/// Most attributes of an account.
pub(crate) const ATTRIBUTES_MAX: usize = 1_000;

/// A text that must be there and is not too long.
pub(crate) fn named(what: &str, text: String) -> Result<String, Garbage> {
    if text.is_empty() {
        return Err(Garbage::new(format_args!("{what} is empty")));
    }
    bounded(what, text, ID_BYTES_MAX)
}

/// A text that is not too long.
pub(crate) fn bounded(what: &str, text: String, bytes_max: usize) -> Result<String, Garbage> {
    if text.len() > bytes_max {
        return Err(Garbage::new(format_args!(
            "{what} has {} bytes, and {bytes_max} are the most",
            text.len()
        )));
    }
    Ok(text)
}

/// A list that is not too long.
pub(crate) fn few<T>(what: &str, list: Vec<T>, count_max: usize) -> Result<Vec<T>, Garbage> {
    if list.len() > count_max {
        return Err(Garbage::new(format_args!(
            "there are {} {what}, and {count_max} are the most",
            list.len()
        )));
    }
    Ok(list)
}

/// A cursor, token or handle.
pub(crate) fn opaque(what: &str, text: String) -> Result<String, Garbage> {
    if text.is_empty() {
        return Err(Garbage::new(format_args!("{what} is empty")));
    }
    bounded(what, text, CURSOR_BYTES_MAX)
}

/// An instant in RFC 3339, in UTC.
pub(crate) fn instant(what: &str, text: &str) -> Result<Timestamp, Garbage> {
    let instant = if text.ends_with('Z') {
        text.parse().ok()
    } else {
        None
    };
    instant.ok_or_else(|| {
        Garbage::new(format_args!(
            "{what} is `{}`, and no instant in UTC",
            crate::failure::cut_to(text, 40)
        ))
    })
}

/// A calendar day, `YYYY-MM-DD`.
pub(crate) fn day(what: &str, text: String) -> Result<String, Garbage> {
    match text.parse::<jiff::civil::Date>() {
        Ok(day) if day.to_string() == text => Ok(text),
        _ => Err(Garbage::new(format_args!(
            "{what} is `{}`, and no calendar day",
            crate::failure::cut_to(&text, 40)
        ))),
    }
}
