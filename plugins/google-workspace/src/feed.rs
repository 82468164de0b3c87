//! The feed of changes, from the log of what administrators did (Reports API).
//!
//! The log is told newest first and reaches back 180 days; a feed is told oldest first. So a stretch of time is
//! read that fits on one page, halved until it does, and told backwards. A token is the time and the number of
//! the last activity that was told: it says where to go on without anything being kept. The log runs some
//! minutes behind and is not told up to now, so that nothing that arrives late is passed over.
//!
//! The log names users and groups by address, so each is looked up; what cannot be found any more is left to the
//! next full listing, and the descriptor says that removals are not all in here.

use muster_sdk::{
    Change, ChangePage, Changed, Changes, Grant, GrantKey, Host, Instant, LogLevel, ObjectRef,
    PageRequest, Path, Problem, Result,
};
use serde_json::Value;

use crate::GoogleWorkspace;
use crate::group::{self, GROUP};
use crate::service::{Google, List, USER, paged, text};
use crate::user::{EMAIL, User};

/// How far the log may be behind, in seconds.
pub(crate) const LAG_SECONDS: i64 = 600;

/// How far back the log reaches, in seconds: 180 days, less an hour for the way.
const SURVIVES_SECONDS: i64 = 180 * 86_400 - 3600;

/// The longest stretch that is read at once, in seconds.
const STRETCH_SECONDS: i64 = 86_400;

/// Activities on a page: the most that Google returns.
const PAGE: u32 = 1000;

/// How many events one call looks up, with a few requests for each: the host allows 100 a call.
const LOOKED_UP_MAX: usize = 20;

impl Changes for GoogleWorkspace {
    fn current_token(&self, host: &dyn Host) -> Result<String> {
        let google = Google::of(host)?;
        // Asks the log once, so that a permission that is missing shows now.
        let now = host.now().unix_seconds();
        google.activities(now - LAG_SECONDS - 1, now - LAG_SECONDS)?;
        Ok(Place {
            seconds: now - LAG_SECONDS,
            ..Place::default()
        }
        .to_string())
    }

    fn changes_since(&self, host: &dyn Host, token: &str, limit: u32) -> Result<ChangePage> {
        let google = Google::of(host)?;
        let from = Place::of(token).ok_or(Problem::TokenExpired)?;
        let now = host.now().unix_seconds();
        if from.seconds < now - SURVIVES_SECONDS {
            return Err(Problem::TokenExpired);
        }
        let settled = now - LAG_SECONDS;
        if from.seconds >= settled {
            return Ok(ChangePage::caught_up(Vec::new(), token));
        }
        let (events, until) = google.stretch(&from, settled)?;
        let max = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .min(LOOKED_UP_MAX);
        let mut items = Vec::new();
        let mut place = from.clone();
        for (count, event) in events.iter().enumerate() {
            if count == max {
                return Ok(ChangePage::more(items, place.to_string()));
            }
            match google.changed_by(&event.value) {
                Ok(found) => {
                    place = event.place.clone();
                    items.extend(found.map(|changed| Change::new(place.to_string(), changed)));
                }
                // What was found out is told; the next call begins with what was not.
                Err(_) if place != from => return Ok(ChangePage::more(items, place.to_string())),
                Err(problem) => return Err(problem),
            }
        }
        let end = Place {
            seconds: until,
            ..Place::default()
        };
        Ok(ChangePage {
            more: until < settled,
            ..ChangePage::caught_up(items, end.to_string())
        })
    }
}

/// A place in the log: after this event.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    seconds: i64,
    /// The whole time of the activity, to the millisecond. Empty: the beginning of the second.
    time: String,
    /// Google's number of the activity.
    number: String,
    /// Which of the activity's events.
    event: usize,
}

impl Place {
    /// Reads `SECONDS TIME NUMBER EVENT`.
    fn of(token: &str) -> Option<Self> {
        let words: Vec<&str> = token.split(' ').collect();
        let [seconds, time, number, event] = words[..] else {
            return None;
        };
        Some(Self {
            seconds: seconds.parse().ok()?,
            time: time.to_owned(),
            number: number.to_owned(),
            event: event.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} {} {}",
            self.seconds, self.time, self.number, self.event
        )
    }
}

/// One thing that an administrator did.
struct Event {
    place: Place,
    value: Value,
}

impl Google<'_> {
    /// The events after a place, oldest first, and the second up to which these are all.
    fn stretch(&self, from: &Place, settled: i64) -> Result<(Vec<Event>, i64)> {
        let mut until = settled.min(from.seconds + STRETCH_SECONDS);
        loop {
            let list = self.activities(from.seconds, until)?;
            if list.next.is_none() {
                let mut events = Vec::new();
                for activity in &list.entries {
                    events.extend(events_of(activity)?);
                }
                events.retain(|event| event.place > *from && event.place.seconds < until);
                events.sort_by(|one, other| one.place.cmp(&other.place));
                return Ok((events, until));
            }
            let half = (until - from.seconds) / 2;
            if half == 0 {
                // More than a page in one second: a listing shows what they did.
                return Err(Problem::TokenExpired);
            }
            until = from.seconds + half;
        }
    }

    /// The newest activities between two seconds.
    fn activities(&self, from: i64, until: i64) -> Result<List> {
        let path = Path::new("/admin/reports/v1/activity/users/all/applications/admin");
        let path = paged(path, &PageRequest::first(PAGE))
            .query("startTime", Instant::from_unix_seconds(from))
            .query("endTime", Instant::from_unix_seconds(until))
            .query_opt("customerId", self.settings.customer_id());
        let body: Value = self.reports.get(path).send_json(self.host)?;
        // Google's own description and its replies do not agree on the beginning of the kind.
        let kind = text(&body, "kind").unwrap_or_default();
        if !kind.ends_with("reports#activities") {
            return Err(Problem::remote_defect(
                "activities were asked for and none came",
            ));
        }
        let entries = match body.get("items") {
            None => Vec::new(),
            Some(Value::Array(entries)) => entries.clone(),
            Some(_) => return Err(Problem::remote_defect("`items` is no list")),
        };
        Ok(List {
            entries,
            next: text(&body, "nextPageToken").map(str::to_owned),
        })
    }

    /// What an event changed, as it is now.
    fn changed_by(&self, event: &Value) -> Result<Option<Changed>> {
        match (
            parameter(event, "USER_EMAIL"),
            parameter(event, "GROUP_EMAIL"),
        ) {
            (Some(user), Some(group)) => self.member_changed(user, group),
            (Some(user), None) => self.user_changed(user, event),
            (None, Some(group)) => self.group_changed(group),
            (None, None) => Ok(None),
        }
    }

    fn user_changed(&self, address: &str, event: &Value) -> Result<Option<Changed>> {
        // A user who was renamed is no longer at the old address, which may be somebody else's by now.
        let renamed = text(event, "name") == Some("RENAME_USER");
        let address = parameter(event, "NEW_VALUE")
            .filter(|_| renamed)
            .unwrap_or(address);
        if let Some(user) = self.users_with(EMAIL, address)?.pop() {
            return Ok(Some(Changed::Account(user.account())));
        }
        let in_bin = self.deleted_user(|user| user.holds(EMAIL, address))?;
        if in_bin.is_none() {
            self.not_found("user");
        }
        Ok(in_bin.map(|user: User| Changed::ObjectRemoved(user.key())))
    }

    fn group_changed(&self, address: &str) -> Result<Option<Changed>> {
        let key = ObjectRef::new(GROUP, address);
        let Some(found) = self.find(self.directory.get(group::group_path(&key)))? else {
            self.not_found("group");
            return Ok(None);
        };
        Ok(Some(Changed::Entitlement(group::entitlement(&found)?)))
    }

    fn member_changed(&self, user: &str, group: &str) -> Result<Option<Changed>> {
        let by_address = ObjectRef::new(GROUP, group);
        let Some(found) = self.find(self.directory.get(group::group_path(&by_address)))? else {
            self.not_found("group");
            return Ok(None);
        };
        let key = group::key_of(&found)?;
        let member = GrantKey::new(ObjectRef::new(USER, user), key.clone());
        if let Some(member) = self.membership(&member)? {
            return group::grant(&key, &member, None).map(|grant| Some(Changed::Grant(grant)));
        }
        Ok(match self.users_with(EMAIL, user)?.pop() {
            Some(user) => Some(Changed::GrantRemoved(Grant::direct(user.key(), key))),
            // A group, or somebody from outside: the members of the group say it.
            None => Some(Changed::LookAgain(key)),
        })
    }

    fn not_found(&self, what: &str) {
        let text =
            "a change was left to the next full listing: what it names is not there any more";
        self.host.log(LogLevel::Info, text, &[("kind", what)]);
    }
}

/// The events of an activity, each with its place.
fn events_of(activity: &Value) -> Result<Vec<Event>> {
    let id = activity.get("id");
    let part = |name: &str| id.and_then(|id| text(id, name));
    let defect = || Problem::remote_defect("an activity has no time");
    let time = part("time").and_then(Instant::parse).ok_or_else(defect)?;
    let place = Place {
        seconds: time.unix_seconds(),
        time: time.to_string(),
        number: part("uniqueQualifier").unwrap_or_default().to_owned(),
        event: 0,
    };
    let events = activity
        .get("events")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let placed = events.enumerate().map(|(event, value)| Event {
        place: Place {
            event,
            ..place.clone()
        },
        value: value.clone(),
    });
    Ok(placed.collect())
}

/// A parameter of an event.
fn parameter<'v>(event: &'v Value, name: &str) -> Option<&'v str> {
    let parameters = event.get("parameters").and_then(Value::as_array)?;
    let found = parameters
        .iter()
        .find(|entry| text(entry, "name") == Some(name))?;
    text(found, "value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_orders_as_the_log_does() {
        let place = |time: &str, number: &str| {
            let seconds = Instant::parse(time).unwrap().unix_seconds();
            Place {
                seconds,
                time: time.to_owned(),
                number: number.to_owned(),
                event: 0,
            }
        };
        let first = place("2026-11-22T08:00:00.100Z", "-5");
        let second = place("2026-11-22T08:00:00.100Z", "7");
        let third = place("2026-11-22T08:00:00.200Z", "1");
        assert!(first < second && second < third);
        assert_eq!(Place::of(&second.to_string()), Some(second));
        assert_eq!(Place::of("soon"), None);
    }
}
