//! `muster people`: everybody, or everything about one person.

use std::io;

use muster_api::v1;

use super::client::{Client, Route};
use super::error::CliError;
use super::printer::{Printer, Style, word};
use super::show::{self, instant};
use super::table::Table;
use super::{Answer, Context, Ended, joining, listing, standing};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<joining::Command>,
    /// One person: feed:key, or the key alone
    person: Option<String>,
    /// Only people whose id or name has this in it
    #[arg(long, value_name = "TEXT", conflicts_with = "person")]
    find: Option<String>,
    /// Only people in this phase
    #[arg(long, conflicts_with = "person", value_parser = ["prehire", "active", "leave", "ended"])]
    phase: Option<String>,
    #[command(flatten)]
    listing: listing::Args,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    if let Some(command) = &args.command {
        return joining::run(command, context).await;
    }
    let client = context.client()?;
    if let Some(person) = &args.person {
        let person = resolve(person, &client).await?;
        let person: v1::Person = client.get(Route::new("/v1/people").part(&person)).await?;
        if args.listing.json {
            context.printer.json(&person)?;
        } else {
            print(&person, context.printer)?;
        }
        return Ok(Answer::Yes);
    }
    let route = Route::new("/v1/people")
        .parameter("text", args.find.as_deref())
        .parameter("phase", args.phase.as_deref());
    let page: v1::Page<v1::PersonRow> = args.listing.fetch(&client, &route).await?;
    args.listing
        .print(&page, context.printer, "nobody", |people, printer| {
            let mut table = Table::new(["PERSON", "NAME", "PHASE", "ACCOUNTS", "OPEN"]);
            for person in people {
                let accounts: Vec<String> = person
                    .accounts
                    .iter()
                    .map(|(target, state)| format!("{target} {}", word(state)))
                    .collect();
                table.row([
                    person.person.clone(),
                    person.name.clone(),
                    word(&person.phase),
                    accounts.join(", "),
                    person.operations_open.to_string(),
                ]);
            }
            table.print(printer, 0)
        })?;
    Ok(Answer::Yes)
}

/// The id of a person as it was typed: `feed:key`, or a key that only one person has.
pub(super) async fn resolve(typed: &str, client: &Client) -> Result<String, CliError> {
    let people: Vec<String> = client.get(Route::new("/v1/keys").part(typed)).await?;
    match people.as_slice() {
        [only] => Ok(only.clone()),
        // The daemon says what is wrong with a person that does not exist.
        [] if typed.contains(':') => Ok(typed.to_owned()),
        [] => Err(CliError::Nobody {
            key: typed.to_owned(),
        }),
        _ => Err(CliError::WhichPerson {
            key: typed.to_owned(),
            people,
        }),
    }
}

fn print(person: &v1::Person, printer: &mut Printer<'_>) -> io::Result<()> {
    printer.line(&format!(
        "{}: {}",
        show::person(&person.name, &person.person),
        word(&person.phase)
    ))?;
    let mut facts = Table::new(Vec::<String>::new());
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.row([name.to_owned(), value]);
        }
    };
    fact("first day begins", person.starts_at.as_deref().map(instant));
    fact("last day ends", person.ends_at.as_deref().map(instant));
    fact("next change", person.wake_at.as_deref().map(instant));
    let absent = "the feed's last file does not have this person";
    fact("missing", (!person.is_present).then(|| absent.to_owned()));
    let part_of = person.part_of.as_deref();
    fact("part of", part_of.map(str::to_owned));
    fact("roles", Some(joined(&person.roles)));
    fact("last plan", Some(person.plan.to_string()));
    for (name, value) in &person.attributes {
        let mut records = person.records.iter();
        let record = records.find(|record| record.says.contains(name));
        let source = record.map(|record| format!(" ({})", record.record));
        let value = show::value(value);
        fact(name, Some(format!("{value}{}", source.unwrap_or_default())));
    }
    facts.print(printer, 2)?;
    for record in &person.records {
        printer.line(&format!("  {}", shown(record)))?;
    }
    for announced in &person.announced {
        let changes = announced.changes.join(", ");
        printer.line(&format!("  from {}: {changes}", instant(&announced.at)))?;
    }
    for opening in &person.openings {
        printer.line(&format!("  {}", standing::opening(opening)))?;
    }
    for adoption in &person.adoptions {
        printer.line(&format!("  {}", standing::adopted(adoption)))?;
    }
    for block in &person.blocks {
        printer.line(&Style::Warn.paint(&format!("  {}", standing::blocked(block))))?;
    }
    for account in &person.accounts {
        printer.line("")?;
        print_account(account, printer)?;
    }
    Ok(())
}

/// A record on one line: `record contractors:7: ended, merged`.
fn shown(record: &v1::Record) -> String {
    let leads = if record.leads {
        ", says where the person stands"
    } else {
        ""
    };
    let missing = if record.is_present {
        ""
    } else {
        ", no longer in the file"
    };
    format!(
        "record {}: {}{missing}{leads} ({})",
        record.record,
        word(&record.phase),
        record.because
    )
}

fn joined(items: &[String]) -> String {
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

/// An account with its grants and what is still to be done.
fn print_account(account: &v1::Account, printer: &mut Printer<'_>) -> io::Result<()> {
    let state = account
        .state
        .as_deref()
        .map_or_else(|| "not made yet".to_owned(), word);
    let id = account
        .id
        .as_deref()
        .map(|id| format!(", id {id}"))
        .unwrap_or_default();
    let delete = account.delete_at.as_deref();
    let delete = delete
        .map(|at| format!(", to be deleted {}", instant(at)))
        .unwrap_or_default();
    printer.line(&format!(
        "{}: {state}{id}{delete}",
        Style::Strong.paint(&account.target)
    ))?;
    for grant in &account.grants {
        let since = grant.since.as_deref();
        let since = since
            .map(|at| format!(" since {}", instant(at)))
            .unwrap_or_default();
        let reasons: Vec<String> = grant.reasons.iter().map(reason).collect();
        printer.line(&format!(
            "  {} {}{since}: {}",
            word(&grant.state),
            grant.entitlement,
            if reasons.is_empty() {
                "no reason is left".to_owned()
            } else {
                reasons.join(", ")
            }
        ))?;
    }
    show::operations(&account.operations, printer, 2)
}

fn reason(reason: &v1::Reason) -> String {
    if let Some(opening) = reason.opening {
        return format!("opening {opening}");
    }
    match (&reason.role, &reason.policy, reason.adoption) {
        (Some(role), Some(policy), _) => format!("role {role} (policy {policy})"),
        (Some(role), None, _) => format!("role {role}"),
        (None, _, Some(adoption)) => format!("adoption {adoption}"),
        (None, _, None) => reason.kind.clone(),
    }
}
