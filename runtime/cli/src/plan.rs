//! `muster plan FILE`: what a file would change, and `muster plan --policy`: what an edited policy would.
//! Changes nothing.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Method;
use muster_api::v1;
use muster_config::Config;
use muster_daemon::local;
use muster_intake::{Effect, Mistake, Mistakes, report};

use muster_core::finding::Code;
use muster_core::id::FeedName;

use super::client::{Client, Route};
use super::error::CliError;
use super::printer::{Printer, Style, word};
use super::show::{self, plural};
use super::{Answer, Context, Ended};

/// Lines about rows that are shown for each code where `--all` is not given.
const ROWS_SHOWN: usize = 20;

/// People that are shown one by one where `--all` is not given.
const PEOPLE_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, as HR exports it
    #[arg(required_unless_present = "policy", conflicts_with = "policy")]
    file: Option<PathBuf>,
    /// Show what the policy files of this folder would change; without a folder, those of the
    /// configuration as they are now
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, conflicts_with = "feed")]
    #[expect(
        clippy::option_option,
        reason = "given or not, with a folder or without: what clap makes of it"
    )]
    policy: Option<Option<PathBuf>>,
    /// The feed that it would be dropped into; not needed where there is one feed, or where the file
    /// lies in a feed's folder
    #[arg(long)]
    feed: Option<String>,
    /// Show every person and row, not only the first 20
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let preview = match &args.file {
        Some(file) => of_file(file, args, context).await?,
        None => of_policy(args.policy.as_ref().and_then(Option::as_deref), context).await?,
    };
    if args.json {
        context.printer.json(&preview)?;
    } else {
        print(&preview, args.all, context.printer)?;
    }
    Ok(if preview.verdict == "reject" {
        Answer::No
    } else {
        Answer::Yes
    })
}

/// Asks what an edited policy would do: it is read and checked here, so that it need not be in force.
async fn of_policy(
    folder: Option<&Path>,
    context: &mut Context<'_, '_>,
) -> Result<v1::Preview, CliError> {
    let config = Config::load_with(&context.config, folder)?;
    let text = local::policy_text(&config.policy).map_err(CliError::Output)?;
    let text = Bytes::from(text);
    let client = Client::new(&config.daemon.socket());
    let route = Route::new("/v1/preview/policy");
    client
        .work(Method::POST, route, text, context.printer)
        .await
}

async fn of_file(
    file: &Path,
    args: &Args,
    context: &mut Context<'_, '_>,
) -> Result<v1::Preview, CliError> {
    let config = context.load()?;
    let feed = match &args.feed {
        Some(feed) => feed.clone(),
        None => feed_of(file, &config)?,
    };
    let read = |source| CliError::Read {
        path: file.to_owned(),
        source,
    };
    let too_large = std::fs::metadata(file).map_err(read)?.len() > config.daemon.file_bytes_max;
    if too_large {
        let source = io::Error::other("it is larger than file_max under [daemon]");
        return Err(read(source));
    }
    let bytes = Bytes::from(std::fs::read(file).map_err(read)?);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let route = Route::new("/v1/preview")
        .parameter("feed", Some(&feed))
        .parameter("file", Some(&name));
    let client = Client::new(&config.daemon.socket());
    client
        .work(Method::POST, route, bytes, context.printer)
        .await
}

/// The only feed, or the one in whose folder the file lies.
fn feed_of(file: &Path, config: &Config) -> Result<String, CliError> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let inside = config
        .feeds
        .values()
        .find(|feed| file.starts_with(&feed.folder));
    let mut feeds = config.feeds.values();
    match (inside, feeds.next(), feeds.next()) {
        (Some(feed), _, _) | (None, Some(feed), None) => Ok(feed.name.to_string()),
        (None, None, _) => Err(CliError::WhichFeed {
            reason: "none is configured".to_owned(),
        }),
        (None, Some(_), Some(_)) => {
            let names: Vec<&str> = config.feeds.keys().map(FeedName::as_str).collect();
            Err(CliError::WhichFeed {
                reason: format!("there are {}", names.join(", ")),
            })
        }
    }
}

/// Prints a preview for people.
pub(super) fn print(preview: &v1::Preview, all: bool, printer: &mut Printer<'_>) -> io::Result<()> {
    let verdict = match preview.verdict.as_str() {
        "apply" => Style::Good.paint("would take effect at once"),
        "hold" => Style::Warn.paint("would be held until a person approves it"),
        "reject" => Style::Bad.paint("would be rejected"),
        "nothing" => Style::Good.paint("would change nothing"),
        other => other.to_owned(),
    };
    // A change of the policy waits without a file.
    if preview.feed.is_empty() {
        printer.line(&format!("{}: {verdict}", preview.file))?;
    } else {
        printer.line(&format!(
            "{} of feed {}: {verdict}",
            preview.file, preview.feed
        ))?;
        printer.line(&format!(
            "  {}, {} read, {} set aside",
            plural(preview.rows.into(), "row"),
            plural(preview.people_read.into(), "person").replace("persons", "people"),
            plural(preview.quarantined.into(), "row")
        ))?;
    }
    if let Some(digest) = &preview.plan_digest {
        printer.line(&format!(
            "  plan {}, policy {}",
            short(digest),
            preview.policy
        ))?;
    }
    if preview.verdict != "nothing" && preview.verdict != "reject" {
        show::counts(&preview.counts, printer, 2)?;
    }
    if !preview.reasons.is_empty() {
        printer.line("")?;
        printer.line(&Style::Strong.paint("why"))?;
        show::findings(&preview.reasons, printer, 2)?;
    }
    print_people(preview, all, printer)?;
    print_rows(preview, all, printer)?;
    // What is said of rows stands above, row by row.
    let of_rows = |finding: &v1::Finding| {
        let mut said = preview.problems.iter();
        said.any(|problem| problem.code == finding.code)
    };
    let (_, others): (Vec<v1::Finding>, Vec<v1::Finding>) =
        preview.findings.iter().cloned().partition(of_rows);
    if !others.is_empty() {
        printer.line("")?;
        let about = if preview.feed.is_empty() {
            "remarks"
        } else {
            "remarks on the file"
        };
        printer.line(&Style::Strong.paint(about))?;
        show::findings(&others, printer, 2)?;
    }
    Ok(())
}

/// What HR's report will say of rows, in the same words.
fn print_rows(preview: &v1::Preview, all: bool, printer: &mut Printer<'_>) -> io::Result<()> {
    let mistake = |said: &v1::RowProblem| {
        Some(Mistake {
            code: Code::from_record(said.code.clone()),
            effect: Effect::of_word(&said.effect)?,
            rows: said.rows.clone(),
            row_count: said.row_count,
            column: said.column.clone(),
            key: said.id.clone(),
            text: said.text.clone(),
            hint: said.hint.clone(),
        })
    };
    let listed: Vec<Mistake> = preview.problems.iter().filter_map(mistake).collect();
    let counts = preview.problem_counts.iter().map(|count| {
        let mistakes = usize::try_from(count.problems).unwrap_or(usize::MAX);
        (Code::from_record(count.code.clone()), mistakes, count.rows)
    });
    let lines_max = if all { usize::MAX } else { ROWS_SHOWN };
    let said = report::rows_said(&Mistakes::of_list(listed, counts), lines_max);
    for line in said.lines() {
        printer.line(line)?;
    }
    Ok(())
}

fn short(digest: &str) -> &str {
    show::short(digest)
}

fn print_people(preview: &v1::Preview, all: bool, printer: &mut Printer<'_>) -> io::Result<()> {
    if preview.people.is_empty() {
        return Ok(());
    }
    printer.line("")?;
    printer.line(&Style::Strong.paint("people"))?;
    let shown = if all { usize::MAX } else { PEOPLE_SHOWN };
    for person in preview.people.iter().take(shown) {
        let name = show::person(&person.name, &person.person);
        let when = person
            .effective_at
            .as_deref()
            .map(|at| format!(", on {}", show::instant(at)));
        let when = when.unwrap_or_default();
        printer.line(&format!("  {} {name}{when}", word(&person.kind)))?;
        for changed in &person.changed {
            printer.line(&format!("      {changed}"))?;
        }
        for operation in &person.operations {
            let deed = show::deed(&operation.verb, &operation.object);
            let reason = Style::Dim.paint(&operation.reason);
            printer.line(&format!("    {}: {deed}  {reason}", operation.target))?;
        }
    }
    let listed = preview.people.len().min(shown);
    let hidden =
        preview.people.len() - listed + usize::try_from(preview.people_omitted).unwrap_or(0);
    if hidden > 0 {
        let hint = if all { "" } else { ": --all" };
        printer.line(&Style::Dim.paint(&format!("  and {hidden} more{hint}")))?;
    }
    Ok(())
}
