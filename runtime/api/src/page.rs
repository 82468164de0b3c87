//! What an error code means: the page of `docs/errors/` that stands in [`PAGES`]. The pages are
//! part of the program, so that they are there when nothing else works.

use super::PAGES;

/// The title of a code's page; the code itself where it has none.
pub fn title_of(code: &str) -> String {
    let page = PAGES.iter().find(|(known, _)| *known == code);
    let line = page.map_or(code, |(_, page)| title(page));
    line.trim_start_matches(code)
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

/// The first line of a page, as text.
pub fn title(page: &str) -> &str {
    page.lines()
        .next()
        .unwrap_or("")
        .trim_start_matches('#')
        .trim()
}
