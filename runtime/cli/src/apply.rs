//! `muster apply`: what was held is shown, and takes effect when somebody says so. Naming the
//! digest of what was shown is saying so; without it, `--yes` is. `--preview` only looks.

use http::Method;
use muster_api::v1;

use super::client::{Client, Route};
use super::error::CliError;
use super::printer::{Printer, Style};
use super::table::Table;
use super::{Answer, Context, Ended, operator, plan, show};

/// Shortest beginning of a digest that names a plan.
const DIGEST_DIGITS_MIN: usize = 8;

/// People of each held plan that are named where several are listed.
const PEOPLE_LISTED: usize = 5;

#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that a person can give or leave out"
)]
pub(super) struct Args {
    /// The plan that was shown, by the first 8 or more digits of its digest
    digest: Option<String>,
    /// Only show it, with everybody whom it hits; nothing takes effect
    #[arg(long, conflicts_with_all = ["yes", "wait"])]
    preview: bool,
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
    let mut held: Vec<v1::Held> = client.get(Route::new("/v1/held")).await?;
    let Some(digest) = choose(args, &held)? else {
        let previews = look(&mut held, &client).await?;
        list(&held, &previews, args, context.printer)?;
        return Ok(if held.is_empty() {
            Answer::Yes
        } else {
            Answer::No
        });
    };
    let is_asked = args.preview || (args.digest.is_none() && !args.yes);
    let mut now = digest.clone();
    if !args.json || is_asked {
        let preview: v1::Preview = client.get(Route::new("/v1/held").part(&digest)).await?;
        if let Some(digest) = &preview.plan_digest {
            now.clone_from(digest);
        }
        if !args.json {
            plan::print(&preview, args.all, context.printer)?;
            context.printer.line("")?;
        } else if args.preview {
            context.printer.json(&preview)?;
        }
    }
    if is_asked {
        if args.json && !args.preview {
            look(&mut held, &client).await?;
            context.printer.json(&held)?;
        } else if !args.json {
            let command = format!("muster apply {}", show::short(&now));
            context
                .printer
                .line(&format!("nothing was changed; to approve it: {command}"))?;
        }
        return Ok(Answer::No);
    }
    approve(args, &digest, &client, context).await
}

/// What each of the held plans would do, counted; `None` if it cannot be told.
async fn look(
    held: &mut [v1::Held],
    client: &Client,
) -> Result<Vec<Option<v1::Preview>>, CliError> {
    let mut previews = Vec::new();
    for held in held {
        let Some(digest) = &held.plan_digest else {
            previews.push(None);
            continue;
        };
        // Decided meanwhile, or its file is gone: the others are shown all the same.
        let asked = client.get(Route::new("/v1/held").part(digest)).await;
        let preview: Option<v1::Preview> = match asked {
            Ok(preview) => Some(preview),
            Err(CliError::Refused(_)) => None,
            Err(error) => return Err(error),
        };
        if let Some(preview) = &preview {
            held.counts.clone_from(&preview.counts);
        }
        previews.push(preview);
    }
    Ok(previews)
}

/// Which plan is meant; `None` if the held ones have to be listed first.
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

fn list(
    held: &[v1::Held],
    previews: &[Option<v1::Preview>],
    args: &Args,
    printer: &mut Printer<'_>,
) -> Result<(), CliError> {
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
    for (held, preview) in held.iter().zip(previews) {
        whom(held, preview.as_ref(), printer)?;
    }
    printer.line("`muster apply PLAN --preview` shows one of them whole, `muster apply PLAN` lets it take effect")?;
    Ok(())
}

/// The first people whom a held plan hits, leavers first.
fn whom(
    held: &v1::Held,
    preview: Option<&v1::Preview>,
    printer: &mut Printer<'_>,
) -> Result<(), CliError> {
    let Some(preview) = preview.filter(|preview| !preview.people.is_empty()) else {
        return Ok(());
    };
    let digest = held.plan_digest.as_deref().map_or("-", show::short);
    printer.line(&format!("{digest} {}", held.file))?;
    for person in preview.people.iter().take(PEOPLE_LISTED) {
        let name = show::person(&person.name, &person.person);
        let deeds = person.operations.iter().map(|operation| {
            let deed = show::deed(&operation.verb, &operation.object);
            format!("{}: {deed}", operation.target)
        });
        let deeds: Vec<String> = deeds.collect();
        printer.line(&format!("  {} {name}  {}", person.kind, deeds.join(", ")))?;
    }
    let all: u32 = preview.counts.people.values().sum();
    let hidden = all.saturating_sub(u32::try_from(PEOPLE_LISTED).unwrap_or(0));
    if hidden > 0 {
        printer.line(&Style::Dim.paint(&format!("  and {hidden} more")))?;
    }
    Ok(printer.line("")?)
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
            let said = if applied.plan == 0 {
                // An answer is no plan.
                "the answer is kept".to_owned()
            } else {
                format!("plan {} takes effect", applied.plan)
            };
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
