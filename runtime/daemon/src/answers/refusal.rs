//! How a door answers: JSON, and for anything that did not work the same four fields, so that a
//! script reads the code and a person reads what to do.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use muster_api::error::{API_NO_ROUTE, Fault, FaultKind};
use muster_api::v1;
use muster_core::finding::Code;

/// An error response being built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: v1::Error,
    /// Seconds after which asking again may work.
    retry_after: Option<u32>,
}

/// How long a sender waits before it asks again, in seconds.
const RETRY_AFTER: u32 = 5;

impl Refusal {
    /// A refusal with this status.
    pub(crate) fn new(
        status: StatusCode,
        code: &Code,
        message: impl Into<String>,
        hint: &str,
    ) -> Self {
        Self {
            status,
            error: v1::Error {
                code: code.to_string(),
                message: message.into(),
                hint: hint.to_owned(),
                page: page(code),
            },
            retry_after: None,
        }
    }

    /// Not now: the sender may ask again soon.
    pub(crate) fn later(code: &Code, message: impl Into<String>) -> Self {
        let hint = "send the same again after the time in the header Retry-After";
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message, hint);
        refusal.retry_after = Some(RETRY_AFTER);
        refusal
    }
}

/// Where a code is explained, relative to Muster's own folder or repository.
pub(crate) fn page(code: &Code) -> String {
    format!("docs/errors/{code}.md")
}

/// The error that goes into a body.
pub(crate) fn error(fault: &Fault) -> v1::Error {
    v1::Error {
        code: fault.code.to_string(),
        message: fault.message.clone(),
        hint: fault.hint.clone(),
        page: page(&fault.code),
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = match fault.kind {
            FaultKind::NotFound => StatusCode::NOT_FOUND,
            FaultKind::Conflict => StatusCode::CONFLICT,
            FaultKind::Refused => StatusCode::BAD_REQUEST,
            FaultKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            FaultKind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let retry_after = matches!(fault.kind, FaultKind::Unavailable).then_some(RETRY_AFTER);
        Self {
            status,
            error: error(&fault),
            retry_after,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.error)).into_response();
        if let Some(seconds) = self.retry_after {
            let value = http::HeaderValue::from(seconds);
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, value);
        }
        response
    }
}

/// What a door says where there is nothing.
pub(crate) async fn no_route(uri: http::Uri) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        &API_NO_ROUTE,
        format!("there is nothing at {}", uri.path()),
        "this door knows POST /v1/feeds/NAME, /livez, /readyz and /metrics; everything else is \
         asked with the command line",
    )
}

/// What a door says to a method that it does not know.
pub(crate) async fn no_method(method: http::Method, uri: http::Uri) -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        &API_NO_ROUTE,
        format!("{method} does not work at {}", uri.path()),
        "deliveries are sent with POST, everything else is asked with GET",
    )
}
