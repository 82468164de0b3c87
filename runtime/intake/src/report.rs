//! The report that HR reads beside the file, as text and as JSON.
//!
//! It says first what became of the file, then what has to be done, then each mistake with its row,
//! column and code. It names rows and ids, never names or addresses: it lies in a folder that more
//! people read than the file's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use muster_core::fact::{Content, Counts, Kind, PersonPlanned};
use muster_core::finding::Code;
use muster_core::id::Digest;
use muster_core::text::{shown, shown_json};
use serde::Serialize;

use super::code;
use super::mistake::{Effect, FileVerdict, Mistake, Mistakes, ROWS_NAMED_MAX};
use super::snapshot::Snapshot;

/// Most mistakes of one code that the text lists.
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
    pub verdict: FileVerdict,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// What it says; all zero where it could not be read.
    pub content: Content,
    /// The remarks about it.
    pub mistakes: &'a Mistakes,
    /// Its people, where they could be read.
    pub people: Option<People>,
    /// What it changes, or would change; `None` if no plan was made.
    pub counts: Option<&'a Counts>,
    /// Whether a part of it took effect before the rest had to wait.
    pub is_begun: bool,
    /// The people it changes, or would change.
    pub changed: &'a Changed,
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

/// Most ids that a report names of those who joined, of those who left, and so on.
pub const IDS_NAMED_MAX: usize = 100;

/// The people a plan changes, by what happens to them: some ids, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Changed(BTreeMap<Kind, (Vec<String>, u32)>);

impl Changed {
    /// Counts one person's part of a plan.
    pub fn add(&mut self, planned: &PersonPlanned) {
        let (ids, count) = self.0.entry(planned.kind).or_default();
        *count += 1;
        if ids.len() < IDS_NAMED_MAX {
            // A plan may come to people in another order than the file.
            let key = planned.person.key.to_string();
            ids.insert(ids.partition_point(|id| *id < key), key);
        }
    }

    fn of(&self, kind: Kind) -> (&[String], u32) {
        let found = self.0.get(&kind);
        found.map_or((&[], 0), |(ids, count)| (ids, *count))
    }
}

/// What HR calls each kind of change.
const KINDS: [(Kind, &str); 5] = [
    (Kind::Joiner, "joined"),
    (Kind::Rehire, "came back"),
    (Kind::Mover, "changed role or place"),
    (Kind::Update, "changed in details"),
    (Kind::Leaver, "left"),
];

/// The lines of a text for people. What stands in a line cannot end it, nor steer whatever shows it:
/// this is the only way into a report, and cells of HR's file, names of files and headers go through it.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(&shown(text.as_ref()));
        self.0.push('\n');
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    fn hint(&mut self, hint: &str) {
        if !hint.is_empty() {
            self.line(format!("          What to do: {hint}"));
        }
    }
}

impl Report<'_> {
    /// The report as text of one page or more.
    pub fn text(&self) -> String {
        let mut page = Page::default();
        self.write(&mut page);
        page.0
    }

    /// The report as JSON.
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(&Json::of(self)).unwrap_or_default();
        let mut json = shown_json(&json).into_owned();
        json.push('\n');
        json
    }

    fn write(&self, page: &mut Page) {
        let at = self.at.strftime("%Y-%m-%d %H:%M:%S UTC");
        page.line(self.headline());
        page.gap();
        page.line(format!("file    {}", self.file));
        page.line(format!("feed    {}", self.feed));
        page.line(format!("read    {at}"));
        page.line(format!("digest  {}", self.digest));
        self.write_numbers(page);
        self.write_reasons(page);
        write_sections(page, self.mistakes, LINES_MAX);
        if !self.next.is_empty() {
            page.gap();
            page.line("Next");
            page.line(format!("  {}", self.next));
        }
    }

    fn headline(&self) -> &'static str {
        match self.verdict {
            FileVerdict::Accepted if self.changes_nothing() => {
                "ACCEPTED: nothing changed since the last file"
            }
            FileVerdict::Accepted => "ACCEPTED: the changes are being carried out",
            FileVerdict::Held if self.is_begun => {
                "HELD: a part of it took effect; somebody has to look at the rest"
            }
            FileVerdict::Held => "HELD: nothing was changed; somebody has to look at it",
            FileVerdict::Rejected => "REJECTED: nothing was changed; the file cannot be used",
        }
    }

    fn changes_nothing(&self) -> bool {
        let total = |counts: &Counts| counts.people.values().sum::<u32>();
        self.counts.is_none_or(|counts| total(counts) == 0)
    }

    fn write_numbers(&self, page: &mut Page) {
        if let Some(People {
            rows,
            people,
            set_aside,
        }) = self.people
        {
            page.line(format!(
                "rows    {rows}, of which {set_aside} were set aside"
            ));
            page.line(format!("people  {people}"));
        } else if self.content.row_count > 0 {
            page.line(format!("rows    {}", self.content.row_count));
        }
        let Some(counts) = self.counts else {
            return;
        };
        page.gap();
        page.line(if self.verdict == FileVerdict::Accepted {
            "What changes"
        } else {
            "What would change"
        });
        for (kind, word) in KINDS {
            page.line(format!("  {:>7}  {word}", counts.of(kind)));
        }
        page.line(format!(
            "  {:>7}  operations in the apps",
            counts.operations_total()
        ));
        self.write_changed(page);
    }

    /// The ids behind the numbers, so that HR can see whether they are the people it meant.
    fn write_changed(&self, page: &mut Page) {
        let named = KINDS.map(|(kind, word)| (word, self.changed.of(kind)));
        if named.iter().all(|(_, (_, count))| *count == 0) {
            return;
        }
        page.gap();
        page.line("Who, by id");
        for (word, (ids, count)) in named {
            if count == 0 {
                continue;
            }
            let listed = u32::try_from(ids.len()).unwrap_or(u32::MAX);
            let more = match count.saturating_sub(listed) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            page.line(format!("  {word}: {}{more}", ids.join(", ")));
        }
    }

    fn write_reasons(&self, page: &mut Page) {
        let of_file = |mistake: &&Mistake| mistake.effect >= Effect::Holds;
        let reasons: Vec<&Mistake> = self.mistakes.listed().iter().filter(of_file).collect();
        if reasons.is_empty() && self.reasons.is_empty() {
            return;
        }
        page.gap();
        page.line(format!("Why it is {}", self.verdict.as_str()));
        for mistake in reasons {
            let column = match &mistake.column {
                // What is said of a column that is missing names it already.
                Some(column) if !mistake.rows.is_empty() => format!("{column}: "),
                _ => String::new(),
            };
            let place = place(mistake);
            page.line(format!(
                "  {}  {column}{}{place}",
                mistake.code, mistake.text
            ));
            page.hint(&mistake.hint);
        }
        for reason in self.reasons {
            page.line(format!("  {}  {}", reason.code, reason.text));
            page.hint(&reason.hint);
        }
    }
}

/// What is said of rows, as the report has it, line by line: for whoever looks at a file before it is
/// dropped. At most `lines_max` lines for each code.
pub fn rows_said(mistakes: &Mistakes, lines_max: usize) -> String {
    let mut page = Page::default();
    write_sections(&mut page, mistakes, lines_max);
    page.0
}

fn write_sections(page: &mut Page, mistakes: &Mistakes, lines_max: usize) {
    for (effect, title) in [
        (
            Effect::SetsAside,
            "Rows that were set aside: these people stay as they are",
        ),
        (Effect::Warns, "To look at"),
        (Effect::Notes, "Good to know"),
    ] {
        write_section(page, mistakes, (effect, title), lines_max);
    }
}

/// The mistakes with one effect, code by code: what to do stands once, then a line for each.
fn write_section(
    page: &mut Page,
    mistakes: &Mistakes,
    (effect, title): (Effect, &str),
    lines_max: usize,
) {
    let mut by_code: BTreeMap<&Code, Vec<&Mistake>> = BTreeMap::new();
    for mistake in mistakes.listed() {
        if mistake.effect == effect {
            by_code.entry(&mistake.code).or_default().push(mistake);
        }
    }
    if by_code.is_empty() {
        return;
    }
    page.gap();
    page.line(title);
    for (code, of_code) in by_code {
        let found = mistakes.counts().find(|(counted, ..)| *counted == code);
        let (count, rows) = found.map_or((0, 0), |(_, count, rows)| (count, rows));
        page.gap();
        page.line(format!(
            "  {code}  {}: {}",
            code::title(code),
            amount(code, count, rows)
        ));
        page.hint(of_code.first().map_or("", |mistake| &mistake.hint));
        for mistake in of_code.iter().take(lines_max) {
            page.line(line_of(mistake));
        }
        if count > lines_max {
            page.line(format!("    ... and {} more", count - lines_max));
        }
    }
}

/// How much there is of a code, in the words that fit it.
fn amount(code: &Code, count: usize, rows: u32) -> String {
    if is_by_id(code) {
        format!("{} on {}", plural(count, "id"), plural_rows(rows))
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

/// One line: the row with what is wrong, or the id with its rows.
fn line_of(mistake: &Mistake) -> String {
    match (&mistake.key, mistake.rows.as_slice()) {
        (Some(key), _) if is_by_id(&mistake.code) => {
            let label = format!("id {key}");
            format!("    {label:<LABEL_WIDTH$}  {}", named_rows(mistake))
        }
        (key, [row]) if mistake.row_count == 1 => {
            let label = format!("row {row}");
            let id = key
                .as_ref()
                .map_or(String::new(), |key| format!(" (id {key})"));
            let column = column_of(mistake);
            format!("    {label:<LABEL_WIDTH$}  {column}{}{id}", mistake.text)
        }
        (_, []) => format!("    {}", mistake.text),
        _ => format!("    {}: {}", mistake.text, named_rows(mistake)),
    }
}

/// Whether what is said is about an id on several rows.
fn is_by_id(code: &Code) -> bool {
    [
        code::KEY_REPEATED,
        code::ROW_REPEATED,
        code::MANAGER_MISSING,
        code::EMPLOYMENTS,
    ]
    .contains(code)
}

fn column_of(mistake: &Mistake) -> String {
    let column = mistake.column.as_ref();
    column.map_or(String::new(), |column| format!("{column}: "))
}

fn named_rows(mistake: &Mistake) -> String {
    let rows: Vec<String> = mistake.rows.iter().map(u32::to_string).collect();
    let word = if mistake.row_count == 1 {
        "row"
    } else {
        "rows"
    };
    let mut text = format!("{word} {}", rows.join(", "));
    let named = u32::try_from(ROWS_NAMED_MAX).unwrap_or(u32::MAX);
    if mistake.row_count > named {
        // Writing to a string cannot fail.
        write!(text, " and {} more", mistake.row_count - named).unwrap_or_default();
    }
    text
}

fn place(mistake: &Mistake) -> String {
    match mistake.rows.as_slice() {
        [] => String::new(),
        _ => format!(" ({})", named_rows(mistake)),
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
    changed_ids: BTreeMap<&'static str, &'a [String]>,
    operations: Option<u32>,
    reasons: Vec<JsonReason<'a>>,
    counts: Vec<JsonCount<'a>>,
    problems: Vec<JsonMistake<'a>>,
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
struct JsonMistake<'a> {
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
        let counts = report.mistakes.counts();
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
            changed_ids: KINDS
                .iter()
                .map(|(kind, _)| (kind.as_str(), report.changed.of(*kind).0))
                .filter(|(_, ids)| !ids.is_empty())
                .collect(),
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
                .mistakes
                .listed()
                .iter()
                .map(JsonMistake::of)
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

impl<'a> JsonMistake<'a> {
    fn of(mistake: &'a Mistake) -> Self {
        Self {
            code: mistake.code.as_str(),
            effect: mistake.effect.as_str(),
            rows: &mistake.rows,
            row_count: mistake.row_count,
            column: mistake.column.as_deref(),
            id: mistake.key.as_deref(),
            text: &mistake.text,
            hint: &mistake.hint,
        }
    }
}
