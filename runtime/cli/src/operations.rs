//! `muster operations`: what is still to be done, and `retry` for what waits for a person.

use clap::Subcommand;
use muster_api::v1;
use muster_core::operation::OperationState;

use super::client::{Client, Route};
use super::show::{self, deed};
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
    #[arg(long, value_parser = OperationState::ALL.map(OperationState::as_str))]
    state: Option<String>,
    /// Only of this person
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Try operations again that wait for a person or for their next attempt: one, or all that are named
    Retry(Retry),
}

#[derive(Debug, clap::Args)]
struct Retry {
    /// The operation, such as 12-3
    #[arg(required_unless_present_any = ["target", "state", "halted"])]
    operation: Option<String>,
    /// All at this target
    #[arg(long, value_name = "NAME", conflicts_with = "operation")]
    target: Option<String>,
    /// All in this state
    #[arg(long, conflicts_with = "operation", value_parser =
        ["unknown", "waiting", "pending", "verifying", "halted"])]
    state: Option<String>,
    /// All that wait for a person
    #[arg(long, conflicts_with_all = ["operation", "state"])]
    halted: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: operator::Said,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    if let Some(Action::Retry(named)) = &args.action {
        return retry(named, &client, context).await;
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

async fn retry(args: &Retry, client: &Client, context: &mut Context<'_, '_>) -> Ended {
    if let Some(operation) = &args.operation {
        let route = Route::new("/v1/operations").part(operation).part("retry");
        let route = args.operator.say(route, context.environment);
        let operation: v1::Operation = client.post(route).await?;
        if args.json {
            context.printer.json(&operation)?;
        } else {
            show::operations(&[operation], context.printer, 0)?;
            context
                .printer
                .line("it is tried now; `muster operations` shows what came of it")?;
        }
        return Ok(Answer::Yes);
    }
    let state = if args.halted {
        Some(OperationState::Halted.as_str())
    } else {
        args.state.as_deref()
    };
    let route = Route::new("/v1/operations/retry")
        .parameter("target", args.target.as_deref())
        .parameter("state", state);
    let route = args.operator.say(route, context.environment);
    let retried: v1::Retried = client.post(route).await?;
    if args.json {
        context.printer.json(&retried)?;
    } else {
        let count = show::plural(retried.operations, "operation");
        context.printer.line(&format!(
            "{count} tried now; `muster operations` shows what came of it"
        ))?;
    }
    Ok(Answer::Yes)
}
