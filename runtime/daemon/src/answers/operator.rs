//! Who gives an order: the kernel says which user is at the other end of the unix socket, and what they call themselves
//! is kept beside it.

use axum::extract::{Extension, FromRequestParts};
use http::request;
use muster_config::users;
use muster_core::actor::Operator;
use serde::Deserialize;

use super::asking::{Parameters, unusable};
use super::refusal::Refusal;

/// Who is at the other end of a connection on the unix socket. Handlers find it among the extensions of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    /// The user, as the kernel knows it.
    pub(crate) uid: Option<u32>,
}

/// Whoever gives an order.
pub(crate) struct By(pub(crate) Operator);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Refusal> {
        /// What an operator who sends an order says of themselves.
        #[derive(Deserialize)]
        struct Said {
            r#as: Option<String>,
            reason: Option<String>,
        }
        let peer = Extension::<Peer>::from_request_parts(parts, state).await;
        // Without a connection there is nobody at its other end.
        let uid = peer.ok().and_then(|Extension(peer)| peer.uid);
        let user = uid.and_then(users::name_of).unwrap_or_default();
        let Parameters(said) = Parameters::<Said>::from_request_parts(parts, state).await?;
        let by = Operator::new(uid, user).saying(said.r#as.as_deref(), said.reason.as_deref());
        by.map(Self)
            .map_err(|error| unusable(error.to_string()).into())
    }
}
