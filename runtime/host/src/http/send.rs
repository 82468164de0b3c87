//! A plugin's request on its way out: checked, given its credential, paced, sent, and its reply
//! cleaned of secrets on the way in.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::client::{Allowance, Departures, Fault, Reply};
use super::substitute::{self, Writing};
use crate::credential::{self, Applied, NoCredential, Placeholder, Secret};
use crate::plugin::Plugin;
use crate::site::Site;

/// Longest address of a request, in bytes.
const URL_BYTES_MAX: usize = 8 << 10;

/// Most headers of a request, and most bytes in all of them.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Methods that a plugin may use.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// Headers that are the host's.
const FORBIDDEN_HEADERS: [&str; 12] = [
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

/// What a call gives to its requests.
pub(crate) struct Sender<'a> {
    pub(crate) site: &'a Site,
    pub(crate) plugin: &'a Plugin,
    pub(crate) placeholders: &'a [Placeholder],
    /// What is left of the call's time.
    pub(crate) remaining: Duration,
    /// Random text for the handles of sealed secrets.
    pub(crate) handles: Vec<String>,
    pub(crate) departures: &'a Departures,
}

/// A request that is permitted and complete but for its credential.
struct Ready {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Sender<'_> {
    /// Sends a plugin's request.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Incoming, Refusal> {
        let ready = self.prepare(&outgoing)?;
        let limits = &self.site.limits;
        let time = outgoing
            .timeout
            .unwrap_or(limits.request_time)
            .min(limits.request_time)
            .min(self.remaining);
        let started = Instant::now();
        self.pace(outgoing.bucket.as_deref()).await?;
        let left = || {
            time.max(Duration::from_millis(1))
                .saturating_sub(started.elapsed() / 2)
        };
        let mut headers = ready.headers.clone();
        let applied = match &outgoing.credential {
            None => None,
            Some(slot) => Some(self.apply(slot, &mut headers, &ready).await?),
        };
        let mut reply = self.exchange(&ready, headers, left()).await?;
        // A 401 says that nothing was done, so the request can go again with a fresh token.
        if let (StatusCode::UNAUTHORIZED, Some(applied), Some(slot)) =
            (reply.status, &applied, &outgoing.credential)
        {
            let mut headers = ready.headers.clone();
            if let Some(renewed) = credential::renew(self.site, slot, &mut headers, applied).await {
                renewed.map_err(|why| self.no_credential(slot, why))?;
                reply = self.exchange(&ready, headers, left()).await?;
            }
        }
        self.incoming(reply, &outgoing.seal)
    }

    async fn exchange(
        &self,
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
            reply_bytes: self.site.limits.reply_bytes,
        };
        let redact = |text| self.site.redactor.text(text, self.placeholders);
        self.site
            .client
            .exchange(request, allowed, self.departures)
            .await
            .map_err(|fault| match fault {
                Fault::Private { host, text } => {
                    Refusal::Denied(self.site.denied_private(&host, &text))
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
        if !self.site.grants(&url) {
            return Err(Refusal::Denied(self.site.denied_host(&url)));
        }
        let mut headers = Self::headers(outgoing)?;
        let body = outgoing.body.clone().unwrap_or_default();
        if body.len() > self.site.limits.request_bytes {
            let text = format!(
                "the body is larger than {} KiB (NET-005)",
                self.site.limits.request_bytes >> 10
            );
            return Err(Refusal::Denied(text));
        }
        let body = self.put_secrets_in(&url, &mut headers, body)?;
        headers.entry(USER_AGENT).or_insert(AGENT);
        Ok(Ready {
            method,
            url,
            headers,
            body: Bytes::from(body),
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
            let bytes = substitute::put_in(value.as_bytes().to_vec(), &used, Writing::Plain);
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
        Ok(substitute::put_in(body, &used, Writing::of(content_type)))
    }

    fn check_secrets_go(&self, url: &Url, used: &[&Placeholder]) -> Result<(), Refusal> {
        for placeholder in used {
            if !self.site.credential_goes_to(&placeholder.slot, url) {
                return Err(Refusal::Denied(
                    self.denied_elsewhere(&placeholder.slot, url),
                ));
            }
        }
        Ok(())
    }

    fn denied_elsewhere(&self, slot: &str, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        self.site
            .denied_slot(slot, &format!("the secret in `{slot}` is not for {host}"))
    }

    /// Waits until every budget that the request counts for lets it go.
    async fn pace(&self, bucket: Option<&str>) -> Result<(), Refusal> {
        // Half of what is left of the call: the request and what follows it need time, too.
        let wait_max = self.remaining / 2;
        let rates = &self.site.rates;
        let mut wait = Duration::ZERO;
        for (name, per_minute) in self.site.budgets(self.plugin, bucket) {
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
        let is_known = self.site.credentials.contains_key(slot);
        if is_known && !self.site.credential_goes_to(slot, &ready.url) {
            return Err(Refusal::Denied(self.denied_elsewhere(slot, &ready.url)));
        }
        let before = headers.clone();
        let applied = credential::apply(self.site, slot, headers)
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
                Refusal::Denied(self.site.denied_private(&host, &text))
            }
            NoCredential::Denied(text) => {
                Refusal::Denied(self.site.denied_slot(&short(slot), &text))
            }
        }
    }

    fn incoming(&self, reply: Reply, seal: &[String]) -> Result<Incoming, Refusal> {
        let redactor = &self.site.redactor;
        let body = self.sealed(reply.status, reply.body.into(), seal)?;
        let headers = reply
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (
                    name.as_str().to_owned(),
                    redactor.text(value, self.placeholders),
                )
            })
            .collect();
        Ok(Incoming {
            status: reply.status.as_u16(),
            headers,
            body: redactor.bytes(body, self.placeholders),
        })
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
                    self.site.redactor.learn_sealed(&secret);
                    self.site.sealed.keep(handle.clone(), Secret::new(secret));
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
