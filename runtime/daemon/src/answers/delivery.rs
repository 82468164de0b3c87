//! Takes what a hook brought: it has its place in the order of arrival, durably, before it is answered.

use std::sync::Arc;

use bytes::Bytes;
use muster_api::error::{API_NOT_READY, API_UNUSABLE, Fault, FaultKind};
use muster_api::v1;
use muster_core::actor::Actor;
use muster_core::fact::{Arrived, Fact, Source};
use muster_core::finding::Code;
use muster_core::id::{Digest, FeedName};
use muster_ledger::Error;

use super::{Deliveries, ask, broken, feed};
use crate::feeds::event;
use crate::feeds::evidence::Evidence;
use crate::feeds::taking::ARRIVALS_MAX;

/// The message id was used for another body.
pub(crate) const OTHER_BODY: Code = Code::new("HOOK-004");

/// A hook delivery that has passed the door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Delivery {
    /// The feed that it is for.
    pub(crate) feed: FeedName,
    /// The sender's message id, the key of idempotency. At most 256 bytes.
    pub(crate) id: String,
    /// SHA-256 of the body.
    pub(crate) digest: Digest,
    /// What the body is.
    pub(crate) kind: DeliveryKind,
    /// The body, as it came.
    pub(crate) body: Bytes,
}

/// What the body of a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DeliveryKind {
    /// `text/csv`: the same file that would be dropped into the folder.
    File,
    /// `application/json`: one [`v1::HookEvent`], already known to be readable.
    Event,
}

/// Takes a delivery whose signature and time were checked, and answers once it is durable.
///
/// The same id and body again is answered the same and taken only once; the same id with another body is a
/// [`FaultKind::Conflict`].
pub(crate) async fn answer(
    deliveries: &Arc<Deliveries>,
    delivery: Delivery,
) -> Result<v1::Taken, Fault> {
    ask(deliveries, move |deliveries| take(deliveries, &delivery)).await
}

/// Keeps a delivery with its id and its place in the order, durably. One that comes again after a stop in
/// between is taken then; one that was taken is answered the same and not taken again.
fn take(deliveries: &Deliveries, delivery: &Delivery) -> Result<v1::Taken, Fault> {
    let feed = feed(&deliveries.config, &delivery.feed)?;
    let reader = deliveries.ledger.read().map_err(|error| broken(&error))?;
    let taken = v1::Taken {
        feed: delivery.feed.to_string(),
        id: delivery.id.clone(),
        digest: delivery.digest.to_string(),
        kind: match delivery.kind {
            DeliveryKind::File => "snapshot",
            DeliveryKind::Event => "change",
        }
        .to_owned(),
    };
    if let Some(before) = reader
        .delivery(&delivery.feed, &delivery.id)
        .map_err(|error| broken(&error))?
    {
        return if before.digest == delivery.digest {
            Ok(taken)
        } else {
            Err(other_body(&delivery.id))
        };
    }
    let waiting = reader.arrivals_count().map_err(|error| broken(&error))?;
    if waiting >= ARRIVALS_MAX {
        return Err(later("as much waits as may wait at once"));
    }
    let source = source(deliveries, delivery)?;
    let now = deliveries.clock.now();
    let name = name(&source, delivery);
    let arrived = Fact::Arrived(Arrived {
        feed: delivery.feed.clone(),
        name: name.clone(),
        digest: delivery.digest,
        modified: now,
        source,
    });
    let known = Fact::DeliveryTaken {
        feed: delivery.feed.clone(),
        key: delivery.id.clone(),
        digest: delivery.digest,
    };
    let by = Actor::File {
        feed: delivery.feed.clone(),
        name,
        digest: delivery.digest,
    };
    deliveries
        .committer
        .submit_blocking(now, by, move |writer| {
            writer.record(&known)?;
            writer.record(&arrived).map(drop)
        })
        .map_err(|error: Error| broken(&error))?;
    deliveries.bells.arrival(feed.name()).notify_one();
    Ok(taken)
}

/// What a delivery is called: never what it means, and nothing that its sender chose.
fn name(source: &Source, delivery: &Delivery) -> String {
    let digest = delivery.digest.short();
    match source {
        Source::Event { .. } => format!("event-{digest}"),
        Source::Folder { .. } | Source::Delivery { .. } => format!("delivery-{digest}.csv"),
    }
}

fn source(deliveries: &Deliveries, delivery: &Delivery) -> Result<Source, Fault> {
    let unusable = |text: String| Fault::new(FaultKind::Refused, API_UNUSABLE, text);
    let id = delivery.id.clone();
    match delivery.kind {
        DeliveryKind::File => {
            let kept = Evidence::open(&deliveries.config.daemon.data, &delivery.feed)
                .and_then(|evidence| evidence.keep(delivery.digest, &delivery.body));
            kept.map_err(|error| later(&format!("could not keep the delivery: {error}")))?;
            Ok(Source::Delivery { id })
        }
        DeliveryKind::Event => {
            let event: v1::HookEvent = serde_json::from_slice(&delivery.body)
                .map_err(|error| unusable(error.to_string()))?;
            let row = event::row(&event).map_err(|column| {
                unusable(format!(
                    "the column `{column}` holds a list or an object, which no cell can hold"
                ))
            })?;
            let kind = event::kind(&event);
            Ok(Source::Event { id, kind, row })
        }
    }
}

fn later(text: &str) -> Fault {
    Fault::new(FaultKind::Unavailable, API_NOT_READY, text).hint("send it again later")
}

/// The fault of a message id that was used for another body.
fn other_body(id: &str) -> Fault {
    let message = format!("message `{id}` was taken before, with another body");
    Fault::new(FaultKind::Conflict, OTHER_BODY, message)
        .hint("give every message an id of its own, and the same id only when sending it again")
}
