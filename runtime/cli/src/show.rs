//! How the things of the API are written for people: one way each, in every command.

use std::collections::BTreeMap;
use std::io;

use muster_api::v1;

use super::operator;
use super::printer::{Printer, Style, word};
use super::table::Table;

/// An instant without what nobody reads: `2026-11-22 09:14:03Z`. Anything else as it is.
pub(super) fn instant(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// An instant, or a dash.
pub(super) fn instant_or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), instant)
}

/// A digest, as much of it as tells it apart.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// A person as one reads it: name and id, the id alone where there is no name.
pub(super) fn person(name: &str, id: &str) -> String {
    if name.is_empty() {
        Style::Strong.paint(id)
    } else {
        format!("{} ({id})", Style::Strong.paint(name))
    }
}

/// `1 file`, `2 files`.
pub(super) fn plural(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}

/// An attribute's value as a rule would write it; nothing known is `unknown`.
pub(super) fn value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "not said by HR".to_owned(),
        value => value.to_string(),
    }
}

/// `department = "Sales", title = "Rep"`.
pub(super) fn values(values: &BTreeMap<String, serde_json::Value>) -> String {
    let parts: Vec<String> = values
        .iter()
        .map(|(name, held)| format!("{name} = {}", value(held)))
        .collect();
    parts.join(", ")
}

/// `joiner 3, leaver 1`.
pub(super) fn numbers(counts: &BTreeMap<String, u32>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

/// What a plan changes, in numbers: people, then each target.
pub(super) fn counts(
    counts: &v1::Counts,
    printer: &mut Printer<'_>,
    indent: usize,
) -> io::Result<()> {
    let mut table = Table::new(Vec::<String>::new());
    table.row(["people".to_owned(), numbers(&counts.people)]);
    for (target, verbs) in &counts.operations {
        table.row([format!("at {target}"), numbers(verbs)]);
    }
    table.print(printer, indent)
}

/// Findings, each with what to do below it.
pub(super) fn findings(
    findings: &[v1::Finding],
    printer: &mut Printer<'_>,
    indent: usize,
) -> io::Result<()> {
    let space = " ".repeat(indent);
    for finding in findings {
        printer.line(&format!(
            "{space}{} {} {}: {}",
            word(&finding.severity),
            finding.code,
            finding.subject,
            finding.text
        ))?;
        if !finding.hint.is_empty() {
            printer.line(&format!("{space}    {}", finding.hint))?;
        }
    }
    Ok(())
}

/// What was taken away, each with how that ended and what goes on.
pub(super) fn taken(
    taken: &[v1::Removed],
    printer: &mut Printer<'_>,
    indent: usize,
) -> io::Result<()> {
    let space = " ".repeat(indent);
    for taken in taken {
        printer.line(&format!(
            "{space}{} {} at {}",
            ended(taken),
            taken.what,
            instant(&taken.at)
        ))?;
        for goes_on in &taken.goes_on {
            printer.line(&format!("{space}    goes on: {}", left(goes_on)))?;
        }
    }
    Ok(())
}

/// How a removal ended, in one cell.
pub(super) fn ended(taken: &v1::Removed) -> String {
    if taken.is_verified {
        Style::Good.paint(&taken.outcome)
    } else {
        Style::Warn.paint(&format!("{}, not seen", taken.outcome))
    }
}

/// What goes on, and until when.
pub(super) fn left(goes_on: &v1::GoesOn) -> String {
    match &goes_on.until {
        Some(until) => format!("{} (until {})", goes_on.text, instant(until)),
        None => goes_on.text.clone(),
    }
}

/// What an operation does: `grant group:Sales`.
pub(super) fn deed(verb: &str, object: &str) -> String {
    if object.is_empty() {
        verb.to_owned()
    } else {
        format!("{verb} {object}")
    }
}

/// How an operation stands, in one cell.
pub(super) fn progress_of(operation: &v1::Operation) -> String {
    let mut parts = vec![word(&operation.state)];
    if operation.attempt > 1 {
        parts.push(format!("attempt {}", operation.attempt));
    }
    if let Some(at) = &operation.next_at {
        parts.push(format!("next {}", instant(at)));
    }
    parts.join(", ")
}

/// Operations, each with what stands in its way below it.
pub(super) fn operations(
    operations: &[v1::Operation],
    printer: &mut Printer<'_>,
    indent: usize,
) -> io::Result<()> {
    let space = " ".repeat(indent);
    for operation in operations {
        printer.line(&format!(
            "{space}{} {} - {}",
            operation.id,
            deed(&operation.verb, &operation.object),
            progress_of(operation)
        ))?;
        if let Some(text) = &operation.text {
            printer.line(&format!("{space}    {text}"))?;
        }
    }
    Ok(())
}

/// Where something comes from: `row 17 of workers.csv, feed hr, plan 12, 2026-11-22 ...`.
pub(super) fn source(source: &v1::Source) -> String {
    let row = source
        .row
        .map(|row| format!("row {row} of "))
        .unwrap_or_default();
    let (file, plan, at) = (&source.file, source.plan, instant(&source.at));
    let approved = source.approved_by.as_ref();
    let approved = approved
        .map(|by| format!(", approved by {}", operator::shown(by)))
        .unwrap_or_default();
    // A plan that no file led to has words in the place of the file.
    if source.feed.is_empty() {
        return format!("{file}, plan {plan}, {at}{approved}");
    }
    let (feed, digest) = (&source.feed, short(&source.digest));
    format!("{row}{file} (feed {feed}, sha256 {digest}), plan {plan}, {at}{approved}")
}
