//! What the doors ask of the daemon. The daemon implements [`Engine`]; the tests of the doors
//! implement it with answers made up beforehand.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use jiff::Timestamp;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};
use muster_core::mapping::Mapping;
use muster_core::operation::OperationState;
use muster_core::person::Decision;
use tokio::sync::watch;

use crate::answers::metrics::family::Family;
use crate::server::signature::HookKey;

/// An answer that comes later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// An account that a person decides about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DriftedAccount {
    /// Whose.
    pub person: PersonId,
    /// Where.
    pub target: TargetName,
    /// What happens to it.
    pub decision: Decision,
}

/// The daemon, as its doors see it. Every method may be called at any time and from any thread.
///
/// Only these change anything: [`Engine::take_delivery`], [`Engine::apply`], [`Engine::retry`],
/// [`Engine::retry_all`] and [`Engine::decide`], each of which answers when the change is durable; and
/// [`Engine::believe`], which is forgotten at a stop.
pub trait Engine: Send + Sync + 'static {
    /// The daemon's clock.
    fn now(&self) -> Timestamp;

    /// Why the daemon is not ready to take work; `None` if it is. Asked for by `/readyz`.
    fn not_ready(&self) -> Option<String>;

    /// What the daemon counts, for `/metrics`. Labels carry ids and names, never personal values.
    fn metrics(&self) -> Vec<Family>;

    /// The hook of a feed, with its secrets read; `None` if the feed has no hook or does not exist.
    fn hook(&self, feed: &FeedName) -> Option<Hook>;

    /// Takes a delivery whose signature and time were checked. Answers once it is durable.
    ///
    /// The same id and body again is answered the same and taken only once; the same id with
    /// another body is a [`muster_api::error::FaultKind::Conflict`].
    fn take_delivery(&self, delivery: Delivery) -> Answer<'_, v1::Taken>;

    /// The daemon on one page.
    fn status(&self) -> Answer<'_, v1::Status>;

    /// People, in the order of their ids.
    fn people(&self, filter: PersonFilter, page: ListPage) -> Answer<'_, v1::Page<v1::PersonRow>>;

    /// Everything about one person.
    fn person(&self, person: PersonId) -> Answer<'_, v1::Person>;

    /// People whose key is this in any feed: how `1042` is understood where `hr:1042` is meant.
    fn people_with_key(&self, key: String) -> Answer<'_, Vec<PersonId>>;

    /// Accounts, in the order of person and target.
    fn accounts(&self, filter: AccountFilter, page: ListPage) -> Answer<'_, v1::Page<v1::Account>>;

    /// Operations that have not ended, in the order in which their turn comes.
    fn operations(
        &self,
        filter: OperationFilter,
        page: ListPage,
    ) -> Answer<'_, v1::Page<v1::Operation>>;

    /// Takes the next step of an operation that waits (for a person or for its time) now.
    fn retry(&self, operation: OperationId, by: Operator) -> Answer<'_, v1::Operation>;

    /// The same for all that the filter names.
    fn retry_all(&self, filter: OperationFilter, by: Operator) -> Answer<'_, v1::Retried>;

    /// Decides about an account that is not as it was left: it is put right, or stays as the app
    /// has it.
    fn decide(&self, account: DriftedAccount, by: Operator) -> Answer<'_, v1::Account>;

    /// Has the next listing of a target's accounts believed, however much it lacks.
    fn believe(&self, target: TargetName, by: Operator) -> Answer<'_, v1::Believed>;

    /// Open findings, the gravest first.
    fn findings(&self, filter: FindingFilter, page: ListPage) -> Answer<'_, v1::Page<v1::Finding>>;

    /// What a person has and has not, and because of what; at every target where none is named.
    fn why(&self, person: PersonId, target: Option<TargetName>) -> Answer<'_, v1::Why>;

    /// What the journal has about a person, the newest first.
    fn history(&self, person: PersonId, page: ListPage) -> Answer<'_, v1::Page<v1::HistoryEntry>>;

    /// What was decided and put in place, and by whom; the newest first.
    fn decisions(&self, page: ListPage) -> Answer<'_, v1::Page<v1::HistoryEntry>>;

    /// What a file would lead to. Changes nothing.
    fn preview(
        &self,
        feed: FeedName,
        file: String,
        bytes: Bytes,
        progress: ProgressSink,
    ) -> Answer<'_, v1::Preview>;

    /// What an edited policy would lead to; as [`crate::policy::text`] writes it. Changes nothing.
    fn policy_preview(&self, policy: Bytes) -> Answer<'_, v1::Preview>;

    /// What a policy asks for and neither HR's data nor the apps have, as they were read last.
    fn policy_remarks(&self, policy: Bytes) -> Answer<'_, Vec<v1::Finding>>;

    /// The files that wait for a person.
    fn held(&self) -> Answer<'_, Vec<v1::Held>>;

    /// What a held plan would change, person by person.
    fn held_preview(&self, plan: Digest) -> Answer<'_, v1::Preview>;

    /// Approves a held plan: exactly the one with this digest takes effect, or nothing does.
    fn apply(&self, plan: Digest, by: Operator) -> Answer<'_, v1::Applied>;

    /// Waits until nothing of a plan is left but what waits for a person or for a later attempt.
    fn follow(&self, plan: PlanId, progress: ProgressSink) -> Answer<'_, v1::PlanStatus>;

    /// The plugins in the plugins folder.
    fn plugins(&self) -> Answer<'_, Vec<v1::PluginRow>>;

    /// Rebuilds the tables from the journal, aside, and compares.
    fn check_ledger(&self, progress: ProgressSink) -> Answer<'_, v1::LedgerCheck>;
}

/// A feed's hook with its secrets read.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Any of these may have signed.
    pub keys: Vec<HookKey>,
    /// Whether these are the keys of all configured secrets. Where one is missing, who signed with it
    /// cannot be told from somebody who has none.
    pub is_whole: bool,
    /// How far a delivery's time may be from the clock.
    pub tolerance: std::time::Duration,
    /// What the columns of an event mean that says what changed.
    pub mapping: Mapping,
    /// What the columns of an event mean that says who left.
    pub leave: Mapping,
}

/// A hook delivery that has passed the door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The feed that it is for.
    pub feed: FeedName,
    /// The sender's message id, the key of idempotency. At most 256 bytes.
    pub id: String,
    /// SHA-256 of the body.
    pub digest: Digest,
    /// What the body is.
    pub kind: DeliveryKind,
    /// The body, as it came.
    pub body: Bytes,
}

/// What the body of a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryKind {
    /// `text/csv`: the same file that would be dropped into the folder.
    File,
    /// `application/json`: one [`v1::HookEvent`], already known to be readable.
    Event,
}

/// Which people to list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PersonFilter {
    /// Part of the id or of the shown name, without regard to case.
    pub text: Option<String>,
    /// `prehire`, `active`, `leave` or `ended`.
    pub phase: Option<String>,
}

/// Which accounts to list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccountFilter {
    /// At this target only.
    pub target: Option<TargetName>,
    /// In this state only.
    pub state: Option<String>,
    /// Only accounts that the person should no longer have.
    pub is_leaving: bool,
}

/// Which operations to list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OperationFilter {
    /// At this target only.
    pub target: Option<TargetName>,
    /// In this state only.
    pub state: Option<OperationState>,
    /// Of this person only.
    pub person: Option<PersonId>,
}

/// Which findings to list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FindingFilter {
    /// With this code only.
    pub code: Option<String>,
    /// `note`, `warning` or `error`.
    pub severity: Option<String>,
    /// Many that one thing may have caused are shown as one.
    pub is_grouped: bool,
}

/// Which part of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListPage {
    /// Where the page begins; the `next` of the page before. `None` for the first.
    pub cursor: Option<String>,
    /// Most items on the page, from 1 to [`v1::LIST_LIMIT_MAX`].
    pub limit: usize,
}

/// Where a long piece of work says how far it has come. Cheap to clone; nobody has to listen.
#[derive(Clone, Debug)]
pub struct ProgressSink(watch::Sender<v1::Progress>);

impl ProgressSink {
    /// A sink, and what is heard at the other end. Only the latest word is kept.
    pub fn channel() -> (Self, watch::Receiver<v1::Progress>) {
        let (sender, receiver) = watch::channel(v1::Progress::default());
        (Self(sender), receiver)
    }

    /// A sink that nobody listens to.
    pub fn none() -> Self {
        Self::channel().0
    }

    /// Says how far the work has come; `total` is 0 where that is not known.
    pub fn report(&self, stage: &str, done: u64, total: u64) {
        self.0.send_replace(v1::Progress {
            stage: stage.to_owned(),
            done,
            total,
        });
    }
}
