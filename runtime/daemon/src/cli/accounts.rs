//! `muster accounts`: who has an account where.

use super::client::Route;
use super::printer::word;
use super::table::Table;
use super::{Answer, Context, Ended, listing};
use crate::api::v1;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only at this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = ["active", "suspended", "locked", "invited", "deactivated", "deleted"])]
    state: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let route = Route::new("/v1/accounts")
        .parameter("target", args.target.as_deref())
        .parameter("state", args.state.as_deref());
    let page: v1::Page<v1::Account> = args.listing.fetch(&client, &route).await?;
    args.listing.print(
        &page,
        context.printer,
        "no accounts",
        |accounts, printer| {
            let mut table = Table::new(["TARGET", "PERSON", "NAME", "STATE", "ID", "HAS"]);
            for account in accounts {
                let grants: Vec<&str> = account
                    .grants
                    .iter()
                    .filter(|grant| grant.since.is_some())
                    .map(|grant| grant.entitlement.as_str())
                    .collect();
                table.row([
                    account.target.clone(),
                    account.person.clone(),
                    account.name.clone(),
                    word(account.state.as_deref().unwrap_or("-")),
                    account.id.clone().unwrap_or_else(|| "-".to_owned()),
                    grants.join(", "),
                ]);
            }
            table.print(printer, 0)
        },
    )?;
    Ok(Answer::Yes)
}
