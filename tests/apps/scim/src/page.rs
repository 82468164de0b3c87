//! The page at `/`: who has what, as plain text for a person in front of a terminal or a browser.

use std::fmt::Write;

use crate::resource::ResourceType;
use crate::store::{Record, Store};

/// How many users are shown; a page of 100,000 helps nobody.
const SHOWN_MAX: usize = 200;

/// Renders the page.
pub(crate) fn render(store: &Store) -> String {
    let total = store.count(ResourceType::User);
    let active = store
        .all(ResourceType::User)
        .filter(|user| user.is_active())
        .count();
    let mut text = format!(
        "{total} accounts ({active} active), {} groups\n\n",
        store.count(ResourceType::Group)
    );
    let mut rows =
        vec![["ACCOUNT", "NAME", "STATE", "TITLE", "GROUPS", "SESSIONS"].map(str::to_owned)];
    rows.extend(
        store
            .all(ResourceType::User)
            .take(SHOWN_MAX)
            .map(|user| row(store, user)),
    );
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a String cannot fail.
            write!(line, "{cell:<width$}  ").ok();
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if total > SHOWN_MAX {
        writeln!(text, "and {} more", total - SHOWN_MAX).ok();
    }
    text
}

fn row(store: &Store, user: &Record) -> [String; 6] {
    let groups: Vec<&str> = store
        .groups_of(user.number)
        .map(|group| group.text("displayName"))
        .collect();
    let sessions = store.sessions_of(user.number);
    let formatted = user
        .document
        .get("name")
        .and_then(|name| name.get("formatted"));
    let names = [
        user.text("displayName"),
        formatted.and_then(|n| n.as_str()).unwrap_or_default(),
    ];
    let name = names
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or("-");
    [
        user.text("userName").to_owned(),
        name.to_owned(),
        if user.is_active() {
            "active"
        } else {
            "suspended"
        }
        .to_owned(),
        match user.text("title") {
            "" => "-".to_owned(),
            title => title.to_owned(),
        },
        if groups.is_empty() {
            "-".to_owned()
        } else {
            groups.join(", ")
        },
        if sessions == 0 {
            String::new()
        } else {
            format!("{sessions} signed in")
        },
    ]
}
