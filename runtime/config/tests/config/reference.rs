//! The reference of the configuration has to be about this version. `cargo xtask update` writes anew
//! what is made from the source.

use std::path::{Path, PathBuf};

use muster_config::options::{ALL, Default};
use muster_config::reference;

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

#[test]
fn the_reference_of_the_configuration_is_made_from_the_options() {
    check_file(
        &root().join("docs/guides/configuration.md"),
        &reference::markdown(),
    );
}

#[test]
fn every_option_is_documented_in_sentences_with_an_example_that_is_toml() {
    for option in ALL {
        let doc = option.doc.trim();
        assert!(
            doc.ends_with('.') && doc.len() > 12,
            "{}: {doc}",
            option.key
        );
        let key = if option.key == "ATTRIBUTE" {
            "attribute"
        } else {
            option.key
        };
        let line = format!("{key} = {}", option.example);
        assert!(line.parse::<toml::Table>().is_ok(), "{line}");
        if let Default::None(words) = option.default {
            assert!(!words.is_empty() && !words.ends_with('.'), "{}", option.key);
        }
    }
}
