//! `cargo xtask new-error-code AREA TITLE`: takes the next number of an area and begins its page.
//!
//! A number is never given twice, also where a code is gone: somebody may still search for it. So the next
//! one is after the highest, of the pages and of the sources, and gaps stay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::say;
use crate::workspace::{Workspace, write_atomically};

/// Where the pages are.
const PAGES: &str = "docs/errors";

/// The highest number that three digits hold.
const NUMBER_MAX: u32 = 999;

/// Begins the page of a new code and says what else is to be done.
pub(crate) fn run(workspace: &Workspace, area: &str, title: &str) -> anyhow::Result<()> {
    let root = workspace.root();
    let taken = Taken::of(root)?;
    let code = taken.next(area)?;
    let page = page(&code, title)?;
    let path = root.join(PAGES).join(format!("{code}.md"));
    ensure!(!path.exists(), "{} is there already", path.display());
    write_atomically(&path, page.as_bytes())?;

    say::step(&format!("{PAGES}/{code}.md begun; what is left to do:"));
    say::note("1. write its three sections in the place of the hints");
    let defined: Vec<String> = taken.sources[area]
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    say::note(&format!(
        "2. define it where it is said: `const ...: Code = Code::new(\"{code}\");`\n\
         the codes of {area} stand in {}",
        defined.join(", ")
    ));
    say::note("3. write the test that sees it said");
    say::note("4. cargo xtask update (makes the page part of the program)");
    say::note("5. cargo test -p muster-api --test pages");
    Ok(())
}

/// The codes that are there.
#[derive(Default)]
struct Taken {
    /// The numbers of each area that has a page.
    numbers: BTreeMap<String, BTreeSet<u32>>,
    /// The sources that say codes of an area, tests left out.
    sources: BTreeMap<String, BTreeSet<PathBuf>>,
}

impl Taken {
    fn of(root: &Path) -> anyhow::Result<Self> {
        let mut taken = Self::default();
        for path in files(&root.join(PAGES))? {
            let name = path.file_stem().map(|name| name.to_string_lossy());
            if let Some((area, number)) = name.as_deref().and_then(code) {
                taken.add(area, number);
            }
        }
        // Sources name things that look like codes and are none (SHA-256), so the areas are those with pages.
        let areas: BTreeSet<String> = taken.numbers.keys().cloned().collect();
        for path in files(&root.join("runtime"))? {
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("could not read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path);
            let found = text.split('"').filter_map(code);
            for (area, number) in found.filter(|(area, _)| areas.contains(*area)) {
                taken.add(area, number);
                let is_test = path.iter().any(|part| part == "tests");
                if !is_test && !path.ends_with("api/src/pages.rs") {
                    let sources = taken.sources.entry(area.to_owned()).or_default();
                    sources.insert(path.to_owned());
                }
            }
        }
        Ok(taken)
    }

    fn add(&mut self, area: &str, number: u32) {
        let numbers = self.numbers.entry(area.to_owned()).or_default();
        numbers.insert(number);
        self.sources.entry(area.to_owned()).or_default();
    }

    /// The next code of an area.
    fn next(&self, area: &str) -> anyhow::Result<String> {
        let Some(highest) = self.numbers.get(area).and_then(BTreeSet::last) else {
            let areas: Vec<&str> = self.numbers.keys().map(String::as_str).collect();
            bail!("there is no area {area}; known areas: {}", areas.join(", "));
        };
        ensure!(
            *highest < NUMBER_MAX,
            "{area}-{NUMBER_MAX} is taken, so {area} has no number left"
        );
        Ok(format!("{area}-{:03}", highest + 1))
    }
}

/// Area and number of a code such as `HR-004`.
fn code(text: &str) -> Option<(&str, u32)> {
    let (area, number) = text.split_once('-')?;
    let is_area =
        (2..=4).contains(&area.len()) && area.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_number = number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_area && is_number).then(|| Some((area, number.parse().ok()?)))?
}

/// The page as it begins. The tests refuse it as long as a hint is in it.
fn page(code: &str, title: &str) -> anyhow::Result<String> {
    let title = title.trim();
    ensure!(!title.is_empty(), "a code needs a title: what happened");
    ensure!(
        !title.chars().any(char::is_control) && !title.ends_with('.'),
        "a title is one line, and no full stop ends it"
    );
    Ok(format!(
        "# {code}: {title}\n\n\
         ## What happened\n\n\
         <!-- What was noticed, where it is now, and what Muster did or left alone because of it. -->\n\n\
         ## Why\n\n\
         <!-- What usually causes it, and why Muster does not simply go on. -->\n\n\
         ## What to do\n\n\
         <!-- The steps to take, in their order, with the exact command or setting. -->\n"
    ))
}

/// All files below a folder.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut next = vec![folder.to_path_buf()];
    while let Some(folder) = next.pop() {
        let failed = || format!("could not read {}", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(failed)? {
            let path = entry.with_context(failed)?.path();
            if path.is_dir() {
                next.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(codes: &[&str]) -> Taken {
        let mut taken = Taken::default();
        for (area, number) in codes.iter().filter_map(|text| code(text)) {
            taken.add(area, number);
        }
        taken
    }

    #[test]
    fn the_next_number_is_after_the_highest_and_gaps_stay() {
        let taken = taken(&["HR-001", "HR-004", "LED-012"]);
        assert_eq!(taken.next("HR").unwrap(), "HR-005");
        assert_eq!(taken.next("LED").unwrap(), "LED-013");
    }

    #[test]
    fn an_unknown_area_is_refused_with_those_that_are_known() {
        let error = taken(&["HR-001", "LED-012"]).next("hr").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no area hr; known areas: HR, LED"
        );
    }

    #[test]
    fn an_area_without_a_number_left_is_refused() {
        let error = taken(&["HR-999"]).next("HR").unwrap_err();
        assert!(error.to_string().contains("HR has no number left"));
    }

    #[test]
    fn what_only_looks_like_a_code_is_none() {
        assert_eq!(code("HOOK-012"), Some(("HOOK", 12)));
        for text in ["A-001", "HR-1", "HR-0001", "hr-001", "HR001", "README"] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_has_its_title_and_the_three_headings() {
        let page = page("HR-005", " the file is older ").unwrap();
        assert!(page.starts_with("# HR-005: the file is older\n"), "{page}");
        let headings: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        assert_eq!(headings, ["## What happened", "## Why", "## What to do"]);
        for title in ["", "two\nlines", "A sentence."] {
            assert!(super::page("HR-005", title).is_err(), "{title}");
        }
    }

    #[test]
    fn every_area_of_the_repository_is_said_somewhere() {
        let taken = Taken::of(Workspace::find().unwrap().root()).unwrap();
        assert!(taken.numbers.len() > 10, "{:?}", taken.numbers.keys());
        assert!(!taken.numbers.contains_key("SHA"));
        for (area, sources) in &taken.sources {
            assert!(!sources.is_empty(), "{area}");
        }
        let (highest, pages) = (&taken.numbers["HR"], taken.next("HR").unwrap());
        assert_eq!(pages, format!("HR-{:03}", highest.last().unwrap() + 1));
    }
}
