//! What stands behind the doors just now: the daemon, or a word on why there is none.
//!
//! The doors stay open while the daemon begins again, so that whoever asks gets an answer: hooks a 503
//! with which the sender keeps the delivery, `/readyz`, `status` and `findings` one and the same reason.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use muster_api::error::{Fault, FaultKind};
use muster_api::v1;

use super::keys::HookSecrets;
use super::{admin, public};
use crate::answers::refusal::{self, Refusal};
use crate::answers::{Answers, metrics};

/// What the doors lead to.
pub struct Gate {
    behind: ArcSwap<Behind>,
    file_bytes_max: usize,
}

struct Behind {
    public: Router,
    admin: Router,
}

/// Why nobody is behind the doors.
#[derive(Clone, PartialEq, Debug)]
pub struct Absent {
    /// The reason, and what helps.
    pub fault: Fault,
    /// What `status` answers meanwhile, with the reason as its trouble.
    pub status: v1::Status,
}

impl Gate {
    /// A gate behind which nobody is yet.
    pub fn new(file_bytes_max: u64, absent: Absent) -> Self {
        Self {
            behind: ArcSwap::from_pointee(shut(absent)),
            file_bytes_max: usize::try_from(file_bytes_max).unwrap_or(usize::MAX),
        }
    }

    /// Leads to the daemon from now on.
    pub fn open(&self, answers: Answers, secrets: Arc<HookSecrets>) {
        let behind = leading_to(answers, secrets, self.file_bytes_max);
        self.behind.store(Arc::new(behind));
    }

    /// Answers with the reason from now on. What was asked before is still answered by the daemon.
    pub fn shut(&self, absent: Absent) {
        self.behind.store(Arc::new(shut(absent)));
    }

    pub(super) fn public(&self) -> Router {
        self.behind.load().public.clone()
    }

    pub(super) fn admin(&self) -> Router {
        self.behind.load().admin.clone()
    }
}

fn leading_to(answers: Answers, secrets: Arc<HookSecrets>, file_bytes_max: usize) -> Behind {
    Behind {
        public: public::router(&answers, secrets, file_bytes_max),
        admin: admin::router(answers, file_bytes_max),
    }
}

fn shut(absent: Absent) -> Behind {
    let absent = Arc::new(Absent {
        fault: Fault {
            kind: FaultKind::Unavailable,
            ..absent.fault
        },
        ..absent
    });
    let public = Router::new()
        .route("/v1/feeds/{feed}", post(refuse))
        .route("/livez", get(public::livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .fallback(refusal::no_route)
        .method_not_allowed_fallback(refusal::no_method)
        .with_state(Arc::clone(&absent));
    let admin = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/findings", get(findings))
        .fallback(refuse)
        .with_state(absent);
    Behind { public, admin }
}

async fn refuse(State(absent): State<Arc<Absent>>) -> Refusal {
    absent.fault.clone().into()
}

async fn readyz(State(absent): State<Arc<Absent>>) -> Response {
    let text = format!("{}: {}\n", absent.fault.code, absent.fault.message);
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics_text() -> Response {
    metrics::written(&[metrics::ready(false)])
}

async fn status(State(absent): State<Arc<Absent>>) -> Json<v1::Status> {
    Json(absent.status.clone())
}

async fn findings(State(absent): State<Arc<Absent>>) -> Json<v1::Page<v1::Finding>> {
    Json(v1::Page {
        items: absent.status.trouble.clone().into_iter().collect(),
        next: None,
    })
}
