//! The report that HR reads beside the file, as text and as JSON.
//!
//! It says first what became of the file, then what has to be done, then each problem with its row,
//! column and code. It names rows and ids, never names or addresses: it lies in a folder that more
//! people read than the file's own.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use jiff::Timestamp;
use muster_core::fact::{Content, Counts, Kind};
use muster_core::finding::Code;
use muster_core::id::Digest;
use serde::Serialize;

use super::code;
use super::problem::{Effect, Problem, Problems, ROWS_NAMED_MAX, Verdict};
use super::snapshot::Snapshot;

/// Most problems of one code that the text lists.
const LINES_MAX: usize = 300;

/// Width of the column with what a line is about.
const LABEL_WIDTH: usize = 12;

/// Everything that a report is made of.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The feed.
    pub feed: &'a str,
    /// The file's name.
    pub file: &'a str,
    /// When it was looked at.
    pub at: Timestamp,
    /// What became of it.
    pub verdict: Verdict,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// What it says; all zero where it could not be read.
    pub content: Content,
    /// What is to be said about it.
    pub problems: &'a Problems,
    /// Its people, where they could be read.
    pub people: Option<People>,
    /// What it changes, or would change; none where no plan was made.
    pub counts: Option<&'a Counts>,
    /// Reasons that came from elsewhere, such as guards on the size of a change: each a code, a
    /// sentence and what to do.
    pub reasons: &'a [Reason],
    /// What to do next, such as the command that applies a held file; may be empty.
    pub next: &'a str,
}

/// How many rows and people a file has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct People {
    /// Rows.
    pub rows: u32,
    /// People whose row counts.
    pub people: u32,
    /// Rows that were set aside.
    pub set_aside: u32,
}

impl People {
    /// The numbers of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            rows: snapshot.row_count(),
            people: snapshot.people_count(),
            set_aside: snapshot.set_aside_count(),
        }
    }
}

/// Why a file is held, as said by somebody else than intake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// The code.
    pub code: Code,
    /// What happened.
    pub text: String,
    /// What to do.
    pub hint: String,
}

impl Report<'_> {
    /// The report as text of one page or more.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write(&mut text).unwrap_or_default();
        text
    }

    /// The report as JSON.
    pub fn json(&self) -> String {
        let mut json = serde_json::to_string_pretty(&Json::of(self)).unwrap_or_default();
        json.push('\n');
        json
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let at = self.at.strftime("%Y-%m-%d %H:%M:%S UTC");
        writeln!(out, "{}\n", self.headline())?;
        writeln!(out, "file    {}", self.file)?;
        writeln!(out, "feed    {}", self.feed)?;
        writeln!(out, "read    {at}")?;
        writeln!(out, "digest  {}", self.digest)?;
        self.write_numbers(out)?;
        self.write_reasons(out)?;
        for (effect, title) in [
            (
                Effect::SetsAside,
                "Rows that were set aside: these people stay as they are",
            ),
            (Effect::Warns, "To look at"),
            (Effect::Notes, "Good to know"),
        ] {
            self.write_section(out, effect, title)?;
        }
        if !self.next.is_empty() {
            writeln!(out, "\nNext\n  {}", self.next)?;
        }
        Ok(())
    }

    fn headline(&self) -> String {
        match self.verdict {
            Verdict::Accepted if self.changes_nothing() => {
                "ACCEPTED: nothing changed since the last file".to_owned()
            }
            Verdict::Accepted => "ACCEPTED: the changes are being carried out".to_owned(),
            Verdict::Held => "HELD: nothing was changed; somebody has to look at it".to_owned(),
            Verdict::Rejected => {
                "REJECTED: nothing was changed; the file cannot be used".to_owned()
            }
        }
    }

    fn changes_nothing(&self) -> bool {
        let total = |counts: &Counts| counts.people.values().sum::<u32>();
        self.counts.is_none_or(|counts| total(counts) == 0)
    }

    fn write_numbers(&self, out: &mut String) -> fmt::Result {
        if let Some(People {
            rows,
            people,
            set_aside,
        }) = self.people
        {
            writeln!(out, "rows    {rows}, of which {set_aside} were set aside")?;
            writeln!(out, "people  {people}")?;
        } else if self.content.row_count > 0 {
            writeln!(out, "rows    {}", self.content.row_count)?;
        }
        let Some(counts) = self.counts else {
            return Ok(());
        };
        let would = if self.verdict == Verdict::Accepted {
            "What changes"
        } else {
            "What would change"
        };
        writeln!(out, "\n{would}")?;
        for (kind, word) in [
            (Kind::Joiner, "joined"),
            (Kind::Rehire, "came back"),
            (Kind::Mover, "changed role or place"),
            (Kind::Update, "changed in details"),
            (Kind::Leaver, "left"),
        ] {
            writeln!(out, "  {:>7}  {word}", counts.of(kind))?;
        }
        writeln!(
            out,
            "  {:>7}  operations in the apps",
            counts.operations_total()
        )
    }

    fn write_reasons(&self, out: &mut String) -> fmt::Result {
        let of_file = |problem: &&Problem| problem.effect >= Effect::Holds;
        let reasons: Vec<&Problem> = self.problems.listed().iter().filter(of_file).collect();
        if reasons.is_empty() && self.reasons.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nWhy it is {}", self.verdict.as_str())?;
        for problem in reasons {
            let place = place(problem);
            writeln!(out, "  {}  {}{place}", problem.code, problem.text)?;
            write_hint(out, &problem.hint)?;
        }
        for reason in self.reasons {
            writeln!(out, "  {}  {}", reason.code, reason.text)?;
            write_hint(out, &reason.hint)?;
        }
        Ok(())
    }

    /// The problems with one effect, code by code: what to do stands once, then a line for each.
    fn write_section(&self, out: &mut String, effect: Effect, title: &str) -> fmt::Result {
        let mut by_code: BTreeMap<&Code, Vec<&Problem>> = BTreeMap::new();
        for problem in self.problems.listed() {
            if problem.effect == effect {
                by_code.entry(&problem.code).or_default().push(problem);
            }
        }
        if by_code.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{title}")?;
        for (code, problems) in by_code {
            let found = self
                .problems
                .counts()
                .find(|(counted, ..)| *counted == code);
            let (count, rows) = found.map_or((0, 0), |(_, count, rows)| (count, rows));
            writeln!(
                out,
                "\n  {code}  {}: {}",
                code::title(code),
                amount(code, count, rows)
            )?;
            write_hint(out, problems.first().map_or("", |problem| &problem.hint))?;
            for problem in problems.iter().take(LINES_MAX) {
                write_line(out, problem)?;
            }
            if count > LINES_MAX {
                writeln!(out, "    ... and {} more", count - LINES_MAX)?;
            }
        }
        Ok(())
    }
}

/// How much there is of a code, in the words that fit it.
fn amount(code: &Code, count: usize, rows: u32) -> String {
    let ids = || format!("{} on {}", plural(count, "id"), plural_rows(rows));
    if *code == code::KEY_REPEATED || *code == code::ROW_REPEATED || *code == code::MANAGER_MISSING
    {
        ids()
    } else if rows > 0 {
        plural_rows(rows)
    } else {
        "once".to_owned()
    }
}

fn plural(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

fn plural_rows(count: u32) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} row{end}")
}

fn write_hint(out: &mut String, hint: &str) -> fmt::Result {
    if hint.is_empty() {
        return Ok(());
    }
    writeln!(out, "          What to do: {hint}")
}

/// One line: the row with what is wrong, or the id with its rows.
fn write_line(out: &mut String, problem: &Problem) -> fmt::Result {
    let is_by_id = problem.code == code::KEY_REPEATED
        || problem.code == code::ROW_REPEATED
        || problem.code == code::MANAGER_MISSING;
    match (&problem.key, problem.rows.as_slice()) {
        (Some(key), _) if is_by_id => {
            let label = format!("id {key}");
            writeln!(out, "    {label:<LABEL_WIDTH$}  {}", named_rows(problem))
        }
        (key, [row]) if problem.row_count == 1 => {
            let label = format!("row {row}");
            let id = key
                .as_ref()
                .map_or(String::new(), |key| format!(" (id {key})"));
            let column = column_of(problem);
            writeln!(
                out,
                "    {label:<LABEL_WIDTH$}  {column}{}{id}",
                problem.text
            )
        }
        (_, []) => writeln!(out, "    {}", problem.text),
        _ => writeln!(out, "    {}: {}", problem.text, named_rows(problem)),
    }
}

fn column_of(problem: &Problem) -> String {
    let column = problem.column.as_ref();
    column.map_or(String::new(), |column| format!("{column}: "))
}

fn named_rows(problem: &Problem) -> String {
    let rows: Vec<String> = problem.rows.iter().map(u32::to_string).collect();
    let word = if problem.row_count == 1 {
        "row"
    } else {
        "rows"
    };
    let mut text = format!("{word} {}", rows.join(", "));
    let named = u32::try_from(ROWS_NAMED_MAX).unwrap_or(u32::MAX);
    if problem.row_count > named {
        // Writing to a string cannot fail.
        write!(text, " and {} more", problem.row_count - named).unwrap_or_default();
    }
    text
}

fn place(problem: &Problem) -> String {
    match problem.rows.as_slice() {
        [] => String::new(),
        _ => format!(" ({})", named_rows(problem)),
    }
}

/// The report as it is written to `.report.json`. Fields are added, never changed.
#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    feed: &'a str,
    file: &'a str,
    read_at: String,
    digest: String,
    verdict: &'static str,
    rows: u32,
    people: Option<People>,
    changes: Option<BTreeMap<&'static str, u32>>,
    operations: Option<u32>,
    reasons: Vec<JsonReason<'a>>,
    counts: Vec<JsonCount<'a>>,
    problems: Vec<JsonProblem<'a>>,
    next: &'a str,
}

#[derive(Serialize)]
struct JsonReason<'a> {
    code: &'a str,
    text: &'a str,
    hint: &'a str,
}

#[derive(Serialize)]
struct JsonCount<'a> {
    code: &'a str,
    title: &'static str,
    problems: usize,
    rows: u32,
}

#[derive(Serialize)]
struct JsonProblem<'a> {
    code: &'a str,
    effect: &'static str,
    rows: &'a [u32],
    row_count: u32,
    column: Option<&'a str>,
    id: Option<&'a str>,
    text: &'a str,
    hint: &'a str,
}

impl<'a> Json<'a> {
    fn of(report: &'a Report<'_>) -> Self {
        let changes = report.counts.map(|counts| {
            let people = counts.people.iter();
            people
                .map(|(kind, count)| (kind.as_str(), *count))
                .collect()
        });
        let counts = report.problems.counts();
        Self {
            version: 1,
            feed: report.feed,
            file: report.file,
            read_at: report.at.to_string(),
            digest: report.digest.to_string(),
            verdict: report.verdict.as_str(),
            rows: report.content.row_count,
            people: report.people,
            changes,
            operations: report.counts.map(Counts::operations_total),
            reasons: report.reasons.iter().map(JsonReason::of).collect(),
            counts: counts
                .map(|(code, problems, rows)| JsonCount {
                    code: code.as_str(),
                    title: code::title(code),
                    problems,
                    rows,
                })
                .collect(),
            problems: report
                .problems
                .listed()
                .iter()
                .map(JsonProblem::of)
                .collect(),
            next: report.next,
        }
    }
}

impl<'a> JsonReason<'a> {
    fn of(reason: &'a Reason) -> Self {
        Self {
            code: reason.code.as_str(),
            text: &reason.text,
            hint: &reason.hint,
        }
    }
}

impl<'a> JsonProblem<'a> {
    fn of(problem: &'a Problem) -> Self {
        Self {
            code: problem.code.as_str(),
            effect: match problem.effect {
                Effect::Notes => "note",
                Effect::Warns => "warning",
                Effect::SetsAside => "set-aside",
                Effect::Holds => "held",
                Effect::Rejects => "rejected",
            },
            rows: &problem.rows,
            row_count: problem.row_count,
            column: problem.column.as_deref(),
            id: problem.key.as_deref(),
            text: &problem.text,
            hint: &problem.hint,
        }
    }
}
