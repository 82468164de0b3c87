//! The accounts of people, page by page.

use muster_api::error::Fault;
use muster_api::v1;

use super::{Listings, page_of_people, present, read};
use crate::server::engine::{AccountFilter, ListPage};

impl Listings {
    pub(super) fn accounts_now(
        &self,
        filter: &AccountFilter,
        page: &ListPage,
    ) -> Result<v1::Page<v1::Account>, Fault> {
        let reader = read(&self.ledger)?;
        let (known, now) = (self.known.load(), self.clock.now());
        page_of_people(&reader, page, |person, items: &mut Vec<v1::Account>| {
            for (target, held) in &person.accounts {
                let is_meant = filter.target.as_ref().is_none_or(|wanted| wanted == target)
                    && !(filter.is_leaving && held.is_wanted);
                if !is_meant {
                    continue;
                }
                let account = present::account(person, target, &known.titles, now);
                let by_state = |account: &v1::Account| {
                    filter
                        .state
                        .as_ref()
                        .is_none_or(|state| account.state.as_ref() == Some(state))
                };
                items.extend(account.filter(by_state));
            }
        })
    }
}
