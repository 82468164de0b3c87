//! The people who are known, page by page.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::person::Person;
use serde::Deserialize;

use super::asking::{ListPage, Parameters};
use super::{Answered, Listings, answered, page_of_people, present, read};

/// Which people to list.
#[derive(Deserialize)]
pub(crate) struct Filter {
    /// Part of the id or of the shown name, without regard to case.
    text: Option<String>,
    /// `prehire`, `active`, `leave` or `ended`.
    phase: Option<String>,
}

/// `GET /v1/people`: in the order of their ids.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    Parameters(filter): Parameters<Filter>,
    page: ListPage,
) -> Answered<v1::Page<v1::PersonRow>> {
    answered(listings, move |listings| listings.people(&filter, &page)).await
}

impl Listings {
    fn people(&self, filter: &Filter, page: &ListPage) -> Result<v1::Page<v1::PersonRow>, Fault> {
        let reader = read(&self.ledger)?;
        let wanted = filter.text.as_ref().map(|text| text.to_lowercase());
        let fits = |person: &Person| {
            let by_text = wanted.as_ref().is_none_or(|text| {
                person.id.to_string().to_lowercase().contains(text)
                    || person.identity.display_name().to_lowercase().contains(text)
            });
            by_text
                && filter
                    .phase
                    .as_deref()
                    .is_none_or(|phase| phase == person.phase.as_str())
        };
        page_of_people(&reader, page, |person, items: &mut Vec<v1::PersonRow>| {
            if fits(person) {
                items.push(present::person_row(person));
            }
        })
    }
}
