//! Durable operations a second to an app that answers at once, against what the same HTTP client does
//! to the same app without Muster.
//!
//! Ours is the whole path of the daemon: claim with a durable intent, a fresh sandbox, the request that makes the
//! account, the judgement, a fresh sandbox and the request that reads the account back, a durable outcome. The rate
//! is taken at the app, from the first change that comes in to the last: with so many calls out at once, each change
//! but the first few had to wait for an outcome and an intent that are durable. The peer sends the same requests, the
//! one that makes and the one that reads back, with the HTTP client that a target has, and nothing of Muster around
//! it, as many at once, from a runtime of its own: before ours and after it, because a file is read and planned in
//! between.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use muster_host::PrivateAccess;
use muster_host::measure::BareClient;
use muster_tests::company::{self, Company};
use muster_tests::daemon::Daemon;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::Scale;
use crate::export::Order;
use crate::figure::{Better, Figure};
use crate::place::{FEED, Waiting, pause};
use crate::rounds::{Rounds, median};

const PEOPLE: u32 = 10_000;
/// Many, because the other users of a machine come and go within seconds.
const ROUNDS: u32 = 9;
const LIMIT: Duration = Duration::from_mins(10);

/// Calls that are out at once, four times what a target is given by default. An app on the loopback answers
/// faster than more of them could be begun: with 64, the most that can be configured, they only wait for each
/// other in the processor's caches.
pub(crate) const AT_ONCE: usize = 16;

/// As many joiners as come in a round go without asking.
pub(crate) const GUARD: &str = "\n[feed.hr.guard]\njoiners_floor = 1000000\n";

/// About what `steady` sends for an account.
const BODY: &[u8] = br#"{"attributes":{"department":"Finance","display-name":"Given1 Family-1, of Finance","email":"p1@corp.example","user-name":"p1@corp.example"},"state":"active"}"#;

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let people = scale.of(PEOPLE);
    let app = App::start()?;
    let company = Company::configured(
        &format!("{FEED}{GUARD}{}", target(app.address)),
        company::EVERYBODY,
    );
    company.install("steady", &muster_tests::plugin("test/steady-v1"));
    let daemon = Daemon::start(&company);
    let (mut rounds, mut processor) = (Rounds::default(), Processor::default());
    for round in 1..=ROUNDS {
        let before = bare(app.address, people)?;
        app.seen.reset(people);
        let file = Waiting::write(
            &company,
            &format!("day-{round}.csv"),
            people * round,
            Order(0),
        )?;
        file.drop_and_wait(LIMIT)?;
        let ours = processor.during(people, daemon.id(), || app.seen.wait())? / people;
        daemon.wait_until_idle();
        let after = bare(app.address, people)?;
        rounds.add(ours, (before + after) / (2 * people));
    }
    anyhow::ensure!(daemon.stop(), "the daemon did not stop well");
    let rate = |time: Duration| 1.0 / time.as_secs_f64();
    let detail = format!(
        "{:.0} operations/s with intent, proof and outcome durable ({:.0} us of processor time each in the daemon, {:.0} us in the app), {:.0}/s of the client alone; {AT_ONCE} at once, {people} in each of {} rounds",
        rate(rounds.ours()),
        median(processor.daemon),
        median(processor.app),
        rate(rounds.peer()),
        rounds.count()
    );
    Ok(vec![Figure {
        name: "operations_durable",
        ratio: 1.0 / rounds.ratio(),
        bound: 0.2,
        better: Better::Higher,
        detail,
    }])
}

/// What an operation took of the processors, in microseconds, round by round.
#[derive(Default)]
struct Processor {
    daemon: Vec<f64>,
    app: Vec<f64>,
}

impl Processor {
    /// Notes what is used while `work` runs, which `people` operations come from.
    fn during<T>(&mut self, people: u32, daemon: u32, work: impl FnOnce() -> T) -> T {
        let used = || (processor_time(daemon), processor_time(std::process::id()));
        let before = used();
        let made = work();
        let after = used();
        let each = |before: Duration, after: Duration| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(people)
        };
        self.daemon.push(each(before.0, after.0));
        self.app.push(each(before.1, after.1));
        made
    }
}

/// What a process has used of the processors, in steps of 10 ms; zero if it cannot be read.
fn processor_time(process: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in brackets may have spaces in it; user and system time are the 12th and 13th after it.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    Duration::from_millis(
        10 * ticks
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum::<u64>(),
    )
}

/// The app that answers at once, with four attributes of each account.
pub(crate) fn target(address: SocketAddr) -> String {
    let lines = format!(
        r#"
[target.app.limits]
concurrency = {AT_ONCE}

[target.app.account.attributes]
user-name = "email"
email = "email"
display-name = "first_name + ' ' + last_name"
department = "department"
"#
    );
    company::steady("app", address, &lines)
}

/// The app: it answers every change at once and counts. Each account is made by one change, and read back.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    _runtime: Runtime,
}

/// The changes that came in, and when.
pub(crate) struct Seen {
    began: Instant,
    wanted: AtomicU32,
    count: AtomicU32,
    first_ns: AtomicU64,
    last_ns: AtomicU64,
    /// The accounts whose state was changed: few in any measurement.
    stated: Mutex<BTreeSet<String>>,
}

impl Seen {
    /// Whether the state of this account was changed.
    pub(crate) fn has_stated(&self, key: &str) -> bool {
        let stated = self.stated.lock();
        stated.unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// Waits for so many changes from now on.
    pub(crate) fn reset(&self, wanted: u32) {
        self.wanted.store(wanted, Ordering::SeqCst);
        self.count.store(0, Ordering::SeqCst);
        self.last_ns.store(0, Ordering::SeqCst);
    }

    fn note(&self) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count == 1 {
            self.first_ns.store(now, Ordering::SeqCst);
        }
        if count == self.wanted.load(Ordering::SeqCst) {
            self.last_ns.store(now, Ordering::SeqCst);
        }
    }

    /// From the first change to the last one that is wanted.
    pub(crate) fn wait(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let last = self.last_ns.load(Ordering::SeqCst);
            if last > 0 {
                let first = self.first_ns.load(Ordering::SeqCst);
                return Ok(Duration::from_nanos(last.saturating_sub(first)));
            }
            let count = self.count.load(Ordering::SeqCst);
            anyhow::ensure!(began.elapsed() < LIMIT, "only {count} changes came in");
            pause(Duration::from_millis(5));
        }
    }
}

impl App {
    /// Starts it on a free port.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen {
            began: Instant::now(),
            wanted: AtomicU32::new(0),
            count: AtomicU32::new(0),
            first_ns: AtomicU64::new(0),
            last_ns: AtomicU64::new(0),
            stated: Mutex::default(),
        });
        runtime.spawn(accept(listener, Arc::clone(&seen)));
        Ok(Self {
            address,
            seen,
            _runtime: runtime,
        })
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        let service = hyper::service::service_fn(move |request| answer(Arc::clone(&seen), request));
        tokio::spawn(async move {
            // Small answers would otherwise wait for the client's acknowledgements.
            let is_prompt = stream.set_nodelay(true).is_ok();
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            // A client that goes away ends its connection as it likes.
            drop((is_prompt, served));
        });
    }
}

async fn answer(
    seen: Arc<Seen>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_change = request.method() == Method::PUT;
    let path = request.uri().path().to_owned();
    // A body that breaks off comes from a client that is gone.
    drop(request.into_body().collect().await);
    if is_change {
        seen.note();
        let account = path.strip_prefix("/accounts/");
        if let Some(key) = account.and_then(|account| account.strip_suffix("/state")) {
            let stated = seen.stated.lock();
            let mut stated = stated.unwrap_or_else(PoisonError::into_inner);
            stated.insert(key.to_owned());
        }
    }
    let body = match path.strip_prefix("/accounts/") {
        Some(key) if !is_change => {
            let account = serde_json::json!({"key": key, "state": "active"});
            Bytes::from(account.to_string())
        }
        None if path == "/accounts" => Bytes::from_static(br#"{"accounts":[],"total":0}"#),
        _ => Bytes::new(),
    };
    Ok(Response::new(Full::new(body)))
}

/// The same requests from the client alone, as many at once: for each person the one that makes the account, and the
/// one that reads it back.
fn bare(address: SocketAddr, people: u32) -> anyhow::Result<Duration> {
    let runtime = runtime()?;
    let left = Arc::new(AtomicU32::new(people));
    let began = Instant::now();
    runtime.block_on(async {
        let client = BareClient::new(PrivateAccess::only(vec!["127.0.0.1".parse()?]))?;
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            callers.spawn(caller(client.clone(), address, Arc::clone(&left)));
        }
        while let Some(ended) = callers.join_next().await {
            ended.context("a caller died")??;
        }
        anyhow::Ok(began.elapsed())
    })
}

async fn caller(
    client: BareClient,
    address: SocketAddr,
    left: Arc<AtomicU32>,
) -> anyhow::Result<()> {
    let next = || {
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
    };
    while let Ok(number) = next() {
        let account = format!("http://{address}/accounts/E{number:07}");
        let makes = Request::builder()
            .method(Method::PUT)
            .uri(&account)
            .header("content-type", "application/json")
            .header("idempotency-key", format!("op-{number}"))
            .body(Bytes::from_static(BODY))?;
        let reads = Request::builder().uri(&account).body(Bytes::new())?;
        for request in [makes, reads] {
            let sent = client.send(request).await;
            sent.map_err(|text| anyhow::anyhow!("a request of the client alone: {text}"))?;
        }
    }
    Ok(())
}
