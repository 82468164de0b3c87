//! The accounts of people, page by page.

use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::id::TargetName;
use serde::Deserialize;

use super::asking::{ListPage, Parameters, named};
use super::{Answered, Listings, answered, page_of_people, present, read};

/// Which accounts to list.
struct Filter {
    /// At this target only.
    target: Option<TargetName>,
    /// In this state only.
    state: Option<String>,
    /// Only accounts that the person should no longer have.
    is_leaving: bool,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    target: Option<String>,
    state: Option<String>,
    #[serde(default)]
    leaving: bool,
}

/// `GET /v1/accounts`: in the order of person and target.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    Parameters(asked): Parameters<Asked>,
    page: ListPage,
) -> Answered<v1::Page<v1::Account>> {
    let filter = Filter {
        target: named(asked.target.as_deref())?,
        state: asked.state,
        is_leaving: asked.leaving,
    };
    answered(listings, move |listings| listings.accounts(&filter, &page)).await
}

impl Listings {
    fn accounts(&self, filter: &Filter, page: &ListPage) -> Result<v1::Page<v1::Account>, Fault> {
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
