//! Whether the tables are what the journal adds up to: they are rebuilt aside, and compared.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use muster_api::error::Fault;
use muster_api::v1;

use super::progress::{ProgressSink, streamed};
use super::{Listings, ask, broken};

/// `GET /v1/ledger/check`.
pub(crate) async fn answer(State(listings): State<Arc<Listings>>) -> Response {
    let (sink, progress) = ProgressSink::channel();
    let work = async move { ask(&listings, move |listings| listings.check(&sink)).await };
    streamed(work, progress)
}

impl Listings {
    fn check(&self, progress: &ProgressSink) -> Result<v1::LedgerCheck, Fault> {
        let told = |at: muster_ledger::check::Progress| {
            progress.report("checking the journal", at.done, at.total);
        };
        let report =
            muster_ledger::check::check(&self.ledger, told).map_err(|error| broken(&error))?;
        Ok(ledger_check(&report))
    }
}

/// A ledger check as it is answered.
pub(crate) fn ledger_check(report: &muster_ledger::check::Report) -> v1::LedgerCheck {
    let listed: BTreeSet<String> = report
        .differences
        .iter()
        .map(|difference| {
            format!(
                "{} {}: {}",
                difference.table, difference.key, difference.what
            )
        })
        .collect();
    v1::LedgerCheck {
        is_clean: report.is_clean(),
        journal_entries: report.entries,
        people: report.people,
        format: report.format.into(),
        differences: listed.into_iter().collect(),
    }
}
