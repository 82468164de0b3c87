//! `docs/guides/configuration.md`, made from the list of options. A test compares the file with what
//! is made here, so that the reference can never be about another version.

use std::fmt::Write;

use super::options::{ALL, Default, Opt, Takes};

/// The reference as Markdown.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut table = "";
    for option in ALL {
        if option.table != table {
            table = option.table;
            heading(&mut text, table);
        }
        write_option(&mut text, option);
    }
    text
}

const INTRODUCTION: &str = "# Configuration

<!-- Made from runtime/config/src/options.rs; do not edit. A test compares the two,
     and `cargo xtask update` writes this file anew. -->

One file, `muster.toml`, with the policy in files beside it. `muster init` writes both with
comments; `muster check` reads both and says everything that is wrong with them, each with file,
line and column.

- Every relative path is relative to the folder of `muster.toml`.
- A key that Muster does not know is an error.
- Durations are written `\"30s\"`, `\"5m\"`, `\"2h\"` or `\"30d\"`; sizes `\"512KiB\"` or `\"20MiB\"`.
- A secret is never written into the file: it is `{ file = \"PATH\" }` or `{ env = \"VARIABLE\" }`.
- `NAME`, `SLOT`, `KEY` and `ATTRIBUTE` stand for names that you choose (`SLOT`: that the plugin asks for).
";

fn heading(text: &mut String, table: &str) {
    let (brackets, place) = match table {
        "role" | "accept" | "test" => (format!("[[{table}]]"), " (in the policy folder)"),
        "lint" => ("[lint]".to_owned(), " (in the policy folder)"),
        "feed.NAME.mapping.attributes.ATTRIBUTE" => {
            (format!("[{table}]"), ", or `ATTRIBUTE = { ... }`")
        }
        _ => (format!("[{table}]"), ""),
    };
    // Writing to a String cannot fail.
    write!(text, "\n## `{brackets}`{place}\n").ok();
}

fn write_option(text: &mut String, option: &Opt) {
    let default = match option.default {
        Default::Required => "required".to_owned(),
        Default::Is("") => "empty".to_owned(),
        Default::Is(value) => format!("`{}`", written(option, value)),
        Default::None(words) => words.to_owned(),
    };
    let sentences = option.doc.trim();
    write!(
        text,
        "\n### `{}`\n\n{sentences}\n\n- Takes: {}\n- Default: {default}\n- Example: `{} = {}`\n",
        option.key,
        option.takes.words(),
        option.key,
        option.example
    )
    .ok();
}

fn written(option: &Opt, value: &str) -> String {
    match option.takes {
        Takes::Boolean | Takes::Number(..) => value.to_owned(),
        _ => format!("\"{value}\""),
    }
}
