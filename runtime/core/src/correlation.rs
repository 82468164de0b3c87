//! Whether a record that nobody has seen before belongs to somebody who is known.
//!
//! The configuration names keys, each with a weight: a personal number, a name with a birth date, the number that
//! somebody had before. A record is compared with everybody who is known; the weights of the keys that agree are
//! added up. From [`Correlation::link_at`] on it is the same person, from [`Correlation::ask_at`] on a person is asked,
//! below that the record is a new identity. Where two people could be meant, or a key that would be enough by itself
//! says otherwise, a person is asked, too.
//!
//! An e-mail address is given to the next who asks for it, so an address alone never links, whatever the weights say.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{FeedName, PersonId};
use crate::identity::{Identity, Value};
use crate::person::Person;
use crate::record::Record;

/// Whom a value would name where more records than these have it, known or new: nobody. It is a placeholder.
pub const ALIKE_MAX: usize = 8;

/// How records are compared, and whom to believe where several speak of one person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Correlation {
    /// The feeds, the most trusted first.
    pub trust: Vec<FeedName>,
    /// What is compared; nothing where it is not configured.
    pub keys: Vec<Key>,
    /// From which weight on a record is linked.
    pub link_at: u32,
    /// From which weight on a person is asked.
    pub ask_at: u32,
}

/// Something by which people are recognised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// What it is called.
    pub name: String,
    /// The attributes that have to agree, all of them.
    pub attributes: Vec<String>,
    /// How much it says.
    pub weight: u32,
    /// Where the attribute is the number of an earlier record: the feed of that.
    pub number_of: Option<FeedName>,
}

/// Somebody who may be the person of a record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate {
    /// Who.
    pub person: PersonId,
    /// The keys that agree.
    pub keys: Vec<String>,
}

/// A record of which it is not known whose it is, as it waits for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubtful {
    /// The record.
    pub record: PersonId,
    /// What it says.
    pub identity: Identity,
    /// The row that it was read from, as a spreadsheet counts.
    pub row: Option<u32>,
    /// Whose it may be; never empty.
    pub candidates: Vec<Candidate>,
}

/// What follows from comparing a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is this person's.
    Sure(Candidate),
    /// It may be one of these people's.
    Ask(Vec<Candidate>),
    /// It is nobody's who is known.
    New,
}

/// New records, ready to be compared with whoever is known. Holds the new ones only.
#[derive(Debug)]
pub struct Newcomers<'c> {
    correlation: &'c Correlation,
    /// Which of the new records have a value, by key and value.
    having: BTreeMap<(usize, Text), Vec<usize>>,
    records: Vec<Newcomer>,
    /// Of how many known people each value is.
    known: BTreeMap<(usize, Text), usize>,
}

type Text = Box<str>;

#[derive(Debug)]
struct Newcomer {
    id: PersonId,
    texts: Vec<Option<Text>>,
    /// Who agrees in what.
    alike: BTreeMap<PersonId, Alike>,
}

#[derive(Debug, Default)]
struct Alike {
    agree: BTreeSet<usize>,
    differ: BTreeSet<usize>,
}

impl Correlation {
    /// Whether anything is compared.
    pub fn is_configured(&self) -> bool {
        !self.keys.is_empty()
    }
}

impl Key {
    /// What an identity has for this key, in the form in which it is compared; `None` where anything is missing.
    fn text(&self, identity: &Identity) -> Option<Text> {
        let parts = self.attributes.iter();
        let parts: Option<Vec<String>> = parts
            .map(|name| plain(identity.attributes.get(name)?))
            .collect();
        Some(parts?.join("\n").into())
    }
}

/// A value as it is compared: case, spaces and dashes do not count. `None` if it says nothing.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Day(day) => day.to_string(),
        Value::Empty | Value::Boolean(_) | Value::List(_) => return None,
    };
    let is_said = |char: &char| !char.is_whitespace() && !matches!(char, '-' | '/' | '\u{2010}');
    let plain: String = text.to_lowercase().chars().filter(is_said).collect();
    (!plain.is_empty()).then_some(plain)
}

impl<'c> Newcomers<'c> {
    /// Nobody yet.
    pub fn new(correlation: &'c Correlation) -> Self {
        Self {
            correlation,
            having: BTreeMap::new(),
            records: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    /// Adds a record that is new.
    pub fn add(&mut self, id: PersonId, identity: &Identity) {
        let keys = self.correlation.keys.iter();
        let texts: Vec<Option<Text>> = keys.map(|key| key.text(identity)).collect();
        for (key, text) in texts.iter().enumerate() {
            if let Some(text) = text {
                let having = self.having.entry((key, text.clone())).or_default();
                having.push(self.records.len());
            }
        }
        self.records.push(Newcomer {
            id,
            texts,
            alike: BTreeMap::new(),
        });
    }

    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.having.is_empty()
    }

    /// Compares the new records with somebody who is known.
    pub fn meet(&mut self, person: &Person) {
        let has = self.texts_of(person);
        for (key, texts) in has.iter().enumerate() {
            for text in texts {
                let value = (key, text.clone());
                let Some(having) = self.having.get(&value) else {
                    continue;
                };
                let alike = self.correlation.keys.get(key).map_or(1, |key| {
                    let records = person.records.values();
                    let has = |record: &&Record| key.text(&record.identity).as_ref() == Some(text);
                    records.filter(has).count().max(1)
                });
                *self.known.entry(value).or_default() += alike;
                for newcomer in having {
                    if let Some(newcomer) = self.records.get_mut(*newcomer) {
                        let alike = newcomer.alike.entry(person.id.clone()).or_default();
                        alike.agree.insert(key);
                        for (key, own) in newcomer.texts.iter().enumerate() {
                            let theirs = has.get(key);
                            let theirs = theirs.filter(|theirs| !theirs.is_empty());
                            if let (Some(own), Some(theirs)) = (own, theirs)
                                && !theirs.contains(own)
                            {
                                alike.differ.insert(key);
                            }
                        }
                    }
                }
            }
        }
    }

    /// What somebody has, by key: of every record.
    fn texts_of(&self, person: &Person) -> Vec<BTreeSet<Text>> {
        let keys = self.correlation.keys.iter();
        keys.map(|key| {
            let mut texts = BTreeSet::new();
            if let Some(feed) = &key.number_of {
                let ids = person.records.keys().chain([&person.id]);
                let numbers = ids.filter(|id| id.feed == *feed);
                texts.extend(numbers.filter_map(|id| {
                    let number = Value::Text(id.key.as_str().to_owned());
                    plain(&number).map(Text::from)
                }));
            } else if person.records.is_empty() {
                texts.extend(key.text(&person.identity));
            } else {
                let records = person.records.values();
                texts.extend(records.filter_map(|record| key.text(&record.identity)));
            }
            texts
        })
        .collect()
    }

    /// What follows for each of the new records, once everybody was met.
    pub fn judge(self) -> BTreeMap<PersonId, Verdict> {
        let Self {
            correlation,
            having,
            known,
            records,
        } = self;
        let news = having
            .into_iter()
            .map(|(value, having)| (value, having.len()));
        let count = Count {
            known,
            new: news.collect(),
        };
        let records = records.into_iter();
        records
            .map(|newcomer| {
                let verdict = newcomer.judge(correlation, &count);
                (newcomer.id, verdict)
            })
            .collect()
    }
}

/// How many records have a value, by key and value.
struct Count {
    known: BTreeMap<(usize, Text), usize>,
    new: BTreeMap<(usize, Text), usize>,
}

impl Newcomer {
    fn judge(&self, correlation: &Correlation, count: &Count) -> Verdict {
        let Correlation {
            keys,
            link_at,
            ask_at,
            ..
        } = correlation;
        let mut sure = Vec::new();
        let mut doubtful = Vec::new();
        for (person, alike) in &self.alike {
            let value = |key: usize| Some((key, self.texts.get(key).cloned().flatten()?));
            let says = |key: &&usize| {
                let value = value(**key);
                let of = |counts: &BTreeMap<_, usize>| counts.get(value.as_ref()?).copied();
                let (known, new) = (of(&count.known), of(&count.new));
                known.is_some_and(|known| known <= ALIKE_MAX)
                    && new.is_some_and(|new| new <= ALIKE_MAX)
            };
            // Several who are new at once with one value may be one person, and may be a column of zeros.
            let is_alone = |key: &usize| {
                let new = value(*key).and_then(|value| count.new.get(&value).copied());
                new == Some(1)
            };
            let agree: Vec<usize> = alike.agree.iter().filter(says).copied().collect();
            let weight = |key: usize| keys.get(key).map_or(0, |key| key.weight);
            let total = agree
                .iter()
                .fold(0_u32, |sum, key| sum.saturating_add(weight(*key)));
            let candidate = || Candidate {
                person: person.clone(),
                keys: agree
                    .iter()
                    .filter_map(|key| keys.get(*key))
                    .map(|key| key.name.clone())
                    .collect(),
            };
            let is_contradicted = alike.differ.iter().any(|key| weight(*key) >= *link_at);
            let distinct: Vec<usize> = agree.iter().copied().filter(is_alone).collect();
            let distinct_total = distinct
                .iter()
                .fold(0_u32, |sum, key| sum.saturating_add(weight(*key)));
            if distinct_total >= *link_at && !is_contradicted && !self.is_address_only(&distinct) {
                sure.push(candidate());
            } else if total >= *ask_at && !agree.is_empty() {
                doubtful.push(candidate());
            }
        }
        match (sure.pop(), sure.is_empty()) {
            (Some(candidate), true) => Verdict::Sure(candidate),
            (Some(candidate), false) => {
                sure.push(candidate);
                Verdict::Ask(sure)
            }
            (None, _) if doubtful.is_empty() => Verdict::New,
            (None, _) => Verdict::Ask(doubtful),
        }
    }

    /// Whether nothing but e-mail addresses agrees, whatever their attributes are called.
    fn is_address_only(&self, agree: &[usize]) -> bool {
        let texts = agree
            .iter()
            .filter_map(|key| self.texts.get(*key)?.as_ref());
        texts
            .flat_map(|text| text.split('\n'))
            .all(|part| part.contains('@'))
    }
}

#[cfg(test)]
mod tests;
