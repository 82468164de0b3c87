//! Connections, the bearer token, faults and the record of requests, around the routes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
    IF_NONE_MATCH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::error::ScimError;
use crate::faults::{self, Fault};
use crate::record;
use crate::{Service, admin, scim};

/// The longest request body that is read, in bytes.
pub(crate) const BODY_MAX: usize = 8 * 1024 * 1024;

const SCIM_JSON: &str = "application/scim+json";

/// The connection must be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("a fault asked to drop this connection")]
struct Dropped;

/// An answer whose body is whole, so that a fault can cut it.
type Answered = Response<Bytes>;

/// Serves connections until the future is dropped.
pub async fn serve(listener: TcpListener, service: Arc<Service>) {
    loop {
        // An accept fails when the process is out of file descriptors; the next may succeed.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        // Answers are small and whole; waiting to fill a segment would only delay them.
        stream.set_nodelay(true).ok();
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let handler = service_fn(move |request| {
                let answered = handle(Arc::clone(&service), request);
                async { answered.await.map(|answered| answered.map(Full::new)) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            // A client that goes away, and a fault that drops the connection, end it here.
            http.pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), handler)
                .await
                .ok();
        });
    }
}

/// A request that was read whole.
struct Whole {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

async fn handle(service: Arc<Service>, request: Request<Incoming>) -> Result<Answered, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        let detail = format!("the body is longer than {BODY_MAX} bytes");
        return Ok(scim_response(scim::Answer::refused(&ScimError::plain(
            413, detail,
        ))));
    };
    let whole = Whole {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.to_bytes(),
    };
    let below = whole
        .path
        .strip_prefix(service.options().base_path.as_str());
    let Some(below) = below.filter(|below| below.is_empty() || below.starts_with('/')) else {
        let mut state = service.state();
        return Ok(
            match admin::answer(&mut state, &whole.method, &whole.path, &whole.body) {
                admin::Answer::Json(status, value) => {
                    response(status, "application/json", value.to_string())
                }
                admin::Answer::Text(text) => response(200, "text/plain; charset=utf-8", text),
            },
        );
    };
    let below = below.to_owned();
    let fault = service.state().faults.take(&whole.method, &below);
    let delay = fault.as_ref().map_or(0, |fault| fault.delay_ms);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    // A pause between taking the fault and this line would let two requests change places.
    answer(&service, &whole, &below, fault)
}

fn answer(
    service: &Service,
    whole: &Whole,
    below: &str,
    fault: Option<Fault>,
) -> Result<Answered, Dropped> {
    let carry_out = || scim_response(scim_answer(service, whole, below));
    let (applied, answered) = match fault {
        None => (None, Ok(carry_out())),
        Some(Fault {
            answer: faults::Answer::Normal,
            ..
        }) => (Some(true), Ok(carry_out())),
        Some(fault) => {
            let right =
                (fault.apply || matches!(fault.answer, faults::Answer::Cut)).then(carry_out);
            (Some(right.is_some()), wrong(fault.answer, right))
        }
    };
    service.state().requests.add(record::Request {
        n: 0,
        method: whole.method.clone(),
        path: below.to_owned(),
        query: whole.query.clone(),
        status: answered
            .as_ref()
            .ok()
            .map(|answered| answered.status().as_u16()),
        applied,
    });
    answered
}

/// The answer that a fault puts in the place of the right one.
fn wrong(answer: faults::Answer, right: Option<Answered>) -> Result<Answered, Dropped> {
    Ok(match answer {
        faults::Answer::Drop => return Err(Dropped),
        faults::Answer::Normal => right.unwrap_or_default(),
        faults::Answer::Status {
            status,
            retry_after,
            detail,
        } => {
            let refused = scim::Answer::refused(&ScimError::plain(status, detail));
            let mut response = scim_response(refused);
            if let Some(value) = retry_after {
                set(&mut response, RETRY_AFTER, &value);
            }
            response
        }
        faults::Answer::Redirect { location } => {
            let mut response = response(302, "text/html", String::new());
            set(&mut response, LOCATION, &location);
            response
        }
        faults::Answer::Html => {
            let page = "<!doctype html><title>Sign in</title><h1>Please sign in</h1>";
            response(200, "text/html; charset=utf-8", page.to_owned())
        }
        faults::Answer::Empty => response(200, SCIM_JSON, String::new()),
        faults::Answer::Cut => cut(right.unwrap_or_default()),
    })
}

/// Half of the body, as a proxy that gives up in the middle passes it on.
fn cut(right: Answered) -> Answered {
    right.map(|whole| whole.slice(..whole.len() / 2))
}

fn scim_answer(service: &Service, whole: &Whole, below: &str) -> scim::Answer {
    if let Err(error) = admitted(service, whole) {
        return scim::Answer::refused(&error);
    }
    let header = |name: HeaderName| {
        whole
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let host = header(HOST).unwrap_or("localhost");
    let base = format!("http://{host}{}", service.options().base_path);
    let request = scim::Request {
        method: &whole.method,
        path: below,
        query: &whole.query,
        if_match: header(IF_MATCH),
        if_none_match: header(IF_NONE_MATCH),
        body: &whole.body,
        base: &base,
        now: Timestamp::now(),
    };
    service.state().answer(&request, service.paging())
}

fn admitted(service: &Service, whole: &Whole) -> Result<(), ScimError> {
    if let Some(token) = &service.options().token {
        let sent = whole
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.split_once(' '));
        let is_right = sent.is_some_and(|(scheme, sent)| {
            scheme.eq_ignore_ascii_case("bearer") && sent.trim() == token
        });
        if !is_right {
            return Err(ScimError::plain(
                401,
                "this service asks for its bearer token",
            ));
        }
    }
    let has_body = matches!(whole.method.as_str(), "POST" | "PUT" | "PATCH");
    if has_body && !whole.body.is_empty() {
        let kind = whole
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let kind = kind
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if kind != SCIM_JSON && kind != "application/json" {
            let detail = format!("the body must be {SCIM_JSON}, not {kind:?}");
            return Err(ScimError::plain(415, detail));
        }
    }
    Ok(())
}

fn scim_response(answer: scim::Answer) -> Answered {
    let body = answer.body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = response(answer.status, SCIM_JSON, body);
    if answer.status == 401 {
        set(&mut response, WWW_AUTHENTICATE, "Bearer");
    }
    if answer.status == 405 {
        set(&mut response, ALLOW, "GET, POST, PUT, PATCH, DELETE");
    }
    if let Some(location) = answer.location {
        set(&mut response, LOCATION, &location);
    }
    if let Some(version) = answer.version {
        set(&mut response, ETAG, &version);
    }
    response
}

fn response(status: u16, kind: &str, body: String) -> Answered {
    let is_empty = body.is_empty();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !is_empty {
        set(&mut response, CONTENT_TYPE, kind);
    }
    response
}

fn set(response: &mut Answered, name: HeaderName, value: &str) {
    // A value that no header can hold comes from a fault that a test wrote; it sees it missing.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
