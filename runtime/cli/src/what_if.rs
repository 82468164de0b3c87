//! `muster what-if`: what somebody would have if HR said otherwise of them, or on another day. Changes nothing.

use std::collections::BTreeMap;
use std::io;

use muster_api::v1;

use super::client::Route;
use super::printer::{Printer, Style, word};
use super::{Answer, Context, Ended, people, show};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The person: feed:key, or the key alone
    person: String,
    /// An attribute as it would be, such as department=Treasury
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// The day, such as 2027-05-01, or the instant; now where it is left out
    #[arg(long, value_name = "DAY")]
    on: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is written NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let person = people::resolve(&args.person, &client).await?;
    let set: BTreeMap<&str, &str> = args
        .set
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let set = serde_json::json!(set).to_string();
    let route = Route::new("/v1/what-if")
        .part(&person)
        .parameter("set", Some(&set))
        .parameter("on", args.on.as_deref());
    let answer: v1::WhatIf = client.get(route).await?;
    if args.json {
        context.printer.json(&answer)?;
    } else {
        print(&answer, context.printer)?;
    }
    Ok(Answer::Yes)
}

fn print(answer: &v1::WhatIf, printer: &mut Printer<'_>) -> io::Result<()> {
    let name = show::person(&answer.name, &answer.person);
    let at = show::instant(&answer.at);
    printer.line(&Style::Strong.paint(&format!("{name} on {at}: {}", word(&answer.phase))))?;
    for changed in &answer.changed {
        printer.line(&format!("  {changed}"))?;
    }
    for one in &answer.gets {
        printer.line(&Style::Good.paint(&format!("  gets {}", possession(one))))?;
    }
    for one in &answer.loses {
        printer.line(&Style::Warn.paint(&format!("  loses {}", possession(one))))?;
    }
    if answer.gets.is_empty() && answer.loses.is_empty() {
        printer.line("  has the same as now")?;
    }
    for operation in &answer.operations {
        let deed = show::deed(&operation.verb, &operation.object);
        printer.line(&Style::Dim.paint(&format!("    {}: {deed}", operation.target)))?;
    }
    show::findings(&answer.findings, printer, 2)?;
    printer.line(&Style::Dim.paint("nothing was changed"))
}

fn possession(one: &v1::Possession) -> String {
    match &one.entitlement {
        Some(entitlement) => format!("{entitlement} at {}", one.target),
        None => format!("an account at {}", one.target),
    }
}
