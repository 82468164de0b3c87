//! The people who are known, page by page.

use muster_api::error::Fault;
use muster_api::v1;
use muster_core::person::Person;

use super::{Listings, page_of_people, present, read};
use crate::server::engine::{ListPage, PersonFilter};

impl Listings {
    pub(super) fn people_now(
        &self,
        filter: &PersonFilter,
        page: &ListPage,
    ) -> Result<v1::Page<v1::PersonRow>, Fault> {
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
