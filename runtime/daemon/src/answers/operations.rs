//! The operations that have not ended.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use http::request;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::id::{PersonId, TargetName};
use muster_core::operation::OperationState;
use muster_core::person::Person;
use serde::Deserialize;

use super::asking::{ListPage, Named, Parameters, named, unusable};
use super::refusal::Refusal;
use super::{Answered, Listings, answered, broken, page_of_people, present, read};

/// Which operations to list.
pub(crate) struct Filter {
    /// At this target only.
    pub(super) target: Option<TargetName>,
    /// In this state only.
    pub(super) state: Option<OperationState>,
    /// Of this person only.
    pub(super) person: Option<PersonId>,
}

impl<S: Send + Sync> FromRequestParts<S> for Filter {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Asked {
            target: Option<String>,
            state: Option<String>,
            person: Option<String>,
        }
        let Parameters(asked) = Parameters::<Asked>::from_request_parts(parts, state).await?;
        Ok(Self {
            target: named(asked.target.as_deref())?,
            state: named(asked.state.as_deref())?,
            person: named(asked.person.as_deref())?,
        })
    }
}

impl Named for OperationState {
    fn named(word: &str) -> Result<Self, Fault> {
        OperationState::parse(word).ok_or_else(|| {
            let words = OperationState::ALL.map(OperationState::as_str).join(", ");
            unusable(format!(
                "no operation is in the state `{word}`; they are {words}"
            ))
        })
    }
}

/// `GET /v1/operations`: in the order in which their turn comes.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    filter: Filter,
    page: ListPage,
) -> Answered<v1::Page<v1::Operation>> {
    answered(listings, move |listings| {
        listings.operations(&filter, &page)
    })
    .await
}

impl Listings {
    fn operations(
        &self,
        filter: &Filter,
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
