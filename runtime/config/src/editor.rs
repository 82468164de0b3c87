//! Who edited a file of the configuration, as far as the machine can tell: its owner.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use muster_core::actor::Editor;

use crate::users;

/// The owner of a file, who is taken for whoever wrote it.
pub fn of(file: &Path) -> Editor {
    let uid = std::fs::metadata(file).ok().map(|metadata| metadata.uid());
    Editor {
        file: file.display().to_string(),
        uid,
        user: uid.and_then(users::name_of).unwrap_or_default(),
    }
}
