//! `muster apply`: what was held is shown, and takes effect when somebody says so. Naming the
//! digest of what was shown is saying so; without it, `--yes` is.

use http::Method;

use super::client::{Client, Route};
use super::error::CliError;
use super::printer::{Printer, Style};
use super::table::Table;
use super::{Answer, Context, Ended, operator, plan, show};
use crate::api::v1;

/// Shortest beginning of a digest that names a plan.
const DIGEST_DIGITS_MIN: usize = 8;

#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that a person can give or leave out"
)]
pub(super) struct Args {
    /// The plan that was shown, by the first 8 or more digits of its digest
    digest: Option<String>,
    /// Approve the only plan that is held without naming it
    #[arg(long)]
    yes: bool,
    /// Wait until everything of it is done, or waits for a person
    #[arg(long)]
    wait: bool,
    /// Show every person, not only the first 20
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: operator::Said,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let held: Vec<v1::Held> = client.get(Route::new("/v1/held")).await?;
    let Some(digest) = choose(args, &held)? else {
        list(&held, args, context.printer)?;
        return Ok(if held.is_empty() {
            Answer::Yes
        } else {
            Answer::No
        });
    };
    if !args.json {
        let preview: v1::Preview = client.get(Route::new("/v1/held").part(&digest)).await?;
        plan::print(&preview, args.all, context.printer)?;
        context.printer.line("")?;
    }
    if args.digest.is_none() && !args.yes {
        if args.json {
            context.printer.json(&held)?;
        } else {
            let command = format!("muster apply {}", show::short(&digest));
            context
                .printer
                .line(&format!("nothing was changed; to approve it: {command}"))?;
        }
        return Ok(Answer::No);
    }
    approve(args, &digest, &client, context).await
}

/// Which plan is meant; none where the held ones have to be listed first.
fn choose(args: &Args, held: &[v1::Held]) -> Result<Option<String>, CliError> {
    let plans: Vec<&String> = held
        .iter()
        .filter_map(|held| held.plan_digest.as_ref())
        .collect();
    let which = |reason: String| Err(CliError::WhichPlan { reason });
    let Some(wanted) = &args.digest else {
        return match plans.as_slice() {
            [only] if held.len() == 1 => Ok(Some((*only).clone())),
            _ if args.yes && !held.is_empty() => {
                which("--yes approves a single held plan, and there are others".to_owned())
            }
            _ => Ok(None),
        };
    };
    if wanted.len() < DIGEST_DIGITS_MIN {
        return which(format!(
            "`{wanted}` is too short: {DIGEST_DIGITS_MIN} digits at least"
        ));
    }
    let mut matching = plans
        .into_iter()
        .filter(|digest| digest.starts_with(wanted.as_str()));
    match (matching.next(), matching.next()) {
        (Some(digest), None) => Ok(Some(digest.clone())),
        (Some(_), Some(_)) => which(format!("several held plans begin with `{wanted}`")),
        (None, _) => which(format!("no held plan begins with `{wanted}`")),
    }
}

fn list(held: &[v1::Held], args: &Args, printer: &mut Printer<'_>) -> Result<(), CliError> {
    if args.json {
        return Ok(printer.json(&held)?);
    }
    if held.is_empty() {
        return Ok(printer.line("nothing is held")?);
    }
    let mut table = Table::new(["PLAN", "FEED", "FILE", "SINCE", "PEOPLE"]);
    for held in held {
        table.row([
            held.plan_digest
                .as_deref()
                .map_or("-", show::short)
                .to_owned(),
            held.feed.clone(),
            held.file.clone(),
            show::instant(&held.since),
            show::numbers(&held.counts.people),
        ]);
    }
    table.print(printer, 0)?;
    printer.line("")?;
    for held in held.iter().filter(|held| held.plan_digest.is_none()) {
        printer.line(&format!("{} cannot be approved as it is:", held.file))?;
        show::findings(&held.reasons, printer, 2)?;
    }
    printer.line("`muster apply PLAN` shows one of them and lets it take effect")?;
    Ok(())
}

async fn approve(
    args: &Args,
    digest: &str,
    client: &Client,
    context: &mut Context<'_, '_>,
) -> Ended {
    let route = Route::new("/v1/held").part(digest).part("apply");
    let route = args.operator.say(route, context.environment);
    let applied: v1::Applied = client.post(route).await?;
    if !args.wait {
        if args.json {
            context.printer.json(&applied)?;
        } else {
            let said = format!("plan {} takes effect", applied.plan);
            context.printer.line(&Style::Good.paint(&said))?;
            if let Some(by) = &applied.approved_by {
                let by = operator::shown(by);
                context.printer.line(&format!("approved by {by}"))?;
            }
        }
        return Ok(Answer::Yes);
    }
    let route = Route::new("/v1/plans")
        .part(&applied.plan.to_string())
        .part("follow");
    let status: v1::PlanStatus = client
        .work(Method::GET, route, bytes::Bytes::new(), context.printer)
        .await?;
    if args.json {
        context.printer.json(&status)?;
    } else {
        let v1::PlanStatus {
            plan,
            operations,
            done,
            waiting,
            halted,
            ..
        } = &status;
        context.printer.line(&format!(
            "plan {plan}: operations done: {done} of {operations}; waiting for another attempt: \
             {waiting}; waiting for a person: {halted}"
        ))?;
    }
    Ok(if status.halted == 0 {
        Answer::Yes
    } else {
        Answer::No
    })
}
