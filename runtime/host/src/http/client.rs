//! One request for one reply, and the truth about whether the request left.
//!
//! Connections are kept per target, for less time than usual servers keep theirs: a request on a
//! connection that the server has just closed would have to count as "sent, no reply". Redirects
//! are never followed. Bodies are read up to a limit.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use muster_core::coded::chain;
use muster_core::permission::{PrivateAccess, Proxy};

use super::connect::{CheckedConnector, ConnectError};
use super::encoded::{self, Undecoded};
use super::trust::{self, Trust};
use crate::failure::cut;

/// How long an unused connection is kept. Common servers close theirs after 5 seconds.
const IDLE: Duration = Duration::from_secs(4);

/// Unused connections that are kept to one server.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// The HTTP client of one target.
#[derive(Clone, Debug)]
pub(crate) struct Client(legacy::Client<HttpsConnector<CheckedConnector>, Watched>);

/// How many requests have begun to leave. Shared with whoever has to know it even if the exchange
/// is cut off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Departures(Arc<AtomicU32>);

impl Departures {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Notes that one has begun to leave.
    pub(crate) fn note(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A body that notes when it is first touched: the connection looks at it when it begins to write
/// the request, and not before there is a connection.
#[derive(Debug)]
struct Watched {
    body: Full<Bytes>,
    departures: Departures,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.departures.note();
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A reply with its whole body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The name leads to an address inside that is not granted.
    Private { host: String, text: String },
    /// The server's certificate is not trusted; `is_unknown` where trusting it would help. Not sent.
    Certificate { text: String, is_unknown: bool },
    /// It did not reach the server.
    NotSent(String),
    /// It left, in whole or part, and no whole reply came.
    SentNoReply(String),
    /// The reply is larger than the limit.
    TooLarge(String),
}

/// What a request may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) time: Duration,
    pub(crate) reply_bytes: usize,
}

impl Client {
    pub(crate) fn new(
        access: Arc<PrivateAccess>,
        trust: Trust,
        proxy: Option<Proxy>,
    ) -> Result<Self, rustls::Error> {
        let connector = CheckedConnector::new(access, proxy);
        let connector = HttpsConnector::from((connector, trust.tls()?));
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends a request and reads the whole reply.
    pub(crate) async fn exchange(
        &self,
        request: Request<Bytes>,
        allowed: Allowance,
        departures: &Departures,
    ) -> Result<Reply, Fault> {
        let deadline = tokio::time::Instant::now() + allowed.time;
        let before = departures.count();
        let has_left = || departures.count() != before;
        let request = request.map(|body| Watched {
            body: Full::new(body),
            departures: departures.clone(),
        });
        let late = |what: &str| format!("{what} within {} ms", allowed.time.as_millis());
        let response = match tokio::time::timeout_at(deadline, self.0.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(fault(&error, has_left())),
            Err(_) if has_left() => return Err(Fault::SentNoReply(late("no reply came"))),
            Err(_) => return Err(Fault::NotSent(late("there was no connection"))),
        };
        let (mut head, body) = response.into_parts();
        let too_large = || {
            Fault::TooLarge(format!(
                "the reply is larger than {} KiB (NET-005)",
                allowed.reply_bytes >> 10
            ))
        };
        let reading = Limited::new(body, allowed.reply_bytes).collect();
        let body = match tokio::time::timeout_at(deadline, reading).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(error)) => {
                return Err(Fault::SentNoReply(format!(
                    "the reply broke off: {}",
                    said(&*error)
                )));
            }
            Err(_) => return Err(Fault::SentNoReply(late("the reply was not whole"))),
        };
        let body = encoded::decode(&mut head.headers, body, allowed.reply_bytes).await;
        let body = body.map_err(|undecoded| match undecoded {
            Undecoded::TooLarge => too_large(),
            Undecoded::Unreadable(text) => Fault::SentNoReply(format!(
                "the reply cannot be decoded: {text}; switch compression off at the app, or at a proxy before it (NET-020)"
            )),
        })?;
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// What an error of the client means. What never had a connection has not been sent.
fn fault(error: &legacy::Error, has_left: bool) -> Fault {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(ConnectError::Private { host, .. }) = inner.downcast_ref::<ConnectError>() {
            return Fault::Private {
                host: host.clone(),
                text: inner.to_string(),
            };
        }
        if let Some(rustls::Error::InvalidCertificate(error)) = tls_error(inner) {
            let (text, is_unknown) = trust::explained(error);
            return Fault::Certificate { text, is_unknown };
        }
        cause = inner.source();
    }
    if error.is_connect() || !has_left {
        return Fault::NotSent(said(error.source().unwrap_or(error)));
    }
    Fault::SentNoReply(format!(
        "the connection failed: {}",
        said(error.source().unwrap_or(error))
    ))
}

/// The error of TLS, however often it is wrapped as one of a connection.
fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    error.downcast_ref().or_else(|| {
        let wrapped = error.downcast_ref::<std::io::Error>()?.get_ref()?;
        tls_error(wrapped)
    })
}

/// An error with its causes in one line, no longer than a guest's own words may be.
fn said(error: &dyn StdError) -> String {
    cut(&chain(error))
}
