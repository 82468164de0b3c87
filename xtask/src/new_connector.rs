//! `cargo xtask new-connector NAME`: makes `plugins/NAME`, a small connector that works, to be changed into the
//! one that is wanted.
//!
//! The template is the connector of `docs/guides/write-a-connector.md`, under another name. It is read from
//! `plugin-sdk/rust/tests/tutorial.rs`, where it is compiled and tested, so a change of the SDK reaches the guide and
//! what is made here at once.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::toolchain::cargo;
use crate::workspace::{Workspace, write_atomically};
use crate::{child, say};

const TEMPLATE: &str = include_str!("../../plugin-sdk/rust/tests/tutorial.rs");
/// What the connector of the template is called: as a plugin, for people, as a type, and as a domain.
const CALLED: [&str; 4] = ["acme-chat", "Acme Chat", "AcmeChat", "acme.example"];
/// The connector of the template begins here; above it is what is said of the tutorial.
const BEGIN: &str = "use muster_sdk::{";
/// The connector and its tests end here; below it, the guide is compared.
const END: &str = "\n/// Every block of Rust in the guide";
/// The type, which the tutorial leaves without a comment.
const TYPE: &str = "#[derive(Default)]\npub struct ";

/// Longest name of a plugin, as the daemon has it.
const NAME_BYTES_MAX: usize = 64;
/// How long cargo may take to write the new member into the lock file, and to format it.
const CARGO_MAX: Duration = Duration::from_mins(1);

/// Makes the connector, a member of the workspace.
pub(crate) async fn run(workspace: &Workspace, name: &str) -> anyhow::Result<()> {
    let root = workspace.root();
    let name = Name::new(name)?;
    let folder = root.join("plugins").join(name.plugin());
    ensure!(
        !folder.exists(),
        "there is a plugin {} already: plugins/{0}",
        name.plugin()
    );
    let manifest = root.join("Cargo.toml");
    let members = std::fs::read_to_string(&manifest)
        .with_context(|| format!("could not read {}", manifest.display()))?;
    let members = with_member(&members, name.plugin())?;
    let source = source(&name)?;

    write_atomically(&folder.join("src/lib.rs"), source.as_bytes())?;
    write_atomically(&folder.join("Cargo.toml"), package(&name).as_bytes())?;
    write_atomically(&manifest, members.as_bytes())?;
    // Everything else runs with --locked, so the lock file has to know the new member.
    let mut lock = child::command(cargo(), root);
    lock.args(["metadata", "--offline", "--format-version", "1"]);
    child::output(&mut lock, CARGO_MAX)
        .await
        .context("could not write the new member into Cargo.lock")?;
    format(root, &name).await;

    let plugin = name.plugin();
    say::step(&format!("plugins/{plugin} made; from here on:"));
    say::note(&format!(
        "1. cargo test -p muster-plugin-{plugin}    (its tests, without the app)"
    ));
    say::note(&format!(
        "2. make it speak to the app: plugins/{plugin}/src/lib.rs; docs/guides/write-a-connector.md tells how.\n\
         It has `Grants` only: a target needs `Accounts`, and roles that name rights need `Entitlements`"
    ));
    say::note(&format!(
        "3. cargo xtask plugins {plugin}    (target/plugins/{plugin}.wasm)"
    ));
    say::note(&format!(
        "4. tell IT how to set it up: docs/guides/connector-{plugin}.md"
    ));
    Ok(())
}

/// Formats it: another name makes lines longer or shorter. Without rustfmt it is as well, a little out of line.
async fn format(root: &Path, name: &Name) {
    let mut format = child::command(cargo(), root);
    format.args([
        "fmt",
        "--package",
        &format!("muster-plugin-{}", name.plugin()),
    ]);
    if let Err(error) = child::output(&mut format, CARGO_MAX).await {
        say::skipped(&format!("formatting: {error:#}"));
    }
}

/// What a connector is called.
#[derive(Debug)]
struct Name(String);

impl Name {
    fn new(text: &str) -> anyhow::Result<Self> {
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        if !begins || text.len() > NAME_BYTES_MAX || !text.split('-').all(is_part) {
            bail!(
                "`{text}` is no name for a plugin: it has at most {NAME_BYTES_MAX} of a-z, 0-9 and single `-` \
                 between them, and begins with a letter, such as acme-chat"
            );
        }
        let name = Self(text.to_owned());
        let own = CALLED
            .iter()
            .fold(TEMPLATE.to_owned(), |rest, called| rest.replace(called, ""));
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let type_name = name.type_name();
        if type_name == "Self" || own.split(|c| !is_word(c)).any(|word| word == type_name) {
            bail!(
                "`{text}` would name the connector's type `{type_name}`, which means something else already"
            );
        }
        Ok(name)
    }

    /// As a plugin: `acme-chat`.
    fn plugin(&self) -> &str {
        &self.0
    }

    /// For people: `Acme Chat`.
    fn title(&self) -> String {
        self.capitalised().join(" ")
    }

    /// As a type: `AcmeChat`.
    fn type_name(&self) -> String {
        self.capitalised().concat()
    }

    fn capitalised(&self) -> Vec<String> {
        let capitalise = |part: &str| part[..1].to_uppercase() + &part[1..];
        self.0.split('-').map(capitalise).collect()
    }
}

/// The connector's source.
fn source(name: &Name) -> anyhow::Result<String> {
    let (_, body) = TEMPLATE
        .split_once(BEGIN)
        .context("the tutorial does not begin as expected")?;
    let (body, _) = body
        .split_once(END)
        .context("the tutorial does not end as expected")?;
    ensure!(body.contains(TYPE), "the tutorial has no type as expected");
    let body = body.replace(TYPE, &format!("/// The connector.\n{TYPE}"));
    let names = [
        name.plugin().to_owned(),
        name.title(),
        name.type_name(),
        format!("{}.example", name.plugin()),
    ];
    let renamed = CALLED.iter().zip(names);
    let body = renamed.fold(body, |body, (from, to)| body.replace(from, &to));
    Ok(format!(
        "//! Connector for {}.\n\
         //!\n\
         //! It begins as the connector of `docs/guides/write-a-connector.md`: the members of channels, and no accounts.\n\
         //! Muster can load it and look into it; a target needs `Accounts` as well.\n\n\
         {BEGIN}{body}",
        name.title()
    ))
}

/// The connector's `Cargo.toml`.
fn package(name: &Name) -> String {
    format!(
        r#"[package]
name = "muster-plugin-{}"
description = "Connector for {}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
muster-sdk = {{ workspace = true }}
serde = {{ workspace = true }} # API messages
"#,
        name.plugin(),
        name.title()
    )
}

/// The workspace's `Cargo.toml` with one more member, after the last plugin.
fn with_member(manifest: &str, plugin: &str) -> anyhow::Result<String> {
    let last = manifest
        .rfind("\n    \"plugins/")
        .context("Cargo.toml lists no plugin among its members")?;
    let end = manifest[last + 1..]
        .find('\n')
        .context("the list of members has no end")?;
    let (before, after) = manifest.split_at(last + 1 + end);
    Ok(format!("{before}\n    \"plugins/{plugin}\",{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_plugin_a_title_and_a_type() {
        for (text, title, type_name) in [
            ("acme", "Acme", "Acme"),
            ("acme-chat", "Acme Chat", "AcmeChat"),
            ("office-365", "Office 365", "Office365"),
        ] {
            let name = Name::new(text).unwrap();
            assert_eq!(name.plugin(), text);
            assert_eq!(
                (name.title(), name.type_name()),
                (title.into(), type_name.into())
            );
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = "a".repeat(65);
        for text in [
            "",
            "Acme",
            "acme_chat",
            "-acme",
            "acme-",
            "a--b",
            "7geese",
            "../acme",
            "a/b",
            "é",
            &long,
        ] {
            let error = Name::new(text).unwrap_err().to_string();
            assert!(error.contains("is no name for a plugin"), "{error}");
        }
    }

    #[test]
    fn a_name_that_the_template_uses_otherwise_is_refused() {
        for text in ["grants", "host", "outcome", "option", "self"] {
            let error = Name::new(text).unwrap_err().to_string();
            assert!(error.contains("means something else already"), "{error}");
        }
    }

    #[test]
    fn the_source_is_the_tutorials_connector_under_another_name() {
        let source = source(&Name::new("globex").unwrap()).unwrap();
        for called in CALLED {
            assert!(!source.contains(called), "{called}");
        }
        assert!(source.starts_with("//! Connector for Globex.\n"));
        assert!(source.contains("/// The connector.\n#[derive(Default)]\npub struct Globex;"));
        assert!(source.contains("muster_sdk::export!(Globex: Grants);"));
        assert!(source.contains("Api::at(\"https://api.globex.example/v1\")"));
        assert!(source.contains("fn a_member_is_added_once()"));
        assert!(!source.contains("the_guide_shows"));
        assert!(source.ends_with("}\n"), "{source}");
    }

    #[test]
    fn a_new_member_stands_after_the_last_plugin() {
        let manifest = "members = [\n    \"plugins/a\",\n    \"plugins/b\",\n    \"tests\",\n]\n";
        assert_eq!(
            with_member(manifest, "c").unwrap(),
            "members = [\n    \"plugins/a\",\n    \"plugins/b\",\n    \"plugins/c\",\n    \"tests\",\n]\n"
        );
        assert!(with_member("members = []\n", "c").is_err());
    }

    #[tokio::test]
    async fn a_plugin_that_is_there_is_refused_and_nothing_is_written() {
        let workspace = Workspace::find().unwrap();
        let error = run(&workspace, "scim").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is a plugin scim already: plugins/scim"
        );
    }
}
