//! What is counted: how many there are of what, and what counts against budgets.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table};

use super::Fold;
use crate::codec::{self, v1};
use crate::error::{Error, RecordResult, StoreResult};
use crate::kept::OpenOperations;

/// Adds to counts; a count that comes to nothing has no row.
fn add(table: &mut Table<'_, &'static [u8], u64>, by: BTreeMap<Vec<u8>, i64>) -> Result<(), Error> {
    const STEP: &str = "write the counts";
    for (key, by) in by.into_iter().filter(|(_, by)| *by != 0) {
        let before = table.get(key.as_slice()).step(STEP)?;
        let before = before.map_or(0, |row| row.value());
        let after = before.saturating_add_signed(by);
        if after == 0 {
            table.remove(key.as_slice()).step(STEP)?;
        } else {
            table.insert(key.as_slice(), after).step(STEP)?;
        }
    }
    Ok(())
}

impl Fold<'_> {
    /// Writes how many operations of each plan have not ended. A plan of which all have ended has no row. Only
    /// once everybody who was kept aside is written, or somebody would have been counted out and not in again.
    pub(super) fn write_open_operations(&mut self) -> Result<(), Error> {
        const STEP: &str = "write what is open of a plan";
        const TABLE: &str = "open-operations";
        for (plan, by) in self.people.tallies.take_plans() {
            if by == [0; 7] {
                continue;
            }
            let table = &mut self.tables.open_operations;
            let before = match table.get(plan.0).step(STEP)? {
                Some(row) => codec::decode::<v1::OpenOperations>(row.value()).of(TABLE)?,
                None => v1::OpenOperations::of(&OpenOperations::default()),
            };
            let after = before.into_core().changed(by);
            if after == OpenOperations::default() {
                table.remove(plan.0).step(STEP)?;
            } else {
                codec::encode(&mut self.buffer, &v1::OpenOperations::of(&after));
                table.insert(plan.0, self.buffer.as_slice()).step(STEP)?;
            }
        }
        Ok(())
    }

    /// Writes how many there are of what.
    pub(super) fn write_tallies(&mut self) -> Result<(), Error> {
        const STEP: &str = "write the counts";
        let losses = self.people.tallies.take_losses();
        add(&mut self.tables.losses, losses)?;
        let groups = self.people.tallies.take_groups();
        add(&mut self.tables.groups, groups)?;
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
