//! The tests of a policy, in its files: `[[test]]`, a person who is made up, and what they must have and must not have.
//!
//! They say nothing of who has what, so they do not belong to the policy's version.

use std::path::PathBuf;

use jiff::civil::Date;
use muster_core::dated::Dated;
use muster_core::id::{FeedName, PersonId, PersonKey, TargetName};
use muster_core::identity::{Attributes, Employment, Identity, Phase, Status, Value, ValueType};
use muster_core::nearest::nearest;
use muster_core::policy::trial::{Listed, Trial};
use muster_core::policy::{EntitlementName, PolicySource};
use toml::Spanned;
use toml::de::DeValue;

use super::document::{Notes, Placed, Section};
use super::mistake::{MISSING_KEY, Mistake, Position, UNUSABLE_VALUE, WRONG_TYPE};
use super::options as opt;
use super::options::Opt;

/// Most tests of a policy.
const TESTS_MAX: usize = 1_000;

/// The key of everybody who is made up.
const KEY: &str = "test";

type Place = (PathBuf, Position);

/// A test as it is written, before it is known which attributes and targets there are.
pub(super) struct Written {
    name: String,
    place: Place,
    person: Vec<(String, Value, Place)>,
    phase: Phase,
    feed: Option<FeedName>,
    must_have: Vec<(TargetName, Vec<EntitlementName>, Place)>,
    must_not_have: Vec<(TargetName, Vec<EntitlementName>, Place)>,
}

/// Reads the tests of a policy file.
pub(super) fn read(root: &Section<'_>, tests: &mut Vec<Written>) {
    for section in root.list("test") {
        if tests.len() == TESTS_MAX {
            let message = format!("a policy has at most {TESTS_MAX} tests");
            section.note(UNUSABLE_VALUE, section.offset(), message, String::new());
            return;
        }
        tests.extend(read_one(&section));
    }
}

fn read_one(section: &Section<'_>) -> Option<Written> {
    let name = section.text(&opt::TEST_NAME);
    let person = section.section("person");
    if !person.is_written() {
        section.missing(&opt::TEST_PERSON);
    }
    let attributes = person.entries().into_iter().filter_map(|(name, value)| {
        let read = value_of(value);
        if read.is_none() {
            let message = format!(
                "`{}` in [{}] is no attribute's value",
                name.value,
                person.path()
            );
            let hint =
                "a text, true or false, a whole number, a day, or a list of texts".to_owned();
            section.note(WRONG_TYPE, value.span().start, message, hint);
        }
        Some((name.value, read?, section.mistake_at(name.offset)))
    });
    let attributes = attributes.collect();
    let phase = match section.choice(&opt::TEST_PHASE) {
        "prehire" => Phase::Prehire,
        "leave" => Phase::Leave,
        "ended" => Phase::Ended,
        _ => Phase::Active,
    };
    let feed = section.parsed(&opt::TEST_FEED, |text| {
        FeedName::new(text).map_err(|error| error.reason.to_owned())
    });
    let must_have = listed(section, "must_have", &opt::TEST_MUST_HAVE);
    let must_not_have = listed(section, "must_not_have", &opt::TEST_MUST_NOT_HAVE);
    section.finish();
    if must_have.is_empty() && must_not_have.is_empty() {
        let message = "[[test]] says what the person must have or must not have".to_owned();
        let hint = format!(
            "write for example: must_have = {}",
            opt::TEST_MUST_HAVE.example
        );
        section.note(MISSING_KEY, section.offset(), message, hint);
    }
    let Placed {
        value: name,
        offset,
    } = name?;
    Some(Written {
        name,
        place: section.mistake_at(offset),
        person: attributes,
        phase,
        feed: feed.map(|feed| feed.value),
        must_have,
        must_not_have,
    })
}

fn listed(
    section: &Section<'_>,
    key: &'static str,
    option: &Opt,
) -> Vec<(TargetName, Vec<EntitlementName>, Place)> {
    let option = &Opt {
        takes: opt::ROLE_ACCESS_LIST.takes,
        ..*option
    };
    let mut read = Vec::new();
    for (name, value) in section.section(key).entries() {
        let target = match TargetName::new(&name.value) {
            Ok(target) => target,
            Err(error) => {
                let hint = format!("write for example: {key} = {}", option.example);
                section.note(UNUSABLE_VALUE, name.offset, error.to_string(), hint);
                continue;
            }
        };
        let mut names = Vec::new();
        for Placed { value, offset } in section.texts_of(option, value) {
            if let Some(name) = EntitlementName::parse(&value) {
                names.push(name);
            } else {
                let message = format!("`{value}` is not written as kind:name");
                let hint = format!("write for example: {key} = {}", option.example);
                section.note(UNUSABLE_VALUE, offset, message, hint);
            }
        }
        read.push((target, names, section.mistake_at(name.offset)));
    }
    read
}

fn value_of(value: &Spanned<DeValue<'_>>) -> Option<Value> {
    Some(match value.get_ref() {
        DeValue::String(text) if text.is_empty() => Value::Empty,
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(yes) => Value::Boolean(*yes),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Datetime(day) => Value::Day(day.to_string().parse::<Date>().ok()?),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str());
            Value::List(
                texts
                    .map(|text| text.map(str::to_owned))
                    .collect::<Option<_>>()?,
            )
        }
        DeValue::Float(_) | DeValue::Table(_) => return None,
    })
}

/// Puts the tests together, for the attributes and targets of this policy. `feed` is whose people they are where a test
/// does not say it. Without the names of the feeds, because these could not be read, a name is no mistake.
pub(super) fn assemble(
    tests: Vec<Written>,
    policy: &PolicySource,
    (feed, has_names): (Option<&FeedName>, bool),
    notes: &Notes,
) -> Vec<Trial> {
    let list = |listed: Vec<(TargetName, Vec<EntitlementName>, Place)>| -> Listed {
        let mut known = Listed::new();
        for (target, names, place) in listed {
            if !policy.targets.contains_key(&target) {
                let near = nearest(
                    target.as_str(),
                    policy.targets.keys().map(TargetName::as_str),
                );
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let message = format!("there is no target `{target}`");
                note(
                    notes,
                    (&UNUSABLE_VALUE, &place),
                    message,
                    hint.unwrap_or_default(),
                );
            }
            known.insert(target, names.into_iter().collect());
        }
        known
    };
    let mut trials = Vec::new();
    for test in tests {
        let attributes = attributes(test.person, policy, has_names, notes);
        let (file, position) = test.place;
        let Some((feed, key)) = test.feed.or(feed.cloned()).zip(PersonKey::new(KEY).ok()) else {
            continue;
        };
        trials.push(Trial {
            name: test.name,
            place: format!("{}:{}", file.display(), position.line),
            person: PersonId { feed, key },
            identity: Identity {
                attributes,
                employment: Employment {
                    status: Status::Active,
                    starts_at: None,
                    ends_at: None,
                },
                dated: Dated::default(),
            },
            phase: test.phase,
            must_have: list(test.must_have),
            must_not_have: list(test.must_not_have),
        });
    }
    trials
}

/// The attributes of a test's person, each as the mapping would read it.
fn attributes(
    person: Vec<(String, Value, Place)>,
    policy: &PolicySource,
    has_names: bool,
    notes: &Notes,
) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value, place) in person {
        match policy.attributes.get(&name) {
            Some(wanted) => match fitted(value, *wanted) {
                Ok(value) => {
                    attributes.insert(name, value);
                }
                Err(takes) => {
                    let message =
                        format!("`{name}` of a test's person is {takes}, as the mapping has it");
                    note(notes, (&WRONG_TYPE, &place), message, String::new());
                }
            },
            None if has_names => {
                let near = nearest(&name, policy.attributes.keys().map(String::as_str));
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let message = format!("no feed's mapping has `{name}`");
                note(
                    notes,
                    (&UNUSABLE_VALUE, &place),
                    message,
                    hint.unwrap_or_default(),
                );
            }
            None => {}
        }
    }
    attributes
}

fn note(
    notes: &Notes,
    (code, (file, position)): (&muster_core::finding::Code, &Place),
    message: String,
    hint: String,
) {
    notes.add(Mistake {
        code: code.clone(),
        file: file.clone(),
        position: Some(*position),
        message,
        hint,
    });
}

/// The value as the mapping would read it, or what it would have to be.
fn fitted(value: Value, wanted: Option<ValueType>) -> Result<Value, &'static str> {
    let Some(wanted) = wanted else {
        return Ok(value);
    };
    match (wanted, value) {
        (ValueType::Day, Value::Text(text)) => text
            .parse()
            .map(Value::Day)
            .map_err(|_| "a day such as 2026-05-01"),
        (_, Value::Empty) => Ok(Value::Empty),
        (ValueType::Text, value @ Value::Text(_))
        | (ValueType::Boolean, value @ Value::Boolean(_))
        | (ValueType::Integer, value @ Value::Integer(_))
        | (ValueType::Day, value @ Value::Day(_))
        | (ValueType::List, value @ Value::List(_)) => Ok(value),
        (ValueType::Text, _) => Err("a text"),
        (ValueType::Boolean, _) => Err("true or false"),
        (ValueType::Integer, _) => Err("a whole number"),
        (ValueType::Day, _) => Err("a day such as 2026-05-01"),
        (ValueType::List, _) => Err("a list of texts"),
    }
}
