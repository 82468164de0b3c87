//! How records are laid out in the file. Each released layout is a module of its own (`v1`, later
//! `v2`) that never changes again; the core's types are converted to and from it by hand, so that
//! a new field there can never change a stored byte by accident.
//!
//! Every stored value begins with one byte that says its version. A version that this program does
//! not know is an error of its own, because a newer Muster wrote it and nothing is damaged.

pub(crate) mod entry;
pub(crate) mod v1;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version that is written. Older ones are read as long as their modules stand here.
pub(crate) const VERSION: u8 = 1;

/// Why stored bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Another program wrote it.
    #[error("the record is of version {0}, and this program reads version 1")]
    Version(u8),
    /// A build from before the first release wrote the file.
    #[error("the file is of format {0}, from before the first release")]
    Older(u8),
    /// Another program took it in, by other rules.
    #[error(
        "the record was taken in by the rules of version {0}, and this program knows version 1"
    )]
    Fold(u8),
    /// The bytes do not fit the layout.
    #[error("the record's bytes do not fit its layout")]
    Layout(#[source] rmp_serde::decode::Error),
    /// A value cannot be.
    #[error("the record holds {0}, which cannot be")]
    Value(&'static str),
}

/// Clears `buffer` and writes a record into it, its version first.
pub(crate) fn encode(buffer: &mut Vec<u8>, record: &impl Serialize) {
    buffer.clear();
    buffer.push(VERSION);
    append(buffer, record);
}

/// Writes a record at the end of `buffer`, without a version.
pub(crate) fn append(buffer: &mut Vec<u8>, record: &impl Serialize) {
    // Writing to memory cannot fail, and no record type has a value that cannot be written; what
    // would be left out here is found by the first reading.
    drop(rmp_serde::encode::write(buffer, record));
}

/// Reads a record that begins with its version.
pub(crate) fn decode<'a, R: Deserialize<'a>>(bytes: &'a [u8]) -> Result<R, Unreadable> {
    match bytes.split_first() {
        Some((&VERSION, body)) => decode_body(body),
        Some((&version, _)) => Err(Unreadable::Version(version)),
        None => Err(Unreadable::Value("nothing")),
    }
}

/// Reads a record without a version.
pub(crate) fn decode_body<'a, R: Deserialize<'a>>(bytes: &'a [u8]) -> Result<R, Unreadable> {
    rmp_serde::from_slice(bytes).map_err(Unreadable::Layout)
}

/// An instant as it is stored: microseconds since 1970. What is finer is dropped.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A stored instant.
pub(crate) fn instant(micros: i64) -> Result<Timestamp, Unreadable> {
    Timestamp::from_microsecond(micros).map_err(|_| Unreadable::Value("an impossible instant"))
}

/// A stored instant that may be missing.
pub(crate) fn instant_opt(micros: Option<i64>) -> Result<Option<Timestamp>, Unreadable> {
    micros.map(instant).transpose()
}
