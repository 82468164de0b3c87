//! `muster operations`: what is still to be done, and `retry` for what waits for a person.

use clap::Subcommand;

use super::client::Route;
use super::show::{self, deed};
use super::table::Table;
use super::{Answer, Context, Ended, listing, operator, people};
use crate::api::v1;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only at this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Only in this state
    #[arg(long, value_parser =
        ["queued", "in-flight", "unknown", "waiting", "pending", "verifying", "halted"])]
    state: Option<String>,
    /// Only of this person
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Try an operation again that waits for a person or for its next attempt
    Retry {
        /// The operation, such as 12-3
        operation: String,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: operator::Said,
    },
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    if let Some(Action::Retry {
        operation,
        json,
        operator,
    }) = &args.action
    {
        let route = Route::new("/v1/operations").part(operation).part("retry");
        let route = operator.say(route, context.environment);
        let operation: v1::Operation = client.post(route).await?;
        if *json {
            context.printer.json(&operation)?;
        } else {
            show::operations(&[operation], context.printer, 0)?;
            context
                .printer
                .line("it is tried now; `muster operations` shows what came of it")?;
        }
        return Ok(Answer::Yes);
    }
    let person = match &args.person {
        Some(person) => Some(people::resolve(person, &client).await?),
        None => None,
    };
    let route = Route::new("/v1/operations")
        .parameter("target", args.target.as_deref())
        .parameter("state", args.state.as_deref())
        .parameter("person", person.as_deref());
    let page: v1::Page<v1::Operation> = args.listing.fetch(&client, &route).await?;
    args.listing.print(
        &page,
        context.printer,
        "nothing is left to do",
        |operations, printer| {
            let mut table = Table::new([
                "OPERATION",
                "PERSON",
                "TARGET",
                "WHAT",
                "STATE",
                "WHY IT WAITS",
            ]);
            for operation in operations {
                table.row([
                    operation.id.clone(),
                    operation.person.clone(),
                    operation.target.clone(),
                    deed(&operation.verb, &operation.object),
                    show::progress_of(operation),
                    operation.text.clone().unwrap_or_default(),
                ]);
            }
            table.print(printer, 0)
        },
    )?;
    Ok(Answer::Yes)
}
