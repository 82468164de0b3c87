//! What facts about what waits for a person do to the tables.

use muster_core::hold::{About, Hold};
use muster_core::id::{Digest, FeedName};

use super::Fold;
use crate::codec::{self, v1};
use crate::error::{Error, StoreResult};
use crate::{keys, lookup};

impl Fold<'_> {
    pub(super) fn hold_opened(&mut self, hold: &Hold) -> Result<bool, Error> {
        codec::encode(&mut self.buffer, &v1::Hold::of(hold));
        let key = keys::hold(&hold.about());
        let holds = &mut self.tables.holds;
        let inserted = holds.insert(key.as_slice(), self.buffer.as_slice());
        inserted.step("write a hold")?;
        Ok(true)
    }

    /// Another one may wait by now: that goes on waiting.
    pub(super) fn hold_decided(
        &mut self,
        about: &About,
        plan: Option<Digest>,
    ) -> Result<bool, Error> {
        let held = lookup::hold(&self.tables.holds, about)?;
        if held.is_none_or(|held| held.plan != plan) {
            return Ok(false);
        }
        let removed = self.tables.holds.remove(keys::hold(about).as_slice());
        Ok(removed.step("end a hold")?.is_some())
    }

    /// Brings a held file under another name of its feed. One that is held there already stays.
    pub(super) fn hold_renamed(&mut self, from: &FeedName, to: &FeedName) -> Result<bool, Error> {
        let (before, after) = (About::File(from.clone()), About::File(to.clone()));
        if lookup::hold(&self.tables.holds, &after)?.is_some() {
            return Ok(false);
        }
        let Some(hold) = lookup::hold(&self.tables.holds, &before)? else {
            return Ok(false);
        };
        let removed = self.tables.holds.remove(keys::hold(&before).as_slice());
        drop(removed.step("rename a hold")?);
        self.hold_opened(&hold.of_renamed_feed(from, to))
    }
}
