//! The door on the unix socket: what the command line asks. Who can open the socket is the daemon's
//! own user or root, so nothing is asked for but the question.
//!
//! Long work is answered line by line: how far it has come, at least every second, and then the
//! answer or why there is none. Whoever hangs up ends it; none of it changes anything.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use muster_api::error::{API_UNUSABLE, Fault, FaultKind};
use muster_api::v1;
use muster_core::actor::Operator;
use muster_core::id::{Digest, FeedName, OperationId, PersonId, PlanId, TargetName};
use muster_core::operation::OperationState;
use muster_core::person::Decision;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::engine::{
    AccountFilter, DriftedAccount, Engine, FindingFilter, ListPage, OperationFilter, PersonFilter,
    ProgressSink,
};
use super::listen::Peer;
use crate::answers::operator::operator as operator_at;
use crate::answers::refusal::{self, Refusal};

/// How many items a page has where the question does not say.
const LIST_LIMIT_DEFAULT: usize = 100;

/// At most this often is told how far the work has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// At least this often, so that whoever waits knows that somebody is there.
const PROGRESS_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

type Asked = State<Arc<dyn Engine>>;
type Answered<T> = Result<Json<T>, Refusal>;
type Parameters<T> = Result<Query<T>, QueryRejection>;
type Part = Result<Path<String>, PathRejection>;

/// The routes of the admin door.
pub fn router(engine: Arc<dyn Engine>, file_bytes_max: usize) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/people", get(people))
        .route("/v1/people/{person}", get(person))
        .route("/v1/keys/{key}", get(people_with_key))
        .route("/v1/accounts", get(accounts))
        .route("/v1/accounts/{target}/{person}/{decision}", post(decide))
        .route("/v1/targets/{target}/believe", post(believe))
        .route("/v1/operations", get(operations))
        .route("/v1/operations/retry", post(retry_all))
        .route("/v1/operations/{operation}/retry", post(retry))
        .route("/v1/findings", get(findings))
        .route("/v1/why/{person}", get(why))
        .route("/v1/history", get(decisions))
        .route("/v1/history/{person}", get(history))
        .route("/v1/preview", post(preview))
        .route("/v1/preview/policy", post(policy_preview))
        .route("/v1/remarks/policy", post(policy_remarks))
        .layer(DefaultBodyLimit::max(file_bytes_max))
        .route("/v1/held", get(held))
        .route("/v1/held/{digest}", get(held_preview))
        .route("/v1/held/{digest}/apply", post(apply))
        .route("/v1/plans/{plan}/follow", get(follow))
        .route("/v1/plugins", get(plugins))
        .route("/v1/ledger/check", get(check_ledger))
        .fallback(refusal::no_route)
        .method_not_allowed_fallback(refusal::no_method)
        .with_state(engine)
}

/// Where a listing begins and how long it is.
#[derive(Deserialize)]
struct PageParameters {
    cursor: Option<String>,
    limit: Option<usize>,
}

impl PageParameters {
    fn page(self) -> ListPage {
        ListPage {
            cursor: self.cursor,
            limit: self
                .limit
                .unwrap_or(LIST_LIMIT_DEFAULT)
                .clamp(1, v1::LIST_LIMIT_MAX),
        }
    }
}

fn parameters<T>(parameters: Parameters<T>) -> Result<T, Fault> {
    match parameters {
        Ok(Query(parameters)) => Ok(parameters),
        Err(rejection) => Err(unusable(rejection.body_text())),
    }
}

fn part(part: Part) -> Result<String, Fault> {
    match part {
        Ok(Path(part)) => Ok(part),
        Err(rejection) => Err(unusable(rejection.body_text())),
    }
}

fn unusable(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Refused, API_UNUSABLE, message)
        .hint("`muster help` shows what can be asked, and how")
}

fn person_id(text: &str) -> Result<PersonId, Fault> {
    PersonId::parse(text).map_err(|error| unusable(error.to_string()))
}

fn target_name(text: Option<&str>) -> Result<Option<TargetName>, Fault> {
    let parse = |text| TargetName::new(text).map_err(|error| unusable(error.to_string()));
    text.map(parse).transpose()
}

fn operation_state(word: &str) -> Result<OperationState, Fault> {
    OperationState::parse(word).ok_or_else(|| {
        let words = OperationState::ALL.map(OperationState::as_str).join(", ");
        unusable(format!(
            "no operation is in the state `{word}`; they are {words}"
        ))
    })
}

fn digest(text: &str) -> Result<Digest, Fault> {
    let invalid = || unusable("a plan is named by the 64 hexadecimal digits of its digest");
    if text.len() != 64 || !text.is_ascii() {
        return Err(invalid());
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(index * 2..index * 2 + 2).ok_or_else(invalid)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
    }
    Ok(Digest(bytes))
}

fn operation_id(text: &str) -> Result<OperationId, Fault> {
    let parts = text.split_once('-');
    let parsed = parts.and_then(|(plan, number)| {
        Some(OperationId {
            plan: PlanId(plan.parse().ok()?),
            number: number.parse().ok()?,
        })
    });
    parsed.ok_or_else(|| unusable("an operation is named PLAN-NUMBER, such as 12-3"))
}

async fn status(State(engine): Asked) -> Answered<v1::Status> {
    Ok(Json(engine.status().await?))
}

#[derive(Deserialize)]
struct PeopleParameters {
    text: Option<String>,
    phase: Option<String>,
}

async fn people(
    State(engine): Asked,
    filter: Parameters<PeopleParameters>,
    page: Parameters<PageParameters>,
) -> Answered<v1::Page<v1::PersonRow>> {
    let PeopleParameters { text, phase } = parameters(filter)?;
    let filter = PersonFilter { text, phase };
    Ok(Json(engine.people(filter, parameters(page)?.page()).await?))
}

async fn person(State(engine): Asked, person: Part) -> Answered<v1::Person> {
    Ok(Json(engine.person(person_id(&part(person)?)?).await?))
}

async fn people_with_key(State(engine): Asked, key: Part) -> Answered<Vec<String>> {
    let people = engine.people_with_key(part(key)?).await?;
    Ok(Json(people.iter().map(ToString::to_string).collect()))
}

#[derive(Deserialize)]
struct AccountParameters {
    target: Option<String>,
    state: Option<String>,
    #[serde(default)]
    leaving: bool,
}

async fn accounts(
    State(engine): Asked,
    filter: Parameters<AccountParameters>,
    page: Parameters<PageParameters>,
) -> Answered<v1::Page<v1::Account>> {
    let AccountParameters {
        target,
        state,
        leaving,
    } = parameters(filter)?;
    let filter = AccountFilter {
        target: target_name(target.as_deref())?,
        state,
        is_leaving: leaving,
    };
    Ok(Json(
        engine.accounts(filter, parameters(page)?.page()).await?,
    ))
}

#[derive(Deserialize)]
struct OperationParameters {
    target: Option<String>,
    state: Option<String>,
    person: Option<String>,
}

impl OperationParameters {
    fn filter(self) -> Result<OperationFilter, Refusal> {
        Ok(OperationFilter {
            target: target_name(self.target.as_deref())?,
            state: self.state.as_deref().map(operation_state).transpose()?,
            person: self.person.as_deref().map(person_id).transpose()?,
        })
    }
}

async fn operations(
    State(engine): Asked,
    filter: Parameters<OperationParameters>,
    page: Parameters<PageParameters>,
) -> Answered<v1::Page<v1::Operation>> {
    let filter = parameters(filter)?.filter()?;
    Ok(Json(
        engine.operations(filter, parameters(page)?.page()).await?,
    ))
}

async fn retry(
    State(engine): Asked,
    Extension(peer): Extension<Peer>,
    operation: Part,
    said: Parameters<OperatorParameters>,
) -> Answered<v1::Operation> {
    let by = operator(peer, &parameters(said)?)?;
    let operation = operation_id(&part(operation)?)?;
    Ok(Json(engine.retry(operation, by).await?))
}

async fn retry_all(
    State(engine): Asked,
    Extension(peer): Extension<Peer>,
    filter: Parameters<OperationParameters>,
    said: Parameters<OperatorParameters>,
) -> Answered<v1::Retried> {
    let by = operator(peer, &parameters(said)?)?;
    let filter = parameters(filter)?.filter()?;
    Ok(Json(engine.retry_all(filter, by).await?))
}

async fn decide(
    State(engine): Asked,
    Extension(peer): Extension<Peer>,
    account: Result<Path<(String, String, String)>, PathRejection>,
    said: Parameters<OperatorParameters>,
) -> Answered<v1::Account> {
    let Path((target, person, decision)) =
        account.map_err(|rejection| unusable(rejection.body_text()))?;
    let decision = match decision.as_str() {
        "restore" => Decision::Restore,
        "leave" => Decision::Leave,
        _ => return Err(unusable("an account is restored or left as it is").into()),
    };
    let account = DriftedAccount {
        person: person_id(&person)?,
        target: TargetName::new(&target).map_err(|error| unusable(error.to_string()))?,
        decision,
    };
    let by = operator(peer, &parameters(said)?)?;
    Ok(Json(engine.decide(account, by).await?))
}

async fn believe(
    State(engine): Asked,
    Extension(peer): Extension<Peer>,
    target: Part,
    said: Parameters<OperatorParameters>,
) -> Answered<v1::Believed> {
    let target = TargetName::new(&part(target)?).map_err(|error| unusable(error.to_string()))?;
    let by = operator(peer, &parameters(said)?)?;
    Ok(Json(engine.believe(target, by).await?))
}

#[derive(Deserialize)]
struct FindingParameters {
    code: Option<String>,
    severity: Option<String>,
    #[serde(default)]
    grouped: bool,
}

async fn findings(
    State(engine): Asked,
    filter: Parameters<FindingParameters>,
    page: Parameters<PageParameters>,
) -> Answered<v1::Page<v1::Finding>> {
    let FindingParameters {
        code,
        severity,
        grouped,
    } = parameters(filter)?;
    let filter = FindingFilter {
        code,
        severity,
        is_grouped: grouped,
    };
    Ok(Json(
        engine.findings(filter, parameters(page)?.page()).await?,
    ))
}

#[derive(Deserialize)]
struct TargetParameter {
    target: Option<String>,
}

async fn why(
    State(engine): Asked,
    person: Part,
    target: Parameters<TargetParameter>,
) -> Answered<v1::Why> {
    let target = target_name(parameters(target)?.target.as_deref())?;
    Ok(Json(engine.why(person_id(&part(person)?)?, target).await?))
}

async fn decisions(
    State(engine): Asked,
    page: Parameters<PageParameters>,
) -> Answered<v1::Page<v1::HistoryEntry>> {
    Ok(Json(engine.decisions(parameters(page)?.page()).await?))
}

async fn history(
    State(engine): Asked,
    person: Part,
    page: Parameters<PageParameters>,
) -> Answered<v1::Page<v1::HistoryEntry>> {
    let person = person_id(&part(person)?)?;
    let page = parameters(page)?.page();
    Ok(Json(engine.history(person, page).await?))
}

#[derive(Deserialize)]
struct PreviewParameters {
    feed: String,
    file: String,
}

async fn preview(
    State(engine): Asked,
    query: Parameters<PreviewParameters>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| {
        unusable(rejection.body_text()).hint("the largest file is file_max under [daemon]")
    })?;
    let PreviewParameters { feed, file } = parameters(query)?;
    let feed = FeedName::new(&feed).map_err(|error| unusable(error.to_string()))?;
    let (sink, progress) = ProgressSink::channel();
    let work = async move { engine.preview(feed, file, body, sink).await };
    Ok(streamed(work, progress))
}

async fn policy_preview(
    State(engine): Asked,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| unusable(rejection.body_text()))?;
    // The plan itself tells nothing while it is made; whoever waits still hears every second that it is.
    let (sink, progress) = ProgressSink::channel();
    sink.report("planning", 0, 0);
    let work = async move { engine.policy_preview(body).await };
    Ok(streamed(work, progress))
}

async fn policy_remarks(
    State(engine): Asked,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|rejection| unusable(rejection.body_text()))?;
    let (_, progress) = ProgressSink::channel();
    let work = async move { engine.policy_remarks(body).await };
    Ok(streamed(work, progress))
}

async fn held(State(engine): Asked) -> Answered<Vec<v1::Held>> {
    Ok(Json(engine.held().await?))
}

async fn held_preview(State(engine): Asked, plan: Part) -> Answered<v1::Preview> {
    Ok(Json(engine.held_preview(digest(&part(plan)?)?).await?))
}

/// What an operator who sends an order says of themselves.
#[derive(Deserialize)]
struct OperatorParameters {
    r#as: Option<String>,
    reason: Option<String>,
}

/// The operator is what the kernel says of the other end of the socket; what they call themselves
/// is kept beside it.
fn operator(peer: Peer, said: &OperatorParameters) -> Result<Operator, Fault> {
    operator_at(peer)
        .saying(said.r#as.as_deref(), said.reason.as_deref())
        .map_err(|error| unusable(error.to_string()))
}

async fn apply(
    State(engine): Asked,
    Extension(peer): Extension<Peer>,
    plan: Part,
    said: Parameters<OperatorParameters>,
) -> Answered<v1::Applied> {
    let by = operator(peer, &parameters(said)?)?;
    Ok(Json(engine.apply(digest(&part(plan)?)?, by).await?))
}

async fn follow(State(engine): Asked, plan: Part) -> Result<Response, Refusal> {
    let plan = part(plan)?
        .parse()
        .map_err(|_| unusable("a plan that takes effect is named by its number"))?;
    let (sink, progress) = ProgressSink::channel();
    let work = async move { engine.follow(PlanId(plan), sink).await };
    Ok(streamed(work, progress))
}

async fn plugins(State(engine): Asked) -> Answered<Vec<v1::PluginRow>> {
    Ok(Json(engine.plugins().await?))
}

async fn check_ledger(State(engine): Asked) -> Response {
    let (sink, progress) = ProgressSink::channel();
    let work = async move { engine.check_ledger(sink).await };
    streamed(work, progress)
}

/// Answers with one JSON object a line while `work` goes on, and with what it came to at the end.
fn streamed<T: Serialize + Send + 'static>(
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    progress: watch::Receiver<v1::Progress>,
) -> Response {
    let state = Some((Box::pin(work), progress));
    let lines = stream::unfold(state, |state| async move {
        let (mut work, mut progress) = state?;
        let told = async {
            // Not more often than anybody can read, and soon again even where nothing moves.
            tokio::time::sleep(PROGRESS_EVERY).await;
            let rest = PROGRESS_AT_LEAST_EVERY.saturating_sub(PROGRESS_EVERY);
            match tokio::time::timeout(rest, progress.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                // The sink is gone and tells nothing any more, but the work may go on.
                Ok(Err(_)) => tokio::time::sleep(rest).await,
            }
            progress.borrow_and_update().clone()
        };
        let (line, next) = tokio::select! {
            ended = &mut work => (ended_line(ended), None),
            told = told => (line(&v1::Line::<T>::Progress(told)), Some((work, progress))),
        };
        Some((Ok::<Bytes, Infallible>(line), next))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(lines)).into_response()
}

fn ended_line<T: Serialize>(ended: Result<T, Fault>) -> Bytes {
    match ended {
        Ok(answer) => line(&v1::Line::Done(answer)),
        Err(fault) => line(&v1::Line::<T>::Failed(refusal::error(&fault))),
    }
}

fn line<T: Serialize>(line: &v1::Line<T>) -> Bytes {
    // Our own types have no map with keys that JSON cannot write.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    Bytes::from(text)
}
