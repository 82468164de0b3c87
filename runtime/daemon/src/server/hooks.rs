//! `POST /v1/feeds/NAME`: what a folder takes as a file, taken over HTTP.
//!
//! The order of the checks is the order of what they cost: the feed, the headers, the time and the
//! kind are looked at before a byte of the body is read, and the body is bounded before it is
//! hashed. A delivery is answered 202 only when it is durable; then the sender may forget it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, FromRef, Path, State};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use muster_api::v1;
use muster_core::finding::Code;
use muster_core::id::{Digest, FeedName};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection::Visitor;
use super::keys::{Hook, HookSecrets};
use super::room::{Place, Room};
use super::signature::{Refused, Signed};
use crate::answers::delivery::{self, Delivery, DeliveryKind};
use crate::answers::refusal::Refusal;
use crate::answers::{Answers, Deliveries, Health};
use crate::feeds::event;

/// A delivery is not signed, or its headers cannot be read.
pub const UNSIGNED: Code = Code::new("HOOK-001");
/// No configured secret made the signature.
pub const NOT_GENUINE: Code = Code::new("HOOK-002");
/// Too old, or from the future.
pub const OUT_OF_TIME: Code = Code::new("HOOK-003");
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
/// The secrets cannot be read now.
pub const NO_SECRET: Code = Code::new("HOOK-016");

/// Deliveries that are read at once, and of one address, while they are small.
const SMALL_MAX: (usize, usize) = (64, 32);

/// Deliveries that are read at once, and of one address, each of which may hold as much memory as the
/// largest body.
const LARGE_MAX: (usize, usize) = (4, 2);

/// A delivery is small up to here, in bytes: any event, and the file of a small company.
const SMALL_BYTES_MAX: usize = 64 << 10;

/// Largest delivery, in bytes, where the largest file is not smaller. It is held in memory before
/// anybody knows who sent it.
const DELIVERY_BYTES_MAX: usize = 64 << 20;

/// Longest time for a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_mins(2);

/// Longest time in which nothing of a body arrives.
const BODY_STALL_MAX: Duration = Duration::from_secs(10);

/// What a body brings at least in a second, after the time of [`BODY_STALL_MAX`], in bytes.
const BODY_RATE_MIN: usize = 8 << 10;

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Hooks {
    health: Arc<Health>,
    deliveries: Arc<Deliveries>,
    secrets: Arc<HookSecrets>,
    body_bytes_max: usize,
    small: Arc<Room>,
    large: Arc<Room>,
    turn: Arc<Mutex<()>>,
}

impl Hooks {
    pub(super) fn new(answers: &Answers, secrets: Arc<HookSecrets>, file_bytes_max: usize) -> Self {
        Self {
            health: Arc::clone(&answers.health),
            deliveries: Arc::clone(&answers.deliveries),
            secrets,
            body_bytes_max: file_bytes_max.min(DELIVERY_BYTES_MAX),
            small: Room::new(SMALL_MAX.0, SMALL_MAX.1),
            large: Room::new(LARGE_MAX.0, LARGE_MAX.1),
            turn: Arc::default(),
        }
    }
}

impl FromRef<Hooks> for Arc<Health> {
    fn from_ref(hooks: &Hooks) -> Self {
        Arc::clone(&hooks.health)
    }
}

/// Takes a delivery.
pub(super) async fn deliver(
    State(hooks): State<Hooks>,
    Extension(visitor): Extension<Visitor>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<v1::Taken>), Refusal> {
    let name = name.map_or_else(|_| "?".to_owned(), |Path(name)| name);
    let feed = FeedName::new(&name).map_err(|_| no_feed(&name))?;
    let hook = hooks.secrets.hook(&feed).ok_or_else(|| no_feed(&name))?;
    if hook.keys.is_empty() {
        return Err(no_secret());
    }
    let signed = Signed::read(&headers).map_err(|error| refused(&error))?;
    let now = hooks.secrets.clock.now();
    signed
        .check_time(now, hook.tolerance)
        .map_err(|error| refused(&error))?;
    let kind = kind(&headers)?;
    let (body, _room) = Reading::begin(&hooks, visitor.peer, &headers)?
        .read(body)
        .await?;
    // From here on the sender waits for us.
    let _kept = visitor.keep();
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
    let taken = delivery::answer(&hooks.deliveries, delivery).await?;
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
        signed.check_signature(&hook.keys, &body).map_err(|error| {
            if hook.is_whole {
                refused(&error)
            } else {
                no_secret()
            }
        })?;
        if kind == DeliveryKind::Event {
            check_event(&body, hook)?;
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

/// Nobody can say now whether the delivery is genuine: the sender keeps it.
fn no_secret() -> Refusal {
    Refusal::later(
        &NO_SECRET,
        "a secret of the hook cannot be read just now, so the signature cannot be checked",
    )
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

/// A body on its way.
struct Reading<'h> {
    hooks: &'h Hooks,
    peer: Option<IpAddr>,
    small: Option<Place>,
    large: Option<Place>,
}

impl<'h> Reading<'h> {
    fn begin(hooks: &'h Hooks, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<Self, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > hooks.body_bytes_max) {
            return Err(too_large(hooks.body_bytes_max));
        }
        let small = hooks.small.enter(peer).ok_or_else(no_room)?;
        // It is only looked at: a place is taken by what arrives, and not by what is announced.
        if announced.is_some_and(|bytes| bytes > SMALL_BYTES_MAX) {
            drop(hooks.large.enter(peer).ok_or_else(no_room)?);
        }
        Ok(Self {
            hooks,
            peer,
            small: Some(small),
            large: None,
        })
    }

    /// Reads it whole. The room that it takes is given back with what comes beside it.
    async fn read(mut self, mut body: Body) -> Result<(Bytes, [Option<Place>; 2]), Refusal> {
        let begun = Instant::now();
        let mut read = BytesMut::new();
        loop {
            let rate = u64::try_from(read.len() / BODY_RATE_MIN).unwrap_or(u64::MAX);
            let whole_max = BODY_STALL_MAX.saturating_add(Duration::from_secs(rate));
            let until = (begun + whole_max.min(BODY_TIME_MAX)).min(Instant::now() + BODY_STALL_MAX);
            let frame = match tokio::time::timeout_at(until, body.frame()).await {
                Ok(None) => return Ok((read.freeze(), [self.small, self.large])),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) => return Err(cut_off("the body was cut off")),
                Err(_) => return Err(cut_off("the body did not arrive in time")),
            };
            // Anything but data is of no interest.
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            if read.len().saturating_add(bytes.len()) > self.hooks.body_bytes_max {
                return Err(too_large(self.hooks.body_bytes_max));
            }
            read.extend_from_slice(&bytes);
            if read.len() > SMALL_BYTES_MAX && self.large.is_none() {
                self.large = Some(self.hooks.large.enter(self.peer).ok_or_else(no_room)?);
                self.small = None;
            }
        }
    }
}

fn no_room() -> Refusal {
    Refusal::later(
        &NOT_NOW,
        "as many deliveries as can be read at once are being read",
    )
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        &TOO_LARGE,
        format!("the body is larger than {bytes_max} bytes"),
        "drop the file into the feed's folder, or send single events",
    )
}

fn cut_off(message: &str) -> Refusal {
    let hint = "nothing was taken; send it again with the same id";
    Refusal::new(StatusCode::REQUEST_TIMEOUT, &CUT_OFF, message, hint)
}

/// An event has to be understood before it is taken: afterwards nobody is there to be told.
fn check_event(body: &[u8], hook: &Hook) -> Result<(), Refusal> {
    let unreadable = |reason: &str| {
        let hint = "one event looks like: {\"type\": \"upsert\", \"row\": {\"WorkerID\": \"1042\", \
                    \"Department\": \"Sales\"}}; type is upsert or leave; an upsert names the key, the \
                    status and the dates that the mapping has, and whatever else changed; a leave needs \
                    the key only; ids are texts";
        let message = format!("the event cannot be read: {reason}");
        Refusal::new(StatusCode::BAD_REQUEST, &UNREADABLE_EVENT, message, hint)
    };
    // The parser's own message may repeat a value.
    let event: v1::HookEvent = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        unreadable(&format!("line {line}, column {column}"))
    })?;
    event::refusal(&event, &hook.mapping, &hook.leave)
        .map_or(Ok(()), |reason| Err(unreadable(&reason)))
}
