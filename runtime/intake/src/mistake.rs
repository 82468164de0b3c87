//! The remarks about a file, and what follows from them.

use std::collections::BTreeMap;

use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::FeedName;
use muster_core::mapping;

use super::code;

/// Most mistakes of one code that are kept with their text; the others are counted.
pub(super) const LISTED_MAX: usize = 1_000;

/// Most row numbers that one mistake names; the others are counted.
pub(super) const ROWS_NAMED_MAX: usize = 50;

/// What follows from a mistake. The strongest one decides about the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// Nothing; good to know.
    Notes,
    /// Nothing; somebody should look at it.
    Warns,
    /// The row does not count: the person is neither changed nor removed.
    SetsAside,
    /// The file waits for a person.
    Holds,
    /// The file cannot be used.
    Rejects,
}

impl Effect {
    const ALL: [Effect; 5] = [
        Effect::Notes,
        Effect::Warns,
        Effect::SetsAside,
        Effect::Holds,
        Effect::Rejects,
    ];

    /// The word for it in reports and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Notes => "note",
            Effect::Warns => "warning",
            Effect::SetsAside => "set-aside",
            Effect::Holds => "held",
            Effect::Rejects => "rejected",
        }
    }

    /// The effect that a word stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.as_str() == word)
    }
}

/// What becomes of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileVerdict {
    /// It counts.
    Accepted,
    /// It waits for a person; nothing of it takes effect until then.
    Held,
    /// It cannot be used at all.
    Rejected,
}

impl FileVerdict {
    /// The word for it in reports and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            FileVerdict::Accepted => "accepted",
            FileVerdict::Held => "held",
            FileVerdict::Rejected => "rejected",
        }
    }
}

/// One remark about a file. Names rows, columns and ids; quotes a status or a day; never a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Which kind.
    pub code: Code,
    /// What follows.
    pub effect: Effect,
    /// The rows, as a spreadsheet numbers them (the header is 1), the first 50 of them.
    pub rows: Vec<u32>,
    /// How many rows there are in all.
    pub row_count: u32,
    /// The column, as the mapping names it.
    pub column: Option<String>,
    /// The id that it is about.
    pub key: Option<String>,
    /// What is wrong, as a sentence without a full stop.
    pub text: String,
    /// What to do; empty where nothing has to be done.
    pub hint: String,
}

impl Mistake {
    /// A mistake of the file as a whole.
    pub fn of_file(code: Code, effect: Effect, text: impl Into<String>) -> Self {
        Self {
            code,
            effect,
            rows: Vec::new(),
            row_count: 0,
            column: None,
            key: None,
            text: text.into(),
            hint: String::new(),
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Adds the row it is about.
    #[must_use]
    pub fn row(mut self, row: u32) -> Self {
        self.add_row(row);
        self
    }

    /// Adds the id it is about.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub(super) fn add_row(&mut self, row: u32) {
        self.row_count += 1;
        if self.rows.len() < ROWS_NAMED_MAX {
            self.rows.push(row);
        }
    }

    /// What the mapping found wrong with a row or the header.
    pub(super) fn of_mapping(mistake: mapping::Mistake, effect: Effect) -> Self {
        let mut of_file = Mistake::of_file(mistake.code, effect, mistake.text).hint(mistake.hint);
        of_file.column = mistake.column;
        if let Some(row) = mistake.row {
            of_file.add_row(row);
        }
        of_file
    }
}

/// All remarks about a file: bounded in what it lists, exact in what it counts.
#[derive(Clone, Debug, Default)]
pub struct Mistakes {
    listed: Vec<Mistake>,
    counts: BTreeMap<Code, Count>,
    strongest: Option<Effect>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    mistakes: usize,
    rows: u32,
}

impl Mistakes {
    /// Adds one.
    pub fn push(&mut self, mistake: Mistake) {
        self.strongest = self.strongest.max(Some(mistake.effect));
        let count = self.counts.entry(mistake.code.clone()).or_default();
        count.mistakes += 1;
        count.rows += mistake.row_count;
        if count.mistakes <= LISTED_MAX {
            self.listed.push(mistake);
        }
    }

    /// As another process has listed and counted them.
    pub fn of_list(
        listed: Vec<Mistake>,
        counts: impl IntoIterator<Item = (Code, usize, u32)>,
    ) -> Self {
        let counts = counts.into_iter();
        let count = |(code, mistakes, rows)| (code, Count { mistakes, rows });
        Self {
            strongest: listed.iter().map(|mistake| mistake.effect).max(),
            listed,
            counts: counts.map(count).collect(),
        }
    }

    /// Adds all that others found, with what they counted beyond what they list.
    pub fn merge(&mut self, others: Mistakes) {
        self.strongest = self.strongest.max(others.strongest);
        for (code, count) in others.counts {
            let sum = self.counts.entry(code).or_default();
            sum.mistakes += count.mistakes;
            sum.rows += count.rows;
        }
        self.listed.extend(others.listed);
    }

    /// What becomes of the file.
    pub fn verdict(&self) -> FileVerdict {
        match self.strongest {
            Some(Effect::Rejects) => FileVerdict::Rejected,
            Some(Effect::Holds) => FileVerdict::Held,
            None | Some(Effect::Notes | Effect::Warns | Effect::SetsAside) => FileVerdict::Accepted,
        }
    }

    /// Whether a row does not count, or more.
    pub fn sets_aside(&self) -> bool {
        self.strongest >= Some(Effect::SetsAside)
    }

    /// Those that are kept, in the order in which they were found.
    pub fn listed(&self) -> &[Mistake] {
        &self.listed
    }

    /// The codes, each with how many mistakes and how many rows there are in all.
    pub fn counts(&self) -> impl Iterator<Item = (&Code, usize, u32)> {
        let counts = self.counts.iter();
        counts.map(|(code, count)| (code, count.mistakes, count.rows))
    }

    /// How many mistakes of a code there are.
    pub fn count(&self, code: &Code) -> usize {
        self.counts.get(code).map_or(0, |count| count.mistakes)
    }

    /// The codes that hold or reject the file.
    pub fn reasons(&self) -> Vec<Code> {
        let mut codes: Vec<Code> = self
            .listed
            .iter()
            .filter(|mistake| mistake.effect >= Effect::Holds)
            .map(|mistake| mistake.code.clone())
            .collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// One finding per code, for the ledger and for `muster findings`; the rows are in the report.
    pub fn findings(&self, feed: &FeedName) -> Vec<Finding> {
        let first_of = |code: &Code| self.listed.iter().find(|mistake| mistake.code == *code);
        self.counts()
            .filter_map(|(code, mistakes, rows)| Some((first_of(code)?, mistakes, rows)))
            .map(|(first, mistakes, rows)| {
                let severity = match first.effect {
                    Effect::Notes => Severity::Note,
                    Effect::Warns => Severity::Warning,
                    Effect::SetsAside | Effect::Holds | Effect::Rejects => Severity::Error,
                };
                let text = if mistakes == 1 {
                    first.text.clone()
                } else {
                    let title = code::title(&first.code);
                    format!("{title}: {mistakes} times, {rows} rows; the report names them")
                };
                Finding::new(first.code.clone(), severity, feed, text).hint(first.hint.clone())
            })
            .collect()
    }
}

impl Extend<Mistake> for Mistakes {
    fn extend<T: IntoIterator<Item = Mistake>>(&mut self, mistakes: T) {
        for mistake in mistakes {
            self.push(mistake);
        }
    }
}
