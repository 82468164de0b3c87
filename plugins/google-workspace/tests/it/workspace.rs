//! [`Workspace`]: a small Google Workspace in memory, as a host.
//!
//! Every request is checked against Google's descriptions before it is answered, and every answer after. It
//! keeps state, turns pages, forgets nothing and can be told to fail: an error, a lost reply, HTML, parts that
//! do not know each other's news yet.

mod groups;
mod others;
pub(crate) mod users;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use muster_sdk::{Host, HttpFault, Instant, LogLevel, Request, Response};
use serde_json::{Map, Value, json};

use crate::checked::refusal_body;
use crate::discovery::{Asked, Discovery, parts};

/// How a request fails.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing is done, and this is answered: status, reason, text.
    Refused(u16, &'static str, &'static str),
    /// Nothing is done, and this status is answered without Google's form.
    Bare(u16),
    /// It never leaves.
    NotSent,
    /// It is done, and the reply is lost.
    LostReply,
    /// It is not done, and the reply is lost.
    LostRequest,
    /// A login page with the status 200 comes instead.
    Html,
    /// The reply ends in the middle.
    Cut,
}

/// What an answer is: a body, none, or a refusal.
pub(crate) type Answered = Result<Value, (u16, &'static str, String)>;

pub(crate) fn refused(status: u16, reason: &'static str, message: &str) -> Answered {
    Err((status, reason, message.to_owned()))
}

/// All that is there.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: Vec<Value>,
    pub(crate) bin: Vec<Value>,
    pub(crate) groups: Vec<Value>,
    /// Group, members.
    pub(crate) members: BTreeMap<String, Vec<Value>>,
    /// Product, SKU, address.
    pub(crate) seats: Vec<(String, String, String)>,
    /// How many seats of `PRODUCT/SKU` there are.
    pub(crate) purchased: BTreeMap<String, usize>,
    pub(crate) tokens: BTreeMap<String, Vec<Value>>,
    pub(crate) app_passwords: BTreeMap<String, Vec<Value>>,
    pub(crate) codes: BTreeMap<String, Vec<String>>,
    pub(crate) sessions: BTreeMap<String, u32>,
    pub(crate) transfers: Vec<Value>,
    pub(crate) roles: Vec<Value>,
    pub(crate) assignments: Vec<Value>,
    pub(crate) activities: Vec<Value>,
    pub(crate) schemas: Vec<Value>,
    /// No page is larger.
    pub(crate) page_max: Option<usize>,
    /// Users whom searches do not find and groups do not know yet.
    pub(crate) unsettled: BTreeSet<String>,
    pub(crate) faults: Vec<(&'static str, Fault)>,
    /// The request with this number fails so, whatever it is.
    pub(crate) fails_at: Option<(usize, Fault)>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) logged: Vec<String>,
    numbers: u32,
    randoms: u8,
}

impl State {
    pub(crate) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// One page of these entries, with the token of the next one.
    pub(crate) fn page(&self, asked: &Asked, entries: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let limit = asked
            .query("maxResults")
            .map_or(100, |text| text.parse().unwrap());
        let limit = self.page_max.map_or(limit, |max| max.min(limit));
        let begin: usize = asked.query("pageToken").map_or(0, |token| {
            token
                .strip_prefix("page-")
                .expect("a token of ours")
                .parse()
                .unwrap()
        });
        let total = entries.len();
        let page: Vec<Value> = entries.into_iter().skip(begin).take(limit).collect();
        let end = begin + page.len();
        (page, (end < total).then(|| format!("page-{end}")))
    }

    /// A list reply. Google leaves an empty list out.
    pub(crate) fn list(&self, asked: &Asked, kind: &str, field: &str, all: Vec<Value>) -> Value {
        let (page, next) = self.page(asked, all);
        let mut reply = json!({"kind": kind, "etag": "\"list\""});
        if !page.is_empty() {
            reply[field] = page.into();
        }
        if let Some(next) = next {
            reply["nextPageToken"] = next.into();
        }
        reply
    }
}

/// A small Google Workspace.
pub(crate) struct Workspace {
    pub(crate) state: RefCell<State>,
    discovery: Discovery,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) now: RefCell<Instant>,
}

impl Workspace {
    /// One with an administrator.
    pub(crate) fn new() -> Self {
        let workspace = Self {
            state: RefCell::default(),
            discovery: Discovery::load(),
            settings: vec![("customer".to_owned(), "my_customer".to_owned())],
            now: RefCell::new(Instant::parse("2026-11-22T08:00:00Z").unwrap()),
        };
        let admin = workspace.user("admin@example.com", "A0");
        workspace.change(|state| {
            let admin = state
                .users
                .iter_mut()
                .find(|user| user["id"] == admin.as_str())
                .unwrap();
            admin["isAdmin"] = true.into();
        });
        workspace
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Changes what is there, as somebody else would.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.borrow_mut())
    }

    /// The next request of this method fails so.
    pub(crate) fn fail(&self, method: &'static str, fault: Fault) {
        self.change(|state| state.faults.push((method, fault)));
    }

    /// The methods that were asked for since the last time, without the readings.
    pub(crate) fn writes(&self) -> Vec<String> {
        let asked = self.change(|state| std::mem::take(&mut state.asked));
        let reads = ["get", "list", "listForProductAndSku", "hasMember"];
        let is_write =
            |method: &String| !reads.contains(&method.rsplit('.').next().unwrap_or_default());
        asked
            .into_iter()
            .map(|asked| asked.method)
            .filter(is_write)
            .collect()
    }

    fn answer(&self, asked: &Asked) -> Answered {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let now = self.now.borrow().to_string();
        let answered = users::answer(state, asked, &now);
        let answered = answered.or_else(|| groups::answer(state, asked));
        let answered = answered.or_else(|| others::answer(state, asked, &now));
        answered.unwrap_or_else(|| panic!("the fake does not know {}", asked.method))
    }

    fn take_fault(&self, method: &str) -> Option<Fault> {
        self.change(|state| {
            if let Some((0, _)) = state.fails_at {
                return state.fails_at.take().map(|(_, fault)| fault);
            }
            if let Some((at, _)) = &mut state.fails_at {
                *at -= 1;
            }
            let at = state
                .faults
                .iter()
                .position(|(known, _)| *known == method)?;
            Some(state.faults.remove(at).1)
        })
    }
}

impl Host for Workspace {
    fn send(&self, request: Request) -> Result<Response, HttpFault> {
        let asked = match self.discovery.read(&request) {
            Ok(asked) => asked,
            Err(text) => panic!("Google would not understand this: {text}"),
        };
        self.change(|state| state.asked.push(asked.clone()));
        let fault = self.take_fault(&asked.method);
        match fault {
            Some(Fault::NotSent) => return Err(HttpFault::NotSent("no connection".into())),
            Some(Fault::LostRequest) => return Err(HttpFault::SentNoReply("reset".into())),
            Some(Fault::Bare(status)) => {
                return Ok(Response {
                    status,
                    ..Response::default()
                });
            }
            Some(Fault::Refused(status, reason, text)) => {
                return Ok(response(status, &refusal_body(status, reason, text)));
            }
            Some(Fault::Html) => {
                let body = b"<html>Sign in</html>".to_vec();
                return Ok(Response {
                    status: 200,
                    body,
                    ..Response::default()
                });
            }
            Some(Fault::LostReply | Fault::Cut) | None => {}
        }
        let answered = self.answer(&asked);
        if matches!(fault, Some(Fault::LostReply)) {
            return Err(HttpFault::SentNoReply("reset".into()));
        }
        let mut response = match answered {
            Ok(Value::Null) => Response {
                status: 204,
                ..Response::default()
            },
            Ok(body) => {
                let body = match asked.query("fields") {
                    Some(mask) => masked(&body, mask),
                    None => body,
                };
                if let Err(text) = self.discovery.check_reply(&asked.method, &body) {
                    panic!("Google would not answer so: {}: {text}", asked.method);
                }
                response(200, &sealed(body, &request.seal)?)
            }
            Err((status, reason, text)) => response(status, &refusal_body(status, reason, &text)),
        };
        if matches!(fault, Some(Fault::Cut)) {
            response.body.truncate(response.body.len() / 2);
        }
        Ok(response)
    }

    fn placeholder(&self, slot: &str) -> Result<String, String> {
        Ok(format!("placeholder-{slot}"))
    }

    fn sign(&self, slot: &str, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err(format!("there is no key in `{slot}`"))
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.settings.clone()
    }

    fn now(&self) -> Instant {
        self.now.borrow().clone()
    }

    fn random(&self, count: u32) -> Vec<u8> {
        self.change(|state| {
            let next = || {
                state.randoms = state.randoms.wrapping_add(7);
                state.randoms
            };
            std::iter::repeat_with(next)
                .take(usize::try_from(count).unwrap())
                .collect()
        })
    }

    fn log(&self, _: LogLevel, message: &str, fields: &[(&str, &str)]) {
        self.change(|state| state.logged.push(format!("{message} {fields:?}")));
    }

    fn scratch_get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn scratch_set(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Err("there is no scratch space here".into())
    }
}

fn response(status: u16, body: &Value) -> Response {
    Response {
        status,
        headers: vec![(
            "content-type".to_owned(),
            "application/json; charset=UTF-8".to_owned(),
        )],
        body: body.to_string().into_bytes(),
        ..Response::default()
    }
}

/// What a field mask leaves of a reply.
fn masked(value: &Value, mask: &str) -> Value {
    match value {
        Value::Array(entries) => entries.iter().map(|entry| masked(entry, mask)).collect(),
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (name, inner) in parts(mask).unwrap() {
                if let Some(value) = fields.get(&name) {
                    let value = inner.map_or(value.clone(), |inner| masked(value, &inner));
                    kept.insert(name, value);
                }
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

/// Does what the host does: secrets go, handles come.
fn sealed(mut body: Value, pointers: &[String]) -> Result<Value, HttpFault> {
    for (number, pointer) in pointers.iter().enumerate() {
        match body.pointer_mut(pointer).filter(|value| value.is_string()) {
            Some(value) => *value = format!("sealed-{number}").into(),
            None => return Err(HttpFault::SentNoReply(format!("no secret at `{pointer}`"))),
        }
    }
    Ok(body)
}
