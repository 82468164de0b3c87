//! `cargo xtask update`: writes anew every file of the repository that is made from another one.
//!
//! There is one switch, the variable `UPDATE_GENERATED`. Each such file has a test that compares it, and writes
//! it where the switch is set, so a file and its comparison are never made by two pieces of code. This runs
//! exactly those tests and says which files are others now; whether they are right, a person judges.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::toolchain::cargo;
use crate::workspace::Workspace;
use crate::{child, say};

/// The switch. Set to anything, the tests of [`MADE`] write.
const SWITCH: &str = "UPDATE_GENERATED";

/// Files that are made, and the test that makes them.
struct Made {
    /// The file, or the folder of the files.
    path: &'static str,
    /// The source that has the test.
    source: &'static str,
    test: &'static str,
}

const MADE: [Made; 5] = [
    Made {
        path: "docs/guides/configuration.md",
        source: "runtime/config/tests/config/reference.rs",
        test: "the_reference_of_the_configuration_is_made_from_the_options",
    },
    Made {
        path: "runtime/config/tests/config/fixtures/config",
        source: "runtime/config/tests/config/main.rs",
        test: "every_bad_configuration_leads_to_exactly_its_message",
    },
    Made {
        path: "runtime/api/src/pages.rs",
        source: "runtime/api/tests/pages.rs",
        test: "every_page_is_part_of_the_program",
    },
    Made {
        path: "runtime/ledger/tests/fixtures",
        source: "runtime/ledger/tests/ledger/file.rs",
        test: "a_file_of_every_released_version_opens",
    },
    Made {
        path: "plugins/google-workspace/tests/fixtures",
        source: "plugins/google-workspace/tests/it/vendored.rs",
        test: "the_vendored_descriptions_are_the_originals_trimmed",
    },
];

impl Made {
    /// The program of cargo's that the test is in: the file or folder below `tests/`.
    fn program(&self) -> &str {
        let below = self.source.split_once("/tests/").map_or("", |(_, it)| it);
        below.split(['/', '.']).next().unwrap_or(below)
    }
}

/// Writes them and says which files changed.
pub(crate) async fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let before = contents(workspace.root())?;
    say::step("writing anew what is made from something else");
    let mut tests = child::command(cargo(), workspace.root());
    // The whole workspace, so that dependencies are those that the other tests were built with.
    tests
        .env(SWITCH, "1")
        .args(["test", "--locked", "--workspace"]);
    for program in MADE.iter().map(Made::program).collect::<BTreeSet<_>>() {
        tests.args(["--test", program]);
    }
    tests.args(["--", "--quiet"]);
    tests.args(MADE.iter().map(|made| made.test));
    child::run(&mut tests, "writing anew").await?;

    let changed = differences(&before, &contents(workspace.root())?);
    if changed.is_empty() {
        say::note("nothing changed: every file was up to date");
        return Ok(());
    }
    for path in &changed {
        say::note(&format!("changed: {}", path.display()));
    }
    say::note("read the difference (git diff) before you commit it");
    Ok(())
}

type Contents = BTreeMap<PathBuf, Vec<u8>>;

/// All files that are made, by their paths below `root`.
fn contents(root: &Path) -> anyhow::Result<Contents> {
    let mut found = Contents::new();
    let mut next: Vec<PathBuf> = MADE.iter().map(|made| made.path.into()).collect();
    while let Some(path) = next.pop() {
        let whole = root.join(&path);
        let failed = || format!("could not read {}", path.display());
        if whole.is_dir() {
            for entry in std::fs::read_dir(&whole).with_context(failed)? {
                next.push(path.join(entry.with_context(failed)?.file_name()));
            }
        } else if whole.is_file() {
            found.insert(path.clone(), std::fs::read(&whole).with_context(failed)?);
        }
    }
    Ok(found)
}

/// What is in one of the two only, or is not the same in both.
fn differences(before: &Contents, after: &Contents) -> Vec<PathBuf> {
    let mut paths: Vec<&PathBuf> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    paths.retain(|path| before.get(*path) != after.get(*path));
    paths.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sources outside of `xtask` that read the switch.
    fn sources_with_the_switch(root: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let folders = ["runtime", "plugins", "plugin-sdk", "tests", "demo", "bench"];
        let mut next: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
        while let Some(path) = next.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).unwrap();
                next.extend(entries.map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.contains(&format!("\"{SWITCH}\"")) {
                    let path = path.strip_prefix(root).unwrap();
                    found.insert(path.to_str().unwrap().to_owned());
                }
            }
        }
        found
    }

    #[test]
    fn every_test_that_writes_is_run() {
        let workspace = Workspace::find().unwrap();
        let root = workspace.root();
        let listed = MADE.iter().map(|made| made.source.to_owned()).collect();
        assert_eq!(sources_with_the_switch(root), listed);
        for made in &MADE {
            let text = std::fs::read_to_string(root.join(made.source)).unwrap();
            let head = format!("#[test]\nfn {}()", made.test);
            assert!(text.contains(&head), "{}: no {}", made.source, made.test);
            assert!(root.join(made.path).exists(), "{}", made.path);
        }
    }

    #[test]
    fn the_program_of_a_test_is_its_file_or_folder_below_tests() {
        let programs: Vec<&str> = MADE.iter().map(Made::program).collect();
        assert_eq!(programs, ["config", "config", "pages", "ledger", "it"]);
    }

    #[test]
    fn what_was_written_removed_or_changed_is_a_difference() {
        let files = |list: &[(&str, &str)]| -> Contents {
            let owned = list
                .iter()
                .map(|(path, text)| ((*path).into(), (*text).into()));
            owned.collect()
        };
        let before = files(&[("changed", "1"), ("gone", "1"), ("same", "1")]);
        let after = files(&[("changed", "2"), ("new", "1"), ("same", "1")]);
        let expected = ["changed", "gone", "new"].map(PathBuf::from);
        assert_eq!(differences(&before, &after), expected);
    }
}
