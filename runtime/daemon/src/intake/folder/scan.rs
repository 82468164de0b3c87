//! Reading a folder: the names in it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::{fs, io};

/// Most names that one reading of a folder takes; the others come when these are gone.
const NAMES_MAX: usize = 100_000;

/// The names in a folder.
pub(super) fn names(root: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(root)?
        .take(NAMES_MAX)
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect()
}
