//! [`FakeHost`]: the host for a connector's own tests, which run with plain `cargo test`.
//!
//! A test says which answers the app gives, calls the connector, and looks at what was asked. A request that
//! no answer was prepared for, and an answer that nobody asked for, fail the test with a sentence.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use crate::host::{Host, HttpFault, LogLevel, Request, Response};
use crate::limits::{PAGES_MAX, SCRATCH_BYTES_MAX};
use crate::page::{Page, PageRequest};
use crate::problem::Result;
use crate::time::Instant;

/// The time of every call to a [`FakeHost`] that was told no other.
const NOW: &str = "2026-11-22T08:00:00Z";

/// A prepared answer of the app.
#[derive(Debug, Clone)]
pub struct Answer(core::result::Result<Response, HttpFault>);

impl Answer {
    /// JSON: `serde_json::json!` or text.
    #[expect(clippy::needless_pass_by_value, reason = "literals and values alike")]
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// A body of another type.
    pub fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self(Ok(Response {
            status,
            headers,
            body: body.into(),
            extra: Vec::new(),
        }))
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self(Ok(Response {
            status,
            ..Response::default()
        }))
    }

    /// No reply.
    pub fn fault(fault: HttpFault) -> Self {
        Self(Err(fault))
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Ok(response) = &mut self.0 {
            response
                .headers
                .push((name.to_ascii_lowercase(), value.into()));
        }
        self
    }
}

/// A line that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// The fields.
    pub fields: Vec<(String, String)>,
}

type Signer = Box<dyn Fn(&str, &[u8]) -> Vec<u8>>;

/// A host whose app answers what the test says.
///
/// ```
/// use muster_sdk::{Answer, Api, FakeHost};
///
/// let host = FakeHost::new()
///     .setting("url", "https://acme.example")
///     .on("GET", "/me", Answer::json(200, r#"{"name": "muster"}"#));
/// Api::at("https://acme.example").get("/me").send(&host).unwrap();
/// assert_eq!(host.requests()[0].path(), "/me");
/// ```
#[derive(Default)]
pub struct FakeHost {
    settings: BTreeMap<String, String>,
    secrets: Vec<String>,
    signers: BTreeMap<String, Signer>,
    now: Option<Instant>,
    script: RefCell<Script>,
}

#[derive(Default)]
struct Script {
    in_order: VecDeque<Answer>,
    by_path: Vec<(String, String, Answer)>,
    requests: Vec<Request>,
    logs: Vec<LogLine>,
    scratch: BTreeMap<String, Vec<u8>>,
    randoms: u8,
}

impl FakeHost {
    /// A host without settings, secrets or answers, at 08:00 on 22 November 2026.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this setting.
    #[must_use]
    pub fn setting(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings.insert(key.to_owned(), value.into());
        self
    }

    /// With a secret in this slot, for [`Host::placeholder`], which returns `placeholder-SLOT`.
    #[must_use]
    pub fn secret(mut self, slot: &str) -> Self {
        self.secrets.push(slot.to_owned());
        self
    }

    /// With a key in this slot, for [`Host::sign`]: algorithm and data in, signature out.
    #[must_use]
    pub fn signer(mut self, slot: &str, sign: impl Fn(&str, &[u8]) -> Vec<u8> + 'static) -> Self {
        self.signers.insert(slot.to_owned(), Box::new(sign));
        self
    }

    /// At this time.
    #[must_use]
    pub fn at(mut self, now: Instant) -> Self {
        self.now = Some(now);
        self
    }

    /// The next request that no [`on`](Self::on) answers gets this answer.
    #[must_use]
    pub fn answer(self, answer: Answer) -> Self {
        self.script.borrow_mut().in_order.push_back(answer);
        self
    }

    /// A request with this method and path gets this answer, once. A path with `?` is compared with its query,
    /// one without is not. Of several for the same path, the first comes first.
    #[must_use]
    pub fn on(self, method: &str, path: &str, answer: Answer) -> Self {
        self.script
            .borrow_mut()
            .by_path
            .push((method.to_owned(), path.to_owned(), answer));
        self
    }

    /// What was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.script.borrow().requests.clone()
    }

    /// Method, path and query of what was asked, in order: `GET /users?page=2`.
    pub fn asked(&self) -> Vec<String> {
        let script = self.script.borrow();
        script
            .requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.path()))
            .collect()
    }

    /// What was logged, in order.
    pub fn logs(&self) -> Vec<LogLine> {
        self.script.borrow().logs.clone()
    }
}

impl Script {
    fn answer_to(&mut self, request: &Request) -> Option<Answer> {
        let path = request.path();
        let bare = path.split_once('?').map_or(path, |(bare, _)| bare);
        let fits = |method: &str, known: &str| {
            method == request.method && known == if known.contains('?') { path } else { bare }
        };
        match self
            .by_path
            .iter()
            .position(|(method, known, _)| fits(method, known))
        {
            Some(at) => Some(self.by_path.remove(at).2),
            None => self.in_order.pop_front(),
        }
    }

    /// What is left over, in words.
    fn left_over(&self) -> Vec<String> {
        let by_path = self
            .by_path
            .iter()
            .map(|(method, path, _)| format!("{method} {path}"));
        by_path
            .chain(
                self.in_order
                    .iter()
                    .map(|_| "an answer in order".to_owned()),
            )
            .collect()
    }
}

impl Host for FakeHost {
    #[expect(
        clippy::panic,
        reason = "the fake host is for tests: a panic is how a test fails"
    )]
    fn send(&self, request: Request) -> core::result::Result<Response, HttpFault> {
        let answer = self.script.borrow_mut().answer_to(&request);
        let asked = format!("{} {}", request.method, request.path());
        let seal = request.seal.clone();
        self.script.borrow_mut().requests.push(request);
        let Some(Answer(answer)) = answer else {
            let left_over = self.script.borrow().left_over().join(", ");
            panic!("no answer is prepared for `{asked}`; prepared and not used: [{left_over}]");
        };
        answer.and_then(|response| sealed(response, &seal))
    }

    fn placeholder(&self, slot: &str) -> core::result::Result<String, String> {
        if self.secrets.iter().any(|known| known == slot) {
            Ok(format!("placeholder-{slot}"))
        } else {
            Err(format!("there is no secret slot `{slot}`"))
        }
    }

    fn sign(
        &self,
        slot: &str,
        algorithm: &str,
        data: &[u8],
    ) -> core::result::Result<Vec<u8>, String> {
        let signer = self.signers.get(slot);
        signer
            .map(|sign| sign(algorithm, data))
            .ok_or_else(|| format!("there is no key in `{slot}`"))
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.settings.clone().into_iter().collect()
    }

    fn now(&self) -> Instant {
        let default = || Instant::parse(NOW).unwrap_or_else(|| Instant::from_unix_seconds(0));
        self.now.clone().unwrap_or_else(default)
    }

    /// Bytes that count up: the same in every run.
    fn random(&self, count: u32) -> Vec<u8> {
        let mut script = self.script.borrow_mut();
        let bytes = (0..count.min(4096)).map(|_| {
            script.randoms = script.randoms.wrapping_add(1);
            script.randoms
        });
        bytes.collect()
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, &str)]) {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let line = LogLine {
            level,
            message: message.to_owned(),
            fields: fields.collect(),
        };
        self.script.borrow_mut().logs.push(line);
    }

    fn scratch_get(&self, key: &str) -> Option<Vec<u8>> {
        self.script.borrow().scratch.get(key).cloned()
    }

    fn scratch_set(&self, key: &str, value: &[u8]) -> core::result::Result<(), String> {
        let scratch = &mut self.script.borrow_mut().scratch;
        let others = scratch.iter().filter(|(known, _)| *known != key);
        if others.map(|(_, value)| value.len()).sum::<usize>() + value.len() > SCRATCH_BYTES_MAX {
            return Err("the scratch space is full".to_owned());
        }
        scratch.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

impl Drop for FakeHost {
    /// Fails the test if an answer was prepared that nobody asked for.
    fn drop(&mut self) {
        let left_over = self.script.borrow().left_over().join(", ");
        let nothing_left = left_over.is_empty() || std::thread::panicking();
        assert!(
            nothing_left,
            "answers were prepared that nobody asked for: [{left_over}]"
        );
    }
}

/// Does what the host does with `Request::seal`: the secret goes, a handle comes in its place.
fn sealed(
    mut response: Response,
    pointers: &[String],
) -> core::result::Result<Response, HttpFault> {
    if pointers.is_empty() || !(200..300).contains(&response.status) {
        return Ok(response);
    }
    let mut body: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    for (number, pointer) in pointers.iter().enumerate() {
        match body.pointer_mut(pointer).filter(|value| value.is_string()) {
            Some(value) => *value = format!("sealed-{number}").into(),
            None => return Err(HttpFault::SentNoReply(format!("no secret at `{pointer}`"))),
        }
    }
    response.body = body.to_string().into_bytes();
    Ok(response)
}

/// What a whole listing gave: see [`all_pages`].
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    /// The items of all pages.
    pub items: Vec<T>,
    /// Every page was whole and the last one said that it was the last.
    pub whole: bool,
}

/// Turns the pages of a listing as the host does, for tests.
///
/// # Errors
///
/// The first problem of a page.
///
/// # Panics
///
/// If the listing comes back to a cursor where it has been, or does not end in 10,000 pages.
#[expect(clippy::panic, reason = "for tests: a panic is how a test fails")]
pub fn all_pages<T>(
    limit: u32,
    mut page: impl FnMut(&PageRequest) -> Result<Page<T>>,
) -> Result<Listing<T>> {
    let mut listing = Listing {
        items: Vec::new(),
        whole: true,
    };
    let mut cursors: Vec<String> = Vec::new();
    let mut request = PageRequest::first(limit);
    loop {
        let page = page(&request)?;
        listing.whole &= page.is_whole();
        let next = page.next().map(str::to_owned);
        let last = page.is_last();
        listing.items.extend(page.into_items());
        match next {
            Some(next) if cursors.contains(&next) || cursors.len() == PAGES_MAX => {
                panic!("the listing does not end: it came to the cursor `{next}` again")
            }
            Some(next) => {
                cursors.push(next.clone());
                request = PageRequest::from_cursor(limit, next);
            }
            None => {
                listing.whole &= last;
                return Ok(listing);
            }
        }
    }
}
