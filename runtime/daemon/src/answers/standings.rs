//! What stands of everybody beside the policy: openings, blocks, and what accounts had when they were taken over. Each
//! with who decided it. The ledger keeps of whom there is something, so nobody else is looked at.

use std::sync::Arc;

use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::actor::Actor;
use muster_core::id::PersonId;
use muster_core::person::Person;
use muster_ledger::Reader;
use muster_ledger::kept::Stands;
use serde::Deserialize;

use super::asking::{ListPage, Parameters, unusable};
use super::{Answered, Listings, answered, broken, present, read};

/// Which of it to list.
#[derive(Deserialize)]
pub(crate) struct Filter {
    /// What ends by itself within so many seconds.
    ending: Option<u32>,
    /// Of adoptions: those that somebody decided to keep.
    #[serde(default)]
    kept: bool,
}

impl Filter {
    /// What has to end before it.
    fn before(&self, now: Timestamp) -> Option<Timestamp> {
        let ending = SignedDuration::from_secs(self.ending?.into());
        Some(now.checked_add(ending).unwrap_or(Timestamp::MAX))
    }
}

/// `GET /v1/openings`: in the order of people's ids.
pub(crate) async fn openings(
    State(listings): State<Arc<Listings>>,
    Parameters(filter): Parameters<Filter>,
    page: ListPage,
) -> Answered<v1::Page<v1::Of<v1::Opening>>> {
    answered(listings, move |listings| {
        let now = listings.clock.now();
        let before = filter.before(now);
        listings.standing(Stands::Opening, &page, |person| {
            let meant =
                present::openings(person, now).filter(|(_, one)| ends(Some(&one.until), before));
            meant.collect()
        })
    })
    .await
}

/// `GET /v1/blocks`: in the order of people's ids.
pub(crate) async fn blocks(
    State(listings): State<Arc<Listings>>,
    Parameters(filter): Parameters<Filter>,
    page: ListPage,
) -> Answered<v1::Page<v1::Of<v1::Block>>> {
    answered(listings, move |listings| {
        let now = listings.clock.now();
        let before = filter.before(now);
        listings.standing(Stands::Block, &page, |person| {
            let meant =
                present::blocks(person, now).filter(|(_, one)| ends(one.until.as_deref(), before));
            meant.collect()
        })
    })
    .await
}

/// `GET /v1/adoptions`: in the order of people's ids.
pub(crate) async fn adoptions(
    State(listings): State<Arc<Listings>>,
    Parameters(filter): Parameters<Filter>,
    page: ListPage,
) -> Answered<v1::Page<v1::Of<v1::Adoption>>> {
    answered(listings, move |listings| {
        let (known, now) = (listings.known.load(), listings.clock.now());
        let before = filter.before(now);
        let what = if filter.kept {
            Stands::Kept
        } else {
            Stands::Undecided
        };
        listings.standing(what, &page, |person| {
            let all = present::adoptions(person, &known.titles, now);
            let meant = all.filter(|(_, one)| {
                one.is_kept == filter.kept && ends(one.until.as_deref(), before)
            });
            meant.collect()
        })
    })
    .await
}

/// Whether something ends by then; everything does where nothing is said.
fn ends(until: Option<&str>, before: Option<Timestamp>) -> bool {
    let Some(before) = before else {
        return true;
    };
    let until = until.and_then(|until| until.parse::<Timestamp>().ok());
    until.is_some_and(|until| until <= before)
}

/// What stands of somebody, each with the entry that says so.
type Standing<T> = Vec<(Option<u64>, T)>;

impl Listings {
    /// The page may have a few items more than its limit: one person's are never parted.
    fn standing<T>(
        &self,
        what: Stands,
        page: &ListPage,
        of: impl Fn(&Person) -> Standing<T>,
    ) -> Result<v1::Page<v1::Of<T>>, Fault> {
        let reader = read(&self.ledger)?;
        let after = page.cursor.as_deref().map(PersonId::parse).transpose();
        let after = after.map_err(|error| unusable(format!("the cursor is unusable: {error}")))?;
        let mut items = Vec::new();
        let people = reader
            .people_with(what, after.as_ref())
            .map_err(|error| broken(&error))?;
        for id in people {
            let id = id.map_err(|error| broken(&error))?;
            let Some(person) = reader.person(&id).map_err(|error| broken(&error))? else {
                continue;
            };
            for (entry, what) in of(&person) {
                let decided = decided(&reader, entry)?;
                items.push(v1::Of {
                    person: id.to_string(),
                    name: person.identity.display_name(),
                    by: decided.as_ref().map(|(by, _)| present::actor(by)),
                    decided_at: decided.map(|(_, at)| present::instant(at)),
                    what,
                });
            }
            if items.len() >= page.limit {
                let next = Some(id.to_string());
                return Ok(v1::Page { items, next });
            }
        }
        Ok(v1::Page { items, next: None })
    }
}

/// Who decided something, and when.
fn decided(reader: &Reader, entry: Option<u64>) -> Result<Option<(Actor, Timestamp)>, Fault> {
    let Some(number) = entry else {
        return Ok(None);
    };
    let entry = present::entry(reader, number).map_err(|error| broken(&error))?;
    Ok(entry.map(|entry| (entry.by, entry.at)))
}
