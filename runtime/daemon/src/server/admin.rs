//! The door on the unix socket: what the command line asks, and where it is answered. Who can open the socket is the
//! daemon's own user or root, so nothing is asked for but the question.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::answers::{
    Answers, accounts, apply, believe, decide, decisions, drift, findings, held, history, join,
    ledger, operations, people, person, plans, plugins, preview, refusal, remarks, retry,
    standings, status, what_if, why,
};

/// The routes of the admin door.
pub fn router(answers: Answers, file_bytes_max: usize) -> Router {
    Router::new()
        .route("/v1/status", get(status::answer))
        .route("/v1/people", get(people::answer))
        .route("/v1/people/{person}", get(person::answer))
        .route(
            "/v1/people/{person}/{verb}",
            get(decide::look).post(decide::answer),
        )
        .route("/v1/openings", get(standings::openings))
        .route("/v1/blocks", get(standings::blocks))
        .route("/v1/adoptions", get(standings::adoptions))
        .route(
            "/v1/people/{person}/merge",
            get(join::look_at_merge).post(join::do_merge),
        )
        .route(
            "/v1/records/{record}/split",
            get(join::look_at_split).post(join::do_split),
        )
        .route(
            "/v1/records/{record}/link",
            get(join::look_at_link).post(join::do_link),
        )
        .route("/v1/keys/{key}", get(person::with_key))
        .route("/v1/accounts", get(accounts::answer))
        .route(
            "/v1/accounts/{target}/{person}/{decision}",
            post(drift::answer),
        )
        .route("/v1/targets/{target}/believe", post(believe::answer))
        .route("/v1/operations", get(operations::answer))
        .route("/v1/operations/retry", post(retry::all))
        .route("/v1/operations/{operation}/retry", post(retry::one))
        .route("/v1/findings", get(findings::answer))
        .route("/v1/why/{person}", get(why::answer))
        .route("/v1/what-if/{person}", get(what_if::answer))
        .route("/v1/history", get(decisions::answer))
        .route("/v1/history/{person}", get(history::answer))
        .route("/v1/preview", post(preview::file::answer))
        .route("/v1/preview/policy", post(preview::policy::answer))
        .route("/v1/remarks/policy", post(remarks::answer))
        .layer(DefaultBodyLimit::max(file_bytes_max))
        .route("/v1/held", get(held::answer))
        .route("/v1/held/{digest}", get(preview::held::answer))
        .route("/v1/held/{digest}/apply", post(apply::answer))
        .route("/v1/plans/{plan}/follow", get(plans::follow))
        .route("/v1/plugins", get(plugins::answer))
        .route("/v1/ledger/check", get(ledger::answer))
        .fallback(refusal::no_route)
        .method_not_allowed_fallback(refusal::no_method)
        .with_state(answers)
}
