//! One call of a plugin: a fresh instance, its limits, and what it left behind.
//!
//! Every call gets a store and an instance of its own and drops both at its end, so nothing passes
//! from one call to the next and a trap costs only the call it happened in. Memory, processor time,
//! waiting time, requests and the size of answers are all bounded.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_core::connector::{Descriptor, Function};
use muster_core::id::OperationId;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use wasmtime::component::Instance;
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::conduct::Mark;
use crate::credential::Placeholder;
use crate::engine::{self, Lane, Running};
use crate::failure::{self, LimitReached};
use crate::host::Inner;
use crate::http::client::Departures;
use crate::options::CallLimits;
use crate::plugin::Plugin;
use crate::target_context::TargetContext;
use crate::wasi::Wasi;

/// Largest number of entries that a guest's tables may have in all.
const TABLE_ENTRIES_MAX: usize = 100_000;

/// A future of one call, which borrows its store.
pub(crate) type Calling<'a, R> =
    std::pin::Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

/// To what a call belongs: what it shares scratch space with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Scope {
    /// Nothing.
    None,
    /// All attempts at this operation.
    Operation(OperationId),
    /// All pages of this listing.
    Listing(u64),
}

/// The target that a call is for, and the version of the plugin that it uses.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) context: Arc<TargetContext>,
    pub(crate) plugin: Arc<Plugin>,
}

/// A call that is about to be made.
#[derive(Clone)]
pub(crate) struct Call<'h> {
    pub(crate) host: &'h Inner,
    pub(crate) place: Place,
    pub(crate) scope: Scope,
}

/// What belongs to one call.
pub(crate) struct CallState {
    /// `None` while a plugin is asked what it is: then there is no target yet.
    pub(crate) place: Option<Place>,
    pub(crate) scope: Scope,
    pub(crate) deadline: Instant,
    /// Processor time, what the host works for the guest included.
    cpu: Duration,
    pub(crate) now: Timestamp,
    pub(crate) lane: Lane,
    /// Where heavy work of the host takes its turn, with guests that are busy.
    pub(crate) lanes: Arc<Semaphore>,
    pub(crate) placeholders: Vec<Placeholder>,
    pub(crate) requests: Requests,
    pub(crate) remarks: Remarks,
    memory: Memory,
    seed: Option<[u8; 32]>,
    random: Option<StdRng>,
    wasi: Option<Box<Wasi>>,
}

/// The requests of a call.
#[derive(Default)]
pub(crate) struct Requests {
    /// How many were asked for.
    pub(crate) count: u32,
    /// How many have begun to leave.
    pub(crate) departures: Departures,
    /// What was not permitted, the last time.
    pub(crate) denial: Option<String>,
    /// Why the credential could not be had, the last time.
    pub(crate) no_credential: Option<String>,
    /// Since when one is out, where one is.
    pub(crate) out_since: Option<Instant>,
    /// How long the longest of them was out.
    pub(crate) longest: Duration,
}

/// The part of a call's time that one request has to have been out for: then it is the app that the
/// call waited for, and else the plugin is what took the time.
const KEPT_PART: u32 = 8;

impl Requests {
    /// Whether it was the app that a call of this length waited for.
    fn kept(&self, time: Duration) -> bool {
        let out = self.out_since.map(|since| since.elapsed());
        self.longest.max(out.unwrap_or_default()) >= time / KEPT_PART
    }

    /// Whether a request has left, or may have.
    pub(crate) fn has_left(&self) -> bool {
        self.departures.count() > 0
    }
}

/// What a guest has said to the log.
#[derive(Default)]
pub(crate) struct Remarks {
    pub(crate) count: u32,
    /// The last error: of a guest that then stops, it is the only word on why.
    pub(crate) last_error: Option<String>,
}

struct Memory {
    used: usize,
    limit: usize,
    entries: usize,
}

impl CallState {
    fn new(host: &Inner, place: Option<Place>, scope: Scope, limits: &CallLimits) -> Self {
        Self {
            place,
            scope,
            deadline: Instant::now() + limits.time,
            cpu: limits.cpu,
            now: (host.clock)(),
            lane: Lane::default(),
            lanes: Arc::clone(&host.engine.lanes),
            placeholders: Vec::new(),
            requests: Requests::default(),
            remarks: Remarks::default(),
            memory: Memory {
                used: 0,
                limit: limits.memory_bytes,
                entries: 0,
            },
            seed: None,
            random: None,
            wasi: None,
        }
    }

    /// A state for measurements.
    pub(crate) fn bare(host: &Inner) -> Self {
        Self::new(host, None, Scope::None, &CallLimits::default())
    }

    /// The seed of everything random in this call.
    fn seed(&mut self) -> wasmtime::Result<[u8; 32]> {
        if let Some(seed) = self.seed {
            return Ok(seed);
        }
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_| wasmtime::Error::msg("the machine has no random numbers"))?;
        self.seed = Some(seed);
        Ok(seed)
    }

    /// Random bytes, fit for keys.
    pub(crate) fn random(&mut self, count: usize) -> wasmtime::Result<Vec<u8>> {
        let seed = self.seed()?;
        let mut bytes = vec![0; count];
        self.random
            .get_or_insert_with(|| StdRng::from_seed(seed))
            .fill_bytes(&mut bytes);
        Ok(bytes)
    }

    /// Works for the guest, on its account. A guest that has used up its processor time is ended.
    pub(crate) fn work<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<T> {
        self.may_work()?;
        let since = std::time::Instant::now();
        let done = work(self);
        self.lane.count_work(since);
        done
    }

    /// Ends a guest whose processor time was used up by what the host did for it.
    pub(crate) fn may_work(&self) -> wasmtime::Result<()> {
        if self.lane.work() > self.cpu {
            return Err(LimitReached::Processor(self.cpu).into());
        }
        Ok(())
    }

    /// What is left of the call's time.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

impl ResourceLimiter for CallState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked = self
            .memory
            .used
            .saturating_add(desired.saturating_sub(current));
        if asked > self.memory.limit {
            return Err(LimitReached::Memory {
                asked: asked >> 20,
                limit: self.memory.limit,
            }
            .into());
        }
        self.memory.used = asked;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked = self
            .memory
            .entries
            .saturating_add(desired.saturating_sub(current));
        if asked > TABLE_ENTRIES_MAX {
            return Err(LimitReached::Table {
                asked,
                limit: TABLE_ENTRIES_MAX,
            }
            .into());
        }
        self.memory.entries = asked;
        Ok(true)
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        // Without random numbers the guest gets a fixed seed here; `context.random` reports it.
        let seed = self.seed().unwrap_or_default();
        let now = self.now;
        self.wasi
            .get_or_insert_with(|| Box::new(Wasi::new(now, seed)))
            .view()
    }
}

/// What a call returned, with what has to be known to judge it.
pub(crate) struct Called<R> {
    pub(crate) result: Result<R, Ended>,
    pub(crate) requests: Requests,
    pub(crate) by: By,
}

/// Why a call ended without an answer.
pub(crate) enum Ended {
    /// The plugin failed.
    Failed(String),
    /// Its time was up while it waited for the app, or for its turn.
    Kept(String),
}

impl Ended {
    fn into_text(self) -> String {
        match self {
            Ended::Failed(text) | Ended::Kept(text) => text,
        }
    }
}

/// Which function of which version was called.
pub(crate) struct By {
    plugin: Arc<Plugin>,
    function: Function,
}

impl By {
    /// Notes how the call went.
    pub(crate) fn note(&self, mark: Mark<'_>) {
        self.plugin.note(self.function, mark);
    }
}

impl<T> Called<T> {
    /// The same call with what it returned in other words.
    pub(crate) fn map<U>(self, words: impl FnOnce(T) -> U) -> Called<U> {
        Called {
            result: self.result.map(words),
            requests: self.requests,
            by: self.by,
        }
    }
}

impl Call<'_> {
    /// What the plugin that is called says of itself.
    pub(crate) fn descriptor(&self) -> &Descriptor {
        self.place.plugin.descriptor()
    }

    /// Makes the call: `ask` calls the function in a fresh instance.
    pub(crate) async fn run<R: Send>(
        self,
        function: Function,
        ask: impl for<'a> FnOnce(Instance, &'a mut Store<CallState>) -> Calling<'a, R> + Send,
    ) -> Called<R> {
        let Self { host, place, scope } = self;
        let limits = place.context.limits;
        let plugin = Arc::clone(&place.plugin);
        let by = By {
            plugin: Arc::clone(&plugin),
            function,
        };
        let state = CallState::new(host, Some(place), scope, &limits);
        let (result, requests) = match Fresh::new(host, state, limits).await {
            Ok(mut fresh) => {
                let store = &mut fresh.store;
                let answer = tokio::time::timeout_at(fresh.deadline, async {
                    let pre = plugin.linked.instance_pre();
                    let instance = pre.instantiate_async(&mut *store).await?;
                    ask(instance, store).await
                });
                let answer = answer.await;
                fresh.end(answer)
            }
            Err((ended, requests)) => (Err(ended), requests),
        };
        Called {
            result,
            requests,
            by,
        }
    }
}

/// Asks a plugin what it is. There is no target, and so nothing that it can reach.
pub(crate) async fn without_target<R: Send>(
    host: &Inner,
    limits: &CallLimits,
    ask: impl for<'a> FnOnce(&'a mut Store<CallState>) -> Calling<'a, R> + Send,
) -> Result<R, String> {
    let state = CallState::new(host, None, Scope::None, limits);
    let mut fresh = match Fresh::new(host, state, *limits).await {
        Ok(fresh) => fresh,
        Err((ended, _)) => return Err(ended.into_text()),
    };
    let answer = tokio::time::timeout_at(fresh.deadline, ask(&mut fresh.store)).await;
    fresh.end(answer).0.map_err(Ended::into_text)
}

/// The store of one call, with its place among the calls that run.
struct Fresh {
    store: Store<CallState>,
    deadline: Instant,
    limits: CallLimits,
    lane: Lane,
    _room: OwnedSemaphorePermit,
    _running: Running,
}

impl Fresh {
    /// Waits for a place and makes the store. Without a place in time, that is how the call went.
    async fn new(
        host: &Inner,
        state: CallState,
        limits: CallLimits,
    ) -> Result<Self, (Ended, Requests)> {
        let deadline = state.deadline;
        let room = Arc::clone(&host.engine.instances).acquire_owned();
        let Ok(Ok(room)) = tokio::time::timeout_at(deadline, room).await else {
            let text = LimitReached::Room(limits.time).to_string();
            return Err((Ended::Kept(text), state.requests));
        };
        let running = Running::new(&host.engine.running);
        let lane = state.lane.clone();
        let mut store = Store::new(&host.engine.wasmtime, state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.handover_bytes());
        engine::give_way(&mut store, &host.engine, limits.cpu, &lane);
        Ok(Self {
            store,
            deadline,
            limits,
            lane,
            _room: room,
            _running: running,
        })
    }

    /// Says how the call went.
    fn end<R>(self, answer: Result<wasmtime::Result<R>, Elapsed>) -> (Result<R, Ended>, Requests) {
        self.lane.leave();
        let limits = self.limits;
        let state = self.store.into_data();
        let text = match answer {
            Ok(Ok(answer)) => return (Ok(answer), state.requests),
            Ok(Err(error)) => failure::sentence(&error, limits.handover_bytes()),
            Err(_) if state.requests.kept(limits.time) => {
                let ended = Ended::Kept(LimitReached::Kept(limits.time).to_string());
                return (Err(ended), state.requests);
            }
            Err(_) => LimitReached::Time(limits.time).to_string(),
        };
        let text = match &state.remarks.last_error {
            Some(words) => failure::cut(&format!("{text}; its last words: {words}")),
            None => text,
        };
        (Err(Ended::Failed(text)), state.requests)
    }
}
