//! What the doors ask of the daemon. Questions are answered on threads that may wait for the disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use muster_api::error::{API_BROKEN, Fault, FaultKind};
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};

use super::held::held;
use super::plugins::plugins;
use super::retry::{retry, retry_all};
use super::{
    Approvals, Deliveries, Listings, Orders, Standing, approval, broken, delivery, drift, metrics,
    ready,
};
use crate::answers::metrics::family::Family;
use crate::server::engine::{
    AccountFilter, Answer, Delivery, DriftedAccount, Engine, FindingFilter, Hook, ListPage,
    OperationFilter, PersonFilter, ProgressSink,
};
use crate::server::keys::HookSecrets;

/// How often a plan that is followed is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// The daemon behind its doors.
#[derive(Clone)]
pub struct Daemon {
    /// How it stands.
    pub standing: Arc<Standing>,
    /// What the ledger has.
    pub listings: Arc<Listings>,
    /// What waits for a person.
    pub approvals: Arc<Approvals>,
    /// What a person has done at once.
    pub orders: Arc<Orders>,
    /// What hooks bring.
    pub deliveries: Arc<Deliveries>,
    /// The secrets of hooks.
    pub secrets: Arc<HookSecrets>,
}

/// Answers on a thread that may wait for the disk.
fn ask<H: Send + Sync + 'static, T: Send + 'static>(
    handles: &Arc<H>,
    question: impl FnOnce(&H) -> Result<T, Fault> + Send + 'static,
) -> Answer<'static, T> {
    let handles = Arc::clone(handles);
    Box::pin(async move {
        tokio::task::spawn_blocking(move || question(&handles))
            .await
            .unwrap_or_else(|error| {
                Err(Fault::new(
                    FaultKind::Broken,
                    API_BROKEN,
                    format!("the answer broke off: {error}"),
                ))
            })
    })
}

impl Engine for Daemon {
    fn now(&self) -> Timestamp {
        self.standing.clock.now()
    }

    fn not_ready(&self) -> Option<String> {
        ready::not_ready(&self.standing)
    }

    fn metrics(&self) -> Vec<Family> {
        metrics::families(&self.standing)
    }

    fn hook(&self, name: &FeedName) -> Option<Hook> {
        self.secrets.hook(name)
    }

    fn take_delivery(&self, delivery: Delivery) -> Answer<'_, v1::Taken> {
        ask(&self.deliveries, move |deliveries| {
            delivery::take(deliveries, &delivery)
        })
    }

    fn status(&self) -> Answer<'_, v1::Status> {
        ask(&self.standing, |standing| standing.status_now())
    }

    fn people(&self, filter: PersonFilter, page: ListPage) -> Answer<'_, v1::Page<v1::PersonRow>> {
        ask(&self.listings, move |listings| {
            listings.people_now(&filter, &page)
        })
    }

    fn person(&self, person: PersonId) -> Answer<'_, v1::Person> {
        ask(&self.listings, move |listings| listings.person_now(&person))
    }

    fn people_with_key(&self, key: String) -> Answer<'_, Vec<PersonId>> {
        ask(&self.listings, move |listings| {
            listings.people_with_key_now(&key)
        })
    }

    fn accounts(&self, filter: AccountFilter, page: ListPage) -> Answer<'_, v1::Page<v1::Account>> {
        ask(&self.listings, move |listings| {
            listings.accounts_now(&filter, &page)
        })
    }

    fn operations(
        &self,
        filter: OperationFilter,
        page: ListPage,
    ) -> Answer<'_, v1::Page<v1::Operation>> {
        ask(&self.listings, move |listings| {
            listings.operations_now(&filter, &page)
        })
    }

    fn retry(&self, operation: OperationId, by: Operator) -> Answer<'_, v1::Operation> {
        ask(&self.orders, move |orders| retry(orders, operation, &by))
    }

    fn retry_all(&self, filter: OperationFilter, by: Operator) -> Answer<'_, v1::Retried> {
        ask(&self.orders, move |orders| retry_all(orders, &filter, &by))
    }

    fn decide(&self, account: DriftedAccount, by: Operator) -> Answer<'_, v1::Account> {
        ask(&self.orders, move |orders| {
            drift::decide(orders, &account, &by)
        })
    }

    fn believe(&self, target: TargetName, by: Operator) -> Answer<'_, v1::Believed> {
        ask(&self.orders, move |orders| {
            drift::believe(orders, &target, &by)
        })
    }

    fn findings(&self, filter: FindingFilter, page: ListPage) -> Answer<'_, v1::Page<v1::Finding>> {
        ask(&self.listings, move |listings| {
            listings.findings_now(&filter, &page)
        })
    }

    fn why(&self, person: PersonId, target: Option<TargetName>) -> Answer<'_, v1::Why> {
        ask(&self.listings, move |listings| {
            listings.why_now(&person, target.as_ref())
        })
    }

    fn history(&self, person: PersonId, page: ListPage) -> Answer<'_, v1::Page<v1::HistoryEntry>> {
        ask(&self.listings, move |listings| {
            listings.history_now(&person, &page)
        })
    }

    fn decisions(&self, page: ListPage) -> Answer<'_, v1::Page<v1::HistoryEntry>> {
        ask(&self.listings, move |listings| {
            listings.decisions_now(&page)
        })
    }

    fn preview(
        &self,
        feed: FeedName,
        file: String,
        bytes: Bytes,
        progress: ProgressSink,
    ) -> Answer<'_, v1::Preview> {
        ask(&self.approvals, move |approvals| {
            approval::preview(approvals, &feed, &file, bytes.to_vec(), &progress)
        })
    }

    fn policy_preview(&self, policy: Bytes) -> Answer<'_, v1::Preview> {
        ask(&self.approvals, move |approvals| {
            approval::policy_preview(approvals, &policy)
        })
    }

    fn policy_remarks(&self, policy: Bytes) -> Answer<'_, Vec<v1::Finding>> {
        ask(&self.approvals, move |approvals| {
            approval::policy_remarks(approvals, &policy)
        })
    }

    fn held(&self) -> Answer<'_, Vec<v1::Held>> {
        ask(&self.approvals, |approvals| {
            let reader = approvals.ledger.read().map_err(|error| broken(&error))?;
            held(
                &reader,
                &approvals.config,
                &approvals.deciding,
                &approvals.pending,
            )
        })
    }

    fn held_preview(&self, plan: Digest) -> Answer<'_, v1::Preview> {
        ask(&self.approvals, move |approvals| {
            approval::held_preview(approvals, plan)
        })
    }

    fn apply(&self, plan: Digest, by: Operator) -> Answer<'_, v1::Applied> {
        let approvals = Arc::clone(&self.approvals);
        Box::pin(async move { approval::apply(&approvals, plan, by).await })
    }

    fn follow(&self, plan: PlanId, progress: ProgressSink) -> Answer<'_, v1::PlanStatus> {
        let listings = Arc::clone(&self.listings);
        Box::pin(async move {
            loop {
                let status = ask(&listings, move |listings| listings.plan_status(plan)).await?;
                progress.report("operations", status.done, status.operations);
                if status.done + status.waiting + status.halted >= status.operations {
                    return Ok(status);
                }
                listings.clock.sleep(FOLLOW_EVERY).await;
            }
        })
    }

    fn plugins(&self) -> Answer<'_, Vec<v1::PluginRow>> {
        ask(&self.standing, |standing| Ok(plugins(standing)))
    }

    fn check_ledger(&self, progress: ProgressSink) -> Answer<'_, v1::LedgerCheck> {
        ask(&self.listings, move |listings| {
            listings.check_now(&progress)
        })
    }
}
