//! Phrases that the doc comments of Muster do not use, because there is one plain way to say each.
//!
//! Looks at lines alone: a phrase that a line break splits is for the reader of the change to see.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::say;

/// Folders that are not looked at: what was built.
const SKIPPED: [&str; 1] = ["target"];

/// What to write for a sentence that begins with `Gives`.
const FOR_GIVES: &str = "`Gives`: write `Returns`, or what happens, such as `Grants`";
/// What to write when an `Option` is empty.
const FOR_NONE_WHERE: &str = "`none where`: write \"`None` if\"";

/// Refuses a workspace in which doc comments have one of the phrases, and says where.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let mut count = 0;
    for file in sources(root, Path::new(""))? {
        let text = std::fs::read_to_string(root.join(&file))
            .with_context(|| format!("could not read {}", file.display()))?;
        for remark in remarks(&file.display(), &text) {
            say::note(&remark);
            count += 1;
        }
    }
    ensure!(count == 0, "{count} lines of doc comments to reword");
    Ok(())
}

/// The Rust files below a folder of the workspace, by their paths in it, in order.
fn sources(root: &Path, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let reading = || format!("could not read the folder {}", root.join(folder).display());
    for entry in std::fs::read_dir(root.join(folder)).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let path = folder.join(entry.file_name());
        let kind = entry.file_type().with_context(reading)?;
        if kind.is_dir() && is_looked_at(&path) {
            found.extend(sources(root, &path)?);
        } else if kind.is_file() && path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a folder has sources of ours. One with a leading dot is some program's own.
fn is_looked_at(folder: &Path) -> bool {
    let is_hidden = folder
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && !SKIPPED.iter().any(|skipped| folder == Path::new(skipped))
}

/// What to change in a file: `file:line: what to write`.
fn remarks(file: &impl Display, text: &str) -> Vec<String> {
    text.lines()
        .zip(1..)
        .flat_map(|(line, number)| {
            let told = advice(line);
            told.map(move |advice| format!("{file}:{number}: {advice}"))
        })
        .collect()
}

/// What to write in a line, for each phrase that it has.
fn advice(line: &str) -> impl Iterator<Item = &'static str> {
    let line = line.trim_start();
    let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
    let doc = doc.unwrap_or_default();
    let gives = begins_with_gives(doc).then_some(FOR_GIVES);
    let none = doc.to_lowercase().contains("none where");
    gives.into_iter().chain(none.then_some(FOR_NONE_WHERE))
}

/// Whether a sentence of the line begins with `Gives`.
fn begins_with_gives(doc: &str) -> bool {
    let mut is_start = true;
    doc.split_whitespace().any(|word| {
        let begins = is_start && word == "Gives";
        is_start = word == "-" || word.ends_with(['.', '?', '!', ':']);
        begins
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        remarks(&"src/lib.rs", text)
    }

    #[test]
    fn a_phrase_is_refused_with_its_line_and_what_to_write() {
        let gives = "/// Gives the name.\nfn name() {}\n";
        assert_eq!(told(gives), [format!("src/lib.rs:1: {FOR_GIVES}")]);
        let behind = "//! One file.\n\n    /// Moves it. Gives its name.\n";
        assert_eq!(told(behind), [format!("src/lib.rs:3: {FOR_GIVES}")]);
        let none = "\n/// The name; none where there is none.\n/// None where it is gone.\n";
        let each = [2, 3].map(|line| format!("src/lib.rs:{line}: {FOR_NONE_WHERE}"));
        assert_eq!(told(none), each);
    }

    #[test]
    fn other_words_and_other_lines_are_left_alone() {
        let fine = "/// Returns what the app gives.\n\
                    /// What it gives; `None` if it gives none. Where it does, that.\n\
                    /// [`Gives`] is a name.\n\
                    // Gives way.\n\
                    let text = \"/// Gives none where\";\n";
        assert_eq!(told(fine), [] as [String; 0]);
    }

    #[test]
    fn what_was_built_or_is_hidden_is_not_looked_at() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src/target", "target/debug", ".git"] {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("file.rs"), "/// Gives way.\n").unwrap();
        }
        std::fs::write(root.path().join("notes.md"), "/// Gives way.\n").unwrap();
        let found = sources(root.path(), Path::new("")).unwrap();
        assert_eq!(found, [Path::new("src/target/file.rs")]);
        assert!(check(root.path()).is_err());
    }
}
