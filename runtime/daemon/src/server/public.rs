//! The door on a TCP address: hooks, health and metrics. Nothing here answers with a personal value.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::hooks::{self, Hooks};
use super::keys::HookSecrets;
use crate::answers::{Answers, metrics, ready, refusal};

/// The routes of the public door.
pub fn router(answers: &Answers, secrets: Arc<HookSecrets>, file_bytes_max: usize) -> Router {
    Router::new()
        .route("/v1/feeds/{feed}", post(hooks::deliver))
        .route("/livez", get(livez))
        .route("/readyz", get(ready::answer))
        .route("/metrics", get(metrics::answer))
        .fallback(refusal::no_route)
        .method_not_allowed_fallback(refusal::no_method)
        .with_state(Hooks::new(answers, secrets, file_bytes_max))
}

/// The process is there and answers.
pub(super) async fn livez() -> &'static str {
    "live\n"
}
