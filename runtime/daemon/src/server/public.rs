//! The door on a TCP address: hooks, health and metrics. Nothing here answers with a personal value.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};

use super::engine::Engine;
use super::hooks::{self, Hooks};
use crate::answers::metrics::family::{self, Family};
use crate::answers::refusal;

/// The routes of the public door.
pub fn router(engine: Arc<dyn Engine>, file_bytes_max: usize) -> Router {
    Router::new()
        .route("/v1/feeds/{feed}", post(hooks::deliver))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .fallback(refusal::no_route)
        .method_not_allowed_fallback(refusal::no_method)
        .with_state(Hooks::new(engine, file_bytes_max))
}

/// The process is there and answers.
pub(super) async fn livez() -> &'static str {
    "live\n"
}

/// The daemon takes work, or says why not.
async fn readyz(State(hooks): State<Hooks>) -> Response {
    match hooks.engine.not_ready() {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics_text(State(hooks): State<Hooks>) -> Response {
    metrics_answer(&hooks.engine.metrics())
}

pub(super) fn metrics_answer(families: &[Family]) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, family::text(families)).into_response()
}
