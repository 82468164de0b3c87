//! A person as HR describes one: attributes, and when the employment begins and ends.
//!
//! Three things are kept apart that other systems mix up: an attribute that the file does not
//! have, one that it has and leaves empty, and one with a value. Only the last two say anything.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};

use crate::dated::Dated;

/// An attribute's value. A cell that is present and empty is [`Value::Empty`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    /// The file has the column and leaves the cell empty.
    Empty,
    /// Text, as written, without surrounding white space.
    Text(String),
    /// A yes or no that the mapping's value table names.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A calendar day without a zone.
    Day(Date),
    /// Several texts from one cell.
    List(Vec<String>),
}

/// What the values of an attribute are, where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// [`Value::Text`]
    Text,
    /// [`Value::Boolean`]
    Boolean,
    /// [`Value::Integer`]
    Integer,
    /// [`Value::Day`]
    Day,
    /// [`Value::List`]
    List,
}

/// Attributes by the name that the feed's mapping gives them. A name that is missing says nothing.
pub type Attributes = BTreeMap<String, Value>;

/// What HR says of the employment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Employed, or to be.
    Active,
    /// Employed and away.
    Leave,
    /// No longer employed.
    Ended,
}

/// The employment, with its limits as instants: the day that HR wrote, in the zone of the
/// person's place of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Employment {
    /// What HR says.
    pub status: Status,
    /// The first instant of the first day; `None` if HR does not say.
    pub starts_at: Option<Timestamp>,
    /// The first instant after the last day; `None` if HR does not say.
    pub ends_at: Option<Timestamp>,
}

/// Where a person stands at an instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// The employment has not begun.
    Prehire,
    /// Employed.
    Active,
    /// Employed and away.
    Leave,
    /// No longer employed, or no longer in the file.
    Ended,
}

impl Phase {
    /// The word for it in rules, reports and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Prehire => "prehire",
            Phase::Active => "active",
            Phase::Leave => "leave",
            Phase::Ended => "ended",
        }
    }
}

impl Employment {
    /// Where the person stands at `now`. A termination that HR has announced for a later day takes
    /// effect on that day; an end that has passed counts whatever the status says.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if self.ends_at.is_some_and(|end| end <= now) {
            return Phase::Ended;
        }
        if self.status == Status::Ended && self.ends_at.is_none() {
            return Phase::Ended;
        }
        if self.starts_at.is_some_and(|start| start > now) {
            return Phase::Prehire;
        }
        match self.status {
            Status::Leave => Phase::Leave,
            // Announced: still employed until `ends_at`.
            Status::Active | Status::Ended => Phase::Active,
        }
    }

    /// The next instant after `now` at which [`Employment::phase`] changes by itself.
    pub fn changes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut instants: Vec<Timestamp> = [self.starts_at, self.ends_at]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .collect();
        instants.sort_unstable();
        instants.first().copied()
    }
}

/// A person as the feed describes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// What HR says about the person.
    pub attributes: Attributes,
    /// From when to when the person works here.
    pub employment: Employment,
    /// Since when HR says so, and what HR has announced for later.
    pub dated: Dated,
}

impl Identity {
    /// A text attribute; `None` if it is missing, empty or not a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The name to show to people: `display_name`, else first and last name, else nothing.
    pub fn display_name(&self) -> String {
        if let Some(name) = self.text("display_name") {
            return name.to_owned();
        }
        let parts: Vec<&str> = ["first_name", "last_name"]
            .iter()
            .filter_map(|name| self.text(name))
            .collect();
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn employment(status: Status, starts: Option<&str>, ends: Option<&str>) -> Employment {
        Employment {
            status,
            starts_at: starts.map(at),
            ends_at: ends.map(at),
        }
    }

    #[test]
    fn the_dates_decide_and_the_status_fills_in() {
        let now = at("2026-06-01T12:00:00Z");
        let (past, future) = (Some("2026-01-01T00:00:00Z"), Some("2026-12-01T00:00:00Z"));
        for (status, starts, ends, phase) in [
            (Status::Active, past, None, Phase::Active),
            (Status::Active, future, None, Phase::Prehire),
            (Status::Active, past, past, Phase::Ended),
            (Status::Ended, past, None, Phase::Ended),
            (Status::Ended, past, future, Phase::Active),
            (Status::Leave, past, None, Phase::Leave),
            (Status::Leave, past, past, Phase::Ended),
            (Status::Active, None, None, Phase::Active),
        ] {
            assert_eq!(
                employment(status, starts, ends).phase(now),
                phase,
                "{status:?} {starts:?} {ends:?}"
            );
        }
    }

    #[test]
    fn an_end_takes_effect_at_its_instant_and_not_before() {
        let person = employment(Status::Active, None, Some("2026-06-30T14:00:00Z"));
        assert_eq!(person.phase(at("2026-06-30T13:59:59Z")), Phase::Active);
        assert_eq!(person.phase(at("2026-06-30T14:00:00Z")), Phase::Ended);
        assert_eq!(
            person.changes_at(at("2026-06-01T00:00:00Z")),
            person.ends_at
        );
        assert_eq!(person.changes_at(at("2026-07-01T00:00:00Z")), None);
    }
}
