//! `muster people merge`, `split` and `link`: who is who, where a person has to say so. Each shows the plan first, and
//! `--plan` with the digest that was shown has it applied.

use std::io;

use muster_api::v1;

use super::client::Route;
use super::error::CliError;
use super::printer::{Printer, Style};
use super::{Answer, Context, Ended, operator, people, show};

/// What all of them have.
#[derive(Debug, clap::Args)]
struct Common {
    /// Apply the plan that was shown, by the first 8 or more digits of its digest
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: operator::Said,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make two people one: the first becomes part of the second
    Merge(Merge),
    /// Take a record out again: it is a person of its own from then on
    Split(Split),
    /// Say whose a record is that was asked about
    Link(Link),
}

/// `muster people merge`
#[derive(Debug, clap::Args)]
pub(super) struct Merge {
    /// Whose records, openings and blocks go over: feed:key, or the key alone
    person: String,
    /// To whom
    into: String,
    #[command(flatten)]
    common: Common,
}

/// `muster people split`
#[derive(Debug, clap::Args)]
pub(super) struct Split {
    /// The record: feed:key, as `muster people PERSON` lists it
    record: String,
    #[command(flatten)]
    common: Common,
}

/// `muster people link`
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("whose").args(["person", "new"]).required(true)))]
pub(super) struct Link {
    /// The record: feed:key, as `muster findings` names it
    record: String,
    /// Whose it is: feed:key, or the key alone
    person: Option<String>,
    /// It is somebody new
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(command: &Command, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let (route, common) = match command {
        Command::Merge(args) => {
            let person = people::resolve(&args.person, &client).await?;
            let into = people::resolve(&args.into, &client).await?;
            let route = Route::new("/v1/people").part(&person).part("merge");
            (route.parameter("into", Some(&into)), &args.common)
        }
        Command::Split(args) => {
            let route = Route::new("/v1/records").part(&args.record).part("split");
            (route, &args.common)
        }
        Command::Link(args) => {
            let person = match &args.person {
                Some(person) => Some(people::resolve(person, &client).await?),
                None => None,
            };
            let route = Route::new("/v1/records").part(&args.record).part("link");
            let route = route.parameter("person", person.as_deref());
            (
                route.parameter("new", args.new.then_some("true")),
                &args.common,
            )
        }
    };
    decide(route, common, context).await
}

async fn decide(route: Route, common: &Common, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let route = route.parameter("plan", common.plan.as_deref());
    let route = common.operator.say(route, context.environment);
    let is_look = common.plan.is_none();
    let joined: v1::Joined = if is_look {
        client.get(route).await?
    } else {
        client.post(route).await?
    };
    if common.json {
        context.printer.json(&joined)?;
    } else {
        print(&joined, is_look, context.printer).map_err(CliError::Output)?;
    }
    Ok(if is_look { Answer::No } else { Answer::Yes })
}

fn print(joined: &v1::Joined, is_look: bool, printer: &mut Printer<'_>) -> io::Result<()> {
    let style = if is_look { Style::Strong } else { Style::Good };
    printer.line(&style.paint(&joined.text))?;
    for person in &joined.people {
        let name = show::person(&person.name, &person.person);
        printer.line(&format!("  {name}: {}", person.kind))?;
        for changed in &person.changed {
            printer.line(&format!("      {changed}"))?;
        }
        for operation in &person.operations {
            let deed = show::deed(&operation.verb, &operation.object);
            printer.line(&format!("      {}: {deed}", operation.target))?;
        }
    }
    for finding in &joined.findings {
        let code = Style::Warn.paint(&finding.code);
        printer.line(&format!("  {code} {}", finding.text))?;
    }
    let last = match (is_look, joined.plan) {
        (true, _) => format!(
            "nothing was changed; to do exactly this, add: --plan {}",
            show::short(&joined.digest)
        ),
        (false, None) => "nothing has to be done at the apps".to_owned(),
        (false, Some(plan)) => {
            format!("plan {plan} carries it out: `muster operations` shows how it goes")
        }
    };
    printer.line(&Style::Dim.paint(&last))
}
