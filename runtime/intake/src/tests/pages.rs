//! Every code has a page, and every page belongs to a code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::code::TITLES;

#[test]
fn every_code_has_a_page_with_its_title() {
    let root = Path::new(file!());
    // `file!` may be relative to the workspace, and tests run in the crate's own folder.
    let here = [
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        "/".into(),
    ]
    .into_iter()
    .map(|base| base.join(root))
    .find(|path| path.exists())
    .expect("the sources of this test are where they were compiled");
    let pages = here.ancestors().nth(5).unwrap().join("docs/errors");
    let mut expected = BTreeSet::new();
    for (code, title) in &TITLES {
        let name = format!("{code}.md");
        let page = fs::read_to_string(pages.join(&name));
        let page = page.unwrap_or_else(|error| panic!("docs/errors/{name}: {error}"));
        assert_eq!(
            page.lines().next(),
            Some(format!("# {code}: {title}").as_str())
        );
        for heading in ["## What happened", "## Why", "## What to do"] {
            assert!(
                page.lines().any(|line| line == heading),
                "{name} lacks `{heading}`"
            );
        }
        expected.insert(name);
    }
    assert_eq!(expected.len(), TITLES.len(), "no code stands twice");
    let names = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        // From HR-080 on they are about plans, and stand where plans are made.
        .filter(|name| name.starts_with("HR-") && name.as_str() < "HR-080")
        .collect();
    assert_eq!(found, expected);
}
