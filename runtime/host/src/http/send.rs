//! A plugin's request on its way out: checked, given its credential, paced, sent, and its reply
//! cleaned of secrets on the way in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use memchr::memmem::Finder;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use super::client::{Allowance, Client, Departures, Fault, Reply};
use super::substitute::{self, Writing};
use super::wire::Wire;
use crate::credential::{self, Applied, NoCredential, Placeholder, Secret};
use crate::engine::Lane;
use crate::plugin::Plugin;
use crate::target_context::TargetContext;

/// Longest address of a request, in bytes.
const URL_BYTES_MAX: usize = 8 << 10;

/// Most headers of a request, and most bytes in all of them.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Largest reply that is searched for secrets where it came in, in bytes.
const SEARCHED_AT_ONCE: usize = 64 << 10;

/// Methods that a plugin may use.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// Headers that are the host's. What decides in which form a reply comes is among them: a secret that an
/// app echoes is not found in half of a reply, or in one that is encoded.
const FORBIDDEN_HEADERS: [&str; 20] = [
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "forwarded",
    "accept-encoding",
    "accept-charset",
    "content-encoding",
    "range",
    "if-range",
    "request-range",
    "a-im",
    "via",
];

/// What the host calls itself.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("muster/", env!("CARGO_PKG_VERSION")));

/// A request as a plugin asks for it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) credential: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) seal: Vec<String>,
}

/// A reply as a plugin sees it.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why a plugin gets no reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not permitted; not sent.
    Denied(String),
    /// It did not reach the app.
    NotSent(String),
    /// The credential was refused by its token server; not sent.
    NoCredential(String),
    /// It left, and no whole reply came.
    SentNoReply(String),
    /// The reply is too large.
    TooLarge(String),
    /// No budget was left; not sent.
    BudgetSpent(String),
}

/// What a call passes to its requests.
pub(crate) struct Sender<'a> {
    pub(crate) context: &'a Arc<TargetContext>,
    /// On whose account the work for a request goes.
    pub(crate) lane: &'a Lane,
    /// Where heavy work takes its turn.
    pub(crate) lanes: &'a Arc<Semaphore>,
    pub(crate) plugin: &'a Plugin,
    pub(crate) placeholders: &'a [Placeholder],
    /// What is left of the call's time.
    pub(crate) remaining: Duration,
    /// Random text for the handles of sealed secrets.
    pub(crate) handles: Vec<String>,
    pub(crate) departures: &'a Departures,
}

/// A request that is permitted and complete but for its credential.
pub(crate) struct Ready {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// The call's placeholders that stood in it.
    pub(super) used: Vec<usize>,
    /// Passwords in it that the host made up.
    generated: Vec<Secret>,
}

impl Sender<'_> {
    /// Sends a plugin's request.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Incoming, Refusal> {
        let since = std::time::Instant::now();
        let ready = self.prepare(&outgoing);
        self.lane.count_work(since);
        let ready = ready?;
        match &self.context.wire {
            Wire::Live(client) => self.live(client, &outgoing, &ready).await,
            Wire::Recorder(client, recorder) => {
                let answered = self.live(client, &outgoing, &ready).await;
                self.tape(recorder, &outgoing, answered)
            }
            Wire::Player(player) => self.play(player, &outgoing, &ready).await,
        }
    }

    /// Sends a request over the network.
    async fn live(
        &self,
        client: &Client,
        outgoing: &Outgoing,
        ready: &Ready,
    ) -> Result<Incoming, Refusal> {
        let limits = &self.context.limits;
        let time = outgoing
            .timeout
            .unwrap_or(limits.request_time)
            .min(limits.request_time)
            .min(self.remaining);
        let started = Instant::now();
        self.remember(ready).await?;
        self.pace(outgoing.bucket.as_deref()).await?;
        let left = || {
            time.max(Duration::from_millis(1))
                .saturating_sub(started.elapsed() / 2)
        };
        let mut headers = ready.headers.clone();
        let applied = match &outgoing.credential {
            None => None,
            Some(slot) => Some(self.apply(slot, &mut headers, ready).await?),
        };
        let mut reply = self.exchange(client, ready, headers, left()).await?;
        // A 401 says that nothing was done, so the request can go again with a fresh token.
        if let (StatusCode::UNAUTHORIZED, Some(applied), Some(slot)) =
            (reply.status, &applied, &outgoing.credential)
        {
            let mut headers = ready.headers.clone();
            if let Some(renewed) =
                credential::renew(self.context, slot, &mut headers, applied).await
            {
                renewed.map_err(|why| self.no_credential(slot, why))?;
                reply = self.exchange(client, ready, headers, left()).await?;
            }
        }
        self.incoming(reply, &outgoing.seal, &ready.used).await
    }

    /// Remembers the made-up passwords in a request, before it leaves.
    async fn remember(&self, ready: &Ready) -> Result<(), Refusal> {
        for password in &ready.generated {
            let (remembered, password) = (Arc::clone(&self.context.remembered), password.clone());
            let kept = tokio::task::spawn_blocking(move || remembered.remember(password.expose()));
            let kept = kept
                .await
                .unwrap_or_else(|error| Err(std::io::Error::other(error)));
            kept.map_err(|error| {
                Refusal::NotSent(format!(
                    "a made-up password could not be remembered: {error} (PLG-040)"
                ))
            })?;
        }
        Ok(())
    }

    async fn exchange(
        &self,
        client: &Client,
        ready: &Ready,
        headers: HeaderMap,
        time: Duration,
    ) -> Result<Reply, Refusal> {
        let mut request = Request::new(ready.body.clone());
        *request.method_mut() = ready.method.clone();
        *request.uri_mut() = ready.url.as_str().parse().map_err(|_| {
            Refusal::Denied("the address of the request cannot be read (NET-003)".to_owned())
        })?;
        *request.headers_mut() = headers;
        let allowed = Allowance {
            time,
            reply_bytes: self.context.limits.reply_bytes,
        };
        let forms: Vec<Finder<'static>> = self
            .placeholders
            .iter()
            .flat_map(|placeholder| placeholder.forms.iter().cloned())
            .collect();
        let redact = |text| self.context.redactor.text(text, &forms);
        client
            .exchange(request, allowed, self.departures)
            .await
            .map_err(|fault| match fault {
                Fault::Private { host, text } => {
                    Refusal::Denied(self.context.denied_private(&host, &text))
                }
                Fault::Certificate { text, is_unknown } => {
                    Refusal::NotSent(self.context.untrusted(&text, is_unknown))
                }
                Fault::NotSent(text) => Refusal::NotSent(redact(text)),
                Fault::SentNoReply(text) => Refusal::SentNoReply(redact(text)),
                Fault::TooLarge(text) => Refusal::TooLarge(text),
            })
    }

    fn prepare(&self, outgoing: &Outgoing) -> Result<Ready, Refusal> {
        let denied = |text: String| Refusal::Denied(format!("{text} (NET-003)"));
        let method = METHODS
            .into_iter()
            .find(|method| method.as_str() == outgoing.method)
            .ok_or_else(|| {
                denied(format!(
                    "`{}` is no method that a plugin may use",
                    short(&outgoing.method)
                ))
            })?;
        if outgoing.url.len() > URL_BYTES_MAX {
            return Err(denied(
                "the address of the request is longer than 8 KiB".to_owned(),
            ));
        }
        let mut url = Url::parse(&outgoing.url).map_err(|error| {
            denied(format!(
                "the address of the request cannot be read: {error}"
            ))
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(denied(
                "a user name in an address is not permitted: use a credential".to_owned(),
            ));
        }
        url.set_fragment(None);
        if !self.context.grants(&url) {
            return Err(Refusal::Denied(self.context.denied_host(&url)));
        }
        let mut headers = Self::headers(outgoing)?;
        let body = outgoing.body.clone().unwrap_or_default();
        if body.len() > self.context.limits.request_bytes {
            let text = format!(
                "the body is larger than {} KiB (NET-005)",
                self.context.limits.request_bytes >> 10
            );
            return Err(Refusal::Denied(text));
        }
        let used: Vec<usize> = (0..self.placeholders.len())
            .filter(|index| self.is_used(*index, outgoing))
            .collect();
        let generated = used
            .iter()
            .filter_map(|index| self.placeholders.get(*index))
            .filter(|placeholder| placeholder.is_generated)
            .map(|placeholder| placeholder.value.clone())
            .collect();
        let body = self.put_secrets_in(&url, &mut headers, body)?;
        headers.entry(USER_AGENT).or_insert(AGENT);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Ok(Ready {
            method,
            url,
            headers,
            body: Bytes::from(body),
            used,
            generated,
        })
    }

    /// Whether a placeholder of the call stands in a request.
    fn is_used(&self, index: usize, outgoing: &Outgoing) -> bool {
        let headers = outgoing.headers.iter().map(|(_, value)| value.as_bytes());
        let places = headers.chain(outgoing.body.as_deref());
        let word = self
            .placeholders
            .get(index)
            .map(|placeholder| placeholder.word.as_bytes());
        word.is_some_and(|word| {
            places
                .into_iter()
                .any(|place| memchr::memmem::find(place, word).is_some())
        })
    }

    fn headers(outgoing: &Outgoing) -> Result<HeaderMap, Refusal> {
        let denied = |text: String| Refusal::Denied(format!("{text} (NET-003)"));
        let size: usize = outgoing
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if outgoing.headers.len() > HEADERS_MAX || size > HEADER_BYTES_MAX {
            return Err(denied(
                "there are more than 100 headers, or more than 32 KiB of them".to_owned(),
            ));
        }
        let mut headers = HeaderMap::with_capacity(outgoing.headers.len() + 2);
        for (name, value) in &outgoing.headers {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| denied(format!("`{}` is no header name", short(name))))?;
            if FORBIDDEN_HEADERS.contains(&name.as_str()) {
                return Err(denied(format!("the header `{name}` is the host's")));
            }
            let value = HeaderValue::try_from(value.as_str())
                .map_err(|_| denied(format!("the value of the header `{name}` cannot be sent")))?;
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// Replaces placeholders in headers and body, if the secrets may go to this server.
    fn put_secrets_in(
        &self,
        url: &Url,
        headers: &mut HeaderMap,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Refusal> {
        if self.placeholders.is_empty() {
            return Ok(body);
        }
        for value in headers.values_mut() {
            let used = substitute::used(value.as_bytes(), self.placeholders);
            if used.is_empty() {
                continue;
            }
            self.check_secrets_go(url, &used)?;
            let bytes = value.as_bytes().to_vec();
            let bytes = substitute::put_in(bytes, &used, Writing::Plain, HEADER_BYTES_MAX);
            let bytes = bytes.ok_or_else(|| Self::too_large("a header", HEADER_BYTES_MAX))?;
            let mut secret = HeaderValue::from_bytes(&bytes).map_err(|_| {
                Refusal::Denied(
                    "a secret cannot stand in a header: is there a line break in it? (NET-004)"
                        .to_owned(),
                )
            })?;
            secret.set_sensitive(true);
            *value = secret;
        }
        let used = substitute::used(&body, self.placeholders);
        if used.is_empty() {
            return Ok(body);
        }
        self.check_secrets_go(url, &used)?;
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let bytes_max = self.context.limits.request_bytes;
        substitute::put_in(body, &used, Writing::of(content_type), bytes_max)
            .ok_or_else(|| Self::too_large("the body", bytes_max))
    }

    /// The refusal of what would be too large with the secrets in it.
    fn too_large(what: &str, bytes_max: usize) -> Refusal {
        Refusal::Denied(format!(
            "{what} would be larger than {} KiB with the secrets in it (NET-005)",
            bytes_max >> 10
        ))
    }

    fn check_secrets_go(&self, url: &Url, used: &[&Placeholder]) -> Result<(), Refusal> {
        for placeholder in used {
            if !self.context.credential_goes_to(&placeholder.slot, url) {
                return Err(Refusal::Denied(
                    self.denied_elsewhere(&placeholder.slot, url),
                ));
            }
        }
        Ok(())
    }

    fn denied_elsewhere(&self, slot: &str, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        self.context
            .denied_slot(slot, &format!("the secret in `{slot}` is not for {host}"))
    }

    /// Waits until every budget that the request counts for lets it go.
    async fn pace(&self, bucket: Option<&str>) -> Result<(), Refusal> {
        // Half of what is left of the call: the request and what follows it need time, too.
        let wait_max = self.remaining / 2;
        let rates = &self.context.rates;
        let mut wait = Duration::ZERO;
        for (name, per_minute) in self.context.budgets(self.plugin, bucket) {
            let now = Instant::now();
            if let Some(pause) = rates.paused(&name, now) {
                if pause > wait_max {
                    let text = format!(
                        "the app asked to be left alone for {} s more (NET-006)",
                        pause.as_secs()
                    );
                    return Err(Refusal::BudgetSpent(text));
                }
                wait = wait.max(pause);
            }
            let Some(per_minute) = per_minute else {
                continue;
            };
            let Some(turn) = rates.take(&name, per_minute, wait_max, now) else {
                let text = format!(
                    "the budget of {per_minute} requests a minute is used up for now (NET-006)"
                );
                return Err(Refusal::BudgetSpent(text));
            };
            wait = wait.max(turn);
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn apply(
        &self,
        slot: &str,
        headers: &mut HeaderMap,
        ready: &Ready,
    ) -> Result<Applied, Refusal> {
        let is_known = self.context.credentials.contains_key(slot);
        if is_known && !self.context.credential_goes_to(slot, &ready.url) {
            return Err(Refusal::Denied(self.denied_elsewhere(slot, &ready.url)));
        }
        let before = headers.clone();
        let applied = credential::apply(self.context, slot, headers)
            .await
            .map_err(|why| self.no_credential(slot, why))?;
        if before.contains_key(&applied.header) {
            return Err(Refusal::Denied(format!(
                "the header `{}` is the credential's; the plugin must not set it (NET-003)",
                applied.header
            )));
        }
        Ok(applied)
    }

    fn no_credential(&self, slot: &str, why: NoCredential) -> Refusal {
        match why {
            NoCredential::Refused(text) => Refusal::NoCredential(format!("{text} (NET-008)")),
            NoCredential::Unreachable(text) => Refusal::NotSent(text),
            NoCredential::Private { host, text } => {
                Refusal::Denied(self.context.denied_private(&host, &text))
            }
            NoCredential::NotGranted(text) => Refusal::Denied(text),
            NoCredential::Denied(text) => {
                Refusal::Denied(self.context.denied_slot(&short(slot), &text))
            }
        }
    }

    /// A reply as the plugin sees it. Of the call's own secrets, those that were used in it can come back.
    pub(super) async fn incoming(
        &self,
        reply: Reply,
        seal: &[String],
        used: &[usize],
    ) -> Result<Incoming, Refusal> {
        let forms: Vec<Finder<'static>> = used
            .iter()
            .filter_map(|index| self.placeholders.get(*index))
            .flat_map(|placeholder| placeholder.forms.iter().cloned())
            .collect();
        let since = std::time::Instant::now();
        let body = self.sealed(reply.status, reply.body.into(), seal)?;
        self.lane.count_work(since);
        let body = self.searched(body, &forms).await;
        let context = self.context;
        let redacted = |bytes: Vec<u8>| {
            let bytes = context.redactor.bytes(bytes, &forms);
            context.remembered.take_out(bytes)
        };
        let headers = reply
            .headers
            .iter()
            .map(|(name, value)| {
                let value = redacted(value.as_bytes().to_vec());
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(&value).into_owned(),
                )
            })
            .collect();
        Ok(Incoming {
            status: reply.status.as_u16(),
            headers,
            body,
        })
    }

    /// A body without secrets. A large one is searched apart from the threads that serve everything else,
    /// and in its turn with guests that are busy.
    async fn searched(&self, body: Vec<u8>, forms: &[Finder<'static>]) -> Vec<u8> {
        let search = |context: &TargetContext, forms: &[Finder<'static>], body: Vec<u8>| {
            let bytes = context.redactor.bytes(body, forms);
            context.remembered.take_out(bytes)
        };
        if body.len() <= SEARCHED_AT_ONCE {
            let since = std::time::Instant::now();
            let body = search(self.context, forms, body);
            self.lane.count_work(since);
            return body;
        }
        let turn = Arc::clone(self.lanes).acquire_owned().await;
        let (context, forms, lane) = (Arc::clone(self.context), forms.to_vec(), self.lane.clone());
        let searching = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let since = std::time::Instant::now();
            let body = search(&context, &forms, body);
            lane.count_work(since);
            body
        });
        // What was not searched is not shown.
        searching.await.unwrap_or_default()
    }

    /// Takes secrets that the app has issued out of its reply.
    fn sealed(
        &self,
        status: StatusCode,
        body: Vec<u8>,
        seal: &[String],
    ) -> Result<Vec<u8>, Refusal> {
        if seal.is_empty() {
            return Ok(body);
        }
        let missing = |text: String| {
            if status.is_success() {
                Err(Refusal::SentNoReply(text))
            } else {
                Ok(())
            }
        };
        let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&body) else {
            missing("the reply is no JSON, and a secret was to be taken out of it".to_owned())?;
            return Ok(body);
        };
        for (pointer, handle) in seal.iter().zip(&self.handles) {
            match json.pointer_mut(pointer) {
                Some(serde_json::Value::String(text)) => {
                    let secret = std::mem::replace(text, handle.clone());
                    self.context.redactor.learn_sealed(&secret);
                    self.context
                        .sealed
                        .keep(handle.clone(), Secret::new(secret));
                }
                _ => missing(format!(
                    "the reply has no text at `{}` to seal",
                    short(pointer)
                ))?,
            }
        }
        Ok(json.to_string().into_bytes())
    }
}

fn short(text: &str) -> String {
    crate::failure::cut_to(text, 100)
}
