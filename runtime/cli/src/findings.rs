//! `muster findings`: what a person should look at.

use muster_api::v1;

use super::client::Route;
use super::{Answer, Context, Ended, listing, show};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only with this code
    #[arg(long)]
    code: Option<String>,
    /// Only this grave
    #[arg(long, value_parser = ["note", "warning", "error"])]
    severity: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    // Who asks for a code, for all or for data wants each of them.
    let is_grouped = args.code.is_none() && !args.listing.json && !args.listing.all;
    let route = Route::new("/v1/findings")
        .parameter("code", args.code.as_deref())
        .parameter("severity", args.severity.as_deref())
        .parameter("grouped", is_grouped.then_some("true"));
    let page: v1::Page<v1::Finding> = args.listing.fetch(&client, &route).await?;
    args.listing.print(
        &page,
        context.printer,
        "nothing to look at",
        |findings, printer| show::findings(findings, printer, 0),
    )?;
    Ok(Answer::Yes)
}
