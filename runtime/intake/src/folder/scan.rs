//! Reading a folder: the names in it, and what they stand for.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;

use super::dir::{Dir, Seen};

/// Most names that one reading of a folder takes; the others come when these are gone.
pub(super) const NAMES_MAX: usize = 100_000;

/// Most names that are looked at in one go.
pub(super) const LOOKS_MAX: usize = 4_096;

/// The names in a folder.
pub(super) fn names(dir: &Dir) -> io::Result<BTreeSet<OsString>> {
    Ok(dir.names(NAMES_MAX)?.into_iter().collect())
}

/// What these names stand for; `None` for what is not there.
pub(super) fn looks(dir: &Dir, names: Vec<OsString>) -> Vec<(OsString, Option<Seen>)> {
    let look = |name: OsString| {
        let seen = dir.look(&name).ok().flatten();
        (name, seen)
    };
    names.into_iter().map(look).collect()
}
