//! A person as a line in time: since when what HR says holds, and what HR has announced for a later day.
//!
//! An announced change stands with the person until its instant and takes effect by itself then, whatever was
//! stopped in between. Whatever names the identity of a person has the line along with it: a row, a plan, the ledger.
//!
//! How the rows of a file become a line ([`Identity::line`]), and what a line means for somebody whom the ledger has
//! ([`taken`]):
//!
//! - Each row is one statement, and holds from its effective day on. Of those whose day has come the newest counts;
//!   older ones are history, later ones are announced.
//! - A statement takes the place of everything that the one before it said, as a row of another file would.
//! - While the first statement of somebody who is not here is still to come, that is who the person will be, and the
//!   day on which it takes effect is the first day at the earliest.
//! - What a file announces takes the place of what was announced. A file that announces nothing withdraws what was
//!   announced if it has everybody and their effective days; otherwise it says nothing of it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::identity::{Attributes, Employment, Identity, Phase};

/// Most changes that may be announced of a person at a time.
pub const ANNOUNCED_MAX: usize = 50;

/// Where in time what HR says of a person stands. Of nearly everybody nothing is known of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dated {
    /// Since when HR says that it holds; `None` if HR does not say.
    pub since: Option<Timestamp>,
    /// What is announced, in the order of its instants.
    pub announced: Vec<Announced>,
}

/// What HR will say of a person from an instant on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announced {
    /// The first instant of the effective day, where the person works.
    pub at: Timestamp,
    /// What HR says about the person then. An attribute that is not here stays as it is by then.
    pub attributes: Attributes,
    /// From when to when the person works here, as HR says then.
    pub employment: Employment,
}

impl Announced {
    /// Where the person stands once it takes effect.
    pub fn phase(&self) -> Phase {
        self.employment.phase(self.at)
    }
}

impl Identity {
    /// Several statements about one person as a line: the first one, with the others announced. Nothing is said of
    /// which have taken effect; [`taken`] does. `None` where there is no statement, or two hold from the same day on.
    pub fn line(mut statements: Vec<Identity>) -> Option<Identity> {
        statements.sort_by_key(|statement| statement.dated.since);
        let is_twice = |pair: &[Identity]| pair[0].dated.since == pair[1].dated.since;
        if statements.windows(2).any(is_twice) {
            return None;
        }
        let mut statements = statements.into_iter();
        let mut first = statements.next()?;
        first.dated.announced = statements
            .filter_map(|later| {
                Some(Announced {
                    at: later.dated.since?,
                    attributes: later.attributes,
                    employment: later.employment,
                })
            })
            .collect();
        Some(first)
    }

    /// Lets everything take effect whose instant has come.
    pub fn advance(&mut self, now: Timestamp) {
        let due = self.dated.announced.iter();
        let due = due.take_while(|announced| announced.at <= now).count();
        for announced in self.dated.announced.drain(..due) {
            self.attributes.extend(announced.attributes);
            self.employment = announced.employment;
            self.dated.since = Some(announced.at);
        }
    }

    /// The person once everything has taken effect that is announced for up to an instant.
    #[must_use]
    pub fn on(&self, at: Timestamp) -> Identity {
        let mut identity = self.clone();
        identity.advance(at);
        identity
    }

    /// Whether `later` is this person once some of what is announced has taken effect, and says nothing else.
    pub fn foretells(&self, later: &Identity) -> bool {
        let mut announced = self.dated.announced.iter();
        let at = announced.find(|one| Some(one.at) == later.dated.since);
        at.is_some_and(|one| self.on(one.at) == *later)
    }

    /// The next instant after `now` at which something about the employment changes by itself.
    pub fn changes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let announced = self.dated.announced.iter().map(|announced| announced.at);
        let announced = announced.filter(|at| *at > now).min();
        self.employment
            .changes_at(now)
            .into_iter()
            .chain(announced)
            .min()
    }

    /// The first instant at which the employment ends, as far as HR has announced one: by a last day, or by a change
    /// that takes effect then. A last day after which an announced change says otherwise is none.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let announced = &self.dated.announced;
        let until = |at: usize| announced.get(at).map(|next| next.at);
        let within = |employment: &Employment, until: Option<Timestamp>| {
            let end = employment.ends_at;
            end.filter(|end| until.is_none_or(|until| *end < until))
        };
        let first = within(&self.employment, until(0));
        first.or_else(|| {
            announced.iter().enumerate().find_map(|(index, one)| {
                if one.phase() == Phase::Ended {
                    return Some(one.at);
                }
                within(&one.employment, until(index + 1))
            })
        })
    }
}

/// What a file leaves to what was known before.
#[derive(Clone, Copy, Debug)]
pub struct Silence<'a> {
    /// Attributes that the file does not have, and that stay as they were.
    pub missing: &'a BTreeSet<String>,
    /// Whether what the file does not announce is withdrawn: it has everybody, and their effective days.
    pub withdraws: bool,
}

/// What the ledger has of a record.
#[derive(Clone, Copy, Debug)]
pub struct Known<'p> {
    /// What it said last.
    pub identity: &'p Identity,
    /// Whether its feed still has it.
    pub is_present: bool,
}

/// What a line means for a record that the ledger has, or has not, at `now`.
pub fn taken(
    mut line: Identity,
    before: Option<Known<'_>>,
    silence: Silence<'_>,
    now: Timestamp,
) -> Identity {
    let announces = line.dated.announced.iter().any(|one| one.at > now);
    let first_at = line.dated.since.filter(|at| *at > now);
    if let Some(at) = first_at {
        if let Some(today) = before.and_then(|known| today_of(known, now)) {
            line = announced_only(line, at, today);
        } else {
            fill_in(&mut line, before, silence.missing);
            let starts_at = &mut line.employment.starts_at;
            *starts_at = Some(starts_at.map_or(at, |starts_at| starts_at.max(at)));
        }
    } else {
        fill_in(&mut line, before, silence.missing);
    }
    line.advance(now);
    if first_at.is_none() && !announces && !silence.withdraws {
        let before = before.filter(|known| known.is_present);
        let kept = before.map(|known| known.identity.dated.announced.clone());
        line.dated.announced = kept.unwrap_or_default();
        // What has come meanwhile is behind what the file says of today.
        line.dated.announced.retain(|one| one.at > now);
    }
    line
}

/// A line of which nothing counts yet, behind what is known of somebody today.
fn announced_only(line: Identity, at: Timestamp, mut today: Identity) -> Identity {
    let first = Announced {
        at,
        attributes: line.attributes,
        employment: line.employment,
    };
    today.dated.announced = vec![first];
    today.dated.announced.extend(line.dated.announced);
    today
}

/// Who somebody is today; `None` where they are not employed here now, so that what takes effect later is all that
/// there is to say.
fn today_of(known: Known<'_>, now: Timestamp) -> Option<Identity> {
    let today = known.identity.on(now);
    let phase = today.employment.phase(now);
    let is_here = known.is_present && matches!(phase, Phase::Active | Phase::Leave);
    is_here.then_some(today)
}

fn fill_in(line: &mut Identity, before: Option<Known<'_>>, missing: &BTreeSet<String>) {
    let Some(before) = before else { return };
    for name in missing {
        if let Some(value) = before.identity.attributes.get(name) {
            let attributes = line.attributes.entry(name.clone());
            attributes.or_insert_with(|| value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Status;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(number * 86_400).unwrap()
    }

    fn says(since: Option<i64>, status: Status, ends: Option<i64>) -> Identity {
        Identity {
            attributes: Attributes::new(),
            employment: Employment {
                status,
                starts_at: None,
                ends_at: ends.map(day),
            },
            dated: Dated {
                since: since.map(day),
                announced: Vec::new(),
            },
        }
    }

    #[test]
    fn the_announced_end_is_the_first_that_no_later_statement_takes_back() {
        use Status::{Active, Ended, Leave};
        for (statements, end) in [
            (vec![says(None, Active, Some(5))], Some(5)),
            (
                vec![says(None, Active, None), says(Some(4), Ended, None)],
                Some(4),
            ),
            (
                vec![says(None, Active, None), says(Some(4), Ended, Some(3))],
                Some(4),
            ),
            (
                vec![says(None, Active, None), says(Some(4), Active, Some(9))],
                Some(9),
            ),
            // Another contract follows on the one before.
            (
                vec![says(None, Active, Some(5)), says(Some(5), Active, None)],
                None,
            ),
            (
                vec![says(None, Active, Some(5)), says(Some(3), Active, None)],
                None,
            ),
            // Between two contracts nobody is here.
            (
                vec![says(None, Active, Some(5)), says(Some(7), Active, None)],
                Some(5),
            ),
            (
                vec![
                    says(None, Active, None),
                    says(Some(2), Leave, None),
                    says(Some(4), Active, Some(6)),
                    says(Some(5), Ended, None),
                ],
                Some(5),
            ),
        ] {
            let line = Identity::line(statements.clone()).unwrap();
            assert_eq!(line.ends_at(), end.map(day), "{statements:?}");
        }
    }

    #[test]
    fn two_statements_for_one_day_are_no_line() {
        let twice = |since| {
            vec![
                says(since, Status::Active, None),
                says(since, Status::Ended, None),
            ]
        };
        assert_eq!(Identity::line(twice(Some(3))), None);
        assert_eq!(Identity::line(twice(None)), None);
    }

    #[test]
    fn a_line_that_has_come_is_what_was_foretold_and_nothing_else_is() {
        let line = Identity::line(vec![
            says(None, Status::Active, None),
            says(Some(2), Status::Leave, None),
            says(Some(4), Status::Active, None),
        ])
        .unwrap();
        for now in [2, 3, 4, 9] {
            assert!(line.foretells(&line.on(day(now))), "{now}");
        }
        assert!(!line.foretells(&line));
        let mut other = line.on(day(2));
        other.dated.announced.clear();
        assert!(!line.foretells(&other), "what was announced was withdrawn");
    }
}
