//! What facts about feeds do to the tables: what arrived, files accepted and rejected, and hook deliveries.

use muster_core::fact::{ArrivalChange, Outcome, Source};
use muster_core::id::FeedName;
use redb::{ReadableTable, ReadableTableMetadata, Table};

use super::Fold;
use crate::codec::{self, Unreadable, micros, v1};
use crate::error::{Error, RecordResult, StoreResult};
use crate::{kept, keys, lookup};

/// Most hook deliveries that are remembered, over all feeds; the oldest are forgotten first. A sender's
/// message is accepted for minutes only, so a copy that comes later is refused by its age.
pub const DELIVERIES_MAX: u64 = 100_000;

/// Most contents of accepted files that are remembered, over all feeds; the oldest are forgotten first.
pub const CONTENTS_MAX: u64 = 10_000;

impl Fold<'_> {
    pub(super) fn file_accepted(
        &mut self,
        seq: u64,
        accepted: kept::AcceptedFile,
    ) -> Result<bool, Error> {
        self.remember_content(seq, &accepted)?;
        let name = accepted.file.feed.clone();
        self.feed(&name, |feed| {
            feed.accepted = Some(accepted);
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

    /// Brings what is kept of a feed under another name. What is there under it already stays: the other feed
    /// said it.
    pub(super) fn feed_renamed(&mut self, from: &FeedName, to: &FeedName) -> Result<bool, Error> {
        let mut has_moved = self.state_renamed(from, to)?;
        has_moved |= self.records_renamed(from, to)?;
        for (key, row) in rows_under(&self.tables.arrivals, from)? {
            let mut arrival = lookup::arrival_of(&row).of("arrivals")?;
            arrival.arrived.feed = to.clone();
            let removed = self.tables.arrivals.remove(key.as_slice());
            drop(removed.step("rename what arrived")?);
            self.arrived(&arrival)?;
            has_moved = true;
        }
        let contents = |row: &[u8]| codec::decode(row).map(|kept: v1::ContentKept<'_>| kept.seq);
        let tables = (&mut self.tables.contents, &mut self.tables.content_ages);
        has_moved |= rename_aged(tables, (from, to), contents)?;
        let deliveries = |row: &[u8]| codec::decode(row).map(|kept: v1::Delivery| kept.seq);
        let tables = (&mut self.tables.deliveries, &mut self.tables.delivery_ages);
        has_moved |= rename_aged(tables, (from, to), deliveries)?;
        Ok(has_moved)
    }

    fn state_renamed(&mut self, from: &FeedName, to: &FeedName) -> Result<bool, Error> {
        let is_taken = lookup::feed(&self.tables.feeds, to)?.is_some();
        let has_moved = !is_taken && self.hold_renamed(from, to)?;
        let Some(mut kept) = lookup::feed(&self.tables.feeds, from)?.filter(|_| !is_taken) else {
            return Ok(has_moved);
        };
        let accepted = kept.accepted.as_mut().map(|accepted| &mut accepted.file);
        let rejected = kept.rejected.as_mut().map(|rejected| &mut rejected.file);
        for file in accepted.into_iter().chain(rejected) {
            file.feed = to.clone();
        }
        let removed = self.tables.feeds.remove(from.as_str().as_bytes());
        drop(removed.step("rename a feed")?);
        self.feed(to, |feed| {
            *feed = kept;
            true
        })
    }

    /// Changes what is kept of a feed. Returns what `change` returns: whether anything changed.
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

    /// Remembers what a file said, so that it is known when it comes again. One without rows says nothing.
    fn remember_content(&mut self, seq: u64, accepted: &kept::AcceptedFile) -> Result<(), Error> {
        const STEP: &str = "remember what a file said";
        let file = &accepted.file;
        if file.content.row_count == 0 {
            return Ok(());
        }
        let key = keys::content(&file.feed, &file.content);
        let record = v1::ContentKept {
            name: &file.name,
            at: micros(accepted.at),
            seq,
        };
        codec::encode(&mut self.buffer, &record);
        let row = self.buffer.as_slice();
        let contents = &mut self.tables.contents;
        let before = contents.insert(key.as_slice(), row).step(STEP)?;
        let before = before.map(|row| {
            let before: Result<v1::ContentKept<'_>, _> = codec::decode(row.value());
            before.map(|before| before.seq)
        });
        let ages = &mut self.tables.content_ages;
        if let Some(before) = before.transpose().of("contents")? {
            ages.remove(before).step(STEP)?;
        }
        ages.insert(seq, key.as_slice()).step(STEP)?;
        if ages.len().step(STEP)? > CONTENTS_MAX
            && let Some((_, oldest)) = ages.pop_first().step(STEP)?
        {
            self.tables.contents.remove(oldest.value()).step(STEP)?;
        }
        Ok(())
    }

    pub(super) fn arrived(&mut self, arrival: &kept::Arrival) -> Result<bool, Error> {
        let key = keys::arrival(&arrival.arrived.feed, arrival.seq);
        codec::encode(&mut self.buffer, &v1::ArrivalKept::of(arrival));
        let inserted = self
            .tables
            .arrivals
            .insert(key.as_slice(), self.buffer.as_slice());
        inserted.step("write an arrival")?;
        Ok(true)
    }

    /// What was ended is not changed any more.
    pub(super) fn arrival_changed(
        &mut self,
        feed: &FeedName,
        seq: u64,
        change: &ArrivalChange,
    ) -> Result<bool, Error> {
        let key = keys::arrival(feed, seq);
        if matches!(change, ArrivalChange::Ended) {
            let removed = self.tables.arrivals.remove(key.as_slice());
            return Ok(removed.step("end an arrival")?.is_some());
        }
        let Some(mut arrival) = lookup::arrival(&self.tables.arrivals, &key)? else {
            return Ok(false);
        };
        match change {
            ArrivalChange::Decided(outcome) => {
                arrival.outcome = Some(*outcome);
                let is_event = matches!(arrival.arrived.source, Source::Event { .. });
                if *outcome == Outcome::Accepted && !is_event {
                    let modified = Some(arrival.arrived.modified);
                    self.feed(feed, |feed| {
                        feed.newest = feed.newest.max(modified);
                        true
                    })?;
                }
            }
            ArrivalChange::PutAway { stored } => arrival.stored = Some(stored.clone()),
            ArrivalChange::Ended => {}
        }
        self.arrived(&arrival)
    }
}

/// A row as it was read: its key and what stands there.
type Row = (Vec<u8>, Vec<u8>);

/// The rows of a table under a feed's name.
pub(super) fn rows_under(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    feed: &FeedName,
) -> Result<Vec<Row>, Error> {
    const STEP: &str = "read what is kept of a feed";
    let (first, beyond) = keys::under(feed.as_str());
    let rows = table
        .range(first.as_slice()..beyond.as_slice())
        .step(STEP)?;
    rows.map(|row| {
        let (key, row) = row.step(STEP)?;
        Ok((key.value().to_owned(), row.value().to_owned()))
    })
    .collect()
}

/// A table whose rows are forgotten by their age, and the table of the ages.
type Aged<'t, 'txn> = (
    &'t mut Table<'txn, &'static [u8], &'static [u8]>,
    &'t mut Table<'txn, u64, &'static [u8]>,
);

/// Brings the rows under a feed's name under another one; where there is one already, that one stays.
fn rename_aged(
    (table, ages): Aged<'_, '_>,
    (from, to): (&FeedName, &FeedName),
    age_of: impl Fn(&[u8]) -> Result<u64, Unreadable>,
) -> Result<bool, Error> {
    const STEP: &str = "rename what is remembered";
    let rows = rows_under(table, from)?;
    for (key, row) in &rows {
        let age = age_of(row).of("what is remembered")?;
        drop(table.remove(key.as_slice()).step(STEP)?);
        let renamed = keys::renamed(key, from.as_str(), to.as_str());
        if table.get(renamed.as_slice()).step(STEP)?.is_some() {
            drop(ages.remove(age).step(STEP)?);
            continue;
        }
        drop(
            table
                .insert(renamed.as_slice(), row.as_slice())
                .step(STEP)?,
        );
        drop(ages.insert(age, renamed.as_slice()).step(STEP)?);
    }
    Ok(!rows.is_empty())
}
