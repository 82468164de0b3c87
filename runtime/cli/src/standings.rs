//! `muster openings`, `muster blocks` and `muster adoptions`: what stands of everybody beside the policy, who decided it
//! and why.

use clap::Subcommand;
use muster_api::v1;
use muster_config::duration;

use super::client::Route;
use super::error::CliError;
use super::table::Table;
use super::{Answer, Context, Ended, listing, operator, show, standing};

/// `muster openings` and `muster blocks`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only what ends by itself within this time, such as 7d
    #[arg(long, value_name = "DURATION")]
    ending: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

/// `muster adoptions`
#[derive(Debug, clap::Args)]
pub(super) struct Adoptions {
    #[command(subcommand)]
    action: Option<Action>,
    /// Those that somebody decided to keep, instead of those about which nobody has decided
    #[arg(long)]
    kept: bool,
    #[command(flatten)]
    args: Args,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Keep a right that an account had when it was taken over
    Keep(standing::Keep),
    /// Take such a right away
    Remove(standing::Remove),
}

impl Args {
    fn route(&self, path: &'static str) -> Result<Route, CliError> {
        let seconds = self.ending.as_deref().map(|text| {
            let ending = duration(text).map(|duration| duration.as_secs().to_string());
            let text = text.to_owned();
            ending.ok_or(CliError::NoDuration { text })
        });
        let seconds = seconds.transpose()?;
        Ok(Route::new(path).parameter("ending", seconds.as_deref()))
    }
}

pub(super) async fn openings(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let route = args.route("/v1/openings")?;
    let page: v1::Page<v1::Of<v1::Opening>> = args.listing.fetch(&client, &route).await?;
    let head = ["PERSON", "NAME", "NO", "WHAT", "FROM", "UNTIL", "BY", "WHY"];
    args.listing.print(
        &page,
        context.printer,
        "nothing is open",
        |items, printer| {
            let mut table = Table::new(head);
            for of in items {
                let opening = &of.what;
                table.row([
                    of.person.clone(),
                    of.name.clone(),
                    opening.opening.to_string(),
                    standing::what(
                        opening.role.as_deref(),
                        opening.target.as_deref(),
                        opening.entitlement.as_deref(),
                    ),
                    show::instant(&opening.from),
                    show::instant(&opening.until),
                    by(of.by.as_ref()),
                    opening.reason.clone(),
                ]);
            }
            table.print(printer, 0)
        },
    )?;
    Ok(Answer::Yes)
}

pub(super) async fn blocks(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let route = args.route("/v1/blocks")?;
    let page: v1::Page<v1::Of<v1::Block>> = args.listing.fetch(&client, &route).await?;
    let head = [
        "PERSON", "NAME", "NO", "WHAT", "SINCE", "UNTIL", "BY", "WHY",
    ];
    args.listing.print(
        &page,
        context.printer,
        "nobody is kept from anything",
        |items, printer| {
            let mut table = Table::new(head);
            for of in items {
                let block = &of.what;
                let what = if block.is_of_everything {
                    "everything".to_owned()
                } else {
                    standing::what(
                        block.role.as_deref(),
                        block.target.as_deref(),
                        block.entitlement.as_deref(),
                    )
                };
                table.row([
                    of.person.clone(),
                    of.name.clone(),
                    block.block.to_string(),
                    what,
                    show::instant(&block.since),
                    show::instant_or_dash(block.until.as_deref()),
                    by(of.by.as_ref()),
                    block.reason.clone(),
                ]);
            }
            table.print(printer, 0)
        },
    )?;
    Ok(Answer::Yes)
}

pub(super) async fn adoptions(args: &Adoptions, context: &mut Context<'_, '_>) -> Ended {
    match &args.action {
        Some(Action::Keep(keep)) => return standing::keep(keep, context).await,
        Some(Action::Remove(remove)) => return standing::remove(remove, context).await,
        None => {}
    }
    let client = context.client()?;
    let kept = args.kept.then_some("true");
    let route = args.args.route("/v1/adoptions")?.parameter("kept", kept);
    let listing = &args.args.listing;
    let page: v1::Page<v1::Of<v1::Adoption>> = listing.fetch(&client, &route).await?;
    let nothing = if args.kept {
        "nothing is kept of what accounts had when they were taken over"
    } else {
        "there is nothing to decide about"
    };
    let head = [
        "PERSON", "NAME", "NO", "TARGET", "RIGHT", "FOUND", "UNTIL", "BY", "WHY",
    ];
    listing.print(&page, context.printer, nothing, |items, printer| {
        let mut table = Table::new(head);
        for of in items {
            let (adoption, reason) = (&of.what, of.by.as_ref().and_then(|by| by.reason.clone()));
            table.row([
                of.person.clone(),
                of.name.clone(),
                adoption.adoption.to_string(),
                adoption.target.clone(),
                adoption.entitlement.clone(),
                show::instant(&adoption.found_at),
                show::instant_or_dash(adoption.until.as_deref()),
                by(of.by.as_ref()),
                reason.unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        table.print(printer, 0)
    })?;
    Ok(Answer::Yes)
}

fn by(by: Option<&v1::Actor>) -> String {
    by.map_or_else(|| "-".to_owned(), operator::shown)
}
