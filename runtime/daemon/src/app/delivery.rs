//! Takes what a hook brought: it is a file in the feed's folder, durably, before it is answered.

use muster_core::fact::Fact;
use muster_ledger::Error;

use super::App;
use super::engine::feed;
use super::queries::broken;
use crate::api::v1;
use crate::durable;
use crate::error::{API_NOT_READY, API_UNUSABLE, Fault, FaultKind};
use crate::feeds::event;
use crate::server::engine::{Delivery, DeliveryKind};
use crate::server::hooks::other_body;

/// Puts a delivery into the feed's folder, durably, and remembers its id. A delivery that comes
/// again after a stop in between is written again under the same name.
pub(super) fn take(app: &App, delivery: &Delivery) -> Result<v1::Taken, Fault> {
    let feed = feed(app, &delivery.feed)?;
    let reader = app.ledger.read().map_err(|error| broken(&error))?;
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
    let unusable = |text: String| Fault::new(FaultKind::Refused, API_UNUSABLE, text);
    let (kind, content) = match delivery.kind {
        DeliveryKind::File => (None, delivery.body.to_vec()),
        DeliveryKind::Event => {
            let event: v1::HookEvent = serde_json::from_slice(&delivery.body)
                .map_err(|error| unusable(error.to_string()))?;
            let content = event::file(&event, feed.config.csv.delimiter).map_err(|column| {
                unusable(format!(
                    "the column `{column}` holds a list or an object, which no cell can hold"
                ))
            })?;
            (Some(event.kind), content)
        }
    };
    let name = event::file_name(&delivery.id, delivery.digest, kind);
    durable::write(&feed.config.folder, &name, &content).map_err(|error| {
        Fault::new(
            FaultKind::Unavailable,
            API_NOT_READY,
            format!("could not keep the delivery: {error}"),
        )
        .hint("send it again later")
    })?;
    let fact = Fact::DeliveryTaken {
        feed: delivery.feed.clone(),
        key: delivery.id.clone(),
        digest: delivery.digest,
    };
    app.committer
        .submit_blocking(app.clock.now(), move |writer| {
            writer.record(&fact).map(drop)
        })
        .map_err(|error: Error| broken(&error))?;
    Ok(taken)
}
