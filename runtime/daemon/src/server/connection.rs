//! The connections of one door: how many there may be, how long each may take, and who goes when the
//! door is full.
//!
//! A connection on which nothing moves costs its owner nothing and everybody else a place. So no place is
//! waited for: who comes to a full door takes that of a connection on which nothing has moved for longest,
//! of the address that has the most of them. Whoever reads no answers, or keeps a connection for ever, is
//! cut off after a time. Every wait here ends when the daemon stops.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use crate::answers::operator::Peer;

/// Longest time for the head of a request to arrive, and between two requests on one connection.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Longest time that open answers may take when the daemon stops.
const GRACE: Duration = Duration::from_secs(10);

/// A connection on which nothing has moved for this long gives up its place to a new one.
const IDLE_MIN: Duration = Duration::from_secs(1);

/// What a door allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at once.
    pub(super) connections_max: usize,
    /// Of one address.
    pub(super) of_one_peer_max: usize,
    /// Longest time in which nothing of an answer is taken.
    pub(super) answer_stall_max: Duration,
    /// Longest time that a connection may go on; none: for ever. What is being answered then gets as long
    /// again to be answered.
    pub(super) time_max: Option<Duration>,
    /// Memory for what was read and not understood yet, in bytes.
    pub(super) buffer_bytes: usize,
}

/// Who asks. Handlers find it among the extensions of a request.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// The address; none on the unix socket.
    pub(super) peer: Option<IpAddr>,
    standing: Arc<Standing>,
}

impl Visitor {
    /// Keeps the connection in its place as long as the returned value lives: it waits for us.
    pub(super) fn keep(&self) -> Kept {
        self.standing.kept.fetch_add(1, Ordering::AcqRel);
        Kept(Arc::clone(&self.standing))
    }
}

/// A connection that must not make room for another.
#[derive(Debug)]
pub(super) struct Kept(Arc<Standing>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.kept.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How a connection stands.
#[derive(Debug)]
struct Standing {
    since: Instant,
    /// When something last moved, in milliseconds after `since`.
    moved_at_ms: AtomicU64,
    /// How many ask for it to be kept.
    kept: AtomicUsize,
    /// Wake-up: the connection has to make room.
    leave: Notify,
}

impl Standing {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            moved_at_ms: AtomicU64::new(0),
            kept: AtomicUsize::new(0),
            leave: Notify::new(),
        }
    }

    fn moved(&self) {
        let at = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_at_ms.store(at, Ordering::Relaxed);
    }

    /// How long nothing has moved; `None` if the connection has to be kept.
    fn idle(&self) -> Option<Duration> {
        let is_kept = self.kept.load(Ordering::Acquire) > 0;
        let moved_at = Duration::from_millis(self.moved_at_ms.load(Ordering::Relaxed));
        (!is_kept).then(|| self.since.elapsed().saturating_sub(moved_at))
    }
}

/// The places of a door.
#[derive(Clone, Debug, Default)]
struct Places(Arc<Mutex<Taken>>);

/// The connections by their numbers, each with its address.
type Taken = BTreeMap<u64, (Option<IpAddr>, Arc<Standing>)>;

impl Places {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection of this address, taken from another where the door is full. `None`
    /// if nobody can be asked to go.
    fn take(&self, number: u64, peer: Option<IpAddr>, limits: &Limits) -> Option<Place> {
        let mut places = self.lock();
        let mut by_peer: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
        for (of, _) in places.values() {
            *by_peer.entry(*of).or_default() += 1;
        }
        let of_peer = by_peer.get(&peer).copied().unwrap_or(0);
        let most = by_peer.into_iter().max_by_key(|(_, count)| *count);
        let from = if of_peer >= limits.of_one_peer_max {
            Some(peer)
        } else if places.len() >= limits.connections_max {
            most.map(|(peer, _)| peer)
        } else {
            None
        };
        if let Some(from) = from {
            let idle = places.iter().filter(|(_, (of, _))| *of == from);
            let idle = idle.filter_map(|(number, (_, standing))| Some((*number, standing.idle()?)));
            let (victim, _) = idle
                .filter(|(_, idle)| *idle >= IDLE_MIN)
                .max_by_key(|(_, idle)| *idle)?;
            if let Some((_, standing)) = places.remove(&victim) {
                standing.leave.notify_one();
            }
        }
        let standing = Arc::new(Standing::new());
        places.insert(number, (peer, Arc::clone(&standing)));
        Some(Place {
            places: self.clone(),
            number,
            standing,
        })
    }
}

/// A place that is given back with this value.
struct Place {
    places: Places,
    number: u64,
    standing: Arc<Standing>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(&self.number);
    }
}

/// The connections of one door.
pub(super) struct Connections {
    tasks: JoinSet<()>,
    places: Places,
    next: u64,
    limits: Limits,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            tasks: JoinSet::new(),
            places: Places::default(),
            next: 0,
            limits,
        }
    }

    /// Serves a connection, or hangs up where there is no place for it. `router` returns what answers a
    /// request at the moment when it comes.
    pub(super) fn take<S>(
        &mut self,
        stream: S,
        peer: (Option<IpAddr>, Peer),
        router: impl Fn() -> Router + Send + 'static,
        stop: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        while self.tasks.try_join_next().is_some() {}
        self.next += 1;
        let Some(place) = self.places.take(self.next, peer.0, &self.limits) else {
            tracing::debug!("a connection was not taken: the door is full");
            return;
        };
        let limits = self.limits;
        self.tasks.spawn(async move {
            let visitor = Visitor {
                peer: peer.0,
                standing: Arc::clone(&place.standing),
            };
            serve(stream, (visitor, peer.1), router, &limits, stop).await;
            drop(place);
        });
    }

    /// Waits for what is being answered, and hangs up on what is left.
    pub(super) async fn drain(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!("connections were still open when the daemon stopped");
        }
    }
}

async fn serve<S>(
    stream: S,
    (visitor, peer): (Visitor, Peer),
    router: impl Fn() -> Router + Send + 'static,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let standing = Arc::clone(&visitor.standing);
    let watched = Watched {
        stream,
        standing: Arc::clone(&standing),
        stall_max: limits.answer_stall_max,
        stalled: None,
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visitor.clone());
        request.extensions_mut().insert(peer);
        TowerToHyperService::new(router()).call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(limits.buffer_bytes)
        .serve_connection(TokioIo::new(watched), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = standing.leave.notified() => return,
        () = after(limits.time_max) => None,
        () = stopped(&mut stop) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = standing.leave.notified() => return,
            // At a stop, whoever waits for all connections has a limit of its own.
            () = after(limits.time_max) => return,
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Waits until the daemon is told to stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means that the daemon is, too.
    drop(stop.wait_for(|stop| *stop).await);
}

/// A stream that notes when something moves, and fails where nobody takes what is written to it.
struct Watched<S> {
    stream: S,
    standing: Arc<Standing>,
    stall_max: Duration,
    /// When it fails, while nothing is taken.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    fn wrote<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        ctx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            self.standing.moved();
            return polled;
        }
        let stall_max = self.stall_max;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_max)));
        match stalled.as_mut().poll(ctx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nobody reads the answer",
            ))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(ctx, buffer);
        if buffer.filled().len() > before {
            self.standing.moved();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(ctx, bytes);
        self.wrote(polled, ctx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(ctx, slices);
        self.wrote(polled, ctx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(ctx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(ctx)
    }
}
