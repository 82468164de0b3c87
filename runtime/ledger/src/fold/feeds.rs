//! What facts about feeds do to the tables: files accepted, held and rejected, and hook deliveries.

use muster_core::id::{Digest, FeedName};
use redb::{ReadableTable, ReadableTableMetadata};

use super::Fold;
use crate::codec::{self, micros, v1};
use crate::error::{Error, RecordResult, StoreResult};
use crate::{kept, keys, lookup};

/// Most hook deliveries that are remembered, over all feeds; the oldest are forgotten first. A sender's
/// message is accepted for minutes only, so a copy that comes later is refused by its age.
pub const DELIVERIES_MAX: u64 = 100_000;

impl Fold<'_> {
    pub(super) fn file_accepted(&mut self, accepted: kept::AcceptedFile) -> Result<bool, Error> {
        let name = accepted.file.feed.clone();
        self.feed(&name, |feed| {
            feed.accepted = Some(accepted);
            true
        })
    }

    pub(super) fn file_held(&mut self, held: kept::HeldFile) -> Result<bool, Error> {
        let name = held.file.feed.clone();
        self.feed(&name, |feed| {
            feed.held = Some(held);
            true
        })
    }

    pub(super) fn file_rejected(&mut self, rejected: kept::RejectedFile) -> Result<bool, Error> {
        let name = rejected.file.feed.clone();
        self.feed(&name, |feed| {
            feed.rejected = Some(rejected);
            true
        })
    }

    /// Another file may be held by now: the hold of that one goes on.
    pub(super) fn hold_ended(&mut self, name: &FeedName, digest: &Digest) -> Result<bool, Error> {
        self.feed(name, |feed| {
            let held = feed.held.take_if(|held| held.file.digest == *digest);
            held.is_some()
        })
    }

    /// Changes what is kept of a feed. Gives what `change` gives: whether anything was changed.
    fn feed(
        &mut self,
        name: &FeedName,
        change: impl FnOnce(&mut kept::Feed) -> bool,
    ) -> Result<bool, Error> {
        let mut feed = lookup::feed(&self.tables.feeds, name)?.unwrap_or_default();
        if !change(&mut feed) {
            return Ok(false);
        }
        codec::encode(&mut self.buffer, &v1::FeedKept::of(&feed));
        let key = name.as_str().as_bytes();
        let inserted = self.tables.feeds.insert(key, self.buffer.as_slice());
        inserted.step("write a feed")?;
        Ok(true)
    }

    /// Remembers a delivery. The first one under a key stays; a second changes nothing.
    pub(super) fn delivery_taken(
        &mut self,
        seq: u64,
        feed: &FeedName,
        key: &str,
        delivery: kept::Delivery,
    ) -> Result<bool, Error> {
        const STEP: &str = "remember a delivery";
        let key = keys::person_text(feed, key);
        let deliveries = &mut self.tables.deliveries;
        if deliveries.get(key.as_slice()).step(STEP)?.is_some() {
            return Ok(false);
        }
        let record = v1::Delivery {
            digest: delivery.digest.into(),
            at: micros(delivery.at),
            seq,
        };
        codec::encode(&mut self.buffer, &record);
        let row = self.buffer.as_slice();
        deliveries.insert(key.as_slice(), row).step(STEP)?;
        let ages = &mut self.tables.delivery_ages;
        ages.insert(seq, key.as_slice()).step(STEP)?;
        if ages.len().step(STEP)? > DELIVERIES_MAX
            && let Some((_, oldest)) = ages.pop_first().step(STEP)?
        {
            deliveries.remove(oldest.value()).step(STEP)?;
        }
        Ok(true)
    }

    /// A delivery that is remembered.
    pub(crate) fn delivery(
        &self,
        feed: &FeedName,
        key: &str,
    ) -> Result<Option<kept::Delivery>, Error> {
        let row = self
            .tables
            .deliveries
            .get(keys::person_text(feed, key).as_slice());
        let row = row.step("read a delivery")?;
        row.map(|row| lookup::delivery_of(row.value()))
            .transpose()
            .of("deliveries")
    }
}
