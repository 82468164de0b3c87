//! Whether work is taken, and what is said where it is not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use muster_api::error::{Fault, FaultKind};
use muster_core::finding::Code;

use super::Health;

/// The ledger failed, and is being opened again.
pub(crate) const RESTING: Code = Code::new("LED-010");

/// `GET /readyz`: the daemon takes work, or says why not.
pub(crate) async fn answer(State(health): State<Arc<Health>>) -> Response {
    match not_ready(&health) {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// Why the daemon takes no work; `None` if it does.
fn not_ready(health: &Health) -> Option<String> {
    if let Some(failure) = health.ledger.failure() {
        let cause = Fault::new(FaultKind::Unavailable, failure.code, failure.text);
        let resting = resting(&cause);
        return Some(format!("{}: {}", resting.code, resting.message));
    }
    let is_ready = health.ready.load(Ordering::Acquire);
    (!is_ready).then(|| "the daemon is starting or stopping".to_owned())
}

/// What is said while the ledger is not open.
pub(crate) fn resting(cause: &Fault) -> Fault {
    let message = format!(
        "the ledger cannot be written, so nothing is taken and nothing is done: {} ({})",
        cause.message, cause.code
    );
    let hint = if cause.code == muster_ledger::error::GONE {
        "do not stop this process: its ledger can still be copied back, see LED-011"
    } else {
        "make room on the disk of the data folder, or put its permissions right; Muster opens the ledger \
         again by itself, at least every minute"
    };
    Fault::new(FaultKind::Unavailable, RESTING, message).hint(hint)
}
