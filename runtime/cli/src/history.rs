//! `muster history PERSON`: what the journal has about somebody, the newest first.

use std::io;

use muster_api::v1;

use super::client::Route;
use super::printer::{Printer, Style};
use super::show::{self, instant};
use super::{Answer, Context, Ended, listing, people};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The person: feed:key, or the key alone
    person: String,
    #[command(flatten)]
    listing: listing::Args,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let person = people::resolve(&args.person, &client).await?;
    let route = Route::new("/v1/history").part(&person);
    let page: v1::Page<v1::HistoryEntry> = args.listing.fetch(&client, &route).await?;
    args.listing.print(
        &page,
        context.printer,
        "the journal has nothing about this person",
        |entries, printer| entries.iter().try_for_each(|entry| print(entry, printer)),
    )?;
    Ok(Answer::Yes)
}

fn print(entry: &v1::HistoryEntry, printer: &mut Printer<'_>) -> io::Result<()> {
    let place = match (&entry.target, entry.plan) {
        (Some(target), _) => format!("{target}: "),
        (None, Some(plan)) => format!("plan {plan}: "),
        (None, None) => String::new(),
    };
    let number = Style::Dim.paint(&format!("#{}", entry.seq));
    let operation = entry.operation.as_deref();
    let operation = operation.map(|id| format!(" ({id})")).unwrap_or_default();
    printer.line(&format!(
        "{} {number} {place}{}{operation}",
        instant(&entry.at),
        entry.text
    ))?;
    if let Some(source) = &entry.source {
        printer.line(&format!("    from {}", show::source(source)))?;
    }
    entry
        .details
        .iter()
        .try_for_each(|detail| printer.line(&format!("    {detail}")))
}
