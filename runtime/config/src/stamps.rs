//! What the files of the policy look like from outside, which of them changed, and whose change that is.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Config;

/// What the files look like from outside; where it is the same, they are.
pub type Stamps = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// What the files look like now.
pub fn of(config: &Config) -> Stamps {
    of_files(&config.file, &config.daemon.policy)
}

fn of_files(file: &Path, folder: &Path) -> Stamps {
    let in_folder = std::fs::read_dir(folder);
    let files = in_folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    let mut stamps: Stamps = files
        .chain([file.to_owned()])
        .map(|path| stamp(&path))
        .collect();
    stamps.sort();
    stamps
}

fn stamp(path: &Path) -> (PathBuf, Option<SystemTime>, u64) {
    let metadata = std::fs::metadata(path).ok();
    let modified = metadata
        .as_ref()
        .and_then(|metadata| metadata.modified().ok());
    let bytes = metadata.map_or(0, |metadata| metadata.len());
    (path.to_owned(), modified, bytes)
}

/// The file whose owner is taken for whoever edited the policy: the newest of those that changed. Of a file that
/// was removed there is no owner any more, so the folder that it was taken from stands for it. Of files that nobody
/// saw before, each counts as changed.
pub fn edited(before: &Stamps, now: &Stamps) -> Option<PathBuf> {
    let is_left = |path: &PathBuf| now.iter().any(|(left, _, _)| left == path);
    let written = now.iter().filter(|stamp| !before.contains(stamp));
    let written = written.map(|(path, modified, _)| (path.clone(), *modified));
    let removed = before.iter().filter(|(path, _, _)| !is_left(path));
    let removed = removed.filter_map(|(path, _, _)| {
        let (folder, modified, _) = stamp(path.parent()?);
        Some((folder, modified))
    });
    let newest = written
        .chain(removed)
        .max_by_key(|(_, modified)| *modified)?;
    Some(newest.0)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    /// A policy of two files, of which `sales.toml` is the newer, and a configuration that is newer than both.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            fs::create_dir(files.folder()).unwrap();
            files.write("policy/everybody.toml", "a", 10);
            files.write("policy/sales.toml", "a", 20);
            files.write("muster.toml", "a", 30);
            files
        }

        fn folder(&self) -> PathBuf {
            self.0.path().join("policy")
        }

        /// Writes a file, dated so many seconds after 1970.
        fn write(&self, name: &str, text: &str, at: u64) {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            let file = File::options().write(true).open(path).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
            file.set_modified(at).unwrap();
        }

        fn stamps(&self) -> Stamps {
            of_files(&self.0.path().join("muster.toml"), &self.folder())
        }

        #[track_caller]
        fn check_edited(&self, before: &Stamps, name: &str) {
            let edited = edited(before, &self.stamps()).unwrap();
            assert_eq!(edited, self.0.path().join(name));
        }
    }

    #[test]
    fn an_edit_is_its_files_whatever_else_is_newer() {
        let files = Files::new();
        let before = files.stamps();
        assert_eq!(edited(&before, &before), None);
        files.write("policy/everybody.toml", "ab", 15);
        files.check_edited(&before, "policy/everybody.toml");
    }

    #[test]
    fn of_several_edits_the_newest_counts() {
        let files = Files::new();
        let before = files.stamps();
        files.write("policy/everybody.toml", "ab", 50);
        files.write("policy/sales.toml", "ab", 40);
        files.write("policy/new.toml", "a", 45);
        files.check_edited(&before, "policy/everybody.toml");
    }

    #[test]
    fn a_removed_file_is_its_folders() {
        let files = Files::new();
        let before = files.stamps();
        fs::remove_file(files.folder().join("everybody.toml")).unwrap();
        files.check_edited(&before, "policy");
    }

    #[test]
    fn of_files_that_nobody_saw_before_the_newest_counts() {
        let files = Files::new();
        files.check_edited(&Stamps::new(), "muster.toml");
    }
}
