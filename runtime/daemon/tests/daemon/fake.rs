//! An engine with answers made up beforehand, behind real doors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::Timestamp;
use muster_api::error::{API_NOT_HALTED, API_OTHER_PLAN, Fault, FaultKind};
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};
use muster_core::identity::Status;
use muster_core::mapping::{Attribute, Column, Columns, Form, Mapping, StatusRule, ZoneRule};
use muster_daemon::server::hooks;
use muster_daemon::server::listen::Doors;
use muster_daemon::server::metrics::{Family, Kind};
use muster_daemon::server::signature::HookKey;
use muster_daemon::server::{
    AccountFilter, Answer, Delivery, DriftedAccount, Engine, FindingFilter, Hook, ListPage,
    OperationFilter, PersonFilter, ProgressSink,
};
use tokio::sync::watch;

use crate::answers;

/// The secret of the published example.
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Digest of the plan that is held.
pub(crate) const HELD: &str = "3fa2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2";

/// What was asked, and how the fake stands.
pub(crate) struct Fake {
    pub(crate) now: Mutex<Timestamp>,
    pub(crate) not_ready: Mutex<Option<String>>,
    pub(crate) taken: Mutex<BTreeMap<String, Delivery>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) held: Mutex<Vec<v1::Held>>,
    pub(crate) keys: Vec<HookKey>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            now: Mutex::new("2022-04-07T21:39:13Z".parse().unwrap()),
            not_ready: Mutex::new(None),
            taken: Mutex::default(),
            asked: Mutex::default(),
            held: Mutex::new(answers::held()),
            keys: vec![HookKey::new(SECRET).unwrap()],
        }
    }
}

impl Fake {
    fn note(&self, asked: String) {
        self.asked.lock().unwrap().push(asked);
    }

    pub(crate) fn was_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A feed with a key and one attribute.
fn mapping() -> Mapping {
    mapping_of(&["department"])
}

/// What a leave event has to name: the key and nothing else.
fn leave_mapping() -> Mapping {
    mapping_of(&[])
}

fn mapping_of(attributes: &[&str]) -> Mapping {
    let column = |name: &str| Attribute {
        column: Column::named(name),
        form: Form::Text,
    };
    let attributes = attributes
        .iter()
        .map(|name| ((*name).to_owned(), column(name)));
    let columns = Columns {
        key: Column::named("WorkerID"),
        attributes: attributes.collect(),
        status: StatusRule::Always(Status::Active),
        start: None,
        end: None,
        zone: ZoneRule {
            default: "UTC".to_owned(),
            column: None,
        },
        manager: None,
    };
    Mapping::new(columns).unwrap()
}

fn answer<'a, T: Send + 'a>(answer: Result<T, Fault>) -> Answer<'a, T> {
    Box::pin(async move { answer })
}

impl Engine for Fake {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn not_ready(&self) -> Option<String> {
        self.not_ready.lock().unwrap().clone()
    }

    fn metrics(&self) -> Vec<Family> {
        let counts = [("crm".to_owned(), 3.0), ("wiki".to_owned(), 0.0)];
        let help = "Operations that have not ended.";
        vec![Family::by(
            "muster_operations_open",
            help,
            Kind::Gauge,
            "target",
            counts,
        )]
    }

    fn hook(&self, feed: &FeedName) -> Option<Hook> {
        (feed.as_str() == "hr").then(|| Hook {
            keys: self.keys.clone(),
            is_whole: true,
            tolerance: std::time::Duration::from_mins(5),
            mapping: mapping(),
            leave: leave_mapping(),
        })
    }

    fn take_delivery(&self, delivery: Delivery) -> Answer<'_, v1::Taken> {
        let mut taken = self.taken.lock().unwrap();
        if let Some(before) = taken.get(&delivery.id)
            && before.digest != delivery.digest
        {
            return answer(Err(hooks::other_body(&delivery.id)));
        }
        let said = v1::Taken {
            feed: delivery.feed.to_string(),
            id: delivery.id.clone(),
            digest: delivery.digest.to_string(),
            kind: format!("{:?}", delivery.kind),
        };
        taken.insert(delivery.id.clone(), delivery);
        answer(Ok(said))
    }

    fn status(&self) -> Answer<'_, v1::Status> {
        answer(Ok(answers::status()))
    }

    fn people(&self, filter: PersonFilter, page: ListPage) -> Answer<'_, v1::Page<v1::PersonRow>> {
        self.note(format!("people {filter:?} {page:?}"));
        let all = answers::people();
        let begin: usize = page.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let items: Vec<v1::PersonRow> = all.iter().skip(begin).take(page.limit).cloned().collect();
        let end = begin + items.len();
        let next = (end < all.len()).then(|| end.to_string());
        answer(Ok(v1::Page { items, next }))
    }

    fn person(&self, person: PersonId) -> Answer<'_, v1::Person> {
        answer(match person.to_string().as_str() {
            "hr:1042" => Ok(answers::person()),
            other => Err(Fault::not_found("person", other).hint("`muster people` lists them")),
        })
    }

    fn people_with_key(&self, key: String) -> Answer<'_, Vec<PersonId>> {
        let people: &[&str] = match key.as_str() {
            "1042" | "hr:1042" => &["hr:1042"],
            "7" => &["agency:7", "hr:7"],
            _ => &[],
        };
        let people = people.iter().map(|id| PersonId::parse(id).unwrap());
        answer(Ok(people.collect()))
    }

    fn accounts(&self, filter: AccountFilter, _: ListPage) -> Answer<'_, v1::Page<v1::Account>> {
        self.note(format!("accounts {filter:?}"));
        let items = answers::person().accounts;
        answer(Ok(v1::Page { items, next: None }))
    }

    fn operations(
        &self,
        filter: OperationFilter,
        _: ListPage,
    ) -> Answer<'_, v1::Page<v1::Operation>> {
        self.note(format!("operations {filter:?}"));
        let items = answers::operations();
        answer(Ok(v1::Page { items, next: None }))
    }

    fn retry_all(&self, filter: OperationFilter, by: Operator) -> Answer<'_, v1::Retried> {
        self.note(format!("retry all {filter:?} by {by}: {:?}", by.reason));
        answer(Ok(v1::Retried { operations: 3 }))
    }

    fn retry(&self, operation: OperationId, by: Operator) -> Answer<'_, v1::Operation> {
        self.note(format!("retry {operation} by {by}: {:?}", by.reason));
        let mut operations = answers::operations();
        let id = operation.to_string();
        let position = operations.iter().position(|operation| operation.id == id);
        answer(match position {
            Some(position) if operations[position].state == "halted" => {
                let mut operation = operations.swap_remove(position);
                "queued".clone_into(&mut operation.state);
                Ok(operation)
            }
            Some(_) => Err(Fault::new(
                FaultKind::Conflict,
                API_NOT_HALTED,
                format!("operation {id} does not wait"),
            )),
            None => Err(Fault::not_found("operation", &id)),
        })
    }

    fn findings(&self, filter: FindingFilter, _: ListPage) -> Answer<'_, v1::Page<v1::Finding>> {
        self.note(format!("findings {filter:?}"));
        let items = answers::findings();
        answer(Ok(v1::Page { items, next: None }))
    }

    fn why(&self, person: PersonId, target: Option<TargetName>) -> Answer<'_, v1::Why> {
        self.note(format!("why {person} {target:?}"));
        answer(Ok(answers::why()))
    }

    fn history(&self, person: PersonId, page: ListPage) -> Answer<'_, v1::Page<v1::HistoryEntry>> {
        self.note(format!("history {person} {page:?}"));
        let items = answers::history();
        answer(Ok(v1::Page { items, next: None }))
    }

    fn decisions(&self, page: ListPage) -> Answer<'_, v1::Page<v1::HistoryEntry>> {
        self.note(format!("decisions {page:?}"));
        let items = answers::history();
        answer(Ok(v1::Page { items, next: None }))
    }

    fn preview(
        &self,
        feed: FeedName,
        file: String,
        bytes: Bytes,
        progress: ProgressSink,
    ) -> Answer<'_, v1::Preview> {
        self.note(format!("preview {feed} {file} {} bytes", bytes.len()));
        Box::pin(async move {
            progress.report("reading rows", 1, 2);
            // Long enough that a line of progress goes out first.
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            Ok(answers::preview(&file))
        })
    }

    fn policy_preview(&self, policy: Bytes) -> Answer<'_, v1::Preview> {
        let sent = muster_daemon::policy::text::read(&policy).unwrap();
        self.note(format!(
            "preview policy of {} roles",
            sent.source().roles.len()
        ));
        let mut preview = answers::preview("the policy");
        preview.feed.clear();
        answer(Ok(preview))
    }

    fn policy_remarks(&self, _: Bytes) -> Answer<'_, Vec<v1::Finding>> {
        answer(Ok(Vec::new()))
    }

    fn held(&self) -> Answer<'_, Vec<v1::Held>> {
        answer(Ok(self.held.lock().unwrap().clone()))
    }

    fn held_preview(&self, plan: Digest) -> Answer<'_, v1::Preview> {
        assert_eq!(plan.to_string(), HELD);
        answer(Ok(answers::preview("workers.csv")))
    }

    fn decide(&self, account: DriftedAccount, by: Operator) -> Answer<'_, v1::Account> {
        let DriftedAccount {
            person,
            target,
            decision,
        } = account;
        self.note(format!("{decision:?} {person} at {target} by {by}"));
        let account = answers::person().accounts.swap_remove(0);
        answer(Ok(account))
    }

    fn believe(&self, target: TargetName, by: Operator) -> Answer<'_, v1::Believed> {
        self.note(format!("believe {target} by {by}"));
        let target = target.to_string();
        answer(Ok(v1::Believed { target }))
    }

    fn apply(&self, plan: Digest, by: Operator) -> Answer<'_, v1::Applied> {
        self.note(format!("apply {plan} by {by}: {:?}", by.reason));
        let mut held = self.held.lock().unwrap();
        if held.is_empty() {
            let message = "this plan is not held any more";
            return answer(Err(Fault::new(
                FaultKind::Conflict,
                API_OTHER_PLAN,
                message,
            )));
        }
        held.clear();
        answer(Ok(v1::Applied {
            plan: 13,
            digest: plan.to_string(),
            counts: v1::Counts::default(),
            approved_by: Some(answers::approver()),
        }))
    }

    fn follow(&self, plan: PlanId, _: ProgressSink) -> Answer<'_, v1::PlanStatus> {
        answer(Ok(v1::PlanStatus {
            plan: plan.0,
            cause: "file workers.csv of feed hr".to_owned(),
            made_at: "2026-11-22T09:00:00Z".to_owned(),
            operations: 4,
            done: 3,
            waiting: 0,
            halted: 1,
            approved_by: None,
        }))
    }

    fn plugins(&self) -> Answer<'_, Vec<v1::PluginRow>> {
        answer(Ok(answers::plugins()))
    }

    fn check_ledger(&self, _: ProgressSink) -> Answer<'_, v1::LedgerCheck> {
        answer(Ok(answers::ledger_check()))
    }
}

/// Doors that are open as long as this lives.
pub(crate) struct Open {
    pub(crate) fake: Arc<Fake>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Largest delivery that these doors take.
pub(crate) const BODY_BYTES_MAX: u64 = 4096;

impl Open {
    /// Opens doors before `fake`, on a port and in a folder of their own.
    pub(crate) fn before(fake: Fake) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("data/muster.sock");
        let (stop, stopped) = watch::channel(false);
        let fake = Arc::new(fake);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let doors = runtime
            .block_on(Doors::open(Some(any_port), &socket))
            .unwrap();
        let address = doors.address().unwrap();
        let engine: Arc<dyn Engine> = fake.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(doors.serve(engine, BODY_BYTES_MAX, stopped));
        });
        Self {
            fake,
            address,
            socket,
            folder,
            stop,
            thread: Some(thread),
        }
    }

    /// Closes the doors and waits until they are closed.
    pub(crate) fn close(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}
