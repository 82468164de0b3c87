//! A small SCIM 2.0 service for the demo and the tests.
//!
//! It keeps users and groups in memory and follows RFC 7643 and 7644 strictly: unknown attributes,
//! booleans in quotes and filters by attributes that do not exist are refused. Beside SCIM it has a
//! few routes for tests and people, told apart by an underscore: `/_state`, `/_log`, `/_faults`,
//! `/_rules`, `/_sessions`, and at `/` a page that says who has what. README.md describes them.

mod admin;
mod discovery;
mod error;
mod faults;
mod filter;
mod listing;
mod matching;
mod page;
mod patch;
mod record;
mod resource;
mod rules;
mod schema;
mod scim;
mod server;
mod store;
mod view;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

pub use crate::error::ScimError;
pub use crate::faults::{Answer, Fault};
pub use crate::rules::Rules;
pub use crate::server::serve;

use crate::faults::Faults;
use crate::listing::Paging;
use crate::record::Requests;
use crate::store::Store;

/// How the service behaves; fixed at its start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bearer token that every SCIM request must carry; none asked for if there is none.
    pub token: Option<String>,
    /// The path that SCIM lives below, without a slash at the end.
    pub base_path: String,
    /// Resources on a page of a listing, at most.
    pub page_max: usize,
    /// Whether the cursors of RFC 9865 are offered beside `startIndex`.
    pub has_cursors: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: None,
            base_path: "/scim/v2".to_owned(),
            page_max: 200,
            has_cursors: false,
        }
    }
}

/// The service: its options and everything it keeps.
#[derive(Debug)]
pub struct Service {
    options: Options,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    store: Store,
    faults: Faults,
    requests: Requests,
    past: Past,
}

/// What the store was before each write, for as long as reads may be behind.
#[derive(Debug, Default)]
struct Past {
    before: VecDeque<(Timestamp, Store)>,
}

/// Writes whose past is kept.
const PAST_MAX: usize = 200;

impl State {
    /// Answers a SCIM request: a read from what there was a while ago, where the rules say so.
    fn answer(&mut self, request: &scim::Request<'_>, paging: Paging) -> scim::Answer {
        let lag_ms = i64::try_from(self.store.rules.read_lag_ms).unwrap_or(i64::MAX);
        if lag_ms == 0 {
            self.past.before.clear();
            return scim::answer(&mut self.store, request, paging);
        }
        let since = request.now.as_millisecond().saturating_sub(lag_ms);
        self.past
            .before
            .retain(|(at, _)| at.as_millisecond() > since);
        if request.method == "GET" {
            let seen = self.past.before.front_mut().map(|(_, store)| store);
            return scim::answer(seen.unwrap_or(&mut self.store), request, paging);
        }
        let before = self.store.clone();
        let answer = scim::answer(&mut self.store, request, paging);
        if self.past.before.len() < PAST_MAX {
            self.past.before.push_back((request.now, before));
        }
        answer
    }
}

impl Service {
    /// A service without users.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            state: Mutex::default(),
        }
    }

    /// Its options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Adds the users and groups of a seed: `{"users": [...], "groups": [{"displayName": "...",
    /// "members": ["user name", ...]}]}`, where a user is written as SCIM does.
    ///
    /// # Errors
    ///
    /// What SCIM would refuse is refused here with the same words.
    pub fn seed(&self, seed: &Value) -> Result<(), ScimError> {
        admin::seed(&mut self.state().store, seed, Timestamp::now())
    }

    /// Everything the service keeps, as `GET /_state` answers it.
    pub fn snapshot(&self) -> Value {
        admin::snapshot(&self.state().store)
    }

    /// Adds a fault, as `POST /_faults` does; false if too many wait already.
    pub fn add_fault(&self, fault: Fault) -> bool {
        self.state().faults.add(fault)
    }

    /// Sets the rules, as `PUT /_rules` does.
    pub fn set_rules(&self, rules: Rules) {
        self.state().store.rules = rules;
    }

    /// Asks an admin route, such as `GET /_log`, without HTTP; a text answer is a JSON string.
    pub fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        match admin::answer(&mut self.state(), method, path, &body) {
            admin::Answer::Json(_, value) => value,
            admin::Answer::Text(text) => Value::String(text),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a bug that its own request reports; the rest goes on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paging(&self) -> Paging {
        Paging {
            page_max: self.options.page_max,
            has_cursors: self.options.has_cursors,
        }
    }
}
