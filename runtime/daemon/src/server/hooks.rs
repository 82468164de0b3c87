//! `POST /v1/feeds/NAME`: what a folder takes as a file, taken over HTTP.
//!
//! The order of the checks is the order of what they cost: the feed, the headers, the time and the
//! kind are looked at before a byte of the body is read, and the body is bounded before it is
//! hashed. A delivery is answered 202 only when it is durable; then the sender may forget it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use muster_core::finding::Code;
use muster_core::id::{Digest, FeedName};
use muster_core::mapping::Mapping;
use tokio::sync::{Mutex, Semaphore};

use super::answer::Refusal;
use super::engine::{Delivery, DeliveryKind, Engine};
use super::signature::{Refused, Signed};
use crate::api::v1;
use crate::config::Hook;
use crate::error::{Fault, FaultKind};

/// A delivery is not signed, or its headers cannot be read.
pub const UNSIGNED: Code = Code::new("HOOK-001");
/// No configured secret made the signature.
pub const NOT_GENUINE: Code = Code::new("HOOK-002");
/// Too old, or from the future.
pub const OUT_OF_TIME: Code = Code::new("HOOK-003");
/// The message id was used for another body.
pub const OTHER_BODY: Code = Code::new("HOOK-004");
/// No such feed, or it takes no deliveries.
pub const NO_FEED: Code = Code::new("HOOK-005");
/// The body is too large.
pub const TOO_LARGE: Code = Code::new("HOOK-006");
/// The body is of a kind that is not read.
pub const OTHER_KIND: Code = Code::new("HOOK-007");
/// The event cannot be read.
pub const UNREADABLE_EVENT: Code = Code::new("HOOK-008");
/// It could not be made durable now.
pub const NOT_NOW: Code = Code::new("HOOK-009");
/// The body did not arrive.
pub const CUT_OFF: Code = Code::new("HOOK-010");

/// Deliveries that are read at once; each may hold as much memory as the largest body.
const DELIVERIES_MAX: usize = 4;

/// Largest delivery, in bytes, where the largest file is not smaller. It is held in memory before
/// anybody knows who sent it.
const DELIVERY_BYTES_MAX: usize = 64 << 20;

/// Longest time for a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_mins(2);

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Hooks {
    pub(super) engine: Arc<dyn Engine>,
    body_bytes_max: usize,
    room: Arc<Semaphore>,
    turn: Arc<Mutex<()>>,
}

impl Hooks {
    pub(super) fn new(engine: Arc<dyn Engine>, file_bytes_max: usize) -> Self {
        Self {
            engine,
            body_bytes_max: file_bytes_max.min(DELIVERY_BYTES_MAX),
            room: Arc::new(Semaphore::new(DELIVERIES_MAX)),
            turn: Arc::default(),
        }
    }
}

/// The fault of a message id that was used for another body: what an engine answers with.
pub fn other_body(id: &str) -> Fault {
    let message = format!("message `{id}` was taken before, with another body");
    Fault::new(FaultKind::Conflict, OTHER_BODY, message)
        .hint("give every message an id of its own, and the same id only when sending it again")
}

/// Takes a delivery.
pub(super) async fn deliver(
    State(hooks): State<Hooks>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<v1::Taken>), Refusal> {
    let name = name.map_or_else(|_| "?".to_owned(), |Path(name)| name);
    let feed = FeedName::new(&name).map_err(|_| no_feed(&name))?;
    let hook = hooks.engine.hook(&feed).ok_or_else(|| no_feed(&name))?;
    let signed = Signed::read(&headers).map_err(|error| refused(&error))?;
    let now = hooks.engine.now();
    signed
        .check_time(now, hook.tolerance)
        .map_err(|error| refused(&error))?;
    let kind = kind(&headers)?;
    let Ok(_room) = hooks.room.try_acquire() else {
        let message = "as many deliveries as can be read at once are being read";
        return Err(Refusal::later(&NOT_NOW, message));
    };
    let body = read(body, hooks.body_bytes_max).await?;
    let arrived = Arrived {
        feed,
        kind,
        signed,
        body,
    };
    // A large body takes a while to hash, and others are waiting for this thread.
    let checked = tokio::task::spawn_blocking(move || arrived.check(&hook));
    let delivery = match checked.await {
        Ok(delivery) => delivery?,
        Err(_) => return Err(Refusal::later(&NOT_NOW, "the daemon is stopping")),
    };
    // Whether an id was taken before is looked up first and recorded then: one delivery after the
    // other, so that two with one id are never both new.
    let _turn = hooks.turn.lock().await;
    let taken = hooks.engine.take_delivery(delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(taken)))
}

/// A delivery whose body is there and not yet trusted.
struct Arrived {
    feed: FeedName,
    kind: DeliveryKind,
    signed: Signed,
    body: Bytes,
}

impl Arrived {
    fn check(self, hook: &Hook) -> Result<Delivery, Refusal> {
        let Arrived {
            feed,
            kind,
            signed,
            body,
        } = self;
        signed
            .check_signature(&hook.keys, &body)
            .map_err(|error| refused(&error))?;
        if kind == DeliveryKind::Event {
            check_event(&body, &hook.mapping)?;
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &body).as_ref());
        Ok(Delivery {
            feed,
            id: signed.id,
            digest: Digest(digest),
            kind,
            body,
        })
    }
}

fn no_feed(name: &str) -> Refusal {
    let hint = "the address ends with the name of a feed in muster.toml that has a \
                [feed.NAME.hook]; `muster status` lists them";
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let message = format!("no feed `{shown}` takes deliveries");
    Refusal::new(StatusCode::NOT_FOUND, &NO_FEED, message, hint)
}

fn refused(refused: &Refused) -> Refusal {
    let (code, hint) = match refused {
        Refused::Header { .. } => (
            UNSIGNED,
            "sign every delivery as Standard Webhooks says: webhook-id, webhook-timestamp and \
             webhook-signature",
        ),
        Refused::Time { .. } => (
            OUT_OF_TIME,
            "set the clocks of both machines by NTP; a delivery that is sent again gets a new \
             timestamp and signature and keeps its id",
        ),
        Refused::Signature => (
            NOT_GENUINE,
            "sender and [feed.NAME.hook] need the same secret; sign id.timestamp.body with the \
             exact bytes of the body",
        ),
    };
    Refusal::new(StatusCode::UNAUTHORIZED, &code, refused.to_string(), hint)
}

fn kind(headers: &HeaderMap) -> Result<DeliveryKind, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let essence = content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .map(|text| text.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("text/csv") => Ok(DeliveryKind::File),
        Some("application/json") => Ok(DeliveryKind::Event),
        _ => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            &OTHER_KIND,
            "the Content-Type is neither text/csv nor application/json",
            "send the whole file as text/csv, or one event as application/json",
        )),
    }
}

async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    let whole = tokio::time::timeout(BODY_TIME_MAX, Limited::new(body, bytes_max).collect());
    match whole.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            &TOO_LARGE,
            format!("the body is larger than {bytes_max} bytes"),
            "drop the file into the feed's folder, or send single events",
        )),
        Ok(Err(_)) => Err(cut_off("the body was cut off")),
        Err(_) => Err(cut_off("the body did not arrive in time")),
    }
}

fn cut_off(message: &str) -> Refusal {
    let hint = "nothing was taken; send it again with the same id";
    Refusal::new(StatusCode::REQUEST_TIMEOUT, &CUT_OFF, message, hint)
}

/// An event has to be readable before it is taken: afterwards nobody is there to be told. A row that
/// lacks a column would otherwise be held, and every further one, too.
fn check_event(body: &[u8], mapping: &Mapping) -> Result<(), Refusal> {
    let unreadable = |reason: &str| {
        let hint = "one event looks like: {\"type\": \"upsert\", \"row\": {\"WorkerID\": \"1042\", \
                    \"Department\": \"Sales\"}}; type is upsert or leave; an upsert names the key, the \
                    status and the dates that the mapping has, and whatever else changed; a leave needs \
                    the key only";
        let message = format!("the event cannot be read: {reason}");
        Refusal::new(StatusCode::BAD_REQUEST, &UNREADABLE_EVENT, message, hint)
    };
    // The parser's own message may repeat a value.
    let event: v1::HookEvent = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        unreadable(&format!("line {line}, column {column}"))
    })?;
    let cells = event
        .cells()
        .map_err(|column| unreadable(&format!("`{column}` is a list or an object")))?;
    let columns: Vec<&String> = cells.keys().collect();
    match event.kind {
        v1::HookEventKind::Upsert => mapping.bind(&columns).map(drop).map_err(|problems| {
            let texts: Vec<&str> = problems
                .iter()
                .map(|problem| problem.text.as_str())
                .collect();
            unreadable(&texts.join("; "))
        }),
        v1::HookEventKind::Leave if cells.is_empty() => Err(unreadable("its row is empty")),
        v1::HookEventKind::Leave => Ok(()),
    }
}
