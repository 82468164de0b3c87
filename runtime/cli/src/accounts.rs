//! `muster accounts`: who has an account where; `restore`, `leave` and `believe` for what somebody changed
//! at an app.

use clap::Subcommand;
use muster_api::v1;

use super::client::Route;
use super::printer::word;
use super::table::Table;
use super::{Answer, Context, Ended, listing, operator, people};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only at this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Only in this state
    #[arg(long, value_parser = ["active", "suspended", "locked", "invited", "deactivated", "deleted"])]
    state: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an account again that was deleted at the app, or switch one on that was switched off there
    Restore(Chosen),
    /// Leave an account as somebody made it at the app, until the person leaves
    Leave(Chosen),
    /// Believe the next listing of a target, however many accounts it lacks
    Believe {
        /// The target
        #[arg(long, value_name = "NAME")]
        target: String,
        #[command(flatten)]
        operator: operator::Said,
    },
}

#[derive(Debug, clap::Args)]
struct Chosen {
    /// The person, such as hr:1042
    person: String,
    /// The target
    #[arg(long, value_name = "NAME")]
    target: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: operator::Said,
}

async fn act(action: &Action, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let (chosen, word, said) = match action {
        Action::Believe { target, operator } => {
            let route = Route::new("/v1/targets").part(target).part("believe");
            let route = operator.say(route, context.environment);
            let believed: v1::Believed = client.post(route).await?;
            let said = format!(
                "the accounts at {} are listed now; what is not there counts as gone",
                believed.target
            );
            context.printer.line(&said)?;
            return Ok(Answer::Yes);
        }
        Action::Restore(chosen) => (
            chosen,
            "restore",
            "it is put right now; `muster operations` shows what came of it",
        ),
        Action::Leave(chosen) => (chosen, "leave", "it stays as it is at the app"),
    };
    let person = people::resolve(&chosen.person, &client).await?;
    let route = Route::new("/v1/accounts")
        .part(&chosen.target)
        .part(&person)
        .part(word);
    let route = chosen.operator.say(route, context.environment);
    let account: v1::Account = client.post(route).await?;
    if chosen.json {
        context.printer.json(&account)?;
    } else {
        context.printer.line(said)?;
    }
    Ok(Answer::Yes)
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    if let Some(action) = &args.action {
        return act(action, context).await;
    }
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
                    match &account.drift {
                        Some(drift) => format!("{}, at the app", word(drift)),
                        None => word(account.state.as_deref().unwrap_or("-")),
                    },
                    account.id.clone().unwrap_or_else(|| "-".to_owned()),
                    grants.join(", "),
                ]);
            }
            table.print(printer, 0)
        },
    )?;
    Ok(Answer::Yes)
}
