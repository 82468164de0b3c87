//! `muster status`: the daemon on one page.

use std::collections::BTreeMap;
use std::io;

use muster_api::v1;

use super::client::Route;
use super::printer::{Printer, Style, word};
use super::show::{self, instant, instant_or_dash, short};
use super::table::Table;
use super::{Answer, Context, Ended, operator};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let status: v1::Status = context.client()?.get(Route::new("/v1/status")).await?;
    if args.json {
        context.printer.json(&status)?;
    } else {
        print(&status, context.printer)?;
    }
    Ok(if status.trouble.is_some() {
        Answer::No
    } else {
        Answer::Yes
    })
}

fn print(status: &v1::Status, printer: &mut Printer<'_>) -> io::Result<()> {
    if let Some(trouble) = &status.trouble {
        printer.line(&format!("muster {}", status.version))?;
        printer.line(&format!("configuration {}", status.config))?;
        printer.line("")?;
        return show::findings(std::slice::from_ref(trouble), printer, 0);
    }
    printer.line(&format!(
        "muster {} since {}, policy {}, {} journal entries",
        status.version,
        instant(&status.started_at),
        status.policy,
        status.journal_entries
    ))?;
    if let (Some(by), Some(since)) = (&status.policy_by, &status.policy_since) {
        let (by, since) = (operator::shown(by), instant(since));
        printer.line(&format!(
            "policy {} since {since}, let in by {by}",
            status.policy
        ))?;
    }
    printer.line(&format!("configuration {}", status.config))?;
    printer.line("")?;
    let mut totals = Table::new(Vec::<String>::new());
    totals.row(["people".to_owned(), totals_of(&status.people)]);
    totals.row(["operations open".to_owned(), totals_of(&status.operations)]);
    totals.row(["findings open".to_owned(), totals_of(&status.findings)]);
    totals.print(printer, 0)?;
    print_feeds(&status.feeds, printer)?;
    print_targets(&status.targets, printer)?;
    print_held(&status.held, printer)
}

fn totals_of(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(what, count)| format!("{} {count}", word(what)))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

fn print_feeds(feeds: &[v1::FeedStatus], printer: &mut Printer<'_>) -> io::Result<()> {
    let mut table = Table::new([
        "FEED",
        "KIND",
        "PEOPLE",
        "LAST FILE",
        "RESULT",
        "AT",
        "FOLDER",
    ]);
    for feed in feeds {
        let (name, result, at) = match &feed.last_file {
            Some(file) => (file.name.clone(), word(&file.result), instant(&file.at)),
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        let people = feed.people.to_string();
        table.row([
            feed.name.clone(),
            feed.kind.clone(),
            people,
            name,
            result,
            at,
            feed.folder.clone(),
        ]);
    }
    section(&table, printer)?;
    for feed in feeds {
        let approver = feed.last_file.as_ref();
        if let Some(by) = approver.and_then(|file| file.approved_by.as_ref()) {
            let by = operator::shown(by);
            printer.line(&format!(
                "  last file of feed {} approved by {by}",
                feed.name
            ))?;
        }
    }
    for feed in feeds {
        if let Some(trouble) = &feed.trouble {
            printer.line(&format!(
                "{} feed {}: {trouble}",
                Style::Bad.paint("!"),
                feed.name
            ))?;
        }
    }
    Ok(())
}

fn print_targets(targets: &[v1::TargetStatus], printer: &mut Printer<'_>) -> io::Result<()> {
    let mut table = Table::new([
        "TARGET",
        "STATE",
        "PLUGIN",
        "ACCOUNTS",
        "OPEN",
        "HALTED",
        "LAST ANSWER",
    ]);
    for target in targets {
        let plugin = match &target.plugin_version {
            Some(version) => format!("{} {version}", target.plugin),
            None => target.plugin.clone(),
        };
        table.row([
            target.name.clone(),
            word(&target.state),
            plugin,
            target.accounts.to_string(),
            target.operations_open.to_string(),
            target.operations_halted.to_string(),
            instant_or_dash(target.last_answer_at.as_deref()),
        ]);
    }
    section(&table, printer)?;
    for target in targets.iter().filter(|target| target.undecided > 0) {
        printer.line(&format!(
            "  target {}: {} rights of accounts that were taken over are to be decided about: `muster adoptions`",
            target.name, target.undecided
        ))?;
    }
    for target in targets {
        if let Some(trouble) = &target.trouble {
            printer.line(&format!(
                "{} target {}: {trouble}",
                Style::Bad.paint("!"),
                target.name
            ))?;
        }
    }
    Ok(())
}

fn print_held(held: &[v1::Held], printer: &mut Printer<'_>) -> io::Result<()> {
    let mut table = Table::new(["HELD FILE", "FEED", "SINCE", "PLAN", "WHY"]);
    for held in held {
        let reasons: Vec<&str> = held
            .reasons
            .iter()
            .map(|reason| reason.code.as_str())
            .collect();
        table.row([
            held.file.clone(),
            held.feed.clone(),
            instant(&held.since),
            held.plan_digest.as_deref().map_or("-", short).to_owned(),
            reasons.join(", "),
        ]);
    }
    section(&table, printer)?;
    if !held.is_empty() {
        printer.line("`muster apply` shows what is held and lets it take effect")?;
    }
    Ok(())
}

fn section(table: &Table, printer: &mut Printer<'_>) -> io::Result<()> {
    if table.is_empty() {
        return Ok(());
    }
    printer.line("")?;
    table.print(printer, 0)
}
