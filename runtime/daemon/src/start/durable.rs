//! Files that are there whole or not at all, whenever the power goes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file durably into a folder, which is made if it is not there.
pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let part = folder.join(part_of(name));
    let mut file = File::create(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&part, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// What a file is called while it is being written.
pub(crate) fn part_of(name: &str) -> String {
    format!(".{name}.part")
}
