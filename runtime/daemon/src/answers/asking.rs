//! What a question is made of: the parts of its path, what stands after the `?`, and which part of a listing is meant.
//! What cannot be understood is refused with a code before anything is looked up.

use axum::extract::{FromRequestParts, Path, Query};
use http::request;
use muster_api::error::{API_UNUSABLE, Fault, FaultKind};
use muster_api::v1;
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// How many items a page has where the question does not say.
const LIST_LIMIT_DEFAULT: usize = 100;

/// What stands after the `?`.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Refusal> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(unusable(rejection.body_text()).into()),
        }
    }
}

/// The one part of the path that differs from question to question.
pub(crate) struct Part<T>(pub(crate) T);

impl<S: Send + Sync, T: Named> FromRequestParts<S> for Part<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(part)) => Ok(Self(T::named(&part)?)),
            Err(rejection) => Err(unusable(rejection.body_text()).into()),
        }
    }
}

/// What questions name in words.
pub(crate) trait Named: Sized {
    /// What this text names.
    fn named(text: &str) -> Result<Self, Fault>;
}

impl Named for String {
    fn named(text: &str) -> Result<Self, Fault> {
        Ok(text.to_owned())
    }
}

impl Named for PersonId {
    fn named(text: &str) -> Result<Self, Fault> {
        PersonId::parse(text).map_err(|error| unusable(error.to_string()))
    }
}

impl Named for TargetName {
    fn named(text: &str) -> Result<Self, Fault> {
        TargetName::new(text).map_err(|error| unusable(error.to_string()))
    }
}

impl Named for FeedName {
    fn named(text: &str) -> Result<Self, Fault> {
        FeedName::new(text).map_err(|error| unusable(error.to_string()))
    }
}

impl Named for PlanId {
    fn named(text: &str) -> Result<Self, Fault> {
        let number = text.parse();
        let number =
            number.map_err(|_| unusable("a plan that takes effect is named by its number"))?;
        Ok(PlanId(number))
    }
}

impl Named for Digest {
    fn named(text: &str) -> Result<Self, Fault> {
        let invalid = || unusable("a plan is named by the 64 hexadecimal digits of its digest");
        if text.len() != 64 || !text.is_ascii() {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(index * 2..index * 2 + 2).ok_or_else(invalid)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
        }
        Ok(Digest(bytes))
    }
}

impl Named for OperationId {
    fn named(text: &str) -> Result<Self, Fault> {
        let parts = text.split_once('-');
        let parsed = parts.and_then(|(plan, number)| {
            Some(OperationId {
                plan: PlanId(plan.parse().ok()?),
                number: number.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| unusable("an operation is named PLAN-NUMBER, such as 12-3"))
    }
}

/// What this text names, where there is one.
pub(crate) fn named<T: Named>(text: Option<&str>) -> Result<Option<T>, Fault> {
    text.map(T::named).transpose()
}

/// Which part of a listing is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListPage {
    /// Where the page begins; the `next` of the page before. `None` for the first.
    pub(crate) cursor: Option<String>,
    /// Most items on the page, from 1 to [`v1::LIST_LIMIT_MAX`].
    pub(crate) limit: usize,
}

impl<S: Send + Sync> FromRequestParts<S> for ListPage {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Asked {
            cursor: Option<String>,
            limit: Option<usize>,
        }
        let asked = Parameters::<Asked>::from_request_parts(parts, state).await?;
        let Parameters(Asked { cursor, limit }) = asked;
        let limit = limit.unwrap_or(LIST_LIMIT_DEFAULT);
        Ok(Self {
            cursor,
            limit: limit.clamp(1, v1::LIST_LIMIT_MAX),
        })
    }
}

/// A question that cannot be understood.
pub(crate) fn unusable(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Refused, API_UNUSABLE, message)
        .hint("`muster help` shows what can be asked, and how")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_page_is_never_longer_than_the_bound() {
        for (asked, limit) in [
            ("/v1/people", LIST_LIMIT_DEFAULT),
            ("/v1/people?limit=0", 1),
            ("/v1/people?limit=5000", v1::LIST_LIMIT_MAX),
        ] {
            let (mut parts, ()) = http::Request::get(asked).body(()).unwrap().into_parts();
            let page = ListPage::from_request_parts(&mut parts, &()).now_or_never();
            assert_eq!(page.unwrap().unwrap().limit, limit, "{asked}");
        }
    }
}
