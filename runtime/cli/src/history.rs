//! `muster history [PERSON]`: what the journal has about somebody, or about what was decided and put in place, the
//! newest first.

use std::io;

use muster_api::v1;

use super::client::Route;
use super::printer::{Printer, Style};
use super::show::{self, instant};
use super::{Answer, Context, Ended, listing, people};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The person: feed:key, or the key alone. Without one: what was decided, approved and put in place, and by whom
    person: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let mut route = Route::new("/v1/history");
    if let Some(person) = &args.person {
        route = route.part(&people::resolve(person, &client).await?);
    }
    let page: v1::Page<v1::HistoryEntry> = args.listing.fetch(&client, &route).await?;
    args.listing.print(
        &page,
        context.printer,
        "the journal has nothing of this yet",
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
    if let Some(by) = entry.by.as_ref().filter(|by| by.kind != "daemon") {
        printer.line(&format!("    by {}", by.name))?;
        if let Some(reason) = &by.reason {
            printer.line(&format!("    because: {reason}"))?;
        }
    }
    entry
        .details
        .iter()
        .try_for_each(|detail| printer.line(&format!("    {detail}")))
}
