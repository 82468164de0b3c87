//! The pages of error codes have to be about this version: every code has one, in the form of all, and each is
//! part of the program. `cargo xtask update` writes anew what is made from the source.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use muster_api::PAGES;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a file with what is made here, or writes it.
#[track_caller]
fn check_file(path: &Path, made: &str) {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, made).unwrap();
        return;
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == made,
        "{} is out of date; write it anew with: cargo xtask update",
        path.display()
    );
}

fn pages() -> BTreeMap<String, String> {
    let folder = root().join("docs/errors");
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let code = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (code, std::fs::read_to_string(path).unwrap())
        })
        .filter(|(code, _)| is_code(code))
        .collect()
}

fn is_code(text: &str) -> bool {
    let Some((area, number)) = text.split_once('-') else {
        return false;
    };
    let is_area =
        (2..=4).contains(&area.len()) && area.bytes().all(|byte| byte.is_ascii_uppercase());
    is_area && number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn every_page_is_part_of_the_program() {
    let mut made = "//! Every page of `docs/errors/`, made into the program. Made from the folder; a test compares\n\
                    //! the two, and `cargo xtask update` writes it anew.\n\n\
                    macro_rules! page {\n    ($code:literal) => {\n        (\n            $code,\n            \
                    include_str!(concat!(\"../../../docs/errors/\", $code, \".md\")),\n        )\n    };\n}\n\n\
                    /// Code and page, in the order of the codes.\npub const PAGES: &[(&str, &str)] = &[\n"
        .to_owned();
    for code in pages().keys() {
        writeln!(made, "    page!(\"{code}\"),").unwrap();
    }
    made.push_str("];\n");
    check_file(&root().join("runtime/api/src/pages.rs"), &made);
    if std::env::var_os("UPDATE_GENERATED").is_none() {
        let embedded: BTreeMap<String, String> = PAGES
            .iter()
            .map(|(code, page)| ((*code).to_owned(), (*page).to_owned()))
            .collect();
        assert_eq!(embedded, pages());
    }
}

#[test]
fn every_page_says_what_happened_why_and_what_to_do() {
    for (code, page) in pages() {
        let title = page.lines().next().unwrap();
        assert!(
            title.starts_with(&format!("# {code}: ")) && title.len() > code.len() + 6,
            "{title}"
        );
        let headings: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        assert_eq!(
            headings,
            ["## What happened", "## Why", "## What to do"],
            "{code}"
        );
        assert!(
            !page.contains("<!--"),
            "{code}: the hints of `cargo xtask new-error-code` are still in it"
        );
        let sections = page.split("\n## ").skip(1);
        for section in sections {
            assert!(section.lines().count() > 2, "{code}: {section}");
        }
    }
}

/// Every code that stands in our sources, but for comments and tests.
fn codes_in_sources() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    each_source(&mut |text| {
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '-';
        let words = text.split(|character| !is_part(character));
        codes.extend(words.filter(|word| is_code(word)).map(str::to_owned));
    });
    codes
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<String> = pages().into_keys().collect();
    let codes = codes_in_sources();
    let without_page: Vec<&String> = codes.difference(&pages).collect();
    let without_code: Vec<&String> = pages.difference(&codes).collect();
    assert_eq!((without_page, without_code), (vec![], vec![]));
}

/// Calls `visit` with each of our sources, without comments and tests.
fn each_source(visit: &mut dyn FnMut(&str)) {
    let mut folders = vec![root().join("runtime")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !["tests.rs", "pages.rs"].contains(&name)
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let lines = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"));
                visit(&lines.collect::<Vec<_>>().join("\n"));
            }
        }
    }
}

#[test]
fn a_code_means_one_thing() {
    let mut defined: BTreeMap<String, usize> = BTreeMap::new();
    each_source(&mut |text| {
        for definition in text.split(": Code = Code::new(\"").skip(1) {
            let code = definition.split('"').next().unwrap();
            *defined.entry(code.to_owned()).or_default() += 1;
        }
    });
    assert!(defined.len() > 50, "{}", defined.len());
    defined.retain(|_, times| *times > 1);
    assert_eq!(defined, BTreeMap::new());
}
