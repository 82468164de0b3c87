//! What the doors ask of the daemon. Questions are answered on threads that may wait for the disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use muster_api::error::{API_BROKEN, Fault, FaultKind};
use muster_api::v1;
use muster_config::Config;
use muster_core::actor::Operator;
use muster_core::fact::Fact;
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};
use muster_core::operation::{retried, retried_by_hand};
use muster_ledger::Error;

use super::keys::HookSecrets;
use super::queries::{broken, held, locate};
use super::{
    Approvals, Deliveries, Listings, Orders, Standing, approval, delivery, drift, metrics, present,
    ready,
};
use crate::feeds::Feed;
use crate::server::engine::{
    AccountFilter, Answer, Delivery, DriftedAccount, Engine, FindingFilter, Hook, ListPage,
    OperationFilter, PersonFilter, ProgressSink,
};
use crate::server::metrics::Family;

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

/// A feed as configured.
pub(super) fn feed(config: &Config, name: &FeedName) -> Result<Feed, Fault> {
    let feed = config.feeds.get(name).ok_or_else(|| {
        Fault::not_found("feed", name.as_str()).hint("`muster status` lists the feeds")
    })?;
    Feed::new(feed, config.daemon.file_bytes_max).map_err(|errors| {
        let text = errors.first().map(ToString::to_string).unwrap_or_default();
        Fault::new(
            FaultKind::Broken,
            API_BROKEN,
            format!("the mapping of feed `{name}` cannot be used: {text}"),
        )
    })
}

/// People whose operations are tried again in one transaction.
const RETRIED_AT_ONCE: usize = 500;

/// Takes the next step now of everything that waits and that the filter names.
fn retry_all(
    orders: &Orders,
    filter: &OperationFilter,
    by: &Operator,
) -> Result<v1::Retried, Fault> {
    let reader = orders.ledger.read().map_err(|error| broken(&error))?;
    let now = orders.clock.now();
    let mut waiting = Vec::new();
    for (name, target) in orders.targets.iter() {
        if filter.target.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let before = waiting.len();
        for person in reader.people_at(name).map_err(|error| broken(&error))? {
            let person = person.map_err(|error| broken(&error))?;
            if filter.person.as_ref().is_some_and(|id| *id != person.id) {
                continue;
            }
            let account = person.accounts.get(name);
            for open in account.into_iter().flat_map(|account| &account.operations) {
                let is_meant = filter.state.is_none_or(|state| state == open.state.kind());
                if is_meant && retried_by_hand(open, now).is_some() {
                    waiting.push((person.id.clone(), name.clone(), open.id));
                }
            }
        }
        if waiting.len() > before {
            target.try_at_once();
        }
    }
    let operations = waiting.len() as u64;
    for some in waiting.chunks(RETRIED_AT_ONCE) {
        let some = some.to_vec();
        orders
            .committer
            .submit_blocking(now, by.clone(), move |writer| {
                some.iter()
                    .try_for_each(|(person, target, id)| retry_one(writer, (person, target), *id))
            })
            .map_err(|error: Error| broken(&error))?;
    }
    orders.bells.ring_all();
    Ok(v1::Retried { operations })
}

/// Records that somebody wants an operation tried again, unless it went on meanwhile: what is out has to be looked
/// at first.
fn retry_one(
    writer: &mut muster_ledger::Writer<'_>,
    (person, target): (&PersonId, &TargetName),
    operation: OperationId,
) -> Result<(), Error> {
    let now = writer.at();
    let kept = writer.person(person)?;
    let account = kept.and_then(|kept| kept.accounts.get(target));
    let mut open = account.into_iter().flat_map(|account| &account.operations);
    let open = open.find(|open| open.id == operation);
    let Some(change) = open.and_then(|open| retried(open, now)) else {
        return Ok(());
    };
    let fact = Fact::OperationChanged {
        person: person.clone(),
        target: target.clone(),
        operation,
        change,
    };
    writer.record(&fact).map(drop)
}

fn retry(orders: &Orders, id: OperationId, by: &Operator) -> Result<v1::Operation, Fault> {
    let (person, target) = locate(&orders.ledger, id)?;
    let now = orders.clock.now();
    if let Some(target) = orders.targets.get(&target) {
        target.try_at_once();
    }
    let (owner, at) = (person.clone(), target.clone());
    orders
        .committer
        .submit_blocking(now, by.clone(), move |writer| {
            retry_one(writer, (&owner, &at), id)
        })
        .map_err(|error: Error| broken(&error))?;
    orders.bells.ring_all();
    let found = orders
        .ledger
        .read()
        .and_then(|reader| reader.person(&person))
        .map_err(|error| broken(&error))?;
    let known = orders.known.load();
    let shown = found.as_ref().and_then(|person| {
        let account = person.accounts.get(&target)?;
        let open = account
            .operations
            .iter()
            .find(|operation| operation.id == id)?;
        Some(present::operation(
            person,
            &target,
            open,
            &known.titles,
            now,
        ))
    });
    shown.ok_or_else(|| Fault::not_found("open operation", &id.to_string()))
}

fn plugins(standing: &Standing) -> Vec<v1::PluginRow> {
    let mut rows: Vec<v1::PluginRow> = standing
        .library
        .standings()
        .into_iter()
        .map(|standing| v1::PluginRow {
            name: standing.name,
            state: if standing.plugin.is_some() {
                "serving"
            } else {
                "refused"
            }
            .to_owned(),
            version: standing
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().version.clone()),
            contract: standing
                .plugin
                .as_ref()
                .map(|plugin| plugin.descriptor().contract.clone()),
            digest: standing
                .plugin
                .map(|plugin| crate::plugins::short(plugin.digest()))
                .unwrap_or_default(),
            since: standing.since.map(present::instant),
            targets: standing.targets,
            trouble: standing
                .trouble
                .map(|trouble| format!("{} ({})", trouble.text, trouble.code)),
        })
        .collect();
    rows.extend(standing.library.unused().into_iter().filter_map(|path| {
        Some(v1::PluginRow {
            name: path.file_stem()?.to_string_lossy().into_owned(),
            state: "unused".to_owned(),
            version: None,
            contract: None,
            digest: String::new(),
            since: None,
            targets: Vec::new(),
            trouble: None,
        })
    }));
    rows
}
