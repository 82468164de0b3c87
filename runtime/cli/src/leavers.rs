//! `muster leavers`: what was taken from people who should no longer have an account, and how that ended. What the
//! app was seen to have done, what it only said, and what is still open are told apart.

use muster_api::v1;

use super::client::Route;
use super::show::{self, deed};
use super::table::Table;
use super::{Answer, Context, Ended, listing};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only at this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let route = Route::new("/v1/accounts")
        .parameter("target", args.target.as_deref())
        .parameter("leaving", Some("true"));
    let page: v1::Page<v1::Account> = args.listing.fetch(&client, &route).await?;
    args.listing.print(
        &page,
        context.printer,
        "nobody has left an account behind",
        |accounts, printer| {
            let mut table = Table::new(["PERSON", "TARGET", "WHAT", "HOW", "WHEN", "GOES ON"]);
            for account in accounts {
                rows(account, &mut table);
            }
            table.print(printer, 0)
        },
    )?;
    Ok(Answer::Yes)
}

fn rows(account: &v1::Account, table: &mut Table) {
    let mut row = |what: String, how: String, when: String, goes_on: String| {
        table.row([
            account.person.clone(),
            account.target.clone(),
            what,
            how,
            when,
            goes_on,
        ]);
    };
    for taken in &account.taken {
        let goes_on: Vec<String> = taken.goes_on.iter().map(show::left).collect();
        row(
            taken.what.clone(),
            show::ended(taken),
            show::instant(&taken.at),
            goes_on.join("; "),
        );
    }
    for open in &account.operations {
        row(
            deed(&open.verb, &open.object),
            show::progress_of(open),
            String::new(),
            open.text.clone().unwrap_or_default(),
        );
    }
}
