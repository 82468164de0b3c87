//! What an app or a plugin says, without the people in it.
//!
//! Whoever writes an error message for an app puts names and addresses into it. The journal keeps what
//! was said for ever, so before it is recorded the person's own values are replaced by the names of their
//! attributes, and whatever looks like an address is replaced, too: `[email] is taken by [address]`. Ids
//! stay. What this cannot know (the name of somebody else) is why logs and metrics never have such words
//! at all.

use std::fmt::Write as _;

use crate::connector::{AttributeChange, Problem, Scalar};
use crate::id::PersonKey;
use crate::identity::{Identity, Value};
use crate::operation::{Action, Completion, Transition};

/// Longest text that is kept, in characters.
const CHARS_MAX: usize = 1_000;

/// Shortest value that is replaced, in characters; less says nothing of anybody.
const VALUE_CHARS_MIN: usize = 2;

/// Shortest word of a longer value that is replaced by itself, in characters.
const WORD_CHARS_MIN: usize = 3;

/// The values of one person, to be found in texts.
#[derive(Clone, Debug, Default)]
pub struct Values(Vec<Known>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Known {
    /// In lower case.
    value: Vec<char>,
    attribute: String,
}

impl Values {
    /// The values of a person, and those that an action hands to the app.
    pub fn of(key: &PersonKey, identity: &Identity, action: &Action) -> Self {
        let mut values = Self::default();
        for (name, value) in &identity.attributes {
            match value {
                Value::Text(text) => values.add(name, text),
                Value::List(items) => items.iter().for_each(|item| values.add(name, item)),
                Value::Empty | Value::Boolean(_) | Value::Integer(_) | Value::Day(_) => {}
            }
        }
        if let Action::EnsureAccount(spec) = action {
            let keys = spec.match_keys.iter();
            keys.for_each(|(name, value)| values.add(name, value));
            for (name, change) in &spec.attributes {
                let AttributeChange::Set(scalars) = change else {
                    continue;
                };
                for scalar in scalars {
                    if let Scalar::Text(text) = scalar {
                        values.add(name, text);
                    }
                }
            }
        }
        let key: Vec<char> = key.as_str().to_lowercase().chars().collect();
        values.0.retain(|known| known.value != key);
        // The longest first: a part of it must not be taken out before the whole.
        values
            .0
            .sort_by(|a, b| b.value.len().cmp(&a.value.len()).then_with(|| a.cmp(b)));
        values.0.dedup_by(|a, b| a.value == b.value);
        values
    }

    fn add(&mut self, attribute: &str, value: &str) {
        let mut put = |text: &str| {
            let value: Vec<char> = text.to_lowercase().chars().collect();
            if value.len() >= VALUE_CHARS_MIN {
                self.0.push(Known {
                    value,
                    attribute: attribute.to_owned(),
                });
            }
        };
        put(value);
        if !value.is_ascii() {
            put(&json_escaped(value));
        }
        put(&percent_encoded(value));
        for word in value.split_whitespace() {
            let is_name = word.chars().next().is_some_and(char::is_uppercase);
            if word.len() < value.len() && is_name && word.chars().count() >= WORD_CHARS_MIN {
                put(word);
            }
        }
    }

    /// A text without these values, and without addresses.
    pub fn redacted(&self, text: &str) -> String {
        let text: Vec<char> = without_addresses(text).chars().collect();
        let lower: Vec<char> = text.iter().map(|char| lowered(*char)).collect();
        let mut told = String::new();
        let mut at = 0;
        while let Some(char) = text.get(at) {
            let known = self.0.iter().find(|known| stands(&lower, at, &known.value));
            if let Some(known) = known {
                told.push('[');
                told.push_str(&known.attribute);
                told.push(']');
                at += known.value.len();
            } else {
                told.push(*char);
                at += 1;
            }
        }
        told
    }

    /// What happened to an operation, as it may be recorded.
    pub fn redacted_change(&self, change: &Transition) -> Transition {
        let mut change = change.clone();
        match &mut change {
            Transition::Lost { text, .. } => *text = self.redacted(text),
            Transition::Deferred { problem, .. } | Transition::Halted { problem, .. } => {
                self.redact_problem(problem);
            }
            Transition::Answered { result, .. } | Transition::Completed(result) => {
                self.redact_completion(result);
            }
            Transition::Dispatched { .. }
            | Transition::Retried
            | Transition::LeftPending { .. }
            | Transition::Found { .. } => {}
        }
        change
    }

    fn redact_problem(&self, problem: &mut Problem) {
        match problem {
            Problem::Transient { text, .. }
            | Problem::OutcomeUnknown(text)
            | Problem::Unauthenticated(text)
            | Problem::NoCapacity(text)
            | Problem::Guarded(text)
            | Problem::Unsupported(text)
            | Problem::RemoteDefect(text)
            | Problem::Denied(text)
            | Problem::PluginFailed { text, .. } => *text = self.redacted(text),
            Problem::Forbidden(lacking) => {
                for what in lacking {
                    *what = self.redacted(what);
                }
            }
            Problem::Invalid(fields) => {
                for (_, text) in fields {
                    *text = self.redacted(text);
                }
            }
            Problem::RateLimited { .. }
            | Problem::CursorExpired
            | Problem::TokenExpired
            | Problem::NotFound(_)
            | Problem::Conflict(_)
            | Problem::Stale => {}
        }
    }

    fn redact_completion(&self, result: &mut Completion) {
        for what in &mut result.unreachable {
            what.text = self.redacted(&what.text);
        }
        if let Some(evidence) = &mut result.evidence {
            *evidence = self.redacted(evidence);
        }
    }
}

/// A text about nobody in particular, without addresses.
pub fn without_people(text: &str) -> String {
    Values::default().redacted(text)
}

/// Puts `[address]` in the place of every mail address, and a blank in that of what could steer a
/// terminal.
fn without_addresses(text: &str) -> String {
    let belongs = |char: char| char.is_alphanumeric() || "._%+-'@".contains(char);
    let mut told = String::new();
    let mut run = String::new();
    for char in text.chars().take(CHARS_MAX).chain(['\n']) {
        if belongs(char) {
            run.push(char);
            continue;
        }
        told.push_str(if is_address(&run) { "[address]" } else { &run });
        run.clear();
        told.push(if char.is_control() { ' ' } else { char });
    }
    told.pop();
    told
}

fn is_address(run: &str) -> bool {
    let parts = run.split_once('@').or_else(|| run.split_once("%40"));
    parts.is_some_and(|(name, host)| {
        let has_letters = |text: &str| text.chars().any(char::is_alphanumeric);
        has_letters(name) && has_letters(host)
    })
}

/// Whether a value stands at a place in a text, with no letter or digit right before or behind it.
fn stands(text: &[char], at: usize, value: &[char]) -> bool {
    let is_apart = |char: Option<&char>| char.is_none_or(|char| !char.is_alphanumeric());
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    let rest = text.get(at..).unwrap_or_default();
    rest.starts_with(value) && is_apart(before) && is_apart(rest.get(value.len()))
}

/// One character for one: what becomes several in lower case stays as it is.
fn lowered(char: char) -> char {
    let mut lower = char.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => char,
    }
}

fn json_escaped(value: &str) -> String {
    let mut escaped = String::new();
    for char in value.chars() {
        if char.is_ascii() {
            escaped.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            write!(escaped, "\\u{unit:04x}").ok();
        }
    }
    escaped
}

fn percent_encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Attributes, Employment, Status};
    use crate::operation::Action;

    fn values() -> Values {
        let attributes: Attributes = [
            ("first_name", "J\u{f6}rg"),
            ("last_name", "Li"),
            ("display", "Anna Maria Fox"),
            ("email", "jorg.li@corp.example"),
            ("department", "Sales"),
            ("number", "1042"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())))
        .collect();
        let identity = Identity {
            attributes,
            employment: Employment {
                status: Status::Active,
                starts_at: None,
                ends_at: None,
            },
            dated: crate::dated::Dated::default(),
        };
        let key = PersonKey::new("1042").unwrap();
        Values::of(&key, &identity, &Action::EndSessions)
    }

    #[test]
    fn c47_a_persons_own_values_and_all_addresses_are_taken_out_and_ids_stay() {
        for (said, kept) in [
            (
                "user J\u{f6}rg LI is known",
                "user [first_name] [last_name] is known",
            ),
            (
                "JORG.LI@corp.example, bob@x.example",
                "[address], [address]",
            ),
            (
                "at /users/jorg.li%40corp.example?x",
                "at /users/[address]?x",
            ),
            ("{\"n\":\"J\\u00f6rg\"}", "{\"n\":\"[first_name]\"}"),
            ("Fox, Anna", "[display], [display]"),
            ("anna%20maria%20fox", "[display]"),
            ("worker 1042 of Sales", "worker 1042 of [department]"),
            (
                "Lisbon Salesforce u-17 (scimType uniqueness)",
                "Lisbon Salesforce u-17 (scimType uniqueness)",
            ),
            ("a@b", "[address]"),
            ("@ mention, 5 % off, x @ y", "@ mention, 5 % off, x @ y"),
            ("two\nlines\u{1b}[31m", "two lines [31m"),
            ("", ""),
        ] {
            assert_eq!(values().redacted(said), kept, "{said}");
        }
        assert_eq!(
            values().redacted(&"a ".repeat(2_000)).chars().count(),
            CHARS_MAX
        );
    }

    #[test]
    fn c47_what_is_recorded_of_an_operation_has_no_values_in_it() {
        let problem = Problem::Invalid(vec![(
            "userName".to_owned(),
            "J\u{f6}rg is taken".to_owned(),
        )]);
        let change = Transition::Halted {
            problem,
            account: None,
        };
        let text = format!("{:?}", values().redacted_change(&change));
        assert!(text.contains("[first_name] is taken"), "{text}");
    }
}
