//! The operations that have not ended.

use muster_api::error::Fault;
use muster_api::v1;
use muster_core::person::Person;

use super::{Listings, broken, page_of_people, present, read};
use crate::server::engine::{ListPage, OperationFilter};

impl Listings {
    pub(super) fn operations_now(
        &self,
        filter: &OperationFilter,
        page: &ListPage,
    ) -> Result<v1::Page<v1::Operation>, Fault> {
        let reader = read(&self.ledger)?;
        let (known, now) = (self.known.load(), self.clock.now());
        let collect = |person: &Person, items: &mut Vec<v1::Operation>| {
            for target in person.accounts.keys() {
                if filter
                    .target
                    .as_ref()
                    .is_some_and(|wanted| wanted != target)
                {
                    continue;
                }
                let open = present::operations(person, target, &known.titles, now);
                let by_state = |open: &v1::Operation| {
                    filter
                        .state
                        .is_none_or(|state| open.state == state.as_str())
                };
                items.extend(open.into_iter().filter(by_state));
            }
        };
        if let Some(id) = &filter.person {
            let mut items = Vec::new();
            if let Some(person) = reader.person(id).map_err(|error| broken(&error))? {
                collect(&person, &mut items);
            }
            return Ok(v1::Page { items, next: None });
        }
        page_of_people(&reader, page, collect)
    }
}
