//! What all listings share: `--json`, `--limit` and `--all`, and the turning of pages.

use muster_api::v1::{self, LIST_LIMIT_MAX};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{Client, Route};
use super::error::CliError;
use super::printer::{Printer, Style};

/// How much to list, and how.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// All that there are
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
    /// As JSON: {"items": [...], "next": ...}
    #[arg(long)]
    pub(super) json: bool,
}

impl Args {
    /// Turns pages until there is enough.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        client: &Client,
        route: &Route,
    ) -> Result<v1::Page<T>, CliError> {
        let wanted = if self.all {
            usize::MAX
        } else {
            self.limit.max(1)
        };
        let mut items: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let limit = (wanted - items.len()).min(LIST_LIMIT_MAX).to_string();
            let route = route
                .clone()
                .parameter("limit", Some(&limit))
                .parameter("cursor", cursor.as_deref());
            let page: v1::Page<T> = client.get(route).await?;
            let is_empty = page.items.is_empty();
            items.extend(page.items);
            cursor = page.next;
            // An empty page that has a next one would turn pages for ever.
            if cursor.is_none() || items.len() >= wanted || is_empty {
                return Ok(v1::Page {
                    items,
                    next: cursor,
                });
            }
        }
    }

    /// Prints a page as JSON, or leaves it to `print`; says where something was left out.
    pub(super) fn print<T: Serialize>(
        &self,
        page: &v1::Page<T>,
        printer: &mut Printer<'_>,
        nothing: &str,
        print: impl FnOnce(&[T], &mut Printer<'_>) -> std::io::Result<()>,
    ) -> Result<(), CliError> {
        if self.json {
            return Ok(printer.json(page)?);
        }
        if page.items.is_empty() {
            return Ok(printer.line(nothing)?);
        }
        print(&page.items, printer)?;
        if page.next.is_some() {
            printer.line(&Style::Dim.paint("there are more: --limit N or --all"))?;
        }
        Ok(())
    }
}
