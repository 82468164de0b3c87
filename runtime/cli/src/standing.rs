//! `muster grant`, `extend`, `give-back`, `block`, `lift`, `out`, `adoptions keep` and `adoptions remove`: what somebody decides about one person, beside the
//! policy. Each takes effect at once and says what it does; `--preview` only looks.

use std::io;

use clap::ArgGroup;
use muster_api::v1;
use muster_config::duration;

use super::client::Route;
use super::error::CliError;
use super::printer::{Printer, Style};
use super::{Answer, Context, Ended, operator, people, show};

/// What all of them have.
#[derive(Debug, clap::Args)]
struct Common {
    /// Only show what it would do
    #[arg(long)]
    preview: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: operator::Said,
}

/// What is given or kept away.
#[derive(Debug, clap::Args)]
struct What {
    /// The target
    target: Option<String>,
    /// The entitlement there, such as group:Finance; without one, the account
    entitlement: Option<String>,
    /// All that a role gives
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    role: Option<String>,
}

impl What {
    fn say(&self, route: Route) -> Route {
        route
            .parameter("target", self.target.as_deref())
            .parameter("entitlement", self.entitlement.as_deref())
            .parameter("role", self.role.as_deref())
    }
}

/// When it ends.
#[derive(Debug, clap::Args)]
struct End {
    /// For how long, such as 30m, 8h or 5d
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until")]
    duration: Option<String>,
    /// Until when, such as 2026-05-01T18:00:00Z
    #[arg(long, value_name = "INSTANT")]
    until: Option<String>,
}

impl End {
    fn say(&self, route: Route) -> Result<Route, CliError> {
        let duration = self.duration.as_deref().map(|text| {
            let seconds = duration(text).map(|duration| duration.as_secs());
            seconds.map(|seconds| seconds.to_string()).ok_or_else(|| {
                let text = text.to_owned();
                CliError::NoDuration { text }
            })
        });
        Ok(route
            .parameter("for", duration.transpose()?.as_deref())
            .parameter("until", self.until.as_deref()))
    }
}

/// `muster grant`
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("end").args(["duration", "until"]).required(true)))]
#[command(group(ArgGroup::new("what").args(["target", "role"]).required(true)))]
pub(super) struct Grant {
    /// The person: feed:key, or the key alone
    person: String,
    #[command(flatten)]
    what: What,
    /// From when on, such as 2026-05-01T08:00:00Z; at once where it is left out
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    common: Common,
}

/// `muster extend`
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("end").args(["duration", "until"]).required(true)))]
pub(super) struct Extend {
    /// The person: feed:key, or the key alone
    person: String,
    /// The number of the opening: `muster people PERSON` lists them
    opening: u32,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    common: Common,
}

/// `muster give-back`
#[derive(Debug, clap::Args)]
pub(super) struct GiveBack {
    /// The person: feed:key, or the key alone
    person: String,
    /// The number of the opening: `muster people PERSON` lists them
    opening: u32,
    #[command(flatten)]
    common: Common,
}

/// `muster block`
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("what").args(["target", "role"]).required(true)))]
pub(super) struct Block {
    /// The person: feed:key, or the key alone
    person: String,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    common: Common,
}

/// `muster out`
#[derive(Debug, clap::Args)]
pub(super) struct Out {
    /// The person: feed:key, or the key alone
    person: String,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    common: Common,
}

/// `muster lift`
#[derive(Debug, clap::Args)]
pub(super) struct Lift {
    /// The person: feed:key, or the key alone
    person: String,
    /// The number of the block: `muster people PERSON` lists them
    block: u32,
    #[command(flatten)]
    common: Common,
}

/// `muster adoptions keep`
#[derive(Debug, clap::Args)]
pub(super) struct Keep {
    /// The person: feed:key, or the key alone
    person: String,
    /// The number of the adoption: `muster adoptions` lists them
    adoption: u32,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    common: Common,
}

/// `muster adoptions remove`
#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// The person: feed:key, or the key alone
    person: String,
    /// The number of the adoption: `muster adoptions` lists them
    adoption: u32,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn grant(args: &Grant, context: &mut Context<'_, '_>) -> Ended {
    let say = |route| {
        let route = args.what.say(route);
        let route = route.parameter("from", args.from.as_deref());
        args.end.say(route)
    };
    decide(&args.person, "open", say, &args.common, context).await
}

pub(super) async fn extend(args: &Extend, context: &mut Context<'_, '_>) -> Ended {
    let number = args.opening.to_string();
    let say = |route: Route| args.end.say(route.parameter("opening", Some(&number)));
    decide(&args.person, "extend", say, &args.common, context).await
}

pub(super) async fn give_back(args: &GiveBack, context: &mut Context<'_, '_>) -> Ended {
    let number = args.opening.to_string();
    let say = |route: Route| Ok(route.parameter("opening", Some(&number)));
    decide(&args.person, "give-back", say, &args.common, context).await
}

pub(super) async fn block(args: &Block, context: &mut Context<'_, '_>) -> Ended {
    let say = |route| args.end.say(args.what.say(route));
    decide(&args.person, "block", say, &args.common, context).await
}

pub(super) async fn out(args: &Out, context: &mut Context<'_, '_>) -> Ended {
    let say = |route| args.end.say(route);
    decide(&args.person, "block", say, &args.common, context).await
}

pub(super) async fn lift(args: &Lift, context: &mut Context<'_, '_>) -> Ended {
    let number = args.block.to_string();
    let say = |route: Route| Ok(route.parameter("block", Some(&number)));
    decide(&args.person, "lift", say, &args.common, context).await
}

pub(super) async fn keep(args: &Keep, context: &mut Context<'_, '_>) -> Ended {
    let number = args.adoption.to_string();
    let say = |route: Route| args.end.say(route.parameter("adoption", Some(&number)));
    decide(&args.person, "keep", say, &args.common, context).await
}

pub(super) async fn remove(args: &Remove, context: &mut Context<'_, '_>) -> Ended {
    let number = args.adoption.to_string();
    let say = |route: Route| Ok(route.parameter("adoption", Some(&number)));
    decide(&args.person, "remove", say, &args.common, context).await
}

async fn decide(
    person: &str,
    verb: &str,
    say: impl FnOnce(Route) -> Result<Route, CliError>,
    common: &Common,
    context: &mut Context<'_, '_>,
) -> Ended {
    let client = context.client()?;
    let person = people::resolve(person, &client).await?;
    let route = say(Route::new("/v1/people").part(&person).part(verb))?;
    let route = common.operator.say(route, context.environment);
    let decided: v1::Decided = if common.preview {
        client.get(route).await?
    } else {
        client.post(route).await?
    };
    if common.json {
        context.printer.json(&decided)?;
    } else {
        print(&decided, common.preview, context.printer)?;
    }
    Ok(Answer::Yes)
}

fn print(decided: &v1::Decided, is_preview: bool, printer: &mut Printer<'_>) -> io::Result<()> {
    let head = if is_preview {
        Style::Strong.paint(&decided.text)
    } else {
        Style::Good.paint(&decided.text)
    };
    printer.line(&head)?;
    for operation in &decided.operations {
        let deed = show::deed(&operation.verb, &operation.object);
        printer.line(&format!("  {}: {deed}", operation.target))?;
    }
    for finding in &decided.findings {
        printer.line(&format!(
            "  {} {}",
            Style::Warn.paint(&finding.code),
            finding.text
        ))?;
        if !finding.hint.is_empty() {
            printer.line(&format!("      {}", finding.hint))?;
        }
    }
    let last = match (decided.plan, is_preview) {
        (_, true) => "nothing was changed; leave out --preview to do it".to_owned(),
        (None, false) => "nothing has to be done at the apps".to_owned(),
        (Some(plan), false) => {
            format!("plan {plan} carries it out: `muster operations` shows how it goes")
        }
    };
    printer.line(&Style::Dim.paint(&last))
}

/// An opening on one line: `opening 3: group:Finance at crm until 2026-05-01 18:00 UTC: covers for Ann`.
pub(super) fn opening(opening: &v1::Opening) -> String {
    let what = what(
        opening.role.as_deref(),
        opening.target.as_deref(),
        opening.entitlement.as_deref(),
    );
    let from = if opening.is_open {
        String::new()
    } else {
        format!(" from {}", show::instant(&opening.from))
    };
    let until = show::instant(&opening.until);
    format!(
        "opening {}: {what}{from} until {until}{}",
        opening.opening,
        because(&opening.reason)
    )
}

/// A block on one line.
pub(super) fn blocked(block: &v1::Block) -> String {
    let what = if block.is_of_everything {
        "everything".to_owned()
    } else {
        what(
            block.role.as_deref(),
            block.target.as_deref(),
            block.entitlement.as_deref(),
        )
    };
    let until = match &block.until {
        Some(until) => format!("until {}", show::instant(until)),
        None => "until somebody lifts it".to_owned(),
    };
    format!(
        "block {}: {what} {until}{}",
        block.block,
        because(&block.reason)
    )
}

/// What an account had when it was taken over, on one line.
pub(super) fn adopted(adoption: &v1::Adoption) -> String {
    let decided = match (adoption.is_kept, &adoption.until) {
        (false, _) => "nobody has decided about it".to_owned(),
        (true, None) => "kept".to_owned(),
        (true, Some(until)) => format!("kept until {}", show::instant(until)),
    };
    format!(
        "adoption {}: {} at {}: {decided}",
        adoption.adoption, adoption.entitlement, adoption.target
    )
}

pub(super) fn what(role: Option<&str>, target: Option<&str>, entitlement: Option<&str>) -> String {
    match (role, target, entitlement) {
        (Some(role), ..) => format!("role {role}"),
        (None, Some(target), Some(entitlement)) => format!("{entitlement} at {target}"),
        (None, target, _) => format!("the account at {}", target.unwrap_or_default()),
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}
