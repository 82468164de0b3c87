//! What is counted: how many there are of what, and what counts against budgets.

use redb::ReadableTable;

use super::Fold;
use crate::error::{Error, StoreResult};

impl Fold<'_> {
    /// Writes how many there are of what.
    pub(super) fn write_tallies(&mut self) -> Result<(), Error> {
        const STEP: &str = "write the counts";
        let losses = self.people.tallies.take_losses();
        for (key, by) in losses.into_iter().filter(|(_, by)| *by != 0) {
            let losses = &mut self.tables.losses;
            let before = losses.get(key.as_slice()).step(STEP)?;
            let before = before.map_or(0, |row| row.value());
            let after = before.saturating_add_signed(by);
            if after == 0 {
                losses.remove(key.as_slice()).step(STEP)?;
            } else {
                losses.insert(key.as_slice(), after).step(STEP)?;
            }
        }
        for (key, by) in self.people.tallies.take() {
            let tallies = &mut self.tables.tallies;
            let before = tallies.get(key.as_str()).step(STEP)?;
            let before = before.map_or(0, |row| row.value());
            let after = before.saturating_add_signed(by);
            if after == 0 {
                tallies.remove(key.as_str()).step(STEP)?;
            } else {
                tallies.insert(key.as_str(), after).step(STEP)?;
            }
        }
        Ok(())
    }
}
